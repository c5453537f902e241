//! What a source may leave out by itself: a [`Condition`] that holds for every socket which can match.
//!
//! As with states and tables, "unknown" counts as "can match", so that the rows it decides can be counted.

use super::address::Network;
use super::by_address::ByAddress;
use super::numbers::NumberSet;
use super::predicate::Predicate;
use crate::model::{Condition, Conditions, Protocol, Side};
use std::cmp::Reverse;

/// At most so many ranges of ports are asked for. What lies between the closest of them is asked for too: it costs the kernel less
/// than many comparisons for each socket.
const RANGES: usize = 32;

/// At most so many networks, or other conditions of which one is to hold, are asked for.
const ALTERNATIVES: usize = 64;

/// A condition for each protocol.
pub(super) fn conditions(predicate: &Predicate) -> Conditions {
    Conditions {
        tcp: condition(predicate, true, Protocol::Tcp),
        udp: condition(predicate, true, Protocol::Udp),
        raw: condition(predicate, true, Protocol::Raw),
    }
}

/// A condition that holds for every IP socket of `protocol` of which `predicate` does not say the opposite of `truth`.
fn condition(predicate: &Predicate, truth: bool, protocol: Protocol) -> Condition {
    let each = |parts: &[Predicate]| -> Vec<Condition> {
        parts
            .iter()
            .map(|part| condition(part, truth, protocol))
            .collect()
    };
    match (predicate, truth) {
        (Predicate::Not(inner), _) => condition(inner, !truth, protocol),
        (Predicate::And(parts), true) | (Predicate::Or(parts), false) => {
            Condition::all(each(parts))
        }
        (Predicate::And(parts), false) | (Predicate::Or(parts), true) => {
            let any = Condition::any(each(parts));
            match &any {
                Condition::Any(parts) if parts.len() > ALTERNATIVES => Condition::Anything,
                _ => any,
            }
        }
        (Predicate::Network(side, network), _) => address(*side, *network, truth),
        (Predicate::Networks(side, set), _) => {
            let networks = set.networks();
            if networks.len() > ALTERNATIVES {
                return Condition::Anything;
            }
            let each = networks.into_iter().map(|n| address(*side, n, truth));
            if truth {
                Condition::any(each)
            } else {
                Condition::all(each)
            }
        }
        (Predicate::ByAddress(table), _) => by_address(table, truth, protocol),
        (Predicate::Port(test), _) => ports(test.side, test.sets.of(protocol), truth),
        (Predicate::Interface(index), _) => {
            let number = index.map_or(0, |i| i.0.get());
            truly(Condition::Interface(number), truth)
        }
        (Predicate::Mark { mark, mask }, _) => truly(
            Condition::Mark {
                mark: *mark,
                mask: *mask,
            },
            truth,
        ),
        // Mini-sockets have no control group: the kernel takes 0 for it, and tells none.
        (Predicate::Cgroup(id), true) => {
            Condition::any([Condition::Cgroup(id.0.get()), Condition::Cgroup(0)])
        }
        (Predicate::Cgroup(id), false) => truly(Condition::Cgroup(id.0.get()), false),
        (Predicate::Constant(known), _) => always(*known == truth),
        (Predicate::Protocol(wanted), _) => always((protocol == *wanted) == truth),
        (Predicate::Name(..) | Predicate::End(_), _) => always(!truth),
        (Predicate::Family(family), _) if !family.is_ip() => always(!truth),
        _ => Condition::Anything,
    }
}

// A function of its own, so that conditions inside each other need less stack.
fn by_address(table: &ByAddress, truth: bool, protocol: Protocol) -> Condition {
    if truth && table.parts().count() > ALTERNATIVES {
        return Condition::Anything;
    }
    let part = |(network, more)| {
        let both = [
            address(table.side(), network, truth),
            condition(more, truth, protocol),
        ];
        if truth {
            Condition::all(both)
        } else {
            Condition::any(both)
        }
    };
    let each = table.parts().map(part);
    if truth {
        Condition::any(each)
    } else {
        Condition::all(each)
    }
}

fn always(holds: bool) -> Condition {
    if holds {
        Condition::Anything
    } else {
        Condition::Nothing
    }
}

fn truly(single: Condition, truth: bool) -> Condition {
    if truth {
        single
    } else {
        Condition::Not(Box::new(single))
    }
}

fn address(side: Side, network: Network, truth: bool) -> Condition {
    let (address, length) = network.prefix();
    if length == 0 {
        // Older kernels do not look at the family then.
        return Condition::Anything;
    }
    let single = Condition::Address {
        side,
        address,
        length,
    };
    truly(single, truth)
}

fn ports(side: Side, set: &NumberSet, truth: bool) -> Condition {
    let last = u64::from(u16::MAX);
    let mut wanted: Vec<(u64, u64)> = Vec::new();
    let mut from = 0;
    for &(first, end) in set.ranges() {
        if truth {
            wanted.push((first, end));
        } else if first > from {
            wanted.push((from, first - 1));
        }
        from = end.saturating_add(1);
    }
    if !truth {
        wanted.push((from, last));
    }
    wanted.retain_mut(|range| {
        range.1 = range.1.min(last);
        range.0 <= range.1
    });
    join_closest(&mut wanted);
    let port = |&(from, to): &(u64, u64)| match (u16::try_from(from), u16::try_from(to)) {
        (Ok(0), Ok(u16::MAX)) => Condition::Anything,
        (Ok(from), Ok(to)) => Condition::Port { side, from, to },
        _ => Condition::Anything,
    };
    Condition::any(wanted.iter().map(port))
}

/// Makes the ranges fewer, by those with the smallest gaps between them.
fn join_closest(ranges: &mut Vec<(u64, u64)>) {
    if ranges.len() <= RANGES {
        return;
    }
    let gap = |pair: &[(u64, u64)]| match pair {
        [before, after] => after.0 - before.1,
        _ => 0,
    };
    // Each with the place of the range behind it; the widest stay open, the first of those that are equal.
    let mut gaps: Vec<_> = ranges.windows(2).map(gap).zip(1..).collect();
    gaps.sort_unstable_by_key(|&(width, place)| (Reverse(width), place));
    gaps.truncate(RANGES - 1);
    let mut open: Vec<usize> = gaps.into_iter().map(|(_, place)| place).collect();
    open.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (place, &(from, to)) in ranges.iter().enumerate() {
        match joined.last_mut() {
            Some(last) if open.binary_search(&place).is_err() => last.1 = to,
            _ => joined.push((from, to)),
        }
    }
    *ranges = joined;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::oracle::compile;

    fn of(text: &str) -> Condition {
        compile(text).conditions().tcp
    }

    const fn dport(from: u16, to: u16) -> Condition {
        Condition::Port {
            side: Side::Peer,
            from,
            to,
        }
    }

    #[test]
    fn what_is_asked_for() {
        assert_eq!(of(""), Condition::Anything);
        assert_eq!(of("dport = 443"), dport(443, 443));
        assert_eq!(of("dport >= 1024"), dport(1024, 65535));
        assert_eq!(
            of("dport != 443"),
            Condition::any([dport(0, 442), dport(444, 65535)])
        );
        assert_eq!(of("not dport > 80"), dport(0, 80));
        assert_eq!(of("dport = https"), dport(443, 443));
        assert_eq!(of("dport = 443 uid = 0"), dport(443, 443));
        assert_eq!(of("dport = 443 or uid = 0"), Condition::Anything);
        assert_eq!(of("dport = 443 or src /run/x"), dport(443, 443));
        assert_eq!(of("dport = 443 or state listen"), Condition::Anything);
        assert_eq!(of("dst 0.0.0.0/0"), Condition::Anything);
        assert_eq!(of("not dst 0.0.0.0/0"), Condition::Anything);
        assert_eq!(of("dport = icmp"), Condition::Nothing);
        assert_eq!(of("dev 0"), Condition::Interface(0));
        let mark = Condition::Mark { mark: 1, mask: 3 };
        assert_eq!(of("mark != 1/3"), Condition::Not(Box::new(mark)));
        assert_eq!(
            of("cgroup = 77"),
            Condition::any([Condition::Cgroup(77), Condition::Cgroup(0)])
        );
        assert_eq!(of("process = nginx dport = 443"), dport(443, 443));
        assert_eq!(
            compile("dport = https").conditions().raw,
            Condition::Nothing
        );
    }

    #[test]
    fn many_networks_are_asked_for() {
        let list = |count: u32| {
            let hosts: Vec<_> = (1..=count).map(|n| format!("10.0.{n}.1")).collect();
            format!("dst in {}", hosts.join(","))
        };
        for count in [2, 5, 64] {
            let Condition::Any(parts) = of(&list(count)) else {
                panic!("{count}")
            };
            assert_eq!(parts.len(), count as usize);
        }
        let Condition::All(parts) = of(&format!("not {}", list(5))) else {
            panic!("none of them")
        };
        assert_eq!(parts.len(), 5);
        assert_eq!(of(&list(65)), Condition::Anything);
    }

    #[test]
    fn ports_at_even_distances_become_few_ranges() {
        let ports: Vec<_> = (0..40).map(|n| (1000 + n * 1500).to_string()).collect();
        let Condition::Any(ranges) = of(&format!("dport in {}", ports.join(","))) else {
            panic!("ranges")
        };
        assert_eq!(ranges.len(), RANGES);
    }

    #[test]
    fn many_ports_become_few_ranges() {
        let ports: Vec<_> = (0..500).map(|n: u32| (n * n % 65536).to_string()).collect();
        let text = format!("dport in {}", ports.join(","));
        let Condition::Any(ranges) = of(&text) else {
            panic!("ranges")
        };
        assert!((2..=RANGES).contains(&ranges.len()), "{}", ranges.len());
        for port in ports {
            let port: u16 = port.parse().unwrap();
            let holds = |c: &Condition| matches!(c, Condition::Port { from, to, .. } if (*from..=*to).contains(&port));
            assert!(ranges.iter().any(holds), "{port}");
        }
    }
}
