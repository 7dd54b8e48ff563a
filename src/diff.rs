//! The generic diff between a found value and a wanted one.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::object::canonical;

/// One place where two values differ. A side that has nothing there is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Dotted path from the object's field down: `tags.owner`.
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Value>,
}

impl Change {
    /// The object's own field that the place lies in.
    pub fn field(&self) -> &str {
        self.path.split(['.', '[']).next().unwrap_or(&self.path)
    }
}

/// Where `wanted` differs from `found`, in the order of wanted's fields. Null and missing
/// are alike, and so are two orders of a list.
pub fn diff(found: &Value, wanted: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    walk("", &canonical(found), &canonical(wanted), &mut changes);
    changes
}

/// The changed fields of `changes`, each once.
pub fn fields(changes: &[Change]) -> Vec<String> {
    let fields: BTreeSet<&str> = changes.iter().map(Change::field).collect();
    fields.into_iter().map(str::to_owned).collect()
}

fn walk(path: &str, found: &Value, wanted: &Value, changes: &mut Vec<Change>) {
    if found == wanted {
        return;
    }
    match (found, wanted) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                walk(
                    &join(path, name),
                    old.get(name).unwrap_or(&Value::Null),
                    value,
                    changes,
                );
            }
            for (name, value) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
                walk(&join(path, name), value, &Value::Null, changes);
            }
        }
        (Value::Array(old), Value::Array(new)) => items(path, old, new, changes),
        _ => changes.push(Change {
            path: path.to_owned(),
            found: some(found),
            wanted: some(wanted),
        }),
    }
}

/// Lists are compared as sets, item by item: AWS gives most of them in an order of its own.
fn items(path: &str, old: &[Value], new: &[Value], changes: &mut Vec<Change>) {
    let path = format!("{path}[]");
    for item in old.iter().filter(|item| !new.contains(item)) {
        changes.push(Change {
            path: path.clone(),
            found: Some(item.clone()),
            wanted: None,
        });
    }
    for item in new.iter().filter(|item| !old.contains(item)) {
        changes.push(Change {
            path: path.clone(),
            found: None,
            wanted: Some(item.clone()),
        });
    }
}

fn some(value: &Value) -> Option<Value> {
    (!value.is_null()).then(|| value.clone())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(found: &Value, wanted: &Value) -> Vec<String> {
        let side = |value: Option<Value>| value.map_or_else(|| "-".to_owned(), |v| v.to_string());
        diff(found, wanted)
            .into_iter()
            .map(|c| format!("{}: {} → {}", c.path, side(c.found), side(c.wanted)))
            .collect()
    }

    #[test]
    fn equal_values_have_no_changes_and_null_is_missing() {
        assert_eq!(
            lines(&json!({"a": 1, "b": null}), &json!({"a": 1, "c": null})),
            Vec::<String>::new()
        );
    }

    #[test]
    fn nested_fields_are_named_by_path() {
        assert_eq!(
            lines(
                &json!({"tags": {"owner": "a", "old": "x"}, "n": 1}),
                &json!({"tags": {"owner": "b"}, "n": 1}),
            ),
            ["tags.owner: \"a\" → \"b\"", "tags.old: \"x\" → -"]
        );
    }

    #[test]
    fn lists_show_what_went_and_what_came() {
        assert_eq!(
            lines(&json!({"rules": [1, 2]}), &json!({"rules": [2, 3]})),
            ["rules[]: 1 → -", "rules[]: - → 3"]
        );
        assert_eq!(
            lines(&json!({"rules": [1, 2]}), &json!({"rules": [2, 1]})),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_field_of_a_change_is_the_head_of_its_path() {
        let changes = diff(&json!({"rules": [{"a": 1}]}), &json!({"rules": []}));
        assert_eq!(fields(&changes), ["rules"]);
    }
}
