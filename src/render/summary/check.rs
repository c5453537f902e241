//! One line for a monitoring system, by the conventions of the Monitoring Plugins: what is wrong, then after a bar performance data
//! as `label=value;warning;critical;min;max`, where `5:` warns below five.

use super::{SummaryReport, words};
use crate::analysis::headroom::{Headroom, Severity};
use crate::analysis::summary::{Finding, FlowReport, Subject, Threshold};
use crate::model::State;
use crate::render::Closing;
use crate::render::escape::escape;
use std::fmt::Write as _;

/// What a monitoring system is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStatus {
    /// All is well, or worth a notice.
    Ok,
    /// Something comes to its end.
    Warning,
    /// Something has come to its end.
    Critical,
    /// Nobody can tell.
    Unknown,
}

impl CheckStatus {
    /// The word of the conventions.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The exit code of the conventions.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }
}

/// Why an answer cannot be trusted, of which `known` is the worst that is certain.
fn doubt(report: &SummaryReport<'_>, closing: &Closing, known: Severity) -> Option<String> {
    if let Some(reason) = report.no_headroom {
        let reason = escape(reason.as_bytes());
        return Some(format!("unknown how many ports are left: {reason}"));
    }
    if let Some(notice) = super::missing(closing) {
        return Some(escape(notice.to_string().as_bytes()));
    }
    if let Some(gap) = report.summary.hidden_beyond(known) {
        return Some(words::gap(&gap));
    }
    let flow = report.summary.flows.iter().find(|flow| flow.is_doubtful)?;
    Some(words::flow_line_and_doubt(report, flow))
}

/// The line, and the status that goes with it.
#[must_use]
pub fn check_line(report: &SummaryReport<'_>, closing: &Closing) -> (CheckStatus, String) {
    let findings = report.summary.findings();
    let certain = |n: usize| {
        report
            .summary
            .flows
            .get(n)
            .is_some_and(|flow| !flow.is_doubtful)
    };
    let decides = |finding: &&Finding| match finding.subject {
        // What nobody can tell decides nothing.
        Subject::Flow(n) => certain(n),
        // A question to a person.
        Subject::Open(_) => false,
        _ => true,
    };
    let worst = findings.iter().find(decides);
    let known = worst.map_or(Severity::Ok, |finding| finding.severity);
    let doubt = doubt(report, closing, known);
    let status = match known {
        // That is certain whatever else is missing.
        Severity::Critical => CheckStatus::Critical,
        _ if doubt.is_some() => CheckStatus::Unknown,
        Severity::Warning => CheckStatus::Warning,
        Severity::Notice | Severity::Ok => CheckStatus::Ok,
    };
    let what = match (status, doubt) {
        (CheckStatus::Unknown, Some(reason)) => reason,
        _ => worst
            .and_then(|finding| words::headline(report, finding.subject))
            .unwrap_or_else(|| "no limit is near".to_owned()),
    };
    let alike = findings
        .iter()
        .filter(|finding| finding.severity >= Severity::Warning)
        .filter(decides)
        .count();
    let more = match alike.checked_sub(1) {
        Some(n) if n > 0 && status != CheckStatus::Unknown => format!(" (and {n} more)"),
        _ => String::new(),
    };
    // A bar would begin the performance data. Names from outside come escaped already.
    let what = what.replace('|', "/");
    let data = performance(report);
    let line = format!("PORTCTL {} - {what}{more} | {data}\n", status.word());
    (status, line)
}

fn performance(report: &SummaryReport<'_>) -> String {
    let summary = report.summary;
    let thresholds = report.thresholds;
    let mut data = String::new();
    let worst = summary.flows.iter().find_map(|flow| flow.headroom.as_ref());
    if let Some(headroom) = worst.or(summary.fresh.as_ref()) {
        ports(&mut data, report, headroom);
    }
    soonest(&mut data, report);
    let tcp: u64 = summary
        .totals
        .iter()
        .filter(|total| total.protocol == crate::model::Protocol::Tcp)
        .map(|total| total.in_state(State::Established))
        .sum();
    // Writing to a String cannot fail.
    let _ = write!(data, " tcp_established={tcp};;;0;");
    let _ = write!(data, " close_wait={};;;0;", summary.close_wait.count);
    let Some(limits) = &summary.limits else {
        return data.trim_start().to_owned();
    };
    let mut used = |label: &str,
                    usage: crate::analysis::summary::Usage,
                    warning: Option<Threshold>,
                    critical: Option<Threshold>| {
        let Some(now) = usage.used else { return };
        let at = |threshold: Option<Threshold>| match (threshold, usage.limit) {
            (Some(threshold), Some(limit)) => {
                format!("{:.0}", limit as f64 * thresholds.of(threshold) / 100.0)
            }
            _ => String::new(),
        };
        let limit = usage
            .limit
            .map_or_else(String::new, |limit| limit.to_string());
        let _ = write!(
            data,
            " {label}={now};{};{};0;{limit}",
            at(warning),
            at(critical)
        );
    };
    used(
        "time_wait",
        limits.time_wait,
        Some(Threshold::TimeWaitWarning),
        None,
    );
    used(
        "files",
        limits.files,
        Some(Threshold::FilesWarning),
        Some(Threshold::FilesCritical),
    );
    used(
        "tcp_pages",
        limits.memory,
        None,
        Some(Threshold::MemoryCritical),
    );
    used(
        "orphans",
        limits.orphans,
        Some(Threshold::OrphansWarning),
        None,
    );
    used(
        "conntrack",
        limits.conntrack,
        Some(Threshold::ConntrackWarning),
        Some(Threshold::ConntrackCritical),
    );
    if let Some(drops) = limits.listen_drops.lost {
        let _ = write!(data, " listen_drops={drops}c;;;0;");
    }
    data.trim_start().to_owned()
}

/// Of the flow that is worst off: what it is judged by, and what is certain. `U` is a value that nobody can tell.
fn ports(data: &mut String, report: &SummaryReport<'_>, headroom: &Headroom) {
    let left = |threshold| report.thresholds.ports_left(threshold, headroom.capacity);
    let (expected, capacity) = (headroom.bounds.expected, headroom.capacity);
    let min = headroom.bounds.min;
    let min = min.map_or_else(|| "U".to_owned(), |min| min.to_string());
    let _ = write!(
        data,
        "expected_headroom={expected};{}:;{}:;0;{capacity} min_headroom={min};;;0;{capacity}",
        left(Threshold::PortsWarning),
        left(Threshold::PortsCritical),
    );
}

/// When the first flow that is half full will have no port left, if two looks tell.
fn soonest(data: &mut String, report: &SummaryReport<'_>) {
    let is_half_full = |flow: &&FlowReport| flow.left() <= 0.5;
    let times = report.summary.flows.iter().filter(is_half_full);
    let soonest = times
        .filter_map(|flow| flow.trend.exhausted)
        .min_by(|a, b| a.in_s.total_cmp(&b.in_s));
    if let Some(at) = soonest {
        let _ = write!(
            data,
            " exhausted_in={:.1}s;{}:;{}:;0; exhausted_error={:.1}s;;;0;",
            at.in_s,
            report.thresholds.of(Threshold::ExhaustionWarning),
            report.thresholds.of(Threshold::ExhaustionCritical),
            at.error_s
        );
    }
}
