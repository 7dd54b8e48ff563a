//! A month's bill, for people and for scripts.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::style::Style;
use crate::cost::{Costs, Estimate, Money, Month};

/// Room for 9,999,999.99 and its sign.
const AMOUNT: usize = 10;
/// Where the amounts begin.
const NAME: usize = 18;

/// What is on no bill of ours, whatever the stack is.
const NEVER: &str =
    "taxes, discounts and free tiers (nothing is deducted for them), and what somebody else keeps";

/// The bill by service, with the difference where the account is known, and what it rests on;
/// with each line where asked for.
pub(super) fn cost_text(costs: &Costs, style: Style, in_full: bool) -> String {
    let Some(month) = &costs.month else {
        return cost_line(costs);
    };
    let mut text = format!(
        "Cost a month in {}, estimated in {} at prices of {}:\n",
        costs.region, costs.table.currency, costs.table.date
    );
    for (service, now, wanted) in services(month) {
        row(&mut text, month, service, now, wanted);
        if in_full {
            lines(&mut text, &month.wanted, service);
        }
    }
    let now = month.now.as_ref().map_or(Money::ZERO, Estimate::total);
    row(&mut text, month, "Total", now, month.wanted.total());
    let mut paragraph = |title: &str, said: &str| {
        if !said.is_empty() {
            let indent = title.chars().count() + 1;
            let said = style.wrapped(indent, indent, said);
            let _ = writeln!(text, "{title} {said}");
        }
    };
    let assumed: Vec<&str> = month.wanted.assumed.iter().map(String::as_str).collect();
    paragraph("Assumed:    ", &assumed.join("; "));
    paragraph("Not counted:", &left_out(month).join("; "));
    let unknown: Vec<String> = unknown(month)
        .into_iter()
        .map(|(price, id)| format!("{price} ({id})"))
        .collect();
    paragraph("Unknown:    ", &unknown.join("; "));
    if !unknown.is_empty() {
        text.push_str("The total is without what is unknown.\n");
    }
    text
}

/// One sentence: what there is to pay, and what changes in that.
pub(super) fn cost_line(costs: &Costs) -> String {
    let Some(month) = &costs.month else {
        let known: Vec<&str> = costs.table.regions().collect();
        return format!(
            "Cost: unknown. The table of {} has no prices of {}, only of {}.",
            costs.table.date,
            costs.region,
            known.join(", ")
        );
    };
    let (total, currency) = (month.wanted.total(), &costs.table.currency);
    let difference = month.now.as_ref().map(|now| total - now.total());
    let difference = difference.map_or_else(String::new, |difference| {
        format!(", {} to now", difference.signed())
    });
    let unknown = match unknown(month).len() {
        0 => String::new(),
        1 => ", and one unknown price".to_owned(),
        several => format!(", and {several} unknown prices"),
    };
    format!(
        "Cost: about {total} {currency} a month{difference}{unknown}; `wmctl cost` tells what that rests on."
    )
}

fn row(text: &mut String, month: &Month, name: &str, now: Money, wanted: Money) {
    let _ = write!(text, "  {name:<NAME$}{wanted:>AMOUNT$}");
    if month.now.is_some() {
        let _ = write!(text, "{:>AMOUNT$}", (wanted - now).signed());
    }
    text.push('\n');
}

fn lines(text: &mut String, estimate: &Estimate, service: &str) {
    for line in estimate.lines.iter().filter(|line| line.service == service) {
        let _ = writeln!(
            text,
            "    {:>AMOUNT$}  {}: {}",
            line.amount, line.id, line.what
        );
    }
}

/// Each service with its amount now and then.
fn services(month: &Month) -> Vec<(&'static str, Money, Money)> {
    let now = month.now.as_ref().map(Estimate::by_service);
    let mut both: BTreeMap<&str, (Money, Money)> = BTreeMap::new();
    for (service, amount) in now.unwrap_or_default() {
        both.entry(service).or_default().0 = amount;
    }
    for (service, amount) in month.wanted.by_service() {
        both.entry(service).or_default().1 = amount;
    }
    both.into_iter()
        .map(|(service, (now, wanted))| (service, now, wanted))
        .collect()
}

fn left_out(month: &Month) -> Vec<&str> {
    let left_out = month.wanted.left_out.iter().copied();
    left_out.chain([NEVER]).collect()
}

/// Of either side: a difference is as unknown as each of its sides.
fn unknown(month: &Month) -> BTreeMap<&str, String> {
    month
        .now
        .iter()
        .chain([&month.wanted])
        .flat_map(|estimate| &estimate.unknown)
        .map(|(price, id)| (price.as_str(), id.to_string()))
        .collect()
}

/// The bill as `--json` has it: docs/plan-json.md says what each key means.
pub fn cost_json(costs: &Costs) -> Value {
    let mut document = json!({
        "currency": costs.table.currency,
        "prices_of": costs.table.date,
        "source": costs.table.source,
        "region": costs.region,
        "region_known": costs.month.is_some(),
    });
    let Some(month) = &costs.month else {
        return document;
    };
    let amounts = |now: Money, wanted: Money| {
        let now = month.now.as_ref().map(|_| now);
        json!({
            "now": now,
            "wanted": wanted,
            "difference": now.map(|now| wanted - now),
        })
    };
    let total = month.now.as_ref().map_or(Money::ZERO, Estimate::total);
    document["total"] = amounts(total, month.wanted.total());
    document["services"] = services(month)
        .into_iter()
        .map(|(service, now, wanted)| {
            let mut amounts = amounts(now, wanted);
            amounts["service"] = json!(service);
            amounts
        })
        .collect();
    document["lines"] = json!(month.wanted.lines);
    document["assumed"] = json!(month.wanted.assumed);
    document["not_counted"] = json!(left_out(month));
    document["unknown"] = unknown(month)
        .into_iter()
        .map(|(price, id)| json!({"price": price, "id": id}))
        .collect();
    document
}
