//! What runs out besides ports: accept queues, TIME_WAIT, descriptors, memory, orphans, tracked connections; and connections that
//! a process does not close.

use super::flows::HolderShare;
use super::thresholds::{Threshold, Thresholds};
use crate::analysis::headroom::Severity;
use crate::model::{DescriptorUse, Hold, Inode, Port, PortHolder, Queues, Socket, State, Vitals};
use std::cmp::Reverse;
use std::net::IpAddr;

/// A TCP listener and its accept queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerReport {
    /// Where it listens.
    pub address: IpAddr,
    /// At which port.
    pub port: Port,
    /// Connections that wait for accept(2); absent where the source does not tell.
    pub length: Option<u32>,
    /// The backlog, cut to somaxconn when it began to listen; one more fits.
    pub limit: Option<u32>,
    /// By how full it is.
    pub severity: Severity,
    /// Who listens; only looked up for those in trouble.
    pub processes: Option<Vec<HolderShare>>,
    pub(super) inode: Option<Inode>,
}

impl ListenerReport {
    /// Whether the next connection is dropped.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        match (self.length, self.limit) {
            (Some(length), Some(limit)) => length > limit,
            _ => false,
        }
    }

    fn of(socket: &Socket, thresholds: &Thresholds) -> Option<Self> {
        let ends = socket.inet()?;
        let (length, limit) = match socket.queues {
            Queues::Accept { length, limit } => (Some(length), limit),
            _ => (None, None),
        };
        let severity = match (length, limit) {
            (Some(length), Some(limit)) if length > limit => Severity::Critical,
            (Some(length), Some(limit)) => thresholds.part(
                length.into(),
                limit.into(),
                Threshold::AcceptQueueWarning,
                None,
            ),
            _ => Severity::Ok,
        };
        Some(Self {
            address: ends.local,
            port: ends.local_port,
            length,
            limit,
            severity,
            processes: None,
            inode: socket.inode,
        })
    }
}

/// Listeners, the fullest first.
pub(super) fn listeners(sockets: &[Socket], thresholds: &Thresholds) -> Vec<ListenerReport> {
    let mut found: Vec<_> = sockets
        .iter()
        .filter_map(|socket| ListenerReport::of(socket, thresholds))
        .collect();
    found.sort_by_key(|l| (Reverse(l.severity), Reverse(l.length), l.port, l.address));
    found
}

/// How much of something is used. `None` is "cannot be read here".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How much.
    pub used: Option<u64>,
    /// How much there can be.
    pub limit: Option<u64>,
    /// How often it was lost for want of that, since the host or namespace began.
    pub lost: Option<u64>,
    /// How often between two looks.
    pub lost_now: Option<u64>,
    /// How bad that is.
    pub severity: Option<Severity>,
}

impl Usage {
    fn new(used: Option<u64>, limit: Option<u64>, severity: impl Fn(u64, u64) -> Severity) -> Self {
        Self {
            used,
            limit,
            lost: None,
            lost_now: None,
            severity: used.zip(limit).map(|(used, limit)| severity(used, limit)),
        }
    }

    /// With a counter of losses, which make it worse if they go on.
    fn losing(mut self, now: Option<u64>, before: Option<u64>, rising: Severity) -> Self {
        self.lost = now;
        self.lost_now = now
            .zip(before)
            .map(|(now, before)| now.saturating_sub(before));
        if self.lost_now.is_some_and(|lost| lost > 0) {
            self.severity = Some(self.severity.unwrap_or(rising).max(rising));
        }
        self
    }
}

/// Limits of the namespace and of the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LimitsReport {
    /// TIME_WAIT, and orphans in FIN_WAIT2, against `tcp_max_tw_buckets`.
    pub time_wait: Usage,
    /// Connections dropped at listeners: `lost` is ListenDrops.
    pub listen_drops: Usage,
    /// How many of those at a full accept queue.
    pub listen_overflows: Option<u64>,
    /// Open files of the host.
    pub files: Usage,
    /// Pages of TCP.
    pub memory: Usage,
    /// Pages from which on the kernel is sparing.
    pub memory_pressure: Option<u64>,
    /// Connections without a process.
    pub orphans: Usage,
    /// Tracked connections.
    pub conntrack: Usage,
    /// Processes with least descriptors left, worst first; absent if nobody could look.
    pub descriptors: Option<Vec<(DescriptorUse, Severity)>>,
    /// Processes whose descriptors could not be counted.
    pub descriptors_hidden: u64,
}

pub(super) fn limits(
    now: &Vitals,
    before: Option<&Vitals>,
    thresholds: &Thresholds,
) -> LimitsReport {
    let files = |used, limit| {
        thresholds.part(
            used,
            limit,
            Threshold::FilesWarning,
            Some(Threshold::FilesCritical),
        )
    };
    let one = |threshold| move |used, limit| thresholds.part(used, limit, threshold, None);
    let drops = Usage {
        severity: now.listen_drops.map(|drops| match drops {
            0 => Severity::Ok,
            _ => Severity::Notice,
        }),
        ..Usage::default()
    };
    let memory = |used: u64, limit: u64| {
        let pressure = now.tcp_pages_limits.map(|[_, pressure, _]| pressure);
        match () {
            () if thresholds.reaches(Threshold::MemoryCritical, used, limit) => Severity::Critical,
            () if pressure.is_some_and(|pressure| used >= pressure) => Severity::Warning,
            () => Severity::Ok,
        }
    };
    LimitsReport {
        time_wait: Usage::new(
            now.time_wait,
            now.time_wait_max,
            one(Threshold::TimeWaitWarning),
        )
        .losing(
            now.time_wait_overflows,
            before.and_then(|b| b.time_wait_overflows),
            Severity::Warning,
        ),
        listen_drops: drops.losing(
            now.listen_drops,
            before.and_then(|b| b.listen_drops),
            Severity::Critical,
        ),
        listen_overflows: now.listen_overflows,
        files: Usage::new(now.files.map(|f| f.0), now.files.map(|f| f.1), files),
        memory: Usage::new(
            now.tcp_pages,
            now.tcp_pages_limits.map(|[_, _, high]| high),
            memory,
        ),
        memory_pressure: now.tcp_pages_limits.map(|[_, pressure, _]| pressure),
        orphans: Usage::new(now.orphans, now.orphans_max, one(Threshold::OrphansWarning)),
        conntrack: Usage::new(now.conntrack, now.conntrack_max, |used, limit| {
            let critical = Some(Threshold::ConntrackCritical);
            thresholds.part(used, limit, Threshold::ConntrackWarning, critical)
        })
        .losing(
            now.conntrack_lost,
            before.and_then(|b| b.conntrack_lost),
            Severity::Warning,
        ),
        descriptors: None,
        descriptors_hidden: 0,
    }
}

/// One process that does not close what its peers have closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// It, and how many CLOSE_WAITs it holds.
    pub holder: HolderShare,
    /// How many of those are old.
    pub old: u32,
    /// How long ago the peer of the oldest was heard last, in milliseconds; it is in CLOSE_WAIT at least as long.
    pub oldest_ms: Option<u32>,
    /// How bad that is.
    pub severity: Severity,
}

/// Connections that the peer has closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseWaitReport {
    /// How many there are.
    pub count: u32,
    /// How many of them are old; absent where the source does not tell any age.
    pub old: Option<u32>,
    /// How bad that is, as long as nobody looked whose they are.
    pub severity: Severity,
    /// By process, those with most first; absent if nobody looked.
    pub leaks: Option<Vec<Leak>>,
    /// Those that could be of one process too many.
    pub(super) sockets: Vec<(Option<Inode>, Option<u32>)>,
}

pub(super) fn close_wait(tcp: &[PortHolder], thresholds: &Thresholds) -> CloseWaitReport {
    let waiting = tcp
        .iter()
        .filter(|h| h.hold == Hold::Live(State::CloseWait));
    let sockets: Vec<_> = waiting.map(|h| (h.inode, h.quiet_ms)).collect();
    let count = u32::try_from(sockets.len()).unwrap_or(u32::MAX);
    let known = sockets.iter().any(|(_, quiet)| quiet.is_some());
    let old = sockets
        .iter()
        .filter(|(_, quiet)| is_old(*quiet, thresholds));
    let old = u32::try_from(old.count()).unwrap_or(u32::MAX);
    CloseWaitReport {
        count,
        old: (known || count == 0).then_some(old),
        severity: leak_severity(old, thresholds),
        leaks: None,
        sockets,
    }
}

pub(super) fn is_old(quiet_ms: Option<u32>, thresholds: &Thresholds) -> bool {
    let age = thresholds.of(Threshold::CloseWaitAge) * 1000.0;
    quiet_ms.is_some_and(|quiet| f64::from(quiet) >= age)
}

pub(super) fn leak_severity(old: u32, thresholds: &Thresholds) -> Severity {
    if old > 0 && f64::from(old) >= thresholds.of(Threshold::CloseWaitWarning) {
        Severity::Warning
    } else {
        Severity::Ok
    }
}
