//! `portctl kill`: chooses sockets, says what ending them takes, asks, makes sure that nothing has changed, and does it.
//!
//! `choice` finds the sockets, `end` the processes and ends them, `after` watches the ports then; `close` closes sockets instead.

mod after;
mod choice;
mod close;
mod end;

use super::{finish, say, terminal, write_all};
use crate::cli::env::Env;
use crate::cli::kill::KillArgs;
use crate::cli::plan::Verbosity;
use crate::collect::names::SystemNames;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::Notice;
use crate::render::prose::fit;
use crate::sys;
use choice::Choice;
use close::close;
use end::end;
use std::io;

/// So many sockets are named where they are only examples.
const NAMED: usize = 3;

pub(super) fn run(args: &KillArgs, env: &dyn Env) -> Result<Exit, Error> {
    let names = SystemNames::new();
    let choice = Choice::new(args, env, &names)?;
    let found = choice.find(&names)?;
    let verbosity = if args.quiet {
        Verbosity::Quiet
    } else {
        Verbosity::Normal
    };
    finish(&found.closing, verbosity, false);
    if found.sockets.is_empty() {
        if !args.quiet {
            say(&choice.nothing(&names, args.sockets)?);
        }
        // What is missing, or what nobody may see, may have matched.
        return Ok(if found.closing.notices.iter().any(Notice::leaves_doubt) {
            Exit::Failed
        } else {
            Exit::No
        });
    }
    let missing = choice.unmatched(&found.sockets);
    if !missing.is_empty() && !args.quiet {
        for question in &missing {
            say(&choice.no_match(question, &names, args.sockets)?);
        }
    }
    let done = if args.sockets {
        close(args, &choice, &names, &found)?
    } else {
        end(args, &choice, &names, &found)?
    };
    Ok(if missing.is_empty() {
        done
    } else {
        worse(done, Exit::No)
    })
}

/// How it ends without anything done; `None` if it is to be done: `--yes`, or a person at a terminal says so.
fn unconfirmed(args: &KillArgs, question: &str) -> Result<Option<Exit>, Error> {
    if args.yes {
        return Ok(None);
    }
    if !sys::terminal::can_ask() {
        say(
            "error: there is nobody to ask (no terminal), and nothing was done\n\
             hint: --yes does it without asking, --dry-run only prints what would be done\n",
        );
        return Ok(Some(Exit::Usage));
    }
    say(&format!("{question} [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    let yes = ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str());
    if !yes {
        say("nothing was done\n");
    }
    Ok((!yes).then_some(Exit::No))
}

/// Prints what would be done, in lines that fit a terminal.
fn print(plan: &str) -> Result<(), Error> {
    let plan = match terminal().width {
        Some(width) => fit(plan, width),
        None => plan.to_owned(),
    };
    Ok(write_all(plan.as_bytes())?)
}

/// Says what went well, unless nobody wants to hear it.
fn tell(args: &KillArgs, text: &str) {
    if !args.quiet {
        say(text);
    }
}

fn worse(one: Exit, other: Exit) -> Exit {
    if one.number() < other.number() {
        other
    } else {
        one
    }
}

fn words(errno: i32) -> String {
    crate::error::os_words(&io::Error::from_raw_os_error(errno))
}
