//! The chatbot on a loopback port, for tools that attack or measure an HTTP endpoint: the real
//! binary behind a Runtime API of its own, a private MariaDB, and before both a stand-in for the
//! gateway. `scripts/attack` drives it; it ends when its standard input does.
//!
//! It writes one line of JSON: the `url` to call and the `key` to send.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(
    clippy::doc_markdown,
    clippy::needless_pass_by_value,
    clippy::print_stdout
)]
// Of the tests' own modules only some is needed here.
#![allow(dead_code)]

#[path = "../tests/integration/conformance.rs"]
mod conformance;
#[path = "../tests/integration/http.rs"]
mod http;
#[path = "../tests/integration/lambda.rs"]
mod lambda;
#[path = "../tests/integration/server.rs"]
mod server;
#[path = "../tests/integration/stack.rs"]
mod stack;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/integration/vault.rs"]
mod vault;

use std::io::Read as _;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use function::intents::INTENTS;
use serde_json::{Map, Value, json};

use http::{Reply, Request, serve};
use lambda::Function;
use stack::{KEY, Stack, ask};

fn main() {
    let (_stack, chatbot) = Stack::ready();
    // Rows to find: an attack that selects more than it should must have something to show.
    for intent in INTENTS.iter().filter(|intent| intent.writes) {
        let given = intent
            .params
            .iter()
            .filter(|spec| spec.name != "idempotency_key");
        let params: Map<_, _> = given
            .map(|spec| (spec.name.into(), spec.example()))
            .collect();
        for _ in 0..50 {
            ask(&chatbot, intent.name, params.clone().into()).data();
        }
    }
    let chatbot = Mutex::new(chatbot);
    let address = serve(move |request| Some(answer(&chatbot.lock().unwrap(), request)));
    println!(
        "{}",
        json!({ "url": format!("http://{address}"), "key": KEY })
    );
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// As the gateway does it: a proxy event there, the response's parts back.
fn answer(chatbot: &Function, request: Request) -> Reply {
    let (path, _) = request.path.split_once('?').unwrap_or((&request.path, ""));
    if path != "/chatbot" {
        return Reply::new(403, r#"{"message":"Missing Authentication Token"}"#);
    }
    let mut several = Map::new();
    for (name, value) in &request.headers {
        let list = several.entry(name).or_insert_with(|| json!([]));
        list.as_array_mut().unwrap().push(json!(value));
    }
    let headers: Map<String, Value> = several
        .iter()
        .filter_map(|(name, values)| Some((name.clone(), values.as_array()?.last()?.clone())))
        .collect();
    let (body, encoded) = match String::from_utf8(request.body) {
        Ok(text) => (text, false),
        Err(error) => (STANDARD.encode(error.into_bytes()), true),
    };
    let response = chatbot
        .invoke(&json!({
            "resource": "/chatbot",
            "path": path,
            "httpMethod": request.method,
            "headers": headers,
            "multiValueHeaders": several,
            "requestContext": { "requestId": uuid::Uuid::new_v4(), "stage": "prod" },
            "body": body,
            "isBase64Encoded": encoded,
        }))
        .expect("no function error");
    let status = response["statusCode"].as_u64().unwrap();
    let mut reply = Reply::new(
        u16::try_from(status).unwrap(),
        response["body"].as_str().unwrap(),
    );
    for (name, value) in response["headers"].as_object().unwrap() {
        let value = value.as_str().unwrap().to_string();
        reply.headers.push((name.clone(), value));
    }
    reply
}
