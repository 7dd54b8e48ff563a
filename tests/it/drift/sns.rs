//! The topic of the alarms and who hears of them.

use aws_sdk_sns::types::Tag;
use serde_json::json;

use super::{Account, Deletion, Drift, Rows, drift};

const TOPIC: &str = "topic/alarms";
const MAIL: &str = "topic-subscription/email";
const FIXED: &str = "a subscription never changes, another one stands beside it";

pub fn rows() -> Rows {
    Rows {
        drifts: vec![
            drift(TOPIC, "kms_key", |account| {
                Box::pin(attribute(
                    account,
                    "KmsMasterKeyId",
                    "alias/aws/sns".to_owned(),
                ))
            }),
            drift(TOPIC, "policy", |account| {
                let anyone = json!({"Version": "2012-10-17", "Statement": [{
                    "Sid": "Anyone", "Effect": "Allow", "Principal": "*",
                    "Action": "sns:Publish", "Resource": account.id(TOPIC)}]});
                Box::pin(attribute(account, "Policy", anyone.to_string()))
            }),
            drift(TOPIC, "tags.owner", |account| {
                Box::pin(async move {
                    let tag = Tag::builder().key("owner").value("other").build();
                    let call = account.aws.sns.tag_resource().tags(tag.unwrap());
                    call.resource_arn(account.id(TOPIC)).send().await.unwrap();
                })
            }),
            Drift {
                action: "delete",
                ..drift(MAIL, "", |account| {
                    Box::pin(subscribe(account, "email", "eve@example.com"))
                })
            },
            Drift {
                action: "delete",
                ..drift("topic-subscription/https", "", |account| {
                    Box::pin(subscribe(account, "https", "https://example.com/eve"))
                })
            },
        ],
        deletions: vec![
            Deletion {
                id: TOPIC,
                // They go with it. The alarms name the topic by its ARN, and that comes back.
                also: &[MAIL],
                except: &[],
                deed: |account| {
                    Box::pin(async move {
                        let call = account.aws.sns.delete_topic();
                        call.topic_arn(account.id(TOPIC)).send().await.unwrap();
                    })
                },
            },
            Deletion {
                id: MAIL,
                also: &[],
                except: &[],
                deed: |account| {
                    Box::pin(async move {
                        let call = account.aws.sns.unsubscribe();
                        let call = call.subscription_arn(account.id(MAIL));
                        call.send().await.unwrap();
                    })
                },
            },
        ],
        fixed: &[
            ("topic-subscription", "topic", FIXED),
            ("topic-subscription", "protocol", FIXED),
            ("topic-subscription", "endpoint", FIXED),
        ],
        lasting: &[],
    }
}

async fn attribute(account: &Account, name: &str, value: String) {
    let call = account.aws.sns.set_topic_attributes();
    let call = call.topic_arn(account.id(TOPIC));
    let call = call.attribute_name(name).attribute_value(value);
    call.send().await.unwrap();
}

async fn subscribe(account: &Account, protocol: &str, endpoint: &str) {
    let call = account.aws.sns.subscribe().topic_arn(account.id(TOPIC));
    let call = call.protocol(protocol).endpoint(endpoint);
    call.send().await.unwrap();
}
