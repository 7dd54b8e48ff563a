//! A published version: code and settings that no longer change.

use std::cmp::Reverse;

use aws_sdk_lambda::operation::publish_version::PublishVersionOutput;
use aws_sdk_lambda::types::FunctionConfiguration;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::finding::is_ours;
use super::schema::newest;
use super::{FUNCTIONS, NOT_FOUND, alias, once_idle, ready, settled};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

/// How the revision is kept with the version; behind it stands the schema it was published with.
const DESCRIPTION: &str = "wmctl revision ";
const SCHEMA: &str = ", schema ";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionVersion {
    pub function: String,
    /// Hash of the function's code and settings that this version froze.
    pub revision: String,
}

impl Resource for FunctionVersion {
    const KIND: &'static str = "function-version";
    const NEEDS: &'static [&'static str] = &["function"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["lambda:ListVersionsByFunction"],
            &["lambda:function:{stack}-*"],
        )],
        create: &[allow(
            &[
                "lambda:GetFunctionConfiguration",
                "lambda:PublishVersion",
                "lambda:UpdateFunctionConfiguration",
            ],
            &["lambda:function:{stack}-*"],
        )],
        update: &[],
        delete: &[allow(
            &["lambda:DeleteFunction"],
            &["lambda:function:{stack}-*"],
        )],
    };
    /// As many stay as [function] keep_versions says.
    const SUPERSEDED: bool = true;

    fn wanted(_scope: &Scope) -> Vec<(String, Self)> {
        FUNCTIONS
            .into_iter()
            .map(|name| {
                let version = Self {
                    function: format!("${{function/{name}}}"),
                    revision: format!("${{function/{name}.revision}}"),
                };
                (name.to_owned(), version)
            })
            .collect()
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let versions = try_join_all(FUNCTIONS.map(|name| read(reader, name))).await?;
        Ok(versions.into_iter().flatten().collect())
    }

    fn on_change(_field: &str) -> OnChange {
        OnChange::Supersede
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let schema = newest(&cx.artifacts.migrations);
        let description = format!("{DESCRIPTION}{}{SCHEMA}{schema}", self.revision);
        let mut published = publish(cx, &self.function, &description).await?;
        if published.description() != Some(&description) {
            // Nothing has changed since another revision, so Lambda answers with its version.
            touch(cx, &self.function, &description).await?;
            published = publish(cx, &self.function, &description).await?;
        }
        let version = published.version.unwrap_or_default();
        ready(cx, &self.function, Some(&version)).await?;
        Ok(attributes([("id", &version)]))
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx.aws.lambda.delete_function();
        let call = call
            .function_name(&found.value.function)
            .qualifier(found.aws_id());
        // An alias may still be leaving it.
        once_idle(cx, || async {
            call.clone().send().await.during("DeleteFunction", cx.id)
        })
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

/// Publishes the same once more, as another version. Its sandboxes start anew: one that started
/// before its role's policy was known everywhere keeps credentials that are refused.
pub(super) async fn again(cx: &Cx<'_>, function: &str, version: &str) -> Result<String> {
    let call = cx.aws.lambda.get_function_configuration();
    let old = call.function_name(function).qualifier(version).send().await;
    let old = old.during("GetFunctionConfiguration", cx.id)?;
    touch(
        cx,
        function,
        &format!("Published again after version {version}"),
    )
    .await?;
    let description = old.description.unwrap_or_default();
    let published = publish(cx, function, &description).await?;
    let version = published.version.unwrap_or_default();
    ready(cx, function, Some(&version)).await?;
    Ok(version)
}

async fn publish(cx: &Cx<'_>, function: &str, description: &str) -> Result<PublishVersionOutput> {
    let call = cx.aws.lambda.publish_version();
    let call = call.function_name(function).description(description);
    once_idle(cx, || async {
        call.clone().send().await.during("PublishVersion", cx.id)
    })
    .await
}

/// Changes the function so that the next version of it is a new one.
async fn touch(cx: &Cx<'_>, function: &str, description: &str) -> Result<()> {
    let call = cx.aws.lambda.update_function_configuration();
    let call = call.function_name(function).description(description);
    settled(cx, "the last update to end", || async {
        let answer = call.clone().send().await;
        answer.during("UpdateFunctionConfiguration", cx.id)
    })
    .await?;
    ready(cx, function, None).await
}

/// The versions of the function with this logical name: the newest first, but for the one that
/// serves, which is never so old that it goes.
pub(super) async fn read(reader: &Reader, name: &str) -> Result<Vec<Found<FunctionVersion>>> {
    let function = reader.stack.name(name);
    let call = reader.aws.lambda.list_versions_by_function();
    let pages = call
        .function_name(&function)
        .into_paginator()
        .items()
        .send();
    let versions = async {
        let versions = pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("ListVersionsByFunction", &function)
            .unless(NOT_FOUND)?;
        Ok(versions.unwrap_or_default())
    };
    let live = alias::live(reader, name);
    let (ours, versions, live) = tokio::try_join!(is_ours(reader, name), versions, live)?;
    if !ours {
        return Ok(Vec::new());
    }
    // `$LATEST` is the function itself.
    let number = |version: &FunctionConfiguration| version.version()?.parse::<u64>().ok();
    let mut numbered: Vec<(u64, FunctionConfiguration)> = versions
        .into_iter()
        .filter_map(|version| Some((number(&version)?, version)))
        .collect();
    let live = live.and_then(|live| live.parse::<u64>().ok());
    numbered.sort_by_key(|(number, _)| Reverse((Some(*number) == live, *number)));
    let versions = numbered.into_iter().map(|(number, version)| {
        let description = version.description().unwrap_or_default();
        let said = description.strip_prefix(DESCRIPTION).unwrap_or_default();
        let (revision, schema) = said.split_once(SCHEMA).unwrap_or((said, ""));
        let published = version.last_modified().unwrap_or_default();
        Found::owned(
            name,
            attributes([
                ("id", &number.to_string()),
                ("schema", schema),
                ("published", published),
            ]),
            FunctionVersion {
                function: function.clone(),
                revision: revision.to_owned(),
            },
        )
    });
    Ok(versions.collect())
}
