//! Errors that are not as they used to be.

mod spike;
mod surge;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::figures::float;

use spike::spike;
use surge::surge;

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

const LEAST_NEW: u64 = 3;
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
    // Were it only rare, and as likely in any bucket, then all its errors would hardly ever fall
    // into the last buckets, nor so close together. Errors that come at once have one cause, so
    // many in one bucket weigh little more than one.
    let weight = |errors: u64| {
        if errors == 0 {
            0.0
        } else {
            1.0 + float(errors).log2()
        }
    };
    let weight: f64 = counts().map(weight).sum();
    let all = real(frame.last - frame.known_from + 1);
    let end = buckets
        .range(first..=frame.last)
        .rev()
        .find(|(_, tally)| tally.errors > 0);
    let span = end.map_or(1, |(last, _)| last - first + 1);
    let late = (real(frame.last - first + 1) / all).powf(weight);
    let close = weight * (real(span) / all).powf(weight - 1.0);
    if late.min(close) > CHANCE {
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

    /// So many errors, none of them scored.
    fn count(errors: u64) -> Tally {
        Tally {
            errors,
            ..Tally::default()
        }
    }

    /// So many errors, each of this severity.
    fn scored(errors: u64, severity: f64) -> Tally {
        Tally {
            errors,
            scored: errors,
            severity: float(errors) * severity,
        }
    }

    fn steady(errors: u64, severity: f64) -> Buckets {
        let every = |bucket| (bucket, scored(errors, severity));
        (0..=191).map(every).collect()
    }

    #[test]
    fn nothing_unusual() {
        assert_eq!(judge(&steady(5, 4.0), FRAME, false), []);
        assert_eq!(judge(&Buckets::new(), FRAME, false), []);
        // A day's ups and downs.
        let daily = (0..=191).map(|at| (at, count(if at % 24 < 12 { 40 } else { 5 })));
        assert_eq!(judge(&daily.collect(), FRAME, false), []);
    }

    #[test]
    fn a_spike_is_one_finding() {
        let mut buckets = steady(5, 4.0);
        for bucket in 180..183 {
            buckets.insert(bucket, scored(80, 4.0));
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
        let buckets = Buckets::from([(185, count(50))]);
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
            buckets.insert(bucket, scored(5, 8.0));
        }
        let found = judge(&buckets, FRAME, false);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kind, found[0].observed, found[0].expected),
            (Kind::SeveritySurge, 8.0, 3.0)
        );
    }

    fn errors(counts: impl IntoIterator<Item = (i64, u64)>) -> Buckets {
        let counts = counts.into_iter();
        counts
            .map(|(bucket, errors)| (bucket, count(errors)))
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
        worse.insert(170, count(200));
        assert_eq!(judge(&worse, FRAME, false)[0].bucket, 170);
        let mut other = nightly;
        other.insert(182, count(40));
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
            buckets.insert(bucket, scored(5, 7.0));
        }
        let found = judge(&buckets, FRAME, false);
        assert_eq!(
            (found.len(), found[0].kind, found[0].bucket),
            (1, Kind::SeveritySurge, 175)
        );
        assert_eq!(found[0].observed, 7.0);
    }
}
