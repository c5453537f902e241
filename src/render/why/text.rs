//! The answer for a person at night: the verdict first, then who, then what to do.

use super::WhyView;
use super::process::Known;
use super::remedy::{self, Told, in_words};
use super::words::{self, field, quoted, sentence, subject};
use crate::analysis::why::{As, Bind, Part, Reason, ReasonKind, Verdict, holds};
use crate::model::{
    BindError, BindOutcome, BindTarget, BindVariant, FieldId, NoOwner, Owners, Pid, Protocol,
    Socket, Subject, Uid, UnixName,
};
use crate::render::escape::escape;
use crate::render::line;
use std::io::{self, Write};
use std::time::SystemTime;
use unicode_width::UnicodeWidthStr;

/// How many sockets, clients or owners of one reason a person is shown.
const SHOWN: usize = 8;
/// So many characters of a command line a person is shown.
const COMMAND_SHOWN: usize = 300;
/// Sentences are no wider than this, however wide the screen is.
const PROSE_WIDTH: usize = 100;
/// Where what follows a label stands.
const INDENT: usize = 10;

/// Writes an answer for a person, for a screen of `width` columns or without a limit.
///
/// # Errors
/// If the output cannot be written.
pub fn why_text(out: &mut impl Write, view: &WhyView<'_>, width: Option<usize>) -> io::Result<()> {
    let mut page = Page {
        text: String::new(),
        room: width.map_or(PROSE_WIDTH, |w| w.clamp(40, PROSE_WIDTH)),
        label: "",
    };
    for part in &view.answer.parts {
        page.headline(view, part);
        let reasons = view.answer.reasons.iter();
        for reason in reasons.filter(|r| r.protocol == part.protocol) {
            page.reason(view, reason);
        }
        page.variants(view, part);
    }
    page.clients(view);
    page.others(view);
    page.redirects(view);
    out.write_all(page.text.as_bytes())?;
    out.flush()
}

struct Page {
    text: String,
    room: usize,
    /// The label that the next line begins with.
    label: &'static str,
}

impl Page {
    /// Sets the label of what follows, which stands once.
    const fn label(&mut self, label: &'static str) {
        self.label = label;
    }

    /// Adds a sentence behind the label, in as many lines as it needs.
    fn line(&mut self, sentence: &str) {
        let label = std::mem::take(&mut self.label);
        let start = format!("  {label}");
        self.text.push_str(&format!("{start:<INDENT$}"));
        self.wrap(sentence, INDENT);
    }

    /// Adds words from `column` on; further lines are indented. A list of numbers that no line holds goes on behind a comma.
    fn wrap(&mut self, sentence: &str, indent: usize) {
        let mut column = indent;
        let room = self.room.saturating_sub(indent);
        let words = sentence.split(' ').enumerate().flat_map(|(n, word)| {
            let blank = usize::from(n > 0);
            let parts = if word.width() > room && is_list(word) {
                word.split_inclusive(',').collect()
            } else {
                vec![word]
            };
            let blanks = std::iter::once(blank).chain(std::iter::repeat(0));
            blanks.zip(parts).collect::<Vec<_>>()
        });
        let mut first = true;
        for (blank, word) in words {
            let width = word.width();
            if !first && column + blank + width > self.room {
                self.text.push('\n');
                self.text.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                self.text.push_str(&" ".repeat(blank));
                column += blank;
            }
            first = false;
            self.text.push_str(word);
            column += width;
        }
        self.text.push('\n');
    }

    fn headline(&mut self, view: &WhyView<'_>, part: &Part) {
        let subject = subject(view, part.protocol);
        let error = part
            .error
            .map_or_else(String::new, |e| format!(" ({})", words::error(e)));
        let what = if part.protocol == Protocol::Unix {
            "bound"
        } else {
            "bound here"
        };
        let line = match part.verdict {
            Verdict::Free if part.needs_reuseaddr => format!(
                "{subject}: free for a program that sets SO_REUSEADDR, as servers do; a plain bind fails{error}"
            ),
            Verdict::Free => format!("{subject}: free, it can be {what}"),
            Verdict::Blocked => format!("{subject}: blocked{error}"),
            Verdict::Unknown => format!(
                "{subject}: cannot tell; a plain bind {}",
                match part.error {
                    Some(_) => format!("fails{error}, and SO_REUSEADDR may help"),
                    None => "may fail".to_owned(),
                }
            ),
        };
        let root = match (part.verdict, part.root) {
            (a, b) if a == b => "",
            (_, Verdict::Free) if view.evidence.user.is_foreign => {
                "; root of this network namespace can bind it"
            }
            (_, Verdict::Free) if view.evidence.user.uid == Uid(0) => {
                "; with CAP_NET_BIND_SERVICE it can be bound"
            }
            (_, Verdict::Free) => "; root can bind it",
            (_, Verdict::Blocked) => "; root cannot",
            (_, Verdict::Unknown) => "; for root nobody can tell",
        };
        let line = format!("{line}{root}");
        let mut words = Page {
            text: String::new(),
            room: self.room,
            label: "",
        };
        words.wrap(&line, 4);
        self.text.push_str(&words.text);
    }

    fn reason(&mut self, view: &WhyView<'_>, reason: &Reason) {
        let mut sentence = sentence(view, reason);
        if let Some(ms) = reason.until_ms {
            let gone = if reason.sockets.len() == 1 {
                "gone"
            } else {
                "the last one gone"
            };
            sentence.push_str(&format!("; {gone} in {}", in_words(ms)));
        }
        self.label(match reason.blocking {
            _ if reason.kind == ReasonKind::Accepted => "also",
            Some(true) => "why",
            None => "perhaps",
            Some(false) => "note",
        });
        self.line(&sentence);
        self.owners(view, reason);
        let path = match &view.question.subject {
            Subject::Unix(UnixName::Path(path)) => Some(&path[..]),
            _ => None,
        };
        self.label("do");
        for (n, found) in reason.remedies.iter().enumerate() {
            let Told { command, text, .. } = remedy::tell(found, view.names, path);
            // The first is no alternative to anything.
            let text = text.strip_prefix("or ").filter(|_| n == 0).unwrap_or(&text);
            match command {
                Some(command) => self.line(&format!("{text}: {command}")),
                None => self.line(text),
            }
        }
        self.label("");
    }

    /// The processes of a reason, or why it has none.
    fn owners(&mut self, view: &WhyView<'_>, reason: &Reason) {
        // Connections that only stand beside a listener say nothing new.
        if reason.kind == ReasonKind::Accepted {
            return;
        }
        self.label("who");
        let (certain, possible): (Vec<Pid>, Vec<Pid>) = reason
            .pids
            .iter()
            .partition(|&&pid| holds(view.evidence, reason, pid));
        for &pid in certain.iter().take(SHOWN) {
            self.process(view, &Known::new(view, pid, &reason.sockets));
        }
        if let Some(more) = certain.len().checked_sub(SHOWN + 1) {
            self.line(&format!("and {} more (--json lists all)", more + 1));
        }
        if !possible.is_empty() {
            self.line("no process: it is on its way, it seems, through a unix socket of one of");
        }
        for &pid in possible.iter().take(SHOWN) {
            self.process(view, &Known::new(view, pid, &reason.sockets));
        }
        if let Some(more) = possible.len().checked_sub(SHOWN + 1) {
            self.line(&format!("and {} more (--json lists all)", more + 1));
        }
        let mut told: Vec<String> = Vec::new();
        for socket in view.sockets(&reason.sockets) {
            // TIME_WAIT has nobody by its nature.
            let says_nothing = matches!(
                reason.kind,
                ReasonKind::TimeWait | ReasonKind::FinWait2 | ReasonKind::Orphan
            );
            let owners = view.evidence.owners.of(socket);
            match owners {
                // Those whose queues it may be in were named.
                Owners::None {
                    reason: NoOwner::InTransit,
                    ..
                } if !possible.is_empty() => continue,
                Owners::None { .. } | Owners::Hidden => {}
                _ => continue,
            }
            let words = match view.evidence.owners.devices(socket) {
                [] => field(view, socket, FieldId::Process),
                devices => words::devices(devices),
            };
            if !says_nothing && !told.contains(&words) && told.len() < SHOWN {
                self.line(&words);
                told.push(words);
            }
        }
        self.label("");
    }

    fn process(&mut self, view: &WhyView<'_>, known: &Known<'_>) {
        let name = known.process.and_then(|p| p.name.as_deref());
        let mut line = format!(
            "{}[{}]",
            name.map_or_else(|| "?".to_owned(), quoted),
            known.pid.0
        );
        if let Some(uid) = known.process.and_then(|p| p.uid) {
            let user = view.names.user(uid);
            let user = user.map_or_else(|| uid.0.to_string(), |name| quoted(&name));
            line.push_str(&format!(", user {user}"));
        }
        if let Some(place) = known.place() {
            if let Some((engine, id)) = &place.container {
                line.push_str(&format!(", {} container {}", engine.word(), short(id)));
            }
            if let Some(unit) = &place.unit {
                line.push_str(&format!(", {}", quoted(unit)));
            }
        }
        if let Some(started) = known.detail.and_then(|d| d.started_at) {
            line.push_str(&format!(", {}", age(started, view.now)));
        }
        self.line(&line);
        if let Some(command) = known.command() {
            self.line(&command_line(command));
        }
        if let Some(target) = known.forwards_to() {
            self.line(&format!(
                "forwards to {target}, a container's address by its own words"
            ));
        }
    }

    /// What can be bound although the whole cannot, and what a trial said.
    fn variants(&mut self, view: &WhyView<'_>, part: &Part) {
        let binds = view.answer.binds.iter();
        let mine = binds.filter(|b| b.target.protocol == part.protocol && b.user == As::Caller);
        self.label("tried");
        let tried = mine.clone().filter(|b| b.tried);
        for plain in tried.clone().filter(|b| b.variant == BindVariant::Plain) {
            let outcomes = tried.clone().filter(|b| b.target == plain.target);
            let outcomes: Vec<_> = outcomes.map(tried_words).collect();
            self.line(&format!(
                "{}: {}",
                target(view, &plain.target),
                outcomes.join(", ")
            ));
        }
        self.label("");
        if part.verdict == Verdict::Free {
            return;
        }
        let mut free: Vec<_> = mine
            .filter(|b| b.variant == BindVariant::Plain && b.outcome == BindOutcome::Ok)
            .map(|b| target(view, &b.target))
            .collect();
        let more = free.len().saturating_sub(SHOWN);
        free.truncate(SHOWN);
        if more > 0 {
            free.push(format!("and {more} more"));
        }
        let asked_any = matches!(&view.question.subject, Subject::Port { addresses, .. } if addresses.is_empty());
        if asked_any && !free.is_empty() {
            self.label("free at");
            self.line(&free.join(", "));
        } else if asked_any
            && part.error == Some(BindError::InUse)
            && part.verdict == Verdict::Blocked
        {
            self.label("free at");
            self.line("no address of this host");
        }
        self.label("");
    }

    /// Listeners that are elsewhere, and take nothing away here.
    /// What may take connections away unseen.
    fn redirects(&mut self, view: &WhyView<'_>) {
        let is_port = matches!(view.question.subject, Subject::Port { .. });
        let gap = view.evidence.redirects.and_then(|r| r.gap);
        if let Some(words) = gap.and_then(words::redirect_gap).filter(|_| is_port) {
            self.wrap(words, 0);
        }
    }

    fn others(&mut self, view: &WhyView<'_>) {
        let others = view.others.unwrap_or_default();
        if others.is_empty() {
            return;
        }
        self.text
            .push_str("in other network namespaces, whose ports are their own\n");
        for other in others.iter().take(SHOWN) {
            let socket = line(view.row(&other.socket));
            let name = other.name.as_deref().map_or_else(|| "?".to_owned(), quoted);
            self.line(&format!("{socket}, in that of {name}[{}]", other.pid.0));
        }
        if let Some(more) = others.len().checked_sub(SHOWN + 1) {
            self.line(&format!("and {} more (--json lists all)", more + 1));
        }
    }

    fn clients(&mut self, view: &WhyView<'_>) {
        let clients = &view.answer.clients;
        let mut lines: Vec<String> = view
            .sockets(clients)
            .take(SHOWN)
            .map(|socket| client(view, socket))
            .collect();
        if let Some(more) = clients.len().checked_sub(SHOWN + 1) {
            lines.push(format!("and {} more (--json lists all)", more + 1));
        }
        if !lines.is_empty() {
            self.text.push_str("clients on this host\n");
        }
        for line in lines {
            self.line(&line);
        }
        let elsewhere = view.answer.elsewhere;
        if elsewhere > 0 {
            let what = if elsewhere == 1 {
                "connection goes"
            } else {
                "connections go"
            };
            self.text
                .push_str(&format!("{elsewhere} {what} to this port of other hosts\n"));
        }
    }
}

/// Whether a word is numbers with commas between them, such as descriptors: no name, which nobody could copy from two lines.
fn is_list(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit() || b == b',')
}

/// A command line, cut where it is too long to be read.
fn command_line(command: &[Vec<u8>]) -> String {
    let words: Vec<_> = command.iter().map(|w| quoted(w)).collect();
    let line = words.join(" ");
    match line.char_indices().nth(COMMAND_SHOWN) {
        Some((end, _)) => format!(
            "{}... (--json has all)",
            line.get(..end).unwrap_or_default()
        ),
        None => line,
    }
}

fn client(view: &WhyView<'_>, socket: &Socket) -> String {
    if socket.protocol == Protocol::Unix {
        return format!(
            "{} {}",
            field(view, socket, FieldId::State),
            field(view, socket, FieldId::Process)
        );
    }
    format!(
        "{} {} -> {} {} {}",
        field(view, socket, FieldId::Protocol),
        field(view, socket, FieldId::Local),
        field(view, socket, FieldId::Peer),
        field(view, socket, FieldId::State),
        field(view, socket, FieldId::Process)
    )
}

/// How a bind that was tried ended.
fn tried_words(bind: &Bind) -> String {
    let option = match bind.variant {
        BindVariant::Plain => "",
        BindVariant::ReuseAddr => "SO_REUSEADDR ",
        BindVariant::ReusePort => "SO_REUSEPORT ",
    };
    match bind.outcome {
        BindOutcome::Ok => format!("{option}ok"),
        BindOutcome::Refused(error) => format!("{option}{}", words::error(error)),
        BindOutcome::Unknown => format!("{option}?"),
    }
}

fn target(view: &WhyView<'_>, target: &BindTarget) -> String {
    let place = words::place(view, target.address, target.interface, target.port.0);
    if target.v6only {
        format!("{place} with IPV6_V6ONLY")
    } else {
        place
    }
}

/// Twelve digits of a container's id, as engines show it; a name whole.
fn short(id: &[u8]) -> String {
    let is_id = id.len() == 64 && id.iter().all(u8::is_ascii_hexdigit);
    match id.get(..12) {
        Some(start) if is_id => escape(start),
        _ => quoted(id),
    }
}

/// `since 2026-01-01 10:00:00Z (2h5m)`.
fn age(started: SystemTime, now: SystemTime) -> String {
    let Ok(at) = jiff::Timestamp::try_from(started) else {
        return "since ?".to_owned();
    };
    let at = at.strftime("%Y-%m-%d %H:%M:%SZ");
    let Ok(age) = now.duration_since(started) else {
        return format!("since {at}");
    };
    let seconds = age.as_secs();
    let age = if seconds >= 86400 {
        format!("{}d", seconds / 86400)
    } else {
        in_words(u32::try_from(age.as_millis()).unwrap_or(u32::MAX))
    };
    format!("since {at} ({age})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_no_line_holds_goes_on_behind_a_comma() {
        let descriptors: Vec<_> = (100..130).map(|n: u32| n.to_string()).collect();
        let list = descriptors.join(",");
        for room in 40..=PROSE_WIDTH {
            let mut page = Page {
                text: String::new(),
                room,
                label: "",
            };
            page.line(&format!("tcp python3[812] fd {list} and fd 7,8"));
            let lines: Vec<_> = page.text.lines().map(str::trim_start).collect();
            assert!(
                page.text.lines().all(|line| line.width() <= room),
                "{}",
                page.text
            );
            let joined = lines.join("").replace(' ', "");
            assert_eq!(joined, format!("tcppython3[812]fd{list}andfd7,8"));
            assert!(lines.iter().any(|line| line.contains("7,8")), "{lines:?}");
        }
        // What somebody may copy stays whole.
        let mut page = Page {
            text: String::new(),
            room: 40,
            label: "",
        };
        let path = format!("/{},{}", "x".repeat(30), "y".repeat(30));
        page.line(&path);
        assert_eq!(page.text.trim(), path);
    }
}
