//! The checks. One service is one file.

mod alarms;
mod buckets;
mod code;
mod database;
mod detectors;
mod firewall;
mod function;
mod gateway;
mod keys;
mod logs;
mod network;
pub(super) mod policies;
mod roles;
mod secrets;
mod stage;
#[cfg(test)]
mod tests;
mod trails;

use super::facts::{Facts, Read};
use super::{Check, Finding};

/// The controls by number, as people name them.
pub const ROWS: [(u8, &str); 27] = [
    (1, "An API key on every request"),
    (2, "Key rotation"),
    (3, "TLS 1.2 and newer, regional endpoint"),
    (4, "Throttles and quota"),
    (5, "Requests validated at the gateway"),
    (6, "Access and execution logs"),
    (7, "Web application firewall"),
    (8, "Resource policy and CORS"),
    (9, "Private network"),
    (10, "Database"),
    (11, "Database user"),
    (12, "Secrets and encryption keys"),
    (13, "Least-privilege roles"),
    (14, "No function URL"),
    (15, "Reserved concurrency and connections"),
    (16, "Tracing"),
    (17, "Alarms"),
    (18, "Trail and flow logs"),
    (19, "GuardDuty and Security Hub"),
    (20, "Structured logs without secrets"),
    (21, "Parameterised SQL"),
    (22, "Cognito user pool"),
    (23, "AgentCore gateway"),
    (24, "Incident response"),
    (25, "Security headers"),
    (26, "DynamoDB table"),
    (27, "Cost shown before it is spent"),
];

/// Every check, by row.
pub fn all() -> Vec<&'static Check> {
    let mut all: Vec<&Check> = [
        gateway::CHECKS,
        stage::CHECKS,
        firewall::CHECKS,
        function::CHECKS,
        network::CHECKS,
        database::REACH,
        database::SAFETY,
        database::RECORDS,
        secrets::CHECKS,
        keys::CHECKS,
        logs::CHECKS,
        roles::CHECKS,
        alarms::CHECKS,
        trails::CHECKS,
        buckets::CHECKS,
        detectors::CHECKS,
        code::CHECKS,
    ]
    .into_iter()
    .flatten()
    .collect();
    all.sort_by_key(|check| check.row);
    all
}

/// One finding for what was read, or why there is none.
fn of<T>(read: &Read<T>, what: &str, judge: impl FnOnce(&T) -> Finding) -> Vec<Finding> {
    all_of(read, what, |value| vec![judge(value)])
}

/// The same with one finding for each of a list.
fn each<T>(read: &Read<Vec<T>>, what: &str, judge: impl Fn(&T) -> Finding) -> Vec<Finding> {
    all_of(read, what, |values| values.iter().map(judge).collect())
}

/// The same with as many findings as there are. What is not there is no pass.
fn all_of<T>(read: &Read<T>, what: &str, judge: impl FnOnce(&T) -> Vec<Finding>) -> Vec<Finding> {
    let findings = match read {
        Read::Known(value) => judge(value),
        Read::Absent => Vec::new(),
        Read::Unread(why) => return vec![Finding::unchecked(what, why.clone())],
    };
    if findings.is_empty() {
        return vec![Finding::unchecked(what, format!("there is no {what}"))];
    }
    findings
}

const DAY: i64 = 24 * 60 * 60;

/// Whether no more than `most` days have gone since something was `done`, at `time`.
fn in_time(facts: &Facts, name: &str, done: &str, time: i64, most: i64) -> Finding {
    let days = (facts.now - time) / DAY;
    let found = format!("{done} {days} days ago");
    Finding::of(name, days <= most, found, &format!("at most {most} days"))
}
