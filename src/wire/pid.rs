//! Files of one process under /proc/PID, proc_pid(5).

/// The inode in the target of a descriptor link, if it is a socket's: `socket:[411]`.
#[must_use]
#[inline]
pub fn socket_inode(target: &[u8]) -> Option<u64> {
    let digits = target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, b| {
        let digit = b.checked_sub(b'0').filter(|d| *d < 10)?;
        value.checked_mul(10)?.checked_add(digit.into())
    })
}

/// The number that a directory entry of /proc or /proc/PID/task is, if it is one.
#[must_use]
pub fn id(name: &[u8]) -> Option<u32> {
    if name.is_empty() || name.first() == Some(&b'0') && name.len() > 1 {
        return None;
    }
    name.iter().try_fold(0u32, |value, b| {
        let digit = b.checked_sub(b'0').filter(|d| *d < 10)?;
        value.checked_mul(10)?.checked_add(digit.into())
    })
}

/// The state letter in /proc/PID/stat, such as `S` or `Z`.
///
/// The command name before it may contain anything, brackets included, so the last closing bracket counts.
#[must_use]
pub fn stat_state(stat: &[u8]) -> Option<u8> {
    let bracket = stat.iter().rposition(|&b| b == b')')?;
    stat.get(bracket + 2).copied()
}

/// The command name in /proc/PID/stat, raw: at most 15 bytes that the process chose.
#[must_use]
pub fn stat_name(stat: &[u8]) -> Option<&[u8]> {
    let start = stat.iter().position(|&b| b == b'(')? + 1;
    let end = stat.iter().rposition(|&b| b == b')')?;
    stat.get(start..end)
}

/// Whether /proc/PID/stat is of a thread of the kernel's: flag `PF_KTHREAD` (0x200000) of `include/linux/sched.h`.
#[must_use]
pub fn is_kernel_thread(stat: &[u8]) -> bool {
    let bracket = stat.iter().rposition(|&b| b == b')');
    let fields = bracket
        .and_then(|at| stat.get(at + 1..))
        .unwrap_or_default();
    // Behind the name: state, ppid, pgrp, session, tty_nr, tpgid, flags.
    let mut words = fields
        .split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty());
    let flags = words.nth(6).and_then(|word| std::str::from_utf8(word).ok());
    flags
        .and_then(|word| word.parse::<u32>().ok())
        .is_some_and(|flags| flags & 0x20_0000 != 0)
}

/// The command name in /proc/PID/status, its first line: at most 15 bytes that the process chose.
///
/// The kernel writes a newline and a backslash in it as `\\n` and `\\\\`, everything else as it is (`proc_task_name` of `fs/proc/array.c`).
#[must_use]
pub fn status_name(status: &[u8]) -> Option<Vec<u8>> {
    let line = status.strip_prefix(b"Name:\t")?;
    let end = line.iter().position(|&b| b == b'\n')?;
    let (line, _) = line.split_at(end);
    let mut name = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                escaped => escaped,
            },
            _ => byte,
        });
    }
    Some(name)
}

/// The effective user in /proc/PID/status: the second number of the line `Uid:`.
///
/// The kernel escapes newlines in the name above it, so no name can forge this line.
#[must_use]
pub fn status_effective_uid(status: &[u8]) -> Option<u32> {
    let line = status
        .split(|&b| b == b'\n')
        .find_map(|line| line.strip_prefix(b"Uid:"))?;
    let word = line
        .split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty())
        .nth(1)?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// What /proc/PID/fdinfo/FD tells of the file behind a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// The mount it is on: all sockets are on one that nothing else is on.
    pub mount: u32,
    /// Its inode number.
    pub inode: u64,
    /// Whether it is an io_uring.
    pub is_ring: bool,
}

/// Reads the lines that every file has, `mnt_id:` and (since Linux 5.14) `ino:`, and what follows them. They come first, so no file
/// system can forge them.
#[must_use]
pub fn file_info(fdinfo: &[u8]) -> Option<FileInfo> {
    let mut lines = fdinfo.split(|&b| b == b'\n');
    let mut value = |key: &[u8]| {
        let line = lines.next()?.strip_prefix(key)?.strip_prefix(b":")?;
        std::str::from_utf8(line.trim_ascii()).ok()
    };
    let (_, _) = (value(b"pos")?, value(b"flags")?);
    let (mount, inode) = (value(b"mnt_id")?, value(b"ino")?);
    Some(FileInfo {
        mount: mount.parse().ok()?,
        inode: inode.parse().ok()?,
        // Locks, which files of other kinds may have, stand before what is theirs alone.
        is_ring: lines
            .next()
            .is_some_and(|line| line.starts_with(b"SqMask:")),
    })
}

/// How many descriptors are under way in the queue of a unix socket, by its /proc/PID/fdinfo/FD: the line `scm_fds:`, which Linux 5.6
/// and later have and other sockets lack. A listener counts its waiting connections' too (Linux 6.1).
#[must_use]
pub fn descriptors_in_queue(fdinfo: &[u8]) -> Option<u32> {
    let word = fdinfo
        .split(|&b| b == b'\n')
        .find_map(|line| line.strip_prefix(b"scm_fds:"))?;
    id(word.trim_ascii())
}

/// The release of Linux that first lists a ring's files by path. Before, a file could have a name that forges lines of the list.
pub const RINGS_SHOWN_SINCE: (u32, u32) = (6, 14);

/// The sockets registered with an io_uring, as (slot, inode), by its /proc/PID/fdinfo/FD since [`RINGS_SHOWN_SINCE`].
///
/// `None` if the list is not there: a ring that is busy leaves it out.
#[must_use]
pub fn registered_sockets(fdinfo: &[u8]) -> Option<Vec<(u32, u64)>> {
    let mut lines = fdinfo.split(|&b| b == b'\n');
    lines.find(|line| line.starts_with(b"UserFiles:"))?;
    let socket = |line: &[u8]| {
        // `    0: socket:[411]`; the next heading has no number before its colon.
        let (number, file) = line.split_at(line.iter().position(|&b| b == b':')?);
        let slot = id(number.trim_ascii())?;
        Some((slot, file.strip_prefix(b": ").and_then(socket_inode)))
    };
    let files = lines.map_while(socket);
    Some(
        files
            .filter_map(|(slot, inode)| Some((slot, inode?)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_flags_of_stat_survive_brackets() {
        let stat = b"7 (a) b (c) S 2 0 0 0 -1 2129984 0 0";
        assert_eq!(stat_name(stat), Some(&b"a) b (c"[..]));
        assert!(is_kernel_thread(stat));
        assert!(!is_kernel_thread(b"7 (x) S 1 7 7 0 -1 4194560 0"));
        assert!(!is_kernel_thread(b"7 (x"));
        assert_eq!(stat_name(b"7 )("), None);
    }
    use proptest::prelude::*;

    #[test]
    fn only_socket_links_have_inodes() {
        assert_eq!(socket_inode(b"socket:[411]"), Some(411));
        assert_eq!(
            socket_inode(b"socket:[18446744073709551615]"),
            Some(u64::MAX)
        );
        for other in [
            &b"pipe:[411]"[..],
            b"socket:[]",
            b"socket:[4",
            b"socket:[4x]",
            b"socket:[18446744073709551616]",
            b"/tmp/socket:[4]",
        ] {
            assert_eq!(socket_inode(other), None);
        }
    }

    #[test]
    fn ids_are_plain_numbers() {
        assert_eq!(id(b"1"), Some(1));
        for other in [&b"self"[..], b"", b"01", b"4294967296", b"-1"] {
            assert_eq!(id(other), None);
        }
    }

    #[test]
    fn a_name_cannot_forge_the_state() {
        assert_eq!(stat_state(b"12 (x) S 1 (y) Z 1 12"), Some(b'Z'));
        assert_eq!(stat_state(b"12 (cat) R 1"), Some(b'R'));
        assert_eq!(stat_state(b"12 (cat)"), None);
        assert_eq!(stat_state(b""), None);
    }

    #[test]
    fn the_effective_user_is_the_second_number() {
        let status = b"Name:\tx\nUmask:\t0022\nUid:\t1000\t33\t0\t0\nGid:\t0\t0\t0\t0\n";
        assert_eq!(status_effective_uid(status), Some(33));
        assert_eq!(status_effective_uid(b"Uid:\t1\n"), None);
    }

    #[test]
    fn files_are_told_by_their_mount() {
        let socket = b"pos:\t0\nflags:\t02000002\nmnt_id:\t10\nino:\t89152029\n";
        let info = file_info(socket).unwrap();
        assert_eq!(
            (info.mount, info.inode, info.is_ring),
            (10, 89_152_029, false)
        );
        let ring = b"pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t7\nSqMask:\t0x3\nSqHead:\t0\n";
        assert!(file_info(ring).unwrap().is_ring);
        for other in [
            &b""[..],
            // Before Linux 5.14.
            b"pos:\t0\nflags:\t02\nmnt_id:\t10\n",
            b"pos:\t0\nflags:\t02\nmnt_id:\tx\nino:\t1\n",
            b"mnt_id:\t10\nino:\t1\n",
            b"pos:\t0\nflags:\t02\nmnt_id:\t10\nino:\t99999999999999999999\n",
        ] {
            assert_eq!(file_info(other), None);
        }
    }

    #[test]
    fn descriptors_under_way_are_counted() {
        let fdinfo = b"pos:\t0\nflags:\t02\nmnt_id:\t10\nino:\t437\nscm_fds: 12\n";
        assert_eq!(descriptors_in_queue(fdinfo), Some(12));
        assert_eq!(descriptors_in_queue(b"pos:\t0\nino:\t437\n"), None);
        assert_eq!(descriptors_in_queue(b"scm_fds: many\n"), None);
    }

    #[test]
    fn registered_files_that_are_sockets_are_found() {
        let fdinfo = b"pos:\t0\nSQEs:\t0\nUserFiles:\t5\n    0: socket:[43]\n    1: <none>\n\
            \x20   2: /tmp/socket:[44]\n   10: socket:[45]\n   11: anon_inode:[eventfd]\nUserBufs:\t0\n    3: socket:[46]\n";
        assert_eq!(registered_sockets(fdinfo), Some(vec![(0, 43), (10, 45)]));
        for none in [&b"UserFiles:\t0\n"[..], b"UserFiles:\t64\nUserBufs:\t0\n"] {
            assert_eq!(registered_sockets(none), Some(vec![]));
        }
        assert_eq!(registered_sockets(b"SqMask:\t0x3\n"), None, "a busy ring");
    }

    #[test]
    fn a_name_comes_out_as_it_was_chosen() {
        for (line, name) in [
            (&b"Name:\tcat\nUmask:\t0022\n"[..], Some(&b"cat"[..])),
            (b"Name:\ta\\nUid:\\\\\xff\x1b\n", Some(b"a\nUid:\\\xff\x1b")),
            (b"Name:\t\nUmask", Some(b"")),
            (b"Name:\tcut", None),
            (b"Name:\tcut\\\n", None),
            (b"", None),
        ] {
            assert_eq!(status_name(line).as_deref(), name);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (socket_inode(&bytes), id(&bytes), stat_state(&bytes), status_effective_uid(&bytes));
            let _ = (file_info(&bytes), status_name(&bytes), descriptors_in_queue(&bytes), registered_sockets(&bytes));
            let list = [b"UserFiles:\t1\n", &bytes[..]].concat();
            let _ = registered_sockets(&list);
        }
    }
}
