//! That the rows are what they are said to be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::*;

fn small() -> Plan {
    Plan::new(11)
}

#[test]
fn the_same_plan_gives_the_same_rows_in_order_of_time() {
    let rows: Vec<Access> = small().accesses().collect();
    assert!(
        rows.iter()
            .zip(small().accesses())
            .all(|(row, again)| *row == again)
    );
    assert!(rows.is_sorted_by_key(|row| row.second));
    assert!(rows[0].second >= small().start && rows[rows.len() - 1].second < small().end());
    let errors: Vec<Error> = small().errors().collect();
    assert!(errors.is_sorted_by_key(|error| error.second) && errors.len() > 500);
    let other: Vec<Access> = Plan::new(12).accesses().take(100).collect();
    assert_ne!(rows[..100], other);
}

#[test]
fn there_are_about_as_many_rows_as_planned() {
    for (rows, days) in [(20_000, 7), (100_000, 14)] {
        let plan = Plan {
            rows,
            days,
            attacks: false,
            ..small()
        };
        let without_checker = plan
            .accesses()
            .filter(|row| row.endpoint != "/health")
            .count();
        let ratio = rng::float(without_checker as u64) / rng::float(rows);
        assert!((0.8..1.2).contains(&ratio), "{ratio}");
    }
}

#[test]
fn attacks_change_nothing_about_the_others() {
    let attackers: BTreeSet<IpAddr> = small()
        .threats()
        .iter()
        .map(|planted| planted.address)
        .collect();
    let honest = |plan: Plan| {
        let attackers = attackers.clone();
        plan.accesses()
            .filter(move |row| !attackers.contains(&row.ip_address))
    };
    assert!(honest(small()).eq(honest(Plan {
        attacks: false,
        ..small()
    })));
}

#[test]
fn what_is_planted_happens_when_it_is_said_to() {
    let mut spans: BTreeMap<IpAddr, Vec<i64>> = BTreeMap::new();
    for row in small().accesses() {
        spans.entry(row.ip_address).or_default().push(row.second);
    }
    for planted in small().threats() {
        let seconds = &spans[&planted.address];
        let within = |second: &&i64| (planted.first..=planted.last).contains(*second);
        assert!(seconds.iter().any(|second| within(&second)), "{planted:?}");
        assert!(planted.first.div_euclid(86_400) == planted.last.div_euclid(86_400));
    }
    for threat in Threat::ALL {
        assert!(
            small()
                .threats()
                .iter()
                .any(|planted| planted.threat == threat)
        );
    }
    for anomaly in Anomaly::ALL {
        assert!(
            small()
                .anomalies()
                .iter()
                .any(|planted| planted.anomaly == anomaly)
        );
    }
}
