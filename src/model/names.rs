//! Names for numbers, as a trait, so that this room needs no system calls.

use super::{CgroupId, IfIndex, Pid, Port, Protocol, Uid};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;

/// Looks names up. Implementations remember their answers; `None` is "has no name".
///
/// The bytes come from outside (user database, /etc/services, DNS, other processes'
/// choices of interface names) and must be escaped before they are shown.
pub trait Names {
    /// The login name of a user.
    fn user(&self, uid: Uid) -> Option<Rc<[u8]>> {
        let _ = uid;
        None
    }
    /// The name of an interface in this network namespace.
    fn interface(&self, index: IfIndex) -> Option<Rc<[u8]>> {
        let _ = index;
        None
    }
    /// The service that usually has this port; for raw sockets the name of the IP protocol.
    fn service(&self, protocol: Protocol, port: Port) -> Option<Rc<[u8]>> {
        let _ = (protocol, port);
        None
    }
    /// The ports that the host gives to connections, if that is known.
    fn ephemeral_ports(&self) -> Option<RangeInclusive<u16>> {
        None
    }
    /// The first port that needs no rights on the host (`net.ipv4.ip_unprivileged_port_start`), if that is known.
    fn first_unprivileged_port(&self) -> Option<u32> {
        None
    }
    /// The host name of an address. May ask the network and take seconds.
    fn host(&self, address: IpAddr) -> Option<Rc<[u8]>> {
        let _ = address;
        None
    }
    /// The path of a control group below the mount of cgroup2.
    fn cgroup(&self, id: CgroupId) -> CgroupPath {
        let _ = id;
        CgroupPath::NotAsked
    }
    /// The command line of a process or thread, by its arguments; none for a zombie or a kernel thread. `None` if nobody asked, or it is
    /// gone. A process may write anything there.
    fn command(&self, pid: Pid) -> Option<Rc<[Box<[u8]>]>> {
        let _ = pid;
        None
    }
    /// The threads of a process that use the same descriptor table as its thread `table`, by id: what one of them holds, each holds.
    /// `None` if nobody asked, or it is gone.
    fn threads(&self, pid: Pid, table: Pid) -> Option<Rc<[Thread]>> {
        let _ = (pid, table);
        None
    }
    /// The name of a BPF map; empty if it has none, `None` if it cannot be told: that takes `CAP_SYS_ADMIN`.
    fn bpf_map(&self, id: u32) -> Option<Rc<[u8]>> {
        let _ = id;
        None
    }
    /// Whether SELinux is off where the sockets are, so that nothing has a context.
    fn has_no_contexts(&self) -> bool {
        false
    }
    /// The SELinux context of a process; `None` if nobody asked, or it cannot be read.
    fn context(&self, pid: Pid) -> Option<Rc<[u8]>> {
        let _ = pid;
        None
    }
    /// Whether contexts of sockets are looked up.
    fn has_socket_contexts(&self) -> bool {
        false
    }
    /// The SELinux context of a socket that is a descriptor of a process; `None` if nobody asked, or it cannot be read.
    fn socket_context(&self, pid: Pid, fd: u32) -> Option<Rc<[u8]>> {
        let _ = (pid, fd);
        None
    }
}

/// A thread of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its id.
    pub tid: Pid,
    /// The name that it bears (`comm`, at most 15 bytes), which it chooses; absent if it was gone.
    pub name: Option<Box<[u8]>>,
}

/// What is known of the place of a control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CgroupPath {
    /// Its path, `/` for the root; bytes from outside.
    Known(Rc<[u8]>),
    /// It was removed.
    Gone,
    /// It is not among those that can be seen here: cgroup2 is not mounted, or this is a cgroup namespace.
    Hidden,
    /// It is of another host, whose paths nobody told.
    Elsewhere,
    /// Nobody asked for paths.
    NotAsked,
}

/// Knows no name at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNames;

impl Names for NoNames {}
