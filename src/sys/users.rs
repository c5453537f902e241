//! Names of users and interfaces, through libc.

use nix::net::if_::{Interface, if_indextoname, if_nameindex, if_nametoindex};
use nix::unistd::{Uid, User};

/// The login name of a user, from whatever nsswitch.conf(5) says.
#[must_use]
pub fn user_name(uid: u32) -> Option<Vec<u8>> {
    let user = User::from_uid(Uid::from_raw(uid)).ok()??;
    Some(user.name.into_bytes())
}

/// The name of an interface in the calling thread's network namespace, netdevice(7).
#[must_use]
pub fn interface_name(index: u32) -> Option<Vec<u8>> {
    Some(if_indextoname(index).ok()?.into_bytes())
}

/// The number of an interface, by its name or another of its names.
#[must_use]
pub fn interface_index(name: &str) -> Option<u32> {
    if_nametoindex(name).ok()
}

/// The names of all interfaces.
#[must_use]
pub fn interface_names() -> Vec<String> {
    let Ok(interfaces) = if_nameindex() else {
        return Vec::new();
    };
    let name = |interface: &Interface| interface.name().to_string_lossy().into_owned();
    interfaces.iter().map(name).collect()
}

/// The number of a user, from whatever nsswitch.conf(5) says.
#[must_use]
pub fn user_id(name: &str) -> Option<u32> {
    Some(User::from_name(name).ok()??.uid.as_raw())
}

/// The names of the users in /etc/passwd; those of other databases may be many, and far away.
#[must_use]
pub fn local_user_names() -> Vec<String> {
    let text = std::fs::read("/etc/passwd").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let name = |line: &str| Some(line.split_once(':')?.0.to_owned());
    text.lines().filter_map(name).collect()
}
