//! Processes that must do something to themselves before they are of use: the test binary starts
//! itself once more, and the second run plays the role instead of the scene.
//!
//! Roles exist because a child cannot be prepared between fork and exec without `unsafe`.

use super::{INSIDE, only};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const ROLE: &str = "PORTCTL_TEST_ROLE";
const ARGUMENTS: &str = "PORTCTL_TEST_ARGUMENTS";
const STDOUT: &str = "PORTCTL_TEST_STDOUT";
const STDERR: &str = "PORTCTL_TEST_STDERR";

/// Plays the role that the environment names, if it names one.
pub(super) fn play_if_asked() -> bool {
    let Some(role) = std::env::var_os(ROLE) else {
        return false;
    };
    match role.to_str() {
        Some("without-netlink") => block_netlink_and_exec(),
        Some("leader-gone") => lose_the_leader(),
        _ => panic!("unknown role {role:?}"),
    }
    true
}

fn play(role: &str) -> Command {
    let test = std::env::var(INSIDE).expect("roles are played inside a namespace");
    // Not current_exe(): some scenes have no /proc.
    let mut command = Command::new(std::env::args_os().next().unwrap());
    command.args(only(&test)).env(ROLE, role);
    command
}

/// A command that runs `program` where no netlink socket can be made, as under many container
/// and service sandboxes. Its output goes to the two files, since the test binary's own heading
/// goes to the standard output before the role begins.
pub(crate) fn without_netlink(program: &[OsString], stdout: &Path, stderr: &Path) -> Command {
    let mut command = play("without-netlink");
    let joined: Vec<_> = program.iter().map(|a| a.as_bytes()).collect();
    command
        // Arguments hold neither NUL nor, in these tests, the unit separator.
        .env(ARGUMENTS, OsString::from_vec(joined.join(&b'\x1f')))
        .env(STDOUT, stdout)
        .env(STDERR, stderr);
    command
}

fn block_netlink_and_exec() {
    const AF_NETLINK: u64 = 16;
    let deny = SeccompAction::Errno(nix::libc::EPERM as u32);
    let netlink = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, AF_NETLINK);
    let rule = SeccompRule::new(vec![netlink.unwrap()]).unwrap();
    let program = program(nix::libc::SYS_socket, rule, deny);
    seccompiler::apply_filter(&program).unwrap();

    let arguments = std::env::var_os(ARGUMENTS).unwrap();
    let mut arguments = arguments
        .as_bytes()
        .split(|&b| b == b'\x1f')
        .map(|a| OsString::from_vec(a.to_vec()));
    let open = |key| {
        File::options()
            .append(true)
            .open(std::env::var_os(key).unwrap())
    };
    let failure = Command::new(arguments.next().unwrap())
        .args(arguments)
        .env_clear()
        .stdout(open(STDOUT).unwrap())
        .stderr(open(STDERR).unwrap())
        .exec();
    panic!("exec: {failure}");
}

/// A process whose first thread is gone while another lives on, and holds the sockets it inherited.
/// /proc/PID/fd of such a process cannot be read; the descriptors are under /proc/PID/task/TID/fd.
pub(crate) struct LeaderGone(Child);

impl LeaderGone {
    /// Starts it; it inherits every descriptor that is not close-on-exec.
    pub(crate) fn start() -> Self {
        let mut command = play("leader-gone");
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let holder = Self(child);
        super::eventually("the leader is a zombie and one thread is left", || {
            let stat = std::fs::read(format!("/proc/{}/stat", holder.pid())).unwrap();
            let end = stat.iter().rposition(|&b| b == b')').unwrap();
            stat.get(end + 2) == Some(&b'Z') && holder.threads().len() == 1
        });
        holder
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Its threads, without the leader.
    pub(crate) fn threads(&self) -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        tasks
            .map(|t| t.unwrap().file_name().to_str().unwrap().parse().unwrap())
            .filter(|&thread| thread != self.pid())
            .collect()
    }
}

impl Drop for LeaderGone {
    fn drop(&mut self) {
        // The last thread ends the process when its standard input closes.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Ends the first thread, which waits for this one to return and then writes "ok".
///
/// No safe call of Rust's ends one thread only. A filter that kills the thread (not the process)
/// which writes to the standard output does: this thread returns, the first one writes.
fn lose_the_leader() {
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(0);
    });
    const STANDARD_OUTPUT: u64 = 1;
    let to_stdout = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Eq,
        STANDARD_OUTPUT,
    );
    let rule = SeccompRule::new(vec![to_stdout.unwrap()]).unwrap();
    let program = program(nix::libc::SYS_write, rule, SeccompAction::KillThread);
    seccompiler::apply_filter_all_threads(&program).unwrap();
}

/// A filter that answers system call `number` with `action` where `rule` matches.
fn program(number: i64, rule: SeccompRule, action: SeccompAction) -> BpfProgram {
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let rules = BTreeMap::from([(number, vec![rule])]);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, arch).unwrap();
    filter.try_into().unwrap()
}
