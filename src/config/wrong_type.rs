//! Text for a number, a list for a table: told by comparison with the example.

use toml::Spanned;
use toml::de::DeValue;

use super::document::{Document, Place, entries};
use super::example::EXAMPLE;
use super::problem::Problem;

/// Values of another type than the example's. serde would take a list for a table, by position.
pub(super) fn wrong_types(document: &Document<'_>) -> Vec<(Place, Problem)> {
    let mut found: Vec<(Place, Problem)> = Vec::new();
    for (place, entry) in entries(document.root.get_ref()) {
        let Some(example) = place.value_in(&EXAMPLE) else {
            continue;
        };
        let inside = found.iter().any(|(outer, _)| outer.touches(&place));
        if inside || example.type_str() == entry.value.get_ref().type_str() {
            continue;
        }
        let problem = wrong_type(document, &place, entry.value, example);
        found.push((place, problem));
    }
    found
}

pub(super) fn wrong_type(
    document: &Document<'_>,
    place: &Place,
    value: &Spanned<DeValue<'_>>,
    example: &toml::Value,
) -> Problem {
    let (received, expected) = (
        spoken(value.get_ref().type_str()),
        spoken(example.type_str()),
    );
    let span = document
        .find(place)
        .map_or_else(|| value.span(), |found| found.span());
    let raw = document.text.get(value.span()).unwrap_or_default();
    let scalar = !value.get_ref().is_table() && !value.get_ref().is_array();
    let mended = match example {
        toml::Value::String(_) if scalar => format!("\"{raw}\""),
        toml::Value::Array(_) if scalar => format!("[{raw}]"),
        toml::Value::Integer(_) | toml::Value::Boolean(_)
            if value.get_ref().as_str().is_some_and(|text| {
                text.parse::<i64>().is_ok() && example.is_integer()
                    || text.parse::<bool>().is_ok() && example.is_bool()
            }) =>
        {
            value.get_ref().as_str().unwrap_or_default().to_owned()
        }
        _ => example.to_string(),
    };
    let help = if example.is_table() {
        format!(
            "write it as a section, `[{}]`, with the keys below",
            place.section()
        )
    } else if place.is_element() {
        format!("for example `{mended}`")
    } else {
        format!("for example `{} = {mended}`", place.name())
    };
    Problem::new(
        format!("`{place}` is {received}, and must be {expected}"),
        Some(span),
    )
    .label(format!("expected {expected}, found {received}"))
    .help(help)
}

/// TOML's names for types, in everybody's words.
fn spoken(kind: &str) -> &'static str {
    match kind {
        "string" => "text in quotes",
        "integer" => "a whole number",
        "float" => "a number with a fraction",
        "boolean" => "true or false",
        "datetime" => "a date",
        "array" => "a list",
        _ => "a table",
    }
}
