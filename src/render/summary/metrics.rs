//! The summary as metrics, in the text format that Prometheus scrapes and that a node exporter reads from a directory; OpenMetrics
//! readers take it too, its units and its end included.
//!
//! How many series there are does not depend on what anybody connects to: of flows, listeners and processes only a few are told of,
//! the worst; what the rest comes to is in sums.

use super::SummaryReport;
use crate::analysis::headroom::Severity;
use crate::analysis::summary::{FlowReport, Usage};
use crate::render::Closing;
use crate::render::escape::escape;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

/// So many flows, listeners or processes have series of their own.
const SERIES: usize = 10;

/// One family of metrics after the other.
struct Exposition(String);

impl Exposition {
    /// Begins a family. `unit` is the end of its name, before `_total`.
    fn family(&mut self, name: &str, kind: &str, unit: Option<&str>, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP portctl_{name} {help}");
        let _ = writeln!(self.0, "# TYPE portctl_{name} {kind}");
        if let Some(unit) = unit {
            let _ = writeln!(self.0, "# UNIT portctl_{name} {unit}");
        }
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", quoted(value)))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "portctl_{name}{labels} {value}");
    }

    /// A family of one sample, if its value is known.
    fn gauge(&mut self, name: &str, unit: Option<&str>, help: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.family(name, "gauge", unit, help);
            self.sample(name, &[], value);
        }
    }

    fn counter(&mut self, name: &str, help: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.family(name, "counter", None, help);
            self.sample(name, &[], value);
        }
    }
}

/// The value of a label: valid UTF-8 without what ends it. Names from outside come escaped already.
fn quoted(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// The metrics; also where nothing could be collected, of which `None` tells.
#[must_use]
pub fn openmetrics(report: Option<(&SummaryReport<'_>, &Closing)>) -> String {
    let mut out = Exposition(String::new());
    let success = report.is_some_and(|(_, closing)| super::missing(closing).is_none());
    out.gauge(
        "scrape_success",
        None,
        "Whether everything that was asked for could be read: 1, or 0 if something is missing.",
        Some(u8::from(success)),
    );
    if let Some((report, _)) = report {
        verdict(&mut out, report);
        sockets(&mut out, report);
        ports(&mut out, report);
        listeners(&mut out, report);
        limits(&mut out, report);
        processes(&mut out, report);
    }
    out.0.push_str("# EOF\n");
    out.0
}

fn verdict(out: &mut Exposition, report: &SummaryReport<'_>) {
    // Of a host of which nothing but sockets is known nothing can be said.
    let known = report.summary.limits.is_some();
    let verdict = known.then(|| report.summary.verdict() as u8);
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
                with_flow(flow, &[("bound", bound)], |labels| {
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
        with_flow(flow, &[], |labels| {
            out.sample("flow_capacity_ports", labels, headroom.capacity);
        });
    }
}

fn with_flow<'a>(of: &FlowReport, more: &[(&'a str, &'a str)], tell: impl FnOnce(&[(&str, &str)])) {
    let flow = &of.flow;
    let source = flow.source.to_string();
    let destination = flow.destination.to_string();
    let port = flow.destination_port.0.to_string();
    let interface = flow
        .interface
        .map_or_else(String::new, |index| index.0.to_string());
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

fn listeners(out: &mut Exposition, report: &SummaryReport<'_>) {
    let listeners = &report.summary.listeners;
    let waiting: u64 = listeners
        .iter()
        .filter_map(|l| l.length)
        .map(u64::from)
        .sum();
    out.gauge("listeners", None, "TCP listeners.", Some(listeners.len()));
    out.gauge(
        "accept_queue_connections",
        Some("connections"),
        "Connections that wait for accept() at any listener.",
        Some(waiting),
    );
    let full = listeners.iter().filter(|l| l.is_full()).count();
    out.gauge(
        "listeners_full",
        None,
        "Listeners whose accept queue is full.",
        Some(full),
    );
    let worst: Vec<_> = listeners
        .iter()
        .filter(|l| l.severity > Severity::Ok)
        .take(SERIES)
        .collect();
    if !worst.is_empty() {
        out.family(
            "listener_accept_queue_connections",
            "gauge",
            Some("connections"),
            "Connections that wait for accept() at listeners in trouble.",
        );
        for listener in worst {
            let address = listener.address.to_string();
            let port = listener.port.0.to_string();
            let labels = [("address", address.as_str()), ("port", port.as_str())];
            out.sample(
                "listener_accept_queue_connections",
                &labels,
                listener.length.unwrap_or(0),
            );
        }
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
fn by_name<'a>(rows: impl Iterator<Item = (Option<&'a [u8]>, u64)>) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (name, count) in rows {
        let name = name.map_or_else(|| "?".to_owned(), escape);
        *sums.entry(name).or_default() += count;
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, count)| Reverse(*count));
    sums.truncate(SERIES);
    sums
}

fn processes(out: &mut Exposition, report: &SummaryReport<'_>) {
    let limits = report.summary.limits.as_ref();
    let descriptors = limits.and_then(|limits| limits.descriptors.as_ref());
    let worst = descriptors.into_iter().flatten();
    let worst = worst.filter(|(_, severity)| *severity > Severity::Ok);
    let open = by_name(worst.map(|(of, _)| (of.process.name.as_deref(), of.open)));
    let leaks = report.summary.close_wait.leaks.iter().flatten();
    let leaks = leaks.filter(|leak| leak.severity > Severity::Ok);
    let leaks = by_name(leaks.map(|l| (l.holder.name.as_deref(), l.holder.sockets.into())));
    let families = [
        (
            "process_open_files",
            "Open files of processes that come to their limit.",
            open,
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
