//! Alarms, and who hears of them.

use super::policies::public;
use super::{all_of, each};
use crate::audit::facts::{Alarm, Facts};
use crate::audit::{Check, Finding, Part, Severity};

/// What has to be watched: the metric, and what it tells.
const WATCHED: [(&str, &str); 9] = [
    ("AWS/Lambda Throttles", "function throttles"),
    ("AWS/ApiGateway 4XXError", "refused requests"),
    ("AWS/ApiGateway 5XXError", "failed requests"),
    ("AWS/ApiGateway Count", "the share of errors"),
    ("AWS/ApiGateway Latency", "latency"),
    ("AWS/RDS CPUUtilization", "the database's processor"),
    ("AWS/RDS DatabaseConnections", "the database's connections"),
    ("AWS/RDS FreeStorageSpace", "the database's storage"),
    (
        "AWS/WAFV2 BlockedRequests",
        "requests that the firewall blocks",
    ),
];
/// Of these there is no alarm by default: what is blocked is dealt with.
const OPTIONAL: [&str; 1] = ["AWS/WAFV2 BlockedRequests"];

pub const CHECKS: &[Check] = &[
    Check {
        row: 17,
        id: "alarms-there",
        title: "Errors, throttles, latency and the database are watched",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("alarm", "metric"), ("alarm", "queries")],
        mend: "aws cloudwatch put-metric-alarm --alarm-name NAME --metric-name {} …",
        judge: watched,
    },
    Check {
        row: 17,
        id: "alarms-told",
        title: "Every alarm tells somebody",
        standards: &["Security Hub CloudWatch.15", "Security Hub CloudWatch.17"],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[("alarm", "actions"), ("alarm", "enabled")],
        mend: "aws cloudwatch enable-alarm-actions --alarm-names {}",
        judge: |facts| each(&facts.alarms, "alarm", told),
    },
    Check {
        row: 17,
        id: "topic-encrypted",
        title: "The alarms' topic is encrypted under a key of the account's",
        standards: &["Security Hub SNS.1"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("topic", "kms_key")],
        mend: "aws sns set-topic-attributes --topic-arn {} --attribute-name KmsMasterKeyId --attribute-value KEY",
        judge: |facts| {
            each(&facts.topics, "topic", |topic| {
                let key = topic.kms_key.as_deref().unwrap_or("none");
                // CloudWatch may not use AWS's own key, so alarms would go nowhere.
                let right = key != "none" && key != "alias/aws/sns";
                Finding::of(&topic.arn, right, key, "a key of the account's")
            })
        },
    },
    Check {
        row: 17,
        id: "topic-policy",
        title: "Only this account and its alarms publish to the topic",
        standards: &["FSBP SNS.4"],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[("topic", "policy")],
        mend: "aws sns set-topic-attributes --topic-arn {} --attribute-name Policy --attribute-value POLICY",
        judge: |facts| {
            each(&facts.topics, "topic", |topic| {
                let open = public(&topic.policy);
                let found = format!("{} lets everybody in", open.join(", "));
                Finding::of(&topic.arn, open.is_empty(), found, "this account only")
            })
        },
    },
    Check {
        row: 17,
        id: "topic-heard",
        title: "Somebody hears of alarms",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[],
        mend: "set [alarms] email in infra.toml, run wmctl up, and follow the link in the message (elsewhere: aws sns subscribe --topic-arn {} --protocol email --notification-endpoint ADDRESS)",
        judge: |facts| {
            let config = facts.config.as_ref();
            let nobody = config.is_some_and(|config| config.alarms.email.is_none());
            each(&facts.topics, "topic", |topic| {
                if topic.confirmed > 0 {
                    return Finding::pass(&topic.arn);
                }
                if nobody {
                    let why = "infra.toml names nobody to tell ([alarms] email)";
                    return Finding::exception(&topic.arn, why);
                }
                let found = match topic.pending {
                    0 => "nobody has subscribed",
                    _ => "nobody has confirmed a subscription yet",
                };
                Finding::fail(&topic.arn, found, "a confirmed subscription")
            })
        },
    },
];

fn watched(facts: &Facts) -> Vec<Finding> {
    all_of(&facts.alarms, "alarm", |alarms| {
        let foreign = facts
            .config
            .as_ref()
            .is_some_and(|config| config.database.instance.is_some());
        let judge = |(metric, what): (&str, &str)| {
            let there = alarms.iter().any(|alarm| watches(alarm, metric));
            let keepers = ["AWS/RDS DatabaseConnections", "AWS/RDS FreeStorageSpace"];
            if foreign && !there && keepers.contains(&metric) {
                return Finding::exception(
                    metric,
                    "whoever keeps the database knows how much there is of it",
                );
            }
            if !there && OPTIONAL.contains(&metric) {
                return Finding::exception(
                    metric,
                    "blocked requests are dealt with; they are counted and logged",
                );
            }
            Finding::of(metric, there, format!("{what}: no alarm"), "an alarm")
        };
        let of_functions = each(&facts.functions, "function", |function| {
            errors(alarms, &function.name)
        });
        let of_all = WATCHED.into_iter().map(judge);
        of_all.chain(of_functions).collect()
    })
}

fn watches(alarm: &Alarm, metric: &str) -> bool {
    alarm.metrics.iter().any(|one| one == metric)
}

/// Each function's errors are watched for themselves: one that runs by schedule fails unseen.
fn errors(alarms: &[Alarm], function: &str) -> Finding {
    let there = alarms.iter().any(|alarm| {
        let about = alarm.about.is_empty() || alarm.about.contains(function);
        about && watches(alarm, "AWS/Lambda Errors")
    });
    let metric = format!("AWS/Lambda Errors of {function}");
    Finding::of(metric, there, "function errors: no alarm", "an alarm")
}

fn told(alarm: &Alarm) -> Finding {
    let found = match (alarm.enabled, alarm.actions.is_empty()) {
        (false, _) => "its actions are switched off",
        (true, true) => "it tells nobody",
        (true, false) => return Finding::pass(&alarm.name),
    };
    Finding::fail(&alarm.name, found, "an action, switched on")
}
