//! A kernel that filters and portctl alone choose the same sockets, in every state that can be made.

use crate::namespace;
use crate::portctl::{Document, Run, portctl};
use crate::scene::tcp::{self, Full, Pair, accept, any_port, connect, listener, listener_at};
use crate::scene::{address, port, udp};
use nix::sys::socket::{setsockopt, sockopt::BindToDevice, sockopt::Mark};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

/// False for every socket, and nothing that a kernel knows: with it the kernel sends everything.
const FALSE: &str = "( uid is unknown and not uid is unknown )";

fn list(options: &str, filter: &str) -> Document {
    let run = Run::new("ls --json --source netlink")
        .arg(options)
        .arg(filter);
    run.go().document()
}

fn cookies(document: &Document) -> BTreeSet<String> {
    let cookies = document.sockets.iter().map(|s| s.cookie.clone());
    cookies.map(|c| c.expect("netlink tells cookies")).collect()
}

fn records(document: &Document) -> u64 {
    document.tables.iter().map(|t| t.records).sum()
}

#[test]
#[ignore = "needs user and network namespaces"]
fn the_kernel_and_portctl_agree() {
    namespace::run("live_cli::choosing::the_kernel_and_portctl_agree", || {
        let pairs = [
            Pair::on("127.0.0.1"),
            Pair::on("127.77.1.2"),
            Pair::on("::1"),
        ];
        setsockopt(&pairs[0].client, Mark, &5).unwrap();
        let dual = listener_at(any_port("::"), 4, Some(false));
        let mapped = connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port(&dual))));
        let accepted = accept(&dual);
        let full = Full::on("127.0.0.1");
        let on_lo = tcp::bound(any_port("::1"));
        setsockopt(&on_lo, BindToDevice, &"lo".into()).unwrap();
        let waiting = listener("127.0.0.1", 8);
        let half_open = tcp::half_open(&waiting);
        let gone = [tcp::time_wait("127.0.0.1"), tcp::time_wait("::1")];
        let server = udp::bound("127.0.0.1");
        let client = udp::connected("127.0.0.1", &server);
        let udp6 = udp::bound("::1");

        let (p, q) = (port(&pairs[0].server), port(&pairs[2].client));
        let many: Vec<_> = (0..2000).map(|n| (n * 31 + 7).to_string()).collect();
        let filters = [
            format!("sport = {p}"),
            format!("sport != {p}"),
            format!("dport = {p}"),
            format!("dport > {p}"),
            format!("dport <= {q}"),
            format!("sport in {p},{q},1-1023"),
            format!("sport not in {p},{q}"),
            format!("sport in {},{p}", many.join(",")),
            format!("not ( sport = {p} or dport = {p} )"),
            format!("sport = {p} or sport = {q} or dport = {}", half_open.port()),
            "dport = 0".into(),
            "sport is ephemeral".into(),
            "src 127.0.0.1".into(),
            "dst != 127.0.0.1".into(),
            "src 127.77.0.0/16".into(),
            "src 0.0.0.0/0".into(),
            "not src 0.0.0.0/0".into(),
            "src ::/0".into(),
            "dst ::1".into(),
            "dst ::ffff:127.0.0.1".into(),
            "dst ::ffff:0:0/96".into(),
            "dst is loopback".into(),
            "dst is not loopback".into(),
            "src is wildcard".into(),
            "src is global or dst is private".into(),
            format!("dst 127.0.0.1:{p} or dst [::1]:{}", port(&pairs[2].server)),
            format!("src 127.0.0.1 and not ( dport = {p} or dport = {q} )"),
            "dev lo".into(),
            "dev != lo".into(),
            "dev 0".into(),
            "mark = 5".into(),
            "mark != 5".into(),
            "mark = 1/1".into(),
            "mark = 5 or dev lo".into(),
            format!("mark = 5 dport = {p}"),
            "cgroup = 1".into(),
            "cgroup != 1".into(),
            format!("state time-wait or sport = {p}"),
            format!("state established sport = {p}"),
            "state time-wait dst ::1".into(),
            "state syn-recv src 127.0.0.1".into(),
            "family = inet6 or dst 127.77.0.0/16".into(),
            "autobound".into(),
        ];
        for options in ["-ta", "-ta4", "-ta6", "-ua", "-tua"] {
            for filter in &filters {
                let pushed = list(options, filter);
                let alone = list(options, &format!("( {filter} ) or {FALSE}"));
                assert_eq!(cookies(&pushed), cookies(&alone), "{options} {filter}");
                let refused = pushed.notices.iter().any(|n| n.kind == "filter-not-pushed");
                assert!(!refused, "{options} {filter}: {:?}", pushed.notices);
                let unknown = |d: &Document| {
                    let unknown = d.notices.iter().find(|n| n.kind == "filter-unknown");
                    unknown.map(|n| n.count)
                };
                assert_eq!(unknown(&pushed), unknown(&alone), "{options} {filter}");
                assert!(records(&pushed) <= records(&alone), "{options} {filter}");
            }
        }
        // The kernel did the work.
        let one = list("-ta", &format!("sport = {p}"));
        assert_eq!(records(&one), one.sockets.len() as u64);
        assert!(list("-ta", "").sockets.len() > 2 * one.sockets.len());
        drop((mapped, accepted, full, on_lo, gone, client, udp6));
    });
}

/// The filter leaves listeners out that are needed to tell whose queue a connection waits in.
#[test]
#[ignore = "needs user and network namespaces"]
fn a_filter_hides_no_reason() {
    namespace::run("live_cli::choosing::a_filter_hides_no_reason", || {
        let full = Full::on("127.0.0.1");
        let client = address(&full.waiting);
        for options in ["-tanp", "-tn4p", "-tnp"] {
            let document = list(options, &format!("dport = {}", client.port()));
            document.must_have_queued(&full.queued());
            assert_eq!(document.sockets.len(), 1);
            assert_eq!(records(&document), 1);
        }
        let document = list("-tanp", "process is accept-queue");
        document.must_have_queued(&full.queued());
        assert_eq!(document.sockets.len(), 1);
    });
}

/// Marks are told to administrators only, and only they may ask for them: the others get the rows by the rest of the filter.
#[test]
#[ignore = "needs user and network namespaces, and setpriv"]
fn without_rights_a_mark_is_unknown() {
    namespace::run(
        "live_cli::choosing::without_rights_a_mark_is_unknown",
        || {
            let pair = Pair::on("127.0.0.1");
            let p = port(&pair.server);
            let run = Run::new("ls -tn --json").arg(format!("mark = 0 sport = {p}"));
            let setpriv = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-all"];
            let document = run
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .through(setpriv)
                .go()
                .document();
            assert!(document.sockets.is_empty());
            let kinds: Vec<_> = document.notices.iter().map(|n| n.kind.as_str()).collect();
            assert!(
                kinds.contains(&"filter-not-pushed"),
                "{:?}",
                document.notices
            );
            assert!(kinds.contains(&"filter-unknown"), "{:?}", document.notices);
            assert_eq!(records(&document), 1, "chosen by its port");
            let quiet = Run::new("ls -tn").arg(format!("mark = 0 sport = {p}"));
            let answer = quiet
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .through(setpriv)
                .go();
            assert!(!answer.stderr.contains("kernel"), "{answer}");
        },
    );
}

/// Rows that nobody can tell to match are no answer to who wants all of them, in whatever form he asks.
#[test]
#[ignore = "needs user and network namespaces, and setpriv"]
fn rows_left_out_for_want_of_a_value_are_missing() {
    namespace::run(
        "live_cli::choosing::rows_left_out_for_want_of_a_value_are_missing",
        || {
            let _pair = Pair::on("127.0.0.1");
            let setpriv = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-all"];
            let ask = |arguments: &str, code: i32| {
                let run = Run::new(arguments).arg("fwmark = 0");
                run.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                    .through(setpriv)
                    .go()
                    .exits(code)
            };
            for command in [
                "ls -t",
                "ls -t --count",
                "ls -t --sort none",
                "ls -t --json",
                "top -t --by dport",
            ] {
                let strict = ask(&format!("{command} --strict"), 4);
                let said = "note: 2 rows were left out because a value the filter asks for is unknown: mark";
                assert!(strict.stderr.contains(said), "{command}: {strict}");
                let lax = ask(command, 0);
                assert_eq!(lax.stderr, strict.stderr);
            }
            ask("ls -t --exists", 4);
            // Who has the rights is told.
            assert_eq!(
                portctl("ls -t --count --strict fwmark = 0").quiet().text(),
                "2\n"
            );
        },
    );
}
