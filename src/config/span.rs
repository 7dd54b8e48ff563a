//! Lengths of time as infra.toml has them: `30s`, `90m`, `24h`, `7d`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    seconds: u64,
}

impl Span {
    pub const fn hours(hours: u64) -> Self {
        Self {
            seconds: hours * 3600,
        }
    }

    pub const fn seconds(seconds: u64) -> Self {
        Self { seconds }
    }

    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (unit, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
        let number: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        let seconds = number.checked_mul(*seconds)?;
        Some(Self { seconds })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, unit): &&(char, u64)| self.seconds.is_multiple_of(*unit);
        let (unit, seconds) = match self.seconds {
            0 => ('s', 1),
            _ => UNITS.iter().find(fits).copied().unwrap_or(('s', 1)),
        };
        write!(f, "{}{unit}", self.seconds / seconds)
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| {
            format!("`{text}` is no length of time; examples: \"30m\", \"24h\", \"7d\"")
        })
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        for (text, seconds) in [("30s", 30), ("90m", 5400), ("24h", 86_400), ("7d", 604_800)] {
            let span = Span::parse(text).unwrap();
            assert_eq!(span.duration(), Duration::from_secs(seconds));
        }
        for wrong in [
            "",
            "24",
            "h",
            "1.5h",
            "-1s",
            "1w",
            "é",
            "99999999999999999999d",
        ] {
            assert_eq!(Span::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_span_is_shown_in_its_largest_whole_unit() {
        for (given, shown) in [("0h", "0s"), ("24h", "1d"), ("36h", "36h"), ("90s", "90s")] {
            assert_eq!(Span::parse(given).unwrap().to_string(), shown);
        }
    }
}
