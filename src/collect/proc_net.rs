//! The source that reads the text tables under /proc/net.

use super::source::{DumpStats, Source, SourceError, TakeRow};
use super::{lower, lower_families};
use crate::model::{
    Condition, DetailSet, Family, Inode, Port, Protocol, Socket, SourceKind, State, StateSet, Table,
};
use crate::sys::proc_root::Dir;
use crate::wire::{proc_net, proc_sctp, proc_sockets};
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;

/// The tables of the network namespace of this thread; plain /proc/net shows those of the process's first thread.
const DIRECTORY: &str = "/proc/thread-self/net";
/// No line of the IP tables is nearly as long.
const LINE_LIMIT: u64 = 4096;

/// Reads /proc/net.
pub(super) struct ProcSource {
    directory: Option<Dir>,
    wanted: DetailSet,
}

impl ProcSource {
    /// Reads these details, as far as the text has them.
    pub(super) const fn new(wanted: DetailSet) -> Self {
        Self {
            directory: None,
            wanted,
        }
    }

    fn directory(&mut self) -> Result<&Dir, SourceError> {
        if self.directory.is_none() {
            let opened = Dir::open(Path::new(DIRECTORY)).map_err(|errno| SourceError::File {
                path: DIRECTORY.to_owned(),
                source: errno.into(),
            })?;
            self.directory = Some(opened);
        }
        self.directory.as_ref().ok_or(SourceError::NoModule)
    }
}

impl Source for ProcSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Proc
    }

    fn dump(
        &mut self,
        tables: &[Table],
        states: StateSet,
        _: &Condition,
        take: &mut TakeRow<'_>,
    ) -> Result<DumpStats, SourceError> {
        let mut stats = DumpStats::default();
        let wanted = self.wanted;
        let mut take = |socket: &mut Socket| {
            if states.contains(socket.state) {
                take(socket)
            } else {
                ControlFlow::Continue(())
            }
        };
        for &table in tables {
            let mut seen = Seen::default();
            for &name in file_names(table) {
                let failed = |source| SourceError::File {
                    path: format!("{DIRECTORY}/{name}"),
                    source,
                };
                let file = match self.directory()?.file(name) {
                    Ok(file) => file,
                    // A kernel without IPv6 has no such tables, and no such sockets.
                    Err(rustix::io::Errno::NOENT)
                        if table.family == Family::Inet6 && name.ends_with('6') =>
                    {
                        continue;
                    }
                    Err(error) => return Err(failed(error.into())),
                };
                let mut take = |socket: &mut Socket| {
                    if seen.is_new(socket) {
                        take(socket)
                    } else {
                        ControlFlow::Continue(())
                    }
                };
                let read: &LineReader<'_> = match (table.protocol, name) {
                    (Protocol::Unix, _) => {
                        stats.skipped += unix(file, &mut take).map_err(failed)?;
                        continue;
                    }
                    (Protocol::Packet, _) => &|line| {
                        proc_sockets::packet_line(line).map(|l| lower_families::packet_line(&l))
                    },
                    (Protocol::Netlink, _) => &|line| {
                        proc_sockets::netlink_line(line)
                            .map(|l| lower_families::netlink_line(&l, wanted))
                    },
                    (Protocol::Sctp, SCTP_ENDPOINTS) => {
                        &|line| proc_sctp::endpoint(line).map(|l| lower_families::sctp_line(&l))
                    }
                    (Protocol::Sctp, _) => {
                        &|line| proc_sctp::association(line).map(|l| lower_families::sctp_line(&l))
                    }
                    _ => &|line| {
                        proc_net::inet_line(line).map(|l| lower::inet_line(&l, table, wanted))
                    },
                };
                stats.skipped += lines(file, read, table, &mut take).map_err(failed)?;
            }
            if file_names(table).is_empty() {
                return Err(SourceError::NoText);
            }
        }
        Ok(stats)
    }
}

const SCTP_ENDPOINTS: &str = "sctp/eps";

/// Makes a socket of a line, or says that the line makes no sense.
type LineReader<'a> = dyn Fn(&[u8]) -> Option<Socket> + 'a;

/// The texts of a table under /proc/net.
pub(super) fn file_names(table: Table) -> &'static [&'static str] {
    match (table.protocol, table.family) {
        (Protocol::Tcp, Family::Inet6) => &["tcp6"],
        (Protocol::Tcp, _) => &["tcp"],
        (Protocol::Udp, Family::Inet6) => &["udp6"],
        (Protocol::Udp, _) => &["udp"],
        (Protocol::UdpLite, Family::Inet6) => &["udplite6"],
        (Protocol::UdpLite, _) => &["udplite"],
        (Protocol::Raw, Family::Inet6) => &["raw6"],
        (Protocol::Raw, _) => &["raw"],
        // Both families in one file.
        (Protocol::Sctp, _) => &[SCTP_ENDPOINTS, "sctp/assocs"],
        (Protocol::Unix, _) => &["unix"],
        (Protocol::Packet, _) => &["packet"],
        (Protocol::Netlink, _) => &["netlink"],
        (
            Protocol::Mptcp | Protocol::Dccp | Protocol::Vsock | Protocol::Xdp | Protocol::Tipc,
            _,
        ) => &[],
    }
}

/// Reads a table line by line, and hands on those rows that belong to `table`; returns how many lines made no sense.
fn lines(
    file: impl Read,
    read: &LineReader<'_>,
    table: Table,
    take: &mut TakeRow<'_>,
) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut line = Vec::new();
    let mut skipped = 0;
    let mut heading = true;
    loop {
        line.clear();
        if reader
            .by_ref()
            .take(LINE_LIMIT)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(skipped);
        }
        let was_heading = std::mem::take(&mut heading);
        match read(&line) {
            Some(mut socket) => {
                if socket.family == table.family && take(&mut socket).is_break() {
                    return Ok(skipped);
                }
            }
            None if was_heading => {}
            None => skipped += 1,
        }
    }
}

fn unix(mut file: impl Read, take: &mut TakeRow<'_>) -> io::Result<u64> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let (rows, skipped) = proc_net::unix_rows(&text);
    // A name can forge a whole row, so a second row with the same inode is dropped only if it says the same: a forgery must not hide
    // the socket it imitates.
    let mut seen = HashSet::new();
    for row in rows.iter().filter(|row| seen.insert(*row)) {
        if let Some(mut socket) = lower::unix_row(row)
            && take(&mut socket).is_break()
        {
            break;
        }
    }
    Ok(skipped)
}

/// These files are read in pieces, and a table that changes between two pieces shows rows again.
///
/// Peers choose some of these addresses, hence the seeded hash of the standard library.
#[derive(Default)]
struct Seen {
    rows: HashSet<(Option<Inode>, State, IpAddr, Port, IpAddr, Port)>,
}

impl Seen {
    fn is_new(&mut self, socket: &Socket) -> bool {
        socket.inet().is_none_or(|ends| {
            // Subflows of MPTCP share an inode, so the addresses count too.
            self.rows.insert((
                socket.inode,
                socket.state,
                ends.local,
                ends.local_port,
                ends.peer,
                ends.peer_port,
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_once_and_odd_lines_are_counted() {
        let text = b"  sl  local_address rem_address   st\n\
            0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 411 1\n\
            0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 411 1\n\
            nonsense\n\
            1: 0100007F:0016 0100007F:0017 06 00000000:00000000 03:00000064 00000000 0 0 0 1\n\
            1: 0100007F:0016 0100007F:0017 06 00000000:00000000 03:00000064 00000000 0 0 0 1\n";
        let mut states = Vec::new();
        let mut seen = Seen::default();
        let table = Table::new(Protocol::Tcp, Family::Inet);
        let skipped = lines(
            &text[..],
            &|line| proc_net::inet_line(line).map(|l| lower::inet_line(&l, table, DetailSet::NONE)),
            table,
            &mut |socket| {
                if seen.is_new(socket) {
                    states.push(socket.state);
                }
                ControlFlow::Continue(())
            },
        )
        .unwrap();
        assert_eq!(skipped, 1);
        assert_eq!(states, [State::Listen, State::TimeWait]);
    }

    #[test]
    fn sctp_of_both_families_comes_from_one_file_of_a_kernel_with_sctp() {
        let text = b" ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n\
            0a 0b 2   10  21   36888  1000 12345 127.0.0.1 10.0.0.1 \n\
            0a 0c 2   10  21   36889  1000 12346 0000:0000:0000:0000:0000:0000:0000:0001 \n";
        for (family, port) in [(Family::Inet, 36888), (Family::Inet6, 36889)] {
            let mut ports = Vec::new();
            let skipped = lines(
                &text[..],
                &|line| proc_sctp::endpoint(line).map(|l| lower_families::sctp_line(&l)),
                Table::new(Protocol::Sctp, family),
                &mut |socket| {
                    assert_eq!(socket.state, State::Listen);
                    assert_eq!(socket.queues, crate::model::Queues::Unknown);
                    ports.push(socket.inet().unwrap().local_port.0);
                    ControlFlow::Continue(())
                },
            );
            assert_eq!((skipped.unwrap(), ports), (0, vec![port]));
        }
    }
}
