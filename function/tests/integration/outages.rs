//! A database that goes away and comes back, connections that die, and what health says of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lambda::Function;
use crate::proxy::Proxy;
use crate::server::{Server, run};
use crate::stack::{Answer, PASSWORD, Stack, ask, ask_promptly, asking};

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
        let answer = ask_promptly(&chatbot, intent, params);
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

/// Every kind of call, and each is told that the database is away while it still listens.
fn all_unavailable(chatbot: &Function) {
    for (intent, params) in [
        ("get_access_logs", json!({})),
        ("store_access_log", row(json!({}))),
        ("store_access_log", row(json!({ "idempotency_key": "k" }))),
    ] {
        unavailable(&ask_promptly(chatbot, intent, params));
    }
}

fn unavailable(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.body["code"].as_str()),
        (503, Some("database_unavailable")),
        "{}",
        answer.body
    );
}

fn count(chatbot: &Function) -> Value {
    ask(chatbot, "get_access_logs", json!({})).data()["count"].clone()
}

#[test]
fn a_server_that_hangs_is_not_waited_for() {
    let stack = Stack::new(Arc::new(Server::new()));
    stack.migrate().unwrap();
    let (first, second) = (stack.chatbot(&[]), stack.chatbot(&[]));
    assert_eq!(count(&first), 0);
    stack.server.pause();
    // In the middle of a query on a connection used just now, then without a connection.
    all_unavailable(&first);
    all_unavailable(&second);
    let health = first.invoke(&json!({ "wmctl": "health" })).unwrap();
    assert_eq!(health["reason"], "the database cannot be reached");
    stack.server.resume();
    assert_eq!(count(&first), 0);
    for chatbot in [&first, &second] {
        ask(
            chatbot,
            "store_access_log",
            row(json!({ "idempotency_key": "k" })),
        )
        .data();
    }
    assert_eq!(count(&first), 1);
}

#[test]
fn a_server_that_is_full_is_unavailable() {
    let stack = Stack::new(Arc::new(Server::new()));
    stack.migrate().unwrap();
    let chatbot = stack.chatbot(&[]);
    // The one connection kept for root may still be taken by one that is being refused.
    let mut root = run(stack.server.root(None)).unwrap();
    let mut at_most = |most: &'static str| {
        run(sqlx::raw_sql(most).execute(&mut root)).unwrap();
    };
    // The fewest that it allows.
    at_most("SET GLOBAL max_connections = 10");
    let tls = sqlx::mysql::MySqlSslMode::Required;
    let mut others = Vec::new();
    while let Ok(other) = stack.server.connect(&stack.user, PASSWORD, tls) {
        others.push(other);
    }
    assert!(others.len() >= 8);
    all_unavailable(&chatbot);
    at_most("SET GLOBAL max_connections = 100");
    assert_eq!(count(&chatbot), 0);
}

#[test]
fn a_user_with_too_many_connections_is_told_so() {
    let (stack, chatbot) = Stack::ready();
    let limit = |most: usize| {
        let user = &stack.user;
        stack.server.execute(&format!(
            "ALTER USER {user}@'%' WITH MAX_USER_CONNECTIONS {most}"
        ));
    };
    limit(1);
    let tls = sqlx::mysql::MySqlSslMode::Required;
    let other = stack.server.connect(&stack.user, PASSWORD, tls).unwrap();
    all_unavailable(&chatbot);
    run(sqlx::Connection::close(other)).unwrap();
    limit(2);
    assert_eq!(count(&chatbot), 0);
}

/// A stack whose chatbot reaches the database through a network that can fail.
fn through_a_proxy() -> (Stack, Proxy, Function) {
    let stack = Stack::new(Server::shared());
    stack.migrate().unwrap();
    let proxy = Proxy::to(stack.server.port());
    let chatbot = stack.chatbot(&[("DB_PORT", &proxy.port())]);
    assert_eq!(count(&chatbot), 0);
    (stack, proxy, chatbot)
}

#[test]
fn a_connection_that_died_in_silence_is_replaced() {
    let (stack, proxy, chatbot) = through_a_proxy();
    let mut stored = 0;
    for (intent, params) in [
        ("get_access_logs", json!({})),
        ("store_access_log", row(json!({ "idempotency_key": "k" }))),
        ("store_access_log", row(json!({}))),
    ] {
        proxy.silence();
        ask_promptly(&chatbot, intent, params).data();
        stored += usize::from(intent == "store_access_log");
        assert_eq!(count(&chatbot), stored);
    }
    // The server was told not to keep the two that no one listens to; the third died unused, and
    // the server closes it in its own time.
    let query = format!(
        "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.processlist WHERE user = '{}'",
        stack.user
    );
    let end = Instant::now() + Duration::from_mins(1);
    while stack.server.column(&query) != ["2"] {
        assert!(Instant::now() < end, "{:?}", stack.server.column(&query));
        std::thread::yield_now();
    }
}

#[test]
fn an_answer_lost_on_its_way_never_stores_twice() {
    let (_stack, proxy, chatbot) = through_a_proxy();
    // So that the statement is known, and the next answer is the one to its execution.
    let first = ask(
        &chatbot,
        "store_access_log",
        row(json!({ "idempotency_key": "a" })),
    )
    .data();
    proxy.break_after(0);
    let kept = ask_promptly(
        &chatbot,
        "store_access_log",
        row(json!({ "idempotency_key": "b" })),
    )
    .data();
    assert_ne!(kept["id"], first["id"]);
    assert_eq!(count(&chatbot), 2);

    ask(&chatbot, "store_access_log", row(json!({}))).data();
    // The check of the connection is answered, the store is not.
    proxy.break_after(1);
    let answer = ask_promptly(&chatbot, "store_access_log", row(json!({})));
    unavailable(&answer);
    let error = answer.body["error"].as_str().unwrap();
    assert!(
        error.contains("may or may not be stored") && error.contains("idempotency_key"),
        "{error}"
    );
    // It was, once: nothing was repeated.
    assert_eq!(count(&chatbot), 4);

    proxy.break_after(0);
    assert_eq!(
        ask_promptly(&chatbot, "get_access_logs", json!({})).data()["count"],
        4
    );
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (stack, _) = Stack::ready();
    // The certificate is for the address.
    let mut chatbot = stack.chatbot(&[("DB_HOST", "localhost")]);
    all_unavailable(&chatbot);
    let mut unknown = stack.chatbot(&[("DB_CA_FILE", "")]);
    all_unavailable(&unknown);
    for (function, cause) in [
        (&mut chatbot, "certificate not valid for name"),
        (&mut unknown, "UnknownIssuer"),
    ] {
        let log = function.end();
        assert!(log.contains(cause), "{log}");
    }
}

#[test]
fn each_query_keeps_to_its_own_invocations_deadline() {
    let (stack, mut chatbot) = Stack::ready();
    let table = format!("{}.access_logs", stack.schema);
    let lock = run(async {
        let mut root = stack.server.root(None).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("LOCK TABLES {table} WRITE")))
            .execute(&mut root)
            .await
            .unwrap();
        root
    });
    // The connection is made with the whole time of the first invocation, the second has less.
    ask(&chatbot, "get_error_logs", json!({})).data();
    for (intent, params) in [
        ("get_access_logs", json!({})),
        ("store_access_log", row(json!({}))),
    ] {
        let event = asking(intent, params).to_string();
        let short = Duration::from_secs(4);
        let answer = Answer::of(chatbot.invoke_text(event, short, short));
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (503, Some("query_timeout"))
        );
    }
    run(sqlx::Connection::close(lock)).unwrap();
    assert_eq!(count(&chatbot), 0);
    let log = chatbot.end();
    assert_eq!(
        log.matches("max_statement_time exceeded").count(),
        2,
        "the server stopped both: {log}"
    );
}

#[test]
fn the_server_knows_the_limits_of_each_invocation() {
    let (stack, chatbot) = Stack::ready();
    stack.execute(
        "CREATE TABLE seen (id INT AUTO_INCREMENT PRIMARY KEY, limits VARCHAR(64)) ENGINE = MyISAM; \
         CREATE TRIGGER see BEFORE INSERT ON access_logs FOR EACH ROW \
         INSERT INTO seen (limits) VALUES (CONCAT(ROUND(@@max_statement_time), ' ', @@wait_timeout))",
    );
    for seconds in [30, 9, 30, 2] {
        let event = asking("store_access_log", row(json!({}))).to_string();
        let timeout = Duration::from_secs(seconds);
        Answer::of(chatbot.invoke_text(event, timeout, timeout)).data();
    }
    let seen = format!("SELECT limits FROM {}.seen ORDER BY id", stack.schema);
    assert_eq!(
        stack.server.column(&seen),
        ["25 900", "6 900", "25 900", "1 900"]
    );
}

#[test]
fn a_server_at_work_is_waited_for() {
    let (stack, chatbot) = Stack::ready();
    ask(&chatbot, "get_error_logs", json!({})).data();
    let table = format!("{}.access_logs", stack.schema);
    let lock = run(async {
        let mut root = stack.server.root(None).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("LOCK TABLES {table} WRITE")))
            .execute(&mut root)
            .await
            .unwrap();
        root
    });
    std::thread::scope(|scope| {
        let asked = scope.spawn(move || count(&chatbot));
        let waiting = format!(
            "SELECT 'yes' FROM information_schema.processlist WHERE user = '{}' AND state LIKE '%lock%' AND time_ms > 5000",
            stack.user
        );
        while stack.server.column(&waiting).is_empty() {
            std::thread::yield_now();
        }
        run(sqlx::Connection::close(lock)).unwrap();
        assert_eq!(asked.join().unwrap(), 0);
    });
}

#[test]
fn a_deadlock_is_tried_again() {
    let (stack, chatbot) = Stack::ready();
    // The server undoes the first store as it undoes the victim of a deadlock.
    stack.execute(
        "CREATE TABLE attempts (id INT) ENGINE = MyISAM; \
         CREATE TRIGGER victim BEFORE INSERT ON access_logs FOR EACH ROW \
         BEGIN \
           INSERT INTO attempts VALUES (1); \
           IF (SELECT COUNT(*) FROM attempts) = 1 THEN \
             SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'; \
           END IF; \
         END",
    );
    ask(&chatbot, "store_access_log", row(json!({}))).data();
    assert_eq!(count(&chatbot), 1);
}

#[test]
fn a_rotated_password_is_asked_for_once() {
    let (stack, chatbot) = Stack::ready();
    assert_eq!(count(&chatbot), 0);
    let before = stack.reads("arn:app");
    // The database knows the new password already, the secret does not yet.
    let user = &stack.user;
    stack
        .server
        .execute(&format!("ALTER USER {user}@'%' IDENTIFIED BY 'rotated'"));
    kill_connections(&stack);
    for _ in 0..5 {
        unavailable(&ask_promptly(&chatbot, "get_access_logs", json!({})));
    }
    assert_eq!(
        stack.reads("arn:app"),
        before + 1,
        "at most one refresh in 30 s"
    );
}

#[test]
fn secrets_that_cannot_be_read_are_told_from_the_database() {
    let stack = Stack::new(Server::shared());
    stack.migrate().unwrap();
    let unreadable = |chatbot: &Function| {
        let answer = ask_promptly(chatbot, "get_access_logs", json!({}));
        let verdict = (answer.status, answer.body["code"].as_str());
        assert_eq!(verdict, (503, Some("secrets_unavailable")));
    };
    let chatbot = stack.chatbot(&[]);
    for arn in ["arn:keys", "arn:app"] {
        stack.silence(Some(arn));
        unreadable(&chatbot);
    }
    stack.silence(None);
    stack.forget("arn:app");
    unreadable(&chatbot);
    stack.secret(
        "arn:app",
        json!({ "username": stack.user, "password": PASSWORD }),
    );
    assert_eq!(count(&chatbot), 0);
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
