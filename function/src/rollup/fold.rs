//! Folding: what came after the watermark becomes segments.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use sqlx::mysql::MySqlConnection;
use sqlx::{Connection as _, Error};

use super::{Addresses, Bursts, FORMAT, HOUR, Hours, Part, Request, Sums, Suspects, encode};
use crate::database::{is_busy, is_duplicate};
use crate::sql::{Query, get};
use crate::time::Second;

/// So many unfolded rows are read faster than folded.
pub const WORTHWHILE: u64 = 1000;
/// Rows in one transaction: their segments are held in memory until it ends.
const CHUNK: u64 = 50_000;
/// Bytes of segments in one statement; a server takes 16 MiB unless told otherwise.
const STATEMENT: usize = 1 << 20;
/// A gap between ids this long ago, or this many rows ago, belongs to no row that is just being stored.
const SETTLED: Duration = Duration::from_secs(10);
const FAR: u64 = 10_000;

/// The newest id that was seen, and when: ids up to it were given out by then.
static SEEN: Mutex<Option<(u64, Instant)>> = Mutex::new(None);

/// How far the roll-ups go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// Every row up to this id is folded.
    pub watermark: u64,
    pub newest: u64,
}

impl Tail {
    pub async fn read(connection: &mut MySqlConnection) -> Result<Self, Error> {
        let row = sqlx::query(
            "SELECT CAST(IFNULL((SELECT MAX(to_id) FROM access_rollup_ranges WHERE format = ?), 0) AS UNSIGNED) AS watermark, \
             CAST(IFNULL((SELECT MAX(id) FROM access_logs), 0) AS UNSIGNED) AS newest",
        )
        .bind(FORMAT)
        .fetch_one(connection)
        .await?;
        Ok(Self {
            watermark: get(&row, "watermark")?,
            newest: get(&row, "newest")?,
        })
    }

    /// Ids that are not folded; there may be fewer rows.
    pub fn length(self) -> u64 {
        self.newest.saturating_sub(self.watermark)
    }
}

/// Folds until fewer rows than `worthwhile` are left, no more can be folded yet, or `time` is
/// over. Answers the number of rows.
pub async fn fold(
    worthwhile: u64,
    time: Duration,
    connection: &mut MySqlConnection,
) -> Result<u64, Error> {
    let started = Instant::now();
    let mut rows = 0;
    loop {
        let tail = Tail::read(connection).await?;
        if tail.length() < worthwhile.max(1) {
            return Ok(rows);
        }
        let folded = chunk(tail, connection).await?;
        rows += folded;
        if folded == 0 || started.elapsed() > time {
            return Ok(rows);
        }
    }
}

/// Folds one chunk in one transaction; 0 where nothing can be folded now.
async fn chunk(tail: Tail, connection: &mut MySqlConnection) -> Result<u64, Error> {
    // Each statement sees what is committed by then, and locks rows, not the gaps between them.
    sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        .execute(&mut *connection)
        .await?;
    let mut transaction = connection.begin().await?;
    // Locked until the end: nobody may clear the roll-ups meanwhile, or has folded further.
    let last: Option<u64> = sqlx::query_scalar(
        "SELECT to_id FROM access_rollup_ranges WHERE format = ? ORDER BY to_id DESC LIMIT 1 LOCK IN SHARE MODE",
    )
    .bind(FORMAT)
    .fetch_optional(&mut *transaction)
    .await?;
    let upto = settled(tail, &mut transaction).await?;
    if last.unwrap_or(0) != tail.watermark || upto <= tail.watermark {
        return Ok(0);
    }
    // First of all, so that others who would fold the same wait here, and then leave it.
    let range = sqlx::query(
        "INSERT INTO access_rollup_ranges (format, from_id, to_id, to_timestamp) \
         VALUES (?, ?, ?, (SELECT timestamp FROM access_logs WHERE id = ?))",
    )
    .bind(FORMAT)
    .bind(tail.watermark)
    .bind(upto)
    .bind(upto)
    .execute(&mut *transaction)
    .await;
    match range {
        Err(error) if is_duplicate(&error) || is_busy(&error) => return Ok(0),
        range => range?,
    };
    let (hours, rows) = read(tail.watermark, upto, &mut transaction).await?;
    write(tail.watermark, hours, &mut transaction).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// The greatest id up to which no row can appear any more.
///
/// Rows become visible in the order of their transactions' ends, not of their ids, so a row may
/// come to be below ids that are there already. Until it is committed it is locked, and looks like
/// a gap here; a gap is passed only where no row in it is locked and it is not a new one.
async fn settled(tail: Tail, connection: &mut MySqlConnection) -> Result<u64, Error> {
    let known = {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.filter(|(newest, at)| *newest <= tail.newest && at.elapsed() >= SETTLED);
        if seen.is_none_or(|(newest, at)| newest > tail.newest || at.elapsed() >= SETTLED) {
            *seen = Some((tail.newest, Instant::now()));
        }
        known.map_or(0, |(newest, _)| newest)
    };
    let mut gaps = Vec::new();
    let mut upto = tail.watermark;
    {
        let mut ids = sqlx::query_scalar::<_, u64>(
            "SELECT id FROM access_logs WHERE id > ? ORDER BY id LIMIT ? LOCK IN SHARE MODE SKIP LOCKED",
        )
        .bind(tail.watermark)
        .bind(CHUNK)
        .fetch(&mut *connection);
        while let Some(id) = ids.try_next().await? {
            if id != upto + 1 {
                if id > known && tail.newest.saturating_sub(id) < FAR {
                    break;
                }
                gaps.push((upto, id));
            }
            upto = id;
        }
        // The rest of the answer has to be read before the next question.
        while ids.try_next().await?.is_some() {}
    }
    for (before, after) in gaps {
        let locked = sqlx::query(
            "SELECT id FROM access_logs WHERE id > ? AND id < ? LIMIT 1 LOCK IN SHARE MODE NOWAIT",
        )
        .bind(before)
        .bind(after)
        .fetch_optional(&mut *connection)
        .await;
        match locked {
            Err(error) if is_busy(&error) => return Ok(before),
            locked => locked?,
        };
    }
    Ok(upto)
}

/// The rows of a range of ids by hour, and their number.
async fn read(
    from: u64,
    upto: u64,
    connection: &mut MySqlConnection,
) -> Result<(Hours, u64), Error> {
    let mut query = Query::new("SELECT ");
    query
        .push(Request::COLUMNS)
        .push(" FROM access_logs WHERE id > ");
    query.push_bind(from).push(" AND id <= ").push_bind(upto);
    let (mut hours, mut count) = (Hours::new(), 0);
    let query = query.build();
    let mut rows = query.fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let request = Request::read(&row)?;
        let hour = request.second.div_euclid(HOUR);
        hours.entry(hour).or_default().add(&request);
        count += 1;
    }
    Ok((hours, count))
}

/// One segment of a part.
pub struct Segment {
    pub part: u8,
    pub hours: u16,
    pub in_day: bool,
    pub start: Second,
    pub from_id: u64,
    pub extent: (Second, Second),
    pub data: Vec<u8>,
}

async fn write(from_id: u64, hours: Hours, connection: &mut MySqlConnection) -> Result<(), Error> {
    let mut segments = Vec::new();
    let mut size = 0;
    for (number, mut hour) in hours {
        let Some((first, last)) = hour.extent else {
            continue;
        };
        let mut segment = |part, data: Vec<u8>| {
            size += data.len();
            segments.push(Segment {
                part,
                hours: 1,
                in_day: false,
                start: Second::from_epoch(number * HOUR),
                from_id,
                extent: (Second::from_epoch(first), Second::from_epoch(last)),
                data,
            });
        };
        segment(Sums::NUMBER, pruned(&mut hour.sums)?);
        segment(Addresses::NUMBER, pruned(&mut hour.addresses)?);
        segment(Suspects::NUMBER, pruned(&mut hour.suspects)?);
        segment(Bursts::NUMBER, pruned(&mut hour.bursts)?);
        if size > STATEMENT {
            insert(&segments, connection).await?;
            segments.clear();
            size = 0;
        }
    }
    insert(&segments, connection).await
}

/// A segment's data, no longer than need be.
pub fn pruned<P: Part>(part: &mut P) -> Result<Vec<u8>, Error> {
    part.prune();
    encode(part).map_err(|error| Error::Encode(Box::new(error)))
}

/// Adds segments.
pub async fn insert(segments: &[Segment], connection: &mut MySqlConnection) -> Result<(), Error> {
    if segments.is_empty() {
        return Ok(());
    }
    let mut query = Query::new(
        "INSERT INTO access_rollups (format, part, hours, in_day, start, from_id, first_seen, last_seen, data) ",
    );
    query.push_values(segments, |mut row, segment| {
        row.push_bind(FORMAT)
            .push_bind(segment.part)
            .push_bind(segment.hours)
            .push_bind(segment.in_day)
            .push_bind(segment.start.sql())
            .push_bind(segment.from_id)
            .push_bind(segment.extent.0.sql())
            .push_bind(segment.extent.1.sql())
            .push_bind(segment.data.clone());
    });
    // Each number of segments is another statement: none is worth remembering.
    query.build().persistent(false).execute(connection).await?;
    Ok(())
}
