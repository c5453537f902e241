//! A network namespace with a TCP hash table of its own.

use super::{Role, loads::Load};
use std::process::Command;

/// The tests' rtnetlink messages; a benchmark needs `lo` up and no more.
#[path = "../../tests/it/namespace/link.rs"]
#[allow(dead_code, reason = "the rest is for tests")]
mod link;

/// Set in the parent, it gives the next namespace a hash table of so many buckets. Without it the
/// namespace shares the host's table, and every dump walks past the host's sockets too.
const CHILD_HASH: &str = "/proc/sys/net/ipv4/tcp_child_ehash_entries";
const BUCKETS: &str = "262144";

/// What the process inside is told: the load and how much of it.
const TOLD: [&str; 2] = ["PORTCTL_BENCH_LOAD", "PORTCTL_BENCH_COUNT"];

/// Runs this program in a new namespace, to make so much of a load and measure.
pub(crate) fn run_inside(role: Role, load: Load, count: usize) {
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
        .envs(TOLD.into_iter().zip([load.name(), &count.to_string()]));
    let status = role.give_to(&mut command).status();
    if let (true, Some(before)) = (own_table, before) {
        std::fs::write(CHILD_HASH, before.trim()).unwrap();
    }
    let status = status.unwrap_or_else(|e| panic!("unshare(1) of util-linux is needed: {e}"));
    assert!(status.success(), "{count} {}: {status}", load.name());
    if !own_table && role == Role::Inside {
        println!("(TCP hash table shared with the host: only root can have one of its own)");
    }
}

/// Makes the new namespace usable; returns what to make in it.
pub(crate) fn enter() -> (Load, usize) {
    link::loopback_up();
    let [load, count] = TOLD.map(|key| std::env::var(key).unwrap());
    (Load::named(&load), count.parse().unwrap())
}
