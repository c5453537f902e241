//! Why the three numbers of a headroom differ.

use super::{Fate, HeadroomFlow, Mode, Parts, PortTable};
use crate::model::{KernelRelease, Protocol};

/// What is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubtKind {
    /// Whether sockets got their port from connect() or from bind(address, 0). A probe answers it.
    Provenance,
    /// Whether TIME_WAITs had timestamps, without which they are never taken over.
    TimeWaitTimestamps,
    /// Whether TIME_WAITs are older than their timer says: a late segment starts it again.
    TimeWaitAge,
    /// `tcp_tw_reuse` cannot be read.
    TimeWaitReuse,
    /// Whether connected IPv6 sockets are for IPv6 only.
    V6only,
    /// Whether the client's sockets are of IPv6 and call IPv4 by v4-mapped addresses: then those for IPv6 only are in their way too.
    ClientFamily,
    /// The scan of an odd range leaves out one of its ends, by chance.
    OddRange,
    /// Before 6.18 (and 6.17.8) a port stays closed after the socket that closed it is gone, as long as anybody is on it.
    StickyBuckets,
    /// Sockets that are bound and idle cannot be seen, and each closes a port.
    BoundUnseen,
    /// `ip_local_reserved_ports` cannot be read.
    ReservedUnseen,
    /// Rows of the tables are missing.
    TableIncomplete,
    /// The routing table was not asked about every peer, so of some clients it is not known whether bind() gave them their address.
    RoutesUnasked,
    /// Which interfaces sockets are bound to cannot be seen: one that is bound to another is in nobody's way.
    InterfacesUnseen,
    /// `ip_autobind_reuse` is set: clients with `SO_REUSEADDR` may share ports, and may be refused before the last.
    AutobindReuse,
}

impl DoubtKind {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Provenance => "provenance",
            Self::TimeWaitTimestamps => "time-wait-timestamps",
            Self::TimeWaitAge => "time-wait-age",
            Self::TimeWaitReuse => "time-wait-reuse",
            Self::V6only => "v6only",
            Self::ClientFamily => "client-family",
            Self::OddRange => "odd-range",
            Self::StickyBuckets => "sticky-buckets",
            Self::BoundUnseen => "bound-unseen",
            Self::ReservedUnseen => "reserved-unseen",
            Self::TableIncomplete => "table-incomplete",
            Self::RoutesUnasked => "routes-unasked",
            Self::InterfacesUnseen => "interfaces-unseen",
            Self::AutobindReuse => "autobind-reuse",
        }
    }
}

/// One thing that is not known, and how many ports hang on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What.
    pub kind: DoubtKind,
    /// How many ports; `None` where nobody can tell.
    pub ports: Option<u32>,
}

impl Doubt {
    /// Whether any port may be taken by something that is not seen, so that no number is certain.
    #[must_use]
    pub const fn hides_ports(&self) -> bool {
        matches!(
            self.kind,
            DoubtKind::BoundUnseen | DoubtKind::ReservedUnseen | DoubtKind::TableIncomplete
        )
    }
}

/// What the parts do not tell of what is unknown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unknown {
    /// How many ports hang on a bucket that is not known.
    pub(super) buckets: u32,
    /// How many on the family of the client's sockets.
    pub(super) clients: u32,
    /// Whether an end of the range is left out.
    pub(super) end: bool,
}

/// What is not known about this answer, the weightiest first.
pub(super) fn doubts(
    table: &PortTable,
    flow: &HeadroomFlow,
    parts: &Parts,
    unknown: &Unknown,
) -> Vec<Doubt> {
    let guesses = unknown.buckets;
    let settings = table.settings();
    let tcp = flow.protocol == Protocol::Tcp;
    let by_connect = tcp && flow.mode == Mode::Connect;
    let mut doubts = Vec::new();
    let mut add = |kind, ports| doubts.push(Doubt { kind, ports });
    if !table.sight().whole {
        add(DoubtKind::TableIncomplete, None);
    }
    if tcp && !table.sight().bound {
        add(DoubtKind::BoundUnseen, None);
    }
    if settings.ports.reserved.is_none() {
        add(DoubtKind::ReservedUnseen, None);
    }
    let mut count = |kind, ports| {
        if ports > 0 {
            add(kind, Some(ports));
        }
    };
    if by_connect {
        count(DoubtKind::Provenance, guesses);
        if !settings.kernel.is_some_and(KernelRelease::reopens_ports) {
            count(DoubtKind::StickyBuckets, guesses);
        }
        let doubtful = parts.of(Fate::TimeWaitDoubtful);
        if settings.tw_reuse.is_none() {
            count(DoubtKind::TimeWaitReuse, doubtful);
        } else {
            let reusable = parts.of(Fate::TimeWaitReusable);
            count(DoubtKind::TimeWaitTimestamps, reusable + doubtful);
        }
        count(DoubtKind::TimeWaitAge, parts.of(Fate::TimeWaitYoung));
    }
    let v6only = [Fate::AddressDoubtful, Fate::AddressUnlikely];
    count(DoubtKind::V6only, parts.sum(&v6only) - unknown.clients);
    count(DoubtKind::ClientFamily, unknown.clients);
    count(DoubtKind::OddRange, u32::from(unknown.end));
    if by_connect && guesses > 0 && table.sight().routes_unasked > 0 {
        add(DoubtKind::RoutesUnasked, None);
    }
    if !table.sight().interfaces && !table.holders().is_empty() {
        add(DoubtKind::InterfacesUnseen, None);
    }
    if tcp && !by_connect && settings.autobind_reuse == Some(true) {
        add(DoubtKind::AutobindReuse, None);
    }
    doubts
}
