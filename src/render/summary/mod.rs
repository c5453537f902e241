//! The summary: for a person, as JSON, as a line for a monitoring system, and as metrics.

mod check;
mod exposition;
mod json;
mod metrics;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use check::{CheckStatus, check_line};
pub use json::summary_json;
pub use metrics::openmetrics;
pub use text::summary_text;

use super::{Closing, ProbeReport};
use crate::analysis::summary::{Summary, Thresholds};
use crate::model::{Names, Notice};

/// What there is to say, and how it came about.
pub struct SummaryReport<'a> {
    /// It.
    pub summary: &'a Summary,
    /// From which numbers on it is bad.
    pub thresholds: &'a Thresholds,
    /// Why nothing is said about how many ports are left, if nothing is.
    pub no_headroom: Option<&'a str>,
    /// What a probe was asked and said; absent if there was none.
    pub probe: Option<ProbeReport>,
    /// Names of interfaces.
    pub names: &'a dyn Names,
}

/// Something that is missing from the numbers: not whose sockets are, and not what kernels before 6.8 never list, of which the
/// numbers themselves say that they are not certain.
fn missing(closing: &Closing) -> Option<&Notice> {
    closing.notices.iter().find(|notice| {
        notice.means_incomplete()
            && !matches!(
                notice,
                Notice::OwnersHidden { .. } | Notice::StatesUnavailable { .. }
            )
    })
}
