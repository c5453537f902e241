//! What tests need from netlink(7) themselves: `lo` up, a route that makes a whole prefix local, and
//! whether this kernel knows raw_diag. Written out by hand so that no `ip` command is needed.

use netlink_sys::{
    Socket, SocketAddr,
    protocols::{NETLINK_NETFILTER, NETLINK_ROUTE, NETLINK_SOCK_DIAG},
};

const NLM_F_REQUEST: u16 = 0x1;
pub(super) const NLM_F_ACK: u16 = 0x4;
pub(super) const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const AF_INET: u8 = 2;
/// `lo` is the first interface of every network namespace.
const LOOPBACK: u32 = 1;

/// Every address of this prefix (TEST-NET-1, RFC 5737) belongs to the namespace while
/// [`add_elsewhere`] is in force, and to nobody after [`remove_elsewhere`].
pub(crate) const ELSEWHERE: [u8; 4] = [192, 0, 2, 0];

/// Brings the loopback interface up.
pub(crate) fn loopback_up() {
    const IFF_UP: u32 = 1;
    let mut body = vec![0, 0, 0, 0];
    body.extend(LOOPBACK.to_ne_bytes());
    body.extend(IFF_UP.to_ne_bytes());
    body.extend(IFF_UP.to_ne_bytes());
    request(RTM_NEWLINK, 0, &body);
}

/// Makes all of [`ELSEWHERE`] local addresses.
pub(crate) fn add_elsewhere() {
    request(RTM_NEWROUTE, NLM_F_CREATE, &elsewhere());
}

/// Takes [`ELSEWHERE`] away. Segments to it are lost from now on; a socket bound to it with
/// `IP_TRANSPARENT` can still send.
pub(crate) fn remove_elsewhere() {
    request(RTM_DELROUTE, 0, &elsewhere());
}

/// `local 192.0.2.0/24 dev lo` as a `struct rtmsg` and its attributes.
fn elsewhere() -> Vec<u8> {
    const RT_TABLE_LOCAL: u8 = 255;
    const RTPROT_BOOT: u8 = 3;
    const RT_SCOPE_HOST: u8 = 254;
    const RTN_LOCAL: u8 = 2;
    const RTA_DST: u16 = 1;
    const RTA_OIF: u16 = 4;
    let mut body = vec![
        AF_INET,
        24,
        0,
        0,
        RT_TABLE_LOCAL,
        RTPROT_BOOT,
        RT_SCOPE_HOST,
        RTN_LOCAL,
    ];
    body.extend(0u32.to_ne_bytes());
    for (kind, value) in [(RTA_DST, ELSEWHERE), (RTA_OIF, LOOPBACK.to_ne_bytes())] {
        body.extend(8u16.to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(value);
    }
    body
}

/// Sends one rtnetlink request, which must succeed.
fn request(kind: u16, flags: u16, body: &[u8]) {
    let answer = ask(NETLINK_ROUTE, kind, NLM_F_ACK | flags, body);
    let acknowledged = (self::kind(&answer), status(&answer));
    assert_eq!(acknowledged, (NLMSG_ERROR, 0), "rtnetlink request {kind}");
}

/// Whether this kernel lists raw sockets through sock_diag(7); many are built without.
pub(crate) fn has_raw_diag() -> bool {
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const NLM_F_DUMP: u16 = 0x300;
    const IPPROTO_RAW: u8 = 255;
    const EVERY_STATE: u32 = u32::MAX;
    let mut body = vec![AF_INET, IPPROTO_RAW, 0, 0];
    body.extend(EVERY_STATE.to_ne_bytes());
    body.extend([0; 48]);
    let answer = ask(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &body);
    // Failure may come as an error message, or as a status in the end marker.
    match kind(&answer) {
        NLMSG_ERROR | NLMSG_DONE => status(&answer) == 0,
        _ => true,
    }
}

/// Sends one message and returns the first datagram of the answer.
pub(super) fn ask(protocol: isize, kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    message.extend(u32::try_from(16 + body.len()).unwrap().to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | flags).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);

    let socket = Socket::new(protocol).unwrap();
    socket.connect(&SocketAddr::new(0, 0)).unwrap();
    socket.send(&message, 0).unwrap();
    socket.recv_from_full().unwrap().0
}

fn kind(answer: &[u8]) -> u16 {
    u16::from_ne_bytes(answer[4..6].try_into().unwrap())
}

/// What an error message or an end marker says: 0 is no error.
pub(super) fn status(answer: &[u8]) -> i32 {
    i32::from_ne_bytes(answer[16..20].try_into().unwrap())
}

/// Lets `nft` rules of the chain `out` of the table `ip nat`, made by this, send what this host sends to TCP port `from` to port `to`.
pub(crate) fn redirect_own(from: u16, to: u16) {
    const NFNETLINK_BATCH_BEGIN: u16 = 16;
    const NFNETLINK_BATCH_END: u16 = 17;
    const NFTABLES: u16 = 10;
    const NEW_TABLE: u16 = NFTABLES << 8;
    const NEW_CHAIN: u16 = NFTABLES << 8 | 3;
    const NEW_RULE: u16 = NFTABLES << 8 | 6;
    const NLM_F_APPEND: u16 = 0x800;
    const HOOK_OUTPUT: u32 = 3;
    const PRIORITY: i32 = -100;
    let number = |kind, value: u32| attribute(kind, &value.to_be_bytes());
    let name = |kind, text: &str| attribute(kind, &[text.as_bytes(), &[0]].concat());
    let expression = |kind, parts: &[Vec<u8>]| {
        attribute(1, &[name(1, kind), attribute(2, &parts.concat())].concat())
    };
    let constant = |kind, value: &[u8]| attribute(kind, &attribute(1, value));
    let hook = [
        number(1, HOOK_OUTPUT),
        attribute(2, &PRIORITY.to_be_bytes()),
    ]
    .concat();
    let expressions = [
        // The protocol, TCP; two bytes at 2 of the transport header; the new port.
        expression("meta", &[number(1, 1), number(2, 16)]),
        expression("cmp", &[number(1, 1), number(2, 0), constant(3, &[6])]),
        expression(
            "payload",
            &[number(1, 1), number(2, 2), number(3, 2), number(4, 2)],
        ),
        expression(
            "cmp",
            &[number(1, 1), number(2, 0), constant(3, &from.to_be_bytes())],
        ),
        expression("immediate", &[number(1, 1), constant(2, &to.to_be_bytes())]),
        expression("redir", &[number(1, 1), number(3, 2)]),
    ];
    let table = name(1, "nat");
    let chain = [
        table.clone(),
        name(3, "out"),
        attribute(4, &hook),
        name(7, "nat"),
    ]
    .concat();
    let rule = [
        table.clone(),
        name(2, "out"),
        attribute(4, &expressions.concat()),
    ]
    .concat();
    let batch = [
        nfnetlink(NFNETLINK_BATCH_BEGIN, 0, NFTABLES, &[]),
        nfnetlink(NEW_TABLE, NLM_F_CREATE, 0, &table),
        nfnetlink(NEW_CHAIN, NLM_F_CREATE, 0, &chain),
        nfnetlink(NEW_RULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK, 0, &rule),
        nfnetlink(NFNETLINK_BATCH_END, 0, NFTABLES, &[]),
    ]
    .concat();
    let socket = Socket::new(NETLINK_NETFILTER).unwrap();
    socket.connect(&SocketAddr::new(0, 0)).unwrap();
    socket.send(&batch, 0).unwrap();
    let answer = socket.recv_from_full().unwrap().0;
    assert_eq!(
        (kind(&answer), status(&answer)),
        (NLMSG_ERROR, 0),
        "nf_tables"
    );
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(4 + value.len())
        .unwrap()
        .to_ne_bytes()
        .to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn nfnetlink(kind: u16, flags: u16, resource: u16, attributes: &[u8]) -> Vec<u8> {
    let family = if resource == 0 { AF_INET } else { 0 };
    let mut bytes = u32::try_from(20 + attributes.len())
        .unwrap()
        .to_ne_bytes()
        .to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | flags).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, 0]);
    bytes.extend(resource.to_be_bytes());
    bytes.extend(attributes);
    bytes
}
