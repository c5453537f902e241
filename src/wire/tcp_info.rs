//! TCP's counters: `struct tcp_info` of `linux/tcp.h`, in `INET_DIAG_INFO` and from `getsockopt(TCP_INFO)`.
//!
//! ```text
//!   0 state 1 ca_state 2 retransmits 3 probes 4 backoff 5 options
//!   6 snd_wscale:4 rcv_wscale:4   7 delivery_rate_app_limited:1 fastopen_client_fail:2
//!   8 rto  12 ato  16 snd_mss  20 rcv_mss
//!  24 unacked  28 sacked  32 lost  36 retrans  40 fackets
//!  44 last_data_sent  48 last_ack_sent  52 last_data_recv  56 last_ack_recv
//!  60 pmtu  64 rcv_ssthresh  68 rtt  72 rttvar  76 snd_ssthresh  80 snd_cwnd  84 advmss  88 reordering
//!  92 rcv_rtt  96 rcv_space  100 total_retrans                                          Linux 2.6.14
//! 104 pacing_rate (8)  112 max_pacing_rate (8)                                                 3.15
//! 120 bytes_acked (8)  128 bytes_received (8)                                                  4.1
//! 136 segs_out  140 segs_in  144 notsent_bytes  148 min_rtt  152 data_segs_in  156 data_segs_out 4.2 to 4.6
//! 160 delivery_rate (8)                                                                        4.9
//! 168 busy_time (8)  176 rwnd_limited (8)  184 sndbuf_limited (8)                              4.10
//! 192 delivered  196 delivered_ce                                                              4.18
//! 200 bytes_sent (8)  208 bytes_retrans (8)  216 dsack_dups  220 reord_seen                    4.19
//! 224 rcv_ooopack  228 snd_wnd                                                                 5.4
//! 232 rcv_wnd  236 rehash                                                                      6.2
//! 240 total_rto (2)  242 total_rto_recoveries (2)  244 total_rto_time                          6.7
//! 248 received_ce  252 delivered_e1_bytes  256 delivered_e0_bytes  260 delivered_ce_bytes
//! 264 received_e1_bytes  268 received_e0_bytes  272 received_ce_bytes                          6.18
//! 276 accecn_fail_mode (2)  278 accecn_opt_seen (2)                                            6.18, 6.19
//! 276 ecn_mode:2 accecn_opt_seen:2 accecn_fail_mode:4 options2:24                              7.0
//! ```
//!
//! The kernel sends as much as it knows: a shorter structure lacks the fields at its end, a longer one has fields that are not
//! known here. Bits that came into an old hole count from the length of the kernel that brought them.

use super::bytes::{u8_at, u16_at, u32_at, u64_at};

/// How many fields there are.
pub const COUNT: usize = 72;
/// How many of them have 64 bits.
pub const LONGS: usize = 10;
/// How many have fewer, 32 at most.
pub const WORDS: usize = COUNT - LONGS;

/// Length of the structure with every field that is known here.
pub const LEN: usize = 280;

/// The fields in the order of the header, without `tcpi_`.
pub const NAMES: [&str; COUNT] = [
    "state",
    "ca_state",
    "retransmits",
    "probes",
    "backoff",
    "options",
    "snd_wscale",
    "rcv_wscale",
    "delivery_rate_app_limited",
    "fastopen_client_fail",
    "rto",
    "ato",
    "snd_mss",
    "rcv_mss",
    "unacked",
    "sacked",
    "lost",
    "retrans",
    "fackets",
    "last_data_sent",
    "last_ack_sent",
    "last_data_recv",
    "last_ack_recv",
    "pmtu",
    "rcv_ssthresh",
    "rtt",
    "rttvar",
    "snd_ssthresh",
    "snd_cwnd",
    "advmss",
    "reordering",
    "rcv_rtt",
    "rcv_space",
    "total_retrans",
    "pacing_rate",
    "max_pacing_rate",
    "bytes_acked",
    "bytes_received",
    "segs_out",
    "segs_in",
    "notsent_bytes",
    "min_rtt",
    "data_segs_in",
    "data_segs_out",
    "delivery_rate",
    "busy_time",
    "rwnd_limited",
    "sndbuf_limited",
    "delivered",
    "delivered_ce",
    "bytes_sent",
    "bytes_retrans",
    "dsack_dups",
    "reord_seen",
    "rcv_ooopack",
    "snd_wnd",
    "rcv_wnd",
    "rehash",
    "total_rto",
    "total_rto_recoveries",
    "total_rto_time",
    "received_ce",
    "delivered_e1_bytes",
    "delivered_e0_bytes",
    "delivered_ce_bytes",
    "received_e1_bytes",
    "received_e0_bytes",
    "received_ce_bytes",
    "ecn_mode",
    "accecn_opt_seen",
    "accecn_fail_mode",
    "options2",
];

/// How the last word is laid out, which its length does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWord {
    /// Two halves: Linux 6.18 and 6.19.
    Halves,
    /// Bit fields: Linux 7.0 and later.
    Bits,
    /// The kernel that sent it is not known; what both layouts agree on is read.
    Unsure,
}

impl LastWord {
    /// As a kernel of this release has it, if it has it at all.
    #[must_use]
    pub const fn of_release(release: (u32, u32)) -> Self {
        match release {
            (7.., _) => Self::Bits,
            (6, 18..) => Self::Halves,
            _ => Self::Unsure,
        }
    }
}

/// Where a field is.
#[derive(Clone, Copy)]
enum Place {
    Byte(usize),
    /// So many bits of a byte from this bit on, as C counts them.
    Bits(usize, u32, u32),
    Half(usize),
    Word(usize),
    Long(usize),
}
use Place::{Bits, Byte, Half, Long, Word};

/// Where each of [`NAMES`] is, without those in the last word.
const PLACES: [Place; COUNT - LAST] = [
    Byte(0),
    Byte(1),
    Byte(2),
    Byte(3),
    Byte(4),
    Byte(5),
    Bits(6, 0, 4),
    Bits(6, 4, 4),
    Bits(7, 0, 1),
    Bits(7, 1, 2),
    Word(8),
    Word(12),
    Word(16),
    Word(20),
    Word(24),
    Word(28),
    Word(32),
    Word(36),
    Word(40),
    Word(44),
    Word(48),
    Word(52),
    Word(56),
    Word(60),
    Word(64),
    Word(68),
    Word(72),
    Word(76),
    Word(80),
    Word(84),
    Word(88),
    Word(92),
    Word(96),
    Word(100),
    Long(104),
    Long(112),
    Long(120),
    Long(128),
    Word(136),
    Word(140),
    Word(144),
    Word(148),
    Word(152),
    Word(156),
    Long(160),
    Long(168),
    Long(176),
    Long(184),
    Word(192),
    Word(196),
    Long(200),
    Long(208),
    Word(216),
    Word(220),
    Word(224),
    Word(228),
    Word(232),
    Word(236),
    Half(240),
    Half(242),
    Word(244),
    Word(248),
    Word(252),
    Word(256),
    Word(260),
    Word(264),
    Word(268),
    Word(272),
];

/// Whether a field, by its place in [`NAMES`], has 64 bits.
#[must_use]
pub fn is_long(n: usize) -> bool {
    matches!(PLACES.get(n), Some(Long(_)))
}

/// The fields in the last word.
const LAST: usize = 4;
const LAST_WORD: usize = 276;

/// A length that only kernels have whose structure has `delivery_rate_app_limited`, and one for `fastopen_client_fail`.
const APP_LIMITED_SINCE: usize = 168;
const FASTOPEN_SINCE: usize = 232;
const APP_LIMITED: usize = 8;
const FASTOPEN: usize = 9;
/// `tcpi_last_ack_sent`, of which the header says that it is not remembered.
const NEVER_SENT: usize = 20;

/// Reads as much of `bytes` as there is to the places of their values, those of 64 bits apart from the others, in the order of [`NAMES`]; what
/// lies behind the end of `bytes` becomes 0. Returns a bit for each that was sent, the lowest for the first name.
#[inline]
pub fn decode(
    words: &mut [u32; WORDS],
    longs: &mut [u64; LONGS],
    bytes: &[u8],
    last: LastWord,
) -> u128 {
    let mut known = match bytes.first_chunk() {
        Some(whole) => {
            (*words, *longs) = read_whole(whole);
            (1 << (COUNT - LAST)) - 1
        }
        None => read_part(words, longs, bytes),
    };
    if bytes.len() < FASTOPEN_SINCE {
        known &= !(1 << FASTOPEN);
    }
    if bytes.len() < APP_LIMITED_SINCE {
        known &= !(1 << APP_LIMITED);
    }
    known &= !(1 << NEVER_SENT);
    if let (Some(word), Some(places)) = (u32_at(bytes, LAST_WORD), words.last_chunk_mut()) {
        known |= last_word(places, word, bytes, last);
    }
    known
}

fn read_part(words: &mut [u32; WORDS], longs: &mut [u64; LONGS], bytes: &[u8]) -> u128 {
    let mut known = 0;
    (*words, *longs) = ([0; WORDS], [0; LONGS]);
    let (mut words, mut longs) = (words.iter_mut(), longs.iter_mut());
    for (n, place) in PLACES.into_iter().enumerate() {
        let is_there = match place {
            Long(at) => put(longs.next(), u64_at(bytes, at)),
            Word(at) => put(words.next(), u32_at(bytes, at)),
            Half(at) => put(words.next(), u16_at(bytes, at).map(u32::from)),
            Byte(at) => put(words.next(), u8_at(bytes, at).map(u32::from)),
            Bits(at, from, count) => {
                let field = u8_at(bytes, at).map(|byte| bits(byte.into(), 8, from, count));
                put(words.next(), field)
            }
        };
        known |= u128::from(is_there) << n;
    }
    known
}

/// Puts a value, if there is one, into its place.
fn put<T>(place: Option<&mut T>, value: Option<T>) -> bool {
    let (Some(place), Some(value)) = (place, value) else {
        return false;
    };
    *place = value;
    true
}

fn last_word(places: &mut [u32; LAST], word: u32, bytes: &[u8], layout: LastWord) -> u128 {
    let field = |from, count| bits(word, 32, from, count);
    let in_bits = [field(0, 2), field(2, 2), field(4, 4), field(8, 24)].map(Some);
    let half = |at| u16_at(bytes, at).map(u32::from);
    let in_halves = [None, half(LAST_WORD + 2), half(LAST_WORD), None];
    let both = match layout {
        LastWord::Bits => in_bits,
        LastWord::Halves => in_halves,
        LastWord::Unsure => {
            let mut agreed = in_bits;
            for (slot, other) in agreed.iter_mut().zip(in_halves) {
                if *slot != other {
                    *slot = None;
                }
            }
            agreed
        }
    };
    let mut known = 0;
    for (n, (place, value)) in places.iter_mut().zip(both).enumerate() {
        known |= u128::from(put(Some(place), value)) << (COUNT - LAST + n);
    }
    known
}

/// The fields of a whole structure but those in the last word, which are 0. As its length is known beforehand, neighbours are moved
/// several at a time; a test holds it to [`PLACES`].
#[inline]
fn read_whole(bytes: &[u8; LEN]) -> ([u32; WORDS], [u64; LONGS]) {
    let byte = |at| u8_at(bytes, at).map_or(0, u32::from);
    let field =
        |at, from, count| u8_at(bytes, at).map_or(0, |byte| bits(byte.into(), 8, from, count));
    let half = |at| u16_at(bytes, at).map_or(0, u32::from);
    let word = |at| u32_at(bytes, at).unwrap_or_default();
    let long = |at| u64_at(bytes, at).unwrap_or_default();
    let words = [
        byte(0),
        byte(1),
        byte(2),
        byte(3),
        byte(4),
        byte(5),
        field(6, 0, 4),
        field(6, 4, 4),
        field(7, 0, 1),
        field(7, 1, 2),
        word(8),
        word(12),
        word(16),
        word(20),
        word(24),
        word(28),
        word(32),
        word(36),
        word(40),
        word(44),
        word(48),
        word(52),
        word(56),
        word(60),
        word(64),
        word(68),
        word(72),
        word(76),
        word(80),
        word(84),
        word(88),
        word(92),
        word(96),
        word(100),
        word(136),
        word(140),
        word(144),
        word(148),
        word(152),
        word(156),
        word(192),
        word(196),
        word(216),
        word(220),
        word(224),
        word(228),
        word(232),
        word(236),
        half(240),
        half(242),
        word(244),
        word(248),
        word(252),
        word(256),
        word(260),
        word(264),
        word(268),
        word(272),
        0,
        0,
        0,
        0,
    ];
    let longs = [
        long(104),
        long(112),
        long(120),
        long(128),
        long(160),
        long(168),
        long(176),
        long(184),
        long(200),
        long(208),
    ];
    (words, longs)
}

/// A bit field as the compiler of the kernel lays it out: from the lowest bit on, on big-endian machines from the highest.
const fn bits(word: u32, width: u32, from: u32, count: u32) -> u32 {
    let shift = if cfg!(target_endian = "big") {
        width - from - count
    } else {
        from
    };
    (word >> shift) & ((1 << count) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq)]
    struct TcpInfo {
        values: [u64; COUNT],
        known: u128,
    }

    impl TcpInfo {
        fn decode(bytes: &[u8], last: LastWord) -> Self {
            let (mut words, mut longs) = ([7; WORDS], [7; LONGS]);
            let known = decode(&mut words, &mut longs, bytes, last);
            let (mut words, mut longs) = (words.into_iter(), longs.into_iter());
            let values = std::array::from_fn(|n| match is_long(n) {
                true => longs.next().unwrap(),
                false => words.next().unwrap().into(),
            });
            Self { values, known }
        }
    }

    /// A structure of Linux 7.0 in which every byte differs from its neighbours.
    fn whole() -> Vec<u8> {
        (0..LEN).map(|n| (n * 7 + 3) as u8).collect()
    }

    fn value(info: &TcpInfo, name: &str) -> Option<u64> {
        let place = NAMES.iter().position(|n| *n == name).unwrap();
        (info.known >> place & 1 == 1).then_some(info.values[place])
    }

    #[test]
    fn fields_are_where_the_header_has_them() {
        let bytes = whole();
        let info = TcpInfo::decode(&bytes, LastWord::Bits);
        let word = |at| u32_at(&bytes, at).map(u64::from);
        assert_eq!(value(&info, "state"), Some(3));
        assert_eq!(value(&info, "options"), Some(38));
        assert_eq!(value(&info, "snd_wscale"), Some(45 & 15));
        assert_eq!(value(&info, "rcv_wscale"), Some(45 >> 4));
        assert_eq!(value(&info, "delivery_rate_app_limited"), Some(52 & 1));
        assert_eq!(value(&info, "fastopen_client_fail"), Some(52 >> 1 & 3));
        assert_eq!(value(&info, "rto"), word(8));
        assert_eq!(value(&info, "rtt"), word(68));
        assert_eq!(value(&info, "total_retrans"), word(100));
        assert_eq!(value(&info, "pacing_rate"), u64_at(&bytes, 104));
        assert_eq!(value(&info, "min_rtt"), word(148));
        assert_eq!(value(&info, "delivery_rate"), u64_at(&bytes, 160));
        assert_eq!(value(&info, "sndbuf_limited"), u64_at(&bytes, 184));
        assert_eq!(value(&info, "bytes_retrans"), u64_at(&bytes, 208));
        assert_eq!(value(&info, "snd_wnd"), word(228));
        assert_eq!(
            value(&info, "total_rto_recoveries"),
            u16_at(&bytes, 242).map(u64::from)
        );
        assert_eq!(value(&info, "received_ce"), word(248));
        assert_eq!(value(&info, "received_ce_bytes"), word(272));
        assert_eq!(
            value(&info, "last_ack_sent"),
            None,
            "no kernel remembers it"
        );
        // 276 * 7 + 3 = 0x8f in the lowest byte: mode 3, seen 3, failures 8.
        assert_eq!(value(&info, "ecn_mode"), Some(3));
        assert_eq!(value(&info, "accecn_opt_seen"), Some(3));
        assert_eq!(value(&info, "accecn_fail_mode"), Some(8));
        assert_eq!(value(&info, "options2"), word(276).map(|w| w >> 8));
    }

    #[test]
    fn a_whole_structure_is_read_like_one_that_is_not() {
        let bytes = whole();
        let (mut words, mut longs) = ([0; WORDS], [0; LONGS]);
        let known = read_part(&mut words, &mut longs, &bytes);
        assert_eq!(read_whole(bytes.first_chunk().unwrap()), (words, longs));
        assert_eq!(known, (1 << (COUNT - LAST)) - 1);
    }

    #[test]
    fn the_last_word_depends_on_the_kernel() {
        let mut bytes = whole();
        bytes[276..].copy_from_slice(&[4, 0, 2, 0]);
        let old = TcpInfo::decode(&bytes, LastWord::Halves);
        assert_eq!(value(&old, "accecn_fail_mode"), Some(4));
        assert_eq!(value(&old, "accecn_opt_seen"), Some(2));
        assert_eq!(
            (value(&old, "ecn_mode"), value(&old, "options2")),
            (None, None)
        );
        let unsure = TcpInfo::decode(&bytes, LastWord::Unsure);
        assert_eq!(value(&unsure, "accecn_fail_mode"), None);
        bytes[276..].fill(0);
        let unsure = TcpInfo::decode(&bytes, LastWord::Unsure);
        assert_eq!(value(&unsure, "accecn_fail_mode"), Some(0));
        assert_eq!(value(&unsure, "ecn_mode"), None);
        for (release, layout) in [
            ((6, 18), LastWord::Halves),
            ((6, 19), LastWord::Halves),
            ((7, 0), LastWord::Bits),
            ((12, 1), LastWord::Bits),
            ((5, 10), LastWord::Unsure),
        ] {
            assert_eq!(LastWord::of_release(release), layout, "{release:?}");
        }
    }

    #[test]
    fn a_short_structure_lacks_its_end_and_a_long_one_is_read_as_far_as_known() {
        let bytes = whole();
        let full = TcpInfo::decode(&bytes, LastWord::Bits);
        for length in 0..bytes.len() {
            let info = TcpInfo::decode(&bytes[..length], LastWord::Bits);
            assert_eq!(info.known & !full.known, 0);
            for (n, value) in info.values.iter().enumerate() {
                // Holes may have anything in them.
                let is_hole = [APP_LIMITED, FASTOPEN, NEVER_SENT].contains(&n);
                let is_known = info.known >> n & 1 == 1;
                let expected = if is_known { full.values[n] } else { 0 };
                assert!(*value == expected || is_hole, "{}", NAMES[n]);
            }
        }
        // Linux 4.1 (136 bytes), 5.4 (232), 6.7 (248).
        let of = |length: usize| TcpInfo::decode(&bytes[..length], LastWord::Bits);
        assert_eq!(value(&of(136), "bytes_received"), full.values[37].into());
        assert_eq!(value(&of(136), "segs_out"), None);
        assert_eq!(value(&of(136), "delivery_rate_app_limited"), None);
        assert_eq!(value(&of(231), "fastopen_client_fail"), None);
        assert!(value(&of(232), "fastopen_client_fail").is_some());
        assert_eq!(value(&of(248), "received_ce"), None);
        let mut long = bytes.clone();
        long.extend([0xff; 40]);
        assert_eq!(TcpInfo::decode(&long, LastWord::Bits), full);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for last in [LastWord::Bits, LastWord::Halves, LastWord::Unsure] {
                let info = TcpInfo::decode(&bytes, last);
                prop_assert_eq!(info.known >> COUNT, 0);
            }
        }
    }
}
