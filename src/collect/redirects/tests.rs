//! Rulesets, decoded, and what they redirect.

use super::condition::{EQUAL, GREATER, GREATER_OR_EQUAL, IPV4, LESS, LESS_OR_EQUAL, NOT_EQUAL};
use super::may_translate;
use super::ports::{ANY_PORT, Ports};
use super::walk::among;
use crate::model::{Port, Redirect, ToAddress, ToPort};
use crate::wire::nftables::{Chain, Entry, Expression, HOOK_PREROUTING, Rule};
use Expression::{
    Compare, Destination, End, Fib, Goto, Immediate, Jump, Lookup, Match, Meta, Other, Payload,
    Return, VerdictMap,
};
use std::io;

const PORT: Expression<'_> = Payload {
    register: 9,
    base: 2,
    offset: 2,
    length: 2,
};
const TCP: [Expression<'_>; 2] = [
    Meta {
        register: 8,
        key: 16,
    },
    compare(8, EQUAL, &[6]),
];
const TO_9: [Expression<'_>; 2] = [
    Immediate {
        register: 8,
        value: &[0, 9],
    },
    Expression::Redirect { port: Some((8, 8)) },
];
const ADDRESS: Expression<'_> = Payload {
    register: 8,
    base: 1,
    offset: 16,
    length: 4,
};

const fn compare(register: u32, operation: u32, value: &[u8]) -> Expression<'_> {
    Compare {
        register,
        operation,
        value,
    }
}

const fn lookup(set: &'static [u8]) -> Expression<'static> {
    Lookup {
        register: 9,
        set,
        inverted: false,
        into: None,
    }
}

/// What rules redirect in the chains `pre` and then `late`, where packets come in, and `sub` and `deep`, where they do not; whether that
/// is all.
fn walked(rules: &[(&'static str, &[Expression<'_>])]) -> (Vec<Redirect>, bool) {
    let chain = |name: &'static str, priority: Option<i32>| Chain {
        family: IPV4,
        table: b"nat",
        name: name.as_bytes(),
        nat: priority.map(|priority| Entry {
            hook: HOOK_PREROUTING,
            priority,
        }),
    };
    let rules = rules.iter().map(|(chain, expressions)| Rule {
        family: IPV4,
        table: b"nat",
        chain: chain.as_bytes(),
        expressions: expressions.to_vec(),
    });
    let chains = [
        chain("late", Some(0)),
        chain("equal", Some(0)),
        chain("pre", Some(-100)),
        chain("sub", None),
        chain("deep", None),
    ];
    let sets = |_: u8, _: &[u8], set: &[u8]| (set == b"ours").then(|| vec![53..=53, 90..=99]);
    among(&chains, rules.collect(), &sets)
}

/// Ports and whether there are more conditions, of a ruleset that is followed wholly.
fn found(rules: &[(&'static str, &[Expression<'_>])]) -> Vec<(Ports, bool)> {
    let (found, is_whole) = walked(rules);
    assert!(is_whole);
    for redirect in &found {
        assert_eq!(
            (redirect.families, redirect.hooks),
            ((true, false), (true, false))
        );
    }
    let told = found.into_iter().map(|r| (r.ports, r.is_conditional));
    told.collect()
}

fn rule<'a>(parts: &[&[Expression<'a>]]) -> Vec<Expression<'a>> {
    parts.concat()
}

/// The one redirection of a rule that begins so.
fn one(parts: &[Expression<'_>]) -> Redirect {
    let (mut found, _) = walked(&[("pre", &rule(&[parts, &TO_9]))]);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[test]
fn conditions_gather_on_the_way() {
    let number = 80u16.to_be_bytes();
    let is_80 = [PORT, compare(9, EQUAL, &number)];
    let one = rule(&[&TCP, &is_80, &TO_9]);
    assert_eq!(found(&[("pre", &one)]), [(vec![80..=80], false)]);
    assert_eq!(found(&[("sub", &one)]), [], "nothing leads there");
    // A condition on the way to another chain counts there, too.
    let jump = rule(&[&is_80, &[Jump(b"sub")]]);
    let rest = rule(&[&TCP, &TO_9]);
    assert_eq!(
        found(&[("pre", &jump), ("sub", &rest)]),
        [(vec![80..=80], false)]
    );
    let other = rule(&[&[PORT, compare(9, EQUAL, &[0, 81])], &TO_9]);
    assert_eq!(found(&[("pre", &jump), ("sub", &other)]), []);
    // So does one that nobody understands.
    let strange = rule(&[&[Other], &[Jump(b"sub")]]);
    assert_eq!(
        found(&[("pre", &strange), ("sub", &rest)]),
        [(vec![ANY_PORT], true)]
    );
    // Chains that lead to each other end somewhere.
    let back = [Jump(b"pre")];
    assert_eq!(walked(&[("pre", &jump), ("sub", &back)]), (vec![], false));
}

#[test]
fn who_left_before_comes_to_no_later_rule() {
    let is_80 = [PORT, compare(9, EQUAL, &[0, 80])];
    let all = vec![ANY_PORT];
    let not_80 = vec![0..=79, 81..=u16::MAX];
    let rest = rule(&[&TCP, &TO_9]);
    for leaves in [End, Return, Goto(b"sub")] {
        // Of these it is known who they are.
        let some = rule(&[&is_80, &[leaves]]);
        let found = found(&[("pre", &some), ("pre", &rest)]);
        assert_eq!(found, [(not_80.clone(), false)], "{leaves:?}");
        // Nobody is left, and then some whom nobody knows.
        assert_eq!(self::found(&[("pre", &[leaves]), ("pre", &rest)]), []);
        let strange = [Other, leaves];
        let found = self::found(&[("pre", &strange), ("pre", &rest)]);
        assert_eq!(found, [(all.clone(), true)], "{leaves:?}");
    }
    // From a chain that was jumped to, those who return come back, and those who are accepted do not.
    let jump = [Jump(b"sub")];
    for (leaves, is_conditional) in [(Return, false), (End, true)] {
        let sub = rule(&[&is_80, &[leaves]]);
        let found = found(&[("pre", &jump), ("sub", &sub), ("pre", &rest)]);
        assert_eq!(found, [(all.clone(), is_conditional)], "{leaves:?}");
        // So it is through two chains.
        let rules = [
            ("pre", &jump[..]),
            ("sub", &[Goto(b"deep")]),
            ("deep", &sub),
            ("pre", &rest),
        ];
        assert_eq!(self::found(&rules), [(all.clone(), is_conditional)]);
    }
    // What goes elsewhere is redirected there.
    let goto = rule(&[&is_80, &[Goto(b"sub")]]);
    let found = found(&[("pre", &goto), ("sub", &rest), ("pre", &rest)]);
    assert_eq!(found, [(vec![80..=80], false), (not_80, false)]);
}

#[test]
fn chains_are_met_by_priority() {
    let to = |port: &'static [u8]| rule(&[&[PORT, compare(9, EQUAL, port)], &TO_9]);
    let [first, second] = [to(&[0, 1]), to(&[0, 2])];
    let late = found(&[("late", &first), ("pre", &second)]);
    assert_eq!(late, [(vec![2..=2], false), (vec![1..=1], false)]);
    // Of two with the same, nobody knows.
    let equal = found(&[("late", &first), ("equal", &second)]);
    assert_eq!(equal, [(vec![1..=1], true), (vec![2..=2], true)]);
}

#[test]
fn ports_are_compared_as_the_kernel_does() {
    let ports = |operation, port: u16| {
        let number = port.to_be_bytes();
        let one = rule(&[&[PORT, compare(9, operation, &number)], &TO_9]);
        found(&[("pre", &one)]).pop().map(|(ports, _)| ports)
    };
    assert_eq!(ports(NOT_EQUAL, 22), Some(vec![0..=21, 23..=u16::MAX]));
    assert_eq!(ports(LESS, 22), Some(vec![0..=21]));
    assert_eq!(ports(LESS, 0), None);
    assert_eq!(ports(LESS_OR_EQUAL, 22), Some(vec![0..=22]));
    assert_eq!(ports(GREATER, u16::MAX), None);
    assert_eq!(ports(GREATER, 22), Some(vec![23..=u16::MAX]));
    assert_eq!(ports(GREATER_OR_EQUAL, 22), Some(vec![22..=u16::MAX]));
    let looked = |look| {
        let one = rule(&[&[PORT, look], &TO_9]);
        found(&[("pre", &one)])
    };
    assert_eq!(looked(lookup(b"ours")), [(vec![53..=53, 90..=99], false)]);
    assert_eq!(looked(lookup(b"gone")), [(vec![ANY_PORT], true)]);
    let other = Lookup {
        register: 9,
        set: b"ours",
        inverted: true,
        into: None,
    };
    let rest = vec![0..=52, 54..=89, 100..=u16::MAX];
    assert_eq!(looked(other), [(rest, false)]);
    let udp_and_tcp = rule(&[&TCP, &[compare(8, EQUAL, &[17])], &TO_9]);
    assert_eq!(found(&[("pre", &udp_and_tcp)]), []);
}

/// A prefix is masked in the register; what is compared then is no address, nor is it what is loaded from where IPv6 has another field.
#[test]
fn what_was_changed_is_not_what_was_loaded() {
    let prefix = one(&[ADDRESS, Other, compare(8, EQUAL, &[172, 16, 0, 0])]);
    assert_eq!((prefix.destination, prefix.is_conditional), (None, true));
    let exact = one(&[ADDRESS, compare(8, EQUAL, &[172, 16, 0, 0])]);
    let address = "172.16.0.0".parse().unwrap();
    assert_eq!(
        (exact.destination, exact.is_conditional),
        (Some(address), false)
    );
    // What a map has for a port is not the port.
    let mapped = Lookup {
        register: 9,
        set: b"ours",
        inverted: false,
        into: Some(9),
    };
    let mapped = one(&[PORT, mapped, compare(9, EQUAL, &[0, 53])]);
    assert_eq!(
        (mapped.ports, mapped.is_conditional),
        (vec![53..=53, 90..=99], true)
    );
}

#[test]
fn maps_and_ranges_leave_the_target_unread() {
    let from_map = Lookup {
        register: 9,
        set: b"ours",
        inverted: false,
        into: Some(8),
    };
    let redirect = Expression::Redirect { port: Some((8, 8)) };
    let (found, is_whole) = walked(&[("pre", &[PORT, from_map, redirect])]);
    assert_eq!(found[0].ports, [53..=53, 90..=99], "its keys");
    assert_eq!((found[0].to_port, is_whole), (ToPort::Unread, false));

    let address = |register, value| Immediate { register, value };
    let to = |first: &'static [u8], last: &'static [u8]| {
        let parts = [
            address(8, first),
            address(9, last),
            address(10, &[0, 9]),
            Destination {
                address: Some((8, 9)),
                port: Some((10, 10)),
            },
        ];
        let (mut found, is_whole) = walked(&[("pre", &parts)]);
        assert!(is_whole, "the port is known");
        found.remove(0).to_address
    };
    let one = ToAddress::To([10, 0, 0, 1].into());
    assert_eq!(to(&[10, 0, 0, 1], &[10, 0, 0, 1]), one);
    assert_eq!(to(&[10, 0, 0, 1], &[10, 0, 0, 9]), ToAddress::Unread);
    let here = self::one(&[]);
    assert_eq!(
        (here.to_address, here.to_port),
        (ToAddress::Own, ToPort::To(Port(9)))
    );
}

#[test]
fn a_verdict_map_may_lead_anywhere() {
    let (found, is_whole) = walked(&[("pre", &[PORT, VerdictMap]), ("pre", &TO_9)]);
    assert!(!is_whole);
    assert_eq!((found.len(), found[0].is_conditional), (1, true));
}

#[test]
fn the_type_of_the_address_is_a_condition() {
    let info = |mask: u16, flags: u32| {
        let halves = [0, mask].map(u16::to_ne_bytes).concat();
        [&halves[..], &flags.to_ne_bytes()].concat()
    };
    let told = |info: &[u8]| {
        let rule = one(&[Match(b"addrtype", info)]);
        (rule.is_for_others, rule.is_conditional)
    };
    assert_eq!(told(&info(4, 0)), (false, false));
    assert_eq!(told(&info(4, 2)), (true, false));
    assert_eq!(told(&info(2, 0)), (false, true));
    let local = 2u32.to_ne_bytes();
    let fib = |operation| {
        let of_type = Fib {
            register: 8,
            result: 3,
            flags: 2,
        };
        let rule = one(&[of_type, compare(8, operation, &local)]);
        (rule.is_for_others, rule.is_conditional)
    };
    assert_eq!(fib(EQUAL), (false, false));
    assert_eq!(fib(NOT_EQUAL), (true, false));
}

#[test]
fn a_list_of_tables_that_cannot_be_read_may_have_any() {
    assert!(may_translate(Ok("filter\nnat\n".to_owned())));
    assert!(!may_translate(Ok("filter\n".to_owned())));
    assert!(!may_translate(Err(io::ErrorKind::NotFound.into())));
    assert!(may_translate(Err(io::ErrorKind::PermissionDenied.into())));
}
