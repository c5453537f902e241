//! Closing sockets in the kernel, and leaving their processes alone.

use super::after::see_still_bound;
use super::choice::{Choice, Found, identity};
use super::{print, tell, unconfirmed, worse};
use crate::analysis::kill;
use crate::app::say;
use crate::cli::kill::KillArgs;
use crate::collect::destroy::{destroy, is_possible};
use crate::collect::names::SystemNames;
use crate::collect::owners::find_owners;
use crate::collect::pinned::Refused;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::Socket;
use crate::render::KillView;
use rustc_hash::FxHashSet;

/// Closes `sockets` in the kernel.
pub(super) fn close(
    args: &KillArgs,
    choice: &Choice,
    names: &SystemNames,
    found: &Found,
) -> Result<Exit, Error> {
    let all = &found.sockets[..];
    let owners = find_owners(&choice.query, all, found.listeners.clone());
    let kept = kill::kept_open(all, &owners);
    let view = KillView {
        sockets: all,
        owners: Some(&owners),
        details: &[],
        names,
    };
    let mut worst = Exit::Done;
    for &(place, why) in &kept {
        say(&format!("note: {}\n", view.spared(place, why)));
        worst = worse(worst, Exit::No);
    }
    let sockets = all.iter().enumerate();
    let sockets = sockets.filter(|(place, _)| !kept.iter().any(|(kept, _)| kept == place));
    let sockets: Vec<_> = sockets.map(|(_, socket)| socket.clone()).collect();
    if sockets.is_empty() {
        return Ok(worst);
    }
    let mut plan = String::new();
    for socket in &sockets {
        plan.push_str(&format!("close {}\n", view.socket(socket)));
    }
    print(&plan)?;
    if sockets.iter().any(kill::waits_for_others) {
        say(
            "note: a listener or UDP socket that is closed this way does not free its port, unless the kernel had \
             chosen it: the port stays taken until its process closes the descriptor or ends\n",
        );
    }
    if args.dry_run {
        return Ok(worst);
    }
    let many = match sockets.len() {
        1 => "this socket".to_owned(),
        n => format!("these {n} sockets"),
    };
    if let Some(exit) = unconfirmed(args, &format!("Close {many}?"))? {
        return Ok(exit);
    }
    let again = choice.find(names)?.sockets;
    let now: FxHashSet<_> = again.iter().map(identity).collect();
    let mut closed: Vec<Socket> = Vec::new();
    for socket in &sockets {
        let outcome = if !is_possible(socket) {
            Err(Refused::Error(nix::libc::EOPNOTSUPP))
        } else if now.contains(&identity(socket)) {
            destroy(socket)
        } else {
            Err(Refused::Gone)
        };
        let (word, exit) = match outcome {
            Ok(()) => {
                closed.push(socket.clone());
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
    let count = closed.len();
    let many = if count == 1 { "socket" } else { "sockets" };
    tell(args, &format!("{count} {many} closed\n"));
    if count == 0 {
        return Ok(worse(worst, Exit::No));
    }
    closed.retain(kill::waits_for_others);
    Ok(worse(worst, see_still_bound(&closed)?))
}
