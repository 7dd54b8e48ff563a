//! The contract as an `OpenAPI` 3.1 document, made from the table that the validator uses.

mod answers;
mod examples;

use serde_json::{Map, Value, json};

use crate::contract::{Intent, Kind, Param};
use crate::fault::{CODES, MOST_DETAILS};
use crate::intents::{INTENTS, names};
use crate::settings::Limits;
use crate::time;

/// The whole document.
pub fn document() -> Value {
    let mut schemas = Map::new();
    for intent in INTENTS {
        schemas.insert(intent.name.into(), params(intent));
    }
    for intent in INTENTS {
        schemas.insert(format!("{}_answer", intent.name), answers::data(intent));
    }
    schemas.insert("time".into(), time_given());
    schemas.insert("success".into(), success());
    schemas.insert("error".into(), error());
    let intents = INTENTS.map(|intent| format!("{}: {}", intent.name, intent.about));
    let mut responses = json!({ "200": response("Done.", "success", examples::successes()) });
    for (status, description) in REFUSALS {
        responses[status] = response(description, "error", examples::refusals(status));
    }
    responses["405"]["headers"] = json!({
        "Allow": { "description": "What is answered here.", "schema": { "type": "string", "const": "POST" } },
    });
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
                "content": { "application/json": { "schema": request(), "examples": examples::requests() } },
            },
            "responses": responses,
        } } },
        "components": {
            "securitySchemes": { "api_key": { "type": "apiKey", "in": "header", "name": "x-api-key" } },
            "schemas": schemas,
        },
    })
}

/// Statuses of what is not a success; 403 and 429 are the gateway's own, in the same shape.
const REFUSALS: [(&str, &str); 8] = [
    (
        "400",
        "Not JSON, not an object, an unknown intent, or a refused parameter.",
    ),
    ("401", "The API key is missing or wrong."),
    (
        "403",
        "Refused by the gateway: the API key is missing, unknown or disabled.",
    ),
    ("405", "Not POST."),
    ("413", "The body is too long."),
    ("429", "Too many requests; slow down."),
    ("500", "An internal error."),
    (
        "503",
        "The database or the secrets cannot be reached, or a query took too long; try again.",
    ),
];

fn response(description: &str, schema: &str, examples: Value) -> Value {
    let reference = format!("#/components/schemas/{schema}");
    let mut content = json!({ "schema": { "$ref": reference } });
    content["examples"] = examples;
    json!({ "description": description, "content": { "application/json": content } })
}

/// As it is kept in `openapi.json`.
pub fn text() -> String {
    format!("{:#}\n", document())
}

/// The request's body. The gateway's models are draft-04 and leave later keywords out: to them the
/// parameters are any object, and the function says what is wrong with them, in detail.
fn request() -> Value {
    let each = INTENTS.map(|intent| {
        let params = format!("#/components/schemas/{}", intent.name);
        let mut schema = json!({
            "properties": { "intent": { "const": intent.name }, "params": { "$ref": params } },
        });
        if intent.params.iter().any(|spec| spec.required) {
            schema["required"] = json!(["params"]);
        }
        schema
    });
    json!({
        "type": "object",
        "required": ["intent"],
        "properties": {
            "intent": { "type": "string", "enum": names() },
            "params": { "type": "object" },
        },
        "additionalProperties": false,
        "dependentSchemas": { "intent": { "oneOf": each } },
    })
}

/// A time as a caller may write it: dates that exist, with or without an offset.
fn time_given() -> Value {
    let long = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])";
    let short = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)";
    let february = "02-(?:0[1-9]|1[0-9]|2[0-8])";
    let leap =
        "(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)-02-29";
    let date = format!("(?:[1-9][0-9]{{3}}-(?:{long}|{short}|{february})|{leap})");
    let clock = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]";
    let offset = r"(?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
    json!({
        "type": "string",
        "description": format!("Given as {}.", time::EXPECTED),
        "pattern": format!("^{date}(?: {clock}|[ Tt]{clock}{offset})$"),
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
            json!({ "$ref": "#/components/schemas/time" }),
            format!("{} Give {}.", spec.about, time::EXPECTED),
        ),
        Kind::Address => (
            json!({ "type": "string", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] }),
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
    let data = INTENTS
        .map(|intent| json!({ "$ref": format!("#/components/schemas/{}_answer", intent.name) }));
    json!({
        "type": "object",
        "required": ["request_id", "success", "data"],
        "properties": {
            "request_id": { "type": "string", "format": "uuid" },
            "success": { "type": "boolean", "const": true },
            "data": { "anyOf": data },
        },
        "additionalProperties": false,
    })
}

fn error() -> Value {
    let detail = json!({
        "type": "object",
        "required": ["field", "expected", "received", "example"],
        "properties": {
            "field": { "type": "string", "description": "What was refused." },
            "expected": { "type": "string", "description": "What is taken, in words." },
            "received": { "description": "What came instead: shortened, lists and objects by kind alone." },
            "example": { "description": "A value that is taken." },
        },
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "required": ["request_id", "success", "error", "code"],
        "properties": {
            "request_id": { "type": "string", "format": "uuid" },
            "success": { "type": "boolean", "const": false },
            "error": { "type": "string", "description": "One sentence." },
            "code": {
                "type": "string",
                "pattern": "^[a-z]+(_[a-z]+)*$",
                "description": format!("Stable. The function's own are {}; the gateway has some more.", CODES.join(", ")),
            },
            "details": {
                "type": "array",
                "description": "What was refused and how to mend it.",
                "minItems": 1,
                "maxItems": MOST_DETAILS,
                "items": detail,
            },
        },
        "additionalProperties": false,
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
            [
                "type",
                "required",
                "properties",
                "additionalProperties",
                "dependentSchemas"
            ]
        );
        assert_eq!(schema["properties"]["params"], json!({ "type": "object" }));
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
