//! Whether rows have what was asked for: a dump has what its maker asked for, and some facts the kernel tells only to those with rights.

use crate::cli::plan::{Format, LsPlan};
use crate::collect::Collected;
use crate::model::{
    DetailSet, Details, Family, FieldId, InetEnds, Notice, OwnMetric, Protocol, Row, SourceChoice,
    Table, Value, Why,
};
use crate::sys;

/// What a dump may lack, by the words and the option for it.
const IN_A_DUMP: [(DetailSet, &str); 3] = [
    (DetailSet::MEMORY, "memory (-m)"),
    (DetailSet::TOS, "type of service (--tos)"),
    (DetailSet::SOCKET_OPTIONS, "socket options (--inet-sockopt)"),
];

/// What the kernel keeps to itself, in words.
const WITHHELD: [(FieldId, &str); 2] = [
    (FieldId::Mark, "the mark (-e)"),
    (
        FieldId::Own(OwnMetric::PacketFilter),
        "the packet filter (-b)",
    ),
];

/// Tables of which nothing can be told, not even that there are no such sockets, where everything was asked for.
pub(super) fn unlisted(plan: &LsPlan, collected: &Collected) -> Vec<Notice> {
    if !plan.everything
        || collected.stopped
        || matches!(plan.query.source, SourceChoice::Dump { .. })
    {
        return Vec::new();
    }
    let is_told = |table: Table| {
        collected.tables.iter().any(|report| report.table == table)
            || collected.absent.contains(&table.protocol)
            || collected.notices.iter().any(|notice| {
                matches!(notice, Notice::Unavailable { table: told, .. } | Notice::Broken { table: told, .. } if *told == table)
            })
    };
    let untold = plan.query.tables.iter().filter(|&table| !is_told(table));
    untold.map(|table| Notice::Unlisted { table }).collect()
}

/// Counts the rows that lack something.
pub(super) struct Told {
    /// Whether the rows are those of a dump.
    dump: bool,
    asked: DetailSet,
    /// Whether nothing else says that counters are missing.
    counters: bool,
    /// Which of [`WITHHELD`] were asked for.
    wanted: [bool; WITHHELD.len()],
    without_counters: u64,
    untold: [u64; IN_A_DUMP.len()],
    withheld: [u64; WITHHELD.len()],
    /// Of how many nobody knows whether they are for IPv4, too.
    families_untold: u64,
}

impl Told {
    /// For the rows of `plan`.
    pub(super) fn new(plan: &LsPlan) -> Self {
        let dump = matches!(plan.query.source, SourceChoice::Dump { .. });
        let has_column = |field| plan.columns.iter().any(|column| column.field == field);
        // Whoever has the right is told everything; nobody knows who made a dump.
        let may_lack = |field| {
            let asked = match field {
                FieldId::Own(_) => plan.query.details.has(DetailSet::FILTER),
                _ => has_column(field),
            };
            asked && (dump || sys::caller::may_administer_the_network() != Some(true))
        };
        Self {
            dump,
            asked: plan.asked_details,
            counters: plan.record || plan.format != Format::Table,
            wanted: WITHHELD.map(|(field, _)| may_lack(field)),
            without_counters: 0,
            untold: [0; IN_A_DUMP.len()],
            withheld: [0; WITHHELD.len()],
            families_untold: 0,
        }
    }

    /// Counts a row that is shown.
    pub(super) fn show(&mut self, row: Row<'_>) {
        // Mini-sockets have nothing of the kind.
        if row.socket.inode.is_none() {
            return;
        }
        if self.dump {
            self.in_a_dump(row);
        }
        let is_wildcard = |ends: &InetEnds| ends.local.is_unspecified() && !ends.has_peer();
        let untold = !self.dump
            && row.socket.family == Family::Inet6
            && row.socket.v6only.is_none()
            && row.socket.protocol != Protocol::Raw
            && row.socket.inet().is_some_and(is_wildcard);
        self.families_untold += u64::from(untold);
        // Whoever has rights is told everything.
        if self.wanted.contains(&true) {
            self.withheld(row);
        }
    }

    fn withheld(&mut self, row: Row<'_>) {
        for ((wanted, (field, _)), count) in
            self.wanted.iter().zip(WITHHELD).zip(&mut self.withheld)
        {
            let value = || (field.field().extract)(row);
            *count += u64::from(*wanted && matches!(value(), Value::Unknown(Why::Permission)));
        }
    }

    fn in_a_dump(&mut self, row: Row<'_>) {
        let details = row.socket.details();
        let is_ip = row.socket.family.is_ip();
        let has = |told: fn(&Details) -> bool| details.is_some_and(told);
        let lacks = |(set, _): (DetailSet, &str)| {
            self.asked.has(set)
                && match set {
                    DetailSet::MEMORY => {
                        !matches!(row.socket.protocol, Protocol::Vsock | Protocol::Tipc)
                            && !has(|d| d.memory.is_some())
                    }
                    DetailSet::TOS => is_ip && !has(|d| d.tos.is_some() || d.tclass.is_some()),
                    _ => is_ip && !has(|d| d.socket_options.is_some()),
                }
        };
        for (count, lacks) in self.untold.iter_mut().zip(IN_A_DUMP.map(lacks)) {
            *count += u64::from(lacks);
        }
        let counters = self.counters && self.asked.has(DetailSet::INFO);
        let is_tcp = row.socket.protocol == Protocol::Tcp;
        self.without_counters += u64::from(counters && is_tcp && !has(|d| d.tcp.is_some()));
    }

    /// What was missing.
    pub(super) fn notices(self) -> impl Iterator<Item = Notice> {
        let counters = (self.without_counters > 0).then_some(Notice::CountersUntold {
            count: self.without_counters,
        });
        let untold = some_of(IN_A_DUMP.map(|(_, words)| words), self.untold)
            .map(|(what, count)| Notice::DetailsUntold { what, count });
        let withheld = some_of(WITHHELD.map(|(_, words)| words), self.withheld)
            .map(|(what, count)| Notice::Withheld { what, count });
        let families = (self.families_untold > 0).then_some(Notice::FamiliesUntold {
            count: self.families_untold,
        });
        let lacking = counters.into_iter().chain(untold).chain(withheld);
        lacking.chain(families)
    }
}

/// The words of what was counted, and the highest count; `None` if nothing was.
fn some_of<const N: usize>(
    words: [&'static str; N],
    counts: [u64; N],
) -> Option<(Vec<&'static str>, u64)> {
    let counted = words
        .into_iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0);
    let (words, counts): (Vec<_>, Vec<_>) = counted.unzip();
    Some((words, counts.into_iter().max()?))
}
