//! One test for each rule of the kernel: a world that shows it, the count, and what portctl said before.

use super::truth::{Flow, Mode, Said, accept, close_into_time_wait, server, set, set_range};
use crate::namespace;
use crate::scene::{port, tcp};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The ports of most worlds here.
const PORTS: u16 = 40;

/// Servers at two loopback ports, at two other local addresses, and at ::1.
struct Place {
    servers: Vec<OwnedFd>,
}

const A: &str = "127.0.0.1:5001";
const B: &str = "127.0.0.1:5002";
const C: &str = "127.0.0.2:5001";
const ELSEWHERE: &str = "192.0.2.9:5001";
const V6: &str = "[::1]:5001";
const ALL: [&str; 5] = [A, B, C, ELSEWHERE, V6];

impl Place {
    fn new() -> Self {
        namespace::add_elsewhere();
        set_range(40_000, PORTS);
        Self {
            servers: ALL.iter().map(|at| server(at)).collect(),
        }
    }

    fn server(&self, at: &str) -> &OwnedFd {
        let place = ALL.iter().position(|a| *a == at).unwrap();
        &self.servers[place]
    }

    /// Connections of a flow, with their other ends.
    fn open(&self, flow: &Flow, how_many: usize) -> Vec<(OwnedFd, OwnedFd)> {
        let server = self.server(&flow.to.to_string());
        (0..how_many)
            .map(|_| (flow.connect().unwrap(), accept(server)))
            .collect()
    }

    fn time_waits(&self, flow: &Flow, how_many: usize) {
        for (client, end) in self.open(flow, how_many) {
            close_into_time_wait(client, end);
        }
        std::thread::sleep(Duration::from_millis(50));
    }

    fn exactly(&self, flow: &Flow, expected: u32) -> Said {
        flow.is_exactly(&self.servers, expected)
    }

    fn expected(&self, flow: &Flow, expected: u32) {
        flow.is_expected(&self.servers, expected);
    }
}

fn to(at: &str) -> Flow {
    Flow::to(at.parse().unwrap())
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn run(name: &str, world: impl FnOnce(&Place)) {
    namespace::run(&format!("live_headroom::rules::{name}"), || {
        world(&Place::new());
    });
}

/// `__inet_check_established`: a 4-tuple is one of a flow's; other destinations, sources and families have the port too.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn connections_cost_only_their_flow() {
    run("connections_cost_only_their_flow", |place| {
        place.exactly(&to(A), 40);
        let _open = place.open(&to(A), 15);
        place.exactly(&to(A), 25);
        for other in [to(B), to(C), to(V6), to(A).from("127.0.0.3")] {
            place.expected(&other, 40);
            let probed = other.ask(&["--probe"]);
            assert_eq!(probed.bounds(), (Some(40), 40, 40), "{probed:?}");
        }
    });
}

/// `inet_csk_update_fastreuse`: whatever bind() or listen() does on a port closes it to every connect().
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn binders_close_ports_for_everybody() {
    run("binders_close_ports_for_everybody", |place| {
        // bind() to port 0 takes odd ports first, and may share one with an address that does not overlap.
        let held: Vec<_> = [
            "127.0.0.1:40002",
            "0.0.0.0:0",
            "192.0.2.3:0",
            "[::1]:40006",
            "[::]:0",
        ]
        .map(|a| tcp::bound(at(a)))
        .into();
        for flow in [to(A), to(ELSEWHERE), to(V6)] {
            place.exactly(&flow, 35);
        }
        let _listeners = [
            tcp::listener_at(at("127.0.0.9:40010"), 1, None),
            tcp::listener_at(at("[::]:40012"), 1, Some(true)),
        ];
        for flow in [to(A), to(ELSEWHERE), to(V6)] {
            place.exactly(&flow, 33);
        }
        let explicit = tcp::socket(at(A), SocketFlags::empty());
        rustix::net::bind(&explicit, &at("127.0.0.1:40020")).unwrap();
        rustix::net::connect(&explicit, &at(B)).unwrap();
        place.exactly(&to(V6), 32);
        drop(held);
        place.exactly(&to(V6), 37);
    });
}

/// `__inet_inherit_port`: an accepted connection keeps its port closed when its listener is gone, and so does its TIME_WAIT.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn accepted_connections_keep_ports_closed() {
    run("accepted_connections_keep_ports_closed", |place| {
        let listener = tcp::listener_at(at("127.0.0.1:40003"), 8, None);
        let client = tcp::socket(at(A), SocketFlags::empty());
        rustix::net::bind(&client, &at("127.0.0.1:30000")).unwrap();
        rustix::net::connect(&client, &at("127.0.0.1:40003")).unwrap();
        let child = tcp::accept(&listener);
        drop(listener);
        place.exactly(&to(A), 39);
        tcp::send(&child, 1000);
        tcp::send(&client, 500);
        place.exactly(&to(A), 39);
        let unread = [0; 500];
        assert_eq!(rustix::io::read(&child, &mut unread.clone()).unwrap(), 500);
        // Afterwards nothing tells whose TIME_WAIT it is; the probe does.
        close_into_time_wait(child, client);
        let said = to(A).ask(&["--probe"]);
        assert_eq!(said.bounds(), (Some(39), 39, 39), "{said:?}");
        assert_eq!(said.part("probed"), 1);
        assert_eq!(to(A).count(&place.servers), 39);
    });
}

/// Bucket recovery, since 6.18: when the last who came by bind() leaves, those who came by connect() do not keep it closed.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn ports_open_again_when_binders_leave() {
    run("ports_open_again_when_binders_leave", |place| {
        let open = place.open(&to(A).from("127.0.0.3"), 1);
        let binder = tcp::bound(SocketAddr::new(
            "127.0.0.4".parse().unwrap(),
            port(&open[0].0),
        ));
        place.exactly(&to(B), 39);
        drop(binder);
        place.exactly(&to(B), 40);
    });
}

/// Every state holds its 4-tuple.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn every_state_holds_its_port() {
    run("every_state_holds_its_port", |place| {
        let pairs = place.open(&to(ELSEWHERE), 6);
        let (mut ours, mut theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        // Two in CLOSE_WAIT, two in FIN_WAIT2 of which one has no process, two established.
        theirs.drain(..2);
        drop(ours.remove(2));
        tcp::finish(&ours[2]);
        std::thread::sleep(Duration::from_millis(50));
        let said = to(ELSEWHERE).is_expected(&place.servers, 34);
        let parts = ["close_wait", "orphan_fin_wait_2", "closing", "established"];
        assert_eq!(parts.map(|key| said.part(key)), [2, 1, 1, 2], "{said:?}");
    });
}

/// `tcp_twsk_unique`: which TIME_WAITs a new connection takes over.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn time_wait_is_reused_by_the_setting() {
    run("time_wait_is_reused_by_the_setting", |place| {
        // reuse, delay, kept on loopback, kept elsewhere
        for (reuse, delay, loopback, elsewhere) in [
            (0, 1, true, true),
            (1, 60_000, true, true),
            (1, 1, false, false),
            (2, 1, false, true),
        ] {
            set("tcp_tw_reuse", reuse);
            set("tcp_tw_reuse_delay", delay);
            for (n, (server, kept)) in [(A, loopback), (ELSEWHERE, elsewhere)]
                .into_iter()
                .enumerate()
            {
                // A range of its own for each, because TIME_WAITs stay.
                let low = 41_000 + reuse * 1000 + u16::try_from(delay % 7).unwrap() * 100;
                set_range(low + n as u16 * 50, PORTS);
                place.time_waits(&to(server), 10);
                place.expected(&to(server), if kept { 30 } else { 40 });
                place.expected(&to(B), 40);
            }
        }
    });
}

/// Without timestamps a TIME_WAIT is never taken over, though its age and the setting would let it.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn time_wait_without_timestamps_stays() {
    run("time_wait_without_timestamps_stays", |place| {
        set("tcp_tw_reuse", 1);
        set("tcp_tw_reuse_delay", 1);
        set("tcp_timestamps", 0);
        place.time_waits(&to(A), 10);
        place.expected(&to(A), 30);
        // With the setting back on only live connections tell that the peer has none; the bounds hold.
        set("tcp_timestamps", 1);
        let said = to(A).ask(&["--probe"]);
        assert_eq!(said.bounds(), (Some(30), 40, 40), "{said:?}");
        assert!(said.doubts().contains(&"time-wait-timestamps"));
    });
}

/// `inet_csk_find_open_port`: bind(address, 0) takes a port at its address whatever the destination, and closes it to connect().
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn bind_counts_addresses_not_destinations() {
    run("bind_counts_addresses_not_destinations", |place| {
        let bind = |server: &str, from: &str| to(server).from(from).mode(Mode::Bind);
        let _open = place.open(&bind(A, "127.0.0.1"), 10);
        place.exactly(&bind(A, "127.0.0.1"), 30);
        place.exactly(&bind(B, "127.0.0.1"), 30);
        place.exactly(&bind(A, "127.0.0.2"), 40);
        place.exactly(&to(A).mode(Mode::BindAny), 30);
        let said = to(B).ask(&["--probe"]);
        assert_eq!(said.bounds(), (Some(30), 30, 30), "{said:?}");
        assert_eq!(to(B).count(&place.servers), 30);
        // TIME_WAITs count for bind() whatever tcp_tw_reuse says.
        set("tcp_tw_reuse", 1);
        set("tcp_tw_reuse_delay", 1);
        place.time_waits(&to(B).from("127.0.0.2"), 5);
        place.exactly(&bind(A, "127.0.0.2"), 35);
    });
}

/// `inet_rcv_saddr_equal`: IPv6 sockets at the wildcard are for IPv4 too, unless they are for IPv6 only.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn wildcards_overlap_over_families() {
    run("wildcards_overlap_over_families", |place| {
        let _both = tcp::bound(at("[::]:40001"));
        let _only = tcp::listener_at(at("[::]:40002"), 1, Some(true));
        let _six = tcp::bound(at("[::1]:40003"));
        let _four = tcp::bound(at("127.0.0.1:40004"));
        let bind = |server: &str, from: &str| to(server).from(from).mode(Mode::Bind);
        place.exactly(&bind(A, "127.0.0.1"), 38);
        place.exactly(&bind(A, "127.0.0.3"), 39);
        place.exactly(&to(A).mode(Mode::BindAny), 38);
        place.exactly(&bind(V6, "::1"), 37);
        place.exactly(&to(V6).mode(Mode::BindAny), 36);
        // A connected IPv6 socket does not say whether it is for IPv4.
        let _connected = place.open(&to(V6), 3);
        let said = to(A).mode(Mode::BindAny).is_expected(&place.servers, 35);
        assert_eq!(said.bounds(), (Some(35), 35, 38));
        assert_eq!(said.doubts(), ["v6only"]);
    });
}

/// v4-mapped sockets have IPv4's 4-tuples.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn mapped_sockets_are_ipv4() {
    run("mapped_sockets_are_ipv4", |place| {
        let mapped: Vec<_> = (0..5)
            .map(|_| {
                let to = at("[::ffff:127.0.0.1]:5001");
                let fd = tcp::socket(to, SocketFlags::empty());
                rustix::net::connect(&fd, &to).unwrap();
                (fd, accept(place.server(A)))
            })
            .collect();
        place.exactly(&to(A), 35);
        place.expected(&to(V6), 40);
        let said = to("[::ffff:127.0.0.1]:5001").ask(&[]);
        assert_eq!(said.0["flow"]["family"], "inet");
        assert_eq!(said.bounds(), (Some(35), 35, 35));
        drop(mapped);
    });
}

/// `inet_rcv_saddr_equal`: an IPv6 socket that calls an IPv4 address without bind() asks for its port at the wildcard of both families,
/// and meets those that are for IPv6 only. A flow of IPv4 addresses may be such a client's.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn datagrams_to_ipv4_may_come_from_ipv6_sockets() {
    run("datagrams_to_ipv4_may_come_from_ipv6_sockets", |place| {
        let only: Vec<_> = (40_003..40_008)
            .map(|port| {
                let at = SocketAddr::new("::1".parse().unwrap(), port);
                let (kind, flags) = (SocketType::DGRAM, SocketFlags::CLOEXEC);
                let fd = rustix::net::socket_with(AddressFamily::INET6, kind, flags, None);
                let fd = fd.unwrap();
                rustix::net::bind(&fd, &at).unwrap();
                fd
            })
            .collect();
        let (plain, mapped) = (to(A).udp(), to("[::ffff:127.0.0.1]:5001").udp());
        let said = plain.ask(&[]);
        assert_eq!(said.bounds(), (Some(35), 40, 40));
        assert_eq!(said.doubts(), ["client-family"]);
        assert_eq!(plain.count(&place.servers), 40);
        place.exactly(&mapped, 35);
        place.exactly(&plain.from("127.0.0.1"), 40);
        drop(only);
    });
}

/// `inet_csk_find_open_port` fills the half that connect() does not prefer, then the other: the sockets' numbers tell it from
/// `__inet_hash_connect`, which does the reverse, where both leave the same ports taken.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn who_took_all_ports_took_one_half_first() {
    run("who_took_all_ports_took_one_half_first", |place| {
        // On one processor, which numbers them in turn.
        let mut one = nix::sched::CpuSet::new();
        let all = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap();
        let first = (0..nix::sched::CpuSet::count()).find(|&n| all.is_set(n).unwrap());
        one.set(first.unwrap()).unwrap();
        nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &one).unwrap();
        let bound = place.open(&to(A).from("127.0.0.1").mode(Mode::Bind), 40);
        place.expected(&to(B), 0);
        drop(bound);
        set_range(40_100, PORTS);
        let connected = place.open(&to(A), 40);
        place.expected(&to(B), 40);
        drop(connected);
    });
}

/// `inet_is_local_reserved_port`: never given out by themselves.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn reserved_ports_are_not_given_out() {
    run("reserved_ports_are_not_given_out", |place| {
        // Longer than what a first read of a small buffer gets, after which the kernel gives nothing.
        set(
            "ip_local_reserved_ports",
            "22,3306,5432,6379,8080,8443,9090,9100,40003-40007,40039-40100",
        );
        place.exactly(&to(A), 34);
        place.exactly(&to(A).from("127.0.0.1").mode(Mode::Bind), 34);
        place.exactly(&to(A).udp(), 34);
        set("ip_local_reserved_ports", "\n");
    });
}

/// `remaining &= ~1U`: of an odd range one end may be left out; of three ports always, of one never.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn odd_ranges_lose_an_end() {
    run("odd_ranges_lose_an_end", |place| {
        for (size, counts) in [
            (1u16, 1..=1),
            (2, 2..=2),
            (3, 2..=2),
            (5, 4..=5),
            (11, 10..=11),
        ] {
            set_range(40_000, size);
            let size = u32::from(size);
            for flow in [to(A), to(A).from("127.0.0.1").mode(Mode::Bind)] {
                let (min, expected, max) = flow.ask(&[]).bounds();
                let bounds = min.unwrap()..=max;
                assert_eq!(bounds, counts, "{flow:?}");
                assert!(bounds.contains(&expected));
                for _ in 0..4 {
                    let count = flow.count(&place.servers);
                    assert!(counts.contains(&count), "{size}: {count}");
                }
            }
            place.exactly(&to(A).udp(), size);
        }
    });
}

/// `inet_sk_get_local_port_range`: each end of a socket's own range counts if it lies in the namespace's.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn socket_ranges_are_clamped() {
    run("socket_ranges_are_clamped", |place| {
        for (range, count) in [
            (40_000..=40_009, 10),
            (39_990..=40_009, 10),
            (40_030..=50_000, 10),
            (50_000..=50_009, 40),
            // Odd: connect() steps by one in a range of the socket's own.
            (40_010..=40_020, 11),
            (40_010..=40_012, 3),
        ] {
            place.exactly(&to(A).range(range.clone()), count);
            place.exactly(&to(A).udp().range(range), count);
        }
        // bind() does not.
        let bind = to(A).from("127.0.0.1").mode(Mode::Bind);
        place.exactly(&bind.clone().range(40_010..=40_019), 10);
        place.exactly(&bind.range(40_010..=40_012), 2);
    });
}

/// `inet_match`: a socket bound to an interface meets only newcomers bound to it, one that is not meets all.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn interfaces_have_flows_of_their_own() {
    run("interfaces_have_flows_of_their_own", |place| {
        let _bound = place.open(&to(A).device("lo"), 10);
        place.exactly(&to(A).device("lo"), 30);
        place.expected(&to(A), 40);
        let by_proc = to(A).ask(&["--source", "proc"]);
        assert_eq!(by_proc.bounds(), (None, 30, 40), "{by_proc:?}");
        let _unbound = place.open(&to(C), 10);
        place.expected(&to(C), 30);
        place.expected(&to(C).device("lo"), 30);
    });
}

/// `udp_lib_get_port`: one port for each socket, chosen at the wildcard, wherever it connects to.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn udp_has_one_port_for_each_socket() {
    run("udp_has_one_port_for_each_socket", |place| {
        let flow = to(A).udp();
        place.exactly(&flow, 40);
        let _open: Vec<_> = (0..10).map(|_| flow.connect().unwrap()).collect();
        place.exactly(&flow, 30);
        place.exactly(&to(ELSEWHERE).udp(), 30);
        place.exactly(&flow.clone().from("127.0.0.2").mode(Mode::Bind), 40);
        place.exactly(&flow.clone().from("127.0.0.1").mode(Mode::Bind), 30);
        place.exactly(&to(V6).udp(), 30);
        // TCP has ports of its own.
        place.exactly(&to(A), 40);
        let six = rustix::net::socket_with(
            AddressFamily::INET6,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        );
        let six = six.unwrap();
        rustix::net::connect(&six, &at(V6)).unwrap();
        let said = flow.is_expected(&place.servers, 29);
        assert_eq!(said.doubts(), ["v6only"]);
        let said = flow.ask(&["--probe"]);
        assert_eq!(said.bounds(), (Some(29), 29, 29), "{said:?}");
        // An IPv6 socket calls IPv4 addresses from a wildcard that is everybody's, also of those for IPv6 only.
        let bound = |to: &str| {
            let fd = rustix::net::socket_with(
                AddressFamily::INET6,
                SocketType::DGRAM,
                SocketFlags::CLOEXEC,
                None,
            );
            let fd = fd.unwrap();
            rustix::net::bind(&fd, &at(to)).ok().map(|()| fd)
        };
        let is_free = |port: &u16| bound(&format!("[::]:{port}")).is_some();
        let free = (40_000..40_040).find(is_free).unwrap();
        let _only = bound(&format!("[::1]:{free}")).unwrap();
        place.exactly(&to("[::ffff:127.0.0.1]:5001").udp(), 28);
    });
}

/// A UDP socket that is at an address before it asks for a port gets one there: `inet_autobind` after bind() with
/// `IP_BIND_ADDRESS_NO_PORT`.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn udp_from_an_address_has_ports_there() {
    run("udp_from_an_address_has_ports_there", |place| {
        let flow = to(A).udp();
        let _open: Vec<_> = (0..10).map(|_| flow.connect().unwrap()).collect();
        place.exactly(&flow.clone().from("127.0.0.2"), 40);
        place.exactly(&flow.clone().from("127.0.0.1"), 30);
        let _there: Vec<_> = (0..5)
            .map(|_| flow.clone().from("127.0.0.2").connect().unwrap())
            .collect();
        let said = place.exactly(&flow.from("127.0.0.2"), 35);
        assert_eq!(said.0["flow"]["mode"], "connect");
    });
}

/// What closes a port is seen by its traces: an address that is not the route's, a half of the range that is full at it, and company.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn addresses_and_full_halves_tell_who_was_bound() {
    run("addresses_and_full_halves_tell_who_was_bound", |place| {
        let bound = to(A).from("127.0.0.3").mode(Mode::Bind);
        // More than the half that bind() prefers.
        place.time_waits(&bound, 10);
        let _open = place.open(&bound, 16);
        place.expected(&to(C), 14);
        place.expected(&to(V6), 14);
        set_range(41_000, PORTS);
        let open = place.open(&to(A), 30);
        place.expected(&to(B), 40);
        // The same from an address, late: connect() gives them, and shares them.
        let _late = place.open(&to(B).from("127.0.0.3"), 30);
        place.expected(&to(C).from("127.0.0.3"), 40);
        drop(open);
        set_range(42_000, PORTS);
        place.time_waits(&to(A).from("127.0.0.1").mode(Mode::Bind), 30);
        place.expected(&to(B), 10);
    });
}

/// `IP_LOCAL_PORT_RANGE` is in no list, but both parities close together show it.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn sockets_with_a_range_of_their_own_are_told_of() {
    run("sockets_with_a_range_of_their_own_are_told_of", |place| {
        set_range(40_000, 1000);
        let pinned = to(A).range(40_100..=40_119);
        let _open = place.open(&pinned, 19);
        place.exactly(&pinned, 1);
        let said = to(A).ask(&[]);
        assert_eq!(said.bounds(), (Some(981), 981, 981), "{said:?}");
        let note = &said.0["notes"][0];
        assert_eq!(note["kind"], "own-range", "{note}");
        let low = note["range"][0].as_u64().unwrap();
        let high = note["range"][1].as_u64().unwrap();
        assert!(low >= 40_100 && high <= 40_119, "{note}");
        assert_eq!(note["left"].as_u64().unwrap(), high - low + 1 - 19);
        // They leave their ports open to others, and where connect() takes any there is nothing to tell.
        place.expected(&to(B), 1000);
        let _plain = place.open(&to(B), 40);
        assert_eq!(to(B).ask(&[]).0["notes"], serde_json::json!([]));
    });
}

/// What tcp_tw_reuse would bring is told while TIME_WAITs are too young for it.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn young_time_waits_will_be_reusable() {
    run("young_time_waits_will_be_reusable", |place| {
        let remedy = || {
            let said = to(ELSEWHERE).ask(&[]).0;
            let list = said["remedies"].as_array().unwrap();
            let remedy = list.iter().find(|r| r["kind"] == "tw-reuse").unwrap();
            (remedy["gain"].clone(), remedy["within_ms"].clone())
        };
        set("tcp_tw_reuse", 0);
        set("tcp_tw_reuse_delay", 60_000);
        place.time_waits(&to(ELSEWHERE), 10);
        assert_eq!(remedy(), (10.into(), 60_000.into()));
        set("tcp_tw_reuse_delay", 1);
        assert_eq!(remedy(), (10.into(), serde_json::Value::Null));
        set("tcp_tw_reuse", 1);
        place.expected(&to(ELSEWHERE), 40);
    });
}

/// Two of connect()'s sockets at one address prove a bucket open; a third at another address that may be bound does not.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn twins_prove_a_port_open() {
    run("twins_prove_a_port_open", |place| {
        set_range(40_000, 10);
        let _one = place.open(&to(A), 10);
        let _two = place.open(&to(B), 10);
        place.exactly(&to(C), 10);
        let late = to(A).from("127.0.0.7");
        let _late = place.open(&late, 5);
        place.exactly(&to(C), 10);
    });
}
