//! The list as JSON: one document, or one object a line. `portctl schema ls` prints its schema.
//!
//! These shapes are the contract and are their own types: renaming a field of the model must not rename a key. Keys may be added;
//! removing or renaming one, or changing what it means, raises the version.

use super::escape::{escape, is_deceptive};
use super::{Closing, List, Opening, json_socket};
use crate::model::{NetNs, Notice, Row};
use serde::Serialize;
use std::io::{self, Write};

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

/// [`SCHEMA`] as the first member of a line.
const LINE_SCHEMA: &str = "\"schema\":{\"name\":\"portctl.ls\",\"version\":1},";

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
        write_value(buffer, &opening.captured_at.map(timestamp))?;
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
        json_socket::write(&mut self.buffer, row, "");
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
        json_socket::write(&mut self.buffer, row, LINE_SCHEMA);
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

#[cfg(test)]
mod tests {
    use super::*;

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
