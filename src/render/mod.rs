//! Views into text: escaping, cells, layout, and one file per output format.
//!
//! Renderers write to any [`std::io::Write`]; they know nothing of standard output. Lists stream: rows are formatted one at a
//! time into one reused buffer, whether there are ten or a million.

mod address;
pub mod columns;
mod csv;
mod details;
mod direct;
pub mod escape;
mod exposure;
mod free;
mod grid;
mod headroom;
mod headroom_json;
mod headroom_words;
mod json;
mod json_details;
mod json_ends;
mod json_own;
mod json_socket;
mod kill;
mod layout;
mod line;
mod own_details;
mod pieces;
pub mod prose;
mod schema;
mod summary;
mod table;
mod text;
mod text_ends;
mod top;
mod top_json;
mod units;
mod why;

pub use columns::Column;
pub use csv::CsvList;
pub use details::DetailOptions;
pub use free::{FreeView, free_json, free_text};
pub use headroom::{HeadroomReport, ProbeReport, headroom_text};
pub use headroom_json::headroom_json;
pub use json::{JsonList, NdjsonList};
pub use kill::KillView;
pub use line::line;
pub use schema::{SCHEMAS, schema};
pub use summary::{
    CheckStatus, SummaryReport, check_line, openmetrics, summary_json, summary_text,
};
pub use table::{TableList, TableOptions};
pub use text::TextOptions;
pub use top::{TopOptions, top_text};
pub use top_json::top_json;
pub use why::{WhyView, why_json, why_text};

pub use crate::analysis::summary::{Threshold, ThresholdUnit, Thresholds};
use crate::model::{NetNs, Notice, Row, TableReport};
use std::io;
use std::time::SystemTime;

/// What is known before the first row.
#[derive(Clone, Debug)]
pub struct Opening {
    /// When the collection began; absent if that is not known.
    pub captured_at: Option<SystemTime>,
    /// Where.
    pub netns: NetNs,
}

/// What is known after the last row.
#[derive(Clone, Debug, Default)]
pub struct Closing {
    /// How each table was delivered.
    pub tables: Vec<TableReport>,
    /// What the reader should know.
    pub notices: Vec<Notice>,
}

impl Closing {
    /// Whether nothing that was asked for is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.notices.iter().any(Notice::means_incomplete)
    }
}

/// A list format: an opening, rows, an end.
pub trait List {
    /// Writes what stands before the rows.
    ///
    /// # Errors
    /// If the output cannot be written.
    fn open(&mut self, opening: &Opening) -> io::Result<()>;

    /// Writes one row.
    ///
    /// # Errors
    /// If the output cannot be written.
    fn row(&mut self, row: Row<'_>) -> io::Result<()>;

    /// Writes what stands after the rows, and everything that was held back; returns notices that arose meanwhile.
    ///
    /// # Errors
    /// If the output cannot be written.
    fn close(&mut self, closing: &Closing) -> io::Result<Vec<Notice>>;
}

#[cfg(test)]
mod bpf_tests;
#[cfg(test)]
mod detail_tests;
#[cfg(test)]
mod headroom_tests;
#[cfg(test)]
mod own_tests;
#[cfg(test)]
mod tests;
