//! What nftables redirects: its rules are walked as packets walk them, from where they enter, with the conditions that gather on the way.
//!
//! What is not understood makes a condition of its own: the rule then counts for some connections. Where it decides which rules are met at
//! all, the answer says that there may be more. Rules of the older iptables, which have another interface, are not read.
//!
//! ```text
//!  mod.rs: asks the kernel ─ walk.rs: follows the rules ─ condition.rs: who comes there ─ ports.rs
//!                                                       └ registers.rs: what was loaded
//! ```

mod condition;
mod ports;
mod registers;
#[cfg(test)]
mod tests;
mod walk;

use super::rtnetlink::{Answer, AskError, ask_over};
use crate::model::{RedirectGap, Redirects};
use crate::sys::netlink::Netlink;
use crate::wire::nftables::{self, Chain, Rule};
use ports::Ports;
use std::io;
use std::path::Path;

/// Where the older iptables says which tables it has.
const OLDER: [&str; 2] = [
    "/proc/thread-self/net/ip_tables_names",
    "/proc/thread-self/net/ip6_tables_names",
];
/// Where connections are counted, if they are tracked.
const TRACKED: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

/// The redirections in this network namespace.
#[must_use]
pub fn redirects() -> Redirects {
    let mut found = of_nftables().unwrap_or_else(|gap| Redirects {
        rules: Vec::new(),
        gap: Some(gap),
    });
    if found.gap.is_none()
        && OLDER
            .iter()
            .any(|path| may_translate(std::fs::read_to_string(path)))
    {
        found.gap = Some(RedirectGap::Older);
    }
    found
}

/// Whether the older iptables may have a table that translates addresses, by the names of those that it has. There is no list of them where
/// it is not loaded; one that cannot be read may have any.
fn may_translate(names: io::Result<String>) -> bool {
    match names {
        Ok(names) => names.lines().any(|name| name == "nat"),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn of_nftables() -> Result<Redirects, RedirectGap> {
    let chains = messages(nftables::chains_request, nftables::NEW_CHAIN)?;
    let chains = all(&chains, Chain::decode)?;
    if chains.iter().all(|chain| chain.nat.is_none()) {
        return Ok(Redirects::default());
    }
    let rules = messages(nftables::rules_request, nftables::NEW_RULE)?;
    let rules = all(&rules, Rule::decode)?;
    let (rules, is_whole) = walk::among(&chains, rules, &elements);
    Ok(Redirects {
        rules,
        gap: (!is_whole).then_some(RedirectGap::NotFollowed),
    })
}

/// Every message, decoded.
fn all<'a, T>(
    messages: &'a [Vec<u8>],
    decode: impl Fn(&'a [u8]) -> Option<T>,
) -> Result<Vec<T>, RedirectGap> {
    let decoded: Option<_> = messages.iter().map(|m| decode(m)).collect();
    decoded.ok_or(RedirectGap::NotFollowed)
}

/// The payloads of the answer's messages of one kind. No answer, because there is no nftables, is an empty one.
fn messages(request: impl Fn(u32) -> Vec<u8>, wanted: u16) -> Result<Vec<Vec<u8>>, RedirectGap> {
    let mut found = Vec::new();
    let mut netlink = match Netlink::netfilter() {
        Ok(netlink) => netlink,
        // A kernel without netfilter redirects nothing.
        Err(error) if error.raw_os_error() == Some(nix::libc::EPROTONOSUPPORT) => {
            return Ok(found);
        }
        Err(_) => return Err(RedirectGap::Unread),
    };
    let answer = ask_over(&mut netlink, request, Answer::Dump, |kind, payload| {
        if kind == wanted {
            found.push(payload.to_vec());
        }
    });
    match answer {
        Ok(()) => Ok(found),
        Err(AskError::Refused(error)) => match error.raw_os_error() {
            // Nor does one without nftables.
            Some(nix::libc::EINVAL) => Ok(Vec::new()),
            Some(nix::libc::EPERM) => Err(RedirectGap::Forbidden {
                is_tracked: Path::new(TRACKED).exists(),
            }),
            _ => Err(RedirectGap::Unread),
        },
        Err(AskError::Unasked(_)) => Err(RedirectGap::Unread),
    }
}

/// The ports of a set; `None` if it cannot be read, or has something else.
fn elements(family: u8, table: &[u8], set: &[u8]) -> Option<Ports> {
    let request = |sequence| nftables::elements_request(family, table, set, sequence);
    let answer = messages(request, nftables::NEW_SET_ELEMENTS).ok()?;
    let elements: Option<Vec<_>> = answer.iter().map(|m| nftables::port_elements(m)).collect();
    Some(ports::between(elements?.concat()))
}
