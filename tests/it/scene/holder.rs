//! Other processes that hold sockets.

use rustix::io::FdFlags;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};

/// A child that does nothing but hold what it inherited, until it is dropped.
pub(crate) struct Holder(Child);

impl Holder {
    /// cat(1), which waits for input that never comes.
    pub(crate) fn start() -> Self {
        Self::run(&mut Command::new("cat"))
    }

    /// A command that lives as long as its standard input is open.
    pub(crate) fn run(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Self(child.unwrap())
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A second descriptor of a socket, which children inherit.
pub(crate) fn inheritable(fd: &impl AsFd) -> OwnedFd {
    let copy = rustix::io::fcntl_dupfd_cloexec(fd, 100).unwrap();
    rustix::io::fcntl_setfd(&copy, FdFlags::empty()).unwrap();
    copy
}

/// A shell that gives itself a command name of these bytes (a process may choose any), and waits.
pub(crate) fn namer(name: &[u8]) -> Holder {
    let mut child = Command::new("sh")
        .args([
            "-c",
            r#"printf %s "$1" > /proc/$$/comm; echo; read -r _"#,
            "sh",
        ])
        .arg(OsStr::from_bytes(name))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    // The shell says when it is done.
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "\n");
    let holder = Holder(child);
    let comm = std::fs::read(format!("/proc/{}/comm", holder.pid())).unwrap();
    assert_eq!(comm, [name, b"\n"].concat(), "the name was taken");
    holder
}
