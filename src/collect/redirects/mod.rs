//! What nftables redirects: its rules are walked as packets walk them, from where they enter, with the conditions that gather on the way.
//!
//! What is not understood makes a condition of its own: the rule then counts for some connections. Rules of the older iptables, which
//! have another interface, are not read.

mod condition;

use super::rtnetlink::{Answer, AskError, ask_over};
use crate::model::{Port, Protocol, Redirect};
use crate::sys::netlink::Netlink;
use crate::wire::nftables::{self, Chain, Expression, HOOK_OUTPUT, HOOK_PREROUTING, Rule};
use condition::{Condition, GREATER_OR_EQUAL, LESS_OR_EQUAL, Loaded, meta, payload, port_of};
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A packet goes no deeper than this, `NFT_JUMP_STACK_SIZE` of `net/netfilter/nf_tables.h`.
const MAX_DEPTH: usize = 16;
/// More rules than these are not walked: chains may be reached in many ways.
const MAX_STEPS: usize = 100_000;
/// Where the older iptables says which tables it has.
const OLDER: [&str; 2] = [
    "/proc/thread-self/net/ip_tables_names",
    "/proc/thread-self/net/ip6_tables_names",
];

/// Every redirection in this network namespace; `None` if not all can be read: that takes `CAP_NET_ADMIN`.
#[must_use]
pub fn redirects() -> Option<Vec<Redirect>> {
    let is_older = |path: &str| {
        let names = std::fs::read_to_string(path).unwrap_or_default();
        names.lines().any(|name| name == "nat")
    };
    if OLDER.iter().any(|path| is_older(path)) {
        return None;
    }
    let chains = messages(nftables::chains_request, nftables::NEW_CHAIN)?;
    let chains: Vec<_> = chains.iter().filter_map(|m| Chain::decode(m)).collect();
    if !chains.iter().any(|chain| chain.nat_hook.is_some()) {
        return Some(Vec::new());
    }
    let rules = messages(nftables::rules_request, nftables::NEW_RULE)?;
    let rules = rules.iter().filter_map(|m| Rule::decode(m)).collect();
    among(&chains, rules, &elements)
}

/// The redirections of a ruleset; `None` if it is too long to be walked.
fn among(chains: &[Chain<'_>], rules: Vec<Rule<'_>>, sets: Sets<'_>) -> Option<Vec<Redirect>> {
    let mut by_chain = ByChain::default();
    for rule in rules {
        let place = (rule.family, rule.table, rule.chain);
        by_chain.entry(place).or_default().push(rule);
    }
    let mut way = Way {
        rules: &by_chain,
        sets,
        steps: 0,
        found: Vec::new(),
    };
    for chain in chains {
        let hooks = match chain.nat_hook {
            Some(HOOK_PREROUTING) => (true, false),
            Some(HOOK_OUTPUT) => (false, true),
            _ => continue,
        };
        let condition = Condition::of(chain.family, hooks);
        way.walk((chain.family, chain.table, chain.name), condition, 0);
    }
    (way.steps < MAX_STEPS).then_some(way.found)
}

/// The payloads of the answer's messages of one kind. No answer, because there is no nftables, is an empty one.
fn messages(request: impl FnOnce(u32) -> Vec<u8>, wanted: u16) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut netlink = match Netlink::netfilter() {
        Ok(netlink) => netlink,
        // A kernel without netfilter redirects nothing.
        Err(error) if error.raw_os_error() == Some(nix::libc::EPROTONOSUPPORT) => {
            return Some(found);
        }
        Err(_) => return None,
    };
    let answer = ask_over(&mut netlink, request, Answer::Dump, |kind, payload| {
        if kind == wanted {
            found.push(payload.to_vec());
        }
    });
    match answer {
        Ok(()) => Some(found),
        // Nor does one without nftables.
        Err(AskError::Refused(error)) if error.raw_os_error() == Some(nix::libc::EINVAL) => {
            Some(Vec::new())
        }
        Err(_) => None,
    }
}

/// Looks up the ports of a set, by family, table and name.
type Sets<'a> = &'a dyn Fn(u8, &[u8], &[u8]) -> Option<Vec<RangeInclusive<u16>>>;

/// Family, table and chain.
type Place<'a> = (u8, &'a [u8], &'a [u8]);

/// The rules of each chain, in order.
type ByChain<'a> = FxHashMap<Place<'a>, Vec<Rule<'a>>>;

/// The way of packets through the rules.
struct Way<'a> {
    rules: &'a ByChain<'a>,
    sets: Sets<'a>,
    steps: usize,
    found: Vec<Redirect>,
}

impl<'a> Way<'a> {
    fn walk(&mut self, place: Place<'_>, mut entered: Condition, depth: usize) {
        let rules: &'a ByChain<'a> = self.rules;
        if depth > MAX_DEPTH {
            return;
        }
        for rule in rules.get(&place).into_iter().flatten() {
            self.steps += 1;
            if self.steps >= MAX_STEPS {
                return;
            }
            // Some packets went their way before the next rule, and which is not kept.
            entered.is_conditional |= self.rule(rule, entered.clone(), depth);
        }
    }

    /// Follows one rule; says whether the way of some packets ended there without being redirected.
    fn rule(&mut self, rule: &Rule<'a>, mut condition: Condition, depth: usize) -> bool {
        let mut registers: FxHashMap<u32, Loaded<'a>> = FxHashMap::default();
        for expression in &rule.expressions {
            let loaded = |register: &u32| registers.get(register).copied().unwrap_or(Loaded::Other);
            let goes_on = match *expression {
                Expression::Meta { register, key } => {
                    registers.insert(register, meta(key));
                    true
                }
                Expression::Payload {
                    register,
                    base,
                    offset,
                    length,
                } => {
                    registers.insert(register, payload(base, offset, length));
                    true
                }
                Expression::Fib {
                    register,
                    result,
                    flags,
                } => {
                    // NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR
                    let is_type = result == 3 && flags == 2;
                    let loaded = if is_type {
                        Loaded::DestinationType
                    } else {
                        Loaded::Other
                    };
                    registers.insert(register, loaded);
                    true
                }
                Expression::Immediate { register, value } => {
                    registers.insert(register, Loaded::Constant(value));
                    true
                }
                Expression::Compare {
                    register,
                    operation,
                    value,
                } => condition.compare(loaded(&register), operation, value),
                Expression::Range {
                    register,
                    outside: false,
                    from,
                    to,
                } => {
                    let found = loaded(&register);
                    condition.compare(found, GREATER_OR_EQUAL, from)
                        && condition.compare(found, LESS_OR_EQUAL, to)
                }
                Expression::Lookup {
                    register,
                    set,
                    is_plain: true,
                } if matches!(loaded(&register), Loaded::Port) => {
                    match (self.sets)(rule.family, rule.table, set) {
                        Some(ports) => condition.keep_ports(&ports),
                        None => condition.doubt(),
                    }
                }
                Expression::Match(b"addrtype" | b"comment", _) | Expression::Neutral => true,
                Expression::Match(name, info) => match nftables::matched_ports(name, info) {
                    Some(ports) => condition.keep_ports(&ports),
                    None => condition.doubt(),
                },
                Expression::Chain(chain) => {
                    self.walk((rule.family, rule.table, chain), condition, depth + 1);
                    return false;
                }
                Expression::End => return true,
                Expression::Redirect { port } => {
                    let port = port.map(|register| loaded(&register));
                    self.find(rule, &condition, None, port.and_then(port_of));
                    return false;
                }
                Expression::Destination { address, port } => {
                    let port = port.map(|register| loaded(&register));
                    let to = address.map(|register| loaded(&register));
                    let to = to.and_then(|to| match to {
                        Loaded::Constant(bytes) => condition::address(bytes),
                        _ => None,
                    });
                    self.find(rule, &condition, to, port.and_then(port_of));
                    return false;
                }
                Expression::Target(b"DNAT" | b"REDIRECT", info) => {
                    let (to, port) = nftables::target(info, rule.family);
                    self.find(rule, &condition, to, port);
                    return false;
                }
                Expression::Range { .. }
                | Expression::Lookup { .. }
                | Expression::Target(..)
                | Expression::Other => condition.doubt(),
            };
            if !goes_on {
                return false;
            }
        }
        false
    }

    fn find(
        &mut self,
        rule: &Rule<'_>,
        condition: &Condition,
        to_address: Option<IpAddr>,
        to_port: Option<u16>,
    ) {
        let protocol = match condition.protocol {
            None => None,
            Some(6) => Some(Protocol::Tcp),
            Some(17) => Some(Protocol::Udp),
            Some(_) => return,
        };
        let found = Redirect {
            families: condition.families,
            protocol,
            ports: condition.ports.clone(),
            destination: condition.destination,
            is_conditional: condition.is_conditional,
            hooks: condition.hooks,
            to_address,
            to_port: to_port.map(Port),
            table: rule.table.to_vec(),
            chain: rule.chain.to_vec(),
        };
        // One chain may be entered from both hooks.
        let same = |known: &&mut Redirect| {
            let mut one = found.clone();
            one.hooks = known.hooks;
            **known == one
        };
        match self.found.iter_mut().find(same) {
            Some(known) => {
                known.hooks = (
                    known.hooks.0 || found.hooks.0,
                    known.hooks.1 || found.hooks.1,
                );
            }
            None => self.found.push(found),
        }
    }
}

/// The ports of a set.
fn elements(family: u8, table: &[u8], set: &[u8]) -> Option<Vec<RangeInclusive<u16>>> {
    let request = |sequence| nftables::elements_request(family, table, set, sequence);
    let answer = messages(request, nftables::NEW_SET_ELEMENTS)?;
    let elements = answer.iter().flat_map(|m| nftables::port_elements(m));
    Some(ranges(elements.collect()))
}

/// The ports between the elements of a set, each with whether it ends an interval.
fn ranges(mut elements: Vec<(u16, bool)>) -> Vec<RangeInclusive<u16>> {
    // An interval ends before the next one begins.
    elements.sort_unstable_by_key(|&(port, is_end)| (port, !is_end));
    let has_intervals = elements.iter().any(|&(_, is_end)| is_end);
    let mut ranges = Vec::new();
    let mut rest = elements.iter().peekable();
    while let Some(&(start, is_end)) = rest.next() {
        if is_end {
            continue;
        }
        let end = match rest.peek() {
            _ if !has_intervals => start,
            Some(&&(end, true)) => end.saturating_sub(1),
            Some(_) => start,
            None => u16::MAX,
        };
        ranges.push(start..=end);
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::condition::{ANY_PORT, EQUAL, GREATER, IPV4, LESS, NOT_EQUAL};
    use super::*;
    use Expression::{Chain as Jump, Compare, End, Immediate, Lookup, Meta, Other, Payload};

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
        Expression::Redirect { port: Some(8) },
    ];

    const fn compare(register: u32, operation: u32, value: &[u8]) -> Expression<'_> {
        Compare {
            register,
            operation,
            value,
        }
    }

    /// Ports and whether there are more conditions, of what rules in the chains `pre`, where packets come in, and `sub` redirect.
    fn found(rules: &[(&'static str, &[Expression<'_>])]) -> Vec<(Vec<RangeInclusive<u16>>, bool)> {
        let chain = |name: &'static str, nat_hook| Chain {
            family: IPV4,
            table: b"nat",
            name: name.as_bytes(),
            nat_hook,
        };
        let rules = rules.iter().map(|(chain, expressions)| Rule {
            family: IPV4,
            table: b"nat",
            chain: chain.as_bytes(),
            expressions: expressions.to_vec(),
        });
        let chains = [chain("pre", Some(HOOK_PREROUTING)), chain("sub", None)];
        let sets = |_: u8, _: &[u8], set: &[u8]| (set == b"ours").then(|| vec![53..=53, 90..=99]);
        let found = among(&chains, rules.collect(), &sets).expect("few rules");
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
        // So does one that nobody understands, and what went its way before.
        let strange = rule(&[&[Other], &[Jump(b"sub")]]);
        let all = vec![ANY_PORT];
        assert_eq!(
            found(&[("pre", &strange), ("sub", &rest)]),
            [(all.clone(), true)]
        );
        let leaves = rule(&[&is_80, &[End]]);
        assert_eq!(found(&[("pre", &leaves), ("pre", &rest)]), [(all, true)]);
        // Chains that lead to each other end somewhere.
        let back = [Jump(b"pre")];
        assert_eq!(found(&[("pre", &jump), ("sub", &back)]), []);
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
        let lookup = |set: &'static [u8], is_plain| {
            let look = Lookup {
                register: 9,
                set,
                is_plain,
            };
            let one = rule(&[&[PORT, look], &TO_9]);
            found(&[("pre", &one)])
        };
        assert_eq!(lookup(b"ours", true), [(vec![53..=53, 90..=99], false)]);
        assert_eq!(lookup(b"gone", true), [(vec![ANY_PORT], true)]);
        assert_eq!(lookup(b"ours", false), [(vec![ANY_PORT], true)]);
        let udp_and_tcp = rule(&[&TCP, &[compare(8, EQUAL, &[17])], &TO_9]);
        assert_eq!(found(&[("pre", &udp_and_tcp)]), []);
    }

    #[test]
    fn sets_have_single_ports_and_intervals() {
        assert_eq!(
            ranges(vec![(5353, false), (53, false)]),
            [53..=53, 5353..=5353]
        );
        let mixed = vec![
            (0, true),
            (201, true),
            (100, false),
            (201, false),
            (203, true),
        ];
        assert_eq!(ranges(mixed), [100..=200, 201..=202]);
        assert_eq!(
            ranges(vec![(9, true), (8, false), (60000, false)]),
            [8..=8, 60000..=u16::MAX]
        );
        assert_eq!(ranges(Vec::new()), []);
    }
}
