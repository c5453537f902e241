//! The list as JSON: one document, or one object a line. `portctl schema ls` prints its schema.
//!
//! These shapes are the contract and are their own types: renaming a field of the model must not rename a key. Keys may be added;
//! removing or renaming one, or changing what it means, raises the version.

use super::address::AddressText;
use super::escape::{escape, is_deceptive};
use super::text::by_process;
use super::{Closing, List, Opening};
use crate::model::{
    Ends, IfIndex, Names, NetNs, Notice, Owners, Port, Protocol, Queues, Row, Side, Socket, Timer,
    Uid, UnixEnds, UnixName, UnixPeer,
};
use serde::{Serialize, Serializer};
use std::io::{self, Write};
use std::net::IpAddr;

/// Bytes that are gathered before they are written.
const BUFFER_LEN: usize = 64 * 1024;

/// Name and version of a schema.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Schema {
    pub(super) name: &'static str,
    pub(super) version: u32,
}

const SCHEMA: Schema = Schema {
    name: "portctl.ls",
    version: 1,
};

/// Writes one document.
#[derive(Debug)]
pub struct JsonList<W> {
    out: W,
    buffer: Vec<u8>,
    first: bool,
}

impl<W: Write> JsonList<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(BUFFER_LEN + 4096),
            first: true,
        }
    }
}

impl<W: Write> List for JsonList<W> {
    fn open(&mut self, opening: &Opening) -> io::Result<()> {
        let buffer = &mut self.buffer;
        buffer.extend_from_slice(b"{\"schema\":");
        write_value(buffer, &SCHEMA)?;
        buffer.extend_from_slice(b",\"captured_at\":");
        write_value(buffer, &timestamp(opening.captured_at))?;
        buffer.extend_from_slice(b",\"netns\":");
        write_value(buffer, &NetNsJson::new(&opening.netns))?;
        // Rows stream, and whether they are complete is known after them.
        buffer.extend_from_slice(b",\"sockets\":[");
        Ok(())
    }

    fn row(&mut self, row: Row<'_>) -> io::Result<()> {
        if !std::mem::take(&mut self.first) {
            self.buffer.push(b',');
        }
        self.buffer.push(b'\n');
        write_value(&mut self.buffer, &SocketJson::new(row, None))?;
        flush_if_full(&mut self.out, &mut self.buffer)
    }

    fn close(&mut self, closing: &Closing) -> io::Result<Vec<Notice>> {
        let buffer = &mut self.buffer;
        buffer.extend_from_slice(b"\n],\"tables\":");
        write_value(buffer, &TableJson::all(closing))?;
        buffer.extend_from_slice(b",\"notices\":");
        write_value(buffer, &NoticeJson::all(&closing.notices))?;
        buffer.extend_from_slice(b",\"complete\":");
        write_value(buffer, &closing.is_complete())?;
        buffer.extend_from_slice(b"}\n");
        self.out.write_all(buffer)?;
        self.out.flush()?;
        Ok(Vec::new())
    }
}

/// Writes one object a line, each with the schema.
#[derive(Debug)]
pub struct NdjsonList<W> {
    out: W,
    buffer: Vec<u8>,
}

impl<W: Write> NdjsonList<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(BUFFER_LEN + 4096),
        }
    }
}

impl<W: Write> List for NdjsonList<W> {
    fn open(&mut self, _: &Opening) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: Row<'_>) -> io::Result<()> {
        write_value(&mut self.buffer, &SocketJson::new(row, Some(SCHEMA)))?;
        self.buffer.push(b'\n');
        flush_if_full(&mut self.out, &mut self.buffer)
    }

    fn close(&mut self, _: &Closing) -> io::Result<Vec<Notice>> {
        self.out.write_all(&self.buffer)?;
        self.out.flush()?;
        Ok(Vec::new())
    }
}

fn flush_if_full(out: &mut impl Write, buffer: &mut Vec<u8>) -> io::Result<()> {
    if buffer.len() >= BUFFER_LEN {
        out.write_all(buffer)?;
        buffer.clear();
    }
    Ok(())
}

/// Appends a value as JSON. Invisible and direction-changing characters are escaped too: a terminal may be what reads this.
pub(super) fn write_value(buffer: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(buffer, Visible);
    Ok(value.serialize(&mut serializer)?)
}

/// Compact JSON whose strings hold nothing that a terminal would act on.
struct Visible;

impl serde_json::ser::Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return writer.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            if is_deceptive(c) {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            } else {
                writer.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Ok(())
    }
}

/// RFC 3339 in UTC with microseconds.
pub(super) fn timestamp(at: std::time::SystemTime) -> String {
    jiff::Timestamp::try_from(at).map_or_else(
        |_| "1970-01-01T00:00:00.000000Z".to_owned(),
        |at| format!("{at:.6}"),
    )
}

/// A string from outside: itself if it is UTF-8, escaped if it is not.
pub(super) fn outside_string(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| escape(bytes), str::to_owned)
}

/// Bytes that are no UTF-8 string, in hexadecimal, so that nothing is lost.
fn hex_if_lossy(bytes: &[u8]) -> Option<String> {
    use std::fmt::Write as _;
    std::str::from_utf8(bytes).is_err().then(|| {
        bytes.iter().fold(String::new(), |mut text, b| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{b:02x}");
            text
        })
    })
}

#[derive(Serialize)]
pub(super) struct NetNsJson {
    inode: Option<u64>,
    name: Option<String>,
}

impl NetNsJson {
    pub(super) fn new(netns: &NetNs) -> Self {
        Self {
            inode: netns.inode,
            name: netns.name.as_deref().map(outside_string),
        }
    }
}

#[derive(Serialize)]
pub(super) struct TableJson {
    protocol: &'static str,
    family: &'static str,
    source: &'static str,
    records: u64,
    skipped: u64,
}

impl TableJson {
    pub(super) fn all(closing: &Closing) -> Vec<Self> {
        closing
            .tables
            .iter()
            .map(|report| Self {
                protocol: report.table.protocol.word(),
                family: report.table.family.word(),
                source: report.source.word(),
                records: report.records,
                skipped: report.skipped,
            })
            .collect()
    }
}

#[derive(Serialize)]
pub(super) struct NoticeJson {
    kind: &'static str,
    count: Option<u64>,
    message: String,
}

impl NoticeJson {
    pub(super) fn all(notices: &[Notice]) -> Vec<Self> {
        notices
            .iter()
            .map(|notice| Self {
                kind: notice.kind(),
                count: notice.count(),
                message: notice.to_string(),
            })
            .collect()
    }
}

#[derive(Serialize)]
struct SocketJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Schema>,
    protocol: &'static str,
    family: &'static str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    state: &'static str,
    local: EndJson<'a>,
    peer: Option<EndJson<'a>>,
    recv_queue: Option<u32>,
    send_queue: Option<u32>,
    accept_queue: Option<AcceptQueueJson>,
    uid: Option<u32>,
    user: Option<Text<'a>>,
    inode: Option<u64>,
    cookie: Option<Hex>,
    owners: OwnersJson<'a>,
    timer: Option<TimerJson>,
    mark: Option<u32>,
    cgroup: Option<CgroupJson>,
    v6only: Option<bool>,
    shutdown: Option<&'static str>,
    // Their places in the contract; details are not collected yet.
    tcp: Option<()>,
    memory: Option<()>,
}

impl<'a> SocketJson<'a> {
    fn new(row: Row<'a>, schema: Option<Schema>) -> Self {
        let socket = row.socket;
        let names = row.context.names;
        let (recv_queue, send_queue, accept_queue) = match socket.queues {
            Queues::Bytes { recv, send } => (Some(recv), Some(send), None),
            Queues::Accept { length, limit } => {
                (None, None, Some(AcceptQueueJson { length, limit }))
            }
            Queues::Unknown => (None, None, None),
        };
        Self {
            schema,
            protocol: socket.protocol.word(),
            family: socket.family.word(),
            kind: socket.unix().map(|unix| unix.kind.word()),
            state: socket.state.word(socket.protocol),
            local: EndJson::local(socket, names),
            peer: EndJson::peer(socket, names),
            recv_queue,
            send_queue,
            accept_queue,
            uid: socket.uid.map(|uid| uid.0),
            user: socket.uid.and_then(|uid| user(uid, names)),
            inode: socket.inode.map(|inode| inode.0.get()),
            cookie: socket.cookie.map(|cookie| Hex(cookie.0.get())),
            owners: OwnersJson {
                owners: row.owners(),
                names,
            },
            timer: socket.timer.map(TimerJson::new),
            mark: socket.mark.map(|mark| mark.0),
            cgroup: socket.cgroup.map(|cgroup| CgroupJson {
                id: Hex(cgroup.0.get()),
                path: None,
            }),
            v6only: socket.v6only,
            shutdown: socket.shutdown.map(crate::model::Shutdown::word),
            tcp: None,
            memory: None,
        }
    }
}

fn user<'a>(uid: Uid, names: &dyn Names) -> Option<Text<'a>> {
    names.user(uid).map(Text::Shared)
}

/// A string from outside, borrowed or looked up.
enum Text<'a> {
    Borrowed(&'a [u8]),
    Shared(std::rc::Rc<[u8]>),
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = match self {
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => &**bytes,
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.serialize_str(&escape(bytes)),
        }
    }
}

/// A 64-bit identity: JSON numbers are not exact at this size in many readers.
struct Hex(u64);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; 18];
        let mut start = text.len();
        let mut rest = self.0;
        loop {
            let digit = (rest & 15) as u32;
            rest >>= 4;
            start -= 1;
            if let Some(slot) = text.get_mut(start) {
                *slot = char::from_digit(digit, 16).map_or(b'0', |c| c as u8);
            }
            if rest == 0 {
                break;
            }
        }
        for b in [b'x', b'0'] {
            start -= 1;
            if let Some(slot) = text.get_mut(start) {
                *slot = b;
            }
        }
        let text = text.get(start..).unwrap_or_default();
        serializer.serialize_str(std::str::from_utf8(text).unwrap_or_default())
    }
}

#[derive(Serialize)]
struct CgroupJson {
    id: Hex,
    // Its place in the contract; ids are not resolved yet.
    path: Option<()>,
}

#[derive(Serialize)]
struct AcceptQueueJson {
    length: u32,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct TimerJson {
    kind: &'static str,
    expires_ms: u32,
    retransmits: u8,
}

impl TimerJson {
    const fn new(timer: Timer) -> Self {
        Self {
            kind: timer.kind.word(),
            expires_ms: timer.expires_ms,
            retransmits: timer.retransmits,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum EndJson<'a> {
    Local {
        address: AddressJson,
        port: u16,
        service: Option<Text<'a>>,
        interface: Option<Text<'a>>,
    },
    Peer {
        address: AddressJson,
        port: u16,
        service: Option<Text<'a>>,
    },
    Unix {
        path: Option<Text<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        path_hex: Option<String>,
        r#abstract: Option<Text<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        abstract_hex: Option<String>,
        inode: Option<u64>,
    },
}

impl<'a> EndJson<'a> {
    fn local(socket: &'a Socket, names: &dyn Names) -> Self {
        match &socket.ends {
            Ends::Inet(ends) => Self::Local {
                address: AddressJson(ends.local),
                port: ends.local_port.0,
                service: service(socket.protocol, ends.local_port, names),
                interface: ends.interface.map(|index| interface(index, names)),
            },
            Ends::Unix(ends) => Self::unix(ends, Side::Local, socket),
        }
    }

    fn peer(socket: &'a Socket, names: &dyn Names) -> Option<Self> {
        match &socket.ends {
            Ends::Inet(ends) => ends.has_peer().then(|| Self::Peer {
                address: AddressJson(ends.peer),
                port: ends.peer_port.0,
                service: service(socket.protocol, ends.peer_port, names),
            }),
            Ends::Unix(ends) => {
                (ends.peer != UnixPeer::None).then(|| Self::unix(ends, Side::Peer, socket))
            }
        }
    }

    fn unix(ends: &'a UnixEnds, side: Side, socket: &Socket) -> Self {
        let (path, name) = match (side, &ends.name) {
            (Side::Local, UnixName::Path(path)) => (Some(&**path), None),
            (Side::Local, UnixName::Abstract(name)) => (None, Some(&**name)),
            _ => (None, None),
        };
        let inode = match (side, ends.peer) {
            (Side::Local, _) => socket.inode,
            (Side::Peer, UnixPeer::Inode(inode)) => Some(inode),
            (Side::Peer, UnixPeer::None | UnixPeer::Unknown) => None,
        };
        Self::Unix {
            path: path.map(Text::Borrowed),
            path_hex: path.and_then(hex_if_lossy),
            r#abstract: name.map(Text::Borrowed),
            abstract_hex: name.and_then(hex_if_lossy),
            inode: inode.map(|inode| inode.0.get()),
        }
    }
}

fn service<'a>(protocol: Protocol, port: Port, names: &dyn Names) -> Option<Text<'a>> {
    if port.0 == 0 {
        return None;
    }
    names.service(protocol, port).map(Text::Shared)
}

/// The name of an interface; one that vanished is told by its number, as `ss` does.
fn interface<'a>(index: IfIndex, names: &dyn Names) -> Text<'a> {
    Text::Shared(
        names
            .interface(index)
            .unwrap_or_else(|| format!("if{}", index.0).into_bytes().into()),
    )
}

struct AddressJson(IpAddr);

impl Serialize for AddressJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(AddressText::new(self.0).as_str())
    }
}

struct OwnersJson<'a> {
    owners: Owners<'a>,
    names: &'a dyn Names,
}

#[derive(Serialize)]
struct OwnersShape<'a> {
    status: &'static str,
    reason: Option<&'static str>,
    processes: &'a [ProcessJson<'a>],
}

#[derive(Serialize)]
struct ProcessJson<'a> {
    pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<u32>,
    name: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_hex: Option<String>,
    fds: Vec<u32>,
    uid: Option<u32>,
    user: Option<Text<'a>>,
    command: Option<()>,
}

impl Serialize for OwnersJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut processes = Vec::new();
        let (status, reason) = match self.owners {
            Owners::Known(holders) => {
                by_process(holders, |holder, fds| {
                    let name = holder.process.name.as_deref();
                    processes.push(ProcessJson {
                        pid: holder.process.pid.0,
                        thread: holder.thread.map(|thread| thread.0),
                        name: name.map(Text::Borrowed),
                        name_hex: name.and_then(hex_if_lossy),
                        fds: fds.to_vec(),
                        uid: holder.process.uid.map(|uid| uid.0),
                        user: holder.process.uid.and_then(|uid| user(uid, self.names)),
                        command: None,
                    });
                });
                ("known", None)
            }
            Owners::None(reason) => ("none", Some(reason.word())),
            Owners::Hidden => ("hidden", None),
            Owners::NotAsked => ("not-asked", None),
        };
        OwnersShape {
            status,
            reason,
            processes: &processes,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hexadecimal_strings() {
        for (n, expected) in [
            (0, "\"0x0\""),
            (0x1f, "\"0x1f\""),
            (u64::MAX, "\"0xffffffffffffffff\""),
        ] {
            assert_eq!(serde_json::to_string(&Hex(n)).unwrap(), expected);
        }
    }

    #[test]
    fn nothing_a_terminal_acts_on_is_written_raw() {
        let mut buffer = Vec::new();
        write_value(&mut buffer, &"a\u{9b}b\u{202e}\x1b\n\x7f é").unwrap();
        let text = String::from_utf8(buffer).unwrap();
        assert_eq!(text, "\"a\\u009bb\\u202e\\u001b\\n\\u007f é\"");
        assert_eq!(
            serde_json::from_str::<String>(&text).unwrap(),
            "a\u{9b}b\u{202e}\x1b\n\x7f é"
        );
    }

    #[test]
    fn times_are_rfc_3339_with_microseconds() {
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_micros(1_500_000);
        assert_eq!(timestamp(at), "1970-01-01T00:00:01.500000Z");
    }
}
