//! What limits sockets besides ports: counters, gauges and settings of the network stack, and descriptors.

use super::Process;

/// How the stack of one network namespace is, and what of it belongs to the whole host. `None` is "cannot be read here".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Connections that a full accept queue cost, `ListenOverflows`; since the namespace was made.
    pub listen_overflows: Option<u64>,
    /// SYNs and connections that listeners dropped for any reason, `ListenDrops`.
    pub listen_drops: Option<u64>,
    /// Connections that ended without TIME_WAIT because there were too many, `TCPTimeWaitOverflow`.
    pub time_wait_overflows: Option<u64>,
    /// TIME_WAITs and orphans in FIN_WAIT2 of this namespace, which count against the next together; `tw` of sockstat.
    pub time_wait: Option<u64>,
    /// TCP sockets of the whole host that exist, whether they are bound to anything or not; `alloc` of sockstat. What lingers and
    /// what is half open is not among them.
    pub tcp_sockets: Option<u64>,
    /// `net.ipv4.tcp_max_tw_buckets`.
    pub time_wait_max: Option<u64>,
    /// Pages that TCP uses, of the whole host.
    pub tcp_pages: Option<u64>,
    /// `net.ipv4.tcp_mem`: low, pressure, high, in pages; shown in the first network namespace only.
    pub tcp_pages_limits: Option<[u64; 3]>,
    /// Connections that no process holds any more, of the whole host.
    pub orphans: Option<u64>,
    /// `net.ipv4.tcp_max_orphans`; shown in the first network namespace only.
    pub orphans_max: Option<u64>,
    /// Connections that are tracked here, `nf_conntrack_count`; absent where nothing is.
    pub conntrack: Option<u64>,
    /// `nf_conntrack_max`.
    pub conntrack_max: Option<u64>,
    /// Packets and connections lost because that is full: `drop`, `early_drop` and `insert_failed`.
    pub conntrack_lost: Option<u64>,
    /// Open files of the whole host, and how many there may be: `fs.file-nr`.
    pub files: Option<(u64, u64)>,
    /// `net.core.somaxconn`, the most that a backlog can be.
    pub somaxconn: Option<u64>,
}

/// How many descriptors one process has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptorUse {
    /// The process.
    pub process: Process,
    /// Those open, numbered below its limit: these are in the way of new ones.
    pub open: u64,
    /// Its soft limit, `RLIMIT_NOFILE`.
    pub limit: u64,
}

impl DescriptorUse {
    /// Which part of the limit is used.
    #[must_use]
    pub fn used(&self) -> f64 {
        self.open as f64 / self.limit.max(1) as f64
    }
}

/// Descriptors of processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptors {
    /// Those with least left, worst first; a few.
    pub worst: Vec<DescriptorUse>,
    /// How many processes were looked at.
    pub processes: u64,
    /// How many could not be.
    pub hidden: u64,
}
