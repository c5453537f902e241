//! A network namespace with a TCP hash table of its own.

use super::{ROLE, SOCKETS};
use std::process::Command;

/// The tests' rtnetlink messages; a benchmark needs `lo` up and no more.
#[path = "../../tests/it/namespace/link.rs"]
#[allow(dead_code, reason = "the rest is for tests")]
mod link;

pub(crate) use link::loopback_up;

/// Set in the parent, it gives the next namespace a hash table of so many buckets. Without it the
/// namespace shares the host's table, and every dump walks past the host's sockets too.
const CHILD_HASH: &str = "/proc/sys/net/ipv4/tcp_child_ehash_entries";
const BUCKETS: &str = "262144";

/// Runs this program in a namespace, to measure with so many sockets.
pub(crate) fn run_inside(sockets: usize) {
    let before = std::fs::read_to_string(CHILD_HASH).ok();
    let own_table =
        rustix::process::geteuid().is_root() && std::fs::write(CHILD_HASH, BUCKETS).is_ok();
    let mut command = Command::new("unshare");
    command
        .args(if own_table {
            &["-n"][..]
        } else {
            &["-U", "-r", "-n"]
        })
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .env(ROLE, "inside")
        .env(SOCKETS, sockets.to_string());
    let status = command.status();
    if let (true, Some(before)) = (own_table, before) {
        std::fs::write(CHILD_HASH, before.trim()).unwrap();
    }
    let status = status.unwrap_or_else(|e| panic!("unshare(1) of util-linux is needed: {e}"));
    assert!(
        status.success(),
        "measuring with {sockets} sockets: {status}"
    );
    if !own_table {
        println!("(TCP hash table shared with the host: only root can have one of its own)\n");
    }
}
