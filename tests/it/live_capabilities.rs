//! What a program whose file has capabilities shows, and what nobody can use them for.

use crate::live_ports::as_nobody_through;
use crate::namespace::{self, LeaderGone};
use crate::portctl::{Answer, Document, Run, list};
use crate::scene::tcp::{Pair, listener};
use crate::scene::{Holder, OwnTable, inherit, inode, port, unix};
use rustix::fs::XattrFlags;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const DAC_READ_SEARCH: u32 = 1 << 2;
const KILL: u32 = 1 << 5;
const NET_ADMIN: u32 = 1 << 12;
const SYS_PTRACE: u32 = 1 << 19;

/// Gives a file capabilities: `struct vfs_cap_data` of `linux/capability.h`, as setcap(8) writes it.
fn give(file: &Path, permitted: u32, effective: bool) {
    const REVISION_2: u32 = 0x0200_0000;
    let words = [REVISION_2 | u32::from(effective), permitted, 0, 0, 0];
    let bytes = words.map(u32::to_le_bytes).concat();
    rustix::fs::setxattr(file, "security.capability", &bytes, XattrFlags::empty()).unwrap();
}

fn with(arguments: &str, permitted: u32, effective: bool) -> Answer {
    as_nobody_through(Run::new(arguments), |file| give(file, permitted, effective))
}

fn document(arguments: &str, permitted: u32, effective: bool) -> Document {
    let answer = with(&format!("{arguments} --json"), permitted, effective);
    answer.exits(0).document_whatever_status()
}

#[test]
#[ignore = "needs root with every user id, and io_uring"]
fn to_trace_is_enough_for_every_owner() {
    let name = "live_capabilities::to_trace_is_enough_for_every_owner";
    namespace::run_as_root(name, || {
        let pair = Pair::on("127.0.0.1");
        let shared = listener("::1", 6);
        let holder = Holder::named(b"x\n\x1b[31m", &shared);
        // Threads of one process with tables of their own, and one whose leader is gone.
        let thread = OwnTable::copy();
        let lost = listener("127.0.0.1", 2);
        let (leader_gone, _) = inherit(&[&lost], LeaderGone::start);
        drop(lost);
        // Without any descriptor: in an io_uring, and in transit.
        let in_ring = listener("127.0.0.1", 2);
        let ring = io_uring::IoUring::new(4).expect("io_uring is needed");
        let files = [in_ring.as_raw_fd()];
        ring.submitter().register_files(&files).unwrap();
        drop(in_ring);
        let under_way = listener("127.0.0.1", 2);
        let (a, b) = unix::pair(rustix::net::SocketType::STREAM);
        unix::pass(&a, under_way.as_fd());
        drop(under_way);

        let seen = list("ls -tuxap");
        assert!(seen.complete, "{:?}", seen.notices);
        let row = seen.by_inode(inode(&pair.listener));
        assert!(
            row.owners
                .processes
                .iter()
                .any(|p| p.thread == Some(thread.thread))
        );
        let reasons: Vec<_> = seen
            .sockets
            .iter()
            .filter_map(|s| s.owners.reason.as_deref())
            .collect();
        assert!(
            reasons.contains(&"io-uring") && reasons.contains(&"in-transit"),
            "{reasons:?}"
        );

        for (permitted, effective) in [
            (SYS_PTRACE, false),
            (SYS_PTRACE, true),
            (SYS_PTRACE | DAC_READ_SEARCH, false),
        ] {
            let same = document("ls -tuxap", permitted, effective);
            assert!(same.complete, "{permitted:#x}: {:?}", same.notices);
            assert_eq!(same.sockets.len(), seen.sockets.len());
            for socket in &seen.sockets {
                let row = same.sockets.iter().find(|s| s.cookie == socket.cookie);
                assert_eq!(row.unwrap().owners, socket.owners, "{permitted:#x}");
            }
        }
        // Less does not do.
        for permitted in [0, DAC_READ_SEARCH] {
            let less = document("ls -tuxap", permitted, true);
            let row = less.by_inode(inode(&pair.client));
            assert_eq!(row.owners.status, "hidden");
            assert!(
                less.notice("owners-hidden")
                    .message
                    .contains("cap_sys_ptrace")
            );
        }
        drop((holder, leader_gone, b));
    });
}

#[test]
#[ignore = "needs root with every user id"]
fn nothing_else_is_done_with_them() {
    let name = "live_capabilities::nothing_else_is_done_with_them";
    namespace::run_as_root(name, || {
        const ALL: u32 = SYS_PTRACE | DAC_READ_SEARCH | NET_ADMIN | KILL;
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let secret = directory.path().join("secret");
        std::fs::write(&secret, "sport = 1 secret").unwrap();
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
        let secret = secret.display();
        for effective in [false, true] {
            for (arguments, code) in [
                (format!("ls -ta --from {secret}"), 3),
                (format!("ls -tp -F {secret}"), 2),
            ] {
                let answer = with(&arguments, ALL, effective).exits(code);
                assert!(answer.stderr.contains("ermission denied"), "{answer}");
            }
            let run = Run::new("ls -ta").env("TCPDIAG_FILE", secret.to_string());
            let answer = as_nobody_through(run, |file| give(file, ALL, effective)).exits(3);
            assert!(answer.stderr.contains("ermission denied"), "{answer}");

            let server = listener("127.0.0.1", 2);
            let mut holder = Holder::of(&[&server]);
            let at = port(&server);
            drop(server);
            let answer = with(&format!("kill {at} --yes"), ALL, effective).exits(3);
            assert!(
                answer.text().contains(&format!("cat[{}]", holder.pid())),
                "{answer}"
            );
            assert!(answer.stderr.contains("not permitted"), "{answer}");
            assert!(holder.is_running());

            let pair = Pair::on("127.0.0.1");
            let arguments = format!("kill --sockets --yes dport = {}", port(&pair.listener));
            with(&arguments, ALL, effective).exits(3);
            rustix::io::write(&pair.client, b"x").unwrap();
        }
        let run = Run::new("ls -t");
        let answer = as_nobody_through(run, |file| {
            std::fs::set_permissions(file, PermissionsExt::from_mode(0o4755)).unwrap();
        });
        let answer = answer.exits(3);
        assert!(answer.stderr.contains("set-user-ID"), "{answer}");
    });
}
