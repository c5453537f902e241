//! Who holds a socket, or why nobody does.

use super::{Inode, Port, Socket, State, Uid};
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// A process or thread id, as the reader's PID namespace numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub u32);

/// A process that holds at least one socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: Pid,
    /// Its command name (`comm`, at most 15 bytes). The process chooses these bytes; absent if it was gone.
    pub name: Option<Box<[u8]>>,
    /// Its effective user; absent if it was gone before this was read.
    pub uid: Option<Uid>,
}

/// One descriptor of one process that refers to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder<'a> {
    /// The process.
    pub process: &'a Process,
    /// The thread whose own descriptor table it was found in, when the process's could not be read
    /// (its leader has exited) or differs (`unshare(CLONE_FILES)`).
    pub thread: Option<Pid>,
    /// The descriptor number.
    pub fd: u32,
}

/// Why a socket has no process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoOwner {
    /// Closed by both ends; the kernel keeps the 4-tuple.
    TimeWait,
    /// The process closed it; the kernel still delivers data or waits for the peer.
    Orphan,
    /// The handshake is done, the listening process has not called accept(2).
    AcceptQueue,
    /// The handshake is not done.
    HalfOpen,
    /// Made by the kernel for itself: every process was looked at and none holds it.
    Kernel,
    /// Cannot be told: the holder may be outside this PID namespace, or was not visible for another reason.
    Other,
}

impl NoOwner {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TimeWait => "time-wait",
            Self::Orphan => "orphan",
            Self::AcceptQueue => "accept-queue",
            Self::HalfOpen => "half-open",
            Self::Kernel => "kernel",
            Self::Other => "other",
        }
    }
}

/// What is known of a socket's holders. An empty list never stands for any of these.
#[derive(Clone, Copy, Debug)]
pub enum Owners<'a> {
    /// At least one process holds it.
    Known(Holders<'a>),
    /// No process does, and this is why.
    None(NoOwner),
    /// Some process may; the descriptors of some processes could not be read.
    Hidden,
    /// Nobody looked.
    NotAsked,
}

impl<'a> Owners<'a> {
    /// Pid and descriptor of the first holder, lowest pid first.
    #[must_use]
    pub fn first_holder(&self) -> Option<(Pid, u32)> {
        match self {
            Self::Known(holders) => holders.clone().next().map(|h| (h.process.pid, h.fd)),
            _ => None,
        }
    }

    /// Name of the first holder.
    #[must_use]
    pub fn first_name(&self) -> Option<&'a [u8]> {
        match self {
            Self::Known(holders) => holders
                .clone()
                .next()
                .and_then(|h| h.process.name.as_deref()),
            _ => None,
        }
    }
}

const END: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    process: u32,
    thread: u32,
    fd: u32,
    next: u32,
}

/// The holders of one socket, by pid, then thread, then descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Holders<'a> {
    table: &'a OwnerTable,
    next: u32,
}

impl<'a> Iterator for Holders<'a> {
    type Item = Holder<'a>;

    fn next(&mut self) -> Option<Holder<'a>> {
        let link = self.table.links.get(self.next as usize)?;
        self.next = link.next;
        Some(Holder {
            process: self.table.processes.get(link.process as usize)?,
            thread: (link.thread != 0).then_some(Pid(link.thread)),
            fd: link.fd,
        })
    }
}

/// How complete the walk over /proc was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Processes of this network namespace whose descriptors could not be read for lack of rights.
    pub hidden_processes: u32,
    /// Whether holders may exist that this PID namespace does not show.
    pub nested: bool,
    /// Whether /proc hides other users' processes altogether (`hidepid=`).
    pub hidepid: bool,
    /// Why nothing could be read at all.
    pub failed: Option<String>,
    /// Whether some process has an io_uring, which may hold sockets that no descriptor table shows.
    pub rings: bool,
    /// Whether sockets may have been opened after the walk, as when rows stream past it.
    pub stale: bool,
}

impl ScanReport {
    /// Whether holders may exist that this process has no right to see.
    #[must_use]
    pub const fn hides(&self) -> bool {
        self.hidden_processes > 0 || self.hidepid || self.failed.is_some()
    }
}

/// Which process holds which socket: the result of one walk over /proc.
///
/// Sixteen bytes a descriptor and one hash entry a socket.
#[derive(Debug, Default)]
pub struct OwnerTable {
    heads: FxHashMap<u64, u32>,
    links: Vec<Link>,
    processes: Vec<Process>,
    listeners: Listeners,
    report: ScanReport,
}

impl OwnerTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one process with the sockets it holds, as (inode, descriptor) in ascending order of descriptor.
    ///
    /// To have holders come out in ascending order of pid, add processes in descending order.
    pub fn add_process(&mut self, process: Process, thread: Option<Pid>, held: &[(Inode, u32)]) {
        let Ok(index) = u32::try_from(self.processes.len()) else {
            return;
        };
        self.processes.push(process);
        for &(inode, fd) in held.iter().rev() {
            let Some(new) = u32::try_from(self.links.len()).ok().filter(|&n| n != END) else {
                return;
            };
            let head = self.heads.entry(inode.0.get()).or_insert(END);
            self.links.push(Link {
                process: index,
                thread: thread.map_or(0, |t| t.0),
                fd,
                next: *head,
            });
            *head = new;
        }
    }

    /// Makes room for `sockets` held sockets.
    pub fn reserve(&mut self, sockets: usize) {
        self.heads.reserve(sockets);
        self.links.reserve(sockets);
    }

    /// Tells the table which listeners there are, so that connections in their queues can be told.
    pub fn set_listeners(&mut self, listeners: Listeners) {
        self.listeners = listeners;
    }

    /// Notes how complete the walk was.
    pub fn set_report(&mut self, report: ScanReport) {
        self.report = report;
    }

    /// How complete the walk was.
    #[must_use]
    pub const fn report(&self) -> &ScanReport {
        &self.report
    }

    /// Whether a holder of `inode` was found.
    #[must_use]
    pub fn holds(&self, inode: Inode) -> bool {
        self.heads.contains_key(&inode.0.get())
    }

    /// Who holds `socket`, or why nobody does.
    #[must_use]
    pub fn of(&self, socket: &Socket) -> Owners<'_> {
        let Some(inode) = socket.inode else {
            return Owners::None(self.reason_without_file(socket));
        };
        if let Some(&head) = self.heads.get(&inode.0.get()) {
            return Owners::Known(Holders {
                table: self,
                next: head,
            });
        }
        let report = &self.report;
        if report.hides() {
            Owners::Hidden
        } else if report.nested || report.rings || report.stale {
            Owners::None(NoOwner::Other)
        } else {
            Owners::None(NoOwner::Kernel)
        }
    }

    fn reason_without_file(&self, socket: &Socket) -> NoOwner {
        match socket.state {
            State::TimeWait => NoOwner::TimeWait,
            State::SynRecv => NoOwner::HalfOpen,
            // Waiting for accept(2); the peer may have closed meanwhile.
            State::Established | State::CloseWait if self.listeners.accept(socket) => {
                NoOwner::AcceptQueue
            }
            // close(2) leads here; an established socket without a file waits in some queue.
            State::FinWait1 | State::FinWait2 | State::LastAck | State::Closing => NoOwner::Orphan,
            _ => NoOwner::Other,
        }
    }
}

/// The TCP listeners of a snapshot, to tell which connections wait in an accept queue.
#[derive(Clone, Debug, Default)]
pub struct Listeners(FxHashMap<Port, Vec<(IpAddr, Option<bool>)>>);

impl Listeners {
    /// Notes `socket` if it is an IP listener.
    pub fn note(&mut self, socket: &Socket) {
        if let (State::Listen, Some(ends)) = (socket.state, socket.inet()) {
            self.0
                .entry(ends.local_port)
                .or_default()
                .push((ends.local, socket.v6only));
        }
    }

    /// Whether `socket` can have come in through one of the listeners.
    #[must_use]
    pub fn accept(&self, socket: &Socket) -> bool {
        let Some(ends) = socket.inet() else {
            return false;
        };
        self.0.get(&ends.local_port).is_some_and(|listeners| {
            listeners
                .iter()
                .any(|&(address, v6only)| serves(address, v6only, ends.local))
        })
    }
}

/// Whether a listener on `listener` gets connections to `local`.
fn serves(listener: IpAddr, v6only: Option<bool>, local: IpAddr) -> bool {
    if !listener.is_unspecified() {
        return listener == local || super::ipv4_of(listener).is_some_and(|v4| local == v4);
    }
    match listener {
        IpAddr::V4(_) => super::ipv4_of(local).is_some(),
        IpAddr::V6(_) => v6only != Some(true) || super::ipv4_of(local).is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ends, Family, InetEnds, Protocol, Queues};
    use std::net::Ipv4Addr;

    fn process(pid: u32) -> Process {
        Process {
            pid: Pid(pid),
            name: Some(b"x"[..].into()),
            uid: Some(Uid(0)),
        }
    }

    fn tcp(state: State, inode: u64) -> Socket {
        Socket {
            protocol: Protocol::Tcp,
            family: Family::Inet,
            state,
            v6only: None,
            shutdown: None,
            ends: Ends::Inet(InetEnds {
                local: Ipv4Addr::LOCALHOST.into(),
                peer: Ipv4Addr::UNSPECIFIED.into(),
                local_port: Port(80),
                peer_port: Port(0),
                interface: None,
            }),
            queues: Queues::Unknown,
            timer: None,
            uid: None,
            inode: Inode::new(inode),
            cookie: None,
            mark: None,
            cgroup: None,
        }
    }

    #[test]
    fn every_holder_comes_out_in_order() {
        let inode = Inode::new(7).unwrap();
        let mut table = OwnerTable::new();
        table.add_process(process(9), None, &[(inode, 3), (inode, 4)]);
        table.add_process(process(2), None, &[(inode, 5)]);
        let Owners::Known(holders) = table.of(&tcp(State::Listen, 7)) else {
            panic!("known")
        };
        let seen: Vec<_> = holders.map(|h| (h.process.pid.0, h.fd)).collect();
        assert_eq!(seen, [(2, 5), (9, 3), (9, 4)]);
    }

    #[test]
    fn nobody_is_never_an_empty_list() {
        let mut table = OwnerTable::new();
        let reason = |table: &OwnerTable, state, inode| match table.of(&tcp(state, inode)) {
            Owners::None(reason) => Some(reason),
            _ => None,
        };
        assert_eq!(reason(&table, State::TimeWait, 0), Some(NoOwner::TimeWait));
        assert_eq!(reason(&table, State::SynRecv, 0), Some(NoOwner::HalfOpen));
        assert_eq!(reason(&table, State::FinWait1, 0), Some(NoOwner::Orphan));
        assert_eq!(reason(&table, State::Established, 0), Some(NoOwner::Other));
        assert_eq!(reason(&table, State::Listen, 5), Some(NoOwner::Kernel));

        let mut listeners = Listeners::default();
        listeners.note(&tcp(State::Listen, 5));
        table.set_listeners(listeners);
        assert_eq!(
            reason(&table, State::Established, 0),
            Some(NoOwner::AcceptQueue)
        );

        table.set_report(ScanReport {
            hidden_processes: 1,
            ..ScanReport::default()
        });
        assert!(matches!(table.of(&tcp(State::Listen, 5)), Owners::Hidden));
    }

    #[test]
    fn a_dual_stack_listener_serves_mapped_addresses() {
        let any6: IpAddr = "::".parse().unwrap();
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        let v6: IpAddr = "fd00::1".parse().unwrap();
        assert!(serves(any6, Some(false), mapped));
        assert!(!serves(any6, Some(true), mapped));
        assert!(serves(any6, Some(true), v6));
        assert!(!serves(Ipv4Addr::UNSPECIFIED.into(), None, v6));
    }
}
