//! A schema of the contract as API Gateway takes one: JSON Schema draft 4, and no keyword that
//! draft 4 does not have, or the whole model is refused.

use serde_json::{Map, Value, json};

const DIALECT: &str = "http://json-schema.org/draft-04/schema#";

/// What decides whether a body passes. Left out besides later drafts' keywords: annotations,
/// whose change is no new definition, and `format`, which the gateway reads in its own way
/// (a `date-time` without an offset would fail). The function checks all of it again.
const KEYWORDS: [&str; 16] = [
    "type",
    "enum",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "required",
];
/// Keywords whose value is a schema, a list of schemas, or schemas by name.
const ONE: [&str; 3] = ["not", "items", "additionalProperties"];
const LIST: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const NAMED: [&str; 2] = ["properties", "patternProperties"];

/// The body's schema at `POST {path}`; any object where the contract describes none.
pub fn request_schema(contract: &Value, path: &str) -> Value {
    let schema = contract
        .get("paths")
        .and_then(|paths| paths.get(path))
        .and_then(|path| path.pointer("/post/requestBody/content/application~1json/schema"));
    let mut definitions = Map::new();
    let converted = match schema {
        Some(schema) => convert(schema, contract, &mut definitions),
        None => json!({"type": "object"}),
    };
    let mut root = Map::from_iter([("$schema".to_owned(), json!(DIALECT))]);
    match converted {
        // A reference alone says nothing else: its neighbours would be ignored.
        Value::Object(fields) if fields.contains_key("$ref") => {
            root.insert("allOf".to_owned(), json!([fields]));
        }
        Value::Object(fields) => root.extend(fields),
        _ => {}
    }
    if !definitions.is_empty() {
        root.insert("definitions".to_owned(), Value::Object(definitions));
    }
    Value::Object(root)
}

fn convert(schema: &Value, contract: &Value, definitions: &mut Map<String, Value>) -> Value {
    let Value::Object(fields) = schema else {
        // `true` and `false` are no schemas in draft 4.
        return if schema == &Value::Bool(false) {
            json!({"not": {}})
        } else {
            json!({})
        };
    };
    if let Some(Value::String(target)) = fields.get("$ref") {
        return reference(target, contract, definitions);
    }
    let mut converted = Map::new();
    for (keyword, value) in fields {
        let word = keyword.as_str();
        let value = if word == "additionalProperties" && value.is_boolean() {
            value.clone()
        } else if ONE.contains(&word) {
            convert(value, contract, definitions)
        } else if LIST.contains(&word) {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            items
                .iter()
                .map(|item| convert(item, contract, definitions))
                .collect()
        } else if NAMED.contains(&word) {
            let named = value.as_object().into_iter().flatten();
            named
                .map(|(name, schema)| (name.clone(), convert(schema, contract, definitions)))
                .collect()
        } else if KEYWORDS.contains(&word) {
            value.clone()
        } else {
            continue;
        };
        converted.insert(keyword.clone(), value);
    }
    if let Some(only) = fields.get("const") {
        converted.insert("enum".to_owned(), json!([only]));
    }
    bound(&mut converted, "exclusiveMinimum", "minimum");
    bound(&mut converted, "exclusiveMaximum", "maximum");
    Value::Object(converted)
}

/// An exclusive bound is a number of its own today; in draft 4 it is a remark on the other.
fn bound(schema: &mut Map<String, Value>, exclusive: &str, plain: &str) {
    if let Some(number) = schema
        .get(exclusive)
        .filter(|value| value.is_number())
        .cloned()
    {
        schema.insert(plain.to_owned(), number);
        schema.insert(exclusive.to_owned(), Value::Bool(true));
    }
}

/// Moves what a reference means into the model itself: the gateway follows none out of it.
fn reference(target: &str, contract: &Value, definitions: &mut Map<String, Value>) -> Value {
    let name = target.rsplit('/').next().unwrap_or_default().to_owned();
    if !definitions.contains_key(&name) {
        // Named before it is known, so that a schema may contain itself.
        definitions.insert(name.clone(), Value::Null);
        let meant = target
            .strip_prefix('#')
            .and_then(|pointer| contract.pointer(pointer))
            .map_or_else(
                || json!({}),
                |schema| convert(schema, contract, definitions),
            );
        definitions.insert(name.clone(), meant);
    }
    json!({"$ref": format!("#/definitions/{name}")})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(schema: &Value) -> Value {
        json!({
            "paths": {"/chatbot": {"post": {"requestBody": {"content": {
                "application/json": {"schema": schema}
            }}}}},
            "components": {"schemas": {
                "Params": {
                    "type": "object",
                    "properties": {"child": {"$ref": "#/components/schemas/Params"}},
                    "additionalProperties": false
                }
            }}
        })
    }

    #[test]
    fn only_what_draft_4_knows_and_decides_stays() {
        let schema = json!({
            "type": "object",
            "description": "what it is",
            "required": ["intent"],
            "additionalProperties": false,
            "properties": {
                "intent": {"const": "get_access_logs", "examples": ["get_access_logs"]},
                "score": {"type": "number", "exclusiveMinimum": 0, "maximum": 10, "format": "double"},
                "when": {"type": "string", "format": "date-time", "deprecated": true}
            }
        });
        assert_eq!(
            request_schema(&contract(&schema), "/chatbot"),
            json!({
                "$schema": DIALECT,
                "type": "object",
                "required": ["intent"],
                "additionalProperties": false,
                "properties": {
                    "intent": {"enum": ["get_access_logs"]},
                    "score": {"type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 10},
                    "when": {"type": "string"}
                }
            })
        );
    }

    #[test]
    fn references_become_definitions_of_the_model() {
        let schema = json!({"oneOf": [{"$ref": "#/components/schemas/Params"}]});
        assert_eq!(
            request_schema(&contract(&schema), "/chatbot"),
            json!({
                "$schema": DIALECT,
                "oneOf": [{"$ref": "#/definitions/Params"}],
                "definitions": {"Params": {
                    "type": "object",
                    "properties": {"child": {"$ref": "#/definitions/Params"}},
                    "additionalProperties": false
                }}
            })
        );
    }

    #[test]
    fn a_property_named_like_a_keyword_is_a_property() {
        let schema = json!({"type": "object", "properties": {"const": {"type": "string"}}});
        assert_eq!(
            request_schema(&contract(&schema), "/chatbot"),
            json!({
                "$schema": DIALECT,
                "type": "object",
                "properties": {"const": {"type": "string"}}
            })
        );
    }

    #[test]
    fn a_contract_without_the_path_takes_any_object() {
        assert_eq!(
            request_schema(&json!({}), "/chatbot"),
            json!({"$schema": DIALECT, "type": "object"})
        );
    }
}
