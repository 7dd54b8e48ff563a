//! Planted attacks among honest traffic that looks like them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stack::{Stack, ask};

#[derive(Default)]
struct Traffic(Vec<String>);

impl Traffic {
    /// One request, so many seconds after midnight of a day in March.
    fn add(
        &mut self,
        address: &str,
        day: i64,
        second: i64,
        endpoint: &str,
        status: u16,
        agent: &str,
    ) {
        let time = function::time::Second::parse(&format!("2025-03-{day:02} 00:00:00"))
            .unwrap()
            .plus(second);
        let quoted = endpoint.replace('\\', "\\\\").replace('\'', "''");
        self.0.push(format!(
            "('{time}', '{address}', 'GET', '{quoted}', {status}, '{agent}')"
        ));
    }

    fn store(&self, stack: &Stack) {
        for part in self.0.chunks(2000) {
            stack.execute(&format!(
                "INSERT INTO access_logs (timestamp, ip_address, method, endpoint, status_code, user_agent) VALUES {}",
                part.join(",")
            ));
        }
    }
}

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0";

fn planted() -> Traffic {
    let mut traffic = Traffic::default();
    for n in 0..40 {
        traffic.add("198.51.100.1", 8, 3600 + n * 3, "/login", 401, BROWSER);
        traffic.add(
            "198.51.100.2",
            8,
            7200 + n * 3,
            "/api/auth/login",
            403,
            BROWSER,
        );
        traffic.add(
            "198.51.100.3",
            8,
            9000 + n * 2,
            &format!("/probe{n}/index"),
            404,
            BROWSER,
        );
    }
    traffic.add(
        "198.51.100.2",
        8,
        7200 + 130,
        "/api/auth/login",
        200,
        BROWSER,
    );
    for path in [
        "/.env",
        "/.git/config",
        "/wp-login.php",
        "/phpmyadmin/",
        "/backup.sql",
        "/admin/",
        "/cgi-bin/x",
        "/shell.php",
        "/config.bak",
    ] {
        traffic.add("198.51.100.4", 8, 9500, path, 404, BROWSER);
    }
    traffic.add(
        "198.51.100.5",
        8,
        100,
        "/items?id=1%27%20UNION%20SELECT%20password%20FROM%20users--",
        200,
        BROWSER,
    );
    traffic.add(
        "198.51.100.5",
        8,
        110,
        "/items?id=1' OR '1'='1",
        500,
        BROWSER,
    );
    traffic.add(
        "198.51.100.6",
        8,
        100,
        "/search?q=%253Cscript%253Ealert(1)%253C/script%253E",
        400,
        BROWSER,
    );
    traffic.add(
        "198.51.100.7",
        8,
        100,
        "/file?name=..%2f..%2fetc%2fpasswd",
        403,
        BROWSER,
    );
    for n in 0..3000 {
        traffic.add("198.51.100.8", 8, 40_000 + n / 20, "/", 200, BROWSER);
    }
    traffic.add(
        "198.51.100.9",
        8,
        100,
        "/",
        200,
        "sqlmap/1.7.2#stable (https://sqlmap.org)",
    );
    traffic
}

fn honest(traffic: &mut Traffic) {
    for second in 0..86_400 / 60 {
        // A health checker, and an office where some mistype and some follow dead links.
        for beat in 0..20 {
            traffic.add(
                "192.0.2.1",
                8,
                second * 60 + beat * 3,
                "/health",
                200,
                "kube-probe/1.29",
            );
        }
        if (540..1080).contains(&second) {
            let status = if second % 5 == 0 { 401 } else { 200 };
            traffic.add("192.0.2.2", 8, second * 60, "/login", status, BROWSER);
            for page in 0..6 {
                traffic.add(
                    "192.0.2.2",
                    8,
                    second * 60 + page * 9,
                    &format!("/page/{}", (second + page) % 90),
                    200,
                    BROWSER,
                );
            }
            if second % 20 == 0 {
                traffic.add(
                    "192.0.2.2",
                    8,
                    second * 60 + 5,
                    &format!("/old/{second}"),
                    404,
                    BROWSER,
                );
            }
        }
    }
    for day in 5..=8 {
        for n in 0..1500 {
            traffic.add(
                "192.0.2.3",
                day,
                10_800 + n / 5,
                &format!("/export/{n}"),
                200,
                "nightly-batch/2.0",
            );
        }
    }
    for endpoint in [
        "/search?q=union+station",
        "/docs/script-review",
        "/search?q=O%27Reilly+and+sons",
        "/compare/v1...v2",
        "/a/../b.png",
    ] {
        traffic.add("192.0.2.4", 8, 500, endpoint, 200, BROWSER);
    }
}

#[test]
fn attacks_are_found_and_look_alikes_are_not() {
    let (stack, chatbot) = Stack::ready();
    let mut traffic = planted();
    honest(&mut traffic);
    traffic.store(&stack);
    let day = json!({ "start_time": "2025-03-08 00:00:00", "end_time": "2025-03-08 23:59:59" });
    let data = ask(&chatbot, "get_security_threats", day.clone()).data();
    let found: BTreeSet<(String, String)> = data["threats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|threat| {
            (
                threat["type"].as_str().unwrap().into(),
                threat["ip_address"].as_str().unwrap().into(),
            )
        })
        .collect();
    let expected = [
        ("brute_force", 1),
        ("brute_force", 2),
        ("scanner", 3),
        ("scanner", 4),
        ("sql_injection", 5),
        ("xss", 6),
        ("path_traversal", 7),
        ("request_flood", 8),
        ("attack_tool", 9),
    ];
    let expected = expected.map(|(kind, host)| (kind.to_string(), format!("198.51.100.{host}")));
    assert_eq!(found, expected.into_iter().collect::<BTreeSet<_>>());
    assert_eq!(data["count"], 9, "one attacker is one threat");

    let threat = |kind: &str, host: u8| -> Value {
        let address = format!("198.51.100.{host}");
        data["threats"]
            .as_array()
            .unwrap()
            .iter()
            .find(|t| t["type"] == kind && t["ip_address"] == *address)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (
            &threat("brute_force", 1)["severity"],
            &threat("brute_force", 1)["count"]
        ),
        (&json!("high"), &json!(40))
    );
    assert_eq!(
        threat("brute_force", 1)["first_seen"],
        "2025-03-08 01:00:00"
    );
    assert_eq!(threat("brute_force", 1)["last_seen"], "2025-03-08 01:01:57");
    assert_eq!(threat("brute_force", 2)["severity"], "critical");
    assert_eq!(threat("sql_injection", 5)["count"], 2);
    assert_eq!(
        threat("sql_injection", 5)["evidence"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(threat("scanner", 3)["evidence"].as_array().unwrap().len() <= 5);
    assert!(threat("request_flood", 8)["count"].as_u64().unwrap() >= 2800);
    assert!(threat("xss", 6)["recommendation"].is_string());

    let mut some = day.clone();
    some["types"] = json!(["xss", "scanner"]);
    assert_eq!(
        ask(&chatbot, "get_security_threats", some).data()["count"],
        3
    );
    let mut worst = day.clone();
    worst["min_severity"] = json!("critical");
    assert_eq!(
        ask(&chatbot, "get_security_threats", worst).data()["count"],
        2
    );
    let mut first = day;
    first["limit"] = json!(1);
    assert_eq!(
        ask(&chatbot, "get_security_threats", first).data()["threats"][0]["severity"],
        "critical"
    );
}
