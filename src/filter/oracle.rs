//! Tests of what filters choose, on a scene of model sockets.
//!
//! The first seven sockets are those of the dump that the tests of iproute2 use
//! (`testsuite/tests/ss/ss1.dump`); what `ss` 7.1 says about them is the oracle, except where this
//! language differs on purpose.

use super::{Filter, FilterError, Predicate, Resolver, Scope, Truth, closest};
use crate::model::{
    Context, Ends, Family, IfIndex, InetEnds, Inode, NoNames, Port, Protocol, Queues, Row, Socket,
    SocketKind, State, Table, TableSet, Uid, UnixEnds, UnixName, UnixPeer,
};
use std::net::{IpAddr, SocketAddr};

/// A few names.
pub(super) struct Names;

const SERVICES: &[(&str, &[(Protocol, u16)])] = &[
    ("ssh", &[(Protocol::Tcp, 22)]),
    ("http", &[(Protocol::Tcp, 80)]),
    ("https", &[(Protocol::Tcp, 443), (Protocol::Udp, 443)]),
    ("both", &[(Protocol::Tcp, 512), (Protocol::Udp, 513)]),
    ("ftp-data", &[(Protocol::Tcp, 20)]),
    ("icmp", &[(Protocol::Raw, 1)]),
];

impl Resolver for Names {
    fn service(&self, name: &str) -> Option<Vec<(Protocol, u16)>> {
        let found = SERVICES.iter().find(|s| s.0 == name)?;
        Some(found.1.to_vec())
    }

    fn similar_services(&self, name: &str) -> Vec<String> {
        closest(name, SERVICES.iter().map(|s| s.0))
    }

    fn host(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        let addresses: &[&str] = match name {
            "one.test" => &["10.0.0.2"],
            "two.test" => &["192.0.2.1", "10.0.0.2", "fec0:42::1"],
            "empty.test" => &[],
            _ => return Err("Name or service not known".to_owned()),
        };
        Ok(addresses.iter().map(|a| a.parse().unwrap()).collect())
    }

    fn interface(&self, name: &str) -> Option<IfIndex> {
        IfIndex::new(match name {
            "lo" => 1,
            "eth0" => 2,
            _ => 0,
        })
    }

    fn similar_interfaces(&self, name: &str) -> Vec<String> {
        closest(name, ["lo", "eth0"])
    }

    fn user(&self, name: &str) -> Option<Uid> {
        match name {
            "root" => Some(Uid(0)),
            "app" => Some(Uid(1000)),
            _ => None,
        }
    }

    fn similar_users(&self, name: &str) -> Vec<String> {
        closest(name, ["root", "app"])
    }

    fn cgroup(&self, path: &[u8]) -> Result<u64, String> {
        match path {
            b"/system.slice" => Ok(77),
            b"/A/x-y\xff.scope" => Ok(78),
            _ => Err("No such file or directory".to_owned()),
        }
    }

    fn ephemeral_ports(&self) -> Option<std::ops::RangeInclusive<u16>> {
        Some(32768..=60999)
    }
}

pub(super) fn every_table() -> TableSet {
    Table::ALL.into_iter().collect()
}

fn unix_tables() -> TableSet {
    every_table().filter(|t| t.protocol == Protocol::Unix)
}

pub(super) fn try_compile(text: &str) -> Result<Filter, FilterError> {
    let scope = Scope {
        tables: every_table(),
        only_listeners: false,
    };
    super::compile(&[text.to_owned()], &scope, &Names)
}

pub(super) fn compile(text: &str) -> Filter {
    try_compile(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub(super) fn row(socket: &Socket) -> Row<'_> {
    let context = Context {
        owners: None,
        names: &NoNames,
    };
    Row { socket, context }
}

fn socket(protocol: Protocol, family: Family, state: State, inode: u64, ends: Ends) -> Socket {
    Socket {
        protocol,
        family,
        state,
        v6only: None,
        shutdown: None,
        ends,
        queues: Queues::Unknown,
        timer: None,
        uid: None,
        inode: Inode::new(inode),
        cookie: None,
        mark: None,
        cgroup: None,
        details: None,
    }
}

fn inet(protocol: Protocol, state: State, inode: u64, local: &str, peer: &str) -> Socket {
    let [local, peer] = [local, peer].map(|end| end.parse::<SocketAddr>().unwrap());
    let ends = InetEnds {
        local: local.ip(),
        peer: peer.ip(),
        local_port: Port(local.port()),
        peer_port: Port(peer.port()),
        interface: None,
    };
    let family = if local.is_ipv4() {
        Family::Inet
    } else {
        Family::Inet6
    };
    socket(protocol, family, state, inode, Ends::Inet(ends))
}

pub(super) fn unix(name: UnixName, inode: u64, peer: UnixPeer) -> Socket {
    let kind = SocketKind::Stream;
    let ends = Ends::Unix(UnixEnds { kind, name, peer });
    socket(
        Protocol::Unix,
        Family::Unix,
        State::Established,
        inode,
        ends,
    )
}

/// The sockets that the cases below call by their number.
pub(super) fn scene() -> Vec<Socket> {
    let tcp = |state, local, peer| inet(Protocol::Tcp, state, 411, local, peer);
    let path = |path: &str| UnixName::Path(path.as_bytes().into());
    let peer = |inode| UnixPeer::Inode(Inode::new(inode).unwrap());
    let estab = State::Established;
    vec![
        // 0 to 3: IPv4 of the dump.
        tcp(State::Listen, "0.0.0.0:22", "0.0.0.0:0"),
        tcp(estab, "10.0.0.1:22", "10.0.0.1:36266"),
        tcp(estab, "10.0.0.1:36266", "10.0.0.1:22"),
        tcp(estab, "10.0.0.1:22", "10.0.0.2:50312"),
        // 4 to 6: IPv6 of the dump.
        tcp(State::Listen, "[::]:22", "[::]:0"),
        tcp(estab, "[fec0:42::24]:40520", "[fec0:42::1]:22"),
        tcp(estab, "[fec0:42::24]:22", "[fec0:42::1]:44248"),
        // 7: an IPv6 socket that carries IPv4.
        tcp(estab, "[::ffff:10.0.0.1]:80", "[::ffff:10.0.0.2]:50000"),
        // 8 and 9: UDP and raw.
        inet(
            Protocol::Udp,
            State::Close,
            412,
            "127.0.0.1:513",
            "0.0.0.0:0",
        ),
        inet(Protocol::Raw, State::Close, 413, "0.0.0.0:1", "0.0.0.0:0"),
        // 10 to 13: unix.
        unix(path("/run/dbus/Socket"), 70001, UnixPeer::None),
        unix(UnixName::Abstract(b"bus/x".as_slice().into()), 22, peer(13)),
        unix(UnixName::Unnamed, 13, peer(22)),
        unix(path("/run/a b"), 70002, UnixPeer::Unknown),
    ]
}

fn chosen_by(filter: &Filter, truth: Truth) -> Vec<usize> {
    let says = |s: &Socket| filter.matches(row(s)) == truth;
    let scene = scene().into_iter().enumerate();
    scene.filter(|(_, s)| says(s)).map(|(n, _)| n).collect()
}

/// The numbers of the sockets that a filter shows.
fn shown(text: &str) -> Vec<usize> {
    chosen_by(&compile(text), Truth::True)
}

/// Those of the IPv4 sockets of the dump.
fn shown4(text: &str) -> Vec<usize> {
    let mut shown = shown(text);
    shown.retain(|&n| n < 4);
    shown
}

fn shown_of_unix(text: &str) -> Vec<usize> {
    let scope = Scope {
        tables: unix_tables(),
        only_listeners: false,
    };
    let filter = super::compile(&[text.to_owned()], &scope, &Names).unwrap();
    chosen_by(&filter, Truth::True)
}

fn unknown(text: &str) -> Vec<usize> {
    chosen_by(&compile(text), Truth::Unknown)
}

const NONE: [usize; 0] = [];
const INET: [usize; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const UNIX: [usize; 4] = [10, 11, 12, 13];

fn others(numbers: &[usize]) -> Vec<usize> {
    (0..14).filter(|n| !numbers.contains(n)).collect()
}

#[test]
fn the_cases_of_iproute2() {
    for text in ["dport = 22", "dport 22", "( dport = 22 )"] {
        assert_eq!(shown4(text), [2], "{text}");
    }
    for text in [
        "src = 0.0.0.0",
        "src 0.0.0.0",
        "src 0.0.0.0 sport = 22",
        "src 0.0.0.0 and sport = 22",
    ] {
        assert_eq!(shown4(text), [0], "{text}");
    }
    for text in [
        "src 10.0.0.1 and sport = 22 and dport = 50312",
        "src 10.0.0.1 and sport = 22 and ( dport = 50312 )",
        "src 10.0.0.1 and ( sport = 22 and dport = 50312 )",
        "( src 10.0.0.1 and sport = 22 ) and dport = 50312",
        "( src 0.0.0.0 or src 10.0.0.1 ) and dst 10.0.0.2",
    ] {
        assert_eq!(shown4(text), [3], "{text}");
    }
}

#[test]
fn more_of_what_ss_says() {
    assert_eq!(shown4("not dst 10.0.0.1"), [0, 3]);
    assert_eq!(shown4("not dst 10.0.0.1 sport = 22"), [0, 3]);
    assert_eq!(shown4("dport gt 1024"), [1, 3]);
    assert_eq!(shown4("sport neq 22"), [2]);
    assert_eq!(shown4("src any"), [0, 1, 2, 3]);
    assert_eq!(shown4("src 10/8"), [1, 2, 3]);
    assert_eq!(shown4("src 10"), NONE);
    assert_eq!(shown4("dport = 0"), [0]);
    assert_eq!(shown4("sport ge 23"), [2]);
}

#[test]
fn and_comes_before_or_and_that_is_told() {
    let filter = compile("src 0.0.0.0 or src 10.0.0.1 and dst 10.0.0.2");
    assert_eq!(chosen_by(&filter, Truth::True), [0, 3, 7, 9]);
    assert_eq!(filter.warnings.len(), 1);
    assert_eq!(filter.warnings[0].span.of(&filter.text), filter.text);
}

#[test]
fn operators_on_ports() {
    assert_eq!(shown("sport = 22"), [0, 1, 3, 4, 6, 11]);
    assert_eq!(shown("sport=22"), shown("sport == :22"));
    assert_eq!(shown("sport 0x16"), shown("sport eq 026"));
    assert_eq!(shown("sport != 22"), others(&[0, 1, 3, 4, 6, 11]));
    assert_eq!(shown("not sport = 22"), shown("!sport=22"));
    assert_eq!(shown4("dport < 50312"), [0, 1, 2]);
    assert_eq!(shown4("dport <= 50312"), [0, 1, 2, 3]);
    assert_eq!(shown4("dport > 36266"), [3]);
    assert_eq!(shown4("dport >= 36266"), [1, 3]);
    assert_eq!(shown("sport = *").len(), 14);
    assert_eq!(shown("sport = :*").len(), 14);
    assert_eq!(shown("sport != *"), NONE);
}

#[test]
fn families_of_ports() {
    assert_eq!(shown("sport = inet:22"), [0, 1, 3]);
    assert_eq!(shown("sport = inet6:22"), [4, 6]);
    assert_eq!(shown("sport = inet6::22"), [4, 6]);
    assert_eq!(shown("sport = unix:22"), [11]);
    assert_eq!(shown("sport = inet:*"), [0, 1, 2, 3, 8, 9]);
    assert_eq!(shown("sport != inet:22"), others(&[0, 1, 3]));
}

#[test]
fn services_have_a_number_for_each_protocol() {
    assert_eq!(shown("sport = :ssh"), [0, 1, 3, 4, 6]);
    assert_eq!(shown("sport = both"), [8]);
    assert_eq!(shown("sport = icmp"), [9]);
    assert_eq!(shown("sport > ssh"), [2, 5, 7, 8]);
    assert_eq!(shown("sport != both"), others(&[8]));
    assert_eq!(shown("( dport = :https or sport = :ssh )"), [0, 1, 3, 4, 6]);
    assert_eq!(shown("src 10.0.0.1:ssh"), [1, 3]);
}

#[test]
fn a_service_orders_the_protocols_that_lack_its_name() {
    let of = |text: &str| {
        let filter = compile(text);
        let told: Vec<_> = filter.warnings.iter().map(|w| w.message.clone()).collect();
        (chosen_by(&filter, Truth::True), told)
    };
    assert_eq!(of("sport > ftp-data").0, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(of("dport < ftp-data").0, [0, 4, 8]);
    assert_eq!(of("dport < ftp-data").1, [""; 0]);
    assert_eq!(of("sport = ftp-data"), (Vec::new(), Vec::new()));
    let (chosen, told) = of("sport >= both");
    assert_eq!(chosen, [2, 5, 8]);
    assert!(told[0].contains("512 for TCP and 513 for UDP"), "{told:?}");
    assert_eq!(of("sport = both").1, [""; 0]);
}

#[test]
fn a_name_that_no_socket_asked_for_can_have_is_told() {
    let told = |protocol, text: &str| {
        let tables = every_table().filter(|t| t.protocol == protocol);
        let filter = super::compile(
            &[text.to_owned()],
            &Scope {
                tables,
                only_listeners: false,
            },
            &Names,
        )
        .unwrap();
        let told = filter.warnings.into_iter().map(|w| w.message);
        told.collect::<Vec<_>>().concat()
    };
    assert!(told(Protocol::Tcp, "sport = icmp").contains("for raw only"));
    assert!(told(Protocol::Udp, "sport = ssh").contains("for TCP only"));
    assert!(told(Protocol::Raw, "sport = both").contains("for TCP and UDP only"));
    assert_eq!(told(Protocol::Raw, "sport = icmp"), "");
    assert_eq!(told(Protocol::Udp, "sport < ssh"), "");
    assert_eq!(told(Protocol::Unix, "sport = ssh"), "");
}

#[test]
fn what_tables_show_otherwise_than_filters_read_it_is_told() {
    let told = |text: &str, only_listeners| {
        let scope = Scope {
            tables: every_table(),
            only_listeners,
        };
        let filter = super::compile(&[text.to_owned()], &scope, &Names).unwrap();
        let warnings = filter.warnings.into_iter().map(|w| w.message);
        warnings.collect::<Vec<_>>()
    };
    assert_eq!(
        told("delivery_rate > 100G", false),
        ["'100G' is read as 100GB a second; write 100Gbit for bits, as tables show them"]
    );
    assert_eq!(
        told("recv-q > 0", true),
        ["'recv-q' counts bytes, which listeners have none of; their queue is 'accept_queue'"]
    );
    for text in [
        "recv_queue > 0",
        "delivery_rate > 100Gbit",
        "delivery_rate > 1GB/s",
        "bytes_sent > 1G",
    ] {
        assert!(told(text, false).is_empty(), "{text}");
    }
    assert!(told("accept_queue > 0", true).is_empty());
}

#[test]
fn times_without_a_unit_are_in_that_of_their_field_and_told() {
    let told = |text: &str| {
        let warnings = compile(text).warnings.into_iter().map(|w| w.message);
        warnings.collect::<Vec<_>>()
    };
    assert_eq!(
        told("rtt > 100"),
        ["'rtt > 100' is read as 100 µs; write 100ms for milliseconds"]
    );
    assert_eq!(
        told("timer_expires < 10"),
        ["'timer_expires < 10' is read as 10 ms; write 10us for microseconds, 10s for seconds"]
    );
    assert_eq!(told("rto in 5,10ms,20").len(), 1);
    assert_eq!(told("rtt = 5-10ms").len(), 1);
    for text in [
        "rtt > 0",
        "rtt_us > 100",
        "RTT-US > 100",
        "last_data_recv_ms > 5",
        "rtt > 100us",
        "rtt > .5ms",
        "rtt is none",
        "cwnd > 100",
    ] {
        assert_eq!(told(text), [""; 0], "{text}");
    }
    assert_eq!(
        compile("rtt > 100000").predicate,
        compile("rtt > 100ms").predicate
    );
    assert_eq!(
        compile("timer_expires < 100").predicate,
        compile("timer_expires < 100ms").predicate
    );
}

#[test]
fn inodes_of_unix_sockets() {
    assert_eq!(shown("dport = 13"), [11]);
    assert_eq!(unknown("dport = 13"), [13]);
    assert_eq!(unknown("dport != 13"), [13]);
    assert_eq!(unknown("dport = ssh"), NONE);
    assert_eq!(shown_of_unix("sport = 70001"), [10]);
    assert_eq!(shown_of_unix("sport > 70000"), [10, 13]);
    assert_eq!(shown("sport = unix:70001"), [10]);
}

#[test]
fn addresses_and_networks() {
    assert_eq!(shown("src 10.0.0.1"), [1, 2, 3, 7]);
    assert_eq!(shown("src = 10.0.0.1"), shown("src == 10.0.0.1"));
    assert_eq!(shown("src != 10.0.0.1"), others(&[1, 2, 3, 7]));
    assert_eq!(shown("dst 10.0.0.2/31"), [3, 7]);
    assert_eq!(shown("src 10.0.0.0/255.255.255.0"), [1, 2, 3, 7]);
    assert_eq!(shown("src 0.0.0.0/0"), [0, 1, 2, 3, 7, 8, 9]);
    assert_eq!(shown("src 0x7f.0.0.1"), [8]);
    assert_eq!(shown("src fec0:42::/64"), [5, 6]);
    assert_eq!(shown("src [fec0:42::24]"), [5, 6]);
    assert_eq!(shown("src fec0:42::24/128:22"), [6]);
    assert_eq!(shown("src [fec0:42::/32]:22"), [6]);
    assert_eq!(shown("src [fec0:42::]/32:22"), [6]);
    assert_eq!(shown("src [fec0:42::24]22"), [6]);
    assert_eq!(shown("src fec0:42:0:0:0:0:0:24"), [5, 6]);
    assert_eq!(shown("src ::"), [4]);
    assert_eq!(shown("src ::/0"), [4, 5, 6, 7]);
}

#[test]
fn addresses_with_ports() {
    assert_eq!(shown("src 10.0.0.1:22"), [1, 3]);
    assert_eq!(shown("src 10.0.0.1:*"), [1, 2, 3, 7]);
    assert_eq!(shown("src 10/8:22"), [1, 3]);
    assert_eq!(shown("src *:22"), [0, 1, 3, 4, 6]);
    assert_eq!(shown("src *22"), shown("src :22"));
    assert_eq!(shown("src any:22"), shown("src :ssh"));
    assert_eq!(shown("src inet:*:22"), [0, 1, 3]);
    assert_eq!(shown("src != :22"), others(&[0, 1, 3, 4, 6]));
}

#[test]
fn any_is_every_socket() {
    for text in [
        "src any",
        "dst all",
        "src default",
        "dst *",
        "",
        "state all",
    ] {
        assert_eq!(shown(text).len(), 14, "{text}");
    }
    for text in ["src any", "src *", "src unix:*"] {
        assert_eq!(
            shown_of_unix(text).len(),
            if text.len() > 8 { 4 } else { 14 }
        );
    }
    assert_eq!(shown("src inet:any"), [0, 1, 2, 3, 8, 9]);
    assert_eq!(shown("dst inet6:*"), [4, 5, 6, 7]);
    assert_eq!(shown("dst unix:*"), UNIX);
}

#[test]
fn families_are_never_mixed_up() {
    // The first 32 bits of fec0:42::24.
    assert_eq!(shown("src 254.192.0.66"), NONE);
    assert_eq!(shown("src ::ffff:10.0.0.1"), [7]);
    assert_eq!(shown("src inet:10.0.0.1"), [1, 2, 3]);
    assert_eq!(shown("src inet6:::ffff:10.0.0.1"), [7]);
    assert_eq!(shown("not src inet:any not src inet6:any"), UNIX);
    assert_eq!(shown("src unix:* or src 0.0.0.0/0 or src ::/0").len(), 14);
    assert_eq!(shown("not src unix:*"), INET);
}

#[test]
fn hosts_match_by_any_of_their_addresses() {
    assert_eq!(shown("dst one.test"), [3, 7]);
    assert_eq!(shown("dst two.test"), [3, 5, 6, 7]);
    assert_eq!(shown("dst two.test:22"), [5]);
    assert_eq!(shown("dst inet:two.test"), [3]);
    assert_eq!(shown("dst inet6:two.test"), [5, 6]);
    assert_eq!(shown("dst != two.test"), others(&[3, 5, 6, 7]));
}

#[test]
fn sets_and_ranges() {
    assert_eq!(shown("sport in 22,80"), [0, 1, 3, 4, 6, 7, 11]);
    for text in [
        "sport in (22, 80)",
        "sport in {22,80}",
        "sport = 22,80",
        "sport 22, 80",
        "sport = {22 80}",
        "sport in ssh,22,80",
        "sport in :22,*:80",
        "sport in 20-30,80",
    ] {
        assert_eq!(shown(text), [0, 1, 3, 4, 6, 7, 11], "{text}");
    }
    assert_eq!(shown("sport != 22,80"), others(&[0, 1, 3, 4, 6, 7, 11]));
    assert_eq!(shown("sport not in 22,80"), shown("sport != 22,80"));
    assert_eq!(shown("sport = 1-30"), [0, 1, 3, 4, 6, 9, 11, 12]);
    assert_eq!(shown("dst in 10.0.0.1,fec0:42::/64"), [1, 2, 5, 6]);
    assert_eq!(
        shown("dst not in {10.0.0.1 fec0:42::/64}"),
        others(&[1, 2, 5, 6])
    );
    assert_eq!(shown("state = listen,close"), [0, 4, 8, 9]);
    assert_eq!(shown("state listen,close"), [0, 4, 8, 9]);
    let many: Vec<_> = (1..=60).map(|n| format!("10.0.{n}.0/24")).collect();
    assert_eq!(
        shown(&format!("src in {},10.0.0.1", many.join(","))),
        [1, 2, 3, 7]
    );
}

#[test]
fn a_long_set_of_ports_is_one_lookup() {
    let ports: Vec<_> = (0..10_000).map(|n| (n * 3 + 1).to_string()).collect();
    let set = compile(&format!("sport in {}", ports.join(",")));
    let chain = compile(&format!("sport = {}", ports.join(" or sport = ")));
    assert!(matches!(&set.predicate, Predicate::Port(_)));
    assert_eq!(set.predicate, chain.predicate);
    assert_eq!(chosen_by(&set, Truth::True), [0, 1, 3, 4, 6, 9, 11, 12]);
}

#[test]
fn a_long_set_of_names_is_one_lookup() {
    let names: Vec<_> = (0..10_000).map(|n| format!("p{n}")).collect();
    for (field, other) in [("process", "n*x"), ("context", "*y"), ("path", "/run/*")] {
        let set = compile(&format!("{field} in {},{other}", names.join(",")));
        let list = names.join(&format!(" or {field} = "));
        let chain = compile(&format!("{field} = {list} or {field} = {other}"));
        assert!(
            matches!(
                &set.predicate,
                Predicate::Process(..) | Predicate::Named(..) | Predicate::Name(..)
            ),
            "{field}"
        );
        assert_eq!(set.predicate, chain.predicate, "{field}");
    }
    let set = format!("path in {},/run/*", names.join(","));
    assert_eq!(shown(&set), [10, 13]);
    assert_eq!(shown(&set.replace(" in ", " not in ")), {
        let mut others = others(&[10, 13]);
        others.retain(|n| !unknown(&set).contains(n));
        others
    });
}

#[test]
fn sockets_without_a_connection_have_no_round_trip() {
    let says = |state, text: &str| {
        let socket = inet(Protocol::Tcp, state, 411, "10.0.0.1:22", "0.0.0.0:0");
        compile(text).matches(row(&socket))
    };
    for state in [State::BoundInactive, State::Close] {
        assert_eq!(says(state, "rtt > 100s"), Truth::False);
        assert_eq!(says(state, "rtt is none"), Truth::True);
    }
    assert_eq!(says(State::Established, "rtt > 100s"), Truth::Unknown);
}

#[test]
fn classes_of_addresses_and_ports() {
    assert_eq!(shown("src is loopback"), [8]);
    assert_eq!(shown("src is private"), [1, 2, 3, 7]);
    assert_eq!(shown("src is wildcard"), [0, 4, 9]);
    assert_eq!(shown("src is not private"), others(&[1, 2, 3, 7]));
    assert_eq!(shown("src is global"), NONE);
    assert_eq!(shown("src is private,loopback"), [1, 2, 3, 7, 8]);
    assert_eq!(
        shown("src is not private, loopback"),
        others(&[1, 2, 3, 7, 8])
    );
    assert_eq!(shown("dport is ephemeral"), [1, 3, 6, 7]);
    assert_eq!(shown("sport is well-known"), [0, 1, 3, 4, 6, 7, 8]);
    assert_eq!(shown("sport is Well_Known"), shown("sport is privileged"));
    assert_eq!(shown("autobound"), [2, 5, 12]);
    assert_eq!(shown("not autobound"), others(&[2, 5, 12]));
}

#[test]
fn what_is_global() {
    let global = |address: &str| {
        let mut socket = inet(Protocol::Tcp, State::Established, 1, address, "0.0.0.0:0");
        if address.starts_with('[') {
            socket = inet(Protocol::Tcp, State::Established, 1, address, "[::]:0");
        }
        compile("src is global").matches(row(&socket)) == Truth::True
    };
    for address in ["8.8.8.8:1", "[2606:4700::1]:1", "[::ffff:8.8.8.8]:1"] {
        assert!(global(address), "{address}");
    }
    for address in [
        "10.1.1.1:1",
        "100.64.0.1:1",
        "169.254.1.1:1",
        "224.0.0.1:1",
        "240.0.0.1:1",
        "192.0.2.1:1",
        "[::ffff:10.0.0.1]:1",
        "[2001:db8::1]:1",
        "[fe80::1]:1",
        "[fd00::1]:1",
        "[::1]:1",
    ] {
        assert!(!global(address), "{address}");
    }
}

#[test]
fn what_portctl_and_ss_print_can_be_asked_for() {
    let mut link_local = inet(
        Protocol::Tcp,
        State::Established,
        1,
        "[fe80::5]:5002",
        "[fe80::6]:1",
    );
    link_local.cookie = std::num::NonZeroU64::new(7).map(crate::model::Cookie);
    if let Ends::Inet(ends) = &mut link_local.ends {
        ends.interface = IfIndex::new(2);
    }
    let says = |text: &str| compile(text).matches(row(&link_local));
    for text in [
        "src [fe80::5]%eth0:5002",
        "src [fe80::5%eth0]:5002",
        "src fe80::5%eth0",
        "src fe80::5%if2",
        "src *%eth0:5002",
        "dev eth0",
        "dev 2",
        "dev != lo",
        "local = [fe80::5]%eth0:5002",
    ] {
        assert_eq!(says(text), Truth::True, "{text}");
    }
    for text in ["src fe80::5%lo", "dev lo", "dev 0"] {
        assert_eq!(says(text), Truth::False, "{text}");
    }
    // Through /proc there is neither a cookie nor an interface.
    link_local.cookie = None;
    if let Ends::Inet(ends) = &mut link_local.ends {
        ends.interface = None;
    }
    assert_eq!(compile("dev lo").matches(row(&link_local)), Truth::Unknown);
    assert_eq!(shown("src #13"), [12]);
    assert_eq!(shown("dst #13"), [11]);
    let filter = compile("sport = '*:22'");
    assert_eq!(chosen_by(&filter, Truth::True), [0, 1, 3, 4, 6, 11]);
    assert!(filter.warnings[0].message.contains("any port"));
    assert_eq!(shown("sport = *:*").len(), 14);
}

#[test]
fn hostile_names_as_they_are_shown() {
    let of = |name: UnixName| unix(name, 7, UnixPeer::None);
    let path = |bytes: &[u8]| of(UnixName::Path(bytes.into()));
    let name = |bytes: &[u8]| of(UnixName::Abstract(bytes.into()));
    let says = |text: &str, socket: &Socket| compile(text).matches(row(socket)) == Truth::True;
    let cases: &[(&str, Socket)] = &[
        (r#"src @"abs\x00nul""#, name(b"abs\0nul")),
        (r"src @abs\x00nul", name(b"abs\0nul")),
        (r#"src @"na me""#, name(b"na me")),
        (r"src /tmp/bad\xff\xfeutf", path(b"/tmp/bad\xff\xfeutf")),
        (r#"src "/tmp/bad\xff\xfeutf""#, path(b"/tmp/bad\xff\xfeutf")),
        (r"src /tmp/back\x5cslash", path(b"/tmp/back\\slash")),
        (r#"src "/tmp/q\x22uote""#, path(b"/tmp/q\"uote")),
        (r"src /tmp/\u{202e}x", path("/tmp/\u{202e}x".as_bytes())),
        (r#"src "@at""#, path(b"@at")),
        (r"src \@at", path(b"@at")),
        ("src @at", name(b"at")),
        (r##"src "#12""##, path(b"#12")),
        (r#"src "*""#, path(b"*")),
        ("src /tmp/new\nline", path(b"/tmp/new\nline")),
        (r"path = /tmp/a\x0ab", path(b"/tmp/a\nb")),
    ];
    for (text, socket) in cases {
        assert!(says(text, socket), "{text}");
    }
    assert!(!says(r"src \@at", &name(b"at")));
    assert!(!says("src @at", &path(b"@at")));
}

#[test]
fn bare_ipv6_with_a_port_is_told() {
    let filter = compile("src fec0:42::24:22");
    assert_eq!(chosen_by(&filter, Truth::True), [6]);
    let warning = &filter.warnings[0];
    assert_eq!(warning.span.of(&filter.text), "fec0:42::24:22");
    assert!(warning.message.contains("[fec0:42::24]:22"));
    assert!(warning.message.contains("write '[fec0:42::24:22]'"));
    assert!(compile("src [fec0:42::24]:22").warnings.is_empty());
}

#[test]
fn octal_numbers_are_told() {
    let octal = |text: &str| compile(text).warnings.len();
    assert_eq!(octal("sport = 026"), 1);
    assert_eq!(octal("src 010.0.0.1"), 1);
    assert_eq!(octal("src 10/010"), 1);
    assert_eq!(octal("sport = 22 src 10.0.0.1 dst 0x7f.0/0"), 0);
}

#[test]
fn names_of_unix_sockets() {
    assert_eq!(shown("src /run/dbus/socket"), [10]);
    assert_eq!(shown("src /run/*"), [10, 13]);
    assert_eq!(shown("src /*[st]"), [10]);
    assert_eq!(shown("src unix:*socket"), [10]);
    assert_eq!(shown("src @bus/?"), [11]);
    assert_eq!(shown(r"src /run/a\ b"), [13]);
    assert_eq!(shown("src '/run/a b'"), [13]);
    assert_eq!(shown("src unix:'/run/a b'"), [13]);
    assert_eq!(shown("src '/run/*'"), NONE);
    assert_eq!(shown("src != /run/*"), others(&[10, 13]));
    assert_eq!(shown_of_unix("src *x*"), [11]);
    assert_eq!(shown_of_unix("src *s*"), [10, 11]);
    assert_eq!(shown_of_unix("src ''"), [12]);
    assert_eq!(shown_of_unix("src inet:10.0.0.1"), [1, 2, 3]);
}

#[test]
fn the_peers_name_is_not_known() {
    assert_eq!(unknown("dst /run/*"), [11, 12, 13]);
    assert_eq!(unknown("dst != /run/*"), [11, 12, 13]);
    assert_eq!(shown("dst != /run/*"), others(&[11, 12, 13]));
    assert_eq!(shown("dst unix:"), [10]);
    assert_eq!(unknown("dst /run/* and sport = 13"), [12]);
    assert_eq!(shown("dst /run/* or sport = unix:13"), [12]);
}

#[test]
fn states() {
    assert_eq!(shown("state listening"), [0, 4]);
    assert_eq!(shown("state listen state close"), [0, 4, 8, 9]);
    assert_eq!(shown("STATE Listen sport = 22"), [0, 4]);
    assert_eq!(shown("state listen and sport = 22"), [0, 4]);
    assert_eq!(shown("exclude established"), [0, 4, 8, 9]);
    assert_eq!(shown("excl established exclude listen"), [8, 9]);
    assert_eq!(shown("state all exclude established"), [0, 4, 8, 9]);
    assert_eq!(shown("exclude all"), NONE);
    assert_eq!(shown("sport = 513 or state listen"), [0, 4, 8]);
    assert_eq!(shown("state listen or sport = 513"), [0, 4, 8]);
    assert_eq!(shown("state = listen or sport = 513"), [0, 4, 8]);
    // Words in front make one set, as in `ss`; an `or` behind them joins all of it.
    assert_eq!(
        shown("state listen state close or sport = 22"),
        shown("( state in listen,close ) or sport = 22")
    );
    assert_eq!(
        shown("exclude listen excl close or sport = 22"),
        shown("( state not in listen,close ) or sport = 22")
    );
    assert_eq!(shown("state listen,close or not state all"), [0, 4, 8, 9]);
    assert!(try_compile("state all exclude listen or sport = 22").is_err());
    let many = format!("{}or sport = 22", "state listen ".repeat(100_000));
    assert_eq!(shown(&many), shown("state listen or sport = 22"));
    assert_eq!(shown("state listen sport = 513 or src ::"), [4]);
    assert_eq!(shown("state != established"), [0, 4, 8, 9]);
    assert_eq!(shown("sport = 22 state listening"), [0, 4]);
    assert_eq!(shown("sport = 22 exclude established"), [0, 4]);
}

#[test]
fn a_filter_knows_whether_it_mentions_states() {
    assert!(compile("state all").mentions_state);
    assert!(compile("sport = 22 or not state listen").mentions_state);
    assert!(!compile("sport = 22").mentions_state);
    assert!(!compile("sport = 22").needs_owners);
    let everything = Filter::everything();
    assert!(!everything.mentions_state);
    assert_eq!(chosen_by(&everything, Truth::True).len(), 14);
}

#[test]
fn words_may_come_one_by_one_or_together() {
    let words: Vec<String> = ["state", "listen", "( sport = 22", "or sport=80 )"]
        .map(str::to_owned)
        .to_vec();
    let scope = Scope {
        tables: every_table(),
        only_listeners: false,
    };
    let filter = super::compile(&words, &scope, &Names).unwrap();
    assert_eq!(filter.text, "state listen ( sport = 22 or sport=80 )");
    assert_eq!(chosen_by(&filter, Truth::True), [0, 4]);
}
