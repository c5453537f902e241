//! Details of a socket below its row: one paragraph for each group, wrapped to the screen.
//!
//! Counters that are not 0 are there with their values; of the rest it is said how many are 0, and named is what there is none of:
//! most connections have never lost a segment, and forty zeros hide the two numbers that matter. What was not told of any socket, as
//! the kernel is older than the counter, is named once below the list. Records have a line for each of them.

mod alike;
mod blocks;
mod bpf;
mod counters;
mod lines;
mod paragraph;
mod recent;

pub(super) use lines::Lines;
pub(super) use recent::Recent;

use super::escape::escape_into;
use super::own_details;
use super::pieces::{Piece, decimal};
use super::text;
use super::units;
use crate::model::{
    DetailSet, Details, ExtraMetric, FieldId, MemoryMetric, Queues, Row, TcpMetric, Value,
};

/// Which details, and where they go.
#[derive(Clone, Copy, Debug, Default)]
pub struct DetailOptions {
    /// What was asked for.
    pub shown: DetailSet,
    /// Behind the row instead of below it.
    pub oneline: bool,
}

/// Appends the details of a row, which follow it without the newline that ends it; nothing if there are none.
pub(super) fn write(
    out: &mut Vec<u8>,
    row: Row<'_>,
    options: DetailOptions,
    width: Option<usize>,
    recent: &mut Recent,
) {
    let mut lines = Lines::new(out, width, options.oneline);
    // What only some families have is nothing of listeners.
    let own = DetailSet::OWN.or(DetailSet::BPF_STORAGE);
    if !options.shown.without(own).is_empty() {
        listener(&mut lines, row);
    }
    let Some(details) = row.socket.details() else {
        return;
    };
    if options.shown.has(DetailSet::INFO) {
        counters::write(&mut lines, row, details, recent);
        blocks::write(&mut lines, row, details, recent);
    }
    if details.own.is_some() {
        own_details::write(&mut lines, row, options.shown);
    }
    if options.shown.has(DetailSet::MEMORY) {
        memory(&mut lines, row, details, recent);
    }
    if options
        .shown
        .has(DetailSet::TOS.or(DetailSet::SOCKET_OPTIONS))
    {
        ip(&mut lines, row, options.shown, details);
    }
    if options.shown.has(DetailSet::BPF_STORAGE) {
        bpf::write(&mut lines, row, details);
    }
}

/// Whether a socket has details of the kind that a field belongs to. Of the others a record has no line, as a row has no paragraph.
pub(super) fn has(row: Row<'_>, field: FieldId) -> bool {
    let details = row.socket.details();
    match field {
        FieldId::Tcp(_) => details.is_some_and(|d| d.tcp.is_some()),
        FieldId::Memory(_) => details.is_some_and(|d| d.memory.is_some()),
        FieldId::Extra(_) => details.is_some(),
        _ => true,
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

/// The text of a value: sizes with their unit, as there is no heading here to tell it.
pub(super) fn value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Bytes(n) => units::bytes(out, *n),
        Value::Milliseconds(ms) => units::milliseconds(out, *ms),
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
        Value::None => out.extend_from_slice(text::NONE),
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

/// The number that the text of a value depends on, if there is one: what a field is counted in never changes.
fn number(value: &Value<'_>) -> Option<u64> {
    match *value {
        Value::Bytes(n) | Value::Microseconds(n) | Value::Rate(n) | Value::Number(n) => Some(n),
        Value::Factor256(n) => Some(n.into()),
        Value::Signed(n) => Some(n.cast_unsigned()),
        _ => None,
    }
}

fn memory(lines: &mut Lines<'_>, row: Row<'_>, details: &Details, recent: &mut Recent) {
    if details.memory.is_none() {
        return;
    }
    let read = |n: usize| {
        let metric = MemoryMetric::ALL.get(n);
        metric.map_or(Value::None, |metric| metric.value(row))
    };
    let texts = &mut recent.memory;
    let item = |out: &mut Vec<u8>, n: usize, number: Option<u64>| {
        let texts = texts.get_mut(n);
        recent::put(out, texts.and_then(|texts| texts.of(number)), |out| {
            if let Some(name) = MEMORY.get(n) {
                name.put(out);
            }
            value(out, &read(n));
        });
    };
    let number = |n| number(&read(n));
    recent
        .buffers
        .write(lines, "memory", MEMORY.len(), number, item);
}

/// The names of [`MemoryMetric::ALL`] with the blanks around them.
const MEMORY: [Piece; MemoryMetric::ALL.len()] = {
    let mut names = [Piece::EMPTY; MemoryMetric::ALL.len()];
    let mut gap = " ";
    let (mut places, mut metrics): (&mut [Piece], &[MemoryMetric]) =
        (&mut names, MemoryMetric::ALL);
    while let ([place, free @ ..], [metric, others @ ..]) = (places, metrics) {
        *place = Piece::joined(&[gap, metric.name(), " "]);
        gap = "  ";
        places = free;
        metrics = others;
    }
    names
};

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
