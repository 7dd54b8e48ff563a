//! Which availability zone each of the stack's subnets is in.

use super::subnet::{Subnet, letters};
use crate::aws::{Aws, During};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::resources::Resource;

/// The zones of the stack's own subnets, in their order. One that exists stays where it is,
/// whatever zones the region has gained or lost since: moving it would interrupt all in it. Any
/// other gets the first zone that none is in.
pub async fn zones(aws: &Aws, config: &Config, found: &[Object]) -> Result<Vec<String>> {
    let network = &config.network;
    if network.vpc_id.is_some() {
        return Ok(Vec::new());
    }
    let standing: Vec<Option<String>> = letters()
        .take(network.subnets())
        .map(|name| standing(found, &name))
        .collect();
    if let Some(zones) = assign(standing.clone(), &[]) {
        return Ok(zones);
    }
    let region = &config.stack.region;
    let offered = offered(aws, region).await?;
    assign(standing, &offered).ok_or_else(|| {
        Error::usage(format!(
            "[network] zones = {}, and {region} has {} availability zones",
            network.zones,
            offered.len()
        ))
        .hint("lower zones in infra.toml; nothing was changed")
    })
}

fn standing(found: &[Object], name: &str) -> Option<String> {
    let subnet = found
        .iter()
        .find(|object| object.owned && object.id.kind == Subnet::KIND && object.id.name == name)?;
    subnet.value["zone"].as_str().map(str::to_owned)
}

/// No two in the same zone. None where zones are lacking.
fn assign(mut standing: Vec<Option<String>>, offered: &[String]) -> Option<Vec<String>> {
    for index in 1..standing.len() {
        let (before, rest) = standing.split_at_mut(index);
        if before.contains(&rest[0]) {
            rest[0] = None;
        }
    }
    let taken: Vec<String> = standing.iter().flatten().cloned().collect();
    let mut free = offered.iter().filter(|zone| !taken.contains(zone));
    standing
        .into_iter()
        .map(|zone| zone.or_else(|| free.next().cloned()))
        .collect()
}

async fn offered(aws: &Aws, region: &str) -> Result<Vec<String>> {
    let call = aws.ec2.describe_availability_zones();
    let answer = call
        .send()
        .await
        .during("DescribeAvailabilityZones", region)?;
    let zones = answer.availability_zones.unwrap_or_default().into_iter();
    // Local and wavelength zones have no Lambda and no RDS.
    let ordinary = zones.filter(|zone| {
        let kind = zone.zone_type.as_deref();
        kind.is_none_or(|kind| kind == "availability-zone")
    });
    let mut names: Vec<String> = ordinary.filter_map(|zone| zone.zone_name).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(standing: &[Option<&str>], offered: &[&str]) -> Option<Vec<String>> {
        let standing = standing.iter().map(|zone| zone.map(str::to_owned));
        let offered: Vec<String> = offered.iter().copied().map(str::to_owned).collect();
        assign(standing.collect(), &offered)
    }

    #[test]
    fn the_first_subnets_get_the_first_zones() {
        let zones = assigned(&[None, None], &["1a", "1b", "1c"]).unwrap();
        assert_eq!(zones, ["1a", "1b"]);
    }

    #[test]
    fn a_zone_that_the_region_gains_moves_no_subnet() {
        let zones = assigned(&[Some("1b"), Some("1c")], &["1a", "1b", "1c"]).unwrap();
        assert_eq!(zones, ["1b", "1c"]);
        let zones = assigned(&[Some("1b"), None], &["1a", "1b", "1c"]).unwrap();
        assert_eq!(zones, ["1b", "1a"]);
    }

    #[test]
    fn a_zone_that_the_region_no_longer_offers_moves_none_either() {
        let zones = assigned(&[Some("1a"), None], &["1b"]).unwrap();
        assert_eq!(zones, ["1a", "1b"]);
    }

    #[test]
    fn two_in_one_zone_are_parted() {
        let zones = assigned(&[Some("1b"), Some("1b")], &["1a", "1b"]).unwrap();
        assert_eq!(zones, ["1b", "1a"]);
    }

    #[test]
    fn too_few_zones_are_none() {
        assert_eq!(assigned(&[None, None], &["1a"]), None);
    }
}
