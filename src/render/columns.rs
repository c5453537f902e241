//! How fields look as columns: heading, alignment, and what gives way on a narrow terminal.

use crate::model::{FieldId, field_by_name};

/// A field as a column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The field.
    pub field: FieldId,
    /// Its heading.
    pub heading: &'static str,
    /// Whether numbers are to stand under each other.
    pub right: bool,
    /// Which column leaves first when there is no room, lowest first; `None` stays to the end.
    pub leaves: Option<u8>,
}

impl Column {
    /// The column of a field.
    #[must_use]
    pub const fn of(field: FieldId) -> Self {
        let (heading, right, leaves) = match field {
            FieldId::Protocol => ("PROTO", false, None),
            FieldId::Family => ("FAMILY", false, Some(8)),
            FieldId::Type => ("TYPE", false, Some(25)),
            FieldId::State => ("STATE", false, None),
            FieldId::RecvQueue => ("RECV-Q", true, Some(21)),
            FieldId::SendQueue => ("SEND-Q", true, Some(20)),
            FieldId::AcceptQueue => ("ACCEPT-Q", true, Some(19)),
            FieldId::AcceptLimit => ("LIMIT", true, Some(18)),
            FieldId::Local => ("LOCAL", false, None),
            FieldId::Peer => ("PEER", false, None),
            FieldId::Src => ("SRC", false, None),
            FieldId::Sport => ("SPORT", true, None),
            FieldId::Dst => ("DST", false, None),
            FieldId::Dport => ("DPORT", true, None),
            FieldId::Interface => ("INTERFACE", false, Some(10)),
            FieldId::Path => ("PATH", false, None),
            FieldId::PeerPath => ("PEER-PATH", false, None),
            FieldId::PeerInode => ("PEER-INODE", true, Some(7)),
            FieldId::Timer => ("TIMER", false, None),
            FieldId::TimerExpires => ("EXPIRES", true, Some(11)),
            FieldId::Retransmits => ("RETRANS", true, Some(9)),
            FieldId::Uid => ("UID", true, Some(14)),
            FieldId::User => ("USER", false, None),
            FieldId::Inode => ("INODE", true, Some(6)),
            FieldId::Cookie => ("COOKIE", true, Some(1)),
            FieldId::Mark => ("MARK", true, Some(3)),
            FieldId::Cgroup => ("CGROUP", true, Some(2)),
            FieldId::V6only => ("V6ONLY", false, Some(5)),
            FieldId::Shutdown => ("SHUT", false, Some(4)),
            FieldId::Process => ("PROCESS", false, None),
            FieldId::Pid => ("PID", false, None),
            FieldId::Fd => ("FD", false, Some(13)),
            FieldId::PeerProcess => ("PEER-PROCESS", false, Some(22)),
        };
        Self {
            field,
            heading,
            right,
            leaves,
        }
    }

    /// Whether a long cell may be shortened: names and lists of processes may, addresses, ports and states never.
    #[must_use]
    pub const fn is_elastic(self) -> bool {
        matches!(
            self.field,
            FieldId::Process
                | FieldId::Pid
                | FieldId::Fd
                | FieldId::User
                | FieldId::Path
                | FieldId::PeerPath
                | FieldId::PeerProcess
        )
    }
}

/// Reads a comma-separated list of field names.
///
/// # Errors
/// The first name that no field has.
pub fn parse(list: &str) -> Result<Vec<Column>, String> {
    list.split(',')
        .map(str::trim)
        .map(|name| {
            field_by_name(name)
                .map(|field| Column::of(field.id))
                .ok_or_else(|| name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let columns = parse("local, PEER,pid").unwrap();
        assert_eq!(columns.len(), 3);
        assert_eq!(parse("local,nope"), Err("nope".to_owned()));
    }
}
