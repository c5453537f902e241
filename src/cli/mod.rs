//! The command line: what was typed, what it means, and what documents it.
//!
//! [`args`] is what was typed, without any I/O; [`plan`] is what was meant, with the environment and the terminal known; [`docs`]
//! makes the manual and the completions from the same definition.

pub mod args;
pub mod docs;
pub mod env;
pub mod headroom;
pub mod plan;
pub mod topics;
