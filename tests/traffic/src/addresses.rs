//! Addresses that belong to nobody: shared space for visitors, documentation space for the rest.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address of the `number`th visitor; one in eight has IPv6. Different for different numbers
/// below 4 million.
pub fn visitor(number: u64) -> IpAddr {
    // Multiplying by an odd number permutes the 22 bits of 100.64.0.0/10.
    let mixed = number.wrapping_mul(2_654_435_761) & 0x3F_FFFF;
    let bits = u32::try_from(mixed).unwrap_or(0);
    if number % 8 == 5 {
        let (high, low) = (segment(bits >> 8), segment(bits & 0xFF));
        return Ipv6Addr::new(0x2001, 0xdb8, 0x1000, high, 0, 0, 0xa1, low).into();
    }
    Ipv4Addr::from_bits(0x6440_0000 | bits).into()
}

/// The address of the `number`th machine of the site's own or of its partners.
pub fn machine(number: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, number).into()
}

/// The address of the `number`th attacker; one in nine has IPv6.
pub fn attacker(number: u32) -> IpAddr {
    if number % 9 == 7 {
        let (high, low) = (segment(number >> 16), segment(number & 0xFFFF));
        return Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, high, low).into();
    }
    Ipv4Addr::from_bits(0xC612_0000 + number).into()
}

fn segment(bits: u32) -> u16 {
    u16::try_from(bits).unwrap_or(u16::MAX)
}
