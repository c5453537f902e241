//! IP addresses as text, without the formatting machinery: this runs twice for every row.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Room for the longest address, `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`.
const ROOM: usize = 46;

/// The text of an address. IPv6 as RFC 5952 says: lower case, no leading zeros, the longest run of zeros as `::`, mapped
/// IPv4 dotted.
#[derive(Clone, Copy, Debug)]
pub(super) struct AddressText {
    bytes: [u8; ROOM],
    length: usize,
}

impl AddressText {
    pub(super) fn new(address: IpAddr) -> Self {
        let mut text = Self {
            bytes: [0; ROOM],
            length: 0,
        };
        match address {
            IpAddr::V4(v4) => text.v4(v4),
            IpAddr::V6(v6) => text.v6(v6),
        }
        text
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    #[inline]
    fn push(&mut self, b: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = b;
            self.length += 1;
        }
    }

    fn v4(&mut self, address: Ipv4Addr) {
        for (n, octet) in address.octets().into_iter().enumerate() {
            if n > 0 {
                self.push(b'.');
            }
            if octet >= 100 {
                self.push(b'0' + octet / 100);
            }
            if octet >= 10 {
                self.push(b'0' + octet / 10 % 10);
            }
            self.push(b'0' + octet % 10);
        }
    }

    fn v6(&mut self, address: Ipv6Addr) {
        if let Some(v4) = address.to_ipv4_mapped() {
            for b in *b"::ffff:" {
                self.push(b);
            }
            self.v4(v4);
            return;
        }
        let segments = address.segments();
        let (zeros, count) = longest_zeros(&segments);
        for (n, &segment) in segments.iter().enumerate() {
            if n == zeros && count > 1 {
                self.push(b':');
            }
            if count > 1 && (zeros..zeros + count).contains(&n) {
                if n + 1 == segments.len() {
                    self.push(b':');
                }
                continue;
            }
            if n > 0 {
                self.push(b':');
            }
            self.hex(segment);
        }
    }

    fn hex(&mut self, segment: u16) {
        let mut started = false;
        for shift in [12, 8, 4, 0] {
            let digit = (segment >> shift & 15) as u8;
            started |= digit != 0 || shift == 0;
            if started {
                self.push(if digit < 10 {
                    b'0' + digit
                } else {
                    b'a' + digit - 10
                });
            }
        }
    }
}

/// Start and length of the first longest run of zero segments.
fn longest_zeros(segments: &[u16; 8]) -> (usize, usize) {
    let (mut best, mut run) = ((0, 0), (0, 0));
    for (n, &segment) in segments.iter().enumerate() {
        run = match (segment, run.1) {
            (0, 0) => (n, 1),
            (0, length) => (run.0, length + 1),
            _ => (0, 0),
        };
        if run.1 > best.1 {
            best = run;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(address: IpAddr) {
        assert_eq!(
            AddressText::new(address).as_bytes(),
            address.to_string().as_bytes()
        );
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
