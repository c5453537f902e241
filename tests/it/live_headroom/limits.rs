//! What runs out besides ports, each driven to its limit; what nobody can tell; and options that make no sense.

use super::openmetrics;
use super::summary::{clients, flow_to, has, promtool, summary};
use super::truth::{Flow, close_into_time_wait, server, set, set_range};
use crate::namespace;
use crate::portctl::{Answer, Run, portctl};
use crate::scene::{address, tcp};
use nix::sys::socket::{setsockopt, sockopt};
use rustix::net::{AddressFamily, SocketType};
use serde_json::Value;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

/// The doubts and gaps of a summary, by their word.
fn uncertainty(summary: &Value) -> Vec<&str> {
    let list = summary["uncertainty"].as_array().unwrap();
    list.iter().map(|u| u["kind"].as_str().unwrap()).collect()
}

fn check(arguments: &str) -> Answer {
    portctl(&format!("summary --check {arguments}"))
}

#[test]
#[ignore = "needs user and network namespaces"]
fn proc_does_not_tell_whether_a_queue_is_full_and_nobody_says_it_is_not() {
    namespace::run(
        "live_headroom::limits::proc_does_not_tell_whether_a_queue_is_full_and_nobody_says_it_is_not",
        || {
            let full = tcp::Full::on("127.0.0.1");
            check("").exits(2);
            for blind in [
                check("--source proc"),
                Run::new("summary --check").without_netlink().go(),
            ] {
                let blind = blind.exits(3);
                assert!(blind.text().contains("UNKNOWN"), "{blind}");
                assert!(
                    blind.text().contains("how many connections may wait"),
                    "{blind}"
                );
            }
            let document = summary("--source proc");
            let listener = &document["listeners"][0];
            assert_eq!(listener["accept_queue"]["length"], 1, "{document:#}");
            for unknown in ["full", "drops", "severity"] {
                assert!(listener[unknown].is_null(), "{unknown} in {listener}");
            }
            assert!(document["verdict"].is_null(), "{document:#}");
            for gap in ["backlogs", "listener-drops", "bound-sockets"] {
                assert!(uncertainty(&document).contains(&gap), "{document:#}");
            }
            let text = portctl("summary --source proc --width none").exits(0);
            let is_unknown =
                |line: &&&str| line.starts_with("? ") && line.contains("1 listener is unknown");
            assert!(text.lines().iter().any(|line| is_unknown(&line)), "{text}");

            let metrics = portctl("summary --source proc --format openmetrics").exits(0);
            let series = openmetrics::read(metrics.text());
            assert_eq!(series["portctl_scrape_success"], 0.0);
            assert_eq!(series[r#"portctl_unknown{fact="backlogs"}"#], 1.0);
            assert_eq!(series["portctl_accept_queue_connections"], 1.0);
            for unknown in ["portctl_verdict", "portctl_listeners_full"] {
                assert!(!series.contains_key(unknown), "{metrics}");
            }
            promtool(metrics.text());
            // One fits any backlog, so that an empty queue is not full.
            drop((full.attempt, tcp::accept(&full.listener)));
            let document = summary("--source proc");
            let listener = &document["listeners"][0];
            assert_eq!(
                (&listener["full"], &listener["severity"]),
                (&false.into(), &"ok".into())
            );
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn proc_does_not_tell_how_old_close_waits_are() {
    namespace::run(
        "live_headroom::limits::proc_does_not_tell_how_old_close_waits_are",
        || {
            let keep = server("127.0.0.1:5001");
            let mut leaked = Vec::new();
            for (client, end) in clients(&Flow::to(address(&keep)), &keep, 5) {
                let peer = address(&client);
                drop(client);
                tcp::await_state(address(&end), peer, tcp::number::CLOSE_WAIT);
                leaked.push(end);
            }
            let blind = |warning: u32| {
                let limit = format!("--threshold close-wait.warning={warning}");
                summary(&format!("--source proc {limit}"))["close_wait"].clone()
            };
            // Fewer than make a leak are none, however old.
            let few = blind(6);
            assert_eq!(
                (&few["severity"], &few["old"]),
                (&"ok".into(), &Value::Null)
            );
            assert_eq!(few["age_unknown"], 5);
            let many = blind(5);
            assert!(many["severity"].is_null(), "{many:#}");
            let options = "--threshold close-wait.warning=5 --threshold close-wait.age=0";
            check(options).exits(1);
            check(&format!("--source proc {options}")).exits(3);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn what_a_listener_dropped_is_its_own() {
    namespace::run(
        "live_headroom::limits::what_a_listener_dropped_is_its_own",
        || {
            let full = tcp::Full::on("127.0.0.1");
            let other = server("127.0.0.1:5001");
            let to = address(&full.listener);
            let row = |document: &Value, at: SocketAddr| {
                let rows = document["listeners"].as_array().unwrap();
                let row = rows.iter().find(|row| row["port"] == at.port());
                row.unwrap_or_else(|| panic!("{at}: {document:#}")).clone()
            };
            let before = summary("");
            let dropped = row(&before, to)["drops"].as_u64().unwrap();
            assert!(dropped >= 1, "{before:#}");
            assert_eq!(row(&before, address(&other))["drops"], 0);
            // More are dropped between two looks.
            let document = std::thread::scope(|scope| {
                let asked = scope.spawn(|| summary("--interval 3s"));
                let mut attempts = Vec::new();
                // From before the first look until after the second.
                while !asked.is_finished() {
                    attempts.push(tcp::connecting(to));
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
                asked.join().unwrap()
            });
            let now = row(&document, to);
            assert!(now["drops_in_interval"].as_u64() >= Some(1), "{now}");
            assert!(now["drops"].as_u64() > Some(dropped), "{now}");
            assert!(has(&document, "listener", "critical"), "{document:#}");
            // That it once did is worth a notice, when there is room again.
            drop(full.attempt);
            let accepted = tcp::accept(&full.listener);
            let after = row(&summary(""), to);
            assert_eq!(after["severity"], "notice", "{after}");
            drop((accepted, full.waiting));
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn a_peer_that_does_not_answer_is_why() {
    namespace::run(
        "live_headroom::limits::a_peer_that_does_not_answer_is_why",
        || {
            set_range(46_000, 10);
            let full = tcp::Full::on("127.0.0.1");
            let attempts: Vec<_> = (0..5)
                .map(|_| tcp::connecting(address(&full.listener)))
                .collect();
            namespace::eventually("SYNs are sent again", || {
                let document = summary("");
                let held = &flow_to(&document, &full.listener)["held"];
                held["unanswered"] == 6 && held["syn_sent"] == 6
            });
            let text = portctl("summary --width none").exits(0);
            assert!(
                text.text()
                    .contains("why     6 SYN-SENT: the peer does not answer"),
                "{text}"
            );
            drop(attempts);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn what_lingers_in_fin_wait_2_is_not_time_wait() {
    namespace::run(
        "live_headroom::limits::what_lingers_in_fin_wait_2_is_not_time_wait",
        || {
            let keep = server("127.0.0.1:5001");
            let mut ends = Vec::new();
            for (client, end) in clients(&Flow::to(address(&keep)), &keep, 4) {
                let at = address(&client);
                drop(client);
                tcp::await_state(at, address(&end), tcp::number::FIN_WAIT_2);
                ends.push(end);
            }
            for options in ["", "--source proc"] {
                let document = summary(options);
                let of = flow_to(&document, &keep);
                let held = &of["held"];
                assert_eq!(held["orphan_fin_wait_2"], 4, "{of:#}");
                assert_eq!(
                    (&held["time_wait"], &held["closing"]),
                    (&0.into(), &0.into())
                );
                assert_eq!(of["time_wait"], 0);
                let all = &document["timewait"];
                assert_eq!(
                    (&all["count"], &all["orphan_fin_wait_2"]),
                    (&0.into(), &4.into())
                );
            }
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn time_waits_beyond_their_limit_are_lost() {
    namespace::run(
        "live_headroom::limits::time_waits_beyond_their_limit_are_lost",
        || {
            set("tcp_max_tw_buckets", 10);
            set("tcp_tw_reuse", 0);
            let keep = server("127.0.0.1:5001");
            let flow = Flow::to(address(&keep));
            let close = |count| {
                for (client, end) in clients(&flow, &keep, count) {
                    close_into_time_wait(client, end);
                }
            };
            close(8);
            let fine = summary("");
            assert!(!has(&fine, "time-wait", "warning"), "{fine:#}");
            close(1);
            let near = summary("");
            assert!(has(&near, "time-wait", "warning"), "{near:#}");
            assert_eq!(
                (&near["timewait"]["count"], &near["timewait"]["max"]),
                (&9.into(), &10.into())
            );
            assert_eq!(near["timewait"]["overflows"], 0);
            close(6);
            let over = check("--threshold time-wait.warning=100").exits(1);
            assert!(
                over.text()
                    .contains("TIME_WAIT: 10 of 10, 5 ended without it"),
                "{over}"
            );
        },
    );
}

/// A process that has these descriptors beside the first three, and this limit. The limit is not near: other tests see the process too.
fn with_descriptors(opened: std::ops::RangeInclusive<u32>, limit: u32) -> Child {
    let opened: String = opened.map(|fd| format!("exec {fd}</dev/null; ")).collect();
    // Another program would need descriptors to begin.
    let script = format!("{opened} ulimit -Sn {limit}; echo; read end");
    let mut child = Command::new("/bin/sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It says when it is ready.
    let mut line = [0];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
    child
}

#[test]
#[ignore = "needs user and network namespaces"]
fn descriptors_that_take_no_place_do_not_count() {
    namespace::run(
        "live_headroom::limits::descriptors_that_take_no_place_do_not_count",
        || {
            let near = with_descriptors(3..=5, 10);
            // Its limit was lowered: those above it are in nobody's way.
            let lowered = with_descriptors(6..=9, 5);
            let mut children = [near, lowered];
            let judged = "--threshold files.warning=50 --threshold files.critical=60";
            let document = summary(judged);
            let of = |child: &Child| {
                let all = document["limits"]["descriptors"].as_array().unwrap();
                let of = all.iter().find(|of| of["pid"] == child.id());
                let of = of.unwrap_or_else(|| panic!("{document:#}"));
                (
                    of["open"].clone(),
                    of["limit"].clone(),
                    of["severity"].clone(),
                )
            };
            let critical = |open: u32, limit: u32| (open.into(), limit.into(), "critical".into());
            assert_eq!(of(&children[0]), critical(6, 10));
            assert_eq!(of(&children[1]), critical(3, 5));
            let metrics = portctl(&format!("summary --format openmetrics {judged}")).exits(0);
            let series = openmetrics::read(metrics.text());
            let open = series[r#"portctl_process_open_files{process="sh"}"#];
            let limit = series[r#"portctl_process_open_files_limit{process="sh"}"#];
            assert!(
                [(6.0, 10.0), (3.0, 5.0)].contains(&(open, limit)),
                "{metrics}"
            );
            promtool(metrics.text());
            for child in &mut children {
                child.kill().unwrap();
                child.wait().unwrap();
            }
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn orphans_are_counted() {
    namespace::run("live_headroom::limits::orphans_are_counted", || {
        let keep = server("127.0.0.1:5001");
        let mut ends = Vec::new();
        for (client, end) in clients(&Flow::to(address(&keep)), &keep, 3) {
            tcp::fill(&client);
            drop(client);
            ends.push(end);
        }
        let document = summary("");
        let orphans = &document["limits"]["orphans"];
        assert!(orphans["used"].as_u64() >= Some(3), "{orphans}");
        // The limit is the host's, and not shown to other namespaces.
        assert!(orphans["limit"].is_null() && orphans["severity"].is_null());
        assert_eq!(flow_to(&document, &keep)["held"]["closing"], 3);
    });
}

#[test]
#[ignore = "needs user and network namespaces, and nf_conntrack_netlink"]
fn tracked_connections_are_counted_against_the_limit_of_the_host() {
    namespace::run(
        "live_headroom::limits::tracked_connections_are_counted_against_the_limit_of_the_host",
        || {
            let tracked = |document: &Value| document["limits"]["conntrack"].clone();
            assert_eq!(tracked(&summary(""))["used"], 0);
            namespace::track(40);
            let now = tracked(&summary(""));
            assert_eq!((&now["used"], &now["severity"]), (&40.into(), &"ok".into()));
            // The limit is that of all namespaces: it cannot be lowered here, but what is judged by can.
            let limit = now["limit"].as_f64().unwrap();
            let over = 100.0 * 39.5 / limit;
            let under = 100.0 * 40.5 / limit;
            let judged =
                |threshold: f64| check(&format!("--threshold conntrack.warning={threshold}"));
            let warned = judged(over).exits(1);
            assert!(warned.text().contains("conntrack: 40 of "), "{warned}");
            judged(under).exits(0);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, and promtool"]
fn listeners_that_share_a_port_are_one_series() {
    namespace::run(
        "live_headroom::limits::listeners_that_share_a_port_are_one_series",
        || {
            let listener = |device: Option<&str>| -> OwnedFd {
                let fd =
                    rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
                setsockopt(&fd, sockopt::ReusePort, &true).unwrap();
                if let Some(name) = device {
                    setsockopt(&fd, sockopt::BindToDevice, &name.into()).unwrap();
                }
                rustix::net::bind(&fd, &"127.0.0.1:5001".parse::<SocketAddr>().unwrap()).unwrap();
                rustix::net::listen(&fd, 0).unwrap();
                fd
            };
            let shared = [None; 3].map(listener);
            let to = address(&shared[0]);
            let mut attempts = Vec::new();
            let mut fill = |count| {
                namespace::eventually("queues are full", || {
                    attempts.extend((0..8).map(|_| tcp::connecting(to)));
                    let document = summary("");
                    let rows = document["listeners"].as_array().unwrap();
                    rows.iter().filter(|row| row["full"] == true).count() >= count
                });
            };
            // Before there is one of the interface, which the kernel prefers.
            fill(2);
            let own = listener(Some("lo"));
            fill(3);
            let metrics = portctl("summary --format openmetrics").exits(0);
            let series = openmetrics::read(metrics.text());
            let of = |interface: &str| {
                let labels =
                    format!(r#"{{address="127.0.0.1",port="5001",interface="{interface}"}}"#);
                let name = "portctl_listener_accept_queue_connections";
                series.get(&*format!("{name}{labels}")).copied()
            };
            assert!(of("") >= Some(2.0) && of("lo") == Some(1.0), "{metrics}");
            promtool(metrics.text());
            drop((shared, own));
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn time_waits_that_may_be_free_are_the_reason_that_is_given() {
    namespace::run(
        "live_headroom::limits::time_waits_that_may_be_free_are_the_reason_that_is_given",
        || {
            namespace::add_elsewhere();
            set_range(47_000, 40);
            set("tcp_tw_reuse", 1);
            set("tcp_tw_reuse_delay", 60_000);
            let keep = server("192.0.2.9:5001");
            for (client, end) in clients(&Flow::to(address(&keep)), &keep, 40) {
                close_into_time_wait(client, end);
            }
            let document = summary("");
            let of = flow_to(&document, &keep);
            assert_eq!(
                (&of["severity"], &of["doubtful"]),
                (&"critical".into(), &true.into()),
                "{of:#}"
            );
            // Over ten seconds, of which all are counted, because none may be taken over yet.
            assert_eq!(of["rate"]["closes_over_s"], 10.0);
            let reason = "CRITICAL is expected, not certain";
            let line = check("").exits(3);
            assert!(line.text().contains(reason), "{line}");
            assert!(line.text().contains("40 ports in TIME_WAIT"), "{line}");
            let text = portctl("summary --width none").exits(0);
            assert!(text.text().contains(reason), "{text}");
            // With a millisecond to wait all of them come back at once.
            set("tcp_tw_reuse_delay", 1);
            let document = summary("");
            let rate = &flow_to(&document, &keep)["rate"];
            assert_eq!(rate["closes_over_s"], 0.001);
            assert_eq!(rate["limit_per_s"], 40_000.0);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn lines_are_whole_and_names_are_escaped_once() {
    namespace::run(
        "live_headroom::limits::lines_are_whole_and_names_are_escaped_once",
        || {
            let full = tcp::Full::on("127.0.0.1");
            let before = std::fs::read("/proc/self/comm").unwrap();
            std::fs::write("/proc/self/comm", b"a\x1bb|c").unwrap();
            let line = check("").exits(2);
            let text = portctl("summary --width none").exits(0);
            std::fs::write("/proc/self/comm", before.trim_ascii_end()).unwrap();
            assert!(line.text().contains(r"a\x1bb/c["), "{line}");
            assert_eq!(line.text().matches('|').count(), 1, "{line}");
            assert!(text.text().contains(r"a\x1bb|c["), "{text}");
            let fix = text
                .lines()
                .into_iter()
                .find(|line| line.starts_with("  fix"));
            assert!(fix.unwrap().ends_with("when it listens anew"), "{text}");
            drop(full);
        },
    );
}

#[test]
fn options_that_make_no_sense_are_one_error() {
    for (options, code) in [
        ("--json --check", 3),
        ("--check --format openmetrics", 3),
        ("--check --threshold ports.warning=200", 3),
        ("--json --format text", 2),
        ("--threshold ports.warning=200", 2),
        ("--threshold ports.warning=-1", 2),
        ("--threshold ports.warning=96", 2),
        (
            "--threshold files.critical=50 --threshold files.warning=60",
            2,
        ),
        ("--threshold ports.waring=60", 2),
        ("--interval 1s --from /dev/null", 2),
        ("--probe --from /dev/null", 2),
    ] {
        let answer = portctl(&format!("summary {options}")).exits(code);
        if code == 3 {
            assert_eq!(answer.lines().len(), 1, "{answer}");
            assert!(answer.text().starts_with("PORTCTL UNKNOWN - "), "{answer}");
        } else {
            assert!(answer.stdout.is_empty(), "{options}: {answer}");
            assert_eq!(answer.stderr.matches("error:").count(), 1, "{answer}");
        }
    }
}
