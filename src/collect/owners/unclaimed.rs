//! Sockets that the first walk found nobody for: a second look, and the reasons that something speaks for.

use super::services::Services;
use super::tunnels::{self, Tunnels};
use super::walk::{self, Walk, Walked};
use super::{add_holders, report};
use crate::collect::{self, Collected, Sink};
use crate::model::{
    Conditions, DetailSet, Inode, Kinds, NoOwner, Notice, OwnerTable, Protocol, Query, Socket,
    SourceChoice, State, StateMasks, StateSet, Table, TableSet,
};
use crate::sys::proc_root::Dir;
use rustc_hash::FxHashSet;
use std::ops::ControlFlow;

/// How often to look for processes made meanwhile.
const MAX_ROUNDS: usize = 16;

/// Adds to `table` who holds `sockets` after all, or why nobody does, and what could not be seen. The sockets are rows of
/// `query` and have an inode; `walked` is what the first walk met.
pub(super) fn explain(
    query: &Query,
    mut sockets: Vec<&Socket>,
    proc: &Dir,
    mut walked: Walked,
    table: &mut OwnerTable,
) {
    table.set_report(report(proc, &walked));
    // Where some processes cannot be seen, one of them may be the holder, however often one looks.
    if table.report().hides_inside() {
        return;
    }
    let tunnels = tunnels_for(&sockets, query);
    sockets.retain(|socket| {
        let found = tunnels.at(socket);
        if let (Some(devices), Some(inode)) = (found, socket.inode) {
            table.set_devices(inode, devices.to_vec());
        }
        found.is_none()
    });
    let services = Services::read(proc);
    leave_out(&mut sockets, table, |socket| services.have(socket));
    leave_out_closed(&mut sockets, query, table);
    if sockets.is_empty() {
        return;
    }
    let second = look_again(&sockets, query, proc);
    let in_queues = second.in_queues.values().copied().map(u64::from).sum();
    add_holders(table, second.found);
    walked.refused.extend(second.refused);
    walked.failed = walked.failed.take().or(second.failed);
    table.set_report(report(proc, &walked));
    if table.report().hides_inside() {
        return;
    }
    sockets.retain(|socket| !is_held(socket, table));
    leave_out_closed(&mut sockets, query, table);
    if in_queues == 0 && tunnels.may_be_wireguards(&sockets) {
        leave_out(&mut sockets, table, |socket| {
            tunnels::is_like_wireguard(socket)
        });
    }
    // Which descriptors are in a queue nobody can tell without taking them out. They explain the sockets if there are enough of them.
    let reason = if sockets.len() as u64 <= in_queues {
        NoOwner::InTransit
    } else {
        NoOwner::Other
    };
    for inode in sockets.iter().filter_map(|socket| socket.inode) {
        table.set_reason(inode, reason);
    }
}

/// Settles those that are the kernel's own.
fn leave_out(
    sockets: &mut Vec<&Socket>,
    table: &mut OwnerTable,
    is_kernels: impl Fn(&Socket) -> bool,
) {
    sockets.retain(|socket| {
        let found = is_kernels(socket);
        if let (true, Some(inode)) = (found, socket.inode) {
            table.set_reason(inode, NoOwner::Kernel);
        }
        !found
    });
}

fn is_udp(socket: &Socket) -> bool {
    socket.protocol == Protocol::Udp
}

/// The tunnel devices, if one may explain a socket. Only netlink tells which there are.
fn tunnels_for(sockets: &[&Socket], query: &Query) -> Tunnels {
    if query.source == SourceChoice::Proc || !sockets.iter().any(|socket| is_udp(socket)) {
        return Tunnels::default();
    }
    Tunnels::read()
}

/// Settles those that are not in the kernel's tables any more.
fn leave_out_closed(sockets: &mut Vec<&Socket>, query: &Query, table: &mut OwnerTable) {
    if sockets.is_empty() {
        return;
    }
    let wanted = inodes(sockets);
    let mut there = FxHashSet::default();
    let collected = look_at_rows(
        sockets.iter().map(|socket| table_of(socket)).collect(),
        states_of_sockets(sockets),
        query,
        |socket| there.extend(socket.inode.filter(|inode| wanted.contains(inode))),
    );
    let whole = collected.map_or(TableSet::EMPTY, |collected| whole_tables(&collected));
    sockets.retain(|socket| {
        let Some(inode) = socket.inode else {
            return false;
        };
        let is_there = there.contains(&inode) || !whole.contains(table_of(socket));
        if !is_there {
            table.set_reason(inode, NoOwner::Closed);
        }
        is_there
    });
}

/// Walks over all processes, and over those that were made meanwhile until there are no more: a server may hand a connection to a
/// process that it has just made.
fn look_again(sockets: &[&Socket], query: &Query, proc: &Dir) -> Walked {
    let wanted = inodes(sockets);
    let unix = unix_sockets(query);
    let walk = Walk::new(proc, Some(&wanted)).looking_into(&unix);
    let mut known = FxHashSet::default();
    let mut all = Walked::default();
    for _ in 0..MAX_ROUNDS {
        let mut fresh = walk::processes(proc).unwrap_or_default();
        fresh.retain(|&pid| known.insert(pid));
        if fresh.is_empty() {
            break;
        }
        all.extend(walk.over(&fresh));
    }
    all
}

/// The unix sockets of this network namespace: those that may have descriptors in their queues.
fn unix_sockets(query: &Query) -> FxHashSet<Inode> {
    let tables = Table::ALL
        .into_iter()
        .filter(|table| table.protocol == Protocol::Unix)
        .collect();
    let mut inodes = FxHashSet::default();
    // What cannot be dumped is not looked into, and then explains nothing.
    let states = StateMasks::same(StateSet::ALL);
    let _ = look_at_rows(tables, states, query, |socket| {
        inodes.extend(socket.inode);
    });
    inodes
}

/// The states in which `sockets` may be by now.
fn states_of_sockets(sockets: &[&Socket]) -> StateMasks {
    let listen = |socket: &&Socket| socket.state == State::Listen;
    StateMasks {
        // A listener stays one until it is closed; looking for others walks every connection.
        tcp: if sockets.iter().all(listen) {
            StateSet::LISTEN
        } else {
            StateSet::BIG
        },
        ..StateMasks::same(StateSet::ALL)
    }
}

fn look_at_rows(
    tables: TableSet,
    states: StateMasks,
    query: &Query,
    row: impl FnMut(&Socket),
) -> Option<Collected> {
    let query = Query {
        tables,
        named: TableSet::EMPTY,
        everything: false,
        states,
        kinds: Kinds::ALL,
        conditions: Conditions::default(),
        owners: false,
        details: DetailSet::NONE,
        bpf_maps: Vec::new(),
        source: query.source.clone(),
    };
    collect::collect(&query, &mut EachRow(row)).ok()
}

/// The tables that were read to their end, while nothing in them was moved or damaged.
fn whole_tables(collected: &Collected) -> TableSet {
    let damaged: TableSet = collected
        .notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::Interrupted { table }
            | Notice::Undecodable { table, .. }
            | Notice::Broken { table, .. } => Some(*table),
            _ => None,
        })
        .collect();
    collected
        .tables
        .iter()
        .map(|report| report.table)
        .filter(|&table| !damaged.contains(table))
        .collect()
}

const fn table_of(socket: &Socket) -> Table {
    Table::new(socket.protocol, socket.family)
}

fn inodes(sockets: &[&Socket]) -> FxHashSet<Inode> {
    sockets.iter().filter_map(|socket| socket.inode).collect()
}

fn is_held(socket: &Socket, table: &OwnerTable) -> bool {
    socket.inode.is_some_and(|inode| table.holds(inode))
}

/// A sink that looks at rows and keeps none.
struct EachRow<F>(F);

impl<F: FnMut(&Socket)> Sink for EachRow<F> {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
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
