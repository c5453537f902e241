//! `portctl complete`: answers completion scripts. It never says an error, and looks at no more than a moment allows.

use super::write_all;
use crate::cli::args::Shell;
use crate::cli::complete::{Candidate, Completion, Live, complete, split};
use crate::collect::names::SystemNames;
use crate::collect::{self, Sink};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{
    Conditions, DetailSet, Kinds, Names, Port, Protocol, Query, Side, Socket, SourceChoice,
    StateMasks, StateSet, Table, TableSet,
};
use crate::render::escape::escape;
use crate::sys;
use rustc_hash::FxHashMap;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::time::Duration;

/// So many sockets tell well enough which ports there are.
const SOCKETS: usize = 20_000;
/// More ports nobody reads.
const PORTS: usize = 60;
/// How long processes are looked at: who waits for a menu notices more.
const PATIENCE: Duration = Duration::from_millis(30);

pub(super) fn run(shell: Shell, words: &[OsString]) -> Result<Exit, Error> {
    let mut words: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let mut text = String::new();
    if shell == Shell::Bash {
        let cut = words.pop().unwrap_or_default();
        let typed = split(&words.pop().unwrap_or_default());
        // bash ends words at = and : too, if they are not in quotes, and replaces only what it takes for the word.
        let kept = typed.current.strip_suffix(cut.as_str());
        // What is quoted may stand on the line otherwise than it would be completed.
        if let Some(kept) = kept.or((!typed.quoted).then_some("")) {
            let answer = complete(&typed.before, &typed.current, &System::default());
            write(&mut text, answer, |candidate| {
                let word = candidate.word.strip_prefix(kept)?;
                // bash closes quotes behind what is whole.
                let end = if typed.open { "" } else { end(&candidate) };
                Some(format!("{word}{end}"))
            });
        }
    } else {
        let current = words.pop().unwrap_or_default();
        // A quote that is still open stands before the word; the shell adds what it needs around a candidate.
        let current = current.strip_prefix(['\'', '"']).unwrap_or(&current);
        let answer = complete(&words, current, &System::default());
        write(&mut text, answer, |candidate| {
            // fish puts blanks itself.
            let end = if shell == Shell::Zsh {
                end(&candidate)
            } else {
                ""
            };
            Some(format!("{}{end}\t{}", candidate.word, candidate.about))
        });
    }
    write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

const fn end(candidate: &Candidate) -> &'static str {
    if candidate.goes_on { "" } else { " " }
}

fn write(text: &mut String, answer: Completion, line: impl Fn(Candidate) -> Option<String>) {
    match answer {
        Completion::Files => text.push_str(":files\n"),
        Completion::Words(words) => {
            for line in words.into_iter().filter_map(line) {
                text.push_str(&line);
                text.push('\n');
            }
        }
    }
}

/// What there is on this host, now.
#[derive(Default)]
struct System {
    names: SystemNames,
}

impl Live for System {
    fn ports(&self, side: Side) -> Vec<(u16, String)> {
        let ip: TableSet = Table::ALL
            .into_iter()
            .filter(|t| matches!(t.protocol, Protocol::Tcp | Protocol::Udp))
            .collect();
        let query = Query {
            tables: ip,
            named: TableSet::EMPTY,
            everything: false,
            states: match side {
                // Listeners have a table of their own, which is short.
                Side::Local => StateMasks {
                    tcp: StateSet::LISTEN,
                    ..StateMasks::same(StateSet::CLOSE)
                },
                Side::Peer => StateMasks::same(StateSet::CONNECTED),
            },
            kinds: Kinds::ALL,
            conditions: Conditions::default(),
            owners: false,
            details: DetailSet::NONE,
            bpf_maps: Vec::new(),
            source: SourceChoice::Auto,
        };
        let mut ports = Ports {
            side,
            seen: 0,
            counts: FxHashMap::default(),
        };
        // Whatever cannot be read has no ports to offer.
        let _ = collect::collect(&query, &mut ports);
        let mut ports: Vec<_> = ports.counts.into_iter().collect();
        ports.sort_unstable_by_key(|&((_, port), count)| (std::cmp::Reverse(count), port));
        ports.truncate(PORTS);
        let about = |protocol, port| {
            let service = self.names.service(protocol, port);
            service.map_or_else(|| protocol.word().to_owned(), |name| escape(&name))
        };
        ports
            .into_iter()
            .map(|((protocol, port), _)| (port.0, about(protocol, port)))
            .collect()
    }

    fn users(&self) -> Vec<String> {
        sys::users::local_user_names()
    }

    fn congestion_controls(&self) -> Vec<String> {
        collect::settings::congestion_controls()
    }

    fn processes(&self) -> Vec<(u32, String)> {
        collect::processes::processes(PATIENCE)
            .into_iter()
            .map(|(id, name)| (id, escape(&name)))
            .collect()
    }
}

/// Counts ports; every socket is forgotten at once.
struct Ports {
    side: Side,
    seen: usize,
    counts: FxHashMap<(Protocol, Port), u32>,
}

impl Sink for Ports {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        if let Some(ends) = socket.inet() {
            let port = match self.side {
                Side::Local => ends.local_port,
                Side::Peer => ends.peer_port,
            };
            if port.0 != 0 {
                *self.counts.entry((socket.protocol, port)).or_default() += 1;
            }
        }
        self.seen += 1;
        if self.seen < SOCKETS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    fn mark(&mut self) -> usize {
        0
    }

    fn take_back(&mut self, _: usize) -> bool {
        // Counting some twice does no harm here.
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::top::TopOrder;
    use crate::cli::complete::{Completion, TOP_CHANGES, TOP_COLUMNS, complete};

    #[test]
    fn everything_offered_to_sort_groups_by_is_taken() {
        for (name, _) in TOP_COLUMNS {
            assert!(TopOrder::parse(name, &[], false).is_ok(), "{name}");
        }
        for (name, _) in TOP_CHANGES {
            assert!(TopOrder::parse(name, &[], true).is_ok(), "{name}");
        }
        let words = ["top", "--by", "dport", "--sort"].map(str::to_owned);
        let Completion::Words(states) = complete(&words, "close-", &super::System::default())
        else {
            panic!("words")
        };
        assert_eq!(states.len(), 1);
        assert!(TopOrder::parse(&states[0].word, &[], true).is_ok());
    }
}
