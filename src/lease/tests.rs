use serde_json::json;

use super::*;
use crate::aws::scripted::{Scene, Script};

const MADE: &str = "{}";

fn held_by(id: &str, until: u64) -> String {
    let tags: Vec<(&str, String)> = vec![
        ("id", id.to_owned()),
        ("owner", "arn:aws:iam::1:user/ada".to_owned()),
        ("host", "build-7".to_owned()),
        ("command", "up".to_owned()),
        ("since", "1".to_owned()),
        ("until", until.to_string()),
    ];
    let tags: Tags = tags
        .into_iter()
        .map(|(name, value)| (format!("{TAG}{name}"), value))
        .collect();
    json!({"tags": tags}).to_string()
}

fn exists(script: Script) -> Script {
    let message = "The specified log group already exists";
    script.refuse(
        "CreateLogGroup",
        400,
        "ResourceAlreadyExistsException",
        message,
    )
}

async fn take(scene: &Scene) -> Result<Lease> {
    let (aws, stack) = (&scene.aws, &scene.stack);
    Lease::take(aws, stack, "up", Duration::ZERO, &scene.events).await
}

fn scene(script: Script) -> Scene {
    Scene::new("vpc/main", script)
}

#[tokio::test]
async fn a_live_lease_is_refused_with_who_holds_it() {
    let script = exists(Script::new());
    let scene = scene(script.answer("ListTagsForResource", held_by("theirs", now() + 300)));
    let error = take(&scene).await.err().unwrap();
    assert_eq!(error.kind, Kind::Refused);
    for part in ["user/ada", "build-7", "wmctl up", "runs out in"] {
        assert!(error.message.contains(part), "{}", error.message);
    }
}

/// Whoever takes over holds the guard from before the look until after its own lease is there.
#[tokio::test]
async fn a_lease_that_ran_out_is_taken_over_under_a_guard() {
    let script = exists(Script::new())
        .answer("ListTagsForResource", held_by("theirs", 2))
        .answer("CreateLogGroup", MADE)
        .answer("ListTagsForResource", held_by("theirs", 2))
        .answer("DeleteLogGroup", MADE)
        .answer("CreateLogGroup", MADE)
        .answer("DeleteLogGroup", MADE);
    let scene = scene(script);
    take(&scene).await.unwrap().renewing.abort();
    let names = |operation: &str| -> Vec<String> {
        let bodies = scene.script.bodies(operation).into_iter();
        bodies
            .map(|body| {
                let body: serde_json::Value = serde_json::from_str(&body).unwrap();
                body["logGroupName"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    let (lease, guard) = (
        "/wmctl/chat-prod/lease",
        "/wmctl/chat-prod/lease-over-theirs",
    );
    assert_eq!(names("CreateLogGroup"), [lease, guard, lease]);
    assert_eq!(names("DeleteLogGroup"), [lease, guard]);
}

/// Two see the same lease that ran out; the other was quicker.
#[tokio::test]
async fn a_lease_that_has_passed_on_meanwhile_is_left_alone() {
    let script = exists(Script::new())
        .answer("ListTagsForResource", held_by("theirs", 2))
        .answer("CreateLogGroup", MADE)
        .answer("ListTagsForResource", held_by("another", now() + 300))
        .answer("DeleteLogGroup", MADE);
    let scene =
        scene(exists(script).answer("ListTagsForResource", held_by("another", now() + 300)));
    let error = take(&scene).await.err().unwrap();
    assert_eq!(error.kind, Kind::Refused, "{error:?}");
    // The guard alone.
    assert_eq!(scene.script.bodies("DeleteLogGroup").len(), 1);
}

#[tokio::test]
async fn who_loses_the_lease_is_told_and_does_not_delete_what_is_another_s() {
    let script = Script::new()
        .answer("CreateLogGroup", MADE)
        .answer("ListTagsForResource", held_by("theirs", now() + 300));
    let scene = scene(script);
    let lease = take(&scene).await.unwrap();
    lease.lost().wait_for(|lost| *lost).await.unwrap();
    lease.release().await.unwrap();
    assert_eq!(
        scene.script.calls(),
        ["CreateLogGroup", "ListTagsForResource"]
    );
}

#[tokio::test]
async fn a_lease_shows_among_the_log_groups() {
    for (name, leased) in [
        ("/wmctl/chat-prod/lease", true),
        ("/wmctl/chat-prod/lease-over-a1", false),
    ] {
        let groups = json!({"logGroups": [{"logGroupName": name}]});
        let scene = scene(Script::new().answer("DescribeLogGroups", groups.to_string()));
        let reader = Reader::new(&scene.aws, &scene.stack);
        assert_eq!(super::exists(&reader).await.unwrap(), leased, "{name}");
    }
}

#[tokio::test]
async fn a_lease_that_somebody_stands_behind_stays() {
    let held = held_by("a", now() + 60);
    let scene = scene(Script::new().answer("ListTagsForResource", held));
    clear(&scene.aws, &scene.stack).await.unwrap();
    assert_eq!(scene.script.calls(), ["ListTagsForResource"]);
}
