//! How worried to be about a headroom.

use super::Headroom;

/// From best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing to do.
    #[default]
    Ok,
    /// Half is used: from here on each connect() scans half of the range before it finds a port, ten to thirty times the time.
    Notice,
    /// Four fifths are used.
    Warning,
    /// A twentieth is left, or nothing.
    Critical,
}

impl Severity {
    /// By what is expected; `None` if the flow can have no port at all, which is a mistake in the settings.
    #[must_use]
    pub fn of(headroom: &Headroom) -> Option<Self> {
        let used = headroom.used()?;
        Some(match used {
            _ if headroom.bounds.expected == 0 || used >= 0.95 => Self::Critical,
            _ if used >= 0.80 => Self::Warning,
            _ if used >= 0.50 => Self::Notice,
            _ => Self::Ok,
        })
    }

    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
