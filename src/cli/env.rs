//! Environment variables, each with its meaning, behind a trait so that tests need not change the real ones.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;

/// No colour, if set and not empty; see <https://no-color.org>.
pub const NO_COLOR: &str = "NO_COLOR";
/// No colour, if `0`.
pub const CLICOLOR: &str = "CLICOLOR";
/// Colour even without a terminal, if set and not `0`.
pub const CLICOLOR_FORCE: &str = "CLICOLOR_FORCE";
/// No colour, if `dumb`.
pub const TERM: &str = "TERM";
/// Columns of a terminal that does not say how wide it is.
pub const COLUMNS: &str = "COLUMNS";

/// A saved dump to read as if `--from` named it, as `ss` does.
pub const TCPDIAG_FILE: &str = "TCPDIAG_FILE";

/// No file of a filter is longer, in bytes; one that never ends must not take all memory.
const FILE_LIMIT: u64 = 16 << 20;

/// Somewhere to look variables up, and files that options name.
pub trait Env {
    /// The value of a variable, if it is set.
    fn var(&self, name: &str) -> Option<OsString>;

    /// The contents of a file, or of standard input for `-`.
    ///
    /// # Errors
    /// As open(2) and read(2).
    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if path == Path::new("-") {
            io::stdin().take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
        } else {
            std::fs::File::open(path)?
                .take(FILE_LIMIT + 1)
                .read_to_end(&mut bytes)?;
        }
        if bytes.len() as u64 > FILE_LIMIT {
            return Err(io::Error::other("it is longer than 16 MiB"));
        }
        Ok(bytes)
    }
}

/// The variables of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn var(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }
}

/// Facts about standard output.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// How wide it says it is.
    pub width: Option<usize>,
}
