//! `[waf]`, `[alarms]` and `[audit]`.

use std::collections::BTreeSet;

use super::super::document::Place;
use super::Checker;
use super::function::retention;
use super::tables::is_country;

/// In one geographic match statement.
const MOST_COUNTRIES: usize = 50;

pub(super) fn check(checker: &mut Checker<'_, '_>) {
    managed_rules(checker);
    countries(checker);
    email(checker);
    let days = checker.config.audit.retention_days;
    retention(checker, "audit.retention_days", days);
}

fn managed_rules(checker: &mut Checker<'_, '_>) {
    let list = Place::from("waf.managed_rules");
    let rules = &checker.config.waf.managed_rules;
    for (index, rule) in rules.iter().enumerate() {
        if rules.iter().take(index).any(|before| before == rule) {
            checker.refuse(
                &list.index(index),
                "is there twice",
                "the second",
                "remove it",
            );
        }
    }
}

fn countries(checker: &mut Checker<'_, '_>) {
    let list = Place::from("waf.block_countries");
    let countries = &checker.config.waf.block_countries;
    let mut seen = BTreeSet::new();
    for (index, code) in countries.iter().enumerate() {
        let place = list.index(index);
        let upper = code.to_uppercase();
        if !is_country(code) {
            // The commonest mistake that is not one of case.
            let meant = if upper == "UK" { "GB" } else { upper.as_str() };
            let help = if is_country(meant) {
                format!("did you mean `\"{meant}\"`?")
            } else {
                "two capital letters of ISO 3166, for example `\"KP\"`".to_owned()
            };
            checker.refuse(&place, "is not a country's code", "not in ISO 3166", help);
        }
        if !seen.insert(upper) {
            checker.refuse(&place, "is there twice", "the second", "remove it");
        }
    }
    if countries.len() > MOST_COUNTRIES {
        let label = format!("{} countries", countries.len());
        let help = format!("AWS WAF takes {MOST_COUNTRIES} in a rule");
        checker.refuse(&list, "has too many countries", label, help);
    }
}

fn email(checker: &mut Checker<'_, '_>) {
    let Some(email) = checker.config.alarms.email.as_deref() else {
        return;
    };
    let sound = !email.contains(|c: char| c.is_whitespace() || c.is_control())
        && email
            .split_once('@')
            .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty() && !host.contains('@'));
    if !sound {
        let help = "for example `email = \"ops@example.com\"`, or remove the line: alarms are then kept, and nobody is told";
        checker.refuse(
            &"alarms.email".into(),
            "is not an address",
            "expected one `@` and no spaces",
            help,
        );
    }
}
