//! What Security Hub answers in real accounts, and what comes of it: no emulator has its standards.

use std::time::Duration;

use serde_json::{Value, json};

use super::hub::SecurityHub;
use crate::aws::Reader;
use crate::aws::scripted::{Scene, Script, waited};
use crate::config::Config;
use crate::error::Error;
use crate::events::{Event, Events};
use crate::resources::{Found, Resource, sample};

const DESCRIBE: &str = "GET /accounts";
const ENABLE: &str = "POST /accounts";
const CHANGE: &str = "PATCH /accounts";
const DISABLE: &str = "DELETE /accounts";
const TAGS: &str = "GET /tags/arn%3Aaws%3Asecurityhub%3Aus-east-1%3A111122223333%3Ahub%2Fdefault";
const STANDARDS: &str = "POST /standards/get";
const REGISTER: &str = "POST /standards/register";
const ADMINISTRATOR: &str = "GET /administrator";
const INVALID: &str = "InvalidAccessException";
const OFF: &str = "Account 111122223333 is not subscribed to AWS Security Hub";
const ASKED: &str = "[audit]\nsecurity_hub = true";
const HUB: &str = "arn:aws:securityhub:us-east-1:111122223333:hub/default";
const CIS: &str = "arn:aws:securityhub:us-east-1::standards/cis-aws-foundations-benchmark/v/3.0.0";
const FSBP: &str =
    "arn:aws:securityhub:us-east-1::standards/aws-foundational-security-best-practices/v/1.0.0";

fn wanted() -> SecurityHub {
    sample::wanted::<SecurityHub>(ASKED, &[]).remove(0).1
}

fn scene(script: Script) -> Scene {
    Scene::new("security-hub/main", script)
}

/// The hub's standards and their states.
fn standards(all: &[(&str, &str)]) -> String {
    let all = all.iter().map(|(arn, status)| {
        json!({
            "StandardsArn": arn,
            "StandardsStatus": status,
            "StandardsInput": {},
            "StandardsSubscriptionArn": arn.replace("::standards", ":111122223333:subscription"),
            "StandardsStatusReason": {"StatusReasonCode": "NO_AVAILABLE_CONFIGURATION_RECORDER"},
        })
    });
    json!({"StandardsSubscriptions": all.collect::<Vec<_>>()}).to_string()
}

fn with_hub(tags: &Value, all: &[(&str, &str)]) -> Script {
    let hub = json!({"HubArn": HUB, "AutoEnableControls": false});
    Script::new()
        .answer(DESCRIBE, hub.to_string())
        .answer(TAGS, json!({"Tags": tags}).to_string())
        .answer(STANDARDS, standards(all))
}

async fn found(scene: &Scene) -> Option<Found<SecurityHub>> {
    let reader = Reader::new(&scene.aws, &scene.stack);
    SecurityHub::find(&reader).await.unwrap().pop()
}

fn hints(error: &Error) -> String {
    error.hints.join("\n")
}

#[tokio::test]
async fn it_is_enabled_and_its_standards_are_waited_for() {
    let script = Script::new()
        .answer(ENABLE, "{}")
        .refuse(STANDARDS, 401, INVALID, OFF)
        .answer(STANDARDS, standards(&[]))
        .answer(REGISTER, standards(&[(FSBP, "PENDING"), (CIS, "PENDING")]))
        .answer(STANDARDS, standards(&[(FSBP, "PENDING")]))
        .answer(STANDARDS, standards(&[(FSBP, "READY"), (CIS, "PENDING")]))
        .answer(STANDARDS, standards(&[(FSBP, "READY"), (CIS, "READY")]));
    let scene = scene(script);
    let made = wanted().create(&scene.cx()).await.unwrap();
    assert_eq!(made["id"], HUB);
    let mut calls = vec![ENABLE, STANDARDS, STANDARDS, REGISTER];
    calls.extend([STANDARDS; 3]);
    assert_eq!(scene.script.calls(), calls);
    let sent: Value = serde_json::from_str(&scene.script.bodies(ENABLE)[0]).unwrap();
    assert_eq!(sent["EnableDefaultStandards"], false);
    assert_eq!(sent["Tags"]["wmctl:id"], "security-hub/main");
    let sent: Value = serde_json::from_str(&scene.script.bodies(REGISTER)[0]).unwrap();
    assert_eq!(
        sent["StandardsSubscriptionRequests"],
        json!([{"StandardsArn": FSBP}, {"StandardsArn": CIS}])
    );
    assert!(waited() > Duration::ZERO && waited() < Duration::from_mins(1));
}

#[tokio::test]
async fn one_that_records_nothing_is_enabled_and_says_so() {
    let (events, mut receiver) = Events::channel();
    let script = Script::new()
        .answer(ENABLE, "{}")
        .answer(STANDARDS, standards(&[]))
        .answer(REGISTER, standards(&[]))
        .answer(
            STANDARDS,
            standards(&[(FSBP, "INCOMPLETE"), (CIS, "READY")]),
        );
    let mut scene = scene(script);
    scene.events = events;
    wanted().create(&scene.cx()).await.unwrap();
    drop(scene);
    let mut notes = Vec::new();
    while let Some(event) = receiver.recv().await {
        if let Event::Note(note) = event {
            notes.push(note);
        }
    }
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("AWS Config"), "{notes:?}");
}

#[tokio::test]
async fn what_is_being_disabled_is_waited_out_and_what_is_there_is_left() {
    let other = "arn:aws:securityhub:us-east-1::standards/pci-dss/v/4.0.1";
    let going = [(CIS, "DELETING"), (FSBP, "READY"), (other, "READY")];
    let script = with_hub(&json!({"team": "security"}), &going)
        .answer(CHANGE, "{}")
        .answer(STANDARDS, standards(&going))
        .answer(STANDARDS, standards(&going[1..]))
        .answer(REGISTER, standards(&[(CIS, "PENDING")]))
        .answer(STANDARDS, standards(&[(CIS, "READY"), (FSBP, "READY")]));
    let scene = scene(script);
    let found = found(&scene).await.unwrap();
    assert!(!found.owned && !found.value.auto_enable_controls);
    assert_eq!(found.value.standards, [FSBP]);
    let changed = ["auto_enable_controls", "standards"].map(str::to_owned);
    let updated = wanted().update(&scene.cx(), &found, &changed).await;
    updated.unwrap();
    let sent: Value = serde_json::from_str(&scene.script.bodies(REGISTER)[0]).unwrap();
    assert_eq!(
        sent["StandardsSubscriptionRequests"],
        json!([{"StandardsArn": CIS}])
    );
    assert_eq!(
        scene.script.bodies(CHANGE),
        [r#"{"AutoEnableControls":true}"#]
    );
    // Nobody has given it our tags.
    assert!(
        !scene
            .script
            .calls()
            .iter()
            .any(|call| call.starts_with("POST /tags/"))
    );
}

#[tokio::test]
async fn where_it_is_off_there_is_none_and_who_asks_for_it_hears_of_aws_config() {
    for code in [INVALID, "ResourceNotFoundException"] {
        let scene = scene(Script::new().refuse(DESCRIBE, 401, code, OFF));
        let reader = Reader::new(&scene.aws, &scene.stack);
        assert!(SecurityHub::find(&reader).await.unwrap().is_empty());
        for (more, notes) in [("", 0), (ASKED, 1)] {
            let text = format!("[stack]\nname = \"chat\"\nregion = \"us-east-1\"\n{more}");
            let config: Config = toml::from_str(&text).unwrap();
            SecurityHub::existing(&reader, &config).await.unwrap();
            assert_eq!(reader.notes().len(), notes, "{more}");
        }
        assert!(reader.notes()[0].contains("AWS Config"));
        assert_eq!(scene.script.calls(), [DESCRIBE]);
    }
}

#[tokio::test]
async fn only_who_asks_for_one_has_to_be_let_look() {
    let denied = "AccessDeniedException";
    let says = "User: x is not authorized to perform: securityhub:DescribeHub";
    let script = Script::new()
        .refuse(DESCRIBE, 403, denied, says)
        .refuse(DESCRIBE, 403, denied, says);
    let scene = scene(script);
    let reader = Reader::new(&scene.aws, &scene.stack);
    assert!(SecurityHub::find(&reader).await.unwrap().is_empty());
    let text = format!("[stack]\nname = \"chat\"\nregion = \"us-east-1\"\n{ASKED}");
    let config: Config = toml::from_str(&text).unwrap();
    let error = SecurityHub::existing(&reader, &config).await.unwrap_err();
    assert!(
        hints(&error).contains("`security_hub = false`"),
        "{error:?}"
    );
}

#[tokio::test]
async fn one_that_came_meanwhile_is_used_by_the_next_run() {
    let says = "Account is already subscribed to Security Hub";
    let code = "ResourceConflictException";
    let scene = scene(Script::new().refuse(ENABLE, 409, code, says));
    let error = wanted().create(&scene.cx()).await.unwrap_err();
    assert!(
        hints(&error).contains("the same command again"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_member_is_told_who_administers_its_hub() {
    let says = "Account 111122223333 is centrally managed";
    let administrator = r#"{"Administrator": {"AccountId": "999900001111"}}"#;
    let script = with_hub(&json!({}), &[(FSBP, "READY")])
        .answer(STANDARDS, standards(&[(FSBP, "READY")]))
        .refuse(REGISTER, 401, INVALID, says)
        .answer(ADMINISTRATOR, administrator);
    let scene = scene(script);
    let found = found(&scene).await.unwrap();
    let changed = ["standards".to_owned()];
    let error = wanted().update(&scene.cx(), &found, &changed).await;
    let error = error.unwrap_err();
    for said in ["account 999900001111", "`security_hub = false` in [audit]"] {
        assert!(hints(&error).contains(said), "{error:?}");
    }
}

#[tokio::test]
async fn ours_goes_once() {
    let ours = json!({"wmctl:stack": "chat", "wmctl:environment": "prod"});
    let script = with_hub(&ours, &[])
        .answer(DISABLE, "{}")
        .refuse(DISABLE, 401, INVALID, OFF);
    let scene = scene(script);
    let found = found(&scene).await.unwrap();
    assert!(found.owned);
    SecurityHub::delete(&scene.cx(), &found).await.unwrap();
    SecurityHub::delete(&scene.cx(), &found).await.unwrap();
}

#[test]
fn nobody_gets_one_unasked() {
    assert!(sample::wanted::<SecurityHub>("", &[]).is_empty());
}
