//! Compacting: one segment for each hour, and one for each longer span of time that is over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use sqlx::mysql::MySqlConnection;
use sqlx::{Connection as _, Error};
use time::PrimitiveDateTime;

use super::fold::{Segment, insert, pruned};
use super::{
    Addresses, Bursts, Data, FORMAT, HOUR, LENGTHS, Part, Sums, Suspects, start_of, undecodable,
};
use crate::sql::{get, second};
use crate::time::Second;

/// What is merged into what, in hours.
#[derive(Clone, Copy)]
struct Level {
    from: u16,
    to: u16,
}

fn levels() -> impl Iterator<Item = Level> {
    let longer = LENGTHS.into_iter().skip(1);
    LENGTHS
        .into_iter()
        .zip(longer)
        .map(|(from, to)| Level { from, to })
}

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
    // Of what is older only in part the rest stays.
    let bound_second = bound.epoch();
    for level in levels().filter(|level| start_of(bound_second, level.to) < bound_second) {
        dissolve(level, bound_second, &mut transaction).await?;
    }
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

/// Merges what folding has added. Answers how many days it merged, and whether it was done with
/// all before `time` was over.
pub async fn compact(
    time: Duration,
    connection: &mut MySqlConnection,
) -> Result<(usize, bool), Error> {
    let started = Instant::now();
    let newest: Option<PrimitiveDateTime> =
        sqlx::query_scalar("SELECT MAX(start) FROM access_rollups WHERE format = ? AND hours = 1")
            .bind(FORMAT)
            .fetch_one(&mut *connection)
            .await?;
    let Some(newest) = newest else {
        return Ok((0, true));
    };
    let newest = Second::new(newest).epoch();
    let mut days = 0;
    for level in levels() {
        for start in unmerged(level, newest, connection).await? {
            if started.elapsed() > time {
                return Ok((days, false));
            }
            let is_over = start < start_of(newest, level.to);
            let mut transaction = connection.begin().await?;
            for longer in levels().filter(|longer| longer.from >= level.to) {
                dissolve(longer, start, &mut transaction).await?;
            }
            merge::<Sums>(level, start, is_over, &mut transaction).await?;
            merge::<Addresses>(level, start, is_over, &mut transaction).await?;
            merge::<Suspects>(level, start, is_over, &mut transaction).await?;
            merge::<Bursts>(level, start, is_over, &mut transaction).await?;
            transaction.commit().await?;
            days += usize::from(level.to == 24);
        }
    }
    sqlx::query(
        "DELETE FROM access_rollup_ranges WHERE format = ? AND to_id < \
         (SELECT * FROM (SELECT MAX(to_id) FROM access_rollup_ranges WHERE format = ?) AS last)",
    )
    .bind(FORMAT)
    .bind(FORMAT)
    .execute(connection)
    .await?;
    Ok((days, true))
}

/// The starts of longer spans with something to merge.
async fn unmerged(
    level: Level,
    newest: i64,
    connection: &mut MySqlConnection,
) -> Result<Vec<i64>, Error> {
    let units = sqlx::query(
        "SELECT start, COUNT(*) AS segments FROM access_rollups \
         WHERE format = ? AND part = ? AND hours = ? AND in_day = FALSE GROUP BY start ORDER BY start",
    )
    .bind(FORMAT)
    .bind(Sums::NUMBER)
    .bind(level.from)
    .fetch_all(connection)
    .await?;
    let mut spans = Vec::new();
    for unit in &units {
        let span = start_of(second(unit, "start")?.epoch(), level.to);
        // A single segment of what goes on is merged already.
        if span < start_of(newest, level.to) || get::<i64>(unit, "segments")? > 1 {
            spans.push(span);
        }
    }
    spans.dedup();
    Ok(spans)
}

/// What is known of one span of time while its segments are merged.
struct Merged<P> {
    part: P,
    from_id: u64,
    extent: (Second, Second),
}

impl<P: Part> Merged<P> {
    /// Of nothing yet, beside a first segment.
    fn new(from_id: u64, extent: (Second, Second)) -> Self {
        Self {
            part: P::default(),
            from_id,
            extent,
        }
    }

    fn add(&mut self, data: &[u8], from_id: u64, extent: (Second, Second)) -> Result<(), Error> {
        self.part.read(Data::new(data)).map_err(undecodable)?;
        self.from_id = self.from_id.min(from_id);
        self.extent.0 = self.extent.0.min(extent.0);
        self.extent.1 = self.extent.1.max(extent.1);
        Ok(())
    }
}

/// Merges the segments of each unit of a span, and all of it where it is over; in a transaction.
async fn merge<P: Part>(
    level: Level,
    start: i64,
    is_over: bool,
    connection: &mut MySqlConnection,
) -> Result<(), Error> {
    let Level { from, to } = level;
    let bounds = bounds(level, start);
    let units = read::<P>(from, bounds, connection).await?;
    let mut segments = Vec::with_capacity(units.len() + 1);
    let mut whole: Option<Merged<P>> = None;
    let segment = |hours, in_day, start, merged: &mut Merged<P>| {
        Ok::<_, Error>(Segment {
            part: P::NUMBER,
            hours,
            in_day,
            start,
            from_id: merged.from_id,
            extent: merged.extent,
            data: pruned(&mut merged.part)?,
        })
    };
    for (start, mut unit) in units {
        let unit = segment(from, is_over, start, &mut unit)?;
        if is_over {
            let (from_id, extent) = (unit.from_id, unit.extent);
            whole
                .get_or_insert_with(|| Merged::new(from_id, extent))
                .add(&unit.data, from_id, extent)?;
        }
        segments.push(unit);
    }
    if let Some(mut whole) = whole {
        whole.part.compact(to);
        segments.push(segment(to, false, Second::new(bounds.0), &mut whole)?);
    }
    // What was read is locked: nothing else is deleted but that.
    sqlx::query(
        "DELETE FROM access_rollups WHERE format = ? AND part = ? AND hours IN (?, ?) \
         AND in_day IN (FALSE, TRUE) AND start BETWEEN ? AND ?",
    )
    .bind(FORMAT)
    .bind(P::NUMBER)
    .bind(from)
    .bind(to)
    .bind(bounds.0)
    .bind(bounds.1)
    .execute(&mut *connection)
    .await?;
    for segments in segments.chunks(8) {
        insert(segments, connection).await?;
    }
    Ok(())
}

/// Removes the longer segment that a second is in: what it was made of counts for itself again, for
/// a part of it changes.
async fn dissolve(
    level: Level,
    second: i64,
    connection: &mut MySqlConnection,
) -> Result<(), Error> {
    let (first, last) = bounds(level, start_of(second, level.to));
    for (hours, statement) in [
        (
            level.to,
            "DELETE FROM access_rollups WHERE format = ? AND part IN (?, ?, ?, ?) AND hours = ? \
             AND in_day IN (FALSE, TRUE) AND start BETWEEN ? AND ?",
        ),
        (
            level.from,
            "UPDATE access_rollups SET in_day = FALSE WHERE format = ? AND part IN (?, ?, ?, ?) \
             AND hours = ? AND in_day = TRUE AND start BETWEEN ? AND ?",
        ),
    ] {
        sqlx::query(statement)
            .bind(FORMAT)
            .bind(Sums::NUMBER)
            .bind(Addresses::NUMBER)
            .bind(Suspects::NUMBER)
            .bind(Bursts::NUMBER)
            .bind(hours)
            .bind(first)
            .bind(last)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The starts of the first and the last unit of the longer span that begins there.
fn bounds(level: Level, start: i64) -> (PrimitiveDateTime, PrimitiveDateTime) {
    let last = start + i64::from(level.to - level.from) * HOUR;
    (
        Second::from_epoch(start).sql(),
        Second::from_epoch(last).sql(),
    )
}

/// The segments of some units, merged by their start. They and what could come between
/// them are locked.
async fn read<P: Part>(
    hours: u16,
    (first, last): (PrimitiveDateTime, PrimitiveDateTime),
    connection: &mut MySqlConnection,
) -> Result<BTreeMap<Second, Merged<P>>, Error> {
    let mut merged: BTreeMap<Second, Merged<P>> = BTreeMap::new();
    let mut rows = sqlx::query(
        "SELECT start, from_id, first_seen, last_seen, data FROM access_rollups \
         WHERE format = ? AND part = ? AND hours = ? AND in_day IN (FALSE, TRUE) \
         AND start BETWEEN ? AND ? FOR UPDATE",
    )
    .bind(FORMAT)
    .bind(P::NUMBER)
    .bind(hours)
    .bind(first)
    .bind(last)
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let (data, from_id): (&[u8], u64) = (get(&row, "data")?, get(&row, "from_id")?);
        let extent = (second(&row, "first_seen")?, second(&row, "last_seen")?);
        merged
            .entry(second(&row, "start")?)
            .or_insert_with(|| Merged::new(from_id, extent))
            .add(data, from_id, extent)?;
    }
    Ok(merged)
}
