//! Pure functions from sockets to answers: order, counts, flows, and how many ports are left.

pub mod headroom;
pub mod order;
mod summary;

pub use summary::{Flow, Summary, SummaryBuilder, Total};
