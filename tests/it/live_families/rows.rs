//! Rows about sockets that the test made.

use crate::namespace;
use crate::portctl::{Document, End, Socket, list, portctl};
use crate::scene::tcp::any_port;
use crate::scene::{address, cookie, inode, known, this_process, udp};
use netlink_sys::{SocketAddr as NetlinkAddress, protocols::NETLINK_ROUTE};
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

const ETH_P_ALL: u16 = 3;
const ETH_P_IP: u16 = 0x0800;
const MPTCP: u32 = 262;
const UDPLITE: u32 = 136;

/// A socket of any family for one protocol number.
pub(super) fn socket(family: AddressFamily, kind: SocketType, protocol: u32) -> OwnedFd {
    let protocol = protocol.try_into().ok().map(Protocol::from_raw);
    rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, protocol).unwrap()
}

/// A packet socket for one kind of frames.
pub(super) fn packet(kind: SocketType, ethertype: u16) -> OwnedFd {
    socket(AddressFamily::PACKET, kind, ethertype.to_be().into())
}

/// What every row about a socket of this process must say.
fn check(document: &Document, fd: &impl AsFd, words: (&str, &str, Option<&str>, &str)) -> Socket {
    let row = document
        .sockets
        .iter()
        .find(|s| s.inode == Some(inode(fd)) && s.protocol == words.0);
    let row = row
        .unwrap_or_else(|| panic!("{words:?} is in {document:#?}"))
        .clone();
    let (protocol, family, kind, state) = words;
    assert_eq!(
        (row.protocol.as_str(), row.family.as_str()),
        (protocol, family)
    );
    assert_eq!(
        (row.kind.as_deref(), row.state.as_str()),
        (kind, state),
        "{row:?}"
    );
    let holders = known(vec![this_process(&[fd.as_fd().as_raw_fd()])]);
    assert_eq!(row.owners, holders, "{row:?}");
    if document
        .tables
        .iter()
        .any(|t| t.protocol == protocol && t.source == "netlink")
    {
        assert_eq!(row.cookie, Some(cookie(fd)), "{row:?}");
    } else {
        assert_eq!(
            (row.cookie.as_ref(), row.shutdown.as_ref()),
            (None, None),
            "{row:?}"
        );
    }
    row
}

#[test]
#[ignore = "needs user and network namespaces"]
fn packet_sockets() {
    namespace::run("live_families::rows::packet_sockets", || {
        let raw = packet(SocketType::RAW, ETH_P_ALL);
        let dgram = packet(SocketType::DGRAM, ETH_P_IP);
        let idle = packet(SocketType::RAW, 0);
        // Something for them to receive: one waits in the buffers of both.
        let sender = udp::bound("127.0.0.1");
        sender
            .send_to(&[1; 100], sender.local_addr().unwrap())
            .unwrap();
        for source in ["netlink", "proc"] {
            for arguments in ["-0", "-f link", "-A packet", "--packet"] {
                let document = list(&format!("ls {arguments} -p --source {source}"));
                assert_eq!(document.sockets.len(), 3, "{arguments}");
                assert!(
                    document.complete && document.notices.is_empty(),
                    "{document:?}"
                );
                for (fd, kind, ethertype, name) in [
                    (&raw, "raw", ETH_P_ALL, None),
                    (&dgram, "dgram", ETH_P_IP, Some("ip")),
                    (&idle, "raw", 0, None),
                ] {
                    let words = ("packet", "packet", Some(kind), "unconnected");
                    let row = check(&document, fd, words);
                    let End::Packet(end) = &row.local else {
                        panic!("{row:?}")
                    };
                    assert_eq!((end.ethertype, end.protocol.as_deref()), (ethertype, name));
                    assert_eq!((end.interface.as_ref(), row.peer), (None, None));
                    assert_eq!(row.uid, Some(0));
                    let received = row.recv_queue.unwrap();
                    assert_eq!(received >= 100, ethertype != 0, "{received} bytes");
                    let sent = (source == "netlink").then_some(0);
                    assert_eq!(row.send_queue, sent, "/proc does not tell, which is not 0");
                }
            }
            let only = list(&format!("ls -A p_dgr --source {source}"));
            assert_eq!(only.sockets.len(), 1);
            // In no direction can anything be closed: that is known.
            let closed = portctl(&format!("ls -0 -H --columns shutdown --source {source}"));
            assert_eq!(closed.quiet().text(), "-\n-\n-\n");
        }
        assert!(list("ls -0 state established").sockets.is_empty());
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn netlink_sockets() {
    namespace::run("live_families::rows::netlink_sockets", || {
        let open = || {
            let mut socket = netlink_sys::Socket::new(NETLINK_ROUTE).unwrap();
            let port = socket.bind_auto().unwrap().port_number();
            (socket, port)
        };
        let (bound, connected) = (open(), open());
        connected.0.connect(&NetlinkAddress::new(0, 0)).unwrap();
        for source in ["netlink", "proc"] {
            let document = list(&format!("ls -f netlink -p --source {source}"));
            assert!(
                document.complete && document.notices.is_empty(),
                "{document:?}"
            );
            let mut kernels = 0;
            for row in &document.sockets {
                let End::Netlink(end) = &row.local else {
                    panic!("{row:?}")
                };
                assert_eq!((row.state.as_str(), row.uid), ("unconnected", None));
                if end.port_id == 0 {
                    kernels += 1;
                    assert_eq!(row.owners.reason.as_deref(), Some("kernel"));
                }
                assert!(
                    end.protocol != 4 || end.port_id == 0,
                    "the one that asks: {row:?}"
                );
            }
            // At least those of rtnetlink, generic netlink and sock_diag.
            assert!(kernels >= 3, "{document:?}");
            assert_eq!(document.sockets.len(), kernels + 2);
            for ((fd, port), is_connected) in [(&bound, false), (&connected, true)] {
                let kind = (source == "netlink").then_some("dgram");
                let row = check(&document, fd, ("netlink", "netlink", kind, "unconnected"));
                let End::Netlink(end) = &row.local else {
                    panic!("{row:?}")
                };
                assert_eq!((end.protocol, end.port_id), (0, *port));
                assert_eq!(end.protocol_name.as_deref(), Some("rtnl"));
                match row.peer {
                    Some(End::NetlinkPeer(peer)) => {
                        assert!(is_connected && source == "netlink");
                        assert_eq!((peer.port_id, peer.group), (0, 0));
                    }
                    peer => assert!(peer.is_none() && !(is_connected && source == "netlink")),
                }
                assert_eq!((row.recv_queue, row.send_queue), (Some(0), Some(0)));
            }
        }
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn mptcp_sockets() {
    namespace::run("live_families::rows::mptcp_sockets", || {
        for (family, word, ip) in [
            (AddressFamily::INET, "inet", "127.0.0.1"),
            (AddressFamily::INET6, "inet6", "::1"),
        ] {
            let listener = socket(family, SocketType::STREAM, MPTCP);
            rustix::net::bind(&listener, &any_port(ip)).unwrap();
            rustix::net::listen(&listener, 7).unwrap();
            let client = socket(family, SocketType::STREAM, MPTCP);
            rustix::net::connect(&client, &address(&listener)).unwrap();
            let server = rustix::net::accept_with(&listener, SocketFlags::CLOEXEC).unwrap();

            let document = list(&format!("ls -Map -f {word}"));
            assert!(
                document.complete && document.notices.is_empty(),
                "{document:?}"
            );
            assert_eq!(document.sockets.len(), 3);
            let row = check(&document, &listener, ("mptcp", word, None, "listen"));
            let queue = row.accept_queue.clone().unwrap();
            assert_eq!((queue.length, queue.limit), (0, Some(7)));
            assert_eq!(
                (row.local().port, &row.peer),
                (address(&listener).port(), &None)
            );
            for (fd, peer) in [(&client, &server), (&server, &client)] {
                let row = check(&document, fd, ("mptcp", word, None, "established"));
                assert_eq!(row.local().port, address(fd).port());
                assert_eq!(row.peer().port, address(peer).port());
            }
            // Nobody has accepted this one, so it has no file, and the listener explains it.
            let waiting = socket(family, SocketType::STREAM, MPTCP);
            rustix::net::connect(&waiting, &address(&listener)).unwrap();
            for arguments in ["-Mp", "-Mp --sort none"] {
                let document = list(&format!("ls {arguments} -f {word}"));
                let reasons = document
                    .sockets
                    .iter()
                    .filter_map(|s| s.owners.reason.clone());
                assert_eq!(
                    reasons.collect::<Vec<_>>(),
                    ["accept-queue"],
                    "{document:?}"
                );
            }
            drop(rustix::net::accept_with(&listener, SocketFlags::CLOEXEC).unwrap());
            drop(waiting);
            namespace::eventually("it is gone", || {
                list(&format!("ls -M -f {word}")).sockets.len() == 2
            });

            // Each has one subflow, which is TCP's, and no row is TCP's and MPTCP's at once.
            let same = if word == "inet" { "-4" } else { "-6" };
            assert_eq!(
                list(&format!("ls -t {same} state listening state established"))
                    .sockets
                    .len(),
                3
            );
            assert_eq!(
                list("ls -M").sockets.len(),
                2,
                "by default what is connected"
            );
            assert_eq!(list(&format!("ls -Ml {same}")).sockets.len(), 1);
            let other = if word == "inet" { "-6" } else { "-4" };
            assert!(list(&format!("ls -Ma {other}")).sockets.is_empty());
        }
    });
}

#[test]
#[ignore = "needs user and network namespaces, and a kernel with UDP-Lite"]
fn udplite_sockets() {
    namespace::run("live_families::rows::udplite_sockets", || {
        let bound = socket(AddressFamily::INET, SocketType::DGRAM, UDPLITE);
        rustix::net::bind(&bound, &any_port("127.0.0.1")).unwrap();
        let six = socket(AddressFamily::INET6, SocketType::DGRAM, UDPLITE);
        rustix::net::bind(&six, &any_port("::1")).unwrap();
        let connected = socket(AddressFamily::INET, SocketType::DGRAM, UDPLITE);
        rustix::net::connect(&connected, &address(&bound)).unwrap();
        for source in ["netlink", "proc"] {
            let document = list(&format!("ls --udplite -ap --source {source}"));
            assert_eq!(document.sockets.len(), 3);
            check(&document, &bound, ("udplite", "inet", None, "unconnected"));
            check(&document, &six, ("udplite", "inet6", None, "unconnected"));
            let row = check(
                &document,
                &connected,
                ("udplite", "inet", None, "established"),
            );
            assert_eq!(row.peer().port, address(&bound).port());
        }
        assert!(list("ls -ua").sockets.is_empty(), "they are not UDP");
    });
}
