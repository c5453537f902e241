//! Connections that are alike, and in which counters one differs from the others.

use super::counters::{Kind, Part, Parts};
use super::lines::Lines;
use super::paragraph::{Paragraph, SERVES};
use crate::model::TcpMetric;

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
}

/// A connection that others of its kind are compared with.
#[derive(Debug)]
struct Sample {
    kind: Kind,
    values: [u64; COUNT],
    /// How many of its counters are 0, and are not told one by one.
    zeros: u32,
    /// What a counter that differs changes.
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
        values: &[u64; COUNT],
        parts: Parts<'_>,
        ends: (impl FnOnce(&mut Lines<'_>), impl FnOnce(&mut Lines<'_>)),
    ) {
        let place = self.place(kind);
        if let Some(sample) = self.known.get_mut(place) {
            match lines.unwrapped().filter(|_| sample.left > 0) {
                Some(out) => sample.write_again(out, values, parts),
                None => sample.write_anew(lines, values, parts, ends),
            }
        }
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
        for (n, used) in uses.iter_mut().enumerate() {
            used.is_counted = kind.told() >> n & 1 == 1;
        }
        for (n, part) in parts.iter().enumerate() {
            for metric in part.counters().into_iter().flatten() {
                if let Some(used) = uses.get_mut(metric as usize) {
                    used.parts |= 1 << n;
                }
            }
        }
        Self {
            kind,
            values: [0; COUNT],
            zeros: 0,
            uses,
            parts,
            paragraph: Paragraph::NONE,
            left: 0,
        }
    }

    #[inline]
    fn write_again(&mut self, out: &mut Vec<u8>, values: &[u64; COUNT], mut parts: Parts<'_>) {
        self.left -= 1;
        let (mut changed, mut zeros) = (0, self.zeros);
        let mut compare = |ours: &[u64], theirs: &[u64], uses: &[Use]| {
            for ((a, b), used) in ours.iter().zip(theirs).zip(uses) {
                if a != b {
                    changed |= used.parts;
                    if used.is_counted {
                        zeros = zeros + u32::from(*b == 0) - u32::from(*a == 0);
                    }
                }
            }
        };
        // Four at a time, as most of them are the same.
        let (ours, our_rest) = self.values.as_chunks::<4>();
        let (theirs, their_rest) = values.as_chunks::<4>();
        let (uses, other_uses) = self.uses.as_chunks::<4>();
        for ((ours, theirs), uses) in ours.iter().zip(theirs).zip(uses) {
            if ours != theirs {
                compare(ours, theirs, uses);
            }
        }
        compare(our_rest, their_rest, other_uses);
        if zeros != self.zeros {
            // How many are 0 is the last part.
            changed |= 1 << (self.parts.len() - 1);
        }
        self.paragraph.write_again(out, changed, |out, n| {
            if let Some(part) = self.parts.get(n) {
                parts.put(out, *part, zeros);
            }
        });
    }

    #[inline(never)]
    fn write_anew(
        &mut self,
        lines: &mut Lines<'_>,
        values: &[u64; COUNT],
        mut parts: Parts<'_>,
        (head, tail): (impl FnOnce(&mut Lines<'_>), impl FnOnce(&mut Lines<'_>)),
    ) {
        let told = |n: usize| self.kind.told() >> n & 1 == 1;
        let zeros = values
            .iter()
            .enumerate()
            .filter(|(n, v)| **v == 0 && told(*n));
        self.zeros = zeros.count() as u32;
        self.values = *values;
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
