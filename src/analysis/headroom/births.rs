//! In which order a client came to its ports, by the numbers of its sockets.
//!
//! A socket's inode has a number from `get_next_ino` of `fs/inode.c`, which grows: but each processor takes 1024 numbers at a time for
//! itself, so that only the order within such a batch is that of time.

use super::provenance::{Client, client, is_client};
use super::table::{PortTable, is_late};
use crate::model::PortHolder;
use rustc_hash::{FxHashMap, FxHashSet};

/// `LAST_INO_BATCH`.
const BATCH: u64 = 1024;

/// How many sockets make an order that is hardly chance, and of how many on either half at least.
const ENOUGH: usize = 6;
const ENOUGH_OF_EACH: usize = 2;

/// A socket's number, and whether its port is one that connect() prefers.
type Birth = (u64, bool);

/// Of which half of the range a client had ports first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Of that which connect() prefers.
    Preferred,
    /// Of that which bind() prefers.
    Others,
}

/// The live sockets of these clients of which it is not known how they came to their ports.
pub(super) fn births(
    table: &PortTable,
    clients: &FxHashSet<Client>,
) -> FxHashMap<Client, Vec<Birth>> {
    let mut found: FxHashMap<Client, Vec<Birth>> = FxHashMap::default();
    if clients.is_empty() {
        return found;
    }
    let in_doubt = |h: &&PortHolder| is_client(h) && !is_late(h) && h.explicit != Some(true);
    for holder in table.holders().iter().filter(in_doubt) {
        let (Some(inode), who) = (holder.inode, client(holder)) else {
            continue;
        };
        if clients.contains(&who) {
            let birth = (inode.0.get(), table.prefers(holder.port.0));
            found.entry(who).or_default().push(birth);
        }
    }
    found
}

/// Which half came first, if the order is clear.
pub(super) fn first(births: &[Birth]) -> Option<First> {
    let preferred = births.iter().filter(|birth| birth.1).count();
    let least = preferred.min(births.len() - preferred);
    if births.len() < ENOUGH || least < ENOUGH_OF_EACH {
        return None;
    }
    let mut births = births.to_vec();
    births.sort_unstable();
    let turns = |to_preferred: bool| {
        let turned = |pair: &&[Birth]| match pair {
            [(a, before), (b, after)] => {
                a / BATCH == b / BATCH && *before != to_preferred && *after == to_preferred
            }
            _ => false,
        };
        births.windows(2).filter(turned).count()
    };
    match (turns(true), turns(false)) {
        (0, 1..) => Some(First::Preferred),
        (1.., 0) => Some(First::Others),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn births(from: u64, halves: &str) -> Vec<Birth> {
        let numbers = from..;
        numbers.zip(halves.chars().map(|c| c == 'p')).collect()
    }

    #[test]
    fn one_turn_is_an_order() {
        assert_eq!(first(&births(5, "ppppoo")), Some(First::Preferred));
        assert_eq!(first(&births(5, "ooooopp")), Some(First::Others));
        assert_eq!(first(&births(5, "pppooopp")), None);
        assert_eq!(first(&births(5, "pppppp")), None);
    }

    #[test]
    fn few_are_none() {
        assert_eq!(first(&births(5, "ppooo")), None);
        assert_eq!(first(&births(5, "pppppo")), None);
        assert_eq!(first(&[]), None);
    }

    #[test]
    fn only_a_processors_own_numbers_are_in_order() {
        let across = births(BATCH - 3, "pppooo");
        assert_eq!(first(&across), None);
        let two: Vec<_> = [births(BATCH, "ooo"), births(5 * BATCH, "pppoo")].concat();
        assert_eq!(first(&two), Some(First::Preferred));
    }
}
