//! The migrator: brings the schema up to date, makes the application's users, and rotates
//! passwords.

mod administrator;
mod history;
mod maintenance;
mod partitions;
mod rotation;
mod splitter;
mod user;

use std::time::{Duration, Instant};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Row as _};

use crate::database;
use crate::deadline::remaining;
use crate::fields;
use crate::log::{self, Level};
use crate::secrets::Vault;
use crate::settings::{Credentials, Target, environment, required};
use history::Status;
use maintenance::Maintenance;
use rotation::Rotation;

/// One SQL file of the folder that was embedded.
#[derive(Debug)]
pub struct Migration {
    pub version: &'static str,
    pub name: &'static str,
    pub sql: &'static str,
}

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
    kind: &'static str,
    message: String,
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
        Self::new("Database", error.to_string())
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Status,
    Migrate,
    /// Partitions and roll-ups; with `rebuild`, the roll-ups anew.
    Maintain {
        rebuild: bool,
    },
}

impl Action {
    /// Only the bare action: whatever came through a gateway carries more.
    fn read(event: &Value) -> Result<Self, Failure> {
        let only = event
            .as_object()
            .filter(|object| object.len() == 1)
            .and_then(|object| object.get("action"));
        match only.and_then(Value::as_str) {
            Some("status") => Ok(Self::Status),
            Some("migrate") => Ok(Self::Migrate),
            Some("maintain") => Ok(Self::Maintain { rebuild: false }),
            Some("rebuild") => Ok(Self::Maintain { rebuild: true }),
            _ => Err(Failure::new(
                "InvalidEvent",
                r#"the event must be {"action": "status"}, "migrate", "maintain" or "rebuild""#,
            )),
        }
    }
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    status: Status,
    newly_applied: Vec<&'static str>,
    app_user: Option<String>,
    /// What was done for partitions and roll-ups.
    #[serde(flatten)]
    maintenance: Option<Maintenance>,
}

/// What a sandbox keeps: the client for the secrets, never the secrets.
#[derive(Default)]
pub struct Migrator {
    vault: Vault,
}

impl Migrator {
    /// Answers one invocation.
    pub async fn handle(&mut self, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
        let started = Instant::now();
        let outcome = self
            .answer(&event.payload, remaining(event.context.deadline))
            .await;
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = fields! { request_id: event.context.request_id, duration_ms: millis };
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
        let target = target()?;
        let retention = maintenance::retention(&environment)
            .map_err(|reason| Failure::new("Settings", reason))?;
        let started = Instant::now();
        let (mut connection, administrator) =
            administrator::connect(&mut self.vault, &target).await?;
        match action {
            Action::Status => {
                let status = match select(&target, &mut connection).await {
                    Err(error) if database::is_missing(&error) => pending(),
                    selected => {
                        selected?;
                        history::status(MIGRATIONS, &mut connection).await?
                    }
                };
                Ok(Answer {
                    status,
                    newly_applied: Vec::new(),
                    app_user: None,
                    maintenance: None,
                })
            }
            Action::Migrate => {
                lock(&target, remaining, &mut connection).await?;
                // Under the lock, under which alone a rotation changes it in the database.
                let app = self.login("DB_SECRET_ARN").await?;
                create_schema(&target, &mut connection).await?;
                select(&target, &mut connection).await?;
                history::create(&mut connection).await?;
                let newly_applied = history::apply(MIGRATIONS, &mut connection).await?;
                user::ensure(&target, &app, &administrator.username, &mut connection).await?;
                let other = rotation::partner(&app.username);
                user::ensure_grants(&target, &other, &mut connection).await?;
                let time = remaining.saturating_sub(started.elapsed()) / 4;
                let maintenance = maintenance::run(false, retention, time, &mut connection).await?;
                let status = history::status(MIGRATIONS, &mut connection).await?;
                // Dropping the connection releases the lock.
                Ok(Answer {
                    status,
                    newly_applied,
                    app_user: Some(app.username),
                    maintenance: Some(maintenance),
                })
            }
            Action::Maintain { rebuild } => {
                lock(&target, remaining, &mut connection).await?;
                select(&target, &mut connection).await?;
                let time = remaining.saturating_sub(started.elapsed()) / 2;
                let maintenance =
                    maintenance::run(rebuild, retention, time, &mut connection).await?;
                Ok(Answer {
                    status: history::status(MIGRATIONS, &mut connection).await?,
                    newly_applied: Vec::new(),
                    app_user: None,
                    maintenance: Some(maintenance),
                })
            }
        }
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

/// The status of a schema that does not exist.
fn pending() -> Status {
    let all = MIGRATIONS.iter().map(|file| history::Pending {
        version: file.version,
        name: file.name,
    });
    Status {
        pending: all.collect(),
        ..Status::default()
    }
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

/// Waits for another run to end. The server gives the lock back when the connection ends, however it ends.
async fn lock(
    target: &Target,
    remaining: Duration,
    connection: &mut MySqlConnection,
) -> Result<(), Failure> {
    let seconds = (remaining / 2).as_secs().clamp(1, 300);
    let row = sqlx::query("SELECT GET_LOCK(?, ?)")
        .bind(
            format!("wmctl_migrate_{}", target.name)
                .chars()
                .take(64)
                .collect::<String>(),
        )
        .bind(seconds)
        .fetch_one(connection)
        .await?;
    match row.try_get::<Option<i64>, _>(0)? {
        Some(1) => Ok(()),
        _ => Err(Failure::new(
            "Locked",
            format!("another migration is still running after {seconds} s"),
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_bare_action_is_an_event() {
        assert_eq!(
            Action::read(&json!({"action": "status"})).unwrap(),
            Action::Status
        );
        assert_eq!(
            Action::read(&json!({"action": "migrate"})).unwrap(),
            Action::Migrate
        );
        for event in [
            json!({"action": "drop"}),
            json!({"action": "migrate", "httpMethod": "POST"}),
            json!({"httpMethod": "POST", "body": "{\"action\":\"migrate\"}"}),
            json!({"version": "2.0", "routeKey": "$default"}),
            json!("migrate"),
            json!(null),
        ] {
            assert_eq!(Action::read(&event).unwrap_err().kind, "InvalidEvent");
        }
    }

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
