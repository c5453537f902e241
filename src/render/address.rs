//! IP addresses as text, without the formatting machinery: this runs twice for every row.

use super::pieces::{hex_digit, start_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// An octet of an IPv4 address with the dot behind it, and the length of both.
type Octet = ([u8; 4], u8);

#[expect(
    clippy::indexing_slicing,
    reason = "computed by the compiler, which would not panic but refuse"
)]
const OCTETS: [Octet; 256] = {
    let mut octets = [([0; 4], 0); 256];
    let mut n = 0;
    while n < 256 {
        let [hundreds, tens, ones] = [n / 100, n / 10 % 10, n % 10];
        let [h, t, o] = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        octets[n] = match n {
            0..10 => ([o, b'.', 0, 0], 2),
            10..100 => ([t, o, b'.', 0], 3),
            _ => ([h, t, o, b'.'], 4),
        };
        n += 1;
    }
    octets
};

/// Appends an address. IPv6 as RFC 5952 says: lower case, no leading zeros, the longest run of zeros as `::`, mapped
/// IPv4 dotted.
#[inline]
pub(super) fn address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => v4(out, address),
        IpAddr::V6(address) => v6(out, address),
    }
}

#[inline]
fn v4(out: &mut Vec<u8>, address: Ipv4Addr) {
    let mut text = [0; 16];
    let mut length = 0;
    for octet in address.octets() {
        let slot = text.get_mut(length..length + 4);
        let octet = OCTETS.get(usize::from(octet));
        if let Some((slot, (octet, taken))) = slot.zip(octet) {
            slot.copy_from_slice(octet);
            length += usize::from(*taken);
        }
    }
    // Without the last dot.
    start_of(out, &text, length.saturating_sub(1));
}

fn v6(out: &mut Vec<u8>, address: Ipv6Addr) {
    if let Some(address) = address.to_ipv4_mapped() {
        out.extend_from_slice(b"::ffff:");
        return v4(out, address);
    }
    let segments = address.segments();
    let zeros = longest_zeros(&segments);
    let (head, tail) = (segments.get(..zeros.start), segments.get(zeros.end..));
    join(out, head.unwrap_or_default());
    if !zeros.is_empty() {
        out.extend_from_slice(b"::");
    }
    join(out, tail.unwrap_or_default());
}

/// Appends segments with colons between them.
fn join(out: &mut Vec<u8>, segments: &[u16]) {
    for (n, &segment) in segments.iter().enumerate() {
        if n > 0 {
            out.push(b':');
        }
        hex(out, segment);
    }
}

/// Appends a segment without its leading zeros.
#[inline]
fn hex(out: &mut Vec<u8>, segment: u16) {
    let [high, low] = segment.to_be_bytes();
    let digits = [high >> 4, high, low >> 4, low].map(hex_digit);
    let zeros = (segment | 1).leading_zeros() / 4;
    let text = u32::from_le_bytes(digits) >> (8 * zeros);
    start_of(out, &text.to_le_bytes(), 4 - zeros as usize);
}

/// The first of the longest runs of two or more zero segments; empty and behind the end if there is none.
#[inline]
fn longest_zeros(segments: &[u16; 8]) -> Range<usize> {
    // A bit for each segment at which a run of `length` begins.
    let is_zero = segments.iter().rev();
    let mut starts = is_zero.fold(0u32, |bits, &segment| bits << 1 | u32::from(segment == 0));
    let mut length = 1;
    while starts & starts >> 1 != 0 {
        starts &= starts >> 1;
        length += 1;
    }
    if length < 2 {
        return segments.len()..segments.len();
    }
    let start = starts.trailing_zeros() as usize;
    start..start + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(ip: IpAddr) {
        let mut text = b"<".to_vec();
        address(&mut text, ip);
        assert_eq!(String::from_utf8(text).unwrap(), format!("<{ip}"));
    }

    #[test]
    fn known_addresses() {
        for text in [
            "0.0.0.0",
            "255.255.255.255",
            "10.0.0.9",
            "192.168.100.7",
            "::",
            "::1",
            "fe80::1",
            "2001:db8::",
            "2001:db8:0:1:1:1:1:1",
            "2001:0:0:1:0:0:0:1",
            "1:0:2:0:3:0:4:0",
            "0:1::",
            "::1:0:0:2:0:0",
            "1:0:0:2:3:4:5:6",
            "::ffff:10.0.0.1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            check(text.parse().unwrap());
        }
    }

    proptest! {
        #[test]
        fn as_the_standard_library(segments in proptest::collection::vec(prop_oneof![Just(0u16), any::<u16>()], 8), v4 in any::<u32>()) {
            let segments: [u16; 8] = segments.try_into().unwrap();
            check(Ipv6Addr::from(segments).into());
            check(Ipv4Addr::from(v4).into());
        }
    }
}
