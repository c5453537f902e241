//! An MPTCP socket's own counters: `struct mptcp_info` of `linux/mptcp.h`, which `INET_DIAG_INFO` holds in a dump of protocol 262.
//!
//! ```text
//!   0 subflows  1 add_addr_signal  2 add_addr_accepted  3 subflows_max  4 add_addr_signal_max  5 add_addr_accepted_max
//!   8 flags  12 token  16 write_seq (8)  24 snd_una (8)  32 rcv_nxt (8)                            Linux 5.9: 40 bytes
//!  40 local_addr_used  41 local_addr_max                                                           Linux 5.12: 48
//!  42 csum_enabled                                                                                 Linux 5.14: 48
//!  44 retransmits  48 bytes_retrans (8)  56 bytes_sent (8)  64 bytes_received (8)  72 bytes_acked  Linux 6.5: 80
//!  80 subflows_total                                                                               Linux 6.8: 88
//!  84 last_data_sent  88 last_data_recv  92 last_ack_recv, milliseconds                            Linux 6.10: 96
//!  81 endp_laminar_max  82 endp_fullmesh_max, 0 before                                             Linux 6.18, 7.0
//! ```
//!
//! Where the compiler filled up a shorter structure, what came later is not taken from that filling.

use super::layout::{self, Member};

/// Members of the structure.
pub const COUNT: usize = 25;

const LAYOUT: [Member; COUNT] = [
    Member("subflows", 0, 1, 40),
    Member("add_addr_signal", 1, 1, 40),
    Member("add_addr_accepted", 2, 1, 40),
    Member("subflows_max", 3, 1, 40),
    Member("add_addr_signal_max", 4, 1, 40),
    Member("add_addr_accepted_max", 5, 1, 40),
    Member("flags", 8, 4, 40),
    Member("token", 12, 4, 40),
    Member("write_seq", 16, 8, 40),
    Member("snd_una", 24, 8, 40),
    Member("rcv_nxt", 32, 8, 40),
    Member("local_addr_used", 40, 1, 48),
    Member("local_addr_max", 41, 1, 48),
    Member("csum_enabled", 42, 1, 48),
    Member("retransmits", 44, 4, 80),
    Member("bytes_retrans", 48, 8, 80),
    Member("bytes_sent", 56, 8, 80),
    Member("bytes_received", 64, 8, 80),
    Member("bytes_acked", 72, 8, 80),
    Member("subflows_total", 80, 1, 88),
    Member("endp_laminar_max", 81, 1, 96),
    Member("endp_fullmesh_max", 82, 1, 96),
    Member("last_data_sent", 84, 4, 96),
    Member("last_data_recv", 88, 4, 96),
    Member("last_ack_recv", 92, 4, 96),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The structure of Linux 7.0, each byte of a member its place among the members.
    fn newest() -> Vec<u8> {
        let mut bytes = vec![0xee; 96];
        for (n, Member(_, at, width, _)) in LAYOUT.iter().enumerate() {
            let value = (n as u64 + 1).to_ne_bytes();
            let part = if cfg!(target_endian = "big") {
                &value[8 - width..]
            } else {
                &value[..*width]
            };
            bytes[*at..at + width].copy_from_slice(part);
        }
        bytes
    }

    #[test]
    fn every_member_of_the_newest_header_is_read() {
        let (values, sent) = decode(&newest());
        assert_eq!(sent, (1 << COUNT) - 1);
        let expected: Vec<u64> = (1..=COUNT as u64).collect();
        assert_eq!(values[..], expected);
    }

    #[test]
    fn structures_of_older_kernels_lack_what_came_later() {
        let last = |length: usize| {
            let (_, sent) = decode(&newest()[..length]);
            let known: Vec<_> = names()
                .enumerate()
                .filter(|(n, _)| sent >> n & 1 == 1)
                .collect();
            known.last().map(|(_, name)| *name)
        };
        assert_eq!(last(40), Some("rcv_nxt"));
        assert_eq!(last(48), Some("csum_enabled"));
        assert_eq!(last(80), Some("bytes_acked"));
        assert_eq!(last(88), Some("subflows_total"));
        assert_eq!(last(96), Some("last_ack_recv"));
        assert_eq!(last(39), None);
        let mut longer = newest();
        longer.extend([1; 40]);
        assert_eq!(decode(&longer), decode(&newest()));
    }
}
