//! Topics of others, and what is already gone.

use super::subscription::Subscription;
use super::topic::Topic;
use crate::aws::Reader;
use crate::aws::scripted::{Scene, Script};
use crate::object::attributes;
use crate::resources::{Found, Resource, sample};

fn topic() -> Topic {
    sample::wanted::<Topic>("", &[]).remove(0).1
}

#[tokio::test]
async fn a_topic_with_our_name_and_without_our_tags_is_not_ours() {
    let script = Script::new()
        .answer(
            "GetTopicAttributes",
            "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes>\
             <entry><key>Policy</key><value>{}</value></entry>\
             </Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>",
        )
        .answer(
            "ListTagsForResource",
            "<ListTagsForResourceResponse><ListTagsForResourceResult><Tags/>\
             </ListTagsForResourceResult></ListTagsForResourceResponse>",
        );
    let scene = Scene::new("topic/alarms", script);
    let found = Topic::find(&Reader::new(&scene.aws, &scene.stack)).await;
    let found = found.unwrap().remove(0);
    assert!(!found.owned);
    assert_eq!(
        found.aws_id(),
        "arn:aws:sns:us-east-1:111122223333:chat-prod"
    );
}

/// Whoever takes a topic over gives it all that is ours, tags too.
#[tokio::test]
async fn a_topic_is_taken_over_whole() {
    let set = "<SetTopicAttributesResponse/>";
    let script = Script::new()
        .answer("SetTopicAttributes", set)
        .answer("SetTopicAttributes", set)
        .answer("TagResource", "<TagResourceResponse/>");
    let scene = Scene::new("topic/alarms", script);
    let found = Found::owned("alarms", attributes([("id", "arn:t")]), topic());
    let changed = ["kms_key", "policy", "tags"].map(str::to_owned);
    topic().update(&scene.cx(), &found, &changed).await.unwrap();
    assert_eq!(
        scene.script.calls(),
        ["SetTopicAttributes", "SetTopicAttributes", "TagResource"]
    );
    assert!(scene.script.bodies("TagResource")[0].contains("topic%2Falarms"));
}

/// SNS lets go of a subscription only once its address has confirmed it.
#[tokio::test]
async fn an_unconfirmed_subscription_is_left_to_lapse() {
    let toml = "[alarms]\nemail = \"ops@example.com\"";
    let wanted = sample::wanted::<Subscription>(toml, &[]).remove(0).1;
    let script = Script::new().refuse(
        "Unsubscribe",
        404,
        "NotFound",
        "Subscription does not exist",
    );
    let scene = Scene::new("topic-subscription/email", script);
    for (arn, calls) in [("PendingConfirmation", 0), ("arn:s", 1)] {
        let found = Found::owned("email", attributes([("id", arn)]), wanted.clone());
        Subscription::delete(&scene.cx(), &found).await.unwrap();
        assert_eq!(scene.script.calls().len(), calls);
    }
}
