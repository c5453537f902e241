//! Whether what somebody waits for at a port or a unix name has come.

use crate::model::{
    Ends, IfIndex, Inode, Protocol, Question, Socket, SocketKind, State, Subject, UnixName,
};
use std::net::IpAddr;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A socket listens there, or (UDP, unix datagrams) is bound and has no peer.
    Listen,
    /// A connection has that end.
    Established,
}

/// Whether `socket` is what is waited for. `files` are the sockets bound to the file at the path in question.
#[must_use]
pub fn has_come(question: &Question, awaited: Awaited, socket: &Socket, files: &[Inode]) -> bool {
    is_there(question, socket, files) && is_in_state(awaited, socket)
}

/// Whether the socket is in the state that is waited for, wherever it is.
#[must_use]
pub fn is_in_state(awaited: Awaited, socket: &Socket) -> bool {
    match (awaited, socket.protocol) {
        (Awaited::Listen, Protocol::Tcp) => socket.state == State::Listen,
        (Awaited::Listen, Protocol::Udp) => {
            socket.state == State::Close && socket.inet().is_some_and(|ends| !ends.has_peer())
        }
        (Awaited::Listen, Protocol::Unix) => match socket.unix().map(|unix| unix.kind) {
            Some(SocketKind::Dgram) => socket.state == State::Close,
            _ => socket.state == State::Listen,
        },
        (Awaited::Listen, _) => false,
        (Awaited::Established, _) => socket.state == State::Established,
    }
}

fn is_there(question: &Question, socket: &Socket, files: &[Inode]) -> bool {
    match (&question.subject, &socket.ends) {
        (
            Subject::Port {
                protocols,
                port,
                addresses,
            },
            Ends::Inet(ends),
        ) => {
            protocols.contains(&socket.protocol)
                && ends.local_port == *port
                && (addresses.is_empty()
                    || addresses
                        .iter()
                        .any(|&(address, interface)| serves(socket, address, interface)))
        }
        // A path may lead to another file by now than the one a socket of that name was bound to.
        (Subject::Unix(UnixName::Path(_)), Ends::Unix(_)) => {
            socket.inode.is_some_and(|inode| files.contains(&inode))
        }
        (Subject::Unix(name), Ends::Unix(ends)) => ends.name == *name,
        _ => false,
    }
}

/// Whether a packet to `address` (any address: to every one) gets to `socket`, by its addresses and interface alone.
#[must_use]
pub fn serves(socket: &Socket, address: IpAddr, interface: Option<IfIndex>) -> bool {
    let Some(ends) = socket.inet() else {
        return false;
    };
    if let (Some(asked), Some(bound)) = (interface, ends.interface)
        && asked != bound
    {
        return false;
    }
    let (asked, local) = (address.to_canonical(), ends.local.to_canonical());
    if asked == local {
        return true;
    }
    // `::` is no address of IPv4, and all of them where the socket is not IPv6 only.
    local.is_unspecified()
        && match (local, asked) {
            (IpAddr::V4(_), IpAddr::V4(_)) => true,
            (IpAddr::V6(_), IpAddr::V4(_)) => socket.may_be_dual_stack_wildcard(),
            (IpAddr::V6(_), IpAddr::V6(_)) => true,
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
}

/// The question with TCP alone where nothing was said of the protocol.
#[must_use]
pub fn tcp_unless_said(mut question: Question) -> Question {
    if let Subject::Port { protocols, .. } = &mut question.subject
        && protocols.contains(&Protocol::Tcp)
        && protocols.len() > 1
    {
        protocols.retain(|&p| p == Protocol::Tcp);
    }
    question
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, InetEnds, Port, Queues, UnixEnds, UnixPeer};

    fn socket(protocol: Protocol, state: State, local: &str, v6only: Option<bool>) -> Socket {
        let local: IpAddr = local.parse().unwrap();
        Socket {
            protocol,
            family: if local.is_ipv4() {
                Family::Inet
            } else {
                Family::Inet6
            },
            state,
            v6only,
            shutdown: None,
            ends: Ends::Inet(InetEnds {
                local,
                peer: "::".parse().unwrap(),
                local_port: Port(80),
                peer_port: Port(0),
                interface: None,
            }),
            queues: Queues::Unknown,
            timer: None,
            uid: None,
            inode: Inode::new(9),
            cookie: None,
            mark: None,
            cgroup: None,
            details: None,
        }
    }

    fn question(protocols: &[Protocol], addresses: &[&str]) -> Question {
        Question {
            asked: String::new(),
            subject: Subject::Port {
                protocols: protocols.to_vec(),
                port: Port(80),
                addresses: addresses
                    .iter()
                    .map(|a| (a.parse().unwrap(), None))
                    .collect(),
            },
        }
    }

    #[test]
    fn an_address_is_served_by_itself_and_by_any() {
        for (local, v6only, asked, served) in [
            ("127.0.0.1", None, "127.0.0.1", true),
            ("127.0.0.1", None, "127.0.0.2", false),
            ("127.0.0.1", None, "0.0.0.0", false),
            ("127.0.0.1", None, "::ffff:127.0.0.1", true),
            ("0.0.0.0", None, "10.0.0.1", true),
            ("0.0.0.0", None, "::1", false),
            ("0.0.0.0", None, "::", false),
            ("::", Some(false), "10.0.0.1", true),
            ("::", Some(false), "0.0.0.0", true),
            ("::", Some(true), "10.0.0.1", false),
            ("::", Some(true), "::1", true),
            ("::1", None, "::1", true),
            ("::1", None, "::", false),
            ("::ffff:127.0.0.1", Some(false), "127.0.0.1", true),
        ] {
            let listener = socket(Protocol::Tcp, State::Listen, local, v6only);
            let found = serves(&listener, asked.parse().unwrap(), None);
            assert_eq!(found, served, "{local} {asked}");
            let question = question(&[Protocol::Tcp], &[asked]);
            assert_eq!(has_come(&question, Awaited::Listen, &listener, &[]), served);
        }
    }

    #[test]
    fn states_count_by_protocol() {
        let both = question(&[Protocol::Tcp, Protocol::Udp], &[]);
        let come = |question: &Question, awaited, protocol, state| {
            let socket = socket(protocol, state, "0.0.0.0", None);
            has_come(question, awaited, &socket, &[])
        };
        let listens = |protocol, state| come(&both, Awaited::Listen, protocol, state);
        assert!(listens(Protocol::Tcp, State::Listen));
        assert!(!listens(Protocol::Tcp, State::BoundInactive));
        assert!(!listens(Protocol::Tcp, State::Close));
        assert!(listens(Protocol::Udp, State::Close));
        assert!(!listens(Protocol::Udp, State::Established));
        let connected = |state| come(&both, Awaited::Established, Protocol::Tcp, state);
        assert!(connected(State::Established));
        assert!(!connected(State::SynRecv) && !connected(State::Listen));
        let plain = tcp_unless_said(both.clone());
        assert!(!come(&plain, Awaited::Listen, Protocol::Udp, State::Close));
        let udp = tcp_unless_said(question(&[Protocol::Udp], &[]));
        assert!(come(&udp, Awaited::Listen, Protocol::Udp, State::Close));
    }

    #[test]
    fn unix_names_and_files() {
        let name = |bytes: &[u8]| UnixName::Abstract(bytes.into());
        let socket = |kind, state, name| Socket {
            family: Family::Unix,
            ends: Ends::Unix(UnixEnds {
                kind,
                name,
                peer: UnixPeer::None,
            }),
            ..socket(Protocol::Unix, state, "0.0.0.0", None)
        };
        let ask = |name| Question {
            asked: String::new(),
            subject: Subject::Unix(name),
        };
        let listens = |question: &Question, socket: &Socket, files: &[u64]| {
            let files: Vec<_> = files.iter().filter_map(|&n| Inode::new(n)).collect();
            has_come(question, Awaited::Listen, socket, &files)
        };
        let stream = socket(SocketKind::Stream, State::Listen, name(b"x"));
        assert!(listens(&ask(name(b"x")), &stream, &[]));
        assert!(!listens(&ask(name(b"y")), &stream, &[]));
        let path = UnixName::Path(b"/x"[..].into());
        let bound = socket(SocketKind::Dgram, State::Close, path.clone());
        assert!(listens(&ask(path.clone()), &bound, &[9]));
        assert!(!listens(&ask(path), &bound, &[8]));
        let idle = socket(SocketKind::Stream, State::Close, name(b"x"));
        assert!(!listens(&ask(name(b"x")), &idle, &[]));
    }
}
