//! The source that reads a saved dump: netlink messages one after the other, as `ss -D` writes them.
//!
//! The file may hold several dumps, each with its own end marker; all are read, to the end of the file.

use super::lower;
use super::source::{DumpStats, Source, SourceError, TakeRow};
use crate::model::{Condition, Protocol, SourceKind, StateSet, Table};
use crate::wire::inet_diag;
use crate::wire::nlmsg::{self, HEADER_LEN, Header};
use crate::wire::unix_diag::FAMILY_UNIX;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// No message of a dump is nearly as long; a longer one means that this is no dump.
const MESSAGE_LIMIT: usize = 1 << 20;

/// Reads a file, or standard input for `-`.
pub(super) struct DumpSource {
    name: String,
    reader: Box<dyn Read>,
    offset: u64,
    /// Whether it begins as a dump does.
    begun: bool,
}

impl DumpSource {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        if path == Path::new("-") {
            let name = "standard input".to_owned();
            return Ok(Self::new(name, Box::new(io::stdin())));
        }
        let name = path.to_string_lossy().into_owned();
        let failed = |source| SourceError::File {
            path: name.clone(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(failed(io::Error::from_raw_os_error(21)));
        }
        let reader = BufReader::with_capacity(64 * 1024, file);
        Ok(Self::new(name, Box::new(reader)))
    }

    pub(super) fn new(name: String, reader: Box<dyn Read>) -> Self {
        Self {
            name,
            reader,
            offset: 0,
            begun: false,
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
                Ok(n) => filled += n,
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
        let mut stats = DumpStats::default();
        let mut head = [0; HEADER_LEN];
        let mut body = Vec::new();
        let mut ended = false;
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
            ended = header.kind == nlmsg::DONE;
            stats.ends += u32::from(ended);
            let payload = body.get(..header.length - HEADER_LEN).unwrap_or_default();
            match header.kind {
                nlmsg::DONE | nlmsg::NOOP => {}
                nlmsg::ERROR => {
                    let (status, _) = nlmsg::error_status(&header, payload);
                    if status != 0 {
                        let words = nix::errno::Errno::from_raw(status.wrapping_neg()).desc();
                        return Err(self.damaged(format!("the dump itself had failed ({words})")));
                    }
                }
                inet_diag::SOCK_DIAG_BY_FAMILY | inet_diag::TCPDIAG_GETSOCK => {
                    // Rows do not carry their protocol (but for raw sockets), and `ss -D` writes only TCP.
                    let socket = match payload.first() {
                        Some(&FAMILY_UNIX) => lower::unix_payload(payload),
                        _ => lower::inet_payload(payload, Protocol::Tcp),
                    };
                    match socket {
                        Some(socket)
                            if !tables.contains(&Table::new(socket.protocol, socket.family)) => {}
                        Some(socket) => {
                            if take(socket).is_break() {
                                return Ok(stats);
                            }
                        }
                        None => stats.skipped += 1,
                    }
                }
                // Another kind of message, which a newer writer may have added.
                _ => stats.skipped += 1,
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
