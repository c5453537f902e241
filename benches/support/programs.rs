//! The programs that are run.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What is measured.
const PORTCTL: &str = env!("CARGO_BIN_EXE_portctl");

/// Runs `portctl ls` with these arguments, separated by spaces.
pub(crate) fn portctl(arguments: &str) -> Command {
    let mut command = Command::new(PORTCTL);
    command.arg("ls").args(arguments.split(' '));
    command
}

/// Runs `portctl summary`.
pub(crate) fn summary() -> Command {
    let mut command = Command::new(PORTCTL);
    command.arg("summary");
    command
}

/// Runs `ss`, if there is one, with these arguments, separated by spaces.
pub(crate) fn ss(arguments: &str) -> Option<Command> {
    let mut command = Command::new(find("ss")?);
    command.args(arguments.split(' '));
    Some(command)
}

/// Runs `command` under the program of this name, if there is one, with these options.
pub(crate) fn under(program: &str, options: &[&str], command: &Command) -> Option<Command> {
    let mut outer = Command::new(find(program)?);
    outer.args(options).arg(command.get_program());
    outer.args(command.get_args());
    for (key, value) in command.get_envs() {
        outer.env(key, value.unwrap());
    }
    Some(outer)
}

/// Where a program is; also where users' paths do not lead.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|folder| folder.join(name))
        .find(|path| Path::exists(path))
}
