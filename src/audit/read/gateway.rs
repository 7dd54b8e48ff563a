//! The REST API with all that belongs to it.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types;

use super::seconds;
use crate::audit::facts::{ApiKey, Gateway, Method, Plan, Read, Response, Stage};
use crate::aws::{Aws, During, Optional};
use crate::error::{Error, Result};
use crate::resources::iam::policy::parse;
use crate::stack::partition;

/// The settings of all methods together.
const ALL: &str = "*/*";
const NOT_FOUND: &[&str] = &["NotFoundException"];

pub async fn gateway(aws: &Aws, region: &str, api: Option<&str>) -> Read<Gateway> {
    let Some(name) = api else {
        return Read::Absent;
    };
    match Box::pin(read(aws, region, name)).await {
        Ok(Some(gateway)) => Read::Known(gateway),
        Ok(None) => Read::Absent,
        Err(error) => Read::Unread(super::why(&error)),
    }
}

async fn read(aws: &Aws, region: &str, name: &str) -> Result<Option<Gateway>> {
    let client = &aws.apigateway;
    let pages = client
        .get_rest_apis()
        .limit(500)
        .into_paginator()
        .items()
        .send();
    let apis = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("GetRestApis", name)?;
    let api = apis
        .into_iter()
        .find(|api| api.id() == Some(name) || api.name() == Some(name));
    let Some(api) = api else {
        return Ok(None);
    };
    let id = api.id.clone().unwrap_or_default();
    let (methods, stages, plans, responses, log_role) = tokio::try_join!(
        methods(aws, &id),
        stages(aws, region, &id),
        plans(aws, &id),
        responses(aws, &id),
        log_role(aws),
    )?;
    let (plans, keys) = plans;
    let endpoint_types = api
        .endpoint_configuration
        .unwrap_or_else(|| types::EndpointConfiguration::builder().build());
    let endpoint_types = endpoint_types.types().iter();
    Ok(Some(Gateway {
        id,
        name: api.name.unwrap_or_default(),
        endpoint_types: endpoint_types
            .map(|kind| kind.as_str().to_owned())
            .collect(),
        security_policy: api.security_policy.map(|policy| policy.as_str().to_owned()),
        policy: api.policy.filter(|policy| !policy.is_empty()).map(|text| {
            // It comes as the inside of a JSON string.
            parse(&text.replace("\\\"", "\""))
        }),
        methods,
        stages,
        plans,
        keys,
        responses,
        log_role,
    }))
}

async fn methods(aws: &Aws, api: &str) -> Result<Vec<Method>> {
    let client = &aws.apigateway;
    let pages = client
        .get_resources()
        .rest_api_id(api)
        .embed("methods")
        .limit(500)
        .into_paginator()
        .items()
        .send();
    let resources = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("GetResources", api)?;
    let validators = client.get_request_validators().rest_api_id(api).limit(500);
    let validators = validators
        .send()
        .await
        .during("GetRequestValidators", api)?;
    let of_bodies: Vec<String> = validators
        .items
        .unwrap_or_default()
        .into_iter()
        .filter(|validator| validator.validate_request_body)
        .filter_map(|validator| validator.id)
        .collect();
    let mut methods = Vec::new();
    for resource in resources {
        let path = resource.path.unwrap_or_default();
        for (verb, method) in resource.resource_methods.unwrap_or_default() {
            let models = method.request_models.unwrap_or_default();
            methods.push(Method {
                name: format!("{verb} {path}"),
                key_required: method.api_key_required.unwrap_or_default(),
                authorization: method.authorization_type.unwrap_or_default(),
                validates_body: method
                    .request_validator_id
                    .is_some_and(|id| of_bodies.contains(&id)),
                default_model: models.get("$default").cloned(),
            });
        }
    }
    methods.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(methods)
}

async fn stages(aws: &Aws, region: &str, api: &str) -> Result<Vec<Stage>> {
    let answer = aws.apigateway.get_stages().rest_api_id(api).send().await;
    let stages = answer.during("GetStages", api)?.item.unwrap_or_default();
    Ok(stages
        .into_iter()
        .map(|stage| of_stage(region, api, stage))
        .collect())
}

fn of_stage(region: &str, api: &str, stage: types::Stage) -> Stage {
    let mut settings: BTreeMap<_, _> = stage
        .method_settings
        .unwrap_or_default()
        .into_iter()
        .collect();
    let all = settings.remove(ALL);
    let all = all.as_ref();
    let name = stage.stage_name.unwrap_or_default();
    Stage {
        arn: format!(
            "arn:{}:apigateway:{region}::/restapis/{api}/stages/{name}",
            partition(region)
        ),
        tracing: stage.tracing_enabled,
        cache: stage.cache_cluster_enabled || all.is_some_and(|all| all.caching_enabled),
        cache_encrypted: all.is_some_and(|all| all.cache_data_encrypted),
        log_level: all
            .and_then(|all| all.logging_level.clone())
            .unwrap_or_else(|| "OFF".to_owned()),
        data_trace: all.is_some_and(|all| all.data_trace_enabled),
        metrics: all.is_some_and(|all| all.metrics_enabled),
        rate: all.map_or(0.0, |all| all.throttling_rate_limit),
        burst: all.map_or(0, |all| all.throttling_burst_limit),
        access_log: stage
            .access_log_settings
            .and_then(|log| Some((log.destination_arn?, log.format.unwrap_or_default()))),
        exceptions: settings.into_keys().collect(),
        name,
    }
}

/// The usage plans that the API is in, and their keys.
async fn plans(aws: &Aws, api: &str) -> Result<(Vec<Plan>, Vec<ApiKey>)> {
    let client = &aws.apigateway;
    let pages = client
        .get_usage_plans()
        .limit(500)
        .into_paginator()
        .items()
        .send();
    let plans = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("GetUsagePlans", api)?;
    let pages = client.get_api_keys().include_values(false).limit(500);
    let pages = pages.into_paginator().items().send();
    let keys = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("GetApiKeys", api)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for plan in plans {
        let stages = plan.api_stages.unwrap_or_default();
        if !stages.iter().any(|stage| stage.api_id() == Some(api)) {
            continue;
        }
        let id = plan.id.unwrap_or_default();
        let pages = client.get_usage_plan_keys().usage_plan_id(&id).limit(500);
        let pages = pages.into_paginator().items().send();
        let members = pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("GetUsagePlanKeys", &id)?;
        let members: Vec<String> = members.into_iter().filter_map(|key| key.id).collect();
        let throttle = plan.throttle.as_ref();
        ours.push(Plan {
            rate: throttle.map(|throttle| throttle.rate_limit),
            burst: throttle.map(|throttle| throttle.burst_limit),
            quota: plan.quota.map(|quota| quota.limit),
            keys: members.len(),
            id,
        });
        theirs.extend(members);
    }
    let keys = keys
        .into_iter()
        .filter(|key| {
            key.id()
                .is_some_and(|id| theirs.iter().any(|member| member == id))
        })
        .map(|key| ApiKey {
            enabled: key.enabled,
            created: seconds(key.created_date()),
            name: key.name.unwrap_or_default(),
        });
    Ok((ours, keys.collect()))
}

/// Those that answer in a form of their own.
async fn responses(aws: &Aws, api: &str) -> Result<BTreeMap<String, Response>> {
    let call = aws
        .apigateway
        .get_gateway_responses()
        .rest_api_id(api)
        .limit(500);
    let answer = call.send().await.during("GetGatewayResponses", api)?;
    let own = answer.items.unwrap_or_default().into_iter();
    Ok(own
        .filter(|response| !response.default_response)
        .filter_map(|response| {
            let headers = response.response_parameters.unwrap_or_default().into_iter();
            let value = Response {
                status: response.status_code,
                headers: headers.collect(),
                bodies: response
                    .response_templates
                    .unwrap_or_default()
                    .into_iter()
                    .collect(),
            };
            Some((response.response_type?.as_str().to_owned(), value))
        })
        .collect())
}

async fn log_role(aws: &Aws) -> Result<Option<String>> {
    let account = aws.apigateway.get_account().send().await;
    let account = account
        .during("GetAccount", "the account")
        .unless(NOT_FOUND)?;
    Ok::<_, Error>(account.and_then(|account| account.cloudwatch_role_arn))
}
