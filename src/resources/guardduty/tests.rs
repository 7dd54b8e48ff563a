//! What GuardDuty answers in real accounts, and what comes of it.

use serde_json::{Value, json};

use super::detector::Detector;
use crate::aws::Reader;
use crate::aws::scripted::{Scene, Script};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::resources::{Found, Resource, sample};

const LIST: &str = "GET /detector";
const GET: &str = "GET /detector/12abc";
const CREATE: &str = "POST /detector";
const UPDATE: &str = "POST /detector/12abc";
const DELETE: &str = "DELETE /detector/12abc";
const ADMINISTRATOR: &str = "GET /detector/12abc/administrator";
const REFUSED: &str = "BadRequestException";
const ASKED: &str = "[audit]\nguardduty = true";

fn wanted(more: &str) -> Option<Detector> {
    let wanted = sample::wanted::<Detector>(more, &[]).pop();
    wanted.map(|(_, detector)| detector)
}

fn scene(script: Script) -> Scene {
    Scene::new("detector/main", script)
}

fn config(more: &str) -> Config {
    toml::from_str(&format!(
        "[stack]\nname = \"chat\"\nregion = \"us-east-1\"\n{more}"
    ))
    .unwrap()
}

/// An account with a detector that has these tags.
fn with_detector(tags: &Value) -> Script {
    let detector = json!({
        "status": "ENABLED",
        "findingPublishingFrequency": "SIX_HOURS",
        "serviceRole": "arn:aws:iam::111122223333:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty",
        "tags": tags,
        "features": [
            {"name": "CLOUD_TRAIL", "status": "ENABLED", "updatedAt": 1_700_000_000},
            {"name": "EKS_AUDIT_LOGS", "status": "ENABLED"},
            {"name": "S3_DATA_EVENTS", "status": "ENABLED"},
            {"name": "LAMBDA_NETWORK_LOGS", "status": "DISABLED"},
        ],
    });
    Script::new()
        .answer(LIST, r#"{"detectorIds": ["12abc"]}"#)
        .answer(GET, detector.to_string())
}

async fn found(scene: &Scene) -> Found<Detector> {
    let reader = Reader::new(&scene.aws, &scene.stack);
    Detector::find(&reader).await.unwrap().pop().unwrap()
}

fn hints(error: &Error) -> String {
    error.hints.join("\n")
}

#[tokio::test]
async fn it_is_made_with_what_suits_the_stack() {
    let scene = scene(Script::new().answer(CREATE, r#"{"detectorId": "12abc"}"#));
    let made = wanted(ASKED).unwrap().create(&scene.cx()).await.unwrap();
    assert_eq!(made["id"], "12abc");
    let arn = "arn:aws:guardduty:us-east-1:111122223333:detector/12abc";
    assert_eq!(made["arn"], arn);
    let sent = scene.script.bodies(CREATE).pop().unwrap();
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["enable"], true);
    assert_eq!(sent["findingPublishingFrequency"], "FIFTEEN_MINUTES");
    assert_eq!(
        sent["features"],
        json!([
            {"name": "LAMBDA_NETWORK_LOGS", "status": "ENABLED"},
            {"name": "S3_DATA_EVENTS", "status": "ENABLED"},
        ])
    );
    assert_eq!(sent["tags"]["wmctl:id"], "detector/main");
}

#[test]
fn nobody_gets_one_unasked_and_china_gets_what_it_has() {
    assert_eq!(wanted(""), None);
    assert_eq!(wanted(ASKED).unwrap().features.len(), 2);
    let mut config = config(ASKED);
    config.stack.region = "cn-north-1".to_owned();
    let stack = crate::stack::Stack::new(&config, "111122223333");
    let scope = crate::resources::Scope {
        config: &config,
        stack: &stack,
        artifacts: &crate::artifact::Artifacts::default(),
        contract: &Value::Null,
        zones: &[],
    };
    let (_, there) = Detector::wanted(&scope).remove(0);
    assert!(there.enabled && there.features.is_empty());
}

#[tokio::test]
async fn one_that_came_meanwhile_is_used_by_the_next_run() {
    let says = "The request is rejected because a detector already exists for the current account.";
    let scene = scene(Script::new().refuse(CREATE, 400, REFUSED, says));
    let error = wanted(ASKED)
        .unwrap()
        .create(&scene.cx())
        .await
        .unwrap_err();
    assert!(
        hints(&error).contains("the same command again"),
        "{error:?}"
    );
}

#[tokio::test]
async fn somebody_elses_gets_what_it_lacks_and_nothing_more() {
    let script = with_detector(&json!({"team": "security"})).answer(UPDATE, "{}");
    let scene = scene(script);
    let found = found(&scene).await;
    let wanted = wanted(ASKED).unwrap();
    assert!(!found.owned && found.value.enabled);
    // How often it tells is for its owner to say, and so is all that we do not ask for.
    assert_eq!(found.value.publishing, wanted.publishing);
    assert_eq!(found.value.features.len(), 2);
    assert_eq!(found.value.features["LAMBDA_NETWORK_LOGS"], "DISABLED");
    let changed = ["features".to_owned()];
    let updated = wanted.update(&scene.cx(), &found, &changed).await;
    updated.unwrap();
    assert_eq!(scene.script.calls(), [LIST, GET, UPDATE]);
    let sent = scene.script.bodies(UPDATE).pop().unwrap();
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent.get("findingPublishingFrequency"), None);
    let features = sent["features"].as_array().unwrap();
    assert!(
        features
            .iter()
            .all(|feature| feature["status"] == "ENABLED"),
        "{sent}"
    );
}

#[tokio::test]
async fn ours_is_told_by_its_tags_and_one_that_is_named_becomes_ours() {
    let ours = json!({"wmctl:stack": "chat", "wmctl:environment": "prod"});
    let owned = found(&scene(with_detector(&ours))).await;
    assert!(owned.owned);
    assert_eq!(owned.value.publishing, "SIX_HOURS");

    let tag = "POST /tags/arn%3Aaws%3Aguardduty%3Aus-east-1%3A111122223333%3Adetector%2F12abc";
    let script = with_detector(&json!({})).answer(UPDATE, "{}");
    let scene = scene(script.answer(tag, "{}"));
    let theirs = found(&scene).await;
    let changed = ["tags".to_owned()];
    let adopted = wanted(ASKED).unwrap();
    adopted
        .update(&scene.cx(), &theirs, &changed)
        .await
        .unwrap();
    assert_eq!(scene.script.calls(), [LIST, GET, UPDATE, tag]);
    let sent = scene.script.bodies(UPDATE).pop().unwrap();
    assert!(sent.contains("FIFTEEN_MINUTES"), "{sent}");
}

#[tokio::test]
async fn a_member_is_told_who_administers_its_detector() {
    let says = "The request is rejected because member accounts cannot manage data sources.";
    let administrator =
        r#"{"administrator": {"accountId": "999900001111", "relationshipStatus": "Enabled"}}"#;
    let script = with_detector(&json!({}))
        .refuse(UPDATE, 400, REFUSED, says)
        .answer(ADMINISTRATOR, administrator)
        .refuse(UPDATE, 400, REFUSED, says)
        .answer(ADMINISTRATOR, "{}");
    let scene = scene(script);
    let found = found(&scene).await;
    let wanted = wanted(ASKED).unwrap();
    let changed = ["features".to_owned()];
    let error = wanted.update(&scene.cx(), &found, &changed).await;
    let error = error.unwrap_err();
    assert!(error.message.contains(says), "{error:?}");
    for said in ["account 999900001111", "`guardduty = false` in [audit]"] {
        assert!(hints(&error).contains(said), "{error:?}");
    }
    // Refused for another reason, an account of its own is told nothing of the kind.
    let error = wanted.update(&scene.cx(), &found, &changed).await;
    assert_eq!(error.unwrap_err().hints, Vec::<String>::new());
}

#[tokio::test]
async fn only_who_asks_for_one_has_to_be_let_look() {
    let denied = || {
        let says = "User: x is not authorized to perform: guardduty:ListDetectors";
        let script = Script::new().refuse(LIST, 403, "AccessDeniedException", says);
        script.refuse(LIST, 403, "AccessDeniedException", says)
    };
    let look = async |more: &str| -> Result<usize> {
        let scene = scene(denied());
        let reader = Reader::new(&scene.aws, &scene.stack);
        let found = Detector::find(&reader).await?;
        Detector::existing(&reader, &config(more)).await?;
        Ok(found.len())
    };
    assert_eq!(look("").await.unwrap(), 0);
    let error = look(ASKED).await.unwrap_err();
    assert!(error.message.contains("ListDetectors"), "{error:?}");
    assert!(hints(&error).contains("`guardduty = false`"), "{error:?}");
}

#[tokio::test]
async fn it_goes_once_and_not_while_others_report_to_it() {
    let gone =
        "The request is rejected because the input detectorId is not owned by the current account.";
    let members = "The request is rejected because the current account cannot delete detector while it has invited or associated members.";
    let script = with_detector(&json!({}))
        .answer(DELETE, "{}")
        .refuse(DELETE, 400, REFUSED, gone)
        .refuse(DELETE, 400, REFUSED, members);
    let scene = scene(script);
    let found = found(&scene).await;
    Detector::delete(&scene.cx(), &found).await.unwrap();
    Detector::delete(&scene.cx(), &found).await.unwrap();
    let error = Detector::delete(&scene.cx(), &found).await.unwrap_err();
    assert!(hints(&error).contains("untag-resource"), "{error:?}");
}
