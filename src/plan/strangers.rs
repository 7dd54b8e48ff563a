//! Objects that have names of ours and do not carry our tags.

use serde_json::Value;

use super::aws_id;
use crate::diff::Change;
use crate::error::{Error, Kind, Result};
use crate::object::Object;

/// One of them, and how it differs from what is wanted in its place.
pub(super) type Stranger = (Object, Vec<Change>);

/// Refuses to go on beside objects that have names of ours: all of them at once, each with
/// what would change in it.
pub(super) fn refuse(strangers: &[Stranger]) -> Result<()> {
    if strangers.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = strangers.iter().map(shown).collect();
    let flags: Vec<String> = strangers
        .iter()
        .map(|(object, _)| format!("--adopt {}", object.id))
        .collect();
    Err(Error::new(
        Kind::Refused,
        format!(
            "these exist already and do not carry this stack's tags:\n{}",
            lines.join("\n")
        ),
    )
    .hint("nothing was changed")
    .hint(format!("to take over what is yours: {}", flags.join(" ")))
    .hint("or choose another [stack] name or environment"))
}

/// A stranger, and below it each field as it is and as it is wanted. That it lacks our tags is said
/// once for all.
fn shown((object, changes): &Stranger) -> String {
    let side = |value: &Option<Value>| {
        value
            .as_ref()
            .map_or_else(|| "(none)".to_owned(), Value::to_string)
    };
    let mut lines = vec![format!("  {}: `{}`", object.id, aws_id(object))];
    for change in changes.iter().filter(|change| change.field() != "tags") {
        let (found, wanted) = (side(&change.found), side(&change.wanted));
        lines.push(format!("    {}: {found} → {wanted}", change.path));
    }
    lines.join("\n")
}

pub(super) fn cannot_adopt(object: &Object, field: &str) -> Error {
    Error::new(
        Kind::Refused,
        format!(
            "{}: `{}` cannot be adopted: its {field} differs, and cannot change in place",
            object.id,
            aws_id(object)
        ),
    )
    .hint("nothing was changed; bring infra.toml to what it is, or choose another [stack] name or environment")
}
