//! Partitions: one a month, made ahead, and dropped when they are past their retention.

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Error};
use time::{Date, Month, PrimitiveDateTime};

use crate::sql::get;
use crate::time::Second;

/// Months before the current one that get a partition of their own; older rows share the first.
const BEHIND: i32 = 3;
const AHEAD: i32 = 3;
/// The partition of what no month has been made for.
const REST: &str = "rest";

/// What was done for one table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub added: Vec<String>,
    pub dropped: Vec<String>,
    /// Everything before this was dropped.
    pub forgotten: Option<Second>,
}

/// Makes the months ahead of `now`, and drops those of which every row is older than `oldest`.
/// A table that has no partitions, because someone else made it, is left alone.
pub async fn keep(
    table: &'static str,
    now: Second,
    oldest: Option<Second>,
    connection: &mut MySqlConnection,
) -> Result<Changes, Error> {
    let existing = bounds(table, connection).await?;
    let mut changes = Changes::default();
    if existing.is_empty() {
        return Ok(changes);
    }
    let last = existing.iter().filter_map(|(_, bound)| *bound).max();
    let missing: Vec<Calendar> = (-BEHIND..=AHEAD)
        .map(|months| Calendar::of(now).plus(months))
        .filter(|month| last.is_none_or(|last| month.end() > last))
        .collect();
    if !missing.is_empty() {
        let parts: Vec<String> = missing
            .iter()
            .map(|month| {
                format!(
                    "PARTITION {} VALUES LESS THAN ('{}')",
                    month.name(),
                    month.end()
                )
            })
            .collect();
        alter(
            table,
            &format!(
                "REORGANIZE PARTITION {REST} INTO ({}, PARTITION {REST} VALUES LESS THAN (MAXVALUE))",
                parts.join(", ")
            ),
            connection,
        )
        .await?;
        changes.added = missing.into_iter().map(Calendar::name).collect();
    }
    for (name, bound) in bounds(table, connection).await? {
        let Some(bound) = bound.filter(|bound| oldest.is_some_and(|oldest| *bound <= oldest))
        else {
            continue;
        };
        alter(table, &format!("DROP PARTITION {name}"), connection).await?;
        changes.dropped.push(name);
        changes.forgotten = Some(bound);
    }
    Ok(changes)
}

/// The partitions in order, with the time before which their rows are; nothing for the last.
async fn bounds(
    table: &str,
    connection: &mut MySqlConnection,
) -> Result<Vec<(String, Option<Second>)>, Error> {
    let rows = sqlx::query(
        "SELECT partition_name AS name, partition_description AS bound FROM information_schema.partitions \
         WHERE table_schema = DATABASE() AND table_name = ? AND partition_name IS NOT NULL \
         ORDER BY partition_ordinal_position",
    )
    .bind(table)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let bound: String = get(row, "bound")?;
            Ok((get(row, "name")?, Second::parse(bound.trim_matches('\''))))
        })
        .collect()
}

/// The names are those of partitions and tables that exist or were made here.
async fn alter(table: &str, change: &str, connection: &mut MySqlConnection) -> Result<(), Error> {
    let statement = AssertSqlSafe(format!("ALTER TABLE {table} {change}"));
    sqlx::raw_sql(statement).execute(connection).await.map(drop)
}

/// A month, counted from the year 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Calendar(i32);

impl Calendar {
    fn of(at: Second) -> Self {
        let at = at.sql();
        Self(at.year() * 12 + i32::from(u8::from(at.month())) - 1)
    }

    fn plus(self, months: i32) -> Self {
        Self(self.0 + months)
    }

    fn name(self) -> String {
        format!(
            "p{:04}{:02}",
            self.0.div_euclid(12),
            self.0.rem_euclid(12) + 1
        )
    }

    /// The first second that is no longer part of it.
    fn end(self) -> Second {
        let next = self.plus(1);
        let month = u8::try_from(next.0.rem_euclid(12) + 1)
            .ok()
            .and_then(|month| Month::try_from(month).ok())
            .unwrap_or(Month::January);
        let date = Date::from_calendar_date(next.0.div_euclid(12), month, 1).unwrap_or(Date::MAX);
        Second::new(PrimitiveDateTime::new(date, time::Time::MIDNIGHT))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn months() {
        let month = Calendar::of(Second::parse("2025-12-31 23:59:59").unwrap());
        assert_eq!(month.name(), "p202512");
        assert_eq!(month.end().to_string(), "2026-01-01 00:00:00");
        assert_eq!(month.plus(1).name(), "p202601");
        assert_eq!(month.plus(-12).end().to_string(), "2025-01-01 00:00:00");
    }
}
