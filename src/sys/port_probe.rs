//! Asks the kernel whether connect() may use one local port, without sending anything.
//!
//! For TCP `TCP_FASTOPEN_CONNECT` with `TCP_FASTOPEN_NO_COOKIE` lets connect() choose and take a port and puts the SYN off until there
//! is data (`tcp_fastopen_defer_connect` of `net/ipv4/tcp_fastopen.c`), which never comes. `IP_LOCAL_PORT_RANGE` leaves it one port
//! to choose. The peer is an address of 127/8 at port 1, whose 4-tuples nobody uses: aimed at a real flow the probe would
//! take over its TIME_WAITs. Never with bind(): that writes into the bucket and may close it.
//!
//! The kernel counts nothing and sends nothing, also at the end. Who watches system calls (audit, seccomp, cgroup hooks) sees
//! it.

use nix::libc;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::TcpFastOpenConnect;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

/// `linux/in.h`; two ports in one number, the low one in the low half.
const IP_LOCAL_PORT_RANGE: libc::c_int = 51;
/// `linux/tcp.h`.
const TCP_FASTOPEN_NO_COOKIE: libc::c_int = 34;
/// tcpmux, to which nobody connects.
const PEER_PORT: u16 = 1;

#[derive(Clone, Copy, Debug)]
struct LocalPortRange;
nix::setsockopt_impl!(
    LocalPortRange,
    libc::IPPROTO_IP,
    IP_LOCAL_PORT_RANGE,
    u32,
    nix::sys::socket::sockopt::SetStruct<'_, u32>
);

#[derive(Clone, Copy, Debug)]
struct FastOpenNoCookie;
nix::setsockopt_impl!(
    FastOpenNoCookie,
    libc::IPPROTO_TCP,
    TCP_FASTOPEN_NO_COOKIE,
    bool,
    nix::sys::socket::sockopt::SetBool
);

/// Why the probe says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The kernel lacks `IP_LOCAL_PORT_RANGE` (6.3).
    NoPortRange,
    /// The kernel did not put the SYN off, so the probe ends before another packet is sent.
    NotDeferred,
    /// Another error.
    Failed(Errno),
}

/// The peer of this process's probes: its own address of 127/8, so that two probes at a time do not meet.
#[must_use]
pub fn peer() -> SocketAddrV4 {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    // 127.255.255.255 is a broadcast address; process ids end far below.
    SocketAddrV4::new(Ipv4Addr::new(127, a & 0x7f, b, c), PEER_PORT)
}

/// Whether connect() of a TCP socket may use `port`.
///
/// # Errors
/// If the kernel cannot be asked.
pub fn tcp(port: u16) -> Result<bool, Refusal> {
    let socket = socket(SocketType::STREAM, port)?;
    let set = |result: nix::Result<()>| {
        result.map_err(|errno| Refusal::Failed(Errno::from_raw_os_error(errno as i32)))
    };
    set(setsockopt(&socket, TcpFastOpenConnect, &true))?;
    set(setsockopt(&socket, FastOpenNoCookie, &true))?;
    match rustix::net::connect(&socket, &peer()) {
        Ok(()) => Ok(true),
        Err(Errno::ADDRNOTAVAIL) => Ok(false),
        Err(Errno::INPROGRESS) => Err(Refusal::NotDeferred),
        Err(errno) => Err(Refusal::Failed(errno)),
    }
}

/// Whether an unbound UDP socket may get `port`. Connecting a UDP socket sends nothing.
///
/// # Errors
/// If the kernel cannot be asked.
pub fn udp(port: u16) -> Result<bool, Refusal> {
    let socket = socket(SocketType::DGRAM, port)?;
    match rustix::net::connect(&socket, &peer()) {
        Ok(()) => Ok(true),
        Err(Errno::AGAIN | Errno::ADDRNOTAVAIL) => Ok(false),
        Err(errno) => Err(Refusal::Failed(errno)),
    }
}

/// A socket to which the kernel can give no port but `port`.
fn socket(kind: SocketType, port: u16) -> Result<OwnedFd, Refusal> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let protocol = (kind == SocketType::STREAM).then_some(ipproto::TCP);
    let socket = rustix::net::socket_with(AddressFamily::INET, kind, flags, protocol)
        .map_err(Refusal::Failed)?;
    let range = u32::from(port) << 16 | u32::from(port);
    match setsockopt(&socket, LocalPortRange, &range) {
        Ok(()) => Ok(socket),
        Err(nix::errno::Errno::ENOPROTOOPT) => Err(Refusal::NoPortRange),
        Err(errno) => Err(Refusal::Failed(Errno::from_raw_os_error(errno as i32))),
    }
}
