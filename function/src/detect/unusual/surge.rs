//! The same errors, and more severe.

use super::{Buckets, Finding, Frame, Kind, Tally, scale};
use crate::figures::{float, tidy};

const LEAST_SCORED: u64 = 5;
/// By how much severity must rise to be worth telling.
const LEAST_RISE: f64 = 1.5;

/// The run of buckets within the window in which the same errors were the most severe, where that
/// is far above their usual severity.
pub(super) fn surge(buckets: &Buckets, frame: Frame) -> Option<Finding> {
    let scored = || {
        let known = buckets.range(frame.known_from..=frame.last);
        known.filter(|(_, tally)| tally.scored > 0)
    };
    let mut means: Vec<(f64, f64)> = scored()
        .map(|(_, tally)| (tally.severity / float(tally.scored), float(tally.scored)))
        .collect();
    let all: f64 = means.iter().map(|(_, weight)| weight).sum();
    // The median over errors: an hour with a hundred says more than one with two.
    let expected = weighted_median(&mut means)?;
    // From how far the buckets' means scatter, how far single errors do.
    let mut scatter: Vec<(f64, f64)> = means
        .iter()
        .map(|(mean, n)| ((mean - expected).powi(2) * n, *n))
        .collect();
    let deviation = (weighted_median(&mut scatter)? / 0.455).sqrt().max(0.5);

    let rise = |sum: Tally| sum.severity / float(sum.scored.max(1)) - expected;
    // The run whose errors together exceed the usual by more than half of the least rise each.
    let gain = |sum: Tally| sum.severity - float(sum.scored) * (expected + LEAST_RISE / 2.0);
    let (mut run, mut start) = (Tally::default(), frame.first);
    let mut best: Option<(i64, Tally)> = None;
    for (&bucket, tally) in scored().filter(|(bucket, _)| **bucket >= frame.first) {
        if gain(run) <= 0.0 {
            (run, start) = (Tally::default(), bucket);
        }
        run.scored += tally.scored;
        run.severity += tally.severity;
        if best.is_none_or(|(_, sum)| gain(run) > gain(sum)) {
            best = Some((start, run));
        }
    }
    let (bucket, sum) = best?;
    let errors = float(sum.scored);
    let usual = sum.scored >= LEAST_SCORED && all - errors >= float(LEAST_SCORED);
    if !usual || rise(sum) < LEAST_RISE || rise(sum) * errors.sqrt() / deviation < 5.0 {
        return None;
    }
    Some(Finding {
        kind: Kind::SeveritySurge,
        bucket,
        observed: tidy(expected + rise(sum)),
        expected: tidy(expected),
        score: scale(3.0 + rise(sum)),
    })
}

/// The value below which half of the weight lies.
fn weighted_median(values: &mut [(f64, f64)]) -> Option<f64> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut seen = 0.0;
    let found = values.iter().find(|(_, weight)| {
        seen += weight;
        seen >= half
    });
    found.map(|(value, _)| *value)
}
