//! Sockets in groups, ranked: `portctl top`.
//!
//! Rows are put into groups as they come ([`Grouping`], [`Sample`]): 56 bytes a row, and nothing is counted before all of them are
//! there, so that a table that must be read again is simply cut off. [`rank`] counts, compares two samples if there are two, and
//! sorts.

mod counts;
mod keys;
mod order;
#[cfg(test)]
mod tests;

pub use counts::{Bytes, Counts, StateSlot};
pub use keys::{GroupEnd, GroupValue, Missing, OtherEnd};
pub use order::{TopColumn, TopOrder};

use crate::model::{Cookie, FieldId, Queues, Row};
use counts::Carried;
use keys::Keys;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::Duration;

/// Which groups there are.
#[derive(Debug)]
pub struct Grouping {
    keys: Keys,
    groups: Vec<u32>,
}

/// The sockets of one look.
#[derive(Debug, Default)]
pub struct Sample {
    entries: Vec<Entry>,
}

/// A socket in one of its groups.
#[derive(Clone, Copy, Debug)]
struct Entry {
    cookie: Option<Cookie>,
    queues: Queues,
    carried: Carried,
    group: u32,
    state: StateSlot,
    /// Whether this is the first of its groups: totals count every socket once.
    first: bool,
}

impl Grouping {
    /// Groups by these fields.
    #[must_use]
    pub fn new(fields: &[FieldId]) -> Self {
        Self {
            keys: Keys::new(fields),
            groups: Vec::new(),
        }
    }

    /// Adds a socket to `sample`, in each of its groups.
    pub fn add(&mut self, row: Row<'_>, sample: &mut Sample) {
        self.keys.groups_of(row, &mut self.groups);
        for (n, &group) in self.groups.iter().enumerate() {
            sample.entries.push(Entry {
                cookie: row.socket.cookie,
                queues: row.socket.queues,
                carried: Carried::of(row.socket),
                group,
                state: StateSlot::of(row.socket),
                first: n == 0,
            });
        }
    }
}

impl Sample {
    /// How far it goes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets what came after it was this long.
    pub fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
    }

    /// The cookies, sorted.
    fn cookies(&self) -> Vec<Cookie> {
        let mut cookies: Vec<_> = self.entries.iter().filter_map(|e| e.cookie).collect();
        cookies.sort_unstable();
        cookies
    }
}

/// One group.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    id: u32,
    /// Its counts.
    pub counts: Counts,
}

/// Groups in their order.
#[derive(Debug)]
pub struct Top {
    keys: Keys,
    /// The first of them.
    pub groups: Vec<Group>,
    /// How many more there are.
    pub more: u64,
    /// Everything, each socket counted once.
    pub total: Counts,
    /// Sockets that are in several groups.
    pub shared: u64,
    /// Time between the two looks, if there were two.
    pub interval: Option<Duration>,
}

impl Top {
    /// The fields that the groups are of.
    pub fn fields(&self) -> impl Iterator<Item = FieldId> {
        self.keys.fields()
    }

    /// The values of a group, one for each field.
    #[must_use]
    pub fn values(&self, group: &Group) -> Vec<GroupValue<'_>> {
        self.keys.values_of(group.id).collect()
    }
}

/// Counts the sockets of each group and puts the groups in order; keeps the first `limit`.
///
/// With a sample taken some time before, sockets that are in one of the two only are counted as new and as gone.
#[must_use]
pub fn rank(
    grouping: Grouping,
    before: Option<(&Sample, Duration)>,
    now: &Sample,
    order: &[TopOrder],
    limit: usize,
) -> Top {
    let keys = grouping.keys;
    let mut total = Counts::default();
    let mut shared = 0;
    let mut counts = vec![Counts::default(); keys.len()];
    let mut last_shared = false;
    for entry in &now.entries {
        if let Some(counts) = of(&mut counts, entry.group) {
            counts.add(entry.state, entry.queues, entry.carried);
        }
        if entry.first {
            total.add(entry.state, entry.queues, entry.carried);
            last_shared = false;
        } else if !std::mem::replace(&mut last_shared, true) {
            shared += 1;
        }
    }
    if let Some((before, _)) = before {
        compare(&mut counts, &mut total, before, now);
        carry(&mut counts, &mut total, before, now);
    }
    let mut groups: Vec<Group> = (0..)
        .zip(counts)
        .map(|(id, counts)| Group { id, counts })
        .filter(|group| !group.counts.is_empty())
        .collect();
    let by_order = |a: &Group, b: &Group| {
        order
            .iter()
            .map(|order| order.compare(&keys, a, b))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| by_values(&keys, a, b))
    };
    let all = groups.len();
    if limit < all {
        groups.select_nth_unstable_by(limit, by_order);
        groups.truncate(limit);
    }
    groups.sort_unstable_by(by_order);
    Top {
        more: all.saturating_sub(limit) as u64,
        groups,
        total,
        shared,
        interval: before.map(|(_, interval)| interval),
        keys,
    }
}

/// Groups that are otherwise alike come in the order of their values.
fn by_values(keys: &Keys, a: &Group, b: &Group) -> Ordering {
    keys.values_of(a.id)
        .zip(keys.values_of(b.id))
        .map(|(a, b)| a.order(&b, false))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// A counter of sockets.
type Counter = fn(&mut Counts) -> &mut u32;

/// Counts what is in one of the samples only.
fn compare(counts: &mut [Counts], total: &mut Counts, before: &Sample, now: &Sample) {
    let (were, are) = (before.cookies(), now.cookies());
    let unmatched: Counter = |counts| &mut counts.unmatched;
    let new: Counter = |counts| &mut counts.new;
    let gone: Counter = |counts| &mut counts.gone;
    for (entries, others, missed) in [(&now.entries, &were, new), (&before.entries, &are, gone)] {
        for entry in entries {
            let counter = match entry.cookie {
                None => unmatched,
                Some(cookie) if others.binary_search(&cookie).is_err() => missed,
                Some(_) => continue,
            };
            if let Some(counts) = of(counts, entry.group) {
                *counter(counts) += 1;
            }
            if entry.first {
                *counter(total) += 1;
            }
        }
    }
}

/// Adds what the connections of the second look carried since the first. All that a new one carried, it carried since.
fn carry(counts: &mut [Counts], total: &mut Counts, before: &Sample, now: &Sample) {
    let earlier: HashMap<Cookie, Carried> = before
        .entries
        .iter()
        .filter_map(|entry| Some((entry.cookie?, entry.carried)))
        .collect();
    for entry in &now.entries {
        let (Some(cookie), Carried::Bytes(bytes)) = (entry.cookie, entry.carried) else {
            continue;
        };
        let earlier = match earlier.get(&cookie) {
            Some(Carried::Bytes(earlier)) => *earlier,
            // It was there, and what it had carried was not known.
            Some(Carried::Unknown) => continue,
            Some(Carried::Nothing) | None => Bytes::default(),
        };
        let moved = bytes.since(earlier);
        if let Some(counts) = of(counts, entry.group) {
            counts.add_moved(moved);
        }
        if entry.first {
            total.add_moved(moved);
        }
    }
}

/// The counts of a group.
fn of(counts: &mut [Counts], group: u32) -> Option<&mut Counts> {
    counts.get_mut(group as usize)
}
