//! Figures: numbers tidy enough to read.

use serde::Serialize;

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
