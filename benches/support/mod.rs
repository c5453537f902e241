//! What the benchmark needs beside its list of commands.

pub(crate) mod crowd;
pub(crate) mod floor;
pub(crate) mod namespace;
pub(crate) mod report;
mod row;

pub(crate) use row::Row;

/// The variable that tells a copy of this program what to be.
pub(crate) const ROLE: &str = "PORTCTL_BENCH_ROLE";
/// How many sockets that copy is to make.
pub(crate) const SOCKETS: &str = "PORTCTL_BENCH_MAKE";

/// This program again, in another role.
pub(crate) fn again(role: &str) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, role);
    command
}
