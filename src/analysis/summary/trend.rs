//! Where a flow goes: what one look tells by the ages of its TIME_WAITs, and what two looks tell together.

use super::Earlier;
use super::flows::FlowReport;
use super::thresholds::{Threshold, Thresholds};
use crate::analysis::headroom::{Fate, Headroom, HeadroomFlow, Mode, PortTable, Severity};
use crate::model::{Hold, PortHolder, TwReuse};

/// How long TIME_WAIT lasts, with the rounding of the kernel's timer wheel, in seconds.
const TIME_WAIT_S: f64 = 61.0;
/// `TCP_TIMEWAIT_LEN` of `include/net/tcp.h`, in milliseconds.
const TIME_WAIT_MS: u32 = 60_000;
/// Closes are counted over so many milliseconds at most.
const CLOSES_OVER_MS: u32 = 10_000;
/// When ports come back, in seconds from now.
const RELEASES_S: [u32; 3] = [10, 30, 60];
/// `LOOPBACK_IFINDEX` of `include/net/net_namespace.h`.
const LOOPBACK_INTERFACE: u32 = 1;

/// A change in a second, by two looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How many more ports a second the flow takes; negative if it gives some back.
    pub per_s: f64,
    /// How far off that may be, two standard deviations of counting.
    pub error: f64,
}

/// When a flow will have no port left, by two looks, if it goes on like that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exhaustion {
    /// Seconds until then.
    pub in_s: f64,
    /// How far off that may be, as the rate is, in seconds.
    pub error_s: f64,
}

/// Where a flow goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trend {
    /// Connections that this end closed in a second, by the ages of TIME_WAITs.
    pub closes_per_s: f64,
    /// Over how many seconds those were counted: those that may be taken over tell nothing, because some have been.
    pub closes_over_s: f64,
    /// How many it could at most, in the long run; absent where the headroom is unknown.
    pub limit_per_s: Option<f64>,
    /// Ports that come back from TIME_WAIT: within so many seconds, how many.
    pub releases: Vec<(u32, u32)>,
    /// By two looks.
    pub net: Option<Rate>,
    /// By two looks; absent if it does not get there.
    pub exhausted: Option<Exhaustion>,
}

impl Trend {
    /// What one look tells of a flow that has these sockets, and so much left `now`; only TIME_WAIT holds `time_wait_ports`.
    pub(super) fn new(
        table: Option<&PortTable>,
        flow: &HeadroomFlow,
        sockets: &[&PortHolder],
        now: Option<&Headroom>,
        time_wait_ports: u32,
    ) -> Self {
        let lefts: Vec<u32> = sockets
            .iter()
            .filter_map(|holder| match holder.hold {
                Hold::TimeWait { left_ms } => Some(left_ms),
                _ => None,
            })
            .collect();
        let reused_after_ms = table
            .filter(|table| is_reused(table, flow))
            .map(|table| table.settings().tw_reuse_delay_ms.max(1));
        let over_ms = reused_after_ms.unwrap_or(u32::MAX).min(CLOSES_OVER_MS);
        let is_recent = |left_ms: &&u32| **left_ms > TIME_WAIT_MS - over_ms;
        let closed = lefts.iter().filter(is_recent).count();
        let closes_over_s = f64::from(over_ms) / 1000.0;
        let limit_per_s = now.map(|now| match reused_after_ms {
            // Those that are old enough are among what is expected.
            Some(delay_ms) => {
                let usable = now.bounds.expected + now.parts.of(Fate::TimeWaitYoung);
                f64::from(usable) * 1000.0 / f64::from(delay_ms)
            }
            None => f64::from(now.bounds.expected + time_wait_ports) / TIME_WAIT_S,
        });
        let within = |seconds: u32| lefts.iter().filter(|ms| **ms <= seconds * 1000).count();
        let releases = RELEASES_S
            .iter()
            .map(|&s| (s, u32::try_from(within(s)).unwrap_or(u32::MAX)));
        Self {
            closes_per_s: closed as f64 / closes_over_s,
            closes_over_s,
            limit_per_s,
            releases: if reused_after_ms.is_some() || lefts.is_empty() {
                Vec::new()
            } else {
                releases.collect()
            },
            net: None,
            exhausted: None,
        }
    }
}

/// Whether new connections of `flow` take its TIME_WAITs over, once they are old enough: `tcp_twsk_unique` of
/// `net/ipv4/tcp_ipv4.c`.
fn is_reused(table: &PortTable, flow: &HeadroomFlow) -> bool {
    let on_lo = flow
        .interface
        .is_some_and(|i| i.0.get() == LOOPBACK_INTERFACE);
    let is_loopback = on_lo || flow.source.is_loopback() || flow.destination.is_loopback();
    flow.mode == Mode::Connect
        && table.has_timestamps(flow.destination)
        && match table.settings().tw_reuse {
            Some(TwReuse::Always) => true,
            Some(TwReuse::Loopback) => is_loopback,
            Some(TwReuse::Never) | None => false,
        }
}

/// Adds what two looks tell together.
pub(super) fn compare(flows: &mut [FlowReport], earlier: &Earlier, thresholds: &Thresholds) {
    for flow in flows {
        let then = earlier.left.get(&flow.key()).copied();
        // A flow that was not there had what any new one has.
        let then = then.or_else(|| earlier.fresh.filter(|_| flow.flow.mode == Mode::Connect));
        let (Some(now), Some(then)) = (&flow.headroom, then) else {
            continue;
        };
        let left = f64::from(now.bounds.expected);
        let taken = f64::from(then) - left;
        let rate = Rate {
            per_s: taken / earlier.seconds,
            error: 2.0 * taken.abs().max(1.0).sqrt() / earlier.seconds,
        };
        flow.trend.net = Some(rate);
        if rate.per_s <= rate.error {
            continue;
        }
        let in_s = left / rate.per_s;
        flow.trend.exhausted = Some(Exhaustion {
            in_s,
            error_s: in_s * rate.error / rate.per_s,
        });
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
