//! Names for numbers from the system, looked up once each.

use super::cgroups::Cgroups;
use super::limits;
use super::mounts::Hierarchy;
use super::owners::{self, Sharers};
use crate::model::{
    CgroupId, CgroupPath, DetailSet, EphemeralPorts, IfIndex, Names, Pid, Port, Protocol, Thread,
    Uid,
};
use crate::sys;
use crate::wire::{pid_stat, services};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;

type Cache<K, S = FxBuildHasher> = RefCell<HashMap<K, Option<Rc<[u8]>>, S>>;

/// What the system says; every answer is remembered, also that there is none.
#[derive(Debug, Default)]
pub struct SystemNames {
    users: Cache<Uid>,
    interfaces: Cache<IfIndex>,
    bpf_maps: Cache<u32>,
    /// With a seeded hash: strangers choose these addresses.
    hosts: Cache<IpAddr, RandomState>,
    services: OnceCell<Services>,
    ephemeral: OnceCell<Option<EphemeralPorts>>,
    unprivileged: OnceCell<Option<u32>>,
    hierarchy: OnceCell<io::Result<Hierarchy>>,
    foreign: bool,
    /// Present if paths of control groups are wanted.
    cgroups: Option<RefCell<Cgroups>>,
    /// Present if command lines are wanted.
    commands: Option<Commands>,
    /// Present if threads are wanted.
    threads: Option<Threads>,
    /// Whether security contexts are wanted where there are none.
    no_contexts: bool,
    /// Present if security contexts are wanted.
    contexts: Option<Cache<Pid>>,
    /// Whether security contexts of sockets are wanted; of each only one row asks.
    socket_contexts: bool,
}

/// The arguments of processes.
type Commands = RefCell<FxHashMap<Pid, Option<Rc<[Box<[u8]>]>>>>;

/// The threads of processes by the descriptor tables that they share.
type Threads = RefCell<FxHashMap<Pid, Sharers>>;

impl SystemNames {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For sockets of another host: only names that mean the same everywhere, which are services, protocols, `root` and `lo`.
    #[must_use]
    pub fn of_another_host() -> Self {
        Self {
            ephemeral: OnceCell::from(None),
            unprivileged: OnceCell::from(None),
            foreign: true,
            ..Self::default()
        }
    }

    /// The same, which looks up what of these is not looked up unasked.
    #[must_use]
    pub fn with(self, details: DetailSet) -> Self {
        let live = !self.foreign;
        let commands = live && details.has(DetailSet::COMMAND);
        let threads = live && details.has(DetailSet::THREADS);
        let asked = DetailSet::CONTEXT.or(DetailSet::SOCKET_CONTEXT);
        let no_contexts = live && details.has(asked) && !sys::process::selinux_is_on();
        // Other security modules use the same files for labels of their own.
        let contexts = live && details.has(DetailSet::CONTEXT) && !no_contexts;
        Self {
            cgroups: details.has(DetailSet::CGROUP).then(RefCell::default),
            commands: commands.then(RefCell::default),
            threads: threads.then(RefCell::default),
            contexts: contexts.then(RefCell::default),
            no_contexts,
            socket_contexts: live && details.has(DetailSet::SOCKET_CONTEXT) && !no_contexts,
            ..self
        }
    }

    /// Whether names of this host mean nothing for the sockets.
    #[must_use]
    pub const fn are_of_another_host(&self) -> bool {
        self.foreign
    }

    /// The service and protocol names of this host.
    pub fn services(&self) -> &Services {
        self.services.get_or_init(Services::load)
    }

    /// The control groups of this host.
    ///
    /// # Errors
    /// If none are mounted, or that cannot be read.
    pub fn hierarchy(&self) -> Result<&Hierarchy, &io::Error> {
        self.hierarchy.get_or_init(Hierarchy::find).as_ref()
    }
}

impl Names for SystemNames {
    fn user(&self, uid: Uid) -> Option<Rc<[u8]>> {
        if self.foreign {
            return (uid.0 == 0).then(|| b"root"[..].into());
        }
        remember(&self.users, uid, || sys::users::user_name(uid.0))
    }

    fn interface(&self, index: IfIndex) -> Option<Rc<[u8]>> {
        if self.foreign {
            return (index.0.get() == 1).then(|| b"lo"[..].into());
        }
        remember(&self.interfaces, index, || {
            sys::users::interface_name(index.0.get())
        })
    }

    fn service(&self, protocol: Protocol, port: Port) -> Option<Rc<[u8]>> {
        // A port that connections get by chance has no service, whatever the list says.
        let by_chance = self
            .ephemeral
            .get_or_init(limits::ephemeral_ports)
            .as_ref()
            .is_some_and(|ports| ports.contains(port));
        if protocol != Protocol::Raw && by_chance {
            return None;
        }
        self.services().name(protocol, port)
    }

    fn ephemeral_ports(&self) -> Option<RangeInclusive<u16>> {
        let ports = self.ephemeral.get_or_init(limits::ephemeral_ports);
        ports.as_ref().map(|ports| ports.range.clone())
    }

    fn first_unprivileged_port(&self) -> Option<u32> {
        *self.unprivileged.get_or_init(limits::unprivileged_start)
    }

    fn host(&self, address: IpAddr) -> Option<Rc<[u8]>> {
        remember(&self.hosts, address, || sys::hosts::name_of(address))
    }

    fn command(&self, pid: Pid) -> Option<Rc<[Box<[u8]>]>> {
        let mut known = self.commands.as_ref()?.borrow_mut();
        let read = || {
            let text = sys::process::command(pid.0)?;
            let arguments = pid_stat::arguments(&text).into_iter();
            Some(arguments.map(Vec::into_boxed_slice).collect())
        };
        known.entry(pid).or_insert_with(read).clone()
    }

    fn threads(&self, pid: Pid, table: Pid) -> Option<Rc<[Thread]>> {
        let mut known = self.threads.as_ref()?.borrow_mut();
        let sharers = known.entry(pid).or_insert_with(|| owners::sharers(pid));
        // One that has ended since says nothing of the others.
        sharers.get(&table).cloned()
    }

    fn bpf_map(&self, id: u32) -> Option<Rc<[u8]>> {
        if self.foreign {
            return None;
        }
        remember(&self.bpf_maps, id, || super::bpf_maps::name(id))
    }

    fn has_no_contexts(&self) -> bool {
        self.no_contexts
    }

    fn context(&self, pid: Pid) -> Option<Rc<[u8]>> {
        let contexts = self.contexts.as_ref()?;
        remember(contexts, pid, || sys::process::security_context(pid.0))
    }

    fn has_socket_contexts(&self) -> bool {
        self.socket_contexts
    }

    fn socket_context(&self, pid: Pid, fd: u32) -> Option<Rc<[u8]>> {
        if !self.socket_contexts {
            return None;
        }
        sys::process::socket_context(pid.0, fd).map(Rc::from)
    }

    fn cgroup(&self, id: CgroupId) -> CgroupPath {
        match &self.cgroups {
            None => CgroupPath::NotAsked,
            Some(_) if self.foreign => CgroupPath::Elsewhere,
            Some(cgroups) => cgroups.borrow_mut().path(id),
        }
    }
}

fn remember<K: Copy + Eq + Hash, S: BuildHasher>(
    cache: &Cache<K, S>,
    key: K,
    look_up: impl FnOnce() -> Option<Vec<u8>>,
) -> Option<Rc<[u8]>> {
    if let Some(known) = cache.borrow().get(&key) {
        return known.clone();
    }
    let name = look_up().map(Rc::from);
    cache.borrow_mut().insert(key, name.clone());
    name
}

/// Names of ports and IP protocols, services(5) and protocols(5).
#[derive(Debug, Default)]
pub struct Services {
    by_port: FxHashMap<(Protocol, Port), Rc<[u8]>>,
    by_name: FxHashMap<String, Vec<(Protocol, u16)>>,
}

impl Services {
    fn load() -> Self {
        let read = |path: &str, fallback: &str| {
            std::fs::read(path).map_or_else(
                |_| fallback.to_owned(),
                |bytes| String::from_utf8_lossy(&bytes).into_owned(),
            )
        };
        Self::parse(
            &read("/etc/services", USUAL_SERVICES),
            &read("/etc/protocols", USUAL_PROTOCOLS),
        )
    }

    fn parse(services_text: &str, protocols_text: &str) -> Self {
        let mut this = Self::default();
        for line in services::services(services_text) {
            let protocol = match line.protocol {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                _ => continue,
            };
            this.by_port
                .entry((protocol, Port(line.port)))
                .or_insert_with(|| line.name.as_bytes().into());
            for name in std::iter::once(line.name).chain(line.aliases.split_ascii_whitespace()) {
                let ports = this.by_name.entry(name.to_owned()).or_default();
                if !ports.iter().any(|p| p.0 == protocol) {
                    ports.push((protocol, line.port));
                }
            }
        }
        for (number, name, aliases) in services::protocols(protocols_text) {
            this.by_port
                .entry((Protocol::Raw, Port(number)))
                .or_insert_with(|| name.as_bytes().into());
            for name in std::iter::once(name).chain(aliases.split_ascii_whitespace()) {
                let ports = this.by_name.entry(name.to_owned()).or_default();
                if !ports.iter().any(|p| p.0 == Protocol::Raw) {
                    ports.push((Protocol::Raw, number));
                }
            }
        }
        this
    }

    /// The name of a port.
    #[must_use]
    pub fn name(&self, protocol: Protocol, port: Port) -> Option<Rc<[u8]>> {
        self.by_port.get(&(listed_as(protocol), port)).cloned()
    }

    /// The ports of a name, one for each protocol that has it.
    #[must_use]
    pub fn ports(&self, name: &str) -> Option<&[(Protocol, u16)]> {
        self.by_name.get(name).map(Vec::as_slice)
    }

    /// Every service name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

/// The protocol under which services(5) has the services of `protocol`.
const fn listed_as(protocol: Protocol) -> Protocol {
    match protocol {
        Protocol::Mptcp | Protocol::Sctp | Protocol::Dccp => Protocol::Tcp,
        Protocol::UdpLite => Protocol::Udp,
        own => own,
    }
}

/// For hosts without /etc/services, which small containers lack: the names people filter by.
const USUAL_SERVICES: &str = "\
ftp-data 20/tcp\nftp 21/tcp\nssh 22/tcp\ntelnet 23/tcp\nsmtp 25/tcp\ndomain 53/tcp\ndomain 53/udp\n\
bootps 67/udp\nbootpc 68/udp\ntftp 69/udp\nhttp 80/tcp\nkerberos 88/tcp\nkerberos 88/udp\npop3 110/tcp\n\
sunrpc 111/tcp\nsunrpc 111/udp\nntp 123/udp\nimap2 143/tcp\nsnmp 161/udp\nbgp 179/tcp\nldap 389/tcp\n\
https 443/tcp\nhttps 443/udp\nsubmission 587/tcp\nldaps 636/tcp\nimaps 993/tcp\npop3s 995/tcp\n\
mysql 3306/tcp\nmdns 5353/udp\npostgresql 5432/tcp\nhttp-alt 8080/tcp\n";

/// For hosts without /etc/protocols.
const USUAL_PROTOCOLS: &str = "\
icmp 1\nigmp 2\ntcp 6\nudp 17\ngre 47\nesp 50\nah 51\nipv6-icmp 58\nospf 89\nvrrp 112\nsctp 132\nudplite 136\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ports_are_found_both_ways() {
        let services = Services::parse("http 80/tcp www\nhttp 80/udp\nx 81/sctp\n", "icmp 1\n");
        assert_eq!(
            services.name(Protocol::Tcp, Port(80)).as_deref(),
            Some(&b"http"[..])
        );
        assert_eq!(services.ports("www"), Some(&[(Protocol::Tcp, 80)][..]));
        assert_eq!(services.ports("http").map(<[_]>::len), Some(2));
        assert_eq!(services.ports("x"), None);
        assert_eq!(
            services.name(Protocol::Raw, Port(1)).as_deref(),
            Some(&b"icmp"[..])
        );
    }

    #[test]
    fn the_built_in_names_parse() {
        let services = Services::parse(USUAL_SERVICES, USUAL_PROTOCOLS);
        assert_eq!(services.ports("https").map(<[_]>::len), Some(2));
        assert!(services.name(Protocol::Raw, Port(58)).is_some());
        assert_eq!(services.ports("icmp"), Some(&[(Protocol::Raw, 1)][..]));
    }
}
