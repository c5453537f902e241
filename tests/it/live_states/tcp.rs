//! TCP before and while data flows.

use crate::namespace;
use crate::portctl::{list, portctl};
use crate::scene::tcp::{Full, Pair, accept, any_port, connect, listener, listener_at, queued};
use crate::scene::{address, describe, inode, tcp};
use nix::sys::socket::{setsockopt, sockopt::BindToDevice, sockopt::Mark};
use rustix::net::sockopt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

fn somaxconn() -> u64 {
    let text = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    text.trim().parse().unwrap()
}

#[test]
#[ignore = "needs user and network namespaces"]
fn listeners() {
    namespace::run("live_states::tcp::listeners", || {
        let wildcard = |v6only| listener_at(any_port("::"), 9, Some(v6only));
        let listeners = [
            (wildcard(false), 9),
            (wildcard(true), 9),
            (listener("0.0.0.0", 7), 7),
            (listener("127.0.0.1", 0), 0),
            // More than net.core.somaxconn allows is cut to it.
            (listener("::1", i32::MAX), somaxconn()),
        ];
        // One more that is closed again: it must not be there.
        drop(listener("127.0.0.1", 1));
        let document = list("ls -tlp");
        for (fd, limit) in &listeners {
            document.must_have(&describe(fd).accept_queue(0, *limit));
        }
        let v6only = |n: usize| document.by_inode(inode(&listeners[n].0)).v6only;
        assert_eq!([0, 1, 2].map(v6only), [Some(false), Some(true), None]);
        assert_eq!(document.sockets.len(), listeners.len());
        assert!(document.complete && document.notices.is_empty());
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn unread_bytes() {
    namespace::run("live_states::tcp::unread_bytes", || {
        for ip in ["127.0.0.1", "::1", "127.9.8.7"] {
            let pair = Pair::on(ip);
            tcp::send(&pair.client, 1234);
            tcp::send(&pair.server, 77);
            let both = || {
                let document = list("ls -tnp");
                (document.by_inode(inode(&pair.client)).send_queue == Some(0)
                    && document.by_inode(inode(&pair.server)).send_queue == Some(0))
                .then_some(document)
            };
            // Until the acknowledgements are in, the bytes count on the sender's side too.
            let mut document = None;
            namespace::eventually("acknowledged", || {
                document = both();
                document.is_some()
            });
            let document = document.unwrap();
            document.must_have(&describe(&pair.client).recv(77));
            document.must_have(&describe(&pair.server).recv(1234));
            assert_eq!(document.sockets.len(), 2, "the listener is not shown");
            assert!(document.complete && document.notices.is_empty());
        }
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn mapped_addresses() {
    namespace::run("live_states::tcp::mapped_addresses", || {
        let listener = listener_at(any_port("::"), 8, Some(false));
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, address(&listener).port()));
        let client = connect(to);
        let server = accept(&listener);
        let document = list("ls -tanp");
        document.must_have(&describe(&client));
        document.must_have(&describe(&server));
        document.must_have(&describe(&listener).accept_queue(0, 8));
        let row = document.by_inode(inode(&server));
        assert_eq!(row.local().address, "::ffff:127.0.0.1");
        assert_eq!(row.peer().address, "::ffff:127.0.0.1");
        assert_eq!((row.family.as_str(), row.v6only), ("inet6", None));
        let answer = portctl("ls -tan").exits(0);
        let port = to.port();
        let row = answer.text().lines().find(|l| l.contains("ESTAB")).unwrap();
        assert!(
            row.contains(" 127.0.0.1:") && !row.contains("ffff"),
            "{row}"
        );
        // Of /proc nobody learns that it serves IPv4 too.
        for (source, any) in [("netlink", "*"), ("proc", "[::]")] {
            let answer = portctl(&format!("ls -tln --source {source}")).exits(0);
            let place = format!(" {any}:{port} ");
            let text = answer.text();
            assert!(text.contains(&place), "{source}: {text}");
        }
        assert_eq!(document.sockets.len(), 3);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn connections_nobody_accepted() {
    namespace::run("live_states::tcp::connections_nobody_accepted", || {
        let any6 = listener_at(any_port("::"), 20, Some(false));
        let queues = [
            (listener("127.0.0.1", 5), None),
            (listener("::1", 1), None),
            (listener("0.0.0.0", 5), Some("127.0.0.1")),
            (any6, Some("127.0.0.1")),
        ];
        let mut clients = Vec::new();
        for (number, (listener, via)) in queues.iter().enumerate() {
            let mut to = address(listener);
            if let Some(via) = via {
                to.set_ip(via.parse().unwrap());
            }
            for _ in 0..=number.min(1) {
                clients.push((number, connect(to)));
            }
        }
        tcp::send(&clients[0].1, 10);
        namespace::eventually("acknowledged", || {
            let row = list("ls -tnp");
            row.by_inode(inode(&clients[0].1)).send_queue == Some(0)
        });
        let document = list("ls -tanp");
        for (number, client) in &clients {
            document.must_have(&describe(client));
            let unread = if *number == 0 { 10 } else { 0 };
            document.must_have_queued(&queued(&queues[*number].0, client).recv(unread));
        }
        for (number, limit) in [5, 1, 5, 20].into_iter().enumerate() {
            let length = if number == 0 { 1 } else { 2 };
            let listener = describe(&queues[number].0);
            document.must_have(&listener.accept_queue(length, limit));
        }
        assert_eq!(document.sockets.len(), 7 + 7 + 4);
        assert!(document.complete && document.notices.is_empty());
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn handshakes_under_way() {
    namespace::run("live_states::tcp::handshakes_under_way", || {
        let full = Full::on("127.0.0.1");
        let server = listener("127.0.0.1", 8);
        let client = tcp::half_open(&server);
        let document = list("ls -tanp");
        document.must_have(&describe(&full.listener).accept_queue(1, 0));
        document.must_have(
            &describe(&full.attempt)
                .state("syn-sent")
                .peer(address(&full.listener))
                .send(1)
                .backing_off("retransmit"),
        );
        let mut half_open = describe(&server)
            .state("syn-recv")
            .mini("half-open")
            .peer(client)
            .recv(0)
            .send(0)
            .backing_off("retransmit");
        half_open.socket.accept_queue = None;
        half_open.socket.cookie = None;
        document.must_have_queued(&half_open);
        // A half-open connection does not count as waiting for accept.
        document.must_have(&describe(&server).accept_queue(0, 8));
        document.must_have_queued(&full.queued());
        assert_eq!(document.sockets.len(), 6);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn bound_and_idle() {
    namespace::run("live_states::tcp::bound_and_idle", || {
        let listening = listener("127.0.0.1", 1);
        // Its connection was reset: it has the port that it asked for still, and a peer no more.
        let was_connected = tcp::bound(SocketAddr::new([127, 0, 0, 1].into(), 5990));
        rustix::net::connect(&was_connected, &address(&listening)).unwrap();
        let accepted = tcp::accept(&listening);
        rustix::net::sockopt::set_socket_linger(&accepted, Some(Duration::ZERO)).unwrap();
        drop(accepted);
        let idle = [
            tcp::bound(any_port("127.0.0.1")),
            tcp::bound(any_port("::1")),
            was_connected,
        ];
        let expected = [
            describe(&idle[0]),
            describe(&idle[1]),
            describe(&idle[2]).shutdown("both"),
        ];
        let never_bound = tcp::socket(any_port("127.0.0.1"), rustix::net::SocketFlags::empty());
        for arguments in [
            "ls -tap",
            "ls -tBp",
            "ls -tp state bound-inactive",
            "ls -tp state all",
        ] {
            let document = list(arguments);
            for expected in &expected {
                document.must_have(expected);
            }
            document.must_lack(&never_bound);
            let with_listener = ["ls -tap", "ls -tp state all"].contains(&arguments);
            let rows = idle.len() + usize::from(with_listener);
            assert_eq!(document.sockets.len(), rows, "{arguments}");
        }
        for arguments in ["ls -tp", "ls -tlp", "ls -tp state connected"] {
            let document = list(arguments);
            for fd in &idle {
                document.must_lack(fd);
            }
        }
        list("ls -tlp").must_have(&describe(&listening).accept_queue(0, 1));
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn timers_marks_and_interfaces() {
    namespace::run("live_states::tcp::timers_marks_and_interfaces", || {
        let pair = Pair::on("127.0.0.1");
        sockopt::set_tcp_keepidle(&pair.client, Duration::from_secs(3000)).unwrap();
        sockopt::set_socket_keepalive(&pair.client, true).unwrap();
        setsockopt(&pair.server, Mark, &0x2a).unwrap();

        // Bound to lo before it listens, so that the accepted socket inherits it.
        let on_lo = tcp::bound(any_port("::1"));
        setsockopt(&on_lo, BindToDevice, &"lo".into()).unwrap();
        rustix::net::listen(&on_lo, 3).unwrap();
        let client = connect(address(&on_lo));
        let server = accept(&on_lo);

        let document = list("ls -tanp");
        document.must_have(&describe(&pair.client).timer("keepalive", 2_900_000..=3_000_000));
        document.must_have(&describe(&pair.server).mark(0x2a));
        document.must_have(&describe(&on_lo).accept_queue(0, 3).interface("lo"));
        document.must_have(&describe(&server).interface("lo"));
        document.must_have(&describe(&client));
    });
}

/// A window of zero: the peer doesn't read, what does not fit waits on the sender's side.
#[test]
#[ignore = "needs user and network namespaces"]
fn a_peer_that_does_not_read() {
    namespace::run("live_states::tcp::a_peer_that_does_not_read", || {
        let pair = Pair::on("127.0.0.1");
        let sent = tcp::fill(&pair.client);
        let (mut document, mut waiting, mut unread) = (None, 0, 0);
        // What is in flight when the writer is refused counts on both sides, or on none.
        namespace::eventually("every byte is on one side", || {
            let listed = list("ls -tnp");
            let client = listed.by_inode(inode(&pair.client));
            waiting = client.send_queue.unwrap();
            unread = listed.by_inode(inode(&pair.server)).recv_queue.unwrap();
            let probing = client.timer.as_ref().is_some_and(|t| t.kind == "persist");
            document = Some(listed);
            probing && waiting + unread == sent
        });
        assert!(waiting > 0 && unread > 0, "{waiting} {unread}");
        let document = document.unwrap();
        document.must_have(&describe(&pair.client).send(waiting).backing_off("persist"));
        document.must_have(&describe(&pair.server).recv(unread));
    });
}
