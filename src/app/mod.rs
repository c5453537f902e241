//! The only wiring: command line → plan → collect → filter → sort → render, and what is said on standard error.

mod complete;
mod free;
mod gather;
mod headroom;
mod kill;
mod ls;
mod resolver;
mod save;
mod summary;
mod told;
mod told_of_proc;
mod top;
mod wait;
mod why;

use crate::analysis::order::OrderError;
use crate::cli::args::{Cli, Command, LsArgs};
use crate::cli::env::{ProcessEnv, Terminal};
use crate::cli::plan::{self, PlanError, Verbosity};
use crate::cli::{docs, topics};
use crate::collect::{self, Collected};
use crate::error::Error;
use crate::exit::Exit;
use crate::filter;
use crate::model::{Barrier, NetNs, Notice, Query, SourceChoice, SourceKind, field_by_name};
use crate::render::escape::escape;
use crate::render::prose::{fit, reflow};
use crate::render::{Closing, Opening, schema};
use crate::sys;
use crate::sys::stdout::Stdout;
use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::time::SystemTime;

/// Runs portctl with these arguments, the program's name first.
#[must_use]
pub fn run(arguments: impl Iterator<Item = OsString>) -> Exit {
    sys::capabilities::put_down();
    if sys::capabilities::is_set_user_id() {
        say(
            "error: a set-user-ID bit would give every user all rights of another: give the program capabilities instead\n\
             help: portctl help capabilities\n",
        );
        return Exit::Failed;
    }
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_some_and(|first| means_ls(first)) {
        arguments.insert(1, "ls".into());
    }
    let asked = arguments.clone();
    let result = match Cli::read(values_joined(arguments).into_iter()) {
        Ok(cli) => command(cli),
        Err(error) if is_check(&asked) && error.use_stderr() => {
            let _ = parse_error(error);
            summary::unknown("the command line makes no sense")
        }
        Err(error) => parse_error(error),
    };
    result.unwrap_or_else(|error| {
        if error.is_closed_pipe() {
            return Exit::Done;
        }
        say(&error.message());
        error.exit()
    })
}

/// Whether a monitoring system asks, which knows other exit codes.
fn is_check(arguments: &[OsString]) -> bool {
    arguments.get(1).is_some_and(|command| command == "summary")
        && arguments.iter().any(|argument| argument == "--check")
}

/// Whether a first argument is an option of lists or begins a filter: `portctl -tan` is `portctl ls -tan`, and
/// `portctl state listen` is `portctl ls state listen`.
fn means_ls(first: &OsStr) -> bool {
    let own = ["-h", "--help", "-V", "--version"];
    first.as_encoded_bytes().starts_with(b"-") && !own.iter().any(|option| first == *option)
        || first.to_str().is_some_and(begins_filter)
}

fn begins_filter(text: &str) -> bool {
    let word = text
        .split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.'))
        .next()
        .unwrap_or_default();
    let negates = ["not", "exclude", "excl"];
    text.starts_with(['(', '!'])
        || negates.iter().any(|n| n.eq_ignore_ascii_case(word))
        || field_by_name(word).is_some()
}

/// Joins a value such as `-1` to the operator before it, with the blank that joins all words of a filter: else it would be taken for
/// an option.
fn values_joined(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let is_dashed = argument.as_encoded_bytes().starts_with(b"-");
        match joined.last_mut() {
            Some(last)
                if is_dashed
                    && !last.as_encoded_bytes().starts_with(b"-")
                    && last.to_str().is_some_and(filter::ends_in_operator) =>
            {
                last.push(" ");
                last.push(argument);
            }
            _ => joined.push(argument),
        }
    }
    joined
}

fn command(cli: Cli) -> Result<Exit, Error> {
    let net = match &cli.command {
        Some(Command::Ls(args)) => args.collect.net.as_deref(),
        Some(Command::Top(args)) => args.collect.net.as_deref(),
        Some(Command::Summary(args)) => args.collect.net.as_deref(),
        _ => None,
    };
    if let Some(namespace) = net {
        // Before anything is looked up: names of interfaces and settings are those of the namespace.
        sys::namespace::enter_network(namespace).map_err(Error::Namespace)?;
    }
    match cli.command {
        None => ls::run(&LsArgs::listeners(), &ProcessEnv, terminal()),
        Some(Command::Ls(args)) => ls::run(&args, &ProcessEnv, terminal()),
        Some(Command::Headroom(args)) => headroom::run(&args, &ProcessEnv),
        Some(Command::Top(args)) => top::run(&args, &ProcessEnv, terminal()),
        Some(Command::Summary(args)) => summary::run(&args, &ProcessEnv),
        Some(Command::Why(args)) => why::run(&args, &ProcessEnv),
        Some(Command::Free(args)) => free::run(&args),
        Some(Command::Wait(args)) => wait::run(&args),
        Some(Command::Kill(args)) => kill::run(&args, &ProcessEnv),
        Some(Command::Help { topic: None }) => {
            print(&Cli::command().render_long_help().to_string())
        }
        Some(Command::Help { topic: Some(name) }) => help(&name),
        Some(Command::Schema { document }) => print(schema(&document).unwrap_or_default()),
        Some(Command::Complete { shell, words }) => complete::run(shell, &words),
        Some(Command::Completions { shell }) => {
            write_all(&docs::completions(shell))?;
            Ok(Exit::Done)
        }
    }
}

fn help(name: &str) -> Result<Exit, Error> {
    if let Some(text) = topics::topic(name) {
        return print(&match terminal().width {
            Some(width) => reflow(&text, width).into(),
            None => text,
        });
    }
    let mut cli = Cli::command();
    cli.build();
    if let Some(command) = cli.find_subcommand_mut(name) {
        return print(&command.render_long_help().to_string());
    }
    Err(Error::UnknownTopic {
        similar: filter::closest(name, topics::TOPICS.iter().copied()),
        name: name.to_owned(),
    })
}

/// What to do instead of an option of `ss` that is not one of ours.
fn hint_for_ss(option: &str) -> Option<&'static str> {
    Some(match option {
        "-s" | "--summary" => "counts of sockets: portctl summary",
        "-E" | "--events" => "closed sockets are not reported yet; ss -E does that",
        "-K" | "--kill" => {
            "sockets are closed by portctl kill --sockets, processes ended by portctl kill"
        }
        _ => return None,
    })
}

fn parse_error(mut error: clap::Error) -> Result<Exit, Error> {
    // Help and the version are answers, everything else is an error.
    if !error.use_stderr() {
        return print(&error.render().to_string());
    }
    // That an option might be a value is no help: the few values that look so stand behind an operator.
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(Vec::new()));
    let hint = hint(&error);
    if hint.is_some() {
        // Not the option of ours that looks most like it: that does something else.
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::Usage);
    }
    // The words of the error hold what was typed. A newline in an argument must not start a line of ours.
    let contexts: Vec<_> = error
        .context()
        .map(|(kind, value)| (kind, value.clone()))
        .collect();
    for (kind, value) in contexts {
        if let ContextValue::String(words) = value {
            let words = escape(filter::brief(&words).as_bytes());
            error.insert(kind, ContextValue::String(words));
        }
    }
    let message = error.render().to_string().replace("\n\n\n", "\n\n");
    for line in message.lines() {
        // What is escaped already keeps its backslashes.
        say(&format!(
            "{}\n",
            escape(line.as_bytes()).replace("\\x5c", "\\")
        ));
    }
    if message.contains("--limit <GROUPS>") {
        say("hint: ports are always numbers here; -n takes how many groups to show\n");
    }
    if let Some(hint) = hint {
        say(&format!("hint: {hint}\n"));
    }
    Ok(Exit::Usage)
}

fn hint(error: &clap::Error) -> Option<&'static str> {
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) => hint_for_ss(option),
        _ => None,
    }
}

fn print(text: &str) -> Result<Exit, Error> {
    write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

fn write_all(bytes: &[u8]) -> io::Result<()> {
    Stdout.write_all(bytes)
}

/// Says something on standard error, in one write. If that is closed, there is nobody to tell.
fn say(text: &str) {
    let said = match sys::terminal::stderr_width() {
        Some(width) => fit_but_for_carets(text, width),
        None => text.to_owned(),
    };
    let _ = io::stderr().write_all(said.as_bytes());
}

/// Lines that fit `width`; but what was typed, and is repeated above carets, stays where they point.
fn fit_but_for_carets(text: &str, width: usize) -> String {
    let is_carets = |line: &str| {
        let carets = line.trim();
        !carets.is_empty() && carets.bytes().all(|b| b == b'^')
    };
    let mut lines = text.split_inclusive('\n').peekable();
    let mut fitting = String::new();
    while let Some(line) = lines.next() {
        if is_carets(line) || lines.peek().is_some_and(|next| is_carets(next)) {
            fitting.push_str(line);
        } else {
            fitting.push_str(&fit(line, width));
        }
    }
    fitting
}

fn terminal() -> Terminal {
    let is_terminal = sys::terminal::stdout_is_terminal();
    Terminal {
        is_terminal,
        width: if is_terminal {
            sys::terminal::width()
        } else {
            None
        },
    }
}

/// Facts about the moment and the place, for formats that tell them.
fn opening(query: &Query, wanted: bool) -> Opening {
    // A saved dump does not say when and where it was taken; its file says when it was written.
    let live = !matches!(query.source, SourceChoice::Dump { .. });
    Opening {
        captured_at: match &query.source {
            SourceChoice::Dump { path, .. } => collect::dump_written_at(path),
            _ => Some(SystemTime::now()),
        },
        netns: if wanted && live {
            collect::network_namespace()
        } else {
            NetNs::default()
        },
    }
}

/// What to say of a `--sort` that makes no sense; `unknown` tells of a name that nothing has.
fn order_error(error: OrderError, unknown: impl FnOnce(String) -> PlanError) -> Error {
    Error::Plan(match error {
        OrderError::Unknown(name) => unknown(name),
        OrderError::Direction { key, word } => plan::unknown_direction(key, word),
        OrderError::OneLook(name) => plan::one_look(&name),
        OrderError::NoneAmongKeys => plan::none_among_keys(),
    })
}

/// Fails if tables were wanted and none could be read.
fn closing(query: &Query, collected: Collected) -> Result<Closing, Error> {
    let mut notices = collected.notices;
    match (&query.source, plan::inherited_dump(&ProcessEnv)) {
        (
            SourceChoice::Dump {
                path,
                inherited: true,
            },
            _,
        ) => {
            let path = path.to_string_lossy().into_owned();
            notices.insert(0, Notice::InheritedDump { path });
        }
        (
            SourceChoice::Auto | SourceChoice::Netlink | SourceChoice::Proc,
            Some(SourceChoice::Dump { path, .. }),
        ) => {
            let path = path.to_string_lossy().into_owned();
            notices.insert(0, Notice::IgnoredDump { path });
        }
        _ => {}
    }
    // That there can be no such sockets is an answer.
    let nothing = collected.tables.is_empty() && collected.absent.is_empty();
    if nothing && !query.tables.is_empty() && !collected.stopped {
        return Err(Error::NothingCollected(notices));
    }
    Ok(Closing {
        tables: collected.tables,
        notices,
    })
}

/// Tells the notices after the rows are out, and decides the exit code.
fn finish(closing: &Closing, verbosity: Verbosity, strict: bool) -> Exit {
    let mut text = String::new();
    for notice in &together(&closing.notices) {
        if verbosity == Verbosity::Quiet || notice.is_detail() && verbosity == Verbosity::Normal {
            continue;
        }
        let kind = if notice.means_incomplete() {
            "warning"
        } else {
            "note"
        };
        let words = escape(notice.to_string().as_bytes());
        text.push_str(&format!("{kind}: {words}\n"));
    }
    if verbosity == Verbosity::Verbose {
        for report in &closing.tables {
            let from = match report.source {
                SourceKind::Proc if !collect::has_text(report.table) => {
                    "the kernel's count of such sockets, there being no list"
                }
                source => source.word(),
            };
            let rows = if report.records == 1 { "row" } else { "rows" };
            text.push_str(&format!(
                "note: {}: {} {rows} from {from}\n",
                report.table, report.records,
            ));
        }
    }
    if !text.is_empty() {
        say(&text);
    }
    if strict && closing.notices.iter().any(Notice::leaves_doubt) {
        Exit::Incomplete
    } else {
        Exit::Done
    }
}

/// The notices, with tables that fell back for the same reason in one.
fn together(notices: &[Notice]) -> Vec<Notice> {
    let mut merged: Vec<Notice> = Vec::new();
    for notice in notices {
        let same = |known: &&mut Notice| match (&**known, notice) {
            (
                Notice::FellBack {
                    reason: a,
                    asked: x,
                    ..
                },
                Notice::FellBack {
                    reason: b,
                    asked: y,
                    ..
                },
            ) => a == b && x == y,
            _ => false,
        };
        match (merged.iter_mut().find(same), notice) {
            (Some(Notice::FellBack { tables, .. }), Notice::FellBack { tables: more, .. }) => {
                tables.extend(more);
            }
            _ => merged.push(notice.clone()),
        }
    }
    merged
}

/// The notice that owners of rows could not be seen, and what would show them.
fn owners_hidden(count: u64, report: &crate::model::ScanReport) -> Notice {
    let why = match report.barrier() {
        None | Some(Barrier::Failure) => report.failed.as_deref().unwrap_or_default(),
        _ if report.hidepid => "/proc is mounted with hidepid= and shows your own processes only",
        Some(Barrier::Users) if count == 1 => {
            "the processes that may hold it belong to other users or let nobody look"
        }
        Some(Barrier::Users) => "their processes belong to other users or let nobody look",
        Some(Barrier::PidNamespace) if count == 1 => {
            "the process that holds it may be outside this PID namespace"
        }
        Some(Barrier::PidNamespace) => "their processes may be outside this PID namespace",
        Some(Barrier::Capability | Barrier::UserNamespace | Barrier::Policy) => {
            "processes refused to be looked at"
        }
    };
    let remedy = match report.barrier() {
        None | Some(Barrier::Failure) => why.to_owned(),
        Some(barrier) => format!("{why}; {}", barrier.remedy()),
    };
    Notice::OwnersHidden { count, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lines_but_those_that_carets_point_into_fit() {
        let typed = "  state established and dport = and more words\n";
        let carets = "                                ^^^\n";
        let text = format!("error: x\n  tcp: no rows could be read: no memory\n{typed}{carets}");
        let fitting = fit_but_for_carets(&text, 30);
        assert!(fitting.ends_with(&format!("{typed}{carets}")), "{fitting}");
        assert!(
            fitting.starts_with("error: x\n  tcp: no rows could be read:\n    no memory\n"),
            "{fitting}"
        );
    }
}
