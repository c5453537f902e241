//! The source that asks sock_diag over netlink.

use super::choosing;
use super::lower;
use super::source::{self, DumpStats, Source, SourceError, TakeRow};
use crate::model::{Condition, Family, Protocol, Socket, SourceKind, StateSet, Table};
use crate::sys::netlink::{DATAGRAM_LEN, Datagrams};
use crate::wire::inet_diag::{self, FAMILY_INET, FAMILY_INET6};
use crate::wire::nlmsg::{self, Messages};
use crate::wire::unix_diag;
use std::io;

const ENOENT: i32 = 2;
const EOPNOTSUPP: i32 = 95;
const EPROTONOSUPPORT: i32 = 93;

/// Asks the kernel, over a socket of its own for each dump: what an aborted dump leaves behind never meets the next one.
pub(super) struct DiagSource<Open> {
    open: Open,
    sequence: u32,
    buffer: Box<[u8]>,
}

impl<Open> DiagSource<Open> {
    pub(super) fn new(open: Open) -> Self {
        Self {
            open,
            sequence: 0,
            buffer: vec![0; DATAGRAM_LEN].into_boxed_slice(),
        }
    }
}

impl<D: Datagrams, Open: FnMut() -> io::Result<D>> Source for DiagSource<Open> {
    fn kind(&self) -> SourceKind {
        SourceKind::Netlink
    }

    fn dump(
        &mut self,
        tables: &[Table],
        states: StateSet,
        condition: &Condition,
        take: &mut TakeRow<'_>,
    ) -> Result<DumpStats, SourceError> {
        let mut not_chosen = None;
        for program in choosing::programs(condition) {
            let mut began = false;
            let mut take = |socket: Socket| {
                began = true;
                take(socket)
            };
            match self.try_dump(tables, states, Some(&program), &mut take) {
                // The kernel looks at the program before it sends anything.
                Err(SourceError::Refused { errno, text }) if !began => {
                    not_chosen = Some(source::refusal(errno, text.as_deref()));
                }
                Ok(stats) => {
                    return Ok(DumpStats {
                        not_chosen,
                        ..stats
                    });
                }
                Err(error) => return Err(error),
            }
        }
        let stats = self.try_dump(tables, states, None, take)?;
        Ok(DumpStats {
            not_chosen,
            ..stats
        })
    }
}

impl<D: Datagrams, Open: FnMut() -> io::Result<D>> DiagSource<Open> {
    /// One dump, of the sockets that `program` accepts.
    fn try_dump(
        &mut self,
        tables: &[Table],
        states: StateSet,
        program: Option<&[u8]>,
        take: &mut TakeRow<'_>,
    ) -> Result<DumpStats, SourceError> {
        self.sequence += 1;
        let Some((protocol, mut request)) = request(tables, states, self.sequence) else {
            return Err(SourceError::NoModule);
        };
        if let Some(program) = program.filter(|_| protocol != Protocol::Unix) {
            inet_diag::choose(&mut request, program);
        }
        let mut datagrams = (self.open)().map_err(SourceError::Open)?;
        datagrams.send(&request).map_err(SourceError::Receive)?;
        let mut stats = DumpStats::default();
        loop {
            let length = datagrams
                .receive(&mut self.buffer)
                .map_err(SourceError::Receive)?;
            let datagram = self.buffer.get(..length).unwrap_or_default();
            for message in Messages::new(datagram) {
                let (header, payload) = message?;
                if header.sequence != self.sequence || header.port != datagrams.port() {
                    continue;
                }
                stats.interrupted |= header.is_interrupted();
                match header.kind {
                    nlmsg::DONE => {
                        return match nlmsg::done_status(payload) {
                            0.. => Ok(stats),
                            status => Err(refused(status, None)),
                        };
                    }
                    nlmsg::ERROR => {
                        let (status, text) = nlmsg::error_status(&header, payload);
                        return Err(refused(status, text));
                    }
                    nlmsg::OVERRUN => {
                        return Err(SourceError::Receive(io::Error::other(
                            "the kernel dropped messages",
                        )));
                    }
                    nlmsg::NOOP => {}
                    _ => {
                        let socket = match protocol {
                            Protocol::Unix => lower::unix_payload(payload),
                            _ => lower::inet_payload(payload, protocol),
                        };
                        let Some(socket) = socket else {
                            stats.skipped += 1;
                            continue;
                        };
                        if take(socket).is_break() {
                            return Ok(stats);
                        }
                    }
                }
            }
        }
    }
}

fn request(tables: &[Table], states: StateSet, sequence: u32) -> Option<(Protocol, Vec<u8>)> {
    let states = states.bits();
    match *tables {
        [Table { protocol, family }] => {
            let number = match protocol {
                Protocol::Tcp => 6,
                Protocol::Udp => 17,
                Protocol::Raw => 255,
                Protocol::Unix => {
                    return Some((protocol, unix_diag::dump_request(states, sequence)));
                }
            };
            let family = match family {
                Family::Inet6 => FAMILY_INET6,
                Family::Inet | Family::Unix => FAMILY_INET,
            };
            Some((
                protocol,
                inet_diag::dump_request(family, number, states, sequence),
            ))
        }
        [
            Table {
                protocol: Protocol::Tcp,
                ..
            },
            Table {
                protocol: Protocol::Tcp,
                ..
            },
        ] => Some((Protocol::Tcp, inet_diag::tcp_dump_request(states, sequence))),
        _ => None,
    }
}

fn refused(status: i32, text: Option<&[u8]>) -> SourceError {
    match status.wrapping_neg() {
        ENOENT | EOPNOTSUPP | EPROTONOSUPPORT => SourceError::NoModule,
        errno => SourceError::Refused {
            errno,
            text: text.map(|t| String::from_utf8_lossy(t).into_owned()),
        },
    }
}
