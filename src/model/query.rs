//! What to ask the sources for.

use super::{Conditions, Protocol, StateSet, Table, TableSet};
use std::path::PathBuf;

/// Which sources may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceChoice {
    /// sock_diag, and /proc/net for each table that it cannot deliver.
    #[default]
    Auto,
    /// sock_diag only.
    Netlink,
    /// /proc/net only.
    Proc,
    /// A saved dump; `-` is standard input.
    Dump(PathBuf),
}

/// The states asked for, which may differ between protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateMasks {
    /// For TCP.
    pub tcp: StateSet,
    /// For all others.
    pub other: StateSet,
}

impl StateMasks {
    /// The same states for every protocol.
    #[must_use]
    pub const fn same(states: StateSet) -> Self {
        Self {
            tcp: states,
            other: states,
        }
    }

    /// The states asked of `protocol`.
    #[must_use]
    pub const fn of(self, protocol: Protocol) -> StateSet {
        match protocol {
            Protocol::Tcp => self.tcp,
            Protocol::Udp | Protocol::Raw | Protocol::Unix => self.other,
        }
    }
}

/// What to fetch: always a superset of what will be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The tables.
    pub tables: TableSet,
    /// Those of them that the user named, rather than got by default.
    pub named: TableSet,
    /// The states.
    pub states: StateMasks,
    /// What else may be left out; sources that do not know it leave nothing out.
    pub conditions: Conditions,
    /// Whether to find out who holds the sockets.
    pub owners: bool,
    /// Which sources may be used.
    pub source: SourceChoice,
}

impl Query {
    /// Whether a row of `table` in `state` was asked for.
    #[must_use]
    pub fn wants(&self, table: Table, state: super::State) -> bool {
        self.tables.contains(table) && self.states.of(table.protocol).contains(state)
    }
}
