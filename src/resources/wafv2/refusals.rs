//! What WAF refuses, in its own words, and what becomes of it.

use std::time::Duration;

use serde_json::json;

use super::association::WebAclAssociation;
use super::web_acl::WebAcl;
use crate::aws::scripted::{Scene, Script, waited};
use crate::object::attributes;
use crate::resources::{Found, Resource};
use crate::stack::Tags;

const ARN: &str = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/chat-prod/w1";
const UNAVAILABLE: &str = "AWS WAF couldn’t retrieve the resource that you requested. Retry your \
                           request.";
const CHANGED: &str = "AWS WAF couldn’t save your changes because someone changed the resource \
                       after you started to edit it. Reapply your changes.";
const ASSOCIATED: &str = "AWS WAF couldn’t perform the operation because your resource is being \
                          used by another resource or it’s associated with another resource.";
const DUPLICATE: &str = "AWS WAF couldn’t perform the operation because some resource in your \
                         request is a duplicate of an existing one.";

fn acl() -> WebAcl {
    WebAcl {
        name: "chat-prod".to_owned(),
        allow: true,
        rules: Vec::new(),
        metric: "chat-prod".to_owned(),
        metrics: true,
        samples: true,
        tags: Tags::from([("owner".to_owned(), "us".to_owned())]),
    }
}

fn found() -> Found<WebAcl> {
    Found::owned("main", attributes([("id", "w1"), ("arn", ARN)]), acl())
}

/// What `GetWebACL` says of it, with this lock token.
fn read(token: &str) -> String {
    let acl = json!({
        "Name": "chat-prod",
        "Id": "w1",
        "ARN": ARN,
        "DefaultAction": {"Allow": {}},
        "VisibilityConfig": {
            "SampledRequestsEnabled": true,
            "CloudWatchMetricsEnabled": true,
            "MetricName": "chat-prod",
        },
    });
    json!({"WebACL": acl, "LockToken": token}).to_string()
}

fn tags(stack: &str) -> String {
    let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
    let tags = [
        tag("wmctl:stack", stack),
        tag("wmctl:environment", "prod"),
        tag("wmctl:id", "web-acl/main"),
    ];
    json!({"TagInfoForResource": {"ResourceARN": ARN, "TagList": tags}}).to_string()
}

/// Note 15: a new ACL or stage can be unknown to WAF for longer than five minutes.
#[tokio::test]
async fn an_association_waits_longer_than_five_minutes_for_what_it_joins() {
    let refuse = |script: Script| {
        script.refuse(
            "AssociateWebACL",
            400,
            "WAFUnavailableEntityException",
            UNAVAILABLE,
        )
    };
    let script = (0..45).fold(Script::new(), |script, _| refuse(script));
    let missing = "AWS WAF couldn’t perform the operation because your resource doesn’t exist.";
    let script = script
        .refuse(
            "AssociateWebACL",
            400,
            "WAFNonexistentItemException",
            missing,
        )
        .answer("AssociateWebACL", "{}");
    let scene = Scene::new("web-acl-association/stage", script);
    let association = WebAclAssociation {
        resource: "arn:aws:apigateway:us-east-1::/restapis/abc/stages/prod".to_owned(),
        web_acl: ARN.to_owned(),
    };
    association.create(&scene.cx()).await.unwrap();
    assert_eq!(scene.script.calls(), ["AssociateWebACL"; 47]);
    assert!(waited() > Duration::from_mins(5), "{:?}", waited());
    assert!(waited() < Duration::from_mins(15), "{:?}", waited());
}

/// The state that a change names is read again, and the change made again.
#[tokio::test]
async fn a_change_that_another_came_before_is_applied_again() {
    let script = Script::new()
        .answer("GetWebACL", read("t1"))
        .refuse("UpdateWebACL", 400, "WAFOptimisticLockException", CHANGED)
        .answer("GetWebACL", read("t2"))
        .answer("UpdateWebACL", "{}");
    let scene = Scene::new("web-acl/main", script);
    let differs = ["rules".to_owned()];
    acl().update(&scene.cx(), &found(), &differs).await.unwrap();
    assert_eq!(
        scene.script.calls(),
        ["GetWebACL", "UpdateWebACL", "GetWebACL", "UpdateWebACL"]
    );
    let tokens = scene.script.bodies("UpdateWebACL");
    assert!(tokens[0].contains("\"t1\"") && tokens[1].contains("\"t2\""));
}

/// A stage that has just been let go still counts for a while.
#[tokio::test]
async fn an_acl_goes_once_no_stage_is_known_to_use_it() {
    let script = Script::new()
        .answer("GetWebACL", read("t1"))
        .refuse(
            "DeleteWebACL",
            400,
            "WAFAssociatedItemException",
            ASSOCIATED,
        )
        .answer("GetWebACL", read("t2"))
        .refuse("DeleteWebACL", 400, "WAFOptimisticLockException", CHANGED)
        .answer("GetWebACL", read("t3"))
        .answer("DeleteWebACL", "{}");
    let scene = Scene::new("web-acl/main", script);
    WebAcl::delete(&scene.cx(), &found()).await.unwrap();
    let round = ["GetWebACL", "DeleteWebACL"];
    assert_eq!(scene.script.calls(), [round, round, round].concat());
}

#[tokio::test]
async fn an_acl_that_stays_in_use_is_named_with_what_aws_said() {
    let script = (0..200).fold(Script::new(), |script, _| {
        script.answer("GetWebACL", read("t")).refuse(
            "DeleteWebACL",
            400,
            "WAFAssociatedItemException",
            ASSOCIATED,
        )
    });
    let scene = Scene::new("web-acl/main", script);
    let error = WebAcl::delete(&scene.cx(), &found()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "DeleteWebACL refused for web-acl/main: WAFAssociatedItemException: {ASSOCIATED} \
             (HTTP 400, request 11111111-2222-3333-4444-555555555555)"
        )
    );
    assert!(waited() > Duration::from_mins(15), "{:?}", waited());
    assert!(waited() < Duration::from_mins(16), "{:?}", waited());
}

fn duplicate(stack: &str) -> Script {
    let summary = json!({"Name": "chat-prod", "Id": "w1", "ARN": ARN});
    Script::new()
        .refuse("CreateWebACL", 400, "WAFDuplicateItemException", DUPLICATE)
        .answer("ListWebACLs", json!({"WebACLs": [summary]}).to_string())
        // It stands in front of nothing yet.
        .answer("GET /restapis", "{}")
        .answer("GetWebACL", read("t1"))
        .answer("ListTagsForResource", tags(stack))
}

/// A creation whose answer was lost has been made again.
#[tokio::test]
async fn an_acl_that_is_ours_already_is_brought_to_what_is_wanted() {
    let script = duplicate("chat")
        .answer("TagResource", "{}")
        .answer("GetWebACL", read("t2"))
        .answer("UpdateWebACL", "{}");
    let scene = Scene::new("web-acl/main", script);
    let made = acl().create(&scene.cx()).await.unwrap();
    assert_eq!(made["arn"], ARN);
    assert!(scene.script.bodies("UpdateWebACL")[0].contains("\"t2\""));
}

#[tokio::test]
async fn an_acl_that_is_somebody_elses_is_not_touched() {
    let scene = Scene::new("web-acl/main", duplicate("other"));
    let error = acl().create(&scene.cx()).await.unwrap_err();
    assert_eq!(error.code(), Some("WAFDuplicateItemException"), "{error}");
    let calls = scene.script.calls();
    assert!(!calls.contains(&"UpdateWebACL".to_owned()), "{calls:?}");
}
