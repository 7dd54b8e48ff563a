//! Asks IAM, before anything is changed, whether the caller may do all that a plan takes: a run
//! that stops half way for want of a permission is worse than one that does not begin.
//!
//! IAM answers for the caller's own policies, boundaries and the organisation's. Who may not ask
//! it goes on without: AWS refuses then, call by call, what may not be.

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult};
use futures::future::try_join_all;

use super::{Grant, Place, Statement, When, allow, statements};
use crate::aws::{Aws, During};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::events::{Event, Events};
use crate::lease;
use crate::plan::{Action, Plan};
use crate::resources::{Kind, Kinds};
use crate::stack::Stack;

pub const ASKS: &[Grant] = &[allow(
    &["iam:GetRole", "iam:SimulatePrincipalPolicy"],
    &["iam:role/*", "iam:user/*"],
)];

/// What a plan's steps need beside what has been read already.
pub fn needed(kinds: &Kinds, plan: &Plan) -> Vec<&'static Grant> {
    let mut needed: Vec<&Grant> = Vec::new();
    for step in plan.changes() {
        let Some(calls) = kinds.get(&step.id.kind).map(Kind::calls) else {
            continue;
        };
        match step.action {
            Action::Keep => {}
            Action::Create | Action::Supersede => needed.extend(calls.create),
            Action::Update | Action::Adopt => needed.extend(calls.update),
            Action::Replace => needed.extend(calls.create.iter().chain(calls.delete)),
            Action::Delete => needed.extend(calls.delete),
        }
    }
    if !needed.is_empty() {
        needed.extend(lease::HOLDS);
    }
    needed
}

/// Refuses where the caller lacks any of these; nothing has been changed then.
pub async fn ask(aws: &Aws, place: &Place<'_>, needed: &[&Grant], events: &Events) -> Result<()> {
    if needed.is_empty() {
        return Ok(());
    }
    let asked = async {
        let Some(principal) = principal(aws).await? else {
            return Ok(Vec::new());
        };
        let statements = statements(place, needed);
        let asked = statements
            .iter()
            .map(|statement| simulate(aws, place.stack, &principal, statement));
        Ok::<_, Error>(try_join_all(asked).await?.concat())
    };
    let mut lacking = match asked.await {
        Ok(lacking) => lacking,
        Err(error) => {
            events.send(Event::Detail(format!(
                "IAM was not asked for the caller's permissions beforehand: {error}"
            )));
            return Ok(());
        }
    };
    if lacking.is_empty() {
        return Ok(());
    }
    lacking.sort_unstable();
    lacking.dedup();
    Err(Error::new(
        ErrorKind::Access,
        format!(
            "{} lacks permissions that this takes; nothing was changed:\n  {}",
            aws.caller,
            lacking.join("\n  ")
        ),
    )
    .hint("`wmctl policy` prints the policy that has them all")
    .hint("where IAM is mistaken, --skip permissions goes ahead without asking it"))
}

/// The user or role behind the caller's identity. None for whom IAM has no policies: the account's
/// root, who may do everything, and federated users.
async fn principal(aws: &Aws) -> Result<Option<String>> {
    let caller = aws.caller.as_str();
    let resource = caller.splitn(6, ':').nth(5).unwrap_or_default();
    if resource.starts_with("user/") {
        return Ok(Some(caller.to_owned()));
    }
    let Some(session) = resource.strip_prefix("assumed-role/") else {
        return Ok(None);
    };
    // The identity leaves out the role's path.
    let role = session.split('/').next().unwrap_or_default();
    let call = aws.iam.get_role().role_name(role);
    let answer = call.send().await.during("GetRole", role)?;
    Ok(answer.role.map(|role| role.arn))
}

/// What the principal lacks of a statement: `ec2:CreateVpc on arn:…`.
async fn simulate(
    aws: &Aws,
    stack: &Stack,
    principal: &str,
    statement: &Statement,
) -> Result<Vec<String>> {
    let pages = aws
        .iam
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .set_action_names(Some(statement.actions.iter().cloned().collect()))
        .set_resource_arns(Some(examples(&statement.resources)))
        .set_context_entries(Some(context(stack, &statement.when)))
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await;
    let results = pages.during("SimulatePrincipalPolicy", principal)?;
    Ok(results.iter().flat_map(lacking).collect())
}

/// An object that each pattern stands for.
fn examples(resources: &[String]) -> Vec<String> {
    let example = |resource: &String| match resource.as_str() {
        "*" => "*".to_owned(),
        pattern => pattern.replace('*', "any"),
    };
    resources.iter().map(example).collect()
}

/// What the calls will carry, and where they go: policies of others' may ask for that.
fn context(stack: &Stack, when: &[When]) -> Vec<ContextEntry> {
    let mut keys = vec![("aws:RequestedRegion".to_owned(), vec![stack.region.clone()])];
    keys.extend(when.iter().flat_map(|when| when.keys(stack)));
    keys.into_iter()
        .map(|(key, mut values)| {
            // A call has one of the values; which one makes no difference to us.
            values.truncate(1);
            let kind = match key.as_str() {
                "kms:GrantIsForAWSResource" => ContextKeyTypeEnum::Boolean,
                _ => ContextKeyTypeEnum::String,
            };
            ContextEntry::builder()
                .context_key_name(key)
                .set_context_key_values(Some(values))
                .context_key_type(kind)
                .build()
        })
        .collect()
}

/// A denial that rests on something that was not told is none: the call itself will tell.
fn lacking(result: &EvaluationResult) -> Vec<String> {
    let action = &result.eval_action_name;
    let on = |resource: &str| match resource {
        "" | "*" => action.clone(),
        arn => format!("{action} on {arn}"),
    };
    let single = result.resource_specific_results().is_empty();
    if single {
        let told = result.missing_context_values().is_empty();
        let allowed = result.eval_decision.as_str() == "allowed";
        let resource = result.eval_resource_name().unwrap_or_default();
        return (!allowed && told)
            .then(|| on(resource))
            .into_iter()
            .collect();
    }
    let denied = result.resource_specific_results().iter().filter(|one| {
        one.eval_resource_decision.as_str() != "allowed" && one.missing_context_values().is_empty()
    });
    denied.map(|one| on(&one.eval_resource_name)).collect()
}
