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

fn question(
    name: &'static str,
    intent: &str,
    params: &Value,
    most: Option<f64>,
    python: Option<&'static str>,
) -> Question {
    Question {
        name,
        event: call(intent, params.clone()),
        most,
        python,
    }
}

/// Every question, about the hour, day and month that end with the newest row.
pub fn all(server: &Server, schema: &str) -> Vec<Question> {
    let one = |query: &str| server.column(query).remove(0);
    let table = format!("{schema}.access_logs");
    let end = one(&format!("SELECT CAST(MAX(timestamp) AS CHAR) FROM {table}"));
    let window = |span: &str| {
        let start = format!("'{end}' - INTERVAL {span} + INTERVAL 1 SECOND");
        json!({ "start_time": one(&format!("SELECT CAST({start} AS CHAR)")), "end_time": end })
    };
    let day = window("1 DAY");
    // The address that is missing the most: not the easiest one.
    let address = one(&format!(
        "SELECT ip_address FROM {table} WHERE status_code = 404 AND timestamp >= {}
         GROUP BY ip_address ORDER BY COUNT(*) DESC LIMIT 1",
        day["start_time"].to_string().replace('"', "'")
    ));
    let mut questions = lists(&day, &address);
    questions.extend(summaries(&window("1 HOUR"), &day, &window("30 DAY")));
    questions
}

fn lists(day: &Value, address: &str) -> Vec<Question> {
    let list = "get_access_logs";
    let of_address = json!({ "ip_address": address });
    let mut narrow = day.clone();
    narrow["ip_address"] = address.into();
    narrow["status_code"] = 404.into();
    let entry = crate::rows::entry();
    vec![
        question(
            "address + status, 1 day",
            list,
            &narrow,
            Some(0.8),
            Some("0.6"),
        ),
        question("latest 100", list, &json!({}), None, None),
        question(
            "latest 100 of an address",
            list,
            &of_address,
            None,
            Some("0.28"),
        ),
        question("store", "store_access_log", &entry, None, None),
    ]
}

fn summaries(hour: &Value, day: &Value, month: &Value) -> Vec<Question> {
    let traffic = "get_traffic_summary";
    let threats = "get_security_threats";
    let performance = "get_performance_metrics";
    vec![
        question("traffic, 1 hour", traffic, hour, None, Some("12")),
        question("traffic, 1 day", traffic, day, Some(20.0), Some("122")),
        question("traffic, 30 days", traffic, month, None, Some("5350")),
        question("threats, 1 hour", threats, hour, None, Some("20")),
        question("threats, 1 day", threats, day, Some(60.0), Some("220")),
        question("threats, 30 days", threats, month, None, None),
        question("performance, 1 hour", performance, hour, None, None),
        question(
            "performance, 1 day",
            performance,
            day,
            Some(20.0),
            Some("55"),
        ),
        question(
            "performance, 30 days",
            performance,
            month,
            None,
            Some("1740"),
        ),
        question("anomalies, 1 day", "get_anomalies", day, None, Some("9")),
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
