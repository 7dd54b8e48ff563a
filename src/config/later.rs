//! Keys that are thought of but not built: refused by name, so that nobody believes them to work.

use super::document::{Document, Place, entries};
use super::problem::Problem;

/// A key or section, and what to do without it. `[]` stands for any element of a list.
pub(super) const KEYS: [(&str, &str); 2] = [
    ("api.cognito", "callers are told apart by their API keys"),
    ("mcp", "the intents are served by the API alone"),
];

/// A value that a key will take one day, and the ones it takes now.
const VALUES: [(&str, &str, &str); 4] = [
    ("network.egress", "nat", "\"endpoints\""),
    ("network.egress", "none", "\"endpoints\""),
    ("database.engine", "aurora-mysql", "\"mariadb\""),
    ("function.secrets", "environment", "\"secrets-manager\""),
];

/// What of these is in the file, with its place for the schema check to pass over.
pub(super) fn find(document: &Document<'_>) -> Vec<(Place, Problem)> {
    let mut found = Vec::new();
    for (place, entry) in entries(document.root.get_ref()) {
        let known = general(&place);
        if let Some((_, instead)) = KEYS.iter().find(|(key, _)| *key == known) {
            let name = place.name();
            let table = entry.value.get_ref().is_table();
            let shown = if table {
                format!("[{known}]")
            } else {
                name.to_owned()
            };
            let problem = Problem::new(
                format!("`{shown}` is not built yet in this version; remove it"),
                entry.key.clone(),
            )
            .help(format!("without it, {instead}"));
            found.push((place, problem));
        } else if let Some(text) = entry.value.get_ref().as_str()
            && let Some((_, value, now)) = VALUES
                .iter()
                .find(|(key, value, _)| *key == known && *value == text)
        {
            let problem = Problem::new(
                format!(
                    "`{} = \"{value}\"` is not built yet in this version",
                    place.name()
                ),
                Some(entry.span()),
            )
            .help(format!("use {now}, or remove the line: it is the default"));
            found.push((place, problem));
        }
    }
    found
}

/// The place with every list index left out, `api.keys[].name`.
pub(super) fn general(place: &Place) -> String {
    let text = place.to_string();
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside => continue,
            _ => {}
        }
        out.push(c);
    }
    out
}
