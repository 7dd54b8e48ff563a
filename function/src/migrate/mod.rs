//! The migrator: brings the schema up to date, makes the application's users, and rotates
//! passwords.

mod administrator;
pub mod apply;
pub mod event;
pub mod history;
mod lock;
mod maintenance;
mod partitions;
pub mod rehearsal;
mod rotation;
mod splitter;
mod user;
mod words;

use std::time::{Duration, Instant};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::mysql::MySqlConnection;

use crate::database;
use crate::deadline::remaining;
use crate::fields;
use crate::log::{self, Level};
use crate::secrets::Vault;
use crate::settings::{Credentials, Target, environment, required};
use apply::{Applied, Ready, Time, Wish};
use event::{Action, Finding};
use history::Status;
use maintenance::Maintenance;
use rehearsal::Effect;
use rotation::Rotation;

/// One SQL file of the folder that was embedded.
#[derive(Debug)]
pub struct Migration {
    pub version: &'static str,
    pub name: &'static str,
    pub sql: &'static str,
}

/// The files that a run works with.
pub type Files = &'static [Migration];

impl Migration {
    /// The file's name.
    fn file(&self) -> String {
        format!("{}_{}.sql", self.version, self.name)
    }
}

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Why the migrator did not do what it was asked to. It reaches the caller as a function error.
#[derive(Debug)]
pub struct Failure {
    pub kind: &'static str,
    pub message: String,
}

impl Failure {
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let message = if database::is_access_denied(&error) {
            database::cause(&error)
        } else {
            error.to_string()
        };
        Self::new("Database", message)
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.kind.into(),
            error_message: failure.message,
        }
    }
}

#[derive(Debug, Default, Serialize)]
pub struct Answer {
    #[serde(flatten)]
    pub status: Status,
    /// Whether a run has the lock.
    pub under_way: bool,
    pub newly_applied: Vec<&'static str>,
    /// There was no time for the rest: the same action goes on.
    pub more: bool,
    pub app_user: Option<String>,
    /// What is pending, where that was asked for.
    pub plan: Option<Vec<Planned>>,
    /// What was done for partitions and roll-ups.
    #[serde(flatten)]
    maintenance: Option<Maintenance>,
}

/// A file of which something is left to execute.
#[derive(Debug, Serialize)]
pub struct Planned {
    pub version: &'static str,
    pub name: &'static str,
    /// How many statements stand already.
    pub done: usize,
    /// All of them.
    pub statements: Vec<String>,
    pub effects: Vec<Effect>,
}

/// What a sandbox keeps: the client for the secrets, never the secrets.
#[derive(Default)]
pub struct Migrator {
    vault: Vault,
}

impl Migrator {
    /// Answers one invocation.
    pub async fn handle(&mut self, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
        log::begin(&event.context);
        let started = Instant::now();
        let outcome = self
            .answer(&event.payload, remaining(event.context.deadline))
            .await;
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let run = event.payload["run"].as_str();
        let line = fields! { request_id: event.context.request_id, run: run, duration_ms: millis };
        match outcome {
            Ok(answer) => {
                log::write(Level::Info, "answered", line);
                Ok(answer)
            }
            Err(failure) => {
                log::write(Level::Error, &failure.message, line);
                Err(failure.into())
            }
        }
    }

    async fn answer(&mut self, event: &Value, remaining: Duration) -> Result<Value, Failure> {
        let answer = match Rotation::read(event)? {
            Some(rotation) => {
                let target = target()?;
                let rotated = rotation.run(&mut self.vault, &target, remaining);
                serde_json::to_value(rotated.await?)
            }
            None => serde_json::to_value(self.act(event, remaining).await?),
        };
        answer.map_err(|error| Failure::new("Answer", error.to_string()))
    }

    async fn act(&mut self, event: &Value, remaining: Duration) -> Result<Answer, Failure> {
        let action = Action::read(event)?;
        let retention = maintenance::retention(&environment)
            .map_err(|reason| Failure::new("Settings", reason))?;
        let target = target()?;
        let (started, time) = (Instant::now(), Time::of(remaining));
        let (mut connection, administrator) =
            administrator::connect(&mut self.vault, &target).await?;
        let left = || remaining.saturating_sub(started.elapsed());
        let mut answer = Answer::default();
        match action {
            Action::Status {} => {}
            Action::Plan { to } => {
                let plan = plan(MIGRATIONS, &target, to.as_deref(), time, &mut connection).await?;
                answer.plan = Some(plan);
            }
            Action::Migrate {
                to,
                run,
                allow_slow,
            } => {
                let wish = Wish {
                    to: to.as_deref(),
                    run: run.as_deref(),
                    allow_slow,
                };
                let applied = migrate(MIGRATIONS, &target, wish, time, &mut connection).await?;
                answer.newly_applied = applied.versions;
                answer.more = applied.more;
                if !applied.more {
                    // Under the lock, under which alone a rotation changes it in the database.
                    let app = self.login("DB_SECRET_ARN").await?;
                    user::ensure(&target, &app, &administrator.username, &mut connection).await?;
                    let other = rotation::partner(&app.username);
                    user::ensure_grants(&target, &other, &mut connection).await?;
                    answer.app_user = Some(app.username);
                    let time = left() / 4;
                    let done = maintenance::run(false, retention, time, &mut connection).await?;
                    answer.maintenance = Some(done);
                }
            }
            Action::Repair { statement } => {
                repair(MIGRATIONS, &target, statement, time, &mut connection).await?;
            }
            Action::Maintain {} | Action::Rebuild {} => {
                let rebuild = action == Action::Rebuild {};
                lock::take(&target, left(), None, &mut connection).await?;
                select(&target, &mut connection).await?;
                let time = left() / 2;
                let done = maintenance::run(rebuild, retention, time, &mut connection).await?;
                answer.maintenance = Some(done);
            }
        }
        // Dropping the connection releases the lock.
        answer.status = status(MIGRATIONS, &target, &mut connection).await?;
        answer.under_way = lock::is_held_by_another(&target, &mut connection).await?;
        Ok(answer)
    }

    async fn login(&mut self, variable: &str) -> Result<Credentials, Failure> {
        let arn =
            required(&environment, variable).map_err(|reason| Failure::new("Settings", reason))?;
        self.vault
            .login(&arn)
            .await
            .map_err(|reason| Failure::new("Secrets", format!("{variable}: {reason}")))
    }
}

fn target() -> Result<Target, Failure> {
    Target::read(&environment).map_err(|reason| Failure::new("Settings", reason))
}

/// What is applied and what is pending, also of a schema that does not exist.
pub async fn status(
    files: Files,
    target: &Target,
    connection: &mut MySqlConnection,
) -> Result<Status, Failure> {
    match select(target, connection).await {
        Err(error) if database::is_missing(&error) => {
            let all = files.iter().map(|file| history::Pending {
                version: file.version,
                name: file.name,
            });
            Ok(Status {
                pending: all.collect(),
                ..Status::default()
            })
        }
        selected => {
            selected?;
            Ok(history::status(files, connection).await?)
        }
    }
}

/// Applies what is pending, while no other run does.
pub async fn migrate(
    files: Files,
    target: &Target,
    wish: Wish<'_>,
    time: Time,
    connection: &mut MySqlConnection,
) -> Result<Applied, Failure> {
    lock::take(target, time.left(), wish.run, connection).await?;
    create_schema(target, connection).await?;
    select(target, connection).await?;
    history::create(connection).await?;
    let ready = apply::ready(files, wish.to, connection).await?;
    let effects = rehearsal::rehearse(&ready, target, rehearsal::LARGE, connection).await?;
    apply::fits(&effects, time, wish)?;
    apply::apply(ready, &effects, time, wish, connection).await
}

/// What is pending, statement by statement, and what it would do to the tables that are there.
pub async fn plan(
    files: Files,
    target: &Target,
    to: Option<&str>,
    time: Time,
    connection: &mut MySqlConnection,
) -> Result<Vec<Planned>, Failure> {
    lock::take(target, time.left(), None, connection).await?;
    let (ready, effects) = match select(target, connection).await {
        Err(error) if database::is_missing(&error) => (apply::all(files, to)?, Vec::new()),
        selected => {
            selected?;
            let ready = apply::ready(files, to, connection).await?;
            let effects = rehearsal::rehearse(&ready, target, 1, connection).await?;
            (ready, effects)
        }
    };
    let planned = |ready: Ready| Planned {
        version: ready.file.version,
        name: ready.file.name,
        done: ready.done,
        effects: effects
            .iter()
            .filter(|effect| effect.file == ready.file.file())
            .cloned()
            .collect(),
        statements: ready.statements,
    };
    Ok(ready.into_iter().map(planned).collect())
}

/// Takes an operator's word for the statement that failed or was cut off, while no run is under way.
pub async fn repair(
    files: Files,
    target: &Target,
    finding: Finding,
    time: Time,
    connection: &mut MySqlConnection,
) -> Result<(), Failure> {
    lock::take(target, time.left(), None, connection).await?;
    select(target, connection).await?;
    history::repair(files, finding, connection).await
}

/// The name was checked when it was read from the settings.
async fn select(target: &Target, connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(format!("USE `{}`", target.name)))
        .execute(connection)
        .await
        .map(drop)
}

async fn create_schema(
    target: &Target,
    connection: &mut MySqlConnection,
) -> Result<(), sqlx::Error> {
    let statement = format!(
        "CREATE DATABASE IF NOT EXISTS `{}` CHARACTER SET utf8mb4",
        target.name
    );
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_files_can_be_cut() {
        assert!(!MIGRATIONS.is_empty());
        for file in MIGRATIONS {
            assert!(
                !splitter::split(file.sql).unwrap().is_empty(),
                "{}",
                file.file()
            );
        }
    }
}
