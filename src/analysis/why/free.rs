//! Which ports a plain bind(2) would get: the rules of outcome.rs for every port of a range at once.
//!
//! A bind without options is the strictest: where it succeeds, so does one with `SO_REUSEADDR` or `SO_REUSEPORT`. Sockets are looked at
//! one at a time and none is kept, since a host may have a million of them.

use super::ReasonKind;
use super::kind::{Newcomer, conflict};
use super::outcome::has_gaps;
use super::refusal::refusal;
use crate::model::{
    BindError, BindFacts, BindTarget, BindUser, BindVariant, EphemeralPorts, IfIndex, Port,
    Protocol, Socket, Table,
};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// The binds that must all succeed for a port to be free.
///
/// Without addresses these are `0.0.0.0` and, where there is IPv6, `::` with IPv4: a port that is free for both is free for every
/// address that this host has.
#[must_use]
pub fn targets(
    facts: &BindFacts,
    protocols: &[Protocol],
    addresses: &[(IpAddr, Option<IfIndex>)],
    port: Port,
) -> Vec<BindTarget> {
    let mut targets = Vec::new();
    for &protocol in protocols {
        if addresses.is_empty() {
            targets.push(BindTarget::any_v4(protocol, port));
            if facts.ipv6 {
                targets.push(BindTarget::any_v6(protocol, port, false));
            }
        }
        targets.extend(addresses.iter().map(|&(address, interface)| BindTarget {
            protocol,
            address,
            port,
            interface,
            v6only: facts.bindv6only == Some(true) && address.is_ipv6() && address.is_unspecified(),
        }));
    }
    targets
}

/// What the tables and the settings say about one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing that was read is in the way.
    Open,
    /// Nothing that was read is certain to be in the way, but not everything could be read.
    Undecided,
    /// A socket has it.
    Taken,
    /// It takes `CAP_NET_BIND_SERVICE`.
    Privileged,
    /// No socket can be bound there, whatever others there are.
    Refused(BindError),
}

/// A set of port numbers.
#[derive(Clone)]
struct PortSet(Box<[u64]>);

impl PortSet {
    fn new() -> Self {
        Self(vec![0; 1024].into_boxed_slice())
    }

    fn insert(&mut self, port: u16) {
        if let Some(word) = self.0.get_mut(usize::from(port / 64)) {
            *word |= 1 << (port % 64);
        }
    }

    fn contains(&self, port: u16) -> bool {
        self.0
            .get(usize::from(port / 64))
            .is_some_and(|word| word >> (port % 64) & 1 == 1)
    }

    fn extend(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }
}

/// The ports that sockets hold against these addresses.
#[derive(Clone)]
pub struct Claims {
    /// One bind for each protocol and address; their port does not matter.
    targets: Vec<BindTarget>,
    user: BindUser,
    taken: PortSet,
    unsure: PortSet,
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claims")
            .field("targets", &self.targets)
            .finish_non_exhaustive()
    }
}

impl Claims {
    /// None yet, for binds of `user` to the addresses of `targets`.
    #[must_use]
    pub fn new(targets: Vec<BindTarget>, user: BindUser) -> Self {
        Self {
            targets,
            user,
            taken: PortSet::new(),
            unsure: PortSet::new(),
        }
    }

    /// Notes what a socket holds.
    pub fn add(&mut self, socket: &Socket) {
        let Some(ends) = socket.inet() else { return };
        let port = ends.local_port;
        for target in &self.targets {
            if target.protocol != socket.protocol {
                continue;
            }
            let target = BindTarget { port, ..*target };
            let newcomer = Newcomer {
                target: &target,
                variant: BindVariant::Plain,
                uid: self.user.uid,
            };
            match conflict(socket, newcomer, false) {
                Some(true) => self.taken.insert(port.0),
                Some(false) => {}
                None => self.unsure.insert(port.0),
            }
        }
    }

    /// Adds what `other`, for the same targets, has noted, and empties it.
    pub fn merge(&mut self, other: &mut Self) {
        self.taken.extend(&other.taken);
        self.unsure.extend(&other.unsure);
        other.clear();
    }

    /// Forgets every socket.
    pub fn clear(&mut self) {
        self.taken = PortSet::new();
        self.unsure = PortSet::new();
    }

    /// What is known of a port: privileges and addresses first, as in the kernel. `missing` are tables of which rows may be missing.
    #[must_use]
    pub fn standing(&self, port: u16, facts: &BindFacts, missing: &[Table]) -> Standing {
        let mut undecided = self.unsure.contains(port)
            || self
                .targets
                .iter()
                .any(|t| has_gaps(missing, facts, t.protocol));
        for target in &self.targets {
            let target = BindTarget {
                port: Port(port),
                ..*target
            };
            match refusal(facts, &target, self.user) {
                None => {}
                Some(found) => match (found.kind, found.error) {
                    (_, None) => undecided = true,
                    (ReasonKind::Privileged, Some(_)) => return Standing::Privileged,
                    (_, Some(error)) => return Standing::Refused(error),
                },
            }
        }
        match (self.taken.contains(port), undecided) {
            (true, _) => Standing::Taken,
            (false, true) => Standing::Undecided,
            (false, false) => Standing::Open,
        }
    }
}

/// Which ports to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// From and to.
    pub range: RangeInclusive<u16>,
    /// Also those that the kernel gives to connections, `ip_local_port_range`.
    pub ephemeral: bool,
    /// Also those of `ip_local_reserved_ports`.
    pub reserved: bool,
}

/// How many ports of the range are none of the candidates, each counted once, for the first of these reasons that it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Reserved by the administrator.
    pub reserved: u32,
    /// Given to connections by the kernel.
    pub ephemeral: u32,
    /// Need a privilege that the caller lacks.
    pub privileged: u32,
    /// A socket has them.
    pub taken: u32,
    /// Refused for another reason.
    pub refused: u32,
}

/// The ports of the range that may be free, ascending, and how many are left out and why.
#[must_use]
pub fn candidates(
    claims: &Claims,
    wanted: &Wanted,
    facts: &BindFacts,
    missing: &[Table],
) -> (Vec<u16>, LeftOut) {
    let mut left_out = LeftOut::default();
    let mut ports = Vec::new();
    let settings = facts.ephemeral.as_ref();
    // Port 0 asks the kernel to choose.
    for port in wanted.range.clone().filter(|&port| port != 0) {
        let count = if !wanted.reserved && settings.is_some_and(|s| is_reserved(s, port)) {
            &mut left_out.reserved
        } else if !wanted.ephemeral && settings.is_some_and(|s| s.contains(Port(port))) {
            &mut left_out.ephemeral
        } else {
            match claims.standing(port, facts, missing) {
                Standing::Open | Standing::Undecided => {
                    ports.push(port);
                    continue;
                }
                Standing::Privileged => &mut left_out.privileged,
                Standing::Taken => &mut left_out.taken,
                Standing::Refused(_) => &mut left_out.refused,
            }
        };
        *count += 1;
    }
    (ports, left_out)
}

fn is_reserved(settings: &EphemeralPorts, port: u16) -> bool {
    let mut ranges = settings.reserved.iter().flatten();
    ranges.any(|range| range.contains(&port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ends, Family, InetEnds, Inode, Queues, State, Uid};

    fn socket(protocol: Protocol, state: State, local: &str, port: u16) -> Socket {
        let local: IpAddr = local.parse().unwrap();
        Socket {
            protocol,
            family: if local.is_ipv4() {
                Family::Inet
            } else {
                Family::Inet6
            },
            state,
            v6only: local.is_ipv6().then_some(false),
            shutdown: None,
            ends: Ends::Inet(InetEnds {
                local,
                peer: "0.0.0.0".parse().unwrap(),
                local_port: Port(port),
                peer_port: Port(0),
                interface: None,
            }),
            queues: Queues::Unknown,
            timer: None,
            uid: Some(Uid(0)),
            inode: Inode::new(1),
            cookie: None,
            mark: None,
            cgroup: None,
            details: None,
        }
    }

    fn facts() -> BindFacts {
        BindFacts {
            unprivileged_start: Some(1024),
            ephemeral: Some(EphemeralPorts {
                range: 3010..=3019,
                reserved: Some(vec![3005..=3006]),
            }),
            ipv6: true,
            lists_bound: Some(true),
            ..BindFacts::default()
        }
    }

    const USER: BindUser = BindUser {
        uid: Uid(1000),
        privileged: Some(false),
        is_foreign: false,
    };

    fn claims(protocols: &[Protocol], address: Option<&str>, sockets: &[Socket]) -> Claims {
        let addresses: Vec<_> = address
            .into_iter()
            .map(|a| (a.parse().unwrap(), None))
            .collect();
        let targets = targets(&facts(), protocols, &addresses, Port(1));
        let mut claims = Claims::new(targets, USER);
        for socket in sockets {
            claims.add(socket);
        }
        claims
    }

    #[test]
    fn what_sockets_hold_is_left_out() {
        let sockets = [
            socket(Protocol::Tcp, State::Listen, "127.0.0.1", 3000),
            socket(Protocol::Tcp, State::Listen, "::", 3001),
            socket(Protocol::Tcp, State::TimeWait, "10.0.0.1", 3002),
            socket(Protocol::Tcp, State::BoundInactive, "0.0.0.0", 3003),
            socket(Protocol::Udp, State::Close, "0.0.0.0", 3004),
        ];
        let wanted = Wanted {
            range: 3000..=3019,
            ephemeral: false,
            reserved: false,
        };
        let any = claims(&[Protocol::Tcp], None, &sockets);
        let (ports, left_out) = candidates(&any, &wanted, &facts(), &[]);
        assert_eq!(ports, [3004, 3007, 3008, 3009]);
        let expected = LeftOut {
            reserved: 2,
            ephemeral: 10,
            taken: 4,
            ..LeftOut::default()
        };
        assert_eq!(left_out, expected);
        let both = claims(&[Protocol::Tcp, Protocol::Udp], None, &sockets);
        assert_eq!(
            candidates(&both, &wanted, &facts(), &[]).0,
            [3007, 3008, 3009]
        );
        let two = claims(&[Protocol::Tcp], Some("127.0.0.2"), &sockets);
        let facts = BindFacts {
            nonlocal_v4: Some(true),
            ..facts()
        };
        let all = Wanted {
            ephemeral: true,
            reserved: true,
            ..wanted
        };
        let (ports, _) = candidates(&two, &all, &facts, &[]);
        assert_eq!(ports[..4], [3000, 3002, 3004, 3005]);
        assert_eq!(ports.len(), 18);
    }

    #[test]
    fn privileges_come_first_and_gaps_leave_it_open() {
        let none = claims(&[Protocol::Tcp], None, &[]);
        assert_eq!(none.standing(80, &facts(), &[]), Standing::Privileged);
        assert_eq!(none.standing(8080, &facts(), &[]), Standing::Open);
        let missing = [Table::new(Protocol::Tcp, Family::Inet6)];
        assert_eq!(none.standing(8080, &facts(), &missing), Standing::Undecided);
        let whole = Wanted {
            range: 0..=u16::MAX,
            ephemeral: true,
            reserved: true,
        };
        let (ports, left_out) = candidates(&none, &whole, &facts(), &[]);
        assert_eq!((ports.len(), left_out.privileged), (64_512, 1023));
    }

    #[test]
    fn a_pass_that_failed_is_forgotten() {
        let taken = socket(Protocol::Tcp, State::Listen, "0.0.0.0", 3000);
        let mut done = claims(&[Protocol::Tcp], None, &[]);
        let mut table = done.clone();
        table.add(&taken);
        table.clear();
        done.merge(&mut table);
        assert_eq!(done.standing(3000, &facts(), &[]), Standing::Open);
        table.add(&taken);
        done.merge(&mut table);
        assert_eq!(done.standing(3000, &facts(), &[]), Standing::Taken);
    }
}
