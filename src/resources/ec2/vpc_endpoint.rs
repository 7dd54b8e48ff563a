//! Interface endpoints: the only way from the VPC to AWS's own services.

use std::time::Duration;

use aws_sdk_ec2::types::{ResourceType, VpcEndpoint as Ec2Endpoint, VpcEndpointType};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::endpoint_state::{AVAILABLE, NOT_FOUND, available, gone, is_going, others_gone, state};
use super::{IdSet, id_set, only_in, owned, owned_by, settled, specification, tag};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, Grant, allow};
use crate::resources::iam::permissions::ROTATING;
use crate::resources::iam::policy;
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::{Stack, Tags};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VpcEndpoint {
    pub vpc: String,
    pub service: String,
    pub subnets: IdSet,
    pub groups: IdSet,
    /// The service's usual name resolves to the endpoint.
    pub private_dns: bool,
    pub policy: Value,
    /// Until it is available, nothing in the VPC reaches the service.
    pub state: String,
    pub tags: Tags,
}

/// EC2 joins the hosted zone of the service's names to the VPC for the operator.
const NAMES: Grant = allow(
    &["route53:AssociateVPCWithHostedZone"],
    &["route53:hostedzone/*"],
);

impl Resource for VpcEndpoint {
    const KIND: &'static str = "vpc-endpoint";
    const NEEDS: &'static [&'static str] = &["vpc", "subnet", "security-group"];
    const CALLS: Calls = Calls {
        find: &[allow(&["ec2:DescribeVpcEndpoints"], ALL)],
        create: &[
            allow(&["ec2:CreateVpcEndpoint"], &["ec2:vpc-endpoint/*"]).tagged(),
            allow(
                &["ec2:CreateVpcEndpoint"],
                &["ec2:security-group/*", "ec2:subnet/*", "ec2:vpc/*"],
            )
            .ours(),
            super::TAG_NEW,
            NAMES,
        ],
        update: &[
            super::TAG,
            allow(
                &["ec2:ModifyVpcEndpoint"],
                &["ec2:security-group/*", "ec2:subnet/*", "ec2:vpc-endpoint/*"],
            )
            .ours(),
            NAMES,
        ],
        delete: &[allow(&["ec2:DeleteVpcEndpoints"], &["ec2:vpc-endpoint/*"]).ours()],
    };
    const INTERRUPTS: Option<&'static str> = Some("functions that read their secrets");
    const SUPERSEDED: bool = true;
    const UNVERSIONED: &'static [&'static str] = &["state", "tags"];

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        vec![(
            "secretsmanager".to_owned(),
            Self {
                vpc: "${vpc/main}".to_owned(),
                service: format!("com.amazonaws.{}.secretsmanager", scope.stack.region),
                subnets: id_set(scope.subnets()),
                groups: id_set(["${security-group/endpoints}"]),
                private_dns: true,
                policy: own_secrets(scope.stack),
                state: AVAILABLE.to_owned(),
                tags: scope.tags(Self::KIND, "secretsmanager"),
            },
        )]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let endpoints = reader
            .aws
            .ec2
            .describe_vpc_endpoints()
            .set_filters(Some(owned_by(&reader.stack)))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("DescribeVpcEndpoints", "the account")?;
        Ok(endpoints
            .into_iter()
            .filter(|endpoint| !is_going(endpoint))
            .filter_map(|endpoint| found(reader, endpoint))
            .collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "vpc" | "service" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .ec2
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .vpc_id(&self.vpc)
            .service_name(&self.service)
            .set_subnet_ids(Some(self.subnets.keys().cloned().collect()))
            .set_security_group_ids(Some(self.groups.keys().cloned().collect()))
            .private_dns_enabled(self.private_dns)
            .policy_document(self.policy.to_string())
            .tag_specifications(specification(ResourceType::VpcEndpoint, &self.tags));
        let attempt = || {
            let call = call.clone();
            async { call.send().await.during("CreateVpcEndpoint", cx.id) }
        };
        let made = match settled(cx, attempt).await {
            // Only one may answer to the service's name, and one that is going still does.
            Err(error) if is_name_taken(&error) => {
                others_gone(cx, &self.vpc, &self.service, error).await?;
                let what = "the service's name to be free";
                let limit = Duration::from_mins(5);
                patiently(cx.events, cx.id, what, limit, is_name_taken, attempt).await
            }
            other => other,
        };
        let id = made?
            .vpc_endpoint
            .and_then(|endpoint| endpoint.vpc_endpoint_id)
            .unwrap_or_default();
        available(cx, &id).await?;
        Ok(attributes([("id", &id)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let (id, was) = (found.aws_id(), &found.value);
        let differs = |name: &str| changed.iter().any(|field| field == name);
        // An endpoint that is still being made takes no change.
        available(cx, id).await?;
        if differs("tags") {
            tag(cx, id, &self.tags).await?;
        }
        let kept = |field: &String| ["state", "tags"].contains(&field.as_str());
        if !changed.iter().all(kept) {
            cx.aws
                .ec2
                .modify_vpc_endpoint()
                .vpc_endpoint_id(id)
                .set_add_subnet_ids(only_in(&self.subnets, &was.subnets))
                .set_remove_subnet_ids(only_in(&was.subnets, &self.subnets))
                .set_add_security_group_ids(only_in(&self.groups, &was.groups))
                .set_remove_security_group_ids(only_in(&was.groups, &self.groups))
                .set_private_dns_enabled(differs("private_dns").then_some(self.private_dns))
                .set_policy_document(differs("policy").then(|| self.policy.to_string()))
                .send()
                .await
                .during("ModifyVpcEndpoint", cx.id)?;
            available(cx, id).await?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let id = found.aws_id();
        let refused = cx
            .aws
            .ec2
            .delete_vpc_endpoints()
            .vpc_endpoint_ids(id)
            .send()
            .await
            .during("DeleteVpcEndpoints", cx.id)
            .unless(NOT_FOUND)?
            .and_then(|answer| answer.unsuccessful.unwrap_or_default().pop())
            .and_then(|item| item.error);
        // EC2 answers this call with success, and tells in it what it did not do.
        if let Some(error) = refused {
            let code = error.code.unwrap_or_default();
            if !NOT_FOUND.contains(&code.as_str()) {
                let message = error.message.unwrap_or_default();
                return Err(Error::failed(format!(
                    "DeleteVpcEndpoints refused for {}: {code}: {message}",
                    cx.id
                )));
            }
        }
        gone(cx, id).await
    }
}

fn is_name_taken(error: &Error) -> bool {
    error.is("InvalidParameter", "conflicting DNS domain")
}

/// Reads secrets and rotates the stack's logins, for this account's own callers: stolen code cannot
/// carry its finds to another account's secrets, and another account's credentials are of no use in
/// here.
fn own_secrets(stack: &Stack) -> Value {
    let own_account = json!({"StringEquals": {"aws:PrincipalAccount": stack.account}});
    let logins = format!("secret:{}", stack.secret_name("database-*"));
    policy::document([
        json!({
            "Sid": "OwnAccount",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": stack.arn("secretsmanager", "secret:*"),
            "Condition": own_account,
        }),
        json!({
            "Sid": "OwnLogins",
            "Effect": "Allow",
            "Principal": "*",
            "Action": ROTATING,
            "Resource": stack.arn("secretsmanager", &logins),
            "Condition": own_account,
        }),
    ])
}

fn found(reader: &Reader, endpoint: Ec2Endpoint) -> Option<Found<VpcEndpoint>> {
    let state = state(&endpoint);
    let groups = endpoint.groups.unwrap_or_default();
    let (id, tags) = (
        endpoint.vpc_endpoint_id.as_deref(),
        endpoint.tags.as_deref(),
    );
    owned(reader, id, tags, |tags| VpcEndpoint {
        vpc: endpoint.vpc_id.unwrap_or_default(),
        service: endpoint.service_name.unwrap_or_default(),
        subnets: id_set(endpoint.subnet_ids.unwrap_or_default()),
        groups: id_set(groups.into_iter().filter_map(|group| group.group_id)),
        private_dns: endpoint.private_dns_enabled.unwrap_or_default(),
        policy: endpoint
            .policy_document
            .as_deref()
            .map_or(Value::Null, policy::parse),
        state,
        tags,
    })
}
