//! Which sockets are meant.

use super::NAMED;
use crate::analysis::kill;
use crate::analysis::wait::{Awaited, has_come};
use crate::app::gather::{Gathered, Kept, gather};
use crate::app::resolver::SystemResolver;
use crate::app::{begins_filter, closing};
use crate::cli::args::{CollectArgs, SelectArgs};
use crate::cli::env::Env;
use crate::cli::kill::KillArgs;
use crate::cli::plan::{self, PlanError};
use crate::cli::question;
use crate::collect;
use crate::collect::names::SystemNames;
use crate::error::Error;
use crate::filter::Filter;
use crate::model::{
    Family, Inode, Listeners, Notice, Query, Question, Socket, SourceChoice, State, StateMasks,
    StateSet, Subject, TableSet, UnixName,
};
use crate::render::{Closing, KillView, escape::escape};
use std::net::IpAddr;

/// Sockets that were chosen.
pub(super) struct Found {
    pub(super) sockets: Vec<Socket>,
    /// The listeners that were seen, to tell what waits in their queues.
    pub(super) listeners: Listeners,
    pub(super) closing: Closing,
}

/// Which sockets were asked for.
pub(super) struct Choice {
    pub(super) query: Query,
    pub(super) filter: Filter,
    /// Ports and names; empty if it is a filter that chooses.
    pub(super) questions: Vec<Question>,
    /// Sockets bound to files that questions name.
    pub(super) files: Vec<Inode>,
    /// Whether only listeners are meant.
    pub(super) listeners: bool,
}

impl Choice {
    pub(super) fn new(args: &KillArgs, env: &dyn Env, names: &SystemNames) -> Result<Self, Error> {
        let resolver = SystemResolver(names);
        let first = args.select.filter.first();
        let is_filter = args.select.filter_file.is_some()
            || first
                .and_then(|word| word.to_str())
                .is_some_and(begins_filter);
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
        if questions.is_empty() && selection.filter.predicate.is_passed_by_all() {
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
    pub(super) fn find(&self, names: &SystemNames) -> Result<Found, Error> {
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
            let mut chosen = Kept::of(|socket| self.wants(socket));
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
        self.questions
            .iter()
            .any(|question| self.is_meant(question, socket))
    }

    /// Whether `question` means `socket`.
    fn is_meant(&self, question: &Question, socket: &Socket) -> bool {
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
                        let is_there =
                            |(a, _): &(IpAddr, _)| a.to_canonical() == ends.local.to_canonical();
                        ends.local_port == *port
                            && (addresses.is_empty() || addresses.iter().any(is_there))
                    })
            }
            Subject::Unix(name) => socket.unix().is_some_and(|ends| {
                ends.name == *name || socket.inode.is_some_and(|i| self.files.contains(&i))
            }),
        }
    }

    /// What was asked for by port or name, and is none of `sockets`.
    pub(super) fn unmatched(&self, sockets: &[Socket]) -> Vec<&Question> {
        let questions = self.questions.iter();
        questions
            .filter(|question| !sockets.iter().any(|s| self.is_meant(question, s)))
            .collect()
    }

    /// What is looked for, in a word.
    const fn sought(&self, closes: bool) -> &'static str {
        if self.listeners && !closes {
            "listener"
        } else {
            "socket"
        }
    }

    /// That nothing matched, and what has the ports in other ways.
    pub(super) fn nothing(&self, names: &SystemNames, closes: bool) -> Result<String, Error> {
        let mut text = format!("no {} matches: nothing was done\n", self.sought(closes));
        if !self.questions.is_empty() {
            text.push_str(&self.near(&self.questions, names, closes)?);
        }
        Ok(text)
    }

    /// That one of several questions matched nothing, and what has its port in other ways.
    pub(super) fn no_match(
        &self,
        question: &Question,
        names: &SystemNames,
        closes: bool,
    ) -> Result<String, Error> {
        let asked = escape(question.asked.as_bytes());
        let near = self.near(std::slice::from_ref(question), names, closes)?;
        Ok(format!(
            "no {} matches {asked}\n{near}",
            self.sought(closes)
        ))
    }

    /// What `questions` name, and was not chosen.
    fn near(
        &self,
        questions: &[Question],
        names: &SystemNames,
        closes: bool,
    ) -> Result<String, Error> {
        let mut text = String::new();
        let wider = Self {
            query: Query {
                states: StateMasks::same(StateSet::ALL),
                ..self.query.clone()
            },
            filter: Filter::everything(),
            questions: questions.to_vec(),
            files: self.files.clone(),
            listeners: false,
        };
        let near = wider.find(names)?.sockets;
        let view = KillView {
            sockets: &near,
            owners: None,
            details: &[],
            names,
        };
        for socket in near.iter().take(NAMED) {
            text.push_str(&format!("note: there is {}\n", view.socket(socket)));
        }
        let has_listeners = near.iter().any(kill::waits_for_others);
        let has_idle = near.iter().any(kill::is_idle);
        let has_others = near
            .iter()
            .any(|socket| !kill::waits_for_others(socket) && !kill::is_idle(socket));
        if closes && has_listeners {
            text.push_str("hint: -a also closes listeners, which keep their port\n");
        }
        if closes && has_idle {
            text.push_str("hint: what is bound and idle is only closed by its process: kill -a, without --sockets, ends that\n");
        }
        if !closes && (has_idle || has_others) {
            text.push_str("hint: -a also ends those that hold such sockets\n");
        }
        if !closes && has_others {
            text.push_str("hint: --sockets closes connections, and leaves their processes alone\n");
        }
        Ok(text)
    }
}

pub(super) fn tables(selected: TableSet, questions: &[Question]) -> TableSet {
    selected.filter(|table| {
        questions.iter().any(|question| match &question.subject {
            Subject::Port { protocols, .. } => protocols.contains(&table.protocol),
            Subject::Unix(_) => table.family == Family::Unix,
        })
    })
}

/// What a socket is told from all others by.
pub(super) fn identity(socket: &Socket) -> (Option<u64>, Option<Inode>) {
    (socket.cookie.map(|c| c.0.get()), socket.inode)
}
