//! One entry of a network ACL, and whole sets of them.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{NetworkAcl, NetworkAclEntry, PortRange, RuleAction};
use serde::{Deserialize, Serialize};

use crate::aws::{During, Optional};
use crate::error::Result;
use crate::resources::Cx;

/// The last entry of every ACL, which refuses what none admits: EC2's own, and there for ever.
const REFUSE_THE_REST: i32 = 32767;

/// Entries by direction and number, `ingress 100`: EC2 reads them in this order.
pub type Entries = BTreeMap<String, Entry>;

/// What an entry says of what it matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// `-1`: every protocol.
    pub protocol: String,
    pub cidr: String,
    /// `443-443`; without it, every port.
    pub ports: Option<String>,
    pub allow: bool,
}

impl Entry {
    /// Lets everything through, to or from these addresses.
    pub fn admit(cidr: &str) -> Self {
        Self {
            protocol: "-1".to_owned(),
            cidr: cidr.to_owned(),
            ports: None,
            allow: true,
        }
    }
}

/// A described ACL's entries, but for the last of each direction.
pub fn entries_of(acl: &NetworkAcl) -> Entries {
    let entries = acl.entries().iter();
    let ours = entries.filter(|entry| entry.rule_number < Some(REFUSE_THE_REST));
    ours.map(|entry| (key(entry), read(entry))).collect()
}

fn key(entry: &NetworkAclEntry) -> String {
    let direction = match entry.egress {
        Some(true) => "egress",
        _ => "ingress",
    };
    format!("{direction} {}", entry.rule_number.unwrap_or_default())
}

fn read(entry: &NetworkAclEntry) -> Entry {
    let range = entry.ipv6_cidr_block.as_ref();
    let ports = entry.port_range.as_ref();
    Entry {
        protocol: entry.protocol.clone().unwrap_or_default(),
        cidr: entry
            .cidr_block
            .as_ref()
            .or(range)
            .cloned()
            .unwrap_or_default(),
        ports: ports.map(|range| {
            let bound = |port: Option<i32>| port.unwrap_or_default();
            format!("{}-{}", bound(range.from), bound(range.to))
        }),
        allow: entry.rule_action == Some(RuleAction::Allow),
    }
}

/// Brings an ACL's entries from `found` to `wanted`. What is to be admitted comes first: traffic
/// must not stop in between.
pub async fn sync(cx: &Cx<'_>, acl: &str, found: &Entries, wanted: &Entries) -> Result<()> {
    for (key, entry) in wanted {
        if found.get(key) != Some(entry) {
            put(cx, acl, key, entry, found.contains_key(key)).await?;
        }
    }
    for key in found.keys().filter(|key| !wanted.contains_key(*key)) {
        let (egress, number) = position(key);
        let call = cx.aws.ec2.delete_network_acl_entry().network_acl_id(acl);
        call.egress(egress)
            .rule_number(number)
            .send()
            .await
            .during("DeleteNetworkAclEntry", cx.id)
            .unless(&["InvalidNetworkAclEntry.NotFound"])?;
    }
    Ok(())
}

async fn put(cx: &Cx<'_>, acl: &str, key: &str, entry: &Entry, replace: bool) -> Result<()> {
    let (ec2, (egress, number)) = (&cx.aws.ec2, position(key));
    let ports = entry
        .ports
        .as_deref()
        .and_then(|ports| ports.split_once('-'));
    let ports = ports.map(|(from, to)| {
        let range = PortRange::builder().set_from(from.parse().ok());
        range.set_to(to.parse().ok()).build()
    });
    let action = if entry.allow {
        RuleAction::Allow
    } else {
        RuleAction::Deny
    };
    if replace {
        ec2.replace_network_acl_entry()
            .network_acl_id(acl)
            .egress(egress)
            .rule_number(number)
            .protocol(&entry.protocol)
            .cidr_block(&entry.cidr)
            .set_port_range(ports)
            .rule_action(action)
            .send()
            .await
            .during("ReplaceNetworkAclEntry", cx.id)?;
    } else {
        super::settled(cx, || async {
            ec2.create_network_acl_entry()
                .network_acl_id(acl)
                .egress(egress)
                .rule_number(number)
                .protocol(&entry.protocol)
                .cidr_block(&entry.cidr)
                .set_port_range(ports.clone())
                .rule_action(action.clone())
                .send()
                .await
                .during("CreateNetworkAclEntry", cx.id)
                .unless(&["NetworkAclEntryAlreadyExists"])
        })
        .await?;
    }
    Ok(())
}

fn position(key: &str) -> (bool, i32) {
    let (direction, number) = key.split_once(' ').unwrap_or_default();
    (direction == "egress", number.parse().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_that_every_acl_ends_with_is_not_ours() {
        let entry = |number: i32, egress: bool| {
            let entry = NetworkAclEntry::builder()
                .rule_number(number)
                .egress(egress);
            let entry = entry.protocol("-1").cidr_block("10.0.0.0/16");
            entry.rule_action(RuleAction::Allow).build()
        };
        let acl = NetworkAcl::builder()
            .entries(entry(100, true))
            .entries(entry(32767, true));
        let acl = acl.entries(entry(90, false)).build();
        let admitted = Entry::admit("10.0.0.0/16");
        assert_eq!(
            entries_of(&acl),
            Entries::from([
                ("egress 100".to_owned(), admitted.clone()),
                ("ingress 90".to_owned(), admitted),
            ])
        );
        assert_eq!(position("egress 100"), (true, 100));
        assert_eq!(position("ingress 90"), (false, 90));
    }
}
