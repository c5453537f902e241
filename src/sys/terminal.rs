//! Whether there is a terminal, and how wide it is.

use std::io::IsTerminal;
use std::os::fd::BorrowedFd;

/// Whether standard output is a terminal.
#[must_use]
pub fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether a person can be asked: standard input and standard error are terminals.
#[must_use]
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Columns of the terminal on standard output; `None` if there is none or it does not say.
#[must_use]
pub fn width() -> Option<usize> {
    columns(rustix::stdio::stdout())
}

/// Columns of the terminal on standard error; `None` if there is none or it does not say.
#[must_use]
pub fn stderr_width() -> Option<usize> {
    columns(rustix::stdio::stderr())
}

fn columns(fd: BorrowedFd<'_>) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(fd).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}
