//! Makes sockets, and says what a row about each must hold.
//!
//! Everything an [`Expected`] says comes from the maker's side of the socket (getsockname(2),
//! `SO_COOKIE`, fstat(2), what the test did with it), nothing from the tables that portctl reads.

pub(crate) mod bpf;
pub(crate) mod dump;
mod holder;
mod own_table;
pub(crate) mod tcp;
pub(crate) mod udp;
pub(crate) mod unix;

pub(crate) use holder::{Holder, inherit};
pub(crate) use own_table::OwnTable;

use crate::portctl::{
    AcceptQueue, Document, End, Exposure, InetEnd, Owners, Process, Socket, Timer,
};
use rustix::net::{AddressFamily, SocketAddrAny, SocketType, sockopt};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// What a row must say, and how exactly.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// The row, with its numbers where they are exact.
    pub(crate) socket: Socket,
    expires: RangeInclusive<u64>,
    recv_at_least: Option<u64>,
}

/// The row about an open socket of this process.
///
/// A connected socket is taken to be established, a bound one to be inactive or unconnected;
/// both directions open, queues empty, no timer, a unix socket without name and peer: whoever made
/// it otherwise says so.
pub(crate) fn describe(fd: &impl AsFd) -> Expected {
    let fd = fd.as_fd();
    let domain = sockopt::socket_domain(fd).unwrap();
    let peer = rustix::net::getpeername(fd).ok().flatten();
    let kind = sockopt::socket_type(fd).unwrap();
    let listening = sockopt::socket_acceptconn(fd).unwrap();
    let is_unix = domain == AddressFamily::UNIX;
    let protocol = match kind {
        _ if is_unix => "unix",
        SocketType::STREAM => "tcp",
        SocketType::DGRAM => "udp",
        SocketType::RAW => "raw",
        _ => panic!("{kind:?}"),
    };
    let state = match protocol {
        _ if listening => "listen",
        _ if peer.is_some() => "established",
        "tcp" => "bound-inactive",
        _ => "unconnected",
    };
    let family = match domain {
        AddressFamily::INET => "inet",
        AddressFamily::INET6 => "inet6",
        AddressFamily::UNIX => "unix",
        _ => panic!("{domain:?}"),
    };
    // The kernel tells it of IPv6 sockets without a peer only.
    let v6only = (domain == AddressFamily::INET6 && peer.is_none())
        .then(|| sockopt::ipv6_v6only(fd).unwrap());
    let uid = rustix::process::geteuid().as_raw();
    let queue = (!listening).then_some(0);
    Expected {
        socket: Socket {
            schema: None,
            protocol: protocol.into(),
            family: family.into(),
            kind: is_unix.then(|| unix::kind_word(kind).to_owned()),
            state: state.into(),
            local: if is_unix {
                End::Unix(unix::unnamed(Some(inode(&fd))))
            } else {
                let local = rustix::net::getsockname(fd).unwrap();
                inet(&local, protocol, fd, true)
            },
            peer: peer
                .filter(|_| !is_unix)
                .map(|p| inet(&p, protocol, fd, false)),
            recv_queue: queue,
            send_queue: queue,
            accept_queue: listening.then_some(AcceptQueue {
                length: 0,
                limit: None,
            }),
            uid: Some(uid),
            user: user_name(uid),
            inode: Some(inode(&fd)),
            cookie: Some(cookie(&fd)),
            owners: known(vec![this_process(&[fd.as_raw_fd()])]),
            timer: None,
            // The tests are root of their namespace, and to root the kernel tells marks.
            mark: (!is_unix).then_some(0),
            cgroup: None,
            v6only,
            shutdown: Some("none".into()),
            // Follows from all of the above.
            exposure: None,
            tcp: None,
            memory: None,
            ip: None,
            mptcp: None,
            unix: None,
            packet: None,
            netlink: None,
            bpf_storage: None,
        },
        expires: 0..=0,
        recv_at_least: None,
    }
}

fn inet(address: &SocketAddrAny, protocol: &str, fd: BorrowedFd<'_>, local: bool) -> End {
    let mut end = inet_end(SocketAddr::try_from(address.clone()).unwrap());
    if protocol == "raw" {
        // The number of the IP protocol stands where others have a port.
        let number = sockopt::socket_protocol(fd).unwrap().filter(|_| local);
        end.port = number.map_or(0, |n| n.as_raw().get().try_into().unwrap());
        end.service = udp::protocol_name(end.port);
    }
    End::Inet(end)
}

/// An address as JSON has it. Ports here come from the ephemeral range, of which few have a name.
pub(crate) fn inet_end(address: SocketAddr) -> InetEnd {
    let ipv4 = match address.ip() {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => v6.to_ipv4_mapped(),
    };
    InetEnd {
        ipv4,
        address: address.ip().to_string(),
        port: address.port(),
        service: None,
        interface: None,
    }
}

/// The inode number of a descriptor's file.
pub(crate) fn inode(fd: &impl AsFd) -> u64 {
    rustix::fs::fstat(fd.as_fd()).unwrap().st_ino
}

/// `SO_COOKIE`, as JSON has it.
pub(crate) fn cookie(fd: &impl AsFd) -> String {
    format!("{:#x}", sockopt::socket_cookie(fd.as_fd()).unwrap())
}

/// The local address.
pub(crate) fn address(fd: &impl AsFd) -> SocketAddr {
    let any = rustix::net::getsockname(fd.as_fd()).unwrap();
    SocketAddr::try_from(any).unwrap()
}

/// The local port.
pub(crate) fn port(fd: &impl AsFd) -> u16 {
    address(fd).port()
}

/// The login name of a user.
pub(crate) fn user_name(uid: u32) -> Option<String> {
    let user = nix::unistd::User::from_uid(uid.into()).unwrap();
    user.map(|u| u.name)
}

/// This process as a holder of these descriptors.
pub(crate) fn this_process(fds: &[i32]) -> Process {
    process(std::process::id(), fds)
}

/// A process of this user as a holder of these descriptors.
pub(crate) fn process(pid: u32, fds: &[i32]) -> Process {
    let uid = rustix::process::geteuid().as_raw();
    let comm = std::fs::read(format!("/proc/{pid}/comm")).unwrap();
    let (name, name_hex) = unix::text_and_hex(comm.strip_suffix(b"\n").unwrap());
    Process {
        pid,
        thread: None,
        name,
        name_hex,
        fds: fds.iter().map(|&fd| fd.try_into().unwrap()).collect(),
        io_uring: Vec::new(),
        uid: Some(uid),
        user: user_name(uid),
        command: Some(command(pid)),
        threads: None,
        context: None,
    }
}

/// The arguments of a process, of any of its threads that still tells them.
fn command(pid: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let texts = threads.map(|t| std::fs::read(t.unwrap().path().join("cmdline")).unwrap());
    let text = texts.max_by_key(Vec::len).unwrap();
    let words = text.split(|&b| b == 0);
    let mut words: Vec<_> = words.map(|w| unix::text_and_hex(w).0.unwrap()).collect();
    assert_eq!(words.pop().as_deref(), Some(""), "each ends with a NUL");
    words
}

/// `"owners"` of a socket with holders; portctl lists them by pid.
pub(crate) fn known(mut processes: Vec<Process>) -> Owners {
    processes.sort_by_key(|p| p.pid);
    Owners {
        status: "known".into(),
        reason: None,
        processes,
        via: Vec::new(),
    }
}

impl Expected {
    /// In another state than an open socket has by itself.
    pub(crate) fn state(mut self, state: &str) -> Self {
        self.socket.state = state.into();
        self
    }

    /// With so many bytes to read.
    pub(crate) fn recv(mut self, bytes: u64) -> Self {
        self.socket.recv_queue = Some(bytes);
        self
    }

    /// With at least so many bytes to read: UDP counts the memory around them too.
    pub(crate) fn recv_at_least(mut self, bytes: u64) -> Self {
        self.recv_at_least = Some(bytes);
        self
    }

    /// With so many bytes not sent or not acknowledged.
    pub(crate) fn send(mut self, bytes: u64) -> Self {
        self.socket.send_queue = Some(bytes);
        self
    }

    /// With so many connections waiting, and room for `limit`.
    pub(crate) fn accept_queue(mut self, length: u64, limit: u64) -> Self {
        self.socket.accept_queue = Some(AcceptQueue {
            length,
            limit: Some(limit),
        });
        self
    }

    /// With a running timer that expires within this range of milliseconds.
    pub(crate) fn timer(mut self, kind: &str, expires: RangeInclusive<u64>) -> Self {
        self.socket.timer = Some(Timer {
            kind: kind.into(),
            expires_ms: 0,
            retransmits: 0,
        });
        self.expires = expires;
        self
    }

    /// With a timer that may have gone off by now: how often and when next depends on the machine.
    pub(crate) fn backing_off(self, kind: &str) -> Self {
        self.timer(kind, 0..=120_000)
    }

    /// With a firewall mark.
    pub(crate) fn mark(mut self, mark: u32) -> Self {
        self.socket.mark = Some(mark);
        self
    }

    /// With these directions closed.
    pub(crate) fn shutdown(mut self, word: &str) -> Self {
        self.socket.shutdown = Some(word.into());
        self
    }

    /// Bound to an interface.
    pub(crate) fn interface(mut self, name: &str) -> Self {
        if let End::Inet(local) = &mut self.socket.local {
            local.interface = Some(name.into());
        }
        self
    }

    /// Connected to this address.
    pub(crate) fn peer(mut self, address: SocketAddr) -> Self {
        self.socket.peer = Some(End::Inet(inet_end(address)));
        self
    }

    /// Held by these processes.
    pub(crate) fn owners(mut self, processes: Vec<Process>) -> Self {
        self.socket.owners = known(processes);
        self
    }

    /// Held by nobody, for this reason: no file, and so no user either.
    pub(crate) fn without_file(mut self, reason: &str) -> Self {
        self.socket.owners = Owners {
            status: "none".into(),
            reason: Some(reason.into()),
            processes: Vec::new(),
            via: Vec::new(),
        };
        self.socket.inode = None;
        self.socket.uid = None;
        self.socket.user = None;
        self
    }

    /// A small kernel object (TIME_WAIT, half-open) of which the kernel tells less.
    pub(crate) fn mini(mut self, reason: &str) -> Self {
        self.socket.shutdown = None;
        self.without_file(reason)
    }

    /// As /proc/net tells it: without what the text files lack.
    pub(crate) fn through_proc(mut self) -> Self {
        let socket = &mut self.socket;
        socket.cookie = None;
        socket.mark = None;
        socket.v6only = None;
        socket.shutdown = None;
        if let End::Inet(local) = &mut socket.local {
            local.interface = None;
        }
        if let Some(queue) = &mut socket.accept_queue {
            queue.limit = None;
        }
        self
    }
}

/// From where a socket at any or at a loopback address can be reached.
fn exposure(socket: &Socket) -> Option<Exposure> {
    let End::Inet(local) = &socket.local else {
        return None;
    };
    let waits = match &socket.protocol[..] {
        "udp" => socket.peer.is_none() && local.port != 0,
        _ => socket.state == "listen",
    };
    let reach = match (&local.address[..], &local.interface) {
        ("0.0.0.0" | "::", Some(name)) if name == "lo" => Some("loopback"),
        ("0.0.0.0" | "::", Some(_)) => Some("device"),
        ("0.0.0.0" | "::", None) => socket.cookie.as_ref().map(|_| "any"),
        (address, _) if address.starts_with("192.0.2.") => Some("global"),
        _ => Some("loopback"),
    };
    let settings = |name: &str| {
        // Some tests take /proc away.
        let text = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok()?;
        let numbers = text.split_whitespace().map(|n| n.parse::<u16>().unwrap());
        Some(numbers.collect::<Vec<_>>())
    };
    waits.then(|| Exposure {
        reach: reach.map(str::to_owned),
        port_range: match local.port {
            ..1024 => "well-known",
            49152.. => "dynamic",
            _ => "registered",
        }
        .to_owned(),
        ephemeral: settings("ip_local_port_range")
            .map(|range| (range[0]..=range[1]).contains(&local.port)),
        privileged: settings("ip_unprivileged_port_start").map(|first| local.port < first[0]),
    })
}

/// The fields in which a row is not what was wanted.
pub(crate) fn differences(row: &Socket, wanted: &Socket) -> String {
    let (row, wanted) = (format!("{row:#?}"), format!("{wanted:#?}"));
    let (found, expected): (Vec<_>, Vec<_>) = (row.lines().collect(), wanted.lines().collect());
    if found.len() != expected.len() {
        return format!("the row is\n{row}\nand should be\n{wanted}");
    }
    let mut text = format!("of the row\n{row}\n");
    for (found, expected) in found.iter().zip(&expected).filter(|(f, e)| f != e) {
        text += &format!("{} should be {}\n", found.trim(), expected.trim());
    }
    text
}

impl Document {
    /// Fails unless exactly one row is about this socket and says all of this.
    pub(crate) fn must_have(&self, expected: &Expected) {
        let mut wanted = expected.socket.clone();
        wanted.exposure = exposure(&wanted);
        let row = match (&wanted.cookie, wanted.inode) {
            (Some(cookie), _) => self.by_cookie(cookie),
            (None, Some(inode)) => Some(self.by_inode(inode)),
            (None, None) => self
                .sockets
                .iter()
                .find(|s| s.local == wanted.local && s.peer == wanted.peer),
        };
        let row = row.unwrap_or_else(|| panic!("{wanted:#?}\nis not in {:#?}", self.sockets));
        let mut row = row.clone();
        if let (Some(found), Some(wanted)) = (&row.timer, &mut wanted.timer) {
            let (range, ms) = (&expected.expires, found.expires_ms);
            assert!(range.contains(&ms), "expires in {ms} of {range:?}: {row:?}");
            wanted.expires_ms = ms;
            if *range.end() == 120_000 {
                wanted.retransmits = found.retransmits;
            }
        }
        if let (Some(least), Some(found)) = (expected.recv_at_least, row.recv_queue) {
            assert!(found >= least, "{found} of {least} bytes: {row:?}");
            wanted.recv_queue = Some(found);
        }
        // The kernel's number of the test's own control group cannot be told where cgroup2 is not
        // mounted; that it is a hexadecimal id has been checked.
        row.cgroup = None;
        wanted.cgroup = None;
        // A port that the kernel chose may be one that has a name.
        let named = |found: &End, wanted: &mut End| {
            if let (End::Inet(found), End::Inet(wanted)) = (found, wanted)
                && wanted.service.is_none()
            {
                wanted.service.clone_from(&found.service);
            }
        };
        named(&row.local, &mut wanted.local);
        if let (Some(found), Some(wanted)) = (&row.peer, &mut wanted.peer) {
            named(found, wanted);
        }
        assert!(row == wanted, "{}", differences(&row, &wanted));
    }

    /// [`Document::must_have`] for a row whose cookie nobody can know: there is no descriptor of it.
    pub(crate) fn must_have_queued(&self, expected: &Expected) {
        let mut expected = expected.clone();
        let wanted = &expected.socket;
        let mut rows = self
            .sockets
            .iter()
            .filter(|s| (&s.local, &s.peer) == (&wanted.local, &wanted.peer));
        let row = rows
            .next()
            .unwrap_or_else(|| panic!("{wanted:#?}\nis not in {:#?}", self.sockets));
        assert!(row.cookie.is_some(), "netlink tells every cookie: {row:?}");
        expected.socket.cookie.clone_from(&row.cookie);
        self.must_have(&expected);
    }

    /// Fails if a row has this inode or cookie.
    pub(crate) fn must_lack(&self, fd: &impl AsFd) {
        let (inode, cookie) = (inode(fd), cookie(fd));
        for socket in &self.sockets {
            assert_ne!(socket.inode, Some(inode), "{socket:?}");
            assert_ne!(socket.cookie.as_ref(), Some(&cookie), "{socket:?}");
        }
    }
}
