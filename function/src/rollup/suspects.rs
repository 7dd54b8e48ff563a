//! Suspects: what addresses did that may belong to an attack. [`crate::threats`] judges it.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::{Deserialize, Serialize, Serializer};

use super::candidates::Filed;
use super::{Data, Map, Name, Part, Request, Undecodable, take_least};
use crate::detect::{Kind, Seen, agent, login, payload, probe};
use crate::sorted::Sorted;

/// Of more suspects than this in an hour, or in a longer span that is over, the least suspicious
/// are dropped.
const OF_AN_HOUR: usize = 20_000;
const OF_LONGER: usize = 500;

/// More different user agents than this are not worth remembering.
const AGENTS: usize = 1000;

/// The suspects of some span of time.
#[derive(Debug, Default)]
pub struct Suspects {
    pub by_address: Map<Suspect>,
    /// What user agents give away. There are few different ones, and each takes a while to look at.
    agents: Map<Agent>,
}

#[derive(Debug, Default, Clone)]
struct Agent {
    payloads: Vec<Kind>,
    is_tool: bool,
}

/// What one address did.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suspect<T = CompactString> {
    /// Requests for what is not there or not for it.
    pub misses: Option<Seen<T>>,
    /// By their paths' hash: whether only a probe asks for it.
    pub missing: Sorted<u32, bool>,
    /// Logins by minute since 1970.
    pub logins: login::Attempts,
    /// Logins that were refused.
    pub refused: Option<Seen<T>>,
    /// Payloads in the endpoint or the user agent, by kind, and whether one was answered with a success.
    pub payloads: BTreeMap<Kind, (Seen<T>, bool)>,
    /// Requests of attack tools.
    pub tools: Option<Seen<T>>,
}

fn see(seen: &mut Option<Seen>, second: i64, evidence: &str) {
    match seen {
        Some(seen) => seen.again(second, evidence),
        None => *seen = Some(Seen::new(second, evidence)),
    }
}

fn see_all(seen: &mut Option<Seen>, other: Option<Seen<&str>>) {
    match (seen.as_mut(), other) {
        (Some(seen), Some(other)) => seen.merge(other),
        (None, other) => *seen = other.map(Into::into),
        (Some(_), None) => {}
    }
}

/// A path is the same path again.
fn same(_: &mut bool, _: bool) {}

/// Most examples of most suspects are of no use where there are enough: they stay in the data.
impl From<Suspect<&str>> for Suspect {
    fn from(read: Suspect<&str>) -> Self {
        let payloads = read.payloads.into_iter();
        Self {
            misses: read.misses.map(Into::into),
            missing: read.missing,
            logins: read.logins,
            refused: read.refused.map(Into::into),
            payloads: payloads
                .map(|(kind, (seen, answered))| (kind, (seen.into(), answered)))
                .collect(),
            tools: read.tools.map(Into::into),
        }
    }
}

impl Suspect {
    pub(super) fn merge(&mut self, Filed(other): Filed<Suspect<&str>>) {
        see_all(&mut self.misses, other.misses);
        if self.missing.len() < probe::MOST_PATHS {
            self.missing.merge(&other.missing, same);
        }
        self.logins.merge(&other.logins, login::Minute::merge);
        see_all(&mut self.refused, other.refused);
        for (kind, (seen, answered)) in other.payloads {
            match self.payloads.get_mut(&kind) {
                Some((known, known_answered)) => {
                    known.merge(seen);
                    *known_answered |= answered;
                }
                None => {
                    self.payloads.insert(kind, (seen.into(), answered));
                }
            }
        }
        see_all(&mut self.tools, other.tools);
    }

    /// What makes it more suspect than another.
    fn weight(&self) -> u64 {
        let count = |seen: &Option<Seen>| seen.as_ref().map_or(0, |seen| seen.count);
        let payloads: u64 = self.payloads.values().map(|(seen, _)| seen.count).sum();
        let probes = self.missing.values().filter(|is_sensitive| *is_sensitive);
        let probes = u64::try_from(probes.count()).unwrap_or(u64::MAX);
        (payloads + count(&self.tools)) * 100
            + probes.saturating_mul(20)
            + count(&self.refused)
            + count(&self.misses)
    }

    /// Nothing that a longer window could add up to a threat.
    fn is_harmless(&self) -> bool {
        self.payloads.is_empty()
            && self.tools.is_none()
            && self.missing.len() < 2
            && !self.missing.values().any(|is_sensitive| is_sensitive)
            && self.refused.as_ref().is_none_or(|seen| seen.count < 2)
    }
}

impl Suspects {
    fn agent(&mut self, user_agent: &str) -> &Agent {
        if !self.agents.contains_key(user_agent) {
            if self.agents.len() >= AGENTS {
                self.agents.clear();
            }
            let agent = Agent {
                payloads: payload::classify(user_agent),
                is_tool: agent::tool(user_agent).is_some(),
            };
            self.agents.insert(Name::new(user_agent), agent);
        }
        &self.agents[user_agent]
    }
}

impl Serialize for Suspects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let filed = self.by_address.iter();
        serializer.collect_map(filed.map(|(name, suspect)| (name, Filed(suspect))))
    }
}

impl Part for Suspects {
    const NUMBER: u8 = 3;

    fn add(&mut self, request: &Request<'_>) {
        let &Request {
            second,
            endpoint,
            status_code,
            user_agent,
            ..
        } = request;
        let in_endpoint = payload::classify(endpoint);
        let Agent {
            payloads: in_agent,
            is_tool,
        } = self.agent(user_agent).clone();
        let has_payload = !in_endpoint.is_empty() || !in_agent.is_empty();
        // What is missed because of a payload is no probe for a path.
        let path = probe::path(endpoint);
        let is_miss = !has_payload && probe::is_miss(status_code, path);
        let is_success = (200..400).contains(&status_code);
        let refused = matches!(status_code, 401 | 403);
        let is_login = (refused || is_success) && login::is_login(endpoint);
        if !(is_miss || is_login || is_tool || has_payload) {
            return;
        }
        let suspect = self
            .by_address
            .entry(Name::new(request.ip_address))
            .or_default();
        if is_miss {
            see(&mut suspect.misses, second, path);
            if suspect.missing.len() < probe::MOST_PATHS {
                let is_sensitive = probe::is_sensitive(path);
                suspect.missing.join(hash(path), is_sensitive, same);
            }
        }
        if is_login {
            let attempt = login::Minute {
                failures: u32::from(refused),
                successes: u32::from(is_success),
            };
            let logins = &mut suspect.logins;
            logins.join(request.minute(), attempt, login::Minute::merge);
            if refused {
                see(&mut suspect.refused, second, endpoint);
            }
        }
        for (kinds, text) in [(in_endpoint, endpoint), (in_agent, user_agent)] {
            for kind in kinds {
                let answered = (200..300).contains(&status_code);
                match suspect.payloads.get_mut(&kind) {
                    Some((seen, any_answered)) => {
                        seen.again(second, text);
                        *any_answered |= answered;
                    }
                    None => {
                        suspect
                            .payloads
                            .insert(kind, (Seen::new(second, text), answered));
                    }
                }
            }
        }
        if is_tool {
            see(&mut suspect.tools, second, user_agent);
        }
    }

    fn read(&mut self, mut data: Data<'_>) -> Result<(), Undecodable> {
        data.join(&mut self.by_address, Suspect::merge)
    }

    fn prune(&mut self) {
        take_least(&mut self.by_address, OF_AN_HOUR, Suspect::weight);
    }

    fn compact(&mut self, hours: u16) {
        take_least(&mut self.by_address, OF_LONGER, Suspect::weight);
        // In less than a day no one is known to be harmless.
        if hours < 24 {
            return;
        }
        self.by_address.retain(|_, suspect| !suspect.is_harmless());
        for suspect in self.by_address.values_mut() {
            // Without a refusal a login is no guess.
            if suspect.refused.is_none() {
                suspect.logins = login::Attempts::default();
            }
        }
    }
}

/// FNV-1a: the same in every build, for it is stored.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::super::encode;
    use super::*;

    pub(in super::super) fn request<'a>(
        second: i64,
        ip_address: &'a str,
        endpoint: &'a str,
        status_code: u16,
        user_agent: &'a str,
    ) -> Request<'a> {
        Request {
            second,
            ip_address,
            endpoint,
            status_code,
            user_agent,
            ..Request::PLAIN
        }
    }

    fn some() -> Vec<Request<'static>> {
        let mut requests = vec![
            request(5, "192.0.2.1", "/", 200, "Mozilla/5.0"),
            request(6, "192.0.2.2", "/items?id=1' OR '1'='1", 500, ""),
            request(7, "192.0.2.2", "/items?id=2' OR '1'='1", 200, ""),
            request(8, "192.0.2.3", "/", 200, "sqlmap/1.7"),
            request(9, "192.0.2.4", "/lost", 404, ""),
            request(9, "192.0.2.5", "/.env?x=1", 404, ""),
        ];
        requests.extend((0..40).map(|n| request(n, "192.0.2.6", "/login", 401, "")));
        requests.push(request(100, "192.0.2.6", "/login", 302, ""));
        requests
    }

    #[test]
    fn only_suspects_are_kept() {
        let mut suspects = Suspects::default();
        for request in some() {
            suspects.add(&request);
        }
        assert!(!suspects.by_address.contains_key("192.0.2.1"));
        let (seen, answered) = &suspects.by_address["192.0.2.2"].payloads[&Kind::SqlInjection];
        assert_eq!(
            (seen.count, seen.first, seen.last, *answered),
            (2, 6, 7, true)
        );
        assert_eq!(
            suspects.by_address["192.0.2.3"]
                .tools
                .as_ref()
                .unwrap()
                .count,
            1
        );
        let guesser = &suspects.by_address["192.0.2.6"];
        assert_eq!(guesser.refused.as_ref().unwrap().count, 40);
        assert_eq!(
            guesser.logins.values().collect::<Vec<_>>(),
            [(40, 0), (0, 1)].map(|(failures, successes)| login::Minute {
                failures,
                successes
            })
        );
        suspects.compact(24);
        assert!(
            !suspects.by_address.contains_key("192.0.2.4"),
            "one dead link"
        );
        assert!(
            suspects.by_address.contains_key("192.0.2.5"),
            "a sensitive path"
        );
    }

    #[test]
    fn merging_is_adding_and_survives_the_table() {
        let (mut all, mut one, mut other) = (
            Suspects::default(),
            Suspects::default(),
            Suspects::default(),
        );
        for (n, request) in some().into_iter().enumerate() {
            all.add(&request);
            if n % 2 == 0 { &mut one } else { &mut other }.add(&request);
        }
        one.read(Data::new(&encode(&other).unwrap())).unwrap();
        assert_eq!(one.by_address, all.by_address);
    }

    #[test]
    fn the_worst_are_kept() {
        let mut suspects = Suspects::default();
        for number in 0..30_000_u32 {
            let address = std::net::Ipv4Addr::from(number).to_string();
            suspects.add(&request(0, &address, "/lost", 404, ""));
        }
        suspects.add(&request(0, "192.0.2.2", "/?id=1' OR '1'='1", 200, ""));
        suspects.prune();
        assert_eq!(suspects.by_address.len(), OF_AN_HOUR);
        assert!(suspects.by_address.contains_key("192.0.2.2"));
    }
}
