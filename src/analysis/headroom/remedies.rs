//! What would give a flow more ports, how many exactly, and at what risk.
//!
//! A gain is the difference between two answers of `headroom`: now, and in a world where the remedy was applied.

use super::rules::is_same;
use super::{Fate, Fresh, Headroom, HeadroomFlow, Mode, PortTable, headroom};
use crate::model::{Hold, Port, PortHolder, Protocol, TwReuse};
use std::cell::OnceCell;

/// The longest time to the next timer of a SYN, `TCP_RTO_MAX`.
const LONGEST_TIMER_MS: u32 = 120_000;

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
    /// Wait for FIN_WAIT2s without a process, of which `tcp_fin_timeout` says how long they last. Those that are there keep the time
    /// they have (`tcp_time_wait`).
    FinTimeout,
    /// A lower `tcp_syn_retries`, which holds for attempts that are under way too, from their next timer on (`tcp_write_timeout`).
    SynRetries,
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
            Self::FinTimeout => "fin-timeout",
            Self::SynRetries => "syn-retries",
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
    /// How many milliseconds it takes until all of that is there; `None` if it is at once.
    pub within_ms: Option<u32>,
}

/// A world in which a flow may have more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum World {
    /// As it is.
    Now,
    /// With `tcp_tw_reuse=1`.
    TwReuse,
    /// With the widest range.
    Wide,
}

impl World {
    fn table(self, now: &PortTable) -> PortTable {
        let mut settings = now.settings().clone();
        match self {
            Self::Now => {}
            Self::TwReuse => settings.tw_reuse = Some(TwReuse::Always),
            Self::Wide => settings.ports.range = WIDE,
        }
        now.with_settings(settings)
    }
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
    let delay_ms = table.settings().tw_reuse_delay_ms;
    let orphans_ms = last_orphan_ms(table.holders(), flow);
    weigh(
        flow,
        now,
        all_ports,
        [delay_ms, orphans_ms],
        |world, flow| match world {
            World::Now => headroom(table, flow),
            _ => headroom(&world.table(table), flow),
        },
    )
}

/// What would help one flow after another: the worlds are made once. The table holds the sockets of all ports.
#[derive(Debug)]
pub struct Prospects<'a> {
    table: &'a PortTable,
    fresh: &'a Fresh,
    reuse: OnceCell<(PortTable, Fresh)>,
    wide: OnceCell<(PortTable, Fresh)>,
}

impl<'a> Prospects<'a> {
    /// Begins with the world as it is.
    #[must_use]
    pub const fn new(table: &'a PortTable, fresh: &'a Fresh) -> Self {
        Self {
            table,
            fresh,
            reuse: OnceCell::new(),
            wide: OnceCell::new(),
        }
    }

    /// As [`remedies`], for a flow whose sockets are all on `ports`.
    #[must_use]
    pub fn of(&self, flow: &HeadroomFlow, ports: &[Port], now: &Headroom) -> Vec<Remedy> {
        let delay_ms = self.table.settings().tw_reuse_delay_ms;
        let on = |port: &Port| self.table.on(port.0);
        let orphans_ms = last_orphan_ms(ports.iter().flat_map(on), flow);
        weigh(flow, now, true, [delay_ms, orphans_ms], |world, other| {
            let make = || {
                let table = world.table(self.table);
                let fresh = Fresh::new(&table);
                (table, fresh)
            };
            let (table, fresh) = match world {
                World::Now => (self.table, self.fresh),
                World::TwReuse => {
                    let (table, fresh) = self.reuse.get_or_init(make);
                    (table, fresh)
                }
                World::Wide => {
                    let (table, fresh) = self.wide.get_or_init(make);
                    (table, fresh)
                }
            };
            if other.protocol != Protocol::Tcp || other.mode != Mode::Connect {
                return headroom(table, other);
            }
            // The other flow that is weighed is one from an address that nobody has.
            let ports = if other.source == flow.source {
                ports
            } else {
                &[]
            };
            fresh.headroom(table, other, ports)
        })
    }
}

fn weigh(
    flow: &HeadroomFlow,
    now: &Headroom,
    all_ports: bool,
    [delay_ms, orphans_ms]: [u32; 2],
    answer: impl Fn(World, &HeadroomFlow) -> Headroom,
) -> Vec<Remedy> {
    let more = |other: &Headroom| Some(other.bounds.expected.saturating_sub(now.bounds.expected));
    let tcp = flow.protocol == Protocol::Tcp;
    let mut found = Vec::new();
    let mut add = |kind, gain: Option<u32>| {
        if gain != Some(0) {
            found.push(Remedy {
                kind,
                gain,
                within_ms: None,
            });
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
        add(RemedyKind::LatePort, more(&answer(World::Now, &late)));
    }
    let young = (now.parts.of(Fate::TimeWaitKept) > 0).then(|| {
        let other = answer(World::TwReuse, flow);
        let young = |headroom: &Headroom| headroom.parts.of(Fate::TimeWaitYoung);
        // Those that are too young now are not a moment later.
        let later = young(&other).saturating_sub(young(now));
        add(RemedyKind::TwReuse, more(&other).map(|gain| gain + later));
        later
    });
    if all_ports && flow.socket_range.is_none() {
        add(RemedyKind::WidenRange, more(&answer(World::Wide, flow)));
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
        let gain = answer(World::Now, &elsewhere).bounds.expected;
        add(RemedyKind::MoreSources, Some(gain));
    }
    for (kind, fate) in [
        (RemedyKind::CloseWait, Fate::CloseWait),
        (RemedyKind::FinTimeout, Fate::OrphanFinWait2),
        (RemedyKind::SynRetries, Fate::SynSent),
    ] {
        add(kind, Some(now.parts.of(fate)));
    }
    for remedy in &mut found {
        remedy.within_ms = match remedy.kind {
            RemedyKind::TwReuse if young > Some(0) => Some(delay_ms),
            RemedyKind::FinTimeout => Some(orphans_ms),
            RemedyKind::SynRetries => Some(LONGEST_TIMER_MS),
            _ => None,
        };
    }
    found
}

/// How long the last FIN_WAIT2 without a process of `flow` among `holders` has left.
fn last_orphan_ms<'a>(
    holders: impl IntoIterator<Item = &'a PortHolder>,
    flow: &HeadroomFlow,
) -> u32 {
    let left = |holder: &PortHolder| match holder.hold {
        Hold::OrphanFinWait2 { left_ms } if is_same(holder, flow) => Some(left_ms),
        _ => None,
    };
    holders
        .into_iter()
        .filter_map(left)
        .max()
        .unwrap_or_default()
}
