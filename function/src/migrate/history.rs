//! What has been applied.
//!
//! The server commits DDL by itself, so a file of several statements can stop in between. The
//! history therefore counts statements, and notes each before it begins: of one that did not end
//! under its run's eyes nobody knows whether it took effect, and a person has to look.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::mysql::MySqlConnection;

use super::event::Finding;
use super::splitter::split;
use super::{Failure, Migration};
use crate::database::is_missing;
use crate::sql::{Query, get};
use crate::time::Second;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version         VARCHAR(16)     NOT NULL PRIMARY KEY,
    name            VARCHAR(200)    NOT NULL,
    checksum        CHAR(64)        NOT NULL COMMENT 'SHA-256 of the file with normalised line endings',
    state           VARCHAR(16)     NOT NULL COMMENT 'running, stopped, failed or applied',
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
    pub state: State,
    /// The statement that comes next, failed or was cut off, counted from 1.
    pub statement: u64,
    /// Its text, where the file is still there.
    pub sql: Option<String>,
}

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A statement is under way; where no run is, it was cut off.
    Running,
    /// Between two statements, for lack of time or because an operator has looked.
    Stopped,
    /// The server refused a statement, and took back whatever it had done of it.
    Failed,
    Applied,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Applied => "applied",
        }
    }

    /// Whatever is not known may have been under way.
    fn read(name: &str) -> Self {
        [Self::Stopped, Self::Failed, Self::Applied]
            .into_iter()
            .find(|state| state.name() == name)
            .unwrap_or(Self::Running)
    }
}

/// Where the schema stands.
#[derive(Debug, Default, Serialize)]
pub struct Status {
    pub applied: Vec<Record>,
    pub pending: Vec<Pending>,
    pub changed: Vec<Changed>,
    pub dirty: Vec<Dirty>,
}

/// What the history knows of a file.
pub struct Row {
    pub applied: Record,
    pub state: State,
    pub done: u64,
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
            Some(row) if row.state == State::Applied => {
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
        if row.state == State::Applied {
            status.applied.push(row.applied);
        } else {
            let Record { version, name, .. } = row.applied;
            let file = files.iter().find(|file| file.version == version);
            status.dirty.push(Dirty {
                sql: file.and_then(|file| statement(file, row.done)),
                version,
                name,
                state: row.state,
                statement: row.done + 1,
            });
        }
    }
    Ok(status)
}

/// What the history knows, by version.
pub async fn rows(connection: &mut MySqlConnection) -> Result<BTreeMap<String, Row>, sqlx::Error> {
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
        let (state, done, done_checksum): (String, _, _) = (
            get(row, "state")?,
            get(row, "done")?,
            get(row, "done_checksum")?,
        );
        rows.insert(
            applied.version.clone(),
            Row {
                applied,
                state: State::read(&state),
                done,
                done_checksum,
            },
        );
    }
    Ok(rows)
}

/// The statements of a file, by which they are counted.
pub fn statements(file: &Migration) -> Result<Vec<String>, Failure> {
    split(&normalise(file.sql))
        .map_err(|reason| Failure::new("MalformedMigration", format!("{}: {reason}", file.file())))
}

fn statement(file: &Migration, done: u64) -> Option<String> {
    let index = usize::try_from(done).ok()?;
    statements(file).ok()?.into_iter().nth(index)
}

/// How many statements of a file stand already. They must still be what the file begins with.
pub fn resume(file: &Migration, statements: &[String], row: &Row) -> Result<usize, Failure> {
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

/// Writes down how far a file has come, and how long that took in all.
pub async fn record(
    file: &Migration,
    statements: &[String],
    state: State,
    done: usize,
    millis: u64,
    connection: &mut MySqlConnection,
) -> Result<(), sqlx::Error> {
    let mut query = Query::new(
        "REPLACE INTO schema_migrations \
         (version, name, checksum, state, statements_done, done_checksum, applied_at, duration_ms) VALUES (",
    );
    let mut values = query.separated(", ");
    values
        .push_bind(file.version)
        .push_bind(file.name)
        .push_bind(checksum(file.sql))
        .push_bind(state.name())
        .push_bind(u64::try_from(done).unwrap_or(u64::MAX))
        .push_bind(checksum(&statements[..done].join(";\n")))
        .push_bind((state == State::Applied).then(|| Second::now().sql()))
        .push_bind(millis);
    query.push(")");
    query.build().execute(connection).await.map(drop)
}

/// Takes an operator's word for the statement that failed or was cut off.
pub async fn repair(
    files: &'static [Migration],
    finding: Finding,
    connection: &mut MySqlConnection,
) -> Result<(), Failure> {
    let rows = rows(connection).await?;
    let dirty = |row: &&Row| matches!(row.state, State::Failed | State::Running);
    let Some(row) = rows.values().find(dirty) else {
        return Err(Failure::new(
            "NothingToRepair",
            "no statement has failed or was cut off",
        ));
    };
    let version = row.applied.version.as_str();
    let Some(file) = files.iter().find(|file| file.version == version) else {
        return Err(Failure::new(
            "UnknownMigration",
            format!(
                "{version}_{} was begun, and this migrator does not carry it: deploy one that does",
                row.applied.name
            ),
        ));
    };
    let statements = statements(file)?;
    let mut done = resume(file, &statements, row)?;
    if finding == Finding::Done {
        done = (done + 1).min(statements.len());
    }
    let state = if done == statements.len() {
        State::Applied
    } else {
        State::Stopped
    };
    let millis = row.applied.duration_ms;
    record(file, &statements, state, done, millis, connection).await?;
    Ok(())
}

/// A file means the same whatever wrote its line ends.
fn normalise(sql: &str) -> String {
    sql.trim_start_matches('\u{feff}')
        .replace("\r\n", "\n")
        .replace('\r', "\n")
}

/// SHA-256 over the normalised text, in hexadecimal.
pub fn checksum(sql: &str) -> String {
    hex::encode(Sha256::digest(normalise(sql)))
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
