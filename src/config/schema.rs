//! From the document to the types. serde stops at the first error, so whatever it refuses is
//! noted and taken out, and it is asked again, until it is content: every problem is found,
//! and what is allowed is said by the types alone.

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::check::ranges;
use super::document::{Document, NOWHERE, Place, Span, entries, insert, place_at, remove};
use super::example::EXAMPLE;
use super::problem::Problem;
use super::wrong_type::{wrong_type, wrong_types};
use super::{Config, SMALLEST, later, suggest};

/// What was read, as far as it could be.
pub(super) struct Reading {
    pub(super) config: Option<Config>,
    pub(super) problems: Vec<Problem>,
    /// Where the config holds a default or a stand-in, because the file's value was refused.
    pub(super) spoiled: Vec<Place>,
}

pub(super) fn read(document: &Document<'_>) -> Reading {
    let mut reader = Reader {
        document,
        rest: document.root.clone(),
        problems: Vec::new(),
        spoiled: Vec::new(),
    };
    let refused = later::find(document)
        .into_iter()
        .chain(wrong_types(document))
        .chain(ranges::find(document));
    // From the end, so that what is left of a list keeps its numbers until its turn comes.
    let mut refused: Vec<_> = refused.collect();
    refused.sort_by_key(|(place, _)| std::cmp::Reverse(place.clone()));
    for (place, problem) in refused {
        reader.problems.push(problem);
        remove(reader.rest.get_mut(), &place);
        reader.spoil(place);
    }
    let config = reader.settle();
    Reading {
        config,
        problems: reader.problems,
        spoiled: reader.spoiled,
    }
}

struct Reader<'d, 'i> {
    document: &'d Document<'i>,
    rest: Spanned<DeTable<'i>>,
    problems: Vec<Problem>,
    spoiled: Vec<Place>,
}

impl Reader<'_, '_> {
    fn settle(&mut self) -> Option<Config> {
        // Each turn takes something out, but for the few that stand in for [stack].
        let turns = entries(self.rest.get_ref()).len() + 8;
        for _ in 0..turns {
            let error = match Config::deserialize(Deserializer::from(self.rest.clone())) {
                Ok(config) => return Some(config),
                Err(error) => error,
            };
            let message = error.message();
            let handled = error.span().is_some_and(|span| {
                let mut names = quoted(message);
                match (message.split_whitespace().next(), names.next()) {
                    (Some("unknown"), Some(name)) if message.starts_with("unknown field") => {
                        self.unknown_key(name, &span, &names.collect::<Vec<_>>())
                    }
                    (Some("unknown"), Some(name)) => {
                        self.unknown_value(name, &span, &names.collect::<Vec<_>>())
                    }
                    (Some("missing"), Some(name)) => self.missing(name, &span),
                    _ => self.other(message, &span),
                }
            });
            if !handled {
                self.problems.push(Problem::new(message, error.span()));
                return None;
            }
        }
        self.problems
            .push(Problem::new("what else is wrong cannot be told", None));
        None
    }

    /// Takes out what has the span; its place, and whether that worked, decide what follows.
    fn take(&mut self, span: &Span) -> Option<Place> {
        let place = place_at(self.rest.get_ref(), span)?;
        remove(self.rest.get_mut(), &place).then_some(place)
    }

    /// A list that lost an element no longer counts like the file does.
    fn spoil(&mut self, place: Place) {
        let list = place.is_element().then(|| place.parent()).flatten();
        self.spoiled.push(list.unwrap_or(place));
    }

    fn is_spoiled(&self, place: &Place) -> bool {
        self.spoiled.iter().any(|spoiled| spoiled.touches(place))
    }

    fn unknown_key(&mut self, name: &str, span: &Span, known: &[&str]) -> bool {
        let is_section = place_at(self.document.root.get_ref(), span)
            .and_then(|place| self.document.find(&place))
            .is_some_and(|found| {
                found.value.get_ref().is_table() || found.value.get_ref().is_array()
            });
        let Some(place) = self.take(span) else {
            return false;
        };
        let around = place.parent().unwrap_or_default();
        let top = around == Place::default();
        let title = match (top, is_section) {
            (true, true) => format!("unknown section `[{name}]`"),
            (true, false) => format!("unknown key `{name}` outside every section"),
            _ => format!("unknown key `{name}` in `[{}]`", around.section()),
        };
        let mut problem = Problem::new(title, Some(span.clone()));
        if let Some(near) = suggest::nearest(name, known.iter().copied()) {
            problem = if top {
                problem.help(format!("did you mean `[{near}]`?"))
            } else {
                problem.help(format!("did you mean `{near}`?"))
            };
            self.spoil(around.key(near));
        } else if let Some(home) = home_of(name).filter(|home| *home != around) {
            problem = problem
                .label("in the wrong section")
                .help(format!("`{name}` belongs to `[{}]`", home.section()));
            self.spoil(home.key(name));
        } else {
            let what = if top {
                "the sections are"
            } else {
                "the keys here are"
            };
            problem = problem.help(format!("{what} {}", suggest::list(known.iter().copied())));
        }
        self.problems.push(problem);
        true
    }

    fn unknown_value(&mut self, value: &str, span: &Span, known: &[&str]) -> bool {
        let Some(place) = self.take(span) else {
            return false;
        };
        let title = format!("`{}` cannot be `{value}`", place.without_index());
        let problem = Problem::new(title, Some(span.clone()));
        let help = match suggest::nearest(value, known.iter().copied()) {
            Some(near) => format!("did you mean `\"{near}\"`?"),
            None if known.len() == 1 => {
                format!("it can only be {}", suggest::list(known.iter().copied()))
            }
            None => format!("it can be {}", suggest::list(known.iter().copied())),
        };
        self.problems.push(problem.help(help));
        self.spoil(place);
        true
    }

    fn missing(&mut self, name: &str, span: &Span) -> bool {
        let table = if name == "stack" {
            Some(Place::default())
        } else if *span == NOWHERE {
            // Of tables, only [stack] is ever stood in for.
            Some(Place::from("stack"))
        } else {
            place_at(self.rest.get_ref(), span)
        };
        let Some(table) = table else {
            return false;
        };
        let place = table.key(name);
        if !self.is_spoiled(&place) {
            let example = place
                .value_in(&EXAMPLE)
                .map(ToString::to_string)
                .unwrap_or_default();
            let problem = if name == "stack" {
                Problem::new("`[stack]` is missing", None)
                    .absent()
                    .help(format!("a whole file can be as small as\n{SMALLEST}"))
            } else {
                Problem::new(format!("`{place}` is missing"), Some(span.clone()))
                    .absent()
                    .label("must be given here")
                    .help(format!("for example `{name} = {example}`"))
            };
            self.problems.push(problem);
        }
        self.spoil(place.clone());
        if name == "stack" {
            insert(self.rest.get_mut(), &place, DeValue::Table(DeTable::new()))
        } else if table == Place::from("stack") {
            // Good for a name and for a region alike.
            let stand_in = DeValue::String("us-east-1".into());
            insert(self.rest.get_mut(), &place, stand_in)
        } else {
            self.spoil(table.clone());
            remove(self.rest.get_mut(), &table)
        }
    }

    /// What serde's own implementations say: an address that is none, a value of a map.
    fn other(&mut self, message: &str, span: &Span) -> bool {
        let Some(place) = self.take(span) else {
            return false;
        };
        let found = self.document.find(&place);
        let example = place.value_in(&EXAMPLE);
        let problem = match (found, example) {
            (Some(found), None) if !found.value.get_ref().is_str() => {
                let text = toml::Value::String(String::new());
                wrong_type(self.document, &place, found.value, &text)
            }
            (_, Some(example)) => {
                Problem::new(format!("`{place}` is not usable"), Some(span.clone()))
                    .label(message)
                    .help(format!("for example `{} = {example}`", place.name()))
            }
            _ => {
                Problem::new(format!("`{place}` is not usable"), Some(span.clone())).label(message)
            }
        };
        self.problems.push(problem);
        self.spoil(place);
        true
    }
}

/// What stands between backticks, in order.
fn quoted(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(1).step_by(2)
}

/// The section that knows the key, where there is exactly one.
fn home_of(name: &str) -> Option<Place> {
    let sections = EXAMPLE.as_table()?.iter();
    let mut homes = sections
        .filter(|(_, section)| {
            section
                .as_table()
                .is_some_and(|keys| keys.contains_key(name))
        })
        .map(|(section, _)| Place::from(section.as_str()));
    let home = homes.next()?;
    homes.next().is_none().then_some(home)
}
