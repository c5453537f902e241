//! What a field of a socket can be.

use super::{Ends, Owners, Socket, Timer, UnixPeer};
use std::cmp::Ordering;
use std::net::IpAddr;
use std::rc::Rc;

/// Why a value is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The kernel interface that was read does not carry it.
    Source,
    /// Reading it needs rights that this process does not have.
    Permission,
    /// It was not collected, because nothing asked for it.
    NotAsked,
    /// The socket has no file, and with it the kernel forgot: the user of one without, and nearly all of [`Socket::is_mini`].
    NoFile,
}

/// Which end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The local one.
    Local,
    /// The other one.
    Peer,
}

/// The value of one field of one socket, not yet text.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Nobody can tell, because.
    Unknown(Why),
    /// Known to be nothing: no peer, no timer, no interface.
    None,
    /// A yes or a no.
    Flag(bool),
    /// A count, a size, a port or an id shown in decimal.
    Number(u64),
    /// An identity shown in hexadecimal.
    Hex(u64),
    /// A number that can be negative.
    Signed(i64),
    /// Milliseconds.
    Milliseconds(u64),
    /// Microseconds.
    Microseconds(u64),
    /// Bytes.
    Bytes(u64),
    /// Bytes a second.
    Rate(u64),
    /// A multiple, in 256ths.
    Factor256(u32),
    /// Bits with their words, the lowest bit first.
    Words(u64, &'static [&'static str]),
    /// Bytes from outside; hostile until escaped.
    Text(&'a [u8]),
    /// A word of ours.
    Word(&'static str),
    /// Bytes from outside that a lookup gave; hostile until escaped.
    Name(Rc<[u8]>),
    /// An IP address.
    Address(IpAddr),
    /// One end of a socket with everything that belongs to it.
    End(&'a Socket, Side),
    /// A running timer.
    Timer(Timer),
    /// The processes that hold the socket, or why there are none.
    Processes(Owners<'a>),
    /// Their process ids.
    Pids(Owners<'a>),
    /// Their descriptor numbers.
    Descriptors(Owners<'a>),
    /// Their command lines.
    Commands(Owners<'a>),
    /// Their threads.
    Threads(Owners<'a>),
    /// Their security contexts.
    Contexts(Owners<'a>),
}

impl Value<'_> {
    /// The order of a sorted list: by value, ascending or descending, with "none" and then "unknown" at the end either way.
    #[must_use]
    pub fn order(&self, other: &Self, descending: bool) -> Ordering {
        match (self.rank(), other.rank()) {
            (0, 0) if descending => other.compare(self),
            (0, 0) => self.compare(other),
            (a, b) => a.cmp(&b),
        }
    }

    /// Whether it is known to be nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.rank() == 1
    }

    /// Whether nobody can tell it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.rank() == 2
    }

    fn rank(&self) -> u8 {
        match self {
            Self::None => 1,
            Self::Unknown(_) => 2,
            Self::End(socket, Side::Peer) => match &socket.ends {
                Ends::Inet(ends) if ends.has_peer() => 0,
                Ends::Unix(ends) => match ends.peer {
                    UnixPeer::None => 1,
                    UnixPeer::Unknown => 2,
                    _ => 0,
                },
                Ends::Netlink(ends) if ends.peer.is_some() => 0,
                Ends::Vsock(ends) if ends.peer.is_some() => 0,
                Ends::Tipc(ends) if ends.peer.is_some() => 0,
                _ => 1,
            },
            Self::Processes(o)
            | Self::Pids(o)
            | Self::Descriptors(o)
            | Self::Commands(o)
            | Self::Threads(o)
            | Self::Contexts(o) => match o {
                Owners::Known(_) => 0,
                Owners::None { .. } => 1,
                Owners::Hidden | Owners::NotAsked => 2,
            },
            _ => 0,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Flag(a), Self::Flag(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b))
            | (Self::Hex(a), Self::Hex(b))
            | (Self::Milliseconds(a), Self::Milliseconds(b))
            | (Self::Microseconds(a), Self::Microseconds(b))
            | (Self::Bytes(a), Self::Bytes(b))
            | (Self::Rate(a), Self::Rate(b))
            | (Self::Words(a, _), Self::Words(b, _)) => a.cmp(b),
            (Self::Factor256(a), Self::Factor256(b)) => a.cmp(b),
            (Self::Signed(a), Self::Signed(b)) => a.cmp(b),
            // Only what can be negative is ever both.
            (Self::Signed(_), Self::Bytes(_)) => Ordering::Less,
            (Self::Bytes(_), Self::Signed(_)) => Ordering::Greater,
            (Self::Address(a), Self::Address(b)) => a.cmp(b),
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
            (Self::End(a, side), Self::End(b, _)) => super::order::compare_ends(a, b, *side),
            (Self::Timer(a), Self::Timer(b)) => a.expires_ms.cmp(&b.expires_ms),
            (Self::Processes(a), Self::Processes(b)) => {
                a.first_name().cmp(&b.first_name()).then_with(|| {
                    a.first_holder()
                        .map(|h| h.0)
                        .cmp(&b.first_holder().map(|h| h.0))
                })
            }
            (Self::Pids(a), Self::Pids(b))
            | (Self::Commands(a), Self::Commands(b))
            | (Self::Threads(a), Self::Threads(b))
            | (Self::Contexts(a), Self::Contexts(b)) => a
                .first_holder()
                .map(|h| h.0)
                .cmp(&b.first_holder().map(|h| h.0)),
            (Self::Descriptors(a), Self::Descriptors(b)) => a
                .first_holder()
                .map(|h| h.1)
                .cmp(&b.first_holder().map(|h| h.1)),
            // A user or interface without a name is its number, and some families have numbers for addresses: numbers before
            // names, and addresses before both, so that the order is one whatever the kinds.
            (a, b) => a
                .class()
                .cmp(&b.class())
                .then_with(|| a.number().cmp(&b.number()))
                .then_with(|| a.bytes().cmp(&b.bytes())),
        }
    }

    fn class(&self) -> u8 {
        match self {
            Self::Address(_) => 0,
            _ if self.number().is_some() => 1,
            _ => 2,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(n) | Self::Hex(n) | Self::Milliseconds(n) => Some(*n),
            _ => None,
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Name(n) => Some(n),
            Self::Text(text) => Some(text),
            Self::Word(w) => Some(w.as_bytes()),
            _ => None,
        }
    }
}
