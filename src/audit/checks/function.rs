//! The functions.

use std::collections::BTreeSet;

use super::each;
use super::policies::public;
use crate::audit::facts::{Facts, Function, Read};
use crate::audit::{Check, Finding, Part, Severity};

/// Runtimes that Lambda still mends, of those that a chatbot's function may use.
const RUNTIMES: [&str; 13] = [
    "dotnet8",
    "java11",
    "java17",
    "java21",
    "nodejs22.x",
    "nodejs24.x",
    "provided.al2023",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "ruby3.4",
];

pub const CHECKS: &[Check] = &[
    Check {
        row: 9,
        id: "function-in-vpc",
        title: "Functions run in the VPC, in two zones",
        standards: &["Security Hub Lambda.3", "FSBP Lambda.5"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("function", "subnets")],
        mend: "aws lambda update-function-configuration --function-name {} --vpc-config SubnetIds=A,B,SecurityGroupIds=G",
        judge: |facts| functions(facts, |function| in_vpc(facts, function)),
    },
    Check {
        row: 9,
        id: "function-public",
        title: "Nobody but this API may call the functions",
        standards: &["FSBP Lambda.1"],
        severity: Severity::Critical,
        part: Part::Stack,
        held_by: &[
            ("function-permission", "principal"),
            ("function-permission", "source"),
        ],
        mend: "aws lambda remove-permission --function-name {} --statement-id ID",
        judge: |facts| {
            functions(facts, |function| {
                let open = public(&function.policy);
                let found = format!("{} lets anybody call it", open.join(", "));
                Finding::of(&function.name, open.is_empty(), found, "named callers")
            })
        },
    },
    Check {
        row: 9,
        id: "function-runtime",
        title: "Functions use a runtime that is looked after",
        standards: &["FSBP Lambda.2"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("function", "runtime")],
        mend: "aws lambda update-function-configuration --function-name {} --runtime provided.al2023",
        judge: |facts| {
            functions(facts, |function| {
                let known = RUNTIMES.contains(&function.runtime.as_str());
                Finding::of(
                    &function.name,
                    known,
                    &function.runtime,
                    "a current runtime",
                )
            })
        },
    },
    Check {
        row: 12,
        id: "function-environment",
        title: "Variables are encrypted under a key of the account's, and hold no secret",
        standards: &[],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[("function", "environment"), ("function", "kms_key")],
        mend: "aws lambda update-function-configuration --function-name {} --kms-key-arn KEY --environment FILE",
        judge: |facts| functions(facts, environment),
    },
    Check {
        row: 14,
        id: "function-url",
        title: "No function has a URL of its own",
        standards: &[],
        severity: Severity::Critical,
        part: Part::Stack,
        held_by: &[("function", "urls")],
        mend: "aws lambda delete-function-url-config --function-name {}",
        judge: |facts| {
            functions(facts, |function| match &function.urls {
                Read::Known(urls) => {
                    let found = format!("a URL for {}", urls.join(", "));
                    Finding::of(&function.name, urls.is_empty(), found, "none")
                }
                Read::Absent => Finding::pass(&function.name),
                Read::Unread(why) => Finding::unchecked(&function.name, why.clone()),
            })
        },
    },
    Check {
        row: 15,
        id: "function-concurrency",
        title: "Each function's concurrency is reserved and limited",
        standards: &["Security Hub Lambda.4"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("function", "reserved_concurrency")],
        mend: "aws lambda put-function-concurrency --function-name {} --reserved-concurrent-executions 50",
        judge: |facts| {
            functions(facts, |function| {
                let found = "what the account has left";
                Finding::of(
                    &function.name,
                    function.reserved.is_some(),
                    found,
                    "a limit",
                )
            })
        },
    },
    Check {
        row: 15,
        id: "connection-budget",
        title: "The database has a connection for every sandbox",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Database,
        held_by: &[
            ("db-parameter-group", "parameters"),
            ("function", "reserved_concurrency"),
        ],
        mend: "lower the functions' reserved concurrency, or raise max_connections of {}",
        judge: budget,
    },
    Check {
        row: 16,
        id: "function-tracing",
        title: "Functions are traced",
        standards: &["Security Hub Lambda.7"],
        severity: Severity::Low,
        part: Part::Stack,
        held_by: &[("function", "tracing")],
        mend: "aws lambda update-function-configuration --function-name {} --tracing-config Mode=Active",
        judge: |facts| {
            functions(facts, |function| {
                Finding::of(
                    &function.name,
                    function.tracing,
                    "not traced",
                    "X-Ray tracing",
                )
            })
        },
    },
];

fn functions(facts: &Facts, judge: impl Fn(&Function) -> Finding) -> Vec<Finding> {
    each(&facts.functions, "function", judge)
}

fn in_vpc(facts: &Facts, function: &Function) -> Finding {
    let wanted = "subnets in two zones";
    if function.subnets.is_empty() {
        return Finding::fail(&function.name, "no VPC", wanted);
    }
    let Read::Known(network) = &facts.network else {
        let found = format!("{} subnets", function.subnets.len());
        return Finding::of(&function.name, function.subnets.len() > 1, found, wanted);
    };
    let subnets = network.subnets.iter();
    let used = subnets.filter(|subnet| function.subnets.contains(&subnet.id));
    let zones: BTreeSet<&str> = used.map(|subnet| subnet.zone.as_str()).collect();
    Finding::of(
        &function.name,
        zones.len() > 1,
        format!("{} zone", zones.len()),
        wanted,
    )
}

fn environment(function: &Function) -> Finding {
    let wanted = "a key, and secrets by name";
    let plain: Vec<&str> = function
        .environment
        .iter()
        .filter(|(name, value)| looks_secret(name, value))
        .map(|(name, _)| name.as_str())
        .collect();
    if !plain.is_empty() {
        let found = format!("secrets in {}", plain.join(", "));
        return Finding::fail(&function.name, found, wanted);
    }
    let found = "encrypted under AWS's own key";
    let right = function.kms_key.is_some() || function.environment.is_empty();
    Finding::of(&function.name, right, found, wanted)
}

/// By its name, unless the value only says where the secret is.
fn looks_secret(name: &str, value: &str) -> bool {
    let name = name.to_uppercase();
    let named = [
        "PASSWORD",
        "PASSWD",
        "SECRET",
        "TOKEN",
        "API_KEY",
        "PRIVATE_KEY",
    ]
    .iter()
    .any(|word| name.contains(word));
    let place = value.starts_with("arn:")
        || ["_ARN", "_NAME", "_ID", "_FILE", "_PARAMETER"]
            .iter()
            .any(|end| name.ends_with(end));
    let access_key = value.len() == 20 && (value.starts_with("AKIA") || value.starts_with("ASIA"));
    access_key || (named && !place && !value.is_empty())
}

fn budget(facts: &Facts) -> Vec<Finding> {
    let functions = facts.functions.known().cloned().unwrap_or_default();
    let limits: Option<Vec<i32>> = functions.iter().map(|function| function.reserved).collect();
    each(&facts.databases, "database", |database| {
        let Some(limits) = &limits else {
            return Finding::fail(&database.id, "functions without a limit", "a limit on each");
        };
        let parameters = match &database.parameters {
            Read::Known(parameters) => parameters,
            Read::Absent => return Finding::unchecked(&database.id, "it has no parameter group"),
            Read::Unread(why) => return Finding::unchecked(&database.id, why.clone()),
        };
        let most = parameters
            .get("max_connections")
            .and_then(|most| most.parse::<i32>().ok());
        let sandboxes: i32 = limits.iter().sum();
        let Some(most) = most else {
            let why = "max_connections is the family's own, from the instance's memory";
            return Finding::unchecked(&database.id, why);
        };
        let found = format!("{sandboxes} sandboxes and {most} connections");
        Finding::of(
            &database.id,
            sandboxes < most,
            found,
            "more connections than sandboxes",
        )
    })
}
