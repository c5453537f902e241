//! Pure functions from sockets to answers: order, counts, flows.

pub mod order;
mod summary;
pub mod why;

pub use summary::{Flow, Summary, SummaryBuilder, Total};
