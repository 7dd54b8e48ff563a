//! Senders: from whom how many requests came.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Serialize, Serializer};

use super::tally::Tally;
use super::view::Counts;
use super::{Addresses, Data, Map, Name, Part, Request, Undecodable};

/// Requests by address. The first part of what the table holds of [`Addresses`]: where no more is
/// asked for, no more is read.
#[derive(Debug, Default)]
pub struct Senders {
    v4: Tally<u32>,
    v6: Tally<u128>,
    /// What is no address: rows may come from elsewhere.
    others: Map<u64>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Sender {
    V4(u32),
    V6(u128),
    Other(Name),
}

impl From<&str> for Sender {
    fn from(text: &str) -> Self {
        match text.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V4(address)) => Self::V4(address.into()),
            Ok(IpAddr::V6(address)) => Self::V6(address.into()),
            Err(_) => Self::Other(Name::new(text)),
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(number) => Ipv4Addr::from(*number).fmt(f),
            Self::V6(number) => Ipv6Addr::from(*number).fmt(f),
            Self::Other(name) => name.fmt(f),
        }
    }
}

impl Senders {
    pub fn count(&mut self, sender: &str) {
        self.add(sender.into(), 1);
    }

    fn add(&mut self, sender: Sender, requests: u64) {
        match sender {
            Sender::V4(number) => self.v4.add(number, requests),
            Sender::V6(number) => self.v6.add(number, requests),
            Sender::Other(name) => *self.others.entry(name).or_default() += requests,
        }
    }

    /// How many requests came from one.
    pub fn of(&self, sender: &str) -> u64 {
        match sender.into() {
            Sender::V4(number) => self.v4.of(number),
            Sender::V6(number) => self.v6.of(number),
            Sender::Other(name) => self.others.get(&name).copied().unwrap_or(0),
        }
    }

    /// How many there are.
    pub fn distinct(&self) -> usize {
        self.v4.counts().len() + self.v6.counts().len() + self.others.len()
    }

    /// Those with so many requests or more.
    #[must_use]
    pub fn with_at_least(&self, requests: u64) -> Self {
        let others = self.others.iter();
        let others = others.filter(|(_, count)| **count >= requests);
        Self {
            v4: self.v4.with_at_least(requests),
            v6: self.v6.with_at_least(requests),
            others: others.map(|(name, count)| (name.clone(), *count)).collect(),
        }
    }

    /// The `most` with the most requests, in no particular order.
    fn highest(&self, most: usize) -> Vec<(Sender, u64)> {
        let others = self.others.iter();
        let mut all: Vec<_> = others
            .map(|(name, count)| (Sender::Other(name.clone()), *count))
            .collect();
        for (number, count) in self.v4.highest(most).counts().iter() {
            all.push((Sender::V4(*number), *count));
        }
        for (number, count) in self.v6.highest(most).counts().iter() {
            all.push((Sender::V6(*number), *count));
        }
        if all.len() > most {
            all.select_nth_unstable_by(most, |(sender, a), (other, b)| {
                b.cmp(a).then_with(|| sender.cmp(other))
            });
            all.truncate(most);
        }
        all
    }

    /// Keeps only those with the most requests.
    pub fn keep(&mut self, most: usize) {
        let highest = self.highest(most);
        *self = Self::default();
        for (sender, requests) in highest {
            self.add(sender, requests);
        }
        self.settle();
    }

    /// Those with the most requests, the busiest first.
    pub fn busiest(&self, most: usize) -> Vec<(String, u64)> {
        let highest = self.highest(most).into_iter();
        let mut names: Vec<(String, u64)> = highest
            .map(|(sender, requests)| (sender.to_string(), requests))
            .collect();
        names.sort_by(|(name, a), (other, b)| b.cmp(a).then_with(|| name.cmp(other)));
        names
    }

    /// Tells each as a number, as IPv6 has it; for what is no address, `number` makes one.
    pub fn each(&self, number: impl Fn(&str) -> u128, mut tell: impl FnMut(u128)) {
        for (v4, _) in self.v4.counts().iter() {
            tell(Ipv4Addr::from(*v4).to_ipv6_mapped().into());
        }
        for (v6, _) in self.v6.counts().iter() {
            tell(*v6);
        }
        for name in self.others.keys() {
            tell(number(name));
        }
    }

    /// Counts what others have counted.
    pub fn join(&mut self, data: &mut Data<'_>) -> Result<(), Undecodable> {
        self.v4.read(data, u32::wrapping_add)?;
        self.v6.read(data, u128::wrapping_add)?;
        data.join(&mut self.others, |known, requests: u64| *known += requests)
    }

    pub fn settle(&mut self) {
        self.v4.settle();
        self.v6.settle();
    }
}

impl Serialize for Senders {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let v4 = self.v4.steps(u32::wrapping_sub);
        let v6 = self.v6.steps(u128::wrapping_sub);
        (v4, v6, &self.others).serialize(serializer)
    }
}

impl Counts for Senders {
    fn number(&self) -> u8 {
        Addresses::NUMBER
    }

    fn has_longer(&self) -> bool {
        Addresses::HAS_LONGER
    }

    fn add(&mut self, request: &Request<'_>) {
        self.count(request.ip_address);
    }

    fn read(&mut self, mut data: Data<'_>) -> Result<(), Undecodable> {
        self.join(&mut data)
    }

    fn settle(&mut self) {
        self.settle();
    }
}
