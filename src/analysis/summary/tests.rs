//! Flows, sides and trends on made-up sockets. What they come to on a kernel is in `tests/it/live_headroom`.

use super::*;
use crate::analysis::headroom::{Mode, Sight};
use crate::model::{AllocationSettings, IfIndex, KernelRelease, Opened, Port, State, TwReuse};
use std::net::IpAddr;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn settings() -> AllocationSettings {
    AllocationSettings {
        kernel: Some(KernelRelease::new(6, 18, 0)),
        ports: EphemeralPorts {
            range: 40_000..=40_099,
            reserved: Some(vec![]),
        },
        tw_reuse: Some(TwReuse::Loopback),
        tw_reuse_delay_ms: 1000,
        timestamps: Some(true),
        autobind_reuse: Some(false),
    }
}

fn end(hold: Hold, from: (&str, u16), to: (&str, u16)) -> PortHolder {
    PortHolder {
        port: Port(from.1),
        family: Family::Inet,
        local: address(from.0),
        peer: address(to.0),
        peer_port: Port(to.1),
        interface: None,
        hold,
        v6only: None,
        explicit: None,
        late_port: None,
        opened: None,
        timestamps: None,
        cookie: None,
        inode: None,
        mapped: false,
        quiet_ms: None,
        resent: None,
    }
}

const ESTABLISHED: Hold = Hold::Live(State::Established);

fn begun(from: (&str, u16), to: (&str, u16)) -> PortHolder {
    PortHolder {
        opened: Some(Opened::Actively),
        explicit: Some(false),
        timestamps: Some(true),
        ..end(ESTABLISHED, from, to)
    }
}

fn summary(holders: Vec<PortHolder>, listening: &[(&str, u16)]) -> Summary {
    let mut all = holders;
    all.extend(
        listening
            .iter()
            .map(|&at| end(Hold::Listening, at, ("0.0.0.0", 0))),
    );
    let listeners: Vec<Socket> = listening.iter().map(|&at| listener(at)).collect();
    World {
        holders: all,
        listeners,
        ..World::default()
    }
    .summary(None)
}

/// What is seen.
struct World {
    settings: AllocationSettings,
    /// Whether bound, idle sockets are listed.
    bound: bool,
    holders: Vec<PortHolder>,
    listeners: Vec<Socket>,
    vitals: Vitals,
}

impl Default for World {
    fn default() -> Self {
        Self {
            settings: settings(),
            bound: true,
            holders: Vec::new(),
            listeners: Vec::new(),
            vitals: Vitals {
                listen_drops: Some(0),
                ..Vitals::default()
            },
        }
    }
}

impl World {
    fn summary(self, earlier: Option<&Earlier>) -> Summary {
        let sight = Sight {
            bound: self.bound,
            whole: true,
            interfaces: true,
            routes_unasked: 0,
        };
        let none = BTreeMap::new();
        let table = PortTable::new(Protocol::Tcp, self.settings, self.holders, sight, none);
        let seen = Seen {
            tcp: table.holders(),
            tcp_table: Some(&table),
            udp_table: None,
            listeners: &self.listeners,
            unconnected: &[],
            counts: &BTreeMap::new(),
            ephemeral: Some(settings().ports),
            vitals: Some(self.vitals),
            descriptors: None,
        };
        Summary::new(seen, earlier, &Thresholds::default())
    }
}

fn listener((ip, port): (&str, u16)) -> Socket {
    use crate::model::{Ends, InetEnds, Queues};
    Socket {
        protocol: Protocol::Tcp,
        family: Family::Inet,
        state: State::Listen,
        v6only: None,
        shutdown: None,
        ends: Ends::Inet(InetEnds {
            local: address(ip),
            peer: address("0.0.0.0"),
            local_port: Port(port),
            peer_port: Port(0),
            interface: None,
        }),
        queues: Queues::Accept {
            length: 0,
            limit: Some(128),
        },
        timer: None,
        uid: None,
        inode: None,
        cookie: None,
        mark: None,
        cgroup: None,
        details: Some(Box::new(dropped(0))),
    }
}

fn dropped(count: u32) -> crate::model::Details {
    crate::model::Details {
        memory: Some(crate::model::Memory::of(&[(
            crate::model::MemoryMetric::Drops,
            count,
        )])),
        ..Default::default()
    }
}

#[test]
fn flows_are_of_clients_only() {
    let (here, there) = ("127.0.0.1", ("127.0.0.1", 40_005));
    let summary = summary(
        vec![
            end(ESTABLISHED, (here, 40_001), there),
            end(ESTABLISHED, there, (here, 40_001)),
            end(Hold::TimeWait { left_ms: 59_500 }, (here, 40_002), there),
            end(ESTABLISHED, (here, 40_003), there),
            // Outside of the range: nobody is given it.
            end(ESTABLISHED, (here, 99), there),
        ],
        &[("0.0.0.0", 40_005)],
    );
    assert_eq!(summary.flows.len(), 1, "{:#?}", summary.flows);
    let flow = &summary.flows[0];
    assert_eq!((flow.local_ports, flow.time_wait_ports), (3, 1));
    assert_eq!((flow.held.established, flow.held.time_wait), (2, 1));
    assert_eq!(summary.time_wait, 1);
    assert_eq!(summary.totals[0].in_state(State::Established), 4);
    assert!((flow.trend.closes_per_s - 1.0).abs() < 1e-9);
}

#[test]
fn counters_tell_clients_from_servers_where_ports_cannot() {
    let (a, b) = (("10.0.0.1", 40_001), ("10.0.0.1", 40_002));
    let unknown = summary(vec![end(ESTABLISHED, a, b), end(ESTABLISHED, b, a)], &[]);
    assert_eq!((unknown.flows.len(), unknown.undecided), (0, 1));
    let accepted = PortHolder {
        opened: Some(Opened::Passively),
        ..end(ESTABLISHED, b, a)
    };
    let known = summary(vec![begun(a, b), accepted], &[]);
    assert_eq!((known.flows.len(), known.undecided), (1, 0));
    assert_eq!(known.flows[0].flow.destination_port, Port(40_002));
    // What lingers of a flow is its clients' too.
    let lingers = end(Hold::TimeWait { left_ms: 1 }, ("10.0.0.1", 40_003), b);
    let known = summary(vec![begun(a, b), accepted, lingers], &[]);
    assert_eq!(known.flows[0].time_wait_ports, 1);
}

#[test]
fn connections_whose_listener_is_gone_are_no_flows() {
    let server = ("10.0.0.1", 40_005);
    let rest = (1..4).map(|n| end(ESTABLISHED, server, ("10.0.0.9", 40_010 + n)));
    let summary = summary(rest.collect(), &[]);
    assert!(summary.flows.is_empty(), "{:#?}", summary.flows);
}

#[test]
fn a_full_flow_is_worst_and_says_what_would_help() {
    let to = ("10.0.0.9", 443);
    let mut holders: Vec<_> = (0..60)
        .map(|n| begun(("10.0.0.1", 40_000 + n), to))
        .collect();
    let lingers = |n| end(Hold::TimeWait { left_ms: 5_000 }, ("10.0.0.1", n), to);
    holders.extend((40_060..40_100).map(lingers));
    holders.push(begun(("10.0.0.1", 40_000), ("10.0.0.8", 443)));
    let summary = summary(holders, &[]);
    let flow = &summary.flows[0];
    assert_eq!(flow.severity, super::super::headroom::Severity::Critical);
    assert_eq!(flow.flow.destination, address("10.0.0.9"));
    assert_eq!(flow.trend.releases, [(10, 40), (30, 40), (60, 40)]);
    let gains: Vec<_> = flow
        .remedies
        .iter()
        .map(|r| (r.kind.word(), r.gain))
        .collect();
    assert!(gains.contains(&("tw-reuse", Some(40))), "{gains:?}");
    assert_eq!(summary.verdict(), Some(flow.severity));
    assert_eq!(
        summary.flows[1].severity,
        super::super::headroom::Severity::Ok
    );
}

#[test]
fn a_flow_of_an_interface_is_its_own() {
    let to = ("10.0.0.9", 443);
    let on = |n| PortHolder {
        interface: IfIndex::new(3),
        ..begun(("10.0.0.1", n), to)
    };
    let summary = summary(
        vec![begun(("10.0.0.1", 40_000), to), on(40_002), on(40_004)],
        &[],
    );
    let left = |interface| {
        let flow = summary
            .flows
            .iter()
            .find(|f| f.flow.interface == interface)
            .unwrap();
        flow.headroom.as_ref().unwrap().bounds.expected
    };
    // Those bound to the interface are not in the way of others, the other is in the way of all.
    assert_eq!(left(None), 99);
    assert_eq!(left(IfIndex::new(3)), 97);
}

#[test]
fn clients_that_bind_are_told_of_too() {
    // The parity that bind() to port 0 prefers.
    let of = |n: u16| begun(("10.0.0.1", 40_001 + 2 * n), ("10.0.0.9", 443));
    let summary = summary((0..20).map(of).collect(), &[]);
    let modes: Vec<_> = summary.flows.iter().map(|f| f.flow.mode).collect();
    assert!(
        modes.contains(&Mode::Bind) && modes.contains(&Mode::Connect),
        "{modes:?}"
    );
}

#[test]
fn two_looks_tell_when_it_will_be_over() {
    let to = ("10.0.0.9", 443);
    let at = |count: u16| {
        summary(
            (0..count)
                .map(|n| begun(("10.0.0.1", 40_000 + n), to))
                .collect(),
            &[],
        )
    };
    let before = at(20).earlier(2.0, None);
    let mut flows = at(60).flows;
    trend::compare(&mut flows, &before, &Thresholds::default());
    let trend = &flows[0].trend;
    assert!((trend.net.unwrap().per_s - 20.0).abs() < 1e-9, "{trend:?}");
    assert!(
        (trend.exhausted.unwrap().in_s - 2.0).abs() < 1e-9,
        "{trend:?}"
    );
    assert_eq!(
        flows[0].severity,
        super::super::headroom::Severity::Critical
    );
    let mut flows = at(20).flows;
    trend::compare(&mut flows, &before, &Thresholds::default());
    assert_eq!(flows[0].trend.exhausted, None);
}

#[test]
fn what_everybody_can_reach_is_asked_about_and_alarms_nobody() {
    let open = summary(Vec::new(), &[("0.0.0.0", 6379), ("0.0.0.0", 80)]);
    let found: Vec<_> = open
        .findings()
        .iter()
        .map(|f| (f.severity, f.subject))
        .collect();
    assert_eq!(found, [(Severity::Notice, Subject::Open(0))]);
    assert_eq!(open.open[0].service, "Redis");
    assert_eq!(open.verdict(), Some(Severity::Notice));
    let private = summary(Vec::new(), &[("127.0.0.1", 6379), ("10.0.0.1", 5432)]);
    assert_eq!(private.findings(), []);
}

#[test]
fn a_range_of_which_nothing_is_to_be_had_is_critical_without_any_flow() {
    let bound = |port| end(Hold::Listening, ("0.0.0.0", port), ("0.0.0.0", 0));
    let all: Vec<_> = settings().ports.range.map(bound).collect();
    let summary = summary(all, &[]);
    assert_eq!(summary.fresh.as_ref().unwrap().bounds.expected, 0);
    assert_eq!(summary.verdict(), Some(Severity::Critical));
    assert_eq!(summary.findings()[0].subject, Subject::NewFlow);
}

#[test]
fn time_waits_that_were_taken_over_do_not_slow_the_rate() {
    let (from, to) = ("127.0.0.1", ("127.0.0.9", 443));
    let aged = |port: u16, age_ms: u32| {
        let left_ms = 60_000 - age_ms;
        end(Hold::TimeWait { left_ms }, (from, port), to)
    };
    // Thirty in the last second; of those before, new connections have taken most.
    let mut holders: Vec<_> = (0..30).map(|n| aged(40_000 + 2 * n, 500)).collect();
    holders.extend((30..35).map(|n| aged(40_000 + 2 * n, 4000)));
    holders.extend((40..50).map(|n| begun((from, 40_000 + 2 * n), to)));
    holders.push(end(Hold::Listening, to, ("0.0.0.0", 0)));
    let of = |tw_reuse| {
        let settings = AllocationSettings {
            tw_reuse: Some(tw_reuse),
            ..settings()
        };
        let holders = holders.clone();
        let world = World {
            settings,
            holders,
            ..World::default()
        };
        world.summary(None).flows[0].trend.clone()
    };
    let reused = of(TwReuse::Loopback);
    assert_eq!((reused.closes_per_s, reused.closes_over_s), (30.0, 1.0));
    // All but the live ones come back after a second.
    assert_eq!(reused.limit_per_s, Some(90.0));
    let kept = of(TwReuse::Never);
    assert_eq!((kept.closes_per_s, kept.closes_over_s), (3.5, 10.0));
    assert_eq!(kept.limit_per_s, Some(90.0 / 61.0));
}

#[test]
fn what_lingers_in_fin_wait_2_is_no_time_wait_and_no_socket() {
    let (from, to) = ("10.0.0.1", ("10.0.0.9", 443));
    let orphan = Hold::OrphanFinWait2 { left_ms: 5000 };
    let held = summary(
        vec![
            end(orphan, (from, 40_000), to),
            end(Hold::Live(State::FinWait2), (from, 40_001), to),
            end(Hold::TimeWait { left_ms: 5000 }, (from, 40_002), to),
        ],
        &[],
    )
    .flows[0]
        .held;
    assert_eq!(
        (held.orphan_fin_wait_2, held.closing, held.time_wait),
        (1, 1, 1)
    );
    assert_eq!(held.live(), 1);
}

#[test]
fn a_peer_does_not_answer_when_a_syn_was_sent_again() {
    let syn = |port, resent| PortHolder {
        resent,
        ..end(
            Hold::Live(State::SynSent),
            ("10.0.0.1", port),
            ("10.0.0.9", 443),
        )
    };
    let held = summary(
        vec![
            syn(40_000, Some(0)),
            syn(40_001, Some(3)),
            syn(40_002, None),
        ],
        &[],
    )
    .flows[0]
        .held;
    assert_eq!((held.syn_sent, held.unanswered), (3, 1));
}

#[test]
fn a_listener_that_drops_is_critical_and_one_that_did_is_worth_a_notice() {
    let of = |n: u16, drops| Socket {
        cookie: std::num::NonZeroU64::new(n.into()).map(Cookie),
        details: Some(Box::new(dropped(drops))),
        ..listener(("0.0.0.0", n))
    };
    let world = |listeners: Vec<Socket>| World {
        listeners,
        ..World::default()
    };
    let before = world(vec![of(1, 5), of(2, 5), of(3, 0)]).summary(None);
    let severities = |summary: &Summary| {
        let rows = summary.listeners.iter();
        rows.map(|l| (l.port.0, l.severity, l.drops_now))
            .collect::<Vec<_>>()
    };
    let notice = Some(Severity::Notice);
    assert_eq!(
        severities(&before),
        [
            (1, notice, None),
            (2, notice, None),
            (3, Some(Severity::Ok), None)
        ]
    );
    assert_eq!(before.verdict(), notice);
    let earlier = before.earlier(2.0, None);
    // The fourth was not there before.
    let after = world(vec![of(1, 5), of(2, 9), of(3, 0), of(4, 2)]).summary(Some(&earlier));
    let critical = Some(Severity::Critical);
    assert_eq!(
        severities(&after),
        [
            (2, critical, Some(4)),
            (4, critical, Some(2)),
            (1, notice, Some(0)),
            (3, Some(Severity::Ok), Some(0))
        ]
    );
}

#[test]
fn a_backlog_that_is_not_told_hides_a_full_queue_only_where_somebody_waits() {
    use crate::model::Queues;
    let of = |length| {
        let listeners = vec![Socket {
            queues: Queues::Accept {
                length,
                limit: None,
            },
            ..listener(("0.0.0.0", 80))
        }];
        let world = World {
            listeners,
            ..World::default()
        };
        world.summary(None)
    };
    let (idle, waiting) = (of(0), of(1));
    assert_eq!(idle.gaps()[0].hides, Severity::Ok);
    assert_eq!(idle.listeners[0].is_full(), Some(false));
    assert_eq!(idle.verdict(), Some(Severity::Ok));
    assert_eq!(waiting.gaps()[0].hides, Severity::Critical);
    assert_eq!(
        (
            waiting.listeners[0].is_full(),
            waiting.listeners[0].severity
        ),
        (None, None)
    );
    assert_eq!(waiting.verdict(), None);
}

#[test]
fn close_waits_without_an_age_are_fine_as_long_as_they_are_few() {
    let of = |count: u16, quiet_ms| {
        let waiting = |n| PortHolder {
            quiet_ms,
            ..end(
                Hold::Live(State::CloseWait),
                ("10.0.0.1", 1000 + n),
                ("10.0.0.9", 443),
            )
        };
        let holders = (0..count).map(waiting).collect();
        let world = World {
            holders,
            ..World::default()
        };
        world.summary(None)
    };
    assert_eq!(of(99, None).verdict(), Some(Severity::Ok));
    assert_eq!(of(99, None).close_wait.old, None);
    assert_eq!(of(100, None).verdict(), None);
    assert_eq!(of(100, Some(1000)).verdict(), Some(Severity::Ok));
    assert_eq!(of(100, Some(60_000)).verdict(), Some(Severity::Warning));
}

#[test]
fn bound_sockets_that_nobody_lists_are_no_more_than_there_are_sockets() {
    let of = |tcp_sockets, count: u16| {
        let to = ("10.0.0.9", 443);
        let open = (0..count).map(|n| begun(("10.0.0.1", 40_000 + 2 * n), to));
        let world = World {
            bound: false,
            holders: open.collect(),
            vitals: Vitals {
                listen_drops: Some(0),
                tcp_sockets,
                ..Vitals::default()
            },
            ..World::default()
        };
        world.summary(None)
    };
    let few = of(Some(14), 10);
    assert_eq!(few.gaps()[0].sockets, Some(4));
    assert!(!few.flows[0].is_doubtful && few.verdict() == Some(Severity::Ok));
    // That the ports of others are not certain to be open is no gap.
    assert_eq!(of(Some(52), 48).gaps()[0].hides, Severity::Ok);
    // Ninety of those could hold all that is left.
    for many in [of(Some(106), 10), of(None, 10)] {
        assert!(many.flows[0].is_doubtful);
        assert_eq!(many.gaps()[0].hides, Severity::Critical);
        assert_eq!(many.verdict(), None);
    }
}

#[test]
fn a_flow_that_was_not_there_before_had_what_any_new_one_has() {
    let earlier = summary(Vec::new(), &[]).earlier(2.0, None);
    let to = ("10.0.0.9", 443);
    let open = (0..60).map(|n| begun(("10.0.0.1", 40_000 + n), to));
    let world = World {
        holders: open.collect(),
        ..World::default()
    };
    let trend = world.summary(Some(&earlier)).flows[0].trend.clone();
    let net = trend.net.unwrap();
    assert!((net.per_s - 30.0).abs() < 1e-9, "{trend:?}");
    let at = trend.exhausted.unwrap();
    assert!((at.error_s / at.in_s - net.error / net.per_s).abs() < 1e-9);
}
