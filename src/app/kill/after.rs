//! What becomes of a port when its holders have ended.

use super::choice::{Choice, tables};
use super::{NAMED, tell};
use crate::app::say;
use crate::app::wait::Watch;
use crate::cli::kill::KillArgs;
use crate::cli::wait::UntilArg;
use crate::collect;
use crate::collect::names::SystemNames;
use crate::collect::owners::find_owners;
use crate::error::Error;
use crate::exit::Exit;
use crate::filter::Filter;
use crate::model::{
    Conditions, DetailSet, Kinds, Listeners, Owners, Pid, Protocol, Query, Question, Socket,
    SourceChoice, StateMasks, StateSet, Subject, Table, TableSet,
};
use crate::render::KillView;
use std::time::{Duration, Instant};

/// So long the port is waited for when its holders have ended.
const UNTIL_FREE: Duration = Duration::from_secs(3);
/// So long a place is watched for who takes it again: a shell's loop does so at once, systemd and container engines after 100 ms.
const UNTIL_RESTARTED: Duration = Duration::from_millis(1500);

/// Waits until the places of `sockets` can be bound, and says what keeps them, or who takes them again.
///
/// `parents` are those of the processes that have ended. Anything may start a server again, and only some are known to, so every
/// place is watched.
pub(super) fn see_it_free(
    args: &KillArgs,
    names: &SystemNames,
    sockets: &[Socket],
    parents: &[Pid],
) -> Result<Exit, Error> {
    let mut worst = Exit::Done;
    let questions = places(sockets);
    let deadline = Instant::now().checked_add(UNTIL_FREE);
    let mut free = Vec::new();
    for question in &questions {
        let mut watch = Watch::new(question, UntilArg::Free);
        let began = Instant::now();
        if watch.until(deadline, false)? {
            free.push(question);
        } else {
            worst = Exit::No;
            say(&watch.last_words(began.elapsed(), names)?);
            say(&holders(question, names, parents)?);
        }
    }
    if !free.is_empty() {
        let deadline = Instant::now().checked_add(UNTIL_RESTARTED);
        let mut still = Vec::new();
        for question in free {
            let mut watch = Watch::new(question, UntilArg::Listen);
            if watch.until(deadline, false)? {
                worst = Exit::No;
                say(&format!("{} is taken again\n", question.asked));
                say(&holders(question, names, parents)?);
            } else {
                still.push(question);
            }
        }
        free = still;
    }
    for question in free {
        tell(args, &format!("{} is free\n", question.asked));
    }
    Ok(worst)
}

/// Says which places are taken although their sockets are closed: the descriptors are still open.
pub(super) fn see_still_bound(sockets: &[Socket]) -> Result<Exit, Error> {
    let mut worst = Exit::Done;
    for question in &places(sockets) {
        if !Watch::new(question, UntilArg::Free).until(Some(Instant::now()), false)? {
            worst = Exit::No;
            let asked = &question.asked;
            say(&format!(
                "{asked} is not free: its socket is closed and still bound\n\
                 hint: portctl why {asked} says who holds it\n"
            ));
        }
    }
    Ok(worst)
}

/// Who listens at a place now, and what started it: known for that, or the parent of one that has ended, too.
fn holders(question: &Question, names: &SystemNames, parents: &[Pid]) -> Result<String, Error> {
    let choice = Choice {
        query: Query {
            tables: tables(
                Table::ALL.into_iter().collect(),
                std::slice::from_ref(question),
            ),
            named: TableSet::EMPTY,
            everything: false,
            states: StateMasks::same(StateSet::LISTEN.or(StateSet::CLOSE)),
            kinds: Kinds::ALL,
            conditions: Conditions::default(),
            owners: true,
            details: DetailSet::NONE,
            bpf_maps: Vec::new(),
            source: SourceChoice::Auto,
        },
        filter: Filter::everything(),
        questions: vec![question.clone()],
        files: Vec::new(),
        listeners: true,
    };
    let sockets = choice.find(names)?.sockets;
    let owners = find_owners(&choice.query, &sockets, Listeners::default());
    let mut holders = Vec::new();
    for socket in &sockets {
        if let Owners::Known(known) = owners.of(socket) {
            holders.extend(known.map(|h| (h.process.pid, h.process.name.clone())));
        }
    }
    holders.sort_unstable();
    holders.dedup();
    let pids: Vec<_> = holders.iter().map(|(pid, _)| *pid).collect();
    let details = collect::details::details(&pids);
    let view = KillView {
        sockets: &sockets,
        owners: Some(&owners),
        details: &details,
        names,
    };
    let mut text = String::new();
    for (pid, name) in holders.iter().take(NAMED) {
        text.push_str(&format!(
            "note: by {}\n",
            view.process(*pid, name.as_deref())
        ));
        if let Some(again) = view.restarts(*pid) {
            text.push_str(&format!("hint: {again}\n"));
        } else if let Some(parent) = view.parent(*pid).filter(|p| parents.contains(&p.pid)) {
            text.push_str(&format!(
                "hint: {} started it again: end that one first\n",
                view.process(parent.pid, parent.name.as_deref())
            ));
        }
    }
    Ok(text)
}

/// Where the sockets were, each place once. Unix sockets have none: their files stay when they are gone.
fn places(sockets: &[Socket]) -> Vec<Question> {
    let mut places: Vec<Question> = Vec::new();
    for socket in sockets {
        let (Some(ends), Protocol::Tcp | Protocol::Udp) = (socket.inet(), socket.protocol) else {
            continue;
        };
        let any = ends.local.is_unspecified();
        let place = std::net::SocketAddr::new(ends.local, ends.local_port.0);
        let question = Question {
            asked: if any {
                format!("{}/{}", socket.protocol, ends.local_port.0)
            } else {
                format!("{}/{place}", socket.protocol)
            },
            subject: Subject::Port {
                protocols: vec![socket.protocol],
                port: ends.local_port,
                addresses: if any {
                    Vec::new()
                } else {
                    vec![(ends.local, ends.interface)]
                },
            },
        };
        if !places.contains(&question) {
            places.push(question);
        }
    }
    places
}
