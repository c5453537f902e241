//! The summary as metrics, both in OpenMetrics and in the text format that a node exporter reads from a directory and that
//! `promtool check metrics` checks.
//!
//! How many series there are does not depend on what anybody connects to: of flows, listeners and processes only a few are told of,
//! the worst; what the rest comes to is in sums.

use super::exposition::Exposition;
use super::{SummaryReport, words};
use crate::analysis::headroom::Severity;
use crate::analysis::summary::{FlowReport, ListenerReport, Usage};
use crate::model::{IfIndex, Port, Protocol, SourceKind, TableReport};
use crate::render::Closing;
use crate::render::escape::escape;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// So many flows, listeners or processes have series of their own.
const SERIES: usize = 10;

/// The metrics; also where nothing could be collected, of which `None` tells.
#[must_use]
pub fn openmetrics(report: Option<(&SummaryReport<'_>, &Closing)>) -> String {
    let mut out = Exposition::default();
    let success =
        report.is_some_and(|(report, closing)| report.no_headroom.is_none() && is_whole(closing));
    out.gauge(
        "scrape_success",
        None,
        "Whether everything could be read that this kernel can tell: 1, or 0 if something is missing.",
        Some(u8::from(success)),
    );
    if let Some((report, _)) = report {
        unknown(&mut out, report);
        verdict(&mut out, report);
        sockets(&mut out, report);
        ports(&mut out, report);
        listeners(&mut out, report);
        limits(&mut out, report);
        processes(&mut out, report);
    }
    out.into_text()
}

/// Whether nothing is missing, and the kernel itself told of TCP: /proc/net tells less.
fn is_whole(closing: &Closing) -> bool {
    let told_less = |report: &TableReport| {
        report.table.protocol == Protocol::Tcp && report.source == SourceKind::Proc
    };
    super::missing(closing).is_none() && !closing.tables.iter().any(told_less)
}

/// What is not told: series that would need it are left out.
fn unknown(out: &mut Exposition, report: &SummaryReport<'_>) {
    let gaps = report.summary.gaps();
    if gaps.is_empty() {
        return;
    }
    out.family("unknown", "gauge", None, "What nobody can tell here: 1.");
    for gap in gaps {
        out.sample("unknown", &[("fact", gap.kind.word())], 1);
    }
}

fn verdict(out: &mut Exposition, report: &SummaryReport<'_>) {
    let verdict = report.summary.verdict().map(|verdict| verdict as u8);
    out.gauge(
        "verdict",
        None,
        "The worst of all findings: 0 ok, 1 notice, 2 warning, 3 critical.",
        verdict,
    );
    out.family("findings", "gauge", None, "Findings by how bad they are.");
    let findings = report.summary.findings();
    for severity in [Severity::Notice, Severity::Warning, Severity::Critical] {
        let count = findings.iter().filter(|f| f.severity == severity).count();
        out.sample("findings", &[("severity", severity.word())], count);
    }
}

fn sockets(out: &mut Exposition, report: &SummaryReport<'_>) {
    out.family(
        "sockets",
        "gauge",
        None,
        "Sockets by protocol, family and state.",
    );
    for total in &report.summary.totals {
        let mut states = BTreeMap::new();
        for (state, count) in &total.states {
            // Several that this program does not know have one word.
            *states.entry(state.word(total.protocol)).or_insert(0) += count;
        }
        for (state, count) in states {
            let labels = [
                ("protocol", total.protocol.word()),
                ("family", total.family.word()),
                ("state", state),
            ];
            out.sample("sockets", &labels, count);
        }
    }
    let old = report.summary.close_wait.old;
    out.gauge(
        "close_wait_old",
        None,
        "Connections that the peer closed long ago and the process here has not.",
        old,
    );
}

fn ports(out: &mut Exposition, report: &SummaryReport<'_>) {
    let summary = report.summary;
    let size = summary
        .ephemeral
        .as_ref()
        .map(crate::model::EphemeralPorts::size);
    out.gauge(
        "ephemeral_range_ports",
        Some("ports"),
        "Size of net.ipv4.ip_local_port_range.",
        size,
    );
    out.gauge(
        "client_flows",
        None,
        "Flows that hold local ports.",
        Some(summary.flows.len()),
    );
    let fresh = summary.fresh.as_ref();
    out.gauge(
        "new_flow_headroom_ports",
        Some("ports"),
        "Connections that can be made to where there is none yet, as far as is expected.",
        fresh.map(|headroom| headroom.bounds.expected),
    );
    let least = summary
        .flows
        .iter()
        .filter_map(|flow| flow.headroom.as_ref());
    let least = least.map(|headroom| headroom.bounds.expected).min();
    out.gauge(
        "least_headroom_ports",
        Some("ports"),
        "Connections that the flow with least left can still make, as far as is expected.",
        least.or_else(|| fresh.map(|headroom| headroom.bounds.expected)),
    );
    let shown: Vec<_> = summary
        .flows
        .iter()
        .filter(|flow| flow.headroom.is_some())
        .take(SERIES)
        .collect();
    if shown.is_empty() {
        return;
    }
    out.family(
        "flow_headroom_ports",
        "gauge",
        Some("ports"),
        "Connections that the flows with least left can still make: at least, expected, at most.",
    );
    for flow in &shown {
        let Some(headroom) = &flow.headroom else {
            continue;
        };
        let bounds = headroom.bounds;
        let numbers = [
            ("min", bounds.min),
            ("expected", Some(bounds.expected)),
            ("max", Some(bounds.max)),
        ];
        for (bound, ports) in numbers {
            if let Some(ports) = ports {
                with_flow(report, flow, &[("bound", bound)], |labels| {
                    out.sample("flow_headroom_ports", labels, ports);
                });
            }
        }
    }
    out.family(
        "flow_capacity_ports",
        "gauge",
        Some("ports"),
        "Connections that these flows could have if there were no other socket.",
    );
    for flow in &shown {
        let Some(headroom) = &flow.headroom else {
            continue;
        };
        with_flow(report, flow, &[], |labels| {
            out.sample("flow_capacity_ports", labels, headroom.capacity);
        });
    }
}

fn with_flow<'a>(
    report: &SummaryReport<'_>,
    of: &FlowReport,
    more: &[(&'a str, &'a str)],
    tell: impl FnOnce(&[(&str, &str)]),
) {
    let flow = &of.flow;
    let source = flow.source.to_string();
    let destination = flow.destination.to_string();
    let port = flow.destination_port.0.to_string();
    let interface = interface(report, flow.interface);
    let mut labels = vec![
        ("protocol", flow.protocol.word()),
        ("source", source.as_str()),
        ("destination", destination.as_str()),
        ("destination_port", port.as_str()),
        ("mode", flow.mode.word()),
        ("interface", interface.as_str()),
    ];
    labels.extend(more);
    tell(&labels);
}

fn interface(report: &SummaryReport<'_>, index: Option<IfIndex>) -> String {
    index.map_or_else(String::new, |index| words::interface(report, index))
}

fn listeners(out: &mut Exposition, report: &SummaryReport<'_>) {
    let listeners = &report.summary.listeners;
    out.gauge("listeners", None, "TCP listeners.", Some(listeners.len()));
    // A sum that leaves somebody out is none.
    let lengths = listeners.iter().map(|l| l.length.map(u64::from));
    out.gauge(
        "accept_queue_connections",
        Some("connections"),
        "Connections that wait for accept() at any listener.",
        lengths.sum::<Option<u64>>(),
    );
    let full = listeners.iter().map(|l| l.is_full().map(u64::from));
    out.gauge(
        "listeners_full",
        None,
        "Listeners whose accept queue is full.",
        full.sum::<Option<u64>>(),
    );
    // Those that are worst off, by their place; what is told of a place is of all its listeners.
    let mut told: Vec<Place> = Vec::new();
    for listener in listeners.iter().filter(|l| l.is_troubled()) {
        let place = place(listener);
        if told.len() < SERIES && !told.contains(&place) {
            told.push(place);
        }
    }
    let mut places: BTreeMap<Place, Sums> = BTreeMap::new();
    for listener in listeners {
        places.entry(place(listener)).or_default().add(listener);
    }
    let families: [(&str, &str, Value); 3] = [
        (
            "listener_accept_queue_connections",
            "Connections that wait for accept() where listeners are in trouble.",
            |sums| sums.length,
        ),
        (
            "listener_accept_queue_limit_connections",
            "Their backlogs together; each fits one more.",
            |sums| sums.limit,
        ),
        (
            "listener_drops_total",
            "Connections that listeners in trouble dropped since they began to listen.",
            |sums| sums.drops,
        ),
    ];
    for (name, help, value) in families {
        let values = places
            .iter()
            .filter_map(|(place, sums)| Some((place, value(sums)?)));
        let mut values = values.filter(|(place, _)| told.contains(place)).peekable();
        if values.peek().is_none() {
            continue;
        }
        if name.ends_with("_total") {
            out.counters(name, help);
        } else {
            out.family(name, "gauge", Some("connections"), help);
        }
        for ((address, port, index), value) in values {
            let (address, port) = (address.to_string(), port.0.to_string());
            let interface = interface(report, *index);
            let labels = [
                ("address", address.as_str()),
                ("port", port.as_str()),
                ("interface", interface.as_str()),
            ];
            out.sample(name, &labels, value);
        }
    }
}

/// One of the sums.
type Value = fn(&Sums) -> Option<u64>;
/// Where several can listen, with `SO_REUSEPORT`.
type Place = (IpAddr, Port, Option<IfIndex>);

const fn place(of: &ListenerReport) -> Place {
    (of.address, of.port, of.interface)
}

/// What the listeners of one place come to; absent where one of them is not known.
struct Sums {
    length: Option<u64>,
    limit: Option<u64>,
    drops: Option<u64>,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            length: Some(0),
            limit: Some(0),
            drops: Some(0),
        }
    }
}

impl Sums {
    fn add(&mut self, of: &ListenerReport) {
        let more = |sum: Option<u64>, n: Option<u32>| Some(sum? + u64::from(n?));
        self.length = more(self.length, of.length);
        self.limit = more(self.limit, of.limit);
        self.drops = more(self.drops, of.drops);
    }
}

fn limits(out: &mut Exposition, report: &SummaryReport<'_>) {
    let Some(limits) = &report.summary.limits else {
        return;
    };
    let usages: [(&str, Option<&str>, &str, &Usage); 5] = [
        (
            "time_wait",
            None,
            "TIME_WAITs and orphans in FIN_WAIT2 of this network namespace",
            &limits.time_wait,
        ),
        ("open_files", None, "Open files of the host", &limits.files),
        (
            "tcp_memory_pages",
            Some("pages"),
            "Memory of TCP on this host",
            &limits.memory,
        ),
        (
            "orphans",
            None,
            "TCP connections of the host that no process holds",
            &limits.orphans,
        ),
        (
            "conntrack_entries",
            Some("entries"),
            "Connections tracked in this network namespace",
            &limits.conntrack,
        ),
    ];
    for (name, unit, what, usage) in usages {
        out.gauge(name, unit, &format!("{what}."), usage.used);
        let limit = match unit {
            Some(unit) => format!(
                "{}_limit_{unit}",
                name.trim_end_matches(unit).trim_end_matches('_')
            ),
            None => format!("{name}_limit"),
        };
        out.gauge(
            &limit,
            unit,
            &format!("{what}: how many there can be."),
            usage.limit,
        );
    }
    out.counter(
        "time_wait_overflows_total",
        "Connections that ended without TIME_WAIT because there were too many.",
        limits.time_wait.lost,
    );
    out.counter(
        "listen_drops_total",
        "Connections that listeners dropped, for any reason.",
        limits.listen_drops.lost,
    );
    out.counter(
        "listen_overflows_total",
        "Connections that a full accept queue cost.",
        limits.listen_overflows,
    );
    out.counter(
        "conntrack_lost_total",
        "Packets and connections lost because the table of tracked connections was full.",
        limits.conntrack.lost,
    );
}

/// By command name, because process ids never end: those with most first.
fn by_name<'a, T: Ord + Copy>(
    rows: impl Iterator<Item = (Option<&'a [u8]>, T)>,
    together: impl Fn(T, T) -> T,
) -> Vec<(String, T)> {
    let mut names: BTreeMap<String, T> = BTreeMap::new();
    for (name, value) in rows {
        let name = name.map_or_else(|| "?".to_owned(), escape);
        names
            .entry(name)
            .and_modify(|so_far| *so_far = together(*so_far, value))
            .or_insert(value);
    }
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by_key(|(_, value)| Reverse(*value));
    names.truncate(SERIES);
    names
}

fn processes(out: &mut Exposition, report: &SummaryReport<'_>) {
    let limits = report.summary.limits.as_ref();
    let descriptors = limits.and_then(|limits| limits.descriptors.as_ref());
    let worst = descriptors.into_iter().flatten();
    let worst = worst.filter(|(_, severity)| *severity > Severity::Ok);
    // A limit is each process's own: of several of one name the first, which is worst off.
    let open = by_name(
        worst.map(|(of, _)| (of.process.name.as_deref(), (of.open, of.limit))),
        |first, _| first,
    );
    let leaks = report.summary.close_wait.leaks.iter().flatten();
    let leaks = leaks.filter(|leak| leak.severity > Some(Severity::Ok));
    let leaks = by_name(
        leaks.map(|l| (l.holder.name.as_deref(), u64::from(l.holder.sockets))),
        |one, other| one + other,
    );
    let row = |(name, count): &(String, (u64, u64)), limit| {
        (name.clone(), if limit { count.1 } else { count.0 })
    };
    let families = [
        (
            "process_open_files",
            "Open files, numbered below its limit, of the process of that name that is nearest to it.",
            open.iter().map(|named| row(named, false)).collect(),
        ),
        (
            "process_open_files_limit",
            "The soft RLIMIT_NOFILE of that process.",
            open.iter().map(|named| row(named, true)).collect(),
        ),
        (
            "process_close_wait",
            "CLOSE_WAITs of processes that do not close what their peers have closed.",
            leaks,
        ),
    ];
    for (family, help, rows) in families {
        if !rows.is_empty() {
            out.family(family, "gauge", None, help);
        }
        for (name, count) in rows {
            out.sample(family, &[("process", &name)], count);
        }
    }
}
