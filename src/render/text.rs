//! Values into text.

use super::address::address;
use super::escape::{escape_into, quote_into, quoted_into};
use super::pieces::{decimal as number, hex};
use super::{text_ends, units};
use crate::model::{
    Ends, Family, FieldId, Holder, Holders, IfIndex, InetEnds, Inode, Names, NoOwner, Owners, Port,
    Protocol, Queues, Row, Side, Socket, SocketKind, Timer, UnixEnds, UnixName, UnixPeer, Value,
};
use std::net::IpAddr;

/// How numbers that have names are shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextOptions {
    /// Ports as numbers, not service names.
    pub numeric: bool,
    /// Addresses as host names.
    pub resolve: bool,
}

/// What stands for a value that nobody can tell.
pub(super) const UNKNOWN: &[u8] = b"?";
/// What stands for a value that is known to be nothing.
pub(super) const NONE: &[u8] = b"-";
/// What stands for the peer of a socket that has none.
const NO_PEER: &[u8] = b"*:*";

/// Appends the text of a field of `row` as a table shows it.
///
/// Differs from [`value`] where `ss` has taught people to read two things in one column: for listeners the queues are
/// the accept queue's length and limit, for TIPC messages, and unix sockets have their type in their protocol.
#[inline(always)]
pub(super) fn cell(out: &mut Vec<u8>, field: FieldId, row: Row<'_>, options: TextOptions) {
    let socket = row.socket;
    match field {
        FieldId::Protocol => {
            let word = match &socket.ends {
                Ends::Inet(_) => socket.protocol.word(),
                ends => typed_word(socket.protocol, ends),
            };
            out.extend_from_slice(word.as_bytes());
        }
        FieldId::State => {
            out.extend_from_slice(socket.state.label(socket.protocol).as_bytes());
            if socket.queues.is_full() {
                out.extend_from_slice(b"(full)");
            }
        }
        FieldId::RecvQueue => match socket.queues {
            Queues::Bytes { recv: n, .. }
            | Queues::Accept { length: n, .. }
            | Queues::Messages { recv: n, .. }
            | Queues::Received(n) => {
                number(out, n.into());
            }
            Queues::Unknown => out.extend_from_slice(UNKNOWN),
        },
        FieldId::SendQueue => match socket.queues {
            Queues::Bytes { send: n, .. }
            | Queues::Messages { send: n, .. }
            | Queues::Accept { limit: Some(n), .. } => {
                number(out, n.into());
            }
            Queues::Accept { limit: None, .. } | Queues::Received(_) | Queues::Unknown => {
                out.extend_from_slice(UNKNOWN);
            }
        },
        // Without the detour over a value.
        FieldId::Local => end(out, row, Side::Local, options),
        FieldId::Peer => end(out, row, Side::Peer, options),
        _ => other_cell(out, field, row, options),
    }
}

/// The cells that are not in every list: apart, so that telling the others from each other stays short.
#[inline(never)]
fn other_cell(out: &mut Vec<u8>, field: FieldId, row: Row<'_>, options: TextOptions) {
    match field {
        FieldId::Path | FieldId::PeerPath => path(out, field, row, options),
        _ => value(out, field, row, options, NONE),
    }
}

/// Protocol and type in one word, as `ss` has taught people.
#[cold]
const fn typed_word(protocol: Protocol, ends: &Ends) -> &'static str {
    match (ends, ends.kind()) {
        (Ends::Unix(_), Some(SocketKind::Stream)) => "u_str",
        (Ends::Unix(_), Some(SocketKind::Dgram)) => "u_dgr",
        (Ends::Unix(_), Some(SocketKind::Seqpacket)) => "u_seq",
        (Ends::Packet(_), Some(SocketKind::Raw)) => "p_raw",
        (Ends::Packet(_), Some(SocketKind::Dgram)) => "p_dgr",
        (Ends::Netlink(_), _) => "nl",
        (Ends::Vsock(_), Some(SocketKind::Stream)) => "v_str",
        (Ends::Vsock(_), Some(SocketKind::Dgram)) => "v_dgr",
        (Ends::Vsock(_), Some(SocketKind::Seqpacket)) => "v_seq",
        (Ends::Tipc(_), Some(SocketKind::Stream)) => "ti_st",
        (Ends::Tipc(_), Some(SocketKind::Dgram)) => "ti_dg",
        (Ends::Tipc(_), Some(SocketKind::Rdm)) => "ti_rd",
        (Ends::Tipc(_), Some(SocketKind::Seqpacket)) => "ti_sq",
        _ => protocol.word(),
    }
}

/// Appends the text of a field of `row` as one of comma-separated values: nothing is empty, and a name seldom needs quotes of ours, as
/// the format has its own.
pub(super) fn csv_value(out: &mut Vec<u8>, field: FieldId, row: Row<'_>, options: TextOptions) {
    match (field.field().extract)(row) {
        Value::End(socket, Side::Peer) if !has_peer(socket) => {}
        Value::End(socket, Side::Local) if socket.unix().is_some() => {
            csv_name(out, socket.unix().map(|unix| &unix.name), socket.inode);
        }
        Value::End(socket, Side::Peer) if socket.unix().is_some() => {
            let peer = socket.unix().map(|unix| &unix.peer);
            csv_name(
                out,
                peer.and_then(UnixPeer::name),
                peer.and_then(UnixPeer::inode),
            );
        }
        Value::Name(name) => escape_into(out, &name),
        Value::Text(text) => escape_into(out, text),
        // Exact, in the unit that the help tells.
        Value::Milliseconds(n) | Value::Microseconds(n) | Value::Rate(n) => number(out, n),
        Value::Factor256(n) => units::exact_factor(out, n),
        // Numbers only: the words for those without are in the column with the processes.
        Value::Pids(owners) | Value::Descriptors(owners) => match owners {
            Owners::Known(_) => value(out, field, row, options, b""),
            Owners::None { .. } => {}
            Owners::Hidden | Owners::NotAsked => out.extend_from_slice(UNKNOWN),
        },
        _ => value(out, field, row, options, b""),
    }
}

/// A unix name, whose inode is in a column of its own.
fn csv_name(out: &mut Vec<u8>, name: Option<&UnixName>, inode: Option<Inode>) {
    match name {
        Some(UnixName::Path(path)) => csv_path(out, path),
        Some(UnixName::Abstract(name)) => {
            out.push(b'@');
            escape_into(out, name);
        }
        Some(UnixName::Unnamed) | None => unnamed(out, inode),
    }
}

/// A path in our own quotes only if it could be taken for an abstract name, an inode, a quoted path or "unknown".
fn csv_path(out: &mut Vec<u8>, path: &[u8]) {
    if path == UNKNOWN || path.starts_with(b"\"") || looks_like_no_path(path) {
        quoted_into(out, path);
    } else {
        escape_into(out, path);
    }
}

/// Whether a path looks like what stands for sockets that have none.
fn looks_like_no_path(path: &[u8]) -> bool {
    path == NONE || matches!(path.first(), Some(b'@' | b'#'))
}

fn has_peer(socket: &Socket) -> bool {
    match &socket.ends {
        Ends::Inet(ends) => ends.has_peer(),
        Ends::Unix(ends) => ends.peer != UnixPeer::None,
        Ends::Netlink(ends) => ends.peer.is_some(),
        Ends::Vsock(ends) => ends.peer.is_some(),
        Ends::Tipc(ends) => ends.peer.is_some(),
        Ends::Packet(_) | Ends::Xdp(_) => false,
    }
}

/// Appends the text of a field of `row`, with `none` for what is known to be nothing.
#[inline(never)]
fn value(out: &mut Vec<u8>, field: FieldId, row: Row<'_>, options: TextOptions, none: &[u8]) {
    match (field.field().extract)(row) {
        Value::Unknown(_) => out.extend_from_slice(UNKNOWN),
        Value::None => out.extend_from_slice(none),
        Value::Flag(flag) => out.extend_from_slice(if flag { b"yes" } else { b"no" }),
        Value::Number(n) => number(out, n),
        Value::Hex(n) => hex(out, n),
        Value::Signed(n) => signed(out, n),
        Value::Bytes(n) => number(out, n),
        Value::Milliseconds(ms) => units::milliseconds(out, ms),
        Value::Microseconds(us) => units::microseconds(out, us),
        Value::Rate(rate) => units::rate(out, rate),
        Value::Factor256(n) => units::factor(out, n),
        Value::Words(bits, names) => words(out, bits, names),
        Value::Text(text) => quote_into(out, text),
        Value::Word(word) => out.extend_from_slice(word.as_bytes()),
        Value::Name(name) => quote_into(out, &name),
        Value::Address(ip) => address(out, ip),
        Value::End(_, side) => end(out, row, side, options),
        Value::Timer(running) => timer(out, running),
        Value::Processes(owners) => each_owner(out, owners, row, process),
        Value::Pids(Owners::Known(holders)) => pids(out, holders),
        Value::Pids(owners) => each_owner(out, owners, row, process),
        Value::Descriptors(owners) => each_owner(out, owners, row, |out, _, refs| {
            descriptors(out, refs);
        }),
        Value::Commands(owners) => each_owner(out, owners, row, |out, holder, _| {
            match row.context.names.command(holder.lives_as()) {
                Some(arguments) => command(out, &arguments),
                None => out.extend_from_slice(UNKNOWN),
            }
        }),
        Value::Threads(owners) => each_owner(out, owners, row, |out, holder, _| {
            threads(out, holder, row.context.names);
        }),
        Value::Contexts(owners) => each_owner(out, owners, row, |out, holder, _| {
            match row.context.names.context(holder.process.pid) {
                Some(context) => quote_into(out, &context),
                None => out.extend_from_slice(UNKNOWN),
            }
        }),
    }
}

/// A command line, each word escaped and quoted where it could be misread; `[]` for a process that shows none.
fn command(out: &mut Vec<u8>, arguments: &[Box<[u8]>]) {
    if arguments.is_empty() {
        out.extend_from_slice(b"[]");
    }
    for (n, argument) in arguments.iter().enumerate() {
        if n > 0 {
            out.push(b' ');
        }
        quote_into(out, argument);
    }
}

/// One end as `address%interface:port`, or a unix name.
fn end(out: &mut Vec<u8>, row: Row<'_>, side: Side, options: TextOptions) {
    let (socket, names) = (row.socket, row.context.names);
    match &socket.ends {
        Ends::Inet(ends) => inet_end(out, row, ends, side, options, |out, ip| {
            host(out, ip, socket.family, names, options);
        }),
        Ends::Unix(ends) => unix_end(out, socket, ends, side),
        ends => text_ends::end(out, ends, side, names, options),
    }
}

/// An end of an IP socket; `host` appends its address.
#[inline]
pub(super) fn inet_end(
    out: &mut Vec<u8>,
    row: Row<'_>,
    ends: &InetEnds,
    side: Side,
    options: TextOptions,
    host: impl FnOnce(&mut Vec<u8>, IpAddr),
) {
    let (socket, names) = (row.socket, row.context.names);
    let (ip, number) = match side {
        Side::Local => (ends.local, ends.local_port),
        Side::Peer => (ends.peer, ends.peer_port),
    };
    match side {
        Side::Peer if !ends.has_peer() => return out.extend_from_slice(NO_PEER),
        Side::Local if socket.is_dual_stack_wildcard() => out.push(b'*'),
        _ => host(out, ip),
    }
    if let (Side::Local, Some(index)) = (side, ends.interface) {
        interface(out, index, names);
    }
    out.push(b':');
    port(out, socket.protocol, number, names, options);
}

fn interface(out: &mut Vec<u8>, index: IfIndex, names: &dyn Names) {
    out.push(b'%');
    match names.interface(index) {
        Some(name) => quote_into(out, &name),
        None => {
            out.extend_from_slice(b"if");
            number(out, index.0.get().into());
        }
    }
}

/// A unix name with its inode, which finds the same socket where it is somebody's peer: accepted sockets all have one name.
fn unix_end(out: &mut Vec<u8>, socket: &Socket, ends: &UnixEnds, side: Side) {
    match side {
        Side::Local => unix_name(out, &ends.name, socket.inode),
        Side::Peer => match (&ends.peer, ends.peer.name()) {
            (UnixPeer::None, _) => out.extend_from_slice(NONE),
            (peer, Some(name)) => unix_name(out, name, peer.inode()),
            (peer, None) => unnamed(out, peer.inode()),
        },
    }
}

/// A unix name alone: its inode is in a column of its own.
#[cold]
fn path(out: &mut Vec<u8>, field: FieldId, row: Row<'_>, options: TextOptions) {
    match (field.field().extract)(row) {
        Value::End(socket, side) => {
            let name = socket.unix().and_then(|unix| match side {
                Side::Local => Some(&unix.name),
                Side::Peer => unix.peer.name(),
            });
            unix_name(out, name.unwrap_or(&UnixName::Unnamed), None);
        }
        _ => value(out, field, row, options, NONE),
    }
}

fn unix_name(out: &mut Vec<u8>, name: &UnixName, inode: Option<Inode>) {
    // A name that holds the mark of inodes is quoted: what is behind the quotes is the inode.
    let quote = |out: &mut Vec<u8>, name: &[u8], ambiguous: bool| {
        if ambiguous || name.contains(&b'#') {
            quoted_into(out, name);
        } else {
            quote_into(out, name);
        }
    };
    match name {
        UnixName::Path(path) => quote(out, path, looks_like_no_path(path)),
        UnixName::Abstract(name) => {
            // The mark stays outside the quotes that a name may need: inside, it is part of a path.
            out.push(b'@');
            quote(out, name, false);
        }
        UnixName::Unnamed => return unnamed(out, inode),
    }
    if inode.is_some() {
        unnamed(out, inode);
    }
}

/// A unix socket without a name goes by its inode.
fn unnamed(out: &mut Vec<u8>, inode: Option<Inode>) {
    match inode {
        Some(inode) => {
            out.push(b'#');
            number(out, inode.0.get());
        }
        None => out.extend_from_slice(UNKNOWN),
    }
}

fn host(out: &mut Vec<u8>, ip: IpAddr, family: Family, names: &dyn Names, options: TextOptions) {
    if options.resolve
        && !ip.is_unspecified()
        && let Some(name) = names.host(ip)
    {
        quote_into(out, &name);
        return;
    }
    number_of_host(out, ip, family);
}

/// An address of a socket of this family as a number.
pub(super) fn number_of_host(out: &mut Vec<u8>, ip: IpAddr, family: Family) {
    match ip {
        IpAddr::V6(v6) if family == Family::Inet6 => match v6.to_ipv4_mapped() {
            // What people know is the IPv4 address; that an IPv6 socket has it, the family tells.
            Some(carried) => address(out, carried.into()),
            None => {
                out.push(b'[');
                address(out, ip);
                out.push(b']');
            }
        },
        _ => address(out, ip),
    }
}

#[inline(always)]
fn port(
    out: &mut Vec<u8>,
    protocol: Protocol,
    port: Port,
    names: &dyn Names,
    options: TextOptions,
) {
    if port.0 == 0 {
        out.push(b'*');
    } else if !options.numeric
        && let Some(name) = names.service(protocol, port)
    {
        quote_into(out, &name);
    } else {
        number(out, port.0.into());
    }
}

/// A number that can be negative.
pub(super) fn signed(out: &mut Vec<u8>, n: i64) {
    if n < 0 {
        out.push(b'-');
    }
    number(out, n.unsigned_abs());
}

/// The words of the bits that are set, and bits without a word as a number; `none` if none is set.
pub(super) fn words(out: &mut Vec<u8>, bits: u64, names: &[&str]) {
    let mut unnamed = bits;
    let mut first = true;
    for (n, name) in names.iter().enumerate() {
        if bits >> n & 1 == 1 {
            unnamed &= !(1 << n);
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(name.as_bytes());
        }
    }
    if unnamed != 0 {
        if !first {
            out.push(b',');
        }
        hex(out, unnamed);
    } else if first {
        out.extend_from_slice(b"none");
    }
}

/// A running timer as `kind,time left,retransmissions`.
fn timer(out: &mut Vec<u8>, timer: Timer) {
    out.extend_from_slice(timer.kind.word().as_bytes());
    out.push(b',');
    duration(out, timer.expires_ms);
    out.push(b',');
    number(out, timer.retransmits.into());
}

/// Milliseconds as a person reads them where no heading says that they are a time: `0ms`, `250ms`, `9.37s`, `58s`, `4m10s`, `2h5m`.
pub(super) fn duration(out: &mut Vec<u8>, ms: u32) {
    match ms {
        0 => out.extend_from_slice(b"0ms"),
        _ => units::milliseconds(out, ms.into()),
    }
}

/// `name[pid] fd 3,4`; with the thread as `name[pid/tid]` where it is in that thread's own table.
fn process(out: &mut Vec<u8>, holder: &Holder<'_>, refs: &References) {
    match &holder.process.name {
        Some(name) => quote_into(out, name),
        None => out.extend_from_slice(UNKNOWN),
    }
    out.push(b'[');
    number(out, holder.process.pid.0.into());
    if let Some(thread) = holder.thread {
        out.push(b'/');
        number(out, thread.0.into());
    }
    out.push(b']');
    out.extend_from_slice(if refs.fds.is_empty() { b" " } else { b" fd " });
    descriptors(out, refs);
}

/// `812: nginx[812],worker[813]`: the process, and its threads whose descriptor table has the socket.
fn threads(out: &mut Vec<u8>, holder: &Holder<'_>, names: &dyn Names) {
    number(out, holder.process.pid.0.into());
    out.extend_from_slice(b": ");
    match names.threads(holder.process.pid, holder.lives_as()) {
        Some(threads) => {
            for (n, thread) in threads.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                match &thread.name {
                    Some(name) => quote_into(out, name),
                    None => out.extend_from_slice(UNKNOWN),
                }
                out.push(b'[');
                number(out, thread.tid.0.into());
                out.push(b']');
            }
        }
        None => out.extend_from_slice(UNKNOWN),
    }
}

/// `3,4`, and `slot 0 of fd 5` for a file that is registered with an io_uring.
fn descriptors(out: &mut Vec<u8>, refs: &References) {
    for (n, &fd) in refs.fds.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        number(out, fd.into());
    }
    for (n, &(fd, slot)) in refs.slots.iter().enumerate() {
        if n > 0 || !refs.fds.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(b"slot ");
        number(out, slot.into());
        out.extend_from_slice(b" of fd ");
        number(out, fd.into());
    }
}

fn each_owner(
    out: &mut Vec<u8>,
    owners: Owners<'_>,
    row: Row<'_>,
    write: impl Fn(&mut Vec<u8>, &Holder<'_>, &References),
) {
    match owners {
        Owners::Known(holders) => list(out, holders, write),
        Owners::None { reason, via, more } => {
            out.push(b'(');
            out.extend_from_slice(explain(reason).as_bytes());
            if via.clone().next().is_some() {
                out.extend_from_slice(b": ");
                // In every column with the name: these are not the holders.
                list(out, via, process);
                if more > 0 {
                    out.extend_from_slice(b", and ");
                    number(out, more);
                    out.extend_from_slice(b" more");
                }
            }
            out.push(b')');
        }
        Owners::Hidden if row.context.owners.is_some_and(|table| table.report().saved) => {
            out.extend_from_slice(b"(not in the dump)");
        }
        Owners::Hidden => {
            out.extend_from_slice(b"(hidden");
            if let Some(uid) = row.socket.uid {
                out.extend_from_slice(b", user ");
                match row.context.names.user(uid) {
                    Some(name) => escape_into(out, &name),
                    None => number(out, uid.0.into()),
                }
            }
            out.push(b')');
        }
        Owners::NotAsked => out.extend_from_slice(UNKNOWN),
    }
}

/// Every process once, whichever of its threads' tables hold the socket.
fn pids(out: &mut Vec<u8>, holders: Holders<'_>) {
    let mut last = None;
    for holder in holders {
        let pid = holder.process.pid;
        if last == Some(pid) {
            continue;
        }
        if last.replace(pid).is_some() {
            out.extend_from_slice(b", ");
        }
        number(out, pid.0.into());
    }
}

fn list(
    out: &mut Vec<u8>,
    holders: Holders<'_>,
    write: impl Fn(&mut Vec<u8>, &Holder<'_>, &References),
) {
    let mut first = true;
    by_process(holders, |holder, refs| {
        if !std::mem::take(&mut first) {
            out.extend_from_slice(b", ");
        }
        write(out, holder, refs);
    });
}

/// How one descriptor table refers to a socket.
#[derive(Default)]
pub(super) struct References {
    /// By descriptors.
    pub(super) fds: Vec<u32>,
    /// By places in io_urings: the ring's descriptor, and the slot.
    pub(super) slots: Vec<(u32, u32)>,
}

/// Calls `each` once per process (and thread table) with all its references.
pub(super) fn by_process<'a>(
    holders: impl Iterator<Item = Holder<'a>>,
    mut each: impl FnMut(&Holder<'a>, &References),
) {
    let mut current: Option<Holder<'a>> = None;
    let mut refs = References::default();
    for holder in holders {
        match &current {
            Some(same)
                if same.process.pid == holder.process.pid && same.thread == holder.thread => {}
            _ => {
                if let Some(done) = current.replace(holder) {
                    each(&done, &refs);
                }
                refs.fds.clear();
                refs.slots.clear();
            }
        }
        match holder.slot {
            None => refs.fds.push(holder.fd),
            Some(slot) => refs.slots.push((holder.fd, slot)),
        }
    }
    if let Some(last) = current {
        each(&last, &refs);
    }
}

/// The words of the table for a socket that no process has.
const fn explain(reason: NoOwner) -> &'static str {
    match reason {
        NoOwner::TimeWait => "time-wait",
        NoOwner::Orphan => "orphan",
        NoOwner::AcceptQueue => "in accept queue",
        NoOwner::HalfOpen => "half-open",
        NoOwner::Kernel => "kernel",
        NoOwner::InTransit => "in transit, it seems",
        NoOwner::IoUring => "io_uring",
        NoOwner::Closed => "closed meanwhile",
        NoOwner::Other => "no process seen",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_at_a_glance() {
        for (ms, expected) in [
            (0, "0ms"),
            (250, "250ms"),
            (9_373, "9.37s"),
            (58_000, "58s"),
            (250_000, "4m10s"),
            (7_500_000, "2h5m"),
        ] {
            let mut out = Vec::new();
            duration(&mut out, ms);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
