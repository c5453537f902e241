//! What to ask the sources for.

use super::{Conditions, DetailSet, Ends, KindSet, Protocol, Socket, StateSet, Table, TableSet};
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
    /// A saved dump.
    Dump {
        /// Its file; `-` is standard input.
        path: PathBuf,
        /// Whether a variable of the environment named it, which somebody else may have set.
        inherited: bool,
    },
}

/// The states asked for, which may differ between protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateMasks {
    /// For TCP.
    pub tcp: StateSet,
    /// For those whose sockets are always unconnected, see [`Protocol::is_stateless`].
    pub stateless: StateSet,
    /// For TIPC.
    pub tipc: StateSet,
    /// For all others.
    pub other: StateSet,
}

impl StateMasks {
    /// The same states for every protocol.
    #[must_use]
    pub const fn same(states: StateSet) -> Self {
        Self {
            tcp: states,
            stateless: states,
            tipc: states,
            other: states,
        }
    }

    /// The states asked of `protocol`.
    #[must_use]
    #[inline]
    pub const fn of(self, protocol: Protocol) -> StateSet {
        // Nearly every row is TCP's.
        if matches!(protocol, Protocol::Tcp) {
            return self.tcp;
        }
        match protocol {
            Protocol::Tipc => self.tipc,
            stateless if stateless.is_stateless() => self.stateless,
            _ => self.other,
        }
    }

    /// The states that `choose` makes of those of each kind of protocol.
    #[must_use]
    pub fn map(self, choose: impl Fn(StateSet) -> StateSet) -> Self {
        Self {
            tcp: choose(self.tcp),
            stateless: choose(self.stateless),
            tipc: choose(self.tipc),
            other: choose(self.other),
        }
    }
}

/// The socket types asked for, of the families where options can choose them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// Of unix sockets.
    pub unix: KindSet,
    /// Of packet sockets.
    pub packet: KindSet,
    /// Of vsock sockets.
    pub vsock: KindSet,
}

impl Kinds {
    /// All of them.
    pub const ALL: Self = Self {
        unix: KindSet::ALL,
        packet: KindSet::ALL,
        vsock: KindSet::ALL,
    };

    /// Whether a socket of this type was asked for.
    #[must_use]
    pub const fn contain(&self, ends: &Ends) -> bool {
        match ends {
            Ends::Unix(ends) => self.unix.contains(ends.kind),
            Ends::Packet(ends) => self.packet.contains(ends.kind),
            Ends::Vsock(ends) => self.vsock.contains(ends.kind),
            Ends::Inet(_) | Ends::Netlink(_) | Ends::Xdp(_) | Ends::Tipc(_) => true,
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
    /// Whether the user asked for all tables in so many words: what the kernel cannot list of them is told then.
    pub everything: bool,
    /// The states.
    pub states: StateMasks,
    /// The socket types.
    pub kinds: Kinds,
    /// What else may be left out; sources that do not know it leave nothing out.
    pub conditions: Conditions,
    /// Whether to find out who holds the sockets.
    pub owners: bool,
    /// What to ask for beyond the fields of every socket.
    pub details: DetailSet,
    /// The ids of the BPF maps whose values are wanted; none for all of them.
    pub bpf_maps: Vec<u32>,
    /// Which sources may be used.
    pub source: SourceChoice,
}

impl Query {
    /// Whether a row of `table` in `state` was asked for, as far as this tells.
    #[must_use]
    #[inline]
    pub const fn wants(&self, table: Table, state: super::State) -> bool {
        self.tables.contains(table) && self.states.of(table.protocol).contains(state)
    }

    /// Whether a row was asked for.
    #[must_use]
    pub const fn wants_row(&self, socket: &Socket) -> bool {
        let table = Table::new(socket.protocol, socket.family);
        self.wants(table, socket.state) && self.kinds.contain(&socket.ends)
    }
}
