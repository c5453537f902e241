//! Many patterns for names: one lookup for a name, however many were asked for.

use super::glob::Glob;
use crate::model::UnixName;
use rustc_hash::{FxHashMap, FxHashSet};

/// Patterns of which one is to match. Names without wildcards are looked up, patterns that begin with characters too: once for each length
/// of such a beginning. Only patterns that begin with a wildcard are tried one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// For names that are no abstract names.
    plain: Table,
    /// For abstract names without their `@`.
    of_abstract: Table,
    /// Those that begin with a wildcard, for names of every kind.
    wild: Vec<Glob>,
    /// Whether every name matches.
    everything: bool,
}

/// Names and beginnings of names, in lower case. Where case counts, a name begins a pattern that has no more to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Table {
    names: FxHashSet<Box<[u8]>>,
    beginnings: FxHashMap<usize, FxHashMap<Box<[u8]>, Vec<Glob>>>,
}

/// Names of sockets have up to 108 bytes and those of processes 15; what is longer is not looked up but compared.
const LONGEST: usize = 128;

impl From<Glob> for Names {
    fn from(glob: Glob) -> Self {
        let mut names = Self::default();
        names.add(glob);
        names
    }
}

impl From<Glob> for Box<Names> {
    fn from(glob: Glob) -> Self {
        Self::new(glob.into())
    }
}

impl Names {
    fn add(&mut self, glob: Glob) {
        self.everything |= glob.is_everything();
        let mut beginning = glob.beginning();
        beginning.truncate(LONGEST);
        beginning.make_ascii_lowercase();
        if beginning.is_empty() && !glob.is_literal() {
            if !self.wild.contains(&glob) {
                self.wild.push(glob);
            }
            return;
        }
        let table = match glob.is_abstract() {
            true => &mut self.of_abstract,
            false => &mut self.plain,
        };
        let beginning = beginning.into_boxed_slice();
        if beginning.len() < LONGEST && glob.is_literal() && !glob.is_exact() {
            table.names.insert(beginning);
            return;
        }
        let of_length = table.beginnings.entry(beginning.len()).or_default();
        let globs = of_length.entry(beginning).or_default();
        if !globs.contains(&glob) {
            globs.push(glob);
        }
    }

    /// Adds the patterns of another set.
    pub(super) fn extend(&mut self, other: Self) {
        self.everything |= other.everything;
        for glob in other.wild {
            self.add(glob);
        }
        for (mine, others) in [
            (&mut self.plain, other.plain),
            (&mut self.of_abstract, other.of_abstract),
        ] {
            mine.names.extend(others.names);
            for (length, globs) in others.beginnings {
                let of_length = mine.beginnings.entry(length).or_default();
                for (beginning, globs) in globs {
                    of_length.entry(beginning).or_default().extend(globs);
                }
            }
        }
    }

    /// Whether every name matches.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether a name that is no unix name matches.
    #[must_use]
    pub fn matches_text(&self, name: &[u8]) -> bool {
        self.plain.has(name, |glob| glob.matches_text(name))
            || self.wild.iter().any(|glob| glob.matches_text(name))
    }

    /// Whether a name of a unix socket matches, see [`Glob::matches`].
    #[must_use]
    pub fn matches(&self, name: &UnixName) -> bool {
        let (table, bytes): (_, &[u8]) = match name {
            UnixName::Unnamed => (&self.plain, &[]),
            UnixName::Path(path) => (&self.plain, path),
            UnixName::Abstract(bytes) => (&self.of_abstract, bytes),
        };
        table.has(bytes, |glob| glob.matches(name))
            || self.wild.iter().any(|glob| glob.matches(name))
    }
}

impl Table {
    /// Whether the name is one of these, or begins as one of these and `matches`.
    fn has(&self, name: &[u8], matches: impl Fn(&Glob) -> bool) -> bool {
        if self.names.is_empty() && self.beginnings.is_empty() {
            return false;
        }
        let mut folded = [0; LONGEST];
        let length = name.len().min(LONGEST);
        let (Some(folded), Some(begins)) = (folded.get_mut(..length), name.get(..length)) else {
            return false;
        };
        folded.copy_from_slice(begins);
        folded.make_ascii_lowercase();
        let folded = &*folded;
        let begins = |(&length, globs): (&usize, &FxHashMap<Box<[u8]>, Vec<Glob>>)| {
            let globs = folded.get(..length).and_then(|begins| globs.get(begins));
            globs.is_some_and(|globs| globs.iter().any(&matches))
        };
        (name.len() < LONGEST && self.names.contains(folded)) || self.beginnings.iter().any(begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(globs: &[Glob]) -> Names {
        let mut names = Names::default();
        for glob in globs {
            names.extend(glob.clone().into());
        }
        names
    }

    #[test]
    fn names_without_wildcards_are_a_table() {
        let names = of(&(0..10_000)
            .map(|n| Glob::text(&format!("P{n}")))
            .collect::<Vec<_>>());
        assert!(names.wild.is_empty() && names.plain.beginnings.is_empty());
        assert!(names.matches_text(b"p9999") && !names.matches_text(b"p10000"));
        let names = of(&(0..10_000)
            .map(|n| Glob::text(&format!("p{n}-*")))
            .collect::<Vec<_>>());
        assert!(names.wild.is_empty() && names.plain.beginnings.len() == 4);
        assert!(names.matches_text(b"p9999-x") && !names.matches_text(b"p9999x"));
    }

    #[test]
    fn long_names_are_compared() {
        for length in [LONGEST - 1, LONGEST, LONGEST + 1] {
            let name = "x".repeat(length);
            let names = of(&[Glob::text(&name), Glob::text(&format!("{name}y*"))]);
            assert!(names.matches_text(name.as_bytes()), "{length}");
            assert!(
                names.matches_text(format!("{name}Y").as_bytes()),
                "{length}"
            );
            assert!(
                !names.matches_text(format!("{name}x").as_bytes()),
                "{length}"
            );
        }
    }

    /// Patterns and names of few characters, so that some match.
    const PATTERN: &str = r"@?(a|B|ü|\*|\?|\[ab\]|\\xc3|\\xbc|\\\*|@){0,5}";
    const NAME: &str = "@?[abB*@]{0,5}";

    fn name() -> impl Strategy<Value = UnixName> {
        let bytes = prop_oneof![
            NAME.prop_map(String::into_bytes),
            "[aü]{0,3}".prop_map(String::into_bytes),
            prop::collection::vec(prop::sample::select(vec![b'a', 0xc3, 0xbc]), 0..4),
        ];
        (bytes, any::<bool>()).prop_map(|(bytes, is_abstract)| match is_abstract {
            true => UnixName::Abstract(bytes.into()),
            false if bytes.is_empty() => UnixName::Unnamed,
            false => UnixName::Path(bytes.into()),
        })
    }

    proptest! {
        #[test]
        fn a_set_of_patterns_matches_what_they_match(patterns in prop::collection::vec(PATTERN, 0..6), name in name()) {
            let globs: Vec<_> = patterns.iter().map(|p| Glob::new(p)).collect();
            prop_assert_eq!(of(&globs).matches(&name), globs.iter().any(|g| g.matches(&name)));
            let globs: Vec<_> = patterns.iter().map(|p| Glob::text(p)).collect();
            let bytes: &[u8] = match &name {
                UnixName::Unnamed => &[],
                UnixName::Path(bytes) | UnixName::Abstract(bytes) => bytes,
            };
            prop_assert_eq!(of(&globs).matches_text(bytes), globs.iter().any(|g| g.matches_text(bytes)));
        }
    }
}
