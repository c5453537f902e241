//! How many more connections a flow can make before the kernel refuses one for want of a local port.
//!
//! There is no number of free ports. A flow is (source, destination, destination port, interface), and a port that one flow
//! has used up another may still get. The rules are those of the kernel's allocators, named where they are applied:
//!
//! | who asks | function | what takes a port |
//! |---|---|---|
//! | connect() without bind() | `net/ipv4/inet_hashtables.c:__inet_hash_connect` | the same 4-tuple, or a closed bucket |
//! | bind(address, 0) | `net/ipv4/inet_connection_sock.c:inet_csk_find_open_port` | any socket at an address that overlaps |
//! | UDP | `net/ipv4/udp.c:udp_lib_get_port` | the same |
//!
//! A *bucket* is what the kernel keeps for one port of one network namespace, IPv4 and IPv6 together. It is closed to connect()
//! while somebody on it got the port from bind() or listen(): that costs every flow the port, also those to elsewhere.
//!
//! A dump does not tell all of that, so the answer is three numbers: what is certain, what is to be expected, and what is
//! possible. [`Parts`] say what became of every port of the range, [`Doubt`]s what keeps the three apart.

mod births;
mod doubts;
mod notes;
mod parts;
mod provenance;
mod remedies;
mod rules;
mod severity;
mod table;
#[cfg(test)]
mod tests;

use doubts::Unknown;
pub use doubts::{Doubt, DoubtKind};
pub use notes::{Note, Pinned, notes, pinned};
pub use parts::{Fate, Parts};
pub use provenance::Sources;
pub use remedies::{Prospects, Remedy, RemedyKind, remedies};
pub use severity::Severity;
pub use table::{Bucket, Closer, PortTable, Sight, each_once};

use crate::model::{Family, IfIndex, Port, Protocol};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// How the client comes to its local port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// connect() chooses it; also bind(address, 0) with `IP_BIND_ADDRESS_NO_PORT`.
    Connect,
    /// bind(source, 0), then connect().
    Bind,
    /// bind(wildcard, 0), then connect().
    BindAny,
}

impl Mode {
    /// The lower-case word of the JSON contract and of `--mode`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Bind => "bind",
            Self::BindAny => "bind-any",
        }
    }
}

/// Connections that compete for the same local ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadroomFlow {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The local address they will have. IPv4 for v4-mapped ones.
    pub source: IpAddr,
    /// The peer's address, of the same family.
    pub destination: IpAddr,
    /// The peer's port.
    pub destination_port: Port,
    /// The interface the client's sockets are bound to.
    pub interface: Option<IfIndex>,
    /// How they come to their ports.
    pub mode: Mode,
    /// `IP_LOCAL_PORT_RANGE` of the client's sockets.
    pub socket_range: Option<RangeInclusive<u16>>,
    /// Whether they are IPv6 sockets with v4-mapped addresses: their wildcard is that of both families.
    pub mapped: bool,
}

impl HeadroomFlow {
    /// The family of its addresses.
    #[must_use]
    pub const fn family(&self) -> Family {
        if self.source.is_ipv4() {
            Family::Inet
        } else {
            Family::Inet6
        }
    }
}

/// How many more connections: three numbers that say the same when nothing is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// At least so many. `None` if something that takes ports cannot be seen at all.
    pub min: Option<u32>,
    /// Most likely so many.
    pub expected: u32,
    /// At most so many.
    pub max: u32,
}

impl Bounds {
    /// Whether there is no doubt about the number.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.min == Some(self.max)
    }
}

/// The answer for one flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headroom {
    /// How many more connections.
    pub bounds: Bounds,
    /// How many it could have if there were no other socket: the range without what is reserved.
    pub capacity: u32,
    /// The ports that come into question: the range of the namespace, clamped by the socket's own.
    pub range: RangeInclusive<u16>,
    /// What became of every port of the range.
    pub parts: Parts,
    /// Why the three numbers differ, if they do.
    pub doubts: Vec<Doubt>,
}

impl Headroom {
    /// Which part of what the flow could have is used, from 0 to 1; `None` if it can have nothing.
    #[must_use]
    pub fn used(&self) -> Option<f64> {
        (self.capacity > 0)
            .then(|| 1.0 - f64::from(self.bounds.expected) / f64::from(self.capacity))
    }
}

/// How many more connections `flow` can make, in the world that `table` describes.
#[must_use]
pub fn headroom(table: &PortTable, flow: &HeadroomFlow) -> Headroom {
    let range = rules::effective_range(table.settings(), flow);
    let mut sum = Sum::default();
    for port in range.clone() {
        sum.add(table, &range, port, judge(table, flow, port));
    }
    sum.into_headroom(table, flow, range)
}

/// Ports held by sockets of which nobody can tell whether they close them to `flow`: what a probe would answer.
#[must_use]
pub fn unsure_ports(table: &PortTable, flow: &HeadroomFlow) -> Vec<Port> {
    rules::effective_range(table.settings(), flow)
        .filter(|&port| judge(table, flow, port).unsure)
        .map(Port)
        .collect()
}

/// What connect() without bind() gives to a flow that has no socket yet: the same for every such flow of a network namespace. That
/// of a flow with sockets differs only on their ports, so that many flows cost little more than one.
#[derive(Clone, Debug)]
pub struct Fresh {
    range: RangeInclusive<u16>,
    sum: Sum,
}

impl Fresh {
    /// A flow that has no socket.
    #[must_use]
    pub const fn flow(source: IpAddr) -> HeadroomFlow {
        HeadroomFlow {
            protocol: Protocol::Tcp,
            source,
            destination: match source {
                IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
                IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
            },
            destination_port: Port(0),
            interface: None,
            mode: Mode::Connect,
            socket_range: None,
            mapped: false,
        }
    }

    /// Looks at every port of the range once.
    #[must_use]
    pub fn new(table: &PortTable) -> Self {
        let flow = Self::flow(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        let range = rules::effective_range(table.settings(), &flow);
        let mut sum = Sum::default();
        for port in range.clone() {
            sum.add(table, &range, port, judge(table, &flow, port));
        }
        Self { range, sum }
    }

    /// As [`headroom`] for `flow`, whose clients call connect() and have no range of their own, and whose sockets are all on
    /// `ports`, each named once. `table` is that of [`Fresh::new`].
    #[must_use]
    pub fn headroom(&self, table: &PortTable, flow: &HeadroomFlow, ports: &[Port]) -> Headroom {
        let nobody = Self::flow(flow.source);
        let mut sum = self.sum.clone();
        for port in ports.iter().map(|port| port.0) {
            if self.range.contains(&port) {
                sum.remove(table, &self.range, port, judge(table, &nobody, port));
                sum.add(table, &self.range, port, judge(table, flow, port));
            }
        }
        sum.into_headroom(table, flow, self.range.clone())
    }
}

/// What becomes of one port.
#[derive(Clone, Copy, Debug)]
struct Judgement {
    fate: Fate,
    /// Whether that hangs on what nobody can tell.
    unsure: bool,
    /// Whether only an IPv4 socket gets it, and the flow does not say which the client has.
    by_client: bool,
}

impl Judgement {
    /// Whether its bucket decides, and is not known.
    const fn is_guess(self) -> bool {
        self.unsure && matches!(self.fate, Fate::Shared | Fate::Doubtful)
    }
}

fn judge(table: &PortTable, flow: &HeadroomFlow, port: u16) -> Judgement {
    let by_connect = flow.protocol == Protocol::Tcp && flow.mode == Mode::Connect;
    let (fate, unsure) = if table.is_reserved(port) {
        (Fate::Reserved, false)
    } else if by_connect {
        rules::connect(table, flow, port)
    } else {
        rules::bind(table, flow, port)
    };
    let by_client =
        !by_connect && fate == Fate::Elsewhere && rules::is_for_ipv4_sockets(table, flow, port);
    Judgement {
        fate: if by_client {
            Fate::AddressUnlikely
        } else {
            fate
        },
        unsure,
        by_client,
    }
}

/// Whether a port has the parity of the range's low end.
fn is_with_low(range: &RangeInclusive<u16>, port: u16) -> bool {
    port % 2 == range.start() % 2
}

/// What the ports of a range add up to.
#[derive(Clone, Debug, Default)]
struct Sum {
    count: Count,
    parts: Parts,
    guesses: u32,
    /// How many ports hang on the family of the client's sockets.
    by_client: u32,
    /// How many ports with the parity of the low end are expected.
    with_low: u32,
    /// The shares of the low and of the high end.
    ends: [Share; 2],
}

impl Sum {
    fn add(
        &mut self,
        table: &PortTable,
        range: &RangeInclusive<u16>,
        port: u16,
        judgement: Judgement,
    ) {
        let share = Share::of(judgement.fate, table, port);
        self.count.add(share);
        self.parts.add(judgement.fate);
        self.guesses += u32::from(judgement.is_guess());
        self.by_client += u32::from(judgement.by_client);
        self.with_low += u32::from(share.expected && is_with_low(range, port));
        let [low, high] = &mut self.ends;
        if port == *range.start() {
            *low = share;
        }
        if port == *range.end() {
            *high = share;
        }
    }

    fn remove(
        &mut self,
        table: &PortTable,
        range: &RangeInclusive<u16>,
        port: u16,
        judgement: Judgement,
    ) {
        let share = Share::of(judgement.fate, table, port);
        self.count.remove(share);
        self.parts.remove(judgement.fate);
        self.guesses -= u32::from(judgement.is_guess());
        self.by_client -= u32::from(judgement.by_client);
        self.with_low -= u32::from(share.expected && is_with_low(range, port));
    }

    fn into_headroom(
        mut self,
        table: &PortTable,
        flow: &HeadroomFlow,
        range: RangeInclusive<u16>,
    ) -> Headroom {
        let odd = rules::leaves_an_end_out(table.settings(), flow, &range);
        let attempts = match flow.mode {
            Mode::Connect => self.count.expected,
            // bind() turns to the half with the low end when the other half is full.
            Mode::Bind | Mode::BindAny => self.with_low,
        };
        let is_odd_doubt = odd
            && self
                .count
                .leave_an_end_out(&range, self.ends, attempts, &mut self.parts);
        let doubts = doubts::doubts(
            table,
            flow,
            &self.parts,
            &Unknown {
                buckets: self.guesses,
                clients: self.by_client,
                end: is_odd_doubt,
            },
        );
        let unseen = doubts.iter().any(Doubt::hides_ports);
        Headroom {
            bounds: Bounds {
                min: (!unseen).then_some(self.count.min),
                expected: self.count.expected,
                max: self.count.max,
            },
            capacity: self.parts.capacity(),
            range,
            parts: self.parts,
            doubts,
        }
    }
}

/// What one port adds to the three numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    min: bool,
    expected: bool,
    max: bool,
}

impl Share {
    /// A port's fate is what is expected; whether its bucket is known to be open decides what is certain.
    fn of(fate: Fate, table: &PortTable, port: u16) -> Self {
        let certain = match fate {
            Fate::Free | Fate::Elsewhere => true,
            Fate::Shared => table.bucket(port) == Bucket::Open,
            _ => false,
        };
        // Whoever has the port may have it on another interface.
        let elsewhere = !table.sight().interfaces && fate.hangs_on_interface();
        Self {
            min: certain,
            expected: fate.is_available(),
            max: fate.is_available() || fate.is_doubtful() || elsewhere,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    min: u32,
    expected: u32,
    max: u32,
}

impl Count {
    fn add(&mut self, share: Share) {
        self.min += u32::from(share.min);
        self.expected += u32::from(share.expected);
        self.max += u32::from(share.max);
    }

    fn remove(&mut self, share: Share) {
        self.min -= u32::from(share.min);
        self.expected -= u32::from(share.expected);
        self.max -= u32::from(share.max);
    }

    /// Takes account of a scan that covers `n & ~1` ports of an odd range of `n` (`remaining &= ~1U`, in both TCP allocators): an
    /// attempt that begins at the low end never sees the high one, and any other never sees the low one. `attempts` is how many look
    /// at their half before every port but one is taken. Whether that leaves a doubt.
    fn leave_an_end_out(
        &mut self,
        range: &RangeInclusive<u16>,
        [low, high]: [Share; 2],
        attempts: u32,
        parts: &mut Parts,
    ) -> bool {
        let size = range.len();
        // Of three ports the scan always begins at the first.
        if size == 3 {
            self.min -= u32::from(high.min);
            self.expected -= u32::from(high.expected);
            self.max -= u32::from(high.max);
            parts.leave_out(high.expected);
            return false;
        }
        // The low end is taken only by an attempt that begins there, one of (n - 1) / 2.
        let misses = (1.0 - 2.0 / (size as f64 - 1.0)).powf(attempts.into());
        if low.expected && misses > 0.5 {
            self.expected -= 1;
        }
        if low.min || high.min {
            self.min -= 1;
        }
        self.expected = self.expected.max(self.min);
        low.max || high.max
    }
}
