//! The summary: how many sockets there are, what runs out, whose that is, and what to do about it.
//!
//! | file | answers |
//! |---|---|
//! | `totals` | how many sockets of each kind are in each state |
//! | `sides` | which end of a connection is the client's |
//! | `flows` | which client flows there are, and what is left to each |
//! | `held` | what the sockets of a flow are, and whose |
//! | `trend` | where a flow goes |
//! | `limits` | what else runs out |
//! | `holders` | whose the sockets in trouble are |
//! | `gaps` | what nobody can tell, and how bad that may be |
//! | `findings` | all of that by how bad it is |
//! | `thresholds` | from which numbers on it is bad |

mod findings;
mod flows;
mod gaps;
mod held;
mod holders;
mod limits;
mod sides;
#[cfg(test)]
mod tests;
mod thresholds;
mod totals;
mod trend;

pub use findings::{Finding, Subject};
pub use flows::{FlowKey, FlowReport};
pub use gaps::{Gap, GapKind};
pub use held::{Held, HolderShare, Shares, Via};
pub use holders::EarlierHolder;
pub use limits::{CloseWaitReport, Leak, LimitsReport, ListenerReport, Usage};
pub use thresholds::{Threshold, ThresholdUnit, Thresholds};
pub use totals::Total;
pub use trend::{Exhaustion, Rate, Trend};

use super::exposure::{OpenListeners, OpenService};
use super::headroom::{Headroom, PortTable, Severity};
use crate::model::{
    Cookie, Descriptors, EphemeralPorts, Family, Hold, Listeners, PortHolder, Protocol, Socket,
    Vitals,
};
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

/// The default of `net.ipv4.ip_local_port_range`, `Documentation/networking/ip-sysctl.rst`.
const DEFAULT_RANGE: RangeInclusive<u16> = 32768..=60999;

/// What was seen.
#[derive(Debug)]
pub struct Seen<'a> {
    /// TCP sockets, each once.
    pub tcp: &'a [PortHolder],
    /// The same as a table, if the settings can be read.
    pub tcp_table: Option<&'a PortTable>,
    /// UDP sockets as a table, if the settings can be read.
    pub udp_table: Option<&'a PortTable>,
    /// TCP listeners, with their queues.
    pub listeners: &'a [Socket],
    /// UDP sockets without a peer.
    pub unconnected: &'a [Socket],
    /// How many sockets of other tables are in each state.
    pub counts: &'a BTreeMap<(Protocol, Family, u8), u64>,
    /// Where local ports come from; `None` if that is not known.
    pub ephemeral: Option<EphemeralPorts>,
    /// Counters and gauges; `None` for another host's sockets.
    pub vitals: Option<Vitals>,
    /// Descriptors of processes.
    pub descriptors: Option<Descriptors>,
}

/// What an earlier look left.
#[derive(Debug, Default)]
pub struct Earlier {
    /// How long ago that was, in seconds.
    pub seconds: f64,
    /// What each flow had left.
    pub left: HashMap<FlowKey, u32>,
    /// What a TCP flow without sockets had left.
    pub fresh: Option<u32>,
    /// How many connections each listener had dropped.
    pub dropped: HashMap<Cookie, u32>,
    /// Counters and gauges then.
    pub vitals: Option<Vitals>,
}

/// Everything that there is to say.
#[derive(Clone, Debug)]
pub struct Summary {
    /// By protocol and family.
    pub totals: Vec<Total>,
    /// Where local ports come from; `None` when that is not known.
    pub ephemeral: Option<EphemeralPorts>,
    /// Client flows, those that are worst off first.
    pub flows: Vec<FlowReport>,
    /// Connections within this host of which nothing tells which end is the client's. They are in no flow.
    pub undecided: u64,
    /// What connect() gives to a TCP flow that has no socket yet.
    pub fresh: Option<Headroom>,
    /// TCP listeners, the fullest first.
    pub listeners: Vec<ListenerReport>,
    /// TCP sockets in TIME_WAIT.
    pub time_wait: u64,
    /// What is left in FIN_WAIT2 of TCP sockets whose process has gone: not among those, and counts against the same limit.
    pub orphan_fin_wait_2: u64,
    /// How many of those in TIME_WAIT are of clients, and hold local ports of flows.
    pub time_wait_of_clients: u64,
    /// Connections that the peer has closed and the process here has not.
    pub close_wait: CloseWaitReport,
    /// Listeners that everybody can reach and that seldom are meant so.
    pub open: Vec<OpenService>,
    open_listeners: OpenListeners,
    unlisted: Option<u64>,
    thresholds: Thresholds,
    /// What else runs out; absent for another host's sockets.
    pub limits: Option<LimitsReport>,
    /// Seconds between two looks, if there were two.
    pub interval_s: Option<f64>,
}

impl Summary {
    /// Puts together what was seen, and what an earlier look left.
    #[must_use]
    pub fn new(seen: Seen<'_>, earlier: Option<&Earlier>, thresholds: &Thresholds) -> Self {
        let mut listening = Listeners::default();
        for socket in seen.listeners {
            listening.note(socket);
        }
        let range = seen.ephemeral.as_ref();
        let range = range.map_or(DEFAULT_RANGE, |ports| ports.range.clone());
        let alive = seen.vitals.as_ref().and_then(|vitals| vitals.tcp_sockets);
        let unlisted = alive.map(|alive| gaps::unlisted(alive, seen.tcp));
        let mut found = flows::find(&flows::Ground {
            tcp: seen.tcp,
            tcp_table: seen.tcp_table,
            udp_table: seen.udp_table,
            listeners: &listening,
            range,
            unlisted,
            thresholds,
        });
        if let Some(earlier) = earlier {
            trend::compare(&mut found.flows, earlier, thresholds);
        }
        let mut open_listeners = OpenListeners::new();
        for socket in seen.listeners.iter().chain(seen.unconnected) {
            open_listeners.add(socket);
        }
        let in_time_wait = |h: &&PortHolder| matches!(h.hold, Hold::TimeWait { .. });
        let in_fin_wait_2 = |h: &&PortHolder| matches!(h.hold, Hold::OrphanFinWait2 { .. });
        let before = earlier.and_then(|earlier| earlier.vitals.as_ref());
        let limits = seen.vitals.as_ref().map(|vitals| {
            let mut report = limits::limits(vitals, before, thresholds);
            if let Some(descriptors) = seen.descriptors {
                report.descriptors_hidden = descriptors.hidden;
                let judge = |open, limit| {
                    let critical = Some(Threshold::FilesCritical);
                    thresholds.part(open, limit, Threshold::FilesWarning, critical)
                };
                let judged = descriptors.worst.into_iter().map(|worst| {
                    let severity = judge(worst.open, worst.limit);
                    (worst, severity)
                });
                report.descriptors = Some(judged.collect());
            }
            report
        });
        Self {
            totals: totals::totals(seen.tcp, seen.counts),
            ephemeral: seen.ephemeral,
            time_wait_of_clients: found
                .flows
                .iter()
                .filter(|flow| flow.flow.mode == super::headroom::Mode::Connect)
                .map(|flow| u64::from(flow.held.time_wait))
                .sum(),
            flows: found.flows,
            undecided: found.undecided,
            fresh: found.fresh,
            unlisted,
            listeners: limits::listeners(
                seen.listeners,
                earlier.map(|earlier| &earlier.dropped),
                thresholds,
            ),
            time_wait: seen.tcp.iter().filter(in_time_wait).count() as u64,
            orphan_fin_wait_2: seen.tcp.iter().filter(in_fin_wait_2).count() as u64,
            close_wait: limits::close_wait(seen.tcp, thresholds),
            open: open_listeners.questionable(None),
            open_listeners,
            thresholds: *thresholds,
            limits,
            interval_s: earlier.map(|earlier| earlier.seconds),
        }
    }

    /// The worst of all; `None` of another host, of which nothing but sockets is known, and where something worse may be hidden.
    #[must_use]
    pub fn verdict(&self) -> Option<Severity> {
        let worst = self.findings().iter().map(|finding| finding.severity).max();
        let worst = worst.unwrap_or(Severity::Ok);
        (self.limits.is_some() && self.hidden_beyond(worst).is_none()).then_some(worst)
    }

    /// What a look so many seconds later compares with.
    #[must_use]
    pub fn earlier(&self, seconds: f64, vitals: Option<Vitals>) -> Earlier {
        let left = |flow: &FlowReport| Some((flow.key(), flow.headroom.as_ref()?.bounds.expected));
        let dropped = |listener: &ListenerReport| Some((listener.cookie?, listener.drops?));
        Earlier {
            seconds,
            left: self.flows.iter().filter_map(left).collect(),
            fresh: self.fresh.as_ref().map(|fresh| fresh.bounds.expected),
            dropped: self.listeners.iter().filter_map(dropped).collect(),
            vitals,
        }
    }
}
