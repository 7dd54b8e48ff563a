//! What somebody took away.

use aws_sdk_apigateway::types::{GatewayResponseType, Op};

use super::super::{Deed, Deletion};
use super::patch;

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
    "preflight/chatbot",
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

pub fn rows() -> Vec<Deletion> {
    [behind(), in_front()].into_iter().flatten().collect()
}

/// The draft and what is made of it.
fn behind() -> Vec<Deletion> {
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
            "preflight/chatbot",
            &[],
            delete!(
                delete_method,
                rest_api_id = "rest-api/main",
                resource_id = "api-resource/chatbot",
                http_method = "OPTIONS"
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
            &[
                "method/chatbot-post",
                "preflight/chatbot",
                "deployment/current",
                "stage/main",
            ],
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
    ]
}

/// Keys and their plan, and what callers see.
fn in_front() -> Vec<Deletion> {
    vec![
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
