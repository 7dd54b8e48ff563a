//! What a request's body may be, from the contract.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reading::{listed, resources};
use super::{NOT_FOUND, draft04, method, replace, sorted, write};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

/// API Gateway gives every new API these two.
const BUILT_IN: [&str; 2] = ["Empty", "Error"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub api: String,
    pub content_type: String,
    pub schema: Value,
}

impl Resource for Model {
    const KIND: &'static str = "model";
    const NEEDS: &'static [&'static str] = &["rest-api"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["apigateway:GET"],
            &["apigateway:/restapis/*/models"],
        )],
        create: &[allow(&["apigateway:POST"], &["apigateway:/restapis/*/models"]).ours()],
        update: &[allow(&["apigateway:PATCH"], &["apigateway:/restapis/*/models/*"]).ours()],
        delete: &[allow(&["apigateway:DELETE"], &["apigateway:/restapis/*/models/*"]).ours()],
    };

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        vec![(
            "request".to_owned(),
            Self {
                api: "${rest-api/main}".to_owned(),
                content_type: "application/json".to_owned(),
                schema: draft04::request_schema(scope.contract, &scope.config.api.path),
            },
        )]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let Some(api) = reader.rest_api().await? else {
            return Ok(Vec::new());
        };
        let read = reader
            .aws
            .apigateway
            .get_models()
            .rest_api_id(&api.id)
            .limit(500)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("GetModels", &api.id);
        Ok(listed(read)?
            .into_iter()
            .filter_map(|model| {
                let name = model
                    .name
                    .filter(|name| !BUILT_IN.contains(&name.as_str()))?;
                let schema = model.schema.unwrap_or_default();
                Some(Found::owned(
                    name.clone(),
                    attributes([("id", &name)]),
                    Self {
                        api: api.id.clone(),
                        content_type: model.content_type.unwrap_or_default(),
                        schema: serde_json::from_str(&schema).unwrap_or(Value::String(schema)),
                    },
                ))
            })
            .collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "schema" => OnChange::InPlace,
            _ => OnChange::Replace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let name = &cx.id.name;
        let call = cx
            .aws
            .apigateway
            .create_model()
            .rest_api_id(&self.api)
            .name(name)
            .content_type(&self.content_type)
            .schema(self.schema.to_string());
        let made = write(cx, || async {
            call.clone().send().await.during("CreateModel", cx.id)
        })
        .await
        .unless(&["ConflictException"])?;
        if made.is_none() {
            self.put_schema(cx).await?;
        }
        Ok(attributes([("id", name)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        self.put_schema(cx).await?;
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .apigateway
            .delete_model()
            .rest_api_id(&found.value.api)
            .model_name(found.aws_id());
        let delete = || async { call.clone().send().await.during("DeleteModel", cx.id) };
        let mut deleted = write(cx, delete).await;
        if deleted
            .as_ref()
            .is_err_and(|error| error.code() == Some("ConflictException"))
        {
            release(cx, found).await?;
            deleted = write(cx, delete).await;
        }
        deleted.unless(&[NOT_FOUND])?;
        Ok(())
    }
}

/// Takes away the draft's methods that refer to the model: they are made anew with the model that
/// takes its place. Callers don't miss them, since they reach a deployment.
async fn release(cx: &Cx<'_>, found: &Found<Model>) -> Result<()> {
    let api = &found.value.api;
    for resource in resources(&cx.aws.apigateway, api, cx.id).await? {
        let id = resource.id.unwrap_or_default();
        for (verb, method) in sorted(resource.resource_methods) {
            let mut models = sorted(method.request_models).into_values();
            if models.any(|model| model == found.aws_id()) {
                method::remove(cx, api, &id, &verb).await?;
            }
        }
    }
    Ok(())
}

impl Model {
    async fn put_schema(&self, cx: &Cx<'_>) -> Result<()> {
        let call = cx
            .aws
            .apigateway
            .update_model()
            .rest_api_id(&self.api)
            .model_name(&cx.id.name)
            .patch_operations(replace("/schema", &self.schema));
        write(cx, || async {
            call.clone().send().await.during("UpdateModel", cx.id)
        })
        .await?;
        Ok(())
    }
}
