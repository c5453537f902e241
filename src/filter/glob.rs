//! Patterns for names: of unix sockets, processes, users, interfaces.
//!
//! `*` is any run of characters (slashes too), `?` one character, `[a-z]` one of a class, `[!a-z]`
//! one that is not; a backslash makes the next character literal, and `\xNN` is a byte. Case does
//! not count (ASCII), except in paths of control groups, which the file system tells apart by it.
//! Names are bytes: what is not UTF-8 counts one character a byte.
//!
//! For unix names, `@` at the start is an abstract name, `\@` a path that begins so; a pattern that
//! begins with a wildcard matches both, abstract names after an `@`.

use crate::model::UnixName;
use std::str::Chars;

/// A pattern, ready to be matched against names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    steps: Vec<Step>,
    /// Whether only abstract names match, or only others; both may if it is not said.
    is_abstract: Option<bool>,
    case: Case,
}

/// Whether `A` is `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Folded,
    Kept,
}

impl Case {
    fn of(self, character: u32) -> u32 {
        match (self, u8::try_from(character)) {
            (Self::Folded, Ok(b)) => b.to_ascii_lowercase().into(),
            _ => character,
        }
    }
}

/// What one step of a pattern matches. Characters are numbers, in lower case if case does not count, see [`Name::character`].
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
    fn matches(&self, character: u32, case: Case) -> bool {
        match self {
            Self::One(c) => *c == character,
            Self::AnyOne | Self::AnyRun => true,
            Self::Class { negated, ranges } => {
                let within = |c: u32| ranges.iter().any(|&(from, to)| from <= c && c <= to);
                let folded = case == Case::Folded && within(upper(character));
                (within(character) || folded) != *negated
            }
        }
    }
}

impl Glob {
    /// Reads a pattern for unix names.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        match pattern.strip_prefix('@') {
            Some(name) => Self {
                is_abstract: Some(true),
                ..Self::text(name)
            },
            None => Self {
                is_abstract: (!pattern.starts_with(['*', '?', '['])).then_some(false),
                ..Self::text(pattern)
            },
        }
    }

    /// Reads a pattern for other names. A `[` that nothing closes stands for itself.
    #[must_use]
    pub fn text(pattern: &str) -> Self {
        Self::read(pattern, Case::Folded)
    }

    /// Reads a pattern for names that case tells apart.
    #[must_use]
    pub fn exact(pattern: &str) -> Self {
        Self::read(pattern, Case::Kept)
    }

    fn read(pattern: &str, case: Case) -> Self {
        let mut steps = Vec::new();
        let mut rest = pattern.chars();
        while let Some(c) = rest.next() {
            let step = match c {
                '*' if steps.last() == Some(&Step::AnyRun) => continue,
                '*' => Step::AnyRun,
                '?' => Step::AnyOne,
                '\\' => {
                    if let Some((bytes, after)) = bytes(rest.as_str()) {
                        rest = after.chars();
                        steps.extend(one_by_one(&bytes, case));
                        continue;
                    }
                    Step::One(case.of(rest.next().unwrap_or('\\').into()))
                }
                '[' => match class(rest.as_str()) {
                    Some((step, after)) => {
                        rest = after.chars();
                        step
                    }
                    None => Step::One('['.into()),
                },
                c => Step::One(case.of(c.into())),
            };
            steps.push(step);
        }
        Self {
            steps,
            is_abstract: None,
            case,
        }
    }

    /// Whether every name matches.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.is_abstract.is_none() && self.steps == [Step::AnyRun]
    }

    /// Whether there are no wildcards in it.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.steps.iter().all(|s| matches!(s, Step::One(_)))
    }

    /// Whether it is a pattern of abstract names only.
    pub(super) fn is_abstract(&self) -> bool {
        self.is_abstract == Some(true)
    }

    /// Whether case tells names apart.
    pub(super) fn is_exact(&self) -> bool {
        self.case == Case::Kept
    }

    /// What every name that matches begins with, in lower case unless case counts; all of it, if there are no wildcards.
    pub(super) fn beginning(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for step in &self.steps {
            let Step::One(character) = *step else { break };
            match char::from_u32(character) {
                Some(c) => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
                // A byte that is no UTF-8, see `Name::character`.
                None => bytes.extend(u8::try_from(character - u32::from(char::MAX) - 1)),
            }
        }
        bytes
    }

    /// Whether a name that is no unix name matches.
    #[must_use]
    pub fn matches_text(&self, name: &[u8]) -> bool {
        self.matches_name(Name {
            is_abstract: false,
            bytes: name,
            case: self.case,
        })
    }

    /// Whether the name matches: a path as it is, an abstract name after an `@`, no name as nothing.
    #[must_use]
    pub fn matches(&self, name: &UnixName) -> bool {
        let mut name = Name::of(name, self.case);
        if let Some(wanted) = self.is_abstract {
            if name.is_abstract != wanted {
                return false;
            }
            // The `@` is known already.
            name.is_abstract = false;
        }
        self.matches_name(name)
    }

    fn matches_name(&self, name: Name<'_>) -> bool {
        let (mut step, mut at) = (0, 0);
        // Where to go on when a step fails: after the last `*`, with one character more in its run.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let here = name.character(at);
            match (self.steps.get(step), here) {
                (Some(Step::AnyRun), _) => {
                    step += 1;
                    retry = Some((step, at));
                    continue;
                }
                (Some(s), Some((character, length))) if s.matches(character, self.case) => {
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

/// The bytes of a run of `\xNN` whose first backslash was read, and what follows them.
fn bytes(text: &str) -> Option<(Vec<u8>, &str)> {
    let mut bytes = Vec::new();
    let mut rest = text;
    let mut next = Some(text);
    while let Some(digits) = next.and_then(|t| t.strip_prefix('x')) {
        let byte = digits.get(..2).and_then(|d| u8::from_str_radix(d, 16).ok());
        let Some(byte) = byte else { break };
        bytes.push(byte);
        rest = digits.get(2..).unwrap_or_default();
        next = rest.strip_prefix('\\');
    }
    (!bytes.is_empty()).then_some((bytes, rest))
}

/// A step for each character of a name.
fn one_by_one(bytes: &[u8], case: Case) -> Vec<Step> {
    let name = Name {
        is_abstract: false,
        bytes,
        case,
    };
    let mut at = 0;
    let mut steps = Vec::new();
    while let Some((character, length)) = name.character(at) {
        steps.push(Step::One(character));
        at += length;
    }
    steps
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

fn upper(character: u32) -> u32 {
    u8::try_from(character).map_or(character, |b| b.to_ascii_uppercase().into())
}

/// A name as text, without making the text.
#[derive(Clone, Copy)]
struct Name<'a> {
    is_abstract: bool,
    bytes: &'a [u8],
    case: Case,
}

impl<'a> Name<'a> {
    fn of(name: &'a UnixName, case: Case) -> Self {
        let (is_abstract, bytes): (bool, &[u8]) = match name {
            UnixName::Unnamed => (false, &[]),
            UnixName::Path(path) => (false, path),
            UnixName::Abstract(name) => (true, name),
        };
        Self {
            is_abstract,
            bytes,
            case,
        }
    }

    /// The character at `at`, in lower case unless case counts, and its length. Bytes that are no
    /// UTF-8 get numbers beyond all characters.
    fn character(self, at: usize) -> Option<(u32, usize)> {
        let at = match (self.is_abstract, at) {
            (true, 0) => return Some(('@'.into(), 1)),
            (true, at) => at - 1,
            (false, at) => at,
        };
        let rest = self.bytes.get(at..)?;
        let first = *rest.first()?;
        if first.is_ascii() {
            return Some((self.case.of(first.into()), 1));
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
    fn case_counts_where_it_tells_names_apart() {
        let matches =
            |pattern: &str, name: &str| Glob::exact(pattern).matches_text(name.as_bytes());
        for (pattern, name, other) in [
            ("/A/*", "/A/b", "/a/b"),
            ("[a-c]?", "bX", "BX"),
            ("[!B]", "b", "B"),
            (r"\A*", "Ab", "ab"),
            (r"\x41*", "Ab", "ab"),
            ("*X", "aX", "ax"),
        ] {
            assert!(matches(pattern, name), "{pattern}");
            assert!(!matches(pattern, other), "{pattern}");
        }
        assert_eq!(Glob::exact(r"/A\xff\-b").beginning(), b"/A\xff-b");
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

    #[test]
    fn an_abstract_name_and_a_path_are_told_apart() {
        let name = UnixName::Abstract(b"x".as_slice().into());
        let path = UnixName::Path(b"@x".as_slice().into());
        for (pattern, of_name, of_path) in [
            ("@x", true, false),
            (r"\@x", false, true),
            ("*x", true, true),
            ("?x", true, true),
            ("x", false, false),
        ] {
            assert_eq!(Glob::new(pattern).matches(&name), of_name, "{pattern}");
            assert_eq!(Glob::new(pattern).matches(&path), of_path, "{pattern}");
        }
        assert!(Glob::text("@x").matches_text(b"@X"));
    }

    #[test]
    fn bytes_by_their_numbers() {
        let matches = |pattern: &str, name: &[u8]| Glob::text(pattern).matches_text(name);
        assert!(matches(r"a\xffb", b"a\xffb"));
        assert!(!matches(r"a\xffb", b"a\xfeb"));
        assert!(matches(r"\xc3\xbc", "ü".as_bytes()));
        assert!(matches(r"\xff\xfe*", b"\xff\xfeutf"));
        assert!(matches(r"\xc3\*", b"\xc3*"));
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
            let pattern: String = name.chars().filter(|&c| c != 'x').flat_map(|c| ['\\', c]).collect();
            prop_assert!(matches(&pattern, &name.replace('x', "")));
        }
    }
}
