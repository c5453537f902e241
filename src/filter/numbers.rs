//! Sets of numbers: one lookup for a row, however many numbers were asked for.

use super::ast::Op;

/// Numbers as ranges that are in ascending order and do not touch. Many small ones are a bitmap too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberSet {
    ranges: Vec<(u64, u64)>,
    /// A bit for each number up to 65535, if there are many ranges and none goes further.
    bits: Option<Box<[u64]>>,
}

/// From so many ranges on, looking through them takes longer than a bitmap.
const MANY: usize = 8;

/// The largest number of a bitmap: ports are the sets that grow long.
const LARGEST_BIT: u64 = u16::MAX as u64;

impl NumberSet {
    /// No number.
    pub const EMPTY: Self = Self {
        ranges: Vec::new(),
        bits: None,
    };

    /// The numbers that compare with `number` as `op` says; only `=` and those that ask for an order do.
    #[must_use]
    pub fn comparing(op: Op, number: u64) -> Self {
        let range = match op {
            Op::Lt => number.checked_sub(1).map(|to| (0, to)),
            Op::Le => Some((0, number)),
            Op::Gt => number.checked_add(1).map(|from| (from, u64::MAX)),
            Op::Ge => Some((number, u64::MAX)),
            _ => Some((number, number)),
        };
        Self::of(range)
    }

    /// All numbers of some ranges, each with its first and last number, in any order.
    #[must_use]
    pub fn of(ranges: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut sorted: Vec<_> = ranges.into_iter().filter(|r| r.0 <= r.1).collect();
        sorted.sort_unstable();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (from, to) in sorted {
            match ranges.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => ranges.push((from, to)),
            }
        }
        let small = ranges.last().is_some_and(|last| last.1 <= LARGEST_BIT);
        let bits = (small && ranges.len() > MANY).then(|| bitmap(&ranges));
        Self { ranges, bits }
    }

    /// The numbers of all the sets.
    #[must_use]
    pub fn union<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::of(sets.into_iter().flat_map(|s| s.ranges.iter().copied()))
    }

    /// Whether `number` is in the set.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        if let Some(bits) = &self.bits {
            let word = usize::try_from(number / 64).ok().and_then(|n| bits.get(n));
            return word.is_some_and(|word| word >> (number % 64) & 1 != 0);
        }
        if self.ranges.len() <= MANY {
            return self.ranges.iter().any(|r| r.0 <= number && number <= r.1);
        }
        let after = self.ranges.partition_point(|r| r.0 <= number);
        let range = after.checked_sub(1).and_then(|n| self.ranges.get(n));
        range.is_some_and(|r| number <= r.1)
    }

    /// Its ranges, in ascending order.
    #[must_use]
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// Whether no number is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

fn bitmap(ranges: &[(u64, u64)]) -> Box<[u64]> {
    let mut bits = vec![0; LARGEST_BIT as usize / 64 + 1].into_boxed_slice();
    for number in ranges.iter().flat_map(|&(from, to)| from..=to) {
        if let Some(word) = bits.get_mut(number as usize / 64) {
            *word |= 1 << (number % 64);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_that_touch_are_one() {
        let set = NumberSet::of([(5, 6), (1, 2), (3, 3), (9, 8), (20, 30), (25, 26)]);
        assert_eq!(set.ranges(), [(1, 3), (5, 6), (20, 30)]);
        assert!(NumberSet::comparing(Op::Lt, 0).is_empty());
        assert!(NumberSet::comparing(Op::Gt, u64::MAX).is_empty());
        assert!(NumberSet::comparing(Op::Ge, u64::MAX).contains(u64::MAX));
    }

    #[test]
    fn many_ports_are_a_bitmap() {
        let odd = NumberSet::of((0..32768).map(|n| (2 * n + 1, 2 * n + 1)));
        assert!(odd.bits.is_some());
        assert!((0..70_000).all(|n| odd.contains(n) == (n % 2 == 1 && n < 65536)));
        assert!(!odd.contains(u64::MAX));
    }

    proptest! {
        #[test]
        fn a_set_holds_what_was_put_in(
            ranges in prop::collection::vec((0u64..200, 0u64..9), 0..40), far in any::<bool>(), asked in 0u64..300
        ) {
            let shift = if far { 1 << 40 } else { 0 };
            let ranges: Vec<_> = ranges.iter().map(|&(from, more)| (from + shift, from + more + shift)).collect();
            let set = NumberSet::of(ranges.clone());
            let asked = asked + shift;
            let held = ranges.iter().any(|r| r.0 <= asked && asked <= r.1);
            prop_assert_eq!(set.contains(asked), held);
        }
    }
}
