//! Addresses: who sent how many requests, and in which minutes.

use std::collections::HashMap;

use cardinality_estimator::CardinalityEstimator;
use serde::{Deserialize, Serialize};
use wyhash::WyHash;

use super::{Part, Request, join, take_least};
use crate::detect::flood::Visits;

/// Of more different addresses than this in an hour, or in a day that is over, only those that
/// may have flooded the site, and those that came most often, are counted apart.
const OF_AN_HOUR: usize = 20_000;
const OF_A_DAY: usize = 1000;

/// 2^15 registers: a standard error of 0.6 %.
type Estimator = CardinalityEstimator<str, WyHash, 15>;

/// The addresses of some span of time.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Addresses {
    pub visits: HashMap<String, Visits>,
    /// All of them, once there were too many to keep each.
    all: Option<Estimator>,
}

impl Addresses {
    /// How many there are: exactly, or within 2 % where some of them were not counted apart.
    pub fn distinct(&self) -> u64 {
        let count = match &self.all {
            None => self.visits.len(),
            Some(all) => {
                let mut all = all.clone();
                for address in self.visits.keys() {
                    all.insert(address);
                }
                all.estimate().max(self.visits.len())
            }
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

impl Addresses {
    /// Keeps so many addresses apart, and counts how many there were in all.
    fn keep(&mut self, most: usize) {
        if self.visits.len() <= most {
            return;
        }
        let mut all = self.all.take().unwrap_or_default();
        for address in self.visits.keys() {
            all.insert(address);
        }
        self.all = Some(all);
        take_least(&mut self.visits, most, |visits| {
            (visits.may_be_a_flood(), visits.requests)
        });
    }
}

impl Part for Addresses {
    const NUMBER: u8 = 2;

    fn add(&mut self, request: &Request<'_>) {
        let minute = request.minute();
        if let Some(visits) = self.visits.get_mut(request.ip_address) {
            visits.add(minute, 1);
        } else {
            self.visits
                .entry(request.ip_address.to_string())
                .or_default()
                .add(minute, 1);
        }
    }

    fn merge(&mut self, other: Self) {
        join(&mut self.visits, other.visits, |known, visits| {
            known.merge(&visits);
        });
        match (&mut self.all, other.all) {
            (Some(all), Some(other)) => all.merge(&other),
            (None, other) => self.all = other,
            (Some(_), None) => {}
        }
    }

    fn prune(&mut self) {
        self.keep(OF_AN_HOUR);
    }

    fn compact(&mut self, hours: u16) {
        // A week keeps all that its days have kept.
        if hours == 24 {
            self.keep(OF_A_DAY);
        }
        for visits in self.visits.values_mut() {
            visits.compact();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{decode, encode};
    use super::*;

    fn visit(addresses: &mut Addresses, number: u32, second: i64) {
        addresses.add(&Request {
            second,
            ip_address: &std::net::Ipv4Addr::from(number).to_string(),
            method: "GET",
            endpoint: "/",
            status_code: 200,
            response_size: 0,
            response_time: None,
            user_agent: "",
        });
    }

    #[test]
    fn few_are_exact() {
        let (mut one, mut other) = (Addresses::default(), Addresses::default());
        for number in 0..3000 {
            visit(&mut one, number, 60);
            visit(&mut other, number + 1000, 120);
        }
        one.prune();
        one.merge(decode(&encode(&other).unwrap()).unwrap());
        assert_eq!(one.distinct(), 4000);
        assert_eq!(one.visits["0.0.7.208"].requests, 2);
    }

    #[test]
    fn a_day_keeps_the_busiest() {
        let mut day = Addresses::default();
        for number in 0..10_000 {
            visit(&mut day, number, 0);
            if number % 10 == 0 {
                visit(&mut day, number, 60);
            }
        }
        // A burst from an address that else is not seen.
        for _ in 0..200 {
            visit(&mut day, 3, 120);
        }
        for number in 20_000..21_000 {
            for minute in 0..201 {
                visit(&mut day, number, minute * 60);
            }
        }
        day.compact(24);
        let (found, kept) = (day.distinct(), day.visits.len());
        assert!((10_780..=11_220).contains(&found), "{found} is not 11,000");
        assert_eq!(kept, OF_A_DAY);
        assert_eq!(day.visits["0.0.0.3"].requests, 201);
        assert_eq!(day.visits["0.0.78.32"].requests, 201);
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
            assert!(segment.visits.len() <= OF_AN_HOUR);
            merged.merge(decode(&encode(&segment).unwrap()).unwrap());
        }
        // 50,000 and three times 40,000 new ones, and address 7 in the first part already.
        let found = merged.distinct();
        assert!(
            (166_600..=173_400).contains(&found),
            "{found} is not 170,000"
        );
        assert_eq!(merged.visits["0.0.0.7"].requests, 37);
    }
}
