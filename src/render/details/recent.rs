//! Texts of the rows before, and what no row has to say by itself.

use super::alike::Alike;
use super::counters;
use super::paragraph::Short;
use crate::model::{ExtraMetric, MemoryMetric, Notice, TcpMetric};
use crate::render::pieces::start_of;

/// The last texts of what is the same in many rows, and what no row has to say by itself.
#[derive(Debug)]
pub(in crate::render) struct Recent {
    /// Those of TCP's counters, in the order of [`TcpMetric::ALL`].
    pub(super) counters: [Texts; TcpMetric::ALL.len()],
    /// Those of the smaller blocks, in the order of [`ExtraMetric::ALL`].
    pub(super) extra: [Texts; ExtraMetric::ALL.len()],
    /// Those of buffers and drops, in the order of [`MemoryMetric::ALL`].
    pub(super) memory: [Texts; MemoryMetric::ALL.len()],
    /// Paragraphs of counters.
    pub(super) alike: Alike,
    /// Paragraphs of the smaller blocks.
    pub(super) blocks: [Short; BLOCKS],
    /// The paragraph of buffers and drops.
    pub(super) buffers: Short,
}

/// How many blocks there are.
pub(super) const BLOCKS: usize = 5;

impl Default for Recent {
    fn default() -> Self {
        Self {
            counters: [Texts::EMPTY; TcpMetric::ALL.len()],
            extra: [Texts::EMPTY; ExtraMetric::ALL.len()],
            memory: [Texts::EMPTY; MemoryMetric::ALL.len()],
            alike: Alike::default(),
            blocks: [const { Short::NONE }; BLOCKS],
            buffers: Short::NONE,
        }
    }
}

impl Recent {
    /// What was not told of sockets that were written.
    pub(in crate::render) fn notices(&self) -> Vec<Notice> {
        let [of_all, of_some] = self.alike.untold();
        [(of_all, false), (of_some, true)]
            .into_iter()
            .filter(|(bits, _)| *bits != 0)
            .map(|(bits, some)| Notice::CountersUnknown {
                names: counters::names(bits).collect(),
                some,
            })
            .collect()
    }
}

/// Room for a name and its value, the blanks before it included. The few texts that take more are made anew every time.
const ROOM: usize = 40;

/// Texts of one metric for several numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts([Text; Texts::PLACES]);

impl Texts {
    /// Most counters of a host have few values.
    const PLACES: usize = 1 << Self::PLACE_BITS;
    const PLACE_BITS: u32 = 3;
    const EMPTY: Self = Self([Text::EMPTY; Self::PLACES]);

    /// Where the text of a number is, if it is there.
    #[inline]
    pub(super) fn of(&mut self, number: Option<u64>) -> Option<(u64, &mut Text)> {
        let number = number?;
        // Neighbours have different places, and so have rates, which often are multiples of the same (Knuth, TAOCP 3, 6.4).
        let place = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - Self::PLACE_BITS);
        let text = self.0.get_mut(place as usize)?;
        Some((number, text))
    }
}

/// Appends a text as it was for the same number, or as it is made now, which is kept.
#[inline]
pub(super) fn put(
    out: &mut Vec<u8>,
    kept: Option<(u64, &mut Text)>,
    make: impl FnOnce(&mut Vec<u8>),
) {
    let Some((number, text)) = kept else {
        return make(out);
    };
    if !text.put_again(out, number) {
        let start = out.len();
        make(out);
        text.remember(number, out.get(start..).unwrap_or_default());
    }
}

/// A number, and the text it was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    number: u64,
    text: [u8; ROOM],
    length: u8,
    is_known: bool,
}

impl Text {
    const EMPTY: Self = Self {
        number: 0,
        text: [b' '; ROOM],
        length: 0,
        is_known: false,
    };

    /// Appends the text of `number` if it is the one that it had the last time.
    #[inline]
    fn put_again(&self, out: &mut Vec<u8>, number: u64) -> bool {
        let same = self.number == number && self.is_known;
        if same {
            start_of(out, &self.text, self.length.into());
        }
        same
    }

    /// Keeps a text that depends on nothing but `number`.
    #[inline]
    fn remember(&mut self, number: u64, text: &[u8]) {
        let Some(room) = self.text.get_mut(..text.len()) else {
            return;
        };
        room.copy_from_slice(text);
        self.number = number;
        self.length = text.len() as u8;
        self.is_known = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_made_once_for_the_same_number() {
        let mut text = Text::EMPTY;
        let mut made = 0;
        let mut of = |n: u64, length: usize| {
            let mut out = b"before".to_vec();
            if !text.put_again(&mut out, n) {
                made += 1;
                out.extend(std::iter::repeat_n(b'0' + n as u8, length));
                text.remember(n, &out["before".len()..]);
            }
            (String::from_utf8(out).unwrap(), made)
        };
        assert_eq!(of(0, 3), ("before000".to_owned(), 1));
        assert_eq!(of(0, 3), ("before000".to_owned(), 1));
        assert_eq!(of(7, 2), ("before77".to_owned(), 2));
        assert_eq!(of(7, 2), ("before77".to_owned(), 2));
        assert_eq!(of(0, 3), ("before000".to_owned(), 3));
        // One that is too long is not kept, and leaves the last.
        assert_eq!(of(1, ROOM + 1).1, 4);
        assert_eq!(of(1, ROOM + 1).1, 5);
        assert_eq!(of(0, 3), ("before000".to_owned(), 5));
        assert_eq!(of(2, ROOM).1, 6);
        assert_eq!(of(2, ROOM), (format!("before{}", "2".repeat(ROOM)), 6));
    }
}
