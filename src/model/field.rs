//! The one registry of fields: everything about a socket that can be shown, sorted by or filtered on.
//!
//! Columns, `--sort`, CSV headers, help, the manual and completions read [`FIELDS`]; adding a fact
//! about sockets is adding a row here, or to one of the groups of `details`.

use super::details::{
    EXTRA_FIELDS, MEMORY_FIELDS, MPTCP_FIELDS, OWN_FIELDS, SCTP_FIELDS, TCP_FIELDS,
};
use super::general_fields::{FIRST, GENERAL};
use super::{
    DetailSet, ExtraMetric, Inode, MemoryMetric, MptcpMetric, Names, OwnMetric, OwnerTable, Owners,
    Protocol, SctpMetric, Socket, TcpMetric, Unit, Value,
};

/// What is needed beside the socket itself to answer for its fields.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Who holds which socket, if that was collected.
    pub owners: Option<&'a OwnerTable>,
    /// Names for numbers.
    pub names: &'a dyn Names,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("owners", &self.owners.is_some())
            .finish_non_exhaustive()
    }
}

/// A socket with its context.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The socket.
    pub socket: &'a Socket,
    /// What is known around it.
    pub context: Context<'a>,
}

impl<'a> Row<'a> {
    /// Who holds the socket.
    #[must_use]
    pub fn owners(&self) -> Owners<'a> {
        self.context
            .owners
            .map_or(Owners::NotAsked, |table| table.of(self.socket))
    }

    /// Who holds the socket with this inode, which need not be a row.
    #[must_use]
    pub fn owners_of(&self, inode: Inode) -> Owners<'a> {
        self.context
            .owners
            .map_or(Owners::NotAsked, |table| table.of_inode(inode))
    }
}

/// Names a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is described by its row in FIELDS")]
pub enum FieldId {
    Protocol,
    Family,
    Type,
    State,
    RecvQueue,
    SendQueue,
    AcceptQueue,
    AcceptLimit,
    Local,
    Peer,
    Src,
    Sport,
    Dst,
    Dport,
    Interface,
    Path,
    PeerPath,
    PeerInode,
    Timer,
    TimerExpires,
    Retransmits,
    Uid,
    User,
    Inode,
    Cookie,
    Mark,
    Cgroup,
    CgroupId,
    V6only,
    Shutdown,
    Exposure,
    Process,
    Pid,
    Fd,
    Command,
    Threads,
    Context,
    SocketContext,
    PeerProcess,
    Tcp(TcpMetric),
    Memory(MemoryMetric),
    Extra(ExtraMetric),
    Mptcp(MptcpMetric),
    Sctp(SctpMetric),
    Own(OwnMetric),
}

impl FieldId {
    /// The only protocol that has it; `None` if several have it.
    #[must_use]
    pub const fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Mptcp(_) => Some(Protocol::Mptcp),
            Self::Sctp(_) => Some(Protocol::Sctp),
            Self::Own(metric) => Some(metric.protocol()),
            _ => None,
        }
    }

    /// Whether it is a list of words with blanks between, of which a filter asks for one.
    #[must_use]
    pub const fn is_list(self) -> bool {
        match self {
            Self::Own(metric) => metric.is_list(),
            Self::Extra(metric) => metric.is_list(),
            _ => false,
        }
    }

    /// Its row in the registry.
    #[must_use]
    pub fn field(self) -> &'static Field {
        // Every id has a row: a test holds the two together.
        let row = match self {
            Self::Tcp(metric) => TCP_FIELDS.get(metric as usize),
            Self::Memory(metric) => MEMORY_FIELDS.get(metric as usize),
            Self::Extra(metric) => EXTRA_FIELDS.get(metric as usize),
            Self::Mptcp(metric) => MPTCP_FIELDS.get(metric as usize),
            Self::Sctp(metric) => SCTP_FIELDS.get(metric as usize),
            Self::Own(metric) => OWN_FIELDS.get(metric as usize),
            _ => GENERAL.iter().find(|f| f.id == self),
        };
        row.unwrap_or(&FIRST)
    }
}

/// A fact about a socket.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its id.
    pub id: FieldId,
    /// Its name in `--columns` and `--sort`.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// Where JSON has it, as a path inside a socket object.
    pub json: &'static str,
    /// One line for the help.
    pub doc: &'static str,
    /// Whether /proc must be walked for it.
    pub needs_owners: bool,
    /// Which details the kernel must be asked for.
    pub needs_details: DetailSet,
    /// What it is counted in.
    pub unit: Unit,
    /// What it comes from: the kernel's structure or attribute, or a file.
    pub source: &'static str,
    /// Reads it.
    pub extract: for<'a> fn(Row<'a>) -> Value<'a>,
}

/// Every field, in the order the help lists them.
pub static FIELDS: &[Field] = &ALL;

static ALL: [Field;
    GENERAL.len()
        + TCP_FIELDS.len()
        + MEMORY_FIELDS.len()
        + EXTRA_FIELDS.len()
        + MPTCP_FIELDS.len()
        + SCTP_FIELDS.len()
        + OWN_FIELDS.len()] = joined([
    GENERAL,
    TCP_FIELDS,
    MEMORY_FIELDS,
    EXTRA_FIELDS,
    MPTCP_FIELDS,
    SCTP_FIELDS,
    OWN_FIELDS,
]);

const fn joined<const N: usize>(groups: [&[Field]; 7]) -> [Field; N] {
    let mut all = [FIRST; N];
    let mut rest: &mut [Field] = &mut all;
    let mut groups: &[&[Field]] = &groups;
    while let [group, others @ ..] = groups {
        let (place, behind) = rest.split_at_mut(group.len());
        place.copy_from_slice(group);
        rest = behind;
        groups = others;
    }
    all
}

/// Finds a field by its name or an alias; case does not matter, `-` and `_` are the same.
#[must_use]
pub fn field_by_name(name: &str) -> Option<&'static Field> {
    let same = |known: &str| {
        known.len() == name.len()
            && known.bytes().zip(name.bytes()).all(|(k, n)| {
                let fold = |b: u8| {
                    if b == b'-' {
                        b'_'
                    } else {
                        b.to_ascii_lowercase()
                    }
                };
                fold(k) == fold(n)
            })
    };
    FIELDS
        .iter()
        .find(|f| same(f.name) || f.aliases.iter().any(|&a| same(a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_one_row_and_every_name_is_unique() {
        let mut names = std::collections::HashSet::new();
        for field in FIELDS {
            assert_eq!(field.id.field().name, field.name);
            for name in std::iter::once(&field.name).chain(field.aliases) {
                assert!(names.insert(name.replace('-', "_")), "{name} twice");
                assert_eq!(field_by_name(name).unwrap().id, field.id);
            }
            assert!(
                !field.doc.ends_with('.') && field.doc.chars().count() < 70,
                "{}",
                field.doc
            );
        }
    }

    #[test]
    fn names_fold_case_and_dashes() {
        assert_eq!(field_by_name("Recv-Queue").unwrap().id, FieldId::RecvQueue);
        assert!(field_by_name("nope").is_none());
    }
}
