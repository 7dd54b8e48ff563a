//! Times: whole seconds in UTC, and the windows made of them.

use std::fmt;

use serde::{Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::format_description::{BorrowedFormatItem, StaticFormatDescription};
use time::macros::{datetime, format_description};
use time::{Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};

const FORMAT: StaticFormatDescription =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const EPOCH: PrimitiveDateTime = datetime!(1970-01-01 0:00);

/// How a caller may write a time.
pub const EXPECTED: &str = "a time as YYYY-MM-DD HH:MM:SS in UTC, or RFC 3339 with an offset";

/// One second in UTC, as the tables store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Second(PrimitiveDateTime);

impl Second {
    /// The current second.
    pub fn now() -> Self {
        let now = OffsetDateTime::now_utc();
        Self::new(PrimitiveDateTime::new(now.date(), now.time()))
    }

    /// Fractions are dropped: every comparison is at whole seconds.
    pub fn new(value: PrimitiveDateTime) -> Self {
        Self(value.truncate_to_second())
    }

    /// Reads either accepted form. Only years that a DATETIME column holds.
    pub fn parse(text: &str) -> Option<Self> {
        let value = if let Ok(value) = PrimitiveDateTime::parse(text, FORMAT) {
            value
        } else {
            // The parser takes any byte between date and time.
            matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' ')).then_some(())?;
            let value = OffsetDateTime::parse(text, &Rfc3339)
                .ok()?
                .checked_to_offset(UtcOffset::UTC)?;
            PrimitiveDateTime::new(value.date(), value.time())
        };
        (1000..=9999)
            .contains(&value.year())
            .then(|| Self::new(value))
    }

    /// The value to bind.
    pub fn sql(self) -> PrimitiveDateTime {
        self.0
    }

    /// Moved by `seconds`, stopping at the ends of time.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self::new(self.0.saturating_add(Duration::seconds(seconds)))
    }

    /// Seconds since 1970.
    pub fn epoch(self) -> i64 {
        (self.0 - EPOCH).whole_seconds()
    }

    /// The second that many seconds after 1970.
    pub fn from_epoch(seconds: i64) -> Self {
        Self(EPOCH).plus(seconds)
    }
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(FORMAT).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Second {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Now, for a log line.
pub fn now_millis() -> String {
    OffsetDateTime::now_utc().format(MILLIS).unwrap_or_default()
}

/// Milliseconds since 1970.
pub fn epoch_millis() -> u64 {
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    u64::try_from(now).unwrap_or_default()
}

/// A span of time of which both ends are part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    #[serde(rename = "start_time")]
    pub start: Second,
    #[serde(rename = "end_time")]
    pub end: Second,
}

const DAY: i64 = 86_400;

impl Window {
    /// A summary's window: without ends the last 24 hours, with one end the 24 hours beside it.
    pub fn summary(start: Option<Second>, end: Option<Second>, now: Second) -> Self {
        match (start, end) {
            (Some(start), Some(end)) => Self { start, end },
            (Some(start), None) => Self {
                start,
                end: start.plus(DAY),
            },
            (None, end) => {
                let end = end.unwrap_or(now);
                Self {
                    start: end.plus(-DAY),
                    end,
                }
            }
        }
    }

    /// How many seconds it covers; the last one counts too.
    pub fn seconds(&self) -> i64 {
        self.end.epoch() - self.start.epoch() + 1
    }

    /// The width in seconds of the buckets that cut the window into at most `most`:
    /// one that people read easily, so that borders fall on whole minutes, hours or days.
    pub fn bucket(&self, most: i64) -> i64 {
        const WIDTHS: [i64; 15] = [
            1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY,
        ];
        let fits = |width: i64| {
            self.end.epoch().div_euclid(width) - self.start.epoch().div_euclid(width) < most
        };
        let days = (1..).map(|days| days * DAY);
        WIDTHS
            .into_iter()
            .chain(days)
            .find(|width| fits(*width))
            .unwrap_or(i64::MAX)
    }

    /// Every bucket of that width that the window touches: its number and its first second.
    pub fn buckets(&self, width: i64) -> impl Iterator<Item = (i64, Second)> + use<> {
        let numbers = self.start.epoch().div_euclid(width)..=self.end.epoch().div_euclid(width);
        numbers.map(move |number| (number, Second::from_epoch(number * width)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> Second {
        Second::parse(text).unwrap()
    }

    #[test]
    fn reads_both_forms_and_answers_the_first() {
        assert_eq!(at("2025-01-31 23:59:59").to_string(), "2025-01-31 23:59:59");
        assert_eq!(
            at("2025-01-31T23:59:59Z").to_string(),
            "2025-01-31 23:59:59"
        );
        assert_eq!(
            at("2025-01-31T23:59:59.999+02:00").to_string(),
            "2025-01-31 21:59:59"
        );
        for wrong in [
            "",
            "2025-01-31",
            "2025-02-30 00:00:00",
            "2025-01-31 24:00:00",
            "2025-01-31T23:59:59",
            "2025-01-31x23:59:59Z",
            "31.01.2025 10:00:00",
            " 2025-01-31 23:59:59",
            "0999-01-01 00:00:00",
            "1738367999",
        ] {
            assert_eq!(Second::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_end_of_time_is_a_whole_second_too() {
        let end = Second::from_epoch(i64::MAX);
        assert_eq!(end, at("9999-12-31 23:59:59"));
        assert_eq!(end.plus(1), end);
    }

    #[test]
    fn summary_windows() {
        let now = at("2025-06-02 12:00:00");
        let day = |start: &str, end: &str| Window {
            start: at(start),
            end: at(end),
        };
        assert_eq!(
            Window::summary(None, None, now),
            day("2025-06-01 12:00:00", "2025-06-02 12:00:00")
        );
        assert_eq!(
            Window::summary(Some(at("2025-01-01 00:00:00")), None, now),
            day("2025-01-01 00:00:00", "2025-01-02 00:00:00")
        );
        assert_eq!(
            Window::summary(None, Some(at("2025-01-02 00:00:00")), now),
            day("2025-01-01 00:00:00", "2025-01-02 00:00:00")
        );
    }

    #[test]
    fn both_ends_count() {
        let window = Window {
            start: at("2025-01-01 00:00:00"),
            end: at("2025-01-01 23:59:59"),
        };
        assert_eq!(window.seconds(), 86_400);
        assert_eq!(
            Window {
                start: window.start,
                end: window.start
            }
            .seconds(),
            1
        );
    }

    #[test]
    fn buckets_stay_within_the_number_asked_for() {
        let start = at("2025-01-01 00:00:01");
        for (seconds, width) in [
            (0, 1),
            (200, 5),
            (3600, 30),
            (DAY, 600),
            (30 * DAY, 14_400),
            (4000 * DAY, 21 * DAY),
        ] {
            let window = Window {
                start,
                end: start.plus(seconds),
            };
            let bucket = window.bucket(200);
            assert!(
                bucket <= width.max(21_600) || bucket == width,
                "{seconds}: {bucket}"
            );
            let count =
                window.end.epoch().div_euclid(bucket) - start.epoch().div_euclid(bucket) + 1;
            assert!(count <= 200, "{seconds}: {count}");
        }
        let all = Window {
            start: at("1000-01-01 00:00:00"),
            end: at("9999-12-31 23:59:59"),
        };
        assert!(all.bucket(200) > DAY);
    }
}
