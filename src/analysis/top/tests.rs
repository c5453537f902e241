//! Groups are what a plain count of the same rows says.

use super::*;
use crate::model::{
    Context, Details, Ends, Family, Held, InetEnds, Inode, NoNames, NoOwner, OwnerTable, Pid, Port,
    Process, Protocol, Row, Socket, State, TcpInfo, TcpMetric,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU64;

fn tcp(state: State, peer: IpAddr, port: u16, id: u64) -> Socket {
    Socket {
        protocol: Protocol::Tcp,
        family: if peer.is_ipv4() {
            Family::Inet
        } else {
            Family::Inet6
        },
        state,
        v6only: None,
        shutdown: None,
        ends: Ends::Inet(InetEnds {
            local: peer,
            peer,
            local_port: Port(40000),
            peer_port: Port(port),
            interface: None,
        }),
        queues: match state {
            State::Listen => Queues::Accept {
                length: 2,
                limit: Some(9),
            },
            State::TimeWait => Queues::Unknown,
            _ => Queues::Bytes { recv: 3, send: 5 },
        },
        timer: None,
        uid: None,
        inode: Inode::new(id),
        cookie: NonZeroU64::new(id).map(Cookie),
        mark: None,
        cgroup: None,
        details: None,
    }
}

fn top(fields: &[FieldId], sockets: &[Socket], owners: Option<&OwnerTable>, order: &str) -> Top {
    let context = Context {
        owners,
        names: &NoNames,
    };
    let (mut grouping, mut sample) = (Grouping::new(fields), Sample::default());
    for socket in sockets {
        grouping.add(Row { socket, context }, &mut sample);
    }
    let order = TopOrder::parse(order, fields, false).unwrap();
    rank(grouping, None, &sample, &order, usize::MAX)
}

fn numbers(top: &Top) -> Vec<(Vec<GroupValue<'_>>, u64)> {
    let groups = top.groups.iter();
    groups
        .map(|g| (top.values(g), g.counts.sockets()))
        .collect()
}

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[test]
fn sums_are_of_what_is_known() {
    let sockets = [
        tcp(State::Established, HOME, 80, 1),
        tcp(State::CloseWait, HOME, 80, 2),
        tcp(State::TimeWait, HOME, 80, 3),
        tcp(State::Listen, HOME, 80, 4),
    ];
    let top = top(&[FieldId::Dport], &sockets, None, "sockets");
    let [group] = &top.groups[..] else {
        panic!("one group")
    };
    assert_eq!(top.values(group), [GroupValue::Number(80)]);
    assert_eq!(group.counts.recv_queue(), Some(6));
    assert_eq!(group.counts.send_queue(), Some(10));
    assert_eq!(group.counts.accept_queue(), Some(2));
    assert_eq!(group.counts.queues_unknown, 1);
    let states: Vec<_> = group.counts.states().map(|(s, n)| (s.word(), n)).collect();
    let expected = [
        ("established", 1),
        ("time-wait", 1),
        ("close-wait", 1),
        ("listen", 1),
    ];
    assert_eq!(states, expected);
}

#[test]
fn a_socket_counts_once_in_each_group_and_once_in_all() {
    let mut owners = OwnerTable::new();
    let process = |pid, name: &[u8]| Process {
        pid: Pid(pid),
        name: Some(name.into()),
        uid: None,
    };
    let held = |id| Held::descriptor(Inode::new(id).unwrap(), 3);
    owners.add(process(9, b"worker"), None, &[held(1)]);
    owners.add(process(8, b"worker"), None, &[held(1), held(2)]);
    owners.add(process(7, b"parent"), None, &[held(1)]);
    let sockets = [
        tcp(State::Established, HOME, 80, 1),
        tcp(State::Established, HOME, 80, 2),
        tcp(State::TimeWait, HOME, 80, 0),
    ];
    let by_name = top(&[FieldId::Process], &sockets, Some(&owners), "sockets");
    let lingering = GroupValue::Missing(Missing::NoOwner(NoOwner::TimeWait));
    assert_eq!(
        numbers(&by_name),
        [
            (vec![GroupValue::Name(b"worker")], 2),
            (vec![GroupValue::Name(b"parent")], 1),
            (vec![lingering], 1),
        ]
    );
    assert_eq!(by_name.total.sockets(), 3);
    assert_eq!(by_name.shared, 1);
    // A name goes with its own pid, never with that of another holder.
    let both = [FieldId::Process, FieldId::Pid];
    let pairs = top(&both, &sockets, Some(&owners), "pid");
    let worker = |pid| vec![GroupValue::Name(b"worker"), GroupValue::Number(pid)];
    let parent = vec![GroupValue::Name(b"parent"), GroupValue::Number(7)];
    let expected = [
        (parent, 1),
        (worker(8), 2),
        (worker(9), 1),
        (vec![lingering; 2], 1),
    ];
    assert_eq!(numbers(&pairs), expected);
}

#[test]
fn mapped_addresses_are_the_ones_they_carry() {
    let mapped = "::ffff:127.0.0.1".parse().unwrap();
    let sockets = [
        tcp(State::Established, HOME, 1, 1),
        tcp(State::Established, mapped, 2, 2),
    ];
    for (field, groups) in [(FieldId::Dst, 1), (FieldId::Peer, 2), (FieldId::Src, 1)] {
        assert_eq!(
            top(&[field], &sockets, None, "sockets").groups.len(),
            groups
        );
    }
}

#[test]
fn columns_to_sort_by_are_found() {
    let by = [FieldId::Dport, FieldId::RecvQueue];
    let parse = |text| TopOrder::parse(text, &by, false).map(|o| (o[0].column, o[0].descending));
    assert_eq!(parse("count"), Ok((TopColumn::Sockets, true)));
    assert_eq!(parse("rport"), Ok((TopColumn::Value(0), false)));
    assert_eq!(parse("dport:desc"), Ok((TopColumn::Value(0), true)));
    assert_eq!(parse("recv-q"), Ok((TopColumn::Value(1), false)));
    assert_eq!(parse("send-q:asc"), Ok((TopColumn::SendQueue, false)));
    assert!(matches!(
        parse("Close_Wait"),
        Ok((TopColumn::State(_), true))
    ));
    assert!(matches!(parse("ESTAB"), Ok((TopColumn::State(_), true))));
    assert_eq!(parse("listening"), parse("listen"));
    assert_eq!(parse("estab"), parse("established"));
    assert_eq!(parse("closed"), parse("close"));
    assert_eq!(parse("acked"), Ok((TopColumn::BytesAcked, true)));
    assert_eq!(parse("RECEIVED"), Ok((TopColumn::BytesReceived, true)));
    for wrong in [
        "new",
        "churn",
        "sport",
        "sockets:up",
        "",
        "all",
        "connected",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
    assert!(TopOrder::parse("new,gone,churn", &by, true).is_ok());
    for name in TopOrder::names() {
        assert!(TopOrder::parse(name, &[], true).is_ok(), "{name}");
    }
}

#[test]
fn two_looks_tell_what_came_and_went() {
    let context = Context {
        owners: None,
        names: &NoNames,
    };
    let mut grouping = Grouping::new(&[FieldId::Dport]);
    let mut look = |sockets: &[(u16, u64)]| {
        let mut sample = Sample::default();
        for &(port, id) in sockets {
            let socket = tcp(State::Established, HOME, port, id);
            grouping.add(
                Row {
                    socket: &socket,
                    context,
                },
                &mut sample,
            );
        }
        sample
    };
    let before = look(&[(80, 1), (80, 2), (443, 3)]);
    let now = look(&[(80, 2), (80, 4), (80, 5), (22, 6)]);
    let order = TopOrder::usual(true);
    let second = Duration::from_secs(1);
    let top = rank(grouping, Some((&before, second)), &now, &order, usize::MAX);
    let seen: Vec<_> = top
        .groups
        .iter()
        .map(|g| (top.values(g)[0], g.counts.sockets(), g.counts.churn()))
        .collect();
    let port = GroupValue::Number;
    let expected = [
        (port(80), 3, Some((2, 1))),
        (port(22), 1, Some((1, 0))),
        (port(443), 0, Some((0, 1))),
    ];
    assert_eq!(seen, expected);
    assert_eq!(top.total.churn(), Some((3, 2)));
}

/// A connection to port 80 whose counters are known, unless it has none.
fn carrying(cookie: u64, bytes: Option<(u64, u64)>) -> Socket {
    let mut values = [0; TcpMetric::ALL.len()];
    let mut known = 0;
    for (metric, n) in bytes.into_iter().flat_map(|(received, acked)| {
        [
            (TcpMetric::BytesReceived, received),
            (TcpMetric::BytesAcked, acked),
        ]
    }) {
        values[metric as usize] = n;
        known |= 1 << metric as u32;
    }
    let details = Details {
        tcp: Some(TcpInfo::new(values, known)),
        ..Details::default()
    };
    Socket {
        details: Some(Box::new(details)),
        ..tcp(State::Established, HOME, 80, cookie)
    }
}

fn look(grouping: &mut Grouping, sockets: &[Socket]) -> Sample {
    let context = Context {
        owners: None,
        names: &NoNames,
    };
    let mut sample = Sample::default();
    for socket in sockets {
        grouping.add(Row { socket, context }, &mut sample);
    }
    sample
}

#[test]
fn bytes_are_those_since_the_look_before() {
    let mut grouping = Grouping::new(&[FieldId::Dport]);
    let before = look(
        &mut grouping,
        &[
            carrying(1, Some((1000, 10))),
            carrying(2, Some((500, 5))),
            carrying(3, None),
        ],
    );
    let now = look(
        &mut grouping,
        &[
            carrying(1, Some((1700, 10))),
            // Made meanwhile: all that it carried counts; of the next it is not known how much it had carried.
            carrying(4, Some((20, 7))),
            carrying(3, Some((9000, 9000))),
            carrying(5, None),
        ],
    );
    let order = TopOrder::parse("traffic", &[], true).unwrap();
    let earlier = Some((&before, Duration::from_secs(1)));
    let top = rank(grouping, earlier, &now, &order, usize::MAX);
    let counts = top.groups[0].counts;
    let bytes = |received, acked| Some(Bytes { received, acked });
    assert_eq!(counts.moved(), bytes(720, 7));
    assert_eq!(counts.carried(), bytes(10_720, 9017));
    assert_eq!(counts.bytes_unknown, 1);
    assert_eq!(top.total.moved(), counts.moved());
}

#[test]
fn bytes_of_what_is_no_connection_are_neither_known_nor_unknown() {
    let mut grouping = Grouping::new(&[FieldId::Dport]);
    let sample = look(&mut grouping, &[tcp(State::Listen, HOME, 0, 1)]);
    let top = rank(grouping, None, &sample, &TopOrder::usual(false), 9);
    assert_eq!(top.total.carried(), None);
    assert_eq!(top.total.bytes_unknown, 0);
}

#[test]
fn without_cookies_nobody_knows_what_is_new() {
    let context = Context {
        owners: None,
        names: &NoNames,
    };
    let mut grouping = Grouping::new(&[FieldId::Dport]);
    let mut sample = Sample::default();
    let mut socket = tcp(State::Established, HOME, 80, 1);
    socket.cookie = None;
    grouping.add(
        Row {
            socket: &socket,
            context,
        },
        &mut sample,
    );
    let earlier = Sample::default();
    let second = Duration::from_secs(1);
    let order = TopOrder::usual(true);
    let top = rank(grouping, Some((&earlier, second)), &sample, &order, 9);
    assert_eq!(top.groups[0].counts.churn(), None);
    assert_eq!(top.total.churn(), None);
}

proptest! {
    #[test]
    fn groups_are_what_a_plain_count_says(
        rows in proptest::collection::vec((0u16..5, 0u8..3, 0u8..3), 0..60),
        limit in 0usize..12,
    ) {
        let states = [State::Established, State::CloseWait, State::SynSent];
        let sockets: Vec<_> = rows.iter().map(|&(port, state, last)| {
            tcp(states[usize::from(state)], [10, 0, 0, last].into(), port + 1, 0)
        }).collect();
        let mut plain: BTreeMap<_, u64> = BTreeMap::new();
        for (socket, &(port, _, last)) in sockets.iter().zip(&rows) {
            let state = socket.state.word(Protocol::Tcp);
            *plain.entry((port + 1, state, last)).or_default() += 1;
        }
        let mut expected: Vec<_> = plain.into_iter().map(|((port, state, last), count)| {
            let address = IpAddr::from([10, 0, 0, last]);
            let values = [GroupValue::Number(port.into()), GroupValue::Word(state), GroupValue::Address(address)];
            (values.to_vec(), count)
        }).collect();
        expected.sort_by_key(|(_, count)| std::cmp::Reverse(*count));

        let fields = [FieldId::Dport, FieldId::State, FieldId::Dst];
        let context = Context { owners: None, names: &NoNames };
        let (mut grouping, mut sample) = (Grouping::new(&fields), Sample::default());
        for socket in &sockets {
            grouping.add(Row { socket, context }, &mut sample);
        }
        let top = rank(grouping, None, &sample, &TopOrder::usual(false), limit);
        prop_assert_eq!(top.total.sockets(), rows.len() as u64);
        prop_assert_eq!(top.more, expected.len().saturating_sub(limit) as u64);
        expected.truncate(limit);
        prop_assert_eq!(numbers(&top), expected);
    }
}
