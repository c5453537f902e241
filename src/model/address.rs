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
    /// The IP protocols.
    Inet(InetEnds),
    /// Unix sockets.
    Unix(UnixEnds),
    /// Packet sockets.
    Packet(PacketEnds),
    /// Netlink sockets.
    Netlink(NetlinkEnds),
    /// Vsock sockets.
    Vsock(VsockEnds),
    /// XDP sockets.
    Xdp(XdpEnds),
    /// TIPC sockets.
    Tipc(TipcEnds),
}

impl Ends {
    /// The type of the socket, where its family has several.
    #[must_use]
    pub const fn kind(&self) -> Option<SocketKind> {
        match self {
            Self::Inet(_) | Self::Xdp(_) => None,
            Self::Unix(ends) => Some(ends.kind),
            Self::Packet(ends) => Some(ends.kind),
            Self::Netlink(ends) => ends.kind,
            Self::Vsock(ends) => Some(ends.kind),
            Self::Tipc(ends) => Some(ends.kind),
        }
    }
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
    /// Those of a socket that has neither addresses nor ports.
    pub const NONE: Self = Self {
        local: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        peer: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        local_port: Port(0),
        peer_port: Port(0),
        interface: None,
    };

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

/// The type of a socket, socket(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SocketKind {
    /// `SOCK_STREAM`.
    Stream,
    /// `SOCK_DGRAM`.
    Dgram,
    /// `SOCK_RAW`.
    Raw,
    /// `SOCK_RDM`.
    Rdm,
    /// `SOCK_SEQPACKET`.
    Seqpacket,
    /// A number this program does not know.
    Other(u8),
}

impl SocketKind {
    /// Reads the number of socket(2).
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Stream,
            2 => Self::Dgram,
            3 => Self::Raw,
            4 => Self::Rdm,
            5 => Self::Seqpacket,
            n => Self::Other(n),
        }
    }

    /// Its bit in a [`KindSet`]. Types that no option names have one together.
    const fn bit(self) -> u8 {
        match self {
            Self::Stream => 1,
            Self::Dgram => 1 << 1,
            Self::Raw => 1 << 2,
            Self::Rdm => 1 << 3,
            Self::Seqpacket => 1 << 4,
            Self::Other(_) => 1 << 5,
        }
    }

    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Dgram => "dgram",
            Self::Raw => "raw",
            Self::Rdm => "rdm",
            Self::Seqpacket => "seqpacket",
            Self::Other(_) => "other",
        }
    }
}

/// A set of socket types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindSet(u8);

impl KindSet {
    /// No type.
    pub const EMPTY: Self = Self(0);
    /// Every type, also those without a name here.
    pub const ALL: Self = Self(u8::MAX);

    /// This set and `kind`.
    #[must_use]
    pub const fn with(self, kind: SocketKind) -> Self {
        Self(self.0 | kind.bit())
    }

    /// This set without `kind`.
    #[must_use]
    pub const fn without(self, kind: SocketKind) -> Self {
        Self(self.0 & !kind.bit())
    }

    /// Whether `kind` is in it.
    #[must_use]
    pub const fn contains(self, kind: SocketKind) -> bool {
        self.0 & kind.bit() != 0
    }
}

/// The names of a unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixEnds {
    /// stream, dgram or seqpacket.
    pub kind: SocketKind,
    /// Its own name.
    pub name: UnixName,
    /// The socket at the other end.
    pub peer: UnixPeer,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnixPeer {
    /// The source cannot tell (`/proc/net/unix` has no such column).
    Unknown,
    /// Not connected.
    None,
    /// Connected to the socket with this inode, of which no more is known: it is in another network namespace, or gone.
    Inode(Inode),
    /// Connected to the socket with this inode, which has no name.
    Unnamed(Inode),
    /// Connected to the socket with this inode and this name.
    Named(Box<(Inode, UnixName)>),
    /// Connected to a socket that waits to be accepted: it has the name of its listener, and no inode yet.
    Waiting(Box<UnixName>),
}

impl UnixPeer {
    /// The peer's inode, if there is a peer that has one.
    #[must_use]
    pub fn inode(&self) -> Option<Inode> {
        match self {
            Self::Inode(inode) | Self::Unnamed(inode) => Some(*inode),
            Self::Named(named) => Some(named.0),
            Self::Unknown | Self::None | Self::Waiting(_) => None,
        }
    }

    /// The peer's name, if that is known; `Unnamed` also if there is no peer.
    #[must_use]
    pub fn name(&self) -> Option<&UnixName> {
        match self {
            Self::None | Self::Unnamed(_) => Some(&UnixName::Unnamed),
            Self::Named(named) => Some(&named.1),
            Self::Waiting(name) => Some(name),
            Self::Unknown | Self::Inode(_) => None,
        }
    }
}

/// What a packet socket sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketEnds {
    /// raw: with the link-layer header; dgram: without.
    pub kind: SocketKind,
    /// The protocol of the frames, `linux/if_ether.h`; [`PacketEnds::EVERY_PROTOCOL`] for all, 0 for none yet.
    pub ethertype: u16,
    /// The interface it is bound to; `None` for all of them.
    pub interface: Option<IfIndex>,
}

impl PacketEnds {
    /// `ETH_P_ALL`.
    pub const EVERY_PROTOCOL: u16 = 3;
}

/// The ends of a netlink socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetlinkEnds {
    /// raw or dgram, which mean the same; unknown through /proc.
    pub kind: Option<SocketKind>,
    /// The part of the kernel it talks to, `linux/netlink.h`.
    pub protocol: u8,
    /// Its port id; 0 for the kernel's own.
    pub port_id: u32,
    /// Port id and multicast group that it is connected to; `None` when not connected, or not known.
    pub peer: Option<(u32, u32)>,
}

impl NetlinkEnds {
    /// Whether it is the kernel's end.
    #[must_use]
    pub const fn is_kernel(&self) -> bool {
        self.port_id == 0
    }
}

/// A place of vsock(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VsockAddress {
    /// Context id: 2 is the host, [`VsockAddress::ANY`] any.
    pub cid: u32,
    /// Port, [`VsockAddress::ANY`] any.
    pub port: u32,
}

impl VsockAddress {
    /// `VMADDR_CID_ANY` and `VMADDR_PORT_ANY` of `linux/vm_sockets.h`.
    pub const ANY: u32 = u32::MAX;
}

/// The ends of a vsock socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VsockEnds {
    /// stream, dgram or seqpacket.
    pub kind: SocketKind,
    /// Its own address.
    pub local: VsockAddress,
    /// Its peer's; `None` when there is none.
    pub peer: Option<VsockAddress>,
}

/// Where an XDP socket takes its frames from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpEnds {
    /// The interface; `None` when it is gone, or not told.
    pub interface: Option<IfIndex>,
    /// The queue of the interface; `None` when not told.
    pub queue: Option<u32>,
}

/// The reference of a TIPC socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TipcAddress {
    /// The node of the cluster, `TIPC_NLA_SOCK_ADDR`.
    pub node: u32,
    /// The socket on that node, `TIPC_NLA_SOCK_REF`.
    pub reference: u32,
}

/// The ends of a TIPC socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TipcEnds {
    /// stream, seqpacket, rdm or dgram.
    pub kind: SocketKind,
    /// Its own reference.
    pub local: TipcAddress,
    /// Its peer's; `None` when it is not connected.
    pub peer: Option<TipcAddress>,
}
