//! How fields look as columns: heading, alignment, and what gives way on a narrow terminal.

use super::layout::{CutAt, LEAVES_FIRST, USUAL};
use crate::model::{FieldId, Unit, field_by_name};

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
            FieldId::RecvQueue => ("RECV-Q", true, Some(USUAL + 3)),
            FieldId::SendQueue => ("SEND-Q", true, Some(USUAL + 2)),
            FieldId::AcceptQueue => ("ACCEPT-Q", true, Some(USUAL + 1)),
            FieldId::AcceptLimit => ("LIMIT", true, Some(USUAL)),
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
            FieldId::Cgroup => ("CGROUP", false, Some(2)),
            FieldId::CgroupId => ("CGROUP-ID", true, Some(2)),
            FieldId::V6only => ("V6ONLY", false, Some(5)),
            FieldId::Shutdown => ("SHUT", false, Some(4)),
            FieldId::Exposure => ("EXPOSURE", false, Some(LEAVES_FIRST)),
            FieldId::Process => ("PROCESS", false, None),
            FieldId::Pid => ("PID", false, None),
            FieldId::Fd => ("FD", false, Some(13)),
            FieldId::PeerProcess => ("PEER-PROCESS", false, Some(22)),
            FieldId::Threads => ("THREADS", false, None),
            FieldId::Command => ("COMMAND", false, None),
            FieldId::Context => ("CONTEXT", false, None),
            FieldId::SocketContext => ("SOCKET-CONTEXT", false, None),
            FieldId::Tcp(metric) => (metric.heading(), is_numeric(metric.unit()), Some(12)),
            FieldId::Memory(metric) => (metric.heading(), is_numeric(metric.unit()), Some(12)),
            FieldId::Extra(metric) => (metric.heading(), is_numeric(metric.unit()), Some(12)),
            FieldId::Mptcp(metric) => (metric.heading(), is_numeric(metric.unit()), Some(12)),
            FieldId::Sctp(metric) => (metric.heading(), is_numeric(metric.unit()), Some(12)),
            FieldId::Own(metric) => (metric.heading(), is_numeric(metric.unit()), Some(12)),
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
                | FieldId::Threads
                | FieldId::Command
                | FieldId::Context
                | FieldId::Cgroup
        )
    }

    /// Where a long cell is shortened.
    pub(super) const fn cut_at(self) -> CutAt {
        match self.field {
            FieldId::Process
            | FieldId::Pid
            | FieldId::Fd
            | FieldId::PeerProcess
            | FieldId::Threads => CutAt::Entry,
            FieldId::Command => CutAt::End,
            _ => CutAt::Middle,
        }
    }
}

/// Whether values of a unit are compared digit under digit.
const fn is_numeric(unit: Unit) -> bool {
    !matches!(unit, Unit::Text | Unit::Word | Unit::Words | Unit::Flag)
}

/// What is wrong with a list of columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnsError {
    /// A name that no field has, without its sign.
    Unknown(String),
    /// Names with a sign beside names without: nobody can tell whether the usual columns are meant to stay.
    Mixed,
    /// Nothing is left to show.
    Empty,
}

/// Reads a comma-separated list: field names, or `+name` and `-name`, which amend the `usual` columns. What is added comes last; adding
/// what is there, or taking away what is not, changes nothing.
///
/// # Errors
/// If a name is unknown, only some names have a sign, or no column is left.
pub fn choose(list: &str, usual: &[Column]) -> Result<Vec<Column>, ColumnsError> {
    let amends = list.trim_start().starts_with(['+', '-']);
    let mut columns = if amends { usual.to_vec() } else { Vec::new() };
    for part in list.split(',').map(str::trim) {
        let name = part.trim_start_matches(['+', '-']);
        let signs = part.len() - name.len();
        let name = if signs < 2 { name } else { part };
        let field = field_by_name(name).ok_or_else(|| ColumnsError::Unknown(name.to_owned()))?;
        match (signs > 0, amends) {
            (true, true) if part.starts_with('-') => columns.retain(|c| c.field != field.id),
            (true, true) if columns.iter().any(|c| c.field == field.id) => {}
            (true, true) | (false, false) => columns.push(Column::of(field.id)),
            (true, false) | (false, true) => return Err(ColumnsError::Mixed),
        }
    }
    if columns.is_empty() {
        return Err(ColumnsError::Empty);
    }
    Ok(columns)
}

/// Reads a list of names, for tests of renderers.
///
/// # Errors
/// As [`choose`].
#[cfg(test)]
pub fn parse(list: &str) -> Result<Vec<Column>, ColumnsError> {
    choose(list, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Result<Vec<&'static str>, ColumnsError> {
        let usual = [FieldId::State, FieldId::Local, FieldId::Peer].map(Column::of);
        let columns = choose(list, &usual)?;
        Ok(columns.iter().map(|c| c.field.field().name).collect())
    }

    #[test]
    fn lists_are_read() {
        assert_eq!(names("local, PEER,pid").unwrap(), ["local", "peer", "pid"]);
        let unknown = |name: &str| Err(ColumnsError::Unknown(name.to_owned()));
        assert_eq!(names("local,nope"), unknown("nope"));
        assert_eq!(names("-nope"), unknown("nope"));
        assert_eq!(names("+-peer"), unknown("+-peer"));
        assert_eq!(names(""), unknown(""));
    }

    /// What is read on the screen can be typed.
    #[test]
    fn every_heading_names_its_field() {
        for field in crate::model::FIELDS {
            let heading = Column::of(field.id).heading;
            let named = field_by_name(heading).map(|found| found.id);
            assert_eq!(named, Some(field.id), "{heading}");
        }
    }

    #[test]
    fn usual_columns_are_amended() {
        assert_eq!(names("+inode,-peer").unwrap(), ["state", "local", "inode"]);
        assert_eq!(names("-remote").unwrap(), ["state", "local"]);
        assert_eq!(names("+local,-pid").unwrap(), ["state", "local", "peer"]);
        assert_eq!(names("-state, -local, -peer"), Err(ColumnsError::Empty));
        assert_eq!(names("local,+inode"), Err(ColumnsError::Mixed));
        assert_eq!(names("+inode,local"), Err(ColumnsError::Mixed));
    }
}
