//! Sockets that are only understood together, rules of the firewall, and addresses without a table.

use super::tests::{Case, PORT, kinds, socket};
use super::{Remedy, Verdict};
use crate::model::{Ends, IfIndex, Port, Protocol, Redirect, RouteKind, Socket, State, Uid};
use std::net::{IpAddr, Ipv4Addr};

fn of_user(mut socket: Socket, uid: u32) -> Socket {
    socket.uid = Some(Uid(uid));
    socket
}

#[test]
fn listeners_that_share_let_no_other_user_in() {
    let listener = |uid| of_user(socket(Protocol::Tcp, State::Listen, "0.0.0.0", None), uid);
    let mut case = Case::with(vec![listener(5), listener(5)]);
    let answer = case.tcp(Some("0.0.0.0"));
    assert_eq!(kinds(&answer), [("reuseport-other-user", Some(true))]);
    let remedy = Remedy::ShareAsUser { uid: Uid(5) };
    assert!(answer.reasons[0].remedies.contains(&remedy));
    case.uid = 5;
    let answer = case.tcp(Some("0.0.0.0"));
    assert_eq!(kinds(&answer), [("listener", Some(true))]);
    // One alone proves nothing.
    let case = Case::with(vec![listener(5)]);
    let answer = case.tcp(Some("0.0.0.0"));
    assert_eq!(kinds(&answer), [("listener", Some(true))]);
}

#[test]
fn bound_sockets_race_where_they_meet() {
    let at = |state, address| socket(Protocol::Tcp, state, address, None);
    let kind = |others: Vec<Socket>| {
        let mut sockets = vec![at(State::BoundInactive, "127.0.0.1")];
        sockets.extend(others);
        let answer = Case::with(sockets).tcp(Some("127.0.0.1"));
        let kinds = kinds(&answer);
        kinds.iter().map(|(kind, _)| *kind).collect::<Vec<_>>()
    };
    assert_eq!(kind(vec![]), ["bound-not-listening"]);
    let beside = at(State::BoundInactive, "127.0.0.1");
    assert_eq!(kind(vec![beside]), ["listen-race"]);
    let listener = at(State::Listen, "127.0.0.1");
    assert_eq!(kind(vec![listener.clone()]), ["listener", "listen-race"]);
    let elsewhere = at(State::Listen, "127.0.0.2");
    assert_eq!(kind(vec![elsewhere]), ["bound-not-listening", "listener"]);
    let mut on_devices = [at(State::BoundInactive, "0.0.0.0"), listener];
    for (n, socket) in (1..).zip(&mut on_devices) {
        if let Ends::Inet(ends) = &mut socket.ends {
            ends.interface = IfIndex::new(n);
        }
    }
    let answer = Case::with(on_devices.to_vec()).tcp(Some("0.0.0.0"));
    let kinds = kinds(&answer);
    assert!(
        kinds.iter().any(|(kind, _)| *kind == "bound-not-listening"),
        "{kinds:?}"
    );
}

fn rule(ports: std::ops::RangeInclusive<u16>, to_port: Option<u16>) -> Redirect {
    Redirect {
        families: (true, false),
        protocol: Some(Protocol::Tcp),
        ports: vec![ports],
        destination: None,
        is_conditional: false,
        hooks: (true, false),
        to_address: None,
        to_port: to_port.map(Port),
        table: b"nat".to_vec(),
        chain: b"pre".to_vec(),
    }
}

#[test]
fn rules_take_connections_away_and_bring_them() {
    let ask = |rule: Redirect, address: Option<&str>| {
        let mut case = Case::with(Vec::new());
        case.redirects = vec![rule];
        case.facts.nonlocal_v6 = Some(true);
        let answer = case.tcp(address);
        assert_eq!(answer.verdict, Verdict::Free, "it is no matter of bind(2)");
        kinds(&answer).first().map(|(kind, _)| *kind)
    };
    let number = PORT.0;
    let away = Some("redirected");
    assert_eq!(ask(rule(number..=number, Some(9)), None), away);
    assert_eq!(ask(rule(0..=u16::MAX, Some(9)), Some("127.0.0.1")), away);
    assert_eq!(ask(rule(1..=9, Some(10)), None), None);
    assert_eq!(
        ask(rule(1..=9, Some(number)), None),
        Some("redirected-here")
    );
    // It keeps its port, or is sent there anyway.
    assert_eq!(ask(rule(number..=number, None), None), None);
    assert_eq!(ask(rule(0..=u16::MAX, Some(number)), None), None);
    // IPv6 is another matter.
    assert_eq!(ask(rule(number..=number, Some(9)), Some("::1")), None);
    let mut to = rule(number..=number, None);
    to.to_address = Some(IpAddr::from([10, 1, 2, 3]));
    assert_eq!(ask(to.clone(), None), away);
    // The address of a service that is not this host's own.
    to.destination = Some(IpAddr::from([10, 96, 0, 1]));
    assert_eq!(ask(to.clone(), None), None);
    to.destination = Some(IpAddr::from([127, 0, 0, 1]));
    assert_eq!(ask(to.clone(), None), away);
    assert_eq!(ask(to.clone(), Some("127.0.0.2")), None);
    to.protocol = Some(Protocol::Udp);
    assert_eq!(ask(to, None), None);
}

/// Measured on Linux 6.18 in a namespace whose lo was never up.
#[test]
fn without_a_table_of_addresses_any_can_be_bound() {
    let mut case = Case::with(Vec::new());
    let asked = ["192.0.2.1", "127.0.0.1"];
    case.facts.routes = asked
        .map(|a| (a.parse::<Ipv4Addr>().unwrap(), RouteKind::Elsewhere))
        .to_vec();
    for (no_table, verdict) in [
        (Some(true), Verdict::Free),
        (Some(false), Verdict::Blocked),
        (None, Verdict::Unknown),
    ] {
        case.facts.no_local_table = no_table;
        for address in asked {
            assert_eq!(case.tcp(Some(address)).verdict, verdict, "{address}");
        }
    }
}
