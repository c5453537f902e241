//! A process that is about to be ended, held so that no other can take its place.
//!
//! A number may be used again as soon as its process is gone. So a pidfd is opened first; what is read under the number after that is
//! of the same process, or the pidfd's process has ended and a signal to it reaches nobody.

use super::owners;
use crate::model::{Inode, Pid};
use crate::sys::pidfd::{PidFd, Signal};
use crate::sys::proc_root::Dir;
use crate::wire::pid_stat;
use rustc_hash::FxHashSet;
use rustix::io::Errno;
use std::path::Path;
use std::time::Duration;

/// A process under a pidfd.
#[derive(Debug)]
pub struct Pinned {
    pid: Pid,
    process: PidFd,
    start_ticks: u64,
}

/// Why a process cannot be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It has ended by itself.
    Gone,
    /// The caller may not, kill(2).
    Permission,
    /// Something else, with its error number.
    Error(i32),
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::SRCH | Errno::NOENT => Self::Gone,
            Errno::PERM | Errno::ACCESS => Self::Permission,
            other => Self::Error(other.raw_os_error()),
        }
    }
}

impl Pinned {
    /// Takes hold of a process.
    ///
    /// # Errors
    /// If there is none with this number, or this kernel has no pidfds.
    pub fn new(pid: Pid) -> Result<Self, Refused> {
        let process = PidFd::open(pid.0)?;
        let start_ticks = start_ticks(pid).ok_or(Refused::Gone)?;
        Ok(Self {
            pid,
            process,
            start_ticks,
        })
    }

    /// Its number.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// Those of `sockets` that it holds now; empty too if it has ended and its number is another process's.
    #[must_use]
    pub fn holds(&self, sockets: &FxHashSet<Inode>) -> FxHashSet<Inode> {
        let held = owners::held_by(self.pid, sockets);
        let is_same = start_ticks(self.pid) == Some(self.start_ticks)
            && self.process.ended_within(Duration::ZERO) == Ok(false);
        if is_same { held } else { FxHashSet::default() }
    }

    /// Asks it to end (`SIGTERM`), or makes it (`SIGKILL`).
    ///
    /// # Errors
    /// If it has ended, or the caller may not.
    pub fn end(&self, by_force: bool) -> Result<(), Refused> {
        let signal = if by_force { Signal::KILL } else { Signal::TERM };
        Ok(self.process.signal(signal)?)
    }

    /// Waits until it has ended, so long at most; says whether it has.
    #[must_use]
    pub fn ended_within(&self, limit: Duration) -> bool {
        self.process.ended_within(limit) == Ok(true)
    }
}

/// When the process with this number started, in clock ticks since boot: two with one number differ in it.
fn start_ticks(pid: Pid) -> Option<u64> {
    let proc = Dir::open(Path::new("/proc")).ok()?;
    let stat = proc.read(format!("{}/stat", pid.0), 4096).ok()?;
    pid_stat::origin(&stat).map(|origin| origin.start_ticks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::fd::AsFd;

    #[test]
    fn what_a_process_holds_is_read_again() {
        let this = Pinned::new(Pid(std::process::id())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = rustix::fs::fstat(listener.as_fd()).unwrap().st_ino;
        let wanted = FxHashSet::from_iter([Inode::new(inode).unwrap(), Inode::new(1).unwrap()]);
        let held = this.holds(&wanted);
        assert_eq!(held, FxHashSet::from_iter([Inode::new(inode).unwrap()]));
        drop(listener);
        assert!(this.holds(&wanted).is_empty());
        assert!(!this.ended_within(Duration::ZERO));
        assert_eq!(Pinned::new(Pid(u32::MAX)).unwrap_err(), Refused::Gone);
    }
}
