//! Classes of addresses and ports, for `is`.

use super::address::Network;
use super::numbers::NumberSet;
use super::predicate::Predicate;
use crate::model::Side;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// Names of the classes of addresses.
pub(super) const ADDRESSES: &[&str] = &[
    "loopback",
    "private",
    "link-local",
    "shared",
    "multicast",
    "wildcard",
    "documentation",
    "global",
];

/// Names of the classes of ports.
pub(super) const PORTS: &[&str] = &[
    "ephemeral",
    "well-known",
    "privileged",
    "registered",
    "dynamic",
];

/// The networks of a class of addresses, as IANA's registries of special-purpose addresses have them (RFC 6890).
fn networks(class: &str) -> &'static [(&'static str, u8)] {
    match class {
        "loopback" => &[("127.0.0.0", 8), ("::1", 128)],
        // RFC 1918, RFC 4193.
        "private" => &[
            ("10.0.0.0", 8),
            ("172.16.0.0", 12),
            ("192.168.0.0", 16),
            ("fc00::", 7),
        ],
        "link-local" => &[("169.254.0.0", 16), ("fe80::", 10)],
        // RFC 6598, for carriers' translators.
        "shared" => &[("100.64.0.0", 10)],
        "multicast" => &[("224.0.0.0", 4), ("ff00::", 8)],
        "wildcard" => &[("0.0.0.0", 32), ("::", 128)],
        // RFC 5737, RFC 3849, RFC 9637.
        "documentation" => &[
            ("192.0.2.0", 24),
            ("198.51.100.0", 24),
            ("203.0.113.0", 24),
            ("2001:db8::", 32),
            ("3fff::", 20),
        ],
        _ => &[],
    }
}

/// What is neither global nor in a class of its own: "this network", protocol assignments, benchmarks, reserved.
const OTHERS: &[(&str, u8)] = &[
    ("0.0.0.0", 8),
    ("192.0.0.0", 24),
    ("198.18.0.0", 15),
    ("240.0.0.0", 4),
];

/// The addresses of a class.
pub(super) fn addresses(side: Side, class: &str) -> Option<Predicate> {
    if !ADDRESSES.contains(&class) {
        return None;
    }
    let any_of = |list: &[(&str, u8)]| {
        let networks = list.iter().filter_map(|&(address, length)| {
            let address: IpAddr = address.parse().ok()?;
            Some(Predicate::Network(side, Network::new(address, length)))
        });
        Predicate::any(networks.collect())
    };
    if class != "global" {
        return Some(any_of(networks(class)));
    }
    let special: Vec<_> = ADDRESSES.iter().map(|c| any_of(networks(c))).collect();
    let v4 = Network::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    // Global unicast, RFC 4291 §2.4.
    let v6 = Network::new(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).into(), 3);
    Some(Predicate::all(vec![
        Predicate::any(vec![
            Predicate::Network(side, v4),
            Predicate::Network(side, v6),
        ]),
        Predicate::any(special).negated_if(true),
        any_of(OTHERS).negated_if(true),
    ]))
}

/// The ports of a class; `ephemeral` is the range of this host.
pub(super) fn ports(class: &str, ephemeral: Option<RangeInclusive<u16>>) -> Option<NumberSet> {
    let (from, to) = match class {
        "ephemeral" => ephemeral?.into_inner(),
        // RFC 6335 §6.
        "well-known" | "privileged" => (1, 1023),
        "registered" => (1024, 49151),
        "dynamic" => (49152, 65535),
        _ => return None,
    };
    Some(NumberSet::of([(from.into(), to.into())]))
}
