//! Sentences in lines, and lines that fit a screen.

use unicode_width::UnicodeWidthStr;

/// Sentences are no wider than this, however wide the screen is.
pub(super) const PROSE_WIDTH: usize = 80;

/// Appends a text in lines of at most `room` columns, as far as its words allow; further lines begin with `indent`.
pub(super) fn wrap(text: &mut String, sentence: &str, room: usize, indent: &str) {
    let mut column = 0;
    for word in sentence.split(' ') {
        if column > 0 && column + 1 + word.len() > room {
            text.push('\n');
            text.push_str(indent);
            text.push_str(word);
            column = indent.len() + word.len();
            continue;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.len();
    }
    text.push('\n');
}

/// A column narrower than this is no place for words: lines stay whole.
const NARROWEST: usize = 20;

/// `text` with each line that is wider than `width` broken between words. What follows stands as far in as the line began, and a little
/// more. A word that is wider stays whole, so that it can be copied.
#[must_use]
pub fn fit(text: &str, width: usize) -> String {
    if width < NARROWEST {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (body, end) = match line.strip_suffix('\n') {
            Some(body) => (body, "\n"),
            None => (line, ""),
        };
        fit_line(&mut out, body, width);
        out.push_str(end);
    }
    out
}

/// `text`, which has tables and paragraphs, with what is wider than `width` broken between words. A line that goes on below, as far in as
/// one of its columns or, of a paragraph, at the edge, is wrapped together with what follows it.
#[must_use]
pub fn reflow(text: &str, width: usize) -> String {
    if width < NARROWEST {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(first) = lines.next() {
        let columns = columns(first);
        let mut whole = vec![first];
        while let Some(next) = lines.next_if(|next| {
            let last = whole.last().copied().unwrap_or_default();
            goes_on(&columns, last, next)
        }) {
            whole.push(next);
        }
        if whole.iter().all(|line| line.width() <= width) {
            whole.iter().for_each(|line| {
                out.push_str(line);
                out.push('\n');
            });
            continue;
        }
        let rest = whole.iter().skip(1).map(|line| line.trim_start());
        let joined: Vec<_> = std::iter::once(first).chain(rest).collect();
        fit_line(&mut out, &joined.join(" "), width);
        out.push('\n');
    }
    out
}

/// Where the columns of a line begin: behind two blanks or more.
fn columns(line: &str) -> Vec<usize> {
    let starts = line.char_indices().filter(|(_, c)| *c != ' ');
    starts
        .map(|(at, _)| at)
        .filter(|&at| line.get(..at).is_some_and(|before| before.ends_with("  ")))
        .filter(|&at| {
            line.get(..at)
                .is_some_and(|before| !before.trim().is_empty())
        })
        .collect()
}

/// Whether a line continues what began with these columns and came to `last`.
fn goes_on(columns: &[usize], last: &str, next: &str) -> bool {
    /// A line of a paragraph that is shorter is its last.
    const LONG: usize = 60;
    let indent = next.len() - next.trim_start_matches(' ').len();
    if next.is_empty() || indent > 0 {
        return columns.contains(&indent);
    }
    let is_prose = |line: &str| !line.starts_with(' ') && self::columns(line).is_empty();
    is_prose(last) && is_prose(next) && last.width() >= LONG && !last.ends_with(['.', ':'])
}

fn fit_line(out: &mut String, line: &str, width: usize) {
    if line.width() <= width {
        return out.push_str(line);
    }
    let indent = line.len() - line.trim_start_matches(' ').len();
    // Where the words would have little room left, they begin at the edge.
    let hanging = match indent + 2 {
        deep if deep * 2 > width => 0,
        deep => deep,
    };
    let (blanks, words) = line.split_at(indent);
    out.push_str(blanks);
    let mut at = indent;
    let mut is_first = true;
    let mut gap = 0;
    for word in words.split(' ') {
        // Several blanks between two words are several empty words.
        if word.is_empty() {
            gap += 1;
            continue;
        }
        if !is_first && at + gap + word.width() > width {
            out.push('\n');
            out.push_str(&" ".repeat(hanging));
            at = hanging;
        } else {
            out.push_str(&" ".repeat(gap));
            at += gap;
        }
        out.push_str(word);
        at += word.width();
        is_first = false;
        gap = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_broken_between_words() {
        let text = "warning: 3 sockets have no owner shown\n\nhint: x\n";
        let wrapped = "warning: 3 sockets\n  have no owner shown\n\nhint: x\n";
        assert_eq!(fit(text, 22), wrapped);
        assert_eq!(fit(text, 80), text);
        assert_eq!(fit(text, 5), text, "no place for words");
        let table = "  name      bytes   what it is, in a few words";
        assert_eq!(
            fit(table, 30),
            "  name      bytes   what it\n    is, in a few words"
        );
    }

    #[test]
    fn what_goes_on_below_is_wrapped_with_what_it_belongs_to() {
        let text = "STATES: a title that is no part of what follows\n\n  \
                    ESTAB   established   data flows both ways, says\n                        \
                    the kernel. A pile: clients.\n  \
                    CLOSED  closed        short.\n\n\
                    A paragraph of which every line is nearly as long as a screen is\n\
                    wide goes on here.\n";
        let wrapped = "STATES: a title that is no part of what\n  follows\n\n  \
                       ESTAB   established   data flows both\n    \
                       ways, says the kernel. A pile:\n    clients.\n  \
                       CLOSED  closed        short.\n\n\
                       A paragraph of which every line is\n  \
                       nearly as long as a screen is wide\n  goes on here.\n";
        assert_eq!(reflow(text, 40), wrapped);
        assert_eq!(reflow(text, 80), text);
    }

    #[test]
    fn a_long_word_stays_whole() {
        let path = format!("error: /{}: no", "x".repeat(60));
        assert_eq!(
            fit(&path, 30).lines().nth(1),
            Some(&*format!("  /{}:", "x".repeat(60)))
        );
    }

    proptest! {
        #[test]
        fn words_stay_and_lines_fit(text in "( {0,4}[a-zü界]{0,9}){0,20}(\n( {0,3}[a-z]{1,9}){0,9}){0,3}", width in 20usize..50) {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            for wrapped in [fit(&text, width), reflow(&text, width)] {
                prop_assert_eq!(words(&wrapped), words(&text));
                for line in wrapped.lines() {
                    let cannot_be_broken = line.split_whitespace().count() <= 1;
                    prop_assert!(cannot_be_broken || line.width() <= width, "{:?}", line);
                }
            }
        }
    }
}
