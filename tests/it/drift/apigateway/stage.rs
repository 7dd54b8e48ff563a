//! The stage, and what it points to.

use aws_sdk_apigateway::types::{Op, PatchOperation};
use wmctl::aws::Emulator::Moto;

use super::super::{Account, Deed, Drift, drift};
use super::{NO_PATCH, deploy, patch, tag};

pub fn rows() -> Vec<Drift> {
    const ID: &str = "stage/main";
    let in_place = |field, deed: Deed| drift(ID, field, deed);
    vec![
        in_place("throttle", |a| {
            Box::pin(patch_stage(a, "/*/*/throttling/burstLimit", "9"))
        }),
        in_place("metrics", |a| {
            Box::pin(patch_stage(a, "/*/*/metrics/enabled", "false"))
        }),
        in_place("execution_log.level", |a| {
            Box::pin(patch_stage(a, "/*/*/logging/loglevel", "OFF"))
        }),
        in_place("execution_log.data_trace", |a| {
            Box::pin(patch_stage(a, "/*/*/logging/dataTrace", "true"))
        }),
        in_place("access_log", |a| {
            Box::pin(patch_stage(a, "/accessLogSettings/format", "$context.path"))
        }),
        in_place("access_log", |a| {
            Box::pin(change_stage(a, patch(Op::Remove, "/accessLogSettings", "")))
        }),
        in_place("tracing", |a| {
            let traced = a.values[ID]["tracing"] == true;
            let other = if traced { "false" } else { "true" };
            Box::pin(patch_stage(a, "/tracingEnabled", other))
        }),
        in_place("cache", |a| {
            Box::pin(patch_stage(a, "/*/*/caching/enabled", "true"))
        }),
        Drift {
            except: &[(Moto, NO_PATCH)],
            ..in_place("exceptions", |a| {
                Box::pin(patch_stage(a, "/chatbot/POST/logging/dataTrace", "true"))
            })
        },
        in_place("canary", |a| {
            let other = a.id("deployment/current");
            Box::pin(patch_stage(a, "/canarySettings/deploymentId", other))
        }),
        in_place("variables", |a| {
            Box::pin(patch_stage(a, "/variables/function", "other"))
        }),
        in_place("tags.owner", |a| {
            let api = a.id("rest-api/main");
            Box::pin(tag(a, format!("/restapis/{api}/stages/{}", a.id(ID))))
        }),
        Drift {
            also: &["deployment/current"],
            ..in_place("deployment", |a| {
                Box::pin(async move {
                    let other = deploy(a).await;
                    patch_stage(a, "/deploymentId", &other).await;
                })
            })
        },
    ]
}

async fn patch_stage(account: &Account, path: &str, value: &str) {
    change_stage(account, patch(Op::Replace, path, value)).await;
}

async fn change_stage(account: &Account, patch: PatchOperation) {
    let call = account.aws.apigateway.update_stage();
    let call = call.rest_api_id(account.id("rest-api/main"));
    let call = call.stage_name(account.id("stage/main"));
    call.patch_operations(patch).send().await.unwrap();
}
