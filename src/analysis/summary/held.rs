//! What the sockets of a flow are, and whose: what holds its ports.

use crate::model::{Hold, Pid, PortHolder, State};

/// Sockets of a flow by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Connection attempts.
    pub syn_sent: u32,
    /// How many of those had to send their SYN again, because the peer does not answer.
    pub unanswered: u32,
    /// Established connections.
    pub established: u32,
    /// Those whose peer has closed, and the process here has not.
    pub close_wait: u32,
    /// Those that are being closed.
    pub closing: u32,
    /// What is left in FIN_WAIT2 of those whose process has gone, and whose peer has not closed.
    pub orphan_fin_wait_2: u32,
    /// In TIME_WAIT.
    pub time_wait: u32,
    /// Anything else.
    pub other: u32,
}

impl Held {
    pub(super) fn add(&mut self, holder: &PortHolder) {
        let place = match holder.hold {
            Hold::Live(State::SynSent) => {
                self.unanswered += u32::from(holder.resent.is_some_and(|times| times > 0));
                &mut self.syn_sent
            }
            Hold::Live(State::Established) => &mut self.established,
            Hold::Live(State::CloseWait) => &mut self.close_wait,
            Hold::Live(State::FinWait1 | State::FinWait2 | State::Closing | State::LastAck) => {
                &mut self.closing
            }
            Hold::OrphanFinWait2 { .. } => &mut self.orphan_fin_wait_2,
            Hold::TimeWait { .. } => &mut self.time_wait,
            _ => &mut self.other,
        };
        *place += 1;
    }

    /// How many of them are sockets, and not what lingers of one.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.syn_sent + self.established + self.close_wait + self.closing + self.other
    }
}

/// How a process is known to hold sockets of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// It has descriptors of them.
    Inode,
    /// It had descriptors of them at the first look.
    Cookie,
}

impl Via {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inode => "inode",
            Self::Cookie => "cookie",
        }
    }
}

/// One process's share of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderShare {
    /// The process.
    pub pid: Pid,
    /// Its command name, which it chooses.
    pub name: Option<Box<[u8]>>,
    /// How many sockets.
    pub sockets: u32,
    /// By what they are known.
    pub via: Via,
}

/// Who holds the sockets of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Processes, those with most first.
    pub processes: Vec<HolderShare>,
    /// Sockets that no process holds: TIME_WAITs and orphans. They are likely to be of the same processes.
    pub nobody: u32,
    /// Sockets that a process holds which cannot be seen.
    pub hidden: u32,
}
