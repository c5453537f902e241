//! Asks the kernel about single ports, see [`crate::sys::port_probe`]: which may be asked about, and when to stop.

use super::settings;
use crate::model::{Port, PortHolder, Protocol};
use crate::sys;
use crate::sys::port_probe::{self, Refusal};
use crate::wire::sysctl;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// `TFO_CLIENT_ENABLE` of `net.ipv4.tcp_fastopen`.
const FAST_OPEN_CLIENT: u32 = 1;

/// What a probe found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// Ports, and whether connect() may use each.
    pub open: BTreeMap<u16, bool>,
    /// Why it did not begin, or did not end.
    pub refused: Option<String>,
}

/// Probes `ports`. Only ports that somebody is on may be asked about, and only where the answer is not known; `holders` are all
/// sockets there are, of which none may be in the way of the probe's own 4-tuples.
#[must_use]
pub fn probe<'a>(
    protocol: Protocol,
    ports: &[Port],
    holders: impl Fn(u16) -> &'a [PortHolder],
) -> Probed {
    let mut probed = Probed::default();
    if ports.is_empty() {
        return probed;
    }
    if let Some(reason) = unfit(protocol) {
        probed.refused = Some(reason);
        return probed;
    }
    let peer = port_probe::peer();
    for port in ports {
        let in_the_way =
            |h: &PortHolder| h.peer == IpAddr::V4(*peer.ip()) && h.peer_port.0 == peer.port();
        if holders(port.0).iter().any(in_the_way) {
            continue;
        }
        let answer = match protocol {
            Protocol::Udp => port_probe::udp(port.0),
            _ => port_probe::tcp(port.0),
        };
        match answer {
            Ok(open) => {
                probed.open.insert(port.0, open);
            }
            Err(refusal) => {
                probed.refused = Some(words(refusal));
                break;
            }
        }
    }
    probed
}

/// Why this kernel cannot be probed.
fn unfit(protocol: Protocol) -> Option<String> {
    let kernel = settings::kernel()?;
    if !kernel.has_socket_ranges() {
        return Some(words(Refusal::NoPortRange));
    }
    let fast_open = sys::sysctl::read("net/ipv4/tcp_fastopen")
        .ok()
        .as_deref()
        .and_then(sysctl::number);
    match fast_open {
        _ if protocol == Protocol::Udp => None,
        Some(bits) if bits & FAST_OPEN_CLIENT != 0 => None,
        Some(_) => Some("net.ipv4.tcp_fastopen does not let clients use it".to_owned()),
        None => Some("/proc/sys/net/ipv4/tcp_fastopen cannot be read".to_owned()),
    }
}

fn words(refusal: Refusal) -> String {
    match refusal {
        Refusal::NoPortRange => {
            "this kernel has no IP_LOCAL_PORT_RANGE, which is there since Linux 6.3".to_owned()
        }
        Refusal::NotDeferred => {
            "the kernel does not put a SYN off now: TCP Fast Open is resting after losses"
                .to_owned()
        }
        Refusal::Failed(Errno::NETUNREACH | Errno::NETDOWN) => {
            "the loopback interface is down".to_owned()
        }
        Refusal::Failed(errno) => settings::plain(&errno.into()),
    }
}
