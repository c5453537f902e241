//! Whether rows have what was asked for: a dump has what its maker asked for, some facts the kernel tells only to those with rights,
//! and /proc tells few. It is one rule for every format, so that a question fails or succeeds alike under `--strict`.

use crate::cli::plan::LsPlan;
use crate::model::{
    BpfStorage, DetailSet, Details, Family, FieldId, InetEnds, MemoryMetric, Notice, OwnMetric,
    Protocol, Row, Socket, SourceChoice, SourceKind, State, StorageGap, TableReport, TcpMetric,
    Value, Why,
};
use crate::render::Closing;
use crate::sys;

/// Whether a row that could have something has none.
type IsLacking = fn(Row<'_>) -> bool;

/// What a dump may lack, by the details it belongs to, with a word and the option for it.
const IN_A_DUMP: [(DetailSet, &str, IsLacking); 6] = [
    (DetailSet::INFO, "counter (-i)", |row| {
        has_counters(row.socket) && lacks(row, |details| details.tcp.is_some())
    }),
    (DetailSet::CONGESTION, "congestion control (-i)", |row| {
        has_counters(row.socket) && lacks(row, |details| details.congestion.is_some())
    }),
    (DetailSet::MEMORY, "memory (-m)", |row| {
        !matches!(row.socket.protocol, Protocol::Vsock | Protocol::Tipc)
            && lacks(row, |details| details.memory.is_some())
    }),
    (DetailSet::TOS, "type of service (--tos)", |row| {
        row.socket.family.is_ip() && lacks(row, |d| d.tos.is_some() || d.tclass.is_some())
    }),
    (
        DetailSet::SOCKET_OPTIONS,
        "socket option (--inet-sockopt)",
        |row| row.socket.family.is_ip() && lacks(row, |details| details.socket_options.is_some()),
    ),
    // That there is none looks the same.
    (DetailSet::BPF_STORAGE, "BPF storage (--bpf-maps)", |row| {
        BpfStorage::is_told_of(row.socket.protocol)
            && lacks(row, |details| details.bpf_storage.is_some())
    }),
];

/// What the kernel keeps to itself, in words.
const WITHHELD: [(FieldId, &str, IsLacking); 2] = [
    (FieldId::Mark, "the mark (-e)", |row| {
        is_withheld(row, FieldId::Mark)
    }),
    (
        FieldId::Own(OwnMetric::PacketFilter),
        "the packet filter (-b)",
        |row| is_withheld(row, FieldId::Own(OwnMetric::PacketFilter)),
    ),
];

/// Whether the kernel has counters of a socket: not of one that is in no connection and waits for none.
const fn has_counters(socket: &Socket) -> bool {
    matches!(socket.protocol, Protocol::Tcp)
        && !matches!(socket.state, State::Close | State::BoundInactive)
}

/// Mini-sockets have nothing of the kind.
fn lacks(row: Row<'_>, has: fn(&Details) -> bool) -> bool {
    row.socket.inode.is_some() && !row.socket.details().is_some_and(has)
}

fn is_withheld(row: Row<'_>, field: FieldId) -> bool {
    matches!(
        (field.field().extract)(row),
        Value::Unknown(Why::Permission)
    )
}

/// The details that options ask for, and those of columns: of such as sockets of `protocol` can have and as are not told anyway.
fn asked_of(plan: &LsPlan, protocol: Protocol, is_told: impl Fn(FieldId) -> bool) -> DetailSet {
    let fields = plan.columns.iter().map(|column| column.field);
    fields
        .filter(|field| field.protocol().is_none_or(|of| of == protocol))
        .filter(|field| !is_told(*field))
        .map(|field| field.field().needs_details.of_the_kernel())
        .fold(plan.asked_details, DetailSet::or)
}

/// Counts the rows that lack something.
pub(super) struct Told {
    /// What rows may lack; nothing for whoever reads this host and has rights, who is told everything.
    lacking: Vec<Lacking>,
    /// Whether the rows are this host's.
    live: bool,
    /// Of how many nobody knows whether they are for IPv4, too.
    families_untold: u64,
}

/// One thing that rows may lack.
struct Lacking {
    is_lacking: IsLacking,
    /// In how many rows.
    count: u64,
    notice: fn(what: &'static str, count: u64) -> Notice,
    what: &'static str,
}

impl Lacking {
    const fn new(
        is_lacking: IsLacking,
        notice: fn(&'static str, u64) -> Notice,
        what: &'static str,
    ) -> Self {
        Self {
            is_lacking,
            count: 0,
            notice,
            what,
        }
    }
}

impl Told {
    /// For the rows of `plan`.
    pub(super) fn new(plan: &LsPlan) -> Self {
        let live = !matches!(plan.query.source, SourceChoice::Dump { .. });
        // What belongs to one other protocol has a kind of details to itself.
        let asked = asked_of(plan, Protocol::Tcp, |_| false);
        let untold = |what, count| Notice::DetailsUntold { what, count };
        let in_a_dump = IN_A_DUMP
            .into_iter()
            // Whoever asked for counters need not hear of their congestion control as well.
            .filter(|(set, ..)| *set != DetailSet::CONGESTION || !asked.has(DetailSet::INFO))
            .filter(|(set, ..)| !live && asked.has(*set))
            .map(|(_, what, is_lacking)| Lacking::new(is_lacking, untold, what));
        let is_asked = |field| match field {
            FieldId::Own(_) => plan.query.details.has(DetailSet::FILTER),
            _ => plan.columns.iter().any(|column| column.field == field),
        };
        // Nobody knows which rights the maker of a dump had.
        let may_be_withheld = |field| {
            is_asked(field) && (!live || sys::caller::may_administer_the_network() != Some(true))
        };
        // Users of ss add -e out of habit: the mark that they do not see is no loss, unless they named it.
        let named = |what, count| Notice::Withheld {
            what,
            count,
            asked: true,
        };
        let by_habit = |what, count| Notice::Withheld {
            what,
            count,
            asked: false,
        };
        let columns_named = plan.columns_named;
        let by_the_kernel = WITHHELD
            .into_iter()
            .filter(|(field, ..)| may_be_withheld(*field))
            .map(|(field, what, is_lacking)| {
                let notice = match field {
                    FieldId::Mark if !columns_named => by_habit,
                    _ => named,
                };
                Lacking::new(is_lacking, notice, what)
            });
        Self {
            lacking: in_a_dump.chain(by_the_kernel).collect(),
            live,
            families_untold: 0,
        }
    }

    /// Counts a row that is shown.
    #[inline]
    pub(super) fn show(&mut self, row: Row<'_>) {
        let socket = row.socket;
        let is_wildcard = |ends: &InetEnds| ends.local.is_unspecified() && !ends.has_peer();
        let untold = self.live
            && socket.inode.is_some()
            && socket.family == Family::Inet6
            && socket.v6only.is_none()
            // A raw socket of IPv6 gets no packet of IPv4, whatever its option says.
            && socket.protocol != Protocol::Raw
            && socket.inet().is_some_and(is_wildcard);
        self.families_untold += u64::from(untold);
        for lacking in &mut self.lacking {
            lacking.count += u64::from((lacking.is_lacking)(row));
        }
    }

    /// What was missing of rows from these tables.
    pub(super) fn notices(
        self,
        plan: &LsPlan,
        tables: &[TableReport],
    ) -> impl Iterator<Item = Notice> {
        let lacking = self
            .lacking
            .into_iter()
            .filter(|lacking| lacking.count > 0)
            .map(|lacking| (lacking.notice)(lacking.what, lacking.count));
        let families = (self.families_untold > 0).then_some(Notice::FamiliesUntold {
            count: self.families_untold,
        });
        not_of_proc(plan, tables)
            .into_iter()
            .chain(lacking)
            .chain(families)
    }
}

/// That BPF storage was asked for of tables that were named, and of whose sockets the kernel tells none.
pub(super) fn storage_gap(plan: &LsPlan, closing: &Closing) -> Option<Notice> {
    let is_told = |notice: &Notice| matches!(notice, Notice::StorageUntold { .. });
    if !asked_of(plan, Protocol::Tcp, |_| false).has(DetailSet::BPF_STORAGE)
        || closing.notices.iter().any(is_told)
    {
        return None;
    }
    let untold = closing.tables.iter().filter(|report| {
        report.source == SourceKind::Netlink
            && report.records > 0
            && plan.query.named.contains(report.table)
            && !BpfStorage::is_told_of(report.table.protocol)
    });
    let mut protocols: Vec<_> = untold.map(|report| report.table.protocol).collect();
    protocols.dedup();
    (!protocols.is_empty()).then_some(Notice::StorageUntold {
        gap: StorageGap::Protocols(protocols),
    })
}

/// That details were asked for which /proc does not tell, and of which tables.
fn not_of_proc(plan: &LsPlan, tables: &[TableReport]) -> Option<Notice> {
    let extended = DetailSet::EXTENDED.or(DetailSet::FILTER);
    let concerned = tables.iter().filter(|report| {
        let protocol = report.table.protocol;
        let asked = asked_of(plan, protocol, |field| is_in_proc(protocol, field));
        report.source == SourceKind::Proc
            && report.records > 0
            && match protocol {
                Protocol::Unix | Protocol::Packet | Protocol::Netlink => {
                    asked.has(extended.or(DetailSet::MEMORY))
                }
                Protocol::Tcp | Protocol::Sctp => asked.without(DetailSet::OWN) != DetailSet::NONE,
                _ => {
                    let of_ip = DetailSet::MEMORY
                        .or(DetailSet::TOS)
                        .or(DetailSet::SOCKET_OPTIONS);
                    asked.has(of_ip)
                }
            }
    });
    let tables: Vec<_> = concerned.map(|report| report.table).collect();
    (!tables.is_empty()).then_some(Notice::DetailsUnavailable { tables })
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
