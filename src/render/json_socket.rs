//! One socket as a JSON object, written straight into the buffer.
//!
//! Everything else in JSON goes through serde_json; this object is written for every row, and there serde_json spends 12 000 instructions
//! where this spends a quarter of that, because it escapes every key and word anew. Tests read the objects back and
//! hold them to the schema.

use super::address;
use super::escape::{escape, is_deceptive};
use super::pieces;
use super::text::{References, by_process};
use super::{json_details, json_ends, json_own};
use crate::model::{
    BpfStorage, CgroupPath, Context, Ends, Exposure, FieldId, Holder, Holders, IfIndex, Inode,
    Names, OwnerTable, Owners, Port, PortRange, Protocol, Queues, Row, Socket, Uid, UnixEnds,
    UnixName, UnixPeer, Value, hexadecimal,
};
use std::io::Write;
use std::net::IpAddr;

/// Appends the object; `schema`, if not empty, is its first member.
pub(super) fn write(out: &mut Vec<u8>, row: Row<'_>, schema: &str) {
    let socket = row.socket;
    let names = row.context.names;
    out.extend_from_slice(b"{");
    out.extend_from_slice(schema.as_bytes());
    word(out, "\"protocol\":", socket.protocol.word());
    word(out, ",\"family\":", socket.family.word());
    if let Some(kind) = socket.ends.kind() {
        word(out, ",\"type\":", kind.word());
    }
    word(out, ",\"state\":", socket.state.word(socket.protocol));
    match &socket.ends {
        Ends::Inet(ends) => {
            literal(out, ",\"local\":");
            address(out, ends.local);
            port(out, socket.protocol, ends.local_port, names);
            literal(out, ",\"interface\":");
            match ends.interface {
                Some(index) => interface(out, index, names),
                None => literal(out, "null"),
            }
            literal(out, "},\"peer\":");
            if ends.has_peer() {
                address(out, ends.peer);
                port(out, socket.protocol, ends.peer_port, names);
                literal(out, "}");
            } else {
                literal(out, "null");
            }
        }
        Ends::Unix(ends) => unix_ends(out, ends, row),
        ends => json_ends::write(out, ends, names),
    }
    match socket.queues {
        Queues::Bytes { recv, send } => {
            number(out, ",\"recv_queue\":", recv.into());
            number(out, ",\"send_queue\":", send.into());
            literal(out, ",\"accept_queue\":null");
        }
        Queues::Accept { length, limit } => {
            literal(out, ",\"recv_queue\":null,\"send_queue\":null");
            number(out, ",\"accept_queue\":{\"length\":", length.into());
            maybe_number(out, ",\"limit\":", limit.map(u64::from));
            literal(out, "}");
        }
        Queues::Received(recv) => {
            number(out, ",\"recv_queue\":", recv.into());
            literal(out, ",\"send_queue\":null,\"accept_queue\":null");
        }
        Queues::Messages { .. } | Queues::Unknown => literal(
            out,
            ",\"recv_queue\":null,\"send_queue\":null,\"accept_queue\":null",
        ),
    }
    maybe_number(out, ",\"uid\":", socket.uid.map(|uid| uid.0.into()));
    user(out, socket.uid, names);
    maybe_number(out, ",\"inode\":", socket.inode.map(|i| i.0.get()));
    hex(out, ",\"cookie\":", socket.cookie.map(|c| c.0.get()));
    literal(out, ",\"owners\":");
    owners(out, row.owners(), row.context);
    match socket.timer {
        Some(timer) => {
            word(out, ",\"timer\":{\"kind\":", timer.kind.word());
            number(out, ",\"expires_ms\":", timer.expires_ms.into());
            number(out, ",\"retransmits\":", timer.retransmits.into());
            literal(out, "}");
        }
        None => literal(out, ",\"timer\":null"),
    }
    maybe_number(out, ",\"mark\":", socket.mark.map(|mark| mark.0.into()));
    match socket.cgroup {
        Some(cgroup) => {
            hex(out, ",\"cgroup\":{\"id\":", Some(cgroup.0.get()));
            cgroup_path(out, names.cgroup(cgroup));
        }
        None => literal(out, ",\"cgroup\":null"),
    }
    literal(
        out,
        match socket.v6only {
            Some(true) => ",\"v6only\":true",
            Some(false) => ",\"v6only\":false",
            None => ",\"v6only\":null",
        },
    );
    match socket.shutdown {
        Some(shutdown) => word(out, ",\"shutdown\":", shutdown.word()),
        None => literal(out, ",\"shutdown\":null"),
    }
    exposure(out, socket, names);
    json_details::write(out, socket.details());
    if json_own::has(socket.protocol) {
        json_own::write(out, row);
    }
    // For --bpf-maps only, and where the kernel tells it.
    if let Some(storages) = socket.details().and_then(|d| d.bpf_storage.as_deref()) {
        bpf_storage(out, storages, names);
    }
    // For -z only, and for whom it could be read.
    if let Some(context) = socket_context(row) {
        literal(out, ",\"context\":");
        string(out, &context);
    }
    literal(out, "}");
}

#[cold]
fn bpf_storage(out: &mut Vec<u8>, storages: &[BpfStorage], names: &dyn Names) {
    literal(out, ",\"bpf_storage\":[");
    for (n, storage) in storages.iter().enumerate() {
        let key = if n == 0 {
            "{\"map_id\":"
        } else {
            ",{\"map_id\":"
        };
        number(out, key, storage.map.into());
        literal(out, ",\"map_name\":");
        match names.bpf_map(storage.map) {
            Some(name) => string(out, &name),
            None => literal(out, "null"),
        }
        number(out, ",\"value_size\":", storage.value.len() as u64);
        literal(out, ",\"value\":\"");
        hexadecimal(out, &storage.value);
        literal(out, "\"}");
    }
    literal(out, "]");
}

#[inline]
pub(super) fn literal(out: &mut Vec<u8>, text: &'static str) {
    out.extend_from_slice(text.as_bytes());
}

/// A word of ours, which needs no escaping.
#[inline]
pub(super) fn word(out: &mut Vec<u8>, key: &'static str, word: &'static str) {
    literal(out, key);
    literal(out, "\"");
    literal(out, word);
    literal(out, "\"");
}

#[inline]
pub(super) fn number(out: &mut Vec<u8>, key: &'static str, n: u64) {
    literal(out, key);
    pieces::decimal(out, n);
}

/// Appends `true`, `false`, or `null` for what is unknown.
pub(super) fn maybe_flag(out: &mut Vec<u8>, key: &'static str, flag: Option<bool>) {
    literal(out, key);
    literal(
        out,
        match flag {
            Some(true) => "true",
            Some(false) => "false",
            None => "null",
        },
    );
}

#[inline]
pub(super) fn maybe_number(out: &mut Vec<u8>, key: &'static str, n: Option<u64>) {
    match n {
        Some(n) => number(out, key, n),
        None => {
            literal(out, key);
            literal(out, "null");
        }
    }
}

/// A 64-bit identity: JSON numbers are not exact at this size in many readers.
pub(super) fn hex(out: &mut Vec<u8>, key: &'static str, n: Option<u64>) {
    literal(out, key);
    match n {
        Some(n) => {
            literal(out, "\"");
            pieces::hex(out, n);
            literal(out, "\"");
        }
        None => literal(out, "null"),
    }
}

fn address(out: &mut Vec<u8>, ip: IpAddr) {
    literal(out, "{\"address\":\"");
    address::address(out, ip);
    literal(out, "\"");
    if let IpAddr::V6(v6) = ip
        && let Some(carried) = v6.to_ipv4_mapped()
    {
        literal(out, ",\"ipv4\":\"");
        address::address(out, carried.into());
        literal(out, "\"");
    }
}

fn port(out: &mut Vec<u8>, protocol: Protocol, port: Port, names: &dyn Names) {
    number(out, ",\"port\":", port.0.into());
    literal(out, ",\"service\":");
    match names.service(protocol, port).filter(|_| port.0 != 0) {
        Some(name) => string(out, &name),
        None => literal(out, "null"),
    }
}

/// The name of an interface; one that vanished is told by its number, as `ss` does.
pub(super) fn interface(out: &mut Vec<u8>, index: IfIndex, names: &dyn Names) {
    match names.interface(index) {
        Some(name) => string(out, &name),
        None => {
            // Writing to a Vec cannot fail.
            let _ = write!(out, "\"if{}\"", index.0);
        }
    }
}

/// From where a listener can be reached, and what its port is.
fn exposure(out: &mut Vec<u8>, socket: &Socket, names: &dyn Names) {
    let (Some(reach), Some(ends)) = (Exposure::of(socket), socket.inet()) else {
        return literal(out, ",\"exposure\":null");
    };
    let port = ends.local_port;
    match reach {
        Some(reach) => word(out, ",\"exposure\":{\"reach\":", reach.word()),
        None => literal(out, ",\"exposure\":{\"reach\":null"),
    }
    word(out, ",\"port_range\":", PortRange::of(port).word());
    let ephemeral = names.ephemeral_ports();
    maybe_flag(
        out,
        ",\"ephemeral\":",
        ephemeral.map(|range| range.contains(&port.0)),
    );
    let first = names.first_unprivileged_port();
    maybe_flag(
        out,
        ",\"privileged\":",
        first.map(|first| u32::from(port.0) < first),
    );
    literal(out, "}");
}

fn unix_ends(out: &mut Vec<u8>, ends: &UnixEnds, row: Row<'_>) {
    literal(out, ",\"local\":");
    unix_end(out, Some(&ends.name), row.socket.inode);
    literal(out, "},\"peer\":");
    if ends.peer == UnixPeer::None {
        return literal(out, "null");
    }
    let inode = ends.peer.inode();
    unix_end(out, ends.peer.name(), inode);
    let theirs = match (&ends.peer, inode) {
        (_, Some(inode)) => Some(row.owners_of(inode)),
        (UnixPeer::Waiting(_), None) => {
            let table = row.context.owners;
            Some(table.map_or(Owners::NotAsked, OwnerTable::of_unaccepted))
        }
        _ => None,
    };
    if let Some(theirs) = theirs {
        literal(out, ",\"owners\":");
        owners(out, theirs, row.context);
    }
    literal(out, "}");
}

/// One end, without the closing brace.
fn unix_end(out: &mut Vec<u8>, name: Option<&UnixName>, inode: Option<Inode>) {
    let (path, abstract_name) = match name {
        Some(UnixName::Path(path)) => (Some(&**path), None),
        Some(UnixName::Abstract(name)) => (None, Some(&**name)),
        Some(UnixName::Unnamed) | None => (None, None),
    };
    literal(out, "{\"path\":");
    maybe_string(out, path);
    hex_if_lossy(out, ",\"path_hex\":", path);
    literal(out, ",\"abstract\":");
    maybe_string(out, abstract_name);
    hex_if_lossy(out, ",\"abstract_hex\":", abstract_name);
    maybe_number(out, ",\"inode\":", inode.map(|i| i.0.get()));
}

fn user(out: &mut Vec<u8>, uid: Option<Uid>, names: &dyn Names) {
    literal(out, ",\"user\":");
    match uid.and_then(|uid| names.user(uid)) {
        Some(name) => string(out, &name),
        None => literal(out, "null"),
    }
}

fn owners(out: &mut Vec<u8>, owners: Owners<'_>, context: Context<'_>) {
    let names = context.names;
    let is_saved = context.owners.is_some_and(|table| table.report().saved);
    literal(out, "{\"status\":");
    match owners {
        Owners::Known(holders) => {
            literal(out, "\"known\",\"reason\":null,\"processes\":[");
            processes(out, holders, names);
            literal(out, "]}");
        }
        Owners::None { reason, via, more } => {
            word(out, "\"none\",\"reason\":", reason.word());
            literal(out, ",\"processes\":[]");
            if via.clone().next().is_some() {
                literal(out, ",\"via\":[");
                processes(out, via, names);
                literal(out, "]");
            }
            if more > 0 {
                number(out, ",\"via_more\":", more);
            }
            literal(out, "}");
        }
        Owners::Hidden if is_saved => {
            literal(out, "\"source\",\"reason\":null,\"processes\":[]}");
        }
        Owners::Hidden => literal(out, "\"hidden\",\"reason\":null,\"processes\":[]}"),
        Owners::NotAsked => literal(out, "\"not-asked\",\"reason\":null,\"processes\":[]}"),
    }
}

fn processes(out: &mut Vec<u8>, holders: Holders<'_>, names: &dyn Names) {
    let mut first = true;
    by_process(holders, |holder, refs| {
        if !std::mem::take(&mut first) {
            literal(out, ",");
        }
        process(out, holder, refs, names);
    });
}

fn process(out: &mut Vec<u8>, holder: &Holder<'_>, refs: &References, names: &dyn Names) {
    number(out, "{\"pid\":", holder.process.pid.0.into());
    if let Some(thread) = holder.thread {
        number(out, ",\"thread\":", thread.0.into());
    }
    let name = holder.process.name.as_deref();
    literal(out, ",\"name\":");
    maybe_string(out, name);
    hex_if_lossy(out, ",\"name_hex\":", name);
    literal(out, ",\"fds\":[");
    for (n, &fd) in refs.fds.iter().enumerate() {
        number(out, if n == 0 { "" } else { "," }, fd.into());
    }
    literal(out, "]");
    for (n, &(fd, slot)) in refs.slots.iter().enumerate() {
        literal(out, if n == 0 { ",\"io_uring\":[" } else { "," });
        number(out, "{\"fd\":", fd.into());
        number(out, ",\"slot\":", slot.into());
        literal(out, "}");
    }
    if !refs.slots.is_empty() {
        literal(out, "]");
    }
    maybe_number(out, ",\"uid\":", holder.process.uid.map(|uid| uid.0.into()));
    user(out, holder.process.uid, names);
    if let Some(threads) = names.threads(holder.process.pid, holder.lives_as()) {
        literal(out, ",\"threads\":[");
        for (n, thread) in threads.iter().enumerate() {
            literal(out, if n == 0 { "" } else { "," });
            number(out, "{\"tid\":", thread.tid.0.into());
            literal(out, ",\"name\":");
            maybe_string(out, thread.name.as_deref());
            literal(out, "}");
        }
        literal(out, "]");
    }
    if let Some(context) = names.context(holder.process.pid) {
        literal(out, ",\"context\":");
        string(out, &context);
    }
    command(out, holder, names);
    literal(out, "}");
}

/// The arguments of a process; null if nobody asked, or it is gone.
fn command(out: &mut Vec<u8>, holder: &Holder<'_>, names: &dyn Names) {
    let Some(arguments) = names.command(holder.lives_as()) else {
        return literal(out, ",\"command\":null");
    };
    literal(out, ",\"command\":[");
    for (n, argument) in arguments.iter().enumerate() {
        literal(out, if n == 0 { "" } else { "," });
        string(out, argument);
    }
    literal(out, "]");
}

/// The context of a socket, if contexts were asked for and it could be read.
fn socket_context(row: Row<'_>) -> Option<std::rc::Rc<[u8]>> {
    if !row.context.names.has_socket_contexts() {
        return None;
    }
    match (FieldId::SocketContext.field().extract)(row) {
        Value::Name(context) => Some(context),
        _ => None,
    }
}

fn maybe_string(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => string(out, bytes),
        None => literal(out, "null"),
    }
}

/// The place of a control group. One that is gone has no path any more, which is known; `null` is unknown.
fn cgroup_path(out: &mut Vec<u8>, path: CgroupPath) {
    match path {
        CgroupPath::Known(path) => {
            literal(out, ",\"path\":");
            string(out, &path);
            literal(out, ",\"gone\":false}");
        }
        CgroupPath::Gone => literal(out, ",\"path\":null,\"gone\":true}"),
        CgroupPath::Hidden | CgroupPath::Elsewhere | CgroupPath::NotAsked => {
            literal(out, ",\"path\":null,\"gone\":null}");
        }
    }
}

/// A string from outside, with its quotes.
pub(super) fn bytes_as_string(out: &mut Vec<u8>, bytes: &[u8]) {
    string(out, bytes);
}

/// A string from outside: itself if it is UTF-8, with portctl's escapes if it is not. Characters that a terminal would act on are written
/// as `\u` escapes, which mean the same to a reader of JSON.
fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    literal(out, "\"");
    if bytes
        .iter()
        .all(|b| matches!(b, 0x20..=0x7e) && !matches!(b, b'"' | b'\\'))
    {
        out.extend_from_slice(bytes);
    } else {
        match std::str::from_utf8(bytes) {
            Ok(text) => escaped(out, text),
            Err(_) => escaped(out, &escape(bytes)),
        }
    }
    literal(out, "\"");
}

fn escaped(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        match c {
            '"' => literal(out, "\\\""),
            '\\' => literal(out, "\\\\"),
            '\n' => literal(out, "\\n"),
            '\r' => literal(out, "\\r"),
            '\t' => literal(out, "\\t"),
            c if c.is_control() || is_deceptive(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a Vec cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Bytes that are no UTF-8 string, in hexadecimal as a member of its own, so that nothing is lost.
fn hex_if_lossy(out: &mut Vec<u8>, key: &'static str, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes.filter(|bytes| std::str::from_utf8(bytes).is_err()) else {
        return;
    };
    literal(out, key);
    literal(out, "\"");
    for b in bytes {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{b:02x}");
    }
    literal(out, "\"");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_a_terminal_acts_on_is_written_raw() {
        let mut out = Vec::new();
        string(&mut out, "a\u{9b}b\u{202e}\x1b\n\x7f é\"\\".as_bytes());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"a\\u009bb\\u202e\\u001b\\n\\u007f é\\\"\\\\\""
        );
    }

    proptest! {
        #[test]
        fn strings_read_back_as_they_are(text in any::<String>()) {
            let mut out = Vec::new();
            string(&mut out, text.as_bytes());
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn other_bytes_read_back_escaped(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut out = Vec::new();
            string(&mut out, &bytes);
            let read = serde_json::from_slice::<String>(&out).unwrap();
            let expected = String::from_utf8(bytes.clone()).unwrap_or_else(|_| escape(&bytes));
            prop_assert_eq!(read, expected);
        }
    }
}
