//! What the functions cost: start, CPU, memory and size of the chatbot beside a function that does
//! nothing, and the database's CPU for each kind of query.
//!
//! `cargo bench -p function --bench speed [-- [--rows 10000000] [--spread]]`, on Linux with MariaDB
//! installed. With more than a million rows, the 30-day queries are asked at a million too and
//! compared.
//!
//! While its CPU is measured, the function shares a processor with its Runtime API and the server:
//! they take turns anyway. To wake a process on another one costs whoever wakes it, on a virtual
//! machine as much as the whole of a refusal, and that is no cost of the function's. `--spread`
//! leaves them where the system puts them, as all are for the rest: a database works while the
//! function does.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::print_stdout, clippy::cast_precision_loss)]
#![allow(clippy::doc_markdown, clippy::needless_pass_by_value)]
// Of the tests' own modules only some is needed here.
#![allow(dead_code)]

#[path = "speed/binaries.rs"]
mod binaries;
#[path = "../tests/integration/conformance.rs"]
mod conformance;
#[path = "speed/deployment.rs"]
mod deployment;
#[path = "../tests/integration/http.rs"]
mod http;
#[path = "../tests/integration/lambda.rs"]
mod lambda;
#[path = "speed/processor.rs"]
mod processor;
#[path = "speed/questions.rs"]
mod questions;
#[path = "speed/rows.rs"]
mod rows;
#[path = "../tests/integration/server.rs"]
mod server;
#[path = "../tests/integration/stack.rs"]
mod stack;
#[path = "speed/table.rs"]
mod table;
#[path = "speed/usage.rs"]
mod usage;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/integration/vault.rs"]
mod vault;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use binaries::Binaries;
use deployment::deploy;
use lambda::{Function, PATIENCE, TIMEOUT};
use questions::{Cost, ask};
use server::Server;
use stack::event;
use table::{Row, Table};

const MILLION: u64 = 1_000_000;
const STARTS: usize = 30;
/// Invocations in one batch, and batches: the median batch counts.
const BATCH: usize = 25;
const BATCHES: usize = 12;

fn main() {
    let rows = rows_asked_for();
    let binaries = Binaries::build();
    let others = usage::Others::new();
    println!("load average before: {}", usage::load());
    let server = deployment::server();
    let version = &server.column("SELECT VERSION()")[0];
    println!("MariaDB {version}, {} rows", grouped(rows));
    let mut table = Table::default();

    let (stack, environment) = deploy(&binaries, &server);
    rows::fill(&binaries, &stack, MILLION.min(rows));
    starts(&mut table, &binaries, &environment);
    let spread = std::env::args().any(|argument| argument == "--spread");
    let processors = processor::allowed();
    if !spread {
        processor::keep_on(processor::first(&processors), server.process());
    }
    invocations(&mut table, &binaries, &environment);
    processor::keep_on(&processors, server.process());
    size(&mut table, &binaries, &environment);
    let chatbot = binaries.chatbot(&environment);
    chatbot.polled();
    let first = database(
        &mut table,
        &server,
        &chatbot,
        &stack.schema,
        MILLION.min(rows),
    );

    if rows > MILLION {
        let (stack, environment) = deploy(&binaries, &server);
        rows::fill(&binaries, &stack, rows);
        let chatbot = binaries.chatbot(&environment);
        chatbot.polled();
        let second = database(&mut table, &server, &chatbot, &stack.schema, rows);
        growth(&mut table, &first, &second);
    }

    let share = others.share(usage::cpu(server.process()) + usage::cpu(chatbot.process()));
    println!("\nload average after: {}", usage::load());
    println!(
        "others used {share:.0} % of the processors: {}",
        if share > 5.0 {
            "disturbed, times are too long"
        } else {
            "undisturbed"
        }
    );
    match table.over() {
        [] => println!("all within bounds"),
        over => println!("over their bounds: {}", over.join("; ")),
    }
}

fn rows_asked_for() -> u64 {
    let given: Vec<String> = std::env::args().collect();
    let at = given.iter().position(|argument| argument == "--rows");
    at.map_or(MILLION, |at| {
        given
            .get(at + 1)
            .and_then(|rows| rows.parse().ok())
            .expect("--rows takes a number")
    })
}

/// From the start of the process until it asks for its first event.
fn starts(table: &mut Table, binaries: &Binaries, environment: &HashMap<String, String>) {
    let time = |start: &dyn Fn() -> Function| {
        let began = Instant::now();
        let function = start();
        millis(function.polled() - began)
    };
    // In turns, so that what disturbs one disturbs the other.
    let both = || {
        (
            time(&|| binaries.echo()),
            time(&|| binaries.chatbot(environment)),
        )
    };
    both();
    let (echo, chatbot): (Vec<f64>, Vec<f64>) = (0..STARTS).map(|_| both()).unzip();
    let (echo, chatbot) = (median(echo), median(chatbot));
    Table::heading("start to first next");
    table.add(Row::new("echo", echo, "ms"));
    table.add(Row::new("chatbot", chatbot, "ms").python("222"));
    table.add(Row::new("chatbot / echo", chatbot / echo, "×").at_most(3.0));
}

/// The function's own CPU, and the time from the event's sending to the answer's coming.
fn invocations(table: &mut Table, binaries: &Binaries, environment: &HashMap<String, String>) {
    let list = |limit: u64| call("get_access_logs", json!({ "limit": limit }));
    let keyed = |number: usize| {
        let mut params = rows::entry();
        params["idempotency_key"] = format!("{}-{number}", std::process::id()).into();
        call("store_access_log", params)
    };
    let mut wrong = event(r#"{"intent":"get_anomalies"}"#);
    wrong["headers"]["X-Api-Key"] = "not-that-one".into();
    let (echo, chatbot) = (&binaries.echo(), &binaries.chatbot(environment));
    echo.polled();
    chatbot.polled();
    let store = call("store_access_log", rows::entry());
    let (latest, thousand) = (list(100), list(1000));
    let unknown = call("get_weather", json!({}));

    Table::heading("one invocation: CPU of the function, then wall");
    let mut measure =
        |name: &str, cost: Cost, most: Option<f64>, python: [Option<&'static str>; 2]| {
            let mut cpu = Row::new(format!("{name}, CPU"), cost.cpu, "ms").least(cost.least_cpu);
            cpu.most = most;
            cpu.python = python[0];
            table.add(cpu);
            let mut wall = Row::new(format!("{name}, wall"), cost.wall, "ms");
            wall.python = python[1];
            table.add(wall);
        };
    let list = |event: &str| price(chatbot, 200, |_| event.to_string());
    measure("echo", price(echo, 0, |_| latest.clone()), None, [None; 2]);
    measure(
        "latest 100 rows",
        list(&latest),
        Some(0.35),
        [Some("4.3"), Some("8.2")],
    );
    measure(
        "1000 rows",
        list(&thousand),
        Some(2.5),
        [Some("31"), Some("45")],
    );
    measure(
        "store",
        list(&store),
        Some(0.15),
        [Some("0.95"), Some("1.2")],
    );
    measure(
        "store with an idempotency key",
        price(chatbot, 200, keyed),
        Some(0.15),
        [Some("0.95"), Some("1.2")],
    );
    let refusal = price(chatbot, 401, |_| wrong.to_string());
    measure(
        "refusal: wrong key",
        refusal,
        Some(0.05),
        [None, Some("0.46")],
    );
    let refusal = price(chatbot, 400, |_| unknown.clone());
    measure(
        "refusal: unknown intent",
        refusal,
        Some(0.05),
        [None, Some("0.46")],
    );
}

/// An event that asks for an intent.
fn call(intent: &str, params: Value) -> String {
    event(&json!({ "intent": intent, "params": params }).to_string()).to_string()
}

/// What an invocation costs, by the median of batches. `status` is what it must answer;
/// 0 is for a function that answers no status.
fn price(function: &Function, status: u16, event: impl Fn(usize) -> String) -> Cost {
    let mut number = 0;
    let mut batch = || {
        let mut walls = Vec::with_capacity(BATCH);
        let before = usage::cpu(function.process());
        for _ in 0..BATCH {
            number += 1;
            let event = event(number);
            let began = Instant::now();
            let answer = function
                .exchange(event, TIMEOUT, PATIENCE)
                .expect("no function error");
            walls.push(millis(began.elapsed()));
            let expected = format!(r#"{{"statusCode":{status},"#);
            assert!(
                status == 0 || answer.starts_with(expected.as_bytes()),
                "{}",
                String::from_utf8_lossy(&answer)
            );
            // It has done with an invocation when it asks for the next one.
            function.polled();
        }
        let cpu = usage::cpu(function.process()).saturating_sub(before);
        (millis(cpu) / BATCH as f64, median(walls))
    };
    batch();
    let (cpu, wall): (Vec<f64>, Vec<f64>) = (0..BATCHES).map(|_| batch()).unzip();
    Cost::of(cpu, wall)
}

/// Memory of a process that answers the longest lists, and what is uploaded.
fn size(table: &mut Table, binaries: &Binaries, environment: &HashMap<String, String>) {
    let chatbot = binaries.chatbot(environment);
    chatbot.polled();
    let memory = |function: &Function| usage::peak_memory(function.process()) as f64 / 1024.0;
    let started = memory(&chatbot);
    let list = call("get_access_logs", json!({ "limit": 1000 }));
    price(&chatbot, 200, |_| list.clone());
    Table::heading("size");
    table.add(Row::new("peak memory when started", started, "MiB"));
    table.add(
        Row::new(
            "peak memory after lists of 1000 rows",
            memory(&chatbot),
            "MiB",
        )
        .at_most(12.0)
        .python("28–35"),
    );
    let megabytes = |name: &str| binaries.zipped(name) as f64 / 1e6;
    table.add(Row::new("zip of chatbot", megabytes("chatbot"), "MB").at_most(3.0));
    table.add(Row::new("zip of migrator", megabytes("migrator"), "MB"));
}

/// The server's CPU for each question, at that many rows.
fn database(
    table: &mut Table,
    server: &Server,
    chatbot: &Function,
    schema: &str,
    rows: u64,
) -> Vec<(&'static str, Cost)> {
    Table::heading(&format!("CPU of the database at {} rows", grouped(rows)));
    let mut costs = Vec::new();
    for question in questions::all(server, schema) {
        let cost = ask(server, chatbot, &question);
        let mut row = Row::new(question.name, cost.cpu, "ms").least(cost.least_cpu);
        row.most = question.most.filter(|_| rows <= MILLION);
        row.python = question.python;
        table.add(row);
        if question.name.ends_with("30 days") {
            table.add(Row::new(
                format!("{}, wall", question.name),
                cost.wall,
                "ms",
            ));
            costs.push((question.name, cost));
        }
    }
    costs
}

/// How much more the 30-day questions take at more rows.
fn growth(table: &mut Table, first: &[(&str, Cost)], second: &[(&str, Cost)]) {
    Table::heading("more rows against a million");
    for ((name, few), (_, many)) in first.iter().zip(second) {
        table.add(Row::new(format!("{name}, wall"), many.wall, "ms").at_most(1000.0));
        table.add(Row::new(format!("{name}, wall"), many.wall / few.wall, "×").at_most(1.5));
        table.add(Row::new(format!("{name}, CPU"), many.cpu / few.cpu, "×").at_most(1.5));
    }
}

fn grouped(number: u64) -> String {
    format!("{} M", number as f64 / MILLION as f64)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
