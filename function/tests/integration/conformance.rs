//! Whether answers are as `openapi.json` says: as much of JSON Schema as the document uses.

use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::{Map, Value};

static DOCUMENT: LazyLock<Value> = LazyLock::new(function::openapi::document);

/// Holds an answer against the document's schema for its status.
pub fn check(status: u64, body: &Value) {
    let responses = &DOCUMENT["paths"]["/chatbot"]["post"]["responses"];
    let schema = &responses[status.to_string()]["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "status {status} is not in the contract");
    if let Err(reason) = conforms(body, schema, "body") {
        panic!("status {status}: {reason}: {body}");
    }
}

/// Holds the parameters of a request against an intent's schema.
pub fn accepts(intent: &str, params: &Value) -> Result<(), String> {
    conforms(params, &DOCUMENT["components"]["schemas"][intent], "params")
}

/// Every example in the document, with the schema that it is an example of.
pub fn examples() -> Vec<(Value, Value)> {
    let operation = &DOCUMENT["paths"]["/chatbot"]["post"];
    let responses = operation["responses"].as_object().unwrap().values();
    let mut all = Vec::new();
    for part in responses.chain([&operation["requestBody"]]) {
        let content = &part["content"]["application/json"];
        for example in content["examples"].as_object().unwrap().values() {
            all.push((example["value"].clone(), content["schema"].clone()));
        }
    }
    all
}

pub fn conforms(value: &Value, schema: &Value, at: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{at} {what}"));
    let keywords = schema.as_object().expect("a schema");
    for (keyword, rule) in keywords {
        let holds = match keyword.as_str() {
            "description" | "examples" | "format" => true,
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                conforms(value, DOCUMENT.pointer(pointer).expect(pointer), at)?;
                true
            }
            "type" => match rule {
                Value::Array(names) => names.iter().any(|name| is(value, name)),
                name => is(value, name),
            },
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "anyOf" | "oneOf" => {
                let schemas = rule.as_array().unwrap();
                let matching = schemas
                    .iter()
                    .filter(|one| conforms(value, one, at).is_ok());
                let count = matching.count();
                count == 1 || count > 1 && keyword == "anyOf"
            }
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= rule.as_f64().unwrap()),
            "minLength" => characters(value).is_none_or(|count| count >= size(rule)),
            "maxLength" => characters(value).is_none_or(|count| count <= size(rule)),
            "minItems" => value.as_array().is_none_or(|list| list.len() >= size(rule)),
            "maxItems" => value.as_array().is_none_or(|list| list.len() <= size(rule)),
            "pattern" => {
                let pattern = Regex::new(rule.as_str().unwrap()).expect("a pattern");
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    conforms(item, rule, &format!("{at}[]"))?;
                }
                true
            }
            "required" => {
                let names = rule.as_array().unwrap();
                value.as_object().is_none_or(|object| {
                    names
                        .iter()
                        .all(|name| object.contains_key(name.as_str().unwrap()))
                })
            }
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = rule.get(name) {
                        conforms(member, schema, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = keywords.get("properties").and_then(Value::as_object);
                others(value, known, rule, at)?;
                true
            }
            "dependentSchemas" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if value.get(name).is_some() {
                        conforms(value, schema, at)?;
                    }
                }
                true
            }
            other => panic!("{other} is not checked here yet"),
        };
        if !holds {
            return wrong(&format!("breaks {keyword}: {rule}"));
        }
    }
    Ok(())
}

fn others(
    value: &Value,
    known: Option<&Map<String, Value>>,
    rule: &Value,
    at: &str,
) -> Result<(), String> {
    for (name, member) in value.as_object().into_iter().flatten() {
        if known.is_some_and(|known| known.contains_key(name)) {
            continue;
        }
        if rule == &Value::Bool(false) {
            return Err(format!("{at}.{name} is not described"));
        }
        conforms(member, rule, &format!("{at}.{name}"))?;
    }
    Ok(())
}

fn is(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type {other}"),
    }
}

fn characters(value: &Value) -> Option<usize> {
    Some(value.as_str()?.chars().count())
}

fn size(rule: &Value) -> usize {
    usize::try_from(rule.as_u64().unwrap()).unwrap()
}
