//! The trail of who did what in the account: one that has it all is enough.

use super::all_of;
use crate::audit::facts::{Facts, Trail};
use crate::audit::{Check, Finding, Part, Severity};

const NONE: &str = "the account";

pub const CHECKS: &[Check] = &[
    Check {
        row: 18,
        id: "trail",
        title: "A trail records every region's calls",
        standards: &["FSBP CloudTrail.1", "CIS 3.0 3.1"],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[("trail", "multi_region"), ("trail", "logging")],
        mend: "aws cloudtrail update-trail --name {} --is-multi-region-trail; aws cloudtrail start-logging --name {}",
        judge: |facts| {
            any(facts, |trail| {
                let found = match (trail.logging, trail.multi_region) {
                    (false, _) => "stopped",
                    (true, false) => "one region's calls",
                    (true, true) => return Ok(()),
                };
                Err((found, "every region's calls, now"))
            })
        },
    },
    Check {
        row: 18,
        id: "trail-encrypted",
        title: "The trail is encrypted under a key of the account's",
        standards: &["FSBP CloudTrail.2", "CIS 3.0 3.5"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("trail", "kms_key")],
        mend: "aws cloudtrail update-trail --name {} --kms-key-id KEY",
        judge: |facts| {
            any(facts, |trail| match trail.kms_key {
                Some(_) => Ok(()),
                None => Err(("S3's own key", "a key of the account's")),
            })
        },
    },
    Check {
        row: 18,
        id: "trail-validated",
        title: "A file of the trail that was changed can be told",
        standards: &["FSBP CloudTrail.4", "CIS 3.0 3.2"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("trail", "validated")],
        mend: "aws cloudtrail update-trail --name {} --enable-log-file-validation",
        judge: |facts| {
            any(facts, |trail| {
                if trail.validated {
                    Ok(())
                } else {
                    Err(("no digests", "digests of all files"))
                }
            })
        },
    },
    Check {
        row: 18,
        id: "trail-watched",
        title: "The trail shows in CloudWatch Logs, where it is watched",
        standards: &["FSBP CloudTrail.5"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("trail", "log_group")],
        mend: "aws cloudtrail update-trail --name {} --cloud-watch-logs-log-group-arn GROUP --cloud-watch-logs-role-arn ROLE",
        judge: |facts| {
            any(facts, |trail| match trail.log_group {
                Some(_) => Ok(()),
                None => Err(("files in S3 alone", "a log group")),
            })
        },
    },
    Check {
        row: 18,
        id: "trail-events",
        title: "The trail holds every call to the account, and who invoked functions",
        standards: &["FSBP CloudTrail.3", "CIS 3.0 3.1"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("trail", "events")],
        mend: "aws cloudtrail put-event-selectors --trail-name {} --advanced-event-selectors SELECTORS",
        judge: |facts| {
            any(facts, |trail| {
                let found = match (trail.management, trail.invocations) {
                    (true, true) => return Ok(()),
                    (true, false) => "no invocations",
                    (false, true) => "invocations, and a part of the calls",
                    (false, false) => "a part of the calls",
                };
                Err((found, "all calls, and invocations of functions"))
            })
        },
    },
    Check {
        row: 18,
        id: "trail-alarms",
        title: "Refused calls, key deletions and changes of the trail raise an alarm",
        standards: &["CIS 3.0 4.1", "CIS 3.0 4.5", "CIS 3.0 4.7"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("metric-filter", "pattern"), ("metric-filter", "metric")],
        mend: "aws logs put-metric-filter --log-group-name GROUP --filter-name NAME --filter-pattern PATTERN --metric-transformations …; aws cloudwatch put-metric-alarm …",
        judge: alarmed,
    },
];

/// What is looked for in a trail: the names of which one is in the pattern, and what these tell.
const ALARMING: [(&[&str], &str); 3] = [
    (
        &["AccessDenied", "UnauthorizedOperation"],
        "calls that were refused",
    ),
    (&["ScheduleKeyDeletion"], "key deletions"),
    (&["StopLogging"], "changes of the trail"),
];

fn alarmed(facts: &Facts) -> Vec<Finding> {
    all_of(&facts.trails, "trail", |trails| {
        let watches = || trails.iter().flat_map(|trail| &trail.watches);
        let told = |names: &[&str]| {
            watches()
                .any(|watch| watch.alarmed && names.iter().any(|name| watch.pattern.contains(name)))
        };
        ALARMING
            .iter()
            .map(|(names, what)| Finding::of(*what, told(names), "no alarm", "an alarm"))
            .collect()
    })
}

/// Passes where one of the trails does; otherwise says what each has instead.
fn any(
    facts: &Facts,
    judge: impl Fn(&Trail) -> Result<(), (&'static str, &'static str)>,
) -> Vec<Finding> {
    all_of(&facts.trails, "trail", |trails| {
        if trails.is_empty() {
            return vec![Finding::fail(NONE, "no trail", "one of every region")];
        }
        if let Some(right) = trails.iter().find(|trail| judge(trail).is_ok()) {
            return vec![Finding::pass(&right.name)];
        }
        let judged = trails.iter().filter_map(|trail| {
            let (found, wanted) = judge(trail).err()?;
            Some(Finding::fail(&trail.name, found, wanted))
        });
        judged.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Verdict;
    use crate::audit::facts::{Read, Watch};

    fn whole() -> Trail {
        Trail {
            name: "whole".to_owned(),
            logging: true,
            multi_region: true,
            validated: true,
            management: true,
            invocations: true,
            bucket: Some("bucket".to_owned()),
            watches: ALARMING
                .iter()
                .map(|(names, _)| Watch {
                    pattern: names.join(" "),
                    alarmed: true,
                })
                .collect(),
            kms_key: Some("arn:key".to_owned()),
            log_group: Some("arn:group".to_owned()),
        }
    }

    /// The checks that fail.
    fn failing(trails: Vec<Trail>) -> Vec<&'static str> {
        let facts = Facts {
            trails: Read::Known(trails),
            ..Facts::default()
        };
        let fails = |check: &&Check| {
            let findings = (check.judge)(&facts);
            let failed = |one: &Finding| matches!(one.verdict, Verdict::Fail { .. });
            findings.iter().any(failed)
        };
        CHECKS.iter().filter(fails).map(|check| check.id).collect()
    }

    #[test]
    fn one_whole_trail_is_enough_and_without_any_all_fails() {
        let poor = Trail {
            name: "poor".to_owned(),
            ..Trail::default()
        };
        assert_eq!(failing(vec![poor.clone(), whole()]), Vec::<&str>::new());
        assert_eq!(failing(vec![poor]).len(), CHECKS.len());
        assert_eq!(failing(Vec::new()).len(), CHECKS.len());
    }

    #[test]
    fn each_check_looks_at_its_own_switch() {
        let without = |change: fn(&mut Trail)| {
            let mut trail = whole();
            change(&mut trail);
            failing(vec![trail])
        };
        assert_eq!(without(|trail| trail.logging = false), ["trail"]);
        assert_eq!(without(|trail| trail.multi_region = false), ["trail"]);
        assert_eq!(without(|trail| trail.kms_key = None), ["trail-encrypted"]);
        assert_eq!(
            without(|trail| trail.validated = false),
            ["trail-validated"]
        );
        assert_eq!(without(|trail| trail.log_group = None), ["trail-watched"]);
        assert_eq!(without(|trail| trail.management = false), ["trail-events"]);
        assert_eq!(without(|trail| trail.invocations = false), ["trail-events"]);
        let silent = |trail: &mut Trail| trail.watches[1].alarmed = false;
        assert_eq!(without(silent), ["trail-alarms"]);
    }
}
