//! What a socket is beside the others that have the port: some are only understood together.

use super::kind::kind;
use super::meet::meet;
use super::outcome::is_shared;
use super::{Evidence, ReasonKind};
use crate::model::{BindTarget, Socket};

/// What the socket at `index` is, of `holders` by their place in the evidence.
pub(super) fn beside(
    evidence: &Evidence<'_>,
    holders: &[usize],
    index: usize,
    socket: &Socket,
) -> ReasonKind {
    match kind(evidence, socket) {
        ReasonKind::Bound if races(evidence, holders, index, socket) => ReasonKind::ListenRace,
        ReasonKind::Listener
            if socket.uid.is_some_and(|uid| uid != evidence.user.uid)
                && is_shared(evidence, holders, socket) =>
        {
            ReasonKind::ReusePortUser
        }
        kind => kind,
    }
}

/// Whether another socket is bound where this one is, or listens there.
fn races(evidence: &Evidence<'_>, holders: &[usize], index: usize, socket: &Socket) -> bool {
    let Some(ends) = socket.inet() else {
        return false;
    };
    let place = BindTarget {
        protocol: socket.protocol,
        address: ends.local,
        port: ends.local_port,
        interface: ends.interface,
        v6only: socket.v6only == Some(true),
    };
    let stands = |other: &&Socket| {
        matches!(
            kind(evidence, other),
            ReasonKind::Listener | ReasonKind::Bound
        )
    };
    let others = holders.iter().filter(|&&other| other != index);
    others
        .filter_map(|&other| evidence.sockets.get(other))
        .filter(stands)
        .any(|other| meet(&place, other).meets == Some(true))
}
