//! Sources into a snapshot: choosing, buffering, committing, and finding owners.
//!
//! Every source delivers whole tables behind one trait (`Source`). A table is committed only when it ended properly; a table that failed
//! is taken back and asked from the next source, so that no table is ever half from one and half from another.

pub mod binding;
pub mod bpf_maps;
pub mod census;
mod cgroups;
pub mod choosing;
pub mod destroy;
pub mod details;
mod diag;
mod dump;
pub mod limits;
mod lower;
mod lower_families;
pub mod mounts;
pub mod names;
pub mod namespaces;
mod own_details;
pub mod owners;
pub mod pinned;
pub mod port_holders;
pub mod port_probe;
mod proc_net;
pub mod processes;
mod protocols;
pub mod redirects;
pub mod rights;
pub mod route;
mod rtnetlink;
mod saved;
pub mod settings;
mod socket_details;
mod source;
pub mod unix_path;
mod unix_peers;
pub mod vitals;

pub use saved::{Recording, record};
pub use source::{Sink, SourceError};

use crate::model::{
    Condition, Family, Listeners, NetNs, Notice, Protocol, Query, Socket, SourceChoice, SourceKind,
    State, StateSet, Table, TableReport,
};
use crate::sys;
use protocols::Presence;
use source::{DumpStats, Source};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::SystemTime;

/// How often a table is read again that changed while it was read.
const RETRIES: u32 = 2;

/// What came of collecting, apart from the rows, which went to the sink.
#[derive(Debug, Default)]
pub struct Collected {
    /// How each table was delivered.
    pub tables: Vec<TableReport>,
    /// What the reader should know.
    pub notices: Vec<Notice>,
    /// The TCP listeners that were seen, whether or not they were asked for.
    pub listeners: Listeners,
    /// Whether the sink wanted no more.
    pub stopped: bool,
    /// Protocols that this kernel does not have, so that there can be no rows.
    pub absent: Vec<Protocol>,
}

/// Asks the sources for everything in `query` and hands each wanted row to `sink`.
///
/// Failures of single tables are notices in the result; if no table could be delivered, `tables` is empty.
///
/// # Errors
/// If the saved dump that the query names cannot be read at all.
pub fn collect(query: &Query, sink: &mut dyn Sink) -> Result<Collected, SourceError> {
    let mut collector = Collector {
        query,
        sink,
        collected: Collected::default(),
    };
    match &query.source {
        SourceChoice::Dump { path, inherited } => {
            let mut source = dump::DumpSource::open(path, *inherited, query.details)?;
            let tables: Vec<_> = query.tables.iter().collect();
            collector.dump_file(&mut source, &tables)?;
        }
        choice => {
            let (mut netlink, untold) = of_this_kernel(query, *choice != SourceChoice::Proc);
            collector.collected.notices.extend(untold);
            let mut proc = proc_net::ProcSource::new(query.details);
            let netlink: Option<&mut dyn Source> =
                (*choice != SourceChoice::Proc).then_some(&mut netlink);
            let proc: Option<&mut dyn Source> =
                (*choice != SourceChoice::Netlink).then_some(&mut proc);
            collector.live(netlink, proc);
        }
    }
    Ok(collector.collected)
}

/// The source that asks the kernel, and what that will not tell of what `query` wants; `is_used` says whether it will be asked at all.
fn of_this_kernel(query: &Query, is_used: bool) -> (diag::KernelSource, Option<Notice>) {
    let wanted = socket_details::Wanted::of_this_kernel(query.details);
    let (maps, untold) = match is_used {
        true => bpf_maps::wanted(query),
        false => (None, None),
    };
    let source = diag::DiagSource::new(sys::netlink::Netlink::sock_diag as fn() -> _, wanted, maps);
    (source, untold)
}

/// Whether /proc/net has a text of the table, and not only a count of its sockets.
#[must_use]
pub fn has_text(table: Table) -> bool {
    !proc_net::file_names(table).is_empty()
}

/// When the file of a saved dump was written; `None` for standard input, and where the file cannot be asked.
#[must_use]
pub fn dump_written_at(path: &Path) -> Option<SystemTime> {
    if path == Path::new("-") {
        return None;
    }
    std::fs::metadata(path).ok()?.modified().ok()
}

/// The network namespace of the calling thread.
#[must_use]
pub fn network_namespace() -> NetNs {
    let inode = sys::namespace::network_inode();
    NetNs {
        inode,
        name: inode.and_then(sys::namespace::network_name),
    }
}

struct Collector<'a> {
    query: &'a Query,
    sink: &'a mut dyn Sink,
    collected: Collected,
}

impl Collector<'_> {
    fn live(&mut self, mut netlink: Option<&mut dyn Source>, mut proc: Option<&mut dyn Source>) {
        let tcp = [
            Table::new(Protocol::Tcp, Family::Inet),
            Table::new(Protocol::Tcp, Family::Inet6),
        ];
        let mut rest = self.query.tables;
        // TCP over both families comes in one pass over the kernel's hash, where the kernel can.
        if let Some(netlink) = netlink.as_deref_mut()
            && tcp.iter().all(|&t| rest.contains(t))
        {
            let result = self.try_source(netlink, &tcp);
            if !matches!(result, Err(Failure::Clean(_))) {
                rest = rest.filter(|t| t.protocol != Protocol::Tcp);
            }
            if let Err(Failure::RowsAreOut(reason)) = result {
                for table in tcp {
                    let reason = reason.clone();
                    self.note(Notice::Broken { table, reason });
                }
            }
        }
        for table in rest.iter() {
            if self.collected.stopped {
                return;
            }
            if !self.collected.absent.contains(&table.protocol) {
                self.one_table(table, &mut netlink, &mut proc);
            }
        }
    }

    fn one_table(
        &mut self,
        table: Table,
        netlink: &mut Option<&mut dyn Source>,
        proc: &mut Option<&mut dyn Source>,
    ) {
        let first = netlink
            .as_deref_mut()
            .map(|source| self.try_source(source, &[table]));
        let first = match first {
            Some(Ok(())) => return,
            Some(Err(Failure::RowsAreOut(reason))) => {
                self.note(Notice::Broken { table, reason });
                return;
            }
            Some(Err(Failure::Clean(error))) => Some(error),
            None => None,
        };
        let second = proc
            .as_deref_mut()
            .map(|source| self.try_source(source, &[table]));
        match (second, first) {
            (Some(Ok(())), None) => {}
            (Some(Ok(())), Some(error)) => self.note(Notice::FellBack {
                tables: vec![table],
                reason: error.to_string(),
                asked: self.query.named.contains(table),
            }),
            (Some(Err(Failure::RowsAreOut(reason))), _) => {
                self.note(Notice::Broken { table, reason });
            }
            (Some(Err(Failure::Clean(second))), first) => {
                self.nowhere(table, first.into_iter().chain([second]));
            }
            (None, first) => self.nowhere(table, first.into_iter()),
        }
    }

    /// No source had `table`: perhaps there is nothing to be had.
    fn nowhere(&mut self, table: Table, errors: impl Iterator<Item = SourceError>) {
        let errors: Vec<_> = errors.collect();
        let asked = self.query.named.contains(table);
        let lacking = errors.iter().any(SourceError::is_lack);
        let presence = if lacking {
            protocols::presence(table)
        } else {
            Presence::Unknown
        };
        match presence {
            Presence::Absent => {
                self.collected.absent.push(table.protocol);
                if asked {
                    let protocol = table.protocol;
                    self.note(Notice::Absent { protocol });
                }
                return;
            }
            // The kernel cannot list them, and counts none; so says /proc.
            Presence::Counted(0) if self.query.source != SourceChoice::Netlink => {
                self.commit(
                    SourceKind::Proc,
                    &[table],
                    Seen::default(),
                    &DumpStats::default(),
                );
                return;
            }
            Presence::Counted(0) if !asked => return,
            Presence::Uncounted if !asked => {
                if self.query.everything {
                    self.note(Notice::Unlisted { table });
                }
                return;
            }
            Presence::Counted(_) | Presence::Uncounted | Presence::Unknown => {}
        }
        let reasons: Vec<_> = errors.iter().map(SourceError::to_string).collect();
        self.note(Notice::Unavailable {
            table,
            reason: if reasons.is_empty() {
                "no source".to_owned()
            } else {
                reasons.join("; ")
            },
        });
    }

    fn dump_file(&mut self, source: &mut dyn Source, tables: &[Table]) -> Result<(), SourceError> {
        // Rows before the damage stay: there is no second source for a file.
        let mut seen = Seen::default();
        let result = self.pass(source, tables, &mut seen);
        let stats = match result {
            Ok(stats) => stats,
            Err(error @ SourceError::NotADump { .. }) => return Err(error),
            Err(error) => {
                self.note(Notice::DumpDamaged {
                    reason: error.to_string(),
                });
                DumpStats::default()
            }
        };
        // Of a table that the file does not hold, no rows do not mean that there were none on that host.
        let (held, not_held): (Vec<_>, Vec<_>) = tables
            .iter()
            .partition(|t| stats.holds(**t) || seen.of(**t) > 0);
        self.commit(source.kind(), &held, seen, &stats);
        for table in not_held {
            if self.query.named.contains(table) {
                self.note(Notice::Unavailable {
                    table,
                    reason: "the saved dump does not hold this table".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Reads `tables` from `source` and commits them; on failure takes their rows back.
    fn try_source(&mut self, source: &mut dyn Source, tables: &[Table]) -> Result<(), Failure> {
        let mark = self.sink.mark();
        let mut tries = 0;
        loop {
            let mut seen = Seen::default();
            let result = self.pass(source, tables, &mut seen);
            let again = match &result {
                Ok(stats) => stats.interrupted && tries < RETRIES && !self.collected.stopped,
                Err(_) => true,
            };
            if again && !self.sink.take_back(mark) {
                match result {
                    Ok(stats) => {
                        self.commit(source.kind(), tables, seen, &stats);
                        return Ok(());
                    }
                    Err(error) => {
                        self.commit(source.kind(), tables, seen, &DumpStats::default());
                        return Err(Failure::RowsAreOut(error.to_string()));
                    }
                }
            }
            match result {
                Ok(_) if again => tries += 1,
                Ok(stats) => {
                    self.commit(source.kind(), tables, seen, &stats);
                    return Ok(());
                }
                Err(error) => return Err(Failure::Clean(error)),
            }
        }
    }

    /// One pass of `source` over `tables`: wanted rows go to the sink, all are counted.
    fn pass(
        &mut self,
        source: &mut dyn Source,
        tables: &[Table],
        seen: &mut Seen,
    ) -> Result<DumpStats, SourceError> {
        let query = self.query;
        // Tables that netlink reads together are of one protocol.
        let protocol = tables.first().map_or(Protocol::Unix, |t| t.protocol);
        let condition = match source.kind() {
            SourceKind::Netlink => query.conditions.of(protocol),
            // These leave nothing out.
            SourceKind::Proc | SourceKind::Dump => &Condition::Anything,
        };
        let mut listeners_interrupted = false;
        if *condition != Condition::Anything && needs_listeners(query, protocol) {
            // The condition would hide them.
            let mut note = |socket: &mut Socket| {
                if socket.state == State::Listen {
                    seen.listeners.note(socket);
                }
                ControlFlow::Continue(())
            };
            let everything = &Condition::Anything;
            let stats = source.dump(tables, StateSet::LISTEN, everything, &mut note)?;
            listeners_interrupted = stats.interrupted;
        }
        let asked_with_rows = *condition == Condition::Anything;
        let states = tables.iter().fold(StateSet::EMPTY, |set, table| {
            set.or(match asked_with_rows {
                true => request_states(query, table.protocol),
                false => query.states.of(table.protocol),
            })
        });
        let stopped = &mut self.collected.stopped;
        let sink = &mut *self.sink;
        let chosen = Some(&query.bpf_maps).filter(|maps| !maps.is_empty());
        // IP sockets have no types to choose among.
        let has_kinds = !tables.iter().all(|table| table.family.is_ip());
        let stats = source.dump(tables, states, condition, &mut |socket: &mut Socket| {
            if query.owners && asked_with_rows && socket.state == State::Listen {
                seen.listeners.note(socket);
            }
            let table = Table::new(socket.protocol, socket.family);
            if !query.wants(table, socket.state) {
                return ControlFlow::Continue(());
            }
            if has_kinds && !query.kinds.contain(&socket.ends) {
                return ControlFlow::Continue(());
            }
            if let Some(maps) = chosen {
                leave_values_of(socket, maps);
            }
            seen.add(table);
            let flow = sink.push(socket);
            *stopped |= flow.is_break();
            flow
        })?;
        Ok(DumpStats {
            interrupted: stats.interrupted || listeners_interrupted,
            ..stats
        })
    }

    fn commit(&mut self, source: SourceKind, tables: &[Table], seen: Seen, stats: &DumpStats) {
        for (n, &table) in tables.iter().enumerate() {
            let asked = self.query.states.of(table.protocol);
            if source == SourceKind::Proc
                && table.protocol == Protocol::Tcp
                && asked.contains(State::BoundInactive)
            {
                self.note(Notice::StatesUnavailable {
                    table,
                    reason: "/proc/net does not list sockets that are bound and neither listen nor are connected"
                        .to_owned(),
                });
            }
            if source == SourceKind::Proc && table.protocol == Protocol::Unix && seen.of(table) > 0
            {
                self.note(Notice::NamesUncertain { table });
            }
            // A source that reads several tables at once cannot say in which one the damage was.
            let skipped = if n == 0 { stats.skipped } else { 0 };
            self.collected.tables.push(TableReport {
                table,
                source,
                records: seen.of(table),
                skipped,
            });
            if skipped > 0 {
                self.note(Notice::Undecodable {
                    table,
                    count: skipped,
                });
            }
            if stats.interrupted {
                self.note(Notice::Interrupted { table });
            }
            if let (0, Some(reason)) = (n, &stats.not_chosen) {
                let reason = reason.clone();
                self.note(Notice::NotChosen { table, reason });
            }
        }
        self.collected.listeners.extend(seen.listeners);
    }

    fn note(&mut self, notice: Notice) {
        self.collected.notices.push(notice);
    }
}

/// Leaves a socket the values of these maps only: where maps cannot be named to the kernel, it tells all.
#[cold]
fn leave_values_of(socket: &mut Socket, maps: &[u32]) {
    let Some(storages) = socket.details.as_mut().and_then(|d| d.bpf_storage.as_mut()) else {
        return;
    };
    if storages.iter().any(|storage| !maps.contains(&storage.map)) {
        let all = std::mem::take(storages).into_vec().into_iter();
        *storages = all.filter(|one| maps.contains(&one.map)).collect();
    }
}

/// Why a source did not deliver.
enum Failure {
    /// Nothing of it is left in the result; another source may be asked.
    Clean(SourceError),
    /// Rows were shown already and cannot be taken back.
    RowsAreOut(String),
}

/// Whether the kernel's listeners are needed (cheap, they have their own hash): connections may wait in their queues.
fn needs_listeners(query: &Query, protocol: Protocol) -> bool {
    let waiting = StateSet::of(State::Established).or(StateSet::of(State::CloseWait));
    let states = query.states.of(protocol);
    query.owners && protocol.queues_connections() && !states.and(waiting).is_empty()
}

/// The states to ask for if nothing but states is left out: with listeners where they are needed.
fn request_states(query: &Query, protocol: Protocol) -> StateSet {
    let states = query.states.of(protocol);
    if needs_listeners(query, protocol) {
        states.or(StateSet::LISTEN)
    } else {
        states
    }
}

/// What one pass over a source brought besides the rows themselves.
#[derive(Default)]
struct Seen {
    /// Rows per table.
    rows: [u64; Table::INDEX_END],
    listeners: Listeners,
}

impl Seen {
    fn add(&mut self, table: Table) {
        if let Some(count) = self.rows.get_mut(table.index()) {
            *count += 1;
        }
    }

    fn of(&self, table: Table) -> u64 {
        self.rows.get(table.index()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
