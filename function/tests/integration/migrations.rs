//! The migrator: applying, refusing, resuming, and the application's user.

use serde_json::{Value, json};
use sqlx::mysql::MySqlSslMode;

use crate::server::{Server, run};
use crate::stack::{PASSWORD, Stack, event};

fn versions(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["version"].as_str().unwrap())
        .collect()
}

/// The project's own migrations.
const ALL: [&str; 4] = ["0001", "0002", "0003", "0004"];

#[test]
fn applies_once_and_tells_where_it_stands() {
    let stack = Stack::new(Server::shared());
    let before = stack.status().unwrap();
    assert_eq!(versions(&before["pending"]), ALL);
    assert_eq!(before["applied"], json!([]));

    let first = stack.migrate().unwrap();
    assert_eq!(first["newly_applied"], json!(ALL));
    assert_eq!(first["app_user"], json!(stack.user));
    assert_eq!(versions(&first["applied"]), ALL);
    assert_eq!(first["applied"][0]["name"], "access_logs");
    assert_eq!(first["applied"][0]["checksum"].as_str().unwrap().len(), 64);
    assert!(
        first["applied"][0]["applied_at"].is_string()
            && first["applied"][0]["duration_ms"].is_u64()
    );
    assert_eq!(
        (&first["pending"], &first["changed"]),
        (&json!([]), &json!([]))
    );

    let second = stack.migrate().unwrap();
    assert_eq!(second["newly_applied"], json!([]));
    assert_eq!(second["applied"], first["applied"]);
    assert_eq!(stack.status().unwrap()["applied"], first["applied"]);
}

#[test]
fn two_runs_at_once_apply_everything_once() {
    let stack = Stack::new(Server::shared());
    let outcomes: Vec<Value> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| stack.migrate().unwrap()))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let applied: usize = outcomes
        .iter()
        .map(|outcome| outcome["newly_applied"].as_array().unwrap().len())
        .sum();
    assert_eq!(applied, ALL.len());
}

#[test]
fn refuses_a_file_that_changed() {
    let stack = Stack::new(Server::shared());
    stack.migrate().unwrap();
    stack.execute("UPDATE schema_migrations SET checksum = REPEAT('0', 64) WHERE version = '0001'");
    let status = stack.status().unwrap();
    assert_eq!(versions(&status["changed"]), ["0001"]);
    let error = stack.migrate().unwrap_err();
    assert_eq!(error["errorType"], "ChangedMigration");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .contains("0001_access_logs.sql"),
        "{error}"
    );
}

#[test]
fn a_failure_names_its_statement_and_can_be_resumed() {
    let stack = Stack::new(Server::shared());
    stack
        .server
        .execute(&format!("CREATE DATABASE {}", stack.schema));
    stack.execute("CREATE TABLE error_logs (id INT)");
    let error = stack.migrate().unwrap_err();
    assert_eq!(error["errorType"], "FailedMigration");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(
        message.contains("0002_error_logs.sql failed at statement 1 of 1"),
        "{message}"
    );

    let status = stack.status().unwrap();
    assert_eq!(versions(&status["applied"]), ["0001"]);
    assert_eq!(versions(&status["pending"]), ALL[1..]);
    assert_eq!(
        status["dirty"],
        json!([{
            "version": "0002", "name": "error_logs", "state": "failed", "statement": 1,
            "sql": status["dirty"][0]["sql"],
        }])
    );

    stack.execute("DROP TABLE error_logs");
    assert_eq!(stack.migrate().unwrap()["newly_applied"], json!(ALL[1..]));
    assert_eq!(stack.status().unwrap()["dirty"], json!([]));
}

#[test]
fn the_application_may_read_and_add_over_tls_alone() {
    let stack = Stack::new(Server::shared());
    stack.migrate().unwrap();
    let grants = || {
        stack
            .server
            .column(&format!("SHOW GRANTS FOR '{}'@'%'", stack.user))
    };
    let expected = format!(
        "GRANT SELECT, INSERT ON `{}`.* TO `{}`@`%`",
        stack.schema.replace('_', "\\_"),
        stack.user
    );
    let granted = grants();
    assert_eq!(granted.len(), 2, "{granted:?}");
    assert!(
        granted[0].starts_with("GRANT USAGE ON *.*") && granted[0].ends_with("REQUIRE SSL"),
        "{granted:?}"
    );
    assert_eq!(granted[1], expected);

    let mut app = stack
        .server
        .connect(&stack.user, PASSWORD, MySqlSslMode::VerifyIdentity)
        .unwrap();
    let mut attempt = |statement: &str| {
        let statement = statement.replace("logs", &format!("{}.access_logs", stack.schema));
        run(sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut app)).map(drop)
    };
    attempt("SELECT * FROM logs").unwrap();
    for statement in [
        "UPDATE logs SET method = 'GET'",
        "DELETE FROM logs",
        "DROP TABLE logs",
        "ALTER TABLE logs ADD a INT",
    ] {
        let error = attempt(statement).unwrap_err().to_string();
        assert!(error.contains("denied"), "{statement}: {error}");
    }
    assert!(
        stack
            .server
            .connect(&stack.user, PASSWORD, MySqlSslMode::Disabled)
            .is_err()
    );

    // Whatever was added by hand goes, and a new password comes in.
    stack.server.execute(&format!(
        "CREATE ROLE role_of_{0}; GRANT role_of_{0} TO '{0}'@'%'",
        stack.user
    ));
    stack.server.execute(&format!(
        "GRANT UPDATE ON *.* TO '{}'@'%' WITH GRANT OPTION",
        stack.user
    ));
    stack.secret(
        "arn:app",
        json!({ "username": stack.user, "password": "rotated" }),
    );
    stack.migrate().unwrap();
    let granted = grants();
    assert_eq!(granted.len(), 2, "{granted:?}");
    assert!(
        granted[0].starts_with("GRANT USAGE ON *.*") && granted[0].ends_with("REQUIRE SSL"),
        "{granted:?}"
    );
    assert_eq!(granted[1], expected);
    assert!(
        stack
            .server
            .connect(&stack.user, PASSWORD, MySqlSslMode::Required)
            .is_err()
    );
    stack
        .server
        .connect(&stack.user, "rotated", MySqlSslMode::Required)
        .unwrap();
}

#[test]
fn failures_are_function_errors_without_secrets() {
    let stack = Stack::new(Server::shared());
    let migrator = stack.migrator(&[]);
    for refused in [
        event("{}"),
        json!({ "action": "drop" }),
        json!({ "action": "migrate", "httpMethod": "POST" }),
    ] {
        assert_eq!(
            migrator.invoke(&refused).unwrap_err()["errorType"],
            "InvalidEvent"
        );
    }
    let fails = |changes: &[(&str, &str)]| {
        let error = stack
            .migrator(changes)
            .invoke(&json!({ "action": "migrate" }))
            .unwrap_err();
        assert!(!error.to_string().contains("secret\\\""), "{error}");
        error
    };
    assert_eq!(fails(&[("DB_TLS", "none")])["errorType"], "Settings");
    assert_eq!(
        fails(&[("ADMIN_SECRET_ARN", "arn:none")])["errorType"],
        "Secrets"
    );
    assert_eq!(fails(&[("DB_PORT", "1")])["errorType"], "Database");
    assert_eq!(
        fails(&[("ADMIN_SECRET_ARN", "arn:app")])["errorType"],
        "Database"
    );
    assert_eq!(
        fails(&[("DB_SECRET_ARN", "arn:admin")])["errorType"],
        "Settings"
    );
}
