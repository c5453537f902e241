//! The processes that there are, by name: for menus, which nobody waits for.

use crate::sys::proc_root::{Dir, ENTRIES_LEN};
use crate::wire::pid;
use std::mem::MaybeUninit;
use std::path::Path;
use std::time::{Duration, Instant};

/// Programs with their names, in the order of /proc, as many as `patience` allows to look at. The kernel's own threads, which hold no sockets
/// that a process could, are left out, and so are processes that end meanwhile.
#[must_use]
pub fn processes(patience: Duration) -> Vec<(u32, Vec<u8>)> {
    let started = Instant::now();
    let mut ids = Vec::new();
    let mut buffer = vec![MaybeUninit::uninit(); ENTRIES_LEN];
    let Ok(proc) = Dir::open(Path::new("/proc")) else {
        return Vec::new();
    };
    // What was read before an error is worth offering.
    let _ = proc.entries(&mut buffer, |name| ids.extend(pid::id(name.to_bytes())));
    ids.into_iter()
        .take_while(|_| started.elapsed() < patience)
        .filter_map(|id| {
            let stat = proc.read(format!("{id}/stat"), 4096).ok()?;
            let name = pid::stat_name(&stat).filter(|_| !pid::is_kernel_thread(&stat))?;
            Some((id, name.to_vec()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_one_is_among_them() {
        let own = std::process::id();
        let found = processes(Duration::from_secs(60));
        let (_, name) = found.iter().find(|(id, _)| *id == own).expect("itself");
        let comm = std::fs::read("/proc/self/comm").unwrap();
        assert_eq!(*name, comm.trim_ascii_end());
    }

    #[test]
    fn no_patience_looks_at_none() {
        assert_eq!(processes(Duration::ZERO), []);
    }
}
