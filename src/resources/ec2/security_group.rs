//! The security groups, without their rules: groups refer to each other in those.

use aws_sdk_ec2::types::ResourceType;
use serde::{Deserialize, Serialize};

use super::rule::{Direction, Rule, sync};
use super::{
    INTERFACES_LINGER, owned_name, released, security_groups, settled, specification, tag, tags_of,
};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::Tags;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    pub vpc: String,
    pub tags: Tags,
}

/// Logical names, and what each group is for.
const GROUPS: [(&str, &str); 3] = [
    ("function", "The functions"),
    ("database", "The database"),
    ("endpoints", "Interface endpoints of AWS services"),
];

impl Resource for SecurityGroup {
    const KIND: &'static str = "security-group";
    /// The role as for subnets: it has to outlive Lambda's network interfaces.
    const NEEDS: &'static [&'static str] = &["vpc", "iam-role"];

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        GROUPS
            .into_iter()
            .map(|(name, _)| {
                let group = Self {
                    vpc: "${vpc/main}".to_owned(),
                    tags: scope.tags(Self::KIND, name),
                };
                (name.to_owned(), group)
            })
            .collect()
    }

    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let groups = security_groups(reader).await?;
        Ok(groups
            .into_iter()
            .filter_map(|group| {
                let tags = tags_of(group.tags.as_deref());
                Some(Found::owned(
                    owned_name(reader.stack, &tags, Self::KIND)?,
                    attributes([("id", group.group_id.as_deref().unwrap_or_default())]),
                    Self {
                        vpc: group.vpc_id.unwrap_or_default(),
                        tags: reader.stack.relevant(tags),
                    },
                ))
            })
            .collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "vpc" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let name = cx.id.name.as_str();
        let description = GROUPS.iter().find(|(group, _)| *group == name);
        let call = cx
            .aws
            .ec2
            .create_security_group()
            .vpc_id(&self.vpc)
            .group_name(cx.stack.name(name))
            .description(description.map_or(name, |(_, description)| description))
            .tag_specifications(specification(ResourceType::SecurityGroup, &self.tags));
        let id = settled(cx, || {
            let call = call.clone();
            async { call.send().await.during("CreateSecurityGroup", cx.id) }
        })
        .await?
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
        let what = "network interfaces to go; Lambda takes up to 25 minutes";
        released(cx, what, INTERFACES_LINGER, || async {
            let call = cx.aws.ec2.delete_security_group();
            let call = call.group_id(found.aws_id());
            call.send().await.during("DeleteSecurityGroup", cx.id)
        })
        .await
        .unless(&["InvalidGroup.NotFound"])?;
        Ok(())
    }
}
