//! Which tables and states an option selects.

use crate::namespace;
use crate::portctl::{Document, list, portctl};
use crate::scene::tcp::{self, Full, Pair, any_port, finish, number, time_wait};
use crate::scene::unix::abstract_name;
use crate::scene::{port, udp, unix};
use rustix::net::{AddressFamily, SocketType};
use std::collections::BTreeMap;

/// One socket or more of each protocol in each state that defaults treat differently.
struct Zoo(#[allow(dead_code, reason = "kept open")] Vec<Box<dyn std::any::Any>>);

impl Zoo {
    fn new() -> Self {
        let v4 = Pair::on("127.0.0.1");
        let v6 = Pair::on("::1");
        let half = Pair::on("127.0.0.1");
        finish(&half.client);
        half.client_is(number::FIN_WAIT_2);
        time_wait("127.0.0.1");
        let half_open = tcp::listener("127.0.0.1", 8);
        tcp::half_open(&half_open);
        let server = udp::bound("127.0.0.1");
        let client = udp::connected("127.0.0.1", &server);
        let raw = udp::raw(AddressFamily::INET, 253);
        let raw_connected = udp::raw(AddressFamily::INET6, 253);
        udp::connect_raw(&raw_connected, "::1");
        Self(vec![
            Box::new((v4, v6, half, half_open, tcp::bound(any_port("127.0.0.1")))),
            Box::new((server, client, udp::bound("::1"), raw, raw_connected)),
            Box::new(unix::listener(
                SocketType::STREAM,
                &abstract_name(b"zoo"),
                1,
            )),
            Box::new((
                unix::pair(SocketType::STREAM),
                unix::socket(SocketType::DGRAM),
            )),
        ])
    }
}

/// What is in a list, as `protocol/family state number`, without the kernel's own netlink sockets.
fn census(document: &Document) -> Vec<String> {
    let mut counts = BTreeMap::new();
    for s in document.sockets.iter().filter(|s| s.protocol != "netlink") {
        let family = if s.family == "inet6" { "6" } else { "" };
        let key = format!("{}{family} {}", s.protocol, s.state);
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
        .into_iter()
        .map(|(key, n)| format!("{key} {n}"))
        .collect()
}

const TCP: &[&str] = &[
    "tcp close-wait 1",
    "tcp established 2",
    "tcp fin-wait-2 1",
    "tcp6 established 2",
];
const TCP_LISTEN: &[&str] = &["tcp listen 3", "tcp6 listen 1"];
const TCP_REST: &[&str] = &["tcp bound-inactive 1", "tcp syn-recv 1", "tcp time-wait 1"];
const UDP: &[&str] = &["udp established 1"];
const UDP_REST: &[&str] = &["udp unconnected 1", "udp6 unconnected 1"];
const RAW: &[&str] = &["raw6 established 1"];
const RAW_REST: &[&str] = &["raw unconnected 1"];
const UNIX: &[&str] = &["unix established 2"];
const UNIX_LISTEN: &[&str] = &["unix listen 1"];
const UNIX_REST: &[&str] = &["unix unconnected 1"];

#[test]
#[ignore = "needs user and network namespaces"]
fn default_states() {
    namespace::run("live_cli::selection::default_states", || {
        let _zoo = Zoo::new();
        let v4 = &["tcp close-wait 1", "tcp established 2", "tcp fin-wait-2 1"][..];
        let cases: &[(&str, &[&[&str]])] = &[
            // As ss(8) says; TIME-WAIT, SYN-RECV, LISTEN, unconnected and bound-inactive are not shown.
            ("ls", &[TCP, UDP, RAW, UNIX]),
            ("ls -t", &[TCP]),
            ("ls -u", &[UDP]),
            ("ls -w", &[RAW]),
            ("ls -x", &[UNIX]),
            ("ls -tu", &[TCP, UDP]),
            ("ls -tx", &[TCP, UNIX]),
            ("ls -4", &[v4, UDP]),
            ("ls -6", &[&TCP[3..], RAW]),
            ("ls -4 -6", &[TCP, UDP, RAW]),
            ("ls -t4", &[v4]),
            ("ls -t46", &[TCP]),
            ("ls -t6", &[&TCP[3..]]),
            ("ls -ta", &[TCP, TCP_LISTEN, TCP_REST]),
            ("ls -ua", &[UDP, UDP_REST]),
            ("ls -wa", &[RAW, RAW_REST]),
            ("ls -xa", &[UNIX, UNIX_LISTEN, UNIX_REST]),
            (
                "ls -a",
                &[
                    TCP,
                    TCP_LISTEN,
                    TCP_REST,
                    UDP,
                    UDP_REST,
                    RAW,
                    RAW_REST,
                    UNIX,
                    UNIX_LISTEN,
                    UNIX_REST,
                ],
            ),
            ("ls -tl", &[TCP_LISTEN]),
            ("ls -ul", &[UDP_REST]),
            ("ls -wl", &[RAW_REST]),
            ("ls -xl", &[UNIX_LISTEN, UNIX_REST]),
            (
                "ls -l",
                &[TCP_LISTEN, UDP_REST, RAW_REST, UNIX_LISTEN, UNIX_REST],
            ),
            ("ls -tB", &[&TCP_REST[..1]]),
            // The last of -a, -l and -B holds.
            ("ls -tal", &[TCP_LISTEN]),
            ("ls -tla", &[TCP, TCP_LISTEN, TCP_REST]),
        ];
        for (arguments, groups) in cases {
            must_be(arguments, groups);
        }
    });
}

fn must_be(arguments: &str, groups: &[&[&str]]) {
    let mut expected = groups.concat();
    expected.sort_unstable();
    let answer = portctl(&format!("{arguments} --json"));
    let mut found = census(&answer.document());
    found.sort_unstable();
    assert_eq!(found, expected, "{arguments}");
}

#[test]
#[ignore = "needs user and network namespaces"]
fn state_words() {
    namespace::run("live_cli::selection::state_words", || {
        let _zoo = Zoo::new();
        let full = Full::on("127.0.0.1");
        let sent = &["tcp syn-sent 1"][..];
        // With the two ends of the connection that waits.
        let established = &["tcp established 4", "tcp6 established 2"][..];
        let listen = &["tcp listen 4", "tcp6 listen 1"][..];
        let closing = &["tcp close-wait 1", "tcp fin-wait-2 1"][..];
        let [bound, received, waiting] = [0, 1, 2].map(|n| &TCP_REST[n..=n]);
        let cases: &[(&str, &[&[&str]])] = &[
            ("ls -t state established", &[established]),
            ("ls -t state estab", &[established]),
            ("ls -t state listening", &[listen]),
            ("ls -t state listen", &[listen]),
            ("ls -t state syn-sent", &[sent]),
            ("ls -t state syn-recv", &[received]),
            ("ls -t state SYN-RCV", &[received]),
            ("ls -t state time-wait", &[waiting]),
            ("ls -t state close-wait state fin-wait-2", &[closing]),
            ("ls -t state bucket", &[received, waiting]),
            ("ls -t state bound-inactive", &[bound]),
            (
                "ls -t state connected",
                &[established, sent, closing, received, waiting],
            ),
            (
                "ls -t state synchronized",
                &[established, closing, received, waiting],
            ),
            (
                "ls -t state big",
                &[established, listen, sent, closing, bound],
            ),
            (
                "ls -t state all",
                &[established, listen, sent, closing, TCP_REST],
            ),
            (
                "ls -t exclude established",
                &[listen, sent, closing, TCP_REST],
            ),
            (
                "ls -t excl listening exclude established",
                &[sent, closing, TCP_REST],
            ),
            ("ls -t state all exclude connected", &[listen, bound]),
            // They beat -a and -l.
            ("ls -tl state time-wait", &[waiting]),
            ("ls -ta state close-wait", &[&closing[..1]]),
            ("ls -u state unconnected", &[UDP_REST]),
            ("ls -u state closed", &[UDP_REST]),
            ("ls -u state close", &[UDP_REST]),
            ("ls -tu state established", &[established, UDP]),
            ("ls -t state unconnected", &[]),
            ("ls -t state unknown", &[]),
        ];
        for (arguments, groups) in cases {
            must_be(arguments, groups);
        }
        drop(full);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn letters_cluster_and_bare_portctl_lists_listeners() {
    let test = "live_cli::selection::letters_cluster_and_bare_portctl_lists_listeners";
    namespace::run(test, || {
        let zoo = Zoo::new();
        let shown = tcp::listener("127.0.0.1", 2);
        let bare = portctl("").exits(0);
        for same in [
            "ls -tulnp",
            "ls -t -u -l -n -p",
            "ls -pnlut",
            "ls -tul -np",
            "ls --tcp --udp --listening --numeric --processes",
        ] {
            assert_eq!(portctl(same).exits(0).text(), bare.text(), "{same}");
        }
        let row = format!("127.0.0.1:{}", port(&shown));
        assert!(bare.text().contains(&row), "{bare}");
        assert_eq!(bare.lines().len(), 1 + 5 + 2, "{bare}");
        let pid = std::process::id().to_string();
        for line in bare.lines().iter().skip(1) {
            assert!(line.contains(&pid), "every owner: {line}");
        }
        // Options may stand behind the filter, and `--` ends them.
        let filter = format!("ls sport = :{} -tl", port(&shown));
        assert_eq!(list(&filter).sockets.len(), 1);
        let filter = format!("ls -tln -- sport = :{}", port(&shown));
        assert_eq!(portctl(&filter).quiet().lines().len(), 2);
        drop(zoo);
    });
}
