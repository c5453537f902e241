//! TCP's own counters as a paragraph.

use super::lines::Lines;
use super::recent::{Recent, Text, Texts};
use super::{named_value, value};
use crate::model::{Details, ExtraMetric, Row, State, TcpMetric, Unit, Value};
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
    // What connections have and listeners do not would be most of the list.
    let none = match row.socket.state {
        State::Listen => 0,
        _ => info.known() & !counters.present & !ELSEWHERE,
    };
    recent.unknown |= !info.known() & ALL & !ELSEWHERE;
    let counted = counters.present & !ELSEWHERE;
    let shown = counted & (counters.nonzero() | ALWAYS);
    let zeros = (counted & !shown).count_ones();
    let shape = recent.shapes.of([shown, counted, none], || {
        let mut rest = Vec::new();
        write_rest(&mut Lines::new(&mut rest, None, true), zeros, none);
        let order = READING_ORDER.into_iter();
        (order.filter(|m| has(shown, *m)).collect(), rest)
    });
    let Some(shape) = shape else { return };
    for &metric in &shape.order {
        let place = metric as usize;
        if let (Some(&n), Some(texts)) = (info.values().get(place), recent.counters.get_mut(place))
        {
            counters.item(lines, metric, n, texts);
        }
    }
    if let Some(rate) = info.send_rate() {
        let text = recent.extra.get_mut(ExtraMetric::SendRate as usize);
        named_value(lines, &SEND_RATE, &Value::Rate(rate), text);
    }
    if lines.is_wrapped() {
        write_rest(lines, zeros, none);
    } else {
        lines.put(&shape.rest);
    }
}

/// Whether a counter's bit is set.
const fn has(bits: u128, metric: TcpMetric) -> bool {
    bits >> metric as u32 & 1 == 1
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
        has(self.present, metric).then_some(*n)
    }

    /// A bit for each value that is not 0.
    fn nonzero(self) -> u128 {
        // Eight at a time, each a byte of 0 or 1: the product has the eight lowest bits side by side in its highest byte.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let mut flags = [0; TcpMetric::ALL.len()];
        for (flag, n) in flags.iter_mut().zip(self.values) {
            *flag = u8::from(*n != 0);
        }
        let (eights, rest) = flags.as_chunks();
        let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56;
        let mut all = 0;
        for (place, flag) in rest.iter().enumerate() {
            all |= u128::from(*flag) << (eights.len() * 8 + place);
        }
        for eight in eights.iter().rev() {
            all = all << 8 | u128::from(bits(eight));
        }
        all
    }

    /// Appends one.
    #[inline]
    fn item(self, lines: &mut Lines<'_>, metric: TcpMetric, n: u64, texts: &mut Texts) {
        let kept = self
            .whole_number(metric, n)
            .and_then(|number| Some((number, texts.place(number)?)));
        match kept {
            Some((number, text)) if lines.put_again(text, number) => {}
            _ => self.new_item(lines, metric, n, kept),
        }
    }

    /// The number that the whole text of a counter depends on, if there is one.
    #[inline]
    fn whole_number(self, metric: TcpMetric, n: u64) -> Option<u64> {
        match metric {
            // How much it varies belongs to its text; the kernel has 32 bits for either.
            TcpMetric::Rtt => self.get(TcpMetric::Rttvar).map(|varies| n | varies << 32),
            // As does what time they are a share of, which makes two.
            TcpMetric::RwndLimited | TcpMetric::SndbufLimited => None,
            _ => Some(n),
        }
    }

    /// Appends one, and keeps its text as that of a number.
    #[inline(never)]
    fn new_item(
        self,
        lines: &mut Lines<'_>,
        metric: TcpMetric,
        n: u64,
        keep: Option<(u64, &mut Text)>,
    ) {
        lines.item(0, |out| {
            let start = out.len();
            if let Some(name) = NAMES.get(metric as usize) {
                name.put(out);
            }
            self.value(out, metric, n);
            if let Some((number, text)) = keep {
                text.remember(number, out.get(start..).unwrap_or_default());
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

/// Says how many are 0, and names what there is none of.
fn write_rest(lines: &mut Lines<'_>, zeros: u32, none: u128) {
    if zeros > 0 {
        lines.item(2, |out| {
            decimal(out, zeros.into());
            out.extend_from_slice(if zeros == 1 {
                b" other is 0"
            } else {
                b" others are 0"
            });
        });
    }
    lines.together(2, "none", names(none));
}

/// What is no counter, but made of three.
const SEND_RATE: Piece = Piece::joined(&["  ", ExtraMetric::SendRate.name(), " "]);

/// The names of counters in reading order.
pub(super) fn names(bits: u128) -> impl Iterator<Item = &'static str> {
    READING_ORDER
        .into_iter()
        .filter(move |m| has(bits, *m))
        .map(TcpMetric::name)
}

/// Every counter.
const ALL: u128 = (1 << TcpMetric::ALL.len()) - 1;

/// Counters whose 0 is a word.
const ALWAYS: u128 = 1 << TcpMetric::CaState as u32;

/// Counters that are elsewhere: in the row, behind the round-trip time, and nowhere, as no kernel keeps it.
const ELSEWHERE: u128 = 1 << TcpMetric::State as u32
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
