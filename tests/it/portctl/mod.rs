//! Runs the built binary in an emptied environment and reads what it says.

mod json;

pub(crate) use json::*;

use crate::namespace;
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_portctl");

/// No listing here takes longer, even in a debug build on a busy machine; one that does hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of portctl, to be started by [`Run::go`].
pub(crate) struct Run {
    program: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdout: Option<File>,
    netlink_blocked: bool,
}

/// What a run answered.
pub(crate) struct Answer {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// `None` after a signal.
    pub(crate) code: Option<i32>,
    command: String,
}

/// Runs portctl with blank-separated arguments.
pub(crate) fn portctl(arguments: &str) -> Answer {
    Run::new(arguments).go()
}

/// The document that portctl prints for these arguments, plus `--json`; the run must succeed.
pub(crate) fn list(arguments: &str) -> Document {
    Run::new(arguments).arg("--json").go().document()
}

impl Run {
    /// A run with blank-separated arguments.
    pub(crate) fn new(arguments: &str) -> Self {
        Self::with(arguments.split_whitespace())
    }

    /// A run with these arguments.
    pub(crate) fn with<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let program = std::iter::once(OsString::from(BINARY));
        Self {
            program: program
                .chain(arguments.into_iter().map(Into::into))
                .collect(),
            env: Vec::new(),
            stdout: None,
            netlink_blocked: false,
        }
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.program.push(argument.into());
        self
    }

    /// Runs it through another command, as in `setsid portctl …`.
    pub(crate) fn through<A: Into<OsString>>(
        mut self,
        command: impl IntoIterator<Item = A>,
    ) -> Self {
        let command = command.into_iter().map(Into::into);
        self.program = command.chain(self.program).collect();
        self
    }

    /// Uses another copy of the binary.
    pub(crate) fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.program[0] = path.into().into_os_string();
        self
    }

    /// Sets a variable in the otherwise empty environment.
    pub(crate) fn env(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Gives it this standard output, which the answer then lacks.
    pub(crate) fn stdout(mut self, file: File) -> Self {
        self.stdout = Some(file);
        self
    }

    /// Lets it make no netlink socket.
    pub(crate) fn without_netlink(mut self) -> Self {
        self.netlink_blocked = true;
        self
    }

    /// Runs it to its end.
    pub(crate) fn go(self) -> Answer {
        // Files, not pipes: nobody has to read while it runs, and nothing blocks.
        let outputs = tempfile::tempdir().unwrap();
        let (out, err) = (outputs.path().join("out"), outputs.path().join("err"));
        let create = |path| File::options().append(true).create(true).open(path);
        let (out_file, err_file) = (create(&out).unwrap(), create(&err).unwrap());
        let command = format!("{:?}", self.program);
        let mut child = if self.netlink_blocked {
            assert!(self.env.is_empty() && self.stdout.is_none());
            let mut role = namespace::without_netlink(&self.program, &out, &err);
            role.stdin(Stdio::null()).stdout(Stdio::null());
            role.spawn().unwrap()
        } else {
            Command::new(&self.program[0])
                .args(&self.program[1..])
                .env_clear()
                .envs(self.env)
                .stdin(Stdio::null())
                .stdout(self.stdout.unwrap_or(out_file))
                .stderr(err_file)
                .spawn()
                .unwrap_or_else(|e| panic!("{command}: {e}"))
        };
        let status = namespace::wait(&mut child, PATIENCE)
            .unwrap_or_else(|| panic!("{command}: still running after {PATIENCE:?}"));
        let stderr = std::fs::read(&err).unwrap();
        let answer = Answer {
            stdout: std::fs::read(&out).unwrap(),
            stderr: String::from_utf8(stderr).expect("stderr is UTF-8"),
            code: status.code(),
            command,
        };
        assert!(answer.code.is_some(), "{status}: {answer}");
        assert_ne!(answer.code, Some(101), "a panic: {answer}");
        answer
    }
}

impl Answer {
    /// Fails unless it ended with this status.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit status of {self}");
        self
    }

    /// Fails unless it did well and had nothing to remark.
    pub(crate) fn quiet(self) -> Self {
        assert_eq!(self.stderr, "", "stderr of {}", self.command);
        self.exits(0)
    }

    /// The standard output.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is UTF-8")
    }

    /// Its lines.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }

    /// Its first line and the others.
    pub(crate) fn header_and_rows(&self) -> (&str, Vec<&str>) {
        let mut lines = self.text().lines();
        (lines.next().unwrap_or_default(), lines.collect())
    }

    /// The standard output as any JSON.
    pub(crate) fn value(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self}"))
    }

    /// The document that a successful `ls --json` printed.
    pub(crate) fn document(self) -> Document {
        self.exits(0).document_whatever_status()
    }

    /// The document, also of a run that ended with another status than 0.
    pub(crate) fn document_whatever_status(&self) -> Document {
        let document: Document =
            serde_json::from_slice(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self}"));
        document.check();
        document
    }

    /// The lines of a successful `ls --ndjson`.
    pub(crate) fn objects(self) -> Vec<Socket> {
        let answer = self.exits(0);
        let parse = |line| {
            let socket: Socket =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            socket.check();
            socket
        };
        answer.lines().into_iter().map(parse).collect()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\nstatus {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.code,
            String::from_utf8_lossy(&self.stdout),
            self.stderr
        )
    }
}
