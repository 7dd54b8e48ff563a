//! The rows that the questions are about.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use traffic::{Plan, Row, load_statement, write_line};

use crate::binaries::Binaries;
use crate::stack::Stack;

/// Days over which the rows are spread, by the working hours of their senders.
const DAYS: u32 = 30;
const LONGEST: Duration = Duration::from_mins(30);

/// Fills the tables and lets the migrator do what it does beside the requests.
pub fn fill(binaries: &Binaries, stack: &Stack, rows: u64) {
    let began = Instant::now();
    let plan = Plan {
        rows,
        days: DAYS,
        ..Plan::new(1)
    };
    stack.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0");
    load(stack, plan.accesses());
    load(stack, plan.errors());
    stack.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1");
    let loaded = began.elapsed();
    let began = Instant::now();
    maintain(binaries, stack);
    stack.execute("ANALYZE TABLE access_logs, error_logs");
    println!(
        "loaded in {:.0} s, maintained in {:.0} s",
        loaded.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
}

/// Rows go from the generator into the client as fast as the server takes them.
fn load<R: Row>(stack: &Stack, rows: impl Iterator<Item = R>) {
    let mut client = Command::new("mariadb")
        .args([
            "--no-defaults",
            "--user=root",
            "--local-infile=1",
            "--skip-ssl",
        ])
        .arg(format!("--socket={}", stack.server.socket().display()))
        .arg(format!("--database={}", stack.schema))
        // Into an empty table the server sorts first and then writes each index in one go.
        .arg(format!(
            "--execute=SET unique_checks = 0, foreign_key_checks = 0; {}",
            load_statement::<R>("/dev/stdin")
        ))
        .stdin(Stdio::piped())
        .spawn()
        .expect("mariadb, the client, is installed");
    let mut pipe = client.stdin.take().expect("its input");
    let mut text = String::new();
    for row in rows {
        write_line(&mut text, &row);
        if text.len() > 1 << 16 {
            pipe.write_all(text.as_bytes()).expect("the client reads");
            text.clear();
        }
    }
    pipe.write_all(text.as_bytes()).expect("the client reads");
    drop(pipe);
    assert!(client.wait().expect("its end").success(), "loaded");
}

/// Runs the migrator's upkeep until nothing is left to do.
fn maintain(binaries: &Binaries, stack: &Stack) {
    let migrator = binaries.migrator(&stack.environment(&[]));
    let began = Instant::now();
    while began.elapsed() < LONGEST {
        let answer = migrator.invoke(&json!({ "action": "maintain" }));
        let answer = answer.expect("maintained");
        if answer["finished"] == true && answer["rows_left"] == 0 {
            return;
        }
    }
    panic!("maintenance does not come to its end");
}

/// A request worth storing, at a time among the others.
pub fn entry() -> Value {
    json!({
        "timestamp": "2025-03-20 12:34:56",
        "ip_address": "203.0.113.7",
        "method": "GET",
        "endpoint": "/api/v1/orders/4711?expand=items",
        "status_code": 200,
        "http_version": "HTTP/1.1",
        "response_size": 5120,
        "response_time_ms": 12.5,
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "department": "sales",
        "user_id": "u-1042",
    })
}
