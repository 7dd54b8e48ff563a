//! What a caller with a key can send, and what the answers and the logs tell of it.

use serde_json::{Value, json};

use super::{CANARY, CHATBOT, MIGRATOR, SECRETS, Target, is_bad_request, is_refusal};

const MIB: usize = 1 << 20;

/// The function's own limit, to the byte; and what lies beyond Lambda's 6 MB and the gateway's 10,
/// which the local cloud hands on. There AWS refuses by itself, with the answer that is provisioned.
pub fn sizes(target: &Target) {
    let body = Target::body();
    let padded = |bytes: usize| format!("{body}{}", " ".repeat(bytes - body.len()));
    for bytes in [
        MIB - 1,
        MIB,
        MIB + 1,
        6_000_000,
        6 * MIB + 1,
        10 * MIB,
        10 * MIB + 1,
    ] {
        let what = format!("{bytes} bytes");
        let (status, answer) = target.post(&what, &padded(bytes));
        if bytes <= MIB {
            assert_eq!(status, 200, "{what}: {answer}");
        } else {
            assert_eq!(status, 413, "{what}: {answer}");
            is_refusal(&what, &answer, "payload_too_large");
        }
        // And the next one is served.
        let (status, answer) = target.post(&what, &body);
        assert_eq!(status, 200, "after {what}: {answer}");
    }
    // Size is nobody's business who has no key.
    let path = &target.wire.path;
    let large = target.wire.request("POST", path, "", &padded(2 * MIB));
    target.refused_as("large without a key", &large, 403, "invalid_api_key");

    let api = target.wire.host.split('.').next().unwrap();
    let large = target.aws.apigateway.get_gateway_response();
    let large = large
        .rest_api_id(api)
        .response_type("REQUEST_TOO_LARGE".into());
    let large = target.runtime.block_on(large.send()).unwrap();
    assert_eq!(large.status_code(), Some("413"));
    let templates = large.response_templates().unwrap();
    let answer = templates["application/json"].replace("$context.requestId", &"0".repeat(36));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    is_refusal("the gateway's own", &answer, "payload_too_large");
}

/// Each is answered for what it is, in the contract's shape, and none as a failure.
pub fn nothing_sent_breaks_the_function(target: &Target) {
    let params = |params: &str| format!(r#"{{"intent":"get_access_logs","params":{params}}}"#);
    let refused = [
        String::new(),
        CANARY.to_owned(),
        format!("{{\"{CANARY}\":"),
        format!("{{'intent':'{CANARY}'}}"),
        "[".repeat(100_000),
        r#"{"a":"#.repeat(50_000),
        format!("{}{}", "[".repeat(5000), "]".repeat(5000)),
        params(&format!(
            r#"{{"endpoint":{}{}}}"#,
            "[".repeat(100),
            "]".repeat(100)
        )),
        "null".to_owned(),
        format!("[\"{CANARY}\"]"),
        format!("{{\"intent\":\"{CANARY}\"}}"),
        r#"{"intent":["get_access_logs"]}"#.to_owned(),
        params("[]"),
        params(r#"{"limit":1e400}"#),
        params(r#"{"limit":1e308}"#),
        params(&format!(r#"{{"limit":{}}}"#, "9".repeat(5000))),
        params(r#"{"limit":-1}"#),
        params(r#"{"limit":0.5}"#),
        params(r#"{"limit":"1; DROP TABLE access_logs"}"#),
        params(r#"{"limit":1,"limit":2}"#),
        params(r#"{"status_code":{"$gt":0}}"#),
        params(r#"{"ip_address":"' or 1=1 -- "}"#),
        params(r#"{"start_time":"2026-01-01' or sleep(9) -- "}"#),
        params(r#"{"start_time":"2026-02-30 00:00:00"}"#),
        params(r#"{"method":"GET' or '1'='1"}"#),
        params(r#"{"cursor":"' union select 1 -- "}"#),
        params(&format!(r#"{{"cursor":"{}"}}"#, "A".repeat(100))),
        params(r#"{"endpoint":"\ud800"}"#),
        params(&format!(r#"{{"endpoint":"{}"}}"#, "a".repeat(100_000))),
        params(&format!(r#"{{"{CANARY}":1}}"#)),
        params(r#"{"limit) from access_logs -- ":1}"#),
        params(r#"{"__proto__":{"limit":1}}"#),
    ];
    for body in &refused {
        let what: String = body.chars().take(80).collect();
        let (status, answer) = target.post(&what, body);
        assert_eq!(status, 400, "{what}: {answer}");
        is_bad_request(&what, &answer);
    }
    // A value that may be any text is a value, whatever it looks like.
    for text in [
        "' or '1'='1",
        "\\' or 1=1 -- ",
        "' union select user,password from mysql.user -- ",
        "%",
        "_",
        "/marker%",
        "\0",
        "%bf%27 or 1=1",
        "${jndi:ldap://example.com/a}",
        "$(id)",
        "{{7*7}}",
        CANARY,
    ] {
        for name in ["endpoint", "endpoint_prefix", "department", "user_id"] {
            let body = json!({"intent": "get_access_logs", "params": {name: text}});
            let (status, answer) = target.post(text, &body.to_string());
            // Some parameters refuse some characters; none finds a row by them.
            assert!([200, 400].contains(&status), "{body}: {answer}");
            if status == 200 {
                assert_eq!(answer["data"]["count"], 0, "{body}: {answer}");
            }
        }
    }
    target.answered("the next", &target.request(&target.with_key()));
}

/// The server goes away in the middle of everything.
pub fn without_a_database(target: &Target) {
    let status = target.cloud.run(&["local", "status", "--json"]).ok().json();
    let server = status["database"]["pid"].to_string();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &server])
        .status();
    assert!(killed.unwrap().success());
    for body in [
        Target::body(),
        json!({"intent": "get_traffic_summary"}).to_string(),
        json!({"intent": "get_security_threats"}).to_string(),
    ] {
        let (status, answer) = target.post("without a database", &body);
        assert_eq!(status, 503, "{answer}");
        is_refusal("without a database", &answer, "database_unavailable");
    }
    let health = target.invoke(&json!({"wmctl": "health"}));
    assert_eq!(
        health,
        json!({"ok": false, "reason": "the database cannot be reached"})
    );
    // Who has no key does not learn of it.
    let bytes = target.request("x-api-key: wrong\r\n");
    target.refused_as("wrong key, no database", &bytes, 403, "invalid_api_key");
}

/// Of all that went before.
pub fn the_logs_tell_nothing(target: &Target) {
    let log = target.log(CHATBOT);
    for said in ["answered", "refused", "failed", "health check"] {
        let line = format!("\"message\":\"{said}\"");
        assert!(log.iter().any(|text| text.contains(&line)), "{said}");
    }
    for line in log {
        assert!(!line.contains(CANARY), "{line}");
        target.look_through("the function's log", &line);
    }
    let status = target.cloud.run(&["local", "status", "--json"]).ok().json();
    let files = ["gateway", "database"].map(|daemon| status[daemon]["log"].as_str().unwrap());
    let files = files.map(|file| std::fs::read(file).unwrap());
    let files = files.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    for text in target.log(MIGRATOR).into_iter().chain(files) {
        for secret in &target.hidden[..SECRETS] {
            assert!(!text.contains(secret), "a log tells a secret");
        }
    }
}
