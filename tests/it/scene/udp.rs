//! UDP and raw sockets.

use super::address;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;

/// A UDP socket on any port of an address.
pub(crate) fn bound(ip: &str) -> UdpSocket {
    UdpSocket::bind(super::tcp::any_port(ip)).unwrap()
}

/// A UDP socket that is not bound yet.
pub(crate) fn unbound(family: AddressFamily) -> OwnedFd {
    rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None).unwrap()
}

/// A UDP socket on an address of its own, connected to another one.
pub(crate) fn connected(ip: &str, to: &UdpSocket) -> UdpSocket {
    let socket = bound(ip);
    socket.connect(to.local_addr().unwrap()).unwrap();
    socket
}

/// A raw socket for one IP protocol.
pub(crate) fn raw(family: AddressFamily, protocol: u32) -> OwnedFd {
    let protocol = Protocol::from_raw(protocol.try_into().unwrap());
    let flags = SocketFlags::CLOEXEC;
    rustix::net::socket_with(family, SocketType::RAW, flags, Some(protocol)).unwrap()
}

/// Binds and connects a raw socket within one address.
pub(crate) fn connect_raw(fd: &OwnedFd, ip: &str) -> SocketAddr {
    let here = super::tcp::any_port(ip);
    rustix::net::bind(fd, &here).unwrap();
    rustix::net::connect(fd, &here).unwrap();
    address(fd)
}

/// The name of an IP protocol on this machine, where it has one: what stands for the service.
pub(crate) fn protocol_name(number: u16) -> Option<String> {
    let text = std::fs::read_to_string("/etc/protocols").unwrap_or_default();
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next().filter(|n| !n.starts_with('#'))?;
        (words.next()?.parse() == Ok(number)).then(|| name.to_owned())
    })
}
