//! The REST API: a regional endpoint that takes TLS 1.2 and newer alone.

use std::time::Duration;

use aws_sdk_apigateway::types::{
    self, ApiKeySourceType, ApiStatus, EndpointAccessMode, EndpointConfiguration, EndpointType, Op,
    SecurityPolicy,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api_policy;
use super::{NOT_FOUND, arn, escaped, patch, replace, sorted, tag, write};
use crate::aws::patience::{Look, patiently, wait};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::{Stack, Tags};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestApi {
    pub name: String,
    pub endpoint_types: Vec<String>,
    /// The oldest TLS and the ciphers that the endpoint accepts. A regional API's default is TLS 1.0.
    pub security_policy: Option<String>,
    /// `STRICT`: a request must come in through this API's own host name.
    pub endpoint_access: Option<String>,
    /// Who may call at all, where infra.toml says: beside that, keys alone do.
    pub policy: Option<Value>,
    /// Whether AWS's own host name answers: there is no other.
    pub execute_api: bool,
    pub key_source: String,
    /// Bodies are text: a type listed here would reach the function as base64.
    pub binary_types: Vec<String>,
    /// Compressing answers next to a secret invites BREACH; none are.
    pub minimum_compression: Option<i32>,
    pub tags: Tags,
}

impl Resource for RestApi {
    const KIND: &'static str = "rest-api";
    const NEEDS: &'static [&'static str] = &[];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["apigateway:GET"],
            &["apigateway:/restapis", "apigateway:/restapis/*"],
        )],
        create: &[
            allow(&["apigateway:POST"], &["apigateway:/restapis"]).tagged(),
            allow(
                &["apigateway:UpdateRestApiPolicy"],
                &["apigateway:/restapis", "apigateway:/restapis/*"],
            ),
        ],
        update: &[
            allow(&["apigateway:PATCH"], &["apigateway:/restapis/*"]).ours(),
            allow(
                &["apigateway:UpdateRestApiPolicy"],
                &["apigateway:/restapis/*"],
            ),
            super::TAG,
        ],
        delete: &[allow(&["apigateway:DELETE"], &["apigateway:/restapis/*"]).ours()],
    };
    const INTERRUPTS: Option<&'static str> = Some("every request");

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        vec![(
            "main".to_owned(),
            Self {
                name: scope.stack.prefix(),
                endpoint_types: vec![EndpointType::Regional.as_str().to_owned()],
                security_policy: Some(
                    SecurityPolicy::SecurityPolicyTls1312PfsPq202509
                        .as_str()
                        .to_owned(),
                ),
                endpoint_access: Some(EndpointAccessMode::Strict.as_str().to_owned()),
                policy: api_policy::wanted(&scope.config.api),
                execute_api: true,
                key_source: ApiKeySourceType::Header.as_str().to_owned(),
                binary_types: Vec::new(),
                minimum_compression: None,
                tags: scope.tags(Self::KIND, "main"),
            },
        )]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        if let Some(ours) = reader.rest_api().await? {
            return Ok(vec![Self::read(&reader.stack, &ours.api, true)]);
        }
        let apis = reader.rest_apis().await?.iter();
        let prefix = reader.stack.prefix();
        Ok(apis
            .filter(|api| api.name.as_deref() == Some(&prefix))
            .map(|api| Self::read(&reader.stack, api, false))
            .collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let types = self
            .endpoint_types
            .iter()
            .map(|kind| EndpointType::from(kind.as_str()));
        let call = cx
            .aws
            .apigateway
            .create_rest_api()
            .name(&self.name)
            .endpoint_configuration(
                EndpointConfiguration::builder()
                    .set_types(Some(types.collect()))
                    .build(),
            )
            .set_security_policy(self.security_policy.as_deref().map(SecurityPolicy::from))
            .set_endpoint_access_mode(
                self.endpoint_access
                    .as_deref()
                    .map(EndpointAccessMode::from),
            )
            .set_policy(self.policy.as_ref().map(Value::to_string))
            .disable_execute_api_endpoint(!self.execute_api)
            .api_key_source(ApiKeySourceType::from(self.key_source.as_str()))
            .set_minimum_compression_size(self.minimum_compression)
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        let api = write(cx, || async {
            call.clone().send().await.during("CreateRestApi", cx.id)
        })
        .await
        .map_err(api_policy::explained)?;
        let id = api.id.unwrap_or_default();
        let root = api.root_resource_id.unwrap_or_default();
        ready(cx, &id).await?;
        Ok(attributes_of(cx.stack, &id, &root))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let id = found.aws_id();
        if changed.iter().any(|field| field == "tags") {
            tag(cx, &format!("restapis/{id}"), &self.tags).await?;
        }
        let patches: Vec<_> = changed
            .iter()
            .flat_map(|field| self.patches(field, &found.value))
            .collect();
        if !patches.is_empty() {
            let call = cx
                .aws
                .apigateway
                .update_rest_api()
                .rest_api_id(id)
                .set_patch_operations(Some(patches));
            // A new security policy takes effect within a quarter of an hour; the API serves on.
            write(cx, || async {
                call.clone().send().await.during("UpdateRestApi", cx.id)
            })
            .await
            .map_err(api_policy::explained)?;
        }
        Ok(found.attributes.clone())
    }

    /// One deletion in thirty seconds per account: a caller behind others waits for minutes.
    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .apigateway
            .delete_rest_api()
            .rest_api_id(found.aws_id());
        patiently(
            cx.events,
            cx.id,
            "API Gateway's pace of deletions",
            Duration::from_mins(40),
            super::is_busy,
            || async { call.clone().send().await.during("DeleteRestApi", cx.id) },
        )
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}

impl RestApi {
    fn read(stack: &Stack, api: &types::RestApi, owned: bool) -> Found<Self> {
        let api = api.clone();
        let tags: Tags = sorted(api.tags);
        let mut binary_types = api.binary_media_types.unwrap_or_default();
        binary_types.sort();
        let endpoint = api.endpoint_configuration.and_then(|e| e.types);
        let mut endpoint_types: Vec<String> = endpoint
            .unwrap_or_default()
            .iter()
            .map(|kind| kind.as_str().to_owned())
            .collect();
        endpoint_types.sort();
        let id = api.id.unwrap_or_default();
        let root = api.root_resource_id.unwrap_or_default();
        Found {
            name: "main".to_owned(),
            owned,
            attributes: attributes_of(stack, &id, &root),
            value: Self {
                name: api.name.unwrap_or_default(),
                endpoint_types,
                security_policy: api.security_policy.map(|policy| policy.as_str().to_owned()),
                endpoint_access: api
                    .endpoint_access_mode
                    .map(|mode| mode.as_str().to_owned()),
                policy: api
                    .policy
                    .and_then(|text| api_policy::read(stack, &id, &text)),
                execute_api: !api.disable_execute_api_endpoint,
                key_source: api
                    .api_key_source
                    .map_or_else(String::new, |source| source.as_str().to_owned()),
                binary_types,
                minimum_compression: api.minimum_compression_size,
                tags: stack.relevant(tags),
            },
        }
    }

    fn patches(&self, field: &str, found: &Self) -> Vec<types::PatchOperation> {
        match field {
            "name" => vec![replace("/name", &self.name)],
            "endpoint_types" => found
                .endpoint_types
                .iter()
                .zip(&self.endpoint_types)
                .map(|(old, new)| replace(&format!("/endpointConfiguration/types/{old}"), new))
                .collect(),
            // The policy cannot be set without the mode, nor the mode without the policy.
            "security_policy" => [
                ("/securityPolicy", &self.security_policy),
                ("/endpointAccessMode", &self.endpoint_access),
            ]
            .into_iter()
            .filter_map(|(path, value)| Some(replace(path, value.as_ref()?)))
            .collect(),
            "endpoint_access" if found.security_policy == self.security_policy => self
                .endpoint_access
                .iter()
                .map(|mode| replace("/endpointAccessMode", mode))
                .collect(),
            // An empty one takes it away.
            "policy" => vec![replace(
                "/policy",
                &self
                    .policy
                    .as_ref()
                    .map(Value::to_string)
                    .unwrap_or_default(),
            )],
            "execute_api" => vec![replace("/disableExecuteApiEndpoint", &!self.execute_api)],
            "key_source" => vec![replace("/apiKeySource", &self.key_source)],
            "binary_types" => found
                .binary_types
                .iter()
                .filter(|kind| !self.binary_types.contains(kind))
                .map(|kind| {
                    patch(
                        Op::Remove,
                        format!("/binaryMediaTypes/{}", escaped(kind)),
                        None,
                    )
                })
                .collect(),
            // Without a value: off.
            "minimum_compression" => vec![patch(
                Op::Replace,
                "/minimumCompressionSize",
                self.minimum_compression.map(|size| size.to_string()),
            )],
            _ => Vec::new(),
        }
    }
}

fn attributes_of(stack: &Stack, id: &str, root: &str) -> Attributes {
    attributes([
        ("id", id),
        ("root_resource_id", root),
        ("arn", &arn(stack, &format!("restapis/{id}"))),
        ("execution_arn", &stack.arn("execute-api", id)),
    ])
}

async fn ready(cx: &Cx<'_>, id: &str) -> Result<()> {
    wait(
        cx.events,
        cx.id,
        "the API",
        Duration::from_mins(20),
        || async {
            let call = cx.aws.apigateway.get_rest_api().rest_api_id(id);
            let api = call.send().await.during("GetRestApi", cx.id)?;
            match api.api_status {
                Some(ApiStatus::Pending) => Ok(Look::Pending("PENDING".to_owned())),
                Some(ApiStatus::Failed) => Err(Error::failed(format!(
                    "{}: API Gateway gave up making the API: {}",
                    cx.id,
                    api.api_status_message.unwrap_or_default()
                ))),
                _ => Ok(Look::Ready(())),
            }
        },
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    fn api(security_policy: &str) -> RestApi {
        RestApi {
            name: "demo-prod".to_owned(),
            endpoint_types: vec!["REGIONAL".to_owned()],
            security_policy: Some(security_policy.to_owned()),
            endpoint_access: Some("STRICT".to_owned()),
            policy: None,
            execute_api: true,
            key_source: "HEADER".to_owned(),
            binary_types: Vec::new(),
            minimum_compression: None,
            tags: Tags::new(),
        }
    }

    fn paths(changed: &[&str], found: &RestApi) -> Vec<String> {
        let wanted = api("new");
        changed
            .iter()
            .flat_map(|field| wanted.patches(field, found))
            .map(shown)
            .collect()
    }

    #[test]
    fn policy_and_access_mode_change_together_and_once() {
        let mut found = api("TLS_1_0");
        found.endpoint_access = None;
        assert_eq!(
            paths(&["endpoint_access", "security_policy"], &found),
            [
                "replace /securityPolicy new",
                "replace /endpointAccessMode STRICT"
            ]
        );
    }

    #[test]
    fn only_what_changed_is_patched() {
        let mut found = api("new");
        found.endpoint_types = vec!["EDGE".to_owned()];
        found.binary_types = vec!["image/png".to_owned()];
        found.minimum_compression = Some(0);
        assert_eq!(
            paths(
                &["binary_types", "endpoint_types", "minimum_compression"],
                &found
            ),
            [
                "remove /binaryMediaTypes/image~1png ",
                "replace /endpointConfiguration/types/EDGE REGIONAL",
                "replace /minimumCompressionSize ",
            ]
        );
    }
}
