//! Words for the parts of a headroom, its doubts, and what would help.

use crate::analysis::headroom::{Doubt, DoubtKind, Fate, Mode, Note, Remedy, RemedyKind};
use crate::model::Protocol;
use std::ops::RangeInclusive;

/// What has become of ports, after their number.
pub(super) const fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Free => "nobody is on them",
        Fate::Shared => "held by connections to elsewhere, which share them",
        Fate::Elsewhere => "held only at addresses that do not overlap",
        Fate::AddressUnlikely => "held by IPv6 sockets that are probably not for IPv4",
        Fate::TimeWaitReusable => "TIME_WAIT of this flow, which a new connection takes over",
        Fate::Reserved => "reserved by net.ipv4.ip_local_reserved_ports",
        Fate::Unreachable => "not reached: a range of three gives two ports",
        Fate::SynSent => "SYN_SENT of this flow: the peer has not answered",
        Fate::Established => "established connections of this flow",
        Fate::CloseWait => "CLOSE_WAIT of this flow: the peer has closed, the process here has not",
        Fate::Closing => "connections of this flow that are being closed",
        Fate::OtherState => "sockets of this flow in other states",
        Fate::TimeWaitYoung => "TIME_WAIT of this flow, too young to be taken over yet",
        Fate::TimeWaitKept => "TIME_WAIT of this flow, which net.ipv4.tcp_tw_reuse does not free",
        Fate::TimeWaitDoubtful => "TIME_WAIT of this flow, probably without timestamps: kept",
        Fate::OrphanFinWait2 => "FIN_WAIT2 of this flow without a process: waits for the peer",
        Fate::Listener => "closed to every client by a listener",
        Fate::Bound => "closed to every client by a bound, idle socket",
        Fate::Explicit => "closed to every client by a connection whose port bind() named",
        Fate::Accepted => "closed to every client by accepted connections",
        Fate::Probed => "closed to every client, as the probe found",
        Fate::Doubtful => "probably closed to every client by bind() to port 0",
        Fate::AddressTaken => "taken: a socket is on them at this address, or at any",
        Fate::AddressDoubtful => "probably taken by IPv6 sockets that are for IPv4 too",
    }
}

/// What is not known, as a sentence.
pub(super) fn doubt(doubt: &Doubt) -> String {
    let ports = doubt.ports.unwrap_or_default();
    let n = match ports {
        1 => "1 port".to_owned(),
        n => format!("{n} ports"),
    };
    match doubt.kind {
        DoubtKind::Provenance => format!(
            "{n} held by sockets of which nobody can tell whether connect() or bind() to port 0 gave it to them; \
             the latter closes it to all others. --probe asks the kernel."
        ),
        DoubtKind::TimeWaitTimestamps => format!(
            "{n} in TIME_WAIT can be taken over only if that connection had timestamps, which a list does not show."
        ),
        DoubtKind::TimeWaitAge => format!(
            "{n} in TIME_WAIT may be older than the timer says, and so be free already: a late segment starts it again."
        ),
        DoubtKind::TimeWaitReuse => format!(
            "{n} in TIME_WAIT may be free or not: net.ipv4.tcp_tw_reuse cannot be read."
        ),
        DoubtKind::V6only => format!(
            "{n} held by connected IPv6 sockets, of which the kernel does not say whether they are for IPv4 too."
        ),
        DoubtKind::ClientFamily => format!(
            "{n} held for IPv6 only, which an IPv4 socket gets, but not an IPv6 socket that calls this IPv4 address: for those \
             ask with --to [::ffff:ADDRESS]:PORT."
        ),
        DoubtKind::RoutesUnasked => {
            "The routing table was not asked about every peer (there are too many, or it cannot be asked): of some clients it is not \
             known whether bind() gave them their address."
                .to_owned()
        }
        DoubtKind::InterfacesUnseen => {
            "This source does not tell which interface sockets are bound to: some that are counted may be in nobody's way.".to_owned()
        }
        DoubtKind::OddRange => "The range has an odd number of ports; by chance the kernel may leave out one end of it.".to_owned(),
        DoubtKind::StickyBuckets => format!(
            "This kernel keeps a port closed after bind() until everybody on it has left (Linux before 6.17.8): \
             {n} may be closed by somebody who is gone."
        ),
        DoubtKind::BoundUnseen => {
            "Sockets that are bound and idle cannot be seen here, and each takes a port: there is no number that is certain.".to_owned()
        }
        DoubtKind::ReservedUnseen => {
            "net.ipv4.ip_local_reserved_ports cannot be read: some of these ports may never be given out.".to_owned()
        }
        DoubtKind::TableIncomplete => {
            "The list of sockets is incomplete, see the notices: ports may be taken by some that are missing.".to_owned()
        }
        DoubtKind::AutobindReuse => {
            "net.ipv4.ip_autobind_reuse is set: clients with SO_REUSEADDR may share ports, or be refused earlier.".to_owned()
        }
    }
}

/// What to do, the command if it is one, and the risk.
pub(super) struct Advice {
    pub(super) action: &'static str,
    pub(super) command: Option<&'static str>,
    pub(super) risk: &'static str,
}

/// What a remedy is.
pub(super) const fn remedy(remedy: &Remedy) -> Advice {
    let (action, command, risk) = match remedy.kind {
        RemedyKind::Reuse => (
            "Keep connections and use them again (pool, keep-alive): the cure",
            None,
            "none",
        ),
        RemedyKind::TwReuse => (
            "Let new connections take over TIME_WAITs older than a second",
            Some("sysctl -w net.ipv4.tcp_tw_reuse=1"),
            "both ends need timestamps; not behind address translation that mixes hosts",
        ),
        RemedyKind::WidenRange => (
            "Widen the range of local ports",
            Some("sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\""),
            "services that start later may find their port taken: reserve theirs first",
        ),
        RemedyKind::LatePort => (
            "Set IP_BIND_ADDRESS_NO_PORT in clients that bind() to port 0",
            None,
            "getsockname() before connect() then tells port 0",
        ),
        RemedyKind::MoreSources => (
            "Use another source address: each has as many ports again",
            None,
            "the peer and its firewall must know that address",
        ),
        RemedyKind::CloseWait => (
            "Make the process here close what its peer has closed; it leaks them",
            None,
            "none",
        ),
        RemedyKind::FinTimeout => (
            "Wait: FIN_WAIT2 without a process ends by itself; those to come end sooner with a lower timeout",
            Some("sysctl -w net.ipv4.tcp_fin_timeout=10"),
            "a peer that sends longer than that after it was closed to gets a reset; TCP_LINGER2 sets it for one client",
        ),
        RemedyKind::SynRetries => (
            "Give up SYNs that nobody answers sooner; find out why nobody does",
            Some("sysctl -w net.ipv4.tcp_syn_retries=3"),
            "slow and lossy peers are given up too; TCP_USER_TIMEOUT sets it for one client",
        ),
    };
    Advice {
        action,
        command,
        risk,
    }
}

/// How long it takes until a remedy has its whole gain; nothing if it has it at once.
pub(super) fn within(remedy: &Remedy) -> String {
    let within = |ms: u32| match ms {
        0..1000 => format!(" within {ms} ms"),
        _ => format!(" within {} s", ms.div_ceil(1000)),
    };
    remedy.within_ms.map_or_else(String::new, within)
}

/// What there is to say beside the number, as a sentence; `range` are the ports that come into question.
pub(super) fn note(note: &Note, range: &RangeInclusive<u16>) -> String {
    match note {
        Note::EndIgnored { low, high } => {
            let (ends, they, are, lie) = match (low, high) {
                (true, true) => ("Both ends", "those", "are", "lie"),
                (true, false) => ("The low end", "that", "is", "lies"),
                _ => ("The high end", "that", "is", "lies"),
            };
            let count = if they == "those" { "count" } else { "counts" };
            format!(
                "{ends} of the client's port range {lie} outside of net.ipv4.ip_local_port_range and {are} ignored: \
                 {they} of the setting {count}, which leaves {}-{}.",
                range.start(),
                range.end()
            )
        }
        Note::Pinned(pinned) => {
            let (low, high) = (pinned.range.start(), pinned.range.end());
            format!(
                "The sockets of this flow seem to be pinned to {low}-{high} (IP_LOCAL_PORT_RANGE): {} left there, see \
                 --port-range {low}-{high}.",
                pinned.left
            )
        }
    }
}

/// How the client comes to its port.
pub(super) const fn mode(protocol: Protocol, mode: Mode, source_given: bool) -> &'static str {
    match (protocol, mode) {
        (Protocol::Udp, Mode::Connect) if source_given => {
            "bind() to this address with IP_BIND_ADDRESS_NO_PORT, then connect()"
        }
        (Protocol::Udp, Mode::Connect) => "connect() or sendto() without bind()",
        (_, Mode::Connect) => "connect() without bind()",
        (_, Mode::Bind) => "bind() to this address and port 0, then connect()",
        (_, Mode::BindAny) => "bind() to no address and port 0, then connect()",
    }
}
