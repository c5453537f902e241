//! What bind(2) can be asked, and what it can answer.

use super::{IfIndex, Port, Protocol, Uid};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One address that a socket may be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BindTarget {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The address; its family is that of the socket.
    pub address: IpAddr,
    /// The port, never 0.
    pub port: Port,
    /// The scope of a link-local address, `sin6_scope_id` of ipv6(7).
    pub interface: Option<IfIndex>,
    /// `IPV6_V6ONLY` of an IPv6 socket. False for IPv4.
    pub v6only: bool,
}

impl BindTarget {
    /// `0.0.0.0`.
    #[must_use]
    pub const fn any_v4(protocol: Protocol, port: Port) -> Self {
        Self {
            protocol,
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port,
            interface: None,
            v6only: false,
        }
    }

    /// `::`, with or without IPv4.
    #[must_use]
    pub const fn any_v6(protocol: Protocol, port: Port, v6only: bool) -> Self {
        Self {
            protocol,
            address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            port,
            interface: None,
            v6only,
        }
    }
}

/// The options of a socket that change what bind(2) refuses, socket(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindVariant {
    /// None of them.
    Plain,
    /// `SO_REUSEADDR`, which TCP servers usually set.
    ReuseAddr,
    /// `SO_REUSEPORT`.
    ReusePort,
}

impl BindVariant {
    /// Every variant, the most usual first.
    pub const ALL: [Self; 3] = [Self::Plain, Self::ReuseAddr, Self::ReusePort];

    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::ReuseAddr => "reuseaddr",
            Self::ReusePort => "reuseport",
        }
    }
}

/// Why bind(2), or socket(2) before it, fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindError {
    /// `EADDRINUSE`.
    InUse,
    /// `EACCES`.
    Access,
    /// `EADDRNOTAVAIL`.
    NotAvailable,
    /// `EINVAL`.
    Invalid,
    /// `EAFNOSUPPORT`: no such family here.
    NoFamily,
    /// `EPERM`: a cgroup program, a sandbox.
    NotPermitted,
    /// Another error number.
    Other(i32),
}

impl BindError {
    /// Reads an error number of errno(3).
    #[must_use]
    pub const fn from_errno(errno: i32) -> Self {
        match errno {
            1 => Self::NotPermitted,
            13 => Self::Access,
            22 => Self::Invalid,
            97 => Self::NoFamily,
            98 => Self::InUse,
            99 => Self::NotAvailable,
            n => Self::Other(n),
        }
    }

    /// The name of the error number; for others than these `OTHER`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::InUse => "EADDRINUSE",
            Self::Access => "EACCES",
            Self::NotAvailable => "EADDRNOTAVAIL",
            Self::Invalid => "EINVAL",
            Self::NoFamily => "EAFNOSUPPORT",
            Self::NotPermitted => "EPERM",
            Self::Other(_) => "OTHER",
        }
    }
}

/// What bind(2) would answer, as far as one can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindOutcome {
    /// It would succeed.
    Ok,
    /// It would fail.
    Refused(BindError),
    /// Nothing that can be read decides it.
    Unknown,
}

impl BindOutcome {
    /// The word of the JSON contract: `ok`, an error's name, `unknown`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused(error) => error.word(),
            Self::Unknown => "unknown",
        }
    }
}

/// A bind(2) that was tried, without listen(2), and undone at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindTrial {
    /// Where.
    pub target: BindTarget,
    /// With which option.
    pub variant: BindVariant,
    /// How it ended; never [`BindOutcome::Unknown`].
    pub outcome: BindOutcome,
}

/// The user a bind is judged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindUser {
    /// The effective user, who becomes the socket's.
    pub uid: Uid,
    /// Whether it may bind ports below `ip_unprivileged_port_start`: `CAP_NET_BIND_SERVICE` in the user namespace that owns
    /// the network namespace. `None` if that cannot be told.
    pub privileged: Option<bool>,
    /// Whether it has that capability, in a user namespace that does not own the network namespace.
    pub is_foreign: bool,
}

/// How usable an address of this host is, `IFA_F_*` of `linux/if_addr.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressState {
    /// It can be bound.
    Usable,
    /// Duplicate address detection has not ended, RFC 4862 §5.4.
    Tentative,
    /// Another host has it.
    Duplicate,
}

/// An address of an interface of this network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// The address.
    pub address: IpAddr,
    /// Its interface.
    pub interface: IfIndex,
    /// Whether it can be bound.
    pub state: AddressState,
}

/// What an IPv4 address is to the routing tables (`inet_addr_type_table` of `net/ipv4/fib_frontend.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// This host's: also addresses without an interface of their own, as all of 127.0.0.0/8.
    Local,
    /// Broadcast or multicast, which can be bound as well.
    Group,
    /// Anything else.
    Elsewhere,
}

/// What bind(2) depends on besides the sockets there are. What could not be read is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindFacts {
    /// `net.ipv4.ip_unprivileged_port_start`, which holds for IPv6 too.
    pub unprivileged_start: Option<u32>,
    /// `net.ipv4.ip_local_port_range` and `ip_local_reserved_ports`.
    pub ephemeral: Option<super::EphemeralPorts>,
    /// `net.ipv6.bindv6only`: whether an IPv6 socket refuses IPv4 unless its program says otherwise.
    pub bindv6only: Option<bool>,
    /// `net.ipv4.ip_nonlocal_bind`.
    pub nonlocal_v4: Option<bool>,
    /// `net.ipv6.ip_nonlocal_bind`.
    pub nonlocal_v6: Option<bool>,
    /// The addresses of all interfaces.
    pub addresses: Option<Vec<LocalAddress>>,
    /// Whether there is no table of this host's IPv4 addresses, as where lo was never up: bind(2) then takes any
    /// (`inet_addr_type_table` of `net/ipv4/fib_frontend.c`). `None` if that cannot be told.
    pub no_local_table: Option<bool>,
    /// What the IPv4 addresses that were asked about are.
    pub routes: Vec<(Ipv4Addr, RouteKind)>,
    /// Interfaces with `net.ipv6.conf.*.disable_ipv6` set.
    pub without_ipv6: Vec<IfIndex>,
    /// Whether IPv6 sockets can be made at all.
    pub ipv6: bool,
    /// Whether the kernel lists TCP sockets that are bound and do nothing (Linux 6.8, `TCP_BOUND_INACTIVE`).
    pub lists_bound: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_numbers_have_their_names() {
        for (error, number) in [
            (rustix::io::Errno::ADDRINUSE, "EADDRINUSE"),
            (rustix::io::Errno::ACCESS, "EACCES"),
            (rustix::io::Errno::ADDRNOTAVAIL, "EADDRNOTAVAIL"),
            (rustix::io::Errno::INVAL, "EINVAL"),
            (rustix::io::Errno::AFNOSUPPORT, "EAFNOSUPPORT"),
            (rustix::io::Errno::PERM, "EPERM"),
            (rustix::io::Errno::NODEV, "OTHER"),
        ] {
            assert_eq!(BindError::from_errno(error.raw_os_error()).word(), number);
        }
    }
}
