//! The one function through which every string passes that portctl did not make itself.
//!
//! Command names, unix names, interface, user, host and service names, paths, arguments and the words of errors are chosen by
//! others, who may want to move the cursor, set the window's title, forge a row or hide a character. What comes out is
//! printable, on one line, and can be turned back: control characters and invalid UTF-8 become `\xNN`, invisible and
//! direction-changing characters `\u{…}`, and a backslash `\x5c`.

use std::io::Write;

/// Appends `bytes`, made safe, to `out`.
pub fn escape_into(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.iter().all(|&b| is_plain(b)) {
        out.extend_from_slice(bytes);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.extend_from_slice(b"\\x5c"),
                c if c.is_ascii_control() => escape_byte(out, c as u8),
                c if is_deceptive(c) => {
                    // Writing to a Vec cannot fail.
                    let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for &b in chunk.invalid() {
            escape_byte(out, b);
        }
    }
}

/// `bytes`, made safe.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    escape_into(&mut out, bytes);
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends `bytes`, made safe, and in double quotes if they hold anything but letters, digits and the punctuation that names
/// usually have: a blank or a bracket in a name must not look like the end of it.
pub fn quote_into(out: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.is_empty() && bytes.iter().all(|&b| is_of_names(b)) {
        // Nothing that needs an escape is among these.
        out.extend_from_slice(bytes);
    } else if !bytes.is_empty() && bytes.iter().all(|&b| is_of_names(b) || !b.is_ascii()) {
        escape_into(out, bytes);
    } else {
        quoted_into(out, bytes);
    }
}

/// Whether an ASCII character is one that names usually have.
fn is_of_names(b: u8) -> bool {
    // A bit for each.
    const SET: u128 = {
        let mut set = 0;
        let mut b = 0u8;
        while b < 128 {
            let usual = b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'-' | b'_' | b'.' | b'/' | b'@' | b':' | b'+' | b'~' | b'%' | b'=' | b'#'
                );
            set |= (usual as u128) << b;
            b += 1;
        }
        set
    };
    b.is_ascii() && SET >> b & 1 == 1
}

/// Appends `bytes`, made safe, in double quotes.
pub fn quoted_into(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for part in bytes.split_inclusive(|&b| b == b'"') {
        match part.strip_suffix(b"\"") {
            Some(before) => {
                escape_into(out, before);
                out.extend_from_slice(b"\\x22");
            }
            None => escape_into(out, part),
        }
    }
    out.push(b'"');
}

fn escape_byte(out: &mut Vec<u8>, b: u8) {
    let digit = |n: u8| char::from_digit(n.into(), 16).map_or(b'0', |c| c as u8);
    out.extend_from_slice(&[b'\\', b'x', digit(b >> 4), digit(b & 15)]);
}

fn is_plain(b: u8) -> bool {
    matches!(b, 0x20..=0x7e) && b != b'\\'
}

/// Characters that are not seen, or that change how others are seen: C1 controls, separators, bidirectional and zero-width
/// formatting, tags, variation selectors, private use and non-characters.
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    matches!(u32::from(c),
        0x7f..=0x9f
        | 0xa0
        | 0xad
        | 0x34f
        | 0x61c
        | 0x115f..=0x1160
        | 0x17b4..=0x17b5
        | 0x180b..=0x180f
        | 0x1680
        | 0x2000..=0x200f
        | 0x2028..=0x202f
        | 0x205f..=0x206f
        | 0x2800
        | 0x3000
        | 0x3164
        | 0xe000..=0xf8ff
        | 0xfe00..=0xfe0f
        | 0xfeff
        | 0xffa0
        | 0xfff0..=0xfffb
        | 0xfdd0..=0xfdef
        | 0x1bca0..=0x1bca3
        | 0x1d173..=0x1d17a
        | 0xe0000..=0xe0fff
        | 0xf0000..)
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_hostile_becomes_visible() {
        assert_eq!(escape(b"nginx"), "nginx");
        assert_eq!(escape(b"\x1b[31mred\n"), r"\x1b[31mred\x0a");
        assert_eq!(escape(b"a\\b"), r"a\x5cb");
        assert_eq!(escape(b"\xff\xc3("), r"\xff\xc3(");
        assert_eq!(
            escape("a\u{202e}b\u{200b}".as_bytes()),
            r"a\u{202e}b\u{200b}"
        );
        assert_eq!(escape("naïve 日本".as_bytes()), "naïve 日本");
        assert_eq!(escape("\u{9b}31m".as_bytes()), r"\u{9b}31m");
        assert_eq!(escape(b"\0nul"), r"\x00nul");
    }

    #[test]
    fn names_that_could_be_misread_are_quoted() {
        let quoted = |name: &[u8]| {
            let mut out = Vec::new();
            quote_into(&mut out, name);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(quoted(b"kworker/0:1"), "kworker/0:1");
        assert_eq!(quoted(b"Web Content"), "\"Web Content\"");
        assert_eq!(quoted(b"a\"b"), "\"a\\x22b\"");
        assert_eq!(quoted(b"x[1] fd 3, y"), "\"x[1] fd 3, y\"");
        assert_eq!(quoted(b""), "\"\"");
    }

    /// `Default_Ignorable_Code_Point` of Unicode's DerivedCoreProperties.txt: nothing is seen of these.
    const IGNORABLE: [std::ops::RangeInclusive<u32>; 17] = [
        0xad..=0xad,
        0x34f..=0x34f,
        0x61c..=0x61c,
        0x115f..=0x1160,
        0x17b4..=0x17b5,
        0x180b..=0x180f,
        0x200b..=0x200f,
        0x202a..=0x202e,
        0x2060..=0x206f,
        0x3164..=0x3164,
        0xfe00..=0xfe0f,
        0xfeff..=0xfeff,
        0xffa0..=0xffa0,
        0xfff0..=0xfff8,
        0x1bca0..=0x1bca3,
        0x1d173..=0x1d17a,
        0xe0000..=0xe0fff,
    ];

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        for c in IGNORABLE.into_iter().flatten().filter_map(char::from_u32) {
            let text = escape(format!("a{c}b").as_bytes());
            assert_eq!(text, format!("a\\u{{{:x}}}b", u32::from(c)));
        }
    }

    proptest! {
        #[test]
        fn nothing_hostile_comes_out(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut out = Vec::new();
            quote_into(&mut out, &bytes);
            let text = String::from_utf8(out).unwrap();
            prop_assert!(text.chars().all(|c| !c.is_control() && !is_deceptive(c)));
        }
    }
}
