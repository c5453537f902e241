//! Unix sockets: pairs without a name, connections to a listener, and datagram sockets.

use super::Made;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};

/// Makes so many; one less if the number is even, as the listener makes it odd.
pub(super) fn make(sockets: usize, number: usize) -> Made {
    // Abstract names, of which nothing is left behind.
    let name = |rest: String| {
        let name = format!("portctl-bench/{number}/{rest}");
        SocketAddr::from_abstract_name(name).unwrap()
    };
    let at = name("listener".to_owned());
    let listener = UnixListener::bind_addr(&at).unwrap();
    let mut held: Vec<OwnedFd> = Vec::with_capacity(sockets);
    for pair in 0..sockets.saturating_sub(1) / 2 {
        held.extend(match pair % 10 {
            0 => ["a", "b"].map(|end| {
                let name = name(format!("datagram-{pair}{end}"));
                UnixDatagram::bind_addr(&name).unwrap().into()
            }),
            1..4 => {
                let client = UnixStream::connect_addr(&at).unwrap();
                [client.into(), listener.accept().unwrap().0.into()]
            }
            _ => {
                let (one, other) = UnixStream::pair().unwrap();
                [one.into(), other.into()]
            }
        });
    }
    held.push(listener.into());
    Made {
        count: held.len(),
        held,
    }
}
