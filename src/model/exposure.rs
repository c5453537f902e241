//! From where a socket that waits for strangers can be reached, as far as its own address and interface say.
//!
//! Firewalls, routes and translators are not looked at: they may keep out what the socket lets in.

use super::{IfIndex, InetEnds, Port, Protocol, Socket, State};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The loopback interface has this number in every network namespace: `LOOPBACK_IFINDEX` of `include/net/flow.h`.
const LOOPBACK: u32 = 1;

/// From where a listener can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exposure {
    /// From this host only.
    Loopback,
    /// Through one interface: any address, and bound to it (`SO_BINDTODEVICE`).
    Device,
    /// At an address that the internet does not route: RFC 1918, RFC 4193, RFC 6598 and link-local ones.
    Private,
    /// At a multicast address, by whoever can send to that group.
    Multicast,
    /// At one other address.
    Global,
    /// At every address of this host.
    Any,
}

impl Exposure {
    /// Every class, with its word in filters and the JSON contract.
    pub const WORDS: [(Self, &'static str); 6] = [
        (Self::Loopback, "loopback"),
        (Self::Device, "device"),
        (Self::Private, "private"),
        (Self::Multicast, "multicast"),
        (Self::Global, "global"),
        (Self::Any, "any"),
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(class, _)| *class == self);
        found.map_or("", |(_, word)| word)
    }

    /// The class of a socket: `None` for one that waits for nobody, and `Some(None)` where the source does not tell
    /// whether it is bound to an interface.
    #[must_use]
    pub fn of(socket: &Socket) -> Option<Option<Self>> {
        let ends = socket.inet().filter(|_| waits_for_strangers(socket))?;
        let local = ends.local.to_canonical();
        // Only netlink, which gives a cookie to every socket, tells the interface.
        let untold = ends.interface.is_none() && socket.cookie.is_none();
        Some(match Self::of_address(local) {
            Self::Any if untold => None,
            Self::Any => Some(Self::through(ends.interface)),
            narrower => Some(narrower),
        })
    }

    fn through(interface: Option<IfIndex>) -> Self {
        match interface.map(|index| index.0.get()) {
            None => Self::Any,
            Some(LOOPBACK) => Self::Loopback,
            Some(_) => Self::Device,
        }
    }

    fn of_address(address: IpAddr) -> Self {
        match address {
            _ if address.is_unspecified() => Self::Any,
            _ if address.is_loopback() => Self::Loopback,
            _ if address.is_multicast() => Self::Multicast,
            IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() || is_shared(v4) => {
                Self::Private
            }
            IpAddr::V6(v6) if is_unique_local(v6) || is_link_local(v6) => Self::Private,
            _ => Self::Global,
        }
    }
}

/// RFC 6598, for carriers' translators: 100.64.0.0/10.
const fn is_shared(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [100, 64..=127, ..])
}

/// RFC 4193: fc00::/7.
const fn is_unique_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xfe00 == 0xfc00
}

/// RFC 4291 §2.5.6: fe80::/10.
const fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

/// Whether whoever reaches it can talk to it: a listener, or a UDP socket with a port and without a peer.
fn waits_for_strangers(socket: &Socket) -> bool {
    let has_port = |ends: &InetEnds| ends.local_port.0 != 0;
    match socket.protocol {
        Protocol::Udp | Protocol::UdpLite => {
            socket.inet().is_some_and(|e| has_port(e) && !e.has_peer())
        }
        _ => socket.state == State::Listen,
    }
}

/// What IANA gives a port out for, RFC 6335 §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortRange {
    /// 0 to 1023, for system services.
    WellKnown,
    /// 1024 to 49151, for who registered it.
    Registered,
    /// 49152 to 65535, for nobody in particular.
    Dynamic,
}

impl PortRange {
    /// The range that a port is in.
    #[must_use]
    pub const fn of(port: Port) -> Self {
        match port.0 {
            0..=1023 => Self::WellKnown,
            1024..=49151 => Self::Registered,
            49152.. => Self::Dynamic,
        }
    }

    /// The word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::WellKnown => "well-known",
            Self::Registered => "registered",
            Self::Dynamic => "dynamic",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cookie, Ends, Family, Queues};
    use std::num::NonZeroU64;

    fn listener(address: &str) -> Socket {
        let local: IpAddr = address.parse().unwrap();
        Socket {
            protocol: Protocol::Tcp,
            family: if local.is_ipv4() {
                Family::Inet
            } else {
                Family::Inet6
            },
            state: State::Listen,
            v6only: None,
            shutdown: None,
            ends: Ends::Inet(InetEnds {
                local,
                peer: Ipv4Addr::UNSPECIFIED.into(),
                local_port: Port(80),
                peer_port: Port(0),
                interface: None,
            }),
            queues: Queues::Unknown,
            timer: None,
            uid: None,
            inode: None,
            cookie: NonZeroU64::new(1).map(Cookie),
            mark: None,
            cgroup: None,
            details: None,
        }
    }

    fn ends(socket: &mut Socket) -> &mut InetEnds {
        match &mut socket.ends {
            Ends::Inet(ends) => ends,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn addresses_are_classed() {
        for (class, addresses) in [
            (Exposure::Any, &["0.0.0.0", "::", "::ffff:0.0.0.0"][..]),
            (
                Exposure::Loopback,
                &["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"],
            ),
            (
                Exposure::Private,
                &[
                    "10.0.0.1",
                    "172.16.0.1",
                    "172.31.255.255",
                    "192.168.1.1",
                    "169.254.1.1",
                    "100.64.0.1",
                    "100.127.255.255",
                    "fd00::1",
                    "fe80::1",
                    "febf::1",
                    "::ffff:10.1.1.1",
                ],
            ),
            (
                Exposure::Global,
                &[
                    "192.0.2.1",
                    "172.32.0.1",
                    "100.128.0.1",
                    "100.63.255.255",
                    "2001:db8::1",
                    "fec0::1",
                    "::ffff:8.8.8.8",
                ],
            ),
            (Exposure::Multicast, &["224.0.0.251", "ff02::fb"]),
        ] {
            for address in addresses {
                let found = Exposure::of(&listener(address));
                assert_eq!(found, Some(Some(class)), "{address}");
            }
        }
    }

    #[test]
    fn an_interface_narrows_any_address_only() {
        let through = |address: &str, interface| {
            let mut socket = listener(address);
            ends(&mut socket).interface = IfIndex::new(interface);
            Exposure::of(&socket).unwrap().unwrap()
        };
        assert_eq!(through("0.0.0.0", 1), Exposure::Loopback);
        assert_eq!(through("::", 7), Exposure::Device);
        assert_eq!(through("fe80::1", 7), Exposure::Private);
        assert_eq!(through("127.0.0.1", 7), Exposure::Loopback);
    }

    #[test]
    fn what_proc_does_not_tell_is_unknown() {
        let mut any = listener("0.0.0.0");
        any.cookie = None;
        assert_eq!(Exposure::of(&any), Some(None));
        let mut narrow = listener("127.0.0.1");
        narrow.cookie = None;
        assert_eq!(Exposure::of(&narrow), Some(Some(Exposure::Loopback)));
    }

    #[test]
    fn only_what_waits_for_strangers_has_a_class() {
        let mut connected = listener("0.0.0.0");
        connected.state = State::Established;
        assert_eq!(Exposure::of(&connected), None);
        let mut udp = listener("0.0.0.0");
        (udp.protocol, udp.state) = (Protocol::Udp, State::Close);
        assert_eq!(Exposure::of(&udp), Some(Some(Exposure::Any)));
        ends(&mut udp).peer_port = Port(53);
        assert_eq!(Exposure::of(&udp), None);
        ends(&mut udp).peer_port = Port(0);
        ends(&mut udp).local_port = Port(0);
        assert_eq!(Exposure::of(&udp), None);
        let mut raw = listener("0.0.0.0");
        (raw.protocol, raw.state) = (Protocol::Raw, State::Close);
        assert_eq!(Exposure::of(&raw), None);
    }

    #[test]
    fn ports_are_in_the_ranges_of_iana() {
        let word = |port| PortRange::of(Port(port)).word();
        assert_eq!([word(1), word(1023)], ["well-known"; 2]);
        assert_eq!([word(1024), word(49151)], ["registered"; 2]);
        assert_eq!([word(49152), word(65535)], ["dynamic"; 2]);
    }

    #[test]
    fn every_class_has_its_word() {
        for (class, word) in Exposure::WORDS {
            assert_eq!(class.word(), word);
        }
    }
}
