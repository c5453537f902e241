//! Descriptors by what /proc/PID/fdinfo tells of them, where /proc/PID/fd is not to be had.
//!
//! The directory `fd` is open to the process's user only, so that others need `CAP_DAC_READ_SEARCH` to list it; `fdinfo` is open to
//! whoever may trace the process. Each file in it names the mount and the inode, and all sockets are on one mount.

use super::walk::{Entries, Kind};
use crate::model::Inode;
use crate::sys::proc_root::Dir;
use crate::wire::pid;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, socket};
use std::os::fd::AsRawFd;

/// The mount that sockets are on, by one of this process; `None` where the kernel does not tell (before Linux 5.14).
pub(super) fn sockets_mount(proc: &Dir) -> Option<u32> {
    let own = socket(AddressFamily::UNIX, SocketType::DGRAM, None).ok()?;
    let mut text = [0; 512];
    let path = format!("thread-self/fdinfo/{}", own.as_raw_fd());
    pid::file_info(proc.read_once(path, &mut text).ok()?).map(|info| info.mount)
}

/// Calls `each` for every descriptor in `directory` that matters; returns how many descriptors there are.
pub(super) fn descriptors(
    directory: &Dir,
    sockets: u32,
    buffer: &mut Entries,
    mut each: impl FnMut(u32, Kind),
) -> Result<usize, Errno> {
    let mut count = 0;
    let mut failed = None;
    directory.entries(buffer, |name| {
        count += 1;
        let mut text = [0; 512];
        let info = match directory.read_once(name, &mut text) {
            Ok(text) => pid::file_info(text),
            // Closed meanwhile.
            Err(Errno::NOENT) => return,
            Err(error) => {
                failed = Some(error);
                return;
            }
        };
        let (Some(info), Some(fd)) = (info, pid::id(name.to_bytes())) else {
            return;
        };
        if info.is_ring {
            each(fd, Kind::Ring);
        } else if info.mount == sockets
            && let Some(inode) = Inode::new(info.inode)
        {
            each(fd, Kind::Socket(inode));
        }
    })?;
    failed.map_or(Ok(count), Err)
}
