//! The default order of sockets, as a comparison and as bytes.

use super::{Ends, IfIndex, Side, Socket, UnixName, UnixPeer};
use std::cmp::Ordering;
use std::net::IpAddr;

/// The default order of a list: protocol, local port, local address, peer; then whatever tells two
/// sockets apart, so that the same sockets always come in the same order.
#[must_use]
pub fn default_order(a: &Socket, b: &Socket) -> Ordering {
    a.protocol
        .cmp(&b.protocol)
        .then_with(|| compare_ends(a, b, Side::Local))
        .then_with(|| compare_ends(a, b, Side::Peer))
        .then_with(|| a.inode.cmp(&b.inode))
        .then_with(|| a.cookie.cmp(&b.cookie))
}

/// Orders two sockets by one of their ends: port, then address; unix sockets by name, then inode; others by what stands for a
/// port, then by what stands for an address.
pub(super) fn compare_ends(a: &Socket, b: &Socket, side: Side) -> Ordering {
    match (&a.ends, &b.ends) {
        (Ends::Inet(x), Ends::Inet(y)) => match side {
            Side::Local => (x.local_port, &x.local).cmp(&(y.local_port, &y.local)),
            Side::Peer => (x.peer_port, &x.peer).cmp(&(y.peer_port, &y.peer)),
        },
        (Ends::Unix(x), Ends::Unix(y)) => match side {
            Side::Local => x.name.cmp(&y.name).then(a.inode.cmp(&b.inode)),
            Side::Peer => peer_key(&x.peer).cmp(&peer_key(&y.peer)),
        },
        (Ends::Inet(_), _) => Ordering::Less,
        (_, Ends::Inet(_)) => Ordering::Greater,
        (Ends::Unix(_), _) => Ordering::Less,
        (_, Ends::Unix(_)) => Ordering::Greater,
        (x, y) => numbers(x, side).cmp(&numbers(y, side)),
    }
}

/// A unix peer by its name, then its inode; those without a name come first, those of which nothing is known last.
fn peer_key(peer: &UnixPeer) -> (bool, Option<&UnixName>, u64) {
    let inode = peer.inode().map_or(u64::MAX, |inode| inode.0.get());
    let is_there = peer.inode().is_some() || matches!(peer, UnixPeer::Waiting(_));
    (!is_there, peer.name().filter(|_| is_there), inode)
}

/// One end of a socket that has neither IP addresses nor names, as numbers in the order of the sort: family, then the numbers of
/// its ends. An end that is not there sorts last.
fn numbers(ends: &Ends, side: Side) -> (u8, u32, u32) {
    const NOWHERE: (u32, u32) = (u32::MAX, u32::MAX);
    let local = side == Side::Local;
    let interface = |index: Option<IfIndex>| index.map_or(0, |index| index.0.get());
    let (family, (first, second)) = match ends {
        Ends::Inet(_) | Ends::Unix(_) => (0, NOWHERE),
        Ends::Packet(e) if local => (1, (e.ethertype.into(), interface(e.interface))),
        Ends::Packet(_) => (1, NOWHERE),
        Ends::Netlink(e) if local => (2, (e.protocol.into(), e.port_id)),
        Ends::Netlink(e) => (2, e.peer.unwrap_or(NOWHERE)),
        Ends::Vsock(e) => {
            let end = if local { Some(e.local) } else { e.peer };
            (3, end.map_or(NOWHERE, |end| (end.port, end.cid)))
        }
        Ends::Xdp(e) if local => (4, (interface(e.interface), e.queue.unwrap_or(u32::MAX))),
        Ends::Xdp(_) => (4, NOWHERE),
        Ends::Tipc(e) => {
            let end = if local { Some(e.local) } else { e.peer };
            (5, end.map_or(NOWHERE, |end| (end.node, end.reference)))
        }
    };
    (family, first, second)
}

/// The bytes of an [`order_window`].
pub const ORDER_WINDOW: usize = 12;

/// A part of [`default_order`] as a number: the bytes from `at` on of a text that a socket has for being sorted.
///
/// The texts of two sockets are ordered as the sockets are, or are equal. Behind its end a text is zeros.
///
/// ```text
///  IP    protocol, port (2), 4 or 6, address (4 or 16), then the same for the peer without the protocol
///  unix  protocol, kind of name, name, or the inode if there is no name
///  other protocol, then two numbers (4 each) for either end
/// ```
#[must_use]
#[inline]
pub fn order_window(socket: &Socket, at: usize) -> u128 {
    let protocol = socket.protocol as u8;
    let mut text = [0; 64];
    match &socket.ends {
        Ends::Inet(ends) => {
            put(&mut text, 0, [protocol]);
            put(&mut text, 1, ends.local_port.0.to_be_bytes());
            let end = put_address(&mut text, 3, ends.local);
            put(&mut text, end, ends.peer_port.0.to_be_bytes());
            put_address(&mut text, end + 2, ends.peer);
        }
        Ends::Unix(ends) => match &ends.name {
            UnixName::Unnamed => {
                put(&mut text, 0, [protocol, 0]);
                let inode = socket.inode.map_or(0, |inode| inode.0.get());
                put(&mut text, 2, inode.to_be_bytes());
            }
            UnixName::Path(name) => return name_window([protocol, 1], name, at),
            UnixName::Abstract(name) => return name_window([protocol, 2], name, at),
        },
        ends => put_numbers(&mut text, protocol, ends),
    }
    window(text.get(at..).unwrap_or_default())
}

#[cold]
fn put_numbers(text: &mut [u8; 64], protocol: u8, ends: &Ends) {
    put(text, 0, [protocol]);
    for (n, side) in [Side::Local, Side::Peer].into_iter().enumerate() {
        let (_, first, second) = numbers(ends, side);
        put(text, 1 + 8 * n, first.to_be_bytes());
        put(text, 5 + 8 * n, second.to_be_bytes());
    }
}

fn put<const N: usize>(text: &mut [u8; 64], at: usize, bytes: [u8; N]) {
    if let Some(slot) = text.get_mut(at..at + N) {
        slot.copy_from_slice(&bytes);
    }
}

/// Puts an address where it is to be, and says where it ends.
fn put_address(text: &mut [u8; 64], at: usize, address: IpAddr) -> usize {
    match address {
        IpAddr::V4(v4) => {
            put(text, at, [4]);
            put(text, at + 1, v4.octets());
            at + 5
        }
        IpAddr::V6(v6) => {
            put(text, at, [6]);
            put(text, at + 1, v6.octets());
            at + 17
        }
    }
}

fn name_window(head: [u8; 2], name: &[u8], at: usize) -> u128 {
    if let Some(start) = at.checked_sub(head.len()) {
        return window(name.get(start..).unwrap_or_default());
    }
    let mut text = [0; 64];
    put(&mut text, 0, head);
    for (slot, byte) in text.iter_mut().skip(head.len()).zip(name) {
        *slot = *byte;
    }
    window(text.get(at..).unwrap_or_default())
}

fn window(text: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    match (bytes.first_chunk_mut(), text.first_chunk::<ORDER_WINDOW>()) {
        (Some(start), Some(chunk)) => *start = *chunk,
        _ => {
            for (slot, byte) in bytes.iter_mut().zip(text) {
                *slot = *byte;
            }
        }
    }
    u128::from_be_bytes(bytes) >> 32
}
