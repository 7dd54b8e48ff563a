//! What several kinds read of the endpoint: each list once, by whoever comes first.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types;
use futures::future::try_join_all;

use super::versions::parse;
use super::{NOT_FOUND, arn, sorted, stage_path};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
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
    reader: &'r Reader,
    api: &str,
) -> Result<&'r [types::Resource]> {
    let read = || resources(&reader.aws.apigateway, api, api);
    let resources = reader.gateway.resources.get_or_try_init(read).await?;
    Ok(resources)
}

/// The API's stages by logical name: the one there is, or of several the one tagged so, is `main`.
pub(super) async fn stages<'r>(
    reader: &'r Reader,
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
pub(in crate::resources) async fn stage_arns(reader: &Reader) -> Result<Vec<String>> {
    let Some(api) = reader.rest_api().await? else {
        return Ok(Vec::new());
    };
    Ok(stages(reader, &api.id)
        .await?
        .into_iter()
        .filter_map(|(_, stage)| stage.stage_name.as_deref())
        .map(|stage| arn(&reader.stack, &stage_path(&api.id, stage)))
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
pub(super) async fn plans(reader: &Reader) -> Result<Vec<(Claim, &types::UsagePlan)>> {
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
        let claim = claim(&reader.stack, &sorted(plan.tags.clone()), named)?;
        Some((claim, plan))
    });
    Ok(ours.collect())
}

/// The account's API keys by id, without their values. All of them: one that was renamed is still
/// ours by its tags.
pub(super) async fn keys(
    reader: &Reader,
) -> Result<BTreeMap<&str, (Option<Claim>, &types::ApiKey)>> {
    let read = || async {
        let call = reader.aws.apigateway.get_api_keys();
        let call = call.include_values(false).limit(500);
        let pages = call.into_paginator().items().send();
        let keys = pages.collect::<Result<Vec<_>, _>>().await;
        keys.during("GetApiKeys", "the account")
    };
    let keys = reader.gateway.keys.get_or_try_init(read).await?;
    let by_id = keys.iter().filter_map(|key| {
        let named = parse(&reader.stack, key.name.as_deref().unwrap_or_default());
        let named = named.map(|(name, ..)| name);
        let tags = sorted(key.tags.clone());
        let claim = claim(&reader.stack, &tags, named.map(str::to_owned));
        Some((key.id.as_deref()?, (claim, key)))
    });
    Ok(by_id.collect())
}

/// The keys' ids in each of the stack's plans. The answers hold the keys' values: nothing but the
/// ids is taken from them.
pub(crate) async fn plan_keys(reader: &Reader) -> Result<&BTreeMap<String, Vec<String>>> {
    let of_plan = |plan: String| async move {
        let call = reader.aws.apigateway.get_usage_plan_keys();
        let pages = call.usage_plan_id(&plan).limit(500).into_paginator();
        let read = pages.items().send().collect::<Result<Vec<_>, _>>().await;
        let keys = listed(read.during("GetUsagePlanKeys", &plan))?;
        let ids = keys.into_iter().filter_map(|key| key.id).collect();
        Ok::<_, Error>((plan, ids))
    };
    let read = || async {
        let plans = plans(reader).await?.into_iter();
        let ours = plans.filter(|(claim, _)| claim.owned);
        let ids = ours.filter_map(|(_, plan)| plan.id.clone());
        let read = try_join_all(ids.map(of_plan)).await?;
        Ok::<_, Error>(read.into_iter().collect())
    };
    reader.gateway.plan_keys.get_or_try_init(read).await
}
