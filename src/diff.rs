//! The generic diff between a found value and a wanted one.

use std::collections::BTreeSet;
use std::slice::from_ref;

use serde::Serialize;
use serde_json::Value;

use crate::object::canonical;

/// What names an item of a list among its siblings: a policy's statement, a rule, a route.
const IDENTITIES: [&str; 3] = ["Sid", "name", "destination"];

/// One place where two values differ. A side that has nothing there is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The way from the object's field down: `tags.owner`, `rules[rate].priority`. A list whose
    /// items have no names is a set, and `subnets[]` is one item that it has more or less.
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

/// Where `wanted` differs from `found`, by name of field. Null and missing are alike, and so are
/// two orders of a list.
pub fn diff(found: &Value, wanted: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    let (Value::Object(old), Value::Object(new)) = (found, wanted) else {
        walk("", &canonical(found), &canonical(wanted), &mut changes);
        return changes;
    };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let found = old.get(name).unwrap_or(&Value::Null);
        let wanted = new.get(name).unwrap_or(&Value::Null);
        // Most fields are as wanted; they cost no copy.
        if found != wanted {
            walk(name, &canonical(found), &canonical(wanted), &mut changes);
        }
    }
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
    let before = changes.len();
    match (found, wanted) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let found = old.get(name).unwrap_or(&Value::Null);
                let wanted = new.get(name).unwrap_or(&Value::Null);
                walk(&join(path, name), found, wanted, changes);
            }
        }
        (Value::Array(old), Value::Array(new)) => items(path, old, new, changes),
        // Policies have a string for a list of one.
        (Value::Array(old), Value::String(_)) => items(path, old, from_ref(wanted), changes),
        (Value::String(_), Value::Array(new)) => items(path, from_ref(found), new, changes),
        (Value::String(old), Value::String(new)) => {
            if let (Some(old), Some(new)) = (embedded(old), embedded(new)) {
                walk(path, &canonical(&old), &canonical(&new), changes);
            }
        }
        _ => {}
    }
    // Nothing inside tells them apart, so it is the whole.
    if changes.len() == before {
        push(path.to_owned(), Some(found), Some(wanted), changes);
    }
}

/// Lists are compared as sets, item by item: AWS gives most of them in an order of its own.
/// Where every item has a name of its own, what differs inside of two namesakes is told.
fn items(path: &str, old: &[Value], new: &[Value], changes: &mut Vec<Change>) {
    let (gone, come) = (beyond(old, new), beyond(new, old));
    let Some(key) = IDENTITIES
        .into_iter()
        .find(|key| are_named(key, old) && are_named(key, new))
    else {
        let path = format!("{path}[]");
        for item in gone {
            push(path.clone(), Some(item), None, changes);
        }
        for item in come {
            push(path.clone(), None, Some(item), changes);
        }
        return;
    };
    let name = |item: &Value| item[key].as_str().unwrap_or_default().to_owned();
    let named: BTreeSet<String> = gone.iter().chain(&come).map(|item| name(item)).collect();
    for one in named {
        let path = format!("{path}[{one}]");
        let found = gone.iter().find(|item| name(item) == one);
        let wanted = come.iter().find(|item| name(item) == one);
        match (found, wanted) {
            (Some(found), Some(wanted)) => walk(&path, found, wanted, changes),
            (found, wanted) => push(path, found.copied(), wanted.copied(), changes),
        }
    }
}

/// What `list` has more of than `other`; an item that stands in it twice counts twice.
fn beyond<'a>(list: &'a [Value], other: &[Value]) -> Vec<&'a Value> {
    let mut other: Vec<&Value> = other.iter().collect();
    list.iter()
        .filter(|item| match other.iter().position(|same| same == item) {
            Some(at) => {
                other.swap_remove(at);
                false
            }
            None => true,
        })
        .collect()
}

/// The name of a list's item, where it has one.
pub(crate) fn identity(item: &Value) -> Option<&str> {
    IDENTITIES.iter().find_map(|key| item[*key].as_str())
}

/// Whether each item has a string under `key`, and none the same.
fn are_named(key: &str, items: &[Value]) -> bool {
    let mut names = BTreeSet::new();
    items
        .iter()
        .all(|item| item[key].as_str().is_some_and(|name| names.insert(name)))
}

/// The JSON object that a string holds, such as the format of a log.
pub(crate) fn embedded(text: &str) -> Option<Value> {
    text.trim_start()
        .starts_with('{')
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}

fn push(path: String, found: Option<&Value>, wanted: Option<&Value>, changes: &mut Vec<Change>) {
    let some = |value: Option<&Value>| value.filter(|value| !value.is_null()).cloned();
    changes.push(Change {
        path,
        found: some(found),
        wanted: some(wanted),
    });
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
            ["tags.old: \"x\" → -", "tags.owner: \"a\" → \"b\""]
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

    #[test]
    fn an_item_that_stands_twice_differs_from_one_that_stands_once() {
        let (once, twice) = (json!({"rules": [1]}), json!({"rules": [1, 1]}));
        assert_eq!(lines(&twice, &once), ["rules[]: 1 → -"]);
        assert_eq!(lines(&once, &twice), ["rules[]: - → 1"]);
        assert_eq!(lines(&twice, &twice), Vec::<String>::new());
    }

    #[test]
    fn named_items_are_compared_with_their_namesakes() {
        let rule = |name: &str, limit: u32| json!({"name": name, "when": {"limit": limit}});
        assert_eq!(
            lines(
                &json!({"rules": [rule("rate", 10), rule("old", 1), rule("same", 1)]}),
                &json!({"rules": [rule("same", 1), rule("new", 1), rule("rate", 20)]}),
            ),
            [
                "rules[new]: - → {\"name\":\"new\",\"when\":{\"limit\":1}}",
                "rules[old]: {\"name\":\"old\",\"when\":{\"limit\":1}} → -",
                "rules[rate].when.limit: 10 → 20",
            ]
        );
    }

    #[test]
    fn names_that_two_items_share_name_neither() {
        let found = json!({"rules": [{"name": "a", "n": 1}, {"name": "a", "n": 2}]});
        let wanted = json!({"rules": [{"name": "a", "n": 1}]});
        assert_eq!(
            lines(&found, &wanted),
            ["rules[]: {\"n\":2,\"name\":\"a\"} → -"]
        );
    }

    #[test]
    fn policies_are_told_apart_by_statement_and_by_what_it_allows() {
        let policy = |action: Value| {
            json!({"policy": {"Statement": [
                {"Sid": "Logs", "Effect": "Allow", "Action": action, "Resource": "*"},
            ]}})
        };
        assert_eq!(
            lines(&policy(json!("a:X")), &policy(json!(["a:X", "b:Y"]))),
            ["policy.Statement[Logs].Action[]: - → \"b:Y\""]
        );
        assert_eq!(
            lines(&policy(json!(["a:X"])), &policy(json!("a:X"))),
            ["policy.Statement[Logs].Action: [\"a:X\"] → \"a:X\""]
        );
    }

    #[test]
    fn json_in_strings_is_compared_by_key_and_never_called_equal() {
        let log = |format: &str| json!({"log": format});
        assert_eq!(
            lines(
                &log(r#"{"ip": "$a", "x": "1"}"#),
                &log(r#"{"x":"1","ip":"$b"}"#)
            ),
            ["log.ip: \"$a\" → \"$b\""]
        );
        assert_eq!(lines(&log(r#"{"a":1}"#), &log(r#"{"a": 1}"#)).len(), 1);
        assert_eq!(
            lines(&log("{not json"), &log("{\"a\":1}")),
            [r#"log: "{not json" → "{\"a\":1}""#]
        );
    }
}
