//! Raw records into the model: the only file that knows both shapes.

use super::lower_families;
use super::own_details;
use super::socket_details::{self, Wanted};
use crate::model::{
    CgroupId, Cookie, DetailSet, Ends, Family, IfIndex, InetEnds, Inode, Mark, MemoryMetric, Port,
    Protocol, Queues, Shutdown, Socket, SocketKind, State, Table, Timer, TimerKind, Uid, UnixEnds,
    UnixName, UnixPeer,
};
use crate::wire::bpf_storage;
use crate::wire::inet_details::InetDetails;
use crate::wire::inet_diag::{FAMILY_INET, FAMILY_INET6, InetRecord, is_sctp_association};
use crate::wire::proc_net::{InetLine, UnixRow};
use crate::wire::unix_diag::UnixRecord;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;

/// Milliseconds in a tick of `USER_HZ`, which is 100 on every architecture in use.
const TICK_MS: u32 = 10;

/// What a message of any table is.
pub(super) enum Lowered {
    /// A row.
    Row(Socket),
    /// A unix socket, and the clients that wait for it to accept them.
    Unix(Socket, Vec<Inode>),
    /// No row, and no damage.
    Nothing,
    /// It makes no sense.
    Nonsense,
}

/// What the payload of a message of a table of `protocol` is.
#[inline(never)]
pub(super) fn any_payload(protocol: Protocol, payload: &[u8], wanted: Wanted) -> Lowered {
    let wanted = wanted.of(protocol);
    let socket = match protocol {
        Protocol::Unix => {
            return unix_payload(payload, wanted)
                .map_or(Lowered::Nonsense, |(s, c)| Lowered::Unix(s, c));
        }
        Protocol::Tipc => {
            return match lower_families::tipc_payload(payload, wanted) {
                Some(Some(socket)) => Lowered::Row(socket),
                Some(None) => Lowered::Nothing,
                None => Lowered::Nonsense,
            };
        }
        Protocol::Sctp => sctp_payload(payload, wanted),
        Protocol::Mptcp => mptcp_payload(payload, wanted),
        Protocol::Packet => lower_families::packet_payload(payload, wanted),
        Protocol::Netlink => lower_families::netlink_payload(payload, wanted),
        Protocol::Vsock => lower_families::vsock_payload(payload),
        Protocol::Xdp => lower_families::xdp_payload(payload, wanted),
        _ => inet_payload(payload, protocol, wanted),
    };
    socket.map_or(Lowered::Nonsense, Lowered::Row)
}

/// A socket from the payload of an inet_diag message; `None` if it makes no sense.
pub(super) fn inet_payload(payload: &[u8], protocol: Protocol, wanted: Wanted) -> Option<Socket> {
    let mut socket = Socket::NONE;
    read_inet(&mut socket, payload, protocol, wanted)?;
    Some(socket)
}

/// Reads the payload of an inet_diag message into the place of a socket; `None` if it makes no sense.
#[inline]
pub(super) fn read_inet(
    socket: &mut Socket,
    payload: &[u8],
    protocol: Protocol,
    wanted: Wanted,
) -> Option<()> {
    if !wanted.details.is_empty() {
        return read_detailed(socket, payload, protocol, wanted);
    }
    let record = InetRecord::decode(payload).ok()?;
    socket.details = None;
    read_record(socket, &record, protocol)
}

/// As [`read_inet`], with its details, whose memory is used again.
#[inline(never)]
fn read_detailed(
    socket: &mut Socket,
    payload: &[u8],
    protocol: Protocol,
    wanted: Wanted,
) -> Option<()> {
    let (payload, storages) = match wanted.details.has(DetailSet::BPF_STORAGE) {
        true => bpf_storage::split(payload),
        false => (payload, None),
    };
    let mut sent = InetDetails {
        storages,
        ..InetDetails::default()
    };
    let record = InetRecord::decode_with(payload, |kind, data| sent.add(kind, data)).ok()?;
    // Whoever was told a mark may be told keys as well, which come with the counters.
    let tells_keys = wanted.tells_keys || record.mark.is_some() && sent.info.is_some();
    let wanted = Wanted {
        tells_keys,
        ..wanted
    };
    read_record(socket, &record, protocol)?;
    let is_mini = socket.is_mini();
    socket_details::read_inet(&mut socket.details, &sent, protocol, wanted, is_mini);
    Some(())
}

/// A socket from the payload of an inet_diag message of SCTP, whose associations have states of their own.
#[cold]
pub(super) fn sctp_payload(payload: &[u8], wanted: Wanted) -> Option<Socket> {
    let mut socket = inet_payload(payload, Protocol::Sctp, wanted)?;
    let association = is_sctp_association(payload);
    own_details::of_sctp(&mut socket, payload, association, wanted);
    if association {
        let record = InetRecord::decode(payload).ok()?;
        socket.state = State::of_association(record.state);
        socket.queues = Queues::Bytes {
            recv: record.rqueue,
            send: record.wqueue,
        };
        // Number 3 is the retransmission timer here, SCTP_EVENT_TIMEOUT_T3_RTX, and the only one told.
        if let Some(timer) = &mut socket.timer {
            timer.kind = TimerKind::Retransmit;
        }
    } else if socket.state != State::Listen {
        // The accept queue's numbers, of a socket that has none.
        socket.queues = Queues::Unknown;
    }
    Some(socket)
}

/// A socket from the payload of an inet_diag message of MPTCP, which has counters of its own.
#[cold]
pub(super) fn mptcp_payload(payload: &[u8], wanted: Wanted) -> Option<Socket> {
    let mut socket = inet_payload(payload, Protocol::Mptcp, wanted)?;
    own_details::of_mptcp(&mut socket, payload, wanted);
    if socket.state == State::Listen
        && let Some(details) = &mut socket.details
    {
        // The kernel counts them at the TCP socket that listens for this one, and sends 0 here.
        details.memory = details.memory.map(|m| m.without(MemoryMetric::Drops));
    }
    Some(socket)
}

/// A socket from the payload of a unix_diag message, and the clients that wait for it to accept them; `None` if it makes no sense.
pub(super) fn unix_payload(payload: &[u8], wanted: Wanted) -> Option<(Socket, Vec<Inode>)> {
    let record = UnixRecord::decode(payload).ok()?;
    let clients = record.waiting_clients();
    let clients: Vec<_> = clients
        .filter_map(|inode| Inode::new(inode.into()))
        .collect();
    let mut socket = unix_record(&record)?;
    socket.details = socket_details::of_unix(record.memory, wanted);
    own_details::of_unix(&mut socket, payload, &clients, wanted);
    Some((socket, clients))
}

/// All of a socket but its details, from inet_diag. `None` if its family is none that IP has.
#[inline(always)]
fn read_record(socket: &mut Socket, record: &InetRecord, protocol: Protocol) -> Option<()> {
    let family = match record.family {
        FAMILY_INET => Family::Inet,
        FAMILY_INET6 => Family::Inet6,
        _ => return None,
    };
    let state = inet_state(record.state, protocol);
    let inode = Inode::new(record.inode.into());
    // A socket whose connection was reset keeps its port, and in the kernel the address of a peer that it no longer has.
    let (peer, peer_port) = if state == State::BoundInactive {
        (&[0; 16], 0)
    } else {
        (&record.dst, record.dport)
    };
    socket.protocol = protocol;
    socket.family = family;
    socket.state = state;
    socket.v6only = record.v6only.map(|flag| flag != 0);
    socket.shutdown = record.shutdown.map(Shutdown);
    socket.ends = Ends::Inet(InetEnds {
        local: address(family, &record.src),
        peer: address(family, peer),
        local_port: Port(record.sport),
        peer_port: Port(peer_port),
        interface: IfIndex::new(record.interface),
    });
    socket.queues = if state == State::Listen {
        Queues::Accept {
            length: record.rqueue,
            limit: Some(record.wqueue),
        }
    } else {
        Queues::Bytes {
            recv: record.rqueue,
            send: record.wqueue,
        }
    };
    socket.timer = TimerKind::from_number(record.timer).map(|kind| Timer {
        kind,
        expires_ms: record.expires_ms,
        retransmits: record.retransmits,
    });
    // Without a file the kernel reports user 0, whoever it was.
    socket.uid = inode.map(|_| Uid(record.uid));
    socket.inode = inode;
    socket.cookie = record.cookie.and_then(NonZeroU64::new).map(Cookie);
    socket.mark = record.mark.map(Mark);
    socket.cgroup = record.cgroup.and_then(NonZeroU64::new).map(CgroupId);
    Some(())
}

/// A socket from a line of /proc/net/tcp and its like.
pub(super) fn inet_line(line: &InetLine, table: Table, wanted: DetailSet) -> Socket {
    let state = inet_state(line.state, table.protocol);
    let inode = Inode::new(line.inode);
    Socket {
        protocol: table.protocol,
        family: table.family,
        state,
        v6only: None,
        shutdown: None,
        ends: Ends::Inet(InetEnds {
            local: address(table.family, &line.src),
            peer: address(table.family, &line.dst),
            local_port: Port(line.sport),
            peer_port: Port(line.dport),
            interface: None,
        }),
        queues: if state == State::Listen {
            // The column that inet_diag uses for the limit is always 0 here.
            Queues::Accept {
                length: line.rx_queue,
                limit: None,
            }
        } else {
            Queues::Bytes {
                recv: line.rx_queue,
                send: line.tx_queue,
            }
        },
        timer: TimerKind::from_number(line.timer).map(|kind| Timer {
            kind,
            expires_ms: line.expires_ticks.saturating_mul(TICK_MS),
            retransmits: match kind {
                TimerKind::Keepalive | TimerKind::Persist => line.probes,
                _ => line.retransmits,
            }
            .try_into()
            .unwrap_or(u8::MAX),
        }),
        uid: inode.map(|_| Uid(line.uid)),
        inode,
        cookie: None,
        mark: None,
        cgroup: None,
        details: socket_details::of_text(line, table.protocol, wanted),
    }
}

/// A socket from unix_diag. `None` if it has no inode, which the kernel does not send.
fn unix_record(record: &UnixRecord<'_>) -> Option<Socket> {
    let state = State::from_number(record.state);
    Some(Socket {
        inode: Some(Inode::new(record.inode.into())?),
        cookie: record.cookie.and_then(NonZeroU64::new).map(Cookie),
        shutdown: record.shutdown.map(Shutdown),
        uid: record.uid.map(Uid),
        queues: match record.queues {
            Some((length, limit)) if state == State::Listen => Queues::Accept {
                length,
                limit: Some(limit),
            },
            Some((recv, send)) => Queues::Bytes { recv, send },
            None => Queues::Unknown,
        },
        ..unix_socket(
            state,
            SocketKind::from_number(record.kind),
            match record.name {
                None | Some([]) => UnixName::Unnamed,
                Some([0, name @ ..]) => UnixName::Abstract(name.into()),
                Some(path) => UnixName::Path(until_nul(path).into()),
            },
            match record.peer {
                None => UnixPeer::None,
                // Connected to a socket that has no file yet, because nobody accepted it.
                Some(inode) => Inode::new(inode.into()).map_or(UnixPeer::Unknown, UnixPeer::Inode),
            },
        )
    })
}

/// A socket from a row of /proc/net/unix. `None` if it has no inode: not accepted yet, and no row of its own in unix_diag either.
pub(super) fn unix_row(row: &UnixRow) -> Option<Socket> {
    const SS_CONNECTED: u8 = 3;
    let state = match (row.listening, row.state) {
        (true, _) => State::Listen,
        (false, SS_CONNECTED) => State::Established,
        (false, _) => State::Close,
    };
    let name = match row.name.as_slice() {
        [] => UnixName::Unnamed,
        // Every NUL was printed as `@`, and nothing tells it from a real one; a path that begins with `@` is rare.
        [b'@', name @ ..] => UnixName::Abstract(name.into()),
        path => UnixName::Path(path.into()),
    };
    let peer = if state == State::Established {
        UnixPeer::Unknown
    } else {
        UnixPeer::None
    };
    Some(Socket {
        inode: Some(Inode::new(row.inode)?),
        ..unix_socket(state, SocketKind::from_number(row.kind), name, peer)
    })
}

fn unix_socket(state: State, kind: SocketKind, name: UnixName, peer: UnixPeer) -> Socket {
    let table = Table::new(Protocol::Unix, Family::Unix);
    bare(table, state, Ends::Unix(UnixEnds { kind, name, peer }))
}

/// A socket of which no more is known.
pub(super) const fn bare(table: Table, state: State, ends: Ends) -> Socket {
    Socket {
        protocol: table.protocol,
        family: table.family,
        state,
        ends,
        ..Socket::NONE
    }
}

/// A TCP socket that is closed and still listed is one that holds a port: `TCP_BOUND_INACTIVE` rows come back as `TCP_CLOSE`.
#[inline]
fn inet_state(number: u8, protocol: Protocol) -> State {
    match (State::from_number(number), protocol) {
        (State::Close, Protocol::Tcp) => State::BoundInactive,
        (state, _) => state,
    }
}

#[inline]
fn address(family: Family, bytes: &[u8; 16]) -> IpAddr {
    match family {
        Family::Inet6 => Ipv6Addr::from(*bytes).into(),
        _ => {
            let [a, b, c, d, ..] = *bytes;
            Ipv4Addr::new(a, b, c, d).into()
        }
    }
}

fn until_nul(path: &[u8]) -> &[u8] {
    path.split(|&b| b == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tcp_info::LastWord;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// A message with some of the attributes that kernels send, of any content.
    fn payload() -> impl Strategy<Value = Vec<u8>> {
        let kinds = select(vec![
            1u16, 2, 2, 2, 3, 4, 5, 6, 7, 7, 8, 9, 11, 15, 16, 17, 18, 19, 20, 21, 22,
        ]);
        let lengths = select(vec![1usize, 4, 5, 8, 16, 20, 36, 100, 136, 232, 280]);
        let attribute = (kinds, lengths, any::<u8>());
        let head = (
            select(vec![2u8, 10]),
            0..13u8,
            0..6u8,
            any::<[u8; 4]>(),
            any::<bool>(),
        );
        (head, proptest::collection::vec(attribute, 0..8)).prop_map(|(head, attributes)| {
            let (family, state, timer, some, has_file) = head;
            let mut bytes = vec![family, state, timer, some[0]];
            bytes.extend(some.repeat(16));
            bytes.extend([some[1], 0, 0, u8::from(has_file)]);
            for (kind, length, byte) in attributes {
                bytes.extend((4 + length as u16).to_ne_bytes());
                bytes.extend(kind.to_ne_bytes());
                bytes.extend((0..length).map(|n| byte.wrapping_add(n as u8)));
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
            bytes
        })
    }

    fn wanted() -> impl Strategy<Value = Wanted> {
        let everything = DetailSet::INFO
            .or(DetailSet::MEMORY)
            .or(DetailSet::TOS)
            .or(DetailSet::SOCKET_OPTIONS)
            .or(DetailSet::BPF_STORAGE);
        let details = select(vec![
            DetailSet::NONE,
            DetailSet::INFO,
            DetailSet::CONGESTION,
            DetailSet::MEMORY,
            DetailSet::TOS.or(DetailSet::SOCKET_OPTIONS),
            DetailSet::BPF_STORAGE,
            everything,
            everything,
            everything,
            everything,
        ]);
        (details, any::<bool>(), any::<bool>()).prop_map(|(details, keys, storage)| Wanted {
            details,
            last_word: LastWord::Bits,
            tells_keys: keys,
            tells_storage: storage,
        })
    }

    proptest! {
        #[test]
        fn nothing_stays_of_the_socket_that_was_there(
            before in payload(), payload in payload(), earlier in wanted(), wanted in wanted(),
            protocol in select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Dccp]),
        ) {
            let mut used = Socket::NONE;
            let _ = read_inet(&mut used, &before, Protocol::Tcp, earlier);
            let mut fresh = Socket::NONE;
            let read = read_inet(&mut fresh, &payload, protocol, wanted);
            prop_assert_eq!(read_inet(&mut used, &payload, protocol, wanted), read);
            prop_assert_eq!(used, fresh);
        }
    }
}
