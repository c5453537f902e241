//! Attributes of `linux/inet_diag.h` that are sent on demand, beside the socket itself.
//!
//! ```text
//!  attribute       bit in idiag_ext   holds
//!   1 MEMINFO      0                  struct inet_diag_meminfo: rmem, wmem, fmem, tmem (4 bytes each); not asked for, as 7 has more
//!   2 INFO         1                  the protocol's own structure; with it ULP_INFO and MD5SIG
//!   3 VEGASINFO    2                  struct tcpvegas_info: enabled, rttcnt, rtt, minrtt (4 bytes each)
//!   9 DCTCPINFO    2                  struct tcp_dctcp_info: enabled (2), ce_state (2), alpha, ab_ecn, ab_tot
//!  16 BBRINFO      2                  struct tcp_bbr_info: bw_lo, bw_hi, min_rtt, pacing_gain, cwnd_gain
//!   4 CONG         3                  name, with its NUL
//!   5 TOS          4                  1 byte
//!   6 TCLASS       5                  1 byte, for IPv6 only
//!  17 CLASS_ID     5                  4 bytes
//!   7 SKMEMINFO    6                  nine words of SK_MEMINFO_*, linux/sock_diag.h; eight before Linux 4.7
//!  18 MD5SIG       (INFO)             struct tcp_diag_md5sig, 100 bytes each, to CAP_NET_ADMIN
//!  19 ULP_INFO     (INFO)             nested: 1 NAME, 2 TLS (nested), 3 MPTCP (nested)
//!  22 SOCKOPT      always             struct inet_diag_sockopt: 11 bits in 2 bytes
//! ```

use super::attr::Attributes;
use super::bpf_storage::ATTR_STORAGES;
use super::bytes::{array, u8_at, u16_at, u32_at, u64_at};

/// Bits of `idiag_ext` for everything about TCP: INFO, the congestion control's block, its name.
pub const EXT_INFO: u8 = 1 << 1 | 1 << 2 | 1 << 3;
/// Bit of `idiag_ext` for the name of the congestion control.
pub const EXT_CONG: u8 = 1 << 3;
/// Bits of `idiag_ext` for the type of service, the traffic class and the class id.
pub const EXT_TOS: u8 = 1 << 4 | 1 << 5;
/// Bit of `idiag_ext` for buffers and drops.
pub const EXT_SKMEMINFO: u8 = 1 << 6;

/// Words of `SK_MEMINFO_*`.
pub const SKMEMINFO_WORDS: usize = 9;

/// The attributes of one message, not yet decoded. Those that were not sent are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InetDetails<'a> {
    /// `INET_DIAG_INFO`.
    pub info: Option<&'a [u8]>,
    /// `INET_DIAG_VEGASINFO`.
    pub vegas: Option<&'a [u8]>,
    /// `INET_DIAG_DCTCPINFO`.
    pub dctcp: Option<&'a [u8]>,
    /// `INET_DIAG_BBRINFO`.
    pub bbr: Option<&'a [u8]>,
    /// `INET_DIAG_CONG`.
    pub congestion: Option<&'a [u8]>,
    /// `INET_DIAG_TOS`.
    pub tos: Option<u8>,
    /// `INET_DIAG_TCLASS`.
    pub tclass: Option<u8>,
    /// `INET_DIAG_CLASS_ID`.
    pub class_id: Option<u32>,
    /// `INET_DIAG_MEMINFO`: in dumps of those who asked for it.
    pub meminfo: Option<&'a [u8]>,
    /// `INET_DIAG_SKMEMINFO`.
    pub memory: Option<&'a [u8]>,
    /// `INET_DIAG_MD5SIG`.
    pub md5: Option<&'a [u8]>,
    /// `INET_DIAG_ULP_INFO`.
    pub ulp: Option<&'a [u8]>,
    /// `INET_DIAG_SOCKOPT`: bits in the order of the header.
    pub socket_options: Option<u16>,
    /// `INET_DIAG_SK_BPF_STORAGES`, of an answer that was split by [`super::bpf_storage::split`].
    pub storages: Option<&'a [u8]>,
}

impl<'a> InetDetails<'a> {
    /// Finds the attributes in the payload of an answer, whose fixed part takes `base` bytes; stops where they make no sense.
    #[must_use]
    pub fn find(payload: &'a [u8], base: usize) -> Self {
        let mut found = Self::default();
        for (kind, data) in Attributes::new(payload, base).map_while(Result::ok) {
            // What follows may be the middle of a value.
            if kind == ATTR_STORAGES {
                break;
            }
            found.add(kind, data);
        }
        found
    }

    /// Takes note of an attribute, if it is one of these.
    #[inline]
    pub fn add(&mut self, kind: u16, data: &'a [u8]) {
        match kind {
            1 => self.meminfo = Some(data),
            2 => self.info = Some(data),
            3 => self.vegas = Some(data),
            4 => self.congestion = Some(data),
            5 => self.tos = u8_at(data, 0),
            6 => self.tclass = u8_at(data, 0),
            7 => self.memory = Some(data),
            9 => self.dctcp = Some(data),
            16 => self.bbr = Some(data),
            17 => self.class_id = u32_at(data, 0),
            18 => self.md5 = Some(data),
            19 => self.ulp = Some(data),
            22 => self.socket_options = sockopt_bits(data),
            _ => {}
        }
    }
}

/// The bits of `struct inet_diag_sockopt`, its first field lowest.
fn sockopt_bits(data: &[u8]) -> Option<u16> {
    let in_order = |byte: u8| {
        if cfg!(target_endian = "big") {
            byte.reverse_bits()
        } else {
            byte
        }
    };
    // Linux 5.10 began with one byte.
    let first = u16::from(in_order(u8_at(data, 0)?));
    let second = u8_at(data, 1).map_or(0, |byte| u16::from(in_order(byte)));
    Some(first | (second & 7) << 8)
}

/// The words of `SK_MEMINFO_*`, and how many were sent.
#[must_use]
pub fn skmeminfo(data: &[u8]) -> ([u32; SKMEMINFO_WORDS], u8) {
    let mut words = [0; SKMEMINFO_WORDS];
    let mut sent = 0;
    for (n, slot) in words.iter_mut().enumerate() {
        let Some(word) = u32_at(data, n * 4) else {
            break;
        };
        *slot = word;
        sent += 1;
    }
    (words, sent)
}

/// `struct inet_diag_meminfo`: data that waits to be read, the send queue, what is reserved, and what was given to the network.
#[must_use]
pub fn meminfo(data: &[u8]) -> Option<[u32; 4]> {
    let [rmem, wmem, fmem, tmem] = [0, 4, 8, 12].map(|at| u32_at(data, at));
    Some([rmem?, wmem?, fmem?, tmem?])
}

/// `struct tcp_bbr_info`: bandwidth in bytes a second, smallest round-trip time in µs, two gains in 256ths.
#[must_use]
pub fn bbr(data: &[u8]) -> (Option<u64>, [Option<u32>; 3]) {
    let bandwidth = u32_at(data, 0)
        .zip(u32_at(data, 4))
        .map(|(low, high)| u64::from(low) | u64::from(high) << 32);
    (bandwidth, [8, 12, 16].map(|at| u32_at(data, at)))
}

/// `struct tcp_dctcp_info`: enabled and ce_state, then alpha, ab_ecn and ab_tot.
#[must_use]
pub fn dctcp(data: &[u8]) -> ([Option<u16>; 2], [Option<u32>; 3]) {
    (
        [0, 2].map(|at| u16_at(data, at)),
        [4, 8, 12].map(|at| u32_at(data, at)),
    )
}

/// `struct tcpvegas_info`: enabled, rttcnt, rtt and minrtt in µs.
#[must_use]
pub fn vegas(data: &[u8]) -> [Option<u32>; 4] {
    [0, 4, 8, 12].map(|at| u32_at(data, at))
}

/// One `struct tcp_diag_md5sig`; the key is left where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Md5Sig {
    /// `AF_INET` or `AF_INET6`.
    pub family: u8,
    /// Length of the prefix.
    pub prefix_length: u8,
    /// Bytes of the key.
    pub key_length: u16,
    /// The address, 4 or 16 bytes of it.
    pub address: [u8; 16],
}

/// Bytes of a `struct tcp_diag_md5sig`: 4, the address, and 80 for the key.
const MD5SIG_LEN: usize = 100;

/// The keys of `INET_DIAG_MD5SIG`.
pub fn md5_keys(data: &[u8]) -> impl Iterator<Item = Md5Sig> {
    data.chunks_exact(MD5SIG_LEN).filter_map(|key| {
        Some(Md5Sig {
            family: u8_at(key, 0)?,
            prefix_length: u8_at(key, 1)?,
            key_length: u16_at(key, 2)?,
            address: array(key, 4)?,
        })
    })
}

/// `INET_DIAG_ULP_INFO`: the name and what TLS or MPTCP add, not yet decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UlpInfo<'a> {
    /// `INET_ULP_INFO_NAME`.
    pub name: Option<&'a [u8]>,
    /// `INET_ULP_INFO_TLS`.
    pub tls: Option<&'a [u8]>,
    /// `INET_ULP_INFO_MPTCP`.
    pub mptcp: Option<&'a [u8]>,
}

impl<'a> UlpInfo<'a> {
    /// Finds its parts.
    #[must_use]
    pub fn find(data: &'a [u8]) -> Self {
        let mut found = Self::default();
        for (kind, data) in Attributes::new(data, 0).map_while(Result::ok) {
            match kind {
                1 => found.name = Some(data),
                2 => found.tls = Some(data),
                3 => found.mptcp = Some(data),
                _ => {}
            }
        }
        found
    }
}

/// `TLS_INFO_*` of `linux/tls.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsInfo {
    /// 1, `TLS_INFO_VERSION`.
    pub version: Option<u16>,
    /// 2, `TLS_INFO_CIPHER`.
    pub cipher: Option<u16>,
    /// 3, `TLS_INFO_TXCONF`.
    pub txconf: Option<u16>,
    /// 4, `TLS_INFO_RXCONF`.
    pub rxconf: Option<u16>,
    /// 5, `TLS_INFO_ZC_RO_TX`, a flag.
    pub zc_ro_tx: bool,
    /// 6, `TLS_INFO_RX_NO_PAD`, a flag.
    pub rx_no_pad: bool,
    /// 7, `TLS_INFO_TX_MAX_PAYLOAD_LEN`.
    pub tx_max_payload_len: Option<u16>,
}

impl TlsInfo {
    /// Reads the nested attributes.
    #[must_use]
    pub fn decode(data: &[u8]) -> Self {
        let mut info = Self::default();
        for (kind, data) in Attributes::new(data, 0).map_while(Result::ok) {
            match kind {
                1 => info.version = u16_at(data, 0),
                2 => info.cipher = u16_at(data, 0),
                3 => info.txconf = u16_at(data, 0),
                4 => info.rxconf = u16_at(data, 0),
                5 => info.zc_ro_tx = true,
                6 => info.rx_no_pad = true,
                7 => info.tx_max_payload_len = u16_at(data, 0),
                _ => {}
            }
        }
        info
    }
}

/// `MPTCP_SUBFLOW_ATTR_*` of `linux/mptcp.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubflowInfo {
    /// 1, `TOKEN_REM`.
    pub token_rem: Option<u32>,
    /// 2, `TOKEN_LOC`.
    pub token_loc: Option<u32>,
    /// 3, `RELWRITE_SEQ`.
    pub relwrite_seq: Option<u32>,
    /// 4, `MAP_SEQ`.
    pub map_seq: Option<u64>,
    /// 5, `MAP_SFSEQ`.
    pub map_sfseq: Option<u32>,
    /// 6, `SSN_OFFSET`.
    pub ssn_offset: Option<u32>,
    /// 7, `MAP_DATALEN`.
    pub map_datalen: Option<u16>,
    /// 8, `FLAGS`.
    pub flags: Option<u32>,
    /// 9, `ID_REM`.
    pub id_rem: Option<u8>,
    /// 10, `ID_LOC`.
    pub id_loc: Option<u8>,
}

impl SubflowInfo {
    /// Reads the nested attributes.
    #[must_use]
    pub fn decode(data: &[u8]) -> Self {
        let mut info = Self::default();
        for (kind, data) in Attributes::new(data, 0).map_while(Result::ok) {
            match kind {
                1 => info.token_rem = u32_at(data, 0),
                2 => info.token_loc = u32_at(data, 0),
                3 => info.relwrite_seq = u32_at(data, 0),
                4 => info.map_seq = u64_at(data, 0),
                5 => info.map_sfseq = u32_at(data, 0),
                6 => info.ssn_offset = u32_at(data, 0),
                7 => info.map_datalen = u16_at(data, 0),
                8 => info.flags = u32_at(data, 0),
                9 => info.id_rem = u8_at(data, 0),
                10 => info.id_loc = u8_at(data, 0),
                _ => {}
            }
        }
        info
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(kind: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((4 + data.len() as u16).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_ne_bytes()).collect()
    }

    /// Every attribute once, as kernels send them; 0x8000 marks a nested one.
    fn all() -> Vec<u8> {
        let tls = [
            attribute(1, &0x0304u16.to_ne_bytes()),
            attribute(2, &54u16.to_ne_bytes()),
            attribute(3, &2u16.to_ne_bytes()),
            attribute(4, &3u16.to_ne_bytes()),
            attribute(5, &[]),
            attribute(7, &1024u16.to_ne_bytes()),
        ]
        .concat();
        let mptcp = [
            attribute(1, &words(&[0xaabb])),
            attribute(2, &words(&[0xccdd])),
            attribute(3, &words(&[5])),
            attribute(4, &6u64.to_ne_bytes()),
            attribute(5, &words(&[7])),
            attribute(6, &words(&[8])),
            attribute(7, &9u16.to_ne_bytes()),
            attribute(8, &words(&[0x43])),
            attribute(9, &[1]),
            attribute(10, &[2]),
        ]
        .concat();
        let ulp = [
            attribute(1, b"tls\0"),
            attribute(0x8002, &tls),
            attribute(0x8003, &mptcp),
        ]
        .concat();
        let mut md5 = vec![2, 24, 6, 0, 10, 0, 0, 0];
        md5.extend([0; 12]);
        md5.extend(*b"secret");
        md5.resize(MD5SIG_LEN, 0);
        [
            attribute(2, &[7; 280]),
            attribute(3, &words(&[1, 2, 3, 4])),
            attribute(9, &words(&[1 | 1 << 16, 512, 100, 1000])),
            attribute(16, &words(&[1, 2, 300, 739, 512])),
            attribute(4, b"cubic\0"),
            attribute(5, &[0x10]),
            attribute(6, &[0x20]),
            attribute(17, &words(&[77])),
            attribute(7, &words(&[1, 2, 3, 4, u32::MAX, 6, 7, 8, 9])),
            attribute(18, &md5),
            attribute(0x8013, &ulp),
            attribute(22, &[0x51, 0x05]),
        ]
        .concat()
    }

    #[test]
    fn every_attribute_is_read() {
        let bytes = all();
        let found = InetDetails::find(&bytes, 0);
        assert_eq!(found.info, Some(&[7; 280][..]));
        assert_eq!(vegas(found.vegas.unwrap()), [1, 2, 3, 4].map(Some));
        assert_eq!(
            dctcp(found.dctcp.unwrap()),
            ([Some(1), Some(1)], [512, 100, 1000].map(Some))
        );
        assert_eq!(
            bbr(found.bbr.unwrap()),
            (Some(1 | 2 << 32), [300, 739, 512].map(Some))
        );
        assert_eq!(found.congestion, Some(&b"cubic\0"[..]));
        assert_eq!(
            (found.tos, found.tclass, found.class_id),
            (Some(16), Some(32), Some(77))
        );
        assert_eq!(
            skmeminfo(found.memory.unwrap()),
            ([1, 2, 3, 4, u32::MAX, 6, 7, 8, 9], 9)
        );
        assert_eq!(found.socket_options, Some(0x551));
        let key = md5_keys(found.md5.unwrap()).next().unwrap();
        assert_eq!((key.family, key.prefix_length, key.key_length), (2, 24, 6));
        assert_eq!(key.address[..4], [10, 0, 0, 0]);

        let ulp = UlpInfo::find(found.ulp.unwrap());
        assert_eq!(ulp.name, Some(&b"tls\0"[..]));
        let tls = TlsInfo::decode(ulp.tls.unwrap());
        assert_eq!((tls.version, tls.cipher), (Some(0x0304), Some(54)));
        assert_eq!((tls.txconf, tls.rxconf), (Some(2), Some(3)));
        assert_eq!((tls.zc_ro_tx, tls.rx_no_pad), (true, false));
        assert_eq!(tls.tx_max_payload_len, Some(1024));
        let flow = SubflowInfo::decode(ulp.mptcp.unwrap());
        assert_eq!(
            (flow.token_rem, flow.token_loc),
            (Some(0xaabb), Some(0xccdd))
        );
        assert_eq!((flow.relwrite_seq, flow.map_seq), (Some(5), Some(6)));
        assert_eq!((flow.map_sfseq, flow.ssn_offset), (Some(7), Some(8)));
        assert_eq!((flow.map_datalen, flow.flags), (Some(9), Some(0x43)));
        assert_eq!((flow.id_rem, flow.id_loc), (Some(1), Some(2)));
    }

    #[test]
    fn short_structures_lack_their_end() {
        // Linux 4.6 and before: no drops.
        assert_eq!(skmeminfo(&words(&[1, 2, 3, 4, 5, 6, 7, 8])).1, 8);
        assert_eq!(skmeminfo(&[1, 0, 0]).1, 0);
        assert_eq!(bbr(&words(&[1])), (None, [None; 3]));
        assert_eq!(bbr(&words(&[1, 0, 9])), (Some(1), [Some(9), None, None]));
        assert_eq!(vegas(&words(&[1, 2])), [Some(1), Some(2), None, None]);
        assert_eq!(dctcp(&[1, 0]).0, [Some(1), None]);
        assert_eq!(
            InetDetails::find(&attribute(22, &[0xff]), 0).socket_options,
            Some(0xff)
        );
        assert_eq!(md5_keys(&[2; 99]).count(), 0);
        // Longer than known.
        assert_eq!(skmeminfo(&words(&[1; 12])), ([1; 9], 9));
    }

    fn read_everything(bytes: &[u8]) {
        let found = InetDetails::find(bytes, 0);
        let _ = found.memory.map(skmeminfo);
        let _ = (
            found.bbr.map(bbr),
            found.dctcp.map(dctcp),
            found.vegas.map(vegas),
        );
        let _ = found.md5.map(|m| md5_keys(m).count());
        if let Some(ulp) = found.ulp.map(UlpInfo::find) {
            let _ = (
                ulp.tls.map(TlsInfo::decode),
                ulp.mptcp.map(SubflowInfo::decode),
            );
        }
    }

    #[test]
    fn cuts_and_flips_never_panic() {
        let bytes = all();
        for length in 0..bytes.len() {
            read_everything(&bytes[..length]);
        }
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << bit;
                read_everything(&flipped);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read_everything(&bytes);
        }
    }
}
