//! A command line as bash has it: text in which the words are not told apart, or at other places than here.

/// A line up to the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// The words behind the program's name that are complete.
    pub before: Vec<String>,
    /// The word that the cursor stands in.
    pub current: String,
    /// Whether that word has quotes or backslashes in it, so that it is not on the line as it is.
    pub quoted: bool,
    /// Whether the cursor stands in quotes, so that a blank is part of the word.
    pub open: bool,
}

/// Splits a line into words as a shell does, without expanding anything.
#[must_use]
pub fn split(line: &str) -> Typed {
    let mut typed = Typed::default();
    let (mut quote, mut begun) = (None, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('"') | None, '\\') => {
                typed.current.extend(chars.next());
                (begun, typed.quoted) = (true, true);
            }
            (Some(_), _) => typed.current.push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                (begun, typed.quoted) = (true, true);
            }
            (None, _) if c.is_whitespace() => {
                if std::mem::take(&mut begun) {
                    typed.before.push(std::mem::take(&mut typed.current));
                    typed.quoted = false;
                }
            }
            (None, _) => {
                typed.current.push(c);
                begun = true;
            }
        }
    }
    typed.open = quote.is_some();
    if !typed.before.is_empty() {
        typed.before.remove(0);
    }
    typed
}
