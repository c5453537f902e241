//! The summary as JSON. `portctl schema summary` prints its schema; these shapes are the contract.

use super::{SummaryReport, words};
use crate::analysis::headroom::{Headroom, Severity};
use crate::analysis::summary::{
    FlowReport, HolderShare, ListenerReport, Shares, Subject, Summary, Threshold, Total, Usage,
};
use crate::render::exposure::open_json;
use crate::render::headroom_json::{
    BoundsJson, DoubtJson, FlowJson, ProbeJson, RemedyJson, doubts, ends, parts,
};
use crate::render::json::{
    NetNsJson, NoticeJson, Schema, TableJson, outside_string, timestamp, write_value,
};
use crate::render::{Closing, Opening};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

#[derive(Serialize)]
struct SummaryJson<'a> {
    schema: Schema,
    captured_at: Option<String>,
    netns: NetNsJson,
    complete: bool,
    verdict: Option<&'static str>,
    exact: bool,
    interval_s: Option<f64>,
    totals: Vec<TotalJson>,
    ephemeral: Option<EphemeralJson>,
    unknown: Option<&'a str>,
    flows: Vec<SummaryFlowJson>,
    undecided: u64,
    new_flow: Option<NewFlowJson>,
    listeners: Vec<ListenerJson>,
    timewait: TimeWaitJson,
    close_wait: CloseWaitJson,
    limits: Option<LimitsJson>,
    findings: Vec<FindingJson>,
    uncertainty: Vec<DoubtJson>,
    thresholds: BTreeMap<&'static str, f64>,
    probe: Option<ProbeJson<'a>>,
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
struct EphemeralJson {
    low: u16,
    high: u16,
    size: u32,
    reserved: Option<Vec<[u16; 2]>>,
    reserved_in_range: Option<u32>,
}

#[derive(Serialize)]
struct SummaryFlowJson {
    flow: FlowJson,
    headroom: Option<BoundsJson>,
    capacity: Option<u32>,
    exact: bool,
    used: Option<f64>,
    severity: Option<&'static str>,
    doubtful: bool,
    own_range: Option<OwnRangeJson>,
    local_ports: u32,
    time_wait: u32,
    held: HeldJson,
    parts: Option<BTreeMap<&'static str, u32>>,
    uncertainty: Vec<DoubtJson>,
    rate: RateJson,
    release: Vec<ReleaseJson>,
    holders: Option<HoldersJson>,
    remedies: Vec<RemedyJson>,
}

#[derive(Serialize)]
struct OwnRangeJson {
    low: u16,
    high: u16,
    left: u32,
}

#[derive(Serialize)]
struct HeldJson {
    established: u32,
    syn_sent: u32,
    unanswered: u32,
    close_wait: u32,
    closing: u32,
    orphan_fin_wait_2: u32,
    other: u32,
    time_wait: u32,
}

#[derive(Serialize)]
struct RateJson {
    closes_per_s: f64,
    closes_over_s: f64,
    limit_per_s: Option<f64>,
    net_per_s: Option<f64>,
    net_error_per_s: Option<f64>,
    exhausted_in_s: Option<f64>,
    exhausted_error_s: Option<f64>,
}

#[derive(Serialize)]
struct ReleaseJson {
    within_s: u32,
    ports: u32,
}

#[derive(Serialize)]
struct HoldersJson {
    processes: Vec<HolderJson>,
    nobody: u32,
    hidden: u32,
}

#[derive(Serialize)]
struct HolderJson {
    pid: u32,
    name: Option<String>,
    sockets: u32,
    via: &'static str,
}

#[derive(Serialize)]
struct NewFlowJson {
    headroom: BoundsJson,
    capacity: u32,
    exact: bool,
    used: Option<f64>,
    severity: Option<&'static str>,
    parts: BTreeMap<&'static str, u32>,
}

#[derive(Serialize)]
struct ListenerJson {
    address: IpAddr,
    port: u16,
    interface: Option<String>,
    accept_queue: QueueJson,
    full: Option<bool>,
    drops: Option<u32>,
    drops_in_interval: Option<u32>,
    severity: Option<&'static str>,
    holders: Option<Vec<HolderJson>>,
}

#[derive(Serialize)]
struct QueueJson {
    length: Option<u32>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct TimeWaitJson {
    count: u64,
    orphan_fin_wait_2: u64,
    of_clients: u64,
    max: Option<u64>,
    overflows: Option<u64>,
    severity: Option<&'static str>,
}

#[derive(Serialize)]
struct CloseWaitJson {
    count: u32,
    old: Option<u32>,
    age_unknown: u32,
    severity: Option<&'static str>,
    processes: Option<Vec<LeakJson>>,
}

#[derive(Serialize)]
struct LeakJson {
    pid: u32,
    name: Option<String>,
    sockets: u32,
    old: u32,
    oldest_at_least_ms: Option<u32>,
    severity: Option<&'static str>,
}

#[derive(Serialize)]
struct LimitsJson {
    listen_drops: UsageJson,
    listen_overflows: Option<u64>,
    files: UsageJson,
    tcp_memory_pages: UsageJson,
    tcp_memory_pressure_pages: Option<u64>,
    orphans: UsageJson,
    conntrack: UsageJson,
    descriptors: Option<Vec<DescriptorsJson>>,
    descriptors_hidden_processes: u64,
}

#[derive(Serialize)]
struct UsageJson {
    used: Option<u64>,
    limit: Option<u64>,
    lost: Option<u64>,
    lost_in_interval: Option<u64>,
    severity: Option<&'static str>,
}

impl From<&Usage> for UsageJson {
    fn from(usage: &Usage) -> Self {
        Self {
            used: usage.used,
            limit: usage.limit,
            lost: usage.lost,
            lost_in_interval: usage.lost_now,
            severity: usage.severity.map(Severity::word),
        }
    }
}

#[derive(Serialize)]
struct DescriptorsJson {
    pid: u32,
    name: Option<String>,
    open: u64,
    // `null` is no limit.
    limit: Option<u64>,
    severity: &'static str,
}

#[derive(Serialize)]
struct FindingJson {
    severity: &'static str,
    kind: &'static str,
    message: String,
    advice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<serde_json::Value>,
}

/// Writes the summary as one JSON document.
///
/// # Errors
/// If the output cannot be written.
pub fn summary_json(
    out: &mut impl Write,
    opening: &Opening,
    report: &SummaryReport<'_>,
    closing: &Closing,
) -> io::Result<()> {
    let summary = report.summary;
    let limits = summary.limits.as_ref();
    let exact = |headroom: &Headroom| headroom.bounds.is_exact();
    let json = SummaryJson {
        schema: Schema {
            name: "portctl.summary",
            version: 1,
        },
        captured_at: opening.captured_at.map(timestamp),
        netns: NetNsJson::new(&opening.netns),
        complete: closing.is_complete(),
        verdict: summary.verdict().map(Severity::word),
        exact: report.no_headroom.is_none()
            && summary
                .flows
                .iter()
                .filter_map(|f| f.headroom.as_ref())
                .all(exact),
        interval_s: summary.interval_s,
        totals: summary.totals.iter().map(total_json).collect(),
        ephemeral: summary.ephemeral.as_ref().map(|ports| EphemeralJson {
            low: *ports.range.start(),
            high: *ports.range.end(),
            size: ports.size(),
            reserved: ports
                .reserved
                .as_ref()
                .map(|list| list.iter().map(ends).collect()),
            reserved_in_range: ports.reserved_in_range(),
        }),
        unknown: report.no_headroom,
        flows: summary
            .flows
            .iter()
            .map(|flow| flow_json(report, flow))
            .collect(),
        undecided: summary.undecided,
        new_flow: summary.fresh.as_ref().map(|headroom| NewFlowJson {
            headroom: headroom.bounds.into(),
            capacity: headroom.capacity,
            exact: headroom.bounds.is_exact(),
            used: headroom.used(),
            severity: summary.new_flow_severity().map(Severity::word),
            parts: parts(headroom),
        }),
        listeners: summary
            .listeners
            .iter()
            .map(|listener| listener_json(report, listener))
            .collect(),
        timewait: TimeWaitJson {
            count: summary.time_wait,
            orphan_fin_wait_2: summary.orphan_fin_wait_2,
            of_clients: summary.time_wait_of_clients,
            max: limits.and_then(|limits| limits.time_wait.limit),
            overflows: limits.and_then(|limits| limits.time_wait.lost),
            severity: limits
                .and_then(|limits| limits.time_wait.severity)
                .map(Severity::word),
        },
        close_wait: close_wait_json(report),
        limits: limits.map(|limits| LimitsJson {
            listen_drops: (&limits.listen_drops).into(),
            listen_overflows: limits.listen_overflows,
            files: (&limits.files).into(),
            tcp_memory_pages: (&limits.memory).into(),
            tcp_memory_pressure_pages: limits.memory_pressure,
            orphans: (&limits.orphans).into(),
            conntrack: (&limits.conntrack).into(),
            descriptors: limits.descriptors.as_ref().map(|list| {
                let row =
                    |(of, severity): &(crate::model::DescriptorUse, Severity)| DescriptorsJson {
                        pid: of.process.pid.0,
                        name: of.process.name.as_deref().map(outside_string),
                        open: of.open,
                        limit: (of.limit != u64::MAX).then_some(of.limit),
                        severity: severity.word(),
                    };
                list.iter().map(row).collect()
            }),
            descriptors_hidden_processes: limits.descriptors_hidden,
        }),
        findings: summary
            .findings()
            .into_iter()
            .filter_map(|finding| {
                Some(FindingJson {
                    severity: finding.severity.word(),
                    kind: finding.subject.word(),
                    message: words::headline(report, finding.subject)?,
                    advice: words::advice(finding.subject),
                    open: match finding.subject {
                        Subject::Open(n) => summary.open.get(n).map(open_json),
                        _ => None,
                    },
                })
            })
            .collect(),
        uncertainty: uncertainty(summary),
        thresholds: Threshold::ALL
            .into_iter()
            .map(|threshold| (threshold.name(), report.thresholds.of(threshold)))
            .collect(),
        probe: report.probe.as_ref().map(ProbeJson::from),
        tables: TableJson::all(closing),
        notices: &NoticeJson::all(&closing.notices),
    };
    let mut buffer = Vec::new();
    write_value(&mut buffer, &json)?;
    buffer.push(b'\n');
    out.write_all(&buffer)?;
    out.flush()
}

/// What keeps the number for a new flow from being certain, and what the sources do not tell.
fn uncertainty(summary: &Summary) -> Vec<DoubtJson> {
    let mut list = summary.fresh.as_ref().map_or_else(Vec::new, doubts);
    list.extend(summary.gaps().iter().map(|gap| DoubtJson {
        kind: gap.kind.word(),
        ports: None,
        message: words::gap(gap),
    }));
    list
}

fn total_json(total: &Total) -> TotalJson {
    let mut states = BTreeMap::new();
    for (state, count) in &total.states {
        // Several that this program does not know have one word.
        *states.entry(state.word(total.protocol)).or_default() += count;
    }
    TotalJson {
        protocol: total.protocol.word(),
        family: total.family.word(),
        sockets: total.sockets(),
        states,
    }
}

fn flow_json(report: &SummaryReport<'_>, of: &FlowReport) -> SummaryFlowJson {
    let headroom = of.headroom.as_ref();
    let interface = of
        .flow
        .interface
        .and_then(|index| report.names.interface(index));
    let held = of.held;
    SummaryFlowJson {
        flow: FlowJson::new(&of.flow, interface.as_deref(), true),
        headroom: headroom.map(|headroom| headroom.bounds.into()),
        capacity: headroom.map(|headroom| headroom.capacity),
        exact: headroom.is_some_and(|headroom| headroom.bounds.is_exact()),
        used: headroom.and_then(Headroom::used),
        severity: headroom.map(|_| of.severity.word()),
        doubtful: of.is_doubtful,
        own_range: of.pinned.as_ref().map(|own| OwnRangeJson {
            low: *own.range.start(),
            high: *own.range.end(),
            left: own.left,
        }),
        local_ports: of.local_ports,
        time_wait: of.time_wait_ports,
        held: HeldJson {
            established: held.established,
            syn_sent: held.syn_sent,
            unanswered: held.unanswered,
            close_wait: held.close_wait,
            closing: held.closing,
            orphan_fin_wait_2: held.orphan_fin_wait_2,
            other: held.other,
            time_wait: held.time_wait,
        },
        parts: headroom.map(parts),
        uncertainty: headroom.map_or_else(Vec::new, doubts),
        rate: RateJson {
            closes_per_s: of.trend.closes_per_s,
            closes_over_s: of.trend.closes_over_s,
            limit_per_s: of.trend.limit_per_s,
            net_per_s: of.trend.net.map(|net| net.per_s),
            net_error_per_s: of.trend.net.map(|net| net.error),
            exhausted_in_s: of.trend.exhausted.map(|at| at.in_s),
            exhausted_error_s: of.trend.exhausted.map(|at| at.error_s),
        },
        release: of
            .trend
            .releases
            .iter()
            .map(|&(within_s, ports)| ReleaseJson { within_s, ports })
            .collect(),
        holders: of.shares.as_ref().map(holders_json),
        remedies: of.remedies.iter().map(RemedyJson::from).collect(),
    }
}

fn holders_json(shares: &Shares) -> HoldersJson {
    HoldersJson {
        processes: shares.processes.iter().map(holder_json).collect(),
        nobody: shares.nobody,
        hidden: shares.hidden,
    }
}

fn holder_json(share: &HolderShare) -> HolderJson {
    HolderJson {
        pid: share.pid.0,
        name: share.name.as_deref().map(outside_string),
        sockets: share.sockets,
        via: share.via.word(),
    }
}

fn listener_json(report: &SummaryReport<'_>, of: &ListenerReport) -> ListenerJson {
    let interface = of.interface.map(|index| {
        let name = report.names.interface(index);
        name.map_or_else(|| index.0.to_string(), |name| outside_string(&name))
    });
    ListenerJson {
        address: of.address,
        port: of.port.0,
        interface,
        accept_queue: QueueJson {
            length: of.length,
            limit: of.limit,
        },
        full: of.is_full(),
        drops: of.drops,
        drops_in_interval: of.drops_now,
        severity: of.severity.map(Severity::word),
        holders: of
            .processes
            .as_ref()
            .map(|list| list.iter().map(holder_json).collect()),
    }
}

fn close_wait_json(report: &SummaryReport<'_>) -> CloseWaitJson {
    let of = &report.summary.close_wait;
    CloseWaitJson {
        count: of.count,
        old: of.old,
        age_unknown: of.ageless,
        severity: of.severity.map(Severity::word),
        processes: of.leaks.as_ref().map(|leaks| {
            leaks
                .iter()
                .map(|leak| LeakJson {
                    pid: leak.holder.pid.0,
                    name: leak.holder.name.as_deref().map(outside_string),
                    sockets: leak.holder.sockets,
                    old: leak.old,
                    oldest_at_least_ms: leak.oldest_ms,
                    severity: leak.severity.map(Severity::word),
                })
                .collect()
        }),
    }
}
