//! The route table of the private subnets. It has the local route and no other: a way out of the
//! VPC is drift, and removed.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, ResourceType, Route as Ec2Route, RouteTable as Ec2RouteTable};
use serde::{Deserialize, Serialize};

use super::interfaces::released;
use super::{IdSet, existing, id_set, only_in, owned, owned_by, settled, specification, tag};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::Tags;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    pub vpc: String,
    pub subnets: IdSet,
    /// Without the local route.
    pub routes: Vec<Route>,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    pub destination: String,
    pub target: String,
}

impl Resource for RouteTable {
    const KIND: &'static str = "route-table";
    const NEEDS: &'static [&'static str] = &["vpc", "subnet"];
    const CALLS: Calls = Calls {
        find: &[allow(&["ec2:DescribeRouteTables"], ALL)],
        create: &[
            allow(&["ec2:CreateRouteTable"], &["ec2:route-table/*"]).tagged(),
            allow(&["ec2:CreateRouteTable"], &["ec2:vpc/*"]).ours(),
            super::TAG_NEW,
            allow(
                &[
                    "ec2:AssociateRouteTable",
                    "ec2:ReplaceRouteTableAssociation",
                ],
                &["ec2:route-table/*", "ec2:subnet/*"],
            )
            .ours(),
        ],
        update: &[
            super::TAG,
            allow(
                &[
                    "ec2:AssociateRouteTable",
                    "ec2:DisassociateRouteTable",
                    "ec2:ReplaceRouteTableAssociation",
                ],
                &["ec2:route-table/*", "ec2:subnet/*"],
            )
            .ours(),
            allow(&["ec2:DeleteRoute"], &["ec2:route-table/*"]).ours(),
            allow(
                &["ec2:ModifyVpcEndpoint"],
                &["ec2:route-table/*", "ec2:vpc-endpoint/*"],
            )
            .ours(),
        ],
        delete: &[
            allow(
                &["ec2:DisassociateRouteTable"],
                &["ec2:route-table/*", "ec2:subnet/*"],
            )
            .ours(),
            allow(&["ec2:DeleteRouteTable"], &["ec2:route-table/*"]).ours(),
        ],
    };
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let own = Self {
            vpc: "${vpc/main}".to_owned(),
            subnets: id_set(scope.subnets()),
            routes: Vec::new(),
            tags: scope.tags(Self::KIND, "private"),
        };
        existing::own(scope, vec![("private".to_owned(), own)])
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let tables = reader
            .aws
            .ec2
            .describe_route_tables()
            .set_filters(Some(owned_by(&reader.stack)))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("DescribeRouteTables", "the account")?;
        Ok(tables
            .into_iter()
            .filter_map(|table| found(reader, table))
            .collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "vpc" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .ec2
            .create_route_table()
            .vpc_id(&self.vpc)
            .tag_specifications(specification(ResourceType::RouteTable, &self.tags));
        let id = settled(cx, || {
            let call = call.clone();
            async { call.send().await.during("CreateRouteTable", cx.id) }
        })
        .await?
        .route_table
        .and_then(|table| table.route_table_id)
        .unwrap_or_default();
        associate(cx, &id, self.subnets.keys().cloned().collect()).await?;
        Ok(attributes([("id", &id)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        let (id, was) = (found.aws_id(), &found.value);
        for route in &was.routes {
            delete_route(cx, id, route).await?;
        }
        if let Some(missing) = only_in(&self.subnets, &was.subnets) {
            associate(cx, id, missing).await?;
        }
        if only_in(&was.subnets, &self.subnets).is_some() {
            disassociate(cx, id, |subnet| !self.subnets.contains_key(subnet)).await?;
        }
        if self.tags != found.value.tags {
            tag(cx, id, &self.tags).await?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let id = found.aws_id();
        disassociate(cx, id, |_| true).await?;
        released(cx, "the table to be free", || async {
            let call = cx.aws.ec2.delete_route_table().route_table_id(id);
            call.send().await.during("DeleteRouteTable", cx.id)
        })
        .await
        .unless(&["InvalidRouteTableID.NotFound"])?;
        Ok(())
    }
}

fn found(reader: &Reader, table: Ec2RouteTable) -> Option<Found<RouteTable>> {
    let associations = table.associations.unwrap_or_default();
    let routes = table.routes.unwrap_or_default();
    let (id, tags) = (table.route_table_id.as_deref(), table.tags.as_deref());
    owned(reader, id, tags, |tags| RouteTable {
        vpc: table.vpc_id.unwrap_or_default(),
        subnets: id_set(associations.into_iter().filter_map(|a| a.subnet_id)),
        routes: routes.into_iter().filter_map(way_out).collect(),
        tags,
    })
}

/// A route that is not the VPC's own.
fn way_out(route: Ec2Route) -> Option<Route> {
    let target = [
        route.gateway_id,
        route.nat_gateway_id,
        route.transit_gateway_id,
        route.vpc_peering_connection_id,
        route.egress_only_internet_gateway_id,
        route.network_interface_id,
        route.instance_id,
        route.local_gateway_id,
        route.carrier_gateway_id,
        route.core_network_arn,
    ]
    .into_iter()
    .flatten()
    .next()
    .unwrap_or_default();
    let destination = route
        .destination_cidr_block
        .or(route.destination_ipv6_cidr_block)
        .or(route.destination_prefix_list_id)?;
    (target != "local").then_some(Route {
        destination,
        target,
    })
}

/// A subnet has one table: one that has been given another is moved back.
async fn associate(cx: &Cx<'_>, table: &str, subnets: Vec<String>) -> Result<()> {
    let ec2 = &cx.aws.ec2;
    let theirs = Filter::builder()
        .name("association.subnet-id")
        .set_values(Some(subnets.clone()))
        .build();
    let answer = ec2.describe_route_tables().filters(theirs).send().await;
    let tables = answer.during("DescribeRouteTables", cx.id)?.route_tables;
    let elsewhere: BTreeMap<String, String> = tables
        .unwrap_or_default()
        .into_iter()
        .flat_map(|table| table.associations.unwrap_or_default())
        .filter_map(|other| Some((other.subnet_id?, other.route_table_association_id?)))
        .collect();
    for subnet in subnets {
        if let Some(other) = elsewhere.get(&subnet) {
            let call = ec2.replace_route_table_association().route_table_id(table);
            let answer = call.association_id(other).send().await;
            answer.during("ReplaceRouteTableAssociation", cx.id)?;
        } else {
            settled(cx, || async {
                let call = ec2.associate_route_table().route_table_id(table);
                let answer = call.subnet_id(&subnet).send().await;
                answer.during("AssociateRouteTable", cx.id)
            })
            .await?;
        }
    }
    Ok(())
}

/// An association has an id of its own, which only a look at the table tells.
async fn disassociate(cx: &Cx<'_>, table: &str, goes: impl Fn(&str) -> bool) -> Result<()> {
    let ec2 = &cx.aws.ec2;
    let associations = ec2
        .describe_route_tables()
        .route_table_ids(table)
        .send()
        .await
        .during("DescribeRouteTables", cx.id)
        .unless(&["InvalidRouteTableID.NotFound"])?
        .and_then(|answer| answer.route_tables.unwrap_or_default().pop())
        .and_then(|table| table.associations)
        .unwrap_or_default();
    for association in associations {
        if association.subnet_id.as_deref().is_some_and(&goes) {
            ec2.disassociate_route_table()
                .set_association_id(association.route_table_association_id)
                .send()
                .await
                .during("DisassociateRouteTable", cx.id)
                .unless(&["InvalidAssociationID.NotFound"])?;
        }
    }
    Ok(())
}

async fn delete_route(cx: &Cx<'_>, table: &str, route: &Route) -> Result<()> {
    // A gateway endpoint's routes go with its use of the table.
    if route.target.starts_with("vpce-") {
        let call = cx.aws.ec2.modify_vpc_endpoint();
        let call = call.vpc_endpoint_id(&route.target);
        let answer = call.remove_route_table_ids(table).send().await;
        return answer.during("ModifyVpcEndpoint", cx.id).map(drop);
    }
    let destination = route.destination.as_str();
    let call = cx.aws.ec2.delete_route().route_table_id(table);
    let call = if destination.starts_with("pl-") {
        call.destination_prefix_list_id(destination)
    } else if destination.contains(':') {
        call.destination_ipv6_cidr_block(destination)
    } else {
        call.destination_cidr_block(destination)
    };
    call.send()
        .await
        .during("DeleteRoute", cx.id)
        .unless(&["InvalidRoute.NotFound"])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_but_the_local_one_is_a_way_out() {
        let route = Ec2Route::builder().destination_cidr_block("10.42.0.0/16");
        assert_eq!(way_out(route.gateway_id("local").build()), None);
        let route = Ec2Route::builder().destination_cidr_block("0.0.0.0/0");
        let out = way_out(route.nat_gateway_id("nat-1").build()).unwrap();
        assert_eq!(
            (out.destination, out.target),
            ("0.0.0.0/0".into(), "nat-1".into())
        );
    }
}
