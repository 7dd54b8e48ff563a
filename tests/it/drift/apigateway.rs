//! The REST API and all that belongs to it.

use aws_sdk_apigateway::types::{GatewayResponseType, IntegrationType, Method, Op, PatchOperation};
use wmctl::aws::Emulator::{MiniStack, Moto};

use super::{Account, Deed, Deletion, Drift, Rows, drift};

/// Why MiniStack takes no part in some rows.
const UNREADABLE: &str =
    "keeps a patched number, boolean or list as text, which is not API Gateway's";
/// Why moto takes no part in some.
const NO_PATCH: &str = "answers 500 to the change, or passes it over";

pub fn rows() -> Rows {
    Rows {
        drifts: [
            api(),
            method_of_the_path(),
            around_the_method(),
            stage(),
            plan_and_keys(),
            extras(),
        ]
        .into_iter()
        .flatten()
        .collect(),
        deletions: deletions(),
        fixed: &[
            (
                "api-account",
                "role",
                "one that somebody set serves as well",
            ),
            ("api-resource", "api", IN_ITS_API),
            ("api-resource", "parent", "another path is another object"),
            ("api-resource", "part", "another path is another object"),
            ("deployment", "api", IN_ITS_API),
            ("deployment", "routes", "a snapshot never changes"),
            ("gateway-response", "api", IN_ITS_API),
            ("method", "api", IN_ITS_API),
            ("method", "resource", "another path is another object"),
            ("method", "verb", "another verb is another object"),
            ("model", "api", IN_ITS_API),
            ("request-validator", "api", IN_ITS_API),
            ("stage", "api", IN_ITS_API),
            ("stage", "name", "another name is another stage"),
            ("usage-plan-key", "key", "another key is another object"),
            ("usage-plan-key", "plan", "it lives in its plan"),
        ],
        lasting: &[],
    }
}

const IN_ITS_API: &str = "it lives in its API";

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

fn method_of_the_path() -> Vec<Drift> {
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
                "no".clone_into(&mut answer.body)
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

fn stage() -> Vec<Drift> {
    const ID: &str = "stage/main";
    let in_place = |field, deed: Deed| drift(ID, field, deed);
    vec![
        in_place("throttle", |a| {
            Box::pin(patch_stage(a, "/*/*/throttling/burstLimit", "9"))
        }),
        in_place("metrics", |a| {
            Box::pin(patch_stage(a, "/*/*/metrics/enabled", "false"))
        }),
        in_place("execution_log.level", |a| {
            Box::pin(patch_stage(a, "/*/*/logging/loglevel", "OFF"))
        }),
        in_place("execution_log.data_trace", |a| {
            Box::pin(patch_stage(a, "/*/*/logging/dataTrace", "true"))
        }),
        in_place("access_log", |a| {
            Box::pin(patch_stage(a, "/accessLogSettings/format", "$context.path"))
        }),
        in_place("access_log", |a| {
            Box::pin(change_stage(a, patch(Op::Remove, "/accessLogSettings", "")))
        }),
        in_place("tracing", |a| {
            let traced = a.values[ID]["tracing"] == true;
            let other = if traced { "false" } else { "true" };
            Box::pin(patch_stage(a, "/tracingEnabled", other))
        }),
        in_place("cache", |a| {
            Box::pin(patch_stage(a, "/*/*/caching/enabled", "true"))
        }),
        Drift {
            except: &[(Moto, NO_PATCH)],
            ..in_place("exceptions", |a| {
                Box::pin(patch_stage(a, "/chatbot/POST/logging/dataTrace", "true"))
            })
        },
        in_place("canary", |a| {
            let other = a.id("deployment/current");
            Box::pin(patch_stage(a, "/canarySettings/deploymentId", other))
        }),
        in_place("variables", |a| {
            Box::pin(patch_stage(a, "/variables/function", "other"))
        }),
        in_place("tags.owner", |a| {
            let api = a.id("rest-api/main");
            Box::pin(tag(a, format!("/restapis/{api}/stages/{}", a.id(ID))))
        }),
        Drift {
            also: &["deployment/current"],
            ..in_place("deployment", |a| {
                Box::pin(async move {
                    let other = deploy(a).await;
                    patch_stage(a, "/deploymentId", &other).await;
                })
            })
        },
    ]
}

fn plan_and_keys() -> Vec<Drift> {
    vec![
        drift("api-key/chatbot", "name", |a| {
            Box::pin(patch_key(a, "/name", "other"))
        }),
        drift("api-key/chatbot", "enabled", |a| {
            Box::pin(patch_key(a, "/enabled", "false"))
        }),
        drift("api-key/chatbot", "tags.owner", |a| {
            Box::pin(tag(a, format!("/apikeys/{}", a.id("api-key/chatbot"))))
        }),
        drift("usage-plan/main", "name", |a| {
            Box::pin(patch_plan(a, Op::Replace, "/name", "other"))
        }),
        drift("usage-plan/main", "throttle", |a| {
            Box::pin(patch_plan(a, Op::Remove, "/throttle", ""))
        }),
        drift("usage-plan/main", "quota", |a| {
            Box::pin(patch_plan(a, Op::Remove, "/quota", ""))
        }),
        drift("usage-plan/main", "stages", |a| {
            let stage = format!("{}:{}", a.id("rest-api/main"), a.id("stage/main"));
            Box::pin(async move { patch_plan(a, Op::Remove, "/apiStages", &stage).await })
        }),
        Drift {
            except: &[(MiniStack, UNREADABLE)],
            ..drift("usage-plan/main", "stages", |a| {
                let stage = format!("{}:other", a.id("rest-api/main"));
                Box::pin(async move { patch_plan(a, Op::Add, "/apiStages", &stage).await })
            })
        },
        drift("usage-plan/main", "tags.owner", |a| {
            Box::pin(tag(a, format!("/usageplans/{}", a.id("usage-plan/main"))))
        }),
    ]
}

/// What somebody added to what is ours.
fn extras() -> Vec<Drift> {
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

/// What an API takes along, and what names it.
const BELOW_THE_API: &[&str] = &[
    "api-resource/chatbot",
    "deployment/current",
    "function-permission/chatbot-live-api",
    "gateway-response/ACCESS_DENIED",
    "gateway-response/API_CONFIGURATION_ERROR",
    "gateway-response/AUTHORIZER_CONFIGURATION_ERROR",
    "gateway-response/AUTHORIZER_FAILURE",
    "gateway-response/BAD_REQUEST_BODY",
    "gateway-response/BAD_REQUEST_PARAMETERS",
    "gateway-response/DEFAULT_4XX",
    "gateway-response/DEFAULT_5XX",
    "gateway-response/EXPIRED_TOKEN",
    "gateway-response/INTEGRATION_FAILURE",
    "gateway-response/INTEGRATION_TIMEOUT",
    "gateway-response/INVALID_API_KEY",
    "gateway-response/INVALID_SIGNATURE",
    "gateway-response/MISSING_AUTHENTICATION_TOKEN",
    "gateway-response/QUOTA_EXCEEDED",
    "gateway-response/REQUEST_TOO_LARGE",
    "gateway-response/RESOURCE_NOT_FOUND",
    "gateway-response/THROTTLED",
    "gateway-response/UNAUTHORIZED",
    "gateway-response/UNSUPPORTED_MEDIA_TYPE",
    "gateway-response/WAF_FILTERED",
    "log-group/api-execution",
    "method/chatbot-post",
    "model/request",
    "request-validator/body",
    "stage/main",
    "usage-plan/main",
    "web-acl-association/stage",
];

const fn deletion(id: &'static str, also: &'static [&'static str], deed: Deed) -> Deletion {
    Deletion {
        id,
        also,
        except: &[],
        deed,
    }
}

/// `$operation` with `$member`s, below the stack's API.
macro_rules! delete {
    ($operation:ident, $($member:ident = $id:expr),*) => {
        |a| Box::pin(async move {
            let call = a.aws.apigateway.$operation();
            $(let call = call.$member(a.ids.get($id).map_or($id, String::as_str));)*
            call.send().await.unwrap();
        })
    };
}

fn deletions() -> Vec<Deletion> {
    vec![
        deletion("api-account/logging", &[], |a| {
            Box::pin(async move {
                let call = a.aws.apigateway.update_account();
                let patch = patch(Op::Replace, "/cloudwatchRoleArn", "");
                call.patch_operations(patch).send().await.unwrap();
            })
        }),
        deletion("gateway-response/THROTTLED", &[], |a| {
            Box::pin(async move {
                let call = a.aws.apigateway.delete_gateway_response();
                let call = call.rest_api_id(a.id("rest-api/main"));
                let call = call.response_type(GatewayResponseType::Throttled);
                call.send().await.unwrap();
            })
        }),
        deletion(
            "method/chatbot-post",
            &[],
            delete!(
                delete_method,
                rest_api_id = "rest-api/main",
                resource_id = "api-resource/chatbot",
                http_method = "POST"
            ),
        ),
        deletion(
            "model/request",
            &["method/chatbot-post", "deployment/current", "stage/main"],
            delete!(
                delete_model,
                rest_api_id = "rest-api/main",
                model_name = "model/request"
            ),
        ),
        deletion(
            "request-validator/body",
            &["method/chatbot-post", "deployment/current", "stage/main"],
            delete!(
                delete_request_validator,
                rest_api_id = "rest-api/main",
                request_validator_id = "request-validator/body"
            ),
        ),
        deletion(
            "api-resource/chatbot",
            &["method/chatbot-post", "deployment/current", "stage/main"],
            delete!(
                delete_resource,
                rest_api_id = "rest-api/main",
                resource_id = "api-resource/chatbot"
            ),
        ),
        deletion(
            "deployment/current",
            &["stage/main"],
            delete!(
                delete_deployment,
                rest_api_id = "rest-api/main",
                deployment_id = "deployment/current"
            ),
        ),
        deletion(
            "usage-plan-key/chatbot",
            &[],
            delete!(
                delete_usage_plan_key,
                usage_plan_id = "usage-plan/main",
                key_id = "api-key/chatbot"
            ),
        ),
        deletion(
            "usage-plan/main",
            &["usage-plan-key/chatbot"],
            delete!(delete_usage_plan, usage_plan_id = "usage-plan/main"),
        ),
        deletion(
            "api-key/chatbot",
            &[
                "usage-plan-key/chatbot",
                "secret/api-key-chatbot",
                "secret/api-keys",
            ],
            delete!(delete_api_key, api_key = "api-key/chatbot"),
        ),
        deletion(
            "stage/main",
            &["usage-plan/main", "web-acl-association/stage"],
            delete!(
                delete_stage,
                rest_api_id = "rest-api/main",
                stage_name = "stage/main"
            ),
        ),
        deletion(
            "rest-api/main",
            BELOW_THE_API,
            delete!(delete_rest_api, rest_api_id = "rest-api/main"),
        ),
    ]
}

fn patch(op: Op, path: &str, value: &str) -> PatchOperation {
    let value = (!value.is_empty() || op == Op::Replace).then(|| value.to_owned());
    let operation = PatchOperation::builder().op(op).path(path);
    operation.set_value(value).build()
}

async fn patch_api(account: &Account, path: &str, value: &str) {
    let call = account.aws.apigateway.update_rest_api();
    let call = call.rest_api_id(account.id("rest-api/main"));
    let call = call.patch_operations(patch(Op::Replace, path, value));
    call.send().await.unwrap();
}

async fn patch_stage(account: &Account, path: &str, value: &str) {
    change_stage(account, patch(Op::Replace, path, value)).await;
}

async fn change_stage(account: &Account, patch: PatchOperation) {
    let call = account.aws.apigateway.update_stage();
    let call = call.rest_api_id(account.id("rest-api/main"));
    let call = call.stage_name(account.id("stage/main"));
    call.patch_operations(patch).send().await.unwrap();
}

async fn patch_key(account: &Account, path: &str, value: &str) {
    let call = account.aws.apigateway.update_api_key();
    let call = call.api_key(account.id("api-key/chatbot"));
    let call = call.patch_operations(patch(Op::Replace, path, value));
    call.send().await.unwrap();
}

async fn patch_plan(account: &Account, op: Op, path: &str, value: &str) {
    let call = account.aws.apigateway.update_usage_plan();
    let call = call.usage_plan_id(account.id("usage-plan/main"));
    let call = call.patch_operations(patch(op, path, value));
    call.send().await.unwrap();
}

async fn tag(account: &Account, path: String) {
    let call = account.aws.apigateway.tag_resource();
    let call = call.resource_arn(format!("arn:aws:apigateway:us-east-1::{path}"));
    call.tags("owner", "other").send().await.unwrap();
}

async fn validator(account: &Account, path: &str, value: &str) {
    let call = account.aws.apigateway.update_request_validator();
    let call = call.rest_api_id(account.id("rest-api/main"));
    let call = call.request_validator_id(account.id("request-validator/body"));
    let call = call.patch_operations(patch(Op::Replace, path, value));
    call.send().await.unwrap();
}

/// A second deployment, which no stage points to. Returns its id.
async fn deploy(account: &Account) -> String {
    let call = account.aws.apigateway.create_deployment();
    let call = call.rest_api_id(account.id("rest-api/main"));
    let made = call.description("by hand").send().await.unwrap();
    made.id.unwrap()
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

async fn integration(account: &Account, verb: &str, kind: IntegrationType, uri: &str) {
    let call = account.aws.apigateway.put_integration();
    let call = call
        .rest_api_id(account.id("rest-api/main"))
        .resource_id(account.id("api-resource/chatbot"))
        .http_method(verb)
        .r#type(kind)
        .integration_http_method("POST")
        .uri(uri)
        .timeout_in_millis(29_000)
        .passthrough_behavior("WHEN_NO_MATCH");
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
