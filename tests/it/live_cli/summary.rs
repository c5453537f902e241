//! The summary: its counts are those of the sockets that were made.

use crate::namespace;
use crate::portctl::portctl;
use crate::scene::tcp::{self, Pair, accept, any_port, listener, listener_at, socket, time_wait};
use crate::scene::unix::abstract_name;
use crate::scene::{address, udp, unix};
use rustix::net::{SocketFlags, SocketType};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

fn write(setting: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/ipv4/{setting}"), value).unwrap();
}

fn total<'a>(summary: &'a Value, protocol: &str, family: &str) -> &'a Value {
    let totals = summary["totals"].as_array().unwrap();
    let mut found = totals
        .iter()
        .filter(|t| t["protocol"] == protocol && t["family"] == family);
    let first = found
        .next()
        .unwrap_or_else(|| panic!("{protocol}/{family} in {summary:#}"));
    assert!(found.next().is_none(), "twice: {summary:#}");
    first
}

#[test]
#[ignore = "needs user and network namespaces"]
fn counts() {
    namespace::run("live_cli::summary::counts", || {
        let pairs = [
            Pair::on("127.0.0.1"),
            Pair::on("127.0.0.1"),
            Pair::on("::1"),
        ];
        for _ in 0..3 {
            time_wait("127.0.0.1");
        }
        time_wait("::1");
        let idle = tcp::bound(any_port("127.0.0.1"));
        let datagrams = [
            udp::bound("127.0.0.1"),
            udp::bound("::1"),
            udp::bound("::1"),
        ];
        let client = udp::connected("127.0.0.1", &datagrams[0]);
        let local = (
            unix::listener(SocketType::STREAM, &abstract_name(b"s"), 1),
            unix::pair(SocketType::STREAM),
        );
        let summary = portctl("summary --json").exits(0).value();
        assert_eq!(
            summary["schema"],
            json!({"name": "portctl.summary", "version": 1})
        );
        assert_eq!(summary["complete"], true);
        let tcp4 = total(&summary, "tcp", "inet");
        let states = json!({
            "listen": 2, "established": 4, "time-wait": 3, "bound-inactive": 1
        });
        assert_eq!(tcp4["states"], states);
        assert_eq!(tcp4["sockets"], 10);
        let tcp6 = total(&summary, "tcp", "inet6");
        assert_eq!(
            tcp6["states"],
            json!({"listen": 1, "established": 2, "time-wait": 1})
        );
        let states = json!({"established": 1, "unconnected": 1});
        assert_eq!(total(&summary, "udp", "inet")["states"], states);
        assert_eq!(
            total(&summary, "udp", "inet6")["states"],
            json!({"unconnected": 2})
        );
        let states = json!({"listen": 1, "established": 2});
        assert_eq!(total(&summary, "unix", "unix")["states"], states);
        assert_eq!(summary["timewait"]["count"], 4);

        let text = portctl("summary").exits(0);
        for words in [
            "TIME_WAIT: 4 of ",
            "2 LISTEN",
            "ports left",
            "CLOSE_WAIT: none",
        ] {
            assert!(text.text().contains(words), "{text}");
        }
        drop((pairs, idle, client, local));
    });
}

/// A client connection from a chosen source address.
fn connect_from(source: &str, server: &OwnedFd) -> OwnedFd {
    let to = address(server);
    let fd = socket(to, SocketFlags::empty());
    rustix::net::bind(&fd, &any_port(source)).unwrap();
    rustix::net::connect(&fd, &to).unwrap();
    fd
}

#[test]
#[ignore = "needs user and network namespaces"]
fn flows() {
    namespace::run("live_cli::summary::flows", || {
        write("ip_local_port_range", "40000 40999");
        write("ip_local_reserved_ports", "40010-40019,40500");
        // Outside the range, so that no client's port can be one of theirs.
        let at = |ip: &str, port| SocketAddr::new(ip.parse().unwrap(), port);
        let a = listener_at(at("127.0.0.1", 5001), 64, None);
        let b = listener_at(at("127.0.0.1", 5002), 64, None);
        let c = listener_at(at("::1", 5001), 64, None);
        let mut open = Vec::new();
        for (source, server, number) in [
            ("127.0.0.1", &a, 7),
            ("127.0.0.2", &a, 3),
            ("127.0.0.1", &b, 2),
            ("::1", &c, 4),
        ] {
            for _ in 0..number {
                open.push((connect_from(source, server), accept(server)));
            }
        }
        // Two that are over: their ports are held by TIME_WAIT.
        for _ in 0..2 {
            let client = connect_from("127.0.0.2", &a);
            let server = accept(&a);
            let (from, to) = (address(&client), address(&server));
            drop(client);
            tcp::read_to_end(&server);
            drop(server);
            tcp::await_state(from, to, tcp::number::TIME_WAIT);
        }
        let summary = portctl("summary --json").exits(0).value();
        let ephemeral = &summary["ephemeral"];
        assert_eq!(
            (&ephemeral["low"], &ephemeral["high"]),
            (&json!(40000), &json!(40999))
        );
        assert_eq!(ephemeral["reserved_in_range"], 11);
        let flow = |family: &str, source: &str, destination: &str, port: u16| {
            let flows = summary["flows"].as_array().unwrap();
            let key = json!({
                "protocol": "tcp", "family": family, "source": source, "source_given": true,
                "destination": destination, "destination_port": port,
                "interface": null, "mode": "connect", "socket_range": null,
            });
            let found: Vec<_> = flows.iter().filter(|f| f["flow"] == key).collect();
            assert_eq!(found.len(), 1, "{key} in {summary:#}");
            // 1000 ports, without 11 that are reserved.
            assert_eq!(found[0]["capacity"], 989);
            let number = |key: &str| found[0][key].as_u64().unwrap();
            (number("local_ports"), number("time_wait"))
        };
        assert_eq!(flow("inet", "127.0.0.1", "127.0.0.1", 5001), (7, 0));
        assert_eq!(flow("inet", "127.0.0.2", "127.0.0.1", 5001), (5, 2));
        assert_eq!(flow("inet", "127.0.0.1", "127.0.0.1", 5002), (2, 0));
        assert_eq!(flow("inet6", "::1", "::1", 5001), (4, 0));
        // The servers' ends are no client flows.
        assert_eq!(summary["flows"].as_array().unwrap().len(), 4, "{summary:#}");

        drop(open);
    });
}

/// One port to two destinations is one port in each flow; two sockets of one flow on one port
/// cannot be. UDP may share ports, which counts once.
#[test]
#[ignore = "needs user and network namespaces"]
fn a_port_counts_once_in_each_flow() {
    namespace::run("live_cli::summary::a_port_counts_once_in_each_flow", || {
        let servers = [listener("127.0.0.1", 4), listener("127.0.0.1", 4)];
        let mut from = any_port("127.0.0.1");
        let mut clients = Vec::new();
        for server in &servers {
            let fd = socket(from, SocketFlags::empty());
            rustix::net::sockopt::set_socket_reuseaddr(&fd, true).unwrap();
            rustix::net::bind(&fd, &from).unwrap();
            rustix::net::connect(&fd, &address(server)).unwrap();
            from = address(&fd);
            clients.push(fd);
        }
        assert_eq!(address(&clients[0]), address(&clients[1]));
        let summary = portctl("summary --json").exits(0).value();
        let flows = summary["flows"].as_array().unwrap();
        assert_eq!(flows.len(), 2, "{summary:#}");
        for server in &servers {
            let to = address(server).port();
            let flow = flows
                .iter()
                .find(|f| f["flow"]["destination_port"] == to)
                .unwrap();
            assert_eq!(
                (&flow["local_ports"], &flow["time_wait"]),
                (&json!(1), &json!(0))
            );
            assert_eq!(flow["flow"]["source"], Ipv4Addr::LOCALHOST.to_string());
        }
    });
}
