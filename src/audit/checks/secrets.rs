//! Secrets in Secrets Manager.

use super::{each, in_time};
use crate::audit::facts::{Facts, Secret};
use crate::audit::{Check, Finding, Part, Severity};

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
        mend: "wmctl rotate-keys or wmctl rotate-secrets (elsewhere: aws secretsmanager rotate-secret --secret-id {})",
        judge: |facts| {
            secrets(facts, |secret| {
                in_time(facts, &secret.name, "changed", secret.changed, ROTATE_DAYS)
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
        held_by: &[("secret-rotation", "days")],
        mend: "aws secretsmanager rotate-secret --secret-id {} --rotation-lambda-arn FUNCTION --rotation-rules AutomaticallyAfterDays=30",
        judge: |facts| {
            secrets(facts, |secret| {
                if secret.rotation {
                    return Finding::pass(&secret.name);
                }
                if secret.name.contains("/api-key") {
                    return Finding::exception(
                        &secret.name,
                        "`wmctl rotate-keys` renews it, which moves callers, gateway and function along; its age is watched",
                    );
                }
                let config = facts.config.as_ref();
                if config.is_some_and(|config| config.database.rotate_after_days == 0) {
                    let why = "infra.toml asks for none: `wmctl rotate-secrets` renews it, and its age is watched";
                    return Finding::exception(&secret.name, why);
                }
                Finding::fail(&secret.name, "no rotation", "a schedule")
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
    let wanted = "named roles, and nobody else";
    let Some(policy) = &secret.policy else {
        return Finding::fail(&secret.name, "no policy: IAM alone decides", wanted);
    };
    let open = super::policies::public(policy);
    let found = format!("{} lets everybody in", open.join(", "));
    Finding::of(&secret.name, open.is_empty(), found, wanted)
}
