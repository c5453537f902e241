//! Everything that matches, in memory, with who holds it: for lists that are sorted, and for every question about owners.

use super::owners_hidden;
use super::told::{Told, is_kept_by_the_kernel};
use crate::analysis::best::Best;
use crate::analysis::order::Sort;
use crate::cli::args::CollectArgs;
use crate::cli::env::Env;
use crate::cli::plan;
use crate::collect::names::SystemNames;
use crate::collect::{
    self, Collected, Sink,
    owners::{find_all_owners, find_owners},
};
use crate::error::Error;
use crate::filter::{Filter, Truth};
use crate::model::{
    Conditions, Context, FieldId, Listeners, Notice, OwnerTable, Owners, Query, Row, ScanReport,
    Socket, SourceChoice, StateMasks, StateSet, Table, Value, Why,
};
use crate::render::Closing;
use std::ops::ControlFlow;

/// Sockets that match, and what is known around them.
pub(super) struct Gathered {
    pub(super) sockets: Vec<Socket>,
    /// How many more there are, if only the first were wanted.
    pub(super) left_out: usize,
    pub(super) owners: Option<OwnerTable>,
    pub(super) collected: Collected,
    pub(super) tally: Tally,
}

/// Collects every socket that matches, and its owners if the query asks for them.
pub(super) fn gather(
    query: &Query,
    filter: &Filter,
    names: &SystemNames,
) -> Result<Gathered, Error> {
    let told = &mut Told::default();
    gather_first(query, filter, names, &Sort::None, usize::MAX, told)
}

/// Collects at least those sockets that come first in an order, as many as `rows`. Where owners decide which they are, all are collected.
/// `told` counts all that were put in order.
pub(super) fn gather_first(
    query: &Query,
    filter: &Filter,
    names: &SystemNames,
    sort: &Sort,
    rows: usize,
    told: &mut Told,
) -> Result<Gathered, Error> {
    let owners_decide = filter.needs_owners || sort.needs_owners();
    let rows = if owners_decide { usize::MAX } else { rows };
    let context = Context {
        owners: None,
        names,
    };
    let mut buffer = Buffer {
        filter,
        context,
        sockets: Best::new(sort, context, rows),
        tally: Tally::default(),
        told,
    };
    let mut collected = collect::collect(query, &mut buffer).map_err(Error::Source)?;
    let Buffer {
        sockets,
        mut tally,
        told,
        ..
    } = buffer;
    let (mut sockets, left_out) = sockets.finish();
    let listeners = std::mem::take(&mut collected.listeners);
    let owners = owners_of(query, &sockets, listeners);
    if filter.needs_owners {
        let context = Context {
            owners: owners.as_ref(),
            names,
        };
        sockets.retain(|socket| {
            let row = Row { socket, context };
            let passes = tally.passes(filter, row);
            if passes {
                told.order(row);
            }
            passes
        });
    }
    Ok(Gathered {
        sockets,
        left_out,
        owners,
        collected,
        tally,
    })
}

impl Gathered {
    /// The context of the sockets.
    pub(super) fn context<'a>(&'a self, names: &'a SystemNames) -> Context<'a> {
        Context {
            owners: self.owners.as_ref(),
            names,
        }
    }
}

/// Names that fit the sockets that will be read: of this host, or of a host that only left a dump.
pub(super) fn names_for(args: &CollectArgs, env: &dyn Env) -> SystemNames {
    if plan::reads_dump(args, env) {
        SystemNames::of_another_host()
    } else {
        SystemNames::new()
    }
}

/// Whether the query's sockets are this host's, whose processes can be looked at.
pub(super) const fn is_live(query: &Query) -> bool {
    !matches!(query.source, SourceChoice::Dump { .. })
}

/// The owners of rows that were collected: only those are looked for.
fn owners_of(query: &Query, sockets: &[Socket], listeners: Listeners) -> Option<OwnerTable> {
    if !query.owners {
        return None;
    }
    if !is_live(query) {
        return Some(unknown_owners(listeners));
    }
    Some(find_owners(query, sockets, listeners))
}

/// A saved dump tells why some sockets have no owner, and of the others nothing.
fn unknown_owners(listeners: Listeners) -> OwnerTable {
    let mut table = OwnerTable::new();
    table.set_listeners(listeners);
    table.set_report(ScanReport {
        failed: Some("a saved dump does not say which processes hold its sockets".to_owned()),
        saved: true,
        ..ScanReport::default()
    });
    table
}

/// The owners of every socket there is, for rows that are yet to come.
pub(super) fn owners_before(query: &Query) -> Option<OwnerTable> {
    if !query.owners {
        return None;
    }
    if !is_live(query) {
        return Some(unknown_owners(Listeners::default()));
    }
    // Rows that pass at once are explained by listeners that come after them, so these are asked for first.
    let listening = Query {
        tables: query
            .tables
            .filter(|table| table.protocol.queues_connections()),
        states: StateMasks::same(StateSet::LISTEN),
        conditions: Conditions::default(),
        ..query.clone()
    };
    let listeners = collect::collect(&listening, &mut Nowhere)
        .map(|collected| collected.listeners)
        .unwrap_or_default();
    Some(find_all_owners(listeners))
}

/// A sink for a dump of which only the listeners matter.
struct Nowhere;

impl Sink for Nowhere {
    fn push(&mut self, _: &mut Socket) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        0
    }

    fn take_back(&mut self, _: usize) -> bool {
        true
    }
}

/// What is counted while rows pass.
#[derive(Default)]
pub(super) struct Tally {
    hidden: u64,
    unknown: u64,
    /// The fields that were unknown, and whether for lack of rights.
    unknown_fields: Vec<(&'static str, bool)>,
    /// Those of the filter that were not so far; `None` before anything was.
    other_fields: Option<Vec<FieldId>>,
    /// What `unknown` was at the mark, and how many fields were.
    marked: (u64, usize),
}

impl Tally {
    /// Whether rows were left out because nobody knows.
    pub(super) const fn doubts(&self) -> bool {
        self.unknown > 0
    }

    /// Whether `row` is to be shown; counts rows left out because nobody knows.
    pub(super) fn passes(&mut self, filter: &Filter, row: Row<'_>) -> bool {
        match filter.matches(row) {
            Truth::True => true,
            Truth::False => false,
            Truth::Unknown => {
                self.unknown += 1;
                self.note_unknown(filter, row);
                false
            }
        }
    }

    /// Remembers what was unknown of a row.
    #[cold]
    fn note_unknown(&mut self, filter: &Filter, row: Row<'_>) {
        let unknown = &mut self.unknown_fields;
        let fields = self.other_fields.get_or_insert_with(|| {
            let mut fields = filter.fields();
            fields.retain(|id| unknown.iter().all(|(name, _)| *name != id.field().name));
            fields
        });
        fields.retain(|id| {
            let field = id.field();
            let value = (field.extract)(row);
            if value.is_unknown() {
                let kept = matches!(value, Value::Unknown(Why::Permission));
                unknown.push((field.name, kept && is_kept_by_the_kernel(*id)));
            }
            !value.is_unknown()
        });
    }

    /// Marks a place to go back to.
    pub(super) const fn mark(&mut self) {
        self.marked = (self.unknown, self.unknown_fields.len());
    }

    /// Forgets the rows that were left out since the mark.
    pub(super) fn take_back(&mut self) {
        let fields;
        (self.unknown, fields) = self.marked;
        self.unknown_fields.truncate(fields);
        self.other_fields = None;
    }

    /// Counts a row that is shown, or that owners put in its place.
    pub(super) fn show(&mut self, row: Row<'_>) {
        let may_be_hidden = row
            .context
            .owners
            .is_some_and(|table| table.report().hides());
        if may_be_hidden && matches!(row.owners(), Owners::Hidden) {
            self.hidden += 1;
        }
    }

    pub(super) fn report(self, owners: Option<&OwnerTable>) -> Vec<Notice> {
        let mut notices = Vec::new();
        if self.unknown > 0 {
            notices.push(Notice::FilterUnknown {
                count: self.unknown,
                fields: self.unknown_fields,
            });
        }
        if self.hidden > 0 {
            let default = ScanReport::default();
            let report = owners.map_or(&default, OwnerTable::report);
            notices.push(owners_hidden(self.hidden, report));
        }
        notices
    }
}

/// Keeps the rows that pass the filter.
struct Buffer<'a> {
    filter: &'a Filter,
    context: Context<'a>,
    sockets: Best<'a>,
    tally: Tally,
    told: &'a mut Told,
}

impl Sink for Buffer<'_> {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        let row = Row {
            socket,
            context: self.context,
        };
        // Without owners, what asks for them is unknown.
        let may_pass = match self.filter.needs_owners {
            true => self.filter.matches(row) != Truth::False,
            false => {
                let passes = self.tally.passes(self.filter, row);
                if passes {
                    self.told.order(row);
                }
                passes
            }
        };
        if may_pass {
            self.sockets.push(socket.take());
        }
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        self.tally.mark();
        self.told.mark();
        self.sockets.mark()
    }

    fn take_back(&mut self, _: usize) -> bool {
        self.sockets.take_back();
        self.tally.take_back();
        self.told.take_back();
        true
    }
}

/// Keeps the rows that something is true of.
pub(super) struct Kept<F> {
    is_wanted: F,
    pub(super) sockets: Vec<Socket>,
}

impl<F: Fn(&Socket) -> bool> Kept<F> {
    /// Those that `is_wanted` is true of.
    pub(super) const fn of(is_wanted: F) -> Self {
        Self {
            is_wanted,
            sockets: Vec::new(),
        }
    }
}

impl<F: Fn(&Socket) -> bool> Sink for Kept<F> {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        if (self.is_wanted)(socket) {
            self.sockets.push(socket.take());
        }
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        self.sockets.len()
    }

    fn take_back(&mut self, mark: usize) -> bool {
        self.sockets.truncate(mark);
        true
    }
}

/// Tables of which rows may be missing.
pub(super) fn missing(query: &Query, closing: &Closing) -> Vec<Table> {
    let read = |table: &Table| closing.tables.iter().any(|report| report.table == *table);
    let unsure = |table: &Table| {
        closing.notices.iter().any(|notice| match notice {
            Notice::Interrupted { table: t }
            | Notice::Broken { table: t, .. }
            | Notice::Undecodable { table: t, .. } => t == table,
            _ => false,
        })
    };
    let tables = query.tables.iter();
    tables.filter(|t| !read(t) || unsure(t)).collect()
}
