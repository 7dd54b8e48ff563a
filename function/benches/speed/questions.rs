//! What the database is asked, through the chatbot.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lambda::{Function, PATIENCE, TIMEOUT};
use crate::server::Server;
use crate::{call, median, millis, usage};

const REPETITIONS: usize = 20;
/// A question that takes longer than this in all is asked no more, after a few times.
const ENOUGH: Duration = Duration::from_secs(20);
const LEAST: usize = 3;

/// One question, and what is known of its price in CPU milliseconds.
pub struct Question {
    pub name: &'static str,
    event: String,
    pub most: Option<f64>,
    /// With better indexes than the original ones, but nothing kept ready.
    pub python: Option<&'static str>,
}

/// What something costs, in milliseconds.
#[derive(Clone, Copy)]
pub struct Cost {
    pub cpu: f64,
    pub wall: f64,
    pub least_cpu: f64,
}

impl Cost {
    /// Of several measurements of each.
    pub fn of(cpu: Vec<f64>, wall: Vec<f64>) -> Self {
        Self {
            least_cpu: cpu.iter().copied().fold(f64::INFINITY, f64::min),
            cpu: median(cpu),
            wall: median(wall),
        }
    }
}

/// Every question, about the hour, day and month that end with the newest row.
pub fn all(server: &Server, schema: &str) -> Vec<Question> {
    let one = |query: &str| server.column(query).remove(0);
    let table = format!("{schema}.access_logs");
    let end = one(&format!("SELECT CAST(MAX(timestamp) AS CHAR) FROM {table}"));
    let since = |span: &str| {
        one(&format!(
            "SELECT CAST('{end}' - INTERVAL {span} + INTERVAL 1 SECOND AS CHAR)"
        ))
    };
    let (hour, day, month) = (since("1 HOUR"), since("1 DAY"), since("30 DAY"));
    let window = |start: &str| json!({ "start_time": start, "end_time": end });
    // The address that is missing the most: not the easiest one.
    let address = one(&format!(
        "SELECT ip_address FROM {table} WHERE status_code = 404 AND timestamp >= '{day}'
         GROUP BY ip_address ORDER BY COUNT(*) DESC LIMIT 1"
    ));
    let mut narrow = window(&day);
    narrow["ip_address"] = address.as_str().into();
    narrow["status_code"] = 404.into();

    let question = |name, intent, params: Value, most, python| Question {
        name,
        event: call(intent, params),
        most,
        python,
    };
    let (traffic, threats, performance) = (
        "get_traffic_summary",
        "get_security_threats",
        "get_performance_metrics",
    );
    vec![
        question(
            "address + status, 1 day",
            "get_access_logs",
            narrow,
            Some(0.8),
            Some("0.6"),
        ),
        question("latest 100", "get_access_logs", json!({}), None, None),
        question(
            "latest 100 of an address",
            "get_access_logs",
            json!({ "ip_address": address }),
            None,
            Some("0.28"),
        ),
        question(
            "store",
            "store_access_log",
            crate::rows::entry(),
            None,
            None,
        ),
        question("traffic, 1 hour", traffic, window(&hour), None, Some("12")),
        question(
            "traffic, 1 day",
            traffic,
            window(&day),
            Some(20.0),
            Some("122"),
        ),
        question(
            "traffic, 30 days",
            traffic,
            window(&month),
            None,
            Some("5350"),
        ),
        question("threats, 1 hour", threats, window(&hour), None, Some("20")),
        question(
            "threats, 1 day",
            threats,
            window(&day),
            Some(60.0),
            Some("220"),
        ),
        question("threats, 30 days", threats, window(&month), None, None),
        question(
            "performance, 1 hour",
            performance,
            window(&hour),
            None,
            None,
        ),
        question(
            "performance, 1 day",
            performance,
            window(&day),
            Some(20.0),
            Some("55"),
        ),
        question(
            "performance, 30 days",
            performance,
            window(&month),
            None,
            Some("1740"),
        ),
        question(
            "anomalies, 1 day",
            "get_anomalies",
            window(&day),
            None,
            Some("9"),
        ),
    ]
}

/// The median price of an answer: the server's CPU, and the time until it is here.
pub fn ask(server: &Server, chatbot: &Function, question: &Question) -> Cost {
    let once = || {
        let (before, began) = (usage::cpu(server.process()), Instant::now());
        let answer = chatbot
            .exchange(question.event.clone(), TIMEOUT, PATIENCE)
            .expect("no function error");
        let wall = began.elapsed();
        chatbot.polled();
        let cpu = usage::cpu(server.process()).saturating_sub(before);
        let answered = answer.starts_with(br#"{"statusCode":200,"#);
        (answered, millis(cpu), millis(wall))
    };
    let began = Instant::now();
    // The first ones prepare the statements and bring the pages in.
    for _ in 0..2 {
        once();
    }
    let (mut cpu, mut wall) = (Vec::new(), Vec::new());
    while cpu.len() < LEAST || (cpu.len() < REPETITIONS && began.elapsed() < ENOUGH) {
        let (answered, used, took) = once();
        if !answered {
            // Told by a number that no bound admits.
            return Cost::of(vec![f64::INFINITY], vec![f64::INFINITY]);
        }
        cpu.push(used);
        wall.push(took);
    }
    Cost::of(cpu, wall)
}
