//! Client flows: what each holds, what is left to it, and where that goes.

use super::gaps;
use super::held::{Held, Shares};
use super::sides::{Side, Sides, goes_to};
use super::thresholds::Thresholds;
use super::trend::Trend;
use crate::analysis::headroom::{
    Bucket, Closer, Fresh, Headroom, HeadroomFlow, Mode, Pinned, PortTable, Prospects, Remedy,
    Severity, headroom, pinned,
};
use crate::model::{Cookie, Hold, IfIndex, Inode, Listeners, Opened, Port, PortHolder, Protocol};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// So many sockets of one flow must have come by bind() before it is told of as a flow of such clients.
const BIND_CLIENTS: u32 = 8;

/// What identifies a flow from one look to the next.
pub type FlowKey = (
    Protocol,
    IpAddr,
    IpAddr,
    Port,
    Option<IfIndex>,
    &'static str,
);

/// A flow.
#[derive(Clone, Debug)]
pub struct FlowReport {
    /// Which.
    pub flow: HeadroomFlow,
    /// Its sockets, by the places of the range that they hold.
    pub held: Held,
    /// Distinct ports of the range that it holds.
    pub local_ports: u32,
    /// How many of those only TIME_WAIT holds.
    pub time_wait_ports: u32,
    /// What is left; absent where the settings cannot be read.
    pub headroom: Option<Headroom>,
    /// By what is expected.
    pub severity: Severity,
    /// Whether it is critical by what is certain and not by what is possible, so that nobody can tell.
    pub is_doubtful: bool,
    /// The range that its sockets seem to have for themselves. It may be used up long before the flow is.
    pub pinned: Option<Pinned>,
    /// Where it goes.
    pub trend: Trend,
    /// What would help, if anything must.
    pub remedies: Vec<Remedy>,
    /// Who holds it; absent if nobody looked.
    pub shares: Option<Shares>,
    /// The sockets: their files and identities, for finding out who holds them.
    pub(super) sockets: Vec<(Option<Inode>, Option<Cookie>)>,
}

impl FlowReport {
    /// What identifies it at another look.
    #[must_use]
    pub const fn key(&self) -> FlowKey {
        let HeadroomFlow {
            protocol,
            source,
            destination,
            destination_port,
            interface,
            mode,
            ..
        } = self.flow;
        (
            protocol,
            source,
            destination,
            destination_port,
            interface,
            mode.word(),
        )
    }

    /// Whether it matters whose it is and what would help: that other sockets make it uncertain is not enough, or on a busy host
    /// every flow would be looked up.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        self.severity > Severity::Ok
    }

    /// Which part of its ports is left, from 0 to 1.
    #[must_use]
    pub fn left(&self) -> f64 {
        let used = self.headroom.as_ref().and_then(Headroom::used);
        used.map_or(1.0, |used| 1.0 - used)
    }
}

/// What flows are found in.
pub(super) struct Ground<'a> {
    /// TCP sockets.
    pub(super) tcp: &'a [PortHolder],
    /// The same as a table, if the settings can be read.
    pub(super) tcp_table: Option<&'a PortTable>,
    /// UDP sockets.
    pub(super) udp_table: Option<&'a PortTable>,
    /// Where something listens.
    pub(super) listeners: &'a Listeners,
    /// The range of local ports.
    pub(super) range: RangeInclusive<u16>,
    /// How many bound TCP sockets there may be that nobody sees; `None` if that is not known either.
    pub(super) unlisted: Option<u64>,
    pub(super) thresholds: &'a Thresholds,
}

/// What came of looking for flows.
pub(super) struct Found {
    /// Those that are worst off first.
    pub(super) flows: Vec<FlowReport>,
    /// Connections within this host of which nothing tells which end is the client's.
    pub(super) undecided: u64,
    /// What a flow without sockets has.
    pub(super) fresh: Option<Headroom>,
}

pub(super) fn find(ground: &Ground<'_>) -> Found {
    let with_peer =
        |h: &&PortHolder| h.peer_port.0 != 0 && !matches!(h.hold, Hold::Listening | Hold::Bound);
    let mut ends: Vec<&PortHolder> = ground
        .tcp
        .iter()
        .filter(|h| ground.range.contains(&h.port.0))
        .filter(with_peer)
        .collect();
    let sides = Sides::new(&ends, ground.listeners, ground.range.clone());
    let mut undecided = 0;
    ends.retain(|holder| match sides.of(holder) {
        Side::Client => true,
        Side::Server => false,
        Side::Undecided => {
            undecided += 1;
            false
        }
    });
    let groups = by_destination(ends);
    let fresh = ground.tcp_table.map(Fresh::new);
    let mut by_source = HashMap::new();
    let mut flows = Vec::new();
    for same in &groups {
        let mut ports: Vec<Port> = same.iter().map(|h| h.port).collect();
        ports.sort_unstable();
        ports.dedup();
        for sockets in same.chunk_by(|a, b| a.interface == b.interface) {
            let Some(first) = sockets.first() else {
                continue;
            };
            let flow = HeadroomFlow {
                protocol: Protocol::Tcp,
                source: first.local,
                destination: first.peer,
                destination_port: first.peer_port,
                interface: first.interface,
                mode: Mode::Connect,
                socket_range: None,
                mapped: false,
            };
            let answer = ground.tcp_table.zip(fresh.as_ref());
            let now = answer.map(|(table, fresh)| fresh.headroom(table, &flow, &ports));
            let report = report(ground, flow, sockets, now);
            flows.extend(bind_clients(ground, &report, sockets, &mut by_source));
            flows.push(report);
        }
    }
    flows.extend(datagrams(ground));
    // Those that were equal are in the order of their ends.
    flows.sort_by(|a, b| {
        let worse = |flow: &FlowReport| (Reverse(flow.severity), Reverse(flow.local_ports));
        let left = a.left().total_cmp(&b.left());
        Reverse(a.severity)
            .cmp(&Reverse(b.severity))
            .then(left)
            .then_with(|| worse(a).cmp(&worse(b)))
    });
    if let Some((table, fresh)) = ground.tcp_table.zip(fresh.as_ref()) {
        remedy(table, fresh, ground, &mut flows);
    }
    let nobody = Fresh::flow(Ipv4Addr::UNSPECIFIED.into());
    Found {
        flows,
        // Both ends of each are here.
        undecided: undecided / 2,
        fresh: ground
            .tcp_table
            .zip(fresh)
            .map(|(table, fresh)| fresh.headroom(table, &nobody, &[])),
    }
}

/// Those that compete for ports together, each group by interface and port. Sorting all of them by their ends would take longer.
fn by_destination(ends: Vec<&PortHolder>) -> Vec<Vec<&PortHolder>> {
    let mut groups: FxHashMap<_, Vec<&PortHolder>> = FxHashMap::default();
    for holder in ends {
        groups.entry(goes_to(holder)).or_default().push(holder);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_unstable_by_key(|(ends, _)| *ends);
    for (_, same) in &mut groups {
        same.sort_by_key(|h| (h.interface, h.port));
    }
    groups.into_iter().map(|(_, same)| same).collect()
}

fn report(
    ground: &Ground<'_>,
    flow: HeadroomFlow,
    sockets: &[&PortHolder],
    now: Option<Headroom>,
) -> FlowReport {
    let mut held = Held::default();
    for holder in sockets {
        held.add(holder);
    }
    let (mut local_ports, mut time_wait_ports) = (0, 0);
    for same in sockets.chunk_by(|a, b| a.port == b.port) {
        local_ports += 1;
        let lingers = |h: &&PortHolder| matches!(h.hold, Hold::TimeWait { .. });
        time_wait_ports += u32::from(same.iter().all(lingers));
    }
    let [of_min, severity, of_max] = severities(now.as_ref(), ground);
    let pinned = ground.tcp_table.and_then(|table| pinned(table, &flow));
    // It only seems so: worth a word, and no alarm.
    let severity = match &pinned {
        Some(own) => severity.max(own_range(own, ground).min(Severity::Notice)),
        None => severity,
    };
    let trend = Trend::new(
        ground.tcp_table,
        &flow,
        sockets,
        now.as_ref(),
        time_wait_ports,
    );
    FlowReport {
        flow,
        held,
        local_ports,
        time_wait_ports,
        severity,
        is_doubtful: (of_min == Severity::Critical) != (of_max == Severity::Critical),
        pinned,
        trend,
        headroom: now,
        remedies: Vec::new(),
        shares: None,
        sockets: sockets.iter().map(|h| (h.inode, h.cookie)).collect(),
    }
}

fn own_range(own: &Pinned, ground: &Ground<'_>) -> Severity {
    let size = u32::try_from(own.range.len()).unwrap_or(u32::MAX);
    ground.thresholds.ports(own.left, size)
}

/// By what is certain, expected and possible.
fn severities(now: Option<&Headroom>, ground: &Ground<'_>) -> [Severity; 3] {
    let Some(now) = now else {
        return [Severity::Ok; 3];
    };
    let bounds = now.bounds;
    let certain = gaps::certain(now, ground.unlisted);
    [certain, bounds.expected, bounds.max].map(|left| ground.thresholds.ports(left, now.capacity))
}

/// Clients that come to their ports by bind() to port 0 run out by another rule: if most of a flow's do, that is told too.
fn bind_clients(
    ground: &Ground<'_>,
    of: &FlowReport,
    sockets: &[&PortHolder],
    by_source: &mut HashMap<(IpAddr, Option<IfIndex>), Headroom>,
) -> Option<FlowReport> {
    let table = ground.tcp_table?;
    let was_bound = |holder: &&&PortHolder| {
        let chosen = holder.opened == Some(Opened::Actively) && holder.explicit == Some(false);
        let bucket = table.bucket(holder.port.0);
        chosen && matches!(bucket, Bucket::LikelyClosed | Bucket::Closed(Closer::Probe))
    };
    let bound = u32::try_from(sockets.iter().filter(was_bound).count()).ok()?;
    if bound < BIND_CLIENTS || bound * 2 <= of.held.live() {
        return None;
    }
    let flow = HeadroomFlow {
        mode: Mode::Bind,
        ..of.flow.clone()
    };
    let now = by_source
        .entry((flow.source, flow.interface))
        .or_insert_with(|| headroom(table, &flow))
        .clone();
    Some(report(ground, flow, sockets, Some(now)))
}

/// UDP: one flow a family, because every socket takes its port wherever it is connected to.
fn datagrams(ground: &Ground<'_>) -> Vec<FlowReport> {
    let Some(table) = ground.udp_table else {
        return Vec::new();
    };
    let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let mut found = Vec::new();
    for address in any {
        let flow = HeadroomFlow {
            protocol: Protocol::Udp,
            ..Fresh::flow(address)
        };
        let sockets: Vec<&PortHolder> = table
            .holders()
            .iter()
            .filter(|h| ground.range.contains(&h.port.0) && h.local.is_ipv4() == address.is_ipv4())
            .collect();
        if !sockets.is_empty() {
            let now = headroom(table, &flow);
            found.push(report(ground, flow, &sockets, Some(now)));
        }
    }
    found
}

/// So many flows are told what would help.
const REMEDIED: usize = 50;

fn remedy(table: &PortTable, fresh: &Fresh, ground: &Ground<'_>, flows: &mut [FlowReport]) {
    let prospects = Prospects::new(table, fresh);
    let pressed = flows.iter_mut().filter(|flow| flow.is_pressed());
    for report in pressed.take(REMEDIED) {
        let Some(now) = &report.headroom else {
            continue;
        };
        if report.flow.protocol == Protocol::Tcp {
            let FlowReport { flow, .. } = report;
            let mut ports: Vec<Port> = ground
                .tcp
                .iter()
                .filter(|h| goes_to(h) == (flow.source, flow.destination, flow.destination_port))
                .map(|h| h.port)
                .collect();
            ports.dedup();
            report.remedies = prospects.of(&report.flow, &ports, now);
        } else if let Some(table) = ground.udp_table {
            report.remedies = crate::analysis::headroom::remedies(table, &report.flow, now, true);
        }
    }
}
