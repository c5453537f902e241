//! What groups are told apart by: every distinct value is kept once and goes by a number, and a group of several fields is a chain of
//! such numbers. A million rows make no text.

use crate::model::{
    Ends, Field, FieldId, Holder, IfIndex, InetEnds, Inode, Names, NetlinkEnds, NoOwner, Owners,
    PacketEnds, Port, Row, Side, Socket, SocketKind, TipcAddress, TipcEnds, Unit, UnixName,
    UnixPeer, Value, VsockAddress, VsockEnds, Why, XdpEnds,
};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::rc::Rc;

/// Why a group has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// Known to be nothing: no peer, no timer, no interface.
    Nothing,
    /// Nobody can tell, because.
    Unknown(Why),
    /// No process holds the socket, because.
    NoOwner(NoOwner),
    /// The processes that may hold it could not be looked at.
    Hidden,
    /// Its holders are those of another time or host, of which a saved dump says nothing.
    Unsaved,
    /// The process ended before it was asked.
    Gone,
}

impl Missing {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Unknown(Why::Source) | Self::Unsaved => "source",
            Self::Unknown(Why::Permission) => "permission",
            Self::Unknown(Why::NotAsked) => "not-asked",
            Self::Unknown(Why::NoFile) => "no-file",
            Self::NoOwner(reason) => reason.word(),
            Self::Hidden => "hidden",
            Self::Gone => "gone",
        }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::NoOwner(_) => 1,
            Self::Nothing => 2,
            Self::Hidden | Self::Unsaved => 3,
            Self::Unknown(_) | Self::Gone => 4,
        }
    }
}

/// One end of an IP socket as a group. An IPv4 address that IPv6 carries is that IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupEnd {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: Port,
    /// The interface a local end is bound to.
    pub interface: Option<IfIndex>,
    /// Whether it is `::` and known to serve IPv4 too.
    pub dual_stack: bool,
}

/// One end of a socket that has neither IP addresses nor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OtherEnd {
    /// What a packet socket sees: the ethertype, and the interface.
    Packet(u16, Option<IfIndex>),
    /// A netlink socket: the protocol, and the port id.
    Netlink(u8, u32),
    /// What a netlink socket is connected to: port id and group.
    NetlinkPeer(u32, u32),
    /// An end of a vsock socket.
    Vsock(VsockAddress),
    /// Where an XDP socket takes its frames from: the interface, and its queue.
    Xdp(Option<IfIndex>, Option<u32>),
    /// An end of a TIPC socket.
    Tipc(TipcAddress),
}

impl OtherEnd {
    fn of(ends: &Ends, side: Side) -> Option<Self> {
        match (ends, side) {
            (Ends::Packet(e), Side::Local) => Some(Self::Packet(e.ethertype, e.interface)),
            (Ends::Netlink(e), Side::Local) => Some(Self::Netlink(e.protocol, e.port_id)),
            (Ends::Netlink(e), Side::Peer) => {
                e.peer.map(|(id, group)| Self::NetlinkPeer(id, group))
            }
            (Ends::Vsock(e), Side::Local) => Some(Self::Vsock(e.local)),
            (Ends::Vsock(e), Side::Peer) => e.peer.map(Self::Vsock),
            (Ends::Xdp(e), Side::Local) => Some(Self::Xdp(e.interface, e.queue)),
            (Ends::Tipc(e), Side::Local) => Some(Self::Tipc(e.local)),
            (Ends::Tipc(e), Side::Peer) => e.peer.map(Self::Tipc),
            (Ends::Packet(_) | Ends::Xdp(_), Side::Peer) | (Ends::Inet(_) | Ends::Unix(_), _) => {
                None
            }
        }
    }

    /// Ends of a socket of which this is one, and which of them it is, as far as lists show them.
    #[must_use]
    pub const fn as_ends(self) -> (Ends, Side) {
        let kind = SocketKind::Raw;
        match self {
            Self::Packet(ethertype, interface) => (
                Ends::Packet(PacketEnds {
                    kind,
                    ethertype,
                    interface,
                }),
                Side::Local,
            ),
            Self::Netlink(protocol, port_id) => (
                Ends::Netlink(NetlinkEnds {
                    kind: None,
                    protocol,
                    port_id,
                    peer: None,
                }),
                Side::Local,
            ),
            Self::NetlinkPeer(id, group) => (
                Ends::Netlink(NetlinkEnds {
                    kind: None,
                    protocol: 0,
                    port_id: 0,
                    peer: Some((id, group)),
                }),
                Side::Peer,
            ),
            Self::Vsock(local) => (
                Ends::Vsock(VsockEnds {
                    kind,
                    local,
                    peer: None,
                }),
                Side::Local,
            ),
            Self::Xdp(interface, queue) => (Ends::Xdp(XdpEnds { interface, queue }), Side::Local),
            Self::Tipc(local) => (
                Ends::Tipc(TipcEnds {
                    kind,
                    local,
                    peer: None,
                }),
                Side::Local,
            ),
        }
    }
}

/// The value that the sockets of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupValue<'a> {
    /// There is none.
    Missing(Missing),
    /// A yes or a no.
    Flag(bool),
    /// A count, a size, a port or an id shown in decimal.
    Number(u64),
    /// An identity shown in hexadecimal.
    Hex(u64),
    /// A number with its unit; multiples in 256ths.
    Quantity(u64, Unit),
    /// A number that can be negative, where it is.
    Signed(i64),
    /// Bits with their words, the lowest bit first.
    Words(u64, &'static [&'static str]),
    /// A word of ours.
    Word(&'static str),
    /// An IP address.
    Address(IpAddr),
    /// An address and a port.
    End(GroupEnd),
    /// One end of a socket that has neither IP addresses nor names.
    Other(OtherEnd),
    /// The inode of a unix socket at the other end, whose name is not known, or which has none.
    Inode(Inode),
    /// A name of a process, a user or an interface; hostile until escaped.
    Name(&'a [u8]),
    /// A unix path; hostile until escaped.
    Path(&'a [u8]),
    /// An abstract unix name; hostile until escaped.
    Abstract(&'a [u8]),
}

impl GroupValue<'_> {
    /// Ascending by value; what has none comes last either way.
    pub(super) fn order(&self, other: &Self, descending: bool) -> Ordering {
        match (self, other) {
            (Self::Missing(a), Self::Missing(b)) => (a.rank(), a.word()).cmp(&(b.rank(), b.word())),
            (Self::Missing(_), _) => Ordering::Greater,
            (_, Self::Missing(_)) => Ordering::Less,
            _ if descending => other.compare(self),
            _ => self.compare(other),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Flag(a), Self::Flag(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b))
            | (Self::Hex(a), Self::Hex(b))
            | (Self::Quantity(a, _), Self::Quantity(b, _))
            | (Self::Words(a, _), Self::Words(b, _)) => a.cmp(b),
            (Self::Signed(a), Self::Signed(b)) => a.cmp(b),
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
            (Self::Address(a), Self::Address(b)) => a.cmp(b),
            (Self::End(a), Self::End(b)) => a.cmp(b),
            (Self::Other(a), Self::Other(b)) => a.cmp(b),
            (Self::Inode(a), Self::Inode(b)) => a.cmp(b),
            (Self::Name(a), Self::Name(b))
            | (Self::Path(a), Self::Path(b))
            | (Self::Abstract(a), Self::Abstract(b)) => a.cmp(b),
            (a, b) => a.kind().cmp(&b.kind()),
        }
    }

    /// A field may have values of several kinds: a user without a name is a number.
    const fn kind(&self) -> u8 {
        match self {
            Self::Signed(_) => 0,
            Self::Number(_)
            | Self::Hex(_)
            | Self::Quantity(..)
            | Self::Words(..)
            | Self::Flag(_) => 1,
            Self::Address(_) | Self::End(_) | Self::Word(_) => 2,
            Self::Name(_) | Self::Path(_) => 3,
            Self::Abstract(_) => 4,
            Self::Inode(_) => 5,
            Self::Other(_) => 6,
            Self::Missing(_) => 7,
        }
    }
}

/// A [`GroupValue`] whose text goes by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Raw {
    Missing(Missing),
    Flag(bool),
    Number(u64),
    Hex(u64),
    Quantity(u64, Unit),
    Signed(i64),
    Words(u64, &'static [&'static str]),
    Word(&'static str),
    Address(IpAddr),
    End(GroupEnd),
    Other(OtherEnd),
    Inode(Inode),
    Name(u32),
    Path(u32),
    Abstract(u32),
}

/// Things that are kept once and go by the order in which they came. The hash is seeded: strangers choose addresses and ports.
#[derive(Debug)]
struct Known<T> {
    ids: HashMap<T, u32>,
    all: Vec<T>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            all: Vec::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Known<T> {
    fn id(&mut self, thing: T) -> u32 {
        if let Some(&id) = self.ids.get(&thing) {
            return id;
        }
        self.add(thing)
    }

    fn add(&mut self, thing: T) -> u32 {
        // Four thousand million distinct values do not fit any memory.
        let id = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(thing.clone());
        self.ids.insert(thing, id);
        id
    }
}

/// Numbers for groups, and back.
#[derive(Debug)]
pub(super) struct Keys {
    fields: Vec<&'static Field>,
    owners: bool,
    texts: Known<Rc<[u8]>>,
    /// Of each field.
    values: Vec<Known<Raw>>,
    /// Of each field but the first: the number of what is before it, and its value's.
    chains: Vec<Known<(u32, u32)>>,
}

impl Keys {
    pub(super) fn new(fields: &[FieldId]) -> Self {
        let fields: Vec<_> = fields.iter().map(|id| id.field()).collect();
        Self {
            owners: fields.iter().any(|field| field.needs_owners),
            texts: Known::default(),
            values: fields.iter().map(|_| Known::default()).collect(),
            chains: fields.iter().skip(1).map(|_| Known::default()).collect(),
            fields,
        }
    }

    /// The fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = FieldId> {
        self.fields.iter().map(|field| field.id)
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        let chains = self.chains.last().map(|chain| chain.all.len());
        chains.unwrap_or_else(|| self.values.first().map_or(0, |known| known.all.len()))
    }

    /// Puts the groups that `row` belongs to into `groups`, each once: one, or one for each process that holds it.
    pub(super) fn groups_of(&mut self, row: Row<'_>, groups: &mut Vec<u32>) {
        groups.clear();
        if self.owners
            && let Owners::Known(holders) = row.owners()
        {
            for holder in holders {
                let group = self.group(row, Some(&holder));
                groups.push(group);
            }
            groups.sort_unstable();
            groups.dedup();
            return;
        }
        let group = self.group(row, None);
        groups.push(group);
    }

    fn group(&mut self, row: Row<'_>, holder: Option<&Holder<'_>>) -> u32 {
        let mut group = 0;
        for (n, (field, known)) in self.fields.iter().zip(&mut self.values).enumerate() {
            let raw = raw(
                (field.extract)(row),
                holder,
                row.context.names,
                &mut self.texts,
            );
            let raw = match raw {
                Raw::Missing(Missing::Hidden)
                    if row.context.owners.is_some_and(|t| t.report().saved) =>
                {
                    Raw::Missing(Missing::Unsaved)
                }
                raw => raw,
            };
            let value = known.id(raw);
            group = match n.checked_sub(1).and_then(|n| self.chains.get_mut(n)) {
                Some(chain) => chain.id((group, value)),
                None => value,
            };
        }
        group
    }

    /// The values of a group, one for each field.
    pub(super) fn values_of(&self, group: u32) -> impl Iterator<Item = GroupValue<'_>> {
        (0..self.fields.len()).map(move |field| self.value_of(group, field))
    }

    /// The value that a group has in one of the fields.
    pub(super) fn value_of(&self, mut group: u32, field: usize) -> GroupValue<'_> {
        // From the last link of the chain back to the one of this field.
        let mut value = group;
        for chain in self.chains.iter().rev().take(self.fields.len() - field) {
            let link = chain.all.get(group as usize).copied();
            (group, value) = link.unwrap_or_default();
        }
        if field == 0 {
            value = group;
        }
        let known = self.values.get(field);
        let raw = known.and_then(|known| known.all.get(value as usize).copied());
        self.resolve(raw.unwrap_or(Raw::Missing(Missing::Nothing)))
    }

    fn resolve(&self, raw: Raw) -> GroupValue<'_> {
        let text = |id: u32| self.texts.all.get(id as usize).map_or(&b""[..], |t| t);
        match raw {
            Raw::Missing(why) => GroupValue::Missing(why),
            Raw::Flag(flag) => GroupValue::Flag(flag),
            Raw::Number(n) => GroupValue::Number(n),
            Raw::Hex(n) => GroupValue::Hex(n),
            Raw::Quantity(n, unit) => GroupValue::Quantity(n, unit),
            Raw::Signed(n) => GroupValue::Signed(n),
            Raw::Words(bits, names) => GroupValue::Words(bits, names),
            Raw::Word(word) => GroupValue::Word(word),
            Raw::Address(ip) => GroupValue::Address(ip),
            Raw::End(end) => GroupValue::End(end),
            Raw::Other(end) => GroupValue::Other(end),
            Raw::Inode(inode) => GroupValue::Inode(inode),
            Raw::Name(id) => GroupValue::Name(text(id)),
            Raw::Path(id) => GroupValue::Path(text(id)),
            Raw::Abstract(id) => GroupValue::Abstract(text(id)),
        }
    }
}

impl Known<Rc<[u8]>> {
    fn text(&mut self, bytes: &[u8]) -> u32 {
        // Looked up as it is, so that only what is new is copied.
        match self.ids.get(bytes) {
            Some(&id) => id,
            None => self.add(bytes.into()),
        }
    }
}

fn raw(
    value: Value<'_>,
    holder: Option<&Holder<'_>>,
    names: &dyn Names,
    texts: &mut Known<Rc<[u8]>>,
) -> Raw {
    match value {
        Value::Unknown(why) => Raw::Missing(Missing::Unknown(why)),
        Value::None => Raw::Missing(Missing::Nothing),
        Value::Flag(flag) => Raw::Flag(flag),
        Value::Number(n) => Raw::Number(n),
        Value::Hex(n) => Raw::Hex(n),
        Value::Milliseconds(n) => Raw::Quantity(n, Unit::Milliseconds),
        Value::Microseconds(n) => Raw::Quantity(n, Unit::Microseconds),
        Value::Bytes(n) => Raw::Quantity(n, Unit::Bytes),
        Value::Rate(n) => Raw::Quantity(n, Unit::Rate),
        Value::Factor256(n) => Raw::Quantity(n.into(), Unit::Factor),
        Value::Signed(n) => Raw::Signed(n),
        Value::Words(bits, names) => Raw::Words(bits, names),
        Value::Text(text) => Raw::Name(texts.text(text)),
        Value::Word(word) => Raw::Word(word),
        Value::Name(name) => Raw::Name(texts.text(&name)),
        Value::Address(ip) => Raw::Address(ip.to_canonical()),
        Value::End(socket, side) => end(socket, side, texts),
        // The time that is left is another for every socket.
        Value::Timer(timer) => Raw::Word(timer.kind.word()),
        Value::Processes(owners) => owner(owners, holder, |holder| {
            let name = holder.process.name.as_deref();
            name.map_or(Raw::Missing(Missing::Gone), |n| Raw::Name(texts.text(n)))
        }),
        Value::Pids(owners) => owner(owners, holder, |h| Raw::Number(h.process.pid.0.into())),
        Value::Descriptors(owners) => owner(owners, holder, |holder| match holder.slot {
            None => Raw::Number(holder.fd.into()),
            Some(_) => Raw::Missing(Missing::NoOwner(NoOwner::IoUring)),
        }),
        Value::Commands(owners) => owner(owners, holder, |holder| {
            let arguments = names.command(holder.lives_as());
            arguments.map_or(Raw::Missing(Missing::Gone), |arguments| {
                Raw::Name(texts.text(&arguments.join(&b' ')))
            })
        }),
        Value::Threads(owners) => owner(owners, holder, |holder| {
            let Some(threads) = names.threads(holder.process.pid, holder.lives_as()) else {
                return Raw::Missing(Missing::Gone);
            };
            let numbers: Vec<_> = threads
                .iter()
                .map(|thread| thread.tid.0.to_string())
                .collect();
            Raw::Name(texts.text(numbers.join(",").as_bytes()))
        }),
        Value::Contexts(owners) => owner(owners, holder, |holder| {
            let context = names.context(holder.process.pid);
            context.map_or(Raw::Missing(Missing::Gone), |c| Raw::Name(texts.text(&c)))
        }),
    }
}

fn owner(
    owners: Owners<'_>,
    holder: Option<&Holder<'_>>,
    known: impl FnOnce(&Holder<'_>) -> Raw,
) -> Raw {
    match (owners, holder) {
        (Owners::Known(_), Some(holder)) => known(holder),
        // The contract has one word for both.
        (Owners::None { reason, .. }, _) => Raw::Missing(Missing::NoOwner(match reason {
            NoOwner::Closed => NoOwner::Other,
            reason => reason,
        })),
        (Owners::Hidden, _) => Raw::Missing(Missing::Hidden),
        (Owners::NotAsked | Owners::Known(_), _) => Raw::Missing(Missing::Unknown(Why::NotAsked)),
    }
}

fn end(socket: &Socket, side: Side, texts: &mut Known<Rc<[u8]>>) -> Raw {
    match (&socket.ends, side) {
        (Ends::Inet(ends), Side::Local) => Raw::End(GroupEnd {
            address: ends.local.to_canonical(),
            port: ends.local_port,
            interface: ends.interface,
            dual_stack: socket.is_dual_stack_wildcard(),
        }),
        (Ends::Inet(ends), Side::Peer) if InetEnds::has_peer(ends) => Raw::End(GroupEnd {
            address: ends.peer.to_canonical(),
            port: ends.peer_port,
            interface: None,
            dual_stack: false,
        }),
        (Ends::Inet(_), Side::Peer) => Raw::Missing(Missing::Nothing),
        (Ends::Unix(ends), Side::Local) => name(&ends.name, texts),
        // Those that talk to the same name are one group.
        (Ends::Unix(ends), Side::Peer) => match &ends.peer {
            UnixPeer::None => Raw::Missing(Missing::Nothing),
            UnixPeer::Unknown => Raw::Missing(Missing::Unknown(Why::Source)),
            UnixPeer::Inode(inode) | UnixPeer::Unnamed(inode) => Raw::Inode(*inode),
            UnixPeer::Named(named) => name(&named.1, texts),
            UnixPeer::Waiting(listener) => name(listener, texts),
        },
        (ends, side) => OtherEnd::of(ends, side).map_or(Raw::Missing(Missing::Nothing), Raw::Other),
    }
}

fn name(name: &UnixName, texts: &mut Known<Rc<[u8]>>) -> Raw {
    match name {
        UnixName::Unnamed => Raw::Missing(Missing::Nothing),
        UnixName::Path(path) => Raw::Path(texts.text(path)),
        UnixName::Abstract(name) => Raw::Abstract(texts.text(name)),
    }
}
