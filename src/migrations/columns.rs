//! Columns as migrations declare them: enough to tell a wider one from a narrower one.

use std::collections::BTreeMap;

use super::Statement;
use super::words::{Word, words};

/// A column's declaration behind its name.
#[allow(clippy::struct_excessive_bools)] // each is said or not said
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    kind: String,
    /// Of `VARCHAR(100)` the 100.
    size: Option<u64>,
    unsigned: bool,
    pub not_null: bool,
    pub has_default: bool,
    /// Made by the server: a number of its own, or computed from other columns.
    pub made: bool,
    pub unique: bool,
    /// Whatever else is said of it, such as a collation.
    rest: Vec<String>,
}

/// From the small to the large: each holds what those before it hold.
const GROWING: [&[&str]; 3] = [
    &["TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT"],
    &["TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT"],
    &["TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB"],
];
/// Types whose size says how much they hold.
const SIZED: [&str; 4] = ["VARCHAR", "CHAR", "VARBINARY", "BINARY"];

impl Column {
    pub fn read(words: &[Word]) -> Self {
        let has = |keyword: &str| words.iter().any(|word| word.is(keyword));
        let pair = |one: &str, two: &str| {
            words
                .windows(2)
                .any(|pair| pair[0].is(one) && pair[1].is(two))
        };
        let plain = |word: &Word| word.name().map(str::to_uppercase);
        let size = match words {
            [_, Word::Symbol('('), Word::Plain(size), ..] => size.parse().ok(),
            _ => None,
        };
        let kind = match words.first().and_then(plain).unwrap_or_default().as_str() {
            "INTEGER" => "INT".to_owned(),
            kind => kind.to_owned(),
        };
        let rest = ["CHARACTER", "CHARSET", "COLLATE"];
        let rest = words
            .iter()
            .skip_while(|word| !rest.iter().any(|keyword| word.is(keyword)))
            .filter_map(plain)
            .take(3);
        Self {
            size,
            unsigned: has("UNSIGNED"),
            not_null: pair("NOT", "NULL") || has("PRIMARY"),
            has_default: has("DEFAULT"),
            made: has("AUTO_INCREMENT") || has("AS") || has("GENERATED"),
            unique: has("UNIQUE") || has("PRIMARY"),
            rest: rest.collect(),
            kind,
        }
    }

    /// Whether every value and every insertion that suits `old` suits this one too.
    pub fn holds(&self, old: &Self) -> bool {
        let grows = GROWING.iter().any(|kinds| {
            let place = |kind: &str| kinds.iter().position(|known| *known == kind);
            matches!((place(&old.kind), place(&self.kind)), (Some(old), Some(new)) if old <= new)
        });
        let sized = SIZED.contains(&self.kind.as_str());
        let kind = grows
            || self.kind == old.kind && (self.size == old.size || sized && self.size >= old.size);
        let filled = !self.not_null || old.not_null;
        let given = !self.not_null || self.has_default || self.made || !old.has_default;
        kind && filled
            && given
            && self.unsigned == old.unsigned
            && self.rest == old.rest
            && (!self.unique || old.unique)
    }
}

/// Columns by table and name, as far as `CREATE TABLE` and `ALTER TABLE` tell.
#[derive(Debug, Default)]
pub struct Columns(BTreeMap<(String, String), Column>);

impl Columns {
    pub fn of(statements: &[Statement]) -> Self {
        let mut columns = Self::default();
        for statement in statements {
            columns.follow(&words(&statement.sql));
        }
        columns
    }

    pub fn get(&self, table: &str, column: &str) -> Option<&Column> {
        self.0.get(&key(table, column))
    }

    pub fn declare(&mut self, table: &str, column: &str, declaration: &[Word]) {
        self.0.insert(key(table, column), Column::read(declaration));
    }

    fn follow(&mut self, words: &[Word]) {
        if words.first().is_none_or(|word| !word.is("CREATE")) {
            return self.follow_change(words);
        }
        let Some(open) = words.iter().position(|word| *word == Word::Symbol('(')) else {
            return;
        };
        let Some(table) = open.checked_sub(1).and_then(|at| words[at].name()) else {
            return;
        };
        let inner = inside(&words[open..]);
        for item in clauses(inner) {
            if let Some((name, declaration)) = item.split_first()
                && !is_constraint(item)
                && let Some(name) = name.name()
            {
                self.declare(table, name, declaration);
            }
        }
    }

    fn follow_change(&mut self, words: &[Word]) {
        let [alter, kind, table, rest @ ..] = words else {
            return;
        };
        let Some(table) = table
            .name()
            .filter(|_| alter.is("ALTER") && kind.is("TABLE"))
        else {
            return;
        };
        for clause in clauses(rest) {
            let Some((verb, mut rest)) = clause.split_first() else {
                continue;
            };
            if !(verb.is("ADD") || verb.is("MODIFY")) {
                continue;
            }
            if rest.first().is_some_and(|word| word.is("COLUMN")) {
                rest = &rest[1..];
            }
            if let Some((name, declaration)) = rest.split_first()
                && !is_constraint(rest)
                && let Some(name) = name.name()
            {
                self.declare(table, name, declaration);
            }
        }
    }
}

fn key(table: &str, column: &str) -> (String, String) {
    // Columns are the same in any case; tables are not, on RDS.
    (table.to_owned(), column.to_lowercase())
}

/// Whether an item of a table is no column.
pub fn is_constraint(item: &[Word]) -> bool {
    const KEYWORDS: [&str; 10] = [
        "PRIMARY",
        "KEY",
        "INDEX",
        "UNIQUE",
        "CONSTRAINT",
        "FOREIGN",
        "CHECK",
        "FULLTEXT",
        "SPATIAL",
        "PARTITION",
    ];
    let starts = |keywords: &[&str]| {
        item.len() >= keywords.len() && item.iter().zip(keywords).all(|(word, key)| word.is(key))
    };
    // Words that are no reserved ones name columns, too.
    KEYWORDS.iter().any(|keyword| starts(&[keyword]))
        || starts(&["PERIOD", "FOR"])
        || starts(&["SYSTEM", "VERSIONING"])
}

/// What stands between a parenthesis and its partner.
pub fn inside(words: &[Word]) -> &[Word] {
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate() {
        match word {
            Word::Symbol('(') => depth += 1,
            Word::Symbol(')') => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return words.get(1..at).unwrap_or_default();
        }
    }
    words.get(1..).unwrap_or_default()
}

/// What stands between commas that are in no parentheses.
pub fn clauses(words: &[Word]) -> Vec<&[Word]> {
    let mut depth = 0_usize;
    words
        .split(|word| {
            match word {
                Word::Symbol('(') => depth += 1,
                Word::Symbol(')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && *word == Word::Symbol(',')
        })
        .filter(|clause| !clause.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(text: &str) -> Column {
        Column::read(&words(text))
    }

    #[test]
    fn a_wider_column_holds_what_the_narrower_one_holds() {
        for (old, new) in [
            ("VARCHAR(100) NULL", "VARCHAR(200) NULL"),
            ("VARCHAR(100) NOT NULL", "VARCHAR(100) NULL"),
            ("INT UNSIGNED NOT NULL", "BIGINT UNSIGNED NOT NULL"),
            ("INT NOT NULL", "INT NOT NULL DEFAULT 1"),
            ("TEXT NOT NULL", "MEDIUMTEXT NOT NULL"),
            ("INTEGER", "INT(11)"),
            ("DOUBLE NULL", "DOUBLE NULL COMMENT 'in seconds'"),
        ] {
            assert!(column(new).holds(&column(old)), "{old} to {new}");
        }
        for (old, new) in [
            ("VARCHAR(100) NULL", "VARCHAR(90) NULL"),
            ("VARCHAR(100) NULL", "VARCHAR(100) NOT NULL"),
            ("VARCHAR(100) NOT NULL DEFAULT ''", "VARCHAR(100) NOT NULL"),
            ("BIGINT", "INT"),
            ("INT UNSIGNED", "BIGINT"),
            ("TEXT", "VARCHAR(2000)"),
            ("VARCHAR(9)", "VARCHAR(9) CHARACTER SET ascii"),
            ("DECIMAL(10, 2)", "DECIMAL(9, 2)"),
            ("INT", "INT UNIQUE"),
        ] {
            assert!(!column(new).holds(&column(old)), "{old} to {new}");
        }
    }

    #[test]
    fn the_project_s_own_columns_are_known() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let files = super::super::read(&dir).unwrap();
        let columns = Columns::of(&super::super::statements(&files).unwrap());
        let department = columns.get("access_logs", "department").unwrap();
        assert_eq!(*department, column("VARCHAR(100) NULL"));
        assert!(columns.get("access_logs", "ID").unwrap().made);
        assert!(columns.get("access_rollups", "data").is_some());
        assert!(columns.get("access_logs", "PRIMARY").is_none());
    }
}
