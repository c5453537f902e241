//! Reasons in words.

use super::WhyView;
use crate::analysis::why::{Overlap, Reason, ReasonKind, Remedy};
use crate::model::{
    BindError, FieldId, IfIndex, NoOwner, Owners, Protocol, Redirect, RedirectGap, Socket, Subject,
    ToAddress, ToPort, TunnelDevice, UnixName,
};
use crate::render::escape::{escape, quote_into};
use crate::render::text::{TextOptions, cell};
use std::net::{IpAddr, SocketAddr};

/// Addresses and ports as numbers: nothing that a service list could rename.
const NUMERIC: TextOptions = TextOptions {
    numeric: true,
    resolve: false,
};

/// A field of a socket as the list shows it, escaped.
pub(super) fn field(view: &WhyView<'_>, socket: &Socket, field: FieldId) -> String {
    let mut out = Vec::new();
    cell(&mut out, field, view.row(socket), NUMERIC);
    String::from_utf8_lossy(&out).into_owned()
}

/// Bytes from outside, escaped, and quoted if they could be misread.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    quote_into(&mut out, bytes);
    String::from_utf8_lossy(&out).into_owned()
}

/// `127.0.0.1:80`, `[fe80::1%eth0]:80`, escaped.
pub(super) fn place(
    view: &WhyView<'_>,
    address: IpAddr,
    interface: Option<IfIndex>,
    port: u16,
) -> String {
    let Some(index) = interface else {
        return SocketAddr::new(address, port).to_string();
    };
    let name = view.names.interface(index);
    let name = name.map_or_else(|| format!("if{}", index.0), |name| escape(&name));
    format!("[{address}%{name}]:{port}")
}

/// What was asked about, for the first line.
pub(super) fn subject(view: &WhyView<'_>, protocol: Protocol) -> String {
    match &view.question.subject {
        Subject::Port {
            port, addresses, ..
        } if addresses.is_empty() => {
            format!("{protocol}/{}", port.0)
        }
        Subject::Port {
            port, addresses, ..
        } => {
            let places: Vec<_> = addresses
                .iter()
                .map(|&(address, interface)| place(view, address, interface, port.0))
                .collect();
            format!("{protocol} {}", places.join(", "))
        }
        Subject::Unix(UnixName::Abstract(name)) => format!("@{}", quoted(name)),
        Subject::Unix(UnixName::Path(path)) => quoted(path),
        Subject::Unix(UnixName::Unnamed) => String::new(),
    }
}

/// `ENOENT` and `ENOTDIR`, errno(3).
const NO_ENTRY: i32 = 2;
const NO_DIRECTORY: i32 = 20;

/// An error number's name; for one without, its number.
pub(super) fn error(error: BindError) -> String {
    match error {
        BindError::Other(NO_ENTRY) => "ENOENT".to_owned(),
        BindError::Other(NO_DIRECTORY) => "ENOTDIR".to_owned(),
        BindError::Other(number) => format!("error {number}"),
        known => known.word().to_owned(),
    }
}

/// That the kernel has a socket for devices.
pub(in crate::render) fn devices(devices: &[TunnelDevice]) -> String {
    let name = |d: &TunnelDevice| format!("{} device {}", d.kind, quoted(&d.name));
    let names: Vec<_> = devices.iter().map(name).collect();
    format!("the kernel, for {}", names.join(", "))
}

/// One reason as a sentence without a full stop.
pub(super) fn sentence(view: &WhyView<'_>, reason: &Reason) -> String {
    let first = view.sockets(&reason.sockets).next();
    let local = first.map_or_else(String::new, |s| field(view, s, FieldId::Local));
    let count = reason.sockets.len();
    let many = |one: &str, more: &str| {
        if count == 1 {
            format!("1 {one}")
        } else {
            format!("{count} {more}")
        }
    };
    let overlap = overlap(reason);
    let facts = view.evidence.facts;
    match reason.kind {
        ReasonKind::Listener if count > 1 => {
            format!("{count} listeners share {local} (SO_REUSEPORT){overlap}")
        }
        ReasonKind::Listener => format!("a listener on {local}{overlap}"),
        ReasonKind::ReusePortUser => {
            let uid = first.and_then(|s| s.uid);
            let user = uid.map_or_else(String::new, |uid| match view.names.user(uid) {
                Some(name) => escape(&name),
                None => uid.0.to_string(),
            });
            format!("{count} listeners of {user} share {local} by SO_REUSEPORT, which lets only that user's in{overlap}")
        }
        ReasonKind::ListenRace if view.has_listener_beside(first) => format!(
            "{} bound to {local} beside a listener: listen(2) fails there (EADDRINUSE) as long as the other listens, unless \
             all set SO_REUSEPORT{overlap}",
            many("socket is", "sockets are")
        ),
        ReasonKind::ListenRace => format!(
            "{}, and none listens yet: the first to call listen(2) has it, that of the others fails (EADDRINUSE) unless all \
             set SO_REUSEPORT{overlap}",
            if count == 1 {
                format!("a socket is bound to {local} beside another")
            } else {
                format!("{count} sockets are bound to {local}")
            }
        ),
        ReasonKind::Bound if count > 1 => {
            format!("{count} sockets are bound to {local} and do not listen{overlap}")
        }
        ReasonKind::Bound => format!(
            "a socket is bound to {local} and does not listen (not yet, or it was made to stop){overlap}"
        ),
        ReasonKind::Udp if count > 1 && reason.shared => {
            format!("{count} UDP sockets share {local}{overlap}")
        }
        ReasonKind::Udp if count > 1 => format!("{count} UDP sockets on {local}{overlap}"),
        ReasonKind::Udp => format!("a UDP socket on {local}{overlap}"),
        ReasonKind::Outgoing => format!(
            "{} from {local}: the port is a client's own{overlap}",
            many("outgoing connection", "outgoing connections")
        ),
        ReasonKind::Connection => format!(
            "{} on {local} without a listener{overlap}",
            many("connection", "connections")
        ),
        ReasonKind::Accepted => accepted(view, reason),
        ReasonKind::TimeWait => format!(
            "{} on {local}: closed, kept for late segments{overlap}",
            many("TIME-WAIT", "TIME-WAIT, the first")
        ),
        ReasonKind::FinWait2 => format!(
            "{} on {local}: closed here, and the peer has not closed{overlap}",
            many("FIN-WAIT-2 without a process", "FIN-WAIT-2 without a process, the first")
        ),
        ReasonKind::Orphan => format!(
            "{} on {local}: closed here, and still delivering{overlap}",
            many("connection without a process", "connections without a process, the first")
        ),
        ReasonKind::Privileged => format!(
            "ports below {} need CAP_NET_BIND_SERVICE (net.ipv4.ip_unprivileged_port_start)",
            facts.unprivileged_start.unwrap_or(1024)
        ),
        ReasonKind::NotLocal => "the address is not one of this host's".to_owned(),
        ReasonKind::Tentative => {
            "the IPv6 address is tentative: whether another host has it is being checked".to_owned()
        }
        ReasonKind::Duplicate => "the IPv6 address failed duplicate address detection: another host has it".to_owned(),
        ReasonKind::NoScope => "a link-local address needs its interface".to_owned(),
        ReasonKind::Ipv6Disabled => "IPv6 is disabled on the interface (disable_ipv6)".to_owned(),
        ReasonKind::NoIpv6 => "there are no IPv6 sockets on this host".to_owned(),
        ReasonKind::InvalidAddress => "no socket of this kind can be bound to such an address".to_owned(),
        ReasonKind::Refused => format!(
            "the kernel refused the bind that was tried ({}), and no socket, setting or right explains it",
            reason.error.map_or_else(String::new, error)
        ),
        ReasonKind::TakenMeanwhile => {
            "the bind that was tried found it taken, and no socket was seen: it was taken meanwhile".to_owned()
        }
        ReasonKind::GoneMeanwhile => "it was taken when the tables were read, and free when the bind was tried".to_owned(),
        ReasonKind::TableMissing => "not all sockets could be read; one of the others may have it".to_owned(),
        ReasonKind::BoundNotListed => {
            "sockets that are bound and do not listen are not listed here (the kernel does since 6.8, through netlink)".to_owned()
        }
        ReasonKind::Undecided => "this user's rights, or this host's addresses, cannot be read".to_owned(),
        ReasonKind::UnixSocket if count == 0 => "an open socket has it, in another network namespace".to_owned(),
        ReasonKind::UnixSocket => "an open socket has it".to_owned(),
        ReasonKind::StaleFile => "the file of a socket that is gone; nothing answers there".to_owned(),
        ReasonKind::SocketFile => "the file of a socket of which this user cannot tell whether it is open".to_owned(),
        ReasonKind::OtherFile if reason.remedies.contains(&Remedy::OtherPath) => {
            "there is a directory".to_owned()
        }
        ReasonKind::OtherFile => "there is a file that is no socket".to_owned(),
        ReasonKind::Directory if reason.error == Some(BindError::Other(NO_ENTRY)) => {
            "the directory does not exist".to_owned()
        }
        ReasonKind::Directory if reason.error == Some(BindError::Other(NO_DIRECTORY)) => {
            "a part of the path is no directory".to_owned()
        }
        ReasonKind::Directory => format!(
            "the directory takes no new file from this user ({})",
            reason.error.map_or_else(String::new, error)
        ),
        ReasonKind::Redirected | ReasonKind::RedirectedHere => {
            let rule = reason.redirect.as_ref();
            rule.map_or_else(String::new, |rule| redirect(reason.kind, rule))
        }
        ReasonKind::Ephemeral => "connections may be given this port at any time (net.ipv4.ip_local_port_range)".to_owned(),
        ReasonKind::Reserved => "the port is reserved: no connection is given it by itself (net.ipv4.ip_local_reserved_ports)".to_owned(),
    }
}

/// Connections through a listener: those that it has not accepted end with it, others may stay.
fn accepted(view: &WhyView<'_>, reason: &Reason) -> String {
    let is_queued = |socket: &&Socket| {
        let reason = match view.evidence.owners.of(socket) {
            Owners::None { reason, .. } => Some(reason),
            _ => None,
        };
        matches!(reason, Some(NoOwner::AcceptQueue | NoOwner::HalfOpen))
    };
    let all = reason.sockets.len();
    let queued = view.sockets(&reason.sockets).filter(is_queued).count();
    let connections = if all == 1 {
        "connection"
    } else {
        "connections"
    };
    match queued {
        0 => format!("{all} {connections} through a listener here, which may outlive it"),
        _ if queued == all => {
            format!("{all} {connections} in the accept queue of a listener here, to end with it")
        }
        _ => format!(
            "{all} {connections} through a listener here, {queued} in its accept queue still; the others may outlive it"
        ),
    }
}

/// Which connections a rule of the firewall sends where.
fn redirect(kind: ReasonKind, rule: &Redirect) -> String {
    let family = match rule.families {
        (true, false) => "IPv4 ",
        (false, true) => "IPv6 ",
        _ => "",
    };
    let whose = match rule.hooks {
        (true, false) => "connections from other hosts",
        (false, true) => "connections from this host",
        _ => "connections",
    };
    let some = if rule.is_conditional { "some " } else { "" };
    let who = format!("{some}{family}{whose}");
    let table = format!(
        "nftables: table {}, chain {}",
        quoted(&rule.table),
        quoted(&rule.chain)
    );
    if kind == ReasonKind::RedirectedHere {
        let from = match &rule.ports[..] {
            [one] if one.start() == one.end() => format!("port {}", one.start()),
            [range] if *range == (0..=u16::MAX) => "any port".to_owned(),
            [range] => format!("ports {}-{}", range.start(), range.end()),
            _ => "several ports".to_owned(),
        };
        let from = match rule.destination {
            Some(address) => format!("{from} of {address}"),
            None if rule.is_for_others => format!("{from} of other hosts"),
            None => from,
        };
        return format!("{who} to {from} are redirected here ({table})");
    }
    let to = match (rule.to_address, rule.to_port) {
        (ToAddress::To(address), ToPort::To(port)) => SocketAddr::new(address, port.0).to_string(),
        (ToAddress::To(address), ToPort::Same) => address.to_string(),
        (ToAddress::Same | ToAddress::Own, ToPort::To(port)) => format!("port {}", port.0),
        (ToAddress::Own, ToPort::Same) => "another address of this host".to_owned(),
        (ToAddress::Same, ToPort::Same) => "the same place".to_owned(),
        (ToAddress::Unread, _) | (_, ToPort::Unread) => {
            return format!(
                "{who} to this port are redirected to where a map or a range decides, which was not read, and what listens here may not get them ({table})"
            );
        }
    };
    format!(
        "{who} to this port are redirected to {to}, and what listens here does not get them ({table})"
    )
}

/// Why there may be redirections that nobody told of; nothing where it is likely that there are none.
pub(super) fn redirect_gap(gap: RedirectGap) -> Option<&'static str> {
    match gap {
        RedirectGap::Forbidden { is_tracked: false } => None,
        RedirectGap::Forbidden { is_tracked: true } => {
            Some("redirects by nftables were not looked at: needs CAP_NET_ADMIN")
        }
        RedirectGap::Unread => Some("redirects by nftables could not be read"),
        RedirectGap::NotFollowed => {
            Some("there may be more redirects by nftables: not every rule could be followed")
        }
        RedirectGap::Older => Some("redirects by the older iptables were not looked at"),
    }
}

fn overlap(reason: &Reason) -> &'static str {
    if reason.sockets.is_empty() {
        return "";
    }
    match reason.overlap {
        None | Some(Overlap::Same) => "",
        Some(Overlap::HolderAny) => ", which is every address",
        Some(Overlap::AskedAny) => ", in the way of a bind to every address",
        Some(Overlap::DualStack) => ", and with it IPv4 (dual-stack: IPV6_V6ONLY is off)",
        Some(Overlap::AskedDualStack) => ", which [::] takes too unless IPV6_V6ONLY is set",
        Some(Overlap::Mapped) => ", an IPv4 address written as IPv6",
        Some(Overlap::StandIn) => {
            ", an IPv6 socket that is not v6-only and so counts against 0.0.0.0"
        }
        Some(Overlap::OtherAddress) => "; another address, not in the way",
        Some(Overlap::V6only) => "; IPv6 only, not in the way",
        Some(Overlap::OtherDevice) => "; on another interface, not in the way",
    }
}
