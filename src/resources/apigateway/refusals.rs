//! What API Gateway refuses, in its own words, and what becomes of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::account::ApiAccount;
use super::api_key::ApiKey;
use super::deployment::Deployment;
use super::gateway_response::GatewayResponse;
use super::model::Model;
use super::rest_api::RestApi;
use super::stage::{ExecutionLog, Stage};
use super::usage_plan::UsagePlan;
use super::usage_plan_key::UsagePlanKey;
use super::{Limit, is_busy};
use crate::aws::scripted::{Scene, Script, waited};
use crate::object::attributes;
use crate::resources::{Found, Resource};
use crate::stack::Tags;

const BUSY: &str =
    "Unable to complete operation due to concurrent modification. Please try again later.";
const PLAN: &str = "/usageplans/p1";
const ROLE: &str = "arn:aws:iam::111122223333:role/wmctl/chat-prod/chat-prod-apigateway-logs";

fn found<R>(id: &str, value: R) -> Found<R> {
    Found::owned("main", attributes([("id", id)]), value)
}

fn rest_api() -> RestApi {
    RestApi {
        name: "chat-prod".to_owned(),
        endpoint_types: vec!["REGIONAL".to_owned()],
        security_policy: None,
        endpoint_access: None,
        policy: None,
        execute_api: true,
        key_source: "HEADER".to_owned(),
        binary_types: Vec::new(),
        minimum_compression: None,
        tags: Tags::new(),
    }
}

fn plan() -> UsagePlan {
    UsagePlan {
        name: "chat-prod".to_owned(),
        throttle: None,
        quota: None,
        stages: vec!["abc:prod".to_owned()],
        tags: Tags::new(),
    }
}

fn deployment() -> Deployment {
    Deployment {
        api: "abc".to_owned(),
        description: "one two".to_owned(),
        routes: BTreeMap::new(),
    }
}

/// Note 13: one deletion in thirty seconds, for all of the account.
#[tokio::test]
async fn a_deletion_waits_longer_than_ten_minutes_behind_others() {
    let delete = "DELETE /restapis/abc";
    let mut script = Script::new();
    for _ in 0..200 {
        script = script.refuse(delete, 429, "TooManyRequestsException", "Too Many Requests");
    }
    let scene = Scene::new("rest-api/main", script.answer(delete, ""));
    let gone = RestApi::delete(&scene.cx(), &found("abc", rest_api())).await;
    gone.unwrap();
    assert_eq!(scene.script.calls().len(), 201);
    assert!(waited() > Duration::from_mins(10), "{:?}", waited());
    assert!(waited() < Duration::from_mins(41), "{:?}", waited());
}

#[tokio::test]
async fn a_change_waits_for_another_to_the_same_api() {
    let put = "PUT /restapis/abc/gatewayresponses/THROTTLED";
    let script = Script::new()
        .refuse(put, 409, "ConflictException", BUSY)
        .refuse(put, 429, "TooManyRequestsException", "Too Many Requests")
        .answer(put, "{}");
    let scene = Scene::new("gateway-response/THROTTLED", script);
    let answer = GatewayResponse {
        api: "abc".to_owned(),
        status: Some("429".to_owned()),
        headers: BTreeMap::new(),
        bodies: BTreeMap::new(),
    };
    answer.create(&scene.cx()).await.unwrap();
    assert_eq!(scene.script.calls(), [put; 3]);
}

/// Note 16: a role that somebody set serves as well.
#[tokio::test]
async fn the_accounts_log_role_is_set_only_where_there_is_none() {
    let other = r#"{"cloudwatchRoleArn": "arn:aws:iam::111122223333:role/other"}"#;
    let scene = Scene::new(
        "api-account/logging",
        Script::new().answer("GET /account", other),
    );
    let ours = ApiAccount {
        role: ROLE.to_owned(),
    };
    ours.create(&scene.cx()).await.unwrap();
    assert_eq!(scene.script.calls(), ["GET /account"]);
}

#[tokio::test]
async fn a_new_log_role_is_set_again_until_it_is_known() {
    let unknown = "The role ARN does not have required permissions configured. Please grant \
                   trust permission for API Gateway and add the required role policy.";
    let script = Script::new()
        .answer("GET /account", "{}")
        .refuse("PATCH /account", 400, "BadRequestException", unknown)
        .refuse("PATCH /account", 400, "BadRequestException", unknown)
        .answer("PATCH /account", "{}");
    let scene = Scene::new("api-account/logging", script);
    let ours = ApiAccount {
        role: ROLE.to_owned(),
    };
    ours.create(&scene.cx()).await.unwrap();
    let set = "PATCH /account";
    assert_eq!(scene.script.calls(), ["GET /account", set, set, set]);
    assert!(scene.script.bodies(set)[2].contains(ROLE));
}

#[tokio::test]
async fn a_stage_logs_as_soon_as_the_account_may() {
    let unset = "CloudWatch Logs role ARN must be set in account settings to enable logging";
    let patch = "PATCH /restapis/abc/stages/prod";
    let script = Script::new()
        .answer("POST /restapis/abc/stages", "{}")
        .refuse(patch, 400, "BadRequestException", unset)
        .answer(patch, "{}");
    let scene = Scene::new("stage/main", script);
    stage().create(&scene.cx()).await.unwrap();
    assert_eq!(
        scene.script.calls(),
        ["POST /restapis/abc/stages", patch, patch]
    );
}

/// A killed run made it, and did not come to its settings.
#[tokio::test]
async fn a_stage_that_is_there_is_brought_to_what_is_wanted() {
    let exists = "Stage already exists";
    let tags =
        "PUT /tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fabc%2Fstages%2Fprod";
    let patch = "PATCH /restapis/abc/stages/prod";
    let script = Script::new()
        .refuse(
            "POST /restapis/abc/stages",
            409,
            "ConflictException",
            exists,
        )
        .answer(tags, "")
        .answer(patch, "{}");
    let scene = Scene::new("stage/main", script);
    stage().create(&scene.cx()).await.unwrap();
    assert_eq!(
        scene.script.calls(),
        ["POST /restapis/abc/stages", tags, patch]
    );
    let patched = scene.script.bodies(patch).remove(0);
    assert!(patched.contains("/deploymentId"), "{patched}");
}

fn stage() -> Stage {
    Stage {
        api: "abc".to_owned(),
        name: "prod".to_owned(),
        deployment: "d1".to_owned(),
        throttle: Limit {
            rate: 100.0,
            burst: 200,
        },
        metrics: true,
        execution_log: ExecutionLog {
            level: "ERROR".to_owned(),
            data_trace: false,
        },
        access_log: None,
        tracing: false,
        cache: false,
        exceptions: Vec::new(),
        canary: None,
        variables: BTreeMap::new(),
        tags: Tags::from([("owner".to_owned(), "us".to_owned())]),
    }
}

/// Note 15: a new stage is not known everywhere at once.
#[tokio::test]
async fn a_plan_is_made_as_soon_as_the_stage_is_known() {
    let post = "POST /usageplans";
    let invalid = "Invalid API Stage {api: abc, stage: prod} specified for usageplan chat-prod";
    let script = Script::new()
        .refuse(post, 400, "BadRequestException", invalid)
        .refuse(
            post,
            404,
            "NotFoundException",
            "API Stage not found: abc:prod",
        )
        .answer(post, r#"{"id": "p1"}"#);
    let scene = Scene::new("usage-plan/main", script);
    let made = plan().create(&scene.cx()).await.unwrap();
    assert_eq!(made["id"], "p1");
    assert_eq!(scene.script.calls(), [post; 3]);
}

/// Note 15: stages are taken out before the plan goes, and that takes a moment to show.
#[tokio::test]
async fn a_plan_goes_after_its_stages() {
    let (patch, delete) = (format!("PATCH {PLAN}"), format!("DELETE {PLAN}"));
    let associated = "Cannot delete Usage Plan p1 because there are API Stages associated with \
                      it, including abc:prod";
    let script = Script::new()
        .answer(&patch, "{}")
        .refuse(&delete, 400, "BadRequestException", associated)
        .answer(&delete, "");
    let scene = Scene::new("usage-plan/main", script);
    let gone = UsagePlan::delete(&scene.cx(), &found("p1", plan())).await;
    gone.unwrap();
    assert_eq!(
        scene.script.calls(),
        [patch.as_str(), delete.as_str(), delete.as_str()]
    );
    let patched = scene.script.bodies(&patch).remove(0);
    assert!(patched.contains("remove") && patched.contains("abc:prod"));
}

fn plan_key(there: bool) -> Scene {
    let post = format!("POST {PLAN}/keys");
    let get = format!("GET {PLAN}/keys/k1");
    let conflict = "API Key k1 cannot be added to the Usage Plan p1";
    let script = Script::new().refuse(&post, 409, "ConflictException", conflict);
    let script = if there {
        script.answer(&get, r#"{"id": "k1"}"#)
    } else {
        let missing = "Invalid Usage Plan Key identifier specified";
        script.refuse(&get, 404, "NotFoundException", missing)
    };
    Scene::new("usage-plan-key/chatbot", script)
}

#[tokio::test]
async fn a_key_that_is_in_its_plan_is_no_conflict_and_one_in_another_plan_is() {
    let key = UsagePlanKey {
        plan: "p1".to_owned(),
        key: "k1".to_owned(),
    };
    let made = key.create(&plan_key(true).cx()).await.unwrap();
    assert_eq!(made["id"], "k1");
    let error = key.create(&plan_key(false).cx()).await.unwrap_err();
    assert_eq!(error.code(), Some("ConflictException"), "{error}");
}

const OLD: &str = "DELETE /restapis/abc/deployments/d1";
const ACTIVE: &str = "Active stages pointing to this deployment must be moved or deleted";

/// Note 14: the old deployment goes once the stage has moved.
#[tokio::test]
async fn an_old_deployment_waits_for_its_stage() {
    let script = Script::new()
        .refuse(OLD, 400, "BadRequestException", ACTIVE)
        .answer(OLD, "");
    let scene = Scene::new("deployment/current", script);
    let old = found("d1", deployment());
    Deployment::delete(&scene.cx(), &old).await.unwrap();
    assert_eq!(scene.script.calls(), [OLD; 2]);
}

/// What was tried on what, and the request to ask AWS about.
#[tokio::test]
async fn the_end_of_patience_is_told_in_full() {
    let script = (0..200).fold(Script::new(), |script, _| {
        script.refuse(OLD, 400, "BadRequestException", ACTIVE)
    });
    let scene = Scene::new("deployment/current", script);
    let old = found("d1", deployment());
    let error = Deployment::delete(&scene.cx(), &old).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "DeleteDeployment refused for deployment/current: BadRequestException: {ACTIVE} \
             (HTTP 400, request 11111111-2222-3333-4444-555555555555)"
        )
    );
    assert!(waited() > Duration::from_mins(15), "{:?}", waited());
    assert!(waited() < Duration::from_mins(16), "{:?}", waited());
}

#[tokio::test]
async fn what_is_gone_already_is_deleted() {
    let script = Script::new()
        .refuse(
            "DELETE /restapis/abc",
            404,
            "NotFoundException",
            "Invalid API identifier specified",
        )
        .refuse(
            "DELETE /apikeys/k1",
            404,
            "NotFoundException",
            "Invalid API Key identifier specified",
        );
    let scene = Scene::new("rest-api/main", script);
    let gone = RestApi::delete(&scene.cx(), &found("abc", rest_api())).await;
    gone.unwrap();
    let key = Found::owned("chatbot", attributes([("versions", "k1")]), key());
    ApiKey::delete(&scene.cx(), &key).await.unwrap();
}

fn key() -> ApiKey {
    ApiKey {
        name: "chat-prod-chatbot".to_owned(),
        enabled: true,
        tags: Tags::from([("owner".to_owned(), "us".to_owned())]),
    }
}

/// What adoption does: the tags, and whatever else differs.
#[tokio::test]
async fn a_key_is_adopted_with_its_tags() {
    let tags = "PUT /tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fapikeys%2Fk1";
    let script = Script::new()
        .answer(tags, "")
        .answer("PATCH /apikeys/k1", "{}");
    let scene = Scene::new("api-key/chatbot", script);
    let theirs = Found {
        owned: false,
        ..found(
            "k1",
            ApiKey {
                enabled: false,
                tags: Tags::new(),
                ..key()
            },
        )
    };
    let differs = ["enabled", "tags"].map(str::to_owned);
    key().update(&scene.cx(), &theirs, &differs).await.unwrap();
    assert_eq!(scene.script.calls(), [tags, "PATCH /apikeys/k1"]);
    assert!(scene.script.bodies(tags)[0].contains("owner"));
}

/// A model that is made anew is in use by a method of the draft, which follows it.
#[tokio::test]
async fn a_model_in_use_is_released_before_it_goes() {
    let delete = "DELETE /restapis/abc/models/request";
    let used = "Cannot delete model 'request', is referenced in method request: POST /chatbot";
    let resources = r#"{"item": [{"id": "r1", "path": "/chatbot", "resourceMethods": {
        "POST": {"requestModels": {"$default": "request"}}, "GET": {}}}]}"#;
    let method = "DELETE /restapis/abc/resources/r1/methods/POST";
    let script = Script::new()
        .refuse(delete, 409, "ConflictException", used)
        .answer("GET /restapis/abc/resources", resources)
        .answer(method, "")
        .answer(delete, "");
    let scene = Scene::new("model/request", script);
    let model = Model {
        api: "abc".to_owned(),
        content_type: "text/plain".to_owned(),
        schema: serde_json::json!({}),
    };
    Model::delete(&scene.cx(), &found("request", model))
        .await
        .unwrap();
    assert_eq!(
        scene.script.calls(),
        [delete, "GET /restapis/abc/resources", method, delete]
    );
}

#[test]
fn only_passing_refusals_are_busy() {
    let refused = |code: &str, message: &str| {
        let mut error = crate::error::Error::failed("refused");
        error.aws = Some(Box::new(crate::aws::Failure {
            operation: "PutMethod".to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: None,
        }));
        error
    };
    assert!(is_busy(&refused("ConflictException", BUSY)));
    assert!(is_busy(&refused("BadRequestException", BUSY)));
    assert!(!is_busy(&refused(
        "ConflictException",
        "Stage already exists"
    )));
    assert!(!is_busy(&refused("NotFoundException", "Invalid stage")));
}

/// IAM looks at the principals of a policy when it is written, and does not tell which it misses.
#[tokio::test]
async fn a_policy_that_names_nobody_says_where_to_look() {
    let refusal = "Invalid policy document. Please check the policy syntax and ensure that \
                   Principals are valid.";
    let patch = "PATCH /restapis/abc";
    let script = Script::new().refuse(patch, 400, "BadRequestException", refusal);
    let scene = Scene::new("rest-api/main", script);
    let theirs = found("abc", rest_api());
    let changed = ["policy".to_owned()];
    let error = rest_api().update(&scene.cx(), &theirs, &changed).await;
    let hints = error.unwrap_err().hints.concat();
    assert!(hints.contains("[api] allow_from"), "{hints}");
}
