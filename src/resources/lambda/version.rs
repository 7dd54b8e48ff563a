//! A published version: code and settings that no longer change.

use std::cmp::Reverse;

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::{FUNCTIONS, NOT_FOUND, ready, settled};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

/// How the revision is kept with the version.
const DESCRIPTION: &str = "wmctl revision ";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionVersion {
    pub function: String,
    /// Hash of the function's code and settings that this version froze.
    pub revision: String,
}

impl Resource for FunctionVersion {
    const KIND: &'static str = "function-version";
    const NEEDS: &'static [&'static str] = &["function"];
    const SUPERSEDED: Option<usize> = Some(3);

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

    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let versions = try_join_all(FUNCTIONS.map(|name| read(reader, name))).await?;
        Ok(versions.into_iter().flatten().collect())
    }

    fn on_change(_field: &str) -> OnChange {
        OnChange::Supersede
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let version = settled(cx, "the last update to end", || async {
            cx.aws
                .lambda
                .publish_version()
                .function_name(&self.function)
                .description(format!("{DESCRIPTION}{}", self.revision))
                .send()
                .await
                .during("PublishVersion", cx.id)
        })
        .await?
        .version
        .unwrap_or_default();
        ready(cx, &self.function, Some(&version)).await?;
        Ok(attributes([("id", &version)]))
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        cx.aws
            .lambda
            .delete_function()
            .function_name(&found.value.function)
            .qualifier(found.aws_id())
            .send()
            .await
            .during("DeleteFunction", cx.id)
            .unless(NOT_FOUND)?;
        Ok(())
    }
}

async fn read(reader: &Reader<'_>, name: &str) -> Result<Vec<Found<FunctionVersion>>> {
    let function = reader.stack.name(name);
    let mut pages = reader
        .aws
        .lambda
        .list_versions_by_function()
        .function_name(&function)
        .into_paginator()
        .items()
        .send();
    let mut versions = Vec::new();
    while let Some(version) = pages.next().await {
        let version = version
            .during("ListVersionsByFunction", &function)
            .unless(NOT_FOUND)?;
        let Some(version) = version else {
            return Ok(Vec::new());
        };
        // `$LATEST` is the function itself.
        let Some(number) = version.version.as_ref().and_then(|v| v.parse::<u64>().ok()) else {
            continue;
        };
        let revision = version
            .description
            .as_deref()
            .and_then(|text| text.strip_prefix(DESCRIPTION))
            .unwrap_or_default();
        versions.push((
            number,
            Found::owned(
                name,
                attributes([("id", &number.to_string())]),
                FunctionVersion {
                    function: function.clone(),
                    revision: revision.to_owned(),
                },
            ),
        ));
    }
    versions.sort_by_key(|(number, _)| Reverse(*number));
    Ok(versions.into_iter().map(|(_, found)| found).collect())
}
