//! Sockets in every relation to a port: what is told, and that it is so.

use super::{Options, ask};
use crate::namespace;
use crate::scene::tcp::{self, Pair, number};
use crate::scene::{address, port};
use serde_json::json;

/// Listeners against every address and family (1-5 of the usual confusions).
#[test]
#[ignore = "needs user and network namespaces"]
fn listeners() {
    namespace::run("live_why::situations::listeners", || {
        for (ip, v6only, overlap) in [
            ("0.0.0.0", None, "same-address"),
            ("127.0.0.1", None, "asked-wildcard"),
            ("127.0.0.2", None, "asked-wildcard"),
            ("::", Some(false), "dual-stack"),
            ("::1", None, "asked-wildcard"),
            ("::ffff:127.0.0.1", Some(false), "asked-wildcard"),
        ] {
            let options = Options {
                v6only,
                ..Options::TCP
            };
            let listener = options.listen(ip);
            let answer = ask(&format!("tcp/{}", port(&listener)));
            assert_eq!(answer.told(), ("blocked", "listener", Some(true)), "{ip}");
            let reason = answer.reason("listener");
            assert_eq!(reason["overlap"], overlap, "{ip}");
            assert_eq!(reason["owners"][0]["pid"], std::process::id());
            // Without a share of options both sides know everything.
            let (user, root) = answer.holds();
            assert!(user >= 8 && root >= 8, "{user} {root}");
            assert!(!answer.leaves_open("plain") && !answer.leaves_open("reuseaddr"));
        }
        // IPv6 only: IPv4 is free.
        let options = Options {
            v6only: Some(true),
            ..Options::TCP
        };
        let listener = options.listen("::");
        let answer = ask(&format!("0.0.0.0:{}/tcp", port(&listener)));
        assert_eq!(answer.told(), ("free", "listener", Some(false)));
        assert_eq!(answer.reason("listener")["overlap"], "v6only");
        answer.holds();
        let answer = ask(&format!("[::]:{}/tcp", port(&listener)));
        assert_eq!(answer.verdict(), "blocked");
        answer.holds();
        // Another address than the listener's.
        let listener = Options::TCP.listen("127.0.0.1");
        let answer = ask(&format!("127.0.0.2:{}/tcp", port(&listener)));
        assert_eq!(answer.told(), ("free", "listener", Some(false)));
        answer.holds();
    });
}

/// What is left of connections: in TIME_WAIT, FIN_WAIT2, without a listener; with and without SO_REUSEADDR on the old socket,
/// which looks the same (7-10).
#[test]
#[ignore = "needs user and network namespaces"]
fn leftovers() {
    namespace::run("live_why::situations::leftovers", || {
        for reuse_address in [false, true] {
            let options = Options {
                reuse_address,
                ..Options::TCP
            };
            let free_again = if reuse_address { "free" } else { "blocked" };
            for ip in ["127.0.0.1", "::1"] {
                // The server closes first, so the port that others want is in TIME_WAIT.
                let listener = options.listen(ip);
                let client = tcp::connect(address(&listener));
                let server = tcp::accept(&listener);
                let (here, there) = (address(&server), address(&client));
                drop((server, listener));
                tcp::read_to_end(&client);
                drop(client);
                tcp::await_state(here, there, number::TIME_WAIT);
                let question = format!("tcp/{}", here.port());
                let answer = ask(&question);
                assert_eq!(answer.told(), ("unknown", "time-wait", None), "{ip}");
                assert_eq!(answer.code, 3);
                let until = answer.reason("time-wait")["until_s"].as_f64().unwrap();
                assert!((50.0..=60.0).contains(&until), "{until}");
                assert!(answer.leaves_open("reuseaddr"));
                answer.holds();
                let tried = ask(&format!("{question} --try"));
                let blocking = Some(!reuse_address);
                assert_eq!(tried.told(), (free_again, "time-wait", blocking), "{ip}");
                assert_eq!(tried.document["parts"][0]["needs_reuseaddr"], reuse_address);
                tried.holds();

                // A connection that outlives its listener.
                let listener = options.listen(ip);
                let client = tcp::connect(address(&listener));
                let server = tcp::accept(&listener);
                drop(listener);
                let question = format!("tcp/{}", port(&server));
                let answer = ask(&question);
                assert_eq!(
                    answer.told(),
                    ("unknown", "connection-without-listener", None)
                );
                answer.holds();
                let tried = ask(&format!("{question} --try"));
                assert_eq!(tried.verdict(), free_again);
                tried.holds();

                // Closed, and the other end does not close.
                let here = address(&server);
                drop(server);
                tcp::await_state(here, address(&client), number::FIN_WAIT_2);
                let answer = ask(&question);
                assert_eq!(answer.told(), ("unknown", "fin-wait-2", None));
                assert!(answer.reason("fin-wait-2")["until_s"].as_f64().is_some());
                answer.holds();
                let tried = ask(&format!("{question} --try"));
                assert_eq!(tried.verdict(), free_again);
                tried.holds();
            }
        }
    });
}

/// The port is the client's end of a connection (13), or bound and idle (11, 31).
#[test]
#[ignore = "needs user and network namespaces"]
fn clients_and_idle_sockets() {
    namespace::run("live_why::situations::clients_and_idle_sockets", || {
        for ip in ["127.0.0.1", "::1"] {
            let pair = Pair::on(ip);
            let question = format!("tcp/{}", port(&pair.client));
            let answer = ask(&question);
            assert_eq!(
                answer.told(),
                ("blocked", "outgoing-connection", Some(true))
            );
            answer.holds();
            let tried = ask(&format!("{question} --try"));
            assert_eq!(tried.verdict(), "blocked");
            tried.holds();
            // Asked about the server's port, the client is shown apart.
            let answer = ask(&format!("tcp/{}", port(&pair.listener)));
            let (clients, holders) = (&answer.document["clients"], &answer.document["holders"]);
            assert_eq!(
                (
                    clients.as_array().unwrap().len(),
                    holders.as_array().unwrap().len()
                ),
                (1, 2)
            );
            assert_eq!(clients[0]["local"]["port"], port(&pair.client));
            assert_eq!(holders[0]["state"], "listen", "listeners come first");
            answer.holds();

            let idle = Options::TCP.at(ip);
            let answer = ask(&format!("tcp/{}", port(&idle)));
            assert_eq!(answer.told(), ("unknown", "bound-not-listening", None));
            assert_eq!(
                answer.reason("bound-not-listening")["owners"][0]["pid"],
                std::process::id()
            );
            answer.holds();
            let tried = ask(&format!("tcp/{} --try", port(&idle)));
            assert_eq!(tried.verdict(), "blocked");
            tried.holds();
        }
        // An IPv6 connection that is not v6-only keeps 0.0.0.0 from being bound, which nobody can see beforehand.
        let pair = Pair::on("::1");
        let answer = ask(&format!("0.0.0.0:{}/tcp", port(&pair.client)));
        assert_eq!(answer.verdict(), "unknown");
        assert_eq!(answer.reasons()[0]["overlap"], "ipv6-not-v6only");
        let tried = ask(&format!("0.0.0.0:{}/tcp --try", port(&pair.client)));
        assert_eq!(tried.verdict(), "blocked");
        tried.holds();
    });
}

/// UDP is a space of its own (14).
#[test]
#[ignore = "needs user and network namespaces"]
fn udp() {
    namespace::run("live_why::situations::udp", || {
        for (ip, v6only) in [
            ("0.0.0.0", None),
            ("127.0.0.1", None),
            ("::", Some(false)),
            ("::", Some(true)),
            ("::1", None),
        ] {
            let options = Options {
                v6only,
                ..Options::UDP
            };
            let holder = options.at(ip);
            let number = port(&holder);
            assert_eq!(ask(&format!("tcp/{number}")).verdict(), "free");
            let answer = ask(&format!("udp/{number}"));
            assert_eq!(answer.told(), ("blocked", "udp-socket", Some(true)), "{ip}");
            answer.holds();
            let both = ask(&number.to_string());
            assert_eq!(both.verdict(), "blocked");
            let verdicts: Vec<_> = both.document["parts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p["verdict"].clone())
                .collect();
            assert_eq!(verdicts, [json!("free"), json!("blocked")]);
            both.holds();
            let tried = ask(&format!("udp/{number} --try"));
            assert_eq!(tried.verdict(), "blocked");
            tried.holds();
        }
        // A connected one has its source address only.
        let server = crate::scene::udp::bound("127.0.0.1");
        let client = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        let number = client.local_addr().unwrap().port();
        ask(&format!("udp/{number}")).holds();
        assert_eq!(ask(&format!("127.0.0.2:{number}/udp")).verdict(), "free");
    });
}

/// In the ephemeral range, and reserved (23): notes only.
#[test]
#[ignore = "needs user and network namespaces"]
fn ranges() {
    namespace::run("live_why::situations::ranges", || {
        let write = |name: &str, value: &str| {
            std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value).unwrap();
        };
        write("ip_local_port_range", "40000 40999");
        write("ip_local_reserved_ports", "40002");
        assert_eq!(
            ask("tcp/40001").told(),
            ("free", "ephemeral-port", Some(false))
        );
        assert_eq!(
            ask("tcp/40002").told(),
            ("free", "reserved-port", Some(false))
        );
        assert_eq!(ask("tcp/30000").told(), ("free", "", None));
    });
}
