//! /proc/PID/mountinfo, proc_pid_mountinfo(5).
//!
//! ```text
//!  36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//!  id parent device root mount-point options tags… - type source super-options
//! ```
//!
//! The kernel writes a blank, a tab, a newline, a backslash and `#` as a backslash and three octal digits, `mangle()` of
//! `fs/proc_namespace.c`.

use std::borrow::Cow;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// Where it is mounted, as this process sees it.
    pub point: Cow<'a, [u8]>,
    /// The type of file system.
    pub kind: &'a [u8],
    /// The options of the file system, separated by commas.
    pub options: &'a [u8],
}

/// The mounts, in their order. Lines that make no sense are left out.
pub fn mounts(text: &[u8]) -> impl DoubleEndedIterator<Item = Mount<'_>> {
    text.split(|&b| b == b'\n').filter_map(mount)
}

fn mount(line: &[u8]) -> Option<Mount<'_>> {
    let mut words = line.split(|&b| b == b' ');
    let point = words.nth(4)?;
    // Any number of tags, ended by a hyphen.
    let kind = words.skip_while(|word| *word != b"-").nth(1)?;
    let options = line.rsplit(|&b| b == b' ').next()?;
    Some(Mount {
        point: decoded(point),
        kind,
        options,
    })
}

impl<'a> Mount<'a> {
    /// The value of the option `name`; empty if it has none.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&'a [u8]> {
        self.options.split(|&b| b == b',').find_map(|option| {
            match option.strip_prefix(name.as_bytes())? {
                [] => Some(&[][..]),
                [b'=', value @ ..] => Some(value),
                _ => None,
            }
        })
    }
}

/// A word with the characters that its escapes stand for. A backslash that begins no escape stays one.
fn decoded(word: &[u8]) -> Cow<'_, [u8]> {
    if !word.contains(&b'\\') {
        return Cow::Borrowed(word);
    }
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, after @ ..] = rest {
        let octal = |digit: &u8| digit.checked_sub(b'0').filter(|d| *d < 8);
        let escape = match after {
            [a, b, c, ..] if *first == b'\\' => octal(a)
                .filter(|a| *a < 4)
                .zip(octal(b))
                .zip(octal(c))
                .map(|((a, b), c)| a << 6 | b << 3 | c),
            _ => None,
        };
        bytes.push(escape.unwrap_or(*first));
        rest = match escape {
            Some(_) => after.get(3..).unwrap_or_default(),
            None => after,
        };
    }
    Cow::Owned(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &[u8] = b"\
23 28 0:21 / /proc rw,nosuid shared:5 - proc proc rw,hidepid=invisible,gid=7
30 23 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
36 35 98:0 /mnt1 /mnt\\0402/\\134x\\011\xff rw,noatime master:1 propagate_from:2 - cgroup2 none rw,nsdelegate
x
37 35 98:0 / /cut rw
";

    #[test]
    fn mounts_are_read() {
        let all: Vec<_> = mounts(TEXT).collect();
        let kinds: Vec<_> = all.iter().map(|m| m.kind).collect();
        assert_eq!(kinds, [&b"proc"[..], b"tmpfs", b"cgroup2"]);
        assert_eq!(all[0].point, &b"/proc"[..]);
        assert_eq!(all[0].option("hidepid"), Some(&b"invisible"[..]));
        assert_eq!(all[0].option("gid"), Some(&b"7"[..]));
        assert_eq!(all[0].option("rw"), Some(&b""[..]));
        assert_eq!(all[0].option("hide"), None);
        assert_eq!(all[2].point, &b"/mnt 2/\\x\t\xff"[..]);
    }

    #[test]
    fn a_backslash_that_is_no_escape_stays() {
        for text in [&b"\\"[..], b"a\\04", b"\\08x", b"\\777"] {
            assert_eq!(decoded(text), text);
        }
    }

    proptest! {
        #[test]
        fn what_the_kernel_escapes_comes_back(name in proptest::collection::vec(1u8.., 1..30)) {
            let mangled: Vec<u8> = name.iter().flat_map(|&b| match b {
                b' ' | b'\t' | b'\n' | b'\\' | b'#' => format!("\\{b:03o}").into_bytes(),
                _ => vec![b],
            }).collect();
            prop_assert_eq!(decoded(&mangled), name);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(prop_oneof![Just(b' '), Just(b'\\'), Just(b'-'), Just(b'\n'), any::<u8>()], 0..80)) {
            for mount in mounts(&bytes) {
                let _ = mount.option("x");
            }
        }
    }
}
