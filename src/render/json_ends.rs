//! The ends of sockets that have neither IP addresses nor names, as JSON.

use super::family_words;
use super::json_socket::{interface, literal, maybe_number, number, word};
use crate::model::{Ends, IfIndex, Names, TipcAddress, VsockAddress};

/// Appends `local` and `peer` of a socket that is neither IP's nor unix's.
#[cold]
pub(super) fn write(out: &mut Vec<u8>, ends: &Ends, names: &dyn Names) {
    literal(out, ",\"local\":");
    match ends {
        Ends::Packet(ends) => {
            number(out, "{\"ethertype\":", ends.ethertype.into());
            maybe_word(
                out,
                ",\"protocol\":",
                family_words::ethertype(ends.ethertype),
            );
            place(out, ",\"interface\":", ends.interface, names);
            literal(out, "},\"peer\":null");
        }
        Ends::Netlink(ends) => {
            number(out, "{\"protocol\":", ends.protocol.into());
            maybe_word(
                out,
                ",\"protocol_name\":",
                family_words::netlink(ends.protocol),
            );
            number(out, ",\"port_id\":", ends.port_id.into());
            literal(out, "},\"peer\":");
            match ends.peer {
                Some((port_id, group)) => {
                    number(out, "{\"port_id\":", port_id.into());
                    number(out, ",\"group\":", group.into());
                    literal(out, "}");
                }
                None => literal(out, "null"),
            }
        }
        Ends::Vsock(ends) => {
            vsock(out, ends.local);
            literal(out, ",\"peer\":");
            match ends.peer {
                Some(peer) => vsock(out, peer),
                None => literal(out, "null"),
            }
        }
        Ends::Xdp(ends) => {
            place(out, "{\"interface\":", ends.interface, names);
            maybe_number(out, ",\"queue\":", ends.queue.map(u64::from));
            literal(out, "},\"peer\":null");
        }
        Ends::Tipc(ends) => {
            tipc(out, ends.local);
            literal(out, ",\"peer\":");
            match ends.peer {
                Some(peer) => tipc(out, peer),
                None => literal(out, "null"),
            }
        }
        // Written where they are written often.
        Ends::Inet(_) | Ends::Unix(_) => literal(out, "null,\"peer\":null"),
    }
}

fn maybe_word(out: &mut Vec<u8>, key: &'static str, known: Option<&'static str>) {
    match known {
        Some(known) => word(out, key, known),
        None => maybe_number(out, key, None),
    }
}

fn place(out: &mut Vec<u8>, key: &'static str, index: Option<IfIndex>, names: &dyn Names) {
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
