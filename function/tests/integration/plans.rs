//! How the server executes every query: a lost index shows.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _};
use traffic::{Plan, inserts};

use crate::server::{Server, run};
use crate::stack::{Stack, ask};

/// The plans of what an intent asks the server, one line for each table.
fn explain(stack: &Stack, statements: &[String]) -> String {
    let mut text = String::new();
    for statement in statements {
        let rows = run(async {
            let mut root = stack.server.root(Some(&stack.schema)).await?;
            sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN PARTITIONS {statement}")))
                .fetch_all(&mut root)
                .await
        })
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
        let _ = writeln!(text, "{}", shape(statement));
        for row in rows {
            let column = |name: &str| -> Option<String> {
                row.try_get_unchecked::<Option<String>, _>(name).unwrap()
            };
            let partitions = column("partitions").map_or(0, |names| names.split(',').count());
            let _ = writeln!(
                text,
                "  {} {}{} {}",
                column("table").unwrap_or_default(),
                column("type").unwrap_or_default(),
                column("key")
                    .map(|key| format!(" {key}"))
                    .unwrap_or_default(),
                column("Extra").unwrap_or_default(),
            );
            if partitions > 1 {
                let _ = writeln!(text, "    in {partitions} partitions");
            }
        }
    }
    text
}

/// A statement without its columns and values.
fn shape(statement: &str) -> String {
    let parts = statement.split(" UNION ALL ").map(|part| {
        let from = part.rfind(" FROM ").unwrap_or(0);
        let mut text = String::from("SELECT …");
        let mut quoted = false;
        for character in part[from..].chars() {
            match character {
                '\'' => {
                    quoted = !quoted;
                    text.push_str(if quoted { "?" } else { "" });
                }
                _ if quoted => {}
                '0'..='9' if text.ends_with('?') => {}
                '0'..='9' if !text.ends_with(|c: char| c.is_ascii_alphanumeric()) => text.push('?'),
                plain => text.push(plain),
            }
        }
        text.replace("TIMESTAMP?", "?")
    });
    parts.collect::<Vec<_>>().join("\nUNION ")
}

#[test]
fn every_query_has_its_index() {
    let (stack, chatbot) = Stack::ready_on(Arc::new(Server::new()));
    let plan = Plan {
        rows: 6000,
        attacks: false,
        ..Plan::new(3)
    };
    // A small table is read as a whole, whatever indexes it has.
    let errors = Plan {
        rows: 200_000,
        ..plan.clone()
    };
    for statement in inserts(plan.accesses(), 2000).chain(inserts(errors.errors(), 2000)) {
        stack.execute(&statement);
    }
    // An anomaly, so that the queries about one are asked.
    let unheard_of = vec!["('2025-03-05 12:00:00', 'ERROR', 'NEW', 'text')"; 20].join(",");
    stack.execute(&format!(
        "INSERT INTO error_logs (timestamp, log_level, error_code, error_message) VALUES {unheard_of}"
    ));
    stack.maintain();
    stack.execute("ANALYZE TABLE access_logs, error_logs, access_rollups, access_rollup_ranges");
    stack
        .server
        .execute("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = 1");

    let with = |window: (&str, &str), more: Value| {
        let mut params = json!({ "start_time": window.0, "end_time": window.1 });
        params
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        params
    };
    let day = ("2025-03-05 00:00:00", "2025-03-05 23:59:59");
    let cut = ("2025-03-04 10:20:30", "2025-03-06 11:22:33");
    let cases = [
        ("latest", "get_access_logs", json!({})),
        (
            "address",
            "get_access_logs",
            json!({ "ip_address": "203.0.113.7" }),
        ),
        (
            "address, status, day",
            "get_access_logs",
            with(
                day,
                json!({ "ip_address": "203.0.113.7", "status_code": 404 }),
            ),
        ),
        ("status", "get_access_logs", json!({ "status_code": 404 })),
        (
            "endpoint",
            "get_access_logs",
            json!({ "endpoint": "/search?q=x" }),
        ),
        (
            "prefix, day",
            "get_access_logs",
            with(day, json!({ "endpoint_prefix": "/api/" })),
        ),
        ("latest errors", "get_error_logs", json!({})),
        ("code", "get_error_logs", json!({ "error_code": "E1" })),
        ("traffic", "get_traffic_summary", with(cut, json!({}))),
        (
            "threats",
            "get_security_threats",
            with(cut, json!({ "types": ["xss"] })),
        ),
        (
            "performance",
            "get_performance_metrics",
            with(cut, json!({})),
        ),
        (
            "one endpoint",
            "get_performance_metrics",
            with(day, json!({ "endpoint": "/search?q=x" })),
        ),
        ("anomalies", "get_anomalies", with(day, json!({}))),
    ];
    let mut text = String::new();
    for (name, intent, params) in cases {
        stack.server.execute("TRUNCATE TABLE mysql.general_log");
        ask(&chatbot, intent, params).data();
        let statements = stack.server.column(
            "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log \
             WHERE command_type = 'Execute' AND argument LIKE 'SELECT%' ORDER BY event_time, thread_id",
        );
        assert!(!statements.is_empty());
        let _ = writeln!(text, "# {name}\n{}", explain(&stack, &statements));
    }
    insta::assert_snapshot!(text);
}
