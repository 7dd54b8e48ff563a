//! Maintenance: partitions ahead of time, rows past their retention dropped, roll-ups kept close.
//! Run after every migration, on a schedule, and by hand.

use std::time::{Duration, Instant};

use serde::Serialize;
use sqlx::mysql::MySqlConnection;

use super::{Failure, partitions};
use crate::database::{is_missing, is_undone};
use crate::fields;
use crate::log::{self, Level};
use crate::rollup::fold::{Tail, fold};
use crate::rollup::view::stands;
use crate::rollup::{DAY, compact};
use crate::settings::Lookup;
use crate::time::Second;

const TABLES: [&str; 2] = ["access_logs", "error_logs"];
/// A change to a table waits for queries, and whatever comes next waits for the change: not long.
const LOCK: &str = "SET SESSION lock_wait_timeout = 10, innodb_lock_wait_timeout = 10";

/// What was done.
#[derive(Debug, Default, Serialize)]
pub struct Maintenance {
    pub partitions_added: Vec<String>,
    pub partitions_dropped: Vec<String>,
    /// Rows that came into the roll-ups, and days whose roll-ups were merged.
    pub rows_folded: u64,
    pub days_merged: usize,
    /// Rows that are not in the roll-ups yet. Another run goes on with them.
    pub rows_left: u64,
    pub finished: bool,
}

/// Days that rows are kept, by `LOG_RETENTION_DAYS`; all of them where it is not set or 0.
pub fn retention(lookup: Lookup) -> Result<Option<u32>, String> {
    match lookup("LOG_RETENTION_DAYS") {
        None => Ok(None),
        Some(days) => days
            .trim()
            .parse()
            .map(|days| Some(days).filter(|days| *days > 0))
            .map_err(|_| "LOG_RETENTION_DAYS must be a number of days".into()),
    }
}

/// Does what is due, for about as long as `time`.
pub async fn run(
    rebuild: bool,
    retention: Option<u32>,
    time: Duration,
    connection: &mut MySqlConnection,
) -> Result<Maintenance, Failure> {
    let started = Instant::now();
    sqlx::raw_sql(LOCK).execute(&mut *connection).await?;
    let mut done = Maintenance::default();
    let now = Second::now();
    let oldest = retention.map(|days| now.plus(-DAY * i64::from(days)));
    let mut forgotten = None;
    for table in TABLES {
        let changes = partitions::keep(table, now, oldest, connection).await?;
        let named = |name: String| format!("{table}.{name}");
        done.partitions_added
            .extend(changes.added.into_iter().map(named));
        done.partitions_dropped
            .extend(changes.dropped.into_iter().map(named));
        if table == "access_logs" {
            forgotten = changes.forgotten;
        }
    }
    match rollups(rebuild, forgotten, time, started, &mut done, connection).await {
        // A folder of migrations may do without them.
        Err(error) if is_missing(&error) => done.finished = true,
        // The function was folding the same: the next run goes on.
        Err(error) if is_undone(&error) => {}
        outcome => outcome?,
    }
    if let Some(oldest) = oldest {
        let expired = sqlx::query("DELETE FROM idempotency_keys WHERE timestamp < ?")
            .bind(oldest.sql())
            .execute(connection)
            .await;
        match expired {
            Err(error) if !is_missing(&error) => return Err(error.into()),
            _ => {}
        }
    }
    log::write(
        Level::Info,
        "maintenance",
        fields! {
            rows_folded: done.rows_folded,
            rows_left: done.rows_left,
            partitions_dropped: done.partitions_dropped.len()
        },
    );
    Ok(done)
}

async fn rollups(
    rebuild: bool,
    forgotten: Option<Second>,
    time: Duration,
    started: Instant,
    done: &mut Maintenance,
    connection: &mut MySqlConnection,
) -> Result<(), sqlx::Error> {
    if let Some(bound) = forgotten {
        compact::forget(bound, connection).await?;
    }
    if rebuild || !stands(connection).await? {
        compact::clear(connection).await?;
    }
    let left = || time.saturating_sub(started.elapsed());
    // Compacting takes its share even where there is more to fold than there is time.
    done.rows_folded = fold(1, left() * 3 / 4, connection).await?;
    let (days, finished) = compact::compact(left(), connection).await?;
    done.days_merged = days;
    done.rows_left = Tail::read(connection).await?.length();
    done.finished = finished;
    Ok(())
}
