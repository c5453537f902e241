//! How clients seem to have come to their local ports, where the kernel does not say.
//!
//! Nothing in a dump tells connect() from bind(address, 0), nor who had the port of a TIME_WAIT. But the two allocators leave
//! traces, and the sockets of one client, which have address and peer in common, mostly came to their ports in one way:
//!
//! | trace | why |
//! |---|---|
//! | parity | connect() tries the ports with the parity of the range's low end first (`offset & ~1` in `__inet_hash_connect`), bind(address, 0) the others (`offset \| 1` in `inet_csk_find_open_port`); only when that half is full they take of the other |
//! | source address | a socket that was bound to no address has that of its route (`ip_route_connect`); any other was given to bind() |
//! | siblings | of a live socket `IP_BIND_ADDRESS_NO_PORT` and a port that bind() named are known |
//! | company | bind(address, 0) never gives a port that somebody has at the same address |
//! | neighbourhood | both parities, within few ports of many: a range of the socket's own (`IP_LOCAL_PORT_RANGE`), from which connect() takes any |
//!
//! All of this is likely, none of it certain: it makes the number that is expected, never the bounds.

use super::HeadroomFlow;
use super::table::{PortTable, is_late};
use crate::model::{Hold, IfIndex, Opened, Port, PortHolder};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Ports scattered at random over the whole range lie as close together as those of a client that seems to have a range of its
/// own in fewer than one of so many cases.
const RARE: f64 = 20.0;

/// The same for saying so, and from how many ports on.
const VERY_RARE: f64 = 1000.0;
const PINNED_PORTS: u32 = 8;

/// Who gave a socket its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// connect(), to a socket that was bound to no address.
    Connect,
    /// connect(), to one that was bound with `IP_BIND_ADDRESS_NO_PORT`.
    Late,
    /// bind() to port 0.
    Bind,
    /// bind() to this port.
    Named,
    /// A listener's.
    Accepted,
}

impl Origin {
    /// Whether it leaves the port open to connect().
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Connect | Self::Late)
    }
}

/// What the sockets of one client have in common: address, peer, and interface.
type Client = (IpAddr, IpAddr, Port, Option<IfIndex>);

fn client(holder: &PortHolder) -> Client {
    (
        holder.local,
        holder.peer,
        holder.peer_port,
        holder.interface,
    )
}

/// Where a connection that is bound to no address leaves by: for a peer, and the interface the socket is bound to, the address.
pub type Sources = BTreeMap<(IpAddr, Option<IfIndex>), IpAddr>;

/// How clients came to their ports, by what is most likely.
#[derive(Debug)]
pub(super) struct Provenance {
    clients: FxHashMap<Client, Habit>,
    /// Where connections are accepted: ports of listeners, and ends of connections that were.
    listening: FxHashSet<Port>,
    serving: FxHashSet<(IpAddr, Port)>,
    company: Company,
}

/// How one client comes to the ports that connect() prefers, and to the others.
type Origins = [Origin; 2];

#[derive(Clone, Copy, Debug)]
struct Habit {
    live: Origins,
    lingering: Origins,
    is_alone: bool,
    /// The ports among which all of its own are, if they seem to be a range of its own.
    pinned: Option<(u16, u16)>,
}

/// What one client's ports show.
#[derive(Clone, Copy, Debug, Default)]
struct Traces {
    /// How many ports it has that connect() prefers, and how many others.
    ports: [u32; 2],
    /// How many of the former were open to it.
    open: u32,
    low: u16,
    high: u16,
    /// Whether live ones left their port to connect(), had it named by bind(), or neither.
    late: bool,
    named: bool,
    plain: bool,
    /// Whether another client at the same address shares a port with it.
    company: bool,
}

/// What bind() and connect() find of the range.
#[derive(Clone, Copy, Debug)]
struct Room<'a> {
    range: &'a RangeInclusive<u16>,
    /// How many ports connect() prefers that are open to it.
    preferred: u32,
    /// How many the other half has.
    others: u32,
}

impl Provenance {
    /// Looks at all clients of `table`. `closed` are ports that are, or seem to be, closed to connect().
    pub(super) fn new(table: &PortTable, closed: &FxHashSet<u16>) -> Self {
        let range = &table.settings().ports.range;
        let usable = |port: &u16| range.contains(port) && !table.is_reserved(*port);
        let company = Company::new(table);
        let mut clients: FxHashMap<Client, Traces> = FxHashMap::default();
        // How many of the ports that bind() prefers are taken at an address.
        let mut taken: FxHashMap<IpAddr, (u32, u16)> = FxHashMap::default();
        for holders in table.holders().chunk_by(|a, b| a.port == b.port) {
            let Some(port) = holders.first().map(|h| h.port.0).filter(usable) else {
                continue;
            };
            let preferred = table.prefers(port);
            for holder in holders {
                if !preferred {
                    let (count, last) = taken.entry(holder.local).or_default();
                    *count += u32::from(*last != port);
                    *last = port;
                }
                if is_client(holder) {
                    let traces = clients.entry(client(holder)).or_default();
                    traces.add(
                        holder,
                        company.has(holder),
                        preferred,
                        closed.contains(&port),
                    );
                }
            }
        }
        let count = |preferred: bool| {
            let half = range
                .clone()
                .filter(|&port| table.prefers(port) == preferred);
            let half = half.filter(usable);
            let ports = half.filter(|port| !preferred || !closed.contains(port));
            u32::try_from(ports.count()).unwrap_or(u32::MAX)
        };
        let room = Room {
            range,
            preferred: count(true),
            others: count(false),
        };
        let everywhere = taken.iter().filter(|(address, _)| address.is_unspecified());
        let everywhere: u32 = everywhere.map(|(_, (count, _))| count).sum();
        let habit = |(client, traces): (Client, Traces)| {
            let here = taken.get(&client.0).map_or(0, |(count, _)| *count);
            let bind_is_full = here + everywhere >= room.others;
            let source = table.source_of(client.1, client.3);
            let is_bound = source.is_some_and(|source| source != client.0);
            (client, traces.habit(room, bind_is_full, is_bound))
        };
        let listens = |h: &&PortHolder| h.hold == Hold::Listening;
        let serves = |h: &&PortHolder| h.opened == Some(Opened::Passively);
        let all = || table.holders().iter();
        Self {
            clients: clients.into_iter().map(habit).collect(),
            listening: all().filter(listens).map(|h| h.port).collect(),
            serving: all().filter(serves).map(|h| (h.local, h.port)).collect(),
            company,
        }
    }

    /// Who probably gave this socket its port.
    pub(super) fn of(&self, table: &PortTable, holder: &PortHolder) -> Origin {
        if holder.explicit == Some(true) || holder.hold == Hold::Bound {
            return Origin::Named;
        }
        if !is_client(holder) || self.was_accepted(table, holder) {
            return Origin::Accepted;
        }
        if is_late(holder) {
            return Origin::Late;
        }
        let Some(habit) = self.clients.get(&client(holder)) else {
            return Origin::Connect;
        };
        let [preferred, other] = if holder.hold.is_live() {
            habit.live
        } else {
            habit.lingering
        };
        let origin = if table.prefers(holder.port.0) {
            preferred
        } else {
            other
        };
        if origin == Origin::Bind && self.company.has(holder) {
            Origin::Connect
        } else {
            origin
        }
    }

    /// The range that the sockets of `flow` seem to have for themselves.
    pub(super) fn pinned(&self, flow: &HeadroomFlow) -> Option<RangeInclusive<u16>> {
        let client = (
            flow.source,
            flow.destination,
            flow.destination_port,
            flow.interface,
        );
        let (low, high) = self.clients.get(&client)?.pinned?;
        Some(low..=high)
    }

    /// Whether what is left of a connection within this host seems to be its server's end: nobody serves at the other one, and it is
    /// not one of several clients of that.
    fn was_accepted(&self, table: &PortTable, holder: &PortHolder) -> bool {
        let is_here = holder.peer.is_loopback() || holder.peer == holder.local;
        if holder.hold.is_live()
            || !is_here
            || self.listening.contains(&holder.peer_port)
            || self.serving.contains(&(holder.peer, holder.peer_port))
        {
            return false;
        }
        let is_alone = self.clients.get(&client(holder)).is_none_or(|c| c.is_alone);
        if !is_alone && !self.company.has(holder) {
            return false;
        }
        // Of two ports of the range, connect() gave that which it prefers.
        let inside = table.settings().ports.range.contains(&holder.peer_port.0);
        !(inside && table.prefers(holder.port.0) && !table.prefers(holder.peer_port.0))
    }
}

pub(super) fn is_client(holder: &PortHolder) -> bool {
    !matches!(holder.hold, Hold::Listening | Hold::Bound)
        && holder.opened != Some(Opened::Passively)
}

/// Who is on a port at an address and did not name it: one client, or `None` for more than one. Only of ports with several sockets.
#[derive(Debug)]
struct Company(FxHashMap<(Port, IpAddr), Option<Client>>);

impl Company {
    fn new(table: &PortTable) -> Self {
        let mut found: FxHashMap<(Port, IpAddr), Option<Client>> = FxHashMap::default();
        let ports = table.holders().chunk_by(|a, b| a.port == b.port);
        let unnamed = |holder: &&PortHolder| holder.explicit != Some(true);
        for holder in ports.filter(|all| all.len() > 1).flatten().filter(unnamed) {
            let who = Some(client(holder));
            found
                .entry((holder.port, holder.local))
                .and_modify(|known| {
                    if *known != who {
                        *known = None;
                    }
                })
                .or_insert(who);
        }
        Self(found)
    }

    /// Whether somebody of another client, who did not name the port, is on it at the same address.
    fn has(&self, holder: &PortHolder) -> bool {
        let known = self.0.get(&(holder.port, holder.local));
        known.is_some_and(|who| *who != Some(client(holder)))
    }
}

impl Traces {
    fn add(&mut self, holder: &PortHolder, has_company: bool, preferred: bool, closed: bool) {
        let port = holder.port.0;
        // Ports come in order, and several sockets of a client may be on one.
        if self.high != port {
            let [mine, others] = &mut self.ports;
            *(if preferred { mine } else { others }) += 1;
            self.open += u32::from(preferred && !closed);
            if self.low == 0 {
                self.low = port;
            }
            self.high = port;
        }
        if holder.hold.is_live() {
            let named = holder.explicit == Some(true);
            self.late |= is_late(holder);
            self.named |= named;
            self.plain |= !named && !is_late(holder);
        }
        self.company |= has_company;
    }

    /// `bind_is_full` says that at its address bind() finds none of the ports it prefers, `is_bound` that it has another address
    /// than an unbound socket would have.
    fn habit(self, room: Room<'_>, bind_is_full: bool, is_bound: bool) -> Habit {
        let [preferred, others] = self.ports;
        let connect = if is_bound {
            Origin::Late
        } else {
            Origin::Connect
        };
        let by_connect = [connect; 2];
        let by_parity = [connect, Origin::Bind];
        let connect_is_full = self.open >= room.preferred;
        let origins = if preferred == 0 || others == 0 {
            // One half shows how it began, if it is not the other that was full.
            if connect_is_full {
                by_connect
            } else {
                by_parity
            }
        } else if self.is_pinned(room.range, RARE) {
            by_connect
        } else if connect_is_full {
            let by_bind = is_bound && self.plain && !self.late;
            if bind_is_full && by_bind && !self.company {
                [Origin::Bind; 2]
            } else {
                by_connect
            }
        } else if bind_is_full && !self.company {
            [Origin::Bind; 2]
        } else {
            by_parity
        };
        let lingering = match (self.late, self.named, self.plain) {
            (false, true, false) => [Origin::Named; 2],
            (false, false, false) if origins == by_parity && self.is_scattered() => {
                [Origin::Named; 2]
            }
            (true, _, false) => origins.map(|origin| {
                if origin.is_open() {
                    Origin::Late
                } else {
                    origin
                }
            }),
            _ => origins,
        };
        Habit {
            live: if is_bound { [Origin::Bind; 2] } else { origins },
            lingering,
            is_alone: preferred + others < 2,
            // Ports that bind() named are the program's choice, and no range holds it to them.
            pinned: (!self.named
                && preferred > 0
                && others > 0
                && preferred + others >= PINNED_PORTS
                && self.is_pinned(room.range, VERY_RARE))
            .then_some((self.low, self.high)),
        }
    }

    /// Whether its ports, of both parities, are so close together that they seem to come from a range of its own.
    fn is_pinned(self, range: &RangeInclusive<u16>, rare: f64) -> bool {
        let ports: u32 = self.ports.iter().sum();
        let width = f64::from(self.high) - f64::from(self.low) + 1.0;
        let chance = f64::from(ports) * (width / range.len() as f64).powf(f64::from(ports) - 1.0);
        chance * rare < 1.0
    }

    /// Whether its ports are of both parities, as those of a client are that names them itself.
    fn is_scattered(self) -> bool {
        let [preferred, others] = self.ports;
        others > 0 && preferred > 0 && preferred + others >= 4 && preferred <= 2 * others
    }
}
