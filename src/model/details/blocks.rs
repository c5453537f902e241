//! Small blocks of details: congestion controls, and what is on top of TCP.

use std::net::IpAddr;

/// A name that the kernel gives to one of its modules, at most 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelName {
    bytes: [u8; 16],
    length: u8,
}

impl KernelName {
    /// Reads a name up to its NUL; `None` if it is empty. What is longer than any module's name is cut.
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        let name = name.split(|&b| b == 0).next().unwrap_or_default();
        let mut bytes = [0; 16];
        let mut length = 0;
        for (slot, &byte) in bytes.iter_mut().zip(name) {
            *slot = byte;
            length += 1;
        }
        (length > 0).then_some(Self { bytes, length })
    }

    /// Its bytes; they come from outside.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }
}

/// What a congestion control tells, `union tcp_cc_info` of `linux/inet_diag.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Congestion {
    /// Vegas and those like it, `struct tcpvegas_info`.
    Vegas(Vegas),
    /// DCTCP, `struct tcp_dctcp_info`.
    Dctcp(Dctcp),
    /// BBR, `struct tcp_bbr_info`.
    Bbr(Bbr),
}

/// A round-trip time of [`Congestion`] that was not measured yet is this much or more: `0x7fffffff` in `net/ipv4/tcp_vegas.c` and
/// those like it, `~0U` in `tcp_bbr.c`.
pub const UNMEASURED_RTT_US: u32 = 0x7fff_ffff;

impl Congestion {
    /// Its numbers, in the order of the kernel's structure; `None` for those that were not sent, and behind the last.
    #[must_use]
    #[inline]
    pub fn numbers(&self) -> [Option<u64>; 5] {
        let wide = |n: Option<u32>| n.map(u64::from);
        let short = |n: Option<u16>| n.map(u64::from);
        match self {
            Self::Bbr(of) => [
                of.bw,
                wide(of.min_rtt_us),
                wide(of.pacing_gain),
                wide(of.cwnd_gain),
                None,
            ],
            Self::Dctcp(of) => [
                short(of.enabled),
                short(of.ce_state),
                wide(of.alpha),
                wide(of.ab_ecn),
                wide(of.ab_tot),
            ],
            Self::Vegas(of) => [
                wide(of.enabled),
                wide(of.rttcnt),
                wide(of.rtt_us),
                wide(of.minrtt_us),
                None,
            ],
        }
    }
}

/// `struct tcpvegas_info`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vegas {
    /// Whether it is in charge.
    pub enabled: Option<u32>,
    /// Round trips measured in this window.
    pub rttcnt: Option<u32>,
    /// Round-trip time, µs.
    pub rtt_us: Option<u32>,
    /// The smallest of this window, µs.
    pub minrtt_us: Option<u32>,
}

/// `struct tcp_dctcp_info`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dctcp {
    /// 0 when it fell back to Reno because the peer has no ECN.
    pub enabled: Option<u16>,
    /// Whether the last segment had a congestion mark.
    pub ce_state: Option<u16>,
    /// Share of marked bytes, in 1024ths.
    pub alpha: Option<u32>,
    /// Acknowledged bytes of this window that were marked.
    pub ab_ecn: Option<u32>,
    /// All acknowledged bytes of this window.
    pub ab_tot: Option<u32>,
}

/// `struct tcp_bbr_info`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bbr {
    /// Estimated bandwidth, bytes a second.
    pub bw: Option<u64>,
    /// Smallest round-trip time, µs.
    pub min_rtt_us: Option<u32>,
    /// Pacing gain, in 256ths.
    pub pacing_gain: Option<u32>,
    /// Window gain, in 256ths.
    pub cwnd_gain: Option<u32>,
}

/// An upper layer protocol of TCP, `INET_DIAG_ULP_INFO`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ulp {
    /// Its name: `tls`, `mptcp`, `espintcp`, `smc`, …
    pub name: Option<KernelName>,
    /// What kernel TLS tells.
    pub tls: Option<Tls>,
    /// What MPTCP tells of this subflow.
    pub mptcp: Option<Subflow>,
}

/// `TLS_INFO_*` of `linux/tls.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// 0x0303 is 1.2, 0x0304 is 1.3.
    pub version: Option<u16>,
    /// `TLS_CIPHER_*`.
    pub cipher: Option<u16>,
    /// How records are sent, `TLS_CONF_*`.
    pub txconf: Option<u16>,
    /// How records are received, `TLS_CONF_*`.
    pub rxconf: Option<u16>,
    /// Zero-copy sendfile.
    pub zc_ro_tx: bool,
    /// The peer is expected not to pad (TLS 1.3).
    pub rx_no_pad: bool,
    /// Largest plaintext of a record that is sent, bytes; Linux 6.19.
    pub tx_max_payload_len: Option<u16>,
}

impl Tls {
    /// The word for the version.
    #[must_use]
    pub const fn version_word(number: u16) -> Option<&'static str> {
        Some(match number {
            0x0303 => "1.2",
            0x0304 => "1.3",
            _ => return None,
        })
    }

    /// The word for a cipher.
    #[must_use]
    pub const fn cipher_word(number: u16) -> Option<&'static str> {
        Some(match number {
            51 => "aes-gcm-128",
            52 => "aes-gcm-256",
            53 => "aes-ccm-128",
            54 => "chacha20-poly1305",
            55 => "sm4-gcm",
            56 => "sm4-ccm",
            57 => "aria-gcm-128",
            58 => "aria-gcm-256",
            _ => return None,
        })
    }

    /// The word for how records are handled.
    #[must_use]
    pub const fn conf_word(number: u16) -> Option<&'static str> {
        Some(match number {
            1 => "none",
            2 => "software",
            3 => "hardware",
            4 => "hardware-record",
            _ => return None,
        })
    }
}

/// One subflow of an MPTCP connection, `MPTCP_SUBFLOW_ATTR_*` of `linux/mptcp.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subflow {
    /// Token of the peer.
    pub token_rem: Option<u32>,
    /// Token of our side.
    pub token_loc: Option<u32>,
    /// Bytes written, relative to the first sequence number.
    pub relwrite_seq: Option<u32>,
    /// Data sequence number of the current mapping.
    pub map_seq: Option<u64>,
    /// Subflow sequence number of the current mapping.
    pub map_sfseq: Option<u32>,
    /// Offset between both.
    pub ssn_offset: Option<u32>,
    /// Bytes of the current mapping.
    pub map_datalen: Option<u16>,
    /// Bits named by [`super::MPTCP_FLAGS`].
    pub flags: Option<u32>,
    /// Address id of the peer.
    pub id_rem: Option<u8>,
    /// Address id of our side.
    pub id_loc: Option<u8>,
}

/// A peer for which a TCP-MD5 key is set, `struct tcp_diag_md5sig` of `linux/tcp.h`. The key itself is a secret and is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Md5Key {
    /// Address of the peers.
    pub address: IpAddr,
    /// Length of the prefix that they share with it.
    pub prefix_length: u8,
    /// Bytes of the key.
    pub key_length: u16,
}
