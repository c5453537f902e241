//! What bind(2) depends on besides sockets, read from this host, and binds that are tried.

use super::limits;
use super::rtnetlink::{self, Answer, AskError};
use crate::model::{
    AddressState, BindError, BindFacts, BindOutcome, BindTarget, BindTrial, BindUser, BindVariant,
    IfIndex, LocalAddress, Protocol, RouteKind, Uid,
};
use crate::sys;
use crate::wire::ifaddr;
use crate::wire::route::{self, Key};
use rustix::io::Errno;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

/// The release of Linux that first lists TCP sockets which are bound and do nothing.
const LISTS_BOUND_SINCE: (u32, u32) = (6, 8);

/// The user who asks.
#[must_use]
pub fn caller() -> BindUser {
    let privileged = sys::caller::may_bind_privileged_ports();
    BindUser {
        uid: Uid(sys::caller::effective_uid()),
        privileged,
        is_foreign: privileged == Some(false) && sys::caller::has_bind_capability(),
    }
}

/// Everything that matters for binding to `asked`, or to any address.
#[must_use]
pub fn facts(asked: &[IpAddr]) -> BindFacts {
    let mut facts = BindFacts {
        unprivileged_start: limits::unprivileged_start(),
        ephemeral: limits::ephemeral_ports(),
        bindv6only: flag("ipv6/bindv6only"),
        nonlocal_v4: flag("ipv4/ip_nonlocal_bind"),
        nonlocal_v6: flag("ipv6/ip_nonlocal_bind"),
        addresses: addresses(),
        no_local_table: None,
        routes: Vec::new(),
        without_ipv6: Vec::new(),
        ipv6: sys::bind::has_ipv6(),
        lists_bound: sys::kernel_release().map(|release| release >= LISTS_BOUND_SINCE),
    };
    for address in asked {
        if let Some(v4) = crate::model::ipv4_of(*address)
            && let Some(kind) = route_kind(v4)
        {
            facts.routes.push((v4, kind));
        }
    }
    let has_v4 = |all: &Vec<LocalAddress>| all.iter().any(|a| a.address.is_ipv4());
    let elsewhere = facts.routes.iter().any(|(_, k)| *k == RouteKind::Elsewhere);
    if elsewhere && !facts.addresses.as_ref().is_some_and(has_v4) {
        facts.no_local_table = rtnetlink::has_local_table().map(|has| !has);
    }
    facts.without_ipv6 = without_ipv6();
    facts
}

fn number(name: &str) -> Option<u32> {
    let text = sys::sysctl::read(&format!("net/{name}")).ok()?;
    text.trim().parse().ok()
}

fn flag(name: &str) -> Option<bool> {
    number(name).map(|n| n != 0)
}

fn addresses() -> Option<Vec<LocalAddress>> {
    let mut found = Vec::new();
    rtnetlink::ask(ifaddr::dump_request, Answer::Dump, |kind, payload| {
        if kind == ifaddr::NEW_ADDRESS {
            found.extend(ifaddr::AddressRecord::decode(payload).and_then(local_address));
        }
    })
    .ok()?;
    Some(found)
}

fn local_address(record: ifaddr::AddressRecord) -> Option<LocalAddress> {
    let is = |flag| record.flags & flag != 0;
    Some(LocalAddress {
        address: record.address,
        interface: IfIndex::new(record.interface)?,
        state: if is(ifaddr::DAD_FAILED) {
            AddressState::Duplicate
        } else if is(ifaddr::TENTATIVE) && !is(ifaddr::OPTIMISTIC) {
            AddressState::Tentative
        } else {
            AddressState::Usable
        },
    })
}

/// `None` if rtnetlink cannot be asked.
fn route_kind(address: Ipv4Addr) -> Option<RouteKind> {
    match rtnetlink::route(&Key::to(address.into())) {
        Ok(route) => Some(match route.kind {
            route::TYPE_LOCAL => RouteKind::Local,
            route::TYPE_BROADCAST | route::TYPE_MULTICAST => RouteKind::Group,
            _ => RouteKind::Elsewhere,
        }),
        // These are the answer that there is no route. With others rtnetlink could not be asked, as in a sandbox.
        Err(AskError::Refused(error)) if !is_answer(&error) => None,
        Err(AskError::Refused(_)) if address.is_multicast() || address.is_broadcast() => {
            Some(RouteKind::Group)
        }
        Err(AskError::Refused(_)) => Some(RouteKind::Elsewhere),
        Err(AskError::Unasked(_)) => None,
    }
}

/// Whether a refusal says that there is no route.
fn is_answer(error: &std::io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::INVAL)
    )
}

/// The interfaces that were told to do without IPv6. Where /proc/sys does not show them there is none.
fn without_ipv6() -> Vec<IfIndex> {
    let Ok(entries) = fs::read_dir("/proc/sys/net/ipv6/conf") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| flag(&format!("ipv6/conf/{name}/disable_ipv6")) == Some(true))
        .filter_map(|name| IfIndex::new(sys::users::interface_index(&name)?))
        .collect()
}

/// Tries to bind `target` without options, and with each if that finds it in use; undoes it at once.
///
/// Where a plain bind succeeds, or fails for another reason, an option changes nothing. And a bind with `SO_REUSEPORT` that succeeds
/// beside sockets without it leaves a mark on the port (`fastreuseport`, `inet_csk_update_fastreuse` of
/// `net/ipv4/inet_connection_sock.c`) that lets later ones of the same user in where they should be refused.
#[must_use]
pub fn try_target(target: BindTarget) -> Vec<BindTrial> {
    let trial = |variant| BindTrial {
        target,
        variant,
        outcome: try_variant(target, variant),
    };
    let mut trials = vec![trial(BindVariant::Plain)];
    let in_use = BindOutcome::Refused(BindError::InUse);
    if trials.iter().any(|t| t.outcome == in_use) {
        trials.extend([BindVariant::ReuseAddr, BindVariant::ReusePort].map(trial));
    }
    trials
}

/// Tries to bind `target` with this option, and undoes it at once.
#[must_use]
pub fn try_variant(target: BindTarget, variant: BindVariant) -> BindOutcome {
    let port = target.port.0;
    let address = match target.address {
        IpAddr::V4(v4) => SocketAddr::from((v4, port)),
        IpAddr::V6(v6) => {
            let scope = target.interface.map_or(0, |index| index.0.get());
            SocketAddrV6::new(v6, port, 0, scope).into()
        }
    };
    let options = sys::bind::Options {
        reuse_address: variant == BindVariant::ReuseAddr,
        reuse_port: variant == BindVariant::ReusePort,
        v6only: target.v6only,
    };
    match sys::bind::try_bind(target.protocol == Protocol::Tcp, address, options) {
        Ok(()) => BindOutcome::Ok,
        Err(error) => BindOutcome::Refused(BindError::from_errno(error.raw_os_error())),
    }
}

/// Tries to bind an abstract unix name, and undoes it at once.
#[must_use]
pub fn try_abstract(name: &[u8]) -> BindOutcome {
    match sys::bind::try_bind_abstract(name) {
        Ok(()) => BindOutcome::Ok,
        Err(error) => BindOutcome::Refused(BindError::from_errno(error.raw_os_error())),
    }
}
