//! Why a port cannot be bound, who holds it, and what would free it.
//!
//! Pure: sockets, settings and tried binds in, an answer with its reasons out. What nothing of that decides is "unknown", with
//! what would decide it.
//!
//! ```text
//!  sockets ─ kind.rs: what each is ─┐
//!          ─ meet.rs: does it meet  ├─ outcome.rs: what bind(2) ─ answer.rs: verdict, reasons (beside.rs,
//!  settings ─ refusal.rs ───────────┘   would answer               redirected.rs), remedies (remedy.rs)
//! ```
//!
//! A bind is judged as the usual server makes it: TCP with `SO_REUSEADDR`, UDP without. Whether a plain bind, or one with
//! `SO_REUSEPORT`, would succeed is told beside it ([`Bind`]).

mod answer;
mod beside;
pub mod free;
mod kind;
mod meet;
mod outcome;
pub mod place;
mod redirected;
mod refusal;
mod remedy;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_beside;
#[cfg(test)]
mod tests_redirected;
mod unix;

pub use answer::port;
pub use meet::Overlap;
pub use remedy::{Remedy, forwards_to, holds, stop_one, supervisor};
pub use unix::unix;

use crate::model::{
    BindError, BindFacts, BindOutcome, BindTarget, BindTrial, BindUser, BindVariant, CgroupId,
    Listeners, OwnerTable, Pid, ProcessDetail, Protocol, Redirect, Redirects, Socket, Table,
};

/// Everything that an answer is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The sockets with this local or peer port, or with this name.
    pub sockets: &'a [Socket],
    /// Every TCP listener there is, to tell which end of a connection is the client's.
    pub listeners: &'a Listeners,
    /// Who holds them.
    pub owners: &'a OwnerTable,
    /// More about those who do.
    pub details: &'a [ProcessDetail],
    /// The systemd units that control groups of sockets belong to.
    pub units: &'a [(CgroupId, Vec<u8>)],
    /// What else bind(2) depends on.
    pub facts: &'a BindFacts,
    /// Who asks.
    pub user: BindUser,
    /// Binds that were tried as that user.
    pub trials: &'a [BindTrial],
    /// What the firewall redirects; `None` if nobody looked.
    pub redirects: Option<&'a Redirects>,
    /// Tables that could not be read, in whole or in part.
    pub missing: &'a [Table],
}

/// Whether something can be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It can.
    Free,
    /// Nothing that can be read decides it.
    Unknown,
    /// It cannot.
    Blocked,
}

impl Verdict {
    /// The word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Unknown => "unknown",
            Self::Blocked => "blocked",
        }
    }
}

/// The users an answer judges for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum As {
    /// Who asks.
    Caller,
    /// Root of this network namespace.
    Root,
}

impl As {
    /// The word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Caller => "user",
            Self::Root => "root",
        }
    }
}

/// What one bind(2) would answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    /// Where.
    pub target: BindTarget,
    /// By whom.
    pub user: As,
    /// With which option.
    pub variant: BindVariant,
    /// The answer.
    pub outcome: BindOutcome,
    /// Whether it was tried, and not just concluded.
    pub tried: bool,
}

/// The verdict on one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// TCP, UDP, or unix.
    pub protocol: Protocol,
    /// For who asks.
    pub verdict: Verdict,
    /// For root.
    pub root: Verdict,
    /// Whether it is only free for a program that sets `SO_REUSEADDR`.
    pub needs_reuseaddr: bool,
    /// How a plain bind fails, if that is known.
    pub error: Option<BindError>,
}

/// What kind of reason it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReasonKind {
    /// A TCP socket that listens.
    Listener,
    /// TCP listeners that share a place by `SO_REUSEPORT`, of another user than who asks: they let nobody else's in.
    ReusePortUser,
    /// A TCP socket that is bound, and neither listens nor is connected.
    Bound,
    /// The same beside another that is bound there, or listens: only one of them can listen, unless all set `SO_REUSEPORT`.
    ListenRace,
    /// A UDP socket.
    Udp,
    /// A connection that was made from this port.
    Outgoing,
    /// A connection whose listener is gone, or of which nobody can tell who made it.
    Connection,
    /// A connection that a listener at this port accepted, or is about to accept.
    Accepted,
    /// Closed by both ends, kept for late segments.
    TimeWait,
    /// Closed here, and waiting for the peer's FIN without a process.
    FinWait2,
    /// Closed here, and still delivering without a process.
    Orphan,
    /// The port is below `ip_unprivileged_port_start`.
    Privileged,
    /// The address is not this host's.
    NotLocal,
    /// The address is not yet checked for being unique.
    Tentative,
    /// Another host has the address.
    Duplicate,
    /// A link-local address without its interface.
    NoScope,
    /// IPv6 is switched off where the address would be.
    Ipv6Disabled,
    /// There are no IPv6 sockets here.
    NoIpv6,
    /// No socket of this kind can have such an address.
    InvalidAddress,
    /// A tried bind was refused, and nothing that was read explains it.
    Refused,
    /// A tried bind found the port taken, and no socket was seen to have it.
    TakenMeanwhile,
    /// The tried bind succeeded where sockets had been seen in its way.
    GoneMeanwhile,
    /// A table could not be read.
    TableMissing,
    /// The kernel does not list sockets that are bound and do nothing.
    BoundNotListed,
    /// What decides is not known: rights, or addresses.
    Undecided,
    /// A unix socket has the name.
    UnixSocket,
    /// The file of a socket that is gone.
    StaleFile,
    /// The file of a socket that may be open.
    SocketFile,
    /// A file that is no socket.
    OtherFile,
    /// The directory takes no new files.
    Directory,
    /// The port is among those that the kernel gives to connections.
    Ephemeral,
    /// The port is in `ip_local_reserved_ports`.
    Reserved,
    /// A rule of the firewall sends connections to this port elsewhere.
    Redirected,
    /// A rule of the firewall sends connections to another port here.
    RedirectedHere,
}

impl ReasonKind {
    /// The word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::ReusePortUser => "reuseport-other-user",
            Self::Bound => "bound-not-listening",
            Self::ListenRace => "listen-race",
            Self::Udp => "udp-socket",
            Self::Outgoing => "outgoing-connection",
            Self::Connection => "connection-without-listener",
            Self::Accepted => "accepted-connection",
            Self::TimeWait => "time-wait",
            Self::FinWait2 => "fin-wait-2",
            Self::Orphan => "orphan",
            Self::Privileged => "privileged-port",
            Self::NotLocal => "address-not-local",
            Self::Tentative => "address-tentative",
            Self::Duplicate => "address-duplicate",
            Self::NoScope => "scope-missing",
            Self::Ipv6Disabled => "ipv6-disabled",
            Self::NoIpv6 => "ipv6-unavailable",
            Self::InvalidAddress => "address-invalid",
            Self::Refused => "refused",
            Self::TakenMeanwhile => "taken-meanwhile",
            Self::GoneMeanwhile => "gone-meanwhile",
            Self::TableMissing => "table-unavailable",
            Self::BoundNotListed => "bound-sockets-not-listed",
            Self::Undecided => "undecided",
            Self::UnixSocket => "unix-socket",
            Self::StaleFile => "unix-stale-file",
            Self::SocketFile => "unix-socket-file",
            Self::OtherFile => "unix-other-file",
            Self::Directory => "unix-directory",
            Self::Ephemeral => "ephemeral-port",
            Self::Reserved => "reserved-port",
            Self::Redirected => "redirected",
            Self::RedirectedHere => "redirected-here",
        }
    }

    /// Every kind, for the schema's test.
    pub const ALL: [Self; 34] = [
        Self::Listener,
        Self::ReusePortUser,
        Self::Bound,
        Self::ListenRace,
        Self::Udp,
        Self::Outgoing,
        Self::Connection,
        Self::Accepted,
        Self::TimeWait,
        Self::FinWait2,
        Self::Orphan,
        Self::Privileged,
        Self::NotLocal,
        Self::Tentative,
        Self::Duplicate,
        Self::NoScope,
        Self::Ipv6Disabled,
        Self::NoIpv6,
        Self::InvalidAddress,
        Self::Refused,
        Self::TakenMeanwhile,
        Self::GoneMeanwhile,
        Self::TableMissing,
        Self::BoundNotListed,
        Self::Undecided,
        Self::UnixSocket,
        Self::StaleFile,
        Self::SocketFile,
        Self::OtherFile,
        Self::Directory,
        Self::Ephemeral,
        Self::Reserved,
        Self::Redirected,
        Self::RedirectedHere,
    ];
}

/// One reason, with what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What it is.
    pub kind: ReasonKind,
    /// The protocol it concerns.
    pub protocol: Protocol,
    /// Whether it keeps who asks from binding: yes, no, or `None` for "nothing that can be read decides it".
    pub blocking: Option<bool>,
    /// The same for root.
    pub blocking_root: Option<bool>,
    /// The error that bind(2) ends with because of it.
    pub error: Option<BindError>,
    /// How its sockets meet what was asked for.
    pub overlap: Option<Overlap>,
    /// Whether its sockets prove by their number that they all set `SO_REUSEPORT`, or all `SO_REUSEADDR`.
    pub shared: bool,
    /// Its sockets, by their place in the evidence.
    pub sockets: Vec<usize>,
    /// The rule that it is about: its hooks and whether it has more conditions, as they are for what was asked.
    pub redirect: Option<Redirect>,
    /// The processes that hold them, ascending.
    pub pids: Vec<Pid>,
    /// Milliseconds until the last of them is gone by itself, if that is known.
    pub until_ms: Option<u32>,
    /// What would help.
    pub remedies: Vec<Remedy>,
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The worst of all parts: whether what was asked for can be bound.
    pub verdict: Verdict,
    /// The same for root.
    pub root: Verdict,
    /// The verdict on each protocol.
    pub parts: Vec<Part>,
    /// Why, those that block first.
    pub reasons: Vec<Reason>,
    /// What each bind would answer.
    pub binds: Vec<Bind>,
    /// Sockets that have the port or the name, by their place in the evidence.
    pub holders: Vec<usize>,
    /// Sockets of this host that are connected to it.
    pub clients: Vec<usize>,
    /// How many sockets are connected to this port of other hosts.
    pub elsewhere: usize,
}
