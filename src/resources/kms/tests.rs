//! Keys on their way out, aliases that lead elsewhere, and what comes of them.

use serde_json::json;

use super::alias::Alias;
use super::key::Key;
use crate::aws::Reader;
use crate::aws::scripted::{Scene, Script};
use crate::object::attributes;
use crate::resources::{Found, Resource, sample};

const PENDING: &str = "arn:aws:kms:us-east-1:111122223333:key/k1 is pending deletion.";
const TAKEN: &str = "An alias with the name arn:aws:kms:us-east-1:111122223333:alias/chat-prod \
                     already exists";
const NONE: &str = "Alias arn:aws:kms:us-east-1:111122223333:alias/chat-prod is not found.";
const DETAILS: [&str; 3] = ["GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags"];

fn wanted() -> Key {
    sample::wanted::<Key>("", &[]).remove(0).1
}

fn alias() -> Alias {
    Alias {
        key: "k2".to_owned(),
    }
}

fn tags(ours: bool) -> String {
    let tags = [
        ("wmctl:stack", "chat"),
        ("wmctl:environment", "prod"),
        ("wmctl:id", "kms-key/main"),
    ];
    let tags = tags.map(|(key, value)| json!({"TagKey": key, "TagValue": value}));
    let tags: &[_] = if ours { &tags } else { &[] };
    json!({"Tags": tags, "Truncated": false}).to_string()
}

/// The answers to one look at the key `k1`, but for its tags.
fn key(script: Script, state: &str) -> Script {
    let metadata = json!({"KeyId": "k1", "Arn": "arn:k1", "KeyState": state});
    script
        .answer("DescribeKey", json!({"KeyMetadata": metadata}).to_string())
        .answer("GetKeyPolicy", json!({"Policy": "{}"}).to_string())
        .answer("GetKeyRotationStatus", r#"{"KeyRotationEnabled": true}"#)
}

fn listed(script: Script, keys: &[&str]) -> Script {
    let keys: Vec<_> = keys.iter().map(|id| json!({"KeyId": id})).collect();
    script.answer(
        "ListKeys",
        json!({"Keys": keys, "Truncated": false}).to_string(),
    )
}

async fn look(scene: &Scene) -> (Vec<Found<Key>>, Vec<Found<Alias>>) {
    let reader = Reader::new(&scene.aws, &scene.stack);
    let keys = Key::find(&reader).await.unwrap();
    (keys, Alias::find(&reader).await.unwrap())
}

/// The calls, with those that go out together in one order.
fn sorted(mut calls: Vec<String>, together: std::ops::Range<usize>) -> Vec<String> {
    calls[together].sort();
    calls
}

#[tokio::test]
async fn the_key_and_its_alias_take_four_calls_in_two_waves() {
    let script = key(Script::new(), "Enabled").answer("ListResourceTags", tags(true));
    let scene = Scene::new("kms-key/main", script);
    let (keys, aliases) = look(&scene).await;
    assert!(keys[0].owned && aliases[0].owned);
    assert_eq!(aliases[0].value.key, "k1");
    let calls = sorted(scene.script.calls(), 1..4);
    assert_eq!(calls[0], "DescribeKey");
    assert_eq!(calls[1..], DETAILS);
}

/// Note 5 of the field: the alias shows that the stack still lives by this key.
#[tokio::test]
async fn a_key_about_to_be_lost_is_taken_back_in_place() {
    let script = key(Script::new(), "PendingDeletion")
        .answer("ListResourceTags", tags(true))
        .answer("CancelKeyDeletion", r#"{"KeyId": "k1"}"#)
        .refuse("EnableKey", 400, "KMSInvalidStateException", PENDING)
        .answer("EnableKey", "{}");
    let scene = Scene::new("kms-key/main", script);
    let (keys, _) = look(&scene).await;
    assert_eq!(keys[0].value.state, "PendingDeletion");
    let changed = ["state".to_owned()];
    let attributes = wanted().update(&scene.cx(), &keys[0], &changed).await;
    assert_eq!(attributes.unwrap()["id"], "k1");
    assert_eq!(
        scene.script.calls()[4..],
        ["CancelKeyDeletion", "EnableKey", "EnableKey"]
    );
}

#[tokio::test]
async fn a_key_that_down_sent_away_is_gone_until_it_is_made_again() {
    let script = Script::new().refuse("DescribeKey", 400, "NotFoundException", NONE);
    let script = key(listed(script, &["k1"]), "PendingDeletion");
    let script = key(listed(script, &["k1"]), "PendingDeletion")
        .answer("ListResourceTags", tags(true))
        .answer("ListResourceTags", tags(true))
        .answer("ListResourceTags", tags(true))
        .answer("ListResourceTags", tags(true))
        .answer("CancelKeyDeletion", r#"{"KeyId": "k1"}"#)
        .answer("EnableKey", "{}")
        .answer("PutKeyPolicy", "{}")
        .answer("TagResource", "{}")
        .answer("EnableKeyRotation", "{}");
    let scene = Scene::new("kms-key/main", script);
    let (keys, aliases) = look(&scene).await;
    assert!(keys.is_empty() && aliases.is_empty());
    let before = scene.script.calls().len();
    let attributes = wanted().create(&scene.cx()).await.unwrap();
    assert_eq!(attributes["id"], "k1");
    let calls = sorted(scene.script.calls()[before..].to_vec(), 3..6);
    assert_eq!(calls[..3], ["ListKeys", "ListResourceTags", "DescribeKey"]);
    assert_eq!(calls[3..6], DETAILS);
    assert_eq!(
        calls[6..],
        [
            "CancelKeyDeletion",
            "EnableKey",
            "PutKeyPolicy",
            "TagResource",
            "EnableKeyRotation"
        ]
    );
}

#[tokio::test]
async fn another_key_behind_our_alias_is_no_ones_to_take() {
    let script = key(Script::new(), "Enabled").answer("ListResourceTags", tags(false));
    let script = listed(script, &[]);
    let scene = Scene::new("kms-key/main", script);
    let (keys, aliases) = look(&scene).await;
    assert_eq!((keys[0].name.as_str(), keys[0].owned), ("main", false));
    assert!(!aliases[0].owned);
}

/// Note 5 of the field: an alias outlives the key's way out.
#[tokio::test]
async fn an_alias_that_is_there_is_moved() {
    let script = Script::new()
        .refuse(
            "CreateAlias",
            400,
            "NotFoundException",
            "Key 'k2' does not exist",
        )
        .refuse("CreateAlias", 400, "AlreadyExistsException", TAKEN)
        .answer("UpdateAlias", "{}");
    let scene = Scene::new("kms-alias/main", script);
    let attributes = alias().create(&scene.cx()).await.unwrap();
    assert_eq!(attributes["id"], "alias/chat-prod");
    let calls = scene.script.calls();
    assert_eq!(calls, ["CreateAlias", "CreateAlias", "UpdateAlias"]);
    assert!(scene.script.bodies("UpdateAlias")[0].contains(r#""TargetKeyId":"k2""#));
}

#[tokio::test]
async fn a_key_on_its_way_out_is_deleted() {
    let script = Script::new().refuse(
        "ScheduleKeyDeletion",
        400,
        "KMSInvalidStateException",
        PENDING,
    );
    let scene = Scene::new("kms-key/main", script);
    let found = Found::owned("main", attributes([("id", "k1")]), wanted());
    Key::delete(&scene.cx(), &found).await.unwrap();
    assert_eq!(scene.script.calls(), ["ScheduleKeyDeletion"]);
}
