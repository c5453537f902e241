//! Both ends of unix sockets: unix_diag tells of a peer its inode only, and here that becomes its name.

use crate::model::{Ends, Inode, Socket, UnixName, UnixPeer};
use rustc_hash::FxHashMap;

/// The unix sockets of one dump, held back until all names are known.
#[derive(Default)]
pub(super) struct UnixPeers {
    sockets: Vec<Socket>,
    /// Clients that wait to be accepted, and the position of their listener.
    waiting: FxHashMap<Inode, usize>,
}

impl UnixPeers {
    /// Holds a socket back; `clients` wait for it to accept them.
    pub(super) fn add(&mut self, socket: Socket, clients: &[Inode]) {
        let position = self.sockets.len();
        self.waiting
            .extend(clients.iter().map(|&inode| (inode, position)));
        self.sockets.push(socket);
    }

    /// The sockets in the order in which they came, with the names of their peers.
    pub(super) fn joined(mut self) -> Vec<Socket> {
        let places: FxHashMap<Inode, usize> = self
            .sockets
            .iter()
            .enumerate()
            .filter_map(|(place, socket)| Some((socket.inode?, place)))
            .collect();
        for place in 0..self.sockets.len() {
            let Some(peer) = self.peer_of(place, &places) else {
                continue;
            };
            if let Some(Ends::Unix(ends)) = self.sockets.get_mut(place).map(|s| &mut s.ends) {
                ends.peer = peer;
            }
        }
        self.sockets
    }

    /// What more is known of a peer than its inode; `None` for nothing.
    fn peer_of(&self, place: usize, places: &FxHashMap<Inode, usize>) -> Option<UnixPeer> {
        let socket = self.sockets.get(place)?;
        let name_at = |place: usize| Some(&self.sockets.get(place)?.unix()?.name);
        match &socket.unix()?.peer {
            UnixPeer::Inode(inode) => Some(match name_at(*places.get(inode)?)? {
                UnixName::Unnamed => UnixPeer::Unnamed(*inode),
                name => UnixPeer::Named(Box::new((*inode, name.clone()))),
            }),
            // A peer without an inode waits to be accepted.
            UnixPeer::Unknown => {
                let listener = name_at(*self.waiting.get(&socket.inode?)?)?;
                Some(UnixPeer::Waiting(Box::new(listener.clone())))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::lower::bare;
    use crate::model::{Family, Protocol, SocketKind, State, Table, UnixEnds};

    fn inode(number: u64) -> Inode {
        Inode::new(number).unwrap()
    }

    fn socket(number: u64, name: UnixName, peer: UnixPeer) -> Socket {
        let kind = SocketKind::Stream;
        let ends = Ends::Unix(UnixEnds { kind, name, peer });
        let table = Table::new(Protocol::Unix, Family::Unix);
        Socket {
            inode: Some(inode(number)),
            ..bare(table, State::Established, ends)
        }
    }

    #[test]
    fn peers_get_their_names() {
        let path = || UnixName::Path(b"/run/x"[..].into());
        let mut peers = UnixPeers::default();
        peers.add(socket(1, path(), UnixPeer::None), &[inode(5)]);
        peers.add(socket(2, path(), UnixPeer::Inode(inode(3))), &[]);
        peers.add(socket(3, UnixName::Unnamed, UnixPeer::Inode(inode(2))), &[]);
        peers.add(
            socket(4, UnixName::Unnamed, UnixPeer::Inode(inode(99))),
            &[],
        );
        peers.add(socket(5, UnixName::Unnamed, UnixPeer::Unknown), &[]);
        peers.add(socket(6, UnixName::Unnamed, UnixPeer::Unknown), &[]);
        let joined: Vec<_> = peers
            .joined()
            .into_iter()
            .map(|s| s.unix().unwrap().peer.clone())
            .collect();
        assert_eq!(
            joined,
            [
                UnixPeer::None,
                UnixPeer::Unnamed(inode(3)),
                UnixPeer::Named(Box::new((inode(2), path()))),
                UnixPeer::Inode(inode(99)),
                UnixPeer::Waiting(Box::new(path())),
                UnixPeer::Unknown,
            ]
        );
    }
}
