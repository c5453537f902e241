//! TCP connections over loopback, both ends of each.

use super::Made;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

/// The listeners of one process.
pub(super) struct Listeners {
    v4: TcpListener,
    v6: TcpListener,
}

impl Listeners {
    /// How many there are.
    const COUNT: usize = 2;

    /// Listeners on ports, and over IPv4 on an address, that no other process has: so no flow runs
    /// out of local ports.
    pub(super) fn new(number: usize) -> Self {
        let [low, high, ..] = number.to_le_bytes();
        Self {
            v4: listener(Ipv4Addr::new(127, high, low, 1).into()),
            v6: listener(Ipv6Addr::LOCALHOST.into()),
        }
    }

    /// The two ends of a new connection, three in ten over IPv6: who connected, who accepted.
    pub(super) fn connect(&self, number: usize) -> (TcpStream, TcpStream) {
        let server = if number % 10 < 3 { &self.v6 } else { &self.v4 };
        let client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        let (accepted, _) = server.accept().unwrap();
        (client, accepted)
    }
}

/// Makes so many sockets, listeners included; one less if the number is odd.
pub(super) fn make(sockets: usize, number: usize) -> Made {
    let listeners = Listeners::new(number);
    let mut held = Vec::with_capacity(sockets);
    for pair in 0..sockets.saturating_sub(Listeners::COUNT) / 2 {
        let (mut client, accepted) = listeners.connect(pair);
        // One in twenty with bytes that nobody reads.
        if pair % 20 == 0 {
            client.write_all(&[0; 100]).unwrap();
        }
        held.extend([client.into(), accepted.into()]);
    }
    held.extend([listeners.v4.into(), listeners.v6.into()]);
    Made {
        count: held.len(),
        held,
    }
}

fn listener(ip: IpAddr) -> TcpListener {
    TcpListener::bind(SocketAddr::new(ip, 0)).unwrap()
}
