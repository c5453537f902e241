//! `portctl top`.

use super::gather::{Tally, gather, names_for};
use super::resolver::SystemResolver;
use super::told::{self, Told};
use super::{closing, finish, opening, order_error};
use crate::analysis::top::{Grouping, Sample, TopOrder, rank};
use crate::cli::args::TopArgs;
use crate::cli::env::{Env, Terminal};
use crate::cli::plan;
use crate::cli::plan_top::{self, TopPlan};
use crate::collect::names::SystemNames;
use crate::collect::{self, Sink};
use crate::error::Error;
use crate::exit::Exit;
use crate::filter::Filter;
use crate::model::{Context, FieldId, Notice, Row, Socket};
use crate::render::{Closing, TopOptions, top_json, top_text};
use crate::sys::stdout::Stdout;
use std::ops::ControlFlow;
use std::time::Instant;

pub(super) fn run(args: &TopArgs, env: &dyn Env, terminal: Terminal) -> Result<Exit, Error> {
    let names = names_for(&args.collect, env);
    let plan = plan_top::top(args, env, terminal, &SystemResolver(&names)).map_err(Error::Plan)?;
    let names = names.with(plan.query.details);
    let two_looks = plan.interval.is_some();
    let order = match &plan.sort {
        Some(text) => TopOrder::parse(text, &plan.by, two_looks).map_err(|error| {
            let fields = plan.by.iter().map(|id| id.field().name);
            order_error(error, |name| {
                plan::unknown_order(name, TopOrder::names().chain(fields))
            })
        })?,
        None => TopOrder::usual(two_looks),
    };
    let mut grouping = Grouping::new(&plan.by);
    let before = match plan.interval {
        Some(interval) => {
            let started = Instant::now();
            let look = look(&plan, &names, &mut grouping)?;
            std::thread::sleep(interval.saturating_sub(started.elapsed()));
            Some((look, started))
        }
        None => None,
    };
    let opening = opening(&plan.query, plan.json);
    let started = Instant::now();
    let now = look(&plan, &names, &mut grouping)?;
    let mut closing = now.closing;
    let before = before.map(|(look, at)| {
        closing.notices.extend(only_in(&closing, look.closing));
        (look.sample, started.duration_since(at))
    });
    let readings = plan.filter.warnings.iter().map(|w| Notice::FilterReading {
        explanation: w.message.clone(),
    });
    closing.notices.extend(readings);
    let earlier = before.as_ref().map(|(sample, time)| (sample, *time));
    let top = rank(grouping, earlier, &now.sample, &order, plan.limit);
    if two_looks && top.total.churn().is_none() {
        closing.notices.push(Notice::NotComputed {
            explanation: "which sockets are new is not known: sockets read from /proc/net have no \
                              cookie to find them again by"
                .to_owned(),
        });
    }
    let limited = (top.more > 0).then_some(Notice::Limited {
        of: ("group", "groups"),
        shown: top.groups.len() as u64,
        more: Some(top.more),
        remedy: "a larger -n, or all, shows them",
    });
    closing.notices.extend(limited);
    if plan.json {
        top_json(&mut Stdout, &opening, &top, &closing, &names)?;
    } else {
        let options = TopOptions {
            header: plan.header,
            width: plan.width,
        };
        let late = top_text(&mut Stdout, &top, &closing, &names, options)?;
        closing.notices.extend(late);
        if plan.header {
            // The line of totals says it.
            let limited = |n: &Notice| matches!(n, Notice::Limited { .. });
            closing.notices.retain(|n| !limited(n));
        }
    }
    Ok(finish(&closing, plan.verbosity, plan.strict))
}

/// What the first look missed and the second did not: numbers that compare the two lack it.
fn only_in(now: &Closing, before: Closing) -> Vec<Notice> {
    let same = |a: &Notice, b: &Notice| std::mem::discriminant(a) == std::mem::discriminant(b);
    let mut notices = before.notices;
    notices.retain(|notice| {
        notice.means_incomplete() && !now.notices.iter().any(|known| same(known, notice))
    });
    notices
}

/// The sockets of one moment, in groups.
struct Look {
    sample: Sample,
    closing: Closing,
}

fn look(plan: &TopPlan, names: &SystemNames, grouping: &mut Grouping) -> Result<Look, Error> {
    let mut sample = Sample::default();
    let addresses = [FieldId::Local, FieldId::Src, FieldId::Exposure];
    let addresses = plan.by.iter().any(|field| addresses.contains(field));
    let mut told = Told::new(&plan.query, &plan.asked, addresses);
    let (collected, notices) = if plan.query.owners {
        let mut all = gather(&plan.query, &plan.filter, names)?;
        let mut tally = std::mem::take(&mut all.tally);
        let context = all.context(names);
        for socket in &all.sockets {
            let row = Row { socket, context };
            tally.show(row);
            told.show(row);
            grouping.add(row, &mut sample);
        }
        let notices = tally.report(all.owners.as_ref());
        (all.collected, notices)
    } else {
        let mut groups = Groups {
            filter: &plan.filter,
            context: Context {
                owners: None,
                names,
            },
            tally: Tally::default(),
            told: &mut told,
            grouping,
            sample,
        };
        let collected = collect::collect(&plan.query, &mut groups).map_err(Error::Source)?;
        sample = groups.sample;
        (collected, groups.tally.report(None))
    };
    let mut closing = closing(&plan.query, collected)?;
    closing.notices.extend(told.notices(&closing.tables));
    closing
        .notices
        .extend(told::storage_gap(plan.query.tables, &plan.asked, &closing));
    closing.notices.extend(notices);
    Ok(Look { sample, closing })
}

/// Puts rows that pass the filter into groups as they come.
struct Groups<'a> {
    filter: &'a Filter,
    context: Context<'a>,
    tally: Tally,
    told: &'a mut Told,
    grouping: &'a mut Grouping,
    sample: Sample,
}

impl Sink for Groups<'_> {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        let row = Row {
            socket,
            context: self.context,
        };
        if self.tally.passes(self.filter, row) {
            self.told.show(row);
            self.grouping.add(row, &mut self.sample);
        }
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        self.tally.mark();
        self.told.mark();
        self.sample.len()
    }

    fn take_back(&mut self, mark: usize) -> bool {
        self.tally.take_back();
        self.told.take_back();
        self.sample.truncate(mark);
        true
    }
}
