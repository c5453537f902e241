//! Saving a dump: the kernel's own messages, those of the rows that pass.

use super::diag::DiagSource;
use super::dump::DumpSource;
use super::lower::{self, Lowered};
use super::lower_families::is_diag_socket;
use super::socket_details::Wanted;
use super::source::{DumpStats, SourceError};
use super::unix_peers::UnixPeers;
use super::{Collected, Collector, RETRIES, Seen, Sink, request_states};
use crate::model::{
    Family, Notice, Protocol, Query, Socket, SourceChoice, SourceKind, StateSet, Table, TableSet,
};
use crate::wire::saved::{Mark, write_end, write_row};
use crate::wire::{
    inet_diag, netlink_diag, packet_diag, tipc_diag, unix_diag, vsock_diag, xdp_diag,
};
use std::ops::{ControlFlow, Range};

/// Sockets with the messages that they were read from.
#[derive(Debug, Default)]
pub struct Recording {
    /// The rows that were asked for.
    pub sockets: Vec<Socket>,
    /// What else came of it.
    pub collected: Collected,
    messages: Vec<Range<usize>>,
    bytes: Vec<u8>,
}

impl Recording {
    /// The saved dump of the rows for which `keep` holds: TCP's first, so that `ss` reads them all.
    pub fn encode(&self, mut keep: impl FnMut(&Socket) -> bool) -> Vec<u8> {
        let tables: TableSet = self
            .collected
            .tables
            .iter()
            .map(|report| report.table)
            .collect();
        let kept: Vec<_> = self
            .sockets
            .iter()
            .zip(&self.messages)
            .filter(|(socket, _)| keep(socket))
            .map(|(socket, range)| {
                let payload = self.bytes.get(range.clone()).unwrap_or_default();
                (Table::new(socket.protocol, socket.family), payload)
            })
            .collect();
        let mut out = Vec::new();
        let rows = |out: &mut Vec<u8>, is_of: &dyn Fn(Table) -> bool| {
            for (_, payload) in kept.iter().filter(|(table, _)| is_of(*table)) {
                write_row(out, payload);
            }
            write_end(out);
        };
        rows(&mut out, &|table| table.protocol == Protocol::Tcp);
        for table in tables.iter() {
            let begins = table.protocol != Protocol::Tcp;
            mark(table, begins).write(&mut out);
            if begins {
                rows(&mut out, &|of| of == table);
            }
        }
        out
    }
}

/// Records everything in `query`. Failures of single tables are notices; there is no fallback, since text has no messages.
///
/// # Errors
/// If the saved dump that the query names cannot be read at all.
pub fn record(query: &Query) -> Result<Recording, SourceError> {
    let mut nowhere = Nowhere;
    let mut recorder = Recorder {
        collector: Collector {
            query,
            sink: &mut nowhere,
            collected: Collected::default(),
        },
        recording: Recording::default(),
    };
    match &query.source {
        SourceChoice::Dump { path, inherited } => {
            let mut source = DumpSource::open(path, *inherited, query.details)?;
            recorder.file(&mut source)?;
        }
        SourceChoice::Proc => {
            for table in query.tables.iter() {
                recorder.collector.note(Notice::Unavailable {
                    table,
                    reason: "a saved dump holds netlink messages, and /proc has none".to_owned(),
                });
            }
        }
        SourceChoice::Auto | SourceChoice::Netlink => recorder.live(),
    }
    let mut recording = recorder.recording;
    recording.collected = recorder.collector.collected;
    Ok(recording)
}

struct Recorder<'a> {
    collector: Collector<'a>,
    recording: Recording,
}

impl Recorder<'_> {
    fn live(&mut self) {
        let (mut source, untold) = super::of_this_kernel(self.collector.query, true);
        self.collector.collected.notices.extend(untold);
        let tables = self.collector.query.tables;
        let (tcp, rest): (Vec<_>, Vec<_>) =
            tables.iter().partition(|t| t.protocol == Protocol::Tcp);
        let groups = std::iter::once(tcp).chain(rest.into_iter().map(|table| vec![table]));
        for group in groups {
            let Some(&first) = group.first() else {
                continue;
            };
            if self.collector.collected.absent.contains(&first.protocol) {
                continue;
            }
            match self.dump(&mut source, &group) {
                Ok((pass, stats)) => self.commit(SourceKind::Netlink, &group, pass, &stats),
                Err(error) => {
                    let reason = error.to_string();
                    self.collector.nowhere(first, std::iter::once(error));
                    for &table in group.iter().skip(1) {
                        let reason = reason.clone();
                        self.collector.note(Notice::Unavailable { table, reason });
                    }
                }
            }
        }
    }

    /// One dump, once more if the table changed meanwhile.
    fn dump<D: crate::sys::netlink::Datagrams>(
        &mut self,
        source: &mut DiagSource<impl FnMut() -> std::io::Result<D>>,
        group: &[Table],
    ) -> Result<(Pass, DumpStats), SourceError> {
        let query = self.collector.query;
        let states = group.iter().fold(StateSet::EMPTY, |set, table| {
            set.or(request_states(query, table.protocol))
        });
        let wanted = source.wanted();
        let mut tries = 0;
        loop {
            let mut pass = Pass::default();
            let stats = source.record(group, states, |protocol, payload, stats| {
                pass.add(protocol, payload, wanted, stats);
            })?;
            if !stats.interrupted || tries == RETRIES {
                return Ok((pass, stats));
            }
            tries += 1;
        }
    }

    /// Rows before the damage stay, as when the file is shown.
    fn file(&mut self, source: &mut DumpSource) -> Result<(), SourceError> {
        let wanted = source.wanted();
        let mut pass = Pass::default();
        let result = source.messages(|protocol, payload, stats| {
            pass.add(protocol, payload, wanted, stats);
            ControlFlow::Continue(())
        });
        let stats = match result {
            Ok(stats) => stats,
            Err(error @ SourceError::NotADump { .. }) => return Err(error),
            Err(error) => {
                let reason = error.to_string();
                self.collector.note(Notice::DumpDamaged { reason });
                DumpStats::default()
            }
        };
        let seen: TableSet = pass
            .rows
            .iter()
            .map(|(socket, _)| Table::new(socket.protocol, socket.family))
            .collect();
        let held: Vec<_> = self
            .collector
            .query
            .tables
            .iter()
            .filter(|&table| seen.contains(table) || stats.holds(table))
            .collect();
        self.commit(SourceKind::Dump, &held, pass, &stats);
        Ok(())
    }

    fn commit(&mut self, kind: SourceKind, tables: &[Table], pass: Pass, stats: &DumpStats) {
        let mut seen = Seen::default();
        let base = self.recording.bytes.len();
        for (socket, range) in pass.joined() {
            if self.collector.query.wants_row(&socket) {
                seen.add(Table::new(socket.protocol, socket.family));
                self.recording.sockets.push(socket);
                let range = base + range.start..base + range.end;
                self.recording.messages.push(range);
            }
        }
        self.recording.bytes.extend(pass.bytes);
        self.collector.commit(kind, tables, seen, stats);
    }
}

/// The rows of one dump with their messages.
#[derive(Default)]
struct Pass {
    rows: Vec<(Socket, Range<usize>)>,
    clients: Vec<Vec<crate::model::Inode>>,
    bytes: Vec<u8>,
}

impl Pass {
    fn add(&mut self, protocol: Protocol, payload: &[u8], wanted: Wanted, stats: &mut DumpStats) {
        let (socket, clients) = match lower::any_payload(protocol, payload, wanted) {
            Lowered::Row(socket) if is_diag_socket(&socket, stats.port) => return,
            Lowered::Row(socket) => (socket, Vec::new()),
            Lowered::Unix(socket, clients) => (socket, clients),
            Lowered::Nothing => return,
            Lowered::Nonsense => {
                stats.skipped += 1;
                return;
            }
        };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        self.rows.push((socket, start..self.bytes.len()));
        self.clients.push(clients);
    }

    /// The rows, unix sockets with the names of their peers.
    fn joined(&self) -> Vec<(Socket, Range<usize>)> {
        let mut peers = UnixPeers::default();
        for ((socket, _), clients) in self.rows.iter().zip(&self.clients) {
            peers.add(socket.clone(), clients);
        }
        let ranges = self.rows.iter().map(|(_, range)| range.clone());
        peers.joined().into_iter().zip(ranges).collect()
    }
}

/// A sink for rows that are kept elsewhere.
struct Nowhere;

impl Sink for Nowhere {
    fn push(&mut self, _: &mut Socket) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        0
    }

    fn take_back(&mut self, _: usize) -> bool {
        true
    }
}

/// Each table with its protocol number of `linux/in.h`, 0 outside of IP, and the number of its address family.
fn numbers(table: Table) -> (u16, u8) {
    let protocol = match table.protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Dccp => 33,
        Protocol::Sctp => 132,
        Protocol::UdpLite => 136,
        Protocol::Raw => 255,
        Protocol::Mptcp => 262,
        Protocol::Unix
        | Protocol::Packet
        | Protocol::Netlink
        | Protocol::Vsock
        | Protocol::Xdp
        | Protocol::Tipc => 0,
    };
    let family = match table.family {
        Family::Inet => inet_diag::FAMILY_INET,
        Family::Inet6 => inet_diag::FAMILY_INET6,
        Family::Unix => unix_diag::FAMILY_UNIX,
        Family::Packet => packet_diag::FAMILY_PACKET,
        Family::Netlink => netlink_diag::FAMILY_NETLINK,
        Family::Vsock => vsock_diag::FAMILY_VSOCK,
        Family::Xdp => xdp_diag::FAMILY_XDP,
        Family::Tipc => tipc_diag::FAMILY_TIPC,
    };
    (protocol, family)
}

fn mark(table: Table, begins: bool) -> Mark {
    let (protocol, family) = numbers(table);
    Mark {
        protocol,
        family,
        begins,
    }
}

/// The table that a mark is about.
pub(super) fn table(mark: Mark) -> Option<Table> {
    Table::ALL
        .into_iter()
        .find(|&table| numbers(table) == (mark.protocol, mark.family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_own_mark() {
        for known in Table::ALL {
            assert_eq!(table(mark(known, true)), Some(known));
        }
        let unknown = Mark {
            protocol: 99,
            family: 2,
            begins: true,
        };
        assert_eq!(table(unknown), None);
    }
}
