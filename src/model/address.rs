//! The two ends of a socket: addresses and ports, or unix names.

use super::Inode;
use std::net::{IpAddr, Ipv4Addr};

/// A port number in host byte order; for raw sockets the IP protocol number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u16);

/// The number of a network interface, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfIndex(pub std::num::NonZeroU32);

impl IfIndex {
    /// Reads the kernel's number, in which 0 says "not bound to an interface".
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        std::num::NonZeroU32::new(number).map(Self)
    }
}

/// Where a socket is and whom it talks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// TCP, UDP, raw.
    Inet(InetEnds),
    /// Unix sockets.
    Unix(UnixEnds),
}

/// The addresses of an IP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InetEnds {
    /// Local address, unspecified (`0.0.0.0`, `::`) when any will do.
    pub local: IpAddr,
    /// Peer address, unspecified when there is none.
    pub peer: IpAddr,
    /// Local port, 0 when none is taken.
    pub local_port: Port,
    /// Peer port, 0 when there is no peer.
    pub peer_port: Port,
    /// The interface it is bound to (`SO_BINDTODEVICE`, or the scope of a link-local address).
    pub interface: Option<IfIndex>,
}

impl InetEnds {
    /// Whether there is a peer: listeners and unconnected sockets have none.
    #[must_use]
    pub fn has_peer(&self) -> bool {
        self.peer_port.0 != 0 || !self.peer.is_unspecified()
    }
}

/// The IPv4 address that `address` is or carries as a v4-mapped IPv6 address (RFC 4291 §2.5.5.2).
#[must_use]
pub fn ipv4_of(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped(),
    }
}

/// The names of a unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixEnds {
    /// stream, dgram or seqpacket.
    pub kind: UnixKind,
    /// Its own name.
    pub name: UnixName,
    /// The socket at the other end.
    pub peer: UnixPeer,
}

/// The type of a unix socket, socket(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnixKind {
    /// `SOCK_STREAM`.
    Stream,
    /// `SOCK_DGRAM`.
    Dgram,
    /// `SOCK_SEQPACKET`.
    Seqpacket,
    /// A number this program does not know.
    Other(u8),
}

impl UnixKind {
    /// Reads the number of socket(2).
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Stream,
            2 => Self::Dgram,
            5 => Self::Seqpacket,
            n => Self::Other(n),
        }
    }

    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Dgram => "dgram",
            Self::Seqpacket => "seqpacket",
            Self::Other(_) => "other",
        }
    }
}

/// The name of a unix socket, unix(7). The bytes are whatever the binding process chose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnixName {
    /// Bound to nothing.
    Unnamed,
    /// A path, without the terminating NUL.
    Path(Box<[u8]>),
    /// A name in the abstract namespace, without the leading NUL; may hold NULs.
    Abstract(Box<[u8]>),
}

/// What is known of a unix socket's other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnixPeer {
    /// The source cannot tell (`/proc/net/unix` has no such column).
    Unknown,
    /// Not connected.
    None,
    /// Connected to the socket with this inode.
    Inode(Inode),
}
