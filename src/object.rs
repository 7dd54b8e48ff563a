//! Objects as the planner sees them: a logical id, a value, and references between them.
//!
//! A value is a resource's struct as JSON. Where a wanted value needs something that AWS
//! assigns, it holds a reference, `${kind/name}` or `${kind/name.attribute}`, which is
//! replaced by the attribute's value as soon as that is known. `id` is the attribute meant
//! where none is named. Every object also has the computed attribute `revision`, a hash of
//! its wanted value: whatever must follow a change of content refers to that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A logical id, such as `subnet/private-a`: the kind, and the name within the stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Id {
    pub kind: String,
    pub name: String,
}

impl Id {
    pub fn new(kind: &str, name: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.into(),
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        (!kind.is_empty() && !name.is_empty()).then(|| Self::new(kind, name))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not of the form kind/name"))
    }
}

/// Logical ids that an operator named. `*` stands for every name: `secret/*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids(pub BTreeSet<Id>);

impl Ids {
    pub fn contains(&self, id: &Id) -> bool {
        self.0.contains(id) || self.0.contains(&Id::new(&id.kind, "*"))
    }
}

impl FromIterator<Id> for Ids {
    fn from_iter<T: IntoIterator<Item = Id>>(ids: T) -> Self {
        Self(ids.into_iter().collect())
    }
}

/// What AWS assigned to an object: `id`, and where the kind has them `arn`, `endpoint` and others.
pub type Attributes = BTreeMap<String, String>;

/// Attributes from pairs: `attributes([("id", id), ("arn", arn)])`.
pub fn attributes<const N: usize>(pairs: [(&str, &str); N]) -> Attributes {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// An object as infra.toml asks for it. `value` may hold references.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub id: Id,
    pub value: Value,
    /// What must be there first although `value` does not refer to it.
    pub after: BTreeSet<Id>,
}

impl Wanted {
    /// The objects that must be there first.
    pub fn needs(&self) -> BTreeSet<Id> {
        let mut needs = references(&self.value);
        needs.extend(self.after.iter().cloned());
        needs
    }
}

/// The objects that `value` refers to.
pub fn references(value: &Value) -> BTreeSet<Id> {
    let mut needs = BTreeSet::new();
    each_reference(value, &mut |reference| {
        needs.insert(reference.id);
    });
    needs
}

/// The objects of which `value` refers to this attribute.
pub fn references_to(attribute: &str, value: &Value) -> BTreeSet<Id> {
    let mut objects = BTreeSet::new();
    each_reference(value, &mut |reference| {
        if reference.attribute == attribute {
            objects.insert(reference.id);
        }
    });
    objects
}

/// An object as the account has it. `value` holds AWS's own ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    pub id: Id,
    pub attributes: Attributes,
    pub value: Value,
    /// False where it has the name that we would give it, and not our tags.
    pub owned: bool,
}

/// The attributes known so far, by logical id.
pub type Known = BTreeMap<Id, Attributes>;

/// Replaces every reference in `value` whose attribute is known.
pub fn resolve(mut value: Value, known: &Known) -> Value {
    resolve_within(&mut value, known);
    value
}

/// Most of a value refers to nothing and stays where it is.
fn resolve_within(value: &mut Value, known: &Known) {
    match value {
        Value::String(text) if text.contains('$') => *text = resolve_text(text, known),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| resolve_within(item, known)),
        Value::Object(fields) => {
            fields
                .values_mut()
                .for_each(|value| resolve_within(value, known));
            if fields.keys().any(|name| name.contains('$')) {
                let named = std::mem::take(fields).into_iter();
                *fields = named
                    .map(|(name, value)| (resolve_text(&name, known), value))
                    .collect();
            }
        }
        _ => {}
    }
}

/// The same for one string.
pub fn resolve_text(text: &str, known: &Known) -> String {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference, after)) = next_reference(rest) {
        resolved.push_str(before);
        match known
            .get(&reference.id)
            .and_then(|attributes| attributes.get(reference.attribute))
        {
            Some(value) => resolved.push_str(value),
            None => resolved.push_str(reference.text),
        }
        rest = after;
    }
    resolved.push_str(rest);
    resolved
}

/// Whether `value` still holds a reference.
pub fn is_resolved(value: &Value) -> bool {
    references(value).is_empty()
}

/// Twelve hexadecimal digits that change when `value` does.
pub fn revision(value: &Value) -> String {
    let digest = Sha256::digest(canonical(value).to_string());
    hex::encode(&digest[..6])
}

/// The same value with keys and lists sorted and nulls left out, so that values which do not
/// differ hash alike.
pub fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().filter(|(_, v)| !v.is_null()).collect();
            sorted
                .into_iter()
                .map(|(name, value)| (name.clone(), canonical(value)))
                .collect()
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        other => other.clone(),
    }
}

fn each_reference(value: &Value, visit: &mut impl FnMut(Reference<'_>)) {
    match value {
        Value::String(text) => each_in_text(text, visit),
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, visit)),
        Value::Object(fields) => {
            for (name, value) in fields {
                each_in_text(name, visit);
                each_reference(value, visit);
            }
        }
        _ => {}
    }
}

fn each_in_text(text: &str, visit: &mut impl FnMut(Reference<'_>)) {
    let mut rest = text;
    while let Some((_, reference, after)) = next_reference(rest) {
        visit(reference);
        rest = after;
    }
}

struct Reference<'a> {
    text: &'a str,
    id: Id,
    attribute: &'a str,
}

/// The text before the first reference, the reference, and the text behind it.
/// IAM's own variables, `${aws:…}`, have no slash and are no references.
fn next_reference(text: &str) -> Option<(&str, Reference<'_>, &str)> {
    let mut from = 0;
    // A plan looks through everything, and a single character is found soonest.
    while let Some(start) = text[from..].find('$').map(|at| at + from) {
        from = start + 1;
        if !text[from..].starts_with('{') {
            continue;
        }
        let end = start + text[start..].find('}')?;
        let inner = &text[start + 2..end];
        let (path, attribute) = inner.split_once('.').unwrap_or((inner, "id"));
        let plain = |part: &str| {
            part.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_/".contains(c))
        };
        if plain(path)
            && plain(attribute)
            && let Some(id) = Id::parse(path)
        {
            let reference = Reference {
                text: &text[start..=end],
                id,
                attribute,
            };
            return Some((&text[..start], reference, &text[end + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known() -> Known {
        Known::from([(
            Id::new("vpc", "main"),
            attributes([("id", "vpc-1"), ("arn", "arn:vpc-1")]),
        )])
    }

    #[test]
    fn references_resolve_to_attributes_and_unknown_ones_stay() {
        let value = json!({"vpc": "${vpc/main}", "arn": "x:${vpc/main.arn}:${subnet/a}", "n": 1});
        assert_eq!(
            resolve(value, &known()),
            json!({"vpc": "vpc-1", "arn": "x:arn:vpc-1:${subnet/a}", "n": 1})
        );
    }

    #[test]
    fn needs_are_the_references_and_not_iam_variables() {
        let wanted = Wanted {
            id: Id::new("iam-role", "function"),
            value: json!({"a": ["${vpc/main.arn} ${subnet/a}"], "b": "${aws:PrincipalTag/x}"}),
            after: BTreeSet::new(),
        };
        let needs: Vec<String> = wanted.needs().iter().map(Id::to_string).collect();
        assert_eq!(needs, ["subnet/a", "vpc/main"]);
    }

    #[test]
    fn revision_ignores_key_order_and_nulls() {
        let one = json!({"a": 1, "b": {"c": null, "d": 2}});
        let two = json!({"b": {"d": 2}, "a": 1});
        assert_eq!(revision(&one), revision(&two));
        assert_ne!(revision(&one), revision(&json!({"a": 2, "b": {"d": 2}})));
    }
}
