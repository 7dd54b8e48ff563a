//! Errors that are not as they used to be.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::figures::{float, tidy};

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    ErrorSpike,
    NewErrorCode,
    SeveritySurge,
}

impl Kind {
    /// The contract's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ErrorSpike => "error_spike",
            Self::NewErrorCode => "new_error_code",
            Self::SeveritySurge => "severity_surge",
        }
    }
}

/// Errors of one code in one bucket of time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub errors: u64,
    /// Errors that have a severity score, and the sum of the scores.
    pub scored: u64,
    pub severity: f64,
}

/// One code's errors by bucket.
pub type Buckets = BTreeMap<i64, Tally>;

/// Which buckets there are.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// The first bucket of which anything is stored, or where the history begins.
    pub known_from: i64,
    /// The window: its first and last bucket.
    pub first: i64,
    pub last: i64,
}

/// Something unusual about one code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    pub kind: Kind,
    /// The bucket in which it began.
    pub bucket: i64,
    pub observed: f64,
    pub expected: f64,
    /// From 0 to 10.
    pub score: f64,
}

const LEAST_SPIKE: u64 = 10;
const LEAST_NEW: u64 = 3;
const LEAST_SCORED: u64 = 5;
/// A code counts as new only where there is this much of a past to miss it in.
const LEAST_PAST: i64 = 6;

/// What is unusual about one code's errors within the frame.
pub fn judge(buckets: &Buckets, frame: Frame) -> Vec<Finding> {
    let before = || buckets.range(..frame.first).map(|(_, tally)| tally);
    let within = || {
        buckets
            .range(frame.first..=frame.last)
            .map(|(_, tally)| tally)
    };
    let total: u64 = within().map(|tally| tally.errors).sum();
    if before().all(|tally| tally.errors == 0)
        && frame.first - frame.known_from >= LEAST_PAST
        && total >= LEAST_NEW
    {
        let bucket = buckets
            .range(frame.first..)
            .find(|(_, tally)| tally.errors > 0)
            .map_or(frame.first, |(at, _)| *at);
        let score = scale(4.0 + float(total).log10() * 2.0);
        // Its whole appearance is the news: a spike of something new would say it twice.
        return vec![Finding {
            kind: Kind::NewErrorCode,
            bucket,
            observed: float(total),
            expected: 0.0,
            score,
        }];
    }
    spike(buckets, frame)
        .into_iter()
        .chain(surge(buckets, frame))
        .collect()
}

/// The bucket with the most errors, where it stands far above the median of all.
fn spike(buckets: &Buckets, frame: Frame) -> Option<Finding> {
    let (&peak_bucket, peak) = buckets
        .range(frame.first..=frame.last)
        .max_by_key(|(_, tally)| tally.errors)?;
    // Buckets without errors have no row, but count. The spike itself is no part of the usual.
    let mut counts: Vec<u64> = buckets
        .range(frame.known_from..=frame.last)
        .filter(|(bucket, _)| **bucket != peak_bucket)
        .map(|(_, tally)| tally.errors)
        .collect();
    let others = usize::try_from(frame.last - frame.known_from).unwrap_or(0);
    counts.resize(others.max(counts.len()), 0);
    if counts.len() < 3 {
        return None;
    }
    counts.sort_unstable();
    let median = float(counts[counts.len() / 2]);
    let mean = float(counts.iter().sum()) / float(counts.len() as u64);
    let busy = float(counts[counts.len() * 95 / 100]);
    let expected = median.max(mean);
    let observed = float(peak.errors);
    let deviations = (observed - expected) / expected.max(1.0).sqrt();
    if peak.errors < LEAST_SPIKE
        || observed < expected * 3.0
        || observed < busy * 1.5
        || deviations < 5.0
    {
        return None;
    }
    // It began with the first bucket of the same rise.
    let bucket = (frame.first..=peak_bucket)
        .rev()
        .take_while(|at| {
            buckets
                .get(at)
                .is_some_and(|tally| float(tally.errors) >= (expected * 2.0).max(observed / 4.0))
        })
        .last()
        .unwrap_or(peak_bucket);
    let score = scale(2.0 + (observed / expected.max(1.0)).log2() * 1.5);
    Some(Finding {
        kind: Kind::ErrorSpike,
        bucket,
        observed,
        expected: tidy(expected),
        score,
    })
}

/// Whether the same code has become much more severe than before the window.
fn surge(buckets: &Buckets, frame: Frame) -> Option<Finding> {
    let mean = |tallies: &mut dyn Iterator<Item = &Tally>| {
        let (scored, sum) = tallies.fold((0, 0.0), |(n, sum), tally| {
            (n + tally.scored, sum + tally.severity)
        });
        (scored >= LEAST_SCORED).then(|| sum / float(scored))
    };
    let expected = mean(&mut buckets.range(..frame.first).map(|(_, tally)| tally))?;
    let observed = mean(
        &mut buckets
            .range(frame.first..=frame.last)
            .map(|(_, tally)| tally),
    )?;
    let rise = observed - expected;
    if rise < 2.0 {
        return None;
    }
    let raised =
        |tally: &Tally| tally.scored > 0 && tally.severity / float(tally.scored) >= expected + 1.0;
    let bucket = buckets
        .range(frame.first..=frame.last)
        .find(|(_, tally)| raised(tally))
        .map_or(frame.first, |(at, _)| *at);
    Some(Finding {
        kind: Kind::SeveritySurge,
        bucket,
        observed: tidy(observed),
        expected: tidy(expected),
        score: scale(3.0 + rise),
    })
}

fn scale(score: f64) -> f64 {
    (score.clamp(0.0, 10.0) * 10.0).round() / 10.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::float_cmp)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame {
        known_from: 0,
        first: 168,
        last: 191,
    };

    fn steady(errors: u64, severity: f64) -> Buckets {
        let tally = Tally {
            errors,
            scored: errors,
            severity: float(errors) * severity,
        };
        (0..=191).map(|bucket| (bucket, tally)).collect()
    }

    #[test]
    fn nothing_unusual() {
        assert_eq!(judge(&steady(5, 4.0), FRAME), []);
        assert_eq!(judge(&Buckets::new(), FRAME), []);
        // A day's ups and downs.
        let daily = (0..=191).map(|at| {
            (
                at,
                Tally {
                    errors: if at % 24 < 12 { 40 } else { 5 },
                    ..Tally::default()
                },
            )
        });
        assert_eq!(judge(&daily.collect(), FRAME), []);
    }

    #[test]
    fn a_spike_is_one_finding() {
        let mut buckets = steady(5, 4.0);
        for bucket in 180..183 {
            buckets.insert(
                bucket,
                Tally {
                    errors: 80,
                    scored: 80,
                    severity: 320.0,
                },
            );
        }
        let found = judge(&buckets, FRAME);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kind, found[0].bucket, found[0].observed),
            (Kind::ErrorSpike, 180, 80.0)
        );
    }

    #[test]
    fn a_new_code() {
        let buckets = Buckets::from([(
            185,
            Tally {
                errors: 50,
                ..Tally::default()
            },
        )]);
        let found = judge(&buckets, FRAME);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kind, found[0].bucket, found[0].observed),
            (Kind::NewErrorCode, 185, 50.0)
        );
        // Without a past everything would be new.
        let young = Frame {
            known_from: 168,
            ..FRAME
        };
        assert!(
            judge(&buckets, young)
                .iter()
                .all(|finding| finding.kind != Kind::NewErrorCode)
        );
    }

    #[test]
    fn a_surge() {
        let mut buckets = steady(5, 3.0);
        for bucket in 168..=191 {
            buckets.insert(
                bucket,
                Tally {
                    errors: 5,
                    scored: 5,
                    severity: 40.0,
                },
            );
        }
        let found = judge(&buckets, FRAME);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kind, found[0].observed, found[0].expected),
            (Kind::SeveritySurge, 8.0, 3.0)
        );
    }
}
