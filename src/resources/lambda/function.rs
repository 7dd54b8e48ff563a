//! A function: its code and settings as the next version will have them.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::VpcConfig;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::finding::read;
use super::{FUNCTIONS, NOT_FOUND, exists, idle, once_idle, ready, url};
use crate::aws::{During, Optional, Reader};
use crate::config::{Architecture, Config};
use crate::diff::{diff, fields};
use crate::error::{Error, Result};
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{ALL, Calls, Grant, When, allow};
use crate::resources::logs::function_group;
use crate::resources::{Cx, Found, OnChange, Resource, Scope, to_value};
use crate::stack::Tags;

/// Migrations run one at a time, and for as long as Lambda allows.
const MIGRATOR_CONCURRENCY: u32 = 1;
const MIGRATOR_TIMEOUT_S: u32 = 900;
/// The migrator's variable with the days after which it drops logs; without it, it never does.
const LOG_RETENTION: &str = "LOG_RETENTION_DAYS";
/// The unique id of the role that the function was last configured with.
pub(super) const TAG_ROLE: &str = "wmctl:role-id";

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
    /// Tells a role from one that was made again under its name: Lambda's grant on the key is
    /// the old one's.
    pub role_id: String,
    /// What has a URL of its own, past the API: nothing.
    pub urls: Vec<String>,
    /// Why Lambda could not bring the function to its settings.
    pub failed: Option<String>,
    pub tags: Tags,
}

const PASS_ROLES: Grant = allow(
    &["iam:PassRole"],
    &[
        "iam:role/wmctl/{stack}/{stack}-function",
        "iam:role/wmctl/{stack}/{stack}-migrator",
    ],
)
.when(&[When::PassedTo("lambda.amazonaws.com")]);
/// Lambda looks for what it is told to stand in, as the caller.
const SEE_NETWORK: Grant = allow(
    &[
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
    ],
    ALL,
);

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
        // It reads its secrets through it for as long as it stands in the VPC.
        "vpc-endpoint",
    ];
    const CALLS: Calls = Calls {
        find: &[
            allow(
                &[
                    "lambda:GetFunction",
                    "lambda:ListFunctionUrlConfigs",
                    "lambda:ListTags",
                ],
                &["lambda:function:{stack}-*"],
            ),
            super::SEE_VARIABLES,
        ],
        create: &[
            allow(
                &[
                    "lambda:CreateFunction",
                    "lambda:GetFunctionConfiguration",
                    "lambda:PutFunctionConcurrency",
                    "lambda:TagResource",
                    "lambda:UpdateFunctionCode",
                    "lambda:UpdateFunctionConfiguration",
                    "lambda:DeleteFunctionUrlConfig",
                ],
                &["lambda:function:{stack}-*"],
            ),
            PASS_ROLES,
            SEE_NETWORK,
            super::USE_KEY,
        ],
        update: &[
            allow(
                &[
                    "lambda:GetFunctionConfiguration",
                    "lambda:PutFunctionConcurrency",
                    "lambda:TagResource",
                    "lambda:UpdateFunctionCode",
                    "lambda:UpdateFunctionConfiguration",
                    "lambda:DeleteFunctionUrlConfig",
                ],
                &["lambda:function:{stack}-*"],
            ),
            PASS_ROLES,
            SEE_NETWORK,
            super::USE_KEY,
        ],
        delete: &[allow(
            &[
                "lambda:DeleteFunction",
                "lambda:GetFunctionConfiguration",
                "lambda:UpdateFunctionConfiguration",
            ],
            &["lambda:function:{stack}-*"],
        )],
    };
    const INTERRUPTS: Option<&'static str> = Some("every request");
    /// These belong to the function, not to a version of it.
    const UNVERSIONED: &'static [&'static str] =
        &["tags", "reserved_concurrency", "urls", "failed"];

    /// By its name, which stays the same when the group is made again.
    fn after(name: &str) -> Vec<Id> {
        vec![Id::new("log-group", name)]
    }

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        FUNCTIONS
            .into_iter()
            .map(|name| (name.to_owned(), Self::named(name, scope)))
            .collect()
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
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
        let created = self.make(cx).await;
        let arn = match created {
            Ok(created) => created.function_arn.unwrap_or_default(),
            // Another run has made it meanwhile, and not as this one wants it, maybe.
            Err(error) if exists(&error) => return self.take_on(cx, error).await,
            Err(error) => return Err(error),
        };
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
        idle(cx, &self.name, None).await?;
        let touches =
            |fields: &[&str]| changed.iter().any(|field| fields.contains(&field.as_str()));
        url::remove(cx, &self.name, &found.value.urls).await?;
        if touches(&["role_id"]) && !found.value.role_id.is_empty() {
            self.forget_grant(cx).await?;
        }
        let beside = [
            "tags",
            "reserved_concurrency",
            "code_sha256",
            "architecture",
            "urls",
        ];
        if changed
            .iter()
            .any(|field| !beside.contains(&field.as_str()))
        {
            self.configure(cx).await?;
        }
        if touches(&["code_sha256", "architecture"]) {
            self.upload(cx).await?;
        }
        if touches(&["reserved_concurrency"]) {
            self.reserve(cx).await?;
        }
        // Last, since one of the tags says which role the function was configured with.
        if touches(&["tags", "role_id"]) {
            self.tag(cx, found.attribute("arn")).await?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        // Leaving the VPC first lets Lambda give up its network interfaces at once instead of
        // up to half an hour later; the security groups and subnets cannot go before.
        if !found.value.subnets.is_empty() && !leave_network(cx, found.aws_id()).await? {
            return Ok(());
        }
        let delete = cx.aws.lambda.delete_function();
        let delete = delete.function_name(found.aws_id());
        once_idle(cx, || async {
            delete.clone().send().await.during("DeleteFunction", cx.id)
        })
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

/// Takes the function out of the VPC; false where there is no function any more.
async fn leave_network(cx: &Cx<'_>, function: &str) -> Result<bool> {
    let nowhere = VpcConfig::builder()
        .set_subnet_ids(Some(Vec::new()))
        .set_security_group_ids(Some(Vec::new()))
        .build();
    let call = cx.aws.lambda.update_function_configuration();
    let call = call.function_name(function).vpc_config(nowhere);
    let left = once_idle(cx, || async {
        let answer = call.clone().send().await;
        answer.during("UpdateFunctionConfiguration", cx.id)
    })
    .await;
    match left {
        Ok(_) => idle(cx, function, None).await.map(|_| true),
        Err(error) if NOT_FOUND.contains(&error.code().unwrap_or_default()) => Ok(false),
        // Its role or its key is gone already. It can be deleted all the same.
        Err(error) if error.is("InvalidParameterValueException", "") => Ok(true),
        Err(error) => Err(error),
    }
}

impl Function {
    fn named(name: &str, scope: &Scope) -> Self {
        let function = &scope.config.function;
        let chatbot = name == "chatbot";
        let role = if chatbot { "function" } else { name };
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
            role: format!("${{iam-role/{role}.arn}}"),
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
            log_group: function_group(scope.stack, name),
            reserved_concurrency: Some(if chatbot {
                function.reserved_concurrency
            } else {
                MIGRATOR_CONCURRENCY
            }),
            role_id: format!("${{iam-role/{role}.unique_id}}"),
            urls: Vec::new(),
            failed: None,
            tags: scope.tags(Self::KIND, name),
        }
    }

    pub(super) fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.insert(TAG_ROLE.to_owned(), self.role_id.clone());
        tags
    }

    /// Brings the function that has the name to what is wanted, where it is the stack's.
    async fn take_on(&self, cx: &Cx<'_>, refused: Error) -> Result<Attributes> {
        let found = read(&Reader::new(cx.aws, cx.stack), &cx.id.name).await?;
        let Some(found) = found.filter(|found| found.owned) else {
            return Err(refused);
        };
        let changes = diff(&to_value(&found.value)?, &to_value(self)?);
        self.update(cx, &found, &fields(&changes)).await
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
        let origin = config.api.origin();
        variables.extend(origin.map(|origin| ("CORS_ORIGIN", origin.to_owned())));
    } else {
        variables.push((
            "ADMIN_SECRET_ARN",
            "${secret/database-admin.arn}".to_owned(),
        ));
        let days = config.database.log_retention_days;
        variables.extend(days.map(|days| (LOG_RETENTION, days.to_string())));
    }
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The days after which this function drops logs; `None` where it never does.
pub fn log_retention(function: &Value) -> Option<u32> {
    let days = function["environment"][LOG_RETENTION].as_str()?;
    days.parse().ok().filter(|days| *days > 0)
}

fn level(config: &Config) -> String {
    format!("{:?}", config.function.log_level).to_lowercase()
}
