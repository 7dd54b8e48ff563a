//! An account as text that two runs have in common: what AWS assigns at random is replaced by
//! what the rest of the account says about it, and times are left out.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use serde_json::{Value, json};

/// One line for each object.
pub struct Dump {
    /// Ids by a hash of what is said about them: two objects that swapped parents differ.
    exact: Vec<String>,
    /// The same order, with all ids alike: for people.
    plain: Vec<String>,
}

/// What is no part of the account: histories, counters, and marks that every write changes.
const PASSING: [&str; 7] = [
    "LastAccessedDate",
    "RevisionId",
    "_symmetric_key_b64",
    "alarm_history",
    "default_initialized_scopes",
    "function_revision",
    "port_counter",
];

/// Earlier versions of secrets are history, too.
fn is_passing(key: &str, value: &Value) -> bool {
    PASSING.contains(&key) || value["Stages"] == json!(["AWSPREVIOUS"])
}

type Names = BTreeMap<String, String>;

impl Dump {
    pub fn new(state: &Value) -> Self {
        let objects = objects(state);
        let mut names: Names = BTreeMap::new();
        for object in &objects {
            visit(object, &mut |id| {
                names.insert(id.to_owned(), String::new());
            });
        }
        let plain: Vec<String> = objects.iter().map(|o| render(o, &names)).collect();
        let holders: BTreeMap<String, Vec<&Value>> = names
            .keys()
            .map(|id| {
                (
                    id.clone(),
                    objects.iter().filter(|o| mentions(o, id)).collect(),
                )
            })
            .collect();
        // As far as references go in a chain: rule, group, VPC.
        for _ in 0..3 {
            let next = holders.iter().map(|(id, objects)| {
                let mut own = names.clone();
                own.insert(id.clone(), "@".to_owned());
                let said: BTreeSet<_> = objects.iter().map(|o| render(o, &own)).collect();
                (id.clone(), hash(&said))
            });
            names = next.collect();
        }
        let mut lines: Vec<(String, String)> = objects
            .iter()
            .map(|object| render(object, &names))
            .zip(plain)
            .collect();
        lines.sort();
        let (exact, plain) = lines.into_iter().unzip();
        Self { exact, plain }
    }

    /// What only one of the two has; empty where they are alike.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let plain = compare(&self.plain, &other.plain);
        if plain.is_empty() {
            compare(&self.exact, &other.exact)
        } else {
            plain
        }
    }
}

/// Lines that only one of the two has; where both have the object, what is different in it.
fn compare(a: &[String], b: &[String]) -> Vec<String> {
    let mut others: Vec<&String> = b.iter().collect();
    let mut left: Vec<&String> = a.iter().collect();
    left.retain(|line| match others.iter().position(|other| other == line) {
        Some(index) => {
            others.swap_remove(index);
            false
        }
        None => true,
    });
    let place = |line: &str| line.split('=').next().unwrap().to_owned();
    let mut lines = Vec::new();
    for line in left {
        match others.iter().position(|other| place(other) == place(line)) {
            Some(index) => lines.push(apart(&place(line), line, others.swap_remove(index))),
            None => lines.push(format!("only here: {line}")),
        }
    }
    lines.extend(others.iter().map(|line| format!("missing: {line}")));
    lines
}

/// Two lines without their common beginning and end.
fn apart(place: &str, a: &str, b: &str) -> String {
    let start = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let rest = a.chars().count().min(b.chars().count()) - start;
    let ends = a.chars().rev().zip(b.chars().rev());
    let end = ends.take_while(|(a, b)| a == b).count().min(rest);
    let middle = |line: &str| -> String {
        let length = line.chars().count();
        line.chars()
            .take(length - end)
            .skip(start.saturating_sub(30))
            .collect()
    };
    format!("{place}: …{} instead of …{}", middle(a), middle(b))
}

/// The objects of all services, each under the place where the emulator keeps it.
fn objects(state: &Value) -> Vec<Value> {
    let mut objects = Vec::new();
    for (service, stores) in state.as_object().unwrap() {
        for (store, content) in stores.as_object().into_iter().flatten() {
            if PASSING.contains(&store.as_str()) {
                continue;
            }
            let content = content.get("data").unwrap_or(content);
            for (key, value) in content.as_object().into_iter().flatten() {
                let place = format!("{service} {store} {}", key.replace('\0', " "));
                objects.push(json!({ place: value }));
            }
        }
    }
    let kept: Vec<bool> = objects
        .iter()
        .map(|object| !is_dead(object, &objects))
        .collect();
    let mut kept = kept.into_iter();
    objects.retain(|_| kept.next().unwrap());
    objects
}

/// Tags of what is deleted, which the emulator keeps.
fn is_dead(object: &Value, all: &[Value]) -> bool {
    let place = object.as_object().unwrap().keys().next().unwrap();
    let mut named = false;
    visit(&json!(place), &mut |id| {
        named |= all
            .iter()
            .any(|other| other != object && mentions(other, id));
    });
    place.starts_with("ec2 tags ") && !named
}

/// Values as text, keys and lists sorted.
fn render(value: &Value, names: &Names) -> String {
    match value {
        Value::String(text) => rename(text, names),
        Value::Number(number) if number.as_f64().is_some_and(|n| n > 1.5e9) => "TIME".to_owned(),
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(|item| render(item, names)).collect();
            items.sort();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .filter(|(key, value)| !is_passing(key, value))
                .map(|(key, value)| format!("{}={}", rename(key, names), render(value, names)))
                .collect();
            fields.sort();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

fn rename(text: &str, names: &Names) -> String {
    if is_time(text) {
        return "TIME".to_owned();
    }
    let mut renamed = String::new();
    for token in tokens(text) {
        match names.get(token) {
            Some(name) => renamed.extend(["<", name, ">"]),
            None => renamed.push_str(token),
        }
    }
    renamed
}

/// `2026-11-24T22:34:12`, with anything behind it.
fn is_time(text: &str) -> bool {
    text.len() >= 19 && text.starts_with("20") && {
        let shape = text[..19]
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c });
        shape.collect::<String>() == "0000-00-00T00:00:00"
    }
}

fn mentions(value: &Value, id: &str) -> bool {
    let mut found = false;
    visit(value, &mut |other| found |= other == id);
    found
}

/// Every id in a value's texts and keys.
fn visit(value: &Value, seen: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) if !is_time(text) => {
            tokens(text).filter(|token| is_id(token)).for_each(seen);
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, seen)),
        Value::Object(fields) => {
            for (key, value) in fields {
                if !is_passing(key, value) {
                    tokens(key)
                        .filter(|token| is_id(token))
                        .for_each(&mut *seen);
                    visit(value, seen);
                }
            }
        }
        _ => {}
    }
}

/// Words and what is between them. A UUID is one word.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = if rest.get(..36).is_some_and(is_uuid) {
            36
        } else {
            let word = first.is_ascii_alphanumeric();
            rest.find(|c: char| c.is_ascii_alphanumeric() != word)
                .unwrap_or(rest.len())
        };
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token)
    })
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(index, c)| match index {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// Hexadecimal of the lengths that the emulator uses, hashes of such, and secrets.
fn is_id(token: &str) -> bool {
    let hexadecimal = token.chars().all(|c| c.is_ascii_hexdigit());
    is_uuid(token)
        || token.starts_with("AROA")
        || (token.len() == 40 && token.chars().all(|c| c.is_ascii_alphanumeric()))
        || (hexadecimal
            && [6, 8, 12, 17, 20, 32, 64].contains(&token.len())
            && token != "000000000000")
}

fn hash(value: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
