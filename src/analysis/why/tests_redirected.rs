//! What rules of the firewall do to a port.

use super::Verdict;
use super::tests::{Case, PORT, kinds};
use crate::model::{Port, Protocol, Redirect, ToAddress, ToPort};
use std::ops::RangeInclusive;

const HERE: u16 = PORT.0;
const AWAY: Option<(&str, bool)> = Some(("redirected", false));
const SOME_AWAY: Option<(&str, bool)> = Some(("redirected", true));
const BROUGHT: Option<(&str, bool)> = Some(("redirected-here", false));
const SOME_BROUGHT: Option<(&str, bool)> = Some(("redirected-here", true));

/// As `redirect to :to_port` is.
fn rule(ports: RangeInclusive<u16>, to_port: Option<u16>) -> Redirect {
    Redirect {
        families: (true, false),
        protocol: Some(Protocol::Tcp),
        ports: vec![ports],
        destination: None,
        is_for_others: false,
        is_conditional: false,
        hooks: (true, false),
        to_address: ToAddress::Own,
        to_port: to_port.map_or(ToPort::Same, |port| ToPort::To(Port(port))),
        table: b"nat".to_vec(),
        chain: b"pre".to_vec(),
    }
}

/// As `dnat to address:to_port` is.
fn dnat(ports: RangeInclusive<u16>, address: &str, to_port: Option<u16>) -> Redirect {
    Redirect {
        to_address: ToAddress::To(address.parse().unwrap()),
        ..rule(ports, to_port)
    }
}

/// What the rules do to the port at an address, and whether to some connections only.
fn all(rules: &[Redirect], address: Option<&str>) -> Vec<(&'static str, bool)> {
    let mut case = Case::with(Vec::new());
    case.redirects.rules = rules.to_vec();
    case.facts.nonlocal_v6 = Some(true);
    let answer = case.tcp(address);
    assert_eq!(answer.verdict, Verdict::Free, "it is no matter of bind(2)");
    let reasons = answer.reasons.iter().zip(kinds(&answer));
    let told = reasons.filter_map(|(reason, (kind, _))| {
        let rule = reason.redirect.as_ref()?;
        Some((kind, rule.is_conditional))
    });
    told.collect()
}

fn ask(rule: Redirect, address: Option<&str>) -> Option<(&'static str, bool)> {
    let told = all(&[rule], address);
    assert!(told.len() < 2);
    told.first().copied()
}

#[test]
fn rules_take_connections_away_and_bring_them() {
    assert_eq!(ask(rule(HERE..=HERE, Some(9)), None), AWAY);
    assert_eq!(ask(rule(0..=u16::MAX, Some(9)), Some("127.0.0.1")), AWAY);
    assert_eq!(ask(rule(1..=9, Some(10)), None), None);
    assert_eq!(ask(rule(1..=9, Some(HERE)), None), BROUGHT);
    // What is sent there anyway stays; the others are brought.
    assert_eq!(ask(rule(HERE..=HERE, None), None), None);
    assert_eq!(ask(rule(HERE..=HERE, Some(HERE)), None), None);
    assert_eq!(ask(rule(0..=u16::MAX, Some(HERE)), None), BROUGHT);
    let udp = Redirect {
        protocol: Some(Protocol::Udp),
        ..rule(HERE..=HERE, Some(9))
    };
    assert_eq!(ask(udp, None), None);
    let some = Redirect {
        is_conditional: true,
        ..rule(HERE..=HERE, Some(9))
    };
    assert_eq!(ask(some, None), SOME_AWAY);
}

#[test]
fn another_family_is_another_matter() {
    assert_eq!(ask(rule(HERE..=HERE, Some(9)), Some("::1")), None);
    assert_eq!(ask(rule(1..=9, Some(HERE)), Some("::1")), None);
    let v6 = |ports, to_port| Redirect {
        families: (false, true),
        ..rule(ports, to_port)
    };
    assert_eq!(ask(v6(HERE..=HERE, Some(9)), Some("127.0.0.1")), None);
    assert_eq!(ask(v6(1..=9, Some(HERE)), Some("0.0.0.0")), None);
    assert_eq!(ask(v6(1..=9, Some(HERE)), Some("::")), BROUGHT);
    // What is bound to :: may serve IPv4, too.
    assert_eq!(ask(rule(HERE..=HERE, Some(9)), Some("::")), AWAY);
}

#[test]
fn another_address_is_another_place() {
    let to = |address| dnat(HERE..=HERE, address, None);
    assert_eq!(ask(to("10.1.2.3"), None), AWAY);
    // One of this host's: whoever is bound to all of them gets it.
    assert_eq!(ask(to("127.0.0.2"), None), None);
    assert_eq!(ask(to("127.0.0.2"), Some("127.0.0.1")), AWAY);
    assert_eq!(ask(to("127.0.0.2"), Some("127.0.0.2")), BROUGHT);
    let other_port = || dnat(9..=9, "127.0.0.2", Some(HERE));
    assert_eq!(ask(other_port(), Some("127.0.0.1")), None);
    assert_eq!(ask(other_port(), Some("127.0.0.2")), BROUGHT);
    let made_to = |address: &str| Redirect {
        destination: Some(address.parse().unwrap()),
        ..to("10.1.2.3")
    };
    // The address of a service that is not this host's own.
    assert_eq!(ask(made_to("10.96.0.1"), None), None);
    assert_eq!(ask(made_to("127.0.0.1"), None), SOME_AWAY);
    assert_eq!(ask(made_to("127.0.0.1"), Some("127.0.0.1")), AWAY);
    assert_eq!(ask(made_to("127.0.0.1"), Some("127.0.0.2")), None);
    // One for other hosts' addresses brings, and takes nothing.
    let through = |ports| Redirect {
        is_for_others: true,
        ..rule(ports, Some(9))
    };
    assert_eq!(ask(through(HERE..=HERE), None), None);
    let through = Redirect {
        is_for_others: true,
        ..rule(HERE..=HERE, Some(HERE))
    };
    assert_eq!(ask(through, None), BROUGHT);
    // What this host sends to itself is redirected to the first loopback address; what comes in, to one of the interface.
    let mut own = rule(9..=9, Some(HERE));
    assert_eq!(ask(own.clone(), Some("127.0.0.1")), None);
    own.hooks = (false, true);
    assert_eq!(ask(own.clone(), Some("127.0.0.1")), BROUGHT);
    assert_eq!(ask(own, Some("127.0.0.2")), None);
}

#[test]
fn what_was_not_read_may_lead_away() {
    let unread = Redirect {
        to_port: ToPort::Unread,
        ..rule(HERE..=HERE, None)
    };
    assert_eq!(ask(unread, None), SOME_AWAY);
    let unread = Redirect {
        to_address: ToAddress::Unread,
        ..rule(HERE..=HERE, None)
    };
    assert_eq!(ask(unread.clone(), None), SOME_AWAY);
    let brings = Redirect {
        ports: vec![9..=9],
        to_port: ToPort::To(PORT),
        ..unread
    };
    assert_eq!(ask(brings, None), SOME_BROUGHT);
}

#[test]
fn the_first_rule_takes_all_that_it_can() {
    let to = |port| rule(HERE..=HERE, Some(port));
    let one = AWAY.unwrap();
    let some = SOME_AWAY.unwrap();
    assert_eq!(all(&[to(1), to(2)], None), [one]);
    let conditional = Redirect {
        is_conditional: true,
        ..to(1)
    };
    assert_eq!(all(&[conditional, to(2)], None), [some, some]);
    // One of another port, family or hook takes nothing of it.
    let other_family = Redirect {
        families: (false, true),
        ..to(1)
    };
    let other_hook = Redirect {
        hooks: (false, true),
        ..to(1)
    };
    for other in [rule(1..=1, Some(1)), other_family] {
        assert_eq!(all(&[other, to(2)], Some("127.0.0.1")), [one]);
    }
    assert_eq!(all(&[other_hook, to(2)], None), [one, one]);
    // One that keeps its port keeps the next from it.
    assert_eq!(all(&[to(HERE), to(2)], None), []);
    let brings = rule(1..=9, Some(HERE));
    assert_eq!(all(&[rule(1..=9, Some(1)), brings.clone()], None), []);
    let told = all(&[rule(1..=2, Some(1)), brings], None);
    assert_eq!(told, [SOME_BROUGHT.unwrap()]);
}

#[test]
fn a_rule_of_both_hooks_is_told_once() {
    let mut out = rule(HERE..=HERE, Some(9));
    out.hooks = (false, true);
    let rules = [rule(HERE..=HERE, Some(9)), out];
    assert_eq!(all(&rules, None), [AWAY.unwrap()]);
}
