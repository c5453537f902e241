//! Whether a socket is in the way of an address: `inet_rcv_saddr_equal` of `net/ipv4/inet_connection_sock.c`, and the device
//! test of `inet_bind_conflict`.

use crate::model::{BindTarget, Family, Protocol, Socket, ipv4_of};
use std::net::{IpAddr, Ipv4Addr};

/// The IPv4 address that the kernel writes into IPv6 sockets (`LOOPBACK4_IPV6` of `include/net/if_inet6.h`).
const STAND_IN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);

/// How a socket and an address meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Overlap {
    /// The same address.
    Same,
    /// The socket has any address.
    HolderAny,
    /// Any address is asked for, the socket has one of them.
    AskedAny,
    /// The socket has `::` and IPv4 with it.
    DualStack,
    /// `::` with IPv4 is asked for, the socket has an IPv4 address.
    AskedDualStack,
    /// One is an IPv4 address, the other the same as a v4-mapped IPv6 address.
    Mapped,
    /// An IPv6 socket that is not v6-only counts as one of IPv4 (127.0.0.6), although it has an IPv6 address.
    StandIn,
    /// Not: another address.
    OtherAddress,
    /// Not: the socket, or what was asked for, is IPv6 only.
    V6only,
    /// Not: another interface.
    OtherDevice,
}

impl Overlap {
    /// The word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Same => "same-address",
            Self::HolderAny => "holder-wildcard",
            Self::AskedAny => "asked-wildcard",
            Self::DualStack => "dual-stack",
            Self::AskedDualStack => "asked-dual-stack",
            Self::Mapped => "ipv4-mapped",
            Self::StandIn => "ipv6-not-v6only",
            Self::OtherAddress => "other-address",
            Self::V6only => "v6only",
            Self::OtherDevice => "other-device",
        }
    }
}

/// Whether they meet: `None` if that depends on an option that the kernel does not tell of this socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meeting {
    pub(super) meets: Option<bool>,
    pub(super) overlap: Overlap,
}

const fn yes(overlap: Overlap) -> Meeting {
    Meeting {
        meets: Some(true),
        overlap,
    }
}

const fn no(overlap: Overlap) -> Meeting {
    Meeting {
        meets: Some(false),
        overlap,
    }
}

/// Whether `socket`, which has the port that `target` has, is in its way, options aside.
pub(super) fn meet(target: &BindTarget, socket: &Socket) -> Meeting {
    let Some(ends) = socket.inet() else {
        return no(Overlap::OtherAddress);
    };
    if let (Some(a), Some(b)) = (target.interface, ends.interface)
        && a != b
    {
        return no(Overlap::OtherDevice);
    }
    let (asked, held) = (target.address, ends.local);
    match (ipv4_of(asked), ipv4_of(held)) {
        (Some(a), Some(b)) => {
            if a == b {
                let mapped = asked.is_ipv4() != held.is_ipv4();
                yes(if mapped {
                    Overlap::Mapped
                } else {
                    Overlap::Same
                })
            } else if b.is_unspecified() {
                yes(Overlap::HolderAny)
            } else if a.is_unspecified() {
                yes(Overlap::AskedAny)
            } else {
                no(Overlap::OtherAddress)
            }
        }
        (Some(_), None) if held.is_unspecified() => dual_stack(socket),
        (Some(a), None) => stand_in(target, socket, a),
        // An IPv4 socket meets an IPv6 address only if that is any address, of IPv4 too.
        (None, Some(_)) if asked.is_unspecified() => {
            if target.v6only {
                no(Overlap::V6only)
            } else {
                yes(Overlap::AskedDualStack)
            }
        }
        (None, Some(_)) => no(Overlap::OtherAddress),
        (None, None) if asked == held => yes(Overlap::Same),
        (None, None) if held.is_unspecified() => yes(Overlap::HolderAny),
        (None, None) if asked.is_unspecified() => yes(Overlap::AskedAny),
        (None, None) => no(Overlap::OtherAddress),
    }
}

/// An IPv4 address, and a socket on `::`.
fn dual_stack(socket: &Socket) -> Meeting {
    match socket.v6only {
        Some(true) => no(Overlap::V6only),
        Some(false) => yes(Overlap::DualStack),
        None => Meeting {
            meets: None,
            overlap: Overlap::DualStack,
        },
    }
}

/// An IPv4 address, and a socket with an IPv6 address of its own. The kernel compares IPv4 addresses then, and has 127.0.0.6 there;
/// TCP does so only for 0.0.0.0 (`inet_use_bhash2_on_bind`). A socket that was *bound* to an IPv6 address is v6-only
/// (`inet6_bind`), one that merely connected or was accepted through `::` is not, and of those the kernel does not tell.
fn stand_in(target: &BindTarget, socket: &Socket, asked: Ipv4Addr) -> Meeting {
    let compared = target.address.is_ipv4()
        && (asked.is_unspecified() || target.protocol == Protocol::Udp && asked == STAND_IN);
    if !compared || socket.family != Family::Inet6 {
        return no(Overlap::OtherAddress);
    }
    Meeting {
        meets: socket.v6only.map(|v6only| !v6only),
        overlap: Overlap::StandIn,
    }
}

/// Whether two addresses are one to a connection: IPv4 and its v4-mapped form are.
pub(super) fn same_host(a: IpAddr, b: IpAddr) -> bool {
    a.to_canonical() == b.to_canonical()
}
