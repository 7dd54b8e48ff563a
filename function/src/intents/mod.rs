//! What the chatbot can be asked. One intent is one file.

mod get_access_logs;
mod get_anomalies;
mod get_error_logs;
mod get_performance_metrics;
mod get_security_threats;
mod get_traffic_summary;
mod store_access_log;
mod store_error_log;

use crate::contract::{Intent, Kind, Param};
use crate::params::Params;
use crate::time::{Second, Window};

/// Every intent, in the order of the contract.
pub static INTENTS: [&Intent; 8] = [
    &get_access_logs::INTENT,
    &get_error_logs::INTENT,
    &store_access_log::INTENT,
    &store_error_log::INTENT,
    &get_traffic_summary::INTENT,
    &get_security_threats::INTENT,
    &get_performance_metrics::INTENT,
    &get_anomalies::INTENT,
];

/// The intent of that name.
pub fn find(name: &str) -> Option<&'static Intent> {
    INTENTS.into_iter().find(|intent| intent.name == name)
}

/// Every intent's name.
pub fn names() -> [&'static str; 8] {
    INTENTS.map(|intent| intent.name)
}

const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "CONNECT",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
];
const LOG_LEVELS: &[&str] = &[
    "TRACE",
    "DEBUG",
    "INFO",
    "NOTICE",
    "WARN",
    "WARNING",
    "ERROR",
    "CRITICAL",
    "ALERT",
    "EMERGENCY",
    "FATAL",
];

const METHOD: Kind = Kind::OneOf(METHODS);
const LOG_LEVEL: Kind = Kind::OneOf(LOG_LEVELS);
const STATUS: Kind = Kind::Integer { min: 100, max: 599 };
const SEVERITY: Kind = Kind::Number {
    min: 0.0,
    max: 10.0,
};
const ENDPOINT: Kind = Kind::Text { min: 1, max: 2048 };
const NAME: Kind = Kind::Text { min: 0, max: 100 };
const ERROR_CODE: Kind = Kind::Text { min: 1, max: 64 };

const START: Param = Param::optional(
    "start_time",
    Kind::Time,
    "First second of the window, itself included.",
    r#""2025-01-31 00:00:00""#,
);
const END: Param = Param::optional(
    "end_time",
    Kind::Time,
    "Last second of the window, itself included.",
    r#""2025-01-31 23:59:59""#,
);
const LIMIT: Param = Param::optional(
    "limit",
    Kind::Limit,
    "The most entries to answer; 100 where left out.",
    "100",
);
const CURSOR: Param = Param::optional(
    "cursor",
    Kind::Text { min: 1, max: 200 },
    "next_cursor of the previous page; the other parameters must stay the same.",
    "null",
);
const TIMESTAMP: Param = Param::required(
    "timestamp",
    Kind::Time,
    "When it happened; kept to the second.",
    r#""2025-01-31 12:34:56""#,
);
const IDEMPOTENCY_KEY: Param = Param::optional(
    "idempotency_key",
    Kind::Text { min: 1, max: 128 },
    "A name for this very row, such as a UUID: sent again, it answers the first row's id and stores nothing.",
    r#""5b0f1c9e-0d52-4f0e-8f3b-2f6a1f0c7d11""#,
);

/// The window of a summary: the last 24 hours unless the call says otherwise.
fn summary_window(params: &Params, now: Second) -> Window {
    Window::summary(params.time("start_time"), params.time("end_time"), now)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::settings::Limits;

    #[test]
    fn every_example_passes_its_own_check() {
        for intent in INTENTS {
            let example = intent.params.iter().filter(|spec| spec.example != "null");
            let given = example
                .map(|spec| (spec.name.to_string(), spec.example()))
                .collect();
            let checked = Params::check(intent.params, &given, Limits::default());
            assert!(checked.is_ok(), "{}: {checked:?}", intent.name);
        }
    }

    #[test]
    fn names_are_unique_and_short() {
        for intent in INTENTS {
            assert!(std::ptr::eq(find(intent.name).unwrap(), intent));
            assert!(
                intent.name.len() <= 40,
                "a target's prefix must fit into 64 characters too"
            );
        }
    }
}
