//! A snapshot of the definition: what a stage serves. A changed definition is a new one.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_apigateway::types;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::method::{method_name, remove};
use super::preflight;
use super::reading::{listed, resources};
use super::{NOT_FOUND, gateway_response, is_busy, path_name, sorted, write};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    pub api: String,
    /// The revisions of all that it is a snapshot of: AWS keeps no content to compare.
    pub description: String,
    /// What it serves, such as `POST /chatbot`, and whether that takes a key.
    pub routes: BTreeMap<String, bool>,
}

impl Resource for Deployment {
    const KIND: &'static str = "deployment";
    const NEEDS: &'static [&'static str] = &[
        "rest-api",
        "api-resource",
        "method",
        "model",
        "request-validator",
        "gateway-response",
        "preflight",
    ];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["apigateway:GET"],
            &[
                "apigateway:/restapis/*/deployments",
                "apigateway:/restapis/*/deployments/*",
            ],
        )],
        create: &[
            allow(
                &["apigateway:POST"],
                &["apigateway:/restapis/*/deployments"],
            )
            .ours(),
            // Methods of somebody else's go before they are deployed.
            allow(
                &["apigateway:DELETE"],
                &["apigateway:/restapis/*/resources/*/methods/*"],
            )
            .ours(),
        ],
        update: &[],
        delete: &[allow(
            &["apigateway:DELETE"],
            &["apigateway:/restapis/*/deployments/*"],
        )
        .ours()],
    };
    const SUPERSEDED: bool = true;

    fn after(_name: &str) -> Vec<Id> {
        gateway_response::all().collect()
    }

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let path = &scope.config.api.path;
        let name = path_name(path);
        let method = method_name(&name, "POST");
        let mut revisions = vec![
            // A new security policy too takes effect with the next deployment.
            "${rest-api/main.revision}".to_owned(),
            format!("${{api-resource/{name}.revision}}"),
            format!("${{method/{method}.revision}}"),
            "${model/request.revision}".to_owned(),
            "${request-validator/body.revision}".to_owned(),
            gateway_response::all_revision(scope),
        ];
        let mut routes = BTreeMap::from([(route("POST", path), true)]);
        if scope.config.api.origin().is_some() {
            revisions.push(format!("${{preflight/{name}.revision}}"));
            routes.insert(route(preflight::VERB, path), false);
        }
        vec![(
            "current".to_owned(),
            Self {
                api: "${rest-api/main}".to_owned(),
                description: revisions.join(" "),
                routes,
            },
        )]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let Some(api) = reader.rest_api().await? else {
            return Ok(Vec::new());
        };
        let client = &reader.aws.apigateway;
        let read = client
            .get_deployments()
            .rest_api_id(&api.id)
            .limit(500)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("GetDeployments", &api.id);
        let mut deployments = listed(read)?;
        deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_date));
        let summaries = deployments.iter().map(|deployment| async {
            let id = deployment.id.as_deref().unwrap_or_default();
            client
                .get_deployment()
                .rest_api_id(&api.id)
                .deployment_id(id)
                .embed("apisummary")
                .send()
                .await
                .during("GetDeployment", id)
                .unless(&[NOT_FOUND])
        });
        let summaries = try_join_all(summaries).await?;
        Ok(deployments
            .into_iter()
            .zip(summaries)
            .filter_map(|(deployment, summary)| {
                Some(Found::owned(
                    "current",
                    attributes([("id", &deployment.id.unwrap_or_default())]),
                    Self {
                        api: api.id.clone(),
                        description: deployment.description.unwrap_or_default(),
                        routes: routes(&sorted(summary?.api_summary)),
                    },
                ))
            })
            .collect())
    }

    fn on_change(_field: &str) -> OnChange {
        OnChange::Supersede
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        self.remove_strays(cx).await?;
        let call = cx
            .aws
            .apigateway
            .create_deployment()
            .rest_api_id(&self.api)
            .description(&self.description);
        let made = write(cx, || async {
            call.clone().send().await.during("CreateDeployment", cx.id)
        })
        .await?;
        Ok(attributes([("id", &made.id.unwrap_or_default())]))
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .apigateway
            .delete_deployment()
            .rest_api_id(&found.value.api)
            .deployment_id(found.aws_id());
        patiently(
            cx.events,
            cx.id,
            "the stage to move to another deployment",
            Duration::from_mins(15),
            |error| is_busy(error) || error.is("BadRequestException", "active stages"),
            || async { call.clone().send().await.during("DeleteDeployment", cx.id) },
        )
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}

impl Deployment {
    /// A method that somebody left in the draft would be published with it, and deletions come
    /// after creations: so it goes now.
    async fn remove_strays(&self, cx: &Cx<'_>) -> Result<()> {
        for resource in resources(&cx.aws.apigateway, &self.api, cx.id).await? {
            let path = resource.path.unwrap_or_default();
            let id = resource.id.unwrap_or_default();
            for verb in sorted(resource.resource_methods).into_keys() {
                if !self.routes.contains_key(&route(&verb, &path)) {
                    remove(cx, &self.api, &id, &verb).await?;
                }
            }
        }
        Ok(())
    }
}

fn route(verb: &str, path: &str) -> String {
    format!("{verb} {path}")
}

type Summary = BTreeMap<String, HashMap<String, types::MethodSnapshot>>;

fn routes(summary: &Summary) -> BTreeMap<String, bool> {
    summary
        .iter()
        .flat_map(|(path, methods)| {
            methods
                .iter()
                .map(move |(verb, method)| (route(verb, path), method.api_key_required))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaps::Gaps;
    use crate::object::{Object, Wanted};
    use crate::plan::{self, Request};
    use serde_json::{Value, json};

    fn object(id: &str, aws_id: &str, value: Value) -> Object {
        Object {
            id: Id::parse(id).unwrap(),
            attributes: attributes([("id", aws_id)]),
            value,
            owned: true,
        }
    }

    fn wanted(id: &str, value: Value) -> Wanted {
        Wanted {
            id: Id::parse(id).unwrap(),
            value,
            after: std::collections::BTreeSet::new(),
        }
    }

    /// What each object comes to: `delete d1`.
    fn planned(found: Vec<Object>) -> Vec<String> {
        let wanted = vec![
            wanted("deployment/current", json!({"description": "new"})),
            wanted("stage/main", json!({"deployment": "${deployment/current}"})),
        ];
        let request = Request {
            wanted,
            ..Request::default()
        };
        let kinds = crate::resources::all();
        let plan = plan::up(&kinds, request, found, &Gaps::default()).unwrap();
        let line = |step: &plan::Step| {
            let found = step.found.as_ref().map(|found| &found.attributes["id"]);
            format!("{:?} {}", step.action, found.map_or("", String::as_str))
        };
        plan.steps.iter().map(line).collect()
    }

    /// Nothing but its description tells a deployment that a killed run made and never knew of.
    #[test]
    fn what_a_killed_run_deployed_is_served_and_what_nobody_serves_goes() {
        let deployment = |aws_id, description: &str| {
            object(
                "deployment/current",
                aws_id,
                json!({"description": description}),
            )
        };
        let stage = |deployment| object("stage/main", "prod", json!({"deployment": deployment}));
        let twice = vec![
            deployment("d2", "new"),
            deployment("d1", "old"),
            stage("d1"),
        ];
        assert_eq!(planned(twice), ["Keep d2", "Update prod", "Delete d1"]);
        // Killed twice at the same call, or once behind the change of the stage.
        let thrice = vec![
            deployment("d3", "new"),
            deployment("d2", "new"),
            deployment("d1", "old"),
            stage("d3"),
        ];
        assert_eq!(
            planned(thrice),
            ["Keep d3", "Keep prod", "Delete d2", "Delete d1"]
        );
    }
}
