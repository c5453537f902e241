//! Who is named, hostile names and usage.

use super::{Options, ask};
use crate::namespace;
use crate::portctl::Run;
use crate::scene::{Holder, port};
use std::process::Command;

#[test]
#[ignore = "needs user and network namespaces"]
fn every_holder_with_its_details() {
    namespace::run("live_why::owners::every_holder_with_its_details", || {
        let listener = Options::TCP.listen("127.0.0.1");
        let first = Holder::of(&[&listener]);
        let hostile = b"x\n\x1b[31m) R 1";
        let second = Holder::named(hostile, &listener);
        let question = format!("tcp/{}", port(&listener));
        drop(listener);
        let answer = ask(&question);
        let owners = answer.reason("listener")["owners"].as_array().unwrap();
        let pids: Vec<_> = owners
            .iter()
            .map(|o| o["pid"].as_u64().unwrap() as u32)
            .collect();
        let mut expected = vec![first.pid(), second.pid()];
        expected.sort_unstable();
        assert_eq!(pids, expected);
        let of = |pid: u32| owners.iter().find(|o| o["pid"] == pid).unwrap();
        assert_eq!(of(first.pid())["command"], serde_json::json!(["cat"]));
        assert_eq!(
            of(second.pid())["name"],
            std::str::from_utf8(hostile).unwrap()
        );
        assert!(
            of(first.pid())["started_at"]
                .as_str()
                .unwrap()
                .ends_with('Z')
        );
        assert!(of(first.pid())["cgroup"].as_str().unwrap().starts_with('/'));
        // Lists tell the same command lines: with -p in JSON, as a column, to filters; and not unasked.
        let port = question.trim_start_matches("tcp/");
        let list = |options: &str| {
            let run = Run::new(&format!("ls -tl {options}"));
            run.arg(format!("sport = :{port}")).go().exits(0)
        };
        let processes = |options: &str| {
            let document = list(options).value();
            document["sockets"][0]["owners"]["processes"].clone()
        };
        let all = processes("--json -p");
        for process in all.as_array().unwrap() {
            let owner = of(process["pid"].as_u64().unwrap() as u32);
            assert_eq!(process["command"], owner["command"]);
        }
        assert_eq!(all.as_array().unwrap().len(), 2);
        assert_eq!(processes("--json"), serde_json::json!([]));
        let column = list("--no-header --columns command");
        assert!(column.text().starts_with("cat, sh -c "), "{column}");
        assert!(!column.text().contains('\x1b'), "{column}");
        let found = |glob: &str| {
            let filter = ["ls", "-tl", "--no-header", "command", "=", glob];
            Run::with(filter).go().exits(0).lines().len()
        };
        assert_eq!((found("*read?-r*"), found("*no?such*")), (1, 0));
        let text = Run::new(&format!("why {question}")).go().exits(1);
        assert!(!text.text().contains('\x1b'), "{text}");
        assert!(
            text.lines().iter().skip(1).all(|l| l.starts_with("  ")),
            "{text}"
        );
        assert!(text.lines()[0].contains("blocked (EADDRINUSE)"), "{text}");
    });
}

/// The words a docker-proxy shows to everybody lead to the container (27).
#[test]
#[ignore = "needs user and network namespaces"]
fn proxies() {
    namespace::run("live_why::owners::proxies", || {
        let listener = Options::TCP.listen("127.0.0.1");
        let directory = tempfile::tempdir().unwrap();
        let proxy = directory.path().join("docker-proxy");
        std::os::unix::fs::symlink("/bin/sh", &proxy).unwrap();
        let mut command = Command::new(&proxy);
        command.args([
            "-c",
            "read -r _",
            "-container-ip",
            "10.251.0.2",
            "-container-port",
            "80",
        ]);
        let holder = Holder::run(&mut command, &[&listener]);
        let question = format!("tcp/{}", port(&listener));
        drop(listener);
        let answer = ask(&question);
        let owner = &answer.reason("listener")["owners"][0];
        assert_eq!(owner["pid"], holder.pid());
        assert_eq!(owner["forwards_to"], "10.251.0.2:80");
        assert_eq!(
            answer.reason("listener")["remedies"][0]["action"],
            "stop-container"
        );
    });
}

/// Several questions, one document each, the worst decides; without netlink bound sockets are not listed.
#[test]
#[ignore = "needs user and network namespaces"]
fn several_questions_and_blind_spots() {
    namespace::run(
        "live_why::owners::several_questions_and_blind_spots",
        || {
            let listener = Options::TCP.listen("127.0.0.1");
            let number = port(&listener);
            let answer = Run::new(&format!("why tcp/{number} tcp/9 @free --json"))
                .go()
                .exits(1);
            let verdicts: Vec<_> = answer
                .lines()
                .iter()
                .map(|line| {
                    serde_json::from_str::<serde_json::Value>(line).unwrap()["verdict"].clone()
                })
                .collect();
            assert_eq!(verdicts, ["blocked", "free", "free"]);
            Run::new("why tcp/9 @free").go().exits(0);

            let answer = Run::new("why tcp/9 --json")
                .without_netlink()
                .go()
                .exits(3)
                .value();
            assert_eq!(answer["reasons"][0]["kind"], "bound-sockets-not-listed");
            let answer = Run::new(&format!("why tcp/{number} --json"))
                .without_netlink()
                .go();
            assert_eq!(answer.exits(1).value()["verdict"], "blocked");
            let answer = Run::new("why --try tcp/9 --json").without_netlink().go();
            assert_eq!(answer.exits(0).value()["verdict"], "free");
        },
    );
}

#[test]
fn mistakes_are_told_with_what_to_try() {
    for (question, words) in [
        ("0", "port 0"),
        ("65536", "above 65535"),
        ("htpt", "no port or service"),
        ("::1:80", "brackets"),
        ("sctp/80", "no protocol"),
        ("a\u{1b}[31m\n", "no port or service"),
    ] {
        let answer = Run::with(["why", question]).go().exits(2);
        assert!(answer.stderr.contains(words), "{answer}");
        assert!(answer.stderr.contains("hint: "), "{answer}");
        assert!(!answer.stderr.contains('\x1b'), "{answer}");
        assert_eq!(answer.text(), "");
    }
    Run::new("why").go().exits(2);
}
