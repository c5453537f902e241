//! Where the text of a filter comes from: words of the command line, and files.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

/// Words of the command line as text. Bytes that are no UTF-8 become the escapes that stand for them in values.
#[must_use]
pub fn words(arguments: &[impl AsRef<OsStr>]) -> Vec<String> {
    let word = |argument: &OsStr| text(argument.as_bytes());
    arguments.iter().map(|a| word(a.as_ref())).collect()
}

/// The text of a filter file: comments are left out, and a line ends as a blank does.
///
/// A comment begins with a `#` at the start of a line or after a blank, and ends with the line. Inside of quotes, and behind a
/// backslash, there is none. `#` and digits are the unix socket of that inode, as portctl shows it.
#[must_use]
pub fn file_text(bytes: &[u8]) -> String {
    text_and_lines(bytes).0
}

/// The text of a filter file, and where in it the lines after the first begin.
pub(super) fn text_and_lines(bytes: &[u8]) -> (String, Vec<usize>) {
    // Editors of other systems begin a file with a mark of its encoding, which is no part of the text.
    let text = text(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let mut out = String::with_capacity(text.len());
    let mut lines = Vec::new();
    let mut rest = text.chars();
    let mut quote = None;
    let mut before = ' ';
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('#', None) if before.is_whitespace() && !begins_inode(rest.as_str()) => {
                let line = rest.as_str().find('\n').unwrap_or(rest.as_str().len());
                rest = rest.as_str().get(line..).unwrap_or_default().chars();
                continue;
            }
            ('\\', None | Some('"')) => {
                out.push(c);
                let escaped = rest.next();
                out.extend(escaped);
                if escaped == Some('\n') {
                    lines.push(out.len());
                }
                before = c;
                continue;
            }
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
        let ends_line = matches!(c, '\n' | '\r') && quote.is_none();
        out.push(if ends_line { ' ' } else { c });
        if c == '\n' {
            lines.push(out.len());
        }
        before = c;
    }
    out.truncate(out.trim_end_matches(' ').len());
    (out, lines)
}

/// Whether the rest of a word is digits only.
fn begins_inode(text: &str) -> bool {
    let word = text.split(char::is_whitespace).next().unwrap_or_default();
    let digits = word.trim_end_matches([')', '}', ',']);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_lines() {
        assert_eq!(
            file_text(b"sport = 22\nor sport = 80\n"),
            "sport = 22 or sport = 80"
        );
        assert_eq!(file_text(b"# all\nsport = 22 # ssh\r\n\n"), " sport = 22");
        assert_eq!(file_text(b"src @a#b # c"), "src @a#b");
        assert_eq!(file_text(b"src '/a #b'"), "src '/a #b'");
        assert_eq!(file_text(b"src \\#12 \\' # c"), "src \\#12 \\'");
        assert_eq!(file_text(b"src #12 or ( dst #13)"), "src #12 or ( dst #13)");
        assert_eq!(file_text(b"src '/a\nb'\n"), "src '/a\nb'");
        assert_eq!(file_text(b""), "");
        assert_eq!(file_text(b"\xef\xbb\xbf# all\nsport = 22"), " sport = 22");
    }

    #[test]
    fn lines_are_found_again() {
        let file = b"# all\r\nsport = 22 # ssh\n\nor src '/a\nb' or \\\nc\n";
        let (text, lines) = text_and_lines(file);
        let begins: Vec<_> = lines
            .iter()
            .map(|&at| text.get(at..).unwrap_or_default())
            .collect();
        let rest = "or src '/a\nb' or \\\nc";
        let wanted = [
            &*format!("sport = 22   {rest}"),
            &format!(" {rest}"),
            rest,
            "b' or \\\nc",
            "c",
            "",
        ];
        assert_eq!(begins, wanted);
    }

    #[test]
    fn bytes_that_are_no_text() {
        let words = words(&[OsStr::from_bytes(b"/tmp/bad\xff"), OsStr::new("\u{fc}")]);
        assert_eq!(words, [r"/tmp/bad\xff", "\u{fc}"]);
    }
}
