//! The kernel's rules for one port.

use super::provenance::Origin;
use super::{Bucket, Closer, Fate, HeadroomFlow, Mode, PortTable};
use crate::model::{
    AllocationSettings, Family, Hold, IfIndex, KernelRelease, PortHolder, Protocol, State, TwReuse,
};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// `LOOPBACK_IFINDEX` of `include/net/net_namespace.h`.
const LOOPBACK_INTERFACE: u32 = 1;

/// `TCP_TIMEWAIT_LEN` of `include/net/tcp.h`, in milliseconds.
const TIME_WAIT_MS: u32 = 60_000;

/// The ports that come into question: `inet_sk_get_local_port_range` of `net/ipv4/inet_connection_sock.c`. Each end of the
/// socket's own range counts only if it lies in the range of the namespace.
pub(super) fn effective_range(
    settings: &AllocationSettings,
    flow: &HeadroomFlow,
) -> RangeInclusive<u16> {
    let range = &settings.ports.range;
    let Some(own) = &flow.socket_range else {
        return range.clone();
    };
    let inside = |end: &u16, default: &u16| *if range.contains(end) { end } else { default };
    inside(own.start(), range.start())..=inside(own.end(), range.end())
}

/// Whether the allocator scans `n & ~1` ports of this range of `n` and so leaves one end out: `__inet_hash_connect` and
/// `inet_csk_find_open_port` do, connect() from a range of the socket's own does not since 6.8, UDP never did.
pub(super) fn leaves_an_end_out(
    settings: &AllocationSettings,
    flow: &HeadroomFlow,
    range: &RangeInclusive<u16>,
) -> bool {
    let by_one = flow.mode == Mode::Connect
        && flow.socket_range.is_some()
        && settings.kernel.is_none_or(KernelRelease::steps_by_one);
    flow.protocol == Protocol::Tcp && range.len() > 1 && range.len() % 2 == 1 && !by_one
}

/// TCP connect() on a port: `__inet_hash_connect`, then `__inet_check_established` of the family. Says what is expected, and
/// whether it hangs on a bucket of which nobody can tell whether it is open.
pub(super) fn connect(table: &PortTable, flow: &HeadroomFlow, port: u16) -> (Fate, bool) {
    let holders = table.on(port);
    if holders.is_empty() {
        return (Fate::Free, false);
    }
    let bucket = table.bucket(port);
    if let Bucket::Closed(closer) = bucket {
        let fate = match closer {
            Closer::Listener => Fate::Listener,
            Closer::Bound => Fate::Bound,
            Closer::Explicit => Fate::Explicit,
            Closer::Accepted => Fate::Accepted,
            Closer::Probe => Fate::Probed,
        };
        return (fate, false);
    }
    let unsure = matches!(bucket, Bucket::LikelyOpen | Bucket::LikelyClosed);
    let likely_open = matches!(bucket, Bucket::Open | Bucket::LikelyOpen);
    let mut taken = None;
    let mut lingering = None;
    for holder in holders.iter().filter(|holder| is_same(holder, flow)) {
        match holder.hold {
            Hold::Live(state) => taken = Some(used(state)),
            Hold::TimeWait { .. } | Hold::OrphanFinWait2 { .. } => {
                // All of them must give way; one that never does decides.
                let never = matches!(lingering, Some(Fate::TimeWaitKept | Fate::OrphanFinWait2));
                if !never {
                    lingering = Some(time_wait(table, holder));
                }
            }
            // These have no peer and close the bucket, which was seen above.
            Hold::Listening | Hold::Bound => {}
        }
    }
    match (taken, lingering) {
        (Some(fate), _) => (fate, false),
        (None, Some(fate @ (Fate::TimeWaitKept | Fate::OrphanFinWait2))) => (fate, false),
        (None, Some(_)) if !likely_open => (Fate::Doubtful, unsure),
        (None, Some(fate)) => (fate, unsure),
        (None, None) if likely_open => (Fate::Shared, unsure),
        (None, None) => (Fate::Doubtful, unsure),
    }
}

/// Whether a connection of `flow` on this holder's port would have its 4-tuple: `inet_match` of `include/net/inet_hashtables.h`. A
/// socket bound to no interface is met from every one, one that is bound only from its own.
pub(super) fn is_same(holder: &PortHolder, flow: &HeadroomFlow) -> bool {
    holder.local == flow.source
        && holder.peer == flow.destination
        && holder.peer_port == flow.destination_port
        && (holder.interface.is_none() || holder.interface == flow.interface)
}

const fn used(state: State) -> Fate {
    match state {
        State::SynSent => Fate::SynSent,
        State::Established => Fate::Established,
        State::CloseWait => Fate::CloseWait,
        State::FinWait1 | State::FinWait2 | State::Closing | State::LastAck => Fate::Closing,
        _ => Fate::OtherState,
    }
}

/// What a TIME_WAIT with the flow's own 4-tuple means for a new connection: `tcp_twsk_unique` of `net/ipv4/tcp_ipv4.c`.
fn time_wait(table: &PortTable, holder: &PortHolder) -> Fate {
    let settings = table.settings();
    let Hold::TimeWait { left_ms } = holder.hold else {
        // `tw_substate` is FIN_WAIT2, which is never given up.
        return Fate::OrphanFinWait2;
    };
    match settings.tw_reuse {
        Some(TwReuse::Never) => return Fate::TimeWaitKept,
        Some(TwReuse::Loopback) if !is_loopback(holder) => return Fate::TimeWaitKept,
        None => return Fate::TimeWaitDoubtful,
        Some(TwReuse::Always | TwReuse::Loopback) => {}
    }
    // `tw_ts_recent_stamp` is not in the dump. The timer begins at 60 s, and again with a late segment, while the kernel's own
    // stamp does not: the age by the timer is the least it can be.
    if !table.has_timestamps(holder.peer) {
        return Fate::TimeWaitDoubtful;
    }
    let age_ms = TIME_WAIT_MS.saturating_sub(left_ms);
    if age_ms > settings.tw_reuse_delay_ms {
        Fate::TimeWaitReusable
    } else {
        Fate::TimeWaitYoung
    }
}

/// What `tcp_tw_reuse=2` takes for loopback: an address of 127/8 or ::1 at either end, or a socket bound to `lo`. Other
/// addresses of this host do not count.
fn is_loopback(holder: &PortHolder) -> bool {
    let on_lo = holder
        .interface
        .is_some_and(|i| i.0.get() == LOOPBACK_INTERFACE);
    on_lo || holder.local.is_loopback() || holder.peer.is_loopback()
}

/// Whether a client of a UDP flow may be an IPv6 socket that calls IPv4 by v4-mapped addresses, and asks for its port at the wildcard
/// of both families: a flow of IPv4 addresses does not say which.
fn may_be_mapped(flow: &HeadroomFlow) -> bool {
    let plain = flow.family() == Family::Inet && !flow.mapped;
    plain && flow.protocol == Protocol::Udp && flow.mode != Mode::Bind
}

/// Whether a port that an IPv4 socket of this flow gets is one that an IPv6 socket, which calls IPv4, does not.
pub(super) fn is_for_ipv4_sockets(table: &PortTable, flow: &HeadroomFlow, port: u16) -> bool {
    let meets = |h: &PortHolder| interfaces_meet(h.interface, flow.interface);
    may_be_mapped(flow) && table.on(port).iter().any(meets)
}

/// bind(address, 0) and UDP on a port: every socket there whose address overlaps takes it, whatever its state and its peer
/// (`inet_csk_bind_conflict`, `udp_lib_lport_inuse`).
pub(super) fn bind(table: &PortTable, flow: &HeadroomFlow, port: u16) -> (Fate, bool) {
    let holders = table.on(port);
    if holders.is_empty() {
        return (Fate::Free, false);
    }
    // An unbound UDP socket gets its port at the wildcard, and its address afterwards.
    let wildcard = flow.mode != Mode::Bind;
    let mut doubtful = false;
    let mut probably = false;
    for holder in holders {
        match overlap(holder, flow, wildcard) {
            Overlap::Yes => return (Fate::AddressTaken, false),
            Overlap::Unknown => {
                doubtful = true;
                probably |= !is_for_ipv6_only(table, holder);
            }
            Overlap::No => {}
        }
    }
    let asked = flow.protocol == Protocol::Udp && flow.mode == Mode::Connect;
    let answer = table.probed(port).filter(|_| asked);
    let fate = match (doubtful, probably, answer) {
        (false, ..) | (true, _, Some(true)) => Fate::Elsewhere,
        (true, _, Some(false)) => Fate::Probed,
        (true, true, None) => Fate::AddressDoubtful,
        (true, false, None) => Fate::AddressUnlikely,
    };
    // A probe at the wildcard says nothing of another address.
    let helps = flow.protocol != Protocol::Udp || asked;
    (fate, doubtful && answer.is_none() && helps)
}

/// Whether a connected IPv6 socket is likely to be for IPv6 only: bind() to an address makes it so (`__inet6_bind`), connect()
/// without bind() does not, and what a listener accepts is as the listener.
fn is_for_ipv6_only(table: &PortTable, holder: &PortHolder) -> bool {
    let bucket = table.bucket(holder.port.0);
    match table.origin(holder) {
        Origin::Accepted => table.on(holder.port.0).iter().any(|h| {
            let only = h.v6only == Some(true) || !h.local.is_unspecified();
            h.hold == Hold::Listening && h.family == Family::Inet6 && only
        }),
        Origin::Connect => bucket == Bucket::Closed(Closer::Probe),
        Origin::Bind => bucket != Bucket::Open,
        Origin::Late | Origin::Named => true,
    }
}

/// Whether two addresses overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlap {
    Yes,
    No,
    /// It depends on whether an IPv6 socket is for IPv6 only, which the kernel does not tell of connected ones.
    Unknown,
}

/// `inet_rcv_saddr_equal` of `net/ipv4/inet_connection_sock.c`, between a holder and a newcomer at the flow's source or at its
/// family's wildcard. A newcomer at the IPv6 wildcard is for IPv4 too, and meets everybody if it calls an IPv4 address from there.
fn overlap(holder: &PortHolder, flow: &HeadroomFlow, wildcard: bool) -> Overlap {
    if !interfaces_meet(holder.interface, flow.interface) {
        return Overlap::No;
    }
    if flow.mapped && wildcard {
        return Overlap::Yes;
    }
    let same = |a: IpAddr| a == flow.source || a.is_unspecified();
    match (flow.family(), holder.family) {
        (Family::Inet6, Family::Inet) => Overlap::from(wildcard),
        (Family::Inet, Family::Inet6) if wildcard || holder.local.is_unspecified() => {
            // An IPv6 socket that is not for IPv6 only answers for an IPv4 address too, whichever IPv6 address it has.
            holder
                .v6only
                .map_or(Overlap::Unknown, |only| Overlap::from(!only))
        }
        (Family::Inet, Family::Inet6) => Overlap::No,
        _ => Overlap::from(wildcard || same(holder.local)),
    }
}

impl From<bool> for Overlap {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Sockets bound to different interfaces never meet.
fn interfaces_meet(one: Option<IfIndex>, other: Option<IfIndex>) -> bool {
    one.is_none() || other.is_none() || one == other
}
