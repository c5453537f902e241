//! The summary of a network namespace that the test made: its flows say what `portctl headroom` says and what then is counted, and
//! what is in trouble is found, with whose it is.

use super::openmetrics;
use super::truth::{Flow, Mode, accept, close_into_time_wait, server, set, set_range};
use crate::namespace;
use crate::portctl::{Answer, portctl};
use crate::scene::{address, tcp};
use serde_json::Value;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

/// The flow to this address in a summary.
pub(super) fn flow_to<'a>(summary: &'a Value, to: &OwnedFd) -> &'a Value {
    let to = address(to);
    let flows = summary["flows"].as_array().unwrap();
    let goes = |flow: &&Value| {
        flow["flow"]["destination"] == to.ip().to_string()
            && flow["flow"]["destination_port"] == to.port()
            && flow["flow"]["mode"] == "connect"
    };
    let mut found = flows.iter().filter(goes);
    let flow = found
        .next()
        .unwrap_or_else(|| panic!("{to} in {summary:#}"));
    assert!(found.next().is_none(), "{to} twice in {summary:#}");
    flow
}

pub(super) fn summary(arguments: &str) -> Value {
    portctl(&format!("summary --json {arguments}"))
        .exits(0)
        .value()
}

/// Whether a finding of this kind is of this severity.
pub(super) fn has(summary: &Value, kind: &str, severity: &str) -> bool {
    let findings = summary["findings"].as_array().unwrap();
    findings
        .iter()
        .any(|f| f["kind"] == kind && f["severity"] == severity)
}

pub(super) fn clients(flow: &Flow, server: &OwnedFd, count: usize) -> Vec<(OwnedFd, OwnedFd)> {
    (0..count)
        .map(|_| (flow.connect().unwrap(), accept(server)))
        .collect()
}

/// An application that is pinned to few ports runs out while its flow has many: that is worth a word.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn a_range_of_its_own_is_told_when_it_is_used_up() {
    namespace::run(
        "live_headroom::summary::a_range_of_its_own_is_told_when_it_is_used_up",
        || {
            set_range(40_000, 1_000);
            let server = server("127.0.0.1:5001");
            let pinned = Flow::to(address(&server)).range(40_100..=40_119);
            let _open = clients(&pinned, &server, 20);
            assert!(pinned.connect().is_err(), "the kernel has one more");
            let summary = summary("");
            let flow = flow_to(&summary, &server);
            assert_eq!(
                flow["own_range"],
                serde_json::json!({"low": 40_100, "high": 40_119, "left": 0}),
                "{flow:#}"
            );
            assert_eq!(flow["severity"], "notice");
            assert_eq!(flow["headroom"]["expected"], 980);
            assert!(has(&summary, "flow", "notice"), "{summary:#}");
            let text = portctl("summary --width none").exits(0);
            let said = "seem to be pinned to 40100-40119 (IP_LOCAL_PORT_RANGE): 0 left there";
            assert!(text.text().contains(said), "{text}");
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn flows_are_what_headroom_says_and_what_is_counted() {
    namespace::run(
        "live_headroom::summary::flows_are_what_headroom_says_and_what_is_counted",
        || {
            namespace::add_elsewhere();
            set_range(41_000, 100);
            set("tcp_tw_reuse", 0);
            let servers = ["127.0.0.1:5001", "192.0.2.9:5001", "[::1]:5001"].map(server);
            let flows: Vec<_> = servers.iter().map(|s| Flow::to(address(s))).collect();
            // Clients that name their port, and one whose peer has closed: their counters are asked for apart.
            let named: Vec<_> = [41_061, 41_062, 41_063]
                .map(|port| {
                    let client = tcp::bound(SocketAddr::from(([127, 0, 0, 1], port)));
                    rustix::net::connect(&client, &address(&servers[0])).unwrap();
                    (client, accept(&servers[0]))
                })
                .into_iter()
                .collect();
            rustix::net::shutdown(&named[0].1, rustix::net::Shutdown::Write).unwrap();
            let client = &named[0].0;
            tcp::await_state(address(client), peer_of(client), tcp::number::CLOSE_WAIT);
            let closed = summary("--threshold close-wait.age=0");
            assert_eq!(closed["close_wait"]["old"], 1, "{closed:#}");
            let mut open = Vec::new();
            for (n, (flow, server)) in flows.iter().zip(&servers).enumerate() {
                open.extend(clients(flow, server, 10 + 7 * n));
                for (client, end) in clients(flow, server, 3) {
                    close_into_time_wait(client, end);
                }
            }
            let idle: Vec<_> = (0..5)
                .map(|_| tcp::bound(tcp::any_port("127.0.0.1")))
                .collect();
            for (options, more) in [("", &[][..]), ("--probe", &["--probe"][..])] {
                let summary = summary(options);
                for (flow, server) in flows.iter().zip(&servers) {
                    let (of, said) = (flow_to(&summary, server), flow.ask(more));
                    for key in [
                        "headroom",
                        "capacity",
                        "parts",
                        "exact",
                        "uncertainty",
                        "used",
                    ] {
                        assert_eq!(of[key], said.0[key], "{key} of {of:#}");
                    }
                }
            }
            let summary = summary("--probe");
            for (flow, server) in flows.iter().zip(&servers) {
                let expected = flow_to(&summary, server)["headroom"]["expected"].as_u64();
                assert_eq!(expected, Some(flow.count(&servers).into()));
            }
            drop((open, idle, named));
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn a_full_flow_tells_who_why_and_what_helps() {
    namespace::run(
        "live_headroom::summary::a_full_flow_tells_who_why_and_what_helps",
        || {
            namespace::add_elsewhere();
            set_range(42_000, 100);
            set("tcp_tw_reuse", 2);
            set("tcp_tw_reuse_delay", 1);
            let to = server("192.0.2.9:5001");
            let flow = Flow::to(address(&to));
            let open = clients(&flow, &to, 60);
            let over = clients(&flow, &to, 40);
            for (client, end) in over {
                close_into_time_wait(client, end);
            }
            let document = summary("--interval 100ms");
            assert_eq!(document["verdict"], "critical", "{document:#}");
            assert!(has(&document, "flow", "critical"));
            let of = flow_to(&document, &to);
            assert_eq!(of["headroom"]["expected"], 0);
            assert_eq!(
                (&of["held"]["established"], &of["held"]["time_wait"]),
                (&60.into(), &40.into())
            );
            let holders = of["holders"]["processes"].as_array().unwrap();
            assert_eq!(holders.len(), 1, "{of:#}");
            assert_eq!(
                (&holders[0]["pid"], &holders[0]["sockets"]),
                (&std::process::id().into(), &60.into())
            );
            assert_eq!(of["holders"]["nobody"], 40);
            assert_eq!(of["rate"]["closes_per_s"], 4.0);
            let releases = of["release"].as_array().unwrap();
            assert_eq!(releases.last().unwrap()["ports"], 40, "{of:#}");
            let text = portctl("summary").exits(0);
            for words in ["CRITICAL  tcp", "  held ", "  why ", "  trend ", "  fix "] {
                assert!(text.text().contains(words), "{words} in {text}");
            }
            // The gain is what is counted when it was done.
            let remedies = of["remedies"].as_array().unwrap();
            let reuse = remedies.iter().find(|r| r["kind"] == "tw-reuse").unwrap();
            set("tcp_tw_reuse", 1);
            assert_eq!(
                reuse["gain"],
                u64::from(flow.count(std::slice::from_ref(&to))),
                "{of:#}"
            );
            drop(open);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn a_process_is_known_by_what_it_held_before() {
    namespace::run(
        "live_headroom::summary::a_process_is_known_by_what_it_held_before",
        || {
            namespace::add_elsewhere();
            set_range(43_000, 40);
            set("tcp_tw_reuse", 0);
            let to = server("192.0.2.9:5001");
            let mut open = clients(&Flow::to(address(&to)), &to, 30);
            let document = std::thread::scope(|scope| {
                let asked = scope.spawn(|| summary("--interval 3s"));
                std::thread::sleep(std::time::Duration::from_millis(1500));
                for (client, end) in open.split_off(20) {
                    close_into_time_wait(client, end);
                }
                asked.join().unwrap()
            });
            let of = flow_to(&document, &to);
            let holders = of["holders"]["processes"].as_array().unwrap();
            let by = |via: &str| {
                holders
                    .iter()
                    .find(|h| h["via"] == via)
                    .map(|h| &h["sockets"])
            };
            assert_eq!(
                (by("inode"), by("cookie")),
                (Some(&20.into()), Some(&10.into())),
                "{of:#}"
            );
            assert_eq!(of["holders"]["nobody"], 0);
            // No port was lost, however many connections were.
            assert_eq!(of["rate"]["net_per_s"], 0.0);
            assert_eq!(of["rate"]["exhausted_in_s"], Value::Null);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn listeners_leaks_and_descriptors() {
    namespace::run(
        "live_headroom::summary::listeners_leaks_and_descriptors",
        || {
            let full = tcp::Full::on("127.0.0.1");
            let keep = server("127.0.0.1:5001");
            let mut leaked = Vec::new();
            for (client, end) in clients(&Flow::to(address(&keep)), &keep, 6) {
                drop(client);
                tcp::await_state(address(&end), peer_of(&end), tcp::number::CLOSE_WAIT);
                leaked.push(end);
            }
            let document = summary("");
            assert!(has(&document, "listener", "critical"), "{document:#}");
            assert!(!has(&document, "close-wait", "warning"), "{document:#}");
            let first = &document["listeners"][0];
            assert_eq!(
                (&first["port"], &first["full"]),
                (&address(&full.listener).port().into(), &true.into())
            );
            assert_eq!(first["holders"][0]["pid"], std::process::id());
            assert_eq!(document["close_wait"]["count"], 6);

            let document = summary("--threshold close-wait.age=0 --threshold close-wait.warning=6");
            assert!(has(&document, "close-wait", "warning"), "{document:#}");
            let leak = &document["close_wait"]["processes"][0];
            assert_eq!(
                (&leak["pid"], &leak["old"]),
                (&std::process::id().into(), &6.into())
            );
            assert!(
                leak["oldest_at_least_ms"]
                    .as_u64()
                    .is_some_and(|ms| ms < 60_000),
                "{leak}"
            );

            let document = summary("--threshold files.warning=0 --threshold files.critical=0.0001");
            assert!(has(&document, "descriptors", "critical"), "{document:#}");
            drop(leaked);
        },
    );
}

fn peer_of(fd: &OwnedFd) -> SocketAddr {
    SocketAddr::try_from(rustix::net::getpeername(fd).unwrap().unwrap()).unwrap()
}

#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn a_check_is_one_line_and_four_codes() {
    namespace::run(
        "live_headroom::summary::a_check_is_one_line_and_four_codes",
        || {
            let check = |arguments: &str, code: i32, word: &str| -> Answer {
                let answer = portctl(&format!("summary --check {arguments}")).exits(code);
                assert_eq!(answer.lines().len(), 1, "{answer}");
                assert!(
                    answer.text().starts_with(&format!("PORTCTL {word} - ")),
                    "{answer}"
                );
                answer
            };
            set_range(44_000, 100);
            let fine = check("", 0, "OK");
            assert!(
                fine.text()
                    .contains("| expected_headroom=100;21:;6:;0;100 min_headroom=100;;;0;100 "),
                "{fine}"
            );
            let to = server("127.0.0.1:5001");
            let flow = Flow::to(address(&to));
            let open = clients(&flow, &to, 60);
            // Half is a notice, which is fine.
            check("", 0, "OK");
            check("--threshold ports.warning=60", 1, "WARNING");
            let critical = check("--threshold ports.critical=60", 2, "CRITICAL");
            assert!(
                critical
                    .text()
                    .contains("127.0.0.1:5001: 40 of 100 ports left"),
                "{critical}"
            );
            check("--threshold x=1", 3, "UNKNOWN");
            check("--interval never", 3, "UNKNOWN");
            check("--from /nonexistent", 3, "UNKNOWN");
            drop(open);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn where_critical_hangs_on_what_nobody_can_tell_the_check_says_so() {
    namespace::run(
        "live_headroom::summary::where_critical_hangs_on_what_nobody_can_tell_the_check_says_so",
        || {
            set_range(45_000, 100);
            let (one, other) = (server("127.0.0.1:5001"), server("127.0.0.2:5001"));
            let bound = Flow::to(address(&other)).from("127.0.0.3").mode(Mode::Bind);
            let mut open = clients(&Flow::to(address(&one)), &one, 10);
            open.extend(clients(&bound, &other, 30));
            let ask = |more: &str| {
                portctl(&format!(
                    "summary --check --threshold ports.critical=35 {more}"
                ))
            };
            let unsure = ask("").exits(3);
            assert!(unsure.text().starts_with("PORTCTL UNKNOWN - "), "{unsure}");
            assert!(unsure.text().contains("--probe"), "{unsure}");
            // They are closed, which leaves sixty.
            ask("--probe").exits(2);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, and promtool"]
fn metrics_please_promtool() {
    namespace::run("live_headroom::summary::metrics_please_promtool", || {
        let full = tcp::Full::on("127.0.0.1");
        let keep = server("127.0.0.1:5001");
        let open = clients(&Flow::to(address(&keep)), &keep, 3);
        // A name that no format expects.
        let before = std::fs::read("/proc/self/comm").unwrap();
        std::fs::write("/proc/self/comm", b"\"\\\n\x1b\xff{}").unwrap();
        let metrics = portctl("summary --format openmetrics --threshold files.warning=0").exits(0);
        std::fs::write("/proc/self/comm", before.trim_ascii_end()).unwrap();
        let text = metrics.text();
        assert!(
            text.ends_with("# EOF\n") && text.starts_with("# HELP portctl_scrape_success"),
            "{metrics}"
        );
        for needed in [
            "\nportctl_scrape_success 1\n",
            "_total ",
            "# UNIT ",
            "portctl_process_open_files{",
        ] {
            assert!(text.contains(needed), "{needed} in {metrics}");
        }
        openmetrics::read(text);
        promtool(text);
        drop((full, open));
    });
}

/// Fails unless `promtool` has nothing to say about these metrics.
pub(super) fn promtool(metrics: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool (Debian: prometheus)");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(metrics.as_bytes()).unwrap();
    drop(stdin);
    let said = promtool.wait_with_output().unwrap();
    let complaints = [said.stdout, said.stderr].concat();
    assert!(
        said.status.success() && complaints.is_empty(),
        "{}",
        String::from_utf8_lossy(&complaints)
    );
}
