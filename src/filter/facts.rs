//! What single conditions say about a row, where that needs more than a look at the socket's ends.
//!
//! A fact that nobody can tell makes the condition unknown; one that is known to be nothing makes it false.

use super::glob::Glob;
use super::numbers::NumberSet;
use super::predicate::Truth;
use crate::model::{CgroupId, FieldId, Holder, IfIndex, Owners, Row, Socket, Value};

fn read(row: Row<'_>, field: FieldId) -> Value<'_> {
    (field.field().extract)(row)
}

/// What a condition says about a value that it cannot be compared with.
fn otherwise(value: &Value<'_>) -> Truth {
    if value.is_unknown() {
        Truth::Unknown
    } else {
        Truth::False
    }
}

pub(super) fn number(row: Row<'_>, field: FieldId, set: &NumberSet) -> Truth {
    match read(row, field) {
        Value::Number(n) | Value::Hex(n) => set.contains(n).into(),
        Value::Milliseconds(ms) => set.contains(ms.saturating_mul(1000)).into(),
        Value::Pids(_) => held_by(row, |h| set.contains(h.process.pid.0.into())),
        // The descriptor of an io_uring is not one of the socket.
        Value::Descriptors(_) => held_by(row, |h| h.slot.is_none() && set.contains(h.fd.into())),
        other => otherwise(&other),
    }
}

pub(super) fn word(row: Row<'_>, field: FieldId, words: &[&str]) -> Truth {
    match read(row, field) {
        Value::Word(word) => words.contains(&word).into(),
        Value::Timer(timer) => words.contains(&timer.kind.word()).into(),
        other => otherwise(&other),
    }
}

pub(super) fn flag(row: Row<'_>, field: FieldId, wanted: bool) -> Truth {
    match read(row, field) {
        Value::Flag(flag) => (flag == wanted).into(),
        other => otherwise(&other),
    }
}

pub(super) fn named(row: Row<'_>, field: FieldId, glob: &Glob) -> Truth {
    match read(row, field) {
        Value::Name(name) => glob.matches_text(&name).into(),
        other => otherwise(&other),
    }
}

pub(super) fn mark(row: Row<'_>, mark: u32, mask: u32) -> Truth {
    match read(row, FieldId::Mark) {
        Value::Hex(found) => (found & u64::from(mask) == u64::from(mark)).into(),
        other => otherwise(&other),
    }
}

pub(super) fn cgroup(socket: &Socket, id: CgroupId) -> Truth {
    match (socket.inet(), socket.cgroup) {
        // The kernel tells none of unix sockets, and nobody asks for them.
        (None, _) => Truth::False,
        (Some(_), found) => found.map_or(Truth::Unknown, |found| (found == id).into()),
    }
}

/// Whether an IP socket is bound to the interface; unix sockets are bound to none, and are not asked.
pub(super) fn interface(socket: &Socket, wanted: Option<IfIndex>) -> Truth {
    match socket.inet() {
        None => Truth::False,
        // Only netlink, which gives a cookie to every socket, tells the interface.
        Some(ends) if ends.interface.is_none() && socket.cookie.is_none() => Truth::Unknown,
        Some(ends) => (ends.interface == wanted).into(),
    }
}

/// Whether `holds` says so of some process that holds the socket.
pub(super) fn held_by(row: Row<'_>, holds: impl FnMut(Holder<'_>) -> bool) -> Truth {
    match row.owners() {
        Owners::Known(mut holders) => holders.any(holds).into(),
        Owners::None { .. } => Truth::False,
        Owners::Hidden | Owners::NotAsked => Truth::Unknown,
    }
}

pub(super) fn unowned(row: Row<'_>, wanted: &str) -> Truth {
    match row.owners() {
        Owners::Known(_) => Truth::False,
        Owners::None { reason, .. } => (reason.word() == wanted).into(),
        Owners::Hidden | Owners::NotAsked => Truth::Unknown,
    }
}

pub(super) fn is_none(row: Row<'_>, field: FieldId) -> Truth {
    let value = read(row, field);
    match value.is_none() {
        true => Truth::True,
        false => otherwise(&value),
    }
}

/// Whether nobody can tell; before owners were looked for, that is itself unknown.
pub(super) fn is_unknown(row: Row<'_>, field: FieldId) -> Truth {
    if field.field().needs_owners && matches!(row.owners(), Owners::NotAsked) {
        return Truth::Unknown;
    }
    read(row, field).is_unknown().into()
}
