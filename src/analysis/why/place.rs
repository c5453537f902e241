//! Whether one place is free for the usual server: TCP with `SO_REUSEADDR`, UDP without. For who waits for that, look after look.

use super::free::targets;
use super::kind::{Newcomer, conflict};
use super::outcome::{has_gaps, usual};
use super::refusal::refusal;
use crate::model::{
    BindError, BindFacts, BindTarget, BindUser, BindVariant, IfIndex, Port, Protocol, Socket,
    Table, Uid,
};
use std::net::IpAddr;

/// Root: whether a user may bind a port is no matter of time.
const ROOT: BindUser = BindUser {
    uid: Uid(0),
    privileged: Some(true),
    is_foreign: false,
};

/// What the sockets there are say about a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// No socket is there.
    None,
    /// Sockets are there that may share it: options decide that the kernel does not tell.
    Perhaps,
    /// A socket is there that does not.
    Certain,
}

/// The binds that a server there makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    targets: Vec<BindTarget>,
}

impl Place {
    /// A port at addresses of this host, or at any.
    #[must_use]
    pub fn new(
        facts: &BindFacts,
        protocols: &[Protocol],
        addresses: &[(IpAddr, Option<IfIndex>)],
        port: Port,
    ) -> Self {
        Self {
            targets: targets(facts, protocols, addresses, port),
        }
    }

    /// The binds, each with the option that the usual server sets.
    pub fn binds(&self) -> impl Iterator<Item = (BindTarget, BindVariant)> {
        self.targets.iter().map(|&t| (t, usual(t.protocol)))
    }

    /// What `socket` holds of it.
    #[must_use]
    pub fn held_by(&self, socket: &Socket) -> Hold {
        let Some(ends) = socket.inet() else {
            return Hold::None;
        };
        let hold = |target: &BindTarget| {
            let judged = |variant| {
                let newcomer = Newcomer {
                    target,
                    variant,
                    uid: ROOT.uid,
                };
                conflict(socket, newcomer, false)
            };
            match (judged(BindVariant::Plain), judged(usual(target.protocol))) {
                (Some(false), _) => Hold::None,
                (_, Some(true)) => Hold::Certain,
                _ => Hold::Perhaps,
            }
        };
        self.targets
            .iter()
            .filter(|t| t.protocol == socket.protocol && t.port == ends.local_port)
            .map(hold)
            .max()
            .unwrap_or(Hold::None)
    }

    /// Whether sockets may be there that were not read.
    #[must_use]
    pub fn has_gaps(&self, missing: &[Table], facts: &BindFacts) -> bool {
        let mut targets = self.targets.iter();
        targets.any(|t| has_gaps(missing, facts, t.protocol))
    }

    /// Why nothing can be bound there whatever sockets there are, if that is known: an address that is not this host's, or not yet.
    #[must_use]
    pub fn refused(&self, facts: &BindFacts) -> Option<BindError> {
        let mut targets = self.targets.iter();
        targets.find_map(|t| refusal(facts, t, ROOT)?.error)
    }
}
