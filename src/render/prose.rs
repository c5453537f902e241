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
            let wrapped = fit(&text, width);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&wrapped), words(&text));
            for line in wrapped.lines() {
                let cannot_be_broken = line.split_whitespace().count() <= 1;
                prop_assert!(cannot_be_broken || line.width() <= width, "{:?}", line);
            }
        }
    }
}
