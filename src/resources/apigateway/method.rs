//! What a path answers to, and who answers: one POST, with a key, into the function's alias.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types::{self, IntegrationType};
use serde::{Deserialize, Serialize};

use super::preflight;
use super::reading::our_resources;
use super::{NOT_FOUND, path_name, service_arn, sorted, write};
use crate::aws::{During, Optional, Reader};
use crate::config::Api;
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::Calls;
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

/// API Gateway's longest, and default, in milliseconds.
const TIMEOUT: i32 = 29_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Method {
    pub api: String,
    pub resource: String,
    pub verb: String,
    pub api_key_required: bool,
    /// `AWS_IAM` where infra.toml names who may call: the key is asked for as well.
    pub authorization: String,
    pub authorizer: Option<String>,
    pub validator: Option<String>,
    /// The model for each content type. A body of a type that is not listed would pass unseen,
    /// so the one model is for `$default`, which is every type. (`MiniStack` passes it over; the
    /// function, which validates everything again, then refuses in more words.)
    pub models: BTreeMap<String, String>,
    /// The function's answer passes as it is: none are declared.
    pub responses: Vec<String>,
    pub integration: Option<Integration>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    pub kind: String,
    pub verb: String,
    pub uri: String,
    pub timeout_ms: i32,
    pub passthrough: String,
    /// None: the function's own policy admits the gateway.
    pub credentials: Option<String>,
}

impl Resource for Method {
    const KIND: &'static str = "method";
    const NEEDS: &'static [&'static str] = &[
        "rest-api",
        "api-resource",
        "model",
        "request-validator",
        "function-alias",
    ];
    const CALLS: Calls = super::METHOD_CALLS;
    /// As with paths: somebody else's can come to the same logical name.
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let path = path_name(&scope.config.api.path);
        let function = service_arn(
            scope.stack,
            "lambda:path/2015-03-31/functions/${function-alias/chatbot.arn}/invocations",
        );
        vec![(
            method_name(&path, "POST"),
            Self {
                api: "${rest-api/main}".to_owned(),
                resource: format!("${{api-resource/{path}}}"),
                verb: "POST".to_owned(),
                api_key_required: true,
                authorization: authorization(&scope.config.api).to_owned(),
                authorizer: None,
                validator: Some("${request-validator/body}".to_owned()),
                models: BTreeMap::from([("$default".to_owned(), "${model/request}".to_owned())]),
                responses: Vec::new(),
                integration: Some(Integration {
                    kind: IntegrationType::AwsProxy.as_str().to_owned(),
                    verb: "POST".to_owned(),
                    uri: function,
                    timeout_ms: TIMEOUT,
                    passthrough: "WHEN_NO_MATCH".to_owned(),
                    credentials: None,
                }),
            },
        )]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let Some(api) = reader.rest_api().await? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for resource in our_resources(reader, &api.id).await? {
            let path = path_name(resource.path.as_deref().unwrap_or_default());
            let id = resource.id.as_deref().unwrap_or_default();
            let methods = sorted(resource.resource_methods.clone()).into_iter();
            for (verb, method) in methods.filter(|(verb, _)| verb != preflight::VERB) {
                found.push(Found::owned(
                    method_name(&path, &verb),
                    attributes([("id", &format!("{id}/{verb}"))]),
                    Self::read(&api.id, id, verb, method),
                ));
            }
        }
        Ok(found)
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "api" | "resource" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let mut call = cx
            .aws
            .apigateway
            .put_method()
            .rest_api_id(&self.api)
            .resource_id(&self.resource)
            .http_method(&self.verb)
            .authorization_type(&self.authorization)
            .api_key_required(self.api_key_required)
            .set_authorizer_id(self.authorizer.clone())
            .set_request_validator_id(self.validator.clone());
        for (content_type, model) in &self.models {
            call = call.request_models(content_type, model);
        }
        let put = || async { call.clone().send().await.during("PutMethod", cx.id) };
        if write(cx, put)
            .await
            .unless(&["ConflictException"])?
            .is_none()
        {
            // It cannot be put twice, and what stands there may be anything.
            remove(cx, &self.api, &self.resource, &self.verb).await?;
            write(cx, put).await?;
        }
        self.put_integration(cx).await?;
        Ok(attributes([(
            "id",
            &format!("{}/{}", self.resource, self.verb),
        )]))
    }

    /// The stage serves a deployment, not this draft: nobody misses a method that goes for a moment.
    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        if changed.iter().all(|field| field == "integration") {
            self.put_integration(cx).await?;
            return Ok(found.attributes.clone());
        }
        remove(cx, &self.api, &self.resource, &self.verb).await?;
        self.create(cx).await
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        remove(
            cx,
            &found.value.api,
            &found.value.resource,
            &found.value.verb,
        )
        .await
    }
}

impl Method {
    fn read(api: &str, resource: &str, verb: String, method: types::Method) -> Self {
        Self {
            api: api.to_owned(),
            resource: resource.to_owned(),
            verb,
            api_key_required: method.api_key_required.unwrap_or_default(),
            authorization: method.authorization_type.unwrap_or_default(),
            authorizer: method.authorizer_id,
            validator: method.request_validator_id,
            models: sorted(method.request_models),
            responses: sorted(method.method_responses).into_keys().collect(),
            integration: method.method_integration.map(|integration| Integration {
                kind: integration
                    .r#type
                    .map_or_else(String::new, |kind| kind.as_str().to_owned()),
                verb: integration.http_method.unwrap_or_default(),
                uri: integration.uri.unwrap_or_default(),
                timeout_ms: integration.timeout_in_millis,
                passthrough: integration.passthrough_behavior.unwrap_or_default(),
                credentials: integration.credentials,
            }),
        }
    }

    /// Makes the integration, over one that is there.
    async fn put_integration(&self, cx: &Cx<'_>) -> Result<()> {
        let Some(integration) = &self.integration else {
            return Ok(());
        };
        let call = cx
            .aws
            .apigateway
            .put_integration()
            .rest_api_id(&self.api)
            .resource_id(&self.resource)
            .http_method(&self.verb)
            .r#type(IntegrationType::from(integration.kind.as_str()))
            .integration_http_method(&integration.verb)
            .uri(&integration.uri)
            .timeout_in_millis(integration.timeout_ms)
            .passthrough_behavior(&integration.passthrough)
            .set_credentials(integration.credentials.clone());
        write(cx, || async {
            call.clone().send().await.during("PutIntegration", cx.id)
        })
        .await?;
        Ok(())
    }
}

fn authorization(api: &Api) -> &'static str {
    if api.is_signed() { "AWS_IAM" } else { "NONE" }
}

/// Takes a method away, its integration with it.
pub(super) async fn remove(cx: &Cx<'_>, api: &str, resource: &str, verb: &str) -> Result<()> {
    let call = cx
        .aws
        .apigateway
        .delete_method()
        .rest_api_id(api)
        .resource_id(resource)
        .http_method(verb);
    write(cx, || async {
        call.clone().send().await.during("DeleteMethod", cx.id)
    })
    .await
    .unless(&[NOT_FOUND])?;
    Ok(())
}

pub(super) fn method_name(path: &str, verb: &str) -> String {
    format!("{path}-{}", verb.to_lowercase())
}
