//! Numbers as a filter writes them: with units and fractions, and from one to another.

use super::ast::Op;
use super::error::{ErrorKind, Fault};
use super::kind::{TimeUnit, Unit};
use super::numbers::NumberSet;
use super::port;
use super::split::Piece;
use crate::model::FieldId;

/// Why something is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// Letters, or nothing, or digits of another base.
    NotANumber,
    /// What follows the digits is no unit that the field can have, or what follows `0x` is no hexadecimal number.
    UnknownUnit,
    /// More than 64 bits.
    TooLarge,
    /// The range ends before it begins.
    Backwards,
}

/// Bytes in each unit.
const BYTES: &[(&str, u64)] = &[
    ("b", 1),
    ("k", 1 << 10),
    ("kb", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1 << 20),
    ("mb", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1 << 30),
    ("gb", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1 << 40),
    ("tb", 1 << 40),
    ("tib", 1 << 40),
];

/// Microseconds in each unit.
const TIMES: &[(&str, u64)] = &[
    ("us", 1),
    // The micro sign, and the Greek letter.
    ("\u{b5}s", 1),
    ("\u{3bc}s", 1),
    ("ms", 1000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// Bytes a second in each unit: of bytes as above, or of bits, where the letters are powers of 1000 as networks count. A bit is an
/// eighth, so the numbers are of eighths.
const RATES: &[(&str, u64)] = &[
    ("b/s", 8),
    ("k", 8 << 10),
    ("kb/s", 8 << 10),
    ("kib/s", 8 << 10),
    ("m", 8 << 20),
    ("mb/s", 8 << 20),
    ("mib/s", 8 << 20),
    ("g", 8 << 30),
    ("gb/s", 8 << 30),
    ("gib/s", 8 << 30),
    ("t", 8 << 40),
    ("tb/s", 8 << 40),
    ("tib/s", 8 << 40),
    ("bit", 1),
    ("bit/s", 1),
    ("bps", 1),
    ("kbit", 1_000),
    ("kbit/s", 1_000),
    ("kbps", 1_000),
    ("mbit", 1_000_000),
    ("mbit/s", 1_000_000),
    ("mbps", 1_000_000),
    ("gbit", 1_000_000_000),
    ("gbit/s", 1_000_000_000),
    ("gbps", 1_000_000_000),
    ("tbit", 1_000_000_000_000),
    ("tbit/s", 1_000_000_000_000),
    ("tbps", 1_000_000_000_000),
];

impl Unit {
    /// Its names, with how many of what is compared each is.
    const fn names(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::None | Self::Hex => &[],
            Self::Bytes => BYTES,
            Self::Time(_) => TIMES,
            Self::Rate => RATES,
            Self::Factor => &[("x", 256)],
        }
    }

    /// How many of what is compared a number without a unit is.
    const fn implied(self) -> u64 {
        match self {
            Self::None | Self::Hex | Self::Bytes => 1,
            Self::Time(unit) => unit.micros(),
            Self::Rate => 8,
            Self::Factor => 256,
        }
    }

    /// How many of those that its names stand for make one of what is compared.
    const fn divisor(self) -> u64 {
        match self {
            Self::Rate => 8,
            _ => 1,
        }
    }

    /// The names of units as errors tell them.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::None => "it has no unit; a hexadecimal number begins with 0x, as in 0x1f",
            Self::Hex => "a hexadecimal number begins with 0x, as in 0x1f",
            Self::Bytes => "its units are k, M, G and T, 1k being 1024 bytes",
            Self::Time(_) => "its units are us, ms, s, m, h and d",
            Self::Rate => {
                "its units are bit, kbit, Mbit, Gbit, Tbit, and k, M, G, T for bytes, all of them a second"
            }
            Self::Factor => "it is a multiple: 1.5",
        }
    }
}

/// The numbers that a value stands for: those that compare with it, or, for `a-b`, those from one to the other.
pub(super) fn numbers(
    field: FieldId,
    op: Op,
    unit: Unit,
    piece: Piece<'_>,
) -> Result<NumberSet, Fault> {
    let bad = |piece: Piece<'_>, why| {
        let text = piece.text.to_owned();
        Fault::new(
            ErrorKind::BadNumber {
                field,
                text,
                unit,
                why,
            },
            piece.span(),
        )
    };
    let read = |piece: Piece<'_>| number(piece.text, unit).map_err(|why| bad(piece, why));
    if let Some((from, to)) = range(piece).filter(|_| !op.is_order()) {
        let (from, to) = (read(from)?, read(to)?);
        if from > to {
            return Err(bad(piece, NumberFault::Backwards));
        }
        let first = from.whole.saturating_add(from.more.into());
        return Ok(NumberSet::of([(first, to.whole)]));
    }
    Ok(read(piece)?.comparing(op))
}

/// A number that a value stands for; what it is compared with is always whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Quantity {
    whole: u64,
    /// Whether it is more than that, by less than one.
    more: bool,
}

impl Quantity {
    /// The whole numbers that compare with it as `op` says; none is equal to one with a fraction.
    fn comparing(self, op: Op) -> NumberSet {
        match op {
            _ if !self.more => NumberSet::comparing(op, self.whole),
            Op::Lt | Op::Le => NumberSet::comparing(Op::Le, self.whole),
            Op::Gt | Op::Ge => NumberSet::comparing(Op::Gt, self.whole),
            _ => NumberSet::EMPTY,
        }
    }
}

/// A number that must be whole and has no unit, in any base.
pub(super) fn identity(text: &str) -> Result<u64, NumberFault> {
    number(text, Unit::Hex).map(|read| read.whole)
}

/// The first number of a value of times that has no unit and could be mistaken: not 0.
pub(super) fn bare_time<'a>(op: Op, unit: TimeUnit, piece: Piece<'a>) -> Option<&'a str> {
    let ends = range(piece).filter(|_| !op.is_order());
    let pieces = ends.map_or([Some(piece), None], |(from, to)| [Some(from), Some(to)]);
    let bare = |text: &str| {
        let named = TIMES.iter().any(|(name, _)| ends_in(text, name));
        !named && number(text, Unit::Time(unit)).is_ok_and(|n| n.whole > 0 || n.more)
    };
    pieces
        .into_iter()
        .flatten()
        .map(|p| p.text)
        .find(|text| bare(text))
}

/// Whether what follows the digits of `text` is `name`. (The `d` of `0x1d` is a digit.)
fn ends_in(text: &str, name: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    unit.eq_ignore_ascii_case(name)
}

/// The two ends of `a-b`, if both begin with a digit or a point.
pub(super) fn range(piece: Piece<'_>) -> Option<(Piece<'_>, Piece<'_>)> {
    let at = piece.text.find('-')?;
    let (from, to) = (piece.part(0..at), piece.from(at + 1));
    let begins = |p: Piece<'_>| p.text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    (begins(from) && begins(to)).then_some((from, to))
}

/// Reads `22`, `0x16`, `026`, `64k`, `1.5s`, `.5s`.
fn number(text: &str, unit: Unit) -> Result<Quantity, NumberFault> {
    if let Some(n) = port::number(text) {
        return divided(
            u128::from(n) * u128::from(unit.implied()),
            unit.divisor().into(),
        );
    }
    if let Some(digits) = hexadecimal(text) {
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        return Err(match all_digits {
            true => NumberFault::TooLarge,
            false => NumberFault::UnknownUnit,
        });
    }
    let digits_end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (digits, name) = text.split_at(digits_end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if digits.is_empty() || fraction.contains('.') || digits.ends_with('.') {
        return Err(NumberFault::NotANumber);
    }
    let scale = match unit.names().iter().find(|n| n.0.eq_ignore_ascii_case(name)) {
        Some(found) => found.1,
        None if name.is_empty() && matches!(unit, Unit::Time(_) | Unit::Factor) => unit.implied(),
        None if name.is_empty() && fraction.is_empty() => {
            // Only digits, and port::number has refused them: too many, or a leading 0 before an 8 or 9.
            return Err(match whole.starts_with('0') {
                true => NumberFault::NotANumber,
                false => NumberFault::TooLarge,
            });
        }
        None if name.is_empty() => return Err(NumberFault::NotANumber),
        None => return Err(NumberFault::UnknownUnit),
    };
    if fraction.len() > 9 || whole.len() > 20 {
        return Err(NumberFault::TooLarge);
    }
    let number: u128 = format!("{whole}{fraction}")
        .parse()
        .map_err(|_| NumberFault::NotANumber)?;
    let divisor = 10u128.pow(fraction.len() as u32) * u128::from(unit.divisor());
    let scaled = number
        .checked_mul(scale.into())
        .ok_or(NumberFault::TooLarge)?;
    divided(scaled, divisor)
}

fn divided(scaled: u128, divisor: u128) -> Result<Quantity, NumberFault> {
    let whole = u64::try_from(scaled / divisor).map_err(|_| NumberFault::TooLarge)?;
    let more = !scaled.is_multiple_of(divisor);
    Ok(Quantity { whole, more })
}

/// What follows the `0x` of a number that is written in hexadecimal.
pub(super) fn hexadecimal(text: &str) -> Option<&str> {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Span;
    use proptest::prelude::*;

    const MICRO: Unit = Unit::Time(TimeUnit::Micro);
    const MILLI: Unit = Unit::Time(TimeUnit::Milli);

    /// A number without a fraction.
    fn whole(text: &str, unit: Unit) -> Option<u64> {
        number(text, unit).ok().filter(|n| !n.more).map(|n| n.whole)
    }

    #[test]
    fn units_and_fractions() {
        assert_eq!(whole("22", Unit::None), Some(22));
        assert_eq!(whole("0x16", Unit::None), Some(22));
        assert_eq!(whole("64k", Unit::Bytes), Some(65536));
        assert_eq!(whole("1.5KiB", Unit::Bytes), Some(1536));
        assert_eq!(whole("2M", Unit::Bytes), Some(2 << 20));
        assert_eq!(whole("100", MILLI), Some(100_000));
        assert_eq!(whole("100", MICRO), Some(100));
        assert_eq!(whole("3T", Unit::Bytes), Some(3 << 40));
        for text in ["500us", "500µs", "500μs", ".5ms", "0.5MS", "500"] {
            assert_eq!(whole(text, MICRO), Some(500), "{text}");
        }
        assert_eq!(whole("100ms", MICRO), Some(100_000));
        assert_eq!(whole("1.5s", MICRO), Some(1_500_000));
        assert_eq!(whole("2m", MICRO), Some(120_000_000));
    }

    #[test]
    fn what_is_no_number() {
        use NumberFault::{NotANumber, TooLarge, UnknownUnit};
        for (text, unit, why) in [
            ("", Unit::None, NotANumber),
            ("nginx", Unit::None, NotANumber),
            ("-1", Unit::None, NotANumber),
            ("08", Unit::None, NotANumber),
            ("1.5", Unit::None, NotANumber),
            ("1.5", Unit::Bytes, NotANumber),
            ("1.", MICRO, NotANumber),
            ("1..5s", MICRO, NotANumber),
            (".", MICRO, NotANumber),
            (".s", MICRO, NotANumber),
            ("", MICRO, NotANumber),
            ("0x", Unit::Hex, UnknownUnit),
            ("0xg", Unit::None, UnknownUnit),
            ("1f", Unit::Hex, UnknownUnit),
            ("0x10000000000000000", Unit::Hex, TooLarge),
            ("5k", Unit::None, UnknownUnit),
            ("5apples", MICRO, UnknownUnit),
            ("5ü", Unit::Bytes, UnknownUnit),
            ("99999999999999999999", Unit::None, TooLarge),
            ("99999999999999999999k", Unit::Bytes, TooLarge),
            ("18446744073709551615", MILLI, TooLarge),
            ("99999999999999999999d", MICRO, TooLarge),
            ("1.0000000001s", MICRO, TooLarge),
        ] {
            assert_eq!(number(text, unit), Err(why), "{text}");
        }
    }

    fn numbers_of(op: Op, text: &str, unit: Unit) -> NumberSet {
        let piece = Piece::new(text, Span::new(0, text.len()));
        numbers(FieldId::Inode, op, unit, piece).unwrap()
    }

    #[test]
    fn a_fraction_of_what_is_compared_is_rounded_by_the_operator() {
        let of = |op, text| numbers_of(op, text, MICRO);
        assert_eq!(of(Op::Lt, "4.5us").ranges(), [(0, 4)]);
        assert_eq!(of(Op::Le, "4.5us").ranges(), [(0, 4)]);
        assert_eq!(of(Op::Gt, "4.5us").ranges(), [(5, u64::MAX)]);
        assert_eq!(of(Op::Ge, "4.5us").ranges(), [(5, u64::MAX)]);
        assert!(of(Op::Eq, "4.5us").is_empty());
        assert!(of(Op::Ne, "4.5us").is_empty());
        assert_eq!(of(Op::Eq, "4.5us-6.5us").ranges(), [(5, 6)]);
        assert!(of(Op::Eq, "4.5us-4.6us").is_empty());
        let rates = numbers_of(Op::Ge, "1bit", Unit::Rate);
        assert_eq!(rates.ranges(), [(1, u64::MAX)]);
    }

    #[test]
    fn times_without_a_unit_are_noticed() {
        let bare = |op, text: &'static str| {
            bare_time(
                op,
                TimeUnit::Micro,
                Piece::new(text, Span::new(0, text.len())),
            )
        };
        assert_eq!(bare(Op::Gt, "100"), Some("100"));
        assert_eq!(bare(Op::Gt, "0x1d"), Some("0x1d"));
        assert_eq!(bare(Op::Gt, "1.5"), Some("1.5"));
        assert_eq!(bare(Op::Eq, "5-10ms"), Some("5"));
        for text in ["0", "0.0", "100us", "1.5S", "5us-10ms", "0-10ms"] {
            assert_eq!(bare(Op::Eq, text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_comparison_holds_as_it_does_between_fractions(
            eighths in 0u64..400, asked in 0u64..50, op in prop::sample::select(vec![Op::Eq, Op::Lt, Op::Le, Op::Gt, Op::Ge])
        ) {
            let set = numbers_of(op, &format!("{eighths}bit"), Unit::Rate);
            let order = (asked * 8).cmp(&eighths);
            let holds = match op {
                Op::Lt => order.is_lt(),
                Op::Le => order.is_le(),
                Op::Gt => order.is_gt(),
                Op::Ge => order.is_ge(),
                _ => order.is_eq(),
            };
            prop_assert_eq!(set.contains(asked), holds);
        }
    }
}
