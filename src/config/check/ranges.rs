//! The least and the most that a number may be.

use super::super::document::{Document, Place, entries};
use super::super::problem::Problem;
use toml::de::DeInteger;

pub(in super::super) struct Range {
    pub(in super::super) place: &'static str,
    pub(in super::super) least: i64,
    pub(in super::super) most: i64,
    why: &'static str,
}

const fn range(place: &'static str, least: i64, most: i64, why: &'static str) -> Range {
    Range {
        place,
        least,
        most,
        why,
    }
}

/// No alarm wants more in five minutes; it only has to be a bound.
const COUNT: i64 = 1_000_000;

/// Every number of the file. The subnets of the smallest network, a /24 in eight parts, are
/// /27 and so above what EC2 asks for: zones and CIDR need no check against each other.
pub(in super::super) const RANGES: [Range; 33] = [
    range(
        "network.zones",
        2,
        6,
        "RDS wants subnets in two zones, and no region has more than six",
    ),
    range("database.port", 1150, 65_535, "these are the bounds of RDS"),
    range(
        "database.storage_gb",
        20,
        65_536,
        "these are the bounds of RDS for MariaDB",
    ),
    range(
        "database.backup_days",
        7,
        35,
        "RDS keeps 35 days at most, and in less than a week a loss may go unnoticed",
    ),
    range(
        "database.log_retention_days",
        7,
        36_500,
        "without the key nothing is dropped, and anomalies are judged by the seven days before",
    ),
    range(
        "database.rotate_after_days",
        0,
        1000,
        "these are the bounds of Secrets Manager, and at 0 nothing rotates by itself",
    ),
    range(
        "database.enhanced_monitoring_s",
        0,
        60,
        "0 turns it off, and RDS looks once a minute at least",
    ),
    range(
        "function.memory_mb",
        128,
        10_240,
        "these are Lambda's bounds",
    ),
    range(
        "function.timeout_s",
        1,
        30,
        "API Gateway answers 504 after 29 seconds, whatever the function still does",
    ),
    range(
        "function.reserved_concurrency",
        1,
        1000,
        "0 would stop the function, and an account has 1000 in all",
    ),
    range(
        "function.log_retention_days",
        1,
        3653,
        "CloudWatch keeps logs for ten years at most",
    ),
    range(
        "function.max_payload_bytes",
        1024,
        6_291_456,
        "Lambda takes 6 MiB in one call, and a question needs some room",
    ),
    range(
        "function.keep_versions",
        1,
        50,
        "without an older version there is no way back, and all of them take of the account's code storage",
    ),
    range(
        "function.max_query_limit",
        1,
        10_000,
        "rows are answered in one response",
    ),
    range(
        "api.throttle.rate",
        1,
        10_000,
        "an account has 10000 requests per second in a region",
    ),
    range(
        "api.throttle.burst",
        1,
        5000,
        "an account has a burst of 5000 in a region",
    ),
    range(
        "api.usage_plan.throttle.rate",
        1,
        10_000,
        "an account has 10000 requests per second in a region",
    ),
    range(
        "api.usage_plan.throttle.burst",
        1,
        5000,
        "an account has a burst of 5000 in a region",
    ),
    range(
        "api.usage_plan.quota.limit",
        1,
        2_147_483_647,
        "API Gateway counts in 32 bits, and a key without any request is of no use",
    ),
    range(
        "waf.rate_limit_5min",
        10,
        2_000_000_000,
        "these are the bounds of AWS WAF",
    ),
    range(
        "alarms.function_errors_5min",
        1,
        COUNT,
        "at 0 the alarm would always ring",
    ),
    range(
        "alarms.api_errors_5min",
        1,
        COUNT,
        "at 0 the alarm would always ring",
    ),
    range(
        "alarms.latency_p99_ms",
        1,
        29_000,
        "API Gateway gives up after 29 seconds: above, the alarm would never ring",
    ),
    range("alarms.database_cpu_percent", 1, 100, "it is a percentage"),
    range(
        "alarms.database_connections_percent",
        1,
        100,
        "it is a percentage",
    ),
    range(
        "audit.retention_days",
        90,
        3653,
        "an attack may be found months later, and CloudWatch keeps logs for ten years at most",
    ),
    range(
        "cost.requests_per_month",
        0,
        100_000_000_000,
        "it is what the stack is expected to answer, 38000 in each second at most",
    ),
    range(
        "cost.function_ms",
        1,
        30_000,
        "API Gateway answers 504 after 29 seconds, whatever the function still does",
    ),
    range(
        "cost.response_bytes",
        0,
        6_291_456,
        "Lambda answers with 6 MiB at most",
    ),
    range(
        "cost.log_bytes_per_request",
        0,
        1_048_576,
        "CloudWatch takes 1 MiB in an entry",
    ),
    range(
        "cost.background_log_mb",
        0,
        1_000_000,
        "it is megabytes a month, in each log",
    ),
    range(
        "cost.function_metrics",
        0,
        10_000,
        "it is four for each intent that is called",
    ),
    // MariaDB's own bounds; it is written as text among the other parameters.
    range(
        "database.parameters.max_connections",
        10,
        100_000,
        "these are MariaDB's bounds",
    ),
];

/// Numbers out of their range, with their places.
pub(in super::super) fn find(document: &Document<'_>) -> Vec<(Place, Problem)> {
    entries(document.root.get_ref())
        .into_iter()
        .filter_map(|(place, entry)| {
            let known = place.to_string();
            let range = RANGES.iter().find(|range| range.place == known)?;
            let number = entry.value.get_ref().as_integer()?;
            // Too long for 128 bits is out of every range.
            let value = exact(number).unwrap_or(i128::MAX);
            let nearest = range.nearest(value)?;
            let shown = document.text.get(entry.value.span()).unwrap_or_default();
            let problem = Problem::new(
                format!(
                    "`{place}` is {shown}, and must be {} to {}",
                    range.least, range.most
                ),
                Some(entry.value.span()),
            )
            .label(if value < i128::from(range.least) {
                "too low"
            } else {
                "too high"
            })
            .help(format!(
                "the nearest is `{} = {nearest}`: {}",
                place.name(),
                range.why
            ));
            Some((place, problem))
        })
        .collect()
}

impl Range {
    /// The bound that a value is beyond.
    fn nearest(&self, value: i128) -> Option<i64> {
        if value < i128::from(self.least) {
            Some(self.least)
        } else if value > i128::from(self.most) {
            Some(self.most)
        } else {
            None
        }
    }
}

fn exact(number: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}
