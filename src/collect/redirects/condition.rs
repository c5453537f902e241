//! What a packet must be like to come to some point of the rules.

use super::ports::{self, ANY_PORT, Ports};
use super::registers::Loaded;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;

/// What packets have in common that came to some point.
#[derive(Clone)]
pub(super) struct Condition {
    pub(super) families: (bool, bool),
    pub(super) hooks: (bool, bool),
    pub(super) protocol: Option<u8>,
    pub(super) ports: Rc<[RangeInclusive<u16>]>,
    pub(super) destination: Option<IpAddr>,
    pub(super) is_for_others: bool,
    pub(super) is_conditional: bool,
}

impl Condition {
    pub(super) fn of(family: u8, hooks: (bool, bool)) -> Self {
        Self {
            families: (family != IPV6, family != IPV4),
            hooks,
            protocol: None,
            ports: Rc::new([ANY_PORT]),
            destination: None,
            is_for_others: false,
            is_conditional: false,
        }
    }

    /// Whether some packets are of a family of both.
    pub(super) const fn meets_family_of(&self, other: &Self) -> bool {
        self.families.0 && other.families.0 || self.families.1 && other.families.1
    }

    /// Keeps what is among `ports` too, which are in order. False if nothing is left.
    pub(super) fn keep_ports(&mut self, ports: &[RangeInclusive<u16>]) -> bool {
        self.ports = ports::both(&self.ports, ports).into();
        !self.ports.is_empty()
    }

    /// Keeps what is meant for this host, or what is not. False if nothing is left.
    pub(super) const fn keep_local(&mut self, is_local: bool) -> bool {
        let was_for_others = self.is_for_others;
        self.is_for_others |= !is_local;
        !(is_local && was_for_others)
    }

    /// Takes away those that `gone` is about, which were among these. False if none is left.
    pub(super) fn without(&mut self, gone: &Self) -> bool {
        let others_alike = self.families == gone.families
            && self.protocol == gone.protocol
            && self.destination == gone.destination
            && self.is_for_others == gone.is_for_others;
        if gone.is_conditional || !others_alike {
            return self.doubt();
        }
        let rest: Ports = ports::others(&gone.ports);
        self.keep_ports(&rest)
    }

    /// Takes in that what was `loaded` compares so. False if no packet passes.
    pub(super) fn compare(&mut self, loaded: Loaded<'_>, operation: u32, value: &[u8]) -> bool {
        let is = operation == EQUAL;
        match (loaded, value) {
            (Loaded::Protocol, &[number]) if is => {
                let before = self.protocol.replace(number);
                before.is_none_or(|before| before == number)
            }
            (Loaded::Family, &[family]) if is => {
                self.families.0 &= family == IPV4;
                self.families.1 &= family == IPV6;
                self.families.0 || self.families.1
            }
            (Loaded::Port, &[high, low]) => {
                let port = u16::from_be_bytes([high, low]);
                let one = [port..=port];
                let below = port.checked_sub(1).map(|end| 0..=end);
                let above = port.checked_add(1).map(|start| start..=u16::MAX);
                match operation {
                    EQUAL => self.keep_ports(&one),
                    NOT_EQUAL => self.keep_ports(&ports::others(&one)),
                    LESS => self.keep_ports(below.as_slice()),
                    LESS_OR_EQUAL => self.keep_ports(&[0..=port]),
                    GREATER => self.keep_ports(above.as_slice()),
                    GREATER_OR_EQUAL => self.keep_ports(&[port..=u16::MAX]),
                    _ => self.doubt(),
                }
            }
            (Loaded::Destination, bytes) if is => {
                let address = address(bytes);
                let before = self.destination;
                self.destination = address.or(before);
                if address.is_none() {
                    return self.doubt();
                }
                before.is_none_or(|before| Some(before) == address)
            }
            // `fib daddr type local`: what is meant for this host.
            (Loaded::DestinationType, &[a, b, c, d]) => {
                let is_local = u32::from_ne_bytes([a, b, c, d]) == LOCAL;
                match (operation, is_local) {
                    (EQUAL, _) => self.keep_local(is_local),
                    (NOT_EQUAL, true) => self.keep_local(false),
                    _ => self.doubt(),
                }
            }
            _ => self.doubt(),
        }
    }

    /// There is a condition that was not understood.
    pub(super) const fn doubt(&mut self) -> bool {
        self.is_conditional = true;
        true
    }
}

pub(super) const IPV4: u8 = 2;
pub(super) const IPV6: u8 = 10;
/// `NFT_CMP_*`.
pub(super) const EQUAL: u32 = 0;
pub(super) const NOT_EQUAL: u32 = 1;
pub(super) const LESS: u32 = 2;
pub(super) const LESS_OR_EQUAL: u32 = 3;
pub(super) const GREATER: u32 = 4;
pub(super) const GREATER_OR_EQUAL: u32 = 5;
/// `RTN_LOCAL`.
pub(super) const LOCAL: u32 = 2;

pub(super) const fn meta(key: u32) -> Loaded<'static> {
    // NFT_META_NFPROTO, NFT_META_L4PROTO
    match key {
        15 => Loaded::Family,
        16 => Loaded::Protocol,
        _ => Loaded::Other,
    }
}

/// Fields of the headers, by offset and length, of packets of `families`: of IPv4 protocol and destination, of IPv6 the destination, of
/// TCP and UDP the port.
pub(super) const fn payload(
    (base, offset, length): (u32, u32, u32),
    families: (bool, bool),
) -> Loaded<'static> {
    match (base, offset, length, families) {
        (1, 9, 1, (true, false)) => Loaded::Protocol,
        (1, 16, 4, (true, false)) | (1, 24, 16, (false, true)) => Loaded::Destination,
        (2, 2, 2, _) => Loaded::Port,
        _ => Loaded::Other,
    }
}

pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}
