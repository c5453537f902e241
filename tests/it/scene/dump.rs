//! Saved dumps as `ss -D` writes them: raw sock_diag messages, closed by a DONE message for each
//! request that was made (IPv4, then IPv6). Encoded by hand, so that tests need no `ss`.

use std::net::{IpAddr, SocketAddr};

/// A TCP socket as the kernel would report it.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) state: u8,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) queues: (u32, u32),
    pub(crate) uid: u32,
    pub(crate) inode: u32,
    pub(crate) cookie: u64,
}

const NLMSG_DONE: u16 = 3;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_MULTI: u16 = 2;

/// A file of two requests.
pub(crate) fn file(v4: &[Record], v6: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for half in [v4, v6] {
        for record in half {
            message(&mut bytes, SOCK_DIAG_BY_FAMILY, &record.body());
        }
        message(&mut bytes, NLMSG_DONE, &0i32.to_ne_bytes());
    }
    bytes
}

/// A file of one request, each row with these attributes behind its own.
pub(crate) fn file_with_attributes(rows: &[(Record, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (record, attributes) in rows {
        let mut body = record.body();
        body.extend(attributes);
        message(&mut bytes, SOCK_DIAG_BY_FAMILY, &body);
    }
    message(&mut bytes, NLMSG_DONE, &0i32.to_ne_bytes());
    bytes
}

/// A netlink attribute.
pub(crate) fn attribute(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(u16::try_from(4 + data.len()).unwrap().to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn message(bytes: &mut Vec<u8>, kind: u16, body: &[u8]) {
    bytes.extend(u32::try_from(16 + body.len()).unwrap().to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(NLM_F_MULTI.to_ne_bytes());
    bytes.extend(123_456u32.to_ne_bytes());
    bytes.extend(4321u32.to_ne_bytes());
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

impl Record {
    /// `struct inet_diag_msg`, and the attribute for closed directions.
    fn body(&self) -> Vec<u8> {
        const INET_DIAG_SHUTDOWN: u16 = 8;
        let family = if self.local.is_ipv4() { 2 } else { 10 };
        let mut body = vec![family, self.state, 0, 0];
        body.extend(self.local.port().to_be_bytes());
        body.extend(self.peer.port().to_be_bytes());
        for address in [self.local, self.peer] {
            match address.ip() {
                IpAddr::V4(v4) => body.extend([&v4.octets()[..], &[0; 12]].concat()),
                IpAddr::V6(v6) => body.extend(v6.octets()),
            }
        }
        body.extend(0u32.to_ne_bytes());
        body.extend((self.cookie as u32).to_ne_bytes());
        body.extend(((self.cookie >> 32) as u32).to_ne_bytes());
        for number in [0, self.queues.0, self.queues.1, self.uid, self.inode] {
            body.extend(number.to_ne_bytes());
        }
        body.extend(5u16.to_ne_bytes());
        body.extend(INET_DIAG_SHUTDOWN.to_ne_bytes());
        body.extend([0, 0, 0, 0]);
        body
    }
}
