//! Texts of the rows before. The connections of one host are alike in most of what they have: segment sizes, windows, options, what
//! they lack. Making a text takes ten times as long as copying it.

use crate::model::{ExtraMetric, MemoryMetric, TcpMetric};
use crate::render::pieces::start_of;

/// The last texts of what is the same in many rows.
#[derive(Debug)]
pub(in crate::render) struct Recent {
    /// Those of TCP's counters, in reading order.
    pub(super) counters: [Text; TcpMetric::ALL.len()],
    /// Those of the smaller blocks, in the order of [`ExtraMetric::ALL`].
    pub(super) extra: [Text; ExtraMetric::ALL.len()],
    /// Those of buffers and drops, in the order of [`MemoryMetric::ALL`].
    pub(super) memory: [Text; MemoryMetric::ALL.len()],
    /// Those of what sockets have none of.
    pub(super) lacks: Lacks,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            counters: [Text::EMPTY; TcpMetric::ALL.len()],
            extra: [Text::EMPTY; ExtraMetric::ALL.len()],
            memory: [Text::EMPTY; MemoryMetric::ALL.len()],
            lacks: Lacks::default(),
        }
    }
}

/// Room for a name and its value, the blanks before it included. The few texts that take more are made anew every time.
const ROOM: usize = 40;

/// A number, and the text it was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    number: u64,
    text: [u8; ROOM],
    /// 0 if there is none yet.
    length: u8,
}

impl Text {
    const EMPTY: Self = Self {
        number: 0,
        text: [b' '; ROOM],
        length: 0,
    };

    /// Appends the text of `number` if it is the one that it had the last time.
    #[inline]
    pub(super) fn put_again(&self, out: &mut Vec<u8>, number: u64) -> bool {
        let same = self.number == number && self.length > 0;
        if same {
            start_of(out, &self.text, self.length.into());
        }
        same
    }

    /// Keeps a text that depends on nothing but `number`.
    #[inline]
    pub(super) fn remember(&mut self, number: u64, text: &[u8]) {
        let Some(room) = self.text.get_mut(..text.len()) else {
            return;
        };
        room.copy_from_slice(text);
        self.number = number;
        self.length = text.len() as u8;
    }
}

/// What the last rows had none of, and its text.
#[derive(Debug, Default)]
pub(super) struct Lacks {
    known: Vec<([u128; 2], Vec<u8>)>,
    next: usize,
}

impl Lacks {
    /// How many are remembered; comparing with more would cost what it saves.
    const MOST: usize = 8;

    /// The text for the same.
    pub(super) fn text(&self, of: [u128; 2]) -> Option<&[u8]> {
        let same = self.known.iter().find(|(lacking, _)| *lacking == of);
        same.map(|(_, text)| text.as_slice())
    }

    pub(super) fn remember(&mut self, of: [u128; 2], text: &[u8]) {
        if let Some((old, room)) = self.known.get_mut(self.next) {
            *old = of;
            room.clear();
            room.extend_from_slice(text);
        } else {
            self.known.push((of, text.to_vec()));
        }
        self.next = (self.next + 1) % Self::MOST;
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
