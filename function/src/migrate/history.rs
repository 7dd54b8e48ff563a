//! What has been applied, and applying what has not.
//!
//! The server commits DDL by itself, so a file of several statements can stop in between. The
//! history therefore counts statements, and a later run goes on with the one that failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::AssertSqlSafe;
use sqlx::mysql::MySqlConnection;

use super::splitter::split;
use super::{Failure, Migration};
use crate::database::is_missing;
use crate::log::{self, Level};
use crate::sql::{Query, get};
use crate::time::Second;
use crate::{fields, untrusted::escape};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version         VARCHAR(16)     NOT NULL PRIMARY KEY,
    name            VARCHAR(200)    NOT NULL,
    checksum        CHAR(64)        NOT NULL COMMENT 'SHA-256 of the file with normalised line endings',
    state           VARCHAR(16)     NOT NULL COMMENT 'running, failed or applied',
    statements_done INT UNSIGNED    NOT NULL,
    done_checksum   CHAR(64)        NOT NULL COMMENT 'SHA-256 of the statements done',
    applied_at      DATETIME        NULL,
    duration_ms     BIGINT UNSIGNED NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET = ascii";

/// A file that was applied.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    pub version: String,
    pub name: String,
    pub checksum: String,
    pub applied_at: Option<Second>,
    pub duration_ms: u64,
}

/// A file that waits.
#[derive(Debug, Clone, Serialize)]
pub struct Pending {
    pub version: &'static str,
    pub name: &'static str,
}

/// A file that is no longer what was applied.
#[derive(Debug, Clone, Serialize)]
pub struct Changed {
    pub version: &'static str,
    pub name: &'static str,
    pub applied_checksum: String,
    pub checksum: String,
}

/// A file of which only a part was applied.
#[derive(Debug, Clone, Serialize)]
pub struct Dirty {
    pub version: String,
    pub name: String,
    /// The statement that failed or was interrupted, counted from 1.
    pub statement: u64,
}

/// Where the schema stands.
#[derive(Debug, Default, Serialize)]
pub struct Status {
    pub applied: Vec<Record>,
    pub pending: Vec<Pending>,
    pub changed: Vec<Changed>,
    pub dirty: Vec<Dirty>,
}

struct Row {
    applied: Record,
    state: String,
    done: u64,
    done_checksum: String,
}

/// Makes the history's table where there is none.
pub async fn create(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(CREATE).execute(connection).await.map(drop)
}

/// Compares the files with the history.
pub async fn status(
    files: &'static [Migration],
    connection: &mut MySqlConnection,
) -> Result<Status, sqlx::Error> {
    let rows = rows(connection).await?;
    let mut status = Status::default();
    for file in files {
        match rows.get(file.version) {
            Some(row) if row.state == "applied" => {
                let checksum = checksum(file.sql);
                if row.applied.checksum != checksum {
                    let applied_checksum = row.applied.checksum.clone();
                    status.changed.push(Changed {
                        version: file.version,
                        name: file.name,
                        applied_checksum,
                        checksum,
                    });
                }
            }
            _ => status.pending.push(Pending {
                version: file.version,
                name: file.name,
            }),
        }
    }
    for row in rows.into_values() {
        if row.state == "applied" {
            status.applied.push(row.applied);
        } else {
            let Record { version, name, .. } = row.applied;
            status.dirty.push(Dirty {
                version,
                name,
                statement: row.done + 1,
            });
        }
    }
    Ok(status)
}

async fn rows(connection: &mut MySqlConnection) -> Result<BTreeMap<String, Row>, sqlx::Error> {
    let query = "SELECT version, name, checksum, state, CAST(statements_done AS UNSIGNED) AS done, done_checksum, \
                 applied_at, duration_ms FROM schema_migrations";
    let found = match sqlx::query(query).fetch_all(connection).await {
        Err(error) if is_missing(&error) => Vec::new(),
        found => found?,
    };
    let mut rows = BTreeMap::new();
    for row in &found {
        let applied = Record {
            version: get(row, "version")?,
            name: get(row, "name")?,
            checksum: get(row, "checksum")?,
            applied_at: get::<Option<_>>(row, "applied_at")?.map(Second::new),
            duration_ms: get(row, "duration_ms")?,
        };
        let (state, done, done_checksum) = (
            get(row, "state")?,
            get(row, "done")?,
            get(row, "done_checksum")?,
        );
        rows.insert(
            applied.version.clone(),
            Row {
                applied,
                state,
                done,
                done_checksum,
            },
        );
    }
    Ok(rows)
}

/// Applies what is pending, in order, and says which versions that were.
/// Nothing is applied while a file differs from what was applied of it before.
pub async fn apply(
    files: &'static [Migration],
    connection: &mut MySqlConnection,
) -> Result<Vec<&'static str>, Failure> {
    let status = status(files, connection).await?;
    if let Some(changed) = status.changed.first() {
        return Err(Failure::new(
            "ChangedMigration",
            format!(
                "{}_{}.sql was changed after it had been applied: restore it and put the change into a new file",
                changed.version, changed.name
            ),
        ));
    }
    // All files are cut before the first is applied: a malformed one stops everything.
    let mut ready = Vec::new();
    let rows = rows(connection).await?;
    for pending in &status.pending {
        let Some(file) = files.iter().find(|file| file.version == pending.version) else {
            continue;
        };
        let statements = split(&normalise(file.sql)).map_err(|reason| {
            Failure::new("MalformedMigration", format!("{}: {reason}", file.file()))
        })?;
        let done = match rows.get(file.version) {
            None => 0,
            Some(row) => resume(file, &statements, row)?,
        };
        ready.push((file, statements, done));
    }
    let mut applied = Vec::new();
    for (file, statements, done) in ready {
        run(file, &statements, done, connection).await?;
        applied.push(file.version);
    }
    Ok(applied)
}

/// How many statements of a file stand already. They must still be what the file begins with.
fn resume(file: &Migration, statements: &[String], row: &Row) -> Result<usize, Failure> {
    let done = usize::try_from(row.done).unwrap_or(usize::MAX);
    let same = statements
        .get(..done)
        .is_some_and(|part| checksum(&part.join(";\n")) == row.done_checksum);
    if same {
        return Ok(done);
    }
    Err(Failure::new(
        "ChangedMigration",
        format!(
            "{} stopped after statement {done}, and what it begins with was changed since: restore the first {done} statements",
            file.file()
        ),
    ))
}

async fn run(
    file: &'static Migration,
    statements: &[String],
    done: usize,
    connection: &mut MySqlConnection,
) -> Result<(), Failure> {
    let started = Instant::now();
    let mut progress = Progress {
        file,
        statements,
        started,
    };
    progress.record("running", done, connection).await?;
    for (index, statement) in statements.iter().enumerate().skip(done) {
        let executed = sqlx::raw_sql(AssertSqlSafe(statement.as_str()))
            .execute(&mut *connection)
            .await;
        if let Err(error) = executed {
            // Where the connection is gone this fails too; "running" then says the same.
            let _ = progress.record("failed", index, connection).await;
            return Err(Failure::new(
                "FailedMigration",
                format!(
                    "{} failed at statement {} of {}: {}. What comes before it stays applied; \
                 mend this statement or the schema and migrate again: it goes on here",
                    file.file(),
                    index + 1,
                    statements.len(),
                    escape(&error.to_string())
                ),
            ));
        }
        let state = if index + 1 == statements.len() {
            "applied"
        } else {
            "running"
        };
        progress.record(state, index + 1, connection).await?;
    }
    if statements.len() == done {
        progress.record("applied", done, connection).await?;
    }
    log::write(
        Level::Info,
        "migration applied",
        fields! { version: file.version, name: file.name },
    );
    Ok(())
}

struct Progress<'a> {
    file: &'static Migration,
    statements: &'a [String],
    started: Instant,
}

impl Progress<'_> {
    async fn record(
        &mut self,
        state: &str,
        done: usize,
        connection: &mut MySqlConnection,
    ) -> Result<(), sqlx::Error> {
        let mut query = Query::new(
            "REPLACE INTO schema_migrations \
             (version, name, checksum, state, statements_done, done_checksum, applied_at, duration_ms) VALUES (",
        );
        let mut values = query.separated(", ");
        values
            .push_bind(self.file.version)
            .push_bind(self.file.name)
            .push_bind(checksum(self.file.sql));
        values
            .push_bind(state.to_string())
            .push_bind(u64::try_from(done).unwrap_or(u64::MAX));
        values.push_bind(checksum(&self.statements[..done].join(";\n")));
        values.push_bind((state == "applied").then(|| Second::now().sql()));
        values.push_bind(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX));
        query.push(")");
        query.build().execute(connection).await.map(drop)
    }
}

/// A file means the same whatever wrote its line ends.
fn normalise(sql: &str) -> String {
    sql.trim_start_matches('\u{feff}')
        .replace("\r\n", "\n")
        .replace('\r', "\n")
}

/// SHA-256 over the normalised text, in hexadecimal.
pub fn checksum(sql: &str) -> String {
    let digest = Sha256::digest(normalise(sql).as_bytes());
    digest
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_do_not_count() {
        assert_eq!(checksum("a\r\nb\r"), checksum("a\nb\n"));
        assert_eq!(checksum("\u{feff}a"), checksum("a"));
        assert_ne!(checksum("a b"), checksum("a  b"));
        assert_eq!(
            checksum("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
