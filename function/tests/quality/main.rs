//! Attacks and anomalies are found, and what looks like them is not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]

mod facts;
mod score;
mod trial;

use score::Score;
use traffic::{Plan, Sketch};

/// Seeds that the rules were not tuned with.
#[test]
fn each_type_is_found_and_nothing_else() {
    let mut score = Score::default();
    for seed in [9001, 9002] {
        score.add(trial::run(&Plan::new(seed)));
    }
    judge(&score);
}

/// Another kind of site, attacked with less force.
#[test]
fn so_it_is_on_another_site() {
    let mut score = Score::default();
    for seed in [9001, 9002] {
        let start = Plan::new(seed).start;
        let sketch = Sketch {
            seed,
            start,
            days: 5,
            a_day: 2000,
        };
        score.add(trial::run_sketch(&sketch));
    }
    judge(&score);
}

fn judge(score: &Score) {
    assert_eq!(score.kinds.len(), 10, "each type was planted");
    for (kind, counts) in &score.kinds {
        assert!(
            counts.precision() >= 0.95 && counts.recall() >= 0.95,
            "{kind}: {counts:?}\n{}",
            score.notes.join("\n")
        );
    }
}
