//! What an IPv4 address is to the routing tables: `linux/rtnetlink.h`, rtnetlink(7).
//!
//! ```text
//!  struct rtmsg, 12 bytes, then attributes
//!   0 family  1 destination bits  2 source bits  3 tos
//!   4 table   5 protocol          6 scope        7 type   8 flags
//! ```

use super::bytes::u8_at;
use super::inet_diag::FAMILY_INET;
use super::nlmsg::HEADER_LEN;
use netlink_packet_core::NLM_F_REQUEST;
use std::net::Ipv4Addr;

/// A message that describes a route.
pub const NEW_ROUTE: u16 = 24;
/// `RTN_LOCAL`: to this host.
pub const LOCAL: u8 = 2;
/// `RTN_BROADCAST`.
pub const BROADCAST: u8 = 3;
/// `RTN_MULTICAST`.
pub const MULTICAST: u8 = 5;

const GET_ROUTE: u16 = 26;
const BASE_LEN: usize = 12;
const ATTR_DESTINATION: u16 = 1;

/// A request for the route that a packet to `address` would take.
#[must_use]
pub fn lookup_request(address: Ipv4Addr, sequence: u32) -> Vec<u8> {
    const LENGTH: u32 = (HEADER_LEN + BASE_LEN + 8) as u32;
    let mut bytes = Vec::new();
    bytes.extend(LENGTH.to_ne_bytes());
    bytes.extend(GET_ROUTE.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend([FAMILY_INET, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(8u16.to_ne_bytes());
    bytes.extend(ATTR_DESTINATION.to_ne_bytes());
    bytes.extend(address.octets());
    bytes
}

/// The type of the route in a [`NEW_ROUTE`] payload, `RTN_*`.
#[must_use]
pub fn kind(payload: &[u8]) -> Option<u8> {
    payload.get(..BASE_LEN)?;
    u8_at(payload, 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_one_whole_message() {
        let request = lookup_request(Ipv4Addr::new(10, 0, 0, 1), 7);
        let mut messages = super::super::nlmsg::Messages::new(&request);
        let (header, payload) = messages.next().unwrap().unwrap();
        assert_eq!((header.kind, header.sequence), (GET_ROUTE, 7));
        assert_eq!(payload.len(), 20);
        assert_eq!(payload[16..], [10, 0, 0, 1]);
        assert!(messages.next().is_none());
    }

    #[test]
    fn the_type_is_read() {
        let mut payload = [0; BASE_LEN];
        payload[7] = LOCAL;
        assert_eq!(kind(&payload), Some(LOCAL));
        assert_eq!(kind(&payload[..11]), None);
    }
}
