//! Which namespaces this process is in, namespaces(7).

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

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
    fs::read_dir("/run/netns")
        .ok()?
        .flatten()
        .find_map(|entry| {
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

/// Whether this process may look at every process that it can name: `CAP_SYS_PTRACE`, and not just over the processes of a user namespace.
#[must_use]
pub fn may_trace_all() -> bool {
    use rustix::thread::CapabilitySet;
    is_initial_user_namespace()
        && rustix::thread::capabilities(None)
            .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_PTRACE))
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
