//! Counts of sockets, and how many local ports each client flow holds.
//!
//! A client flow is (source, destination, destination port): the unit that runs out of local ports. How many more connections a
//! flow can make is not the size of the range minus what is held, and is not computed here.
//!
//! A connection says nowhere which end began it. An end at a port where something listens is the server's; if nothing does, the
//! ports decide: the client's is in the ephemeral range, or higher.

use crate::model::{EphemeralPorts, Family, Port, Protocol, Socket, State, ipv4_of};
use rustc_hash::FxHashSet;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
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
    /// Where local ports come from; `None` when that cannot be read.
    pub ephemeral: Option<EphemeralPorts>,
    /// Client flows, those that hold most first.
    pub flows: Vec<Flow>,
}

/// The default of `net.ipv4.ip_local_port_range`, `Documentation/networking/ip-sysctl.rst`.
const DEFAULT_RANGE: RangeInclusive<u16> = 32768..=60999;

type FlowKey = (Protocol, IpAddr, IpAddr, Port);

/// Takes sockets one by one, so that a summary of a million needs no list of them.
#[derive(Debug, Default)]
pub struct SummaryBuilder {
    counts: BTreeMap<(Protocol, Family, u8), u64>,
    /// With a seeded hash: strangers choose these addresses.
    flows: HashMap<FlowKey, Vec<(Port, bool)>>,
    /// Ports at which connections are accepted; for UDP, at which a socket without a peer receives.
    listening: FxHashSet<(Protocol, Port)>,
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
            Protocol::Tcp if socket.state == State::Listen => {
                self.listening.insert((Protocol::Tcp, ends.local_port));
            }
            Protocol::Udp if !ends.has_peer() => {
                self.listening.insert((Protocol::Udp, ends.local_port));
            }
            // A half-open connection is the server's side by its nature.
            Protocol::Tcp if socket.state == State::SynRecv => {}
            Protocol::Tcp | Protocol::Udp if ends.has_peer() => {
                let plain = |address| ipv4_of(address).map_or(address, IpAddr::V4);
                let key = (
                    socket.protocol,
                    plain(ends.local),
                    plain(ends.peer),
                    ends.peer_port,
                );
                let lingers = socket.state == State::TimeWait;
                self.flows
                    .entry(key)
                    .or_default()
                    .push((ends.local_port, lingers));
            }
            _ => {}
        }
    }

    /// Adds what another builder counted.
    pub fn merge(&mut self, other: Self) {
        for (key, count) in other.counts {
            *self.counts.entry(key).or_default() += count;
        }
        for (key, ports) in other.flows {
            self.flows.entry(key).or_default().extend(ports);
        }
        self.listening.extend(other.listening);
    }

    /// The summary of what was added. Connections that were accepted here are no client flows, as far as [`Sides`] can tell.
    #[must_use]
    pub fn finish(self, ephemeral: Option<EphemeralPorts>) -> Summary {
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
        let sides = Sides::new(&self.flows, &self.listening, ephemeral.as_ref());
        let mut flows: Vec<Flow> = self
            .flows
            .into_iter()
            .filter_map(
                |(key @ (protocol, source, destination, destination_port), mut ports)| {
                    ports.retain(|(port, _)| sides.is_client(&key, *port));
                    // A port that a live socket and a lingering one share is held by the live one.
                    ports.sort_unstable();
                    ports.dedup_by_key(|(port, _)| *port);
                    Some(Flow {
                        protocol,
                        family: if source.is_ipv4() {
                            Family::Inet
                        } else {
                            Family::Inet6
                        },
                        source,
                        destination,
                        destination_port,
                        local_ports: ports.len() as u64,
                        time_wait: ports.iter().filter(|(_, lingers)| *lingers).count() as u64,
                    })
                    .filter(|flow| flow.local_ports > 0)
                },
            )
            .collect();
        flows.sort_by(|a, b| {
            b.local_ports.cmp(&a.local_ports).then_with(|| {
                let key = |f: &Flow| (f.protocol, f.source, f.destination, f.destination_port);
                key(a).cmp(&key(b))
            })
        });
        Summary {
            totals,
            time_wait,
            ephemeral,
            flows,
        }
    }
}

/// Which end of a connection is the client's, told from ports: nothing else that a socket shows says who began.
struct Sides<'a> {
    listening: &'a FxHashSet<(Protocol, Port)>,
    range: RangeInclusive<u16>,
    /// Local ends in the ephemeral range with a peer's port in it, too: that port, or none if there are several.
    peers: HashMap<(Protocol, IpAddr, Port), Option<Port>>,
}

impl<'a> Sides<'a> {
    fn new(
        flows: &HashMap<FlowKey, Vec<(Port, bool)>>,
        listening: &'a FxHashSet<(Protocol, Port)>,
        ephemeral: Option<&EphemeralPorts>,
    ) -> Self {
        let range = ephemeral.map_or(DEFAULT_RANGE, |ports| ports.range.clone());
        let mut peers = HashMap::new();
        for (&(protocol, source, _, peer), ports) in flows {
            if !range.contains(&peer.0) {
                continue;
            }
            for &(port, _) in ports.iter().filter(|(port, _)| range.contains(&port.0)) {
                peers
                    .entry((protocol, source, port))
                    .and_modify(|known: &mut Option<Port>| *known = known.filter(|&p| p == peer))
                    .or_insert(Some(peer));
            }
        }
        Self {
            listening,
            range,
            peers,
        }
    }

    fn is_client(&self, key: &FlowKey, port: Port) -> bool {
        let &(protocol, source, destination, peer) = key;
        if self.listening.contains(&(protocol, port)) {
            return false;
        }
        let is_here = destination.is_loopback() || destination == source;
        if is_here && self.listening.contains(&(protocol, peer)) {
            return true;
        }
        match (self.range.contains(&port.0), self.range.contains(&peer.0)) {
            (true, false) => true,
            (false, true) => false,
            // Servers have the lower numbers.
            (false, false) => port > peer,
            // A port with several ports at its other ends is that of a server whose listener is gone.
            (true, true) => self.peers.get(&(protocol, source, port)) != Some(&None),
        }
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
}
