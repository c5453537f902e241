//! Network devices: `linux/rtnetlink.h` and `linux/if_link.h`, rtnetlink(7). Read for the tunnels that listen on a UDP port themselves.
//!
//! ```text
//!  struct ifinfomsg, 16 bytes, then attributes
//!   0 family  1 padding  2 type   4 index   8 flags   12 change
//! ```

use super::attr::Attributes;
use super::bytes::{be16_at, u32_at};
use super::nlmsg;

/// A message that describes a device.
pub const NEW_LINK: u16 = 16;

const GET_LINK: u16 = 18;
const BASE_LEN: usize = 16;
const FLAG_UP: u32 = 1;
const ATTR_IFNAME: u16 = 3;
const ATTR_LINKINFO: u16 = 18;
const ATTR_LINK_NETNSID: u16 = 37;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;

/// A request for every device of the network namespace.
#[must_use]
pub fn dump_request(sequence: u32) -> Vec<u8> {
    nlmsg::message(GET_LINK, nlmsg::DUMP, sequence, &[0; BASE_LEN])
}

/// A tunnel that listens on a UDP port itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel<'a> {
    /// `vxlan`, `geneve` or `bareudp`.
    pub kind: &'static str,
    /// The device's name, without the NUL that ends it.
    pub name: &'a [u8],
    /// The port.
    pub port: u16,
}

/// The UDP port that the device in a [`NEW_LINK`] payload has a kernel socket on in this network namespace: if it is a tunnel of that
/// kind, is up (otherwise it has none), and was not made in another namespace (then its socket is there).
#[must_use]
pub fn tunnel(payload: &[u8]) -> Option<Tunnel<'_>> {
    let is_up = u32_at(payload, 8)? & FLAG_UP != 0;
    if !is_up || attribute(payload, BASE_LEN, ATTR_LINK_NETNSID).is_some() {
        return None;
    }
    let info = attribute(payload, BASE_LEN, ATTR_LINKINFO)?;
    let kind = attribute(info, 0, INFO_KIND)?;
    let (kind, port) = match kind.strip_suffix(&[0]).unwrap_or(kind) {
        // IFLA_VXLAN_PORT, IFLA_GENEVE_PORT, IFLA_BAREUDP_PORT
        b"vxlan" => ("vxlan", 15),
        b"geneve" => ("geneve", 5),
        b"bareudp" => ("bareudp", 1),
        _ => return None,
    };
    let name = attribute(payload, BASE_LEN, ATTR_IFNAME)?;
    Some(Tunnel {
        kind,
        name: name.strip_suffix(&[0]).unwrap_or(name),
        port: be16_at(attribute(attribute(info, 0, INFO_DATA)?, 0, port)?, 0)?,
    })
}

/// Whether the device in a [`NEW_LINK`] payload is a WireGuard one that is up. It has UDP sockets of its own then, on a port that only
/// a message tells which holds the private key, too.
#[must_use]
pub fn is_wireguard(payload: &[u8]) -> bool {
    let is_up = u32_at(payload, 8).is_some_and(|flags| flags & FLAG_UP != 0);
    let kind =
        attribute(payload, BASE_LEN, ATTR_LINKINFO).and_then(|info| attribute(info, 0, INFO_KIND));
    is_up && kind.is_some_and(|kind| kind.strip_suffix(&[0]).unwrap_or(kind) == b"wireguard")
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
        let mut base = vec![0; BASE_LEN];
        base[8..12].copy_from_slice(&FLAG_UP.to_ne_bytes());
        let name = attr(3, b"vx0\0");
        [base, name, attr(ATTR_LINKINFO, &info)].concat()
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
        let mut vxlan = device(b"vxlan\0", &data);
        let expected = Tunnel {
            kind: "vxlan",
            name: b"vx0",
            port: 4789,
        };
        assert_eq!(tunnel(&vxlan), Some(expected));
        let elsewhere = [&vxlan[..], &attr(ATTR_LINK_NETNSID, &[0; 4])].concat();
        assert_eq!(tunnel(&elsewhere), None, "of another namespace");
        vxlan[8] = 0;
        assert_eq!(tunnel(&vxlan), None, "down");
        assert_eq!(tunnel(&device(b"geneve\0", &data)), None);
        let data = attr(5, &6081u16.to_be_bytes());
        assert_eq!(tunnel(&device(b"geneve\0", &data)).unwrap().port, 6081);
        assert_eq!(tunnel(&device(b"dummy\0", &data)), None);
        assert_eq!(tunnel(&[]), None);
    }

    #[test]
    fn wireguard_is_known_by_its_kind() {
        let mut up = device(b"wireguard\0", &[]);
        assert!(is_wireguard(&up));
        up[8] = 0;
        assert!(!is_wireguard(&up));
        assert!(!is_wireguard(&device(b"vxlan\0", &[])) && !is_wireguard(&[]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (tunnel(&bytes), is_wireguard(&bytes));
        }
    }
}
