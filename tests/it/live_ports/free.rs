//! Ports that portctl calls free are those that bind(2) then gives, and no others.

use super::as_nobody;
use crate::live_why::{NOBODY, Options, as_user};
use crate::namespace;
use crate::portctl::{Answer, portctl};
use crate::scene::tcp::{self, accept, connect, listener_at};
use crate::scene::{address, udp};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use serde_json::Value;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

/// The ports in a document that follows its schema.
fn ports(answer: &Answer) -> Vec<u16> {
    let document = answer.value();
    let schema = ::portctl::render::schema("free").unwrap();
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&document)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}\n{document:#}");
    let ports = document["ports"].as_array().unwrap();
    let ports: Vec<u16> = ports
        .iter()
        .map(|p| p["port"].as_u64().unwrap().try_into().unwrap())
        .collect();
    let wanted = document["wanted"].as_u64().unwrap() as usize;
    assert_eq!(document["enough"], ports.len() >= wanted);
    assert_eq!(answer.code, Some(i32::from(ports.len() < wanted)));
    ports
}

/// Whether plain binds to all of these addresses succeed, one after the other.
fn binds(uid: Option<u32>, stream: bool, to: &[SocketAddr]) -> bool {
    let options = if stream { Options::TCP } else { Options::UDP };
    to.iter().all(|&to| {
        let options = Options {
            v6only: to.is_ipv6().then_some(false),
            ..options
        };
        match as_user(uid, || options.bind(to)) {
            Ok(_) => true,
            Err(Errno::ADDRINUSE | Errno::ACCESS | Errno::ADDRNOTAVAIL) => false,
            Err(other) => panic!("{other}: {to}"),
        }
    })
}

/// One socket of every kind that holds a port, each on its own, from 3000 on; and a few that hold none against some addresses.
fn crowd() -> Vec<OwnedFd> {
    let mut open = vec![
        listener_at(at("0.0.0.0", 3000), 4, None),
        listener_at(at("127.0.0.1", 3001), 4, None),
        listener_at(at("::", 3002), 4, Some(false)),
        listener_at(at("::", 3003), 4, Some(true)),
        listener_at(at("::1", 3004), 4, None),
        tcp::bound(at("0.0.0.0", 3005)),
        tcp::bound(at("127.0.0.2", 3006)),
        listener_at(at("::ffff:127.0.0.1", 3007), 4, Some(false)),
        std::net::UdpSocket::bind(at("0.0.0.0", 3008))
            .unwrap()
            .into(),
        std::net::UdpSocket::bind(at("::1", 3009)).unwrap().into(),
    ];
    let server = listener_at(at("127.0.0.1", 4000), 16, None);
    let server6 = listener_at(at("::1", 4000), 16, None);
    // The source port of a client.
    let client = tcp::bound(at("127.0.0.1", 3010));
    rustix::net::connect(&client, &address(&server)).unwrap();
    let client6 = tcp::bound(at("::1", 3011));
    rustix::net::connect(&client6, &address(&server6)).unwrap();
    open.extend([client, client6, accept(&server), accept(&server6)]);
    // TIME_WAIT of a client.
    let client = tcp::bound(at("127.0.0.1", 3012));
    rustix::net::connect(&client, &address(&server)).unwrap();
    let peer = accept(&server);
    drop(client);
    tcp::read_to_end(&peer);
    drop(peer);
    tcp::await_state(
        at("127.0.0.1", 3012),
        address(&server),
        tcp::number::TIME_WAIT,
    );
    // A connection whose listener is gone.
    let gone = listener_at(at("127.0.0.1", 3013), 4, None);
    let client = connect(address(&gone));
    open.extend([accept(&gone), client]);
    drop(gone);
    // A UDP socket that is connected, and one that only chose a port by that.
    let udp = udp::bound("127.0.0.1");
    let connected = std::net::UdpSocket::bind(at("127.0.0.1", 3014)).unwrap();
    connected.connect(udp.local_addr().unwrap()).unwrap();
    open.extend([server, server6, OwnedFd::from(udp), connected.into()]);
    // An attempt to connect.
    let (mut fds, attempt) = (
        Vec::new(),
        tcp::socket(at("127.0.0.1", 0), SocketFlags::NONBLOCK),
    );
    rustix::net::bind(&attempt, &at("127.0.0.1", 3015)).unwrap();
    let full = listener_at(at("127.0.0.1", 4001), 0, None);
    for _ in 0..3 {
        fds.push(tcp::connecting(address(&full)));
    }
    let _ = rustix::net::connect(&attempt, &address(&full));
    fds.extend([full, attempt]);
    open.extend(fds);
    open
}

const ADDRESSES: &[&[&str]] = &[
    &[],
    &["0.0.0.0"],
    &["127.0.0.1"],
    &["127.0.0.2"],
    &["::"],
    &["::1"],
    &["::ffff:127.0.0.1"],
    &["127.0.0.1", "::1"],
    &["192.0.2.1"],
];

/// Asks for all ports from 3000 to 3019 and binds each of them, for every protocol and address; returns how many were free.
fn compare(uid: Option<u32>, ask: impl Fn(&str) -> Answer) -> usize {
    let mut free = 0;
    for (word, stream) in [("tcp", true), ("udp", false)] {
        for &addresses in ADDRESSES {
            let options: String = addresses
                .iter()
                .map(|a| format!(" --address {a}"))
                .collect();
            let question =
                format!("free --json -q --range 3000-3019 -n 20 --proto {word}{options}");
            let found = ports(&ask(&question));
            let any = ["0.0.0.0", "::"];
            let places = if addresses.is_empty() {
                &any
            } else {
                addresses
            };
            let expected: Vec<u16> = (3000..=3019)
                .filter(|&port| {
                    let places: Vec<_> = places.iter().map(|ip| at(ip, port)).collect();
                    binds(uid, stream, &places)
                })
                .collect();
            assert_eq!(found, expected, "{question}");
            free += found.len();
        }
    }
    free
}

#[test]
#[ignore = "needs user and network namespaces"]
fn free_is_what_bind_gives() {
    namespace::run("live_ports::free::free_is_what_bind_gives", || {
        // Without a port for chance sockets in the way.
        std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 49999").unwrap();
        let crowd = crowd();
        let free = compare(None, portctl);
        // Each question names some, and none names all but that for the other protocol's few.
        assert!(free > 150, "{free}");
        drop(crowd);
    });
}

#[test]
#[ignore = "needs root"]
fn free_is_what_bind_gives_to_others_than_root() {
    let name = "live_ports::free::free_is_what_bind_gives_to_others_than_root";
    namespace::run_as_root(name, || {
        let crowd = crowd();
        compare(Some(NOBODY), as_nobody);
        drop(crowd);
        // Privileged ports: for who may bind them.
        let question = "free --json --range 1000-1030 -n 31";
        assert_eq!(ports(&portctl(question)), (1000..=1030).collect::<Vec<_>>());
        let nobody = as_nobody(question);
        assert_eq!(ports(&nobody), (1024..=1030).collect::<Vec<_>>());
        assert_eq!(nobody.value()["left_out"]["privileged"], 24);
        assert!(nobody.stderr.contains("24 need a privilege"), "{nobody}");
        std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "1010").unwrap();
        assert_eq!(ports(&as_nobody(question)).first(), Some(&1010));
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn ephemeral_and_reserved_ports_only_when_asked() {
    let name = "live_ports::free::ephemeral_and_reserved_ports_only_when_asked";
    namespace::run(name, || {
        let write = |name: &str, value: &str| {
            std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value).unwrap();
        };
        write("ip_local_port_range", "5002 5005");
        write("ip_local_reserved_ports", "5005-5007");
        let lines = |options: &str| {
            let answer = portctl(&format!("free --range 5000-5009 -n 10 {options}"));
            let lines = answer.lines();
            lines
                .iter()
                .map(|l| l.parse::<u16>().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(""), [5000, 5001, 5008, 5009]);
        assert_eq!(
            lines("--ephemeral"),
            [5000, 5001, 5002, 5003, 5004, 5008, 5009]
        );
        assert_eq!(lines("--reserved"), [5000, 5001, 5006, 5007, 5008, 5009]);
        assert_eq!(lines("--reserved --ephemeral").len(), 10);
        let none = portctl("free --range 5002-5006").exits(1);
        assert_eq!(none.text(), "");
        assert_eq!(
            none.stderr,
            "no port from 5002 to 5006 is free: 3 are ephemeral, 2 are reserved\n\
             hint: --ephemeral also takes ports that the kernel gives to connections\n\
             hint: --reserved also takes ports that the administrator has reserved\n"
        );
        let one = portctl("free --range 5000-5009").exits(0);
        assert_eq!(one.text(), "5000\n");
        assert_eq!(
            one.stderr,
            "note: another process may take a port before you bind it\n"
        );
        portctl("free -q").quiet();
        let some = portctl("free --random --range 6000-6999 -n 3").exits(0);
        assert_eq!(some.lines().len(), 3, "{some}");
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn without_netlink_the_bind_decides() {
    namespace::run("live_ports::free::without_netlink_the_bind_decides", || {
        // /proc does not list the first of these.
        let held = [
            tcp::bound(at("127.0.0.1", 3000)),
            listener_at(at("127.0.0.1", 3001), 4, None),
        ];
        let run = crate::portctl::Run::new("free --range 3000-3009 -q --address 127.0.0.1");
        assert_eq!(run.without_netlink().go().exits(0).text(), "3002\n");
        drop(held);
    });
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    for (arguments, words) in [
        ("free --range 9-3", "3000-3999"),
        ("free --range 0-3", "3000-3999"),
        ("free -n 0", "1"),
        ("free --proto sctp", "tcp"),
        ("free --address [::1%nowhere]", "no interface 'nowhere'"),
        ("free --address \u{1b}[31m", "\\x1b"),
    ] {
        let answer = portctl(arguments).exits(2);
        assert!(answer.stderr.contains(words), "{answer}");
        assert!(!answer.stderr.contains('\u{1b}'), "{answer}");
        assert_eq!(answer.text(), "");
    }
}
