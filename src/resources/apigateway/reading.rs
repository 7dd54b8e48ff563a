//! What several kinds read of the endpoint: each list once, by whoever comes first.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types;

use super::{NOT_FOUND, arn, sorted, stage_path};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::stack::{Stack, Tags};

/// What is listed below an API that is there; nothing where it has just gone.
pub(super) fn listed<T>(read: Result<Vec<T>>) -> Result<Vec<T>> {
    Ok(read.unless(&[NOT_FOUND])?.unwrap_or_default())
}

/// An API's paths with their methods.
pub(super) async fn resources(
    client: &aws_sdk_apigateway::Client,
    api: &str,
    object: impl std::fmt::Display,
) -> Result<Vec<types::Resource>> {
    listed(
        client
            .get_resources()
            .rest_api_id(api)
            .embed("methods")
            .limit(500)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("GetResources", object),
    )
}

/// The same of the stack's API.
pub(super) async fn our_resources<'r>(
    reader: &'r Reader<'_>,
    api: &str,
) -> Result<&'r [types::Resource]> {
    let read = || resources(&reader.aws.apigateway, api, api);
    let resources = reader.gateway.resources.get_or_try_init(read).await?;
    Ok(resources)
}

/// The API's stages by logical name: the one there is, or of several the one tagged so, is `main`.
pub(super) async fn stages<'r>(
    reader: &'r Reader<'_>,
    api: &str,
) -> Result<Vec<(String, &'r types::Stage)>> {
    let read = || async {
        let call = reader.aws.apigateway.get_stages().rest_api_id(api);
        let answer = call.send().await.during("GetStages", api);
        listed(answer.map(|answer| answer.item.unwrap_or_default()))
    };
    let stages = reader.gateway.stages.get_or_try_init(read).await?;
    let only = stages.len() == 1;
    let name = |stage: &types::Stage| match reader.stack.owned_id(&sorted(stage.tags.clone())) {
        Some(id) => id.name,
        None if only => "main".to_owned(),
        None => stage.stage_name.clone().unwrap_or_default(),
    };
    Ok(stages.iter().map(|stage| (name(stage), stage)).collect())
}

/// The ARNs of the API's stages.
pub(in crate::resources) async fn stage_arns(reader: &Reader<'_>) -> Result<Vec<String>> {
    let Some(api) = reader.rest_api().await? else {
        return Ok(Vec::new());
    };
    Ok(stages(reader, &api.id)
        .await?
        .into_iter()
        .filter_map(|(_, stage)| stage.stage_name.as_deref())
        .map(|stage| arn(reader.stack, &stage_path(&api.id, stage)))
        .collect())
}

/// Whose an object is, by its tags or else by its name: the logical name, and whether it is ours.
/// None where it is somebody else's.
pub(super) fn claim(stack: &Stack, tags: &Tags, ours_by_name: Option<String>) -> Option<Claim> {
    match stack.owned_id(tags) {
        Some(id) => Some(Claim {
            name: id.name,
            owned: true,
        }),
        None => Some(Claim {
            name: ours_by_name?,
            owned: false,
        }),
    }
}

#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) name: String,
    pub(super) owned: bool,
}

/// The usage plans that carry the stack's tags or its name.
pub(super) async fn plans<'r>(
    reader: &'r Reader<'_>,
) -> Result<Vec<(Claim, &'r types::UsagePlan)>> {
    let read = || async {
        let call = reader.aws.apigateway.get_usage_plans().limit(500);
        let pages = call.into_paginator().items().send();
        let plans = pages.collect::<Result<Vec<_>, _>>().await;
        plans.during("GetUsagePlans", "the account")
    };
    let plans = reader.gateway.plans.get_or_try_init(read).await?;
    let ours = plans.iter().filter_map(|plan| {
        let named = plan.name.as_deref() == Some(&reader.stack.prefix());
        let named = named.then(|| "main".to_owned());
        let claim = claim(reader.stack, &sorted(plan.tags.clone()), named)?;
        Some((claim, plan))
    });
    Ok(ours.collect())
}

/// The account's API keys by id, without their values. All of them: one that was renamed is still
/// ours by its tags.
pub(super) async fn keys<'r>(
    reader: &'r Reader<'_>,
) -> Result<BTreeMap<&'r str, (Option<Claim>, &'r types::ApiKey)>> {
    let read = || async {
        let call = reader.aws.apigateway.get_api_keys();
        let call = call.include_values(false).limit(500);
        let pages = call.into_paginator().items().send();
        let keys = pages.collect::<Result<Vec<_>, _>>().await;
        keys.during("GetApiKeys", "the account")
    };
    let keys = reader.gateway.keys.get_or_try_init(read).await?;
    let by_id = keys.iter().filter_map(|key| {
        let named = key_name(reader.stack, key.name.as_deref().unwrap_or_default());
        let tags = sorted(key.tags.clone());
        let claim = claim(reader.stack, &tags, named.map(str::to_owned));
        Some((key.id.as_deref()?, (claim, key)))
    });
    Ok(by_id.collect())
}

/// The logical name in a key's name, `{prefix}-{name}-v{version}`; none where the key is not ours.
fn key_name<'a>(stack: &Stack, name: &'a str) -> Option<&'a str> {
    let (name, version) = stack.logical(name)?.rsplit_once("-v")?;
    version.parse::<u32>().is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_versioned_names() {
        let stack = Stack {
            name: "demo".to_owned(),
            environment: "prod".to_owned(),
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
            tags: Tags::new(),
        };
        assert_eq!(key_name(&stack, "demo-prod-chatbot-v1"), Some("chatbot"));
        assert_eq!(
            key_name(&stack, "demo-prod-mobile-v2-v12"),
            Some("mobile-v2")
        );
        assert_eq!(key_name(&stack, "demo-prod-chatbot"), None);
        assert_eq!(key_name(&stack, "other-v1"), None);
    }
}
