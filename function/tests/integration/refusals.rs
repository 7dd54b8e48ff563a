//! What the chatbot does not answer, and the headers of everything it does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::lambda::Function;
use crate::stack::{KEY, PASSWORD, Stack, event, send};

#[test]
fn each_refusal_has_its_status_and_shape() {
    let (stack, _) = Stack::ready();
    let chatbot = stack.chatbot(&[("MAX_PAYLOAD_SIZE", "200")]);
    let refused = |event: &Value, status: u64, code: &str| {
        let answer = send(&chatbot, event);
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            answer.body
        );
        assert_eq!(answer.body["success"], false);
        assert_eq!(
            answer.body["request_id"],
            "3f0d5f5c-2d0c-4ac1-a6a5-0a2a52f0f3a1"
        );
        let headers = &answer.response["headers"];
        assert_eq!(headers["Content-Type"], "application/json");
        assert_eq!(headers["X-Content-Type-Options"], "nosniff");
        assert_eq!(headers["Cache-Control"], "no-store");
        assert!(
            headers["Strict-Transport-Security"]
                .as_str()
                .unwrap()
                .starts_with("max-age=")
        );
        answer.body
    };
    let changed = |body: &str, change: &dyn Fn(&mut Value)| {
        let mut event = event(body);
        change(&mut event);
        event
    };
    let good = r#"{"intent":"get_traffic_summary"}"#;
    refused(
        &changed(good, &|event| event["httpMethod"] = "GET".into()),
        405,
        "method_not_allowed",
    );
    refused(
        &event(&format!("{good}{}", " ".repeat(200))),
        413,
        "payload_too_large",
    );
    let coded = |bytes: usize| {
        changed(&STANDARD.encode(format!("{good:bytes$}")), &|event| {
            event["isBase64Encoded"] = true.into();
        })
    };
    refused(&coded(201), 413, "payload_too_large");
    assert_eq!(send(&chatbot, &coded(200)).status, 200);
    for key in [
        json!("wrong"),
        json!(""),
        json!(null),
        json!(format!("{KEY} ")),
    ] {
        refused(
            &changed(good, &|event| {
                event["headers"] = json!({ "x-api-key": key });
                event["multiValueHeaders"] = Value::Null;
                event["queryStringParameters"] = json!({ "x-api-key": KEY });
            }),
            401,
            "unauthorized",
        );
    }
    refused(&event("{"), 400, "invalid_json");
    refused(
        &changed("!", &|event| event["isBase64Encoded"] = true.into()),
        400,
        "invalid_json",
    );
    refused(
        &changed("", &|event| event["body"] = Value::Null),
        400,
        "invalid_json",
    );
    refused(&event("[1]"), 400, "invalid_request");
    let unknown = refused(
        &event(r#"{"intent":"get_acces_logs"}"#),
        400,
        "unknown_intent",
    );
    assert_eq!(unknown["details"][0]["field"], "intent");
    assert_eq!(unknown["details"][0]["received"], "get_acces_logs");
    assert_eq!(unknown["details"][0]["example"], "get_access_logs");
    let params = refused(
        &event(r#"{"intent":"get_access_logs","params":{"ip":"x","limit":0}}"#),
        400,
        "invalid_parameters",
    );
    let details = params["details"].as_array().unwrap();
    assert_eq!(details.len(), 2);
    for detail in details {
        assert_eq!(
            detail.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["field", "expected", "received", "example"]
        );
    }
}

#[test]
fn a_method_that_is_not_answered_is_told_which_one_is() {
    let (_stack, chatbot) = Stack::ready();
    for method in ["GET", "PUT", "OPTIONS", "post"] {
        let mut event = event("{}");
        event["httpMethod"] = method.into();
        let response = send(&chatbot, &event).response;
        assert_eq!(
            (&response["statusCode"], &response["headers"]["Allow"]),
            (&json!(405), &json!("POST"))
        );
    }
}

#[test]
fn a_refused_key_reaches_neither_secrets_nor_database() {
    let (stack, chatbot) = Stack::ready();
    let with_key = |key: &str| {
        let mut event = event(r#"{"intent":"get_traffic_summary"}"#);
        event["headers"] = json!({ "X-API-KEY": key });
        event["multiValueHeaders"] = Value::Null;
        send(&chatbot, &event).status
    };
    let logins = stack.reads("arn:app");
    assert_eq!(with_key("wrong"), 401);
    let reads = stack.reads("arn:keys");
    for attempt in 0..20 {
        assert_eq!(with_key(&format!("wrong {attempt}")), 401);
    }
    assert!(
        stack.reads("arn:keys") <= reads + 3,
        "four at once, and then one refresh in 30 s"
    );
    assert_eq!(stack.reads("arn:app"), logins, "no connection was made");
    assert_eq!(with_key(KEY), 200);
}

#[test]
fn a_new_key_works_at_once_beside_the_old_one() {
    let (stack, chatbot) = Stack::ready();
    let mut event = event(r#"{"intent":"get_traffic_summary"}"#);
    assert_eq!(send(&chatbot, &event).status, 200);
    stack.accept(&[KEY, "new"]);
    event["headers"] = json!({ "x-api-key": "new" });
    event["multiValueHeaders"] = Value::Null;
    assert_eq!(send(&chatbot, &event).status, 200);
}

/// A wrong key must not use up what a new key needs.
#[test]
fn a_new_key_works_at_once_after_a_wrong_one() {
    let (stack, chatbot) = Stack::ready();
    let status = |key: &str| with_key(&chatbot, key);
    assert_eq!([status("wrong"), status(KEY)], [401, 200]);
    stack.accept(&[KEY, "new"]);
    assert_eq!([status("new"), status(KEY)], [200, 200]);
}

/// Nothing asks for the keys to be read anew, but that they are old.
#[test]
fn a_revoked_key_is_refused_when_the_keys_have_grown_old() {
    let (stack, _) = Stack::ready();
    stack.accept(&["old", KEY]);
    let chatbot = stack.chatbot(&[("API_KEYS_MAX_AGE", "0")]);
    assert_eq!(with_key(&chatbot, "old"), 200);
    stack.accept(&[KEY]);
    assert_eq!(with_key(&chatbot, "old"), 401);
    assert_eq!(with_key(&chatbot, KEY), 200);
    // Meanwhile nobody with a known key is refused because Secrets Manager is away.
    stack.forget("arn:keys");
    let reads = stack.reads("arn:keys");
    assert_eq!(with_key(&chatbot, KEY), 200);
    assert!(stack.reads("arn:keys") > reads);
    let reads = stack.reads("arn:keys");
    assert_eq!(with_key(&chatbot, KEY), 200);
    assert_eq!(stack.reads("arn:keys"), reads, "not at every request");
}

fn with_key(chatbot: &Function, key: &str) -> u64 {
    let mut event = event(r#"{"intent":"get_traffic_summary"}"#);
    event["headers"] = json!({ "x-api-key": key });
    event["multiValueHeaders"] = Value::Null;
    send(chatbot, &event).status
}

#[test]
fn known_keys_outlive_a_secret_that_cannot_be_read() {
    let (stack, chatbot) = Stack::ready();
    let mut event = event(r#"{"intent":"get_traffic_summary"}"#);
    assert_eq!(send(&chatbot, &event).status, 200);
    stack.secret("arn:keys", json!("nothing like it"));
    let mut status = |key: &str| {
        event["headers"] = json!({ "x-api-key": key });
        event["multiValueHeaders"] = json!({ "x-api-key": [key] });
        send(&chatbot, &event).status
    };
    assert_eq!(
        [status("unknown"), status(KEY), status("unknown")],
        [401, 200, 401]
    );
}

#[test]
fn plain_variables_work_too() {
    let (stack, _) = Stack::ready();
    let changes = [
        ("API_KEYS", "one,two"),
        ("API_KEYS_SECRET_ARN", ""),
        ("DB_SECRET_ARN", ""),
        ("DB_USER", stack.user.as_str()),
        ("DB_PASSWORD", PASSWORD),
    ];
    let chatbot = stack.chatbot(&changes);
    let mut event = event(r#"{"intent":"get_traffic_summary"}"#);
    assert_eq!(send(&chatbot, &event).status, 401);
    event["headers"] = json!({ "x-api-key": "two" });
    event["multiValueHeaders"] = Value::Null;
    assert_eq!(send(&chatbot, &event).status, 200);
}
