//! The stages of the API: how fast, and what is recorded.

use super::all_of;
use crate::audit::facts::{Facts, Stage};
use crate::audit::{Check, Finding, Part, Severity};

pub const CHECKS: &[Check] = &[
    Check {
        row: 4,
        id: "stage-throttle",
        title: "The stage is throttled",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("stage", "throttle")],
        mend: "aws apigateway update-stage --rest-api-id API --stage-name {} --patch-operations 'op=replace,path=/*/*/throttling/rateLimit,value=100' 'op=replace,path=/*/*/throttling/burstLimit,value=200'",
        judge: |facts| {
            let config = facts.config.as_ref();
            let asked = config.map(|config| config.api.throttle);
            let (rate, burst) = asked.map_or((10_000.0, 5_000), |throttle| {
                (f64::from(throttle.rate), signed(throttle.burst))
            });
            stages(facts, |stage| {
                let found = format!("{} a second, bursts of {}", stage.rate, stage.burst);
                let throttled = stage.rate > 0.0 && stage.burst > 0;
                let right = throttled && stage.rate <= rate && stage.burst <= burst;
                let within = if asked.is_some() {
                    "what infra.toml says"
                } else {
                    "less than the account's own limits"
                };
                Finding::of(&stage.name, right, found, within)
            })
        },
    },
    Check {
        row: 6,
        id: "stage-execution-logs",
        title: "Execution logs are on",
        standards: &["FSBP APIGateway.1"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("stage", "execution_log")],
        mend: "aws apigateway update-stage --rest-api-id API --stage-name {} --patch-operations 'op=replace,path=/*/*/logging/loglevel,value=INFO'",
        judge: |facts| {
            stages(facts, |stage| {
                let on = matches!(stage.log_level.as_str(), "INFO" | "ERROR");
                Finding::of(&stage.name, on, &stage.log_level, "ERROR or INFO")
            })
        },
    },
    Check {
        row: 6,
        id: "stage-data-trace",
        title: "No bodies and keys in the execution logs",
        standards: &[],
        severity: Severity::Critical,
        part: Part::Stack,
        held_by: &[("stage", "execution_log")],
        mend: "aws apigateway update-stage --rest-api-id API --stage-name {} --patch-operations 'op=replace,path=/*/*/logging/dataTrace,value=false'",
        judge: |facts| {
            stages(facts, |stage| {
                Finding::of(&stage.name, !stage.data_trace, "data trace is on", "off")
            })
        },
    },
    Check {
        row: 6,
        id: "stage-access-logs",
        title: "Access logs are on, as JSON",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("stage", "access_log")],
        mend: "aws apigateway update-stage --rest-api-id API --stage-name {} --patch-operations op=replace,path=/accessLogSettings/destinationArn,value=GROUP op=replace,path=/accessLogSettings/format,value=FORMAT",
        judge: |facts| {
            stages(facts, |stage| match &stage.access_log {
                None => Finding::fail(&stage.name, "no access log", "one, as JSON"),
                Some((_, format)) => {
                    let json = format.trim_start().starts_with('{');
                    let secret =
                        format.contains("x-api-key") || format.contains("identity.apiKey}");
                    let found = if json {
                        "it holds the callers' keys"
                    } else {
                        "not JSON"
                    };
                    Finding::of(&stage.name, json && !secret, found, "JSON without keys")
                }
            })
        },
    },
    Check {
        row: 6,
        id: "stage-exceptions",
        title: "No method has settings of its own",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("stage", "exceptions")],
        mend: "aws apigateway update-stage --rest-api-id API --stage-name {} --patch-operations op=remove,path=METHOD",
        judge: |facts| {
            stages(facts, |stage| {
                let found = stage.exceptions.join(", ");
                Finding::of(&stage.name, stage.exceptions.is_empty(), found, "none")
            })
        },
    },
    Check {
        row: 6,
        id: "stage-cache",
        title: "Nothing is cached, or it is encrypted",
        standards: &["FSBP APIGateway.5"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("stage", "cache")],
        mend: "aws apigateway update-stage --rest-api-id API --stage-name {} --patch-operations op=replace,path=/cacheClusterEnabled,value=false",
        judge: |facts| {
            stages(facts, |stage| {
                let right = !stage.cache || stage.cache_encrypted;
                Finding::of(
                    &stage.name,
                    right,
                    "a cache in the clear",
                    "none, or encrypted",
                )
            })
        },
    },
    Check {
        row: 8,
        id: "api-backend-certificate",
        title: "The stage shows its backend a certificate",
        standards: &["FSBP APIGateway.2"],
        severity: Severity::Low,
        part: Part::Stack,
        held_by: &[],
        mend: "",
        judge: |facts| {
            stages(facts, |stage| {
                Finding::exception(
                    &stage.name,
                    "the backend is a Lambda function, called by IAM: there is nobody to show one to",
                )
            })
        },
    },
    Check {
        row: 16,
        id: "stage-tracing",
        title: "Requests are traced at the API",
        standards: &["FSBP APIGateway.3"],
        severity: Severity::Low,
        part: Part::Stack,
        held_by: &[("stage", "tracing")],
        mend: "aws apigateway update-stage --rest-api-id API --stage-name {} --patch-operations op=replace,path=/tracingEnabled,value=true",
        judge: |facts| {
            stages(facts, |stage| {
                Finding::of(&stage.name, stage.tracing, "not traced", "X-Ray tracing")
            })
        },
    },
];

fn stages(facts: &Facts, judge: impl Fn(&Stage) -> Finding) -> Vec<Finding> {
    all_of(&facts.gateway, "stage", |api| {
        api.stages.iter().map(judge).collect()
    })
}

fn signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
