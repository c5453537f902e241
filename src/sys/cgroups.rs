//! Control groups, cgroups(7): the number that the kernel gives with a socket is the inode of the group's directory.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The number of the group at a path: one that lies where the hierarchy is mounted, or one below that.
///
/// # Errors
/// If there is no such directory, or cgroup2 is not mounted.
pub fn id_of(path: &str) -> io::Result<u64> {
    let root = mount_point()?;
    let given = Path::new(path);
    let directory = if given.starts_with(&root) {
        given.to_owned()
    } else {
        root.join(path.trim_start_matches('/'))
    };
    let metadata = fs::metadata(directory)?;
    if metadata.is_dir() {
        Ok(metadata.ino())
    } else {
        Err(io::Error::from(io::ErrorKind::NotADirectory))
    }
}

/// Where the first hierarchy of version 2 is mounted, proc_pid_mountinfo(5).
fn mount_point() -> io::Result<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo")?;
    let mounted = text.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let found = kind.split(' ').next() == Some("cgroup2");
        found.then(|| place.split(' ').nth(4)).flatten()
    });
    mounted
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other("cgroup2 is not mounted"))
}
