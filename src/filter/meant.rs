//! Conditions that were written otherwise than filters are, and how they are written: `sport = not 22` is `sport != 22`.

use super::ast::Op;
use super::brief::brief;
use super::error::{ErrorKind, FilterError};
use super::kind::Kind as FieldKind;
use super::token::{Kind, Token, tokens};
use crate::model::{FieldId, field_by_name};

/// Longer lists are not written out.
const WRITTEN_OUT: usize = 8;

/// The beginning of a condition: all of it that stands before its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) field: FieldId,
    pub(super) op: Op,
}

/// What stands before the value at `at`, if that is a condition's.
pub(super) fn head(tokens: &[Token], at: usize) -> Option<Head> {
    let back = |n: usize| at.checked_sub(n).and_then(|at| tokens.get(at));
    let says = |n: usize, wanted: &str| matches!(back(n).map(|t| &t.kind), Some(Kind::Word(w)) if w.says(wanted));
    let is_not = |n: usize| matches!(back(n).map(|t| &t.kind), Some(Kind::Not));
    let (op, words) = match &back(1)?.kind {
        Kind::Op(op) => (*op, 2),
        Kind::Word(w) if w.says("in") && is_not(2) => (Op::NotIn, 3),
        Kind::Word(w) if w.says("in") => (Op::In, 2),
        Kind::Word(w) if w.says("is") => (Op::Is, 2),
        Kind::Not if says(2, "is") => (Op::IsNot, 3),
        _ => (Op::Eq, 1),
    };
    let field = field_of(back(words)?)?;
    Some(Head { field, op })
}

fn field_of(token: &Token) -> Option<FieldId> {
    match &token.kind {
        Kind::Word(word) => field_by_name(&word.pattern).map(|field| field.id),
        _ => None,
    }
}

/// The text of an error, in its parts.
struct Around<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    /// The one that the error is about.
    at: usize,
}

impl Around<'_> {
    fn kind(&self, at: usize) -> Option<&Kind> {
        self.tokens.get(at).map(|token| &token.kind)
    }

    /// A word as it was written.
    fn word(&self, at: usize) -> Option<&str> {
        let token = self.tokens.get(at)?;
        matches!(token.kind, Kind::Word(_)).then(|| token.span.of(self.text))
    }

    /// Whether a condition begins: a name, and an operator behind it.
    fn begins_condition(&self, at: usize) -> bool {
        let says = |wanted| matches!(self.kind(at + 1), Some(Kind::Word(w)) if w.says(wanted));
        matches!(self.kind(at + 1), Some(Kind::Op(_))) || says("in") || says("is")
    }

    fn head(&self) -> Option<Head> {
        head(&self.tokens, self.at)
    }

    /// `22 < sport`.
    fn turned(&self) -> Option<String> {
        let Some(Kind::Op(op)) = self.kind(self.at + 1) else {
            return None;
        };
        let op = match op {
            Op::Lt => Op::Gt,
            Op::Le => Op::Ge,
            Op::Gt => Op::Lt,
            Op::Ge => Op::Le,
            same => *same,
        };
        let field = field_of(self.tokens.get(self.at + 2)?)?.field().name;
        let value = brief(self.word(self.at)?);
        Some(format!(
            "the field comes first: '{field} {} {value}'",
            op.symbol()
        ))
    }

    /// `sport between 1 and 2`, from its `1`.
    fn between(&self) -> Option<String> {
        let before = self.at.checked_sub(1)?;
        let is_between = matches!(self.kind(before), Some(Kind::Word(w)) if w.says("between"));
        let field = field_of(self.tokens.get(before.checked_sub(1)?)?)?;
        let from = self.word(self.at)?;
        let to = match self.kind(self.at + 1)? {
            Kind::And => self.word(self.at + 2)?,
            _ => "",
        };
        (is_between && !to.is_empty()).then(|| {
            let (name, from, to) = (field.field().name, brief(from), brief(to));
            format!("from one to the other is '{name} in {from}-{to}'")
        })
    }

    /// `sport = 22 or 80`, from its `80`.
    fn several(&self) -> Option<String> {
        if self.begins_condition(self.at) {
            return None;
        }
        let before = self.at.checked_sub(1)?;
        let (first, link) = match self.kind(before)? {
            Kind::Or => (before.checked_sub(1)?, Some(Op::In)),
            Kind::And => (before.checked_sub(1)?, Some(Op::NotIn)),
            // Without a word between them they are values if they look like some.
            _ if self
                .word(self.at)?
                .starts_with(|c: char| c.is_ascii_digit()) =>
            {
                (before, None)
            }
            _ => return None,
        };
        let head = head(&self.tokens, first)?;
        let op = match head.op {
            Op::Eq | Op::In => Op::In,
            Op::Ne | Op::NotIn => Op::NotIn,
            _ => return None,
        };
        if link.is_some_and(|meant| meant != op) {
            return None;
        }
        let mut values = vec![brief(self.word(first)?)];
        let mut at = self.at;
        while let Some(word) = self.word(at).filter(|_| values.len() < WRITTEN_OUT) {
            if self.begins_condition(at) || field_by_name(word).is_some() {
                break;
            }
            values.push(brief(word));
            at += if link.is_some() { 2 } else { 1 };
        }
        Some(format!(
            "for any of several values, write 'in' and commas, as in '{} {} {}'",
            head.field.field().name,
            op.symbol(),
            values.join(",")
        ))
    }

    /// `sport = not 22` or `sport not = 22`, from its field.
    fn negated(&self) -> Option<String> {
        let field = field_of(self.tokens.get(self.at)?)?.field().name;
        let (mut op, mut negated) = (None, false);
        let mut at = self.at + 1;
        let value = loop {
            match self.kind(at)? {
                Kind::Not => negated = !negated,
                Kind::Op(found) if op.is_none() => op = Some(*found),
                Kind::Word(_) if negated => break self.word(at)?,
                _ => return None,
            }
            at += 1;
        };
        if self.begins_condition(at) {
            // That is the next one.
            return None;
        }
        let op = match op.unwrap_or(Op::Eq) {
            Op::Ne => Op::Eq,
            Op::Lt => Op::Ge,
            Op::Le => Op::Gt,
            Op::Gt => Op::Le,
            Op::Ge => Op::Lt,
            _ => Op::Ne,
        };
        Some(format!(
            "the opposite is '{field} {} {}'",
            op.symbol(),
            brief(value)
        ))
    }

    /// `timer != none`.
    fn absent(&self) -> Option<String> {
        let head = self.head()?;
        let word = self.word(self.at)?.to_ascii_lowercase();
        let op = match head.op {
            Op::Eq => Op::Is,
            Op::Ne => Op::IsNot,
            _ => return None,
        };
        matches!(word.as_str(), "none" | "unknown").then(|| {
            let field = head.field.field().name;
            format!(
                "that is no value of its own: write '{field} {} {word}'",
                op.symbol()
            )
        })
    }

    /// `sport is 22`.
    fn compared(&self) -> Option<String> {
        let head = self.head()?;
        let op = match head.op {
            Op::Is => Op::Eq,
            Op::IsNot => Op::Ne,
            _ => return None,
        };
        let (field, value) = (head.field.field().name, brief(self.word(self.at)?));
        Some(format!(
            "a value is compared with '{op}', as in '{field} {op} {value}'",
            op = op.symbol()
        ))
    }

    /// `sport in 22..80`, `sport = 22:80`.
    fn range(&self) -> Option<String> {
        let head = self.head()?;
        let has_ranges = matches!(
            FieldKind::of(head.field),
            FieldKind::Port(_) | FieldKind::Number(_)
        );
        let word = self.word(self.at).filter(|_| has_ranges)?;
        let (from, to) = ["...", "..", "…", "–", ":"]
            .iter()
            .find_map(|sign| word.split_once(sign))?;
        let begins = |end: &str| end.starts_with(|c: char| c.is_ascii_digit());
        let (from, to) = (from, to.trim_start_matches('='));
        (begins(from) && begins(to)).then(|| {
            format!(
                "from one to the other is '{}'",
                brief(&format!("{from}-{to}"))
            )
        })
    }

    /// `sport = 97188711`, as `ss` asks for the inode of a unix socket.
    fn inode(&self) -> Option<String> {
        let word = self.word(self.at)?;
        let number: u64 = word.parse().ok()?;
        let (field, end) = match self.head()?.field {
            FieldId::Sport => ("inode", "src"),
            FieldId::Dport => ("peer_inode", "dst"),
            _ => return None,
        };
        (number > u64::from(u16::MAX)).then(|| {
            format!("if it is the inode of a unix socket, write '{field} = {number}', or {end} '#{number}'")
        })
    }
}

impl FilterError {
    /// How the condition is written that was probably meant.
    pub(super) fn meant(&self) -> Option<String> {
        let tokens = tokens(&self.text).ok()?;
        let at = tokens
            .iter()
            .position(|token| token.span.end > self.span.start)?;
        let text = &self.text;
        let around = Around { text, tokens, at };
        match &*self.kind {
            ErrorKind::UnknownField { .. } => around
                .turned()
                .or_else(|| around.between())
                .or_else(|| around.several()),
            ErrorKind::MissingValue { .. } => around.negated(),
            ErrorKind::UnknownClass { .. } => around.compared(),
            ErrorKind::BadPort { .. } => around
                .inode()
                .or_else(|| around.range())
                .or_else(|| around.absent()),
            ErrorKind::BadWord { .. }
            | ErrorKind::BadNumber { .. }
            | ErrorKind::UnknownService { .. }
            | ErrorKind::UnknownInterface { .. }
            | ErrorKind::UnknownUser { .. }
            | ErrorKind::UnknownHost { .. }
            | ErrorKind::UnknownCgroup { .. }
            | ErrorKind::BadAddress { .. } => around.absent().or_else(|| around.range()),
            _ => None,
        }
    }
}
