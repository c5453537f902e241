//! netlink, /proc and saved dumps: the same sockets give the same rows.

use crate::namespace;
use crate::portctl::{Document, End, Run, Socket, list, portctl};
use crate::scene::dump::{Record, file};
use crate::scene::tcp::{Full, Pair, any_port, finish, listener, listener_at, number, time_wait};
use crate::scene::unix::{abstract_name, bound, path};
use crate::scene::{describe, differences, inode, tcp, udp, unix};
use rustix::net::{SocketType, sockopt};
use std::net::UdpSocket;
use std::process::Command;

/// A row with only what both sources can fill.
fn shared(socket: &Socket) -> Socket {
    let mut socket = socket.clone();
    socket.cookie = None;
    socket.mark = None;
    socket.cgroup = None;
    socket.v6only = None;
    socket.shutdown = None;
    // Depends on the interface.
    socket.exposure = None;
    if let Some(queue) = &mut socket.accept_queue {
        queue.limit = None;
    }
    if let Some(timer) = &mut socket.timer {
        // The clock goes on between two listings.
        timer.expires_ms = 0;
    }
    if let End::Inet(local) = &mut socket.local {
        local.interface = None;
    }
    if socket.protocol == "unix" {
        (socket.recv_queue, socket.send_queue) = (None, None);
        (socket.accept_queue, socket.peer) = (None, None);
        (socket.uid, socket.user) = (None, None);
    }
    socket
}

fn shared_rows(document: &Document) -> Vec<Socket> {
    let mut rows: Vec<_> = document.sockets.iter().map(shared).collect();
    rows.sort_by_key(|r| format!("{} {:?} {:?} {:?}", r.protocol, r.local, r.peer, r.inode));
    rows
}

fn sources(document: &Document) -> Vec<(String, String, String)> {
    let tables = document.tables.iter();
    tables
        .map(|t| (t.protocol.clone(), t.family.clone(), t.source.clone()))
        .collect()
}

/// All rows through one source, and nothing through another.
fn rows_from(source: &str) -> Vec<Socket> {
    let document = list(&format!("ls -tuxap --source {source}"));
    assert_eq!(document.tables.len(), 5);
    for table in &document.tables {
        assert_eq!(table.source, source, "{table:?}");
    }
    shared_rows(&document)
}

#[test]
#[ignore = "needs user and network namespaces"]
fn netlink_and_proc_tell_the_same() {
    namespace::run("live_sources::netlink_and_proc_tell_the_same", || {
        let keep = (
            listener("127.0.0.1", 3),
            listener_at(any_port("::"), 3, Some(false)),
            Full::on("127.0.0.1"),
            [
                Pair::on("127.0.0.1"),
                Pair::on("::1"),
                Pair::on("127.0.0.1"),
            ],
            [udp::bound("0.0.0.0"), udp::bound("::1")],
        );
        let half_open = listener("127.0.0.1", 8);
        tcp::half_open(&half_open);
        let (stuck, closing) = (&keep.3[0], &keep.3[1]);
        tcp::fill(&stuck.client);
        finish(&closing.client);
        closing.client_is(number::FIN_WAIT_2);
        let keepalive = &keep.3[2];
        rustix::net::sockopt::set_socket_keepalive(&keepalive.client, true).unwrap();
        let connected = udp::connected("127.0.0.1", &keep.4[0]);
        connected.send(b"hello").unwrap();
        let lingering = [time_wait("127.0.0.1"), time_wait("::1")];
        let orphan = Pair::on("::1");
        let (a, b) = (
            crate::scene::address(&orphan.client),
            crate::scene::address(&orphan.server),
        );
        drop(orphan.client);
        tcp::await_state(a, b, number::FIN_WAIT_2);
        let local = (
            unix::listener(SocketType::STREAM, &abstract_name(b"a"), 1),
            unix::pair(SocketType::SEQPACKET),
            unix::socket(SocketType::DGRAM),
        );

        // Probes and retransmissions go on meanwhile: what was the same before and after the text
        // was read must be the same in the text.
        let (mut netlink, mut proc) = (Vec::new(), Vec::new());
        namespace::eventually("nothing moves", || {
            netlink = rows_from("netlink");
            proc = rows_from("proc");
            netlink == rows_from("netlink")
        });
        for (n, p) in netlink.iter().zip(&proc) {
            assert!(n == p, "netlink, and /proc:\n{}", differences(n, p));
        }
        assert_eq!(netlink.len(), proc.len());
        assert_eq!(
            netlink.iter().filter(|s| s.state == "time-wait").count(),
            lingering.len()
        );
        assert!(netlink.iter().any(|s| s.state == "syn-recv"));
        assert!(
            netlink
                .iter()
                .any(|s| s.owners.reason.as_deref() == Some("orphan"))
        );
        assert_eq!(netlink.iter().filter(|s| s.protocol == "unix").count(), 4);
        drop(local);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn proc_knows_its_limits() {
    namespace::run("live_sources::proc_knows_its_limits", || {
        let server = listener("127.0.0.1", 3);
        let pair = Pair::on("::1");
        let arguments = "ls -tanp --source proc --json";
        let document = portctl(arguments).exits(0).document_whatever_status();
        // What the text lacks is null, not 0.
        document.must_have(&describe(&server).accept_queue(0, 3).through_proc());
        document.must_have(&describe(&pair.server).through_proc());
        document.must_have(&describe(&pair.client).through_proc());
        // Bound sockets that do nothing are missing, and only those.
        assert!(!document.complete);
        let kinds: Vec<_> = document.notices.iter().map(|n| n.kind.as_str()).collect();
        assert_eq!(kinds, ["states-unavailable"; 2]);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn proc_tells_drops_and_a_few_counters() {
    namespace::run("live_sources::proc_tells_drops_and_a_few_counters", || {
        let pair = Pair::on("127.0.0.1");
        let full = UdpSocket::bind("127.0.0.1:0").unwrap();
        sockopt::set_socket_recv_buffer_size(&full, 2304).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..50 {
            sender
                .send_to(&[1; 400], full.local_addr().unwrap())
                .unwrap();
        }
        let columns = "ls -tuan --csv --no-header --sort inode --columns";
        let read = |source: &str, names: &str| {
            portctl(&format!("{columns} inode,{names} --source {source}"))
                .exits(0)
                .text()
                .to_owned()
        };
        let drops = read("netlink", "drops,protocol");
        let dropped = drops.lines().any(|row| {
            let drops = row.split(',').nth(1).and_then(|n| n.parse::<u32>().ok());
            row.ends_with("udp") && drops > Some(0)
        });
        assert!(dropped, "{drops}");
        let udp = |text: String| -> Vec<String> {
            let rows = text.lines().filter(|row| row.ends_with("udp"));
            rows.map(str::to_owned).collect()
        };
        assert_eq!(udp(read("proc", "drops,protocol")), udp(drops));
        // The text has whole ticks of 10 ms, the kernel of some builds finer ones.
        let counters = |source| -> Vec<Vec<Option<u64>>> {
            let text = read(source, "cwnd,ssthresh,rto,ato");
            let number = |n: &str| n.parse().ok();
            text.lines()
                .map(|row| row.split(',').map(number).collect())
                .collect()
        };
        let (netlink, proc) = (counters("netlink"), counters("proc"));
        assert_eq!(netlink.len(), proc.len());
        let mut connections = 0;
        for (n, p) in netlink.iter().zip(&proc) {
            assert_eq!(n[..3], p[..3], "inode, cwnd, ssthresh");
            for (n, p) in n[3..].iter().zip(&p[3..]) {
                let (Some(n), Some(p)) = (n, p) else {
                    assert_eq!(n, p);
                    continue;
                };
                assert!(n.abs_diff(*p) < 10_000 && p % 10_000 == 0, "{n} {p}");
                connections += 1;
            }
        }
        assert_eq!(connections, 4, "rto and ato of both ends: {netlink:?}");

        // What is missing is told once, and counts.
        let document = portctl("ls -tunim --source proc --json");
        let document = document.document_whatever_status();
        assert!(!document.complete);
        assert_eq!(document.notice_kinds(), ["details-unavailable"]);
        drop(pair);
    });
}

/// /proc/net/unix prints names raw: one with a newline spills into a line of its own, and one that
/// goes on like a row cannot be told from a row. Netlink is not fooled.
#[test]
#[ignore = "needs user and network namespaces"]
fn names_with_newlines() {
    namespace::run("live_sources::names_with_newlines", || {
        let forged = b"a\n0000000000000000: 00000002 00000000 00010000 0001 01 777 @forged";
        let evil = bound(SocketType::DGRAM, &abstract_name(forged));
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().join("b\nnot a row at all");
        let name = name.as_os_str().as_encoded_bytes();
        let odd = bound(SocketType::DGRAM, &path(name));
        let plain = bound(SocketType::DGRAM, &abstract_name(b"plain"));
        let document = list("ls -xap");
        document.must_have(&describe(&evil).abstract_name(forged));
        document.must_have(&describe(&odd).path(name));
        document.must_have(&describe(&plain).abstract_name(b"plain"));
        assert_eq!(document.sockets.len(), 3);
        assert!(document.complete);

        let document = list("ls -xap --source proc");
        for (fd, expected) in [
            (&odd, describe(&odd).path(name)),
            (&plain, describe(&plain).abstract_name(b"plain")),
        ] {
            assert_eq!(document.by_inode(inode(fd)).local, expected.socket.local);
        }
        document.by_inode(inode(&evil));
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn each_table_falls_back_by_itself() {
    namespace::run("live_sources::each_table_falls_back_by_itself", || {
        let has_raw_diag = namespace::has_raw_diag();
        let raw = udp::raw(rustix::net::AddressFamily::INET, 253);
        let server = listener("127.0.0.1", 3);
        let document = list("ls -twa");
        document.by_inode(inode(&raw));
        document.by_inode(inode(&server));
        let expected = if has_raw_diag { "netlink" } else { "proc" };
        for (protocol, _, source) in sources(&document) {
            let wanted = if protocol == "raw" {
                expected
            } else {
                "netlink"
            };
            assert_eq!(source, wanted, "{protocol}");
        }
        assert_eq!(document.tables.len(), 4);
        assert!(document.complete);
        let fallbacks = if has_raw_diag { 0 } else { 2 };
        assert_eq!(document.notice_kinds(), vec!["fell-back"; fallbacks]);

        // Only netlink, and only what netlink lacks: then nothing can be collected.
        let status = if has_raw_diag { 0 } else { 3 };
        let answer = portctl("ls -wa --source netlink").exits(status);
        assert_eq!(answer.stdout.is_empty(), !has_raw_diag, "{answer}");
        assert_eq!(answer.stderr.is_empty(), has_raw_diag, "{answer}");
        // With another table that works, it is told and the rest is shown.
        let answer = portctl("ls -twa --source netlink --json").exits(0);
        let document = answer.document_whatever_status();
        document.by_inode(inode(&server));
        assert_eq!(document.complete, has_raw_diag);
        let kinds = vec!["table-unavailable"; fallbacks];
        assert_eq!(document.notice_kinds(), kinds);
        let strict = if has_raw_diag { 0 } else { 4 };
        portctl("ls -twa --source netlink --strict").exits(strict);

        // The fallback is worth one line to who asked for raw sockets, and to nobody else.
        for (arguments, lines) in [("ls -wa", 1), ("ls -wa -q", 0), ("ls -a", 0), ("ls -av", 1)] {
            let answer = portctl(arguments).exits(0);
            let fell: Vec<_> = answer
                .stderr
                .lines()
                .filter(|l| l.contains("/proc/net"))
                .collect();
            let wanted = if has_raw_diag { 0 } else { lines };
            assert_eq!(fell.len(), wanted, "{arguments}: {answer}");
        }
    });
}

fn records() -> (Vec<Record>, Vec<Record>) {
    let record = |state, local: &str, peer: &str, inode| Record {
        state,
        local: local.parse().unwrap(),
        peer: peer.parse().unwrap(),
        queues: (5, 6),
        uid: 0,
        inode,
        cookie: 0x1_0000_0000 + u64::from(inode),
    };
    (
        vec![
            record(10, "0.0.0.0:22", "0.0.0.0:0", 101),
            record(1, "10.0.0.1:22", "10.0.0.2:50000", 102),
            record(6, "10.0.0.1:40000", "10.0.0.9:443", 0),
        ],
        vec![
            record(10, "[::]:80", "[::]:0", 201),
            record(8, "[fd00::1]:80", "[fd00::2]:50001", 202),
        ],
    )
}

/// No namespace: a saved dump is read wherever one is.
#[test]
fn a_saved_dump_is_a_source() {
    let directory = tempfile::tempdir().unwrap();
    let saved = directory.path().join("saved");
    let (v4, v6) = records();
    std::fs::write(&saved, file(&v4, &v6)).unwrap();
    let read = |arguments: &str| Run::new(arguments).arg("--from").arg(&saved);
    let document = read("ls -tan --json").go().quiet().document();
    assert_eq!(document.sockets.len(), 5);
    assert!(document.complete && document.notices.is_empty());
    assert_eq!(
        sources(&document),
        [("inet", "dump"), ("inet6", "dump")].map(|(f, s)| ("tcp".into(), f.into(), s.to_owned()))
    );
    let row = document.by_cookie("0x100000066").unwrap();
    assert_eq!(
        (row.local().address.as_str(), row.local().port),
        ("10.0.0.1", 22)
    );
    assert_eq!(
        (row.peer().address.as_str(), row.peer().port),
        ("10.0.0.2", 50000)
    );
    assert_eq!((row.recv_queue, row.send_queue), (Some(5), Some(6)));
    assert_eq!((row.inode, row.uid), (Some(102), Some(0)));
    let row = document.by_cookie("0x1000000c9").unwrap();
    assert_eq!(
        (row.local().address.as_str(), row.state.as_str()),
        ("::", "listen")
    );
    let queue = row.accept_queue.as_ref().unwrap();
    assert_eq!((queue.length, queue.limit), (5, Some(6)));
    let row = document.by_cookie("0x100000000").unwrap();
    assert_eq!(
        (row.state.as_str(), row.uid, row.inode),
        ("time-wait", None, None)
    );

    // States, families and the filter hold for it as for the kernel.
    for (arguments, rows) in [
        ("ls -tn", 2),
        ("ls -tln", 2),
        ("ls -ta4", 3),
        ("ls -ta6", 2),
        ("ls -ta sport = :22", 2),
        ("ls -t state close-wait", 1),
        ("ls -ta dst 10.0.0.0/8", 2),
    ] {
        let answer = read(arguments).arg("--ndjson").go();
        assert_eq!(answer.objects().len(), rows, "{arguments}");
    }

    // It holds TCP; that it has no other sockets does not mean that the host had none.
    let answer = read("ls -ua").go().exits(3);
    assert!(
        answer.stderr.contains("does not hold this table"),
        "{answer}"
    );

    // On standard input too.
    let mut shell = Run::new("ls -tan --json --from -");
    shell = shell.through(
        ["sh", "-c", r#"f=$1; shift; exec "$@" < "$f""#, "sh"]
            .map(String::from)
            .into_iter()
            .chain([saved.to_str().unwrap().to_owned()]),
    );
    assert_eq!(shell.go().document().sockets.len(), 5);

    let answer = portctl("ls -t --from /nonexistent/dump").exits(3);
    assert!(answer.stderr.contains("/nonexistent/dump"), "{answer}");
    assert!(answer.stdout.is_empty());
}

/// As for `ss`.
#[test]
fn the_environment_may_name_a_dump() {
    let directory = tempfile::tempdir().unwrap();
    let saved = directory.path().join("saved");
    let (v4, v6) = records();
    std::fs::write(&saved, file(&v4, &v6)).unwrap();
    let answer = Run::new("ls -tan --json").env("TCPDIAG_FILE", &saved).go();
    assert_eq!(answer.document_whatever_status().sockets.len(), 5);
    // Whoever set it, the reader must know; who names the file does.
    let path = saved.to_str().unwrap();
    assert!(answer.stderr.contains(path), "{answer}");
    assert!(answer.stderr.contains("TCPDIAG_FILE"), "{answer}");
    assert!(
        answer.text().contains("\"kind\":\"dump-inherited\""),
        "{answer}"
    );
    portctl(&format!("ls -tan --json --from {path}")).quiet();
    let both = portctl(&format!("ls -tan --source proc --from {path}")).exits(2);
    assert!(both.stderr.contains("--source"), "{both}");
}

/// Nobody typed its name: what goes wrong with it must tell where the name came from.
#[test]
fn a_dump_of_the_environment_is_named_where_it_fails_or_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let saved = directory.path().join("saved");
    let (v4, v6) = records();
    std::fs::write(&saved, file(&v4, &v6)).unwrap();
    let run = |arguments: &str| Run::new(arguments).env("TCPDIAG_FILE", &saved).go();
    let missing = Run::new("ls -t").env("TCPDIAG_FILE", "/nonexistent/dump");
    for failed in [run("ls -un"), missing.go()] {
        let failed = failed.exits(3);
        assert!(failed.stderr.contains("TCPDIAG_FILE"), "{failed}");
    }
    for explicit in ["--source proc", "--source netlink"] {
        let answer = run(&format!("ls -tan {explicit}")).exits(0);
        let said = answer.stderr.contains("TCPDIAG_FILE") && answer.stderr.contains("not read");
        assert!(said, "{answer}");
    }
    // Whoever names a file knows that it is read.
    let answer = run(&format!("ls -tan --from {}", saved.display())).exits(0);
    assert!(!answer.stderr.contains("TCPDIAG_FILE"), "{answer}");
}

#[test]
fn groups_and_lists_of_a_dump_have_one_word_for_owners_that_it_lacks() {
    let directory = tempfile::tempdir().unwrap();
    let saved = directory.path().join("saved");
    let (v4, v6) = records();
    std::fs::write(&saved, file(&v4, &v6)).unwrap();
    let answer = portctl(&format!("top -ta --from {}", saved.display())).exits(0);
    assert!(answer.text().contains("(not in the dump)"), "{answer}");
    assert!(!answer.text().contains("(hidden)"), "{answer}");
}

#[test]
fn a_new_dump_is_for_its_owner_and_an_old_one_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let saved = directory.path().join("saved");
    let (v4, v6) = records();
    std::fs::write(&saved, file(&v4, &v6)).unwrap();
    std::fs::set_permissions(&saved, PermissionsExt::from_mode(0o640)).unwrap();
    let new = directory.path().join("new");
    let dump = |to: &std::path::Path| {
        portctl(&format!(
            "ls -ta --from {} --dump {}",
            saved.display(),
            to.display()
        ))
        .exits(0);
        std::fs::metadata(to).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(dump(&new), 0o600);
    assert_eq!(dump(&saved), 0o640);
}

/// Nobody hid who holds them.
#[test]
fn a_dump_does_not_say_who_holds_a_socket() {
    let directory = tempfile::tempdir().unwrap();
    let saved = directory.path().join("saved");
    let (v4, v6) = records();
    std::fs::write(&saved, file(&v4, &v6)).unwrap();
    let answer = portctl(&format!("ls -tanp --from {}", saved.display())).exits(0);
    assert!(!answer.text().contains("hidden"), "{answer}");
    let row = answer
        .lines()
        .into_iter()
        .find(|l| l.contains("0.0.0.0:22"));
    let row = row.expect("a listener");
    assert!(row.ends_with("(not in the dump)"), "{row}");
    let lingering = answer.lines().into_iter().find(|l| l.contains("TIME-WAIT"));
    assert!(lingering.unwrap().ends_with("(time-wait)"), "{answer}");

    // Programs are told the same.
    let document = list(&format!("ls -tap --from {}", saved.display()));
    for row in &document.sockets {
        let status = match row.state.as_str() {
            "time-wait" => "none",
            _ => "source",
        };
        assert_eq!(row.owners.status, status, "{row:?}");
    }
    let top = portctl(&format!(
        "top -ta --json --by process --from {}",
        saved.display()
    ));
    let document = top.exits(0).value();
    let groups = document["groups"].as_array().unwrap().iter();
    let why: Vec<_> = groups.map(|group| &group["missing"]["process"]).collect();
    assert!(why.iter().any(|why| *why == "source"), "{document:#}");
    assert!(why.iter().all(|why| *why != "hidden"), "{document:#}");
}

#[test]
fn a_damaged_dump_gives_what_is_whole_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let saved = directory.path().join("saved");
    let (v4, v6) = records();
    let whole = file(&v4, &v6);
    // Without a single message it is no dump, or one that says nothing.
    let boundaries = [0, 96, 192, 288, 404, 500];
    let all = {
        std::fs::write(&saved, &whole).unwrap();
        list(&format!("ls -ta --from {}", saved.display())).sockets
    };
    // Behind the first end marker nothing looks cut, but for what was to follow: the other family.
    let clean = file(&v4, &[]).len() - 20;
    let lengths = (0..=whole.len()).step_by(7);
    for length in lengths.chain(boundaries).chain([clean, whole.len()]) {
        std::fs::write(&saved, &whole[..length]).unwrap();
        let arguments = format!("ls -ta --json --from {}", saved.display());
        let answer = portctl(&arguments);
        if length < 96 {
            let answer = answer.exits(3);
            assert!(answer.stdout.is_empty(), "{answer}");
            assert!(answer.stderr.starts_with("error: "), "{answer}");
            continue;
        }
        let document = answer.exits(0).document_whatever_status();
        for socket in &document.sockets {
            assert!(all.contains(socket), "cut at {length}: {socket:?}");
        }
        assert_eq!(document.complete, length == whole.len(), "cut at {length}");
        let kinds = document.notice_kinds();
        let damaged = kinds.contains(&"dump-damaged");
        assert_eq!(
            damaged,
            length != clean && length != whole.len(),
            "cut at {length}"
        );
        let lacks_a_family = kinds.contains(&"table-unavailable");
        assert_eq!(
            lacks_a_family,
            !document.sockets.iter().any(|s| s.family == "inet6")
        );
    }
    // Another kind of damage: a length that points beyond the end, or nowhere.
    for (at, byte) in [(0, 0), (0, 15), (3, 0xff), (1, 0xff)] {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        std::fs::write(&saved, &bytes).unwrap();
        let answer = portctl(&format!("ls -ta --from {}", saved.display()));
        assert!([Some(0), Some(3)].contains(&answer.code), "{answer}");
        assert!(!answer.stderr.is_empty(), "{answer}");
    }
}

#[test]
#[ignore = "needs ss"]
fn a_dump_that_ss_saved() {
    namespace::run("live_sources::a_dump_that_ss_saved", || {
        let keep = [Pair::on("127.0.0.1"), Pair::on("::1")];
        let lingering = time_wait("127.0.0.1");
        let directory = tempfile::tempdir().unwrap();
        let saved = directory.path().join("saved");
        let status = Command::new("ss").args(["-tna", "-D"]).arg(&saved).status();
        assert!(status.expect("ss of iproute2 is needed").success());
        let arguments = format!("ls -ta --from {}", saved.display());
        let document = list(&arguments);
        assert_eq!(document.sockets.len(), 7);
        assert!(document.complete);
        let live = list("ls -ta");
        for socket in &live.sockets {
            let cookie = socket.cookie.as_ref().unwrap();
            let mut other = document.by_cookie(cookie).unwrap().clone();
            let mut socket = socket.clone();
            for row in [&mut socket, &mut other] {
                row.timer = None;
                // What ports are for is this host's to say, and the dump may be of another.
                row.exposure = None;
            }
            assert_eq!(other, socket);
        }
        assert!(
            document
                .by_cookie(lingering.socket.cookie.as_ref().unwrap())
                .is_some()
        );
        drop(keep);
    });
}
