//! Kernel interfaces that a sandbox takes away.

use crate::namespace;
use crate::portctl::{Document, Run, list, portctl};
use crate::scene::tcp::{Pair, listener};
use crate::scene::unix::abstract_name;
use crate::scene::{Expected, Holder, describe, inode, udp, unix};
use rustix::net::SocketType;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

fn mount(arguments: &[&str]) {
    let status = Command::new("mount").args(arguments).status();
    assert!(status.expect("mount(8) of util-linux is needed").success());
}

/// Sockets of three tables, and their rows as /proc tells them.
struct Scene {
    pair: Pair,
    datagrams: std::net::UdpSocket,
    local: std::os::fd::OwnedFd,
}

impl Scene {
    fn new() -> Self {
        Self {
            pair: Pair::on("127.0.0.1"),
            datagrams: udp::bound("::1"),
            local: unix::listener(SocketType::STREAM, &abstract_name(b"x"), 1),
        }
    }

    fn inet(&self) -> [Expected; 4] {
        [
            describe(&self.pair.listener).accept_queue(0, 8),
            describe(&self.pair.client),
            describe(&self.pair.server),
            describe(&self.datagrams),
        ]
    }

    fn is_in(&self, document: &Document) {
        for expected in self.inet() {
            document.must_have(&expected.through_proc());
        }
        let row = document.by_inode(inode(&self.local));
        let expected = describe(&self.local).abstract_name(b"x");
        assert_eq!(row.local, expected.socket.local);
        assert_eq!(row.owners, expected.socket.owners);
        assert_eq!(document.sockets.len(), 5);
    }
}

#[test]
#[ignore = "needs user and network namespaces"]
fn without_netlink() {
    namespace::run("live_unhappy::sources::without_netlink", || {
        let scene = Scene::new();
        let answer = Run::new("ls -tuxap --json").without_netlink().go();
        let document = answer.exits(0).document_whatever_status();
        scene.is_in(&document);
        assert_eq!(document.tables.len(), 5);
        assert!(document.tables.iter().all(|t| t.source == "proc"));
        // And the text files know nothing of bound and inactive sockets.
        let (limits, fallen): (Vec<_>, Vec<_>) = document
            .notices
            .iter()
            .partition(|notice| notice.kind == "states-unavailable");
        let (names, fallen): (Vec<_>, Vec<_>) = fallen
            .into_iter()
            .partition(|notice| notice.kind == "names-uncertain");
        assert_eq!((limits.len(), names.len(), fallen.len()), (2, 1, 5));
        for notice in fallen {
            assert_eq!(notice.kind, "fell-back");
            assert!(notice.message.contains("not permitted"), "{notice:?}");
        }
        // Whoever asks for them must be told, and nobody else.
        assert!(!document.complete);
        let answer = Run::new("ls -tB --strict").without_netlink().go();
        answer.exits(4);
        let answer = Run::new("ls -tl --json").without_netlink().go();
        let document = answer.exits(0).document_whatever_status();
        assert!(document.complete, "{:?}", document.notices);

        let answer = Run::new("ls -tan --source netlink")
            .without_netlink()
            .go()
            .exits(3);
        assert!(answer.stdout.is_empty(), "{answer}");
        assert!(answer.stderr.starts_with("error: "), "{answer}");
        assert!(answer.stderr.contains("not permitted"), "{answer}");
    });
}

/// `subset=pid` hides all of /proc but the processes, whose `net` directories stay.
#[test]
#[ignore = "needs user and network namespaces"]
fn with_a_proc_that_shows_processes_only() {
    namespace::run_with_mounts(
        "live_unhappy::sources::with_a_proc_that_shows_processes_only",
        || {
            mount(&["-t", "proc", "-o", "subset=pid", "proc", "/proc"]);
            assert!(!std::path::Path::new("/proc/net").exists());
            let scene = Scene::new();
            let document = list("ls -tuap");
            for expected in scene.inet() {
                document.must_have(&expected);
            }
            assert!(document.complete && document.notices.is_empty());
            scene.is_in(&list("ls -tuxap --source proc"));
            let answer = Run::new("ls -tuxap --json").without_netlink().go();
            scene.is_in(&answer.exits(0).document_whatever_status());
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn without_any_proc() {
    namespace::run_with_mounts("live_unhappy::sources::without_any_proc", || {
        let scene = Scene::new();
        let rows: Vec<_> = scene.inet().into();
        mount(&["-t", "tmpfs", "tmpfs", "/proc"]);
        let document = list("ls -tua");
        for mut expected in rows.clone() {
            expected.socket.owners = document.sockets[0].owners.clone();
            // Without a file system for namespaces' numbers the rows are the same.
            document.must_have(&expected);
        }
        assert_eq!(document.netns.inode, None);
        assert_eq!(document.sockets[0].owners.status, "not-asked");
        assert!(document.complete, "{:?}", document.notices);

        for arguments in ["ls -tua", "summary", "ls -tua --json"] {
            let answer = Run::new(arguments).without_netlink().go().exits(3);
            assert!(answer.stdout.is_empty(), "{answer}");
            let lines: Vec<_> = answer.stderr.lines().collect();
            // Each table says what was wrong with each source.
            let both = |line: &&str| line.contains("not permitted") && line.contains("/proc");
            assert!(lines.iter().skip(1).any(both), "{answer}");
        }
        let answer = portctl("ls -tua --source proc").exits(3);
        assert!(answer.stderr.contains("/proc"), "{answer}");
        assert!(!answer.stderr.contains("netlink"), "{answer}");
    });
}

/// Owners that cannot be found are not taken for owners that do not exist.
#[test]
#[ignore = "needs user and network namespaces"]
fn owners_without_any_proc() {
    namespace::run_with_mounts("live_unhappy::sources::owners_without_any_proc", || {
        let scene = Scene::new();
        let rows = scene.inet().len();
        mount(&["-t", "tmpfs", "tmpfs", "/proc"]);
        let document = portctl("ls -tuap --json")
            .exits(0)
            .document_whatever_status();
        assert_eq!(document.sockets.len(), rows);
        for socket in &document.sockets {
            assert_eq!(socket.owners.status, "hidden", "{socket:?}");
        }
        assert_eq!(document.notice("owners-hidden").count, Some(rows as u64));
        assert!(!document.complete);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn processes_that_end_during_the_scan() {
    namespace::run(
        "live_unhappy::sources::processes_that_end_during_the_scan",
        || {
            let server = listener("127.0.0.1", 2);
            let own = describe(&server).socket.owners.processes[0].clone();
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        // Some hold the socket, some nothing.
                        for _ in 0..20_000 {
                            if stop.load(Ordering::Relaxed) {
                                break;
                            }
                            drop(Holder::of(&[&server]));
                            Command::new("true").status().unwrap();
                        }
                    });
                }
                let listings = (0..30).map(|_| std::panic::catch_unwind(|| list("ls -tlp")));
                let listings: Vec<_> = listings.collect();
                stop.store(true, Ordering::Relaxed);
                for document in listings {
                    let document = document.unwrap();
                    let row = document.by_inode(inode(&server));
                    for process in &row.owners.processes {
                        assert!(!process.fds.is_empty(), "{process:?}");
                    }
                    // Copies for the next child may be open at the same time.
                    let mine = row.owners.processes.iter().find(|p| p.pid == own.pid);
                    let mine = mine.unwrap_or_else(|| panic!("{own:?} in {row:?}"));
                    assert!(mine.fds.contains(&own.fds[0]), "{row:?}");
                    assert_eq!((&mine.name, mine.uid), (&own.name, own.uid));
                    assert!(document.complete, "{:?}", document.notices);
                }
            });
        },
    );
}
