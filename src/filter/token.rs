//! Cuts the filter text into tokens, each with the bytes it came from.
//!
//! A word ends at a blank, a parenthesis or an operator. Three things take that power away:
//! a backslash, quotes, and square brackets (`[::1]`, `[!a-z]`). Blank and tab are the only blanks.
//!
//! What portctl prints can be typed: `\xNN` is a byte and `\u{…}` a character, bare or in double
//! quotes, as `render::escape` writes them.

use super::ast::Op;
use super::error::{ErrorKind, Fault};
use std::fmt::Write as _;
use std::ops::Range;

/// A range of bytes in the filter text, always at character boundaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` up to `end`.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// From the start of this span to the end of `last`.
    #[must_use]
    pub const fn to(self, last: Self) -> Self {
        Self::new(self.start, last.end)
    }

    /// As a range for slicing.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// The text at this place; empty if `text` is not the one the span belongs to.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    And,
    Or,
    Not,
    Op(Op),
    Word(Word),
}

/// A field name or a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// The text without quotes; a backslash stands before each character that means something
    /// somewhere in a value and was written as literal, and `\xNN` is a byte from 0x80 on.
    pub(super) pattern: String,
    /// Whether a quote or a backslash took part, so that it can be no keyword.
    pub(super) quoted: bool,
    /// Commas that may part a list: where in the pattern, and where in the text.
    pub(super) commas: Vec<(usize, usize)>,
}

impl Word {
    /// Adds a character that stands for itself.
    pub(super) fn push_literal(&mut self, c: char) {
        self.quoted = true;
        if SYNTAX.contains(c) {
            self.pattern.push('\\');
        }
        self.pattern.push(c);
    }

    /// Adds a byte that stands for itself.
    fn push_byte(&mut self, byte: u8) {
        if byte.is_ascii() {
            return self.push_literal(byte.into());
        }
        self.quoted = true;
        // Writing to a String cannot fail.
        let _ = write!(self.pattern, "\\x{byte:02x}");
    }

    /// Whether it is this word, in any case and without quotes.
    pub(super) fn says(&self, word: &str) -> bool {
        !self.quoted && self.pattern.eq_ignore_ascii_case(word)
    }
}

/// Whether words end here: at a blank or a tab, as in `ss`, and at nothing else.
pub(super) const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// A token and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// Characters that mean something in a glob, at the start of a value, or between the items of a list.
const SYNTAX: &str = "*?[]\\-!^@#,{}";

/// Characters that end a word, beside blanks and `!=`.
pub(super) const SYMBOL_CHARS: &str = "()&|=<>";

/// Symbols; where one begins another, the longer comes first.
const SYMBOLS: &[(&str, Kind)] = &[
    ("(", Kind::Open),
    (")", Kind::Close),
    ("&&", Kind::And),
    ("&", Kind::And),
    ("||", Kind::Or),
    ("|", Kind::Or),
    ("==", Kind::Op(Op::Eq)),
    ("=", Kind::Op(Op::Eq)),
    ("!=", Kind::Op(Op::Ne)),
    ("!", Kind::Not),
    (">=", Kind::Op(Op::Ge)),
    (">", Kind::Op(Op::Gt)),
    ("<=", Kind::Op(Op::Le)),
    ("<", Kind::Op(Op::Lt)),
];

/// Words that are operators.
const KEYWORDS: &[(&str, Kind)] = &[
    ("and", Kind::And),
    ("or", Kind::Or),
    ("not", Kind::Not),
    ("eq", Kind::Op(Op::Eq)),
    ("ne", Kind::Op(Op::Ne)),
    ("neq", Kind::Op(Op::Ne)),
    ("ge", Kind::Op(Op::Ge)),
    ("geq", Kind::Op(Op::Ge)),
    ("gt", Kind::Op(Op::Gt)),
    ("le", Kind::Op(Op::Le)),
    ("leq", Kind::Op(Op::Le)),
    ("lt", Kind::Op(Op::Lt)),
];

/// The operator that `word` spells, whatever its case.
pub(super) fn keyword(word: &str) -> Option<&'static Kind> {
    KEYWORDS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word))
        .map(|(_, kind)| kind)
}

/// Whether a word of the command line ends in an operator, after which only a value makes sense.
#[must_use]
pub fn ends_in_operator(word: &str) -> bool {
    let last = word.rsplit([' ', '\t']).next().unwrap_or_default();
    let escaped = |before: &str| before.ends_with('\\');
    let symbol = last.strip_suffix(['=', '<', '>']);
    symbol.is_some_and(|before| !escaped(before)) || matches!(keyword(last), Some(Kind::Op(_)))
}

/// All tokens of `text`.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        if lexer.rest().is_empty() {
            return Ok(tokens);
        }
        let kind = match lexer.symbol() {
            Some(kind) => kind,
            None => lexer.word()?,
        };
        let span = Span::new(start, lexer.at);
        tokens.push(Token { kind, span });
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.bump();
        }
    }

    fn symbol(&mut self) -> Option<Kind> {
        let (text, kind) = SYMBOLS
            .iter()
            .find(|(text, _)| self.rest().starts_with(text))?;
        self.at += text.len();
        Some(kind.clone())
    }

    fn word(&mut self) -> Result<Kind, Fault> {
        let mut word = Word::default();
        let mut brackets_end = 0;
        let mut brackets_close = true;
        while let Some(c) = self.peek() {
            match c {
                '\\' => {
                    self.bump();
                    if !self.escape(&mut word) {
                        word.push_literal(self.bump().unwrap_or('\\'));
                    }
                    continue;
                }
                _ if self.at < brackets_end => {}
                '[' if brackets_close => match self.closing_bracket() {
                    Some(end) => brackets_end = end,
                    None => brackets_close = false,
                },
                '\'' | '"' => {
                    self.quoted(c, &mut word)?;
                    continue;
                }
                '!' if self.rest().starts_with("!=") => break,
                ',' => word.commas.push((word.pattern.len(), self.at)),
                c if is_blank(c) || SYMBOL_CHARS.contains(c) => break,
                _ => {}
            }
            word.pattern.push(c);
            self.bump();
        }
        match keyword(&word.pattern) {
            Some(kind) if !word.quoted => Ok(kind.clone()),
            _ => Ok(Kind::Word(word)),
        }
    }

    /// Where the bracket that opens here closes, if it does before the next blank.
    fn closing_bracket(&self) -> Option<usize> {
        let mut escaped = false;
        for (n, c) in self.rest().char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                ']' => return Some(self.at + n),
                c if is_blank(c) => return None,
                _ => {}
            }
        }
        None
    }

    /// Reads what follows the backslash of `\xNN` or `\u{…}`, if it is that.
    fn escape(&mut self, word: &mut Word) -> bool {
        let rest = self.rest();
        if let Some(byte) = rest.strip_prefix('x').and_then(|r| hex(r.get(..2)?))
            && let Ok(byte) = u8::try_from(byte)
        {
            self.at += 3;
            word.push_byte(byte);
            return true;
        }
        // No farther than an escape can reach: a text may hold many that never close.
        let inside = rest.strip_prefix("u{");
        let end = inside.and_then(|r| r.bytes().take(7).position(|b| b == b'}'));
        let digits = inside.zip(end).and_then(|(r, end)| r.get(..end));
        let Some((digits, c)) = digits.and_then(|d| Some((d, char::from_u32(hex(d)?)?))) else {
            return false;
        };
        self.at += digits.len() + 3;
        word.push_literal(c);
        true
    }

    fn quoted(&mut self, quote: char, word: &mut Word) -> Result<(), Fault> {
        let open = Span::new(self.at, self.at + 1);
        self.bump();
        word.quoted = true;
        while let Some(c) = self.bump() {
            match (c, self.peek()) {
                (c, _) if c == quote => return Ok(()),
                ('\\', Some(next @ ('"' | '\\'))) if quote == '"' => {
                    self.bump();
                    word.push_literal(next);
                }
                ('\\', _) if quote == '"' && self.escape(word) => {}
                _ => word.push_literal(c),
            }
        }
        Err(Fault::new(ErrorKind::UnclosedQuote, open))
    }
}

/// One to six hexadecimal digits.
fn hex(digits: &str) -> Option<u32> {
    let fits = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let show = |t: Token| match t.kind {
            Kind::Word(word) if word.quoted => format!("{:?}", word.pattern),
            Kind::Word(word) => word.pattern,
            Kind::Op(op) => op.symbol().to_owned(),
            kind => format!("{kind:?}"),
        };
        let tokens = tokens(text).unwrap();
        tokens.into_iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn operators_need_no_blanks() {
        assert_eq!(shown("(dport=443)"), "Open dport = 443 Close");
        assert_eq!(shown("!sport=22"), "Not sport = 22");
        assert_eq!(shown("dport!=443"), "dport != 443");
        assert_eq!(shown("!!(a)&&b||c"), "Not Not Open a Close And b Or c");
        assert_eq!(
            shown("a>=1&b<=2|c>3&&d<4"),
            "a >= 1 And b <= 2 Or c > 3 And d < 4"
        );
        assert_eq!(shown("not(sport==22)"), "Not Open sport = 22 Close");
    }

    #[test]
    fn an_exclamation_mark_inside_a_word_is_part_of_it() {
        assert_eq!(shown("a!b"), "a!b");
        assert_eq!(shown("a!=b"), "a != b");
        assert_eq!(shown("src=@[!x]y"), "src = @[!x]y");
    }

    #[test]
    fn every_spelling_of_an_operator() {
        assert_eq!(shown("= == eq"), "= = =");
        assert_eq!(shown("!= ne neq"), "!= != !=");
        assert_eq!(shown(">= ge geq > gt"), ">= >= >= > >");
        assert_eq!(shown("<= le leq < lt"), "<= <= <= < <");
        assert_eq!(shown("& && and AND And"), "And And And And And");
        assert_eq!(shown("| || or OR ! not NOT"), "Or Or Or Or Not Not Not");
    }

    #[test]
    fn backslash_quotes_and_brackets_make_literal() {
        assert_eq!(shown(r"a\ b"), r#""a b""#);
        assert_eq!(shown(r"\and"), r#""and""#);
        assert_eq!(shown("'a = (b)'"), r#""a = (b)""#);
        assert_eq!(shown(r#"unix:"a \"b\" c"d"#), r#""unix:a \"b\" cd""#);
        assert_eq!(shown(r"'a*'"), r#""a\\*""#);
        assert_eq!(shown("''"), r#""""#);
        assert_eq!(shown(r"a\"), r#""a\\\\""#);
        assert_eq!(shown("([::1]:22)"), "Open [::1]:22 Close");
        assert_eq!(shown("[a=b]c=d"), "[a=b]c = d");
        assert_eq!(shown("([a)"), "Open [a Close");
    }

    #[test]
    fn what_portctl_prints_can_be_typed() {
        assert_eq!(shown(r"a\x20b\x5cc"), r#""a b\\\\c""#);
        assert_eq!(shown(r#""a\x22b\xff""#), r#""a\"b\\xff""#);
        assert_eq!(shown(r"\u{202e}x"), "\"\\u{202e}x\"");
        assert_eq!(shown(r"'a\x20'"), r#""a\\\\x20""#);
        assert_eq!(
            shown(r"\xg0 \x4 \u{} \u{110000}"),
            r#""xg0" "x4" "u{}" "u{110000}""#
        );
    }

    #[test]
    fn only_blanks_and_tabs_end_a_word() {
        assert_eq!(shown("a\tb"), "a b");
        assert_eq!(tokens("a\nb\u{a0}c").unwrap().len(), 1);
    }

    #[test]
    fn commas_are_remembered_unless_they_are_literal() {
        let commas = |text: &str| match tokens(text).unwrap().remove(0).kind {
            Kind::Word(word) => word.commas,
            kind => panic!("{kind:?}"),
        };
        assert_eq!(commas("80,443"), [(2, 2)]);
        assert_eq!(commas(r"\8\,0,443"), [(4, 5)]);
        assert_eq!(commas("'80,443'"), []);
        assert_eq!(commas("[a,b],c"), [(5, 5)]);
    }

    #[test]
    fn spans_are_bytes() {
        let spans: Vec<_> = tokens("ä=ö (x)").unwrap().iter().map(|t| t.span).collect();
        let of = |s: &Span| s.of("ä=ö (x)").to_owned();
        assert_eq!(
            spans.iter().map(of).collect::<Vec<_>>(),
            ["ä", "=", "ö", "(", "x", ")"]
        );
    }

    #[test]
    fn an_open_quote_is_shown_where_it_opens() {
        let fault = tokens("src = 'ab c").unwrap_err();
        assert_eq!(fault.kind, ErrorKind::UnclosedQuote);
        assert_eq!(fault.span, Span::new(6, 7));
    }
}
