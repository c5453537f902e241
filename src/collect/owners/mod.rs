//! Which process holds which socket, and why some have none.
//!
//! One walk over /proc finds the holders (`walk`). Sockets that it leaves unclaimed are looked at again (`unclaimed`), and a reason
//! is given only where something speaks for it: that nobody was seen is no proof of anything, since a thread may sit in accept(2) on
//! a descriptor that another has closed, or a socket go to and fro between two processes.

mod fdinfo;
mod services;
mod tables;
mod threads;
mod tunnels;
mod unclaimed;
pub(super) mod walk;

use super::{mounts, rights};
use crate::model::{Barrier, Inode, Listeners, OwnerTable, Pid, Query, ScanReport, Socket};
use crate::sys::{self, capabilities::Right, proc_root::Dir};
use rustc_hash::FxHashSet;
use rustix::io::Errno;
use std::path::Path;
pub(super) use threads::{Sharers, sharers};
use walk::{Found, Walk, Walked};

/// Finds the holders of `sockets`, which `query` brought, and the reasons of those that have none.
///
/// Failure is not an error here: what could not be seen is in the table's [`ScanReport`].
#[must_use]
pub fn find_owners(query: &Query, sockets: &[Socket], listeners: Listeners) -> OwnerTable {
    // Those at the other end of unix sockets are asked for, too.
    let wanted: FxHashSet<Inode> = sockets
        .iter()
        .filter(|socket| !socket.is_the_kernels())
        .flat_map(|s| {
            s.inode
                .into_iter()
                .chain(s.unix().and_then(|u| u.peer.inode()))
        })
        .collect();
    let mut table = OwnerTable::new();
    table.set_listeners(listeners);
    if wanted.is_empty() {
        return table;
    }
    let _rights = sys::capabilities::to_look();
    if let Some((proc, walked)) = first_walk(&mut table, Some(&wanted)) {
        let missing: Vec<_> = sockets
            .iter()
            .filter(|socket| !socket.is_the_kernels())
            .filter(|socket| socket.inode.is_some_and(|inode| !table.holds(inode)))
            .collect();
        if !missing.is_empty() {
            unclaimed::explain(query, missing, &proc, walked, &mut table);
        }
    }
    table
}

/// Finds every holder of every socket there is, for rows that are yet to come.
///
/// A socket that such a row shows may have been opened since, so there is no reason for one that nobody holds.
#[must_use]
pub fn find_all_owners(listeners: Listeners) -> OwnerTable {
    let mut table = OwnerTable::new();
    table.set_listeners(listeners);
    let _rights = sys::capabilities::to_look();
    if let Some((proc, walked)) = first_walk(&mut table, None) {
        table.set_report(report(&proc, &walked));
    }
    table
}

/// Those of `wanted` that one process holds now, by a descriptor of any of its threads or through an io_uring.
#[must_use]
pub fn held_by(pid: Pid, wanted: &FxHashSet<Inode>) -> FxHashSet<Inode> {
    let Ok(proc) = Dir::open(Path::new("/proc")) else {
        return FxHashSet::default();
    };
    let _rights = sys::capabilities::to_look();
    let walked = Walk::new(&proc, Some(wanted)).over(&[pid.0]);
    let held = walked.found.iter().flat_map(|found| &found.held);
    held.map(|held| held.inode).collect()
}

/// Finds the holders of the sockets with these inodes, and no reasons for those that have none.
#[must_use]
pub fn find_holders(wanted: &FxHashSet<Inode>) -> OwnerTable {
    let _rights = sys::capabilities::to_look();
    let mut table = OwnerTable::new();
    if let Some((proc, walked)) = first_walk(&mut table, Some(wanted)) {
        table.set_report(report(&proc, &walked));
    }
    table
}

/// Every process id, ascending.
pub(super) fn processes(proc: &Dir) -> Result<Vec<u32>, Errno> {
    walk::processes(proc)
}

/// Puts the holders that one walk over all processes finds into `table`, or into its report why there could be no walk.
fn first_walk(table: &mut OwnerTable, wanted: Option<&FxHashSet<Inode>>) -> Option<(Dir, Walked)> {
    let processes =
        Dir::open(Path::new("/proc")).and_then(|proc| Ok((walk::processes(&proc)?, proc)));
    let failed = match processes {
        Ok((pids, _)) if pids.is_empty() => "/proc shows no processes".to_owned(),
        Ok((pids, proc)) => {
            let mut walked = Walk::new(&proc, wanted).over(&pids);
            add_holders(table, std::mem::take(&mut walked.found));
            return Some((proc, walked));
        }
        Err(error) => format!("/proc cannot be read: {}", words(error)),
    };
    table.set_report(ScanReport {
        failed: Some(failed),
        ..ScanReport::default()
    });
    None
}

/// What could not be seen.
fn report(proc: &Dir, walked: &Walked) -> ScanReport {
    let may_be_here = |pid: &&u32| walk::may_be_in_this_namespace(proc, **pid);
    let hidden = walked.refused.iter().filter(may_be_here).count();
    ScanReport {
        hidden_processes: u32::try_from(hidden).unwrap_or(u32::MAX),
        refused_by: rights::barrier(Right::Trace),
        hidepid: rights::barrier(Right::Trace) != Barrier::Policy && mounts::proc_hides_processes(),
        nested: sys::namespace::is_nested_pid_namespace(),
        failed: walked
            .failed
            .as_ref()
            .map(|reason| format!("not every process could be looked at: {reason}")),
        saved: false,
    }
}

fn words(errno: Errno) -> &'static str {
    nix::errno::Errno::from_raw(errno.raw_os_error()).desc()
}

fn add_holders(table: &mut OwnerTable, mut found: Vec<Found>) {
    table.reserve(found.iter().map(|f| f.held.len()).sum());
    found.sort_unstable_by_key(|f| std::cmp::Reverse((f.process.pid, f.thread)));
    for found in found {
        if !found.carriers.is_empty() {
            table.add_carriers(found.process.clone(), found.thread, &found.carriers);
        }
        table.add(found.process, found.thread, &found.held);
    }
}
