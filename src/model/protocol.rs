//! Protocols, address families, and the tables they make.

use std::fmt;

/// A transport whose sockets the kernel lists in a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// IP sockets below the transports, raw(7). Their "port" is the IP protocol number.
    Raw,
    /// Local sockets, unix(7).
    Unix,
}

impl Protocol {
    /// Every protocol, in the order of the default sort.
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Raw, Self::Unix];

    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Raw => "raw",
            Self::Unix => "unix",
        }
    }

    /// The families whose sockets can speak it.
    #[must_use]
    pub const fn families(self) -> &'static [Family] {
        match self {
            Self::Tcp | Self::Udp | Self::Raw => &[Family::Inet, Family::Inet6],
            Self::Unix => &[Family::Unix],
        }
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
}

impl Family {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
            Self::Unix => "unix",
        }
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
    pub const ALL: [Self; 7] = [
        Self::new(Protocol::Tcp, Family::Inet),
        Self::new(Protocol::Tcp, Family::Inet6),
        Self::new(Protocol::Udp, Family::Inet),
        Self::new(Protocol::Udp, Family::Inet6),
        Self::new(Protocol::Raw, Family::Inet),
        Self::new(Protocol::Raw, Family::Inet6),
        Self::new(Protocol::Unix, Family::Unix),
    ];

    /// More than every [`Table::index`].
    pub const INDEX_END: usize = Protocol::ALL.len() * 3;

    /// A small number of its own for every table.
    #[must_use]
    pub const fn index(self) -> usize {
        self.protocol as usize * 3 + self.family as usize
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
            Family::Unix => f.write_str(self.protocol.word()),
            family => write!(f, "{}/{family}", self.protocol),
        }
    }
}

/// A set of tables, as options select them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSet(u16);

impl TableSet {
    /// No table.
    pub const EMPTY: Self = Self(0);

    const fn bit(table: Table) -> u16 {
        1 << table.index()
    }

    /// Adds one table.
    pub fn insert(&mut self, table: Table) {
        self.0 |= Self::bit(table);
    }

    /// Whether `table` is in the set.
    #[must_use]
    pub fn contains(self, table: Table) -> bool {
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
        for table in tables {
            set.insert(table);
        }
        set
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
