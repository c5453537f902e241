//! Sentences in lines.

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
