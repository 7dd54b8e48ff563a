//! The web ACL in front of the stage.

use super::{all_of, each};
use crate::audit::facts::{Facts, Read, WebAcl};
use crate::audit::{Check, Finding, Part, Severity};

/// The managed groups that a request must pass.
const GROUPS: [(&str, &str); 4] = [
    ("AWSManagedRulesCommonRuleSet", "common"),
    ("AWSManagedRulesSQLiRuleSet", "sqli"),
    ("AWSManagedRulesKnownBadInputsRuleSet", "known-bad-inputs"),
    ("AWSManagedRulesAmazonIpReputationList", "ip-reputation"),
];
/// Requests from one address in five minutes.
const RATE: i64 = 2000;

pub const CHECKS: &[Check] = &[
    Check {
        row: 7,
        id: "waf-in-front",
        title: "A web ACL stands in front of every stage",
        standards: &["FSBP APIGateway.4"],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[("web-acl-association", "web_acl")],
        mend: "aws wafv2 associate-web-acl --web-acl-arn ACL --resource-arn {}",
        judge: |facts| {
            each(&facts.firewalls, "stage", |wall| {
                Finding::of(&wall.stage, wall.acl.is_some(), "no web ACL", "one")
            })
        },
    },
    Check {
        row: 7,
        id: "waf-managed-rules",
        title: "Common, SQL injection, bad-input and reputation rules block",
        standards: &["FSBP WAF.10"],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[("web-acl", "rules")],
        mend: "aws wafv2 update-web-acl --name {} --scope REGIONAL --id ID --lock-token TOKEN --rules FILE",
        judge: |facts| acls(facts, managed),
    },
    Check {
        row: 7,
        id: "waf-rate",
        title: "Requests from one address are limited",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("web-acl", "rules")],
        mend: "aws wafv2 update-web-acl --name {} --scope REGIONAL --id ID --lock-token TOKEN --rules FILE",
        judge: |facts| {
            let config = facts.config.as_ref();
            let most = config.map_or(RATE, |config| config.waf.rate_limit_5min.into());
            acls(facts, |acl| {
                let limit = acl.rules.iter().filter_map(|rule| rule.rate).min();
                let found = limit.map_or("no limit".to_owned(), |limit| {
                    format!("{limit} in five minutes")
                });
                let wanted = format!("at most {most} in five minutes");
                let right = limit.is_some_and(|limit| limit <= most);
                Finding::of(&acl.name, right, found, &wanted)
            })
        },
    },
    Check {
        row: 7,
        id: "waf-metrics",
        title: "Every rule is measured",
        standards: &["FSBP WAF.12"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("web-acl", "metrics"), ("web-acl", "rules")],
        mend: "aws wafv2 update-web-acl --name {} --scope REGIONAL --id ID --lock-token TOKEN --visibility-config FILE",
        judge: |facts| {
            acls(facts, |acl| {
                let rules = acl.rules.iter().filter(|rule| !rule.metrics);
                let mut silent: Vec<&str> = rules.map(|rule| rule.name.as_str()).collect();
                if !acl.metrics {
                    silent.push("the ACL itself");
                }
                let found = format!("not measured: {}", silent.join(", "));
                Finding::of(&acl.name, silent.is_empty(), found, "metrics on all")
            })
        },
    },
    Check {
        row: 7,
        id: "waf-logging",
        title: "Requests are logged, without their keys",
        standards: &["Security Hub WAF.11"],
        severity: Severity::Low,
        part: Part::Stack,
        held_by: &[
            ("web-acl-logging", "destinations"),
            ("web-acl-logging", "redacted"),
        ],
        mend: "aws wafv2 put-logging-configuration --logging-configuration FILE",
        judge: |facts| acls(facts, logging),
    },
];

fn acls(facts: &Facts, judge: impl Fn(&WebAcl) -> Finding) -> Vec<Finding> {
    all_of(&facts.firewalls, "web ACL", |walls| {
        walls
            .iter()
            .filter_map(|wall| wall.acl.as_ref())
            .map(judge)
            .collect()
    })
}

fn managed(acl: &WebAcl) -> Finding {
    let missing: Vec<&str> = GROUPS
        .into_iter()
        .filter(|(group, _)| {
            let mut rules = acl.rules.iter();
            !rules.any(|rule| rule.group.as_deref() == Some(group) && !rule.counts_only)
        })
        .map(|(_, short)| short)
        .collect();
    let found = format!("without {}", missing.join(", "));
    Finding::of(
        &acl.name,
        missing.is_empty(),
        found,
        "all four groups, blocking",
    )
}

fn logging(acl: &WebAcl) -> Finding {
    let logging = match &acl.logging {
        Read::Known(logging) => logging,
        Read::Absent => return Finding::fail(&acl.name, "no log", "a log without x-api-key"),
        Read::Unread(why) => return Finding::unchecked(&acl.name, why.clone()),
    };
    let mut headers = logging.redacted_headers.iter();
    let redacted = headers.any(|header| header.eq_ignore_ascii_case("x-api-key"));
    let found = "a log that shows x-api-key";
    Finding::of(&acl.name, redacted, found, "a log without x-api-key")
}
