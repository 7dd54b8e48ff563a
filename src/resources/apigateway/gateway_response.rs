//! What the gateway itself answers when it refuses a request: the contract's error, with the
//! same security headers as the function's answers.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types::GatewayResponseType;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::preflight::cors_headers;
use super::reading::listed;
use super::{NOT_FOUND, sorted, write};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, Id, attributes, revision};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

/// Named after its type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatewayResponse {
    pub api: String,
    /// None keeps the status of each refusal that has no answer of its own.
    pub status: Option<String>,
    pub headers: BTreeMap<String, String>,
    /// By content type.
    pub bodies: BTreeMap<String, String>,
}

/// Type, status, code and sentence. Every type is listed, so that none answers in AWS's own form.
const ANSWERS: [(&str, &str, &str, &str); 21] = [
    ("ACCESS_DENIED", "403", "access_denied", "Access is denied."),
    ("API_CONFIGURATION_ERROR", "500", "internal_error", INTERNAL),
    (
        "AUTHORIZER_CONFIGURATION_ERROR",
        "500",
        "internal_error",
        INTERNAL,
    ),
    ("AUTHORIZER_FAILURE", "500", "internal_error", INTERNAL),
    // The reason is AWS's, in the validator's words; it is escaped for a JSON string.
    (
        "BAD_REQUEST_BODY",
        "400",
        "invalid_body",
        "The body does not match the contract: $context.error.validationErrorString",
    ),
    (
        "BAD_REQUEST_PARAMETERS",
        "400",
        "invalid_request",
        "The request's headers, path or query do not match the contract.",
    ),
    (
        "DEFAULT_4XX",
        "",
        "request_refused",
        "The request was refused.",
    ),
    ("DEFAULT_5XX", "", "internal_error", INTERNAL),
    (
        "EXPIRED_TOKEN",
        "403",
        "expired_token",
        "The token has expired.",
    ),
    (
        "INTEGRATION_FAILURE",
        "504",
        "function_unavailable",
        "The function did not answer; try again shortly.",
    ),
    (
        "INTEGRATION_TIMEOUT",
        "504",
        "timeout",
        "The function did not answer in time; try again with a smaller request.",
    ),
    (
        "INVALID_API_KEY",
        "403",
        "invalid_api_key",
        "The header x-api-key is missing, or its key is not accepted.",
    ),
    (
        "INVALID_SIGNATURE",
        "403",
        "invalid_signature",
        "The request's signature is wrong.",
    ),
    (
        "MISSING_AUTHENTICATION_TOKEN",
        "403",
        "unknown_route",
        "There is nothing at this path and method.",
    ),
    (
        "QUOTA_EXCEEDED",
        "429",
        "quota_exceeded",
        "The key's quota is used up.",
    ),
    (
        "REQUEST_TOO_LARGE",
        "413",
        "payload_too_large",
        "The body is too large.",
    ),
    (
        "RESOURCE_NOT_FOUND",
        "404",
        "not_found",
        "There is nothing at this path.",
    ),
    (
        "THROTTLED",
        "429",
        "throttled",
        "Too many requests; try again shortly.",
    ),
    (
        "UNAUTHORIZED",
        "401",
        "unauthorized",
        "The caller is not authorized.",
    ),
    (
        "UNSUPPORTED_MEDIA_TYPE",
        "415",
        "unsupported_media_type",
        "The body must be application/json.",
    ),
    (
        "WAF_FILTERED",
        "403",
        "request_blocked",
        "The firewall blocked the request.",
    ),
];
/// API Gateway does not tell the two apart.
const UNSIGNED: &str =
    "There is nothing at this path and method, or the request is not signed with SigV4.";
const INTERNAL: &str = "An internal error occurred.";

/// As the function sends them.
const HEADERS: [(&str, &str); 4] = [
    ("Cache-Control", "no-store"),
    ("Content-Type", "application/json"),
    (
        "Strict-Transport-Security",
        "max-age=63072000; includeSubDomains",
    ),
    ("X-Content-Type-Options", "nosniff"),
];

impl Resource for GatewayResponse {
    const KIND: &'static str = "gateway-response";
    const NEEDS: &'static [&'static str] = &["rest-api"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["apigateway:GET"],
            &["apigateway:/restapis/*/gatewayresponses"],
        )],
        create: &[allow(
            &["apigateway:PUT"],
            &["apigateway:/restapis/*/gatewayresponses/*"],
        )
        .ours()],
        update: &[allow(
            &["apigateway:PUT"],
            &["apigateway:/restapis/*/gatewayresponses/*"],
        )
        .ours()],
        delete: &[allow(
            &["apigateway:DELETE"],
            &["apigateway:/restapis/*/gatewayresponses/*"],
        )
        .ours()],
    };

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let origin = scope.config.api.origin().map(cors_headers);
        let headers: BTreeMap<String, String> = HEADERS
            .into_iter()
            .map(|(name, value)| (name, value.to_owned()))
            .chain(origin.into_iter().flatten())
            .map(|(name, value)| {
                (
                    format!("gatewayresponse.header.{name}"),
                    format!("'{value}'"),
                )
            })
            .collect();
        let signed = scope.config.api.is_signed();
        ANSWERS
            .iter()
            .map(|(kind, status, code, sentence)| {
                let sentence = match *kind {
                    "MISSING_AUTHENTICATION_TOKEN" if signed => UNSIGNED,
                    _ => sentence,
                };
                let answer = Self {
                    api: "${rest-api/main}".to_owned(),
                    status: (!status.is_empty()).then(|| (*status).to_owned()),
                    headers: headers.clone(),
                    bodies: BTreeMap::from([("application/json".to_owned(), body(code, sentence))]),
                };
                ((*kind).to_owned(), answer)
            })
            .collect()
    }

    /// AWS lists its own defaults too.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let Some(api) = reader.rest_api().await? else {
            return Ok(Vec::new());
        };
        let read = reader
            .aws
            .apigateway
            .get_gateway_responses()
            .rest_api_id(&api.id)
            .limit(500)
            .send()
            .await
            .during("GetGatewayResponses", &api.id)
            .map(|answer| answer.items.unwrap_or_default());
        Ok(listed(read)?
            .into_iter()
            .filter(|response| !response.default_response)
            .filter_map(|response| {
                let kind = response.response_type?;
                Some(Found::owned(
                    kind.as_str(),
                    attributes([("id", kind.as_str())]),
                    Self {
                        api: api.id.clone(),
                        status: response.status_code,
                        headers: sorted(response.response_parameters),
                        bodies: sorted(response.response_templates),
                    },
                ))
            })
            .collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "api" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .apigateway
            .put_gateway_response()
            .rest_api_id(&self.api)
            .response_type(GatewayResponseType::from(cx.id.name.as_str()))
            .set_status_code(self.status.clone())
            .set_response_parameters(Some(self.headers.clone().into_iter().collect()))
            .set_response_templates(Some(self.bodies.clone().into_iter().collect()));
        write(cx, || async {
            call.clone()
                .send()
                .await
                .during("PutGatewayResponse", cx.id)
        })
        .await?;
        Ok(attributes([("id", &cx.id.name)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        _found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        self.create(cx).await
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .apigateway
            .delete_gateway_response()
            .rest_api_id(&found.value.api)
            .response_type(GatewayResponseType::from(found.aws_id()));
        write(cx, || async {
            call.clone()
                .send()
                .await
                .during("DeleteGatewayResponse", cx.id)
        })
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}

/// All answers as objects, for what must follow them.
pub(super) fn all() -> impl Iterator<Item = Id> {
    ANSWERS
        .iter()
        .map(|(kind, ..)| Id::new(GatewayResponse::KIND, *kind))
}

/// One hash of all answers, which changes when one of them does.
pub(super) fn all_revision(scope: &Scope) -> String {
    revision(&json!(GatewayResponse::wanted(scope)))
}

/// The template is text with simple variables: nothing in it is evaluated.
fn body(code: &str, sentence: &str) -> String {
    format!(
        r#"{{"request_id":"$context.requestId","success":false,"error":"{sentence}","code":"{code}"}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_is_the_contracts_error() {
        for (kind, _, code, sentence) in ANSWERS {
            let text = body(code, sentence);
            let parsed: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            assert_eq!(parsed["success"], false, "{kind}: {text}");
            assert_eq!(parsed["request_id"], "$context.requestId");
            assert_eq!(parsed["code"], code);
            assert!(
                code.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{kind}: {code}"
            );
        }
    }

    #[test]
    fn every_type_that_api_gateway_knows_is_answered() {
        let mut known: Vec<&str> = GatewayResponseType::values().to_vec();
        known.sort_unstable();
        let answered: Vec<&str> = ANSWERS.iter().map(|(kind, ..)| *kind).collect();
        assert_eq!(answered, known);
    }
}
