//! Secrets in Secrets Manager.

use super::each;
use crate::audit::facts::{Facts, Secret};
use crate::audit::{Check, Finding, Part, Severity};

const DAY: i64 = 24 * 60 * 60;
const ROTATE_DAYS: i64 = 90;

pub const CHECKS: &[Check] = &[
    Check {
        row: 12,
        id: "secret-key",
        title: "Secrets are encrypted under a key of the account's",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("secret", "kms_key")],
        mend: "aws secretsmanager update-secret --secret-id {} --kms-key-id KEY",
        judge: |facts| {
            secrets(facts, |secret| {
                let key = secret
                    .kms_key
                    .as_deref()
                    .unwrap_or("alias/aws/secretsmanager");
                let right = !key.ends_with("alias/aws/secretsmanager");
                Finding::of(
                    &secret.name,
                    right,
                    "AWS's own key",
                    "a key of the account's",
                )
            })
        },
    },
    Check {
        row: 12,
        id: "secret-age",
        title: "Secrets change at least every 90 days",
        standards: &["FSBP SecretsManager.4"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[],
        mend: "wmctl rotate-keys or wmctl rotate-passwords (elsewhere: aws secretsmanager rotate-secret --secret-id {})",
        judge: |facts| {
            secrets(facts, |secret| {
                let days = (facts.now - secret.changed) / DAY;
                let found = format!("changed {days} days ago");
                Finding::of(&secret.name, days <= ROTATE_DAYS, found, "at most 90 days")
            })
        },
    },
    Check {
        row: 12,
        id: "secret-rotation",
        title: "Secrets Manager rotates secrets by itself",
        standards: &["FSBP SecretsManager.1"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[],
        mend: "",
        judge: |facts| {
            secrets(facts, |secret| {
                if secret.rotation {
                    return Finding::pass(&secret.name);
                }
                Finding::exception(
                    &secret.name,
                    "rotated by wmctl, which moves API keys, functions and database users along; its age is watched",
                )
            })
        },
    },
    Check {
        row: 12,
        id: "secret-policy",
        title: "A policy on each secret denies everybody but the named roles",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("secret-policy", "policy")],
        mend: "aws secretsmanager put-resource-policy --secret-id {} --block-public-policy --resource-policy FILE",
        judge: |facts| secrets(facts, policy),
    },
];

fn secrets(facts: &Facts, judge: impl Fn(&Secret) -> Finding) -> Vec<Finding> {
    each(&facts.secrets, "secret", judge)
}

fn policy(secret: &Secret) -> Finding {
    let Some(policy) = &secret.policy else {
        return Finding::exception(
            &secret.name,
            "no policy of its own: reading it takes the key, whose use IAM alone grants, secret by secret",
        );
    };
    let open = super::policies::public(policy);
    let found = format!("{} lets everybody in", open.join(", "));
    Finding::of(&secret.name, open.is_empty(), found, "named roles")
}
