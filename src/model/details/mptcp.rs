//! An MPTCP socket's own counters.

use super::metrics::metrics;
use super::{Numbers, OwnDetails};
use crate::model::{Protocol, Row, Unit, Value, Why};

/// `MPTCP_INFO_FLAG_*` of `linux/mptcp.h`.
const MPTCP_SOCKET_FLAGS: &[&str] = &["fallback", "remote_key_received"];

metrics! {
    /// `struct mptcp_info` of `linux/mptcp.h`, in its order.
    MptcpMetric in "mptcp." as MPTCP_FIELDS, Mptcp, from "mptcp_info", read by read;
    Subflows "mptcp_subflows" [] "subflows" INFO Number "MPTCP: subflows beside the first one";
    AddAddrSignal "mptcp_add_addr_signal" [] "add_addr_signal" INFO Number "MPTCP: addresses announced to the peer";
    AddAddrAccepted "mptcp_add_addr_accepted" [] "add_addr_accepted" INFO Number "MPTCP: announced addresses of the peer that were accepted";
    SubflowsMax "mptcp_subflows_max" [] "subflows_max" INFO Number "MPTCP: most further subflows";
    AddAddrSignalMax "mptcp_add_addr_signal_max" [] "add_addr_signal_max" INFO Number "MPTCP: addresses to announce";
    AddAddrAcceptedMax "mptcp_add_addr_accepted_max" [] "add_addr_accepted_max" INFO Number "MPTCP: most addresses to accept";
    Flags "mptcp_socket_flags" [] "flags" INFO Words "MPTCP: fallback to plain TCP, and whether the peer's key came";
    Token "mptcp_token" [] "token" INFO Hex "MPTCP: token of the connection, the same in all of its subflows";
    WriteSeq "mptcp_write_seq" [] "write_seq" INFO Hex "MPTCP: data sequence number of the next byte written";
    SndUna "mptcp_snd_una" [] "snd_una" INFO Hex "MPTCP: data sequence number of the first byte not acknowledged";
    RcvNxt "mptcp_rcv_nxt" [] "rcv_nxt" INFO Hex "MPTCP: data sequence number of the next byte expected";
    LocalAddrUsed "mptcp_local_addr_used" [] "local_addr_used" INFO Number "MPTCP: own addresses used for further subflows";
    LocalAddrMax "mptcp_local_addr_max" [] "local_addr_max" INFO Number "MPTCP: own addresses that may be used so";
    CsumEnabled "mptcp_csum_enabled" [] "csum_enabled" INFO Flag "MPTCP: whether data has checksums";
    Retransmits "mptcp_retransmits" [] "retransmits" INFO Number "MPTCP: data sent again on another subflow";
    BytesRetrans "mptcp_bytes_retrans" [] "bytes_retrans" INFO Bytes "MPTCP: sent again so far";
    BytesSent "mptcp_bytes_sent" [] "bytes_sent" INFO Bytes "MPTCP: sent so far";
    BytesReceived "mptcp_bytes_received" [] "bytes_received" INFO Bytes "MPTCP: received so far";
    BytesAcked "mptcp_bytes_acked" [] "bytes_acked" INFO Bytes "MPTCP: sent and acknowledged so far";
    SubflowsTotal "mptcp_subflows_total" [] "subflows_total" INFO Number "MPTCP: subflows, the first one included";
    EndpLaminarMax "mptcp_endp_laminar_max" [] "endp_laminar_max" INFO Number "MPTCP: endpoints of the laminar kind";
    EndpFullmeshMax "mptcp_endp_fullmesh_max" [] "endp_fullmesh_max" INFO Number "MPTCP: endpoints of the fullmesh kind";
    LastDataSent "mptcp_last_data_sent" [] "last_data_sent_ms" INFO Milliseconds "MPTCP: since data was last sent";
    LastDataRecv "mptcp_last_data_recv" [] "last_data_recv_ms" INFO Milliseconds "MPTCP: since data was last received";
    LastAckRecv "mptcp_last_ack_recv" [] "last_ack_recv_ms" INFO Milliseconds "MPTCP: since the last acknowledgement";
}

/// Those counters, as far as they were sent.
pub type MptcpInfo = Numbers<{ MptcpMetric::ALL.len() }>;

impl MptcpMetric {
    /// The words of its bits, the lowest first; none if it has no bits.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Flags => MPTCP_SOCKET_FLAGS,
            _ => &[],
        }
    }
}

fn read(row: Row<'_>, metric: MptcpMetric) -> Value<'_> {
    if row.socket.protocol != Protocol::Mptcp {
        return Value::None;
    }
    let info = match row.socket.own_details() {
        Some(OwnDetails::Mptcp(info)) => info.get(metric as usize),
        _ => None,
    };
    let Some(n) = info else {
        return Value::Unknown(Why::Source);
    };
    match metric.unit() {
        Unit::Words => Value::Words(n, metric.words()),
        unit => unit.number(n),
    }
}
