//! Facts of one process, from /proc.

use std::fs;
use std::io::Read;
use std::path::Path;

/// More of a command line than this is not read.
const COMMAND_LEN: u64 = 64 * 1024;

/// Its command line as /proc has it, each argument with a NUL behind it; `None` if it is gone.
#[must_use]
pub fn command(pid: u32) -> Option<Vec<u8>> {
    let file = fs::File::open(format!("/proc/{pid}/cmdline")).ok()?;
    let mut text = Vec::new();
    file.take(COMMAND_LEN).read_to_end(&mut text).ok()?;
    Some(text)
}

/// The ids of its threads, ascending; `None` if it is gone.
#[must_use]
pub fn threads(pid: u32) -> Option<Vec<u32>> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut threads: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    threads.sort_unstable();
    Some(threads)
}

/// The name that the thread `tid` of a process bears (`comm`), which is any bytes; `None` if it is gone.
#[must_use]
pub fn thread_name(pid: u32, tid: u32) -> Option<Vec<u8>> {
    let mut name = fs::read(format!("/proc/{pid}/task/{tid}/comm")).ok()?;
    // The kernel's own newline; one in the name stays.
    name.pop_if(|last| *last == b'\n');
    Some(name)
}

/// Whether SELinux is on; other security modules use the same files for labels of their own.
#[must_use]
pub fn selinux_is_on() -> bool {
    Path::new("/sys/fs/selinux/enforce").exists()
}

/// Its SELinux context, without the NUL behind it; `None` if it is gone or cannot be read.
#[must_use]
pub fn security_context(pid: u32) -> Option<Vec<u8>> {
    trimmed(fs::read(format!("/proc/{pid}/attr/current")).ok()?)
}

/// The SELinux context of the socket that is the descriptor `fd` of a process, as getfilecon(3) reads it; `None` if it is gone or cannot
/// be read.
#[must_use]
pub fn socket_context(pid: u32, fd: u32) -> Option<Vec<u8>> {
    // Contexts with many categories are long; a page is the most that the kernel writes.
    let mut buffer = vec![0; 4096];
    let path = format!("/proc/{pid}/fd/{fd}");
    let length = rustix::fs::getxattr(path, "security.selinux", &mut buffer[..]).ok()?;
    buffer.truncate(length);
    trimmed(buffer)
}

fn trimmed(mut context: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(0 | b'\n') = context.last() {
        context.pop();
    }
    (!context.is_empty()).then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::XattrFlags;
    use std::os::fd::AsRawFd;

    /// Any file can be labelled where SELinux is off, which is where nothing else has labels.
    #[test]
    #[ignore = "needs root, and SELinux off"]
    fn contexts_are_read_through_descriptors() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let this = std::process::id();
        let fd = u32::try_from(file.as_file().as_raw_fd()).unwrap();
        assert_eq!(socket_context(this, fd), None);
        let label = b"system_u:object_r:httpd_t:s0\0";
        rustix::fs::setxattr(file.path(), "security.selinux", label, XattrFlags::empty()).unwrap();
        assert_eq!(
            socket_context(this, fd).as_deref(),
            Some(&b"system_u:object_r:httpd_t:s0"[..])
        );
        assert_eq!(socket_context(this, u32::MAX), None);
    }
}
