//! What Lambda hands over, and what goes back through the gateway.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::fault::Refusal;

/// A REST API proxy event, or an operator's direct invocation. Every field is read when it is asked
/// for: one that cannot be read is refused for what it is, and the invocation does not fail.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Only in a direct invocation; see [`Event::is_health`].
    wmctl: Field,
    http_method: Field,
    headers: Field,
    multi_value_headers: Field,
    body: Field,
    is_base64_encoded: Field,
    request_context: Field,
}

type Field = Option<Box<RawValue>>;

fn read<T: DeserializeOwned>(field: &Field) -> Option<T> {
    serde_json::from_str(field.as_ref()?.get()).ok()
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RequestContext {
    request_id: Field,
}

/// What stands under a name, whatever its case, in a map of headers. The others are passed over:
/// a browser sends dozens.
fn values(headers: &Field, name: &str) -> Vec<Value> {
    let Some(headers) = headers else {
        return Vec::new();
    };
    let mut deserializer = serde_json::Deserializer::from_str(headers.get());
    deserializer
        .deserialize_map(Named(name))
        .unwrap_or_default()
}

struct Named<'a>(&'a str);

impl<'de> Visitor<'de> for Named<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("headers by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut headers: A) -> Result<Vec<Value>, A::Error> {
        let mut found = Vec::new();
        while let Some(is_it) = headers.next_key_seed(IsNamed(self.0))? {
            if is_it {
                found.push(headers.next_value()?);
            } else {
                headers.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a name is this one; it need not be kept.
struct IsNamed<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for IsNamed<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsNamed<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name.eq_ignore_ascii_case(self.0))
    }
}

impl Event {
    /// The health check is for whoever may invoke the function itself. The gateway always sends
    /// a method and a context, so no request through it can be taken for one.
    pub fn is_health(&self) -> bool {
        self.http_method.is_none()
            && self.request_context.is_none()
            && read::<String>(&self.wmctl).is_some_and(|name| name == "health")
    }

    pub fn method(&self) -> String {
        read(&self.http_method).unwrap_or_default()
    }

    /// The gateway's request id where it is a UUID, so that its logs and ours name the same one.
    pub fn request_id(&self) -> Uuid {
        let context: Option<RequestContext> = read(&self.request_context);
        context
            .and_then(|context| read::<String>(&context.request_id))
            .and_then(|id| Uuid::try_parse(&id).ok())
            .unwrap_or_else(Uuid::new_v4)
    }

    /// A header's one value, whatever the case of its name. A header sent twice with different
    /// values has none: which of them the gateway checked is not known here.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut values = [&self.headers, &self.multi_value_headers]
            .into_iter()
            .flat_map(|headers| values(headers, name))
            .flat_map(|value| match value {
                Value::Array(several) => several,
                one => vec![one],
            })
            .filter_map(|value| match value {
                Value::String(text) => Some(text),
                _ => None,
            });
        let first = values.next()?;
        values.all(|other| other == first).then_some(first)
    }

    /// The body's bytes, refused where they are more than `most`.
    pub fn body(&self, most: usize) -> Result<Vec<u8>, Refusal> {
        let text: String = read(&self.body).unwrap_or_default();
        let bytes = if read(&self.is_base64_encoded) == Some(true) {
            // Refused before decoding where it must be too long: three bytes come from four.
            if text.len() / 4 > most / 3 + 1 {
                return Err(Refusal::payload_too_large(most));
            }
            // What is not base64 is not JSON either, and is refused as such once the key is known.
            STANDARD.decode(text).unwrap_or_default()
        } else {
            text.into_bytes()
        };
        if bytes.len() > most {
            Err(Refusal::payload_too_large(most))
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
    /// What a 405 must name.
    #[serde(rename = "Allow", skip_serializing_if = "Option::is_none")]
    allow: Option<&'static str>,
    /// The one origin whose pages may read the answer; caches must not give it to others.
    #[serde(
        rename = "Access-Control-Allow-Origin",
        skip_serializing_if = "Option::is_none"
    )]
    origin: Option<String>,
    #[serde(rename = "Vary", skip_serializing_if = "Option::is_none")]
    vary: Option<&'static str>,
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
                allow: (status_code == 405).then_some("POST"),
                origin: None,
                vary: None,
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

    /// Lets pages of this origin read it, where there is one.
    #[must_use]
    pub fn readable_by(mut self, origin: Option<&str>) -> Self {
        self.headers.origin = origin.map(str::to_owned);
        self.headers.vary = origin.map(|_| "Origin");
        self
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
        let key = |value: Value| event(value).header("x-api-key");
        let one = Some("k".to_string());
        assert_eq!(key(json!({"headers": {"X-API-Key": "k"}})), one);
        let both =
            json!({"headers": {"X-API-Key": "k"}, "multiValueHeaders": {"x-Api-key": ["k", "k"]}});
        assert_eq!(key(both), one);
        assert_eq!(
            key(json!({"headers": null, "multiValueHeaders": {"x-api-key": ["k"]}})),
            one
        );
        assert_eq!(
            key(json!({"queryStringParameters": {"x-api-key": "k"}})),
            None
        );
    }

    #[test]
    fn two_values_are_none() {
        for event_with_two in [
            json!({"multiValueHeaders": {"x-api-key": ["a", "k"]}}),
            json!({"headers": {"x-api-key": "k"}, "multiValueHeaders": {"x-api-key": ["a", "k"]}}),
            json!({"headers": {"x-api-key": "k", "X-Api-Key": "a"}}),
        ] {
            assert_eq!(event(event_with_two).header("x-api-key"), None);
        }
    }

    #[test]
    fn the_same_name_twice_is_two_values() {
        let text = r#"{"headers":{"x-api-key":"a","x-api-key":"k","b":[{}]}}"#;
        let twice: Event = serde_json::from_str(text).unwrap();
        assert_eq!(twice.header("x-api-key"), None);
        assert_eq!(twice.header("b"), None);
    }

    #[test]
    fn a_field_that_cannot_be_read_is_none() {
        let text = r#"{"httpMethod":1,"headers":{"a":"\ud800"},"body":"\ud800","isBase64Encoded":"yes","requestContext":[]}"#;
        let odd: Event = serde_json::from_str(text).unwrap();
        assert_eq!((odd.method(), odd.header("a")), (String::new(), None));
        assert_eq!(odd.body(9).unwrap(), b"");
        assert_eq!(odd.request_id().get_version_num(), 4);
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
        assert_eq!(done["headers"].get("Access-Control-Allow-Origin"), None);
        let page = "https://chat.example.com";
        let shown = Response::success(id, "{}").readable_by(Some(page));
        let shown = serde_json::to_value(shown).unwrap();
        assert_eq!(shown["headers"]["Access-Control-Allow-Origin"], page);
        assert_eq!(shown["headers"]["Vary"], "Origin");
    }
}
