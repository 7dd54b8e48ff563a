//! A VPC and subnets that infra.toml names and somebody else keeps: looked at and judged before
//! anything is made in them, and never changed.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Tag;

use super::subnet::letters;
use super::{subnet, tags_of, vpc};
use crate::aws::{During, Optional, Reader};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::resources::Scope;

/// What the stack makes only where it has a network of its own.
pub fn own<R>(scope: &Scope, objects: Vec<(String, R)>) -> Vec<(String, R)> {
    match scope.config.network.vpc_id {
        Some(_) => Vec::new(),
        None => objects,
    }
}

/// The VPC, where infra.toml names one.
pub async fn vpc(reader: &Reader, config: &Config) -> Result<Vec<(String, Attributes)>> {
    let Some(id) = config.network.vpc_id.as_deref() else {
        return Ok(Vec::new());
    };
    let call = reader.aws.ec2.describe_vpcs().vpc_ids(id);
    let answer = call.send().await.during("DescribeVpcs", id);
    let answer = answer.unless(vpc::NOT_FOUND)?;
    let found = answer.and_then(|answer| answer.vpcs.unwrap_or_default().pop());
    let Some(found) = found else {
        return Err(unfit(
            "vpc_id",
            &format!("there is no {id} in {}", place(reader)),
        ));
    };
    not_ours(reader, "vpc_id", id, found.tags.as_deref())?;
    if vpc::dns(&reader.aws, id).await? != (true, true) {
        let says = format!("{id} resolves no names of endpoints");
        return Err(
            unfit("vpc_id", &says).hint("turn on both its DNS support and its DNS hostnames")
        );
    }
    Ok(vec![("main".to_owned(), attributes([("id", id)]))])
}

/// The subnets in the order of infra.toml, each with its zone.
pub async fn subnets(reader: &Reader, config: &Config) -> Result<Vec<(String, Attributes)>> {
    let network = &config.network;
    let Some(vpc) = network.vpc_id.as_deref() else {
        return Ok(Vec::new());
    };
    let call = reader.aws.ec2.describe_subnets();
    let call = call.set_subnet_ids(Some(network.subnet_ids.clone()));
    let answer = call.send().await.during("DescribeSubnets", vpc);
    let found = answer
        .map_err(|error| match error.code() {
            Some(code) if subnet::NOT_FOUND.contains(&code) => {
                let says = format!("{} does not have them all", place(reader));
                unfit("subnet_ids", &says).because(error)
            }
            _ => error,
        })?
        .subnets
        .unwrap_or_default();
    let mut subnets = Vec::new();
    let mut by_zone: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, id) in letters().zip(&network.subnet_ids) {
        let found = found.iter().find(|found| found.subnet_id() == Some(id));
        let Some(found) = found else {
            let says = format!("there is no {id} in {}", place(reader));
            return Err(unfit("subnet_ids", &says));
        };
        not_ours(reader, "subnet_ids", id, found.tags.as_deref())?;
        let home = found.vpc_id().unwrap_or_default();
        if home != vpc {
            let says = format!("{id} is in {home} and not in {vpc}");
            return Err(unfit("subnet_ids", &says));
        }
        let zone = found.availability_zone().unwrap_or_default();
        if let Some(other) = by_zone.insert(zone, id) {
            let says = format!("{other} and {id} are both in {zone}");
            return Err(unfit("subnet_ids", &says)
                .hint("name one in each of two zones or more: RDS wants two, and an endpoint takes one subnet in each"));
        }
        subnets.push((name, attributes([("id", id), ("zone", zone)])));
    }
    Ok(subnets)
}

/// What carries the stack's tags would be taken for something to delete.
fn not_ours(reader: &Reader, key: &str, id: &str, tags: Option<&[Tag]>) -> Result<()> {
    if reader.stack.owns(&tags_of(tags)) {
        let says = format!("{id} is this stack's own");
        return Err(unfit(key, &says).hint("remove vpc_id and subnet_ids: it is used without them"));
    }
    Ok(())
}

fn unfit(key: &str, says: &str) -> Error {
    Error::usage(format!("[network] {key}: {says}")).hint("nothing was changed")
}

fn place(reader: &Reader) -> String {
    let stack = &reader.stack;
    format!("account {} in {}", stack.account, stack.region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script};

    const VPC: &str = "vpc-0a1b2c3d";
    const SUBNETS: [&str; 2] = ["subnet-0a1b2c3d", "subnet-4e5f6071"];

    fn config() -> Config {
        let text = format!(
            "[stack]\nname = \"chat\"\nregion = \"us-east-1\"\n\
             [network]\nvpc_id = {VPC:?}\nsubnet_ids = {SUBNETS:?}"
        );
        toml::from_str(&text).unwrap()
    }

    fn described_vpc(tags: &str) -> String {
        format!(
            "<DescribeVpcsResponse><vpcSet><item><vpcId>{VPC}</vpcId><tagSet>{tags}</tagSet>\
             </item></vpcSet></DescribeVpcsResponse>"
        )
    }

    fn attribute(name: &str, on: bool) -> String {
        format!(
            "<DescribeVpcAttributeResponse><{name}><value>{on}</value></{name}>\
             </DescribeVpcAttributeResponse>"
        )
    }

    /// Subnets with these VPCs and zones.
    fn described_subnets(homes: [(&str, &str); 2]) -> String {
        let items = SUBNETS.iter().zip(homes).map(|(id, (vpc, zone))| {
            format!(
                "<item><subnetId>{id}</subnetId><vpcId>{vpc}</vpcId>\
                 <availabilityZone>{zone}</availabilityZone></item>"
            )
        });
        let items: String = items.collect();
        format!("<DescribeSubnetsResponse><subnetSet>{items}</subnetSet></DescribeSubnetsResponse>")
    }

    async fn look_at_vpc(script: Script) -> Result<Vec<(String, Attributes)>> {
        let scene = Scene::new("vpc/main", script);
        let reader = Reader::new(&scene.aws, &scene.stack);
        Box::pin(vpc(&reader, &config())).await
    }

    async fn look_at_subnets(homes: [(&str, &str); 2]) -> Result<Vec<(String, Attributes)>> {
        let script = Script::new().answer("DescribeSubnets", described_subnets(homes));
        let scene = Scene::new("subnet/private-a", script);
        let reader = Reader::new(&scene.aws, &scene.stack);
        subnets(&reader, &config()).await
    }

    fn says(result: Result<Vec<(String, Attributes)>>) -> String {
        result.unwrap_err().message
    }

    #[tokio::test]
    async fn each_is_known_by_its_logical_name() {
        let script = Script::new()
            .answer("DescribeVpcs", described_vpc(""))
            .answer("DescribeVpcAttribute", attribute("enableDnsSupport", true))
            .answer(
                "DescribeVpcAttribute",
                attribute("enableDnsHostnames", true),
            );
        let main = look_at_vpc(script).await.unwrap();
        assert_eq!(main, [("main".to_owned(), attributes([("id", VPC)]))]);
        let found = look_at_subnets([(VPC, "us-east-1b"), (VPC, "us-east-1a")]);
        let [a, b] = SUBNETS;
        assert_eq!(
            found.await.unwrap(),
            [
                (
                    "private-a".to_owned(),
                    attributes([("id", a), ("zone", "us-east-1b")])
                ),
                (
                    "private-b".to_owned(),
                    attributes([("id", b), ("zone", "us-east-1a")])
                ),
            ]
        );
    }

    #[tokio::test]
    async fn a_vpc_that_is_not_there() {
        let missing = "The vpc ID 'vpc-0a1b2c3d' does not exist";
        let script = Script::new().refuse("DescribeVpcs", 400, "InvalidVpcID.NotFound", missing);
        assert_eq!(
            says(look_at_vpc(script).await),
            "[network] vpc_id: there is no vpc-0a1b2c3d in account 111122223333 in us-east-1"
        );
    }

    #[tokio::test]
    async fn a_vpc_without_names() {
        let script = Script::new()
            .answer("DescribeVpcs", described_vpc(""))
            .answer("DescribeVpcAttribute", attribute("enableDnsSupport", true))
            .answer(
                "DescribeVpcAttribute",
                attribute("enableDnsHostnames", false),
            );
        let said = says(look_at_vpc(script).await);
        assert!(said.contains("resolves no names of endpoints"), "{said}");
    }

    /// It would be used as others' and deleted as the stack's own.
    #[tokio::test]
    async fn the_stack_s_own_vpc() {
        let tag =
            |key: &str, value: &str| format!("<item><key>{key}</key><value>{value}</value></item>");
        let tags = tag("wmctl:stack", "chat") + &tag("wmctl:environment", "prod");
        let script = Script::new().answer("DescribeVpcs", described_vpc(&tags));
        let said = says(look_at_vpc(script).await);
        assert!(said.contains("is this stack's own"), "{said}");
    }

    #[tokio::test]
    async fn subnets_that_are_elsewhere_or_too_near() {
        let elsewhere = look_at_subnets([(VPC, "us-east-1a"), ("vpc-9", "us-east-1b")]).await;
        assert_eq!(
            says(elsewhere),
            "[network] subnet_ids: subnet-4e5f6071 is in vpc-9 and not in vpc-0a1b2c3d"
        );
        let near = look_at_subnets([(VPC, "us-east-1a"), (VPC, "us-east-1a")]).await;
        assert_eq!(
            says(near),
            "[network] subnet_ids: subnet-0a1b2c3d and subnet-4e5f6071 are both in us-east-1a"
        );
    }

    #[tokio::test]
    async fn a_subnet_that_is_not_there() {
        let missing = "The subnet ID 'subnet-4e5f6071' does not exist";
        let script =
            Script::new().refuse("DescribeSubnets", 400, "InvalidSubnetID.NotFound", missing);
        let scene = Scene::new("subnet/private-a", script);
        let reader = Reader::new(&scene.aws, &scene.stack);
        let error = subnets(&reader, &config()).await.unwrap_err();
        assert!(error.message.contains("does not have them all"), "{error}");
        assert!(error.causes()[0].contains("subnet-4e5f6071"));
    }
}
