//! Two worlds of which every list is the same, and in which the kernel does differently: no number is right in both, whoever reads
//! the lists. What is expected then is the likelier of the two, the bounds hold both, and nothing is called exact.

use super::truth::{Flow, Mode, Said, accept, close_into_time_wait, server, set, set_range};
use crate::namespace;
use crate::portctl::Run;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use serde_json::Value;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

const PORTS: u16 = 20;
const HERE: &str = "127.0.0.1:5001";
const ELSEWHERE: &str = "127.0.0.1:5002";

/// How a client comes to its port.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// connect() chooses it.
    Connect,
    /// bind() to the address and port 0 does.
    Bind,
    /// bind() names it.
    Name,
}

/// What is seen, and what is so.
struct World {
    row: Value,
    said: Said,
    count: u32,
}

/// A world with one client, on the port `offset` after the low end of a range from `low` on. All other ports are reserved while it is
/// made, so that whoever chooses has no choice.
fn world(servers: &[OwnedFd; 2], low: u16, offset: u16, way: Way, live: bool) -> World {
    let (port, high) = (low + offset, low + PORTS - 1);
    set_range(low, PORTS);
    let others = format!("{low}-{},{}-{high}", port - 1, port + 1);
    set("ip_local_reserved_ports", format!("{others}\n"));
    let to: SocketAddr = HERE.parse().unwrap();
    let flow = Flow::to(to);
    let client = match way {
        Way::Connect => flow.connect().unwrap(),
        Way::Bind => flow.from("127.0.0.1").mode(Mode::Bind).connect().unwrap(),
        Way::Name => {
            let flags = SocketFlags::CLOEXEC;
            let kind = SocketType::STREAM;
            let fd = rustix::net::socket_with(AddressFamily::INET, kind, flags, None).unwrap();
            rustix::net::bind(&fd, &SocketAddr::new(to.ip(), port)).unwrap();
            rustix::net::connect(&fd, &to).unwrap();
            fd
        }
    };
    set("ip_local_reserved_ports", "\n");
    let end = accept(&servers[0]);
    let kept = if live {
        Some((client, end))
    } else {
        close_into_time_wait(client, end);
        std::thread::sleep(Duration::from_millis(50));
        None
    };
    let asked = Flow::to(ELSEWHERE.parse().unwrap());
    let world = World {
        row: row(port),
        said: asked.ask(&[]),
        count: asked.count(servers),
    };
    drop(kept);
    world
}

/// Everything that is told of the one socket on a port, without what no two sockets have in common: port, numbers, and times.
fn row(port: u16) -> Value {
    let filter = format!("sport = :{port}");
    let run = Run::with(["ls", "-tnaoeim", "--json", &filter]);
    let document = run.go().exits(0).value();
    let [row] = document["sockets"].as_array().unwrap().as_slice() else {
        panic!("one socket is on port {port}: {document}");
    };
    let mut row = row.clone();
    assert_eq!(row["local"]["port"], port);
    row["local"]["port"].take();
    row["inode"].take();
    row["cookie"].take();
    if row["timer"]["expires_ms"].is_number() {
        row["timer"]["expires_ms"].take();
    }
    // Measurements of a connection that has sent nothing but its SYN: times, and what follows from them.
    row["tcp"].take();
    row
}

fn alike(name: &str, offset: u16, ways: [Way; 2], live: bool) {
    namespace::run(&format!("live_headroom::alike::{name}"), || {
        let servers = [HERE, ELSEWHERE].map(server);
        let [one, other] = [(40_000, ways[0]), (40_100, ways[1])]
            .map(|(low, way)| world(&servers, low, offset, way, live));
        assert_eq!(one.row, other.row, "what is told of the sockets");
        assert_eq!(one.said.bounds(), other.said.bounds());
        assert_eq!(one.count, u32::from(PORTS), "connect() shares its port");
        assert_eq!(other.count, u32::from(PORTS) - 1, "bind() closes it");
        for World { said, count, .. } in [&one, &other] {
            let (min, _, max) = said.bounds();
            assert!(min.unwrap() <= *count && *count <= max, "{count}: {said:?}");
            assert_eq!(said.0["exact"], false);
            assert_eq!(said.doubts(), ["provenance"]);
        }
    });
}

/// `inet_twsk_alloc` copies neither `sk_userlocks` nor anything else of how the port was come by, but the pointer to the bucket.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn time_wait_of_connect_and_of_a_named_port() {
    let name = "time_wait_of_connect_and_of_a_named_port";
    alike(name, 8, [Way::Connect, Way::Name], false);
}

/// The same, where the port is one that bind() to port 0 gives first.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn time_wait_of_connect_and_of_bind() {
    let name = "time_wait_of_connect_and_of_bind";
    alike(name, 9, [Way::Connect, Way::Bind], false);
}

/// `inet_diag` tells of `SOCK_BINDPORT_LOCK` alone, which bind() to port 0 does not set.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn live_connection_of_connect_and_of_bind() {
    let name = "live_connection_of_connect_and_of_bind";
    alike(name, 9, [Way::Connect, Way::Bind], true);
}
