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
    /// The socket has no file, and with it the kernel forgot.
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
    /// Milliseconds.
    Milliseconds(u64),
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
                    UnixPeer::Inode(_) => 0,
                    UnixPeer::None => 1,
                    UnixPeer::Unknown => 2,
                },
                Ends::Inet(_) => 1,
            },
            Self::Processes(o) | Self::Pids(o) | Self::Descriptors(o) => match o {
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
            | (Self::Milliseconds(a), Self::Milliseconds(b)) => a.cmp(b),
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
            (Self::Pids(a), Self::Pids(b)) => a
                .first_holder()
                .map(|h| h.0)
                .cmp(&b.first_holder().map(|h| h.0)),
            (Self::Descriptors(a), Self::Descriptors(b)) => a
                .first_holder()
                .map(|h| h.1)
                .cmp(&b.first_holder().map(|h| h.1)),
            (a, b) => match (a.bytes(), b.bytes()) {
                (Some(a), Some(b)) => a.cmp(b),
                // A user or interface without a name is its number: numbers before names.
                (a, b) => a.is_some().cmp(&b.is_some()),
            },
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Name(n) => Some(n),
            Self::Word(w) => Some(w.as_bytes()),
            _ => None,
        }
    }
}
