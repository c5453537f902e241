//! The answer to "who has this port, and why can't I have it": for a person, and as JSON.
//!
//! Names come from processes, units and paths that anybody may have chosen: all of them pass [`super::escape`], and a command to
//! type is only offered where its words need no trust.

mod json;
mod process;
mod remedy;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use json::why_json;
pub(super) use remedy::{Told, look, tell};
pub use text::why_text;
pub(super) use words::devices;

use crate::analysis::why::{Answer, Evidence};
use crate::model::{Context, Names, OtherListener, Question, Row, Socket, State};
use std::net::IpAddr;
use std::time::SystemTime;

/// One answer, and everything that its words are taken from.
#[derive(Clone, Copy)]
pub struct WhyView<'a> {
    /// The question.
    pub question: &'a Question,
    /// The answer.
    pub answer: &'a Answer,
    /// What it was drawn from.
    pub evidence: &'a Evidence<'a>,
    /// Names for numbers.
    pub names: &'a dyn Names,
    /// Listeners of other network namespaces at this port, if anybody looked.
    pub others: Option<&'a [OtherListener]>,
    /// The time that ages are counted to.
    pub now: SystemTime,
}

impl std::fmt::Debug for WhyView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WhyView")
            .field("question", self.question)
            .field("answer", self.answer)
            .finish_non_exhaustive()
    }
}

impl<'a> WhyView<'a> {
    /// Whether something listens at the port, where a socket is bound.
    fn has_listener_beside(&self, socket: Option<&Socket>) -> bool {
        let Some(here) = socket.and_then(Socket::inet) else {
            return false;
        };
        let overlaps = |there: IpAddr| {
            there == here.local || there.is_unspecified() || here.local.is_unspecified()
        };
        let listens = |n: &usize| {
            let socket = self.evidence.sockets.get(*n);
            socket.is_some_and(|s| {
                s.state == State::Listen && s.inet().is_some_and(|ends| overlaps(ends.local))
            })
        };
        self.answer.holders.iter().any(listens)
    }

    fn context(&self) -> Context<'a> {
        Context {
            owners: Some(self.evidence.owners),
            names: self.names,
        }
    }

    fn row(&self, socket: &'a Socket) -> Row<'a> {
        Row {
            socket,
            context: self.context(),
        }
    }

    /// The sockets at these places of the evidence.
    fn sockets(&self, places: &'a [usize]) -> impl Iterator<Item = &'a Socket> {
        let all = self.evidence.sockets;
        places.iter().filter_map(move |&place| all.get(place))
    }
}
