//! Control groups, cgroups(7): the number that the kernel gives with a socket is the inode of the group's directory.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
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

/// Every group that can be seen: its id, which is the inode number of its directory, and its path below the mount, `/` for the
/// root. `None` if version 2 is not mounted. Directories that vanish meanwhile are left out.
#[must_use]
pub fn all() -> Option<Vec<(u64, Vec<u8>)>> {
    let mount = mount_point().ok()?;
    let root = fs::metadata(&mount).ok()?.ino();
    let mut groups = vec![(root, b"/".to_vec())];
    let mut waiting: Vec<PathBuf> = vec![mount.clone()];
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.path();
            if let Ok(below) = path.strip_prefix(&mount) {
                let name = [b"/", below.as_os_str().as_bytes()].concat();
                groups.push((entry.ino(), name));
            }
            waiting.push(path);
        }
    }
    Some(groups)
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
