//! What would give a flow more ports, how many exactly, and at what risk.
//!
//! A gain is the difference between two answers of `headroom`: now, and in a world where the remedy was applied.

use super::{Fate, Headroom, HeadroomFlow, Mode, PortTable, headroom};
use crate::model::{AllocationSettings, Protocol, TwReuse};

/// The widest range that leaves the privileged ports alone.
const WIDE: std::ops::RangeInclusive<u16> = 1024..=65535;

/// Something that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemedyKind {
    /// Keep connections and use them again.
    Reuse,
    /// `net.ipv4.tcp_tw_reuse=1`.
    TwReuse,
    /// `net.ipv4.ip_local_port_range="1024 65535"`.
    WidenRange,
    /// `IP_BIND_ADDRESS_NO_PORT` in the client.
    LatePort,
    /// A second source address.
    MoreSources,
    /// Let the process close its CLOSE_WAITs.
    CloseWait,
}

impl RemedyKind {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reuse => "reuse-connections",
            Self::TwReuse => "tw-reuse",
            Self::WidenRange => "widen-range",
            Self::LatePort => "late-port",
            Self::MoreSources => "more-sources",
            Self::CloseWait => "close-wait",
        }
    }
}

/// A remedy and what it gains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What to do.
    pub kind: RemedyKind,
    /// How many more connections at once, by what is expected; `None` where it changes how fast ports are used, not how many
    /// there are.
    pub gain: Option<u32>,
}

/// What would help `flow`, of which `now` is the headroom, with what it gains. Widening the range is only weighed if `all_ports`
/// says that the table holds the sockets outside of the range too.
#[must_use]
pub fn remedies(
    table: &PortTable,
    flow: &HeadroomFlow,
    now: &Headroom,
    all_ports: bool,
) -> Vec<Remedy> {
    let more = |other: &Headroom| Some(other.bounds.expected.saturating_sub(now.bounds.expected));
    let under = |change: &dyn Fn(&mut AllocationSettings), flow: &HeadroomFlow| {
        let mut settings = table.settings().clone();
        change(&mut settings);
        more(&headroom(&table.with_settings(settings), flow))
    };
    let tcp = flow.protocol == Protocol::Tcp;
    let mut found = Vec::new();
    let mut add = |kind, gain: Option<u32>| {
        if gain != Some(0) {
            found.push(Remedy { kind, gain });
        }
    };
    if tcp {
        add(RemedyKind::Reuse, None);
    }
    if tcp && flow.mode != Mode::Connect {
        let late = HeadroomFlow {
            mode: Mode::Connect,
            ..flow.clone()
        };
        add(RemedyKind::LatePort, more(&headroom(table, &late)));
    }
    if now.parts.of(Fate::TimeWaitKept) > 0 {
        let reuse = |settings: &mut AllocationSettings| settings.tw_reuse = Some(TwReuse::Always);
        add(RemedyKind::TwReuse, under(&reuse, flow));
    }
    if all_ports && flow.socket_range.is_none() {
        let widen = |settings: &mut AllocationSettings| settings.ports.range = WIDE;
        add(RemedyKind::WidenRange, under(&widen, flow));
    }
    // At an address that nobody has, every port is as free as it can be.
    if tcp && flow.mode != Mode::BindAny {
        let nobody = match flow.source {
            std::net::IpAddr::V4(_) => std::net::Ipv4Addr::BROADCAST.into(),
            std::net::IpAddr::V6(_) => std::net::Ipv6Addr::from(u128::MAX).into(),
        };
        let elsewhere = HeadroomFlow {
            source: nobody,
            ..flow.clone()
        };
        let gain = headroom(table, &elsewhere).bounds.expected;
        add(RemedyKind::MoreSources, Some(gain));
    }
    add(RemedyKind::CloseWait, Some(now.parts.of(Fate::CloseWait)));
    found
}
