//! What the function writes: lines of JSON, metrics among them, and nothing that is secret.

use serde_json::{Map, Value, json};

use crate::lambda::{INVOCATION, TRACE};
use crate::stack::{KEY, PASSWORD, Stack, ask, event, send};

/// In every body that is sent here.
const MARKER: &str = "marker-7f3a";

/// One request of each kind that is answered, refused or fails.
fn everything(changes: &[(&str, &str)]) -> (Stack, Vec<Map<String, Value>>, String) {
    let stack = Stack::new(crate::server::Server::shared());
    stack.migrate().unwrap();
    let mut chatbot = stack.chatbot(changes);
    let stored = json!({
        "timestamp": "2025-01-01 00:00:00", "log_level": "ERROR", "error_code": MARKER, "error_message": MARKER,
        "idempotency_key": MARKER
    });
    for _ in 0..2 {
        ask(&chatbot, "store_error_log", stored.clone()).data();
    }
    ask(&chatbot, "get_error_logs", json!({ "error_code": MARKER })).data();
    ask(&chatbot, "get_traffic_summary", json!({})).data();
    let refused = |event: &Value| assert_ne!(send(&chatbot, event).status, 200);
    refused(&event(&format!(r#"{{"intent":"{MARKER}"}}"#)));
    refused(&event(&format!(r#"{{"{MARKER}":"{MARKER}","#)));
    refused(&event(&format!(
        r#"{{"intent":"get_error_logs","params":{{"{MARKER}":"{MARKER}"}}}}"#
    )));
    refused(&event(&format!(r#"{{"{MARKER}":1,"{MARKER}":2}}"#)));
    let mut wrong = event(&json!({ "intent": MARKER }).to_string());
    wrong["headers"] = json!({ "x-api-key": "a wrong key" });
    refused(&wrong);
    // Values that the database itself refuses; the second is quoted in its error.
    stack.execute("ALTER TABLE error_logs MODIFY file_path VARCHAR(1)");
    let mut refused_row = stored;
    refused_row["idempotency_key"] = Value::Null;
    refused_row
        .as_object_mut()
        .unwrap()
        .remove("idempotency_key");
    refused_row["file_path"] = MARKER.into();
    assert_eq!(
        ask(&chatbot, "store_error_log", refused_row.clone()).status,
        500
    );
    stack.execute("ALTER TABLE error_logs MODIFY file_path VARCHAR(1024) CHARACTER SET latin1");
    refused_row["file_path"] = format!("日{MARKER}").into();
    assert_eq!(ask(&chatbot, "store_error_log", refused_row).status, 500);
    chatbot.invoke(&json!({ "wmctl": "health" })).unwrap();
    let log = chatbot.end();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    (stack, lines, log)
}

#[test]
fn every_line_is_an_object_without_a_secret() {
    let (stack, lines, log) = everything(&[("LOG_LEVEL", "debug")]);
    assert_eq!(lines.len(), 12, "{log}");
    for line in &lines {
        for field in ["timestamp", "level", "message", "duration_ms"] {
            assert!(line.contains_key(field), "{field}: {line:?}");
        }
        assert_eq!(
            (&line["invocation_id"], &line["trace_id"]),
            (&json!(INVOCATION), &json!(TRACE))
        );
    }
    let requests = &lines[..11];
    for line in requests {
        assert_eq!(line["request_id"], "3f0d5f5c-2d0c-4ac1-a6a5-0a2a52f0f3a1");
        assert!(
            line.contains_key("intent") && line["status"].is_u64(),
            "{line:?}"
        );
    }
    let column = |name: &str| -> Vec<&Value> { requests.iter().map(|line| &line[name]).collect() };
    assert_eq!(
        column("status"),
        [200, 200, 200, 200, 400, 400, 400, 400, 401, 500, 500]
    );
    assert_eq!(column("rows"), [1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(lines[0]["level"], "info");
    assert_eq!(lines[4]["level"], "warn");
    assert_eq!(lines[9]["level"], "error");
    let cause = |line: &Map<String, Value>| line["detail"].as_str().unwrap().to_string();
    assert!(
        cause(&lines[9]).contains("Data too long for column 'file_path'"),
        "{log}"
    );
    assert!(
        cause(&lines[10]).ends_with("Incorrect string value: '…"),
        "{log}"
    );
    for secret in [KEY, PASSWORD, "a wrong key", MARKER, &stack.user] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[test]
fn who_was_refused_by_the_database_is_not_logged() {
    let stack = Stack::new(crate::server::Server::shared());
    stack.migrate().unwrap();
    for arn in ["arn:app", "arn:admin"] {
        let login = json!({ "username": stack.user, "password": "not that one" });
        stack.secret(arn, login);
    }
    let mut chatbot = stack.chatbot(&[]);
    assert_eq!(ask(&chatbot, "get_access_logs", json!({})).status, 503);
    let health = chatbot.invoke(&json!({ "wmctl": "health" })).unwrap();
    assert_eq!(health["reason"], "the database refused the function's user");
    let mut migrator = stack.migrator(&[]);
    let error = migrator.invoke(&json!({ "action": "status" })).unwrap_err();
    assert!(
        error["errorMessage"].to_string().contains("Access denied"),
        "{error}"
    );
    let log = chatbot.end() + &migrator.end();
    assert_eq!(log.matches("1045").count(), 3, "{log}");
    for name in [stack.user.as_str(), "127.0.0.1", "localhost"] {
        assert!(!log.contains(name), "{log}");
    }
}

#[test]
fn the_level_silences_lines_but_not_metrics() {
    let (_stack, lines, log) = everything(&[("LOG_LEVEL", "error")]);
    let levels: Vec<&Value> = lines.iter().filter_map(|line| line.get("level")).collect();
    assert_eq!(levels, ["error", "error"], "{log}");
    let metrics = lines
        .iter()
        .filter(|line| line.contains_key("_aws"))
        .count();
    assert_eq!(metrics, 11, "{log}");
}

/// The rules of CloudWatch's embedded metric format for one line; gives every metric with the
/// values of its dimensions.
fn read_metrics(line: &Map<String, Value>) -> Vec<(String, Vec<String>, f64)> {
    const UNITS: [&str; 2] = ["Count", "Milliseconds"];
    let metadata = line["_aws"].as_object().expect("metadata");
    let timestamp = metadata["Timestamp"].as_u64().expect("milliseconds");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let age = u64::try_from(now.as_millis()).unwrap().abs_diff(timestamp);
    assert!(
        age < 3_600_000,
        "the time now, in milliseconds: {timestamp}"
    );
    let mut found = Vec::new();
    for directive in metadata["CloudWatchMetrics"]
        .as_array()
        .expect("directives")
    {
        let keys: Vec<&String> = directive.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["Namespace", "Dimensions", "Metrics"]);
        let namespace = directive["Namespace"].as_str().unwrap();
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/#:".contains(c);
        assert!((1..=1024).contains(&namespace.len()) && namespace.chars().all(plain));
        assert!(!namespace.starts_with("AWS/"));
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()));
        for set in directive["Dimensions"].as_array().expect("a list of sets") {
            let names = set.as_array().expect("a list of names");
            assert!(names.len() <= 30);
            let values: Vec<String> = names
                .iter()
                .map(|name| {
                    line[name.as_str().unwrap()]
                        .as_str()
                        .expect("text")
                        .to_string()
                })
                .collect();
            assert!(values.iter().all(|value| (1..=1024).contains(&value.len())));
            for metric in metrics {
                assert!(UNITS.contains(&metric["Unit"].as_str().unwrap()));
                let name = metric["Name"].as_str().unwrap();
                let value = line[name].as_f64().expect("a number");
                found.push((name.to_string(), values.clone(), value));
            }
        }
    }
    found
}

#[test]
fn metrics_keep_to_the_format() {
    let (_stack, lines, log) = everything(&[]);
    let mut totals = std::collections::BTreeMap::<String, f64>::new();
    for line in lines.iter().filter(|line| line.contains_key("_aws")) {
        for (name, dimensions, value) in read_metrics(line) {
            *totals
                .entry(format!("{name} {}", dimensions.join(" ")))
                .or_default() += value;
        }
    }
    for (name, total) in [
        ("Invocations store_error_log", 4.0),
        ("Rows store_error_log", 1.0),
        ("Invocations get_error_logs", 2.0),
        ("Rows get_error_logs", 1.0),
        ("Refusals get_error_logs", 1.0),
        ("Refusals get_error_logs invalid_parameters", 1.0),
        ("Refusals store_error_log internal_error", 2.0),
        ("Invocations none", 4.0),
        ("Refusals none unauthorized", 1.0),
        ("Refusals none invalid_json", 1.0),
        ("Refusals none invalid_request", 1.0),
        ("Refusals none unknown_intent", 1.0),
    ] {
        assert_eq!(totals.get(name), Some(&total), "{name}: {log}");
    }
    assert!(totals["Duration get_error_logs"] > 0.0);
}
