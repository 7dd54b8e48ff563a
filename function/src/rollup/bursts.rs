//! Bursts: in which minutes busy addresses sent how many requests. [`crate::detect::flood`] judges it.

use serde::Serialize;

use super::{Data, Map, Name, Part, Request, Undecodable, take_least};
use crate::detect::flood::Visits;

/// Of more busy addresses than this, only those that may have flooded the site, and those that
/// came most often, are kept.
const OF_AN_HOUR: usize = 20_000;
const OF_LONGER: usize = 1000;
/// Fewer requests than this in an hour are no part of a burst, and as usual as none.
const FEW: u64 = 10;

/// The busy addresses of some span of time.
#[derive(Debug, Default, Serialize)]
pub struct Bursts {
    pub by_address: Map<Visits>,
}

impl Bursts {
    fn keep(&mut self, most: usize) {
        take_least(&mut self.by_address, most, |visits| {
            (visits.may_be_a_flood(), visits.requests)
        });
    }
}

impl Part for Bursts {
    const NUMBER: u8 = 4;

    fn add(&mut self, request: &Request<'_>) {
        let minute = request.minute();
        if let Some(visits) = self.by_address.get_mut(request.ip_address) {
            visits.add(minute, 1);
        } else {
            let mut visits = Visits::default();
            visits.add(minute, 1);
            let name = Name::new(request.ip_address);
            self.by_address.insert(name, visits);
        }
    }

    fn read(&mut self, mut data: Data<'_>) -> Result<(), Undecodable> {
        data.join(&mut self.by_address, |known, visits| known.merge(&visits))
    }

    fn prune(&mut self) {
        self.by_address.retain(|_, visits| visits.requests >= FEW);
        self.keep(OF_AN_HOUR);
    }

    fn compact(&mut self, _hours: u16) {
        for visits in self.by_address.values_mut() {
            visits.compact();
        }
        self.by_address.retain(|_, visits| visits.is_busy());
        self.keep(OF_LONGER);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::encode;
    use super::*;

    fn visit(bursts: &mut Bursts, ip_address: &str, minute: i64, times: u32) {
        for _ in 0..times {
            bursts.add(&Request {
                second: minute * 60,
                ip_address,
                ..Request::PLAIN
            });
        }
    }

    #[test]
    fn only_what_is_busy_is_kept() {
        let mut hour = Bursts::default();
        visit(&mut hour, "192.0.2.1", 1, 9);
        visit(&mut hour, "192.0.2.2", 1, 10);
        for minute in 0..60 {
            visit(
                &mut hour,
                "192.0.2.3",
                minute,
                if minute == 7 { 25 } else { 2 },
            );
        }
        hour.prune();
        let mut day = Bursts::default();
        day.read(Data::new(&encode(&hour).unwrap())).unwrap();
        assert!(!day.by_address.contains_key("192.0.2.1"), "too few");
        let whole = &day.by_address["192.0.2.3"];
        assert_eq!((whole.requests, whole.minutes.len()), (143, 60));
        day.compact(6);
        assert!(!day.by_address.contains_key("192.0.2.2"), "never busy");
        let busy = &day.by_address["192.0.2.3"];
        assert_eq!((busy.minutes.all(), busy.quiet), (&[(7, 25)][..], 59));
    }

    #[test]
    fn a_burst_outranks_those_who_come_all_day() {
        let mut day = Bursts::default();
        visit(&mut day, "192.0.2.1", 5, 200);
        for number in 0..2000_u32 {
            let address = std::net::Ipv4Addr::from(number).to_string();
            for minute in 0..15 {
                visit(&mut day, &address, minute, 21);
            }
        }
        day.compact(24);
        assert_eq!(day.by_address.len(), OF_LONGER);
        assert_eq!(day.by_address["192.0.2.1"].requests, 200);
    }
}
