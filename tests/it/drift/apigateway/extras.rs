//! What somebody added to what is ours.

use aws_sdk_apigateway::types::IntegrationType;

use super::super::{Deed, Drift, drift};
use super::{deploy, integration};

pub fn rows() -> Vec<Drift> {
    let extra = |id, deed: Deed| Drift {
        action: "delete",
        ..drift(id, "", deed)
    };
    vec![
        extra("method/chatbot-get", |a| {
            Box::pin(async move {
                let call = a.aws.apigateway.put_method();
                let call = call.rest_api_id(a.id("rest-api/main"));
                let call = call.resource_id(a.id("api-resource/chatbot"));
                let call = call.http_method("GET").authorization_type("NONE");
                call.send().await.unwrap();
                integration(a, "GET", IntegrationType::Mock, "x").await;
            })
        }),
        extra("api-resource/extra", |a| {
            Box::pin(async move {
                let (gateway, api) = (&a.aws.apigateway, a.id("rest-api/main"));
                let paths = gateway.get_resources().rest_api_id(api).send().await;
                let paths = paths.unwrap();
                let root = paths.items().iter().find(|path| path.path() == Some("/"));
                let call = gateway.create_resource().rest_api_id(api);
                let call = call.set_parent_id(root.and_then(|root| root.id.clone()));
                call.path_part("extra").send().await.unwrap();
            })
        }),
        extra("model/extra", |a| {
            Box::pin(async move {
                let call = a.aws.apigateway.create_model();
                let call = call.rest_api_id(a.id("rest-api/main")).name("extra");
                let call = call.content_type("application/json").schema("{}");
                call.send().await.unwrap();
            })
        }),
        extra("request-validator/extra", |a| {
            Box::pin(async move {
                let call = a.aws.apigateway.create_request_validator();
                let call = call.rest_api_id(a.id("rest-api/main")).name("extra");
                call.send().await.unwrap();
            })
        }),
        extra("deployment/current", |a| {
            Box::pin(async move {
                deploy(a).await;
            })
        }),
        extra("stage/extra", |a| {
            Box::pin(async move {
                let call = a.aws.apigateway.create_stage();
                let call = call.rest_api_id(a.id("rest-api/main"));
                let call = call.deployment_id(a.id("deployment/current"));
                call.stage_name("extra").send().await.unwrap();
            })
        }),
        extra("usage-plan-key/stranger", |a| {
            Box::pin(async move {
                let gateway = &a.aws.apigateway;
                let key = gateway.create_api_key().name("stranger").send().await;
                let call = gateway.create_usage_plan_key();
                let call = call.usage_plan_id(a.id("usage-plan/main"));
                let call = call.set_key_id(key.unwrap().id).key_type("API_KEY");
                call.send().await.unwrap();
            })
        }),
    ]
}
