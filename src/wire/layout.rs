//! Structures of unsigned numbers that grew at their end, read by the length that was sent.

use super::bytes::{array, u8_at, u16_at, u32_at, u64_at};

/// A member: its name, where it is, how many bytes it has, and how long a structure must be to have it.
pub(super) struct Member(
    pub(super) &'static str,
    pub(super) usize,
    pub(super) usize,
    pub(super) usize,
);

/// The numbers in the order of the members, and a bit for each that was sent.
pub(super) fn decode<const N: usize>(data: &[u8], members: &[Member; N]) -> ([u64; N], u64) {
    let mut values = [0; N];
    let mut sent = 0;
    let places = values.iter_mut().zip(members).enumerate();
    for (n, (slot, Member(_, at, width, since))) in places {
        if let Some(value) = number(data, *at, *width).filter(|_| data.len() >= *since) {
            *slot = value;
            sent |= 1 << n;
        }
    }
    (values, sent)
}

fn number(data: &[u8], at: usize, width: usize) -> Option<u64> {
    match width {
        1 => u8_at(data, at).map(u64::from),
        2 => u16_at(data, at).map(u64::from),
        4 => u32_at(data, at).map(u64::from),
        _ => u64_at(data, at),
    }
}

/// The address and the port in a `struct sockaddr_storage`: 2 or 10 for the family, the port in network order, then the address.
pub(super) fn socket_address(data: &[u8]) -> Option<(std::net::IpAddr, u16)> {
    const INET: u16 = 2;
    const INET6: u16 = 10;
    let port = super::bytes::be16_at(data, 2)?;
    let address = match u16_at(data, 0)? {
        INET => array::<4>(data, 4)?.into(),
        INET6 => array::<16>(data, 8)?.into(),
        _ => return None,
    };
    Some((address, port))
}
