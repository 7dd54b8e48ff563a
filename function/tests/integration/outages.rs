//! A database that goes away and comes back, connections that die, and what health says of it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::server::Server;
use crate::stack::{Stack, ask};

fn row(more: Value) -> Value {
    let mut row = json!({
        "timestamp": "2025-01-01 00:00:00", "ip_address": "192.0.2.1", "method": "GET", "endpoint": "/", "status_code": 200
    });
    row.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    row
}

#[test]
fn comes_back_without_a_new_deployment() {
    let stack = Stack::new(Arc::new(Server::new()));
    stack.migrate().unwrap();
    let chatbot = stack.chatbot(&[]);
    let health = json!({ "wmctl": "health" });
    assert_eq!(
        chatbot.invoke(&health).unwrap(),
        json!({ "ok": true, "database": "reachable", "schema": "0004", "keys": 1 })
    );
    let first = ask(
        &chatbot,
        "store_access_log",
        row(json!({ "idempotency_key": "k" })),
    )
    .data();

    stack.server.stop();
    for (intent, params) in [
        ("get_access_logs", json!({})),
        ("get_traffic_summary", json!({})),
        ("store_access_log", row(json!({}))),
        ("store_access_log", row(json!({ "idempotency_key": "k" }))),
    ] {
        let answer = ask(&chatbot, intent, params);
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (503, Some("database_unavailable")),
            "{}",
            answer.body
        );
        assert!(
            !answer.body.to_string().contains("127.0.0.1"),
            "no host name: {}",
            answer.body
        );
    }
    assert_eq!(
        chatbot.invoke(&health).unwrap(),
        json!({ "ok": false, "reason": "the database cannot be reached" })
    );

    stack.server.start();
    assert_eq!(
        ask(&chatbot, "get_access_logs", json!({})).data()["count"],
        1
    );
    let again = ask(
        &chatbot,
        "store_access_log",
        row(json!({ "idempotency_key": "k" })),
    )
    .data();
    assert_eq!(
        (&again["id"], &again["duplicate"]),
        (&first["id"], &json!(true))
    );
    assert_eq!(chatbot.invoke(&health).unwrap()["ok"], true);
}

/// What a thaw leaves behind: a connection that the other side has given up.
fn kill_connections(stack: &Stack) {
    let query = format!(
        "SELECT CAST(id AS CHAR) FROM information_schema.processlist WHERE user = '{}'",
        stack.user
    );
    let ids = stack.server.column(&query);
    assert!(!ids.is_empty());
    for id in ids {
        stack.server.execute(&format!("KILL {id}"));
    }
}

#[test]
fn a_dead_connection_is_not_noticed() {
    let (stack, chatbot) = Stack::ready();
    ask(&chatbot, "get_access_logs", json!({})).data();
    kill_connections(&stack);
    ask(&chatbot, "get_access_logs", json!({})).data();
    kill_connections(&stack);
    ask(&chatbot, "store_access_log", row(json!({}))).data();
    kill_connections(&stack);
    ask(
        &chatbot,
        "store_access_log",
        row(json!({ "idempotency_key": "k" })),
    )
    .data();
    assert_eq!(
        ask(&chatbot, "get_access_logs", json!({})).data()["count"],
        2
    );
}

#[test]
fn a_new_database_password_is_read_anew() {
    let (stack, chatbot) = Stack::ready();
    ask(&chatbot, "get_access_logs", json!({})).data();
    stack.secret(
        "arn:app",
        json!({ "username": stack.user, "password": "rotated" }),
    );
    stack.migrate().unwrap();
    kill_connections(&stack);
    ask(&chatbot, "get_access_logs", json!({})).data();
}

#[test]
fn health_names_what_is_wrong() {
    let stack = Stack::new(Server::shared());
    let health = |changes: &[(&str, &str)]| {
        stack
            .chatbot(changes)
            .invoke(&json!({ "wmctl": "health" }))
            .unwrap()
    };
    let reason = |changes: &[(&str, &str)]| {
        let answer = health(changes);
        assert_eq!(answer["ok"], false, "{answer}");
        answer["reason"].as_str().unwrap().to_string()
    };
    assert_eq!(reason(&[]), "the database refused the function's user");
    stack.migrate().unwrap();
    assert_eq!(health(&[])["ok"], true);
    assert_eq!(
        reason(&[("DB_PORT", "1")]),
        "the database cannot be reached"
    );
    assert_eq!(
        reason(&[("API_KEYS_SECRET_ARN", "arn:none")]),
        "the API keys cannot be read"
    );
    assert_eq!(
        reason(&[("DB_SECRET_ARN", "arn:none")]),
        "the database's secret cannot be read"
    );
    assert_eq!(
        reason(&[("DB_TLS", "none")]),
        "DB_TLS must be verify-identity, required or disabled"
    );
    // Verified against the system's authorities alone, the tests' own is unknown.
    assert_eq!(
        reason(&[("DB_CA_FILE", "")]),
        "the database cannot be reached"
    );
    stack.execute("UPDATE schema_migrations SET state = 'failed' WHERE version = '0004'");
    assert_eq!(reason(&[]), "migration 0004 was not finished");
    stack.execute("DROP TABLE schema_migrations");
    assert_eq!(reason(&[]), "the schema has not been migrated");
}
