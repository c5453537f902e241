//! `portctl ls`: either everything is collected, sorted and shown, or (`--sort none`) rows pass straight through.

use super::resolver::SystemResolver;
use super::{closing, finish, opening, owners_hidden};
use crate::analysis::order::Sort;
use crate::cli::args::LsArgs;
use crate::cli::env::{Env, Terminal};
use crate::cli::plan::{self, Format, LsPlan};
use crate::collect::names::SystemNames;
use crate::collect::{
    self, Sink,
    owners::{find_all_owners, find_owners},
};
use crate::error::Error;
use crate::exit::Exit;
use crate::filter::{Filter, Truth};
use crate::model::{
    Context, Listeners, Notice, OwnerTable, Owners, Query, Row, ScanReport, Socket, SourceChoice,
    StateMasks, StateSet,
};
use crate::render::{CsvList, JsonList, List, NdjsonList, TableList, TableOptions};
use crate::sys::stdout::Stdout;
use std::io;
use std::ops::ControlFlow;

pub(super) fn run(args: &LsArgs, env: &dyn Env, terminal: Terminal) -> Result<Exit, Error> {
    let names = SystemNames::new();
    let mut plan = plan::ls(args, env, terminal, &SystemResolver(&names)).map_err(Error::Plan)?;
    let names = if is_live(&plan.query) {
        names
    } else {
        SystemNames::of_another_host()
    };
    if let Some(path) = &args.dump {
        return super::save::run(&plan, path, &names);
    }
    let sort = match &plan.sort {
        Some(text) => {
            Sort::parse(text).map_err(|name| Error::Plan(plan::unknown_field("--sort", name)))?
        }
        None => Sort::Default,
    };
    plan.query.owners |= sort.needs_owners();
    let opening = opening(&plan.query, plan.format == Format::Json);
    let streaming = matches!(sort, Sort::None) && !plan.filter.needs_owners;
    let mut list = list(&plan, streaming);
    let (collected, tally) = if streaming {
        let owners = owners_before(&plan.query);
        let mut stream = Stream {
            list: &mut *list,
            filter: &plan.filter,
            context: Context {
                owners: owners.as_ref(),
                names: &names,
            },
            tally: Tally::default(),
            rows: 0,
            failed: None,
        };
        stream.list.open(&opening)?;
        let collected = collect::collect(&plan.query, &mut stream).map_err(Error::Source)?;
        let Stream { tally, failed, .. } = stream;
        if let Some(error) = failed {
            return Err(error.into());
        }
        (collected, tally.report(owners.as_ref()))
    } else {
        let mut buffer = Buffer {
            filter: &plan.filter,
            context: Context {
                owners: None,
                names: &names,
            },
            sockets: Vec::new(),
            tally: Tally::default(),
        };
        let mut collected = collect::collect(&plan.query, &mut buffer).map_err(Error::Source)?;
        let Buffer {
            sockets, mut tally, ..
        } = buffer;
        let listeners = std::mem::take(&mut collected.listeners);
        let owners = owners_of(&plan.query, &sockets, listeners);
        let context = Context {
            owners: owners.as_ref(),
            names: &names,
        };
        list.open(&opening)?;
        for position in sort.positions(&sockets, context) {
            let Some(socket) = sockets.get(position as usize) else {
                continue;
            };
            let row = Row { socket, context };
            if plan.filter.needs_owners && !tally.passes(&plan.filter, row) {
                continue;
            }
            tally.show(row);
            list.row(row)?;
        }
        (collected, tally.report(owners.as_ref()))
    };
    let mut closing = closing(&plan.query, collected)?;
    let readings = plan.filter.warnings.iter().map(|w| Notice::FilterReading {
        explanation: w.message.clone(),
    });
    closing.notices.extend(readings);
    closing.notices.extend(tally);
    let late = list.close(&closing)?;
    closing.notices.extend(late);
    Ok(finish(&closing, plan.verbosity, plan.strict))
}

fn list(plan: &LsPlan, streaming: bool) -> Box<dyn List> {
    match plan.format {
        Format::Json => Box::new(JsonList::new(Stdout)),
        Format::Ndjson => Box::new(NdjsonList::new(Stdout)),
        Format::Csv => Box::new(CsvList::new(
            Stdout,
            plan.columns.clone(),
            plan.header,
            plan.text,
        )),
        Format::Table => Box::new(TableList::new(
            Stdout,
            TableOptions {
                columns: plan.columns.clone(),
                // Without a heading nobody could tell which columns are left.
                may_drop: !plan.columns_named && plan.header,
                header: plan.header,
                width: plan.width,
                streaming,
                colour: plan.colour,
                text: plan.text,
            },
        )),
    }
}

/// Whether the query's sockets are this host's, whose processes can be looked at.
const fn is_live(query: &Query) -> bool {
    !matches!(query.source, SourceChoice::Dump(_))
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
        ..ScanReport::default()
    });
    table
}

/// The owners of every socket there is, for rows that are yet to come.
fn owners_before(query: &Query) -> Option<OwnerTable> {
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
    fn push(&mut self, _: Socket) -> ControlFlow<()> {
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
struct Tally {
    hidden: u64,
    unknown: u64,
}

impl Tally {
    /// Whether `row` is to be shown; counts rows left out because nobody knows.
    fn passes(&mut self, filter: &Filter, row: Row<'_>) -> bool {
        match filter.matches(row) {
            Truth::True => true,
            Truth::False => false,
            Truth::Unknown => {
                self.unknown += 1;
                false
            }
        }
    }

    /// Counts a row that is shown.
    fn show(&mut self, row: Row<'_>) {
        let may_be_hidden = row
            .context
            .owners
            .is_some_and(|table| table.report().hides());
        if may_be_hidden && matches!(row.owners(), Owners::Hidden) {
            self.hidden += 1;
        }
    }

    fn report(self, owners: Option<&OwnerTable>) -> Vec<Notice> {
        let mut notices = Vec::new();
        if self.unknown > 0 {
            notices.push(Notice::FilterUnknown {
                count: self.unknown,
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
    sockets: Vec<Socket>,
    tally: Tally,
}

impl Sink for Buffer<'_> {
    fn push(&mut self, socket: Socket) -> ControlFlow<()> {
        let row = Row {
            socket: &socket,
            context: self.context,
        };
        if self.filter.needs_owners || self.tally.passes(self.filter, row) {
            self.sockets.push(socket);
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

/// Shows the rows that pass the filter at once.
struct Stream<'a> {
    list: &'a mut dyn List,
    filter: &'a Filter,
    context: Context<'a>,
    tally: Tally,
    rows: usize,
    failed: Option<io::Error>,
}

impl Sink for Stream<'_> {
    fn push(&mut self, socket: Socket) -> ControlFlow<()> {
        let row = Row {
            socket: &socket,
            context: self.context,
        };
        if !self.tally.passes(self.filter, row) {
            return ControlFlow::Continue(());
        }
        self.rows += 1;
        self.tally.show(row);
        match self.list.row(row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn mark(&mut self) -> usize {
        self.rows
    }

    fn take_back(&mut self, mark: usize) -> bool {
        self.rows == mark
    }
}
