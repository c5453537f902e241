//! Measures portctl against `ss` and against the least work there is: `cargo bench`.
//!
//! Every load (see `support/loads`) is made in a network namespace of its own. There `ss`, portctl
//! and the floor run in turn, five rounds of it: the floor is the same request received and thrown
//! away, or the same directories of /proc read and nothing made of them. What counts is CPU time,
//! which other work on the machine disturbs least, as a ratio within a round. README.md beside this
//! file lists the aims, which stand behind the figures they are for.
//!
//! - `PORTCTL_BENCH_SOCKETS`: how many TCP sockets, several numbers separated by commas, 10000,100000
//!   if absent. The other loads follow from the largest. Below 10,000 it is a trial of the benchmark:
//!   quick, and most figures are too rough for a verdict.
//! - `PORTCTL_BENCH_MILLION`: if set, a million TCP sockets too, which takes minutes and 3 GB.
//!
//! `cargo bench --bench against_ss -- instructions` counts user-space instructions instead, with
//! valgrind, and prints what `benches/INSTRUCTIONS.md` holds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that meets something unexpected stops, and prints what it measured"
)]

mod support;

use support::{Role, crowd, floor, inside, instructions, memory, namespace, sizes};

fn main() {
    match Role::of_this_process() {
        Some(Role::Inside) => inside::measure(),
        Some(Role::Instructions) => instructions::measure(),
        Some(Role::Crowd) => crowd::hold(),
        Some(Role::Floor) => floor::run(),
        Some(Role::Peak) => memory::run(),
        None if std::env::args().any(|argument| argument == "instructions") => {
            namespace::run_inside(Role::Instructions, instructions::LOAD, 0);
        }
        None => {
            for (load, count) in sizes::loads() {
                namespace::run_inside(Role::Inside, load, count);
            }
        }
    }
}
