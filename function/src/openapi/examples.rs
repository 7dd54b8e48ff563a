//! Examples of requests and of answers that refuse; each is made by the code that it illustrates.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::contract::Intent;
use crate::event::Response;
use crate::fault::Refusal;
use crate::intents::INTENTS;
use crate::params::Params;
use crate::request;
use crate::settings::Limits;

const ID: Uuid = Uuid::from_u128(0x3f0d_5f5c_2d0c_4ac1_a6a5_0a2a_52f0_f3a1);

/// One request for each intent.
pub fn requests() -> Value {
    let entry = |intent: &&Intent| {
        let params: Map<String, Value> = intent
            .params
            .iter()
            .filter(|spec| !spec.example().is_null())
            .map(|spec| (spec.name.into(), spec.example()))
            .collect();
        let value = json!({ "intent": intent.name, "params": params });
        (intent.name.to_string(), json!({ "value": value }))
    };
    INTENTS.iter().map(entry).collect::<Map<_, _>>().into()
}

/// A short success.
pub fn successes() -> Value {
    let data = json!({ "id": 42, "stored": true, "duplicate": false });
    let value = json!({ "request_id": ID, "success": true, "data": data });
    json!({ "stored": { "value": value } })
}

/// The refusals of a status, by their codes.
pub fn refusals(status: &str) -> Value {
    let made = match status {
        "400" => bodies().into_iter().filter_map(refusal).collect(),
        "401" => vec![Refusal::unauthorized()],
        "405" => vec![Refusal::method_not_allowed()],
        "413" => vec![Refusal::payload_too_large(Limits::default().payload)],
        "500" => vec![Refusal::internal("")],
        "503" => vec![
            Refusal::unavailable(""),
            Refusal::no_secrets(""),
            Refusal::query_timeout(false),
        ],
        _ => vec![],
    };
    let mut examples: Map<String, Value> = made
        .iter()
        .map(|refusal| {
            let body = Response::failure(ID, refusal).body;
            let value: Value = serde_json::from_str(&body).unwrap_or_default();
            (refusal.code.into(), json!({ "value": value }))
        })
        .collect();
    let gateways = match status {
        "403" => Some((
            "invalid_api_key",
            "The header x-api-key is missing, or its key is not accepted.",
        )),
        "429" => Some(("throttled", "Too many requests; try again shortly.")),
        _ => None,
    };
    if let Some((code, error)) = gateways {
        let value = json!({ "request_id": ID, "success": false, "error": error, "code": code });
        examples.insert(code.into(), json!({ "value": value }));
    }
    examples.into()
}

fn bodies() -> [&'static str; 4] {
    [
        r#"{"intent": "get_anomalies",}"#,
        r#"["get_anomalies"]"#,
        r#"{"intent": "get_acces_logs"}"#,
        r#"{"intent": "get_access_logs", "params": {"limit": "ten", "ip": "203.0.113.7"}}"#,
    ]
}

fn refusal(body: &str) -> Option<Refusal> {
    match request::read(body.as_bytes()) {
        Err(refusal) => Some(refusal),
        Ok((intent, given)) => Params::check(intent.params, &given, Limits::default())
            .err()
            .map(Refusal::invalid),
    }
}
