//! Details of a socket below its row: one paragraph for each group, wrapped to the screen.
//!
//! Counters that are not 0 are there with their values; of the rest it is said how many are 0, and named is what there is none of
//! and what nobody can tell: most connections have never lost a segment, and forty zeros hide the two numbers that matter. Records
//! have a line for each of them.

use super::escape::escape_into;
use super::layout::display_width;
use super::own_details;
use super::pieces::{Piece, decimal};
use super::text;
use super::units;
use crate::model::{
    DetailSet, Details, ExtraMetric, FieldId, MemoryMetric, Queues, Row, State, TcpInfo, TcpMetric,
    Unit, Value,
};

/// Which details, and where they go.
#[derive(Clone, Copy, Debug, Default)]
pub struct DetailOptions {
    /// What was asked for.
    pub shown: DetailSet,
    /// Behind the row instead of below it.
    pub oneline: bool,
}

/// Blanks before a paragraph.
const INDENT: usize = 4;
/// Blanks before its further lines.
const HANGING: usize = 6;

/// Appends the details of a row, which follow it without the newline that ends it; nothing if there are none.
pub(super) fn write(
    out: &mut Vec<u8>,
    row: Row<'_>,
    options: DetailOptions,
    width: Option<usize>,
    lacks: &mut Lacks,
) {
    let mut lines = Lines {
        out,
        width: width.filter(|_| !options.oneline),
        oneline: options.oneline,
        column: 0,
    };
    // What only some families have is nothing of listeners.
    let own = DetailSet::EXTENDED.or(DetailSet::FILTER);
    if !options.shown.without(own).is_empty() {
        listener(&mut lines, row);
    }
    let Some(details) = row.socket.details() else {
        return;
    };
    if options.shown.has(DetailSet::INFO) {
        tcp(&mut lines, row, details, lacks);
        blocks(&mut lines, row, details);
    }
    if details.own.is_some() {
        own_details::write(&mut lines, row, options.shown);
    }
    if options.shown.has(DetailSet::MEMORY) {
        memory(&mut lines, row, details);
    }
    if options
        .shown
        .has(DetailSet::TOS.or(DetailSet::SOCKET_OPTIONS))
    {
        ip(&mut lines, row, options.shown, details);
    }
}

/// Paragraphs in the making.
pub(super) struct Lines<'a> {
    out: &'a mut Vec<u8>,
    width: Option<usize>,
    oneline: bool,
    /// Columns that the line has.
    column: usize,
}

impl Lines<'_> {
    /// Begins a paragraph.
    pub(super) fn group(&mut self, label: &str) {
        if self.oneline {
            self.out.extend_from_slice(b"  ");
        } else {
            self.newline(INDENT);
        }
        self.out.extend_from_slice(label.as_bytes());
        self.out.push(b':');
        self.column += label.len() + 1;
    }

    pub(super) fn newline(&mut self, indent: usize) {
        self.out.push(b'\n');
        super::pieces::blanks(self.out, indent);
        self.column = indent;
    }

    /// Appends an item, on the next line if it does not fit this one. `gap` are the blanks before it.
    #[inline]
    pub(super) fn item(&mut self, gap: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if self.width.is_none() {
            super::pieces::blanks(self.out, gap);
            return write(self.out);
        }
        let start = self.out.len();
        super::pieces::blanks(self.out, gap);
        write(self.out);
        let Some(width) = self.width else { return };
        let taken = display_width(self.out.get(start..).unwrap_or_default());
        if self.column + taken <= width {
            self.column += taken;
            return;
        }
        let item = self.out.get(start..).unwrap_or_default();
        let blanks = item.iter().take_while(|b| **b == b' ').count();
        let item = item.get(blanks..).unwrap_or_default().to_vec();
        self.out.truncate(start);
        self.newline(HANGING);
        self.out.extend_from_slice(&item);
        self.column += taken - blanks;
    }

    /// A name and its value.
    pub(super) fn named(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.item(2, |out| {
            out.extend_from_slice(name.as_bytes());
            out.push(b' ');
            write(out);
        });
    }

    /// A line of its own below the paragraph, or behind it where there is only one line.
    pub(super) fn line(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.oneline {
            self.out.extend_from_slice(b"  ");
        } else {
            self.newline(HANGING);
        }
        write(self.out);
    }

    /// Names that have the same to say.
    pub(super) fn together(&mut self, what: &str, names: impl Iterator<Item = &'static str>) {
        let mut first = true;
        for name in names {
            if std::mem::take(&mut first) {
                self.item(2, |out| {
                    out.extend_from_slice(what.as_bytes());
                    out.extend_from_slice(b": ");
                    out.extend_from_slice(name.as_bytes());
                });
            } else {
                self.item(1, |out| out.extend_from_slice(name.as_bytes()));
            }
        }
    }
}

/// What a listener has: a queue, and drops of its own.
fn listener(lines: &mut Lines<'_>, row: Row<'_>) {
    let Queues::Accept { .. } = row.socket.queues else {
        return;
    };
    lines.group("accept");
    lines.item(1, |out| accept_queue(out, row));
    let drops = row.socket.details().and_then(|d| d.memory);
    if let Some(drops) = drops.and_then(|memory| memory.get(MemoryMetric::Drops)) {
        lines.named("drops", |out| text::signed(out, drops));
    }
}

/// `3/128`, and a word if the queue is full.
pub(super) fn accept_queue(out: &mut Vec<u8>, row: Row<'_>) {
    let Queues::Accept { length, limit } = row.socket.queues else {
        return;
    };
    decimal(out, length.into());
    out.push(b'/');
    match limit {
        Some(limit) => decimal(out, limit.into()),
        None => out.extend_from_slice(text::UNKNOWN),
    }
    if row.socket.queues.is_full() {
        out.extend_from_slice(b" FULL");
    }
}

fn tcp(lines: &mut Lines<'_>, row: Row<'_>, details: &Details, lacks: &mut Lacks) {
    let Some(info) = &details.tcp else { return };
    lines.group("tcp");
    match &details.congestion {
        Some(name) => lines.item(1, |out| escape_into(out, name.bytes())),
        None => lines.item(1, |out| out.extend_from_slice(b"congestion ?")),
    }
    let present = info.present() & !ELSEWHERE;
    if let Some(state) = info.get(TcpMetric::CaState) {
        counter(lines, info, TcpMetric::CaState, state);
    }
    let mut zero = present.count_ones();
    for (metric, name) in READING_ORDER.iter().zip(&NAMES) {
        let place = *metric as usize;
        match info.values().get(place) {
            Some(&n) if n != 0 && present >> place & 1 == 1 => {
                zero -= 1;
                lines.item(0, |out| {
                    name.put(out);
                    counter_value(out, info, *metric, n);
                });
            }
            _ => {}
        }
    }
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
            info.known() & !info.present() & !ELSEWHERE
        },
        !info.known() & ALL & !ELSEWHERE,
    ];
    if lines.width.is_some() {
        return write_lacking(lines, lacking);
    }
    // Most connections are alike in what they have not: as clients, as servers.
    if let Some((_, text)) = lacks.known.iter().find(|(of, _)| *of == lacking) {
        return lines.out.extend_from_slice(text);
    }
    let start = lines.out.len();
    write_lacking(lines, lacking);
    lacks.remember(lacking, lines.out.get(start..).unwrap_or_default());
}

/// What the last rows had none of, and its text.
#[derive(Debug, Default)]
pub(super) struct Lacks {
    known: Vec<([u128; 2], Vec<u8>)>,
    next: usize,
}

impl Lacks {
    /// How many are remembered; comparing with more would cost what it saves.
    const MOST: usize = 8;

    fn remember(&mut self, of: [u128; 2], text: &[u8]) {
        if let Some((old, room)) = self.known.get_mut(self.next) {
            *old = of;
            room.clear();
            room.extend_from_slice(text);
        } else {
            self.known.push((of, text.to_vec()));
        }
        self.next = (self.next + 1) % Self::MOST;
    }
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

/// The names in reading order, with the blanks around them.
const NAMES: [Piece; READING_ORDER.len()] = {
    let mut names = [Piece::EMPTY; READING_ORDER.len()];
    let (mut places, mut metrics): (&mut [Piece], &[TcpMetric]) = (&mut names, &READING_ORDER);
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

fn counter(lines: &mut Lines<'_>, info: &TcpInfo, metric: TcpMetric, n: u64) {
    lines.named(metric.name(), |out| counter_value(out, info, metric, n));
}

fn counter_value(out: &mut Vec<u8>, info: &TcpInfo, metric: TcpMetric, n: u64) {
    match metric {
        TcpMetric::Rtt => round_trip(out, n, info.get(TcpMetric::Rttvar)),
        // 1448 means something to people, 1.41 KiB does not.
        TcpMetric::SndMss | TcpMetric::RcvMss | TcpMetric::Advmss | TcpMetric::Pmtu => {
            decimal(out, n);
        }
        TcpMetric::RwndLimited | TcpMetric::SndbufLimited => {
            units::microseconds(out, n);
            share(out, n, info.get(TcpMetric::BusyTime));
        }
        _ => match metric.unit() {
            // That it is named says it.
            Unit::Flag => {}
            Unit::Bytes => units::bytes(out, n),
            Unit::Microseconds => units::microseconds(out, n),
            Unit::Milliseconds => text::duration(out, u32::try_from(n).unwrap_or(u32::MAX)),
            Unit::Rate => units::rate(out, n),
            Unit::Word | Unit::Words => value(out, &info.value(metric)),
            _ => decimal(out, n),
        },
    }
}

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

/// The text of a value: sizes with their unit, as there is no heading here to tell it.
pub(super) fn value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Bytes(n) => units::bytes(out, *n),
        Value::Milliseconds(ms) => text::duration(out, u32::try_from(*ms).unwrap_or(u32::MAX)),
        Value::Microseconds(us) => units::microseconds(out, *us),
        Value::Rate(rate) => units::rate(out, *rate),
        Value::Factor256(n) => units::factor(out, *n),
        Value::Number(n) => decimal(out, *n),
        // Only memory is ever negative.
        Value::Signed(n) => {
            text::signed(out, *n);
            out.extend_from_slice(b" B");
        }
        Value::Hex(n) => super::pieces::hex(out, *n),
        Value::Words(bits, names) => text::words(out, *bits, names),
        Value::Word(word) => out.extend_from_slice(word.as_bytes()),
        Value::Flag(flag) => out.extend_from_slice(if *flag { b"yes" } else { b"no" }),
        Value::Text(bytes) => escape_into(out, bytes),
        Value::Name(bytes) => escape_into(out, bytes),
        _ => out.extend_from_slice(text::UNKNOWN),
    }
}

/// Appends the value of a field that has a line to itself, with its unit; of other values `plain` tells the text.
pub(super) fn alone(
    out: &mut Vec<u8>,
    field: FieldId,
    row: Row<'_>,
    plain: impl FnOnce(&mut Vec<u8>),
) {
    let read = (field.field().extract)(row);
    match (field, &read) {
        // As below the rows: without one.
        (
            FieldId::Tcp(
                TcpMetric::SndMss | TcpMetric::RcvMss | TcpMetric::Advmss | TcpMetric::Pmtu,
            ),
            _,
        ) => plain(out),
        (FieldId::RecvQueue | FieldId::SendQueue, Value::Number(n)) => units::bytes(out, *n),
        (_, Value::Bytes(_) | Value::Milliseconds(_) | Value::Signed(_)) => value(out, &read),
        _ => plain(out),
    }
}

/// Some fields whose names all begin with their group, which the label says already.
fn block(lines: &mut Lines<'_>, row: Row<'_>, label: &str, metrics: &[ExtraMetric]) {
    lines.group(label);
    let mut gap = 1;
    for &metric in metrics {
        let name = metric.name().get(label.len() + 1..).unwrap_or_default();
        let read = metric.value(row);
        lines.item(std::mem::replace(&mut gap, 2), |out| {
            out.extend_from_slice(name.as_bytes());
            out.push(b' ');
            value(out, &read);
        });
    }
}

const BBR: &[ExtraMetric] = &[
    ExtraMetric::BbrBw,
    ExtraMetric::BbrMinRtt,
    ExtraMetric::BbrPacingGain,
    ExtraMetric::BbrCwndGain,
];
const DCTCP: &[ExtraMetric] = &[
    ExtraMetric::DctcpEnabled,
    ExtraMetric::DctcpCeState,
    ExtraMetric::DctcpAlpha,
    ExtraMetric::DctcpAbEcn,
    ExtraMetric::DctcpAbTot,
];
const VEGAS: &[ExtraMetric] = &[
    ExtraMetric::VegasEnabled,
    ExtraMetric::VegasRttcnt,
    ExtraMetric::VegasRtt,
    ExtraMetric::VegasMinrtt,
];
const TLS: &[ExtraMetric] = &[
    ExtraMetric::TlsVersion,
    ExtraMetric::TlsCipher,
    ExtraMetric::TlsTxconf,
    ExtraMetric::TlsRxconf,
    ExtraMetric::TlsZcRoTx,
    ExtraMetric::TlsRxNoPad,
    ExtraMetric::TlsTxMaxPayload,
];
const MPTCP: &[ExtraMetric] = &[
    ExtraMetric::MptcpFlags,
    ExtraMetric::MptcpTokenRem,
    ExtraMetric::MptcpTokenLoc,
    ExtraMetric::MptcpIdRem,
    ExtraMetric::MptcpIdLoc,
    ExtraMetric::MptcpRelwriteSeq,
    ExtraMetric::MptcpMapSeq,
    ExtraMetric::MptcpMapSfseq,
    ExtraMetric::MptcpSsnOffset,
    ExtraMetric::MptcpMapDatalen,
];

fn blocks(lines: &mut Lines<'_>, row: Row<'_>, details: &Details) {
    use crate::model::Congestion;
    match details.congestion_info {
        Some(Congestion::Bbr(_)) => block(lines, row, "bbr", BBR),
        Some(Congestion::Dctcp(_)) => block(lines, row, "dctcp", DCTCP),
        Some(Congestion::Vegas(_)) => block(lines, row, "vegas", VEGAS),
        None => {}
    }
    if let Some(ulp) = &details.ulp {
        if ulp.tls.is_some() {
            block(lines, row, "tls", TLS);
        }
        if ulp.mptcp.is_some() {
            block(lines, row, "mptcp", MPTCP);
        }
        if let (Some(name), None, None) = (&ulp.name, ulp.tls, ulp.mptcp) {
            lines.group("ulp");
            lines.item(1, |out| escape_into(out, name.bytes()));
        }
    }
    if !details.md5_keys.is_empty() {
        lines.group("md5");
        let mut gap = 1;
        for key in &details.md5_keys {
            lines.item(std::mem::replace(&mut gap, 2), |out| {
                super::address::address(out, key.address);
                out.push(b'/');
                decimal(out, key.prefix_length.into());
                out.extend_from_slice(b" (key of ");
                units::bytes(out, key.key_length.into());
                out.push(b')');
            });
        }
    }
}

fn memory(lines: &mut Lines<'_>, row: Row<'_>, details: &Details) {
    if details.memory.is_none() {
        return;
    }
    lines.group("memory");
    let mut gap = 1;
    for &metric in MemoryMetric::ALL {
        let read = metric.value(row);
        lines.item(std::mem::replace(&mut gap, 2), |out| {
            out.extend_from_slice(metric.name().as_bytes());
            out.push(b' ');
            value(out, &read);
        });
    }
}

fn ip(lines: &mut Lines<'_>, row: Row<'_>, shown: DetailSet, details: &Details) {
    let has_tos = shown.has(DetailSet::TOS) && details.tos.or(details.tclass).is_some();
    let has_options = shown.has(DetailSet::SOCKET_OPTIONS) && details.socket_options.is_some();
    let parts = [
        (ExtraMetric::Tos, has_tos),
        (ExtraMetric::Tclass, has_tos),
        (ExtraMetric::ClassId, has_tos),
        (ExtraMetric::SocketOptions, has_options),
    ];
    let mut gap = 0;
    for (metric, _) in parts.into_iter().filter(|(_, has)| *has) {
        let read = metric.value(row);
        if matches!(read, Value::None) {
            continue;
        }
        if gap == 0 {
            lines.group("ip");
            gap = 1;
        }
        lines.item(std::mem::replace(&mut gap, 2), |out| {
            out.extend_from_slice(metric.name().as_bytes());
            out.push(b' ');
            value(out, &read);
        });
    }
}

impl DetailOptions {
    /// Whether rows have anything below them.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.shown.is_empty()
    }
}
