//! What stands behind a field: the operator, and one value or a list of them.

use super::ast::{Op, Value};
use super::error::{ErrorKind, Fault};
use super::kind::Kind as FieldKind;
use super::parse::Parser;
use super::token::{Kind, Span, Token, Word};
use crate::model::{FieldId, field_by_name};

const VALUE: &[&str] = &["a value"];
const STATE_NAME: &[&str] = &["the name of a state"];

impl<'a> Parser<'a> {
    /// Whether an operator comes next.
    pub(super) fn operator_here(&mut self, field: FieldId) -> bool {
        let at = self.at;
        let found = self.operator(field).is_some();
        self.at = at;
        found
    }

    /// The operator that comes next. `in`, `not in`, `is` and `is not` are ones where a value follows; hosts and processes may have
    /// such names.
    pub(super) fn operator(&mut self, field: FieldId) -> Option<(Op, Span)> {
        let token = self.token()?;
        let may_be_name = !FieldKind::of(field).splits_at_commas();
        let value_follows = matches!(self.kind_after(), Some(Kind::Word(_) | Kind::Open));
        let certain = value_follows || !may_be_name;
        let (op, words) = match (&token.kind, self.kind_after()) {
            (Kind::Op(op), _) => (*op, 1),
            (Kind::Word(w), _) if certain && w.says("in") => (Op::In, 1),
            (Kind::Not, Some(Kind::Word(w))) if w.says("in") => (Op::NotIn, 2),
            (Kind::Word(w), Some(Kind::Not)) if w.says("is") => (Op::IsNot, 2),
            (Kind::Word(w), _) if certain && w.says("is") => (Op::Is, 1),
            _ => return None,
        };
        self.at += words - 1;
        let last = self.token().map_or(token.span, |t| t.span);
        self.at += 1;
        Some((op, token.span.to(last)))
    }

    /// The values of a condition whose field is at `name`, and what the operator becomes with them: `= a,b` is `in`.
    pub(super) fn operand(
        &mut self,
        field: FieldId,
        op: Op,
        name: Span,
        op_span: Option<Span>,
    ) -> Result<(Op, Vec<Value>), Fault> {
        let listed = matches!(op, Op::In | Op::NotIn);
        if listed
            && let Some(Token {
                kind: Kind::Open,
                span,
            }) = self.token()
        {
            let values = self.in_parentheses(field, *span)?;
            return Ok((op, values));
        }
        let word = self.value_word(field, name, op_span)?;
        let braces = word.0.pattern.starts_with('{');
        let classes = matches!(op, Op::Is | Op::IsNot);
        let may_be_list = listed || classes || braces || FieldKind::of(field).splits_at_commas();
        if !may_be_list || (word.0.commas.is_empty() && !braces) {
            let value = Value {
                pattern: word.0.pattern.clone(),
                span: word.1,
            };
            return Ok((op, vec![value]));
        }
        let values = self.list(word, braces, field)?;
        let op = match op {
            Op::Eq | Op::In => Op::In,
            Op::Ne | Op::NotIn => Op::NotIn,
            Op::Is | Op::IsNot => op,
            other => {
                let kind = ErrorKind::ListHasNoOrder { op: other };
                return Err(Fault::new(kind, op_span.unwrap_or(name)));
            }
        };
        Ok((op, values))
    }

    /// The word that comes next, which must be a value.
    fn value_word(
        &mut self,
        field: FieldId,
        name: Span,
        op_span: Option<Span>,
    ) -> Result<(&'a Word, Span), Fault> {
        let missing = Fault::new(
            ErrorKind::MissingValue { field },
            op_span.map_or(name, |op| name.to(op)),
        );
        match self.token() {
            Some(Token {
                kind: Kind::Word(word),
                span,
            }) => {
                // `sport dport = 22`: the second word begins a condition of its own.
                let is_field = op_span.is_none() && field_by_name(&word.pattern).is_some();
                if is_field && matches!(self.kind_after(), Some(Kind::Op(_))) {
                    return Err(missing);
                }
                self.at += 1;
                Ok((word, *span))
            }
            Some(Token {
                kind: Kind::Op(_), ..
            }) if field == FieldId::State => Err(self.unexpected(STATE_NAME)),
            Some(Token {
                kind: Kind::Op(_), ..
            }) => Err(self.unexpected(VALUE)),
            _ => Err(missing),
        }
    }

    /// `(a, b c)`, from before its parenthesis.
    fn in_parentheses(&mut self, field: FieldId, open: Span) -> Result<Vec<Value>, Fault> {
        let mut values = Vec::new();
        self.at += 1;
        loop {
            match self.token() {
                Some(Token {
                    kind: Kind::Word(word),
                    span,
                }) => values.extend(items(word, *span)),
                Some(Token {
                    kind: Kind::Close,
                    span,
                }) => {
                    self.at += 1;
                    if values.is_empty() {
                        let kind = ErrorKind::MissingValue { field };
                        return Err(Fault::new(kind, open.to(*span)));
                    }
                    return Ok(values);
                }
                Some(_) => return Err(self.unexpected(&["a value", "')'"])),
                None => return Err(Fault::new(ErrorKind::UnclosedParenthesis, open)),
            }
            self.at += 1;
        }
    }

    /// `a,b` or `a, b` or `{a, b c}`, whose first word was read already.
    fn list(
        &mut self,
        first: (&Word, Span),
        braces: bool,
        field: FieldId,
    ) -> Result<Vec<Value>, Fault> {
        let (mut word, mut span) = (first.0.clone(), first.1);
        let whole = span;
        if braces {
            word.cut_start(1);
            span.start += 1;
        }
        let mut values = Vec::new();
        loop {
            let closed = braces && word.pattern.ends_with('}') && !word.pattern.ends_with("\\}");
            let more = match braces {
                true => !closed,
                false => word
                    .commas
                    .last()
                    .is_some_and(|c| c.0 + 1 == word.pattern.len()),
            };
            if closed {
                word.pattern.pop();
                span.end -= 1;
            }
            values.extend(items(&word, span));
            match self.token() {
                Some(Token {
                    kind: Kind::Word(next),
                    span: place,
                }) if more => {
                    (word, span) = (next.clone(), *place);
                    self.at += 1;
                }
                _ if braces && more => {
                    let open = Span::new(whole.start, whole.start + 1);
                    return Err(Fault::new(ErrorKind::UnclosedBrace, open));
                }
                _ if values.is_empty() => {
                    return Err(Fault::new(ErrorKind::MissingValue { field }, whole));
                }
                _ => return Ok(values),
            }
        }
    }
}

impl Word {
    /// Takes bytes off the start of the pattern.
    fn cut_start(&mut self, bytes: usize) {
        self.pattern.drain(..bytes);
        for comma in &mut self.commas {
            comma.0 = comma.0.saturating_sub(bytes);
        }
    }
}

/// The parts of a word between its commas. Nothing between two commas is nothing; `''` is a value.
fn items(word: &Word, span: Span) -> impl Iterator<Item = Value> {
    let ends = word.commas.iter().copied();
    let ends = ends.chain([(word.pattern.len(), span.end)]);
    let starts = word.commas.iter().map(|c| (c.0 + 1, c.1 + 1));
    let starts = [(0, span.start)].into_iter().chain(starts);
    starts.zip(ends).filter_map(|(from, to)| {
        let span = Span::new(from.1, to.1);
        let pattern = word.pattern.get(from.0..to.0)?.to_owned();
        (from.1 < to.1).then_some(Value { pattern, span })
    })
}
