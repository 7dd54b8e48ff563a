//! What a browser asks before it sends a request from another origin: answered by the gateway
//! itself, without a key, and never by the function.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types::{self, IntegrationType};
use serde::{Deserialize, Serialize};

use super::method::remove;
use super::reading::our_resources;
use super::{path_name, sorted, write};
use crate::aws::{During, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::Calls;
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

pub(super) const VERB: &str = "OPTIONS";
const STATUS: &str = "204";
/// What the gateway tells itself to answer.
const TEMPLATE: &str = r#"{"statusCode": 204}"#;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preflight {
    pub api: String,
    pub resource: String,
    pub api_key_required: bool,
    pub authorization: String,
    /// `MOCK`: nothing behind the gateway is asked.
    pub integration: String,
    /// The answer's headers with their values, in quotes of API Gateway's.
    pub headers: BTreeMap<String, String>,
}

/// For every answer to a browser at the one origin that is let in.
pub(super) fn cors_headers(origin: &str) -> [(&'static str, String); 2] {
    [
        ("Access-Control-Allow-Origin", origin.to_owned()),
        ("Vary", "Origin".to_owned()),
    ]
}

impl Resource for Preflight {
    const KIND: &'static str = "preflight";
    const NEEDS: &'static [&'static str] = &["rest-api", "api-resource"];
    const CALLS: Calls = super::METHOD_CALLS;
    const INTERRUPTS: Option<&'static str> = Some("browsers' requests");
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let Some(origin) = scope.config.api.origin() else {
            return Vec::new();
        };
        let path = path_name(&scope.config.api.path);
        let signed = scope.config.api.is_signed();
        let sent = if signed { SIGNED_HEADERS } else { HEADERS };
        let more = [
            ("Access-Control-Allow-Headers", sent),
            ("Access-Control-Allow-Methods", "POST"),
            ("Access-Control-Max-Age", "600"),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ];
        let more = more.map(|(name, value)| (name, value.to_owned()));
        let preflight = Self {
            api: "${rest-api/main}".to_owned(),
            resource: format!("${{api-resource/{path}}}"),
            api_key_required: false,
            authorization: "NONE".to_owned(),
            integration: IntegrationType::Mock.as_str().to_owned(),
            headers: cors_headers(origin)
                .into_iter()
                .chain(more)
                .map(|(name, value)| (name.to_owned(), format!("'{value}'")))
                .collect(),
        };
        vec![(path, preflight)]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let Some(api) = reader.rest_api().await? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for resource in our_resources(reader, &api.id).await? {
            let path = path_name(resource.path.as_deref().unwrap_or_default());
            let id = resource.id.as_deref().unwrap_or_default();
            let method = sorted(resource.resource_methods.clone()).remove(VERB);
            found.extend(method.map(|method| {
                let attributes = attributes([("id", &format!("{id}/{VERB}"))]);
                Found::owned(path, attributes, Self::read(&api.id, id, method))
            }));
        }
        Ok(found)
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "api" | "resource" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    /// In the place of whatever stands there.
    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        remove(cx, &self.api, &self.resource, VERB).await?;
        let gateway = &cx.aws.apigateway;
        let call = gateway
            .put_method()
            .rest_api_id(&self.api)
            .resource_id(&self.resource)
            .http_method(VERB)
            .authorization_type(&self.authorization)
            .api_key_required(self.api_key_required);
        write(cx, || async {
            call.clone().send().await.during("PutMethod", cx.id)
        })
        .await?;
        let call = gateway
            .put_integration()
            .rest_api_id(&self.api)
            .resource_id(&self.resource)
            .http_method(VERB)
            .r#type(IntegrationType::from(self.integration.as_str()))
            .request_templates("application/json", TEMPLATE);
        write(cx, || async {
            call.clone().send().await.during("PutIntegration", cx.id)
        })
        .await?;
        // The method declares what the integration fills in.
        let mut declared = gateway
            .put_method_response()
            .rest_api_id(&self.api)
            .resource_id(&self.resource)
            .http_method(VERB)
            .status_code(STATUS);
        let mut filled = gateway
            .put_integration_response()
            .rest_api_id(&self.api)
            .resource_id(&self.resource)
            .http_method(VERB)
            .status_code(STATUS);
        for (name, value) in &self.headers {
            let name = format!("{HEADER}{name}");
            declared = declared.response_parameters(&name, false);
            filled = filled.response_parameters(name, value);
        }
        write(cx, || async {
            let answer = declared.clone().send().await;
            answer.during("PutMethodResponse", cx.id)
        })
        .await?;
        write(cx, || async {
            let answer = filled.clone().send().await;
            answer.during("PutIntegrationResponse", cx.id)
        })
        .await?;
        Ok(attributes([("id", &format!("{}/{VERB}", self.resource))]))
    }

    /// The stage serves a deployment, not this draft: nobody misses it for a moment.
    async fn update(
        &self,
        cx: &Cx<'_>,
        _found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        self.create(cx).await
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        remove(cx, &found.value.api, &found.value.resource, VERB).await
    }
}

const HEADER: &str = "method.response.header.";
/// What a page may send.
const HEADERS: &str = "content-type,x-api-key";
/// The same with what SigV4 adds.
const SIGNED_HEADERS: &str =
    "authorization,content-type,x-amz-content-sha256,x-amz-date,x-amz-security-token,x-api-key";

impl Preflight {
    fn read(api: &str, resource: &str, method: types::Method) -> Self {
        let integration = method.method_integration;
        let kind = integration.as_ref().and_then(|i| i.r#type.clone());
        let answers = integration.and_then(|integration| integration.integration_responses);
        let filled = sorted(answers).remove(STATUS);
        let filled = sorted(filled.and_then(|answer| answer.response_parameters));
        Self {
            api: api.to_owned(),
            resource: resource.to_owned(),
            api_key_required: method.api_key_required.unwrap_or_default(),
            authorization: method.authorization_type.unwrap_or_default(),
            integration: kind.map_or_else(String::new, |kind| kind.as_str().to_owned()),
            headers: filled
                .into_iter()
                .map(|(name, value)| (name.trim_start_matches(HEADER).to_owned(), value))
                .collect(),
        }
    }
}
