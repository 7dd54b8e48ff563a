//! Answers kept ready: what the summaries need of an hour, a day or a week of access logs, in a form
//! that can be merged.
//!
//! A roll-up covers rows by their `id`, not by their time: everything up to a watermark is in the
//! roll-ups, whenever it says it happened, and everything after it is read from the table. So a
//! row that comes late, or that someone loads beside the function, counts like any other, and an
//! answer is exact as of the last stored row.
//!
//! [`fold`] reads what came after the watermark and adds segments: one per hour that occurs and
//! per [`Part`]. It only inserts, which is all that the function's user may do. [`compact`] is the
//! migrator's: it merges the segments of an hour, and those of each of the [`LENGTHS`] into the next
//! one that is over. [`view`] reads a window: the longest segments that are inside, and rows where
//! the window cuts an hour.

pub mod addresses;
pub mod bursts;
mod candidates;
pub mod compact;
mod data;
mod endpoint;
pub mod fold;
mod latency;
mod senders;
mod span;
pub mod sums;
pub mod suspects;
mod tally;
mod template;
pub mod view;

use std::collections::{BTreeMap, HashMap};

use compact_str::CompactString;
use foldhash::fast::RandomState;
use serde::Serialize;
use sqlx::mysql::MySqlRow;
use sqlx::{Error, Row as _};

pub use addresses::Addresses;
pub use bursts::Bursts;
pub use candidates::Candidates;
pub use data::{Data, Undecodable, encode};
pub use endpoint::OfEndpoint;
pub use senders::Senders;
pub use sums::Sums;
pub use suspects::Suspects;
pub use template::template;

use crate::time::Second;

/// The form of the data in the tables. A change to what a [`Part`] holds needs another number: a
/// function neither reads nor writes another one's, so both can serve while one replaces the other.
pub const FORMAT: u8 = 4;

/// Seconds in an hour.
pub const HOUR: i64 = 3600;
/// Seconds in a day.
pub const DAY: i64 = 24 * HOUR;

/// The lengths of segments in hours; each contains the ones before it.
const LENGTHS: [u16; 4] = [1, 6, 24, 168];

/// The start of the span of one of [`LENGTHS`] that a second is in. A week begins with its Monday.
fn start_of(second: i64, hours: u16) -> i64 {
    // 1970 began on a Thursday.
    let (width, monday) = (i64::from(hours) * HOUR, 4 * DAY);
    (second - monday).div_euclid(width) * width + monday
}

/// One row of `access_logs`, as far as summaries look at it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Seconds since 1970.
    pub second: i64,
    pub ip_address: &'a str,
    pub method: &'a str,
    pub endpoint: &'a str,
    pub status_code: u16,
    /// Bytes.
    pub response_size: u64,
    /// Milliseconds.
    pub response_time: Option<f64>,
    pub user_agent: &'a str,
}

impl<'a> Request<'a> {
    /// What [`Request::read`] reads, in this order.
    pub const COLUMNS: &'static str = "timestamp, ip_address, method, endpoint, status_code, \
         response_size, response_time_ms, user_agent";

    pub fn read(row: &'a MySqlRow) -> Result<Self, Error> {
        Ok(Self {
            second: Second::new(row.try_get(0)?).epoch(),
            ip_address: row.try_get(1)?,
            method: row.try_get(2)?,
            endpoint: row.try_get(3)?,
            status_code: row.try_get(4)?,
            response_size: row.try_get::<Option<u64>, _>(5)?.unwrap_or(0),
            response_time: row.try_get(6)?,
            user_agent: row.try_get::<Option<&str>, _>(7)?.unwrap_or_default(),
        })
    }

    /// Minutes since 1970.
    fn minute(&self) -> u32 {
        u32::try_from(self.second.div_euclid(60)).unwrap_or(0)
    }
}

#[cfg(test)]
impl Request<'static> {
    /// One of the most ordinary, for tests to change.
    const PLAIN: Self = Request {
        second: 0,
        ip_address: "192.0.2.1",
        method: "GET",
        endpoint: "/",
        status_code: 200,
        response_size: 0,
        response_time: None,
        user_agent: "",
    };
}

/// What something is called: most addresses and templates take no memory of their own.
pub type Name = CompactString;
/// By name. Names are chosen by callers, so where each is kept is not for them to foresee.
pub type Map<V> = HashMap<Name, V, RandomState>;

/// One aspect of the traffic. An intent reads only the parts that it needs.
pub trait Part: Default + Serialize {
    /// How the part is told from others in the table.
    const NUMBER: u8;
    /// Whether segments of more than an hour tell all that is asked for.
    const HAS_LONGER: bool = true;

    /// Counts one request.
    fn add(&mut self, request: &Request<'_>);

    /// Counts what another one has counted, from how the table holds it: see [`encode`].
    fn read(&mut self, data: Data<'_>) -> Result<(), Undecodable>;

    /// Called when everything that is asked for is counted.
    fn settle(&mut self) {}

    /// Keeps a segment from growing with the number of attackers: what is least is summed up.
    fn prune(&mut self);

    /// Leaves out what nobody asks of so many hours that are over.
    fn compact(&mut self, _hours: u16) {}
}

/// All parts, of one hour.
#[derive(Debug, Default)]
pub struct Hour {
    pub sums: Sums,
    pub addresses: Addresses,
    pub suspects: Suspects,
    pub bursts: Bursts,
    /// The first and last second of which there is a row.
    pub extent: Option<(i64, i64)>,
}

/// Requests by the number of their hour since 1970.
pub type Hours = BTreeMap<i64, Hour>;

impl Hour {
    pub fn add(&mut self, request: &Request<'_>) {
        self.sums.add(request);
        self.addresses.add(request);
        self.suspects.add(request);
        self.bursts.add(request);
        let (first, last) = self.extent.unwrap_or((request.second, request.second));
        self.extent = Some((first.min(request.second), last.max(request.second)));
    }
}

/// What the database answered is not what a part of this format is.
pub(crate) fn undecodable(error: Undecodable) -> Error {
    Error::Decode(error.into())
}

/// Takes out all but the `most` that rank highest; of equals, the first by name stay.
fn take_least<V, R: Ord>(
    known: &mut Map<V>,
    most: usize,
    rank: impl Fn(&V) -> R,
) -> Vec<(Name, V)> {
    if known.len() <= most {
        return Vec::new();
    }
    let mut all: Vec<(Name, V)> = known.drain().collect();
    all.sort_by(|(name, a), (other, b)| rank(b).cmp(&rank(a)).then_with(|| name.cmp(other)));
    let least = all.split_off(most);
    known.extend(all);
    least
}
