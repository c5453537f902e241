//! Which process holds which socket: one walk over /proc.
//!
//! Cost is what matters here: for each descriptor one readlinkat(2) relative to its open directory, for each process a
//! few opens, and command names only for processes that hold a wanted socket. Threads take process ids from a shared counter.

use crate::model::{Inode, Listeners, OwnerTable, Pid, Process, ScanReport, Uid};
use crate::sys::{self, proc_root::Dir};
use crate::wire::pid;
use rustc_hash::FxHashSet;
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for the target of a link that may be a socket's.
const LINK_LEN: usize = 64;
/// Below this many processes a second thread costs more than it saves.
const PROCESSES_FOR_THREADS: usize = 32;
/// More threads than this only contend for the same locks in the kernel.
const MAX_THREADS: usize = 4;
/// How many descriptors of single threads to look at in search of sockets that no process seems to hold.
const THREAD_BUDGET: usize = 200_000;

/// Walks /proc once.
///
/// With `wanted`, only holders of these sockets are kept; afterwards threads with descriptor tables of their own are
/// searched for those that nobody seems to hold. Without it every holder of every socket is kept, as rows that stream past need it.
/// Failure is not an error here: what could not be seen is in the table's [`ScanReport`].
#[must_use]
pub fn find_owners(wanted: Option<&FxHashSet<Inode>>, listeners: Listeners) -> OwnerTable {
    let mut table = OwnerTable::new();
    table.set_listeners(listeners);
    let mut report = ScanReport {
        nested: sys::namespace::pid_namespace_is_nested(),
        stale: wanted.is_none(),
        ..ScanReport::default()
    };
    if wanted.is_some_and(FxHashSet::is_empty) {
        table.set_report(report);
        return table;
    }
    match Dir::open(Path::new("/proc")).and_then(|proc| Ok((pids(&proc)?, proc))) {
        Ok((pids, _)) if pids.is_empty() => {
            report.failed = Some("/proc shows no processes".to_owned());
        }
        Ok((pids, proc)) => {
            let walk = Walk {
                proc: &proc,
                wanted,
            };
            let Walked {
                found,
                refused,
                rings,
            } = walk.processes(&pids);
            report.rings = rings;
            fill(&mut table, found);
            let missing: Option<FxHashSet<Inode>> = wanted.map(|wanted| {
                let unclaimed = |&inode: &Inode| !table.holds(inode);
                wanted.iter().copied().filter(unclaimed).collect()
            });
            if missing.as_ref().is_none_or(|m| !m.is_empty()) {
                report.hidden_processes = walk.count_in_this_namespace(&refused);
                report.hidepid = !sys::namespace::is_root() && sys::proc_root::hidepid().is_some();
            }
            if let Some(mut missing) = missing {
                // A process that was made meanwhile may have been handed what an ended one held.
                let fresh: Vec<u32> = (if missing.is_empty() {
                    Vec::new()
                } else {
                    self::pids(&proc).unwrap_or_default()
                })
                .into_iter()
                .filter(|pid| pids.binary_search(pid).is_err())
                .collect();
                fill(&mut table, walk.processes(&fresh).found);
                missing.retain(|&inode| !table.holds(inode));
                report.stale |= walk.threads(&pids, missing, &mut table);
            }
        }
        Err(error) => report.failed = Some(format!("/proc cannot be read: {}", error.kind())),
    }
    table.set_report(report);
    table
}

/// Every process id, ascending.
fn pids(proc: &Dir) -> std::io::Result<Vec<u32>> {
    let mut buffer = vec![MaybeUninit::uninit(); sys::proc_root::ENTRIES_LEN];
    let mut pids = Vec::new();
    proc.entries(&mut buffer, |name| pids.extend(pid::id(name.to_bytes())))?;
    pids.sort_unstable();
    Ok(pids)
}

/// What one walk over all processes brought.
#[derive(Default)]
struct Walked {
    found: Vec<Found>,
    /// Processes that would not show their descriptors.
    refused: Vec<u32>,
    /// Whether some process has an io_uring.
    rings: bool,
}

/// A process that holds wanted sockets.
struct Found {
    process: Process,
    thread: Option<Pid>,
    held: Vec<(Inode, u32)>,
}

fn fill(table: &mut OwnerTable, mut found: Vec<Found>) {
    table.reserve(found.iter().map(|f| f.held.len()).sum());
    found.sort_unstable_by_key(|f| std::cmp::Reverse((f.process.pid, f.thread)));
    for Found {
        process,
        thread,
        held,
    } in found
    {
        table.add_process(process, thread, &held);
    }
}

struct Walk<'a> {
    proc: &'a Dir,
    wanted: Option<&'a FxHashSet<Inode>>,
}

impl Walk<'_> {
    /// The descriptors of every process.
    fn processes(&self, pids: &[u32]) -> Walked {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut scratch = Scratch::new();
            let mut walked = Walked::default();
            while let Some(&pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.process(pid, &mut scratch, &mut walked.found) {
                    Ok(()) => {}
                    Err(Errno::ACCESS | Errno::PERM) => walked.refused.push(pid),
                    // It ended meanwhile, which is normal life.
                    Err(_) => {}
                }
            }
            walked.rings = scratch.rings;
            walked
        };
        let threads = if pids.len() < PROCESSES_FOR_THREADS {
            1
        } else {
            std::thread::available_parallelism().map_or(1, |n| n.get().min(MAX_THREADS))
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut walked = work();
            for more in others.into_iter().filter_map(|other| other.join().ok()) {
                walked.found.extend(more.found);
                walked.refused.extend(more.refused);
                walked.rings |= more.rings;
            }
            walked
        })
    }

    /// How many of these processes are in this network namespace, or may be: a process in another one hardly holds a socket of this one.
    ///
    /// A process's namespace links need rights, but the files below its `net` have the same inode numbers for all processes of a namespace.
    fn count_in_this_namespace(&self, refused: &[u32]) -> u32 {
        let here = self.proc.inode(c"thread-self/net/dev");
        let may_be_here = |pid: &&u32| match self.proc.inode(format!("{pid}/net/dev")) {
            Ok(there) => here.is_err() || here == Ok(there),
            // It has ended, and only its parent has not noticed: such a process holds nothing.
            Err(Errno::NOENT | Errno::SRCH) => false,
            Err(_) => true,
        };
        let count = refused.iter().filter(may_be_here).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn process(
        &self,
        pid: u32,
        scratch: &mut Scratch,
        found: &mut Vec<Found>,
    ) -> Result<(), Errno> {
        let directory = self.proc.dir(itoa::Buffer::new().format(pid))?;
        let mut held = Vec::new();
        let walked = directory
            .dir(c"fd")
            .and_then(|table| self.wanted_in(&table, scratch, &mut held));
        if !held.is_empty() {
            found.push(Found {
                process: describe(&directory, pid),
                thread: None,
                held,
            });
        } else if matches!(walked, Ok(0) | Err(Errno::ACCESS | Errno::PERM))
            && thread_count(&directory)? > 1
            && self.leaderless(pid, &directory, scratch, found)?
        {
            return Ok(());
        }
        walked.map(|_| ())
    }

    /// A process that shows no descriptors (to others than root it refuses) but has threads may be one whose first thread has ended: then the
    /// others have the descriptors. False if it is none of that kind, or they refuse too.
    fn leaderless(
        &self,
        pid: u32,
        directory: &Dir,
        scratch: &mut Scratch,
        found: &mut Vec<Found>,
    ) -> Result<bool, Errno> {
        if !leader_is_gone(directory)? {
            return Ok(false);
        }
        let mut seen = FxHashSet::default();
        let mut readable = false;
        for thread in scratch.threads(&directory.dir(c"task")?)? {
            let mut held = Vec::new();
            match directory.dir(format!("task/{thread}/fd")) {
                Ok(table) => readable |= self.wanted_in(&table, scratch, &mut held).is_ok(),
                // This thread has ended as well, or refuses.
                Err(_) => continue,
            }
            // Threads usually share one table.
            held.retain(|&entry| seen.insert(entry));
            if !held.is_empty() {
                found.push(Found {
                    process: describe(directory, pid),
                    thread: Some(Pid(thread)),
                    held,
                });
            }
        }
        Ok(readable)
    }

    /// Adds the wanted sockets among the descriptors in `directory`; returns how many descriptors there are.
    fn wanted_in(
        &self,
        directory: &Dir,
        scratch: &mut Scratch,
        held: &mut Vec<(Inode, u32)>,
    ) -> Result<usize, Errno> {
        scratch.descriptors(directory, |inode, fd| {
            if self.wanted.is_none_or(|set| set.contains(&inode)) {
                held.push((inode, fd));
            }
        })
    }

    /// Searches the tables of single threads for `missing` sockets: first where the leader is gone, then where a table has another
    /// size than the leader's, then the rest. True if it gave up before everything was looked at.
    fn threads(&self, pids: &[u32], mut missing: FxHashSet<Inode>, table: &mut OwnerTable) -> bool {
        if missing.is_empty() {
            return false;
        }
        let mut scratch = Scratch::new();
        let mut candidates = Vec::new();
        for &pid in pids {
            // Gone or hidden meanwhile: nothing to search.
            let _ = self.thread_tables(pid, &mut scratch, &mut candidates);
        }
        candidates.sort_by_key(|c| c.rank);
        let mut budget = THREAD_BUDGET;
        for candidate in candidates {
            if missing.is_empty() {
                return false;
            }
            if budget == 0 {
                return true;
            }
            // One handle for both, so that a process id that is used again cannot mix two processes.
            let Ok(process) = self.proc.dir(itoa::Buffer::new().format(candidate.pid)) else {
                continue;
            };
            let Ok(directory) = process.dir(format!("task/{}/fd", candidate.thread)) else {
                continue;
            };
            let mut held = Vec::new();
            let walked = scratch.descriptors(&directory, |inode, fd| {
                if missing.contains(&inode) {
                    held.push((inode, fd));
                }
            });
            budget = budget.saturating_sub(walked.unwrap_or(0).max(1));
            if held.is_empty() {
                continue;
            }
            for (inode, _) in &held {
                missing.remove(inode);
            }
            table.add_process(
                describe(&process, candidate.pid),
                Some(Pid(candidate.thread)),
                &held,
            );
        }
        false
    }

    fn thread_tables(
        &self,
        pid: u32,
        scratch: &mut Scratch,
        candidates: &mut Vec<ThreadTable>,
    ) -> Result<(), Errno> {
        let directory = self.proc.dir(itoa::Buffer::new().format(pid))?;
        if thread_count(&directory)? < 2 {
            return Ok(());
        }
        let leader_is_gone = leader_is_gone(&directory)?;
        let (_, size) = directory.links_and_size(c"fd")?;
        let tasks = directory.dir(c"task")?;
        let threads = scratch.threads(&tasks)?;
        for thread in threads.into_iter().filter(|&t| t != pid) {
            let rank = match tasks.links_and_size(format!("{thread}/fd")) {
                Ok(_) if leader_is_gone => 0,
                Ok((_, own)) if own != size => 1,
                Ok(_) => 2,
                Err(_) => continue,
            };
            candidates.push(ThreadTable { rank, pid, thread });
        }
        Ok(())
    }
}

/// How many threads a process has: its task directory has two links more.
fn thread_count(process: &Dir) -> Result<u64, Errno> {
    let (links, _) = process.links_and_size(c"task")?;
    Ok(links.saturating_sub(2))
}

/// Whether the first thread of a process has ended while others run.
fn leader_is_gone(process: &Dir) -> Result<bool, Errno> {
    let mut stat = [0; 512];
    Ok(pid::stat_state(process.read_once(c"stat", &mut stat)?) == Some(b'Z'))
}

/// A descriptor table that may differ from its process's.
struct ThreadTable {
    rank: u8,
    pid: u32,
    thread: u32,
}

/// Buffers that every process is read with.
struct Scratch {
    entries: Vec<MaybeUninit<u8>>,
    rings: bool,
}

impl Scratch {
    fn new() -> Self {
        Self {
            entries: vec![MaybeUninit::uninit(); sys::proc_root::ENTRIES_LEN],
            rings: false,
        }
    }

    /// The thread ids in a task directory.
    fn threads(&mut self, tasks: &Dir) -> Result<Vec<u32>, Errno> {
        let mut threads = Vec::new();
        tasks.entries(&mut self.entries, |name| {
            threads.extend(pid::id(name.to_bytes()));
        })?;
        Ok(threads)
    }

    /// Calls `each` for every descriptor in `directory` that is a socket; returns how many descriptors there were.
    fn descriptors(
        &mut self,
        directory: &Dir,
        mut each: impl FnMut(Inode, u32),
    ) -> Result<usize, Errno> {
        let mut link = [MaybeUninit::uninit(); LINK_LEN];
        let mut count = 0;
        let mut refused = None;
        directory.entries(&mut self.entries, |name| {
            count += 1;
            match directory.link(name, &mut link) {
                Ok(b"anon_inode:[io_uring]") => self.rings = true,
                Ok(target) => {
                    let inode = pid::socket_inode(target).and_then(Inode::new);
                    if let (Some(inode), Some(fd)) = (inode, pid::id(name.to_bytes())) {
                        each(inode, fd);
                    }
                }
                // May list the directory, may not look behind the links: CAP_DAC_READ_SEARCH without CAP_SYS_PTRACE.
                Err(error @ (Errno::ACCESS | Errno::PERM)) => refused = Some(error),
                // Closed meanwhile.
                Err(_) => {}
            }
        })?;
        refused.map_or(Ok(count), Err)
    }
}

/// Name and user of a process; what cannot be read because it ended is absent.
fn describe(directory: &Dir, pid: u32) -> Process {
    // `comm` is at most 15 bytes and a newline; everything up to `Uid:` in `status` fits easily.
    let mut buffer = [0; 1024];
    let name = directory.read_once(c"comm", &mut buffer).ok().map(|name| {
        let name = name.strip_suffix(b"\n").unwrap_or(name);
        Box::from(name)
    });
    let uid = directory
        .read_once(c"status", &mut buffer)
        .ok()
        .and_then(pid::status_effective_uid)
        .map(Uid);
    Process {
        pid: Pid(pid),
        name,
        uid,
    }
}
