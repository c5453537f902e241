//! Several sockets at once on one port, in combinations that nobody would write down: no bind that an answer tells the end of may
//! end otherwise.

use super::{Options, ask};
use crate::namespace;
use crate::scene::address;
use crate::scene::tcp::{self, number};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

const ROUNDS: u32 = 60;

/// A generator of numbers that are the same in every run (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 1
    }
}

/// Makes one socket on `port`, if the others allow it; says what it is.
fn socket(dice: &mut Dice, port: u16, kept: &mut Vec<OwnedFd>) -> Option<String> {
    let (ip, v6only) = [
        ("0.0.0.0", None),
        ("127.0.0.1", None),
        ("127.0.0.2", None),
        ("::", Some(false)),
        ("::", Some(true)),
        ("::1", None),
        ("::ffff:127.0.0.1", Some(false)),
    ][dice.below(7)];
    let stream = dice.below(4) > 0;
    let options = Options {
        stream,
        v6only,
        reuse_address: dice.coin(),
        reuse_port: dice.coin(),
    };
    let ip: IpAddr = ip.parse().unwrap();
    let fd = options.bind(SocketAddr::new(ip, port)).ok()?;
    let peer = if ip.is_ipv4() || ip.to_canonical().is_ipv4() {
        "127.0.0.1"
    } else {
        "::1"
    };
    let mapped = ip.is_ipv6() && peer == "127.0.0.1";
    let here: IpAddr = if ip.is_unspecified() {
        peer.parse().unwrap()
    } else {
        ip
    };
    // A second listener might get what is meant for the first.
    let alone = !kept.iter().any(|fd| {
        rustix::net::sockopt::socket_acceptconn(fd).unwrap() && address(fd).port() == port
    });
    let what = match dice.below(5) {
        0 => "bound",
        1 if stream => {
            rustix::net::listen(&fd, 8).ok()?;
            "listening"
        }
        // Out of this port, to a server elsewhere.
        2 if !mapped => {
            let server = if stream {
                tcp::listener(peer, 8)
            } else {
                Options::UDP.at(peer)
            };
            rustix::net::connect(&fd, &address(&server)).ok()?;
            kept.push(server);
            "connected"
        }
        // Accepted, and the listener closed; then perhaps closed first.
        3 if stream && !mapped && alone => {
            rustix::net::listen(&fd, 8).ok()?;
            let client: OwnedFd = TcpStream::connect(SocketAddr::new(here, port)).ok()?.into();
            let server = tcp::accept(&fd);
            let (here, there) = (address(&server), address(&client));
            drop(fd);
            if dice.coin() {
                drop(server);
                tcp::read_to_end(&client);
                drop(client);
                let plain = |a: SocketAddr| SocketAddr::new(a.ip().to_canonical(), a.port());
                tcp::await_state(plain(here), plain(there), number::TIME_WAIT);
                return Some(format!("time-wait {ip} {options:?}"));
            }
            kept.extend([server, client]);
            return Some(format!("accepted {ip} {options:?}"));
        }
        _ => "idle",
    };
    kept.push(fd);
    Some(format!("{what} {ip} {options:?}"))
}

#[test]
#[ignore = "needs user and network namespaces"]
#[allow(clippy::print_stdout, reason = "the scene, shown when it fails")]
fn combinations() {
    namespace::run("live_why::random::combinations", || {
        let mut dice = Dice(2026);
        let (mut told, mut made) = (0, 0);
        for round in 0..ROUNDS {
            // A port of its own for each round: what is left of the last one stays out of the way.
            let port = u16::try_from(20_000 + round).unwrap();
            let mut kept = Vec::new();
            let mut scene = Vec::new();
            for _ in 0..1 + dice.below(3) {
                scene.extend(socket(&mut dice, port, &mut kept));
            }
            made += scene.len();
            println!("{port}: {}", scene.join("; "));
            for question in [
                port.to_string(),
                format!("127.0.0.1:{port}"),
                format!("[::1]:{port}"),
            ] {
                let (user, root) = ask(&question).holds();
                told += user + root;
            }
        }
        // Most is decided by reading alone.
        assert!(made > 60 && told > 2000, "{made} sockets, {told} binds");
    });
}
