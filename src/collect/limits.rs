//! Kernel settings that limit sockets.

use crate::model::EphemeralPorts;
use crate::wire::sysctl;
use std::fs;

/// The ephemeral ports of this network namespace; `None` where /proc/sys does not show them.
#[must_use]
pub fn ephemeral_ports() -> Option<EphemeralPorts> {
    let read = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok();
    Some(EphemeralPorts {
        range: sysctl::port_range(&read("ip_local_port_range")?)?,
        reserved: read("ip_local_reserved_ports").and_then(|text| sysctl::port_list(&text)),
    })
}
