//! Groups are of the sockets that were made.

use crate::namespace::{self, eventually};
use crate::portctl::{Answer, portctl};
use crate::scene::tcp::{self, Pair, accept, any_port, connect, listener};
use crate::scene::{Holder, address, port, udp};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

/// The groups of a run that must succeed, after a look at its schema.
fn document(arguments: &str) -> Value {
    let document = portctl(&format!("{arguments} --json")).exits(0).value();
    let schema = portctl("schema top").quiet().value();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(&document).collect();
    assert!(errors.is_empty(), "{errors:?}\n{document:#}");
    assert_eq!(
        document["schema"],
        json!({"name": "portctl.top", "version": 1})
    );
    document
}

fn groups(document: &Value) -> &Vec<Value> {
    document["groups"].as_array().unwrap()
}

/// The group with this value.
fn group<'a>(document: &'a Value, field: &str, value: &Value) -> &'a Value {
    let mut found = groups(document)
        .iter()
        .filter(|g| g["key"][field] == *value);
    let first = found
        .next()
        .unwrap_or_else(|| panic!("{field} {value} in {document:#}"));
    assert!(found.next().is_none(), "twice: {document:#}");
    first
}

fn cells(answer: &Answer) -> Vec<Vec<&str>> {
    let lines = answer.lines().into_iter();
    lines
        .map(|line| line.split_whitespace().collect())
        .collect()
}

#[test]
#[ignore = "needs user and network namespaces"]
fn by_peer_port() {
    namespace::run("live_cli::top::by_peer_port", || {
        let (busy, quiet) = (listener("127.0.0.1", 9), listener("127.0.0.1", 9));
        let clients: Vec<_> = (0..3).map(|_| connect(address(&busy))).collect();
        let _other = connect(address(&quiet));
        let _accepted = accept(&busy);
        tcp::send(&clients[0], 100);
        let top = document("top --by dport dst 127.0.0.1");
        let first = &groups(&top)[0];
        assert_eq!(first["key"]["dport"], port(&busy));
        assert_eq!(first["sockets"], 3);
        assert_eq!(first["states"], json!({"established": 3}));
        let group_of = |number: u16| group(&top, "dport", &json!(number));
        assert_eq!(group_of(port(&quiet))["sockets"], 1);
        // What was accepted, and what waits to be.
        let clients_port = port(&clients[0]);
        assert_eq!(group_of(clients_port)["recv_queue"], 100);
        assert_eq!(top["total"]["sockets"], 8);
        assert_eq!(top["total"]["recv_queue"], 100);
        assert_eq!(top["groups_not_shown"], 0);

        // The pipeline that this stands for.
        let table = portctl("top --by dport -n 1 -H").exits(0);
        assert_eq!(cells(&table)[0][..2], [port(&busy).to_string(), "3".into()]);
        assert_eq!(table.lines().len(), 1, "{table}");
        assert!(table.stderr.contains("more groups not shown"), "{table}");
        // Listeners have a queue of their own.
        let listeners = document("top -tl --by sport");
        let busy = group(&listeners, "sport", &json!(port(&busy)));
        assert_eq!(
            (&busy["accept_queue"], &busy["recv_queue"]),
            (&json!(2), &Value::Null)
        );
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn a_narrow_screen_has_no_room_for_bytes_and_says_so() {
    namespace::run(
        "live_cli::top::a_narrow_screen_has_no_room_for_bytes_and_says_so",
        || {
            let pair = Pair::on("127.0.0.1");
            tcp::send(&pair.client, 100_000);
            let top = |width: &str| {
                let words = format!("top -ta --by local,peer --width {width}");
                portctl(&words).exits(0)
            };
            let widest = |answer: &Answer| {
                let lines = answer.lines().into_iter();
                lines.map(|l| l.chars().count()).max().unwrap()
            };
            let whole = top("none");
            assert!(whole.text().contains("RECEIVED"), "{whole}");
            assert!(!whole.stderr.contains("no room"), "{whole}");
            let narrow = top("80");
            assert!(widest(&whole) > 80, "else this shows nothing: {whole}");
            assert!(widest(&narrow) <= 80, "{narrow}");
            assert!(!narrow.text().contains("RECEIVED"), "{narrow}");
            let said = "no room for RECEIVED, ACKED (--width none or --json shows them)";
            assert!(narrow.stderr.contains(said), "{narrow}");
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn who_does_not_close() {
    namespace::run("live_cli::top::who_does_not_close", || {
        let leaks: Vec<_> = (0..4).map(|_| Pair::on("127.0.0.1")).collect();
        let sockets: Vec<&dyn std::os::fd::AsFd> = leaks.iter().map(|p| &p.server as _).collect();
        let first = Holder::named(b"leaky one", sockets[0]);
        let second = Holder::named(b"leaky one", sockets[1]);
        let third = Holder::of(&sockets[1..4]);
        let mut servers = Vec::new();
        for pair in leaks {
            drop(pair.client);
            servers.push(pair.server);
        }
        eventually("the ends of the peers", || {
            portctl("ls -t --count state close-wait").text() == "4\n"
        });
        // This process has all four, too.
        let top = document("top --by process state close-wait");
        let of = |name: &str| group(&top, "process", &json!(name))["sockets"].clone();
        assert_eq!(of("leaky one"), 2);
        assert_eq!(of("cat"), 3);
        assert_eq!(top["total"]["sockets"], 4);
        assert_eq!(top["total"]["states"], json!({"close-wait": 4}));
        assert_eq!(top["in_several_groups"], 4);
        assert_eq!(groups(&top).len(), 3);

        let pids = document("top --by process,pid state close-wait");
        let one = group(&pids, "pid", &json!(first.pid()));
        assert_eq!(
            (&one["key"]["process"], &one["sockets"]),
            (&json!("leaky one"), &json!(1))
        );
        assert_eq!(group(&pids, "pid", &json!(second.pid()))["sockets"], 1);
        assert_eq!(group(&pids, "pid", &json!(third.pid()))["sockets"], 3);
        let text = portctl("top --by process state close-wait").exits(0);
        assert!(text.text().contains("\"leaky one\""), "quoted: {text}");
        assert!(text.text().contains("4 sockets in 3 groups\n"), "{text}");
        assert!(
            text.text()
                .contains("4 sockets are held by several processes"),
            "{text}"
        );
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn what_has_no_process_says_why() {
    namespace::run("live_cli::top::what_has_no_process_says_why", || {
        tcp::time_wait("127.0.0.1");
        tcp::time_wait("::1");
        let server = listener("127.0.0.1", 9);
        let _client = connect(address(&server));
        let top = document("top -ta --by process");
        let without: Vec<_> = groups(&top)
            .iter()
            .filter(|g| g["key"]["process"].is_null())
            .map(|g| {
                (
                    g["missing"]["process"].as_str().unwrap(),
                    g["sockets"].as_u64().unwrap(),
                )
            })
            .collect();
        assert_eq!(without, [("time-wait", 2), ("accept-queue", 1)]);
        let text = portctl("top -ta --by process").quiet();
        assert!(text.text().contains("(time-wait)"), "{text}");
        assert!(text.text().contains("(in accept queue)"), "{text}");
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn what_is_left_out() {
    namespace::run("live_cli::top::what_is_left_out", || {
        let _sockets = (
            Pair::on("127.0.0.1"),
            Pair::on("::1"),
            udp::bound("127.0.0.1"),
            tcp::bound(any_port("127.0.0.1")),
            crate::scene::unix::pair(rustix::net::SocketType::STREAM),
        );
        tcp::time_wait("127.0.0.1");
        let total = |arguments: &str| document(arguments)["total"]["sockets"].clone();
        let counted = |arguments: &str| {
            let count = portctl(&format!("ls -q --count {arguments}")).quiet();
            json!(count.text().trim().parse::<u64>().unwrap())
        };
        // Protocols without the field, and states as in a list.
        assert_eq!(total("top --by dport"), counted("-tuw"));
        assert_eq!(total("top --by protocol"), counted(""));
        assert_eq!(total("top --by type"), counted("-x"));
        assert_eq!(total("top -x --by dport"), counted("-x"));
        assert_eq!(total("top -ta --by dport"), counted("-ta"));
        // Who asks for states gets all of them.
        assert_eq!(total("top -t --by state"), counted("-ta"));
        assert_eq!(total("top -tl --by state"), counted("-tl"));
        assert_eq!(total("top -t --by state state time-wait"), json!(1));
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn every_field_makes_groups() {
    namespace::run("live_cli::top::every_field_makes_groups", || {
        let _kept = (
            Pair::on("127.0.0.1"),
            listener("::1", 7),
            udp::bound("127.0.0.1"),
            crate::scene::unix::pair(rustix::net::SocketType::DGRAM),
        );
        let topic = portctl("help columns").quiet();
        let fields = topic.lines().into_iter().filter_map(|line| {
            let name = line.strip_prefix("  ")?.split_whitespace().next()?;
            (!line.starts_with("   ") && name != "portctl").then_some(name)
        });
        let mut seen = 0;
        for field in fields {
            let top = document(&format!("top -a --by {field},protocol --sort {field}"));
            let sum: u64 = groups(&top)
                .iter()
                .map(|g| g["sockets"].as_u64().unwrap())
                .sum();
            assert!(sum >= top["total"]["sockets"].as_u64().unwrap(), "{top:#}");
            assert!(sum > 0, "{top:#}");
            let narrow = portctl(&format!("top -a --by {field} --width 60")).exits(0);
            // What BPF programs keep is told to nobody in a user namespace.
            let is_untold = |line: &str| field.starts_with("bpf_") && line.contains("CAP_BPF");
            let mut said = narrow.stderr.lines();
            assert!(
                said.all(|line| line.starts_with("note: no room") || is_untold(line)),
                "{narrow}"
            );
            seen += 1;
        }
        assert!(seen > 25);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn what_came_and_went() {
    namespace::run("live_cli::top::what_came_and_went", || {
        let (rising, falling) = (listener("127.0.0.1", 99), listener("127.0.0.1", 99));
        let stays = connect(address(&rising));
        let goes: Vec<_> = (0..2).map(|_| connect(address(&falling))).collect();
        let change = thread::spawn(move || {
            thread::sleep(Duration::from_millis(1500));
            drop(goes);
            let came: Vec<_> = (0..5).map(|_| connect(address(&rising))).collect();
            tcp::send(&came[0], 1000);
            (rising, falling, came)
        });
        let top = document("top -t -i 3 --by dport state established");
        let (rising, falling, _came) = change.join().unwrap();
        let of = |number: u16| group(&top, "dport", &json!(number));
        let new = of(port(&rising));
        assert_eq!(
            (&new["new"], &new["gone"], &new["sockets"]),
            (&json!(5), &json!(0), &json!(6))
        );
        let gone = of(port(&falling));
        assert_eq!(
            (&gone["new"], &gone["gone"], &gone["sockets"]),
            (&json!(0), &json!(2), &json!(0))
        );
        assert_eq!(
            groups(&top)[0]["key"]["dport"],
            port(&rising),
            "most came there"
        );
        let seconds = top["interval_s"].as_f64().unwrap();
        assert!((3.0..4.0).contains(&seconds), "{seconds}");
        let rate = new["new_per_s"].as_f64().unwrap();
        assert!((rate - 5.0 / seconds).abs() < 0.01, "{rate}");
        // The kernel counts the SYN of each new one as a byte.
        let bytes = new["bytes_acked_per_s"].as_f64().unwrap() * seconds;
        assert!((bytes - 1005.0).abs() < 1.0, "{bytes}");
        assert_eq!(new["bytes_received_per_s"], json!(0.0));
        assert_eq!(new["bytes_acked"], json!(1006));
        assert_eq!(top["notices"], json!([]));
        drop(stays);

        // Without cookies nobody can tell.
        let blind = document("top -t -i 0.1 --by dport --source proc");
        assert_eq!(blind["total"]["new"], Value::Null);
        assert_eq!(blind["total"]["bytes_acked_per_s"], Value::Null);
        assert_eq!(blind["total"]["bytes_acked"], Value::Null);
        let text = portctl("top -t -i 0.1 --by dport --source proc").exits(0);
        assert!(
            text.text().contains("which of them are new is unknown"),
            "{text}"
        );
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn hostile_names() {
    namespace::run("live_cli::top::hostile_names", || {
        let server = listener("127.0.0.1", 9);
        let _raw = Holder::named(b"a\xff\x1b[31m", &server);
        let top = document("top -tl --by process,sport");
        let named = groups(&top)
            .iter()
            .find(|g| !g["hex"].is_null())
            .unwrap_or_else(|| panic!("{top:#}"));
        assert_eq!(named["hex"]["process"], "61ff1b5b33316d");
        assert_eq!(named["key"]["process"], r"a\xff\x1b[31m");
        assert_eq!(named["key"]["sport"], port(&server));
        for arguments in ["top -tl --by process", "top -tl --by process --json"] {
            let answer = portctl(arguments).exits(0);
            let control = |c: char| c.is_control() && c != '\n';
            assert!(!answer.text().contains(control), "{answer}");
        }
    });
}

/// Whatever is grouped by, no line is wider than the screen, and no number is cut; a pipe gets all.
#[test]
#[ignore = "needs user and network namespaces"]
fn narrow_screens() {
    namespace::run("live_cli::top::narrow_screens", || {
        let server = listener("127.0.0.1", 9);
        let clients: Vec<_> = (0..3).map(|_| connect(address(&server))).collect();
        let accepted = accept(&server);
        tcp::send(&accepted, 54_321);
        for arguments in [
            "top -ta --by src,dst,state",
            "top -ta --by process",
            "top -ta --by process,command",
            "top -tl --by process,command",
        ] {
            let whole = portctl(arguments).exits(0).text().to_owned();
            assert!(!whole.contains('\u{2026}'), "{whole}");
            for width in 40..=120 {
                let answer = portctl(&format!("{arguments} --width {width}")).exits(0);
                let text = answer.text();
                let is_table = text.lines().next().is_some_and(|l| l.contains("  SOCKETS"));
                assert!(is_table || width < 64, "at {width}: {answer}");
                // The sentence behind the empty line is another matter.
                let table = text.split("\n\n").next().unwrap();
                let fits = table.lines().all(|l| l.chars().count() <= width);
                assert!(fits || !is_table, "at {width}: {answer}");
                let has_queue = text.contains("54321");
                let dropped = answer.stderr.contains("RECV-Q");
                let listeners = arguments.contains("-tl");
                assert!(has_queue || dropped || listeners, "at {width}: {answer}");
            }
        }
        drop(clients);
    });
}
