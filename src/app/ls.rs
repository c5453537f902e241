//! `portctl ls`: either everything is collected, sorted and shown, or (`--sort none`) rows pass straight through. Counting
//! and asking whether there is any stop as early as they can.

use super::gather::{self, Tally, gather, gather_first, names_for, owners_before};
use super::resolver::SystemResolver;
use super::told::{self, Told};
use super::{closing, finish, opening, order_error};
use crate::analysis::order::Sort;
use crate::cli::args::LsArgs;
use crate::cli::env::{Env, Terminal};
use crate::cli::plan::{self, Answer, Format, LsPlan, PlanError, Verbosity};
use crate::collect::bpf_maps::{self, MapError};
use crate::collect::names::SystemNames;
use crate::collect::{self, Collected, Sink};
use crate::error::Error;
use crate::exit::Exit;
use crate::filter::Filter;
use crate::model::{Context, DetailSet, FieldId, Names, Notice, Row, Socket};
use crate::render::{CsvList, JsonList, List, NdjsonList, TableList, TableOptions};
use crate::sys::stdout::Stdout;
use std::io::{self, Write};
use std::ops::ControlFlow;

pub(super) fn run(args: &LsArgs, env: &dyn Env, terminal: Terminal) -> Result<Exit, Error> {
    let names = names_for(&args.collect, env);
    let mut plan = plan::ls(args, env, terminal, &SystemResolver(&names)).map_err(Error::Plan)?;
    let sort = match &plan.sort {
        Some(text) => Sort::parse(text)
            .map_err(|error| order_error(error, |name| plan::unknown_field("--sort", name)))?,
        None => Sort::Default,
    };
    plan.query.details = plan.query.details.or(sort.needs_details());
    if gather::is_live(&plan.query) {
        check_maps(&plan.query.bpf_maps).map_err(Error::Plan)?;
    }
    if plan.answer == Answer::Rows {
        plan.query.owners |= sort.needs_owners();
        // What a program reads should not need a second question; for a person the name is enough.
        if plan.query.owners && matches!(plan.format, Format::Json | Format::Ndjson) {
            plan.query.details = plan.query.details.or(DetailSet::COMMAND);
        }
    }
    let names = names.with(plan.query.details);
    if let Some(path) = &args.dump {
        // What is missing in a dump says that there is none: whoever reads it must know that it was asked for.
        plan.query.details = plan.query.details.or(DetailSet::OWN);
        return super::save::run(&plan, path, &names, &args.unsaved());
    }
    match plan.answer {
        Answer::Rows => rows(plan, &sort, &names),
        Answer::Count => count(&plan, &names),
        Answer::Exists => exists(&plan, &names),
    }
}

fn rows(mut plan: LsPlan, sort: &Sort, names: &SystemNames) -> Result<Exit, Error> {
    let no_contexts = names.has_no_contexts();
    if no_contexts {
        let contexts = DetailSet::CONTEXT.or(DetailSet::SOCKET_CONTEXT);
        plan.query.details = plan.query.details.without(contexts);
        if !plan.columns_named {
            plan.columns.retain(|column| {
                !matches!(column.field, FieldId::Context | FieldId::SocketContext)
            });
        }
    }
    let opening = opening(&plan.query, plan.format == Format::Json);
    let streaming = matches!(sort, Sort::None) && !plan.filter.needs_owners;
    let mut list = list(&plan, streaming);
    let limit = plan.limit.map_or(usize::MAX, to_usize);
    let mut told = Told::new(&plan.query, &plan.asked, true);
    let (collected, tally, limited) = if streaming {
        let owners = owners_before(&plan.query);
        let mut stream = Stream {
            list: &mut *list,
            filter: &plan.filter,
            context: Context {
                owners: owners.as_ref(),
                names,
            },
            tally: Tally::default(),
            told: &mut told,
            rows: 0,
            limit,
            failed: None,
        };
        stream.list.open(&opening)?;
        let collected = collect::collect(&plan.query, &mut stream).map_err(Error::Source)?;
        let limited = (stream.rows == limit).then(|| limited(limit, None));
        let Stream { tally, failed, .. } = stream;
        if let Some(error) = failed {
            return Err(error.into());
        }
        (collected, tally.report(owners.as_ref()), limited)
    } else {
        let mut all = gather_first(&plan.query, &plan.filter, names, sort, limit, &mut told)?;
        let mut tally = std::mem::take(&mut all.tally);
        let context = all.context(names);
        list.open(&opening)?;
        let owners_decide = sort.needs_owners();
        if owners_decide {
            // Those of rows that are not shown decided which are.
            for socket in &all.sockets {
                tally.show(Row { socket, context });
            }
        }
        let positions = sort.positions(&all.sockets, context);
        for position in positions.get(..limit).unwrap_or(&positions) {
            let Some(socket) = all.sockets.get(*position as usize) else {
                continue;
            };
            let row = Row { socket, context };
            if !owners_decide {
                tally.show(row);
            }
            told.show_in_order(row);
            list.row(row)?;
        }
        let more = all.left_out + all.sockets.len().saturating_sub(limit);
        let limited = (more > 0).then(|| limited(limit, Some(more)));
        let notices = tally.report(all.owners.as_ref());
        (all.collected, notices, limited)
    };
    let mut closing = closing(&plan.query, collected)?;
    closing
        .notices
        .extend(no_contexts.then(|| Notice::NotComputed {
            explanation: "SELinux is off on this host: there are no security contexts".to_owned(),
        }));
    closing.notices.extend(told.notices(&closing.tables));
    closing
        .notices
        .extend(told::storage_gap(plan.query.named, &plan.asked, &closing));
    closing.notices.extend(readings(&plan));
    closing.notices.extend(tally);
    closing.notices.extend(limited);
    let late = list.close(&closing)?;
    closing.notices.extend(late);
    Ok(finish(&closing, plan.verbosity, plan.strict))
}

/// Whether each of these maps can be asked for.
fn check_maps(ids: &[u32]) -> Result<(), PlanError> {
    let (id, problem, hint) = match bpf_maps::check(ids) {
        Ok(()) => return Ok(()),
        Err(MapError::Missing(id)) => (
            id,
            "there is no such BPF map",
            "the ids of those there are: bpftool map show; or the values of all maps: --bpf-maps",
        ),
        Err(MapError::OtherType(id)) => (
            id,
            "this map's values do not belong to sockets",
            "those whose values do: bpftool map show, where it says sk_storage",
        ),
    };
    Err(PlanError::Option {
        option: "--bpf-map-id",
        problem: format!("{id}: {problem}"),
        hint,
    })
}

/// Prints how many sockets match, and nothing else.
fn count(plan: &LsPlan, names: &SystemNames) -> Result<Exit, Error> {
    let (count, collected, tally) = if plan.filter.needs_owners {
        let all = gather(&plan.query, &plan.filter, names)?;
        (all.sockets.len(), all.collected, all.tally)
    } else {
        matches(plan, names, usize::MAX)?
    };
    let mut closing = closing(&plan.query, collected)?;
    closing.notices.extend(readings(plan));
    closing.notices.extend(tally.report(None));
    Stdout.write_all(format!("{count}\n").as_bytes())?;
    Ok(finish(&closing, plan.verbosity, plan.strict))
}

/// Says by the exit code whether a socket matches. "No" is only said when nothing could have been missed, be it in a table that the
/// kernel can neither list nor count.
fn exists(plan: &LsPlan, names: &SystemNames) -> Result<Exit, Error> {
    let (count, collected, tally) = if plan.filter.needs_owners {
        let all = gather(&plan.query, &plan.filter, names)?;
        (all.sockets.len(), all.collected, all.tally)
    } else {
        matches(plan, names, 1)?
    };
    let mut closing = closing(&plan.query, collected)?;
    let is_unlisted = |notice: &Notice| matches!(notice, Notice::Unlisted { .. });
    let doubts = tally.doubts() || closing.notices.iter().any(is_unlisted);
    let answer = match count {
        0 if closing.is_complete() && !doubts => Exit::No,
        0 => Exit::Incomplete,
        _ => Exit::Done,
    };
    // The code is the answer; what else there is to say was not asked for.
    if plan.verbosity == Verbosity::Verbose {
        closing.notices.extend(readings(plan));
        if count == 0 {
            closing.notices.extend(tally.report(None));
        }
        finish(&closing, plan.verbosity, false);
    }
    Ok(answer)
}

/// Counts the sockets that match, up to `enough`.
fn matches(
    plan: &LsPlan,
    names: &SystemNames,
    enough: usize,
) -> Result<(usize, Collected, Tally), Error> {
    let mut counter = Counter {
        filter: &plan.filter,
        context: Context {
            owners: None,
            names,
        },
        tally: Tally::default(),
        count: 0,
        enough,
    };
    let collected = collect::collect(&plan.query, &mut counter).map_err(Error::Source)?;
    Ok((counter.count, collected, counter.tally))
}

/// What the reader should know about how the filter was read.
fn readings(plan: &LsPlan) -> impl Iterator<Item = Notice> {
    plan.filter.warnings.iter().map(|w| Notice::FilterReading {
        explanation: w.message.clone(),
    })
}

fn limited(shown: usize, more: Option<usize>) -> Notice {
    Notice::Limited {
        of: ("row", "rows"),
        shown: shown as u64,
        more: more.map(|n| n as u64),
        remedy: "a larger --limit, or none, shows them",
    }
}

/// No list is longer than memory, whatever its limit.
fn to_usize(limit: u64) -> usize {
    limit.try_into().unwrap_or(usize::MAX)
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
                columns_named: plan.columns_named,
                header: plan.header,
                width: plan.width,
                streaming,
                colour: plan.colour,
                text: plan.text,
                details: plan.details,
                record: plan.record,
            },
        )),
    }
}

/// Shows the rows that pass the filter at once, and wants no more than `limit`.
struct Stream<'a> {
    list: &'a mut dyn List,
    filter: &'a Filter,
    context: Context<'a>,
    tally: Tally,
    told: &'a mut Told,
    rows: usize,
    limit: usize,
    failed: Option<io::Error>,
}

impl Sink for Stream<'_> {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        let row = Row {
            socket,
            context: self.context,
        };
        if !self.tally.passes(self.filter, row) {
            return ControlFlow::Continue(());
        }
        self.rows += 1;
        self.tally.show(row);
        self.told.show(row);
        match self.list.row(row) {
            Ok(()) if self.rows < self.limit => ControlFlow::Continue(()),
            Ok(()) => ControlFlow::Break(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn mark(&mut self) -> usize {
        self.tally.mark();
        self.rows
    }

    fn take_back(&mut self, mark: usize) -> bool {
        let nothing_is_out = self.rows == mark;
        if nothing_is_out {
            self.tally.take_back();
        }
        nothing_is_out
    }
}

/// Counts the rows that pass the filter.
struct Counter<'a> {
    filter: &'a Filter,
    context: Context<'a>,
    tally: Tally,
    count: usize,
    enough: usize,
}

impl Sink for Counter<'_> {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        let row = Row {
            socket,
            context: self.context,
        };
        self.count += usize::from(self.tally.passes(self.filter, row));
        if self.count >= self.enough {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn mark(&mut self) -> usize {
        self.tally.mark();
        self.count
    }

    fn take_back(&mut self, mark: usize) -> bool {
        self.count = mark;
        self.tally.take_back();
        true
    }
}
