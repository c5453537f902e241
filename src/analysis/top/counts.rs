//! What is counted and summed for a group.

use crate::model::{Protocol, Queues, Socket, State, StateSet, TcpMetric};

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

/// What a TCP connection has carried since it was made, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// It has no such counters: it is no TCP connection, or one that nothing is connected to.
    Nothing,
    /// Nobody can tell: no file, no netlink, an old kernel.
    Unknown,
    /// `tcpi_bytes_received` and `tcpi_bytes_acked` of `linux/tcp.h`.
    Bytes(Bytes),
}

/// Bytes in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// What came, and was delivered to the socket.
    pub received: u64,
    /// What went, and was acknowledged; the connection's SYN counts as one of them for the side that sent it.
    pub acked: u64,
}

impl Bytes {
    fn add(&mut self, other: Self) {
        // Counters of a forged dump may be anything.
        self.received = self.received.saturating_add(other.received);
        self.acked = self.acked.saturating_add(other.acked);
    }

    /// What came to it since an earlier look at the same socket.
    pub(super) const fn since(self, before: Self) -> Self {
        Self {
            received: self.received.saturating_sub(before.received),
            acked: self.acked.saturating_sub(before.acked),
        }
    }
}

impl Carried {
    pub(super) fn of(socket: &Socket) -> Self {
        let is_connection =
            socket.protocol == Protocol::Tcp && StateSet::CONNECTED.contains(socket.state);
        if !is_connection {
            return Self::Nothing;
        }
        let tcp = socket.details().and_then(|details| details.tcp.as_ref());
        let counter = |metric| tcp.and_then(|tcp| tcp.get(metric));
        match (
            counter(TcpMetric::BytesReceived),
            counter(TcpMetric::BytesAcked),
        ) {
            (Some(received), Some(acked)) => Self::Bytes(Bytes { received, acked }),
            _ => Self::Unknown,
        }
    }
}

/// Counts and sums of a group, or of everything.
///
/// Sums are of what is known; how much is not is counted beside them.
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
    carried: Bytes,
    /// Connections whose byte counters are known.
    with_counters: u32,
    /// TCP connections whose byte counters nobody can tell.
    pub bytes_unknown: u32,
    moved: Bytes,
    /// Connections of which is known what they carried between the looks.
    moving: u32,
    /// Sockets that match now and did not at the look before.
    pub new: u32,
    /// Sockets that matched at the look before and do not now.
    pub gone: u32,
    /// Sockets of either look that cannot be found in the other, for lack of a cookie.
    pub unmatched: u32,
}

impl Counts {
    pub(super) fn add(&mut self, state: StateSlot, queues: Queues, carried: Carried) {
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
            // Neither bytes nor connections.
            Queues::Messages { .. } => {}
            Queues::Unknown => self.queues_unknown += 1,
        }
        match carried {
            Carried::Bytes(bytes) => {
                self.carried.add(bytes);
                self.with_counters += 1;
            }
            Carried::Unknown => self.bytes_unknown += 1,
            Carried::Nothing => {}
        }
    }

    /// Adds what a connection carried between the looks.
    pub(super) fn add_moved(&mut self, bytes: Bytes) {
        self.moved.add(bytes);
        self.moving += 1;
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

    /// Bytes that the connections have carried since they were made; `None` if that is known of none.
    #[must_use]
    pub fn carried(&self) -> Option<Bytes> {
        (self.with_counters > 0).then_some(self.carried)
    }

    /// Bytes that the connections carried between the looks, as far as they were there at the second; `None` if that is known of
    /// none.
    #[must_use]
    pub fn moved(&self) -> Option<Bytes> {
        (self.moving > 0).then_some(self.moved)
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
