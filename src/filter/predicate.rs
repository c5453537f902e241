//! The checked filter, and what it says about a socket: yes, no, or "cannot be known".
//!
//! Three-valued logic after Kleene. Nothing is allocated for a row.

use super::address::{Network, NetworkSet};
use super::by_address::ByAddress;
use super::facts;
use super::names::Names;
use super::numbers::NumberSet;
use crate::model::{
    CgroupId, DetailSet, Ends, Family, FieldId, IfIndex, InetEnds, Protocol, Row, Side, Socket,
    StateSet, UnixEnds, UnixPeer, VsockAddress,
};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
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
    /// The socket is of the protocol.
    Protocol(Protocol),
    /// The socket is of the family.
    Family(Family),
    /// An IP address of the socket is in the network. Only IP sockets have one.
    Network(Side, Network),
    /// An IP address of the socket is in one of many networks.
    Networks(Side, Box<NetworkSet>),
    /// Several conditions that ask for an address and for more.
    ByAddress(Box<ByAddress>),
    /// A port of the socket is one of these.
    Port(Box<PortTest>),
    /// An end of a packet, netlink or vsock socket is this one.
    End(Box<EndTest>),
    /// A name of the unix socket matches. No other socket has one.
    Name(Side, Box<Names>),
    /// A number of the socket, or of one of its holders, is one of these. Times are microseconds.
    Number(FieldId, NumberSet),
    /// A word about the socket is one of these.
    Word(FieldId, Vec<&'static str>),
    /// A yes or no about the socket is as asked.
    Flag(FieldId, bool),
    /// The socket is bound to this interface, or to none.
    Interface(Option<IfIndex>),
    /// A name that belongs to the socket matches: of its interface or its user.
    Named(FieldId, Box<Names>),
    /// The mark of the IP socket, as far as the mask shows it, is this.
    Mark {
        /// What it must be.
        mark: u32,
        /// The bits that are looked at.
        mask: u32,
    },
    /// The socket is of this control group.
    Cgroup(CgroupId),
    /// The name of a process matches that holds the socket, or its peer, as the field says.
    Process(FieldId, Box<Names>),
    /// No process holds the socket, or its peer, for this reason; see [`crate::model::NoOwner::word`].
    Unowned(FieldId, &'static str),
    /// The field is known to be nothing.
    IsNone(FieldId),
    /// Nobody can tell the field. This itself is always known.
    IsUnknown(FieldId),
}

/// The ports asked for, and for unix sockets inodes as `ss` compares them: the own one on the local
/// side, the peer's on the other, 0 if there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSets {
    /// For TCP, MPTCP, SCTP and DCCP.
    pub tcp: NumberSet,
    /// For UDP and UDP-Lite.
    pub udp: NumberSet,
    /// For raw sockets, whose "port" is the IP protocol number.
    pub raw: NumberSet,
    /// For unix sockets, and the ports of vsock, which are wider than those of IP.
    pub inodes: NumberSet,
}

/// Whether a port is one of those asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortTest {
    /// Whose port.
    pub side: Side,
    /// Which. The test is false for a protocol that has none.
    pub sets: PortSets,
}

/// An end of a family whose addresses are numbers: of packet sockets the ethertype and the interface, of netlink sockets the protocol and
/// the port id, of vsock sockets the context id and the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndTest {
    /// Which end.
    pub side: Side,
    /// Its address; `None` for any.
    pub address: Option<u32>,
    /// Its port; `None` for any.
    pub port: Option<NumberSet>,
}

impl EndTest {
    fn holds(&self, socket: &Socket) -> bool {
        let end = match (&socket.ends, self.side) {
            (Ends::Packet(ends), Side::Local) => {
                let interface = ends.interface.map_or(0, |index| index.0.get());
                Some((ends.ethertype.into(), interface))
            }
            (Ends::Netlink(ends), Side::Local) => Some((ends.protocol.into(), ends.port_id)),
            // Both ends of netlink have one protocol.
            (Ends::Netlink(ends), Side::Peer) => ends
                .peer
                .map(|(port_id, _)| (ends.protocol.into(), port_id)),
            (Ends::Vsock(ends), Side::Local) => Some((ends.local.cid, ends.local.port)),
            (Ends::Vsock(ends), Side::Peer) => ends.peer.map(|peer| (peer.cid, peer.port)),
            _ => None,
        };
        end.is_some_and(|(address, port)| {
            self.address.is_none_or(|wanted| wanted == address)
                && self
                    .port
                    .as_ref()
                    .is_none_or(|set| set.contains(port.into()))
        })
    }
}

static NO_PORTS: NumberSet = NumberSet::EMPTY;

impl PortSets {
    /// The numbers for `protocol`; those with few services of their own have TCP's or UDP's.
    #[must_use]
    pub const fn of(&self, protocol: Protocol) -> &NumberSet {
        match protocol {
            Protocol::Tcp | Protocol::Mptcp | Protocol::Sctp | Protocol::Dccp => &self.tcp,
            Protocol::Udp | Protocol::UdpLite => &self.udp,
            Protocol::Raw => &self.raw,
            Protocol::Unix | Protocol::Vsock => &self.inodes,
            Protocol::Packet | Protocol::Netlink | Protocol::Xdp | Protocol::Tipc => &NO_PORTS,
        }
    }

    /// The numbers of all of them.
    fn union(all: &[&Self]) -> Self {
        let of = |protocol| NumberSet::union(all.iter().map(|s| s.of(protocol)));
        Self {
            tcp: of(Protocol::Tcp),
            udp: of(Protocol::Udp),
            raw: of(Protocol::Raw),
            inodes: of(Protocol::Unix),
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
                let set = self.sets.of(socket.protocol);
                set.contains(port.0.into()).into()
            }
            Ends::Unix(_) if self.sets.inodes.is_empty() => Truth::False,
            Ends::Unix(ends) => match inode(socket, ends, self.side) {
                None => Truth::Unknown,
                Some(inode) => self.sets.inodes.contains(inode).into(),
            },
            // Their ports are wider, so it is the number that counts.
            Ends::Vsock(ends) => {
                let end = match self.side {
                    Side::Local => Some(ends.local),
                    Side::Peer => ends.peer,
                };
                let wanted = |end: VsockAddress| self.sets.inodes.contains(end.port.into());
                end.is_some_and(wanted).into()
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

fn name_matches(ends: &UnixEnds, side: Side, names: &Names) -> Truth {
    match side {
        _ if names.is_everything() => Truth::True,
        Side::Local => names.matches(&ends.name).into(),
        Side::Peer => ends
            .peer
            .name()
            .map_or(Truth::Unknown, |name| names.matches(name).into()),
    }
}

impl Predicate {
    /// Whether every socket passes: it chooses none.
    #[must_use]
    pub fn is_passed_by_all(&self) -> bool {
        match self {
            Self::Constant(known) => *known,
            Self::State(states) => *states == StateSet::ALL,
            Self::And(parts) => parts.iter().all(Self::is_passed_by_all),
            Self::Or(parts) => parts.iter().any(Self::is_passed_by_all),
            Self::Not(part) => part.is_passed_by_none(),
            _ => false,
        }
    }

    fn is_passed_by_none(&self) -> bool {
        match self {
            Self::Constant(known) => !*known,
            Self::State(states) => states.is_empty(),
            Self::And(parts) => parts.iter().any(Self::is_passed_by_none),
            Self::Or(parts) => parts.iter().all(Self::is_passed_by_none),
            Self::Not(part) => part.is_passed_by_all(),
            _ => false,
        }
    }

    /// All of `parts`, which is the part itself if there is one only.
    #[must_use]
    pub fn all(parts: Vec<Self>) -> Self {
        if parts.len() > 1 {
            let (negated, rest): (Vec<_>, Vec<_>) =
                parts.into_iter().partition(|p| matches!(p, Self::Not(_)));
            let opposites = negated.into_iter().map(|p| p.negated_if(true)).collect();
            let negated = joined(opposites).into_iter().map(|p| p.negated_if(true));
            let parts = rest.into_iter().chain(negated).collect();
            return Self::single(parts, true, Self::And);
        }
        Self::single(parts, true, Self::And)
    }

    /// Any of `parts`, which is the part itself if there is one only. Sets of the same thing become one.
    #[must_use]
    pub fn any(parts: Vec<Self>) -> Self {
        Self::single(joined(parts), false, Self::Or)
    }

    fn single(mut parts: Vec<Self>, if_none: bool, list: fn(Vec<Self>) -> Self) -> Self {
        match parts.pop() {
            None => Self::Constant(if_none),
            Some(only) if parts.is_empty() => only,
            Some(last) => {
                parts.push(last);
                list(parts)
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
            Self::Networks(side, networks) => socket
                .inet()
                .is_some_and(|ends| networks.contains(address(ends, *side)))
                .into(),
            Self::ByAddress(table) => table.matches(row),
            Self::Port(test) => test.holds(socket),
            Self::End(test) => test.holds(socket).into(),
            Self::Name(side, names) => socket
                .unix()
                .map_or(Truth::False, |ends| name_matches(ends, *side, names)),
            Self::Protocol(protocol) => (socket.protocol == *protocol).into(),
            Self::Interface(wanted) => facts::interface(socket, *wanted),
            Self::Process(field, names) => facts::process(*row, *field, names),
            Self::Unowned(field, reason) => facts::unowned(*row, *field, reason),
            Self::Number(field, set) => facts::number(*row, *field, set),
            Self::Word(field, words) => facts::word(*row, *field, words),
            Self::Flag(field, wanted) => facts::flag(*row, *field, *wanted),
            Self::Named(field, names) => facts::named(*row, *field, names),
            Self::Mark { mark, mask } => facts::mark(*row, *mark, *mask),
            Self::Cgroup(id) => facts::cgroup(socket, *id),
            Self::IsNone(field) => facts::is_none(*row, *field),
            Self::IsUnknown(field) => facts::is_unknown(*row, *field),
        }
    }

    /// Whether it asks who holds a socket.
    pub(super) fn needs_owners(&self) -> bool {
        self.compared()
            .is_some_and(|field| field.field().needs_owners)
    }

    /// The field that a single condition compares, if it says of itself which.
    const fn compared(&self) -> Option<FieldId> {
        match self {
            Self::Process(field, _)
            | Self::Unowned(field, _)
            | Self::Number(field, _)
            | Self::Word(field, _)
            | Self::Flag(field, _)
            | Self::Named(field, _)
            | Self::IsNone(field)
            | Self::IsUnknown(field) => Some(*field),
            _ => None,
        }
    }

    /// The details without which it cannot be told.
    pub(super) fn needs_details(&self) -> DetailSet {
        match self {
            Self::And(parts) | Self::Or(parts) => parts
                .iter()
                .map(Self::needs_details)
                .fold(DetailSet::NONE, DetailSet::or),
            Self::Not(inner) => inner.needs_details(),
            Self::ByAddress(table) => table
                .parts()
                .map(|part| part.1.needs_details())
                .fold(DetailSet::NONE, DetailSet::or),
            _ => self
                .compared()
                .map_or(DetailSet::NONE, |field| field.field().needs_details),
        }
    }

    /// The field that a single condition asks for, if it is one that may be unknown.
    const fn field(&self) -> Option<FieldId> {
        match self {
            // Whatever that is, it is not left out for it.
            Self::IsUnknown(_) => None,
            Self::Name(Side::Peer, _) => Some(FieldId::PeerPath),
            Self::Port(test) if matches!(test.side, Side::Peer) => Some(FieldId::PeerInode),
            Self::Interface(_) => Some(FieldId::Interface),
            Self::Mark { .. } => Some(FieldId::Mark),
            Self::Cgroup(_) => Some(FieldId::CgroupId),
            _ => self.compared(),
        }
    }

    /// The fields that it asks for and that may be unknown, each once.
    pub(super) fn fields(&self) -> Vec<FieldId> {
        let fields = RefCell::new(Vec::new());
        self.has(&|condition| {
            let mut fields = fields.borrow_mut();
            let new = condition.field().filter(|field| !fields.contains(field));
            fields.extend(new);
            false
        });
        fields.into_inner()
    }

    /// Whether some condition in it, however deep, is one that `wanted` says.
    pub(super) fn has(&self, wanted: &dyn Fn(&Self) -> bool) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|p| p.has(wanted)),
            Self::Not(inner) => inner.has(wanted),
            Self::ByAddress(table) => table.parts().any(|part| part.1.has(wanted)),
            condition => wanted(condition),
        }
    }
}

/// So many networks of one side are looked up instead of compared one by one.
const MANY_NETWORKS: usize = 4;

/// Conditions with more parts are not looked up by an address among them, which is done part by part.
const MOST_PARTS: usize = 8;

/// The parts of an "or", with what asks for several values of the same thing in one part, so that it is one lookup.
fn joined(parts: Vec<Predicate>) -> Vec<Predicate> {
    if parts.len() < 2 {
        return parts;
    }
    let mut rest = Vec::new();
    let mut ports: [Vec<Box<PortTest>>; 2] = Default::default();
    let mut networks: [Vec<Network>; 2] = Default::default();
    let mut numbers: Vec<(FieldId, Vec<NumberSet>)> = Vec::new();
    let mut words: Vec<(FieldId, Vec<&'static str>)> = Vec::new();
    let mut names = ManyNames::default();
    let mut states: Option<StateSet> = None;
    for part in by_address(parts) {
        match part {
            Predicate::State(set) => states = Some(states.map_or(set, |s| s.or(set))),
            Predicate::Port(test) => match test.side {
                Side::Local => ports[0].push(test),
                Side::Peer => ports[1].push(test),
            },
            Predicate::Network(Side::Local, network) => networks[0].push(network),
            Predicate::Network(Side::Peer, network) => networks[1].push(network),
            Predicate::Number(field, set) => match numbers.iter_mut().find(|n| n.0 == field) {
                Some(known) => known.1.push(set),
                None => numbers.push((field, vec![set])),
            },
            Predicate::Word(field, more) => match words.iter_mut().find(|w| w.0 == field) {
                Some(known) => {
                    let new: Vec<_> = more.into_iter().filter(|w| !known.1.contains(w)).collect();
                    known.1.extend(new);
                }
                None => words.push((field, more)),
            },
            Predicate::Process(field, one) => add_names(&mut names.processes, field, one),
            Predicate::Named(field, one) => add_names(&mut names.named, field, one),
            Predicate::Name(side, one) => add_names(&mut names.unix, side, one),
            other => rest.push(other),
        }
    }
    let mut joined: Vec<_> = states.map(Predicate::State).into_iter().collect();
    joined.extend(
        numbers
            .into_iter()
            .map(|(field, sets)| Predicate::Number(field, NumberSet::union(&sets))),
    );
    for (side, mut tests) in [Side::Local, Side::Peer].into_iter().zip(ports) {
        if tests.len() > 1 {
            let sets: Vec<_> = tests.iter().map(|t| &t.sets).collect();
            let sets = PortSets::union(&sets);
            tests = vec![Box::new(PortTest { side, sets })];
        }
        joined.extend(tests.into_iter().map(Predicate::Port));
    }
    for (side, networks) in [Side::Local, Side::Peer].into_iter().zip(networks) {
        if networks.len() > MANY_NETWORKS {
            let mut set = NetworkSet::default();
            set.extend(networks);
            joined.push(Predicate::Networks(side, Box::new(set)));
        } else {
            joined.extend(networks.into_iter().map(|n| Predicate::Network(side, n)));
        }
    }
    let words = words
        .into_iter()
        .map(|(field, words)| Predicate::Word(field, words));
    joined.extend(words);
    let unix = names.unix.into_iter();
    joined.extend(unix.map(|(side, names)| Predicate::Name(side, names)));
    let named = names.named.into_iter();
    joined.extend(named.map(|(field, names)| Predicate::Named(field, names)));
    // Who holds a socket is asked last.
    joined.extend(rest);
    let processes = names.processes.into_iter();
    joined.extend(processes.map(|(field, names)| Predicate::Process(field, names)));
    joined
}

/// Names that are asked for, each with whose they are.
#[derive(Default)]
struct ManyNames {
    processes: Vec<(FieldId, Box<Names>)>,
    named: Vec<(FieldId, Box<Names>)>,
    unix: Vec<(Side, Box<Names>)>,
}

fn add_names<T: PartialEq>(known: &mut Vec<(T, Box<Names>)>, of: T, names: Box<Names>) {
    match known.iter_mut().find(|k| k.0 == of) {
        Some(found) => found.1.extend(*names),
        None => known.push((of, names)),
    }
}

/// The parts of an "or"; if many of them are "and"s that ask for an address of the same side, those are looked up by it.
fn by_address(mut parts: Vec<Predicate>) -> Vec<Predicate> {
    for side in [Side::Local, Side::Peer] {
        let asked = |part: &Predicate| network_in(part).filter(|n| n.1 == side);
        if parts.iter().filter_map(asked).count() <= MANY_NETWORKS {
            continue;
        }
        let mut of_network: FxHashMap<Network, Vec<Predicate>> = FxHashMap::default();
        let mut rest = Vec::new();
        for part in parts {
            let asked = asked(&part);
            match (part, asked) {
                (Predicate::And(mut all), Some((at, _, network))) => {
                    all.remove(at);
                    let more = of_network.entry(network).or_default();
                    more.push(Predicate::all(all));
                }
                (part, _) => rest.push(part),
            }
        }
        let table = ByAddress::new(side, of_network);
        rest.push(Predicate::ByAddress(Box::new(table)));
        parts = rest;
    }
    parts
}

/// The network that an "and" asks for: its place, and the smallest one if there are several.
fn network_in(part: &Predicate) -> Option<(usize, Side, Network)> {
    let Predicate::And(all) = part else {
        return None;
    };
    let networks = all.iter().enumerate().filter_map(|(at, part)| match part {
        Predicate::Network(side, network) => Some((at, *side, *network)),
        _ => None,
    });
    networks
        .filter(|_| all.len() <= MOST_PARTS)
        .max_by_key(|(_, _, network)| network.prefix().1)
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
    use crate::filter::{Glob, Op};
    use crate::model::{Inode, State, UnixName};
    use proptest::prelude::*;

    const TRUTHS: [Truth; 3] = [Truth::False, Truth::Unknown, Truth::True];

    /// A condition of each truth for an unconnected and unnamed unix socket with a hidden peer.
    fn constant(truth: Truth) -> Predicate {
        match truth {
            Truth::Unknown => Predicate::Name(Side::Peer, Glob::new("/x").into()),
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
        let test = |side, inodes: NumberSet| {
            let sets = PortSets {
                inodes,
                ..PortSets::default()
            };
            Predicate::Port(Box::new(PortTest { side, sets }))
        };
        let ask = |p: Predicate, peer| p.matches(&row(&unix(UnixName::Unnamed, 7, peer)));
        let set = |op, n| NumberSet::comparing(op, n);
        let mine = |op, n| ask(test(Side::Local, set(op, n)), UnixPeer::None);
        assert_eq!(mine(Op::Eq, 7), Truth::True);
        assert_eq!(mine(Op::Gt, 7), Truth::False);
        assert_eq!(mine(Op::Ge, 7), Truth::True);
        assert_eq!(mine(Op::Lt, 8), Truth::True);
        assert_eq!(mine(Op::Le, 6), Truth::False);
        let peer = |peer, inodes| ask(test(Side::Peer, inodes), peer);
        let nine = UnixPeer::Inode(Inode::new(9).unwrap());
        assert_eq!(peer(nine, set(Op::Eq, 9)), Truth::True);
        assert_eq!(peer(UnixPeer::None, set(Op::Eq, 0)), Truth::True);
        assert_eq!(peer(UnixPeer::Unknown, set(Op::Eq, 9)), Truth::Unknown);
        assert_eq!(peer(UnixPeer::Unknown, NumberSet::default()), Truth::False);
    }

    #[test]
    fn ends_of_packet_netlink_and_vsock_sockets_are_numbers() {
        use crate::model::{NetlinkEnds, PacketEnds, SocketKind, VsockEnds};
        let with = |ends| {
            let mut socket = unix(UnixName::Unnamed, 7, UnixPeer::None);
            socket.ends = ends;
            socket
        };
        let ask = |socket: &Socket, side, address, port: Option<u64>| {
            let port = port.map(|port| NumberSet::comparing(Op::Eq, port));
            let test = EndTest {
                side,
                address,
                port,
            };
            Predicate::End(Box::new(test)).matches(&row(socket)) == Truth::True
        };
        let packet = with(Ends::Packet(PacketEnds {
            kind: SocketKind::Raw,
            ethertype: 0x806,
            interface: IfIndex::new(2),
        }));
        assert!(ask(&packet, Side::Local, Some(0x806), Some(2)));
        assert!(ask(&packet, Side::Local, None, None));
        assert!(!ask(&packet, Side::Local, Some(0x806), Some(1)));
        assert!(!ask(&packet, Side::Local, Some(0x800), None));
        assert!(!ask(&packet, Side::Peer, Some(0), None));
        let netlink = with(Ends::Netlink(NetlinkEnds {
            kind: None,
            protocol: 16,
            port_id: 812,
            peer: Some((0, 3)),
        }));
        assert!(ask(&netlink, Side::Local, Some(16), Some(812)));
        assert!(ask(&netlink, Side::Peer, Some(16), Some(0)));
        let address = |cid, port| VsockAddress { cid, port };
        let vsock = with(Ends::Vsock(VsockEnds {
            kind: SocketKind::Stream,
            local: address(3, 5000),
            peer: Some(address(2, 1024)),
        }));
        assert!(ask(&vsock, Side::Local, Some(3), Some(5000)));
        assert!(ask(&vsock, Side::Peer, Some(2), None));
        assert!(!ask(&vsock, Side::Peer, Some(3), None));
        let other = unix(UnixName::Unnamed, 7, UnixPeer::None);
        assert!(!ask(&other, Side::Local, None, None));
    }

    #[test]
    fn values_of_the_same_thing_become_one_lookup() {
        let port = |n| {
            let tcp = NumberSet::comparing(Op::Eq, n);
            let sets = PortSets {
                tcp,
                ..PortSets::default()
            };
            let side = Side::Local;
            Predicate::Port(Box::new(PortTest { side, sets }))
        };
        let many = |n| (0..n).map(port).collect::<Vec<_>>();
        let Predicate::Port(test) = Predicate::any(many(10_000)) else {
            panic!("one test")
        };
        assert!(test.sets.tcp.contains(9_999) && !test.sets.tcp.contains(10_000));
        let negated = many(100).into_iter().map(|p| p.negated_if(true)).collect();
        assert_eq!(
            Predicate::all(negated),
            Predicate::any(many(100)).negated_if(true)
        );
        assert!(matches!(Predicate::all(many(2)), Predicate::And(_)));
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
