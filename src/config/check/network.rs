//! `[network]`: the address range.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::super::document::Place;
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

pub(super) fn check(checker: &mut Checker<'_, '_>) {
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
