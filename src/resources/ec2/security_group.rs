//! The security groups, without their rules: groups refer to each other in those.

use aws_sdk_ec2::types::{ResourceType, SecurityGroup as Ec2Group};
use serde::{Deserialize, Serialize};

use super::interfaces::once_empty;
use super::rule::{Direction, Rule, sync};
use super::{filter, owned_name, security_groups, settled, specification, tag, tags_of, vpcs};
use crate::aws::{During, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::Tags;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    pub vpc: String,
    pub tags: Tags,
}

pub(super) const NAMES: [&str; 3] = ["function", "database", "endpoints"];

/// What a group is for; EC2 wants it said, and never lets it be changed.
fn description(name: &str) -> &str {
    match name {
        "function" => "The functions",
        "database" => "The database",
        "endpoints" => "Interface endpoints of AWS services",
        other => other,
    }
}

impl Resource for SecurityGroup {
    const KIND: &'static str = "security-group";
    /// The role as for subnets: it has to outlive Lambda's network interfaces.
    const NEEDS: &'static [&'static str] = &["vpc", "iam-role"];
    const CALLS: Calls = Calls {
        find: &[allow(&["ec2:DescribeSecurityGroups"], ALL)],
        create: &[
            allow(&["ec2:CreateSecurityGroup"], &["ec2:security-group/*"]).tagged(),
            allow(&["ec2:CreateSecurityGroup"], &["ec2:vpc/*"]).ours(),
            super::TAG_NEW,
            // It comes with a rule that lets everything out.
            allow(
                &["ec2:RevokeSecurityGroupEgress"],
                &["ec2:security-group/*"],
            )
            .ours(),
        ],
        update: &[super::TAG],
        delete: &[
            allow(&["ec2:DeleteSecurityGroup"], &["ec2:security-group/*"]).ours(),
            allow(&["ec2:DescribeNetworkInterfaces"], ALL),
        ],
    };
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        // A database that somebody else keeps has groups of its own.
        let own_database = scope.config.database.instance.is_none();
        NAMES
            .into_iter()
            .filter(|name| own_database || *name != "database")
            .map(|name| {
                let group = Self {
                    vpc: "${vpc/main}".to_owned(),
                    tags: scope.tags(Self::KIND, name),
                };
                (name.to_owned(), group)
            })
            .collect()
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let groups = ours(reader)
            .await?
            .into_iter()
            .map(|(name, owned, group)| Found {
                name,
                attributes: attributes([("id", group.group_id.as_deref().unwrap_or_default())]),
                value: Self {
                    vpc: group.vpc_id.clone().unwrap_or_default(),
                    tags: reader.stack.relevant(tags_of(group.tags.as_deref())),
                },
                owned,
            });
        Ok(groups.collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "vpc" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let name = cx.id.name.as_str();
        let call = cx
            .aws
            .ec2
            .create_security_group()
            .vpc_id(&self.vpc)
            .group_name(cx.stack.name(name))
            .description(description(name))
            .tag_specifications(specification(ResourceType::SecurityGroup, &self.tags));
        let id = settled(cx, || {
            let call = call.clone();
            async { call.send().await.during("CreateSecurityGroup", cx.id) }
        })
        .await
        .map_err(|error| match error.code() {
            Some("InvalidGroup.Duplicate") => error.hint(format!(
                "{} has a group of that name which is not this stack's: delete it, or choose another [stack] name or environment",
                self.vpc
            )),
            _ => error,
        })?
        .group_id
        .unwrap_or_default();
        // EC2 lets a new group talk to everyone.
        sync(cx, &id, Direction::Egress, &[Rule::everything()], &[]).await?;
        Ok(attributes([("id", &id)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        tag(cx, found.aws_id(), &self.tags).await?;
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        const GONE: &[&str] = &["InvalidGroup.NotFound"];
        let id = found.aws_id();
        once_empty(cx, filter("group-id", id), GONE, || async {
            let call = cx.aws.ec2.delete_security_group().group_id(id);
            let answer = call.send().await;
            answer.during("DeleteSecurityGroup", cx.id).map(drop)
        })
        .await
    }
}

/// The groups with our names, by logical name, and whether they carry our tags. Names are unique
/// in a VPC: in others they are in nobody's way.
pub(super) async fn ours(reader: &Reader) -> Result<Vec<(String, bool, &Ec2Group)>> {
    let (groups, vpcs) = tokio::try_join!(security_groups(reader), vpcs(reader))?;
    let ours = groups.iter().filter_map(|group| {
        let tags = tags_of(group.tags.as_deref());
        if let Some(name) = owned_name(&reader.stack, &tags, SecurityGroup::KIND) {
            return Some((name, true, group));
        }
        let name = reader.stack.logical(group.group_name.as_deref()?)?;
        let here = vpcs.iter().any(|vpc| vpc.vpc_id == group.vpc_id);
        (here && NAMES.contains(&name)).then(|| (name.to_owned(), false, group))
    });
    Ok(ours.collect())
}
