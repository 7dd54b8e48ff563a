//! The path that callers post to. The root comes with the API.

use serde::{Deserialize, Serialize};

use super::reading::{our_resources, resources};
use super::{NOT_FOUND, path_name, write};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

/// Named after its path, so that another path is another object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiResource {
    pub api: String,
    pub parent: String,
    pub part: String,
}

impl Resource for ApiResource {
    const KIND: &'static str = "api-resource";
    const NEEDS: &'static [&'static str] = &["rest-api"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["apigateway:GET"],
            &["apigateway:/restapis/*/resources"],
        )],
        create: &[allow(
            &["apigateway:POST"],
            &["apigateway:/restapis/*/resources/*"],
        )
        .ours()],
        update: &[],
        delete: &[allow(
            &["apigateway:DELETE"],
            &["apigateway:/restapis/*/resources/*"],
        )
        .ours()],
    };
    /// Somebody else's path can come to the same logical name.
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let path = &scope.config.api.path;
        vec![(
            path_name(path),
            Self {
                api: "${rest-api/main}".to_owned(),
                parent: "${rest-api/main.root_resource_id}".to_owned(),
                part: path.trim_matches('/').to_owned(),
            },
        )]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let Some(api) = reader.rest_api().await? else {
            return Ok(Vec::new());
        };
        Ok(our_resources(reader, &api.id)
            .await?
            .iter()
            .filter_map(|resource| {
                Some(Found::owned(
                    path_name(resource.path.as_deref()?),
                    attributes([("id", resource.id.as_deref()?)]),
                    Self {
                        api: api.id.clone(),
                        // The root has none.
                        parent: resource.parent_id.clone()?,
                        part: resource.path_part.clone()?,
                    },
                ))
            })
            .collect())
    }

    fn on_change(_field: &str) -> OnChange {
        OnChange::Replace
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .apigateway
            .create_resource()
            .rest_api_id(&self.api)
            .parent_id(&self.parent)
            .path_part(&self.part);
        let made = write(cx, || async {
            call.clone().send().await.during("CreateResource", cx.id)
        })
        .await
        .unless(&["ConflictException"])?;
        let id = match made {
            Some(made) => made.id,
            None => self.existing(cx).await?,
        };
        let id = id.ok_or_else(|| Error::failed(format!("{}: API Gateway gave no id", cx.id)))?;
        Ok(attributes([("id", &id)]))
    }

    /// Takes the paths and methods below it along.
    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .apigateway
            .delete_resource()
            .rest_api_id(&found.value.api)
            .resource_id(found.aws_id());
        write(cx, || async {
            call.clone().send().await.during("DeleteResource", cx.id)
        })
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}

impl ApiResource {
    /// The same path from a creation whose answer was lost.
    async fn existing(&self, cx: &Cx<'_>) -> Result<Option<String>> {
        let all = resources(&cx.aws.apigateway, &self.api, cx.id).await?;
        Ok(all
            .into_iter()
            .find(|resource| {
                resource.parent_id.as_deref() == Some(&self.parent)
                    && resource.path_part.as_deref() == Some(&self.part)
            })
            .and_then(|resource| resource.id))
    }
}
