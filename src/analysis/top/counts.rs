//! What is counted and summed for a group.

use crate::model::{Protocol, Queues, Socket, State};

/// The kernel's numbers, one more for what is unconnected, whose number TCP calls closed, and those that associations have beside.
const SLOTS: usize = 23;
const UNCONNECTED: u8 = 14;
/// The first of associations, by their own numbers.
const ASSOCIATION: u8 = 15;

/// A state as groups tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateSlot(u8);

impl StateSlot {
    /// Every one.
    pub fn all() -> impl Iterator<Item = Self> {
        // An association that is closed or established is as any other socket.
        let is_own = |slot: &Self| ![ASSOCIATION, ASSOCIATION + 3].contains(&slot.0);
        let all = (1..).map(Self).take(SLOTS - 1).chain([Self(0)]);
        all.filter(is_own)
    }

    /// The one of a socket.
    #[must_use]
    pub fn of(socket: &Socket) -> Self {
        match socket.state {
            State::Close if socket.protocol != Protocol::Tcp => Self(UNCONNECTED),
            State::Sctp(state) => Self(ASSOCIATION + state.number()),
            state => Self(
                Some(state.number())
                    .filter(|&n| n < UNCONNECTED)
                    .unwrap_or(0),
            ),
        }
    }

    const fn as_state(self) -> (State, Protocol) {
        match self.0 {
            UNCONNECTED => (State::Close, Protocol::Udp),
            n if n >= ASSOCIATION => (State::of_association(n - ASSOCIATION), Protocol::Sctp),
            n => (State::from_number(n), Protocol::Tcp),
        }
    }

    /// The word of the JSON contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        let (state, protocol) = self.as_state();
        state.word(protocol)
    }

    /// The upper-case word of the table.
    #[must_use]
    pub fn label(self) -> &'static str {
        let (state, protocol) = self.as_state();
        state.label(protocol)
    }
}

/// Counts and sums of a group, or of everything.
///
/// Sums are of what is known; how much is not is counted beside them. Byte counters of connections belong here too once
/// `tcp_info` is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    states: [u32; SLOTS],
    recv: u64,
    send: u64,
    waiting: u64,
    /// Sockets of which both are known.
    with_bytes: u32,
    /// Sockets of which only what waits to be read is known.
    with_received: u32,
    listeners: u32,
    /// Sockets whose queues the source cannot tell.
    pub queues_unknown: u32,
    /// Sockets that match now and did not at the look before.
    pub new: u32,
    /// Sockets that matched at the look before and do not now.
    pub gone: u32,
    /// Sockets of either look that cannot be found in the other, for lack of a cookie.
    pub unmatched: u32,
}

impl Counts {
    pub(super) fn add(&mut self, state: StateSlot, queues: Queues) {
        if let Some(count) = self.states.get_mut(usize::from(state.0)) {
            *count += 1;
        }
        match queues {
            Queues::Bytes { recv, send } => {
                self.recv += u64::from(recv);
                self.send += u64::from(send);
                self.with_bytes += 1;
            }
            Queues::Accept { length, .. } => {
                self.waiting += u64::from(length);
                self.listeners += 1;
            }
            Queues::Received(recv) => {
                self.recv += u64::from(recv);
                self.with_received += 1;
            }
            Queues::Unknown => self.queues_unknown += 1,
        }
    }

    /// How many sockets there are.
    #[must_use]
    pub fn sockets(&self) -> u64 {
        self.states.iter().map(|&n| u64::from(n)).sum()
    }

    /// How many are in `state`.
    #[must_use]
    pub fn in_state(&self, state: StateSlot) -> u32 {
        self.states
            .get(usize::from(state.0))
            .copied()
            .unwrap_or_default()
    }

    /// The states that occur, and how many sockets are in each.
    pub fn states(&self) -> impl Iterator<Item = (StateSlot, u32)> {
        StateSlot::all()
            .map(|slot| (slot, self.in_state(slot)))
            .filter(|(_, count)| *count > 0)
    }

    /// Bytes that wait to be read; `None` if that is known of no socket.
    #[must_use]
    pub fn recv_queue(&self) -> Option<u64> {
        (self.with_bytes + self.with_received > 0).then_some(self.recv)
    }

    /// Bytes that wait to leave or to be acknowledged; `None` if that is known of no socket.
    #[must_use]
    pub fn send_queue(&self) -> Option<u64> {
        (self.with_bytes > 0).then_some(self.send)
    }

    /// Connections that wait for accept(2); `None` if there is no listener of which that is known.
    #[must_use]
    pub fn accept_queue(&self) -> Option<u64> {
        (self.listeners > 0).then_some(self.waiting)
    }

    /// How many sockets came, and how many went; `None` where sockets have no cookie to match them by.
    #[must_use]
    pub const fn churn(&self) -> Option<(u32, u32)> {
        if self.unmatched > 0 {
            None
        } else {
            Some((self.new, self.gone))
        }
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.sockets() == 0 && self.new == 0 && self.gone == 0 && self.unmatched == 0
    }
}
