//! The key that everything at rest is encrypted under.

pub mod alias;
pub mod key;
mod key_policy;

use aws_sdk_kms::types::KeyMetadata;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::aws::{Aws, During, Optional};
use crate::error::Result;
use crate::stack::{Stack, Tags};

const NOT_FOUND: &[&str] = &["NotFoundException"];

/// `ListResourceTags` is one of KMS's slowest calls: ten a second in an account.
const AT_ONCE: usize = 5;

/// A key that carries the stack's tags.
struct Held {
    metadata: KeyMetadata,
    tags: Tags,
}

impl Held {
    /// Whether it is on its way out: good for nothing until that is taken back.
    fn is_going(&self) -> bool {
        let state = self.metadata.key_state.as_ref();
        state.is_some_and(|state| state.as_str().starts_with("Pending"))
    }
}

fn alias_name(stack: &Stack) -> String {
    format!("alias/{}", stack.prefix())
}

/// The stack's keys, going ones too. In most runs the alias leads to the only one. Where it does
/// not, every key's tags are read: a run may have ended between a key and its alias, and a key
/// that is overlooked is a database that cannot be read.
async fn held(aws: &Aws, stack: &Stack) -> Result<Vec<Held>> {
    let behind_alias = behind_alias(aws, stack).await?;
    match behind_alias.filter(|key| stack.owns(&key.tags) && !key.is_going()) {
        Some(key) => Ok(vec![key]),
        None => search(aws, stack).await,
    }
}

/// The key that the stack's alias leads to, whoever's it is.
async fn behind_alias(aws: &Aws, stack: &Stack) -> Result<Option<Held>> {
    let Some(metadata) = describe(aws, &alias_name(stack)).await? else {
        return Ok(None);
    };
    let tags = tags(aws, &metadata.key_id).await?.unwrap_or_default();
    Ok(Some(Held { metadata, tags }))
}

async fn search(aws: &Aws, stack: &Stack) -> Result<Vec<Held>> {
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
            let Some(tags) = tags(aws, &id).await?.filter(|tags| stack.owns(tags)) else {
                return Ok(None);
            };
            let metadata = describe(aws, &id).await?;
            Ok(metadata.map(|metadata| Held { metadata, tags }))
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

/// `None` for a key that shows its tags to others only, and so is not the stack's.
async fn tags(aws: &Aws, id: &str) -> Result<Option<Tags>> {
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
        .unless(&["NotFoundException", "AccessDeniedException"])?;
    Ok(tags.map(|tags| {
        tags.into_iter()
            .map(|tag| (tag.tag_key, tag.tag_value))
            .collect()
    }))
}
