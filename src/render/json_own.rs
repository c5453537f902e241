//! Details that only one protocol has, as a member of a socket's JSON object with the name of the protocol.

use super::json_details::words;
use super::json_ends::place;
use super::json_socket::{bytes_as_string, hex, literal, maybe_flag, maybe_number, number, word};
use super::{address, pieces};
use crate::model::{
    MptcpInfo, MptcpMetric, NETLINK_FLAGS, Names, NetlinkDetails, OwnDetails, PACKET_FANOUTS,
    PACKET_FLAGS, PACKET_VERSIONS, PacketDetails, PacketRing, Program, Protocol, Row, SctpInfo,
    SctpMetric, TipcDetails, UnixDetails, Value, XDP_FLAGS, XdpDetails,
};
use std::net::IpAddr;

/// Whether sockets of `protocol` have such a member.
#[inline]
pub(super) const fn has(protocol: Protocol) -> bool {
    matches!(
        protocol,
        Protocol::Mptcp
            | Protocol::Sctp
            | Protocol::Unix
            | Protocol::Packet
            | Protocol::Netlink
            | Protocol::Xdp
            | Protocol::Tipc
    )
}

/// Appends the member, the comma before it included; `null` if nobody asked or nothing was sent.
#[cold]
pub(super) fn write(out: &mut Vec<u8>, row: Row<'_>) {
    literal(out, ",\"");
    literal(out, row.socket.protocol.word());
    literal(out, "\":");
    let names = row.context.names;
    match row.socket.own_details() {
        None => literal(out, "null"),
        Some(OwnDetails::Mptcp(info)) => mptcp(out, row, info),
        Some(OwnDetails::Sctp(info)) => sctp(out, info),
        Some(OwnDetails::Unix(info)) => unix(out, info),
        Some(OwnDetails::Packet(info)) => packet(out, info, names),
        Some(OwnDetails::Netlink(info)) => netlink(out, info),
        Some(OwnDetails::Xdp(info)) => xdp(out, info, names),
        Some(OwnDetails::Tipc(info)) => tipc(out, info),
    }
}

/// A value of a member that is a number, a flag, a word, or bits with words.
fn plain(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Number(n) | Value::Bytes(n) | Value::Milliseconds(n) | Value::Hex(n) => {
            pieces::decimal(out, *n);
        }
        Value::Flag(flag) => literal(out, if *flag { "true" } else { "false" }),
        Value::Word(known) => word(out, "", known),
        Value::Words(bits, names) => words(out, *bits, names),
        _ => literal(out, "null"),
    }
}

/// The first member of an object opens it.
fn opened(member: &'static str, first: bool, out: &mut Vec<u8>) {
    if first {
        literal(out, "{");
        literal(out, member.strip_prefix(',').unwrap_or(member));
    } else {
        literal(out, member);
    }
}

fn mptcp(out: &mut Vec<u8>, row: Row<'_>, info: &MptcpInfo) {
    for (n, metric) in MptcpMetric::ALL.iter().enumerate() {
        opened(metric.json_member(), n == 0, out);
        match metric {
            // Of 64 bits, more than numbers of JSON hold in many readers.
            MptcpMetric::WriteSeq | MptcpMetric::SndUna | MptcpMetric::RcvNxt => {
                hex(out, "", info.get(*metric as usize));
            }
            _ => plain(out, &metric.value(row)),
        }
    }
    literal(out, "}");
}

fn sctp(out: &mut Vec<u8>, info: &SctpInfo) {
    literal(out, "{\"locals\":");
    addresses(out, &info.locals);
    literal(out, ",\"peers\":");
    addresses(out, &info.peers);
    literal(out, ",\"p_address\":");
    match info.primary {
        Some((ip, port)) => {
            literal(out, "{\"address\":\"");
            address::address(out, ip);
            number(out, "\",\"port\":", port.into());
            literal(out, "}");
        }
        None => literal(out, "null"),
    }
    for metric in SctpMetric::ALL {
        literal(out, metric.json_member());
        plain(out, &info.value(*metric));
    }
    literal(out, "}");
}

fn addresses(out: &mut Vec<u8>, all: &[IpAddr]) {
    array(out, all, |out, ip| {
        literal(out, "\"");
        address::address(out, *ip);
        literal(out, "\"");
    });
}

fn array<T>(out: &mut Vec<u8>, all: &[T], mut each: impl FnMut(&mut Vec<u8>, &T)) {
    literal(out, "[");
    for (n, one) in all.iter().enumerate() {
        literal(out, if n == 0 { "" } else { "," });
        each(out, one);
    }
    literal(out, "]");
}

fn unix(out: &mut Vec<u8>, info: &UnixDetails) {
    let inode = info.file.map(|file| u64::from(file.inode));
    maybe_number(out, "{\"vfs_inode\":", inode);
    literal(out, ",\"vfs_device\":");
    match info.file.map(|file| file.device) {
        Some((major, minor)) => {
            number(out, "\"", major.into());
            number(out, ":", minor.into());
            literal(out, "\"");
        }
        None => literal(out, "null"),
    }
    literal(out, ",\"waiting\":");
    array(out, &info.waiting, |out, inode| {
        pieces::decimal(out, inode.0.get());
    });
    literal(out, "}");
}

/// The word of a number, or the number where there is none.
fn named(out: &mut Vec<u8>, key: &'static str, n: Option<u32>, names: &[&'static str]) {
    let known = n.and_then(|n| names.get(usize::try_from(n).ok()?));
    match known {
        Some(known) => word(out, key, known),
        None => maybe_number(out, key, n.map(u64::from)),
    }
}

fn packet(out: &mut Vec<u8>, info: &PacketDetails, names: &dyn Names) {
    let [version, reserve, copy_thresh, tstamp, flags] =
        info.info.map_or([None; 5], |words| words.map(Some));
    named(out, "{\"version\":", version, PACKET_VERSIONS);
    maybe_number(out, ",\"reserve\":", reserve.map(u64::from));
    maybe_number(out, ",\"copy_thresh\":", copy_thresh.map(u64::from));
    maybe_number(out, ",\"tstamp\":", tstamp.map(u64::from));
    literal(out, ",\"flags\":");
    match flags {
        Some(bits) => words(out, bits.into(), PACKET_FLAGS),
        None => literal(out, "null"),
    }
    match info.fanout {
        Some((id, kind)) => {
            number(out, ",\"fanout\":{\"id\":", id.into());
            named(out, ",\"type\":", Some(kind.into()), PACKET_FANOUTS);
            literal(out, "}");
        }
        None => literal(out, ",\"fanout\":null"),
    }
    literal(out, ",\"rx_ring\":");
    ring(out, info.rx_ring);
    literal(out, ",\"tx_ring\":");
    ring(out, info.tx_ring);
    literal(out, ",\"memberships\":");
    match &info.memberships {
        Some(all) => array(out, all, |out, one| {
            place(out, "{\"interface\":", one.interface, names);
            number(out, ",\"count\":", one.count.into());
            match one.kind_word() {
                Some(known) => word(out, ",\"type\":", known),
                None => number(out, ",\"type\":", one.kind.into()),
            }
            literal(out, ",\"address\":\"");
            for (n, byte) in one.address.iter().enumerate() {
                literal(out, if n == 0 { "" } else { ":" });
                out.push(pieces::hex_digit(byte >> 4));
                out.push(pieces::hex_digit(*byte));
            }
            literal(out, "\"}");
        }),
        None => literal(out, "null"),
    }
    literal(out, ",\"filter\":");
    match &info.filter {
        Some(Program::Known(program)) => {
            let mut at = 0;
            array(out, program, |out, op| {
                number(out, "{\"code\":", op.code.into());
                number(out, ",\"jt\":", op.jt.into());
                number(out, ",\"jf\":", op.jf.into());
                number(out, ",\"k\":", op.k.into());
                literal(out, ",\"text\":");
                bytes_as_string(out, op.at(at).to_string().as_bytes());
                literal(out, "}");
                at += 1;
            });
        }
        Some(Program::None) => literal(out, "[]"),
        Some(Program::Hidden) | None => literal(out, "null"),
    }
    literal(out, "}");
}

fn ring(out: &mut Vec<u8>, ring: Option<PacketRing>) {
    let Some(
        [
            block_size,
            block_nr,
            frame_size,
            frame_nr,
            retire_tmo,
            sizeof_priv,
            features,
        ],
    ) = ring
    else {
        return literal(out, "null");
    };
    number(out, "{\"block_size\":", block_size.into());
    number(out, ",\"block_nr\":", block_nr.into());
    number(out, ",\"frame_size\":", frame_size.into());
    number(out, ",\"frame_nr\":", frame_nr.into());
    number(out, ",\"retire_tmo_ms\":", retire_tmo.into());
    number(out, ",\"sizeof_priv\":", sizeof_priv.into());
    number(out, ",\"features\":", features.into());
    literal(out, "}");
}

fn netlink(out: &mut Vec<u8>, info: &NetlinkDetails) {
    literal(out, "{\"groups\":");
    match &info.groups {
        Some(groups) => array(out, groups, |out, group| {
            pieces::decimal(out, (*group).into());
        }),
        None => literal(out, "null"),
    }
    maybe_number(out, ",\"groups_up_to\":", info.groups_up_to.map(u64::from));
    literal(out, ",\"flags\":");
    match info.flags {
        Some(bits) => words(out, bits.into(), NETLINK_FLAGS),
        None => literal(out, "null"),
    }
    literal(out, "}");
}

fn xdp(out: &mut Vec<u8>, info: &XdpDetails, names: &dyn Names) {
    let [rx, tx, fill, completion] = info.rings.map(|ring| ring.map(u64::from));
    maybe_number(out, "{\"rx_ring\":", rx);
    maybe_number(out, ",\"tx_ring\":", tx);
    maybe_number(out, ",\"fill_ring\":", fill);
    maybe_number(out, ",\"completion_ring\":", completion);
    match info.umem {
        Some(umem) => {
            number(out, ",\"umem\":{\"id\":", umem.id.into());
            number(out, ",\"size\":", umem.size);
            number(out, ",\"num_pages\":", umem.num_pages.into());
            number(out, ",\"chunk_size\":", umem.chunk_size.into());
            number(out, ",\"headroom\":", umem.headroom.into());
            place(out, ",\"interface\":", umem.interface, names);
            number(out, ",\"queue\":", umem.queue.into());
            literal(out, ",\"flags\":");
            words(out, umem.flags.into(), XDP_FLAGS);
            number(out, ",\"refs\":", umem.refs.into());
            literal(out, "}");
        }
        None => literal(out, ",\"umem\":null"),
    }
    match info.stats {
        Some([dropped, invalid, full, empty, tx_invalid, tx_empty]) => {
            number(out, ",\"stats\":{\"rx_dropped\":", dropped);
            number(out, ",\"rx_invalid\":", invalid);
            number(out, ",\"rx_full\":", full);
            number(out, ",\"fill_ring_empty\":", empty);
            number(out, ",\"tx_invalid\":", tx_invalid);
            number(out, ",\"tx_ring_empty\":", tx_empty);
            literal(out, "}");
        }
        None => literal(out, ",\"stats\":null"),
    }
    literal(out, "}");
}

fn tipc(out: &mut Vec<u8>, info: &TipcDetails) {
    let wide = |n: Option<u32>| n.map(u64::from);
    let stats = info.stats;
    let flags = stats.map(|stats| (stats.link_congested, stats.connection_congested));
    maybe_number(out, "{\"rcvq\":", stats.and_then(|s| wide(s.received)));
    maybe_number(out, ",\"sendq\":", stats.and_then(|s| wide(s.sent)));
    maybe_number(out, ",\"drop\":", stats.and_then(|s| wide(s.dropped)));
    maybe_flag(out, ",\"link_cong\":", flags.map(|(link, _)| link));
    maybe_flag(
        out,
        ",\"conn_cong\":",
        flags.map(|(_, connection)| connection),
    );
    maybe_flag(out, ",\"has_publ\":", info.published);
    match info.via {
        Some((kind, instance)) => {
            number(out, ",\"via\":{\"type\":", kind.into());
            number(out, ",\"inst\":", instance.into());
            literal(out, "}");
        }
        None => literal(out, ",\"via\":null"),
    }
    match info.group {
        Some(group) => {
            maybe_number(out, ",\"group\":{\"id\":", wide(group.id));
            maybe_number(out, ",\"instance\":", wide(group.instance));
            maybe_number(out, ",\"bc_send_next\":", wide(group.next_broadcast));
            maybe_flag(out, ",\"open\":", Some(group.open));
            match group.scope {
                Some(scope) => word(out, ",\"scope\":", scope),
                None => literal(out, ",\"scope\":null"),
            }
            literal(out, "}");
        }
        None => literal(out, ",\"group\":null"),
    }
    literal(out, "}");
}
