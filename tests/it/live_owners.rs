//! Who holds a socket.

use crate::namespace::{self, LeaderGone};
use crate::portctl::{BINARY, End, Owners, Process, Registered, Run, list, portctl};
use crate::scene::tcp::{Pair, connect, listener, time_wait};
use crate::scene::unix::abstract_name;
use crate::scene::{
    Expected, Holder, OwnTable, address, describe, inherit, inode, port, process, this_process,
    udp, unix, user_name,
};
use rustix::net::SocketType;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// The reason, or the status where there is none.
fn word(owners: &Owners) -> String {
    owners.reason.as_ref().unwrap_or(&owners.status).clone()
}

/// What is said of a socket that no process is seen to hold.
fn nobody_seen() -> &'static str {
    // PROC_PID_INIT_INO of include/linux/proc_ns.h; in any other namespace the holder may be outside.
    let initial = std::fs::read_link("/proc/self/ns/pid").unwrap();
    if initial.as_os_str() == "pid:[4026531836]" {
        "other"
    } else {
        "hidden"
    }
}

#[test]
#[ignore = "needs user and network namespaces"]
fn a_holder_outside_the_pid_namespace() {
    namespace::run("live_owners::a_holder_outside_the_pid_namespace", || {
        let server = listener("127.0.0.1", 4);
        let lingering = time_wait("127.0.0.1");
        let inside = ["unshare", "--pid", "--fork", "--mount-proc"];
        let answer = Run::new("ls -tap --json").through(inside).go().exits(0);
        let document = answer.document_whatever_status();
        assert_eq!(document.by_inode(inode(&server)).owners.status, "hidden");
        assert!(
            document
                .notice("owners-hidden")
                .message
                .contains("PID namespace")
        );
        assert!(!document.complete);
        // What nobody can hold is not hidden.
        document.must_have(&lingering);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn several_processes_and_several_descriptors() {
    namespace::run(
        "live_owners::several_processes_and_several_descriptors",
        || {
            let server = listener("127.0.0.1", 4);
            let datagrams = udp::bound("::1");
            let local = unix::listener(SocketType::STREAM, &abstract_name(b"shared"), 2);
            let alone = listener("::1", 1);
            let all: [&dyn AsFd; 3] = [&server, &datagrams, &local];
            let holders = [Holder::of(&all), Holder::of(&all), Holder::of(&all)];
            let twice = server.try_clone().unwrap();
            let row = |expected: Expected, own: &[i32], n: usize| {
                let mut processes = vec![this_process(own)];
                processes.extend(holders.iter().map(|h| process(h.pid(), &[h.fds[n]])));
                expected.owners(processes)
            };
            let document = list("ls -tuxlp");
            let own = [server.as_raw_fd(), twice.as_raw_fd()];
            document.must_have(&row(describe(&server).accept_queue(0, 4), &own, 0));
            document.must_have(&row(describe(&datagrams), &[datagrams.as_raw_fd()], 1));
            let expected = describe(&local).abstract_name(b"shared").accept_queue(0, 2);
            document.must_have(&row(expected, &[local.as_raw_fd()], 2));
            document.must_have(&describe(&alone).accept_queue(0, 1));
            assert!(document.complete && document.notices.is_empty());

            // The table names each of them too.
            let text = portctl(&format!("ls -tlpn sport = :{}", port(&server))).quiet();
            for holder in &holders {
                assert!(text.text().contains(&holder.pid().to_string()), "{text}");
            }
            // Nobody looks unless asked.
            let row = &list("ls -tl").sockets[0];
            assert_eq!(row.owners.status, "not-asked");
        },
    );
}

const HOSTILE: [&[u8]; 12] = [
    b"\x1b[31mRED\x1b[0m",
    b"\x1b]0;PWN\x07",
    b"a\nudp fake:1",
    b"x) S 1 (y",
    b") R 1",
    b"(",
    b"\xff\xfe\xc3(\t",
    b"\xe2\x80\xaeexe.txt",
    b"say \"hi\", you",
    b"back\\slash",
    b"=1+2",
    b"two words",
];

#[test]
#[ignore = "needs user and network namespaces"]
fn hostile_names() {
    namespace::run("live_owners::hostile_names", || {
        let held: Vec<_> = HOSTILE
            .iter()
            .map(|name| {
                // Held by the child only: this descriptor is closed at the end of the block.
                let server = listener("127.0.0.1", 1);
                let holder = Holder::named(name, &server);
                let expected = describe(&server).accept_queue(0, 1);
                (expected.owners(vec![holder.process()]), holder)
            })
            .collect();
        let document = list("ls -tlp");
        for (expected, _) in &held {
            document.must_have(expected);
        }
        assert_eq!(document.sockets.len(), HOSTILE.len());
        // As text: one line each, and nothing that a terminal would act on.
        for arguments in [
            "ls -tlpn",
            "ls -tlpnH --csv",
            "ls -tlp --ndjson",
            "ls -tlp --json",
            "ls -tlpn --width 40",
            "ls -tlpn --color always --columns process",
        ] {
            // In 40 columns a remark may say what was left out.
            let answer = portctl(arguments).exits(0);
            must_be_harmless(&answer.stderr, arguments);
            must_be_harmless(answer.text(), arguments);
        }
        let answer = portctl("ls -tlpnH").quiet();
        assert_eq!(answer.lines().len(), HOSTILE.len(), "{answer}");
        for piece in [
            r"\x1b[31mRED\x1b[0m",
            r"a\x0audp fake:1",
            r"\xff\xfe\xc3(\x09",
            r"\u{202e}",
        ] {
            assert!(answer.text().contains(piece), "{piece} in {answer}");
        }
    });
}

/// No control character but the line's end (colour sequences of our own aside), nothing invisible.
pub(crate) fn must_be_harmless(text: &str, what: &str) {
    let text = if what.contains("--color always") {
        without_colour(text)
    } else {
        text.to_owned()
    };
    for c in text.chars().filter(|&c| c != '\n') {
        assert!(!c.is_control(), "{what}: {c:?} in {text:?}");
        assert!(
            !"\u{202e}\u{200b}\u{feff}".contains(c),
            "{what}: {c:?} in {text:?}"
        );
    }
}

/// Takes out `ESC [ digits ; … m`, and nothing else.
fn without_colour(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let (before, sequence) = rest.split_at(at);
        plain.push_str(before);
        let body = &sequence[2..];
        let end = body
            .find(|c: char| !c.is_ascii_digit() && c != ';')
            .unwrap();
        assert_eq!(&body[end..=end], "m", "a colour: {sequence:?}");
        rest = &body[end + 1..];
    }
    plain + rest
}

/// A process that lives on in a thread, with the descriptors it inherited.
fn without_leader(sockets: &[&dyn AsFd]) -> (LeaderGone, Process) {
    let (holder, fds) = inherit(sockets, LeaderGone::start);
    let mut known = process(holder.pid(), &fds);
    known.thread = Some(holder.threads()[0]);
    (holder, known)
}

#[test]
#[ignore = "needs user and network namespaces"]
fn a_process_whose_leader_is_gone() {
    namespace::run("live_owners::a_process_whose_leader_is_gone", || {
        let server = listener("127.0.0.1", 3);
        let (_holder, gone) = without_leader(&[&server]);
        let expected = describe(&server).accept_queue(0, 3).owners(vec![gone]);
        drop(server);
        let document = list("ls -tlp");
        document.must_have(&expected);
        assert!(document.complete);
    });
}

/// It is told also when the socket has another holder, who is easier to find.
#[test]
#[ignore = "needs user and network namespaces"]
fn a_shared_socket_and_a_leader_that_is_gone() {
    namespace::run(
        "live_owners::a_shared_socket_and_a_leader_that_is_gone",
        || {
            let server = listener("127.0.0.1", 3);
            let (_holder, gone) = without_leader(&[&server]);
            let own = this_process(&[server.as_raw_fd()]);
            let expected = describe(&server).accept_queue(0, 3);
            list("ls -tlp").must_have(&expected.owners(vec![own, gone]));
        },
    );
}

#[test]
#[ignore = "needs root"]
fn owners_of_another_user() {
    namespace::run_as_root("live_owners::owners_of_another_user", || {
        const NOBODY: &str = "65534";
        let as_nobody = || {
            [
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
            ]
            .map(String::from)
        };
        // Where the other user can execute it, whoever may read the build directory.
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let binary = directory.path().join("portctl");
        std::fs::copy(BINARY, &binary).unwrap();
        std::fs::set_permissions(&binary, PermissionsExt::from_mode(0o755)).unwrap();
        let run = |arguments: &str| Run::new(arguments).binary(&binary).through(as_nobody());

        let pair = Pair::on("127.0.0.1");
        let lingering = time_wait("127.0.0.1");
        let queued = connect(address(&pair.listener));
        let shared = listener("::1", 6);
        let mut cat = Command::new("setpriv");
        cat.args(&as_nobody()[1..]).arg("cat");
        let holder = Holder::run(&mut cat, &[&shared]);
        namespace::eventually("cat has started", || {
            std::fs::read(format!("/proc/{}/comm", holder.pid())).unwrap() == b"cat\n"
        });

        // Four sockets of root: the pair, its listener, and the client that waits.
        let own = [&pair.listener, &pair.client, &pair.server, &queued];
        let answer = run("ls -tanp --json").go().exits(0);
        let document = answer.document_whatever_status();
        for fd in own {
            let row = document.by_inode(inode(fd));
            assert_eq!(row.owners.status, "hidden", "{row:?}");
            assert_eq!((row.uid, row.user.as_deref()), (Some(0), Some("root")));
        }
        let notice = document.notice("owners-hidden");
        assert_eq!(notice.count, Some(own.len() as u64));
        assert!(!document.complete);
        // What has no file has no hidden owner, and what the caller may see is seen.
        let row = document.by_cookie(lingering.socket.cookie.as_ref().unwrap());
        assert_eq!(row.unwrap().owners.reason.as_deref(), Some("time-wait"));
        let row = document.by_inode(inode(&shared));
        assert_eq!(row.uid, Some(0), "who made it, not who holds it");
        let pids: Vec<_> = row
            .owners
            .processes
            .iter()
            .map(|p| (p.pid, p.uid))
            .collect();
        assert_eq!(pids, [(holder.pid(), Some(NOBODY.parse().unwrap()))]);

        // One line for people, with the number and what would help.
        let answer = run("ls -tanp").go().exits(0);
        let lines: Vec<_> = answer.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{answer}");
        assert!(
            lines[0].contains(&format!("{} sockets", own.len())),
            "{answer}"
        );
        assert!(
            lines[0].contains("root") || lines[0].contains("CAP_"),
            "{answer}"
        );
        assert_eq!(run("ls -tanpq").go().quiet().lines().len(), 1 + 4 + 3);
        run("ls -tanp --strict").go().exits(4);
        run("ls -tan --strict").go().exits(0);
        // The count is of the rows shown.
        let one = format!("ls -tlnp --json sport = :{}", port(&pair.listener));
        let document = run(&one).go().exits(0).document_whatever_status();
        assert_eq!(document.notice("owners-hidden").count, Some(1));

        // Where no more threads may be made, the one there is does it all.
        let mut limited = as_nobody().to_vec();
        limited.extend(["prlimit", "--nproc=1"].map(String::from));
        let limited = Run::new("ls -tanpq").binary(&binary).through(limited);
        assert_eq!(limited.go().quiet().lines().len(), 1 + 4 + 3);

        // Root sees all of it.
        let document = list("ls -tanp");
        assert!(document.complete, "{:?}", document.notices);
        for (fd, expected) in [
            (&pair.client, describe(&pair.client)),
            (&pair.server, describe(&pair.server)),
            (&queued, describe(&queued)),
        ] {
            assert_eq!(document.by_inode(inode(fd)).owners, expected.socket.owners);
        }
        let mut theirs = holder.process();
        (theirs.uid, theirs.user) = (Some(65534), user_name(65534));
        let both = vec![this_process(&[shared.as_raw_fd()]), theirs];
        document.must_have(&describe(&shared).accept_queue(0, 6).owners(both));
    });
}

/// Threads may have descriptor tables of their own: each of them holds what is in it, whoever else does.
#[test]
#[ignore = "needs user and network namespaces"]
fn threads_with_tables_of_their_own() {
    namespace::run("live_owners::threads_with_tables_of_their_own", || {
        let server = listener("127.0.0.1", 3);
        let expected = describe(&server).accept_queue(0, 3);
        let fd = [server.as_raw_fd()];
        let in_thread = |table: &OwnTable| {
            let mut process = this_process(&fd);
            process.thread = Some(table.thread);
            process
        };
        let other = Holder::of(&[&server]);
        let first = OwnTable::copy();
        let second = OwnTable::copy();
        // A thread that shares the table is not a holder of its own.
        let (end, wait) = std::sync::mpsc::channel::<()>();
        let sharing = std::thread::spawn(move || wait.recv());

        let all = vec![
            this_process(&fd),
            in_thread(&first),
            in_thread(&second),
            other.process(),
        ];
        let everywhere = |owners: &Vec<Process>| {
            for arguments in ["ls -tlp", "ls -tlp --sort none"] {
                list(arguments).must_have(&expected.clone().owners(owners.clone()));
            }
        };
        everywhere(&all);
        // Closed in the first thread's table only.
        drop(server);
        everywhere(&all[1..].to_vec());
        drop(first);
        everywhere(&all[2..].to_vec());
        drop(other);
        everywhere(&all[2..3].to_vec());

        drop((end, second));
        assert!(sharing.join().unwrap().is_err());
    });
}

/// A socket without any descriptor: it is under way in another socket's queue (`SCM_RIGHTS`).
#[test]
#[ignore = "needs user and network namespaces"]
fn a_socket_in_transit() {
    namespace::run("live_owners::a_socket_in_transit", || {
        for kind in [SocketType::STREAM, SocketType::DGRAM, SocketType::SEQPACKET] {
            let server = listener("127.0.0.1", 2);
            let number = inode(&server);
            let (a, b) = unix::pair(kind);
            unix::pass(&a, server.as_fd());
            drop(server);
            let document = list("ls -tlp");
            let row = document.by_inode(number);
            assert!(row.owners.processes.is_empty(), "{row:?}");
            assert_eq!(row.owners.reason.as_deref(), Some("in-transit"), "{row:?}");
            assert_eq!(row.owners.via, [this_process(&[b.as_raw_fd()])]);
            assert!(matches!(row.local, End::Inet(_)));
            let text = portctl("ls -tlpn").quiet();
            let name = format!("[{}] fd {}", std::process::id(), b.as_raw_fd());
            assert!(text.text().contains("(in transit, it seems: "), "{text}");
            assert!(text.text().contains(&name), "{text}");
            // Taken out at the other end, it has one again.
            let server = unix::take(&b);
            list("ls -tlp").must_have(&describe(&server).accept_queue(0, 2));
            drop(a);
        }
    });
}

/// Also over a connection that waits for accept(2) itself: the listener counts it.
#[test]
#[ignore = "needs user and network namespaces"]
fn a_socket_in_transit_to_nobody_yet() {
    namespace::run("live_owners::a_socket_in_transit_to_nobody_yet", || {
        let server = listener("127.0.0.1", 2);
        let number = inode(&server);
        let name = abstract_name(b"slow");
        let slow = unix::listener(SocketType::STREAM, &name, 2);
        let client = unix::connect(SocketType::STREAM, &name);
        unix::pass(&client, server.as_fd());
        drop(server);
        let document = list("ls -tlp");
        let row = document.by_inode(number);
        assert_eq!(row.owners.reason.as_deref(), Some("in-transit"), "{row:?}");
        assert_eq!(row.owners.via, [this_process(&[slow.as_raw_fd()])]);
        drop(client);
    });
}

/// Something else under way does not explain more sockets than it can be.
#[test]
#[ignore = "needs user and network namespaces, and ip of iproute2"]
fn a_descriptor_in_transit_that_is_none_of_the_sockets() {
    namespace::run(
        "live_owners::a_descriptor_in_transit_that_is_none_of_the_sockets",
        || {
            let (a, b) = unix::pair(SocketType::STREAM);
            unix::pass(&a, std::fs::File::open("/dev/null").unwrap().as_fd());
            // One descriptor under way, however many refer to the queue that it is in.
            let again = b.try_clone().unwrap();
            let elsewhere = Holder::of(&[&b]);
            let blocked: Vec<_> = (0..2).map(|_| blocked_in_accept()).collect();
            vxlan(4789);
            let document = list("ls -tulp");
            for number in blocked {
                let row = document.by_inode(number);
                assert_eq!(word(&row.owners), nobody_seen(), "{row:?}");
            }
            let tunnels = document.sockets.iter().filter(|s| s.protocol == "udp");
            for row in tunnels {
                assert_eq!(row.owners.reason.as_deref(), Some("kernel"), "{row:?}");
            }
            drop((b, again, elsewhere));
        },
    );
}

/// A descriptor of something at a path that is longer than any call takes has no link to be read.
#[test]
#[ignore = "needs user and network namespaces"]
fn a_path_that_is_too_long() {
    namespace::run("live_owners::a_path_that_is_too_long", || {
        let directory = tempfile::tempdir().unwrap();
        let name = "d".repeat(250);
        let mut deep = std::fs::File::open(directory.path()).unwrap();
        for _ in 0..20 {
            rustix::fs::mkdirat(&deep, &name, rustix::fs::Mode::RWXU).unwrap();
            let flags = rustix::fs::OFlags::DIRECTORY;
            let next = rustix::fs::openat(&deep, &name, flags, rustix::fs::Mode::empty());
            deep = next.unwrap().into();
        }
        let server = listener("127.0.0.1", 4);
        let document = list("ls -tlp");
        let expected = describe(&server).accept_queue(0, 4);
        document.must_have(&expected.owners(vec![this_process(&[server.as_raw_fd()])]));
        assert!(document.complete, "{:?}", document.notices);
        drop(deep);
    });
}

/// The inode of a listener that only a thread in accept(2) still holds: its descriptor is closed.
fn blocked_in_accept() -> u64 {
    let server = listener("127.0.0.1", 1);
    let (number, fd) = (inode(&server), server.as_raw_fd());
    let (tell, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        tell.send(rustix::thread::gettid().as_raw_pid()).unwrap();
        let _ = rustix::net::accept(&server);
    });
    let thread = waiting.recv().unwrap();
    namespace::eventually("the thread is in accept(2)", || {
        let path = format!("/proc/self/task/{thread}/wchan");
        std::fs::read_to_string(path).is_ok_and(|place| place.contains("accept"))
    });
    nix::unistd::close(fd).unwrap();
    number
}

/// A socket that is registered with an io_uring needs no descriptor.
#[test]
#[ignore = "needs user and network namespaces, and io_uring"]
fn a_socket_of_an_io_uring() {
    namespace::run("live_owners::a_socket_of_an_io_uring", || {
        let alone = listener("127.0.0.1", 2);
        let shared = listener("127.0.0.1", 2);
        let ring = io_uring::IoUring::new(4).expect("io_uring is needed");
        let files = [-1, alone.as_raw_fd(), shared.as_raw_fd()];
        ring.submitter().register_files(&files).unwrap();
        let expected = describe(&shared).accept_queue(0, 2);
        let number = inode(&alone);
        drop(alone);

        let via = |fds: &[i32], slot| {
            let mut process = this_process(fds);
            let fd = ring.as_raw_fd().try_into().unwrap();
            process.io_uring = vec![Registered { fd, slot }];
            process
        };
        let document = list("ls -tlp");
        let row = document.by_inode(number);
        assert_eq!(row.owners.status, "none", "{row:?}");
        assert_eq!(row.owners.reason.as_deref(), Some("io-uring"), "{row:?}");
        assert_eq!(row.owners.via, [via(&[], 1)]);
        // Beside a descriptor it is one more way of holding it.
        document.must_have(&expected.owners(vec![via(&[shared.as_raw_fd()], 2)]));
        let text = portctl("ls -tlpn").quiet();
        assert!(text.text().contains("(io_uring: "), "{text}");
        let place = format!("slot 1 of fd {}", ring.as_raw_fd());
        assert!(text.text().contains(&place), "{text}");
    });
}

/// While /proc is read, a socket goes from process to process, each of which ends at once: it may be missed, but it is not the kernel's.
#[test]
#[ignore = "needs user and network namespaces"]
fn a_socket_that_is_handed_on_all_the_time() {
    namespace::run(
        "live_owners::a_socket_that_is_handed_on_all_the_time",
        || {
            let server = listener("127.0.0.1", 2);
            let number = inode(&server);
            let directory = tempfile::tempdir().unwrap();
            let script = directory.path().join("chain");
            let stop = directory.path().join("stop");
            std::fs::write(&script, r#"[ -e "$1" ] || sh "$0" "$1" &"#).unwrap();
            let (mut chain, _) = inherit(&[&server], || {
                let mut command = Command::new("sh");
                command.arg(&script).arg(&stop).spawn().unwrap()
            });
            chain.wait().unwrap();
            drop(server);
            let seen: Vec<_> = (0..40)
                .map(|_| {
                    let document = list("ls -tlp");
                    word(&document.by_inode(number).owners)
                })
                .collect();
            std::fs::write(&stop, b"").unwrap();
            assert!(
                seen.iter()
                    .all(|owners| owners == "known" || owners == nobody_seen()),
                "{seen:?}"
            );
            assert!(seen.iter().any(|owners| owners == "known"), "{seen:?}");
        },
    );
}

/// The kernel listens for VXLAN itself, while the device is up.
#[test]
#[ignore = "needs user and network namespaces, and ip of iproute2"]
fn a_socket_of_the_kernel() {
    namespace::run("live_owners::a_socket_of_the_kernel", || {
        vxlan(4789);
        let document = list("ls -ulp sport = 4789");
        assert!(!document.sockets.is_empty());
        for row in &document.sockets {
            assert_eq!(row.owners.status, "none", "{row:?}");
            assert_eq!(row.owners.reason.as_deref(), Some("kernel"));
        }
        // Down, it does not explain a socket on its port.
        ip("link set vx4789 down");
        let server = UdpSocket::bind("127.0.0.1:4789").unwrap();
        let (a, b) = unix::pair(SocketType::STREAM);
        unix::pass(&a, server.as_fd());
        let number = inode(&server);
        drop(server);
        let document = list("ls -ulp");
        let row = document.by_inode(number);
        assert_eq!(row.owners.reason.as_deref(), Some("in-transit"), "{row:?}");
        drop(b);
    });
}

/// The list of the NFS server's ports is made up: the server would be the machine's.
#[test]
#[ignore = "needs user, mount and network namespaces"]
fn a_socket_of_the_nfs_server() {
    let name = "live_owners::a_socket_of_the_nfs_server";
    namespace::run_with_mounts(name, || {
        let mount = |arguments: &str| {
            let status = Command::new("mount").args(arguments.split(' ')).status();
            assert!(status.unwrap().success(), "{arguments}");
        };
        mount("-t proc proc /proc");
        let server = listener("127.0.0.1", 2);
        let (number, at) = (inode(&server), port(&server));
        let (a, b) = unix::pair(SocketType::STREAM);
        unix::pass(&a, server.as_fd());
        drop(server);
        let reason = || list("ls -tlp").by_inode(number).owners.reason.clone();
        assert_eq!(reason().as_deref(), Some("in-transit"));
        mount("-t tmpfs tmpfs /proc/fs");
        std::fs::create_dir("/proc/fs/nfsd").unwrap();
        for (list, expected) in [
            (format!("rdma 20049\nudp {at}\n"), "in-transit"),
            (format!("rdma 20049\nudp {at}\ntcp {at}\n"), "kernel"),
        ] {
            std::fs::write("/proc/fs/nfsd/portlist", list).unwrap();
            assert_eq!(reason().as_deref(), Some(expected));
        }
        drop(b);
    });
}

fn vxlan(port: u16) {
    ip(&format!(
        "link add vx{port} type vxlan id 5 dstport {port} dev lo"
    ));
    ip(&format!("link set vx{port} up"));
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    assert!(status.expect("ip(8) of iproute2 is needed").success());
}
