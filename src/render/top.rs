//! Groups of sockets as a table for a person. As JSON: `top_json`.

use super::Closing;
use super::address::address;
use super::columns::Column;
use super::escape::{escape, quote_into};
use super::grid::{Cell, Grid, Heading};
use super::layout::{self, CutAt, LEAVES_FIRST};
use super::pieces::hex;
use super::text::{self, TextOptions};
use super::{text_ends, units};
use crate::analysis::top::{Bytes, Counts, Group, GroupEnd, GroupValue, Missing, StateSlot, Top};
use crate::model::{FieldId, IfIndex, Names, NoOwner, Notice, Unit};
use std::fmt::Write as _;
use std::io::{self, Write};

/// How the table looks.
#[derive(Clone, Copy, Debug)]
pub struct TopOptions {
    /// Whether there are a heading and a line of totals.
    pub header: bool,
    /// Columns of the screen; `None` for no limit.
    pub width: Option<usize>,
}

/// Writes the groups for a person. Returns what there was no room for.
///
/// # Errors
/// If the output cannot be written.
pub fn top_text(
    out: &mut impl Write,
    top: &Top,
    closing: &Closing,
    names: &dyn Names,
    options: TopOptions,
) -> io::Result<Option<Notice>> {
    let (mut text, dropped) = if top.groups.is_empty() {
        Default::default()
    } else {
        groups(top, names, options)
    };
    if options.header {
        totals(&mut text, top, closing);
    }
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok((!dropped.is_empty()).then_some(Notice::ColumnsDropped {
        columns: dropped,
        remedy: "--width none or --json",
    }))
}

/// The groups, in the most telling table that there is room for, and the columns that there was none for.
fn groups(top: &Top, names: &dyn Names, options: TopOptions) -> (String, Vec<&'static str>) {
    let columns = grid(top, names, options.header, States::Columns);
    let Some(room) = options.width else {
        return columns.lines(None).unwrap_or_default();
    };
    let list = grid(top, names, options.header, States::List);
    // What gives way first: words that say the same in less room, then bytes. A list can be the longer of the two.
    let candidates = [
        (&columns, true),
        (&list, true),
        (&columns, false),
        (&list, false),
    ];
    let whole = candidates
        .iter()
        .find(|(grid, extras)| grid.width(*extras) <= room);
    let grid = whole.map_or(&list, |(grid, _)| *grid);
    grid.lines(Some(room))
        .unwrap_or_else(|| (list.records(), Vec::new()))
}

/// How the states of a group are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum States {
    /// A column for each.
    Columns,
    /// One column for all.
    List,
}

fn grid(top: &Top, names: &dyn Names, header: bool, shown: States) -> Grid {
    // With the state among the fields, every group has one.
    let one_state = top.fields().any(|field| field == FieldId::State);
    let states: Vec<StateSlot> = StateSlot::all()
        .filter(|slot| {
            shown == States::Columns
                && !one_state
                && top.groups.iter().any(|g| g.counts.in_state(*slot) > 0)
        })
        .collect();
    let state_list = shown == States::List && !one_state;
    let listeners = top.groups.iter().any(|g| g.counts.accept_queue().is_some());
    let moved = top.groups.iter().any(|g| g.counts.moved().is_some());
    let has_counters = |counts: &Counts| counts.carried().is_some() || counts.bytes_unknown > 0;
    let carried = top.interval.is_none() && top.groups.iter().any(|g| has_counters(&g.counts));

    let mut columns: Vec<Heading> = top.fields().map(|field| of_field(field, None)).collect();
    columns.push(Heading::numbers("SOCKETS", None));
    if top.interval.is_some() {
        columns.extend(["NEW/s", "GONE/s"].map(|label| Heading::numbers(label, None)));
    }
    let of_bytes: &[&str] = match (moved, carried) {
        (true, _) => &["IN/s", "OUT/s"],
        (false, true) => &["RECEIVED", "ACKED"],
        (false, false) => &[],
    };
    let extra = |label: &&'static str| Heading::numbers(label, Some(LEAVES_FIRST));
    columns.extend(of_bytes.iter().map(extra));
    let of_state = |slot: &StateSlot| Heading::numbers(slot.label(), None);
    columns.extend(states.iter().map(of_state));
    let of_queue = |field| of_field(field, Column::of(field).leaves);
    // Of listeners alone both queues are empty columns.
    let queues = |c: &Counts| c.recv_queue().is_some() || c.send_queue().is_some();
    let has_queues = |c: &Counts| queues(c) || c.queues_unknown > 0;
    let any_queues = top.groups.iter().any(|g| has_queues(&g.counts));
    let of_data = |field| Heading {
        leaves: Column::of(field)
            .leaves
            .filter(|_| any_queues)
            .or(Some(LEAVES_FIRST)),
        ..of_queue(field)
    };
    columns.extend([FieldId::RecvQueue, FieldId::SendQueue].map(of_data));
    if listeners {
        columns.push(of_queue(FieldId::AcceptQueue));
    }
    if state_list {
        columns.push(Heading {
            label: "STATES",
            right: false,
            leaves: None,
            cut_at: CutAt::Entry,
        });
    }
    let row = |group: &Group| {
        let counts = &group.counts;
        let fields = top.fields().zip(top.values(group));
        let mut row: Vec<Cell> = fields
            .map(|(field, value)| value_cell(field, value, names))
            .collect();
        let mut numbers = vec![counts.sockets().to_string()];
        if let Some(interval) = top.interval {
            numbers.extend(match counts.churn() {
                Some((new, gone)) => {
                    [new, gone].map(|n| format!("{:.1}", f64::from(n) / interval.as_secs_f64()))
                }
                None => ["?", "?"].map(str::to_owned),
            });
            if moved {
                numbers.extend(bytes_text(counts.moved(), 0, interval.as_secs_f64()));
            }
        }
        if carried {
            numbers.extend(bytes_text(counts.carried(), counts.bytes_unknown, 1.0));
        }
        numbers.extend(states.iter().map(|slot| match counts.in_state(*slot) {
            0 => "-".to_owned(),
            n => n.to_string(),
        }));
        numbers.push(sum(counts.recv_queue(), counts.queues_unknown));
        numbers.push(sum(counts.send_queue(), counts.queues_unknown));
        if listeners {
            numbers.push(sum(counts.accept_queue(), 0));
        }
        row.extend(numbers.into_iter().map(Cell::whole));
        if state_list {
            row.push(Cell {
                text: state_list_text(counts),
                elastic: true,
            });
        }
        row
    };
    Grid {
        rows: top.groups.iter().map(row).collect(),
        columns,
        header,
    }
}

/// The column of a field, which leaves so.
fn of_field(field: FieldId, leaves: Option<u8>) -> Heading {
    let column = Column::of(field);
    Heading {
        label: column.heading,
        right: column.right,
        leaves,
        cut_at: column.cut_at(),
    }
}

/// What a group has in common, which gives way as in a list: names do, addresses do not.
fn value_cell(field: FieldId, value: GroupValue<'_>, names: &dyn Names) -> Cell {
    let is_unix = matches!(
        value,
        GroupValue::Name(_) | GroupValue::Path(_) | GroupValue::Abstract(_)
    );
    let text = value_text(value, names);
    let may_be_cut = Column::of(field).is_elastic() && !layout::is_reason(text.as_bytes());
    Cell {
        elastic: may_be_cut || is_unix,
        text,
    }
}

/// `ESTAB 10, CLOSE-WAIT 3`, the most frequent first.
fn state_list_text(counts: &Counts) -> String {
    let mut states: Vec<_> = counts.states().collect();
    states.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words: Vec<_> = states
        .iter()
        .map(|(slot, count)| format!("{} {count}", slot.label()))
        .collect();
    if words.is_empty() {
        return "-".to_owned();
    }
    words.join(", ")
}

/// Bytes in both directions in so many seconds, and `+?` if more is not known.
fn bytes_text(bytes: Option<Bytes>, unknown: u32, seconds: f64) -> [String; 2] {
    let Some(bytes) = bytes else {
        let none = if unknown > 0 { "?" } else { "-" };
        return [none.to_owned(), none.to_owned()];
    };
    [bytes.received, bytes.acked].map(|n| {
        let mut text = Vec::new();
        units::bytes(&mut text, (n as f64 / seconds) as u64);
        if unknown > 0 {
            text.extend_from_slice(b"+?");
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// A sum of what is known; `+?` if more is not.
fn sum(known: Option<u64>, unknown: u32) -> String {
    match (known, unknown) {
        (Some(n), 0) => n.to_string(),
        (Some(n), _) => format!("{n}+?"),
        (None, 0) => "-".to_owned(),
        (None, _) => "?".to_owned(),
    }
}

fn totals(text: &mut String, top: &Top, closing: &Closing) {
    let plural =
        |n: u64, one: &str, several: &str| format!("{n} {}", if n == 1 { one } else { several });
    let groups = top.groups.len() as u64 + top.more;
    if !top.groups.is_empty() {
        text.push('\n');
    }
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{} in {}",
        plural(top.total.sockets(), "socket", "sockets"),
        plural(groups, "group", "groups")
    );
    if let Some(interval) = top.interval {
        let _ = match top.total.churn() {
            Some((new, gone)) => write!(
                text,
                "; in {:.1} s {new} came and {gone} went",
                interval.as_secs_f64()
            ),
            None => write!(text, "; which of them are new is unknown"),
        };
    }
    text.push('\n');
    if top.shared > 0 {
        let _ = writeln!(
            text,
            "{} held by several processes and counted in each of their groups",
            plural(top.shared, "socket is", "sockets are")
        );
    }
    if top.more > 0 {
        let _ = writeln!(
            text,
            "{} not shown (-n all shows every one)",
            plural(top.more, "more group", "more groups")
        );
    }
    // Sockets whose owners are hidden are counted all the same.
    let lacks_rows = |n: &Notice| n.means_incomplete() && !matches!(n, Notice::OwnersHidden { .. });
    if closing.notices.iter().any(lacks_rows) {
        text.push_str("These counts are incomplete.\n");
    }
}

/// A value as a table shows it.
fn value_text(value: GroupValue<'_>, names: &dyn Names) -> String {
    let mut out = Vec::new();
    match value {
        GroupValue::Missing(why) => out.extend_from_slice(missing_text(why).as_bytes()),
        GroupValue::Flag(flag) => out.extend_from_slice(if flag { b"yes" } else { b"no" }),
        GroupValue::Quantity(n, Unit::Microseconds) => units::microseconds(&mut out, n),
        GroupValue::Quantity(n, Unit::Rate) => units::rate(&mut out, n),
        GroupValue::Quantity(n, Unit::Factor) => {
            units::factor(&mut out, u32::try_from(n).unwrap_or(u32::MAX));
        }
        GroupValue::Number(n) | GroupValue::Quantity(n, _) => return n.to_string(),
        GroupValue::Signed(n) => return n.to_string(),
        GroupValue::Words(bits, names) => text::words(&mut out, bits, names),
        GroupValue::Hex(n) => hex(&mut out, n),
        GroupValue::Word(word) => return word.to_owned(),
        GroupValue::Address(ip) => address(&mut out, ip),
        GroupValue::End(end) => end_text(&mut out, end, names),
        GroupValue::Other(end) => {
            let (ends, side) = end.as_ends();
            text_ends::end(&mut out, &ends, side, names, TextOptions::default());
        }
        GroupValue::Inode(inode) => return format!("#{}", inode.0),
        GroupValue::Name(name) | GroupValue::Path(name) => quote_into(&mut out, name),
        GroupValue::Abstract(name) => {
            out.push(b'@');
            quote_into(&mut out, name);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

const fn missing_text(why: Missing) -> &'static str {
    match why {
        Missing::Nothing => "-",
        Missing::Unknown(_) | Missing::Gone => "?",
        Missing::Hidden => "(hidden)",
        Missing::Unsaved => "(not in the dump)",
        Missing::NoOwner(reason) => match reason {
            NoOwner::TimeWait => "(time-wait)",
            NoOwner::Orphan => "(orphan)",
            NoOwner::AcceptQueue => "(in accept queue)",
            NoOwner::HalfOpen => "(half-open)",
            NoOwner::Kernel => "(kernel)",
            NoOwner::InTransit => "(in transit, it seems)",
            NoOwner::IoUring => "(io_uring)",
            NoOwner::Closed | NoOwner::Other => "(no process seen)",
        },
    }
}

/// `address%interface:port`, as in a list with numbers.
fn end_text(out: &mut Vec<u8>, end: GroupEnd, names: &dyn Names) {
    if end.dual_stack {
        out.push(b'*');
    } else if end.address.is_ipv6() {
        out.push(b'[');
        address(out, end.address);
        out.push(b']');
    } else {
        address(out, end.address);
    }
    if let Some(index) = end.interface {
        out.push(b'%');
        out.extend_from_slice(interface_text(index, names).as_bytes());
    }
    match end.port.0 {
        0 => out.extend_from_slice(b":*"),
        port => out.extend_from_slice(format!(":{port}").as_bytes()),
    }
}

/// The name of an interface, or its number if it has none any more.
pub(super) fn interface_text(index: IfIndex, names: &dyn Names) -> String {
    names
        .interface(index)
        .map_or_else(|| format!("if{}", index.0), |name| escape(&name))
}
