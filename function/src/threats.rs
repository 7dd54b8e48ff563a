//! Threats: gathers what the roll-ups know of suspects, and has it judged by [`crate::detect`].

use std::collections::HashMap;

use sqlx::Error;

use crate::detect::{Kind, Severity, Sightings, Threat, flood, login, probe};
use crate::rollup::suspects::{Seen, Suspect};
use crate::rollup::view::View;
use crate::rollup::{Addresses, DAY, Part as _, Suspects};
use crate::time::{Second, Window};

/// How far back the usual is looked for.
const HISTORY: i64 = 7 * DAY;

/// What judging needs to know.
#[derive(Debug, Default)]
pub struct Facts {
    suspects: Suspects,
    /// Everyone's visits in the window and the days before it.
    visits: Addresses,
    /// How many of them are in the window.
    requests: HashMap<String, u64>,
}

impl Facts {
    /// From what is known of the window, and of the days before it: what is usual.
    pub fn new(suspects: Suspects, window: Addresses, history: Addresses) -> Self {
        let of_window = window.visits.iter();
        let requests = of_window
            .map(|(address, visits)| (address.clone(), visits.requests))
            .collect();
        let mut visits = history;
        visits.merge(window);
        Self {
            suspects,
            visits,
            requests,
        }
    }

    /// Reads what the given kinds of threat need.
    pub async fn gather(
        window: &Window,
        asked: impl Fn(Kind) -> bool,
        view: &mut View<'_>,
    ) -> Result<Self, Error> {
        let (mut suspects, mut within, mut history) = (
            Suspects::default(),
            Addresses::default(),
            Addresses::default(),
        );
        if asked(Kind::RequestFlood) || asked(Kind::Scanner) {
            view.gather_both((&mut suspects, &mut within), window)
                .await?;
        } else {
            view.gather(&mut suspects, window).await?;
        }
        if asked(Kind::RequestFlood) {
            let before = Window {
                start: window.start.plus(-HISTORY),
                end: window.start.plus(-1),
            };
            view.gather(&mut history, &before).await?;
        }
        Ok(Self::new(suspects, within, history))
    }

    /// Every threat, in no particular order.
    pub fn judge(&self, window: &Window) -> Vec<Threat> {
        let mut threats = Vec::new();
        // Requests that a threat has told of already.
        let mut told: HashMap<&str, u64> = HashMap::new();
        for (address, suspect) in &self.suspects.by_address {
            let requests = self.requests.get(address).copied().unwrap_or(0);
            let of_requests = guesses(address, suspect)
                .into_iter()
                .chain(sweep(address, suspect, requests))
                .chain(payloads(address, suspect));
            for threat in of_requests {
                *told.entry(address).or_default() += threat.count;
                threats.push(threat);
            }
            threats.extend(tools(address, suspect));
        }
        threats.extend(self.floods(window, &told));
        threats
    }

    fn floods(&self, window: &Window, told: &HashMap<&str, u64>) -> Vec<Threat> {
        let site = flood::Site::new(self.visits.visits.values());
        let from = u32::try_from(window.start.epoch().div_euclid(60)).unwrap_or(0);
        let start_of = |minute: u32| Second::from_epoch(i64::from(minute) * 60);
        let judged = self.requests.iter().filter_map(|(address, requests)| {
            if *requests < flood::LEAST_REQUESTS {
                return None;
            }
            let burst = flood::judge(self.visits.visits.get(address)?, from, &site)?;
            // A burst of guesses or probes is those.
            if told.get(address.as_str()).copied().unwrap_or(0) * 2 >= burst.requests {
                return None;
            }
            let (first, last) = (start_of(burst.first_minute), start_of(burst.last_minute));
            let mut seen = Sightings::new(first.max(window.start), last.plus(59).min(window.end));
            seen.count = burst.requests;
            seen.evidence
                .insert(format!("{} requests in the busiest minute", burst.peak));
            let severity = if burst.peak >= 1000 {
                Severity::High
            } else {
                Severity::Medium
            };
            Some(seen.threat(Kind::RequestFlood, severity, address))
        });
        judged.collect()
    }
}

/// Whether an address guessed passwords.
fn guesses(address: &str, suspect: &Suspect) -> Option<Threat> {
    let refused = suspect.refused.as_ref()?;
    let guessing = login::judge(&suspect.logins)?;
    let (outcome, severity) = if guessing.succeeded {
        (", then a success", Severity::Critical)
    } else {
        ("", Severity::High)
    };
    let endpoint = refused.evidence.first().map_or("a login", String::as_str);
    let mut seen = refused.clone();
    seen.evidence = [format!(
        "{} refused logins at {endpoint}{outcome}",
        seen.count
    )]
    .into();
    Some(seen.sightings().threat(Kind::BruteForce, severity, address))
}

/// Whether an address swept the site for paths.
fn sweep(address: &str, suspect: &Suspect, requests: u64) -> Option<Threat> {
    let misses = suspect.misses.as_ref()?;
    let count = |paths: usize| u64::try_from(paths).unwrap_or(u64::MAX);
    let sweep = probe::Sweep {
        missing_paths: count(suspect.missing.len()),
        misses: misses.count,
        requests,
        sensitive_paths: count(suspect.missing.values().filter(|known| **known).count()),
    };
    if !sweep.is_scan() {
        return None;
    }
    let severity = if sweep.missing_paths >= 50 {
        Severity::High
    } else {
        Severity::Medium
    };
    Some(
        misses
            .clone()
            .sightings()
            .threat(Kind::Scanner, severity, address),
    )
}

/// Attacks that an address wrote into its requests.
fn payloads(address: &str, suspect: &Suspect) -> Vec<Threat> {
    let threat = |(kind, (seen, answered)): (&Kind, &(Seen, bool))| {
        let severity = match (kind, answered) {
            (Kind::Xss, false) => Severity::Medium,
            (Kind::Xss, true) | (_, false) => Severity::High,
            (_, true) => Severity::Critical,
        };
        seen.clone().sightings().threat(*kind, severity, address)
    };
    suspect.payloads.iter().map(threat).collect()
}

/// Whether an address came with an attack tool.
fn tools(address: &str, suspect: &Suspect) -> Option<Threat> {
    let seen = suspect.tools.clone()?;
    let severity = if seen.count >= 100 {
        Severity::High
    } else {
        Severity::Medium
    };
    Some(seen.sightings().threat(Kind::AttackTool, severity, address))
}
