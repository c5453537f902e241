//! The sockets that hold local ports, with how each came to its own.
//!
//! TCP is asked for twice, for sockets whose port the kernel chose and for those whose port bind() named: each row then says by the
//! dump it is in which of the two it is, and no socket can fall between. Where that dump cannot be had, the tables are read as for
//! any list, and how sockets came to their ports is unknown.

use super::socket_details::Wanted;
use super::{Sink, SourceError, collect, lower, settings};
use crate::model::{
    Conditions, DetailSet, Hold, Kinds, Notice, Opened, PortHolder, Protocol, Query, Queues,
    Socket, SourceChoice, SourceKind, State, StateMasks, StateSet, Table, TableReport, TableSet,
};
use crate::sys::netlink::{DATAGRAM_LEN, Datagrams, Netlink};
use crate::wire::nlmsg;
use crate::wire::port_diag::{self, PortFacts, Ports};
use std::io;
use std::ops::{ControlFlow, RangeInclusive};

/// How often a dump is repeated that the kernel calls inconsistent.
const RETRIES: u32 = 2;

/// What came of looking for the holders of ports.
#[derive(Debug, Default)]
pub struct PortHolders {
    /// Them.
    pub holders: Vec<PortHolder>,
    /// How each table was delivered.
    pub tables: Vec<TableReport>,
    /// What the reader should know.
    pub notices: Vec<Notice>,
    /// Whether bound, idle TCP sockets are among them.
    pub bound_are_listed: bool,
    /// Whether it is listed which interface each is bound to.
    pub interfaces_are_listed: bool,
    /// TCP listeners as rows, with their queues; only from the kernel's own dump.
    pub listeners: Vec<Socket>,
}

impl PortHolders {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.notices.iter().any(|notice| {
            notice.means_incomplete() && !matches!(notice, Notice::StatesUnavailable { .. })
        })
    }
}

/// The sockets of `protocol` whose local port is in `ports`, and every listener.
///
/// # Errors
/// As [`collect`]; tables that could not be read are notices.
pub fn port_holders(
    protocol: Protocol,
    ports: &RangeInclusive<u16>,
    source: &SourceChoice,
) -> Result<PortHolders, SourceError> {
    let netlink = matches!(source, SourceChoice::Auto | SourceChoice::Netlink);
    if protocol == Protocol::Tcp && netlink {
        // Whatever is wrong with it, the tables' own way says it better, or has another source.
        if let Ok(found) = port_holders_of_tcp(ports) {
            return Ok(found);
        }
    }
    from_tables(protocol, ports, source)
}

pub(super) fn lists_bound_sockets() -> bool {
    settings::kernel().is_some_and(crate::model::KernelRelease::lists_bound_sockets)
}

fn from_tables(
    protocol: Protocol,
    ports: &RangeInclusive<u16>,
    source: &SourceChoice,
) -> Result<PortHolders, SourceError> {
    let tables: TableSet = Table::ALL
        .into_iter()
        .filter(|table| table.protocol == protocol)
        .collect();
    let query = Query {
        tables,
        named: tables,
        everything: false,
        states: StateMasks::same(StateSet::ALL),
        kinds: Kinds::ALL,
        conditions: Conditions::default(),
        owners: false,
        details: DetailSet::NONE,
        bpf_maps: Vec::new(),
        source: source.clone(),
    };
    let mut keep = Keep {
        ports,
        holders: Vec::new(),
    };
    let collected = collect(&query, &mut keep)?;
    let by_netlink = |report: &TableReport| report.source == SourceKind::Netlink;
    Ok(PortHolders {
        holders: keep.holders,
        bound_are_listed: protocol != Protocol::Tcp
            || lists_bound_sockets() && collected.tables.iter().all(by_netlink),
        interfaces_are_listed: collected.tables.iter().all(by_netlink),
        tables: collected.tables,
        notices: collected.notices,
        listeners: Vec::new(),
    })
}

/// Keeps what holds one of these ports.
struct Keep<'a> {
    ports: &'a RangeInclusive<u16>,
    holders: Vec<PortHolder>,
}

impl Sink for Keep<'_> {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        let wanted = |h: &PortHolder| self.ports.contains(&h.port.0) || h.hold == Hold::Listening;
        let holder = PortHolder::of(socket).filter(wanted);
        self.holders.extend(holder);
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        self.holders.len()
    }

    fn take_back(&mut self, mark: usize) -> bool {
        self.holders.truncate(mark);
        true
    }
}

/// The TCP sockets whose local port is in `ports`, and every listener, by the kernel's own dump.
///
/// # Errors
/// If it cannot be had.
pub fn port_holders_of_tcp(ports: &RangeInclusive<u16>) -> io::Result<PortHolders> {
    let mut asks = listeners();
    asks.extend(clients(ports));
    ask(asks)
}

/// Every TCP socket there is, by the kernel's own dump. How sockets outside of `range` came to their ports, which concerns no
/// client, is unknown, but for listeners.
///
/// # Errors
/// If it cannot be had.
pub fn every_tcp_socket(range: &RangeInclusive<u16>) -> io::Result<PortHolders> {
    let other_than_listening = StateSet::ALL.minus(StateSet::LISTEN);
    let mut asks = listeners();
    asks.push(Ask {
        ports: Ports::Chosen(range.clone()),
        states: other_than_listening,
        details: DetailSet::INFO,
    });
    // Each pass over the kernel's tables costs as much as what it finds. Few of the rest have counters that matter.
    asks.push(Ask {
        ports: Ports::Rest(range.clone()),
        states: other_than_listening,
        details: DetailSet::NONE,
    });
    let mut found = ask(asks)?;
    let inside = |h: &PortHolder| range.contains(&h.port.0);
    let named =
        |h: &PortHolder| inside(h) && h.explicit == Some(true) && matches!(h.hold, Hold::Live(_));
    let leaks = |h: &PortHolder| !inside(h) && h.hold == Hold::Live(State::CloseWait);
    let mut again = Vec::new();
    if found.holders.iter().any(named) {
        // Which end began them.
        again.push(Ask {
            ports: Ports::Named(range.clone()),
            states: other_than_listening,
            details: DetailSet::INFO,
        });
    }
    if found.holders.iter().any(leaks) {
        // How long their peers have been silent.
        again.push(Ask {
            ports: Ports::Outside(range.clone()),
            states: StateSet::of(State::CloseWait),
            details: DetailSet::INFO,
        });
    }
    if !again.is_empty() {
        // Each socket is told of again, and counts once.
        let again = ask(again)?.holders;
        let known = again.into_iter().filter(|h| h.cookie.is_some());
        found.holders.extend(known);
    }
    Ok(found)
}

/// One question.
struct Ask {
    ports: Ports,
    states: StateSet,
    details: DetailSet,
}

/// Listeners have a table of their own in the kernel, so that asking for those of all ports costs little; with them, how much each
/// of them dropped.
fn listeners() -> Vec<Ask> {
    let everywhere = 1..=u16::MAX;
    [Ports::Named(everywhere.clone()), Ports::Chosen(everywhere)]
        .map(|ports| Ask {
            ports,
            states: StateSet::LISTEN,
            details: DetailSet::MEMORY,
        })
        .into()
}

fn clients(range: &RangeInclusive<u16>) -> [Ask; 2] {
    [Ports::Named(range.clone()), Ports::Chosen(range.clone())].map(|ports| Ask {
        ports,
        states: StateSet::ALL.minus(StateSet::LISTEN),
        details: DetailSet::INFO,
    })
}

fn ask(asks: Vec<Ask>) -> io::Result<PortHolders> {
    let mut found = PortHolders {
        bound_are_listed: lists_bound_sockets(),
        interfaces_are_listed: true,
        ..PortHolders::default()
    };
    let mut skipped = 0;
    let mut interrupted = false;
    for ask in asks {
        let mut tries = 0;
        loop {
            let mut dump = Dump::default();
            let mut netlink = Netlink::sock_diag()?;
            dump.read(&mut netlink, &ask)?;
            if dump.interrupted && tries < RETRIES {
                tries += 1;
                continue;
            }
            found.holders.append(&mut dump.holders);
            found.listeners.append(&mut dump.listeners);
            skipped += dump.skipped;
            interrupted |= dump.interrupted;
            break;
        }
    }
    for &family in Protocol::Tcp.families() {
        let table = Table::new(Protocol::Tcp, family);
        let records = found.holders.iter().filter(|h| h.family == family).count();
        // A pass over both families cannot say in which of them the damage was.
        let skipped = if found.tables.is_empty() { skipped } else { 0 };
        found.tables.push(TableReport {
            table,
            source: SourceKind::Netlink,
            records: records as u64,
            skipped,
        });
        if skipped > 0 {
            let count = skipped;
            found.notices.push(Notice::Undecodable { table, count });
        }
        if interrupted {
            found.notices.push(Notice::Interrupted { table });
        }
    }
    Ok(found)
}

/// One dump of one kind of sockets.
#[derive(Default)]
struct Dump {
    holders: Vec<PortHolder>,
    listeners: Vec<Socket>,
    skipped: u64,
    interrupted: bool,
}

impl Dump {
    fn read(&mut self, netlink: &mut dyn Datagrams, ask: &Ask) -> io::Result<()> {
        const SEQUENCE: u32 = 1;
        let mut buffer = vec![0; DATAGRAM_LEN];
        let extensions = Wanted::of_this_kernel(ask.details).extensions();
        let request = port_diag::request(ask.states.bits(), &ask.ports, extensions, SEQUENCE);
        netlink.send(&request)?;
        loop {
            let length = netlink.receive(&mut buffer)?;
            let datagram = buffer.get(..length).unwrap_or_default();
            for message in nlmsg::Messages::new(datagram) {
                let (header, payload) = message.map_err(io::Error::other)?;
                if header.sequence != SEQUENCE || header.port != netlink.port() {
                    continue;
                }
                self.interrupted |= header.is_interrupted();
                let status = match header.kind {
                    nlmsg::DONE => nlmsg::done_status(payload),
                    nlmsg::ERROR => match nlmsg::error_status(&header, payload).0 {
                        // An acknowledgement, which nobody asked for.
                        0 => continue,
                        status => status,
                    },
                    nlmsg::OVERRUN => return Err(io::Error::other("the kernel dropped messages")),
                    nlmsg::NOOP => continue,
                    _ => {
                        self.row(payload, ask);
                        continue;
                    }
                };
                return match status {
                    0.. => Ok(()),
                    status => Err(io::Error::from_raw_os_error(status.wrapping_neg())),
                };
            }
        }
    }

    fn row(&mut self, payload: &[u8], ask: &Ask) {
        let ports = &ask.ports;
        // Of the counters only those of ports are looked at, below.
        let wanted = match ask.details.has(DetailSet::MEMORY) {
            true => Wanted::of_this_kernel(DetailSet::MEMORY),
            false => Wanted::NOTHING,
        };
        let Some(socket) = lower::inet_payload(payload, Protocol::Tcp, wanted) else {
            self.skipped += 1;
            return;
        };
        let Some(mut holder) = PortHolder::of(&socket) else {
            return;
        };
        // A kernel that ignores the filter sends every socket in both dumps; none of them is to be believed twice.
        if !ports.contain(holder.port.0) {
            return;
        }
        if let Hold::Live(state) = holder.hold {
            let send_queue = match socket.queues {
                Queues::Bytes { send, .. } => send,
                _ => 0,
            };
            let facts = PortFacts::decode(payload, send_queue);
            holder.quiet_ms = facts.quiet_ms;
            holder.late_port = facts.late_port;
            holder.timestamps = facts.timestamps.filter(|_| state != State::SynSent);
            holder.opened = opened(state, &facts).or(holder.opened);
            holder.explicit = match (ports, holder.opened) {
                (Ports::Named(_), _) => Some(true),
                (Ports::Rest(range), _) if range.contains(&holder.port.0) => Some(true),
                (Ports::Chosen(_), Some(Opened::Actively)) => Some(false),
                // Accepted connections look as if the kernel had chosen their port.
                (Ports::Chosen(_) | Ports::Outside(_) | Ports::Rest(_), _) => None,
            };
        }
        if holder.hold == Hold::Listening {
            self.listeners.push(socket);
        }
        self.holders.push(holder);
    }
}

/// Which end began, by the sequence number that a SYN takes.
fn opened(state: State, facts: &PortFacts) -> Option<Opened> {
    match (state, facts.beside_data?) {
        (State::Established | State::CloseWait, 0) => Some(Opened::Passively),
        (State::Established | State::CloseWait, 1) => Some(Opened::Actively),
        _ => None,
    }
}
