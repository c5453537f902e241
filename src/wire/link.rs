//! Network devices: `linux/rtnetlink.h` and `linux/if_link.h`, rtnetlink(7). Read for the tunnels that listen on a UDP port themselves.
//!
//! ```text
//!  struct ifinfomsg, 16 bytes, then attributes
//! ```

use super::attr::Attributes;
use super::bytes::be16_at;
use super::nlmsg::HEADER_LEN;
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};

/// A message that describes a device.
pub const NEW_LINK: u16 = 16;

const GET_LINK: u16 = 18;
const BASE_LEN: usize = 16;
const ATTR_LINKINFO: u16 = 18;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;

/// A request for every device of the network namespace.
#[must_use]
pub fn dump_request(sequence: u32) -> Vec<u8> {
    const LENGTH: u32 = (HEADER_LEN + BASE_LEN) as u32;
    let mut bytes = Vec::with_capacity(HEADER_LEN + BASE_LEN);
    bytes.extend(LENGTH.to_ne_bytes());
    bytes.extend(GET_LINK.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.resize(HEADER_LEN + BASE_LEN, 0);
    bytes
}

/// The UDP port that the device in a [`NEW_LINK`] payload has a kernel socket on, if it is a tunnel of that kind.
#[must_use]
pub fn tunnel_port(payload: &[u8]) -> Option<u16> {
    let info = attribute(payload, BASE_LEN, ATTR_LINKINFO)?;
    let kind = attribute(info, 0, INFO_KIND)?;
    let port = match kind.strip_suffix(&[0]).unwrap_or(kind) {
        // IFLA_VXLAN_PORT, IFLA_GENEVE_PORT, IFLA_BAREUDP_PORT
        b"vxlan" => 15,
        b"geneve" => 5,
        b"bareudp" => 1,
        _ => return None,
    };
    be16_at(attribute(attribute(info, 0, INFO_DATA)?, 0, port)?, 0)
}

fn attribute(bytes: &[u8], offset: usize, wanted: u16) -> Option<&[u8]> {
    Attributes::new(bytes, offset)
        .map_while(Result::ok)
        .find_map(|(kind, data)| (kind == wanted).then_some(data))
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

    fn device(kind: &[u8], data: &[u8]) -> Vec<u8> {
        let info = [attr(INFO_KIND, kind), attr(INFO_DATA, data)].concat();
        let name = attr(3, b"vx0\0");
        [vec![0; BASE_LEN], name, attr(ATTR_LINKINFO, &info)].concat()
    }

    #[test]
    fn the_request_is_one_whole_message() {
        let request = dump_request(7);
        let mut messages = super::super::nlmsg::Messages::new(&request);
        let (header, payload) = messages.next().unwrap().unwrap();
        assert_eq!((header.kind, header.sequence), (GET_LINK, 7));
        assert_eq!(payload, [0; BASE_LEN]);
        assert!(messages.next().is_none());
    }

    #[test]
    fn tunnels_tell_their_port() {
        let port = 4789u16.to_be_bytes();
        let data = [attr(1, &5u32.to_ne_bytes()), attr(15, &port)].concat();
        assert_eq!(tunnel_port(&device(b"vxlan\0", &data)), Some(4789));
        assert_eq!(tunnel_port(&device(b"geneve\0", &data)), None);
        let data = attr(5, &6081u16.to_be_bytes());
        assert_eq!(tunnel_port(&device(b"geneve\0", &data)), Some(6081));
        assert_eq!(tunnel_port(&device(b"dummy\0", &data)), None);
        assert_eq!(tunnel_port(&[]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = tunnel_port(&bytes);
        }
    }
}
