//! Whether rows have what was asked for: a dump has what its maker asked for, some facts the kernel tells only to those with rights,
//! and /proc tells few. It is one rule for every command and format, so that a question fails or succeeds alike under `--strict`.

use super::told_of_proc::not_of_proc;
use crate::cli::asked::{Asked, Wording};
use crate::model::{
    BpfStorage, DetailSet, Details, ExtraMetric, Family, FieldId, InetEnds, Notice, OwnDetails,
    OwnMetric, Protocol, Query, Row, Socket, SourceChoice, SourceKind, State, StateSet, StorageGap,
    TableReport, TableSet, Value, Why,
};
use crate::render::Closing;
use crate::sys;

/// Whether a row that could have something has none.
type IsLacking = fn(Row<'_>) -> bool;

/// What a dump may lack.
pub(super) struct Detail {
    /// What it belongs to.
    pub(super) set: DetailSet,
    /// The word for one of it, and the option that asks for it.
    pub(super) word: &'static str,
    pub(super) option: &'static str,
    /// Whether a field that belongs to the set is of this kind.
    has: fn(FieldId) -> bool,
    is_lacking: IsLacking,
}

pub(super) const IN_A_DUMP: [Detail; 9] = [
    Detail {
        set: DetailSet::INFO,
        word: "counter",
        option: "-i",
        has: |field| field.protocol().is_none(),
        is_lacking: |row| has_counters(row.socket) && lacks(row, |details| details.tcp.is_some()),
    },
    Detail {
        set: DetailSet::INFO,
        word: "counter",
        option: "-i",
        has: |field| matches!(field, FieldId::Mptcp(_)),
        is_lacking: |row| {
            row.socket.protocol == Protocol::Mptcp
                && !matches!(row.socket.own_details(), Some(OwnDetails::Mptcp(info)) if !info.is_empty())
        },
    },
    Detail {
        set: DetailSet::INFO,
        word: "counter",
        option: "-i",
        has: |field| matches!(field, FieldId::Sctp(_)),
        is_lacking: |row| {
            row.socket.protocol == Protocol::Sctp
                && !matches!(row.socket.own_details(), Some(OwnDetails::Sctp(info)) if !info.numbers.is_empty())
        },
    },
    Detail {
        set: DetailSet::CONGESTION,
        word: "congestion control",
        option: "-i",
        has: |_| true,
        is_lacking: |row| {
            has_counters(row.socket) && lacks(row, |details| details.congestion.is_some())
        },
    },
    Detail {
        set: DetailSet::MEMORY,
        word: "memory",
        option: "-m",
        has: |_| true,
        is_lacking: |row| {
            !matches!(row.socket.protocol, Protocol::Vsock | Protocol::Tipc)
                && lacks(row, |details| details.memory.is_some())
        },
    },
    Detail {
        set: DetailSet::TOS,
        word: "type of service",
        option: "--tos",
        has: |_| true,
        is_lacking: |row| {
            row.socket.family.is_ip() && lacks(row, |d| d.tos.is_some() || d.tclass.is_some())
        },
    },
    Detail {
        set: DetailSet::SOCKET_OPTIONS,
        word: "socket option",
        option: "--inet-sockopt",
        has: |_| true,
        is_lacking: |row| {
            row.socket.family.is_ip() && lacks(row, |details| details.socket_options.is_some())
        },
    },
    // That there is none looks the same.
    Detail {
        set: DetailSet::BPF_STORAGE,
        word: "BPF storage",
        option: "--bpf-maps",
        has: |_| true,
        is_lacking: |row| {
            BpfStorage::is_told_of(row.socket.protocol)
                && lacks(row, |details| details.bpf_storage.is_some())
        },
    },
    Detail {
        set: DetailSet::NONE,
        word: "control group",
        option: "--cgroup",
        has: is_cgroup,
        is_lacking: |row| row.socket.cgroup.is_none() && may_have_cgroup(row.socket),
    },
];

/// What the kernel keeps to itself, in words, and the option that asks for it.
const WITHHELD: [(FieldId, &str, Option<&str>); 3] = [
    (FieldId::Mark, "the mark", None),
    (
        FieldId::Own(OwnMetric::PacketFilter),
        "the packet filter",
        Some("-b"),
    ),
    // Told beside the counters, which nobody asks for to see keys.
    (
        FieldId::Extra(ExtraMetric::Md5Keys),
        "whether there are TCP-MD5 keys",
        None,
    ),
];

/// Whether the kernel tells a field only to those with `CAP_NET_ADMIN`.
pub(super) fn is_kept_by_the_kernel(field: FieldId) -> bool {
    WITHHELD.iter().any(|(withheld, ..)| *withheld == field)
}

/// Why a dump lacks something.
const NOT_IN_THE_DUMP: &str = "a dump has what its maker asked for, and its kernel told";

/// Whether the kernel has counters of a socket: not of one that is in no connection and waits for none.
const fn has_counters(socket: &Socket) -> bool {
    matches!(socket.protocol, Protocol::Tcp)
        && !matches!(socket.state, State::Close | State::BoundInactive)
}

/// Mini-sockets have nothing of the kind.
fn lacks(row: Row<'_>, has: fn(&Details) -> bool) -> bool {
    !row.socket.is_mini() && !row.socket.details().is_some_and(has)
}

const fn is_cgroup(field: FieldId) -> bool {
    matches!(field, FieldId::Cgroup | FieldId::CgroupId)
}

/// Only inet_diag tells control groups.
fn may_have_cgroup(socket: &Socket) -> bool {
    socket.family.is_ip() && !socket.is_mini()
}

fn is_withheld(row: Row<'_>, field: FieldId) -> bool {
    matches!(
        (field.field().extract)(row),
        Value::Unknown(Why::Permission)
    )
}

/// The details that options ask for, and those of fields: of such as sockets of `protocol` can have and as are not told anyway.
pub(super) fn details_of(
    asked: &Asked,
    by_habit: bool,
    protocol: Protocol,
    is_told: impl Fn(FieldId) -> bool,
) -> DetailSet {
    let by_options = if by_habit {
        DetailSet::NONE
    } else {
        asked.details
    };
    asked
        .fields()
        .filter_map(|(field, habit)| (habit == by_habit).then_some(field))
        .filter(|field| field.protocol().is_none_or(|of| of == protocol))
        .filter(|field| !is_told(*field))
        .map(|field| field.field().needs_details.of_the_kernel())
        .fold(by_options, DetailSet::or)
}

/// Counts the rows that lack something: each that is shown; of what the order of a list asks for, each that was put in order, since
/// those that are not shown decided which are.
#[derive(Default)]
pub(super) struct Told {
    asked: Asked,
    /// What rows may lack; nothing for whoever reads this host and has rights, who is told everything.
    lacking: Vec<Lacking>,
    /// Whether local addresses are shown, and are this host's.
    addresses: bool,
    /// Of how many nobody knows whether they are for IPv4, too.
    families_untold: u64,
    families_marked: u64,
}

/// One thing that rows may lack.
struct Lacking {
    is_lacking: Box<dyn Fn(Row<'_>) -> bool>,
    /// What, with the words in which it was asked for.
    what: String,
    /// Why; `None` if rights are missing.
    why: Option<&'static str>,
    /// Whether it was asked for, not brought along with other things.
    asked: bool,
    /// Whether rows are put in order by it.
    orders: bool,
    /// In how many rows.
    count: u64,
    /// What `count` was at the mark.
    marked: u64,
}

impl Lacking {
    fn new(
        what: &str,
        wording: &Wording,
        why: Option<&'static str>,
        is_lacking: impl Fn(Row<'_>) -> bool + 'static,
    ) -> Self {
        Self {
            is_lacking: Box::new(is_lacking),
            what: format!("{what} ({})", wording.words),
            why,
            asked: !wording.by_habit,
            orders: wording.orders,
            count: 0,
            marked: 0,
        }
    }

    fn notice(self) -> Notice {
        let Self {
            what, count, asked, ..
        } = self;
        match self.why {
            Some(why) => Notice::DetailsUntold {
                what,
                count,
                why,
                asked,
            },
            None => Notice::Withheld { what, count, asked },
        }
    }
}

impl Told {
    /// For rows of `query`, of which `asked` is wanted. Whether local addresses are is another question.
    pub(super) fn new(query: &Query, asked: &Asked, addresses: bool) -> Self {
        let live = !matches!(query.source, SourceChoice::Dump { .. });
        let mut lacking = Vec::new();
        if !live {
            lacking.extend(not_in_a_dump(asked));
        }
        // Nobody knows which rights the maker of a dump had.
        if !live || sys::caller::may_administer_the_network() != Some(true) {
            lacking.extend(withheld(asked));
        }
        lacking.extend(without_cgroup(asked, live));
        Self {
            asked: asked.clone(),
            lacking,
            addresses: addresses && live,
            families_untold: 0,
            families_marked: 0,
        }
    }

    /// Counts a row that is shown, where every row is.
    pub(super) fn show(&mut self, row: Row<'_>) {
        self.order(row);
        self.show_in_order(row);
    }

    /// Counts a row that is put in order.
    #[inline]
    pub(super) fn order(&mut self, row: Row<'_>) {
        for lacking in self.lacking.iter_mut().filter(|one| one.orders) {
            lacking.count += u64::from((lacking.is_lacking)(row));
        }
    }

    /// Counts a row that is shown after it was put in order.
    #[inline]
    pub(super) fn show_in_order(&mut self, row: Row<'_>) {
        let socket = row.socket;
        let is_wildcard = |ends: &InetEnds| ends.local.is_unspecified() && !ends.has_peer();
        let untold = self.addresses
            && socket.inode.is_some()
            && socket.family == Family::Inet6
            && socket.v6only.is_none()
            // A raw socket of IPv6 gets no packet of IPv4, whatever its option says.
            && socket.protocol != Protocol::Raw
            && socket.inet().is_some_and(is_wildcard);
        self.families_untold += u64::from(untold);
        for lacking in self.lacking.iter_mut().filter(|one| !one.orders) {
            lacking.count += u64::from((lacking.is_lacking)(row));
        }
    }

    /// Marks a place to go back to.
    pub(super) fn mark(&mut self) {
        self.families_marked = self.families_untold;
        for lacking in &mut self.lacking {
            lacking.marked = lacking.count;
        }
    }

    /// Forgets the rows that were shown since the mark.
    pub(super) fn take_back(&mut self) {
        self.families_untold = self.families_marked;
        for lacking in &mut self.lacking {
            lacking.count = lacking.marked;
        }
    }

    /// What was missing of rows from these tables.
    pub(super) fn notices(self, tables: &[TableReport]) -> Vec<Notice> {
        let mut notices: Vec<_> = not_of_proc(&self.asked, tables).into_iter().collect();
        let mut said: Vec<Lacking> = Vec::new();
        for lacking in self.lacking.into_iter().filter(|one| one.count > 0) {
            // Counters are of several protocols, and one question.
            let is_same = |one: &&mut Lacking| {
                (&one.what, one.why, one.asked) == (&lacking.what, lacking.why, lacking.asked)
            };
            match said.iter_mut().find(is_same) {
                Some(same) => same.count += lacking.count,
                None => said.push(lacking),
            }
        }
        notices.extend(said.into_iter().map(Lacking::notice));
        notices.extend(
            (self.families_untold > 0).then_some(Notice::FamiliesUntold {
                count: self.families_untold,
            }),
        );
        notices
    }
}

/// What was asked for that a dump may lack.
fn not_in_a_dump(asked: &Asked) -> impl Iterator<Item = Lacking> {
    IN_A_DUMP
        .iter()
        // Whoever asked for counters need not hear of their congestion control as well.
        .filter(|detail| detail.set != DetailSet::CONGESTION || !asked.details.has(DetailSet::INFO))
        .filter_map(|detail| {
            let of_it = |field: FieldId| {
                let belongs = field.field().needs_details.has(detail.set);
                (belongs || detail.set.is_empty()) && (detail.has)(field)
            };
            let wording = if asked.details.has(detail.set) {
                Some(asked.wording_of(detail.option, of_it))
            } else {
                asked.wording(of_it)
            };
            let (word, why) = (format!("no {}", detail.word), Some(NOT_IN_THE_DUMP));
            let is_lacking = detail.is_lacking;
            wording.map(|wording| {
                // The bytes that everything is counted with are those of connections.
                let only_connections = wording.by_habit && detail.set == DetailSet::INFO;
                Lacking::new(&word, &wording, why, move |row| {
                    is_lacking(row)
                        && (!only_connections || StateSet::CONNECTED.contains(row.socket.state))
                })
            })
        })
}

/// What was asked for that the kernel keeps from those without rights.
fn withheld(asked: &Asked) -> impl Iterator<Item = Lacking> {
    WITHHELD.into_iter().filter_map(|(field, word, option)| {
        let wording = match option {
            Some(option) if asked.details.has(field.field().needs_details) => {
                Some(asked.wording_of(option, |named| named == field))
            }
            _ => asked.wording(|named| named == field),
        };
        wording
            .map(|wording| Lacking::new(word, &wording, None, move |row| is_withheld(row, field)))
    })
}

/// Paths of control groups that cannot be known, and groups that are not told, if they were asked for.
fn without_cgroup(asked: &Asked, live: bool) -> impl Iterator<Item = Lacking> {
    let path = asked.wording(|field| field == FieldId::Cgroup);
    let group = asked.wording(is_cgroup).filter(|wording| !wording.by_habit);
    let why = if live {
        "cgroup2 is not mounted here, or shows no more than a part of it (a cgroup namespace)"
    } else {
        "a dump has their numbers only, and the groups of this host are others"
    };
    let path = path.map(|wording| {
        Lacking::new("no path of a control group", &wording, Some(why), |row| {
            let path = || (FieldId::Cgroup.field().extract)(row);
            row.socket.cgroup.is_some() && path().is_unknown()
        })
    });
    let none = group.map(|wording| {
        let mut lacking = Lacking::new(
            "no control group",
            &wording,
            Some("the kernel tells those of IP sockets only"),
            |row| !row.socket.family.is_ip(),
        );
        // No other way of asking would tell them.
        lacking.asked = false;
        lacking
    });
    path.into_iter().chain(none)
}

/// That BPF storage was asked for of these tables, and of the sockets of some of them the kernel tells none.
pub(super) fn storage_gap(tables: TableSet, asked: &Asked, closing: &Closing) -> Option<Notice> {
    let is_told = |notice: &Notice| matches!(notice, Notice::StorageUntold { .. });
    if !details_of(asked, false, Protocol::Tcp, |_| false).has(DetailSet::BPF_STORAGE)
        || closing.notices.iter().any(is_told)
    {
        return None;
    }
    let untold = closing.tables.iter().filter(|report| {
        report.source == SourceKind::Netlink
            && report.records > 0
            && tables.contains(report.table)
            && !BpfStorage::is_told_of(report.table.protocol)
    });
    let mut protocols: Vec<_> = untold.map(|report| report.table.protocol).collect();
    protocols.dedup();
    (!protocols.is_empty()).then_some(Notice::StorageUntold {
        gap: StorageGap::Protocols(protocols),
    })
}
