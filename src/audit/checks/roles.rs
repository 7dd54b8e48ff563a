//! The roles that functions and the gateway take on.

use serde_json::Value;

use super::each;
use super::policies::{allows, is_for_all, is_narrowed, name, statements, texts};
use crate::audit::facts::{Facts, Role};
use crate::audit::{Check, Finding, Part, Severity};

/// Actions that AWS allows on all resources alone.
const EVERYWHERE: [&str; 7] = [
    "ec2:describenetworkinterfaces",
    "ec2:describesubnets",
    "ec2:describesecuritygroups",
    "ec2:describevpcs",
    "xray:putsegments",
    "xray:puttracesegments",
    "xray:puttelemetryrecords",
];

pub const CHECKS: &[Check] = &[
    Check {
        row: 13,
        id: "role-actions",
        title: "No role may do everything of a service",
        standards: &["FSBP IAM.1", "FSBP IAM.21", "CIS 3.0 1.16"],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[("iam-role", "policies"), ("iam-role", "attached")],
        mend: "aws iam put-role-policy --role-name {} --policy-name NAME --policy-document FILE",
        judge: |facts| {
            roles(facts, |role| {
                judge(role, "wildcards in actions", wild_action)
            })
        },
    },
    Check {
        row: 13,
        id: "role-resources",
        title: "What a role may do, it may do on named resources",
        standards: &["FSBP KMS.2"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("iam-role", "policies")],
        mend: "aws iam put-role-policy --role-name {} --policy-name NAME --policy-document FILE",
        judge: |facts| roles(facts, |role| judge(role, "all resources", wild_resource)),
    },
    Check {
        row: 13,
        id: "role-attached",
        title: "Roles have no policies that others keep",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("iam-role", "attached")],
        mend: "aws iam detach-role-policy --role-name {} --policy-arn ARN",
        judge: |facts| {
            roles(facts, |role| {
                let attached = role.attached.join(", ");
                Finding::of(&role.name, role.attached.is_empty(), attached, "none")
            })
        },
    },
    Check {
        row: 13,
        id: "role-trust",
        title: "Only AWS's services for this account take the roles on",
        standards: &[],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[("iam-role", "trust")],
        mend: "aws iam update-assume-role-policy --role-name {} --policy-document FILE",
        judge: |facts| roles(facts, trust),
    },
    Check {
        row: 13,
        id: "role-network",
        title: "The functions' own code has no use of Lambda's network permissions",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("iam-role", "policies")],
        mend: "aws iam put-role-policy --role-name {} --policy-name NAME --policy-document FILE",
        judge: |facts| roles(facts, network),
    },
];

fn roles(facts: &Facts, judge: impl Fn(&Role) -> Finding) -> Vec<Finding> {
    each(&facts.roles, "role", judge)
}

/// The statements of a role's own policies that `is_wrong`.
fn judge(role: &Role, what: &str, is_wrong: fn(&Value) -> bool) -> Finding {
    let mut wrong = Vec::new();
    for (policy, document) in &role.policies {
        let found = statements(document).filter(|one| allows(one) && is_wrong(one));
        wrong.extend(found.map(|one| format!("{policy}: {}", name(document, one))));
    }
    let found = format!("{what} in {}", wrong.join(", "));
    Finding::of(
        &role.name,
        wrong.is_empty(),
        found,
        "exact actions and resources",
    )
}

fn wild_action(statement: &Value) -> bool {
    let actions = texts(statement, "Action");
    let wild = |action: &&str| *action == "*" || action.ends_with(":*");
    actions.iter().any(wild) || !statement["NotAction"].is_null()
}

fn wild_resource(statement: &Value) -> bool {
    let everywhere = texts(statement, "Resource").contains(&"*");
    let mut actions = texts(statement, "Action").into_iter();
    let narrower = actions.any(|action| !EVERYWHERE.contains(&action.to_lowercase().as_str()));
    (everywhere && narrower) || !statement["NotResource"].is_null()
}

/// Lambda names the account that it acts for; of API Gateway nothing says that it does.
fn trust(role: &Role) -> Finding {
    let wanted = "one service, for this account";
    for statement in statements(&role.trust).filter(|statement| allows(statement)) {
        let services = texts(&statement["Principal"], "Service");
        let lambda = services.contains(&"lambda.amazonaws.com");
        if is_for_all(statement) {
            return Finding::fail(&role.name, "everybody may take it on", wanted);
        }
        if services.is_empty() {
            let found = format!("{} may take it on", statement["Principal"]);
            return Finding::fail(&role.name, found, wanted);
        }
        if lambda && !is_narrowed(statement) {
            return Finding::fail(&role.name, "Lambda may, for any account", wanted);
        }
    }
    Finding::pass(&role.name)
}

fn network(role: &Role) -> Finding {
    let makes = |effect: &str, statement: &Value| {
        let making = ["*", "ec2:*", "ec2:CreateNetworkInterface"];
        let mut actions = texts(statement, "Action").into_iter();
        statement["Effect"] == effect && actions.any(|action| making.contains(&action))
    };
    let all = || role.policies.values().flat_map(statements);
    if !all().any(|statement| makes("Allow", statement)) {
        return Finding::pass(&role.name);
    }
    let denied = all().any(|statement| {
        let condition = statement["Condition"].to_string().to_lowercase();
        makes("Deny", statement) && condition.contains("lambda:sourcefunctionarn")
    });
    let found = "the code may make network interfaces";
    Finding::of(
        &role.name,
        denied,
        found,
        "a denial for lambda:SourceFunctionArn",
    )
}
