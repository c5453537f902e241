//! Bind rules on made-up sockets: what real sockets and bind(2) say to the same is in `tests/it/live_why`.

use super::meet::{Overlap, meet};
use super::{Answer, Evidence, Remedy, Verdict, forwards_to, port};
use crate::model::{
    BindError, BindFacts, BindOutcome, BindTarget, BindTrial, BindUser, BindVariant, CgroupId,
    Ends, EphemeralPorts, Family, Held, IfIndex, InetEnds, Inode, Listeners, OwnerTable, Pid,
    Place, Port, Process, ProcessDetail, Protocol, Queues, Redirects, RouteKind, Socket, State,
    Table, Timer, TimerKind, Uid,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const PORT: Port = Port(8080);

pub(super) fn socket(
    protocol: Protocol,
    state: State,
    local: &str,
    v6only: Option<bool>,
) -> Socket {
    let local: IpAddr = local.parse().unwrap();
    let (family, peer) = match local {
        IpAddr::V4(_) => (Family::Inet, IpAddr::from(Ipv4Addr::UNSPECIFIED)),
        IpAddr::V6(_) => (Family::Inet6, Ipv6Addr::UNSPECIFIED.into()),
    };
    Socket {
        protocol,
        family,
        state,
        v6only,
        shutdown: None,
        ends: Ends::Inet(InetEnds {
            local,
            peer,
            local_port: PORT,
            peer_port: Port(0),
            interface: None,
        }),
        queues: Queues::Unknown,
        timer: None,
        uid: Some(Uid(1000)),
        inode: Inode::new(7),
        cookie: None,
        mark: None,
        cgroup: None,
        details: None,
    }
}

fn connected(mut socket: Socket, peer: &str, port: u16) -> Socket {
    if let Ends::Inet(ends) = &mut socket.ends {
        (ends.peer, ends.peer_port) = (peer.parse().unwrap(), Port(port));
    }
    socket
}

fn time_wait(local: &str, ms: u32) -> Socket {
    let mut socket = connected(
        socket(Protocol::Tcp, State::TimeWait, local, None),
        "10.0.0.9",
        40000,
    );
    (socket.inode, socket.uid) = (None, None);
    socket.timer = Some(Timer {
        kind: TimerKind::TimeWait,
        expires_ms: ms,
        retransmits: 0,
    });
    socket
}

fn facts() -> BindFacts {
    BindFacts {
        unprivileged_start: Some(1024),
        ephemeral: Some(EphemeralPorts {
            range: 32768..=60999,
            reserved: Some(vec![]),
        }),
        addresses: Some(Vec::new()),
        no_local_table: Some(false),
        routes: vec![(Ipv4Addr::new(192, 0, 2, 1), RouteKind::Elsewhere)],
        ipv6: true,
        lists_bound: Some(true),
        ..BindFacts::default()
    }
}

pub(super) struct Case {
    pub(super) sockets: Vec<Socket>,
    pub(super) facts: BindFacts,
    pub(super) uid: u32,
    pub(super) redirects: Redirects,
    trials: Vec<BindTrial>,
    missing: Vec<Table>,
}

impl Case {
    pub(super) fn with(sockets: Vec<Socket>) -> Self {
        Self {
            sockets,
            facts: facts(),
            uid: 1000,
            redirects: Redirects::default(),
            trials: Vec::new(),
            missing: Vec::new(),
        }
    }

    pub(super) fn ask(
        &self,
        protocol: Protocol,
        port_number: Port,
        address: Option<&str>,
    ) -> Answer {
        let mut listeners = Listeners::default();
        self.sockets.iter().for_each(|s| listeners.note(s));
        let evidence = Evidence {
            sockets: &self.sockets,
            listeners: &listeners,
            owners: &OwnerTable::new(),
            details: &[],
            units: &[],
            facts: &self.facts,
            user: BindUser {
                uid: Uid(self.uid),
                privileged: Some(self.uid == 0),
                is_foreign: false,
            },
            trials: &self.trials,
            redirects: Some(&self.redirects),
            missing: &self.missing,
        };
        let addresses: Vec<_> = address
            .into_iter()
            .map(|a| (a.parse().unwrap(), None))
            .collect();
        port(&evidence, &[protocol], port_number, &addresses)
    }

    pub(super) fn tcp(&self, address: Option<&str>) -> Answer {
        self.ask(Protocol::Tcp, PORT, address)
    }
}

pub(super) fn kinds(answer: &Answer) -> Vec<(&'static str, Option<bool>)> {
    answer
        .reasons
        .iter()
        .map(|r| (r.kind.word(), r.blocking))
        .collect()
}

/// Measured with bind(2) on Linux 6.18.
#[test]
fn addresses_meet_as_in_the_kernel() {
    use Overlap::{
        AskedAny, AskedDualStack, DualStack, HolderAny, Mapped, OtherAddress, Same, StandIn, V6only,
    };
    let listen = |local, v6only| socket(Protocol::Tcp, State::Listen, local, v6only);
    let client = connected(
        socket(Protocol::Tcp, State::Established, "::1", None),
        "::1",
        9,
    );
    for (holder, asked, v6only, meets, overlap) in [
        (
            listen("0.0.0.0", None),
            "127.0.0.1",
            false,
            Some(true),
            HolderAny,
        ),
        (
            listen("0.0.0.0", None),
            "::1",
            false,
            Some(false),
            OtherAddress,
        ),
        (listen("0.0.0.0", None), "::", true, Some(false), V6only),
        (
            listen("0.0.0.0", None),
            "::",
            false,
            Some(true),
            AskedDualStack,
        ),
        (
            listen("127.0.0.1", None),
            "127.0.0.2",
            false,
            Some(false),
            OtherAddress,
        ),
        (
            listen("127.0.0.1", None),
            "0.0.0.0",
            false,
            Some(true),
            AskedAny,
        ),
        (
            listen("127.0.0.1", None),
            "::ffff:127.0.0.1",
            false,
            Some(true),
            Mapped,
        ),
        (
            listen("::", Some(false)),
            "0.0.0.0",
            false,
            Some(true),
            DualStack,
        ),
        (
            listen("::", Some(false)),
            "127.0.0.1",
            false,
            Some(true),
            DualStack,
        ),
        (
            listen("::", Some(true)),
            "0.0.0.0",
            false,
            Some(false),
            V6only,
        ),
        (listen("::", None), "0.0.0.0", false, None, DualStack),
        (listen("::", Some(true)), "::", true, Some(true), Same),
        (
            listen("::", Some(true)),
            "::1",
            false,
            Some(true),
            HolderAny,
        ),
        (
            listen("::1", Some(true)),
            "0.0.0.0",
            false,
            Some(false),
            StandIn,
        ),
        (
            listen("::ffff:127.0.0.1", Some(false)),
            "127.0.0.1",
            false,
            Some(true),
            Mapped,
        ),
        (
            listen("::ffff:127.0.0.1", Some(false)),
            "127.0.0.2",
            false,
            Some(false),
            OtherAddress,
        ),
        (client.clone(), "0.0.0.0", false, None, StandIn),
        (
            client.clone(),
            "127.0.0.6",
            false,
            Some(false),
            OtherAddress,
        ),
        (client, "::1", false, Some(true), Same),
    ] {
        let target = BindTarget {
            protocol: Protocol::Tcp,
            address: asked.parse().unwrap(),
            port: PORT,
            interface: None,
            v6only,
        };
        let found = meet(&target, &holder);
        assert_eq!(
            (found.meets, found.overlap),
            (meets, overlap),
            "{asked} {holder:?}"
        );
    }
}

#[test]
fn another_interface_is_not_in_the_way() {
    let mut holder = socket(Protocol::Tcp, State::Listen, "0.0.0.0", None);
    if let Ends::Inet(ends) = &mut holder.ends {
        ends.interface = IfIndex::new(1);
    }
    let mut target = BindTarget::any_v4(Protocol::Tcp, PORT);
    assert_eq!(meet(&target, &holder).meets, Some(true));
    target.interface = IfIndex::new(2);
    assert_eq!(meet(&target, &holder).overlap, Overlap::OtherDevice);
}

#[test]
fn a_listener_blocks_whatever_the_options() {
    let case = Case::with(vec![socket(
        Protocol::Tcp,
        State::Listen,
        "::",
        Some(false),
    )]);
    let answer = case.tcp(None);
    assert_eq!(
        (answer.verdict, answer.root),
        (Verdict::Blocked, Verdict::Blocked)
    );
    assert_eq!(kinds(&answer), [("listener", Some(true))]);
    // One user may share it by SO_REUSEPORT, if the listener set it; root may not.
    let outcome = |user, variant| {
        let found = |b: &&super::Bind| b.user == user && b.variant == variant;
        answer.binds.iter().find(found).unwrap().outcome
    };
    let in_use = BindOutcome::Refused(BindError::InUse);
    assert_eq!(outcome(super::As::Caller, BindVariant::ReuseAddr), in_use);
    assert_eq!(
        outcome(super::As::Caller, BindVariant::ReusePort),
        BindOutcome::Unknown
    );
    assert_eq!(outcome(super::As::Root, BindVariant::ReusePort), in_use);
}

#[test]
fn what_only_options_decide_is_unknown_until_it_is_tried() {
    let mut case = Case::with(vec![
        time_wait("10.0.0.1", 1500),
        time_wait("10.0.0.1", 41_000),
    ]);
    let answer = case.tcp(None);
    assert_eq!(answer.verdict, Verdict::Unknown);
    assert_eq!(kinds(&answer), [("time-wait", None)]);
    let reason = &answer.reasons[0];
    assert_eq!((reason.sockets.len(), reason.until_ms), (2, Some(41_000)));
    assert_eq!(
        reason.remedies,
        [
            Remedy::Wait { ms: 41_000 },
            Remedy::SetReuseAddr,
            Remedy::Try
        ]
    );
    assert_eq!(answer.parts[0].error, Some(BindError::InUse));
    for (outcome, verdict, blocking) in [
        (BindOutcome::Ok, Verdict::Free, Some(false)),
        (
            BindOutcome::Refused(BindError::InUse),
            Verdict::Blocked,
            Some(true),
        ),
    ] {
        case.trials = [
            BindTarget::any_v4(Protocol::Tcp, PORT),
            BindTarget::any_v6(Protocol::Tcp, PORT, false),
        ]
        .into_iter()
        .flat_map(|target| {
            BindVariant::ALL.map(|variant| BindTrial {
                target,
                variant,
                outcome: match variant {
                    BindVariant::ReuseAddr => outcome,
                    _ => BindOutcome::Refused(BindError::InUse),
                },
            })
        })
        .collect();
        let answer = case.tcp(None);
        assert_eq!((answer.verdict, answer.root), (verdict, verdict));
        assert_eq!(kinds(&answer), [("time-wait", blocking)]);
        assert_eq!(answer.parts[0].needs_reuseaddr, verdict == Verdict::Free);
    }
}

#[test]
fn the_client_end_is_told_from_the_servers() {
    let mut client = socket(Protocol::Tcp, State::Established, "10.0.0.1", None);
    if let Ends::Inet(ends) = &mut client.ends {
        ends.local_port = Port(40000);
    }
    let client = connected(client, "10.0.0.9", 443);
    let answer = Case::with(vec![client]).ask(Protocol::Tcp, Port(40000), None);
    assert_eq!(answer.verdict, Verdict::Blocked);
    assert_eq!(
        kinds(&answer),
        [
            ("outgoing-connection", Some(true)),
            ("ephemeral-port", Some(false))
        ]
    );
    let server = connected(
        socket(Protocol::Tcp, State::Established, "10.0.0.1", None),
        "10.0.0.9",
        40000,
    );
    let answer = Case::with(vec![server.clone()]).tcp(None);
    assert_eq!(kinds(&answer), [("connection-without-listener", None)]);
    assert_eq!(answer.verdict, Verdict::Unknown);
    let listener = socket(Protocol::Tcp, State::Listen, "0.0.0.0", None);
    let answer = Case::with(vec![server, listener]).tcp(None);
    assert_eq!(
        kinds(&answer),
        [("listener", Some(true)), ("accepted-connection", None)]
    );
    let client = connected(
        socket(Protocol::Udp, State::Established, "10.0.0.1", None),
        "10.0.0.9",
        53,
    );
    let answer = Case::with(vec![client]).ask(Protocol::Udp, Port(53), None);
    assert_eq!(
        (answer.elsewhere, answer.clients.len(), answer.holders.len()),
        (1, 0, 0)
    );
}

#[test]
fn rights_and_addresses_come_before_sockets() {
    let case = Case::with(Vec::new());
    let answer = case.ask(Protocol::Tcp, Port(80), None);
    assert_eq!(
        (answer.verdict, answer.root),
        (Verdict::Blocked, Verdict::Free)
    );
    assert_eq!(kinds(&answer), [("privileged-port", Some(true))]);
    assert_eq!(answer.parts[0].error, Some(BindError::Access));
    for (address, kind, error) in [
        ("192.0.2.1", "address-not-local", BindError::NotAvailable),
        ("2001:db8::1", "address-not-local", BindError::NotAvailable),
        ("fe80::1", "scope-missing", BindError::Invalid),
        ("ff02::1", "address-invalid", BindError::Invalid),
    ] {
        let answer = case.tcp(Some(address));
        assert_eq!(kinds(&answer), [(kind, Some(true))], "{address}");
        assert_eq!(answer.parts[0].error, Some(error), "{address}");
        assert_eq!(answer.root, Verdict::Blocked);
    }
    assert_eq!(case.tcp(Some("127.1.2.3")).verdict, Verdict::Free);
    assert_eq!(
        case.tcp(Some("10.9.9.9")).verdict,
        Verdict::Unknown,
        "nobody could tell"
    );
}

#[test]
fn what_was_not_seen_is_not_taken_for_free() {
    let mut case = Case::with(Vec::new());
    assert_eq!(case.tcp(None).verdict, Verdict::Free);
    case.facts.lists_bound = Some(false);
    let answer = case.tcp(None);
    assert_eq!(answer.verdict, Verdict::Unknown);
    assert_eq!(kinds(&answer), [("bound-sockets-not-listed", None)]);
    case.missing = vec![Table::new(Protocol::Udp, Family::Inet)];
    let answer = case.ask(Protocol::Udp, PORT, None);
    assert_eq!(kinds(&answer), [("table-unavailable", None)]);
}

#[test]
fn what_was_tried_and_refused_is_no_remedy() {
    let bound = socket(Protocol::Tcp, State::BoundInactive, "10.0.0.1", None);
    let mut case = Case::with(vec![bound]);
    let advised = |case: &Case| {
        let answer = case.tcp(Some("10.0.0.1"));
        answer.reasons[0].remedies.contains(&Remedy::SetReuseAddr)
    };
    assert!(advised(&case));
    let target = BindTarget {
        address: "10.0.0.1".parse().unwrap(),
        ..BindTarget::any_v4(Protocol::Tcp, PORT)
    };
    let refused = BindTrial {
        target,
        variant: BindVariant::ReuseAddr,
        outcome: BindOutcome::Refused(BindError::InUse),
    };
    case.trials = vec![refused];
    assert!(!advised(&case));
    // Where others are in the way too, it says nothing of this one.
    let listener = socket(Protocol::Tcp, State::Listen, "0.0.0.0", None);
    let bound = socket(Protocol::Tcp, State::BoundInactive, "10.0.0.1", None);
    case = Case::with(vec![bound, listener]);
    case.trials = vec![refused];
    let answer = case.tcp(Some("10.0.0.1"));
    let reason = answer.reasons.iter().find(|r| r.sockets == [0]).unwrap();
    assert!(
        reason.remedies.contains(&Remedy::SetReuseAddr),
        "{reason:?}"
    );
}

#[test]
fn a_port_taken_between_reading_and_trying_is_told() {
    let target = BindTarget::any_v4(Protocol::Tcp, PORT);
    let tried = |outcome| {
        BindVariant::ALL
            .map(|variant| BindTrial {
                target,
                variant,
                outcome,
            })
            .to_vec()
    };
    let mut case = Case::with(Vec::new());
    case.trials = tried(BindOutcome::Refused(BindError::InUse));
    let answer = case.tcp(Some("0.0.0.0"));
    assert_eq!(answer.verdict, Verdict::Blocked);
    assert_eq!(kinds(&answer), [("taken-meanwhile", Some(true))]);
    case.trials = tried(BindOutcome::Refused(BindError::NotPermitted));
    assert_eq!(kinds(&case.tcp(Some("0.0.0.0"))), [("refused", Some(true))]);

    let mut case = Case::with(vec![socket(Protocol::Tcp, State::Listen, "0.0.0.0", None)]);
    case.trials = tried(BindOutcome::Ok);
    let answer = case.tcp(Some("0.0.0.0"));
    assert_eq!(answer.verdict, Verdict::Free);
    assert_eq!(
        kinds(&answer),
        [("listener", Some(false)), ("gone-meanwhile", Some(false))]
    );
}

#[test]
fn docker_proxies_tell_where_they_lead() {
    let words =
        |text: &str| -> Vec<Vec<u8>> { text.split(' ').map(|w| w.as_bytes().to_vec()).collect() };
    let proxy = "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 18080 -container-ip 10.251.0.2 -container-port 80";
    assert_eq!(
        forwards_to(&words(proxy)),
        Some("10.251.0.2:80".parse().unwrap())
    );
    assert_eq!(
        forwards_to(&words("docker-proxy -container-ip x -container-port 80")),
        None
    );
    assert_eq!(forwards_to(&words("docker-proxy -container-port")), None);
    assert_eq!(
        forwards_to(&words("nginx -container-ip 10.0.0.1 -container-port 80")),
        None
    );
}

/// systemd puts the socket of a socket unit into the unit's control group, and holds it itself.
#[test]
fn socket_units_are_named_by_the_group_of_their_socket() {
    let group = |n| CgroupId(std::num::NonZeroU64::new(n).unwrap());
    let remedies = |unit: &[u8], of: u64| {
        let mut held = socket(Protocol::Tcp, State::Listen, "0.0.0.0", None);
        held.cgroup = Some(group(77));
        let mut owners = OwnerTable::new();
        let manager = Process {
            pid: Pid(1),
            name: Some(b"systemd"[..].into()),
            uid: Some(Uid(0)),
        };
        owners.add(
            manager,
            None,
            &[Held::descriptor(Inode::new(7).unwrap(), 3)],
        );
        let detail = ProcessDetail {
            pid: Pid(1),
            command: None,
            started_at: None,
            place: Some(Place {
                path: b"/init.scope".to_vec(),
                unit: Some(b"init.scope".to_vec()),
                ..Place::default()
            }),
            parent: None,
        };
        let mut listeners = Listeners::default();
        listeners.note(&held);
        let evidence = Evidence {
            sockets: &[held],
            listeners: &listeners,
            owners: &owners,
            details: &[detail],
            units: &[(group(of), unit.to_vec())],
            facts: &BindFacts::default(),
            user: BindUser {
                uid: Uid(0),
                privileged: Some(true),
                is_foreign: false,
            },
            trials: &[],
            redirects: None,
            missing: &[],
        };
        let answer = port(&evidence, &[Protocol::Tcp], PORT, &[]);
        answer.reasons[0].remedies[0].clone()
    };
    let told = |unit: Option<&[u8]>| Remedy::StopSocketUnit {
        unit: unit.map(<[u8]>::to_vec),
        user: false,
    };
    assert_eq!(remedies(b"x.socket", 77), told(Some(b"x.socket")));
    assert_eq!(remedies(b"x.socket", 78), told(None));
    assert_eq!(remedies(b"init.scope", 77), told(None));
}
