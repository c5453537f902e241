//! Short pieces of text, appended without the formatting machinery: several for every cell of every row.

/// Appends the first `length` bytes of `piece`, `N` at most. Moving all of a piece takes a few instructions; moving a part of it
/// whose length is only known at run time takes a call, which costs more than most pieces.
#[inline]
pub(super) fn start_of<const N: usize>(out: &mut Vec<u8>, piece: &[u8; N], length: usize) {
    let end = out.len() + length;
    out.extend_from_slice(piece);
    out.truncate(end);
}

/// Appends so many blanks.
#[inline]
pub(super) fn blanks(out: &mut Vec<u8>, count: usize) {
    const SOME: [u8; 32] = [b' '; 32];
    if count <= SOME.len() {
        start_of(out, &SOME, count);
    } else {
        out.resize(out.len() + count, b' ');
    }
}

/// Appends a number in decimal.
#[inline]
pub(super) fn decimal(out: &mut Vec<u8>, n: u64) {
    match n {
        // Most queues are empty.
        0..10 => out.push(b'0' + n as u8),
        10..EIGHT_DIGITS => short(out, n as u32),
        EIGHT_DIGITS.. => long(out, n),
    }
}

/// The smallest number that has more than eight digits.
const EIGHT_DIGITS: u64 = 100_000_000;
const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);

/// Appends a number of one to eight digits, but 0.
#[inline(never)]
fn short(out: &mut Vec<u8>, n: u32) {
    let digits = eight_digits(n);
    let zeros = digits.trailing_zeros() / 8;
    let text = (digits | ZEROS) >> (8 * zeros);
    start_of(out, &text.to_le_bytes(), 8 - zeros as usize);
}

#[cold]
fn long(out: &mut Vec<u8>, n: u64) {
    decimal(out, n / EIGHT_DIGITS);
    let text = eight_digits((n % EIGHT_DIGITS) as u32) | ZEROS;
    out.extend_from_slice(&text.to_le_bytes());
}

/// The digits of a number of at most eight of them, the first in the lowest byte.
///
/// Divides all parts of the number at once: into two lanes of four digits, four of two, eight of one. In each step the quotient goes
/// below the remainder; dividing is multiplying and shifting, exact for numbers as small as these, and the mask takes away what
/// the next lane shifted in.
const fn eight_digits(n: u32) -> u64 {
    let fours = (n / 10_000) as u64 | ((n % 10_000) as u64) << 32;
    let quotients = ((fours * 5243) >> 19) & 0x7f_0000_007f;
    let twos = quotients | (fours - quotients * 100) << 16;
    let quotients = ((twos * 103) >> 10) & 0xf_000f_000f_000f;
    quotients | (twos - quotients * 10) << 8
}

/// Appends a number in hexadecimal, behind `0x`.
pub(super) fn hex(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(b"0x");
    let digits = (64 - n.leading_zeros()).div_ceil(4).max(1);
    for shift in (0..digits).rev() {
        out.push(hex_digit((n >> (4 * shift)) as u8));
    }
}

/// The digit of the four low bits.
#[inline]
pub(super) fn hex_digit(n: u8) -> u8 {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    // Every number of four bits has one.
    DIGITS.get(usize::from(n & 15)).copied().unwrap_or(b'?')
}

/// A short text that is known beforehand, with room behind it: see [`start_of`].
#[derive(Clone, Copy)]
pub(super) struct Piece {
    text: [u8; PIECE_ROOM],
    length: u8,
}

/// Room for the longest of those texts.
const PIECE_ROOM: usize = 32;

impl Piece {
    /// Nothing.
    pub(super) const EMPTY: Self = Self {
        text: [b' '; PIECE_ROOM],
        length: 0,
    };

    /// These texts one after the other. At compile time it fails if there is no room for them.
    pub(super) const fn joined(parts: &[&str]) -> Self {
        let mut piece = Self::EMPTY;
        let mut parts = parts;
        let mut length = 0;
        while let [part, others @ ..] = parts {
            let (_, free) = piece.text.split_at_mut(length);
            let (place, _) = free.split_at_mut(part.len());
            place.copy_from_slice(part.as_bytes());
            length += part.len();
            parts = others;
        }
        piece.length = length as u8;
        piece
    }

    /// Appends it.
    #[inline]
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        start_of(out, &self.text, self.length.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn check(n: u64) {
        assert_eq!(text(|out| decimal(out, n)), n.to_string());
        assert_eq!(text(|out| hex(out, n)), format!("{n:#x}"));
    }

    #[test]
    fn numbers_have_no_leading_zeros() {
        (0..=100_000).for_each(check);
        for power in (0..20).map(|digits| 10u64.pow(digits)) {
            (power - 1..=power + 1).for_each(check);
        }
        check(u64::MAX);
    }

    proptest! {
        #[test]
        fn numbers_as_the_standard_library(n in any::<u64>(), shift in 0..64) {
            check(n >> shift);
        }
    }

    #[test]
    fn blanks_come_in_any_number() {
        for count in [0, 1, 31, 32, 33, 100] {
            assert_eq!(text(|out| blanks(out, count)), " ".repeat(count));
        }
    }
}
