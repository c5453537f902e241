//! The answer about a unix socket's name: `unix_bind_bsd` and `unix_bind_abstract` of `net/unix/af_unix.c`.

use super::{Answer, Evidence, Part, Reason, ReasonKind, Remedy, Verdict, answer::pids, remedy};
use crate::model::{
    BindError, BindOutcome, PathFacts, PathKind, Protocol, State, UnixName, UnixPeer,
};

/// Answers for a name. `path` is what is there if it is a path; `trial` how a tried bind of an abstract name ended.
#[must_use]
pub fn unix(
    evidence: &Evidence<'_>,
    name: &UnixName,
    path: Option<&PathFacts>,
    trial: Option<BindOutcome>,
) -> Answer {
    let bound = path.and_then(|facts| facts.sockets.as_deref());
    let mut holders = Vec::new();
    for (index, socket) in evidence.sockets.iter().enumerate() {
        let Some(ends) = socket.unix() else { continue };
        // The file tells for certain which sockets are bound to it; without it, their own names have to do. Accepted
        // connections have the name of their listener, and no file.
        let has_file = match bound {
            Some(inodes) if !inodes.is_empty() => {
                socket.inode.is_some_and(|inode| inodes.contains(&inode))
            }
            _ => false,
        };
        if has_file || &ends.name == name {
            holders.push(index);
        }
    }
    let holds = |index: &&usize| {
        evidence.sockets.get(**index).is_some_and(|socket| {
            let accepted = socket.state == State::Established
                && socket.unix().is_some_and(|e| e.peer != UnixPeer::None);
            match bound {
                Some(inodes) if !inodes.is_empty() => {
                    socket.inode.is_some_and(|i| inodes.contains(&i)) && !accepted
                }
                _ => !accepted,
            }
        })
    };
    let (owners, accepted): (Vec<usize>, Vec<usize>) =
        holders.iter().partition(|index| holds(index));
    let found = match path {
        Some(facts) => path_kind(facts, owners.is_empty()),
        None => abstract_kind(evidence, owners.is_empty(), trial),
    };
    let mut answer = Answer {
        verdict: Verdict::Free,
        root: Verdict::Free,
        parts: Vec::new(),
        reasons: Vec::new(),
        binds: Vec::new(),
        holders: owners,
        clients: accepted,
        elsewhere: 0,
    };
    let mut error = None;
    if let Some((kind, blocking, blocking_root, failure)) = found {
        let mut reason = Reason {
            kind,
            protocol: Protocol::Unix,
            blocking,
            blocking_root,
            error: failure,
            overlap: None,
            shared: false,
            sockets: answer.holders.clone(),
            redirect: None,
            pids: pids(evidence, &answer.holders),
            until_ms: None,
            remedies: Vec::new(),
        };
        reason.remedies = match path {
            Some(facts) if facts.kind == PathKind::Directory => vec![Remedy::OtherPath],
            _ => remedy::of(evidence, &reason),
        };
        let verdict = |blocking| match blocking {
            Some(true) => Verdict::Blocked,
            Some(false) => Verdict::Free,
            None => Verdict::Unknown,
        };
        (answer.verdict, answer.root) = (verdict(blocking), verdict(blocking_root));
        error = failure;
        answer.reasons.push(reason);
    }
    answer.parts.push(Part {
        protocol: Protocol::Unix,
        verdict: answer.verdict,
        root: answer.root,
        needs_reuseaddr: false,
        error,
    });
    answer
}

type Found = (ReasonKind, Option<bool>, Option<bool>, Option<BindError>);

/// Whatever is at the path is in the way, a file that nobody uses as well.
fn path_kind(facts: &PathFacts, unseen: bool) -> Option<Found> {
    let in_use = |kind| Some((kind, Some(true), Some(true), Some(BindError::InUse)));
    match facts.kind {
        PathKind::LiveSocket => in_use(ReasonKind::UnixSocket),
        PathKind::Socket if !unseen => in_use(ReasonKind::UnixSocket),
        PathKind::StaleSocket => in_use(ReasonKind::StaleFile),
        PathKind::Socket => in_use(ReasonKind::SocketFile),
        PathKind::Directory | PathKind::Other => in_use(ReasonKind::OtherFile),
        PathKind::Unreadable(errno) => {
            let error = BindError::from_errno(errno);
            Some((ReasonKind::Directory, Some(true), None, Some(error)))
        }
        PathKind::Missing => facts.directory.map(|errno| {
            let error = BindError::from_errno(errno);
            // Root may write where others may not, but not where there is no directory.
            let root = Some(error != BindError::Access);
            (ReasonKind::Directory, Some(true), root, Some(error))
        }),
    }
}

fn abstract_kind(
    evidence: &Evidence<'_>,
    unseen: bool,
    trial: Option<BindOutcome>,
) -> Option<Found> {
    let in_use = |kind| Some((kind, Some(true), Some(true), Some(BindError::InUse)));
    match trial {
        Some(BindOutcome::Ok) if unseen => None,
        Some(BindOutcome::Ok) => Some((ReasonKind::GoneMeanwhile, Some(false), Some(false), None)),
        Some(BindOutcome::Refused(BindError::InUse)) if unseen => {
            in_use(ReasonKind::TakenMeanwhile)
        }
        Some(BindOutcome::Refused(error)) if error != BindError::InUse => {
            Some((ReasonKind::Refused, Some(true), None, Some(error)))
        }
        _ if !unseen => in_use(ReasonKind::UnixSocket),
        _ if evidence
            .missing
            .iter()
            .any(|t| t.protocol == Protocol::Unix) =>
        {
            Some((ReasonKind::TableMissing, None, None, None))
        }
        _ => None,
    }
}
