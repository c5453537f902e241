//! Other processes that hold sockets.

use crate::portctl::Process;
use rustix::io::FdFlags;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};

/// A child that does nothing but hold the sockets it inherited, until it is dropped.
pub(crate) struct Holder {
    child: Child,
    /// The numbers of the inherited descriptors.
    pub(crate) fds: Vec<i32>,
}

impl Holder {
    /// cat(1), which waits for input that never comes.
    pub(crate) fn of(sockets: &[&dyn AsFd]) -> Self {
        Self::run(&mut Command::new("cat"), sockets)
    }

    /// A command that lives as long as its standard input is open.
    pub(crate) fn run(command: &mut Command, sockets: &[&dyn AsFd]) -> Self {
        let (child, fds) = inherit(sockets, || {
            let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
            command.spawn().unwrap()
        });
        Self { child, fds }
    }

    /// A shell that gives itself a command name of these bytes (a process may choose any), and waits.
    pub(crate) fn named(name: &[u8], socket: &dyn AsFd) -> Self {
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                r#"printf %s "$1" > /proc/$$/comm; echo; read -r _"#,
                "sh",
            ])
            .arg(OsStr::from_bytes(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let (mut child, fds) = inherit(&[socket], || command.spawn().unwrap());
        let mut line = String::new();
        // The shell says when it is done.
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "\n");
        let comm = std::fs::read(format!("/proc/{}/comm", child.id())).unwrap();
        assert_eq!(comm, [name, b"\n"].concat(), "the name was taken");
        Self { child, fds }
    }

    /// This process as portctl should tell of it.
    pub(crate) fn process(&self) -> Process {
        super::process(self.pid(), &self.fds)
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a child while there are copies of these sockets that it can inherit; returns the copies'
/// numbers. They are closed here again: whatever is started later (portctl) must not have them.
pub(crate) fn inherit<T>(sockets: &[&dyn AsFd], start: impl FnOnce() -> T) -> (T, Vec<i32>) {
    let copies: Vec<_> = sockets
        .iter()
        .map(|socket| {
            let copy = rustix::io::fcntl_dupfd_cloexec(socket.as_fd(), 100).unwrap();
            rustix::io::fcntl_setfd(&copy, FdFlags::empty()).unwrap();
            copy
        })
        .collect();
    let numbers = copies.iter().map(AsRawFd::as_raw_fd).collect();
    (start(), numbers)
}
