//! The summary as tables for a person, and as JSON.

use super::json::{NetNsJson, NoticeJson, Schema, TableJson, timestamp, write_value};
use super::prose::{PROSE_WIDTH, wrap};
use super::{Closing, Opening};
use crate::analysis::{Flow, Summary, Total};
use crate::model::{Family, State};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// How many flows a person is shown.
const FLOWS_SHOWN: usize = 20;

/// Writes the summary for a person, for a screen of `width` columns or without a limit.
///
/// # Errors
/// If the output cannot be written.
pub fn summary_text(
    out: &mut impl Write,
    summary: &Summary,
    closing: &Closing,
    width: Option<usize>,
) -> io::Result<()> {
    let mut text = String::new();
    let room = width.unwrap_or(PROSE_WIDTH);
    totals(&mut text, summary, width);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\nTIME-WAIT  {}", summary.time_wait);
    wrap(
        &mut text,
        &format!("Ephemeral  {}", ephemeral(summary)),
        room,
        "  ",
    );
    flows(&mut text, &summary.flows, width);
    if summary.undecided > 0 {
        let line = format!(
            "Of {} more {} within this host nothing tells which end is the client's.",
            summary.undecided,
            if summary.undecided == 1 {
                "connection"
            } else {
                "connections"
            }
        );
        wrap(&mut text, &line, room.min(PROSE_WIDTH), "");
    }
    text.push('\n');
    wrap(
        &mut text,
        "How many more connections a flow can make is not computed yet: it is not the size of the range minus \
         the ports held, so no such number is shown.",
        room.min(PROSE_WIDTH),
        "",
    );
    if !closing.is_complete() {
        text.push_str("\nThese counts are incomplete.\n");
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn totals(text: &mut String, summary: &Summary, width: Option<usize>) {
    if summary.totals.is_empty() {
        text.push_str("No sockets.\n");
        return;
    }
    // One row a state, because there are more states than tables, and a line must fit a screen.
    let mut states: Vec<(u8, &'static str)> = summary
        .totals
        .iter()
        .flat_map(|total| {
            let label = |state: &State| (state.number(), state.label(total.protocol));
            total.states.iter().map(move |(state, _)| label(state))
        })
        .collect();
    states.sort_unstable();
    states.dedup();
    let mut table = plain_table();
    let names = summary.totals.iter().map(name);
    table.set_header(std::iter::once("STATE".to_owned()).chain(names));
    for (number, label) in states {
        let state = State::from_number(number);
        let counts = summary.totals.iter().map(|total| {
            // UNCONN and CLOSE share a number, not a row; states that this program does not know have a row each.
            match total.in_state(state) {
                count if count > 0 && state.label(total.protocol) == label => count.to_string(),
                _ => "-".to_owned(),
            }
        });
        table.add_row(std::iter::once(label.to_owned()).chain(counts));
    }
    let sums = summary
        .totals
        .iter()
        .map(|total| total.sockets().to_string());
    table.add_row(std::iter::once("total".to_owned()).chain(sums));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let drawn = draw(&mut table);
    if fits(&drawn, width) {
        text.push_str(&drawn);
        return;
    }
    for total in &summary.totals {
        let states = total
            .states
            .iter()
            .map(|(state, count)| format!(", {} {count}", state.label(total.protocol)));
        let line = format!(
            "{} {}{}",
            name(total),
            total.sockets(),
            states.collect::<String>()
        );
        wrap(text, &line, width.unwrap_or(PROSE_WIDTH), "  ");
    }
}

fn name(total: &Total) -> String {
    match total.family {
        Family::Inet6 => format!("{}6", total.protocol),
        _ => total.protocol.to_string(),
    }
}

fn fits(drawn: &str, width: Option<usize>) -> bool {
    width.is_none_or(|width| drawn.lines().all(|line| line.len() <= width))
}

fn ephemeral(summary: &Summary) -> String {
    let Some(ports) = &summary.ephemeral else {
        return "unknown: net.ipv4.ip_local_port_range cannot be read, or is another host's"
            .to_owned();
    };
    let reserved = match ports.reserved_in_range() {
        Some(0) => String::new(),
        Some(n) => format!(", {n} of them reserved"),
        None => ", reserved ports unknown".to_owned(),
    };
    format!(
        "ports {}-{} ({}{reserved})",
        ports.range.start(),
        ports.range.end(),
        ports.size()
    )
}

fn flows(text: &mut String, flows: &[Flow], width: Option<usize>) {
    if flows.is_empty() {
        text.push_str("Flows      none holds a port\n");
        return;
    }
    text.push_str("\nClient flows, and the local ports each holds\n");
    let mut table = plain_table();
    table.set_header(["PROTO", "SOURCE", "DESTINATION", "PORTS", "TIME-WAIT"]);
    let shown = || flows.iter().take(FLOWS_SHOWN);
    let destination = |flow: &Flow| SocketAddr::new(flow.destination, flow.destination_port.0);
    for flow in shown() {
        table.add_row([
            flow.protocol.word().to_owned(),
            flow.source.to_string(),
            destination(flow).to_string(),
            flow.local_ports.to_string(),
            flow.time_wait.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let drawn = draw(&mut table);
    if fits(&drawn, width) {
        text.push_str(&drawn);
    } else {
        for flow in shown() {
            let line = format!(
                "{} {} to {}: {}, of which TIME-WAIT {}",
                flow.protocol,
                flow.source,
                destination(flow),
                flow.local_ports,
                flow.time_wait
            );
            wrap(text, &line, width.unwrap_or(PROSE_WIDTH), "  ");
        }
    }
    if let Some(more) = flows.len().checked_sub(FLOWS_SHOWN).filter(|&n| n > 0) {
        let _ = writeln!(text, "and {more} more; --json lists all");
    }
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn draw(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt() + "\n"
}

#[derive(Serialize)]
struct SummaryJson<'a> {
    schema: Schema,
    captured_at: Option<String>,
    netns: NetNsJson,
    complete: bool,
    totals: Vec<TotalJson>,
    timewait: TimeWaitJson,
    ephemeral: Option<EphemeralJson>,
    flows: Vec<FlowJson>,
    undecided: u64,
    tables: Vec<TableJson>,
    notices: &'a [NoticeJson],
}

#[derive(Serialize)]
struct TotalJson {
    protocol: &'static str,
    family: &'static str,
    sockets: u64,
    states: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct TimeWaitJson {
    count: u64,
}

#[derive(Serialize)]
struct EphemeralJson {
    low: u16,
    high: u16,
    size: u32,
    reserved: Option<Vec<[u16; 2]>>,
    reserved_in_range: Option<u32>,
}

#[derive(Serialize)]
struct FlowJson {
    flow: FlowKeyJson,
    local_ports: u64,
    time_wait: u64,
    // Its place; `null` until it is computed exactly.
    headroom: Option<()>,
}

#[derive(Serialize)]
struct FlowKeyJson {
    protocol: &'static str,
    family: &'static str,
    source: IpAddr,
    destination: IpAddr,
    destination_port: u16,
}

/// Writes the summary as one JSON document.
///
/// # Errors
/// If the output cannot be written.
pub fn summary_json(
    out: &mut impl Write,
    opening: &Opening,
    summary: &Summary,
    closing: &Closing,
) -> io::Result<()> {
    let json = SummaryJson {
        schema: Schema {
            name: "portctl.summary",
            version: 1,
        },
        captured_at: opening.captured_at.map(timestamp),
        netns: NetNsJson::new(&opening.netns),
        complete: closing.is_complete(),
        totals: summary
            .totals
            .iter()
            .map(|total| TotalJson {
                protocol: total.protocol.word(),
                family: total.family.word(),
                sockets: total.sockets(),
                states: states_json(total),
            })
            .collect(),
        timewait: TimeWaitJson {
            count: summary.time_wait,
        },
        ephemeral: summary.ephemeral.as_ref().map(|ports| EphemeralJson {
            low: *ports.range.start(),
            high: *ports.range.end(),
            size: ports.size(),
            reserved: ports
                .reserved
                .as_ref()
                .map(|list| list.iter().map(|r| [*r.start(), *r.end()]).collect()),
            reserved_in_range: ports.reserved_in_range(),
        }),
        flows: summary.flows.iter().map(flow_json).collect(),
        undecided: summary.undecided,
        tables: TableJson::all(closing),
        notices: &NoticeJson::all(&closing.notices),
    };
    let mut buffer = Vec::new();
    write_value(&mut buffer, &json)?;
    buffer.push(b'\n');
    out.write_all(&buffer)?;
    out.flush()
}

fn states_json(total: &Total) -> BTreeMap<&'static str, u64> {
    let mut states = BTreeMap::new();
    for (state, count) in &total.states {
        // Several that this program does not know have one word.
        *states.entry(state.word(total.protocol)).or_default() += count;
    }
    states
}

fn flow_json(flow: &Flow) -> FlowJson {
    FlowJson {
        flow: FlowKeyJson {
            protocol: flow.protocol.word(),
            family: flow.family.word(),
            source: flow.source,
            destination: flow.destination,
            destination_port: flow.destination_port.0,
        },
        local_ports: flow.local_ports,
        time_wait: flow.time_wait,
        headroom: None,
    }
}
