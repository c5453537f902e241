//! Counters, gauges and settings that limit sockets besides ports, and the descriptors of processes.

use super::owners;
use crate::model::{DescriptorUse, Descriptors, Pid, Process, Vitals};
use crate::sys;
use crate::sys::proc_root::{Dir, ENTRIES_LEN};
use crate::wire::{counters, pid};
use rustix::io::Errno;
use std::ffi::CStr;
use std::fs;
use std::mem::MaybeUninit;
use std::path::Path;

/// More of a file than this is not read.
const FILE_LEN: u64 = 64 * 1024;
/// So many descriptors are listed without a thought.
const FEW: u64 = 1024;
/// So many processes are told of.
const WORST: usize = 8;

/// Reads them for the calling thread's network namespace.
#[must_use]
pub fn vitals() -> Vitals {
    // That of the thread, which may be in another namespace than the process.
    let net = |name: &str| fs::read_to_string(format!("/proc/thread-self/net/{name}")).ok();
    let setting = |name: &str| {
        let text = sys::sysctl::read(name).ok()?;
        counters::numbers(&text)
    };
    let number = |name: &str| setting(name)?.first().copied();
    let netstat = net("netstat").unwrap_or_default();
    let counter = |name| counters::netstat(&netstat, "TcpExt", name);
    let sockstat = net("sockstat").unwrap_or_default();
    let tcp = |name| counters::sockstat(&sockstat, "TCP", name);
    let conntrack = net("stat/nf_conntrack");
    let lost = |text: &String| {
        let columns = ["drop", "early_drop", "insert_failed"];
        columns.iter().try_fold(0u64, |sum, name| {
            counters::conntrack(text, name).map(|n| sum.saturating_add(n))
        })
    };
    Vitals {
        listen_overflows: counter("ListenOverflows"),
        listen_drops: counter("ListenDrops"),
        time_wait_overflows: counter("TCPTimeWaitOverflow"),
        time_wait: tcp("tw"),
        tcp_sockets: tcp("alloc"),
        time_wait_max: number("net/ipv4/tcp_max_tw_buckets"),
        tcp_pages: tcp("mem"),
        tcp_pages_limits: setting("net/ipv4/tcp_mem").and_then(|list| list.try_into().ok()),
        orphans: tcp("orphan"),
        orphans_max: number("net/ipv4/tcp_max_orphans"),
        conntrack: number("net/netfilter/nf_conntrack_count"),
        conntrack_max: number("net/netfilter/nf_conntrack_max"),
        conntrack_lost: conntrack.as_ref().and_then(lost),
        files: setting("fs/file-nr").and_then(|list| Some((*list.first()?, *list.get(2)?))),
        somaxconn: number("net/core/somaxconn"),
    }
}

/// The processes that have least descriptors left. `None` if there is no /proc.
#[must_use]
pub fn descriptors() -> Option<Descriptors> {
    let proc = Dir::open(Path::new("/proc")).ok()?;
    let pids = owners::processes(&proc).ok()?;
    let mut found = Descriptors::default();
    let mut all = Vec::new();
    for id in pids {
        match usage(&proc, id) {
            Ok(Some((open, limit))) => {
                found.processes += 1;
                all.push((open, limit, id));
            }
            Ok(None) | Err(Errno::NOENT | Errno::SRCH) => {}
            Err(_) => found.hidden += 1,
        }
    }
    let part = |(open, limit, _): &(u64, u64, u32)| *open as f64 / (*limit).max(1) as f64;
    all.sort_by(|a, b| part(b).total_cmp(&part(a)));
    all.truncate(WORST);
    for (open, limit, id) in all {
        let open = below(&proc, id, open, limit);
        let stat = proc
            .read(format!("{id}/stat"), FILE_LEN)
            .unwrap_or_default();
        found.worst.push(DescriptorUse {
            process: Process {
                pid: Pid(id),
                name: pid::stat_name(&stat).map(Into::into),
                uid: None,
            },
            open,
            limit,
        });
    }
    found.worst.sort_by(|a, b| {
        b.used()
            .total_cmp(&a.used())
            .then(a.process.pid.cmp(&b.process.pid))
    });
    Some(found)
}

/// Open descriptors and the limit of a process; `None` for a thread of the kernel's, which has none.
fn usage(proc: &Dir, id: u32) -> Result<Option<(u64, u64)>, Errno> {
    let mut buffer = [0; 2048];
    let limits = proc.read_once(format!("{id}/limits"), &mut buffer)?;
    let Some(limit) = counters::open_files_limit(limits) else {
        return Ok(None);
    };
    // The size of that directory is how many there are, since Linux 6.2.
    let open = match proc.size(format!("{id}/fd"))? {
        0 => count_below(proc, id, u64::MAX).unwrap_or(0),
        open => open,
    };
    Ok(Some((open, limit)))
}

/// How many of `open` descriptors are numbered below `limit`. Those above it, of a process whose limit was lowered since, take no
/// place. Many are listed, which costs a lot, only if the table of descriptors is larger than such a limit ever makes it.
fn below(proc: &Dir, id: u32, open: u64, limit: u64) -> u64 {
    let status = proc
        .read(format!("{id}/status"), FILE_LEN)
        .unwrap_or_default();
    let usual = limit.checked_next_power_of_two().unwrap_or(u64::MAX);
    let may_be_above = counters::descriptor_table_size(&status)
        .is_some_and(|size| size > limit && (open <= FEW || size > usual));
    may_be_above
        .then(|| count_below(proc, id, limit))
        .flatten()
        .unwrap_or(open)
}

/// The descriptors of a process that are numbered below `limit`; `None` if they cannot be listed.
fn count_below(proc: &Dir, id: u32, limit: u64) -> Option<u64> {
    let mut buffer = vec![MaybeUninit::uninit(); ENTRIES_LEN];
    let mut count = 0;
    let below = |name: &CStr| pid::id(name.to_bytes()).is_some_and(|fd| u64::from(fd) < limit);
    proc.dir(format!("{id}/fd"))
        .and_then(|fds| fds.entries(&mut buffer, |name| count += u64::from(below(name))))
        .ok()?;
    Some(count)
}
