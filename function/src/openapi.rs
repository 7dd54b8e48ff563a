//! The contract as an `OpenAPI` 3.1 document, made from the table that the validator uses.

use serde_json::{Map, Value, json};

use crate::contract::{Intent, Kind, Param};
use crate::intents::{INTENTS, names};
use crate::settings::Limits;
use crate::time;

/// The whole document.
pub fn document() -> Value {
    let mut schemas: Map<String, Value> = INTENTS
        .into_iter()
        .map(|intent| (intent.name.to_string(), params(intent)))
        .collect();
    schemas.insert("success".into(), success());
    schemas.insert("error".into(), error());
    let answer = |description: &str, schema: &str| {
        let reference = format!("#/components/schemas/{schema}");
        json!({ "description": description, "content": { "application/json": { "schema": { "$ref": reference } } } })
    };
    let intents = INTENTS.map(|intent| format!("{}: {}", intent.name, intent.about));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Chatbot",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Access and error logs: stored, listed, summed up, and searched for attacks. Written by \
                            the function's tests; to change it, change the intents.",
        },
        "paths": { "/chatbot": { "post": {
            "operationId": "chatbot",
            "summary": "Ask for one intent",
            "description": intents.join("\n\n"),
            "security": [{ "api_key": [] }],
            "requestBody": {
                "required": true,
                "content": { "application/json": { "schema": request() } },
            },
            "responses": {
                "200": answer("Done.", "success"),
                "400": answer("Not JSON, unknown intent, or a refused parameter.", "error"),
                "401": answer("The API key is missing or wrong.", "error"),
                "403": answer("Refused by the gateway: the API key is missing, unknown or disabled.", "error"),
                "405": answer("Not POST.", "error"),
                "413": answer("The body is too long.", "error"),
                "429": answer("Too many requests; slow down.", "error"),
                "500": answer("An internal error.", "error"),
                "503": answer("The database cannot be reached or took too long; try again.", "error"),
            },
        } } },
        "components": {
            "securitySchemes": { "api_key": { "type": "apiKey", "in": "header", "name": "x-api-key" } },
            "schemas": schemas,
        },
    })
}

/// As it is kept in `openapi.json`.
pub fn text() -> String {
    format!("{:#}\n", document())
}

/// The request's body. The gateway's models are draft-04, so only what both drafts know is here.
fn request() -> Value {
    json!({
        "type": "object",
        "required": ["intent"],
        "properties": {
            "intent": { "type": "string", "enum": names() },
            "params": { "type": "object" },
        },
        "additionalProperties": false,
    })
}

fn params(intent: &Intent) -> Value {
    let properties: Map<String, Value> = intent
        .params
        .iter()
        .map(|spec| (spec.name.to_string(), property(spec)))
        .collect();
    let required: Vec<&str> = intent
        .params
        .iter()
        .filter(|spec| spec.required)
        .map(|spec| spec.name)
        .collect();
    let mut schema = json!({
        "type": "object",
        "description": intent.about,
        "properties": properties,
        "additionalProperties": false,
    });
    // Draft-04 allows no empty list here.
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(spec: &Param) -> Value {
    let (mut schema, about) = match spec.kind {
        Kind::Text { min, max } => (
            json!({ "type": "string", "minLength": min, "maxLength": max }),
            spec.about.to_string(),
        ),
        Kind::OneOf(names) => (
            json!({ "type": "string", "enum": names }),
            spec.about.to_string(),
        ),
        Kind::SomeOf(names) => {
            let items = json!({ "type": "string", "enum": names });
            (
                json!({ "type": "array", "items": items, "minItems": 1 }),
                spec.about.to_string(),
            )
        }
        Kind::Integer { min, max } => (
            json!({ "type": "integer", "minimum": min, "maximum": max }),
            spec.about.to_string(),
        ),
        Kind::Number { min, max } => (
            json!({ "type": "number", "minimum": min, "maximum": max }),
            spec.about.to_string(),
        ),
        Kind::Time => (
            json!({ "type": "string" }),
            format!("{} Give {}.", spec.about, time::EXPECTED),
        ),
        Kind::Address => (
            json!({ "type": "string" }),
            format!("{} IPv4 or IPv6.", spec.about),
        ),
        Kind::Limit => {
            let most = Limits::default().query;
            (
                json!({ "type": "integer", "minimum": 1, "maximum": most }),
                spec.about.to_string(),
            )
        }
    };
    schema["description"] = about.into();
    if !spec.example().is_null() {
        schema["examples"] = json!([spec.example()]);
    }
    schema
}

fn success() -> Value {
    json!({
        "type": "object",
        "required": ["request_id", "success", "data"],
        "properties": {
            "request_id": { "type": "string", "format": "uuid" },
            "success": { "type": "boolean", "enum": [true] },
            "data": { "type": "object" },
        },
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["request_id", "success", "error"],
        "properties": {
            "request_id": { "type": "string" },
            "success": { "type": "boolean", "enum": [false] },
            "error": { "type": "string", "description": "One sentence." },
            "code": { "type": "string", "description": "Stable, in snake case." },
            "details": {
                "type": "array",
                "description": "What was refused and how to mend it.",
                "items": {
                    "type": "object",
                    "required": ["field", "expected", "received", "example"],
                    "properties": {
                        "field": { "type": "string" },
                        "expected": { "type": "string" },
                        "received": {},
                        "example": {},
                    },
                },
            },
        },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn openapi_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(path, text()).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == text(),
            "openapi.json is stale; rewrite it with: UPDATE_OPENAPI=1 cargo test -p function openapi"
        );
    }

    #[test]
    fn the_request_schema_is_the_gateways() {
        let document = document();
        let schema = &document["paths"]["/chatbot"]["post"]["requestBody"]["content"]["application/json"]
            ["schema"];
        let keys: Vec<&String> = schema.as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            ["type", "required", "properties", "additionalProperties"]
        );
        assert_eq!(
            schema["properties"]["intent"]["enum"]
                .as_array()
                .unwrap()
                .len(),
            8
        );
    }

    #[test]
    fn tool_schemas_are_closed_and_plain() {
        for intent in INTENTS {
            let schema = params(intent);
            assert_eq!(schema["additionalProperties"], false, "{}", intent.name);
            assert!(!schema.to_string().contains("oneOf"), "{}", intent.name);
        }
    }
}
