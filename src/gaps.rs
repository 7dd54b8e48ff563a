//! What emulators do not store. Such a field would look like drift for ever, so it is left out
//! of the diff there and reported as not emulated. Against AWS nothing is left out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::aws::Emulator::{self, MiniStack, Moto};
use crate::diff::Change;
use crate::object::Id;

/// Kinds that an emulator has nothing of, and what it has nothing of. They are left out there.
pub const MISSING: &[(Emulator, &str, &str)] = &[
    (MiniStack, "detector", "no GuardDuty"),
    (MiniStack, "secret-rotation", NO_STEPS),
    (MiniStack, "security-hub", "no Security Hub"),
    (MiniStack, "web-acl-logging", "no logs of the firewall"),
    (Moto, "security-hub", "no standards in Security Hub"),
];

/// Emulator, kind, path prefix of the field, and what happens to it there.
pub type Gap = (Emulator, &'static str, &'static str, &'static str);

pub const TABLE: &[Gap] = &[
    (MiniStack, "alarm", "actions", LOST_ALARM),
    (MiniStack, "alarm", "description", LOST_ALARM),
    (MiniStack, "alarm", "metric", LOST_ALARM),
    (MiniStack, "alarm", "missing_data", LOST_ALARM),
    (MiniStack, "alarm", "queries", LOST_ALARM),
    (MiniStack, "api-key", "enabled", "a change is kept as text"),
    (MiniStack, "api-key", "tags", LATE_TAGS),
    (MiniStack, "db-instance", "log_exports", "not stored"),
    (MiniStack, "flow-log", "interval_s", "not stored"),
    (MiniStack, "flow-log", "log_group", "not stored"),
    (MiniStack, "flow-log", "role", "not stored"),
    (MiniStack, "iam-role", "boundary", "left out of the list"),
    (MiniStack, "network-acl", "subnets", "subnets have none"),
    (MiniStack, "rest-api", "endpoint_access", "not stored"),
    (MiniStack, "rest-api", "security_policy", "not stored"),
    (MiniStack, "rest-api", "tags", LATE_TAGS),
    (MiniStack, "stage", "tags", LATE_TAGS),
    (MiniStack, "usage-plan", "tags", LATE_TAGS),
    (MiniStack, "vpc-endpoint", "groups", "not stored"),
    (MiniStack, "vpc-endpoint", "policy", "not stored"),
    (MiniStack, "vpc-endpoint", "private_dns", "not stored"),
    (Moto, "api-key", "tags", LATE_TAGS),
    (Moto, "bucket", "versioned", "answered in another shape"),
    (Moto, "deployment", "routes", "no summary of the API"),
    (Moto, "detector", "tags", LATE_TAGS),
    (Moto, "function", "log_group", "not stored"),
    (Moto, "function", "urls", "not listed"),
    (Moto, "metric-filter", "metric", TWICE),
    (Moto, "metric-filter", "namespace", TWICE),
    (Moto, "metric-filter", "pattern", TWICE),
    (Moto, "metric-filter", "value", TWICE),
    (Moto, "rest-api", "endpoint_access", "not stored"),
    (Moto, "rest-api", "security_policy", "not stored"),
    (Moto, "rest-api", "tags", LATE_TAGS),
    (Moto, "secret-rotation", "schedule", "not stored"),
    (Moto, "stage", "canary", "not stored"),
    (Moto, "usage-plan", "tags", LATE_TAGS),
];

const LATE_TAGS: &str = "kept as they were at creation";
const TWICE: &str = "a change is kept beside what was there";
const NO_STEPS: &str = "a rotation by schedule calls no function there";
const LOST_ALARM: &str = "left out of the answer in the query protocol";

/// Why a target has nothing of this kind, if so.
pub fn missing(emulator: Option<Emulator>, kind: &str) -> Option<&'static str> {
    let lacks = |(of, one, _): &&(Emulator, &str, &str)| Some(*of) == emulator && *one == kind;
    MISSING.iter().find(lacks).map(|(_, _, why)| *why)
}

/// Whether a target stores a field, for whoever changes one beside a plan.
pub fn stores(emulator: Option<Emulator>, kind: &str, field: &str) -> bool {
    let gap = |(target, of, path, _): &Gap| {
        emulator == Some(*target) && *of == kind && field.starts_with(path)
    };
    !TABLE.iter().any(gap)
}

/// The gaps of one target, and which of them a plan met.
#[derive(Debug, Default)]
pub struct Gaps {
    emulator: Option<Emulator>,
    /// Kinds that the target lacks and infra.toml asks for.
    lacked: RefCell<BTreeSet<&'static str>>,
    met: RefCell<BTreeMap<Gap, BTreeSet<Id>>>,
}

impl Gaps {
    pub fn of(emulator: Option<Emulator>) -> Self {
        Self {
            emulator,
            ..Self::default()
        }
    }

    /// The kinds that the target has nothing of.
    pub fn missing(&self) -> Vec<&'static str> {
        self.all_missing().map(|(kind, _)| kind).collect()
    }

    fn all_missing(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        MISSING
            .iter()
            .filter(|(emulator, _, _)| Some(*emulator) == self.emulator)
            .map(|(_, kind, why)| (*kind, *why))
    }

    /// Notes that infra.toml asks for objects of a kind that the target lacks.
    pub fn lack(&self, kind: &'static str) {
        self.lacked.borrow_mut().insert(kind);
    }

    /// `changes` without those that the emulator could not have stored.
    pub fn hide(&self, id: &Id, changes: Vec<Change>) -> Vec<Change> {
        let Some(emulator) = self.emulator else {
            return changes;
        };
        changes
            .into_iter()
            .filter(|change| {
                let gap = TABLE.iter().find(|(target, kind, path, _)| {
                    *target == emulator && *kind == id.kind && change.path.starts_with(path)
                });
                if let Some(gap) = gap {
                    let mut met = self.met.borrow_mut();
                    met.entry(*gap).or_default().insert(id.clone());
                }
                gap.is_none()
            })
            .collect()
    }

    /// One line for each kind that was asked for and is missing, and for each gap that was met: kind and field, how
    /// many objects, and why.
    pub fn met(&self) -> Vec<String> {
        let lacked = self.lacked.borrow();
        let missing = self.all_missing();
        let missing = missing.filter(|(kind, _)| lacked.contains(kind));
        let missing = missing.map(|(kind, why)| format!("{kind} (all): {why}"));
        let met = self.met.borrow();
        let met = met.iter().map(|((_, kind, path, why), ids)| {
            format!("{kind} {path} ({} objects): {why}", ids.len())
        });
        missing.chain(met).collect()
    }
}
