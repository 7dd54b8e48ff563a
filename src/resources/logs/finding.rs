//! Finds log groups: by the names that they have, since that is what they are listed by.

use aws_sdk_cloudwatchlogs::operation::describe_log_groups::builders::DescribeLogGroupsFluentBuilder;
use aws_sdk_cloudwatchlogs::types::LogGroup as DescribedGroup;
use futures::future::try_join_all;

use super::function_group;
use super::log_group::{EXECUTION, LogGroup, NAMED, NOT_FOUND};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::resources::{Found, Resource};
use crate::stack::{Stack, Tags};

/// The stack's groups, and others' that have the names of ours.
pub async fn find(reader: &Reader) -> Result<Vec<Found<LogGroup>>> {
    let (named, execution) = tokio::try_join!(named_groups(reader), execution_groups(reader))?;
    let groups = named.into_iter().chain(execution);
    let mut found: Vec<_> = try_join_all(groups.map(|group| read(reader, group)))
        .await?
        .into_iter()
        .flatten()
        .collect();
    only_one_for_execution(&mut found);
    Ok(found)
}

/// Every group that a call asks for, by a part of the name.
async fn listed(call: DescribeLogGroupsFluentBuilder, part: String) -> Result<Vec<DescribedGroup>> {
    let groups = call.into_paginator().items().send();
    let groups = groups.collect::<Result<Vec<_>, _>>().await;
    groups.during("DescribeLogGroups", part)
}

async fn with_prefix(reader: &Reader, prefix: String) -> Result<Vec<DescribedGroup>> {
    let call = reader.aws.logs.describe_log_groups();
    listed(call.log_group_name_prefix(&prefix), prefix).await
}

/// The groups that have the stack's name in theirs. Asked once.
async fn with_our_name(reader: &Reader) -> Result<&[DescribedGroup]> {
    let read = || async {
        let pattern = reader.stack.prefix();
        let call = reader.aws.logs.describe_log_groups();
        listed(call.log_group_name_pattern(&pattern), pattern).await
    };
    let groups = reader.log_groups.get_or_try_init(read).await?;
    Ok(groups)
}

/// Whether there is a group of this name, which has the stack's name in it.
pub async fn is_listed(reader: &Reader, name: &str) -> Result<bool> {
    let groups = with_our_name(reader).await?;
    Ok(groups
        .iter()
        .any(|group| group.log_group_name.as_deref() == Some(name)))
}

/// The groups whose names follow from the stack's, by the part that they share.
async fn named_groups(reader: &Reader) -> Result<Vec<DescribedGroup>> {
    let stack = &reader.stack;
    let functions = function_group(stack, "");
    let named = with_our_name(reader).await?.iter().filter(|group| {
        let name = group.log_group_name.as_deref().unwrap_or_default();
        name.starts_with(&functions) || logical(stack, name).is_some()
    });
    Ok(named.cloned().collect())
}

/// The groups of the stack's API. Where that is gone, one that it left behind is among those
/// under a key, which API Gateway does not use of itself.
async fn execution_groups(reader: &Reader) -> Result<Vec<DescribedGroup>> {
    if let Some(api) = reader.rest_api().await? {
        return with_prefix(reader, format!("{EXECUTION}{}/", api.id)).await;
    }
    let mut groups = with_prefix(reader, EXECUTION.to_owned()).await?;
    groups.retain(|group| group.kms_key_id.is_some());
    Ok(groups)
}

async fn read(reader: &Reader, group: DescribedGroup) -> Result<Option<Found<LogGroup>>> {
    let stack = &reader.stack;
    let name = group.log_group_name.unwrap_or_default();
    let arn = group.arn.unwrap_or_default();
    let call = reader.aws.logs.list_tags_for_resource();
    let answer = call
        .resource_arn(arn.trim_end_matches(":*"))
        .send()
        .await
        .during("ListTagsForResource", &name)
        .unless(NOT_FOUND)?;
    let Some(answer) = answer else {
        return Ok(None);
    };
    let tags: Tags = answer.tags.unwrap_or_default().into_iter().collect();
    let owned = stack.owned_id(&tags).filter(|id| id.kind == LogGroup::KIND);
    let (logical, owned) = match owned {
        Some(id) => (id.name, true),
        None => match unowned(reader, &name).await? {
            Some(found) => found,
            None => return Ok(None),
        },
    };
    let value = LogGroup {
        name,
        retention_days: group
            .retention_in_days
            .and_then(|days| u32::try_from(days).ok()),
        kms_key: group.kms_key_id,
        tags: stack.relevant(tags),
    };
    Ok(Some(Found {
        name: logical,
        attributes: value.attributes(stack),
        value,
        owned,
    }))
}

/// The logical name of the group that has this name.
fn logical(stack: &Stack, name: &str) -> Option<&'static str> {
    let mut named = NAMED.iter();
    let found = named.find(|(_, group)| group(stack) == name);
    found.map(|(logical, _)| *logical)
}

/// What a group without our tags is to us. One that API Gateway made for our API is ours, since
/// nobody else can have a use for it.
async fn unowned(reader: &Reader, name: &str) -> Result<Option<(String, bool)>> {
    if let Some(logical) = logical(&reader.stack, name) {
        return Ok(Some((logical.to_owned(), false)));
    }
    let api = reader.rest_api().await?;
    let of_api = api.is_some_and(|api| name.starts_with(&format!("{EXECUTION}{}/", api.id)));
    Ok(of_api.then(|| ("api-execution".to_owned(), true)))
}

/// API Gateway makes a group for every stage that ever logged. The one with our tags counts, else
/// the first; the others are found under names of their own, which nobody wants.
fn only_one_for_execution(found: &mut [Found<LogGroup>]) {
    found.sort_by_key(|group| group.value.tags.is_empty());
    let others = found
        .iter_mut()
        .filter(|group| group.name == "api-execution")
        .skip(1);
    for group in others {
        let stage = group.value.name.rsplit('/').next().unwrap_or_default();
        group.name = format!("api-execution-{stage}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Attributes;

    #[test]
    fn an_old_stages_group_is_not_the_wanted_one() {
        let group = |name: &str, tagged: bool| {
            let value = LogGroup {
                name: name.to_owned(),
                retention_days: None,
                kms_key: None,
                tags: if tagged {
                    Tags::from([("wmctl:stack".to_owned(), "chat".to_owned())])
                } else {
                    Tags::new()
                },
            };
            Found::owned("api-execution", Attributes::new(), value)
        };
        let mut found = [group("X_1/old", false), group("X_1/prod", true)];
        only_one_for_execution(&mut found);
        let names: Vec<_> = found.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["api-execution", "api-execution-old"]);
    }
}
