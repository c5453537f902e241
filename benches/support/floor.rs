//! The floor: every TCP socket asked for in one pass, received and thrown away.

use super::again;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};
use std::process::Command;

/// The largest datagram of a dump.
const BUFFER: usize = 32 * 1024;

/// A run of the floor, as a process like the others.
pub(crate) fn command() -> Command {
    again("floor")
}

/// Dumps TCP over both families, as `ls -tan` asks for it.
pub(crate) fn dump() {
    const TCPDIAG_GETSOCK: u16 = 18;
    const NLM_F_REQUEST_DUMP: u16 = 0x301;
    const AF_INET: u8 = 2;
    // Numbers up to 13, bound-inactive.
    const EVERY_STATE: u32 = 0x3fff;
    // `struct inet_diag_req`.
    let mut body = vec![AF_INET, 0, 0, 0];
    body.extend([0; 48]);
    body.extend(EVERY_STATE.to_ne_bytes());
    body.extend([0; 4]);
    let mut request = Vec::new();
    request.extend(u32::try_from(16 + body.len()).unwrap().to_ne_bytes());
    request.extend(TCPDIAG_GETSOCK.to_ne_bytes());
    request.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    request.extend([0; 8]);
    request.extend(body);

    let socket = Socket::new(NETLINK_SOCK_DIAG).unwrap();
    socket.connect(&SocketAddr::new(0, 0)).unwrap();
    socket.send(&request, 0).unwrap();
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = socket.recv(&mut &mut buffer[..], 0).unwrap();
        if is_last(&buffer[..length]) {
            return;
        }
    }
}

/// Whether a datagram holds the end marker; it stands last.
fn is_last(datagram: &[u8]) -> bool {
    const NLMSG_ERROR: u16 = 2;
    const NLMSG_DONE: u16 = 3;
    let mut rest = datagram;
    while rest.len() >= 16 {
        let length = u32::from_ne_bytes(rest[..4].try_into().unwrap()) as usize;
        match u16::from_ne_bytes(rest[4..6].try_into().unwrap()) {
            NLMSG_DONE => return true,
            NLMSG_ERROR => panic!("the kernel refuses the dump"),
            _ => {}
        }
        assert!(length >= 16, "a message has a header");
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    false
}
