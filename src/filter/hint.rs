//! What to try instead of a filter that makes no sense.

use super::brief::brief;
use super::class;
use super::error::{ErrorKind, FilterError, PortFault};
use super::kind::{Unit, example};
use super::quantity::NumberFault;
use crate::model::{FieldId, Protocol, StateSetName};

impl FilterError {
    /// What to try instead, if there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match &*self.kind {
            ErrorKind::UnknownField {
                name,
                candidates,
                unit_of,
            } => Some(match (later(name), unit_of) {
                (Some(why), _) => format!("portctl does not {why} yet"),
                (None, Some(number)) => format!(
                    "a unit is written without a blank, as in '{}{name}'",
                    brief(number)
                ),
                (None, None) => self
                    .hint_for_operator()
                    .or_else(|| other_name(name))
                    .or_else(|| did_you_mean(candidates))
                    .or_else(|| self.meant())
                    .unwrap_or_else(|| no_such_field(name)),
            }),
            ErrorKind::MissingValue { field } => self
                .meant()
                .or_else(|| Some(format!("for example '{}'", example(*field)))),
            ErrorKind::Unexpected { found, .. } => self.hint_for_unexpected(found),
            ErrorKind::UnknownState { candidates, .. } => {
                did_you_mean(candidates).or_else(|| Some(list_of_states()))
            }
            ErrorKind::UnknownService { name, candidates } => {
                class_name(name, class::PORTS, "sport")
                    .or_else(|| self.meant())
                    .or_else(|| did_you_mean(candidates))
                    .or_else(|| unix_name(name))
            }
            ErrorKind::BadPort { why, .. } => match why {
                PortFault::NotANumber => {
                    Some("a number that starts with 0 is octal: leave the 0 out".to_owned())
                }
                PortFault::AnyHasNoOrder => Some("use '=', or a number".to_owned()),
                PortFault::Backwards => Some("put the smaller number first".to_owned()),
                PortFault::OutOfRange | PortFault::Empty => self.meant(),
            },
            ErrorKind::BadAddress { address, .. } => self.hint_for_address(address),
            ErrorKind::BadPrefix { .. } => None,
            ErrorKind::BadNumber {
                field,
                text,
                unit,
                why,
            } => self
                .meant()
                .or_else(|| hint_for_number(*field, text, *unit, *why)),
            ErrorKind::BadWord {
                known, candidates, ..
            } => self
                .meant()
                .or_else(|| did_you_mean(candidates))
                .or_else(|| Some(format!("it can be {}", either(known)))),
            ErrorKind::UnknownClass {
                word,
                known,
                candidates,
                ..
            } => UNSEEN
                .contains(&word.as_str())
                .then(|| "did you mean 'unknown'?".to_owned())
                .or_else(|| did_you_mean(candidates))
                .or_else(|| {
                    let known = format!("it can be {}", either(known));
                    Some(match self.meant() {
                        Some(meant) => format!("{known}; {meant}"),
                        None => known,
                    })
                }),
            ErrorKind::UnknownInterface { name, .. } if name.is_empty() => {
                Some("the name of an interface follows, as in 'fe80::1%eth0'".to_owned())
            }
            ErrorKind::UnknownInterface { candidates, .. } => self
                .meant()
                .or_else(|| did_you_mean(candidates))
                .or_else(|| {
                    Some("'ip link' lists the interfaces; a number or 'eth*' works too".to_owned())
                }),
            ErrorKind::UnknownUser { candidates, .. } => self
                .meant()
                .or_else(|| did_you_mean(candidates))
                .or_else(|| Some("a number or a pattern such as 'www*' works too".to_owned())),
            ErrorKind::UnknownCgroup { .. } => self.meant().or_else(|| {
                let hint = "give a path below the mount point of cgroup2, or the group's number";
                Some(hint.to_owned())
            }),
            ErrorKind::NoEphemeralRange => {
                Some("write the range, as in 'sport = 32768-60999'".to_owned())
            }
            ErrorKind::ListHasNoOrder { .. } => {
                Some("for any of several values use 'in', '=' or '!='".to_owned())
            }
            ErrorKind::UnclosedBrace => Some("add a '}'".to_owned()),
            ErrorKind::UnknownHost { name, .. } => class_name(name, class::ADDRESSES, "dst")
                .or_else(|| self.meant())
                .or_else(|| address_range(name))
                .or_else(|| unix_name(name)),
            ErrorKind::UnsupportedFamily { .. } => None,
            ErrorKind::OperatorNotAllowed { allowed, .. } => {
                let ops: Vec<_> = allowed.iter().map(|op| quote(op.symbol())).collect();
                Some(format!("use {}", either(&ops)))
            }
            ErrorKind::UnclosedParenthesis => Some("add a ')'".to_owned()),
            ErrorKind::StrayParenthesis => {
                Some("remove it, or add the '(' that belongs to it".to_owned())
            }
            ErrorKind::EmptyParentheses => {
                Some("put a condition between them, as in '( sport = 22 )'".to_owned())
            }
            ErrorKind::UnclosedQuote => Some(
                "close it, or write a backslash before it if it belongs to the value".to_owned(),
            ),
            ErrorKind::TooDeep { .. } => None,
        }
    }

    /// What to write instead of the word before the place, if that is an operator elsewhere.
    fn hint_for_operator(&self) -> Option<String> {
        let before = self.text.get(..self.span.start)?;
        let word = before.split_whitespace().next_back()?;
        is_operator_elsewhere(word).then(|| no_operator(word))
    }

    /// The operator that was meant by the symbols around the place.
    fn operator_meant(&self) -> Option<&'static str> {
        let is_symbol = |c: char| "=<>!".contains(c);
        let (before, after) = self.text.split_at_checked(self.span.start)?;
        let left = before.len() - before.trim_end_matches(is_symbol).len();
        let right = after.len() - after.trim_start_matches(is_symbol).len();
        match self.text.get(before.len() - left..before.len() + right)? {
            "=>" => Some(">="),
            "=<" => Some("<="),
            "<>" | "!==" => Some("!="),
            "===" => Some("="),
            _ => None,
        }
    }

    fn hint_for_unexpected(&self, found: &str) -> Option<String> {
        let before = self.text.get(..self.span.start).unwrap_or_default();
        if found.is_empty() {
            None
        } else if is_operator_elsewhere(found) {
            Some(no_operator(found))
        } else if let Some(operator) = self.operator_meant() {
            Some(format!("did you mean '{operator}'?"))
        } else if before.ends_with(|c: char| !c.is_whitespace() && !"()=<>&|!".contains(c)) {
            Some(format!(
                "if '{}' belongs to the value, put the value in quotes",
                brief(found)
            ))
        } else if before.trim_end().is_empty() {
            Some("begin with a field, as in 'sport = 22'".to_owned())
        } else {
            None
        }
    }

    fn hint_for_address(&self, address: &str) -> Option<String> {
        let after = self.text.get(self.span.end..).unwrap_or_default();
        if address.contains(',') {
            Some(
                "for any of several addresses write 'in', as in 'dst in 10.0.0.1,10.0.0.2'"
                    .to_owned(),
            )
        } else if address.starts_with('[') || after.starts_with(']') {
            Some("an IPv6 address with a port is written '[::1]:22'".to_owned())
        } else if address.contains(':') && address.contains('/') {
            Some("a port comes after the length, as in '10.0.0.0/8:22'".to_owned())
        } else {
            self.meant()
                .or_else(|| network_meant(address))
                .or_else(|| unix_name(address))
        }
    }
}

/// Operators of other languages that are words here.
const ELSEWHERE: &[&str] = &["~", "=~", "~~", "like", "ilike", "matches", "contains"];

/// Whether another language compares with a word that is no operator here.
pub(super) fn is_operator_elsewhere(word: &str) -> bool {
    ELSEWHERE
        .iter()
        .any(|operator| operator.eq_ignore_ascii_case(word))
}

fn no_operator(word: &str) -> String {
    format!("'{word}' is no operator: write '=', with '*' for any text, as in 'process = nginx*'")
}

/// What goes by another name elsewhere, and the field that it is here.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("ip", "'src' (local) or 'dst' (peer)"),
    ("host", "'src' (local) or 'dst' (peer)"),
    ("addr", "'src' (local) or 'dst' (peer)"),
    ("address", "'src' (local) or 'dst' (peer)"),
    ("port", "'sport' (local) or 'dport' (peer)"),
    ("comm", "'process'"),
    ("command", "'process'"),
    ("name", "'process'"),
    ("program", "'process'"),
    ("queue", "'recv_queue' or 'send_queue'"),
];

/// What people call a process that they may not see.
const UNSEEN: &[&str] = &["hidden", "invisible", "unseen", "unreadable", "permission"];

fn quote(text: &str) -> String {
    format!("'{text}'")
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn either<S: AsRef<str>>(words: &[S]) -> String {
    let mut text = String::new();
    for (n, word) in words.iter().enumerate() {
        text.push_str(match words.len() - n {
            _ if n == 0 => "",
            1 => " or ",
            _ => ", ",
        });
        text.push_str(word.as_ref());
    }
    text
}

fn did_you_mean(candidates: &[String]) -> Option<String> {
    let quoted: Vec<_> = candidates.iter().map(|c| quote(c)).collect();
    (!quoted.is_empty()).then(|| format!("did you mean {}?", either(&quoted)))
}

/// What a name that is no field of ours stands for.
pub(super) fn other_name(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    if let Some((_, fields)) = OTHER_NAMES.iter().find(|(other, _)| *other == name) {
        return Some(format!("that is {fields} here"));
    }
    let known = Protocol::ALL.iter().any(|protocol| protocol.word() == name);
    known.then(|| format!("to ask for a protocol, write 'protocol = {name}'"))
}

fn no_such_field(name: &str) -> String {
    let name = &*brief(name);
    let digits = name.strip_prefix(':').unwrap_or(name);
    if StateSetName::find(name).is_some() {
        format!("to ask for a state, write 'state {name}'")
    } else if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        format!("to ask for a port, write 'sport = {digits}' (local) or 'dport = {digits}' (peer)")
    } else if name.starts_with(|c: char| c.is_ascii_digit() || "[/@:".contains(c)) {
        format!("to ask for an address, write 'src {name}' (local) or 'dst {name}' (peer)")
    } else {
        list_of_fields()
    }
}

/// What would have to be collected for a field that people will ask for and that there is not.
pub(super) fn later(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    match name.as_str() {
        "netns" | "ns" => Some("look into other network namespaces"),
        "unit" | "service" | "container" | "pod" => {
            Some("know the units and containers of processes")
        }
        "age" => Some("know when a socket was made"),
        _ => None,
    }
}

fn hint_for_number(field: FieldId, text: &str, unit: Unit, why: NumberFault) -> Option<String> {
    let other = match field {
        FieldId::Pid | FieldId::Fd => "process",
        FieldId::Uid => "user",
        FieldId::Retransmits | FieldId::TimerExpires => "timer",
        _ => "",
    };
    match why {
        NumberFault::NotANumber if text.starts_with('0') => {
            Some("a number that starts with 0 is octal: leave the 0 out".to_owned())
        }
        NumberFault::NotANumber if !other.is_empty() && text.starts_with(char::is_alphabetic) => {
            Some(format!(
                "to ask for a name, write '{other} = {}'",
                brief(text)
            ))
        }
        NumberFault::NotANumber => Some(format!("for example '{}'", example(field))),
        NumberFault::UnknownUnit => Some(unit.told().to_owned()),
        NumberFault::TooLarge => None,
        NumberFault::Backwards => Some("put the smaller number first".to_owned()),
    }
}

fn list_of_fields() -> String {
    "a condition is about 'state', 'sport', 'dport', 'src', 'dst', 'process', 'user' or another of \
     'portctl help columns'"
        .to_owned()
}

fn list_of_states() -> String {
    let names: Vec<_> = StateSetName::ALL.iter().map(|s| s.name).collect();
    format!("a state is one of {}", names.join(", "))
}

fn class_name(name: &str, classes: &[&str], field: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let known = classes.contains(&name.as_str());
    known.then(|| format!("to ask for the class, write 'is', as in '{field} is {name}'"))
}

fn address_range(name: &str) -> Option<String> {
    let numeric = |c: char| c.is_ascii_digit() || c == '.' || c == '-';
    (name.contains('-') && name.chars().all(numeric)).then(|| {
        "several addresses are a network, as in '10.0.0.0/28', or a list after 'in'".to_owned()
    })
}

/// `10.0.0.*` as a network: one to three whole numbers, and stars for the others.
fn network_meant(address: &str) -> Option<String> {
    let octets = address.trim_end_matches(['.', '*']);
    let stars = address.get(octets.len()..)?;
    let numbers: Vec<u8> = octets
        .split('.')
        .map(|octet| octet.parse().ok())
        .collect::<Option<_>>()?;
    let missing = 4_usize.checked_sub(numbers.len()).filter(|n| *n > 0)?;
    let fits = stars == ".*" || stars == ".*".repeat(missing);
    fits.then(|| {
        let zeros = ".0".repeat(missing);
        let length = numbers.len() * 8;
        format!("that is the network '{octets}{zeros}/{length}'")
    })
}

fn unix_name(value: &str) -> Option<String> {
    value.contains(['*', '?', '/']).then(|| {
        format!(
            "to ask for the name of a unix socket, write 'unix:{}'",
            brief(value)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_english() {
        assert_eq!(either(&["a"]), "a");
        assert_eq!(either(&["a", "b"]), "a or b");
        assert_eq!(either(&["a", "b", "c"]), "a, b or c");
    }

    #[test]
    fn a_lonely_value_is_told_its_field() {
        assert_eq!(
            no_such_field("listen"),
            "to ask for a state, write 'state listen'"
        );
        assert!(no_such_field("22").contains("'sport = 22' (local)"));
        assert!(no_such_field("10.0.0.1").contains("'dst 10.0.0.1' (peer)"));
        assert!(no_such_field("banana").contains("'sport'"));
        assert!(other_name("UDP").unwrap().contains("'protocol = udp'"));
        assert!(other_name("comm").unwrap().contains("'process'"));
        assert_eq!(other_name("banana"), None);
    }
}
