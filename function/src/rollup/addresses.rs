//! Addresses: who sent requests, and how many of them there are.

use std::hash::BuildHasher as _;

use cardinality_estimator::CardinalityEstimator;
use foldhash::fast::FixedState;
use serde::Serialize;
use wyhash::WyHash;

use super::senders::Senders;
use super::{Data, Part, Request, Undecodable};

/// Of more different addresses than this in an hour, or in a longer span that is over, only those
/// that came most often are counted apart.
const OF_AN_HOUR: usize = 20_000;
const OF_LONGER: usize = 5000;

/// 2^15 registers: a standard error of 0.6 %.
type Estimator = CardinalityEstimator<u128, WyHash, 15>;

/// The addresses of some span of time.
#[derive(Debug, Default, Serialize)]
pub struct Addresses {
    pub senders: Senders,
    /// All of them, once there were too many to keep each.
    all: Option<Estimator>,
}

impl Addresses {
    /// How many there are: exactly, or within 2 % where some of them were not counted apart.
    pub fn distinct(&self) -> u64 {
        let kept = self.senders.distinct();
        let count = match &self.all {
            None => kept,
            Some(all) => {
                let mut all = all.clone();
                self.insert_into(&mut all);
                all.estimate().max(kept)
            }
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    fn insert_into(&self, all: &mut Estimator) {
        // The same in every process, for it is stored.
        let number = |name: &str| u128::from(FixedState::default().hash_one(name));
        self.senders.each(number, |number| all.insert(&number));
    }

    /// Keeps so many addresses apart, and counts how many there were in all.
    fn keep(&mut self, most: usize) {
        self.senders.settle();
        if self.senders.distinct() <= most {
            return;
        }
        let mut all = self.all.take().unwrap_or_default();
        self.insert_into(&mut all);
        self.all = Some(all);
        self.senders.keep(most);
    }
}

impl Part for Addresses {
    const NUMBER: u8 = 2;

    fn add(&mut self, request: &Request<'_>) {
        self.senders.count(request.ip_address);
    }

    fn read(&mut self, mut data: Data<'_>) -> Result<(), Undecodable> {
        self.senders.join(&mut data)?;
        match (&mut self.all, data.field()?) {
            (Some(all), Some(other)) => all.merge(&other),
            (None, other) => self.all = other,
            (Some(_), None) => {}
        }
        Ok(())
    }

    fn settle(&mut self) {
        self.senders.settle();
    }

    fn prune(&mut self) {
        self.keep(OF_AN_HOUR);
    }

    fn compact(&mut self, _hours: u16) {
        self.keep(OF_LONGER);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::encode;
    use super::*;

    fn request(ip_address: &str, second: i64) -> Request<'_> {
        Request {
            second,
            ip_address,
            ..Request::PLAIN
        }
    }

    fn visit(addresses: &mut Addresses, number: u32, second: i64) {
        let address = std::net::Ipv4Addr::from(number).to_string();
        addresses.add(&request(&address, second));
    }

    #[test]
    fn few_are_exact() {
        let (mut one, mut other) = (Addresses::default(), Addresses::default());
        for number in 0..3000 {
            visit(&mut one, number, 60);
            visit(&mut other, number + 1000, 120);
        }
        one.prune();
        one.read(Data::new(&encode(&other).unwrap())).unwrap();
        assert_eq!(one.distinct(), 4000);
        assert_eq!(one.senders.of("0.0.7.208"), 2);
    }

    #[test]
    fn what_is_over_keeps_the_busiest() {
        let mut day = Addresses::default();
        for number in 0..10_000 {
            visit(&mut day, number, 0);
            if number % 10 == 0 {
                visit(&mut day, number, 60);
            }
        }
        day.compact(24);
        let (found, kept) = (day.distinct(), day.senders.distinct());
        assert!((9800..=10_200).contains(&found), "{found} is not 10,000");
        assert_eq!(
            (kept, day.senders.with_at_least(2).distinct()),
            (OF_LONGER, 1000)
        );
    }

    #[test]
    fn whatever_stands_for_an_address() {
        let mut one = Addresses::default();
        for (address, times) in [
            ("203.0.113.9", 3),
            ("::ffff:203.0.113.9", 1),
            ("2001:db8::1", 2),
            ("2001:DB8:0::1", 3),
            ("unknown", 6),
        ] {
            for _ in 0..times {
                one.add(&request(address, 0));
            }
        }
        let mut other = Addresses::default();
        other.read(Data::new(&encode(&one).unwrap())).unwrap();
        let busiest = [("unknown", 6), ("2001:db8::1", 5), ("203.0.113.9", 4)];
        assert_eq!(
            other.senders.busiest(9),
            busiest.map(|(address, requests)| (address.to_string(), requests))
        );
        assert_eq!(other.senders.busiest(1)[0].0, "unknown");
        assert_eq!((other.distinct(), other.senders.of("unknown")), (3, 6));
    }

    #[test]
    fn many_are_estimated_and_the_busiest_kept() {
        let mut merged = Addresses::default();
        for part in 0..4 {
            let mut segment = Addresses::default();
            for number in 0..50_000 {
                visit(&mut segment, part * 40_000 + number, 0);
            }
            for _ in 0..9 {
                visit(&mut segment, 7, 60);
            }
            segment.prune();
            assert!(segment.senders.distinct() <= OF_AN_HOUR);
            let data = encode(&segment).unwrap();
            merged.read(Data::new(&data)).unwrap();
        }
        // 50,000 and three times 40,000 new ones, and address 7 in the first part already.
        let found = merged.distinct();
        assert!(
            (166_600..=173_400).contains(&found),
            "{found} is not 170,000"
        );
        assert_eq!(merged.senders.of("0.0.0.7"), 37);
    }
}
