//! What a stack costs in a month, as far as that can be known: prices from a dated table, what is
//! used from `[cost]` of infra.toml. Values in, values out.
//!
//! Priced is what an object is, by its kind and its fields: what a plan wants, and what it found.
//! So a new object counts as soon as a plan has it. `kinds` says for each kind who prices it.

mod audit;
mod bill;
mod database;
mod edge;
mod function;
mod keys;
mod kinds;
mod logs;
mod money;
mod network;
mod prices;

use serde_json::Value;

pub use bill::{Estimate, Line};
pub use money::Money;
pub use prices::Table;

use self::bill::Bill;
use crate::config::{Config, Cost};
use crate::diff::fields;
use crate::error::Result;
use crate::object::{Id, Wanted};
use crate::plan::{Action, Plan, Step};

/// AWS counts in hours; 8760 in a year make 730 in a month.
const HOURS: u128 = 730;

/// What a plan does to the month's bill.
#[derive(Debug, Clone)]
pub struct Costs {
    pub table: Table,
    pub region: String,
    /// `None` where the table does not have the region.
    pub month: Option<Month>,
}

/// The bill of a month.
#[derive(Debug, Clone)]
pub struct Month {
    /// With what is there now; `None` where nobody has looked.
    pub now: Option<Estimate>,
    /// With what is wanted.
    pub wanted: Estimate,
}

/// What the objects cost that infra.toml asks for, without a look at the account.
pub fn of_wanted(config: &Config, wanted: &[Wanted]) -> Result<Costs> {
    costs(config, |estimate| Month {
        now: None,
        wanted: estimate(&mut wanted.iter().map(|wanted| (&wanted.id, &wanted.value))),
    })
}

/// What is there costs now, and with the plan carried out.
pub fn of_plan(config: &Config, plan: &Plan) -> Result<Costs> {
    let now: Vec<(&Id, Value)> = plan
        .steps
        .iter()
        .filter_map(|step| Some((&step.id, before(step)?)))
        .collect();
    let after = |step: &'_ Step| match step.action {
        Action::Delete => None,
        _ => step.wanted.clone(),
    };
    let wanted: Vec<(&Id, Value)> = plan
        .steps
        .iter()
        .filter_map(|step| Some((&step.id, after(step)?)))
        .collect();
    costs(config, |estimate| {
        let estimate =
            |side: &[(&Id, Value)]| estimate(&mut side.iter().map(|(id, value)| (*id, value)));
        Month {
            now: Some(estimate(&now)),
            wanted: estimate(&wanted),
        }
    })
}

type Objects<'a> = &'a mut dyn Iterator<Item = (&'a Id, &'a Value)>;

fn costs(
    config: &Config,
    month: impl FnOnce(&dyn Fn(Objects<'_>) -> Estimate) -> Month,
) -> Result<Costs> {
    let table = Table::read()?;
    let region = config.stack.region.clone();
    let prices = table.prices(&region)?;
    let month = prices.map(|prices| {
        month(&|objects: Objects<'_>| {
            let mut bill = Bill::new(&prices, &config.cost);
            for (id, value) in objects {
                kinds::price(&mut bill, id, value);
            }
            bill.estimate()
        })
    });
    Ok(Costs {
        table,
        region,
        month,
    })
}

/// The object as it is in the account. Only what the plan changes is taken from there: what an
/// emulator does not store is no difference to anybody.
fn before(step: &Step) -> Option<Value> {
    let found = &step.found.as_ref()?.value;
    match step.action {
        // What is superseded has a step of its own, where it goes.
        Action::Create | Action::Supersede => None,
        Action::Delete => Some(found.clone()),
        _ => {
            let mut value = step.wanted.clone().unwrap_or_else(|| found.clone());
            for field in fields(&step.changes) {
                value[&field] = found[&field].clone();
            }
            Some(value)
        }
    }
}

#[cfg(test)]
mod tests;
