//! Storing and listing: filters, cursors, sizes, idempotency, and text that attackers wrote.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::lambda::Function;
use crate::stack::{Stack, ask};

fn access(chatbot: &Function, more: Value) -> Value {
    let mut row = json!({
        "timestamp": "2025-03-01 12:00:00", "ip_address": "192.0.2.1", "method": "GET", "endpoint": "/", "status_code": 200
    });
    row.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    ask(chatbot, "store_access_log", row).data()
}

#[test]
fn what_is_stored_is_what_is_listed() {
    let (_stack, chatbot) = Stack::ready();
    let given = json!({
        "timestamp": "2025-03-01T14:00:00.9+02:00", "ip_address": "2001:DB8::0:1", "method": "POST",
        "endpoint": "/naïve?q=日本 ", "status_code": 201, "http_version": "HTTP/2", "response_size": 5120,
        "response_time_ms": 12.5, "user_agent": "curl/8 👩‍💻", "department": "R&D", "user_id": "u'1"
    });
    let stored = ask(&chatbot, "store_access_log", given).data();
    assert_eq!(
        (&stored["stored"], &stored["duplicate"]),
        (&json!(true), &json!(false))
    );
    let listed = ask(
        &chatbot,
        "get_access_logs",
        json!({ "ip_address": "2001:db8::1" }),
    )
    .data();
    assert_eq!(
        listed["logs"],
        json!([{
            "id": stored["id"], "timestamp": "2025-03-01 12:00:00", "ip_address": "2001:db8::1", "method": "POST",
            "endpoint": "/naïve?q=日本 ", "status_code": 201, "http_version": "HTTP/2", "response_size": 5120,
            "response_time_ms": 12.5, "user_agent": "curl/8 👩‍💻", "department": "R&D", "user_id": "u'1"
        }])
    );
    assert_eq!(
        (
            &listed["count"],
            &listed["truncated"],
            &listed["next_cursor"]
        ),
        (&json!(1), &json!(false), &Value::Null)
    );

    let error = ask(&chatbot, "store_error_log", json!({
        "timestamp": "2025-03-01 12:00:00", "log_level": "ERROR", "error_code": "E1", "error_message": "it's; DROP TABLE x",
        "process_id": 1, "thread_id": 2, "client_ip": "::ffff:192.0.2.9", "file_path": "/a.rs", "line_number": 3, "severity_score": 7.5
    }))
    .data();
    let listed = ask(
        &chatbot,
        "get_error_logs",
        json!({ "client_ip": "192.0.2.9" }),
    )
    .data();
    assert_eq!(
        listed["logs"],
        json!([{
            "id": error["id"], "timestamp": "2025-03-01 12:00:00", "log_level": "ERROR", "error_code": "E1",
            "error_message": "it's; DROP TABLE x", "process_id": 1, "thread_id": 2, "client_ip": "192.0.2.9",
            "file_path": "/a.rs", "line_number": 3, "severity_score": 7.5
        }])
    );
}

#[test]
fn filters_select_exactly() {
    let (_stack, chatbot) = Stack::ready();
    for (endpoint, status, second) in [
        ("/api/a", 200, 0),
        ("/api/a ", 200, 1),
        ("/API/a", 404, 2),
        ("/api_a", 200, 3),
        ("/api/a?x=1", 500, 4),
        ("/apixa", 200, 5),
    ] {
        access(
            &chatbot,
            json!({
                "endpoint": endpoint, "status_code": status, "timestamp": format!("2025-03-01 12:00:0{second}"),
                "method": if status == 500 { "POST" } else { "GET" }, "department": format!("d{second}"), "user_id": "u"
            }),
        );
    }
    let endpoints = |params: Value| -> Vec<String> {
        let data = ask(&chatbot, "get_access_logs", params).data();
        data["logs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|log| log["endpoint"].as_str().unwrap().to_string())
            .collect()
    };
    assert_eq!(endpoints(json!({ "endpoint": "/api/a" })), ["/api/a"]);
    assert_eq!(
        endpoints(json!({ "endpoint_prefix": "/api/a" })),
        ["/api/a?x=1", "/api/a ", "/api/a"]
    );
    assert_eq!(endpoints(json!({ "endpoint_prefix": "/api_" })), ["/api_a"]);
    assert_eq!(endpoints(json!({ "endpoint": "' OR '1'='1" })), [""; 0]);
    assert_eq!(endpoints(json!({ "status_code": 404 })), ["/API/a"]);
    assert_eq!(
        endpoints(json!({ "method": "POST", "department": "d4", "user_id": "u" })),
        ["/api/a?x=1"]
    );
    assert_eq!(
        endpoints(
            json!({ "start_time": "2025-03-01 12:00:01", "end_time": "2025-03-01T14:00:03+02:00" })
        ),
        ["/api_a", "/API/a", "/api/a "]
    );
    assert_eq!(
        endpoints(json!({ "start_time": "2025-03-01 12:00:05" })),
        ["/apixa"]
    );
    assert_eq!(endpoints(json!({ "limit": 2 })), ["/apixa", "/api/a?x=1"]);
}

#[test]
fn error_filters_select_exactly() {
    let (_stack, chatbot) = Stack::ready();
    for (level, code, severity) in [
        ("ERROR", "A", json!(7)),
        ("ERROR", "B", json!(6.9)),
        ("WARNING", "A", json!(10)),
    ] {
        let row = json!({
            "timestamp": "2025-03-01 12:00:00", "log_level": level, "error_code": code, "error_message": "m", "severity_score": severity
        });
        ask(&chatbot, "store_error_log", row).data();
    }
    let count = |params: Value| {
        ask(&chatbot, "get_error_logs", params).data()["count"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(count(json!({})), 3);
    assert_eq!(count(json!({ "log_level": "ERROR" })), 2);
    assert_eq!(count(json!({ "error_code": "A" })), 2);
    assert_eq!(count(json!({ "error_code": "a" })), 0);
    assert_eq!(count(json!({ "min_severity": 7 })), 2);
    assert_eq!(count(json!({ "min_severity": 7, "log_level": "ERROR" })), 1);
}

/// Follows the cursor to the end and returns every id, in order.
fn walk(chatbot: &Function, mut params: Value) -> Vec<u64> {
    let mut ids = Vec::new();
    loop {
        let data = ask(chatbot, "get_access_logs", params.clone()).data();
        let logs = data["logs"].as_array().unwrap();
        assert_eq!(data["count"], logs.len());
        ids.extend(logs.iter().map(|log| log["id"].as_u64().unwrap()));
        assert_eq!(data["truncated"], data["next_cursor"].is_string());
        let Some(cursor) = data["next_cursor"].as_str() else {
            return ids;
        };
        params["cursor"] = cursor.into();
        // What arrives meanwhile is newer than every cursor, and must disturb none.
        access(chatbot, json!({ "timestamp": "2025-03-02 00:00:00" }));
    }
}

#[test]
fn a_cursor_gives_each_row_once() {
    let (_stack, chatbot) = Stack::ready();
    // Many rows share a second, in an order that is not that of their ids.
    for row in 0..50 {
        access(
            &chatbot,
            json!({ "timestamp": format!("2025-03-01 12:00:0{}", row * 7 % 5) }),
        );
    }
    for limit in [1, 3, 7, 49, 50, 51] {
        let ids = walk(
            &chatbot,
            json!({ "limit": limit, "end_time": "2025-03-01 23:59:59" }),
        );
        assert_eq!(ids.len(), 50, "limit {limit}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 50);
    }
    let data = ask(&chatbot, "get_access_logs", json!({ "limit": 5 })).data();
    let cursor = &data["next_cursor"];
    let other = ask(
        &chatbot,
        "get_access_logs",
        json!({ "limit": 5, "cursor": cursor, "status_code": 200 }),
    );
    assert_eq!(
        (other.status, other.body["details"][0]["field"].as_str()),
        (400, Some("cursor"))
    );
    let other = ask(&chatbot, "get_error_logs", json!({ "cursor": cursor }));
    assert_eq!(other.status, 400);
}

#[test]
fn a_long_answer_is_cut_at_a_row() {
    let (stack, chatbot) = Stack::ready();
    for row in 0..20 {
        access(
            &chatbot,
            json!({ "user_agent": "\u{202e}".repeat(100), "timestamp": format!("2025-03-01 12:00:{row:02}") }),
        );
    }
    let small = stack.chatbot(&[("MAX_RESPONSE_SIZE", "6000"), ("MAX_QUERY_LIMIT", "20")]);
    let mut seen = BTreeSet::new();
    let mut params = json!({ "limit": 20 });
    loop {
        let answer = ask(&small, "get_access_logs", params.clone());
        assert!(answer.response["body"].as_str().unwrap().len() < 6000);
        let data = answer.data();
        let logs = data["logs"].as_array().unwrap();
        assert!(!logs.is_empty());
        seen.extend(logs.iter().map(|log| log["id"].as_u64().unwrap()));
        let Some(cursor) = data["next_cursor"].as_str() else {
            break;
        };
        params["cursor"] = cursor.into();
    }
    assert_eq!(seen.len(), 20);
    assert_eq!(
        ask(&small, "get_access_logs", json!({ "limit": 21 })).status,
        400
    );
}

#[test]
fn the_same_key_stores_one_row() {
    let (_stack, chatbot) = Stack::ready();
    let first = access(&chatbot, json!({ "idempotency_key": "a" }));
    assert_eq!(first["duplicate"], false);
    for _ in 0..3 {
        let again = access(
            &chatbot,
            json!({ "idempotency_key": "a", "status_code": 500 }),
        );
        assert_eq!(
            again,
            json!({ "id": first["id"], "stored": true, "duplicate": true })
        );
    }
    assert_ne!(
        access(&chatbot, json!({ "idempotency_key": "A" }))["id"],
        first["id"]
    );
    assert_ne!(
        access(&chatbot, json!({ "idempotency_key": "a " }))["id"],
        first["id"]
    );
    assert_eq!(
        ask(&chatbot, "get_access_logs", json!({})).data()["count"],
        3
    );
}

#[test]
fn hidden_characters_come_out_escaped() {
    let (_stack, chatbot) = Stack::ready();
    access(
        &chatbot,
        json!({ "endpoint": "/\u{202e}a\u{0}\n", "user_agent": "\u{1b}[2J" }),
    );
    let answer = ask(&chatbot, "get_access_logs", json!({}));
    let text = answer.response["body"].as_str().unwrap().to_string();
    let data = answer.data();
    assert_eq!(data["logs"][0]["endpoint"], "/\\u202ea\\u0000\\n");
    assert_eq!(data["logs"][0]["user_agent"], "\\u001b[2J");
    assert!(!text.contains('\u{202e}'));
}
