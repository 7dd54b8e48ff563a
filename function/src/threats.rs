//! Threats: gathers what the roll-ups know of suspects, and has it judged by [`crate::detect`].

use std::collections::HashMap;

use sqlx::Error;

use crate::detect::flood::{self, Visits};
use crate::detect::{Kind, Seen, Severity, Threat, login, probe};
use crate::rollup::suspects::Suspect;
use crate::rollup::view::{Counts, View};
use crate::rollup::{Bursts, Candidates, DAY, Map, Name, Senders, Suspects, undecodable};
use crate::time::Window;

/// How far back the usual is looked for.
const HISTORY: i64 = 7 * DAY;

/// What judging needs to know.
#[derive(Debug, Default)]
pub struct Facts {
    suspects: Suspects,
    /// Requests in the window, of suspects and of those who may have flooded the site.
    requests: Map<u64>,
    /// Everyone's requests in the window, and in the days before it: what is usual.
    pub senders: Senders,
    /// The same by minute, of those who are busy.
    pub bursts: Bursts,
}

impl Facts {
    /// From what is known of the window.
    pub fn new(suspects: Suspects, senders: Senders, bursts: Bursts) -> Self {
        let sweepers = suspects
            .by_address
            .iter()
            .filter(|(_, suspect)| count(suspect.missing.len()) >= probe::LEAST_PATHS)
            .map(|(address, _)| address);
        let floods = candidates(&bursts).map(|(address, _)| address);
        Self {
            requests: sweepers
                .chain(floods)
                .map(|address| (address.clone(), senders.of(address)))
                .collect(),
            suspects,
            senders,
            bursts,
        }
    }

    /// Reads what the given kinds of threat need.
    pub async fn gather(
        window: &Window,
        asked: impl Fn(Kind) -> bool,
        view: &mut View<'_>,
    ) -> Result<Self, Error> {
        let mut candidates = Candidates::default();
        let (mut senders, mut bursts) = (Senders::default(), Bursts::default());
        let mut parts: Vec<&mut dyn Counts> = vec![&mut candidates];
        if asked(Kind::RequestFlood) {
            parts.extend([&mut senders as &mut dyn Counts, &mut bursts]);
        } else if asked(Kind::Scanner) {
            parts.push(&mut senders);
        }
        view.gather(&mut parts, window).await?;
        let suspects = candidates.suspects().map_err(undecodable)?;
        let mut facts = Self::new(suspects, senders, bursts);
        if asked(Kind::RequestFlood) {
            let before = Window {
                start: window.start.plus(-HISTORY),
                end: window.start.plus(-1),
            };
            view.gather(&mut [&mut facts.senders, &mut facts.bursts], &before)
                .await?;
        }
        Ok(facts)
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

    /// What is usual, of all who came often.
    fn site(&self) -> flood::Site {
        let often = self.senders.with_at_least(flood::LEAST_REQUESTS);
        let busy = self.bursts.by_address.iter();
        let busy = busy.filter(|(name, _)| often.of(name) > 0);
        let busy: Vec<&Visits> = busy.map(|(_, visits)| visits).collect();
        flood::Site::new(&busy, often.distinct())
    }

    fn floods(&self, window: &Window, told: &HashMap<&str, u64>) -> Vec<Threat> {
        let from = u32::try_from(window.start.epoch().div_euclid(60)).unwrap_or(0);
        let start_of = |minute: u32| i64::from(minute) * 60;
        let mut usual = None;
        let judged = candidates(&self.bursts).filter_map(|(address, own)| {
            if self.requests.get(address)? < &flood::LEAST_REQUESTS {
                return None;
            }
            let site = usual.get_or_insert_with(|| self.site());
            let burst = flood::judge(own, from, site)?;
            // A burst of guesses or probes is those.
            if told.get(address.as_str()).copied().unwrap_or(0) * 2 >= burst.requests {
                return None;
            }
            let seen = Seen {
                count: burst.requests,
                first: start_of(burst.first_minute).max(window.start.epoch()),
                last: (start_of(burst.last_minute) + 59).min(window.end.epoch()),
                evidence: vec![format!("{} requests in the busiest minute", burst.peak).into()],
            };
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

/// Those who may have flooded the site.
fn candidates(bursts: &Bursts) -> impl Iterator<Item = (&Name, &Visits)> {
    let all = bursts.by_address.iter();
    all.filter(|(_, visits)| visits.may_be_a_flood())
}

/// Whether an address guessed passwords.
fn guesses(address: &str, suspect: &Suspect) -> Option<Threat> {
    let refused = suspect.refused.as_ref()?;
    if refused.count < login::LEAST_FAILURES {
        return None;
    }
    let guessing = login::judge(&suspect.logins)?;
    let (outcome, severity) = if guessing.succeeded {
        (", then a success", Severity::Critical)
    } else {
        ("", Severity::High)
    };
    let endpoint = refused.evidence.first().map_or("a login", |text| text);
    let told = format!("{} refused logins at {endpoint}{outcome}", refused.count);
    let seen = Seen {
        evidence: vec![told.into()],
        ..*refused
    };
    Some(seen.threat(Kind::BruteForce, severity, address))
}

fn count(paths: usize) -> u64 {
    u64::try_from(paths).unwrap_or(u64::MAX)
}

/// Whether an address swept the site for paths.
fn sweep(address: &str, suspect: &Suspect, requests: u64) -> Option<Threat> {
    let misses = suspect.misses.as_ref()?;
    let sweep = probe::Sweep {
        missing_paths: count(suspect.missing.len()),
        misses: misses.count,
        requests,
        sensitive_paths: count(suspect.missing.values().filter(|known| *known).count()),
    };
    if !sweep.is_scan() {
        return None;
    }
    let severity = if sweep.missing_paths >= 50 {
        Severity::High
    } else {
        Severity::Medium
    };
    Some(misses.threat(Kind::Scanner, severity, address))
}

/// Attacks that an address wrote into its requests.
fn payloads(address: &str, suspect: &Suspect) -> Vec<Threat> {
    let threat = |(kind, (seen, answered)): (&Kind, &(Seen, bool))| {
        let severity = match (kind, answered) {
            (Kind::Xss, false) => Severity::Medium,
            (Kind::Xss, true) | (_, false) => Severity::High,
            (_, true) => Severity::Critical,
        };
        seen.threat(*kind, severity, address)
    };
    suspect.payloads.iter().map(threat).collect()
}

/// Whether an address came with an attack tool.
fn tools(address: &str, suspect: &Suspect) -> Option<Threat> {
    let seen = suspect.tools.as_ref()?;
    let severity = if seen.count >= 100 {
        Severity::High
    } else {
        Severity::Medium
    };
    Some(seen.threat(Kind::AttackTool, severity, address))
}
