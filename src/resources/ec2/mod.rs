//! The network: one VPC without a way to the internet, and who may talk to whom in it.

pub mod default_security_group;
mod endpoint_state;
pub mod route_table;
mod rule;
pub mod security_group;
pub mod security_group_rules;
pub mod subnet;
pub mod vpc;
pub mod vpc_endpoint;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use aws_sdk_ec2::types::{Filter, ResourceType, SecurityGroup, Tag, TagSpecification};

use crate::aws::patience::patiently;
use crate::aws::{During, Reader};
use crate::error::{Error, Result};
use crate::object::Id;
use crate::resources::Cx;
use crate::stack::{Stack, TAG_ENVIRONMENT, TAG_ID, TAG_STACK, Tags};

/// A set of ids: the keys of a map, since references have no order that outlives their being
/// replaced by ids.
pub type IdSet = BTreeMap<String, bool>;

fn id_set(ids: impl IntoIterator<Item = impl Into<String>>) -> IdSet {
    ids.into_iter().map(|id| (id.into(), true)).collect()
}

/// What `ids` has and `others` has not; EC2's calls take no empty list.
fn only_in(ids: &IdSet, others: &IdSet) -> Option<Vec<String>> {
    let ids: Vec<String> = ids
        .keys()
        .filter(|id| !others.contains_key(*id))
        .cloned()
        .collect();
    (!ids.is_empty()).then_some(ids)
}

/// Restricts a describe call to what carries the stack's tags.
fn owned_by(stack: &Stack) -> Vec<Filter> {
    [
        (TAG_STACK, stack.name.as_str()),
        (TAG_ENVIRONMENT, stack.environment.as_str()),
    ]
    .into_iter()
    .map(|(key, value)| filter(&format!("tag:{key}"), value))
    .collect()
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// Tags for a create call.
fn specification(kind: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(ec2_tags(tags)))
        .build()
}

/// EC2 shows `Name` in its lists, so every object gets one; it is for reading only, and whoever
/// changes it may.
fn ec2_tags(tags: &Tags) -> Vec<Tag> {
    let mut all = tags.clone();
    if let (Some(stack), Some(environment), Some(id)) = (
        tags.get(TAG_STACK),
        tags.get(TAG_ENVIRONMENT),
        tags.get(TAG_ID).and_then(|id| Id::parse(id)),
    ) {
        all.entry("Name".to_owned())
            .or_insert_with(|| format!("{stack}-{environment}-{}", id.name));
    }
    all.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// A described object's tags.
fn tags_of(tags: Option<&[Tag]>) -> Tags {
    tags.unwrap_or_default()
        .iter()
        .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default())))
        .collect()
}

/// The logical name of a described object, where it is this stack's and of this kind.
fn owned_name(stack: &Stack, tags: &Tags, kind: &str) -> Option<String> {
    stack
        .owned_id(tags)
        .filter(|id| id.kind == kind)
        .map(|id| id.name)
}

/// Brings an object's tags to what is wanted.
async fn tag(cx: &Cx<'_>, aws_id: &str, tags: &Tags) -> Result<()> {
    let call = cx
        .aws
        .ec2
        .create_tags()
        .resources(aws_id)
        .set_tags(Some(ec2_tags(tags)));
    settled(cx, || {
        let call = call.clone();
        async { call.send().await.during("CreateTags", cx.id) }
    })
    .await?;
    Ok(())
}

/// Tries again while parts of EC2 do not know yet what has just been made.
async fn settled<T, F>(cx: &Cx<'_>, attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(
        cx.events,
        cx.id,
        "new objects to be known everywhere",
        Duration::from_mins(2),
        |error| error.code().is_some_and(|code| code.ends_with(".NotFound")),
        attempt,
    )
    .await
}

/// How long Lambda's network interfaces may stay after the last function that used them: Lambda
/// removes them, and nobody else can.
const INTERFACES_LINGER: Duration = Duration::from_mins(25);

/// Deletes what others may still stand on for a while.
async fn released<T, F>(
    cx: &Cx<'_>,
    what: &str,
    limit: Duration,
    attempt: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let in_use = |error: &Error| {
        let code = error.code();
        code.is_some_and(|code| matches!(code, "DependencyViolation" | "InvalidGroup.InUse"))
    };
    let answer = patiently(cx.events, cx.id, what, limit, in_use, attempt).await;
    answer.map_err(|error| {
        if in_use(&error) {
            error
                .hint("something that is not this stack's may stand in there, such as a gateway or an instance: remove it")
                .hint("then run the same command again: it goes on from here")
        } else {
            error
        }
    })
}

/// All of the stack's security groups, of whichever kind.
async fn security_groups(reader: &Reader<'_>) -> Result<Vec<SecurityGroup>> {
    reader
        .aws
        .ec2
        .describe_security_groups()
        .set_filters(Some(owned_by(reader.stack)))
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("DescribeSecurityGroups", "the account")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_has_a_name_for_the_console() {
        let tags = Tags::from([
            (TAG_STACK.to_owned(), "chat".to_owned()),
            (TAG_ENVIRONMENT.to_owned(), "prod".to_owned()),
            (TAG_ID.to_owned(), "subnet/private-a".to_owned()),
        ]);
        let name = |tags: &Tags| tags_of(Some(&ec2_tags(tags))).get("Name").cloned();
        assert_eq!(name(&tags).as_deref(), Some("chat-prod-private-a"));
        let mut named = tags;
        named.insert("Name".to_owned(), "mine".to_owned());
        assert_eq!(name(&named).as_deref(), Some("mine"));
    }

    #[test]
    fn differences_of_sets_are_none_where_empty() {
        let (ab, b) = (id_set(["a", "b"]), id_set(["b"]));
        assert_eq!(only_in(&ab, &b), Some(vec!["a".to_owned()]));
        assert_eq!(only_in(&b, &ab), None);
    }
}
