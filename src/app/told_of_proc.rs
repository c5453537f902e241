//! What the text under /proc/net withholds of what was asked for, in the words of the user.

use super::told::{Detail, IN_A_DUMP, details_of};
use crate::cli::asked::{Asked, Wording};
use crate::model::{
    BpfStorage, DetailSet, Family, FieldId, MemoryMetric, Notice, Protocol, SourceKind, Table,
    TableReport, TcpMetric,
};

/// Details that a dump always has: their sets, the words for them, and the options that ask for them.
const MORE: [(DetailSet, &str, &str); 2] = [
    (DetailSet::EXTENDED, "detail of their family", "-e"),
    (DetailSet::FILTER, "packet filter", "-b"),
];

/// That something was asked for which /proc does not tell, and of which tables.
pub(super) fn not_of_proc(asked: &Asked, tables: &[TableReport]) -> Option<Notice> {
    // What was named says enough of what came along.
    [false, true].into_iter().find_map(|by_habit| {
        let mut withheld: Vec<(Vec<Table>, String)> = Vec::new();
        for report in tables {
            if report.source != SourceKind::Proc || report.records == 0 {
                continue;
            }
            let table = report.table;
            let mut words = details(asked, by_habit, table.protocol);
            words.extend(fields(asked, by_habit, table.family));
            if words.is_empty() {
                continue;
            }
            let words = words.join(", ");
            match withheld.iter_mut().find(|(_, same)| *same == words) {
                Some((tables, _)) => tables.push(table),
                None => withheld.push((vec![table], words)),
            }
        }
        let asked = !by_habit;
        (!withheld.is_empty()).then_some(Notice::DetailsUnavailable { withheld, asked })
    })
}

/// The details that sockets of a protocol have, and of which /proc tells none or few.
fn details(asked: &Asked, by_habit: bool, protocol: Protocol) -> Vec<String> {
    let is_told = |field| is_in_proc(protocol, field);
    let lacking = details_of(asked, by_habit, protocol, is_told);
    let in_a_dump = IN_A_DUMP.iter().map(
        |&Detail {
             set, word, option, ..
         }| (set, word, option),
    );
    let mut kinds: Vec<_> = in_a_dump.chain(MORE).collect();
    kinds.dedup_by_key(|(set, ..)| *set);
    let counters = !by_habit && asked.details.has(DetailSet::INFO);
    let mut words = Vec::new();
    for (set, word, option) in kinds {
        // Whoever asked for counters need not hear of their congestion control as well.
        let goes_without_saying = set == DetailSet::CONGESTION && counters;
        if !lacking.has(set) || !may_have(protocol, set) || goes_without_saying {
            continue;
        }
        if !by_habit && asked.details.has(set) {
            // Among all counters are those few that the text has.
            let none = if set == DetailSet::INFO && protocol == Protocol::Tcp {
                format!("few {word}s")
            } else {
                format!("no {word}")
            };
            words.push(format!("{none} ({option})"));
            continue;
        }
        let of_it = |field: FieldId| {
            field.field().needs_details.has(set)
                && field.protocol().is_none_or(|of| of == protocol)
                && !is_told(field)
        };
        let wording = asked.wording(of_it);
        words.extend(wording.map(|Wording { words, .. }| format!("no {word} ({words})")));
    }
    words
}

/// The fields of every socket of a family that /proc has not.
fn fields(asked: &Asked, by_habit: bool, family: Family) -> Option<String> {
    let is_lacking = |field| is_in_messages_only(family, field);
    let mut names: Vec<_> = asked
        .fields()
        .filter(|&(field, habit)| habit == by_habit && is_lacking(field))
        .map(|(field, _)| field.field().name)
        .collect();
    names.sort_unstable();
    names.dedup();
    let wording = asked.wording(is_lacking).filter(|_| !names.is_empty())?;
    Some(format!("no {} ({})", names.join(", no "), wording.words))
}

/// Whether the kernel has details of a set for sockets of a protocol that /proc lists.
fn may_have(protocol: Protocol, set: DetailSet) -> bool {
    let possible = match protocol {
        Protocol::Packet => DetailSet::EXTENDED
            .or(DetailSet::FILTER)
            .or(DetailSet::MEMORY),
        Protocol::Unix | Protocol::Netlink => DetailSet::EXTENDED.or(DetailSet::MEMORY),
        Protocol::Tcp | Protocol::Sctp => DetailSet::INFO
            .or(DetailSet::CONGESTION)
            .or(DetailSet::MEMORY)
            .or(DetailSet::TOS)
            .or(DetailSet::SOCKET_OPTIONS),
        _ => DetailSet::MEMORY
            .or(DetailSet::TOS)
            .or(DetailSet::SOCKET_OPTIONS),
    };
    possible.has(set) || set == DetailSet::BPF_STORAGE && BpfStorage::is_told_of(protocol)
}

/// Whether a field of every socket of a family comes in the kernel's messages and not in the text under /proc/net.
const fn is_in_messages_only(family: Family, field: FieldId) -> bool {
    match field {
        FieldId::Cookie => !matches!(family, Family::Vsock | Family::Tipc),
        FieldId::Mark | FieldId::Cgroup | FieldId::CgroupId | FieldId::AcceptLimit => {
            matches!(family, Family::Inet | Family::Inet6)
        }
        FieldId::V6only => matches!(family, Family::Inet6),
        FieldId::Shutdown => matches!(family, Family::Inet | Family::Inet6 | Family::Unix),
        FieldId::PeerPath | FieldId::PeerInode | FieldId::PeerProcess => {
            matches!(family, Family::Unix)
        }
        _ => false,
    }
}

/// Whether the text under /proc/net has a field that belongs to details.
const fn is_in_proc(protocol: Protocol, field: FieldId) -> bool {
    match field {
        FieldId::Tcp(metric) => matches!(
            metric,
            TcpMetric::State
                | TcpMetric::Retransmits
                | TcpMetric::Probes
                | TcpMetric::Rto
                | TcpMetric::Ato
                | TcpMetric::SndCwnd
                | TcpMetric::SndSsthresh
        ),
        FieldId::Memory(MemoryMetric::Drops) => !matches!(protocol, Protocol::Tcp),
        _ => false,
    }
}
