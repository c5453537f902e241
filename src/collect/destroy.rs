//! Closing sockets in the kernel, whoever holds them.

use super::pinned::Refused;
use super::rtnetlink::{Answer, AskError, ask_over};
use crate::model::{Protocol, Socket};
use crate::sys::netlink::Netlink;
use crate::wire::inet_diag::{FAMILY_INET, FAMILY_INET6};
use crate::wire::sock_destroy::{self, Target};
use rustix::io::Errno;
use std::io;

/// Closes one socket, found by its cookie: one that took its place is left alone.
///
/// # Errors
/// [`Refused::Gone`] if it is not there any more, or is one that the kernel does not close; [`Refused::Permission`] without
/// `CAP_NET_ADMIN`; `EOPNOTSUPP` where the kernel cannot close any (`CONFIG_INET_DIAG_DESTROY`), or none of this kind.
pub fn destroy(socket: &Socket) -> Result<(), Refused> {
    let target = target(socket).ok_or(Refused::from(Errno::OPNOTSUPP))?;
    let mut netlink = Netlink::sock_diag().map_err(refused)?;
    let request = |sequence| sock_destroy::request(&target, sequence);
    ask_over(&mut netlink, request, Answer::Dump, |_, _| {}).map_err(|error| match error {
        AskError::Refused(error) | AskError::Unasked(error) => refused(error),
    })
}

/// Whether the kernel can be asked to close such a socket at all.
#[must_use]
pub fn is_possible(socket: &Socket) -> bool {
    target(socket).is_some()
}

fn target(socket: &Socket) -> Option<Target> {
    let ends = socket.inet()?;
    Some(Target {
        family: if ends.local.is_ipv4() {
            FAMILY_INET
        } else {
            FAMILY_INET6
        },
        protocol: match socket.protocol {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            _ => return None,
        },
        src: ends.local,
        dst: ends.peer,
        sport: ends.local_port.0,
        dport: ends.peer_port.0,
        interface: ends.interface.map_or(0, |index| index.0.get()),
        // Without one, another socket could be meant by now.
        cookie: socket.cookie?.0.get(),
    })
}

fn refused(error: io::Error) -> Refused {
    Errno::from_io_error(&error).map_or(Refused::Error(0), Refused::from)
}
