//! What decides which local port the kernel gives to a new connection: settings, and the sockets that hold ports.
//!
//! A [`PortHolder`] is a socket reduced to what the port allocator looks at, with the evidence of how it came to its port: that is
//! what closes a port for others or leaves it open, and it is more than a [`Socket`] row tells.

use super::{
    Cookie, EphemeralPorts, Family, IfIndex, Inode, Port, Protocol, Socket, State, TimerKind,
};
use std::net::IpAddr;

/// The release of a kernel, `uname -r` as far as it is numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelRelease {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number, 0 where there is none.
    pub patch: u32,
}

impl KernelRelease {
    /// `major.minor.patch`.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Whether a port that a bind()-er has left is open again although connections remain on it: `inet_bind_bucket` recovery of
    /// 6.18, and of 6.17.8. Before, it stays closed until the last socket on it is gone.
    #[must_use]
    pub fn reopens_ports(self) -> bool {
        self >= Self::new(6, 17, 8)
    }

    /// Whether sockets that are bound and idle can be listed: `TCPF_BOUND_INACTIVE`, 6.8.
    #[must_use]
    pub fn lists_bound_sockets(self) -> bool {
        self >= Self::new(6, 8, 0)
    }

    /// Whether connect() from a range of the socket's own tries every port of it (`step` of `__inet_hash_connect`, 6.8); before,
    /// it leaves one end of an odd range out.
    #[must_use]
    pub fn steps_by_one(self) -> bool {
        self >= Self::new(6, 8, 0)
    }

    /// Whether sockets can have a port range of their own: `IP_LOCAL_PORT_RANGE`, 6.3.
    #[must_use]
    pub fn has_socket_ranges(self) -> bool {
        self >= Self::new(6, 3, 0)
    }
}

/// `net.ipv4.tcp_tw_reuse`: which TIME_WAITs a new connection may take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwReuse {
    /// 0.
    Never,
    /// 1.
    Always,
    /// 2: those with a loopback address at either end, or bound to `lo`.
    Loopback,
}

impl TwReuse {
    /// Reads the setting's number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Never),
            1 => Some(Self::Always),
            2 => Some(Self::Loopback),
            _ => None,
        }
    }
}

/// The settings of one network namespace that decide about local ports. `None` is "cannot be read".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationSettings {
    /// The running kernel.
    pub kernel: Option<KernelRelease>,
    /// `ip_local_port_range` and `ip_local_reserved_ports`.
    pub ports: EphemeralPorts,
    /// `tcp_tw_reuse`.
    pub tw_reuse: Option<TwReuse>,
    /// `tcp_tw_reuse_delay` in milliseconds (6.14); before, the kernel compared whole seconds, one
    /// to two of them, which is 2000 here.
    pub tw_reuse_delay_ms: u32,
    /// `tcp_timestamps` is not 0.
    pub timestamps: Option<bool>,
    /// `ip_autobind_reuse` is not 0.
    pub autobind_reuse: Option<bool>,
}

/// What a holder of a port is, as the allocator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Waits for connections.
    Listening,
    /// Bound, without a peer: bound-inactive TCP, unconnected UDP.
    Bound,
    /// Has a peer.
    Live(State),
    /// `struct inet_timewait_sock` in TIME_WAIT.
    TimeWait {
        /// Milliseconds until its timer ends it.
        left_ms: u32,
    },
    /// The same in FIN_WAIT2: its process has closed, its peer has not.
    OrphanFinWait2 {
        /// Milliseconds until its timer ends it.
        left_ms: u32,
    },
}

impl Hold {
    /// Whether it is a socket and not what is left of one.
    #[must_use]
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::TimeWait { .. } | Self::OrphanFinWait2 { .. })
    }
}

/// Which end began a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// This one, RFC 9293 §3.10.1 "active OPEN".
    Actively,
    /// The peer: a listener accepted it.
    Passively,
}

/// A socket that holds a local port, and how it came to it. `None` is "nobody can tell".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortHolder {
    /// The port.
    pub port: Port,
    /// The family of its addresses; a v4-mapped IPv6 socket is IPv4 here, whose ports it uses.
    pub family: Family,
    /// Local address, unspecified when any will do.
    pub local: IpAddr,
    /// Peer address, unspecified without a peer.
    pub peer: IpAddr,
    /// Peer port, 0 without a peer.
    pub peer_port: Port,
    /// The interface it is bound to.
    pub interface: Option<IfIndex>,
    /// What it is.
    pub hold: Hold,
    /// `IPV6_V6ONLY`.
    pub v6only: Option<bool>,
    /// Whether bind() named the port (`SOCK_BINDPORT_LOCK`). The kernel says "no" of accepted connections and of TIME_WAITs,
    /// whatever the truth: for those this is `None`.
    pub explicit: Option<bool>,
    /// Whether bind() left the port to connect(): `IP_BIND_ADDRESS_NO_PORT`.
    pub late_port: Option<bool>,
    /// Which end began the connection.
    pub opened: Option<Opened>,
    /// Whether the connection uses TCP timestamps, RFC 7323 §3.
    pub timestamps: Option<bool>,
    /// Its identity.
    pub cookie: Option<Cookie>,
    /// Its file, by which a process that holds it is found.
    pub inode: Option<Inode>,
    /// Whether it is an IPv6 socket with v4-mapped addresses.
    pub mapped: bool,
    /// Milliseconds since a segment of the peer came last, `tcpi_last_ack_recv`.
    pub quiet_ms: Option<u32>,
    /// How often what it sent was sent again without an answer so far, `idiag_retrans`; `None` while nothing is on its way.
    pub resent: Option<u8>,
}

impl PortHolder {
    /// What a row alone tells. `None` if the socket holds no port.
    #[must_use]
    pub fn of(socket: &Socket) -> Option<Self> {
        let ends = socket.inet().filter(|ends| ends.local_port.0 != 0)?;
        let plain = |address| super::ipv4_of(address).map_or(address, IpAddr::V4);
        let local = plain(ends.local);
        let left_ms = socket
            .timer
            .filter(|timer| timer.kind == TimerKind::TimeWait)
            .map(|timer| timer.expires_ms);
        let hold = match (socket.protocol, socket.state, left_ms) {
            (Protocol::Tcp, State::Listen, _) => Hold::Listening,
            (Protocol::Tcp, State::TimeWait, left) => Hold::TimeWait {
                left_ms: left.unwrap_or_default(),
            },
            (Protocol::Tcp, State::FinWait2, Some(left_ms)) => Hold::OrphanFinWait2 { left_ms },
            _ if !ends.has_peer() => Hold::Bound,
            (_, state, _) => Hold::Live(state),
        };
        Some(Self {
            port: ends.local_port,
            family: if local.is_ipv4() {
                Family::Inet
            } else {
                Family::Inet6
            },
            local,
            peer: plain(ends.peer),
            peer_port: ends.peer_port,
            interface: ends.interface,
            hold,
            v6only: socket.v6only,
            explicit: None,
            late_port: None,
            opened: (hold == Hold::Live(State::SynSent)).then_some(Opened::Actively),
            timestamps: None,
            cookie: socket.cookie,
            inode: socket.inode,
            mapped: local.is_ipv4() && ends.local.is_ipv6(),
            quiet_ms: None,
            resent: socket
                .timer
                .filter(|timer| timer.kind == TimerKind::Retransmit)
                .map(|timer| timer.retransmits),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_follow_the_release() {
        assert!(KernelRelease::new(6, 18, 0).reopens_ports());
        assert!(KernelRelease::new(6, 17, 8).reopens_ports());
        assert!(!KernelRelease::new(6, 17, 7).reopens_ports());
        assert!(KernelRelease::new(7, 0, 0).lists_bound_sockets());
        assert!(!KernelRelease::new(5, 15, 200).lists_bound_sockets());
    }
}
