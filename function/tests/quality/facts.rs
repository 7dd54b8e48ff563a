//! Folds rows as the function does, day by day, and has windows of days judged.

use std::collections::{BTreeMap, BTreeSet};

use function::detect::Kind;
use function::detect::unusual::{self, Buckets, Frame, Tally};
use function::rollup::view::Counts;
use function::rollup::{Bursts, Candidates, Data, HOUR, Hour, Part, Request, Senders, encode};
use function::threats::Facts;
use function::time::{Second, Window};
use traffic::{Access, Error};

/// The roll-ups of each day since 1970, as the table holds them.
#[derive(Default)]
pub struct Days(BTreeMap<u32, OfDay>);

struct OfDay {
    suspects: Vec<u8>,
    addresses: Vec<u8>,
    bursts: Vec<u8>,
}

const DAY: i64 = 86_400;

/// The days of the past that a window is compared with.
const HISTORY: u32 = 7;

impl Days {
    pub fn fold(rows: impl Iterator<Item = Access>) -> Self {
        let mut hours: BTreeMap<i64, Hour> = BTreeMap::new();
        for row in rows {
            let request = Request {
                second: row.second,
                ip_address: &row.ip_address.to_string(),
                method: row.method,
                endpoint: &row.endpoint,
                status_code: row.status_code,
                response_size: 0,
                response_time: row.response_time_ms,
                user_agent: row.user_agent.as_deref().unwrap_or_default(),
            };
            hours.entry(row.second / HOUR).or_default().add(&request);
        }
        let mut days: BTreeMap<u32, Hour> = BTreeMap::new();
        for (hour, mut folded) in hours {
            let day = u32::try_from(hour * HOUR / DAY).unwrap();
            let day = days.entry(day).or_default();
            fold(&mut folded.suspects, &mut day.suspects);
            fold(&mut folded.addresses, &mut day.addresses);
            fold(&mut folded.bursts, &mut day.bursts);
        }
        let compacted = |(day, all): (u32, Hour)| {
            let of_day = OfDay {
                suspects: compacted(all.suspects),
                addresses: compacted(all.addresses),
                bursts: compacted(all.bursts),
            };
            (day, of_day)
        };
        Self(days.into_iter().map(compacted).collect())
    }

    pub fn all(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    /// The threats of the days from `first` to `last`.
    pub fn judge(&self, first: u32, last: u32) -> BTreeSet<(Kind, String)> {
        let mut candidates = Candidates::default();
        let (mut senders, mut bursts) = (Senders::default(), Bursts::default());
        for of_day in self.0.range(first..=last).map(|(_, of_day)| of_day) {
            read(&mut candidates, &of_day.suspects);
            read(&mut senders, &of_day.addresses);
            read(&mut bursts, &of_day.bursts);
        }
        senders.settle();
        let mut facts = Facts::new(candidates.suspects().unwrap(), senders, bursts);
        for (_, of_day) in self.0.range(first.saturating_sub(HISTORY)..first) {
            read(&mut facts.senders, &of_day.addresses);
            read(&mut facts.bursts, &of_day.bursts);
        }
        facts.senders.settle();
        let at = |day: u32| Second::from_epoch(i64::from(day) * DAY);
        let found = facts.judge(&Window {
            start: at(first),
            end: at(last + 1).plus(-1),
        });
        let found = found.into_iter();
        found
            .map(|threat| (threat.kind, threat.ip_address.raw().to_string()))
            .collect()
    }
}

/// Adds an hour to its day, by way of the table.
fn fold<P: Part + Send>(hour: &mut P, day: &mut P) {
    hour.prune();
    read(day, &encode(hour).unwrap());
}

fn compacted(mut part: impl Part) -> Vec<u8> {
    part.compact(24);
    encode(&part).unwrap()
}

fn read(counts: &mut dyn Counts, data: &[u8]) {
    counts.read(Data::new(data)).unwrap();
}

/// Every code's errors by hour since 1970.
#[derive(Default)]
pub struct Hours {
    codes: BTreeMap<String, Buckets>,
    first: Option<i64>,
}

impl Hours {
    pub fn fold(rows: impl Iterator<Item = Error>) -> Self {
        let mut hours = Self::default();
        for row in rows {
            let hour = row.second / 3600;
            hours.first.get_or_insert(hour);
            let buckets = hours.codes.entry(row.error_code.to_string()).or_default();
            let tally: &mut Tally = buckets.entry(hour).or_default();
            tally.errors += 1;
            if let Some(score) = row.severity_score {
                tally.scored += 1;
                tally.severity += score;
            }
        }
        hours
    }

    /// Days since 1970 with any error, some of them more than once.
    pub fn days(&self) -> impl Iterator<Item = u32> {
        let hours = self.codes.values().flat_map(BTreeMap::keys);
        hours.map(|hour| u32::try_from(hour / 24).unwrap())
    }

    /// The anomalies of the days from `first` to `last`.
    pub fn judge(&self, first: u32, last: u32) -> BTreeSet<(unusual::Kind, String)> {
        let (first, last) = (i64::from(first) * 24, i64::from(last) * 24 + 23);
        let history = first - i64::from(HISTORY) * 24;
        let known_from = self.first.unwrap_or(first).max(history);
        let frame = Frame {
            known_from,
            first,
            last,
            a_day: 24,
        };
        let mut found = BTreeSet::new();
        for (code, buckets) in &self.codes {
            let within: Buckets = buckets
                .range(history..=last)
                .map(|(at, tally)| (*at, *tally))
                .collect();
            if within.is_empty() {
                continue;
            }
            for finding in unusual::judge(&within, frame, buckets.range(..history).next().is_some())
            {
                found.insert((finding.kind, code.clone()));
            }
        }
        found
    }
}
