//! Fields of the smaller blocks: congestion controls, options of the IP layer, what is on top of TCP.

use super::bits::{MPTCP_FLAGS, SOCKET_OPTIONS};
use super::metrics::metrics;
use super::tcp_info::missing;
use super::{Bbr, Congestion, Dctcp, Details, TcpInfo, TcpMetric, Tls, UNMEASURED_RTT_US, Vegas};
use crate::model::{Family, Protocol, Row, Value, Why};
use std::rc::Rc;

metrics! {
    /// What is known of a socket beside its counters and its memory.
    ExtraMetric in "" as EXTRA_FIELDS, Extra, from "inet_diag", read by read;
    Congestion "congestion" ["cong", "cc"] "tcp.congestion" CONGESTION Word "name of the congestion control";
    BbrBw "bbr_bw" [] "tcp.bbr.bw_bytes_per_s" INFO Rate "BBR: estimated bandwidth";
    BbrMinRtt "bbr_min_rtt" [] "tcp.bbr.min_rtt_us" INFO Microseconds "BBR: smallest round-trip time";
    BbrPacingGain "bbr_pacing_gain" [] "tcp.bbr.pacing_gain" INFO Factor "BBR: pacing rate as a multiple of the bandwidth";
    BbrCwndGain "bbr_cwnd_gain" [] "tcp.bbr.cwnd_gain" INFO Factor "BBR: window as a multiple of what fits the path";
    DctcpEnabled "dctcp_enabled" [] "tcp.dctcp.enabled" INFO Flag "DCTCP: no if it fell back to Reno";
    DctcpCeState "dctcp_ce_state" [] "tcp.dctcp.ce_state" INFO Number "DCTCP: 1 if the last segment had a congestion mark";
    DctcpAlpha "dctcp_alpha" [] "tcp.dctcp.alpha" INFO Number "DCTCP: share of marked bytes, in 1024ths";
    DctcpAbEcn "dctcp_ab_ecn" [] "tcp.dctcp.ab_ecn" INFO Bytes "DCTCP: marked bytes acknowledged in this window";
    DctcpAbTot "dctcp_ab_tot" [] "tcp.dctcp.ab_tot" INFO Bytes "DCTCP: bytes acknowledged in this window";
    VegasEnabled "vegas_enabled" [] "tcp.vegas.enabled" INFO Flag "Vegas: whether it is in charge";
    VegasRttcnt "vegas_rttcnt" [] "tcp.vegas.rttcnt" INFO Number "Vegas: round trips measured in this window";
    VegasRtt "vegas_rtt" [] "tcp.vegas.rtt_us" INFO Microseconds "Vegas: round-trip time";
    VegasMinrtt "vegas_minrtt" [] "tcp.vegas.minrtt_us" INFO Microseconds "Vegas: smallest round-trip time of this window";
    Md5Keys "md5_keys" ["md5"] "tcp.md5_keys" INFO Number "peers with a TCP-MD5 key; needs CAP_NET_ADMIN";
    Ulp "ulp" [] "tcp.ulp" INFO Word "what is on top of TCP: tls, mptcp, …";
    TlsVersion "tls_version" [] "tcp.tls.version" INFO Word "kernel TLS: protocol version";
    TlsCipher "tls_cipher" [] "tcp.tls.cipher" INFO Word "kernel TLS: cipher";
    TlsTxconf "tls_txconf" [] "tcp.tls.txconf" INFO Word "kernel TLS: who encrypts: none, software or hardware";
    TlsRxconf "tls_rxconf" [] "tcp.tls.rxconf" INFO Word "kernel TLS: who decrypts: none, software or hardware";
    TlsZcRoTx "tls_zc_ro_tx" [] "tcp.tls.zc_ro_tx" INFO Flag "kernel TLS: sendfile without copying";
    TlsRxNoPad "tls_rx_no_pad" [] "tcp.tls.rx_no_pad" INFO Flag "kernel TLS: the peer is expected not to pad";
    TlsTxMaxPayload "tls_tx_max_payload" [] "tcp.tls.tx_max_payload_len" INFO Bytes "kernel TLS: largest plaintext of a record sent";
    MptcpFlags "mptcp_flags" [] "tcp.subflow.flags" INFO Words "MPTCP subflow: what is set up";
    MptcpTokenRem "mptcp_token_rem" [] "tcp.subflow.token_rem" INFO Hex "MPTCP subflow: token of the peer";
    MptcpTokenLoc "mptcp_token_loc" [] "tcp.subflow.token_loc" INFO Hex "MPTCP subflow: our token, the same in all of a connection";
    MptcpIdRem "mptcp_id_rem" [] "tcp.subflow.id_rem" INFO Number "MPTCP subflow: id of the peer's address";
    MptcpIdLoc "mptcp_id_loc" [] "tcp.subflow.id_loc" INFO Number "MPTCP subflow: id of our address";
    MptcpRelwriteSeq "mptcp_relwrite_seq" [] "tcp.subflow.relwrite_seq" INFO Bytes "MPTCP subflow: bytes written to it";
    MptcpMapSeq "mptcp_map_seq" [] "tcp.subflow.map_seq" INFO Hex "MPTCP subflow: data sequence number of the mapping";
    MptcpMapSfseq "mptcp_map_sfseq" [] "tcp.subflow.map_sfseq" INFO Number "MPTCP subflow: subflow sequence number of it";
    MptcpSsnOffset "mptcp_ssn_offset" [] "tcp.subflow.ssn_offset" INFO Number "MPTCP subflow: where subflow sequence numbers begin";
    MptcpMapDatalen "mptcp_map_datalen" [] "tcp.subflow.map_datalen" INFO Bytes "MPTCP subflow: length of the mapping";
    SendRate "send_rate" [] "tcp.send_rate_bytes_per_s" INFO Rate "most it can send: a congestion window every round trip";
    Tos "tos" [] "ip.tos" TOS Hex "type of service (IP_TOS)";
    Tclass "tclass" [] "ip.tclass" TOS Hex "IPv6 traffic class (IPV6_TCLASS)";
    ClassId "class_id" ["classid"] "ip.class_id" TOS Hex "net_cls class of its control group, or SO_PRIORITY";
    SocketOptions "sockopt" ["inet_sockopt"] "ip.sockopt" SOCKET_OPTIONS Words "flags that setsockopt() set";
    BpfMaps "bpf_maps" [] "bpf_storage" BPF_STORAGE Text "BPF maps with a value for the socket; a filter asks for one";
    BpfStorage "bpf_storage" [] "bpf_storage" BPF_STORAGE Text "each as ID:NAME:VALUE, in hexadecimal; a filter asks for one";
}

impl ExtraMetric {
    /// Whether it is a list of words without blanks.
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(self, Self::BpfMaps | Self::BpfStorage)
    }

    /// The words of its bits, the lowest first; none if it has no bits.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::MptcpFlags => MPTCP_FLAGS,
            Self::SocketOptions => SOCKET_OPTIONS,
            _ => &[],
        }
    }
}

/// What a block of its own has that a socket need not have: then the value is known to be nothing.
fn or_none<T>(value: Option<Option<T>>, make: impl FnOnce(T) -> Value<'static>) -> Value<'static> {
    match value {
        None => Value::None,
        Some(value) => sent(value, make),
    }
}

fn read(row: Row<'_>, metric: ExtraMetric) -> Value<'_> {
    if matches!(metric, ExtraMetric::BpfMaps | ExtraMetric::BpfStorage) {
        return storage(row, metric);
    }
    let Some(details) = row.socket.details() else {
        return missing(row);
    };
    // The text of /proc has a few counters and nothing of these; the kernel's structure always begins with this one.
    let of_text = |info: &TcpInfo| !info.has(TcpMetric::CaState);
    if details.tcp.as_ref().is_some_and(of_text) {
        return missing(row);
    }
    match metric {
        ExtraMetric::Congestion => match &details.congestion {
            Some(name) => Value::Text(name.bytes()),
            None => missing(row),
        },
        ExtraMetric::Md5Keys => match details.md5_keys.as_deref() {
            None if row.socket.protocol != Protocol::Tcp => Value::None,
            None => Value::Unknown(Why::Permission),
            Some([]) => Value::None,
            Some(keys) => Value::Number(keys.len() as u64),
        },
        ExtraMetric::Ulp => match details.ulp.as_ref().and_then(|ulp| ulp.name.as_ref()) {
            Some(name) => Value::Text(name.bytes()),
            None => Value::None,
        },
        ExtraMetric::SendRate => match &details.tcp {
            Some(info) => match info.send_rate() {
                Some(rate) => Value::Rate(rate),
                // All were sent, and no round trip was measured yet.
                None if TcpInfo::SEND_RATE.iter().all(|&metric| info.has(metric)) => Value::None,
                None => missing(row),
            },
            None => missing(row),
        },
        ExtraMetric::Tos => hex(details.tos.map(u64::from)),
        ExtraMetric::Tclass if row.socket.family != Family::Inet6 => Value::None,
        ExtraMetric::Tclass => hex(details.tclass.map(u64::from)),
        ExtraMetric::ClassId => hex(details.class_id.map(u64::from)),
        ExtraMetric::SocketOptions if row.socket.protocol == Protocol::Unix => Value::None,
        ExtraMetric::SocketOptions => details
            .socket_options
            .map_or(Value::Unknown(Why::Source), |bits| {
                Value::Words(bits.into(), SOCKET_OPTIONS)
            }),
        ExtraMetric::BbrBw
        | ExtraMetric::BbrMinRtt
        | ExtraMetric::BbrPacingGain
        | ExtraMetric::BbrCwndGain
        | ExtraMetric::DctcpEnabled
        | ExtraMetric::DctcpCeState
        | ExtraMetric::DctcpAlpha
        | ExtraMetric::DctcpAbEcn
        | ExtraMetric::DctcpAbTot
        | ExtraMetric::VegasEnabled
        | ExtraMetric::VegasRttcnt
        | ExtraMetric::VegasRtt
        | ExtraMetric::VegasMinrtt => match &details.congestion_info {
            Some(info) => info.value(metric),
            None => Value::None,
        },
        ExtraMetric::TlsVersion
        | ExtraMetric::TlsCipher
        | ExtraMetric::TlsTxconf
        | ExtraMetric::TlsRxconf
        | ExtraMetric::TlsZcRoTx
        | ExtraMetric::TlsRxNoPad
        | ExtraMetric::TlsTxMaxPayload => tls(details, metric),
        _ => subflow(details, metric),
    }
}

/// Of sockets of which the kernel tells none, nobody knows whether they have any.
fn storage(row: Row<'_>, metric: ExtraMetric) -> Value<'static> {
    let Some(storages) = row.socket.details().and_then(|d| d.bpf_storage.as_ref()) else {
        return Value::Unknown(match row.socket.is_mini() {
            true => Why::NoFile,
            false => Why::Source,
        });
    };
    let mut text = Vec::new();
    for storage in storages {
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(storage.map.to_string().as_bytes());
        if metric == ExtraMetric::BpfStorage {
            storage.write(&mut text, row.context.names);
        }
    }
    match storages.is_empty() {
        true => Value::None,
        false => Value::Name(Rc::from(text)),
    }
}

fn hex(value: Option<u64>) -> Value<'static> {
    value.map_or(Value::Unknown(Why::Source), Value::Hex)
}

impl Congestion {
    /// One of the fields that only a congestion control has: with another one there is nothing.
    #[must_use]
    pub fn value(&self, metric: ExtraMetric) -> Value<'static> {
        match self {
            Self::Bbr(info) => bbr(info, metric),
            Self::Dctcp(info) => dctcp(info, metric),
            Self::Vegas(info) => vegas(info, metric),
        }
    }
}

fn bbr(info: &Bbr, metric: ExtraMetric) -> Value<'static> {
    match metric {
        ExtraMetric::BbrBw => sent(info.bw, Value::Rate),
        ExtraMetric::BbrMinRtt => round_trip(info.min_rtt_us),
        ExtraMetric::BbrPacingGain => sent(info.pacing_gain, Value::Factor256),
        ExtraMetric::BbrCwndGain => sent(info.cwnd_gain, Value::Factor256),
        _ => Value::None,
    }
}

fn dctcp(info: &Dctcp, metric: ExtraMetric) -> Value<'static> {
    match metric {
        ExtraMetric::DctcpEnabled => sent(info.enabled, |n| Value::Flag(n != 0)),
        ExtraMetric::DctcpCeState => sent(info.ce_state, |n| Value::Number(n.into())),
        ExtraMetric::DctcpAlpha => sent(info.alpha, |n| Value::Number(n.into())),
        ExtraMetric::DctcpAbEcn => sent(info.ab_ecn, |n| Value::Bytes(n.into())),
        ExtraMetric::DctcpAbTot => sent(info.ab_tot, |n| Value::Bytes(n.into())),
        _ => Value::None,
    }
}

fn vegas(info: &Vegas, metric: ExtraMetric) -> Value<'static> {
    match metric {
        ExtraMetric::VegasEnabled => sent(info.enabled, |n| Value::Flag(n != 0)),
        ExtraMetric::VegasRttcnt => sent(info.rttcnt, |n| Value::Number(n.into())),
        ExtraMetric::VegasRtt => round_trip(info.rtt_us),
        ExtraMetric::VegasMinrtt => round_trip(info.minrtt_us),
        _ => Value::None,
    }
}

/// A round-trip time, if one was measured.
fn round_trip(us: Option<u32>) -> Value<'static> {
    sent(us, |us| match us {
        0..UNMEASURED_RTT_US => Value::Microseconds(us.into()),
        UNMEASURED_RTT_US.. => Value::None,
    })
}

/// A member of a structure, which a shorter one does not have.
fn sent<T>(value: Option<T>, make: impl FnOnce(T) -> Value<'static>) -> Value<'static> {
    value.map_or(Value::Unknown(Why::Source), make)
}

fn tls(details: &Details, metric: ExtraMetric) -> Value<'static> {
    let tls = details.ulp.as_ref().and_then(|ulp| ulp.tls);
    let word = |value: Option<Option<u16>>, word: fn(u16) -> Option<&'static str>| {
        or_none(value, |n| word(n).map_or(Value::Hex(n.into()), Value::Word))
    };
    match metric {
        ExtraMetric::TlsVersion => word(tls.map(|t| t.version), Tls::version_word),
        ExtraMetric::TlsCipher => word(tls.map(|t| t.cipher), Tls::cipher_word),
        ExtraMetric::TlsTxconf => word(tls.map(|t| t.txconf), Tls::conf_word),
        ExtraMetric::TlsRxconf => word(tls.map(|t| t.rxconf), Tls::conf_word),
        ExtraMetric::TlsZcRoTx => tls.map_or(Value::None, |t| Value::Flag(t.zc_ro_tx)),
        ExtraMetric::TlsRxNoPad => tls.map_or(Value::None, |t| Value::Flag(t.rx_no_pad)),
        _ => or_none(tls.map(|t| t.tx_max_payload_len), |n| {
            Value::Bytes(n.into())
        }),
    }
}

fn subflow(details: &Details, metric: ExtraMetric) -> Value<'static> {
    let subflow = details.ulp.as_ref().and_then(|ulp| ulp.mptcp);
    let number = |value: Option<Option<u32>>| or_none(value, |n| Value::Number(n.into()));
    let hex = |value: Option<Option<u64>>| or_none(value, Value::Hex);
    match metric {
        ExtraMetric::MptcpFlags => or_none(subflow.map(|s| s.flags), |n| {
            Value::Words(n.into(), MPTCP_FLAGS)
        }),
        ExtraMetric::MptcpTokenRem => hex(subflow.map(|s| s.token_rem.map(u64::from))),
        ExtraMetric::MptcpTokenLoc => hex(subflow.map(|s| s.token_loc.map(u64::from))),
        ExtraMetric::MptcpIdRem => number(subflow.map(|s| s.id_rem.map(u32::from))),
        ExtraMetric::MptcpIdLoc => number(subflow.map(|s| s.id_loc.map(u32::from))),
        ExtraMetric::MptcpRelwriteSeq => {
            or_none(subflow.map(|s| s.relwrite_seq), |n| Value::Bytes(n.into()))
        }
        ExtraMetric::MptcpMapSeq => hex(subflow.map(|s| s.map_seq)),
        ExtraMetric::MptcpMapSfseq => number(subflow.map(|s| s.map_sfseq)),
        ExtraMetric::MptcpSsnOffset => number(subflow.map(|s| s.ssn_offset)),
        _ => or_none(subflow.map(|s| s.map_datalen), |n| Value::Bytes(n.into())),
    }
}
