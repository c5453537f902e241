//! What can go wrong as a whole, how it is told, and which exit code it has.

use crate::cli::plan::PlanError;
use crate::cli::question::QuestionError;
use crate::cli::select::SelectError;
use crate::collect::{SourceError, rights};
use crate::exit::Exit;
use crate::filter::{FilterError, brief};
use crate::model::{Barrier, Notice};
use crate::render::escape::escape;
use crate::sys::capabilities::Right;
use crate::sys::namespace::EnterError;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use unicode_width::UnicodeWidthStr;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub enum Error {
    /// The options or the filter make no sense.
    Plan(PlanError),
    /// A question about a port makes no sense.
    Question(QuestionError),
    /// A name that `help` does not know.
    UnknownTopic {
        /// The name.
        name: String,
        /// Names close to it.
        similar: Vec<String>,
    },
    /// The network namespace cannot be entered.
    Namespace(EnterError),
    /// The saved dump cannot be read.
    Source(SourceError),
    /// No table could be read.
    NothingCollected(Vec<Notice>),
    /// The saved dump cannot be written.
    Save {
        /// Its file.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// What was asked has no answer on this host.
    Unanswerable {
        /// Why.
        message: String,
        /// What to try.
        hint: String,
        /// Whether that is for what was asked, or for this host.
        exit: Exit,
    },
    /// The output cannot be written.
    Output(io::Error),
}

impl Error {
    /// The exit code.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Unanswerable { exit, .. } => *exit,
            Self::Plan(_) | Self::Question(_) | Self::UnknownTopic { .. } => Exit::Usage,
            Self::Namespace(_)
            | Self::Source(_)
            | Self::NothingCollected(_)
            | Self::Save { .. }
            | Self::Output(_) => Exit::Failed,
        }
    }

    /// Whether the reader of a pipe has left, which is no error to tell anybody.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(e) if e.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The message for standard error: what, where, and what to try.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Plan(PlanError::Filter(error)) => filter_message(error),
            Self::Plan(PlanError::FilterFile { name, source }) => {
                format!("error: -F: {}: {}\n", typed(name), os_words(source))
            }
            Self::Plan(PlanError::UnknownField {
                option,
                name,
                similar,
            }) => format!(
                "error: {option}: '{}' is not a field\nhint: {}all fields: portctl help columns\n",
                typed(name),
                did_you_mean(similar)
            ),
            Self::Plan(PlanError::UnknownDirection { key, word, similar }) => format!(
                "error: --sort: '{}' is not a direction\nhint: {}{key}:asc begins with the smallest, \
                 {key}:desc with the largest\n",
                typed(word),
                did_you_mean(similar),
                key = typed(key),
            ),
            Self::Plan(PlanError::Usage { message, hint })
            | Self::Unanswerable { message, hint, .. } => format!(
                "error: {}\nhint: {}\n",
                escape(message.as_bytes()),
                escape(hint.as_bytes())
            ),
            Self::Question(error) => format!(
                "error: '{}': {}\nhint: {}\n",
                typed(&error.asked),
                escape(error.problem.as_bytes()),
                escape(error.hint.as_bytes())
            ),
            Self::Plan(PlanError::UnknownOrder { name, similar }) => format!(
                "error: --sort: groups have no '{}'\nhint: {}sockets, a state, recv_queue, send_queue, accept_queue, \
                 bytes_received, bytes_acked, a field of --by; with -i also in, out, traffic, new, gone, churn\n",
                typed(name),
                did_you_mean(similar)
            ),
            Self::Plan(PlanError::Option {
                option,
                problem,
                hint,
            }) => format!(
                "error: {option}: {}\nhint: {hint}\n",
                escape(problem.as_bytes())
            ),
            Self::Plan(PlanError::Select(SelectError::UnknownTable { name, similar })) => format!(
                "error: -A: '{}' is not a table\nhint: {}all of them are listed in portctl ls --help\n",
                typed(name),
                did_you_mean(similar)
            ),
            Self::Plan(PlanError::Select(SelectError::Nothing)) => {
                "error: -A selects no table\nhint: '!' takes a table from those named before it: -A all,!tcp\n"
                    .to_owned()
            }
            Self::UnknownTopic { name, similar } => format!(
                "error: there is no help on '{}'\nhint: {}topics: {}; commands: ls, top, summary, headroom, why, free, wait, kill, schema, completions\n",
                typed(name),
                did_you_mean(similar),
                crate::cli::topics::TOPICS.join(", ")
            ),
            Self::Namespace(error) => format!(
                "error: -N: {}\n{}",
                shortened(&error.to_string(), &entered(error)),
                namespace_hint(error)
            ),
            Self::Source(error) => {
                let path = error.path().unwrap_or_default();
                format!("error: {}\n", shortened(&error.to_string(), path))
            }
            Self::NothingCollected(notices) => {
                let mut text = "error: no socket table could be read\n".to_owned();
                for notice in notices {
                    // Writing to a String cannot fail.
                    let _ = writeln!(text, "  {}", escape(notice.to_string().as_bytes()));
                }
                text
            }
            Self::Save { path, error } => format!(
                "error: cannot write the dump {}: {}\n",
                brief(&escape(path.as_os_str().as_encoded_bytes())),
                os_words(error)
            ),
            Self::Output(error) => format!("error: cannot write the output: {}\n", os_words(error)),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn namespace_hint(error: &EnterError) -> String {
    /// More names than this are not listed.
    const MOST: usize = 8;
    match error {
        EnterError::Missing { names, .. } if names.is_empty() => {
            "hint: give the id of a process in it, or the path of its file\n".to_owned()
        }
        EnterError::Missing { names, .. } => {
            let shown = names.iter().take(MOST).map(|name| escape(name.as_bytes()));
            let more = if names.len() > MOST { ", ..." } else { "" };
            let shown = shown.collect::<Vec<_>>().join(", ");
            format!(
                "hint: named ones: {shown}{more}; a process id or a path with a slash will do, too\n"
            )
        }
        EnterError::Hidden(path) if path.starts_with("/proc") => {
            format!("hint: {}\n", refusal_hint(rights::barrier(Right::Trace)))
        }
        EnterError::Hidden(_) => "hint: run as a user who may read the file, as root\n".to_owned(),
        EnterError::Refused(_) => {
            format!("hint: {}\n", refusal_hint(rights::barrier(Right::Enter)))
        }
        EnterError::NotOne(_) => {
            "hint: it should be a file like /run/netns/NAME or /proc/PID/ns/net\n".to_owned()
        }
        EnterError::Other { .. } => String::new(),
    }
}

/// What helps against being refused a namespace.
const fn refusal_hint(barrier: Barrier) -> &'static str {
    match barrier {
        Barrier::Capability => {
            "this root lacks what it takes: CAP_SYS_PTRACE to look into a process, CAP_SYS_ADMIN to enter its namespace"
        }
        Barrier::UserNamespace => {
            "root of this user namespace has no rights over it: run this outside, or in the namespace (nsenter)"
        }
        Barrier::Policy => {
            "a security module or a sandbox refuses it even to root: name another process in that namespace, or run this in it"
        }
        Barrier::Users | Barrier::PidNamespace | Barrier::Failure => {
            "run as root, or with CAP_SYS_PTRACE and CAP_SYS_ADMIN"
        }
    }
}

pub(crate) fn os_words(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(
        || error.to_string(),
        |errno| nix::errno::Errno::from_raw(errno).desc().to_owned(),
    )
}

/// The text of an error made safe, with `typed` in it as [`typed`] tells it.
fn shortened(words: &str, typed: &str) -> String {
    escape(words.replacen(typed, &brief(typed), 1).as_bytes())
}

/// What an error names that was to be entered.
fn entered(error: &EnterError) -> String {
    match error {
        EnterError::Missing { what, .. } => what.clone(),
        EnterError::Hidden(path)
        | EnterError::Refused(path)
        | EnterError::NotOne(path)
        | EnterError::Other { path, .. } => path.display().to_string(),
    }
}

/// A word as it was typed, made safe, and without the middle of a long one.
fn typed(word: &str) -> String {
    escape(brief(word).as_bytes())
}

fn did_you_mean(similar: &[String]) -> String {
    if similar.is_empty() {
        String::new()
    } else {
        format!("did you mean {}? ", similar.join(" or "))
    }
}

/// How much of a long filter is shown before and after the place that is wrong, in bytes.
const AROUND: usize = 60;

/// The filter as it was typed, with a caret line under the place that is wrong.
fn filter_message(error: &FilterError) -> String {
    let (text, span) = error.location();
    // In a filter `\x0a` and a newline mean the same, so a backslash may stay one.
    let safe = |text: &str| escape(text.as_bytes()).replace("\\x5c", "\\");
    let part = |range: std::ops::Range<usize>| safe(text.get(range).unwrap_or_default());
    let boundary = |at: usize| {
        (0..=at.min(text.len()))
            .rev()
            .find(|&n| text.is_char_boundary(n))
    };
    let start = boundary(span.start.saturating_sub(AROUND)).unwrap_or_default();
    let shown = boundary(span.end.min(span.start + 2 * AROUND)).unwrap_or_default();
    let end = boundary(shown + AROUND).unwrap_or_default();
    let dots = |cut: bool| if cut { "..." } else { "" };
    let before = format!("{}{}", dots(start > 0), part(start..span.start));
    let wrong = part(span.start..shown);
    let after = format!("{}{}", part(shown..end), dots(end < text.len()));
    let mut message = format!("error: {}\n", safe(&error.message()));
    // Writing to a String cannot fail.
    if let Some(file) = &error.file {
        let _ = writeln!(message, "in {}, line {}:", typed(&file.name), file.line);
    }
    let _ = writeln!(message, "  {before}{wrong}{after}");
    let (indent, carets) = (before.width(), wrong.width().max(1));
    let _ = writeln!(message, "  {}{}", " ".repeat(indent), "^".repeat(carets));
    if let Some(hint) = error.hint() {
        let _ = writeln!(message, "hint: {}", safe(&hint));
    }
    message.push_str("help: portctl help filter\n");
    message
}
