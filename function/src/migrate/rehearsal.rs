//! What pending statements would do to the tables that are there.
//!
//! Each is executed on an empty copy of its table in a schema of its own first, so that the server
//! itself says how it can: at once, beside reading and writing, or while nobody may write. How long
//! it takes follows from the table's size, roughly.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::mysql::MySqlConnection;

use super::apply::Ready;
use super::words::{Word, words};
use super::{Migration, select};
use crate::settings::Target;
use crate::sql::get;
use crate::untrusted::escape;

/// From so many rows on, how a table is changed is more than a detail.
pub const LARGE: u64 = 100_000;
/// Bytes of table and indexes that a small instance reads, sorts and writes in a second: an
/// estimate on the safe side.
const PACE: u64 = 5_000_000;

/// What a statement does to a table that is there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effect {
    pub file: String,
    /// Counted from 1.
    pub statement: usize,
    pub table: String,
    /// As the server estimates.
    pub rows: u64,
    pub bytes: u64,
    pub how: How,
    /// How long it may take.
    pub seconds: u64,
    /// Why it fails on the copy, where it does.
    pub fails: Option<String>,
}

/// How the server goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// In the table's description alone.
    Instant,
    /// Rows are read and written meanwhile.
    Online,
    /// Rows are read meanwhile, and whoever writes waits.
    ReadOnly,
    /// Row by row, and locks what it comes by.
    Rows,
    /// The server could not be asked.
    Unknown,
}

impl Effect {
    /// Whether it is that of a file's statement after so many others.
    pub fn is_of(&self, file: &Migration, done: usize) -> bool {
        self.statement == done + 1 && self.file == file.file()
    }

    /// Whether requests may have to wait for a large table.
    pub fn keeps_writers_waiting(&self) -> bool {
        self.rows >= LARGE && !matches!(self.how, How::Instant | How::Online)
    }
}

/// The clauses to ask with, the best first.
const WAYS: [(&str, &str, How); 6] = [
    ("INSTANT", "DEFAULT", How::Instant),
    ("NOCOPY", "NONE", How::Online),
    ("INPLACE", "NONE", How::Online),
    ("COPY", "NONE", How::Online),
    ("INPLACE", "SHARED", How::ReadOnly),
    ("COPY", "SHARED", How::ReadOnly),
];

/// What is known of a table.
#[derive(Debug, Clone, Copy)]
struct Size {
    rows: u64,
    bytes: u64,
}

/// The effects of all that is ready, on tables of `least` rows or more.
pub async fn rehearse(
    ready: &[Ready],
    target: &Target,
    least: u64,
    connection: &mut MySqlConnection,
) -> Result<Vec<Effect>, sqlx::Error> {
    let sizes = sizes(connection).await?;
    let concerned = |statement: &String| {
        let name = subject(&words(statement)).map(|subject| subject.table);
        name.and_then(|name| sizes.get(&name))
            .is_some_and(|size| size.rows >= least)
    };
    let left = |ready: &Ready| ready.statements[ready.done..].to_vec();
    if !ready.iter().flat_map(left).any(|text| concerned(&text)) {
        return Ok(Vec::new());
    }
    let scratch = Scratch {
        name: beside(&target.name),
        target,
    };
    let stage = scratch.name != target.name && scratch.set_up(connection).await.is_ok();
    let mut stage = Stage {
        scratch: stage.then_some(&scratch),
        copied: BTreeSet::new(),
        sizes,
        least,
    };
    let mut effects = Vec::new();
    for ready in ready {
        for (index, statement) in ready.statements.iter().enumerate().skip(ready.done) {
            let effect = stage.effect(statement, connection).await?;
            effects.extend(effect.map(|effect| Effect {
                file: ready.file.file(),
                statement: index + 1,
                ..effect
            }));
        }
    }
    if stage.scratch.is_some() {
        scratch.take_down(connection).await?;
    }
    Ok(effects)
}

/// The name of the schema with the copies, which goes with all that is in it: never the name of
/// the schema itself, however long that is.
fn beside(schema: &str) -> String {
    const SUFFIX: &str = "_wmctl_scratch";
    const LONGEST: usize = 64;
    let name: String = schema.chars().take(LONGEST - SUFFIX.len()).collect();
    format!("{name}{SUFFIX}")
}

/// The sizes of the schema's tables.
async fn sizes(connection: &mut MySqlConnection) -> Result<BTreeMap<String, Size>, sqlx::Error> {
    let query = "SELECT TABLE_NAME AS name, CAST(COALESCE(TABLE_ROWS, 0) AS UNSIGNED) AS size, \
                 CAST(COALESCE(DATA_LENGTH + INDEX_LENGTH, 0) AS UNSIGNED) AS bytes \
                 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()";
    let rows = sqlx::query(query).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let size = Size {
                rows: get(row, "size")?,
                bytes: get(row, "bytes")?,
            };
            Ok((get(row, "name")?, size))
        })
        .collect()
}

/// The schema with the copies.
struct Scratch<'a> {
    name: String,
    target: &'a Target,
}

impl Scratch<'_> {
    async fn set_up(&self, connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
        // A run that was killed may have left it.
        let name = &self.name;
        run(&format!("DROP DATABASE IF EXISTS `{name}`"), connection).await?;
        let create = format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4");
        run(&create, connection).await
    }

    async fn take_down(&self, connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
        select(self.target, connection).await?;
        let drop = format!("DROP DATABASE IF EXISTS `{}`", self.name);
        // Whoever may not make it has none to drop.
        let _ = run(&drop, connection).await;
        Ok(())
    }
}

struct Stage<'a> {
    scratch: Option<&'a Scratch<'a>>,
    /// Tables that the copies stand for.
    copied: BTreeSet<String>,
    sizes: BTreeMap<String, Size>,
    least: u64,
}

impl Stage<'_> {
    /// Executes a statement on the copy of its table; its effect, where the table is large enough.
    async fn effect(
        &mut self,
        statement: &str,
        connection: &mut MySqlConnection,
    ) -> Result<Option<Effect>, sqlx::Error> {
        let words = words(statement);
        let Some(subject) = subject(&words) else {
            return Ok(None);
        };
        let size = self.sizes.get(&subject.table).copied();
        let (how, fails) = match subject.kind {
            Kind::Rows => (How::Rows, None),
            Kind::Alter | Kind::Index => self.ask(statement, &words, &subject, connection).await?,
        };
        let Some(size) = size.filter(|size| size.rows >= self.least) else {
            return Ok(None);
        };
        let seconds = match how {
            How::Instant => 0,
            _ => size.bytes / PACE,
        };
        Ok(Some(Effect {
            file: String::new(),
            statement: 0,
            table: subject.table,
            rows: size.rows,
            bytes: size.bytes,
            how,
            seconds,
            fails,
        }))
    }

    async fn ask(
        &mut self,
        statement: &str,
        words: &[Word],
        subject: &Subject,
        connection: &mut MySqlConnection,
    ) -> Result<(How, Option<String>), sqlx::Error> {
        let unknown = Ok((How::Unknown, None));
        let Some(scratch) = self.scratch.filter(|_| is_local(words)) else {
            return unknown;
        };
        let table = &subject.table;
        if self.sizes.contains_key(table) && self.copied.insert(table.clone()) {
            let (from, to) = (&scratch.target.name, &scratch.name);
            let quoted = table.replace('`', "``");
            let copy = format!("CREATE TABLE `{to}`.`{quoted}` LIKE `{from}`.`{quoted}`");
            if run(&copy, connection).await.is_err() {
                return unknown;
            }
        }
        if !self.copied.contains(table) {
            return unknown;
        }
        run(&format!("USE `{}`", scratch.name), connection).await?;
        let asked = ways(statement, words, subject, connection).await;
        select(scratch.target, connection).await?;
        Ok(asked)
    }
}

/// The first way in which the server executes the statement, or why it does not.
async fn ways(
    statement: &str,
    words: &[Word],
    subject: &Subject,
    connection: &mut MySqlConnection,
) -> (How, Option<String>) {
    let chosen = words
        .iter()
        .any(|word| word.is("ALGORITHM") || word.is("LOCK"));
    for (algorithm, lock, how) in WAYS.into_iter().filter(|_| !chosen) {
        let clauses = match subject.kind {
            Kind::Index => format!("ALGORITHM = {algorithm} LOCK = {lock}"),
            _ => format!(", ALGORITHM = {algorithm}, LOCK = {lock}"),
        };
        // On a line of its own, since the statement may end with a comment.
        if run(&format!("{statement}\n{clauses}"), connection)
            .await
            .is_ok()
        {
            return (how, None);
        }
    }
    // Some changes take no clauses, and whoever wrote some has chosen.
    match run(statement, connection).await {
        Ok(()) => (How::Unknown, None),
        Err(error) => (How::Unknown, Some(escape(&error.to_string()).into_owned())),
    }
}

async fn run(statement: &str, connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .map(drop)
}

/// The table that a statement changes.
struct Subject {
    kind: Kind,
    table: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Alter,
    /// `CREATE INDEX` and `DROP INDEX`, whose clauses stand without commas.
    Index,
    /// `UPDATE` and `DELETE`.
    Rows,
}

fn subject(words: &[Word]) -> Option<Subject> {
    let first = words.first()?;
    let (kind, before) = if first.is("ALTER") {
        (Kind::Alter, "TABLE")
    } else if first.is("CREATE") || first.is("DROP") {
        let is_index = words.iter().take(5).any(|word| word.is("INDEX"));
        is_index.then_some((Kind::Index, "ON"))?
    } else if first.is("UPDATE") {
        (Kind::Rows, "UPDATE")
    } else if first.is("DELETE") {
        (Kind::Rows, "FROM")
    } else {
        return None;
    };
    let at = words.iter().position(|word| word.is(before))?;
    let skipped = ["IF", "EXISTS", "LOW_PRIORITY", "IGNORE"];
    let table = words[at + 1..]
        .iter()
        .find(|word| !skipped.iter().any(|skipped| word.is(skipped)))?;
    Some(Subject {
        kind,
        table: table.name()?.to_string(),
    })
}

/// Whether it names no other schema, and hides nothing: only then can a copy stand for the table.
fn is_local(words: &[Word]) -> bool {
    !words.contains(&Word::Symbol('.')) && !words.contains(&Word::Hidden)
}

/// A statement in a line, for the log and for whoever watches.
pub fn brief(statement: &str) -> String {
    const LONGEST: usize = 120;
    let lines = statement
        .lines()
        .filter(|line| !line.trim_start().starts_with("--") && !line.trim_start().starts_with('#'));
    let text: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    let text = text.join(" ");
    if text.chars().count() <= LONGEST {
        return text;
    }
    let cut: String = text.chars().take(LONGEST - 1).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_statement() {
        let table = |sql: &str| subject(&words(sql)).map(|subject| (subject.kind, subject.table));
        let of = |kind, table: &str| Some((kind, table.to_string()));
        assert_eq!(table("ALTER TABLE logs ADD a INT"), of(Kind::Alter, "logs"));
        assert_eq!(
            table("alter online table if exists `my logs` DROP a"),
            of(Kind::Alter, "my logs")
        );
        assert_eq!(
            table("CREATE UNIQUE INDEX i ON logs (a)"),
            of(Kind::Index, "logs")
        );
        assert_eq!(table("DROP INDEX i ON logs"), of(Kind::Index, "logs"));
        assert_eq!(table("UPDATE logs SET a = 1"), of(Kind::Rows, "logs"));
        assert_eq!(table("DELETE FROM logs"), of(Kind::Rows, "logs"));
        for other in [
            "CREATE TABLE logs (id INT)",
            "INSERT INTO logs VALUES (1)",
            "DROP TABLE logs",
            "ALTER DATABASE logs CHARACTER SET utf8mb4",
        ] {
            assert_eq!(table(other), None, "{other}");
        }
    }

    #[test]
    fn the_copies_are_never_in_the_schema_itself() {
        assert_eq!(beside("chatbot_db"), "chatbot_db_wmctl_scratch");
        let long = "a".repeat(64);
        assert_eq!(beside(&long).len(), 64);
        assert_ne!(beside(&long), long);
    }

    #[test]
    fn what_reaches_beyond_the_copy_is_not_executed_on_it() {
        assert!(is_local(&words("ALTER TABLE logs ADD a INT DEFAULT 1")));
        for sql in [
            "ALTER TABLE chatbot_db.logs DROP a",
            "ALTER TABLE logs RENAME TO other . logs",
            "ALTER TABLE logs /*! DROP a */",
        ] {
            assert!(!is_local(&words(sql)), "{sql}");
        }
    }

    #[test]
    fn a_line_for_a_statement() {
        assert_eq!(
            brief("-- why\nALTER TABLE logs\n    ADD a INT"),
            "ALTER TABLE logs ADD a INT"
        );
        assert_eq!(brief(&"é ".repeat(100)).chars().count(), 120);
    }
}
