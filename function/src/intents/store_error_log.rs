//! `store_error_log`: keeps one error.

use super::{ERROR_CODE, IDEMPOTENCY_KEY, LOG_LEVEL, SEVERITY, TIMESTAMP};
use crate::contract::{Intent, Kind, Param};
use crate::store;

pub static INTENT: Intent = Intent {
    name: "store_error_log",
    about: "Stores one error log entry and answers its id.",
    params: PARAMS,
    writes: true,
    run: |call| Box::pin(store::insert("error_logs", PARAMS, call)),
};

const COUNTER: Kind = Kind::Integer {
    min: 0,
    max: 9_007_199_254_740_991,
};

const PARAMS: &[Param] = &[
    TIMESTAMP,
    Param::required("log_level", LOG_LEVEL, "The entry's level.", r#""ERROR""#),
    Param::required(
        "error_code",
        ERROR_CODE,
        "What kind of error it is.",
        r#""DB_TIMEOUT""#,
    ),
    Param::required(
        "error_message",
        Kind::Text {
            min: 1,
            max: 16_000,
        },
        "What the program said.",
        r#""Query exceeded 5000 ms""#,
    ),
    Param::optional("process_id", COUNTER, "The process.", "4711"),
    Param::optional("thread_id", COUNTER, "The thread.", "12"),
    Param::optional(
        "client_ip",
        Kind::Address,
        "The client's address.",
        r#""203.0.113.7""#,
    ),
    Param::optional(
        "file_path",
        Kind::Text { min: 0, max: 1024 },
        "The source file.",
        r#""src/orders.py""#,
    ),
    Param::optional(
        "line_number",
        Kind::Integer {
            min: 0,
            max: 4_294_967_295,
        },
        "The line in it.",
        "128",
    ),
    Param::optional(
        "severity_score",
        SEVERITY,
        "How bad it is, from 0 to 10.",
        "7.5",
    ),
    IDEMPOTENCY_KEY,
];
