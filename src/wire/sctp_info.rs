//! What SCTP tells of an association or an endpoint: `struct sctp_info` of `linux/sctp.h` in `INET_DIAG_INFO`, and the addresses of both
//! ends, `INET_DIAG_LOCALS` and `INET_DIAG_PEERS`, filled by `net/sctp/diag.c`.
//!
//! ```text
//!    0 tag  4 state  8 rwnd  12 unackdata (2)  14 penddata (2)  16 instrms (2)  18 outstrms (2)  20 fragmentation_point
//!   24 inqueue  28 outqueue  32 overall_error  36 max_burst  40 maxseg  44 peer_rwnd  48 peer_tag
//!   52 peer_capable (1)  53 peer_sack (1)
//!   56 isacks, osacks, opackets, ipackets, rtxchunks, outofseqtsns, idupchunks, gapcnt, ouodchunks, iuodchunks, oodchunks,
//!      iodchunks, octrlchunks, ictrlchunks (8 each)
//!  168 p_address, a sockaddr_storage of 128 bytes
//!  296 p_state  300 p_cwnd  304 p_srtt  308 p_rto  312 p_hbinterval  316 p_pathmaxrxt  320 p_sackdelay  324 p_sackfreq
//!  328 p_ssthresh  332 p_partial_bytes_acked  336 p_flight_size  340 p_error (2)
//!  344 s_autoclose  348 s_adaptation_ind  352 s_pd_point  356 s_nodelay (1)  357 s_disable_fragments (1)
//!  358 s_v4mapped (1)  359 s_frag_interleave (1)  360 s_type          368 bytes in all
//! ```
//!
//! An association has all but those that begin with `s_`, an endpoint has only those: `sctp_get_sctp_info` leaves the others 0.

use super::attr::Attributes;
use super::layout::{self, Member};
use std::net::IpAddr;

/// Numbers of the structure.
pub const COUNT: usize = 51;

/// Bytes of a `struct sockaddr_storage`.
const ADDRESS_LEN: usize = 128;
const ATTR_LOCALS: u16 = 12;
const ATTR_PEERS: u16 = 13;

const fn word(name: &'static str, at: usize) -> Member {
    Member(name, at, 4, at + 4)
}

const fn half(name: &'static str, at: usize) -> Member {
    Member(name, at, 2, at + 2)
}

const fn byte(name: &'static str, at: usize) -> Member {
    Member(name, at, 1, at + 1)
}

const fn wide(name: &'static str, at: usize) -> Member {
    Member(name, at, 8, at + 8)
}

const LAYOUT: [Member; COUNT] = [
    word("tag", 0),
    word("state", 4),
    word("rwnd", 8),
    half("unackdata", 12),
    half("penddata", 14),
    half("instrms", 16),
    half("outstrms", 18),
    word("fragmentation_point", 20),
    word("inqueue", 24),
    word("outqueue", 28),
    word("overall_error", 32),
    word("max_burst", 36),
    word("maxseg", 40),
    word("peer_rwnd", 44),
    word("peer_tag", 48),
    byte("peer_capable", 52),
    byte("peer_sack", 53),
    wide("isacks", 56),
    wide("osacks", 64),
    wide("opackets", 72),
    wide("ipackets", 80),
    wide("rtxchunks", 88),
    wide("outofseqtsns", 96),
    wide("idupchunks", 104),
    wide("gapcnt", 112),
    wide("ouodchunks", 120),
    wide("iuodchunks", 128),
    wide("oodchunks", 136),
    wide("iodchunks", 144),
    wide("octrlchunks", 152),
    wide("ictrlchunks", 160),
    word("p_state", 296),
    word("p_cwnd", 300),
    word("p_srtt", 304),
    word("p_rto", 308),
    word("p_hbinterval", 312),
    word("p_pathmaxrxt", 316),
    word("p_sackdelay", 320),
    word("p_sackfreq", 324),
    word("p_ssthresh", 328),
    word("p_partial_bytes_acked", 332),
    word("p_flight_size", 336),
    half("p_error", 340),
    word("s_autoclose", 344),
    word("s_adaptation_ind", 348),
    word("s_pd_point", 352),
    byte("s_nodelay", 356),
    byte("s_disable_fragments", 357),
    byte("s_v4mapped", 358),
    byte("s_frag_interleave", 359),
    word("s_type", 360),
];

/// The names of the members without their prefix.
pub fn names() -> impl Iterator<Item = &'static str> {
    LAYOUT.iter().map(|member| member.0)
}

/// The values in the order of [`names`], and a bit for each that was sent.
#[must_use]
pub fn decode(data: &[u8]) -> ([u64; COUNT], u64) {
    layout::decode(data, &LAYOUT)
}

/// The address and the port of the primary path; `None` if there is none.
#[must_use]
pub fn primary(data: &[u8]) -> Option<(IpAddr, u16)> {
    layout::socket_address(data.get(168..)?)
}

/// The addresses of both ends in the payload of an answer whose fixed part takes `base` bytes.
#[must_use]
pub fn addresses(payload: &[u8], base: usize) -> (Vec<IpAddr>, Vec<IpAddr>) {
    let mut ends = (Vec::new(), Vec::new());
    for (kind, data) in Attributes::new(payload, base).map_while(Result::ok) {
        let end = match kind {
            ATTR_LOCALS => &mut ends.0,
            ATTR_PEERS => &mut ends.1,
            _ => continue,
        };
        let each = data.chunks_exact(ADDRESS_LEN);
        end.extend(each.filter_map(|one| layout::socket_address(one).map(|(ip, _)| ip)));
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `sockaddr_storage` of either family.
    fn storage(address: &str, port: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        match address.parse().unwrap() {
            IpAddr::V4(v4) => {
                bytes.extend(2u16.to_ne_bytes());
                bytes.extend(port.to_be_bytes());
                bytes.extend(v4.octets());
            }
            IpAddr::V6(v6) => {
                bytes.extend(10u16.to_ne_bytes());
                bytes.extend(port.to_be_bytes());
                bytes.extend([0; 4]);
                bytes.extend(v6.octets());
            }
        }
        bytes.resize(ADDRESS_LEN, 0);
        bytes
    }

    fn info() -> Vec<u8> {
        let mut bytes = vec![0xee; 368];
        for (n, Member(_, at, width, _)) in LAYOUT.iter().enumerate() {
            let value = (n as u64 + 1).to_ne_bytes();
            let part = if cfg!(target_endian = "big") {
                &value[8 - width..]
            } else {
                &value[..*width]
            };
            bytes[*at..at + width].copy_from_slice(part);
        }
        bytes[168..296].copy_from_slice(&storage("2001:db8::7", 36412));
        bytes
    }

    #[test]
    fn every_member_is_read_though_this_kernel_has_no_sctp() {
        let (values, sent) = decode(&info());
        assert_eq!(sent, (1 << COUNT) - 1);
        let expected: Vec<u64> = (1..=COUNT as u64).collect();
        assert_eq!(values[..], expected);
        assert_eq!(
            primary(&info()),
            Some(("2001:db8::7".parse().unwrap(), 36412))
        );
    }

    #[test]
    fn members_do_not_overlap_and_leave_only_what_is_reserved() {
        let mut owner = [0u8; 368];
        for Member(_, at, width, _) in &LAYOUT {
            for byte in &mut owner[*at..at + width] {
                assert_eq!(*byte, 0);
                *byte = 1;
            }
        }
        owner[168..296].fill(1);
        let free: Vec<_> = (0..368).filter(|&n| owner[n] == 0).collect();
        assert_eq!(free, [54, 55, 342, 343, 364, 365, 366, 367]);
    }

    #[test]
    fn a_short_structure_lacks_its_end_and_cuts_never_panic() {
        for length in 0..=368 {
            let cut = &info()[..length];
            let (_, sent) = decode(cut);
            assert!(length >= 364 || sent >> (COUNT - 1) == 0);
            let _ = primary(cut);
        }
    }

    #[test]
    fn addresses_of_both_ends_are_read_though_this_kernel_has_no_sctp() {
        let mut payload = vec![0; 8];
        for (kind, ends) in [
            (ATTR_LOCALS, ["10.0.0.1", "2001:db8::1"]),
            (ATTR_PEERS, ["10.0.0.2", "::"]),
        ] {
            payload.extend((4u16 + 256).to_ne_bytes());
            payload.extend(kind.to_ne_bytes());
            payload.extend(ends.map(|end| storage(end, 9)).concat());
        }
        let (locals, peers) = addresses(&payload, 8);
        let text = |ends: &[IpAddr]| ends.iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(text(&locals), ["10.0.0.1", "2001:db8::1"]);
        assert_eq!(text(&peers), ["10.0.0.2", "::"]);
        for length in 0..payload.len() {
            let _ = addresses(&payload[..length], 8);
        }
        // Storage of no family is no address.
        payload.truncate(12);
        payload.extend([0; 256]);
        assert_eq!(addresses(&payload, 8).0, [] as [IpAddr; 0]);
    }
}
