//! Connections that are made to see whether something answers, and closed at once.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// Connects with TCP, waiting so long at most (not zero).
///
/// # Errors
/// As connect(2); also if the socket connected to itself, as happens on a host where nothing listens on an ephemeral port.
pub fn tcp(to: SocketAddr, limit: Duration) -> io::Result<()> {
    let stream = TcpStream::connect_timeout(&to, limit)?;
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(Errno::CONNREFUSED.into());
    }
    Ok(())
}

/// The kinds of unix sockets, unix(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum UnixType {
    Stream,
    Dgram,
    Seqpacket,
}

/// Connects to a path; a queue that is full is no answer.
///
/// # Errors
/// As connect(2).
pub fn unix_path(path: &Path, kind: UnixType) -> io::Result<()> {
    unix(&SocketAddrUnix::new(path)?, kind)
}

/// Connects to an abstract name; a queue that is full is no answer.
///
/// # Errors
/// As connect(2).
pub fn unix_abstract(name: &[u8], kind: UnixType) -> io::Result<()> {
    unix(&SocketAddrUnix::new_abstract_name(name)?, kind)
}

fn unix(to: &SocketAddrUnix, kind: UnixType) -> io::Result<()> {
    let kind = match kind {
        UnixType::Stream => SocketType::STREAM,
        UnixType::Dgram => SocketType::DGRAM,
        UnixType::Seqpacket => SocketType::SEQPACKET,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, kind, flags, None)?;
    Ok(rustix::net::connect(&socket, to)?)
}
