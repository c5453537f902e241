//! Protocols, address families, and the tables they make.

use std::fmt;

/// A transport whose sockets the kernel lists in a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// RFC 3828: UDP with a checksum over a part of the datagram.
    UdpLite,
    /// IP sockets below the transports, raw(7). Their "port" is the IP protocol number.
    Raw,
    /// RFC 8684. Its sockets have TCP subflows, which are rows of TCP's table.
    Mptcp,
    /// RFC 9260. Both endpoints and their associations are rows.
    Sctp,
    /// RFC 4340; Linux dropped it in 6.16.
    Dccp,
    /// Local sockets, unix(7).
    Unix,
    /// Sockets below IP that see whole frames, packet(7).
    Packet,
    /// Sockets that talk to the kernel, netlink(7).
    Netlink,
    /// Between virtual machines and their host, vsock(7).
    Vsock,
    /// Rings shared with a network driver, `Documentation/networking/af_xdp.rst`.
    Xdp,
    /// Transparent inter-process communication in a cluster, `net/tipc`.
    Tipc,
}

impl Protocol {
    /// Every protocol, in the order of the default sort.
    pub const ALL: [Self; 13] = [
        Self::Tcp,
        Self::Udp,
        Self::UdpLite,
        Self::Raw,
        Self::Mptcp,
        Self::Sctp,
        Self::Dccp,
        Self::Unix,
        Self::Packet,
        Self::Netlink,
        Self::Vsock,
        Self::Xdp,
        Self::Tipc,
    ];

    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::UdpLite => "udplite",
            Self::Raw => "raw",
            Self::Mptcp => "mptcp",
            Self::Sctp => "sctp",
            Self::Dccp => "dccp",
            Self::Unix => "unix",
            Self::Packet => "packet",
            Self::Netlink => "netlink",
            Self::Vsock => "vsock",
            Self::Xdp => "xdp",
            Self::Tipc => "tipc",
        }
    }

    /// The families whose sockets can speak it.
    #[must_use]
    pub const fn families(self) -> &'static [Family] {
        match self {
            Self::Tcp
            | Self::Udp
            | Self::UdpLite
            | Self::Raw
            | Self::Mptcp
            | Self::Sctp
            | Self::Dccp => &[Family::Inet, Family::Inet6],
            Self::Unix => &[Family::Unix],
            Self::Packet => &[Family::Packet],
            Self::Netlink => &[Family::Netlink],
            Self::Vsock => &[Family::Vsock],
            Self::Xdp => &[Family::Xdp],
            Self::Tipc => &[Family::Tipc],
        }
    }

    /// Whether its connections wait in the queue of a listener, without a file, until they are accepted.
    #[must_use]
    pub const fn queues_connections(self) -> bool {
        matches!(self, Self::Tcp | Self::Mptcp | Self::Sctp | Self::Dccp)
    }

    /// Whether its sockets are always listed as unconnected, because the kernel keeps no other state for them.
    #[must_use]
    pub const fn is_stateless(self) -> bool {
        matches!(self, Self::Packet | Self::Netlink | Self::Xdp)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// An address family, address_families(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    Inet,
    /// IPv6, which also carries IPv4 as mapped addresses.
    Inet6,
    /// Names in the file system or the abstract namespace.
    Unix,
    /// Frames of interfaces.
    Packet,
    /// Port ids, which the kernel gives to its netlink sockets.
    Netlink,
    /// Context ids of virtual machines, and ports.
    Vsock,
    /// Queues of interfaces.
    Xdp,
    /// Nodes of a cluster, and socket references.
    Tipc,
}

impl Family {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
            Self::Unix => "unix",
            Self::Packet => "packet",
            Self::Netlink => "netlink",
            Self::Vsock => "vsock",
            Self::Xdp => "xdp",
            Self::Tipc => "tipc",
        }
    }

    /// Whether its sockets have IP addresses.
    #[must_use]
    pub const fn is_ip(self) -> bool {
        matches!(self, Self::Inet | Self::Inet6)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One kernel table: the unit that a source delivers whole or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    /// Its protocol.
    pub protocol: Protocol,
    /// Its address family.
    pub family: Family,
}

impl Table {
    /// Every table, in the order of the default sort.
    pub const ALL: [Self; 20] = [
        Self::new(Protocol::Tcp, Family::Inet),
        Self::new(Protocol::Tcp, Family::Inet6),
        Self::new(Protocol::Udp, Family::Inet),
        Self::new(Protocol::Udp, Family::Inet6),
        Self::new(Protocol::UdpLite, Family::Inet),
        Self::new(Protocol::UdpLite, Family::Inet6),
        Self::new(Protocol::Raw, Family::Inet),
        Self::new(Protocol::Raw, Family::Inet6),
        Self::new(Protocol::Mptcp, Family::Inet),
        Self::new(Protocol::Mptcp, Family::Inet6),
        Self::new(Protocol::Sctp, Family::Inet),
        Self::new(Protocol::Sctp, Family::Inet6),
        Self::new(Protocol::Dccp, Family::Inet),
        Self::new(Protocol::Dccp, Family::Inet6),
        Self::new(Protocol::Unix, Family::Unix),
        Self::new(Protocol::Packet, Family::Packet),
        Self::new(Protocol::Netlink, Family::Netlink),
        Self::new(Protocol::Vsock, Family::Vsock),
        Self::new(Protocol::Xdp, Family::Xdp),
        Self::new(Protocol::Tipc, Family::Tipc),
    ];

    /// More than every [`Table::index`].
    pub const INDEX_END: usize = Protocol::ALL.len() * 2;

    /// A small number of its own for every table: only IP protocols have two families, whose numbers differ in the last bit.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.protocol as usize * 2 + (self.family as usize & 1)
    }

    /// The table of `protocol` in `family`.
    #[must_use]
    pub const fn new(protocol: Protocol, family: Family) -> Self {
        Self { protocol, family }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            family if family.is_ip() => write!(f, "{}/{family}", self.protocol),
            _ => f.write_str(self.protocol.word()),
        }
    }
}

/// A set of tables, as options select them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSet(u32);

impl TableSet {
    /// No table.
    pub const EMPTY: Self = Self(0);

    const fn bit(table: Table) -> u32 {
        1 << table.index()
    }

    /// Adds one table.
    pub fn insert(&mut self, table: Table) {
        self.0 |= Self::bit(table);
    }

    /// Whether `table` is in the set.
    #[must_use]
    #[inline]
    pub const fn contains(self, table: Table) -> bool {
        self.0 & Self::bit(table) != 0
    }

    /// Whether there is no table in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its tables, in the order of the default sort.
    pub fn iter(self) -> impl Iterator<Item = Table> {
        Table::ALL.into_iter().filter(move |&t| self.contains(t))
    }

    /// The tables for which `keep` holds.
    #[must_use]
    pub fn filter(self, keep: impl Fn(Table) -> bool) -> Self {
        self.iter().filter(|&t| keep(t)).collect()
    }
}

impl FromIterator<Table> for TableSet {
    fn from_iter<I: IntoIterator<Item = Table>>(tables: I) -> Self {
        let mut set = Self::EMPTY;
        set.extend(tables);
        set
    }
}

impl Extend<Table> for TableSet {
    fn extend<I: IntoIterator<Item = Table>>(&mut self, tables: I) {
        for table in tables {
            self.insert(table);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_own_bit() {
        for table in Table::ALL {
            let set: TableSet = [table].into_iter().collect();
            assert_eq!(set.iter().collect::<Vec<_>>(), [table]);
        }
    }

    #[test]
    fn protocols_and_tables_agree_on_families() {
        for protocol in Protocol::ALL {
            for &family in protocol.families() {
                assert!(Table::ALL.contains(&Table::new(protocol, family)));
            }
        }
    }
}
