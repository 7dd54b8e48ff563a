//! The clauses of `ALTER TABLE`.

use super::super::columns::{Column, clauses, inside, is_constraint};
use super::super::words::Word;
use super::{BREAKS, DESTROYS, Harm, Judge, harm};

impl Judge {
    pub(super) fn alter(&mut self, words: &[Word]) -> Vec<Harm> {
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
        if is_constraint(rest) {
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
