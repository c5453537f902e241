//! Which process holds which socket, and why some have none.
//!
//! One walk over /proc finds the holders ([`walk`]). Sockets that it leaves unclaimed are looked at again before anything is said of
//! them ([`unclaimed`]): "the kernel's own" is what remains when everything else is excluded.

mod tunnels;
mod unclaimed;
mod walk;

use crate::model::{Inode, Listeners, OwnerTable, Query, ScanReport, Socket};
use crate::sys::{self, proc_root::Dir};
use rustc_hash::FxHashSet;
use std::path::Path;
use unclaimed::Unclaimed;
use walk::{Found, Walk, Walked};

/// Finds the holders of `sockets`, which `query` brought, and the reasons of those that have none.
///
/// Failure is not an error here: what could not be seen is in the table's [`ScanReport`].
#[must_use]
pub fn find_owners(query: &Query, sockets: &[Socket], listeners: Listeners) -> OwnerTable {
    let wanted: FxHashSet<Inode> = sockets.iter().filter_map(|s| s.inode).collect();
    let mut table = OwnerTable::new();
    table.set_listeners(listeners);
    if wanted.is_empty() {
        return table;
    }
    look(&mut table, Some(&wanted), |proc, table, walked| {
        let missing = |socket: &&Socket| socket.inode.is_some_and(|inode| !table.holds(inode));
        let missing: Vec<_> = sockets.iter().filter(missing).collect();
        if missing.is_empty() {
            return;
        }
        table.set_report(limits(proc, &walked));
        Unclaimed::new(query, missing).explain(proc, table, walked);
    });
    table
}

/// Finds every holder of every socket there is, for rows that are yet to come.
///
/// A socket that such a row shows may have been opened since, so there is no reason for one that nobody holds.
#[must_use]
pub fn find_all_owners(listeners: Listeners) -> OwnerTable {
    let mut table = OwnerTable::new();
    table.set_listeners(listeners);
    look(&mut table, None, |proc, table, walked| {
        table.set_report(limits(proc, &walked));
    });
    table
}

/// One walk over all processes, and what is to be done after it.
fn look(
    table: &mut OwnerTable,
    wanted: Option<&FxHashSet<Inode>>,
    then: impl FnOnce(&Dir, &mut OwnerTable, Walked),
) {
    let processes =
        Dir::open(Path::new("/proc")).and_then(|proc| Ok((walk::processes(&proc)?, proc)));
    let failed = match processes {
        Ok((pids, _)) if pids.is_empty() => "/proc shows no processes".to_owned(),
        Ok((pids, proc)) => {
            let mut walked = Walk::new(&proc, wanted).over(&pids);
            fill(table, std::mem::take(&mut walked.found));
            return then(&proc, table, walked);
        }
        Err(error) => format!("/proc cannot be read: {}", error.kind()),
    };
    table.set_report(ScanReport {
        failed: Some(failed),
        ..ScanReport::default()
    });
}

/// What this process had no right to see.
fn limits(proc: &Dir, walked: &Walked) -> ScanReport {
    let may_be_here = |pid: &&u32| walk::is_in_this_namespace(proc, **pid);
    let hidden = walked.refused.iter().filter(may_be_here).count();
    ScanReport {
        hidden_processes: u32::try_from(hidden).unwrap_or(u32::MAX),
        hidepid: !sys::namespace::may_trace_all() && sys::proc_root::hidepid().is_some(),
        failed: None,
    }
}

fn fill(table: &mut OwnerTable, mut found: Vec<Found>) {
    table.reserve(found.iter().map(|f| f.held.len()).sum());
    found.sort_unstable_by_key(|f| std::cmp::Reverse((f.process.pid, f.thread)));
    for found in found {
        if !found.carriers.is_empty() {
            table.add_carriers(found.process.clone(), found.thread, &found.carriers);
        }
        table.add(found.process, found.thread, &found.held);
    }
}
