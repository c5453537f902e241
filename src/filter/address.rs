//! Addresses as a filter writes them: networks of both families, and names of hosts.

use super::error::Fault;
use super::port::number;
use super::split::Piece;
use crate::model::{Family, ipv4_of};
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A set of addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// IPv4; it also holds the IPv6 addresses that carry one of its addresses (v4-mapped).
    V4 {
        /// The leading bits, the others 0.
        bits: u32,
        /// 1 for each leading bit.
        mask: u32,
    },
    /// IPv6; of IPv4 addresses it holds those that IPv6 sockets carry (v4-mapped), if its bits say so.
    V6 {
        /// The leading bits, the others 0.
        bits: u128,
        /// 1 for each leading bit.
        mask: u128,
    },
}

impl Network {
    /// The network of one address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::v4(v4.to_bits(), u32::MAX),
            IpAddr::V6(v6) => Self::v6(v6.to_bits(), u128::MAX),
        }
    }

    /// The network of the first `length` bits of an address.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Self {
        let length = length.into();
        match address {
            IpAddr::V4(v4) => {
                let mask = !u32::MAX.checked_shr(length).unwrap_or(0);
                Self::v4(v4.to_bits(), mask)
            }
            IpAddr::V6(v6) => {
                let mask = !u128::MAX.checked_shr(length).unwrap_or(0);
                Self::v6(v6.to_bits(), mask)
            }
        }
    }

    /// Its first address, and how many bits all of its addresses have in common.
    #[must_use]
    pub fn prefix(&self) -> (IpAddr, u8) {
        match *self {
            Self::V4 { bits, mask } => {
                (Ipv4Addr::from_bits(bits).into(), mask.leading_ones() as u8)
            }
            Self::V6 { bits, mask } => {
                (Ipv6Addr::from_bits(bits).into(), mask.leading_ones() as u8)
            }
        }
    }

    const fn v4(bits: u32, mask: u32) -> Self {
        Self::V4 {
            bits: bits & mask,
            mask,
        }
    }

    const fn v6(bits: u128, mask: u128) -> Self {
        Self::V6 {
            bits: bits & mask,
            mask,
        }
    }

    /// Whether the address is in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (*self, address) {
            (Self::V4 { bits, mask }, address) => {
                ipv4_of(address).is_some_and(|v4| v4.to_bits() & mask == bits)
            }
            (Self::V6 { bits, mask }, IpAddr::V6(v6)) => v6.to_bits() & mask == bits,
            (Self::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }
}

/// The part of a value that says which hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hosts {
    Any,
    Network(Network),
    /// The name of a host, to be looked up.
    Named,
}

/// Many networks, for one lookup per length of prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSet {
    v4: FxHashMap<u32, FxHashSet<u32>>,
    v6: FxHashMap<u128, FxHashSet<u128>>,
}

impl NetworkSet {
    /// The networks, in no order.
    pub(super) fn networks(&self) -> Vec<Network> {
        let v4 = self.v4.iter().flat_map(|(&mask, all)| {
            let network = move |&bits| Network::V4 { bits, mask };
            all.iter().map(network)
        });
        let v6 = self.v6.iter().flat_map(|(&mask, all)| {
            let network = move |&bits| Network::V6 { bits, mask };
            all.iter().map(network)
        });
        v4.chain(v6).collect()
    }

    /// Whether the address is in one of the networks.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let in_v4 = ipv4_of(address).is_some_and(|v4| {
            let holds =
                |(mask, bits): (&u32, &FxHashSet<u32>)| bits.contains(&(v4.to_bits() & mask));
            self.v4.iter().any(holds)
        });
        let in_v6 = match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(v6) => {
                let holds =
                    |(mask, bits): (&u128, &FxHashSet<u128>)| bits.contains(&(v6.to_bits() & mask));
                self.v6.iter().any(holds)
            }
        };
        in_v4 || in_v6
    }
}

impl Extend<Network> for NetworkSet {
    fn extend<I: IntoIterator<Item = Network>>(&mut self, networks: I) {
        for network in networks {
            match network {
                Network::V4 { bits, mask } => self.v4.entry(mask).or_default().insert(bits),
                Network::V6 { bits, mask } => self.v6.entry(mask).or_default().insert(bits),
            };
        }
    }
}

/// Reads the address half of a value, of `family` if that was asked for. A length may be part of it
/// or come from behind its brackets.
pub(super) fn hosts<'a>(
    piece: Piece<'a>,
    length: Option<Piece<'a>>,
    family: Option<Family>,
) -> Result<Hosts, Fault> {
    let text = piece.text;
    let wanted = match family {
        Some(Family::Inet) => "an IPv4 address or network, or the name of a host",
        Some(Family::Inet6) => "an IPv6 address or network, or the name of a host",
        _ => "an address, a network or the name of a host",
    };
    if ["any", "all", "default"]
        .iter()
        .any(|a| a.eq_ignore_ascii_case(text))
    {
        return Ok(Hosts::Any);
    }
    let (base, length) = match (text.find('/'), length) {
        (Some(_), Some(second)) => return Err(second.bad_prefix("there is a length already")),
        (Some(at), None) => (piece.part(0..at), Some(piece.from(at + 1))),
        (None, length) => (piece, length),
    };
    if base.text.contains(':') && family != Some(Family::Inet) {
        let Ok(v6) = base.text.parse::<Ipv6Addr>() else {
            return Err(piece.bad_address("an IPv6 address"));
        };
        let mask = length.map_or(Ok(u128::MAX), v6_mask)?;
        return Ok(Hosts::Network(Network::v6(v6.to_bits(), mask)));
    }
    let looks_numeric = !base.text.is_empty()
        && base
            .text
            .split('.')
            .all(|octet| number(octet).is_some() || octet.bytes().all(|b| b.is_ascii_digit()));
    if looks_numeric && family != Some(Family::Inet6) {
        let Some(bits) = v4_bits(base.text) else {
            return Err(
                base.bad_address("an IPv4 address: four numbers from 0 to 255 with dots between")
            );
        };
        let mask = length.map_or(Ok(u32::MAX), v4_mask)?;
        return Ok(Hosts::Network(Network::v4(bits, mask)));
    }
    let named = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_length = |l: Piece<'_>| number(l.text).is_some() || v4_bits(l.text).is_some();
    let is_name = !base.text.is_empty() && !looks_numeric && base.text.chars().all(named);
    match length {
        None if is_name => Ok(Hosts::Named),
        Some(length) if is_name && is_length(length) => {
            Err(length.bad_prefix("a length only goes with an address"))
        }
        _ => Err(piece.bad_address(wanted)),
    }
}

/// `10`, `127.1`, `0x7f.0.0.1`: one to four numbers, the missing ones are 0.
fn v4_bits(text: &str) -> Option<u32> {
    let mut octets = [0; 4];
    let mut places = octets.iter_mut();
    for octet in text.split('.') {
        *places.next()? = u8::try_from(number(octet)?).ok()?;
    }
    Some(u32::from_be_bytes(octets))
}

fn v4_mask(length: Piece<'_>) -> Result<u32, Fault> {
    let mask = if length.text.contains('.') {
        v4_bits(length.text).filter(|m| m.leading_ones() + m.trailing_zeros() >= 32)
    } else {
        let length = number(length.text).filter(|&n| n <= 32);
        length.map(|n| !u32::MAX.checked_shr(n as u32).unwrap_or(0))
    };
    mask.ok_or_else(|| length.bad_prefix("a length is 0 to 32, or a mask such as 255.255.0.0"))
}

fn v6_mask(length: Piece<'_>) -> Result<u128, Fault> {
    let bits = number(length.text).filter(|&n| n <= 128);
    bits.map(|n| !u128::MAX.checked_shr(n as u32).unwrap_or(0))
        .ok_or_else(|| length.bad_prefix("a length is 0 to 128"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Span;
    use proptest::prelude::*;

    fn piece(text: &str) -> Piece<'_> {
        Piece::new(text, Span::new(0, text.len()))
    }

    fn network(text: &str) -> Option<Network> {
        match hosts(piece(text), None, None) {
            Ok(Hosts::Network(network)) => Some(network),
            _ => None,
        }
    }

    fn v4(text: &str, length: u32) -> Option<Network> {
        let bits = text.parse::<std::net::Ipv4Addr>().unwrap().to_bits();
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        Some(Network::V4 { bits, mask })
    }

    fn v6(text: &str, length: u32) -> Option<Network> {
        let bits = text.parse::<Ipv6Addr>().unwrap().to_bits();
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        Some(Network::V6 { bits, mask })
    }

    #[test]
    fn ipv4_networks() {
        assert_eq!(network("10.0.0.1"), v4("10.0.0.1", 32));
        assert_eq!(network("10"), v4("10.0.0.0", 32));
        assert_eq!(network("127.1"), v4("127.1.0.0", 32));
        assert_eq!(network("0x7f.0.0.1"), v4("127.0.0.1", 32));
        assert_eq!(network("010.0.0.1"), v4("8.0.0.1", 32));
        assert_eq!(network("10/8"), v4("10.0.0.0", 8));
        assert_eq!(network("193.233.7/24"), v4("193.233.7.0", 24));
        assert_eq!(network("10.1.2.3/8"), v4("10.0.0.0", 8));
        assert_eq!(network("10/255.0.0.0"), v4("10.0.0.0", 8));
        assert_eq!(network("1.2.3.4/0"), v4("0.0.0.0", 0));
        assert_eq!(network("1.2.3.4/0.0.0.0"), v4("0.0.0.0", 0));
        assert_eq!(network("1.2.3.4/255.255.255.255"), v4("1.2.3.4", 32));
    }

    #[test]
    fn ipv6_networks() {
        assert_eq!(network("::1"), v6("::1", 128));
        assert_eq!(network("::"), v6("::", 128));
        assert_eq!(network("2001:db8::/32"), v6("2001:db8::", 32));
        assert_eq!(network("2001:db8::7/32"), v6("2001:db8::", 32));
        assert_eq!(network("::/0"), v6("::", 0));
        assert_eq!(network("::ffff:10.0.0.1"), v6("::ffff:10.0.0.1", 128));
    }

    #[test]
    fn what_is_no_network() {
        let fault = |text: &str| hosts(piece(text), None, None).unwrap_err();
        let place = |text: &str| fault(text).span.of(text).to_owned();
        assert_eq!(place("10.0.0.0/33"), "33");
        assert_eq!(place("10/255.0.255.0"), "255.0.255.0");
        assert_eq!(place("10/"), "");
        assert_eq!(place("::/129"), "129");
        assert_eq!(place("2001:db8::/x"), "x");
        assert_eq!(place("example.org/24"), "24");
        assert_eq!(place("1.2.3.4.5"), "1.2.3.4.5");
        assert_eq!(place("256.0.0.1"), "256.0.0.1");
        assert_eq!(place("08.0.0.1"), "08.0.0.1");
        assert_eq!(place("1..2"), "1..2");
        assert_eq!(place("10.0.0.1:22/8"), "10.0.0.1:22/8");
        assert_eq!(place("gr$n"), "gr$n");
        assert_eq!(place(""), "");
    }

    #[test]
    fn names_and_any() {
        for any in ["any", "all", "default", "ANY"] {
            assert_eq!(hosts(piece(any), None, None), Ok(Hosts::Any));
        }
        for name in ["localhost", "1e100.net", "münchen.example", "a_b-c"] {
            assert_eq!(hosts(piece(name), None, None), Ok(Hosts::Named));
        }
    }

    #[test]
    fn a_family_refuses_the_other() {
        assert!(hosts(piece("10.0.0.1"), None, Some(Family::Inet6)).is_err());
        assert!(hosts(piece("::1"), None, Some(Family::Inet)).is_err());
        assert!(hosts(piece("10.0.0.1"), None, Some(Family::Inet)).is_ok());
        assert!(hosts(piece("::1"), None, Some(Family::Inet6)).is_ok());
    }

    proptest! {
        #[test]
        fn a_set_of_networks_holds_what_they_hold(
            networks in prop::collection::vec((any::<bool>(), 0u32..64, 0u8..=32), 0..12), asked in 0u32..64
        ) {
            let shift = |low: u32| low.rotate_left(26);
            let networks: Vec<_> = networks.into_iter().map(|(v6, bits, length)| match v6 {
                true => Network::new(Ipv6Addr::from_bits(u128::from(shift(bits)) << 96).into(), length),
                false => Network::new(Ipv4Addr::from_bits(shift(bits)).into(), length),
            }).collect();
            let mut set = NetworkSet::default();
            set.extend(networks.iter().copied());
            let v4 = Ipv4Addr::from_bits(shift(asked));
            let v6 = Ipv6Addr::from_bits(u128::from(shift(asked)) << 96);
            for address in [v4.into(), v4.to_ipv6_mapped().into(), v6.into()] {
                let held = networks.iter().any(|n| n.contains(address));
                prop_assert_eq!(set.contains(address), held);
            }
        }

        #[test]
        fn a_network_holds_its_own_addresses(bits: u128, length in 0u32..=128, other: u128) {
            let address = Ipv6Addr::from_bits(bits);
            let network = network(&format!("{address}/{length}")).unwrap();
            prop_assert!(network.contains(IpAddr::V6(address)));
            let same = length == 0 || bits >> (128 - length) == other >> (128 - length);
            prop_assert_eq!(network.contains(IpAddr::V6(Ipv6Addr::from_bits(other))), same);
        }
    }
}
