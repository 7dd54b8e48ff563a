//! What EventBridge answers in real accounts, and what comes of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::rule::EventRule;
use super::rule_arn;
use crate::aws::Reader;
use crate::aws::scripted::{Scene, Script, waited};
use crate::object::attributes;
use crate::resources::lambda::permission::FunctionPermission;
use crate::resources::{Found, Resource, sample};

const NAME: &str = "chat-prod-maintenance";
const ARN: &str = "arn:aws:events:us-east-1:111122223333:rule/chat-prod-maintenance";
const BUSY: (&str, &str) = (
    "ConcurrentModificationException",
    "Rule chat-prod-maintenance is being modified concurrently.",
);
const NONE_FAILED: &str = r#"{"FailedEntryCount": 0, "FailedEntries": []}"#;

fn wanted() -> EventRule {
    sample::wanted::<EventRule>("", &[]).remove(0).1
}

fn found(value: EventRule) -> Found<EventRule> {
    let attributes = attributes([("id", NAME), ("arn", ARN)]);
    Found::owned("maintenance", attributes, value)
}

fn scene(script: Script) -> Scene {
    Scene::new("event-rule/maintenance", script)
}

fn refused_entry(code: &str, message: &str) -> String {
    let entry = json!({"TargetId": "migrator", "ErrorCode": code, "ErrorMessage": message});
    json!({"FailedEntryCount": 1, "FailedEntries": [entry]}).to_string()
}

fn refuse(script: Script, operation: &str, (code, message): (&str, &str)) -> Script {
    script.refuse(operation, 400, code, message)
}

#[tokio::test]
async fn a_rule_gets_its_tags_with_it_and_then_its_target() {
    let script = Script::new()
        .answer("PutRule", json!({"RuleArn": ARN}).to_string())
        .answer("PutTargets", NONE_FAILED);
    let scene = scene(script);
    let made = wanted().create(&scene.cx()).await.unwrap();
    assert_eq!(made, attributes([("id", NAME), ("arn", ARN)]));
    assert_eq!(scene.script.calls(), ["PutRule", "PutTargets"]);
    let body = |operation: &str| -> Value {
        serde_json::from_str(&scene.script.bodies(operation)[0]).unwrap()
    };
    let rule = body("PutRule");
    assert_eq!(rule["ScheduleExpression"], "rate(1 hour)");
    let tag = json!({"Key": "wmctl:id", "Value": "event-rule/maintenance"});
    assert!(rule["Tags"].as_array().unwrap().contains(&tag), "{rule}");
    let target = &body("PutTargets")["Targets"][0];
    assert_eq!(target["Input"], r#"{"action":"maintain"}"#);
    assert_eq!(target["RetryPolicy"]["MaximumEventAgeInSeconds"], 3600);
    assert_eq!(target["RetryPolicy"]["MaximumRetryAttempts"], 2);
}

/// EventBridge ignores the tags in a call for a rule that is there.
#[tokio::test]
async fn an_existing_rule_gets_its_tags_by_a_call_of_their_own() {
    let script = Script::new()
        .answer("PutRule", json!({"RuleArn": ARN}).to_string())
        .answer("TagResource", "{}");
    let scene = scene(script);
    let changed = ["state", "tags"].map(str::to_owned);
    let update = wanted();
    update
        .update(&scene.cx(), &found(wanted()), &changed)
        .await
        .unwrap();
    assert_eq!(scene.script.calls(), ["PutRule", "TagResource"]);
    assert!(!scene.script.bodies("PutRule")[0].contains("wmctl:"));
    assert!(scene.script.bodies("TagResource")[0].contains(ARN));
}

/// A call that succeeds may still have refused a target.
#[tokio::test]
async fn a_target_that_was_refused_is_an_error() {
    let full = "The requested resource exceeds the maximum number allowed.";
    let script = Script::new().answer("PutRule", json!({"RuleArn": ARN}).to_string());
    let script = script.answer("PutTargets", refused_entry("LimitExceededException", full));
    let scene = scene(script);
    let error = wanted().create(&scene.cx()).await.unwrap_err();
    assert_eq!(
        error.message,
        format!(
            "PutTargets refused for event-rule/maintenance, target migrator: \
             LimitExceededException: {full}"
        )
    );
    assert_eq!(scene.script.calls(), ["PutRule", "PutTargets"]);
}

#[tokio::test]
async fn another_change_of_the_rule_is_waited_for() {
    let script = refuse(Script::new(), "PutRule", BUSY)
        .answer("PutRule", json!({"RuleArn": ARN}).to_string())
        .answer("PutTargets", refused_entry(BUSY.0, BUSY.1))
        .answer("PutTargets", NONE_FAILED);
    let scene = scene(script);
    wanted().create(&scene.cx()).await.unwrap();
    assert_eq!(
        scene.script.calls(),
        ["PutRule", "PutRule", "PutTargets", "PutTargets"]
    );
    assert!(waited() > Duration::ZERO && waited() < Duration::from_secs(1));
}

#[tokio::test]
async fn targets_go_before_their_rule() {
    let script = refuse(Script::new(), "DeleteRule", BUSY)
        .answer("RemoveTargets", NONE_FAILED)
        .answer("DeleteRule", "{}");
    let scene = scene(script);
    let gone = EventRule::delete(&scene.cx(), &found(wanted())).await;
    gone.unwrap();
    assert_eq!(
        scene.script.calls(),
        ["RemoveTargets", "DeleteRule", "DeleteRule"]
    );
    assert!(scene.script.bodies("RemoveTargets")[0].contains(r#"["migrator"]"#));
}

/// A run that was killed in between has removed the targets, and another may have done the rest.
#[tokio::test]
async fn what_is_gone_already_is_no_error() {
    let gone = (
        "ResourceNotFoundException",
        "Rule chat-prod-maintenance does not exist on EventBus default.",
    );
    let script = refuse(Script::new(), "RemoveTargets", gone);
    let scene = scene(refuse(script, "DeleteRule", gone));
    EventRule::delete(&scene.cx(), &found(wanted()))
        .await
        .unwrap();
    assert_eq!(scene.script.calls(), ["RemoveTargets", "DeleteRule"]);

    let mut bare = wanted();
    bare.targets.clear();
    let script = Script::new().answer("DeleteRule", "{}");
    let scene = self::scene(script);
    EventRule::delete(&scene.cx(), &found(bare)).await.unwrap();
    assert_eq!(scene.script.calls(), ["DeleteRule"]);
}

#[tokio::test]
async fn a_rule_of_another_service_is_left_alone() {
    let managed = (
        "ManagedRuleException",
        "Rule is managed by an AWS service and can't be modified.",
    );
    let scene = scene(refuse(Script::new(), "PutRule", managed));
    let error = wanted().create(&scene.cx()).await.unwrap_err();
    assert_eq!(error.code(), Some("ManagedRuleException"));
    assert!(error.hints[0].contains("another name"), "{error:?}");
    assert_eq!(scene.script.calls(), ["PutRule"]);
}

/// The SDK takes this error for throttling, and tries a few times.
#[tokio::test]
async fn a_full_account_is_told_with_what_to_do() {
    let full = (
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    );
    let script = (0..10).fold(Script::new(), |script, _| refuse(script, "PutRule", full));
    let scene = scene(script);
    let error = wanted().create(&scene.cx()).await.unwrap_err();
    assert!(error.hints[1].contains("Service Quotas"), "{error:?}");
    assert!(scene.script.calls().len() < 10);
    assert!(waited() < Duration::from_mins(2));
}

fn listed(name: &str) -> Value {
    json!({
        "Name": name,
        "Arn": format!("arn:aws:events:us-east-1:111122223333:rule/{name}"),
        "State": "ENABLED",
        "ScheduleExpression": "rate(1 hour)",
        "Description": "Keeps the logs' partitions and roll-ups up to date",
        "EventBusName": "default",
    })
}

#[tokio::test]
async fn a_rule_is_found_on_a_later_page_as_it_was_made() {
    let wanted = wanted();
    let tags: Vec<Value> = wanted
        .tags
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    let target = json!({
        "Id": "migrator",
        "Arn": "${function-alias/migrator.arn}",
        "Input": r#"{"action":"maintain"}"#,
        "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600},
    });
    let first = json!({"Rules": [], "NextToken": "more"});
    let second = json!({"Rules": [listed(NAME)]});
    let script = Script::new()
        .answer("ListRules", first.to_string())
        .answer("ListRules", second.to_string())
        .answer("ListTagsForResource", json!({"Tags": tags}).to_string())
        .answer(
            "ListTargetsByRule",
            json!({"Targets": [target]}).to_string(),
        );
    let scene = scene(script);
    let rules = EventRule::find(&Reader::new(&scene.aws, &scene.stack)).await;
    let rules = rules.unwrap();
    assert_eq!(rules.len(), 1);
    assert!(rules[0].owned);
    assert_eq!(rules[0].name, "maintenance");
    assert_eq!(rules[0].value, wanted);
    assert!(scene.script.bodies("ListRules")[1].contains("more"));
}

#[tokio::test]
async fn a_rule_without_our_tags_is_not_ours_and_one_that_vanishes_is_none() {
    let gone = ("ResourceNotFoundException", "Rule does not exist.");
    let rules = json!({"Rules": [listed("chat-prod-2-maintenance")]}).to_string();
    let script = Script::new()
        .answer("ListRules", rules.clone())
        .answer("ListTagsForResource", r#"{"Tags": []}"#)
        .answer("ListTargetsByRule", r#"{"Targets": []}"#)
        .answer("ListRules", rules)
        .answer("ListTagsForResource", r#"{"Tags": []}"#);
    let scene = scene(refuse(script, "ListTargetsByRule", gone));
    let reader = Reader::new(&scene.aws, &scene.stack);
    let rules = EventRule::find(&reader).await.unwrap();
    assert_eq!(rules.len(), 1);
    assert!(!rules[0].owned);
    assert!(EventRule::find(&reader).await.unwrap().is_empty());
}

fn of_migrator(more: &str) -> Vec<FunctionPermission> {
    let statements = sample::wanted::<FunctionPermission>(more, &[]).into_iter();
    statements
        .filter(|(name, _)| name.starts_with("migrator"))
        .map(|(_, statement)| statement)
        .collect()
}

/// Nobody but this one rule of this account may call the migrator, and these secrets' rotations.
#[test]
fn the_migrator_lets_in_its_own_schedules_only() {
    let statements = of_migrator("");
    let [schedule, admin, app] = &statements[..] else {
        panic!("{statements:?}");
    };
    for (rotation, secret) in [(admin, "database-admin"), (app, "database-app")] {
        assert_eq!(rotation.principal, "secretsmanager.amazonaws.com");
        assert_eq!(rotation.qualifier.as_deref(), Some("live"));
        let arn = format!("${{secret/{secret}.arn}}");
        assert_eq!(rotation.source_arn.as_ref(), Some(&arn));
    }
    // Where nothing rotates by itself, nothing has to be let in.
    let never = of_migrator("[database]\nrotate_after_days = 0");
    assert_eq!(never, statements[..1]);
    assert_eq!(schedule.principal, "events.amazonaws.com");
    assert_eq!(schedule.action, "lambda:InvokeFunction");
    assert_eq!(schedule.qualifier.as_deref(), Some("live"));
    assert_eq!(schedule.source_arn.as_deref(), Some(ARN));
    let scene = scene(Script::new());
    assert_eq!(rule_arn(&scene.stack, "maintenance"), ARN);
}
