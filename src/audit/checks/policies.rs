//! What policies say, as far as checks ask.

use serde_json::Value;

/// The statements of a document.
pub fn statements(document: &Value) -> impl Iterator<Item = &Value> {
    listed(&document["Statement"]).into_iter()
}

pub fn allows(statement: &Value) -> bool {
    statement["Effect"] == "Allow"
}

/// A list, or one string in the place of it.
pub fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Null => Vec::new(),
        other => vec![other],
    }
}

pub fn texts<'a>(statement: &'a Value, field: &str) -> Vec<&'a str> {
    let values = listed(&statement[field]).into_iter();
    values.filter_map(Value::as_str).collect()
}

/// Whether anybody at all is meant: `*`, or every AWS account.
pub fn is_for_all(statement: &Value) -> bool {
    let principal = &statement["Principal"];
    let everyone = |value: &Value| listed(value).iter().any(|one| **one == "*");
    principal == "*" || everyone(&principal["AWS"])
}

/// Whether a condition narrows the statement to an account, an organisation or a source. One that
/// holds for whoever is in the right place at the right time is none.
pub fn is_narrowed(statement: &Value) -> bool {
    const NARROWING: [&str; 8] = [
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourcevpce",
        "aws:sourceowner",
        "kms:calleraccount",
    ];
    let operators = statement["Condition"].as_object().into_iter().flatten();
    let mut keys = operators.flat_map(|(operator, keys)| {
        let sound = !operator.starts_with("StringNot") && !operator.starts_with("ArnNot");
        keys.as_object()
            .into_iter()
            .flatten()
            .filter(move |_| sound)
    });
    keys.any(|(key, value)| {
        let known = NARROWING.contains(&key.to_lowercase().as_str());
        known && !listed(value).iter().any(|value| **value == "*")
    })
}

/// A statement's name, or its place in the document.
pub fn name(document: &Value, statement: &Value) -> String {
    match statement["Sid"].as_str() {
        Some(sid) if !sid.is_empty() => sid.to_owned(),
        _ => {
            let at = statements(document).position(|other| other == statement);
            format!("statement {}", at.unwrap_or_default() + 1)
        }
    }
}

/// The statements of a resource's policy that let in the whole world.
pub fn public(document: &Value) -> Vec<String> {
    statements(document)
        .filter(|statement| allows(statement) && is_for_all(statement) && !is_narrowed(statement))
        .map(|statement| name(document, statement))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn public_is_whoever_is_not_narrowed() {
        let document = |principal: Value, condition: Value| json!({"Statement": [{"Sid": "S", "Effect": "Allow", "Principal": principal, "Action": "a:B", "Resource": "*", "Condition": condition}]});
        let open = json!({});
        for (principal, condition, expected) in [
            (json!("*"), open.clone(), true),
            (json!({"AWS": "*"}), open.clone(), true),
            (
                json!({"AWS": ["arn:aws:iam::1:root", "*"]}),
                open.clone(),
                true,
            ),
            (json!({"AWS": "arn:aws:iam::1:root"}), open.clone(), false),
            (json!({"Service": "sns.amazonaws.com"}), open, false),
            (
                json!("*"),
                json!({"StringEquals": {"aws:SourceAccount": "1"}}),
                false,
            ),
            (
                json!("*"),
                json!({"StringLike": {"aws:SourceAccount": "*"}}),
                true,
            ),
            (
                json!("*"),
                json!({"StringNotEquals": {"aws:SourceAccount": "1"}}),
                true,
            ),
            (
                json!("*"),
                json!({"Bool": {"aws:SecureTransport": "true"}}),
                true,
            ),
        ] {
            let document = document(principal, condition);
            assert_eq!(!public(&document).is_empty(), expected, "{document}");
        }
    }
}
