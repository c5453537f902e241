//! Asking the kernel to close a socket, `SOCK_DESTROY` of `linux/sock_diag.h`.
//!
//! ```text
//!  nlmsghdr, 16 bytes, then struct inet_diag_req_v2
//!   0 family  1 protocol  2 extensions  3 pad  4 states
//!   8 sport  10 dport (network order)   12 source  28 destination, 16 bytes each
//!  44 interface  48 cookie, two words, low first
//! ```

use super::nlmsg;
use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};
use std::net::IpAddr;

/// Message type.
const SOCK_DESTROY: u16 = 21;

/// One socket, by everything that the kernel finds it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// `AF_INET` or `AF_INET6`.
    pub family: u8,
    /// Number of its IP protocol.
    pub protocol: u8,
    /// Local address.
    pub src: IpAddr,
    /// Peer address.
    pub dst: IpAddr,
    /// Local port.
    pub sport: u16,
    /// Peer port.
    pub dport: u16,
    /// Bound interface, 0 for none.
    pub interface: u32,
    /// Its identity. The kernel touches no socket with another one.
    pub cookie: u64,
}

/// A request to close one socket, to be acknowledged.
#[must_use]
pub fn request(target: &Target, sequence: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend([target.family, target.protocol, 0, 0]);
    bytes.extend([0; 4]);
    bytes.extend(target.sport.to_be_bytes());
    bytes.extend(target.dport.to_be_bytes());
    bytes.extend(address(target.src));
    bytes.extend(address(target.dst));
    bytes.extend(target.interface.to_ne_bytes());
    let (low, high) = (target.cookie as u32, (target.cookie >> 32) as u32);
    bytes.extend(low.to_ne_bytes());
    bytes.extend(high.to_ne_bytes());
    nlmsg::message(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, sequence, &bytes)
}

fn address(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V6(v6) => v6.octets(),
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            for (to, from) in bytes.iter_mut().zip(v4.octets()) {
                *to = from;
            }
            bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_one_socket() {
        let bytes = request(
            &Target {
                family: 2,
                protocol: 6,
                src: IpAddr::from([127, 0, 0, 1]),
                dst: IpAddr::from([10, 0, 0, 7]),
                sport: 0x1234,
                dport: 0x5678,
                interface: 3,
                cookie: 0x1_0000_0002,
            },
            9,
        );
        assert_eq!(bytes.len(), 72);
        assert_eq!(bytes[4..6], 21u16.to_ne_bytes());
        assert_eq!(bytes[16..18], [2, 6]);
        assert_eq!(bytes[24..28], [0x12, 0x34, 0x56, 0x78]);
        assert_eq!(bytes[28..32], [127, 0, 0, 1]);
        assert_eq!(bytes[44..48], [10, 0, 0, 7]);
        assert_eq!(bytes[60..64], 3u32.to_ne_bytes());
        assert_eq!(bytes[64..68], 2u32.to_ne_bytes());
        assert_eq!(bytes[68..72], 1u32.to_ne_bytes());
    }
}
