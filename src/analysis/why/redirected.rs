//! Rules of the firewall that take connections away from a port, or bring those to another.
//!
//! Packets meet the rules of a hook in order, and the first that redirects them is the last: what an earlier rule took for certain, a later
//! one does not get; of what it took on conditions that were not read, a later one gets some.

use super::kind::is_here;
use super::meet::same_host;
use super::{Evidence, ReasonKind};
use crate::model::{Port, Protocol, Redirect, ToAddress, ToPort, ipv4_of};
use rustc_hash::FxHashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// The rules that concern `port` at the addresses `asked`, each once for one way; whether that is on conditions, and for which hooks, is
/// told as it is for what was asked.
pub(super) fn redirected(
    evidence: &Evidence<'_>,
    protocol: Protocol,
    port: Port,
    asked: &[IpAddr],
) -> Vec<(Redirect, ReasonKind)> {
    let mut found = Told::default();
    let mut earlier = Earlier::default();
    let rules = evidence.redirects.map_or(&[][..], |r| &r.rules);
    let is_of = |rule: &&Redirect| rule.protocol.is_none_or(|p| p == protocol);
    for rule in rules.iter().filter(is_of) {
        let mut ways = [
            (ReasonKind::Redirected, Sure::No),
            (ReasonKind::RedirectedHere, Sure::No),
        ];
        for &address in asked {
            let met = Met {
                evidence,
                rule,
                port,
                address,
            };
            // Which way it is depends on the address.
            let [away, brought] = &mut ways;
            away.1 = away.1.max(met.is_taken());
            brought.1 = brought.1.max(met.is_brought());
        }
        // Where some addresses lose connections, there is no need to tell which get them.
        let way = ways.into_iter().find(|(_, sure)| *sure != Sure::No);
        if let Some((kind, sure)) = way {
            let ports = match kind {
                ReasonKind::Redirected => &[port.0..=port.0][..],
                _ => &rule.ports[..],
            };
            let sure = sure.min(earlier.leaves(rule, ports));
            if sure != Sure::No {
                let mut told = rule.clone();
                told.is_conditional |= sure == Sure::Maybe;
                found.add(told, kind);
            }
        }
        earlier.add(rule);
    }
    found.all
}

/// The rules that are told of.
#[derive(Default)]
struct Told {
    all: Vec<(Redirect, ReasonKind)>,
    /// Where each is, whatever its hooks and conditions.
    places: FxHashMap<(Redirect, bool), usize>,
}

impl Told {
    /// Adds a rule, unless it is there and only met another way.
    fn add(&mut self, rule: Redirect, kind: ReasonKind) {
        let whichever = Redirect {
            hooks: (false, false),
            is_conditional: false,
            ..rule.clone()
        };
        let place = self
            .places
            .entry((whichever, kind == ReasonKind::Redirected));
        let place = *place.or_insert(self.all.len());
        match self.all.get_mut(place) {
            Some((known, _)) => {
                known.hooks.0 |= rule.hooks.0;
                known.hooks.1 |= rule.hooks.1;
                known.is_conditional |= rule.is_conditional;
            }
            None => self.all.push((rule, kind)),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sure {
    No,
    Maybe,
    Yes,
}

impl Sure {
    const fn of(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }

    const fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

/// A rule, and one of the places that were asked about.
struct Met<'a> {
    evidence: &'a Evidence<'a>,
    rule: &'a Redirect,
    port: Port,
    address: IpAddr,
}

impl Met<'_> {
    /// Whether connections to this place go elsewhere.
    fn is_taken(&self) -> Sure {
        let arrives = match self.rule.to_port {
            ToPort::Same => Sure::Yes,
            ToPort::To(to) => Sure::of(to == self.port),
            ToPort::Unread => Sure::Maybe,
        };
        self.is_met().min(arrives.min(self.arrives()).not())
    }

    /// Whether connections to other places come to this one.
    fn is_brought(&self) -> Sure {
        let is_port = match self.rule.to_port {
            ToPort::Same => self.rule.is_for_port(self.port),
            ToPort::To(to) => to == self.port,
            ToPort::Unread => false,
        };
        let is_foreign = |to| !is_here(self.evidence, to);
        let is_from_elsewhere =
            self.rule.is_for_others || self.rule.destination.is_some_and(is_foreign);
        let keeps_port =
            self.rule.to_port == ToPort::Same || self.rule.ports == [self.port.0..=self.port.0];
        // Those that it leaves where they are, nobody brings.
        let moves = match self.rule.to_address {
            _ if !keeps_port || is_from_elsewhere => true,
            ToAddress::To(to) => {
                !self.address.is_unspecified() && self.rule.destination != Some(to)
            }
            ToAddress::Unread => true,
            ToAddress::Same | ToAddress::Own => false,
        };
        if is_port && moves && self.is_of_family() {
            self.arrives()
        } else {
            Sure::No
        }
    }

    /// Whether it is for connections to this place.
    fn is_met(&self) -> Sure {
        if !self.is_of_family() || !self.rule.is_for_port(self.port) || self.rule.is_for_others {
            return Sure::No;
        }
        match self.rule.destination {
            None => Sure::Yes,
            Some(to) if !is_here(self.evidence, to) => Sure::No,
            // Of all of them only those to that one.
            Some(_) if self.address.is_unspecified() => Sure::Maybe,
            Some(to) => Sure::of(same_host(to, self.address)),
        }
    }

    /// Whether the address that the rule leads to is this one.
    fn arrives(&self) -> Sure {
        let is_any = self.address.is_unspecified();
        match self.rule.to_address {
            ToAddress::Unread => Sure::Maybe,
            ToAddress::To(to) if is_any => Sure::of(is_here(self.evidence, to)),
            ToAddress::To(to) => Sure::of(same_host(to, self.address)),
            ToAddress::Same if self.rule.is_for_others => Sure::No,
            ToAddress::Same => match self.rule.destination {
                Some(to) if is_any => Sure::of(is_here(self.evidence, to)),
                Some(to) => Sure::of(same_host(to, self.address)),
                None => Sure::Yes,
            },
            ToAddress::Own if is_any => Sure::Yes,
            ToAddress::Own => {
                let address = self.address.to_canonical();
                let is_first = address == IpAddr::from(Ipv4Addr::LOCALHOST)
                    || address == IpAddr::from(Ipv6Addr::LOCALHOST);
                match self.rule.hooks {
                    (false, true) => Sure::of(is_first),
                    _ if address.is_loopback() => Sure::No,
                    _ => Sure::Maybe,
                }
            }
        }
    }

    /// Whether it is for a family of connections that come to this address. What is bound to `::` may serve IPv4, too.
    fn is_of_family(&self) -> bool {
        let v4 = ipv4_of(self.address).is_some();
        self.rule.is_for_family(v4) || self.address.is_unspecified() && self.rule.families.0 && !v4
    }
}

/// What earlier rules did with each port: for each hook and family.
#[derive(Default)]
struct Earlier([Vec<Sure>; 4]);

const PORTS: usize = 1 << 16;

impl Earlier {
    /// Whether connections to some of these ports are left for `rule`.
    fn leaves(&self, rule: &Redirect, ports: &[RangeInclusive<u16>]) -> Sure {
        let mut taken = Vec::new();
        for table in tables(rule) {
            let table = self.0.get(table).filter(|table| !table.is_empty());
            for range in ports {
                match table {
                    None => taken.push(Sure::No),
                    Some(table) => taken.extend(table.get(places(range)).unwrap_or_default()),
                }
            }
        }
        let least = taken.iter().min().copied().unwrap_or(Sure::Yes);
        let most = taken.iter().max().copied().unwrap_or(Sure::Yes);
        match (least, most) {
            (Sure::Yes, _) => Sure::No,
            (_, Sure::No) => Sure::Yes,
            _ => Sure::Maybe,
        }
    }

    fn add(&mut self, rule: &Redirect) {
        let is_sure = !rule.is_conditional && !rule.is_for_others && rule.destination.is_none();
        let now = if is_sure { Sure::Yes } else { Sure::Maybe };
        for table in tables(rule) {
            let Some(table) = self.0.get_mut(table) else {
                continue;
            };
            table.resize(PORTS, Sure::No);
            for range in &rule.ports {
                let slots = table.get_mut(places(range)).unwrap_or_default();
                slots.iter_mut().for_each(|slot| *slot = (*slot).max(now));
            }
        }
    }
}

/// The tables that a rule is in.
fn tables(rule: &Redirect) -> impl Iterator<Item = usize> {
    let (families, hooks) = (rule.families, rule.hooks);
    let of = [
        families.0 && hooks.0,
        families.0 && hooks.1,
        families.1 && hooks.0,
        families.1 && hooks.1,
    ];
    of.into_iter()
        .enumerate()
        .filter_map(|(n, is)| is.then_some(n))
}

fn places(range: &RangeInclusive<u16>) -> RangeInclusive<usize> {
    usize::from(*range.start())..=usize::from(*range.end())
}
