//! Values on one line: what a reader knows by sight is written as he would say it.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// What is kept of each end of a text that two values share.
const KEPT: usize = 10;
/// As much of a hash as tells it from another.
const OF_A_HASH: usize = 12;

/// A value in a few words. A reference to something that is still to be made has no value so far.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if text.starts_with("(known ") => visible(text).into_owned(),
        Value::String(text) => {
            reference(text).unwrap_or_else(|| visible(&value.to_string()).into_owned())
        }
        other => other.to_string(),
    }
}

/// One item of a list. `path` is where it stands.
pub(super) fn item(path: &str, value: &Value) -> String {
    let Value::Object(fields) = value else {
        return scalar(value);
    };
    rule(path, fields)
        .or_else(|| statement(path, fields))
        .unwrap_or_else(|| pairs(fields))
}

/// `tcp 3306 from sg-1 "the function"`
fn rule(path: &str, fields: &Map<String, Value>) -> Option<String> {
    const FIELDS: [&str; 5] = ["protocol", "from_port", "to_port", "peer", "description"];
    if !fields.keys().all(|name| FIELDS.contains(&name.as_str())) {
        return None;
    }
    let protocol = match fields.get("protocol")?.as_str()? {
        "-1" => "everything".into(),
        other => visible(other),
    };
    let peer = visible(fields.get("peer")?.as_str()?);
    let peer = peer
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(&peer);
    let port = |name: &str| fields.get(name).and_then(Value::as_i64);
    let ports = match (port("from_port"), port("to_port")) {
        (None, None) => String::new(),
        (Some(from), Some(to)) if from == to => format!(" {from}"),
        (from, to) => {
            let end = |port: Option<i64>| port.map_or_else(String::new, |port| port.to_string());
            format!(" {}-{}", end(from), end(to))
        }
    };
    let way = if path.contains("egress") {
        "to"
    } else {
        "from"
    };
    let description = fields.get("description").filter(|text| *text != "");
    let description = description.map_or_else(String::new, |text| format!(" {}", scalar(text)));
    Some(format!("{protocol}{ports} {way} {peer}{description}"))
}

/// `Allow s3:GetObject on * to Service x if aws:SourceAccount StringEquals 1`
fn statement(path: &str, fields: &Map<String, Value>) -> Option<String> {
    let mut text = visible(fields.get("Effect")?.as_str()?).into_owned();
    let name = fields.get("Sid").and_then(Value::as_str);
    if let Some(name) = name.filter(|name| !path.ends_with(&format!("[{name}]"))) {
        text = format!("{}: {text}", visible(name));
    }
    for (name, before) in [
        ("Action", ""),
        ("NotAction", "all but "),
        ("Resource", "on "),
        ("NotResource", "on all but "),
        ("Principal", "to "),
        ("NotPrincipal", "to all but "),
        ("Condition", "if "),
    ] {
        if let Some(value) = fields.get(name) {
            let said = match name {
                "Principal" | "NotPrincipal" => principal(value),
                "Condition" => condition(value)?,
                _ => listed(value, ", "),
            };
            text = format!("{text} {before}{said}");
        }
    }
    let told = [
        "Sid",
        "Effect",
        "Action",
        "Resource",
        "Principal",
        "Condition",
    ];
    fields
        .keys()
        .all(|name| told.contains(&name.strip_prefix("Not").unwrap_or(name)))
        .then_some(text)
}

fn principal(value: &Value) -> String {
    match value {
        Value::Object(kinds) => {
            let kinds = kinds.iter();
            let kinds = kinds.map(|(kind, names)| format!("{kind} {}", listed(names, ", ")));
            kinds.collect::<Vec<_>>().join(" and ")
        }
        everyone if everyone == "*" => "everyone".to_owned(),
        other => listed(other, ", "),
    }
}

fn condition(value: &Value) -> Option<String> {
    let mut tests = Vec::new();
    for (operator, keys) in value.as_object()? {
        for (key, values) in keys.as_object()? {
            tests.push(format!("{key} {operator} {}", listed(values, " or ")));
        }
    }
    Some(tests.join(" and "))
}

fn listed(value: &Value, between: &str) -> String {
    let word = |value: &Value| match value {
        Value::String(text) => visible(text).into_owned(),
        other => other.to_string(),
    };
    match value {
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(between),
        one => word(one),
    }
}

/// A text that an account holds, with what a terminal would act on made visible: whoever wrote it
/// must not paint over the plan.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let acts =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.contains(acts) {
        text.escape_debug().to_string().into()
    } else {
        text.into()
    }
}

/// `priority: 1, when.rate.limit: 2000`
fn pairs(fields: &Map<String, Value>) -> String {
    fn collect(before: &str, fields: &Map<String, Value>, pairs: &mut Vec<String>) {
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            match value {
                Value::Object(inner) => collect(&format!("{before}{name}."), inner, pairs),
                other => pairs.push(format!("{before}{name}: {}", scalar(other))),
            }
        }
    }
    let mut pairs = Vec::new();
    collect("", fields, &mut pairs);
    pairs.join(", ")
}

/// What a lone reference stands for: `(arn of topic/alarms, known later)`.
fn reference(text: &str) -> Option<String> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    let (id, attribute) = inner.split_once('.').unwrap_or((inner, "id"));
    crate::object::Id::parse(id).filter(|_| !inner.contains(['$', '}']))?;
    Some(format!("({attribute} of {id}, known later)"))
}

/// `text` within `room` characters, without its middle where it must be.
pub(super) fn shortened(text: &str, room: usize) -> String {
    if let Some(hash) = hash(text) {
        return hash;
    }
    let length = text.chars().count();
    if length <= room || room < 3 {
        return text.to_owned();
    }
    let tail = (room - 1) / 3;
    without_middle(text, room - 1 - tail, tail)
}

/// Two texts that differ, without the middle of what they share: what differs is never cut.
pub(super) fn differing(found: &str, wanted: &str, room: usize) -> (String, String) {
    let hashes = (hash(found), hash(wanted));
    if hashes.0.is_some() || hashes.1.is_some() {
        let short = (
            hashes.0.unwrap_or_else(|| found.to_owned()),
            hashes.1.unwrap_or_else(|| wanted.to_owned()),
        );
        if short.0 != short.1 {
            return short;
        }
    }
    if found.chars().count() + wanted.chars().count() <= room {
        return (found.to_owned(), wanted.to_owned());
    }
    let head = common(found.chars(), wanted.chars());
    let (found_rest, wanted_rest) = (&found[head..], &wanted[head..]);
    let tail = common(found_rest.chars().rev(), wanted_rest.chars().rev());
    let cut = |text: &str| {
        let (head, rest) = text.split_at(head);
        let (middle, tail) = rest.split_at(rest.len() - tail);
        let short = |text| without_middle(text, KEPT, KEPT);
        format!("{}{middle}{}", short(head), short(tail))
    };
    (cut(found), cut(wanted))
}

/// How many bytes two texts share from where both iterators begin.
fn common(one: impl Iterator<Item = char>, two: impl Iterator<Item = char>) -> usize {
    one.zip(two)
        .take_while(|(one, two)| one == two)
        .map(|(char, _)| char.len_utf8())
        .sum()
}

fn without_middle(text: &str, head: usize, tail: usize) -> String {
    let length = text.chars().count();
    if length <= head + tail + 1 {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(head).collect();
    short.push('…');
    short.extend(text.chars().skip(length - tail));
    short
}

/// The beginning of a SHA-256 in quotes, in hexadecimal or Base64.
fn hash(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let hexadecimal = inner.len() == 64 && inner.chars().all(|c| c.is_ascii_hexdigit());
    let base64 = inner.len() == 44
        && inner.ends_with('=')
        && inner
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c));
    (hexadecimal || base64).then(|| format!("{}…", &inner[..OF_A_HASH]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_read_like_a_sentence() {
        let rule = |protocol: &str, from: Option<u16>, to: Option<u16>, peer: &str, text: &str| json!({"protocol": protocol, "from_port": from, "to_port": to, "peer": peer, "description": text});
        let said = |path: &str, value: Value| item(path, &value);
        assert_eq!(
            said(
                "ingress[]",
                rule("tcp", Some(3306), Some(3306), "sg-1", "the function")
            ),
            "tcp 3306 from sg-1 \"the function\""
        );
        assert_eq!(
            said("egress[]", rule("-1", None, None, "0.0.0.0/0", "")),
            "everything to 0.0.0.0/0"
        );
        assert_eq!(
            said(
                "egress[]",
                rule("udp", Some(1), Some(9), "${security-group/a}", "")
            ),
            "udp 1-9 to security-group/a"
        );
    }

    #[test]
    fn statements_read_like_a_sentence_and_leave_nothing_out() {
        let statement = json!({
            "Sid": "A", "Effect": "Deny", "NotAction": ["a:X", "b:Y"], "Resource": "*",
            "Principal": {"Service": "x.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": ["1", "2"]}, "Bool": {"k": "true"}},
        });
        assert_eq!(
            item("policy.Statement[A]", &statement),
            "Deny all but a:X, b:Y on * to Service x.amazonaws.com \
             if aws:SourceAccount StringEquals 1 or 2 and k Bool true"
        );
        assert!(item("policy.Statement[]", &statement).starts_with("A: Deny"));
        let strange = json!({"Effect": "Allow", "Action": "a:X", "Strange": 1});
        assert_eq!(
            item("s[]", &strange),
            r#"Effect: "Allow", Action: "a:X", Strange: 1"#
        );
    }

    #[test]
    fn references_say_what_they_stand_for() {
        assert_eq!(
            scalar(&json!("${topic/alarms.arn}")),
            "(arn of topic/alarms, known later)"
        );
        assert_eq!(scalar(&json!("${aws:x}")), r#""${aws:x}""#);
    }

    #[test]
    fn nothing_in_the_account_can_paint_over_the_plan() {
        let evil = "a\n\u{1b}[2J\u{9b}2J\u{202e}";
        let rule = json!({"protocol": evil, "peer": evil, "description": evil});
        let statement =
            json!({"Sid": evil, "Effect": evil, "Action": evil, "Principal": {"AWS": evil}});
        for text in [
            scalar(&json!(evil)),
            item("ingress[]", &rule),
            item("s[]", &statement),
        ] {
            assert_eq!(visible(&text), text);
        }
    }

    #[test]
    fn what_differs_is_never_cut() {
        let text = |middle: &str| format!("\"{}{middle}{}\"", "é".repeat(50), "b".repeat(50));
        let (one, two) = differing(&text("X"), &text("YY"), 80);
        assert_eq!(one, "\"ééééééééé…ééééééééééXbbbbbbbbbb…bbbbbbbbb\"");
        assert_eq!(two, "\"ééééééééé…ééééééééééYYbbbbbbbbbb…bbbbbbbbb\"");
        let (one, two) = differing(&"x".repeat(99), &"y".repeat(99), 80);
        assert_eq!((one.len(), two.len()), (99, 99));
    }

    #[test]
    fn texts_that_overlap_themselves_are_cut_where_both_have_room() {
        let (one, two) = differing(&"a".repeat(60), &"a".repeat(61), 80);
        assert_eq!(one, "aaaaaaaaaa…aaaaaaaaaa");
        assert_eq!(two, "aaaaaaaaaa…aaaaaaaaaaa");
    }

    #[test]
    fn hashes_are_short_unless_they_begin_alike() {
        let hash = |first: &str| format!("\"{first}{}=\"", "A".repeat(43 - first.len()));
        assert_eq!(
            differing(&hash("one"), &hash("two"), 10),
            ("oneAAAAAAAAA…".to_owned(), "twoAAAAAAAAA…".to_owned())
        );
        let late = |last: &str| format!("\"{}{last}=\"", "A".repeat(42));
        assert_eq!(differing(&late("x"), &late("y"), 200).0, late("x"));
    }
}
