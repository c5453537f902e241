//! What can be wrong with a filter: as data, in words, and with the place in the text.

use super::ast::Op;
use super::brief::brief;
use super::hint::{either, later};
use super::kind::Unit;
use super::quantity::{NumberFault, hexadecimal};
use super::token::Span;
use crate::model::FieldId;
use std::fmt::{self, Display, Formatter};

/// What is wrong and where. Drawing the text with a mark under the place is up to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// What is wrong.
    pub kind: Box<ErrorKind>,
    /// The place in `text`.
    pub span: Span,
    /// The whole filter as it was read: the words with a blank between them.
    pub text: String,
    /// Where it was read from, if it was not typed.
    pub file: Option<FilePlace>,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The name of the file.
    pub name: String,
    /// The line that the place is in, from 1.
    pub line: usize,
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
        /// The number that it is a unit of, if it stands right behind one.
        unit_of: Option<String>,
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
    /// Not a number, or not one of the field.
    BadNumber {
        /// The field.
        field: FieldId,
        /// The number as written.
        text: String,
        /// What it could be measured in.
        unit: Unit,
        /// Why not.
        why: NumberFault,
    },
    /// None of the words that the field can be.
    BadWord {
        /// The field.
        field: FieldId,
        /// The word as written.
        word: String,
        /// The words that it can be.
        known: Vec<&'static str>,
        /// Those close to it.
        candidates: Vec<String>,
    },
    /// Nothing that the field can be said to be with `is`.
    UnknownClass {
        /// The field.
        field: FieldId,
        /// The word as written.
        word: String,
        /// What it can be.
        known: Vec<&'static str>,
        /// Those close to it.
        candidates: Vec<String>,
    },
    /// No interface has this name.
    UnknownInterface {
        /// The name as written.
        name: String,
        /// Names that are close to it.
        candidates: Vec<String>,
    },
    /// No user has this name.
    UnknownUser {
        /// The name as written.
        name: String,
        /// Names that are close to it.
        candidates: Vec<String>,
    },
    /// There is no such control group.
    UnknownCgroup {
        /// The path as written.
        path: String,
        /// What the lookup said.
        reason: String,
    },
    /// The system does not tell which ports it gives to connections, or the sockets are of another host.
    NoEphemeralRange,
    /// The name has no address.
    UnknownHost {
        /// The name as written.
        name: String,
        /// What the lookup said.
        reason: String,
    },
    /// A family whose addresses filters do not know.
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
    /// Several values for an operator that asks for an order.
    ListHasNoOrder {
        /// The operator.
        op: Op,
    },
    /// A brace that nothing closes; the span is its own.
    UnclosedBrace,
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
    /// The range ends before it begins.
    Backwards,
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
            kind: Box::new(self.kind),
            span: self.span,
            text: text.to_owned(),
            file: None,
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
        match &*self.kind {
            ErrorKind::UnknownField { name, .. } if later(name).is_some() => {
                format!("'{}' cannot be asked for yet", brief(name))
            }
            ErrorKind::UnknownField { name, .. } => format!("there is no field '{}'", brief(name)),
            ErrorKind::MissingValue { .. } if self.span.of(&self.text).starts_with(['(', '{']) => {
                "there is no value between these".to_owned()
            }
            ErrorKind::MissingValue { .. } => {
                format!(
                    "a value is missing after '{}'",
                    brief(self.span.of(&self.text))
                )
            }
            ErrorKind::Unexpected { found, expected } if found.is_empty() => {
                format!("the filter ends where {} should follow", either(expected))
            }
            ErrorKind::Unexpected { found, expected } => {
                format!(
                    "'{}' stands where {} should be",
                    brief(found),
                    either(expected)
                )
            }
            ErrorKind::UnknownState { name, .. } => format!("there is no state '{}'", brief(name)),
            ErrorKind::BadPort { port, why } => match why {
                PortFault::OutOfRange => {
                    format!("'{}' is not a port: a port is 0 to 65535", brief(port))
                }
                PortFault::NotANumber => {
                    format!("'{}' is neither a port number nor a service", brief(port))
                }
                PortFault::Empty => "the port is empty".to_owned(),
                PortFault::AnyHasNoOrder => {
                    "'*' is any port, and nothing is above or below that".to_owned()
                }
                PortFault::Backwards => {
                    format!("the range '{}' ends before it begins", brief(port))
                }
            },
            ErrorKind::UnknownService { name, .. } => {
                format!(
                    "'{}' is neither a port number nor a known service",
                    brief(name)
                )
            }
            ErrorKind::BadAddress { address, wanted } => {
                format!("'{}' is not {wanted}", brief(address))
            }
            ErrorKind::BadPrefix { prefix, why } => {
                format!("'/{}' is wrong here: {why}", brief(prefix))
            }
            ErrorKind::BadNumber {
                field,
                text,
                unit,
                why,
            } => {
                let name = field.field().name;
                match why {
                    NumberFault::NotANumber if is_negative(text) => {
                        format!("'{}' is below 0, which '{name}' never is", brief(text))
                    }
                    NumberFault::NotANumber => {
                        format!("'{}' is not a number, as '{name}' is", brief(text))
                    }
                    NumberFault::UnknownUnit if hexadecimal(text).is_some() => {
                        format!(
                            "'{}' is not a hexadecimal number: 0x is followed by digits, 0 to 9 and a to f",
                            brief(text)
                        )
                    }
                    NumberFault::UnknownUnit
                        if matches!(unit, Unit::None | Unit::Hex)
                            && text.bytes().all(|b| b.is_ascii_hexdigit()) =>
                    {
                        format!("'{}' is not a decimal number", brief(text))
                    }
                    NumberFault::UnknownUnit => {
                        format!("'{}' ends in no unit that '{name}' has", brief(text))
                    }
                    NumberFault::TooLarge => format!("'{}' is too large a number", brief(text)),
                    NumberFault::Backwards => {
                        format!("the range '{}' ends before it begins", brief(text))
                    }
                }
            }
            ErrorKind::BadWord { field, word, .. } => {
                format!("'{}' is never '{}'", field.field().name, brief(word))
            }
            ErrorKind::UnknownClass { field, word, .. } => {
                format!(
                    "'{}' is nothing that '{}' can be",
                    brief(word),
                    field.field().name
                )
            }
            ErrorKind::UnknownInterface { name, .. } if name.is_empty() => {
                "the interface after '%' is missing".to_owned()
            }
            ErrorKind::UnknownInterface { name, .. } => {
                format!("there is no interface '{}'", brief(name))
            }
            ErrorKind::UnknownUser { name, .. } => format!("there is no user '{}'", brief(name)),
            ErrorKind::UnknownCgroup { path, reason } => {
                format!("there is no control group '{}': {reason}", brief(path))
            }
            ErrorKind::NoEphemeralRange => {
                "which ports are ephemeral cannot be known here".to_owned()
            }
            ErrorKind::ListHasNoOrder { op } => {
                format!(
                    "'{}' compares with one value, not with several",
                    op.symbol()
                )
            }
            ErrorKind::UnclosedBrace => "this brace is never closed".to_owned(),
            ErrorKind::UnknownHost { name, reason } => {
                format!("the host '{}' has no address: {reason}", brief(name))
            }
            ErrorKind::UnsupportedFamily { family } => {
                format!(
                    "'{family}:' is no prefix of addresses: there are inet, inet6, unix, link, netlink and vsock"
                )
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
}

/// Whether it is a number with a minus before it, perhaps with a unit.
fn is_negative(text: &str) -> bool {
    let after = text.strip_prefix('-');
    after.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

impl Display for FilterError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for FilterError {}
