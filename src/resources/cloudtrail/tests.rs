//! What CloudTrail answers in real accounts, and what comes of it: note 17 of the field.

use std::time::Duration;

use super::trail::Trail;
use crate::aws::scripted::{Scene, Script, waited};
use crate::resources::{Resource, sample};

const CREATE: &str = "CreateTrail";

fn wanted(more: &str) -> Option<Trail> {
    sample::wanted::<Trail>(more, &[])
        .pop()
        .map(|(_, trail)| trail)
}

fn scene(script: Script) -> Scene {
    Scene::new("trail/main", script)
}

#[tokio::test]
async fn policies_and_roles_that_are_not_known_yet_are_waited_for() {
    let script = [
        (
            "InsufficientS3BucketPolicyException",
            "Incorrect S3 bucket policy is detected for bucket: b",
        ),
        (
            "InsufficientEncryptionPolicyException",
            "Insufficient permissions to access S3 bucket b or KMS key k.",
        ),
        (
            "InvalidCloudWatchLogsRoleArnException",
            "Access denied. Check the trust relationships for your role.",
        ),
        (
            "InvalidCloudWatchLogsLogGroupArnException",
            "Access denied. Check the permissions for your role.",
        ),
    ]
    .into_iter()
    .fold(Script::new(), |script, (code, says)| {
        script.refuse(CREATE, 400, code, says)
    })
    .answer(CREATE, "{}")
    .answer("PutEventSelectors", "{}")
    .answer("StartLogging", "{}");
    let scene = scene(script);
    wanted("").unwrap().create(&scene.cx()).await.unwrap();
    let mut calls = vec![CREATE; 5];
    calls.extend(["PutEventSelectors", "StartLogging"]);
    assert_eq!(scene.script.calls(), calls);
    assert!(waited() < Duration::from_mins(3));
    let body = scene.script.bodies(CREATE).pop().unwrap();
    for said in [
        r#""IsMultiRegionTrail":true"#,
        r#""EnableLogFileValidation":true"#,
        r#""IncludeGlobalServiceEvents":true"#,
        r#"{"Key":"wmctl:id","Value":"trail/main"}"#,
        ":log-group:/aws/cloudtrail/chat-prod-trail:*",
    ] {
        assert!(body.contains(said), "{said} {body}");
    }
    let selected = scene.script.bodies("PutEventSelectors").pop().unwrap();
    assert!(
        selected.contains(r#"{"Field":"eventCategory","Equals":["Management"]}"#),
        "{selected}"
    );
    assert!(
        selected.contains(
            r#""StartsWith":["arn:aws:lambda:us-east-1:111122223333:function:chat-prod-"]"#
        ),
        "{selected}"
    );
}

#[tokio::test]
async fn a_region_that_is_full_of_trails_says_how_to_do_without() {
    let code = "MaximumNumberOfTrailsExceededException";
    let script = Script::new().refuse(
        CREATE,
        400,
        code,
        "User: 1 already has 5 trails in us-east-1.",
    );
    let error = wanted("")
        .unwrap()
        .create(&scene(script).cx())
        .await
        .unwrap_err();
    assert!(
        error
            .hints
            .iter()
            .any(|hint| hint.contains("`cloudtrail = false`")),
        "{error:?}"
    );
}

#[test]
fn it_can_be_left_to_the_account() {
    assert_eq!(wanted("[audit]\ncloudtrail = false"), None);
}
