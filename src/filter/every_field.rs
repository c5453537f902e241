//! Tests of the fields that are not ends, on sockets whose facts are known, unknown, or known to be nothing.

use super::oracle::{Names, compile, every_table, row};
use super::{Filter, Scope, Truth};
use crate::model::{
    CgroupId, CgroupPath, Context, Cookie, DetailSet, Details, FIELDS, Held, IfIndex, Mark,
    NetlinkDetails, NoNames, OwnDetails, OwnerTable, Pid, Port, Process, Protocol, Queues, Row,
    ScanReport, Shutdown, Socket, State, TcpInfo, TcpMetric, Timer, TimerKind, Uid,
};
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::rc::Rc;

use Truth::{False, True, Unknown};

/// A TCP connection of which everything is known.
fn full() -> Socket {
    let mut socket = super::oracle::scene().remove(1);
    socket.queues = Queues::Bytes {
        recv: 70_000,
        send: 0,
    };
    socket.timer = Some(Timer {
        kind: TimerKind::Keepalive,
        expires_ms: 9_500,
        retransmits: 2,
    });
    socket.uid = Some(Uid(1000));
    socket.cookie = NonZeroU64::new(0x1f).map(Cookie);
    socket.mark = Some(Mark(0x11));
    socket.cgroup = NonZeroU64::new(77).map(crate::model::CgroupId);
    socket.shutdown = Some(Shutdown(3));
    socket
}

fn says(text: &str, socket: &Socket) -> Truth {
    compile(text).matches(row(socket))
}

#[test]
fn known_facts() {
    let socket = full();
    for text in [
        "protocol = tcp",
        "proto in tcp,udp",
        "family = inet",
        "family = ipv4",
        "recv_queue > 0",
        "recv-q >= 64k",
        "recv_queue = 60k-1M",
        "send_queue = 0",
        "retransmits > 1",
        "timer = keepalive",
        "timer_expires < 10s",
        "timer_expires = 9500",
        "expires > 9.4s",
        "uid = 1000",
        "uid in 0,1000-2000",
        "user = app",
        "user = 1000",
        "inode = 411",
        "ino < 412",
        "cookie = 0x1f",
        "mark = 0x11",
        "fwmark 1/0xf",
        "mark in 3,17",
        "cgroup = /system.slice",
        "cgroup = 77",
        "shutdown = both",
        "shutdown is both",
        "state is established",
        "interface is none",
        "timer is not none",
        "not uid is unknown",
    ] {
        assert_eq!(says(text, &socket), True, "{text}");
        let negated = compile(&format!("not ( {text} )"));
        assert_eq!(negated.matches(row(&socket)), False, "not {text}");
    }
    for text in [
        "protocol != tcp",
        "family = unix",
        "type = stream",
        "recv_queue < 64k",
        "accept_queue >= 0",
        "timer = on",
        "uid != 1000",
        "user = root",
        "mark = 1",
        "mark = 0x11/0xf",
        "cgroup != 77",
        "v6only = yes",
        "path = *",
        "interface = eth*",
    ] {
        assert_eq!(says(text, &socket), False, "{text}");
    }
}

#[test]
fn facts_that_nobody_can_tell() {
    let mut socket = super::oracle::scene().remove(1);
    socket.inode = None;
    for text in [
        "recv_queue = 0",
        "recv_queue != 0",
        "uid = 0",
        "user = root",
        "cookie = 1",
        "mark = 0",
        "mark != 0",
        "cgroup = 77",
        "shutdown = none",
        "dev eth0",
        "pid = 1",
        "pid != 1",
        "process = nginx",
        "process is orphan",
        "uid is none",
    ] {
        assert_eq!(says(text, &socket), Unknown, "{text}");
    }
    assert_eq!(says("uid is unknown", &socket), True);
    assert_eq!(says("inode is none", &socket), True);
    assert_eq!(says("timer is none", &socket), True);
}

#[test]
fn listeners_have_an_accept_queue() {
    let mut socket = full();
    socket.state = State::Listen;
    socket.queues = Queues::Accept {
        length: 3,
        limit: Some(128),
    };
    assert_eq!(says("accept_queue > 2 backlog_limit = 128", &socket), True);
    assert_eq!(says("recv_queue >= 0", &socket), False);
}

/// nginx with pid 812 holds the socket as descriptors 7 and 8, its worker 813 as 7.
fn owners(socket: &Socket) -> OwnerTable {
    let mut table = OwnerTable::new();
    let process = |pid, name: &str| Process {
        pid: Pid(pid),
        name: Some(name.as_bytes().into()),
        uid: Some(Uid(33)),
    };
    let held = |fd| Held::descriptor(socket.inode.unwrap(), fd);
    table.add(process(813, "nginx: worker x"), None, &[held(7)]);
    table.add(process(812, "nginx"), None, &[held(7), held(8)]);
    table
}

fn says_with(filter: &Filter, socket: &Socket, owners: &OwnerTable) -> Truth {
    let context = Context {
        owners: Some(owners),
        names: &NoNames,
    };
    filter.matches(Row { socket, context })
}

#[test]
fn any_holder_will_do() {
    let socket = full();
    let table = owners(&socket);
    for (text, truth) in [
        ("pid = 812", True),
        ("pid = 813", True),
        ("pid in 1,813", True),
        ("pid > 813", False),
        ("pid != 812", False),
        ("process = nginx", True),
        ("process = NGINX*", True),
        ("process = 'nginx: worker xyz'", True),
        ("process = apache", False),
        ("fd = 8", True),
        ("fd > 8", False),
        ("process is none", False),
        ("process is orphan", False),
        ("process is unknown", False),
    ] {
        let filter = compile(text);
        assert!(filter.needs_owners, "{text}");
        assert_eq!(says_with(&filter, &socket, &table), truth, "{text}");
    }
    let cut = compile("process = 'nginx: worker xyz'");
    assert!(cut.warnings[0].message.contains("'nginx: worker x'"));
}

#[test]
fn sockets_without_a_process() {
    let mut socket = full();
    socket.state = State::TimeWait;
    socket.inode = None;
    let table = OwnerTable::new();
    let ask = |text: &str| says_with(&compile(text), &socket, &table);
    assert_eq!(ask("process is none"), True);
    assert_eq!(ask("process is time-wait"), True);
    assert_eq!(ask("process is orphan"), False);
    assert_eq!(ask("pid = 1"), False);
    assert_eq!(ask("pid != 1"), True);

    let socket = full();
    let mut hidden = OwnerTable::new();
    hidden.set_report(ScanReport {
        hidden_processes: 1,
        ..ScanReport::default()
    });
    let ask = |text: &str| says_with(&compile(text), &socket, &hidden);
    assert_eq!(ask("process = nginx"), Unknown);
    assert_eq!(ask("process is unknown"), True);
}

#[test]
fn names_are_looked_up_for_patterns_only() {
    struct Known;
    impl crate::model::Names for Known {
        fn user(&self, uid: Uid) -> Option<Rc<[u8]>> {
            (uid.0 == 1000).then(|| b"app"[..].into())
        }
        fn interface(&self, _: IfIndex) -> Option<Rc<[u8]>> {
            Some(b"eth0"[..].into())
        }
        fn service(&self, _: Protocol, _: Port) -> Option<Rc<[u8]>> {
            None
        }
        fn host(&self, _: IpAddr) -> Option<Rc<[u8]>> {
            None
        }
        fn cgroup(&self, id: CgroupId) -> CgroupPath {
            match id.0.get() {
                77 => CgroupPath::Known(b"/system.slice/nginx.service"[..].into()),
                78 => CgroupPath::Gone,
                _ => CgroupPath::Hidden,
            }
        }
    }
    let mut socket = full();
    if let crate::model::Ends::Inet(ends) = &mut socket.ends {
        ends.interface = IfIndex::new(2);
    }
    let context = Context {
        owners: None,
        names: &Known,
    };
    let ask = |text: &str| {
        compile(text).matches(Row {
            socket: &socket,
            context,
        })
    };
    assert_eq!(ask("user = a*"), True);
    assert_eq!(ask("user = b*"), False);
    assert_eq!(ask("dev eth*"), True);
    assert_eq!(ask("dev veth*"), False);
    assert_eq!(ask("dev in lo,eth*"), True);

    for (id, truths) in [
        (77, [True, False, False, False]),
        (78, [False, False, True, False]),
        (79, [Unknown, Unknown, Unknown, Unknown]),
        (0, [Unknown, Unknown, Unknown, Unknown]),
    ] {
        socket.cgroup = NonZeroU64::new(id).map(CgroupId);
        let ask = |text: &str| {
            let filter = compile(text);
            assert!(filter.needs_details.has(DetailSet::CGROUP), "{text}");
            filter.matches(Row {
                socket: &socket,
                context,
            })
        };
        let answers = [
            "cgroup = /system.slice/*",
            "cgroup = *.scope",
            "cgroup = gone",
            "cgroup = none",
        ]
        .map(ask);
        assert_eq!(answers, truths, "{id}");
    }
}

/// The file system knows a group by its bytes and their case, with a wildcard or without.
#[test]
fn a_control_group_is_read_in_one_way() {
    struct Known;
    impl crate::model::Names for Known {
        fn cgroup(&self, _: CgroupId) -> CgroupPath {
            CgroupPath::Known(b"/A/x-y\xff.scope"[..].into())
        }
    }
    let mut socket = full();
    socket.cgroup = NonZeroU64::new(78).map(CgroupId);
    let context = Context {
        owners: None,
        names: &Known,
    };
    for (text, truth) in [
        (r"cgroup = /A/x\x2dy\xff.scope", True),
        (r"cgroup = /A/x\x2dy\xff.*", True),
        (r"cgroup = /A/x\-y?.scope", True),
        (r"cgroup = /[A]/*", True),
        (r"cgroup = /a/x\x2dy\xff.*", False),
        (r"cgroup = *.SCOPE", False),
        (r"cgroup = /[a]/*", False),
        (r"cgroup != /A/*", False),
    ] {
        let row = Row {
            socket: &socket,
            context,
        };
        assert_eq!(compile(text).matches(row), truth, "{text}");
    }
}

/// A rate is made of three counters: without one it is unknown, and with all before the first round trip there is none.
#[test]
fn a_rate_of_counters_that_were_not_sent() {
    let mut socket = full();
    let mut ask = |counters: &[(TcpMetric, u64)]| {
        let tcp = Some(TcpInfo::of(counters));
        socket.details = Some(Box::new(Details {
            tcp,
            ..Details::default()
        }));
        ["send_rate > 0", "send_rate is none"].map(|text| says(text, &socket))
    };
    use TcpMetric::{CaState, Rtt, SndCwnd, SndMss, State};
    let base = [(State, 1), (CaState, 0), (SndCwnd, 10), (SndMss, 1448)];
    let with_rtt = |rtt| [&base[..], &[(Rtt, rtt)]].concat();
    assert_eq!(ask(&with_rtt(4_000)), [True, False]);
    assert_eq!(ask(&with_rtt(0)), [False, True]);
    assert_eq!(ask(&base), [Unknown, Unknown]);
}

/// Of a list, a filter asks for one; of one that is known in part, the others are unknown.
#[test]
fn one_of_a_list() {
    let mut socket = super::oracle::scene().remove(0);
    socket.protocol = Protocol::Netlink;
    for (groups_up_to, other) in [(None, False), (Some(32), Unknown)] {
        let own = NetlinkDetails {
            groups: Some(vec![1, 15]),
            groups_up_to,
            flags: None,
        };
        let details = Details {
            own: Some(Box::new(OwnDetails::Netlink(own))),
            ..Details::default()
        };
        socket.details = Some(Box::new(details));
        for (text, truth) in [
            ("netlink_groups = 1", True),
            ("netlink_groups = 15", True),
            ("netlink_groups in 3,15", True),
            ("netlink_groups != 15", False),
            ("netlink_groups = 5", other),
            ("netlink_groups != 5", !other),
            ("netlink_groups = ?", True),
        ] {
            assert_eq!(says(text, &socket), truth, "{text}");
        }
    }
}

#[test]
fn every_field_has_a_condition_that_its_help_shows() {
    struct Lenient;
    impl super::Resolver for Lenient {
        fn service(&self, name: &str) -> Option<Vec<(Protocol, u16)>> {
            Names.service(name)
        }
        fn similar_services(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
        fn host(&self, name: &str) -> Result<Vec<IpAddr>, String> {
            Names.host(name)
        }
        fn interface(&self, name: &str) -> Option<IfIndex> {
            Names.interface(name)
        }
        fn similar_interfaces(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
        fn user(&self, _: &str) -> Option<Uid> {
            Some(Uid(1))
        }
        fn similar_users(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
        fn cgroup(&self, _: &[u8]) -> Result<u64, String> {
            Ok(1)
        }
        fn ephemeral_ports(&self) -> Option<std::ops::RangeInclusive<u16>> {
            None
        }
    }
    let scope = Scope {
        tables: every_table(),
        only_listeners: false,
    };
    for field in FIELDS {
        for text in [
            super::kind::example(field.id).into_owned(),
            format!("{} is none", field.name),
            format!("{} is not unknown", field.name),
        ] {
            // A state is never nothing.
            if field.name == "state" && text.contains(" is ") {
                continue;
            }
            let filter = super::compile(std::slice::from_ref(&text), &scope, &Lenient);
            let filter = filter.unwrap_or_else(|e| panic!("{text}: {e}"));
            let owned = field.needs_owners;
            assert_eq!(filter.needs_owners, owned, "{text}");
            let _ = filter.matches(row(&full()));
        }
    }
    let error = super::compile(&["sport is ephemeral".to_owned()], &scope, &Lenient).unwrap_err();
    assert!(error.hint().unwrap().contains("32768-60999"));
}
