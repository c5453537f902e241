//! What SCTP tells of associations and endpoints.

use super::metrics::metrics;
use super::{Numbers, OwnDetails};
use crate::model::{Protocol, Row, Unit, Value, Why};
use std::net::IpAddr;

metrics! {
    /// `struct sctp_info` of `linux/sctp.h`, in its order, without the address.
    SctpMetric in "sctp." as SCTP_FIELDS, Sctp, from "sctp_info", read by read;
    Tag "sctp_tag" [] "tag" INFO Hex "SCTP: our verification tag";
    State "sctp_state" [] "state" INFO Word "SCTP: state of the association, as the counters have it";
    Rwnd "sctp_rwnd" [] "rwnd" INFO Bytes "SCTP: window that we offer";
    Unackdata "sctp_unackdata" [] "unackdata" INFO Number "SCTP: chunks without an acknowledgement";
    Penddata "sctp_penddata" [] "penddata" INFO Number "SCTP: received chunks that wait behind a gap";
    Instrms "sctp_instrms" [] "instrms" INFO Number "SCTP: streams from the peer";
    Outstrms "sctp_outstrms" [] "outstrms" INFO Number "SCTP: streams to the peer";
    FragmentationPoint "sctp_fragmentation_point" [] "fragmentation_point" INFO Bytes "SCTP: where messages are cut; no kernel fills it in";
    Inqueue "sctp_inqueue" [] "inqueue" INFO Number "SCTP: packets that wait to be looked at";
    Outqueue "sctp_outqueue" [] "outqueue" INFO Number "SCTP: chunks that wait to leave";
    OverallError "sctp_overall_error" [] "overall_error" INFO Number "SCTP: errors in a row on all paths";
    MaxBurst "sctp_max_burst" [] "max_burst" INFO Number "SCTP: most packets at once";
    Maxseg "sctp_maxseg" [] "maxseg" INFO Bytes "SCTP: largest chunk";
    PeerRwnd "sctp_peer_rwnd" [] "peer_rwnd" INFO Bytes "SCTP: window that the peer offers";
    PeerTag "sctp_peer_tag" [] "peer_tag" INFO Hex "SCTP: the peer's verification tag";
    PeerCapable "sctp_peer_capable" [] "peer_capable" INFO Hex "SCTP: extensions that the peer has, as the kernel's bits";
    PeerSack "sctp_peer_sack" [] "peer_sack" INFO Hex "SCTP: whether acknowledgements are due, as the kernel's bits";
    Isacks "sctp_isacks" [] "isacks" INFO Number "SCTP: acknowledgements received";
    Osacks "sctp_osacks" [] "osacks" INFO Number "SCTP: acknowledgements sent";
    Opackets "sctp_opackets" [] "opackets" INFO Packets "SCTP: packets sent";
    Ipackets "sctp_ipackets" [] "ipackets" INFO Packets "SCTP: packets received";
    Rtxchunks "sctp_rtxchunks" [] "rtxchunks" INFO Number "SCTP: chunks retransmitted";
    Outofseqtsns "sctp_outofseqtsns" [] "outofseqtsns" INFO Number "SCTP: chunks received out of order";
    Idupchunks "sctp_idupchunks" [] "idupchunks" INFO Number "SCTP: chunks received twice";
    Gapcnt "sctp_gapcnt" [] "gapcnt" INFO Number "SCTP: acknowledgements received that told of gaps";
    Ouodchunks "sctp_ouodchunks" [] "ouodchunks" INFO Number "SCTP: unordered chunks sent";
    Iuodchunks "sctp_iuodchunks" [] "iuodchunks" INFO Number "SCTP: unordered chunks received";
    Oodchunks "sctp_oodchunks" [] "oodchunks" INFO Number "SCTP: ordered chunks sent";
    Iodchunks "sctp_iodchunks" [] "iodchunks" INFO Number "SCTP: ordered chunks received";
    Octrlchunks "sctp_octrlchunks" [] "octrlchunks" INFO Number "SCTP: control chunks sent";
    Ictrlchunks "sctp_ictrlchunks" [] "ictrlchunks" INFO Number "SCTP: control chunks received";
    PState "sctp_p_state" [] "p_state" INFO Word "SCTP: state of the primary path";
    PCwnd "sctp_p_cwnd" [] "p_cwnd" INFO Bytes "SCTP: congestion window of the primary path";
    PSrtt "sctp_p_srtt" [] "p_srtt_ms" INFO Milliseconds "SCTP: round-trip time of the primary path";
    PRto "sctp_p_rto" [] "p_rto_ms" INFO Milliseconds "SCTP: retransmission timeout of the primary path";
    PHbinterval "sctp_p_hbinterval" [] "p_hbinterval_ms" INFO Milliseconds "SCTP: time between heartbeats on the primary path";
    PPathmaxrxt "sctp_p_pathmaxrxt" [] "p_pathmaxrxt" INFO Number "SCTP: failures after which the primary path counts as broken";
    PSackdelay "sctp_p_sackdelay" [] "p_sackdelay_ms" INFO Milliseconds "SCTP: delay of acknowledgements on the primary path";
    PSackfreq "sctp_p_sackfreq" [] "p_sackfreq" INFO Number "SCTP: packets for each acknowledgement on the primary path";
    PSsthresh "sctp_p_ssthresh" [] "p_ssthresh" INFO Bytes "SCTP: where slow start ends on the primary path";
    PPartialBytesAcked "sctp_p_partial_bytes_acked" [] "p_partial_bytes_acked" INFO Bytes "SCTP: acknowledged in this window on the primary path";
    PFlightSize "sctp_p_flight_size" [] "p_flight_size" INFO Bytes "SCTP: in flight on the primary path";
    PError "sctp_p_error" [] "p_error" INFO Number "SCTP: errors in a row on the primary path";
    SAutoclose "sctp_s_autoclose" [] "s_autoclose_s" INFO Number "SCTP endpoint: seconds after which idle associations end, 0 for never";
    SAdaptationInd "sctp_s_adaptation_ind" [] "s_adaptation_ind" INFO Hex "SCTP endpoint: adaptation layer indication";
    SPdPoint "sctp_s_pd_point" [] "s_pd_point" INFO Bytes "SCTP endpoint: where delivery of a message in parts begins";
    SNodelay "sctp_s_nodelay" [] "s_nodelay" INFO Flag "SCTP endpoint: SCTP_NODELAY";
    SDisableFragments "sctp_s_disable_fragments" [] "s_disable_fragments" INFO Flag "SCTP endpoint: SCTP_DISABLE_FRAGMENTS";
    SV4mapped "sctp_s_v4mapped" [] "s_v4mapped" INFO Flag "SCTP endpoint: SCTP_I_WANT_MAPPED_V4_ADDR";
    SFragInterleave "sctp_s_frag_interleave" [] "s_frag_interleave" INFO Number "SCTP endpoint: SCTP_FRAGMENT_INTERLEAVE";
    SType "sctp_s_type" [] "s_type" INFO Word "SCTP endpoint: one-to-many or one-to-one";
}

/// What SCTP tells of one association or endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SctpInfo {
    /// The numbers, if they were sent.
    pub numbers: Numbers<{ SctpMetric::ALL.len() }>,
    /// Whether it is an association: that has other members than an endpoint.
    pub association: bool,
    /// Address and port of the primary path.
    pub primary: Option<(IpAddr, u16)>,
    /// The addresses of our end.
    pub locals: Vec<IpAddr>,
    /// The addresses of the peer.
    pub peers: Vec<IpAddr>,
}

impl SctpMetric {
    /// The words of its numbers, from 0; none if it is a plain number.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            // enum sctp_state of include/net/sctp/constants.h.
            Self::State => &[
                "closed",
                "cookie-wait",
                "cookie-echoed",
                "established",
                "shutdown-pending",
                "shutdown-sent",
                "shutdown-received",
                "shutdown-ack-sent",
            ],
            // enum sctp_spinfo_state of linux/sctp.h.
            Self::PState => &["inactive", "potentially-failed", "active", "unconfirmed"],
            // enum sctp_socket_type of include/net/sctp/structs.h.
            Self::SType => &["one-to-many", "one-to-many-high-bandwidth", "one-to-one"],
            _ => &[],
        }
    }

    /// Whether an endpoint has it, and an association not.
    #[must_use]
    pub const fn is_of_endpoints(self) -> bool {
        self as u8 >= Self::SAutoclose as u8
    }
}

fn read(row: Row<'_>, metric: SctpMetric) -> Value<'_> {
    if row.socket.protocol != Protocol::Sctp {
        return Value::None;
    }
    match row.socket.own_details() {
        Some(OwnDetails::Sctp(info)) => info.value(metric),
        _ => Value::Unknown(Why::Source),
    }
}

impl SctpInfo {
    /// One of its members as a value with its unit.
    #[must_use]
    pub fn value(&self, metric: SctpMetric) -> Value<'static> {
        if metric.is_of_endpoints() == self.association {
            return Value::None;
        }
        let Some(n) = self.numbers.get(metric as usize) else {
            return Value::Unknown(Why::Source);
        };
        match metric.unit() {
            Unit::Word => usize::try_from(n)
                .ok()
                .and_then(|n| metric.words().get(n).copied())
                .map_or(Value::Number(n), Value::Word),
            unit => unit.number(n),
        }
    }
}
