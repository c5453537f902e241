//! TCP connections over loopback, both ends of each.

use super::Made;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

/// The listeners of one process.
pub(super) struct Listeners {
    v4: TcpListener,
    v6: TcpListener,
    /// Port 443, for the case that filters.
    https: TcpListener,
}

impl Listeners {
    /// How many there are.
    const COUNT: usize = 3;

    /// Listeners on ports, and over IPv4 on an address, that no other process has: so no flow runs
    /// out of local ports.
    pub(super) fn new(number: usize) -> Self {
        let [low, high, ..] = number.to_le_bytes();
        let own = Ipv4Addr::new(127, high, low, 1).into();
        Self {
            v4: listener(own, 0),
            v6: listener(Ipv6Addr::LOCALHOST.into(), 0),
            https: listener(own, 443),
        }
    }

    /// The two ends of a new connection: who connected, who accepted. Three in ten are over IPv6. Two in a hundred go to port 443,
    /// so that one socket in a hundred has it as its peer's.
    pub(super) fn connect(&self, number: usize) -> (TcpStream, TcpStream) {
        let server = match number % 50 {
            49 => &self.https,
            n if n % 10 < 3 => &self.v6,
            _ => &self.v4,
        };
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
    held.extend([
        listeners.v4.into(),
        listeners.v6.into(),
        listeners.https.into(),
    ]);
    Made {
        count: held.len(),
        held,
    }
}

fn listener(ip: IpAddr, port: u16) -> TcpListener {
    TcpListener::bind(SocketAddr::new(ip, port)).unwrap()
}
