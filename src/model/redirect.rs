//! Connections that the firewall sends elsewhere than to the port they were made to.

use super::{Port, Protocol};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A rule of nftables that changes the destination of connections before a listener sees them: `redirect` and `dnat`, nft(8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Whether it is for IPv4, and for IPv6.
    pub families: (bool, bool),
    /// Of which protocol; `None` for any.
    pub protocol: Option<Protocol>,
    /// Connections to these ports.
    pub ports: Vec<RangeInclusive<u16>>,
    /// Connections to this address only, if that was told.
    pub destination: Option<IpAddr>,
    /// Whether it has conditions that were not read, so that it is for some of these only.
    pub is_conditional: bool,
    /// Whether it is for connections that come in, and for those that this host makes.
    pub hooks: (bool, bool),
    /// The address that they go to; `None` for one of this host's own.
    pub to_address: Option<IpAddr>,
    /// The port that they go to; `None` for the same.
    pub to_port: Option<Port>,
    /// The table that the rule is in, whoever named it.
    pub table: Vec<u8>,
    /// The chain that the rule is in, whoever named it.
    pub chain: Vec<u8>,
}

impl Redirect {
    /// Whether it is for connections to `port` at an address of such a family.
    #[must_use]
    pub fn is_for(&self, protocol: Protocol, port: Port, v4: bool) -> bool {
        let family = if v4 { self.families.0 } else { self.families.1 };
        family
            && self.protocol.is_none_or(|p| p == protocol)
            && self.ports.iter().any(|range| range.contains(&port.0))
    }
}
