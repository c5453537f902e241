//! Addresses of interfaces: `linux/if_addr.h`, rtnetlink(7).
//!
//! ```text
//!  struct ifaddrmsg, 8 bytes, then attributes
//!   0 family  1 prefix length  2 flags  3 scope   4 interface
//! ```

use super::attr::Attributes;
use super::bytes::{array, u8_at, u32_at};
use super::inet_diag::{FAMILY_INET, FAMILY_INET6};
use super::nlmsg;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A message that describes an address.
pub const NEW_ADDRESS: u16 = 20;
/// `IFA_F_OPTIMISTIC`: may be used although it is tentative.
pub const OPTIMISTIC: u32 = 0x04;
/// `IFA_F_DADFAILED`: another host has it.
pub const DAD_FAILED: u32 = 0x08;
/// `IFA_F_TENTATIVE`: duplicate address detection has not ended.
pub const TENTATIVE: u32 = 0x40;

const GET_ADDRESS: u16 = 22;
const BASE_LEN: usize = 8;
const ATTR_ADDRESS: u16 = 1;
const ATTR_LOCAL: u16 = 2;
const ATTR_FLAGS: u16 = 8;

/// A request for every address of the network namespace.
#[must_use]
pub fn dump_request(sequence: u32) -> Vec<u8> {
    nlmsg::message(GET_ADDRESS, nlmsg::DUMP, sequence, &[0; BASE_LEN])
}

/// One address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRecord {
    /// The address; on a point-to-point link this host's end.
    pub address: IpAddr,
    /// The number of its interface.
    pub interface: u32,
    /// `IFA_F_*`.
    pub flags: u32,
}

impl AddressRecord {
    /// Reads the payload of a [`NEW_ADDRESS`] message; `None` if it makes no sense or is of another family.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let family = u8_at(payload, 0)?;
        let mut flags = u32::from(u8_at(payload, 2)?);
        let (mut address, mut local) = (None, None);
        for (kind, data) in Attributes::new(payload, BASE_LEN).map_while(Result::ok) {
            match kind {
                ATTR_ADDRESS => address = ip(family, data),
                ATTR_LOCAL => local = ip(family, data),
                // All 32 bits of them, of which the head holds eight.
                ATTR_FLAGS => flags = u32_at(data, 0).unwrap_or(flags),
                _ => {}
            }
        }
        Some(Self {
            address: local.or(address)?,
            interface: u32_at(payload, 4)?,
            flags,
        })
    }
}

fn ip(family: u8, data: &[u8]) -> Option<IpAddr> {
    match family {
        FAMILY_INET => array(data, 0).map(|octets: [u8; 4]| Ipv4Addr::from(octets).into()),
        FAMILY_INET6 => array(data, 0).map(|octets: [u8; 16]| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attr(kind: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((data.len() as u16 + 4).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// `ip address add 10.0.0.1 peer 10.0.0.2 dev …`, and a tentative IPv6 address, as Linux 6.18 sends them.
    #[test]
    fn addresses_are_read() {
        let head = [2, 32, 0x80, 0, 3, 0, 0, 0];
        let attributes = [
            attr(ATTR_ADDRESS, &[10, 0, 0, 2]),
            attr(ATTR_LOCAL, &[10, 0, 0, 1]),
            attr(ATTR_FLAGS, &0x80u32.to_ne_bytes()),
        ];
        let bytes = [&head[..], &attributes.concat()].concat();
        let record = AddressRecord::decode(&bytes).unwrap();
        assert_eq!(record.address, "10.0.0.1".parse::<IpAddr>().unwrap());
        assert_eq!((record.interface, record.flags), (3, 0x80));

        let mut address = [0; 16];
        address[15] = 1;
        let head = [10, 64, 0x40, 0, 4, 0, 0, 0];
        let bytes = [&head[..], &attr(ATTR_ADDRESS, &address)].concat();
        let record = AddressRecord::decode(&bytes).unwrap();
        assert_eq!(record.address, "::1".parse::<IpAddr>().unwrap());
        assert_eq!(record.flags & TENTATIVE, TENTATIVE);
        assert_eq!(AddressRecord::decode(&head), None);
    }

    #[test]
    fn the_request_is_one_whole_message() {
        let request = dump_request(7);
        let mut messages = super::super::nlmsg::Messages::new(&request);
        let (header, payload) = messages.next().unwrap().unwrap();
        assert_eq!((header.kind, header.sequence), (GET_ADDRESS, 7));
        assert_eq!(payload, [0; BASE_LEN]);
        assert!(messages.next().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = AddressRecord::decode(&bytes);
        }
    }
}
