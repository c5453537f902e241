//! What is missing, blocked, full, closed or hostile.

mod outputs;
mod sources;
mod usage;
