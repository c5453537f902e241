//! Every socket there is, reduced to what a summary looks at: TCP and UDP sockets as holders of local ports, the rest as counts.

use super::limits;
use super::port_holders::{PortHolders, every_tcp_socket};
use super::{Sink, SourceError, collect};
use crate::model::{
    Family, Hold, Notice, PortHolder, Protocol, Query, Socket, SourceChoice, SourceKind, State,
    TableReport,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// The sockets of one network namespace.
#[derive(Debug, Default)]
pub struct Census {
    /// TCP sockets that have a local port.
    pub tcp: Vec<PortHolder>,
    /// UDP sockets that have one.
    pub udp: Vec<PortHolder>,
    /// TCP listeners, with their queues.
    pub listeners: Vec<Socket>,
    /// UDP sockets without a peer: they take packets from everybody who can reach them.
    pub unconnected: Vec<Socket>,
    /// How many sockets there are in each state. Those of `tcp` are not among them.
    pub counts: BTreeMap<(Protocol, Family, u8), u64>,
    /// How each table was delivered.
    pub tables: Vec<TableReport>,
    /// What the reader should know.
    pub notices: Vec<Notice>,
    /// Whether bound, idle TCP sockets are among them.
    pub bound_are_listed: bool,
    /// Whether it is listed which interfaces they are bound to.
    pub interfaces_are_listed: bool,
}

impl Census {
    /// Whether no TCP or UDP socket is missing, but for bound, idle ones.
    #[must_use]
    pub fn ports_are_whole(&self) -> bool {
        !self.notices.iter().any(|notice| {
            notice.means_incomplete() && !matches!(notice, Notice::StatesUnavailable { .. })
        })
    }
}

/// Counts everything that `query` asks for.
///
/// # Errors
/// As [`collect`]; tables that could not be read are notices.
pub fn census(query: &Query) -> Result<Census, SourceError> {
    let mut rest = query.clone();
    let mut keep = Keep::default();
    let range = limits::ephemeral_ports().map_or(1..=u16::MAX, |ports| ports.range);
    let by_ports = matches!(query.source, SourceChoice::Auto | SourceChoice::Netlink)
        .then(|| every_tcp_socket(&range).ok())
        .flatten();
    if let Some(found) = by_ports {
        rest.tables = rest.tables.filter(|table| table.protocol != Protocol::Tcp);
        keep.begin_with(found);
    }
    let collected = collect(&rest, &mut keep)?;
    let mut census = keep.into_census();
    if collected
        .tables
        .iter()
        .any(|report| report.table.protocol == Protocol::Tcp)
    {
        let listed = |report: &TableReport| {
            report.table.protocol != Protocol::Tcp || report.source == SourceKind::Netlink
        };
        census.bound_are_listed =
            super::port_holders::lists_bound_sockets() && collected.tables.iter().all(listed);
    }
    let has_ports =
        |report: &&TableReport| matches!(report.table.protocol, Protocol::Tcp | Protocol::Udp);
    let mut with_ports = collected.tables.iter().filter(has_ports);
    census.interfaces_are_listed = with_ports.all(|r| r.source == SourceKind::Netlink);
    census.tables.extend(collected.tables);
    census.notices.extend(collected.notices);
    Ok(census)
}

/// Keeps rows; those of the table being read apart, in case they must be taken back.
#[derive(Default)]
struct Keep {
    done: Census,
    table: Census,
}

impl Keep {
    fn begin_with(&mut self, found: PortHolders) {
        self.done = Census {
            tcp: found.holders,
            listeners: found.listeners,
            tables: found.tables,
            notices: found.notices,
            bound_are_listed: found.bound_are_listed,
            ..Census::default()
        };
    }

    fn commit(&mut self) {
        let table = std::mem::take(&mut self.table);
        self.done.tcp.extend(table.tcp);
        self.done.udp.extend(table.udp);
        self.done.listeners.extend(table.listeners);
        self.done.unconnected.extend(table.unconnected);
        for (key, count) in table.counts {
            *self.done.counts.entry(key).or_default() += count;
        }
    }

    fn into_census(mut self) -> Census {
        self.commit();
        self.done
    }
}

impl Sink for Keep {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        let holder = PortHolder::of(socket);
        if let Some(holder) = holder.filter(|_| socket.protocol == Protocol::Tcp) {
            if holder.hold == Hold::Listening {
                self.table.listeners.push(socket.take());
            }
            self.table.tcp.push(holder);
            return ControlFlow::Continue(());
        }
        let key = (socket.protocol, socket.family, socket.state.number());
        *self.table.counts.entry(key).or_default() += 1;
        if socket.protocol == Protocol::Udp {
            self.table.udp.extend(holder);
            if socket.state == State::Close {
                self.table.unconnected.push(socket.take());
            }
        }
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        self.commit();
        0
    }

    fn take_back(&mut self, _: usize) -> bool {
        self.table = Census::default();
        true
    }
}
