//! UDP, and raw sockets: the latter through /proc where the kernel has no raw_diag.

use crate::namespace;
use crate::portctl::list;
use crate::scene::{address, describe, inode, tcp::any_port, udp};
use nix::sys::socket::{setsockopt, sockopt::BindToDevice};
use rustix::net::{AddressFamily, sockopt};
use std::net::{Ipv4Addr, SocketAddr};

#[test]
#[ignore = "needs user and network namespaces"]
fn udp_unconnected_and_connected() {
    namespace::run(
        "live_states::udp_raw::udp_unconnected_and_connected",
        || {
            let servers = [
                udp::bound("127.0.0.1"),
                udp::bound("::1"),
                udp::bound("0.0.0.0"),
                udp::bound("::"),
            ];
            let clients = [
                udp::connected("127.0.0.1", &servers[0]),
                udp::connected("::1", &servers[1]),
            ];
            let to_mapped = udp::bound("::");
            sockopt::set_ipv6_v6only(&to_mapped, false).unwrap_err();
            let mapped = SocketAddr::from((
                Ipv4Addr::LOCALHOST.to_ipv6_mapped(),
                servers[0].local_addr().unwrap().port(),
            ));
            to_mapped.connect(mapped).unwrap();
            let on_lo = udp::bound("127.0.0.1");
            setsockopt(&on_lo, BindToDevice, &"lo".into()).unwrap();

            let document = list("ls -uap");
            for socket in servers.iter().chain(&clients).chain([&to_mapped]) {
                document.must_have(&describe(socket));
            }
            document.must_have(&describe(&on_lo).interface("lo"));
            assert_eq!(document.sockets.len(), 8);
            assert_eq!(list("ls -up").sockets.len(), 3, "the connected ones");
            assert_eq!(list("ls -ulp").sockets.len(), 5, "the unconnected ones");
            assert!(document.complete && document.notices.is_empty());
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn udp_with_datagrams_waiting() {
    namespace::run("live_states::udp_raw::udp_with_datagrams_waiting", || {
        for ip in ["127.0.0.1", "::1"] {
            let server = udp::bound(ip);
            let client = udp::connected(ip, &server);
            for _ in 0..3 {
                client.send(&[7; 500]).unwrap();
            }
            let document = list("ls -uap");
            document.must_have(&describe(&server).recv_at_least(1500));
            document.must_have(&describe(&client));
            for _ in 0..3 {
                server.recv(&mut [0; 600]).unwrap();
            }
            list("ls -uap").must_have(&describe(&server));
        }
    });
}

/// Two sockets on one port (`SO_REUSEPORT`) are two rows, not one row twice.
#[test]
#[ignore = "needs user and network namespaces"]
fn udp_on_a_shared_port() {
    namespace::run("live_states::udp_raw::udp_on_a_shared_port", || {
        let mut at = any_port("127.0.0.1");
        let [first, second] = [(); 2].map(|()| {
            let fd = udp::unbound(AddressFamily::INET);
            sockopt::set_socket_reuseport(&fd, true).unwrap();
            rustix::net::bind(&fd, &at).unwrap();
            at = address(&fd);
            fd
        });
        let document = list("ls -ulp");
        document.must_have(&describe(&first));
        document.must_have(&describe(&second));
        assert_eq!(document.sockets.len(), 2);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn raw_sockets() {
    const ICMP: u32 = 1;
    const ICMPV6: u32 = 58;
    const EXPERIMENT: u32 = 253;
    namespace::run("live_states::udp_raw::raw_sockets", || {
        let unconnected = [
            udp::raw(AddressFamily::INET, ICMP),
            udp::raw(AddressFamily::INET, EXPERIMENT),
            udp::raw(AddressFamily::INET6, ICMPV6),
            udp::raw(AddressFamily::INET6, EXPERIMENT),
        ];
        let connected = [
            (udp::raw(AddressFamily::INET, EXPERIMENT), "127.0.0.1"),
            (udp::raw(AddressFamily::INET6, EXPERIMENT), "::1"),
        ];
        for (fd, ip) in &connected {
            udp::connect_raw(fd, ip);
        }
        let document = list("ls -wanp");
        let sources: Vec<_> = document.tables.iter().map(|t| t.source.as_str()).collect();
        let row = |expected: crate::scene::Expected| match sources[0] {
            "proc" => expected.through_proc(),
            _ => expected,
        };
        for fd in &unconnected {
            document.must_have(&row(describe(fd)));
        }
        for (fd, ip) in &connected {
            document.must_have(&row(describe(fd).state("established").peer(any_port(ip))));
        }
        let protocol = |n: usize| document.by_inode(inode(&unconnected[n])).local().port;
        assert_eq!([0, 1, 2, 3].map(protocol), [1, 253, 58, 253]);
        assert_eq!(document.sockets.len(), 6);
        assert!(document.complete, "a fallback that works misses nothing");
        assert_eq!(list("ls -wnp").sockets.len(), 2, "the connected ones");
    });
}
