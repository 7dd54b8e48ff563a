//! The private subnets' network ACL: the VPC's own addresses, and no others. The endpoints stand
//! in the same subnets, so nothing that the stack does comes from or goes anywhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::types::{NetworkAcl as Ec2Acl, ResourceType};
use serde::{Deserialize, Serialize};

use super::acl_entry::{Entries, Entry, entries_of, sync};
use super::interfaces::released;
use super::{
    IdSet, existing, filter, id_set, network_acls, only_in, owned, settled, specification, tag,
};
use crate::aws::Emulator::MiniStack;
use crate::aws::patience::{Look, wait};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::Tags;

const NOT_FOUND: &[&str] = &["InvalidNetworkAclID.NotFound"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkAcl {
    pub vpc: String,
    pub subnets: IdSet,
    pub entries: Entries,
    pub tags: Tags,
}

impl Resource for NetworkAcl {
    const KIND: &'static str = "network-acl";
    const NEEDS: &'static [&'static str] = &["vpc", "subnet"];
    const CALLS: Calls = Calls {
        find: &[allow(&["ec2:DescribeNetworkAcls"], ALL)],
        create: &[
            allow(&["ec2:CreateNetworkAcl"], &["ec2:network-acl/*"]).tagged(),
            allow(&["ec2:CreateNetworkAcl"], &["ec2:vpc/*"]).ours(),
            super::TAG_NEW,
            allow(&["ec2:CreateNetworkAclEntry"], &["ec2:network-acl/*"]).ours(),
            allow(
                &["ec2:ReplaceNetworkAclAssociation"],
                &["ec2:network-acl/*", "ec2:subnet/*"],
            )
            .ours(),
        ],
        update: &[
            super::TAG,
            allow(
                &[
                    "ec2:CreateNetworkAclEntry",
                    "ec2:DeleteNetworkAclEntry",
                    "ec2:ReplaceNetworkAclEntry",
                ],
                &["ec2:network-acl/*"],
            )
            .ours(),
            allow(
                &["ec2:ReplaceNetworkAclAssociation"],
                &["ec2:network-acl/*", "ec2:subnet/*"],
            )
            .ours(),
        ],
        delete: &[
            allow(&["ec2:DeleteNetworkAcl"], &["ec2:network-acl/*"]).ours(),
            allow(
                &["ec2:ReplaceNetworkAclAssociation"],
                &["ec2:network-acl/*", "ec2:subnet/*"],
            )
            .ours(),
        ],
    };
    const INTERRUPTS: Option<&'static str> = Some("every request");
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let own = Entry::admit(&scope.config.network.cidr.to_string());
        let acl = Self {
            vpc: "${vpc/main}".to_owned(),
            subnets: id_set(scope.subnets()),
            entries: ["egress 100", "ingress 100"]
                .into_iter()
                .map(|key| (key.to_owned(), own.clone()))
                .collect(),
            tags: scope.tags(Self::KIND, "private"),
        };
        existing::own(scope, vec![("private".to_owned(), acl)])
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let acls = network_acls(reader).await?.iter();
        Ok(acls
            .filter_map(|acl| {
                let (id, tags) = (acl.network_acl_id.as_deref(), acl.tags.as_deref());
                owned(reader, id, tags, |tags| Self {
                    vpc: acl.vpc_id.clone().unwrap_or_default(),
                    subnets: id_set(associations(acl).into_keys()),
                    entries: entries_of(acl),
                    tags,
                })
            })
            .collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "vpc" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    /// Entries before subnets: a new ACL admits nothing.
    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx.aws.ec2.create_network_acl().vpc_id(&self.vpc);
        let call = call.tag_specifications(specification(ResourceType::NetworkAcl, &self.tags));
        let made = settled(cx, || {
            let call = call.clone();
            async { call.send().await.during("CreateNetworkAcl", cx.id) }
        });
        let acl = made.await?.network_acl;
        let id = acl.and_then(|acl| acl.network_acl_id).unwrap_or_default();
        sync(cx, &id, &Entries::new(), &self.entries).await?;
        let subnets: Vec<String> = self.subnets.keys().cloned().collect();
        associate(cx, &self.vpc, &id, &subnets).await?;
        Ok(attributes([("id", &id)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        let (id, was) = (found.aws_id(), &found.value);
        sync(cx, id, &was.entries, &self.entries).await?;
        if let Some(missing) = only_in(&self.subnets, &was.subnets) {
            associate(cx, &self.vpc, id, &missing).await?;
        }
        if let Some(extra) = only_in(&was.subnets, &self.subnets) {
            release(cx, &self.vpc, &extra).await?;
        }
        if self.tags != was.tags {
            tag(cx, id, &self.tags).await?;
        }
        Ok(found.attributes.clone())
    }

    /// A subnet always has an ACL: what still has this one gets the VPC's default back.
    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let (id, was) = (found.aws_id(), &found.value);
        let subnets: Vec<String> = was.subnets.keys().cloned().collect();
        release(cx, &was.vpc, &subnets).await?;
        released(cx, "the ACL to be free", || async {
            let call = cx.aws.ec2.delete_network_acl().network_acl_id(id);
            call.send().await.during("DeleteNetworkAcl", cx.id)
        })
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

/// Ids of what ties subnets to an ACL, by subnet.
fn associations(acl: &Ec2Acl) -> BTreeMap<String, String> {
    let ties = acl.associations().iter();
    ties.filter_map(|tie| {
        let subnet = tie.subnet_id.clone().filter(|subnet| !subnet.is_empty())?;
        Some((subnet, tie.network_acl_association_id.clone()?))
    })
    .collect()
}

/// The ACLs of a VPC.
async fn of_vpc(cx: &Cx<'_>, vpc: &str) -> Result<Vec<Ec2Acl>> {
    let call = cx.aws.ec2.describe_network_acls();
    let pages = call.filters(filter("vpc-id", vpc)).into_paginator();
    let acls = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    acls.during("DescribeNetworkAcls", cx.id)
}

/// Moves subnets to an ACL, from whichever they have.
async fn associate(cx: &Cx<'_>, vpc: &str, acl: &str, subnets: &[String]) -> Result<()> {
    let what = "the subnets' ACLs to show";
    let ties = wait(cx.events, cx.id, what, Duration::from_mins(2), || async {
        let acls = of_vpc(cx, vpc).await?;
        let all: BTreeMap<_, _> = acls.iter().flat_map(associations).collect();
        let missing = subnets.iter().find(|subnet| !all.contains_key(*subnet));
        Ok(match missing {
            // There, no subnet has an ACL.
            Some(_) if cx.aws.emulator == Some(MiniStack) => Look::Ready(all),
            Some(subnet) => Look::Pending(format!("that of {subnet} is not listed yet")),
            None => Look::Ready(all),
        })
    })
    .await?;
    for tie in subnets.iter().filter_map(|subnet| ties.get(subnet)) {
        let call = cx.aws.ec2.replace_network_acl_association();
        call.association_id(tie)
            .network_acl_id(acl)
            .send()
            .await
            .during("ReplaceNetworkAclAssociation", cx.id)?;
    }
    Ok(())
}

/// Gives subnets the VPC's default ACL back.
async fn release(cx: &Cx<'_>, vpc: &str, subnets: &[String]) -> Result<()> {
    if subnets.is_empty() {
        return Ok(());
    }
    let acls = of_vpc(cx, vpc).await?;
    let default = acls.iter().find(|acl| acl.is_default == Some(true));
    let Some(default) = default.and_then(|acl| acl.network_acl_id.clone()) else {
        return Ok(());
    };
    associate(cx, vpc, &default, subnets).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script};
    use crate::resources::sample;

    fn acls(ties: &[(&str, &str)]) -> String {
        let tie = |(tie, subnet): &(&str, &str)| {
            format!(
                "<item><networkAclAssociationId>{tie}</networkAclAssociationId>\
                 <subnetId>{subnet}</subnetId></item>"
            )
        };
        let ties = ties.iter().map(tie).collect::<Vec<_>>().concat();
        format!(
            "<DescribeNetworkAclsResponse><networkAclSet><item>\
             <networkAclId>acl-default</networkAclId><default>true</default>\
             <associationSet>{ties}</associationSet></item></networkAclSet>\
             </DescribeNetworkAclsResponse>"
        )
    }

    #[tokio::test]
    async fn subnets_move_to_an_acl_that_admits_already() {
        let made = "<CreateNetworkAclResponse><networkAcl><networkAclId>acl-1</networkAclId>\
                    </networkAcl></CreateNetworkAclResponse>";
        let entry = "<CreateNetworkAclEntryResponse/>";
        let moved = "<ReplaceNetworkAclAssociationResponse/>";
        let both = acls(&[("tie-a", "subnet-a"), ("tie-b", "subnet-b")]);
        let script = Script::new()
            .answer("CreateNetworkAcl", made)
            .answer("CreateNetworkAclEntry", entry)
            .answer("CreateNetworkAclEntry", entry)
            // A subnet's own tie may show later than the subnet.
            .answer("DescribeNetworkAcls", acls(&[("tie-a", "subnet-a")]))
            .answer("DescribeNetworkAcls", both)
            .answer("ReplaceNetworkAclAssociation", moved)
            .answer("ReplaceNetworkAclAssociation", moved);
        let scene = Scene::new("network-acl/private", script);
        let mut acl = sample::wanted::<NetworkAcl>("", &[]).remove(0).1;
        acl.subnets = id_set(["subnet-a", "subnet-b"]);
        acl.create(&scene.cx()).await.unwrap();
        assert_eq!(
            scene.script.calls(),
            [
                "CreateNetworkAcl",
                "CreateNetworkAclEntry",
                "CreateNetworkAclEntry",
                "DescribeNetworkAcls",
                "DescribeNetworkAcls",
                "ReplaceNetworkAclAssociation",
                "ReplaceNetworkAclAssociation",
            ]
        );
    }

    #[test]
    fn nothing_but_the_vpc_s_own_range_is_admitted() {
        let acl = sample::wanted::<NetworkAcl>("[network]\ncidr = \"10.7.0.0/16\"", &[]);
        let entries = acl[0].1.entries.values();
        let cidrs: Vec<_> = entries.map(|entry| entry.cidr.as_str()).collect();
        assert_eq!(cidrs, ["10.7.0.0/16"; 2]);
    }
}
