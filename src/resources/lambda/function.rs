//! A function: its code and settings as the next version will have them.

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture as LambdaArchitecture, Environment, FunctionCode, LoggingConfig, Runtime,
    TracingConfig, TracingMode, VpcConfig,
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::finding::read;
use super::{FUNCTIONS, NOT_FOUND, ready, settled};
use crate::artifact::Artifact;
use crate::aws::{During, Optional, Reader};
use crate::config::{Architecture, Config};
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::{TAG_ID, Tags};

/// Migrations run one at a time, and for as long as Lambda allows.
const MIGRATOR_CONCURRENCY: u32 = 1;
const MIGRATOR_TIMEOUT_S: u32 = 900;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    pub name: String,
    /// Base64 of the zip's SHA-256, as Lambda has it.
    pub code_sha256: String,
    pub architecture: Architecture,
    pub runtime: String,
    pub handler: String,
    pub role: String,
    pub memory_mb: u32,
    pub timeout_s: u32,
    /// Settings and names of secrets; no secret is among them.
    pub environment: BTreeMap<String, String>,
    pub kms_key: String,
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
    pub tracing: bool,
    pub log_group: String,
    pub reserved_concurrency: Option<u32>,
    pub tags: Tags,
}

impl Resource for Function {
    const KIND: &'static str = "function";
    const NEEDS: &'static [&'static str] = &[
        "db-instance",
        "iam-role",
        "kms-key",
        "log-group",
        "secret",
        "security-group",
        "security-group-rules",
        "subnet",
    ];
    /// Concurrency belongs to the function, not to a version of it.
    const UNVERSIONED: &'static [&'static str] = &["tags", "reserved_concurrency"];

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        FUNCTIONS
            .into_iter()
            .map(|name| (name.to_owned(), Self::named(name, scope)))
            .collect()
    }

    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let functions = try_join_all(FUNCTIONS.map(|name| read(reader, name))).await?;
        Ok(functions.into_iter().flatten().collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "name" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let artifact = artifact(cx)?;
        let call = cx
            .aws
            .lambda
            .create_function()
            .function_name(&self.name)
            .runtime(Runtime::from(self.runtime.as_str()))
            .handler(&self.handler)
            .role(&self.role)
            .architectures(architecture(self.architecture))
            .memory_size(signed(self.memory_mb))
            .timeout(signed(self.timeout_s))
            .environment(self.environment())
            .kms_key_arn(&self.kms_key)
            .vpc_config(self.vpc_config())
            .tracing_config(self.tracing_config())
            .logging_config(self.logging_config())
            .code(
                FunctionCode::builder()
                    .zip_file(Blob::new(artifact.zip.clone()))
                    .build(),
            )
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        let arn = settled(cx, "role, key and network to be usable", || async {
            call.clone().send().await.during("CreateFunction", cx.id)
        })
        .await?
        .function_arn
        .unwrap_or_default();
        ready(cx, &self.name, None).await?;
        self.reserve(cx).await?;
        Ok(attributes([("id", &self.name), ("arn", &arn)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        // Lambda takes one change at a time, so each waits for the one before it.
        ready(cx, &self.name, None).await?;
        let touches =
            |fields: &[&str]| changed.iter().any(|field| fields.contains(&field.as_str()));
        if touches(&["tags"]) {
            cx.aws
                .lambda
                .tag_resource()
                .resource(found.attribute("arn"))
                .set_tags(Some(self.tags.clone().into_iter().collect()))
                .send()
                .await
                .during("TagResource", cx.id)?;
        }
        if changed.iter().any(|field| {
            ![
                "tags",
                "reserved_concurrency",
                "code_sha256",
                "architecture",
            ]
            .contains(&field.as_str())
        }) {
            self.configure(cx).await?;
        }
        if touches(&["code_sha256", "architecture"]) {
            self.upload(cx).await?;
        }
        if touches(&["reserved_concurrency"]) {
            self.reserve(cx).await?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        // Leaving the VPC first lets Lambda give up its network interfaces at once instead of
        // up to half an hour later; the security groups and subnets cannot go before.
        let leave = || async {
            cx.aws
                .lambda
                .update_function_configuration()
                .function_name(found.aws_id())
                .vpc_config(
                    VpcConfig::builder()
                        .set_subnet_ids(Some(Vec::new()))
                        .set_security_group_ids(Some(Vec::new()))
                        .build(),
                )
                .send()
                .await
                .during("UpdateFunctionConfiguration", cx.id)
        };
        let left = settled(cx, "the last update to end", leave).await;
        if left.unless(NOT_FOUND)?.is_none() {
            return Ok(());
        }
        ready(cx, found.aws_id(), None).await?;
        settled(cx, "the last update to end", || async {
            cx.aws
                .lambda
                .delete_function()
                .function_name(found.aws_id())
                .send()
                .await
                .during("DeleteFunction", cx.id)
        })
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

impl Function {
    fn named(name: &str, scope: &Scope) -> Self {
        let function = &scope.config.function;
        let chatbot = name == "chatbot";
        Self {
            name: scope.stack.name(name),
            code_sha256: scope
                .artifacts
                .by_name
                .get(name)
                .map_or_else(String::new, |artifact| artifact.code_sha256.clone()),
            architecture: function.architecture,
            runtime: "provided.al2023".to_owned(),
            handler: "bootstrap".to_owned(),
            role: format!(
                "${{iam-role/{}.arn}}",
                if chatbot { "function" } else { name }
            ),
            memory_mb: function.memory_mb,
            timeout_s: if chatbot {
                function.timeout_s
            } else {
                MIGRATOR_TIMEOUT_S
            },
            environment: environment(name, scope.config),
            kms_key: "${kms-key/main.arn}".to_owned(),
            subnets: scope.subnets(),
            security_groups: vec!["${security-group/function}".to_owned()],
            tracing: function.tracing,
            log_group: format!("${{log-group/{name}}}"),
            reserved_concurrency: Some(if chatbot {
                function.reserved_concurrency
            } else {
                MIGRATOR_CONCURRENCY
            }),
            tags: scope.tags(Self::KIND, name),
        }
    }

    fn environment(&self) -> Environment {
        Environment::builder()
            .set_variables(Some(self.environment.clone().into_iter().collect()))
            .build()
    }

    fn vpc_config(&self) -> VpcConfig {
        VpcConfig::builder()
            .set_subnet_ids(Some(self.subnets.clone()))
            .set_security_group_ids(Some(self.security_groups.clone()))
            .build()
    }

    fn tracing_config(&self) -> TracingConfig {
        TracingConfig::builder()
            .mode(if self.tracing {
                TracingMode::Active
            } else {
                TracingMode::PassThrough
            })
            .build()
    }

    fn logging_config(&self) -> LoggingConfig {
        LoggingConfig::builder().log_group(&self.log_group).build()
    }

    async fn configure(&self, cx: &Cx<'_>) -> Result<()> {
        let call = cx
            .aws
            .lambda
            .update_function_configuration()
            .function_name(&self.name)
            .runtime(Runtime::from(self.runtime.as_str()))
            .handler(&self.handler)
            .role(&self.role)
            .memory_size(signed(self.memory_mb))
            .timeout(signed(self.timeout_s))
            .environment(self.environment())
            .kms_key_arn(&self.kms_key)
            .vpc_config(self.vpc_config())
            .tracing_config(self.tracing_config())
            .logging_config(self.logging_config());
        settled(cx, "role, key and network to be usable", || async {
            call.clone()
                .send()
                .await
                .during("UpdateFunctionConfiguration", cx.id)
        })
        .await?;
        ready(cx, &self.name, None).await
    }

    async fn upload(&self, cx: &Cx<'_>) -> Result<()> {
        let artifact = artifact(cx)?;
        let call = cx
            .aws
            .lambda
            .update_function_code()
            .function_name(&self.name)
            .architectures(architecture(self.architecture))
            .zip_file(Blob::new(artifact.zip.clone()));
        settled(cx, "the last update to end", || async {
            call.clone()
                .send()
                .await
                .during("UpdateFunctionCode", cx.id)
        })
        .await?;
        ready(cx, &self.name, None).await
    }

    async fn reserve(&self, cx: &Cx<'_>) -> Result<()> {
        let Some(reserved) = self.reserved_concurrency else {
            return Ok(());
        };
        cx.aws
            .lambda
            .put_function_concurrency()
            .function_name(&self.name)
            .reserved_concurrent_executions(signed(reserved))
            .send()
            .await
            .during("PutFunctionConcurrency", cx.id)?;
        Ok(())
    }
}

/// What the binaries read, see the function crate's settings. Secrets come by name only.
fn environment(name: &str, config: &Config) -> BTreeMap<String, String> {
    let function = &config.function;
    let mut variables = vec![
        ("DB_HOST", "${db-instance/main.endpoint}".to_owned()),
        ("DB_PORT", config.database.port.0.to_string()),
        ("DB_NAME", config.database.name.clone()),
        ("DB_TLS", "verify-identity".to_owned()),
        ("DB_SECRET_ARN", "${secret/database-app.arn}".to_owned()),
        ("LOG_LEVEL", level(config)),
    ];
    if name == "chatbot" {
        variables.extend([
            ("API_KEYS_SECRET_ARN", "${secret/api-keys.arn}".to_owned()),
            ("MAX_PAYLOAD_SIZE", function.max_payload_bytes.to_string()),
            ("MAX_QUERY_LIMIT", function.max_query_limit.to_string()),
        ]);
    } else {
        variables.push((
            "ADMIN_SECRET_ARN",
            "${secret/database-admin.arn}".to_owned(),
        ));
    }
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn level(config: &Config) -> String {
    format!("{:?}", config.function.log_level).to_lowercase()
}

fn artifact<'a>(cx: &Cx<'a>) -> Result<&'a Artifact> {
    cx.artifacts
        .by_name
        .get(&cx.id.name)
        .ok_or_else(|| Error::failed(format!("{}: no zip was built for it", cx.id)))
}

fn architecture(architecture: Architecture) -> LambdaArchitecture {
    match architecture {
        Architecture::Arm64 => LambdaArchitecture::Arm64,
        Architecture::X86_64 => LambdaArchitecture::X8664,
    }
}

/// Lambda's numbers are small; what is too large for it is refused there.
fn signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// Whether `tags` are those of the function with this logical name.
pub(super) fn is(tags: &Tags, name: &str) -> bool {
    tags.get(TAG_ID)
        .is_some_and(|id| *id == format!("function/{name}"))
}
