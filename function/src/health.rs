//! The health check: what an operator's direct invocation is told.

use serde_json::{Value, json};
use sqlx::Row as _;

use crate::database::{
    Database, PING, Unready, cause, is_access_denied, is_forbidden, is_missing, within,
};
use crate::deadline::Deadline;
use crate::fields;
use crate::log::{self, Level};
use crate::secrets::Secrets;

/// Whether secrets, database and schema are as they must be; the error is one sentence
/// without a secret or a host, and its cause is in the log.
pub async fn check(
    secrets: &mut Secrets,
    database: &mut Database,
    deadline: &Deadline,
) -> Result<Value, String> {
    let keys = secrets
        .keys(deadline)
        .await
        .map_err(|error| hide("the API keys cannot be read", &error))?
        .len();
    if keys == 0 {
        return Err("no API key is accepted".into());
    }
    let connection = match database.ready(secrets, true, deadline).await {
        Ok((connection, _)) => connection,
        Err(Unready::Secrets(error)) => {
            return Err(hide("the database's secret cannot be read", &error));
        }
        Err(Unready::Database(error)) if is_access_denied(&error) => {
            return Err(hide(
                "the database refused the function's user",
                &cause(&error),
            ));
        }
        Err(Unready::Database(error)) => {
            return Err(hide("the database cannot be reached", &cause(&error)));
        }
    };
    let newest = "SELECT version, state FROM schema_migrations ORDER BY state = 'applied', version DESC LIMIT 1";
    let query = sqlx::query(newest).fetch_optional(connection);
    let row = match within(PING, query).await {
        Ok(row) => row.ok_or("the schema has not been migrated")?,
        Err(error) if is_missing(&error) || is_forbidden(&error) => {
            return Err("the schema has not been migrated".into());
        }
        Err(error) => {
            database.discard();
            return Err(hide("the schema's version cannot be read", &cause(&error)));
        }
    };
    let column = |name| {
        row.try_get::<String, _>(name)
            .map_err(|error| hide("the schema's version cannot be read", &cause(&error)))
    };
    let (version, state) = (column("version")?, column("state")?);
    if state != "applied" {
        return Err(format!("migration {version} was not finished"));
    }
    Ok(json!({ "ok": true, "database": "reachable", "schema": version, "keys": keys }))
}

/// The short form for the caller; the whole for the log.
fn hide(reason: &str, cause: &str) -> String {
    log::write(Level::Error, reason, fields! { detail: cause });
    reason.into()
}
