//! `portctl summary`.

use super::{closing, finish, opening};
use crate::analysis::SummaryBuilder;
use crate::cli::args::SummaryArgs;
use crate::cli::env::Env;
use crate::cli::plan;
use crate::collect::{self, Sink};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{Notice, Socket, SourceChoice};
use crate::render::{summary_json, summary_text};
use crate::sys::stdout::Stdout;
use std::ops::ControlFlow;

pub(super) fn run(args: &SummaryArgs, env: &dyn Env) -> Result<Exit, Error> {
    let query = plan::everything(&args.collect, env);
    let opening = opening(&query, args.json);
    let mut counter = Counter::default();
    let collected = collect::collect(&query, &mut counter).map_err(Error::Source)?;
    let mut closing = closing(&query, collected)?;
    closing.notices.push(Notice::NotComputed {
        explanation: "how many more connections each flow can make is not computed yet".to_owned(),
    });
    // A dump says nothing about the settings of the host it comes from.
    let ephemeral = match query.source {
        SourceChoice::Dump(_) => None,
        _ => collect::limits::ephemeral_ports(),
    };
    let summary = counter.finish().finish(ephemeral);
    if args.json {
        summary_json(&mut Stdout, &opening, &summary, &closing)?;
    } else {
        let width = plan::screen_width(args.width, env, super::terminal());
        summary_text(&mut Stdout, &summary, &closing, width)?;
    }
    // The text says it where the number is missed.
    closing
        .notices
        .retain(|n| !matches!(n, Notice::NotComputed { .. }));
    Ok(finish(
        &closing,
        plan::verbosity(&args.collect),
        args.collect.strict,
    ))
}

/// Counts rows as they come; those of the table being read apart, in case they must be taken back.
#[derive(Default)]
struct Counter {
    done: SummaryBuilder,
    table: SummaryBuilder,
}

impl Counter {
    fn finish(mut self) -> SummaryBuilder {
        self.done.merge(self.table);
        self.done
    }
}

impl Sink for Counter {
    fn push(&mut self, socket: Socket) -> ControlFlow<()> {
        self.table.add(&socket);
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        self.done.merge(std::mem::take(&mut self.table));
        0
    }

    fn take_back(&mut self, _: usize) -> bool {
        self.table = SummaryBuilder::new();
        true
    }
}
