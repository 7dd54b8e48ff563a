//! What the gateway checks before it calls the function: the body, against the model.

use serde::{Deserialize, Serialize};

use super::reading::listed;
use super::{NOT_FOUND, replace, write};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestValidator {
    pub api: String,
    pub body: bool,
    /// There are no parameters outside the body.
    pub parameters: bool,
}

impl Resource for RequestValidator {
    const KIND: &'static str = "request-validator";
    const NEEDS: &'static [&'static str] = &["rest-api"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["apigateway:GET"],
            &["apigateway:/restapis/*/requestvalidators"],
        )],
        create: &[allow(
            &["apigateway:POST"],
            &["apigateway:/restapis/*/requestvalidators"],
        )],
        update: &[allow(
            &["apigateway:PATCH"],
            &["apigateway:/restapis/*/requestvalidators/*"],
        )],
        delete: &[allow(
            &["apigateway:DELETE"],
            &["apigateway:/restapis/*/requestvalidators/*"],
        )],
    };
    /// Names need not be unique, so a creation that was answered too late can leave a second one.
    const SUPERSEDED: bool = true;

    fn wanted(_scope: &Scope) -> Vec<(String, Self)> {
        vec![(
            "body".to_owned(),
            Self {
                api: "${rest-api/main}".to_owned(),
                body: true,
                parameters: false,
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
            .get_request_validators()
            .rest_api_id(&api.id)
            .limit(500)
            .send()
            .await
            .during("GetRequestValidators", &api.id)
            .map(|answer| answer.items.unwrap_or_default());
        Ok(listed(read)?
            .into_iter()
            .map(|validator| {
                Found::owned(
                    validator.name.unwrap_or_default(),
                    attributes([("id", &validator.id.unwrap_or_default())]),
                    Self {
                        api: api.id.clone(),
                        body: validator.validate_request_body,
                        parameters: validator.validate_request_parameters,
                    },
                )
            })
            .collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "api" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .apigateway
            .create_request_validator()
            .rest_api_id(&self.api)
            .name(&cx.id.name)
            .validate_request_body(self.body)
            .validate_request_parameters(self.parameters);
        let made = write(cx, || async {
            call.clone()
                .send()
                .await
                .during("CreateRequestValidator", cx.id)
        })
        .await?;
        Ok(attributes([("id", &made.id.unwrap_or_default())]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let patches = changed.iter().filter_map(|field| match field.as_str() {
            "body" => Some(replace("/validateRequestBody", &self.body)),
            "parameters" => Some(replace("/validateRequestParameters", &self.parameters)),
            _ => None,
        });
        let call = cx
            .aws
            .apigateway
            .update_request_validator()
            .rest_api_id(&self.api)
            .request_validator_id(found.aws_id())
            .set_patch_operations(Some(patches.collect()));
        write(cx, || async {
            call.clone()
                .send()
                .await
                .during("UpdateRequestValidator", cx.id)
        })
        .await?;
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .apigateway
            .delete_request_validator()
            .rest_api_id(&found.value.api)
            .request_validator_id(found.aws_id());
        write(cx, || async {
            call.clone()
                .send()
                .await
                .during("DeleteRequestValidator", cx.id)
        })
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}
