//! Ending the processes that hold sockets.

use super::after::see_it_free;
use super::choice::{Choice, Found, identity};
use super::{print, tell, unconfirmed, words, worse};
use crate::analysis::kill::{self, Plan, Spared, Victim};
use crate::app::say;
use crate::cli::kill::KillArgs;
use crate::cli::plan::PlanError;
use crate::cli::wait::Patience;
use crate::collect;
use crate::collect::names::SystemNames;
use crate::collect::owners::{find_owners, held_by};
use crate::collect::pinned::{Pinned, Refused};
use crate::collect::rights;
use crate::error::Error;
use crate::exit::Exit;
use crate::filter::Filter;
use crate::model::{
    Conditions, Inode, Pid, Query, Socket, State, StateMasks, StateSet, Table, TableSet,
};
use crate::render::KillView;
use crate::sys;
use crate::sys::capabilities::Right;
use rustc_hash::FxHashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// After SIGKILL a process ends at once, unless the kernel is busy for it.
const AFTER_FORCE: Duration = Duration::from_secs(5);

/// Ends the processes that hold `sockets`.
pub(super) fn end(
    args: &KillArgs,
    choice: &Choice,
    names: &SystemNames,
    found: &Found,
) -> Result<Exit, Error> {
    let sockets = &found.sockets[..];
    if !sys::namespace::proc_shows_own_pids() {
        return Err(Error::Plan(PlanError::Option {
            option: "kill",
            problem:
                "/proc is of another PID namespace: its numbers are not those of the processes here"
                    .to_owned(),
            hint: "run it in the PID namespace whose /proc is mounted",
        }));
    }
    let owners = find_owners(&choice.query, sockets, found.listeners.clone());
    let Plan { victims, spared } = kill::plan(sockets, &owners, Pid(std::process::id()));
    // From here on each is itself, whatever becomes of its number.
    let pinned: Vec<_> = victims.iter().map(|v| Pinned::new(v.pid)).collect();
    let pids: Vec<_> = victims.iter().map(|v| v.pid).collect();
    let details = collect::details::details(&pids);
    let view = KillView {
        sockets,
        owners: Some(&owners),
        details: &details,
        names,
    };
    let mut plan = String::new();
    let others = other_listeners(choice, names, sockets, &victims)?;
    for victim in &victims {
        let held = held_by(victim.pid, &others.iter().filter_map(|s| s.inode).collect());
        let with_it = others
            .iter()
            .filter(|s| s.inode.is_some_and(|i| held.contains(&i)));
        let with_it: Vec<_> = with_it.collect();
        plan.push_str(&format!("end {}\n", view.victim(victim, &with_it)));
    }
    print(&plan)?;
    let mut worst = Exit::Done;
    // What nobody has accepted is reset when its listener is closed.
    let ends_with_its_listener = |place: usize| {
        let queue = sockets.get(place).and_then(|s| owners.queue_of(s));
        let ending = victims.iter().flat_map(|v| &v.sockets);
        let mut ending = ending.filter_map(|&n| sockets.get(n));
        ending.any(|socket| {
            let ends = socket.inet();
            let at = ends.map(|e| SocketAddr::new(e.local.to_canonical(), e.local_port.0));
            socket.state == State::Listen && at.is_some() && at == queue
        })
    };
    for &(place, why) in &spared {
        say(&format!("note: {}\n", view.spared(place, why)));
        worst = worse(
            worst,
            match why {
                Spared::Hidden(_) => Exit::Failed,
                Spared::NoProcess("accept-queue") if ends_with_its_listener(place) => Exit::Done,
                _ => Exit::No,
            },
        );
    }
    for (victim, process) in victims.iter().zip(&pinned) {
        if let Some(again) = view.restarts(victim.pid).filter(|_| !args.quiet) {
            say(&format!("note: process {}: {again}\n", victim.pid.0));
        }
        if let Err(Refused::Error(errno)) = process {
            let words = words(*errno);
            say(&format!("error: process {}: {words}\n", victim.pid.0));
            return Ok(Exit::Failed);
        }
    }
    if victims.is_empty() || args.dry_run {
        return Ok(worst);
    }
    let many = match victims.len() {
        1 => "this process".to_owned(),
        n => format!("these {n} processes"),
    };
    if let Some(exit) = unconfirmed(args, &format!("End {many}?"))? {
        return Ok(exit);
    }
    let again = choice.find(names)?.sockets;
    let now: FxHashSet<_> = again.iter().map(identity).collect();
    let mut ended: Vec<(&Victim, &Pinned)> = Vec::new();
    let mut refused = 0;
    for (victim, process) in victims.iter().zip(&pinned) {
        let name = view.process(victim.pid, victim.name.as_deref());
        let outcome = process.as_ref().map_err(|e| *e).and_then(|process| {
            let mut same = victim
                .sockets
                .iter()
                .filter_map(|&n| sockets.get(n))
                .filter(|socket| now.contains(&identity(socket)));
            let inodes: FxHashSet<Inode> = same.by_ref().filter_map(|s| s.inode).collect();
            if process.holds(&inodes).is_empty() {
                return Err(Refused::Gone);
            }
            process.end(args.grace == Patience::Limited(Duration::ZERO))?;
            Ok(process)
        });
        match outcome {
            Ok(process) => ended.push((victim, process)),
            Err(Refused::Gone) => {
                say(&format!(
                    "note: {name} has ended, or does not hold it any more: left alone\n"
                ));
            }
            Err(Refused::Permission) => {
                let words = view.refused(victim, rights::barrier(Right::Kill));
                say(&format!("error: {words}\n"));
                worst = worse(worst, Exit::Failed);
                refused += 1;
            }
            Err(Refused::Error(errno)) => {
                say(&format!("error: {name}: {}\n", words(errno)));
                worst = worse(worst, Exit::Failed);
                refused += 1;
            }
        }
    }
    if refused == victims.len() {
        return Ok(worst);
    }
    worst = worse(worst, see_them_end(args, &view, &ended));
    let parents = ended.iter().filter_map(|(v, _)| view.parent(v.pid));
    let parents: Vec<_> = parents.map(|p| p.pid).collect();
    let free = see_it_free(args, names, sockets, &parents)?;
    Ok(worse(worst, free))
}

/// The listeners of this network namespace that were not chosen, and may end with the victims.
fn other_listeners(
    choice: &Choice,
    names: &SystemNames,
    sockets: &[Socket],
    victims: &[Victim],
) -> Result<Vec<Socket>, Error> {
    if victims.is_empty() {
        return Ok(Vec::new());
    }
    let all = Choice {
        query: Query {
            tables: Table::ALL.into_iter().collect(),
            named: TableSet::EMPTY,
            everything: false,
            states: StateMasks {
                tcp: StateSet::LISTEN,
                ..StateMasks::same(StateSet::LISTEN.or(StateSet::CLOSE))
            },
            conditions: Conditions::default(),
            owners: false,
            ..choice.query.clone()
        },
        filter: Filter::everything(),
        questions: Vec::new(),
        files: Vec::new(),
        listeners: true,
    };
    let chosen: FxHashSet<_> = sockets.iter().map(identity).collect();
    let mut others = all.find(names)?.sockets;
    others.retain(|socket| !chosen.contains(&identity(socket)));
    Ok(others)
}

/// Waits for processes that were asked to end, and forces those that do not.
fn see_them_end(args: &KillArgs, view: &KillView<'_>, asked: &[(&Victim, &Pinned)]) -> Exit {
    let began = Instant::now();
    let mut worst = Exit::Done;
    for (victim, process) in asked {
        let name = view.process(victim.pid, victim.name.as_deref());
        let grace = match args.grace {
            Patience::Limited(grace) => grace,
            Patience::Endless => Duration::MAX,
        };
        if process.ended_within(grace.saturating_sub(began.elapsed())) {
            tell(args, &format!("{name} has ended\n"));
            continue;
        }
        let forced = process.end(true);
        if process.ended_within(AFTER_FORCE) {
            tell(
                args,
                &format!("{name} did not end by itself, and was killed\n"),
            );
            continue;
        }
        let why = match forced {
            Err(Refused::Permission) => ": not permitted to kill it",
            _ => ", not even after SIGKILL: the kernel is busy for it",
        };
        say(&format!("error: {name} has not ended{why}\n"));
        worst = Exit::No;
    }
    worst
}
