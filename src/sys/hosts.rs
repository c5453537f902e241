//! Host names through the system's resolver. May ask the network.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};

/// The host name of an address, if it has one.
#[must_use]
pub fn name_of(address: IpAddr) -> Option<Vec<u8>> {
    let name = dns_lookup::lookup_addr(&address).ok()?;
    // Without an entry the resolver gives the address back as text.
    (name.parse::<IpAddr>().is_err()).then(|| name.into_bytes())
}

/// Every address of a host.
///
/// # Errors
/// If the resolver does not know it, or cannot be asked.
pub fn addresses_of(name: &str) -> io::Result<Vec<IpAddr>> {
    let mut addresses: Vec<IpAddr> = (name, 0).to_socket_addrs()?.map(|a| a.ip()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}
