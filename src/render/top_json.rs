//! Groups of sockets as one JSON document. `portctl schema top` prints its schema.

use super::json::{
    NetNsJson, NoticeJson, Schema, TableJson, outside_string, timestamp, write_value,
};
use super::json_ends;
use super::top::interface_text;
use super::{Closing, Opening};
use crate::analysis::top::{Counts, GroupValue, Top};
use crate::model::{FieldId, Names, Unit};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

/// Bytes that are gathered before they are written.
const BUFFER_LEN: usize = 64 * 1024;

/// A group, or everything.
#[derive(Serialize)]
struct CountsJson {
    sockets: u64,
    states: BTreeMap<&'static str, u32>,
    recv_queue: Option<u64>,
    send_queue: Option<u64>,
    accept_queue: Option<u64>,
    queues_unknown: u32,
    bytes_received: Option<u64>,
    bytes_acked: Option<u64>,
    bytes_unknown: u32,
    new: Option<u32>,
    gone: Option<u32>,
    new_per_s: Option<f64>,
    gone_per_s: Option<f64>,
    bytes_received_per_s: Option<f64>,
    bytes_acked_per_s: Option<f64>,
}

impl CountsJson {
    fn new(counts: &Counts, interval: Option<Duration>) -> Self {
        let churn = interval.and_then(|_| counts.churn());
        let moved = counts.moved();
        let rate = |n: u64| interval.map(|i| round(n as f64 / i.as_secs_f64()));
        let per_second = |n: u32| interval.map(|i| round(f64::from(n) / i.as_secs_f64()));
        Self {
            sockets: counts.sockets(),
            states: counts.states().map(|(s, n)| (s.word(), n)).collect(),
            recv_queue: counts.recv_queue(),
            send_queue: counts.send_queue(),
            accept_queue: counts.accept_queue(),
            queues_unknown: counts.queues_unknown,
            bytes_received: counts.carried().map(|bytes| bytes.received),
            bytes_acked: counts.carried().map(|bytes| bytes.acked),
            bytes_unknown: counts.bytes_unknown,
            new: churn.map(|(new, _)| new),
            gone: churn.map(|(_, gone)| gone),
            new_per_s: churn.and_then(|(new, _)| per_second(new)),
            gone_per_s: churn.and_then(|(_, gone)| per_second(gone)),
            bytes_received_per_s: moved.and_then(|bytes| rate(bytes.received)),
            bytes_acked_per_s: moved.and_then(|bytes| rate(bytes.acked)),
        }
    }
}

fn round(n: f64) -> f64 {
    (n * 1000.0).round() / 1000.0
}

#[derive(Serialize)]
struct GroupJson {
    key: Map<String, Value>,
    missing: BTreeMap<&'static str, &'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    hex: BTreeMap<&'static str, String>,
    #[serde(flatten)]
    counts: CountsJson,
}

/// Writes the groups as one JSON document.
///
/// # Errors
/// If the output cannot be written.
pub fn top_json(
    out: &mut impl Write,
    opening: &Opening,
    top: &Top,
    closing: &Closing,
    names: &dyn Names,
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(BUFFER_LEN + 4096);
    let by: Vec<_> = top.fields().map(|id| id.field().name).collect();
    let schema = Schema {
        name: "portctl.top",
        version: 1,
    };
    buffer.push(b'{');
    member(&mut buffer, "schema", &schema)?;
    member(
        &mut buffer,
        "captured_at",
        &opening.captured_at.map(timestamp),
    )?;
    member(&mut buffer, "netns", &NetNsJson::new(&opening.netns))?;
    member(&mut buffer, "complete", &closing.is_complete())?;
    member(&mut buffer, "by", &by)?;
    let interval = top.interval.map(|interval| round(interval.as_secs_f64()));
    member(&mut buffer, "interval_s", &interval)?;
    member(
        &mut buffer,
        "total",
        &CountsJson::new(&top.total, top.interval),
    )?;
    member(&mut buffer, "in_several_groups", &top.shared)?;
    member(&mut buffer, "groups_not_shown", &top.more)?;
    member(&mut buffer, "tables", &TableJson::all(closing))?;
    member(&mut buffer, "notices", &NoticeJson::all(&closing.notices))?;
    buffer.extend_from_slice(b"\"groups\":[");
    for (n, group) in top.groups.iter().enumerate() {
        buffer.extend_from_slice(if n == 0 { b"\n" } else { b",\n" });
        let mut json = GroupJson {
            key: Map::new(),
            missing: BTreeMap::new(),
            hex: BTreeMap::new(),
            counts: CountsJson::new(&group.counts, top.interval),
        };
        for (id, value) in top.fields().zip(top.values(group)) {
            add(&mut json, id, value, names);
        }
        write_value(&mut buffer, &json)?;
        if buffer.len() >= BUFFER_LEN {
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    buffer.extend_from_slice(b"\n]}\n");
    out.write_all(&buffer)?;
    out.flush()
}

fn member(buffer: &mut Vec<u8>, key: &str, value: &impl Serialize) -> io::Result<()> {
    write_value(buffer, &key)?;
    buffer.push(b':');
    write_value(buffer, value)?;
    buffer.push(b',');
    Ok(())
}

fn add(json: &mut GroupJson, id: FieldId, value: GroupValue<'_>, names: &dyn Names) {
    let field = id.field().name;
    let mut bytes = None;
    let value = match value {
        GroupValue::Missing(why) => {
            json.missing.insert(field, why.word());
            Value::Null
        }
        GroupValue::Flag(flag) => flag.into(),
        GroupValue::Quantity(n, Unit::Factor) => (n as f64 / 256.0).into(),
        GroupValue::Number(n) | GroupValue::Quantity(n, _) => n.into(),
        GroupValue::Signed(n) => n.into(),
        GroupValue::Words(bits, names) => {
            let set = names.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1);
            set.map(|(_, name)| *name).collect()
        }
        // A mark is a number of 32 bits, which every reader can hold.
        GroupValue::Hex(n) if id == FieldId::Mark => n.into(),
        GroupValue::Hex(n) => format!("{n:#x}").into(),
        GroupValue::Word(word) => word.into(),
        GroupValue::Address(ip) => ip.to_string().into(),
        GroupValue::End(end) => json!({
            "address": end.address.to_string(),
            "port": end.port.0,
            "interface": end.interface.map(|index| interface_text(index, names)),
        }),
        GroupValue::Other(end) => {
            let (ends, side) = end.as_ends();
            let mut text = Vec::new();
            json_ends::end(&mut text, &ends, side, names);
            serde_json::from_slice(&text).unwrap_or_default()
        }
        GroupValue::Inode(inode) => json!({"path": null, "abstract": null, "inode": inode.0}),
        GroupValue::Name(name) => {
            bytes = Some(name);
            outside_string(name).into()
        }
        GroupValue::Path(path) => {
            bytes = Some(path);
            json!({"path": outside_string(path), "abstract": null, "inode": null})
        }
        GroupValue::Abstract(name) => {
            bytes = Some(name);
            json!({"path": null, "abstract": outside_string(name), "inode": null})
        }
    };
    if let Some(bytes) = bytes.filter(|bytes| std::str::from_utf8(bytes).is_err()) {
        let digits = bytes.iter().map(|b| format!("{b:02x}")).collect();
        json.hex.insert(field, digits);
    }
    json.key.insert(field.to_owned(), value);
}
