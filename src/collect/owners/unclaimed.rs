//! Sockets that no process seems to hold: a second look, and what can be said for certain.
//!
//! A walk over /proc takes time, and meanwhile sockets are closed, handed to new processes or sent to others. So each one must still
//! be there after a second walk missed it too, before a reason is given.

use super::walk::{self, Walk, Walked};
use super::{fill, tunnels};
use crate::collect::{self, Sink};
use crate::model::{
    Inode, NoOwner, OwnerTable, Protocol, Query, Queues, Socket, SourceChoice, StateMasks,
    StateSet, Table, TableSet,
};
use crate::sys::{self, proc_root::Dir};
use crate::wire::pid;
use rustc_hash::FxHashSet;
use std::ops::ControlFlow;

/// How often to look for processes made meanwhile.
const MAX_ROUNDS: usize = 16;

/// The sockets in question.
pub(super) struct Unclaimed<'a> {
    query: &'a Query,
    sockets: Vec<&'a Socket>,
}

impl<'a> Unclaimed<'a> {
    /// `sockets` are rows of `query` that have an inode.
    pub(super) const fn new(query: &'a Query, sockets: Vec<&'a Socket>) -> Self {
        Self { query, sockets }
    }

    /// Adds to `table` who holds them after all, or why nobody does. `first` is what the first walk met.
    pub(super) fn explain(mut self, proc: &Dir, table: &mut OwnerTable, first: Walked) {
        // Where some processes cannot be seen, one of them may be the holder: nothing is certain, however often one looks.
        if table.report().hides() {
            return;
        }
        self.without_closed(table);
        if self.sockets.is_empty() {
            return;
        }
        let unsure = self.look_again(proc, table) || first.unsure;
        self.sockets
            .retain(|socket| socket.inode.is_some_and(|inode| !table.holds(inode)));
        self.without_closed(table);
        self.give_reasons(proc, table, unsure);
    }

    /// Walks over all processes, and over those that were made meanwhile until there are no more: a server may hand a connection to
    /// a process that it has just made. True if something remained that could not be looked at.
    fn look_again(&self, proc: &Dir, table: &mut OwnerTable) -> bool {
        let wanted = self.inodes();
        let walk = Walk::new(proc, Some(&wanted)).with_carriers();
        let mut unsure = false;
        let mut known = FxHashSet::default();
        for _ in 0..MAX_ROUNDS {
            let Ok(mut fresh) = walk::processes(proc) else {
                return true;
            };
            fresh.retain(|&pid| known.insert(pid));
            if fresh.is_empty() {
                return unsure;
            }
            let mut walked = walk.over(&fresh);
            unsure |= walked.unsure;
            for found in &mut walked.found {
                // What is in transit in another network namespace is most likely of that one, but may be of this.
                if !found.carriers.is_empty()
                    && !walk::is_in_this_namespace(proc, found.process.pid.0)
                {
                    found.carriers.clear();
                    unsure = true;
                }
            }
            fill(table, walked.found);
        }
        true
    }

    /// Leaves out, with that reason, what is not in the kernel's tables any more.
    fn without_closed(&mut self, table: &mut OwnerTable) {
        if self.sockets.is_empty() {
            return;
        }
        let tables = self.sockets.iter().map(|s| table_of(s)).collect();
        let (there, read) = present(self.query, tables, self.inodes());
        self.sockets.retain(|socket| {
            let Some(inode) = socket.inode else {
                return false;
            };
            let is_there = there.contains(&inode) || !read.contains(table_of(socket));
            if !is_there {
                table.set_reason(inode, NoOwner::Closed);
            }
            is_there
        });
    }

    fn give_reasons(&self, proc: &Dir, table: &mut OwnerTable, unsure: bool) {
        if self.sockets.is_empty() {
            return;
        }
        let is_udp = |socket: &&&Socket| socket.protocol == Protocol::Udp;
        let tunnels = if self.sockets.iter().any(|socket| is_udp(&socket)) {
            tunnels::ports()
        } else {
            FxHashSet::default()
        };
        let elsewhere = unsure
            || sys::namespace::pid_namespace_is_nested()
            || !transit_is_visible(proc)
            || connections_wait_for_accept();
        for socket in &self.sockets {
            let of_a_tunnel = is_udp(&socket)
                && socket
                    .inet()
                    .is_some_and(|ends| tunnels.contains(&ends.local_port.0));
            let reason = if of_a_tunnel {
                NoOwner::Kernel
            } else if table.has_carriers() {
                NoOwner::InTransit
            } else if elsewhere {
                NoOwner::Other
            } else {
                NoOwner::Kernel
            };
            if let Some(inode) = socket.inode {
                table.set_reason(inode, reason);
            }
        }
    }

    fn inodes(&self) -> FxHashSet<Inode> {
        self.sockets.iter().filter_map(|s| s.inode).collect()
    }
}

const fn table_of(socket: &Socket) -> Table {
    Table::new(socket.protocol, socket.family)
}

/// Which of `wanted` are in `tables` now, whatever their state, and which of the tables could be read.
fn present(
    query: &Query,
    tables: TableSet,
    wanted: FxHashSet<Inode>,
) -> (FxHashSet<Inode>, TableSet) {
    let mut there = FxHashSet::default();
    let query = Query {
        tables,
        named: TableSet::EMPTY,
        states: StateMasks::same(StateSet::ALL),
        owners: false,
        source: query.source.clone(),
    };
    let collected = collect::collect(
        &query,
        &mut Each(|socket: Socket| there.extend(socket.inode.filter(|i| wanted.contains(i)))),
    );
    let read = collected.map_or(TableSet::EMPTY, |c| {
        c.tables.iter().map(|t| t.table).collect()
    });
    (there, read)
}

/// Whether unix connections wait for accept(2): nobody can look into their queues, where descriptors may be.
fn connections_wait_for_accept() -> bool {
    let unix = Table::ALL
        .into_iter()
        .filter(|table| table.protocol == Protocol::Unix)
        .collect();
    let query = Query {
        tables: unix,
        named: TableSet::EMPTY,
        states: StateMasks::same(StateSet::ALL),
        owners: false,
        source: SourceChoice::Auto,
    };
    let mut waiting = false;
    let collected = collect::collect(
        &query,
        &mut Each(|socket: Socket| {
            // Netlink counts them at their listener; /proc lists them without an inode.
            waiting |= match socket.queues {
                Queues::Accept { length, .. } => length > 0,
                _ => socket.inode.is_none(),
            };
        }),
    );
    waiting || collected.is_err()
}

/// Whether this kernel tells of descriptors in the queues of unix sockets.
fn transit_is_visible(proc: &Dir) -> bool {
    sys::proc_root::fdinfo_of_a_unix_socket(proc)
        .is_ok_and(|text| pid::descriptors_in_queue(&text).is_some())
}

/// A sink that looks at rows and keeps none.
struct Each<F>(F);

impl<F: FnMut(Socket)> Sink for Each<F> {
    fn push(&mut self, socket: Socket) -> ControlFlow<()> {
        (self.0)(socket);
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        0
    }

    /// What was seen in a pass that failed was there all the same.
    fn take_back(&mut self, _: usize) -> bool {
        true
    }
}
