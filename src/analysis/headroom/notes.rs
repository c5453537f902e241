//! What there is to say of a flow's ports beside the number.

use super::{HeadroomFlow, Mode, PortTable, headroom};
use crate::model::{AllocationSettings, Protocol};
use std::ops::RangeInclusive;

/// One thing to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// An end of the client's own range lies outside of the namespace's, so that the kernel takes that of the namespace.
    EndIgnored {
        /// Whether the low end is one such.
        low: bool,
        /// Whether the high end is.
        high: bool,
    },
    /// The client's sockets seem to have a range of their own, of which a list does not tell.
    Pinned(Pinned),
}

impl Note {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::EndIgnored { .. } => "range-end-ignored",
            Self::Pinned(_) => "own-range",
        }
    }
}

/// A range that a client's sockets seem to have for themselves (`IP_LOCAL_PORT_RANGE`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// From the lowest to the highest port they have; it may be wider.
    pub range: RangeInclusive<u16>,
    /// How many more connections that range gives, as far as is expected.
    pub left: u32,
}

/// Whether the sockets of `flow` lie so close together, on ports of both parities, that they seem to have a range of their own. Then the
/// headroom of the flow is that of others to the same place, and theirs is what is left of their range.
#[must_use]
pub fn pinned(table: &PortTable, flow: &HeadroomFlow) -> Option<Pinned> {
    let asks =
        flow.protocol == Protocol::Tcp && flow.mode == Mode::Connect && flow.socket_range.is_none();
    let range = table.pinned(flow).filter(|_| asks)?;
    let own = HeadroomFlow {
        socket_range: Some(range.clone()),
        ..flow.clone()
    };
    Some(Pinned {
        left: headroom(table, &own).bounds.expected,
        range,
    })
}

/// Everything there is to say.
#[must_use]
pub fn notes(table: &PortTable, flow: &HeadroomFlow) -> Vec<Note> {
    let ignored = ignored_ends(table.settings(), flow);
    let pinned = pinned(table, flow).map(Note::Pinned);
    ignored.into_iter().chain(pinned).collect()
}

fn ignored_ends(settings: &AllocationSettings, flow: &HeadroomFlow) -> Option<Note> {
    let own = flow.socket_range.as_ref()?;
    let outside = |end: &u16| !settings.ports.range.contains(end);
    let (low, high) = (outside(own.start()), outside(own.end()));
    (low || high).then_some(Note::EndIgnored { low, high })
}
