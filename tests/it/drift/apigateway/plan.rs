//! The usage plan and the key.

use aws_sdk_apigateway::types::Op;
use wmctl::aws::Emulator::MiniStack;

use super::super::{Account, Drift, drift};
use super::{UNREADABLE, patch, tag};

pub fn rows() -> Vec<Drift> {
    vec![
        drift("api-key/chatbot", "name", |a| {
            Box::pin(patch_key(a, "/name", "other"))
        }),
        Drift {
            except: &[(MiniStack, UNREADABLE)],
            ..drift("api-key/chatbot", "enabled", |a| {
                Box::pin(patch_key(a, "/enabled", "false"))
            })
        },
        drift("api-key/chatbot", "tags.owner", |a| {
            Box::pin(tag(a, format!("/apikeys/{}", a.id("api-key/chatbot"))))
        }),
        drift("usage-plan/main", "name", |a| {
            Box::pin(patch_plan(a, Op::Replace, "/name", "other"))
        }),
        drift("usage-plan/main", "throttle", |a| {
            Box::pin(patch_plan(a, Op::Remove, "/throttle", ""))
        }),
        drift("usage-plan/main", "quota", |a| {
            Box::pin(patch_plan(a, Op::Remove, "/quota", ""))
        }),
        drift("usage-plan/main", "stages", |a| {
            let stage = format!("{}:{}", a.id("rest-api/main"), a.id("stage/main"));
            Box::pin(async move { patch_plan(a, Op::Remove, "/apiStages", &stage).await })
        }),
        Drift {
            except: &[(MiniStack, UNREADABLE)],
            ..drift("usage-plan/main", "stages", |a| {
                let stage = format!("{}:other", a.id("rest-api/main"));
                Box::pin(async move { patch_plan(a, Op::Add, "/apiStages", &stage).await })
            })
        },
        drift("usage-plan/main", "tags.owner", |a| {
            Box::pin(tag(a, format!("/usageplans/{}", a.id("usage-plan/main"))))
        }),
    ]
}

async fn patch_key(account: &Account, path: &str, value: &str) {
    let call = account.aws.apigateway.update_api_key();
    let call = call.api_key(account.id("api-key/chatbot"));
    let call = call.patch_operations(patch(Op::Replace, path, value));
    call.send().await.unwrap();
}

async fn patch_plan(account: &Account, op: Op, path: &str, value: &str) {
    let call = account.aws.apigateway.update_usage_plan();
    let call = call.usage_plan_id(account.id("usage-plan/main"));
    let call = call.patch_operations(patch(op, path, value));
    call.send().await.unwrap();
}
