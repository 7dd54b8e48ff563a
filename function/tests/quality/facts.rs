//! Folds rows into what the judges ask for, day by day, and judges windows of days.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use function::detect::unusual::{self, Buckets, Frame, Tally};
use function::detect::{Kind, agent, flood, login, payload, probe};
use traffic::{Access, Error};

/// What one address did on one day.
#[derive(Default, Clone)]
pub struct Facts {
    visits: flood::Visits,
    attempts: login::Attempts,
    missing: BTreeSet<String>,
    misses: u64,
    payloads: BTreeMap<Kind, u64>,
    tools: u64,
}

/// What a user agent tells.
struct Agent {
    kinds: Vec<Kind>,
    tool: bool,
}

/// Every address's facts by day since 1970.
#[derive(Default)]
pub struct Days(BTreeMap<u32, BTreeMap<IpAddr, Facts>>);

const DAY: i64 = 86_400;

/// The days of the past that a window is compared with.
const HISTORY: u32 = 7;

impl Days {
    pub fn fold(rows: impl Iterator<Item = Access>) -> Self {
        let mut days = Self::default();
        // There are few different agents.
        let mut agents: HashMap<Option<Cow<'static, str>>, Agent> = HashMap::new();
        for row in rows {
            if !agents.contains_key(&row.user_agent) {
                let text = row.user_agent.as_deref().unwrap_or_default();
                let agent = Agent {
                    kinds: payload::classify(text),
                    tool: agent::tool(text).is_some(),
                };
                agents.insert(row.user_agent.clone(), agent);
            }
            let agent = &agents[&row.user_agent];
            let day = u32::try_from(row.second / DAY).unwrap();
            days.0
                .entry(day)
                .or_default()
                .entry(row.ip_address)
                .or_default()
                .add(&row, agent);
        }
        for facts in days.0.values_mut().flat_map(BTreeMap::values_mut) {
            facts.visits.compact();
        }
        days
    }

    pub fn all(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    /// The threats of the days from `first` to `last`.
    pub fn judge(&self, first: u32, last: u32) -> BTreeSet<(Kind, IpAddr)> {
        let mut visits: BTreeMap<IpAddr, flood::Visits> = BTreeMap::new();
        let mut window: BTreeMap<IpAddr, Facts> = BTreeMap::new();
        for (day, addresses) in self.0.range(first.saturating_sub(HISTORY)..=last) {
            for (address, facts) in addresses {
                visits.entry(*address).or_default().merge(&facts.visits);
                if *day >= first {
                    window.entry(*address).or_default().merge(facts);
                }
            }
        }
        let site = flood::Site::new(visits.values());
        let found = window.iter().flat_map(|(address, facts)| {
            let burst = flood::judge(&visits[address], first * 1440, &site);
            facts
                .threats(burst)
                .into_iter()
                .map(|kind| (kind, *address))
        });
        found.collect()
    }
}

impl Facts {
    fn add(&mut self, row: &Access, agent: &Agent) {
        let minute = u32::try_from(row.second / 60).unwrap();
        self.visits.add(minute, 1);
        let path = probe::path(&row.endpoint);
        if login::is_login(&row.endpoint) {
            let minute = self.attempts.entry(minute).or_default();
            match row.status_code {
                401 | 403 => minute.failures += 1,
                200..=399 => minute.successes += 1,
                _ => {}
            }
        }
        let mut kinds = payload::classify(&row.endpoint);
        for kind in &agent.kinds {
            if !kinds.contains(kind) {
                kinds.push(*kind);
            }
        }
        if kinds.is_empty() && probe::is_miss(row.status_code, path) {
            self.misses += 1;
            if self.missing.len() < probe::MOST_PATHS {
                self.missing.insert(path.to_string());
            }
        }
        for kind in kinds {
            *self.payloads.entry(kind).or_default() += 1;
        }
        self.tools += u64::from(agent.tool);
    }

    fn merge(&mut self, other: &Self) {
        self.visits.merge(&other.visits);
        self.attempts.extend(&other.attempts);
        self.missing.extend(other.missing.iter().cloned());
        self.misses += other.misses;
        for (kind, count) in &other.payloads {
            *self.payloads.entry(*kind).or_default() += count;
        }
        self.tools += other.tools;
    }

    fn threats(&self, burst: Option<flood::Burst>) -> Vec<Kind> {
        let mut found: Vec<Kind> = self.payloads.keys().copied().collect();
        let guessing = login::judge(&self.attempts);
        let sweep = probe::Sweep {
            missing_paths: self.missing.len() as u64,
            misses: self.misses,
            requests: self.visits.requests,
            sensitive_paths: self
                .missing
                .iter()
                .filter(|path| probe::is_sensitive(path))
                .count() as u64,
        };
        if guessing.is_some() {
            found.push(Kind::BruteForce);
        }
        if sweep.is_scan() {
            found.push(Kind::Scanner);
        }
        if self.tools > 0 {
            found.push(Kind::AttackTool);
        }
        // What the burst consists of is told already, where it is guesses or probes.
        let told = guessing.map_or(0, |guessing| guessing.failures)
            + if sweep.is_scan() { self.misses } else { 0 }
            + self.payloads.values().sum::<u64>();
        if burst.is_some_and(|burst| told * 2 < burst.requests) {
            found.push(Kind::RequestFlood);
        }
        found
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
