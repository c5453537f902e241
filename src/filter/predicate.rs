//! The checked filter, and what it says about a socket: yes, no, or "cannot be known".
//!
//! Three-valued logic after Kleene. Nothing is allocated for a row.

use super::address::Network;
use super::ast::Op;
use super::glob::Glob;
use super::port::Ports;
use crate::model::{Ends, Family, InetEnds, Row, Side, Socket, StateSet, UnixEnds, UnixPeer};
use std::cmp::Ordering;
use std::ops::Not;

/// What a filter says about a socket. A row is shown only when it is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It does not match.
    False,
    /// A value that would decide is not known.
    Unknown,
    /// It matches.
    True,
}

impl From<bool> for Truth {
    fn from(known: bool) -> Self {
        if known { Self::True } else { Self::False }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

/// A condition whose names are all looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Predicate {
    /// Always the same.
    Constant(bool),
    /// Every one holds.
    And(Vec<Self>),
    /// At least one holds.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The socket is in one of the states.
    State(StateSet),
    /// The socket is of the family.
    Family(Family),
    /// An IP address of the socket is in the network. Only IP sockets have one.
    Network(Side, Network),
    /// A port of the socket compares as it says.
    Port(PortTest),
    /// A name of the unix socket matches. No other socket has one.
    Name(Side, Glob),
}

/// Compares a port, or for a unix socket an inode as `ss` does: its own on the local side, its
/// peer's on the other, 0 if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortTest {
    /// Whose port.
    pub side: Side,
    /// How it must compare.
    pub order: PortOrder,
    /// The number for each protocol. The test is false for a socket whose protocol has none.
    pub ports: Ports,
    /// The number for unix sockets. If there is none, the test is false for them.
    pub inode: Option<u64>,
}

/// How a port must compare with the number; [`Op`] without "not equal".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as in PartialOrd")]
pub enum PortOrder {
    Eq,
    Lt,
    Le,
    Gt,
    Ge,
}

impl PortOrder {
    /// The order for an operator, and whether the test must be negated: `!=` is `not =`.
    #[must_use]
    pub const fn of(op: Op) -> (Self, bool) {
        match op {
            Op::Eq => (Self::Eq, false),
            Op::Ne => (Self::Eq, true),
            Op::Lt => (Self::Lt, false),
            Op::Le => (Self::Le, false),
            Op::Gt => (Self::Gt, false),
            Op::Ge => (Self::Ge, false),
        }
    }

    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
        }
    }
}

impl PortTest {
    fn holds(&self, socket: &Socket) -> Truth {
        match &socket.ends {
            Ends::Inet(ends) => {
                let port = match self.side {
                    Side::Local => ends.local_port,
                    Side::Peer => ends.peer_port,
                };
                let wanted = self.ports.of(socket.protocol);
                wanted
                    .is_some_and(|w| self.order.holds(port.0.cmp(&w)))
                    .into()
            }
            Ends::Unix(ends) => match (self.inode, inode(socket, ends, self.side)) {
                (None, _) => Truth::False,
                (Some(_), None) => Truth::Unknown,
                (Some(wanted), Some(inode)) => self.order.holds(inode.cmp(&wanted)).into(),
            },
            // Their ports are wider, so it is the number that counts.
            Ends::Vsock(ends) => {
                let end = match self.side {
                    Side::Local => Some(ends.local),
                    Side::Peer => ends.peer,
                };
                let port = end.map(|end| u64::from(end.port));
                let wanted = port.zip(self.inode);
                wanted
                    .is_some_and(|(port, wanted)| self.order.holds(port.cmp(&wanted)))
                    .into()
            }
            Ends::Packet(_) | Ends::Netlink(_) | Ends::Xdp(_) | Ends::Tipc(_) => Truth::False,
        }
    }
}

/// The inode of one side, 0 if there is none; nothing if it is not known.
fn inode(socket: &Socket, ends: &UnixEnds, side: Side) -> Option<u64> {
    match (side, &ends.peer) {
        (Side::Local, _) => Some(socket.inode.map_or(0, |i| i.0.get())),
        (Side::Peer, UnixPeer::Unknown) => None,
        // One that waits to be accepted has none yet.
        (Side::Peer, peer) => Some(peer.inode().map_or(0, |inode| inode.0.get())),
    }
}

fn address(ends: &InetEnds, side: Side) -> std::net::IpAddr {
    match side {
        Side::Local => ends.local,
        Side::Peer => ends.peer,
    }
}

fn name_matches(ends: &UnixEnds, side: Side, glob: &Glob) -> Truth {
    match side {
        _ if glob.is_everything() => Truth::True,
        Side::Local => glob.matches(&ends.name).into(),
        Side::Peer => ends
            .peer
            .name()
            .map_or(Truth::Unknown, |name| glob.matches(name).into()),
    }
}

impl Predicate {
    /// All of `parts`, which is the part itself if there is one only.
    #[must_use]
    pub fn all(mut parts: Vec<Self>) -> Self {
        match parts.pop() {
            None => Self::Constant(true),
            Some(only) if parts.is_empty() => only,
            Some(last) => {
                parts.push(last);
                Self::And(parts)
            }
        }
    }

    /// Any of `parts`, which is the part itself if there is one only.
    #[must_use]
    pub fn any(mut parts: Vec<Self>) -> Self {
        match parts.pop() {
            None => Self::Constant(false),
            Some(only) if parts.is_empty() => only,
            Some(last) => {
                parts.push(last);
                Self::Or(parts)
            }
        }
    }

    /// The opposite, if `negated`.
    #[must_use]
    pub fn negated_if(self, negated: bool) -> Self {
        match self {
            same if !negated => same,
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// What it says about a socket.
    #[must_use]
    pub fn matches(&self, row: &Row<'_>) -> Truth {
        let socket = row.socket;
        match self {
            Self::Constant(known) => (*known).into(),
            Self::And(parts) => strongest(parts, row, Truth::False),
            Self::Or(parts) => strongest(parts, row, Truth::True),
            Self::Not(inner) => !inner.matches(row),
            Self::State(states) => states.contains(socket.state).into(),
            Self::Family(family) => (socket.family == *family).into(),
            Self::Network(side, network) => socket
                .inet()
                .is_some_and(|ends| network.contains(address(ends, *side)))
                .into(),
            Self::Port(test) => test.holds(socket),
            Self::Name(side, glob) => socket
                .unix()
                .map_or(Truth::False, |ends| name_matches(ends, *side, glob)),
        }
    }

    /// Whether it asks who holds a socket. No single condition does so far.
    pub(super) const fn needs_owners(&self) -> bool {
        match self {
            Self::Constant(_)
            | Self::And(_)
            | Self::Or(_)
            | Self::Not(_)
            | Self::State(_)
            | Self::Family(_)
            | Self::Network(..)
            | Self::Port(_)
            | Self::Name(..) => false,
        }
    }

    /// Whether some condition in it, however deep, is one that `wanted` says.
    pub(super) fn has(&self, wanted: &dyn Fn(&Self) -> bool) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|p| p.has(wanted)),
            Self::Not(inner) => inner.has(wanted),
            condition => wanted(condition),
        }
    }
}

/// `strong` if some part says so, else unknown if some part is, else the opposite of `strong`.
fn strongest(parts: &[Predicate], row: &Row<'_>, strong: Truth) -> Truth {
    let mut result = !strong;
    for part in parts {
        match part.matches(row) {
            truth if truth == strong => return strong,
            Truth::Unknown => result = Truth::Unknown,
            Truth::True | Truth::False => {}
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::oracle::{row, unix};
    use crate::model::{Inode, Protocol, State, UnixName};
    use proptest::prelude::*;

    const TRUTHS: [Truth; 3] = [Truth::False, Truth::Unknown, Truth::True];

    /// A condition of each truth for an unconnected and unnamed unix socket with a hidden peer.
    fn constant(truth: Truth) -> Predicate {
        match truth {
            Truth::Unknown => Predicate::Name(Side::Peer, Glob::new("/x")),
            known => Predicate::Constant(known == Truth::True),
        }
    }

    fn say(predicate: &Predicate) -> Truth {
        let socket = unix(UnixName::Unnamed, 7, UnixPeer::Unknown);
        predicate.matches(&row(&socket))
    }

    #[test]
    fn the_tables_of_kleene() {
        for a in TRUTHS {
            assert_eq!(!!a, a);
            for b in TRUTHS {
                let (x, y) = (constant(a), constant(b));
                let and = say(&Predicate::And(vec![x.clone(), y.clone()]));
                let or = say(&Predicate::Or(vec![x, y]));
                let rank = |t| TRUTHS.iter().position(|&u| u == t);
                assert_eq!(and, if rank(a) < rank(b) { a } else { b });
                assert_eq!(or, if rank(a) > rank(b) { a } else { b });
            }
        }
    }

    fn truth() -> impl Strategy<Value = Truth> {
        prop::sample::select(TRUTHS.to_vec())
    }

    proptest! {
        #[test]
        fn the_laws_of_de_morgan(truths in prop::collection::vec(truth(), 0..6)) {
            let parts: Vec<_> = truths.iter().map(|&t| constant(t)).collect();
            let negated: Vec<_> = parts.iter().map(|p| p.clone().negated_if(true)).collect();
            let not = |p: Predicate| say(&p.negated_if(true));
            prop_assert_eq!(
                not(Predicate::all(parts.clone())),
                say(&Predicate::any(negated.clone()))
            );
            prop_assert_eq!(not(Predicate::any(parts)), say(&Predicate::all(negated)));
        }

        #[test]
        fn order_and_grouping_do_not_matter(truths in prop::collection::vec(truth(), 2..6)) {
            let parts: Vec<_> = truths.iter().map(|&t| constant(t)).collect();
            let mut turned = parts.clone();
            turned.reverse();
            let nested = parts.iter().cloned().reduce(|a, b| Predicate::And(vec![a, b])).unwrap();
            prop_assert_eq!(say(&Predicate::all(parts.clone())), say(&Predicate::all(turned)));
            prop_assert_eq!(say(&Predicate::all(parts)), say(&nested));
        }
    }

    #[test]
    fn ports_of_unix_sockets_are_inodes() {
        let test = |side, order, inode| {
            Predicate::Port(PortTest {
                side,
                order,
                ports: Ports::default(),
                inode,
            })
        };
        let ask = |p: Predicate, peer| p.matches(&row(&unix(UnixName::Unnamed, 7, peer)));
        let mine = |order, n| ask(test(Side::Local, order, Some(n)), UnixPeer::None);
        assert_eq!(mine(PortOrder::Eq, 7), Truth::True);
        assert_eq!(mine(PortOrder::Gt, 7), Truth::False);
        assert_eq!(mine(PortOrder::Ge, 7), Truth::True);
        assert_eq!(mine(PortOrder::Lt, 8), Truth::True);
        assert_eq!(mine(PortOrder::Le, 6), Truth::False);
        let peer = |peer, n| ask(test(Side::Peer, PortOrder::Eq, n), peer);
        let nine = UnixPeer::Inode(Inode::new(9).unwrap());
        assert_eq!(peer(nine, Some(9)), Truth::True);
        assert_eq!(peer(UnixPeer::None, Some(0)), Truth::True);
        assert_eq!(peer(UnixPeer::Unknown, Some(9)), Truth::Unknown);
        assert_eq!(peer(UnixPeer::Unknown, None), Truth::False);
    }

    #[test]
    fn a_service_may_have_two_numbers() {
        let ports = Ports {
            tcp: Some(512),
            udp: Some(513),
            raw: None,
        };
        let of = |protocol| ports.of(protocol);
        assert_eq!(of(Protocol::Tcp), Some(512));
        assert_eq!(of(Protocol::Udp), Some(513));
        assert_eq!(of(Protocol::Raw), None);
    }

    #[test]
    fn states_that_are_not_known_are_in_all() {
        let mut socket = unix(UnixName::Unnamed, 7, UnixPeer::None);
        socket.state = State::Unknown(200);
        assert_eq!(
            Predicate::State(StateSet::ALL).matches(&row(&socket)),
            Truth::True
        );
        assert_eq!(
            Predicate::State(StateSet::BIG).matches(&row(&socket)),
            Truth::False
        );
    }
}
