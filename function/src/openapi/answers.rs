//! What each intent answers, as schemas. The tests hold every answer against them.

use serde_json::{Map, Value, json};

use crate::contract::{Intent, Kind};
use crate::detect::{KINDS, SEVERITIES};
use crate::intents::find;

/// A time as it is answered.
pub fn time() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$" })
}

/// The data of an intent's success.
pub fn data(intent: &Intent) -> Value {
    match intent.name {
        "get_access_logs" => page("store_access_log"),
        "get_error_logs" => page("store_error_log"),
        "store_access_log" | "store_error_log" => receipt(),
        "get_traffic_summary" => traffic(),
        "get_security_threats" => threats(),
        "get_performance_metrics" => performance(),
        "get_anomalies" => anomalies(),
        _ => json!({ "type": "object" }),
    }
}

/// An object that has all of these members and no other.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> = members
        .into_iter()
        .map(|(name, schema)| (name.into(), schema))
        .collect();
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

fn list(items: Value, about: &str) -> Value {
    let mut schema = json!({ "type": "array", "description": about });
    schema["items"] = items;
    schema
}

fn count(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

fn number(about: &str) -> Value {
    json!({ "type": "number", "description": about })
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

fn nullable(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

fn at(about: &str) -> Value {
    let mut schema = time();
    schema["description"] = about.into();
    schema
}

fn stranger(about: &str) -> Value {
    text(&format!(
        "{about} Data from outside: control and bidirectional characters are escaped."
    ))
}

fn truncated() -> Value {
    json!({ "type": "boolean", "description": "Whether something was left out." })
}

/// A list's entry holds what the store takes.
fn page(store: &str) -> Value {
    let mut properties = Map::new();
    properties.insert("id".into(), count("The row's number."));
    for spec in find(store).iter().flat_map(|intent| intent.params) {
        if spec.name == "idempotency_key" {
            continue;
        }
        let schema = match spec.kind {
            Kind::Integer { .. } | Kind::Limit => count(spec.about),
            Kind::Number { .. } => number(spec.about),
            Kind::Time => at(spec.about),
            Kind::Text { .. } => stranger(spec.about),
            _ => text(spec.about),
        };
        let schema = if spec.required {
            schema
        } else {
            nullable(schema)
        };
        properties.insert(spec.name.into(), schema);
    }
    let required: Vec<&String> = properties.keys().collect();
    let entry = json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false });
    let mut page = object([
        ("logs", list(entry, "Newest first.")),
        ("count", count("How many entries this answer holds.")),
        ("truncated", truncated()),
        (
            "next_cursor",
            nullable(text(
                "Give it as cursor in the same call to go on; null at the end.",
            )),
        ),
    ]);
    page["properties"]["hint"] = text("How to go on where something was left out.");
    page
}

fn receipt() -> Value {
    object([
        ("id", count("The row's number.")),
        ("stored", json!({ "type": "boolean", "const": true })),
        (
            "duplicate",
            json!({
                "type": "boolean",
                "description": "Whether the row was stored before, under the same idempotency key.",
            }),
        ),
    ])
}

/// The window that was judged, before what was found in it.
fn in_window(mut schema: Value) -> Value {
    let window = [
        ("start_time", at("First second of the window.")),
        ("end_time", at("Last second of the window.")),
    ];
    for (name, time) in window {
        schema["properties"][name] = time;
        if let Some(required) = schema["required"].as_array_mut() {
            required.push(name.into());
        }
    }
    schema
}

fn error_rate() -> Value {
    json!({
        "type": "number", "minimum": 0, "maximum": 100,
        "description": "Per cent of the requests with a status of 400 or more.",
    })
}

fn traffic() -> Value {
    let counts = |about: &str| json!({ "type": "object", "description": about, "additionalProperties": { "type": "integer", "minimum": 0 } });
    let requests = || count("Requests.");
    in_window(object([
        ("total_requests", requests()),
        (
            "error_count",
            count("Requests with a status of 400 or more."),
        ),
        ("unique_ips", count("Different client addresses.")),
        ("total_bytes", count("Bytes sent, as far as logged.")),
        (
            "avg_response_time_ms",
            nullable(number("Milliseconds; null where none were logged.")),
        ),
        ("error_rate", error_rate()),
        ("status_classes", counts("Requests by class: 1xx to 5xx.")),
        ("methods", counts("Requests by method.")),
        (
            "top_endpoints",
            list(
                object([
                    ("endpoint", stranger("The endpoint.")),
                    ("requests", requests()),
                ]),
                "Busiest first.",
            ),
        ),
        (
            "top_ips",
            list(
                object([
                    ("ip_address", stranger("The address.")),
                    ("requests", requests()),
                ]),
                "Busiest first.",
            ),
        ),
        ("bucket_seconds", count("The width of a bucket.")),
        (
            "series",
            list(
                object([
                    ("start", at("The bucket's first second.")),
                    ("requests", requests()),
                    ("errors", count("Requests with a status of 400 or more.")),
                    ("bytes", count("Bytes sent.")),
                ]),
                "Every bucket of the window, at most 200.",
            ),
        ),
    ]))
}

fn threats() -> Value {
    let kind = json!({ "type": "string", "enum": KINDS });
    let severity = json!({ "type": "string", "enum": SEVERITIES });
    let mut evidence = list(stranger("A request, shortened."), "Examples.");
    evidence["maxItems"] = json!(5);
    let threat = object([
        ("type", kind),
        ("severity", severity),
        ("ip_address", stranger("The attacker's address.")),
        ("count", count("Requests that were part of it.")),
        ("first_seen", at("Its first request.")),
        ("last_seen", at("Its last request in the window.")),
        ("evidence", evidence),
        ("recommendation", text("What to do about it.")),
    ]);
    in_window(object([
        ("threats", list(threat, "The worst first.")),
        ("count", count("How many threats this answer holds.")),
        ("truncated", truncated()),
    ]))
}

fn distribution() -> Value {
    let milliseconds = || nullable(number("Milliseconds."));
    let mut schema = object(
        ["avg", "min", "p50", "p90", "p95", "p99", "max"].map(|name| (name, milliseconds())),
    );
    schema["description"] = "Response times; null where none were logged.".into();
    schema
}

fn performance() -> Value {
    let timing = [
        ("endpoint", stranger("The endpoint.")),
        ("requests", count("Requests.")),
        ("error_rate", error_rate()),
        ("response_time_ms", distribution()),
    ];
    let [endpoint, requests, errors, times] = timing.clone();
    let issue = object([
        endpoint,
        requests,
        errors,
        times,
        (
            "slow_requests",
            count("Requests that took longer than the threshold."),
        ),
        ("threshold_ms", number("The threshold in milliseconds.")),
    ]);
    in_window(object([
        ("total_requests", count("Requests.")),
        ("response_time_ms", distribution()),
        ("error_rate", error_rate()),
        ("requests_per_second", number("Over the whole window.")),
        ("by_endpoint", list(object(timing), "Slowest first.")),
        (
            "issues",
            list(issue, "Endpoints that are often over the threshold."),
        ),
        ("truncated", truncated()),
        ("bucket_seconds", count("The width of a bucket.")),
        (
            "series",
            list(
                object([
                    ("start", at("The bucket's first second.")),
                    ("requests", count("Requests.")),
                    ("errors", count("Requests with a status of 400 or more.")),
                    ("avg_response_time_ms", nullable(number("Milliseconds."))),
                    ("max_response_time_ms", nullable(number("Milliseconds."))),
                ]),
                "Every bucket of the window, at most 200.",
            ),
        ),
    ]))
}

fn anomalies() -> Value {
    let kinds = ["error_spike", "new_error_code", "severity_surge"];
    let anomaly = object([
        ("type", json!({ "type": "string", "enum": kinds })),
        ("error_code", stranger("The error code.")),
        ("first_seen", at("The first error of it.")),
        (
            "observed",
            number("Errors, or the mean severity of a surge."),
        ),
        ("expected", number("What was usual before.")),
        (
            "score",
            json!({ "type": "number", "minimum": 0, "maximum": 10, "description": "How unusual." }),
        ),
        ("explanation", text("The same in a sentence.")),
    ]);
    in_window(object([
        ("anomalies", list(anomaly, "The highest score first.")),
        ("count", count("How many anomalies this answer holds.")),
        ("truncated", truncated()),
    ]))
}
