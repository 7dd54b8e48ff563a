//! Figures: percentiles from histograms, and numbers tidy enough to read.

use serde::Serialize;
use sqlx::Error;
use sqlx::mysql::MySqlRow;

use crate::sql::get;

/// SQL that rounds a response time to three significant digits. Groups of it make a histogram
/// whose size does not grow with the rows, exact below 1000 ms for whole milliseconds
/// and never off by more than 0.5 %.
pub const TIME_BUCKET: &str =
    "IF(response_time_ms > 0, ROUND(response_time_ms, 2 - FLOOR(LOG10(response_time_ms))), 0)";

/// How often each value occurs.
#[derive(Debug, Default)]
pub struct Histogram(Vec<(f64, u64)>);

impl Histogram {
    pub fn add(&mut self, value: f64, count: u64) {
        self.0.push((value, count));
    }

    /// By nearest rank: the least value that at least `percent` of the values don't exceed.
    fn percentile(&self, total: u64, percent: u64) -> Option<f64> {
        let rank = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let found = self.0.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        found.map(|(value, _)| *value)
    }

    /// The distribution; `avg`, `min` and `max` come exact from the server.
    pub fn distribution(mut self, exact: Exact) -> Distribution {
        self.0.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total = self.0.iter().map(|(_, count)| count).sum();
        // Rounding must not lead outside of what was seen.
        let percentile = |percent| {
            let value = self.percentile(total, percent)?;
            Some(tidy(value.max(exact.min?).min(exact.max?)))
        };
        Distribution {
            avg: exact.avg.map(tidy),
            min: exact.min.map(tidy),
            p50: percentile(50),
            p90: percentile(90),
            p95: percentile(95),
            p99: percentile(99),
            max: exact.max.map(tidy),
        }
    }
}

/// What the server computes without rounding.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exact {
    pub avg: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

impl Exact {
    /// The columns that [`Exact::read`] needs.
    pub const COLUMNS: &'static str = "AVG(response_time_ms) AS avg_ms, MIN(response_time_ms) AS min_ms, MAX(response_time_ms) AS max_ms";

    pub fn read(row: &MySqlRow) -> Result<Self, Error> {
        Ok(Self {
            avg: get(row, "avg_ms")?,
            min: get(row, "min_ms")?,
            max: get(row, "max_ms")?,
        })
    }
}

/// Response times in milliseconds; nothing where none were stored.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub struct Distribution {
    #[serde(serialize_with = "plain")]
    pub avg: Option<f64>,
    #[serde(serialize_with = "plain")]
    pub min: Option<f64>,
    #[serde(serialize_with = "plain")]
    pub p50: Option<f64>,
    #[serde(serialize_with = "plain")]
    pub p90: Option<f64>,
    #[serde(serialize_with = "plain")]
    pub p95: Option<f64>,
    #[serde(serialize_with = "plain")]
    pub p99: Option<f64>,
    #[serde(serialize_with = "plain")]
    pub max: Option<f64>,
}

/// Six significant digits: more is noise, and costs a model's context.
pub fn tidy(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// A count as a number to compute with; exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// `part` of `whole` in per cent.
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        tidy(float(part) * 100.0 / float(whole))
    }
}

/// Writes 12 rather than 12.0.
#[allow(clippy::ref_option, reason = "serde passes the field by reference")]
pub fn plain<S: serde::Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        None => serializer.serialize_none(),
        Some(value) => number(value, serializer),
    }
}

/// Writes 12 rather than 12.0.
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
pub fn number<S: serde::Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        // In range and without a fraction, so nothing is lost.
        #[allow(clippy::cast_possible_truncation)]
        return serializer.serialize_i64(*value as i64);
    }
    serializer.serialize_f64(*value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        let mut histogram = Histogram::default();
        for value in (1..=100).rev() {
            histogram.add(f64::from(value), 1);
        }
        let exact = Exact {
            avg: Some(50.5),
            min: Some(1.0),
            max: Some(100.0),
        };
        let found = histogram.distribution(exact);
        assert_eq!(found.p50, Some(50.0));
        assert_eq!(found.p90, Some(90.0));
        assert_eq!(found.p95, Some(95.0));
        assert_eq!(found.p99, Some(99.0));
        assert_eq!(found.max, Some(100.0));
    }

    #[test]
    fn rounding_stays_within_what_was_seen() {
        let mut histogram = Histogram::default();
        histogram.add(1240.0, 3);
        let exact = Exact {
            avg: Some(1239.0),
            min: Some(1239.0),
            max: Some(1239.0),
        };
        assert_eq!(histogram.distribution(exact).p99, Some(1239.0));
    }

    #[test]
    fn nothing_has_no_distribution() {
        let none = Histogram::default().distribution(Exact::default());
        assert_eq!(none, Distribution::default());
        assert!(
            serde_json::to_string(&none)
                .unwrap()
                .starts_with(r#"{"avg":null"#)
        );
    }

    #[test]
    fn numbers_are_tidy() {
        assert_eq!(tidy(100.0 / 3.0), 33.3333);
        assert_eq!(tidy(5.0 / 86_400.0), 5.78704e-5);
        assert_eq!(percent(1, 0), 0.0);
        let text = serde_json::to_string(&Distribution {
            avg: Some(12.0),
            max: Some(12.5),
            ..Distribution::default()
        });
        assert!(text.unwrap().starts_with(r#"{"avg":12,"#));
    }
}
