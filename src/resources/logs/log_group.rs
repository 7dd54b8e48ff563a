//! A log group, under the stack's key.

use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    access_group, database_group, finding, flow_group, function_group, trail_group, waf_group,
};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::config::ExecutionLogs;
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::{Stack, Tags};

pub(super) const NOT_FOUND: &[&str] = &["ResourceNotFoundException"];
/// What API Gateway calls the group of an API's execution logs, before the API's id.
pub(super) const EXECUTION: &str = "API-Gateway-Execution-Logs_";

/// What AWS calls a group, in a stack.
type NameOf = fn(&Stack) -> String;

/// The groups whose names follow from the stack's, by logical name.
pub(super) const NAMED: [(&str, NameOf); 8] = [
    ("chatbot", |stack| function_group(stack, "chatbot")),
    ("migrator", |stack| function_group(stack, "migrator")),
    ("api-access", access_group),
    ("database-error", |stack| database_group(stack, "error")),
    ("database-slowquery", |stack| {
        database_group(stack, "slowquery")
    }),
    ("flow-logs", flow_group),
    ("trail", trail_group),
    ("waf", waf_group),
];

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
    const CALLS: Calls = Calls {
        find: &[
            allow(&["logs:DescribeLogGroups"], ALL),
            allow(&["logs:ListTagsForResource"], super::GROUPS),
        ],
        create: &[allow(
            &[
                "logs:CreateLogGroup",
                "logs:AssociateKmsKey",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
            ],
            super::GROUPS,
        )],
        update: &[allow(
            &[
                "logs:AssociateKmsKey",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
            ],
            super::GROUPS,
        )],
        delete: &[allow(&["logs:DeleteLogGroup"], super::GROUPS)],
    };

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let (config, stack) = (scope.config, scope.stack);
        let execution = format!("{EXECUTION}${{rest-api/main}}/{}", config.api.stage);
        let wanted = |name: &str| match name {
            "api-access" => config.api.access_logs,
            "api-execution" => config.api.execution_logs != ExecutionLogs::Off,
            "database-error" | "database-slowquery" => config.database.instance.is_none(),
            "flow-logs" => config.network.records_flows(),
            "trail" => config.audit.cloudtrail,
            "waf" => config.waf.enabled,
            _ => true,
        };
        let kept = |name: &str| match name {
            "flow-logs" | "trail" | "waf" => config.audit.retention_days,
            _ => config.function.log_retention_days,
        };
        let named = NAMED.map(|(name, group)| (name, group(stack)));
        named
            .into_iter()
            .chain([("api-execution", execution)])
            .filter(|(name, _)| wanted(name))
            .map(|(name, group)| {
                let value = Self {
                    name: group,
                    retention_days: Some(kept(name)),
                    kms_key: Some("${kms-key/main.arn}".to_owned()),
                    tags: scope.tags(Self::KIND, name),
                };
                (name.to_owned(), value)
            })
            .collect()
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        finding::find(reader).await
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "name" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    /// A group that a late write made since the account was read is taken as it is.
    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .logs
            .create_log_group()
            .log_group_name(&self.name)
            .set_kms_key_id(self.kms_key.clone())
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        let created = calmly(cx, || async {
            call.clone().send().await.during("CreateLogGroup", cx.id)
        })
        .await
        .unless(&["ResourceAlreadyExistsException"])?;
        let attributes = self.attributes(cx.stack);
        if created.is_none() {
            let arn = attributes.get("arn").map_or("", String::as_str);
            self.tag(cx, arn).await?;
            if self.has_other_key(cx).await? {
                self.encrypt(cx).await?;
            }
        }
        self.retain(cx).await?;
        Ok(attributes)
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let differs = |name: &str| changed.iter().any(|field| field == name);
        if differs("tags") {
            self.tag(cx, found.attribute("arn")).await?;
        }
        if differs("kms_key") {
            self.encrypt(cx).await?;
        }
        if differs("retention_days") {
            self.retain(cx).await?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx.aws.logs.delete_log_group();
        let call = call.log_group_name(found.aws_id());
        calmly(cx, || async {
            call.clone().send().await.during("DeleteLogGroup", cx.id)
        })
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

impl LogGroup {
    async fn tag(&self, cx: &Cx<'_>, arn: &str) -> Result<()> {
        cx.aws
            .logs
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(self.tags.clone().into_iter().collect()))
            .send()
            .await
            .during("TagResource", cx.id)?;
        Ok(())
    }

    async fn has_other_key(&self, cx: &Cx<'_>) -> Result<bool> {
        let call = cx.aws.logs.describe_log_groups();
        let answer = call
            .log_group_name_prefix(&self.name)
            .send()
            .await
            .during("DescribeLogGroups", cx.id)?;
        let mut groups = answer.log_groups().iter();
        let group = groups.find(|group| group.log_group_name() == Some(&self.name));
        Ok(group.is_none_or(|group| group.kms_key_id() != self.kms_key.as_deref()))
    }

    async fn encrypt(&self, cx: &Cx<'_>) -> Result<()> {
        let call = cx
            .aws
            .logs
            .associate_kms_key()
            .log_group_name(&self.name)
            .set_kms_key_id(self.kms_key.clone());
        calmly(cx, || async {
            call.clone().send().await.during("AssociateKmsKey", cx.id)
        })
        .await?;
        Ok(())
    }

    async fn retain(&self, cx: &Cx<'_>) -> Result<()> {
        let days = self
            .retention_days
            .and_then(|days| i32::try_from(days).ok());
        let call = cx
            .aws
            .logs
            .put_retention_policy()
            .log_group_name(&self.name)
            .set_retention_in_days(days);
        calmly(cx, || async {
            call.clone()
                .send()
                .await
                .during("PutRetentionPolicy", cx.id)
        })
        .await?;
        Ok(())
    }

    pub(super) fn attributes(&self, stack: &Stack) -> Attributes {
        let arn = stack.arn("logs", &format!("log-group:{}", self.name));
        attributes([("id", &self.name), ("arn", &arn)])
    }
}

async fn calmly<T, F>(cx: &Cx<'_>, attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let what = "CloudWatch Logs to take the key and to end other changes";
    let limit = Duration::from_mins(3);
    patiently(cx.events, cx.id, what, limit, time_heals, attempt).await
}

/// A new key's policy, or another change of the group, may need a moment.
fn time_heals(error: &Error) -> bool {
    let of_key = [
        (
            "AccessDeniedException",
            "kms key does not exist or is not allowed",
        ),
        ("InvalidParameterException", "kms key"),
    ];
    error.code() == Some("OperationAbortedException")
        || of_key.iter().any(|(code, text)| error.is(code, text))
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
        let functions = [
            "/aws/lambda/chat-prod-chatbot",
            "/aws/lambda/chat-prod-migrator",
        ];
        let api = [
            "/aws/apigateway/chat-prod-access",
            "API-Gateway-Execution-Logs_${rest-api/main}/prod",
        ];
        let others = [
            "/aws/rds/instance/chat-prod/error",
            "/aws/rds/instance/chat-prod/slowquery",
            "/aws/vpc/chat-prod-flow-logs",
            "/aws/cloudtrail/chat-prod-trail",
            "aws-waf-logs-chat-prod",
        ];
        let mut all = [&functions[..], &api, &others].concat();
        all.sort_unstable();
        let mut found = names("");
        found.sort_unstable();
        assert_eq!(found, all);
        let off = "[api]\naccess_logs = false\nexecution_logs = \"off\"\n[audit]\ncloudtrail = false\n\
                   [network]\nflow_logs = false\n[waf]\nenabled = false\n";
        let left = [&functions[..], &others[..2]].concat();
        assert_eq!(names(off), left);
        let theirs = "[database]\ninstance = \"shared\"\nadmin_secret = \"shared/admin\"";
        assert!(
            !names(theirs)
                .iter()
                .any(|name| name.starts_with("/aws/rds/"))
        );
    }
}
