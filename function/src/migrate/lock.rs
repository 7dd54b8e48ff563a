//! The lock in the database: one run at a time, whoever started it and wherever.
//!
//! The server gives it back when its connection ends, however that ends. A statement that outlives
//! its function keeps it for as long as it runs, so that the next run waits for that one too.

use std::time::{Duration, Instant};

use sqlx::mysql::MySqlConnection;

use super::Failure;
use crate::fields;
use crate::log::{self, Level};
use crate::settings::Target;
use crate::sql::get;

/// How long to wait before saying again what is waited for, in seconds.
const LOOK: u64 = 5;
/// A function that is ended between two statements says no farewell: soon after, the server takes
/// its connection for gone, and the lock with it.
const SESSION: &str = "SET SESSION wait_timeout = 120";

fn name(target: &Target) -> String {
    let name = format!("wmctl_migrate_{}", target.name);
    name.chars().take(64).collect()
}

/// Waits for another run to end, for half of the time that there is.
pub async fn take(
    target: &Target,
    time: Duration,
    run: Option<&str>,
    connection: &mut MySqlConnection,
) -> Result<(), Failure> {
    sqlx::raw_sql(SESSION).execute(&mut *connection).await?;
    let (started, patience) = (Instant::now(), time / 2);
    let mut said = String::new();
    loop {
        let left = patience.saturating_sub(started.elapsed());
        let row = sqlx::query("SELECT GET_LOCK(?, ?)")
            .bind(name(target))
            .bind(left.as_secs().clamp(1, LOOK))
            .fetch_one(&mut *connection)
            .await?;
        if get::<Option<i64>>(&row, 0)? == Some(1) {
            return Ok(());
        }
        let holder = holder(target, connection).await?;
        if started.elapsed() >= patience {
            let seconds = patience.as_secs();
            return Err(Failure::new(
                "Locked",
                format!("another migration is still running after {seconds} s{holder}"),
            ));
        }
        if holder != said {
            log::write(
                Level::Info,
                "waiting for another migration",
                fields! { run: run, holder: holder.trim_start_matches(": ") },
            );
            said = holder;
        }
    }
}

/// Whether another run is under way.
pub async fn is_held_by_another(
    target: &Target,
    connection: &mut MySqlConnection,
) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("SELECT COALESCE(IS_USED_LOCK(?) <> CONNECTION_ID(), FALSE)")
        .bind(name(target))
        .fetch_one(connection)
        .await?;
    Ok(get::<i64>(&row, 0)? == 1)
}

/// Which connection has the lock, and what the server does for it: `: connection 12 is at …`.
async fn holder(target: &Target, connection: &mut MySqlConnection) -> Result<String, sqlx::Error> {
    let query = "SELECT CAST(ID AS UNSIGNED) AS id, COALESCE(LEFT(INFO, 80), COMMAND) AS does \
                 FROM information_schema.PROCESSLIST WHERE ID = IS_USED_LOCK(?)";
    let row = sqlx::query(query)
        .bind(name(target))
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else {
        return Ok(String::new());
    };
    let (id, does) = (get::<u64>(&row, "id")?, get::<String>(&row, "does")?);
    Ok(format!(
        ": connection {id} is at {}",
        crate::untrusted::escape(&does)
    ))
}
