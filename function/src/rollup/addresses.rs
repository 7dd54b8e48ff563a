//! Addresses: who sent how many requests.

use std::hash::BuildHasher as _;
use std::net::{IpAddr, Ipv6Addr};

use cardinality_estimator::CardinalityEstimator;
use foldhash::fast::FixedState;
use serde::{Serialize, Serializer};
use wyhash::WyHash;

use super::tally::Tally;
use super::{Data, Map, Name, Part, Request, Undecodable};

/// Of more different addresses than this in an hour, or in a longer span that is over, only those
/// that came most often are counted apart.
const OF_AN_HOUR: usize = 20_000;
const OF_LONGER: usize = 5000;

/// 2^15 registers: a standard error of 0.6 %.
type Estimator = CardinalityEstimator<u128, WyHash, 15>;

/// The addresses of some span of time.
#[derive(Debug, Default)]
pub struct Addresses {
    /// Requests by address, as IPv6 has it; IPv4 ones are mapped.
    requests: Tally,
    /// Of what is no address: rows may come from elsewhere.
    others: Map<u64>,
    /// All of them, once there were too many to keep each.
    all: Option<Estimator>,
}

fn number(address: &str) -> Option<u128> {
    match address.parse().ok()? {
        IpAddr::V4(address) => Some(address.to_ipv6_mapped().into()),
        IpAddr::V6(address) => Some(address.into()),
    }
}

/// In canonical form.
fn text(number: u128) -> String {
    Ipv6Addr::from(number).to_canonical().to_string()
}

impl Addresses {
    /// How many there are: exactly, or within 2 % where some of them were not counted apart.
    pub fn distinct(&self) -> u64 {
        let kept = self.requests.counts().len() + self.others.len();
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

    /// How many requests came from one.
    pub fn of(&self, address: &str) -> u64 {
        match number(address) {
            Some(number) => self.requests.of(number),
            None => self.others.get(address).copied().unwrap_or(0),
        }
    }

    /// How many addresses have so many requests or more.
    pub fn with_at_least(&self, requests: u64) -> usize {
        let counts = self.requests.counts();
        let counts = counts.iter().map(|(_, count)| count);
        let counts = counts.chain(self.others.values());
        counts.filter(|count| **count >= requests).count()
    }

    /// Those with the most requests, the busiest first.
    pub fn busiest(&self, most: usize) -> Vec<(String, u64)> {
        let mut counts = self.requests.counts().into_owned();
        // There may be many: only what is answered need be in order.
        cut(&mut counts, most);
        let others = self.others.iter().map(|(name, c)| (name.to_string(), *c));
        let mut names: Vec<(String, u64)> = counts
            .into_iter()
            .map(|(number, count)| (text(number), count))
            .chain(others)
            .collect();
        names.sort_by(|(name, a), (other, b)| b.cmp(a).then_with(|| name.cmp(other)));
        names.truncate(most);
        names
    }

    fn insert_into(&self, all: &mut Estimator) {
        for (number, _) in self.requests.counts().iter() {
            all.insert(number);
        }
        for name in self.others.keys() {
            // The same in every process, for it is stored.
            all.insert(&u128::from(FixedState::default().hash_one(name.as_str())));
        }
    }

    /// Keeps so many addresses apart, and counts how many there were in all.
    fn keep(&mut self, most: usize) {
        self.requests.settle();
        if self.requests.counts().len() + self.others.len() <= most {
            return;
        }
        let mut all = self.all.take().unwrap_or_default();
        self.insert_into(&mut all);
        self.all = Some(all);
        let mut counts = self.requests.counts().into_owned();
        cut(&mut counts, most);
        self.requests = counts.into_iter().collect();
        super::take_least(&mut self.others, most, |count| *count);
    }
}

/// Leaves those with the most requests; of equals, the lower numbers.
fn cut(counts: &mut Vec<(u128, u64)>, most: usize) {
    if counts.len() > most {
        counts.select_nth_unstable_by(most, |(number, a), (other, b)| {
            b.cmp(a).then(number.cmp(other))
        });
        counts.truncate(most);
    }
}

/// In order, each less the one before it: most are a few bytes then.
impl Serialize for Addresses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut counts = self.requests.counts().into_owned();
        let mut last = 0;
        for (number, _) in &mut counts {
            (*number, last) = (*number - last, *number);
        }
        (counts, &self.others, &self.all).serialize(serializer)
    }
}

impl Part for Addresses {
    const NUMBER: u8 = 2;

    fn add(&mut self, request: &Request<'_>) {
        if let Some(number) = number(request.ip_address) {
            self.requests.add(number, 1);
        } else {
            let name = Name::new(request.ip_address);
            *self.others.entry(name).or_default() += 1;
        }
    }

    fn read(&mut self, mut data: Data<'_>) -> Result<(), Undecodable> {
        let mut number = 0;
        data.each(|(further, requests): (u128, u64)| {
            number += further;
            self.requests.add(number, requests);
        })?;
        data.join(&mut self.others, |known, requests: u64| *known += requests)?;
        match (&mut self.all, data.field()?) {
            (Some(all), Some(other)) => all.merge(&other),
            (None, other) => self.all = other,
            (Some(_), None) => {}
        }
        Ok(())
    }

    fn settle(&mut self) {
        self.requests.settle();
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
        assert_eq!(one.of("0.0.7.208"), 2);
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
        let (found, kept) = (day.distinct(), day.requests.counts().len());
        assert!((9800..=10_200).contains(&found), "{found} is not 10,000");
        assert_eq!((kept, day.with_at_least(2)), (OF_LONGER, 1000));
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
            other.busiest(9),
            busiest.map(|(address, requests)| (address.to_string(), requests))
        );
        assert_eq!(other.busiest(1)[0].0, "unknown");
        assert_eq!((other.distinct(), other.of("unknown")), (3, 6));
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
            assert!(segment.requests.counts().len() <= OF_AN_HOUR);
            let data = encode(&segment).unwrap();
            merged.read(Data::new(&data)).unwrap();
        }
        // 50,000 and three times 40,000 new ones, and address 7 in the first part already.
        let found = merged.distinct();
        assert!(
            (166_600..=173_400).contains(&found),
            "{found} is not 170,000"
        );
        assert_eq!(merged.of("0.0.0.7"), 37);
    }
}
