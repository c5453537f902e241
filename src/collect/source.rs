//! What the collector asks of a source, and of the place where rows go.

use crate::model::{Condition, Protocol, Socket, SourceKind, StateSet, Table, TableSet};
use crate::wire::DecodeError;
use std::io;
use std::ops::ControlFlow;

/// Takes one row, as [`Sink::push`] does; says whether more are wanted.
pub(super) type TakeRow<'a> = dyn FnMut(&mut Socket) -> ControlFlow<()> + 'a;

/// Somewhere to read socket tables from.
pub(super) trait Source {
    /// Which kind of source it is.
    fn kind(&self) -> SourceKind;

    /// Reads all of `tables` and hands every row in one of `states` for which `condition` holds to `take`, possibly others too.
    ///
    /// `Ok` means that the tables were read to their end, or until `take` wanted no more.
    fn dump(
        &mut self,
        tables: &[Table],
        states: StateSet,
        condition: &Condition,
        take: &mut TakeRow<'_>,
    ) -> Result<DumpStats, SourceError>;
}

/// What a source says of a dump that ended properly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DumpStats {
    /// Records that made no sense.
    pub(super) skipped: u64,
    /// The kernel said that the table changed meanwhile.
    pub(super) interrupted: bool,
    /// The netlink port that the answers came to; 0 for other sources.
    pub(super) port: u32,
    /// How many dumps ended one after the other: `ss -D` writes one for each family.
    pub(super) ends: u32,
    /// Why the kernel would not decide the condition, if it was asked to.
    pub(super) not_chosen: Option<String>,
    /// The tables that a saved dump says it holds, with rows or without.
    pub(super) held: TableSet,
}

impl DumpStats {
    /// Whether a saved dump holds `table`, with rows or without: it says so, or it is a whole one of `ss`, which saves TCP and ends
    /// the dump of each family.
    pub(super) fn holds(&self, table: Table) -> bool {
        const FAMILIES: u32 = 2;
        let is_of_ss = self.held == TableSet::EMPTY;
        self.held.contains(table)
            || is_of_ss && table.protocol == Protocol::Tcp && self.ends >= FAMILIES
    }
}

/// Where rows go.
pub trait Sink {
    /// Takes one row, which may be taken out of its place ([`Socket::take`]): what is left there gives room to the next one, as most
    /// rows of a long list are looked at and forgotten.
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()>;

    /// A mark for [`Sink::take_back`], before the first row of a table.
    fn mark(&mut self) -> usize;

    /// Forgets the rows after `mark`. False if some of them can no longer be taken back.
    fn take_back(&mut self, mark: usize) -> bool;
}

/// Why a source could not deliver a table. Its text may hold paths and words from outside: escape it before it is shown.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Netlink sockets cannot be had.
    #[error("cannot open a netlink socket: {}", plain(.0))]
    Open(#[source] io::Error),
    /// The kernel has no handler for this table.
    #[error("this kernel has no sock_diag module for it")]
    NoModule,
    /// There is no text table of this kind.
    #[error("/proc/net has no table of it")]
    NoText,
    /// The kernel refused.
    #[error("the kernel refused the dump: {}", refusal(*.errno, .text.as_deref()))]
    Refused {
        /// Error number.
        errno: i32,
        /// The kernel's own words.
        text: Option<String>,
    },
    /// Talking to the kernel failed half-way.
    #[error("the dump broke off: {}", plain(.0))]
    Receive(#[source] io::Error),
    /// The messages make no sense.
    #[error("the answer makes no sense: {0}")]
    Broken(#[from] DecodeError),
    /// A file cannot be read.
    #[error("{path}: {}", plain(.source))]
    File {
        /// The file.
        path: String,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A file is no saved dump at all.
    #[error("{path}: this is not a saved socket dump, as 'ss -D FILE' writes it")]
    NotADump {
        /// The file.
        path: String,
    },
    /// A saved dump is damaged.
    #[error("{path}: {problem} at byte {offset}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
        /// Where.
        offset: u64,
    },
}

impl SourceError {
    /// The file that it is about, as its text names it.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::File { path, .. } | Self::NotADump { path } | Self::Damaged { path, .. } => {
                Some(path)
            }
            _ => None,
        }
    }

    /// Whether the source has nothing of the kind, rather than failing to deliver it.
    pub(super) fn is_lack(&self) -> bool {
        match self {
            Self::NoModule | Self::NoText => true,
            Self::File { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

/// The words of an error without Rust's "(os error N)".
fn plain(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(
        || error.to_string(),
        |errno| nix::errno::Errno::from_raw(errno).desc().to_owned(),
    )
}

pub(super) fn refusal(errno: i32, text: Option<&str>) -> String {
    let name = nix::errno::Errno::from_raw(errno);
    match text {
        Some(text) => format!("{} ({text})", name.desc()),
        None => name.desc().to_owned(),
    }
}
