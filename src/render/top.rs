//! Groups of sockets as a table for a person. As JSON: `top_json`.

use super::Closing;
use super::address::address;
use super::columns::Column;
use super::escape::{escape, quote_into};
use super::layout::display_width;
use super::pieces::hex;
use super::text::{self, TextOptions};
use super::{text_ends, units};
use crate::analysis::top::{Bytes, Counts, GroupEnd, GroupValue, Missing, StateSlot, Top};
use crate::model::{FieldId, IfIndex, Names, NoOwner, Notice, Unit};
use comfy_table::{CellAlignment, Table, presets};
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
    let mut text = String::new();
    let mut dropped = Vec::new();
    if !top.groups.is_empty() {
        let fits = |text: &str| {
            let mut widths = text.lines().map(|line| display_width(line.as_bytes()));
            options.width.is_none_or(|room| widths.all(|w| w <= room))
        };
        for layout in Layout::BEST_FIRST {
            (text, dropped) = table(top, names, options, layout);
            if fits(&text) {
                break;
            }
        }
    }
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

/// Which columns there are.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// A column for each state instead of one for all.
    states: bool,
    /// The columns for bytes.
    bytes: bool,
}

impl Layout {
    /// What gives way first: words that say the same in less room, then bytes.
    const BEST_FIRST: [Self; 4] = [
        Self::new(true, true),
        Self::new(false, true),
        Self::new(true, false),
        Self::new(false, false),
    ];

    const fn new(states: bool, bytes: bool) -> Self {
        Self { states, bytes }
    }
}

/// The table, and the columns that it would have in another layout.
fn table(
    top: &Top,
    names: &dyn Names,
    options: TopOptions,
    layout: Layout,
) -> (String, Vec<&'static str>) {
    let Layout {
        states: state_columns,
        bytes,
    } = layout;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // With the state among the fields, every group has one.
    let one_state = top.fields().any(|field| field == FieldId::State);
    let states: Vec<StateSlot> = StateSlot::all()
        .filter(|slot| {
            state_columns && !one_state && top.groups.iter().any(|g| g.counts.in_state(*slot) > 0)
        })
        .collect();
    let listeners = top.groups.iter().any(|g| g.counts.accept_queue().is_some());
    let fields: Vec<Column> = top.fields().map(Column::of).collect();
    let mut header: Vec<&str> = fields.iter().map(|column| column.heading).collect();
    header.push("SOCKETS");
    if top.interval.is_some() {
        header.extend(["NEW/s", "GONE/s"]);
    }
    let moved = top.groups.iter().any(|g| g.counts.moved().is_some());
    let has_counters = |counts: &Counts| counts.carried().is_some() || counts.bytes_unknown > 0;
    let carried = top.interval.is_none() && top.groups.iter().any(|g| has_counters(&g.counts));
    let mut dropped = Vec::new();
    let of_bytes: &[&str] = match (moved, carried) {
        (true, _) => &["IN/s", "OUT/s"],
        (false, true) => &["RECEIVED", "ACKED"],
        (false, false) => &[],
    };
    if bytes {
        header.extend(of_bytes);
    } else {
        dropped.extend(of_bytes);
    }
    header.extend(states.iter().map(|slot| slot.label()));
    header.extend(["RECV-Q", "SEND-Q"]);
    if listeners {
        header.push("ACCEPT-Q");
    }
    let numbers = header.len() - fields.len();
    let state_list_column = !state_columns && !one_state;
    if state_list_column {
        header.push("STATES");
    }
    if options.header {
        table.set_header(header);
    }
    for group in &top.groups {
        let counts = &group.counts;
        let mut row: Vec<String> = top
            .values(group)
            .into_iter()
            .map(|value| value_text(value, names))
            .collect();
        row.push(counts.sockets().to_string());
        if let Some(interval) = top.interval {
            let (new, gone) = match counts.churn() {
                Some((new, gone)) => {
                    let rate = |n: u32| format!("{:.1}", f64::from(n) / interval.as_secs_f64());
                    (rate(new), rate(gone))
                }
                None => ("?".to_owned(), "?".to_owned()),
            };
            row.extend([new, gone]);
            if moved && bytes {
                row.extend(bytes_text(counts.moved(), 0, interval.as_secs_f64()));
            }
        }
        if carried && bytes {
            row.extend(bytes_text(counts.carried(), counts.bytes_unknown, 1.0));
        }
        row.extend(states.iter().map(|slot| match counts.in_state(*slot) {
            0 => "-".to_owned(),
            n => n.to_string(),
        }));
        row.push(sum(counts.recv_queue(), counts.queues_unknown));
        row.push(sum(counts.send_queue(), counts.queues_unknown));
        if listeners {
            row.push(sum(counts.accept_queue(), 0));
        }
        if state_list_column {
            row.push(state_list(counts));
        }
        table.add_row(row);
    }
    let right = fields.iter().map(|column| column.right);
    let right = right
        .chain(std::iter::repeat_n(true, numbers))
        .chain([false]);
    for (column, right) in table.column_iter_mut().zip(right) {
        column.set_padding((0, 2));
        if right {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    (text, dropped)
}

/// `ESTAB 10, CLOSE-WAIT 3`, the most frequent first.
fn state_list(counts: &Counts) -> String {
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
