//! Texts of the rows before. The connections of one host are alike in most of what they have: segment sizes, windows, options, what
//! they lack. Making a text takes ten times as long as copying it.

use super::counters;
use crate::model::{ExtraMetric, MemoryMetric, Notice, TcpMetric};
use crate::render::pieces::start_of;

/// The last texts of what is the same in many rows, and what no row has to say by itself.
#[derive(Debug)]
pub(in crate::render) struct Recent {
    /// Those of TCP's counters, in the order of [`TcpMetric::ALL`].
    pub(super) counters: [Texts; TcpMetric::ALL.len()],
    /// Those of the smaller blocks, in the order of [`ExtraMetric::ALL`].
    pub(super) extra: [Text; ExtraMetric::ALL.len()],
    /// Those of buffers and drops, in the order of [`MemoryMetric::ALL`].
    pub(super) memory: [Text; MemoryMetric::ALL.len()],
    /// Which counters the rows had.
    pub(super) shapes: Shapes,
    /// A bit for each counter that was not told of some socket.
    pub(super) unknown: u128,
    /// Connections of which no counter was told, though counters were asked for.
    pub(super) untold: u64,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            counters: [Texts::EMPTY; TcpMetric::ALL.len()],
            extra: [Text::EMPTY; ExtraMetric::ALL.len()],
            memory: [Text::EMPTY; MemoryMetric::ALL.len()],
            shapes: Shapes::default(),
            unknown: 0,
            untold: 0,
        }
    }
}

impl Recent {
    /// What was not told of sockets that were written.
    pub(in crate::render) fn notices(&self) -> Vec<Notice> {
        let names: Vec<_> = counters::names(self.unknown).collect();
        let unknown = (!names.is_empty()).then_some(Notice::CountersUnknown { names });
        let untold = (self.untold > 0).then_some(Notice::CountersUntold { count: self.untold });
        unknown.into_iter().chain(untold).collect()
    }
}

/// Room for a name and its value, the blanks before it included. The few texts that take more are made anew every time.
const ROOM: usize = 40;

/// Texts of one counter for several numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts([Text; Texts::PLACES]);

impl Texts {
    /// Numbers next to one another have places next to one another: most counters of a host have few values.
    const PLACES: usize = 4;
    const EMPTY: Self = Self([Text::EMPTY; Self::PLACES]);

    /// Where the text of `number` is, if it is there.
    #[inline]
    pub(super) fn place(&mut self, number: u64) -> Option<&mut Text> {
        self.0.get_mut(number as usize % Self::PLACES)
    }
}

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

/// Which counters are not 0, and what there is none of: many connections are alike in that, as clients, as
/// servers, as those that never lost a segment.
#[derive(Debug)]
pub(super) struct Shape {
    /// The counters that are not 0, all that there are, and those of which there is none, as bits.
    key: [u128; 3],
    /// The counters that are not 0, in reading order.
    pub(super) order: Vec<TcpMetric>,
    /// The text about all others, of one line.
    pub(super) rest: Vec<u8>,
}

/// The shapes of the last rows.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: Vec<Shape>,
    next: usize,
}

impl Shapes {
    /// How many are remembered; comparing with more would cost what it saves.
    const MOST: usize = 8;

    /// The shape that belongs to `key`, which `make` makes if it is not known.
    pub(super) fn of(
        &mut self,
        key: [u128; 3],
        make: impl FnOnce() -> (Vec<TcpMetric>, Vec<u8>),
    ) -> Option<&Shape> {
        let known = self.known.iter().position(|shape| shape.key == key);
        let place = known.unwrap_or_else(|| self.add(key, make()));
        self.known.get(place)
    }

    #[cold]
    fn add(&mut self, key: [u128; 3], (order, rest): (Vec<TcpMetric>, Vec<u8>)) -> usize {
        let shape = Shape { key, order, rest };
        let place = self.next;
        self.next = (place + 1) % Self::MOST;
        match self.known.get_mut(place) {
            Some(old) => *old = shape,
            None => self.known.push(shape),
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_made_once_as_long_as_it_is_seen_now_and_then() {
        let mut shapes = Shapes::default();
        let mut made = 0;
        let mut of = |key: u128| {
            let shape = shapes.of([key, 0, 1], || {
                made += 1;
                (Vec::new(), key.to_string().into_bytes())
            });
            assert_eq!(shape.unwrap().rest, key.to_string().as_bytes());
            made
        };
        for key in 0..8 {
            assert_eq!(of(key), key as u32 + 1);
        }
        assert_eq!(of(0), 8);
        assert_eq!(of(8), 9);
        assert_eq!(of(7), 9);
        assert_eq!(of(0), 10);
    }

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
