//! Connections that are alike, and in which counters one differs from the others.

use super::counters::{Kind, Part, Parts};
use super::lines::Lines;
use super::paragraph::{Paragraph, SERVES};
use crate::model::{TcpInfo, TcpMetric};

/// How many counters there are.
const COUNT: usize = TcpMetric::ALL.len();

/// The last paragraphs about connections that are alike.
#[derive(Debug, Default)]
pub(super) struct Alike {
    known: Vec<Sample>,
    /// What the last row was like.
    last: usize,
    /// Which makes room for another.
    next: usize,
    /// A bit for each counter that was told of some connection, and for each that was not told of some.
    told: u128,
    untold: u128,
}

/// A connection that others of its kind are compared with.
#[derive(Debug)]
struct Sample {
    kind: Kind,
    info: TcpInfo,
    /// How many of its counters are 0, and are not told one by one.
    zeros: u32,
    /// What a counter that differs changes, in the order of their places.
    uses: [Use; COUNT],
    parts: Vec<Part>,
    paragraph: Paragraph,
    /// Rows that it is still good for.
    left: u32,
}

/// Where a counter is used.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    /// A bit for each part that it is in.
    parts: u128,
    /// Whether it is one of those that are counted if they are 0.
    is_counted: bool,
}

impl Alike {
    /// How many are remembered; comparing with more would cost what it saves.
    const MOST: usize = 16;

    /// Appends the paragraph of a connection, which consists of `parts` between a head and a tail.
    #[inline]
    pub(super) fn write(
        &mut self,
        lines: &mut Lines<'_>,
        kind: Kind,
        info: &TcpInfo,
        parts: Parts<'_>,
        ends: (impl FnOnce(&mut Lines<'_>), impl FnOnce(&mut Lines<'_>)),
    ) {
        let place = self.place(kind);
        if let Some(sample) = self.known.get_mut(place) {
            match lines.unwrapped().filter(|_| sample.left > 0) {
                Some(out) => sample.write_again(out, info, parts),
                None => sample.write_anew(lines, info, parts, ends),
            }
        }
    }

    /// Counters that were told of no connection, and those that were told of some only, as bits.
    pub(super) const fn untold(&self) -> [u128; 2] {
        [self.untold & !self.told, self.untold & self.told]
    }

    /// Where the sample of a kind is.
    #[inline]
    fn place(&mut self, kind: Kind) -> usize {
        let is_it = |place: usize| self.known.get(place).is_some_and(|m| m.kind == kind);
        if !is_it(self.last) {
            let known = self.known.iter().position(|sample| sample.kind == kind);
            self.last = known.unwrap_or_else(|| self.add(kind));
        }
        self.last
    }

    #[cold]
    fn add(&mut self, kind: Kind) -> usize {
        let (told, untold) = kind.sent_and_not();
        self.told |= told;
        self.untold |= untold;
        let place = self.next;
        self.next = (place + 1) % Self::MOST;
        let sample = Sample::new(kind);
        match self.known.get_mut(place) {
            Some(old) => *old = sample,
            None => self.known.push(sample),
        }
        place
    }
}

impl Sample {
    fn new(kind: Kind) -> Self {
        let parts = Part::all_of(kind);
        let mut uses = [Use::default(); COUNT];
        for metric in TcpMetric::ALL {
            let is_in = |part: &Part| part.counters().contains(&Some(*metric));
            let in_parts = parts.iter().enumerate().filter(|(_, part)| is_in(part));
            if let Some(used) = uses.get_mut(metric.place()) {
                used.parts = in_parts.fold(0, |bits, (n, _)| bits | 1 << n);
                used.is_counted = is_told(kind, *metric);
            }
        }
        Self {
            kind,
            info: TcpInfo::none(),
            zeros: 0,
            uses,
            parts,
            paragraph: Paragraph::NONE,
            left: 0,
        }
    }

    #[inline]
    fn write_again(&mut self, out: &mut Vec<u8>, info: &TcpInfo, mut parts: Parts<'_>) {
        self.left -= 1;
        let mut found = Differences {
            parts: 0,
            zeros: self.zeros,
        };
        let words = self.info.words();
        let (of_words, of_longs) = self.uses.split_at(words.len());
        found.add::<_, 4>(words, info.words(), of_words);
        found.add::<_, 2>(self.info.longs(), info.longs(), of_longs);
        let mut changed = found.parts;
        if found.zeros != self.zeros {
            // How many are 0 is the last part.
            changed |= 1 << (self.parts.len() - 1);
        }
        self.paragraph.write_again(out, changed, |out, n| {
            if let Some(part) = self.parts.get(n) {
                parts.put(out, *part, found.zeros);
            }
        });
    }

    #[inline(never)]
    fn write_anew(
        &mut self,
        lines: &mut Lines<'_>,
        info: &TcpInfo,
        mut parts: Parts<'_>,
        (head, tail): (impl FnOnce(&mut Lines<'_>), impl FnOnce(&mut Lines<'_>)),
    ) {
        let is_zero = |m: &&TcpMetric| info.number(**m) == 0 && is_told(self.kind, **m);
        self.zeros = TcpMetric::ALL.iter().filter(is_zero).count() as u32;
        self.info = info.clone();
        let part = |lines: &mut Lines<'_>, n: usize| {
            let items = self.parts.get(n).map(|part| part.items(self.kind));
            for item in items.into_iter().flatten() {
                lines.item(0, |out| parts.put(out, item, self.zeros));
            }
        };
        let is_kept = self
            .paragraph
            .write(lines, self.parts.len(), head, part, tail);
        self.left = if is_kept { SERVES } else { 0 };
    }
}

/// Whether a counter of connections of this kind is told if it is not 0.
const fn is_told(kind: Kind, metric: TcpMetric) -> bool {
    kind.told() >> metric as u32 & 1 == 1
}

/// What differs between a connection and another of its kind.
struct Differences {
    /// A bit for each part that has another text.
    parts: u128,
    /// How many counters are 0.
    zeros: u32,
}

impl Differences {
    /// Looks for differences among counters, `N` at a time, as most of them are the same.
    #[inline(always)]
    fn add<T: Copy + Default + PartialEq, const N: usize>(
        &mut self,
        ours: &[T],
        theirs: &[T],
        uses: &[Use],
    ) {
        let (some, rest) = ours.as_chunks::<N>();
        let (others, other_rest) = theirs.as_chunks::<N>();
        let (their_uses, uses_of_rest) = uses.as_chunks::<N>();
        for ((ours, theirs), uses) in some.iter().zip(others).zip(their_uses) {
            if ours != theirs {
                self.add_each(ours, theirs, uses);
            }
        }
        self.add_each(rest, other_rest, uses_of_rest);
    }

    #[inline(always)]
    fn add_each<T: Copy + Default + PartialEq>(&mut self, ours: &[T], theirs: &[T], uses: &[Use]) {
        let nothing = T::default();
        for ((a, b), used) in ours.iter().zip(theirs).zip(uses) {
            if a != b {
                self.parts |= used.parts;
                if used.is_counted {
                    self.zeros = self.zeros + u32::from(*b == nothing) - u32::from(*a == nothing);
                }
            }
        }
    }
}
