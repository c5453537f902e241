//! TCP sockets in every state.

use super::{Expected, address, describe, port};
use crate::namespace::{self, ELSEWHERE, eventually};
use nix::sys::socket::{setsockopt, sockopt as nix_sockopt};
use rustix::net::{AddressFamily, Protocol, Shutdown, SocketFlags, SocketType, ipproto, sockopt};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

/// Any port of an address.
pub(crate) fn any_port(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 0)
}

/// A TCP socket of the family of `address`.
pub(crate) fn socket(address: SocketAddr, flags: SocketFlags) -> OwnedFd {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = flags | SocketFlags::CLOEXEC;
    rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP)).unwrap()
}

/// A socket bound to an address, and nothing more.
pub(crate) fn bound(to: SocketAddr) -> OwnedFd {
    let fd = socket(to, SocketFlags::empty());
    rustix::net::bind(&fd, &to).unwrap();
    fd
}

/// A listener with this backlog on any port of an address.
pub(crate) fn listener(ip: &str, backlog: i32) -> OwnedFd {
    listener_at(any_port(ip), backlog, None)
}

/// A listener; `v6only` as `IPV6_V6ONLY`.
pub(crate) fn listener_at(at: SocketAddr, backlog: i32, v6only: Option<bool>) -> OwnedFd {
    let fd = socket(at, SocketFlags::empty());
    if let Some(v6only) = v6only {
        sockopt::set_ipv6_v6only(&fd, v6only).unwrap();
    }
    rustix::net::bind(&fd, &at).unwrap();
    rustix::net::listen(&fd, backlog).unwrap();
    fd
}

/// A socket connected to an address.
pub(crate) fn connect(to: SocketAddr) -> OwnedFd {
    TcpStream::connect(to).unwrap().into()
}

/// A socket whose connection attempt is under way.
pub(crate) fn connecting(to: SocketAddr) -> OwnedFd {
    let fd = socket(to, SocketFlags::NONBLOCK);
    let refused = rustix::net::connect(&fd, &to).unwrap_err();
    assert_eq!(refused, rustix::io::Errno::INPROGRESS);
    fd
}

/// Takes one connection out of a listener's queue.
pub(crate) fn accept(listener: &OwnedFd) -> OwnedFd {
    rustix::net::accept_with(listener, SocketFlags::CLOEXEC).unwrap()
}

/// Writes so many bytes.
pub(crate) fn send(fd: &impl AsFd, bytes: usize) {
    let data = vec![b'x'; bytes];
    assert_eq!(rustix::io::write(fd, &data).unwrap(), bytes);
}

/// Closes this end's sending direction: a FIN goes out.
pub(crate) fn finish(fd: &impl AsFd) {
    rustix::net::shutdown(fd, Shutdown::Write).unwrap();
}

/// Reads until the peer's FIN.
pub(crate) fn read_to_end(fd: &OwnedFd) {
    let mut stream = TcpStream::from(fd.try_clone().unwrap());
    stream.read_to_end(&mut Vec::new()).unwrap();
}

/// The two ends of a connection, and the listener it came through.
pub(crate) struct Pair {
    pub(crate) listener: OwnedFd,
    pub(crate) client: OwnedFd,
    pub(crate) server: OwnedFd,
}

impl Pair {
    /// A connection within one address.
    pub(crate) fn on(ip: &str) -> Self {
        let listener = listener(ip, 8);
        let client = connect(address(&listener));
        let server = accept(&listener);
        Self {
            listener,
            client,
            server,
        }
    }

    /// A connection whose client has an address that [`namespace::remove_elsewhere`] takes away.
    /// After that what the server sends is lost, and what the client sends still arrives
    /// (`IP_TRANSPARENT` lets it send from an address that is not local): the states in which a
    /// side waits for an acknowledgement last.
    pub(crate) fn from_elsewhere() -> Self {
        let listener = listener("127.0.0.1", 8);
        let [a, b, c, _] = ELSEWHERE;
        let client = socket(address(&listener), SocketFlags::empty());
        setsockopt(&client, nix_sockopt::IpTransparent, &true).unwrap();
        let from = SocketAddr::from((Ipv4Addr::new(a, b, c, 1), 0));
        rustix::net::bind(&client, &from).unwrap();
        rustix::net::connect(&client, &address(&listener)).unwrap();
        let server = accept(&listener);
        Self {
            listener,
            client,
            server,
        }
    }

    /// Waits until the kernel has the client's end in a state.
    pub(crate) fn client_is(&self, state: u8) {
        await_state(address(&self.client), address(&self.server), state);
    }

    /// Waits until the kernel has the server's end in a state.
    pub(crate) fn server_is(&self, state: u8) {
        await_state(address(&self.server), address(&self.client), state);
    }
}

/// Numbers of states, as /proc/net/tcp has them.
pub(crate) mod number {
    pub(crate) const FIN_WAIT_1: u8 = 4;
    pub(crate) const FIN_WAIT_2: u8 = 5;
    pub(crate) const TIME_WAIT: u8 = 6;
    pub(crate) const CLOSE_WAIT: u8 = 8;
    pub(crate) const LAST_ACK: u8 = 9;
    pub(crate) const CLOSING: u8 = 11;
}

/// Waits until /proc/net has the connection between two addresses in a state. Acknowledgements may
/// take tens of milliseconds; listing before would compare with a state that is about to end.
pub(crate) fn await_state(local: SocketAddr, peer: SocketAddr, state: u8) {
    let what = format!("{local} to {peer} in state {state}");
    let ports = format!("{:04X} ", local.port());
    let peers = format!("{:04X}", peer.port());
    eventually(&what, || {
        ["tcp", "tcp6"].iter().any(|table| {
            let path = format!("/proc/thread-self/net/{table}");
            let text = std::fs::read_to_string(path).unwrap();
            text.lines().any(|line| {
                let mut words = line.split_whitespace().skip(1);
                let (l, p, st) = (words.next(), words.next(), words.next());
                l.is_some_and(|l| l.ends_with(ports.trim_end()))
                    && p.is_some_and(|p| p.ends_with(&peers))
                    && st == Some(&format!("{state:02X}"))
            })
        })
    });
}

/// Sends a lone SYN to a listener from a made-up client: the start of a handshake that nobody
/// will finish. Returns the client's address.
///
/// The client has the broadcast address of `lo`: the listener's answers to it are routed, and TCP
/// drops them silently; any other unused address would answer with a reset and end the attempt.
pub(crate) fn half_open(listener: &OwnedFd) -> SocketAddr {
    const RAW: u32 = 255;
    let client = SocketAddr::from((Ipv4Addr::new(127, 255, 255, 255), 4242));
    let server = address(listener);
    let segment = syn(client, server);
    let protocol = Protocol::from_raw(RAW.try_into().unwrap());
    let raw = rustix::net::socket(AddressFamily::INET, SocketType::RAW, Some(protocol)).unwrap();
    let sent = rustix::net::sendto(&raw, &segment, rustix::net::SendFlags::empty(), &server);
    assert_eq!(sent.unwrap(), segment.len());
    client
}

/// A SYN with its IPv4 header.
fn syn(client: SocketAddr, server: SocketAddr) -> Vec<u8> {
    const TCP: u8 = 6;
    let octets = |a: SocketAddr| match a.ip() {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(_) => panic!("IPv4 only"),
    };
    let addresses = [octets(client), octets(server)].concat();
    let mut tcp = Vec::new();
    tcp.extend(client.port().to_be_bytes());
    tcp.extend(server.port().to_be_bytes());
    tcp.extend([0, 0, 0, 1, 0, 0, 0, 0]); // sequence and acknowledgement numbers
    tcp.extend([5 << 4, 0x02]); // header length, SYN
    tcp.extend([4, 0, 0, 0, 0, 0]); // window, checksum, urgent pointer
    let mut pseudo = addresses.clone();
    pseudo.extend([0, TCP, 0, tcp.len() as u8]);
    pseudo.extend(&tcp);
    tcp[16..18].copy_from_slice(&checksum(&pseudo).to_be_bytes());
    // The kernel fills in total length, identification and checksum (raw(7)).
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, TCP, 0, 0];
    packet.extend(addresses);
    packet.extend(tcp);
    packet
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|w| match *w {
        [a, b] => u32::from(u16::from_be_bytes([a, b])),
        _ => panic!("an even number of bytes"),
    });
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// A TIME_WAIT socket: the client closes first, then the server. Returns what its row must say.
pub(crate) fn time_wait(ip: &str) -> Expected {
    let pair = Pair::on(ip);
    let expected = describe(&pair.client);
    let (client, server) = (address(&pair.client), address(&pair.server));
    drop(pair.client);
    read_to_end(&pair.server);
    drop(pair.server);
    await_state(client, server, number::TIME_WAIT);
    expected
        .state("time-wait")
        .mini("time-wait")
        .timer("time-wait", 50_000..=60_000)
}

/// A listener whose queue is full, the connection that fills it, and one attempt more.
pub(crate) struct Full {
    pub(crate) listener: OwnedFd,
    /// Connected; nobody accepted it.
    pub(crate) waiting: OwnedFd,
    /// Its SYN is dropped, because the queue is full.
    pub(crate) attempt: OwnedFd,
}

impl Full {
    /// A backlog of 0 holds one connection.
    pub(crate) fn on(ip: &str) -> Self {
        let listener = listener(ip, 0);
        let waiting = connect(address(&listener));
        let attempt = connecting(address(&listener));
        Self {
            listener,
            waiting,
            attempt,
        }
    }

    /// The row of the waiting connection's server end, which has no file yet.
    pub(crate) fn queued(&self) -> Expected {
        queued(&self.listener, &self.waiting)
    }
}

/// The row of the server's end of a connection that waits in a listener's queue.
pub(crate) fn queued(listener: &OwnedFd, client: &OwnedFd) -> Expected {
    let mut expected = describe(client).without_file("accept-queue");
    let (l, c) = (address(listener), address(client));
    let mapped = |a: SocketAddr| match (a.ip(), l.is_ipv6()) {
        (IpAddr::V4(v4), true) => SocketAddr::new(v4.to_ipv6_mapped().into(), a.port()),
        _ => a,
    };
    let local = SocketAddr::new(mapped(SocketAddr::new(c.ip(), 0)).ip(), port(listener));
    expected.socket.family = if l.is_ipv6() { "inet6" } else { "inet" }.into();
    expected.socket.local = crate::portctl::End::Inet(super::inet_end(local));
    // Nobody holds it, so nobody can ask for its cookie.
    expected.socket.cookie = None;
    expected.peer(mapped(c))
}

/// Makes the namespace's lossy addresses, runs `connections`, then loses them.
pub(crate) fn with_elsewhere<T>(connections: impl FnOnce() -> T) -> T {
    namespace::add_elsewhere();
    let made = connections();
    namespace::remove_elsewhere();
    made
}

/// Writes until the peer's window and the send buffer are full; returns how many bytes went in.
pub(crate) fn fill(fd: &OwnedFd) -> u64 {
    rustix::io::ioctl_fionbio(fd, true).unwrap();
    let data = [b'x'; 65536];
    let mut sent = 0;
    // What is in flight makes room again for a moment: full is when several tries in a row fail.
    let mut refusals = 0;
    while refusals < 20 {
        match rustix::io::write(fd, &data) {
            Ok(n) => (sent, refusals) = (sent + n as u64, 0),
            Err(rustix::io::Errno::AGAIN) => {
                refusals += 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Err(e) => panic!("{e}"),
        }
        assert!(sent < 1 << 30, "no end of room");
    }
    sent
}
