//! What is mounted where, as far as it decides what can be found and seen.

use crate::sys;
use crate::wire::mountinfo::mounts;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

const MOUNTS: &str = "/proc/self/mountinfo";

/// The hierarchy of control groups, cgroups(7) version 2: the number that the kernel gives with a socket is the inode of the group's
/// directory.
#[derive(Clone, Debug)]
pub struct Hierarchy {
    mount_point: PathBuf,
}

impl Hierarchy {
    /// The first hierarchy that is mounted.
    ///
    /// # Errors
    /// If none is, or the mounts cannot be read.
    pub fn find() -> io::Result<Self> {
        Self::among(&fs::read(MOUNTS)?)
    }

    fn among(text: &[u8]) -> io::Result<Self> {
        mounts(text)
            .find(|mount| mount.kind == b"cgroup2")
            .map(|mount| Self {
                mount_point: OsStr::from_bytes(&mount.point).into(),
            })
            .ok_or_else(|| io::Error::other("cgroup2 is not mounted"))
    }

    /// The number of the group at a path: one that lies where the hierarchy is mounted, or one below that.
    ///
    /// # Errors
    /// If there is no such directory.
    pub fn id_of(&self, path: &Path) -> io::Result<u64> {
        let directory = if path.starts_with(&self.mount_point) {
            path.to_owned()
        } else {
            self.mount_point
                .join(path.strip_prefix("/").unwrap_or(path))
        };
        let metadata = fs::metadata(directory)?;
        if metadata.is_dir() {
            Ok(metadata.ino())
        } else {
            Err(io::Error::from(io::ErrorKind::NotADirectory))
        }
    }

    /// Every group that can be seen: its id, which is the inode number of its directory, and its path below the mount, `/` for the
    /// root. `None` if the root cannot be read. Directories that vanish meanwhile are left out.
    #[must_use]
    pub fn all(&self) -> Option<Vec<(u64, Vec<u8>)>> {
        let root = fs::metadata(&self.mount_point).ok()?.ino();
        let mut groups = vec![(root, b"/".to_vec())];
        let mut waiting = vec![self.mount_point.clone()];
        while let Some(directory) = waiting.pop() {
            let Ok(entries) = fs::read_dir(&directory) else {
                continue;
            };
            for entry in entries.flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                let path = entry.path();
                if let Ok(below) = path.strip_prefix(&self.mount_point) {
                    let name = [b"/", below.as_os_str().as_bytes()].concat();
                    groups.push((entry.ino(), name));
                }
                waiting.push(path);
            }
        }
        Some(groups)
    }
}

/// Whether the /proc mount that this process sees hides other users' processes from it: `hidepid=`, unless it is in the group of
/// `gid=`, proc(5).
pub(super) fn proc_hides_processes() -> bool {
    fs::read(MOUNTS).is_ok_and(|text| hides_processes(&text, sys::caller::is_in_group))
}

fn hides_processes(text: &[u8], is_in_group: impl Fn(u32) -> bool) -> bool {
    // The last one lies on top.
    let Some(proc) = mounts(text).rfind(|m| m.kind == b"proc" && *m.point == *b"/proc") else {
        return false;
    };
    let hides = proc
        .option("hidepid")
        .is_some_and(|value| value != b"0" && value != b"off");
    let group = proc
        .option("gid")
        .and_then(|gid| str::from_utf8(gid).ok()?.parse().ok());
    hides && !group.is_some_and(is_in_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_below_a_mount_point_with_blanks() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("a b\\c");
        fs::create_dir_all(root.join("system.slice/x.service")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        let escaped = root
            .to_str()
            .unwrap()
            .replace('\\', "\\134")
            .replace(' ', "\\040");
        let text = format!(
            "30 23 0:26 / /sys/fs/cgroup rw - cgroup cgroup rw,cpu\n\
             31 23 0:27 / {escaped} rw - cgroup2 none rw\n\
             32 23 0:28 / /elsewhere rw - cgroup2 none rw\n"
        );
        let groups = Hierarchy::among(text.as_bytes()).unwrap();
        let service = root.join("system.slice/x.service");
        for path in [
            "/system.slice/x.service",
            "system.slice/x.service",
            "//system.slice/x.service",
            service.to_str().unwrap(),
        ] {
            let id = groups.id_of(Path::new(path));
            assert_eq!(id.unwrap(), inode(&service), "{path}");
        }
        assert_eq!(groups.id_of(Path::new("/")).unwrap(), inode(&root));
        let mut all = groups.all().unwrap();
        all.sort_unstable_by(|a, b| a.1.cmp(&b.1));
        let paths: Vec<_> = all.iter().map(|(_, path)| &**path).collect();
        assert_eq!(
            paths,
            [&b"/"[..], b"/system.slice", b"/system.slice/x.service"]
        );
        assert_eq!(all[2].0, inode(&service));
        assert!(groups.id_of(Path::new("/file")).is_err());
        assert!(groups.id_of(Path::new("/nothing")).is_err());
        assert!(Hierarchy::among(b"").is_err());
    }

    #[test]
    fn the_topmost_proc_decides_what_is_hidden() {
        let hides = |options: &[&str], group: u32| {
            let lines: Vec<_> = options
                .iter()
                .map(|options| format!("23 28 0:21 / /proc rw shared:5 - proc proc {options}\n"))
                .collect();
            hides_processes(lines.concat().as_bytes(), |gid| gid == group)
        };
        assert!(hides(&["rw,hidepid=2"], 7));
        assert!(hides(&["rw", "rw,hidepid=invisible,gid=8"], 7));
        assert!(!hides(&["rw,hidepid=invisible,gid=7"], 7));
        assert!(!hides(&["rw,hidepid=2", "rw,hidepid=0"], 7));
        assert!(!hides(&["rw,hidepid=off"], 7));
        assert!(!hides(&[], 7));
    }
}
