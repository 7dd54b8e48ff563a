//! The REST API and all that belongs to it.

mod api;
mod deletions;
mod extras;
mod method;
mod plan;
mod stage;

use aws_sdk_apigateway::types::{IntegrationType, Op, PatchOperation};

use super::{Account, Rows};

/// Why MiniStack takes no part in some rows.
const UNREADABLE: &str =
    "keeps a patched number, boolean or list as text, which is not API Gateway's";
/// Why moto takes no part in some.
const NO_PATCH: &str = "answers 500 to the change, or passes it over";

pub fn rows() -> Rows {
    Rows {
        drifts: [
            api::rows(),
            method::rows(),
            stage::rows(),
            plan::rows(),
            extras::rows(),
        ]
        .into_iter()
        .flatten()
        .collect(),
        deletions: deletions::rows(),
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
            ("preflight", "api", IN_ITS_API),
            ("preflight", "resource", "another path is another object"),
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

fn patch(op: Op, path: &str, value: &str) -> PatchOperation {
    let value = (!value.is_empty() || op == Op::Replace).then(|| value.to_owned());
    let operation = PatchOperation::builder().op(op).path(path);
    operation.set_value(value).build()
}

async fn tag(account: &Account, path: String) {
    let call = account.aws.apigateway.tag_resource();
    let call = call.resource_arn(format!("arn:aws:apigateway:us-east-1::{path}"));
    call.tags("owner", "other").send().await.unwrap();
}

/// A second deployment, which no stage points to. Returns its id.
async fn deploy(account: &Account) -> String {
    let call = account.aws.apigateway.create_deployment();
    let call = call.rest_api_id(account.id("rest-api/main"));
    let made = call.description("by hand").send().await.unwrap();
    made.id.unwrap()
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
