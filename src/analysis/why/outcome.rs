//! What bind(2) would answer.

use super::kind::{Newcomer, conflict};
use super::refusal::refusal;
use super::{As, Bind, Evidence};
use crate::model::{
    BindError, BindFacts, BindOutcome, BindTarget, BindUser, BindVariant, Protocol, Socket, State,
    Table, Uid,
};

/// The user that `user` stands for.
pub(super) fn user_of(evidence: &Evidence<'_>, user: As) -> BindUser {
    match user {
        As::Caller => evidence.user,
        As::Root => BindUser {
            uid: Uid(0),
            privileged: Some(true),
            is_foreign: false,
        },
    }
}

/// The option with which the usual server binds.
pub(super) fn usual(protocol: Protocol) -> BindVariant {
    if protocol == Protocol::Tcp {
        BindVariant::ReuseAddr
    } else {
        BindVariant::Plain
    }
}

/// The answer to one bind: what a trial of it said, or what can be concluded.
pub(super) fn bind(
    evidence: &Evidence<'_>,
    holders: &[usize],
    target: BindTarget,
    user: As,
    variant: BindVariant,
) -> Bind {
    let tried = trial(evidence, target, variant).filter(|_| user == As::Caller);
    Bind {
        target,
        user,
        variant,
        outcome: tried.map_or_else(
            || concluded(evidence, holders, target, user, variant),
            |(outcome, _)| outcome,
        ),
        tried: tried.is_some_and(|(_, itself)| itself),
    }
}

/// How a trial of `target` ended, and whether it was one of this very variant: options matter only where a plain bind finds it in use.
pub(super) fn trial(
    evidence: &Evidence<'_>,
    target: BindTarget,
    variant: BindVariant,
) -> Option<(BindOutcome, bool)> {
    let found = |variant| {
        let mut trials = evidence.trials.iter();
        trials.find(|t| t.target == target && t.variant == variant)
    };
    if let Some(trial) = found(variant) {
        return Some((trial.outcome, true));
    }
    let plain = found(BindVariant::Plain)?.outcome;
    (plain != BindOutcome::Refused(BindError::InUse)).then_some((plain, false))
}

/// What can be concluded without a trial.
pub(super) fn concluded(
    evidence: &Evidence<'_>,
    holders: &[usize],
    target: BindTarget,
    user: As,
    variant: BindVariant,
) -> BindOutcome {
    let user = user_of(evidence, user);
    match refusal(evidence.facts, &target, user).map(|refusal| refusal.error) {
        Some(Some(error)) => return BindOutcome::Refused(error),
        Some(None) => return BindOutcome::Unknown,
        None => {}
    }
    let newcomer = Newcomer {
        target: &target,
        variant,
        uid: user.uid,
    };
    let mut unknown = has_gaps(evidence.missing, evidence.facts, target.protocol);
    for &index in holders {
        let Some(socket) = evidence.sockets.get(index) else {
            continue;
        };
        if socket.protocol != target.protocol {
            continue;
        }
        match conflict(socket, newcomer, is_shared(evidence, holders, socket)) {
            Some(true) => return BindOutcome::Refused(BindError::InUse),
            Some(false) => {}
            None => unknown = true,
        }
    }
    if unknown {
        BindOutcome::Unknown
    } else {
        BindOutcome::Ok
    }
}

/// Whether sockets of `protocol` may exist that were not read.
pub(super) fn has_gaps(missing: &[Table], facts: &BindFacts, protocol: Protocol) -> bool {
    missing.iter().any(|t| t.protocol == protocol)
        || protocol == Protocol::Tcp && facts.lists_bound != Some(true)
}

/// Whether another socket of the same kind stands at the very same place, which two can only by an option that both set. Two TCP
/// listeners both set `SO_REUSEPORT`.
pub(super) fn is_shared(evidence: &Evidence<'_>, holders: &[usize], socket: &Socket) -> bool {
    let place = |s: &Socket| s.inet().map(|e| (e.local, e.interface, e.has_peer()));
    let same = |other: &Socket| {
        other.protocol == socket.protocol
            && (other.state == State::Listen) == (socket.state == State::Listen)
            && place(other) == place(socket)
    };
    let others = holders.iter().filter_map(|&i| evidence.sockets.get(i));
    let stands = socket.inet().is_some_and(|ends| !ends.has_peer());
    stands && others.filter(|other| same(other)).count() > 1
}
