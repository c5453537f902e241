//! One row of a kernel table.

use super::{Details, Ends, Family, IfIndex, InetEnds, OwnDetails, Protocol, State, UnixEnds};
use std::num::NonZeroU64;

/// A user id as the kernel reports it, seen from the reader's user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub u32);

/// The inode number of a socket's file, never 0: the kernel's 0 says that there is no file.
///
/// Numbers are used again after a socket is gone, so this is what joins a socket with
/// descriptors, not what identifies it: see [`Cookie`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inode(pub NonZeroU64);

impl Inode {
    /// Reads the kernel's number, in which 0 says "none".
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }
}

/// The identity of a socket, unique until reboot; it survives into TIME_WAIT (`SO_COOKIE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cookie(pub NonZeroU64);

/// The firewall mark, `SO_MARK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub u32);

/// The id of a control group in the cgroup2 hierarchy (`INET_DIAG_CGROUP_ID`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CgroupId(pub NonZeroU64);

/// The two queue numbers, which mean different things for listeners and for all other sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queues {
    /// Bytes. TCP: received but not read, and sent but not acknowledged. UDP, raw: buffer memory in use.
    Bytes {
        /// Waiting to be read.
        recv: u32,
        /// Waiting to leave, or to be acknowledged.
        send: u32,
    },
    /// Connections that wait for accept(2).
    Accept {
        /// How many wait now.
        length: u32,
        /// The backlog; one more than this fits. Absent where the source cannot tell.
        limit: Option<u32>,
    },
    /// Bytes that wait to be read; the source does not tell what waits to leave.
    Received(u32),
    /// Messages, of protocols that keep those apart. Fields in bytes have nothing of them.
    Messages {
        /// Waiting to be read.
        recv: u32,
        /// Waiting to leave.
        send: u32,
    },
    /// The source has no queue numbers for this kind of socket.
    Unknown,
}

impl Queues {
    /// Whether an accept queue takes no more; the kernel lets in one more than the limit.
    #[must_use]
    #[inline]
    pub const fn is_full(self) -> bool {
        matches!(self, Self::Accept { length, limit: Some(limit) } if length > limit)
    }
}

/// The timer that is running for a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What will happen when it expires.
    pub kind: TimerKind,
    /// Milliseconds until then; 0 when it is due.
    pub expires_ms: u32,
    /// Retransmissions (for [`TimerKind::Keepalive`] and [`TimerKind::Persist`]: probes) so far without an answer.
    pub retransmits: u8,
}

/// The kind of a timer, `idiag_timer` of `linux/inet_diag.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// 1: unacknowledged data will be sent again.
    Retransmit,
    /// 2: keepalive probe, or another use of the socket's general timer.
    Keepalive,
    /// 3: the end of TIME-WAIT, or of FIN-WAIT-2 without a process.
    TimeWait,
    /// 4: zero-window probe.
    Persist,
    /// 5: delayed acknowledgement.
    DelayedAck,
    /// A number this program does not know.
    Unknown(u8),
}

impl TimerKind {
    /// Reads `idiag_timer`; 0 is "no timer".
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => None,
            1 => Some(Self::Retransmit),
            2 => Some(Self::Keepalive),
            3 => Some(Self::TimeWait),
            4 => Some(Self::Persist),
            5 => Some(Self::DelayedAck),
            n => Some(Self::Unknown(n)),
        }
    }

    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Retransmit => "retransmit",
            Self::Keepalive => "keepalive",
            Self::TimeWait => "time-wait",
            Self::Persist => "persist",
            Self::DelayedAck => "delayed-ack",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// Which directions shutdown(2) or the peer has closed; bits of `INET_DIAG_SHUTDOWN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown(pub u8);

impl Shutdown {
    /// Nothing more will be received.
    #[must_use]
    pub const fn recv(self) -> bool {
        self.0 & 1 != 0
    }

    /// Nothing more will be sent.
    #[must_use]
    pub const fn send(self) -> bool {
        self.0 & 2 != 0
    }

    /// The lower-case word of the JSON contract; `none` when both directions are open.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match (self.recv(), self.send()) {
            (false, false) => "none",
            (true, false) => "recv",
            (false, true) => "send",
            (true, true) => "both",
        }
    }
}

/// A socket as one of the kernel's tables lists it.
///
/// Kept small, and without memory of its own for IP sockets: a host may have a million of them.
/// Whatever a source cannot tell is absent, never zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its protocol.
    pub protocol: Protocol,
    /// Its address family.
    pub family: Family,
    /// Its state.
    pub state: State,
    /// `IPV6_V6ONLY`: whether an IPv6 socket refuses IPv4. Only known for listening and unconnected ones.
    pub v6only: Option<bool>,
    /// Directions that are closed.
    pub shutdown: Option<Shutdown>,
    /// Its addresses or names.
    pub ends: Ends,
    /// Its queue numbers.
    pub queues: Queues,
    /// The running timer; `None` when none runs.
    pub timer: Option<Timer>,
    /// The user who made it. Unknown for sockets without a file: the kernel reports 0 for those, falsely.
    pub uid: Option<Uid>,
    /// Its file; `None` when no process can hold it (TIME_WAIT, half-open, orphan, not yet accepted).
    pub inode: Option<Inode>,
    /// Its identity; absent through /proc.
    pub cookie: Option<Cookie>,
    /// Its mark; the kernel tells only those with `CAP_NET_ADMIN`.
    pub mark: Option<Mark>,
    /// Its control group.
    pub cgroup: Option<CgroupId>,
    /// What was asked for beyond that, and sent.
    pub details: Option<Box<Details>>,
}

impl Socket {
    /// One of which nothing is known, in a place where there is none.
    pub const NONE: Self = Self {
        protocol: Protocol::Tcp,
        family: Family::Inet,
        state: State::Close,
        v6only: None,
        shutdown: None,
        ends: Ends::Inet(InetEnds::NONE),
        queues: Queues::Unknown,
        timer: None,
        uid: None,
        inode: None,
        cookie: None,
        mark: None,
        cgroup: None,
        details: None,
    };

    /// Takes it out of its place.
    #[must_use]
    #[inline]
    pub const fn take(&mut self) -> Self {
        std::mem::replace(self, Self::NONE)
    }

    /// What is known beyond the fields of every socket, if that was asked for and sent.
    #[must_use]
    pub fn details(&self) -> Option<&Details> {
        self.details.as_deref()
    }

    /// What is known that only its protocol has, if that was asked for and sent.
    #[must_use]
    pub fn own_details(&self) -> Option<&OwnDetails> {
        self.details.as_ref()?.own.as_deref()
    }

    /// Its IP ends, if it is an IP socket.
    #[must_use]
    pub const fn inet(&self) -> Option<&InetEnds> {
        match &self.ends {
            Ends::Inet(ends) => Some(ends),
            _ => None,
        }
    }

    /// Its unix ends, if it is a unix socket.
    #[must_use]
    pub const fn unix(&self) -> Option<&UnixEnds> {
        match &self.ends {
            Ends::Unix(ends) => Some(ends),
            _ => None,
        }
    }

    /// Whether it is the kernel's own end of netlink, which no process can hold.
    #[must_use]
    #[inline]
    pub const fn is_the_kernels(&self) -> bool {
        matches!(&self.ends, Ends::Netlink(ends) if ends.is_kernel())
    }

    /// Whether the kernel keeps a small structure of it, for its addresses and a timer, and has forgotten all else: in TIME_WAIT, which
    /// an orphan in FIN_WAIT_2 comes to early (`struct inet_timewait_sock`), or half open (`struct request_sock`). Of others without a
    /// file, orphans and what waits to be accepted, it has everything.
    #[must_use]
    pub fn is_mini(&self) -> bool {
        let ends = |timer: Timer| timer.kind == TimerKind::TimeWait;
        self.inode.is_none()
            && match self.state {
                State::TimeWait | State::SynRecv => true,
                State::FinWait2 => self.timer.is_some_and(ends),
                _ => false,
            }
    }

    /// The interface it is bound to.
    #[must_use]
    pub const fn interface(&self) -> Option<IfIndex> {
        match &self.ends {
            Ends::Inet(ends) => ends.interface,
            Ends::Packet(ends) => ends.interface,
            Ends::Xdp(ends) => ends.interface,
            Ends::Unix(_) | Ends::Netlink(_) | Ends::Vsock(_) | Ends::Tipc(_) => None,
        }
    }

    /// Whether an IPv6 socket bound to `::` may serve IPv4 too: it does unless `IPV6_V6ONLY` is known to be set.
    #[must_use]
    pub fn may_be_dual_stack_wildcard(&self) -> bool {
        self.family == Family::Inet6
            && self.v6only != Some(true)
            && self.inet().is_some_and(|e| e.local.is_unspecified())
    }

    /// Whether it is bound to `::` and known to serve IPv4 too. /proc does not tell.
    #[must_use]
    #[inline]
    pub fn is_dual_stack_wildcard(&self) -> bool {
        self.v6only == Some(false) && self.may_be_dual_stack_wildcard()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_stays_small() {
        // A million of them are sorted in memory; see the aim in benches/README.
        assert!(
            size_of::<Socket>() <= 136,
            "{} bytes a socket",
            size_of::<Socket>()
        );
    }
}
