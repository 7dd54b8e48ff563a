//! What the types allow and AWS, or good sense, does not: forms, limits, and what belongs together.

mod api;
mod database;
mod edge;
mod function;
mod network;
pub(super) mod ranges;
mod stack;
mod tables;

use std::path::Path;

pub use function::OTHER_CONNECTIONS;

use super::Config;
use super::document::{Document, Place};
use super::problem::Problem;

/// Every problem of a file whose types are right.
pub(super) fn run(
    document: &Document<'_>,
    config: &Config,
    base: &Path,
    spoiled: &[Place],
) -> Vec<Problem> {
    let mut checker = Checker {
        document,
        config,
        base,
        spoiled,
        problems: Vec::new(),
    };
    stack::check(&mut checker);
    network::check(&mut checker);
    database::check(&mut checker);
    function::check(&mut checker);
    api::check(&mut checker);
    edge::check(&mut checker);
    checker.problems
}

struct Checker<'c, 'i> {
    document: &'c Document<'i>,
    config: &'c Config,
    base: &'c Path,
    spoiled: &'c [Place],
    problems: Vec<Problem>,
}

impl Checker<'_, '_> {
    /// A problem of the value at a place, underlined there; of a default, the section is
    /// underlined and the default is named.
    fn problem(&self, place: &Place, title: impl Into<String>) -> Problem {
        let problem = Problem::new(title, self.document.span(place));
        if self.document.has(place) {
            problem
        } else {
            problem.note(default_note(place))
        }
    }

    /// Files a problem, unless a value it speaks of has already been refused for itself.
    fn file(&mut self, places: &[&Place], problem: Problem) {
        let settled = places
            .iter()
            .any(|place| self.spoiled.iter().any(|spoiled| spoiled.touches(place)));
        if !settled {
            self.problems.push(problem);
        }
    }

    /// A problem of one value: the title continues "`function.memory_mb` ".
    fn refuse(
        &mut self,
        place: &Place,
        says: &str,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = self
            .problem(place, format!("`{place}` {says}"))
            .label(label)
            .help(help);
        self.file(&[place], problem);
    }

    /// A problem that two values make together, each with what to say at its line. Where the
    /// first is a default, the second is underlined.
    fn clash(
        &mut self,
        title: String,
        (place, says): (&Place, String),
        (other, of_other): (&Place, &str),
        help: String,
    ) {
        let spans = (self.document.find(place), self.document.find(other));
        let problem = match spans {
            (Some(first), Some(second)) => Problem::new(title, Some(first.span()))
                .label(says)
                .related(second.span(), of_other),
            (None, Some(second)) => Problem::new(title, Some(second.span()))
                .label(of_other)
                .note(default_note(place))
                .note(says),
            (_, None) => self
                .problem(place, title)
                .label(says)
                .note(default_note(other)),
        };
        self.file(&[place, other], problem.help(help));
    }
}

fn default_note(place: &Place) -> String {
    let value = place.value_in(&super::example::EXAMPLE);
    match value {
        Some(value) => format!("`{place}` is not in the file; `{value}` is its default"),
        None => format!("`{place}` is not in the file"),
    }
}
