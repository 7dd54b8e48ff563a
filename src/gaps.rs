//! What emulators do not store. Such a field would look like drift for ever, so it is left out
//! of the diff there and reported as not emulated. Against AWS nothing is left out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::aws::Emulator::{self, MiniStack, Moto};
use crate::diff::Change;
use crate::object::Id;

/// Emulator, kind, path prefix of the field, and what happens to it there. Without a field it is the
/// whole kind, of which nothing is made there.
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
    (MiniStack, "iam-role", "boundary", "left out of the list"),
    (MiniStack, "rest-api", "endpoint_access", "not stored"),
    (MiniStack, "rest-api", "security_policy", "not stored"),
    (MiniStack, "rest-api", "tags", LATE_TAGS),
    (MiniStack, "secret-rotation", "", NO_STEPS),
    (MiniStack, "stage", "tags", LATE_TAGS),
    (MiniStack, "usage-plan", "tags", LATE_TAGS),
    (MiniStack, "vpc-endpoint", "groups", "not stored"),
    (MiniStack, "vpc-endpoint", "policy", "not stored"),
    (MiniStack, "vpc-endpoint", "private_dns", "not stored"),
    (Moto, "api-key", "tags", LATE_TAGS),
    (Moto, "deployment", "routes", "no summary of the API"),
    (Moto, "function", "log_group", "not stored"),
    (Moto, "function", "urls", "not listed"),
    (Moto, "rest-api", "endpoint_access", "not stored"),
    (Moto, "rest-api", "security_policy", "not stored"),
    (Moto, "rest-api", "tags", LATE_TAGS),
    (Moto, "secret-rotation", "schedule", "not stored"),
    (Moto, "stage", "canary", "not stored"),
    (Moto, "usage-plan", "tags", LATE_TAGS),
];

const LATE_TAGS: &str = "kept as they were at creation";
const NO_STEPS: &str = "a rotation by schedule calls no function there";
const LOST_ALARM: &str = "left out of the answer in the query protocol";

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
    met: RefCell<BTreeMap<Gap, BTreeSet<Id>>>,
}

impl Gaps {
    pub fn of(emulator: Option<Emulator>) -> Self {
        Self {
            emulator,
            met: RefCell::default(),
        }
    }

    /// Whether nothing of this object's kind can be made on the emulator.
    pub fn lacks(&self, id: &Id) -> bool {
        let gap = TABLE.iter().find(|(target, kind, path, _)| {
            Some(*target) == self.emulator && *kind == id.kind && path.is_empty()
        });
        if let Some(gap) = gap {
            self.meet(gap, id);
        }
        gap.is_some()
    }

    fn meet(&self, gap: &Gap, id: &Id) {
        let mut met = self.met.borrow_mut();
        met.entry(*gap).or_default().insert(id.clone());
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
                    self.meet(gap, id);
                }
                gap.is_none()
            })
            .collect()
    }

    /// One line for each gap that was met: kind and field, how many objects, and why.
    pub fn met(&self) -> Vec<String> {
        self.met
            .borrow()
            .iter()
            .map(|((_, kind, path, why), ids)| {
                let what = [*kind, *path].join(" ");
                format!("{} ({} objects): {why}", what.trim_end(), ids.len())
            })
            .collect()
    }
}
