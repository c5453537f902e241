//! TCP's own counters as a paragraph.

use super::lines::Lines;
use super::recent::{self, Recent, Texts};
use super::value;
use crate::model::{
    Details, ExtraMetric, Family, KernelName, Row, State, TcpInfo, TcpMetric, Unit,
};
use crate::render::escape::escape_into;
use crate::render::pieces::{Piece, decimal};
use crate::render::units;

/// Appends the paragraph, if the socket has counters.
pub(super) fn write(lines: &mut Lines<'_>, row: Row<'_>, details: &Details, recent: &mut Recent) {
    let Some(info) = &details.tcp else { return };
    let counters = Counters {
        info,
        present: info.present(),
    };
    let kind = Kind {
        known: info.known(),
        present: counters.present,
        is_listener: row.socket.state == State::Listen,
        family: row.socket.family,
        spoke: [TcpMetric::BytesAcked, TcpMetric::BytesReceived].map(|m| counters.or_zero(m) > 0),
        congestion: details.congestion,
    };
    let head = |lines: &mut Lines<'_>| {
        lines.group("tcp");
        match &details.congestion {
            Some(name) => lines.item(1, |out| escape_into(out, name.bytes())),
            None => lines.item(1, |out| out.extend_from_slice(b"congestion ?")),
        }
    };
    let tail = |lines: &mut Lines<'_>| {
        lines.together(2, "none", names(kind.none()));
    };
    let Recent {
        alike,
        counters: texts,
        extra,
        ..
    } = recent;
    let parts = Parts {
        counters,
        texts,
        send_rate: extra.get_mut(ExtraMetric::SendRate as usize),
    };
    alike.write(lines, kind, info, parts, (head, tail));
}

/// Writes the parts of one paragraph.
pub(super) struct Parts<'a> {
    counters: Counters<'a>,
    /// The last texts of each counter, and of the rate that is made of three.
    texts: &'a mut [Texts; TcpMetric::ALL.len()],
    send_rate: Option<&'a mut Texts>,
}

impl Parts<'_> {
    /// Appends one, given how many counters are 0. For every row, hence in place.
    #[inline(always)]
    pub(super) fn put(&mut self, out: &mut Vec<u8>, part: Part, zeros: u32) {
        let texts = match part {
            Part::SendRate => self.send_rate.as_deref_mut(),
            _ => part.counter().and_then(|m| self.texts.get_mut(m as usize)),
        };
        let kept = texts.and_then(|texts| texts.of(self.counters.number(part)));
        recent::put(out, kept, |out| self.counters.part(out, part, zeros));
    }
}

/// What connections can have in common without having the same values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    known: u128,
    present: u128,
    is_listener: bool,
    /// Segments of IPv4 and of IPv6 have other sizes.
    family: Family,
    /// Whether this end, and the other, has sent anything: clients and servers, busy and idle ones have other numbers.
    spoke: [bool; 2],
    congestion: Option<KernelName>,
}

impl Kind {
    /// A bit for each counter that is told here.
    const fn counted(self) -> u128 {
        self.present & !ELSEWHERE
    }

    /// A bit for each that the kernel sent, and one for each that it did not.
    pub(super) const fn sent_and_not(self) -> (u128, u128) {
        let here = ALL & !ELSEWHERE;
        (self.known & here, !self.known & here)
    }

    /// A bit for each that is told only if it is not 0.
    pub(super) const fn told(self) -> u128 {
        self.counted() & !ALWAYS
    }

    /// A bit for each that there is none of.
    const fn none(self) -> u128 {
        // What connections have and listeners do not would be most of the list.
        if self.is_listener {
            0
        } else {
            self.known & !self.present & !ELSEWHERE
        }
    }
}

/// A part of the paragraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A counter whose text depends on nothing but itself.
    Counter(TcpMetric),
    /// The round-trip time, and how much it varies.
    RoundTrip,
    /// The time that the peer's window held up data, and its share of the whole.
    WindowShare,
    /// The same for our buffer.
    BufferShare,
    /// How long ago data was sent, data came and an acknowledgement came: mostly the same, as most connections are idle.
    Since,
    /// What is no counter, but made of three.
    SendRate,
    /// How many are 0.
    Zeros,
}

impl Part {
    /// The parts of paragraphs of a kind, in reading order.
    pub(super) fn all_of(kind: Kind) -> Vec<Self> {
        let counted = |m: &TcpMetric| has(kind.counted(), *m);
        let counters = READING_ORDER.into_iter().filter(counted).map(Self::of);
        let mut parts: Vec<_> = counters.chain([Self::SendRate, Self::Zeros]).collect();
        parts.dedup();
        parts
    }

    /// The items of which it consists: a line may end between two of them.
    pub(super) fn items(self, kind: Kind) -> impl Iterator<Item = Self> {
        let items = match self {
            Self::Since => self.counters().map(|metric| {
                let counted = metric.filter(|m| has(kind.counted(), *m));
                counted.map(Self::Counter)
            }),
            _ => [Some(self), None, None],
        };
        items.into_iter().flatten()
    }

    /// The part that a counter is.
    const fn of(metric: TcpMetric) -> Self {
        match metric {
            TcpMetric::Rtt => Self::RoundTrip,
            TcpMetric::RwndLimited => Self::WindowShare,
            TcpMetric::SndbufLimited => Self::BufferShare,
            TcpMetric::LastDataSent | TcpMetric::LastDataRecv | TcpMetric::LastAckRecv => {
                Self::Since
            }
            _ => Self::Counter(metric),
        }
    }

    /// The counter that it is.
    const fn counter(self) -> Option<TcpMetric> {
        let [counter, ..] = match self {
            Self::SendRate => return None,
            _ => self.counters(),
        };
        counter
    }

    /// The counters that it is made of, itself first.
    pub(super) const fn counters(self) -> [Option<TcpMetric>; 3] {
        use TcpMetric as M;
        match self {
            Self::Counter(metric) => [Some(metric), None, None],
            Self::RoundTrip => [Some(M::Rtt), Some(M::Rttvar), None],
            Self::WindowShare => [Some(M::RwndLimited), Some(M::BusyTime), None],
            Self::BufferShare => [Some(M::SndbufLimited), Some(M::BusyTime), None],
            Self::Since => [
                Some(M::LastDataSent),
                Some(M::LastDataRecv),
                Some(M::LastAckRecv),
            ],
            Self::SendRate => {
                let [window, segment, rtt] = TcpInfo::SEND_RATE;
                [Some(window), Some(segment), Some(rtt)]
            }
            Self::Zeros => [None; 3],
        }
    }
}

/// Whether a counter's bit is set.
const fn has(bits: u128, metric: TcpMetric) -> bool {
    bits >> metric as u32 & 1 == 1
}

/// The counters of one socket.
#[derive(Clone, Copy)]
pub(super) struct Counters<'a> {
    info: &'a TcpInfo,
    /// A bit for each that there is.
    present: u128,
}

impl Counters<'_> {
    fn get(self, metric: TcpMetric) -> Option<u64> {
        has(self.present, metric).then_some(self.or_zero(metric))
    }

    #[inline]
    fn or_zero(self, metric: TcpMetric) -> u64 {
        self.info.number(metric)
    }

    /// The number that the whole text of a part depends on, if there is one.
    #[inline]
    fn number(self, part: Part) -> Option<u64> {
        match part {
            Part::Counter(metric) => Some(self.or_zero(metric)),
            // The kernel has 32 bits for either.
            Part::RoundTrip => self
                .get(TcpMetric::Rttvar)
                .map(|varies| self.or_zero(TcpMetric::Rtt) | varies << 32),
            Part::SendRate => self.info.send_rate_of(self.present),
            Part::WindowShare | Part::BufferShare | Part::Since | Part::Zeros => None,
        }
    }

    /// Appends a part with its name: nothing of a counter that is 0, unless that is a word.
    #[inline(never)]
    fn part(self, out: &mut Vec<u8>, part: Part, zeros: u32) {
        match part {
            Part::SendRate => {
                if let Some(rate) = self.info.send_rate_of(self.present) {
                    SEND_RATE.put(out);
                    units::rate(out, rate);
                }
            }
            Part::Zeros => write_zeros(out, zeros),
            Part::Since => self.since(out),
            _ => {
                let Some(metric) = part.counter() else { return };
                let n = self.or_zero(metric);
                if let Some(name) = NAMES.get(metric as usize)
                    && (n > 0 || has(ALWAYS, metric))
                {
                    name.put(out);
                    self.value(out, metric, n);
                }
            }
        }
    }

    /// Appends how long ago data and acknowledgements came and went; the same time is put into words once.
    fn since(self, out: &mut Vec<u8>) {
        let mut last = (0, 0..0);
        for metric in Part::Since.counters().into_iter().flatten() {
            let ms = self.get(metric).unwrap_or(0);
            if ms == 0 {
                continue;
            }
            if let Some(name) = NAMES.get(metric as usize) {
                name.put(out);
            }
            let start = out.len();
            if last.0 == ms {
                out.extend_from_within(last.1.clone());
            } else {
                units::milliseconds(out, ms);
            }
            last = (ms, start..out.len());
        }
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
                Unit::Milliseconds => units::milliseconds(out, n),
                Unit::Rate => units::rate(out, n),
                Unit::Word | Unit::Words => value(out, &metric.read(n)),
                _ => decimal(out, n),
            },
        }
    }
}

/// Says how many are 0.
fn write_zeros(out: &mut Vec<u8>, zeros: u32) {
    if zeros > 0 {
        out.extend_from_slice(b"  ");
        decimal(out, zeros.into());
        out.extend_from_slice(if zeros == 1 {
            b" other is 0"
        } else {
            b" others are 0"
        });
    }
}

/// The name of what is made of three counters.
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
        let percent = match part.checked_mul(100) {
            Some(hundred) => hundred / whole,
            None => (u128::from(part) * 100 / u128::from(whole)) as u64,
        };
        decimal(out, percent);
        out.extend_from_slice(b"%)");
    }
}
