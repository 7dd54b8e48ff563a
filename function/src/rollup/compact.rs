//! Compacting: one segment for each hour, and one for each day that is over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use sqlx::mysql::MySqlConnection;
use sqlx::{Connection as _, Error};

use super::fold::{Segment, insert, pruned};
use super::{Addresses, DAY, FORMAT, HOUR, Part, Sums, Suspects, decode};
use crate::sql::{get, second};
use crate::time::Second;

/// Removes every roll-up, so that folding begins anew. For rows that were removed or replaced
/// behind them.
pub async fn clear(connection: &mut MySqlConnection) -> Result<(), Error> {
    let mut transaction = connection.begin().await?;
    for statement in [
        "DELETE FROM access_rollup_ranges",
        "DELETE FROM access_rollups",
    ] {
        sqlx::raw_sql(statement).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// Forgets what is older than `bound`: its rows were dropped.
pub async fn forget(bound: Second, connection: &mut MySqlConnection) -> Result<(), Error> {
    let mut transaction = connection.begin().await?;
    for statement in [
        "DELETE FROM access_rollups WHERE start < ?",
        // The row is gone, and it is known why.
        "UPDATE access_rollup_ranges SET to_timestamp = NULL WHERE to_timestamp < ?",
    ] {
        sqlx::query(statement)
            .bind(bound.sql())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// Merges what folding has added. Answers how many days it touched, and whether it was done with
/// all before `time` was over.
pub async fn compact(
    time: Duration,
    connection: &mut MySqlConnection,
) -> Result<(usize, bool), Error> {
    let started = Instant::now();
    let newest: Option<time::PrimitiveDateTime> =
        sqlx::query_scalar("SELECT MAX(start) FROM access_rollups WHERE format = ? AND hours = 1")
            .bind(FORMAT)
            .fetch_one(&mut *connection)
            .await?;
    let Some(newest) = newest else {
        return Ok((0, true));
    };
    let today = Second::new(newest).epoch().div_euclid(DAY);
    let mut touched = 0;
    for day in unmerged(today, connection).await? {
        if started.elapsed() > time {
            return Ok((touched, false));
        }
        let is_over = day < today;
        merge::<Sums>(day, is_over, connection).await?;
        merge::<Addresses>(day, is_over, connection).await?;
        merge::<Suspects>(day, is_over, connection).await?;
        touched += 1;
    }
    sqlx::query(
        "DELETE FROM access_rollup_ranges WHERE format = ? AND to_id < \
         (SELECT * FROM (SELECT MAX(to_id) FROM access_rollup_ranges WHERE format = ?) AS last)",
    )
    .bind(FORMAT)
    .bind(FORMAT)
    .execute(connection)
    .await?;
    Ok((touched, true))
}

/// The days with something to merge, as numbers since 1970.
async fn unmerged(today: i64, connection: &mut MySqlConnection) -> Result<Vec<i64>, Error> {
    let hours = sqlx::query(
        "SELECT start, COUNT(*) AS segments FROM access_rollups \
         WHERE format = ? AND part = ? AND hours = 1 AND in_day = FALSE GROUP BY start",
    )
    .bind(FORMAT)
    .bind(Sums::NUMBER)
    .fetch_all(connection)
    .await?;
    let mut days = Vec::new();
    for hour in &hours {
        let day = second(hour, "start")?.epoch().div_euclid(DAY);
        // A single segment of a day that goes on is merged already.
        if (day < today || get::<i64>(hour, "segments")? > 1) && days.last() != Some(&day) {
            days.push(day);
        }
    }
    Ok(days)
}

/// What is known of one hour while its segments are merged.
struct Merged<P> {
    part: P,
    from_id: u64,
    extent: (Second, Second),
}

/// Merges the hours of a day, and the day where it is over.
async fn merge<P: Part>(
    day: i64,
    is_over: bool,
    connection: &mut MySqlConnection,
) -> Result<(), Error> {
    let (first, last) = (
        Second::from_epoch(day * DAY).sql(),
        Second::from_epoch((day + 1) * DAY - HOUR).sql(),
    );
    let mut transaction = connection.begin().await?;
    let hours = read::<P>((first, last), &mut transaction).await?;
    let mut segments = Vec::with_capacity(hours.len() + 1);
    let mut whole: Option<Merged<P>> = None;
    for (start, mut hour) in hours {
        segments.push(Segment {
            part: P::NUMBER,
            hours: 1,
            in_day: is_over,
            start,
            from_id: hour.from_id,
            extent: hour.extent,
            data: pruned(&mut hour.part)?,
        });
        match &mut whole {
            None => whole = Some(hour),
            Some(whole) => {
                whole.part.merge(hour.part);
                whole.from_id = whole.from_id.min(hour.from_id);
                whole.extent.0 = whole.extent.0.min(hour.extent.0);
                whole.extent.1 = whole.extent.1.max(hour.extent.1);
            }
        }
    }
    if let Some(mut whole) = whole.filter(|_| is_over) {
        whole.part.compact();
        segments.push(Segment {
            part: P::NUMBER,
            hours: 24,
            in_day: false,
            start: Second::new(first),
            from_id: whole.from_id,
            extent: whole.extent,
            data: pruned(&mut whole.part)?,
        });
    }
    // What was read is locked: nothing else is deleted but that.
    sqlx::query(
        "DELETE FROM access_rollups WHERE format = ? AND part = ? AND hours IN (1, 24) \
         AND in_day IN (FALSE, TRUE) AND start BETWEEN ? AND ?",
    )
    .bind(FORMAT)
    .bind(P::NUMBER)
    .bind(first)
    .bind(last)
    .execute(&mut *transaction)
    .await?;
    for segments in segments.chunks(8) {
        insert(segments, &mut transaction).await?;
    }
    transaction.commit().await
}

/// The segments of some hours, merged by hour. They and what could come between them are locked.
async fn read<P: Part>(
    (first, last): (time::PrimitiveDateTime, time::PrimitiveDateTime),
    connection: &mut MySqlConnection,
) -> Result<BTreeMap<Second, Merged<P>>, Error> {
    let mut hours: BTreeMap<Second, Merged<P>> = BTreeMap::new();
    let mut rows = sqlx::query(
        "SELECT start, from_id, first_seen, last_seen, data FROM access_rollups \
         WHERE format = ? AND part = ? AND hours = 1 AND in_day IN (FALSE, TRUE) \
         AND start BETWEEN ? AND ? FOR UPDATE",
    )
    .bind(FORMAT)
    .bind(P::NUMBER)
    .bind(first)
    .bind(last)
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let part: P = decode(get(&row, "data")?).map_err(|error| Error::Decode(error.into()))?;
        let from_id = get(&row, "from_id")?;
        let (first, last) = (second(&row, "first_seen")?, second(&row, "last_seen")?);
        match hours.get_mut(&second(&row, "start")?) {
            Some(hour) => {
                hour.part.merge(part);
                hour.from_id = hour.from_id.min(from_id);
                hour.extent = (hour.extent.0.min(first), hour.extent.1.max(last));
            }
            None => {
                hours.insert(
                    second(&row, "start")?,
                    Merged {
                        part,
                        from_id,
                        extent: (first, last),
                    },
                );
            }
        }
    }
    Ok(hours)
}
