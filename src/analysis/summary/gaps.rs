//! What the sources do not tell, and how bad the things can be that this hides. Netlink tells all of it on Linux 6.8 and later;
//! /proc/net tells how many connections wait at a listener, but not how many may.

use super::Summary;
use crate::analysis::headroom::{DoubtKind, Fate, Headroom, Severity};
use crate::model::{Hold, PortHolder, State};

/// Something that the sources do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapKind {
    /// How many connections may wait at listeners.
    Backlogs,
    /// How many connections each listener dropped.
    ListenerDrops,
    /// How long ago the peers of CLOSE_WAITs were heard.
    CloseWaitAges,
    /// Which ports bound, idle TCP sockets hold.
    BoundSockets,
}

impl GapKind {
    /// The lower-case word of the JSON contract and of the metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Backlogs => "backlogs",
            Self::ListenerDrops => "listener-drops",
            Self::CloseWaitAges => "close-wait-ages",
            Self::BoundSockets => "bound-sockets",
        }
    }
}

/// What is not told of how many sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What.
    pub kind: GapKind,
    /// Of how many sockets, at most; absent where nobody can tell.
    pub sockets: Option<u64>,
    /// How bad what it hides may be, by all that is known besides.
    pub hides: Severity,
}

/// How many TCP sockets there can be that no list has: of the `exist`ing ones of the host, those that are not among `listed`. What
/// lingers and what is half open is no socket yet, or no more.
pub(super) fn unlisted(exist: u64, listed: &[PortHolder]) -> u64 {
    let is_socket = |h: &&PortHolder| h.hold.is_live() && h.hold != Hold::Live(State::SynRecv);
    exist.saturating_sub(listed.iter().filter(is_socket).count() as u64)
}

/// How many ports are certainly left, with `unlisted` bound sockets that nobody sees.
pub(super) fn certain(headroom: &Headroom, unlisted: Option<u64>) -> u32 {
    let doubts = || headroom.doubts.iter().map(|doubt| doubt.kind);
    match headroom.bounds.min {
        Some(min) => min,
        None if doubts().any(|kind| kind == DoubtKind::ReservedUnseen) => 0,
        None if doubts().any(|kind| kind == DoubtKind::BoundUnseen) => {
            let sure = headroom.parts.sum(&[Fate::Free, Fate::Elsewhere]);
            let odd = u32::from(doubts().any(|kind| kind == DoubtKind::OddRange));
            let unlisted = unlisted.and_then(|n| u32::try_from(n).ok());
            sure.saturating_sub(unlisted.unwrap_or(u32::MAX))
                .saturating_sub(odd)
        }
        // Rows are missing, of which a notice tells.
        None => headroom.bounds.expected,
    }
}

impl Summary {
    /// What the sources do not tell, as far as there are sockets that it is about.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut add = |kind, sockets: u64, hides| {
            if sockets > 0 {
                let sockets = Some(sockets);
                gaps.push(Gap {
                    kind,
                    sockets,
                    hides,
                });
            }
        };
        let hidden = |is_hidden, worst| if is_hidden { worst } else { Severity::Ok };
        let count = |is_unknown: fn(&super::ListenerReport) -> bool| {
            self.listeners.iter().filter(|l| is_unknown(l)).count() as u64
        };
        let may_be_full = self.listeners.iter().any(|l| l.is_full().is_none());
        add(
            GapKind::Backlogs,
            count(|l| l.limit.is_none()),
            hidden(may_be_full, Severity::Critical),
        );
        // The sum over all listeners of the namespace tells that it goes on, if not where.
        let is_summed = |limits: &super::LimitsReport| limits.listen_drops.lost.is_some();
        let worst = match self.interval_s {
            Some(_) => Severity::Critical,
            None => Severity::Notice,
        };
        add(
            GapKind::ListenerDrops,
            count(|l| l.drops.is_none()),
            hidden(!self.limits.as_ref().is_some_and(is_summed), worst),
        );
        let leaks = &self.close_wait;
        add(
            GapKind::CloseWaitAges,
            leaks.ageless.into(),
            hidden(leaks.severity.is_none(), Severity::Warning),
        );
        if let Some(fresh) = &self.fresh
            && fresh
                .doubts
                .iter()
                .any(|doubt| doubt.kind == DoubtKind::BoundUnseen)
        {
            // What else is not certain of a new flow is no gap of the source.
            let expected = fresh.bounds.expected;
            let unlisted = self.unlisted.and_then(|n| u32::try_from(n).ok());
            let without = expected.saturating_sub(unlisted.unwrap_or(u32::MAX));
            let [expected, worst] =
                [expected, without].map(|left| self.thresholds.ports(left, fresh.capacity));
            gaps.push(Gap {
                kind: GapKind::BoundSockets,
                sockets: self.unlisted,
                hides: hidden(worst > expected, worst),
            });
        }
        gaps
    }

    /// The weightiest gap that hides worse than `known`.
    #[must_use]
    pub fn hidden_beyond(&self, known: Severity) -> Option<Gap> {
        self.gaps()
            .into_iter()
            .filter(|gap| gap.hides > known.max(Severity::Notice))
            // Of those that hide as much the first, which are seen and not only possible.
            .rev()
            .max_by_key(|gap| gap.hides)
    }
}
