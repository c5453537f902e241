//! Tokens to tree.
//!
//! The parser keeps its own stack of open parentheses, and lists instead of pairs. So a long chain
//! costs no call stack, neither here nor wherever the tree is walked; parentheses do, hence [`DEEPEST`].

use super::ast::{Comparison, Expr, Node, NodeKind, Op, StateWord};
use super::error::{ErrorKind, Fault, FilterError};
use super::hint::{is_operator_elsewhere, later, other_name};
use super::kind::{Kind as FieldKind, Unit};
use super::meant::head;
use super::quantity::{NumberFault, numbers};
use super::split::Piece;
use super::suggest::closest;
use super::token::{Kind, Span, Token, Word, tokens};
use super::{Warning, reading};
use crate::model::{FIELDS, FieldId, StateSetName, field_by_name};

/// How many parentheses may stand inside each other.
const DEEPEST: usize = 200;

const CONDITION: &[&str] = &["a field", "'not'", "'('"];
const OPERATOR: &[&str] = &["an operator"];
const CONTINUATION: &[&str] = &["'and'", "'or'", "another condition"];

/// Reads a filter. The words are joined with single blanks to the text that all spans point into.
///
/// # Errors
///
/// When the text does not follow the grammar, or names a field that does not exist.
pub fn parse(words: &[String]) -> Result<Expr, FilterError> {
    let text = words.join(" ");
    match parse_text(&text) {
        Ok((states, root, warnings)) => Ok(Expr {
            text,
            states,
            root,
            warnings,
        }),
        Err(fault) => Err(fault.within(&text)),
    }
}

type Parsed = (Vec<StateWord>, Option<Node>, Vec<Warning>);

fn parse_text(text: &str) -> Result<Parsed, Fault> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        text,
        tokens: &tokens,
        at: 0,
        joined: None,
        warnings: Vec::new(),
    };
    let mut states = parser.leading_states()?;
    // `state listen or sport = 22`: nothing in front of an `or` can hold for all of the expression, so the set that the words make is its
    // first part. (`ss` takes no `or` there.)
    let first = match parser.kind() {
        Some(Kind::Or) => condition_of(&mut states),
        _ => None,
    };
    if !states.is_empty() && parser.eat(&Kind::And) {
        parser.joined = states.first().map(|word| word.span);
    }
    if parser.kind().is_none() {
        return match parser.joined {
            Some(_) => Err(parser.unexpected(CONDITION)),
            None => Ok((states, None, parser.warnings)),
        };
    }
    let root = parser.expression(first)?;
    Ok((states, Some(root), parser.warnings))
}

/// Takes words in front of an expression as a condition: `state` words add up, and so does what `exclude` words take away. Words of both
/// kinds make no one condition and stay.
fn condition_of(words: &mut Vec<StateWord>) -> Option<Node> {
    let (first, last) = (words.first()?, words.last()?);
    let exclude = first.exclude;
    if words.iter().any(|word| word.exclude != exclude) {
        return None;
    }
    let span = first.span.to(last.span);
    let op = match (words.len(), exclude) {
        (1, false) => Op::Eq,
        (1, true) => Op::Ne,
        (_, false) => Op::In,
        (_, true) => Op::NotIn,
    };
    let comparison = Comparison {
        field: FieldId::State,
        field_span: span,
        op,
        op_span: None,
        values: words.drain(..).map(|word| word.name).collect(),
    };
    Some(Node {
        kind: NodeKind::Comparison(comparison),
        span,
    })
}

/// What stands between a part and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    And,
    Or,
}

/// One pair of parentheses while it is open, or the whole expression.
#[derive(Default)]
struct Level {
    /// The opening parenthesis.
    open: Option<Span>,
    /// Parts joined with `or` that are complete.
    groups: Vec<Node>,
    /// Parts joined with `and` since the last `or`.
    group: Vec<Node>,
    /// An operator that still waits for the part after it.
    link: Option<Link>,
    /// Where the `not`s in front of the next part begin, and whether their number is odd.
    not: Option<(Span, bool)>,
    /// All parts in their order, with what stands before each.
    parts: Vec<(Link, Span)>,
    /// Whether the first part is several `state` words, which inside parentheses would mean something else.
    begins_with_set: bool,
}

impl Level {
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && !self.is_waiting()
    }

    fn is_waiting(&self) -> bool {
        self.link.is_some() || self.not.is_some()
    }

    fn wants_part(&self) -> bool {
        self.parts.is_empty() || self.is_waiting()
    }

    fn has_or(&self) -> bool {
        self.parts.iter().any(|&(link, _)| link == Link::Or)
    }

    fn add(&mut self, node: Node) {
        let link = self.link.take().unwrap_or(Link::And);
        if link == Link::Or {
            self.close_group();
        }
        let node = match self.not.take() {
            Some((start, odd)) => negated(node, start, odd),
            None => node,
        };
        self.parts.push((link, node.span));
        self.group.push(node);
    }

    fn add_not(&mut self, span: Span) {
        let (start, odd) = self.not.unwrap_or((span, false));
        self.not = Some((start, !odd));
    }

    fn close_group(&mut self) {
        let group = std::mem::take(&mut self.group);
        self.groups.extend(list(group, NodeKind::And));
    }

    fn finish(mut self) -> Option<Node> {
        self.close_group();
        list(self.groups, NodeKind::Or)
    }
}

fn negated(node: Node, start: Span, odd: bool) -> Node {
    let span = start.to(node.span);
    let kind = match node.kind {
        kind if !odd => kind,
        NodeKind::Not(inner) => inner.kind,
        _ => NodeKind::Not(Box::new(node)),
    };
    Node { kind, span }
}

/// A list of one is that one.
fn list(mut parts: Vec<Node>, kind: fn(Vec<Node>) -> NodeKind) -> Option<Node> {
    if parts.len() < 2 {
        return parts.pop();
    }
    let span = parts.first()?.span.to(parts.last()?.span);
    Some(Node {
        kind: kind(parts),
        span,
    })
}

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    pub(super) at: usize,
    /// The first of the states in front, if an `and` follows them.
    joined: Option<Span>,
    warnings: Vec<Warning>,
}

impl<'a> Parser<'a> {
    pub(super) fn token(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn kind(&self) -> Option<&'a Kind> {
        self.token().map(|t| &t.kind)
    }

    pub(super) fn kind_after(&self) -> Option<&'a Kind> {
        self.tokens.get(self.at + 1).map(|t| &t.kind)
    }

    pub(super) fn eat(&mut self, kind: &Kind) -> bool {
        let found = self.kind() == Some(kind);
        self.at += usize::from(found);
        found
    }

    pub(super) fn unexpected(&self, expected: &'static [&'static str]) -> Fault {
        let end = Span::new(self.text.len(), self.text.len());
        let span = self.token().map_or(end, |t| t.span);
        let found = span.of(self.text).to_owned();
        Fault::new(ErrorKind::Unexpected { found, expected }, span)
    }

    fn leading_states(&mut self) -> Result<Vec<StateWord>, Fault> {
        let mut states = Vec::new();
        while let Some(Token {
            kind: Kind::Word(word),
            span,
        }) = self.token()
        {
            let exclude = is_exclude(word);
            let known =
                exclude || field_by_name(&word.pattern).map(|f| f.id) == Some(FieldId::State);
            self.at += 1;
            if !known || (!exclude && self.operator_here(FieldId::State)) {
                self.at -= 1;
                break;
            }
            for name in self.operand(FieldId::State, Op::Eq, *span, None)?.1 {
                let span = span.to(name.span);
                states.push(StateWord {
                    exclude,
                    name,
                    span,
                });
            }
        }
        Ok(states)
    }

    /// An expression, of which the `first` part may have been read already.
    fn expression(&mut self, first: Option<Node>) -> Result<Node, Fault> {
        let mut level = Level::default();
        if let Some(node) = first {
            level.begins_with_set =
                matches!(&node.kind, NodeKind::Comparison(c) if c.values.len() > 1);
            level.add(node);
        }
        let mut outer: Vec<Level> = Vec::new();
        while let Some(token) = self.token() {
            match &token.kind {
                Kind::Word(word) => {
                    let node = self.comparison(word, token.span)?;
                    level.add(node);
                    continue;
                }
                Kind::Not => level.add_not(token.span),
                Kind::Open => {
                    if outer.len() == DEEPEST {
                        let kind = ErrorKind::TooDeep { limit: DEEPEST };
                        return Err(Fault::new(kind, token.span));
                    }
                    let inner = Level {
                        open: Some(token.span),
                        ..Level::default()
                    };
                    outer.push(std::mem::replace(&mut level, inner));
                }
                Kind::Close => {
                    let node = self.close(&mut level, &mut outer)?;
                    level.add(node);
                }
                Kind::And | Kind::Or if level.wants_part() => {
                    return Err(self.unexpected(CONDITION));
                }
                Kind::And => level.link = Some(Link::And),
                Kind::Or => level.link = Some(Link::Or),
                Kind::Op(_) if level.wants_part() => return Err(self.unexpected(CONDITION)),
                Kind::Op(_) => return Err(self.unexpected(CONTINUATION)),
            }
            self.at += 1;
        }
        if let (Some(open), false) = (level.open, level.is_waiting()) {
            return Err(Fault::new(ErrorKind::UnclosedParenthesis, open));
        }
        if let (Some(states), true) = (self.joined, level.has_or()) {
            self.warnings.push(reading::states_hold_for_all(states));
        }
        self.finish(level)
    }

    /// Ends the level that the parenthesis at hand closes, and goes back to the one around it.
    fn close(&mut self, level: &mut Level, outer: &mut Vec<Level>) -> Result<Node, Fault> {
        let span = self.token().map_or_else(Span::default, |t| t.span);
        let Some(open) = level.open else {
            return Err(Fault::new(ErrorKind::StrayParenthesis, span));
        };
        if level.is_empty() {
            return Err(Fault::new(ErrorKind::EmptyParentheses, open.to(span)));
        }
        let inner = std::mem::replace(level, outer.pop().unwrap_or_default());
        let node = self.finish(inner)?;
        Ok(Node {
            kind: node.kind,
            span: open.to(span),
        })
    }

    fn finish(&mut self, level: Level) -> Result<Node, Fault> {
        if level.is_waiting() {
            return Err(self.unexpected(CONDITION));
        }
        self.warnings.extend(reading::difference(
            self.text,
            &level.parts,
            !level.begins_with_set,
        ));
        level.finish().ok_or_else(|| self.unexpected(CONDITION))
    }

    /// `field op value`, `field value`, `exclude NAME`, `autobound`.
    fn comparison(&mut self, word: &Word, span: Span) -> Result<Node, Fault> {
        if word.says("autobound") {
            self.at += 1;
            let kind = NodeKind::Autobound;
            return Ok(Node { kind, span });
        }
        let exclude = is_exclude(word);
        let field = match exclude {
            true => FieldId::State,
            false => self.field(word, span)?,
        };
        self.at += 1;
        let operator = if exclude { None } else { self.operator(field) };
        let op = operator.map_or(if exclude { Op::Ne } else { Op::Eq }, |o| o.0);
        let (op, values) = self.operand(field, op, span, operator.map(|o| o.1))?;
        let end = self
            .at
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(span, |t| t.span);
        let comparison = Comparison {
            field,
            field_span: span,
            op,
            op_span: operator.map(|o| o.1),
            values,
        };
        Ok(Node {
            kind: NodeKind::Comparison(comparison),
            span: span.to(end),
        })
    }

    fn field(&self, word: &Word, span: Span) -> Result<FieldId, Fault> {
        let name = &word.pattern;
        if let Some(field) = field_by_name(name) {
            return Ok(field.id);
        }
        if let Some(span) = self.foreign_operator() {
            let found = span.of(self.text).to_owned();
            let expected = OPERATOR;
            return Err(Fault::new(ErrorKind::Unexpected { found, expected }, span));
        }
        let known = FIELDS
            .iter()
            .flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied()));
        let candidates = closest(name, known.chain(["exclude", "autobound"]));
        let number = self.number_before(word);
        if let Some((field, unit, number)) = number
            && candidates.is_empty()
            && !is_other(name)
            && !is_unit(name, field, unit)
        {
            let span = number.to(span);
            let kind = ErrorKind::BadNumber {
                field,
                text: span.of(self.text).to_owned(),
                unit,
                why: NumberFault::UnknownUnit,
            };
            return Err(Fault::new(kind, span));
        }
        let unit_of = number.filter(|&(field, unit, _)| is_unit(name, field, unit));
        let kind = ErrorKind::UnknownField {
            name: name.clone(),
            candidates,
            unit_of: unit_of.map(|(.., number)| number.of(self.text).to_owned()),
        };
        Err(Fault::new(kind, span))
    }

    /// What stands between a field and the word at hand, and was read as the value, if it is an operator elsewhere.
    fn foreign_operator(&self) -> Option<Span> {
        let mut at = self.at.checked_sub(1)?;
        let mut span = self.tokens.get(at)?.span;
        at = at.checked_sub(1)?;
        let before = self.tokens.get(at)?;
        if matches!(before.kind, Kind::Op(_)) && before.span.end == span.start {
            span = before.span.to(span);
            at = at.checked_sub(1)?;
        }
        let is_field = matches!(&self.tokens.get(at)?.kind, Kind::Word(w) if field_by_name(&w.pattern).is_some());
        (is_field && is_operator_elsewhere(span.of(self.text))).then_some(span)
    }

    /// The number right before the word at hand, and its field, if that has units and the word can be meant as one.
    fn number_before(&self, word: &Word) -> Option<(FieldId, Unit, Span)> {
        let at = self.at.checked_sub(1)?;
        let number = self.tokens.get(at)?;
        let is_number = matches!(&number.kind, Kind::Word(w)
            if w.pattern.ends_with(|c: char| c.is_ascii_digit()) && w.pattern.starts_with(|c: char| c.is_ascii_digit()));
        let is_letters = word.pattern.starts_with(char::is_alphabetic);
        if !is_number || !is_letters || matches!(self.kind_after(), Some(Kind::Op(_))) {
            return None;
        }
        let field = head(self.tokens, at)?.field;
        match FieldKind::of(field) {
            FieldKind::Number(unit) if unit != Unit::None => Some((field, unit, number.span)),
            _ => None,
        }
    }
}

/// Whether a name that no field has means something else that a condition can be begun with.
fn is_other(name: &str) -> bool {
    later(name).is_some() || other_name(name).is_some() || StateSetName::find(name).is_some()
}

/// Whether numbers of the field can end in it.
fn is_unit(name: &str, field: FieldId, unit: Unit) -> bool {
    let number = format!("1{name}");
    let piece = Piece::new(&number, Span::default());
    numbers(field, Op::Eq, unit, piece).is_ok()
}

fn is_exclude(word: &Word) -> bool {
    word.says("exclude") || word.says("excl")
}
