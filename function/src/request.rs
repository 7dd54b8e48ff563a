//! What a body asks for.

use serde_json::{Map, Value, json};

use crate::contract::Intent;
use crate::fault::{Detail, Refusal};
use crate::intents;
use crate::json;
use crate::params::{nearest, summary};
use crate::untrusted::{escape, shorten};

/// The intent that a body names and the parameters it gives.
pub fn read(body: &[u8]) -> Result<(&'static Intent, Map<String, Value>), Refusal> {
    // What the parser says of malformed text is its own words alone, without a part of the body.
    let (document, twice) = json::read(body).map_err(|error| {
        let error = format!("The body is not valid JSON: {error}.");
        Refusal::new(400, "invalid_json", error)
    })?;
    let example = || json!({ "intent": "get_traffic_summary", "params": {} });
    let malformed = |field: &str, expected: String, received: &Value, example: Value| {
        let detail = Detail {
            field: shorten(&escape(field), 100),
            expected,
            received: summary(received),
            example,
        };
        let error = "The request must be an object with an intent and, where wanted, its params.";
        Refusal {
            details: vec![detail],
            ..Refusal::new(400, "invalid_request", error)
        }
    };
    if let Some(name) = twice {
        let expected = "every name at most once in an object".into();
        return Err(Refusal {
            error: "The body names something twice, so it may be read in two ways.".into(),
            ..malformed(&name, expected, &"more than one value".into(), example())
        });
    }
    let Value::Object(mut object) = document else {
        return Err(malformed("body", "an object".into(), &document, example()));
    };
    let name = object.remove("intent").unwrap_or(Value::Null);
    let params = object.remove("params").unwrap_or_else(|| json!({}));
    if let Some((field, value)) = object.iter().next() {
        return Err(malformed(
            field,
            "no other field than intent and params".into(),
            value,
            example(),
        ));
    }
    let Value::String(name) = name else {
        let expected = format!("one of {}", intents::names().join(", "));
        return Err(malformed(
            "intent",
            expected,
            &name,
            "get_traffic_summary".into(),
        ));
    };
    let Some(intent) = intents::find(&name) else {
        let near = nearest(&name, &intents::names());
        let hint = near
            .map(|near| format!("; did you mean {near}?"))
            .unwrap_or_default();
        let detail = Detail {
            field: "intent".into(),
            expected: format!("one of {}{hint}", intents::names().join(", ")),
            received: summary(&name.into()),
            example: near.unwrap_or("get_traffic_summary").into(),
        };
        return Err(Refusal {
            details: vec![detail],
            ..Refusal::new(400, "unknown_intent", "There is no such intent.")
        });
    };
    let Value::Object(params) = params else {
        return Err(malformed("params", "an object".into(), &params, json!({})));
    };
    Ok((intent, params))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn refused(body: &str) -> Refusal {
        read(body.as_bytes()).err().expect("refused")
    }

    #[test]
    fn reads_a_read() {
        let (intent, params) = read(br#"{"intent":"get_anomalies"}"#).unwrap();
        assert_eq!((intent.name, params.len()), ("get_anomalies", 0));
        let (_, params) = read(br#"{"intent":"get_anomalies","params":{"limit":1}}"#).unwrap();
        assert_eq!(params["limit"], 1);
    }

    #[test]
    fn refuses_everything_else() {
        assert_eq!(refused("").code, "invalid_json");
        assert_eq!(
            refused("{'intent':1}").error,
            "The body is not valid JSON: key must be a string at line 1 column 2."
        );
        assert_eq!(refused("[]").code, "invalid_request");
        let twice = refused(r#"{"intent":"get_anomalies","params":{"limit":1,"limit":2}}"#);
        assert_eq!(twice.code, "invalid_request");
        assert_eq!(twice.details[0].field, "limit");
        assert_eq!(refused("{}").details[0].field, "intent");
        assert_eq!(
            refused(r#"{"intent":"get_anomalies","params":null}"#).details[0].field,
            "params"
        );
        assert_eq!(
            refused(r#"{"intent":"get_anomalies","limit":1}"#).details[0].field,
            "limit"
        );
        let unknown = refused(r#"{"intent":"get_anomaly"}"#);
        assert_eq!((unknown.code, unknown.status), ("unknown_intent", 400));
        assert!(
            unknown.details[0]
                .expected
                .ends_with("did you mean get_anomalies?")
        );
        assert_eq!(unknown.details[0].example, "get_anomalies");
    }
}
