//! Saved dumps: `ss` reads what portctl writes, to its end, and portctl reads back all of it.

use super::against_ss::{of_portctl, of_ss_from};
use super::rows::{packet, socket};
use crate::namespace;
use crate::portctl::{Document, Run, Socket, list, portctl};
use crate::scene::dump::{self, Record};
use crate::scene::tcp::{Pair, any_port, listener, time_wait};
use crate::scene::unix::{abstract_name, connect};
use crate::scene::{port, udp, unix};
use rustix::net::{AddressFamily, SocketType};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Rows that no kernel need produce: `ss` shows them from a file, and portctl shows the same.
#[test]
#[ignore = "needs ss of iproute2"]
fn synthetic_rows_are_what_ss_says_they_are() {
    let mut records = Vec::new();
    let ends = [
        ("10.0.0.1:22", "10.0.0.2:50312"),
        ("0.0.0.0:0", "0.0.0.0:0"),
        ("255.255.255.255:65535", "0.0.0.0:1"),
        ("[2001:db8::1]:443", "[fe80::1:0:0:2]:1"),
        ("[::ffff:10.0.0.1]:80", "[::ffff:192.0.2.7]:40000"),
        ("[::]:53", "[::]:0"),
    ];
    // 12 and 13 are numbers of which ss knows no name.
    for state in 1..=11 {
        for (local, peer) in ends {
            let number = u32::try_from(records.len()).unwrap() + 1;
            let mut peer: SocketAddr = peer.parse().unwrap();
            if state == 7 {
                // ss shows the address that an idle socket had of a peer, and portctl none.
                peer = SocketAddr::new(
                    if peer.is_ipv4() {
                        [0; 4].into()
                    } else {
                        [0; 16].into()
                    },
                    0,
                );
            }
            let mut local: SocketAddr = local.parse().unwrap();
            // No connection twice.
            local.set_port(local.port() ^ if peer.port() == 0 { 0 } else { state.into() });
            records.push(Record {
                state,
                local,
                peer,
                // ss prints the larger half of them as negative numbers.
                queues: (number * 1_000_003, (u32::MAX >> 1) / number),
                uid: number,
                inode: if number % 5 == 0 {
                    0
                } else {
                    u32::MAX - number
                },
                cookie: u64::from(number) << 31 | 1,
            });
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let saved = directory.path().join("dump");
    std::fs::write(&saved, dump::file(&records, &[])).unwrap();
    let theirs = of_ss_from(saved.to_str().unwrap(), "-a -e -A tcp,xdp");
    let document = read_back(&saved, "-ta");
    assert_eq!((document.sockets.len(), theirs.len()), (66, 66));
    assert_eq!(of_portctl(&document), theirs);
}

/// Sockets of many tables.
fn zoo() -> impl Sized {
    let name = abstract_name(b"saved");
    let local = unix::listener(SocketType::STREAM, &name, 3);
    let client = connect(SocketType::STREAM, &name);
    let accepted = crate::scene::tcp::accept(&local);
    time_wait("127.0.0.1");
    let mptcp = socket(AddressFamily::INET, SocketType::STREAM, 262);
    rustix::net::bind(&mptcp, &any_port("127.0.0.1")).unwrap();
    rustix::net::listen(&mptcp, 5).unwrap();
    (
        (Pair::on("127.0.0.1"), Pair::on("::1"), mptcp),
        (udp::bound("127.0.0.1"), udp::bound("::1")),
        (local, client, accepted),
        (
            packet(SocketType::RAW, 3),
            packet(SocketType::DGRAM, 0x0800),
        ),
    )
}

/// Rows as far as they do not say who holds them, which a dump does not.
fn rows(document: &Document) -> Vec<Socket> {
    let mut rows = document.sockets.clone();
    for row in &mut rows {
        if let Some(timer) = &mut row.timer {
            timer.expires_ms = 0;
        }
        // Other names than "root" are those of the host that reads.
        row.user = None;
        // What ports are for on the host that reads means nothing for another's.
        if let Some(exposure) = &mut row.exposure {
            (exposure.ephemeral, exposure.privileged) = (None, None);
        }
    }
    rows
}

fn save(path: &Path, arguments: &str) {
    let run = Run::new(&format!("ls {arguments} --dump")).arg(path);
    let answer = run.go().quiet();
    assert_eq!(answer.text(), "", "rows go to the file only");
}

fn read_back(path: &Path, arguments: &str) -> Document {
    let run = Run::new(&format!("ls {arguments} --json --from")).arg(path);
    run.go().exits(0).document_whatever_status()
}

/// The lines of `ss` for a saved dump.
fn of_ss(path: &Path, arguments: &str) -> Vec<String> {
    let output = Command::new("ss")
        .args(arguments.split_whitespace())
        .env("TCPDIAG_FILE", path)
        .env_remove("COLUMNS")
        .output()
        .expect("ss of iproute2 is needed");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[test]
#[ignore = "needs user and network namespaces, and ss of iproute2"]
fn ss_reads_both_families() {
    namespace::run("live_families::saved::ss_reads_both_families", || {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("dump");
        let (v4, v6) = (Pair::on("127.0.0.1"), Pair::on("::1"));
        let other = udp::bound("127.0.0.1");
        // Whatever else is in the file, ss reads TCP only: UDP and unix are not taken for it.
        for tables in ["-ta", "-tuxa", "-a"] {
            save(&file, tables);
            let lines = of_ss(&file, "-Htan");
            assert_eq!(lines.len(), 6, "{lines:?}");
            for pair in [&v4, &v6] {
                for fd in [&pair.listener, &pair.client, &pair.server] {
                    let here = format!(":{} ", port(fd));
                    assert!(lines.iter().any(|line| line.contains(&here)), "{lines:?}");
                }
            }
        }
        // Its own dump of the same sockets, of which it reads the first half.
        let saved = directory.path().join("of-ss");
        let status = Command::new("ss")
            .args(["-tan4", "-D"])
            .arg(&saved)
            .status();
        assert!(status.unwrap().success());
        save(&file, "-ta4");
        let sorted = |path: &Path| {
            let mut lines = of_ss(path, "-Htane");
            lines.sort();
            lines
        };
        assert_eq!(sorted(&file), sorted(&saved));
        // Nothing of TCP: nothing for ss, and no complaint.
        save(&file, "-ua");
        assert!(of_ss(&file, "-Htan").is_empty());
        drop(other);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn every_table_reads_back() {
    namespace::run("live_families::saved::every_table_reads_back", || {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("dump");
        let _zoo = zoo();
        for tables in [
            "-a",
            "-ta",
            "-ua",
            "-xa",
            "-0",
            "-f netlink",
            "-M -l",
            "-A all,!tcp,!vsock -a",
        ] {
            save(&file, tables);
            let live = list(&format!("ls {tables} --source netlink exclude time-wait"));
            let back = read_back(&file, &format!("{tables} exclude time-wait"));
            assert!(!live.sockets.is_empty(), "{tables}");
            let mut live = rows(&live);
            // Names of interfaces and services belong to the reader, and there are none here.
            for row in &mut live {
                row.owners.status = "not-asked".into();
            }
            assert_eq!(rows(&back), live, "{tables}");
            assert!(
                back.complete && back.notices.is_empty(),
                "{tables}: {:?}",
                back.notices
            );
            assert!(back.tables.iter().all(|t| t.source == "dump"));
        }
        // A table that was saved and empty is there, another is not.
        save(&file, "-u state listening");
        let back = read_back(&file, "-ua");
        assert!(back.complete && back.sockets.is_empty(), "{back:?}");
        let back = read_back(&file, "-xa -ua");
        assert_eq!(back.notice_kinds(), ["table-unavailable"]);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn the_filter_applies() {
    namespace::run("live_families::saved::the_filter_applies", || {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("dump");
        let _zoo = zoo();
        let kept = listener("127.0.0.1", 1);
        let filter = format!("-tua sport = :{}", port(&kept));
        save(&file, &filter);
        let back = read_back(&file, "-tua");
        assert_eq!(back.sockets.len(), 1);
        assert_eq!(back.sockets[0].local().port, port(&kept));
        assert!(
            back.complete,
            "what was not kept is not missing: {:?}",
            back.notices
        );
        // Unix names, also of the other end.
        save(&file, "-x dst @saved");
        assert_eq!(read_back(&file, "-xa").sockets.len(), 1);
        // From a file into a file, which may be the same.
        save(&file, "-a");
        let all = read_back(&file, "-a").sockets.len();
        let again = Run::new("ls -ta state listening --from")
            .arg(&file)
            .arg("--dump")
            .arg(&file);
        again.go().quiet();
        let fewer = read_back(&file, "-a");
        assert!(fewer.sockets.len() < all && !fewer.sockets.is_empty());
        assert!(
            fewer
                .sockets
                .iter()
                .all(|s| s.protocol == "tcp" && s.state == "listen")
        );
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn streams_and_failures() {
    namespace::run("live_families::saved::streams_and_failures", || {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("dump");
        let _pair = Pair::on("127.0.0.1");
        save(&file, "-ta4");
        let written = std::fs::read(&file).unwrap();
        // Through standard output, and read from the variable of ss.
        let out = directory.path().join("out");
        let stdout = std::fs::File::create(&out).unwrap();
        let answer = Run::new("ls -ta4 -D -").stdout(stdout).go();
        assert_eq!(answer.exits(0).stderr, "");
        assert_eq!(std::fs::read(&out).unwrap().len(), written.len());
        let answer = Run::new("ls -ta --json").env("TCPDIAG_FILE", &out).go();
        assert_eq!(answer.exits(0).document_whatever_status().sockets.len(), 3);

        let answer = portctl("ls -ta -D /nonexistent/dump").exits(3);
        assert!(
            answer.stderr.contains("/nonexistent/dump: No such file"),
            "{answer}"
        );
        let answer = portctl("ls -ta -D /dev/full").exits(3);
        assert!(answer.stderr.contains("No space left"), "{answer}");
        // What would shape rows that nobody is shown is an error; what is typed out of habit is a note.
        for shape in [
            "--json",
            "--limit 1",
            "--columns local",
            "--sort rtt",
            "--record",
            "--width 80",
        ] {
            let answer = Run::new(&format!("ls -ta {shape} -D"))
                .arg(&out)
                .go()
                .exits(2);
            let option = shape.split(' ').next().unwrap();
            assert!(answer.stderr.contains(option), "{answer}");
        }
        let habit = Run::new("ls -tanprZHO4 --strict -D")
            .arg(&out)
            .go()
            .exits(0);
        assert!(
            habit
                .stderr
                .starts_with("note: the dump has nothing of -p, -Z, -r: "),
            "{habit}"
        );
        assert_eq!(habit.stderr.lines().count(), 1, "{habit}");
        assert_eq!(std::fs::read(&out).unwrap().len(), written.len());
        let answer = Run::new("ls -ta --source proc -D").arg(&file).go().exits(3);
        assert!(answer.stderr.contains("netlink messages"), "{answer}");
        assert_eq!(
            std::fs::read(&file).unwrap(),
            written,
            "nothing was overwritten"
        );
        // Cut anywhere, it is damaged, and the rows before that are shown.
        for length in [1, 15, 16, 40, written.len() - 20, written.len() - 1] {
            std::fs::write(&file, &written[..length]).unwrap();
            let answer = Run::new("ls -ta --from").arg(&file).go();
            assert!(!answer.stderr.is_empty(), "{length}: {answer}");
        }
    });
}

/// MPTCP has counters of its own, and what waits to be accepted has those of any other connection.
#[test]
#[ignore = "needs user and network namespaces"]
fn counters_that_a_dump_lacks_of_others() {
    namespace::run(
        "live_families::saved::counters_that_a_dump_lacks_of_others",
        || {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("dump");
            let from = |arguments: &str| Run::new(&format!("{arguments} --from")).arg(&file).go();
            let mptcp = socket(AddressFamily::INET, SocketType::STREAM, 262);
            rustix::net::bind(&mptcp, &any_port("127.0.0.1")).unwrap();
            rustix::net::listen(&mptcp, 5).unwrap();
            save(&file, "-M -l");
            for command in ["ls -M -l -i", "ls -M -l -i --json"] {
                let answer = from(&format!("{command} --strict")).exits(4);
                assert!(
                    answer.stderr.contains("of 1 socket no counter (-i)"),
                    "{answer}"
                );
            }
            from("ls -M -l --columns local,mptcp_token --strict").exits(4);
            // That is nothing that it could have.
            from("ls -M -l --columns local,rtt --strict").exits(0);
            save(&file, "-M -l -i");
            from("ls -M -l -i --strict").exits(0);
            drop(mptcp);

            let server = listener("127.0.0.1", 5);
            let client = crate::scene::tcp::connect(crate::scene::address(&server));
            time_wait("127.0.0.1");
            let waiting = format!("sport = {} and state established", port(&server));
            save(&file, "-ta");
            let told = |arguments: &[&str]| {
                let mut run = Run::new("ls -t --strict --columns local,rtt --from").arg(&file);
                for argument in arguments {
                    run = run.arg(*argument);
                }
                run.go()
            };
            let answer = told(&[&waiting]).exits(4);
            assert!(
                answer
                    .stderr
                    .contains("of 1 socket no counter (--columns rtt)"),
                "{answer}"
            );
            // Of TIME-WAIT no kernel has any.
            told(&["state time-wait"]).exits(0);

            // Groups are told of by the same rule, and why a value is missing is true of each socket.
            from("top -ta --by state --strict").exits(0);
            let habit = from("top -t --by peer --strict").exits(0);
            assert!(
                habit
                    .stderr
                    .contains("note: of 2 sockets no counter (RECEIVED, ACKED)"),
                "{habit}"
            );
            let sorted = from("top -t --by peer --sort received --strict").exits(4);
            assert!(
                sorted
                    .stderr
                    .contains("warning: of 2 sockets no counter (--sort received)"),
                "{sorted}"
            );
            let document = from("top -ta --by state,congestion --json").value();
            let why = |state: &str| {
                let groups = document["groups"].as_array().unwrap().iter();
                let mut found = groups.filter(|group| group["key"]["state"] == state);
                found.next().unwrap()["missing"]["congestion"].clone()
            };
            assert_eq!(why("established"), "source", "{document:#}");
            assert_eq!(why("time-wait"), "no-file", "{document:#}");
            drop((server, client));
        },
    );
}

/// Who asks a dump for details that its maker did not ask for is told of what and how many, once and in every format.
#[test]
#[ignore = "needs user and network namespaces"]
fn details_that_a_dump_lacks() {
    namespace::run("live_families::saved::details_that_a_dump_lacks", || {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("dump");
        let server = listener("127.0.0.1", 1);
        let unnamed = unix::pair(SocketType::STREAM);
        let formats = ["", "--csv", "--record", "--json", "--ndjson"];
        let read = |options: &str, format: &str| {
            Run::new(&format!("ls {options} {format} --strict --from"))
                .arg(&file)
                .go()
        };
        let lacks = |options: &str, expected: &[&str]| {
            for format in formats {
                let answer = read(options, format).exits(4);
                let said = answer.stderr.lines().filter(|l| l.contains("was told"));
                let said: Vec<_> = said.collect();
                assert_eq!(said.len(), expected.len(), "{answer}");
                for (line, words) in said.iter().zip(expected) {
                    assert!(line.contains(words), "{words}: {answer}");
                }
            }
        };
        let has_all = |options: &str| {
            for format in formats {
                let answer = read(options, format).exits(0);
                assert!(!answer.stderr.contains("was told"), "{answer}");
            }
        };
        save(&file, "-txa");
        lacks("-ta -i", &["of 1 socket no counter (-i)"]);
        lacks(
            "-txa -m --tos",
            &[
                "of 3 sockets no memory (-m)",
                "of 1 socket no type of service (--tos)",
            ],
        );
        // Columns are a question, too.
        let column = |name: &str| read(&format!("-ta --columns local,{name}"), "");
        column("rtt").exits(4);
        column("congestion").exits(4);
        column("rmem_alloc").exits(4);
        column("uid").exits(0);
        column("sctp_locals").exits(0);

        let said = |options: &str, words: &str| {
            let answer = column(options);
            assert!(answer.stderr.contains(words), "{words}: {answer}");
        };
        // In the words in which it was asked for.
        said(
            "rtt,cwnd --sort min_rtt",
            "(--columns rtt,cwnd, --sort min_rtt)",
        );
        said("cgroup", "no path of a control group (--columns cgroup)");
        for options in ["--cgroup", "--cgroup --json"] {
            let answer = read(&format!("-ta {options}"), "").exits(4);
            let told = answer
                .stderr
                .matches("no path of a control group (--cgroup)");
            assert_eq!(told.count(), 1, "{answer}");
        }
        let habit = read("-ta -e", "").exits(0);
        assert!(
            habit
                .stderr
                .starts_with("note: of 1 socket no path of a control group (-e)"),
            "{habit}"
        );

        // Other details do not stand in for those that are missing.
        save(&file, "-txa -m");
        has_all("-txa -m");
        lacks("-ta -i -m", &["of 1 socket no counter (-i)"]);
        save(&file, "-ta -i");
        has_all("-ta -i");
        column("rtt").exits(0);
        column("congestion").exits(0);
        drop((server, unnamed));

        // The kernel has no counters of what is only bound, so that a dump with all of them has none either.
        let bound = crate::scene::tcp::bound(any_port("127.0.0.1"));
        save(&file, "-tB -i");
        assert_eq!(read_back(&file, "-tB").sockets.len(), 1);
        has_all("-tB -i");
        drop(bound);
    });
}
