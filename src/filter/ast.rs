//! The tree a filter text stands for, before anything in it is looked up; with the place of each part.
//!
//! `Display` writes a tree as text in which every group has its parentheses; parsing that text
//! gives the same tree.

use super::Warning;
use super::token::{SYMBOL_CHARS, Span, is_blank, keyword};
use crate::model::FieldId;
use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write as _};

/// A whole filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// The text that all spans point into.
    pub text: String,
    /// The `state` and `exclude` words in front of the expression. They apply to all of it.
    pub states: Vec<StateWord>,
    /// The expression, if there is one.
    pub root: Option<Node>,
    /// What the reader should know about how the text was read.
    pub warnings: Vec<Warning>,
}

/// `state NAME` or `exclude NAME` in front of the expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateWord {
    /// Whether it takes states away.
    pub exclude: bool,
    /// The name of a state or of a group of states.
    pub name: Value,
    /// Both words.
    pub span: Span,
}

/// A part of the expression and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where it is, with its parentheses.
    pub span: Span,
}

/// What a part of the expression is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// `field op value`.
    Comparison(Comparison),
    /// `autobound`: the kernel chose the local port or name.
    Autobound,
    /// `not` in front of something that is not itself a `not`: two of them are none.
    Not(Box<Node>),
    /// All of at least two parts.
    And(Vec<Node>),
    /// Any of at least two parts.
    Or(Vec<Node>),
}

/// `field op value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The field of the registry.
    pub field: FieldId,
    /// Where its name is.
    pub field_span: Span,
    /// How the two are compared; without an operator, for equality.
    pub op: Op,
    /// Where the operator is, if it was written.
    pub op_span: Option<Span>,
    /// What the field is compared with; several for [`Op::In`] and [`Op::NotIn`], else one.
    pub values: Vec<Value>,
}

/// How a field is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as in PartialOrd")]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
    Is,
    IsNot,
}

impl Op {
    /// The symbol or the words of the operator.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Is => "is",
            Self::IsNot => "is not",
        }
    }

    /// Whether it is the opposite of one of the others: `!=`, `not in`, `is not`.
    #[must_use]
    pub const fn is_negated(self) -> bool {
        matches!(self, Self::Ne | Self::NotIn | Self::IsNot)
    }

    /// Whether it asks for an order.
    #[must_use]
    pub const fn is_order(self) -> bool {
        matches!(self, Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The text without quotes; a backslash stands before each character that means something
    /// somewhere in a value and was written as literal, and `\xNN` is a byte from 0x80 on.
    pub pattern: String,
    /// Where it is.
    pub span: Span,
}

impl Value {
    /// The text without quotes and backslashes; a byte that is no UTF-8 is U+FFFD.
    #[must_use]
    pub fn plain(&self) -> Cow<'_, str> {
        if !self.pattern.contains('\\') {
            return Cow::Borrowed(&self.pattern);
        }
        let mut plain = String::new();
        let mut chars = self.pattern.chars();
        while let Some(c) = chars.next() {
            match (c, chars.as_str().as_bytes().first()) {
                ('\\', Some(b'x')) => {
                    chars.nth(2);
                    plain.push(char::REPLACEMENT_CHARACTER);
                }
                ('\\', _) => plain.extend(chars.next()),
                _ => plain.push(c),
            }
        }
        Cow::Owned(plain)
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.pattern.is_empty() {
            return f.write_str("''");
        }
        let is = |word: &str| self.pattern.eq_ignore_ascii_case(word);
        if keyword(&self.pattern).is_some() || is("in") || is("is") {
            f.write_char('\\')?;
        }
        for c in self.pattern.chars() {
            if is_blank(c) || SYMBOL_CHARS.contains(c) || matches!(c, '\'' | '"') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        Ok(())
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        for word in &self.states {
            let key = if word.exclude { "exclude" } else { "state" };
            write!(f, "{gap}{key} {}", word.name)?;
            gap = " ";
        }
        match &self.root {
            Some(root) => write!(f, "{gap}{root}"),
            None => Ok(()),
        }
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::Comparison(c) => {
                write!(f, "{} {} ", c.field.field().name, c.op.symbol())?;
                let listed = matches!(c.op, Op::In | Op::NotIn);
                f.write_str(if listed { "(" } else { "" })?;
                for (n, value) in c.values.iter().enumerate() {
                    write!(f, "{}{value}", if n > 0 { ", " } else { "" })?;
                }
                f.write_str(if listed { ")" } else { "" })
            }
            NodeKind::Autobound => f.write_str("autobound"),
            NodeKind::Not(operand) => write!(f, "not {operand}"),
            NodeKind::And(parts) => group(f, parts, "and"),
            NodeKind::Or(parts) => group(f, parts, "or"),
        }
    }
}

fn group(f: &mut Formatter<'_>, parts: &[Node], link: &str) -> fmt::Result {
    f.write_str("( ")?;
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            write!(f, " {link} ")?;
        }
        part.fmt(f)?;
    }
    f.write_str(" )")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::parse;
    use crate::model::FIELDS;
    use proptest::prelude::*;

    fn without_spans(mut node: Node) -> Node {
        let none = Span::default();
        node.span = none;
        match &mut node.kind {
            NodeKind::Comparison(c) => {
                (c.field_span, c.op_span) = (none, None);
                c.values.iter_mut().for_each(|v| v.span = none);
            }
            NodeKind::Autobound => {}
            NodeKind::Not(inner) => **inner = without_spans((**inner).clone()),
            NodeKind::And(parts) | NodeKind::Or(parts) => {
                *parts = std::mem::take(parts)
                    .into_iter()
                    .map(without_spans)
                    .collect();
            }
        }
        node
    }

    fn printed(text: &str) -> String {
        parse(&[text.to_owned()]).unwrap().to_string()
    }

    #[test]
    fn printed_text_has_all_parentheses() {
        assert_eq!(printed(""), "");
        assert_eq!(printed("  dport :443 "), "dport = :443");
        assert_eq!(
            printed("sport 1 or sport 2 sport 3 and not sport ne 4"),
            "( sport = 1 or ( sport = 2 and sport = 3 and not sport != 4 ) )"
        );
        assert_eq!(printed("! ! ( not ( sport 1 ) )"), "not sport = 1");
        assert_eq!(printed("not ( not sport 1 )"), "sport = 1");
        assert_eq!(
            printed("((sport=1)and(sport=2))"),
            "( sport = 1 and sport = 2 )"
        );
        assert_eq!(
            printed("( sport 1 sport 2 ) and sport 3"),
            "( ( sport = 1 and sport = 2 ) and sport = 3 )"
        );
    }

    #[test]
    fn printed_states() {
        assert_eq!(
            printed("state listen excl close and sport 1 or sport 2"),
            "state listen exclude close ( sport = 1 or sport = 2 )"
        );
        assert_eq!(printed("state listen"), "state listen");
        assert_eq!(printed("( state listen )"), "state = listen");
        assert_eq!(
            printed("state listen or sport 1"),
            "( state = listen or sport = 1 )"
        );
        assert_eq!(
            printed("sport 1 exclude close"),
            "( sport = 1 and state != close )"
        );
    }

    #[test]
    fn printed_values_keep_their_meaning() {
        assert_eq!(printed("src '/a b'"), r"src = /a\ b");
        assert_eq!(printed("src '/a*'"), r"src = /a\*");
        assert_eq!(printed("src /a*[b!]"), "src = /a*[b!]");
        assert_eq!(printed("src 'and'"), r"src = \and");
        assert_eq!(printed("src ''"), "src = ''");
        assert_eq!(printed(r"src \@a\xff\x2a"), r"src = \@a\xff\*");
        assert_eq!(printed("src a,b"), "src = a,b");
    }

    #[test]
    fn printed_lists() {
        assert_eq!(printed("sport 80,443"), "sport in (80, 443)");
        assert_eq!(printed("sport = 80, 443,"), "sport in (80, 443)");
        assert_eq!(printed("sport != {80 443}"), "sport not in (80, 443)");
        assert_eq!(printed("sport in (80,443 22)"), "sport in (80, 443, 22)");
        assert_eq!(printed("sport not in 80"), "sport not in (80)");
        assert_eq!(printed("src in a,'b,c'"), r"src in (a, b\,c)");
        assert_eq!(printed("src in"), r"src = \in");
        assert_eq!(printed("dst is not private"), "dst is not private");
        assert_eq!(printed("dst is a,b"), "dst is a, b");
        assert_eq!(printed("dst is a, b"), "dst is a, b");
        assert_eq!(
            printed("not autobound state in listen,close"),
            "( not autobound and state in (listen, close) )"
        );
        assert_eq!(printed("state listen,close"), "state listen state close");
    }

    #[test]
    fn spans_hold_what_they_name() {
        let text = "sport = 1 and not ( dst ü or src 2 )";
        let expr = parse(&[text.to_owned()]).unwrap();
        let root = expr.root.unwrap();
        assert_eq!(root.span.of(text), text);
        let NodeKind::And(parts) = root.kind else {
            panic!("{:?}", root.kind)
        };
        assert_eq!(parts[0].span.of(text), "sport = 1");
        assert_eq!(parts[1].span.of(text), "not ( dst ü or src 2 )");
        let NodeKind::Comparison(c) = &parts[0].kind else {
            panic!("{parts:?}")
        };
        assert_eq!(c.field_span.of(text), "sport");
        assert_eq!(c.op_span.unwrap().of(text), "=");
        assert_eq!(c.values[0].span.of(text), "1");
    }

    fn value() -> impl Strategy<Value = Value> {
        use crate::filter::token::Word;
        let bare = "[a-z0-9:/.@*?-]{1,6}|@\\[!?[a-z]{1,2}\\]";
        let quoted = "[a-z*?\\[\\]\\\\!^= ()&|<>'\"ü@#,{}\\n-]{0,6}|and|NOT|ge|in|is";
        let literal = |text: String| {
            let mut word = Word::default();
            text.chars().for_each(|c| word.push_literal(c));
            word.pattern
        };
        prop_oneof![bare.prop_map(|s| s), quoted.prop_map(literal)].prop_map(|pattern| Value {
            pattern,
            span: Span::default(),
        })
    }

    fn node() -> impl Strategy<Value = Node> {
        let bare = |kind| Node {
            kind,
            span: Span::default(),
        };
        let field = prop::sample::select(FIELDS.iter().map(|f| f.id).collect::<Vec<_>>());
        let single = vec![
            Op::Eq,
            Op::Ne,
            Op::Lt,
            Op::Le,
            Op::Gt,
            Op::Ge,
            Op::Is,
            Op::IsNot,
        ];
        let operand = prop_oneof![
            (prop::sample::select(single), value().prop_map(|v| vec![v])),
            (
                prop::sample::select(vec![Op::In, Op::NotIn]),
                prop::collection::vec(value(), 1..4)
            ),
        ];
        let comparison = (field, operand).prop_map(move |(field, (op, values))| {
            bare(NodeKind::Comparison(Comparison {
                field,
                field_span: Span::default(),
                op,
                op_span: None,
                values,
            }))
        });
        let leaf = prop_oneof![
            9 => comparison,
            1 => Just(bare(NodeKind::Autobound)),
        ];
        leaf.prop_recursive(5, 40, 4, move |inner| {
            let parts = prop::collection::vec(inner.clone(), 2..4);
            prop_oneof![
                parts.clone().prop_map(move |p| bare(NodeKind::And(p))),
                parts.prop_map(move |p| bare(NodeKind::Or(p))),
                inner.prop_map(move |n| match n.kind {
                    NodeKind::Not(_) => n,
                    _ => bare(NodeKind::Not(Box::new(n))),
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_parsed_again(root in node(), states in prop::collection::vec((any::<bool>(), value()), 0..3)) {
            let states: Vec<StateWord> = states
                .into_iter()
                .map(|(exclude, name)| StateWord { exclude, name, span: Span::default() })
                .collect();
            let expr = Expr { text: String::new(), states, root: Some(root), warnings: Vec::new() };
            let again = parse(&[expr.to_string()]).unwrap();
            prop_assert_eq!(again.to_string(), expr.to_string());
            prop_assert_eq!(again.root.map(without_spans), expr.root);
            let names = |states: &[StateWord]| -> Vec<(bool, String)> {
                states.iter().map(|s| (s.exclude, s.name.pattern.clone())).collect()
            };
            prop_assert_eq!(names(&again.states), names(&expr.states));
        }
    }
}
