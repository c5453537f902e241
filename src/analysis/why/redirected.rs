//! Rules of the firewall that take connections away from a port, or bring those to another.

use super::kind::is_here;
use super::meet::same_host;
use super::{Evidence, ReasonKind};
use crate::model::{Port, Protocol, Redirect, ipv4_of};
use std::net::IpAddr;

/// The rules that concern `port` at the addresses `asked`, by their place in the evidence, and in which way.
pub(super) fn redirected(
    evidence: &Evidence<'_>,
    protocol: Protocol,
    port: Port,
    asked: &[IpAddr],
) -> Vec<(usize, ReasonKind)> {
    // What is bound to `::` may serve IPv4, too.
    let families = |address: IpAddr| match ipv4_of(address) {
        Some(_) => [true, true],
        None => [false, address.is_unspecified()],
    };
    let is_for = |rule: &Redirect| {
        let mut families = asked.iter().flat_map(|&address| families(address));
        families.any(|v4| rule.is_for(protocol, port, v4))
    };
    let is_meant = |address: IpAddr| {
        let mut asked = asked.iter();
        is_here(evidence, address) && asked.any(|&a| a.is_unspecified() || same_host(a, address))
    };
    let way = |rule: &Redirect| {
        let stays = rule.to_address.is_none_or(|to| is_here(evidence, to));
        let arrives = stays && rule.to_port.is_none_or(|to| to == port);
        if is_for(rule) {
            let goes_away = !arrives && rule.destination.is_none_or(is_meant);
            return goes_away.then_some(ReasonKind::Redirected);
        }
        let is_brought =
            stays && rule.to_port == Some(port) && rule.protocol.is_none_or(|p| p == protocol);
        is_brought.then_some(ReasonKind::RedirectedHere)
    };
    let rules = evidence.redirects.unwrap_or_default().iter().enumerate();
    rules
        .filter_map(|(index, rule)| Some((index, way(rule)?)))
        .collect()
}
