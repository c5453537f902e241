//! Gives a test network namespaces of its own.
//!
//! A live test is two runs of one function. The outer run starts the test binary again under
//! unshare(1), with this test's name and [`INSIDE`] set, and fails unless that run passed exactly
//! one test. The inner run is in the namespace, brings `lo` up and does the work. A child
//! process, not a thread that switched: `/proc/self/net` follows the leader of the thread group.

mod conntrack;
mod link;
mod role;

pub(crate) use conntrack::track;
pub(crate) use link::{ELSEWHERE, add_elsewhere, has_raw_diag, redirect_own, remove_elsewhere};
pub(crate) use role::{LeaderGone, without_netlink};

use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Set in the inner run; its value is the name of the test.
const INSIDE: &str = "PORTCTL_TEST_INSIDE";

/// How long an inner run may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(240);

/// Runs `scene` in user and network namespaces of its own; it is root there.
pub(crate) fn run(test: &str, scene: impl FnOnce()) {
    enter(test, &["-U", "-r", "-n"], scene);
}

/// Like [`run`], with mount and PID namespaces too, so that /proc can be mounted differently.
/// The scene is process 1; what it leaves behind dies with it.
pub(crate) fn run_with_mounts(test: &str, scene: impl FnOnce()) {
    let flags = ["-U", "-r", "-n", "-m", "-p", "-f", "--kill-child"];
    enter(test, &flags, scene);
}

/// Runs `scene` as real root in a network namespace of its own, for what needs several users.
pub(crate) fn run_as_root(test: &str, scene: impl FnOnce()) {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    let fields: Vec<_> = map.split_whitespace().collect();
    assert!(
        rustix::process::geteuid().is_root() && fields == ["0", "0", "4294967295"],
        "this test needs root with every user id; run it as root, or leave it out"
    );
    enter(test, &["-n"], scene);
}

fn enter(test: &str, unshare: &[&str], scene: impl FnOnce()) {
    match std::env::var(INSIDE) {
        Ok(inside) => {
            assert_eq!(inside, test, "the name given is the name of the test");
            if !role::play_if_asked() {
                link::loopback_up();
                // On loopback a connection may take over the port of a TIME_WAIT socket that is a
                // second old, and a test would lose a row it counts on.
                std::fs::write("/proc/sys/net/ipv4/tcp_tw_reuse", "0").unwrap();
                scene();
            }
        }
        Err(_) => outside(test, unshare),
    }
}

fn outside(test: &str, unshare: &[&str]) {
    let mut output = tempfile::NamedTempFile::new().unwrap();
    let child = Command::new("unshare")
        .args(unshare)
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args(only(test))
        .env(INSIDE, test)
        // The message says it all, and it is shown once more by the outer run.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(output.reopen_append())
        .stderr(output.reopen_append())
        .spawn();
    let mut child = child.unwrap_or_else(|e| panic!("unshare(1) of util-linux is needed: {e}"));
    let status = wait(&mut child, PATIENCE);
    let said = output.text();
    match status {
        Some(s) if s.success() => assert!(
            said.contains("test result: ok. 1 passed"),
            "no test ran inside; is its name {test}?\n{said}"
        ),
        Some(s) => panic!("inside the namespace ({s}):\n{said}"),
        None => panic!("still running after {PATIENCE:?}:\n{said}"),
    }
}

/// The arguments with which a test binary runs one test.
fn only(test: &str) -> [&str; 5] {
    [
        "--exact",
        test,
        "--include-ignored",
        "--nocapture",
        "--test-threads=1",
    ]
}

/// Waits for `child` at most so long, then kills it.
pub(crate) fn wait(child: &mut std::process::Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Tries until `done` says so, at most ten seconds.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not after ten seconds");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a [`tempfile::NamedTempFile`] lacks for collecting the output of a child.
trait Collected {
    fn reopen_append(&self) -> std::fs::File;
    fn text(&mut self) -> String;
}

impl Collected for tempfile::NamedTempFile {
    /// Both streams go to one file; in append mode neither overwrites the other.
    fn reopen_append(&self) -> std::fs::File {
        std::fs::File::options()
            .append(true)
            .open(self.path())
            .unwrap()
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path()).unwrap()).into_owned()
    }
}
