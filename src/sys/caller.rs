//! Who runs this program, and with which rights over the network.

use super::namespace;
use nix::sys::socket::sockopt::Mark;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use rustix::thread::{CapabilitySet, capabilities};

/// The effective user.
#[must_use]
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether this process is in the group with this id.
#[must_use]
pub fn is_in_group(gid: u32) -> bool {
    rustix::process::getegid().as_raw() == gid
        || nix::unistd::getgroups().is_ok_and(|groups| groups.iter().any(|g| g.as_raw() == gid))
}

/// Whether this process has `CAP_NET_BIND_SERVICE` in its own user namespace.
#[must_use]
pub fn has_bind_capability() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::NET_BIND_SERVICE))
}

/// Whether this process has `CAP_NET_BIND_SERVICE` in the user namespace that owns its network namespace, which is what
/// bind(2) asks for. `None` if that cannot be told.
#[must_use]
pub fn may_bind_privileged_ports() -> Option<bool> {
    has_over_the_network(CapabilitySet::NET_BIND_SERVICE)
}

/// Whether this process has `CAP_NET_ADMIN` there, without which the kernel keeps some details to itself. `None` if that cannot be told.
#[must_use]
pub fn may_administer_the_network() -> Option<bool> {
    has_over_the_network(CapabilitySet::NET_ADMIN)
}

fn has_over_the_network(capability: CapabilitySet) -> Option<bool> {
    let effective = capabilities(None).ok()?.effective;
    if !effective.contains(capability) {
        return Some(false);
    }
    if namespace::is_initial_user_namespace() {
        return Some(true);
    }
    // In a user namespace the capability counts for the network namespaces made there. Which one owns this network namespace the kernel
    // tells by what it lets a socket be given: a mark takes CAP_NET_ADMIN in the owner (`sk_setsockopt` of `net/core/sock.c`).
    if effective.contains(CapabilitySet::NET_ADMIN) {
        return match mark_one() {
            Ok(()) => Some(true),
            Err(nix::Error::EPERM) => Some(false),
            Err(_) => None,
        };
    }
    // The settings of the namespace can be written by root of the owner, too, whose capabilities may be another's by now.
    let setting = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    match accessat(CWD, setting, Access::WRITE_OK, AtFlags::EACCESS) {
        Err(Errno::ACCESS | Errno::PERM) => Some(false),
        _ => None,
    }
}

/// Marks a socket, and drops it.
fn mark_one() -> nix::Result<()> {
    let kind = SockType::Datagram;
    let socket = socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, Mark, &0)
}
