//! What can stand where the cursor is: the scripts under `completions/` only ask, everything is decided here, from the definition
//! of the command line and the registry of fields.

mod filter;
mod line;
mod lists;
#[cfg(test)]
mod tests;

pub use line::{Typed, split};
pub use lists::{TOP_CHANGES, TOP_COLUMNS};

use super::args::Cli;
use super::topics;
use crate::model::Side;
use clap::{Arg, Command, CommandFactory, ValueHint};

/// One word that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The word, from where the present one begins.
    pub word: String,
    /// One line about it, safe to be shown.
    pub about: String,
    /// Whether more may follow without a blank, as in a list.
    pub goes_on: bool,
}

impl Candidate {
    fn new(word: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            word: word.into(),
            about: about.into(),
            goes_on: false,
        }
    }

    fn before(mut self, head: &str) -> Self {
        self.word.insert_str(0, head);
        self
    }

    fn going_on(mut self) -> Self {
        self.goes_on = true;
        self
    }
}

/// What fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// These words.
    Words(Vec<Candidate>),
    /// Names of files.
    Files,
}

/// What only the system knows; everything it says must be safe to be shown, and words safe in any shell.
pub trait Live {
    /// Ports in use at this end of sockets, the most used first, each with a word about it.
    fn ports(&self, side: Side) -> Vec<(u16, String)>;
    /// Processes by id, with their names.
    fn processes(&self) -> Vec<(u32, String)>;
    /// Names of users of this host.
    fn users(&self) -> Vec<String>;
    /// Names of what controls congestion of TCP here.
    fn congestion_controls(&self) -> Vec<String>;
}

/// What can follow `before` (the words behind the program's name) where `current` is begun.
#[must_use]
pub fn complete(before: &[String], current: &str, live: &dyn Live) -> Completion {
    let mut cli = Cli::command();
    cli.build();
    let named = before.first().and_then(|name| cli.find_subcommand(name));
    let (command, rest) = match (named, cli.find_subcommand("ls")) {
        (Some(command), _) => (command, before.get(1..).unwrap_or_default()),
        // Without a command it is ls.
        (None, Some(ls)) => (ls, before),
        (None, None) => return Completion::Words(Vec::new()),
    };
    let mut completion = within(command, rest, current, live);
    if before.is_empty()
        && let Completion::Words(words) = &mut completion
    {
        let mut first = commands(&cli);
        first.extend(["--help", "--version"].map(|o| Candidate::new(o, "")));
        if current.is_empty() {
            // Options and filters are not what somebody looks for who has typed nothing yet.
            first.retain(|c| !c.word.starts_with('-'));
        } else {
            first.append(words);
        }
        *words = first;
    }
    if let Completion::Words(words) = &mut completion {
        words.retain(|c| c.word.starts_with(current));
        let mut seen = std::collections::HashSet::new();
        words.retain(|c| seen.insert(c.word.clone()));
    }
    completion
}

fn commands(cli: &Command) -> Vec<Candidate> {
    cli.get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| Candidate::new(command.get_name(), text(command.get_about())))
        .collect()
}

/// What fits behind a command.
fn within(command: &Command, before: &[String], current: &str, live: &dyn Live) -> Completion {
    let mut value_of: Option<&Arg> = None;
    let mut options = true;
    let mut words: Vec<&str> = Vec::new();
    let mut given = Given::new();
    for word in before {
        if let Some(arg) = value_of.take() {
            given.push((arg.get_id().as_str(), word));
            continue;
        }
        match word.strip_prefix('-').filter(|_| options) {
            Some("-") => options = false,
            Some(letters) if !letters.is_empty() => {
                value_of = wants_value(command, letters);
                given.extend(attached(command, letters));
            }
            _ => words.push(word),
        }
    }
    if let Some(arg) = value_of {
        return value(command, arg, current, &given);
    }
    if options && current.starts_with('-') {
        return option(command, current, &given);
    }
    let takes = |id: &str| command.get_positionals().any(|arg| arg.get_id() == id);
    // These take several ports; kill takes a filter instead, too.
    let of_ports = takes("ports");
    let is_kill = command.get_name() == "kill";
    let live_ports = if of_ports || is_kill && words.is_empty() {
        filter::ports(Side::Local, current, live)
    } else {
        Vec::new()
    };
    if of_ports {
        let whole = |c: Candidate| Candidate::new(c.word, c.about);
        return Completion::Words(live_ports.into_iter().map(whole).collect());
    }
    if takes("filter") {
        let mut candidates = filter::complete(&words, current, live);
        candidates.splice(0..0, live_ports);
        return Completion::Words(candidates);
    }
    let mut candidates: Vec<_> = command
        .get_positionals()
        .filter(|_| words.is_empty())
        .flat_map(possible)
        .collect();
    if command.get_name() == "help" && words.is_empty() {
        candidates = topics::TOPICS
            .iter()
            .map(|t| Candidate::new(*t, "topic"))
            .collect();
        candidates.extend(commands(&Cli::command()));
    }
    Completion::Words(candidates)
}

/// The options with values so far, by their ids.
type Given<'a> = Vec<(&'a str, &'a str)>;

/// The option in `-lettersVALUE` or `--name=VALUE` (given without its first dash), with that value.
fn attached<'a>(command: &'a Command, letters: &'a str) -> Option<(&'a str, &'a str)> {
    let takes = |arg: &&Arg| arg.get_action().takes_values();
    let (arg, value) = match letters.strip_prefix('-') {
        Some(long) => {
            let (name, value) = long.split_once('=')?;
            (by_name(command, name).filter(takes)?, value)
        }
        None => letters.char_indices().find_map(|(at, letter)| {
            let mut all = command.get_opts();
            let arg = all.find(|arg| arg.get_short() == Some(letter));
            let value = letters.get(at + letter.len_utf8()..)?;
            Some((arg.filter(takes)?, value))
        })?,
    };
    (!value.is_empty()).then_some((arg.get_id().as_str(), value))
}

/// The option in `-letters` or `--name` (given without its first dash) whose value is the next word.
fn wants_value<'a>(command: &'a Command, letters: &str) -> Option<&'a Arg> {
    let takes = |arg: &&Arg| arg.get_action().takes_values();
    if let Some(name) = letters.strip_prefix('-') {
        return by_name(command, name).filter(takes);
    }
    let mut letters = letters.chars();
    while let Some(letter) = letters.next() {
        let arg = command
            .get_opts()
            .find(|arg| arg.get_short() == Some(letter));
        if let Some(arg) = arg.filter(takes) {
            // What follows the letter is the value.
            return Some(arg).filter(|_| letters.as_str().is_empty());
        }
    }
    None
}

fn by_name<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(name))
}

/// An option, or behind `=` its value.
fn option(command: &Command, current: &str, given: &Given<'_>) -> Completion {
    if let Some((name, begun)) = current.split_once('=') {
        let arg = name
            .strip_prefix("--")
            .and_then(|name| by_name(command, name));
        let head = format!("{name}=");
        return match arg.map(|arg| value(command, arg, begun, given)) {
            Some(Completion::Words(words)) => {
                Completion::Words(words.into_iter().map(|c| c.before(&head)).collect())
            }
            Some(Completion::Files) => Completion::Files,
            None => Completion::Words(Vec::new()),
        };
    }
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let mut candidates = Vec::new();
    for arg in shown {
        let about = text(arg.get_help());
        let long = arg.get_long().map(|name| format!("--{name}"));
        let short = arg.get_short().map(|letter| format!("-{letter}"));
        // A letter by itself is no more to type than what is there.
        let words = long.into_iter().chain(short.filter(|s| s == current));
        candidates.extend(words.map(|word| Candidate::new(word, about.clone())));
    }
    Completion::Words(candidates)
}

fn value(command: &Command, arg: &Arg, current: &str, given: &Given<'_>) -> Completion {
    if arg.get_value_hint() == ValueHint::AnyPath || arg.get_value_hint() == ValueHint::FilePath {
        return Completion::Files;
    }
    Completion::Words(match (command.get_name(), arg.get_id().as_str()) {
        (_, "columns") => lists::columns(current),
        (_, "query") => lists::tables(current),
        (_, "by") => lists::fields(current),
        ("top", "sort") => {
            let last = |id: &str| given.iter().rfind(|(of, _)| *of == id).map(|g| g.1);
            let by = last("by").unwrap_or("process");
            lists::top_order(current, by, last("interval").is_some())
        }
        (_, "sort") => lists::order(current),
        ("top", "limit") => vec![Candidate::new("all", "every group")],
        (_, "width") => vec![Candidate::new("none", "no limit")],
        _ => possible(arg),
    })
}

/// The values that the definition lists.
fn possible(arg: &Arg) -> Vec<Candidate> {
    arg.get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| Candidate::new(value.get_name(), text(value.get_help())))
        .collect()
}

/// The first line of a help text.
fn text(help: Option<&clap::builder::StyledStr>) -> String {
    let help = help.map(ToString::to_string).unwrap_or_default();
    help.lines().next().unwrap_or_default().to_owned()
}
