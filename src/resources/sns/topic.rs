//! The topic that alarms are sent to, encrypted with the stack's key.

use aws_sdk_sns::types::Tag;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::topic_arn;
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::iam::policy::{document, parse};
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::{Stack, Tags};

pub(super) const NOT_FOUND: &[&str] = &[
    "NotFound",
    "NotFoundException",
    "ResourceNotFound",
    "ResourceNotFoundException",
];
const KEY: &str = "KmsMasterKeyId";
const POLICY: &str = "Policy";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    pub kms_key: String,
    pub policy: Value,
    pub tags: Tags,
}

impl Resource for Topic {
    const KIND: &'static str = "topic";
    const NEEDS: &'static [&'static str] = &["kms-key"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["sns:GetTopicAttributes", "sns:ListTagsForResource"],
            &["sns:{stack}"],
        )],
        create: &[allow(
            &["sns:CreateTopic", "sns:TagResource"],
            &["sns:{stack}"],
        )],
        update: &[allow(
            &["sns:SetTopicAttributes", "sns:TagResource"],
            &["sns:{stack}"],
        )],
        delete: &[allow(&["sns:DeleteTopic"], &["sns:{stack}"])],
    };
    const INTERRUPTS: Option<&'static str> = Some("alarms' e-mails");

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let topic = Self {
            kms_key: "${kms-key/main.arn}".to_owned(),
            policy: policy(scope.stack),
            tags: scope.tags(Self::KIND, "alarms"),
        };
        vec![("alarms".to_owned(), topic)]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let sns = &reader.aws.sns;
        let arn = topic_arn(&reader.stack);
        let (topic, tags) = tokio::try_join!(
            async {
                let call = sns.get_topic_attributes().topic_arn(&arn);
                call.send()
                    .await
                    .during("GetTopicAttributes", &arn)
                    .unless(NOT_FOUND)
            },
            async {
                let call = sns.list_tags_for_resource().resource_arn(&arn);
                call.send()
                    .await
                    .during("ListTagsForResource", &arn)
                    .unless(NOT_FOUND)
            },
        )?;
        let Some(topic) = topic else {
            return Ok(Vec::new());
        };
        let mut fields = topic.attributes.unwrap_or_default();
        let tags = tags.and_then(|tags| tags.tags).unwrap_or_default();
        let tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
        let policy = fields.remove(POLICY).unwrap_or_default();
        Ok(vec![Found {
            name: "alarms".to_owned(),
            attributes: attributes([("id", &arn), ("arn", &arn)]),
            owned: reader.stack.owns(&tags),
            value: Self {
                kms_key: fields.remove(KEY).unwrap_or_default(),
                policy: parse(&policy),
                tags: reader.stack.relevant(tags),
            },
        }])
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let arn = cx
            .aws
            .sns
            .create_topic()
            .name(cx.stack.prefix())
            .attributes(KEY, &self.kms_key)
            .attributes(POLICY, self.policy.to_string())
            .set_tags(Some(self.sns_tags()?))
            .send()
            .await
            .during("CreateTopic", cx.id)?
            .topic_arn
            .unwrap_or_default();
        Ok(attributes([("id", &arn), ("arn", &arn)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let sns = &cx.aws.sns;
        let arn = found.aws_id();
        let policy = self.policy.to_string();
        for (field, name, value) in [("kms_key", KEY, &self.kms_key), ("policy", POLICY, &policy)] {
            if changed.iter().any(|changed| changed == field) {
                sns.set_topic_attributes()
                    .topic_arn(arn)
                    .attribute_name(name)
                    .attribute_value(value)
                    .send()
                    .await
                    .during("SetTopicAttributes", cx.id)?;
            }
        }
        if changed.iter().any(|field| field == "tags") {
            let call = sns.tag_resource().resource_arn(arn);
            let call = call.set_tags(Some(self.sns_tags()?));
            call.send().await.during("TagResource", cx.id)?;
        }
        Ok(found.attributes.clone())
    }

    /// Its subscriptions go with it.
    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx.aws.sns.delete_topic().topic_arn(found.aws_id());
        call.send()
            .await
            .during("DeleteTopic", cx.id)
            .unless(NOT_FOUND)?;
        Ok(())
    }
}

impl Topic {
    fn sns_tags(&self) -> Result<Vec<Tag>> {
        self.tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect::<Result<_, _>>()
            .map_err(|error| Error::failed("an SNS tag cannot be built").because(error))
    }
}

/// The account manages the topic; only its own alarms of this stack publish to it.
fn policy(stack: &Stack) -> Value {
    let arn = topic_arn(stack);
    document([
        json!({
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{}:iam::{}:root", stack.partition(), stack.account)},
            "Action": [
                "sns:AddPermission",
                "sns:DeleteTopic",
                "sns:GetTopicAttributes",
                "sns:ListSubscriptionsByTopic",
                "sns:Publish",
                "sns:RemovePermission",
                "sns:SetTopicAttributes",
                "sns:Subscribe",
            ],
            "Resource": arn,
        }),
        json!({
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {"aws:SourceArn": stack.arn("cloudwatch", &format!("alarm:{}-*", stack.prefix()))},
            },
        }),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_account_and_its_own_alarms_may_use_the_topic() {
        let stack = Stack {
            name: "chat".to_owned(),
            environment: "prod".to_owned(),
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
            tags: Tags::new(),
        };
        let policy = policy(&stack);
        assert_eq!(
            policy["Statement"][0]["Principal"]["AWS"],
            "arn:aws:iam::123456789012:root"
        );
        assert_eq!(
            policy["Statement"][1]["Condition"],
            json!({
                "StringEquals": {"aws:SourceAccount": "123456789012"},
                "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:chat-prod-*"},
            })
        );
    }
}
