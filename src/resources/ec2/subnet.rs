//! The private subnets, one in each availability zone.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Subnet as Ec2Subnet, SubnetState};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::interfaces::once_empty;
use super::{existing, filter, owned, owned_by, settled, specification, tag};
use crate::aws::patience::{Look, wait};
use crate::aws::{During, Optional, Reader};
use crate::config::Config;
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::Tags;

/// A subnet is a sixteenth of the VPC, whatever the number of zones: one more moves none.
const SLICE_BITS: u8 = 4;
/// AWS's smallest.
const LONGEST_PREFIX: u8 = 28;

pub(super) const NOT_FOUND: &[&str] = &["InvalidSubnetID.NotFound"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    pub vpc: String,
    pub cidr: String,
    pub zone: String,
    pub public_addresses: bool,
    pub tags: Tags,
}

/// References to the subnets, by zone. That of one which is not the stack's own is known once it
/// has been looked at.
pub fn by_zone(scope: &Scope) -> BTreeMap<String, String> {
    let subnets = scope.subnets().into_iter();
    if scope.config.network.vpc_id.is_some() {
        let zone = |subnet: &String| subnet.replace('}', ".zone}");
        subnets.map(|subnet| (zone(&subnet), subnet)).collect()
    } else {
        scope.zones.iter().cloned().zip(subnets).collect()
    }
}

/// Logical names with their zones.
fn names<'a>(scope: &Scope<'a>) -> impl Iterator<Item = (String, &'a str)> {
    letters()
        .zip(scope.zones.iter().map(String::as_str))
        .take(scope.config.network.subnets())
}

/// Logical names, one for each zone.
pub(super) fn letters() -> impl Iterator<Item = String> {
    ('a'..='z').map(|letter| format!("private-{letter}"))
}

fn slices(vpc: Ipv4Net) -> impl Iterator<Item = Ipv4Net> {
    let prefix = (vpc.prefix_len() + SLICE_BITS).min(LONGEST_PREFIX);
    vpc.subnets(prefix).into_iter().flatten()
}

impl Resource for Subnet {
    const KIND: &'static str = "subnet";
    /// No subnet names a role; but Lambda removes its network interfaces with the function's
    /// role, so that has to outlive the subnets.
    const NEEDS: &'static [&'static str] = &["vpc", "iam-role"];
    const CALLS: Calls = Calls {
        find: &[allow(&["ec2:DescribeSubnets"], ALL)],
        create: &[
            allow(&["ec2:CreateSubnet"], &["ec2:subnet/*"]).tagged(),
            allow(&["ec2:CreateSubnet"], &["ec2:vpc/*"]).ours(),
            super::TAG_NEW,
            allow(&["ec2:ModifySubnetAttribute"], &["ec2:subnet/*"]).ours(),
        ],
        update: &[
            super::TAG,
            allow(&["ec2:ModifySubnetAttribute"], &["ec2:subnet/*"]).ours(),
        ],
        delete: &[
            allow(&["ec2:DeleteSubnet"], &["ec2:subnet/*"]).ours(),
            allow(&["ec2:DescribeNetworkInterfaces"], ALL),
        ],
    };
    const INTERRUPTS: Option<&'static str> = Some("every function in its zone");
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let own = names(scope)
            .zip(slices(scope.config.network.cidr))
            .map(|((name, zone), cidr)| {
                let subnet = Self {
                    vpc: "${vpc/main}".to_owned(),
                    cidr: cidr.to_string(),
                    zone: zone.to_owned(),
                    public_addresses: false,
                    tags: scope.tags(Self::KIND, &name),
                };
                (name, subnet)
            })
            .collect();
        existing::own(scope, own)
    }

    async fn existing(reader: &Reader, config: &Config) -> Result<Vec<(String, Attributes)>> {
        existing::subnets(reader, config).await
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let subnets = reader
            .aws
            .ec2
            .describe_subnets()
            .set_filters(Some(owned_by(&reader.stack)))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("DescribeSubnets", "the account")?;
        Ok(subnets
            .into_iter()
            .filter_map(|subnet| found(reader, subnet))
            .collect())
    }

    /// In another VPC nothing collides; in the same one the range is taken until the old is gone.
    fn on_change(field: &str) -> OnChange {
        match field {
            "vpc" => OnChange::Supersede,
            "cidr" | "zone" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .ec2
            .create_subnet()
            .vpc_id(&self.vpc)
            .cidr_block(&self.cidr)
            .availability_zone(&self.zone)
            .tag_specifications(specification(ResourceType::Subnet, &self.tags));
        let subnet = settled(cx, || {
            let call = call.clone();
            async { call.send().await.during("CreateSubnet", cx.id) }
        })
        .await?
        .subnet;
        let id = subnet
            .as_ref()
            .and_then(|subnet| subnet.subnet_id.clone())
            .unwrap_or_default();
        if subnet.and_then(|subnet| subnet.state) != Some(SubnetState::Available) {
            available(cx, &id).await?;
        }
        Ok(attributes([("id", &id)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let id = found.aws_id();
        if changed.iter().any(|field| field == "tags") {
            tag(cx, id, &self.tags).await?;
        }
        if changed.iter().any(|field| field == "public_addresses") {
            let value = AttributeBooleanValue::builder()
                .value(self.public_addresses)
                .build();
            cx.aws
                .ec2
                .modify_subnet_attribute()
                .subnet_id(id)
                .map_public_ip_on_launch(value)
                .send()
                .await
                .during("ModifySubnetAttribute", cx.id)?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let id = found.aws_id();
        once_empty(cx, filter("subnet-id", id), NOT_FOUND, || async {
            let call = cx.aws.ec2.delete_subnet().subnet_id(id);
            call.send().await.during("DeleteSubnet", cx.id).map(drop)
        })
        .await
    }
}

fn found(reader: &Reader, subnet: Ec2Subnet) -> Option<Found<Subnet>> {
    let (id, tags) = (subnet.subnet_id.as_deref(), subnet.tags.as_deref());
    owned(reader, id, tags, |tags| Subnet {
        vpc: subnet.vpc_id.unwrap_or_default(),
        cidr: subnet.cidr_block.unwrap_or_default(),
        zone: subnet.availability_zone.unwrap_or_default(),
        public_addresses: subnet.map_public_ip_on_launch.unwrap_or_default(),
        tags,
    })
}

async fn available(cx: &Cx<'_>, id: &str) -> Result<()> {
    wait(
        cx.events,
        cx.id,
        "the subnet to be available",
        Duration::from_mins(5),
        || async {
            let answer = cx
                .aws
                .ec2
                .describe_subnets()
                .subnet_ids(id)
                .send()
                .await
                .during("DescribeSubnets", cx.id)
                .unless(NOT_FOUND)?;
            let state = answer
                .and_then(|answer| answer.subnets.unwrap_or_default().pop())
                .and_then(|subnet| subnet.state);
            Ok(match state {
                Some(SubnetState::Available) => Look::Ready(()),
                Some(state) => Look::Pending(state.to_string()),
                None => Look::Pending("not listed yet".to_owned()),
            })
        },
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::sample;

    fn cidrs(toml: &str, zones: &[&str]) -> Vec<(String, String)> {
        sample::wanted::<Subnet>(toml, zones)
            .into_iter()
            .map(|(name, subnet)| (name, subnet.cidr))
            .collect()
    }

    #[test]
    fn one_zone_more_moves_no_subnet() {
        let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
        let two = cidrs("", &zones);
        let three = cidrs("[network]\nzones = 3", &zones);
        assert_eq!(
            two,
            [
                ("private-a", "10.42.0.0/20"),
                ("private-b", "10.42.16.0/20")
            ]
            .map(|(name, cidr)| (name.to_owned(), cidr.to_owned()))
        );
        assert_eq!(three[..2], two);
        assert_eq!(three[2].1, "10.42.32.0/20");
    }

    #[test]
    fn six_zones_fit_the_smallest_sensible_vpc() {
        let vpc = |text: &str| text.parse::<Ipv4Net>().unwrap();
        assert_eq!(slices(vpc("10.0.0.0/24")).nth(5), Some(vpc("10.0.0.80/28")));
        assert_eq!(slices(vpc("10.0.0.0/25")).nth(5), Some(vpc("10.0.0.80/28")));
    }
}
