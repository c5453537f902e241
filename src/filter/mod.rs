//! The filter: a language for choosing sockets, a superset of the one `ss` has.
//!
//! ```text
//!  words ──token──▶ tokens ──parse──▶ Expr ──check──▶ Predicate ──▶ True, False or Unknown
//!                 with spans        with spans    ▲                 for each socket
//!                                             Resolver
//! ```
//!
//! Text is read in three steps, each of which knows nothing of the next. Names that only the system
//! can look up come through [`Resolver`], so that nothing here does I/O. What is wrong with a filter
//! is data ([`FilterError`]) with the place in the text; drawing it is the application's.

mod address;
mod ast;
mod brief;
mod by_address;
mod check;
mod class;
mod ends;
mod error;
#[cfg(test)]
mod every_field;
mod fact;
mod facts;
mod glob;
mod hint;
mod kind;
mod meant;
#[cfg(test)]
mod mistakes;
mod names;
mod narrow;
mod numbers;
mod offer;
mod operand;
#[cfg(test)]
mod oracle;
mod parse;
mod port;
mod predicate;
mod pushdown;
mod quantity;
mod reading;
mod source;
mod split;
mod suggest;
mod token;

pub use address::{Network, NetworkSet};
pub use ast::{Comparison, Expr, Node, NodeKind, Op, StateWord, Value};
pub use brief::brief;
pub use by_address::ByAddress;
pub use error::{ErrorKind, FilePlace, FilterError, PortFault};
pub use glob::Glob;
pub use kind::{TimeUnit, Unit};
pub use names::Names;
pub use numbers::NumberSet;
pub use offer::{classes_of, has_order, words_of};
pub use parse::parse;
pub use port::Ports;
pub use predicate::{PortSets, PortTest, Predicate, Truth};
pub use quantity::NumberFault;
pub use source::{file_text, words};
pub use suggest::closest;
pub use token::{Span, ends_in_operator};

use crate::model::{
    Condition, Conditions, DetailSet, Family, FieldId, IfIndex, Protocol, Row, StateSet, Table,
    TableSet, Uid,
};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// What a filter is applied to.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The tables that options select. If only unix tables are among them, addresses are unix names
    /// and ports are inodes.
    pub tables: TableSet,
    /// Whether options leave nothing but listeners.
    pub only_listeners: bool,
}

/// Looks up what only the system knows.
pub trait Resolver {
    /// The ports of a service, services(5), and for raw sockets the number of a protocol,
    /// protocols(5). `None` if there is no such name.
    fn service(&self, name: &str) -> Option<Vec<(Protocol, u16)>>;
    /// Names of services that a mistyped one may stand for, see [`closest`].
    fn similar_services(&self, name: &str) -> Vec<String>;
    /// All addresses of a host. May ask the network and take seconds.
    ///
    /// # Errors
    ///
    /// The reason, in words, why there are none.
    fn host(&self, name: &str) -> Result<Vec<IpAddr>, String>;
    /// The interface of a name or another name (altname) in this network namespace.
    fn interface(&self, name: &str) -> Option<IfIndex>;
    /// Names of interfaces that a mistyped one may stand for.
    fn similar_interfaces(&self, name: &str) -> Vec<String>;
    /// The user of a login name.
    fn user(&self, name: &str) -> Option<Uid>;
    /// Names of users that a mistyped one may stand for.
    fn similar_users(&self, name: &str) -> Vec<String>;
    /// The number of the control group (cgroup2) at a path: one from the root of the file system, or below where the hierarchy is mounted.
    ///
    /// # Errors
    ///
    /// The reason, in words, why there is none.
    fn cgroup(&self, path: &[u8]) -> Result<u64, String>;
    /// The ports that the kernel gives to connections, `net.ipv4.ip_local_port_range`.
    fn ephemeral_ports(&self) -> Option<RangeInclusive<u16>>;
}

/// Something in a filter that means something else than one might think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The place in the text of the filter.
    pub span: Span,
    /// One sentence without a full stop.
    pub message: String,
}

/// A filter that is ready to be applied.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The condition.
    pub predicate: Predicate,
    /// The text that was typed, which the spans of its warnings point into.
    pub text: String,
    /// What the reader should know about how the text was read.
    pub warnings: Vec<Warning>,
    /// Whether it asks for states, in which case no states are hidden by default.
    pub mentions_state: bool,
    /// Whether it must be known who holds the sockets.
    pub needs_owners: bool,
    /// The details that it asks for.
    pub needs_details: DetailSet,
}

/// Reads a filter and looks up the names in it.
///
/// # Errors
///
/// When the text does not follow the grammar, or a name or value in it makes no sense.
pub fn compile(
    words: &[String],
    scope: &Scope,
    resolver: &dyn Resolver,
) -> Result<Filter, FilterError> {
    let mut expr = parse(words)?;
    let (predicate, warnings) =
        check::check(&expr, scope, resolver).map_err(|fault| fault.within(&expr.text))?;
    expr.warnings.extend(warnings);
    Ok(Filter {
        mentions_state: predicate.has(&|p| matches!(p, Predicate::State(_))),
        needs_owners: predicate.has(&Predicate::needs_owners),
        needs_details: predicate.needs_details(),
        predicate,
        text: expr.text,
        warnings: expr.warnings,
    })
}

/// Reads a filter that stands in a file.
///
/// # Errors
///
/// As [`compile`]; the error names the file and the line.
pub fn compile_file(
    name: &str,
    contents: &[u8],
    scope: &Scope,
    resolver: &dyn Resolver,
) -> Result<Filter, FilterError> {
    let (text, lines) = source::text_and_lines(contents);
    compile(&[text], scope, resolver).map_err(|error| FilterError {
        file: Some(FilePlace {
            name: name.to_owned(),
            line: 1 + lines.iter().filter(|&&at| at <= error.span.start).count(),
        }),
        ..error
    })
}

impl Filter {
    /// What passes both filters.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.warnings.extend(other.warnings);
        Self {
            predicate: Predicate::all(
                [self.predicate, other.predicate]
                    .into_iter()
                    .filter(|p| *p != Predicate::Constant(true))
                    .collect(),
            ),
            mentions_state: self.mentions_state || other.mentions_state,
            needs_owners: self.needs_owners || other.needs_owners,
            needs_details: self.needs_details.or(other.needs_details),
            ..self
        }
    }

    /// The filter that every socket matches.
    #[must_use]
    pub const fn everything() -> Self {
        Self {
            predicate: Predicate::Constant(true),
            text: String::new(),
            warnings: Vec::new(),
            mentions_state: false,
            needs_owners: false,
            needs_details: DetailSet::NONE,
        }
    }

    /// Whether a socket matches. Only [`Truth::True`] is shown.
    #[must_use]
    #[inline]
    pub fn matches(&self, row: Row<'_>) -> Truth {
        match &self.predicate {
            // Most lists have no filter.
            Predicate::Constant(known) => (*known).into(),
            predicate => predicate.matches(&row),
        }
    }

    /// The fields that it asks for and that may be unknown.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldId> {
        self.predicate.fields()
    }

    /// What every IP socket that can match fulfils, as far as a kernel can decide it.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        narrow::conditions(&self.predicate)
    }

    /// Every state in which a socket can match.
    #[must_use]
    pub fn states(&self) -> StateSet {
        pushdown::states(&self.predicate)
    }

    /// Those of `selected` in which a socket can match.
    #[must_use]
    pub fn tables(&self, selected: TableSet) -> TableSet {
        let conditions = self.conditions();
        let possible = |table: Table| {
            table.family == Family::Unix || *conditions.of(table.protocol) != Condition::Nothing
        };
        pushdown::tables(&self.predicate, selected).filter(possible)
    }
}
