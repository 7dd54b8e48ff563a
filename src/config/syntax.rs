//! What TOML itself does not allow. The parser goes on after an error; some of what it then
//! believes to see is only the error's consequence.

use std::collections::BTreeMap;

use super::document::{Document, Span, entries};
use super::problem::Problem;

pub(super) struct Broken<'d> {
    document: &'d Document<'d>,
    /// The first error of each line; those after it on the same line rarely stand on their own.
    lines: BTreeMap<usize, (Span, String)>,
    structural: bool,
}

impl<'d> Broken<'d> {
    pub(super) fn new(document: &'d Document<'d>, errors: &[toml::de::Error]) -> Self {
        let mut lines: BTreeMap<usize, (Span, String)> = BTreeMap::new();
        let mut structural = false;
        let open = errors.iter().find_map(|error| opening(document, error));
        let all = errors
            .iter()
            .map(|error| (error.span().unwrap_or_default(), error.message()))
            // What follows an open list has been read as if it stood in it.
            .filter(|(span, _)| {
                open.as_ref()
                    .is_none_or(|(open, _)| span.start < open.start)
            })
            .chain(open.clone());
        for (span, message) in all {
            let header = content(document.text, span.start).starts_with('[');
            let duplicate = message.starts_with("duplicate key");
            structural |= message.starts_with("unclosed") || (header && !duplicate);
            let line = line(document.text, span.start);
            let first = lines
                .entry(line)
                .or_insert_with(|| (span.clone(), message.to_owned()));
            if span.start < first.0.start {
                *first = (span, message.to_owned());
            }
        }
        Self {
            document,
            lines,
            structural,
        }
    }

    /// Whether a section or a list has no end, so that nothing below can be told apart.
    pub(super) fn blinds(&self) -> bool {
        self.structural
    }

    /// Whether a problem may be no more than the consequence of an error: on the same line,
    /// or about something that a broken line may have given.
    pub(super) fn explains(&self, problem: &Problem) -> bool {
        if self.lines.is_empty() {
            return false;
        }
        problem.about_absence()
            || problem.span().is_none_or(|span| {
                let from = line(self.document.text, span.start);
                let to = line(self.document.text, span.end);
                self.lines.range(from..=to).next().is_some()
            })
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        self.lines
            .values()
            .map(|(span, message)| {
                let (title, label) = message.split_once(", ").unwrap_or((message, ""));
                let problem = Problem::new(format!("not TOML: {title}"), Some(span.clone()));
                // "expected nothing" and "expected literal string" help nobody who does not
                // know the grammar.
                let clear = !title.contains("quoted") && label != "expected nothing";
                let problem = if clear { problem.label(label) } else { problem };
                match self.advice(title, span) {
                    Some(advice) => problem.help(advice),
                    None => problem,
                }
            })
            .collect()
    }

    fn advice(&self, title: &str, span: &Span) -> Option<String> {
        let content = content(self.document.text, span.start);
        if title.starts_with("duplicate key") {
            return Some("each key and each section may stand once; keep one".to_owned());
        }
        if title == "unclosed array" {
            return Some("a list ends with `]`".to_owned());
        }
        if title == "unclosed inline table" {
            return Some("a table in braces ends with `}`".to_owned());
        }
        if title.starts_with("missing comma") || title.contains("inline table") {
            return Some(
                "commas part the elements; a list ends with `]`, a table in braces with `}`"
                    .to_owned(),
            );
        }
        if content.starts_with('[') {
            return Some(
                "a section is written `[network]`, an element of a list `[[api.keys]]`".to_owned(),
            );
        }
        let Some((key, value)) = content.split_once('=') else {
            let mut words = content.split_whitespace();
            let key = words.next().unwrap_or("key");
            let value = words.next().unwrap_or("…");
            return Some(format!("write `{key} = {value}`"));
        };
        let (key, value) = (key.trim(), value.trim());
        match value.to_lowercase().as_str() {
            "" => Some(format!(
                "give `{key}` a value, or remove the line for the default"
            )),
            "yes" | "on" => Some(format!("write `{key} = true`")),
            "no" | "off" => Some(format!("write `{key} = false`")),
            // The rest of such a value cannot be guessed.
            _ if value.starts_with(['[', '{']) => None,
            _ if value.starts_with(['"', '\'']) => {
                Some("close the text on the line it starts".to_owned())
            }
            _ => Some(format!("text stands in quotes: `{key} = \"{value}\"`")),
        }
    }
}

/// Where the list or the table in braces begins that an error says is never closed: the
/// parser only notices at the end of the file.
fn opening<'e>(document: &Document<'_>, error: &'e toml::de::Error) -> Option<(Span, &'e str)> {
    let (message, _) = error.message().split_once(',')?;
    if !["unclosed array", "unclosed inline table"].contains(&message) {
        return None;
    }
    let end = error.span()?.start;
    let start = entries(document.root.get_ref())
        .into_iter()
        .map(|(_, found)| found.value.span())
        .filter(|span| {
            let opens = document.text.get(span.start..);
            span.end >= end && opens.is_some_and(|text| text.starts_with(['[', '{']))
        })
        .map(|span| span.start)
        // Of lists in lists the innermost.
        .max()?;
    Some((start..start + 1, message))
}

fn line(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

/// The line at an offset, without its comment and the blanks around.
fn content(text: &str, offset: usize) -> &str {
    let line = text.lines().nth(line(text, offset)).unwrap_or_default();
    line.split('#').next().unwrap_or_default().trim()
}
