//! Messages of the families, byte by byte as the kernel writes them; those of families that a kernel at hand lacks (sctp, vsock, xdp, tipc)
//! are made from its sources. Every one is also read cut at each length and with each bit turned over.

use super::inet_diag::{self, InetRecord, is_sctp_association};
use super::netlink_diag::{self, NetlinkRecord};
use super::packet_diag::{self, PacketExtras, PacketRecord};
use super::tipc_diag::{self, TipcRecord};
use super::vsock_diag::{self, VsockRecord};
use super::xdp_diag::{self, XdpExtras, XdpRecord};
use super::{mptcp_info, sctp_info};
use proptest::prelude::*;

fn word(bytes: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        bytes.extend(word.to_ne_bytes());
    }
}

fn attribute(bytes: &mut Vec<u8>, kind: u16, data: &[u8]) {
    bytes.extend((4 + data.len() as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// `linux/packet_diag.h`: a raw socket for LLDP on interface 2, of user 1000.
fn packet() -> Vec<u8> {
    let mut bytes = vec![packet_diag::FAMILY_PACKET, 3];
    bytes.extend(0x88ccu16.to_ne_bytes());
    word(&mut bytes, &[4242, 7, 1]);
    attribute(&mut bytes, 0, &words(&[2, 2, 0, 0, 0, 1]));
    // Two memberships: promiscuous on interface 2, and a multicast address.
    let mut memberships = words(&[2, 1]);
    memberships.extend(1u16.to_ne_bytes());
    memberships.extend([0; 34]);
    memberships.extend(words(&[2, 3]));
    memberships.extend(0u16.to_ne_bytes());
    memberships.extend(6u16.to_ne_bytes());
    memberships.extend([1, 0x80, 0xc2, 0, 0, 0x0e]);
    memberships.resize(88, 0);
    attribute(&mut bytes, 1, &memberships);
    attribute(&mut bytes, 2, &words(&[4096, 4, 2048, 8, 60, 16, 1]));
    attribute(&mut bytes, 3, &words(&[8192, 1, 2048, 4, 0, 0, 0]));
    attribute(&mut bytes, 4, &words(&[42 | 6 << 16]));
    attribute(&mut bytes, 5, &words(&[1000]));
    attribute(
        &mut bytes,
        6,
        &words(&[512, 212_992, 64, 212_992, 0, 0, 0, 0, 3]),
    );
    // `ret #0x40000`
    let mut filter = 6u16.to_ne_bytes().to_vec();
    filter.extend([0, 0]);
    filter.extend(words(&[0x4_0000]));
    attribute(&mut bytes, 7, &filter);
    bytes
}

/// `linux/netlink_diag.h`: a socket to rtnetlink that is connected to the kernel.
fn netlink() -> Vec<u8> {
    let mut bytes = vec![netlink_diag::FAMILY_NETLINK, 3, 0, 1];
    word(&mut bytes, &[812, 0, 1, 900, 9, 0]);
    attribute(
        &mut bytes,
        0,
        &words(&[768, 212_992, 32, 212_992, 0, 0, 0, 0, 0]),
    );
    // Groups 1, 9 and 64, as one word of 64 bits; that notices may be lost unsaid, and extended acknowledgements.
    let groups = (1u64 | 1 << 8 | 1 << 63).to_ne_bytes();
    attribute(&mut bytes, 1, &groups);
    attribute(&mut bytes, 4, &words(&[0x48]));
    bytes
}

/// `linux/vm_sockets_diag.h`: guest 3 connected to the host's port 1024.
fn vsock() -> Vec<u8> {
    let mut bytes = vec![vsock_diag::FAMILY_VSOCK, 1, 1, 2];
    word(&mut bytes, &[3, 5000, 2, 1024, 77, 5, 0]);
    bytes
}

/// `linux/xdp_diag.h`: queue 1 of interface 4, of user 0.
fn xdp() -> Vec<u8> {
    let mut bytes = vec![xdp_diag::FAMILY_XDP, 3, 0, 0];
    word(&mut bytes, &[55, 6, 0]);
    attribute(&mut bytes, 1, &words(&[4, 1]));
    attribute(&mut bytes, 2, &words(&[0]));
    attribute(&mut bytes, 3, &words(&[2048]));
    attribute(&mut bytes, 4, &words(&[1024]));
    let mut umem = (1u64 << 33).to_ne_bytes().to_vec();
    umem.extend(words(&[7, 16, 4096, 256, 4, 1, 1, 2]));
    attribute(&mut bytes, 5, &umem);
    attribute(&mut bytes, 6, &words(&[512]));
    attribute(&mut bytes, 7, &words(&[256]));
    attribute(
        &mut bytes,
        8,
        &words(&[16, 212_992, 8, 212_992, 0, 0, 0, 0, 0]),
    );
    let stats: Vec<u8> = (1u64..=6).flat_map(u64::to_ne_bytes).collect();
    attribute(&mut bytes, 9, &stats);
    bytes
}

/// `linux/tipc_netlink.h` as `net/tipc/socket.c` fills it: a stream socket that is connected by the name {1000, 7}, whose peer does not
/// read. Nests are flagged, as other families do, or not, as this one does.
///
/// ```text
///  TIPC_NLA_SOCK { REF 222  ADDR 0x01001001
///    CON { NODE 0x01001002  SOCK 333  FLAG  TYPE 1000  INST 7 }
///    TYPE 1  TIPC_STATE 1  INO 66  UID 1000  COOKIE 8
///    STAT { RCVQ 3  SENDQ 4  DROP 5  LINK_CONG  CONN_CONG } }
/// ```
fn tipc() -> Vec<u8> {
    let mut connection = Vec::new();
    attribute(&mut connection, 2, &words(&[0x0100_1002]));
    attribute(&mut connection, 3, &words(&[333]));
    attribute(&mut connection, 1, &[]);
    attribute(&mut connection, 4, &words(&[1000]));
    attribute(&mut connection, 5, &words(&[7]));
    let mut statistics = Vec::new();
    attribute(&mut statistics, 0, &words(&[3]));
    attribute(&mut statistics, 1, &words(&[4]));
    attribute(&mut statistics, 4, &words(&[5]));
    attribute(&mut statistics, 2, &[]);
    attribute(&mut statistics, 3, &[]);
    let mut socket = Vec::new();
    attribute(&mut socket, 2, &words(&[222]));
    attribute(&mut socket, 1, &words(&[0x0100_1001]));
    attribute(&mut socket, 3 | 0x8000, &connection);
    attribute(&mut socket, 6, &words(&[1]));
    attribute(&mut socket, 9, &words(&[1]));
    attribute(&mut socket, 7, &words(&[66]));
    attribute(&mut socket, 8, &words(&[1000]));
    attribute(&mut socket, 10, &words(&[8, 0]));
    attribute(&mut socket, 5, &statistics);
    let mut bytes = Vec::new();
    attribute(&mut bytes, 2, &socket);
    bytes
}

/// The same header: a member of a group, which has published its membership, with nothing to wait for.
///
/// ```text
///  TIPC_NLA_SOCK { REF 223  ADDR 0x01001001  HAS_PUBL  TYPE 4  TIPC_STATE 7  INO 67  UID 0  COOKIE 9
///    STAT { RCVQ 0  SENDQ 0  DROP 0 }
///    GROUP { ID 4711  INSTANCE 12  BC_SEND_NEXT 65535  CLUSTER_SCOPE  OPEN } }
/// ```
fn tipc_member() -> Vec<u8> {
    let mut statistics = Vec::new();
    for kind in [0, 1, 4] {
        attribute(&mut statistics, kind, &words(&[0]));
    }
    let mut group = Vec::new();
    attribute(&mut group, 0, &words(&[4711]));
    attribute(&mut group, 4, &words(&[12]));
    attribute(&mut group, 5, &words(&[65_535]));
    attribute(&mut group, 3, &[]);
    attribute(&mut group, 1, &[]);
    let mut socket = Vec::new();
    attribute(&mut socket, 2, &words(&[223]));
    attribute(&mut socket, 1, &words(&[0x0100_1001]));
    attribute(&mut socket, 4, &[]);
    attribute(&mut socket, 6, &words(&[4]));
    attribute(&mut socket, 9, &words(&[7]));
    attribute(&mut socket, 7, &words(&[67]));
    attribute(&mut socket, 8, &words(&[0]));
    attribute(&mut socket, 10, &words(&[9, 0]));
    attribute(&mut socket, 5, &statistics);
    attribute(&mut socket, 12, &group);
    let mut bytes = Vec::new();
    attribute(&mut bytes, 2, &socket);
    bytes
}

/// `linux/inet_diag.h` as `net/sctp/diag.c` fills it: an association with the `sockaddr_storage` of its one peer.
pub(crate) fn sctp_association() -> Vec<u8> {
    let mut bytes = vec![inet_diag::FAMILY_INET, 5, 3, 1];
    bytes.extend(36412u16.to_be_bytes());
    bytes.extend(50000u16.to_be_bytes());
    bytes.extend([10, 0, 0, 1]);
    bytes.extend([0; 12]);
    bytes.extend([10, 0, 0, 2]);
    bytes.extend([0; 12]);
    word(&mut bytes, &[2, 4, 0, 300, 5, 6, 1000, 88]);
    attribute(&mut bytes, 8, &[0]);
    attribute(&mut bytes, 12, &[0; 128]);
    attribute(&mut bytes, 13, &[0; 128]);
    bytes
}

#[test]
fn packet_sockets() {
    let record = PacketRecord::decode(&packet()).unwrap();
    assert_eq!((record.kind, record.protocol), (3, 0x88cc));
    assert_eq!((record.inode, record.cookie), (4242, Some(7 | 1 << 32)));
    assert_eq!((record.interface, record.uid), (Some(2), Some(1000)));
    assert_eq!(record.queues, Some((512, 64)));
    let bytes = packet();
    let more = PacketExtras::find(&bytes);
    assert_eq!(more.info, Some([2, 0, 0, 0, 1]));
    assert_eq!(more.rx_ring, Some([4096, 4, 2048, 8, 60, 16, 1]));
    assert_eq!(more.tx_ring, Some([8192, 1, 2048, 4, 0, 0, 0]));
    assert_eq!(more.fanout, Some((42, 6)));
    assert_eq!(more.memory.map(<[u8]>::len), Some(36));
    let memberships: Vec<_> = more.memberships().collect();
    let [promiscuous, multicast] = memberships[..] else {
        panic!("{memberships:?}")
    };
    assert_eq!((promiscuous.interface, promiscuous.count), (2, 1));
    assert_eq!((promiscuous.kind, promiscuous.address), (1, &[][..]));
    assert_eq!((multicast.kind, multicast.count), (0, 3));
    assert_eq!(multicast.address, [1, 0x80, 0xc2, 0, 0, 0x0e]);
    let ops: Vec<_> = packet_diag::filter_ops(more.filter.unwrap()).collect();
    let all = packet_diag::FilterOp {
        code: 6,
        jt: 0,
        jf: 0,
        k: 0x4_0000,
    };
    assert_eq!(ops, [all]);
    // Before CAP_NET_ADMIN there is an attribute without content; no attribute is another thing.
    let mut hidden = packet()[..16].to_vec();
    attribute(&mut hidden, 7, &[]);
    assert_eq!(PacketExtras::find(&hidden).filter, Some(&[][..]));
    let bare = PacketRecord::decode(&packet()[..16]).unwrap();
    assert_eq!(PacketExtras::find(&packet()[..16]), PacketExtras::default());
    assert_eq!((bare.interface, bare.uid, bare.queues), (None, None, None));
}

#[test]
fn netlink_sockets() {
    let record = NetlinkRecord::decode(&netlink()).unwrap();
    assert_eq!((record.kind, record.protocol, record.port_id), (3, 0, 812));
    assert_eq!((record.peer, record.inode), (Some((0, 1)), 900));
    assert_eq!((record.cookie, record.queues), (Some(9), Some((768, 32))));
    assert_eq!(netlink_diag::groups(&netlink()), Some(vec![1, 9, 64]));
    assert_eq!(netlink_diag::flags(&netlink()), Some(0x48));
    assert_eq!(netlink_diag::memory(&netlink()).map(<[u8]>::len), Some(36));
    assert_eq!(netlink_diag::groups(&netlink()[..28]), None);
    let mut unconnected = netlink();
    unconnected[3] = 7;
    assert_eq!(NetlinkRecord::decode(&unconnected).unwrap().peer, None);
}

#[test]
fn vsock_sockets_of_a_kernel_with_vsock_diag() {
    let record = VsockRecord::decode(&vsock()).unwrap();
    assert_eq!((record.kind, record.state, record.shutdown), (1, 1, 2));
    assert_eq!((record.source, record.destination), ((3, 5000), (2, 1024)));
    assert_eq!((record.inode, record.cookie), (77, Some(5)));
}

#[test]
fn xdp_sockets_of_a_kernel_with_xdp_diag() {
    let record = XdpRecord::decode(&xdp()).unwrap();
    assert_eq!((record.inode, record.cookie), (55, Some(6)));
    assert_eq!((record.place, record.uid), (Some((4, 1)), Some(0)));
    assert_eq!(record.queues, Some((16, 8)));
    let bytes = xdp();
    let more = XdpExtras::find(&bytes);
    assert_eq!(more.rings, [2048, 1024, 512, 256].map(Some));
    assert_eq!(more.umem, Some((1 << 33, [7, 16, 4096, 256, 4, 1, 1, 2])));
    assert_eq!(more.stats, Some([1, 2, 3, 4, 5, 6]));
    assert_eq!(more.memory.map(<[u8]>::len), Some(36));
}

#[test]
fn tipc_sockets_of_a_kernel_with_tipc() {
    let record = TipcRecord::decode(&tipc()).unwrap().unwrap();
    assert_eq!((record.node, record.reference), (0x0100_1001, Some(222)));
    let connection = record.connection.unwrap();
    assert_eq!(connection.node, Some(0x0100_1002));
    assert_eq!(connection.reference, Some(333));
    assert!(connection.by_name);
    assert_eq!(
        (connection.kind, connection.instance),
        (Some(1000), Some(7))
    );
    let statistics = record.statistics.unwrap();
    assert_eq!((statistics.received, statistics.sent), (Some(3), Some(4)));
    assert!(statistics.link_congested && statistics.connection_congested);
    assert_eq!(statistics.dropped, Some(5));
    assert_eq!((record.group, record.has_published), (None, false));
    assert_eq!((record.kind, record.state), (Some(1), Some(1)));
    assert_eq!((record.inode, record.uid), (66, Some(1000)));
    assert_eq!(record.cookie, Some(8));
    // A socket in another state than those asked for.
    assert_eq!(TipcRecord::decode(&[]), Ok(None));
}

#[test]
fn tipc_members_of_groups_of_a_kernel_with_tipc() {
    let record = TipcRecord::decode(&tipc_member()).unwrap().unwrap();
    assert!(record.has_published && record.connection.is_none());
    let group = record.group.unwrap();
    assert_eq!((group.id, group.instance), (Some(4711), Some(12)));
    assert_eq!(group.next_broadcast, Some(65_535));
    assert!(group.open && group.cluster_scope && !group.node_scope);
    let statistics = record.statistics.unwrap();
    assert!(!statistics.link_congested && !statistics.connection_congested);
    assert_eq!(
        (statistics.received, statistics.dropped),
        (Some(0), Some(0))
    );
    // Words that are too short are not there; an attribute that nobody knows yet does no harm.
    let mut short = Vec::new();
    attribute(&mut short, 0, &[1, 2]);
    attribute(&mut short, 99, &words(&[1, 2, 3]));
    let mut socket = Vec::new();
    attribute(&mut socket, 5, &short);
    attribute(&mut socket, 12, &short);
    attribute(&mut socket, 3, &[]);
    let mut bytes = Vec::new();
    attribute(&mut bytes, 2, &socket);
    let record = TipcRecord::decode(&bytes).unwrap().unwrap();
    assert_eq!(record.statistics, Some(tipc_diag::Statistics::default()));
    assert_eq!(record.group, Some(tipc_diag::Group::default()));
    assert_eq!(record.connection, Some(tipc_diag::Connection::default()));
}

#[test]
fn sctp_associations_of_a_kernel_with_sctp() {
    let bytes = sctp_association();
    let record = InetRecord::decode(&bytes).unwrap();
    assert_eq!(
        (record.sport, record.dport, record.inode),
        (36412, 50000, 88)
    );
    assert!(is_sctp_association(&bytes));
    assert!(!is_sctp_association(&bytes[..bytes.len() - 132]));
}

fn read_all(bytes: &[u8]) {
    let _ = PacketRecord::decode(bytes);
    let _ = NetlinkRecord::decode(bytes);
    let _ = VsockRecord::decode(bytes);
    let _ = XdpRecord::decode(bytes);
    let _ = TipcRecord::decode(bytes);
    let _ = is_sctp_association(bytes);
    let packet = PacketExtras::find(bytes);
    let _ = packet.memberships().count();
    let _ = packet
        .filter
        .map(|filter| packet_diag::filter_ops(filter).count());
    let _ = XdpExtras::find(bytes);
    let _ = (netlink_diag::groups(bytes), netlink_diag::flags(bytes));
    let _ = sctp_info::addresses(bytes, inet_diag::BASE_LEN);
    let _ = (sctp_info::decode(bytes), sctp_info::primary(bytes));
    let _ = mptcp_info::decode(bytes);
}

#[test]
fn cuts_and_flips_never_panic() {
    let all = [
        packet(),
        netlink(),
        vsock(),
        xdp(),
        tipc(),
        tipc_member(),
        sctp_association(),
    ];
    for bytes in all {
        for length in 0..bytes.len() {
            read_all(&bytes[..length]);
        }
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << bit;
                read_all(&flipped);
            }
        }
    }
}

/// As `strace ss` shows them, but for what is asked to be shown.
#[test]
fn requests_have_the_shape_that_the_kernel_checks() {
    let packet = packet_diag::dump_request(false, false, 1);
    assert_eq!((packet.len(), packet[16]), (16 + 20, 17));
    assert_eq!(packet[..4], 36u32.to_ne_bytes());
    let netlink = netlink_diag::dump_request(false, 1);
    assert_eq!((netlink.len(), &netlink[16..18]), (16 + 20, &[16, 255][..]));
    let vsock = vsock_diag::dump_request(0x480, 1);
    assert_eq!((vsock.len(), vsock[16]), (16 + 24, 40));
    assert_eq!(vsock[20..24], 0x480u32.to_ne_bytes());
    let xdp = xdp_diag::dump_request(false, 1);
    assert_eq!((xdp.len(), xdp[16]), (16 + 20, 44));
    let tipc = tipc_diag::dump_request(0x482, 1);
    assert_eq!((tipc.len(), tipc[16]), (16 + 8, 30));
    assert_eq!(packet[24..28], 0x11u32.to_ne_bytes());
    let everything = packet_diag::dump_request(true, true, 1);
    assert_eq!(everything[24..28], 0x3fu32.to_ne_bytes());
    assert_eq!(
        netlink_diag::dump_request(true, 1)[24..28],
        0x0bu32.to_ne_bytes()
    );
    assert_eq!(
        xdp_diag::dump_request(true, 1)[24..28],
        0x1fu32.to_ne_bytes()
    );
    let mptcp = inet_diag::wide_dump_request(2, inet_diag::PROTOCOL_MPTCP, 0xfff, 0, 1);
    assert_eq!((mptcp.len(), &mptcp[16..18]), (16 + 56 + 8, &[2, 6][..]));
    assert_eq!(mptcp[..4], 80u32.to_ne_bytes());
    assert_eq!(mptcp[72..76], [8, 0, 3, 0]);
    assert_eq!(mptcp[76..], 262u32.to_ne_bytes());
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..160)) {
        read_all(&bytes);
    }
}
