//! The REST API: who may call it, how often, and what is recorded.

use super::policies::public;
use super::{all_of, in_time, of};
use crate::audit::facts::{Facts, Gateway};
use crate::audit::{Check, Finding, Part, Severity};
use crate::resources::apigateway::versions;
use crate::stack::Stack;

/// A key is to be replaced after so many days, unless infra.toml says otherwise.
const KEY_DAYS: i64 = 90;

/// As infra.toml says for this key, or 90.
fn days_allowed(facts: &Facts, aws_name: &str) -> i64 {
    let asked = facts.config.as_ref().and_then(|config| {
        let stack = Stack::new(config, &facts.account);
        let (name, ..) = versions::parse(&stack, aws_name)?;
        let key = config.api.keys.iter().find(|key| key.name == name)?;
        Some(i64::from(key.rotate_after_days))
    });
    asked.unwrap_or(KEY_DAYS)
}

pub const CHECKS: &[Check] = &[
    Check {
        row: 1,
        id: "api-key-required",
        title: "Every method asks for an API key",
        standards: &[],
        severity: Severity::Critical,
        part: Part::Stack,
        held_by: &[("method", "api_key_required")],
        mend: "aws apigateway update-method --rest-api-id API --resource-id RESOURCE --http-method {} --patch-operations op=replace,path=/apiKeyRequired,value=true",
        judge: |facts| {
            all_of(&facts.gateway, "API", |api| {
                let methods = api.methods.iter().filter(|method| !method.is_preflight());
                methods
                    .map(|method| {
                        let found = "no key is asked for";
                        Finding::of(&method.name, method.key_required, found, "an API key")
                    })
                    .collect()
            })
        },
    },
    Check {
        row: 1,
        id: "api-key-plan",
        title: "Keys come with a usage plan",
        standards: &[],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[("usage-plan", "stages"), ("usage-plan-key", "plan")],
        mend: "aws apigateway create-usage-plan-key --usage-plan-id PLAN --key-type API_KEY --key-id KEY",
        judge: |facts| {
            of(&facts.gateway, "API", |api| {
                let keys: usize = api.plans.iter().map(|plan| plan.keys).sum();
                let found = format!("{} usage plans with {keys} keys", api.plans.len());
                Finding::of(&api.name, keys > 0, found, "a usage plan with a key")
            })
        },
    },
    Check {
        row: 2,
        id: "api-key-age",
        title: "API keys are replaced in time",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[],
        mend: "wmctl rotate-keys (elsewhere: make a new key, put it in the plan, move the callers, delete {})",
        judge: |facts| {
            all_of(&facts.gateway, "API key", |api| {
                let enabled = api.keys.iter().filter(|key| key.enabled);
                enabled
                    .map(|key| {
                        let most = days_allowed(facts, &key.name);
                        in_time(facts, &key.name, "made", key.created, most)
                    })
                    .collect()
            })
        },
    },
    Check {
        row: 3,
        id: "api-tls",
        title: "The endpoint takes TLS 1.2 and newer alone",
        standards: &[],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[("rest-api", "security_policy")],
        mend: "aws apigateway update-rest-api --rest-api-id {} --patch-operations op=replace,path=/securityPolicy,value=SecurityPolicy_TLS13_1_2_2021_06",
        judge: |facts| {
            of(&facts.gateway, "API", |api| {
                let policy = api.security_policy.as_deref().unwrap_or("TLS_1_0");
                let old = policy.starts_with("TLS_1_0") || policy.contains("TLS10");
                Finding::of(&api.id, !old, policy, "TLS_1_2 or a newer policy")
            })
        },
    },
    Check {
        row: 3,
        id: "api-endpoint",
        title: "The endpoint is regional or private",
        standards: &[],
        severity: Severity::Low,
        part: Part::Stack,
        held_by: &[("rest-api", "endpoint_types")],
        mend: "aws apigateway update-rest-api --rest-api-id {} --patch-operations op=replace,path=/endpointConfiguration/types/EDGE,value=REGIONAL",
        judge: |facts| {
            of(&facts.gateway, "API", |api| {
                match api.endpoint_types.as_slice() {
                    [one] if one == "PRIVATE" => Finding::pass(&api.id),
                    [one] if one == "REGIONAL" => Finding::exception(
                        &api.id,
                        "public by intent: the chatbot calls from outside AWS, behind key, plan and firewall",
                    ),
                    other => Finding::fail(&api.id, other.join(", "), "REGIONAL or PRIVATE"),
                }
            })
        },
    },
    Check {
        row: 4,
        id: "plan-limits",
        title: "Each key has a rate and a quota",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("usage-plan", "throttle"), ("usage-plan", "quota")],
        mend: "aws apigateway update-usage-plan --usage-plan-id {} --patch-operations op=replace,path=/throttle/rateLimit,value=100 op=replace,path=/throttle/burstLimit,value=200 op=replace,path=/quota/limit,value=100000 op=replace,path=/quota/period,value=MONTH",
        judge: |facts| {
            let asked = facts
                .config
                .as_ref()
                .map(|config| config.api.usage_plan.clone());
            let within = |found: f64, most: u32| found > 0.0 && found <= f64::from(most);
            all_of(&facts.gateway, "usage plan", |api| {
                let plans = api.plans.iter().map(|plan| {
                    let (rate, quota) = (
                        plan.rate.unwrap_or_default(),
                        plan.quota.unwrap_or_default(),
                    );
                    let burst = plan.burst.unwrap_or_default();
                    let (most, burst_most, quota_most) = asked
                        .as_ref()
                        .map_or((u32::MAX, u32::MAX, u32::MAX), |plan| {
                            (plan.throttle.rate, plan.throttle.burst, plan.quota.limit)
                        });
                    let right = within(rate, most)
                        && within(burst.into(), burst_most)
                        && within(quota.into(), quota_most);
                    let found = format!("rate {rate}, burst {burst}, quota {quota}");
                    Finding::of(&plan.id, right, found, "all three, no more than asked for")
                });
                plans.collect()
            })
        },
    },
    Check {
        row: 4,
        id: "refusals-in-shape",
        title: "Refusals answer in the contract's shape",
        standards: &[],
        severity: Severity::Low,
        part: Part::Stack,
        held_by: &[
            ("gateway-response", "status"),
            ("gateway-response", "bodies"),
        ],
        mend: "aws apigateway put-gateway-response --rest-api-id API --response-type {} --status-code 429 --response-templates FILE",
        judge: |facts| {
            let wanted = [
                ("THROTTLED", "429"),
                ("QUOTA_EXCEEDED", "429"),
                ("INVALID_API_KEY", "403"),
            ];
            all_of(&facts.gateway, "API", |api| {
                let judge = |(kind, status): (&str, &str)| {
                    let response = api.responses.get(kind);
                    let answered = response.and_then(|response| response.status.as_deref());
                    let body = response.is_some_and(|response| {
                        response
                            .bodies
                            .values()
                            .any(|body| body.contains("\"error\""))
                    });
                    let found = match answered {
                        None => "API Gateway's own answer".to_owned(),
                        Some(status) => format!("status {status}, an error object: {body}"),
                    };
                    let wanted = format!("status {status} and an error object");
                    Finding::of(kind, answered == Some(status) && body, found, &wanted)
                };
                wanted.into_iter().map(judge).collect()
            })
        },
    },
    Check {
        row: 5,
        id: "body-validated",
        title: "Bodies are validated, whatever their content type",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[
            ("method", "models"),
            ("method", "validator"),
            ("request-validator", "body"),
        ],
        mend: "aws apigateway update-method --rest-api-id API --resource-id RESOURCE --http-method {} --patch-operations op=replace,path=/requestValidatorId,value=VALIDATOR 'op=add,path=/requestModels/$default,value=MODEL'",
        judge: |facts| {
            all_of(&facts.gateway, "API", |api| {
                let methods = api.methods.iter();
                let with_body = methods.filter(|method| {
                    ["ANY ", "PATCH ", "POST ", "PUT "]
                        .iter()
                        .any(|verb| method.name.starts_with(verb))
                });
                with_body
                    .map(|method| {
                        let model = method.default_model.as_deref().unwrap_or("none");
                        let found = format!(
                            "validated: {}, model for every type: {model}",
                            method.validates_body
                        );
                        let right = method.validates_body && method.default_model.is_some();
                        let wanted = "a validator of bodies and a model for $default";
                        Finding::of(&method.name, right, found, wanted)
                    })
                    .collect()
            })
        },
    },
    Check {
        row: 8,
        id: "api-policy",
        title: "A resource policy where callers are known",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("rest-api", "policy")],
        mend: "aws apigateway update-rest-api --rest-api-id {} --patch-operations op=replace,path=/policy,value=POLICY",
        judge: |facts| of(&facts.gateway, "API", policy),
    },
    Check {
        row: 25,
        id: "refusal-headers",
        title: "The gateway's own answers carry the security headers",
        standards: &[],
        severity: Severity::Low,
        part: Part::Stack,
        held_by: &[("gateway-response", "headers")],
        mend: "aws apigateway put-gateway-response --rest-api-id API --response-type {} --response-parameters FILE",
        judge: |facts| {
            all_of(&facts.gateway, "API", |api| {
                ["DEFAULT_4XX", "DEFAULT_5XX"]
                    .into_iter()
                    .map(|kind| headers(api, kind))
                    .chain(others(api))
                    .collect()
            })
        },
    },
];

fn policy(api: &Gateway) -> Finding {
    let Some(policy) = &api.policy else {
        return Finding::exception(&api.id, without_policy(api));
    };
    // One statement for everybody is usual, with another that denies all but known addresses.
    let denies = super::policies::statements(policy)
        .any(|statement| statement["Effect"] == "Deny" && !statement["Condition"].is_null());
    let open = public(policy)
        .into_iter()
        .filter(|_| !denies)
        .collect::<Vec<_>>();
    let found = format!("{} lets everybody in", open.join(", "));
    Finding::of(&api.id, open.is_empty(), found, "known callers only")
}

/// What keeps strangers out of an API without a policy.
fn without_policy(api: &Gateway) -> &'static str {
    let mut methods = api.methods.iter().filter(|method| !method.is_preflight());
    let signed = !api.methods.is_empty() && methods.all(|method| method.authorization == "AWS_IAM");
    if signed {
        "no policy: calls are signed, and IAM's policies in this account say by whom ([api] allow_from names them)"
    } else {
        "no policy: the callers are not known, and keys say who may call ([api] allow_from narrows it)"
    }
}

/// What an answer without its status would be taken for by a browser, or kept by a proxy.
const HEADERS: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("strict-transport-security", "max-age="),
];

fn headers(api: &Gateway, kind: &str) -> Finding {
    let Some(response) = api.responses.get(kind) else {
        return Finding::fail(
            kind,
            "API Gateway's own answer",
            "nosniff, no-store and HSTS",
        );
    };
    let missing: Vec<&str> = HEADERS
        .into_iter()
        .filter(|(name, value)| {
            let mut headers = response.headers.iter();
            !headers.any(|(header, found)| {
                header.to_lowercase().ends_with(name) && found.contains(value)
            })
        })
        .map(|(name, _)| name)
        .collect();
    let found = format!("without {}", missing.join(", "));
    Finding::of(
        kind,
        missing.is_empty(),
        found,
        "nosniff, no-store and HSTS",
    )
}

/// Answers of a form of their own that lack one of the headers.
fn others(api: &Gateway) -> Vec<Finding> {
    let kinds = api.responses.keys();
    kinds
        .filter(|kind| !kind.starts_with("DEFAULT_"))
        .map(|kind| headers(api, kind))
        .filter(|finding| finding.verdict != crate::audit::Verdict::Pass)
        .collect()
}
