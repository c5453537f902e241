//! Numbers of /proc/PID/stat and strings of /proc/PID/cmdline, proc_pid_stat(5).

use super::pid;

/// What /proc/PID/stat tells of where a process comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The process that made it, or adopted it since; 0 for the first.
    pub parent: u32,
    /// Its session: the process that leads it, setsid(2); 0 if that is outside or gone.
    pub session: u32,
    /// Whether it has a controlling terminal, tty(4).
    pub has_terminal: bool,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
}

/// Reads the fourth, the sixth, the seventh and the 22nd field. The command name before them may hold anything, so they are counted from the last
/// closing bracket.
#[must_use]
pub fn origin(stat: &[u8]) -> Option<Origin> {
    let bracket = stat.iter().rposition(|&b| b == b')')?;
    let fields = stat.get(bracket + 1..)?.trim_ascii();
    // The third field, the state, comes first.
    let mut fields = fields.split(|&b| b == b' ').skip(1);
    let parent = pid::id(fields.next()?)?;
    // -1 for one that is just gone.
    let session = pid::id(fields.nth(1)?).unwrap_or(0);
    let has_terminal = fields.next()? != b"0";
    let start = std::str::from_utf8(fields.nth(14)?).ok()?;
    Some(Origin {
        parent,
        session,
        has_terminal,
        start_ticks: start.parse().ok()?,
    })
}

/// The arguments in /proc/PID/cmdline, each ended by a NUL. A process may write anything there; what has no NUL is one argument.
#[must_use]
pub fn arguments(cmdline: &[u8]) -> Vec<Vec<u8>> {
    let text = cmdline.strip_suffix(&[0]).unwrap_or(cmdline);
    if text.is_empty() {
        return Vec::new();
    }
    text.split(|&b| b == 0).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `cat /proc/self/stat` on Linux 6.18, with a hostile name put in.
    const STAT: &[u8] = b"1234 (x) S 1 2 3 (y) R 900 1234 900 34816 1234 4194304 104 0 0 0 0 0 0 0 20 0 1 0 \
        7654321 3133440 371 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0";

    #[test]
    fn a_name_cannot_forge_the_numbers() {
        let origin = origin(STAT).unwrap();
        assert_eq!((origin.parent, origin.start_ticks), (900, 7_654_321));
        assert_eq!((origin.session, origin.has_terminal), (900, true));
        assert_eq!(super::origin(b"1 (x) S 1 2"), None);
        assert_eq!(super::origin(b""), None);
    }

    #[test]
    fn arguments_are_split_at_their_ends() {
        assert_eq!(
            arguments(b"a\0\0b c\0"),
            [&b"a"[..], b"", b"b c"].map(<[u8]>::to_vec)
        );
        assert_eq!(arguments(b"title"), [b"title".to_vec()]);
        assert!(arguments(b"").is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (origin(&bytes), arguments(&bytes));
            let _ = origin(&[b") S ", &bytes[..]].concat());
        }
    }
}
