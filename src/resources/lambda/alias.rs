//! The alias `live`: the version that callers reach.

use std::time::Duration;

use aws_sdk_lambda::types::AliasRoutingConfiguration;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::invoke::invoke;
use super::{FUNCTIONS, LIVE, NOT_FOUND, settled};
use crate::aws::patience::{Look, wait};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, Id, attributes};
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

    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let aliases = try_join_all(FUNCTIONS.map(|name| read(reader, name))).await?;
        Ok(aliases.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        self.check_health(cx).await?;
        let created = cx
            .aws
            .lambda
            .create_alias()
            .function_name(&self.function)
            .name(LIVE)
            .function_version(&self.version)
            .send()
            .await
            .during("CreateAlias", cx.id)?;
        let arn = created.alias_arn.unwrap_or_default();
        Ok(attributes([("id", &arn), ("arn", &arn)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        self.check_health(cx).await?;
        settled(cx, "the last update to end", || async {
            cx.aws
                .lambda
                .update_alias()
                .function_name(&self.function)
                .name(LIVE)
                .function_version(&self.version)
                .routing_config(AliasRoutingConfiguration::builder().build())
                .send()
                .await
                .during("UpdateAlias", cx.id)
        })
        .await?;
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        cx.aws
            .lambda
            .delete_alias()
            .function_name(&found.value.function)
            .name(LIVE)
            .send()
            .await
            .during("DeleteAlias", cx.id)
            .unless(NOT_FOUND)?;
        Ok(())
    }
}

impl FunctionAlias {
    /// Asks the version itself before any caller reaches it. The migrator has no callers; its
    /// first call is its check.
    async fn check_health(&self, cx: &Cx<'_>) -> Result<()> {
        if cx.options.skip_health || cx.id.name != "chatbot" {
            return Ok(());
        }
        let outcome = wait(
            cx.events,
            cx.id,
            &format!("version {} to be healthy", self.version),
            HEALTHY_WITHIN,
            || async {
                let answer = invoke(
                    cx.aws,
                    &self.function,
                    &self.version,
                    &serde_json::json!({"wmctl": "health"}),
                )
                .await;
                Ok(match answer {
                    Ok(answer) if answer["ok"] == true => Look::Ready(()),
                    Ok(answer) => Look::Pending(
                        answer["reason"]
                            .as_str()
                            .unwrap_or("no reason given")
                            .to_owned(),
                    ),
                    Err(error) => Look::Pending(error.to_string()),
                })
            },
        )
        .await;
        outcome.map_err(|error| {
            Error::failed(format!(
                "version {} of {} failed its health check: {}",
                self.version, self.function, error.message
            ))
            .hint("no caller has reached it: `live` stays where it was")
            .hint(format!(
                "see why in the log group /aws/lambda/{}",
                self.function
            ))
        })
    }
}

async fn read(reader: &Reader<'_>, name: &str) -> Result<Vec<Found<FunctionAlias>>> {
    let function = reader.stack.name(name);
    let answer = reader
        .aws
        .lambda
        .list_aliases()
        .function_name(&function)
        .send()
        .await
        .during("ListAliases", &function)
        .unless(NOT_FOUND)?;
    let aliases = answer.and_then(|answer| answer.aliases).unwrap_or_default();
    Ok(aliases
        .into_iter()
        .filter(|alias| alias.name() == Some(LIVE))
        .map(|alias| {
            let arn = alias.alias_arn.unwrap_or_default();
            let mut also: Vec<String> = alias
                .routing_config
                .and_then(|routing| routing.additional_version_weights)
                .unwrap_or_default()
                .into_keys()
                .collect();
            also.sort();
            Found::owned(
                name,
                attributes([("id", &arn), ("arn", &arn)]),
                FunctionAlias {
                    function: function.clone(),
                    version: alias.function_version.unwrap_or_default(),
                    also,
                },
            )
        })
        .collect())
}

/// The id of the alias of this function.
pub fn id(function: &str) -> Id {
    Id::new(FunctionAlias::KIND, function)
}
