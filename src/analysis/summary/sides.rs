//! Which end of a connection is the client's.
//!
//! The kernel's counters tell of a live connection which end began it. Of what lingers, and where there are no such counters, the
//! ports must: an end at a port where something listens is the server's, a client's is in the ephemeral range, or its peer's is not.

use crate::model::{Hold, Listeners, Opened, Port, PortHolder, State};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// Which end of a connection a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
    /// Both ends are here, and each may be either.
    Undecided,
}

/// Where a connection goes: sockets that have that in common compete for ports.
pub(super) const fn goes_to(holder: &PortHolder) -> (IpAddr, IpAddr, Port) {
    (holder.local, holder.peer, holder.peer_port)
}

/// What the socket itself tells.
const fn by_itself(holder: &PortHolder) -> Option<Side> {
    match (holder.hold, holder.opened) {
        (Hold::Live(State::SynRecv), _) => Some(Side::Server),
        (_, Some(Opened::Actively)) => Some(Side::Client),
        (_, Some(Opened::Passively)) => Some(Side::Server),
        _ => None,
    }
}

const fn local(holder: &PortHolder) -> SocketAddr {
    SocketAddr::new(holder.local, holder.port.0)
}

const fn peer(holder: &PortHolder) -> SocketAddr {
    SocketAddr::new(holder.peer, holder.peer_port.0)
}

/// What all sockets together tell.
pub(super) struct Sides<'a> {
    listeners: &'a Listeners,
    range: RangeInclusive<u16>,
    /// Where connections go that a live one here was begun to.
    begun: HashSet<(IpAddr, IpAddr, Port)>,
    /// Local ends of connections that a listener accepted.
    accepted: HashSet<SocketAddr>,
    /// Local ends in the range whose peers' ports are in it, too, and are several.
    shared: HashSet<SocketAddr>,
    /// Connections with both ports in the range, from either end.
    within: HashSet<(SocketAddr, SocketAddr)>,
}

impl<'a> Sides<'a> {
    /// Looks at TCP sockets that have a peer.
    pub(super) fn new(
        holders: &[&PortHolder],
        listeners: &'a Listeners,
        range: RangeInclusive<u16>,
    ) -> Self {
        let mut sides = Self {
            listeners,
            range,
            begun: HashSet::new(),
            accepted: HashSet::new(),
            shared: HashSet::new(),
            within: HashSet::new(),
        };
        // What every socket tells by itself need not be looked up.
        if holders.iter().all(|holder| by_itself(holder).is_some()) {
            return sides;
        }
        let mut peers: HashMap<SocketAddr, Port> = HashMap::new();
        for holder in holders {
            match by_itself(holder) {
                Some(Side::Client) => {
                    sides.begun.insert(goes_to(holder));
                }
                Some(_) => {
                    sides.accepted.insert(local(holder));
                }
                None => {}
            }
            if sides.holds(holder.port) && sides.holds(holder.peer_port) {
                sides.within.insert((local(holder), peer(holder)));
                let port = holder.peer_port;
                if *peers.entry(local(holder)).or_insert(port) != port {
                    sides.shared.insert(local(holder));
                }
            }
        }
        sides
    }

    fn holds(&self, port: Port) -> bool {
        self.range.contains(&port.0)
    }

    /// Which end `holder` is, which has a peer.
    pub(super) fn of(&self, holder: &PortHolder) -> Side {
        if let Some(side) = by_itself(holder) {
            return side;
        }
        if self.begun.contains(&goes_to(holder)) {
            return Side::Client;
        }
        let served = |at: SocketAddr| {
            self.listeners.serve(at.ip(), Port(at.port())) || self.accepted.contains(&at)
        };
        let is_here = holder.peer.is_loopback() || holder.peer == holder.local;
        match () {
            () if served(local(holder)) => Side::Server,
            () if is_here && served(peer(holder)) => Side::Client,
            () if !self.holds(holder.peer_port) => Side::Client,
            () if !self.holds(holder.port) => Side::Server,
            // A port with several ports at its other ends is that of a server whose listener is gone.
            () if self.shared.contains(&local(holder)) => Side::Server,
            () if self.shared.contains(&peer(holder)) => Side::Client,
            () if self.within.contains(&(peer(holder), local(holder))) => Side::Undecided,
            () => Side::Client,
        }
    }
}
