//! One symmetric key for the whole stack, in its region only, rotated by AWS.

use std::time::Duration;

use aws_sdk_kms::types::{KeyMetadata, Tag};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key_policy::key_policy;
use super::{Held, NOT_FOUND, held};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::resources::iam::policy;
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::Tags;

/// The only name that a key's policy can have.
const POLICY: &str = "default";
/// As long as KMS allows: what is encrypted under a deleted key is lost.
const DAYS_TO_RECONSIDER: i32 = 30;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub enabled: bool,
    pub rotation: bool,
    pub policy: Value,
    pub tags: Tags,
}

impl Resource for Key {
    const KIND: &'static str = "kms-key";
    const NEEDS: &'static [&'static str] = &[];

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        vec![(
            "main".to_owned(),
            Self {
                enabled: true,
                rotation: true,
                policy: key_policy(scope.stack),
                tags: scope.tags(Self::KIND, "main"),
            },
        )]
    }

    /// A key that waits for its deletion counts as gone; [`Self::create`] takes it back.
    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let keys = held(reader.aws, reader.stack).await?;
        let keys = keys.into_iter().filter(|key| !key.is_going());
        let found = try_join_all(keys.map(|key| read(reader, key))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let metadata = match condemned(cx).await? {
            Some(metadata) => {
                self.take_back(cx, &metadata.key_id).await?;
                Some(metadata)
            }
            None => {
                cx.aws
                    .kms
                    .create_key()
                    .description(format!("Everything at rest of {}", cx.stack.prefix()))
                    .policy(self.policy.to_string())
                    .set_tags(Some(kms_tags(&self.tags)))
                    .send()
                    .await
                    .during("CreateKey", cx.id)?
                    .key_metadata
            }
        };
        let attributes = metadata.as_ref().map(attributes_of).unwrap_or_default();
        let id = attributes.get("id").map_or("", String::as_str);
        self.rotate(cx, id).await?;
        Ok(attributes)
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let (id, differs) = (found.aws_id(), |name: &str| {
            changed.iter().any(|field| field == name)
        });
        if differs("enabled") {
            self.enable(cx, id).await?;
        }
        if differs("policy") {
            self.put_policy(cx, id).await?;
        }
        if differs("tags") {
            self.tag(cx, id).await?;
        }
        if differs("rotation") {
            self.rotate(cx, id).await?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let answer = cx
            .aws
            .kms
            .schedule_key_deletion()
            .key_id(found.aws_id())
            .pending_window_in_days(DAYS_TO_RECONSIDER)
            .send()
            .await
            .during("ScheduleKeyDeletion", cx.id);
        match answer {
            Err(error) if error.is("KMSInvalidStateException", "pending deletion") => Ok(()),
            other => other.unless(NOT_FOUND).map(drop),
        }
    }
}

impl Key {
    /// Undoes a deletion that has not happened yet, and brings the key to what is wanted now.
    async fn take_back(&self, cx: &Cx<'_>, id: &str) -> Result<()> {
        cx.events.note(format!(
            "{}: key {id} was to be deleted, and is taken back",
            cx.id
        ));
        let call = cx.aws.kms.cancel_key_deletion().key_id(id);
        call.send().await.during("CancelKeyDeletion", cx.id)?;
        self.enable(cx, id).await?;
        self.put_policy(cx, id).await?;
        self.tag(cx, id).await
    }

    async fn enable(&self, cx: &Cx<'_>, id: &str) -> Result<()> {
        let call = cx.aws.kms.enable_key().key_id(id);
        call.send().await.during("EnableKey", cx.id)?;
        Ok(())
    }

    async fn put_policy(&self, cx: &Cx<'_>, id: &str) -> Result<()> {
        cx.aws
            .kms
            .put_key_policy()
            .key_id(id)
            .policy_name(POLICY)
            .policy(self.policy.to_string())
            .send()
            .await
            .during("PutKeyPolicy", cx.id)?;
        Ok(())
    }

    async fn tag(&self, cx: &Cx<'_>, id: &str) -> Result<()> {
        let call = cx.aws.kms.tag_resource().key_id(id);
        call.set_tags(Some(kms_tags(&self.tags)))
            .send()
            .await
            .during("TagResource", cx.id)?;
        Ok(())
    }

    async fn rotate(&self, cx: &Cx<'_>, id: &str) -> Result<()> {
        let call = cx.aws.kms.enable_key_rotation().key_id(id);
        patiently(
            cx.events,
            cx.id,
            "the key to be known everywhere",
            Duration::from_mins(2),
            |error| {
                // A key that was just enabled may be taken for a disabled one for a moment.
                matches!(
                    error.code(),
                    Some("NotFoundException" | "DisabledException")
                )
            },
            || async { call.clone().send().await.during("EnableKeyRotation", cx.id) },
        )
        .await?;
        Ok(())
    }
}

/// The key with this logical id that waits for its deletion; of several the youngest.
async fn condemned(cx: &Cx<'_>) -> Result<Option<KeyMetadata>> {
    let keys = held(cx.aws, cx.stack).await?;
    Ok(keys
        .into_iter()
        .filter(|key| key.is_going() && cx.stack.owned_id(&key.tags).as_ref() == Some(cx.id))
        .map(|key| key.metadata)
        .max_by_key(|metadata| metadata.creation_date))
}

async fn read(reader: &Reader<'_>, key: Held) -> Result<Option<Found<Key>>> {
    let Some(name) = reader
        .stack
        .owned_id(&key.tags)
        .filter(|id| id.kind == Key::KIND)
        .map(|id| id.name)
    else {
        return Ok(None);
    };
    let (kms, id) = (&reader.aws.kms, &key.metadata.key_id);
    let (policy, rotation) = tokio::try_join!(
        async {
            let call = kms.get_key_policy().key_id(id).policy_name(POLICY);
            call.send().await.during("GetKeyPolicy", id)
        },
        async {
            let call = kms.get_key_rotation_status().key_id(id);
            call.send().await.during("GetKeyRotationStatus", id)
        }
    )?;
    Ok(Some(Found::owned(
        name,
        attributes_of(&key.metadata),
        Key {
            enabled: key.metadata.enabled,
            rotation: rotation.key_rotation_enabled,
            policy: policy::parse(policy.policy.as_deref().unwrap_or_default()),
            tags: reader.stack.relevant(key.tags),
        },
    )))
}

fn attributes_of(metadata: &KeyMetadata) -> Attributes {
    let arn = metadata.arn.as_deref().unwrap_or_default();
    attributes([("id", &metadata.key_id), ("arn", arn)])
}

fn kms_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .filter_map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build().ok())
        .collect()
}
