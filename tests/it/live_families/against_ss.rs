//! The same rows as `ss` (of iproute2, any version) in the same namespace: protocols, states, queues, addresses, inodes, cookies and owners.

use super::rows::{packet, socket};
use crate::namespace;
use crate::portctl::{Document, End, Socket, list};
use crate::scene::tcp::{Pair, any_port, listener, listener_at, time_wait};
use crate::scene::unix::{abstract_name, connect, pair};
use crate::scene::{address, udp, unix};
use netlink_sys::protocols::NETLINK_ROUTE;
use rustix::net::{AddressFamily, SocketType};
use std::process::Command;

/// What both programs say of a socket. What one of them does not say is empty.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    netid: String,
    state: String,
    queues: (u64, u64),
    local: String,
    peer: String,
    inode: Option<u64>,
    cookie: Option<String>,
    /// Not that of root, which `ss` leaves out.
    uid: Option<u32>,
    /// Kind and retransmissions; the time runs. A delayed acknowledgement is soon sent.
    timer: Option<(String, u64)>,
    holders: Vec<(u32, u32)>,
}

/// The rows of `ss`.
fn of_ss(arguments: &str) -> Vec<Seen> {
    of_ss_from("", arguments)
}

/// The rows of `ss`, TCP's from a saved dump if one is given.
pub(super) fn of_ss_from(dump: &str, arguments: &str) -> Vec<Seen> {
    let mut command = Command::new("ss");
    if !dump.is_empty() {
        command.env("TCPDIAG_FILE", dump);
    }
    let output = command
        .args(["-H", "-O", "-n"])
        .args(arguments.split_whitespace())
        .env_remove("COLUMNS")
        .output()
        .expect("ss of iproute2 is needed");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(row_of_ss);
    // The socket with which ss itself asks, of which portctl's is left out.
    let mut rows: Vec<_> = rows
        .filter(|s| s.netid != "nl" || !s.local.starts_with("4:") || s.local == "4:0")
        .collect();
    rows.sort();
    rows
}

fn row_of_ss(line: &str) -> Seen {
    let mut words = line.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("{line}")).to_owned();
    let (netid, state) = (word(), word());
    let queues = (word().parse().unwrap(), word().parse().unwrap());
    let (mut local, mut peer) = (word(), word());
    let mut own = None;
    if netid.starts_with("u_") {
        // Name and inode of the one end, then a star and the inode of the other.
        own = Some(peer.parse().unwrap());
        assert_eq!(word(), "*");
        peer = word();
    }
    // Wildcards are written in several ways.
    for end in [&mut local, &mut peer] {
        *end = end.replace("0.0.0.0:", "*:").replace("[::]:", "*:");
    }
    let rest: Vec<_> = words.collect();
    let named = |key: &str| rest.iter().find_map(|word| word.strip_prefix(key));
    let holders = line.split("pid=").skip(1).map(|holder| {
        let number = |text: &str| {
            let digits = text
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len());
            text[..digits].parse().unwrap()
        };
        let fd = holder.split_once("fd=").unwrap().1;
        (number(holder), number(fd))
    });
    let mut holders: Vec<_> = holders.collect();
    holders.sort_unstable();
    let inode = own.or_else(|| named("ino:").map(|n| n.parse().unwrap()));
    // Without a file it says 0, or what a file had.
    let uid = named("uid:").filter(|_| inode.is_some_and(|n: u64| n != 0));
    let timer = named("timer:(").map(|timer| {
        let mut parts = timer.trim_end_matches(')').split(',');
        let kind = parts.next().unwrap().to_owned();
        (kind, parts.next_back().unwrap().parse().unwrap())
    });
    Seen {
        netid,
        state,
        queues,
        local,
        peer,
        inode: inode.filter(|&n: &u64| n != 0),
        cookie: named("sk:")
            .map(|hex| format!("0x{hex}"))
            .filter(|hex| hex != "0x0"),
        uid: uid.map(|uid| uid.parse().unwrap()),
        timer: timer.filter(|(kind, _)| !matches!(kind.as_str(), "unknown" | "delack")),
        holders,
    }
}

/// The rows of a document as `ss` would say them.
pub(super) fn of_portctl(document: &Document) -> Vec<Seen> {
    let mut rows: Vec<_> = document.sockets.iter().map(row_of_portctl).collect();
    rows.sort();
    rows
}

fn row_of_portctl(socket: &Socket) -> Seen {
    let kind = socket.kind.as_deref();
    let netid = match (socket.protocol.as_str(), kind) {
        ("unix", Some("stream")) => "u_str",
        ("unix", Some("dgram")) => "u_dgr",
        ("unix", Some("seqpacket")) => "u_seq",
        ("packet", Some("raw")) => "p_raw",
        ("packet", Some("dgram")) => "p_dgr",
        ("netlink", _) => "nl",
        (other, _) => other,
    };
    let state = match socket.state.as_str() {
        "established" => "ESTAB".to_owned(),
        "unconnected" | "bound-inactive" => "UNCONN".to_owned(),
        other => other.to_uppercase(),
    };
    let waiting = socket.accept_queue.as_ref();
    let queues = waiting.map_or_else(
        || {
            (
                socket.recv_queue.unwrap_or(0),
                socket.send_queue.unwrap_or(0),
            )
        },
        |queue| (queue.length, queue.limit.unwrap_or(0)),
    );
    let raw = socket.protocol == "raw";
    let any = || {
        if socket.family.starts_with("inet") {
            "*:*"
        } else {
            "*"
        }
        .to_owned()
    };
    let peer = match (&socket.peer, &socket.local) {
        (_, End::Unix(_)) => match &socket.peer {
            Some(End::Unix(peer)) => peer.inode.unwrap_or(0).to_string(),
            _ => "0".to_owned(),
        },
        (Some(peer), _) => end(peer, &socket.family, raw),
        (None, _) => any(),
    };
    let timer = socket.timer.as_ref().map(|timer| {
        let kind = match timer.kind.as_str() {
            "retransmit" => "on",
            "time-wait" => "timewait",
            other => other,
        };
        (kind.to_owned(), timer.retransmits)
    });
    let holders = socket.owners.processes.iter();
    let mut holders: Vec<_> = holders
        .flat_map(|p| p.fds.iter().map(|&fd| (p.pid, fd)))
        .collect();
    holders.sort_unstable();
    Seen {
        netid: netid.to_owned(),
        state,
        queues,
        local: end(&socket.local, &socket.family, raw),
        peer,
        inode: socket.inode,
        cookie: socket.cookie.clone(),
        uid: socket.uid.filter(|&uid| uid != 0),
        timer: timer.filter(|(kind, _)| kind != "delayed-ack"),
        holders,
    }
}

fn end(end: &End, family: &str, raw: bool) -> String {
    match end {
        End::Inet(end) => {
            let address = match (end.address.as_str(), family) {
                ("0.0.0.0" | "::", _) => "*".to_owned(),
                (address, "inet6") => format!("[{address}]"),
                (address, _) => address.to_owned(),
            };
            match end.port {
                0 if !raw || address == "*" => format!("{address}:*"),
                port => format!("{address}:{port}"),
            }
        }
        End::Unix(end) => match (&end.path, &end.abstract_name) {
            (Some(path), _) => path.clone(),
            (None, Some(name)) => format!("@{name}"),
            (None, None) => "*".to_owned(),
        },
        End::Packet(end) => {
            let protocol = match end.ethertype {
                3 => "*".to_owned(),
                0 => "*".to_owned(),
                number => format!("[{number}]"),
            };
            let interface = end.interface.as_deref().unwrap_or("*");
            format!("{protocol}:{interface}")
        }
        End::Netlink(end) => format!("{}:{}", end.protocol, end.port_id),
        End::NetlinkPeer(peer) => format!("{}:{}", peer.group, peer.port_id),
    }
}

/// Removes from portctl's rows what `ss` does not say of any row of the table.
fn level(ours: &mut [Seen], theirs: &[Seen]) {
    for row in ours {
        let says = |of: fn(&Seen) -> bool| theirs.iter().any(|s| s.netid == row.netid && of(s));
        let [inode, cookie, holders, uid] = [
            says(|s| s.inode.is_some()),
            says(|s| s.cookie.is_some()),
            says(|s| !s.holders.is_empty()),
            says(|s| s.uid.is_some()),
        ];
        row.uid = row.uid.filter(|_| uid);
        row.inode = row.inode.filter(|_| inode);
        row.cookie = row.cookie.take().filter(|_| cookie);
        if !holders {
            row.holders.clear();
        }
    }
}

#[test]
#[ignore = "needs user and network namespaces, and ss of iproute2"]
fn every_table() {
    namespace::run("live_families::against_ss::every_table", || {
        let tcp = (
            Pair::on("127.0.0.1"),
            Pair::on("::1"),
            listener("127.0.0.1", 3),
            listener_at(any_port("::"), 4, Some(true)),
        );
        time_wait("127.0.0.1");
        let server = udp::bound("127.0.0.1");
        let sockets = (
            udp::connected("127.0.0.1", &server),
            udp::bound("::1"),
            udp::raw(AddressFamily::INET, 253),
            packet(SocketType::RAW, 3),
            packet(SocketType::DGRAM, 0x0806),
            pair(SocketType::STREAM),
            unix::bound(SocketType::DGRAM, &abstract_name(b"dgram")),
        );
        let name = abstract_name(b"listener");
        let local = (
            unix::listener(SocketType::SEQPACKET, &name, 2),
            connect(SocketType::SEQPACKET, &name),
        );
        let mut route = netlink_sys::Socket::new(NETLINK_ROUTE).unwrap();
        route.bind_auto().unwrap();
        let mptcp = socket(AddressFamily::INET, SocketType::STREAM, 262);
        rustix::net::bind(&mptcp, &any_port("127.0.0.1")).unwrap();
        rustix::net::listen(&mptcp, 5).unwrap();
        let client = socket(AddressFamily::INET, SocketType::STREAM, 262);
        rustix::net::connect(&client, &address(&mptcp)).unwrap();
        // Something in the buffers of the packet sockets.
        server.send_to(b"x", server.local_addr().unwrap()).unwrap();
        server.recv(&mut [0; 9]).unwrap();

        for (arguments, least) in [
            ("-A tcp -a", 7),
            ("-A udp -a", 3),
            ("-A raw -a", 1),
            ("-A unix -a", 5),
            ("-A u_str -a", 2),
            ("-A packet -a", 2),
            ("-A netlink -a", 4),
            ("-A mptcp -a", 2),
            ("-A tcp -l", 4),
            ("-A all,!packet -4", 4),
            ("-x", 3),
            ("-tu", 7),
        ] {
            // Of a single table ss leaves the column with its name out.
            let single = arguments.starts_with("-A ") && !arguments.contains(',');
            let more = if single { " -A xdp" } else { "" };
            let theirs = of_ss(&format!("{arguments}{more} -e -p"));
            let document = list(&format!("ls -np {arguments}"));
            let mut ours = of_portctl(&document);
            level(&mut ours, &theirs);
            // ss of some versions lists what is bound and inactive or half-open by default; there is none here.
            assert!(theirs.len() >= least, "{arguments}: {theirs:#?}");
            assert_eq!(ours, theirs, "{arguments}");
        }
        drop((tcp, sockets, local));
    });
}
