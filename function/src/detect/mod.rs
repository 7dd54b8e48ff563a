//! What an attack looks like. Values in, findings out: no database here, so every rule can be tested.

pub mod agent;
pub mod flood;
pub mod login;
pub mod payload;
pub mod probe;
pub mod unusual;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::time::Second;
use crate::untrusted::{Untrusted, shorten};

/// The kinds of threat, by the contract's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    BruteForce,
    Scanner,
    SqlInjection,
    Xss,
    PathTraversal,
    RequestFlood,
    AttackTool,
}

/// Every kind's name, for the contract.
pub const KINDS: &[&str] = &[
    "brute_force",
    "scanner",
    "sql_injection",
    "xss",
    "path_traversal",
    "request_flood",
    "attack_tool",
];

/// Every severity's name, for the contract; the least first.
pub const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::BruteForce,
        Self::Scanner,
        Self::SqlInjection,
        Self::Xss,
        Self::PathTraversal,
        Self::RequestFlood,
        Self::AttackTool,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::BruteForce => "brute_force",
            Self::Scanner => "scanner",
            Self::SqlInjection => "sql_injection",
            Self::Xss => "xss",
            Self::PathTraversal => "path_traversal",
            Self::RequestFlood => "request_flood",
            Self::AttackTool => "attack_tool",
        }
    }

    fn recommendation(self) -> &'static str {
        match self {
            Self::BruteForce => {
                "Block the address, require a second factor, and reset the passwords of accounts it got into."
            }
            Self::Scanner => {
                "Block the address and make sure that none of the probed paths holds anything."
            }
            Self::SqlInjection => {
                "Block the address and check that the endpoint binds its parameters; look at what the answers with status 200 gave away."
            }
            Self::Xss => {
                "Check that the endpoint escapes what it echoes, and send a Content-Security-Policy."
            }
            Self::PathTraversal => {
                "Block the address and check that the endpoint confines paths; look at what the answers with status 200 gave away."
            }
            Self::RequestFlood => "Throttle the address at the gateway or the WAF.",
            Self::AttackTool => "Block the address unless the scan was agreed upon.",
        }
    }
}

/// How bad a threat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .zip(SEVERITIES)
            .find_map(|(severity, known)| (*known == name).then_some(severity))
    }
}

/// One attacker doing one kind of thing.
#[derive(Debug, Clone, Serialize)]
pub struct Threat {
    #[serde(rename = "type")]
    pub kind: Kind,
    pub severity: Severity,
    pub ip_address: Untrusted,
    /// How many requests were part of it.
    pub count: u64,
    pub first_seen: Second,
    pub last_seen: Second,
    pub evidence: Vec<Untrusted>,
    pub recommendation: &'static str,
}

/// Examples that a threat comes with, and the characters of each.
pub const EVIDENCE: usize = 5;
pub const EVIDENCE_LENGTH: usize = 300;

/// How often something was seen, when, and some examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen<T = CompactString> {
    pub count: u64,
    /// Seconds since 1970.
    pub first: i64,
    pub last: i64,
    /// In order; at most [`EVIDENCE`].
    pub evidence: Vec<T>,
}

impl From<Seen<&str>> for Seen {
    fn from(read: Seen<&str>) -> Self {
        Self {
            count: read.count,
            first: read.first,
            last: read.last,
            evidence: read.evidence.into_iter().map(Into::into).collect(),
        }
    }
}

impl Seen {
    pub fn new(second: i64, evidence: &str) -> Self {
        Self {
            count: 1,
            first: second,
            last: second,
            evidence: vec![shorten(evidence, EVIDENCE_LENGTH).into()],
        }
    }

    /// Counts one more.
    pub fn again(&mut self, second: i64, evidence: &str) {
        self.count += 1;
        self.first = self.first.min(second);
        self.last = self.last.max(second);
        if self.evidence.len() < EVIDENCE {
            self.remember(&shorten(evidence, EVIDENCE_LENGTH));
        }
    }

    /// Counts what another one has counted.
    pub fn merge(&mut self, other: Seen<&str>) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for text in other.evidence {
            if self.evidence.len() < EVIDENCE {
                self.remember(text);
            }
        }
    }

    fn remember(&mut self, text: &str) {
        if let Err(at) = self
            .evidence
            .binary_search_by(|known| known.as_str().cmp(text))
        {
            self.evidence.insert(at, text.into());
        }
    }

    pub fn threat(&self, kind: Kind, severity: Severity, ip_address: &str) -> Threat {
        let evidence = self.evidence.iter();
        Threat {
            kind,
            severity,
            ip_address: ip_address.into(),
            count: self.count,
            first_seen: Second::from_epoch(self.first),
            last_seen: Second::from_epoch(self.last),
            evidence: evidence.map(|text| text.as_str().into()).collect(),
            recommendation: kind.recommendation(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn names_agree_with_the_contract() {
        for kind in [
            Kind::BruteForce,
            Kind::Scanner,
            Kind::SqlInjection,
            Kind::Xss,
            Kind::PathTraversal,
            Kind::RequestFlood,
            Kind::AttackTool,
        ] {
            assert!(KINDS.contains(&kind.name()));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        for name in SEVERITIES {
            assert_eq!(
                serde_json::to_value(Severity::parse(name).unwrap()).unwrap(),
                *name
            );
        }
        assert!(Severity::Critical > Severity::High);
    }

    #[test]
    fn one_threat_keeps_a_little_evidence() {
        let at = Second::from_epoch(100);
        let mut seen = Seen::new(at.epoch(), "/0");
        for number in 1..20 {
            seen.again(at.epoch() + number, &format!("/{number}"));
        }
        let threat = seen.threat(Kind::Scanner, Severity::Medium, "192.0.2.1");
        assert_eq!((threat.count, threat.evidence.len()), (20, 5));
        assert_eq!(threat.last_seen, at.plus(19));
    }
}
