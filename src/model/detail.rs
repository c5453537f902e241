//! More about a process than its name: what a person needs to decide whether it may be stopped.

use super::{Pid, Socket};
use std::time::SystemTime;

/// What runs a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Engine {
    Docker,
    Podman,
    Kubernetes,
    Lxc,
    /// systemd-machined: nspawn, libvirt.
    Machine,
    /// Its control group looks like a container's, and does not tell whose.
    Unknown,
}

impl Engine {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Kubernetes => "kubernetes",
            Self::Lxc => "lxc",
            Self::Machine => "machine",
            Self::Unknown => "unknown",
        }
    }
}

/// Where a process belongs, as far as the path of its control group tells, cgroups(7).
///
/// Whoever may make control groups chooses these names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The path in the hierarchy.
    pub path: Vec<u8>,
    /// The systemd unit, such as `nginx.service`.
    pub unit: Option<Vec<u8>>,
    /// Whether the unit is one of a user's own service manager (`systemctl --user`).
    pub user_unit: bool,
    /// The container and its engine; the id or name as the path has it.
    pub container: Option<(Engine, Vec<u8>)>,
}

/// A process that started another one, by now or once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its id.
    pub pid: Pid,
    /// Its command name, absent if it was gone.
    pub name: Option<Vec<u8>>,
    /// Whether it looks like a shell that a person sits at: it has a terminal, and leads its session or was given no arguments.
    pub is_interactive: bool,
}

/// More about one process. What could not be read is absent. All bytes are the process's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessDetail {
    /// Its id.
    pub pid: Pid,
    /// Its arguments, the program first; empty for a zombie or a kernel thread.
    pub command: Option<Vec<Vec<u8>>>,
    /// When it started.
    pub started_at: Option<SystemTime>,
    /// Where it belongs.
    pub place: Option<Place>,
    /// Its parent.
    pub parent: Option<Parent>,
}

/// A socket of another network namespace that waits for strangers, as /proc/PID/net of a process there tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherListener {
    /// A process in that namespace; it need not be the one that holds the socket.
    pub pid: Pid,
    /// Its command name, absent if it was gone.
    pub name: Option<Box<[u8]>>,
    /// The socket.
    pub socket: Socket,
}

/// What is at a path that a unix socket may be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// Nothing.
    Missing,
    /// The file of a socket that is open.
    LiveSocket,
    /// The file of a socket that is gone: nothing answers there, unix(7).
    StaleSocket,
    /// The file of a socket of which nobody can tell whether it is open.
    Socket,
    /// A directory.
    Directory,
    /// Another kind of file.
    Other,
    /// It cannot be looked at, with an error number.
    Unreadable(i32),
}

/// What is known of a path for a unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathFacts {
    /// What is there.
    pub kind: PathKind,
    /// The inodes of the sockets that are bound to that file, which a path alone does not tell: files can be moved and replaced.
    /// `None` if the kernel does not tell.
    pub sockets: Option<Vec<super::Inode>>,
    /// Why a socket cannot be bound there even if there is nothing: the error number, for this user.
    pub directory: Option<i32>,
}
