//! `portctl why`: one look at the tables for all questions, then an answer to each.

use super::gather::{Kept, missing};
use super::resolver::SystemResolver;
use super::{closing, finish, opening, owners_hidden};
use crate::analysis::why::{self, Answer, Evidence, ReasonKind, Verdict};
use crate::cli::args::WhyArgs;
use crate::cli::env::Env;
use crate::cli::plan::{self, Verbosity};
use crate::cli::question;
use crate::collect::names::SystemNames;
use crate::collect::{self, owners::find_owners};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{
    BindFacts, BindOutcome, BindTarget, BindTrial, BindUser, CgroupId, Conditions, DetailSet,
    Family, Inode, Kinds, Listeners, OtherListener, OwnerTable, Owners, PathFacts, Pid,
    ProcessDetail, Protocol, Query, Question, Redirects, Socket, SourceChoice, SourceKind,
    StateMasks, StateSet, Subject, Table, TableSet, UnixName,
};
use crate::render::{Closing, Opening, WhyView, why_json, why_text};
use crate::sys::stdout::Stdout;
use std::io;
use std::net::IpAddr;
use std::time::SystemTime;

/// Sockets that were taken between two looks are looked for so often.
const LOOKS: usize = 2;

pub(super) fn run(args: &WhyArgs, env: &dyn Env) -> Result<Exit, Error> {
    let names = SystemNames::new();
    let questions = questions(args, &names)?;
    let width = plan::screen_width(args.width, env, super::terminal());
    let inquiry = Inquiry::new(&questions);
    let mut look = inquiry.look(&questions)?;
    let mut worst = Verdict::Free;
    for (number, question) in questions.iter().enumerate() {
        let mut answered = inquiry.answer(question, &look, args.try_bind);
        for _ in 1..LOOKS {
            let taken = |r: &why::Reason| r.kind == ReasonKind::TakenMeanwhile;
            if !answered.answer.reasons.iter().any(taken) {
                break;
            }
            look = inquiry.look(&questions)?;
            answered = inquiry.answer(question, &look, args.try_bind);
        }
        worst = worst.max(answered.answer.verdict);
        let evidence = inquiry.evidence(&look, &answered.trials);
        let others = others(question, answered.answer.verdict);
        let view = WhyView {
            question,
            answer: &answered.answer,
            evidence: &evidence,
            names: &names,
            others: others.as_deref(),
            now: SystemTime::now(),
        };
        if args.json {
            why_json(&mut Stdout, &look.opening, &view, &look.closing)?;
        } else {
            if number > 0 {
                io::Write::write_all(&mut Stdout, b"\n")?;
            }
            why_text(&mut Stdout, &view, width)?;
        }
    }
    let verbosity = match (args.quiet, args.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    finish(&look.closing, verbosity, false);
    Ok(match worst {
        Verdict::Free => Exit::Done,
        Verdict::Blocked => Exit::No,
        Verdict::Unknown => Exit::Failed,
    })
}

fn questions(args: &WhyArgs, names: &SystemNames) -> Result<Vec<Question>, Error> {
    let resolver = SystemResolver(names);
    let read = |text| question::parse(text, &resolver).map_err(Error::Question);
    args.ports.iter().map(|text| read(text)).collect()
}

/// Who waits at the port in other network namespaces: for those who thought to find them here.
fn others(question: &Question, verdict: Verdict) -> Option<Vec<OtherListener>> {
    match &question.subject {
        Subject::Port {
            protocols, port, ..
        } if verdict != Verdict::Blocked => {
            Some(collect::namespaces::other_listeners(protocols, *port))
        }
        _ => None,
    }
}

/// What stays the same for all questions.
struct Inquiry {
    facts: BindFacts,
    user: BindUser,
    tables: TableSet,
    redirects: Option<Redirects>,
}

/// One look at the tables.
struct Look {
    opening: Opening,
    sockets: Vec<Socket>,
    listeners: Listeners,
    owners: OwnerTable,
    details: Vec<ProcessDetail>,
    units: Vec<(CgroupId, Vec<u8>)>,
    facts: BindFacts,
    missing: Vec<Table>,
    paths: Vec<(Vec<u8>, PathFacts)>,
    closing: Closing,
}

/// An answer, and the binds that were tried for it.
struct Answered {
    answer: Answer,
    trials: Vec<BindTrial>,
}

impl Inquiry {
    fn new(questions: &[Question]) -> Self {
        let mut asked: Vec<IpAddr> = Vec::new();
        let mut tables = TableSet::EMPTY;
        for question in questions {
            match &question.subject {
                Subject::Port {
                    protocols,
                    addresses,
                    ..
                } => {
                    asked.extend(addresses.iter().map(|(address, _)| *address));
                    for &protocol in protocols {
                        tables.insert(Table::new(protocol, Family::Inet));
                        tables.insert(Table::new(protocol, Family::Inet6));
                    }
                }
                Subject::Unix(_) => tables.insert(Table::new(Protocol::Unix, Family::Unix)),
            }
        }
        let facts = collect::binding::facts(&asked);
        if !facts.ipv6 {
            tables = tables.filter(|table| table.family != Family::Inet6);
        }
        Self {
            facts,
            user: collect::binding::caller(),
            redirects: if tables.iter().any(|t| t.protocol != Protocol::Unix) {
                Some(collect::redirects::redirects())
            } else {
                None
            },
            tables,
        }
    }

    fn look(&self, questions: &[Question]) -> Result<Look, Error> {
        let query = Query {
            tables: self.tables,
            named: self.tables,
            everything: false,
            states: StateMasks::same(StateSet::ALL),
            kinds: Kinds::ALL,
            conditions: Conditions::default(),
            owners: true,
            details: DetailSet::NONE,
            bpf_maps: Vec::new(),
            source: SourceChoice::Auto,
        };
        let paths: Vec<_> = questions
            .iter()
            .filter_map(|question| match &question.subject {
                Subject::Unix(UnixName::Path(path)) => {
                    Some((path.to_vec(), collect::unix_path::facts(path)))
                }
                _ => None,
            })
            .collect();
        let opening = opening(&query, true);
        let files = paths
            .iter()
            .filter_map(|(_, facts)| facts.sockets.as_deref());
        let touching = Touching {
            questions,
            files: files.flatten().copied().collect(),
        };
        let mut kept = Kept::of(|socket| touching.is(socket));
        let collected = collect::collect(&query, &mut kept).map_err(Error::Source)?;
        let mut sockets = kept.sockets;
        sockets.sort_by(crate::model::default_order);
        let listeners = collected.listeners.clone();
        let mut closing = closing(&query, collected)?;
        let owners = find_owners(&query, &sockets, listeners.clone());
        let details = collect::details::details(&pids(&sockets, &owners));
        let units = units(&sockets, &owners);
        let missing = missing(&query, &closing);
        let mut facts = self.facts.clone();
        // /proc does not list them, whatever the kernel could.
        if closing
            .tables
            .iter()
            .any(|t| t.table.protocol == Protocol::Tcp && t.source == SourceKind::Proc)
        {
            facts.lists_bound = Some(false);
        }
        let hidden = sockets
            .iter()
            .filter(|s| matches!(owners.of(s), Owners::Hidden));
        let hidden = hidden.count() as u64;
        if hidden > 0 && owners.report().hides() {
            closing.notices.push(owners_hidden(hidden, owners.report()));
        }
        Ok(Look {
            opening,
            sockets,
            listeners,
            owners,
            details,
            units,
            facts,
            missing,
            paths,
            closing,
        })
    }

    fn evidence<'a>(&'a self, look: &'a Look, trials: &'a [BindTrial]) -> Evidence<'a> {
        Evidence {
            sockets: &look.sockets,
            listeners: &look.listeners,
            owners: &look.owners,
            details: &look.details,
            units: &look.units,
            facts: &look.facts,
            user: self.user,
            trials,
            redirects: self.redirects.as_ref(),
            missing: &look.missing,
        }
    }

    fn answer(&self, question: &Question, look: &Look, try_bind: bool) -> Answered {
        match &question.subject {
            Subject::Port {
                protocols,
                port,
                addresses,
            } => {
                let answer = |trials: &[BindTrial]| {
                    why::port(&self.evidence(look, trials), protocols, *port, addresses)
                };
                let mut found = answer(&[]);
                let mut trials = Vec::new();
                if try_bind {
                    for target in targets(&found) {
                        trials.extend(collect::binding::try_target(target));
                    }
                    found = answer(&trials);
                }
                Answered {
                    answer: found,
                    trials,
                }
            }
            Subject::Unix(name) => {
                let path = match name {
                    UnixName::Path(path) => look.paths.iter().find(|(p, _)| p[..] == path[..]),
                    _ => None,
                };
                let trial: Option<BindOutcome> = match name {
                    UnixName::Abstract(name) if try_bind => {
                        Some(collect::binding::try_abstract(name))
                    }
                    _ => None,
                };
                let evidence = self.evidence(look, &[]);
                Answered {
                    answer: why::unix(&evidence, name, path.map(|(_, facts)| facts), trial),
                    trials: Vec::new(),
                }
            }
        }
    }
}

/// Every address that an answer judges.
fn targets(answer: &Answer) -> Vec<BindTarget> {
    let mut targets = Vec::new();
    for bind in &answer.binds {
        if !targets.contains(&bind.target) {
            targets.push(bind.target);
        }
    }
    targets
}

fn pids(sockets: &[Socket], owners: &OwnerTable) -> Vec<Pid> {
    let mut pids: Vec<Pid> = Vec::new();
    for socket in sockets {
        if let Owners::Known(holders) | Owners::None { via: holders, .. } = owners.of(socket) {
            pids.extend(holders.map(|h| h.process.pid));
        }
    }
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// The units of sockets that a service manager holds for others: their control group is the unit's.
fn units(sockets: &[Socket], owners: &OwnerTable) -> Vec<(CgroupId, Vec<u8>)> {
    let is_manager = |socket: &&Socket| match owners.of(socket) {
        Owners::Known(mut holders) => holders.any(|holder| {
            holder.process.pid == Pid(1) || holder.process.name.as_deref() == Some(b"systemd")
        }),
        _ => false,
    };
    let mut groups: Vec<_> = sockets
        .iter()
        .filter(is_manager)
        .filter_map(|socket| socket.cgroup)
        .collect();
    groups.sort_unstable_by_key(|group| group.0);
    groups.dedup();
    collect::details::units(&groups)
}

/// The sockets that a question is about.
struct Touching<'a> {
    questions: &'a [Question],
    /// Sockets that are bound to a file that a question names, by whatever path.
    files: Vec<Inode>,
}

impl Touching<'_> {
    fn is(&self, socket: &Socket) -> bool {
        self.questions
            .iter()
            .any(|question| match &question.subject {
                Subject::Port {
                    protocols, port, ..
                } => {
                    protocols.contains(&socket.protocol)
                        && socket
                            .inet()
                            .is_some_and(|ends| ends.local_port == *port || ends.peer_port == *port)
                }
                Subject::Unix(name) => socket.unix().is_some_and(|ends| {
                    ends.name == *name || socket.inode.is_some_and(|i| self.files.contains(&i))
                }),
            })
    }
}
