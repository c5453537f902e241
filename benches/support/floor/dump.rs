//! The floor of a listing: the kernel's answer received and thrown away.

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};

/// The largest datagram of a dump.
const BUFFER: usize = 32 * 1024;

const AF_UNIX: u8 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_UDP: u8 = 17;

/// The netlink message that a word says: `tcp:STATES` over both families, `udp4:STATES`,
/// `udp6:STATES`, and `unix:SHOW` in every state; masks in hex. Attributes on demand are sent only for
/// `tcp+EXT:STATES`, with the bits of `idiag_ext`. `/PORT` behind it asks for sockets whose peer has that
/// port only.
pub(super) fn request(word: &str) -> Vec<u8> {
    const TCPDIAG_GETSOCK: u16 = 18;
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const EVERY_STATE: u32 = u32::MAX;
    let (table, mask) = word.split_once(':').unwrap();
    let (mask, port) = mask
        .split_once('/')
        .map_or((mask, None), |(m, p)| (m, Some(p)));
    let mask = u32::from_str_radix(mask, 16).unwrap();
    let (table, extensions) = match table.split_once('+') {
        Some((table, bits)) => (table, u8::from_str_radix(bits, 16).unwrap()),
        None => (table, 0),
    };
    let (kind, body) = match table {
        // `struct inet_diag_req`, `unix_diag_req`, and `inet_diag_req_v2` of the kernel's headers.
        "tcp" => (
            TCPDIAG_GETSOCK,
            body([AF_INET, 0, 0, extensions], &[], 48, &[mask, 0]),
        ),
        "unix" => (
            SOCK_DIAG_BY_FAMILY,
            body([AF_UNIX, 0, 0, 0], &[EVERY_STATE, 0, mask], 8, &[]),
        ),
        "udp4" | "udp6" => {
            let family = if table == "udp4" { AF_INET } else { AF_INET6 };
            let body = body([family, IPPROTO_UDP, 0, 0], &[mask], 48, &[]);
            (SOCK_DIAG_BY_FAMILY, body)
        }
        _ => panic!("unknown floor {word}"),
    };
    let program = port.map(|p| peer_port(p.parse().unwrap()));
    message(kind, &[body, program.unwrap_or_default()].concat())
}

/// The attribute with bytecode that accepts this port of the peer: `inet_diag_bc_op` with `inet_diag_hostcond`.
fn peer_port(port: u32) -> Vec<u8> {
    const INET_DIAG_REQ_BYTECODE: u16 = 1;
    const INET_DIAG_BC_D_COND: u8 = 8;
    let attribute = [20, INET_DIAG_REQ_BYTECODE].map(u16::to_ne_bytes).concat();
    let op = [&[INET_DIAG_BC_D_COND, 16][..], &20u16.to_ne_bytes()].concat();
    [&attribute[..], &op, &[0; 4], &port.to_ne_bytes(), &[0; 4]].concat()
}

/// Four bytes, some words, so many zeroes, and some words.
fn body(head: [u8; 4], words: &[u32], zeroes: usize, last: &[u32]) -> Vec<u8> {
    let bytes = |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_ne_bytes()).collect() };
    [&head[..], &bytes(words), &vec![0; zeroes], &bytes(last)].concat()
}

fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    const NLM_F_REQUEST_DUMP: u16 = 0x301;
    let mut message = Vec::new();
    message.extend(u32::try_from(16 + body.len()).unwrap().to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// Sends the request and receives the answer to its end.
pub(super) fn receive(request: &[u8]) {
    let socket = Socket::new(NETLINK_SOCK_DIAG).unwrap();
    socket.connect(&SocketAddr::new(0, 0)).unwrap();
    socket.send(request, 0).unwrap();
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
