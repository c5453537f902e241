//! What can be wrong with a filter: as data, in words, and with the place in the text.

use super::ast::{FIELDS, Op};
use super::token::Span;
use crate::model::{FieldId, StateSetName};
use std::fmt::{self, Display, Formatter};

/// What is wrong and where. Drawing the text with a mark under the place is up to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// What is wrong.
    pub kind: ErrorKind,
    /// The place in `text`.
    pub span: Span,
    /// The whole filter as it was read: the words with a blank between them.
    pub text: String,
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No field has this name.
    UnknownField {
        /// The name as written.
        name: String,
        /// Names that are close to it.
        candidates: Vec<String>,
    },
    /// The field can be shown, but not filtered on.
    UnsupportedField {
        /// The field.
        field: FieldId,
    },
    /// Nothing to compare the field with.
    MissingValue {
        /// The field; none for `exclude`.
        field: FieldId,
    },
    /// Something stands where something else belongs.
    Unexpected {
        /// What stands there; empty at the end of the text.
        found: String,
        /// What could stand there.
        expected: &'static [&'static str],
    },
    /// No state and no group of states has this name.
    UnknownState {
        /// The name as written.
        name: String,
        /// Names that are close to it.
        candidates: Vec<String>,
    },
    /// Not a port.
    BadPort {
        /// The port as written.
        port: String,
        /// Why not.
        why: PortFault,
    },
    /// No service has this name.
    UnknownService {
        /// The name as written.
        name: String,
        /// Names that are close to it.
        candidates: Vec<String>,
    },
    /// Neither an address nor a name that could have one.
    BadAddress {
        /// The address as written.
        address: String,
        /// What kind of address was asked for.
        wanted: &'static str,
    },
    /// Not the length of a network's prefix.
    BadPrefix {
        /// The length as written.
        prefix: String,
        /// What is allowed, or why nothing is.
        why: &'static str,
    },
    /// An interface after `%`.
    InterfaceInAddress,
    /// The name has no address.
    UnknownHost {
        /// The name as written.
        name: String,
        /// What the lookup said.
        reason: String,
    },
    /// A family whose sockets are not listed yet.
    UnsupportedFamily {
        /// Its prefix without the colon.
        family: &'static str,
    },
    /// The field cannot be compared like this.
    OperatorNotAllowed {
        /// The field.
        field: FieldId,
        /// The operator.
        op: Op,
        /// Operators that can be used.
        allowed: &'static [Op],
    },
    /// A parenthesis that nothing closes; the span is its own.
    UnclosedParenthesis,
    /// A closing parenthesis that nothing opened.
    StrayParenthesis,
    /// Parentheses with nothing between them.
    EmptyParentheses,
    /// A quote that nothing closes; the span is its own.
    UnclosedQuote,
    /// More parentheses inside each other than anybody needs.
    TooDeep {
        /// How many are allowed.
        limit: usize,
    },
}

/// Why something is not a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortFault {
    /// Below 0 or above 65535.
    OutOfRange,
    /// Made of digits, but not a number (`08` is not octal).
    NotANumber,
    /// Nothing there.
    Empty,
    /// `*` with an operator that asks for an order.
    AnyHasNoOrder,
}

/// An error whose text is known to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: ErrorKind,
    pub(super) span: Span,
}

impl Fault {
    pub(super) const fn new(kind: ErrorKind, span: Span) -> Self {
        Self { kind, span }
    }

    pub(super) fn within(self, text: &str) -> FilterError {
        FilterError {
            kind: self.kind,
            span: self.span,
            text: text.to_owned(),
        }
    }
}

impl FilterError {
    /// The text and the place in it that the error is about.
    #[must_use]
    pub fn location(&self) -> (&str, Span) {
        (&self.text, self.span)
    }

    /// What is wrong, in one sentence without a full stop.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.kind {
            ErrorKind::UnknownField { name, .. } => format!("there is no field '{name}'"),
            ErrorKind::UnsupportedField { field } => {
                let name = field.field().name;
                format!("'{name}' can be shown, but not filtered on yet")
            }
            ErrorKind::MissingValue { .. } => {
                format!("a value is missing after '{}'", self.span.of(&self.text))
            }
            ErrorKind::Unexpected { found, expected } if found.is_empty() => {
                format!("the filter ends where {} should follow", either(expected))
            }
            ErrorKind::Unexpected { found, expected } => {
                format!("'{found}' stands where {} should be", either(expected))
            }
            ErrorKind::UnknownState { name, .. } => format!("there is no state '{name}'"),
            ErrorKind::BadPort { port, why } => match why {
                PortFault::OutOfRange => format!("'{port}' is not a port: a port is 0 to 65535"),
                PortFault::NotANumber => format!("'{port}' is neither a port number nor a service"),
                PortFault::Empty => "the port is empty".to_owned(),
                PortFault::AnyHasNoOrder => {
                    "'*' is any port, and nothing is above or below that".to_owned()
                }
            },
            ErrorKind::UnknownService { name, .. } => {
                format!("'{name}' is neither a port number nor a known service")
            }
            ErrorKind::BadAddress { address, wanted } => format!("'{address}' is not {wanted}"),
            ErrorKind::BadPrefix { prefix, why } => {
                format!("'/{prefix}' is wrong here: {why}")
            }
            ErrorKind::InterfaceInAddress => {
                "an address in a filter cannot name an interface".to_owned()
            }
            ErrorKind::UnknownHost { name, reason } => {
                format!("the host '{name}' has no address: {reason}")
            }
            ErrorKind::UnsupportedFamily { family } => {
                format!("'{family}:' is not supported yet: filters know inet, inet6 and unix")
            }
            ErrorKind::OperatorNotAllowed { field, op, .. } => {
                let (name, op) = (field.field().name, op.symbol());
                format!("'{name}' cannot be compared with '{op}'")
            }
            ErrorKind::UnclosedParenthesis => "this parenthesis is never closed".to_owned(),
            ErrorKind::StrayParenthesis => "this parenthesis closes nothing".to_owned(),
            ErrorKind::EmptyParentheses => "there is nothing between these parentheses".to_owned(),
            ErrorKind::UnclosedQuote => "this quote is never closed".to_owned(),
            ErrorKind::TooDeep { limit } => {
                format!("more than {limit} parentheses inside each other")
            }
        }
    }

    /// What to try instead, if there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match &self.kind {
            ErrorKind::UnknownField { name, candidates } => {
                Some(did_you_mean(candidates).unwrap_or_else(|| no_such_field(name)))
            }
            ErrorKind::UnsupportedField { .. } => Some(list_of_fields()),
            ErrorKind::MissingValue { field } => Some(format!("for example '{}'", example(*field))),
            ErrorKind::Unexpected { found, .. } => self.hint_for_unexpected(found),
            ErrorKind::UnknownState { candidates, .. } => {
                did_you_mean(candidates).or_else(|| Some(list_of_states()))
            }
            ErrorKind::UnknownService { name, candidates } => {
                did_you_mean(candidates).or_else(|| unix_name(name))
            }
            ErrorKind::BadPort { why, .. } => match why {
                PortFault::NotANumber => {
                    Some("a number that starts with 0 is octal: leave the 0 out".to_owned())
                }
                PortFault::AnyHasNoOrder => Some("use '=', or a number".to_owned()),
                PortFault::OutOfRange | PortFault::Empty => None,
            },
            ErrorKind::BadAddress { address, .. } => self.hint_for_address(address),
            ErrorKind::BadPrefix { .. } => None,
            ErrorKind::InterfaceInAddress => {
                Some("leave out the '%' and what follows it".to_owned())
            }
            ErrorKind::UnknownHost { name, .. } => unix_name(name),
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

    fn hint_for_unexpected(&self, found: &str) -> Option<String> {
        let before = self.text.get(..self.span.start).unwrap_or_default();
        if found.is_empty() {
            None
        } else if before.ends_with(|c: char| !c.is_whitespace() && !"()=<>&|!".contains(c)) {
            Some(format!(
                "if '{found}' belongs to the value, put the value in quotes"
            ))
        } else if before.trim_end().is_empty() {
            Some("begin with a field, as in 'sport = 22'".to_owned())
        } else {
            None
        }
    }

    fn hint_for_address(&self, address: &str) -> Option<String> {
        let after = self.text.get(self.span.end..).unwrap_or_default();
        if address.starts_with('[') || after.starts_with(']') {
            Some("an IPv6 address with a port is written '[::1]:22'".to_owned())
        } else if address.contains(':') && address.contains('/') {
            Some("a port comes after the length, as in '10.0.0.0/8:22'".to_owned())
        } else {
            unix_name(address)
        }
    }
}

impl Display for FilterError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for FilterError {}

fn quote(text: &str) -> String {
    format!("'{text}'")
}

/// `a`, `a or b`, `a, b or c`.
fn either<S: AsRef<str>>(words: &[S]) -> String {
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

fn no_such_field(name: &str) -> String {
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

fn list_of_fields() -> String {
    let names = FIELDS.map(|f| quote(f.field().name));
    format!("a condition is about {}", either(&names))
}

fn list_of_states() -> String {
    let names: Vec<_> = StateSetName::ALL.iter().map(|s| s.name).collect();
    format!("a state is one of {}", names.join(", "))
}

fn example(field: FieldId) -> &'static str {
    match field {
        FieldId::State => "state established",
        FieldId::Dport => "dport = 443",
        FieldId::Src => "src 10.0.0.0/8",
        FieldId::Dst => "dst 10.0.0.0/8",
        _ => "sport = 22",
    }
}

fn unix_name(value: &str) -> Option<String> {
    value
        .contains(['*', '?', '/'])
        .then(|| format!("to ask for the name of a unix socket, write 'unix:{value}'"))
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
    }
}
