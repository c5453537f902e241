//! The rules on made-up sockets: what no test can make a kernel do (other releases, settings that cannot be read), and what holds
//! of every world. Counting against a kernel is in `tests/it/live_headroom`.

use super::*;
use crate::model::{
    AllocationSettings, Cookie, EphemeralPorts, Hold, KernelRelease, Opened, PortHolder, State,
    TwReuse,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

const LOW: u16 = 40_000;

fn settings() -> AllocationSettings {
    AllocationSettings {
        kernel: Some(KernelRelease::new(6, 18, 0)),
        ports: EphemeralPorts {
            range: LOW..=LOW + 39,
            reserved: Some(vec![]),
        },
        tw_reuse: Some(TwReuse::Loopback),
        tw_reuse_delay_ms: 1000,
        timestamps: Some(true),
        autobind_reuse: Some(false),
    }
}

const SIGHT: Sight = Sight {
    bound: true,
    whole: true,
    interfaces: true,
    routes_unasked: 0,
};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn flow() -> HeadroomFlow {
    HeadroomFlow {
        protocol: Protocol::Tcp,
        source: address("10.0.0.5"),
        destination: address("10.0.0.7"),
        destination_port: Port(443),
        interface: None,
        mode: Mode::Connect,
        socket_range: None,
        mapped: false,
    }
}

/// A connection of [`flow`] that connect() may have made.
fn holder(port: u16) -> PortHolder {
    PortHolder {
        port: Port(LOW + port),
        family: Family::Inet,
        local: address("10.0.0.5"),
        peer: address("10.0.0.7"),
        peer_port: Port(443),
        interface: None,
        hold: Hold::Live(State::Established),
        v6only: None,
        explicit: Some(false),
        late_port: Some(false),
        opened: Some(Opened::Actively),
        timestamps: Some(true),
        cookie: None,
        inode: None,
        mapped: false,
        quiet_ms: None,
        resent: None,
    }
}

/// The same to another peer.
fn elsewhere(port: u16) -> PortHolder {
    PortHolder {
        peer: address("10.0.0.8"),
        ..holder(port)
    }
}

fn time_wait(port: u16, left_ms: u32) -> PortHolder {
    PortHolder {
        hold: Hold::TimeWait { left_ms },
        explicit: None,
        late_port: None,
        opened: None,
        timestamps: None,
        ..holder(port)
    }
}

fn numbered(mut holders: Vec<PortHolder>) -> Vec<PortHolder> {
    for (n, holder) in holders.iter_mut().enumerate() {
        holder.cookie = NonZeroU64::new(n as u64 + 1).map(Cookie);
    }
    holders
}

fn answer(settings: AllocationSettings, holders: Vec<PortHolder>) -> Headroom {
    let table = PortTable::new(
        Protocol::Tcp,
        settings,
        numbered(holders),
        SIGHT,
        BTreeMap::new(),
    );
    headroom(&table, &flow())
}

fn bounds(headroom: &Headroom) -> (Option<u32>, u32, u32) {
    let bounds = headroom.bounds;
    (bounds.min, bounds.expected, bounds.max)
}

#[test]
fn older_kernels_keep_ports_closed_so_nothing_occupied_is_certain() {
    let twins = vec![
        elsewhere(0),
        PortHolder {
            peer: address("10.0.0.9"),
            ..holder(0)
        },
    ];
    assert_eq!(
        bounds(&answer(settings(), twins.clone())),
        (Some(40), 40, 40)
    );
    for kernel in [Some(KernelRelease::new(6, 12, 117)), None] {
        let old = AllocationSettings {
            kernel,
            ..settings()
        };
        let answer = answer(old, twins.clone());
        assert_eq!(bounds(&answer), (Some(39), 40, 40));
        let kinds: Vec<_> = answer.doubts.iter().map(|d| d.kind).collect();
        assert_eq!(kinds, [DoubtKind::Provenance, DoubtKind::StickyBuckets]);
    }
}

#[test]
fn a_third_socket_at_another_address_may_be_bound() {
    let third = PortHolder {
        local: address("10.0.0.6"),
        ..elsewhere(0)
    };
    let twins = vec![
        elsewhere(0),
        PortHolder {
            peer: address("10.0.0.9"),
            ..holder(0)
        },
        third,
    ];
    assert_eq!(bounds(&answer(settings(), twins)), (Some(39), 40, 40));
}

#[test]
fn bind_leaves_port_parity_as_evidence() {
    assert_eq!(
        bounds(&answer(settings(), vec![elsewhere(2)])),
        (Some(39), 40, 40)
    );
    assert_eq!(
        bounds(&answer(settings(), vec![elsewhere(3)])),
        (Some(39), 39, 40)
    );
    // When its flow has every other port that connect() prefers, it is no evidence.
    let full: Vec<_> = (0..20)
        .map(|n| elsewhere(n * 2))
        .chain([elsewhere(3)])
        .collect();
    assert_eq!(bounds(&answer(settings(), full)), (Some(19), 40, 40));
}

/// A table of these, where an unbound socket has 10.0.0.5.
fn routed(holders: Vec<PortHolder>) -> PortTable {
    let table = PortTable::new(
        Protocol::Tcp,
        settings(),
        numbered(holders),
        SIGHT,
        BTreeMap::new(),
    );
    let asked = table.peers_in_question();
    table.with_sources(
        asked
            .into_iter()
            .map(|peer| (peer, address("10.0.0.5")))
            .collect(),
        0,
    )
}

#[test]
fn an_address_that_is_not_the_routes_was_bound() {
    let elsewhere = |port| PortHolder {
        local: address("10.0.0.6"),
        ..elsewhere(port)
    };
    let expected = |holders| headroom(&routed(holders), &flow()).bounds.expected;
    assert_eq!(expected(vec![elsewhere(0)]), 39);
    // Nothing but parity tells of what is left of it, unless its client left other ports to connect(), or named them.
    let lingering = |port| PortHolder {
        hold: Hold::TimeWait { left_ms: 50_000 },
        explicit: None,
        late_port: None,
        opened: None,
        ..elsewhere(port)
    };
    assert_eq!(expected(vec![lingering(0)]), 40);
    assert_eq!(expected(vec![lingering(1)]), 39);
    let named = PortHolder {
        explicit: Some(true),
        ..elsewhere(4)
    };
    assert_eq!(expected(vec![lingering(0), named]), 38);
    let late = PortHolder {
        late_port: Some(true),
        ..elsewhere(4)
    };
    assert_eq!(expected(vec![lingering(0), late]), 40);
}

/// Sockets born in this order, from a number on.
fn born(from: u64, holders: impl IntoIterator<Item = PortHolder>) -> Vec<PortHolder> {
    let born = |(number, holder)| PortHolder {
        inode: crate::model::Inode::new(number),
        ..holder
    };
    (from..).zip(holders).map(born).collect()
}

#[test]
fn who_had_the_half_of_bind_first_had_it_full_and_not_that_of_connect() {
    let preferred = || (0..20).map(|n| elsewhere(n * 2));
    let others = || (0..20).map(|n| elsewhere(n * 2 + 1));
    let expected = |holders| headroom(&routed(holders), &flow()).bounds.expected;
    assert_eq!(expected(born(2048, others().chain(preferred()))), 0);
    assert_eq!(expected(born(2048, preferred().chain(others()))), 40);
    // Another processor has other numbers: these say nothing, and what can be is as it is most often.
    let batches = born(2048, preferred()).into_iter();
    assert_eq!(expected(batches.chain(born(1024, others())).collect()), 40);
    // A half that is not full gives nobody cause to turn to the other.
    let some = [1, 11, 21, 31, 39, 2, 12, 22, 38].map(elsewhere);
    assert_eq!(expected(born(2048, some)), 35);
}

#[test]
fn a_socket_of_an_interface_meets_those_of_none() {
    let full = (0..20).map(|n| elsewhere(n * 2));
    let device = PortHolder {
        interface: IfIndex::new(7),
        ..elsewhere(3)
    };
    let expected = |holders| headroom(&routed(holders), &flow()).bounds.expected;
    assert_eq!(expected(full.chain([device]).collect()), 40);
    assert_eq!(expected(vec![device]), 39);
}

#[test]
fn ports_that_bind_named_have_both_parities_alike() {
    let gone = |ports: &[u16]| -> Vec<_> {
        ports
            .iter()
            .map(|&port| PortHolder {
                peer: address("10.0.0.8"),
                ..time_wait(port, 50_000)
            })
            .collect()
    };
    let expected = |holders| headroom(&routed(holders), &flow()).bounds.expected;
    assert_eq!(expected(gone(&[0, 7, 12, 21, 30, 35])), 34);
    assert_eq!(
        expected(gone(&[0, 6, 12, 20, 31])),
        35,
        "four of five are rare, two allocators rarer"
    );
    let most: Vec<_> = (0..17).map(|n| n * 2 + 1).chain([8, 20]).collect();
    assert_eq!(
        expected(gone(&most)),
        23,
        "two of nineteen are of connect()"
    );
    // Beside one that was named it takes more to think otherwise.
    let named = PortHolder {
        explicit: Some(true),
        ..elsewhere(39)
    };
    let with_named = |ports| expected(gone(ports).into_iter().chain([named]).collect());
    assert_eq!(with_named(&[0, 4]), 37);
    assert_eq!(with_named(&[0, 4, 8, 14, 20, 26]), 39);
}

#[test]
fn what_waits_for_its_peer_comes_back_in_time() {
    let orphan = |port, left_ms| PortHolder {
        hold: Hold::OrphanFinWait2 { left_ms },
        ..time_wait(port, 0)
    };
    let unanswered = PortHolder {
        hold: Hold::Live(State::SynSent),
        ..holder(7)
    };
    let other = PortHolder {
        peer: address("10.0.0.8"),
        ..orphan(6, 50_000)
    };
    let table = routed(vec![orphan(2, 4_000), orphan(4, 9_000), other, unanswered]);
    let found = remedies(&table, &flow(), &headroom(&table, &flow()), false);
    let fresh = Fresh::new(&table);
    let ports = [2, 4, 7].map(|n| Port(LOW + n));
    let now = fresh.headroom(&table, &flow(), &ports);
    let in_turn = Prospects::new(&table, &fresh).of(&flow(), &ports, &now);
    for remedies in [found, in_turn] {
        let of = |kind| {
            let found = remedies.iter().find(|r| r.kind == kind);
            found.map(|r| (r.gain, r.within_ms))
        };
        assert_eq!(of(RemedyKind::FinTimeout), Some((Some(2), Some(9_000))));
        assert_eq!(of(RemedyKind::SynRetries), Some((Some(1), Some(120_000))));
        assert_eq!(of(RemedyKind::CloseWait), None);
    }
}

#[test]
fn an_ipv4_flow_of_udp_may_be_an_ipv6_sockets() {
    let only = |port, v6only| PortHolder {
        family: Family::Inet6,
        local: address("::1"),
        peer: address("::"),
        peer_port: Port(0),
        hold: Hold::Bound,
        v6only,
        ..holder(port)
    };
    let holders = vec![only(3, Some(true)), only(4, Some(false)), only(5, None)];
    let table = PortTable::new(
        Protocol::Udp,
        settings(),
        numbered(holders),
        SIGHT,
        BTreeMap::new(),
    );
    let udp = HeadroomFlow {
        protocol: Protocol::Udp,
        ..flow()
    };
    let said = headroom(&table, &udp);
    assert_eq!(
        said.bounds.min,
        Some(37),
        "an IPv6 socket gets none of the three"
    );
    assert_eq!(said.bounds.max, 39);
    let doubts: Vec<_> = said.doubts.iter().map(|d| (d.kind, d.ports)).collect();
    assert_eq!(
        doubts,
        [
            (DoubtKind::V6only, Some(1)),
            (DoubtKind::ClientFamily, Some(1))
        ]
    );
    let mapped = HeadroomFlow {
        mapped: true,
        ..udp.clone()
    };
    assert_eq!(bounds(&headroom(&table, &mapped)), (Some(37), 37, 37));
    let at_address = HeadroomFlow {
        mode: Mode::Bind,
        ..udp
    };
    assert_eq!(bounds(&headroom(&table, &at_address)), (Some(40), 40, 40));
}

#[test]
fn what_was_not_asked_and_not_seen_is_said() {
    let doubts = |table: &PortTable| -> Vec<_> {
        let said = headroom(table, &flow());
        said.doubts.iter().map(|d| d.kind).collect()
    };
    let table = |sight| {
        let holders = numbered(vec![elsewhere(2)]);
        PortTable::new(Protocol::Tcp, settings(), holders, sight, BTreeMap::new())
    };
    let asked = table(SIGHT).with_sources(Sources::new(), 1);
    assert_eq!(
        doubts(&asked),
        [DoubtKind::Provenance, DoubtKind::RoutesUnasked]
    );
    let merged = table(Sight {
        interfaces: false,
        ..SIGHT
    });
    assert_eq!(
        doubts(&merged),
        [DoubtKind::Provenance, DoubtKind::InterfacesUnseen]
    );
}

#[test]
fn ports_close_together_beside_scattered_ones_are_of_a_range_of_their_own() {
    let scattered = (0..8).map(|n| elsewhere(n * 4));
    let close = [11, 13, 15, 17, 19, 21].map(elsewhere);
    let far = [1, 9, 17, 25, 33, 39].map(elsewhere);
    let expected = |others: [PortHolder; 6]| {
        let all = scattered.clone().chain(others).collect();
        headroom(&routed(all), &flow()).bounds.expected
    };
    assert_eq!(expected(close), 40);
    assert_eq!(expected(far), 34);
}

#[test]
fn what_bind_finds_full_shows_where_its_ports_of_the_other_half_are_from() {
    let overflow = |more: Vec<PortHolder>| {
        let odd = (0..20).map(|n| elsewhere(n * 2 + 1));
        let all = odd.chain([elsewhere(6), elsewhere(10)]).chain(more);
        headroom(&routed(all.collect()), &flow()).bounds.expected
    };
    assert_eq!(overflow(vec![]), 18);
    // bind(address, 0) never gives a port that somebody has at that address.
    let company = PortHolder {
        hold: Hold::TimeWait { left_ms: 50_000 },
        peer: address("10.0.0.9"),
        opened: None,
        explicit: None,
        late_port: None,
        ..holder(6)
    };
    assert_eq!(overflow(vec![company]), 20);
}

#[test]
fn both_parities_within_few_ports_are_a_range_of_its_own() {
    let mut settings = settings();
    settings.ports.range = LOW..=LOW + 999;
    let table = |ports: std::ops::Range<u16>| {
        let holders = ports.map(holder).collect();
        let (sight, probed) = (SIGHT, BTreeMap::new());
        PortTable::new(
            Protocol::Tcp,
            settings.clone(),
            numbered(holders),
            sight,
            probed,
        )
    };
    let found = pinned(&table(100..116), &flow()).unwrap();
    assert_eq!(found.range, LOW + 100..=LOW + 115);
    assert_eq!(found.left, 0);
    let other = HeadroomFlow {
        destination: address("10.0.0.8"),
        ..flow()
    };
    assert_eq!(pinned(&table(100..116), &other), None);
    assert_eq!(pinned(&table(100..104), &flow()), None, "too few to say");
    // So they came from connect().
    assert_eq!(headroom(&table(100..116), &other).bounds.expected, 1000);
}

#[test]
fn time_waits_count_by_age_setting_and_timestamps() {
    let with = |reuse, left, timestamps| {
        let settings = AllocationSettings {
            tw_reuse: reuse,
            timestamps,
            ..settings()
        };
        let answer = answer(settings, vec![time_wait(0, left)]);
        (answer.bounds.expected, answer.bounds.max)
    };
    assert_eq!(with(Some(TwReuse::Always), 50_000, Some(true)), (40, 40));
    assert_eq!(with(Some(TwReuse::Always), 59_500, Some(true)), (39, 40));
    assert_eq!(with(Some(TwReuse::Always), 50_000, Some(false)), (39, 40));
    assert_eq!(with(Some(TwReuse::Loopback), 50_000, Some(true)), (39, 39));
    assert_eq!(with(Some(TwReuse::Never), 50_000, Some(true)), (39, 39));
    assert_eq!(with(None, 50_000, Some(true)), (39, 40));
}

#[test]
fn what_lingers_without_a_listener_at_its_peer_was_accepted() {
    let here = PortHolder {
        local: address("127.0.0.1"),
        peer: address("127.0.0.1"),
        ..time_wait(0, 50_000)
    };
    assert_eq!(bounds(&answer(settings(), vec![here])), (Some(39), 39, 40));
    let server = PortHolder {
        port: Port(443),
        hold: Hold::Listening,
        ..holder(0)
    };
    let both = answer(settings(), vec![here, server]);
    assert_eq!(bounds(&both), (Some(39), 40, 40));
}

#[test]
fn a_live_connection_without_timestamps_speaks_for_its_peer() {
    let settings = AllocationSettings {
        tw_reuse: Some(TwReuse::Always),
        ..settings()
    };
    let bare = PortHolder {
        timestamps: Some(false),
        ..holder(2)
    };
    let answer = answer(settings, vec![time_wait(0, 50_000), bare]);
    assert_eq!(bounds(&answer), (Some(38), 38, 39));
    assert_eq!(answer.parts.of(Fate::TimeWaitDoubtful), 1);
}

#[test]
fn what_a_socket_was_stays_known_in_time_wait() {
    let cookie = NonZeroU64::new(7).map(Cookie);
    let before = PortHolder {
        explicit: Some(true),
        cookie,
        ..elsewhere(0)
    };
    let after = PortHolder {
        cookie,
        peer: address("10.0.0.8"),
        ..time_wait(0, 59_999)
    };
    let table = PortTable::new(
        Protocol::Tcp,
        settings(),
        vec![before, after],
        SIGHT,
        BTreeMap::new(),
    );
    assert_eq!(table.on(LOW).len(), 1);
    assert_eq!(table.bucket(LOW), Bucket::Closed(Closer::Explicit));
}

#[test]
fn what_cannot_be_seen_leaves_no_certain_number() {
    let unseen = |sight, reserved| {
        let mut settings = settings();
        settings.ports.reserved = reserved;
        let table = PortTable::new(Protocol::Tcp, settings, vec![], sight, BTreeMap::new());
        headroom(&table, &flow()).bounds
    };
    let blind = Sight {
        bound: false,
        ..SIGHT
    };
    let torn = Sight {
        whole: false,
        ..SIGHT
    };
    for bounds in [
        unseen(blind, Some(vec![])),
        unseen(torn, Some(vec![])),
        unseen(SIGHT, None),
    ] {
        assert_eq!((bounds.min, bounds.expected, bounds.max), (None, 40, 40));
        assert!(!bounds.is_exact());
    }
}

#[test]
fn remedies_gain_what_the_function_says() {
    let holders: Vec<_> = (0..20)
        .map(|n| n * 2)
        .chain((0..10).map(|n| n * 2 + 1))
        .map(|port| time_wait(port, 30_000))
        .collect();
    let table = PortTable::new(
        Protocol::Tcp,
        settings(),
        numbered(holders),
        SIGHT,
        BTreeMap::new(),
    );
    let now = headroom(&table, &flow());
    assert_eq!(now.bounds.expected, 10);
    assert_eq!(Severity::of(&now), Some(Severity::Notice));
    let gains: Vec<_> = remedies(&table, &flow(), &now, true)
        .into_iter()
        .map(|remedy| (remedy.kind, remedy.gain))
        .collect();
    assert!(gains.contains(&(RemedyKind::Reuse, None)));
    assert!(
        gains.contains(&(RemedyKind::WidenRange, Some(64_512 - 40))),
        "{gains:?}"
    );
    // The flow holds every port that connect() prefers, so all its TIME_WAITs are connect()'s.
    assert!(
        gains.contains(&(RemedyKind::TwReuse, Some(30))),
        "{gains:?}"
    );
    assert!(!gains.iter().any(|(kind, _)| *kind == RemedyKind::LatePort));
    let bind = HeadroomFlow {
        mode: Mode::Bind,
        ..flow()
    };
    let now = headroom(&table, &bind);
    assert_eq!(now.bounds.max, 10);
    let other = HeadroomFlow {
        destination_port: Port(80),
        ..bind
    };
    let late = remedies(&table, &other, &now, false)
        .into_iter()
        .find(|r| r.kind == RemedyKind::LatePort);
    assert_eq!(late.unwrap().gain, Some(30));
}

/// Any holder of a port, likely ones and odd ones.
fn any_holder() -> impl Strategy<Value = PortHolder> {
    let hold = prop_oneof![
        4 => Just(Hold::Live(State::Established)),
        1 => Just(Hold::Live(State::SynSent)),
        1 => Just(Hold::Live(State::Unknown(77))),
        1 => Just(Hold::Listening),
        1 => Just(Hold::Bound),
        3 => (0u32..70_000).prop_map(|left_ms| Hold::TimeWait { left_ms }),
        1 => (0u32..70_000).prop_map(|left_ms| Hold::OrphanFinWait2 { left_ms }),
    ];
    let local = ["10.0.0.5", "10.0.0.6", "0.0.0.0", "::", "::1", "127.0.0.1"];
    let local = proptest::sample::select(local.to_vec());
    let peer = proptest::sample::select(&["10.0.0.7", "10.0.0.8", "127.0.0.1", "::1"][..]);
    let flags = (
        any::<Option<bool>>(),
        any::<Option<bool>>(),
        any::<Option<bool>>(),
        any::<Option<bool>>(),
    );
    (
        0u16..50,
        hold,
        local,
        peer,
        flags,
        0u32..3,
        proptest::option::of(1u64..60),
        any::<bool>(),
    )
        .prop_map(
            |(port, hold, local, peer, flags, interface, cookie, active)| {
                let local: IpAddr = address(local);
                PortHolder {
                    port: Port(LOW - 5 + port),
                    family: if local.is_ipv4() {
                        Family::Inet
                    } else {
                        Family::Inet6
                    },
                    local,
                    peer: address(peer),
                    peer_port: Port(443),
                    interface: IfIndex::new(interface),
                    hold,
                    v6only: flags.0,
                    explicit: flags.1,
                    late_port: flags.2,
                    opened: active.then_some(Opened::Actively),
                    timestamps: flags.3,
                    cookie: cookie.and_then(NonZeroU64::new).map(Cookie),
                    inode: None,
                    mapped: false,
                    quiet_ms: None,
                    resent: None,
                }
            },
        )
}

fn any_flow() -> impl Strategy<Value = HeadroomFlow> {
    let mode = prop_oneof![Just(Mode::Connect), Just(Mode::Bind), Just(Mode::BindAny)];
    let ends = prop_oneof![
        Just(("10.0.0.5", "10.0.0.7")),
        Just(("127.0.0.1", "127.0.0.1")),
        Just(("::1", "::1"))
    ];
    let range = proptest::option::of((LOW - 9..LOW + 60, 0u16..50));
    (any::<bool>(), mode, ends, range, 0u32..3).prop_map(|(udp, mode, ends, range, interface)| {
        HeadroomFlow {
            protocol: if udp { Protocol::Udp } else { Protocol::Tcp },
            source: address(ends.0),
            destination: address(ends.1),
            interface: IfIndex::new(interface),
            mode,
            socket_range: range.map(|(low, more)| low..=low + more),
            ..flow()
        }
    })
}

proptest! {
    #[test]
    fn every_port_has_one_fate_and_the_numbers_are_in_order(
        holders in proptest::collection::vec(any_holder(), 0..80),
        flow in any_flow(),
        size in 1u16..45,
        reuse in 0u32..4,
        reserved in proptest::option::of(proptest::collection::vec(LOW - 2..LOW + 42, 0..4)),
        probed in proptest::collection::btree_map(LOW..LOW + 40, any::<bool>(), 0..20),
        bound in any::<bool>(),
    ) {
        let mut settings = settings();
        settings.ports.range = LOW..=LOW + size - 1;
        settings.ports.reserved = reserved.map(|ports| ports.into_iter().map(|p| p..=p).collect());
        settings.tw_reuse = TwReuse::from_number(reuse);
        let sight = Sight { bound, ..SIGHT };
        let table = PortTable::new(flow.protocol, settings, holders, sight, BTreeMap::new());
        let before = headroom(&table, &flow);
        prop_assert_eq!(before.parts.size() as usize, before.range.len());
        let (min, expected, max) = bounds(&before);
        prop_assert!(min.unwrap_or(0) <= expected && expected <= max, "{:?}", before);
        prop_assert!(max <= before.capacity, "{:?}", before);
        let asked = unsure_ports(&table, &flow);
        prop_assert!(asked.iter().all(|p| before.range.contains(&p.0)));
        // Knowing more about buckets never lets what was certain be less, or what was impossible be more.
        let unsure = |port: &u16| asked.contains(&Port(*port));
        let answers: BTreeMap<_, _> = probed.into_iter().filter(|(port, _)| unsure(port)).collect();
        let after = headroom(&table.with_settings(table.settings().clone()).with_probed(answers), &flow);
        prop_assert!(after.bounds.min >= before.bounds.min, "{:?} {:?}", before, after);
        prop_assert!(after.bounds.max <= max, "{:?} {:?}", before, after);
        if flow.protocol == Protocol::Tcp && flow.mode == Mode::Connect && flow.socket_range.is_none() {
            let mut ports: Vec<_> = table.holders().iter().filter(|h| h.peer == flow.destination).map(|h| h.port).collect();
            ports.dedup();
            prop_assert_eq!(&Fresh::new(&table).headroom(&table, &flow, &ports), &before);
        }
        let empty = PortTable::new(flow.protocol, self::settings(), vec![], SIGHT, BTreeMap::new());
        for remedy in remedies(&empty, &flow, &before, true) {
            prop_assert!(remedy.gain != Some(0));
        }
    }
}
