//! Log groups of the functions, the API, the firewall and the database.

use super::each;
use crate::audit::facts::{Facts, LogGroup};
use crate::audit::{Check, Finding, Part, Severity};

/// Days that Security Hub asks for.
const RETENTION: i32 = 365;

pub const CHECKS: &[Check] = &[
    Check {
        row: 6,
        id: "log-retention",
        title: "Logs are kept for a year at least, and not for ever",
        standards: &["Security Hub CloudWatch.16"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("log-group", "retention_days")],
        mend: "aws logs put-retention-policy --log-group-name {} --retention-in-days 365",
        judge: |facts| {
            let config = facts.config.as_ref();
            let asked = config.map(|config| config.function.log_retention_days);
            let asked = asked.and_then(|days| i32::try_from(days).ok());
            groups(facts, |group| match group.retention {
                None => Finding::fail(&group.name, "kept for ever", "365 days or more"),
                Some(days) if days < RETENTION && asked == Some(days) => {
                    let why = format!("infra.toml asks for {days} days");
                    Finding::exception(&group.name, why)
                }
                Some(days) => {
                    let found = format!("{days} days");
                    Finding::of(&group.name, days >= RETENTION, found, "365 days or more")
                }
            })
        },
    },
    Check {
        row: 6,
        id: "log-encryption",
        title: "Logs are encrypted under a key of the account's",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("log-group", "kms_key")],
        mend: "aws logs associate-kms-key --log-group-name {} --kms-key-id KEY",
        judge: |facts| {
            groups(facts, |group| {
                let found = "AWS's own key";
                Finding::of(
                    &group.name,
                    group.kms_key.is_some(),
                    found,
                    "a key of the account's",
                )
            })
        },
    },
];

fn groups(facts: &Facts, judge: impl Fn(&LogGroup) -> Finding) -> Vec<Finding> {
    each(&facts.log_groups, "log group", |group| {
        if group.exists {
            judge(group)
        } else {
            Finding::fail(
                &group.name,
                "it does not exist: the first entry makes one that keeps all for ever",
                "a group with a retention and a key",
            )
        }
    })
}
