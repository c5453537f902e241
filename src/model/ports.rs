//! Which local ports the kernel gives to connections that do not choose one.

use super::Port;
use std::ops::RangeInclusive;

/// `net.ipv4.ip_local_port_range` and `net.ipv4.ip_local_reserved_ports`; both hold for IPv6 too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EphemeralPorts {
    /// The range.
    pub range: RangeInclusive<u16>,
    /// Ports that are never given out by themselves; absent if that cannot be read.
    pub reserved: Option<Vec<RangeInclusive<u16>>>,
}

impl EphemeralPorts {
    /// Whether the kernel may give out `port`, reserved or not.
    #[must_use]
    pub fn contains(&self, port: Port) -> bool {
        self.range.contains(&port.0)
    }

    /// How many ports the range has.
    #[must_use]
    pub fn size(&self) -> u32 {
        (u32::from(*self.range.end()) + 1).saturating_sub((*self.range.start()).into())
    }

    /// How many ports of the range are reserved.
    #[must_use]
    pub fn reserved_in_range(&self) -> Option<u32> {
        let overlap = |reserved: &RangeInclusive<u16>| {
            let low = *reserved.start().max(self.range.start());
            let high = *reserved.end().min(self.range.end());
            (u32::from(high) + 1).saturating_sub(low.into())
        };
        Some(self.reserved.as_ref()?.iter().map(overlap).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reserved_ports_inside_the_range_count() {
        let ports = EphemeralPorts {
            range: 40000..=40099,
            reserved: Some(vec![22..=22, 39990..=40009, 40099..=40200]),
        };
        assert_eq!(ports.size(), 100);
        assert_eq!(ports.reserved_in_range(), Some(11));
    }
}
