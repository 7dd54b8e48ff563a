//! Where the database may stand: the private subnets.

use std::collections::BTreeMap;

use aws_sdk_rds::types::DbSubnetGroup;
use serde::{Deserialize, Serialize};

use super::{once_unused, rds_tags, tag, tags, with_service_role};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::resources::ec2::subnet::by_zone;
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::{Stack, Tags};

const NOT_FOUND: &[&str] = &["DBSubnetGroupNotFoundFault", "DBSubnetGroupNotFound"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubnetGroup {
    /// Subnet by availability zone.
    pub subnets: BTreeMap<String, String>,
    pub tags: Tags,
}

impl Resource for SubnetGroup {
    const KIND: &'static str = "db-subnet-group";
    const NEEDS: &'static [&'static str] = &["subnet"];

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let group = Self {
            subnets: by_zone(scope),
            tags: scope.tags(Self::KIND, "main"),
        };
        vec![("main".to_owned(), group)]
    }

    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let name = reader.stack.prefix();
        let groups = reader
            .aws
            .rds
            .describe_db_subnet_groups()
            .db_subnet_group_name(&name)
            .send()
            .await
            .during("DescribeDBSubnetGroups", &name)
            .unless(NOT_FOUND)?
            .and_then(|answer| answer.db_subnet_groups);
        let mut found = Vec::new();
        for group in groups.unwrap_or_default() {
            let tags = tags(reader.aws, &arn(reader.stack, &name)).await?;
            found.push(Found {
                name: "main".to_owned(),
                attributes: attributes([("id", &name)]),
                owned: reader.stack.owns(&tags),
                value: Self {
                    subnets: subnets(group),
                    tags: reader.stack.relevant(tags),
                },
            });
        }
        Ok(found)
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let name = cx.stack.prefix();
        let call = cx
            .aws
            .rds
            .create_db_subnet_group()
            .db_subnet_group_name(&name)
            .db_subnet_group_description(format!("Private subnets of {name}"))
            .set_subnet_ids(Some(self.subnets.values().cloned().collect()))
            .set_tags(Some(rds_tags(&self.tags)));
        with_service_role(cx, || {
            let call = call.clone();
            async { call.send().await.during("CreateDBSubnetGroup", cx.id) }
        })
        .await?;
        Ok(attributes([("id", &name)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let name = found.aws_id();
        if changed.iter().any(|field| field == "subnets") {
            cx.aws
                .rds
                .modify_db_subnet_group()
                .db_subnet_group_name(name)
                .set_subnet_ids(Some(self.subnets.values().cloned().collect()))
                .send()
                .await
                .during("ModifyDBSubnetGroup", cx.id)?;
        }
        if changed.iter().any(|field| field == "tags") {
            tag(cx, &arn(cx.stack, name), &self.tags).await?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .rds
            .delete_db_subnet_group()
            .db_subnet_group_name(found.aws_id());
        once_unused(cx, &["InvalidDBSubnetGroupStateFault"], || {
            let call = call.clone();
            async { call.send().await.during("DeleteDBSubnetGroup", cx.id) }
        })
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

fn arn(stack: &Stack, name: &str) -> String {
    stack.arn("rds", &format!("subgrp:{name}"))
}

fn subnets(group: DbSubnetGroup) -> BTreeMap<String, String> {
    group
        .subnets
        .unwrap_or_default()
        .into_iter()
        .filter_map(|subnet| {
            let zone = subnet.subnet_availability_zone?.name?;
            Some((zone, subnet.subnet_identifier?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::sample::wanted;

    #[test]
    fn the_group_spans_the_zones_of_the_network() {
        let zones = ["us-east-1a", "us-east-1b", "us-east-1d"];
        let (_, group) = wanted::<SubnetGroup>("[network]\nzones = 3\n", &zones).remove(0);
        let subnets: Vec<_> = group
            .subnets
            .iter()
            .map(|(z, s)| (z.as_str(), s.as_str()))
            .collect();
        assert_eq!(
            subnets,
            [
                ("us-east-1a", "${subnet/private-a}"),
                ("us-east-1b", "${subnet/private-b}"),
                ("us-east-1d", "${subnet/private-c}"),
            ]
        );
    }
}
