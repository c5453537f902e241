//! How many sockets of each kind are in each state.

use crate::model::{Family, Hold, PortHolder, Protocol, State};
use std::collections::BTreeMap;

/// The sockets of one table by state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// Their protocol.
    pub protocol: Protocol,
    /// Their family.
    pub family: Family,
    /// How many are in each state, by the kernel's number.
    pub states: Vec<(State, u64)>,
}

impl Total {
    /// How many there are.
    #[must_use]
    pub fn sockets(&self) -> u64 {
        self.states.iter().map(|(_, count)| count).sum()
    }

    /// How many are in `state`.
    #[must_use]
    pub fn in_state(&self, state: State) -> u64 {
        self.states
            .iter()
            .find(|(s, _)| *s == state)
            .map_or(0, |(_, count)| *count)
    }
}

/// By table: TCP sockets one by one, each of which is there once, and the counts of all other tables.
pub(super) fn totals(
    tcp: &[PortHolder],
    counts: &BTreeMap<(Protocol, Family, u8), u64>,
) -> Vec<Total> {
    let mut counts = counts.clone();
    for holder in tcp {
        // A mapped socket is in the table of IPv6.
        let family = if holder.mapped {
            Family::Inet6
        } else {
            holder.family
        };
        let state = match holder.hold {
            Hold::Listening => State::Listen,
            Hold::Bound => State::BoundInactive,
            Hold::Live(state) => state,
            Hold::TimeWait { .. } => State::TimeWait,
            Hold::OrphanFinWait2 { .. } => State::FinWait2,
        };
        let key = (Protocol::Tcp, family, state.number());
        *counts.entry(key).or_default() += 1;
    }
    let mut totals: Vec<Total> = Vec::new();
    for ((protocol, family, state), count) in counts {
        let state = (State::from_number(state), count);
        match totals.last_mut() {
            Some(last) if (last.protocol, last.family) == (protocol, family) => {
                last.states.push(state);
            }
            _ => totals.push(Total {
                protocol,
                family,
                states: vec![state],
            }),
        }
    }
    totals
}
