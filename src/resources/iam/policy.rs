//! Policy documents, compared by what they mean: IAM takes one string for a list of one, and
//! knows no order in lists.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// A document in canonical form. Every statement has a `Sid`, which the order follows; lists that
/// hold references must sort alike before and after these are resolved.
pub fn document(statements: impl IntoIterator<Item = Value>) -> Value {
    canonical(json!({
        "Version": "2012-10-17",
        "Statement": statements.into_iter().collect::<Vec<_>>(),
    }))
}

/// What AWS answered, in canonical form; IAM's documents are percent-encoded. What is no JSON
/// stays a string, and so differs from whatever is wanted.
pub fn parse(text: &str) -> Value {
    let decoded = if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        percent_decoded(text)
    };
    match serde_json::from_str(&decoded) {
        Ok(value) => canonical(value),
        Err(_) => Value::String(text.to_owned()),
    }
}

fn canonical(mut document: Value) -> Value {
    if let Some(fields) = document.as_object_mut()
        && let Some(statement) = fields.remove("Statement")
    {
        let mut statements: Vec<Value> = listed(statement).into_iter().map(normal).collect();
        statements.sort_by_cached_key(|statement| {
            (
                sid(statement),
                crate::object::canonical(statement).to_string(),
            )
        });
        fields.insert("Statement".to_owned(), Value::Array(statements));
    }
    document
}

fn sid(statement: &Value) -> String {
    statement["Sid"].as_str().unwrap_or_default().to_owned()
}

fn normal(statement: Value) -> Value {
    let Value::Object(fields) = statement else {
        return statement;
    };
    fields
        .into_iter()
        .map(|(name, value)| {
            let value = match name.as_str() {
                "Action" | "NotAction" | "Resource" | "NotResource" => set(value),
                "Principal" | "NotPrincipal" => principals(value),
                "Condition" => conditions(value),
                _ => value,
            };
            (name, value)
        })
        .collect()
}

/// `{"AWS": "*"}` is a longer way to say `"*"`.
fn principals(value: Value) -> Value {
    match value {
        Value::Object(kinds) => match each(kinds, set) {
            everyone if everyone == json!({"AWS": "*"}) => json!("*"),
            some => some,
        },
        everyone => everyone,
    }
}

fn conditions(value: Value) -> Value {
    match value {
        Value::Object(operators) => each(operators, |keys| match keys {
            Value::Object(keys) => each(keys, set),
            other => other,
        }),
        other => other,
    }
}

fn each(fields: Map<String, Value>, change: impl Fn(Value) -> Value) -> Value {
    fields
        .into_iter()
        .map(|(name, value)| (name, change(value)))
        .collect()
}

/// Sorted, each once, and the plain string where there is one.
fn set(value: Value) -> Value {
    let items: BTreeSet<String> = listed(value)
        .into_iter()
        .map(|item| match item {
            Value::String(text) => text,
            other => other.to_string(),
        })
        .collect();
    let mut items: Vec<Value> = items.into_iter().map(Value::String).collect();
    match items.len() {
        1 => items.remove(0),
        _ => Value::Array(items),
    }
}

fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        one => vec![one],
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| text_of(tail.get(..2)?))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn text_of(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_policy_are_equal() {
        let one = document([json!({
            "Sid": "A", "Effect": "Allow", "Principal": "*", "Action": ["b:X", "a:X"],
            "Resource": ["*"], "Condition": {"Bool": {"aws:SecureTransport": true}},
        })]);
        let two = parse(
            r#"{"Statement": {"Condition": {"Bool": {"aws:SecureTransport": ["true"]}},
                "Resource": "*", "Action": ["a:X", "b:X", "b:X"], "Principal": {"AWS": ["*"]},
                "Effect": "Allow", "Sid": "A"}, "Version": "2012-10-17"}"#,
        );
        assert_eq!(one, two);
    }

    #[test]
    fn statements_have_no_order_and_differences_show() {
        let statement = |sid: &str, action: &str| json!({"Sid": sid, "Action": action});
        let ab = document([statement("A", "a:X"), statement("B", "b:X")]);
        assert_eq!(ab, document([statement("B", "b:X"), statement("A", "a:X")]));
        assert_ne!(ab, document([statement("A", "a:X"), statement("B", "b:Y")]));
    }

    #[test]
    fn iam_encodes_its_documents() {
        let encoded = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Action%22%3A%22a%3A%C3%A9%22%7D%5D%7D";
        assert_eq!(parse(encoded), document([json!({"Action": "a:é"})]));
        assert_eq!(parse("no policy"), Value::from("no policy"));
        assert_eq!(percent_decoded("100%"), "100%");
    }
}
