//! Kernel settings that limit sockets.

use crate::model::EphemeralPorts;
use crate::sys;
use crate::wire::sysctl;

/// `net.ipv4.ip_unprivileged_port_start`, which holds for IPv6 too; `None` where /proc/sys does not show it.
#[must_use]
pub fn unprivileged_start() -> Option<u32> {
    let text = sys::sysctl::read("net/ipv4/ip_unprivileged_port_start").ok()?;
    text.trim().parse().ok()
}

/// The ephemeral ports of this network namespace; `None` where /proc/sys does not show them.
#[must_use]
pub fn ephemeral_ports() -> Option<EphemeralPorts> {
    let read = |name: &str| sys::sysctl::read(&format!("net/ipv4/{name}")).ok();
    Some(EphemeralPorts {
        range: sysctl::port_range(&read("ip_local_port_range")?)?,
        reserved: read("ip_local_reserved_ports").and_then(|text| sysctl::port_list(&text)),
    })
}
