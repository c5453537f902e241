//! What a packet must be like to come to some point of the rules.

use std::net::IpAddr;
use std::ops::RangeInclusive;

pub(super) const ANY_PORT: RangeInclusive<u16> = 0..=u16::MAX;

/// What packets have in common that came to some point.
#[derive(Clone)]
pub(super) struct Condition {
    pub(super) families: (bool, bool),
    pub(super) hooks: (bool, bool),
    pub(super) protocol: Option<u8>,
    pub(super) ports: Vec<RangeInclusive<u16>>,
    pub(super) destination: Option<IpAddr>,
    pub(super) is_conditional: bool,
}

/// What a register holds.
#[derive(Clone, Copy)]
pub(super) enum Loaded<'a> {
    Family,
    Protocol,
    Port,
    Destination,
    DestinationType,
    Constant(&'a [u8]),
    Other,
}

impl Condition {
    pub(super) fn of(family: u8, hooks: (bool, bool)) -> Self {
        Self {
            families: (family != IPV6, family != IPV4),
            hooks,
            protocol: None,
            ports: vec![ANY_PORT],
            destination: None,
            is_conditional: false,
        }
    }

    /// Keeps what is in `ranges` too. False if nothing is left.
    pub(super) fn keep_ports(&mut self, ranges: &[RangeInclusive<u16>]) -> bool {
        let both = |a: &RangeInclusive<u16>, b: &RangeInclusive<u16>| {
            let range = *a.start().max(b.start())..=*a.end().min(b.end());
            (!range.is_empty()).then_some(range)
        };
        let pairs = self
            .ports
            .iter()
            .flat_map(|a| ranges.iter().filter_map(move |b| both(a, b)));
        self.ports = pairs.collect();
        !self.ports.is_empty()
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
                match operation {
                    EQUAL => self.keep_ports(&[port..=port]),
                    NOT_EQUAL => {
                        let below = port.checked_sub(1).map(|end| 0..=end);
                        let above = port.checked_add(1).map(|start| start..=u16::MAX);
                        let rest: Vec<_> = below.into_iter().chain(above).collect();
                        self.keep_ports(&rest)
                    }
                    LESS => port
                        .checked_sub(1)
                        .is_some_and(|end| self.keep_ports(&[0..=end])),
                    LESS_OR_EQUAL => self.keep_ports(&[0..=port]),
                    GREATER => {
                        let start = port.checked_add(1);
                        start.is_some_and(|start| self.keep_ports(&[start..=u16::MAX]))
                    }
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
                match operation {
                    EQUAL => is_local,
                    NOT_EQUAL => !is_local,
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

pub(super) fn meta(key: u32) -> Loaded<'static> {
    // NFT_META_NFPROTO, NFT_META_L4PROTO
    match key {
        15 => Loaded::Family,
        16 => Loaded::Protocol,
        _ => Loaded::Other,
    }
}

/// Fields of the headers, by offset and length: of IPv4 protocol and destination, of IPv6 the destination, of TCP and UDP the port.
pub(super) const fn payload(base: u32, offset: u32, length: u32) -> Loaded<'static> {
    match (base, offset, length) {
        (1, 9, 1) => Loaded::Protocol,
        (1, 16, 4) | (1, 24, 16) => Loaded::Destination,
        (2, 2, 2) => Loaded::Port,
        _ => Loaded::Other,
    }
}

pub(super) fn port_of(loaded: Loaded<'_>) -> Option<u16> {
    match loaded {
        Loaded::Constant(&[high, low, ..]) => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}
