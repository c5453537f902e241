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

#[cfg(test)]
mod tests {
    use super::*;
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

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (socket_inode(&bytes), id(&bytes), stat_state(&bytes), status_effective_uid(&bytes));
        }
    }
}
