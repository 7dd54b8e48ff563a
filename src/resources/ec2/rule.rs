//! One rule of a security group, and whole sets of them.

use aws_sdk_ec2::types::{
    IpPermission, IpRange, Ipv6Range, PrefixListId, SecurityGroup, UserIdGroupPair,
};
use serde::{Deserialize, Serialize};

use crate::aws::{During, Optional};
use crate::error::Result;
use crate::resources::Cx;

/// Which way the traffic goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Ingress,
    Egress,
}

/// One peer that may be talked to, or may talk. Fields are in the order that sets are sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// `tcp`, or `-1` for all of them.
    pub protocol: String,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    /// A security group, `account/group` where it is another account's, a prefix list or a CIDR.
    pub peer: String,
    pub description: String,
}

impl Rule {
    pub fn tcp(port: u16, peer: &str, description: &str) -> Self {
        Self {
            protocol: "tcp".to_owned(),
            from_port: Some(i32::from(port)),
            to_port: Some(i32::from(port)),
            peer: peer.to_owned(),
            description: description.to_owned(),
        }
    }

    /// What EC2 gives a new group as its egress.
    pub fn everything() -> Self {
        Self {
            protocol: "-1".to_owned(),
            from_port: None,
            to_port: None,
            peer: "0.0.0.0/0".to_owned(),
            description: String::new(),
        }
    }

    fn permission(&self) -> IpPermission {
        let description = (!self.description.is_empty()).then(|| self.description.clone());
        let permission = IpPermission::builder()
            .ip_protocol(&self.protocol)
            .set_from_port(self.from_port)
            .set_to_port(self.to_port);
        let peer = &self.peer;
        let group = peer.rsplit('/').next().filter(|id| id.starts_with("sg-"));
        if let Some(group) = group {
            let account = peer.strip_suffix(group).and_then(|a| a.strip_suffix('/'));
            let pair = UserIdGroupPair::builder()
                .group_id(group)
                .set_user_id(account.map(str::to_owned))
                .set_description(description);
            permission.user_id_group_pairs(pair.build()).build()
        } else if peer.starts_with("pl-") {
            let list = PrefixListId::builder()
                .prefix_list_id(peer)
                .set_description(description);
            permission.prefix_list_ids(list.build()).build()
        } else if peer.contains(':') {
            let range = Ipv6Range::builder()
                .cidr_ipv6(peer)
                .set_description(description);
            permission.ipv6_ranges(range.build()).build()
        } else {
            let range = IpRange::builder()
                .cidr_ip(peer)
                .set_description(description);
            permission.ip_ranges(range.build()).build()
        }
    }
}

/// A described group's rules in one direction, one for each peer, sorted.
pub fn rules_of(group: &SecurityGroup, direction: Direction) -> Vec<Rule> {
    let account = group.owner_id.as_deref().unwrap_or_default();
    let permissions = match direction {
        Direction::Ingress => group.ip_permissions(),
        Direction::Egress => group.ip_permissions_egress(),
    };
    let mut rules: Vec<Rule> = permissions
        .iter()
        .flat_map(|permission| {
            peers(permission, account)
                .into_iter()
                .map(|(peer, description)| Rule {
                    protocol: permission.ip_protocol.clone().unwrap_or_default(),
                    from_port: permission.from_port,
                    to_port: permission.to_port,
                    peer,
                    description: description.unwrap_or_default(),
                })
        })
        .collect();
    rules.sort();
    rules
}

fn peers(permission: &IpPermission, account: &str) -> Vec<(String, Option<String>)> {
    let groups = permission.user_id_group_pairs().iter().filter_map(|pair| {
        let group = pair.group_id.clone()?;
        let peer = match pair.user_id.as_deref() {
            Some(other) if other != account => format!("{other}/{group}"),
            _ => group,
        };
        Some((peer, pair.description.clone()))
    });
    let ranges = permission
        .ip_ranges()
        .iter()
        .filter_map(|range| Some((range.cidr_ip.clone()?, range.description.clone())));
    let ranges6 = permission
        .ipv6_ranges()
        .iter()
        .filter_map(|range| Some((range.cidr_ipv6.clone()?, range.description.clone())));
    let lists = permission
        .prefix_list_ids()
        .iter()
        .filter_map(|list| Some((list.prefix_list_id.clone()?, list.description.clone())));
    groups.chain(ranges).chain(ranges6).chain(lists).collect()
}

/// Brings a group's rules in one direction from `found` to `wanted`. What must not be goes first:
/// it also stands in the way of a rule that differs from it in its description alone.
pub async fn sync(
    cx: &Cx<'_>,
    group: &str,
    direction: Direction,
    found: &[Rule],
    wanted: &[Rule],
) -> Result<()> {
    let permissions = |these: &[Rule], those: &[Rule]| -> Option<Vec<IpPermission>> {
        let rules = these.iter().filter(|rule| !those.contains(rule));
        let permissions: Vec<_> = rules.map(Rule::permission).collect();
        (!permissions.is_empty()).then_some(permissions)
    };
    if let Some(extra) = permissions(found, wanted) {
        revoke(cx, group, direction, extra).await?;
    }
    if let Some(missing) = permissions(wanted, found) {
        authorize(cx, group, direction, missing).await?;
    }
    Ok(())
}

async fn revoke(
    cx: &Cx<'_>,
    group: &str,
    direction: Direction,
    permissions: Vec<IpPermission>,
) -> Result<()> {
    const GONE: &[&str] = &["InvalidPermission.NotFound", "InvalidGroup.NotFound"];
    let ec2 = &cx.aws.ec2;
    match direction {
        Direction::Ingress => ec2
            .revoke_security_group_ingress()
            .group_id(group)
            .set_ip_permissions(Some(permissions))
            .send()
            .await
            .during("RevokeSecurityGroupIngress", cx.id)
            .unless(GONE)
            .map(drop),
        Direction::Egress => ec2
            .revoke_security_group_egress()
            .group_id(group)
            .set_ip_permissions(Some(permissions))
            .send()
            .await
            .during("RevokeSecurityGroupEgress", cx.id)
            .unless(GONE)
            .map(drop),
    }
}

async fn authorize(
    cx: &Cx<'_>,
    group: &str,
    direction: Direction,
    permissions: Vec<IpPermission>,
) -> Result<()> {
    const THERE: &[&str] = &["InvalidPermission.Duplicate"];
    let ec2 = &cx.aws.ec2;
    super::settled(cx, || async {
        match direction {
            Direction::Ingress => ec2
                .authorize_security_group_ingress()
                .group_id(group)
                .set_ip_permissions(Some(permissions.clone()))
                .send()
                .await
                .during("AuthorizeSecurityGroupIngress", cx.id)
                .unless(THERE)
                .map(drop),
            Direction::Egress => ec2
                .authorize_security_group_egress()
                .group_id(group)
                .set_ip_permissions(Some(permissions.clone()))
                .send()
                .await
                .during("AuthorizeSecurityGroupEgress", cx.id)
                .unless(THERE)
                .map(drop),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_survive_the_way_through_ec2() {
        let mut rules = vec![
            Rule::tcp(3306, "sg-1", "To the database"),
            Rule::tcp(443, "111122223333/sg-2", "Another account"),
            Rule::tcp(443, "10.0.0.0/8", ""),
            Rule::tcp(443, "::/0", ""),
            Rule::tcp(443, "pl-1", "A list"),
        ];
        let group = SecurityGroup::builder()
            .owner_id("444455556666")
            .set_ip_permissions_egress(Some(rules.iter().map(Rule::permission).collect()))
            .build();
        rules.sort();
        assert_eq!(rules_of(&group, Direction::Egress), rules);
        assert_eq!(rules_of(&group, Direction::Ingress), []);
    }
}
