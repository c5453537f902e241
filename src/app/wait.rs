//! `portctl wait`: looks at the tables again and again, seldom enough to cost nothing, until what is waited for has come.

use super::resolver::SystemResolver;
use super::{closing, say};
use crate::analysis::wait::{self, Awaited};
use crate::analysis::why::place::{Hold, Place};
use crate::cli::plan::PlanError;
use crate::cli::question;
use crate::cli::wait::{Patience, UntilArg, WaitArgs};
use crate::collect::names::SystemNames;
use crate::collect::{self, Sink};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{
    BindFacts, BindOutcome, Condition, Conditions, Context, DetailSet, Kinds, PathKind, Protocol,
    Query, Question, Row, Side, Socket, SocketKind, SourceChoice, SourceKind, State, StateMasks,
    StateSet, Subject, Table, TableSet, UnixName,
};
use crate::render::{escape::escape, line};
use crate::sys::connect::{self, UnixType};
use std::ffi::OsStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The first pause between two looks; each next one is half as long again.
const SHORTEST: Duration = Duration::from_millis(5);
/// The longest pause.
const LONGEST: Duration = Duration::from_millis(200);
/// A pause is this many times as long as the look before it took, so that a large table is not read all the time.
const PAUSE_PER_LOOK: u32 = 20;
/// No connection attempt takes longer: the listener may be gone and another be there by then.
const LONGEST_CONNECT: Duration = Duration::from_secs(5);
/// So many sockets are named in the last words.
const NAMED: usize = 3;

pub(super) fn run(args: &WaitArgs) -> Result<Exit, Error> {
    let names = SystemNames::new();
    let questions = questions(args, &names)?;
    let began = Instant::now();
    let deadline = match args.timeout {
        Patience::Limited(time) => began.checked_add(time),
        Patience::Endless => None,
    };
    let mut answer = Exit::Done;
    for question in &questions {
        let mut watch = Watch::new(question, args.until);
        // Once the time is over there is still one look at each of the others.
        if !watch.until(deadline, args.connect)? {
            answer = Exit::No;
            if args.quiet {
                break;
            }
            say(&watch.last_words(began.elapsed(), &names)?);
        } else if args.verbose {
            say(&format!(
                "{} {} after {}\n",
                escape(question.asked.as_bytes()),
                watch.good_word(),
                seconds(began.elapsed())
            ));
        }
    }
    Ok(answer)
}

fn questions(args: &WaitArgs, names: &SystemNames) -> Result<Vec<Question>, Error> {
    let resolver = SystemResolver(names);
    let mut questions = Vec::new();
    for typed in &args.ports {
        let question = question::parse(typed, &resolver).map_err(Error::Question)?;
        questions.push(wait::tcp_unless_said(question));
    }
    let is_udp = |question: &Question| match &question.subject {
        Subject::Port { protocols, .. } => protocols.contains(&Protocol::Udp),
        Subject::Unix(_) => false,
    };
    let problem = if !args.connect {
        None
    } else if args.until != UntilArg::Listen {
        Some("there is nothing to connect to")
    } else if questions.iter().any(is_udp) {
        Some("UDP has no connections, and no answer that all servers give")
    } else {
        None
    };
    match problem {
        Some(problem) => Err(Error::Plan(PlanError::Option {
            option: "--connect",
            problem: problem.to_owned(),
            hint: "leave it out, or wait for a TCP or unix socket that listens",
        })),
        None => Ok(questions),
    }
}

/// One place that is looked at again and again.
pub(super) struct Watch<'a> {
    question: &'a Question,
    until: UntilArg,
    query: Query,
    facts: BindFacts,
    /// What the last look that found something found.
    found: Option<Socket>,
    /// Why the last attempt to connect failed.
    unanswered: Option<io::Error>,
    /// Whether what is free is so only for a program that sets `SO_REUSEADDR`.
    needs_reuse: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn new(question: &'a Question, until: UntilArg) -> Self {
        let asked: Vec<IpAddr> = match &question.subject {
            Subject::Port { addresses, .. } => addresses.iter().map(|(a, _)| *a).collect(),
            Subject::Unix(_) => Vec::new(),
        };
        let facts = collect::binding::facts(&asked);
        Self {
            question,
            until,
            query: query(question, states(until), facts.ipv6),
            facts,
            found: None,
            unanswered: None,
            needs_reuse: false,
        }
    }

    /// Looks until it has come. False if it has not at the deadline; the last look is after it, and there is always one.
    pub(super) fn until(
        &mut self,
        deadline: Option<Instant>,
        connect: bool,
    ) -> Result<bool, Error> {
        let mut pause = SHORTEST;
        loop {
            let began = Instant::now();
            let is_last = deadline.is_some_and(|deadline| began >= deadline);
            if self.look()? && (!connect || self.answers(deadline)) {
                return Ok(true);
            }
            if is_last {
                return Ok(false);
            }
            let rest = rest_after(pause, began.elapsed());
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            std::thread::sleep(left.map_or(rest, |left| rest.min(left)));
            pause = longer(pause);
        }
    }

    /// Whether it is there now.
    fn look(&mut self) -> Result<bool, Error> {
        match (self.until, &self.question.subject) {
            (UntilArg::Listen, _) => self.has_come(Awaited::Listen),
            (UntilArg::Established, _) => self.has_come(Awaited::Established),
            (UntilArg::Free, Subject::Port { .. }) => self.is_free(),
            (UntilArg::Free, Subject::Unix(UnixName::Path(path))) => {
                Ok(collect::unix_path::facts(path).kind == PathKind::Missing)
            }
            (UntilArg::Free, Subject::Unix(_)) => Ok(!self.any(|_| true)?),
        }
    }

    fn has_come(&mut self, awaited: Awaited) -> Result<bool, Error> {
        let mut files = Vec::new();
        if let Subject::Unix(UnixName::Path(path)) = &self.question.subject {
            let facts = collect::unix_path::facts(path);
            match (facts.kind, facts.sockets) {
                (PathKind::LiveSocket | PathKind::Socket, Some(found)) if !found.is_empty() => {
                    files = found;
                }
                // Open, and in another network namespace: its state cannot be read from here.
                (PathKind::LiveSocket, _) => return Ok(awaited == Awaited::Listen),
                _ => return Ok(false),
            }
        }
        let question = self.question;
        self.any(|socket| wait::has_come(question, awaited, socket, &files))
    }

    /// Whether a socket for which `wanted` holds is there; remembers it.
    fn any(&mut self, wanted: impl Fn(&Socket) -> bool) -> Result<bool, Error> {
        let question = self.question;
        let mut first = First {
            wanted: |socket: &Socket| has_name(question, socket) && wanted(socket),
            found: None,
        };
        let collected = collect::collect(&self.query, &mut first).map_err(Error::Source)?;
        let found = first.found;
        closing(&self.query, collected)?;
        let is_there = found.is_some();
        if is_there {
            self.found = found;
        }
        Ok(is_there)
    }

    fn is_free(&mut self) -> Result<bool, Error> {
        let Subject::Port {
            protocols,
            port,
            addresses,
        } = &self.question.subject
        else {
            return Ok(false);
        };
        // An address may be gone, or there, by now.
        let asked: Vec<_> = addresses.iter().map(|(a, _)| *a).collect();
        if !asked.is_empty() {
            self.facts = collect::binding::facts(&asked);
        }
        let place = Place::new(&self.facts, protocols, addresses, *port);
        let mut holds = Holds {
            place: &place,
            worst: Hold::None,
            found: None,
        };
        let collected = collect::collect(&self.query, &mut holds).map_err(Error::Source)?;
        let Holds { worst, found, .. } = holds;
        let is_through_proc = |report: &crate::model::TableReport| {
            report.table.protocol == Protocol::Tcp && report.source == SourceKind::Proc
        };
        if collected.tables.iter().any(is_through_proc) {
            // /proc does not list them, whatever the kernel could.
            self.facts.lists_bound = Some(false);
        }
        let read: TableSet = collected.tables.iter().map(|report| report.table).collect();
        let missing: Vec<_> = self
            .query
            .tables
            .filter(|t| !read.contains(t))
            .iter()
            .collect();
        if worst != Hold::Certain {
            closing(&self.query, collected)?;
        }
        self.found = found;
        let is_sure = !place.has_gaps(&missing, &self.facts);
        self.needs_reuse = false;
        match worst {
            Hold::Certain => Ok(false),
            Hold::None if is_sure => Ok(place.refused(&self.facts).is_none()),
            Hold::None | Hold::Perhaps => {
                self.needs_reuse = worst == Hold::Perhaps && protocols.contains(&Protocol::Tcp);
                Ok(place.binds().all(|(target, variant)| {
                    collect::binding::try_variant(target, variant) == BindOutcome::Ok
                }))
            }
        }
    }

    /// Whether what was found answers.
    fn answers(&mut self, deadline: Option<Instant>) -> bool {
        let left = deadline.map_or(LONGEST_CONNECT, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        // With a deadline that is over there is still one look, and so one attempt.
        let limit = left.clamp(Duration::from_millis(100), LONGEST_CONNECT);
        let mut answer = Err(io::Error::from(io::ErrorKind::NotFound));
        match &self.question.subject {
            Subject::Port {
                port, addresses, ..
            } => {
                for to in reachable(addresses, self.found.as_ref(), port.0) {
                    answer = connect::tcp(to, limit);
                    if answer.is_ok() {
                        break;
                    }
                }
            }
            Subject::Unix(name) => answer = answers_at(name, self.found.as_ref()),
        }
        let is_answered = answer.is_ok();
        self.unanswered = answer.err();
        is_answered
    }

    /// What has come.
    const fn good_word(&self) -> &'static str {
        match (self.until, &self.question.subject) {
            (UntilArg::Listen, _) => "listens",
            (UntilArg::Established, _) => "is connected",
            (UntilArg::Free, Subject::Unix(_)) => "is free (nothing is there)",
            (UntilArg::Free, _) if self.needs_reuse => {
                "is free for a program that sets SO_REUSEADDR (as servers do)"
            }
            (UntilArg::Free, _) => "is free (it can be bound)",
        }
    }

    /// Why it has not come, as far as one more look tells.
    pub(super) fn last_words(
        &self,
        waited: Duration,
        names: &SystemNames,
    ) -> Result<String, Error> {
        let asked = escape(self.question.asked.as_bytes());
        let after = format!("after {}", seconds(waited));
        let context = Context {
            owners: None,
            names,
        };
        let text = |socket: &Socket| line(Row { socket, context });
        if let Some(error) = &self.unanswered {
            let words = escape(crate::error::os_words(error).as_bytes());
            return Ok(format!(
                "{asked} listens and does not answer {after}: {words}\n"
            ));
        }
        let mut words = match (self.until, &self.question.subject) {
            (UntilArg::Free, Subject::Port { .. }) => {
                let why = match (&self.found, self.refusal()) {
                    (_, Some(word)) => format!(": bind(2) ends with {word}"),
                    (Some(socket), None) => format!(": {}", text(socket)),
                    (None, None) => String::new(),
                };
                format!("{asked} is not free {after}{why}\n")
            }
            (UntilArg::Free, Subject::Unix(_)) => format!("{asked} is not free {after}\n"),
            (UntilArg::Listen, _) => format!("nothing listens on {asked} {after}\n"),
            (UntilArg::Established, _) => format!("nothing is connected to {asked} {after}\n"),
        };
        match self.until {
            UntilArg::Free => {
                words.push_str(&format!("hint: portctl why {asked} says who has it\n"));
            }
            UntilArg::Listen => {
                let near = self.near()?;
                for socket in near.iter().take(NAMED) {
                    words.push_str(&format!("note: there is {}\n", text(socket)));
                }
                if let Subject::Unix(UnixName::Path(path)) = &self.question.subject
                    && let Some(found) = at_path(collect::unix_path::facts(path).kind)
                {
                    words.push_str(&format!("note: there is {found}\n"));
                }
                if let Some(word) = self.refusal() {
                    words.push_str(&format!(
                        "note: nothing can be bound there: {}\n",
                        match word {
                            "EADDRNOTAVAIL" => "the address is not one of this host's, or not yet",
                            word => word,
                        }
                    ));
                }
            }
            UntilArg::Established => {}
        }
        Ok(words)
    }

    fn refusal(&self) -> Option<&'static str> {
        let Subject::Port {
            protocols,
            port,
            addresses,
        } = &self.question.subject
        else {
            return None;
        };
        let place = Place::new(&self.facts, protocols, addresses, *port);
        Some(place.refused(&self.facts)?.word())
    }

    /// Sockets with that port that do not do: of another protocol, at another address, or bound only.
    fn near(&self) -> Result<Vec<Socket>, Error> {
        let Subject::Port {
            port, addresses, ..
        } = &self.question.subject
        else {
            return Ok(Vec::new());
        };
        let wider = Question {
            asked: String::new(),
            subject: Subject::Port {
                protocols: vec![Protocol::Tcp, Protocol::Udp],
                port: *port,
                addresses: addresses.clone(),
            },
        };
        let states = StateSet::LISTEN
            .or(StateSet::CLOSE)
            .or(StateSet::BOUND_INACTIVE);
        let query = query(&wider, StateMasks::same(states), self.facts.ipv6);
        let mut near = Near {
            question: &wider,
            sockets: Vec::new(),
        };
        collect::collect(&query, &mut near).map_err(Error::Source)?;
        near.sockets.sort_by(crate::model::default_order);
        Ok(near.sockets)
    }
}

/// What is at a path where nothing listens.
const fn at_path(kind: PathKind) -> Option<&'static str> {
    match kind {
        PathKind::Missing | PathKind::Unreadable(_) => None,
        PathKind::LiveSocket => Some("a socket that does not listen"),
        PathKind::Socket => Some("the file of a socket"),
        PathKind::StaleSocket => Some("the file of a socket that is gone"),
        PathKind::Directory => Some("a directory"),
        PathKind::Other => Some("a file that is no socket"),
    }
}

/// How long to rest after a look that took `look`, when it is time for a pause of `pause`.
fn rest_after(pause: Duration, look: Duration) -> Duration {
    pause.max(look.saturating_mul(PAUSE_PER_LOOK))
}

/// The pause after a pause.
fn longer(pause: Duration) -> Duration {
    (pause * 3 / 2).min(LONGEST)
}

/// The states that must be read. Listeners have a table of their own in the kernel, which is short.
fn states(until: UntilArg) -> StateMasks {
    match until {
        UntilArg::Listen => StateMasks {
            tcp: StateSet::LISTEN,
            ..StateMasks::same(StateSet::LISTEN.or(StateSet::CLOSE))
        },
        UntilArg::Established => StateMasks::same(StateSet::of(State::Established)),
        UntilArg::Free => StateMasks::same(StateSet::ALL),
    }
}

fn query(question: &Question, states: StateMasks, ipv6: bool) -> Query {
    let all: TableSet = Table::ALL.into_iter().collect();
    let (tables, condition) = match &question.subject {
        Subject::Port {
            protocols, port, ..
        } => (
            all.filter(|t| {
                protocols.contains(&t.protocol) && (ipv6 || t.family != crate::model::Family::Inet6)
            }),
            Condition::Port {
                side: Side::Local,
                from: port.0,
                to: port.0,
            },
        ),
        Subject::Unix(_) => (
            all.filter(|t| t.protocol == Protocol::Unix),
            Condition::Anything,
        ),
    };
    Query {
        tables,
        named: TableSet::EMPTY,
        everything: false,
        states,
        kinds: Kinds::ALL,
        conditions: Conditions {
            tcp: condition.clone(),
            udp: condition,
            raw: Condition::Anything,
        },
        owners: false,
        details: DetailSet::NONE,
        bpf_maps: Vec::new(),
        source: SourceChoice::Auto,
    }
}

/// Whether a socket has the port or the name; of a path, whether it may.
fn has_name(question: &Question, socket: &Socket) -> bool {
    match &question.subject {
        Subject::Port { port, .. } => socket.inet().is_some_and(|e| e.local_port == *port),
        Subject::Unix(UnixName::Path(_)) => socket.unix().is_some(),
        Subject::Unix(name) => socket.unix().is_some_and(|ends| ends.name == *name),
    }
}

/// Where to connect: to the addresses that were asked about; without one to the listener's, or this host for any.
fn reachable(
    addresses: &[(IpAddr, Option<crate::model::IfIndex>)],
    found: Option<&Socket>,
    port: u16,
) -> Vec<SocketAddr> {
    let mut places = Vec::new();
    let mut add = |address: IpAddr, scope: u32| match address {
        IpAddr::V4(v4) if v4.is_unspecified() => {
            places.push(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        IpAddr::V6(v6) if v6.is_unspecified() => {
            places.push(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
            if found.is_none_or(Socket::may_be_dual_stack_wildcard) {
                places.push(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            }
        }
        IpAddr::V4(v4) => places.push(SocketAddr::from((v4, port))),
        IpAddr::V6(v6) => places.push(SocketAddrV6::new(v6, port, 0, scope).into()),
    };
    for (address, interface) in addresses {
        add(*address, interface.map_or(0, |index| index.0.get()));
    }
    if addresses.is_empty()
        && let Some(ends) = found.and_then(Socket::inet)
    {
        add(ends.local, ends.interface.map_or(0, |index| index.0.get()));
    }
    places
}

fn answers_at(name: &UnixName, found: Option<&Socket>) -> io::Result<()> {
    let kind = match found.and_then(Socket::unix).map(|unix| unix.kind) {
        Some(SocketKind::Dgram) => UnixType::Dgram,
        Some(SocketKind::Seqpacket) => UnixType::Seqpacket,
        _ => UnixType::Stream,
    };
    match name {
        UnixName::Path(path) => connect::unix_path(Path::new(OsStr::from_bytes(path)), kind),
        UnixName::Abstract(name) => connect::unix_abstract(name, kind),
        UnixName::Unnamed => Err(io::ErrorKind::NotFound.into()),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Keeps the first socket that is wanted, and stops there.
struct First<F> {
    wanted: F,
    found: Option<Socket>,
}

impl<F: Fn(&Socket) -> bool> Sink for First<F> {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        if (self.wanted)(socket) {
            self.found = Some(socket.take());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        0
    }

    fn take_back(&mut self, _: usize) -> bool {
        self.found = None;
        true
    }
}

/// Judges every socket of a place, and keeps the first of the worst.
struct Holds<'a> {
    place: &'a Place,
    worst: Hold,
    found: Option<Socket>,
}

impl Sink for Holds<'_> {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        let hold = self.place.held_by(socket);
        if hold > self.worst {
            self.worst = hold;
            self.found = Some(socket.take());
        }
        match self.worst {
            Hold::Certain => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn mark(&mut self) -> usize {
        0
    }

    /// What was seen in a pass that failed was there all the same: another look comes soon.
    fn take_back(&mut self, _: usize) -> bool {
        true
    }
}

/// Keeps sockets with the port, few of them.
struct Near<'a> {
    question: &'a Question,
    sockets: Vec<Socket>,
}

impl Sink for Near<'_> {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        if has_name(self.question, socket) {
            self.sockets.push(socket.take());
        }
        if self.sockets.len() < 64 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    fn mark(&mut self) -> usize {
        self.sockets.len()
    }

    fn take_back(&mut self, mark: usize) -> bool {
        self.sockets.truncate(mark);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_costs_little() {
        let mut pause = SHORTEST;
        for _ in 0..20 {
            // Never more than a twentieth of a processor, whatever a look costs.
            for look in [0, 1, 50, 3000].map(Duration::from_millis) {
                let rest = rest_after(pause, look);
                assert!(
                    rest >= pause && rest >= look * 20,
                    "{rest:?} after {look:?}"
                );
            }
            assert!(pause <= LONGEST);
            pause = longer(pause);
        }
        assert_eq!(pause, LONGEST);
    }
}
