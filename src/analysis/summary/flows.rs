//! Client flows: what each holds, what is left to it, and where that goes.

use super::sides::{Side, Sides, goes_to};
use super::thresholds::{Threshold, Thresholds};
use crate::analysis::headroom::{
    Bucket, Closer, Fresh, Headroom, HeadroomFlow, Mode, PortTable, Prospects, Remedy, Severity,
    headroom,
};
use crate::model::{
    Cookie, Hold, IfIndex, Inode, Listeners, Opened, Pid, Port, PortHolder, Protocol, State,
    TwReuse,
};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// How long TIME_WAIT lasts, with the rounding of the kernel's timer wheel, in seconds.
const TIME_WAIT_S: f64 = 61.0;
/// `TCP_TIMEWAIT_LEN` of `include/net/tcp.h`, in milliseconds.
const TIME_WAIT_MS: u32 = 60_000;
/// Closes are counted over so many seconds.
const CLOSES_OVER_S: u32 = 10;
/// When ports come back, in seconds from now.
const RELEASES_S: [u32; 3] = [10, 30, 60];
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

/// Sockets of a flow by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Connection attempts.
    pub syn_sent: u32,
    /// Established connections.
    pub established: u32,
    /// Those whose peer has closed, and the process here has not.
    pub close_wait: u32,
    /// Those that are being closed, with a process or without.
    pub closing: u32,
    /// In TIME_WAIT.
    pub time_wait: u32,
    /// Anything else.
    pub other: u32,
}

impl Held {
    fn add(&mut self, hold: Hold) {
        let place = match hold {
            Hold::Live(State::SynSent) => &mut self.syn_sent,
            Hold::Live(State::Established) => &mut self.established,
            Hold::Live(State::CloseWait) => &mut self.close_wait,
            Hold::Live(State::FinWait1 | State::FinWait2 | State::Closing | State::LastAck)
            | Hold::OrphanFinWait2 { .. } => &mut self.closing,
            Hold::TimeWait { .. } => &mut self.time_wait,
            _ => &mut self.other,
        };
        *place += 1;
    }

    /// How many there are that are not in TIME_WAIT.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.syn_sent + self.established + self.close_wait + self.closing + self.other
    }
}

/// A change in a second, by two looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How many ports a second the flow loses; negative if it gets some back.
    pub per_s: f64,
    /// How far off that may be, two standard deviations of counting.
    pub error: f64,
}

/// Where a flow goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trend {
    /// Connections that this end closed in a second, by the ages of TIME_WAITs.
    pub closes_per_s: f64,
    /// How many it could at most, in the long run; absent where the headroom is unknown.
    pub limit_per_s: Option<f64>,
    /// Ports that come back from TIME_WAIT: within so many seconds, how many.
    pub releases: Vec<(u32, u32)>,
    /// By two looks.
    pub net: Option<Rate>,
    /// Seconds until there is no port left, by two looks, if it goes on like that.
    pub exhausted_in_s: Option<f64>,
}

/// How a process is known to hold sockets of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// It has descriptors of them.
    Inode,
    /// It had descriptors of them at the first look.
    Cookie,
}

impl Via {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inode => "inode",
            Self::Cookie => "cookie",
        }
    }
}

/// One process's share of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderShare {
    /// The process.
    pub pid: Pid,
    /// Its command name, which it chooses.
    pub name: Option<Box<[u8]>>,
    /// How many sockets.
    pub sockets: u32,
    /// By what they are known.
    pub via: Via,
}

/// Who holds the sockets of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Processes, those with most first.
    pub processes: Vec<HolderShare>,
    /// Sockets that no process holds: TIME_WAITs and orphans. They are likely to be of the same processes.
    pub nobody: u32,
    /// Sockets that a process holds which cannot be seen.
    pub hidden: u32,
}

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
    /// By what is certain: worse if much is uncertain.
    pub severity_of_min: Severity,
    /// Whether it is critical by what is certain and not by what is possible, so that nobody can tell.
    pub is_doubtful: bool,
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
    ends.sort_unstable_by_key(|h| (goes_to(h), h.interface, h.port));
    let fresh = ground.tcp_table.map(Fresh::new);
    let mut by_source = HashMap::new();
    let mut flows = Vec::new();
    for same in ends.chunk_by(|a, b| goes_to(a) == goes_to(b)) {
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

fn report(
    ground: &Ground<'_>,
    flow: HeadroomFlow,
    sockets: &[&PortHolder],
    now: Option<Headroom>,
) -> FlowReport {
    let mut held = Held::default();
    for holder in sockets {
        held.add(holder.hold);
    }
    let (mut local_ports, mut time_wait_ports) = (0, 0);
    for same in sockets.chunk_by(|a, b| a.port == b.port) {
        local_ports += 1;
        let lingers = |h: &&PortHolder| matches!(h.hold, Hold::TimeWait { .. });
        time_wait_ports += u32::from(same.iter().all(lingers));
    }
    let [severity_of_min, severity, of_max] = severities(now.as_ref(), ground.thresholds);
    let trend = trend(ground, &flow, sockets, now.as_ref(), time_wait_ports);
    FlowReport {
        flow,
        held,
        local_ports,
        time_wait_ports,
        severity,
        severity_of_min,
        is_doubtful: (severity_of_min == Severity::Critical) != (of_max == Severity::Critical),
        trend,
        headroom: now,
        remedies: Vec::new(),
        shares: None,
        sockets: sockets.iter().map(|h| (h.inode, h.cookie)).collect(),
    }
}

/// By what is certain, expected and possible. Where nothing is certain, the doubts say so, and this does not.
fn severities(now: Option<&Headroom>, thresholds: &Thresholds) -> [Severity; 3] {
    let Some(now) = now else {
        return [Severity::Ok; 3];
    };
    let bounds = now.bounds;
    let min = bounds.min.unwrap_or(bounds.expected);
    [min, bounds.expected, bounds.max].map(|left| thresholds.ports(left, now.capacity))
}

fn trend(
    ground: &Ground<'_>,
    flow: &HeadroomFlow,
    sockets: &[&PortHolder],
    now: Option<&Headroom>,
    time_wait_ports: u32,
) -> Trend {
    let left = |holder: &&&PortHolder| match holder.hold {
        Hold::TimeWait { left_ms } => Some(left_ms),
        _ => None,
    };
    let young = |left_ms: &u32| *left_ms > TIME_WAIT_MS - CLOSES_OVER_S * 1000;
    let lefts: Vec<u32> = sockets.iter().filter_map(|h| left(&h)).collect();
    let closed = lefts.iter().filter(|ms| young(ms)).count();
    let reused = ground.tcp_table.is_some_and(|table| is_reused(table, flow));
    let hold_s = match ground.tcp_table {
        Some(table) if reused => f64::from(table.settings().tw_reuse_delay_ms) / 1000.0,
        _ => TIME_WAIT_S,
    };
    let usable = now.map(|now| {
        // Those that are taken over are among what is expected.
        let lingering = if reused { 0 } else { time_wait_ports };
        now.bounds.expected + lingering
    });
    let within = |seconds: u32| lefts.iter().filter(|ms| **ms <= seconds * 1000).count();
    let releases = RELEASES_S
        .iter()
        .map(|&s| (s, u32::try_from(within(s)).unwrap_or(u32::MAX)));
    Trend {
        closes_per_s: closed as f64 / f64::from(CLOSES_OVER_S),
        limit_per_s: usable.map(|usable| f64::from(usable) / hold_s.max(0.001)),
        releases: if reused || lefts.is_empty() {
            Vec::new()
        } else {
            releases.collect()
        },
        net: None,
        exhausted_in_s: None,
    }
}

/// Whether new connections of `flow` take its TIME_WAITs over, once they are old enough.
fn is_reused(table: &PortTable, flow: &HeadroomFlow) -> bool {
    let is_loopback = flow.source.is_loopback() || flow.destination.is_loopback();
    flow.mode == Mode::Connect
        && table.has_timestamps(flow.destination)
        && match table.settings().tw_reuse {
            Some(TwReuse::Always) => true,
            Some(TwReuse::Loopback) => is_loopback,
            Some(TwReuse::Never) | None => false,
        }
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
    let pressed = |flow: &&mut FlowReport| flow.severity.max(flow.severity_of_min) > Severity::Ok;
    for report in flows.iter_mut().filter(pressed).take(REMEDIED) {
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

/// Adds what two looks tell together: `before` is what each flow had left so many seconds ago.
pub(super) fn compare(
    flows: &mut [FlowReport],
    before: &HashMap<FlowKey, u32>,
    seconds: f64,
    thresholds: &Thresholds,
) {
    for flow in flows {
        let (Some(now), Some(&then)) = (&flow.headroom, before.get(&flow.key())) else {
            continue;
        };
        let left = f64::from(now.bounds.expected);
        let lost = f64::from(then) - left;
        let rate = Rate {
            per_s: lost / seconds,
            error: 2.0 * lost.abs().max(1.0).sqrt() / seconds,
        };
        flow.trend.net = Some(rate);
        if rate.per_s <= rate.error {
            continue;
        }
        let in_s = left / rate.per_s;
        flow.trend.exhausted_in_s = Some(in_s);
        if now.used().unwrap_or_default() < 0.5 {
            continue;
        }
        let soon = |threshold| in_s < thresholds.of(threshold);
        let severity = match () {
            () if soon(Threshold::ExhaustionCritical) => Severity::Critical,
            () if soon(Threshold::ExhaustionWarning) => Severity::Warning,
            () => Severity::Ok,
        };
        flow.severity = flow.severity.max(severity);
    }
}
