//! The lines of a bill as they come up, and what could not be put on it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::prices::Prices;
use super::{Cost, Money};
use crate::object::Id;

/// One amount a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// As AWS's own bill calls it.
    pub service: &'static str,
    pub id: Id,
    /// What is paid for, and how much of it.
    pub what: String,
    pub amount: Money,
}

/// A month's bill.
#[derive(Debug, Clone, Default)]
pub struct Estimate {
    pub lines: Vec<Line>,
    /// What the amounts rest on beside the objects themselves.
    pub assumed: BTreeSet<String>,
    /// Names of prices that the table does not have, each with an object that it would be for.
    pub unknown: BTreeMap<String, Id>,
    /// What costs by its use, and is on no line.
    pub left_out: BTreeSet<&'static str>,
}

impl Estimate {
    pub fn total(&self) -> Money {
        self.lines.iter().map(|line| line.amount).sum()
    }

    pub fn by_service(&self) -> BTreeMap<&'static str, Money> {
        let mut services = BTreeMap::new();
        for line in &self.lines {
            let sum = services.entry(line.service).or_insert(Money::ZERO);
            *sum = *sum + line.amount;
        }
        services
    }
}

/// What a price is asked with: how many units of `per` each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quantity {
    pub(super) of: u128,
    pub(super) per: u128,
}

/// So many whole units.
pub(super) fn units(of: impl Into<u128>) -> Quantity {
    Quantity {
        of: of.into(),
        per: 1,
    }
}

/// Gigabytes as AWS counts them, 2³⁰ bytes.
pub(super) fn gigabytes(bytes: u128) -> Quantity {
    Quantity {
        of: bytes,
        per: 1 << 30,
    }
}

pub(super) struct Bill<'a> {
    prices: &'a Prices,
    pub(super) usage: &'a Cost,
    estimate: Estimate,
}

impl<'a> Bill<'a> {
    pub(super) fn new(prices: &'a Prices, usage: &'a Cost) -> Self {
        Self {
            prices,
            usage,
            estimate: Estimate::default(),
        }
    }

    /// A line, where the price is known and there is anything to pay.
    pub(super) fn add(
        &mut self,
        service: &'static str,
        id: &Id,
        price: &str,
        quantity: Quantity,
        what: impl Into<String>,
    ) {
        if quantity.of == 0 {
            return;
        }
        let Some(unit) = self.prices.get(price) else {
            let unknown = self.estimate.unknown.entry(price.to_owned());
            unknown.or_insert_with(|| id.clone());
            return;
        };
        self.estimate.lines.push(Line {
            service,
            id: id.clone(),
            what: what.into(),
            amount: unit.times(quantity.of, quantity.per),
        });
    }

    pub(super) fn knows(&self, price: &str) -> bool {
        self.prices.get(price).is_some()
    }

    pub(super) fn assume(&mut self, what: impl Into<String>) {
        self.estimate.assumed.insert(what.into());
    }

    pub(super) fn leave_out(&mut self, what: &'static str) {
        self.estimate.left_out.insert(what);
    }

    pub(super) fn requests(&mut self) -> u128 {
        let requests = self.usage.requests_per_month;
        self.assume(format!("{} requests a month", count(requests)));
        u128::from(requests)
    }

    pub(super) fn estimate(self) -> Estimate {
        self.estimate
    }
}

/// `1,000,000`
pub(super) fn count(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
