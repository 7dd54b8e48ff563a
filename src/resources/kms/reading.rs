//! Reads the stack's key and its alias, both at once.

use aws_sdk_kms::types::KeyMetadata;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use super::key::POLICY;
use super::{NOT_FOUND, alias_name};
use crate::aws::{Aws, During, Optional, Reader};
use crate::error::Result;
use crate::resources::iam::policy;
use crate::stack::{Stack, Tags};

/// `ListResourceTags` is one of KMS's slowest calls: ten a second in an account.
const AT_ONCE: usize = 5;
/// What KMS says of a key that is another's, or of a kind that is never rotated.
const NOT_OURS: &[&str] = &[
    "AccessDeniedException",
    "NotFoundException",
    "UnsupportedOperationException",
];

/// What the alias leads to, and the keys that are the stack's.
pub struct Keys {
    /// The id of the key behind the alias, whoever's it is.
    pub(super) behind_alias: Option<String>,
    /// The stack's; where it has none, the one behind the alias.
    pub(super) held: Vec<Held>,
}

/// A key with all that is to know of it.
pub(super) struct Held {
    pub metadata: KeyMetadata,
    pub policy: Value,
    pub rotation: bool,
    pub tags: Tags,
}

impl Held {
    pub fn state(&self) -> &str {
        let state = self.metadata.key_state.as_ref();
        state.map_or("", |state| state.as_str())
    }

    /// Whether it is on its way out: good for nothing until that is taken back.
    pub fn is_going(&self) -> bool {
        self.state().starts_with("Pending")
    }
}

/// In most runs the alias leads to the only key of the stack. Where it does not, every key's tags
/// are read: a run may have ended between a key and its alias, and a key that is overlooked is a
/// database that cannot be read.
pub(super) async fn keys(reader: &Reader) -> Result<&Keys> {
    let (aws, stack) = (&reader.aws, &reader.stack);
    let read = || async {
        let Some(metadata) = describe(aws, &alias_name(stack)).await? else {
            let held = search(aws, stack).await?;
            return Ok(Keys {
                behind_alias: None,
                held,
            });
        };
        let behind_alias = Some(metadata.key_id.clone());
        let behind = with_details(aws, stack, metadata).await?;
        let mut held = Vec::new();
        if !stack.owns(&behind.tags) {
            held = search(aws, stack).await?;
        }
        if held.is_empty() {
            held.push(behind);
        }
        Ok(Keys { behind_alias, held })
    };
    reader.kms_keys.get_or_try_init(read).await
}

/// The keys that carry the stack's tags, going ones too.
pub(super) async fn search(aws: &Aws, stack: &Stack) -> Result<Vec<Held>> {
    let keys = aws
        .kms
        .list_keys()
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("ListKeys", "the account")?;
    stream::iter(keys.into_iter().filter_map(|key| key.key_id))
        .map(|id| async move {
            if !stack.owns(&tags(aws, &id).await?) {
                return Ok(None);
            }
            match describe(aws, &id).await? {
                Some(metadata) => with_details(aws, stack, metadata).await.map(Some),
                None => Ok(None),
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|key| async { Ok(key) })
        .try_collect()
        .await
}

async fn describe(aws: &Aws, id: &str) -> Result<Option<KeyMetadata>> {
    let call = aws.kms.describe_key().key_id(id);
    let answer = call.send().await.during("DescribeKey", id);
    Ok(answer
        .unless(NOT_FOUND)?
        .and_then(|answer| answer.key_metadata))
}

/// These three take the key's id alone, and no alias. What another's key does not tell, or has
/// not, is left empty.
async fn with_details(aws: &Aws, stack: &Stack, metadata: KeyMetadata) -> Result<Held> {
    let (kms, id) = (&aws.kms, &metadata.key_id);
    let policy = kms.get_key_policy().key_id(id).policy_name(POLICY);
    let rotation = kms.get_key_rotation_status().key_id(id);
    let (tags, policy, rotation) = tokio::join!(tags(aws, id), policy.send(), rotation.send());
    let tags = tags?;
    let hidden: &[&str] = if stack.owns(&tags) { &[] } else { NOT_OURS };
    let policy = policy.during("GetKeyPolicy", id).unless(hidden)?;
    let rotation = rotation.during("GetKeyRotationStatus", id).unless(hidden)?;
    let policy = policy.and_then(|answer| answer.policy);
    Ok(Held {
        policy: policy.map_or(Value::Null, |text| policy::parse(&text)),
        rotation: rotation.is_some_and(|answer| answer.key_rotation_enabled),
        metadata,
        tags,
    })
}

/// None for a key that shows them to others only, and so is not the stack's.
async fn tags(aws: &Aws, id: &str) -> Result<Tags> {
    let tags = aws
        .kms
        .list_resource_tags()
        .key_id(id)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("ListResourceTags", id)
        .unless(NOT_OURS)?;
    Ok(tags
        .unwrap_or_default()
        .into_iter()
        .map(|tag| (tag.tag_key, tag.tag_value))
        .collect())
}
