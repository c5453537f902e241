//! What nftables redirects: its rules are walked as packets walk them, from where they enter, with the conditions that gather on the way.
//!
//! What is not understood makes a condition of its own: the rule then counts for some connections. Rules of the older iptables, which
//! have another interface, are not read.

use super::rtnetlink::{Answer, AskError, ask_over};
use crate::model::{Port, Protocol, Redirect};
use crate::sys::netlink::Netlink;
use crate::wire::nftables::{self, Chain, Expression, HOOK_OUTPUT, HOOK_PREROUTING, Rule};
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

const ANY_PORT: RangeInclusive<u16> = 0..=u16::MAX;

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
    let mut by_chain = ByChain::default();
    for rule in rules.iter().filter_map(|m| Rule::decode(m)) {
        let place = (rule.family, rule.table, rule.chain);
        by_chain.entry(place).or_default().push(rule);
    }
    let mut way = Way {
        rules: &by_chain,
        steps: 0,
        found: Vec::new(),
    };
    for chain in &chains {
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

/// Family, table and chain.
type Place<'a> = (u8, &'a [u8], &'a [u8]);

/// The rules of each chain, in order.
type ByChain<'a> = FxHashMap<Place<'a>, Vec<Rule<'a>>>;

/// The way of packets through the rules.
struct Way<'a> {
    rules: &'a ByChain<'a>,
    steps: usize,
    found: Vec<Redirect>,
}

/// What packets have in common that came to some point.
#[derive(Clone)]
struct Condition {
    families: (bool, bool),
    hooks: (bool, bool),
    protocol: Option<u8>,
    ports: Vec<RangeInclusive<u16>>,
    destination: Option<IpAddr>,
    is_conditional: bool,
}

/// What a register holds.
#[derive(Clone, Copy)]
enum Loaded<'a> {
    Family,
    Protocol,
    Port,
    Destination,
    DestinationType,
    Constant(&'a [u8]),
    Other,
}

impl Condition {
    fn of(family: u8, hooks: (bool, bool)) -> Self {
        Self {
            families: (family != IPV6, family != IPV4),
            hooks,
            protocol: None,
            ports: vec![ANY_PORT],
            destination: None,
            is_conditional: false,
        }
    }

    /// Keeps what is in `ranges` too. False if nothing is left.
    fn keep_ports(&mut self, ranges: &[RangeInclusive<u16>]) -> bool {
        let both = |a: &RangeInclusive<u16>, b: &RangeInclusive<u16>| {
            let range = *a.start().max(b.start())..=*a.end().min(b.end());
            (!range.is_empty()).then_some(range)
        };
        let pairs = self
            .ports
            .iter()
            .flat_map(|a| ranges.iter().filter_map(move |b| both(a, b)));
        self.ports = pairs.collect();
        !self.ports.is_empty()
    }

    /// Takes in that what was `loaded` compares so. False if no packet passes.
    fn compare(&mut self, loaded: Loaded<'_>, operation: u32, value: &[u8]) -> bool {
        let is = operation == EQUAL;
        match (loaded, value) {
            (Loaded::Protocol, &[number]) if is => {
                let before = self.protocol.replace(number);
                before.is_none_or(|before| before == number)
            }
            (Loaded::Family, &[family]) if is => {
                self.families.0 &= family == IPV4;
                self.families.1 &= family == IPV6;
                self.families.0 || self.families.1
            }
            (Loaded::Port, &[high, low]) => {
                let port = u16::from_be_bytes([high, low]);
                match operation {
                    EQUAL => self.keep_ports(&[port..=port]),
                    NOT_EQUAL => {
                        let below = port.checked_sub(1).map(|end| 0..=end);
                        let above = port.checked_add(1).map(|start| start..=u16::MAX);
                        let rest: Vec<_> = below.into_iter().chain(above).collect();
                        self.keep_ports(&rest)
                    }
                    LESS => port
                        .checked_sub(1)
                        .is_some_and(|end| self.keep_ports(&[0..=end])),
                    LESS_OR_EQUAL => self.keep_ports(&[0..=port]),
                    GREATER => {
                        let start = port.checked_add(1);
                        start.is_some_and(|start| self.keep_ports(&[start..=u16::MAX]))
                    }
                    GREATER_OR_EQUAL => self.keep_ports(&[port..=u16::MAX]),
                    _ => self.doubt(),
                }
            }
            (Loaded::Destination, bytes) if is => {
                let address = address(bytes);
                let before = self.destination;
                self.destination = address.or(before);
                if address.is_none() {
                    return self.doubt();
                }
                before.is_none_or(|before| Some(before) == address)
            }
            // `fib daddr type local`: what is meant for this host.
            (Loaded::DestinationType, &[a, b, c, d]) => {
                let is_local = u32::from_ne_bytes([a, b, c, d]) == LOCAL;
                match operation {
                    EQUAL => is_local,
                    NOT_EQUAL => !is_local,
                    _ => self.doubt(),
                }
            }
            _ => self.doubt(),
        }
    }

    /// There is a condition that was not understood.
    const fn doubt(&mut self) -> bool {
        self.is_conditional = true;
        true
    }
}

const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// `NFT_CMP_*`.
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;
const LESS: u32 = 2;
const LESS_OR_EQUAL: u32 = 3;
const GREATER: u32 = 4;
const GREATER_OR_EQUAL: u32 = 5;
/// `RTN_LOCAL`.
const LOCAL: u32 = 2;

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
                    match elements(rule.family, rule.table, set) {
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
                        Loaded::Constant(bytes) => self::address(bytes),
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
    let mut elements: Vec<_> = answer
        .iter()
        .flat_map(|m| nftables::port_elements(m))
        .collect();
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
    Some(ranges)
}

fn meta(key: u32) -> Loaded<'static> {
    // NFT_META_NFPROTO, NFT_META_L4PROTO
    match key {
        15 => Loaded::Family,
        16 => Loaded::Protocol,
        _ => Loaded::Other,
    }
}

/// Fields of the headers, by offset and length: of IPv4 protocol and destination, of IPv6 the destination, of TCP and UDP the port.
const fn payload(base: u32, offset: u32, length: u32) -> Loaded<'static> {
    match (base, offset, length) {
        (1, 9, 1) => Loaded::Protocol,
        (1, 16, 4) | (1, 24, 16) => Loaded::Destination,
        (2, 2, 2) => Loaded::Port,
        _ => Loaded::Other,
    }
}

fn port_of(loaded: Loaded<'_>) -> Option<u16> {
    match loaded {
        Loaded::Constant(&[high, low, ..]) => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}
