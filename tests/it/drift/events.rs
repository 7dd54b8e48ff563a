//! The schedule, and what it calls.

use aws_sdk_eventbridge::operation::put_rule::builders::PutRuleFluentBuilder;
use aws_sdk_eventbridge::types::{RetryPolicy, RuleState, Tag, Target};

use super::{Account, Deletion, Drift, Rows, drift};

const RULE: &str = "event-rule/maintenance";
const CHATBOT: &str = "function-alias/chatbot";

pub fn rows() -> Rows {
    let mut drifts = settings();
    drifts.extend(targets());
    Rows {
        drifts,
        deletions: vec![Deletion {
            id: RULE,
            also: &[],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let events = &account.aws.events;
                    let call = events.remove_targets().rule(account.id(RULE));
                    call.ids("migrator").send().await.unwrap();
                    let call = events.delete_rule().name(account.id(RULE));
                    call.send().await.unwrap();
                })
            },
        }],
        fixed: &[],
        lasting: &[],
    }
}

fn settings() -> Vec<Drift> {
    vec![
        drift(RULE, "description", |account| {
            Box::pin(put(account, |call| call.description("other")))
        }),
        drift(RULE, "schedule", |account| {
            Box::pin(put(account, |call| {
                call.schedule_expression("rate(30 days)")
            }))
        }),
        drift(RULE, "event_pattern", |account| {
            Box::pin(put(account, |call| {
                call.event_pattern("{\"source\": [\"aws.s3\"]}")
            }))
        }),
        drift(RULE, "state", |account| {
            Box::pin(async move {
                let call = account.aws.events.disable_rule().name(account.id(RULE));
                call.send().await.unwrap();
            })
        }),
        drift(RULE, "tags.owner", |account| {
            Box::pin(async move {
                let tag = Tag::builder().key("owner").value("other").build().unwrap();
                let arn = rule(account).await.arn.unwrap();
                let call = account.aws.events.tag_resource().resource_arn(arn);
                call.tags(tag).send().await.unwrap();
            })
        }),
    ]
}

fn targets() -> Vec<Drift> {
    vec![
        drift(RULE, "targets.migrator.input", |account| {
            Box::pin(retarget(account, |mut target| {
                target.input = Some("{\"action\": \"rebuild\"}".to_owned());
                target
            }))
        }),
        drift(RULE, "targets.migrator.arn", |account| {
            Box::pin(async move {
                let arn = account.id(CHATBOT).to_owned();
                retarget(account, |mut target| {
                    target.arn = arn;
                    target
                })
                .await;
            })
        }),
        drift(RULE, "targets.migrator.max_age_s", |account| {
            Box::pin(retry(account, |policy| {
                policy.maximum_event_age_in_seconds(86_400)
            }))
        }),
        drift(RULE, "targets.migrator.retries", |account| {
            Box::pin(retry(account, |policy| policy.maximum_retry_attempts(185)))
        }),
        drift(RULE, "targets.migrator.role", |account| {
            Box::pin(retarget(account, |mut target| {
                target.role_arn = Some("arn:aws:iam::000000000000:role/other".to_owned());
                target
            }))
        }),
        drift(RULE, "targets.other", |account| {
            Box::pin(retarget(account, |mut target| {
                target.id = "other".into();
                target
            }))
        }),
        drift(RULE, "targets.migrator", |account| {
            Box::pin(async move {
                let call = account.aws.events.remove_targets();
                let call = call.rule(account.id(RULE)).ids("migrator");
                call.send().await.unwrap();
            })
        }),
    ]
}

async fn rule(account: &Account) -> aws_sdk_eventbridge::types::Rule {
    let call = account.aws.events.list_rules();
    let call = call.name_prefix(account.id(RULE));
    call.send().await.unwrap().rules.unwrap().remove(0)
}

/// The rule with one setting other than it was: a call replaces them all.
async fn put(account: &Account, change: impl FnOnce(PutRuleFluentBuilder) -> PutRuleFluentBuilder) {
    let now = rule(account).await;
    let call = account.aws.events.put_rule().name(account.id(RULE));
    let call = call
        .description(now.description.unwrap())
        .schedule_expression(now.schedule_expression.unwrap())
        .state(RuleState::Enabled);
    change(call).send().await.unwrap();
}

/// The target with one thing other than it was.
async fn retarget(account: &Account, change: impl FnOnce(Target) -> Target) {
    let events = &account.aws.events;
    let call = events.list_targets_by_rule().rule(account.id(RULE));
    let target = call.send().await.unwrap().targets.unwrap().remove(0);
    let call = events.put_targets().rule(account.id(RULE));
    let answer = call.targets(change(target)).send().await.unwrap();
    assert_eq!(answer.failed_entry_count, 0);
}

async fn retry(
    account: &Account,
    change: impl FnOnce(
        aws_sdk_eventbridge::types::builders::RetryPolicyBuilder,
    ) -> aws_sdk_eventbridge::types::builders::RetryPolicyBuilder,
) {
    retarget(account, |mut target| {
        let now = target.retry_policy.unwrap();
        let policy = RetryPolicy::builder()
            .set_maximum_event_age_in_seconds(now.maximum_event_age_in_seconds)
            .set_maximum_retry_attempts(now.maximum_retry_attempts);
        target.retry_policy = Some(change(policy).build());
        target
    })
    .await;
}
