//! Whether two threads share one descriptor table, kcmp(2).

use nix::libc;
use rustix::io::Errno;
use std::cmp::Ordering;

/// `enum kcmp_type` of `linux/kcmp.h`.
const KCMP_FILES: libc::c_long = 2;

/// Compares the descriptor tables of two threads: equal if it is one table, otherwise by an order that means nothing but is the same
/// until the next boot.
///
/// # Errors
/// As kcmp(2): `EPERM` where one of them may not be looked at or a sandbox forbids the call, `ENOSYS` where the kernel lacks it,
/// `ESRCH` if one has ended.
pub fn descriptor_tables(one: u32, other: u32) -> Result<Ordering, Errno> {
    let id = |thread: u32| libc::pid_t::try_from(thread).map_err(|_| Errno::SRCH);
    let (one, other) = (libc::c_long::from(id(one)?), libc::c_long::from(id(other)?));
    let unused: libc::c_long = 0;
    // SAFETY: kcmp takes numbers only, reads no memory of this process and changes nothing.
    #[allow(unsafe_code, reason = "no crate in use offers this call")]
    let answer = unsafe { libc::syscall(libc::SYS_kcmp, one, other, KCMP_FILES, unused, unused) };
    match answer {
        0 => Ok(Ordering::Equal),
        1 => Ok(Ordering::Less),
        2 => Ok(Ordering::Greater),
        // The kernel has no order for such objects; it always has one for tables.
        3 => Err(Errno::OPNOTSUPP),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}

/// Whether the kernel has this call and this process may use it.
#[must_use]
pub fn works() -> bool {
    let this = rustix::thread::gettid().as_raw_pid().cast_unsigned();
    descriptor_tables(this, this) == Ok(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_one_process_share_their_table() {
        let thread = || rustix::thread::gettid().as_raw_pid().cast_unsigned();
        let main = thread();
        let (other, answer) =
            std::thread::spawn(move || (thread(), descriptor_tables(main, thread())))
                .join()
                .unwrap();
        assert_ne!(main, other);
        assert_eq!(answer, Ok(Ordering::Equal));
    }

    #[test]
    fn other_processes_have_their_own() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let answer = descriptor_tables(std::process::id(), child.id());
        let mirrored = descriptor_tables(child.id(), std::process::id());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_ne!(answer.unwrap(), Ordering::Equal);
        assert_eq!(answer.map(Ordering::reverse), mirrored);
        assert!(descriptor_tables(std::process::id(), u32::MAX).is_err());
    }
}
