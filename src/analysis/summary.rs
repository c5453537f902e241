//! Counts of sockets, and how many local ports each client flow holds.
//!
//! A client flow is (source, destination, destination port): the unit that runs out of local ports. How many more connections a
//! flow can make is not the size of the range minus what is held, and is not computed here.
//!
//! A connection says nowhere which end began it. An end at a port where something listens is the server's; if nothing does, the
//! ports decide: a client's is in the ephemeral range, or its peer's is not.

use crate::model::{EphemeralPorts, Family, Listeners, Port, Protocol, Socket, State};
use rustc_hash::FxHashSet;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// The sockets of one table by state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// Their protocol.
    pub protocol: Protocol,
    /// Their family.
    pub family: Family,
    /// How many are in each state, by the kernel's number.
    pub states: Vec<(State, u64)>,
}

impl Total {
    /// How many there are.
    #[must_use]
    pub fn sockets(&self) -> u64 {
        self.states.iter().map(|(_, count)| count).sum()
    }

    /// How many are in `state`.
    #[must_use]
    pub fn in_state(&self, state: State) -> u64 {
        self.states
            .iter()
            .find(|(s, _)| *s == state)
            .map_or(0, |(_, count)| *count)
    }
}

/// What a client has open, or not yet given up, towards one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Transport.
    pub protocol: Protocol,
    /// Family; v4-mapped addresses count as IPv4, whose ports they use.
    pub family: Family,
    /// Local address.
    pub source: IpAddr,
    /// Peer address.
    pub destination: IpAddr,
    /// Peer port.
    pub destination_port: Port,
    /// Distinct local ports it holds, of the ephemeral range or not.
    pub local_ports: u64,
    /// How many of those only TIME_WAIT holds.
    pub time_wait: u64,
}

/// Totals, TIME_WAIT, and flows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// By protocol and family.
    pub totals: Vec<Total>,
    /// TCP sockets in TIME_WAIT.
    pub time_wait: u64,
    /// Where local ports come from; `None` when that is not known.
    pub ephemeral: Option<EphemeralPorts>,
    /// Client flows, those that hold most first.
    pub flows: Vec<Flow>,
    /// Connections within this host of which nothing tells which end is the client's. They are in no flow.
    pub undecided: u64,
}

/// The default of `net.ipv4.ip_local_port_range`, `Documentation/networking/ip-sysctl.rst`.
const DEFAULT_RANGE: RangeInclusive<u16> = 32768..=60999;

/// One end of a connection that may be a client's. Mapped addresses stand as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    protocol: Protocol,
    source: IpAddr,
    destination: IpAddr,
    destination_port: Port,
    port: Port,
    /// Whether only TIME_WAIT is left of it.
    lingers: bool,
}

impl End {
    const fn local(&self) -> SocketAddr {
        SocketAddr::new(self.source, self.port.0)
    }

    const fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.destination, self.destination_port.0)
    }
}

/// Takes sockets one by one, so that a summary of a million needs no list of them, but for ends that may be a client's.
#[derive(Debug, Default)]
pub struct SummaryBuilder {
    counts: BTreeMap<(Protocol, Family, u8), u64>,
    ends: Vec<End>,
    listeners: Listeners,
    /// Where UDP sockets without a peer receive.
    receivers: FxHashSet<Port>,
}

impl SummaryBuilder {
    /// Counts nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one socket.
    pub fn add(&mut self, socket: &Socket) {
        let key = (socket.protocol, socket.family, socket.state.number());
        *self.counts.entry(key).or_default() += 1;
        let Some(ends) = socket.inet() else { return };
        match socket.protocol {
            Protocol::Tcp if socket.state == State::Listen => self.listeners.note(socket),
            Protocol::Udp if !ends.has_peer() => {
                self.receivers.insert(ends.local_port);
            }
            // A half-open connection is the server's side by its nature.
            Protocol::Tcp if socket.state == State::SynRecv => {}
            // The kernel tells of listeners before it comes to what they accepted.
            Protocol::Tcp if self.listeners.accept(socket) => {}
            Protocol::Tcp | Protocol::Udp if ends.has_peer() => self.ends.push(End {
                protocol: socket.protocol,
                source: ends.local.to_canonical(),
                destination: ends.peer.to_canonical(),
                destination_port: ends.peer_port,
                port: ends.local_port,
                lingers: socket.state == State::TimeWait,
            }),
            _ => {}
        }
    }

    /// Adds what another builder counted.
    pub fn merge(&mut self, other: Self) {
        for (key, count) in other.counts {
            *self.counts.entry(key).or_default() += count;
        }
        self.ends.extend(other.ends);
        self.listeners.extend(other.listeners);
        self.receivers.extend(other.receivers);
    }

    /// The summary of what was added. Connections that were accepted here are no client flows, as far as ports can tell.
    #[must_use]
    pub fn finish(mut self, ephemeral: Option<EphemeralPorts>) -> Summary {
        let mut totals: Vec<Total> = Vec::new();
        for ((protocol, family, state), count) in self.counts {
            let state = (State::from_number(state), count);
            match totals.last_mut() {
                Some(last) if (last.protocol, last.family) == (protocol, family) => {
                    last.states.push(state);
                }
                _ => totals.push(Total {
                    protocol,
                    family,
                    states: vec![state],
                }),
            }
        }
        let time_wait = totals
            .iter()
            .filter(|t| t.protocol == Protocol::Tcp)
            .map(|t| t.in_state(State::TimeWait))
            .sum();
        self.ends.sort_unstable();
        let range = ephemeral
            .as_ref()
            .map_or(DEFAULT_RANGE, |e| e.range.clone());
        let sides = Sides::new(&self.ends, &self.listeners, &self.receivers, range);
        let mut undecided = 0;
        self.ends.retain(|end| match sides.of(end) {
            Side::Client => true,
            Side::Server => false,
            Side::Undecided => {
                undecided += 1;
                false
            }
        });
        let mut flows: Vec<Flow> = self
            .ends
            .chunk_by(|a, b| flow_of(a) == flow_of(b))
            .filter_map(flow)
            .collect();
        // Those that were equal are in the order of their ends.
        flows.sort_by_key(|flow| Reverse(flow.local_ports));
        Summary {
            totals,
            time_wait,
            ephemeral,
            flows,
            // Both ends of each are here.
            undecided: undecided / 2,
        }
    }
}

fn flow_of(end: &End) -> (Protocol, IpAddr, IpAddr, Port) {
    let End {
        protocol,
        source,
        destination,
        destination_port,
        ..
    } = *end;
    (protocol, source, destination, destination_port)
}

/// The flow of these ends, which are in order.
fn flow(ends: &[End]) -> Option<Flow> {
    let first = ends.first()?;
    // A port that a live socket and a lingering one share is held by the live one, which comes first.
    let ports = || ends.chunk_by(|a, b| a.port == b.port);
    let lingering = ports().filter(|same| same.first().is_some_and(|end| end.lingers));
    Some(Flow {
        protocol: first.protocol,
        family: if first.source.is_ipv4() {
            Family::Inet
        } else {
            Family::Inet6
        },
        source: first.source,
        destination: first.destination,
        destination_port: first.destination_port,
        local_ports: ports().count() as u64,
        time_wait: lingering.count() as u64,
    })
}

/// Which end of a connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
    /// Both ends are here, and each may be either.
    Undecided,
}

/// Tells clients from servers by ports: nothing else that a socket shows says who began.
struct Sides<'a> {
    listeners: &'a Listeners,
    receivers: &'a FxHashSet<Port>,
    range: RangeInclusive<u16>,
    /// Local ends in the range whose peers' ports are in it, too, and are several.
    shared: HashSet<(Protocol, IpAddr, Port)>,
    /// Connections with both ports in the range, from either end.
    within: HashSet<(Protocol, SocketAddr, SocketAddr)>,
}

impl<'a> Sides<'a> {
    fn new(
        ends: &[End],
        listeners: &'a Listeners,
        receivers: &'a FxHashSet<Port>,
        range: RangeInclusive<u16>,
    ) -> Self {
        // With a seeded hash: strangers choose these addresses.
        let mut peers: HashMap<_, Port> = HashMap::new();
        let mut shared = HashSet::new();
        let mut within = HashSet::new();
        let in_range = |port: Port| range.contains(&port.0);
        for end in ends {
            if !in_range(end.port) || !in_range(end.destination_port) {
                continue;
            }
            within.insert((end.protocol, end.local(), end.peer()));
            let local = (end.protocol, end.source, end.port);
            let peer = end.destination_port;
            if *peers.entry(local).or_insert(peer) != peer {
                shared.insert(local);
            }
        }
        Self {
            listeners,
            receivers,
            range,
            shared,
            within,
        }
    }

    fn of(&self, end: &End) -> Side {
        if self.is_served(end.protocol, end.source, end.port) {
            return Side::Server;
        }
        let is_here = end.destination.is_loopback() || end.destination == end.source;
        if is_here && self.is_served(end.protocol, end.destination, end.destination_port) {
            return Side::Client;
        }
        let here = self.range.contains(&end.port.0);
        let there = self.range.contains(&end.destination_port.0);
        match (here, there) {
            (false, true) => Side::Server,
            (true, false) | (false, false) => Side::Client,
            // A port with several ports at its other ends is that of a server whose listener is gone.
            (true, true) if self.shared.contains(&(end.protocol, end.source, end.port)) => {
                Side::Server
            }
            (true, true) if self.is_shared_there(end) => Side::Client,
            (true, true) if self.has_both_ends(end) => Side::Undecided,
            (true, true) => Side::Client,
        }
    }

    /// Whether something is open to all comers at this address.
    fn is_served(&self, protocol: Protocol, address: IpAddr, port: Port) -> bool {
        match protocol {
            Protocol::Tcp => self.listeners.serve(address, port),
            _ => self.receivers.contains(&port),
        }
    }

    fn has_both_ends(&self, end: &End) -> bool {
        let there = (end.protocol, end.peer(), end.local());
        self.within.contains(&there)
    }

    fn is_shared_there(&self, end: &End) -> bool {
        let there = (end.protocol, end.destination, end.destination_port);
        self.shared.contains(&there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ends, InetEnds, Queues};

    fn tcp(state: State, local: &str, local_port: u16, peer: &str, peer_port: u16) -> Socket {
        let local: IpAddr = local.parse().unwrap();
        Socket {
            protocol: Protocol::Tcp,
            family: if local.is_ipv4() {
                Family::Inet
            } else {
                Family::Inet6
            },
            state,
            v6only: None,
            shutdown: None,
            ends: Ends::Inet(InetEnds {
                local,
                peer: peer.parse().unwrap(),
                local_port: Port(local_port),
                peer_port: Port(peer_port),
                interface: None,
            }),
            queues: Queues::Unknown,
            timer: None,
            uid: None,
            inode: None,
            cookie: None,
            mark: None,
            cgroup: None,
            details: None,
        }
    }

    #[test]
    fn flows_count_the_ports_of_clients_only() {
        let mut builder = SummaryBuilder::new();
        for socket in [
            tcp(State::Listen, "0.0.0.0", 40005, "0.0.0.0", 0),
            // Both ends of a connection over loopback: one of them is the server's.
            tcp(State::Established, "127.0.0.1", 40001, "127.0.0.1", 40005),
            tcp(State::Established, "127.0.0.1", 40005, "127.0.0.1", 40001),
            tcp(State::TimeWait, "127.0.0.1", 40002, "127.0.0.1", 40005),
            tcp(
                State::Established,
                "::ffff:127.0.0.1",
                40003,
                "::ffff:127.0.0.1",
                40005,
            ),
            tcp(State::Established, "127.0.0.1", 99, "127.0.0.1", 40005),
        ] {
            builder.add(&socket);
        }
        let summary = builder.finish(Some(EphemeralPorts {
            range: 40000..=40099,
            reserved: Some(vec![]),
        }));
        assert_eq!(summary.time_wait, 1);
        assert_eq!(summary.flows.len(), 1);
        let flow = &summary.flows[0];
        // Port 99 is held as well, though nobody would be given it.
        assert_eq!((flow.local_ports, flow.time_wait), (4, 1));
        assert_eq!(flow.family, Family::Inet);
        assert_eq!(summary.totals[0].in_state(State::Established), 3);
    }

    #[test]
    fn connections_whose_listener_is_gone_are_no_flows() {
        let established =
            |local, peer_ip, peer| tcp(State::Established, "10.0.0.1", local, peer_ip, peer);
        for ephemeral in [
            None,
            Some(EphemeralPorts {
                range: 32768..=60999,
                reserved: None,
            }),
        ] {
            let mut builder = SummaryBuilder::new();
            for socket in [
                // Accepted at a port below the range, and at one inside it.
                established(443, "10.0.0.9", 40001),
                established(40000, "10.0.0.9", 50001),
                established(40000, "10.0.0.9", 50002),
                // Made here: to a port below the range, from a chosen port, to ports inside the range.
                established(45000, "10.0.0.9", 22),
                established(20000, "10.0.0.9", 9500),
                established(45001, "10.0.0.9", 50051),
                established(45001, "10.0.0.8", 50051),
            ] {
                builder.add(&socket);
            }
            let flows = builder.finish(ephemeral).flows;
            let mut told: Vec<_> = flows
                .iter()
                .map(|f| {
                    (
                        f.destination_port.0,
                        f.destination.to_string(),
                        f.local_ports,
                    )
                })
                .collect();
            told.sort();
            let expected = [(22, 9), (9500, 9), (50051, 8), (50051, 9)];
            let expected: Vec<_> = expected
                .iter()
                .map(|&(port, host)| (port, format!("10.0.0.{host}"), 1))
                .collect();
            assert_eq!(told, expected);
        }
    }
    fn flows_of(sockets: &[Socket]) -> (Vec<(u16, u64)>, u64) {
        let mut builder = SummaryBuilder::new();
        sockets.iter().for_each(|socket| builder.add(socket));
        let summary = builder.finish(None);
        let told = |flow: &Flow| (flow.destination_port.0, flow.local_ports);
        (summary.flows.iter().map(told).collect(), summary.undecided)
    }

    #[test]
    fn a_listener_serves_its_own_address_only() {
        let flows = flows_of(&[
            tcp(State::Listen, "127.0.0.1", 45001, "0.0.0.0", 0),
            tcp(State::Established, "10.0.0.1", 45001, "10.0.0.9", 22),
            tcp(State::Established, "127.0.0.1", 45001, "127.0.0.1", 45002),
        ]);
        assert_eq!(flows, (vec![(22, 1)], 0));
    }

    #[test]
    fn clients_may_have_reserved_ports() {
        let flows = flows_of(&[
            tcp(State::Established, "10.0.0.1", 1000, "10.0.0.9", 2049),
            tcp(State::Established, "10.0.0.1", 45000, "10.0.0.9", 2049),
        ]);
        assert_eq!(flows, (vec![(2049, 2)], 0));
    }

    #[test]
    fn of_two_equal_ends_neither_is_made_the_client() {
        let pair = |a: u16, b: u16| {
            [
                tcp(State::Established, "10.0.0.1", a, "10.0.0.2", b),
                tcp(State::Established, "10.0.0.2", b, "10.0.0.1", a),
            ]
        };
        assert_eq!(flows_of(&pair(40000, 50000)), (vec![], 1));
        // A second connection to the same port settles it.
        let both = [pair(40000, 50000), pair(40000, 50001)].concat();
        assert_eq!(flows_of(&both), (vec![(40000, 2)], 0));
    }
}
