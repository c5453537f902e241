//! The way of packets through the rules.

use super::condition::{self, Condition, GREATER_OR_EQUAL, LESS_OR_EQUAL, meta, payload};
use super::ports::{self, Ports};
use super::registers::{Loaded, MOST, Registers};
use crate::model::{Port, Protocol, Redirect, ToAddress, ToPort};
use crate::wire::nftables::{self, Chain, Entry, Expression, HOOK_OUTPUT, HOOK_PREROUTING, Rule};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// A packet goes no deeper than this, `NFT_JUMP_STACK_SIZE` of `net/netfilter/nf_tables.h`.
const MAX_DEPTH: usize = 16;
/// More rules than these are not walked: chains may be reached in many ways.
const MAX_STEPS: usize = 100_000;

/// Looks up the ports of a set, by family, table and name; `None` if it has something else.
pub(super) type Sets<'a> = &'a dyn Fn(u8, &[u8], &[u8]) -> Option<Ports>;

/// Family, table and the name of a chain or set.
type Place<'a> = (u8, &'a [u8], &'a [u8]);

/// The rules of each chain, in order.
type ByChain<'a> = FxHashMap<Place<'a>, Vec<Rule<'a>>>;

/// The redirections of a ruleset, of each hook in the order of its rules; whether these are all.
pub(super) fn among(
    chains: &[Chain<'_>],
    rules: Vec<Rule<'_>>,
    sets: Sets<'_>,
) -> (Vec<Redirect>, bool) {
    let mut by_chain = ByChain::default();
    for rule in rules {
        let place = (rule.family, rule.table, rule.chain);
        by_chain.entry(place).or_default().push(rule);
    }
    let mut entries: Vec<_> = chains
        .iter()
        .filter_map(|chain| Some((chain.nat?, (chain.family, chain.table, chain.name))))
        .filter(|(_, place)| by_chain.contains_key(place))
        .collect();
    entries.sort_by_key(|(entry, _)| (entry.hook, entry.priority));
    let mut way = Way {
        rules: &by_chain,
        sets,
        known: FxHashMap::default(),
        steps: 0,
        found: Vec::new(),
        is_whole: true,
    };
    for &(entry, place) in &entries {
        let hooks = match entry.hook {
            HOOK_PREROUTING => (true, false),
            HOOK_OUTPUT => (false, true),
            _ => continue,
        };
        let mut condition = Condition::of(place.0, hooks);
        // Of two chains with one priority, either may be the first.
        let beside = |(other, at): &(Entry, Place<'_>)| {
            let alike = Condition::of(at.0, hooks).meets_family_of(&condition);
            *other == entry && *at != place && alike
        };
        let is_beside = entries.iter().any(beside);
        condition.is_conditional = is_beside;
        way.walk(place, condition, 0);
    }
    (way.found, way.is_whole)
}

struct Way<'a> {
    rules: &'a ByChain<'a>,
    sets: Sets<'a>,
    /// Sets that were looked up.
    known: FxHashMap<Place<'a>, Option<Rc<Ports>>>,
    steps: usize,
    found: Vec<Redirect>,
    /// Whether every rule that was met was followed.
    is_whole: bool,
}

/// Who does not come to the next rule, of those that are not redirected.
enum After {
    Nobody,
    /// These: they leave the chain.
    Leave(Condition),
    /// These, and for good: nor do they come to the next rule of the chain that led here.
    End(Condition),
}

impl<'a> Way<'a> {
    /// Follows a chain; says whether the way of some packets ended there for good without being redirected.
    fn walk(&mut self, place: Place<'_>, mut entered: Condition, depth: usize) -> bool {
        let rules: &'a ByChain<'a> = self.rules;
        let mut ended = false;
        if depth > MAX_DEPTH {
            self.is_whole = false;
            return true;
        }
        for rule in rules.get(&place).into_iter().flatten() {
            self.steps += 1;
            if self.steps >= MAX_STEPS {
                self.is_whole = false;
                return true;
            }
            let gone = match self.rule(rule, entered.clone(), depth) {
                After::Nobody => continue,
                After::Leave(gone) => gone,
                After::End(gone) => {
                    ended = true;
                    gone
                }
            };
            if !entered.without(&gone) {
                break;
            }
        }
        ended
    }

    /// Follows one rule.
    fn rule(&mut self, rule: &Rule<'a>, mut condition: Condition, depth: usize) -> After {
        let mut registers = Registers::default();
        for expression in &rule.expressions {
            let goes_on = match *expression {
                Expression::Meta { register, key } => {
                    registers.load(register, 16, meta(key));
                    true
                }
                Expression::Payload {
                    register,
                    base,
                    offset,
                    length,
                } => {
                    let loaded = payload((base, offset, length), condition.families);
                    registers.load(register, usize::try_from(length).unwrap_or(MOST), loaded);
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
                    registers.load(register, 16, loaded);
                    true
                }
                Expression::Immediate { register, value } => {
                    registers.load(register, value.len(), Loaded::Constant(value));
                    true
                }
                Expression::Compare {
                    register,
                    operation,
                    value,
                } => condition.compare(registers.at(register), operation, value),
                Expression::Range {
                    register,
                    outside: false,
                    from,
                    to,
                } => {
                    let found = registers.at(register);
                    condition.compare(found, GREATER_OR_EQUAL, from)
                        && condition.compare(found, LESS_OR_EQUAL, to)
                }
                Expression::Lookup {
                    register,
                    set,
                    inverted,
                    into,
                } => {
                    let ports = match registers.at(register) {
                        Loaded::Port => self.ports((rule.family, rule.table, set)),
                        _ => None,
                    };
                    if let Some(into) = into {
                        registers.load(into, MOST, Loaded::Other);
                    }
                    match ports {
                        Some(ports) if inverted => condition.keep_ports(&ports::others(&ports)),
                        Some(ports) => condition.keep_ports(&ports),
                        None => condition.doubt(),
                    }
                }
                Expression::Neutral | Expression::Match(b"comment", _) => true,
                Expression::Match(b"addrtype", info) => match nftables::matched_local(info) {
                    Some(is_local) => condition.keep_local(is_local),
                    None => condition.doubt(),
                },
                Expression::Match(name, info) => match nftables::matched_ports(name, info) {
                    Some(ports) => condition.keep_ports(&ports::ordered(ports)),
                    None => condition.doubt(),
                },
                Expression::Jump(chain) => {
                    let place = (rule.family, rule.table, chain);
                    if !self.walk(place, condition.clone(), depth + 1) {
                        return After::Nobody;
                    }
                    // Which of them, is not kept.
                    condition.doubt();
                    return After::End(condition);
                }
                Expression::Goto(chain) => {
                    let place = (rule.family, rule.table, chain);
                    return if self.walk(place, condition.clone(), depth + 1) {
                        After::End(condition)
                    } else {
                        After::Leave(condition)
                    };
                }
                Expression::VerdictMap => {
                    self.is_whole = false;
                    condition.doubt();
                    return After::End(condition);
                }
                Expression::Return => return After::Leave(condition),
                Expression::End | Expression::Target(b"NFQUEUE" | b"REJECT", _) => {
                    return After::End(condition);
                }
                Expression::Redirect { port } => {
                    self.find(rule, &condition, ToAddress::Own, to_port(port, &registers));
                    return After::Nobody;
                }
                Expression::Destination { address, port } => {
                    let to = to_address(address, &registers);
                    self.find(rule, &condition, to, to_port(port, &registers));
                    return After::Nobody;
                }
                Expression::Target(name @ (b"DNAT" | b"REDIRECT" | b"NETMAP"), info) => {
                    let (address, port) = target(name, info, rule.family);
                    self.find(rule, &condition, address, port);
                    return After::Nobody;
                }
                Expression::Range { .. } | Expression::Target(..) => condition.doubt(),
                Expression::Other => {
                    registers.forget();
                    condition.doubt()
                }
            };
            if !goes_on {
                return After::Nobody;
            }
        }
        After::Nobody
    }

    /// The ports of a set, which is read once.
    fn ports(&mut self, set: Place<'a>) -> Option<Rc<Ports>> {
        let sets = self.sets;
        let known = self.known.entry(set);
        let known = known.or_insert_with(|| sets(set.0, set.1, set.2).map(Rc::new));
        known.clone()
    }

    fn find(
        &mut self,
        rule: &Rule<'_>,
        condition: &Condition,
        to_address: ToAddress,
        to_port: ToPort,
    ) {
        let protocol = match condition.protocol {
            None => None,
            Some(6) => Some(Protocol::Tcp),
            Some(17) => Some(Protocol::Udp),
            Some(_) => return,
        };
        // It may lead to any port.
        self.is_whole &= to_port != ToPort::Unread;
        self.found.push(Redirect {
            families: condition.families,
            protocol,
            ports: condition.ports.to_vec(),
            destination: condition.destination,
            is_for_others: condition.is_for_others,
            is_conditional: condition.is_conditional,
            hooks: condition.hooks,
            to_address,
            to_port,
            table: rule.table.to_vec(),
            chain: rule.chain.to_vec(),
        });
    }
}

/// The address between those in two registers.
fn to_address(registers: Option<(u32, u32)>, loaded: &Registers<'_>) -> ToAddress {
    let Some((first, last)) = registers else {
        return ToAddress::Same;
    };
    match (loaded.at(first), loaded.at(last)) {
        (Loaded::Constant(a), Loaded::Constant(b)) if a == b => {
            condition::address(a).map_or(ToAddress::Unread, ToAddress::To)
        }
        _ => ToAddress::Unread,
    }
}

/// The port between those in two registers.
fn to_port(registers: Option<(u32, u32)>, loaded: &Registers<'_>) -> ToPort {
    let Some((first, last)) = registers else {
        return ToPort::Same;
    };
    match (loaded.at(first), loaded.at(last)) {
        (Loaded::Constant(&[high, low]), Loaded::Constant(last)) if last == [high, low] => {
            ToPort::To(Port(u16::from_be_bytes([high, low])))
        }
        _ => ToPort::Unread,
    }
}

/// Where a target of iptables leads.
fn target(name: &[u8], info: &[u8], family: u8) -> (ToAddress, ToPort) {
    let told = match name {
        b"NETMAP" => return (ToAddress::Unread, ToPort::Same),
        _ => nftables::target(info, family),
    };
    let Some(told) = told else {
        return (ToAddress::Unread, ToPort::Unread);
    };
    let address = match told.address {
        None if name == b"REDIRECT" => ToAddress::Own,
        None => ToAddress::Same,
        Some((first, last)) if first == last => ToAddress::To(first),
        Some(_) => ToAddress::Unread,
    };
    let port = match told.port {
        None => ToPort::Same,
        Some((first, last)) if first == last => ToPort::To(Port(first)),
        Some(_) => ToPort::Unread,
    };
    (address, port)
}
