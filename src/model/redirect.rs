//! Connections that the firewall sends elsewhere than to the port they were made to.

use super::{Port, Protocol};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// What the firewall of a network namespace redirects, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirects {
    /// The rules that were understood, of each hook in the order that packets meet them. One rule may be met in several ways.
    pub rules: Vec<Redirect>,
    /// Why there may be more.
    pub gap: Option<RedirectGap>,
}

/// Why not every redirection is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectGap {
    /// Reading the rules takes `CAP_NET_ADMIN`.
    Forbidden {
        /// Whether connections are tracked here (`nf_conntrack`): without that, nothing is redirected.
        is_tracked: bool,
    },
    /// The kernel could not be asked, or broke off.
    Unread,
    /// A rule decides in a way that is not followed, such as a verdict map, or there are too many.
    NotFollowed,
    /// The older iptables has rules that translate addresses, or nobody may see whether it does.
    Older,
}

/// A rule of nftables that changes the destination of connections before a listener sees them: `redirect` and `dnat`, nft(8).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Redirect {
    /// Whether it is for IPv4, and for IPv6.
    pub families: (bool, bool),
    /// Of which protocol; `None` for any.
    pub protocol: Option<Protocol>,
    /// Connections to these ports, ascending and apart.
    pub ports: Vec<RangeInclusive<u16>>,
    /// Connections to this address only, if that was told.
    pub destination: Option<IpAddr>,
    /// Whether it is for connections to other hosts only, which pass through here.
    pub is_for_others: bool,
    /// Whether it has conditions that were not read, so that it is for some of these only.
    pub is_conditional: bool,
    /// Whether it is for connections that come in, and for those that this host makes.
    pub hooks: (bool, bool),
    /// The address that they go to.
    pub to_address: ToAddress,
    /// The port that they go to.
    pub to_port: ToPort,
    /// The table that the rule is in, whoever named it.
    pub table: Vec<u8>,
    /// The chain that the rule is in, whoever named it.
    pub chain: Vec<u8>,
}

/// The address that a rule sends connections to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToAddress {
    /// The one they were made to.
    Same,
    /// One of this host's: the first loopback address for connections of its own, and for others one of the interface they came by.
    Own,
    /// This one.
    To(IpAddr),
    /// One that a map or a range decides, which was not read.
    Unread,
}

/// The port that a rule sends connections to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToPort {
    /// The one they were made to.
    Same,
    /// This one.
    To(Port),
    /// One that a map or a range decides, which was not read.
    Unread,
}

impl Redirect {
    /// Whether it is for a family: IPv4 or IPv6.
    #[must_use]
    pub const fn is_for_family(&self, v4: bool) -> bool {
        if v4 { self.families.0 } else { self.families.1 }
    }

    /// Whether it is for connections to `port`.
    #[must_use]
    pub fn is_for_port(&self, port: Port) -> bool {
        self.ports.iter().any(|range| range.contains(&port.0))
    }
}
