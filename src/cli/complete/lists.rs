//! Lists of fields, separated by commas.

use super::Candidate;
use crate::cli::select;
use crate::model::{FIELDS, Field, StateSetName, field_by_name};

/// What groups can be sorted by beside states and the fields they are of. A test holds this to what `top --sort` takes.
pub const TOP_COLUMNS: [(&str, &str); 6] = [
    ("sockets", "how many there are"),
    ("recv_queue", "bytes waiting to be read"),
    ("send_queue", "bytes not yet sent or not yet acknowledged"),
    ("accept_queue", "connections waiting for accept()"),
    ("bytes_received", "bytes that connections received"),
    ("bytes_acked", "bytes of theirs that were acknowledged"),
];
/// And with `-i`.
pub const TOP_CHANGES: [(&str, &str); 6] = [
    ("new", "sockets that came"),
    ("gone", "sockets that went"),
    ("churn", "both"),
    ("in", "bytes received since"),
    ("out", "bytes acknowledged since"),
    ("traffic", "both"),
];

/// What stands before the last part of a list, and that part.
fn last_part(list: &str) -> (&str, &str) {
    let start = list.rfind(',').map_or(0, |comma| comma + 1);
    list.split_at_checked(start).unwrap_or((list, ""))
}

/// Fields that are not in the list yet, each behind `head` and `sign`.
fn every_field<'a>(head: &'a str, sign: &'a str) -> impl Iterator<Item = Candidate> + 'a {
    some_fields(FIELDS, head, sign)
}

fn some_fields<'a>(
    fields: impl IntoIterator<Item = &'a Field>,
    head: &'a str,
    sign: &'a str,
) -> impl Iterator<Item = Candidate> {
    let there = |name: &str| {
        let names = head
            .split(',')
            .map(|part| part.trim_start_matches(['+', '-']));
        names
            .map(|part| part.split(':').next().unwrap_or(part))
            .any(|part| part == name)
    };
    fields
        .into_iter()
        .filter(move |field| !there(field.name))
        .map(move |field| {
            Candidate::new(format!("{head}{sign}{}", field.name), field.doc).going_on()
        })
}

/// `--by`.
pub(super) fn fields(list: &str) -> Vec<Candidate> {
    every_field(last_part(list).0, "").collect()
}

/// `-A`.
pub(super) fn tables(list: &str) -> Vec<Candidate> {
    let (head, part) = last_part(list);
    let sign = if part.starts_with('!') { "!" } else { "" };
    let there = |name: &str| head.split(',').any(|part| part == name);
    select::names()
        .filter(|name| !there(name))
        .map(|name| Candidate::new(format!("{head}{sign}{name}"), "").going_on())
        .collect()
}

/// `--columns`: names, or names with signs.
pub(super) fn columns(list: &str) -> Vec<Candidate> {
    let (head, part) = last_part(list);
    let sign = match part.chars().next() {
        Some('+') => "+",
        Some('-') => "-",
        _ if head.starts_with(['+', '-']) => "+",
        _ => "",
    };
    every_field(head, sign).collect()
}

/// `ls --sort`.
pub(super) fn order(list: &str) -> Vec<Candidate> {
    let (head, part) = last_part(list);
    if let Some(candidates) = directions(head, part) {
        return candidates;
    }
    let none = head
        .is_empty()
        .then(|| Candidate::new("none", "as the kernel gives them"));
    none.into_iter().chain(every_field(head, "")).collect()
}

/// `top --sort`, for groups by these fields.
pub(super) fn top_order(list: &str, by: &str, two_looks: bool) -> Vec<Candidate> {
    let (head, part) = last_part(list);
    if let Some(candidates) = directions(head, part) {
        return candidates;
    }
    let changes = TOP_CHANGES.iter().filter(|_| two_looks);
    let columns = TOP_COLUMNS.iter().chain(changes).copied();
    let fields = by.split(',').filter_map(|name| field_by_name(name.trim()));
    let states = states().map(|state| (state.name, state.doc));
    let named = columns.chain(states);
    let named = named.map(|(name, about)| Candidate::new(format!("{head}{name}"), about));
    named
        .map(Candidate::going_on)
        .chain(some_fields(fields, head, ""))
        .collect()
}

/// Behind the colon of a key.
fn directions(head: &str, part: &str) -> Option<Vec<Candidate>> {
    let (name, _) = part.split_once(':')?;
    let both = [("asc", "smallest first"), ("desc", "largest first")];
    let candidates =
        both.map(|(word, about)| Candidate::new(format!("{head}{name}:{word}"), about).going_on());
    Some(candidates.into())
}

/// Every single state by the word that JSON has for it.
pub(super) fn states() -> impl Iterator<Item = &'static StateSetName> {
    let spelled_otherwise = [
        "estab",
        "syn-rcv",
        "listening",
        "closed",
        "bound",
        "unknown",
    ];
    StateSetName::ALL
        .iter()
        .take_while(|state| state.name != "all")
        .filter(move |state| !spelled_otherwise.contains(&state.name))
}
