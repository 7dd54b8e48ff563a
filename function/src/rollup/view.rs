//! Reading a window: whole weeks, days and so on from the roll-ups, the rest from the rows.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::TryStreamExt as _;
use sqlx::mysql::{MySql, MySqlConnection};
use sqlx::{Connection as _, Error, Row as _, Transaction};

use super::fold::{WORTHWHILE, fold};
use super::{FORMAT, HOUR, LENGTHS, Part, Request, decode, start_of};
use crate::database::{cause, is_forbidden, is_missing};
use crate::fields;
use crate::log::{self, Level};
use crate::sql::Query;
use crate::time::{Second, Window};

/// What an answer may spend on folding before it is given.
const FOLDING: Duration = Duration::from_secs(3);
/// A window shorter than this has too few whole hours to look for.
const SHORTEST: i64 = 3 * HOUR;

/// The logs as they are at one moment.
pub struct View<'c> {
    transaction: Transaction<'c, MySql>,
    /// Rows up to this id are in the roll-ups; nothing where those are not to be used.
    watermark: Option<u64>,
}

/// A window's ends, in seconds since 1970; both are part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: i64,
    end: i64,
}

impl Span {
    fn new(window: &Window) -> Self {
        Self {
            start: window.start.epoch(),
            end: window.end.epoch(),
        }
    }

    /// Where segments of a length begin and end that are inside: of hours also those that the
    /// window cuts. The end is no part of it, and before the start where there are none.
    fn inside(&self, hours: u16) -> (i64, i64) {
        let width = i64::from(hours) * HOUR;
        if hours == 1 {
            (start_of(self.start, 1), start_of(self.end, 1) + width)
        } else {
            let first = start_of(self.start + width - 1, hours);
            (first, start_of(self.end + 1, hours))
        }
    }

    /// Whether it is long enough to hold whole hours.
    fn is_by_hour(&self) -> bool {
        self.end - self.start + 1 >= SHORTEST
    }

    /// Whether the window has only a part of an hour.
    fn cuts(&self, hour: i64) -> bool {
        hour < self.start || hour + HOUR - 1 > self.end
    }

    /// The part of an hour that is in the window.
    fn within(&self, hour: i64) -> (i64, i64) {
        (hour.max(self.start), (hour + HOUR - 1).min(self.end))
    }
}

impl<'c> View<'c> {
    /// Folds what has come to be worth it, then holds everything as it is.
    pub async fn open(connection: &'c mut MySqlConnection) -> Result<Self, Error> {
        match fold(WORTHWHILE, FOLDING, connection).await {
            // The rows are there all the same.
            Err(error @ Error::Database(_)) => log::write(
                Level::Debug,
                "nothing is folded",
                fields! { detail: cause(&error) },
            ),
            folded => drop(folded?),
        }
        let mut transaction = connection
            .begin_with("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            .await?;
        let watermark = watermark(&mut transaction).await?;
        Ok(Self {
            transaction,
            watermark,
        })
    }

    /// Lets go of it.
    pub async fn close(self) -> Result<(), Error> {
        self.transaction.commit().await
    }

    /// The width in seconds of at most `most` buckets of a window's series: whole hours where the
    /// roll-ups are read.
    pub fn width(window: &Window, most: i64) -> i64 {
        let width = window.bucket(most);
        if Span::new(window).is_by_hour() {
            width.max(HOUR)
        } else {
            width
        }
    }

    /// Counts everything in the window into `part`.
    pub async fn gather<P: Part>(&mut self, part: &mut P, window: &Window) -> Result<(), Error> {
        let span = Span::new(window);
        let rest = self.segments(part, &span).await?;
        self.rows(rest.query(&span), |request| part.add(request))
            .await
    }

    /// Counts everything in the window into two parts, reading rows once for both.
    pub async fn gather_both<A: Part, B: Part>(
        &mut self,
        (one, other): (&mut A, &mut B),
        window: &Window,
    ) -> Result<(), Error> {
        let span = Span::new(window);
        let rest = self.segments(one, &span).await?;
        // The hours of one part are those of the other: they are written together.
        self.segments(other, &span).await?;
        self.rows(rest.query(&span), |request| {
            one.add(request);
            other.add(request);
        })
        .await
    }

    /// Counts the rows of exactly one endpoint.
    pub async fn endpoint<P: Part>(
        &mut self,
        part: &mut P,
        window: &Window,
        endpoint: &str,
    ) -> Result<(), Error> {
        let mut query = Rest::All.query(&Span::new(window));
        query
            .push(" AND endpoint = ")
            .push_bind(endpoint.to_string());
        self.rows(query, |request| part.add(request)).await
    }

    async fn rows(
        &mut self,
        mut query: Query,
        mut add: impl FnMut(&Request<'_>),
    ) -> Result<(), Error> {
        let query = query.build();
        let mut rows = query.fetch(&mut *self.transaction);
        while let Some(row) = rows.try_next().await? {
            add(&Request::read(&row)?);
        }
        Ok(())
    }

    /// Counts the segments in the window, and answers what must be read from the rows.
    async fn segments<P: Part>(&mut self, part: &mut P, span: &Span) -> Result<Rest, Error> {
        let Some(watermark) = self.watermark.filter(|_| span.is_by_hour()) else {
            return Ok(Rest::All);
        };
        // An hour that the window cuts can be used all the same where all its rows are inside.
        let mut cut: BTreeMap<i64, (bool, Vec<P>)> = BTreeMap::new();
        let mut query = segments::<P>(span);
        let query = query.build();
        let mut rows = query.fetch(&mut *self.transaction);
        while let Some(row) = rows.try_next().await? {
            let second = |index: usize| row.try_get(index).map(|at| Second::new(at).epoch());
            let (hours, start): (u16, i64) = (row.try_get(0)?, second(1)?);
            let (first, last) = (second(2)?, second(3)?);
            let read = || decode::<P>(row.try_get(4)?).map_err(|error| Error::Decode(error.into()));
            if hours == 1 && span.cuts(start) {
                let (is_inside, segments) = cut.entry(start).or_insert((true, Vec::new()));
                *is_inside &= first >= span.start && last <= span.end;
                if *is_inside {
                    segments.push(read()?);
                }
            } else {
                part.merge(read()?);
            }
        }
        let mut instead = Vec::new();
        for (hour, (is_inside, segments)) in cut {
            if is_inside {
                for segment in segments {
                    part.merge(segment);
                }
            } else {
                instead.push(hour);
            }
        }
        Ok(Rest::After {
            watermark,
            hours: instead,
        })
    }
}

/// What the segments did not tell of a span.
enum Rest {
    All,
    After {
        watermark: u64,
        /// The starts of hours of which no segment was counted.
        hours: Vec<i64>,
    },
}

impl Rest {
    fn query(&self, span: &Span) -> Query {
        let mut query = Query::new("");
        let Self::After { watermark, hours } = self else {
            select_rows(&mut query, (span.start, span.end));
            return query;
        };
        for hour in hours {
            select_rows(&mut query, span.within(*hour));
            query.push(" AND id <= ").push_bind(*watermark);
            query.push(" UNION ALL ");
        }
        select_rows(&mut query, (span.start, span.end));
        query.push(" AND id > ").push_bind(*watermark);
        query
    }
}

/// A schema of before the roll-ups, or one that someone else made.
fn is_absent(error: &Error) -> bool {
    is_missing(error) || is_forbidden(error)
}

/// How far the roll-ups can be relied on; nothing where they can't be.
async fn watermark(connection: &mut MySqlConnection) -> Result<Option<u64>, Error> {
    match last_range(connection).await {
        Err(error) if is_absent(&error) => Ok(None),
        Ok(Some((_, false))) => {
            log::write(
                Level::Warn,
                "the roll-ups do not fit the rows and are not used; make them again with: wmctl maintain --rebuild",
                fields! {},
            );
            Ok(None)
        }
        last => last.map(|last| last.map(|(watermark, _)| watermark)),
    }
}

/// Whether the roll-ups fit the rows.
pub async fn stands(connection: &mut MySqlConnection) -> Result<bool, Error> {
    Ok(last_range(connection)
        .await?
        .is_none_or(|(_, stands)| stands))
}

/// The last folded id, and whether its row is still there. If not, rows were removed or replaced
/// behind the roll-ups.
async fn last_range(connection: &mut MySqlConnection) -> Result<Option<(u64, bool)>, Error> {
    let row = sqlx::query(
        "SELECT to_id, to_timestamp IS NULL OR EXISTS (SELECT 1 FROM access_logs \
         WHERE id = to_id AND timestamp = to_timestamp) AS stands \
         FROM access_rollup_ranges WHERE format = ? ORDER BY to_id DESC LIMIT 1",
    )
    .bind(FORMAT)
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)? != 0)))
        .transpose()
}

/// The segments of a part that a span touches: the longest that are inside. Where such a longer one
/// is read, it tells of the shorter ones that it contains; what came late is not in it yet.
fn segments<P: Part>(span: &Span) -> Query {
    let mut query = Query::new("");
    let mut either = false;
    let (lone, any) = (" AND in_day = FALSE", " AND in_day IN (FALSE, TRUE)");
    let mut add = |hours: u16, which: &str, from: i64, to: i64| {
        if from >= to {
            return;
        }
        query
            .push(if either { " UNION ALL " } else { "" })
            .push("SELECT hours, start, first_seen, last_seen, data FROM access_rollups WHERE format = ")
            .push_bind(FORMAT)
            .push(" AND part = ")
            .push_bind(P::NUMBER)
            .push(" AND hours = ")
            .push_bind(hours)
            .push(which)
            .push(" AND start >= ")
            .push_bind(Second::from_epoch(from).sql())
            .push(" AND start < ")
            .push_bind(Second::from_epoch(to).sql());
        either = true;
    };
    let lengths = if P::HAS_LONGER { &LENGTHS[..] } else { &[1] };
    let mut longer = None;
    for hours in lengths.iter().rev() {
        let (from, to) = span.inside(*hours);
        if from >= to {
            continue;
        }
        if let Some((start, end)) = longer {
            add(*hours, any, from, start);
            add(*hours, lone, start, end);
            add(*hours, any, end, to);
        } else {
            add(*hours, any, from, to);
        }
        longer = Some((from, to));
    }
    query
}

fn select_rows(query: &mut Query, (first, last): (i64, i64)) {
    query
        .push("SELECT ")
        .push(Request::COLUMNS)
        .push(" FROM access_logs WHERE timestamp BETWEEN ")
        .push_bind(Second::from_epoch(first).sql())
        .push(" AND ")
        .push_bind(Second::from_epoch(last).sql());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn span(start: &str, end: &str) -> Span {
        Span::new(&Window {
            start: Second::parse(start).unwrap(),
            end: Second::parse(end).unwrap(),
        })
    }

    #[test]
    fn what_is_whole_inside() {
        let inside = |span: &Span, hours| {
            let (from, to) = span.inside(hours);
            (from < to).then(|| {
                [from, to]
                    .map(|at| Second::from_epoch(at).to_string())
                    .join(" – ")
            })
        };
        let some = |text: &str| Some(text.to_string());
        let whole = span("2025-03-03 00:00:00", "2025-03-16 23:59:59");
        for hours in LENGTHS {
            let weeks = some("2025-03-03 00:00:00 – 2025-03-17 00:00:00");
            assert_eq!(inside(&whole, hours), weeks);
        }
        assert!(!whole.cuts(whole.start) && !whole.cuts(whole.end + 1 - HOUR));

        let cut = span("2025-03-03 00:00:01", "2025-03-16 12:00:00");
        let expected = [
            some("2025-03-03 00:00:00 – 2025-03-16 13:00:00"),
            some("2025-03-03 06:00:00 – 2025-03-16 12:00:00"),
            some("2025-03-04 00:00:00 – 2025-03-16 00:00:00"),
            None,
        ];
        assert_eq!(LENGTHS.map(|hours| inside(&cut, hours)), expected);
        let (first, last) = (cut.start - 1, cut.end);
        assert!(cut.cuts(first) && cut.cuts(last));
        assert_eq!(cut.within(last), (last, last));
    }
}
