//! What runs out besides ports: accept queues, TIME_WAIT, descriptors, memory, orphans, tracked connections; and connections that
//! a process does not close.

use super::held::HolderShare;
use super::thresholds::{Threshold, Thresholds};
use crate::analysis::headroom::Severity;
use crate::model::{
    Cookie, DescriptorUse, Hold, IfIndex, Inode, MemoryMetric, Port, PortHolder, Queues, Socket,
    State, Vitals,
};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

/// A TCP listener and its accept queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerReport {
    /// Where it listens.
    pub address: IpAddr,
    /// At which port.
    pub port: Port,
    /// The interface it is bound to.
    pub interface: Option<IfIndex>,
    /// Connections that wait for accept(2); absent where the source does not tell.
    pub length: Option<u32>,
    /// The backlog, cut to somaxconn when it began to listen; one more fits.
    pub limit: Option<u32>,
    /// How many connections it dropped since it began to listen, `SK_MEMINFO_DROPS`; absent where the source does not tell.
    pub drops: Option<u32>,
    /// How many of those between two looks.
    pub drops_now: Option<u32>,
    /// By how full it is, and whether it drops; absent where nobody can tell.
    pub severity: Option<Severity>,
    /// Who listens; only looked up for those in trouble.
    pub processes: Option<Vec<HolderShare>>,
    pub(super) inode: Option<Inode>,
    pub(super) cookie: Option<Cookie>,
}

impl ListenerReport {
    /// Whether the next connection is dropped; `None` where nobody can tell.
    #[must_use]
    pub const fn is_full(&self) -> Option<bool> {
        match (self.length, self.limit) {
            (Some(length), Some(limit)) => Some(length > limit),
            // One fits, whatever the limit.
            (Some(0), None) => Some(false),
            _ => None,
        }
    }

    /// Whether something is known to be wrong with it.
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        self.severity
            .is_some_and(|severity| severity > Severity::Ok)
    }

    fn of(
        socket: &Socket,
        dropped: Option<&HashMap<Cookie, u32>>,
        thresholds: &Thresholds,
    ) -> Option<Self> {
        let ends = socket.inet()?;
        let (length, limit) = match socket.queues {
            Queues::Accept { length, limit } => (Some(length), limit),
            _ => (None, None),
        };
        let queue = match (length, limit) {
            (Some(length), Some(limit)) if length > limit => Some(Severity::Critical),
            (Some(length), Some(limit)) => Some(thresholds.part(
                length.into(),
                limit.into(),
                Threshold::AcceptQueueWarning,
                None,
            )),
            // One fits, whatever the limit.
            (Some(0), None) => Some(Severity::Ok),
            _ => None,
        };
        let memory = socket.details().and_then(|details| details.memory);
        let drops = memory.and_then(|memory| memory.get(MemoryMetric::Drops));
        let drops = drops.and_then(|drops| u32::try_from(drops).ok());
        // One that was not there before has dropped all of them since.
        let before = |dropped: &HashMap<Cookie, u32>| {
            socket
                .cookie
                .and_then(|cookie| dropped.get(&cookie).copied())
        };
        let drops_now = drops
            .zip(dropped)
            .map(|(drops, dropped)| drops.wrapping_sub(before(dropped).unwrap_or(0)));
        let dropping = match (drops, drops_now) {
            (_, Some(1..)) => Severity::Critical,
            (Some(1..), _) => Severity::Notice,
            _ => Severity::Ok,
        };
        let severity = match queue {
            Some(queue) => Some(queue.max(dropping)),
            None => Some(dropping).filter(|dropping| *dropping == Severity::Critical),
        };
        Some(Self {
            address: ends.local,
            port: ends.local_port,
            interface: ends.interface,
            length,
            limit,
            drops,
            drops_now,
            severity,
            processes: None,
            inode: socket.inode,
            cookie: socket.cookie,
        })
    }
}

/// Listeners, those in trouble first, then the fullest. `dropped` is how many connections each had dropped at an earlier look.
pub(super) fn listeners(
    sockets: &[Socket],
    dropped: Option<&HashMap<Cookie, u32>>,
    thresholds: &Thresholds,
) -> Vec<ListenerReport> {
    let mut found: Vec<_> = sockets
        .iter()
        .filter_map(|socket| ListenerReport::of(socket, dropped, thresholds))
        .collect();
    found.sort_by_key(|l| {
        let drops = (Reverse(l.drops_now), Reverse(l.drops));
        // Those of which nobody can tell before those that are fine.
        let severity = l.severity.unwrap_or(Severity::Notice);
        (
            Reverse(severity),
            Reverse(l.length),
            drops,
            l.port,
            l.address,
            l.interface,
        )
    });
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
    /// How bad that is; absent if nobody can tell.
    pub severity: Option<Severity>,
}

/// Connections that the peer has closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseWaitReport {
    /// How many there are.
    pub count: u32,
    /// How many of them are old; absent where the source does not tell any age.
    pub old: Option<u32>,
    /// Of how many nobody knows how old they are.
    pub ageless: u32,
    /// How bad that is: as long as nobody looked whose they are, as if they were of one process. Absent if nobody can tell.
    pub severity: Option<Severity>,
    /// By process, those with most first; absent if nobody looked.
    pub leaks: Option<Vec<Leak>>,
    /// All of them.
    pub(super) sockets: Vec<(Option<Inode>, Option<u32>)>,
}

impl CloseWaitReport {
    /// Whether it matters whose they are.
    pub(super) fn is_suspicious(&self) -> bool {
        self.severity != Some(Severity::Ok)
    }
}

pub(super) fn close_wait(tcp: &[PortHolder], thresholds: &Thresholds) -> CloseWaitReport {
    let waiting = tcp
        .iter()
        .filter(|h| h.hold == Hold::Live(State::CloseWait));
    let sockets: Vec<_> = waiting.map(|h| (h.inode, h.quiet_ms)).collect();
    let count = u32::try_from(sockets.len()).unwrap_or(u32::MAX);
    let ages = sockets.iter().map(|(_, quiet)| *quiet);
    let Ages { old, ageless } = Ages::of(ages, thresholds);
    CloseWaitReport {
        count,
        old: (ageless < count || count == 0).then_some(old),
        ageless,
        severity: leak_severity(Ages { old, ageless }, thresholds),
        leaks: None,
        sockets,
    }
}

/// How many CLOSE_WAITs are old, and of how many nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ages {
    pub(super) old: u32,
    pub(super) ageless: u32,
}

impl Ages {
    fn of(ages: impl Iterator<Item = Option<u32>>, thresholds: &Thresholds) -> Self {
        let mut counted = Self::default();
        for quiet_ms in ages {
            counted.add(quiet_ms, thresholds);
        }
        counted
    }

    /// Counts one whose peer was heard so long ago.
    pub(super) fn add(&mut self, quiet_ms: Option<u32>, thresholds: &Thresholds) {
        let limit_ms = thresholds.of(Threshold::CloseWaitAge) * 1000.0;
        match quiet_ms {
            Some(quiet) => self.old += u32::from(f64::from(quiet) >= limit_ms),
            None => self.ageless += 1,
        }
    }
}

/// How bad that many of one process are; absent if it hangs on those of which nobody knows.
pub(super) fn leak_severity(ages: Ages, thresholds: &Thresholds) -> Option<Severity> {
    let leaks = |old: u32| old > 0 && f64::from(old) >= thresholds.of(Threshold::CloseWaitWarning);
    match ages {
        Ages { old, .. } if leaks(old) => Some(Severity::Warning),
        Ages { old, ageless } if leaks(old.saturating_add(ageless)) => None,
        Ages { .. } => Some(Severity::Ok),
    }
}
