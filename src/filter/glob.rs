//! Patterns for the names of unix sockets.
//!
//! `*` is any run of characters (slashes too), `?` one character, `[a-z]` one of a class, `[!a-z]`
//! one that is not; a backslash makes the next character literal. Case does not count (ASCII).
//! Names are bytes: what is not UTF-8 counts one character a byte, and only wildcards match it.

use crate::model::UnixName;
use std::str::Chars;

/// A pattern, ready to be matched against names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<Step>);

/// What one step of a pattern matches. Characters are lower-case numbers, see [`Name::character`].
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    One(u32),
    AnyOne,
    AnyRun,
    Class {
        negated: bool,
        ranges: Vec<(u32, u32)>,
    },
}

impl Step {
    fn matches(&self, character: u32) -> bool {
        match self {
            Self::One(c) => *c == character,
            Self::AnyOne | Self::AnyRun => true,
            Self::Class { negated, ranges } => {
                let within = |c: u32| ranges.iter().any(|&(from, to)| from <= c && c <= to);
                (within(character) || within(upper(character))) != *negated
            }
        }
    }
}

impl Glob {
    /// Reads a pattern. A `[` that nothing closes stands for itself.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let mut steps = Vec::new();
        let mut rest = pattern.chars();
        while let Some(c) = rest.next() {
            let step = match c {
                '*' if steps.last() == Some(&Step::AnyRun) => continue,
                '*' => Step::AnyRun,
                '?' => Step::AnyOne,
                '\\' => Step::One(lower(rest.next().unwrap_or('\\').into())),
                '[' => match class(rest.as_str()) {
                    Some((step, after)) => {
                        rest = after.chars();
                        step
                    }
                    None => Step::One('['.into()),
                },
                c => Step::One(lower(c.into())),
            };
            steps.push(step);
        }
        Self(steps)
    }

    /// Whether every name matches.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0 == [Step::AnyRun]
    }

    /// Whether the name matches: a path as it is, an abstract name after an `@`, no name as nothing.
    #[must_use]
    pub fn matches(&self, name: &UnixName) -> bool {
        self.matches_name(Name::of(name))
    }

    fn matches_name(&self, name: Name<'_>) -> bool {
        let (mut step, mut at) = (0, 0);
        // Where to go on when a step fails: after the last `*`, with one character more in its run.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let here = name.character(at);
            match (self.0.get(step), here) {
                (Some(Step::AnyRun), _) => {
                    step += 1;
                    retry = Some((step, at));
                    continue;
                }
                (Some(s), Some((character, length))) if s.matches(character) => {
                    step += 1;
                    at += length;
                    continue;
                }
                (None, None) => return true,
                _ => {}
            }
            let Some((after, from)) = retry else {
                return false;
            };
            let Some((_, length)) = name.character(from) else {
                return false;
            };
            (step, at) = (after, from + length);
            retry = Some((step, at));
        }
    }
}

/// The class whose text begins after the opening bracket, and what follows it.
fn class(text: &str) -> Option<(Step, &str)> {
    let mut rest = text.chars();
    let negated = text.starts_with(['!', '^']);
    if negated {
        rest.next();
    }
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    // A `]` that comes first is part of the class.
    while ranges.is_empty() || !rest.as_str().starts_with(']') {
        let from = character(&mut rest)?;
        let to = match rest.as_str().strip_prefix('-') {
            Some(end) if !end.starts_with(']') => {
                rest = end.chars();
                character(&mut rest)?
            }
            _ => from,
        };
        ranges.push((from.into(), to.into()));
    }
    rest.next();
    Some((Step::Class { negated, ranges }, rest.as_str()))
}

fn character(rest: &mut Chars<'_>) -> Option<char> {
    match rest.next()? {
        '\\' => rest.next(),
        c => Some(c),
    }
}

fn lower(character: u32) -> u32 {
    u8::try_from(character).map_or(character, |b| b.to_ascii_lowercase().into())
}

fn upper(character: u32) -> u32 {
    u8::try_from(character).map_or(character, |b| b.to_ascii_uppercase().into())
}

/// A name as text, without making the text.
#[derive(Clone, Copy)]
struct Name<'a> {
    is_abstract: bool,
    bytes: &'a [u8],
}

impl<'a> Name<'a> {
    fn of(name: &'a UnixName) -> Self {
        let (is_abstract, bytes): (bool, &[u8]) = match name {
            UnixName::Unnamed => (false, &[]),
            UnixName::Path(path) => (false, path),
            UnixName::Abstract(name) => (true, name),
        };
        Self { is_abstract, bytes }
    }

    /// The character at `at` in lower case, and its length. Bytes that are no UTF-8 get numbers
    /// beyond all characters.
    fn character(self, at: usize) -> Option<(u32, usize)> {
        let at = match (self.is_abstract, at) {
            (true, 0) => return Some(('@'.into(), 1)),
            (true, at) => at - 1,
            (false, at) => at,
        };
        let rest = self.bytes.get(at..)?;
        let first = *rest.first()?;
        if first.is_ascii() {
            return Some((first.to_ascii_lowercase().into(), 1));
        }
        let decoded = (2..=4).find_map(|length| {
            let character = std::str::from_utf8(rest.get(..length)?).ok()?;
            Some((character.chars().next()?.into(), length))
        });
        Some(decoded.unwrap_or((u32::from(char::MAX) + 1 + u32::from(first), 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::new(pattern).matches(&UnixName::Path(name.as_bytes().into()))
    }

    #[test]
    fn wildcards() {
        assert!(matches("/run/*.sock", "/run/a/b.sock"));
        assert!(matches("*", ""));
        assert!(matches("**a**", "xay"));
        assert!(matches("/r?n", "/run"));
        assert!(!matches("/r?n", "/rn"));
        assert!(!matches("/run", "/run/x"));
        assert!(!matches("run", "/run"));
        assert!(matches("*ab*ab", "aabxabab"));
        assert!(matches("/Run/X", "/rUN/x"));
        assert!(matches("", ""));
        assert!(!matches("", "x"));
    }

    #[test]
    fn classes() {
        assert!(matches("[abc]", "B"));
        assert!(matches("x[a-c]y", "xby"));
        assert!(matches("x[A-C]y", "xby"));
        assert!(!matches("x[a-c]y", "xdy"));
        assert!(matches("[!x]", "a"));
        assert!(matches("[^x]", "a"));
        assert!(!matches("[!x]", "X"));
        assert!(matches("[]a]", "]"));
        assert!(matches("[a-]", "-"));
        assert!(matches(r"[a\-c]", "-"));
        assert!(!matches(r"[a\-c]", "b"));
        assert!(matches(r"[\]]", "]"));
        assert!(matches(r"[\!a]", "!"));
        assert!(matches("[x", "[x"));
        assert!(matches("[a-\\", "[a-\\"));
        assert!(matches("[é-ü]", "ö"));
    }

    #[test]
    fn a_backslash_makes_literal() {
        assert!(matches(r"a\*", "a*"));
        assert!(!matches(r"a\*", "ab"));
        assert!(matches(r"\[a]", "[a]"));
        assert!(matches(r"a\", r"a\"));
    }

    #[test]
    fn names_of_every_kind() {
        let bus = UnixName::Abstract(b"bus\0\xff".as_slice().into());
        assert!(Glob::new("@bus??").matches(&bus));
        assert!(Glob::new("@B*").matches(&bus));
        assert!(!Glob::new("bus*").matches(&bus));
        assert!(Glob::new("").matches(&UnixName::Unnamed));
        assert!(Glob::new("*").matches(&UnixName::Unnamed));
        assert!(!Glob::new("?*").matches(&UnixName::Unnamed));
        assert!(matches("/t?r", "/tür"));
    }

    proptest! {
        #[test]
        fn never_panics_and_a_star_matches_all(pattern: String, name: Vec<u8>) {
            let name = UnixName::Path(name.into());
            let _ = Glob::new(&pattern).matches(&name);
            prop_assert!(Glob::new("*").matches(&name));
        }

        #[test]
        fn a_name_with_backslashes_matches_itself(name: String) {
            let pattern: String = name.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert!(matches(&pattern, &name));
        }
    }
}
