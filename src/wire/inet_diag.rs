//! Dumps of IP sockets: `linux/inet_diag.h`, answered by `net/ipv4/inet_diag.c`, sock_diag(7).
//!
//! ```text
//!  struct inet_diag_msg, 72 bytes, then attributes
//!   0 family  1 state  2 timer  3 retrans
//!   4 sport (network order)     6 dport (network order)
//!   8 source address, 16 bytes (IPv4 uses 4)
//!  24 destination address, 16 bytes
//!  40 interface   44 cookie, two words, low first
//!  52 expires (ms)  56 rqueue  60 wqueue  64 uid  68 inode
//! ```
//!
//! Requests are built with netlink-packet-sock-diag. Answers are decoded here, because that
//! crate's decoder costs 4 000 instructions and five allocations a socket where this one costs 150
//! and none, and gives a socket up for one attribute that is shorter than it expects; tests use it as an oracle.

use super::DecodeError;
use super::attr::Attributes;
use super::bpf_storage::ATTR_STORAGES;
use super::bytes::{array, be16_at, u8_at, u32_at, u64_at};
use super::nlmsg;
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};

/// `AF_INET`.
pub const FAMILY_INET: u8 = 2;
/// `AF_INET6`.
pub const FAMILY_INET6: u8 = 10;
/// Message type of requests and answers, `SOCK_DIAG_BY_FAMILY`.
pub const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// The older request, whose one dump holds TCP over both families, and its answers.
pub const TCPDIAG_GETSOCK: u16 = 18;

/// Length of the fixed part of an answer.
pub const BASE_LEN: usize = 72;
const NO_COOKIE: u64 = u64::MAX;

const ATTR_SHUTDOWN: u16 = 8;
const ATTR_SKV6ONLY: u16 = 11;
const ATTR_MARK: u16 = 15;
const ATTR_CGROUP_ID: u16 = 21;

/// A request for every socket of `protocol` (an IP protocol number) in `family` whose state is in `states`, with the attributes
/// in `extensions` (`idiag_ext`, see `inet_details`).
#[must_use]
pub fn dump_request(
    family: u8,
    protocol: u8,
    states: u32,
    extensions: u8,
    sequence: u32,
) -> Vec<u8> {
    let socket_id = if family == FAMILY_INET6 {
        SocketId::new_v6()
    } else {
        SocketId::new_v4()
    };
    let request = InetRequest {
        family,
        protocol,
        extensions: ExtensionFlags::from_bits_retain(extensions),
        states: StateFlags::from_bits_retain(states),
        socket_id,
    };
    super::dump_message(SockDiagMessage::InetRequest(request), sequence)
}

/// A request for every TCP socket of both families whose state is in `states`, in one pass over the kernel's table.
///
/// `struct inet_diag_req`: family, two prefix lengths, extensions, socket id (48), states, table; the kernel's compatibility handler
/// answers it with the same records as [`dump_request`] and walks its hash once instead of twice.
#[must_use]
pub fn tcp_dump_request(states: u32, extensions: u8, sequence: u32) -> Vec<u8> {
    nlmsg::message(
        TCPDIAG_GETSOCK,
        nlmsg::DUMP,
        sequence,
        &request_body(states, extensions),
    )
}

/// `struct inet_diag_req` of a dump.
pub(super) fn request_body(states: u32, extensions: u8) -> Vec<u8> {
    let mut body = vec![FAMILY_INET, 0, 0, extensions];
    body.extend([0; 48]);
    body.extend(states.to_ne_bytes());
    body.extend([0; 4]);
    body
}

/// Makes a request ask for those sockets only that a program of [`super::bytecode`] accepts.
pub fn choose(request: &mut Vec<u8>, program: &[u8]) {
    super::bytecode::append(request, program);
}

/// `IPPROTO_MPTCP` of `linux/in.h`, which does not fit the request's eight bits.
pub const PROTOCOL_MPTCP: u32 = 262;
/// `INET_DIAG_REQ_PROTOCOL`: the protocol as a 32-bit number.
const REQUEST_PROTOCOL: u16 = 3;

/// As [`dump_request`], for a protocol whose number needs more than eight bits: it goes into an attribute behind the request. Kernels
/// before 5.10 do not read that, and answer for the protocol of the low eight bits.
#[must_use]
pub fn wide_dump_request(
    family: u8,
    protocol: u32,
    states: u32,
    extensions: u8,
    sequence: u32,
) -> Vec<u8> {
    let number = protocol.to_le_bytes()[0];
    let mut bytes = dump_request(family, number, states, extensions, sequence);
    bytes.extend(8u16.to_ne_bytes());
    bytes.extend(REQUEST_PROTOCOL.to_ne_bytes());
    bytes.extend(protocol.to_ne_bytes());
    let length = bytes.len() as u32;
    if let Some(start) = bytes.first_chunk_mut() {
        *start = length.to_ne_bytes();
    }
    bytes
}

/// `INET_DIAG_PEERS`: the addresses of the other end of an SCTP association. Endpoints have none, so this tells the two apart.
#[must_use]
pub fn is_sctp_association(payload: &[u8]) -> bool {
    const ATTR_PEERS: u16 = 13;
    Attributes::new(payload, BASE_LEN)
        .map_while(Result::ok)
        .any(|(kind, _)| kind == ATTR_PEERS)
}

/// One socket as the kernel reports it. Attributes that were not sent are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InetRecord {
    /// `AF_INET` or `AF_INET6`.
    pub family: u8,
    /// Kernel state number.
    pub state: u8,
    /// Timer number, 0 for none.
    pub timer: u8,
    /// Retransmissions or probes.
    pub retransmits: u8,
    /// Local port.
    pub sport: u16,
    /// Peer port.
    pub dport: u16,
    /// Local address, 4 or 16 bytes of it.
    pub src: [u8; 16],
    /// Peer address.
    pub dst: [u8; 16],
    /// Bound interface, 0 for none.
    pub interface: u32,
    /// Identity; `None` when the kernel gave none.
    pub cookie: Option<u64>,
    /// Milliseconds until the timer expires.
    pub expires_ms: u32,
    /// Receive queue, or accept queue length.
    pub rqueue: u32,
    /// Send queue, or accept queue limit.
    pub wqueue: u32,
    /// Owner; 0 also for sockets without a file.
    pub uid: u32,
    /// Inode, 0 for none.
    pub inode: u32,
    /// `INET_DIAG_SHUTDOWN`.
    pub shutdown: Option<u8>,
    /// `INET_DIAG_SKV6ONLY`.
    pub v6only: Option<u8>,
    /// `INET_DIAG_MARK`.
    pub mark: Option<u32>,
    /// `INET_DIAG_CGROUP_ID`.
    pub cgroup: Option<u64>,
}

impl InetRecord {
    /// Reads the payload of one answer.
    ///
    /// # Errors
    /// If it is shorter than the fixed part, or an attribute's length is impossible. An attribute that is shorter than its
    /// value counts as not sent; one that is longer is read as far as it is known.
    #[inline(always)]
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_with(payload, |_, _| {})
    }

    /// As [`InetRecord::decode`]; every attribute that is no part of the record goes to `other`, its type first.
    ///
    /// # Errors
    /// The same.
    #[inline(always)]
    pub fn decode_with<'a>(
        payload: &'a [u8],
        mut other: impl FnMut(u16, &'a [u8]),
    ) -> Result<Self, DecodeError> {
        let base: &[u8; BASE_LEN] = payload.first_chunk().ok_or(DecodeError {
            what: "inet_diag_msg",
            offset: 0,
            need: BASE_LEN,
            have: payload.len(),
        })?;
        let (mut shutdown, mut v6only, mut mark, mut cgroup) = (None, None, None, None);
        for attribute in Attributes::new(payload, BASE_LEN) {
            let (kind, data) = attribute?;
            match kind {
                ATTR_SHUTDOWN => shutdown = u8_at(data, 0),
                ATTR_SKV6ONLY => v6only = u8_at(data, 0),
                ATTR_MARK => mark = u32_at(data, 0),
                ATTR_CGROUP_ID => cgroup = u64_at(data, 0),
                // The last one, whose length may have wrapped: then the middle of a value follows, and no attribute.
                ATTR_STORAGES => break,
                _ => other(kind, data),
            }
        }
        // The chunk has the length, so none of the defaults below is ever used.
        let byte = |offset| u8_at(base, offset).unwrap_or_default();
        let word = |offset| u32_at(base, offset).unwrap_or_default();
        let cookie = u64::from(word(44)) | u64::from(word(48)) << 32;
        Ok(Self {
            family: byte(0),
            state: byte(1),
            timer: byte(2),
            retransmits: byte(3),
            sport: be16_at(base, 4).unwrap_or_default(),
            dport: be16_at(base, 6).unwrap_or_default(),
            src: array(base, 8).unwrap_or_default(),
            dst: array(base, 24).unwrap_or_default(),
            interface: word(40),
            cookie: (cookie != NO_COOKIE && cookie != 0).then_some(cookie),
            expires_ms: word(52),
            rqueue: word(56),
            wqueue: word(60),
            uid: word(64),
            inode: word(68),
            shutdown,
            v6only,
            mark,
            cgroup,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
    use netlink_packet_sock_diag::inet::InetResponse;
    use proptest::prelude::*;

    /// A TCP listener on [::]:22, not v6only, as Linux 6.18 sends it to root:
    /// `ss -tln6 -D`, with SHUTDOWN, SKV6ONLY, CGROUP_ID, SOCKOPT and MARK.
    pub(crate) fn listener() -> Vec<u8> {
        let mut bytes = vec![FAMILY_INET6, 10, 0, 0];
        bytes.extend(22u16.to_be_bytes());
        bytes.extend(0u16.to_be_bytes());
        bytes.extend([0; 32]);
        bytes.extend(2u32.to_ne_bytes());
        bytes.extend(0x1fu32.to_ne_bytes());
        bytes.extend(0x1u32.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(3u32.to_ne_bytes());
        bytes.extend(128u32.to_ne_bytes());
        bytes.extend(1000u32.to_ne_bytes());
        bytes.extend(411u32.to_ne_bytes());
        bytes.extend([5, 0, 8, 0, 0, 0, 0, 0]);
        bytes.extend([5, 0, 11, 0, 0, 0, 0, 0]);
        bytes.extend([12, 0, 21, 0]);
        bytes.extend(77u64.to_ne_bytes());
        bytes.extend([6, 0, 22, 0, 0, 1, 0, 0]);
        bytes.extend([8, 0, 15, 0]);
        bytes.extend(5u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn every_field_is_read() {
        let record = InetRecord::decode(&listener()).unwrap();
        assert_eq!((record.family, record.state), (FAMILY_INET6, 10));
        assert_eq!((record.sport, record.dport), (22, 0));
        assert_eq!(record.interface, 2);
        assert_eq!(record.cookie, Some(0x1_0000_001f));
        assert_eq!((record.rqueue, record.wqueue), (3, 128));
        assert_eq!((record.uid, record.inode), (1000, 411));
        assert_eq!((record.shutdown, record.v6only), (Some(0), Some(0)));
        assert_eq!((record.mark, record.cgroup), (Some(5), Some(77)));
    }

    #[test]
    fn a_short_attribute_is_absent_and_a_long_one_is_read() {
        let mut bytes = listener();
        bytes.truncate(BASE_LEN);
        bytes.extend([6, 0, 15, 0, 1, 1, 0, 0]);
        bytes.extend([8, 0, 8, 0, 3, 9, 9, 9]);
        let record = InetRecord::decode(&bytes).unwrap();
        assert_eq!((record.mark, record.shutdown), (None, Some(3)));
    }

    #[test]
    fn cuts_and_flips_never_panic() {
        let bytes = listener();
        for length in 0..bytes.len() {
            let _ = InetRecord::decode(&bytes[..length]);
        }
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << bit;
                let _ = InetRecord::decode(&flipped);
            }
        }
    }

    #[test]
    fn requests_ask_for_what_they_should() {
        let bytes = dump_request(FAMILY_INET6, 17, 0x3fff, 0x4e, 9);
        assert_eq!(bytes.len(), 16 + 56);
        assert_eq!(bytes[4..6], SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        assert_eq!(bytes[6..8], 0x301u16.to_ne_bytes());
        assert_eq!(bytes[16..20], [FAMILY_INET6, 17, 0x4e, 0]);
        assert_eq!(bytes[20..24], 0x3fffu32.to_ne_bytes());

        let legacy = tcp_dump_request(1 << 10, 0x40, 9);
        assert_eq!(legacy.len(), 76);
        assert_eq!(legacy[0..4], 76u32.to_ne_bytes());
        assert_eq!(legacy[16..20], [FAMILY_INET, 0, 0, 0x40]);
        assert_eq!(legacy[68..72], (1u32 << 10).to_ne_bytes());
    }

    proptest! {
        #[test]
        fn agrees_with_netlink_packet_sock_diag(
            v6 in any::<bool>(), state in 1u8..12, sport in any::<u16>(), dport in any::<u16>(),
            addresses in any::<([u8; 16], [u8; 16])>(), interface in any::<u32>(), cookie in 1u64..u64::MAX,
            words in any::<[u32; 4]>(), inode in any::<u32>(),
        ) {
            let mut bytes = vec![if v6 { FAMILY_INET6 } else { FAMILY_INET }, state, 0, 0];
            bytes.extend(sport.to_be_bytes());
            bytes.extend(dport.to_be_bytes());
            bytes.extend(addresses.0);
            bytes.extend(addresses.1);
            bytes.extend(interface.to_ne_bytes());
            bytes.extend((cookie as u32).to_ne_bytes());
            bytes.extend(((cookie >> 32) as u32).to_ne_bytes());
            for word in words {
                bytes.extend(word.to_ne_bytes());
            }
            bytes.extend(inode.to_ne_bytes());
            let ours = InetRecord::decode(&bytes).unwrap();

            let mut message = Vec::new();
            message.extend((16 + bytes.len() as u32).to_ne_bytes());
            message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
            message.extend([0; 10]);
            message.extend(&bytes);
            let parsed = NetlinkMessage::<SockDiagMessage>::deserialize(&message).unwrap();
            let NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(theirs)) = parsed.payload else {
                panic!("not a response")
            };
            let InetResponse { header, .. } = *theirs;
            prop_assert_eq!(header.state, ours.state);
            prop_assert_eq!(header.socket_id.source_port, ours.sport);
            prop_assert_eq!(header.socket_id.destination_port, ours.dport);
            prop_assert_eq!(header.socket_id.interface_id, ours.interface);
            prop_assert_eq!(u64::from_ne_bytes(header.socket_id.cookie), ours.cookie.unwrap());
            prop_assert_eq!(header.recv_queue, ours.rqueue);
            prop_assert_eq!(header.send_queue, ours.wqueue);
            prop_assert_eq!(header.uid, ours.uid);
            prop_assert_eq!(header.inode, ours.inode);
            let mut address = [0; 16];
            match header.socket_id.source_address {
                std::net::IpAddr::V4(v4) => address[..4].copy_from_slice(&v4.octets()),
                std::net::IpAddr::V6(v6) => address.copy_from_slice(&v6.octets()),
            }
            let length = if v6 { 16 } else { 4 };
            prop_assert_eq!(&address[..length], &ours.src[..length]);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = InetRecord::decode(&bytes);
        }
    }
}
