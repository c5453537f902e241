//! Which threads of a process use which of its descriptor tables.

use super::tables::{self, Sharing};
use crate::model::{Pid, Thread};
use crate::sys;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// For each thread of a process those that use the same descriptor table, itself among them, by id.
pub(in crate::collect) type Sharers = FxHashMap<Pid, Rc<[Thread]>>;

/// The threads of a process by their descriptor tables; none if it is gone.
///
/// Where tables cannot be told apart, threads are taken to share one, as nearly all do; where there are too many, to have their own. So
/// does the walk that finds the holders.
pub(in crate::collect) fn sharers(pid: Pid) -> Sharers {
    let _rights = sys::capabilities::to_look();
    let threads = sys::process::threads(pid.0).unwrap_or_default();
    let compare: Option<tables::Compare<'_>> =
        tables::can_be_compared().then_some(&sys::kcmp::descriptor_tables);
    let describe = |tid: u32| Thread {
        tid: Pid(tid),
        name: sys::process::thread_name(pid.0, tid).map(Vec::into_boxed_slice),
    };
    let mut sharers = Sharers::default();
    for group in groups(threads, compare) {
        let group: Rc<[Thread]> = group.into_iter().map(describe).collect();
        sharers.extend(group.iter().map(|thread| (thread.tid, group.clone())));
    }
    sharers
}

/// The threads that share a table, each group by id.
fn groups(threads: Vec<u32>, compare: Option<tables::Compare<'_>>) -> Vec<Sharing> {
    let compared = compare.map(|compare| tables::other_than(None, &threads, compare));
    let Some(Ok(mut groups)) = compared else {
        return vec![threads];
    };
    for group in &mut groups {
        group.sort_unstable();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;
    use std::cell::Cell;
    use std::cmp::Ordering;

    fn by_table(of: impl Fn(u32) -> Option<u32>) -> impl Fn(u32, u32) -> Result<Ordering, Errno> {
        move |one, other| match (of(one), of(other)) {
            (Some(one), Some(other)) => Ok(one.cmp(&other)),
            _ => Err(Errno::SRCH),
        }
    }

    #[test]
    fn threads_are_with_those_that_share_their_table() {
        let compare = by_table(|thread| Some(thread % 2));
        let mut found = groups(vec![3, 4, 5, 6, 7], Some(&compare));
        found.sort_unstable();
        assert_eq!(found, [vec![3, 5, 7], vec![4, 6]]);
    }

    #[test]
    fn what_cannot_be_told_apart_is_one() {
        assert_eq!(groups(vec![3, 4], None), [[3, 4]]);
        let refused = |_, _| Err(Errno::PERM);
        assert_eq!(groups(vec![3, 4], Some(&refused)), [[3, 4]]);
    }

    #[test]
    fn one_that_has_ended_is_with_nobody() {
        let compare = by_table(|thread| (thread != 4).then_some(1));
        let found = groups(vec![3, 4, 5], Some(&compare));
        assert!(found.contains(&vec![3, 5]), "{found:?}");
    }

    /// Each table is compared with so many others at most, however many threads there are.
    #[test]
    fn many_tables_take_few_comparisons() {
        let asked = Cell::new(0);
        let compare = |one: u32, other: u32| {
            asked.set(asked.get() + 1);
            Ok(one.cmp(&other))
        };
        let threads: Vec<u32> = (0..4000).collect();
        let found = groups(threads.clone(), Some(&compare));
        assert_eq!(found.concat(), threads);
        assert!(asked.get() < 200 * threads.len(), "{}", asked.get());
    }

    #[test]
    fn every_thread_of_this_process_is_found() {
        let own = Pid(std::process::id());
        let sharers = sharers(own);
        let first = sharers.get(&own).unwrap();
        assert!(first.iter().any(|thread| thread.tid == own));
        assert!(first.iter().all(|thread| sharers.contains_key(&thread.tid)));
        assert!(super::sharers(Pid(u32::MAX)).is_empty());
    }
}
