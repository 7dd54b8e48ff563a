//! The ACL that EC2 makes with the VPC and gives every new subnet: emptied, so that a subnet which
//! nobody gave another lets nothing through.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::acl_entry::{Entries, entries_of, sync};
use super::{existing, filter, network_acls, owned, tag};
use crate::aws::patience::{Look, wait};
use crate::aws::{During, Reader};
use crate::error::Result;
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{ALL, Calls, When, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::Tags;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DefaultNetworkAcl {
    pub vpc: String,
    pub entries: Entries,
    pub tags: Tags,
}

impl Resource for DefaultNetworkAcl {
    const KIND: &'static str = "default-network-acl";
    const NEEDS: &'static [&'static str] = &["vpc"];
    const CALLS: Calls = Calls {
        find: &[allow(&["ec2:DescribeNetworkAcls"], ALL)],
        create: &[allow(
            &["ec2:CreateTags", "ec2:DeleteNetworkAclEntry"],
            &["ec2:network-acl/*"],
        )
        .when(&[When::Unclaimed])],
        update: &[
            super::TAG,
            allow(&["ec2:DeleteNetworkAclEntry"], &["ec2:network-acl/*"]).ours(),
        ],
        delete: &[],
    };
    const SUPERSEDED: bool = true;
    const DELETABLE: bool = false;

    /// Not before the subnets have one of their own.
    fn after(_name: &str) -> Vec<Id> {
        vec![Id::new("network-acl", "private")]
    }

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let own = Self {
            vpc: "${vpc/main}".to_owned(),
            entries: Entries::new(),
            tags: scope.tags(Self::KIND, "main"),
        };
        existing::own(scope, vec![("main".to_owned(), own)])
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let acls = network_acls(reader).await?.iter();
        Ok(acls
            .filter_map(|acl| {
                let (id, tags) = (acl.network_acl_id.as_deref(), acl.tags.as_deref());
                owned(reader, id, tags, |tags| Self {
                    vpc: acl.vpc_id.clone().unwrap_or_default(),
                    entries: entries_of(acl),
                    tags,
                })
            })
            .collect())
    }

    /// Another VPC has another default ACL.
    fn on_change(field: &str) -> OnChange {
        match field {
            "vpc" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    /// Emptied before it is tagged: what carries our tags is what has been looked after.
    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let what = "the VPC's default ACL to show";
        let acl = wait(cx.events, cx.id, what, Duration::from_mins(2), || async {
            let call = cx.aws.ec2.describe_network_acls();
            let call = call.filters(filter("vpc-id", &self.vpc));
            let answer = call.filters(filter("default", "true")).send().await;
            let answer = answer.during("DescribeNetworkAcls", cx.id)?;
            let acl = answer.network_acls.unwrap_or_default().pop();
            Ok(acl.map_or_else(|| Look::Pending("not listed yet".to_owned()), Look::Ready))
        })
        .await?;
        let id = acl.network_acl_id.as_deref().unwrap_or_default();
        sync(cx, id, &entries_of(&acl), &self.entries).await?;
        tag(cx, id, &self.tags).await?;
        Ok(attributes([("id", id)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        let id = found.aws_id();
        sync(cx, id, &found.value.entries, &self.entries).await?;
        if self.tags != found.value.tags {
            tag(cx, id, &self.tags).await?;
        }
        Ok(found.attributes.clone())
    }

    /// It goes with its VPC, and cannot go without.
    async fn delete(_cx: &Cx<'_>, _found: &Found<Self>) -> Result<()> {
        Ok(())
    }
}
