//! The fields that belong to no group: what every socket has, or several kinds of sockets.

use super::field::{Field, FieldId, Row};
use super::{
    CgroupPath, DetailSet, Ends, Exposure, Family, OwnerTable, Owners, Queues, Side, Socket, State,
    Unit, UnixName, UnixPeer, Value, Why,
};

/// The fields that belong to no group.
pub(super) const GENERAL: &[Field] = &[
    FIRST,
    field(
        FieldId::Family,
        "family",
        &[],
        "family",
        "inet, inet6, unix, packet, netlink, vsock, xdp, tipc",
        |row| Value::Word(row.socket.family.word()),
    ),
    field(
        FieldId::Type,
        "type",
        &[],
        "type",
        "stream, dgram, seqpacket, raw or rdm; none for IP",
        |row| {
            row.socket
                .ends
                .kind()
                .map_or(Value::None, |kind| Value::Word(kind.word()))
        },
    ),
    field(
        FieldId::State,
        "state",
        &[],
        "state",
        "state of the connection; see 'portctl help states'",
        |row| Value::Word(row.socket.state.word(row.socket.protocol)),
    ),
    field(
        FieldId::RecvQueue,
        "recv_queue",
        &["recv-q", "recvq", "rq"],
        "recv_queue",
        "bytes to be read; of listeners see accept_queue, of TIPC tipc_rcvq",
        |row| match row.socket.queues {
            Queues::Bytes { recv, .. } | Queues::Received(recv) => Value::Number(recv.into()),
            Queues::Accept { .. } | Queues::Messages { .. } => Value::None,
            Queues::Unknown => Value::Unknown(Why::Source),
        },
    ),
    field(
        FieldId::SendQueue,
        "send_queue",
        &["send-q", "sendq", "sq"],
        "send_queue",
        "bytes not yet sent or not yet acknowledged",
        |row| match row.socket.queues {
            Queues::Bytes { send, .. } => Value::Number(send.into()),
            Queues::Accept { .. } | Queues::Messages { .. } => Value::None,
            Queues::Received(_) | Queues::Unknown => Value::Unknown(Why::Source),
        },
    ),
    field(
        FieldId::AcceptQueue,
        "accept_queue",
        &["accept_q", "backlog"],
        "accept_queue.length",
        "listeners: connections waiting for accept()",
        |row| match row.socket.queues {
            Queues::Accept { length, .. } => Value::Number(length.into()),
            Queues::Bytes { .. } | Queues::Received(_) | Queues::Messages { .. } => Value::None,
            Queues::Unknown => unknown_for_listeners(row.socket),
        },
    ),
    field(
        FieldId::AcceptLimit,
        "accept_limit",
        &["limit", "backlog_limit"],
        "accept_queue.limit",
        "listeners: how many connections may wait",
        |row| match row.socket.queues {
            Queues::Accept { limit, .. } => {
                limit.map_or(Value::Unknown(Why::Source), |n| Value::Number(n.into()))
            }
            Queues::Bytes { .. } | Queues::Received(_) | Queues::Messages { .. } => Value::None,
            Queues::Unknown => unknown_for_listeners(row.socket),
        },
    ),
    field(
        FieldId::Local,
        "local",
        &["local_address:port"],
        "local",
        "local address and port, unix name, or what stands for them",
        |row| Value::End(row.socket, Side::Local),
    ),
    field(
        FieldId::Peer,
        "peer",
        &["remote", "peer_address:port"],
        "peer",
        "peer address and port, unix name, or what stands for them",
        |row| Value::End(row.socket, Side::Peer),
    ),
    field(
        FieldId::Src,
        "src",
        &["local_address", "laddr"],
        "local.address",
        "local address",
        |row| address(row.socket, Side::Local),
    ),
    field(
        FieldId::Sport,
        "sport",
        &["local_port", "lport"],
        "local.port",
        "local port, port id or reference; for raw the protocol number",
        |row| port(row.socket, Side::Local),
    ),
    field(
        FieldId::Dst,
        "dst",
        &["peer_address", "raddr"],
        "peer.address",
        "peer address",
        |row| address(row.socket, Side::Peer),
    ),
    field(
        FieldId::Dport,
        "dport",
        &["peer_port", "rport"],
        "peer.port",
        "peer port",
        |row| port(row.socket, Side::Peer),
    ),
    field(
        FieldId::Interface,
        "interface",
        &["dev", "device"],
        "local.interface",
        "interface it is bound to",
        |row| {
            let Some(index) = row.socket.interface() else {
                // Only netlink, which gives a cookie to every socket, tells the interface.
                let untold = row.socket.inet().is_some() && row.socket.cookie.is_none();
                return if untold {
                    Value::Unknown(Why::Source)
                } else {
                    Value::None
                };
            };
            row.context
                .names
                .interface(index)
                .map_or(Value::Number(index.0.get().into()), Value::Name)
        },
    ),
    field(
        FieldId::Path,
        "path",
        &["unix_name"],
        "local.path",
        "unix name: a path, or @ and an abstract name",
        |row| match row.socket.unix().map(|u| &u.name) {
            None | Some(UnixName::Unnamed) => Value::None,
            Some(UnixName::Path(_) | UnixName::Abstract(_)) => Value::End(row.socket, Side::Local),
        },
    ),
    field(
        FieldId::PeerPath,
        "peer_path",
        &["peer_name"],
        "peer.path",
        "name of the unix socket at the other end",
        |row| match row.socket.unix().map(|u| &u.peer) {
            None | Some(UnixPeer::None | UnixPeer::Unnamed(_)) => Value::None,
            Some(UnixPeer::Unknown | UnixPeer::Inode(_)) => Value::Unknown(Why::Source),
            Some(UnixPeer::Named(_) | UnixPeer::Waiting(_)) => Value::End(row.socket, Side::Peer),
        },
    ),
    field(
        FieldId::PeerInode,
        "peer_inode",
        &[],
        "peer.inode",
        "inode of the unix socket at the other end",
        |row| match row.socket.unix().map(|u| &u.peer) {
            None | Some(UnixPeer::None | UnixPeer::Waiting(_)) => Value::None,
            Some(UnixPeer::Unknown) => Value::Unknown(Why::Source),
            Some(peer) => peer
                .inode()
                .map_or(Value::None, |inode| Value::Number(inode.0.get())),
        },
    ),
    field(
        FieldId::Timer,
        "timer",
        &[],
        "timer",
        "running timer: kind, time left, retransmissions",
        |row| row.socket.timer.map_or(Value::None, Value::Timer),
    ),
    field(
        FieldId::TimerExpires,
        "timer_expires",
        &["expires"],
        "timer.expires_ms",
        "time until the timer expires",
        |row| {
            row.socket
                .timer
                .map_or(Value::None, |t| Value::Milliseconds(t.expires_ms.into()))
        },
    ),
    field(
        FieldId::Retransmits,
        "retransmits",
        &["retrans"],
        "timer.retransmits",
        "retransmissions or probes without an answer",
        |row| {
            row.socket
                .timer
                .map_or(Value::None, |t| Value::Number(t.retransmits.into()))
        },
    ),
    field(
        FieldId::Uid,
        "uid",
        &[],
        "uid",
        "id of the user who made the socket",
        |row| match row.socket.uid {
            Some(uid) => Value::Number(uid.0.into()),
            None => Value::Unknown(why_no_uid(row.socket)),
        },
    ),
    field(
        FieldId::User,
        "user",
        &["username"],
        "user",
        "the user who made the socket",
        |row| match row.socket.uid {
            Some(uid) => row
                .context
                .names
                .user(uid)
                .map_or(Value::Number(uid.0.into()), Value::Name),
            None => Value::Unknown(why_no_uid(row.socket)),
        },
    ),
    field(
        FieldId::Inode,
        "inode",
        &["ino"],
        "inode",
        "inode of the socket's file",
        |row| {
            row.socket
                .inode
                .map_or(Value::None, |i| Value::Number(i.0.get()))
        },
    ),
    field(
        FieldId::Cookie,
        "cookie",
        &["sk"],
        "cookie",
        "identity of the socket, unique until reboot",
        |row| {
            row.socket
                .cookie
                .map_or(Value::Unknown(Why::Source), |c| Value::Hex(c.0.get()))
        },
    ),
    field(
        FieldId::Mark,
        "mark",
        &["fwmark"],
        "mark",
        "firewall mark; needs CAP_NET_ADMIN",
        |row| match row.socket.mark {
            Some(mark) => Value::Hex(mark.0.into()),
            None if !row.socket.family.is_ip() => Value::None,
            None if row.socket.cookie.is_none() => Value::Unknown(Why::Source),
            None => Value::Unknown(Why::Permission),
        },
    ),
    field(
        FieldId::Cgroup,
        "cgroup",
        &["cgroup_path"],
        "cgroup.path",
        "path of the control group (cgroup2), or 'gone'",
        |row| {
            let Some(id) = row.socket.cgroup else {
                return no_cgroup(row.socket);
            };
            match row.context.names.cgroup(id) {
                CgroupPath::Known(path) => Value::Name(path),
                CgroupPath::Gone => Value::Word("gone"),
                CgroupPath::Hidden => Value::Unknown(Why::Permission),
                CgroupPath::Elsewhere => Value::Unknown(Why::Source),
                CgroupPath::NotAsked => Value::Unknown(Why::NotAsked),
            }
        },
    ),
    field(
        FieldId::CgroupId,
        "cgroup_id",
        &[],
        "cgroup.id",
        "id of the control group (cgroup2)",
        |row| {
            row.socket
                .cgroup
                .map_or_else(|| no_cgroup(row.socket), |c| Value::Hex(c.0.get()))
        },
    ),
    field(
        FieldId::V6only,
        "v6only",
        &[],
        "v6only",
        "whether an IPv6 socket refuses IPv4",
        |row| match (row.socket.family, row.socket.v6only) {
            (Family::Inet6, Some(flag)) => Value::Flag(flag),
            (Family::Inet6, None) => Value::Unknown(Why::Source),
            _ => Value::None,
        },
    ),
    field(
        FieldId::Shutdown,
        "shutdown",
        &["shut"],
        "shutdown",
        "directions that are closed: none, recv, send, both",
        |row| match row.socket.shutdown {
            Some(shutdown) => Value::Word(shutdown.word()),
            // They have no connection that could be closed in one direction.
            None if matches!(
                row.socket.family,
                Family::Packet | Family::Netlink | Family::Xdp
            ) =>
            {
                Value::None
            }
            None => Value::Unknown(Why::Source),
        },
    ),
    field(
        FieldId::Exposure,
        "exposure",
        &[],
        "exposure.reach",
        "from where a listener can be reached, by its address",
        |row| match Exposure::of(row.socket) {
            None => Value::None,
            Some(None) => Value::Unknown(Why::Source),
            Some(Some(exposure)) => Value::Word(exposure.word()),
        },
    ),
    owned(
        FieldId::Process,
        "process",
        &["processes", "owner", "owners"],
        "owners.processes",
        "every process that holds the socket, or why none does",
        |row| Value::Processes(row.owners()),
    ),
    owned(
        FieldId::Pid,
        "pid",
        &["pids"],
        "owners.processes.pid",
        "ids of those processes",
        |row| Value::Pids(row.owners()),
    ),
    owned(
        FieldId::Fd,
        "fd",
        &["fds"],
        "owners.processes.fds",
        "their descriptor numbers",
        |row| Value::Descriptors(row.owners()),
    ),
    owned(
        FieldId::Command,
        "command",
        &["cmdline", "args"],
        "owners.processes.command",
        "the command line of each process that holds the socket",
        |row| Value::Commands(row.owners()),
    ),
    owned(
        FieldId::Threads,
        "threads",
        &["tids"],
        "owners.processes.threads",
        "threads of its processes that use its descriptor table; name or id",
        |row| Value::Threads(row.owners()),
    ),
    owned(
        FieldId::Context,
        "context",
        &["proc_ctx"],
        "owners.processes.context",
        "SELinux context of each process that holds the socket",
        |row| match row.context.names.has_no_contexts() {
            true => Value::None,
            false => Value::Contexts(row.owners()),
        },
    ),
    owned(
        FieldId::SocketContext,
        "socket_context",
        &["sock_ctx"],
        "context",
        "SELinux context of the socket itself",
        |row| match row.owners() {
            _ if row.context.names.has_no_contexts() => Value::None,
            Owners::Known(mut holders) => {
                let found = holders.find_map(|holder| {
                    let names = row.context.names;
                    let fd = holder.slot.is_none().then_some(holder.fd)?;
                    names.socket_context(holder.thread.unwrap_or(holder.process.pid), fd)
                });
                found.map_or(Value::Unknown(Why::Permission), Value::Name)
            }
            Owners::None { .. } => Value::Unknown(Why::NoFile),
            Owners::Hidden => Value::Unknown(Why::Permission),
            Owners::NotAsked => Value::Unknown(Why::NotAsked),
        },
    ),
    owned(
        FieldId::PeerProcess,
        "peer_process",
        &["peer_processes"],
        "peer.owners.processes",
        "every process that holds the unix socket at the other end",
        |row| match row.socket.unix().map(|u| &u.peer) {
            None | Some(UnixPeer::None) => Value::None,
            Some(UnixPeer::Waiting(_)) => Value::Processes(
                row.context
                    .owners
                    .map_or(Owners::NotAsked, OwnerTable::of_unaccepted),
            ),
            Some(UnixPeer::Unknown) => Value::Unknown(Why::Source),
            Some(peer) => peer
                .inode()
                .map_or(Value::None, |inode| Value::Processes(row.owners_of(inode))),
        },
    ),
];

/// The first of them.
pub(super) const FIRST: Field = field(
    FieldId::Protocol,
    "protocol",
    &["proto", "netid"],
    "protocol",
    "tcp, udp, unix, packet, netlink, ...; see -A",
    |row| Value::Word(row.socket.protocol.word()),
);

const fn field(
    id: FieldId,
    name: &'static str,
    aliases: &'static [&'static str],
    json: &'static str,
    doc: &'static str,
    extract: for<'a> fn(Row<'a>) -> Value<'a>,
) -> Field {
    Field {
        id,
        name,
        aliases,
        json,
        doc,
        needs_owners: false,
        needs_details: match id {
            FieldId::Cgroup => DetailSet::CGROUP,
            FieldId::Command => DetailSet::COMMAND,
            FieldId::Threads => DetailSet::THREADS,
            FieldId::Context => DetailSet::CONTEXT,
            FieldId::SocketContext => DetailSet::SOCKET_CONTEXT,
            _ => DetailSet::NONE,
        },
        unit: unit(id),
        source: source(id),
        extract,
    }
}

/// What a field outside the groups is counted in.
const fn unit(id: FieldId) -> Unit {
    match id {
        FieldId::Protocol
        | FieldId::Family
        | FieldId::Type
        | FieldId::State
        | FieldId::Shutdown => Unit::Word,
        FieldId::RecvQueue | FieldId::SendQueue => Unit::Bytes,
        FieldId::AcceptQueue | FieldId::AcceptLimit => Unit::Connections,
        FieldId::Sport
        | FieldId::Dport
        | FieldId::PeerInode
        | FieldId::Retransmits
        | FieldId::Uid
        | FieldId::Inode
        | FieldId::Pid
        | FieldId::Fd => Unit::Number,
        FieldId::TimerExpires => Unit::Milliseconds,
        FieldId::Cookie | FieldId::Mark | FieldId::CgroupId => Unit::Hex,
        FieldId::V6only => Unit::Flag,
        FieldId::Tcp(metric) => metric.unit(),
        FieldId::Memory(metric) => metric.unit(),
        FieldId::Extra(metric) => metric.unit(),
        FieldId::Mptcp(metric) => metric.unit(),
        FieldId::Sctp(metric) => metric.unit(),
        FieldId::Own(metric) => metric.unit(),
        _ => Unit::Text,
    }
}

/// What a field outside the groups comes from.
const fn source(id: FieldId) -> &'static str {
    match id {
        FieldId::Path => "unix_diag NAME",
        FieldId::PeerInode => "unix_diag PEER",
        FieldId::Interface => "idiag_if",
        FieldId::Timer | FieldId::TimerExpires | FieldId::Retransmits => "idiag_timer",
        FieldId::User => "idiag_uid, passwd(5)",
        FieldId::Mark => "inet_diag MARK",
        FieldId::Cgroup => "CGROUP_ID, /sys/fs/cgroup",
        FieldId::CgroupId => "inet_diag CGROUP_ID",
        FieldId::V6only => "inet_diag SKV6ONLY",
        FieldId::Shutdown => "SHUTDOWN",
        FieldId::Process | FieldId::Pid | FieldId::Fd => "/proc/PID/fd",
        FieldId::Command => "/proc/PID/cmdline",
        FieldId::Threads => "/proc/PID/task",
        FieldId::Context => "/proc/PID/attr/current",
        FieldId::SocketContext => "security.selinux of /proc/PID/fd/FD",
        FieldId::Tcp(_) => "tcp_info",
        FieldId::Memory(_) => "SKMEMINFO",
        _ => "sock_diag",
    }
}

const fn owned(
    id: FieldId,
    name: &'static str,
    aliases: &'static [&'static str],
    json: &'static str,
    doc: &'static str,
    extract: for<'a> fn(Row<'a>) -> Value<'a>,
) -> Field {
    Field {
        needs_owners: true,
        ..field(id, name, aliases, json, doc, extract)
    }
}

fn unknown_for_listeners(socket: &Socket) -> Value<'static> {
    if socket.state == State::Listen {
        Value::Unknown(Why::Source)
    } else {
        Value::None
    }
}

/// Why there is no control group: only inet_diag tells it.
fn no_cgroup(socket: &Socket) -> Value<'static> {
    if socket.is_mini() {
        Value::Unknown(Why::NoFile)
    } else {
        Value::Unknown(Why::Source)
    }
}

fn why_no_uid(socket: &Socket) -> Why {
    if socket.inode.is_none() {
        Why::NoFile
    } else {
        Why::Source
    }
}

fn address(socket: &Socket, side: Side) -> Value<'_> {
    match (socket.inet(), side) {
        (Some(ends), Side::Local) => Value::Address(ends.local),
        (Some(ends), Side::Peer) if ends.has_peer() => Value::Address(ends.peer),
        (None, _) => match (&socket.ends, side) {
            (Ends::Vsock(e), Side::Local) => Value::Number(e.local.cid.into()),
            (Ends::Vsock(e), Side::Peer) => {
                e.peer.map_or(Value::None, |p| Value::Number(p.cid.into()))
            }
            (Ends::Tipc(e), Side::Local) => Value::Hex(e.local.node.into()),
            (Ends::Tipc(e), Side::Peer) => {
                e.peer.map_or(Value::None, |p| Value::Hex(p.node.into()))
            }
            _ => Value::None,
        },
        _ => Value::None,
    }
}

fn port(socket: &Socket, side: Side) -> Value<'_> {
    match (socket.inet(), side) {
        (Some(ends), Side::Local) => Value::Number(ends.local_port.0.into()),
        (Some(ends), Side::Peer) if ends.has_peer() => Value::Number(ends.peer_port.0.into()),
        (None, _) => match (&socket.ends, side) {
            (Ends::Netlink(e), Side::Local) => Value::Number(e.port_id.into()),
            (Ends::Netlink(e), Side::Peer) => {
                e.peer.map_or(Value::None, |p| Value::Number(p.0.into()))
            }
            (Ends::Vsock(e), Side::Local) => Value::Number(e.local.port.into()),
            (Ends::Vsock(e), Side::Peer) => {
                e.peer.map_or(Value::None, |p| Value::Number(p.port.into()))
            }
            (Ends::Tipc(e), Side::Local) => Value::Number(e.local.reference.into()),
            (Ends::Tipc(e), Side::Peer) => e
                .peer
                .map_or(Value::None, |p| Value::Number(p.reference.into())),
            _ => Value::None,
        },
        _ => Value::None,
    }
}
