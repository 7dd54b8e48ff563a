//! What the path answers to.

use aws_sdk_apigateway::types::{IntegrationType, Method};

use super::super::{Account, Drift, drift};
use super::integration;

pub fn rows() -> Vec<Drift> {
    vec![
        drift("method/chatbot-post", "api_key_required", |a| {
            Box::pin(method(a, |m| m.api_key_required = Some(false)))
        }),
        drift("method/chatbot-post", "authorization", |a| {
            Box::pin(method(a, |m| {
                m.authorization_type = Some("AWS_IAM".to_owned());
            }))
        }),
        drift("method/chatbot-post", "authorizer", |a| {
            Box::pin(method(a, |m| m.authorizer_id = Some("abc123".to_owned())))
        }),
        drift("method/chatbot-post", "validator", |a| {
            Box::pin(method(a, |m| m.request_validator_id = None))
        }),
        drift("method/chatbot-post", "models", |a| {
            Box::pin(method(a, |m| {
                let models = m.request_models.get_or_insert_default();
                models.clear();
                models.insert("text/plain".to_owned(), "request".to_owned());
            }))
        }),
        drift("method/chatbot-post", "responses", |a| {
            Box::pin(async move {
                let call = a.aws.apigateway.put_method_response();
                let call = call.rest_api_id(a.id("rest-api/main"));
                let call = call.resource_id(a.id("api-resource/chatbot"));
                let call = call.http_method("POST").status_code("200");
                call.send().await.unwrap();
            })
        }),
        drift("method/chatbot-post", "integration", |a| {
            Box::pin(integration(a, "POST", IntegrationType::Mock, "x"))
        }),
        drift("preflight/chatbot", "api_key_required", |a| {
            Box::pin(preflight(a, "NONE", true))
        }),
        drift("preflight/chatbot", "authorization", |a| {
            Box::pin(preflight(a, "AWS_IAM", false))
        }),
        drift("preflight/chatbot", "integration", |a| {
            Box::pin(async move {
                let call = a.aws.apigateway.put_integration();
                let call = call.rest_api_id(a.id("rest-api/main"));
                let call = call.resource_id(a.id("api-resource/chatbot"));
                let call = call.http_method("OPTIONS").r#type(IntegrationType::Http);
                let call = call.integration_http_method("POST");
                call.uri("http://example.com").send().await.unwrap();
                fill(a).await;
            })
        }),
        drift("preflight/chatbot", "headers", |a| {
            Box::pin(async move {
                let call = a.aws.apigateway.delete_integration_response();
                let call = call.rest_api_id(a.id("rest-api/main"));
                let call = call.resource_id(a.id("api-resource/chatbot"));
                let call = call.http_method("OPTIONS").status_code("204");
                call.send().await.unwrap();
            })
        }),
    ]
}

/// Makes what browsers ask first anew.
async fn preflight(account: &Account, authorization: &str, key: bool) {
    let (gateway, api) = (&account.aws.apigateway, account.id("rest-api/main"));
    let path = account.id("api-resource/chatbot");
    let call = gateway.delete_method().rest_api_id(api).resource_id(path);
    call.http_method("OPTIONS").send().await.unwrap();
    let call = gateway.put_method().rest_api_id(api).resource_id(path);
    let call = call.http_method("OPTIONS").api_key_required(key);
    call.authorization_type(authorization).send().await.unwrap();
    integration(account, "OPTIONS", IntegrationType::Mock, "x").await;
    let mut declared = gateway.put_method_response();
    for name in headers(account).keys() {
        let name = format!("method.response.header.{name}");
        declared = declared.response_parameters(name, false);
    }
    let call = declared.rest_api_id(api).resource_id(path);
    let call = call.http_method("OPTIONS").status_code("204");
    call.send().await.unwrap();
    fill(account).await;
}

fn headers(account: &Account) -> &serde_json::Map<String, serde_json::Value> {
    let headers = account.values["preflight/chatbot"]["headers"].as_object();
    headers.unwrap()
}

/// The headers' values, which go where an integration is put anew.
async fn fill(account: &Account) {
    let (gateway, api) = (&account.aws.apigateway, account.id("rest-api/main"));
    let mut filled = gateway.put_integration_response();
    for (name, value) in headers(account) {
        let name = format!("method.response.header.{name}");
        filled = filled.response_parameters(name, value.as_str().unwrap());
    }
    let call = filled.rest_api_id(api);
    let call = call.resource_id(account.id("api-resource/chatbot"));
    let call = call.http_method("OPTIONS").status_code("204");
    call.send().await.unwrap();
}

/// Makes the method anew, as it was but for what `change` does to it.
async fn method(account: &Account, change: fn(&mut Method)) {
    let (gateway, api) = (&account.aws.apigateway, account.id("rest-api/main"));
    let path = account.id("api-resource/chatbot");
    let call = gateway.get_resources().rest_api_id(api).embed("methods");
    let paths = call.send().await.unwrap();
    let resource = paths
        .items()
        .iter()
        .find(|resource| resource.id() == Some(path));
    let mut method = resource.unwrap().resource_methods().unwrap()["POST"].clone();
    change(&mut method);
    let call = gateway.delete_method().rest_api_id(api).resource_id(path);
    call.http_method("POST").send().await.unwrap();
    let call = gateway.put_method().rest_api_id(api).resource_id(path);
    let call = call
        .http_method("POST")
        .set_authorization_type(method.authorization_type)
        .set_authorizer_id(method.authorizer_id)
        .set_api_key_required(method.api_key_required)
        .set_request_validator_id(method.request_validator_id)
        .set_request_models(method.request_models);
    call.send().await.unwrap();
    let uri = method.method_integration.unwrap().uri.unwrap();
    integration(account, "POST", IntegrationType::AwsProxy, &uri).await;
}
