//! The VPC. It has no internet gateway, and nothing in it has a public address.

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, VpcAttributeName};
use serde::{Deserialize, Serialize};

use super::interfaces::released;
use super::{existing, owned_name, settled, specification, tag, tags_of, vpcs};
use crate::aws::{Aws, During, Optional, Reader};
use crate::config::Config;
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::Tags;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    pub cidr: String,
    /// Names of interface endpoints resolve inside the VPC only with both.
    pub dns_support: bool,
    pub dns_hostnames: bool,
    pub tags: Tags,
}

pub(super) const NOT_FOUND: &[&str] = &["InvalidVpcID.NotFound"];

impl Resource for Vpc {
    const KIND: &'static str = "vpc";
    const NEEDS: &'static [&'static str] = &[];
    const CALLS: Calls = Calls {
        find: &[
            allow(&["ec2:DescribeVpcs"], ALL),
            allow(&["ec2:DescribeVpcAttribute"], &["ec2:vpc/*"]).ours(),
        ],
        create: &[
            allow(&["ec2:CreateVpc"], &["ec2:vpc/*"]).tagged(),
            super::TAG_NEW,
            allow(&["ec2:ModifyVpcAttribute"], &["ec2:vpc/*"]).ours(),
        ],
        update: &[
            super::TAG,
            allow(&["ec2:ModifyVpcAttribute"], &["ec2:vpc/*"]).ours(),
        ],
        delete: &[allow(&["ec2:DeleteVpc"], &["ec2:vpc/*"]).ours()],
    };
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let own = Self {
            cidr: scope.config.network.cidr.to_string(),
            dns_support: true,
            dns_hostnames: true,
            tags: scope.tags(Self::KIND, "main"),
        };
        existing::own(scope, vec![("main".to_owned(), own)])
    }

    async fn existing(reader: &Reader, config: &Config) -> Result<Vec<(String, Attributes)>> {
        existing::vpc(reader, config).await
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let mut found = Vec::new();
        for vpc in vpcs(reader).await? {
            let id = vpc.vpc_id.as_deref().unwrap_or_default();
            let tags = tags_of(vpc.tags.as_deref());
            let Some(name) = owned_name(&reader.stack, &tags, Self::KIND) else {
                continue;
            };
            let (dns_support, dns_hostnames) = dns(&reader.aws, id).await?;
            found.push(Found::owned(
                name,
                attributes([("id", id)]),
                Self {
                    cidr: vpc.cidr_block.clone().unwrap_or_default(),
                    dns_support,
                    dns_hostnames,
                    tags: reader.stack.relevant(tags),
                },
            ));
        }
        Ok(found)
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "cidr" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let id = cx
            .aws
            .ec2
            .create_vpc()
            .cidr_block(&self.cidr)
            .tag_specifications(specification(ResourceType::Vpc, &self.tags))
            .send()
            .await
            .during("CreateVpc", cx.id)?
            .vpc
            .and_then(|vpc| vpc.vpc_id)
            .unwrap_or_default();
        self.set_dns(cx, &id).await?;
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
        if changed.iter().any(|field| field.starts_with("dns_")) {
            self.set_dns(cx, id).await?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let id = found.aws_id();
        // All that could linger has gone before.
        released(cx, "what is in the VPC to go", || async {
            let call = cx.aws.ec2.delete_vpc().vpc_id(id);
            call.send().await.during("DeleteVpc", cx.id)
        })
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

impl Vpc {
    /// Each call changes one attribute only.
    async fn set_dns(&self, cx: &Cx<'_>, id: &str) -> Result<()> {
        let on = |value| AttributeBooleanValue::builder().value(value).build();
        let support = cx
            .aws
            .ec2
            .modify_vpc_attribute()
            .vpc_id(id)
            .enable_dns_support(on(self.dns_support));
        let hostnames = cx
            .aws
            .ec2
            .modify_vpc_attribute()
            .vpc_id(id)
            .enable_dns_hostnames(on(self.dns_hostnames));
        for call in [support, hostnames] {
            settled(cx, || {
                let call = call.clone();
                async { call.send().await.during("ModifyVpcAttribute", cx.id) }
            })
            .await?;
        }
        Ok(())
    }
}

/// Whether names are resolved in a VPC, and whether what stands in it has names.
pub(super) async fn dns(aws: &Aws, id: &str) -> Result<(bool, bool)> {
    let attribute = |name: VpcAttributeName| {
        let call = aws.ec2.describe_vpc_attribute().vpc_id(id).attribute(name);
        async { call.send().await.during("DescribeVpcAttribute", id) }
    };
    let (support, hostnames) = tokio::try_join!(
        attribute(VpcAttributeName::EnableDnsSupport),
        attribute(VpcAttributeName::EnableDnsHostnames)
    )?;
    let on = |value: Option<AttributeBooleanValue>| value.and_then(|value| value.value);
    Ok((
        on(support.enable_dns_support).unwrap_or_default(),
        on(hostnames.enable_dns_hostnames).unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script, waited};
    use crate::resources::sample;

    const IN_USE: &str = "The vpc 'vpc-1' has dependencies and cannot be deleted.";

    fn in_use(script: Script) -> Script {
        script.refuse("DeleteVpc", 400, "DependencyViolation", IN_USE)
    }

    async fn delete(scene: &Scene) -> Result<()> {
        let (name, value) = sample::wanted::<Vpc>("", &[]).remove(0);
        let found = Found::owned(name, attributes([("id", "vpc-1")]), value);
        Vpc::delete(&scene.cx(), &found).await
    }

    #[tokio::test]
    async fn it_goes_once_ec2_counts_nothing_in_it() {
        let script = in_use(in_use(Script::new())).answer("DeleteVpc", "<DeleteVpcResponse/>");
        let scene = Scene::new("vpc/main", script);
        delete(&scene).await.unwrap();
        assert_eq!(scene.script.calls(), ["DeleteVpc"; 3]);
    }

    #[tokio::test]
    async fn one_that_is_gone_already_is_deleted() {
        let gone = "The vpc ID 'vpc-1' does not exist";
        let script = in_use(Script::new()).refuse("DeleteVpc", 400, "InvalidVpcID.NotFound", gone);
        delete(&Scene::new("vpc/main", script)).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_not_the_stack_s_own_stays_in_the_way() {
        let script = (0..100).fold(Script::new(), |script, _| in_use(script));
        let error = delete(&Scene::new("vpc/main", script)).await.unwrap_err();
        assert!(
            error
                .message
                .starts_with("DeleteVpc refused for vpc/main: DependencyViolation")
        );
        assert!(error.message.contains(IN_USE) && error.message.contains("request 1111"));
        assert!(
            error.hints[0].contains("such as a gateway"),
            "{:?}",
            error.hints
        );
        assert!(waited() < std::time::Duration::from_mins(6));
    }
}
