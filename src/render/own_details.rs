//! Details that only one protocol has, below its row.

use super::details::{Lines, value};
use super::pieces::decimal;
use crate::model::{
    DetailSet, MptcpMetric, OwnDetails, OwnMetric, PacketDetails, Program, Row, SctpInfo,
    SctpMetric, Value,
};
use std::io::Write as _;

/// Appends those that are shown.
#[cold]
pub(super) fn write(lines: &mut Lines<'_>, row: Row<'_>, shown: DetailSet) {
    let extended = shown.has(DetailSet::EXTENDED);
    let only = |prefix| move |metric: &OwnMetric| metric.name().starts_with(prefix);
    match row.socket.own_details() {
        Some(OwnDetails::Mptcp(_)) if shown.has(DetailSet::INFO) => {
            let all = MptcpMetric::ALL.iter();
            let values = all.map(|metric| (behind(metric.name(), "mptcp_"), metric.value(row)));
            paragraph(lines, "mptcp", values);
        }
        Some(OwnDetails::Sctp(info)) if shown.has(DetailSet::INFO) => sctp(lines, row, info),
        // Most have neither a file nor clients that wait.
        Some(OwnDetails::Unix(unix))
            if extended && (unix.file.is_some() || !unix.waiting.is_empty()) =>
        {
            group(lines, row, "unix", "unix_", only("unix_"));
        }
        Some(OwnDetails::Packet(packet)) => {
            if extended {
                self::packet(lines, row, packet);
            }
            if shown.has(DetailSet::FILTER) {
                filter(lines, packet);
            }
        }
        Some(OwnDetails::Netlink(_)) if extended => {
            group(lines, row, "netlink", "netlink_", only("netlink_"));
        }
        Some(OwnDetails::Xdp(_)) if extended => group(lines, row, "xdp", "xdp_", only("xdp_")),
        Some(OwnDetails::Tipc(_)) if shown.has(DetailSet::TIPC) => {
            group(lines, row, "tipc", "tipc_", only("tipc_"));
        }
        _ => {}
    }
}

/// A name without the prefix that the label says already.
fn behind(name: &'static str, prefix: &str) -> &'static str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// Fields of this protocol's own as a paragraph.
fn group(
    lines: &mut Lines<'_>,
    row: Row<'_>,
    label: &str,
    prefix: &str,
    chosen: impl Fn(&OwnMetric) -> bool,
) {
    let all = OwnMetric::ALL.iter().filter(|metric| chosen(metric));
    paragraph(
        lines,
        label,
        all.map(|metric| (behind(metric.name(), prefix), metric.value(row))),
    );
}

/// What there is, then how many are 0, and the names of what there is none of and of what nobody can tell.
fn paragraph<'a>(
    lines: &mut Lines<'_>,
    label: &str,
    values: impl Iterator<Item = (&'static str, Value<'a>)>,
) {
    let (mut zero, mut none, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    lines.group(label);
    let mut gap = 1;
    let mut is_alone = true;
    for (name, read) in values {
        match read {
            Value::Unknown(_) => unknown.push(name),
            Value::None => none.push(name),
            Value::Number(0)
            | Value::Hex(0)
            | Value::Bytes(0)
            | Value::Milliseconds(0)
            | Value::Words(0, _)
            | Value::Flag(false) => zero.push(name),
            read => {
                is_alone = false;
                lines.item(std::mem::replace(&mut gap, 2), |out| {
                    out.extend_from_slice(name.as_bytes());
                    if !matches!(read, Value::Flag(_)) {
                        out.push(b' ');
                        value(out, &read);
                    }
                });
            }
        }
    }
    if zero.len() > FEW {
        lines.item(std::mem::replace(&mut gap, 2), |out| {
            decimal(out, zero.len() as u64);
            out.extend_from_slice(if is_alone {
                b" are 0"
            } else {
                b" others are 0"
            });
        });
    } else {
        gap = each(lines, gap, &zero, "0");
    }
    gap = if none.len() > FEW {
        lines.together(gap, "none", none.into_iter())
    } else {
        each(lines, gap, &none, "none")
    };
    lines.together(gap, "unknown", unknown.into_iter());
}

/// So many names are told with what they all have, each by itself; more are told together.
const FEW: usize = 3;

/// Names with the same value. Returns how many blanks are to be before the next item.
fn each(lines: &mut Lines<'_>, mut gap: usize, names: &[&'static str], value: &str) -> usize {
    for name in names {
        lines.item(std::mem::replace(&mut gap, 2), |out| {
            out.extend_from_slice(name.as_bytes());
            out.push(b' ');
            out.extend_from_slice(value.as_bytes());
        });
    }
    gap
}

/// An endpoint's counters are none of an association's and the other way round: naming them would be most of the text.
fn sctp(lines: &mut Lines<'_>, row: Row<'_>, info: &SctpInfo) {
    let addresses = [
        OwnMetric::SctpPrimary,
        OwnMetric::SctpLocals,
        OwnMetric::SctpPeers,
    ];
    let addresses = addresses.into_iter();
    let addresses = addresses.map(|metric| (behind(metric.name(), "sctp_"), metric.value(row)));
    let numbers = SctpMetric::ALL
        .iter()
        .filter(|metric| metric.is_of_endpoints() != info.association)
        .map(|metric| (behind(metric.name(), "sctp_"), metric.value(row)));
    paragraph(lines, "sctp", addresses.chain(numbers));
}

fn packet(lines: &mut Lines<'_>, row: Row<'_>, packet: &PacketDetails) {
    let of_ring = |metric: &OwnMetric| {
        let name = metric.name();
        name.starts_with("packet_rx_") || name.starts_with("packet_tx_")
    };
    group(lines, row, "packet", "packet_", |metric| {
        metric.name().starts_with("packet_")
            && !of_ring(metric)
            && *metric != OwnMetric::PacketFilter
    });
    for (ring, label, prefix) in [
        (packet.rx_ring, "rx ring", "packet_rx_"),
        (packet.tx_ring, "tx ring", "packet_tx_"),
    ] {
        if ring.is_some() {
            group(lines, row, label, prefix, |m| m.name().starts_with(prefix));
        }
    }
}

/// One instruction a line, numbered as jumps name them.
fn filter(lines: &mut Lines<'_>, packet: &PacketDetails) {
    lines.group("filter");
    match &packet.filter {
        Some(Program::Known(program)) => {
            lines.item(1, |out| {
                decimal(out, program.len() as u64);
                out.extend_from_slice(if program.len() == 1 {
                    b" instruction"
                } else {
                    b" instructions"
                });
            });
            for (n, instruction) in program.iter().enumerate() {
                lines.line(|out| {
                    // Writing to a Vec cannot fail.
                    let _ = write!(out, "l{n}: {}", instruction.at(n));
                });
            }
        }
        Some(Program::None) => lines.item(1, |out| out.extend_from_slice(b"none")),
        Some(Program::Hidden) => {
            lines.item(1, |out| {
                out.extend_from_slice(b"? (told to CAP_NET_ADMIN only)");
            });
        }
        None => lines.item(1, |out| out.push(b'?')),
    }
}
