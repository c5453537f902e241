//! One walk over /proc: every descriptor table of every process.
//!
//! Cost is what matters here: for each descriptor one readlinkat(2) relative to its open directory, for each process a
//! few opens, and names only for processes that hold a wanted socket. Threads take process ids from a shared counter.

use crate::model::{Held, Inode, Pid, Process, Uid};
use crate::sys::{self, proc_root::Dir};
use crate::wire::pid;
use rustc_hash::FxHashSet;
use rustix::io::Errno;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for the target of a link that may be a socket's.
const LINK_LEN: usize = 64;
/// Below this many processes a second thread costs more than it saves.
const PROCESSES_FOR_THREADS: usize = 32;
/// More threads than this only contend for the same locks in the kernel.
const MAX_THREADS: usize = 4;
/// How often a busy io_uring is asked for its files.
const RING_TRIES: usize = 3;
/// More of an fdinfo file than this is not read: some 100 000 registered files.
const FDINFO_LEN: u64 = 4 << 20;

/// Every process id, ascending.
pub(super) fn processes(proc: &Dir) -> std::io::Result<Vec<u32>> {
    // A handle of its own: one that was read to its end stays there.
    Ok(ids(&proc.dir(c".")?, &mut entries_buffer())?)
}

/// Whether a process is in this network namespace, or may be: one in another hardly holds a socket of this one.
///
/// Its namespace links need rights, but the files below its `net` have the same inode numbers for all processes of a namespace.
pub(super) fn is_in_this_namespace(proc: &Dir, pid: u32) -> bool {
    let here = proc.inode(c"thread-self/net/dev");
    match proc.inode(format!("{pid}/net/dev")) {
        Ok(there) => here.is_err() || here == Ok(there),
        // It has ended, and only its parent has not noticed: such a process holds nothing.
        Err(Errno::NOENT | Errno::SRCH) => false,
        Err(_) => true,
    }
}

/// What one walk over all processes brought.
#[derive(Default)]
pub(super) struct Walked {
    /// Descriptor tables with something of interest in them.
    pub(super) found: Vec<Found>,
    /// Processes that would not show their descriptors.
    pub(super) refused: Vec<u32>,
    /// Whether there were places that may hold sockets and could not be looked into: the files of a busy io_uring, or the descriptor
    /// tables of threads where these cannot be told apart.
    pub(super) unsure: bool,
}

/// The descriptor table of a process, or of a thread that has its own.
pub(super) struct Found {
    pub(super) process: Process,
    pub(super) thread: Option<Pid>,
    /// Wanted sockets in it.
    pub(super) held: Vec<Held>,
    /// Unix sockets that have descriptors in their queues.
    pub(super) carriers: Vec<u32>,
}

/// What to look for, and where.
pub(super) struct Walk<'a> {
    proc: &'a Dir,
    wanted: Option<&'a FxHashSet<Inode>>,
    carriers: bool,
    /// Whether the ids in /proc can be given to system calls.
    own_pids: bool,
}

impl<'a> Walk<'a> {
    /// Looks for holders of `wanted` sockets, or of all.
    pub(super) fn new(proc: &'a Dir, wanted: Option<&'a FxHashSet<Inode>>) -> Self {
        Self {
            proc,
            wanted,
            carriers: false,
            own_pids: sys::namespace::proc_shows_own_pids(),
        }
    }

    /// Also looks for descriptors in the queues of the other sockets, at three more system calls for each of these.
    pub(super) const fn with_carriers(mut self) -> Self {
        self.carriers = true;
        self
    }

    /// The descriptor tables of these processes.
    pub(super) fn over(&self, pids: &[u32]) -> Walked {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut buffer = entries_buffer();
            let mut walked = Walked::default();
            while let Some(&pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.process(pid, &mut buffer, &mut walked) {
                    Ok(()) => {}
                    Err(Errno::ACCESS | Errno::PERM) => walked.refused.push(pid),
                    // It ended meanwhile, which is normal life.
                    Err(_) => {}
                }
            }
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
            for other in others {
                match other.join() {
                    Ok(more) => {
                        walked.found.extend(more.found);
                        walked.refused.extend(more.refused);
                        walked.unsure |= more.unsure;
                    }
                    Err(_) => walked.unsure = true,
                }
            }
            walked
        })
    }

    fn process(&self, pid: u32, buffer: &mut Entries, walked: &mut Walked) -> Result<(), Errno> {
        let process = self.proc.dir(itoa::Buffer::new().format(pid))?;
        let mut tables = Vec::new();
        let mut read = self.table(&process, None, buffer, &mut tables, &mut walked.unsure);
        let refused = matches!(read, Err(Errno::ACCESS | Errno::PERM));
        if (read.is_ok() || refused) && thread_count(&process).is_ok_and(|n| n > 1) {
            // It shows no descriptors then, to others than root it refuses; the other threads have them.
            let leaderless = matches!(read, Ok(0) | Err(_)) && leader_is_gone(&process)?;
            if leaderless || !refused {
                let first = (!leaderless).then_some(pid);
                for thread in self.other_tables(pid, first, &process, buffer, &mut walked.unsure)? {
                    // This thread may have ended as well, or refuse.
                    let Ok(task) = process.dir(format!("task/{thread}")) else {
                        continue;
                    };
                    let thread = Some(Pid(thread));
                    let own = self.table(&task, thread, buffer, &mut tables, &mut walked.unsure);
                    read = read.or(own);
                }
            }
        }
        if !tables.is_empty() {
            let description = describe(&process, pid);
            walked.found.extend(tables.into_iter().map(|table| Found {
                process: description.clone(),
                thread: table.thread,
                held: table.held,
                carriers: table.carriers,
            }));
        }
        read.map(|_| ())
    }

    /// Looks through the descriptor table of the process or thread whose directory is `base`, and adds it to `tables` if there is
    /// something of interest in it; returns how many descriptors it has.
    fn table(
        &self,
        base: &Dir,
        thread: Option<Pid>,
        buffer: &mut Entries,
        tables: &mut Vec<Table>,
        unsure: &mut bool,
    ) -> Result<usize, Errno> {
        let mut table = Table {
            thread,
            held: Vec::new(),
            carriers: Vec::new(),
        };
        let mut rings = Vec::new();
        let mut others = Vec::new();
        let count = descriptors(&base.dir(c"fd")?, buffer, |fd, kind| match kind {
            Kind::Socket(inode) if self.wanted.is_none_or(|set| set.contains(&inode)) => {
                table.held.push(Held::descriptor(inode, fd));
            }
            Kind::Socket(_) if self.carriers => others.push(fd),
            Kind::Socket(_) => {}
            Kind::Ring => rings.push(fd),
        })?;
        for fd in rings {
            *unsure |= !self.registered(base, fd, &mut table.held);
        }
        let carries = |fd: &u32| {
            let text = base.read(format!("fdinfo/{fd}"), FDINFO_LEN);
            text.is_ok_and(|text| pid::descriptors_in_queue(&text).is_some_and(|n| n > 0))
        };
        table.carriers = others.into_iter().filter(carries).collect();
        if !table.held.is_empty() || !table.carriers.is_empty() {
            tables.push(table);
        }
        Ok(count)
    }

    /// Adds the wanted sockets that are registered with the io_uring `fd`; false if it does not tell.
    fn registered(&self, base: &Dir, fd: u32, held: &mut Vec<Held>) -> bool {
        for _ in 0..RING_TRIES {
            let text = match base.read(format!("fdinfo/{fd}"), FDINFO_LEN) {
                Ok(text) if (text.len() as u64) < FDINFO_LEN => text,
                Ok(_) => return false,
                // Closed meanwhile.
                Err(error) => return error.kind() == std::io::ErrorKind::NotFound,
            };
            if let Some(sockets) = pid::registered_sockets(&text) {
                held.extend(sockets.into_iter().filter_map(|(slot, inode)| {
                    let inode = Inode::new(inode)?;
                    let slot = Some(slot);
                    let wanted = self.wanted.is_none_or(|set| set.contains(&inode));
                    wanted.then_some(Held { inode, fd, slot })
                }));
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    /// One thread for each descriptor table of a process other than that of its `first` thread, which may be gone.
    ///
    /// Threads share one unless they unshare(2) `CLONE_FILES`. Where kcmp(2) does not tell, tables of different size are different ones.
    fn other_tables(
        &self,
        pid: u32,
        first: Option<u32>,
        process: &Dir,
        buffer: &mut Entries,
        unsure: &mut bool,
    ) -> Result<Vec<u32>, Errno> {
        let tasks = process.dir(c"task")?;
        let mut threads = ids(&tasks, buffer)?;
        threads.retain(|&thread| thread != pid);
        if self.own_pids
            && let Ok(tables) = distinct(first, &threads)
        {
            return Ok(tables);
        }
        *unsure = true;
        let size = |thread: u32| Ok(tasks.links_and_size(format!("{thread}/fd"))?.1);
        let mut sizes: Vec<u64> = first.into_iter().map(size).collect::<Result<_, Errno>>()?;
        threads.retain(|&thread| match size(thread) {
            Ok(size) if !sizes.contains(&size) => {
                sizes.push(size);
                true
            }
            _ => false,
        });
        Ok(threads)
    }
}

/// One of `threads` for each descriptor table that differs from that of `first`.
fn distinct(first: Option<u32>, threads: &[u32]) -> Result<Vec<u32>, Errno> {
    let mut tables: Vec<u32> = first.into_iter().collect();
    for &thread in threads {
        let mut failed = None;
        let place = tables.binary_search_by(|&known| {
            sys::kcmp::descriptor_tables(known, thread).unwrap_or_else(|errno| {
                failed = Some(errno);
                std::cmp::Ordering::Less
            })
        });
        match (failed, place) {
            // One of the two has ended; reading the other's will tell.
            (None | Some(Errno::SRCH), Err(place)) => tables.insert(place, thread),
            (None | Some(Errno::SRCH), Ok(_)) => {}
            (Some(errno), _) => return Err(errno),
        }
    }
    tables.retain(|&thread| Some(thread) != first);
    tables.sort_unstable();
    Ok(tables)
}

/// What is of interest in one descriptor table.
struct Table {
    thread: Option<Pid>,
    held: Vec<Held>,
    carriers: Vec<u32>,
}

/// What a descriptor refers to, as far as it matters here.
enum Kind {
    Socket(Inode),
    Ring,
}

/// Calls `each` for every descriptor in `directory` that matters; returns how many descriptors there are.
fn descriptors(
    directory: &Dir,
    buffer: &mut Entries,
    mut each: impl FnMut(u32, Kind),
) -> Result<usize, Errno> {
    let mut link = [MaybeUninit::uninit(); LINK_LEN];
    let mut count = 0;
    let mut refused = None;
    directory.entries(buffer, |name: &CStr| {
        count += 1;
        match directory.link(name, &mut link) {
            Ok(target) => {
                let kind = if target == b"anon_inode:[io_uring]" {
                    Some(Kind::Ring)
                } else {
                    pid::socket_inode(target)
                        .and_then(Inode::new)
                        .map(Kind::Socket)
                };
                if let (Some(kind), Some(fd)) = (kind, pid::id(name.to_bytes())) {
                    each(fd, kind);
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

/// Room for directory entries.
type Entries = [MaybeUninit<u8>];

fn entries_buffer() -> Vec<MaybeUninit<u8>> {
    vec![MaybeUninit::uninit(); sys::proc_root::ENTRIES_LEN]
}

/// The entries of `directory` that are process or thread ids, ascending.
fn ids(directory: &Dir, buffer: &mut Entries) -> Result<Vec<u32>, Errno> {
    let mut ids = Vec::new();
    directory.entries(buffer, |name| ids.extend(pid::id(name.to_bytes())))?;
    ids.sort_unstable();
    Ok(ids)
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

/// Name and user of a process; what cannot be read because it ended is absent.
fn describe(directory: &Dir, pid: u32) -> Process {
    // Everything up to `Uid:` fits easily.
    let mut buffer = [0; 1024];
    let status = directory.read_once(c"status", &mut buffer).ok();
    Process {
        pid: Pid(pid),
        name: status.and_then(pid::status_name).map(Box::from),
        uid: status.and_then(pid::status_effective_uid).map(Uid),
    }
}
