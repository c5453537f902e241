//! `portctl kill`: chooses sockets, says what ending them takes, asks, makes sure that nothing has changed, and does it.

use super::gather::{Gathered, gather};
use super::resolver::SystemResolver;
use super::wait::Watch;
use super::{closing, finish, say};
use crate::analysis::kill::{self, Plan, Spared, Victim};
use crate::analysis::wait::{Awaited, has_come};
use crate::cli::args::{CollectArgs, SelectArgs};
use crate::cli::env::Env;
use crate::cli::kill::KillArgs;
use crate::cli::plan::{self, PlanError, Verbosity};
use crate::cli::question;
use crate::cli::wait::{Patience, UntilArg};
use crate::collect::destroy::{destroy, is_possible};
use crate::collect::names::SystemNames;
use crate::collect::owners::{find_owners, held_by};
use crate::collect::pinned::{Pinned, Refused};
use crate::collect::{self, Sink};
use crate::error::Error;
use crate::exit::Exit;
use crate::filter::{Filter, Predicate};
use crate::model::{
    Conditions, DetailSet, Family, Inode, Kinds, Listeners, Notice, Owners, Pid, Protocol, Query,
    Question, Socket, SourceChoice, State, StateMasks, StateSet, Subject, Table, TableSet,
    UnixName,
};
use crate::render::{Closing, KillView};
use crate::sys;
use crate::sys::stdout::Stdout;
use rustc_hash::FxHashSet;
use std::io::{self, Write};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// After SIGKILL a process ends at once, unless the kernel is busy for it.
const AFTER_FORCE: Duration = Duration::from_secs(5);
/// So long the port is waited for when its holders have ended.
const UNTIL_FREE: Duration = Duration::from_secs(3);
/// So long a server is watched for that something may start again: systemd waits 100 ms by default, container engines as long.
const UNTIL_RESTARTED: Duration = Duration::from_millis(1500);
/// So many sockets are named where they are only examples.
const NAMED: usize = 3;

pub(super) fn run(args: &KillArgs, env: &dyn Env) -> Result<Exit, Error> {
    let names = SystemNames::new();
    let choice = Choice::new(args, env, &names)?;
    let found = choice.find(&names)?;
    let verbosity = if args.quiet {
        Verbosity::Quiet
    } else {
        Verbosity::Normal
    };
    finish(&found.closing, verbosity, false);
    if found.sockets.is_empty() {
        if !args.quiet {
            say(&choice.nothing(&names, args.sockets)?);
        }
        // What is missing, or what nobody may see, may have matched.
        let doubts = |notice: &Notice| {
            notice.means_incomplete() || matches!(notice, Notice::FilterUnknown { .. })
        };
        return Ok(if found.closing.notices.iter().any(doubts) {
            Exit::Failed
        } else {
            Exit::No
        });
    }
    if args.sockets {
        close(args, &choice, &names, &found.sockets)
    } else {
        end(args, &choice, &names, &found)
    }
}

/// Sockets that were chosen.
struct Found {
    sockets: Vec<Socket>,
    /// The listeners that were seen, to tell what waits in their queues.
    listeners: Listeners,
    closing: Closing,
}

/// Which sockets were asked for.
struct Choice {
    query: Query,
    filter: Filter,
    /// Ports and names; empty if it is a filter that chooses.
    questions: Vec<Question>,
    /// Sockets bound to files that questions name.
    files: Vec<Inode>,
    /// Whether only listeners are meant.
    listeners: bool,
}

impl Choice {
    fn new(args: &KillArgs, env: &dyn Env, names: &SystemNames) -> Result<Self, Error> {
        let resolver = SystemResolver(names);
        let first = args.select.filter.first();
        let is_filter = args.select.filter_file.is_some()
            || first
                .and_then(|word| word.to_str())
                .is_some_and(super::begins_filter);
        let questions: Vec<Question> = if is_filter {
            Vec::new()
        } else {
            let typed = args.select.filter.iter();
            typed
                .map(|word| question::parse(word, &resolver).map_err(Error::Question))
                .collect::<Result<_, _>>()?
        };
        let mut select = SelectArgs {
            filter: if is_filter {
                args.select.filter.clone()
            } else {
                Vec::new()
            },
            ..args.select.clone()
        };
        let chooses_states = select.all || select.listening || select.bound_inactive;
        select.listening |= !chooses_states && !args.sockets;
        select.all |= !chooses_states && args.sockets;
        let selection =
            plan::select(&select, &CollectArgs::default(), env, &resolver).map_err(Error::Plan)?;
        if questions.is_empty() && selection.filter.predicate == Predicate::Constant(true) {
            return Err(Error::Plan(PlanError::Option {
                option: "kill",
                problem: "this would be every socket of the host".to_owned(),
                hint: "name a port, or a filter: portctl kill 8080, portctl kill process = nginx",
            }));
        }
        let mut query = Query {
            // Never a saved dump, whatever the environment says.
            source: SourceChoice::Auto,
            owners: !args.sockets || selection.filter.needs_owners,
            ..selection.query
        };
        if args.sockets && !chooses_states && !selection.filter.mentions_state {
            // A listener that is destroyed is of no use to anybody, and what is bound and idle cannot be.
            query.states = StateMasks {
                tcp: StateSet::LISTEN
                    .or(StateSet::BOUND_INACTIVE)
                    .or(StateSet::CLOSE)
                    .complement(),
                ..StateMasks::same(StateSet::of(State::Established))
            };
        }
        let mut files = Vec::new();
        for question in &questions {
            if let Subject::Unix(UnixName::Path(path)) = &question.subject {
                let facts = collect::unix_path::facts(path);
                files.extend(facts.sockets.unwrap_or_default());
            }
        }
        if !questions.is_empty() {
            query.tables = tables(query.tables, &questions);
        }
        let listeners = !chooses_states && !args.sockets && !selection.filter.mentions_state;
        Ok(Self {
            query,
            filter: selection.filter,
            questions,
            files,
            listeners,
        })
    }

    /// The sockets that are chosen, in the usual order, and what the reader should know of that.
    fn find(&self, names: &SystemNames) -> Result<Found, Error> {
        let readings = self.filter.warnings.iter();
        let mut notices: Vec<_> = readings
            .map(|w| Notice::FilterReading {
                explanation: w.message.clone(),
            })
            .collect();
        let mut found = if self.questions.is_empty() {
            let Gathered {
                mut sockets,
                owners,
                collected,
                tally,
                ..
            } = gather(&self.query, &self.filter, names)?;
            let closing = closing(&self.query, collected)?;
            notices.extend(tally.report(owners.as_ref()));
            if self.listeners {
                sockets.retain(kill::waits_for_others);
            }
            Found {
                sockets,
                listeners: Listeners::default(),
                closing,
            }
        } else {
            let mut chosen = Chosen {
                choice: self,
                sockets: Vec::new(),
            };
            let mut collected =
                collect::collect(&self.query, &mut chosen).map_err(Error::Source)?;
            Found {
                sockets: chosen.sockets,
                listeners: std::mem::take(&mut collected.listeners),
                closing: closing(&self.query, collected)?,
            }
        };
        found.sockets.sort_by(crate::model::default_order);
        found.closing.notices.extend(notices);
        Ok(found)
    }

    fn wants(&self, socket: &Socket) -> bool {
        self.questions.iter().any(|question| {
            if self.listeners {
                return has_come(question, Awaited::Listen, socket, &self.files);
            }
            match &question.subject {
                Subject::Port {
                    protocols,
                    port,
                    addresses,
                } => {
                    protocols.contains(&socket.protocol)
                        && socket.inet().is_some_and(|ends| {
                            let is_there = |(a, _): &(IpAddr, _)| {
                                a.to_canonical() == ends.local.to_canonical()
                            };
                            ends.local_port == *port
                                && (addresses.is_empty() || addresses.iter().any(is_there))
                        })
                }
                Subject::Unix(name) => socket.unix().is_some_and(|ends| {
                    ends.name == *name || socket.inode.is_some_and(|i| self.files.contains(&i))
                }),
            }
        })
    }

    /// That nothing matched, and what has the port in other ways.
    fn nothing(&self, names: &SystemNames, closes: bool) -> Result<String, Error> {
        let what = if closes { "no socket" } else { "no listener" };
        let what = if self.listeners || closes {
            what
        } else {
            "no socket"
        };
        let mut text = format!("{what} matches: nothing was done\n");
        if self.questions.is_empty() {
            return Ok(text);
        }
        let wider = Self {
            query: Query {
                states: StateMasks::same(StateSet::ALL),
                ..self.query.clone()
            },
            filter: Filter::everything(),
            questions: self.questions.clone(),
            files: self.files.clone(),
            listeners: false,
        };
        let near = wider.find(names)?.sockets;
        let view = KillView {
            sockets: &near,
            details: &[],
            names,
        };
        for socket in near.iter().take(NAMED) {
            text.push_str(&format!("note: there is {}\n", view.socket(socket)));
        }
        if !near.is_empty() {
            text.push_str(if closes {
                "hint: -a also closes listeners, which keep their port\n"
            } else {
                "hint: -a also ends those that hold such sockets, --sockets closes connections\n"
            });
        }
        Ok(text)
    }
}

fn tables(selected: TableSet, questions: &[Question]) -> TableSet {
    selected.filter(|table| {
        questions.iter().any(|question| match &question.subject {
            Subject::Port { protocols, .. } => protocols.contains(&table.protocol),
            Subject::Unix(_) => table.family == Family::Unix,
        })
    })
}

/// Keeps what was asked for by port or name.
struct Chosen<'a> {
    choice: &'a Choice,
    sockets: Vec<Socket>,
}

impl Sink for Chosen<'_> {
    fn push(&mut self, socket: Socket) -> ControlFlow<()> {
        if self.choice.wants(&socket) {
            self.sockets.push(socket);
        }
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        self.sockets.len()
    }

    fn take_back(&mut self, mark: usize) -> bool {
        self.sockets.truncate(mark);
        true
    }
}

/// What a socket is told from all others by.
fn identity(socket: &Socket) -> (Option<u64>, Option<Inode>) {
    (socket.cookie.map(|c| c.0.get()), socket.inode)
}

/// Ends the processes that hold `sockets`.
fn end(
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
    Stdout.write_all(plan.as_bytes())?;
    let mut worst = Exit::Done;
    for &(place, why) in &spared {
        say(&format!("note: {}\n", view.spared(place, why)));
        worst = worse(
            worst,
            match why {
                Spared::Hidden => Exit::Failed,
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
    if !confirmed(args, &format!("End {many}?"))? {
        return Ok(Exit::No);
    }
    let again = choice.find(names)?.sockets;
    let now: FxHashSet<_> = again.iter().map(identity).collect();
    let mut ended: Vec<(&Victim, &Pinned)> = Vec::new();
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
                say(&format!(
                    "error: {name}: not permitted to end it: run this as root, or as its user\n"
                ));
                worst = worse(worst, Exit::Failed);
            }
            Err(Refused::Error(errno)) => {
                say(&format!("error: {name}: {}\n", words(errno)));
                worst = worse(worst, Exit::Failed);
            }
        }
    }
    worst = worse(worst, see_them_end(args, &view, &ended));
    let restartable = ended.iter().any(|(v, _)| view.restarts(v.pid).is_some());
    let free = see_it_free(args, names, sockets, restartable)?;
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

/// Waits until the places of `sockets` can be bound, and says what keeps them.
fn see_it_free(
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

/// Closes `sockets` in the kernel.
fn close(
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

/// Whether it is to be done: `--yes`, or a person at a terminal says so.
fn confirmed(args: &KillArgs, question: &str) -> Result<bool, Error> {
    if args.yes {
        return Ok(true);
    }
    if !sys::terminal::can_ask() {
        return Err(Error::Plan(PlanError::Option {
            option: "kill",
            problem: "there is nobody to ask, and nothing was done".to_owned(),
            hint: "--yes does it without asking, --dry-run only prints what would be done",
        }));
    }
    say(&format!("{question} [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    let yes = ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str());
    if !yes {
        say("nothing was done\n");
    }
    Ok(yes)
}

/// Says what went well, unless nobody wants to hear it.
fn tell(args: &KillArgs, text: &str) {
    if !args.quiet {
        say(text);
    }
}

fn worse(one: Exit, other: Exit) -> Exit {
    if one.number() < other.number() {
        other
    } else {
        one
    }
}

fn words(errno: i32) -> String {
    crate::error::os_words(&io::Error::from_raw_os_error(errno))
}
