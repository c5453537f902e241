//! The headroom of one flow for a person: the number first, then why, what is uncertain, and what would help.

use super::Closing;
use super::escape::escape;
use super::headroom_words as words;
use super::prose::{PROSE_WIDTH, wrap};
use crate::analysis::headroom::{Fate, Headroom, HeadroomFlow, Note, Remedy, Severity};
use crate::model::AllocationSettings;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::SocketAddr;

/// What is known about one flow.
#[derive(Debug)]
pub struct HeadroomReport<'a> {
    /// The flow.
    pub flow: &'a HeadroomFlow,
    /// The name of its interface; bytes from outside.
    pub interface: Option<&'a [u8]>,
    /// Whether its source address was given, rather than found in the routing table.
    pub source_given: bool,
    /// The number, or why there is none.
    pub answer: Result<&'a Headroom, &'a str>,
    /// The settings that decided; absent if they cannot be read.
    pub settings: Option<&'a AllocationSettings>,
    /// What there is to say beside the number.
    pub notes: &'a [Note],
    /// What would help.
    pub remedies: &'a [Remedy],
    /// What a probe was asked and said; absent if there was none.
    pub probe: Option<ProbeReport>,
}

/// How a probe went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// Ports that were to be asked about.
    pub asked: usize,
    /// Those that are open to connect().
    pub open: usize,
    /// Those that are not.
    pub closed: usize,
    /// Why it did not begin, or stopped.
    pub refused: Option<String>,
}

/// Writes the report for a person, for a screen of `width` columns or without a limit.
///
/// # Errors
/// If the output cannot be written.
pub fn headroom_text(
    out: &mut impl Write,
    report: &HeadroomReport<'_>,
    closing: &Closing,
    width: Option<usize>,
) -> io::Result<()> {
    let room = width.unwrap_or(PROSE_WIDTH).min(PROSE_WIDTH);
    let mut text = String::new();
    match report.answer {
        Ok(headroom) => known(&mut text, report, headroom, room),
        Err(reason) => {
            let reason = escape(reason.as_bytes());
            wrap(&mut text, &format!("unknown: {reason}"), room, "  ");
            text.push('\n');
            about(&mut text, report, room);
        }
    }
    if !closing.is_complete() {
        text.push_str("\nThis answer is incomplete.\n");
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn known(text: &mut String, report: &HeadroomReport<'_>, headroom: &Headroom, room: usize) {
    wrap(text, &number(headroom), room, "  ");
    text.push('\n');
    about(text, report, room);
    let used = headroom.used().map_or_else(
        || "there is no port to be had".to_owned(),
        |used| format!("{:.0} % used", used * 100.0),
    );
    let verdict = match Severity::of(headroom) {
        Some(Severity::Ok) | None => String::new(),
        Some(severity) => format!(": {}", severity.word().to_uppercase()),
    };
    let line = format!(
        "ports {}-{}, {} of them for this flow, {used}{verdict}",
        headroom.range.start(),
        headroom.range.end(),
        headroom.capacity,
    );
    indented(text, &line, room);
    for note in report.notes {
        indented(
            text,
            &format!("note: {}", words::note(note, &headroom.range)),
            room,
        );
    }
    list(text, "Can be had", headroom, Fate::is_available, room);
    list(text, "Cannot be had", headroom, |f| !f.is_available(), room);
    let refused = report.probe.as_ref().and_then(|p| p.refused.as_ref());
    if !headroom.doubts.is_empty() || refused.is_some() {
        text.push_str("\nUncertain\n");
        if let Some(reason) = refused {
            indented(text, &format!("The probe was refused: {reason}."), room);
        }
        for doubt in &headroom.doubts {
            indented(text, &words::doubt(doubt), room);
        }
    }
    if Severity::of(headroom).is_none_or(|severity| severity > Severity::Ok) {
        help(text, report.remedies, room);
    }
}

/// The number, and how sure it is.
fn number(headroom: &Headroom) -> String {
    let bounds = headroom.bounds;
    let plural = if bounds.expected == 1 { "" } else { "s" };
    let what = format!("{} more connection{plural}", bounds.expected);
    if bounds.is_exact() {
        return format!("{what} (exactly)");
    }
    match bounds.min {
        Some(min) => format!("{what} (at least {min}, at most {})", bounds.max),
        None => format!("{what} (at least: unknown, at most {})", bounds.max),
    }
}

fn about(text: &mut String, report: &HeadroomReport<'_>, room: usize) {
    let flow = report.flow;
    let to = SocketAddr::new(flow.destination, flow.destination_port.0);
    let mut line = format!("{} {} -> {to}", flow.protocol, flow.source);
    if let Some(name) = report.interface {
        let _ = write!(line, " on {}", escape(name));
    }
    let _ = write!(
        line,
        ", {}",
        words::mode(flow.protocol, flow.mode, report.source_given)
    );
    if let Some(range) = &flow.socket_range {
        let _ = write!(
            line,
            " with a port range of {}-{}",
            range.start(),
            range.end()
        );
    }
    if !report.source_given {
        line.push_str("; the source address is the route's");
    }
    indented(text, &line, room);
}

fn indented(text: &mut String, sentence: &str, room: usize) {
    text.push_str("  ");
    wrap(text, sentence, room.saturating_sub(2), "    ");
}

fn list(
    text: &mut String,
    title: &str,
    headroom: &Headroom,
    keep: impl Fn(Fate) -> bool,
    room: usize,
) {
    let mut rows = headroom
        .parts
        .iter()
        .filter(|(fate, _)| keep(*fate))
        .peekable();
    if rows.peek().is_none() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n{title}");
    for (fate, ports) in rows {
        let line = format!("{ports:>7}  {}", words::fate(fate));
        // The number's blanks are no words.
        text.push_str(line.get(..9).unwrap_or_default());
        let rest = line.get(9..).unwrap_or_default();
        wrap(text, rest, room.saturating_sub(9), "           ");
    }
}

fn help(text: &mut String, remedies: &[Remedy], room: usize) {
    if remedies.is_empty() {
        return;
    }
    text.push_str("\nWhat would help\n");
    for remedy in remedies {
        let advice = words::remedy(remedy);
        let gain = remedy
            .gain
            .map_or(String::new(), |gain| format!(": +{gain}"));
        let gain = format!("{gain}{}", words::within(remedy));
        indented(text, &format!("{}{gain}", advice.action), room);
        if let Some(command) = advice.command {
            let _ = writeln!(text, "    {command}");
        }
        if advice.risk != "none" {
            text.push_str("  ");
            indented(
                text,
                &format!("risk: {}", advice.risk),
                room.saturating_sub(2),
            );
        }
    }
}
