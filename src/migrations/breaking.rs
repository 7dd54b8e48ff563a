//! Which statements the version that serves does not survive, and which lose data.
//!
//! Migrations are applied before the alias moves, so each must suit the version before it: expand
//! first, and contract when nobody uses the rest any more. What a version uses is not known here;
//! whatever takes something away that was there before counts, and what is not understood too.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Statement;
use super::columns::{Column, Columns, clauses, inside, is_constraint};
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
            self.created
                .extend(name.and_then(Word::name).map(str::to_owned));
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

    fn alter(&mut self, words: &[Word]) -> Vec<Harm> {
        let skipped = ["ALTER", "ONLINE", "IGNORE", "TABLE", "IF", "EXISTS"];
        let is_table = words.iter().take(4).any(|word| word.is("TABLE"));
        let at = words
            .iter()
            .position(|word| !skipped.iter().any(|skipped| word.is(skipped)));
        let named = at.and_then(|at| Some((words[at].name()?.to_owned(), &words[at + 1..])));
        let Some((table, rest)) = named.filter(|_| is_table) else {
            return harm("is of a kind that is not judged", BREAKS, DESTROYS);
        };
        if words.contains(&Word::Symbol('.')) {
            return harm("names another schema", BREAKS, DESTROYS);
        }
        let ignores = words.iter().take(4).any(|word| word.is("IGNORE"));
        if self.created.contains(&table) {
            return Vec::new();
        }
        let mut harms = Vec::new();
        if ignores {
            harms.extend(harm("drops rows that do not fit", false, DESTROYS));
        }
        for clause in clauses(rest) {
            harms.extend(self.clause(&table, clause));
        }
        harms
    }

    fn clause(&mut self, table: &str, clause: &[Word]) -> Vec<Harm> {
        let Some((verb, rest)) = clause.split_first() else {
            return Vec::new();
        };
        let next = |keywords: &[&str]| {
            let first = rest.first();
            first.is_some_and(|word| keywords.iter().any(|keyword| word.is(keyword)))
        };
        let has = |keyword: &str| rest.iter().any(|word| word.is(keyword));
        let rest_of_column = without(rest, &["COLUMN", "IF", "NOT", "EXISTS"]);
        let column = rest_of_column.first().and_then(Word::name);
        let column = column.unwrap_or_default();
        if verb.is("ADD") {
            return self.add(table, rest);
        }
        if verb.is("DROP") {
            return if next(&["PARTITION"]) {
                harm(format!("drops a partition of {table}"), false, DESTROYS)
            } else if next(&["PRIMARY"]) {
                harm(format!("drops the primary key of {table}"), BREAKS, false)
            } else if next(&["INDEX", "KEY", "FOREIGN", "CONSTRAINT", "CHECK"]) {
                Vec::new()
            } else {
                harm(
                    format!("drops the column {table}.{column}"),
                    BREAKS,
                    DESTROYS,
                )
            };
        }
        if verb.is("CHANGE") {
            let new = rest_of_column.get(1).and_then(Word::name);
            return if new.is_some_and(|new| new.eq_ignore_ascii_case(column)) {
                self.modify(table, column, &rest_of_column[2..])
            } else {
                harm(
                    format!("renames the column {table}.{column}"),
                    BREAKS,
                    DESTROYS,
                )
            };
        }
        if verb.is("MODIFY") {
            return self.modify(table, column, rest_of_column.get(1..).unwrap_or_default());
        }
        if verb.is("RENAME") {
            return if next(&["INDEX", "KEY"]) {
                Vec::new()
            } else if next(&["COLUMN"]) {
                harm(
                    format!("renames the column {table}.{column}"),
                    BREAKS,
                    false,
                )
            } else {
                harm(format!("renames the table {table}"), BREAKS, false)
            };
        }
        if verb.is("ALTER") {
            return if has("DROP") {
                let does = format!("takes away the default of {table}.{column}");
                harm(does, BREAKS, false)
            } else {
                Vec::new()
            };
        }
        if verb.is("CONVERT") {
            let does = format!("converts the text of {table} to another character set");
            return harm(does, BREAKS, DESTROYS);
        }
        if verb.is("TRUNCATE") {
            return harm(format!("empties a partition of {table}"), false, DESTROYS);
        }
        if HARMLESS.iter().any(|keyword| verb.is(keyword)) {
            return Vec::new();
        }
        let does = format!("changes {table} in a way that is not judged");
        harm(does, BREAKS, DESTROYS)
    }

    fn add(&mut self, table: &str, rest: &[Word]) -> Vec<Harm> {
        let first = rest.first();
        let next = |keywords: &[&str]| {
            first.is_some_and(|word| keywords.iter().any(|keyword| word.is(keyword)))
        };
        if next(&["UNIQUE", "CONSTRAINT", "PRIMARY", "FOREIGN", "CHECK"]) {
            let does = format!("puts a condition on {table}: rows may be refused");
            return harm(does, BREAKS, false);
        }
        if first.is_some_and(is_constraint) {
            return Vec::new();
        }
        let rest = without(rest, &["COLUMN", "IF", "NOT", "EXISTS"]);
        let several = rest.first() == Some(&Word::Symbol('('));
        let declarations = if several {
            clauses(inside(rest))
        } else {
            vec![rest]
        };
        let mut harms = Vec::new();
        for declaration in declarations {
            let Some((name, declared)) = declaration.split_first() else {
                continue;
            };
            let name = name.name().unwrap_or_default();
            let column = Column::read(declared);
            if column.not_null && !column.has_default && !column.made {
                let does = format!("adds {table}.{name}, which is NOT NULL and has no DEFAULT");
                harms.extend(harm(does, BREAKS, false));
            } else if column.unique {
                let does = format!("adds {table}.{name}, which is unique: rows may be refused");
                harms.extend(harm(does, BREAKS, false));
            }
            self.columns.declare(table, name, declared);
        }
        harms
    }

    fn modify(&mut self, table: &str, column: &str, declaration: &[Word]) -> Vec<Harm> {
        let new = Column::read(declaration);
        let fits = self
            .columns
            .get(table, column)
            .is_some_and(|old| new.holds(old));
        self.columns.declare(table, column, declaration);
        if fits {
            Vec::new()
        } else {
            let does = format!("may narrow the column {table}.{column}");
            harm(does, BREAKS, DESTROYS)
        }
    }
}

/// What changes how a table is stored, not what can be asked of it.
const HARMLESS: [&str; 25] = [
    "ALGORITHM",
    "ANALYZE",
    "AUTO_INCREMENT",
    "CHARACTER",
    "COALESCE",
    "COLLATE",
    "COMMENT",
    "DEFAULT",
    "DISABLE",
    "ENABLE",
    "ENGINE",
    "FORCE",
    "KEY_BLOCK_SIZE",
    "LOCK",
    "NOWAIT",
    "OPTIMIZE",
    "ORDER",
    "PAGE_COMPRESSED",
    "PARTITION",
    "REBUILD",
    "REMOVE",
    "REORGANIZE",
    "ROW_FORMAT",
    "STATS_PERSISTENT",
    "WAIT",
];

/// The words behind those that may stand in front of a name.
fn without<'a>(words: &'a [Word], skipped: &[&str]) -> &'a [Word] {
    let at = words
        .iter()
        .position(|word| !skipped.iter().any(|skipped| word.is(skipped)));
    words.get(at.unwrap_or(words.len())..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Migration, read, statements};
    use super::*;

    const BEFORE: &str = "CREATE TABLE logs (
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, a VARCHAR(100) NULL, b INT NOT NULL DEFAULT 1,
        KEY logs_a (a)
    )";

    fn judged(sql: &str) -> Vec<Verdict> {
        let file = |file: &str, sql: &str| Migration {
            file: file.to_owned(),
            sql: sql.to_owned(),
        };
        let before = file("0001_a.sql", BEFORE).statements().unwrap();
        let pending = file("0002_b.sql", sql).statements().unwrap();
        judge(&before, &pending)
    }

    #[test]
    fn what_only_expands_passes() {
        for sql in [
            "ALTER TABLE logs ADD c INT",
            "ALTER TABLE logs ADD COLUMN c INT NOT NULL DEFAULT 0 AFTER a, ADD KEY logs_c (c)",
            "ALTER TABLE logs ADD (c INT, d VARCHAR(10) NOT NULL DEFAULT ')')",
            "ALTER TABLE logs ADD c INT AS (b + 1) STORED",
            "ALTER TABLE logs MODIFY a VARCHAR(200) NULL, ALGORITHM=INPLACE, LOCK=NONE",
            "ALTER TABLE logs CHANGE a a VARCHAR(101)",
            "ALTER TABLE logs MODIFY b BIGINT NULL",
            "ALTER TABLE logs DROP INDEX logs_a, RENAME INDEX x TO y",
            "ALTER TABLE logs ALTER a SET DEFAULT 'DROP'",
            "ALTER TABLE logs ENGINE=InnoDB, COMMENT = 'DROP COLUMN a'",
            "CREATE INDEX logs_b ON logs (b)",
            "CREATE TABLE others (id INT NOT NULL UNIQUE) /* DROP TABLE logs */",
            "INSERT INTO logs (a) SELECT a FROM logs",
            // Nobody uses what is only made now.
            "CREATE TABLE others (id INT); ALTER TABLE others ADD c INT NOT NULL; DROP TABLE others",
        ] {
            assert_eq!(judged(sql), [], "{sql}");
        }
    }

    /// A statement, what it does, and whether that breaks and destroys.
    const HARMS: &[(&str, &str, bool, bool)] = &[
        (
            "DROP TABLE IF EXISTS logs",
            "drops the table logs",
            true,
            true,
        ),
        (
            "ALTER TABLE logs DROP a",
            "drops the column logs.a",
            true,
            true,
        ),
        (
            "alter table `logs` add c int, drop column if exists `a`",
            "drops the column logs.a",
            true,
            true,
        ),
        (
            "ALTER TABLE logs CHANGE a c INT",
            "renames the column logs.a",
            true,
            true,
        ),
        (
            "ALTER TABLE logs RENAME COLUMN a TO c",
            "renames the column logs.a",
            true,
            false,
        ),
        (
            "ALTER TABLE logs RENAME TO l",
            "renames the table logs",
            true,
            false,
        ),
        ("RENAME TABLE logs TO l", "renames a table", true, false),
        (
            "ALTER TABLE logs ADD c INT NOT NULL",
            "adds logs.c, which is NOT NULL and has no DEFAULT",
            true,
            false,
        ),
        (
            "ALTER TABLE logs ADD (c INT, d INT NOT NULL)",
            "adds logs.d, which is NOT NULL and has no DEFAULT",
            true,
            false,
        ),
        (
            "ALTER TABLE logs MODIFY a VARCHAR(99)",
            "may narrow the column logs.a",
            true,
            true,
        ),
        (
            "ALTER TABLE logs MODIFY unknown INT",
            "may narrow the column logs.unknown",
            true,
            true,
        ),
        (
            "ALTER TABLE logs ALTER b DROP DEFAULT",
            "takes away the default of logs.b",
            true,
            false,
        ),
        (
            "ALTER TABLE logs DROP PARTITION p1",
            "drops a partition of logs",
            false,
            true,
        ),
        ("DELETE FROM logs", "changes or deletes rows", false, true),
        (
            "UPDATE logs SET a = NULL",
            "changes or deletes rows",
            false,
            true,
        ),
        ("TRUNCATE logs", "empties a table", false, true),
        (
            "/*!40000 DROP TABLE logs */",
            "hides something in /*! … */",
            true,
            true,
        ),
        (
            "CALL migrate()",
            "is of a kind that is not judged",
            true,
            true,
        ),
        (
            "ALTER TABLE other.logs DROP a",
            "names another schema",
            true,
            true,
        ),
        (
            "CREATE UNIQUE INDEX i ON logs (a)",
            "makes an index unique: rows may be refused",
            true,
            false,
        ),
    ];

    #[test]
    fn what_takes_something_away_is_named() {
        for &(sql, does, breaks, destroys) in HARMS {
            let verdicts = judged(sql);
            let [verdict] = &verdicts[..] else {
                panic!("{sql}: {verdicts:?}");
            };
            let found = (verdict.does.as_str(), verdict.breaks, verdict.destroys);
            assert_eq!(found, (does, breaks, destroys), "{sql}");
            assert_eq!(
                (verdict.file.as_str(), verdict.statement),
                ("0002_b.sql", 1)
            );
        }
    }

    #[test]
    fn the_projects_own_files_suit_each_other() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let all = statements(&read(&dir).unwrap()).unwrap();
        assert_eq!(judge(&[], &all), []);
    }
}
