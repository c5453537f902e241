//! The route to one address: `linux/rtnetlink.h`, rtnetlink(7), answered by `inet_rtm_getroute` and `inet6_rtm_getroute`.
//!
//! ```text
//!  struct rtmsg, 12 bytes, then attributes
//!   0 family  1 dst_len  2 src_len  3 tos  4 table  5 protocol  6 scope  7 type  8 flags
//! ```

use super::attr::Attributes;
use super::bytes::{array, u8_at, u32_at};
use super::inet_diag::{FAMILY_INET, FAMILY_INET6};
use super::nlmsg;
use netlink_packet_core::NLM_F_REQUEST;
use std::net::IpAddr;

/// A message that describes a route.
pub const NEW_ROUTE: u16 = 24;

const GET_ROUTE: u16 = 26;
const BASE_LEN: usize = 12;
/// `RT_TABLE_LOCAL`.
const LOCAL_TABLE: u8 = 255;

const ATTR_DST: u16 = 1;
const ATTR_SRC: u16 = 2;
const ATTR_OIF: u16 = 4;
const ATTR_PREFSRC: u16 = 7;
const ATTR_IP_PROTO: u16 = 27;
const ATTR_DPORT: u16 = 29;

/// `rtm_type` of an address that is this host's.
pub const TYPE_LOCAL: u8 = 2;
/// `rtm_type` of an ordinary route.
pub const TYPE_UNICAST: u8 = 1;
/// `rtm_type` of a broadcast address.
pub const TYPE_BROADCAST: u8 = 3;
/// `rtm_type` of a group of hosts.
pub const TYPE_MULTICAST: u8 = 5;

/// What packets to somewhere have in common, as far as routing looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where to.
    pub destination: IpAddr,
    /// Where from, if that is decided.
    pub source: Option<IpAddr>,
    /// The interface they must leave by.
    pub interface: Option<u32>,
    /// IP protocol number and destination port, which rules can ask for.
    pub transport: Option<(u8, u16)>,
}

impl Key {
    /// To an address, whoever asks.
    #[must_use]
    pub const fn to(destination: IpAddr) -> Self {
        Self {
            destination,
            source: None,
            interface: None,
            transport: None,
        }
    }
}

/// A request for the route of `key`, as a socket of this process would be routed.
#[must_use]
pub fn request(key: &Key, sequence: u32) -> Vec<u8> {
    let (family, bits) = match key.destination {
        IpAddr::V4(_) => (FAMILY_INET, 32),
        IpAddr::V6(_) => (FAMILY_INET6, 128),
    };
    let from = if key.source.is_some() { bits } else { 0 };
    let mut body = vec![family, bits, from, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    put(&mut body, ATTR_DST, &octets(key.destination));
    if let Some(source) = key.source {
        put(&mut body, ATTR_SRC, &octets(source));
    }
    if let Some(interface) = key.interface {
        put(&mut body, ATTR_OIF, &interface.to_ne_bytes());
    }
    if let Some((protocol, port)) = key.transport {
        put(&mut body, ATTR_IP_PROTO, &[protocol]);
        put(&mut body, ATTR_DPORT, &port.to_be_bytes());
    }
    nlmsg::message(GET_ROUTE, NLM_F_REQUEST, sequence, &body)
}

/// A request for all routes of the table of local IPv4 addresses. To a strict socket the kernel answers with `ENOENT` if there is no
/// such table (`inet_dump_fib` of `net/ipv4/fib_frontend.c`).
#[must_use]
pub fn local_table_request(sequence: u32) -> Vec<u8> {
    let mut body = vec![0; BASE_LEN];
    if let [family, _, _, _, table, ..] = &mut body[..] {
        (*family, *table) = (FAMILY_INET, LOCAL_TABLE);
    }
    nlmsg::message(GET_ROUTE, nlmsg::DUMP, sequence, &body)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn put(body: &mut Vec<u8>, kind: u16, data: &[u8]) {
    let length = u16::try_from(4 + data.len()).unwrap_or_default();
    body.extend(length.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(data);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// `rtm_type`: [`TYPE_UNICAST`], [`TYPE_LOCAL`], …
    pub kind: u8,
    /// The source address that a socket without one gets. Absent if the request named one.
    pub source: Option<IpAddr>,
    /// The interface that packets leave by.
    pub interface: Option<u32>,
}

impl Route {
    /// Reads the payload of a [`NEW_ROUTE`] message. `None` if it makes no sense.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let family = u8_at(payload, 0)?;
        let mut route = Self {
            kind: u8_at(payload, 7)?,
            source: None,
            interface: None,
        };
        for attribute in Attributes::new(payload, BASE_LEN) {
            let (kind, data) = attribute.ok()?;
            match kind {
                ATTR_PREFSRC => {
                    route.source = match family {
                        FAMILY_INET => array::<4>(data, 0).map(IpAddr::from),
                        FAMILY_INET6 => array::<16>(data, 0).map(IpAddr::from),
                        _ => None,
                    }
                }
                ATTR_OIF => route.interface = u32_at(data, 0),
                _ => {}
            }
        }
        Some(route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_is_read() {
        let mut payload = vec![FAMILY_INET, 32, 0, 0, 254, 0, 0, TYPE_UNICAST, 0, 0, 0, 0];
        put(&mut payload, ATTR_PREFSRC, &[10, 0, 0, 5]);
        put(&mut payload, ATTR_OIF, &3u32.to_ne_bytes());
        let route = Route::decode(&payload).unwrap();
        assert_eq!(route.source, Some(IpAddr::from([10, 0, 0, 5])));
        assert_eq!((route.kind, route.interface), (TYPE_UNICAST, Some(3)));
    }

    #[test]
    fn a_request_is_one_whole_message() {
        let key = Key {
            destination: IpAddr::from([10, 0, 0, 7]),
            source: Some(IpAddr::from([10, 0, 0, 5])),
            interface: Some(2),
            transport: Some((6, 443)),
        };
        let request = request(&key, 9);
        let (header, payload) = super::super::nlmsg::Messages::new(&request)
            .next()
            .unwrap()
            .unwrap();
        assert_eq!((header.kind, header.sequence), (GET_ROUTE, 9));
        assert_eq!(payload[..3], [FAMILY_INET, 32, 32]);
        let found = Attributes::new(payload, BASE_LEN).filter_map(Result::ok);
        let kinds: Vec<_> = found.map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [1, 2, 4, 27, 29]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Route::decode(&bytes);
        }
    }
}
