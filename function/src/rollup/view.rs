//! Reading a window: whole weeks, days and so on from the roll-ups, the rest from the rows.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::TryStreamExt as _;
use sqlx::mysql::{MySql, MySqlConnection};
use sqlx::{Connection as _, Error, Row as _, Transaction};

use super::fold::{WORTHWHILE, fold};
use super::span::{Rest, Span, segments};
use super::{Data, FORMAT, HOUR, Part, Request, Undecodable, undecodable};
use crate::database::{cause, is_forbidden, is_missing};
use crate::fields;
use crate::log::{self, Level};
use crate::sql::Query;
use crate::time::{Second, Window};

/// What an answer may spend on folding before it is given.
const FOLDING: Duration = Duration::from_secs(3);

/// The logs as they are at one moment.
pub struct View<'c> {
    transaction: Transaction<'c, MySql>,
    /// Rows up to this id are in the roll-ups; nothing where those are not to be used.
    watermark: Option<u64>,
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

    /// Counts everything in the window into each of the parts, reading rows once for all.
    pub async fn gather(
        &mut self,
        parts: &mut [&mut dyn Counts],
        window: &Window,
    ) -> Result<(), Error> {
        let span = Span::new(window);
        let rest = self.segments(parts, &span).await?;
        self.rows(rest.query(&span), |request| {
            for part in &mut *parts {
                part.add(request);
            }
        })
        .await?;
        for part in parts {
            part.settle();
        }
        Ok(())
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
    async fn segments(
        &mut self,
        parts: &mut [&mut dyn Counts],
        span: &Span,
    ) -> Result<Rest, Error> {
        let Some(watermark) = self.watermark.filter(|_| span.is_by_hour()) else {
            return Ok(Rest::All);
        };
        let numbers: Vec<u8> = parts.iter().map(|part| part.number()).collect();
        let has_longer = parts.iter().all(|part| part.has_longer());
        // An hour that the window cuts can be used all the same where all its rows are inside.
        let mut cut: BTreeMap<i64, Cut> = BTreeMap::new();
        let mut count = |number: u8, data: &[u8]| {
            let part = parts.iter_mut().find(|part| part.number() == number);
            part.map_or(Ok(()), |part| part.read(Data::new(data)))
                .map_err(undecodable)
        };
        let mut query = segments(&numbers, has_longer, span);
        let query = query.build();
        let mut rows = query.fetch(&mut *self.transaction);
        while let Some(row) = rows.try_next().await? {
            let second = |index: usize| row.try_get(index).map(|at| Second::new(at).epoch());
            let (number, hours, start): (u8, u16, i64) =
                (row.try_get(0)?, row.try_get(1)?, second(2)?);
            let (first, last) = (second(3)?, second(4)?);
            let data: &[u8] = row.try_get(5)?;
            if hours == 1 && span.cuts(start) {
                let hour = cut.entry(start).or_default();
                hour.is_outside |= first < span.start || last > span.end;
                if !hour.is_outside {
                    hour.segments.push((number, data.to_vec()));
                }
            } else {
                count(number, data)?;
            }
        }
        let mut instead = Vec::new();
        for (start, hour) in cut {
            if hour.is_outside {
                instead.push(start);
                continue;
            }
            for (number, data) in hour.segments {
                count(number, &data)?;
            }
        }
        Ok(Rest::After {
            watermark,
            hours: instead,
        })
    }
}

/// A [`Part`], whichever: parts that are asked for together are read together.
pub trait Counts: Send {
    fn number(&self) -> u8;
    fn has_longer(&self) -> bool;
    fn add(&mut self, request: &Request<'_>);
    fn read(&mut self, data: Data<'_>) -> Result<(), Undecodable>;
    fn settle(&mut self) {}
}

impl<P: Part + Send> Counts for P {
    fn number(&self) -> u8 {
        P::NUMBER
    }

    fn has_longer(&self) -> bool {
        P::HAS_LONGER
    }

    fn add(&mut self, request: &Request<'_>) {
        Part::add(self, request);
    }

    fn read(&mut self, data: Data<'_>) -> Result<(), Undecodable> {
        Part::read(self, data)
    }

    fn settle(&mut self) {
        Part::settle(self);
    }
}

/// An hour of which the window has a part.
#[derive(Default)]
struct Cut {
    /// Whether it has rows beyond the window.
    is_outside: bool,
    /// The numbers of parts and their data.
    segments: Vec<(u8, Vec<u8>)>,
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
