//! How well attacks and anomalies are found: precision and recall by type.
//!
//! `cargo bench -p function --bench detection`; `-- Tuning --notes` prints
//! only what has the word in its title, and each finding that is wrong or missing.
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

use std::hint::black_box;
use std::time::Instant;

use function::detect::{agent, login, payload};
use score::Score;
use traffic::{Plan, Sketch};

fn main() {
    costs();
    let small = |seed| Plan::new(seed);
    let medium = |seed| Plan {
        rows: 300_000,
        days: 14,
        heartbeat: 1,
        ..Plan::new(seed)
    };
    let sketch = |a_day| {
        move |seed| Sketch {
            seed,
            start: Plan::new(0).start,
            days: 5,
            a_day,
        }
    };
    for (name, seed) in [("Tuning", 1), ("Held-out", 1001)] {
        plans(name, "20,000 rows in 7 days", (seed..seed + 10).map(small));
        plans(
            name,
            "300,000 rows in 14 days",
            (seed..seed + 2).map(medium),
        );
        sketches(
            name,
            "sketches of 500 rows a day",
            (seed..seed + 10).map(sketch(500)),
        );
        sketches(
            name,
            "sketches of 30,000 rows a day",
            (seed..seed + 3).map(sketch(30_000)),
        );
    }
}

/// What one look at a text costs: every row is looked at when it is folded.
fn costs() {
    for text in [
        "/api/v1/users/18/orders?sort=-date&limit=20",
        "/search?q=garden+table+for+the+balcony",
        "/search?q=black%20or%20white%20shoes",
        "/items?id=1%27%20UNION%20SELECT%20password%20FROM%20users--",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    ] {
        let nanoseconds = |look: &dyn Fn(&str) -> bool| {
            const TIMES: u128 = 20_000;
            look(text);
            let start = Instant::now();
            for _ in 0..TIMES {
                black_box(look(black_box(text)));
            }
            start.elapsed().as_nanos() / TIMES
        };
        println!(
            "{:>7} ns payload  {:>5} ns tool  {:>5} ns login  {text}",
            nanoseconds(&|text| payload::classify(text).is_empty()),
            nanoseconds(&|text| agent::tool(text).is_some()),
            nanoseconds(&login::is_login),
        );
    }
    println!();
}

fn plans(name: &str, what: &str, plans: impl Iterator<Item = Plan>) {
    report(
        &format!("{name} seeds, {what}"),
        plans.map(|plan| trial::run(&plan)),
    );
}

fn sketches(name: &str, what: &str, sketches: impl Iterator<Item = Sketch>) {
    report(
        &format!("{name} seeds, {what}"),
        sketches.map(|sketch| trial::run_sketch(&sketch)),
    );
}

fn report(title: &str, scores: impl Iterator<Item = Score>) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (flags, words): (Vec<&String>, Vec<&String>) = arguments
        .iter()
        .partition(|argument| argument.starts_with('-'));
    if words.iter().any(|word| !title.contains(*word)) {
        return;
    }
    let mut score = Score::default();
    scores.for_each(|part| score.add(part));
    println!("{title}");
    for (kind, counts) in &score.kinds {
        println!(
            "  {kind:<16} precision {:.3}  recall {:.3}  ({} right, {} wrong, {} missed)",
            counts.precision(),
            counts.recall(),
            counts.right,
            counts.wrong,
            counts.missed
        );
    }
    if flags.contains(&&"--notes".to_string()) {
        println!("{}", score.notes.join("\n"));
    }
    println!();
}
