//! The group that EC2 makes with the VPC and puts everything in that names no other: emptied.

use std::time::Duration;

use aws_sdk_ec2::types::SecurityGroup;
use serde::{Deserialize, Serialize};

use super::rule::{Direction, Rule, rules_of, sync};
use super::{existing, filter, owned, security_groups, tag};
use crate::aws::patience::{Look, wait};
use crate::aws::{During, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, When, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::Tags;

/// The name that EC2 gives it, in every VPC.
pub(super) const NAME: &str = "default";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DefaultSecurityGroup {
    pub vpc: String,
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
    pub tags: Tags,
}

impl Resource for DefaultSecurityGroup {
    const KIND: &'static str = "default-security-group";
    const NEEDS: &'static [&'static str] = &["vpc"];
    const CALLS: Calls = Calls {
        find: &[allow(&["ec2:DescribeSecurityGroups"], ALL)],
        create: &[allow(
            &[
                "ec2:CreateTags",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
            ],
            &["ec2:security-group/*"],
        )
        .when(&[When::Unclaimed])],
        update: &[
            super::TAG,
            allow(
                &[
                    "ec2:RevokeSecurityGroupEgress",
                    "ec2:RevokeSecurityGroupIngress",
                ],
                &["ec2:security-group/*"],
            )
            .ours(),
        ],
        delete: &[],
    };
    const SUPERSEDED: bool = true;
    const DELETABLE: bool = false;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let own = Self {
            vpc: "${vpc/main}".to_owned(),
            ingress: Vec::new(),
            egress: Vec::new(),
            tags: scope.tags(Self::KIND, "main"),
        };
        existing::own(scope, vec![("main".to_owned(), own)])
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let groups = security_groups(reader).await?;
        Ok(groups
            .iter()
            .filter_map(|group| {
                let (id, tags) = (group.group_id.as_deref(), group.tags.as_deref());
                owned(reader, id, tags, |tags| Self {
                    vpc: group.vpc_id.clone().unwrap_or_default(),
                    ingress: rules_of(group, Direction::Ingress),
                    egress: rules_of(group, Direction::Egress),
                    tags,
                })
            })
            .collect())
    }

    /// Another VPC has another default group.
    fn on_change(field: &str) -> OnChange {
        match field {
            "vpc" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    /// Emptied before it is tagged: what carries our tags is what has been looked after.
    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let group = default_group(cx, &self.vpc).await?;
        let id = group.group_id.as_deref().unwrap_or_default();
        for (direction, wanted) in self.directions() {
            sync(cx, id, direction, &rules_of(&group, direction), wanted).await?;
        }
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
        for ((direction, wanted), (_, was)) in
            self.directions().into_iter().zip(found.value.directions())
        {
            sync(cx, id, direction, was, wanted).await?;
        }
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

impl DefaultSecurityGroup {
    fn directions(&self) -> [(Direction, &[Rule]); 2] {
        [
            (Direction::Ingress, &self.ingress),
            (Direction::Egress, &self.egress),
        ]
    }
}

/// The group comes with the VPC, though it may show a moment later.
async fn default_group(cx: &Cx<'_>, vpc: &str) -> Result<SecurityGroup> {
    let what = "the VPC's default group to show";
    wait(cx.events, cx.id, what, Duration::from_mins(2), || async {
        let groups = cx
            .aws
            .ec2
            .describe_security_groups()
            .filters(filter("vpc-id", vpc))
            .filters(filter("group-name", NAME))
            .send()
            .await
            .during("DescribeSecurityGroups", cx.id)?
            .security_groups;
        Ok(groups
            .and_then(|mut groups| groups.pop())
            .map_or_else(|| Look::Pending("not listed yet".to_owned()), Look::Ready))
    })
    .await
}
