//! Folds rows as the function does, day by day, and has windows of days judged.

use std::collections::{BTreeMap, BTreeSet};

use function::detect::Kind;
use function::detect::unusual::{self, Buckets, Frame, Tally};
use function::rollup::{Addresses, Part as _, Request, Suspects};
use function::threats::Facts;
use function::time::{Second, Window};
use traffic::{Access, Error};

/// The roll-ups of each day since 1970.
#[derive(Default)]
pub struct Days(BTreeMap<u32, (Suspects, Addresses)>);

const DAY: i64 = 86_400;

/// The days of the past that a window is compared with.
const HISTORY: u32 = 7;

impl Days {
    pub fn fold(rows: impl Iterator<Item = Access>) -> Self {
        let mut days = Self::default();
        for row in rows {
            let day = u32::try_from(row.second / DAY).unwrap();
            let (suspects, addresses) = days.0.entry(day).or_default();
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
            suspects.add(&request);
            addresses.add(&request);
        }
        for (suspects, addresses) in days.0.values_mut() {
            suspects.compact(24);
            addresses.compact(24);
        }
        days
    }

    pub fn all(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    /// The threats of the days from `first` to `last`.
    pub fn judge(&self, first: u32, last: u32) -> BTreeSet<(Kind, String)> {
        let mut suspects = Suspects::default();
        let (mut window, mut history) = (Addresses::default(), Addresses::default());
        for (day, (of_day, addresses)) in self.0.range(first.saturating_sub(HISTORY)..=last) {
            if *day >= first {
                suspects.merge(of_day.clone());
                window.merge(addresses.clone());
            } else {
                history.merge(addresses.clone());
            }
        }
        let at = |day: u32| Second::from_epoch(i64::from(day) * DAY);
        let found = Facts::new(suspects, window, history).judge(&Window {
            start: at(first),
            end: at(last + 1).plus(-1),
        });
        let found = found.into_iter();
        found
            .map(|threat| (threat.kind, threat.ip_address.raw().to_string()))
            .collect()
    }
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
