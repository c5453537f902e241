//! Whether the kernel has a protocol at all, for tables that no source can deliver.

use crate::model::{Family, Protocol, Table};
use crate::wire::proc_protocols::sockets_of;
use std::fs;

/// What the kernel says of a protocol that it cannot list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It has no such protocol.
    Absent,
    /// It has so many sockets of it.
    Counted(u64),
    /// It has it, and does not count its sockets.
    Uncounted,
    /// Nobody can tell.
    Unknown,
}

/// The protocols of the network namespace of this thread.
const FILE: &str = "/proc/thread-self/net/protocols";

/// Whether the kernel has the protocol of `table`. One whose module is not loaded counts as absent: it has no sockets.
pub(super) fn presence(table: Table) -> Presence {
    let Ok(text) = fs::read(FILE) else {
        return Presence::Unknown;
    };
    match sockets_of(&text, name(table)) {
        None => Presence::Absent,
        // `net/vmw_vsock` does not count.
        Some(0) if table.protocol == Protocol::Vsock => Presence::Uncounted,
        Some(count) => Presence::Counted(count),
    }
}

/// The name of its `struct proto`.
const fn name(table: Table) -> &'static str {
    match (table.protocol, table.family) {
        (Protocol::Tcp, Family::Inet6) => "TCPv6",
        (Protocol::Tcp, _) => "TCP",
        (Protocol::Udp, Family::Inet6) => "UDPv6",
        (Protocol::Udp, _) => "UDP",
        (Protocol::UdpLite, Family::Inet6) => "UDPLITEv6",
        (Protocol::UdpLite, _) => "UDP-Lite",
        (Protocol::Raw, Family::Inet6) => "RAWv6",
        (Protocol::Raw, _) => "RAW",
        (Protocol::Mptcp, Family::Inet6) => "MPTCPv6",
        (Protocol::Mptcp, _) => "MPTCP",
        (Protocol::Sctp, Family::Inet6) => "SCTPv6",
        (Protocol::Sctp, _) => "SCTP",
        (Protocol::Dccp, Family::Inet6) => "DCCPv6",
        (Protocol::Dccp, _) => "DCCP",
        (Protocol::Unix, _) => "UNIX",
        (Protocol::Packet, _) => "PACKET",
        (Protocol::Netlink, _) => "NETLINK",
        (Protocol::Vsock, _) => "AF_VSOCK",
        (Protocol::Xdp, _) => "XDP",
        (Protocol::Tipc, _) => "TIPC",
    }
}
