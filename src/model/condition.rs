//! What a source may be asked to leave out: conditions on IP sockets that a kernel can decide by itself.

use super::{Protocol, Side};
use std::net::IpAddr;

/// A condition on an IP socket. A source that knows it hands over every socket for which it holds, and may hand over more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Every socket.
    #[default]
    Anything,
    /// No socket.
    Nothing,
    /// Every one holds.
    All(Vec<Self>),
    /// At least one holds.
    Any(Vec<Self>),
    /// A single condition does not hold.
    Not(Box<Self>),
    /// The address begins with these bits; an IPv4 address may be carried by an IPv6 socket (v4-mapped).
    Address {
        /// Whose address.
        side: Side,
        /// Its bits.
        address: IpAddr,
        /// How many of them count, more than 0.
        length: u8,
    },
    /// The port, or for raw sockets the protocol number, is in the range.
    Port {
        /// Whose port.
        side: Side,
        /// The lowest.
        from: u16,
        /// The highest.
        to: u16,
    },
    /// The socket is bound to the interface of this number, 0 for none.
    Interface(u32),
    /// The mark, as far as the mask shows it, is this.
    Mark {
        /// What it must be.
        mark: u32,
        /// The bits that are looked at.
        mask: u32,
    },
    /// The control group has this number; 0 for sockets that the kernel keeps none for.
    Cgroup(u64),
}

impl Condition {
    /// All of `parts`.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::Anything => {}
                Self::Nothing => return Self::Nothing,
                other => kept.push(other),
            }
        }
        match (kept.pop(), kept.is_empty()) {
            (None, _) => Self::Anything,
            (Some(only), true) => only,
            (Some(last), false) => {
                kept.push(last);
                Self::All(kept)
            }
        }
    }

    /// Any of `parts`.
    #[must_use]
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::Nothing => {}
                Self::Anything => return Self::Anything,
                other => kept.push(other),
            }
        }
        match (kept.pop(), kept.is_empty()) {
            (None, _) => Self::Nothing,
            (Some(only), true) => only,
            (Some(last), false) => {
                kept.push(last);
                Self::Any(kept)
            }
        }
    }

    /// What is left of it for a kernel that knows addresses and ports only, or lets nobody ask for more.
    #[must_use]
    pub fn of_addresses_and_ports(&self) -> Self {
        match self {
            Self::All(parts) => Self::all(parts.iter().map(Self::of_addresses_and_ports)),
            Self::Any(parts) => Self::any(parts.iter().map(Self::of_addresses_and_ports)),
            Self::Not(single) => match single.of_addresses_and_ports() {
                Self::Anything => Self::Anything,
                same => Self::Not(Box::new(same)),
            },
            Self::Interface(_) | Self::Mark { .. } | Self::Cgroup(_) => Self::Anything,
            same => same.clone(),
        }
    }
}

/// A condition for each protocol: ports of services differ between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// For TCP.
    pub tcp: Condition,
    /// For UDP.
    pub udp: Condition,
    /// For raw sockets.
    pub raw: Condition,
}

impl Conditions {
    /// The condition for `protocol`. The kernel filters those three, and some of the others only in some versions.
    #[must_use]
    pub const fn of(&self, protocol: Protocol) -> &Condition {
        match protocol {
            Protocol::Tcp => &self.tcp,
            Protocol::Udp => &self.udp,
            Protocol::Raw => &self.raw,
            _ => &Condition::Anything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_for_all_or_none_is_not_written() {
        let one = || Condition::Interface(1);
        assert_eq!(Condition::all([Condition::Anything, one()]), one());
        assert_eq!(
            Condition::all([Condition::Nothing, one()]),
            Condition::Nothing
        );
        assert_eq!(Condition::any([Condition::Nothing, one()]), one());
        assert_eq!(
            Condition::any([Condition::Anything, one()]),
            Condition::Anything
        );
        assert_eq!(Condition::all([]), Condition::Anything);
        assert_eq!(Condition::any([]), Condition::Nothing);
    }

    #[test]
    fn what_an_old_kernel_does_not_know_is_left_out() {
        let port = Condition::Port {
            side: Side::Peer,
            from: 1,
            to: 1,
        };
        let not = |c: &Condition| Condition::Not(Box::new(c.clone()));
        let device = Condition::Interface(1);
        let both = Condition::all([port.clone(), not(&device)]);
        assert_eq!(both.of_addresses_and_ports(), port);
        let either = Condition::any([port.clone(), device]);
        assert_eq!(either.of_addresses_and_ports(), Condition::Anything);
        assert_eq!(not(&port).of_addresses_and_ports(), not(&port));
    }
}
