//! A process that cannot be mistaken for a later one with the same number, pidfd_open(2).

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
use std::time::{Duration, Instant};

pub use rustix::process::{Pid, Signal};

/// One process, whatever becomes of its number.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Takes hold of the process that has this number now.
    ///
    /// # Errors
    /// As pidfd_open(2): `ESRCH` if there is none, `ENOSYS` before Linux 5.3.
    pub fn open(pid: u32) -> Result<Self, Errno> {
        let number = i32::try_from(pid).map_err(|_| Errno::SRCH)?;
        let pid = Pid::from_raw(number).ok_or(Errno::SRCH)?;
        pidfd_open(pid, PidfdFlags::empty()).map(Self)
    }

    /// Sends a signal to it, and to no other process.
    ///
    /// # Errors
    /// As pidfd_send_signal(2): `ESRCH` if it has ended, `EPERM` if the caller may not.
    pub fn signal(&self, signal: Signal) -> Result<(), Errno> {
        pidfd_send_signal(&self.0, signal)
    }

    /// Waits until it has ended, so long at most; says whether it has.
    ///
    /// # Errors
    /// As poll(2).
    pub fn ended_within(&self, limit: Duration) -> Result<bool, Errno> {
        let deadline = Instant::now().checked_add(limit);
        loop {
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
            match poll(&mut fds, left.as_ref()) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn one_process_is_told_from_all_others() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let held = PidFd::open(child.id()).unwrap();
        assert_eq!(held.ended_within(Duration::ZERO), Ok(false));
        held.signal(Signal::TERM).unwrap();
        assert_eq!(held.ended_within(Duration::from_secs(60)), Ok(true));
        child.wait().unwrap();
        assert_eq!(held.signal(Signal::TERM), Err(Errno::SRCH));
        assert!(PidFd::open(u32::MAX).is_err() && PidFd::open(0).is_err());
    }
}
