//! The summary for a person: what is in trouble first, with why and what to do, then a line each for what is not.

use super::{SummaryReport, words};
use crate::analysis::headroom::{Fate, Headroom, Note, Severity};
use crate::analysis::summary::{FlowReport, Gap, GapKind, Held, Subject, Summary, Total, Via};
use crate::model::Family;
use crate::render::prose::wrap;
use crate::render::{Closing, headroom_words};
use std::fmt::Write as _;
use std::io::{self, Write};

/// How many flows in trouble a person is shown.
const FLOWS_SHOWN: usize = 10;
/// How many listeners in trouble.
const LISTENERS_SHOWN: usize = 10;
/// How many flows that are fine, as far as is expected.
const DOUBTS_SHOWN: usize = 3;
/// How many processes of a flow.
const PROCESSES_SHOWN: usize = 4;
/// What is fine is told of together in lines of so many columns.
const ROW: usize = 100;
/// Columns of the severity.
const MARGIN: usize = 10;

/// Writes the summary for a person, for a screen of `width` columns or without a limit.
///
/// # Errors
/// If the output cannot be written.
pub fn summary_text(
    out: &mut impl Write,
    report: &SummaryReport<'_>,
    closing: &Closing,
    width: Option<usize>,
) -> io::Result<()> {
    let mut page = Page {
        text: String::new(),
        room: width.unwrap_or(usize::MAX),
    };
    let (mut shown_flows, mut shown_listeners) = (0, 0);
    let findings = report.summary.findings();
    for (n, finding) in findings.iter().enumerate() {
        match finding.subject {
            Subject::Flow(n) if shown_flows < FLOWS_SHOWN => {
                shown_flows += 1;
                if let Some(flow) = report.summary.flows.get(n) {
                    trouble(&mut page, report, flow);
                }
            }
            Subject::Flow(_) => {}
            Subject::Listener(_) if shown_listeners == LISTENERS_SHOWN => {}
            subject => {
                shown_listeners += usize::from(matches!(subject, Subject::Listener(_)));
                if let Some(line) = words::headline(report, subject) {
                    page.line(finding.severity, &line);
                }
                // Once for all of a kind, which follow each other.
                let next = findings.get(n + 1).map(|next| next.subject);
                let again = next.is_some_and(|next| match next {
                    Subject::Listener(_) if shown_listeners == LISTENERS_SHOWN => false,
                    next => next.word() == subject.word(),
                });
                if let Some(advice) = words::advice(subject).filter(|_| !again) {
                    page.detail("fix", advice);
                }
            }
        }
    }
    more_listeners(&mut page, report, shown_listeners);
    other_flows(&mut page, report, shown_flows);
    for gap in report.summary.gaps() {
        if gap.hides > Severity::Notice {
            page.labelled("?", &words::gap(&gap));
        }
    }
    fine(&mut page, report);
    totals(&mut page, report.summary);
    if super::missing(closing).is_some() {
        page.text.push_str("These counts are incomplete.\n");
    }
    out.write_all(page.text.as_bytes())?;
    out.flush()
}

struct Page {
    text: String,
    room: usize,
}

impl Page {
    fn line(&mut self, severity: Severity, sentence: &str) {
        self.labelled(severity.word().to_uppercase().as_str(), sentence);
    }

    fn detail(&mut self, label: &str, sentence: &str) {
        self.labelled(&format!("  {label}"), sentence);
    }

    fn labelled(&mut self, label: &str, sentence: &str) {
        if self.room < 2 * MARGIN {
            // No room for two columns.
            wrap(
                &mut self.text,
                &format!("{} {sentence}", label.trim()),
                self.room,
                "  ",
            );
            return;
        }
        let mut lines = String::new();
        wrap(&mut lines, sentence, self.room.saturating_sub(MARGIN), "");
        let mut label = label;
        for line in lines.lines() {
            // Writing to a String cannot fail.
            let _ = writeln!(self.text, "{label:<MARGIN$}{line}");
            label = "";
        }
    }
}

/// Everything about a flow that is in trouble.
fn trouble(page: &mut Page, report: &SummaryReport<'_>, of: &FlowReport) {
    let Some(headroom) = &of.headroom else { return };
    page.line(of.severity, &words::flow_line(report, of));
    page.detail("held", &held(of));
    let why = why(&of.held, headroom);
    if !why.is_empty() {
        page.detail("why", &why);
    }
    if let Some(own) = &of.pinned {
        let note = Note::Pinned(own.clone());
        page.detail("note", &headroom_words::note(&note, &headroom.range));
    }
    let trend = trend(of);
    if !trend.is_empty() {
        page.detail("trend", &trend);
    }
    for doubt in &headroom.doubts {
        page.detail("doubt", &headroom_words::doubt(doubt));
    }
    if of.severity > Severity::Notice {
        for remedy in &of.remedies {
            page.detail("fix", &remedy_line(remedy));
        }
    } else {
        page.detail(
            "note",
            "each connect() now scans half of the range, 10 to 30 times the time",
        );
    }
}

fn remedy_line(remedy: &crate::analysis::headroom::Remedy) -> String {
    let advice = headroom_words::remedy(remedy);
    let gain = remedy
        .gain
        .map_or_else(String::new, |gain| format!(": +{gain} ports"));
    let gain = format!("{gain}{}", headroom_words::within(remedy));
    let command = advice
        .command
        .map_or_else(String::new, |command| format!(" ({command})"));
    let risk = match advice.risk {
        "none" => String::new(),
        risk => format!("; risk: {risk}"),
    };
    format!("{}{gain}{command}{risk}", advice.action)
}

/// What holds the ports of a flow, and who that.
fn held(of: &FlowReport) -> String {
    let held = &of.held;
    let kinds = [
        (held.established, "ESTAB"),
        (held.syn_sent, "SYN-SENT"),
        (held.close_wait, "CLOSE-WAIT"),
        (held.closing, "closing"),
        (held.orphan_fin_wait_2, "FIN-WAIT-2 without a process"),
        (held.other, "other"),
        (held.time_wait, "TIME-WAIT"),
    ];
    let kinds = kinds.iter().filter(|(n, _)| *n > 0);
    let mut line = kinds
        .map(|(n, kind)| format!("{n} {kind}"))
        .collect::<Vec<_>>()
        .join(", ");
    let Some(shares) = &of.shares else {
        return line;
    };
    let mut who: Vec<String> = shares
        .processes
        .iter()
        .take(PROCESSES_SHOWN)
        .map(|share| {
            let was = match share.via {
                Via::Inode => "",
                Via::Cookie => " before",
            };
            let name = words::process(share.pid, share.name.as_deref());
            format!("{name} {}{was}", share.sockets)
        })
        .collect();
    if let Some(more) = shares
        .processes
        .len()
        .checked_sub(PROCESSES_SHOWN)
        .filter(|n| *n > 0)
    {
        who.push(format!("{more} more processes"));
    }
    if shares.hidden > 0 {
        who.push(format!(
            "{} of processes that cannot be seen",
            shares.hidden
        ));
    }
    if shares.nobody > 0 {
        let likely = shares
            .processes
            .first()
            .filter(|share| share.via == Via::Inode);
        let likely = likely.map_or_else(String::new, |share| {
            format!(
                " (likely once {}'s)",
                words::process(share.pid, share.name.as_deref())
            )
        });
        who.push(format!("{} of no process{likely}", shares.nobody));
    }
    if !who.is_empty() {
        let _ = write!(line, ": {}", who.join(", "));
    }
    line
}

/// What takes ports from a flow besides its own live sockets, which are counted above it; and those of them that should not be.
fn why(held: &Held, headroom: &Headroom) -> String {
    let costs = headroom.parts.iter().filter(|(fate, _)| {
        !fate.is_available()
            && !matches!(
                fate,
                Fate::SynSent
                    | Fate::Established
                    | Fate::CloseWait
                    | Fate::Closing
                    | Fate::OtherState
            )
    });
    let costs = costs.map(|(fate, n)| format!("{n} {}", headroom_words::fate(fate)));
    let silent = (held.unanswered > 0).then(|| {
        format!(
            "{} SYN-SENT: the peer does not answer; each keeps its port until it gives up (net.ipv4.tcp_syn_retries)",
            held.unanswered
        )
    });
    let costs: Vec<_> = silent.into_iter().chain(costs).collect();
    costs.join("; ")
}

fn trend(of: &FlowReport) -> String {
    let mut parts = Vec::new();
    if of.trend.closes_per_s > 0.0 {
        parts.push(format!(
            "closes {}/s by the ages of TIME_WAITs (last {} s)",
            words::rate(of.trend.closes_per_s),
            of.trend.closes_over_s
        ));
        if let Some(limit) = of.trend.limit_per_s {
            parts.push(format!("can keep up {}/s", words::rate(limit)));
        }
    }
    if let Some((seconds, ports)) = of.trend.releases.iter().find(|(_, ports)| *ports > 0) {
        parts.push(format!(
            "{ports} ports come back from TIME_WAIT within {seconds} s"
        ));
    }
    if let Some(net) = of.trend.net {
        if net.per_s.abs() <= net.error {
            parts.push("stable".to_owned());
        } else {
            parts.push(format!(
                "ports taken: {:+.1}/s (±{:.1})",
                net.per_s, net.error
            ));
        }
    }
    parts.join("; ")
}

fn more_listeners(page: &mut Page, report: &SummaryReport<'_>, shown: usize) {
    let troubled = report.summary.listeners.iter().filter(|l| l.is_troubled());
    let mut more = troubled.skip(shown).peekable();
    let worst = more.peek().and_then(|listener| listener.severity);
    if let Some(worst) = worst {
        let line = format!(
            "{} more listeners like that; --json lists all",
            more.count()
        );
        page.line(worst, &line);
    }
}

fn other_flows(page: &mut Page, report: &SummaryReport<'_>, shown: usize) {
    let summary = report.summary;
    if let Some(reason) = report.no_headroom {
        let flows = match summary.flows.len() {
            0 => String::new(),
            n => format!("; {}", words::count(n as u64, "client flow")),
        };
        page.labelled(
            "?",
            &format!("ports: unknown how many are left, because {reason}{flows}"),
        );
        return;
    }
    let (bad, good): (Vec<_>, Vec<_>) = summary
        .flows
        .iter()
        .partition(|f| f.severity > Severity::Ok);
    if let Some(more) = bad.len().checked_sub(shown).filter(|n| *n > 0) {
        let worst = bad.get(shown).map_or(Severity::Ok, |flow| flow.severity);
        page.line(
            worst,
            &format!("{more} more flows like that; --json lists all"),
        );
    }
    let mut parts = Vec::new();
    let other = if bad.is_empty() { "" } else { "other " };
    if let Some((flow, headroom)) = good
        .first()
        .and_then(|flow| Some((flow, flow.headroom.as_ref()?)))
    {
        let count = match good.len() {
            1 => format!("1 {other}client flow:"),
            n => format!("{n} {other}client flows, the fullest"),
        };
        parts.push(format!(
            "{count} {}, {}",
            words::flow(report, flow),
            words::left(headroom)
        ));
    } else if bad.is_empty() {
        parts.push("no client flow".to_owned());
    }
    let is_fine = summary.new_flow_severity() == Some(Severity::Ok);
    if let Some(fresh) = summary.fresh.as_ref().filter(|_| is_fine) {
        parts.push(format!("to anywhere else {}", words::left(fresh)));
    }
    if !parts.is_empty() {
        page.line(Severity::Ok, &format!("ports: {}", parts.join("; ")));
    }
    // Fine as is expected, and perhaps not.
    let gaps = summary.gaps();
    let of_all = |gap: &Gap| gap.kind == GapKind::BoundSockets && gap.hides > Severity::Notice;
    let doubts = if gaps.iter().any(of_all) {
        0
    } else {
        DOUBTS_SHOWN
    };
    for flow in good.iter().filter(|flow| flow.is_doubtful).take(doubts) {
        page.labelled("?", &words::flow_line_and_doubt(report, flow));
    }
    if summary.undecided > 0 {
        let line = format!(
            "{} connections within this host of which nothing tells which end is the client's",
            summary.undecided
        );
        page.labelled("?", &line);
    }
    let refused = report
        .probe
        .as_ref()
        .and_then(|probe| probe.refused.as_ref());
    if let Some(reason) = refused {
        page.labelled(
            "?",
            &format!(
                "the probe was refused: {}",
                crate::render::escape::escape(reason.as_bytes())
            ),
        );
    }
}

/// A line each for what is as it should be; several on one where they are short.
fn fine(page: &mut Page, report: &SummaryReport<'_>) {
    let summary = report.summary;
    let troubled: Vec<&str> = summary
        .findings()
        .iter()
        .map(|f| f.subject.word())
        .collect();
    let is_fine = |subject: Subject| !troubled.contains(&subject.word());
    let gaps = summary.gaps();
    let is_told = |kind| {
        !gaps
            .iter()
            .any(|gap| gap.kind == kind && gap.hides > Severity::Notice)
    };
    let mut parts = Vec::new();
    if is_fine(Subject::Listener(0)) && is_told(GapKind::Backlogs) {
        let waiting: u32 = summary.listeners.iter().filter_map(|l| l.length).sum();
        let drops = summary.limits.as_ref().and_then(|l| l.listen_drops.lost);
        let drops = match drops {
            Some(0) => ", nothing dropped",
            _ => "",
        };
        parts.push(match (summary.listeners.len(), waiting) {
            (0, _) => "listeners: none".to_owned(),
            (n, 0) => format!("listeners: {n}, no connection waits{drops}"),
            (n, waiting) => format!("listeners: {n}, {waiting} connections wait{drops}"),
        });
    }
    if is_fine(Subject::TimeWait) {
        parts.extend(words::time_wait(report));
    }
    if is_fine(Subject::CloseWait) && is_told(GapKind::CloseWaitAges) {
        parts.push(words::close_wait(report));
    }
    if let Some(limits) = &summary.limits {
        if is_fine(Subject::Descriptors(0)) {
            parts.extend(
                words::headline(report, Subject::Descriptors(0)).map(|line| format!("most {line}")),
            );
        }
        let lines = [
            (
                Subject::Files,
                limits
                    .files
                    .severity
                    .and(words::headline(report, Subject::Files)),
            ),
            (Subject::Memory, words::memory(report)),
            (Subject::Orphans, words::orphans(report)),
            (Subject::Conntrack, words::conntrack(report)),
        ];
        for (subject, line) in lines {
            parts.extend(line.filter(|_| is_fine(subject)));
        }
    }
    // As many on a line as fit.
    let room = page.room.min(ROW).saturating_sub(MARGIN);
    let mut line = String::new();
    for part in parts {
        if !line.is_empty() && line.len() + 3 + part.len() > room {
            page.line(Severity::Ok, &line);
            line.clear();
        }
        if !line.is_empty() {
            line.push_str(" | ");
        }
        line.push_str(&part);
    }
    if !line.is_empty() {
        page.line(Severity::Ok, &line);
    }
}

fn totals(page: &mut Page, summary: &Summary) {
    page.text.push('\n');
    if summary.totals.is_empty() {
        page.text.push_str("No sockets.\n");
    }
    for total in &summary.totals {
        let states = total.states.iter();
        let states = states.map(|(state, n)| format!("{n} {}", state.label(total.protocol)));
        let states: Vec<_> = states.collect();
        page.labelled(
            &name(total),
            &format!("{}: {}", total.sockets(), states.join(", ")),
        );
    }
}

fn name(total: &Total) -> String {
    match total.family {
        Family::Inet6 => format!("{}6", total.protocol),
        _ => total.protocol.to_string(),
    }
}
