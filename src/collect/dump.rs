//! The source that reads a saved dump: netlink messages one after the other, as `ss -D` writes them.
//!
//! The file may hold several dumps, each with its own end marker; all are read, to the end of the file.

use super::lower::{self, Lowered};
use super::saved;
use super::socket_details::Wanted;
use super::source::{DumpStats, Source, SourceError, TakeRow};
use super::unix_peers::UnixPeers;
use crate::model::{
    BpfStorage, Condition, DetailSet, Protocol, Socket, SourceKind, StateSet, Table,
};
use crate::wire::bpf_storage;
use crate::wire::inet_diag;
use crate::wire::nlmsg::{self, HEADER_LEN, Header};
use crate::wire::saved::Mark;
use crate::wire::unix_diag::FAMILY_UNIX;
use rustc_hash::FxHashSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

/// No message of a dump is longer, whatever BPF programs keep with its socket; a longer one means that this is no dump.
const MESSAGE_LIMIT: usize = bpf_storage::DATAGRAM_LEN;

/// Reads a file, or standard input for `-`.
pub(super) struct DumpSource {
    name: String,
    reader: Box<dyn Read>,
    offset: u64,
    /// Whether it begins as a dump does.
    begun: bool,
    /// What was read, while it is needed once more.
    kept: Option<Vec<u8>>,
    wanted: Wanted,
}

impl DumpSource {
    /// `inherited`, if a variable names the file: errors tell which, as nobody typed that name.
    pub(super) fn open(
        path: &Path,
        inherited: bool,
        details: DetailSet,
    ) -> Result<Self, SourceError> {
        if path == Path::new("-") {
            let name = "standard input".to_owned();
            return Ok(Self::new(name, Box::new(io::stdin()), details).knowing_of_storage());
        }
        let mut name = path.to_string_lossy().into_owned();
        if inherited {
            name.push_str(" (the variable TCPDIAG_FILE)");
        }
        let failed = |source| SourceError::File {
            path: name.clone(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(failed(io::Error::from_raw_os_error(21)));
        }
        let reader = BufReader::with_capacity(64 * 1024, file);
        Ok(Self::new(name, Box::new(reader), details).knowing_of_storage())
    }

    /// The same, knowing whether the kernel was asked for what BPF programs keep with sockets, if somebody asks for that: one socket that
    /// has some tells that the others have none. Until then nothing tells it, so that what comes before is read twice.
    pub(super) fn knowing_of_storage(mut self) -> Self {
        if !self.wanted.details.has(DetailSet::BPF_STORAGE) {
            return self;
        }
        self.kept = Some(Vec::new());
        let mut is_told = false;
        // What is wrong with the file is told when its rows are read.
        let _ = self.messages(|protocol, payload, _| {
            is_told = BpfStorage::is_told_of(protocol) && bpf_storage::split(payload).1.is_some();
            match is_told {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        let begin = io::Cursor::new(self.kept.take().unwrap_or_default());
        Self {
            reader: Box::new(begin.chain(self.reader)),
            offset: 0,
            begun: false,
            kept: None,
            wanted: Wanted {
                tells_storage: is_told,
                ..self.wanted
            },
            name: self.name,
        }
    }

    /// Which details it reads.
    pub(super) const fn wanted(&self) -> Wanted {
        self.wanted
    }

    pub(super) fn new(name: String, reader: Box<dyn Read>, details: DetailSet) -> Self {
        Self {
            name,
            reader,
            offset: 0,
            begun: false,
            kept: None,
            wanted: Wanted::of_a_dump(details),
        }
    }

    fn damaged(&self, problem: impl Into<String>) -> SourceError {
        if !self.begun {
            return SourceError::NotADump {
                path: self.name.clone(),
            };
        }
        SourceError::Damaged {
            path: self.name.clone(),
            problem: problem.into(),
            offset: self.offset,
        }
    }

    /// Fills `buffer`; `Ok(false)` at the end of the file, before its first byte.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, SourceError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|r| !r.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(self.damaged("the file ends in the middle of a message")),
                Ok(n) => {
                    if let Some(kept) = &mut self.kept {
                        kept.extend_from_slice(rest.get(..n).unwrap_or_default());
                    }
                    filled += n;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(SourceError::File {
                        path: self.name.clone(),
                        source,
                    });
                }
            }
        }
        Ok(true)
    }
}

impl Source for DumpSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Dump
    }

    fn dump(
        &mut self,
        tables: &[Table],
        _: StateSet,
        _: &Condition,
        take: &mut TakeRow<'_>,
    ) -> Result<DumpStats, SourceError> {
        let mut peers = UnixPeers::default();
        // Netlink sockets that have joined a group come twice from the kernel.
        let mut seen = FxHashSet::default();
        let details = self.wanted;
        let wanted = |socket: &Socket| tables.contains(&Table::new(socket.protocol, socket.family));
        let result = self.messages(|protocol, payload, stats| {
            match lower::any_payload(protocol, payload, details) {
                Lowered::Row(socket)
                    if protocol == Protocol::Netlink
                        && socket.cookie.is_some_and(|cookie| !seen.insert(cookie)) => {}
                Lowered::Row(mut socket) if wanted(&socket) => return take(&mut socket),
                Lowered::Unix(socket, clients) if wanted(&socket) => peers.add(socket, &clients),
                Lowered::Row(_) | Lowered::Unix(..) | Lowered::Nothing => {}
                Lowered::Nonsense => stats.skipped += 1,
            }
            ControlFlow::Continue(())
        });
        // Also of a damaged file: what was read stays.
        for mut socket in peers.joined() {
            if take(&mut socket).is_break() {
                break;
            }
        }
        result
    }
}

impl DumpSource {
    /// Calls `each` with every row of the file and its protocol, until it wants no more.
    pub(super) fn messages(
        &mut self,
        mut each: impl FnMut(Protocol, &[u8], &mut DumpStats) -> ControlFlow<()>,
    ) -> Result<DumpStats, SourceError> {
        let mut stats = DumpStats::default();
        let mut head = [0; HEADER_LEN];
        let mut body = Vec::new();
        let mut ended = false;
        // Of the table whose rows follow. Without a mark it is TCP's, which is all that ss saves.
        let mut marked = None;
        while self.fill(&mut head)? {
            let header = Header::decode(&head)
                .ok()
                .filter(|h| h.length <= MESSAGE_LIMIT)
                .ok_or_else(|| self.damaged("a netlink message was expected"))?;
            self.begun = true;
            body.clear();
            body.resize((header.length - HEADER_LEN).next_multiple_of(4), 0);
            if !body.is_empty() && !self.fill(&mut body)? {
                return Err(self.damaged("the file ends in the middle of a message"));
            }
            stats.interrupted |= header.is_interrupted();
            let payload = body.get(..header.length - HEADER_LEN).unwrap_or_default();
            match header.kind {
                nlmsg::DONE => {
                    ended = true;
                    marked = None;
                    stats.ends += 1;
                }
                nlmsg::NOOP => {
                    if let Some(mark) = Mark::decode(payload) {
                        let table = saved::table(mark);
                        stats.held.extend(table);
                        if mark.begins {
                            ended = false;
                            marked = Some(table.map(|table| table.protocol));
                        }
                    }
                }
                nlmsg::ERROR => {
                    let (status, _) = nlmsg::error_status(&header, payload);
                    if status != 0 {
                        let words = nix::errno::Errno::from_raw(status.wrapping_neg()).desc();
                        return Err(self.damaged(format!("the dump itself had failed ({words})")));
                    }
                }
                inet_diag::SOCK_DIAG_BY_FAMILY | inet_diag::TCPDIAG_GETSOCK => {
                    ended = false;
                    let protocol = match (marked, payload.first()) {
                        (Some(protocol), _) => protocol,
                        (None, Some(&FAMILY_UNIX)) => Some(Protocol::Unix),
                        (None, _) => Some(Protocol::Tcp),
                    };
                    match protocol {
                        Some(protocol) => {
                            if each(protocol, payload, &mut stats).is_break() {
                                return Ok(stats);
                            }
                        }
                        // Of a table that a newer portctl knows.
                        None => stats.skipped += 1,
                    }
                }
                // Another kind of message, which a newer writer may have added.
                _ => {
                    ended = false;
                    stats.skipped += 1;
                }
            }
            self.offset += header.length.next_multiple_of(4) as u64;
        }
        if ended {
            Ok(stats)
        } else {
            Err(self.damaged("the file ends without the mark of a finished dump"))
        }
    }
}
