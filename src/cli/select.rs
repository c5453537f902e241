//! Which tables the options select: letters, `-f`, and the table names of `-A`.
//!
//! As in `ss`, a family without a protocol means all protocols that have it, and a protocol without a family all its families.

use super::args::{FamilyArg, SelectArgs};
use crate::filter;
use crate::model::{Family, KindSet, Kinds, Protocol, SocketKind, Table, TableSet};

/// What is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The tables.
    pub tables: TableSet,
    /// Those of them that were named, each for itself.
    pub named: TableSet,
    /// The socket types.
    pub kinds: Kinds,
    /// Whether options chose them, rather than none.
    pub is_chosen: bool,
    /// Whether `-A all` asked for everything in so many words.
    pub is_everything: bool,
}

impl Selection {
    /// Whether one of the protocols that have no states was named: those are shown then, though unconnected.
    #[must_use]
    pub fn names_stateless(&self) -> bool {
        self.named.iter().any(|table| table.protocol.is_stateless())
    }

    /// Whether a table of `protocol` is selected.
    #[must_use]
    pub fn has(&self, protocol: Protocol) -> bool {
        self.tables.iter().any(|table| table.protocol == protocol)
    }

    /// Whether only unix sockets are selected.
    #[must_use]
    pub fn is_unix_only(&self) -> bool {
        !self.tables.is_empty() && self.tables.iter().all(|t| t.protocol == Protocol::Unix)
    }
}

/// Why nothing can be selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectError {
    /// `-A` names a table that there is not.
    UnknownTable {
        /// The name.
        name: String,
        /// Names close to it.
        similar: Vec<String>,
    },
    /// `-A` takes away what it has not selected.
    Nothing,
}

/// One name of `-A`.
struct Name {
    names: &'static [&'static str],
    /// Whether it is the name of a table, not of a group of them.
    single: bool,
    protocols: &'static [Protocol],
    kinds: Option<&'static [SocketKind]>,
}

const fn group(names: &'static [&'static str], protocols: &'static [Protocol]) -> Name {
    Name {
        names,
        single: false,
        protocols,
        kinds: None,
    }
}

const fn table(names: &'static [&'static str], protocols: &'static [Protocol]) -> Name {
    Name {
        single: true,
        ..group(names, protocols)
    }
}

const fn of_kind(
    names: &'static [&'static str],
    protocols: &'static [Protocol],
    kinds: &'static [SocketKind],
) -> Name {
    Name {
        kinds: Some(kinds),
        ..table(names, protocols)
    }
}

/// Every protocol but TIPC, which `ss` leaves out of `all`.
const EVERY: &[Protocol] = &[
    Protocol::Tcp,
    Protocol::Udp,
    Protocol::UdpLite,
    Protocol::Raw,
    Protocol::Mptcp,
    Protocol::Sctp,
    Protocol::Dccp,
    Protocol::Unix,
    Protocol::Packet,
    Protocol::Netlink,
    Protocol::Vsock,
    Protocol::Xdp,
];

const INET: &[Protocol] = &[
    Protocol::Tcp,
    Protocol::Udp,
    Protocol::UdpLite,
    Protocol::Raw,
    Protocol::Mptcp,
    Protocol::Sctp,
    Protocol::Dccp,
];

const UNIX: &[Protocol] = &[Protocol::Unix];
const PACKET: &[Protocol] = &[Protocol::Packet];
const VSOCK: &[Protocol] = &[Protocol::Vsock];

/// The names of `-A`, as `ss` has them, and `udplite` and the types that it lacks.
const NAMES: &[Name] = &[
    group(&["all"], EVERY),
    group(&["inet"], INET),
    table(&["tcp"], &[Protocol::Tcp]),
    table(&["udp"], &[Protocol::Udp]),
    table(&["udplite"], &[Protocol::UdpLite]),
    table(&["raw"], &[Protocol::Raw]),
    table(&["mptcp"], &[Protocol::Mptcp]),
    table(&["sctp"], &[Protocol::Sctp]),
    table(&["dccp"], &[Protocol::Dccp]),
    table(&["unix"], UNIX),
    of_kind(&["unix_stream", "u_str"], UNIX, &[SocketKind::Stream]),
    of_kind(&["unix_dgram", "u_dgr"], UNIX, &[SocketKind::Dgram]),
    of_kind(&["unix_seqpacket", "u_seq"], UNIX, &[SocketKind::Seqpacket]),
    table(&["packet"], PACKET),
    of_kind(&["packet_raw", "p_raw"], PACKET, &[SocketKind::Raw]),
    // The obsolete SOCK_PACKET counts as a datagram socket.
    of_kind(
        &["packet_dgram", "p_dgr"],
        PACKET,
        &[SocketKind::Dgram, SocketKind::Other(10)],
    ),
    table(&["netlink"], &[Protocol::Netlink]),
    table(&["vsock"], VSOCK),
    of_kind(&["vsock_stream", "v_str"], VSOCK, &[SocketKind::Stream]),
    of_kind(&["vsock_dgram", "v_dgr"], VSOCK, &[SocketKind::Dgram]),
    of_kind(
        &["vsock_seqpacket", "v_seq"],
        VSOCK,
        &[SocketKind::Seqpacket],
    ),
    table(&["xdp"], &[Protocol::Xdp]),
    table(&["tipc"], &[Protocol::Tipc]),
];

/// The names that `-A` takes, each once: those of `ss` that are short for others are left out.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().filter_map(|name| name.names.first()).copied()
}

/// Protocols, and the types of those that have several.
struct Chosen {
    protocols: Vec<Protocol>,
    named: Vec<Protocol>,
    kinds: Kinds,
}

impl Chosen {
    const NOTHING: Self = Self {
        protocols: Vec::new(),
        named: Vec::new(),
        kinds: Kinds {
            unix: KindSet::EMPTY,
            packet: KindSet::EMPTY,
            vsock: KindSet::EMPTY,
        },
    };

    fn kinds_of(&mut self, protocol: Protocol) -> Option<&mut KindSet> {
        match protocol {
            Protocol::Unix => Some(&mut self.kinds.unix),
            Protocol::Packet => Some(&mut self.kinds.packet),
            Protocol::Vsock => Some(&mut self.kinds.vsock),
            _ => None,
        }
    }

    fn add(&mut self, name: &Name) {
        for &protocol in name.protocols {
            self.protocols.push(protocol);
            if name.single {
                self.named.push(protocol);
            }
            if let Some(set) = self.kinds_of(protocol) {
                *set = match name.kinds {
                    Some(kinds) => kinds.iter().fold(*set, |set, &kind| set.with(kind)),
                    None => KindSet::ALL,
                };
            }
        }
    }

    fn take_away(&mut self, name: &Name) {
        for &protocol in name.protocols {
            let mut is_left = false;
            if let (Some(kinds), Some(set)) = (name.kinds, self.kinds_of(protocol)) {
                *set = kinds.iter().fold(*set, |set, &kind| set.without(kind));
                // Types without a name count for nothing.
                is_left = [
                    SocketKind::Stream,
                    SocketKind::Dgram,
                    SocketKind::Seqpacket,
                    SocketKind::Raw,
                ]
                .iter()
                .any(|&kind| set.contains(kind) && has_name(protocol, kind));
            }
            if !is_left {
                self.protocols.retain(|&p| p != protocol);
                self.named.retain(|&p| p != protocol);
                if let Some(set) = self.kinds_of(protocol) {
                    *set = KindSet::EMPTY;
                }
            }
        }
    }
}

fn has_name(protocol: Protocol, kind: SocketKind) -> bool {
    NAMES
        .iter()
        .filter(|name| name.protocols == [protocol])
        .any(|name| name.kinds.is_some_and(|kinds| kinds.contains(&kind)))
}

/// Reads what the options select.
///
/// # Errors
/// If `-A` names something unknown, or leaves nothing.
pub fn select(args: &SelectArgs) -> Result<Selection, SelectError> {
    let mut chosen = Chosen::NOTHING;
    for item in args.query.iter().flat_map(|list| list.split(',')) {
        let (negated, name) = match item.strip_prefix('!') {
            Some(name) => (true, name),
            None => (false, item),
        };
        let known = NAMES.iter().find(|known| known.names.contains(&name));
        let known = known.ok_or_else(|| SelectError::UnknownTable {
            name: name.to_owned(),
            similar: filter::closest(name, NAMES.iter().flat_map(|n| n.names).copied()),
        })?;
        if negated {
            chosen.take_away(known);
        } else {
            chosen.add(known);
        }
    }
    for (given, protocol) in [
        (args.tcp, Protocol::Tcp),
        (args.udp, Protocol::Udp),
        (args.udplite, Protocol::UdpLite),
        (args.raw, Protocol::Raw),
        (args.mptcp, Protocol::Mptcp),
        (args.sctp, Protocol::Sctp),
        (args.dccp, Protocol::Dccp),
    ] {
        if given {
            chosen.protocols.push(protocol);
            chosen.named.push(protocol);
        }
    }
    let families = families(args);
    if chosen.protocols.is_empty() && families.is_empty() && !args.query.is_empty() {
        return Err(SelectError::Nothing);
    }
    let mut names = args.query.iter().flat_map(|list| list.split(','));
    Ok(Selection {
        is_everything: names.any(|name| name == "all"),
        ..complete(&chosen, &families)
    })
}

fn families(args: &SelectArgs) -> Vec<Family> {
    let letters = [
        (args.ipv4, Family::Inet),
        (args.ipv6, Family::Inet6),
        (args.unix, Family::Unix),
        (args.packet, Family::Packet),
        (args.netlink, Family::Netlink),
        (args.vsock, Family::Vsock),
        (args.xdp, Family::Xdp),
        (args.tipc, Family::Tipc),
    ];
    let by_name = args.family.iter().map(|family| match family {
        FamilyArg::Inet => Family::Inet,
        FamilyArg::Inet6 => Family::Inet6,
        FamilyArg::Link => Family::Packet,
        FamilyArg::Unix => Family::Unix,
        FamilyArg::Netlink => Family::Netlink,
        FamilyArg::Vsock => Family::Vsock,
        FamilyArg::Xdp => Family::Xdp,
        FamilyArg::Tipc => Family::Tipc,
    });
    let given = letters
        .into_iter()
        .filter_map(|(given, family)| given.then_some(family));
    given.chain(by_name).collect()
}

/// Families for protocols without one, and protocols for families without one.
fn complete(chosen: &Chosen, families: &[Family]) -> Selection {
    if chosen.protocols.is_empty() && families.is_empty() {
        return Selection {
            tables: Table::ALL
                .into_iter()
                .filter(|t| EVERY.contains(&t.protocol))
                .collect(),
            named: TableSet::EMPTY,
            kinds: Kinds::ALL,
            is_chosen: false,
            is_everything: false,
        };
    }
    let has_family = |protocol: Protocol| protocol.families().iter().any(|f| families.contains(f));
    let has_protocol = |family: Family| {
        chosen
            .protocols
            .iter()
            .any(|p| p.families().contains(&family))
    };
    let is_selected = |table: Table| {
        let by_protocol = chosen.protocols.contains(&table.protocol)
            && (families.contains(&table.family) || !has_family(table.protocol));
        by_protocol || families.contains(&table.family) && !has_protocol(table.family)
    };
    let tables: TableSet = Table::ALL.into_iter().filter(|&t| is_selected(t)).collect();
    let is_named = |table: Table| {
        chosen.named.contains(&table.protocol)
            || !table.family.is_ip() && families.contains(&table.family)
    };
    let mut kinds = chosen.kinds;
    // A family brings all its types, unless -A chose among them.
    for (protocol, set) in [
        (Protocol::Unix, &mut kinds.unix),
        (Protocol::Packet, &mut kinds.packet),
        (Protocol::Vsock, &mut kinds.vsock),
    ] {
        if !chosen.protocols.contains(&protocol) {
            *set = KindSet::ALL;
        }
    }
    Selection {
        tables,
        named: tables.filter(is_named),
        kinds,
        is_chosen: true,
        is_everything: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};

    fn selected(options: &str) -> Result<Selection, SelectError> {
        let words = ["portctl", "ls"]
            .into_iter()
            .chain(options.split_whitespace());
        let Some(Command::Ls(args)) = Cli::read(words.map(Into::into)).unwrap().command else {
            panic!("ls")
        };
        select(&args.select)
    }

    fn tables(options: &str) -> String {
        let words: Vec<_> = selected(options)
            .unwrap()
            .tables
            .iter()
            .map(|t| t.to_string())
            .collect();
        words.join(" ")
    }

    const INET4: &str = "tcp/inet udp/inet udplite/inet raw/inet mptcp/inet sctp/inet dccp/inet";

    #[test]
    fn tables_complete_as_in_ss() {
        assert_eq!(selected("").unwrap().tables.iter().count(), 19);
        assert!(!tables("").contains("tipc"));
        assert_eq!(tables("-t4"), "tcp/inet");
        assert_eq!(tables("-4x"), format!("{INET4} unix"));
        assert_eq!(tables("-tx"), "tcp/inet tcp/inet6 unix");
        assert_eq!(selected("-4 -6").unwrap().tables.iter().count(), 14);
        assert_eq!(tables("-0"), "packet");
        assert_eq!(tables("-f link --xdp"), "packet xdp");
        assert_eq!(tables("-f netlink"), "netlink");
        assert_eq!(tables("--netlink --vsock --tipc"), "netlink vsock tipc");
        assert_eq!(tables("-S -f inet"), "sctp/inet");
        assert_eq!(tables("-f inet6 -f unix -M"), "mptcp/inet6 unix");
        assert_eq!(tables("-dM4"), "mptcp/inet dccp/inet");
    }

    #[test]
    fn queries_are_lists_with_exceptions() {
        assert_eq!(tables("-A tcp,raw -4"), "tcp/inet raw/inet");
        assert_eq!(
            tables("-A inet,!tcp,!udp,!raw -4"),
            "udplite/inet mptcp/inet sctp/inet dccp/inet"
        );
        assert_eq!(tables("-A all,!inet"), "unix packet netlink vsock xdp");
        assert_eq!(tables("-A tcp -A udp -4"), "tcp/inet udp/inet");
        assert_eq!(tables("--query=tipc --socket=xdp"), "xdp tipc");
        assert_eq!(selected("-A all -a").unwrap().tables.iter().count(), 19);
        assert_eq!(selected("-A !tcp"), Err(SelectError::Nothing));
        let Err(SelectError::UnknownTable { name, similar }) = selected("-A tcp,netlnk") else {
            panic!("it is unknown");
        };
        assert_eq!(
            (name.as_str(), similar),
            ("netlnk", vec!["netlink".to_owned()])
        );
        for unknown in ["-A TCP", "-A tcp,", "-A ,", "-A !"] {
            assert!(selected(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn a_query_forgets_the_tables_before_it() {
        assert_eq!(tables("-t -A udp -4"), "udp/inet");
        assert_eq!(tables("-A udp -t -4"), "tcp/inet udp/inet");
        assert_eq!(tables("-t -A udp -t -4"), "tcp/inet udp/inet");
    }

    #[test]
    fn types_are_chosen() {
        let kinds = |options| selected(options).unwrap().kinds;
        let stream = KindSet::EMPTY.with(SocketKind::Stream);
        assert_eq!(kinds("-A u_str").unix, stream);
        assert_eq!(kinds("-A unix_stream,u_dgr,!u_dgr").unix, stream);
        assert_eq!(kinds("-A u_str,unix").unix, KindSet::ALL);
        assert_eq!(
            kinds("-A u_str -x").unix,
            stream,
            "-x names the family only"
        );
        assert_eq!(kinds("-x").unix, KindSet::ALL);
        assert_eq!(
            kinds("-A p_raw").packet,
            KindSet::EMPTY.with(SocketKind::Raw)
        );
        assert_eq!(
            selected("-A packet,!p_raw,!p_dgr"),
            Err(SelectError::Nothing)
        );
        assert_eq!(tables("-A packet,!p_raw"), "packet");
    }

    #[test]
    fn groups_are_not_named() {
        let named = |options| selected(options).unwrap().named.iter().count();
        assert_eq!(named(""), 0);
        assert_eq!(named("-A all"), 0);
        assert_eq!(named("-4"), 0);
        assert_eq!(named("-A inet,sctp"), 2);
        assert_eq!(named("-0 -t4"), 2);
    }
}
