//! `[network]`: the address range, or a VPC that is there already.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::super::document::Place;
use super::super::example::EXAMPLE;
use super::Checker;

/// RFC 1918.
const PRIVATE: [(Ipv4Addr, u8); 3] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

/// A VPC may have /16 to /28; below /24 the subnets get too narrow for functions that scale.
const WIDEST: u8 = 16;
const NARROWEST: u8 = 24;

/// RDS wants two zones, an endpoint takes one subnet in each, and no region has more than six.
const SUBNETS: std::ops::RangeInclusive<usize> = 2..=6;

pub(super) fn check(checker: &mut Checker<'_, '_>) {
    let given = |key| checker.document.has(&Place::from(key));
    match (given("network.vpc_id"), given("network.subnet_ids")) {
        (false, false) => range(checker),
        (true, true) => existing(checker),
        (vpc, _) => {
            let (given, missing) = if vpc {
                ("network.vpc_id", "subnet_ids")
            } else {
                ("network.subnet_ids", "vpc_id")
            };
            let example = Place::from("network").key(missing);
            let example = example.value_in(&EXAMPLE).map(ToString::to_string);
            let help = format!(
                "add `{missing}`, for example `{missing} = {}`",
                example.unwrap_or_default()
            );
            let says = format!("needs `{missing}` beside it");
            checker.refuse(&given.into(), &says, "half of an existing network", help);
        }
    }
}

/// A VPC and subnets that somebody else keeps: the stack does not lay out what it does not make.
fn existing(checker: &mut Checker<'_, '_>) {
    let vpc = Place::from("network.vpc_id");
    for key in ["network.cidr", "network.zones"] {
        let place = Place::from(key);
        if checker.document.has(&place) {
            checker.clash(
                format!("`{place}` is for a VPC of the stack's own"),
                (&place, "this would not be used".to_owned()),
                (&vpc, "this VPC is used instead"),
                "remove one of the two".to_owned(),
            );
        }
    }
    let network = &checker.config.network;
    let id = network.vpc_id.clone().unwrap_or_default();
    identifier(checker, &vpc, "vpc", &id);
    let list = Place::from("network.subnet_ids");
    let subnets = network.subnet_ids.clone();
    let mut seen = BTreeSet::new();
    for (index, id) in subnets.iter().enumerate() {
        let place = list.index(index);
        identifier(checker, &place, "subnet", id);
        if !seen.insert(id) {
            checker.refuse(&place, "is there twice", "the second", "remove it");
        }
    }
    if !SUBNETS.contains(&subnets.len()) {
        let label = format!("{} of them", subnets.len());
        let help = "name two to six, each in a zone of its own: RDS wants two zones, and no region has more than six";
        checker.refuse(&list, "has the wrong number of subnets", label, help);
    }
}

/// EC2's ids: a prefix and 17 hexadecimal digits, or 8 of those that are old.
fn identifier(checker: &mut Checker<'_, '_>, place: &Place, prefix: &str, id: &str) {
    let digits = id
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'));
    let sound = digits.is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
    });
    if !sound {
        let help = format!("it looks like `\"{prefix}-0a1b2c3d4e5f60718\"`");
        let label = format!("expected `{prefix}-` and 17 hexadecimal digits");
        checker.refuse(place, "is not the id of one", label, help);
    }
}

fn range(checker: &mut Checker<'_, '_>) {
    let place = Place::from("network.cidr");
    let cidr = checker.config.network.cidr;
    let length = cidr.prefix_len();
    let resized = |length| {
        Ipv4Net::new(cidr.addr(), length)
            .map_or_else(|_| cidr.to_string(), |net| net.trunc().to_string())
    };
    if length < WIDEST {
        let help = format!("for example `cidr = \"{}\"`", resized(WIDEST));
        checker.refuse(&place, "is too large", "a VPC has a /16 at most", help);
    } else if length > NARROWEST {
        let help = format!("for example `cidr = \"{}\"`", resized(NARROWEST));
        let label = format!("{} addresses, for all subnets", 1_u64 << (32 - length));
        checker.refuse(&place, "is too small", label, help);
    } else if cidr != cidr.trunc() {
        let help = format!(
            "write the network's own address: `cidr = \"{}\"`",
            cidr.trunc()
        );
        checker.refuse(
            &place,
            "is an address inside a network",
            "bits are set beyond the prefix",
            help,
        );
    } else if !is_private(cidr) {
        let help = "take one from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, for example `cidr = \"10.42.0.0/16\"`";
        checker.refuse(
            &place,
            "is not a private range",
            "these addresses belong to somebody on the internet",
            help,
        );
    }
}

fn is_private(cidr: Ipv4Net) -> bool {
    PRIVATE
        .into_iter()
        .filter_map(|(address, length)| Ipv4Net::new(address, length).ok())
        .any(|private| private.contains(&cidr))
}
