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

/// What a plan's steps need. What finds an object is asked for, too: where there is none yet, not
/// all of it has been called.
pub fn needed(kinds: &Kinds, plan: &Plan) -> Vec<&'static Grant> {
    let mut needed: Vec<&Grant> = Vec::new();
    for step in plan.changes() {
        let Some(calls) = kinds.get(&step.id.kind).map(Kind::calls) else {
            continue;
        };
        needed.extend(calls.find);
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
    // What nobody has claimed has no tags.
    let told = when.iter().filter(|when| **when != When::Unclaimed);
    keys.extend(told.flat_map(|when| when.keys(stack)));
    keys.into_iter()
        .map(|(key, mut values)| {
            // A call has one of the values; which one makes no difference to us.
            values.truncate(1);
            let values = examples(&values);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script};
    use crate::config::Config;

    const SIMULATE: &str = "SimulatePrincipalPolicy";
    const VPC: Grant = allow(&["ec2:CreateVpc"], &["ec2:vpc/*"]).tagged();

    async fn asked(scene: &Scene, needed: &[&Grant]) -> Result<()> {
        let config: Config =
            toml::from_str("[stack]\nname = \"chat\"\nregion = \"us-east-1\"").unwrap();
        let place = Place {
            stack: &scene.stack,
            config: &config,
        };
        ask(&scene.aws, &place, needed, &scene.events).await
    }

    fn answer(results: &str) -> String {
        format!(
            "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false\
             </IsTruncated><EvaluationResults>{results}</EvaluationResults>\
             </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        )
    }

    fn result(decision: &str, more: &str) -> String {
        format!(
            "<member><EvalActionName>ec2:CreateVpc</EvalActionName><EvalResourceName>arn:vpc\
             </EvalResourceName><EvalDecision>{decision}</EvalDecision>{more}</member>"
        )
    }

    #[tokio::test]
    async fn iam_is_asked_for_the_caller_on_an_object_with_the_tags_that_it_will_have() {
        let script = Script::new().answer(SIMULATE, answer(&result("allowed", "")));
        let scene = Scene::new("vpc/main", script);
        asked(&scene, &[&VPC]).await.unwrap();
        let body = scene.script.bodies(SIMULATE).remove(0);
        for part in [
            "PolicySourceArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Auser%2Foperator",
            "ActionNames.member.1=ec2%3ACreateVpc",
            "ResourceArns.member.1=arn%3Aaws%3Aec2%3Aus-east-1%3A111122223333%3Avpc%2Fany",
            "ContextKeyName=aws%3ARequestedRegion",
            "ContextKeyName=aws%3ARequestTag%2Fwmctl%3Astack",
            "ContextKeyValues.member.1=chat",
        ] {
            assert!(body.contains(part), "{part} is not in {body}");
        }
    }

    #[tokio::test]
    async fn what_is_lacking_is_named_and_nothing_is_changed() {
        for denial in [
            result("implicitDeny", ""),
            result(
                "explicitDeny",
                "<ResourceSpecificResults><member><EvalResourceName>arn:vpc</EvalResourceName>\
                 <EvalResourceDecision>explicitDeny</EvalResourceDecision></member>\
                 </ResourceSpecificResults>",
            ),
        ] {
            let scene = Scene::new("vpc/main", Script::new().answer(SIMULATE, answer(&denial)));
            let error = asked(&scene, &[&VPC]).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Access);
            assert_eq!(
                error.message,
                "arn:aws:iam::111122223333:user/operator lacks permissions that this takes; \
                 nothing was changed:\n  ec2:CreateVpc on arn:vpc"
            );
            assert!(error.hints[0].contains("`wmctl policy`"));
            assert_eq!(scene.script.calls(), [SIMULATE]);
        }
    }

    /// A policy may ask for a second factor or an address, which no simulation is told.
    #[tokio::test]
    async fn what_rests_on_something_untold_is_left_to_the_call() {
        let untold = "<MissingContextValues><member>aws:MultiFactorAuthPresent</member>\
                      </MissingContextValues>";
        let script = Script::new().answer(SIMULATE, answer(&result("implicitDeny", untold)));
        let scene = Scene::new("vpc/main", script);
        asked(&scene, &[&VPC]).await.unwrap();
    }

    #[tokio::test]
    async fn who_may_not_ask_goes_on_without() {
        let script = Script::new().refuse(SIMULATE, 403, "AccessDenied", "no");
        asked(&Scene::new("vpc/main", script), &[&VPC])
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_session_is_asked_for_by_its_role_with_the_path_that_it_has() {
        let role = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/Operators";
        let script = Script::new()
            .answer(
                "GetRole",
                format!(
                    "<GetRoleResponse><GetRoleResult><Role><Path>/</Path>\
                     <RoleName>Operators</RoleName><RoleId>A</RoleId><Arn>{role}</Arn>\
                     <CreateDate>2026-01-31T12:00:00Z</CreateDate></Role></GetRoleResult>\
                     </GetRoleResponse>"
                ),
            )
            .answer(SIMULATE, answer(&result("allowed", "")));
        let mut scene = Scene::new("vpc/main", script);
        scene.aws.caller =
            "arn:aws:sts::111122223333:assumed-role/Operators/ada@example.com".to_owned();
        asked(&scene, &[&VPC]).await.unwrap();
        assert_eq!(scene.script.calls(), ["GetRole", SIMULATE]);
        let body = scene.script.bodies(SIMULATE).remove(0);
        assert!(body.contains("sso.amazonaws.com%2FOperators"), "{body}");
    }

    #[tokio::test]
    async fn the_root_of_an_account_need_not_ask_and_neither_need_who_changes_nothing() {
        let mut scene = Scene::new("vpc/main", Script::new());
        asked(&scene, &[]).await.unwrap();
        scene.aws.caller = "arn:aws:iam::111122223333:root".to_owned();
        asked(&scene, &[&VPC]).await.unwrap();
        assert!(scene.script.calls().is_empty());
    }
}
