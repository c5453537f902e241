//! Which address a socket gets when it connects, asked of a UDP socket: connecting one sends nothing.

use nix::sys::socket::{setsockopt, sockopt::BindToDevice};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStringExt;

/// The local address of a UDP socket that is connected to `destination`, bound to `source` and to an interface if they are given.
///
/// # Errors
/// As bind(2) and connect(2): `EADDRNOTAVAIL` if `source` is not this host's, `ENETUNREACH` if there is no route, `EACCES` if the
/// destination is a broadcast address.
pub fn local_address(
    destination: SocketAddr,
    source: Option<IpAddr>,
    interface: Option<Vec<u8>>,
) -> Result<IpAddr, Errno> {
    let family = if destination.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    if let Some(name) = interface {
        setsockopt(&socket, BindToDevice, &OsString::from_vec(name))
            .map_err(|errno| Errno::from_raw_os_error(errno as i32))?;
    }
    if let Some(source) = source {
        rustix::net::bind(&socket, &SocketAddr::new(source, 0))?;
    }
    rustix::net::connect(&socket, &destination)?;
    let local = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok(local.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_reached_from_loopback() {
        let here: IpAddr = [127, 0, 0, 1].into();
        let to = SocketAddr::new(here, 9);
        assert_eq!(local_address(to, None, None), Ok(here));
        let other: IpAddr = [127, 0, 0, 7].into();
        assert_eq!(local_address(to, Some(other), None), Ok(other));
        let foreign: IpAddr = [203, 0, 113, 1].into();
        let refused = local_address(to, Some(foreign), None);
        assert_eq!(refused, Err(Errno::ADDRNOTAVAIL));
    }
}
