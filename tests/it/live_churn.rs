//! Listing while connections come and go: what lives throughout is in every list exactly once.

use crate::namespace;
use crate::portctl::{Document, list};
use crate::scene::tcp::{Pair, accept, connect, listener};
use crate::scene::{address, cookie, describe, udp};
use rustix::net::sockopt;
use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const LISTINGS: usize = 50;
/// A thread stops here even if the listings take forever.
const MOST_ROUNDS: u32 = 200_000;
const KINDS: [&str; 5] = [
    "dump-interrupted",
    "fell-back",
    "owners-hidden",
    "records-undecodable",
    "not-computed",
];

/// Runs `work` while threads connect and close as fast as they can; returns how often they did.
fn while_churning(work: impl FnOnce()) -> u64 {
    let stop = AtomicBool::new(false);
    let rounds = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for ip in ["127.0.0.1", "::1"] {
            let (stop, rounds) = (&stop, &rounds);
            scope.spawn(move || {
                let server = listener(ip, 64);
                // Most end by a reset: a TIME_WAIT socket each would make every listing longer.
                for round in 0..MOST_ROUNDS {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let client = connect(address(&server));
                    let accepted = accept(&server);
                    if round % 200 != 0 {
                        sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
                    }
                    drop((client, accepted));
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Stops the threads also when the work fails, or the scope would wait for them.
        let _stop = StopOnDrop(&stop);
        work();
    });
    rounds.into_inner()
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn check(document: &Document, constant: &[(OwnedFd, String)], number: usize) {
    let cookies: HashSet<_> = document.sockets.iter().map(|s| &s.cookie).collect();
    for (_, cookie) in constant {
        assert!(
            cookies.contains(&Some(cookie.clone())),
            "listing {number} lost {cookie} among {} rows",
            document.sockets.len()
        );
    }
    for kind in document.notice_kinds() {
        assert!(KINDS.contains(&kind), "{:?}", document.notices);
    }
}

#[test]
#[ignore = "needs user and network namespaces"]
fn what_stays_is_in_every_list() {
    namespace::run("live_churn::what_stays_is_in_every_list", || {
        let mut constant = Vec::new();
        for n in 0..60 {
            let pair = Pair::on(if n % 3 == 0 { "::1" } else { "127.0.0.1" });
            for fd in [pair.listener, pair.client, pair.server] {
                let cookie = cookie(&fd);
                constant.push((fd, cookie));
            }
        }
        let udp: OwnedFd = udp::bound("127.0.0.1").into();
        let udp_row = describe(&udp);
        let rounds = while_churning(|| {
            for number in 0..LISTINGS {
                // Whether a row is there twice is checked for every document.
                let document = list("ls -tua");
                check(&document, &constant, number);
                assert!(document.by_inode(udp_row.socket.inode.unwrap()).state == "unconnected");
            }
        });
        assert!(rounds > 100, "connections came and went: {rounds}");
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn owners_of_what_stays_are_in_every_list() {
    namespace::run("live_churn::owners_of_what_stays_are_in_every_list", || {
        let pairs: Vec<_> = (0..20).map(|_| Pair::on("127.0.0.1")).collect();
        let rows: Vec<_> = pairs.iter().map(|p| describe(&p.server)).collect();
        let rounds = while_churning(|| {
            for _ in 0..LISTINGS {
                let document = list("ls -tnp");
                for row in &rows {
                    document.must_have(row);
                }
            }
        });
        assert!(rounds > 100, "connections came and went: {rounds}");
    });
}
