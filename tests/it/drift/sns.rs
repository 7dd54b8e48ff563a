//! The topic of the alarms and who hears of them.

use super::{Deletion, Rows, drift};

pub fn rows() -> Rows {
    Rows {
        drifts: vec![
            drift("topic/alarms", "kms_key", |account| {
                Box::pin(attribute(account, "KmsMasterKeyId", "alias/aws/sns"))
            }),
            drift("topic/alarms", "tags.owner", |account| {
                Box::pin(async move {
                    let tag = aws_sdk_sns::types::Tag::builder()
                        .key("owner")
                        .value("other");
                    let call = account.aws.sns.tag_resource();
                    let call = call.resource_arn(account.id("topic/alarms"));
                    call.tags(tag.build().unwrap()).send().await.unwrap();
                })
            }),
        ],
        deletions: vec![Deletion {
            id: "topic/alarms",
            also: &["subscription/email"],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let topic = account.id("topic/alarms");
                    let call = account.aws.sns.delete_topic().topic_arn(topic);
                    call.send().await.unwrap();
                })
            },
        }],
        fixed: &[],
        lasting: &[],
    }
}

async fn attribute(account: &super::Account, name: &str, value: &str) {
    let call = account.aws.sns.set_topic_attributes();
    let call = call.topic_arn(account.id("topic/alarms"));
    let call = call.attribute_name(name).attribute_value(value);
    call.send().await.unwrap();
}
