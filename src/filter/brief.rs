//! How much of what was typed a sentence repeats.

use std::borrow::Cow;

/// Longer texts are cut, in characters.
const LONGEST: usize = 80;
/// What is left of the beginning and of the end; fewer than [`LONGEST`] with the dots between.
const BEGINNING: usize = 48;
const END: usize = 24;

/// A word as the text of an error repeats it: whole, or the beginning and the end of a long one, which tell enough to find it again.
#[must_use]
pub fn brief(text: &str) -> Cow<'_, str> {
    // A text of so few bytes has no more characters.
    if text.len() <= LONGEST || text.chars().nth(LONGEST).is_none() {
        return Cow::Borrowed(text);
    }
    let beginning: String = text.chars().take(BEGINNING).collect();
    let end: Vec<char> = text.chars().rev().take(END).collect();
    Cow::Owned(format!(
        "{beginning}...{}",
        end.into_iter().rev().collect::<String>()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_lose_their_middle() {
        assert_eq!(brief("htpps"), "htpps");
        let longest = "ü".repeat(LONGEST);
        assert_eq!(brief(&longest), longest);
        let long = format!("a{}z", "ü".repeat(100_000));
        let cut = brief(&long);
        assert!(cut.starts_with("aü") && cut.ends_with("üz") && cut.contains("ü...ü"));
        assert!(cut.chars().count() < LONGEST);
    }
}
