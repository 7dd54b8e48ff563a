//! What `openapi.json` promises beside the answers that every test holds against it.

use function::contract::Kind;
use function::fault::CODES;
use function::intents::INTENTS;
use function::params::Params;
use function::settings::Limits;
use serde_json::{Value, json};

use crate::conformance::{accepts, check, conforms, examples};

#[test]
fn every_example_keeps_to_its_schema() {
    let examples = examples();
    for (example, schema) in &examples {
        conforms(example, schema, "example").unwrap_or_else(|reason| panic!("{reason}: {example}"));
    }
    // Each of the function's own codes is shown once.
    for code in CODES {
        let shown = examples
            .iter()
            .filter(|(example, _)| example["code"] == code);
        assert_eq!(shown.count(), 1, "{code}");
    }
    assert_eq!(
        examples
            .iter()
            .filter(|(example, _)| example.get("intent").is_some())
            .count(),
        INTENTS.len()
    );
}

#[test]
#[should_panic(expected = "is not described")]
fn an_answer_beside_the_document_is_noticed() {
    check(
        200,
        &json!({ "request_id": "x", "success": true, "data": { "id": 1, "stored": true, "duplicate": false }, "more": 1 }),
    );
}

/// Whether the function takes one value of a parameter.
fn takes(intent: &str, name: &str, value: &Value) -> (bool, Result<(), String>) {
    let intent = function::intents::find(intent).unwrap();
    let mut params: serde_json::Map<_, _> = intent
        .params
        .iter()
        .filter(|spec| spec.required)
        .map(|spec| (spec.name.to_string(), spec.example()))
        .collect();
    params.insert(name.into(), value.clone());
    let taken = Params::check(intent.params, &params, Limits::default()).is_ok();
    (taken, accepts(intent.name, &params.into()))
}

#[test]
fn the_document_accepts_what_the_function_accepts() {
    let values = [
        json!(null),
        json!(true),
        json!({}),
        json!([]),
        json!(["scanner"]),
        json!(["x"]),
        json!("GET"),
        json!("get"),
        json!(""),
        json!("a"),
        json!("a".repeat(16)),
        json!("é".repeat(64)),
        json!("a".repeat(100)),
        json!("a".repeat(101)),
        json!("a".repeat(1024)),
        json!("a".repeat(2048)),
        json!("a".repeat(2049)),
        json!("a".repeat(70_000)),
        json!(-1),
        json!(-0.0),
        json!(0),
        json!(1),
        json!(1.5),
        json!(10),
        json!(10.5),
        json!(99),
        json!(100),
        json!(599),
        json!(600),
        json!(1000),
        json!(1001),
        json!(1e300),
        json!(4_294_967_295_u32),
        json!(4_294_967_296_u64),
        json!(9_007_199_254_740_991_u64),
        json!(9_007_199_254_740_992_u64),
        json!(u64::MAX),
        json!("2025-01-31 23:59:59"),
        json!("2025-01-31T23:59:59Z"),
        json!("2025-01-31t23:59:59.25+02:00"),
        json!("2025-01-31 23:59:59-00:30"),
        json!("2025-01-31x23:59:59Z"),
        json!("2025-01-31T23:59:59"),
        json!("2025-01-31"),
        json!("2025-02-28 00:00:00"),
        json!("2025-02-29 00:00:00"),
        json!("2024-02-29 00:00:00"),
        json!("1900-02-29 00:00:00"),
        json!("2000-02-29 00:00:00"),
        json!("2025-04-31 00:00:00"),
        json!("2025-13-01 00:00:00"),
        json!("2025-00-01 00:00:00"),
        json!("2025-01-00 00:00:00"),
        json!("2025-01-01 24:00:00"),
        json!("2025-01-01 00:60:00"),
        json!("0999-01-01 00:00:00"),
        json!("1000-01-01 00:00:00"),
        json!("9999-12-31 23:59:59"),
        json!("10000-01-01 00:00:00"),
        json!("2025-01-01T00:00:00.Z"),
        json!("2025-01-01T00:00:00+24:00"),
        json!("2025-01-01T00:00:00+00:60"),
        json!("2025-01-01 00:00:00 "),
        json!("2025-01-01 00:00:00\n"),
    ];
    for intent in INTENTS {
        for spec in intent.params {
            for value in &values {
                let (taken, described) = takes(intent.name, spec.name, value);
                // Formats are remarks to the checker, and a cursor is opaque.
                if matches!(spec.kind, Kind::Address) && value.is_string() {
                    continue;
                }
                assert_eq!(
                    taken,
                    described.is_ok(),
                    "{} {} {value}: {described:?}",
                    intent.name,
                    spec.name
                );
            }
        }
    }
}
