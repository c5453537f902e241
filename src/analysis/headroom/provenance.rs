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
//! | order | who takes first of one half and then of the other had the first half full: see `births` |
//! | company | bind(address, 0) never gives a port that somebody has at the same address |
//! | neighbourhood | both parities, within few ports of many: a range of the socket's own (`IP_LOCAL_PORT_RANGE`), from which connect() takes any |
//!
//! All of this is likely, none of it certain: it makes the number that is expected, never the bounds.

use super::HeadroomFlow;
use super::births::{First, births, first};
use super::table::{PortTable, is_late};
use crate::model::{Hold, IfIndex, Opened, Port, PortHolder};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Ports scattered at random over the whole range lie as close together as those of a client that seems to have a range of its
/// own in fewer than one of so many cases.
const RARE: f64 = 20.0;

/// The same for ports of one parity alone, beside others of the client that are scattered.
const RARER: f64 = 100.0;

/// How much likelier than by the two allocators the ports of connections that are gone were named by bind(), before they are
/// looked at: if the client's live ones were, and if it has none.
const SIBLINGS: f64 = 10.0;
const NO_SIBLINGS: f64 = 2.0;

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
pub(super) type Client = (IpAddr, IpAddr, Port, Option<IfIndex>);

pub(super) fn client(holder: &PortHolder) -> Client {
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
    /// The ports it has that connect() prefers, and the others.
    halves: [Half; 2],
    /// How many of the former were open to it.
    open: u32,
    /// The last port seen.
    last: u16,
    /// How many of what is left of its connections are on ports of either half.
    left: [u32; 2],
    /// Whether live ones left their port to connect(), had it named by bind(), or neither.
    late: bool,
    named: bool,
    plain: bool,
    /// Whether another client at the same address shares a port with it.
    company: bool,
}

/// How many ports of one parity a client has, and from where to where.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    ports: u32,
    low: u16,
    high: u16,
}

impl Half {
    const fn add(&mut self, port: u16) {
        if self.ports == 0 {
            self.low = port;
        }
        self.high = port;
        self.ports += 1;
    }

    /// Both together.
    fn with(self, other: Self) -> Self {
        match (self.ports, other.ports) {
            (0, _) => other,
            (_, 0) => self,
            _ => Self {
                ports: self.ports + other.ports,
                low: self.low.min(other.low),
                high: self.high.max(other.high),
            },
        }
    }

    /// Whether its ports are so close together that they seem to come from a range of their own.
    fn is_pinned(self, range: &RangeInclusive<u16>, rare: f64) -> bool {
        let width = f64::from(self.high) - f64::from(self.low) + 1.0;
        let others = f64::from(self.ports) - 1.0;
        let chance = f64::from(self.ports) * (width / range.len() as f64).powf(others);
        chance * rare < 1.0
    }
}

/// How many ports of either half of the range may be given out: of the one that connect() prefers those that are open to it.
#[derive(Clone, Copy, Debug)]
struct Room {
    preferred: u32,
    others: u32,
}

/// Whether a half of the range has no port left for a client that prefers it.
#[derive(Clone, Copy, Debug)]
struct Full {
    /// connect()'s, for its peer.
    to_connect: bool,
    /// bind()'s, at its address.
    to_bind: bool,
    /// bind()'s, at no address.
    to_bind_any: bool,
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
        let mut all_taken = 0;
        for holders in table.holders().chunk_by(|a, b| a.port == b.port) {
            let Some(port) = holders.first().map(|h| h.port.0).filter(usable) else {
                continue;
            };
            let preferred = table.prefers(port);
            all_taken += u32::from(!preferred);
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
            preferred: count(true),
            others: count(false),
        };
        let everywhere = taken.iter().filter(|(address, _)| address.is_unspecified());
        let everywhere: u32 = everywhere.map(|(_, (count, _))| count).sum();
        let full = |client: &Client, traces: &Traces| {
            let (address, peer, port, interface) = *client;
            // Who is bound to no interface has its 4-tuples on every one.
            let elsewhere = interface.and_then(|_| clients.get(&(address, peer, port, None)));
            let here = taken.get(&address).map_or(0, |(count, _)| *count);
            Full {
                to_connect: traces.open + elsewhere.map_or(0, |t| t.open) >= room.preferred,
                to_bind: here + everywhere >= room.others,
                to_bind_any: all_taken >= room.others,
            }
        };
        let overflowed = clients
            .iter()
            .filter(|(client, traces)| traces.may_have_overflowed(full(client, traces)));
        let births = births(table, &overflowed.map(|(client, _)| *client).collect());
        let habit = |(client, traces): (&Client, &Traces)| {
            let source = table.source_of(client.1, client.3);
            let is_bound = source.is_some_and(|source| source != client.0);
            let first = births.get(client).and_then(|births| first(births));
            let full = full(client, traces);
            (*client, traces.habit(range, full, first, is_bound))
        };
        let listens = |h: &&PortHolder| h.hold == Hold::Listening;
        let serves = |h: &&PortHolder| h.opened == Some(Opened::Passively);
        let all = || table.holders().iter();
        Self {
            clients: clients.iter().map(habit).collect(),
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
        if self.last != port {
            let [mine, others] = &mut self.halves;
            (if preferred { mine } else { others }).add(port);
            self.open += u32::from(preferred && !closed);
            self.last = port;
        }
        if !holder.hold.is_live() {
            let [mine, others] = &mut self.left;
            *(if preferred { mine } else { others }) += 1;
        }
        if holder.hold.is_live() {
            let named = holder.explicit == Some(true);
            self.late |= is_late(holder);
            self.named |= named;
            self.plain |= !named && !is_late(holder);
        }
        self.company |= has_company;
    }

    /// Whether it has ports of both halves, and one of the two may have been full.
    const fn may_have_overflowed(&self, full: Full) -> bool {
        let [preferred, others] = self.halves;
        preferred.ports > 0 && others.ports > 0 && (full.to_connect || full.to_bind_any)
    }

    /// `full` says whether bind() finds none of the ports it prefers, `first` of which half it had ports first, `is_bound` that it
    /// has another address than an unbound socket would have.
    fn habit(
        self,
        range: &RangeInclusive<u16>,
        full: Full,
        first: Option<First>,
        is_bound: bool,
    ) -> Habit {
        let [preferred, others] = self.halves;
        let all = preferred.with(others);
        let connect = if is_bound {
            Origin::Late
        } else {
            Origin::Connect
        };
        let by_connect = [connect; 2];
        let by_parity = [connect, Origin::Bind];
        let origins = if preferred.ports == 0 || others.ports == 0 {
            // One half shows how it began, if it is not the other that was full.
            if full.to_connect {
                by_connect
            } else {
                by_parity
            }
        } else if all.is_pinned(range, RARE) || others.is_pinned(range, RARER) {
            by_connect
        } else if let Some(first) = first {
            match first {
                First::Preferred if full.to_connect => by_connect,
                First::Others if full.to_bind_any && !self.company => [Origin::Bind; 2],
                First::Preferred | First::Others => by_parity,
            }
        } else if full.to_connect {
            let by_bind = is_bound && self.plain && !self.late;
            if full.to_bind && by_bind && !self.company {
                [Origin::Bind; 2]
            } else {
                by_connect
            }
        } else if full.to_bind && !self.company {
            [Origin::Bind; 2]
        } else {
            by_parity
        };
        let lingering = match (self.late, self.named, self.plain) {
            (false, true, false) if self.seems_named(SIBLINGS) => [Origin::Named; 2],
            (false, false, false) if origins == by_parity && self.seems_named(NO_SIBLINGS) => {
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
            is_alone: all.ports < 2,
            // Ports that bind() named are the program's choice, and no range holds it to them.
            pinned: (!self.named
                && preferred.ports > 0
                && others.ports > 0
                && all.ports >= PINNED_PORTS
                && all.is_pinned(range, VERY_RARE))
            .then_some((all.low, all.high)),
        }
    }

    /// Whether what is left of its connections is on ports of both parities as often as those of a client are that names them
    /// itself, rather than as by connect(), bind(address, 0) or both, of which each has a parity.
    fn seems_named(self, odds: f64) -> bool {
        let [preferred, others] = self.left.map(f64::from);
        let ports = preferred + others;
        // The chance of just so many of either, where each may be of either (de Moivre), against any number of either.
        let named =
            (2.0 / (PI * ports)).sqrt() * (-(preferred - others).powi(2) / (2.0 * ports)).exp();
        let by_allocators = match self.left {
            [0, _] | [_, 0] => 1.0,
            _ => 1.0 / (ports - 1.0),
        };
        odds * named > by_allocators
    }
}
