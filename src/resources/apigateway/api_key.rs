//! Who may call. API Gateway makes the value; it is in no field, and is asked for only by what
//! stores it.

use serde::{Deserialize, Serialize};

use super::reading::keys;
use super::{NOT_FOUND, replace, sorted, tag, write};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::Tags;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// With a version, so that a rotated key can stand beside the one that it follows.
    pub name: String,
    pub enabled: bool,
    pub tags: Tags,
}

impl Resource for ApiKey {
    const KIND: &'static str = "api-key";
    const NEEDS: &'static [&'static str] = &[];
    const INTERRUPTS: Option<&'static str> = Some("every call with this key");

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let keys = scope.config.api.keys.iter();
        keys.map(|key| {
            let wanted = Self {
                name: scope.stack.name(&format!("{}-v1", key.name)),
                enabled: true,
                tags: scope.tags(Self::KIND, &key.name),
            };
            (key.name.clone(), wanted)
        })
        .collect()
    }

    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let keys = keys(reader).await?.into_iter();
        Ok(keys
            .filter_map(|(id, (claim, key))| {
                let claim = claim?;
                let key = key.clone();
                Some(Found {
                    name: claim.name,
                    owned: claim.owned,
                    attributes: attributes([("id", id)]),
                    value: Self {
                        name: key.name.unwrap_or_default(),
                        enabled: key.enabled,
                        tags: reader.stack.relevant(sorted(key.tags)),
                    },
                })
            })
            .collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .apigateway
            .create_api_key()
            .name(&self.name)
            .enabled(self.enabled)
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        // The answer holds the value: nothing but the id is taken from it.
        let id = write(cx, || async {
            call.clone().send().await.during("CreateApiKey", cx.id)
        })
        .await?
        .id;
        Ok(attributes([("id", &id.unwrap_or_default())]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let id = found.aws_id();
        if changed.iter().any(|field| field == "tags") {
            tag(cx, &format!("apikeys/{id}"), &self.tags).await?;
        }
        let patches: Vec<_> = changed
            .iter()
            .filter_map(|field| match field.as_str() {
                "name" => Some(replace("/name", &self.name)),
                "enabled" => Some(replace("/enabled", &self.enabled)),
                _ => None,
            })
            .collect();
        if !patches.is_empty() {
            let call = cx
                .aws
                .apigateway
                .update_api_key()
                .api_key(id)
                .set_patch_operations(Some(patches));
            write(cx, || async {
                call.clone().send().await.during("UpdateApiKey", cx.id)
            })
            .await?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx.aws.apigateway.delete_api_key().api_key(found.aws_id());
        write(cx, || async {
            call.clone().send().await.during("DeleteApiKey", cx.id)
        })
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}
