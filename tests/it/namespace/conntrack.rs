//! Entries in the table of tracked connections, made by request: no rule of a firewall is needed, and no packet.

use super::link::{NLM_F_ACK, NLM_F_CREATE, ask, status};
use netlink_sys::protocols::NETLINK_NETFILTER;

/// `NFNL_SUBSYS_CTNETLINK` and `IPCTNL_MSG_CT_NEW` of `linux/netfilter/nfnetlink_conntrack.h`.
const NEW_CONNECTION: u16 = 1 << 8;
const NLM_F_EXCL: u16 = 0x200;
const NESTED: u16 = 0x8000;
const UDP: u8 = 17;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_TIMEOUT: u16 = 7;

/// Has the kernel track so many conversations over UDP that nobody has, for ten minutes.
pub(crate) fn track(count: u16) {
    for port in 1000..1000 + count {
        let there = ([127, 0, 0, 1], port, [127, 0, 0, 2], 53);
        let back = (there.2, there.3, there.0, there.1);
        // struct nfgenmsg: family, version, resource.
        let mut body = vec![2, 0, 0, 0];
        body.extend(attribute(CTA_TUPLE_ORIG | NESTED, &tuple(there)));
        body.extend(attribute(CTA_TUPLE_REPLY | NESTED, &tuple(back)));
        body.extend(attribute(CTA_TIMEOUT, &600u32.to_be_bytes()));
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        let answer = ask(NETLINK_NETFILTER, NEW_CONNECTION, flags, &body);
        assert_eq!(
            status(&answer),
            0,
            "this kernel must have nf_conntrack_netlink"
        );
    }
}

/// `CTA_TUPLE_IP` with both addresses, and `CTA_TUPLE_PROTO` with protocol and ports.
fn tuple((source, sport, destination, dport): ([u8; 4], u16, [u8; 4], u16)) -> Vec<u8> {
    let addresses = [attribute(1, &source), attribute(2, &destination)].concat();
    let ports = [
        attribute(1, &[UDP]),
        attribute(2, &sport.to_be_bytes()),
        attribute(3, &dport.to_be_bytes()),
    ];
    [
        attribute(1 | NESTED, &addresses),
        attribute(2 | NESTED, &ports.concat()),
    ]
    .concat()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
