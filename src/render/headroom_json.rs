//! The headroom of one flow as JSON. `portctl schema headroom` prints its schema; these shapes are the contract.

use super::headroom::{HeadroomReport, ProbeReport};
use super::headroom_words as words;
use super::json::{
    NetNsJson, NoticeJson, Schema, TableJson, outside_string, timestamp, write_value,
};
use super::{Closing, Opening};
use crate::analysis::headroom::{
    Bounds, Doubt, Fate, Headroom, HeadroomFlow, Note, Remedy, Severity,
};
use crate::model::{AllocationSettings, TwReuse};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;
use std::ops::RangeInclusive;

#[derive(Serialize)]
struct HeadroomJson<'a> {
    schema: Schema,
    captured_at: Option<String>,
    netns: NetNsJson,
    complete: bool,
    flow: FlowJson,
    headroom: Option<BoundsJson>,
    unknown: Option<&'a str>,
    capacity: Option<u32>,
    exact: bool,
    used: Option<f64>,
    severity: Option<&'static str>,
    range: Option<RangeJson>,
    settings: Option<SettingsJson>,
    parts: Option<BTreeMap<&'static str, u32>>,
    notes: Vec<NoteJson>,
    uncertainty: Vec<DoubtJson>,
    remedies: Vec<RemedyJson>,
    probe: Option<ProbeJson<'a>>,
    tables: Vec<TableJson>,
    notices: Vec<NoticeJson>,
}

#[derive(Serialize)]
pub(super) struct FlowJson {
    protocol: &'static str,
    family: &'static str,
    source: IpAddr,
    source_given: bool,
    destination: IpAddr,
    destination_port: u16,
    interface: Option<String>,
    mode: &'static str,
    socket_range: Option<[u16; 2]>,
}

#[derive(Serialize)]
pub(super) struct BoundsJson {
    min: Option<u32>,
    expected: u32,
    max: u32,
}

impl From<Bounds> for BoundsJson {
    fn from(bounds: Bounds) -> Self {
        Self {
            min: bounds.min,
            expected: bounds.expected,
            max: bounds.max,
        }
    }
}

#[derive(Serialize)]
struct RangeJson {
    low: u16,
    high: u16,
    size: u32,
}

#[derive(Serialize)]
struct SettingsJson {
    kernel: Option<String>,
    tcp_tw_reuse: Option<u8>,
    tcp_tw_reuse_delay_ms: u32,
    tcp_timestamps: Option<bool>,
    ip_autobind_reuse: Option<bool>,
    ip_local_port_range: [u16; 2],
    ip_local_reserved_ports: Option<Vec<[u16; 2]>>,
}

#[derive(Serialize)]
pub(super) struct DoubtJson {
    pub(super) kind: &'static str,
    pub(super) ports: Option<u32>,
    pub(super) message: String,
}

#[derive(Serialize)]
struct NoteJson {
    kind: &'static str,
    range: [u16; 2],
    left: Option<u32>,
    message: String,
}

impl NoteJson {
    fn new(note: &Note, headroom: &Headroom) -> Self {
        let (range, left) = match note {
            Note::EndIgnored { .. } => (&headroom.range, None),
            Note::Pinned(pinned) => (&pinned.range, Some(pinned.left)),
        };
        Self {
            kind: note.word(),
            range: ends(range),
            left,
            message: words::note(note, &headroom.range),
        }
    }
}

#[derive(Serialize)]
pub(super) struct RemedyJson {
    kind: &'static str,
    gain: Option<u32>,
    within_ms: Option<u32>,
    action: &'static str,
    command: Option<&'static str>,
    risk: &'static str,
}

impl From<&Remedy> for RemedyJson {
    fn from(remedy: &Remedy) -> Self {
        let advice = words::remedy(remedy);
        Self {
            kind: remedy.kind.word(),
            gain: remedy.gain,
            within_ms: remedy.within_ms,
            action: advice.action,
            command: advice.command,
            risk: advice.risk,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ProbeJson<'a> {
    asked: usize,
    open: usize,
    closed: usize,
    refused: Option<&'a str>,
}

impl<'a> From<&'a ProbeReport> for ProbeJson<'a> {
    fn from(probe: &'a ProbeReport) -> Self {
        Self {
            asked: probe.asked,
            open: probe.open,
            closed: probe.closed,
            refused: probe.refused.as_deref(),
        }
    }
}

impl FlowJson {
    pub(super) fn new(flow: &HeadroomFlow, interface: Option<&[u8]>, source_given: bool) -> Self {
        Self {
            protocol: flow.protocol.word(),
            family: flow.family().word(),
            source: flow.source,
            source_given,
            destination: flow.destination,
            destination_port: flow.destination_port.0,
            interface: interface.map(outside_string),
            mode: flow.mode.word(),
            socket_range: flow.socket_range.as_ref().map(ends),
        }
    }
}

/// How many ports have each fate.
pub(super) fn parts(headroom: &Headroom) -> BTreeMap<&'static str, u32> {
    let all = Fate::ALL.into_iter();
    all.map(|fate| (fate.key(), headroom.parts.of(fate)))
        .collect()
}

/// Writes the report as one JSON document.
///
/// # Errors
/// If the output cannot be written.
pub fn headroom_json(
    out: &mut impl Write,
    opening: &Opening,
    report: &HeadroomReport<'_>,
    closing: &Closing,
) -> io::Result<()> {
    let flow = report.flow;
    let answer = report.answer.ok();
    let json = HeadroomJson {
        schema: Schema {
            name: "portctl.headroom",
            version: 1,
        },
        captured_at: opening.captured_at.map(timestamp),
        netns: NetNsJson::new(&opening.netns),
        complete: closing.is_complete(),
        flow: FlowJson::new(flow, report.interface, report.source_given),
        headroom: answer.map(|headroom| headroom.bounds.into()),
        unknown: report.answer.err(),
        capacity: answer.map(|headroom| headroom.capacity),
        exact: answer.is_some_and(|headroom| headroom.bounds.is_exact()),
        used: answer.and_then(Headroom::used),
        severity: answer.and_then(Severity::of).map(Severity::word),
        range: answer.map(|headroom| RangeJson {
            low: *headroom.range.start(),
            high: *headroom.range.end(),
            size: headroom.parts.size(),
        }),
        settings: report.settings.map(settings),
        parts: answer.map(parts),
        notes: answer.map_or_else(Vec::new, |headroom| {
            let notes = report.notes.iter();
            notes.map(|note| NoteJson::new(note, headroom)).collect()
        }),
        uncertainty: answer.map_or_else(Vec::new, doubts),
        remedies: report.remedies.iter().map(RemedyJson::from).collect(),
        probe: report.probe.as_ref().map(ProbeJson::from),
        tables: TableJson::all(closing),
        notices: NoticeJson::all(&closing.notices),
    };
    let mut buffer = Vec::new();
    write_value(&mut buffer, &json)?;
    buffer.push(b'\n');
    out.write_all(&buffer)?;
    out.flush()
}

pub(super) fn ends(range: &RangeInclusive<u16>) -> [u16; 2] {
    [*range.start(), *range.end()]
}

fn settings(settings: &AllocationSettings) -> SettingsJson {
    SettingsJson {
        kernel: settings
            .kernel
            .map(|k| format!("{}.{}.{}", k.major, k.minor, k.patch)),
        tcp_tw_reuse: settings.tw_reuse.map(|reuse| match reuse {
            TwReuse::Never => 0,
            TwReuse::Always => 1,
            TwReuse::Loopback => 2,
        }),
        tcp_tw_reuse_delay_ms: settings.tw_reuse_delay_ms,
        tcp_timestamps: settings.timestamps,
        ip_autobind_reuse: settings.autobind_reuse,
        ip_local_port_range: ends(&settings.ports.range),
        ip_local_reserved_ports: settings
            .ports
            .reserved
            .as_ref()
            .map(|list| list.iter().map(ends).collect()),
    }
}

pub(super) fn doubts(headroom: &Headroom) -> Vec<DoubtJson> {
    let row = |doubt: &Doubt| DoubtJson {
        kind: doubt.kind.word(),
        ports: doubt.ports,
        message: words::doubt(doubt),
    };
    headroom.doubts.iter().map(row).collect()
}
