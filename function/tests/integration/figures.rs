//! Summaries, with figures that can be checked by hand.

use serde_json::{Value, json};

use crate::stack::{Stack, ask};

/// Rows that need not go through the function one by one.
fn insert(stack: &Stack, rows: &[String]) {
    for part in rows.chunks(1000) {
        stack.execute(&format!(
            "INSERT INTO access_logs (timestamp, ip_address, method, endpoint, status_code, response_size, response_time_ms) VALUES {}",
            part.join(",")
        ));
    }
}

#[test]
fn traffic_adds_up() {
    let (stack, chatbot) = Stack::ready();
    insert(
        &stack,
        &[
            "('2025-03-01 00:00:00', '192.0.2.1', 'GET', '/a', 200, 100, 10)".into(),
            "('2025-03-01 00:30:00', '192.0.2.1', 'GET', '/a', 304, NULL, NULL)".into(),
            "('2025-03-01 01:00:00', '192.0.2.2', 'POST', '/b', 404, 50, 20)".into(),
            "('2025-03-01 23:59:59', '2001:db8::1', 'GET', '/c', 503, 1, 60)".into(),
            "('2025-02-28 23:59:59', '192.0.2.9', 'GET', '/before', 200, 1, 1)".into(),
            "('2025-03-02 00:00:00', '192.0.2.9', 'GET', '/after', 200, 1, 1)".into(),
        ],
    );
    let day = json!({ "start_time": "2025-03-01 00:00:00", "end_time": "2025-03-01 23:59:59" });
    let data = ask(&chatbot, "get_traffic_summary", day).data();
    assert_eq!(data["total_requests"], 4);
    assert_eq!(data["error_count"], 2);
    assert_eq!(data["unique_ips"], 3);
    assert_eq!(data["total_bytes"], 151);
    assert_eq!(data["avg_response_time_ms"], 30);
    assert_eq!(data["error_rate"], 50);
    assert_eq!(
        data["status_classes"],
        json!({ "1xx": 0, "2xx": 1, "3xx": 1, "4xx": 1, "5xx": 1 })
    );
    assert_eq!(data["methods"], json!({ "GET": 3, "POST": 1 }));
    assert_eq!(
        data["top_endpoints"][0],
        json!({ "endpoint": "/a", "requests": 2 })
    );
    assert_eq!(data["top_endpoints"].as_array().unwrap().len(), 3);
    assert_eq!(
        data["top_ips"][0],
        json!({ "ip_address": "192.0.2.1", "requests": 2 })
    );
    let series = data["series"].as_array().unwrap();
    assert!(series.len() <= 200);
    let sum = |field: &str| {
        series
            .iter()
            .map(|bucket| bucket[field].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((sum("requests"), sum("errors"), sum("bytes")), (4, 2, 151));
    assert_eq!(series[0]["start"], "2025-03-01 00:00:00");
    assert_eq!(series[0]["requests"], 2);
    assert_eq!(data["bucket_seconds"], 3600);
}

#[test]
fn nothing_adds_up_to_nothing() {
    let (_stack, chatbot) = Stack::ready();
    let data = ask(&chatbot, "get_traffic_summary", json!({})).data();
    assert_eq!(
        (
            &data["total_requests"],
            &data["unique_ips"],
            &data["error_rate"]
        ),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!(data["avg_response_time_ms"], Value::Null);
    let data = ask(&chatbot, "get_performance_metrics", json!({})).data();
    assert_eq!(
        (&data["total_requests"], &data["issues"]),
        (&json!(0), &json!([]))
    );
    assert_eq!(
        ask(&chatbot, "get_security_threats", json!({})).data()["count"],
        0
    );
    assert_eq!(ask(&chatbot, "get_anomalies", json!({})).data()["count"], 0);
}

#[test]
fn the_last_day_is_the_default() {
    let (_stack, chatbot) = Stack::ready();
    let now = function::time::Second::now();
    for (ago, status) in [(60, 200), (86_000, 200), (90_000, 500)] {
        let row = json!({
            "timestamp": now.plus(-ago).to_string(), "ip_address": "192.0.2.1", "method": "GET", "endpoint": "/", "status_code": status
        });
        ask(&chatbot, "store_access_log", row).data();
    }
    assert_eq!(
        ask(&chatbot, "get_traffic_summary", json!({})).data()["total_requests"],
        2
    );
    let end = now.plus(-88_000).to_string();
    assert_eq!(
        ask(&chatbot, "get_traffic_summary", json!({ "end_time": end })).data()["total_requests"],
        1
    );
    let start = now.plus(-95_000).to_string();
    assert_eq!(
        ask(
            &chatbot,
            "get_traffic_summary",
            json!({ "start_time": start })
        )
        .data()["total_requests"],
        2
    );
}

#[test]
fn percentiles_are_within_one_per_cent() {
    let (stack, chatbot) = Stack::ready();
    // Spread over five decades, in an order of their own.
    let mut times: Vec<f64> = (0..5000)
        .map(|n| 1.003_f64.powi(n * 7919 % 5000) / 7.0)
        .collect();
    let rows: Vec<String> = times
        .iter()
        .enumerate()
        .map(|(n, time)| {
            format!(
                "('2025-03-01 12:00:00', '192.0.2.1', 'GET', '/{}', {}, 1, {time})",
                ["even", "odd"][n % 2],
                if n % 10 == 0 { 500 } else { 200 }
            )
        })
        .collect();
    insert(&stack, &rows);
    let params = json!({ "start_time": "2025-03-01 12:00:00", "end_time": "2025-03-01 12:00:09" });
    let data = ask(&chatbot, "get_performance_metrics", params.clone()).data();
    assert_eq!(data["total_requests"], 5000);
    assert_eq!(data["requests_per_second"], 500);
    assert_eq!(data["error_rate"], 10);
    let near = |found: &Value, exact: f64, share: f64| {
        let found = found.as_f64().unwrap();
        assert!(
            (found - exact).abs() <= exact * share,
            "{found} is not {exact}"
        );
    };
    let check = |found: &Value, times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        for (name, percent) in [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)] {
            near(
                &found[name],
                times[(times.len() * percent).div_ceil(100) - 1],
                0.01,
            );
        }
        near(&found["min"], times[0], 1e-5);
        near(&found["max"], times[times.len() - 1], 1e-5);
        near(
            &found["avg"],
            times.iter().sum::<f64>() / f64::from(u32::try_from(times.len()).unwrap()),
            1e-5,
        );
    };
    let mut odd: Vec<f64> = times.iter().skip(1).step_by(2).copied().collect();
    check(&data["response_time_ms"], &mut times);
    let by_endpoint = data["by_endpoint"].as_array().unwrap();
    let one = by_endpoint
        .iter()
        .find(|entry| entry["endpoint"] == "/odd")
        .unwrap();
    check(&one["response_time_ms"], &mut odd);
    let mut only = params;
    only["endpoint"] = "/odd".into();
    let data = ask(&chatbot, "get_performance_metrics", only).data();
    assert_eq!(data["total_requests"], 2500);
    check(&data["response_time_ms"], &mut odd);
}

#[test]
fn slow_endpoints_are_issues() {
    let (stack, chatbot) = Stack::ready();
    let mut rows = Vec::new();
    for n in 0..100 {
        // One in ten reports is slow; one page in a hundred is.
        let report = if n % 10 == 0 { 3000 } else { 100 };
        let page = if n == 0 { 9000 } else { 5 };
        for (endpoint, time) in [("/report", report), ("/page", page), ("/slow", 1500 + n)] {
            rows.push(format!(
                "('2025-03-01 12:00:00', '192.0.2.1', 'GET', '{endpoint}', 200, 1, {time})"
            ));
        }
    }
    insert(&stack, &rows);
    let day = json!({ "start_time": "2025-03-01 00:00:00", "end_time": "2025-03-01 23:59:59" });
    let data = ask(&chatbot, "get_performance_metrics", day.clone()).data();
    let names = |list: &Value| -> Vec<String> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["endpoint"].as_str().unwrap().to_string())
            .collect()
    };
    assert_eq!(names(&data["by_endpoint"]), ["/slow", "/report", "/page"]);
    assert_eq!(names(&data["issues"]), ["/slow", "/report"]);
    assert_eq!(data["issues"][1]["slow_requests"], 10);
    assert_eq!(data["issues"][1]["response_time_ms"]["p95"], 3000);
    let mut lower = day;
    lower["threshold_ms"] = json!(4);
    lower["limit"] = json!(1);
    let data = ask(&chatbot, "get_performance_metrics", lower).data();
    assert_eq!(
        (
            names(&data["by_endpoint"]).len(),
            names(&data["issues"]).len()
        ),
        (1, 1)
    );
}

#[test]
fn anomalies_stand_out() {
    let (stack, chatbot) = Stack::ready();
    let mut rows = Vec::new();
    let mut add = |code: &str, time: String, count: usize, severity: u8| {
        rows.extend((0..count).map(|_| format!("('{time}', 'ERROR', '{code}', 'm', {severity})")));
    };
    for hour in 0..192 {
        let time = format!("2025-03-{:02} {:02}:10:00", 1 + hour / 24, hour % 24);
        add("STEADY", time.clone(), 4, 3);
        add("SPIKE", time.clone(), if hour == 180 { 90 } else { 3 }, 3);
        add("SURGE", time, 2, if hour >= 168 { 9 } else { 3 });
    }
    add("NEW", "2025-03-08 05:00:07".into(), 30, 3);
    stack.execute(&format!(
        "INSERT INTO error_logs (timestamp, log_level, error_code, error_message, severity_score) VALUES {}",
        rows.join(",")
    ));
    let day = json!({ "start_time": "2025-03-08 00:00:00", "end_time": "2025-03-08 23:59:59" });
    let data = ask(&chatbot, "get_anomalies", day.clone()).data();
    let mut found: Vec<(String, String, String)> = data["anomalies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap().to_string();
            assert!(entry["score"].as_f64().unwrap() > 0.0 && !text("explanation").is_empty());
            (text("type"), text("error_code"), text("first_seen"))
        })
        .collect();
    found.sort();
    let expected = [
        ("error_spike", "SPIKE", "2025-03-08 12:10:00"),
        ("new_error_code", "NEW", "2025-03-08 05:00:07"),
        ("severity_surge", "SURGE", "2025-03-08 00:10:00"),
    ];
    assert_eq!(
        found,
        expected.map(|(kind, code, time)| (kind.to_string(), code.to_string(), time.to_string()))
    );
    let spike = data["anomalies"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["type"] == "error_spike")
        .unwrap();
    assert_eq!(spike["observed"], 90);
    let mut one = day;
    one["limit"] = json!(1);
    assert_eq!(
        ask(&chatbot, "get_anomalies", one.clone()).data()["count"],
        1
    );
    one["min_severity"] = json!(10);
    assert_eq!(ask(&chatbot, "get_anomalies", one).data()["count"], 0);
}
