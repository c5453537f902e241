//! What a person asks about a port or a name.

use super::{IfIndex, Port, Protocol, UnixName};
use std::net::IpAddr;

/// One question, as it was typed and as it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// As it was typed; escape it before it is shown.
    pub asked: String,
    /// What it is about.
    pub subject: Subject,
}

/// What a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A port.
    Port {
        /// TCP, UDP, or both.
        protocols: Vec<Protocol>,
        /// The port, never 0.
        port: Port,
        /// The addresses, each with the interface of a link-local one; empty for any.
        addresses: Vec<(IpAddr, Option<IfIndex>)>,
    },
    /// A name of a unix socket, never [`UnixName::Unnamed`].
    Unix(UnixName),
}
