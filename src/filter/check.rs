//! Tree to predicate: names are looked up, values read, and operators held against their fields.

use super::address::{Hosts, Network, hosts};
use super::ast::{Comparison, Expr, Node, NodeKind, Op, Value};
use super::error::{ErrorKind, Fault, PortFault};
use super::glob::Glob;
use super::port::{self, Ports, Written};
use super::predicate::{PortOrder, PortTest, Predicate};
use super::split::{Piece, split};
use super::suggest::closest;
use super::token::Span;
use super::{Resolver, Scope, Warning};
use crate::model::{Family, FieldId, Side, StateSet, StateSetName};

/// Prefixes of values that choose a family, as `ss` has them.
const PREFIXES: [(&str, Option<Family>); 6] = [
    ("inet:", Some(Family::Inet)),
    ("inet6:", Some(Family::Inet6)),
    ("unix:", Some(Family::Unix)),
    ("link:", None),
    ("netlink:", None),
    ("vsock:", None),
];

const EQUALITY: &[Op] = &[Op::Eq, Op::Ne];

/// Checks a whole filter.
pub(super) fn check(
    expr: &Expr,
    scope: &Scope,
    resolver: &dyn Resolver,
) -> Result<(Predicate, Vec<Warning>), Fault> {
    let mut checker = Checker {
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

struct Checker<'a> {
    scope: &'a Scope,
    resolver: &'a dyn Resolver,
    warnings: Vec<Warning>,
}

impl Checker<'_> {
    fn node(&mut self, node: &Node) -> Result<Predicate, Fault> {
        match &node.kind {
            NodeKind::Comparison(comparison) => self.comparison(comparison),
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
        let side = match c.field {
            FieldId::Dport | FieldId::Dst => Side::Peer,
            _ => Side::Local,
        };
        let (order, negated) = PortOrder::of(c.op);
        let predicate = match c.field {
            FieldId::State => {
                equality_only(c)?;
                Predicate::State(state_set(&c.value)?)
            }
            FieldId::Sport | FieldId::Dport => self.port(side, order, &c.value)?,
            FieldId::Src | FieldId::Dst => {
                equality_only(c)?;
                self.host(side, &c.value)?
            }
            field => {
                let kind = ErrorKind::UnsupportedField { field };
                return Err(Fault::new(kind, c.field_span));
            }
        };
        Ok(predicate.negated_if(negated))
    }

    /// `sport`, `dport`.
    fn port(&mut self, side: Side, order: PortOrder, value: &Value) -> Result<Predicate, Fault> {
        let plain = value.plain();
        let (family, piece) = family_prefix(Piece::new(&plain, value.span))?;
        let piece = piece.strip_prefix(":").unwrap_or(piece);
        let (ports, inode) = match self.read_port(piece)? {
            Written::Any if order == PortOrder::Eq => {
                return Ok(in_family(family, Vec::new()));
            }
            Written::Any => return Err(port::bad(piece, PortFault::AnyHasNoOrder)),
            Written::Service(ports) => (ports, None),
            Written::Number(number) => {
                let of_unix = family.map_or(self.only_unix(), |f| f == Family::Unix);
                let port = u16::try_from(number).ok();
                if port.is_none() && !of_unix {
                    return Err(port::bad(piece, PortFault::OutOfRange));
                }
                (Ports::same(port), Some(number))
            }
        };
        let test = PortTest {
            side,
            order,
            ports,
            inode,
        };
        Ok(in_family(family, vec![Predicate::Port(test)]))
    }

    fn read_port(&mut self, piece: Piece<'_>) -> Result<Written, Fault> {
        self.note_octal(piece.text, piece.span());
        port::read(piece, self.resolver)
    }

    /// `src`, `dst`.
    fn host(&mut self, side: Side, value: &Value) -> Result<Predicate, Fault> {
        let plain = value.plain();
        let (family, piece) = family_prefix(Piece::new(&plain, value.span))?;
        let is_name = match family {
            None => value.pattern.starts_with(['/', '@']) || self.only_unix(),
            Some(family) => family == Family::Unix,
        };
        match family {
            None if is_any(piece.text) => Ok(Predicate::Constant(true)),
            _ if is_name => {
                let pattern = value.pattern.as_str();
                let pattern = pattern.strip_prefix("unix:").unwrap_or(pattern);
                Ok(Predicate::Name(side, Glob::new(pattern)))
            }
            _ => self.address(side, family, piece),
        }
    }

    fn address(
        &mut self,
        side: Side,
        family: Option<Family>,
        piece: Piece<'_>,
    ) -> Result<Predicate, Fault> {
        let resolver = self.resolver;
        let halves = split(piece, &|text| port::is_port(text, resolver))?;
        let mut parts = Vec::new();
        if let Some(host) = halves.host {
            match hosts(host, halves.length, family)? {
                Hosts::Any => {}
                Hosts::Network(network) => {
                    for number in host.text.split(['.', '/']) {
                        self.note_octal(number, host.span());
                    }
                    parts.push(Predicate::Network(side, network));
                }
                Hosts::Named => parts.push(self.named(side, family, host)?),
            }
            if let (true, Some(port)) = (halves.ambiguous, halves.port) {
                let (host, port, whole) = (host.text, port.text, piece.text);
                self.warn(
                    piece.span(),
                    format!(
                        "'{whole}' is read as '[{host}]:{port}', address and port, as 'ss' does: \
                         for the address, write '[{whole}]'"
                    ),
                );
            }
        }
        if let Some(port) = halves.port {
            parts.extend(self.port_of_address(side, port)?);
        }
        Ok(in_family(family, parts))
    }

    /// Any of the addresses that a host has in the family.
    fn named(
        &self,
        side: Side,
        family: Option<Family>,
        host: Piece<'_>,
    ) -> Result<Predicate, Fault> {
        let unknown = |reason| {
            let name = host.text.to_owned();
            Fault::new(ErrorKind::UnknownHost { name, reason }, host.span())
        };
        let networks: Vec<Predicate> = self
            .resolver
            .host(host.text)
            .map_err(unknown)?
            .into_iter()
            .filter(|address| match family {
                Some(Family::Inet) => address.is_ipv4(),
                Some(Family::Inet6) => address.is_ipv6(),
                _ => true,
            })
            .map(|address| Predicate::Network(side, Network::host(address)))
            .collect();
        match family {
            _ if !networks.is_empty() => Ok(Predicate::any(networks)),
            Some(family) => Err(unknown(format!("none of family {family}"))),
            None => Err(unknown("none was found".to_owned())),
        }
    }

    /// The port behind an address; unix sockets have none.
    fn port_of_address(
        &mut self,
        side: Side,
        piece: Piece<'_>,
    ) -> Result<Option<Predicate>, Fault> {
        let ports = match self.read_port(piece)? {
            Written::Any => return Ok(None),
            Written::Service(ports) => ports,
            Written::Number(number) => match u16::try_from(number) {
                Ok(port) => Ports::same(Some(port)),
                Err(_) => return Err(port::bad(piece, PortFault::OutOfRange)),
            },
        };
        Ok(Some(Predicate::Port(PortTest {
            side,
            order: PortOrder::Eq,
            ports,
            inode: None,
        })))
    }

    fn only_unix(&self) -> bool {
        let tables = self.scope.tables;
        !tables.is_empty() && tables.iter().all(|t| t.family == Family::Unix)
    }

    fn note_octal(&mut self, text: &str, span: Span) {
        if let Some(value) = port::octal(text) {
            let message = format!("'{text}' begins with 0 and is read as octal: {value}");
            self.warn(span, message);
        }
    }

    fn warn(&mut self, span: Span, message: String) {
        self.warnings.push(Warning { span, message });
    }
}

fn equality_only(c: &Comparison) -> Result<(), Fault> {
    if EQUALITY.contains(&c.op) {
        return Ok(());
    }
    let kind = ErrorKind::OperatorNotAllowed {
        field: c.field,
        op: c.op,
        allowed: EQUALITY,
    };
    Err(Fault::new(kind, c.op_span.unwrap_or(c.field_span)))
}

/// Takes the family off a value.
fn family_prefix(value: Piece<'_>) -> Result<(Option<Family>, Piece<'_>), Fault> {
    for (prefix, family) in PREFIXES {
        match (value.strip_prefix(prefix), family) {
            (Some(rest), Some(family)) => return Ok((Some(family), rest)),
            (Some(_), None) => {
                let family = prefix.trim_end_matches(':');
                let kind = ErrorKind::UnsupportedFamily { family };
                return Err(Fault::new(kind, value.span()));
            }
            (None, _) => {}
        }
    }
    Ok((None, value))
}

fn is_any(text: &str) -> bool {
    text == "*"
        || ["any", "all", "default"]
            .iter()
            .any(|a| a.eq_ignore_ascii_case(text))
}

/// All of `parts`, for sockets of the family only.
fn in_family(family: Option<Family>, mut parts: Vec<Predicate>) -> Predicate {
    if let Some(family) = family {
        parts.insert(0, Predicate::Family(family));
    }
    Predicate::all(parts)
}
