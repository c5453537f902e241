//! What single conditions say about a row, where that needs more than a look at the socket's ends.
//!
//! A fact that nobody can tell makes the condition unknown; one that is known to be nothing makes it false.

use super::names::Names;
use super::numbers::NumberSet;
use super::predicate::Truth;
use crate::model::{CgroupId, Ends, FieldId, Holder, IfIndex, Owners, Row, Socket, Thread, Value};

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
        Value::Number(n)
        | Value::Hex(n)
        | Value::Bytes(n)
        | Value::Microseconds(n)
        | Value::Rate(n) => set.contains(n).into(),
        Value::Factor256(n) => set.contains(n.into()).into(),
        Value::Milliseconds(ms) => set.contains(ms.saturating_mul(1000)).into(),
        // Only what is compared with `<` begins at 0 and goes on.
        Value::Signed(_) => set
            .ranges()
            .first()
            .is_some_and(|r| r.0 == 0 && r.1 > 0)
            .into(),
        Value::Pids(owners) => held_by(owners, |h| Some(set.contains(h.process.pid.0.into()))),
        // The descriptor of an io_uring is not one of the socket.
        Value::Descriptors(owners) => held_by(owners, |h| {
            Some(h.slot.is_none() && set.contains(h.fd.into()))
        }),
        Value::Threads(owners) => held_by(owners, |holder| {
            let names = row.context.names;
            let threads = names.threads(holder.process.pid, holder.lives_as())?;
            Some(threads.iter().any(|t| set.contains(t.tid.0.into())))
        }),
        other => otherwise(&other),
    }
}

pub(super) fn word(row: Row<'_>, field: FieldId, words: &[&str]) -> Truth {
    match read(row, field) {
        Value::Word(word) => words.contains(&word).into(),
        Value::Timer(timer) => words.contains(&timer.kind.word()).into(),
        Value::Words(bits, names) => {
            let set = names.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1);
            set.into_iter().any(|(_, name)| words.contains(name)).into()
        }
        other => otherwise(&other),
    }
}

pub(super) fn flag(row: Row<'_>, field: FieldId, wanted: bool) -> Truth {
    match read(row, field) {
        Value::Flag(flag) => (flag == wanted).into(),
        other => otherwise(&other),
    }
}

pub(super) fn named(row: Row<'_>, field: FieldId, names: &Names) -> Truth {
    match read(row, field) {
        Value::Name(list) if field.is_list() => in_list(&list, names),
        Value::Name(name) => names.matches_text(&name).into(),
        Value::Text(text) => names.matches_text(text).into(),
        Value::Word(word) => names.matches_text(word.as_bytes()).into(),
        Value::Commands(owners) => held_by(owners, |holder| {
            let arguments = row.context.names.command(holder.lives_as());
            arguments.map(|arguments| names.matches_text(&arguments.join(&b' ')))
        }),
        Value::Threads(owners) => held_by(owners, |holder| {
            let table = row.context.names;
            let threads = table.threads(holder.process.pid, holder.lives_as())?;
            let bears = |thread: &Thread| Some(names.matches_text(thread.name.as_deref()?));
            let known: Vec<_> = threads.iter().map(bears).collect();
            match known.contains(&Some(true)) {
                true => Some(true),
                false => (!known.contains(&None)).then_some(false),
            }
        }),
        Value::Contexts(owners) => held_by(owners, |holder| {
            let context = row.context.names.context(holder.process.pid);
            context.map(|context| names.matches_text(&context))
        }),
        other => otherwise(&other),
    }
}

/// Whether one of a list, or all of it as it is shown, matches; a `?` at its end stands for more that is not known.
fn in_list(list: &[u8], names: &Names) -> Truth {
    let mut one_by_one = list.split(|&b| b == b' ');
    if names.matches_text(list) || one_by_one.any(|one| one != b"?" && names.matches_text(one)) {
        Truth::True
    } else if list.ends_with(b" ?") {
        Truth::Unknown
    } else {
        Truth::False
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

/// Whether a socket is bound to the interface; those that cannot be bound to one are not asked.
pub(super) fn interface(socket: &Socket, wanted: Option<IfIndex>) -> Truth {
    match &socket.ends {
        // Only netlink, which gives a cookie to every socket, tells the interface.
        Ends::Inet(ends) if ends.interface.is_none() && socket.cookie.is_none() => Truth::Unknown,
        Ends::Inet(_) | Ends::Packet(_) | Ends::Xdp(_) => (socket.interface() == wanted).into(),
        Ends::Unix(_) | Ends::Netlink(_) | Ends::Vsock(_) | Ends::Tipc(_) => Truth::False,
    }
}

/// Whether `holds` says so of some process that holds the socket; `None` where that cannot be told of it any more.
fn held_by(owners: Owners<'_>, mut holds: impl FnMut(Holder<'_>) -> Option<bool>) -> Truth {
    match owners {
        Owners::Known(holders) => {
            let mut answer = Truth::False;
            for holder in holders {
                match holds(holder) {
                    Some(true) => return Truth::True,
                    Some(false) => {}
                    None => answer = Truth::Unknown,
                }
            }
            answer
        }
        Owners::None { .. } => Truth::False,
        Owners::Hidden | Owners::NotAsked => Truth::Unknown,
    }
}

pub(super) fn process(row: Row<'_>, field: FieldId, names: &Names) -> Truth {
    match read(row, field) {
        Value::Processes(owners) => held_by(owners, |holder| {
            let name = holder.process.name.as_deref();
            name.map(|name| names.matches_text(name))
        }),
        other => otherwise(&other),
    }
}

pub(super) fn unowned(row: Row<'_>, field: FieldId, wanted: &str) -> Truth {
    match read(row, field) {
        Value::Processes(Owners::None { reason, .. }) => (reason.word() == wanted).into(),
        Value::Processes(Owners::Known(_)) => Truth::False,
        Value::Processes(Owners::Hidden | Owners::NotAsked) => Truth::Unknown,
        other => otherwise(&other),
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
