//! The command: its document, its text, its mistakes, and what it says when it cannot know.

use super::truth::{Flow, accept, server, set, set_range};
use crate::namespace;
use crate::portctl::{Run, portctl};
use crate::scene::tcp;
use serde_json::{Value, json};
use std::net::SocketAddr;

fn schema() -> jsonschema::Validator {
    let schema = portctl("schema headroom").quiet().value();
    jsonschema::validator_for(&schema).unwrap()
}

fn validate(document: &Value) {
    let errors: Vec<_> = schema()
        .iter_errors(document)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}\n{document:#}");
}

fn flow() -> Flow {
    Flow::to("127.0.0.1:5001".parse::<SocketAddr>().unwrap())
}

#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn the_document_and_the_text_say_the_same() {
    namespace::run(
        "live_headroom::cli::the_document_and_the_text_say_the_same",
        || {
            set_range(40_000, 40);
            let server = server("127.0.0.1:5001");
            let _idle = tcp::bound("127.0.0.9:40039".parse().unwrap());
            let open: Vec<_> = (0..36)
                .map(|_| (flow().connect().unwrap(), accept(&server)))
                .collect();
            let document = flow().ask(&[]).0;
            validate(&document);
            assert_eq!(
                document["schema"],
                json!({"name": "portctl.headroom", "version": 1})
            );
            let headroom = json!({"min": 3, "expected": 3, "max": 3});
            assert_eq!(document["headroom"], headroom, "{document:#}");
            assert_eq!(document["exact"], true);
            assert_eq!(document["capacity"], 40);
            assert_eq!(document["severity"], "warning");
            assert_eq!(document["unknown"], Value::Null);
            assert_eq!(document["complete"], true);
            let parts = document["parts"].as_object().unwrap();
            let sum: u64 = parts.values().map(|n| n.as_u64().unwrap()).sum();
            assert_eq!(sum, 40);
            assert_eq!(parts["established"], 36);
            assert_eq!(parts["bound"], 1);
            let remedies = document["remedies"].as_array().unwrap();
            let gain =
                |kind: &str| remedies.iter().find(|r| r["kind"] == kind).unwrap()["gain"].clone();
            // From another address every port but the bound one; and a wide range without the ports that somebody holds.
            assert_eq!(gain("more-sources"), 39, "{document:#}");
            let wide = gain("widen-range").as_u64().unwrap();
            assert!((64_000..64_512).contains(&wide), "{wide}");

            let text = portctl("headroom --to 127.0.0.1:5001").quiet();
            let lines = text.lines();
            assert_eq!(lines[0], "3 more connections (exactly)");
            for words in [
                "WARNING",
                "36  established",
                "What would help",
                "ip_local_port_range",
            ] {
                assert!(text.text().contains(words), "{words}: {text}");
            }
            for width in [40, 60] {
                let text = portctl(&format!("headroom --to 127.0.0.1:5001 --width {width}"));
                for line in text.lines() {
                    let command = line.contains("sysctl");
                    assert!(command || line.chars().count() <= width, "{width}: {line}");
                }
            }
            drop(open);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn the_probe_leaves_no_trace() {
    namespace::run("live_headroom::cli::the_probe_leaves_no_trace", || {
        set_range(40_000, 40);
        let server = server("127.0.0.1:5001");
        let open: Vec<_> = (0..20)
            .map(|_| (flow().connect().unwrap(), accept(&server)))
            .collect();
        let other = Flow::to("127.0.0.2:5001".parse().unwrap());
        let counters = || {
            ["net/snmp", "net/netstat", "net/dev"]
                .map(|name| std::fs::read_to_string(format!("/proc/thread-self/{name}")).unwrap())
        };
        let before = counters();
        let said = other.ask(&["--probe"]);
        assert_eq!(counters(), before, "nothing is sent or counted");
        assert_eq!(
            said.0["probe"],
            json!({"asked": 20, "open": 20, "closed": 0, "refused": null})
        );
        validate(&said.0);
        let sockets = crate::portctl::list("ls -ta").sockets.len();
        assert_eq!(sockets, 41, "no socket is left");
        set("tcp_fastopen", 0);
        let said = other.ask(&["--probe"]);
        let refused = said.0["probe"]["refused"].as_str().unwrap();
        assert!(refused.contains("tcp_fastopen"), "{refused}");
        let (min, expected, max) = said.bounds();
        assert_eq!((min, expected, max), (Some(20), 40, 40));
        drop(open);
    });
}

#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn without_netlink_the_bounds_are_wider_and_the_minimum_unknown() {
    namespace::run(
        "live_headroom::cli::without_netlink_the_bounds_are_wider_and_the_minimum_unknown",
        || {
            set_range(40_000, 40);
            let server = server("127.0.0.1:5001");
            let open: Vec<_> = (0..10)
                .map(|_| (flow().connect().unwrap(), accept(&server)))
                .collect();
            let said = flow().ask(&["--source", "proc"]);
            validate(&said.0);
            // They may be on another interface than new ones: /proc does not tell.
            assert_eq!(said.bounds(), (None, 30, 40), "{said:?}");
            assert_eq!(said.doubts(), ["bound-unseen", "interfaces-unseen"]);
            // Nor does it need netlink for the source address.
            for (more, source) in [("", "127.0.0.1"), (" --from 127.0.0.5", "127.0.0.5")] {
                let run = Run::new(&format!("headroom --json --to 127.0.0.1:5001{more}"));
                let run = run.without_netlink().go().exits(0);
                let document = run.value();
                validate(&document);
                assert_eq!(document["flow"]["source"], source, "{document:#}");
                assert_eq!(document["headroom"]["min"], Value::Null);
            }
            for (arguments, code, words) in [
                (
                    "--to 127.0.0.1:80 --from 10.9.8.7",
                    2,
                    "not an address of this host",
                ),
                ("--to 198.51.100.1:80", 3, "no route to 198.51.100.1"),
            ] {
                let run = Run::new(&format!("headroom {arguments}")).without_netlink();
                let run = run.go().exits(code);
                assert!(run.stderr.contains(words), "{run}");
            }
            drop(open);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn what_cannot_be_known_is_said() {
    namespace::run_with_mounts("live_headroom::cli::what_cannot_be_known_is_said", || {
        let dump = Run::new("headroom --to 127.0.0.1:5001 --json").env("TCPDIAG_FILE", "x.bin");
        let dump = dump.go().exits(3).value();
        validate(&dump);
        assert_eq!(dump["headroom"], Value::Null);
        let reason = dump["unknown"].as_str().unwrap();
        assert!(reason.contains("x.bin"), "{reason}");
        // Over /proc/sys, an empty directory.
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "none", "/proc/sys"])
            .status()
            .unwrap();
        assert!(mount.success());
        let run = portctl("headroom --to 127.0.0.1:5001").exits(3);
        assert!(run.text().starts_with("unknown: "), "{run}");
        assert!(run.text().contains("ip_local_port_range"), "{run}");
        let document = portctl("headroom --to 127.0.0.1:5001 --json")
            .exits(3)
            .value();
        validate(&document);
        assert_eq!(document["capacity"], Value::Null);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn ends_of_a_range_that_the_kernel_ignores_are_named() {
    namespace::run(
        "live_headroom::cli::ends_of_a_range_that_the_kernel_ignores_are_named",
        || {
            set_range(40_000, 40);
            for (range, words, left) in [
                ("39000-40009", "The low end", [40_000, 40_009]),
                ("40030-50000", "The high end", [40_030, 40_039]),
                ("50000-50009", "Both ends", [40_000, 40_039]),
            ] {
                let command = format!("headroom --to 127.0.0.1:5001 --port-range {range}");
                let text = portctl(&command).quiet();
                assert!(text.text().contains(words), "{text}");
                let document = portctl(&format!("{command} --json")).quiet().value();
                validate(&document);
                let note = &document["notes"][0];
                assert_eq!(note["kind"], "range-end-ignored", "{document:#}");
                assert_eq!(note["range"], json!(left));
            }
            let inside = flow().range(40_000..=40_009).ask(&[]).0;
            assert_eq!(inside["notes"], json!([]));
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn mistakes_say_what_and_where() {
    namespace::run("live_headroom::cli::mistakes_say_what_and_where", || {
        for (arguments, code, words) in [
            ("--to 127.0.0.1:70000", 2, "70000 is no port"),
            ("--to 127.0.0.1", 2, "not a host and a port"),
            (
                "--to 127.0.0.1:80 --from 10.9.8.7",
                2,
                "not an address of this host",
            ),
            ("--to 198.51.100.1:80", 3, "no route to 198.51.100.1"),
            ("--to [2001:db8::1]:80", 3, "no route to 2001:db8::1"),
            ("--to 127.255.255.255:80", 2, "many hosts"),
            ("--to 127.0.0.1:80 --device nope", 2, "no interface 'nope'"),
            ("--to 127.0.0.1:80 --port-range 5", 2, "not a range"),
            ("", 2, "--to"),
        ] {
            let run = portctl(&format!("headroom {arguments}")).exits(code);
            assert!(run.stderr.contains(words), "{arguments}: {run}");
            assert_eq!(run.text(), "", "{run}");
        }
        let run = Run::with(["headroom", "--to", "x\x1b[31m:80"])
            .go()
            .exits(2);
        assert!(!run.stderr.contains('\x1b'), "{run}");
        portctl("headroom --to localhost:http --json").exits(0);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn the_source_is_the_routes() {
    namespace::run("live_headroom::cli::the_source_is_the_routes", || {
        namespace::add_elsewhere();
        let source = |arguments: &str| {
            let run = portctl(&format!("headroom --json {arguments}")).exits(0);
            let document = run.value();
            let flow = &document["flow"];
            let given = flow["source_given"].as_bool().unwrap();
            (flow["source"].as_str().unwrap().to_owned(), given)
        };
        assert_eq!(source("--to 127.0.0.9:80"), ("127.0.0.1".to_owned(), false));
        assert_eq!(source("--to 192.0.2.7:80"), ("192.0.2.7".to_owned(), false));
        assert_eq!(source("--to [::1]:80"), ("::1".to_owned(), false));
        assert_eq!(
            source("--to 127.0.0.9:80 --from 127.0.0.3"),
            ("127.0.0.3".to_owned(), true)
        );
        // As connect() itself decides.
        for to in ["127.0.0.9:9", "192.0.2.7:9", "[::1]:9"] {
            let socket = std::net::UdpSocket::bind(if to.starts_with('[') {
                "[::]:0"
            } else {
                "0.0.0.0:0"
            });
            let socket = socket.unwrap();
            socket.connect(to).unwrap();
            let own = socket.local_addr().unwrap().ip().to_string();
            assert_eq!(source(&format!("--to {to}")).0, own);
        }
    });
}
