//! What keeps a bind from succeeding that is no socket: `__inet_bind` of `net/ipv4/af_inet.c`, `__inet6_bind` of
//! `net/ipv6/af_inet6.c`. The order of the tests is the kernel's, because the first one that fails gives the error.

use super::ReasonKind;
use super::meet::same_host;
use crate::model::{
    AddressState, BindError, BindFacts, BindTarget, BindUser, IfIndex, Protocol, RouteKind,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why no socket can be bound there, whatever others there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) kind: ReasonKind,
    /// `None` if it is not known whether it is refused.
    pub(super) error: Option<BindError>,
}

const fn refused(kind: ReasonKind, error: BindError) -> Option<Refusal> {
    Some(Refusal {
        kind,
        error: Some(error),
    })
}

const UNDECIDED: Option<Refusal> = Some(Refusal {
    kind: ReasonKind::Undecided,
    error: None,
});

/// The first test that `target` fails for `user`, or that nobody can tell the end of.
pub(super) fn refusal(facts: &BindFacts, target: &BindTarget, user: BindUser) -> Option<Refusal> {
    match target.address {
        IpAddr::V4(v4) => v4_address(facts, v4).or_else(|| privileged(facts, target, user)),
        IpAddr::V6(_) if !facts.ipv6 => refused(ReasonKind::NoIpv6, BindError::NoFamily),
        IpAddr::V6(v6) if v6.is_multicast() && target.protocol == Protocol::Tcp => {
            refused(ReasonKind::InvalidAddress, BindError::Invalid)
        }
        IpAddr::V6(v6) => privileged(facts, target, user).or_else(|| match v6.to_ipv4_mapped() {
            Some(_) if target.v6only => refused(ReasonKind::InvalidAddress, BindError::Invalid),
            Some(v4) => v4_address(facts, v4),
            None => v6_address(facts, v6, target.interface),
        }),
    }
}

fn privileged(facts: &BindFacts, target: &BindTarget, user: BindUser) -> Option<Refusal> {
    let Some(start) = facts.unprivileged_start else {
        // 1024 unless it was set otherwise (Linux 4.11, `include/net/netns/ipv4.h`).
        return (target.port.0 < 1024 && user.privileged != Some(true))
            .then_some(UNDECIDED)
            .flatten();
    };
    if u32::from(target.port.0) >= start {
        return None;
    }
    match user.privileged {
        Some(true) => None,
        Some(false) => refused(ReasonKind::Privileged, BindError::Access),
        None => UNDECIDED,
    }
}

fn v4_address(facts: &BindFacts, address: Ipv4Addr) -> Option<Refusal> {
    if address.is_unspecified() || facts.nonlocal_v4 == Some(true) {
        return None;
    }
    match facts.routes.iter().find(|(a, _)| *a == address) {
        Some((_, RouteKind::Local | RouteKind::Group)) => return None,
        // Where lo never was up, there is no table of local addresses, and bind(2) takes what it would find there. Or lo has lost its
        // address, and bind(2) takes none.
        Some((_, RouteKind::Elsewhere))
            if has_no_v4(facts) && facts.no_local_table != Some(false) =>
        {
            return match facts.no_local_table {
                Some(true) => None,
                _ => UNDECIDED,
            };
        }
        Some((_, RouteKind::Elsewhere)) => {
            return refused(ReasonKind::NotLocal, BindError::NotAvailable);
        }
        None => {}
    }
    let interfaces = facts.addresses.as_deref().unwrap_or_default();
    let known = interfaces.iter().any(|a| a.address == address);
    if known || address.is_loopback() || address.is_multicast() || address.is_broadcast() {
        None
    } else {
        UNDECIDED
    }
}

fn has_no_v4(facts: &BindFacts) -> bool {
    let known = facts.addresses.as_deref();
    known.is_some_and(|all| !all.iter().any(|a| a.address.is_ipv4()))
}

fn v6_address(facts: &BindFacts, address: Ipv6Addr, interface: Option<IfIndex>) -> Option<Refusal> {
    if address.is_unspecified() {
        return None;
    }
    let link_local = address.is_unicast_link_local();
    // Multicast of interface-local or link-local scope, RFC 4291 §2.7.
    let near = address.is_multicast()
        && matches!(address.segments(), [first, ..] if matches!(first & 0xf, 1 | 2));
    if (link_local || near) && interface.is_none() {
        return refused(ReasonKind::NoScope, BindError::Invalid);
    }
    if address.is_multicast() || facts.nonlocal_v6 == Some(true) {
        return None;
    }
    let Some(known) = facts.addresses.as_deref() else {
        return UNDECIDED;
    };
    let mut here = known.iter().filter(|a| {
        same_host(a.address, address.into())
            && (!link_local || interface.is_none_or(|index| a.interface == index))
    });
    let first = here.clone().next();
    if here.any(|a| a.state == AddressState::Usable) {
        return None;
    }
    let kind = match first.map(|a| a.state) {
        Some(AddressState::Duplicate) => ReasonKind::Duplicate,
        Some(_) => ReasonKind::Tentative,
        None if address.is_loopback() && !facts.without_ipv6.is_empty() => ReasonKind::Ipv6Disabled,
        None if interface.is_some_and(|index| facts.without_ipv6.contains(&index)) => {
            ReasonKind::Ipv6Disabled
        }
        None => ReasonKind::NotLocal,
    };
    refused(kind, BindError::NotAvailable)
}
