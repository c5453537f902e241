//! Families beside TCP, UDP, raw and unix: what the test made is listed, with its owners, through netlink and through /proc; and every
//! table says the same as `ss` does, row by row. What the kernel at hand lacks is tested from fixtures, in `src/wire/fixtures.rs`.

mod absent;
mod against_ss;
mod details;
mod network;
mod rows;
mod saved;
mod synthetic;
