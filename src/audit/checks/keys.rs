//! KMS keys that the rest is encrypted under.

use super::all_of;
use super::policies::public;
use crate::audit::facts::{Facts, Key};
use crate::audit::{Check, Finding, Part, Severity};

pub const CHECKS: &[Check] = &[
    Check {
        row: 12,
        id: "key-rotation",
        title: "Keys are rotated every year",
        standards: &["Security Hub KMS.4", "CIS 3.0 3.6"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("kms-key", "rotation")],
        mend: "aws kms enable-key-rotation --key-id {}",
        judge: |facts| {
            keys(facts, |key| {
                Finding::of(&key.id, key.rotation, "not rotated", "rotation on")
            })
        },
    },
    Check {
        row: 12,
        id: "key-alive",
        title: "No key in use is disabled or on its way out",
        standards: &["FSBP KMS.3"],
        severity: Severity::Critical,
        part: Part::Stack,
        held_by: &[("kms-key", "state")],
        mend: "aws kms cancel-key-deletion --key-id {} && aws kms enable-key --key-id {}",
        judge: |facts| {
            keys(facts, |key| {
                Finding::of(&key.id, key.state == "Enabled", &key.state, "Enabled")
            })
        },
    },
    Check {
        row: 12,
        id: "key-policy",
        title: "No key is for everybody",
        standards: &["FSBP KMS.5"],
        severity: Severity::Critical,
        part: Part::Stack,
        held_by: &[("kms-key", "policy")],
        mend: "aws kms put-key-policy --key-id {} --policy-name default --policy FILE",
        judge: |facts| {
            keys(facts, |key| {
                let open = public(&key.policy);
                let found = format!("{} lets everybody in", open.join(", "));
                Finding::of(&key.id, open.is_empty(), found, "named principals")
            })
        },
    },
    Check {
        row: 12,
        id: "key-region",
        title: "Keys stay in one region",
        standards: &[],
        severity: Severity::Low,
        part: Part::Stack,
        held_by: &[],
        mend: "make a single-region key, and encrypt under that",
        judge: |facts| {
            keys(facts, |key| {
                Finding::of(&key.id, !key.multi_region, "multi-region", "one region")
            })
        },
    },
];

/// AWS looks after its own.
fn keys(facts: &Facts, judge: impl Fn(&Key) -> Finding) -> Vec<Finding> {
    all_of(&facts.keys, "key of the account's", |keys| {
        keys.iter().filter(|key| key.ours).map(judge).collect()
    })
}
