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
    let sight = Sight {
        bound: true,
        whole: true,
    };
    let mut all = holders;
    all.extend(
        listening
            .iter()
            .map(|&at| end(Hold::Listening, at, ("0.0.0.0", 0))),
    );
    let table = PortTable::new(Protocol::Tcp, settings(), all, sight, BTreeMap::new());
    let listeners: Vec<Socket> = listening.iter().map(|&at| listener(at)).collect();
    let seen = Seen {
        tcp: table.holders(),
        tcp_table: Some(&table),
        udp_table: None,
        listeners: &listeners,
        unconnected: &[],
        counts: &BTreeMap::new(),
        ephemeral: Some(settings().ports),
        vitals: None,
        descriptors: None,
    };
    Summary::new(seen, None, &Thresholds::default())
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
        queues: Queues::Unknown,
        timer: None,
        uid: None,
        inode: None,
        cookie: None,
        mark: None,
        cgroup: None,
        details: None,
    }
}

#[test]
fn flows_are_of_clients_only() {
    let (here, there) = ("127.0.0.1", ("127.0.0.1", 40_005));
    let summary = summary(
        vec![
            end(ESTABLISHED, (here, 40_001), there),
            end(ESTABLISHED, there, (here, 40_001)),
            end(Hold::TimeWait { left_ms: 55_000 }, (here, 40_002), there),
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
    assert!((flow.trend.closes_per_s - 0.1).abs() < 1e-9);
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
    assert_eq!(summary.verdict(), flow.severity);
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
    let before = at(20).left();
    let mut flows = at(60).flows;
    flows::compare(&mut flows, &before, 2.0, &Thresholds::default());
    let trend = &flows[0].trend;
    assert!((trend.net.unwrap().per_s - 20.0).abs() < 1e-9, "{trend:?}");
    assert!(
        (trend.exhausted_in_s.unwrap() - 2.0).abs() < 1e-9,
        "{trend:?}"
    );
    assert_eq!(
        flows[0].severity,
        super::super::headroom::Severity::Critical
    );
    let mut flows = at(20).flows;
    flows::compare(&mut flows, &before, 2.0, &Thresholds::default());
    assert_eq!(flows[0].trend.exhausted_in_s, None);
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
    assert_eq!(open.verdict(), Severity::Notice);
    let private = summary(Vec::new(), &[("127.0.0.1", 6379), ("10.0.0.1", 5432)]);
    assert_eq!(private.findings(), []);
}

#[test]
fn a_range_of_which_nothing_is_to_be_had_is_critical_without_any_flow() {
    let bound = |port| end(Hold::Listening, ("0.0.0.0", port), ("0.0.0.0", 0));
    let all: Vec<_> = settings().ports.range.map(bound).collect();
    let summary = summary(all, &[]);
    assert_eq!(summary.fresh.as_ref().unwrap().bounds.expected, 0);
    assert_eq!(summary.verdict(), Severity::Critical);
    assert_eq!(summary.findings()[0].subject, Subject::NewFlow);
}
