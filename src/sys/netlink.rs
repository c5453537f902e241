//! Netlink sockets, netlink(7).

use netlink_sys::{
    Socket, SocketAddr,
    protocols::{NETLINK_NETFILTER, NETLINK_ROUTE, NETLINK_SOCK_DIAG},
};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use std::io;
use std::time::Duration;

/// Room for one datagram: the kernel never sends a larger one in a dump, and larger buffers gain nothing.
pub const DATAGRAM_LEN: usize = 32 * 1024;

/// How long to wait for the next datagram. A dump is produced while it is read, so silence means that something is broken.
const SILENCE: Duration = Duration::from_secs(10);

/// `MSG_TRUNC` of recv(2): report the true length of a datagram that did not fit.
const MSG_TRUNC: i32 = 0x20;

/// Sends requests and receives datagrams. A trait, so that the dump loop can be tested with made-up answers.
pub trait Datagrams {
    /// Sends one request.
    ///
    /// # Errors
    /// As send(2).
    fn send(&mut self, request: &[u8]) -> io::Result<()>;

    /// Receives one datagram from the kernel into `buffer` and returns its length.
    ///
    /// # Errors
    /// As recv(2), and if it did not fit or nothing came for a long time.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// The port that answers must be addressed to.
    fn port(&self) -> u32;
}

/// A socket to one part of the kernel.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    port: u32,
}

impl Netlink {
    /// Opens one to sock_diag(7) in the network namespace of the calling thread. Needs no rights.
    ///
    /// # Errors
    /// As socket(2): a sandbox may forbid it, a kernel may lack it.
    pub fn sock_diag() -> io::Result<Self> {
        Self::open(NETLINK_SOCK_DIAG)
    }

    /// Opens one to rtnetlink(7).
    ///
    /// # Errors
    /// As [`Netlink::sock_diag`].
    pub fn route() -> io::Result<Self> {
        Self::open(NETLINK_ROUTE)
    }

    /// Opens one to netfilter, which answers to `CAP_NET_ADMIN` only.
    ///
    /// # Errors
    /// As [`Netlink::sock_diag`].
    pub fn netfilter() -> io::Result<Self> {
        Self::open(NETLINK_NETFILTER)
    }

    /// Makes the kernel heed every part of a dump request (`NETLINK_GET_STRICT_CHK`), instead of sending everything.
    ///
    /// # Errors
    /// As setsockopt(2): kernels before Linux 4.20 cannot.
    pub fn be_strict(&mut self) -> io::Result<()> {
        self.socket.set_netlink_get_strict_chk(true)
    }

    fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(SILENCE))?;
        let port = socket.bind_auto()?.port_number();
        Ok(Self { socket, port })
    }
}

impl Datagrams for Netlink {
    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let kernel = SocketAddr::new(0, 0);
        retry(|| self.socket.send_to(request, &kernel, 0)).map(|_| ())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let (length, sender) = retry(|| self.socket.recv_from(&mut &mut *buffer, MSG_TRUNC))
                .map_err(|e| match e.kind() {
                    io::ErrorKind::WouldBlock => io::Error::new(
                        io::ErrorKind::TimedOut,
                        format!("no answer for {} seconds", SILENCE.as_secs()),
                    ),
                    _ => e,
                })?;
            if length > buffer.len() {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a datagram of {length} bytes was cut"),
                ));
            }
            // Other processes can send to this socket; only the kernel is port 0.
            if sender.port_number() == 0 {
                return Ok(length);
            }
        }
    }

    fn port(&self) -> u32 {
        self.port
    }
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
