//! The command line: what was typed, what it means, and what documents it.
//!
//! [`args`] is what was typed, without any I/O; [`plan`] is what was meant, with the environment and the terminal known; [`docs`]
//! makes the manual from the same
//! definition, and [`complete`] answers what may be typed next.

pub mod args;
pub mod asked;
pub mod complete;
pub mod docs;
pub mod env;
pub mod free;
pub mod headroom;
pub mod kill;
pub mod plan;
pub mod plan_top;
pub mod question;
pub mod select;
pub mod summary;
pub mod topics;
pub mod wait;
