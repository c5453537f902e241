//! Which namespaces this process is in, namespaces(7).

use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where `ip netns` keeps the namespaces it has named.
const NAMED: &str = "/run/netns";

/// Why a network namespace cannot be entered.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// No such name, process or file.
    #[error("there is no {}network namespace '{what}'", or_process(.what))]
    Missing {
        /// What was asked for.
        what: String,
        /// Names that there are.
        names: Vec<String>,
    },
    /// The file cannot be opened for lack of rights: of a process, only those who may trace it may.
    #[error("no permission to open {}", .0.display())]
    Hidden(PathBuf),
    /// The namespace cannot be entered for lack of rights.
    #[error("no permission to enter the network namespace of {}", .0.display())]
    Refused(PathBuf),
    /// It is a file of another kind.
    #[error("{} is not a network namespace", .0.display())]
    NotOne(PathBuf),
    /// Anything else.
    #[error("cannot enter the network namespace of {}: {}", .path.display(), words(.source))]
    Other {
        /// Its file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

/// What else a number might have been.
fn or_process(what: &str) -> &'static str {
    if what.bytes().all(|b| b.is_ascii_digit()) {
        "process and no "
    } else {
        ""
    }
}

fn words(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(
        || error.to_string(),
        |errno| nix::errno::Errno::from_raw(errno).desc().to_owned(),
    )
}

/// Moves the calling thread, and all that it starts from now on, into a network namespace: one that `ip netns` has named, that of a
/// process by its id, or that of a file by its path, which has a slash in it. A name is looked for before a process.
///
/// What the thread then reads of /proc/thread-self/net and /proc/sys/net is of that namespace; users and processes stay as they are.
///
/// # Errors
/// If there is no such namespace, or this process may not enter it: setns(2) needs `CAP_SYS_ADMIN` over it.
pub fn enter_network(what: &OsStr) -> Result<(), EnterError> {
    let path = network_file(what);
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => EnterError::Missing {
            what: what.to_string_lossy().into_owned(),
            names: network_names(),
        },
        io::ErrorKind::PermissionDenied => EnterError::Hidden(path.clone()),
        _ => EnterError::Other {
            path: path.clone(),
            source,
        },
    };
    // Without waiting for a writer, if it is a pipe.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = File::options();
    let open = options.read(true).custom_flags(nonblocking).open(&path);
    let file = open.map_err(failed)?;
    match move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL) => Err(EnterError::NotOne(path)),
        Err(Errno::PERM) => Err(EnterError::Refused(path)),
        Err(errno) => Err(failed(errno.into())),
    }
}

fn network_file(what: &OsStr) -> PathBuf {
    let bytes = what.as_bytes();
    if bytes.contains(&b'/') {
        return what.into();
    }
    let named = Path::new(NAMED).join(what);
    let is_pid = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    if is_pid && !named.exists() {
        return Path::new("/proc").join(what).join("ns/net");
    }
    named
}

/// The names that `ip netns` gave, in order.
fn network_names() -> Vec<String> {
    let entries = fs::read_dir(NAMED).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names
}

/// The inode number of the calling thread's network namespace.
#[must_use]
pub fn network_inode() -> Option<u64> {
    fs::metadata("/proc/thread-self/ns/net")
        .ok()
        .map(|m| m.ino())
}

/// The name that `ip netns` gave the namespace with this inode.
#[must_use]
pub fn network_name(inode: u64) -> Option<Vec<u8>> {
    let device = fs::metadata("/proc/thread-self/ns/net").ok()?.dev();
    fs::read_dir(NAMED).ok()?.flatten().find_map(|entry| {
        let metadata = fs::metadata(entry.path()).ok()?;
        (metadata.ino() == inode && metadata.dev() == device)
            .then(|| entry.file_name().as_bytes().to_vec())
    })
}

/// Inode of the first user namespace, `PROC_USER_INIT_INO` of `include/linux/proc_ns.h`.
const INITIAL_USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// Inode of the first PID namespace, `PROC_PID_INIT_INO` of `include/linux/proc_ns.h`.
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Whether there are processes outside the PID namespace of this one, which its /proc does not list.
#[must_use]
pub fn is_nested_pid_namespace() -> bool {
    fs::metadata("/proc/self/ns/pid").is_ok_and(|m| m.ino() != INITIAL_PID_NAMESPACE)
}

/// Whether this process is in the first user namespace, user_namespaces(7).
#[must_use]
pub fn is_initial_user_namespace() -> bool {
    fs::metadata("/proc/self/ns/user").is_ok_and(|m| m.ino() == INITIAL_USER_NAMESPACE)
}

/// Whether the numbers of processes in /proc are those of this process's own PID namespace, which is what system calls take.
#[must_use]
pub fn proc_shows_own_pids() -> bool {
    fs::read_link("/proc/self")
        .is_ok_and(|target| target.as_os_str() == std::process::id().to_string().as_str())
}

/// Whether the effective user is root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
