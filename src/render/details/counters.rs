//! TCP's own counters as a paragraph.

use super::lines::Lines;
use super::recent::{Recent, Text};
use super::value;
use crate::model::{Details, Row, State, TcpMetric, Unit};
use crate::render::escape::escape_into;
use crate::render::pieces::{Piece, decimal};
use crate::render::{text, units};

/// Appends the paragraph, if the socket has counters.
pub(super) fn write(lines: &mut Lines<'_>, row: Row<'_>, details: &Details, recent: &mut Recent) {
    let Some(info) = &details.tcp else { return };
    lines.group("tcp");
    match &details.congestion {
        Some(name) => lines.item(1, |out| escape_into(out, name.bytes())),
        None => lines.item(1, |out| out.extend_from_slice(b"congestion ?")),
    }
    let counters = Counters {
        values: info.values(),
        present: info.present(),
    };
    if let Some(state) = counters.get(TcpMetric::CaState) {
        lines.named(TcpMetric::CaState.name(), |out| {
            counters.value(out, TcpMetric::CaState, state);
        });
    }
    let zero = counters.write(lines, recent);
    if zero > 0 {
        lines.item(2, |out| {
            decimal(out, zero.into());
            out.extend_from_slice(if zero == 1 {
                b" other is 0"
            } else {
                b" others are 0"
            });
        });
    }
    let lacking = [
        // What connections have and listeners do not would be most of the list.
        if row.socket.state == State::Listen {
            0
        } else {
            info.known() & !counters.present & !ELSEWHERE
        },
        !info.known() & ALL & !ELSEWHERE,
    ];
    if lines.is_wrapped() {
        return write_lacking(lines, lacking);
    }
    if let Some(text) = recent.lacks.text(lacking) {
        return lines.put(text);
    }
    let start = lines.written().len();
    write_lacking(lines, lacking);
    let text = lines.written().get(start..).unwrap_or_default();
    recent.lacks.remember(lacking, text);
}

/// The counters of one socket.
#[derive(Clone, Copy)]
struct Counters<'a> {
    values: &'a [u64; TcpMetric::ALL.len()],
    /// A bit for each that there is.
    present: u128,
}

impl Counters<'_> {
    fn get(self, metric: TcpMetric) -> Option<u64> {
        let n = self.values.get(metric as usize)?;
        (self.present >> metric as u32 & 1 == 1).then_some(*n)
    }

    /// Appends those that are not 0, and says how many are.
    fn write(self, lines: &mut Lines<'_>, recent: &mut Recent) -> u32 {
        let shown = self.present & !ELSEWHERE;
        // A shift of so many bits is several instructions, of half as many it is one.
        let (low, high) = (shown as u64, (shown >> 64) as u64);
        let mut zero = shown.count_ones();
        let order = READING_ORDER.iter().zip(&mut recent.counters);
        for (&metric, text) in order {
            let place = metric as usize;
            let Some(&n) = self.values.get(place) else {
                continue;
            };
            let half = if place < 64 { low } else { high };
            if n == 0 || half >> (place % 64) & 1 == 0 {
                continue;
            }
            zero -= 1;
            if !lines.put_again(text, n) {
                self.item(lines, metric, n, text);
            }
        }
        zero
    }

    /// Appends one, and keeps its text.
    #[inline(never)]
    fn item(self, lines: &mut Lines<'_>, metric: TcpMetric, n: u64, text: &mut Text) {
        lines.item(0, |out| {
            let start = out.len();
            if let Some(name) = NAMES.get(metric as usize) {
                name.put(out);
            }
            self.value(out, metric, n);
            if !has_company(metric) {
                text.remember(n, out.get(start..).unwrap_or_default());
            }
        });
    }

    /// Appends a value with its unit.
    fn value(self, out: &mut Vec<u8>, metric: TcpMetric, n: u64) {
        match metric {
            TcpMetric::Rtt => round_trip(out, n, self.get(TcpMetric::Rttvar)),
            // 1448 means something to people, 1.41 KiB does not.
            TcpMetric::SndMss | TcpMetric::RcvMss | TcpMetric::Advmss | TcpMetric::Pmtu => {
                decimal(out, n);
            }
            TcpMetric::RwndLimited | TcpMetric::SndbufLimited => {
                units::microseconds(out, n);
                share(out, n, self.get(TcpMetric::BusyTime));
            }
            _ => match metric.unit() {
                // That it is named says it.
                Unit::Flag => {}
                Unit::Bytes => units::bytes(out, n),
                Unit::Microseconds => units::microseconds(out, n),
                Unit::Milliseconds => text::duration(out, u32::try_from(n).unwrap_or(u32::MAX)),
                Unit::Rate => units::rate(out, n),
                Unit::Word | Unit::Words => value(out, &metric.read(n)),
                _ => decimal(out, n),
            },
        }
    }
}

/// Whether another counter has its part in the text.
const fn has_company(metric: TcpMetric) -> bool {
    matches!(
        metric,
        TcpMetric::Rtt | TcpMetric::RwndLimited | TcpMetric::SndbufLimited
    )
}

fn write_lacking(lines: &mut Lines<'_>, [none, unknown]: [u128; 2]) {
    let names = |bits: u128| {
        READING_ORDER
            .into_iter()
            .filter(move |m| bits >> *m as u32 & 1 == 1)
            .map(TcpMetric::name)
    };
    lines.together("none", names(none));
    lines.together("unknown", names(unknown));
}

/// Every counter.
const ALL: u128 = (1 << TcpMetric::ALL.len()) - 1;

/// Counters that are elsewhere: in the row, first of all, behind the round-trip time, and nowhere, as no kernel keeps it.
const ELSEWHERE: u128 = 1 << TcpMetric::State as u32
    | 1 << TcpMetric::CaState as u32
    | 1 << TcpMetric::Rttvar as u32
    | 1 << TcpMetric::LastAckSent as u32;

/// The names in the order of the header, with the blanks around them.
const NAMES: [Piece; TcpMetric::ALL.len()] = {
    let mut names = [Piece::EMPTY; TcpMetric::ALL.len()];
    let (mut places, mut metrics): (&mut [Piece], &[TcpMetric]) = (&mut names, TcpMetric::ALL);
    while let ([place, free @ ..], [metric, others @ ..]) = (places, metrics) {
        *place = match metric.unit() {
            Unit::Flag => Piece::joined(&["  ", metric.name()]),
            _ => Piece::joined(&["  ", metric.name(), " "]),
        };
        places = free;
        metrics = others;
    }
    names
};

/// The counters in the order in which a person looks for them: how far away, how fast, what was lost, how much; then the rest.
const READING_ORDER: [TcpMetric; TcpMetric::ALL.len()] = [
    TcpMetric::CaState,
    TcpMetric::Rtt,
    TcpMetric::MinRtt,
    TcpMetric::RcvRtt,
    TcpMetric::Rto,
    TcpMetric::Backoff,
    TcpMetric::Retransmits,
    TcpMetric::Ato,
    TcpMetric::SndCwnd,
    TcpMetric::SndSsthresh,
    TcpMetric::DeliveryRate,
    TcpMetric::DeliveryRateAppLimited,
    TcpMetric::PacingRate,
    TcpMetric::MaxPacingRate,
    TcpMetric::Unacked,
    TcpMetric::Sacked,
    TcpMetric::Lost,
    TcpMetric::Retrans,
    TcpMetric::TotalRetrans,
    TcpMetric::BytesRetrans,
    TcpMetric::DsackDups,
    TcpMetric::Reordering,
    TcpMetric::ReordSeen,
    TcpMetric::RcvOoopack,
    TcpMetric::TotalRto,
    TcpMetric::TotalRtoRecoveries,
    TcpMetric::TotalRtoTime,
    TcpMetric::Rehash,
    TcpMetric::Probes,
    TcpMetric::Fackets,
    TcpMetric::BytesSent,
    TcpMetric::BytesAcked,
    TcpMetric::BytesReceived,
    TcpMetric::NotsentBytes,
    TcpMetric::Delivered,
    TcpMetric::SegsOut,
    TcpMetric::SegsIn,
    TcpMetric::DataSegsOut,
    TcpMetric::DataSegsIn,
    TcpMetric::BusyTime,
    TcpMetric::RwndLimited,
    TcpMetric::SndbufLimited,
    TcpMetric::LastDataSent,
    TcpMetric::LastDataRecv,
    TcpMetric::LastAckRecv,
    TcpMetric::LastAckSent,
    TcpMetric::SndMss,
    TcpMetric::RcvMss,
    TcpMetric::Advmss,
    TcpMetric::Pmtu,
    TcpMetric::SndWnd,
    TcpMetric::RcvWnd,
    TcpMetric::RcvSpace,
    TcpMetric::RcvSsthresh,
    TcpMetric::SndWscale,
    TcpMetric::RcvWscale,
    TcpMetric::Options,
    TcpMetric::FastopenClientFail,
    TcpMetric::EcnMode,
    TcpMetric::ReceivedCe,
    TcpMetric::DeliveredCe,
    TcpMetric::DeliveredE1Bytes,
    TcpMetric::DeliveredE0Bytes,
    TcpMetric::DeliveredCeBytes,
    TcpMetric::ReceivedE1Bytes,
    TcpMetric::ReceivedE0Bytes,
    TcpMetric::ReceivedCeBytes,
    TcpMetric::AccecnOptSeen,
    TcpMetric::AccecnFailMode,
    TcpMetric::Options2,
    TcpMetric::State,
    TcpMetric::Rttvar,
];

/// A time and how much it varies, in the unit of the time: `4.2ms ±1.1`.
fn round_trip(out: &mut Vec<u8>, us: u64, varies: Option<u64>) {
    units::microseconds(out, us);
    if let Some(varies) = varies {
        out.extend_from_slice(" ±".as_bytes());
        units::in_unit_of(out, varies, us);
    }
}

/// Its share of the whole: ` (12%)`.
fn share(out: &mut Vec<u8>, part: u64, whole: Option<u64>) {
    if let Some(whole) = whole.filter(|&n| n > 0) {
        out.extend_from_slice(b" (");
        decimal(out, (u128::from(part) * 100 / u128::from(whole)) as u64);
        out.extend_from_slice(b"%)");
    }
}
