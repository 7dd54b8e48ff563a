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
    /// How many buckets make a day.
    pub a_day: i64,
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
/// The probability below which chance is no explanation.
const CHANCE: f64 = 0.02;

/// What is unusual about one code's errors within the frame. `seen_before` tells whether it
/// occurred before the history that `buckets` hold.
pub fn judge(buckets: &Buckets, frame: Frame, seen_before: bool) -> Vec<Finding> {
    if !seen_before && let Some(new) = new_code(buckets, frame) {
        // Its whole appearance is the news: a spike of something new would say it twice.
        return vec![new];
    }
    let spike = spike(buckets, frame);
    spike.into_iter().chain(surge(buckets, frame)).collect()
}

/// Whether the code began within the window, rather than being so rare that it had just not
/// occurred yet.
fn new_code(buckets: &Buckets, frame: Frame) -> Option<Finding> {
    let (&first, _) = buckets
        .range(..=frame.last)
        .find(|(_, tally)| tally.errors > 0)?;
    let past = first - frame.known_from;
    let counts = || {
        buckets
            .range(first..=frame.last)
            .map(|(_, tally)| tally.errors)
    };
    let total: u64 = counts().sum();
    // A day at least: what happens by day only is not new every morning.
    if first < frame.first || past < frame.a_day || total < LEAST_NEW {
        return None;
    }
    // Had they been as likely in any bucket, all would fall into the last ones so rarely. Errors
    // that come together have one cause, so many in one bucket weigh little more than one.
    let present = frame.last - first + 1;
    let share = real(present) / real(past + present);
    let weight = |errors: u64| {
        if errors == 0 {
            0.0
        } else {
            1.0 + float(errors).log2()
        }
    };
    let independent: f64 = counts().map(weight).sum();
    if share.powf(independent) > CHANCE {
        return None;
    }
    Some(Finding {
        kind: Kind::NewErrorCode,
        bucket: first,
        observed: float(total),
        expected: 0.0,
        score: scale(4.0 + float(total).log10() * 2.0),
    })
}

/// The bucket that stands out the most from what is usual, and usual at its time of day.
fn spike(buckets: &Buckets, frame: Frame) -> Option<Finding> {
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

/// The run of buckets within the window in which the same errors were the most severe, where that
/// is far above their usual severity.
fn surge(buckets: &Buckets, frame: Frame) -> Option<Finding> {
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

/// By how much severity must rise to be worth telling.
const LEAST_RISE: f64 = 1.5;

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

/// A number of buckets to compute with.
fn real(buckets: i64) -> f64 {
    float(u64::try_from(buckets).unwrap_or(0))
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
        a_day: 24,
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
        assert_eq!(judge(&steady(5, 4.0), FRAME, false), []);
        assert_eq!(judge(&Buckets::new(), FRAME, false), []);
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
        assert_eq!(judge(&daily.collect(), FRAME, false), []);
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
        let found = judge(&buckets, FRAME, false);
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
        let found = judge(&buckets, FRAME, false);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kind, found[0].bucket, found[0].observed),
            (Kind::NewErrorCode, 185, 50.0)
        );
        // It is only rare where it is known from before.
        assert!(
            judge(&buckets, FRAME, true)
                .iter()
                .all(|found| found.kind != Kind::NewErrorCode)
        );
        // Without a past everything would be new.
        let young = Frame {
            known_from: 183,
            ..FRAME
        };
        assert!(
            judge(&buckets, young, false)
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
        let found = judge(&buckets, FRAME, false);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kind, found[0].observed, found[0].expected),
            (Kind::SeveritySurge, 8.0, 3.0)
        );
    }

    fn errors(counts: impl IntoIterator<Item = (i64, u64)>) -> Buckets {
        let tally = |errors| Tally {
            errors,
            ..Tally::default()
        };
        counts
            .into_iter()
            .map(|(bucket, errors)| (bucket, tally(errors)))
            .collect()
    }

    #[test]
    fn what_happens_every_night_or_every_week() {
        let nightly =
            errors((0..8_u8).map(|day| (i64::from(day) * 24 + 2, 40 + u64::from(day) * 3)));
        assert_eq!(judge(&nightly, FRAME, false), []);
        assert_eq!(judge(&errors([(10, 50), (178, 60)]), FRAME, false), []);
        // But three times as much as ever is a spike, and so is the same at another time.
        let mut worse = nightly.clone();
        worse.insert(
            170,
            Tally {
                errors: 200,
                ..Tally::default()
            },
        );
        assert_eq!(judge(&worse, FRAME, false)[0].bucket, 170);
        let mut other = nightly;
        other.insert(
            182,
            Tally {
                errors: 40,
                ..Tally::default()
            },
        );
        assert_eq!(judge(&other, FRAME, false)[0].bucket, 182);
    }

    #[test]
    fn rare_codes() {
        // Every other day or so, by chance not in the first days.
        let rare = errors([(70, 1), (100, 1), (130, 2), (150, 1), (180, 1)]);
        assert_eq!(judge(&rare, Frame { first: 0, ..FRAME }, false), []);
        assert_eq!(judge(&errors([(170, 1), (180, 1)]), FRAME, false), []);
    }

    #[test]
    fn a_surge_of_some_hours() {
        let mut buckets = steady(5, 3.0);
        for bucket in 175..180 {
            buckets.insert(
                bucket,
                Tally {
                    errors: 5,
                    scored: 5,
                    severity: 35.0,
                },
            );
        }
        let found = judge(&buckets, FRAME, false);
        assert_eq!(
            (found.len(), found[0].kind, found[0].bucket),
            (1, Kind::SeveritySurge, 175)
        );
        assert_eq!(found[0].observed, 7.0);
    }
}
