//! One plan: generated, folded, judged and compared.

use std::collections::BTreeSet;

use traffic::{Access, Error, Plan, Planted, Sketch, Unusual};

use crate::facts::{Days, Hours};
use crate::score::{Score, Truth};

const DAY: i64 = 86_400;

pub fn run(plan: &Plan) -> Score {
    let label = format!("seed {}, {} rows", plan.seed, plan.rows);
    let mut score = accesses(&label, plan.accesses(), &threats(plan.threats()));
    score.add(errors(&label, plan.errors(), &anomalies(plan.anomalies())));
    score
}

pub fn run_sketch(sketch: &Sketch) -> Score {
    let label = format!("sketch {}, {} a day", sketch.seed, sketch.a_day);
    let sketched = sketch.draw();
    let mut score = accesses(
        &label,
        sketched.rows.into_iter(),
        &threats(sketched.threats),
    );
    let sketched = sketch.draw_errors();
    score.add(errors(
        &label,
        sketched.rows.into_iter(),
        &anomalies(sketched.anomalies),
    ));
    score
}

fn anomalies(planted: Vec<Unusual>) -> Vec<Truth> {
    let truth = |planted: Unusual| Truth {
        kind: planted.anomaly.name(),
        whose: planted.error_code.to_string(),
        first: planted.first,
        last: planted.last,
        style: planted.style.into(),
    };
    planted.into_iter().map(truth).collect()
}

fn threats(planted: Vec<Planted>) -> Vec<Truth> {
    let truth = |planted: Planted| Truth {
        kind: planted.threat.name(),
        whose: planted.address.to_string(),
        first: planted.first,
        last: planted.last,
        style: planted.style.into(),
    };
    planted.into_iter().map(truth).collect()
}

/// Each day that has a past, and all days together.
fn windows(days: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    let all = days.first().copied().zip(days.last().copied());
    days.iter().skip(1).map(|day| (*day, *day)).chain(all)
}

pub fn accesses(label: &str, rows: impl Iterator<Item = Access>, planted: &[Truth]) -> Score {
    let facts = Days::fold(rows);
    let mut score = Score::default();
    for (first, last) in windows(&facts.all().collect::<Vec<_>>()) {
        let found: BTreeSet<(&'static str, String)> = facts
            .judge(first, last)
            .into_iter()
            .map(|(kind, address)| (kind.name(), address.to_string()))
            .collect();
        let label = format!("{label}, day {first} to {last}");
        score.compare(&label, seconds(first, last), &found, planted);
    }
    score
}

pub fn errors(label: &str, rows: impl Iterator<Item = Error>, planted: &[Truth]) -> Score {
    let hours = Hours::fold(rows);
    let days: BTreeSet<u32> = hours.days().collect();
    let mut score = Score::default();
    for (first, last) in windows(&days.into_iter().collect::<Vec<_>>()) {
        let found: BTreeSet<(&'static str, String)> = hours
            .judge(first, last)
            .into_iter()
            .map(|(kind, code)| (kind.name(), code))
            .collect();
        let label = format!("{label}, day {first} to {last}");
        score.compare(&label, seconds(first, last), &found, planted);
    }
    score
}

fn seconds(first: u32, last: u32) -> (i64, i64) {
    (i64::from(first) * DAY, i64::from(last + 1) * DAY)
}
