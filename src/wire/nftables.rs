//! Rules of nftables, `linux/netfilter/nf_tables.h` and `linux/netfilter/nfnetlink.h`: read for what is redirected to where.
//!
//! ```text
//!  struct nfgenmsg, 4 bytes, then attributes
//!   0 family  1 version  2 resource, big-endian
//! ```
//!
//! A rule is a list of expressions that the kernel runs one after the other over registers; numbers in attributes are big-endian.

use super::attr::Attributes;
use super::attribute;
use super::bytes::{array, u8_at, u16_at};
use super::nlmsg;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A message that describes a chain.
pub const NEW_CHAIN: u16 = SUBSYSTEM | 3;
/// A message that describes a rule.
pub const NEW_RULE: u16 = SUBSYSTEM | 6;
/// A message that lists elements of a set.
pub const NEW_SET_ELEMENTS: u16 = SUBSYSTEM | 12;

const SUBSYSTEM: u16 = 10 << 8;
const GET_CHAIN: u16 = SUBSYSTEM | 4;
const GET_RULE: u16 = SUBSYSTEM | 7;
const GET_SET_ELEMENTS: u16 = SUBSYSTEM | 13;
const BASE_LEN: usize = 4;

/// `NF_INET_PRE_ROUTING`: what comes in.
pub const HOOK_PREROUTING: u32 = 0;
/// `NF_INET_LOCAL_OUT`: what this host sends.
pub const HOOK_OUTPUT: u32 = 3;

/// A request for every chain of the network namespace.
#[must_use]
pub fn chains_request(sequence: u32) -> Vec<u8> {
    request(GET_CHAIN, 0, &[], sequence)
}

/// A request for every rule of the network namespace.
#[must_use]
pub fn rules_request(sequence: u32) -> Vec<u8> {
    request(GET_RULE, 0, &[], sequence)
}

/// A request for the elements of one set.
#[must_use]
pub fn elements_request(family: u8, table: &[u8], set: &[u8], sequence: u32) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, name) in [(1u16, table), (2, set)] {
        let length = u16::try_from(4 + name.len() + 1).unwrap_or_default();
        body.extend(length.to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(name);
        body.push(0);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    request(GET_SET_ELEMENTS, family, &body, sequence)
}

fn request(kind: u16, family: u8, body: &[u8], sequence: u32) -> Vec<u8> {
    let head = [family, 0, 0, 0];
    nlmsg::message(kind, nlmsg::DUMP, sequence, &[&head, body].concat())
}

/// A chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain<'a> {
    /// `NFPROTO_*`: 1 both, 2 IPv4, 10 IPv6.
    pub family: u8,
    /// Its table.
    pub table: &'a [u8],
    /// Its name.
    pub name: &'a [u8],
    /// Where packets enter it, if they do and it translates addresses (`type nat`).
    pub nat: Option<Entry>,
}

/// Where packets enter a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `NF_INET_*`.
    pub hook: u32,
    /// Of the chains of one hook, those with a lower one come first.
    pub priority: i32,
}

impl<'a> Chain<'a> {
    /// Reads the payload of a [`NEW_CHAIN`] message. `None` if it makes no sense.
    #[must_use]
    pub fn decode(payload: &'a [u8]) -> Option<Self> {
        let part = |kind| attribute(payload, BASE_LEN, kind);
        let nat = if part(7).map(text) == Some(b"nat") {
            let hook = part(4)?;
            Some(Entry {
                hook: be32(attribute(hook, 0, 1)?)?,
                priority: array(attribute(hook, 0, 2)?, 0).map(i32::from_be_bytes)?,
            })
        } else {
            None
        };
        Some(Self {
            family: u8_at(payload, 0)?,
            table: text(part(1)?),
            name: text(part(3)?),
            nat,
        })
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// As [`Chain::family`].
    pub family: u8,
    /// Its table.
    pub table: &'a [u8],
    /// Its chain.
    pub chain: &'a [u8],
    /// What it does, in order.
    pub expressions: Vec<Expression<'a>>,
}

/// One step of a rule. Registers are numbered as those of four bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expression<'a> {
    /// Loads a fact about the packet, `NFT_META_*`.
    Meta {
        /// Where to.
        register: u32,
        /// Which.
        key: u32,
    },
    /// Loads bytes of the packet.
    Payload {
        /// Where to.
        register: u32,
        /// From which header, `NFT_PAYLOAD_*`: 1 network, 2 transport.
        base: u32,
        /// From where in it.
        offset: u32,
        /// How many.
        length: u32,
    },
    /// Loads what the routing tables say of an address.
    Fib {
        /// Where to.
        register: u32,
        /// What, `NFT_FIB_RESULT_*`: 3 the type of the address.
        result: u32,
        /// Of which, `NFTA_FIB_F_*`: 2 the destination.
        flags: u32,
    },
    /// Goes on if a register compares so, `NFT_CMP_*`.
    Compare {
        /// Which.
        register: u32,
        /// How: 0 equal, 1 not, 2 less, 3 or equal, 4 greater, 5 or equal.
        operation: u32,
        /// With what.
        value: &'a [u8],
    },
    /// Goes on if a register is in a range, or outside.
    Range {
        /// Which.
        register: u32,
        /// Whether outside.
        outside: bool,
        /// The first of it.
        from: &'a [u8],
        /// The last of it.
        to: &'a [u8],
    },
    /// Goes on if a register is in a set, or is a key of a map.
    Lookup {
        /// Which.
        register: u32,
        /// The set, or the map.
        set: &'a [u8],
        /// Whether it goes on if it is not.
        inverted: bool,
        /// Where it loads what the map has for it.
        into: Option<u32>,
    },
    /// Does what a map has for a register: lets it go on, end or go to a chain.
    VerdictMap,
    /// Loads a constant.
    Immediate {
        /// Where to.
        register: u32,
        /// It.
        value: &'a [u8],
    },
    /// Goes through another chain, and comes back to the next rule (`jump`).
    Jump(&'a [u8]),
    /// Goes through another chain instead of the rest of this one (`goto`).
    Goto(&'a [u8]),
    /// Leaves the chain (`return`).
    Return,
    /// Ends the packet's way: `accept`, `drop`, `queue`, `reject`.
    End,
    /// To a port of this host.
    Redirect {
        /// The registers that have the first and the last port.
        port: Option<(u32, u32)>,
    },
    /// To another destination.
    Destination {
        /// The registers that have the first and the last address.
        address: Option<(u32, u32)>,
        /// The registers that have the first and the last port.
        port: Option<(u32, u32)>,
    },
    /// A target of iptables, by its name and data.
    Target(&'a [u8], &'a [u8]),
    /// A match of iptables, by its name and data.
    Match(&'a [u8], &'a [u8]),
    /// Something that lets every packet pass.
    Neutral,
    /// Anything else: it may or may not go on.
    Other,
}

/// A verdict is data of its own kind; its register is this one.
const REGISTER_VERDICT: u32 = 0;
const CONTINUE: i32 = -1;
const JUMP: i32 = -3;
const GOTO: i32 = -4;
const RETURN: i32 = -5;

impl<'a> Rule<'a> {
    /// Reads the payload of a [`NEW_RULE`] message. `None` if it makes no sense.
    #[must_use]
    pub fn decode(payload: &'a [u8]) -> Option<Self> {
        let part = |kind| attribute(payload, BASE_LEN, kind);
        let elements = Attributes::new(part(4).unwrap_or_default(), 0);
        let expressions = elements.map(|element| {
            let (_, element) = element.ok()?;
            Some(Expression::decode(element).unwrap_or(Expression::Other))
        });
        Some(Self {
            family: u8_at(payload, 0)?,
            table: text(part(1)?),
            chain: text(part(2)?),
            expressions: expressions.collect::<Option<_>>()?,
        })
    }
}

impl<'a> Expression<'a> {
    fn decode(element: &'a [u8]) -> Option<Self> {
        let data = attribute(element, 0, 2).unwrap_or_default();
        let part = |kind| attribute(data, 0, kind);
        let number = |kind| part(kind).and_then(be32);
        let constant = |kind| attribute(part(kind)?, 0, 1);
        let pair = |first, last| {
            let first = number(first)?;
            Some((register(first), register(number(last).unwrap_or(first))))
        };
        Some(match text(attribute(element, 0, 1)?) {
            b"meta" => Self::Meta {
                register: register(number(1)?),
                key: number(2)?,
            },
            b"payload" => Self::Payload {
                register: register(number(1)?),
                base: number(2)?,
                offset: number(3)?,
                length: number(4)?,
            },
            b"fib" => Self::Fib {
                register: register(number(1)?),
                result: number(2)?,
                flags: number(3)?,
            },
            b"cmp" => Self::Compare {
                register: register(number(1)?),
                operation: number(2)?,
                value: constant(3)?,
            },
            b"range" => Self::Range {
                register: register(number(1)?),
                outside: number(2)? != 0,
                from: constant(3)?,
                to: constant(4)?,
            },
            b"lookup" if number(3) == Some(REGISTER_VERDICT) => Self::VerdictMap,
            b"lookup" => Self::Lookup {
                register: register(number(2)?),
                set: text(part(1)?),
                inverted: number(5).unwrap_or(0) & 1 != 0,
                into: number(3).map(register),
            },
            b"immediate" if number(1)? == REGISTER_VERDICT => {
                let verdict = attribute(part(2)?, 0, 2)?;
                let code = array(attribute(verdict, 0, 1)?, 0).map(i32::from_be_bytes)?;
                let chain = || attribute(verdict, 0, 2).map(text);
                match code {
                    CONTINUE => Self::Neutral,
                    JUMP => Self::Jump(chain()?),
                    GOTO => Self::Goto(chain()?),
                    RETURN => Self::Return,
                    _ => Self::End,
                }
            }
            b"immediate" => Self::Immediate {
                register: register(number(1)?),
                value: constant(2)?,
            },
            b"redir" => Self::Redirect { port: pair(1, 2) },
            // NFT_NAT_DNAT
            b"nat" if number(1)? == 1 => Self::Destination {
                address: pair(3, 4),
                port: pair(5, 6),
            },
            b"queue" | b"reject" => Self::End,
            b"target" => Self::Target(text(part(1)?), part(3)?),
            b"match" => Self::Match(text(part(1)?), part(3)?),
            b"counter" | b"log" | b"notrack" | b"last" => Self::Neutral,
            _ => return None,
        })
    }
}

/// The register of four bytes that a register of sixteen begins with.
const fn register(number: u32) -> u32 {
    match number {
        1..=4 => 8 + (number - 1) * 4,
        other => other,
    }
}

/// The elements of a set of ports in the payload of a [`NEW_SET_ELEMENTS`] message: each with whether it is the end of an interval, and
/// then the first number behind it. `None` if there is one that is no port, or that is more than that: one that holds for what no other
/// does, or on conditions of its own.
#[must_use]
pub fn port_elements(payload: &[u8]) -> Option<Vec<(u16, bool)>> {
    const INTERVAL_END: u32 = 1;
    let list = attribute(payload, BASE_LEN, 3).unwrap_or_default();
    let element = |element: &[u8]| {
        let part = |kind| attribute(element, 0, kind);
        // The last key of a range of several fields, an expression, and several.
        if [10, 7, 11].into_iter().any(|kind| part(kind).is_some()) {
            return None;
        }
        let key = <[u8; 2]>::try_from(attribute(part(1)?, 0, 1)?).ok()?;
        let flags = part(3).and_then(be32).unwrap_or(0);
        Some((u16::from_be_bytes(key), flags & INTERVAL_END != 0))
    };
    Attributes::new(list, 0)
        .map(|e| e.ok().and_then(|(_, e)| element(e)))
        .collect()
}

/// Where a target `DNAT` or `REDIRECT` of iptables sends packets: the first and the last address, the first and the last port, as far as
/// it says. `None` if it makes no sense, or counts ports or addresses on from those that were asked for. In host order stand the flags,
/// `NF_NAT_RANGE_*` of `linux/netfilter/nf_nat.h`.
///
/// ```text
///  nf_nat_ipv4_multi_range_compat   0 count   4 flags  8 min_ip  12 max_ip  16 min  18 max
///  nf_nat_range                     0 flags   4 min_addr  20 max_addr  36 min  38 max
/// ```
#[must_use]
pub fn target(info: &[u8], family: u8) -> Option<Target> {
    const HAS_ADDRESS: u32 = 1;
    const HAS_PORT: u32 = 2;
    const COUNTS_ON: u32 = 0x20 | 0x40;
    const IPV6: u8 = 10;
    let is_short = info.len() < 36;
    let (flags_at, address_at, port_at) = if is_short { (4, 8, 16) } else { (0, 4, 36) };
    let flags = array(info, flags_at).map(u32::from_ne_bytes)?;
    let address = |n: usize| {
        let at = address_at + n * if is_short { 4 } else { 16 };
        if family == IPV6 && !is_short {
            array::<16>(info, at).map(IpAddr::from)
        } else {
            array::<4>(info, at).map(IpAddr::from)
        }
    };
    let port = |n: usize| array(info, port_at + 2 * n).map(u16::from_be_bytes);
    if flags & COUNTS_ON != 0 {
        return None;
    }
    let mut found = Target::default();
    if flags & HAS_ADDRESS != 0 {
        found.address = Some((address(0)?, address(1)?));
    }
    if flags & HAS_PORT != 0 {
        found.port = Some((port(0)?, port(1)?));
    }
    Some(found)
}

/// Where a target of iptables sends packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The first and the last address.
    pub address: Option<(IpAddr, IpAddr)>,
    /// The first and the last port.
    pub port: Option<(u16, u16)>,
}

/// Whether a match `addrtype` of iptables asks for nothing but that the destination is one of this host's, or is not. `None` if it asks
/// for more, or for something else: `linux/netfilter/xt_addrtype.h`, in host order.
///
/// ```text
///  xt_addrtype_info_v1  0 source  2 destination  4 flags
///  xt_addrtype_info     0 source  2 destination  4 source inverted  8 destination inverted
/// ```
#[must_use]
pub fn matched_local(info: &[u8]) -> Option<bool> {
    const LOCAL: u16 = 1 << 2;
    const INVERT_DESTINATION: u32 = 2;
    let word = |at| array(info, at).map(u32::from_ne_bytes);
    if (u16_at(info, 0)?, u16_at(info, 2)?) != (0, LOCAL) {
        return None;
    }
    if info.len() >= 12 {
        return Some(word(8)? == 0);
    }
    match word(4)? {
        0 => Some(true),
        INVERT_DESTINATION => Some(false),
        _ => None,
    }
}

/// The destination ports of a match of iptables: of `tcp` and `udp`, one range, and of `multiport`, single ones. `None` if it says more
/// than that.
///
/// ```text
///  xt_tcp            0 source  4 from  6 to  8 option, flags  11 inverted
///  xt_udp            0 source  4 from  6 to  8 inverted
///  xt_multiport_v1   0 which  1 count  2 ports[15]  32 ranges[15]  47 inverted
/// ```
#[must_use]
pub fn matched_ports(name: &[u8], info: &[u8]) -> Option<Vec<RangeInclusive<u16>>> {
    const DESTINATION: u8 = 1;
    let inverted = match name {
        b"tcp" => 11,
        b"udp" => 8,
        b"multiport" => 47,
        _ => return None,
    };
    if u8_at(info, inverted)? != 0 {
        return None;
    }
    if name != b"multiport" {
        let any_source = (u16_at(info, 0)?, u16_at(info, 2)?) == (0, u16::MAX);
        let any_flags = name == b"udp" || array::<3>(info, 8)? == [0; 3];
        let range = u16_at(info, 4)?..=u16_at(info, 6)?;
        return (any_source && any_flags).then(|| vec![range]);
    }
    let count = usize::from(u8_at(info, 1)?).min(15);
    let has_ranges = info.get(32..47)?.iter().any(|&b| b != 0);
    if u8_at(info, 0)? != DESTINATION || has_ranges {
        return None;
    }
    (0..count)
        .map(|n| u16_at(info, 2 + 2 * n).map(|port| port..=port))
        .collect()
}

fn be32(bytes: &[u8]) -> Option<u32> {
    array(bytes, 0).map(u32::from_be_bytes)
}

/// A name without the NUL that ends it.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|&b| b == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<_> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let digit = |b: u8| (b as char).to_digit(16).unwrap() as u8;
        digits
            .chunks(2)
            .map(|c| digit(c[0]) << 4 | digit(c[1]))
            .collect()
    }

    /// `tcp dport 20501 redirect to :20502` in `ip nat out`, as Linux 6.18 sends it.
    const REDIRECT: &str = "02000003 08000100 6e617400 08000200 6f757400 0c010400 \
        24000100 09000100 6d657461 00000000 14000200 08000200 00000010 08000100 00000001 \
        2c000100 08000100 636d7000 20000200 08000100 00000001 08000200 00000000 0c000300 05000100 06000000 \
        34000100 0c000100 7061796c 6f616400 24000200 08000100 00000001 08000200 00000002 08000300 00000002 \
        08000400 00000002 \
        2c000100 08000100 636d7000 20000200 08000100 00000001 08000200 00000000 0c000300 06000100 50150000 \
        2c000100 0e000100 696d6d65 64696174 65000000 18000200 08000100 00000001 0c000200 06000100 50160000 \
        2c000100 0a000100 72656469 72000000 1c000200 08000100 00000001 08000200 00000001 08000300 00000002";

    #[test]
    fn a_rule_is_read() {
        let payload = bytes(REDIRECT);
        let rule = Rule::decode(&payload).unwrap();
        assert_eq!(
            (rule.family, rule.table, rule.chain),
            (2, &b"nat"[..], &b"out"[..])
        );
        let port = |value| Expression::Compare {
            register: 8,
            operation: 0,
            value,
        };
        assert_eq!(
            rule.expressions,
            [
                Expression::Meta {
                    register: 8,
                    key: 16
                },
                port(&[6]),
                Expression::Payload {
                    register: 8,
                    base: 2,
                    offset: 2,
                    length: 2
                },
                port(&[0x50, 0x15]),
                Expression::Immediate {
                    register: 8,
                    value: &[0x50, 0x16]
                },
                Expression::Redirect { port: Some((8, 8)) },
            ]
        );
    }

    /// `-m multiport --dports 99,98 -j DNAT --to-destination 10.2.2.2:90`, the data that iptables 1.8.9 made.
    #[test]
    fn matches_and_targets_of_iptables_are_read() {
        let mut ports = bytes("010263006200");
        ports.resize(48, 0);
        assert_eq!(
            matched_ports(b"multiport", &ports),
            Some(vec![99..=99, 98..=98])
        );
        let mut dnat = bytes("030000000a020202");
        dnat.resize(20, 0);
        dnat.extend([10, 2, 2, 2]);
        dnat.resize(36, 0);
        dnat.extend([0, 90, 0, 90, 0, 0, 0, 0]);
        let to = IpAddr::from([10, 2, 2, 2]);
        let told = Target {
            address: Some((to, to)),
            port: Some((90, 90)),
        };
        dnat[20..24].copy_from_slice(&[10, 2, 2, 2]);
        assert_eq!(target(&dnat, 2), Some(told));
        let one = bytes("01000000 02000000 00000000 00000000 270e 270f");
        let told = Target {
            address: None,
            port: Some((0x270e, 0x270f)),
        };
        assert_eq!(target(&one, 2), Some(told));
        // Ports that are counted on, and data that is cut short.
        assert_eq!(
            target(&bytes("01000000 22000000 00000000 00000000 270e 270f"), 2),
            None
        );
        assert_eq!(target(&bytes("01000000 02000000"), 2), None);
        let tcp = [0u16, u16::MAX, 80, 90].map(u16::to_ne_bytes).concat();
        let tcp = [&tcp[..], &[0; 4]].concat();
        assert_eq!(matched_ports(b"tcp", &tcp), Some(vec![80..=90]));
        assert_eq!(matched_ports(b"udp", &tcp), Some(vec![80..=90]));
    }

    #[test]
    fn an_address_type_is_that_of_this_host_or_unread() {
        let info = |source: u16, destination: u16, flags: u32| {
            let halves = [source, destination].map(u16::to_ne_bytes).concat();
            [&halves[..], &flags.to_ne_bytes()].concat()
        };
        assert_eq!(matched_local(&info(0, 4, 0)), Some(true));
        assert_eq!(matched_local(&info(0, 4, 2)), Some(false));
        // Of the interface that it came by; broadcast, too; the source.
        for other in [info(0, 4, 4), info(0, 12, 0), info(4, 4, 0), info(4, 0, 0)] {
            assert_eq!(matched_local(&other), None);
        }
        // The first revision has two words.
        for (inverted, is_local) in [(0u32, true), (1, false)] {
            let old = [info(0, 4, 0), inverted.to_ne_bytes().to_vec()].concat();
            assert_eq!(matched_local(&old), Some(is_local));
        }
    }

    #[test]
    fn only_ports_are_read_as_elements() {
        let nested = |kind: u8, inner: &[u8]| {
            let mut bytes = vec![inner.len() as u8 + 4, 0, kind, 0];
            bytes.extend(inner);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let message = |parts: &[u8]| [vec![2, 0, 0, 0], nested(3, &nested(1, parts))].concat();
        let key = |bytes: &[u8]| nested(1, &nested(1, bytes));
        let end = nested(3, &[0, 0, 0, 1]);
        assert_eq!(
            port_elements(&message(&key(&[0, 53]))),
            Some(vec![(53, false)])
        );
        let last = [key(&[0, 54]), end].concat();
        assert_eq!(port_elements(&message(&last)), Some(vec![(54, true)]));
        // A port and an address; what no key holds for; what has a limit.
        assert_eq!(
            port_elements(&message(&key(&[0, 53, 0, 0, 127, 0, 0, 1]))),
            None
        );
        assert_eq!(port_elements(&message(&nested(3, &[0, 0, 0, 2]))), None);
        let limited = [key(&[0, 53]), nested(7, &[])].concat();
        assert_eq!(port_elements(&message(&limited)), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            at in 0usize..300,
        ) {
            let _ = (Rule::decode(&bytes), Chain::decode(&bytes), port_elements(&bytes));
            let _ = (target(&bytes, 2), target(&bytes, 10), matched_local(&bytes));
            for name in [&b"tcp"[..], b"udp", b"multiport"] {
                let _ = matched_ports(name, &bytes);
            }
            let mut damaged = super::tests::bytes(REDIRECT);
            if let (Some(slot), Some(byte)) = (damaged.get_mut(at), bytes.first()) {
                *slot = *byte;
            }
            let _ = Rule::decode(&damaged);
        }
    }
}
