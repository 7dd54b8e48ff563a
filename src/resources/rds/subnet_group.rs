//! Where the database may stand: the private subnets.

use std::collections::BTreeMap;

use aws_sdk_rds::types::DbSubnetGroup;
use serde::{Deserialize, Serialize};

use super::{once_unused, rds_tags, tag, tags, with_service_role};
use crate::aws::{Aws, During, Optional, Reader};
use crate::diff::{diff, fields};
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::ec2::subnet::by_zone;
use crate::resources::{Cx, Found, Resource, Scope, to_value};
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
    const CALLS: Calls = Calls {
        find: &[allow(
            &["rds:DescribeDBSubnetGroups", "rds:ListTagsForResource"],
            &["rds:subgrp:{stack}"],
        )],
        create: &[
            allow(
                &[
                    "rds:AddTagsToResource",
                    "rds:CreateDBSubnetGroup",
                    "rds:ModifyDBSubnetGroup",
                ],
                &["rds:subgrp:{stack}"],
            ),
            super::SERVICE_ROLE,
        ],
        update: &[allow(
            &["rds:AddTagsToResource", "rds:ModifyDBSubnetGroup"],
            &["rds:subgrp:{stack}"],
        )],
        delete: &[allow(&["rds:DeleteDBSubnetGroup"], &["rds:subgrp:{stack}"])],
    };

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        if scope.config.database.instance.is_some() {
            return Vec::new();
        }
        let group = Self {
            subnets: by_zone(scope),
            tags: scope.tags(Self::KIND, "main"),
        };
        vec![("main".to_owned(), group)]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let name = reader.stack.prefix();
        let arn = arn(&reader.stack, &name);
        // Asked for together: the tags of a group that is not there do not matter.
        let (group, tags) = tokio::join!(describe(&reader.aws, &name), tags(&reader.aws, &arn));
        let Some(group) = group? else {
            return Ok(Vec::new());
        };
        Ok(vec![found(&reader.stack, group, tags?)])
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
        let created = with_service_role(cx, || {
            let call = call.clone();
            async { call.send().await.during("CreateDBSubnetGroup", cx.id) }
        });
        match created.await {
            Ok(_) => Ok(attributes([("id", &name)])),
            Err(error) if error.code() == Some("DBSubnetGroupAlreadyExists") => {
                self.take_on(cx, &name, error).await
            }
            Err(error) => Err(error),
        }
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

impl SubnetGroup {
    /// Brings the group that has the name to what is wanted, where it is the stack's.
    async fn take_on(&self, cx: &Cx<'_>, name: &str, refused: Error) -> Result<Attributes> {
        let tags = tags(cx.aws, &arn(cx.stack, name)).await?;
        match describe(cx.aws, name).await? {
            Some(group) if cx.stack.owns(&tags) => {
                let found = found(cx.stack, group, tags);
                let changes = diff(&to_value(&found.value)?, &to_value(self)?);
                self.update(cx, &found, &fields(&changes)).await
            }
            _ => Err(refused),
        }
    }
}

async fn describe(aws: &Aws, name: &str) -> Result<Option<DbSubnetGroup>> {
    let call = aws.rds.describe_db_subnet_groups();
    let answer = call.db_subnet_group_name(name).send().await;
    let answer = answer
        .during("DescribeDBSubnetGroups", name)
        .unless(NOT_FOUND)?;
    let groups = answer.and_then(|answer| answer.db_subnet_groups);
    Ok(groups.and_then(|groups| groups.into_iter().next()))
}

fn found(stack: &Stack, group: DbSubnetGroup, tags: Tags) -> Found<SubnetGroup> {
    Found {
        name: "main".to_owned(),
        attributes: attributes([("id", &stack.prefix())]),
        owned: stack.owns(&tags),
        value: SubnetGroup {
            subnets: subnets(group),
            tags: stack.relevant(tags),
        },
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
