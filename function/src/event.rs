//! What Lambda hands over, and what goes back through the gateway.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::fault::Refusal;

/// A REST API proxy event, or an operator's direct invocation.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Only in a direct invocation; see [`Event::is_health`].
    wmctl: Option<Value>,
    http_method: Option<String>,
    headers: Option<HashMap<String, Option<String>>>,
    multi_value_headers: Option<HashMap<String, Option<Vec<String>>>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    request_context: Option<Context>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Context {
    request_id: Option<String>,
}

impl Event {
    /// The health check is for whoever may invoke the function itself. The gateway always sends
    /// a method and a context, so no request through it can be taken for one.
    pub fn is_health(&self) -> bool {
        self.http_method.is_none()
            && self.request_context.is_none()
            && self.wmctl.as_ref().and_then(Value::as_str) == Some("health")
    }

    pub fn method(&self) -> &str {
        self.http_method.as_deref().unwrap_or_default()
    }

    /// The gateway's request id where it is a UUID, so that its logs and ours name the same one.
    pub fn request_id(&self) -> Uuid {
        let given = self
            .request_context
            .as_ref()
            .and_then(|context| context.request_id.as_deref());
        given
            .and_then(|id| Uuid::try_parse(id).ok())
            .unwrap_or_else(Uuid::new_v4)
    }

    /// A header's value, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let single = self
            .headers
            .iter()
            .flatten()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        if let Some((_, Some(value))) = single {
            return Some(value);
        }
        let several = self
            .multi_value_headers
            .iter()
            .flatten()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        several?.1.as_ref()?.last().map(String::as_str)
    }

    /// The body's bytes, refused where they are more than `most`.
    pub fn body(&self, most: usize) -> Result<Vec<u8>, Refusal> {
        let too_large = || {
            Refusal::new(
                413,
                "payload_too_large",
                format!("The body is longer than {most} bytes."),
            )
        };
        let text = self.body.as_deref().unwrap_or_default();
        let bytes = if self.is_base64_encoded == Some(true) {
            // Refused before decoding where it must be too long: three bytes come from four.
            if text.len() / 4 > most / 3 + 1 {
                return Err(too_large());
            }
            // What is not base64 is not JSON either, and is refused as such once the key is known.
            STANDARD.decode(text).unwrap_or_default()
        } else {
            text.as_bytes().to_vec()
        };
        if bytes.len() > most {
            Err(too_large())
        } else {
            Ok(bytes)
        }
    }
}

/// A REST API proxy response.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub status_code: u16,
    headers: Headers,
    pub body: String,
    is_base64_encoded: bool,
}

/// The headers of every answer.
#[derive(Debug, Serialize)]
struct Headers {
    #[serde(rename = "Content-Type")]
    content_type: &'static str,
    #[serde(rename = "X-Content-Type-Options")]
    nosniff: &'static str,
    #[serde(rename = "Cache-Control")]
    cache: &'static str,
    #[serde(rename = "Strict-Transport-Security")]
    transport: &'static str,
}

#[derive(Serialize)]
struct Failure<'a> {
    request_id: Uuid,
    success: bool,
    error: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    details: &'a [crate::fault::Detail],
}

impl Response {
    fn new(status_code: u16, body: String) -> Self {
        Self {
            status_code,
            headers: Headers {
                content_type: "application/json",
                nosniff: "nosniff",
                cache: "no-store",
                transport: "max-age=63072000; includeSubDomains",
            },
            body,
            is_base64_encoded: false,
        }
    }

    /// A success; `data` is JSON text already, so that long lists are written once.
    pub fn success(id: Uuid, data: &str) -> Self {
        Self::new(
            200,
            format!(r#"{{"request_id":"{id}","success":true,"data":{data}}}"#),
        )
    }

    pub fn failure(id: Uuid, refusal: &Refusal) -> Self {
        let body = Failure {
            request_id: id,
            success: false,
            error: &refusal.error,
            code: refusal.code,
            details: &refusal.details,
        };
        // Strings and numbers alone: this cannot fail.
        Self::new(
            refusal.status,
            serde_json::to_string(&body).unwrap_or_default(),
        )
    }
}

/// What `success` writes around the data.
pub const ENVELOPE: usize = 90;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(value: Value) -> Event {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn headers_in_any_case_and_both_forms() {
        assert_eq!(
            event(json!({"headers": {"X-API-Key": "k"}})).header("x-api-key"),
            Some("k")
        );
        let several =
            event(json!({"headers": null, "multiValueHeaders": {"x-Api-key": ["a", "b"]}}));
        assert_eq!(several.header("x-api-key"), Some("b"));
        assert_eq!(
            event(json!({"queryStringParameters": {"x-api-key": "k"}})).header("x-api-key"),
            None
        );
    }

    #[test]
    fn size_counts_after_decoding() {
        let plain = |body: &str| event(json!({"body": body})).body(4);
        assert_eq!(plain("1234").unwrap(), b"1234");
        assert_eq!(plain("12345").unwrap_err().status, 413);
        let coded = |bytes: &[u8]| {
            event(json!({"body": STANDARD.encode(bytes), "isBase64Encoded": true})).body(4)
        };
        assert_eq!(coded(b"1234").unwrap(), b"1234");
        assert_eq!(coded(b"12345").unwrap_err().status, 413);
        assert_eq!(coded(&[0; 50]).unwrap_err().status, 413);
        assert_eq!(
            event(json!({"body": "?", "isBase64Encoded": true}))
                .body(4)
                .unwrap(),
            b""
        );
    }

    #[test]
    fn health_only_without_the_gateway() {
        assert!(event(json!({"wmctl": "health"})).is_health());
        assert!(!event(json!({"wmctl": "health", "httpMethod": "POST"})).is_health());
        assert!(!event(json!({"wmctl": "health", "requestContext": {}})).is_health());
        assert!(!event(json!({"wmctl": "other"})).is_health());
    }

    #[test]
    fn request_ids_are_uuids() {
        let id = "8f0c7e4e-5b0f-4d6e-9a53-0f3f6a3c9f10";
        assert_eq!(
            event(json!({"requestContext": {"requestId": id}}))
                .request_id()
                .to_string(),
            id
        );
        assert_eq!(
            event(json!({"requestContext": {"requestId": "test"}}))
                .request_id()
                .get_version_num(),
            4
        );
    }

    #[test]
    fn every_answer_has_the_same_shape() {
        let id = Uuid::nil();
        let failed = Response::failure(id, &Refusal::new(401, "unauthorized", "No."));
        assert_eq!(
            serde_json::from_str::<Value>(&failed.body).unwrap(),
            json!({"request_id": id, "success": false, "error": "No.", "code": "unauthorized"})
        );
        let done = serde_json::to_value(Response::success(id, r#"{"id":1}"#)).unwrap();
        assert_eq!(done["statusCode"], 200);
        assert_eq!(done["headers"]["Cache-Control"], "no-store");
        assert_eq!(done["headers"]["X-Content-Type-Options"], "nosniff");
        assert_eq!(
            done["body"],
            format!(r#"{{"request_id":"{id}","success":true,"data":{{"id":1}}}}"#)
        );
        assert!(Response::success(id, "").body.len() <= ENVELOPE);
    }
}
