//! The alias `live`: the version that callers reach.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aws_sdk_lambda::operation::get_alias::GetAliasOutput;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::finding::is_ours;
use super::invoke::{invoke, lacks_permission};
use super::version::again;
use super::{FUNCTIONS, LIVE, NOT_FOUND, exists, once_idle};
use crate::aws::patience::{Look, wait};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, Resource, Scope};

/// How long a new version may take to answer its health check: its role and its network are
/// new on a first deploy.
const HEALTHY_WITHIN: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionAlias {
    pub function: String,
    pub version: String,
    /// Versions that get a share of the calls; never any of ours.
    pub also: Vec<String>,
}

impl Resource for FunctionAlias {
    const KIND: &'static str = "function-alias";
    const NEEDS: &'static [&'static str] = &["function", "function-version"];
    const CALLS: Calls = Calls {
        find: &[allow(&["lambda:GetAlias"], &["lambda:function:{stack}-*"])],
        create: &[allow(
            &[
                "lambda:CreateAlias",
                "lambda:GetFunctionConfiguration",
                "lambda:InvokeFunction",
                "lambda:PublishVersion",
                "lambda:UpdateAlias",
                "lambda:UpdateFunctionConfiguration",
            ],
            &["lambda:function:{stack}-*"],
        )],
        update: &[allow(
            &[
                "lambda:GetFunctionConfiguration",
                "lambda:InvokeFunction",
                "lambda:PublishVersion",
                "lambda:UpdateAlias",
                "lambda:UpdateFunctionConfiguration",
            ],
            &["lambda:function:{stack}-*"],
        )],
        delete: &[allow(
            &["lambda:DeleteAlias"],
            &["lambda:function:{stack}-*"],
        )],
    };
    const INTERRUPTS: Option<&'static str> = Some("every request");

    fn wanted(_scope: &Scope) -> Vec<(String, Self)> {
        FUNCTIONS
            .into_iter()
            .map(|name| {
                let alias = Self {
                    function: format!("${{function/{name}}}"),
                    version: format!("${{function-version/{name}}}"),
                    also: Vec::new(),
                };
                (name.to_owned(), alias)
            })
            .collect()
    }

    fn after(name: &str) -> Vec<Id> {
        // No caller reaches new code before the schema that it needs is there.
        let schema = Id::new("schema", "main");
        if name == "chatbot" {
            vec![schema]
        } else {
            Vec::new()
        }
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let aliases = try_join_all(FUNCTIONS.map(|name| read(reader, name))).await?;
        Ok(aliases.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let version = self.healthy(cx).await?;
        let call = cx.aws.lambda.create_alias();
        let call = call
            .function_name(&self.function)
            .name(LIVE)
            .function_version(&version);
        let created = once_idle(cx, || async {
            call.clone().send().await.during("CreateAlias", cx.id)
        });
        match created.await {
            Ok(created) => Ok(by_arn(&created.alias_arn.unwrap_or_default())),
            Err(error) if exists(&error) => point(cx, &self.function, &version).await,
            Err(error) => Err(error),
        }
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        _found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        let version = self.healthy(cx).await?;
        point(cx, &self.function, &version).await
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx.aws.lambda.delete_alias();
        let call = call.function_name(&found.value.function).name(LIVE);
        once_idle(cx, || async {
            call.clone().send().await.during("DeleteAlias", cx.id)
        })
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

impl FunctionAlias {
    /// The version, when it has answered that it is healthy: before any caller reaches it. The
    /// migrator has no callers; its first call is its check.
    async fn healthy(&self, cx: &Cx<'_>) -> Result<String> {
        if cx.options.skip_health || cx.id.name != "chatbot" {
            return Ok(self.version.clone());
        }
        let denied = AtomicBool::new(false);
        match check(cx, &self.function, &self.version, &denied).await {
            Ok(()) => Ok(self.version.clone()),
            Err(_) if denied.load(Relaxed) => {
                let version = again(cx, &self.function, &self.version).await?;
                check(cx, &self.function, &version, &denied).await?;
                Ok(version)
            }
            Err(error) => Err(error),
        }
    }
}

/// Asks a version for its health until it is well. `denied` tells whether at last it was not
/// for lack of a permission.
pub(super) async fn check(
    cx: &Cx<'_>,
    function: &str,
    version: &str,
    denied: &AtomicBool,
) -> Result<()> {
    let event = serde_json::json!({"wmctl": "health"});
    let outcome = wait(
        cx.events,
        cx.id,
        &format!("version {version} to be healthy"),
        HEALTHY_WITHIN,
        || async {
            let answer = invoke(cx.aws, function, version, &event).await;
            let reason = match answer {
                Ok(answer) if answer["ok"] == true => return Ok(Look::Ready(())),
                Ok(answer) => answer["reason"]
                    .as_str()
                    .unwrap_or("no reason given")
                    .to_owned(),
                Err(error) => error.to_string(),
            };
            denied.store(lacks_permission(&reason), Relaxed);
            Ok(Look::Pending(reason))
        },
    )
    .await;
    outcome.map_err(|error| {
        Error::failed(format!(
            "version {version} of {function} failed its health check: {}",
            error.message
        ))
        .hint("no caller has reached it: `live` stays where it was")
        .hint(format!("see why in the log group /aws/lambda/{function}"))
    })
}

/// Points the alias at one version and no other.
pub(super) async fn point(cx: &Cx<'_>, function: &str, version: &str) -> Result<Attributes> {
    point_saying(cx, function, version, "").await
}

/// The same with a remark that stays until it moves again.
pub(super) async fn point_saying(
    cx: &Cx<'_>,
    function: &str,
    version: &str,
    remark: &str,
) -> Result<Attributes> {
    let call = cx.aws.lambda.update_alias();
    let call = call
        .function_name(function)
        .name(LIVE)
        .function_version(version)
        .description(remark)
        .routing_config(AliasRoutingConfiguration::builder().build());
    let alias = once_idle(cx, || async {
        call.clone().send().await.during("UpdateAlias", cx.id)
    })
    .await?;
    Ok(by_arn(&alias.alias_arn.unwrap_or_default()))
}

fn by_arn(arn: &str) -> Attributes {
    attributes([("id", arn), ("arn", arn)])
}

async fn read(reader: &Reader, name: &str) -> Result<Option<Found<FunctionAlias>>> {
    let (ours, alias) = tokio::try_join!(is_ours(reader, name), described(reader, name))?;
    let Some(alias) = alias.filter(|_| ours) else {
        return Ok(None);
    };
    if let Some(remark) = alias.description().filter(|text| !text.is_empty()) {
        let version = alias.function_version().unwrap_or_default();
        reader.note(format!(
            "`live` of the {name} is at version {version}, {remark}: `up` moves it forward again"
        ));
    }
    let shares = alias
        .routing_config()
        .and_then(|routing| routing.additional_version_weights());
    let mut also: Vec<String> = shares
        .into_iter()
        .flat_map(HashMap::keys)
        .cloned()
        .collect();
    also.sort();
    Ok(Some(Found::owned(
        name,
        by_arn(alias.alias_arn().unwrap_or_default()),
        FunctionAlias {
            function: reader.stack.name(name),
            version: alias.function_version().unwrap_or_default().to_owned(),
            also,
        },
    )))
}

/// What Lambda says of the aliases, asked once: versions are told by them, too.
async fn described<'r>(reader: &'r Reader, name: &str) -> Result<Option<&'r GetAliasOutput>> {
    let describe = |name| async move {
        let function = reader.stack.name(name);
        let call = reader.aws.lambda.get_alias();
        let answer = call.function_name(&function).name(LIVE).send().await;
        let answer = answer.during("GetAlias", &function).unless(NOT_FOUND)?;
        Ok::<_, Error>(answer.map(|answer| (name, answer)))
    };
    let aliases = reader.aliases.get_or_try_init(|| async {
        let answers = try_join_all(FUNCTIONS.map(describe)).await?;
        Ok::<_, Error>(answers.into_iter().flatten().collect())
    });
    Ok(aliases.await?.get(name))
}

/// The version that the alias of this function is at.
pub(super) async fn live(reader: &Reader, name: &str) -> Result<Option<String>> {
    let alias = described(reader, name).await?;
    Ok(alias.and_then(|alias| alias.function_version.clone()))
}

/// The id of the alias of this function.
pub fn id(function: &str) -> Id {
    Id::new(FunctionAlias::KIND, function)
}
