//! One line for a monitoring system, by the conventions of the Monitoring Plugins: what is wrong, then after a bar performance data
//! as `label=value;warning;critical;min;max`, where `5:` warns below five.

use super::{SummaryReport, words};
use crate::analysis::headroom::{Headroom, Severity};
use crate::analysis::summary::{Subject, Threshold};
use crate::model::State;
use crate::render::Closing;
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

/// Why an answer cannot be trusted.
fn doubt(report: &SummaryReport<'_>, closing: &Closing) -> Option<String> {
    if let Some(reason) = report.no_headroom {
        return Some(format!("unknown how many ports are left: {reason}"));
    }
    if let Some(notice) = super::missing(closing) {
        return Some(notice.to_string());
    }
    let flow = report.summary.flows.iter().find(|flow| flow.is_doubtful)?;
    let left = flow.headroom.as_ref().map(words::left)?;
    let hint = if report.probe.is_some() {
        ""
    } else {
        "; --probe may tell"
    };
    Some(format!("{}: {left}{hint}", words::flow(report, flow)))
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
    let worst = findings.iter().find(|finding| match finding.subject {
        // What nobody can tell decides nothing.
        Subject::Flow(n) => certain(n),
        // A question to a person.
        Subject::Open(_) => false,
        _ => true,
    });
    let doubt = doubt(report, closing);
    let status = match worst.map(|finding| finding.severity) {
        // That is certain whatever else is missing.
        Some(Severity::Critical) => CheckStatus::Critical,
        _ if doubt.is_some() => CheckStatus::Unknown,
        Some(Severity::Warning) => CheckStatus::Warning,
        Some(Severity::Notice | Severity::Ok) | None => CheckStatus::Ok,
    };
    let what = match (status, doubt) {
        (CheckStatus::Unknown, Some(reason)) => reason,
        _ => worst
            .and_then(|finding| words::headline(report, finding.subject))
            .unwrap_or_else(|| "no limit is near".to_owned()),
    };
    let alike = findings
        .iter()
        .filter(|f| f.severity >= Severity::Warning)
        .count();
    let more = match alike.checked_sub(1) {
        Some(n) if n > 0 && status != CheckStatus::Unknown => format!(" (and {n} more)"),
        _ => String::new(),
    };
    // A bar would begin the performance data.
    let what = crate::render::escape::escape(what.as_bytes()).replace('|', "/");
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

/// Of the flow that is worst off.
fn ports(data: &mut String, report: &SummaryReport<'_>, headroom: &Headroom) {
    let left = |threshold| report.thresholds.ports_left(threshold, headroom.capacity);
    let _ = write!(
        data,
        "min_headroom={};{}:;{}:;0;{}",
        headroom.bounds.expected,
        left(Threshold::PortsWarning),
        left(Threshold::PortsCritical),
        headroom.capacity
    );
}
