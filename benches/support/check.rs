//! What must hold, or the comparison means nothing.

use super::cases::Case;
use super::{floor, programs};
use std::process::{Command, Stdio};

/// portctl has as many rows to show as `ss`, and as many as were made, where that can be said.
pub(crate) fn same_rows(case: &Case, made: Option<usize>) {
    // Owners change no row, and finding them would take long; details are lines of their own.
    let (letters, filter) = case.ss.split_once(' ').unwrap_or((case.ss, ""));
    let letters = letters.replace(['p', 'i'], "");
    let arguments = format!("-H {letters} {filter}");
    let arguments = arguments.trim_end();
    let shown = lines(programs::portctl(arguments));
    if let Some(made) = made {
        assert_eq!(shown, made, "portctl's rows of {arguments}");
    }
    if let Some(ss) = programs::ss(arguments) {
        assert_eq!(shown, lines(ss), "rows of portctl and of ss {arguments}");
    }
}

/// Says so if a load whose sockets do not live long was no longer whole at the end.
pub(crate) fn lasted(case: &Case, made: usize) {
    let left = lines(programs::portctl(&format!("-H {}", case.ss)));
    if left < made {
        println!(
            "(of {made} were {left} left at the end: figures above are of fewer, ratios hold)"
        );
    }
}

fn lines(mut command: Command) -> usize {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output.stdout.iter().filter(|&&b| b == b'\n').count()
}

/// The floor sends what portctl sends. Not checked without strace(1).
pub(crate) fn same_requests(case: &Case) {
    let portctl = requests(&programs::portctl(case.portctl));
    let floor = requests(&floor::command(case.floor));
    if let Some(portctl) = &portctl {
        assert!(!portctl.is_empty(), "strace shows no message of portctl");
    }
    assert_eq!(
        portctl, floor,
        "the floor of {} (see support/cases.rs) asks for something else than portctl",
        case.portctl
    );
}

/// The netlink messages that a command sends, as strace(1) shows them.
fn requests(command: &Command) -> Option<Vec<String>> {
    let options = ["-f", "-s", "200", "-X", "raw", "-e", "trace=sendto"];
    let output = programs::under("strace", &options, command)?
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let messages = text.lines().filter_map(|line| {
        let from = line.find("[{")?;
        Some(without_sequence(&line[from..=line.rfind("}]")?]))
    });
    Some(messages.collect())
}

/// A message without its number, which everyone counts as they like.
fn without_sequence(message: &str) -> String {
    let fields = message.split(", ");
    let fields = fields.filter(|field| !field.starts_with("nlmsg_seq="));
    fields.collect::<Vec<_>>().join(", ")
}
