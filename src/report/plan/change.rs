//! What differs in one object, a line for each place: `+` comes, `-` goes, `~` changes.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::Value;

use super::value::{differing, item, scalar, shortened, visible};
use crate::diff::{Change, embedded, identity};
use crate::report::style::{Colour, Style};

/// Where the signs stand.
const INDENT: usize = 8;
/// However narrow a terminal is, so much of a value is shown.
const ROOM: usize = 40;

/// Writes the lines of one change.
pub(super) fn write(text: &mut String, style: Style, change: &Change) {
    match (&change.found, &change.wanted) {
        (Some(found), Some(wanted)) => changed(text, style, &change.path, found, wanted),
        (Some(found), None) => write_all(text, style, '-', &change.path, found),
        (None, Some(wanted)) => write_all(text, style, '+', &change.path, wanted),
        (None, None) => {}
    }
}

/// Writes all that is in a value which comes or goes as a whole.
pub(super) fn write_all(text: &mut String, style: Style, sign: char, path: &str, value: &Value) {
    if path.ends_with(']') {
        // Never cut: its namesake on the other side may differ in the middle.
        let said = item(path, value);
        let said = match value {
            Value::Object(_) => style.wrapped(used(path), INDENT + 4, &said),
            _ => said,
        };
        return line(text, style, sign, path, &said);
    }
    let inner = value.as_str().and_then(embedded);
    match inner.as_ref().unwrap_or(value) {
        Value::Null => {}
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                write_all(text, style, sign, &path, value);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for value in items {
                let path = format!("{path}[{}]", identity(value).unwrap_or_default());
                write_all(text, style, sign, &path, value);
            }
        }
        _ if style.verbose => line(text, style, sign, path, &scalar(value)),
        _ => {
            let room = style.width.saturating_sub(used(path)).max(ROOM);
            line(text, style, sign, path, &shortened(&scalar(value), room));
        }
    }
}

fn changed(text: &mut String, style: Style, path: &str, found: &Value, wanted: &Value) {
    let (found, wanted) = (scalar(found), scalar(wanted));
    let label = label(path);
    let room = style
        .width
        .saturating_sub(INDENT + 4 + label.chars().count() + 3);
    let (found, wanted) = if style.verbose {
        (found, wanted)
    } else {
        differing(&found, &wanted, room.max(ROOM))
    };
    let sign = painted(style, '~');
    if found.chars().count() + wanted.chars().count() <= room.max(ROOM) {
        let _ = writeln!(text, "{:INDENT$}{sign} {label}: {found} → {wanted}", "");
    } else {
        let _ = writeln!(text, "{:INDENT$}{sign} {label}:", "");
        for (sign, value) in [('-', found), ('+', wanted)] {
            let sign = painted(style, sign);
            let _ = writeln!(text, "{:INDENT$}    {sign} {value}", "");
        }
    }
}

fn line(text: &mut String, style: Style, sign: char, path: &str, value: &str) {
    let (sign, label) = (painted(style, sign), label(path));
    let _ = writeln!(text, "{:INDENT$}{sign} {label}: {value}", "");
}

/// The column where the value of a place begins.
fn used(path: &str) -> usize {
    INDENT + 4 + label(path).chars().count()
}

/// A set's items need no brackets behind its name.
fn label(path: &str) -> Cow<'_, str> {
    visible(path.strip_suffix("[]").unwrap_or(path))
}

fn painted(style: Style, sign: char) -> String {
    let colour = match sign {
        '+' => Colour::Green,
        '-' => Colour::Red,
        _ => Colour::Yellow,
    };
    style.paint(colour, &sign.to_string())
}
