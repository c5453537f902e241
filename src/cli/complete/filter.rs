//! What can stand next in a filter. A rough reading is enough: nothing is refused here.

use super::lists::states;
use super::{Candidate, Live};
use crate::filter::{classes_of, has_order, words_of};
use crate::model::{ExtraMetric, FIELDS, Field, FieldId, Side, StateSetName, field_by_name};

/// Signs that need no blanks around them.
const SIGNS: [char; 6] = ['=', '!', '<', '>', '&', '|'];
/// Comparisons. Those that a shell would take for itself are offered as words.
const OPERATORS: [(&str, &str, bool); 8] = [
    ("=", "equals", false),
    ("!=", "does not equal", false),
    ("in", "is one of several", false),
    ("is", "is of a class, none or unknown", false),
    ("lt", "is less than", true),
    ("le", "is at most", true),
    ("gt", "is more than", true),
    ("ge", "is at least", true),
];
/// Everything that compares, as it may have been typed.
const COMPARES: [&str; 16] = [
    "in", "is", "=", "==", "!=", "<", "<=", ">", ">=", "eq", "ne", "neq", "lt", "le", "gt", "ge",
];

/// Candidates for `current` behind the complete words of a filter.
pub(super) fn complete(before: &[&str], current: &str, live: &dyn Live) -> Vec<Candidate> {
    // `dport=:4` is one word for a shell and three here, and what is in quotes may be a whole filter.
    let ends = |c: char| SIGNS.contains(&c) || c == '(' || c.is_whitespace();
    let start = current.char_indices().rfind(|&(_, c)| ends(c));
    let start = start.map_or(0, |(at, c)| at + c.len_utf8());
    let (head, begun) = current.split_at_checked(start).unwrap_or((current, ""));
    let mut tokens: Vec<String> = Vec::new();
    for word in before.iter().copied().chain([head]) {
        split(word, &mut tokens);
    }
    // Several values are separated by commas.
    let comma = begun.rfind(',').map_or(0, |at| at + 1);
    let (list, _) = begun.split_at_checked(comma).unwrap_or((begun, ""));
    next(&tokens, begun, live)
        .into_iter()
        .map(|candidate| match candidate.goes_on {
            true => candidate.before(list).before(head),
            false => candidate.before(head),
        })
        .collect()
}

fn split(word: &str, tokens: &mut Vec<String>) {
    for part in word.split_whitespace() {
        let mut token = String::new();
        for c in part.chars() {
            let sign = SIGNS.contains(&c);
            let ends = sign != token.contains(SIGNS) && !token.is_empty();
            if matches!(c, '(' | ')') || ends {
                tokens.extend(Some(std::mem::take(&mut token)).filter(|t| !t.is_empty()));
            }
            if matches!(c, '(' | ')') {
                tokens.push(c.to_string());
            } else {
                token.push(c);
            }
        }
        tokens.extend(Some(token).filter(|t| !t.is_empty()));
    }
}

fn next(tokens: &[String], begun: &str, live: &dyn Live) -> Vec<Candidate> {
    let from_end = |n: usize| {
        let at = tokens.len().checked_sub(n)?;
        tokens.get(at).map(String::as_str)
    };
    let Some(last) = from_end(1) else {
        return terms();
    };
    let last = last.to_ascii_lowercase();
    let named = |n: usize| from_end(n).and_then(field_by_name).map(|field| field.id);
    let compares = COMPARES.contains(&last.as_str());
    let of_term = from_end(2).is_none_or(|word| !COMPARES.contains(&word));
    match last.as_str() {
        "state" | "exclude" | "excl" if of_term => every_state(),
        "is" => named(2).map_or_else(Vec::new, classes),
        "not" if from_end(2) == Some("is") => named(3).map_or_else(Vec::new, classes),
        "not" if of_term && named(2).is_some() => vec![Candidate::new("in", "is none of several")],
        "and" | "or" | "not" | "(" | "&" | "&&" | "|" | "||" | "!" => terms(),
        _ if compares => from_end(2)
            .and_then(field_by_name)
            .map_or_else(Vec::new, |field| values(field.id, begun, live)),
        _ => match field_by_name(&last).filter(|_| of_term) {
            Some(field) => operators(field),
            None => connected(),
        },
    }
}

/// The beginning of a condition.
fn terms() -> Vec<Candidate> {
    let words = [
        ("exclude", "all states but"),
        ("not", "the opposite of what follows"),
    ];
    let fields = FIELDS.iter().map(|field| (field.name, field.doc));
    fields
        .chain(words)
        .map(|(word, about)| Candidate::new(word, about))
        .collect()
}

/// What can follow a condition.
fn connected() -> Vec<Candidate> {
    let words = [("and", "both must hold"), ("or", "one must hold")];
    let words = words.map(|(word, about)| Candidate::new(word, about));
    words.into_iter().chain(terms()).collect()
}

fn every_state() -> Vec<Candidate> {
    let groups = StateSetName::ALL
        .iter()
        .skip_while(|state| state.name != "all");
    let named = states().chain(groups);
    named
        .map(|state| Candidate::new(state.name, state.doc))
        .collect()
}

fn operators(field: &Field) -> Vec<Candidate> {
    let number = has_order(field.id);
    OPERATORS
        .iter()
        .filter(|(_, _, orders)| number || !orders)
        .map(|&(word, about, _)| Candidate::new(word, about))
        .collect()
}

/// Values of a field: fixed words, or what there is now.
fn values(field: FieldId, begun: &str, live: &dyn Live) -> Vec<Candidate> {
    match field {
        FieldId::State => every_state(),
        FieldId::Sport => ports(Side::Local, begun, live),
        FieldId::Dport => ports(Side::Peer, begun, live),
        FieldId::Pid => {
            let processes = live.processes().into_iter();
            let words = processes.map(|(pid, name)| Candidate::new(pid.to_string(), name));
            words.map(Candidate::going_on).collect()
        }
        FieldId::Process | FieldId::PeerProcess => {
            let mut names: Vec<String> =
                live.processes().into_iter().map(|(_, name)| name).collect();
            names.sort_unstable();
            names.dedup();
            // A name that a shell would take for something else is not put on anybody's command line.
            names.retain(|name| is_safe(name));
            names
                .into_iter()
                .map(|name| Candidate::new(name, "").going_on())
                .collect()
        }
        FieldId::User => {
            let mut names = live.users();
            names.retain(|name| is_safe(name));
            let names = names.into_iter();
            names
                .map(|name| Candidate::new(name, "").going_on())
                .collect()
        }
        FieldId::Extra(ExtraMetric::Congestion) => {
            let mut names = live.congestion_controls();
            names.retain(|name| is_safe(name));
            let names = names.into_iter();
            names.map(|name| Candidate::new(name, "")).collect()
        }
        _ => words(words_of(field)),
    }
}

/// What a field can be said to be.
fn classes(field: FieldId) -> Vec<Candidate> {
    match field {
        FieldId::State => every_state(),
        _ => words(classes_of(field)),
    }
}

fn words(words: Vec<&'static str>) -> Vec<Candidate> {
    let candidate = |word| Candidate::new(word, "");
    words.into_iter().map(candidate).collect()
}

pub(super) fn ports(side: Side, begun: &str, live: &dyn Live) -> Vec<Candidate> {
    let colon = if begun.starts_with(':') { ":" } else { "" };
    let ports = live.ports(side).into_iter();
    ports
        .map(|(port, about)| Candidate::new(format!("{colon}{port}"), about).going_on())
        .collect()
}

/// Whether a word means itself in every shell. Processes choose their names.
fn is_safe(word: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b'@');
    word.bytes().all(plain) && word.starts_with(|c: char| c.is_ascii_alphanumeric())
}
