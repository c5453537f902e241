//! Binds that are tried and undone, and connects that reach nobody: what only the kernel can answer.

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, ipproto, socket_with,
    sockopt,
};
use std::net::SocketAddr;
use std::path::Path;

/// The options of a socket that a bind is tried with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `SO_REUSEADDR`.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// `IPV6_V6ONLY`, of IPv6 sockets only.
    pub v6only: bool,
}

/// Binds a socket of its own and closes it at once: it never listens, and nothing can connect to it. Until it is closed, some
/// microseconds later, another program's bind of the same port may fail.
///
/// # Errors
/// As socket(2), setsockopt(2) and bind(2).
pub fn try_bind(stream: bool, address: SocketAddr, options: Options) -> Result<(), Errno> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let (kind, protocol) = if stream {
        (SocketType::STREAM, ipproto::TCP)
    } else {
        (SocketType::DGRAM, ipproto::UDP)
    };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, Some(protocol))?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, options.v6only)?;
    }
    sockopt::set_socket_reuseaddr(&socket, options.reuse_address)?;
    sockopt::set_socket_reuseport(&socket, options.reuse_port)?;
    bind(&socket, &address)
}

/// Binds a unix socket to an abstract name, and closes it at once.
///
/// # Errors
/// As socket(2) and bind(2).
pub fn try_bind_abstract(name: &[u8]) -> Result<(), Errno> {
    let address = SocketAddrUnix::new_abstract_name(name)?;
    let socket = unix_socket(SocketType::STREAM)?;
    bind(&socket, &address)
}

/// Whether an IPv6 socket can be made.
#[must_use]
pub fn has_ipv6() -> bool {
    let flags = SocketFlags::CLOEXEC;
    socket_with(AddressFamily::INET6, SocketType::DGRAM, flags, None).is_ok()
}

/// What answers at the file of a unix socket: `Ok(true)` an open socket, `Ok(false)` none.
///
/// A datagram socket connects. To a stream server that is a socket of the wrong type (`EPROTOTYPE`), of which it learns nothing; a
/// datagram server learns of peers only by what they send.
///
/// # Errors
/// As connect(2) where that tells nothing, such as `EACCES`.
pub fn unix_socket_is_open(path: &Path) -> Result<bool, Errno> {
    let socket = unix_socket(SocketType::DGRAM)?;
    match connect(&socket, &SocketAddrUnix::new(path)?) {
        // A datagram socket that is connected to another one refuses peers (`EPERM`).
        Ok(()) | Err(Errno::PROTOTYPE | Errno::PERM) => Ok(true),
        Err(Errno::CONNREFUSED) => Ok(false),
        Err(error) => Err(error),
    }
}

fn unix_socket(kind: SocketType) -> Result<rustix::fd::OwnedFd, Errno> {
    socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
}

/// Whether this process may add files to `directory`, by its effective user.
///
/// # Errors
/// As faccessat2(2): `EACCES`, `ENOENT`, `ENOTDIR`, `EROFS`.
pub fn may_add_to(directory: &Path) -> Result<(), Errno> {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    accessat(CWD, directory, access, AtFlags::EACCESS)
}
