//! The ends of sockets that have neither IP addresses nor names, as the table shows them.

use super::escape::quote_into;
use super::pieces::{decimal as number, hex};
use super::text::{TextOptions, UNKNOWN};
use crate::model::{
    Ends, IfIndex, Names, NetlinkEnds, PacketEnds, Side, TipcAddress, VsockAddress, ethertype_word,
    netlink_word,
};

/// What stands for the peer of a socket that has none.
const NO_PEER: &[u8] = b"*";

/// Appends one end of a socket that is neither IP's nor unix's.
#[cold]
pub(super) fn end(
    out: &mut Vec<u8>,
    ends: &Ends,
    side: Side,
    names: &dyn Names,
    options: TextOptions,
) {
    match (ends, side) {
        (Ends::Packet(ends), Side::Local) => packet(out, ends, names, options),
        (Ends::Netlink(ends), Side::Local) => netlink(out, ends, options),
        (Ends::Netlink(ends), Side::Peer) => match ends.peer {
            Some((port_id, group)) => {
                // As ss: the group, then the port id.
                number(out, group.into());
                out.push(b':');
                port(out, port_id);
            }
            None => out.extend_from_slice(NO_PEER),
        },
        (Ends::Vsock(ends), Side::Local) => vsock(out, Some(ends.local)),
        (Ends::Vsock(ends), Side::Peer) => vsock(out, ends.peer),
        (Ends::Xdp(ends), Side::Local) => {
            place(out, ends.interface, names);
            out.push(b':');
            match ends.queue {
                Some(queue) => {
                    out.push(b'q');
                    number(out, queue.into());
                }
                None => out.extend_from_slice(UNKNOWN),
            }
        }
        (Ends::Tipc(ends), Side::Local) => tipc(out, Some(ends.local)),
        (Ends::Tipc(ends), Side::Peer) => tipc(out, ends.peer),
        (Ends::Packet(_) | Ends::Xdp(_) | Ends::Inet(_) | Ends::Unix(_), _) => {
            out.extend_from_slice(NO_PEER);
        }
    }
}

/// The protocol of the frames, and the interface.
fn packet(out: &mut Vec<u8>, ends: &PacketEnds, names: &dyn Names, options: TextOptions) {
    let word = ethertype_word(ends.ethertype).filter(|_| !options.numeric);
    match (ends.ethertype, word) {
        (PacketEnds::EVERY_PROTOCOL, _) => out.push(b'*'),
        (_, Some(word)) => out.extend_from_slice(word.as_bytes()),
        (ethertype, None) => hex(out, ethertype.into()),
    }
    out.push(b':');
    place(out, ends.interface, names);
}

/// An interface, or a star for any.
fn place(out: &mut Vec<u8>, interface: Option<IfIndex>, names: &dyn Names) {
    match interface {
        None => out.push(b'*'),
        Some(index) => match names.interface(index) {
            Some(name) => quote_into(out, &name),
            None => {
                out.extend_from_slice(b"if");
                number(out, index.0.get().into());
            }
        },
    }
}

/// The netlink protocol, and the port id.
fn netlink(out: &mut Vec<u8>, ends: &NetlinkEnds, options: TextOptions) {
    match netlink_word(ends.protocol).filter(|_| !options.numeric) {
        Some(word) => out.extend_from_slice(word.as_bytes()),
        None => number(out, ends.protocol.into()),
    }
    out.push(b':');
    port(out, ends.port_id);
}

/// A port id. Which process made it up it does not tell, whatever it looks like: that is in the column of processes.
fn port(out: &mut Vec<u8>, port_id: u32) {
    match port_id {
        0 => out.extend_from_slice(b"kernel"),
        other => number(out, other.into()),
    }
}

fn vsock(out: &mut Vec<u8>, address: Option<VsockAddress>) {
    let Some(address) = address else {
        return out.extend_from_slice(b"*:*");
    };
    for (n, part) in [address.cid, address.port].into_iter().enumerate() {
        if n > 0 {
            out.push(b':');
        }
        match part {
            VsockAddress::ANY => out.push(b'*'),
            part => number(out, part.into()),
        }
    }
}

fn tipc(out: &mut Vec<u8>, address: Option<TipcAddress>) {
    match address {
        Some(address) => {
            number(out, address.node.into());
            out.push(b':');
            number(out, address.reference.into());
        }
        None => out.push(b'-'),
    }
}
