//! `store_access_log`: keeps one request.

use super::{ENDPOINT, IDEMPOTENCY_KEY, METHOD, NAME, STATUS, TIMESTAMP};
use crate::contract::{Intent, Kind, Param};
use crate::store;

pub static INTENT: Intent = Intent {
    name: "store_access_log",
    about: "Stores one access log entry and answers its id.",
    params: PARAMS,
    writes: true,
    run: |call| Box::pin(store::insert("access_logs", PARAMS, call)),
};

const PARAMS: &[Param] = &[
    TIMESTAMP,
    Param::required(
        "ip_address",
        Kind::Address,
        "The client's address.",
        r#""203.0.113.7""#,
    ),
    Param::required("method", METHOD, "The request's method.", r#""GET""#),
    Param::required(
        "endpoint",
        ENDPOINT,
        "The request's target, with its query string.",
        r#""/api/users?page=2""#,
    ),
    Param::required("status_code", STATUS, "The answer's status.", "200"),
    Param::optional(
        "http_version",
        Kind::Text { min: 0, max: 16 },
        "The protocol.",
        r#""HTTP/1.1""#,
    ),
    Param::optional(
        "response_size",
        Kind::Integer {
            min: 0,
            max: 9_007_199_254_740_991,
        },
        "The answer's size in bytes.",
        "5120",
    ),
    Param::optional(
        "response_time_ms",
        Kind::Number {
            min: 0.0,
            max: 4_294_967_295.0,
        },
        "How long the answer took, in milliseconds.",
        "12.5",
    ),
    Param::optional(
        "user_agent",
        Kind::Text { min: 0, max: 1024 },
        "The client's User-Agent.",
        r#""Mozilla/5.0""#,
    ),
    Param::optional(
        "department",
        NAME,
        "The department that the request belongs to.",
        r#""sales""#,
    ),
    Param::optional(
        "user_id",
        NAME,
        "The user that sent the request.",
        r#""u-1042""#,
    ),
    IDEMPOTENCY_KEY,
];
