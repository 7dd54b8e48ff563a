//! The table of prices: `prices.toml`, with its date.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Value;

use super::Money;
use crate::error::{Error, Result};

const TABLE: &str = include_str!("prices.toml");

/// What the project knows of AWS's prices.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The day on which the youngest of the prices was looked up.
    pub date: String,
    pub currency: String,
    pub source: String,
    /// What costs the same in each of the regions.
    everywhere: toml::Table,
    regions: BTreeMap<String, toml::Table>,
}

/// The prices of one region by name, such as `vpc-endpoint-hour` or `db-instance-hour
/// db.t4g.small`. What is not among them is not known.
#[derive(Debug, Clone, Default)]
pub struct Prices(BTreeMap<String, Money>);

impl Table {
    pub fn read() -> Result<Self> {
        toml::from_str(TABLE).map_err(|error| broken("it is not a table").because(error))
    }

    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.keys().map(String::as_str)
    }

    /// `None` for a region that the table does not have.
    pub fn prices(&self, region: &str) -> Result<Option<Prices>> {
        let Some(own) = self.regions.get(region) else {
            return Ok(None);
        };
        let mut prices = Prices::default();
        for (name, value) in self.everywhere.iter().chain(own) {
            prices.take(name, value)?;
        }
        Ok(Some(prices))
    }
}

impl Prices {
    pub fn get(&self, name: &str) -> Option<Money> {
        self.0.get(name).copied()
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<()> {
        match value {
            Value::String(text) => {
                let price = Money::parse(text)
                    .ok_or_else(|| broken(&format!("`{name}` is no price: {text}")))?;
                self.0.insert(name.to_owned(), price);
                Ok(())
            }
            Value::Table(table) => table
                .iter()
                .try_for_each(|(of, value)| self.take(&format!("{name} {of}"), value)),
            _ => Err(broken(&format!(
                "`{name}` is not text, and would be inexact"
            ))),
        }
    }
}

fn broken(why: &str) -> Error {
    Error::failed(format!("the table of prices cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_of_the_table_can_be_read() {
        let table = Table::read().unwrap();
        assert_eq!((table.currency.as_str(), table.date.len()), ("USD", 10));
        for region in table.regions() {
            let prices = table.prices(region).unwrap().unwrap();
            assert_eq!(prices.get("kms-key-month"), Money::parse("1"), "{region}");
            assert!(
                prices.0.values().all(|price| *price > Money::ZERO),
                "{region}"
            );
        }
    }

    #[test]
    fn a_region_has_its_own_prices() {
        let table = Table::read().unwrap();
        let price = |region: &str, name: &str| table.prices(region).unwrap()?.get(name);
        assert_eq!(
            price("us-east-1", "vpc-endpoint-hour"),
            Money::parse("0.01")
        );
        assert_eq!(
            price("ap-southeast-1", "vpc-endpoint-hour"),
            Money::parse("0.013")
        );
        assert_eq!(
            price("us-east-1", "db-instance-hour db.t4g.small"),
            Money::parse("0.032")
        );
        assert_eq!(price("us-east-1", "db-instance-hour db.x9.huge"), None);
        assert_eq!(price("mars-north-1", "kms-key-month"), None);
    }
}
