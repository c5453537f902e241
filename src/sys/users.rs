//! Names of users and interfaces, through libc.

use nix::net::if_::if_indextoname;
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

/// The number of an interface in the calling thread's network namespace, by its name or by the number itself.
#[must_use]
pub fn interface_index(name: &str) -> Option<u32> {
    let index = nix::net::if_::if_nametoindex(name).ok();
    index.or_else(|| {
        name.parse()
            .ok()
            .filter(|&index| interface_name(index).is_some())
    })
}
