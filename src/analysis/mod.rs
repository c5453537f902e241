//! Pure functions from sockets to answers: order, counts, flows, groups, and how many ports are left.

pub mod best;
pub mod exposure;
pub mod headroom;
pub mod kill;
pub mod order;
pub mod summary;
pub mod top;
pub mod wait;
pub mod why;
