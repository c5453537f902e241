//! Paragraphs of the rows before. The connections of one host are alike in most of what they have: segment sizes, windows, options, what
//! they lack. A row that differs in ten of forty numbers is written by copying what lies between those ten.

use super::lines::Lines;
use crate::render::pieces::start_of;

/// So many rows are written from one paragraph. Then another takes its place, lest one odd row be what all are compared with.
pub(super) const SERVES: u32 = if cfg!(test) { 3 } else { 256 };

/// A paragraph as it was written of some row, where nothing is wrapped.
#[derive(Debug)]
pub(super) struct Paragraph {
    /// The text, with [`ROOM`] behind it.
    text: Vec<u8>,
    length: usize,
    /// Where its items are, each with the blanks before it.
    items: Vec<Item>,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    start: usize,
    end: usize,
}

/// Most of what lies between two items that differ is shorter, and moving so much takes a few instructions, see [`start_of`].
const ROOM: usize = 32;

impl Paragraph {
    /// That of no row yet.
    pub(super) const NONE: Self = Self {
        text: Vec::new(),
        length: 0,
        items: Vec::new(),
    };

    /// Appends it as it is, but for the items whose bits are set in `changed`, the lowest for the first: these are written by `item`.
    #[inline]
    pub(super) fn write_again(
        &self,
        out: &mut Vec<u8>,
        changed: u128,
        mut item: impl FnMut(&mut Vec<u8>, usize),
    ) {
        let mut from = 0;
        let mut changed = changed;
        while changed != 0 {
            let n = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            if let Some(place) = self.items.get(n) {
                self.put(out, from, place.start);
                item(out, n);
                from = place.end;
            }
        }
        self.put(out, from, self.length);
    }

    #[inline]
    fn put(&self, out: &mut Vec<u8>, from: usize, to: usize) {
        let length = to - from;
        if length <= ROOM {
            let room = self.text.get(from..from + ROOM);
            if let Some(room) = room.and_then(|text| text.first_chunk::<ROOM>()) {
                return start_of(out, room, length);
            }
        }
        out.extend_from_slice(self.text.get(from..to).unwrap_or_default());
    }

    /// Appends a paragraph of so many items between a head and a tail, and keeps it. Returns whether it did: not what is wrapped.
    #[inline(never)]
    pub(super) fn write(
        &mut self,
        lines: &mut Lines<'_>,
        count: usize,
        head: impl FnOnce(&mut Lines<'_>),
        mut item: impl FnMut(&mut Lines<'_>, usize),
        tail: impl FnOnce(&mut Lines<'_>),
    ) -> bool {
        self.items.clear();
        self.text.clear();
        let begin = lines.written().len();
        head(lines);
        for n in 0..count {
            let start = lines.written().len() - begin;
            item(lines, n);
            let end = lines.written().len() - begin;
            self.items.push(Item { start, end });
        }
        tail(lines);
        let is_kept = lines.unwrapped().is_some();
        if is_kept {
            let text = lines.written().get(begin..).unwrap_or_default();
            self.text.extend_from_slice(text);
            self.length = text.len();
            self.text.resize(self.length + ROOM, b' ');
        }
        is_kept
    }
}

/// A short paragraph, each of whose items is compared with that of the row before.
#[derive(Debug)]
pub(super) struct Short {
    paragraph: Paragraph,
    /// The numbers that the texts of its items depend on, and nothing else; `None` if there is no such number.
    numbers: Vec<Option<u64>>,
    /// Rows that it is still good for.
    left: u32,
}

impl Short {
    /// That of no row yet.
    pub(super) const NONE: Self = Self {
        paragraph: Paragraph::NONE,
        numbers: Vec::new(),
        left: 0,
    };

    /// Appends a paragraph of so many items, whose label and whose items but for their values are the same in every row.
    #[inline]
    pub(super) fn write(
        &mut self,
        lines: &mut Lines<'_>,
        label: &str,
        count: usize,
        number: impl Fn(usize) -> Option<u64>,
        mut item: impl FnMut(&mut Vec<u8>, usize, Option<u64>),
    ) {
        let mut write = |out: &mut Vec<u8>, n| item(out, n, number(n));
        if let Some(out) = lines.unwrapped().filter(|_| self.left > 0) {
            self.left -= 1;
            let mut changed = 0;
            for (n, before) in self.numbers.iter().enumerate() {
                let is_same = before.is_some() && *before == number(n);
                changed |= u128::from(!is_same) << n;
            }
            return self.paragraph.write_again(out, changed, write);
        }
        let anew = |lines: &mut Lines<'_>, n| lines.item(0, |out| write(out, n));
        let is_kept = self
            .paragraph
            .write(lines, count, |lines| lines.group(label), anew, |_| {});
        if is_kept {
            self.numbers.clear();
            self.numbers.extend((0..count).map(number));
            self.left = SERVES;
        }
    }
}
