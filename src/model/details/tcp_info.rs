//! TCP's own counters.

use super::bits::{ACCECN_FAILURES, TCP_OPTIONS};
use super::metrics::metrics;
use crate::model::{Protocol, Row, State, Unit, Value, Why};

metrics! {
    /// `struct tcp_info` of `linux/tcp.h`, in its order.
    TcpMetric in "tcp." as TCP_FIELDS, Tcp, from "tcp_info", read by read;
    State "tcp_state" [] "state" INFO Number "state as the counters have it, a number of include/net/tcp_states.h";
    CaState "ca_state" [] "ca_state" INFO Word "congestion: open, disorder, cwr, recovery or loss";
    Retransmits "tcp_retransmits" [] "retransmits" INFO Number "timeouts in a row for the oldest data without an acknowledgement";
    Probes "probes" [] "probes" INFO Number "window or keepalive probes without an answer";
    Backoff "backoff" [] "backoff" INFO Number "how often the retransmission timeout was doubled";
    Options "options" [] "options" INFO Words "TCP options in use";
    SndWscale "snd_wscale" [] "snd_wscale" INFO Number "window scale of the peer, as a power of two";
    RcvWscale "rcv_wscale" [] "rcv_wscale" INFO Number "our window scale, as a power of two";
    DeliveryRateAppLimited "app_limited" ["delivery_rate_app_limited"] "delivery_rate_app_limited" INFO Flag "whether the application, not the network, limited delivery_rate";
    FastopenClientFail "fastopen_client_fail" [] "fastopen_client_fail" INFO Word "why TCP Fast Open did not work for a client";
    Rto "rto" ["rto_us"] "rto_us" INFO Microseconds "retransmission timeout";
    Ato "ato" ["ato_us"] "ato_us" INFO Microseconds "delay of acknowledgements";
    SndMss "snd_mss" ["mss"] "snd_mss" INFO Bytes "segment size when sending";
    RcvMss "rcv_mss" [] "rcv_mss" INFO Bytes "estimated segment size when receiving";
    Unacked "unacked" [] "unacked" INFO Segments "segments in flight";
    Sacked "sacked" [] "sacked" INFO Segments "segments in flight that the peer has, behind a gap";
    Lost "lost" [] "lost" INFO Segments "segments in flight that are believed lost";
    Retrans "tcp_retrans" [] "retrans" INFO Segments "retransmitted segments in flight";
    Fackets "fackets" [] "fackets" INFO Segments "0 since Linux 4.15";
    LastDataSent "last_data_sent" ["lastsnd", "last_data_sent_ms"] "last_data_sent_ms" INFO Milliseconds "since data was last sent";
    LastAckSent "last_ack_sent" ["last_ack_sent_ms"] "last_ack_sent_ms" INFO Milliseconds "not kept by any kernel";
    LastDataRecv "last_data_recv" ["lastrcv", "last_data_recv_ms"] "last_data_recv_ms" INFO Milliseconds "since data was last received";
    LastAckRecv "last_ack_recv" ["lastack", "last_ack_recv_ms"] "last_ack_recv_ms" INFO Milliseconds "since the last acknowledgement";
    Pmtu "pmtu" [] "pmtu" INFO Bytes "path MTU";
    RcvSsthresh "rcv_ssthresh" [] "rcv_ssthresh" INFO Bytes "limit of the window that we offer";
    Rtt "rtt" ["rtt_us"] "rtt_us" INFO Microseconds "smoothed round-trip time";
    Rttvar "rttvar" ["rttvar_us"] "rttvar_us" INFO Microseconds "how much the round-trip time varies";
    SndSsthresh "ssthresh" ["snd_ssthresh"] "snd_ssthresh" INFO Segments "where slow start ends";
    SndCwnd "cwnd" ["snd_cwnd"] "snd_cwnd" INFO Segments "congestion window";
    Advmss "advmss" [] "advmss" INFO Bytes "segment size that we advertised";
    Reordering "reordering" [] "reordering" INFO Segments "how far segments may overtake before one counts as lost";
    RcvRtt "rcv_rtt" ["rcv_rtt_us"] "rcv_rtt_us" INFO Microseconds "round-trip time as the receiver measured it";
    RcvSpace "rcv_space" [] "rcv_space" INFO Bytes "what the application reads in a round trip";
    TotalRetrans "total_retrans" [] "total_retrans" INFO Segments "segments retransmitted so far";
    PacingRate "pacing_rate" ["pacing_rate_bytes_per_s"] "pacing_rate_bytes_per_s" INFO Rate "rate at which data is let out";
    MaxPacingRate "max_pacing_rate" ["max_pacing_rate_bytes_per_s"] "max_pacing_rate_bytes_per_s" INFO Rate "most that SO_MAX_PACING_RATE allows";
    BytesAcked "bytes_acked" [] "bytes_acked" INFO Bytes "sent and acknowledged so far";
    BytesReceived "bytes_received" [] "bytes_received" INFO Bytes "received in order so far";
    SegsOut "segs_out" [] "segs_out" INFO Segments "sent so far";
    SegsIn "segs_in" [] "segs_in" INFO Segments "received so far";
    NotsentBytes "notsent" ["notsent_bytes"] "notsent_bytes" INFO Bytes "in the send queue and never sent";
    MinRtt "min_rtt" ["minrtt", "min_rtt_us"] "min_rtt_us" INFO Microseconds "smallest round-trip time of the last minutes";
    DataSegsIn "data_segs_in" [] "data_segs_in" INFO Segments "received with data so far";
    DataSegsOut "data_segs_out" [] "data_segs_out" INFO Segments "sent with data so far";
    DeliveryRate "delivery_rate" ["delivery_rate_bytes_per_s"] "delivery_rate_bytes_per_s" INFO Rate "most recent rate at which data arrived";
    BusyTime "busy_time" ["busy_time_us", "busy"] "busy_time_us" INFO Microseconds "time with data to send";
    RwndLimited "rwnd_limited" ["rwnd_limited_us"] "rwnd_limited_us" INFO Microseconds "part of busy_time held up by the peer's window";
    SndbufLimited "sndbuf_limited" ["sndbuf_limited_us"] "sndbuf_limited_us" INFO Microseconds "part of busy_time held up by our send buffer";
    Delivered "delivered" [] "delivered" INFO Segments "segments that arrived so far";
    DeliveredCe "delivered_ce" [] "delivered_ce" INFO Segments "those of them with a congestion mark";
    BytesSent "bytes_sent" [] "bytes_sent" INFO Bytes "sent so far, with retransmissions";
    BytesRetrans "bytes_retrans" [] "bytes_retrans" INFO Bytes "retransmitted so far";
    DsackDups "dsack_dups" [] "dsack_dups" INFO Segments "retransmitted without need, says the peer";
    ReordSeen "reord_seen" [] "reord_seen" INFO Number "times that segments overtook each other";
    RcvOoopack "rcv_ooopack" [] "rcv_ooopack" INFO Segments "received out of order";
    SndWnd "snd_wnd" [] "snd_wnd" INFO Bytes "window that the peer offers";
    RcvWnd "rcv_wnd" [] "rcv_wnd" INFO Bytes "window that we offer";
    Rehash "rehash" [] "rehash" INFO Number "times that the flow was given another path";
    TotalRto "total_rto" [] "total_rto" INFO Number "retransmission timeouts so far";
    TotalRtoRecoveries "total_rto_recoveries" [] "total_rto_recoveries" INFO Number "recoveries from such timeouts";
    TotalRtoTime "total_rto_time" ["total_rto_time_ms"] "total_rto_time_ms" INFO Milliseconds "time spent in such recoveries";
    ReceivedCe "received_ce" [] "received_ce" INFO Segments "received with a congestion mark";
    DeliveredE1Bytes "delivered_e1_bytes" [] "delivered_e1_bytes" INFO Bytes "arrived marked ECT(1), says the peer";
    DeliveredE0Bytes "delivered_e0_bytes" [] "delivered_e0_bytes" INFO Bytes "arrived marked ECT(0), says the peer";
    DeliveredCeBytes "delivered_ce_bytes" [] "delivered_ce_bytes" INFO Bytes "arrived marked CE, says the peer";
    ReceivedE1Bytes "received_e1_bytes" [] "received_e1_bytes" INFO Bytes "received marked ECT(1)";
    ReceivedE0Bytes "received_e0_bytes" [] "received_e0_bytes" INFO Bytes "received marked ECT(0)";
    ReceivedCeBytes "received_ce_bytes" [] "received_ce_bytes" INFO Bytes "received marked CE";
    EcnMode "ecn_mode" [] "ecn_mode" INFO Word "disabled, rfc3168, accecn or pending; Linux 7.0";
    AccecnOptSeen "accecn_opt_seen" [] "accecn_opt_seen" INFO Word "whether the peer's Accurate ECN option was seen";
    AccecnFailMode "accecn_fail_mode" [] "accecn_fail_mode" INFO Words "what went wrong with Accurate ECN";
    Options2 "options2" [] "options2" INFO Number "24 more bits for options; Linux 7.0";
}

const COUNT: usize = TcpMetric::ALL.len();

/// How many counters the kernel keeps in 64 bits.
const LONGS: usize = 10;
/// How many it keeps in fewer.
const WORDS: usize = COUNT - LONGS;

/// The counters of one TCP socket, as far as the kernel sent them; what it did not send is 0 here.
///
/// As narrow as the kernel has them: they are read, compared and forgotten by the million.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    words: [u32; WORDS],
    longs: [u64; LONGS],
    /// A bit for each that was sent.
    known: u128,
}

impl TcpMetric {
    /// Whether the kernel has 64 bits for it.
    #[must_use]
    pub const fn is_long(self) -> bool {
        matches!(
            self,
            Self::PacingRate
                | Self::MaxPacingRate
                | Self::BytesAcked
                | Self::BytesReceived
                | Self::DeliveryRate
                | Self::BusyTime
                | Self::RwndLimited
                | Self::SndbufLimited
                | Self::BytesSent
                | Self::BytesRetrans
        )
    }

    /// Its place among [`TcpInfo::words`], or behind them among [`TcpInfo::longs`].
    #[must_use]
    #[inline]
    pub fn place(self) -> usize {
        // There is one for each.
        PLACES
            .get(self as usize)
            .map_or(COUNT, |place| usize::from(*place))
    }
}

/// The places of [`TcpMetric::ALL`].
const PLACES: [u8; COUNT] = {
    let mut found = [0; COUNT];
    let (mut words, mut longs) = (0, WORDS as u8);
    let (mut places, mut metrics): (&mut [u8], &[TcpMetric]) = (&mut found, TcpMetric::ALL);
    while let ([place, free @ ..], [metric, others @ ..]) = (places, metrics) {
        let next = if metric.is_long() {
            &mut longs
        } else {
            &mut words
        };
        *place = *next;
        *next += 1;
        places = free;
        metrics = others;
    }
    found
};

/// `TCP_SYN_SENT`.
const SYN_SENT: u64 = 2;
/// `TCP_LISTEN`.
const LISTEN: u64 = 10;
/// `TCP_INFINITE_SSTHRESH`: slow start does not end.
pub const INFINITE_SSTHRESH: u64 = 0x7fff_ffff;

impl TcpInfo {
    /// No counter.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            words: [0; WORDS],
            longs: [0; LONGS],
            known: 0,
        }
    }

    /// Has `read` write all words and longs, 0 for what was not sent, and return a bit for each that was, in the order of
    /// [`TcpMetric::ALL`]. They are some hundred bytes, which are not moved again.
    pub fn fill(&mut self, read: impl FnOnce(&mut [u32; WORDS], &mut [u64; LONGS]) -> u128) {
        self.known = read(&mut self.words, &mut self.longs);
    }

    /// These counters, and no other; those too large to be what the kernel has are left out.
    #[must_use]
    pub fn of(counters: &[(TcpMetric, u64)]) -> Self {
        let mut info = Self::none();
        for &(metric, n) in counters {
            let place = metric.place();
            if let Some(word) = info.words.get_mut(place) {
                // The kernel has no such number.
                let Ok(n) = u32::try_from(n) else { continue };
                *word = n;
            } else if let Some(long) = info.longs.get_mut(place - WORDS) {
                *long = n;
            }
            info.known |= 1 << metric as u32;
        }
        info
    }

    /// These numbers in the order of [`TcpMetric::ALL`], of which the ones with their bit in `known` were sent.
    #[cfg(test)]
    pub(crate) fn new(numbers: [u64; COUNT], known: u128) -> Self {
        let all: Vec<_> = TcpMetric::ALL.iter().copied().zip(numbers).collect();
        Self {
            known,
            ..Self::of(&all)
        }
    }

    /// What is in a counter's place.
    #[must_use]
    #[inline]
    pub fn number(&self, metric: TcpMetric) -> u64 {
        let place = metric.place();
        match self.words.get(place) {
            Some(word) => u64::from(*word),
            None => self.longs.get(place - WORDS).copied().unwrap_or(0),
        }
    }

    /// What the kernel sent.
    fn sent(&self, metric: TcpMetric) -> Option<u64> {
        (self.known >> metric as usize & 1 == 1).then_some(self.number(metric))
    }

    /// Whether the kernel sent it, be it a number that only says that there is none.
    #[must_use]
    pub fn has(&self, metric: TcpMetric) -> bool {
        self.sent(metric).is_some()
    }

    /// One of the counters; `None` where it was not sent, and where the kernel's number says that there is none: nothing measured
    /// yet, no limit. Of a listener only those that it has.
    #[must_use]
    pub fn get(&self, metric: TcpMetric) -> Option<u64> {
        (self.present() >> metric as usize & 1 == 1).then_some(self.number(metric))
    }

    /// The counters of 32 bits at most.
    #[must_use]
    pub const fn words(&self) -> &[u32; WORDS] {
        &self.words
    }

    /// The counters of 64 bits.
    #[must_use]
    pub const fn longs(&self) -> &[u64; LONGS] {
        &self.longs
    }

    /// The counters that were sent, as bits in the order of [`TcpMetric::ALL`].
    #[must_use]
    pub const fn known(&self) -> u128 {
        self.known
    }

    /// The counters for which [`TcpInfo::get`] has a number, as bits in the order of [`TcpMetric::ALL`].
    #[must_use]
    pub fn present(&self) -> u128 {
        let value = |metric| self.number(metric);
        let mut absent = 0;
        let mut clear = |metric: TcpMetric, nothing: bool| {
            absent |= u128::from(nothing) << metric as u32;
        };
        let unmeasured = value(TcpMetric::Rtt) == 0;
        clear(TcpMetric::Rtt, unmeasured);
        clear(TcpMetric::Rttvar, unmeasured);
        clear(TcpMetric::RcvRtt, value(TcpMetric::RcvRtt) == 0);
        clear(
            TcpMetric::MinRtt,
            value(TcpMetric::MinRtt) == u64::from(u32::MAX),
        );
        clear(
            TcpMetric::SndSsthresh,
            value(TcpMetric::SndSsthresh) >= INFINITE_SSTHRESH,
        );
        clear(
            TcpMetric::PacingRate,
            value(TcpMetric::PacingRate) == u64::MAX,
        );
        clear(
            TcpMetric::MaxPacingRate,
            value(TcpMetric::MaxPacingRate) == u64::MAX,
        );
        // Since boot, to be exact: nothing came or went yet.
        if self.sent(TcpMetric::State) == Some(SYN_SENT) {
            absent |= 1 << TcpMetric::LastDataSent as u32
                | 1 << TcpMetric::LastDataRecv as u32
                | 1 << TcpMetric::LastAckRecv as u32;
        }
        let present = self.known & !absent;
        if self.is_listener() {
            present & OF_LISTENERS
        } else {
            present
        }
    }

    /// What [`TcpInfo::send_rate`] is made of.
    pub const SEND_RATE: [TcpMetric; 3] = [TcpMetric::SndCwnd, TcpMetric::SndMss, TcpMetric::Rtt];

    /// How fast it can send by its window: `cwnd * snd_mss / rtt`, in bytes a second; `None` before a round trip was measured. `ss`
    /// calls it `send`.
    #[must_use]
    pub fn send_rate(&self) -> Option<u64> {
        self.send_rate_of(self.present())
    }

    /// The same for one whose [`TcpInfo::present`] is known.
    #[must_use]
    #[inline]
    pub fn send_rate_of(&self, present: u128) -> Option<u64> {
        let [window, mss, rtt_us] = Self::SEND_RATE.map(|metric| {
            let n = self.number(metric);
            if present >> metric as u32 & 1 == 1 {
                n
            } else {
                0
            }
        });
        let bytes = window.saturating_mul(mss);
        if bytes == 0 || rtt_us == 0 {
            return None;
        }
        // All three have 32 bits in the kernel: only a window beyond all reason needs the long division.
        match bytes.checked_mul(1_000_000) {
            Some(scaled) => Some(scaled / rtt_us),
            None => u64::try_from(u128::from(bytes) * 1_000_000 / u128::from(rtt_us)).ok(),
        }
    }

    fn is_listener(&self) -> bool {
        self.sent(TcpMetric::State) == Some(LISTEN)
    }

    /// One of the counters as a value with its unit.
    #[must_use]
    pub fn value(&self, metric: TcpMetric) -> Value<'static> {
        let Some(n) = self.get(metric) else {
            return if self.has(metric) {
                Value::None
            } else {
                Value::Unknown(Why::Source)
            };
        };
        metric.read(n)
    }
}

/// What the kernel fills in for listeners; it uses two more for the accept queue, which is known from elsewhere.
const OF_LISTENERS: u128 = 1 << TcpMetric::State as u32
    | 1 << TcpMetric::Reordering as u32
    | 1 << TcpMetric::SndCwnd as u32
    | 1 << TcpMetric::PacingRate as u32
    | 1 << TcpMetric::MaxPacingRate as u32;

impl TcpMetric {
    /// A number that the kernel sent for it, as a value with its unit.
    #[must_use]
    pub fn read(self, n: u64) -> Value<'static> {
        match self.unit() {
            Unit::Bytes => Value::Bytes(n),
            Unit::Microseconds => Value::Microseconds(n),
            Unit::Milliseconds => Value::Milliseconds(n),
            Unit::Rate => Value::Rate(n),
            Unit::Flag => Value::Flag(n != 0),
            Unit::Words => Value::Words(n, self.words()),
            Unit::Word => word(self, n).map_or(Value::Number(n), Value::Word),
            _ => Value::Number(n),
        }
    }

    /// The words of its bits, the lowest first, or of its numbers, from 0; none if it is a plain number. In lower case, as the
    /// kernel's headers have them.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Options => TCP_OPTIONS,
            Self::AccecnFailMode => ACCECN_FAILURES,
            Self::CaState => &["open", "disorder", "cwr", "recovery", "loss"],
            Self::FastopenClientFail => &[
                "none",
                "cookie-unavailable",
                "data-not-acked",
                "syn-retransmitted",
            ],
            Self::EcnMode => &["disabled", "rfc3168", "accecn", "pending"],
            Self::AccecnOptSeen => &["not-seen", "empty-seen", "counter-seen", "fail-seen"],
            _ => &[],
        }
    }
}

/// The word for a number; `None` for a number this program does not know.
fn word(metric: TcpMetric, n: u64) -> Option<&'static str> {
    metric.words().get(usize::try_from(n).ok()?).copied()
}

fn read(row: Row<'_>, metric: TcpMetric) -> Value<'_> {
    match &row.socket.details().and_then(|d| d.tcp.as_ref()) {
        Some(info) => info.value(metric),
        // Nothing is measured without a connection, and the kernel sends no counters then.
        None if is_unconnected(row) => Value::None,
        None => missing(row),
    }
}

/// Whether a TCP socket is in no connection and waits for none: bound at most.
fn is_unconnected(row: Row<'_>) -> bool {
    matches!(row.socket.state, State::Close | State::BoundInactive)
        && row.socket.protocol == Protocol::Tcp
}

/// What stands for a fact about TCP connections that a socket does not have.
pub(super) fn missing(row: Row<'_>) -> Value<'_> {
    match row.socket.protocol {
        Protocol::Tcp if row.socket.is_mini() => Value::Unknown(Why::NoFile),
        Protocol::Tcp => Value::Unknown(Why::Source),
        _ => Value::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(change: impl FnOnce(&mut [u64; COUNT])) -> TcpInfo {
        let mut values = [0; COUNT];
        change(&mut values);
        TcpInfo::new(values, (1 << COUNT) - 1)
    }

    #[test]
    fn numbers_that_say_there_is_none_are_none() {
        let fresh = info(|v| {
            v[TcpMetric::MinRtt as usize] = u32::MAX.into();
            v[TcpMetric::Rttvar as usize] = 250_000;
            v[TcpMetric::SndSsthresh as usize] = INFINITE_SSTHRESH;
            v[TcpMetric::PacingRate as usize] = u64::MAX;
        });
        for metric in [
            TcpMetric::Rtt,
            TcpMetric::Rttvar,
            TcpMetric::MinRtt,
            TcpMetric::SndSsthresh,
            TcpMetric::PacingRate,
        ] {
            assert!(matches!(fresh.value(metric), Value::None), "{metric:?}");
        }
        assert_eq!(fresh.get(TcpMetric::Lost), Some(0));
        let calling = info(|v| {
            v[TcpMetric::State as usize] = SYN_SENT;
            v[TcpMetric::LastDataSent as usize] = 48_938_496;
            v[TcpMetric::Rto as usize] = 1_000_000;
        });
        assert!(matches!(
            calling.value(TcpMetric::LastDataSent),
            Value::None
        ));
        assert_eq!(calling.get(TcpMetric::Rto), Some(1_000_000));
        assert_eq!(calling.send_rate(), None);
    }

    #[test]
    fn a_window_in_every_round_trip() {
        let of = |cwnd, mss, rtt| {
            info(|v| {
                v[TcpMetric::SndCwnd as usize] = cwnd;
                v[TcpMetric::SndMss as usize] = mss;
                v[TcpMetric::Rtt as usize] = rtt;
            })
            .send_rate()
        };
        assert_eq!(of(10, 1448, 4_200), Some(3_447_619));
        assert_eq!(of(10, 1448, 0), None);
        let most = u64::from(u32::MAX);
        assert_eq!(of(most, 2, 1_000_000), Some(2 * most));
        assert_eq!(of(most, most, 1_000_000), Some(most * most));
        assert_eq!(of(most, most, 1), None);
    }

    #[test]
    fn every_counter_has_a_place_of_its_own() {
        let numbers: [u64; COUNT] = std::array::from_fn(|n| n as u64);
        let info = TcpInfo::new(numbers, (1 << COUNT) - 1);
        for metric in TcpMetric::ALL {
            assert_eq!(info.number(*metric), *metric as u64, "{metric:?}");
        }
        let long = TcpInfo::of(&[(TcpMetric::BytesSent, u64::MAX), (TcpMetric::Rto, 1 << 32)]);
        assert_eq!(long.get(TcpMetric::BytesSent), Some(u64::MAX));
        assert_eq!(long.get(TcpMetric::Rto), None);
    }

    #[test]
    fn listeners_have_few_counters_and_what_was_not_sent_is_unknown() {
        let listener = info(|v| {
            v[TcpMetric::State as usize] = LISTEN;
            v[TcpMetric::Unacked as usize] = 3;
        });
        assert_eq!(listener.get(TcpMetric::Unacked), None);
        assert_eq!(listener.get(TcpMetric::SndCwnd), Some(0));
        let short = TcpInfo::new([7; COUNT], 1);
        assert_eq!(short.get(TcpMetric::State), Some(7));
        assert!(matches!(
            short.value(TcpMetric::Rto),
            Value::Unknown(Why::Source)
        ));
    }
}
