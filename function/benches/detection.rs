//! How well attacks and anomalies are found: precision and recall by type.
//!
//! `cargo bench -p function --bench detection`; with `-- --notes`, each finding that is wrong or
//! missing is printed too.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a report, for whoever runs it"
)]

#[path = "../tests/quality/facts.rs"]
mod facts;
#[path = "../tests/quality/score.rs"]
mod score;
#[path = "../tests/quality/trial.rs"]
mod trial;

use score::Score;
use traffic::Plan;

fn main() {
    let notes = std::env::args().any(|argument| argument == "--notes");
    let small = |seed| Plan::new(seed);
    let medium = |seed| Plan {
        rows: 300_000,
        days: 14,
        heartbeat: 1,
        ..Plan::new(seed)
    };
    report(
        "Tuning seeds, 20,000 rows in 7 days",
        (1..=20).map(small),
        notes,
    );
    report(
        "Tuning seeds, 300,000 rows in 14 days",
        (1..=2).map(medium),
        notes,
    );
    report(
        "Held-out seeds, 20,000 rows in 7 days",
        (1001..=1020).map(small),
        false,
    );
    report(
        "Held-out seeds, 300,000 rows in 14 days",
        (1001..=1002).map(medium),
        false,
    );
}

fn report(title: &str, plans: impl Iterator<Item = Plan>, notes: bool) {
    let mut score = Score::default();
    for plan in plans {
        score.add(trial::run(&plan));
    }
    println!("{title}\n{}", score.table());
    if notes {
        println!("{}\n", score.notes.join("\n"));
    }
}
