//! The stage: which deployment callers reach, how fast, and what is recorded of it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_apigateway::types::{self, Op, PatchOperation};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::reading::stages;
use super::{Limit, NOT_FOUND, arn, escaped, is_busy, patch, replace, sorted, stage_path, tag};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::config::ExecutionLogs;
use crate::error::Result;
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::{Stack, Tags};

/// The settings of all methods together.
const ALL: &str = "*/*";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    pub api: String,
    pub name: String,
    pub deployment: String,
    pub throttle: Limit,
    pub metrics: bool,
    pub execution_log: ExecutionLog,
    pub access_log: Option<AccessLog>,
    pub tracing: bool,
    /// Answers are one caller's own.
    pub cache: bool,
    /// Methods with settings of their own: none, or one could be logged or throttled otherwise.
    pub exceptions: Vec<String>,
    /// Another deployment that some of the requests go to: none.
    pub canary: Option<String>,
    /// No integration reads any.
    pub variables: BTreeMap<String, String>,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionLog {
    pub level: String,
    /// Would log whole bodies, and keys with them.
    pub data_trace: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessLog {
    pub destination: String,
    pub format: String,
}

impl Resource for Stage {
    const KIND: &'static str = "stage";
    const NEEDS: &'static [&'static str] = &["rest-api", "deployment", "log-group", "api-account"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["apigateway:GET"],
            &["apigateway:/restapis/*/stages"],
        )],
        create: &[
            allow(&["apigateway:POST"], &["apigateway:/restapis/*/stages"]).ours(),
            allow(&["apigateway:PATCH"], &["apigateway:/restapis/*/stages/*"]).ours(),
            super::TAG,
        ],
        update: &[
            allow(&["apigateway:PATCH"], &["apigateway:/restapis/*/stages/*"]).ours(),
            super::TAG,
        ],
        delete: &[allow(&["apigateway:DELETE"], &["apigateway:/restapis/*/stages/*"]).ours()],
    };
    const INTERRUPTS: Option<&'static str> = Some("every request");
    /// Under a new name it is made beside the old one.
    const SUPERSEDED: bool = true;

    /// The log group, or API Gateway makes one that keeps its entries for ever.
    fn after(_name: &str) -> Vec<Id> {
        vec![
            Id::new("api-account", "logging"),
            Id::new("log-group", "api-execution"),
        ]
    }

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let api = &scope.config.api;
        let access_log = api.access_logs.then(|| AccessLog {
            destination: "${log-group/api-access.arn}".to_owned(),
            format: access_log_format(),
        });
        vec![(
            "main".to_owned(),
            Self {
                api: "${rest-api/main}".to_owned(),
                name: api.stage.clone(),
                deployment: "${deployment/current}".to_owned(),
                throttle: api.throttle.into(),
                metrics: true,
                execution_log: ExecutionLog {
                    level: log_level(api.execution_logs).to_owned(),
                    data_trace: false,
                },
                access_log,
                tracing: scope.config.function.tracing,
                cache: false,
                exceptions: Vec::new(),
                canary: None,
                variables: BTreeMap::new(),
                tags: scope.tags(Self::KIND, "main"),
            },
        )]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let Some(api) = reader.rest_api().await? else {
            return Ok(Vec::new());
        };
        Ok(stages(reader, &api.id)
            .await?
            .into_iter()
            .map(|(name, stage)| {
                let stage = Self::read(&reader.stack, &api.id, stage.clone());
                Found::owned(name, stage.attributes(&reader.stack), stage)
            })
            .collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "api" | "name" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .apigateway
            .create_stage()
            .rest_api_id(&self.api)
            .stage_name(&self.name)
            .deployment_id(&self.deployment)
            .tracing_enabled(self.tracing)
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        let made = super::write(cx, || async {
            call.clone().send().await.during("CreateStage", cx.id)
        })
        .await
        .unless(&["ConflictException"])?;
        let mut fields = vec!["throttle", "metrics", "execution_log", "access_log"];
        if made.is_none() {
            // It was left by a creation whose answer was lost.
            tag(cx, &self.path(), &self.tags).await?;
            fields.extend(["deployment", "tracing", "cache"]);
        }
        self.change(
            cx,
            fields
                .into_iter()
                .flat_map(|field| self.patches(field, self))
                .collect(),
        )
        .await?;
        Ok(self.attributes(cx.stack))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        if changed.iter().any(|field| field == "tags") {
            tag(cx, &self.path(), &self.tags).await?;
        }
        let patches = changed
            .iter()
            .flat_map(|field| self.patches(field, &found.value));
        self.change(cx, patches.collect()).await?;
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .apigateway
            .delete_stage()
            .rest_api_id(&found.value.api)
            .stage_name(&found.value.name);
        super::write(cx, || async {
            call.clone().send().await.during("DeleteStage", cx.id)
        })
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}

impl Stage {
    fn read(stack: &Stack, api: &str, stage: types::Stage) -> Self {
        let mut settings = sorted(stage.method_settings);
        let all = settings.remove(ALL);
        let all = all.as_ref();
        Self {
            api: api.to_owned(),
            name: stage.stage_name.unwrap_or_default(),
            deployment: stage.deployment_id.unwrap_or_default(),
            throttle: Limit {
                rate: all.map_or(0.0, |all| all.throttling_rate_limit),
                burst: all.map_or(0, |all| all.throttling_burst_limit),
            },
            metrics: all.is_some_and(|all| all.metrics_enabled),
            execution_log: ExecutionLog {
                level: all
                    .and_then(|all| all.logging_level.clone())
                    .unwrap_or_else(|| "OFF".to_owned()),
                data_trace: all.is_some_and(|all| all.data_trace_enabled),
            },
            access_log: stage.access_log_settings.and_then(|log| {
                Some(AccessLog {
                    destination: log.destination_arn?.trim_end_matches(":*").to_owned(),
                    format: log.format.unwrap_or_default(),
                })
            }),
            tracing: stage.tracing_enabled,
            cache: stage.cache_cluster_enabled || all.is_some_and(|all| all.caching_enabled),
            exceptions: settings.into_keys().collect(),
            canary: stage
                .canary_settings
                .map(|canary| canary.deployment_id.unwrap_or_default()),
            variables: sorted(stage.variables),
            tags: stack.relevant(sorted(stage.tags)),
        }
    }

    fn path(&self) -> String {
        stage_path(&self.api, &self.name)
    }

    fn attributes(&self, stack: &Stack) -> Attributes {
        attributes([("id", &self.name), ("arn", &arn(stack, &self.path()))])
    }

    /// What brings one field from its found value to the wanted one.
    fn patches(&self, field: &str, found: &Self) -> Vec<PatchOperation> {
        match field {
            "deployment" => vec![replace("/deploymentId", &self.deployment)],
            "throttle" => vec![
                replace("/*/*/throttling/rateLimit", &self.throttle.rate),
                replace("/*/*/throttling/burstLimit", &self.throttle.burst),
            ],
            "metrics" => vec![replace("/*/*/metrics/enabled", &self.metrics)],
            "execution_log" => vec![
                replace("/*/*/logging/loglevel", &self.execution_log.level),
                replace("/*/*/logging/dataTrace", &self.execution_log.data_trace),
            ],
            "access_log" => match &self.access_log {
                Some(log) => vec![
                    replace("/accessLogSettings/destinationArn", &log.destination),
                    replace("/accessLogSettings/format", &log.format),
                ],
                None => vec![patch(Op::Remove, "/accessLogSettings", None)],
            },
            "tracing" => vec![replace("/tracingEnabled", &self.tracing)],
            "cache" => vec![
                replace("/cacheClusterEnabled", &self.cache),
                replace("/*/*/caching/enabled", &self.cache),
            ],
            "exceptions" => found
                .exceptions
                .iter()
                .map(|method| patch(Op::Remove, format!("/{}", pointer(method)), None))
                .collect(),
            "canary" => vec![patch(Op::Remove, "/canarySettings", None)],
            "variables" => found
                .variables
                .keys()
                .map(|name| patch(Op::Remove, format!("/variables/{}", escaped(name)), None))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Changes the stage, again while the account's log role is not known to be set everywhere.
    async fn change(&self, cx: &Cx<'_>, patches: Vec<PatchOperation>) -> Result<()> {
        if patches.is_empty() {
            return Ok(());
        }
        let call = cx
            .aws
            .apigateway
            .update_stage()
            .rest_api_id(&self.api)
            .stage_name(&self.name)
            .set_patch_operations(Some(patches));
        patiently(
            cx.events,
            cx.id,
            "API Gateway to see the account's log role",
            Duration::from_mins(10),
            |error| {
                is_busy(error)
                    || error.is(
                        "BadRequestException",
                        "CloudWatch Logs role ARN must be set",
                    )
            },
            || async { call.clone().send().await.during("UpdateStage", cx.id) },
        )
        .await?;
        Ok(())
    }
}

/// A method's settings, `path/VERB`, as a pointer: the slash before the verb divides, others not.
fn pointer(method: &str) -> String {
    match method.rsplit_once('/') {
        Some((path, verb)) => format!("{}/{verb}", path.replace('/', "~1")),
        None => method.to_owned(),
    }
}

fn log_level(logs: ExecutionLogs) -> &'static str {
    match logs {
        ExecutionLogs::Off => "OFF",
        ExecutionLogs::Error => "ERROR",
        ExecutionLogs::Info => "INFO",
    }
}

/// One JSON object for each request. Of the key, only its id: never its value.
fn access_log_format() -> String {
    json!({
        "request_id": "$context.requestId",
        "time": "$context.requestTime",
        "ip": "$context.identity.sourceIp",
        "method": "$context.httpMethod",
        "path": "$context.path",
        "protocol": "$context.protocol",
        "tls": "$context.tlsVersion",
        "status": "$context.status",
        "response_length": "$context.responseLength",
        "latency_ms": "$context.responseLatency",
        "integration_status": "$context.integration.status",
        "integration_latency_ms": "$context.integration.latency",
        "integration_error": "$context.integration.error",
        "error": "$context.error.message",
        "error_type": "$context.error.responseType",
        "api_key_id": "$context.identity.apiKeyId",
        "user_agent": "$context.identity.userAgent",
        "waf_status": "$context.waf.status",
        "waf_response": "$context.wafResponseCode",
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_access_log_is_one_line_with_the_request_id_and_no_key() {
        let format = access_log_format();
        assert!(format.contains("$context.requestId"), "{format}");
        assert!(!format.contains('\n'));
        assert!(!format.contains("identity.apiKey\""), "{format}");
    }

    #[test]
    fn method_settings_are_removed_by_an_escaped_path() {
        assert_eq!(pointer("chatbot/POST"), "chatbot/POST");
        assert_eq!(pointer("a/b/GET"), "a~1b/GET");
        assert_eq!(pointer("~1a/GET"), "~1a/GET");
    }
}
