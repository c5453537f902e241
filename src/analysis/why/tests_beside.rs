//! Sockets that are only understood together, rules of the firewall, and addresses without a table.

use super::tests::{Case, kinds, socket};
use super::{Remedy, Verdict};
use crate::model::{Ends, IfIndex, Protocol, RouteKind, Socket, State, Uid};
use std::net::Ipv4Addr;

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
