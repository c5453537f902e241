//! Who holds a socket, or why nobody does.

use super::{Inode, Port, Socket, State, Uid};
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A process or thread id, as the mounted /proc numbers it.
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

/// One reference of one process to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder<'a> {
    /// The process.
    pub process: &'a Process,
    /// The thread whose own descriptor table it was found in, when the process's could not be read
    /// (its leader has exited) or differs (`unshare(CLONE_FILES)`).
    pub thread: Option<Pid>,
    /// The descriptor number: of the socket, or of the io_uring that it is registered with.
    pub fd: u32,
    /// Its place among the files registered with that io_uring, io_uring_register(2); such a file needs no descriptor.
    pub slot: Option<u32>,
}

impl Holder<'_> {
    /// The thread to ask what a process whose first thread has ended no longer tells.
    #[must_use]
    pub fn lives_as(&self) -> Pid {
        self.thread.unwrap_or(self.process.pid)
    }
}

/// One reference to a socket, as it is found in a descriptor table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The socket.
    pub inode: Inode,
    /// As [`Holder::fd`].
    pub fd: u32,
    /// As [`Holder::slot`].
    pub slot: Option<u32>,
}

impl Held {
    /// A plain descriptor.
    #[must_use]
    pub const fn descriptor(inode: Inode, fd: u32) -> Self {
        Self {
            inode,
            fd,
            slot: None,
        }
    }
}

/// A network device that the kernel holds a UDP socket for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelDevice {
    /// What it is: `vxlan`, `geneve` or `bareudp`.
    pub kind: &'static str,
    /// Its name, whoever chose it.
    pub name: Box<[u8]>,
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
    /// Made by the kernel for itself: no process holds it, and a tunnel device, the NFS server, its lock manager or a storage target
    /// listens on its port, or it is the kernel's end of netlink; or, in all likelihood, it is a WireGuard device's, of which there are enough.
    Kernel,
    /// In all likelihood on its way between processes: none holds it, and at least as many descriptors as there are such sockets
    /// are in the queues of unix sockets (`SCM_RIGHTS`, unix(7)).
    InTransit,
    /// No descriptor refers to it; it is registered with an io_uring, io_uring_register(2).
    IoUring,
    /// It was closed while its holders were looked for.
    Closed,
    /// No process was found, which proves nothing: the holder may be outside this PID namespace, be a thread in accept(2) whose
    /// descriptor was closed meanwhile, have mapped the socket into its memory, or be a part of the kernel that does not tell.
    Other,
}

impl NoOwner {
    /// The lower-case word of the JSON contract, which has none of its own for [`NoOwner::Closed`].
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TimeWait => "time-wait",
            Self::Orphan => "orphan",
            Self::AcceptQueue => "accept-queue",
            Self::HalfOpen => "half-open",
            Self::Kernel => "kernel",
            Self::InTransit => "in-transit",
            Self::IoUring => "io-uring",
            Self::Closed | Self::Other => "other",
        }
    }
}

/// What is known of a socket's holders. An empty list never stands for any of these.
#[derive(Clone, Copy, Debug)]
pub enum Owners<'a> {
    /// At least one process holds it.
    Known(Holders<'a>),
    /// No process does.
    None {
        /// Why.
        reason: NoOwner,
        /// Whose io_uring it is registered with, or whose unix sockets have descriptors in their queues; often nobody.
        via: Holders<'a>,
        /// How many more of those unix sockets there are than in `via`.
        more: u64,
    },
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

/// No link, and no slot.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    /// Index into `OwnerTable::tables`.
    table: u32,
    fd: u32,
    slot: u32,
    next: u32,
}

/// References to one socket, by pid, then thread, then as their descriptor table lists them.
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
        let (process, thread) = self.table.tables.get(link.table as usize)?;
        Some(Holder {
            process,
            thread: *thread,
            fd: link.fd,
            slot: (link.slot != NONE).then_some(link.slot),
        })
    }
}

/// What keeps this process from seeing who holds a socket, or from ending it, and so what would have to be different.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Barrier {
    /// They are other users' processes.
    #[default]
    Users,
    /// It is root, and lacks the capability for that: `CAP_SYS_PTRACE`, `CAP_KILL`.
    Capability,
    /// They are processes of another user namespace, where no right of this one counts.
    UserNamespace,
    /// It has every right and was refused: by a security module, or a sandbox.
    Policy,
    /// The holder may be outside this PID namespace, pid_namespaces(7).
    PidNamespace,
    /// Something failed, whatever the rights: [`ScanReport::failed`].
    Failure,
}

impl Barrier {
    /// What to do to see them, without a full stop.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Users => {
                "run this as root to see them, or give portctl cap_sys_ptrace (portctl help capabilities)"
            }
            Self::Capability => "run this with CAP_SYS_PTRACE, which this root lacks",
            Self::UserNamespace => {
                "run this outside this user namespace, whose root may only see processes of its own"
            }
            Self::Policy => {
                "a security module or a sandbox keeps even root from seeing them: run this without that"
            }
            Self::PidNamespace => "run this in the PID namespace of the host to see them",
            Self::Failure => "ask again",
        }
    }
}

/// How complete the walk over /proc was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Processes of this network namespace whose descriptors could not be read for lack of rights.
    pub hidden_processes: u32,
    /// Whether /proc hides other users' processes altogether (`hidepid=`).
    pub hidepid: bool,
    /// What those processes are out of reach by.
    pub refused_by: Barrier,
    /// Whether this process is in a PID namespace inside another, whose processes are not in its /proc, pid_namespaces(7).
    pub nested: bool,
    /// Why nothing could be read at all.
    pub failed: Option<String>,
    /// Whether the sockets are of a saved dump, which never says who holds them.
    pub saved: bool,
}

impl ScanReport {
    /// Whether holders may exist that this process cannot see.
    #[must_use]
    pub const fn hides(&self) -> bool {
        self.nested || self.hides_inside()
    }

    /// Whether holders may exist that this process has no right to see, in its own PID namespace.
    #[must_use]
    pub const fn hides_inside(&self) -> bool {
        self.hidden_processes > 0 || self.hidepid || self.failed.is_some()
    }

    /// What keeps holders from being seen; `None` if nothing does.
    #[must_use]
    pub const fn barrier(&self) -> Option<Barrier> {
        if self.failed.is_some() {
            Some(Barrier::Failure)
        } else if self.hides_inside() {
            Some(self.refused_by)
        } else if self.nested {
            Some(Barrier::PidNamespace)
        } else {
            None
        }
    }
}

/// Every row in transit names so many unix sockets that it may be in, and no more: each of them would name all.
const CARRIERS: u64 = 8;

/// Which process holds which socket, and what is known of those that none holds.
///
/// Sixteen bytes a descriptor and one hash entry a socket.
#[derive(Debug)]
pub struct OwnerTable {
    heads: FxHashMap<u64, u32>,
    links: Vec<Link>,
    /// Descriptor tables: a process's, or that of one of its threads.
    tables: Vec<(Process, Option<Pid>)>,
    unclaimed: FxHashMap<u64, NoOwner>,
    /// The devices whose sockets are the kernel's.
    devices: FxHashMap<u64, Vec<TunnelDevice>>,
    /// Unix sockets with descriptors in their queues: the first link, to [`CARRIERS`] of them, and how many there are.
    carriers: u32,
    carrier_count: u64,
    listeners: Listeners,
    report: ScanReport,
}

impl Default for OwnerTable {
    fn default() -> Self {
        Self {
            heads: FxHashMap::default(),
            links: Vec::new(),
            tables: Vec::new(),
            unclaimed: FxHashMap::default(),
            devices: FxHashMap::default(),
            carriers: NONE,
            carrier_count: 0,
            listeners: Listeners::default(),
            report: ScanReport::default(),
        }
    }
}

impl OwnerTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the descriptor table of one process (or of a thread that has its own) with the sockets in it.
    ///
    /// To have holders come out in ascending order of pid, add processes in descending order.
    pub fn add(&mut self, process: Process, thread: Option<Pid>, held: &[Held]) {
        let Some(table) = self.add_table(process, thread) else {
            return;
        };
        for held in held.iter().rev() {
            let head = self.heads.get(&held.inode.0.get()).copied();
            let Some(new) = self.link(table, held.fd, held.slot, head.unwrap_or(NONE)) else {
                return;
            };
            self.heads.insert(held.inode.0.get(), new);
        }
    }

    /// Adds unix sockets of one process, by descriptor, that have descriptors in their queues.
    pub fn add_carriers(&mut self, process: Process, thread: Option<Pid>, fds: &[u32]) {
        let Some(table) = self.add_table(process, thread) else {
            return;
        };
        for &fd in fds.iter().rev() {
            self.carrier_count += 1;
            if self.carrier_count > CARRIERS {
                continue;
            }
            match self.link(table, fd, None, self.carriers) {
                Some(new) => self.carriers = new,
                None => return,
            }
        }
    }

    fn add_table(&mut self, process: Process, thread: Option<Pid>) -> Option<u32> {
        let index = u32::try_from(self.tables.len()).ok()?;
        self.tables.push((process, thread));
        Some(index)
    }

    fn link(&mut self, table: u32, fd: u32, slot: Option<u32>, next: u32) -> Option<u32> {
        let index = u32::try_from(self.links.len())
            .ok()
            .filter(|&n| n != NONE)?;
        self.links.push(Link {
            table,
            fd,
            slot: slot.unwrap_or(NONE),
            next,
        });
        Some(index)
    }

    /// Notes why nobody holds `inode`.
    pub fn set_reason(&mut self, inode: Inode, reason: NoOwner) {
        self.unclaimed.insert(inode.0.get(), reason);
    }

    /// Notes that `inode` is the kernel's, for these tunnel devices.
    pub fn set_devices(&mut self, inode: Inode, devices: Vec<TunnelDevice>) {
        self.set_reason(inode, NoOwner::Kernel);
        self.devices.insert(inode.0.get(), devices);
    }

    /// The tunnel devices that the kernel holds `socket` for, if they tell.
    #[must_use]
    pub fn devices(&self, socket: &Socket) -> &[TunnelDevice] {
        let found = socket.inode.and_then(|i| self.devices.get(&i.0.get()));
        found.map_or(&[], Vec::as_slice)
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

    /// Whether something was found that refers to `inode`.
    #[must_use]
    pub fn holds(&self, inode: Inode) -> bool {
        self.heads.contains_key(&inode.0.get())
    }

    /// Who holds the socket with this inode, as far as anybody was found.
    #[must_use]
    pub fn holders(&self, inode: Inode) -> Holders<'_> {
        let head = self.heads.get(&inode.0.get()).copied();
        self.from(head.unwrap_or(NONE))
    }

    /// Who holds `socket`, or why nobody does.
    #[must_use]
    pub fn of(&self, socket: &Socket) -> Owners<'_> {
        if socket.is_the_kernels() {
            return self.nobody(NoOwner::Kernel, NONE);
        }
        let Some(inode) = socket.inode else {
            return self.nobody(self.reason_without_file(socket), NONE);
        };
        self.of_inode(inode)
    }

    /// Who holds the socket with this inode, or why nobody does.
    #[must_use]
    pub fn of_inode(&self, inode: Inode) -> Owners<'_> {
        let inode = inode.0.get();
        if let Some(&head) = self.heads.get(&inode) {
            return if self.from(head).any(|holder| holder.slot.is_none()) {
                Owners::Known(self.from(head))
            } else {
                self.nobody(NoOwner::IoUring, head)
            };
        }
        if self.report.hides_inside() {
            return Owners::Hidden;
        }
        match self.unclaimed.get(&inode) {
            Some(NoOwner::InTransit) => self.nobody(NoOwner::InTransit, self.carriers),
            // Nobody seen in here: the holder may be outside.
            Some(NoOwner::Other) | None if self.report.nested => Owners::Hidden,
            Some(&reason) => self.nobody(reason, NONE),
            None => self.nobody(NoOwner::Other, NONE),
        }
    }

    /// Where the listener is in whose queue `socket` may be.
    #[must_use]
    pub fn queue_of(&self, socket: &Socket) -> Option<SocketAddr> {
        let ends = socket.inet()?;
        let address = self.listeners.server(ends.local, ends.local_port)?;
        Some(SocketAddr::new(address, ends.local_port.0))
    }

    /// Why nobody holds a connection that is known to wait for accept(2).
    #[must_use]
    pub const fn of_unaccepted(&self) -> Owners<'_> {
        self.nobody(NoOwner::AcceptQueue, NONE)
    }

    const fn from(&self, first: u32) -> Holders<'_> {
        Holders {
            table: self,
            next: first,
        }
    }

    const fn nobody(&self, reason: NoOwner, via: u32) -> Owners<'_> {
        Owners::None {
            reason,
            via: self.from(via),
            more: match reason {
                NoOwner::InTransit => self.carrier_count.saturating_sub(CARRIERS),
                _ => 0,
            },
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

/// Where the TCP listeners of a snapshot listen, to tell which connections wait in an accept queue.
#[derive(Clone, Debug, Default)]
pub struct Listeners(FxHashSet<(Port, IpAddr)>);

impl Listeners {
    /// Notes `socket` if it is an IP listener. A listener on `::` serves IPv4 too, unless it is known not to.
    pub fn note(&mut self, socket: &Socket) {
        let (State::Listen, Some(ends)) = (socket.state, socket.inet()) else {
            return;
        };
        self.0.insert((ends.local_port, ends.local.to_canonical()));
        if ends.local == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && socket.v6only != Some(true) {
            self.0
                .insert((ends.local_port, Ipv4Addr::UNSPECIFIED.into()));
        }
    }

    /// Adds those of another part of the snapshot.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The address of the listener through which connections to this address and port come in, if there is one.
    #[must_use]
    pub fn server(&self, address: IpAddr, port: Port) -> Option<IpAddr> {
        let address = address.to_canonical();
        let any = match address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        [address, any]
            .into_iter()
            .find(|address| self.0.contains(&(port, *address)))
    }

    /// Whether `socket` can have come in through one of the listeners.
    #[must_use]
    pub fn accept(&self, socket: &Socket) -> bool {
        socket
            .inet()
            .is_some_and(|ends| self.serve(ends.local, ends.local_port))
    }

    /// Whether one of the listeners accepts connections to this address and port.
    #[must_use]
    pub fn serve(&self, address: IpAddr, port: Port) -> bool {
        self.server(address, port).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ends, Family, InetEnds, Protocol, Queues};

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
            details: None,
        }
    }

    #[test]
    fn every_holder_comes_out_in_order() {
        let inode = Inode::new(7).unwrap();
        let mut table = OwnerTable::new();
        let held = |fd| Held::descriptor(inode, fd);
        table.add(process(9), None, &[held(3), held(4)]);
        table.add(process(2), None, &[held(5)]);
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
            Owners::None { reason, .. } => Some(reason),
            _ => None,
        };
        assert_eq!(reason(&table, State::TimeWait, 0), Some(NoOwner::TimeWait));
        assert_eq!(reason(&table, State::SynRecv, 0), Some(NoOwner::HalfOpen));
        assert_eq!(reason(&table, State::FinWait1, 0), Some(NoOwner::Orphan));
        assert_eq!(reason(&table, State::Established, 0), Some(NoOwner::Other));
        assert_eq!(reason(&table, State::Listen, 5), Some(NoOwner::Other));
        table.set_reason(Inode::new(5).unwrap(), NoOwner::Kernel);
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
    fn what_has_no_descriptor_tells_through_whom_it_is_held() {
        let [ringed, shared, under_way] = [5, 6, 7].map(|n| Inode::new(n).unwrap());
        let slot = |inode| Held {
            inode,
            fd: 3,
            slot: Some(0),
        };
        let mut table = OwnerTable::new();
        let held = [slot(ringed), Held::descriptor(shared, 4), slot(shared)];
        table.add(process(9), None, &held);
        table.add_carriers(process(8), None, &[11, 12]);
        table.set_reason(under_way, NoOwner::InTransit);

        let via = |inode| match table.of(&tcp(State::Listen, inode)) {
            Owners::None { reason, via, .. } => {
                let holders: Vec<_> = via.map(|h| (h.process.pid.0, h.fd, h.slot)).collect();
                (reason, holders)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(via(5), (NoOwner::IoUring, vec![(9, 3, Some(0))]));
        let carriers = vec![(8, 11, None), (8, 12, None)];
        assert_eq!(via(7), (NoOwner::InTransit, carriers));
        let Owners::Known(holders) = table.of(&tcp(State::Listen, 6)) else {
            panic!("a descriptor refers to it")
        };
        let holders: Vec<_> = holders.map(|h| (h.fd, h.slot)).collect();
        assert_eq!(holders, [(4, None), (3, Some(0))]);
    }

    #[test]
    fn a_dual_stack_listener_serves_mapped_addresses() {
        let at = |state, address: &str, v6only| {
            let mut socket = tcp(state, 0);
            socket.v6only = v6only;
            if let Ends::Inet(ends) = &mut socket.ends {
                ends.local = address.parse().unwrap();
            }
            socket
        };
        let serves = |listener: &str, v6only, local: &str| {
            let mut listeners = Listeners::default();
            listeners.note(&at(State::Listen, listener, v6only));
            listeners.accept(&at(State::Established, local, None))
        };
        let mapped = "::ffff:10.0.0.1";
        assert!(serves("::", Some(false), mapped));
        assert!(serves("::", None, mapped));
        assert!(!serves("::", Some(true), mapped));
        assert!(serves("::", Some(true), "fd00::1"));
        assert!(!serves("0.0.0.0", None, "fd00::1"));
        assert!(serves(mapped, None, mapped));
        assert!(serves("10.0.0.1", None, "10.0.0.1"));
        assert!(!serves("10.0.0.2", None, "10.0.0.1"));
    }
}
