//! More errors than at any time before.

use super::{Buckets, Finding, Frame, Kind, scale};
use crate::figures::{float, tidy};

const LEAST_SPIKE: u64 = 10;

/// The bucket that stands out the most from what is usual, and usual at its time of day.
pub(super) fn spike(buckets: &Buckets, frame: Frame) -> Option<Finding> {
    let within = || buckets.range(frame.first..=frame.last);
    let usual = Usual::new(buckets, frame)?;
    let unusual = within().filter_map(|(&bucket, tally)| {
        let observed = float(tally.errors);
        let expected = usual
            .level
            .max(seasonal(buckets, frame, bucket).unwrap_or(usual.busy));
        let deviations = (observed - expected) / expected.max(1.0).sqrt();
        let stands_out =
            tally.errors >= LEAST_SPIKE && observed >= expected * 2.5 && deviations >= 6.0;
        stands_out.then_some((deviations, bucket, observed, expected))
    });
    let (_, peak, observed, expected) = unusual.max_by(|a, b| a.0.total_cmp(&b.0))?;
    // It began with the first bucket of the same rise.
    let least = (expected * 2.0).max(observed / 4.0);
    let rises = |at: &i64| {
        buckets
            .get(at)
            .is_some_and(|tally| float(tally.errors) >= least)
    };
    let bucket = (frame.first..=peak)
        .rev()
        .take_while(rises)
        .last()
        .unwrap_or(peak);
    Some(Finding {
        kind: Kind::ErrorSpike,
        bucket,
        observed,
        expected: tidy(expected),
        score: scale(2.0 + (observed / expected.max(1.0)).log2() * 1.5),
    })
}

/// How many errors a bucket usually has, whatever the time of day.
struct Usual {
    level: f64,
    /// More than nearly every bucket has.
    busy: f64,
}

impl Usual {
    /// Nothing where there are too few buckets to tell.
    fn new(buckets: &Buckets, frame: Frame) -> Option<Self> {
        let known = buckets.range(frame.known_from..=frame.last);
        let mut counts: Vec<u64> = known.map(|(_, tally)| tally.errors).collect();
        // Buckets without errors have no row, but count.
        let all = usize::try_from(frame.last - frame.known_from + 1).unwrap_or(0);
        if all < 4 {
            return None;
        }
        counts.resize(all.max(counts.len()), 0);
        counts.sort_unstable();
        // What stands out is no part of the usual.
        let at = |percent: usize| {
            counts
                .get(counts.len() * percent / 100)
                .copied()
                .unwrap_or(0)
        };
        let fence = at(75) * 4 + 4;
        let calm = || counts.iter().copied().filter(|count| *count <= fence);
        let mean = float(calm().sum()) / float(calm().count().max(1) as u64);
        Some(Self {
            level: mean.max(float(at(50))),
            busy: float(at(90)),
        })
    }
}

/// How many errors there were at about the same time on the other days, or a week before.
/// Nothing where no other day is known.
fn seasonal(buckets: &Buckets, frame: Frame, bucket: i64) -> Option<f64> {
    // An hour earlier or later is the same time still.
    let slack = (frame.a_day / 24).max(1);
    let about = |at: i64| {
        let around = buckets.range(at - slack..=at + slack);
        around.map(|(_, tally)| tally.errors).max().unwrap_or(0)
    };
    let first = (frame.known_from - bucket).div_euclid(frame.a_day) + 1;
    let last = (frame.last - bucket).div_euclid(frame.a_day);
    let days = (first..=last).filter(|day| *day != 0);
    let mut others: Vec<(u64, bool)> = days
        .map(|day| (about(bucket + day * frame.a_day), day % 7 == 0))
        .collect();
    others.sort_unstable();
    let weekly = others
        .iter()
        .filter(|(_, same_weekday)| *same_weekday)
        .map(|(count, _)| *count);
    // Of an even number the greater: a job that failed twice may fail a third time.
    let median = others.get(others.len() / 2).map(|(count, _)| *count)?;
    Some(float(weekly.max().unwrap_or(0).max(median)))
}
