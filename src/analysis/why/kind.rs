//! What each socket that has the port is, and whether it keeps another one from it.

use super::meet::{Meeting, meet, same_host};
use super::{Evidence, ReasonKind};
use crate::model::{BindTarget, BindVariant, Ends, Port, Protocol, Socket, State, TimerKind, Uid};
use std::net::IpAddr;

/// What `socket`, whose local port was asked about, is.
pub(super) fn kind(evidence: &Evidence<'_>, socket: &Socket) -> ReasonKind {
    if socket.protocol != Protocol::Tcp {
        return ReasonKind::Udp;
    }
    let waits = socket
        .timer
        .is_some_and(|timer| timer.kind == TimerKind::TimeWait);
    match socket.state {
        State::Listen => ReasonKind::Listener,
        State::BoundInactive | State::Close => ReasonKind::Bound,
        State::TimeWait => ReasonKind::TimeWait,
        State::FinWait2 if socket.inode.is_none() && waits => ReasonKind::FinWait2,
        State::FinWait1 | State::FinWait2 | State::LastAck | State::Closing
            if socket.inode.is_none() =>
        {
            ReasonKind::Orphan
        }
        State::SynRecv => ReasonKind::Accepted,
        State::SynSent => ReasonKind::Outgoing,
        _ if evidence.listeners.accept(socket) => ReasonKind::Accepted,
        _ if is_outgoing(evidence, socket) => ReasonKind::Outgoing,
        _ => ReasonKind::Connection,
    }
}

/// Whether something speaks for this end having made the connection: a listener on this host at the other end, or a port that the kernel
/// gave to it towards one that it would not have given.
fn is_outgoing(evidence: &Evidence<'_>, socket: &Socket) -> bool {
    let Some(ends) = socket.inet() else {
        return false;
    };
    if is_here(evidence, ends.peer) {
        let mut other = socket.clone();
        if let Ends::Inet(reversed) = &mut other.ends {
            (reversed.local, reversed.peer) = (ends.peer, ends.local);
            (reversed.local_port, reversed.peer_port) = (ends.peer_port, ends.local_port);
        }
        if evidence.listeners.accept(&other) {
            return true;
        }
    }
    let given = |port: Port| {
        let range = evidence.facts.ephemeral.as_ref();
        range.map(|ports| ports.contains(port))
    };
    given(ends.local_port) == Some(true) && given(ends.peer_port) == Some(false)
}

/// Whether an address is one of this host's.
pub(super) fn is_here(evidence: &Evidence<'_>, address: IpAddr) -> bool {
    let known = evidence.facts.addresses.as_deref().unwrap_or_default();
    address.to_canonical().is_loopback() || known.iter().any(|a| same_host(a.address, address))
}

/// A new socket that is to be bound.
#[derive(Clone, Copy)]
pub(super) struct Newcomer<'a> {
    pub(super) target: &'a BindTarget,
    pub(super) variant: BindVariant,
    pub(super) uid: Uid,
}

/// Whether `socket` refuses `newcomer`: `inet_bind_conflict` of `net/ipv4/inet_connection_sock.c`, and
/// `udp_lib_lport_inuse` of `net/ipv4/udp.c`. `None` where that depends on options of `socket` that nobody can see.
///
/// `shared` says that sockets stand side by side as only `SO_REUSEPORT` allows.
pub(super) fn conflict(socket: &Socket, newcomer: Newcomer<'_>, shared: bool) -> Option<bool> {
    let Meeting { meets, .. } = meet(newcomer.target, socket);
    // A half-open connection is not on the list of those that are bound.
    if meets == Some(false) || is_half_open(socket) {
        return Some(false);
    }
    match newcomer.variant {
        BindVariant::Plain => meets,
        // Two sockets that both set it may share an address, unless one listens.
        BindVariant::ReuseAddr if socket.protocol == Protocol::Tcp => {
            (socket.state == State::Listen).then_some(meets).flatten()
        }
        BindVariant::ReuseAddr => None,
        // All must set it and belong to one user; of one in TIME_WAIT the user does not matter.
        BindVariant::ReusePort => match socket.uid {
            Some(uid) if uid != newcomer.uid => meets,
            Some(_) if shared && socket.state == State::Listen => Some(false),
            _ => None,
        },
    }
}

/// Whether it is a request that has no socket yet.
pub(super) fn is_half_open(socket: &Socket) -> bool {
    socket.protocol == Protocol::Tcp && socket.state == State::SynRecv && socket.inode.is_none()
}
