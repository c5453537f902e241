//! Numbers as a filter writes them: with units and fractions, and from one to another.

use super::ast::Op;
use super::error::{ErrorKind, Fault};
use super::kind::Unit;
use super::numbers::NumberSet;
use super::port;
use super::split::Piece;
use crate::model::FieldId;

/// Why something is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// Letters, or nothing, or digits of another base.
    NotANumber,
    /// The unit is none that the field can have.
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
];

/// Microseconds in each unit.
const TIMES: &[(&str, u64)] = &[
    ("us", 1),
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
];

impl Unit {
    /// Its names, with how many of what is compared each is.
    const fn names(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::None => &[],
            Self::Bytes => BYTES,
            Self::Time => TIMES,
            Self::Rate => RATES,
            Self::Factor => &[("x", 256)],
        }
    }

    /// How many of what is compared a number without a unit is.
    const fn implied(self) -> u64 {
        match self {
            Self::None | Self::Bytes => 1,
            Self::Time => 1000,
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
            Self::None => "it has no unit",
            Self::Bytes => "its units are k, M and G, 1k being 1024 bytes",
            Self::Time => "its units are us, ms, s, m, h and d",
            Self::Rate => {
                "its units are bit, kbit, Mbit, Gbit, and k, M, G for bytes, all of them a second"
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
        return Ok(NumberSet::of([(from, to)]));
    }
    Ok(NumberSet::comparing(op, read(piece)?))
}

/// The two ends of `a-b`, if both begin with a digit.
pub(super) fn range(piece: Piece<'_>) -> Option<(Piece<'_>, Piece<'_>)> {
    let at = piece.text.find('-')?;
    let (from, to) = (piece.part(0..at), piece.from(at + 1));
    let begins = |p: Piece<'_>| p.text.starts_with(|c: char| c.is_ascii_digit());
    (begins(from) && begins(to)).then_some((from, to))
}

/// Reads `22`, `0x16`, `026`, `64k`, `1.5s`.
fn number(text: &str, unit: Unit) -> Result<u64, NumberFault> {
    if let Some(n) = port::number(text) {
        let scaled = u128::from(n) * u128::from(unit.implied()) / u128::from(unit.divisor());
        return u64::try_from(scaled).map_err(|_| NumberFault::TooLarge);
    }
    let digits_end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (digits, name) = text.split_at(digits_end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || fraction.contains('.') || digits.ends_with('.') {
        return Err(NumberFault::NotANumber);
    }
    let scale = match unit.names().iter().find(|n| n.0.eq_ignore_ascii_case(name)) {
        Some(found) => found.1,
        None if name.is_empty() && matches!(unit, Unit::Time | Unit::Factor) => unit.implied(),
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
    let scaled = number * u128::from(scale) / divisor;
    u64::try_from(scaled).map_err(|_| NumberFault::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_fractions() {
        assert_eq!(number("22", Unit::None), Ok(22));
        assert_eq!(number("0x16", Unit::None), Ok(22));
        assert_eq!(number("64k", Unit::Bytes), Ok(65536));
        assert_eq!(number("1.5KiB", Unit::Bytes), Ok(1536));
        assert_eq!(number("2M", Unit::Bytes), Ok(2 << 20));
        assert_eq!(number("100", Unit::Time), Ok(100_000));
        assert_eq!(number("100ms", Unit::Time), Ok(100_000));
        assert_eq!(number("1.5s", Unit::Time), Ok(1_500_000));
        assert_eq!(number("2m", Unit::Time), Ok(120_000_000));
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
            ("1.", Unit::Time, NotANumber),
            ("1..5s", Unit::Time, NotANumber),
            (".5s", Unit::Time, NotANumber),
            ("5k", Unit::None, UnknownUnit),
            ("5apples", Unit::Time, UnknownUnit),
            ("5ü", Unit::Bytes, UnknownUnit),
            ("99999999999999999999", Unit::None, TooLarge),
            ("99999999999999999999k", Unit::Bytes, TooLarge),
            ("18446744073709551615", Unit::Time, TooLarge),
            ("1.0000000001s", Unit::Time, TooLarge),
        ] {
            assert_eq!(number(text, unit), Err(why), "{text}");
        }
    }
}
