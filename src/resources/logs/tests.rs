//! What CloudWatch Logs answers in real accounts, and what comes of it: note 17 of the field.

use std::time::Duration;

use super::log_group::LogGroup;
use crate::aws::scripted::{Scene, Script, waited};
use crate::resources::{Resource, sample};

const KEY: &str = "The specified KMS key does not exist or is not allowed to be used with Arn \
    'arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/chat-prod-chatbot'";
const BUSY: &str = "A conflicting operation is currently in progress against this resource. \
    Please try again.";

fn wanted() -> LogGroup {
    sample::wanted::<LogGroup>("", &[]).remove(0).1
}

fn scene(script: Script) -> Scene {
    Scene::new("log-group/chatbot", script)
}

#[tokio::test]
async fn a_key_whose_policy_is_not_known_yet_is_waited_for() {
    let scene = scene(
        Script::new()
            .refuse("CreateLogGroup", 400, "AccessDeniedException", KEY)
            .refuse(
                "CreateLogGroup",
                400,
                "InvalidParameterException",
                "The specified KMS Key Id could not be found. '/aws/lambda/chat-prod-chatbot'",
            )
            .answer("CreateLogGroup", "{}")
            .refuse("PutRetentionPolicy", 400, "OperationAbortedException", BUSY)
            .answer("PutRetentionPolicy", "{}"),
    );
    wanted().create(&scene.cx()).await.unwrap();
    let (create, retain) = ("CreateLogGroup", "PutRetentionPolicy");
    let calls = scene.script.calls();
    assert_eq!(calls, [create, create, create, retain, retain]);
    assert!(waited() > Duration::ZERO && waited() < Duration::from_mins(3));
}

#[tokio::test]
async fn a_key_that_never_admits_the_logs_is_named() {
    let mut script = Script::new();
    for _ in 0..100 {
        script = script.refuse("CreateLogGroup", 400, "AccessDeniedException", KEY);
    }
    let error = wanted().create(&scene(script).cx()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "CreateLogGroup refused for log-group/chatbot: AccessDeniedException: {KEY} \
             (HTTP 400, request 11111111-2222-3333-4444-555555555555)"
        )
    );
    assert!(waited() >= Duration::from_mins(3) && waited() < Duration::from_mins(4));
}

#[tokio::test]
async fn a_caller_who_may_not_is_told_at_once() {
    let denied = "User: arn:aws:iam::111122223333:user/operator is not authorized to perform: \
                  logs:CreateLogGroup";
    let scene = scene(Script::new().refuse("CreateLogGroup", 400, "AccessDeniedException", denied));
    wanted().create(&scene.cx()).await.unwrap_err();
    assert_eq!(scene.script.calls(), ["CreateLogGroup"]);
}

#[tokio::test]
async fn a_group_that_a_late_write_made_gets_key_tags_and_retention() {
    let exists = "The specified log group already exists";
    let scene = scene(
        Script::new()
            .refuse(
                "CreateLogGroup",
                400,
                "ResourceAlreadyExistsException",
                exists,
            )
            .answer("TagResource", "{}")
            .answer("DescribeLogGroups", r#"{"logGroups": []}"#)
            .refuse("AssociateKmsKey", 400, "AccessDeniedException", KEY)
            .answer("AssociateKmsKey", "{}")
            .answer("PutRetentionPolicy", "{}"),
    );
    let attributes = wanted().create(&scene.cx()).await.unwrap();
    assert_eq!(attributes["id"], "/aws/lambda/chat-prod-chatbot");
    assert_eq!(
        scene.script.calls(),
        [
            "CreateLogGroup",
            "TagResource",
            "DescribeLogGroups",
            "AssociateKmsKey",
            "AssociateKmsKey",
            "PutRetentionPolicy"
        ]
    );
}
