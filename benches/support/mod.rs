//! What the benchmark is made of: what is measured (`cases`, `loads`), against what (`floor`), how
//! (`row`, `memory`, `first_row`, `summary`, `calls`, `instructions`), and what is printed (`report`).

pub(crate) mod aim;
pub(crate) mod calls;
pub(crate) mod cases;
pub(crate) mod check;
pub(crate) mod cost;
pub(crate) mod crowd;
pub(crate) mod first_row;
pub(crate) mod floor;
pub(crate) mod inside;
pub(crate) mod instructions;
pub(crate) mod loads;
pub(crate) mod memory;
pub(crate) mod namespace;
pub(crate) mod programs;
pub(crate) mod report;
mod role;
pub(crate) mod row;
pub(crate) mod sizes;
pub(crate) mod summary;

pub(crate) use role::{Role, again};
