//! Socket states and sets of them.
//!
//! The numbers are the kernel's (`include/net/tcp_states.h`); UDP, raw and unix sockets reuse
//! three of them: 1 connected, 7 unconnected, 10 listening.

use super::Protocol;
use std::fmt;

/// The state of a socket: RFC 9293 §3.3.2 for TCP, and what the kernel adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Data can flow both ways; for UDP, raw and unix: connected to a peer.
    Established,
    /// Our SYN is out, the answer is not in.
    SynSent,
    /// A peer's SYN came, the handshake is not complete. Request sockets
    /// (`TCP_NEW_SYN_RECV`, 12) are reported as this.
    SynRecv,
    /// We closed; our FIN is not acknowledged yet.
    FinWait1,
    /// We closed; the peer has not.
    FinWait2,
    /// Both closed; the 4-tuple is kept so that late segments meet it.
    TimeWait,
    /// Not connected. For TCP see [`State::BoundInactive`].
    Close,
    /// The peer closed; the local process has not.
    CloseWait,
    /// The peer closed, then we; our FIN is not acknowledged yet.
    LastAck,
    /// Waiting for connections.
    Listen,
    /// Both closed at the same time.
    Closing,
    /// TCP bound to a port, neither listening nor connected (`TCP_BOUND_INACTIVE`, Linux 6.8).
    BoundInactive,
    /// An SCTP association that is neither established nor closed.
    Sctp(SctpState),
    /// A number this program does not know.
    Unknown(u8),
}

/// The states of an SCTP association that TCP has no word for, `enum sctp_state` of `include/net/sctp/constants.h`, RFC 9260 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SctpState {
    /// 1: our INIT is out.
    CookieWait,
    /// 2: our COOKIE ECHO is out.
    CookieEchoed,
    /// 4: we close, and data of ours is not acknowledged yet.
    ShutdownPending,
    /// 5: our SHUTDOWN is out.
    ShutdownSent,
    /// 6: the peer closes, and data of ours is not acknowledged yet.
    ShutdownReceived,
    /// 7: the answer to the peer's SHUTDOWN is out.
    ShutdownAckSent,
}

impl SctpState {
    /// The association's own number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::CookieWait => 1,
            Self::CookieEchoed => 2,
            Self::ShutdownPending => 4,
            Self::ShutdownSent => 5,
            Self::ShutdownReceived => 6,
            Self::ShutdownAckSent => 7,
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::CookieWait => ("cookie-wait", "COOKIE-WAIT"),
            Self::CookieEchoed => ("cookie-echoed", "COOKIE-ECHOED"),
            Self::ShutdownPending => ("shutdown-pending", "SHUTDOWN-PENDING"),
            Self::ShutdownSent => ("shutdown-sent", "SHUTDOWN-SENT"),
            Self::ShutdownReceived => ("shutdown-received", "SHUTDOWN-RECEIVED"),
            Self::ShutdownAckSent => ("shutdown-ack-sent", "SHUTDOWN-ACK-SENT"),
        }
    }
}

/// States with their kernel number, JSON word and table word.
const STATES: [(State, u8, &str, &str); 12] = [
    (State::Established, 1, "established", "ESTAB"),
    (State::SynSent, 2, "syn-sent", "SYN-SENT"),
    (State::SynRecv, 3, "syn-recv", "SYN-RECV"),
    (State::FinWait1, 4, "fin-wait-1", "FIN-WAIT-1"),
    (State::FinWait2, 5, "fin-wait-2", "FIN-WAIT-2"),
    (State::TimeWait, 6, "time-wait", "TIME-WAIT"),
    (State::Close, 7, "close", "CLOSE"),
    (State::CloseWait, 8, "close-wait", "CLOSE-WAIT"),
    (State::LastAck, 9, "last-ack", "LAST-ACK"),
    (State::Listen, 10, "listen", "LISTEN"),
    (State::Closing, 11, "closing", "CLOSING"),
    (State::BoundInactive, 13, "bound-inactive", "BOUND"),
];

impl State {
    /// Reads the kernel's number. 12 (`TCP_NEW_SYN_RECV`) is [`State::SynRecv`].
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Established,
            2 => Self::SynSent,
            3 | 12 => Self::SynRecv,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Close,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            13 => Self::BoundInactive,
            n => Self::Unknown(n),
        }
    }

    /// Reads the number of an SCTP association's state, which is not one of the socket states.
    #[must_use]
    pub const fn of_association(number: u8) -> Self {
        match number {
            0 => Self::Close,
            1 => Self::Sctp(SctpState::CookieWait),
            2 => Self::Sctp(SctpState::CookieEchoed),
            3 => Self::Established,
            4 => Self::Sctp(SctpState::ShutdownPending),
            5 => Self::Sctp(SctpState::ShutdownSent),
            6 => Self::Sctp(SctpState::ShutdownReceived),
            7 => Self::Sctp(SctpState::ShutdownAckSent),
            n => Self::Unknown(n),
        }
    }

    /// The kernel's number; for an SCTP association the one that its socket has meanwhile (`enum sctp_sock_state`): 2 while it
    /// is made, 8 while it is closed.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Sctp(SctpState::CookieWait | SctpState::CookieEchoed) => 2,
            Self::Sctp(_) => 8,
            Self::Established => 1,
            Self::SynSent => 2,
            Self::SynRecv => 3,
            Self::FinWait1 => 4,
            Self::FinWait2 => 5,
            Self::TimeWait => 6,
            Self::Close => 7,
            Self::CloseWait => 8,
            Self::LastAck => 9,
            Self::Listen => 10,
            Self::Closing => 11,
            Self::BoundInactive => 13,
            Self::Unknown(n) => n,
        }
    }

    /// The word of the JSON contract for a socket of `protocol`.
    #[must_use]
    pub fn word(self, protocol: Protocol) -> &'static str {
        match self {
            Self::Close if protocol != Protocol::Tcp => "unconnected",
            Self::Sctp(state) => state.words().0,
            _ => self.named().map_or("unknown", |s| s.2),
        }
    }

    /// The upper-case word of the table, close to `ss`'s.
    #[must_use]
    pub fn label(self, protocol: Protocol) -> &'static str {
        match self {
            Self::Close if protocol != Protocol::Tcp => "UNCONN",
            Self::Sctp(state) => state.words().1,
            _ => self.named().map_or("UNKNOWN", |s| s.3),
        }
    }

    #[inline]
    fn named(self) -> Option<&'static (Self, u8, &'static str, &'static str)> {
        // Their numbers are their own, and one comparison.
        let number = self.number();
        STATES.iter().find(|s| s.1 == number)
    }
}

/// A set of states as the kernel's bit mask, `1 << number`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateSet(u32);

impl StateSet {
    /// No state.
    pub const EMPTY: Self = Self(0);
    /// Every state, also those a newer kernel may add.
    pub const ALL: Self = Self(u32::MAX);
    /// Not connected and not listening.
    pub const CLOSE: Self = Self(1 << 7);
    /// Listening.
    pub const LISTEN: Self = Self(1 << 10);
    /// Half-open; the kernel counts request sockets under number 12.
    pub const SYN_RECV: Self = Self(1 << 3 | 1 << 12);
    /// Waiting out the last segments.
    pub const TIME_WAIT: Self = Self(1 << 6);
    /// TCP bound to a port and idle.
    pub const BOUND_INACTIVE: Self = Self(1 << 13);
    /// `bucket`: held as mini-sockets, SYN-RECV and TIME-WAIT.
    pub const BUCKET: Self = Self::SYN_RECV.or(Self::TIME_WAIT);
    /// `connected`: all but listening, closed and bound-inactive.
    pub const CONNECTED: Self = Self::CLOSE
        .or(Self::LISTEN)
        .or(Self::BOUND_INACTIVE)
        .complement();
    /// `synchronized`: connected but SYN-SENT.
    pub const SYNCHRONIZED: Self = Self::CONNECTED.minus(Self(1 << 2));
    /// `big`: all but [`Self::BUCKET`].
    pub const BIG: Self = Self::BUCKET.complement();
    /// What a list shows when no option and no `state` asks for more: connected, without the mini-sockets.
    pub const DEFAULT: Self = Self::CONNECTED.minus(Self::BUCKET);

    /// The set of one state.
    #[must_use]
    pub const fn of(state: State) -> Self {
        match state {
            State::SynRecv => Self::SYN_RECV,
            s if s.number() < 32 => Self(1 << s.number()),
            _ => Self::EMPTY,
        }
    }

    /// Union.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Intersection.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// This set without the states of `other`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// All other states.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(!self.0)
    }

    /// Whether `state` is in the set. A number above 31 is only in [`Self::ALL`].
    #[must_use]
    pub const fn contains(self, state: State) -> bool {
        let n = state.number();
        if n < 32 {
            self.0 & (1 << n) != 0
        } else {
            self.0 == u32::MAX
        }
    }

    /// Whether it holds no state.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The bits, for a request to the kernel.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for StateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateSet({:#x})", self.0)
    }
}

/// One name a filter accepts for a state or a group of states.
#[derive(Clone, Copy, Debug)]
pub struct StateSetName {
    /// Lower-case name, as `ss` spells it.
    pub name: &'static str,
    /// What it stands for.
    pub set: StateSet,
    /// One line for the help.
    pub doc: &'static str,
}

const fn named(name: &'static str, set: StateSet, doc: &'static str) -> StateSetName {
    StateSetName { name, set, doc }
}

impl StateSetName {
    /// Every name, states first, then groups.
    pub const ALL: &'static [Self] = &[
        named(
            "established",
            StateSet(1 << 1),
            "data can flow both ways; connected, for other protocols",
        ),
        named("estab", StateSet(1 << 1), "established"),
        named(
            "syn-sent",
            StateSet(1 << 2),
            "our SYN is out, no answer yet",
        ),
        named(
            "syn-recv",
            StateSet::SYN_RECV,
            "a SYN came, the handshake is not complete",
        ),
        named("syn-rcv", StateSet::SYN_RECV, "syn-recv"),
        named(
            "fin-wait-1",
            StateSet(1 << 4),
            "we closed, our FIN is not acknowledged",
        ),
        named(
            "fin-wait-2",
            StateSet(1 << 5),
            "we closed, the peer has not",
        ),
        named(
            "time-wait",
            StateSet::TIME_WAIT,
            "both closed, kept for late segments",
        ),
        named(
            "close-wait",
            StateSet(1 << 8),
            "the peer closed, the local process has not",
        ),
        named(
            "last-ack",
            StateSet(1 << 9),
            "the peer closed, then we; waiting for the last ACK",
        ),
        named("closing", StateSet(1 << 11), "both closed at the same time"),
        named("listening", StateSet::LISTEN, "waiting for connections"),
        named("listen", StateSet::LISTEN, "listening"),
        named(
            "unconnected",
            StateSet::CLOSE,
            "UDP, raw, unix: no peer chosen",
        ),
        named("closed", StateSet::CLOSE, "unconnected"),
        named("close", StateSet::CLOSE, "unconnected"),
        named(
            "bound-inactive",
            StateSet::BOUND_INACTIVE,
            "TCP: holds a port, neither listening nor connected",
        ),
        named("bound", StateSet::BOUND_INACTIVE, "bound-inactive"),
        named(
            "unknown",
            StateSet(1),
            "state number 0, which no socket should have",
        ),
        named("all", StateSet::ALL, "every state"),
        named(
            "connected",
            StateSet::CONNECTED,
            "all but listening, closed and bound-inactive",
        ),
        named(
            "synchronized",
            StateSet::SYNCHRONIZED,
            "connected, without syn-sent",
        ),
        named(
            "bucket",
            StateSet::BUCKET,
            "kept as mini-sockets: syn-recv and time-wait",
        ),
        named("big", StateSet::BIG, "all but bucket"),
    ];

    /// Looks a name up, whatever its case, with `_` for `-` if the user likes.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        let name = name.to_ascii_lowercase().replace('_', "-");
        Self::ALL.iter().find(|s| s.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for (state, number, _, _) in STATES {
            assert_eq!(State::from_number(number), state);
            assert_eq!(state.number(), number);
            assert!(StateSet::of(state).contains(state));
        }
        assert_eq!(State::from_number(12), State::SynRecv);
        assert_eq!(State::from_number(200), State::Unknown(200));
        assert!(StateSet::ALL.contains(State::Unknown(200)));
        assert!(!StateSet::BIG.contains(State::Unknown(200)));
    }

    #[test]
    fn associations_are_found_among_the_states_of_their_sockets() {
        for number in 0..=7 {
            let state = State::of_association(number);
            assert_ne!(state.word(Protocol::Sctp), "unknown");
            assert!(StateSet::ALL.contains(state));
        }
        let closing = State::of_association(6);
        assert!(StateSet::of(State::CloseWait).contains(closing));
        assert_eq!(closing.word(Protocol::Sctp), "shutdown-received");
        assert_eq!(State::of_association(8), State::Unknown(8));
    }

    #[test]
    fn default_hides_what_the_manual_of_ss_says() {
        for hidden in [
            State::Listen,
            State::Close,
            State::TimeWait,
            State::SynRecv,
            State::BoundInactive,
        ] {
            assert!(!StateSet::DEFAULT.contains(hidden), "{hidden:?}");
        }
        assert!(StateSet::DEFAULT.contains(State::Established));
        assert!(StateSet::DEFAULT.contains(State::CloseWait));
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(
            StateSetName::find("Time_Wait").unwrap().set,
            StateSet::TIME_WAIT
        );
        assert!(StateSetName::find("new-syn-recv").is_none());
    }
}
