//! What kind of value each field has, and with it the operators, units and classes that make sense.

use super::ast::Op;
use crate::model::{self, ExtraMetric, FieldId, Protocol, Side, SocketKind};
use std::borrow::Cow;

/// What a field is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// States and groups of states.
    State,
    /// Ports and services.
    Port(Side),
    /// Addresses, networks, hosts and unix names, with or without a port.
    Host(Side),
    /// The name of a unix socket, or of its peer.
    Path(Side),
    /// A number that counts or measures or names something.
    Number(Unit),
    /// One of some words, each with what it stands for.
    Words(&'static [(&'static str, &'static str)]),
    /// One or several of some words.
    Listed(&'static [&'static str]),
    /// Text from outside, with `*` and the like.
    Text,
    /// tcp, udp, unix and the others.
    Protocol,
    /// inet, inet6, unix and the others.
    Family,
    /// Yes or no.
    Flag,
    /// A network interface.
    Interface,
    /// A firewall mark with or without a mask.
    Mark,
    /// The path or the number of a control group.
    Cgroup,
    /// A login name or a number.
    User,
    /// The name of a process that holds the socket, or its peer.
    Process,
    /// The name or the id of a thread that can use the socket.
    Thread,
}

/// What numbers may be measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nothing.
    None,
    /// Bytes; `k` is 1024 of them.
    Bytes,
    /// Time; the field's own unit if nothing is said. Compared in microseconds.
    Time(TimeUnit),
    /// Bytes a second, if nothing is said; or bits.
    Rate,
    /// A multiple. Compared in 256ths.
    Factor,
    /// Nothing; an identity or a mask that is shown in hexadecimal.
    Hex,
}

/// What a field counts time in, as its JSON and CSV show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Microseconds.
    Micro,
    /// Milliseconds.
    Milli,
}

impl TimeUnit {
    /// Its sign.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Micro => "µs",
            Self::Milli => "ms",
        }
    }

    /// How many microseconds it is.
    pub(super) const fn micros(self) -> u64 {
        match self {
            Self::Micro => 1,
            Self::Milli => 1000,
        }
    }
}

const TYPES: &[(&str, &str)] = &[
    ("stream", "stream"),
    ("dgram", "dgram"),
    ("seqpacket", "seqpacket"),
    ("raw", "raw"),
    ("rdm", "rdm"),
];

/// Those of `ss` beside ours.
const TIMERS: &[(&str, &str)] = &[
    ("retransmit", "retransmit"),
    ("keepalive", "keepalive"),
    ("time-wait", "time-wait"),
    ("persist", "persist"),
    ("delayed-ack", "delayed-ack"),
    ("on", "retransmit"),
    ("timewait", "time-wait"),
];

const EXPOSURES: &[(&str, &str)] = &[
    ("loopback", "loopback"),
    ("device", "device"),
    ("private", "private"),
    ("multicast", "multicast"),
    ("global", "global"),
    ("any", "any"),
];

const SHUTDOWNS: &[(&str, &str)] = &[
    ("none", "none"),
    ("recv", "recv"),
    ("send", "send"),
    ("both", "both"),
];

/// Names of protocols, and those of the column of `ss` that hold a type too.
pub(super) const PROTOCOLS: &[(&str, Protocol, Option<SocketKind>)] = &[
    ("tcp", Protocol::Tcp, None),
    ("udp", Protocol::Udp, None),
    ("raw", Protocol::Raw, None),
    ("unix", Protocol::Unix, None),
    ("u_str", Protocol::Unix, Some(SocketKind::Stream)),
    ("u_dgr", Protocol::Unix, Some(SocketKind::Dgram)),
    ("u_seq", Protocol::Unix, Some(SocketKind::Seqpacket)),
    ("udplite", Protocol::UdpLite, None),
    ("mptcp", Protocol::Mptcp, None),
    ("sctp", Protocol::Sctp, None),
    ("dccp", Protocol::Dccp, None),
    ("packet", Protocol::Packet, None),
    ("p_raw", Protocol::Packet, Some(SocketKind::Raw)),
    ("p_dgr", Protocol::Packet, Some(SocketKind::Dgram)),
    ("netlink", Protocol::Netlink, None),
    ("nl", Protocol::Netlink, None),
    ("vsock", Protocol::Vsock, None),
    ("v_str", Protocol::Vsock, Some(SocketKind::Stream)),
    ("v_dgr", Protocol::Vsock, Some(SocketKind::Dgram)),
    ("v_seq", Protocol::Vsock, Some(SocketKind::Seqpacket)),
    ("xdp", Protocol::Xdp, None),
    ("tipc", Protocol::Tipc, None),
];

impl Kind {
    /// The kind of a field. A new field of the registry must be given one here.
    pub(super) const fn of(field: FieldId) -> Self {
        match field {
            FieldId::Protocol => Self::Protocol,
            FieldId::Family => Self::Family,
            FieldId::Type => Self::Words(TYPES),
            FieldId::State => Self::State,
            FieldId::RecvQueue | FieldId::SendQueue => Self::Number(Unit::Bytes),
            FieldId::TimerExpires => Self::Number(Unit::Time(TimeUnit::Milli)),
            FieldId::AcceptQueue
            | FieldId::AcceptLimit
            | FieldId::PeerInode
            | FieldId::Retransmits
            | FieldId::Uid
            | FieldId::Inode
            | FieldId::Pid
            | FieldId::Fd
            | FieldId::CgroupId => Self::Number(Unit::None),
            FieldId::Cookie => Self::Number(Unit::Hex),
            FieldId::Local | FieldId::Src => Self::Host(Side::Local),
            FieldId::Peer | FieldId::Dst => Self::Host(Side::Peer),
            FieldId::Sport => Self::Port(Side::Local),
            FieldId::Dport => Self::Port(Side::Peer),
            FieldId::Interface => Self::Interface,
            FieldId::Path => Self::Path(Side::Local),
            FieldId::PeerPath => Self::Path(Side::Peer),
            FieldId::Timer => Self::Words(TIMERS),
            FieldId::User => Self::User,
            FieldId::Mark => Self::Mark,
            FieldId::Cgroup => Self::Cgroup,
            FieldId::V6only => Self::Flag,
            FieldId::Shutdown => Self::Words(SHUTDOWNS),
            FieldId::Exposure => Self::Words(EXPOSURES),
            FieldId::Process | FieldId::PeerProcess => Self::Process,
            FieldId::Threads => Self::Thread,
            FieldId::Command | FieldId::Context | FieldId::SocketContext => Self::Text,
            FieldId::Tcp(metric) => Self::of_unit(metric.unit(), metric.words()),
            FieldId::Memory(metric) => Self::of_unit(metric.unit(), &[]),
            FieldId::Extra(metric) => Self::of_unit(metric.unit(), metric.words()),
            FieldId::Mptcp(metric) => Self::of_unit(metric.unit(), metric.words()),
            FieldId::Sctp(metric) => Self::of_unit(metric.unit(), metric.words()),
            FieldId::Own(metric) => Self::of_unit(metric.unit(), metric.words()),
        }
    }

    /// The kind of what is counted in `unit`, or has these words.
    const fn of_unit(unit: model::Unit, words: &'static [&'static str]) -> Self {
        match unit {
            _ if !words.is_empty() => Self::Listed(words),
            model::Unit::Text | model::Unit::Word | model::Unit::Words => Self::Text,
            model::Unit::Flag => Self::Flag,
            model::Unit::Bytes => Self::Number(Unit::Bytes),
            model::Unit::Microseconds => Self::Number(Unit::Time(TimeUnit::Micro)),
            model::Unit::Milliseconds => Self::Number(Unit::Time(TimeUnit::Milli)),
            model::Unit::Hex => Self::Number(Unit::Hex),
            model::Unit::Rate => Self::Number(Unit::Rate),
            model::Unit::Factor => Self::Number(Unit::Factor),
            model::Unit::Number
            | model::Unit::Segments
            | model::Unit::Packets
            | model::Unit::Messages
            | model::Unit::Connections => Self::Number(Unit::None),
        }
    }

    /// Whether `= a,b` is a list. Names from outside may hold commas: with those, a list needs `in` or braces.
    pub(super) const fn splits_at_commas(self) -> bool {
        matches!(
            self,
            Self::State
                | Self::Port(_)
                | Self::Number(_)
                | Self::Thread
                | Self::Words(_)
                | Self::Listed(_)
                | Self::Protocol
                | Self::Family
                | Self::Mark
        )
    }

    /// The operators that it can be compared with, as they are told in errors.
    pub(super) const fn operators(self) -> &'static [Op] {
        match self {
            Self::Port(_) | Self::Number(_) => {
                &[Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge, Op::In]
            }
            _ => &[Op::Eq, Op::Ne, Op::In],
        }
    }

    /// Whether `op` makes sense.
    pub(super) const fn allows(self, op: Op) -> bool {
        !op.is_order() || matches!(self, Self::Port(_) | Self::Number(_))
    }
}

/// A condition on the field, for a hint.
pub(super) fn example(field: FieldId) -> Cow<'static, str> {
    Cow::Borrowed(match field {
        FieldId::Protocol => "protocol = tcp",
        FieldId::Family => "family = inet6",
        FieldId::Type => "type = stream",
        FieldId::State => "state established",
        FieldId::RecvQueue => "recv_queue > 0",
        FieldId::SendQueue => "send_queue >= 64k",
        FieldId::AcceptQueue => "accept_queue > 0",
        FieldId::AcceptLimit => "accept_limit < 128",
        FieldId::Local | FieldId::Src => "src 10.0.0.0/8",
        FieldId::Peer | FieldId::Dst => "dst 10.0.0.0/8",
        FieldId::Sport => "sport = 22",
        FieldId::Dport => "dport = 443",
        FieldId::Interface => "dev eth0",
        FieldId::Path => "path = /run/*",
        FieldId::PeerPath => "peer_path = /run/*",
        FieldId::PeerInode => "peer_inode = 4711",
        FieldId::Timer => "timer = keepalive",
        FieldId::TimerExpires => "timer_expires < 10s",
        FieldId::Retransmits => "retransmits > 2",
        FieldId::Uid => "uid = 1000",
        FieldId::User => "user = www-data",
        FieldId::Inode => "inode = 4711",
        FieldId::Cookie => "cookie = 0x1f",
        FieldId::Mark => "mark = 0x10/0xf0",
        FieldId::Cgroup => "cgroup = /system.slice/*",
        FieldId::V6only => "v6only = yes",
        FieldId::Shutdown => "shutdown = both",
        FieldId::Exposure => "exposure = any",
        FieldId::Process => "process = nginx",
        FieldId::PeerProcess => "peer_process = dbus-*",
        FieldId::Pid => "pid = 812",
        FieldId::Fd => "fd = 3",
        FieldId::Threads => "threads = worker*",
        FieldId::Command => "command = *gunicorn*",
        FieldId::Context => "context = *:httpd_t:*",
        FieldId::SocketContext => "socket_context = *:httpd_t:*",
        FieldId::CgroupId => "cgroup_id = 77",
        FieldId::Extra(ExtraMetric::Congestion) => "congestion = bbr",
        FieldId::Extra(ExtraMetric::Ulp) => "ulp = tls",
        FieldId::Tcp(_)
        | FieldId::Memory(_)
        | FieldId::Extra(_)
        | FieldId::Mptcp(_)
        | FieldId::Sctp(_)
        | FieldId::Own(_) => {
            return Cow::Owned(example_of_detail(field));
        }
    })
}

fn example_of_detail(field: FieldId) -> String {
    let name = field.field().name;
    let condition = match Kind::of(field) {
        Kind::Number(Unit::Bytes) => "> 64k",
        Kind::Number(Unit::Time(_)) => "> 100ms",
        Kind::Number(Unit::Rate) => "< 10Mbit",
        Kind::Number(Unit::Factor) => "> 1.5",
        Kind::Number(Unit::None) => "> 10",
        Kind::Number(Unit::Hex) => "= 0x1f",
        Kind::Listed([word, ..]) => return format!("{name} = {word}"),
        Kind::Flag => "= yes",
        _ => "= *",
    };
    format!("{name} {condition}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Exposure;

    #[test]
    fn the_words_of_exposure_are_those_of_the_model() {
        let words = Exposure::WORDS.map(|(_, word)| (word, word));
        assert_eq!(EXPOSURES, words);
    }
}
