//! The ends of sockets that have neither IP addresses nor names, as JSON.

use super::json_socket::{interface, literal, maybe_number, number, word};
use crate::model::{
    Ends, IfIndex, Names, Side, TipcAddress, VsockAddress, ethertype_word, netlink_word,
};

/// Appends `local` and `peer` of a socket that is neither IP's nor unix's.
#[cold]
pub(super) fn write(out: &mut Vec<u8>, ends: &Ends, names: &dyn Names) {
    literal(out, ",\"local\":");
    end(out, ends, Side::Local, names);
    literal(out, ",\"peer\":");
    end(out, ends, Side::Peer, names);
}

/// Appends one end of a socket that is neither IP's nor unix's.
pub(super) fn end(out: &mut Vec<u8>, ends: &Ends, side: Side, names: &dyn Names) {
    match (ends, side) {
        (Ends::Packet(ends), Side::Local) => {
            number(out, "{\"ethertype\":", ends.ethertype.into());
            maybe_word(out, ",\"protocol\":", ethertype_word(ends.ethertype));
            place(out, ",\"interface\":", ends.interface, names);
            literal(out, "}");
        }
        (Ends::Netlink(ends), Side::Local) => {
            number(out, "{\"protocol\":", ends.protocol.into());
            maybe_word(out, ",\"protocol_name\":", netlink_word(ends.protocol));
            number(out, ",\"port_id\":", ends.port_id.into());
            literal(out, "}");
        }
        (Ends::Netlink(ends), Side::Peer) => match ends.peer {
            Some((port_id, group)) => {
                number(out, "{\"port_id\":", port_id.into());
                number(out, ",\"group\":", group.into());
                literal(out, "}");
            }
            None => literal(out, "null"),
        },
        (Ends::Vsock(ends), Side::Local) => vsock(out, ends.local),
        (Ends::Vsock(ends), Side::Peer) => match ends.peer {
            Some(peer) => vsock(out, peer),
            None => literal(out, "null"),
        },
        (Ends::Xdp(ends), Side::Local) => {
            place(out, "{\"interface\":", ends.interface, names);
            maybe_number(out, ",\"queue\":", ends.queue.map(u64::from));
            literal(out, "}");
        }
        (Ends::Tipc(ends), Side::Local) => tipc(out, ends.local),
        (Ends::Tipc(ends), Side::Peer) => match ends.peer {
            Some(peer) => tipc(out, peer),
            None => literal(out, "null"),
        },
        // These have none, or are written where they are written often.
        (Ends::Packet(_) | Ends::Xdp(_), Side::Peer) | (Ends::Inet(_) | Ends::Unix(_), _) => {
            literal(out, "null");
        }
    }
}

fn maybe_word(out: &mut Vec<u8>, key: &'static str, known: Option<&'static str>) {
    match known {
        Some(known) => word(out, key, known),
        None => maybe_number(out, key, None),
    }
}

pub(super) fn place(
    out: &mut Vec<u8>,
    key: &'static str,
    index: Option<IfIndex>,
    names: &dyn Names,
) {
    literal(out, key);
    match index {
        Some(index) => interface(out, index, names),
        None => literal(out, "null"),
    }
}

fn vsock(out: &mut Vec<u8>, address: VsockAddress) {
    number(out, "{\"cid\":", address.cid.into());
    number(out, ",\"port\":", address.port.into());
    literal(out, "}");
}

fn tipc(out: &mut Vec<u8>, address: TipcAddress) {
    number(out, "{\"node\":", address.node.into());
    number(out, ",\"reference\":", address.reference.into());
    literal(out, "}");
}
