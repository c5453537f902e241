//! Which threads of a process have a descriptor table of their own.
//!
//! Threads share one unless they unshare(2) `CLONE_FILES`, and /proc does not tell; kcmp(2) does.

use crate::sys;
use rustix::io::Errno;
use std::cmp::Ordering;

/// Above this many different tables in one process further threads are not compared, but each taken for one that has its own.
const MAX_TABLES: usize = 64;

/// How kcmp(2) compares the tables of two threads.
pub(super) type Compare<'a> = &'a dyn Fn(u32, u32) -> Result<Ordering, Errno>;

/// Whether the tables of threads that /proc lists can be compared: kcmp(2) takes the ids of this process's PID namespace, and where
/// /proc is of another, the same numbers are of other threads, or of none.
pub(super) fn can_be_compared() -> bool {
    sys::kcmp::works() && sys::namespace::proc_shows_own_pids()
}

/// Threads that share one descriptor table.
pub(super) type Sharing = Vec<u32>;

/// `threads` by the tables they have, without those that share the table of `first`. Fails as `compare`, but for threads that end meanwhile.
///
/// Tables are compared for being the same only: a thread that ends loses its table, and with it its place in any order.
pub(super) fn other_than(
    first: Option<u32>,
    threads: &[u32],
    compare: Compare<'_>,
) -> Result<Vec<Sharing>, Errno> {
    let same = |one, other| compare(one, other).map(Ordering::is_eq);
    let mut groups: Vec<Sharing> = Vec::new();
    'threads: for &thread in threads {
        if let Some(first) = first {
            match same(first, thread) {
                Ok(true) | Err(Errno::SRCH) => continue,
                Ok(false) => {}
                Err(error) => return Err(error),
            }
        }
        if groups.len() < MAX_TABLES {
            for group in &mut groups {
                // One that has ended says nothing of the others in its group.
                while let Some(&known) = group.last() {
                    match same(known, thread) {
                        Ok(true) => {
                            group.insert(0, thread);
                            continue 'threads;
                        }
                        Ok(false) => break,
                        Err(Errno::SRCH) if same(thread, thread).is_err() => continue 'threads,
                        Err(Errno::SRCH) => drop(group.pop()),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        groups.push(vec![thread]);
    }
    // While a thread ends it still has an id and no table: what seemed different then is looked at once more.
    let mut distinct: Vec<Sharing> = Vec::new();
    for group in groups {
        let Some(&thread) = group.last() else {
            continue;
        };
        let known = distinct.iter().filter_map(|g| g.last()).copied();
        let seen = distinct.len() < MAX_TABLES
            && first
                .into_iter()
                .chain(known)
                .any(|known| same(known, thread) == Ok(true));
        if !seen {
            distinct.push(group);
        }
    }
    Ok(distinct)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Compares threads by the table that `of` gives them, `None` for those that have ended.
    fn by_table(of: impl Fn(u32) -> Option<u32>) -> impl Fn(u32, u32) -> Result<Ordering, Errno> {
        move |one, other| match (of(one), of(other)) {
            (Some(one), Some(other)) => Ok(one.cmp(&other)),
            _ => Err(Errno::SRCH),
        }
    }

    #[test]
    fn threads_are_grouped_by_table() {
        let compare = by_table(|thread| Some(thread % 3));
        let threads = [4, 5, 6, 7, 8, 9];
        let groups = other_than(Some(3), &threads, &compare).unwrap();
        assert_eq!(groups, [[7, 4], [8, 5]]);
        let groups = other_than(None, &threads, &compare).unwrap();
        assert_eq!(groups, [[7, 4], [8, 5], [9, 6]]);
    }

    #[test]
    fn threads_that_end_take_nobody_with_them() {
        // Thread 4 ends after its first comparison, and the rest share the table of 3.
        let looked = Cell::new(0);
        let compare = by_table(move |thread| {
            if thread == 4 {
                looked.set(looked.get() + 1);
                return (looked.get() < 2).then_some(9);
            }
            Some(if thread < 8 { 3 } else { 8 })
        });
        let groups = other_than(Some(3), &[4, 5, 6, 7, 8, 9], &compare).unwrap();
        assert!(groups.contains(&vec![9, 8]), "{groups:?}");
        assert!(
            groups.iter().flatten().all(|t| ![5, 6, 7].contains(t)),
            "{groups:?}"
        );
    }

    #[test]
    fn a_table_outlives_the_thread_it_was_known_by() {
        let asked = Cell::new(0);
        // Thread 5 ends when 6 has been found to share its table; 7 shares it too.
        let compare = by_table(move |thread| {
            asked.set(asked.get() + 1);
            match thread {
                3 => Some(3),
                5 => (asked.get() < 8).then_some(5),
                _ => Some(5),
            }
        });
        let groups = other_than(Some(3), &[5, 6, 7], &compare).unwrap();
        assert_eq!(groups.len(), 1, "{groups:?}");
        assert!(groups[0].contains(&7) && groups[0].contains(&6));
    }

    #[test]
    fn refusal_is_an_error() {
        let refused = |_, _| Err(Errno::PERM);
        assert_eq!(other_than(Some(1), &[2], &refused), Err(Errno::PERM));
        assert_eq!(other_than(Some(1), &[], &refused), Ok(vec![]));
    }
}
