//! How the program ends: `portctl help exit-codes`.

use std::process::ExitCode;

/// The meaning of an exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, zero rows included.
    Done,
    /// A question was asked, and the answer is no.
    No,
    /// The command line or the filter makes no sense.
    Usage,
    /// Nothing could be collected, or the output could not be written; of a question: nobody can tell.
    Failed,
    /// Something that was asked for is missing, and `--strict` was given or the answer depends on it.
    Incomplete,
    /// A monitoring system asked: 0 to 3 by the conventions of its plugins.
    Check(u8),
}

impl Exit {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Incomplete => 4,
            Self::Check(number) => number,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.number().into()
    }
}
