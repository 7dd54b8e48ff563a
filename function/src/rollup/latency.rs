//! Response times as a histogram that can be merged and whose size does not grow with the rows.

use serde::{Deserialize, Serialize};

use super::sums::Totals;
use crate::figures::{Distribution, float, tidy};
use crate::sorted::Sorted;

/// Response times in milliseconds, by bins of three significant digits.
///
/// A value that has no more digits (a whole number of milliseconds below 1000, say) is kept
/// exactly; any other is known to lie between two neighbours and taken for their middle, which
/// is never off by more than 0.5 %. Values below a microsecond count as 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Bins and how many values are in each.
    bins: Sorted<u16, u64>,
    sum: f64,
    min: Option<f64>,
    max: Option<f64>,
}

/// The least decimal exponent that has bins of its own.
const LEAST: i32 = -3;
/// Whatever is greater is in the last bin.
const MOST: f64 = 1e33;
/// From 100 to 999, each with the gap that follows.
const BINS_PER_DECADE: i32 = 1800;

impl Latency {
    pub fn add(&mut self, value: f64) {
        self.bins.join(bin(value), 1, add);
        self.sum += value;
        self.widen(Some(value), Some(value));
    }

    fn widen(&mut self, min: Option<f64>, max: Option<f64>) {
        self.min = [self.min, min].into_iter().flatten().reduce(f64::min);
        self.max = [self.max, max].into_iter().flatten().reduce(f64::max);
    }

    pub fn merge(&mut self, other: &Self) {
        self.bins.merge(&other.bins, add);
        self.sum += other.sum;
        self.widen(other.min, other.max);
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.bins.values().sum()
    }

    /// The mean, exactly; nothing where there are no values.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum / float(count))
    }

    /// What a series shows of them.
    pub fn totals(&self) -> Totals {
        Totals {
            timed: self.count(),
            time: self.sum,
            slowest: self.max,
            ..Totals::default()
        }
    }

    /// How many values are greater; exact for a threshold of at most three significant digits.
    pub fn above(&self, threshold: f64) -> u64 {
        let greater = self
            .bins
            .all()
            .iter()
            .filter(|(bin, _)| middle(*bin) > threshold);
        greater.map(|(_, count)| count).sum()
    }

    pub fn distribution(&self) -> Distribution {
        let total = self.count();
        // A bin's middle must not lie outside of what was seen.
        let percentile = |percent| {
            let value = self.percentile(total, percent)?;
            Some(tidy(value.max(self.min?).min(self.max?)))
        };
        Distribution {
            avg: self.mean().map(tidy),
            min: self.min.map(tidy),
            p50: percentile(50),
            p90: percentile(90),
            p95: percentile(95),
            p99: percentile(99),
            max: self.max.map(tidy),
        }
    }

    /// By nearest rank: the least value that at least `percent` of the values don't exceed.
    fn percentile(&self, total: u64, percent: u64) -> Option<f64> {
        let rank = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let found = self.bins.all().iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        found.map(|(bin, _)| middle(*bin))
    }
}

fn add(known: &mut u64, count: u64) {
    *known += count;
}

/// The number of a value's bin; greater values have greater numbers.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what fits"
)]
fn bin(value: f64) -> u16 {
    if value.is_nan() || value < 10_f64.powi(LEAST) {
        return 0;
    }
    let value = value.min(MOST);
    let mut exponent = value.log10().floor() as i32;
    let mut digits = scaled(value, exponent);
    // The logarithm of a power of ten may be a little off.
    if digits < 100.0 {
        exponent -= 1;
        digits = scaled(value, exponent);
    } else if digits >= 1000.0 {
        exponent += 1;
        digits = scaled(value, exponent);
    }
    let nearest = digits.round();
    let (whole, between) = if (digits - nearest).abs() < 1e-6 {
        (nearest as i32, 0)
    } else {
        (digits.floor() as i32, 1)
    };
    let number = (exponent - LEAST) * BINS_PER_DECADE + (whole - 100) * 2 + between + 1;
    number.clamp(0, i32::from(u16::MAX)) as u16
}

/// The value that stands for a bin.
fn middle(bin: u16) -> f64 {
    let Some(number) = bin.checked_sub(1).map(i32::from) else {
        return 0.0;
    };
    let (exponent, rest) = (number / BINS_PER_DECADE + LEAST, number % BINS_PER_DECADE);
    let digits = 100.0 + f64::from(rest / 2) + if rest % 2 == 1 { 0.5 } else { 0.0 };
    // Dividing by a power of ten keeps 12.3 what it is; multiplying by 0.1 would not.
    match exponent - 2 {
        down @ ..0 => digits / 10_f64.powi(-down),
        up => digits * 10_f64.powi(up),
    }
}

fn scaled(value: f64, exponent: i32) -> f64 {
    match 2 - exponent {
        down @ ..0 => value / 10_f64.powi(-down),
        up => value * 10_f64.powi(up),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_exact() {
        for value in [
            0.0,
            0.001,
            0.012,
            0.1,
            0.3,
            1.0,
            1.1,
            9.99,
            10.0,
            12.3,
            100.0,
            101.0,
            999.0,
            1000.0,
            1230.0,
            86_400_000.0,
            1e15,
        ] {
            assert_eq!(middle(bin(value)), value);
        }
    }

    #[test]
    fn others_are_off_by_half_a_per_cent_at_most() {
        let mut value = 0.001;
        let mut last = 0;
        while value < 1e12 {
            let found = middle(bin(value));
            assert!(
                (found - value).abs() <= value * 0.005_001,
                "{value}: {found}"
            );
            assert!(bin(value) >= last, "{value} comes after smaller ones");
            last = bin(value);
            value *= 1.000_37;
        }
        assert_eq!((bin(f64::NAN), bin(-1.0)), (0, 0));
        assert!(bin(1e30) > last);
        assert_eq!([bin(f64::MAX), bin(f64::INFINITY)], [bin(MOST); 2]);
    }

    #[test]
    fn nearest_rank() {
        let mut latency = Latency::default();
        for value in (1..=100).rev() {
            latency.add(f64::from(value));
        }
        let found = latency.distribution();
        assert_eq!((found.p50, found.p90), (Some(50.0), Some(90.0)));
        assert_eq!((found.p95, found.p99), (Some(95.0), Some(99.0)));
        assert_eq!((found.min, found.max), (Some(1.0), Some(100.0)));
        assert_eq!(found.avg, Some(50.5));
        assert_eq!((latency.above(90.0), latency.above(0.0)), (10, 100));
    }

    #[test]
    fn a_middle_stays_within_what_was_seen() {
        let mut latency = Latency::default();
        latency.add(1239.0);
        assert_eq!(latency.distribution().p99, Some(1239.0));
        assert_eq!(Latency::default().distribution(), Distribution::default());
    }

    #[test]
    fn merging_is_adding() {
        let (mut all, mut one, mut other) =
            (Latency::default(), Latency::default(), Latency::default());
        for value in 0..500 {
            let value = f64::from(value) * 1.75;
            all.add(value);
            if value < 300.0 { &mut one } else { &mut other }.add(value);
        }
        one.merge(&other);
        assert_eq!(one, all);
        let mut none = Latency::default();
        none.merge(&all);
        assert_eq!(none, all);
    }
}
