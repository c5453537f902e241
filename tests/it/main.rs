//! The integration tests: one binary, linked once.
//!
//! Tests of the live kind (`live_*`) make namespaces and sockets of their own and are ignored by
//! default; `cargo test -- --include-ignored` runs them, and they fail where they cannot run.
//!
//! | module | for |
//! |---|---|
//! | [`architecture`] | holds the rooms of `src` to the imports that the house allows |
//! | [`documents`] | commands in the README and the help do what is written there |
//! | [`choosing`] | what the kernel is asked to leave out never matches the filter |
//! | [`other_families`] | rows of families that few kernels have, from synthetic messages |
//! | [`namespace`] | support: runs a test in namespaces of its own, and processes in special roles |
//! | [`scene`] | support: makes sockets of every kind and says what a row about each must hold |
//! | [`portctl`] | support: runs the built binary and reads its JSON strictly |
//! | [`live_states`] | a row for every kind and state of socket, compared field by field |
//! | [`live_details`] | counters, memory and options against getsockopt(2) and `ss` |
//! | [`live_bpf`] | what BPF programs keep with sockets, by maps that a test makes; and why it is not told |
//! | [`live_owners`] | who holds a socket: several processes, threads, hostile names, hidden owners |
//! | [`live_capabilities`] | what a program whose file has capabilities shows, and what nobody can use them for |
//! | [`live_families`] | packet, netlink, MPTCP, UDP-Lite: rows of what was made, and the same as ss says |
//! | [`live_sources`] | netlink, /proc and saved dumps tell the same |
//! | [`live_churn`] | listing while connections come and go loses and doubles nothing |
//! | [`live_unhappy`] | what is missing, blocked, full, closed or hostile |
//! | [`live_ports`] | free ports, waiting for one, ending who has one: compared with what the kernel then does |
//! | [`live_headroom`] | how many more connections there can be, against what the kernel lets a test make |
//! | [`live_why`] | why a port can or cannot be bound, compared with what bind(2) then does |
//! | [`live_cli`] | options, default states, filters, columns, formats, answers, completion, groups and the summary |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected fails by panicking"
)]

mod architecture;
mod choosing;
mod documents;
mod live_bpf;
mod live_capabilities;
mod live_churn;
mod live_cli;
mod live_details;
mod live_families;
mod live_headroom;
mod live_owners;
mod live_ports;
mod live_sources;
mod live_states;
mod live_unhappy;
mod live_why;
mod namespace;
mod other_families;
mod portctl;
mod scene;
