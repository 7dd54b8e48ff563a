//! Which statements the version that serves does not survive, and which lose data.
//!
//! Migrations are applied before the alias moves, so each must suit the version before it: expand
//! first, and contract when nobody uses the rest any more. What a version uses is not known here;
//! whatever takes something away that was there before counts, and what is not understood too.

mod alter;

use std::collections::BTreeSet;

use serde::Serialize;

use super::Statement;
use super::columns::{Columns, clauses};
use super::words::{Word, words};

/// What is wrong with a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub file: String,
    /// Counted from 1.
    pub statement: usize,
    /// Completes "it …": "drops the column access_logs.department".
    pub does: String,
    /// Queries of the version that serves may fail afterwards.
    pub breaks: bool,
    /// Rows or values are gone afterwards.
    pub destroys: bool,
}

impl Verdict {
    /// A line for people.
    pub fn shown(&self) -> String {
        let Self {
            file,
            statement,
            does,
            ..
        } = self;
        format!("  {file} statement {statement} {does}")
    }
}

/// What a statement does to what is there.
struct Harm {
    does: String,
    breaks: bool,
    destroys: bool,
}

fn harm(does: impl Into<String>, breaks: bool, destroys: bool) -> Vec<Harm> {
    let does = does.into();
    vec![Harm {
        does,
        breaks,
        destroys,
    }]
}

const BREAKS: bool = true;
const DESTROYS: bool = true;

/// Judges what is pending, after `before` has been applied.
pub fn judge(before: &[Statement], pending: &[Statement]) -> Vec<Verdict> {
    let mut judge = Judge {
        columns: Columns::of(before),
        created: BTreeSet::new(),
    };
    let mut verdicts = Vec::new();
    for statement in pending {
        let harms = judge.statement(&words(&statement.sql));
        verdicts.extend(harms.into_iter().map(|harm| Verdict {
            file: statement.file.clone(),
            statement: statement.number,
            does: harm.does,
            breaks: harm.breaks,
            destroys: harm.destroys,
        }));
    }
    verdicts
}

struct Judge {
    columns: Columns,
    /// Tables that only the pending files make: nobody uses them yet.
    created: BTreeSet<String>,
}

impl Judge {
    fn statement(&mut self, words: &[Word]) -> Vec<Harm> {
        let starts = |keywords: &[&str]| {
            words.len() >= keywords.len()
                && words.iter().zip(keywords).all(|(word, key)| word.is(key))
        };
        let first = |keywords: &[&str]| keywords.iter().any(|keyword| starts(&[keyword]));
        if words.contains(&Word::Hidden) {
            return harm("hides something in /*! … */", BREAKS, DESTROYS);
        }
        if starts(&["CREATE"]) {
            self.create(words)
        } else if starts(&["ALTER"]) {
            self.alter(words)
        } else if starts(&["DROP", "INDEX"]) {
            Vec::new()
        } else if starts(&["DROP", "TABLE"]) {
            self.drop_tables(&words[2..])
        } else if starts(&["RENAME"]) {
            harm("renames a table", BREAKS, false)
        } else if first(&["TRUNCATE"]) {
            harm("empties a table", false, DESTROYS)
        } else if first(&["DELETE", "UPDATE", "REPLACE"]) {
            harm("changes or deletes rows", false, DESTROYS)
        } else if first(&["INSERT"]) {
            let overwrites = words.iter().any(|word| word.is("DUPLICATE"));
            if overwrites {
                harm("overwrites rows", false, DESTROYS)
            } else {
                Vec::new()
            }
        } else if first(&["SET", "SELECT", "DO", "ANALYZE", "OPTIMIZE", "CHECK"])
            || first(&["BEGIN", "START", "COMMIT"])
        {
            Vec::new()
        } else {
            harm("is of a kind that is not judged", BREAKS, DESTROYS)
        }
    }

    fn create(&mut self, words: &[Word]) -> Vec<Harm> {
        let until = words
            .iter()
            .position(|word| matches!(word, Word::Symbol(_)))
            .unwrap_or(words.len());
        let head = &words[..until];
        let has = |keyword: &str| head.iter().any(|word| word.is(keyword));
        if has("TABLE") && !has("VIEW") {
            if has("REPLACE") {
                return harm("replaces a table", BREAKS, DESTROYS);
            }
            let skipped = ["CREATE", "TEMPORARY", "TABLE", "IF", "NOT", "EXISTS"];
            let mut names = head.iter();
            let name = names.find(|word| !skipped.iter().any(|skipped| word.is(skipped)));
            // With IF NOT EXISTS it may be there, and in use.
            if !has("EXISTS") {
                self.created
                    .extend(name.and_then(Word::name).map(str::to_owned));
            }
            Vec::new()
        } else if has("INDEX") {
            let on = words.iter().skip_while(|word| !word.is("ON")).nth(1);
            if has("UNIQUE") && self.is_used(on) {
                harm("makes an index unique: rows may be refused", BREAKS, false)
            } else {
                Vec::new()
            }
        } else if has("TRIGGER") {
            harm("puts a trigger on a table", BREAKS, DESTROYS)
        } else if has("REPLACE") {
            harm("replaces what is there", BREAKS, false)
        } else if ["VIEW", "FUNCTION", "PROCEDURE", "SEQUENCE"]
            .iter()
            .any(|kind| has(kind))
        {
            Vec::new()
        } else {
            harm("is of a kind that is not judged", BREAKS, DESTROYS)
        }
    }

    fn is_used(&self, table: Option<&Word>) -> bool {
        let table = table.and_then(Word::name);
        table.is_none_or(|table| !self.created.contains(table))
    }

    fn drop_tables(&self, words: &[Word]) -> Vec<Harm> {
        let names = clauses(words).into_iter();
        let names = names.filter_map(|clause| {
            let mut words = clause.iter();
            words.find(|word| !word.is("IF") && !word.is("EXISTS"))
        });
        names
            .filter(|name| self.is_used(Some(name)))
            .flat_map(|name| {
                let name = name.name().unwrap_or_default();
                harm(format!("drops the table {name}"), BREAKS, DESTROYS)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
