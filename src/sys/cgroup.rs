//! The tree of control groups, cgroups(7): version 2 only, which is the one that sockets belong to.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Where systemd mounts it, alone or beside version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// `CGROUP2_SUPER_MAGIC` of `linux/magic.h`.
const CGROUP2_SUPER_MAGIC: i64 = 0x6367_7270;

/// Every group that can be seen: its id, which is the inode number of its directory, and its path below the mount, `/` for the
/// root. `None` if version 2 is not mounted. Directories that vanish meanwhile are left out.
#[must_use]
pub fn all() -> Option<Vec<(u64, Vec<u8>)>> {
    let mount = MOUNTS
        .into_iter()
        .map(Path::new)
        .find(|path| is_cgroup2(path))?;
    let root = fs::metadata(mount).ok()?.ino();
    let mut groups = vec![(root, b"/".to_vec())];
    let mut waiting: Vec<PathBuf> = vec![mount.to_owned()];
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.path();
            if let Ok(below) = path.strip_prefix(mount) {
                let name = [b"/", below.as_os_str().as_bytes()].concat();
                groups.push((entry.ino(), name));
            }
            waiting.push(path);
        }
    }
    Some(groups)
}

fn is_cgroup2(path: &Path) -> bool {
    // The type of the number differs between architectures.
    #[allow(clippy::useless_conversion, reason = "it is another type elsewhere")]
    rustix::fs::statfs(path).is_ok_and(|stat| i64::from(stat.f_type) == CGROUP2_SUPER_MAGIC)
}
