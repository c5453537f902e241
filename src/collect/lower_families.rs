//! Raw records of the families beside IP and unix into the model.

use super::lower::bare;
use super::own_details;
use super::socket_details::Wanted;
use crate::model::{
    Cookie, DetailSet, Ends, Family, IfIndex, InetEnds, Inode, NetlinkEnds, PacketEnds, Port,
    Protocol, Queues, Shutdown, Socket, SocketKind, State, Table, TipcAddress, TipcEnds, Uid,
    VsockAddress, VsockEnds, XdpEnds,
};
use crate::wire::netlink_diag::NetlinkRecord;
use crate::wire::packet_diag::PacketRecord;
use crate::wire::proc_sctp::SctpLine;
use crate::wire::proc_sockets::{NetlinkLine, PacketLine};
use crate::wire::tipc_diag::TipcRecord;
use crate::wire::vsock_diag::VsockRecord;
use crate::wire::xdp_diag::XdpRecord;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;

const PACKET: Table = Table::new(Protocol::Packet, Family::Packet);
const NETLINK: Table = Table::new(Protocol::Netlink, Family::Netlink);
const VSOCK: Table = Table::new(Protocol::Vsock, Family::Vsock);
const XDP: Table = Table::new(Protocol::Xdp, Family::Xdp);
const TIPC: Table = Table::new(Protocol::Tipc, Family::Tipc);

/// A socket from the payload of a packet_diag message; `None` if it makes no sense.
pub(super) fn packet_payload(payload: &[u8], wanted: Wanted) -> Option<Socket> {
    let record = PacketRecord::decode(payload).ok()?;
    let ends = PacketEnds {
        kind: SocketKind::from_number(record.kind),
        ethertype: record.protocol,
        interface: record.interface.and_then(IfIndex::new),
    };
    let mut socket = Socket {
        inode: Inode::new(record.inode.into()),
        cookie: cookie(record.cookie),
        uid: record.uid.map(Uid),
        queues: bytes(record.queues),
        ..bare(PACKET, State::Close, Ends::Packet(ends))
    };
    own_details::of_packet(&mut socket, payload, wanted);
    Some(socket)
}

/// A socket from a line of /proc/net/packet.
pub(super) fn packet_line(line: &PacketLine) -> Socket {
    let ends = PacketEnds {
        kind: SocketKind::from_number(line.kind),
        ethertype: line.protocol,
        interface: IfIndex::new(line.interface),
    };
    Socket {
        inode: Inode::new(line.inode),
        uid: Some(Uid(line.uid)),
        queues: Queues::Received(line.received),
        ..bare(PACKET, State::Close, Ends::Packet(ends))
    }
}

/// A socket from the payload of a netlink_diag message; `None` if it makes no sense.
///
/// All are listed as unconnected, as `ss` does: what tells a connected one from others is its peer.
pub(super) fn netlink_payload(payload: &[u8], wanted: Wanted) -> Option<Socket> {
    let record = NetlinkRecord::decode(payload).ok()?;
    let ends = NetlinkEnds {
        kind: Some(SocketKind::from_number(record.kind)),
        protocol: record.protocol,
        port_id: record.port_id,
        peer: record.peer,
    };
    let mut socket = Socket {
        inode: Inode::new(record.inode.into()),
        cookie: cookie(record.cookie),
        queues: bytes(record.queues),
        ..bare(NETLINK, State::Close, Ends::Netlink(ends))
    };
    own_details::of_netlink(&mut socket, payload, wanted);
    Some(socket)
}

/// Whether it is the socket to sock_diag(7) with this port id.
pub(super) fn is_diag_socket(socket: &Socket, port_id: u32) -> bool {
    const NETLINK_SOCK_DIAG: u8 = 4;
    matches!(&socket.ends, Ends::Netlink(ends)
        if ends.protocol == NETLINK_SOCK_DIAG && ends.port_id == port_id)
}

/// A socket from a line of /proc/net/netlink.
pub(super) fn netlink_line(line: &NetlinkLine, wanted: DetailSet) -> Socket {
    let ends = NetlinkEnds {
        kind: None,
        protocol: line.protocol,
        port_id: line.port_id,
        peer: None,
    };
    let mut socket = Socket {
        inode: Inode::new(line.inode),
        queues: bytes(Some((line.received, line.sent))),
        ..bare(NETLINK, State::Close, Ends::Netlink(ends))
    };
    own_details::of_netlink_line(&mut socket, line, wanted);
    socket
}

/// A socket from the payload of a vsock_diag message; `None` if it makes no sense.
pub(super) fn vsock_payload(payload: &[u8]) -> Option<Socket> {
    let record = VsockRecord::decode(payload).ok()?;
    let address = |(cid, port)| VsockAddress { cid, port };
    let any = VsockAddress {
        cid: VsockAddress::ANY,
        port: VsockAddress::ANY,
    };
    let state = State::from_number(record.state);
    let peer = address(record.destination);
    let has_peer = !matches!(state, State::Listen | State::Close) && peer != any;
    let ends = VsockEnds {
        kind: SocketKind::from_number(record.kind),
        local: address(record.source),
        peer: has_peer.then_some(peer),
    };
    Some(Socket {
        inode: Inode::new(record.inode.into()),
        cookie: cookie(record.cookie),
        shutdown: Some(Shutdown(record.shutdown)),
        ..bare(VSOCK, state, Ends::Vsock(ends))
    })
}

/// A socket from the payload of an xdp_diag message; `None` if it makes no sense.
pub(super) fn xdp_payload(payload: &[u8], wanted: Wanted) -> Option<Socket> {
    let record = XdpRecord::decode(payload).ok()?;
    let ends = XdpEnds {
        interface: record.place.and_then(|(index, _)| IfIndex::new(index)),
        queue: record.place.map(|(_, queue)| queue),
    };
    let mut socket = Socket {
        inode: Inode::new(record.inode.into()),
        cookie: cookie(record.cookie),
        uid: record.uid.map(Uid),
        queues: bytes(record.queues),
        ..bare(XDP, State::Close, Ends::Xdp(ends))
    };
    own_details::of_xdp(&mut socket, payload, wanted);
    Some(socket)
}

/// A socket from the payload of a tipc_diag message: `Some(None)` for an empty one, `None` if it makes no sense.
pub(super) fn tipc_payload(payload: &[u8], wanted: Wanted) -> Option<Option<Socket>> {
    let Some(record) = TipcRecord::decode(payload).ok()? else {
        return Some(None);
    };
    let peer = record.connection.and_then(|to| to.node.zip(to.reference));
    let ends = TipcEnds {
        kind: SocketKind::from_number(record.kind?.try_into().unwrap_or(u8::MAX)),
        local: TipcAddress {
            node: record.node,
            reference: record.reference?,
        },
        peer: peer.map(|(node, reference)| TipcAddress { node, reference }),
    };
    let state = State::from_number(record.state?.try_into().unwrap_or(u8::MAX));
    let queues = record
        .statistics
        .and_then(|sent| sent.received.zip(sent.sent));
    let mut socket = Socket {
        inode: Inode::new(record.inode.into()),
        cookie: cookie(record.cookie),
        uid: record.uid.map(Uid),
        queues: queues.map_or(Queues::Unknown, |(recv, send)| Queues::Messages {
            recv,
            send,
        }),
        ..bare(TIPC, state, Ends::Tipc(ends))
    };
    own_details::of_tipc(&mut socket, &record, wanted);
    Some(Some(socket))
}

/// A socket from a line of /proc/net/sctp. These tables do not say of which family a socket is: an address does.
pub(super) fn sctp_line(line: &SctpLine) -> Socket {
    let family = match line.local {
        IpAddr::V4(_) => Family::Inet,
        IpAddr::V6(_) => Family::Inet6,
    };
    let nowhere = match family {
        Family::Inet => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        _ => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let (peer, peer_port) = line.peer.unwrap_or((nowhere, 0));
    let ends = InetEnds {
        local: line.local,
        peer,
        local_port: Port(line.local_port),
        peer_port: Port(peer_port),
        interface: None,
    };
    let state = match line.peer {
        Some(_) => State::of_association(line.state),
        None => State::from_number(line.state),
    };
    let inode = Inode::new(line.inode);
    Socket {
        uid: inode.map(|_| Uid(line.uid)),
        inode,
        queues: bytes(line.queues.map(|(send, recv)| (recv, send))),
        ..bare(Table::new(Protocol::Sctp, family), state, Ends::Inet(ends))
    }
}

fn cookie(number: Option<u64>) -> Option<Cookie> {
    number.and_then(NonZeroU64::new).map(Cookie)
}

fn bytes(queues: Option<(u32, u32)>) -> Queues {
    queues.map_or(Queues::Unknown, |(recv, send)| Queues::Bytes { recv, send })
}
