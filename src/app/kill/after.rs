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
    Conditions, DetailSet, Kinds, Listeners, Owners, Protocol, Query, Question, Socket,
    SourceChoice, StateMasks, StateSet, Subject, Table, TableSet,
};
use crate::render::KillView;
use std::time::{Duration, Instant};

/// So long the port is waited for when its holders have ended.
const UNTIL_FREE: Duration = Duration::from_secs(3);
/// So long a server is watched for that something may start again: systemd waits 100 ms by default, container engines as long.
const UNTIL_RESTARTED: Duration = Duration::from_millis(1500);

/// Waits until the places of `sockets` can be bound, and says what keeps them.
pub(super) fn see_it_free(
    args: &KillArgs,
    names: &SystemNames,
    sockets: &[Socket],
    restartable: bool,
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
            say(&holders(question, names)?);
        }
    }
    if restartable {
        let deadline = Instant::now().checked_add(UNTIL_RESTARTED);
        let mut still = Vec::new();
        for question in free {
            let mut watch = Watch::new(question, UntilArg::Listen);
            if watch.until(deadline, false)? {
                worst = Exit::No;
                say(&format!("{} is taken again\n", question.asked));
                say(&holders(question, names)?);
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

/// Who listens at a place now.
fn holders(question: &Question, names: &SystemNames) -> Result<String, Error> {
    let choice = Choice {
        query: Query {
            tables: tables(
                Table::ALL.into_iter().collect(),
                std::slice::from_ref(question),
            ),
            named: TableSet::EMPTY,
            states: StateMasks::same(StateSet::LISTEN.or(StateSet::CLOSE)),
            kinds: Kinds::ALL,
            conditions: Conditions::default(),
            owners: true,
            details: DetailSet::NONE,
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
