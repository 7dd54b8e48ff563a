//! The API itself, and what its methods stand on.

use aws_sdk_apigateway::types::{GatewayResponseType, Op};
use wmctl::aws::Emulator::{MiniStack, Moto};

use super::super::{Account, Drift, drift};
use super::{NO_PATCH, UNREADABLE, patch, tag};

pub fn rows() -> Vec<Drift> {
    [api(), around_the_method()].into_iter().flatten().collect()
}

fn api() -> Vec<Drift> {
    vec![
        drift("rest-api/main", "name", |a| {
            Box::pin(patch_api(a, "/name", "other"))
        }),
        Drift {
            except: &[(MiniStack, "makes the list of types an object")],
            ..drift("rest-api/main", "endpoint_types", |a| {
                let path = "/endpointConfiguration/types/REGIONAL";
                Box::pin(patch_api(a, path, "EDGE"))
            })
        },
        drift("rest-api/main", "policy", |a| {
            let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"*"}]}"#;
            Box::pin(patch_api(a, "/policy", policy))
        }),
        Drift {
            except: &[(MiniStack, UNREADABLE), (Moto, "takes any text for true")],
            ..drift("rest-api/main", "execute_api", |a| {
                Box::pin(patch_api(a, "/disableExecuteApiEndpoint", "true"))
            })
        },
        drift("rest-api/main", "key_source", |a| {
            Box::pin(patch_api(a, "/apiKeySource", "AUTHORIZER"))
        }),
        Drift {
            except: &[(MiniStack, UNREADABLE), (Moto, NO_PATCH)],
            ..drift("rest-api/main", "binary_types", |a| {
                Box::pin(async move {
                    let call = a.aws.apigateway.update_rest_api();
                    let call = call.rest_api_id(a.id("rest-api/main"));
                    let patch = patch(Op::Add, "/binaryMediaTypes/image~1png", "");
                    call.patch_operations(patch).send().await.unwrap();
                })
            })
        },
        Drift {
            except: &[(MiniStack, UNREADABLE), (Moto, NO_PATCH)],
            ..drift("rest-api/main", "minimum_compression", |a| {
                Box::pin(patch_api(a, "/minimumCompressionSize", "1024"))
            })
        },
        drift("rest-api/main", "tags.owner", |a| {
            Box::pin(tag(a, format!("/restapis/{}", a.id("rest-api/main"))))
        }),
    ]
}

/// What the method stands on, and what it is published with.
fn around_the_method() -> Vec<Drift> {
    vec![
        Drift {
            except: &[(Moto, NO_PATCH)],
            ..drift("model/request", "schema", |a| {
                Box::pin(async move {
                    let call = a.aws.apigateway.update_model();
                    let call = call.rest_api_id(a.id("rest-api/main"));
                    let call = call.model_name("request");
                    let call = call.patch_operations(patch(Op::Replace, "/schema", "{}"));
                    call.send().await.unwrap();
                })
            })
        },
        Drift {
            action: "replace",
            // What refers to it is made anew with it, and published.
            also: &["method/chatbot-post", "deployment/current", "stage/main"],
            ..drift("model/request", "content_type", |a| {
                Box::pin(async move {
                    let (gateway, api) = (&a.aws.apigateway, a.id("rest-api/main"));
                    let models = gateway.get_models().rest_api_id(api).send().await.unwrap();
                    let of_name =
                        |m: &&aws_sdk_apigateway::types::Model| m.name() == Some("request");
                    let schema = models
                        .items()
                        .iter()
                        .find(of_name)
                        .unwrap()
                        .schema()
                        .unwrap();
                    let call = gateway.delete_model().rest_api_id(api);
                    call.model_name("request").send().await.unwrap();
                    let call = gateway.create_model().rest_api_id(api).name("request");
                    let call = call.content_type("text/plain").schema(schema);
                    call.send().await.unwrap();
                })
            })
        },
        drift("request-validator/body", "body", |a| {
            Box::pin(validator(a, "/validateRequestBody", "false"))
        }),
        drift("request-validator/body", "parameters", |a| {
            Box::pin(validator(a, "/validateRequestParameters", "true"))
        }),
        drift("gateway-response/THROTTLED", "status", |a| {
            Box::pin(gateway_response(a, |answer| {
                "418".clone_into(&mut answer.status);
            }))
        }),
        drift("gateway-response/THROTTLED", "headers", |a| {
            Box::pin(gateway_response(a, |answer| answer.headers.clear()))
        }),
        drift("gateway-response/THROTTLED", "bodies", |a| {
            Box::pin(gateway_response(a, |answer| {
                "no".clone_into(&mut answer.body);
            }))
        }),
        Drift {
            // One is made beside it, and it goes.
            action: "delete",
            also: &["stage/main"],
            except: &[(Moto, NO_PATCH)],
            ..drift("deployment/current", "description", |a| {
                Box::pin(async move {
                    let call = a.aws.apigateway.update_deployment();
                    let call = call.rest_api_id(a.id("rest-api/main"));
                    let call = call.deployment_id(a.id("deployment/current"));
                    let call = call.patch_operations(patch(Op::Replace, "/description", "other"));
                    call.send().await.unwrap();
                })
            })
        },
    ]
}

async fn patch_api(account: &Account, path: &str, value: &str) {
    let call = account.aws.apigateway.update_rest_api();
    let call = call.rest_api_id(account.id("rest-api/main"));
    let call = call.patch_operations(patch(Op::Replace, path, value));
    call.send().await.unwrap();
}

async fn validator(account: &Account, path: &str, value: &str) {
    let call = account.aws.apigateway.update_request_validator();
    let call = call.rest_api_id(account.id("rest-api/main"));
    let call = call.request_validator_id(account.id("request-validator/body"));
    let call = call.patch_operations(patch(Op::Replace, path, value));
    call.send().await.unwrap();
}

/// The gateway's answer to a throttled caller, as the stack wants it.
struct Answer {
    status: String,
    headers: std::collections::HashMap<String, String>,
    body: String,
}

async fn gateway_response(account: &Account, change: fn(&mut Answer)) {
    let wanted = &account.values["gateway-response/THROTTLED"];
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let headers = wanted["headers"].as_object().unwrap().iter();
    let mut answer = Answer {
        status: text(&wanted["status"]),
        headers: headers
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        body: text(&wanted["bodies"]["application/json"]),
    };
    change(&mut answer);
    let call = account.aws.apigateway.put_gateway_response();
    let call = call
        .rest_api_id(account.id("rest-api/main"))
        .response_type(GatewayResponseType::Throttled)
        .status_code(answer.status)
        .set_response_parameters(Some(answer.headers))
        .response_templates("application/json", answer.body);
    call.send().await.unwrap();
}
