//! Details that only one protocol has, into the model.

use super::socket_details::{Wanted, of_skmeminfo};
use crate::model::{
    DetailSet, IfIndex, Inode, Instruction, Membership, Memory, MemoryMetric, MptcpInfo,
    NetlinkDetails, Numbers, OwnDetails, PacketDetails, Program, SctpInfo, Socket, TipcDetails,
    TipcGroup, TipcStats, UnixDetails, UnixFile, XdpDetails, XdpUmem,
};
use crate::wire::inet_details::InetDetails;
use crate::wire::packet_diag::{self, PacketExtras};
use crate::wire::proc_sockets::NetlinkLine;
use crate::wire::tipc_diag::TipcRecord;
use crate::wire::unix_vfs::BoundFile;
use crate::wire::xdp_diag::XdpExtras;
use crate::wire::{inet_diag, mptcp_info, netlink_diag, sctp_info};

/// Keeps details of a socket beside those that it has.
fn keep(socket: &mut Socket, own: OwnDetails) {
    socket.details.get_or_insert_default().own = Some(Box::new(own));
}

/// Keeps the words of `SK_MEMINFO_*`, if they are wanted.
fn keep_memory(socket: &mut Socket, words: Option<&[u8]>, wanted: Wanted) {
    if let Some(words) = words.filter(|_| wanted.details.has(DetailSet::MEMORY)) {
        socket.details.get_or_insert_default().memory = Some(of_skmeminfo(words));
    }
}

/// Adds an MPTCP socket's own counters.
pub(super) fn of_mptcp(socket: &mut Socket, payload: &[u8], wanted: Wanted) {
    if !wanted.details.has(DetailSet::INFO) {
        return;
    }
    if let Some(info) = InetDetails::find(payload, inet_diag::BASE_LEN).info {
        let (values, known) = mptcp_info::decode(info);
        keep(socket, OwnDetails::Mptcp(MptcpInfo::new(values, known)));
    }
}

/// Adds what SCTP tells of an association or an endpoint.
pub(super) fn of_sctp(socket: &mut Socket, payload: &[u8], association: bool, wanted: Wanted) {
    if !wanted.details.has(DetailSet::INFO) {
        return;
    }
    let info = InetDetails::find(payload, inet_diag::BASE_LEN).info;
    let (values, known) = sctp_info::decode(info.unwrap_or_default());
    let (locals, peers) = sctp_info::addresses(payload, inet_diag::BASE_LEN);
    let own = SctpInfo {
        numbers: Numbers::new(values, known),
        association,
        primary: info.and_then(sctp_info::primary),
        locals,
        peers,
    };
    keep(socket, OwnDetails::Sctp(Box::new(own)));
}

/// Adds the file of a unix socket and the clients that wait for it.
pub(super) fn of_unix(socket: &mut Socket, payload: &[u8], waiting: &[Inode], wanted: Wanted) {
    if !wanted.details.has(DetailSet::EXTENDED) {
        return;
    }
    let own = UnixDetails {
        file: BoundFile::decode(payload).map(|bound| UnixFile {
            inode: bound.file,
            device: bound.device,
        }),
        waiting: waiting.to_vec(),
    };
    keep(socket, OwnDetails::Unix(own));
}

/// Adds rings, fanout, memberships, memory and the filter of a packet socket.
pub(super) fn of_packet(socket: &mut Socket, payload: &[u8], wanted: Wanted) {
    if wanted.details.is_empty() {
        return;
    }
    let extended = wanted.details.has(DetailSet::EXTENDED);
    let filter = wanted.details.has(DetailSet::FILTER);
    let sent = PacketExtras::find(payload);
    keep_memory(socket, sent.memory, wanted);
    if extended || filter {
        let mut own = PacketDetails {
            filter: filter.then(|| program(sent.filter)),
            ..PacketDetails::default()
        };
        if extended {
            own.info = sent.info;
            own.rx_ring = sent.rx_ring;
            own.tx_ring = sent.tx_ring;
            own.fanout = sent.fanout;
            own.memberships = Some(sent.memberships().map(membership).collect());
        }
        keep(socket, OwnDetails::Packet(own));
    }
}

fn membership(sent: packet_diag::Membership<'_>) -> Membership {
    Membership {
        interface: IfIndex::new(sent.interface),
        count: sent.count,
        kind: sent.kind,
        address: sent.address.to_vec(),
    }
}

fn program(sent: Option<&[u8]>) -> Program {
    match sent {
        None => Program::None,
        Some([]) => Program::Hidden,
        Some(bytes) => {
            let ops = packet_diag::filter_ops(bytes);
            Program::Known(
                ops.map(|op| Instruction {
                    code: op.code,
                    jt: op.jt,
                    jf: op.jf,
                    k: op.k,
                })
                .collect(),
            )
        }
    }
}

/// Adds groups, flags and memory of a netlink socket.
pub(super) fn of_netlink(socket: &mut Socket, payload: &[u8], wanted: Wanted) {
    if wanted.details.is_empty() {
        return;
    }
    keep_memory(socket, netlink_diag::memory(payload), wanted);
    if wanted.details.has(DetailSet::EXTENDED) {
        let flags = netlink_diag::flags(payload);
        let own = NetlinkDetails {
            // A socket that never joined any has no such attribute; flags every socket has.
            groups: netlink_diag::groups(payload).or_else(|| flags.map(|_| Vec::new())),
            groups_up_to: None,
            flags,
        };
        keep(socket, OwnDetails::Netlink(own));
    }
}

/// Adds what the text tells of a netlink socket: some of its groups and of its memory, none of its flags.
pub(super) fn of_netlink_line(socket: &mut Socket, line: &NetlinkLine, wanted: DetailSet) {
    if wanted.has(DetailSet::MEMORY) {
        let known = [
            (MemoryMetric::RmemAlloc, line.received),
            (MemoryMetric::WmemAlloc, line.sent),
            (MemoryMetric::Drops, line.drops),
        ];
        socket.details.get_or_insert_default().memory = Some(Memory::of(&known));
    }
    if wanted.has(DetailSet::EXTENDED) {
        let is_set = |group: &u32| line.groups >> (group - 1) & 1 == 1;
        let own = NetlinkDetails {
            groups: Some((1..=u32::BITS).filter(is_set).collect()),
            groups_up_to: Some(u32::BITS),
            flags: None,
        };
        keep(socket, OwnDetails::Netlink(own));
    }
}

/// Adds rings, memory and statistics of an XDP socket.
pub(super) fn of_xdp(socket: &mut Socket, payload: &[u8], wanted: Wanted) {
    if wanted.details.is_empty() {
        return;
    }
    let sent = XdpExtras::find(payload);
    keep_memory(socket, sent.memory, wanted);
    if wanted.details.has(DetailSet::EXTENDED) {
        let own = XdpDetails {
            rings: sent.rings,
            umem: sent.umem.map(|(size, words)| {
                let [
                    id,
                    num_pages,
                    chunk_size,
                    headroom,
                    interface,
                    queue,
                    flags,
                    refs,
                ] = words;
                XdpUmem {
                    size,
                    id,
                    num_pages,
                    chunk_size,
                    headroom,
                    interface: IfIndex::new(interface),
                    queue,
                    flags,
                    refs,
                }
            }),
            stats: sent.stats,
        };
        keep(socket, OwnDetails::Xdp(own));
    }
}

/// Adds queues, congestion, names and the group of a TIPC socket.
pub(super) fn of_tipc(socket: &mut Socket, record: &TipcRecord, wanted: Wanted) {
    if !wanted.details.has(DetailSet::TIPC) {
        return;
    }
    let own = TipcDetails {
        stats: record.statistics.map(|sent| TipcStats {
            received: sent.received,
            sent: sent.sent,
            dropped: sent.dropped,
            link_congested: sent.link_congested,
            connection_congested: sent.connection_congested,
        }),
        published: record.connection.is_none().then_some(record.has_published),
        via: record
            .connection
            .filter(|connection| connection.by_name)
            .and_then(|connection| connection.kind.zip(connection.instance)),
        group: record.group.map(|sent| TipcGroup {
            id: sent.id,
            instance: sent.instance,
            next_broadcast: sent.next_broadcast,
            open: sent.open,
            scope: match (sent.node_scope, sent.cluster_scope) {
                (true, _) => Some("node"),
                (_, true) => Some("cluster"),
                _ => None,
            },
        }),
    };
    keep(socket, OwnDetails::Tipc(Box::new(own)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MptcpMetric, SctpMetric};

    #[test]
    fn counters_have_the_names_of_the_headers_in_their_order() {
        let same = |members: Vec<&str>, names: Vec<&str>| {
            assert_eq!(members.len(), names.len());
            for (member, name) in members.iter().zip(names) {
                assert!(
                    member.trim_start_matches(",\"").starts_with(name),
                    "{member} is {name}"
                );
            }
        };
        let mptcp = MptcpMetric::ALL.iter().map(|m| m.json_member());
        same(mptcp.collect(), mptcp_info::names().collect());
        let sctp = SctpMetric::ALL.iter().map(|m| m.json_member());
        same(sctp.collect(), sctp_info::names().collect());
    }

    #[test]
    fn no_filter_is_none_and_an_empty_one_is_hidden() {
        assert_eq!(program(None), Program::None);
        assert_eq!(program(Some(&[])), Program::Hidden);
        let Program::Known(ops) = program(Some(&[6, 0, 0, 0, 0, 0, 0, 0, 1])) else {
            panic!("a program");
        };
        assert_eq!(ops.len(), 1);
    }
}
