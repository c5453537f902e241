//! Closing sockets in the kernel, and leaving their processes alone.

use super::choice::{Choice, identity};
use super::{confirmed, tell, worse};
use crate::app::say;
use crate::cli::kill::KillArgs;
use crate::collect::destroy::{destroy, is_possible};
use crate::collect::names::SystemNames;
use crate::collect::pinned::Refused;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{Socket, State};
use crate::render::KillView;
use crate::sys::stdout::Stdout;
use rustc_hash::FxHashSet;
use std::io::Write;

/// Closes `sockets` in the kernel.
pub(super) fn close(
    args: &KillArgs,
    choice: &Choice,
    names: &SystemNames,
    sockets: &[Socket],
) -> Result<Exit, Error> {
    let view = KillView {
        sockets,
        details: &[],
        names,
    };
    let mut plan = String::new();
    for socket in sockets {
        plan.push_str(&format!("close {}\n", view.socket(socket)));
    }
    Stdout.write_all(plan.as_bytes())?;
    let is_listener = |s: &Socket| s.state == State::Listen;
    if sockets.iter().any(is_listener) {
        say(
            "note: a listener that is closed this way does not free its port, unless the kernel had chosen it: the \
             port stays taken until its process closes the descriptor or ends\n",
        );
    }
    if args.dry_run {
        return Ok(Exit::Done);
    }
    let many = match sockets.len() {
        1 => "this socket".to_owned(),
        n => format!("these {n} sockets"),
    };
    if !confirmed(args, &format!("Close {many}?"))? {
        return Ok(Exit::No);
    }
    let again = choice.find(names)?.sockets;
    let now: FxHashSet<_> = again.iter().map(identity).collect();
    let mut worst = Exit::Done;
    let mut closed = 0u64;
    for socket in sockets {
        let outcome = if !is_possible(socket) {
            Err(Refused::Error(nix::libc::EOPNOTSUPP))
        } else if now.contains(&identity(socket)) {
            destroy(socket)
        } else {
            Err(Refused::Gone)
        };
        let (word, exit) = match outcome {
            Ok(()) => {
                closed += 1;
                continue;
            }
            Err(Refused::Gone) => (
                "note: it is gone already, or the kernel does not close such",
                Exit::Done,
            ),
            Err(Refused::Permission) => (
                "error: not permitted: this takes CAP_NET_ADMIN, run it as root",
                Exit::Failed,
            ),
            Err(Refused::Error(nix::libc::EOPNOTSUPP)) => (
                "error: the kernel cannot close it (CONFIG_INET_DIAG_DESTROY; TCP and UDP only)",
                Exit::Failed,
            ),
            Err(Refused::Error(_)) => ("error: the kernel would not", Exit::Failed),
        };
        let (kind, word) = word.split_once(": ").unwrap_or(("error", word));
        if exit != Exit::Done || !args.quiet {
            say(&format!("{kind}: {}: {word}\n", view.socket(socket)));
        }
        worst = worse(worst, exit);
        if exit == Exit::Failed {
            break;
        }
    }
    let many = if closed == 1 { "socket" } else { "sockets" };
    tell(args, &format!("{closed} {many} closed\n"));
    Ok(if closed == 0 {
        worse(worst, Exit::No)
    } else {
        worst
    })
}
