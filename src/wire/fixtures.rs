//! Messages of the families, byte by byte as the kernel writes them; those of families that a kernel at hand lacks (sctp, vsock, xdp, tipc)
//! are made from its sources. Every one is also read cut at each length and with each bit turned over.

use super::inet_diag::{self, InetRecord, is_sctp_association};
use super::netlink_diag::{self, NetlinkRecord};
use super::packet_diag::{self, PacketRecord};
use super::tipc_diag::{self, TipcRecord};
use super::vsock_diag::{self, VsockRecord};
use super::xdp_diag::{self, XdpRecord};
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
    attribute(&mut bytes, 5, &words(&[1000]));
    attribute(
        &mut bytes,
        6,
        &words(&[512, 212_992, 64, 212_992, 0, 0, 0, 0, 3]),
    );
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
    attribute(
        &mut bytes,
        8,
        &words(&[16, 212_992, 8, 212_992, 0, 0, 0, 0, 0]),
    );
    bytes
}

/// `linux/tipc_netlink.h`: a connected stream socket; nests are flagged, as kernels since 5.2 do, or not.
fn tipc() -> Vec<u8> {
    let mut connection = Vec::new();
    attribute(&mut connection, 2, &words(&[0x0100_1002]));
    attribute(&mut connection, 3, &words(&[333]));
    let mut socket = Vec::new();
    attribute(&mut socket, 2, &words(&[222]));
    attribute(&mut socket, 1, &words(&[0x0100_1001]));
    attribute(&mut socket, 3 | 0x8000, &connection);
    attribute(&mut socket, 6, &words(&[1]));
    attribute(&mut socket, 9, &words(&[1]));
    attribute(&mut socket, 7, &words(&[66]));
    attribute(&mut socket, 8, &words(&[1000]));
    attribute(&mut socket, 10, &words(&[8, 0]));
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
    let bare = PacketRecord::decode(&packet()[..16]).unwrap();
    assert_eq!((bare.interface, bare.uid, bare.queues), (None, None, None));
}

#[test]
fn netlink_sockets() {
    let record = NetlinkRecord::decode(&netlink()).unwrap();
    assert_eq!((record.kind, record.protocol, record.port_id), (3, 0, 812));
    assert_eq!((record.peer, record.inode), (Some((0, 1)), 900));
    assert_eq!((record.cookie, record.queues), (Some(9), Some((768, 32))));
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
}

#[test]
fn tipc_sockets_of_a_kernel_with_tipc() {
    let record = TipcRecord::decode(&tipc()).unwrap().unwrap();
    assert_eq!((record.node, record.reference), (0x0100_1001, Some(222)));
    assert_eq!(record.peer_node, Some(0x0100_1002));
    assert_eq!(record.peer_reference, Some(333));
    assert_eq!((record.kind, record.state), (Some(1), Some(1)));
    assert_eq!((record.inode, record.uid), (66, Some(1000)));
    assert_eq!(record.cookie, Some(8));
    // A socket in another state than those asked for.
    assert_eq!(TipcRecord::decode(&[]), Ok(None));
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
}

#[test]
fn cuts_and_flips_never_panic() {
    let all = [
        packet(),
        netlink(),
        vsock(),
        xdp(),
        tipc(),
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
    let packet = packet_diag::dump_request(1);
    assert_eq!((packet.len(), packet[16]), (16 + 20, 17));
    assert_eq!(packet[..4], 36u32.to_ne_bytes());
    let netlink = netlink_diag::dump_request(1);
    assert_eq!((netlink.len(), &netlink[16..18]), (16 + 20, &[16, 255][..]));
    let vsock = vsock_diag::dump_request(0x480, 1);
    assert_eq!((vsock.len(), vsock[16]), (16 + 24, 40));
    assert_eq!(vsock[20..24], 0x480u32.to_ne_bytes());
    let xdp = xdp_diag::dump_request(1);
    assert_eq!((xdp.len(), xdp[16]), (16 + 20, 44));
    let tipc = tipc_diag::dump_request(0x482, 1);
    assert_eq!((tipc.len(), tipc[16]), (16 + 8, 30));
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
