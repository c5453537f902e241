//! portctl: the socket table of a Linux host, readable.
//!
//! ```text
//!  argv, env, tty                 kernel bytes                                         stdout
//!       │                              │                                                 ▲
//!       ▼                              ▼                                                 │
//!    cli::Plan ──Query──▶ sys ─▶ wire ─▶ collect ──Snapshot──▶ filter / analysis ──View──▶ render
//!                                             model types travel on every arrow
//! ```
//!
//! Data flows one way. Nothing prints while it collects; codecs ([`wire`]) do no I/O, I/O ([`sys`])
//! does no decoding. Which room may import which is enforced by `tests/it/architecture.rs`.
//!
//! This library exists so that tests, fuzz targets and generators can call what the binary calls.
//! It is **not** a stable interface; the command line and its JSON are.

pub mod analysis;
pub mod app;
pub mod cli;
pub mod collect;
pub mod error;
pub mod exit;
pub mod filter;
pub mod model;
pub mod render;
pub mod sys;
pub mod wire;
