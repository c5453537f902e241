//! The sockets of one protocol by local port, and what is known of each port's bucket: the same for every flow.

use super::HeadroomFlow;
use super::provenance::{Origin, Provenance, Sources, is_client};
use crate::model::{
    AllocationSettings, Hold, IfIndex, KernelRelease, Opened, PortHolder, Protocol,
};
use rustc_hash::FxHashSet;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;

/// Who closes a bucket to connect(), `inet_csk_update_fastreuse` of `net/ipv4/inet_connection_sock.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closer {
    /// A listener.
    Listener,
    /// A bound, idle socket.
    Bound,
    /// A connection whose port was named in bind().
    Explicit,
    /// A connection that a listener accepted: it inherits the closed bucket (`__inet_inherit_port`), and keeps it closed when
    /// the listener is gone.
    Accepted,
    /// Nobody knows; a probe found it closed.
    Probe,
}

/// Whether connect() may use a port on which somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Nobody is on it.
    Empty,
    /// It may: everybody on it came by connect().
    Open,
    /// It probably may.
    LikelyOpen,
    /// It probably may not: somebody seems to have come by bind(address, 0).
    LikelyClosed,
    /// It may not.
    Closed(Closer),
}

/// What could be seen of the sockets: decides whether a certain number can be named at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Whether bound, idle TCP sockets are listed.
    pub bound: bool,
    /// Whether every table was read to its end, and nothing in it was undecodable.
    pub whole: bool,
    /// Whether it is listed which interface a socket is bound to.
    pub interfaces: bool,
    /// About how many of [`PortTable::peers_in_question`] the routing table was not asked.
    pub routes_unasked: usize,
}

/// The holders of local ports of one protocol in one network namespace.
#[derive(Debug)]
pub struct PortTable {
    protocol: Protocol,
    settings: AllocationSettings,
    sight: Sight,
    sockets: Rc<Sockets>,
    buckets: BTreeMap<u16, Bucket>,
    probed: BTreeMap<u16, bool>,
    sources: Rc<Sources>,
    provenance: Option<Provenance>,
}

/// The same under all settings.
#[derive(Debug)]
struct Sockets {
    /// By port.
    holders: Vec<PortHolder>,
    /// For each port the place of its first holder; one more at the end.
    starts: Vec<u32>,
    /// Peers with a live connection, and whether all of those have timestamps.
    timestamps: HashMap<IpAddr, bool>,
}

impl PortTable {
    /// Puts `holders` of `protocol` in order: those of every port in question, and every listener, because the listener at the
    /// other end of a connection within this host tells which end is the client's. `probed` is what a probe found out about
    /// single ports: whether connect() may use them.
    #[must_use]
    pub fn new(
        protocol: Protocol,
        settings: AllocationSettings,
        holders: Vec<PortHolder>,
        sight: Sight,
        probed: BTreeMap<u16, bool>,
    ) -> Self {
        let holders = each_once(holders);
        let mut starts = Vec::with_capacity(usize::from(u16::MAX) + 2);
        let mut place = 0;
        for port in 0..=u16::MAX {
            starts.push(u32::try_from(place).unwrap_or(u32::MAX));
            let rest = holders.get(place..).unwrap_or_default();
            place += rest.iter().take_while(|h| h.port.0 == port).count();
        }
        starts.push(u32::try_from(place).unwrap_or(u32::MAX));
        let sockets = Sockets {
            timestamps: timestamps(&holders),
            holders,
            starts,
        };
        let sources = Rc::default();
        Self::of(protocol, settings, Rc::new(sockets), sight, probed, sources)
    }

    fn of(
        protocol: Protocol,
        settings: AllocationSettings,
        sockets: Rc<Sockets>,
        sight: Sight,
        probed: BTreeMap<u16, bool>,
        sources: Rc<Sources>,
    ) -> Self {
        let mut table = Self {
            protocol,
            settings,
            sight,
            sockets,
            buckets: BTreeMap::new(),
            probed,
            sources,
            provenance: None,
        };
        if protocol == Protocol::Tcp {
            table.judge();
        }
        table
    }

    /// The settings of the namespace.
    #[must_use]
    pub const fn settings(&self) -> &AllocationSettings {
        &self.settings
    }

    /// Whose ports these are.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What could be seen.
    #[must_use]
    pub const fn sight(&self) -> Sight {
        self.sight
    }

    /// Every socket, by port.
    #[must_use]
    pub fn holders(&self) -> &[PortHolder] {
        &self.sockets.holders
    }

    /// The same sockets under other settings.
    #[must_use]
    pub fn with_settings(&self, settings: AllocationSettings) -> Self {
        let sockets = Rc::clone(&self.sockets);
        let probed = self.probed.clone();
        let sources = Rc::clone(&self.sources);
        Self::of(
            self.protocol,
            settings,
            sockets,
            self.sight,
            probed,
            sources,
        )
    }

    /// The same with answers of a probe.
    #[must_use]
    pub fn with_probed(self, probed: BTreeMap<u16, bool>) -> Self {
        Self::of(
            self.protocol,
            self.settings,
            self.sockets,
            self.sight,
            probed,
            self.sources,
        )
    }

    /// The same with what the routing table says of [`PortTable::peers_in_question`], but for so many that are `unasked`.
    #[must_use]
    pub fn with_sources(self, sources: Sources, unasked: usize) -> Self {
        let sight = Sight {
            routes_unasked: unasked,
            ..self.sight
        };
        Self::of(
            self.protocol,
            self.settings,
            self.sockets,
            sight,
            self.probed,
            Rc::new(sources),
        )
    }

    /// Where an unbound connection to `peer` leaves by, if that was asked.
    pub(super) fn source_of(&self, peer: IpAddr, interface: Option<IfIndex>) -> Option<IpAddr> {
        self.sources.get(&(peer, interface)).copied()
    }

    /// The range that the sockets of `flow` seem to have for themselves.
    pub(super) fn pinned(&self, flow: &HeadroomFlow) -> Option<RangeInclusive<u16>> {
        self.provenance.as_ref()?.pinned(flow)
    }

    /// The peers, and interfaces, of sockets that may have got their ports from connect(): what the routing table says of these
    /// ([`PortTable::with_sources`]) tells who was bound to an address.
    #[must_use]
    pub fn peers_in_question(&self) -> BTreeSet<(IpAddr, Option<IfIndex>)> {
        let range = &self.settings.ports.range;
        let asked = |h: &&PortHolder| {
            range.contains(&h.port.0)
                && is_client(h)
                && h.explicit != Some(true)
                && h.late_port != Some(true)
        };
        let holders = self.holders().iter().filter(asked);
        holders.map(|h| (h.peer, h.interface)).collect()
    }

    /// Who probably gave a socket its port.
    pub(super) fn origin(&self, holder: &PortHolder) -> Origin {
        match &self.provenance {
            Some(provenance) => provenance.of(self, holder),
            None => Origin::Connect,
        }
    }

    /// The sockets on a port.
    #[must_use]
    pub fn on(&self, port: u16) -> &[PortHolder] {
        let at = |n: usize| {
            self.sockets
                .starts
                .get(n)
                .map_or(0, |&place| place as usize)
        };
        let port = usize::from(port);
        self.sockets
            .holders
            .get(at(port)..at(port + 1))
            .unwrap_or_default()
    }

    /// The state of a port's bucket.
    #[must_use]
    pub fn bucket(&self, port: u16) -> Bucket {
        self.buckets.get(&port).copied().unwrap_or(Bucket::Empty)
    }

    /// What a probe said of a port.
    #[must_use]
    pub fn probed(&self, port: u16) -> Option<bool> {
        self.probed.get(&port).copied()
    }

    /// Whether a port is never given out: `inet_is_local_reserved_port`.
    #[must_use]
    pub fn is_reserved(&self, port: u16) -> bool {
        let reserved = self.settings.ports.reserved.as_deref();
        reserved
            .unwrap_or_default()
            .iter()
            .any(|range| range.contains(&port))
    }

    /// Whether connections to `peer` seem to have timestamps: the setting here, and what live connections to it say.
    #[must_use]
    pub fn has_timestamps(&self, peer: IpAddr) -> bool {
        self.settings.timestamps != Some(false)
            && self.sockets.timestamps.get(&peer).copied().unwrap_or(true)
    }

    /// Says of every port that somebody is on what is known of its bucket.
    fn judge(&mut self) {
        let mut buckets = BTreeMap::new();
        let mut open_question = Vec::new();
        for holders in self.holders().chunk_by(|a, b| a.port == b.port) {
            let Some(port) = holders.first().map(|h| h.port.0) else {
                continue;
            };
            match self.certain(port, holders) {
                Some(bucket) => {
                    buckets.insert(port, bucket);
                }
                None => open_question.push(port),
            }
        }
        let is_closed =
            |(port, bucket): (&u16, &Bucket)| matches!(bucket, Bucket::Closed(_)).then_some(*port);
        let mut closed: FxHashSet<u16> = buckets.iter().filter_map(is_closed).collect();
        let provenance = Provenance::new(self, &closed);
        let seems_open = |provenance: &Provenance, port: u16| {
            let mut holders = self.on(port).iter();
            holders.all(|holder| provenance.of(self, holder).is_open())
        };
        // Which half of the range is full for connect() depends on which ports seem to be closed: so once more.
        let certain = closed.len();
        let seem_closed = open_question.iter().copied();
        closed.extend(seem_closed.filter(|&port| !seems_open(&provenance, port)));
        let provenance = if closed.len() > certain {
            Provenance::new(self, &closed)
        } else {
            provenance
        };
        for port in open_question {
            let bucket = if seems_open(&provenance, port) {
                Bucket::LikelyOpen
            } else {
                Bucket::LikelyClosed
            };
            buckets.insert(port, bucket);
        }
        self.buckets = buckets;
        self.provenance = Some(provenance);
    }

    /// What is beyond doubt about a bucket.
    fn certain(&self, port: u16, holders: &[PortHolder]) -> Option<Bucket> {
        let closer = |holder: &PortHolder| match holder.hold {
            Hold::Listening => Some(Closer::Listener),
            Hold::Bound => Some(Closer::Bound),
            _ if holder.explicit == Some(true) => Some(Closer::Explicit),
            _ if holder.opened == Some(Opened::Passively) => Some(Closer::Accepted),
            _ => None,
        };
        if let Some(closer) = holders.iter().find_map(closer) {
            return Some(Bucket::Closed(closer));
        }
        match self.probed(port) {
            Some(true) => return Some(Bucket::Open),
            Some(false) => return Some(Bucket::Closed(Closer::Probe)),
            None => {}
        }
        // Before, who had closed the bucket may be gone and it still closed.
        let reopens = self
            .settings
            .kernel
            .is_some_and(KernelRelease::reopens_ports);
        (reopens && holders.iter().all(|h| self.came_by_connect(h, holders)))
            .then_some(Bucket::Open)
    }

    /// Whether a socket certainly got its port from connect(). Either it said that it would (`IP_BIND_ADDRESS_NO_PORT`), or another
    /// of connect()'s shares port and address with it: bind(address, 0) gives no port to two sockets at one address.
    fn came_by_connect(&self, holder: &PortHolder, all: &[PortHolder]) -> bool {
        let chosen = |h: &PortHolder| {
            h.hold.is_live() && h.opened == Some(Opened::Actively) && h.explicit == Some(false)
        };
        if is_late(holder) {
            return true;
        }
        self.settings.autobind_reuse == Some(false)
            && chosen(holder)
            && all
                .iter()
                .any(|h| chosen(h) && h.local == holder.local && h.cookie != holder.cookie)
    }

    /// Whether connect() tries this port first: it prefers ports with the parity of the range's low end, and bind(address, 0)
    /// the others (`offset & ~1` in `__inet_hash_connect`, `offset | 1` in `inet_csk_find_open_port`).
    pub(super) fn prefers(&self, port: u16) -> bool {
        port % 2 == self.settings.ports.range.start() % 2
    }
}

/// Whether a socket told the kernel to leave its port to connect(). A listener's children have that flag too.
pub(super) fn is_late(holder: &PortHolder) -> bool {
    holder.late_port == Some(true)
        && holder.explicit != Some(true)
        && holder.opened == Some(Opened::Actively)
}

/// In order, each socket once. One that was seen twice is what it was at last, and what was found out of it before stays true:
/// its cookie survives into TIME_WAIT.
#[must_use]
pub fn each_once(mut holders: Vec<PortHolder>) -> Vec<PortHolder> {
    let key = |h: &PortHolder| (h.port, h.cookie.is_some(), h.cookie);
    holders.sort_by_key(key);
    holders.dedup_by(|later, earlier| {
        if later.cookie.is_none() || key(later) != key(earlier) {
            return false;
        }
        *earlier = PortHolder {
            explicit: earlier.explicit.max(later.explicit),
            late_port: earlier.late_port.max(later.late_port),
            opened: earlier.opened.or(later.opened),
            v6only: earlier.v6only.or(later.v6only),
            timestamps: earlier.timestamps.or(later.timestamps),
            ..*later
        };
        true
    });
    holders
}

fn timestamps(holders: &[PortHolder]) -> HashMap<IpAddr, bool> {
    let mut peers = HashMap::new();
    for holder in holders {
        if let Some(has) = holder.timestamps {
            peers
                .entry(holder.peer)
                .and_modify(|all: &mut bool| *all &= has)
                .or_insert(has);
        }
    }
    peers
}
