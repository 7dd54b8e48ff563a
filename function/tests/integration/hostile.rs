//! Requests made to do harm, through the real binary: each is answered for what it is, none ends
//! the function, and no text becomes SQL.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use function::contract::{Intent, Kind};
use function::intents::INTENTS;
use function::untrusted::escape;
use serde_json::{Map, Value, json};

use crate::lambda::Function;
use crate::stack::{Answer, KEY, Stack, ask, event, send};

const MIB: usize = 1 << 20;
const GOOD: &str = r#"{"intent":"get_traffic_summary"}"#;

/// An answer's status and code, once it is certain that it is short and whole.
fn verdict(answer: &Answer) -> (u64, String) {
    let text = answer.response["body"].as_str().unwrap();
    assert!(text.len() < 64 * 1024, "{} bytes", text.len());
    assert!(!text.chars().any(char::is_control), "{text}");
    let code = answer.body["code"].as_str().unwrap_or("done");
    (answer.status, code.into())
}

fn encoded(body: &[u8]) -> Value {
    let mut event = event(&STANDARD.encode(body));
    event["isBase64Encoded"] = true.into();
    event
}

#[test]
fn hostile_bodies_are_refused() {
    let (_stack, chatbot) = Stack::ready();
    let params = |params: &str| format!(r#"{{"intent":"get_access_logs","params":{params}}}"#);
    let invalid_json = [
        String::new(),
        "[".repeat(MIB),
        r#"{"a":"#.repeat(MIB / 5),
        "\0".repeat(MIB),
        "9".repeat(MIB),
        format!("\u{feff}{GOOD}"),
        format!("{GOOD}{GOOD}"),
        format!("{GOOD},"),
        params(r#"{"endpoint":"\ud800"}"#),
        params(r#"{"endpoint":"\udc00\ud800"}"#),
        params("{\"endpoint\":\"\0\"}"),
        params("{\"endpoint\":\"a\nb\"}"),
        params(r#"{"limit":1e400}"#),
        params(r#"{"limit":NaN}"#),
        params(r#"{"limit":0x10}"#),
        params(r#"{"limit":01}"#),
        params(r#"{"limit":+1}"#),
        params(&format!("{}{}", "[".repeat(200), "]".repeat(200))),
    ];
    let invalid_request = [
        "null".into(),
        "1e308".into(),
        format!("[{GOOD}]"),
        format!("{GOOD:?}"),
        r#"{"intent":["get_access_logs"]}"#.into(),
        r#"{"intent":null}"#.into(),
        r#"{"Intent":"get_access_logs"}"#.into(),
        params("[]"),
        params("null"),
        params(r#""{}""#),
        params(r#"{"limit":1,"limit":1}"#),
        r#"{"intent":"get_access_logs","intent":"store_access_log"}"#.into(),
        r#"{"intent":"get_access_logs","params":{},"params":{}}"#.into(),
        r#"{"intent":"get_access_logs","\u0070arams":{},"params":{}}"#.into(),
    ];
    let unknown: Vec<String> = (0..MIB / 8).map(|at| format!(r#""{at}":0"#)).collect();
    let unknown = unknown.join(",");
    let invalid_parameters = [
        params(&format!(
            "{{{}}}",
            &unknown[..unknown[..MIB - 100].rfind(',').unwrap()]
        )),
        params(&format!(r#"{{"endpoint":"{}"}}"#, "a".repeat(MIB - 100))),
        params(&format!(r#"{{"{}":1}}"#, "a".repeat(MIB - 100))),
        params(&format!(r#"{{"endpoint":"{}"}}"#, "\u{202e}".repeat(2049))),
        params(&format!(r#"{{"cursor":{}}}"#, json!("\u{0}".repeat(200)))),
        params(r#"{"limit":1e308}"#),
        params(r#"{"limit":-0}"#),
        params(r#"{"limit":18446744073709551616}"#),
        params(r#"{"limit":-9223372036854775809}"#),
        params(r#"{"limit":"100"}"#),
        params(r#"{"limit":true}"#),
        params(r#"{"limit":[100]}"#),
        params(r#"{"limit":1.5}"#),
        params(r#"{"limit":null}"#),
        params(r#"{"status_code":{"$gt":0}}"#),
        params(r#"{"endpoint":{"a":{"b":[{}]}}}"#),
        params(r#"{"__proto__":{"limit":1}}"#),
        params(r#"{"start_time":"2025-01-01 00:00:00\u0000"}"#),
        params(r#"{"ip_address":"0x7f.1"}"#),
        params(r#"{"ip_address":"127.0.0.1\n"}"#),
    ];
    for (bodies, code) in [
        (&invalid_json[..], "invalid_json"),
        (&invalid_request[..], "invalid_request"),
        (&invalid_parameters[..], "invalid_parameters"),
    ] {
        for body in bodies {
            let shown: String = body.chars().take(100).collect();
            for event in [event(body), encoded(body.as_bytes())] {
                let verdict = verdict(&send(&chatbot, &event));
                assert_eq!(verdict, (400, code.into()), "{shown}");
            }
        }
    }
    for body in [
        &b"\xff\xfe"[..],
        b"{\"intent\":\"\xc0\xaf\"}",
        b"\x1f\x8b\x08\x00",
        b"",
    ] {
        assert_eq!(
            verdict(&send(&chatbot, &encoded(body))),
            (400, "invalid_json".into())
        );
    }
    assert_eq!(send(&chatbot, &event(GOOD)).status, 200);
}

#[test]
fn sizes_are_judged_to_the_byte() {
    let (_stack, chatbot) = Stack::ready();
    let padded = |bytes: usize| format!("{GOOD}{}", " ".repeat(bytes - GOOD.len()));
    for wrap in [
        |body: &str| event(body),
        |body: &str| encoded(body.as_bytes()),
    ] {
        assert_eq!(send(&chatbot, &wrap(&padded(MIB))).status, 200);
        for bytes in [MIB + 1, MIB + 2, MIB + 3, 3 * MIB] {
            assert_eq!(send(&chatbot, &wrap(&padded(bytes))).status, 413);
        }
    }
}

#[test]
fn events_that_no_gateway_sends_do_not_end_the_function() {
    let (_stack, chatbot) = Stack::ready();
    let good = event(GOOD).to_string();
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let body = json!(GOOD).to_string();
    for (event, status) in [
        (changed(&body, r#""\ud800""#), 400),
        (changed(&body, r#"{"intent":"get_traffic_summary"}"#), 400),
        (changed(&body, "5"), 400),
        (
            changed(r#""isBase64Encoded":false"#, r#""isBase64Encoded":"true""#),
            200,
        ),
        (
            changed(r#""isBase64Encoded":false"#, r#""isBase64Encoded":true"#),
            400,
        ),
        (changed(r#""POST""#, "null"), 405),
        (changed(r#""POST""#, r#""post""#), 405),
        (changed(r#""POST""#, r#"["POST"]"#), 405),
        (changed(r#""X-Api-Key":"#, r#""X-\udc00":"#), 401),
        (
            changed(
                r#""requestContext":{"#,
                r#""requestContext":{"a":"\ud800","#,
            ),
            200,
        ),
        (
            changed(
                r#""queryStringParameters":null"#,
                &format!(
                    r#""queryStringParameters":{}{}"#,
                    "[".repeat(5000),
                    "]".repeat(5000)
                ),
            ),
            200,
        ),
        ("{}".into(), 405),
        (r#"{"wmctl":"health","httpMethod":"GET"}"#.into(), 405),
    ] {
        let time = Duration::from_secs(30);
        let answer = Answer::of(chatbot.invoke_text(event.clone(), time, time));
        assert_eq!(answer.status, status, "{event}: {}", answer.body);
    }
    // What is no event at all fails as an invocation, and only that one.
    for event in ["", "{", "7", "\"x\""] {
        let time = Duration::from_secs(30);
        assert!(
            chatbot.invoke_text(event.into(), time, time).is_err(),
            "{event}"
        );
    }
    assert_eq!(send(&chatbot, &event(GOOD)).status, 200);
}

#[test]
fn keys_count_in_one_header_alone() {
    let (_stack, chatbot) = Stack::ready();
    let status = |headers: Value, several: Value, query: Value| {
        let mut event =
            event(&json!({ "intent": "get_traffic_summary", "api_key": KEY }).to_string());
        event["headers"] = headers;
        event["multiValueHeaders"] = several;
        event["queryStringParameters"] = query;
        send(&chatbot, &event).status
    };
    // The body is malformed: 400 says that the key was accepted.
    assert_eq!(
        status(json!({ "x-api-key": KEY }), Value::Null, Value::Null),
        400
    );
    assert_eq!(
        status(
            json!({ "X-API-KEY": KEY }),
            json!({ "x-api-key": [KEY, KEY] }),
            Value::Null
        ),
        400
    );
    let folded = [
        format!("{KEY}\r\n "),
        format!("\t{KEY}"),
        format!("x,{KEY}"),
        format!("{KEY}, {KEY}"),
        format!("{KEY}\0"),
    ];
    for key in folded
        .iter()
        .map(String::as_str)
        .chain(["", " ", "null", "undefined", "*"])
    {
        assert_eq!(
            status(json!({ "x-api-key": key }), Value::Null, Value::Null),
            401,
            "{key:?}"
        );
    }
    for (headers, several) in [
        (
            json!({ "x-api-key": KEY }),
            json!({ "x-api-key": ["wrong", KEY] }),
        ),
        (
            json!({ "x-api-key": "wrong" }),
            json!({ "x-api-key": [KEY] }),
        ),
        (
            json!({ "x-api-key": KEY, "X-Api-Key": "wrong" }),
            Value::Null,
        ),
        (
            json!({ "x-api-key ": KEY, "x_api_key": KEY, "authorization": KEY, "cookie": format!("x-api-key={KEY}") }),
            Value::Null,
        ),
        (
            json!({ "content-type": format!("a\r\nx-api-key: {KEY}") }),
            Value::Null,
        ),
        (json!([KEY]), json!(KEY)),
    ] {
        assert_eq!(status(headers, several, json!({ "x-api-key": KEY })), 401);
    }
}

/// Text that has done harm elsewhere.
fn payloads() -> Vec<String> {
    let mut all: Vec<String> = [
        "'",
        "\"",
        "`",
        "\\",
        "\\'",
        "%",
        "_",
        "?",
        "??",
        ":a",
        "$1",
        ";",
        "--",
        "-- ",
        "#",
        "/*",
        "*/",
        "0x27",
        "' OR '1'='1",
        "' OR 1=1-- ",
        "\" OR \"\"=\"",
        "'; DROP TABLE access_logs; -- ",
        "') OR ('a'='a",
        "1; UPDATE access_logs SET status_code = 0",
        "' UNION SELECT user, password FROM mysql.user -- ",
        "' AND SLEEP(5) -- ",
        "' AND EXTRACTVALUE(1, CONCAT(0x7e, VERSION())) -- ",
        "'||(SELECT 1)||'",
        "\\' OR 1=1 -- ",
        "%27%20OR%201=1",
        "%2527",
        "＇ OR 1=1",
        "ʼ OR 1=1",
        "¿' OR 1=1",
        "/*!50000 OR 1=1 */",
        "{{7*7}}",
        "${jndi:ldap://127.0.0.1/a}",
        "<script>alert(1)</script>",
        "]]>",
        "../../etc/passwd",
        "%00",
        "{\"$gt\":\"\"}",
        "null",
        "NULL",
        "true",
        "NaN",
        "1e400",
        " ",
        "  leading and trailing  ",
        "C:\\temp\\new",
        "😀",
        "日本語",
        "שלום",
        "a\u{301}",
        "ﷺ",
        "\u{10ffff}",
        "\u{fffd}",
        "\u{200d}",
        "\0",
        "a\0b",
        "\n",
        "\r\n",
        "\t",
        "\u{1a}",
        "\u{8}",
        "\u{7f}",
        "\u{85}",
        "\u{1b}[2J",
        "\u{202e}txt.exe",
        "\u{2066}x\u{2069}",
    ]
    .map(String::from)
    .to_vec();
    all.push("'".repeat(64));
    all.push("\u{1f4a9}".repeat(16));
    all
}

/// The parameters of a store, as its contract gives them.
fn example(intent: &Intent) -> Map<String, Value> {
    intent
        .params
        .iter()
        .filter(|spec| spec.name != "idempotency_key")
        .map(|spec| (spec.name.to_string(), spec.example()))
        .collect()
}

#[test]
fn every_text_is_kept_byte_for_byte() {
    let (stack, chatbot) = Stack::ready();
    for (store, list, table) in [
        ("store_access_log", "get_access_logs", "access_logs"),
        ("store_error_log", "get_error_logs", "error_logs"),
    ] {
        let intent = function::intents::find(store).unwrap();
        let filters = function::intents::find(list).unwrap().params;
        let mut stored = 0;
        for spec in intent.params {
            let Kind::Text { max, .. } = spec.kind else {
                continue;
            };
            for payload in payloads().iter().filter(|text| text.chars().count() <= max) {
                let mut row = example(intent);
                row.insert(spec.name.into(), payload.as_str().into());
                let receipt = ask(&chatbot, store, row.into()).data();
                assert_eq!(receipt["duplicate"], false, "{payload:?}");
                stored += 1;
                let id = &receipt["id"];
                let name = spec.name;
                let query = format!(
                    "SELECT {name} FROM {}.{table} WHERE id = {id}",
                    stack.schema
                );
                assert_eq!(stack.server.column(&query), [payload.as_str()], "{name}");
                if !filters.iter().any(|filter| filter.name == spec.name) {
                    continue;
                }
                let found = ask(&chatbot, list, json!({ spec.name: payload })).data();
                assert_eq!(
                    (&found["count"], &found["logs"][0]["id"]),
                    (&json!(1), id),
                    "{payload:?}"
                );
                assert_eq!(
                    found["logs"][0][spec.name],
                    escape(payload).as_ref(),
                    "{payload:?}"
                );
            }
        }
        let count = format!(
            "SELECT CAST(COUNT(*) AS CHAR) FROM {}.{table}",
            stack.schema
        );
        assert_eq!(stack.server.column(&count), [stored.to_string()]);
    }
}

#[test]
fn no_string_of_any_parameter_is_an_internal_error() {
    let (stack, chatbot) = Stack::ready();
    for store in ["store_access_log", "store_error_log"] {
        ask(
            &chatbot,
            store,
            example(function::intents::find(store).unwrap()).into(),
        )
        .data();
    }
    let state = || {
        let tables = format!(
            "SELECT CONCAT(table_name, ' ', auto_increment) FROM information_schema.tables WHERE table_schema = '{}' \
             AND table_name IN ('access_logs', 'error_logs')",
            stack.schema
        );
        stack.server.column(&tables)
    };
    let before = state();
    for intent in INTENTS.iter().filter(|intent| !intent.writes) {
        for spec in intent.params {
            for payload in payloads() {
                let value = match spec.kind {
                    Kind::SomeOf(_) => json!([payload]),
                    _ => json!(payload),
                };
                let answer = ask(&chatbot, intent.name, json!({ spec.name: value }));
                let expected: &[u64] = if matches!(spec.kind, Kind::Text { .. }) {
                    &[200, 400]
                } else {
                    &[400]
                };
                assert!(
                    expected.contains(&answer.status),
                    "{} {} {payload:?}: {}",
                    intent.name,
                    spec.name,
                    answer.body
                );
                if answer.status == 400 {
                    verdict(&answer);
                }
            }
        }
    }
    assert_eq!(state(), before);
}

/// The numbers that a parameter's kind just takes.
fn ends(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Integer { min, max } => vec![json!(min), json!(max)],
        Kind::Number { min, max } => vec![json!(min), json!(max), json!(-0.0), json!(5e-324)],
        Kind::Time => vec![
            json!("1000-01-01 00:00:00"),
            json!("9999-12-31 23:59:59"),
            json!("1969-12-31T23:59:60Z"),
        ],
        Kind::Address => vec![
            json!("0.0.0.0"),
            json!("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ],
        _ => Vec::new(),
    }
}

fn succeeds(chatbot: &Function, intent: &str, params: Value) {
    let shown = params.to_string();
    let answer = ask(chatbot, intent, params);
    assert_eq!(answer.status, 200, "{intent} {shown}: {}", answer.body);
}

#[test]
fn the_ends_of_every_range_are_inside_it() {
    let (_stack, chatbot) = Stack::ready();
    for store in ["store_access_log", "store_error_log"] {
        let intent = function::intents::find(store).unwrap();
        for spec in intent.params {
            for value in ends(spec.kind) {
                let mut row = example(intent);
                row.insert(spec.name.into(), value);
                succeeds(&chatbot, store, row.into());
            }
        }
    }
    let times = [
        "1000-01-01 00:00:00",
        "1969-12-31 23:59:59",
        "2025-01-31 12:34:56",
        "9999-12-31 23:59:59",
    ];
    for intent in INTENTS.iter().filter(|intent| !intent.writes) {
        succeeds(&chatbot, intent.name, json!({}));
        for (at, start) in times.iter().enumerate() {
            succeeds(&chatbot, intent.name, json!({ "start_time": start }));
            succeeds(&chatbot, intent.name, json!({ "end_time": start }));
            for end in &times[at..] {
                succeeds(
                    &chatbot,
                    intent.name,
                    json!({ "start_time": start, "end_time": end }),
                );
            }
        }
        for spec in intent.params {
            for value in ends(spec.kind) {
                succeeds(&chatbot, intent.name, json!({ spec.name: value }));
            }
        }
    }
}

#[test]
fn a_cursor_written_by_hand_is_refused() {
    use sha2::Digest as _;
    let (_stack, chatbot) = Stack::ready();
    // Well formed and with the right fingerprint, but for a time that no row has.
    let selection = sha2::Sha256::digest("access_logs\n");
    for epoch in [i64::MIN, -40_000_000_000, 300_000_000_000, i64::MAX] {
        let mut bytes = vec![1];
        bytes.extend(epoch.to_be_bytes());
        bytes.extend(u64::MAX.to_be_bytes());
        bytes.extend(&selection[..8]);
        let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let answer = ask(&chatbot, "get_access_logs", json!({ "cursor": cursor }));
        assert_eq!(
            verdict(&answer),
            (400, "invalid_parameters".into()),
            "{epoch}"
        );
    }
}
