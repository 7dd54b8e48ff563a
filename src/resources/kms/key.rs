//! One symmetric key for the whole stack, in its region only, rotated by AWS.

use std::future::Future;
use std::time::Duration;

use aws_sdk_kms::types::{KeyMetadata, Tag};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key_policy::key_policy;
use super::reading::{Held, keys, search};
use super::{NOT_FOUND, settles};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, Grant, allow};
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::Tags;

/// The only name that a key's policy can have.
pub(super) const POLICY: &str = "default";
/// As long as KMS allows: what is encrypted under a deleted key is lost.
const DAYS_TO_RECONSIDER: i32 = 30;

const ENABLED: &str = "Enabled";
const PENDING_DELETION: &str = "PendingDeletion";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// KMS's word: `Enabled`, `Disabled`, or `PendingDeletion` where somebody is about to lose
    /// all that the stack has stored.
    pub state: String,
    pub rotation: bool,
    pub policy: Value,
    pub tags: Tags,
}

/// On any key: the tags of a new one may take minutes to count.
const ROTATE: Grant = allow(&["kms:EnableKeyRotation"], &["kms:key/*"]);

impl Resource for Key {
    const KIND: &'static str = "kms-key";
    const NEEDS: &'static [&'static str] = &[];
    const CALLS: Calls = Calls {
        find: &[
            allow(&["kms:ListKeys"], ALL),
            allow(
                &[
                    "kms:DescribeKey",
                    "kms:GetKeyPolicy",
                    "kms:GetKeyRotationStatus",
                    "kms:ListResourceTags",
                ],
                &["kms:key/*"],
            ),
        ],
        create: &[
            allow(&["kms:CreateKey"], ALL).tagged(),
            allow(&["kms:TagResource"], &["kms:key/*"]).tagged(),
            ROTATE,
            allow(
                &[
                    "kms:CancelKeyDeletion",
                    "kms:EnableKey",
                    "kms:PutKeyPolicy",
                    "kms:TagResource",
                ],
                &["kms:key/*"],
            )
            .ours(),
        ],
        update: &[
            ROTATE,
            allow(
                &[
                    "kms:CancelKeyDeletion",
                    "kms:EnableKey",
                    "kms:PutKeyPolicy",
                    "kms:TagResource",
                ],
                &["kms:key/*"],
            )
            .ours(),
        ],
        delete: &[allow(&["kms:ScheduleKeyDeletion"], &["kms:key/*"]).ours()],
    };
    const DATA: bool = true;
    const INTERRUPTS: Option<&'static str> = Some("every request");

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        vec![(
            "main".to_owned(),
            Self {
                state: ENABLED.to_owned(),
                rotation: true,
                policy: key_policy(scope),
                tags: scope.tags(Self::KIND, "main"),
            },
        )]
    }

    /// `down` takes the alias first. So a key that waits for its deletion with no alias left is
    /// gone, until [`Self::create`] takes it back; with an alias it is somebody else's deed.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let keys = keys(reader).await?;
        let in_use = keys.behind_alias.is_some();
        let held = keys.held.iter().filter(|key| in_use || !key.is_going());
        Ok(held.filter_map(|key| found(reader, key)).collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        if let Some(key) = left_behind(cx).await? {
            let attributes = attributes_of(&key.metadata);
            let id = &key.metadata.key_id;
            if key.is_going() {
                cx.events.note(format!(
                    "{}: key {id} was to be deleted, and is taken back",
                    cx.id
                ));
            }
            self.enable(cx, id, key.state()).await?;
            self.put_policy(cx, id).await?;
            self.tag(cx, id).await?;
            self.rotate(cx, id).await?;
            return Ok(attributes);
        }
        let answer = cx
            .aws
            .kms
            .create_key()
            .description(format!("Everything at rest of {}", cx.stack.prefix()))
            .policy(self.policy.to_string())
            .set_tags(Some(kms_tags(&self.tags)))
            .send()
            .await
            .during("CreateKey", cx.id)?;
        let metadata = answer.key_metadata.as_ref();
        let attributes = metadata.map(attributes_of).unwrap_or_default();
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
        if differs("state") {
            self.enable(cx, id, &found.value.state).await?;
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
    /// From `state`; a deletion that has not happened yet is undone.
    async fn enable(&self, cx: &Cx<'_>, id: &str, state: &str) -> Result<()> {
        if state == PENDING_DELETION {
            let call = cx.aws.kms.cancel_key_deletion().key_id(id);
            call.send().await.during("CancelKeyDeletion", cx.id)?;
        }
        let call = cx.aws.kms.enable_key().key_id(id);
        settled(cx, || async {
            call.clone().send().await.during("EnableKey", cx.id)
        })
        .await?;
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
        settled(cx, || async {
            call.clone().send().await.during("EnableKeyRotation", cx.id)
        })
        .await?;
        Ok(())
    }
}

async fn settled<T, F>(cx: &Cx<'_>, attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let (what, limit) = ("the key to be known everywhere", Duration::from_mins(2));
    patiently(cx.events, cx.id, what, limit, settles, attempt).await
}

/// The key with this logical id that the account was found without: a run that ended before its
/// answer made it, or it waits for its deletion. Of several the youngest that does not.
async fn left_behind(cx: &Cx<'_>) -> Result<Option<Held>> {
    let keys = search(cx.aws, cx.stack).await?;
    Ok(keys
        .into_iter()
        .filter(|key| cx.stack.owned_id(&key.tags).as_ref() == Some(cx.id))
        .max_by_key(|key| (!key.is_going(), key.metadata.creation_date)))
}

/// A key has no name but its alias, so whatever is behind ours would be the stack's key.
fn found(reader: &Reader, key: &Held) -> Option<Found<Key>> {
    let owned = reader.stack.owns(&key.tags);
    let name = match reader.stack.owned_id(&key.tags) {
        Some(id) if id.kind == Key::KIND => id.name,
        None if !owned => "main".to_owned(),
        _ => return None,
    };
    Some(Found {
        name,
        attributes: attributes_of(&key.metadata),
        owned,
        value: Key {
            state: key.state().to_owned(),
            rotation: key.rotation,
            policy: key.policy.clone(),
            tags: reader.stack.relevant(key.tags.clone()),
        },
    })
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
