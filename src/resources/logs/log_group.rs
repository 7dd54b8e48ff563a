//! A log group, under the stack's key.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::LogGroup as DescribedGroup;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::config::ExecutionLogs;
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::{Stack, Tags};

const NOT_FOUND: &[&str] = &["ResourceNotFoundException"];
/// What API Gateway calls the group of an API's execution logs, before the API's id.
const EXECUTION: &str = "API-Gateway-Execution-Logs_";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogGroup {
    pub name: String,
    pub retention_days: Option<u32>,
    pub kms_key: Option<String>,
    pub tags: Tags,
}

impl Resource for LogGroup {
    const KIND: &'static str = "log-group";
    const NEEDS: &'static [&'static str] = &["kms-key", "rest-api"];

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let (api, stack) = (&scope.config.api, scope.stack);
        let execution = format!("{EXECUTION}${{rest-api/main}}/{}", api.stage);
        [
            ("chatbot", function_group(stack, "chatbot"), true),
            ("migrator", function_group(stack, "migrator"), true),
            ("api-access", access_group(stack), api.access_logs),
            (
                "api-execution",
                execution,
                api.execution_logs != ExecutionLogs::Off,
            ),
        ]
        .into_iter()
        .filter(|(_, _, on)| *on)
        .map(|(name, group, _)| {
            let value = Self {
                name: group,
                retention_days: Some(scope.config.function.log_retention_days),
                kms_key: Some("${kms-key/main.arn}".to_owned()),
                tags: scope.tags(Self::KIND, name),
            };
            (name.to_owned(), value)
        })
        .collect()
    }

    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let stack = reader.stack;
        let (functions, access, execution) = tokio::try_join!(
            list(reader, function_group(stack, "")),
            list(reader, access_group(stack)),
            execution_groups(reader)
        )?;
        let groups = functions.into_iter().chain(access).chain(execution);
        let mut found: Vec<_> = try_join_all(groups.map(|group| read(reader, group)))
            .await?
            .into_iter()
            .flatten()
            .collect();
        only_one_for_execution(&mut found);
        Ok(found)
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "name" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .logs
            .create_log_group()
            .log_group_name(&self.name)
            .set_kms_key_id(self.kms_key.clone())
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        patiently(
            cx.events,
            cx.id,
            "CloudWatch Logs to take the key",
            Duration::from_secs(180),
            time_heals,
            || async { call.clone().send().await.during("CreateLogGroup", cx.id) },
        )
        .await?;
        self.retain(cx).await?;
        Ok(self.attributes(cx.stack))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let differs = |name: &str| changed.iter().any(|field| field == name);
        if differs("retention_days") {
            self.retain(cx).await?;
        }
        if differs("kms_key") {
            let call = cx
                .aws
                .logs
                .associate_kms_key()
                .log_group_name(&self.name)
                .set_kms_key_id(self.kms_key.clone());
            patiently(
                cx.events,
                cx.id,
                "CloudWatch Logs to take the key",
                Duration::from_secs(180),
                time_heals,
                || async { call.clone().send().await.during("AssociateKmsKey", cx.id) },
            )
            .await?;
        }
        if differs("tags") {
            cx.aws
                .logs
                .tag_resource()
                .resource_arn(found.attribute("arn"))
                .set_tags(Some(self.tags.clone().into_iter().collect()))
                .send()
                .await
                .during("TagResource", cx.id)?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx.aws.logs.delete_log_group();
        let call = call.log_group_name(found.aws_id());
        patiently(
            cx.events,
            cx.id,
            "another change of the group to end",
            Duration::from_secs(120),
            |error| error.code() == Some("OperationAbortedException"),
            || async { call.clone().send().await.during("DeleteLogGroup", cx.id) },
        )
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

impl LogGroup {
    async fn retain(&self, cx: &Cx<'_>) -> Result<()> {
        let days = self.retention_days.and_then(|days| i32::try_from(days).ok());
        cx.aws
            .logs
            .put_retention_policy()
            .log_group_name(&self.name)
            .set_retention_in_days(days)
            .send()
            .await
            .during("PutRetentionPolicy", cx.id)?;
        Ok(())
    }

    fn attributes(&self, stack: &Stack) -> Attributes {
        let arn = stack.arn("logs", &format!("log-group:{}", self.name));
        attributes([("id", &self.name), ("arn", &arn)])
    }
}

fn function_group(stack: &Stack, function: &str) -> String {
    format!("/aws/lambda/{}", stack.name(function))
}

fn access_group(stack: &Stack) -> String {
    format!("/aws/apigateway/{}", stack.name("access"))
}

/// A new key's policy, or another change of the group, may need a moment.
fn time_heals(error: &Error) -> bool {
    error.code() == Some("OperationAbortedException")
        || error.is("InvalidParameterException", "kms")
        || error.is("InvalidParameterException", "key")
}

async fn list(reader: &Reader<'_>, prefix: String) -> Result<Vec<DescribedGroup>> {
    reader
        .aws
        .logs
        .describe_log_groups()
        .log_group_name_prefix(&prefix)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("DescribeLogGroups", prefix)
}

/// The groups of the stack's API. Where that is gone, one that it left behind is among those
/// under a key, which API Gateway does not use of itself.
async fn execution_groups(reader: &Reader<'_>) -> Result<Vec<DescribedGroup>> {
    match reader.rest_api().await? {
        Some(api) => list(reader, format!("{EXECUTION}{}/", api.id)).await,
        None => {
            let mut groups = list(reader, EXECUTION.to_owned()).await?;
            groups.retain(|group| group.kms_key_id.is_some());
            Ok(groups)
        }
    }
}

async fn read(reader: &Reader<'_>, group: DescribedGroup) -> Result<Option<Found<LogGroup>>> {
    let stack = reader.stack;
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

/// What a group without our tags is to us. One that API Gateway made for our API is ours, since
/// nobody else can have a use for it.
async fn unowned(reader: &Reader<'_>, name: &str) -> Result<Option<(String, bool)>> {
    let stack = reader.stack;
    for function in ["chatbot", "migrator"] {
        if name == function_group(stack, function) {
            return Ok(Some((function.to_owned(), false)));
        }
    }
    if name == access_group(stack) {
        return Ok(Some(("api-access".to_owned(), false)));
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
    use crate::resources::sample;

    fn names(toml: &str) -> Vec<String> {
        let wanted = sample::wanted::<LogGroup>(toml, &[]);
        wanted.into_iter().map(|(_, group)| group.name).collect()
    }

    #[test]
    fn the_api_has_groups_for_the_logs_that_it_writes() {
        let functions = ["/aws/lambda/chat-prod-chatbot", "/aws/lambda/chat-prod-migrator"];
        assert_eq!(names("")[..2], functions);
        assert_eq!(
            names("")[2..],
            [
                "/aws/apigateway/chat-prod-access",
                "API-Gateway-Execution-Logs_${rest-api/main}/prod"
            ]
        );
        assert_eq!(
            names("[api]\naccess_logs = false\nexecution_logs = \"off\""),
            functions
        );
    }

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
