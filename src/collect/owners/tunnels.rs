//! UDP ports that the kernel itself has a socket on, for tunnel devices.

use crate::model::{Protocol, Socket, TunnelDevice, Uid};
use crate::sys::netlink::{DATAGRAM_LEN, Datagrams, Netlink};
use crate::wire::{link, nlmsg};
use rustc_hash::{FxHashMap, FxHashSet};
use std::io;

/// The tunnel devices of this network namespace that are up.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    /// The ports of those that tell theirs.
    ports: FxHashMap<u16, Vec<TunnelDevice>>,
    /// How many there are that do not: WireGuard's.
    wireguards: usize,
}

impl Tunnels {
    /// What the kernel says. Nothing too if it does not say: then a socket on such a port has to do without a reason.
    pub(super) fn read() -> Self {
        Netlink::route()
            .and_then(|mut netlink| dump(&mut netlink))
            .unwrap_or_default()
    }

    /// The tunnels that `socket`, which no process holds, is one of.
    pub(super) fn at(&self, socket: &Socket) -> Option<&[TunnelDevice]> {
        let ends = socket.inet()?;
        let found = self.ports.get(&ends.local_port.0).map(Vec::as_slice);
        found.filter(|_| socket.protocol == Protocol::Udp && !ends.has_peer())
    }

    /// Whether there are enough WireGuard devices for all of `sockets` that look like theirs: each has one port, in both families.
    pub(super) fn may_be_wireguards(&self, sockets: &[&Socket]) -> bool {
        let alike = sockets.iter().filter(|socket| is_like_wireguard(socket));
        let ports: FxHashSet<_> = alike.filter_map(|s| Some(s.inet()?.local_port)).collect();
        !ports.is_empty() && ports.len() <= self.wireguards
    }
}

/// Whether a socket that no process holds looks like WireGuard's: root's, at every address, for everybody.
pub(super) fn is_like_wireguard(socket: &Socket) -> bool {
    socket.protocol == Protocol::Udp
        && socket.uid == Some(Uid(0))
        && (socket.inet())
            .is_some_and(|e| e.local.is_unspecified() && !e.has_peer() && e.interface.is_none())
}

fn dump(netlink: &mut dyn Datagrams) -> io::Result<Tunnels> {
    const SEQUENCE: u32 = 1;
    let mut buffer = vec![0; DATAGRAM_LEN];
    let mut tunnels = Tunnels::default();
    netlink.send(&link::dump_request(SEQUENCE))?;
    loop {
        let length = netlink.receive(&mut buffer)?;
        let datagram = buffer.get(..length).unwrap_or_default();
        for message in nlmsg::Messages::new(datagram) {
            let (header, payload) = message.map_err(io::Error::other)?;
            match header.kind {
                _ if header.sequence != SEQUENCE => {}
                link::NEW_LINK => {
                    if let Some(link::Tunnel { kind, name, port }) = link::tunnel(payload) {
                        let name = name.into();
                        let there = tunnels.ports.entry(port).or_default();
                        there.push(TunnelDevice { kind, name });
                    }
                    tunnels.wireguards += usize::from(link::is_wireguard(payload));
                }
                nlmsg::DONE | nlmsg::ERROR => return Ok(tunnels),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ends, Family, InetEnds, Inode, Port, Queues, State};
    use std::net::IpAddr;

    fn udp(address: &str, port: u16, uid: u32) -> Socket {
        let local: IpAddr = address.parse().unwrap();
        Socket {
            protocol: Protocol::Udp,
            family: if local.is_ipv4() {
                Family::Inet
            } else {
                Family::Inet6
            },
            state: State::Close,
            v6only: None,
            shutdown: None,
            ends: Ends::Inet(InetEnds {
                local,
                peer: IpAddr::from([0; 4]),
                local_port: Port(port),
                peer_port: Port(0),
                interface: None,
            }),
            queues: Queues::Unknown,
            timer: None,
            uid: Some(Uid(uid)),
            inode: Inode::new(5),
            cookie: None,
            mark: None,
            cgroup: None,
            details: None,
        }
    }

    #[test]
    fn a_wireguard_device_explains_one_port_and_no_more() {
        let devices = |wireguards| Tunnels {
            wireguards,
            ..Tunnels::default()
        };
        let (four, six) = (udp("0.0.0.0", 51820, 0), udp("::", 51820, 0));
        assert!(devices(1).may_be_wireguards(&[&four, &six]));
        assert!(!devices(0).may_be_wireguards(&[&four, &six]));
        let other = udp("0.0.0.0", 51821, 0);
        assert!(!devices(1).may_be_wireguards(&[&four, &other]));
        assert!(devices(2).may_be_wireguards(&[&four, &other]));
        for unlike in [udp("127.0.0.1", 51820, 0), udp("0.0.0.0", 51820, 1000)] {
            assert!(!is_like_wireguard(&unlike));
            assert!(!devices(1).may_be_wireguards(&[&unlike]));
        }
    }
}
