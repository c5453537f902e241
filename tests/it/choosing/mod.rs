//! A kernel that is asked to leave sockets out leaves out none that may match: random filters on random sockets, and the programs
//! that are made of them in an interpreter of the kernel's kind.

mod kernel;

use ::portctl::collect::choosing::programs;
use ::portctl::filter::{self, Filter, Resolver, Scope, Truth};
use ::portctl::model::{
    CgroupId, Condition, Context, Cookie, Ends, Family, IfIndex, InetEnds, Mark, NoNames, Port,
    Protocol, Queues, Row, Socket, State, Table, Uid,
};
use kernel::{Entry, audit, run};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU64;
use std::ops::RangeInclusive;

struct Names;

impl Resolver for Names {
    fn service(&self, name: &str) -> Option<Vec<(Protocol, u16)>> {
        (name == "two").then(|| vec![(Protocol::Tcp, 22), (Protocol::Udp, 80)])
    }
    fn similar_services(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
    fn host(&self, _: &str) -> Result<Vec<IpAddr>, String> {
        Ok(vec![
            "10.0.0.1".parse().unwrap(),
            "fe80::1".parse().unwrap(),
        ])
    }
    fn interface(&self, name: &str) -> Option<IfIndex> {
        IfIndex::new(u32::from(name == "eth0") * 2)
    }
    fn similar_interfaces(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
    fn user(&self, _: &str) -> Option<Uid> {
        Some(Uid(0))
    }
    fn similar_users(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
    fn cgroup(&self, _: &[u8]) -> Result<u64, String> {
        Ok(77)
    }
    fn ephemeral_ports(&self) -> Option<RangeInclusive<u16>> {
        Some(32768..=60999)
    }
}

const LEAVES: &[&str] = &[
    "sport = 22",
    "sport != 22",
    "dport = :443",
    "dport > 80",
    "dport <= 443",
    "sport < 1",
    "dport in 22,80,440-450",
    "sport not in 22,80,440-450",
    "sport = two",
    "dport != two",
    "dport is ephemeral",
    "src 10.0.0.0/8",
    "dst 10.0.0.1",
    "dst != 10.0.0.1",
    "src 0.0.0.0/0",
    "src ::/0",
    "dst ::ffff:10.0.0.1",
    "dst fe80::/10",
    "dst is private",
    "dst is not global",
    "src host.test:22",
    "src 10/8:22",
    "src inet:10.0.0.1",
    "src inet6:any",
    "src /run/*",
    "dst fe80::1%eth0",
    "dev eth0",
    "dev != 2",
    "dev 0",
    "mark = 1/3",
    "mark != 5",
    "cgroup = /a",
    "cgroup != /a",
    "state time-wait",
    "uid = 0",
    "pid = 1",
    "protocol = udp",
    "family = inet6",
    "autobound",
];

/// Leaves whose programs say exactly the same, without the part of the room that they leave to unknown values.
const EXACT: &[&str] = &[
    "sport = 22",
    "sport != 22",
    "dport > 80",
    "dport <= 443",
    "dport in 22,80,440-450",
    "sport = two",
    "src 10.0.0.0/8",
    "dst != 10.0.0.1",
    "dst fe80::/10",
    "dst is private",
    "dev eth0",
    "dev 0",
    "mark = 1/3",
];

fn filter(leaves: &'static [&'static str]) -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(leaves).prop_map(str::to_owned);
    leaf.prop_recursive(5, 30, 4, |inner| {
        let many = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            inner.prop_map(|a| format!("not ( {a} )")),
            many.clone()
                .prop_map(|p| format!("( {} )", p.join(" and "))),
            many.prop_map(|p| format!("( {} )", p.join(" or "))),
        ]
    })
}

prop_compose! {
    fn socket()(
        protocol in prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Raw]),
        state in prop::sample::select(vec![State::Established, State::TimeWait, State::SynRecv, State::Listen]),
        v4 in any::<bool>(),
        ends in prop::collection::vec(
            (
                prop::sample::select(vec!["0.0.0.0", "10.0.0.1", "10.1.2.3", "192.168.0.1", "8.8.8.8", "254.128.0.0"]),
                prop::sample::select(vec!["::", "fe80::1", "2001::1", "mapped"]),
                prop::sample::select(vec![0u16, 1, 22, 80, 443, 445, 40000, 65535]),
            ),
            2,
        ),
        interface in 0u32..4,
        mark in 0u32..8,
        cgroup in prop::sample::select(vec![77u64, 78]),
        uid in prop::sample::select(vec![None, Some(Uid(0)), Some(Uid(1))]),
    ) -> Socket {
        let address = |n: usize| -> IpAddr {
            let (four, six, _) = ends[n];
            let four: std::net::Ipv4Addr = four.parse().unwrap();
            match six {
                _ if v4 => four.into(),
                "mapped" => four.to_ipv6_mapped().into(),
                six => six.parse::<Ipv6Addr>().unwrap().into(),
            }
        };
        let is_mini = matches!(state, State::TimeWait | State::SynRecv);
        Socket {
            protocol,
            family: if v4 { Family::Inet } else { Family::Inet6 },
            state,
            v6only: None,
            shutdown: None,
            ends: Ends::Inet(InetEnds {
                local: address(0),
                peer: address(1),
                local_port: Port(ends[0].2),
                peer_port: Port(ends[1].2),
                interface: IfIndex::new(interface),
            }),
            queues: Queues::Unknown,
            timer: None,
            uid,
            inode: None,
            cookie: NonZeroU64::new(1).map(Cookie),
            mark: Some(Mark(mark)),
            cgroup: (!is_mini).then(|| NonZeroU64::new(cgroup).map(CgroupId)).flatten(),
            details: None,
        }
    }
}

fn compile(text: &str) -> Filter {
    let tables = Table::ALL.into_iter().collect();
    filter::compile(
        &[text.to_owned()],
        &Scope {
            tables,
            only_listeners: false,
        },
        &Names,
    )
    .unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn truth(filter: &Filter, socket: &Socket) -> Truth {
    let context = Context {
        owners: None,
        names: &NoNames,
    };
    filter.matches(Row { socket, context })
}

/// These must not come to nothing.
#[test]
fn the_kernel_is_asked() {
    let ports: Vec<_> = (0..40).map(|n| (1000 + n * 1500).to_string()).collect();
    let hosts: Vec<_> = (0..40).map(|n| format!("10.0.{n}.1")).collect();
    for text in [
        "dport = 443",
        "not dport = 443",
        "dev eth0",
        "mark = 1/3",
        "cgroup = 77",
        &format!("dport in {}", ports.join(",")),
        &format!("dst in {}", hosts.join(",")),
        &format!("src not in {}", hosts.join(",")),
    ] {
        let conditions = compile(text).conditions();
        assert!(!programs(conditions.of(Protocol::Tcp)).is_empty(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_that_may_match_is_left_out(text in filter(LEAVES), sockets in prop::collection::vec(socket(), 1..20)) {
        let filter = compile(&text);
        let conditions = filter.conditions();
        for socket in sockets {
            let programs = programs(conditions.of(socket.protocol));
            for program in &programs {
                audit(program);
                if !run(program, &Entry::of(&socket)) {
                    prop_assert_eq!(truth(&filter, &socket), Truth::False, "{} on {:?}", text, socket);
                }
            }
        }
    }

    #[test]
    fn what_the_kernel_knows_it_decides(text in filter(EXACT), sockets in prop::collection::vec(socket(), 1..20)) {
        let filter = compile(&text);
        let conditions = filter.conditions();
        for socket in sockets {
            let condition = conditions.of(socket.protocol);
            let programs = programs(condition);
            let trivial = matches!(condition, Condition::Anything | Condition::Nothing);
            prop_assert_eq!(programs.is_empty(), trivial, "{}: {:?}", text, condition);
            if let Some(program) = programs.first() {
                let accepted = run(program, &Entry::of(&socket));
                prop_assert_eq!(accepted, truth(&filter, &socket) == Truth::True, "{} on {:?}", text, socket);
            }
        }
    }
}
