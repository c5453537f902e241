//! Tree to predicate: names are looked up, values read, and operators held against their fields.

use super::ast::{Comparison, Expr, Node, NodeKind, Op, Value};
use super::error::{ErrorKind, Fault};
use super::kind::{Kind, TimeUnit, Unit};
use super::predicate::Predicate;
use super::quantity;
use super::split::Piece;
use super::suggest::closest;
use super::token::Span;
use super::{Resolver, Scope, Warning};
use crate::model::{Family, FieldId, StateSet, StateSetName};

/// Checks a whole filter.
pub(super) fn check(
    expr: &Expr,
    scope: &Scope,
    resolver: &dyn Resolver,
) -> Result<(Predicate, Vec<Warning>), Fault> {
    let mut checker = Checker {
        text: &expr.text,
        scope,
        resolver,
        warnings: Vec::new(),
    };
    let mut parts = Vec::new();
    if let Some(states) = leading_states(expr)? {
        parts.push(Predicate::State(states));
    }
    if let Some(root) = &expr.root {
        parts.push(checker.node(root)?);
    }
    Ok((Predicate::all(parts), checker.warnings))
}

/// `state` words add up, starting from none; `exclude` words take away, starting from all.
fn leading_states(expr: &Expr) -> Result<Option<StateSet>, Fault> {
    let mut states = None;
    for word in &expr.states {
        let named = state_set(&word.name)?;
        states = Some(if word.exclude {
            states.unwrap_or(StateSet::ALL).minus(named)
        } else {
            states.unwrap_or(StateSet::EMPTY).or(named)
        });
    }
    Ok(states)
}

fn state_set(value: &Value) -> Result<StateSet, Fault> {
    let name = value.plain();
    let known = StateSetName::find(&name).map(|found| found.set);
    known.ok_or_else(|| {
        let names = StateSetName::ALL.iter().map(|s| s.name);
        let kind = ErrorKind::UnknownState {
            candidates: closest(&name, names),
            name: name.into_owned(),
        };
        Fault::new(kind, value.span)
    })
}

/// Knows what is around the tree while it is checked.
pub(super) struct Checker<'a> {
    /// The text that all spans point into.
    text: &'a str,
    pub(super) scope: &'a Scope,
    pub(super) resolver: &'a dyn Resolver,
    warnings: Vec<Warning>,
}

impl Checker<'_> {
    fn node(&mut self, node: &Node) -> Result<Predicate, Fault> {
        match &node.kind {
            NodeKind::Comparison(comparison) => self.comparison(comparison),
            NodeKind::Autobound => self.autobound(node.span),
            NodeKind::Not(inner) => Ok(self.node(inner)?.negated_if(true)),
            NodeKind::And(parts) => Ok(Predicate::all(self.nodes(parts)?)),
            NodeKind::Or(parts) => Ok(Predicate::any(self.nodes(parts)?)),
        }
    }

    fn nodes(&mut self, nodes: &[Node]) -> Result<Vec<Predicate>, Fault> {
        let mut checked = Vec::with_capacity(nodes.len());
        for node in nodes {
            checked.push(self.node(node)?);
        }
        Ok(checked)
    }

    fn comparison(&mut self, c: &Comparison) -> Result<Predicate, Fault> {
        let kind = Kind::of(c.field);
        if !kind.allows(c.op) {
            let kind = ErrorKind::OperatorNotAllowed {
                field: c.field,
                op: c.op,
                allowed: kind.operators(),
            };
            return Err(Fault::new(kind, c.op_span.unwrap_or(c.field_span)));
        }
        if let Kind::Number(Unit::Time(unit)) = kind
            && !matches!(c.op, Op::Is | Op::IsNot)
        {
            self.note_bare_time(c, unit);
        }
        self.note_what_else_it_is(c, kind);
        let mut any = Vec::with_capacity(c.values.len());
        for value in &c.values {
            any.push(match c.op {
                Op::Is | Op::IsNot => self.class(c, kind, value)?,
                _ => self.compared(c, kind, value)?,
            });
        }
        Ok(Predicate::any(any).negated_if(c.op.is_negated()))
    }

    /// Tells of two readings that may not be meant: the queues of listeners, which tables show in the same columns as bytes, and rates
    /// in bytes, which tables show in bits.
    fn note_what_else_it_is(&mut self, c: &Comparison, kind: Kind) {
        let name = c.field_span.of(self.text);
        let queue = match c.field {
            FieldId::RecvQueue => "accept_queue",
            FieldId::SendQueue => "accept_limit",
            _ => "",
        };
        if self.scope.only_listeners && !queue.is_empty() {
            let message = format!(
                "'{name}' counts bytes, which listeners have none of; their queue is '{queue}'"
            );
            return self.warn(c.field_span, message);
        }
        if !matches!(kind, Kind::Number(Unit::Rate)) {
            return;
        }
        for value in &c.values {
            let text = value.plain();
            let unit = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
            if unit.len() == 1 && unit.starts_with(['k', 'K', 'm', 'M', 'g', 'G', 't', 'T']) {
                let message = format!(
                    "'{text}' is read as {text}B a second; write {text}bit for bits, as tables show them"
                );
                return self.warn(value.span, message);
            }
        }
    }

    /// Tells how the first time without a unit is read, unless the field's name says it.
    fn note_bare_time(&mut self, c: &Comparison, unit: TimeUnit) {
        let name = c.field_span.of(self.text);
        let typed = name.to_ascii_lowercase().replace('-', "_");
        if typed.ends_with("_us") || typed.ends_with("_ms") {
            return;
        }
        for value in &c.values {
            let plain = value.plain();
            let piece = Piece::new(&plain, value.span);
            let Some(number) = quantity::bare_time(c.op, unit, piece) else {
                continue;
            };
            let (op, sign) = (c.op.symbol(), unit.sign());
            let other = match unit {
                TimeUnit::Micro => format!("{number}ms for milliseconds"),
                TimeUnit::Milli => format!("{number}us for microseconds, {number}s for seconds"),
            };
            let message =
                format!("'{name} {op} {plain}' is read as {number} {sign}; write {other}");
            self.warn(value.span, message);
            return;
        }
    }

    /// The field compared with one value, without the "not" that may be in the operator.
    pub(super) fn compared(
        &mut self,
        c: &Comparison,
        kind: Kind,
        value: &Value,
    ) -> Result<Predicate, Fault> {
        match kind {
            Kind::State => Ok(Predicate::State(state_set(value)?)),
            Kind::Port(side) => self.port(side, c.op, value),
            Kind::Host(side) => self.host(side, value),
            _ => self.fact(c, kind, value),
        }
    }

    pub(super) fn only_unix(&self) -> bool {
        let tables = self.scope.tables;
        !tables.is_empty() && tables.iter().all(|t| t.family == Family::Unix)
    }

    /// The only family that is selected, if its addresses are numbers.
    pub(super) fn only_numbers(&self) -> Option<Family> {
        let mut families = self.scope.tables.iter().map(|table| table.family);
        let first = families.next()?;
        families.all(|family| family == first).then_some(first)
    }

    /// Whether numbers that are no ports of IP make sense: inodes of unix sockets, and ports of vsock.
    pub(super) fn only_wide_ports(&self) -> bool {
        let tables = self.scope.tables;
        let wide = |family| matches!(family, Family::Unix | Family::Vsock);
        !tables.is_empty() && tables.iter().all(|t| wide(t.family))
    }

    pub(super) fn warn(&mut self, span: Span, message: String) {
        self.warnings.push(Warning { span, message });
    }
}
