//! What IAM answers in real accounts, and what comes of it.

use std::time::Duration;

use serde_json::json;

use super::role::Role;
use crate::aws::Reader;
use crate::aws::scripted::{Scene, Script, waited};
use crate::error::Kind;
use crate::object::attributes;
use crate::resources::{Found, Resource, sample};

const UNKNOWN: &str = "The role with name chat-prod-function cannot be found.";
const EXISTS: &str = "Role with name chat-prod-function already exists.";
const CONFLICT: &str = "Cannot delete entity, must delete policies first.";
const TAGS: &str = "<member><Key>wmctl:stack</Key><Value>chat</Value></member>\
    <member><Key>wmctl:environment</Key><Value>prod</Value></member>\
    <member><Key>wmctl:id</Key><Value>iam-role/function</Value></member>";

fn wanted() -> Role {
    let roles = sample::wanted::<Role>("", &[]);
    let mut roles = roles.into_iter().filter(|(name, _)| name == "function");
    roles.next().unwrap().1
}

/// A role, with the members of its list of tags.
fn role(operation: &str, tags: &str) -> String {
    format!(
        "<{operation}Response><{operation}Result><Role>\
         <Path>/wmctl/chat-prod/</Path><RoleName>chat-prod-function</RoleName>\
         <RoleId>AROANEW</RoleId><Arn>arn:aws:iam::111122223333:role/r</Arn>\
         <CreateDate>2026-01-01T00:00:00Z</CreateDate><Tags>{tags}</Tags>\
         </Role></{operation}Result></{operation}Response>"
    )
}

fn unknown(mut script: Script, times: usize) -> Script {
    for _ in 0..times {
        script = script.refuse("PutRolePolicy", 404, "NoSuchEntity", UNKNOWN);
    }
    script
}

#[tokio::test]
async fn a_new_role_gets_its_policy_once_iam_knows_it() {
    let script = Script::new().answer("CreateRole", role("CreateRole", TAGS));
    let script = unknown(script, 3).answer("PutRolePolicy", "<PutRolePolicyResponse/>");
    let scene = Scene::new("iam-role/function", script);
    let attributes = wanted().create(&scene.cx()).await.unwrap();
    assert_eq!(attributes["unique_id"], "AROANEW");
    let put = "PutRolePolicy";
    assert_eq!(scene.script.calls(), ["CreateRole", put, put, put, put]);
    assert!(waited() > Duration::ZERO && waited() < Duration::from_mins(2));
}

#[tokio::test]
async fn a_role_that_stays_unknown_is_told_of_as_iam_does() {
    let script = Script::new().answer("CreateRole", role("CreateRole", TAGS));
    let scene = Scene::new("iam-role/function", unknown(script, 100));
    let error = wanted().create(&scene.cx()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "PutRolePolicy refused for iam-role/function: NoSuchEntity: {UNKNOWN} \
             (HTTP 404, request 11111111-2222-3333-4444-555555555555)"
        )
    );
    assert!(waited() >= Duration::from_mins(2) && waited() < Duration::from_mins(3));
}

#[tokio::test]
async fn a_role_of_ours_that_no_list_shows_yet_is_finished() {
    let script = Script::new()
        .refuse("CreateRole", 409, "EntityAlreadyExists", EXISTS)
        .answer("GetRole", role("GetRole", TAGS))
        .answer(
            "UpdateAssumeRolePolicy",
            "<UpdateAssumeRolePolicyResponse/>",
        )
        .answer("PutRolePolicy", "<PutRolePolicyResponse/>");
    let scene = Scene::new("iam-role/function", script);
    let attributes = wanted().create(&scene.cx()).await.unwrap();
    assert_eq!(attributes["id"], "chat-prod-function");
    assert_eq!(
        scene.script.calls(),
        [
            "CreateRole",
            "GetRole",
            "UpdateAssumeRolePolicy",
            "PutRolePolicy"
        ]
    );
}

#[tokio::test]
async fn a_role_of_anothers_is_left_alone() {
    let script = Script::new()
        .refuse("CreateRole", 409, "EntityAlreadyExists", EXISTS)
        .answer("GetRole", role("GetRole", ""));
    let scene = Scene::new("iam-role/function", script);
    let error = wanted().create(&scene.cx()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert!(error.hints[0].contains("--adopt iam-role/function"));
    assert_eq!(scene.script.calls(), ["CreateRole", "GetRole"]);
}

#[tokio::test]
async fn a_role_goes_once_its_policies_are_gone_everywhere() {
    let script = Script::new()
        .answer("DeleteRolePolicy", "<DeleteRolePolicyResponse/>")
        .refuse("DeleteRole", 409, "DeleteConflict", CONFLICT)
        .refuse("DeleteRole", 404, "NoSuchEntity", UNKNOWN);
    let scene = Scene::new("iam-role/function", script);
    let id = attributes([("id", "chat-prod-function")]);
    let found = Found::owned("function", id, wanted());
    Role::delete(&scene.cx(), &found).await.unwrap();
    assert_eq!(
        scene.script.calls(),
        ["DeleteRolePolicy", "DeleteRole", "DeleteRole"]
    );
}

/// Note 21 of the field: what refers to the role's own id sees that it is another role.
#[tokio::test]
async fn all_roles_are_read_page_by_page_and_only_ours_are_kept() {
    let page = |more: &str, roles: &str| {
        format!(
            "<GetAccountAuthorizationDetailsResponse><GetAccountAuthorizationDetailsResult>{more}\
             <RoleDetailList>{roles}</RoleDetailList>\
             </GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>"
        )
    };
    let detail = |name: &str, id: &str, tags: &str| {
        format!(
            "<member><Path>/</Path><RoleName>{name}</RoleName><RoleId>{id}</RoleId>\
             <Arn>arn:aws:iam::111122223333:role/{name}</Arn>\
             <AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument>\
             <RolePolicyList><member><PolicyName>permissions</PolicyName>\
             <PolicyDocument>%7B%22Version%22%3A%222012-10-17%22%7D</PolicyDocument></member>\
             </RolePolicyList><AttachedManagedPolicies>\
             <member><PolicyArn>arn:b</PolicyArn></member>\
             <member><PolicyArn>arn:a</PolicyArn></member></AttachedManagedPolicies>\
             <PermissionsBoundary><PermissionsBoundaryArn>arn:c</PermissionsBoundaryArn>\
             </PermissionsBoundary><Tags>{tags}</Tags></member>"
        )
    };
    let all = "GetAccountAuthorizationDetails";
    let first =
        detail("chat-prod-function", "AROANEW", TAGS) + &detail("chat-prod-else", "AROAELSE", "");
    let script = Script::new()
        .answer(
            all,
            page("<IsTruncated>true</IsTruncated><Marker>m</Marker>", &first),
        )
        .answer(
            all,
            page("", &detail("chat-prod-migrator", "AROAOTHER", "")),
        );
    let scene = Scene::new("iam-role/function", script);
    let found = Role::find(&Reader::new(&scene.aws, &scene.stack))
        .await
        .unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|role| (role.name.as_str(), role.attribute("unique_id"), role.owned))
        .collect();
    assert_eq!(
        seen,
        [
            ("function", "AROANEW", true),
            ("migrator", "AROAOTHER", false)
        ]
    );
    let role = &found[0].value;
    assert_eq!(role.attached, ["arn:a", "arn:b"]);
    assert_eq!(role.boundary.as_deref(), Some("arn:c"));
    assert_eq!(
        role.policies["permissions"],
        json!({"Version": "2012-10-17"})
    );
    assert_eq!(scene.script.calls(), [all, all]);
}
