//! Applying what is pending, one statement after the other.
//!
//! An invocation ends after a quarter of an hour at most, and a function that is ended leaves its
//! statement running in the server. So the server is told how long each may take, and takes back
//! what takes longer; between two statements a run stops in time, and the next goes on.

use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use sqlx::mysql::MySqlConnection;

use super::history::{self, State};
use super::rehearsal::{Effect, brief};
use super::{Failure, Migration};
use crate::database::{is_busy, is_lost, is_too_slow, is_undone};
use crate::fields;
use crate::log::{self, Level};
use crate::untrusted::escape;

/// What stands between the queries that run and those that come, not for long: a change of a table
/// waits for the former, and the latter wait for the change.
const SESSION: &str = "SET SESSION lock_wait_timeout = 10, innodb_lock_wait_timeout = 10";
/// How often a statement tries to get hold of a table that is in use.
const ATTEMPTS: u32 = 12;
/// Between two attempts the requests that piled up get their turn.
const PAUSE: Duration = Duration::from_secs(1);
/// For so many seconds requests that write may wait: not long before their callers give up.
const PATIENCE: u64 = 10;
/// What is kept for answering.
const RESERVE: Duration = Duration::from_secs(15);

/// The time that an invocation has for statements.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    end: Instant,
    /// As much as one may have.
    full: Duration,
}

impl Time {
    /// From what an invocation has as it begins.
    pub fn of(remaining: Duration) -> Self {
        let full = remaining.saturating_sub(RESERVE.min(remaining / 4));
        Self {
            end: Instant::now() + full,
            full,
        }
    }

    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Whether another invocation would have noticeably more.
    fn is_spent(&self) -> bool {
        self.left() < self.full * 3 / 4
    }

    /// The longest that a statement may take, in seconds.
    pub fn longest(&self) -> u64 {
        self.full.as_secs()
    }
}

/// What a run is to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// The last version to apply; all of them where there is none.
    pub to: Option<&'a str>,
    /// What the caller finds this run's log lines by.
    pub run: Option<&'a str>,
    pub allow_slow: bool,
}

/// What a run did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub versions: Vec<&'static str>,
    /// There was no time for the rest: another run goes on.
    pub more: bool,
}

/// A file with what is left of it to execute.
pub struct Ready {
    pub file: &'static Migration,
    pub statements: Vec<String>,
    pub done: usize,
    /// How long it has taken before.
    millis: u64,
}

/// What is pending up to `to`, cut into statements: a malformed or changed file stops everything
/// before anything is executed, and so does a statement of which nobody knows whether it was.
pub async fn ready(
    files: &'static [Migration],
    to: Option<&str>,
    connection: &mut MySqlConnection,
) -> Result<Vec<Ready>, Failure> {
    known(files, to)?;
    let status = history::status(files, connection).await?;
    if let Some(changed) = status.changed.first() {
        return Err(Failure::new(
            "ChangedMigration",
            format!(
                "{}_{}.sql was changed after it had been applied: restore it and put the change into a new file",
                changed.version, changed.name
            ),
        ));
    }
    let rows = history::rows(connection).await?;
    if let Some(row) = rows.values().find(|row| row.state == State::Running) {
        return Err(Failure::new(
            "CutOff",
            format!(
                "statement {} of {}_{}.sql was under way when the run before was cut off, and whether it took effect is not known",
                row.done + 1,
                row.applied.version,
                row.applied.name
            ),
        ));
    }
    let mut ready = Vec::new();
    for pending in &status.pending {
        let Some(file) = files.iter().find(|file| file.version == pending.version) else {
            continue;
        };
        let statements = history::statements(file)?;
        let (done, millis) = match rows.get(file.version) {
            None => (0, 0),
            Some(row) => (
                history::resume(file, &statements, row)?,
                row.applied.duration_ms,
            ),
        };
        if to.is_none_or(|to| file.version <= to) {
            ready.push(Ready {
                file,
                statements,
                done,
                millis,
            });
        }
    }
    Ok(ready)
}

/// The same where nothing is applied, since there is no schema yet.
pub fn all(files: &'static [Migration], to: Option<&str>) -> Result<Vec<Ready>, Failure> {
    known(files, to)?;
    let files = files
        .iter()
        .filter(|file| to.is_none_or(|to| file.version <= to));
    let ready = files.map(|file| {
        Ok(Ready {
            file,
            statements: history::statements(file)?,
            done: 0,
            millis: 0,
        })
    });
    ready.collect()
}

fn known(files: &[Migration], to: Option<&str>) -> Result<(), Failure> {
    let Some(to) = to.filter(|to| !files.iter().any(|file| file.version == *to)) else {
        return Ok(());
    };
    let known: Vec<&str> = files.iter().map(|file| file.version).collect();
    let known = known.join(", ");
    Err(Failure::new(
        "UnknownMigration",
        format!("there is no migration {to}; the migrator carries {known}"),
    ))
}

/// Refuses what cannot be done within an invocation, or not without requests that fail, before
/// anything is executed. Whoever allows it is told of the latter all the same.
pub fn fits(effects: &[Effect], time: Time, wish: Wish<'_>) -> Result<(), Failure> {
    let refused = |kind, effect: &Effect, why: &str| {
        Failure::new(
            kind,
            format!(
                "statement {} of {} {why}: {} has {} rows in {} MB, which seems to take {} s. Nothing was changed",
                effect.statement,
                effect.file,
                effect.table,
                effect.rows,
                effect.bytes / 1_000_000,
                effect.seconds
            ),
        )
    };
    for effect in effects {
        if !wish.allow_slow && effect.seconds > time.longest() {
            let longest = time.longest() / 60;
            let why = format!("does not fit in an invocation, which has {longest} minutes");
            return Err(refused("TooLong", effect, &why));
        }
        if !effect.keeps_writers_waiting() {
            continue;
        }
        if !wish.allow_slow && effect.seconds > PATIENCE {
            return Err(refused("Locks", effect, "keeps everybody from writing"));
        }
        log::write(
            Level::Warn,
            "writing has to wait",
            fields! {
                run: wish.run, file: effect.file.as_str(), statement: effect.statement,
                table: effect.table.as_str(), rows: effect.rows, estimate_s: effect.seconds
            },
        );
    }
    Ok(())
}

/// Applies what is ready, in order, for as long as there is time.
pub async fn apply(
    ready: Vec<Ready>,
    effects: &[Effect],
    time: Time,
    wish: Wish<'_>,
    connection: &mut MySqlConnection,
) -> Result<Applied, Failure> {
    sqlx::raw_sql(SESSION).execute(&mut *connection).await?;
    let mut applied = Applied::default();
    // Whether this run has executed anything: what it did not begin with may need more time.
    let mut begun = false;
    for mut next in ready {
        if next.done == next.statements.len() {
            next.record(State::Applied, connection).await?;
        }
        while next.done < next.statements.len() {
            let seconds = effects
                .iter()
                .find(|effect| effect.is_of(next.file, next.done))
                .map_or(0, |effect| effect.seconds);
            let needed = Duration::from_secs(seconds).max(time.full / 4);
            if begun && time.is_spent() && time.left() < needed {
                applied.more = true;
                return Ok(applied);
            }
            begun = true;
            if !next.execute(time, wish.run, connection).await? {
                applied.more = true;
                return Ok(applied);
            }
        }
        applied.versions.push(next.file.version);
        log::write(
            Level::Info,
            "migration applied",
            fields! { run: wish.run, version: next.file.version, name: next.file.name },
        );
    }
    Ok(applied)
}

impl Ready {
    async fn record(
        &self,
        state: State,
        connection: &mut MySqlConnection,
    ) -> Result<(), sqlx::Error> {
        history::record(
            self.file,
            &self.statements,
            state,
            self.done,
            self.millis,
            connection,
        )
        .await
    }

    /// Executes the next statement. False where the server took it back because this run has not
    /// the time for it, and another would have.
    async fn execute(
        &mut self,
        time: Time,
        run: Option<&str>,
        connection: &mut MySqlConnection,
    ) -> Result<bool, Failure> {
        let (number, of) = (self.done + 1, self.statements.len());
        let statement = self.statements[self.done].clone();
        let line = |mut more: serde_json::Map<String, serde_json::Value>| {
            more.extend(fields! {
                run: run, file: self.file.file(), statement: number, of: of, sql: brief(&statement)
            });
            more
        };
        log::write(Level::Info, "statement started", line(fields! {}));
        self.record(State::Running, connection).await?;
        let (started, fresh) = (Instant::now(), !time.is_spent());
        let outcome = patiently(&statement, time, connection).await;
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let said = match &outcome {
            Ok(()) => "statement done",
            Err(_) => "statement failed",
        };
        log::write(Level::Info, said, line(fields! { duration_ms: millis }));
        self.millis += millis;
        let Err(error) = outcome else {
            self.done += 1;
            let state = if self.done == of {
                State::Applied
            } else {
                State::Stopped
            };
            self.record(state, connection).await?;
            return Ok(true);
        };
        let file = self.file.file();
        if is_lost(&error) {
            return Err(Failure::new(
                "CutOff",
                format!(
                    "the connection was lost during statement {number} of {file}, and whether it took effect is not known: {}",
                    escape(&error.to_string())
                ),
            ));
        }
        if is_too_slow(&error) && !fresh {
            self.record(State::Stopped, connection).await?;
            return Ok(false);
        }
        self.record(State::Failed, connection).await?;
        if is_too_slow(&error) {
            let seconds = millis / 1000;
            return Err(Failure::new(
                "TooLong",
                format!(
                    "statement {number} of {file} was not done after {seconds} s, which is all that an invocation has, and the server took it back"
                ),
            ));
        }
        let in_use = if is_busy(&error) {
            ". Queries have held its table all the while"
        } else {
            ""
        };
        Err(Failure::new(
            "FailedMigration",
            format!(
                "{file} failed at statement {number} of {of}: {}{in_use}. What comes before it stays applied",
                escape(&error.to_string())
            ),
        ))
    }
}

/// Executes a statement within what is left of the time. Where its table is in use, it lets
/// others go before and tries again.
async fn patiently(
    statement: &str,
    time: Time,
    connection: &mut MySqlConnection,
) -> Result<(), sqlx::Error> {
    let mut attempt = 1;
    loop {
        let left = time.left().max(Duration::from_secs(1)).as_secs_f64();
        let limited = format!("SET SESSION max_statement_time = {left:.3}");
        sqlx::raw_sql(AssertSqlSafe(limited))
            .execute(&mut *connection)
            .await?;
        let outcome = sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await;
        let again = |error: &sqlx::Error| is_busy(error) || is_deadlock(error);
        match outcome {
            Err(error) if again(&error) && attempt < ATTEMPTS && !time.left().is_zero() => {
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            outcome => {
                let unlimited = "SET SESSION max_statement_time = 0";
                let reset = sqlx::raw_sql(unlimited).execute(&mut *connection).await;
                return outcome.and(reset).map(drop);
            }
        }
    }
}

/// A victim that was chosen among several, and taken back.
fn is_deadlock(error: &sqlx::Error) -> bool {
    is_undone(error) && error.to_string().contains("Deadlock")
}
