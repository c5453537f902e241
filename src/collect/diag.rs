//! The source that asks sock_diag over netlink.

use super::bpf_maps::Maps;
use super::choosing;
use super::socket_details::Wanted;
use super::source::{self, DumpStats, Source, SourceError, TakeRow};
use super::unix_peers::UnixPeers;
use super::{lower, lower_families};
use crate::model::{Condition, DetailSet, Family, Protocol, Socket, SourceKind, StateSet, Table};
use crate::sys::kernel_release;
use crate::sys::netlink::{DATAGRAM_LEN, Datagrams, Netlink};
use crate::wire::bpf_storage;
use crate::wire::inet_diag::{self, FAMILY_INET, FAMILY_INET6};
use crate::wire::nlmsg::{self, Messages};
use crate::wire::{netlink_diag, packet_diag, tipc_diag, unix_diag, vsock_diag, xdp_diag};
use rustc_hash::FxHashSet;
use std::io;
use std::ops::ControlFlow;

const ENOENT: i32 = 2;
const EOPNOTSUPP: i32 = 95;
const EPROTONOSUPPORT: i32 = 93;

/// Asks the kernel, over a socket of its own for each dump: what an aborted dump leaves behind never meets the next one.
pub(super) struct DiagSource<Open> {
    open: Open,
    wanted: Wanted,
    /// Whose values BPF programs keep with sockets, if they are asked for.
    maps: Option<Maps>,
    sequence: u32,
    buffer: Box<[u8]>,
}

/// The one that asks the kernel of this host.
pub(super) type KernelSource = DiagSource<fn() -> io::Result<Netlink>>;

impl<Open> DiagSource<Open> {
    /// Which details it asks for.
    pub(super) const fn wanted(&self) -> Wanted {
        self.wanted
    }

    pub(super) fn new(open: Open, wanted: Wanted, maps: Option<Maps>) -> Self {
        // Values may be long, and of a socket all come together. Room that is never filled costs no memory.
        let room = match maps {
            Some(_) => bpf_storage::DATAGRAM_LEN,
            None => DATAGRAM_LEN,
        };
        Self {
            open,
            wanted: wanted.with_storage(maps.is_some()),
            maps,
            sequence: 0,
            buffer: vec![0; room].into_boxed_slice(),
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
            let mut take = |socket: &mut Socket| {
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
        let (protocol, mut request) = self.request(tables, states)?;
        if let Some(program) = program {
            inet_diag::choose(&mut request, program);
        }
        let wanted = self.wanted.of(protocol);
        match protocol {
            Protocol::Sctp => self.rows(&request, take, |payload| {
                lower::sctp_payload(payload, wanted)
            }),
            Protocol::Unix => self.unix(&request, take),
            Protocol::Packet => self.rows(&request, take, |payload| {
                lower_families::packet_payload(payload, wanted)
            }),
            Protocol::Netlink => self.netlink(&request, take),
            Protocol::Vsock => self.rows(&request, take, lower_families::vsock_payload),
            Protocol::Xdp => self.rows(&request, take, |payload| {
                lower_families::xdp_payload(payload, wanted)
            }),
            Protocol::Tipc => self.tipc(&request, take),
            Protocol::Mptcp => self.rows(&request, take, |payload| {
                lower::mptcp_payload(payload, wanted)
            }),
            _ => self.inet(&request, take, protocol, wanted),
        }
    }
}

impl<D: Datagrams, Open: FnMut() -> io::Result<D>> DiagSource<Open> {
    /// The next request, and of which protocol it is.
    fn request(
        &mut self,
        tables: &[Table],
        states: StateSet,
    ) -> Result<(Protocol, Vec<u8>), SourceError> {
        self.sequence += 1;
        let (protocol, mut request) = request(tables, states, self.wanted, self.sequence)?;
        if let Some(maps) = &self.maps {
            maps.ask(protocol, &mut request);
        }
        Ok((protocol, request))
    }

    /// Asks, and calls `each` with the payload of every answer until it wants no more.
    #[inline(always)]
    fn messages(
        &mut self,
        request: &[u8],
        mut each: impl FnMut(&[u8], &mut DumpStats) -> ControlFlow<()>,
    ) -> Result<DumpStats, SourceError> {
        let mut datagrams = (self.open)().map_err(SourceError::Open)?;
        datagrams.send(request).map_err(SourceError::Receive)?;
        let mut stats = DumpStats {
            port: datagrams.port(),
            ..DumpStats::default()
        };
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
                        if each(payload, &mut stats).is_break() {
                            return Ok(stats);
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn rows(
        &mut self,
        request: &[u8],
        take: &mut TakeRow<'_>,
        read: impl Fn(&[u8]) -> Option<Socket>,
    ) -> Result<DumpStats, SourceError> {
        self.messages(request, |payload, stats| match read(payload) {
            Some(mut socket) => take(&mut socket),
            None => {
                stats.skipped += 1;
                ControlFlow::Continue(())
            }
        })
    }

    /// All rows in one place, which a sink may leave as it is: of these tables there may be a million.
    fn inet(
        &mut self,
        request: &[u8],
        take: &mut TakeRow<'_>,
        protocol: Protocol,
        wanted: Wanted,
    ) -> Result<DumpStats, SourceError> {
        let mut socket = Socket::NONE;
        self.messages(request, |payload, stats| {
            match lower::read_inet(&mut socket, payload, protocol, wanted) {
                Some(()) => take(&mut socket),
                None => {
                    stats.skipped += 1;
                    ControlFlow::Continue(())
                }
            }
        })
    }

    /// Holds all rows back until the names of all peers are known: a unix dump is never shown in part.
    fn unix(&mut self, request: &[u8], take: &mut TakeRow<'_>) -> Result<DumpStats, SourceError> {
        let wanted = self.wanted;
        let mut peers = UnixPeers::default();
        let stats = self.messages(request, |payload, stats| {
            match lower::unix_payload(payload, wanted) {
                Some((socket, clients)) => peers.add(socket, &clients),
                None => stats.skipped += 1,
            }
            ControlFlow::Continue(())
        })?;
        for mut socket in peers.joined() {
            if take(&mut socket).is_break() {
                break;
            }
        }
        Ok(stats)
    }

    /// The socket that asks is one of those asked for, and gone before anybody reads of it: it is left out. Whoever has joined a group
    /// is in two of the kernel's lists, and comes twice.
    fn netlink(
        &mut self,
        request: &[u8],
        take: &mut TakeRow<'_>,
    ) -> Result<DumpStats, SourceError> {
        let wanted = self.wanted;
        let mut seen = FxHashSet::default();
        self.messages(request, |payload, stats| {
            match lower_families::netlink_payload(payload, wanted) {
                Some(socket) if lower_families::is_diag_socket(&socket, stats.port) => {}
                Some(socket) if socket.cookie.is_some_and(|cookie| !seen.insert(cookie)) => {}
                Some(mut socket) => return take(&mut socket),
                None => stats.skipped += 1,
            }
            ControlFlow::Continue(())
        })
    }

    fn tipc(&mut self, request: &[u8], take: &mut TakeRow<'_>) -> Result<DumpStats, SourceError> {
        let wanted = self.wanted;
        self.messages(request, |payload, stats| {
            match lower_families::tipc_payload(payload, wanted) {
                Some(Some(mut socket)) => return take(&mut socket),
                Some(None) => {}
                None => stats.skipped += 1,
            }
            ControlFlow::Continue(())
        })
    }
}

impl<D: Datagrams, Open: FnMut() -> io::Result<D>> DiagSource<Open> {
    /// Calls `each` with every message of one dump as it came from the kernel, and its protocol.
    pub(super) fn record(
        &mut self,
        tables: &[Table],
        states: StateSet,
        mut each: impl FnMut(Protocol, &[u8], &mut DumpStats),
    ) -> Result<DumpStats, SourceError> {
        let (protocol, request) = self.request(tables, states)?;
        self.messages(&request, |payload, stats| {
            each(protocol, payload, stats);
            ControlFlow::Continue(())
        })
    }
}

/// The first kernel that reads the whole number of a protocol; those before answer for TCP when asked for MPTCP.
const WIDE_PROTOCOLS: (u32, u32) = (5, 10);

fn request(
    tables: &[Table],
    states: StateSet,
    wanted: Wanted,
    sequence: u32,
) -> Result<(Protocol, Vec<u8>), SourceError> {
    let states = states.bits();
    let extensions = wanted.extensions();
    let extended = wanted.details.has(DetailSet::EXTENDED);
    let (protocol, family) = match *tables {
        [Table { protocol, family }] => (protocol, family),
        [
            Table {
                protocol: Protocol::Tcp,
                ..
            },
            Table {
                protocol: Protocol::Tcp,
                ..
            },
        ] => {
            let request = inet_diag::tcp_dump_request(states, extensions, sequence);
            return Ok((Protocol::Tcp, request));
        }
        _ => return Err(SourceError::NoModule),
    };
    let family = match family {
        Family::Inet6 => FAMILY_INET6,
        _ => FAMILY_INET,
    };
    let inet = |number| inet_diag::dump_request(family, number, states, extensions, sequence);
    let request = match protocol {
        Protocol::Tcp => inet(6),
        Protocol::Udp => inet(17),
        Protocol::UdpLite => inet(136),
        Protocol::Raw => inet(255),
        Protocol::Sctp => inet(132),
        Protocol::Dccp => inet(33),
        Protocol::Mptcp => {
            if kernel_release().is_some_and(|release| release < WIDE_PROTOCOLS) {
                return Err(SourceError::NoModule);
            }
            inet_diag::wide_dump_request(
                family,
                inet_diag::PROTOCOL_MPTCP,
                states,
                extensions,
                sequence,
            )
        }
        // In every state: a peer may be in another one than those that are wanted.
        Protocol::Unix => unix_diag::dump_request(
            StateSet::ALL.bits(),
            wanted.details.has(DetailSet::MEMORY),
            extended,
            sequence,
        ),
        Protocol::Packet => {
            packet_diag::dump_request(extended, wanted.details.has(DetailSet::FILTER), sequence)
        }
        Protocol::Netlink => netlink_diag::dump_request(extended, sequence),
        Protocol::Vsock => vsock_diag::dump_request(states, sequence),
        Protocol::Xdp => xdp_diag::dump_request(extended, sequence),
        Protocol::Tipc => tipc_diag::dump_request(states, sequence),
    };
    Ok((protocol, request))
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
