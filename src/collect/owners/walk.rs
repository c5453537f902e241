//! One walk over /proc: every descriptor table of every process.
//!
//! Cost is what matters here: for each descriptor one readlinkat(2) relative to its open directory, for each process a
//! few opens, and names only for processes that hold a wanted socket. Threads take process ids from a shared counter.

use super::fdinfo;
use super::tables::{self, Sharing};
use super::words;
use crate::model::{Held, Inode, Pid, Process, Uid};
use crate::sys::{self, proc_root::Dir};
use crate::wire::pid;
use rustc_hash::{FxHashMap, FxHashSet};
use rustix::io::Errno;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for the target of a link that may be a socket's.
const LINK_LEN: usize = 64;
/// Below this many processes a second thread costs more than it saves.
const PROCESSES_FOR_THREADS: usize = 32;
/// More threads than this only contend for the same locks in the kernel.
const MAX_THREADS: usize = 4;
/// How often a busy io_uring is asked for its files.
const RING_TRIES: usize = 3;
/// More of one fdinfo file than this is not read: some 30 000 registered files.
const FDINFO_LEN: u64 = 1 << 20;
/// More than this in all of the fdinfo files of one descriptor table is not read.
const FDINFOS_LEN: u64 = 16 << 20;
/// More io_urings than this in one descriptor table are not asked.
const MAX_RINGS: usize = 1024;

/// Every process id, ascending.
pub(in crate::collect) fn processes(proc: &Dir) -> Result<Vec<u32>, Errno> {
    // A handle of its own: one that was read to its end stays there.
    ids(&proc.dir(c".")?, &mut entries_buffer())
}

/// Whether a process is in this network namespace, or may be: one in another hardly holds a socket of this one.
///
/// Its namespace links need rights, but the files below its `net` have the same inode numbers for all processes of a namespace.
pub(super) fn may_be_in_this_namespace(proc: &Dir, pid: u32) -> bool {
    let here = proc.inode(c"thread-self/net/dev");
    let may_be = |there: Result<u64, Errno>| match there {
        Ok(there) => Some(here.is_err() || here == Ok(there)),
        // A thread that has ended, reaped or not, has no namespace any more.
        Err(Errno::NOENT | Errno::SRCH) => None,
        Err(_) => Some(true),
    };
    if let Some(answer) = may_be(proc.inode(format!("{pid}/net/dev"))) {
        return answer;
    }
    // Its first thread; others may live on.
    let Ok(tasks) = proc.dir(format!("{pid}/task")) else {
        return false;
    };
    ids(&tasks, &mut entries_buffer()).is_ok_and(|threads| {
        threads
            .into_iter()
            .filter_map(|thread| may_be(tasks.inode(format!("{thread}/net/dev"))))
            .any(|is_here| is_here)
    })
}

/// What one walk over processes brought.
#[derive(Default)]
pub(super) struct Walked {
    /// Descriptor tables with something of interest in them.
    pub(super) found: Vec<Found>,
    /// Processes that would not show their descriptors, or not those of each thread.
    pub(super) refused: Vec<u32>,
    /// How many descriptors are in the queue of each unix socket that was looked into.
    pub(super) in_queues: FxHashMap<Inode, u32>,
    /// Why some process could not be looked at as a whole, other than for lack of rights or because it had ended.
    pub(super) failed: Option<String>,
}

impl Walked {
    /// Adds what another walk brought.
    pub(super) fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
        self.refused.extend(other.refused);
        self.in_queues.extend(other.in_queues);
        self.failed = self.failed.take().or(other.failed);
    }

    /// Notes why something of `pid` was not seen.
    fn missed(&mut self, pid: u32, error: Errno) {
        match error {
            // It ended, which is normal life.
            Errno::NOENT | Errno::SRCH => {}
            Errno::ACCESS | Errno::PERM if self.refused.last() == Some(&pid) => {}
            Errno::ACCESS | Errno::PERM => self.refused.push(pid),
            Errno::MFILE | Errno::NFILE => {
                self.unsure(&format!("{}; raise the limit (ulimit -n)", words(error)));
            }
            _ => self.unsure(words(error)),
        }
    }

    /// Notes that something was not looked at, for this reason.
    fn unsure(&mut self, reason: &str) {
        self.failed.get_or_insert_with(|| reason.to_owned());
    }
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
    unix: Option<&'a FxHashSet<Inode>>,
    can_compare: bool,
    shows_rings: bool,
    /// The mount that sockets are on.
    sockets_mount: Option<u32>,
}

impl<'a> Walk<'a> {
    /// Looks for holders of `wanted` sockets, or of all.
    pub(super) fn new(proc: &'a Dir, wanted: Option<&'a FxHashSet<Inode>>) -> Self {
        Self {
            proc,
            wanted,
            unix: None,
            can_compare: tables::can_be_compared(),
            shows_rings: sys::kernel_release()
                .is_some_and(|release| release >= pid::RINGS_SHOWN_SINCE),
            sockets_mount: fdinfo::sockets_mount(proc),
        }
    }

    /// Also looks into the queues of these `unix` sockets, for descriptors that are under way, at three more system calls for each.
    pub(super) const fn looking_into(mut self, unix: &'a FxHashSet<Inode>) -> Self {
        self.unix = Some(unix);
        self
    }

    /// The descriptor tables of these processes.
    pub(super) fn over(&self, pids: &[u32]) -> Walked {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut buffer = entries_buffer();
            let mut walked = Walked::default();
            while let Some(&pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = self.process(pid, &mut buffer, &mut walked) {
                    walked.missed(pid, error);
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
            // Where no more threads can be had, this one does it all.
            let others: Vec<_> = (1..threads)
                .map_while(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok())
                .collect();
            let mut walked = work();
            for other in others {
                walked.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            walked
        })
    }

    /// Adds what one process holds to `walked`. Fails if its own descriptor table could not be read, nor any of its threads'.
    fn process(&self, pid: u32, buffer: &mut Entries, walked: &mut Walked) -> Result<(), Errno> {
        let process = self.proc.dir(itoa::Buffer::new().format(pid))?;
        let mut tables = Vec::new();
        let mut read = self.table(&process, None, buffer, &mut tables, walked);
        let refused = matches!(read, Err(Errno::ACCESS | Errno::PERM));
        if (read.is_ok() || refused) && thread_count(&process).is_ok_and(|n| n > 1) {
            // It shows no descriptors then, to others than root it refuses; the other threads have them.
            let leaderless =
                (refused || read == Ok(0)) && leader_is_gone(&process).unwrap_or(false);
            if leaderless || !refused {
                let first = (!leaderless).then_some(pid);
                let groups = self.other_tables(pid, first, &process, buffer);
                for sharing in groups.unwrap_or_else(|error| {
                    walked.missed(pid, error);
                    Vec::new()
                }) {
                    let own = sharing.iter().rev().find_map(|&thread| {
                        // The next one that shares the table, if this thread has ended.
                        let task = process.dir(format!("task/{thread}")).ok()?;
                        let thread = Some(Pid(thread));
                        match self.table(&task, thread, buffer, &mut tables, walked) {
                            Err(Errno::NOENT | Errno::SRCH) => None,
                            other => Some(other),
                        }
                    });
                    match own {
                        Some(Ok(count)) => read = read.or(Ok(count)),
                        Some(Err(error)) => walked.missed(pid, error),
                        None => {}
                    }
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
        walked: &mut Walked,
    ) -> Result<usize, Errno> {
        let mut table = Table {
            thread,
            held: Vec::new(),
            carriers: Vec::new(),
        };
        let mut rings = Vec::new();
        let mut unix = Vec::new();
        let count = self.descriptors(base, buffer, |fd, kind| match kind {
            Kind::Socket(inode) => {
                if self.wanted.is_none_or(|set| set.contains(&inode)) {
                    table.held.push(Held::descriptor(inode, fd));
                }
                if self.unix.is_some_and(|set| set.contains(&inode)) {
                    unix.push((inode, fd));
                }
            }
            Kind::Ring => rings.push(fd),
        });
        if self.shows_rings
            && let Err(reason) = self.add_registered(base, &rings, &mut table.held)
        {
            walked.unsure(reason);
        }
        for (inode, fd) in unix {
            let mut text = [0; 512];
            let queued = base
                .read_once(format!("fdinfo/{fd}"), &mut text)
                .ok()
                .and_then(pid::descriptors_in_queue);
            if let Some(queued @ 1..) = queued {
                // Several descriptors may refer to one queue.
                walked.in_queues.insert(inode, queued);
                table.carriers.push(fd);
            }
        }
        if !table.held.is_empty() || !table.carriers.is_empty() {
            tables.push(table);
        }
        count
    }

    /// Calls `each` for every descriptor that matters of the process or thread whose directory is `base`; returns how many there are.
    ///
    /// The list of descriptors with their links takes `CAP_DAC_READ_SEARCH` beside `CAP_SYS_PTRACE`, where a user's own rights do not
    /// suffice; what is known of each takes the latter only, and three system calls a descriptor instead of one.
    fn descriptors(
        &self,
        base: &Dir,
        buffer: &mut Entries,
        each: impl FnMut(u32, Kind),
    ) -> Result<usize, Errno> {
        match (base.dir(c"fd"), self.sockets_mount) {
            (Ok(directory), _) => descriptors(&directory, buffer, each),
            (Err(Errno::ACCESS), Some(mount)) => {
                fdinfo::descriptors(&base.dir(c"fdinfo")?, mount, buffer, each)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Adds the wanted sockets that are registered with the io_urings behind `rings`, each with its first place in each; fails with a
    /// reason if not all could be asked.
    fn add_registered(
        &self,
        base: &Dir,
        rings: &[u32],
        held: &mut Vec<Held>,
    ) -> Result<(), &'static str> {
        let mut room = FDINFOS_LEN;
        let mut answer = Ok(());
        for &fd in rings.iter().take(MAX_RINGS) {
            let limit = room.min(FDINFO_LEN);
            match registered(base, fd, limit) {
                Ok((sockets, length)) => {
                    room -= length.min(room);
                    if length == limit {
                        answer = Err("a process has more files in io_urings than are read");
                    }
                    let mut seen = FxHashSet::default();
                    held.extend(sockets.into_iter().filter_map(|(slot, inode)| {
                        let inode = Inode::new(inode)?;
                        let slot = Some(slot);
                        let wanted = self.wanted.is_none_or(|set| set.contains(&inode));
                        (wanted && seen.insert(inode)).then_some(Held { inode, fd, slot })
                    }));
                }
                Err(Some(reason)) => answer = Err(reason),
                // Closed meanwhile, or not to be seen.
                Err(None) => {}
            }
        }
        if rings.len() > MAX_RINGS {
            answer = Err("a process has more io_urings than are asked");
        }
        answer
    }

    /// The threads that have other descriptor tables than the `first` thread, or than each other if that has ended, by their tables.
    fn other_tables(
        &self,
        pid: u32,
        first: Option<u32>,
        process: &Dir,
        buffer: &mut Entries,
    ) -> Result<Vec<Sharing>, Errno> {
        let mut threads = ids(&process.dir(c"task")?, buffer)?;
        threads.retain(|&thread| thread != pid);
        match (self.can_compare, first) {
            (true, _) => tables::other_than(first, &threads, &sys::kcmp::descriptor_tables),
            // Where they cannot be told apart, they are taken to share one table, as nearly all do.
            (false, Some(_)) => Ok(Vec::new()),
            (false, None) => Ok(vec![threads]),
        }
    }
}

/// Slot and inode of a socket that is registered with an io_uring.
type Registered = (u32, u64);

/// The sockets registered with the io_uring `fd`, and how long the text was that says so; or a reason why they are not known.
fn registered(
    base: &Dir,
    fd: u32,
    limit: u64,
) -> Result<(Vec<Registered>, u64), Option<&'static str>> {
    for _ in 0..RING_TRIES {
        let text = base.read(format!("fdinfo/{fd}"), limit).map_err(|_| None)?;
        if let Some(sockets) = pid::registered_sockets(&text) {
            return Ok((sockets, text.len() as u64));
        }
        std::thread::yield_now();
    }
    Err(Some("an io_uring was too busy to be asked; try again"))
}

/// What is of interest in one descriptor table.
struct Table {
    thread: Option<Pid>,
    held: Vec<Held>,
    carriers: Vec<u32>,
}

/// What a descriptor refers to, as far as it matters here.
pub(super) enum Kind {
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
    let mut failed = None;
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
            // Closed meanwhile; or a path that is longer than any, which is no socket.
            Err(Errno::NOENT | Errno::NAMETOOLONG) => {}
            // With CAP_DAC_READ_SEARCH and without CAP_SYS_PTRACE one may list the directory, and not look behind the links.
            Err(error) => failed = Some(error),
        }
    })?;
    failed.map_or(Ok(count), Err)
}

/// Room for directory entries.
pub(super) type Entries = [MaybeUninit<u8>];

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
    Ok(process.links(c"task")?.saturating_sub(2))
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
