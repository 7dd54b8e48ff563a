//! Summaries from roll-ups: the same answers as from the rows, whatever happens to the rows.

use serde_json::{Value, json};
use sqlx::Connection as _;
use traffic::{Access, Plan, inserts};

use crate::lambda::Function;
use crate::server::run;
use crate::stack::{Stack, ask};

const START: i64 = 1_740_960_000;
const DAY: i64 = 86_400;

fn load(stack: &Stack, rows: impl Iterator<Item = Access>) {
    for statement in inserts(rows, 2000) {
        stack.execute(&statement);
    }
}

fn window(start: i64, end: i64) -> Value {
    let at = |second| function::time::Second::from_epoch(second).to_string();
    json!({ "start_time": at(start), "end_time": at(end) })
}

/// What summaries answer, without what may honestly differ: which examples were seen first.
fn answers(chatbot: &Function, window: &Value) -> Vec<Value> {
    let mut all: Vec<Value> = [
        "get_traffic_summary",
        "get_performance_metrics",
        "get_security_threats",
    ]
    .into_iter()
    .map(|intent| ask(chatbot, intent, window.clone()).data())
    .collect();
    let mut one = window.clone();
    one["endpoint"] = json!("/search");
    all.push(ask(chatbot, "get_performance_metrics", one).data());
    for threat in all[2]["threats"].as_array_mut().unwrap() {
        threat.as_object_mut().unwrap().remove("evidence");
    }
    all
}

/// The first place where two answers differ.
fn difference(found: &Value, expected: &Value) -> Option<String> {
    match (found, expected) {
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            a.iter().find_map(|(key, found)| {
                difference(found, b.get(key)?).map(|rest| format!(".{key}{rest}"))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(at, (found, expected))| {
                difference(found, expected).map(|rest| format!("[{at}]{rest}"))
            })
        }
        // The last digit depends on the order in which fractions were added.
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let apart = (a.as_f64()? - b.as_f64()?).abs();
            (apart > 0.0011).then(|| format!(": {found} is not {expected}"))
        }
        _ if found == expected => None,
        _ => Some(format!(": {found} is not {expected}")),
    }
}

fn total(chatbot: &Function, window: &Value) -> u64 {
    let data = ask(chatbot, "get_traffic_summary", window.clone()).data();
    data["total_requests"].as_u64().unwrap()
}

#[test]
fn answers_are_the_rows() {
    let plan = Plan {
        rows: 12_000,
        ..Plan::new(11)
    };
    let (raw, raw_chatbot) = Stack::ready();
    raw.execute("DROP TABLE access_rollups; DROP TABLE access_rollup_ranges");
    let rows = || {
        plan.accesses()
            .take_while(|row| row.second < START + 5 * DAY)
    };
    load(&raw, rows());

    // Two thirds in the order of time, with maintenance in between, then what came late.
    let (stack, chatbot) = Stack::ready();
    let part = |keep: fn(usize) -> bool| {
        let numbered = rows().enumerate();
        numbered.filter(move |(n, _)| keep(*n)).map(|(_, row)| row)
    };
    load(&stack, part(|n| n % 3 != 0 && n % 2 == 0));
    let maintained = stack.maintain();
    assert!(
        maintained["rows_folded"].as_u64().unwrap() > 3000,
        "{maintained}"
    );
    assert_eq!(maintained["days_merged"], 4, "the last one goes on");
    load(&stack, part(|n| n % 3 != 0 && n % 2 == 1));
    assert_eq!(stack.maintain()["rows_left"], 0);
    load(&stack, part(|n| n % 3 == 0));

    let windows = [
        (START, START + 7 * DAY - 1),
        (START, START + DAY - 1),
        (START + 1, START + 3 * DAY),
        (START + 5 * 3600 + 1800, START + 2 * DAY + 7000),
        (START + DAY + 10_000, START + DAY + 50_000),
        (START + DAY + 10_000, START + DAY + 13_000),
        (START - 90 * DAY, START + 90 * DAY),
    ];
    for (start, end) in windows {
        let window = window(start, end);
        let expected = answers(&raw_chatbot, &window);
        assert!(
            expected[0]["total_requests"].as_u64().unwrap() > 10,
            "{window}"
        );
        let found = answers(&chatbot, &window);
        assert_eq!(
            difference(&json!(found), &json!(expected)),
            None,
            "{window}"
        );
    }
    // Asking has folded what came late; merging that changes nothing either.
    assert_eq!(stack.maintain()["finished"], true);
    let (start, end) = windows[0];
    let window = window(start, end);
    let (found, expected) = (answers(&chatbot, &window), answers(&raw_chatbot, &window));
    assert_eq!(difference(&json!(found), &json!(expected)), None);
}

/// How many segments of so many hours there are, and how many of them a longer one contains.
fn segments(stack: &Stack, hours: u16) -> (u64, u64) {
    let row = stack.server.column(&format!(
        "SELECT CONCAT(COUNT(*), ' ', IFNULL(SUM(in_day), 0)) FROM {}.access_rollups \
         WHERE part = 1 AND hours = {hours}",
        stack.schema
    ));
    let (all, contained) = row[0].split_once(' ').unwrap();
    (all.parse().unwrap(), contained.parse().unwrap())
}

/// All of it: one run may not have the time.
fn maintain(stack: &Stack) {
    while stack.maintain()["finished"] != true {}
}

#[test]
fn weeks_are_made_of_days_and_take_in_what_comes_late() {
    let (stack, chatbot) = Stack::ready();
    let plan = Plan {
        rows: 9000,
        days: 16,
        ..Plan::new(4)
    };
    let (all, end) = (plan.accesses().count() as u64, plan.end() - 1);
    load(&stack, plan.accesses().skip(1));
    maintain(&stack);
    assert_eq!(segments(&stack, 168), (2, 0));
    assert_eq!(segments(&stack, 24), (15, 14));
    let (whole, cut) = (window(START, end), window(START + DAY, end - 1));
    assert_eq!(total(&chatbot, &whole), all - 1);

    load(&stack, plan.accesses().take(1));
    assert_eq!(total(&chatbot, &whole), all);
    maintain(&stack);
    assert_eq!(segments(&stack, 168), (2, 0));
    assert_eq!(segments(&stack, 24), (15, 14));
    assert_eq!(segments(&stack, 6).1, 15 * 4);
    let found = [answers(&chatbot, &whole), answers(&chatbot, &cut)];
    assert_eq!(found[0][0]["total_requests"], all);

    // From days and hours alone, and then from rows alone.
    stack.execute(
        "UPDATE access_rollups SET in_day = FALSE WHERE hours = 24; DELETE FROM access_rollups WHERE hours = 168",
    );
    let of_days = [answers(&chatbot, &whole), answers(&chatbot, &cut)];
    assert_eq!(difference(&json!(found), &json!(of_days)), None);
    stack.execute("DROP TABLE access_rollups; DROP TABLE access_rollup_ranges");
    let of_rows = [answers(&chatbot, &whole), answers(&chatbot, &cut)];
    assert_eq!(difference(&json!(found), &json!(of_rows)), None);
}

#[test]
fn what_stays_of_a_week_that_is_dropped_in_part_counts() {
    let (stack, chatbot) = Stack::ready();
    stack.execute(
        "INSERT INTO access_logs (timestamp, ip_address, method, endpoint, status_code) \
         SELECT NOW() - INTERVAL 2 * seq DAY, '192.0.2.1', 'GET', '/', 200 FROM seq_1_to_65",
    );
    maintain(&stack);
    assert_eq!(segments(&stack, 24).0, 64, "the last day goes on");
    let now = function::time::Second::now().epoch();
    let all = window(now - 365 * DAY, now);
    assert_eq!(total(&chatbot, &all), 65);
    // Most months begin in the middle of a week.
    for days in ["50", "20"] {
        let migrator = stack.migrator(&[("LOG_RETENTION_DAYS", days)]);
        let maintained = migrator.invoke(&json!({ "action": "maintain" })).unwrap();
        assert_ne!(maintained["partitions_dropped"], json!([]), "{maintained}");
        let rows = format!(
            "SELECT CAST(COUNT(*) AS CHAR) FROM {}.access_logs",
            stack.schema
        );
        let rows = stack.server.column(&rows)[0].parse::<u64>().unwrap();
        assert!(rows < 65);
        assert_eq!(total(&chatbot, &all), rows, "{days}");
    }
}

#[test]
fn a_row_that_is_committed_late_counts() {
    let (stack, chatbot) = Stack::ready();
    let plan = Plan {
        rows: 4000,
        attacks: false,
        ..Plan::new(5)
    };
    let all = window(START, START + 7 * DAY);
    let row = "INSERT INTO access_logs (timestamp, ip_address, method, endpoint, status_code) \
               VALUES ('2025-03-04 05:06:07', '192.0.2.1', 'GET', '/late', 200)";
    let mut late = run(stack.server.root(Some(&stack.schema))).unwrap();
    let mut transaction = run(late.begin()).unwrap();
    run(sqlx::raw_sql(row).execute(&mut *transaction)).unwrap();
    load(&stack, plan.accesses());
    let before = total(&chatbot, &all);
    let folded = || {
        stack.server.column(&format!(
            "SELECT CAST(IFNULL(MAX(to_id), 0) AS CHAR) FROM {}.access_rollup_ranges",
            stack.schema
        ))
    };
    assert_eq!(
        folded(),
        ["0"],
        "nothing is folded past a row that is not committed"
    );
    run(transaction.commit()).unwrap();
    assert_eq!(total(&chatbot, &all), before + 1);
    assert_ne!(folded(), ["0"]);
    assert_eq!(total(&chatbot, &all), before + 1);
}

#[test]
fn rows_replaced_behind_the_roll_ups_are_noticed() {
    let (stack, chatbot) = Stack::ready();
    let plan = |seed| Plan {
        rows: 2000,
        attacks: false,
        ..Plan::new(seed)
    };
    let all = window(START, START + 7 * DAY);
    let count = |seed| u64::try_from(plan(seed).accesses().count()).unwrap();
    load(&stack, plan(1).accesses());
    stack.maintain();
    assert_eq!(total(&chatbot, &all), count(1));
    stack.execute("TRUNCATE TABLE access_logs");
    assert_eq!(total(&chatbot, &all), 0);
    load(&stack, plan(2).accesses());
    assert_eq!(total(&chatbot, &all), count(2));
    assert!(stack.maintain()["rows_folded"].as_u64().unwrap() >= count(2));
    assert_eq!(total(&chatbot, &all), count(2));

    // A row that someone deleted is known only to the rows: one command counts again.
    stack.execute("DELETE FROM access_logs WHERE id = 1000");
    let rebuilt = stack
        .migrator(&[])
        .invoke(&json!({ "action": "rebuild" }))
        .unwrap();
    assert_eq!(rebuilt["rows_folded"].as_u64().unwrap(), count(2) - 1);
    assert_eq!(total(&chatbot, &all), count(2) - 1);
}

#[test]
fn what_is_past_its_retention_is_dropped() {
    let (stack, chatbot) = Stack::ready();
    let now = function::time::Second::now();
    let add = |days: i64, key: &str| {
        let row = json!({
            "timestamp": now.plus(-days * DAY).to_string(), "ip_address": "192.0.2.1", "method": "GET",
            "endpoint": "/", "status_code": 200, "idempotency_key": key
        });
        ask(&chatbot, "store_access_log", row).data()
    };
    for (days, key) in [(0, "today"), (40, "a month ago"), (200, "long ago")] {
        add(days, key);
    }
    stack.maintain();
    let all = window(now.epoch() - 365 * DAY, now.epoch());
    assert_eq!(total(&chatbot, &all), 3);
    let migrator = stack.migrator(&[("LOG_RETENTION_DAYS", "50")]);
    let maintained = migrator.invoke(&json!({ "action": "maintain" })).unwrap();
    let dropped = maintained["partitions_dropped"].as_array().unwrap();
    assert!(
        dropped
            .iter()
            .any(|name| name.as_str().unwrap().starts_with("access_logs.p")),
        "{maintained}"
    );
    assert_eq!(total(&chatbot, &all), 2);
    assert_eq!(add(0, "today")["duplicate"], true);
    assert_eq!(add(0, "long ago")["duplicate"], false, "its row is gone");
    let again = migrator.invoke(&json!({ "action": "maintain" })).unwrap();
    assert_eq!(
        (&again["partitions_dropped"], &again["partitions_added"]),
        (&json!([]), &json!([]))
    );
}

#[test]
fn many_at_once_count_each_row_once() {
    let (stack, _) = Stack::ready();
    let plan = Plan {
        rows: 9000,
        attacks: false,
        ..Plan::new(8)
    };
    let all = window(START, START + 8 * DAY);
    std::thread::scope(|scope| {
        for third in 0..3 {
            let (stack, plan) = (&stack, &plan);
            scope.spawn(move || {
                let rows = plan.accesses().enumerate();
                let rows = rows.filter(|(n, _)| n % 3 == third).map(|(_, row)| row);
                for statement in inserts(rows, 100) {
                    stack.execute(&statement);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                let chatbot = stack.chatbot(&[]);
                let mut last = 0;
                for _ in 0..15 {
                    let found = total(&chatbot, &all);
                    assert!(found >= last, "{found} after {last}");
                    last = found;
                }
            });
        }
        scope.spawn(|| {
            for round in 0..6 {
                if round == 3 {
                    let rebuild = json!({ "action": "rebuild" });
                    stack.migrator(&[]).invoke(&rebuild).unwrap();
                }
                stack.maintain();
            }
        });
    });
    let expected = u64::try_from(plan.accesses().count()).unwrap();
    let chatbot = stack.chatbot(&[]);
    assert_eq!(total(&chatbot, &all), expected);
    stack.maintain();
    assert_eq!(total(&chatbot, &all), expected);
}
