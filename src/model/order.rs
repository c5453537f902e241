//! The default order of sockets, as a comparison and as bytes.

use super::{Ends, Side, Socket, UnixName, UnixPeer};
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

/// Orders two sockets by one of their ends: port, then address; unix sockets by name, then inode.
pub(super) fn compare_ends(a: &Socket, b: &Socket, side: Side) -> Ordering {
    match (&a.ends, &b.ends) {
        (Ends::Inet(x), Ends::Inet(y)) => match side {
            Side::Local => (x.local_port, &x.local).cmp(&(y.local_port, &y.local)),
            Side::Peer => (x.peer_port, &x.peer).cmp(&(y.peer_port, &y.peer)),
        },
        (Ends::Unix(x), Ends::Unix(y)) => match side {
            Side::Local => x.name.cmp(&y.name).then(a.inode.cmp(&b.inode)),
            Side::Peer => peer_key(x.peer).cmp(&peer_key(y.peer)),
        },
        (Ends::Inet(_), Ends::Unix(_)) => Ordering::Less,
        (Ends::Unix(_), Ends::Inet(_)) => Ordering::Greater,
    }
}

fn peer_key(peer: UnixPeer) -> u64 {
    match peer {
        UnixPeer::Inode(inode) => inode.0.get(),
        UnixPeer::None | UnixPeer::Unknown => u64::MAX,
    }
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
    }
    window(text.get(at..).unwrap_or_default())
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
