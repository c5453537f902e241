//! The headroom of flows: each number is held against the count of connections that the kernel really lets a test make.
//!
//! Ranges are small, so that counting is quick. Every world has a range of its own, because TIME_WAITs outlive the sockets of
//! the world before. Rules are named after the kernel functions they are in.

mod alike;
mod cli;
mod limits;
mod openmetrics;
mod random;
mod rules;
mod summary;
mod truth;
