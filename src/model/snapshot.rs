//! Everything one run collected, and how complete it is.

use super::{OwnerTable, Protocol, Socket, Table};
use std::fmt;
use std::time::SystemTime;

/// Where rows came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// sock_diag over netlink, sock_diag(7).
    Netlink,
    /// Text files under /proc/net, proc(5).
    Proc,
    /// A saved dump.
    Dump,
}

impl SourceKind {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Netlink => "netlink",
            Self::Proc => "proc",
            Self::Dump => "dump",
        }
    }
}

/// How one table was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableReport {
    /// The table.
    pub table: Table,
    /// Where its rows came from.
    pub source: SourceKind,
    /// Rows the source delivered, before portctl's filter. The kernel may have left out what does not pass it.
    pub records: u64,
    /// Rows that could not be decoded and are missing.
    pub skipped: u64,
}

/// Something the reader of a result should know. Lower layers return notices, only the application prints them, escaped: their
/// text may hold paths and words from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The kernel changed the table while it was read, on every try.
    Interrupted {
        /// The table.
        table: Table,
    },
    /// The preferred source could not deliver, another one did.
    FellBack {
        /// The tables.
        tables: Vec<Table>,
        /// What was wrong with the preferred source.
        reason: String,
        /// Whether the user had asked for this table by name.
        asked: bool,
    },
    /// No source could deliver the table: its rows are missing.
    Unavailable {
        /// The table.
        table: Table,
        /// What was wrong with each source.
        reason: String,
    },
    /// This kernel does not have the protocol: there are no such sockets.
    Absent {
        /// The protocol.
        protocol: Protocol,
    },
    /// The kernel can neither list the sockets of a table nor count them: there may be some. It is told to who asked for all tables by
    /// that word, and does not make the result incomplete: a kernel may lack a module for what hardly anybody uses, and `-A all --strict`
    /// would fail there for good. Who names the table itself gets [`Notice::Unavailable`].
    Unlisted {
        /// The table.
        table: Table,
    },
    /// A table broke off after rows of it were already shown.
    Broken {
        /// The table.
        table: Table,
        /// What happened.
        reason: String,
    },
    /// Records that made no sense were left out.
    Undecodable {
        /// The table.
        table: Table,
        /// How many.
        count: u64,
    },
    /// A saved dump was read, and not this host: by a variable of the environment, of which the user may know nothing.
    InheritedDump {
        /// Its file.
        path: String,
    },
    /// A variable names a saved dump, and the sockets are those of this host all the same.
    IgnoredDump {
        /// Its file.
        path: String,
    },
    /// A saved dump ended in the middle, or is damaged from some point on.
    DumpDamaged {
        /// What and where.
        reason: String,
    },
    /// Rows whose owner could not be seen.
    OwnersHidden {
        /// How many of the rows shown.
        count: u64,
        /// Why, and what would show them.
        remedy: String,
    },
    /// The kernel would not choose the rows of these tables, so it sent them all.
    NotChosen {
        /// A table, or one of those that were read together.
        table: Table,
        /// What the kernel said.
        reason: String,
    },
    /// `ss` reads the filter differently from what it says here.
    FilterReading {
        /// How.
        explanation: String,
    },
    /// Unknown values decided that rows are not shown.
    FilterUnknown {
        /// How many rows.
        count: u64,
        /// Which fields were unknown of them, and whether rights are missing to know one.
        fields: Vec<(&'static str, bool)>,
    },
    /// Only as many rows or groups are shown as was asked for.
    Limited {
        /// What they are, as one and as several.
        of: (&'static str, &'static str),
        /// How many are shown.
        shown: u64,
        /// How many more there are; `None` where counting stopped after those shown.
        more: Option<u64>,
        /// What shows them all.
        remedy: &'static str,
    },
    /// The kernel, or the dump, has no such counters: not of all sockets.
    CountersUnknown {
        /// Their names.
        names: Vec<&'static str>,
        /// Whether they were told of other sockets.
        some: bool,
    },
    /// Sockets have none of this, though it was asked for.
    DetailsUntold {
        /// What they have none of, and in which words it was asked for.
        what: String,
        /// How many.
        count: u64,
        /// Why: a dump was made without it, no source of the kernel has it.
        why: &'static str,
        /// Whether it was asked for by itself, not with much else, and somebody could have told.
        asked: bool,
    },
    /// The kernel told nothing of this, as it does to those without `CAP_NET_ADMIN`.
    Withheld {
        /// What was not told, and in which words it was asked for.
        what: String,
        /// Of how many sockets.
        count: u64,
        /// Whether it was asked for by itself, not with much else.
        asked: bool,
    },
    /// The kernel does not tell what BPF programs keep with sockets, though it was asked for.
    StorageUntold {
        /// Why not.
        gap: StorageGap,
    },
    /// The source does not tell whether sockets on the IPv6 wildcard are for IPv4, too.
    FamiliesUntold {
        /// How many.
        count: u64,
    },
    /// A list this wide does not fit the terminal.
    ColumnsDropped {
        /// The columns that were left out.
        columns: Vec<&'static str>,
        /// What shows them.
        remedy: &'static str,
    },
    /// A source does not list sockets in some states that were asked for.
    StatesUnavailable {
        /// The table.
        table: Table,
        /// Which states, and why.
        reason: String,
    },
    /// A source does not tell details that were asked for.
    DetailsUnavailable {
        /// Of which tables which ones, and in which words they were asked for.
        withheld: Vec<(Vec<Table>, String)>,
        /// Whether they were asked for by themselves, not with much else.
        asked: bool,
    },
    /// A source writes names so that some cannot be told apart, and that a name can look like rows.
    NamesUncertain {
        /// The table.
        table: Table,
    },
    /// A number that people expect here and that is not computed.
    NotComputed {
        /// What, and why not.
        explanation: String,
    },
}

impl Notice {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Interrupted { .. } => "dump-interrupted",
            Self::FellBack { .. } => "fell-back",
            Self::Unavailable { .. } => "table-unavailable",
            Self::Absent { .. } => "protocol-absent",
            Self::Unlisted { .. } => "table-unlisted",
            Self::Broken { .. } => "table-broken",
            Self::Undecodable { .. } => "records-undecodable",
            Self::InheritedDump { .. } => "dump-inherited",
            Self::IgnoredDump { .. } => "dump-ignored",
            Self::DumpDamaged { .. } => "dump-damaged",
            Self::OwnersHidden { .. } => "owners-hidden",
            Self::NotChosen { .. } => "filter-not-pushed",
            Self::FilterReading { .. } => "filter-reading",
            Self::FilterUnknown { .. } => "filter-unknown",
            Self::Limited { .. } => "limited",
            Self::CountersUnknown { .. } => "counters-unknown",
            Self::DetailsUntold { .. } => "details-untold",
            Self::Withheld { .. } => "withheld",
            Self::StorageUntold { .. } => "storage-untold",
            Self::FamiliesUntold { .. } => "families-untold",
            Self::ColumnsDropped { .. } => "columns-dropped",
            Self::StatesUnavailable { .. } => "states-unavailable",
            Self::DetailsUnavailable { .. } => "details-unavailable",
            Self::NamesUncertain { .. } => "names-uncertain",
            Self::NotComputed { .. } => "not-computed",
        }
    }

    /// How many rows it is about, where it counts any.
    #[must_use]
    pub const fn count(&self) -> Option<u64> {
        match self {
            Self::Undecodable { count, .. }
            | Self::OwnersHidden { count, .. }
            | Self::FilterUnknown { count, .. }
            | Self::DetailsUntold { count, .. }
            | Self::Withheld { count, .. }
            | Self::FamiliesUntold { count } => Some(*count),
            Self::Limited { more, .. } => *more,
            _ => None,
        }
    }

    /// Whether rows or facts that were asked for are missing from the result.
    #[must_use]
    pub const fn means_incomplete(&self) -> bool {
        matches!(
            self,
            Self::Interrupted { .. }
                | Self::Unavailable { .. }
                | Self::Broken { .. }
                | Self::Undecodable { .. }
                | Self::DumpDamaged { .. }
                | Self::StatesUnavailable { .. }
                | Self::DetailsUnavailable { asked: true, .. }
                | Self::DetailsUntold { asked: true, .. }
                | Self::StorageUntold { .. }
                | Self::Withheld { asked: true, .. }
                | Self::OwnersHidden { .. }
        )
    }

    /// Whether an answer may lack something: what [`Notice::means_incomplete`] tells, and rows that may match a filter and are left out
    /// since a value that it asks for is unknown.
    #[must_use]
    pub const fn leaves_doubt(&self) -> bool {
        self.means_incomplete() || matches!(self, Self::FilterUnknown { .. })
    }

    /// Whether it is worth a line to everybody, or only to those who asked for explanations.
    #[must_use]
    pub const fn is_detail(&self) -> bool {
        matches!(
            self,
            Self::FellBack { asked: false, .. } | Self::NotChosen { .. }
        )
    }
}

/// Why the kernel does not tell what BPF programs keep with sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageGap {
    /// This process lacks the rights.
    Rights,
    /// The kernel has no such answer.
    Kernel,
    /// It has none for sockets of these protocols.
    Protocols(Vec<Protocol>),
}

impl fmt::Display for StorageGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rights => f.write_str(
                "the kernel tells it to CAP_BPF or CAP_SYS_ADMIN only, and those of a user namespace do not count",
            ),
            Self::Kernel => f.write_str(
                "this kernel has no answer to that: Linux 5.7 and later do, if they were built for BPF (CONFIG_BPF_SYSCALL)",
            ),
            Self::Protocols(protocols) => {
                let names: Vec<_> = protocols.iter().map(|p| p.word()).collect();
                write!(
                    f,
                    "the kernel tells it of TCP, MPTCP and DCCP, not of {}",
                    names.join(", ")
                )
            }
        }
    }
}

/// More counters than this are not named in one line.
const COUNTERS_NAMED: usize = 8;

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted { table } => write!(
                f,
                "the {table} table changed while it was read; rows may be missing or out of date"
            ),
            Self::FellBack { tables, reason, .. } => {
                let names: Vec<_> = tables.iter().map(Table::to_string).collect();
                let names = names.join(", ");
                write!(
                    f,
                    "{names}: read from /proc/net instead of netlink: {reason}"
                )
            }
            Self::StatesUnavailable { table, reason } => write!(f, "{table}: {reason}"),
            Self::DetailsUnavailable { withheld, .. } => {
                for (tables, words) in withheld {
                    let names: Vec<_> = tables.iter().map(Table::to_string).collect();
                    write!(f, "{}: {words}; ", names.join(", "))?;
                }
                f.write_str("/proc/net tells no more, the rest is unknown")
            }
            Self::NamesUncertain { table } => write!(
                f,
                "{table}: /proc/net/unix writes NUL as '@', and a name with a newline can imitate rows there"
            ),
            Self::Unavailable { table, reason } => {
                write!(f, "{table}: no rows could be read: {reason}")
            }
            Self::Absent { protocol } => write!(
                f,
                "this kernel has no {protocol}, or has not loaded its module: there are no such sockets"
            ),
            Self::Unlisted { table } => write!(
                f,
                "{table}: this kernel neither lists such sockets, for lack of a sock_diag module, nor counts them: there may be some"
            ),
            Self::Broken { table, reason } => {
                write!(f, "{table}: the list broke off, rows are missing: {reason}")
            }
            Self::Undecodable { table, count } => write!(
                f,
                "{table}: {count} {} could not be decoded and {} missing",
                if *count == 1 { "record" } else { "records" },
                if *count == 1 { "is" } else { "are" },
            ),
            Self::InheritedDump { path } => write!(
                f,
                "this is about a saved dump, {path}, which the variable TCPDIAG_FILE names, and not about this host"
            ),
            Self::IgnoredDump { path } => write!(
                f,
                "the variable TCPDIAG_FILE names a saved dump, {path}, which was not read: this is about this host"
            ),
            Self::DumpDamaged { reason } => {
                write!(f, "{reason}; rows after that point are missing")
            }
            Self::OwnersHidden { count, remedy } => write!(
                f,
                "{count} {} no owner shown: {remedy}",
                if *count == 1 {
                    "socket has"
                } else {
                    "sockets have"
                },
            ),
            Self::NotChosen { table, reason } => write!(
                f,
                "{table}: filtered here, not in the kernel, which says: {reason}"
            ),
            Self::FilterReading { explanation } | Self::NotComputed { explanation } => {
                f.write_str(explanation)
            }
            Self::FilterUnknown { count, fields } => {
                let rows = if *count == 1 { "row was" } else { "rows were" };
                write!(
                    f,
                    "{count} {rows} left out because a value the filter asks for is unknown"
                )?;
                for (n, (name, takes_rights)) in fields.iter().enumerate() {
                    let rights = if *takes_rights {
                        " (takes CAP_NET_ADMIN)"
                    } else {
                        ""
                    };
                    write!(f, "{} {name}{rights}", if n == 0 { ":" } else { "," })?;
                }
                Ok(())
            }
            Self::Limited {
                of: (one, several),
                shown,
                more,
                remedy,
            } => {
                let word = |n| if n == 1 { one } else { several };
                match more {
                    Some(more) => {
                        write!(f, "{more} more {} not shown: {remedy}", word(*more))
                    }
                    None => write!(
                        f,
                        "stopped after {shown} {}: nobody looked whether there are more",
                        word(*shown)
                    ),
                }
            }
            Self::CountersUnknown { names, some } => {
                let shown: Vec<_> = names.iter().copied().take(COUNTERS_NAMED).collect();
                let more = names.len() - shown.len();
                f.write_str(match some {
                    false => "not told, hence in no line: ",
                    true => "not told of some sockets, hence not in their lines: ",
                })?;
                f.write_str(&shown.join(", "))?;
                if more > 0 {
                    write!(f, " and {more} more counters")?;
                }
                f.write_str(" (JSON has null)")
            }
            Self::DetailsUntold {
                what, count, why, ..
            } => write!(
                f,
                "of {count} {} {what} was told: {why}",
                if *count == 1 { "socket" } else { "sockets" },
            ),
            Self::Withheld { what, count, .. } => write!(
                f,
                "of {count} {} {what} was not told: the kernel keeps that from those without CAP_NET_ADMIN",
                if *count == 1 { "socket" } else { "sockets" },
            ),
            Self::StorageUntold { gap } => write!(f, "BPF storage of sockets: {gap}"),
            Self::FamiliesUntold { count } => write!(
                f,
                "{count} {} on [::] may be for IPv4, too: newer kernels tell whether (V6ONLY) by netlink, none by /proc",
                if *count == 1 { "socket" } else { "sockets" },
            ),
            Self::ColumnsDropped { columns, remedy } => write!(
                f,
                "no room for {} ({remedy} shows them)",
                columns.join(", ")
            ),
        }
    }
}

/// The network namespace a snapshot was taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetNs {
    /// Inode number of its nsfs file.
    pub inode: Option<u64>,
    /// Its name under /run/netns, as bytes from outside.
    pub name: Option<Vec<u8>>,
}

/// Everything one run collected.
#[derive(Debug)]
pub struct Snapshot {
    /// When the collection began.
    pub captured_at: SystemTime,
    /// Where.
    pub netns: NetNs,
    /// The rows that the query and the filter let through.
    pub sockets: Vec<Socket>,
    /// How each table was delivered; tables that could not be are in `notices`.
    pub tables: Vec<TableReport>,
    /// What the reader should know.
    pub notices: Vec<Notice>,
    /// Who holds which socket, when that was asked.
    pub owners: Option<OwnerTable>,
}
