//! Words for flows, processes and findings, which all formats share.

use super::SummaryReport;
use crate::analysis::headroom::{Doubt, Headroom, Mode, Severity};
use crate::analysis::summary::{
    Exhaustion, FlowReport, Gap, GapKind, HolderShare, ListenerReport, Subject, Usage,
};
use crate::model::{IfIndex, Pid, Protocol};
use crate::render::escape::escape;
use crate::render::exposure::{open_question, open_remedy};
use crate::render::headroom_words;
use std::net::SocketAddr;

/// `tcp 10.0.0.5 -> 10.0.0.7:443`.
pub(super) fn flow(report: &SummaryReport<'_>, of: &FlowReport) -> String {
    let flow = &of.flow;
    if flow.protocol == Protocol::Udp {
        let family = if flow.source.is_ipv4() {
            "IPv4"
        } else {
            "IPv6"
        };
        return format!("udp, any {family} socket");
    }
    let to = SocketAddr::new(flow.destination, flow.destination_port.0);
    let on = flow.interface.map_or(String::new(), |index| {
        format!(" on {}", interface(report, index))
    });
    let how = match flow.mode {
        Mode::Connect => "",
        Mode::Bind => ", clients that bind() to port 0",
        Mode::BindAny => ", clients that bind() to any address and port 0",
    };
    format!("tcp {} -> {to}{on}{how}", flow.source)
}

/// `eth0`, or its number where it has no name.
pub(super) fn interface(report: &SummaryReport<'_>, index: IfIndex) -> String {
    let name = report.names.interface(index);
    name.map_or_else(|| index.0.to_string(), |name| escape(&name))
}

/// What there is to say of a flow in one line: what is left, until when, and whether that is certain.
pub(super) fn flow_line(report: &SummaryReport<'_>, of: &FlowReport) -> String {
    let left = of.headroom.as_ref().map_or_else(String::new, left);
    let until = of.trend.exhausted.map(none_in);
    let until = until.map_or_else(String::new, |until| format!(", {until}"));
    let doubt = match of.severity {
        _ if !of.is_doubtful => "",
        Severity::Critical => "; CRITICAL is expected, not certain",
        _ => "; CRITICAL is possible, not expected",
    };
    format!("{}: {left}{until}{doubt}", flow(report, of))
}

/// The same, with why it is not certain.
pub(super) fn flow_line_and_doubt(report: &SummaryReport<'_>, of: &FlowReport) -> String {
    // On which most hangs: on those of which nobody knows how many they are before all others.
    let most = |doubt: &&Doubt| doubt.ports.unwrap_or(u32::MAX);
    let headroom = of.headroom.as_ref().filter(|_| of.is_doubtful);
    let doubt = headroom.and_then(|headroom| headroom.doubts.iter().max_by_key(most));
    let because = doubt.map_or_else(String::new, |doubt| {
        format!(": {}", headroom_words::doubt(doubt).trim_end_matches('.'))
    });
    format!("{}{because}", flow_line(report, of))
}

/// `none in about 9 s (±3 s)`.
fn none_in(at: Exhaustion) -> String {
    format!(
        "none in about {} (±{})",
        duration(at.in_s),
        duration(at.error_s)
    )
}

/// `0.7`, `25`: a number of something in a second.
pub(super) fn rate(per_s: f64) -> String {
    match per_s {
        n if n.abs() < 10.0 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

/// `1 listener`, `2 listeners`.
pub(super) fn count(n: u64, what: &str) -> String {
    let several = if n == 1 { "" } else { "s" };
    format!("{n} {what}{several}")
}

/// What is not told, and what that hides.
pub(super) fn gap(of: &Gap) -> String {
    let n = of.sockets.unwrap_or_default();
    // Neither /proc/net nor a saved dump has them.
    let untold = "unknown: the source does not tell it";
    let what = match of.kind {
        GapKind::Backlogs => format!(
            "how many connections may wait at {} is {untold}",
            count(n, "listener")
        ),
        GapKind::ListenerDrops => format!(
            "how many connections {} dropped each is {untold}",
            count(n, "listener")
        ),
        GapKind::CloseWaitAges => format!("how old {} are is {untold}", count(n, "CLOSE_WAIT")),
        GapKind::BoundSockets => match of.sockets {
            Some(n) => format!(
                "which ports bound, idle sockets hold is unknown: there are at most {n}, and nothing here lists them"
            ),
            None => "which ports bound, idle sockets hold is unknown: nothing here lists them"
                .to_owned(),
        },
    };
    let hides = match (of.kind, of.hides) {
        (_, Severity::Ok) => "; nothing bad can hide there",
        (GapKind::Backlogs, _) => "; some wait, and whether their queue is full nobody can tell",
        (GapKind::CloseWaitAges, _) => "; one process may leak them",
        _ => "",
    };
    format!("{what}{hides}")
}

/// `nginx[900]`.
pub(super) fn process(pid: Pid, name: Option<&[u8]>) -> String {
    let name = name.map_or_else(|| "?".to_owned(), escape);
    format!("{name}[{}]", pid.0)
}

fn processes(list: &[HolderShare]) -> String {
    let names: Vec<_> = list
        .iter()
        .take(3)
        .map(|share| process(share.pid, share.name.as_deref()))
        .collect();
    names.join(", ")
}

/// How many ports are left, and how sure that is.
pub(super) fn left(headroom: &Headroom) -> String {
    let bounds = headroom.bounds;
    let sure = match bounds.min {
        _ if bounds.is_exact() => " (exactly)".to_owned(),
        Some(min) => format!(" (at least {min}, at most {})", bounds.max),
        None => format!(" (at least: unknown, at most {})", bounds.max),
    };
    format!(
        "{} of {} ports left{sure}",
        bounds.expected, headroom.capacity
    )
}

/// A time that is still to come, in words.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.0} h", s / 3600.0),
    }
}

/// `0.0.0.0:8080 nginx[900]: 12 wait for accept(), backlog 128, 40 dropped, 3 of them just now`.
pub(super) fn listener(report: &SummaryReport<'_>, of: &ListenerReport) -> String {
    let on = of.interface.map_or_else(String::new, |index| {
        format!(" on {}", interface(report, index))
    });
    let at = format!("{}{on}", SocketAddr::new(of.address, of.port.0));
    let who = of.processes.as_deref().map(processes).unwrap_or_default();
    let who = if who.is_empty() {
        who
    } else {
        format!(" {who}")
    };
    let number = |n: Option<u32>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let full = match of.is_full() {
        Some(true) => ": FULL, more are dropped",
        _ => "",
    };
    let drops = match (of.drops, of.drops_now) {
        (Some(drops @ 1..), Some(now @ 1..)) => {
            format!(", {drops} attempts dropped here, {now} of them just now")
        }
        (Some(drops @ 1..), Some(0)) => format!(", {drops} attempts dropped here, none just now"),
        (Some(drops @ 1..), None) => format!(", {drops} attempts dropped here"),
        _ => String::new(),
    };
    format!(
        "listener {at}{who}: {} wait for accept(), backlog {}{full}{drops}",
        number(of.length),
        number(of.limit)
    )
}

/// `12 of 128`, as far as it is known.
pub(super) fn usage(of: &Usage) -> Option<String> {
    Some(match (of.used, of.limit) {
        (Some(used), Some(limit)) => format!("{used} of {limit}"),
        (Some(used), None) => used.to_string(),
        _ => return None,
    })
}

fn lost(of: &Usage, what: &str) -> String {
    match (of.lost, of.lost_now) {
        (Some(lost), Some(now)) if now > 0 => format!(", {lost} {what}, {now} of them just now"),
        (Some(lost), _) if lost > 0 => format!(", {lost} {what}"),
        _ => String::new(),
    }
}

/// One line about something that is not as it should be.
pub(super) fn headline(report: &SummaryReport<'_>, subject: Subject) -> Option<String> {
    let summary = report.summary;
    let limits = summary.limits.as_ref();
    Some(match subject {
        Subject::Flow(n) => flow_line_and_doubt(report, summary.flows.get(n)?),
        Subject::NewFlow => format!("ports to anywhere new: {}", left(summary.fresh.as_ref()?)),
        Subject::Listener(n) => listener(report, summary.listeners.get(n)?),
        Subject::ListenDrops => listen_drops(report)?,
        Subject::TimeWait => time_wait(report)?,
        Subject::CloseWait => close_wait(report),
        Subject::Leak(n) => {
            let leak = summary.close_wait.leaks.as_ref()?.get(n)?;
            let oldest = leak.oldest_ms.map_or_else(String::new, |ms| {
                format!(
                    ", the oldest for {} or more",
                    duration(f64::from(ms) / 1000.0)
                )
            });
            format!(
                "CLOSE_WAIT: {} in {}, {} of them old{oldest}: it does not close what its peers have closed",
                leak.holder.sockets,
                process(leak.holder.pid, leak.holder.name.as_deref()),
                leak.old
            )
        }
        Subject::Descriptors(n) => {
            let (of, _) = limits?.descriptors.as_ref()?.get(n)?;
            let name = process(of.process.pid, of.process.name.as_deref());
            format!("descriptors of {name}: {} of {}", of.open, of.limit)
        }
        Subject::Files => format!("open files of the host: {}", usage(&limits?.files)?),
        Subject::Memory => memory(report)?,
        Subject::Orphans => orphans(report)?,
        Subject::Conntrack => conntrack(report)?,
        Subject::Open(n) => open_question(summary.open.get(n)?),
    })
}

/// What to do about it, where that is not said elsewhere.
pub(super) const fn advice(subject: Subject) -> Option<&'static str> {
    Some(match subject {
        Subject::Listener(_) => {
            "let it accept() faster; a larger backlog, listen(N) and net.core.somaxconn both, bridges bursts only and takes effect \
             when it listens anew"
        }
        Subject::TimeWait => {
            "connections beyond the limit end without TIME_WAIT; raise net.ipv4.tcp_max_tw_buckets, do not lower it"
        }
        Subject::Leak(_) | Subject::CloseWait => {
            "restarting the process frees them; only a fix of it cures that"
        }
        Subject::Descriptors(_) => {
            "raise RLIMIT_NOFILE of it (systemd: LimitNOFILE=), or let it keep less open"
        }
        Subject::Files => "raise fs.file-max",
        Subject::Memory => "find large queues: portctl top --by process --sort recv_queue:desc",
        Subject::Orphans => {
            "the kernel resets orphans when there are too many: peers that do not answer, or an attack"
        }
        Subject::Conntrack => {
            "raise net.netfilter.nf_conntrack_max, or do not track what need not be"
        }
        Subject::Open(_) => open_remedy(),
        Subject::NewFlow => {
            "what is bound or reserved keeps these ports from every connection: portctl headroom --to ADDRESS:PORT says why"
        }
        Subject::Flow(_) | Subject::ListenDrops => return None,
    })
}

/// About connections that listeners dropped.
pub(super) fn listen_drops(report: &SummaryReport<'_>) -> Option<String> {
    let limits = report.summary.limits.as_ref()?;
    let drops = limits.listen_drops;
    let lost = drops.lost?;
    let full = limits.listen_overflows.filter(|n| *n > 0);
    let full = full.map_or_else(String::new, |n| {
        format!(", {n} of them at a full accept queue")
    });
    let now = match drops.lost_now {
        Some(0) => "; none just now".to_owned(),
        Some(n) => format!("; {n} just now"),
        None => String::new(),
    };
    Some(format!(
        "listeners here have dropped {lost} connections in all{full}{now}"
    ))
}

/// About TIME_WAIT and its limit.
pub(super) fn time_wait(report: &SummaryReport<'_>) -> Option<String> {
    let limits = report.summary.limits.as_ref()?;
    let lost = lost(&limits.time_wait, "ended without it");
    let others = match report.summary.orphan_fin_wait_2 {
        0 => String::new(),
        n => format!(", {n} of them in FIN_WAIT2 without a process, which count too"),
    };
    let used = usage(&limits.time_wait)?;
    Some(format!("TIME_WAIT: {used}{others}{lost}"))
}

/// About CLOSE_WAITs as a whole.
pub(super) fn close_wait(report: &SummaryReport<'_>) -> String {
    let of = &report.summary.close_wait;
    let old = match of.old {
        None => ", their age is unknown".to_owned(),
        Some(0) => String::new(),
        Some(old) => format!(", {old} of them old"),
    };
    // Somebody looked, found nobody, and there are too many.
    let is_nobodys = of.leaks.as_ref().is_some_and(Vec::is_empty);
    let whose = match is_nobodys && of.severity > Some(Severity::Ok) {
        true => "; whose they are cannot be seen",
        false => "",
    };
    match of.count {
        0 => "CLOSE_WAIT: none".to_owned(),
        count => format!("CLOSE_WAIT: {count}{old}{whose}"),
    }
}

/// About memory.
pub(super) fn memory(report: &SummaryReport<'_>) -> Option<String> {
    let limits = report.summary.limits.as_ref()?;
    let used = limits.memory.used?;
    Some(match (limits.memory_pressure, limits.memory.limit) {
        (Some(pressure), Some(limit)) => {
            format!("TCP memory: {used} pages, pressure from {pressure}, at most {limit}")
        }
        _ => format!("TCP memory: {used} pages"),
    })
}

/// About connections without a process.
pub(super) fn orphans(report: &SummaryReport<'_>) -> Option<String> {
    let limits = report.summary.limits.as_ref()?;
    Some(format!("orphans: {}", usage(&limits.orphans)?))
}

/// About tracked connections.
pub(super) fn conntrack(report: &SummaryReport<'_>) -> Option<String> {
    let limits = report.summary.limits.as_ref()?;
    let lost = lost(&limits.conntrack, "lost");
    Some(format!("conntrack: {}{lost}", usage(&limits.conntrack)?))
}
