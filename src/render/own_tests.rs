//! Details that only one protocol has, below rows, in records and in JSON, compared with files under `snapshots/`. The values of MPTCP,
//! SCTP, XDP and TIPC are made up, as if a kernel that has all of them had sent them.

use super::tests::{FixedNames, closing, compare, inet, opening, validate};
use super::*;
use crate::model::*;
use std::net::IpAddr;

fn with(mut socket: Socket, own: OwnDetails) -> Socket {
    socket.details = Some(Box::new(Details {
        own: Some(Box::new(own)),
        ..Details::default()
    }));
    socket
}

fn bare(protocol: Protocol, family: Family, ends: Ends) -> Socket {
    Socket {
        protocol,
        family,
        ends,
        ..inet(Protocol::Tcp, State::Close, ("0.0.0.0", 0), ("0.0.0.0", 0))
    }
}

fn packet(own: PacketDetails) -> Socket {
    let ends = PacketEnds {
        kind: SocketKind::Raw,
        ethertype: 3,
        interface: None,
    };
    let socket = bare(Protocol::Packet, Family::Packet, Ends::Packet(ends));
    with(socket, OwnDetails::Packet(own))
}

fn program() -> Program {
    let arp = [
        (0x28, 0, 0, 12),
        (0x15, 0, 1, 0x806),
        (0x06, 0, 0, 0x4_0000),
        (0x06, 0, 0, 0),
    ];
    Program::Known(
        arp.map(|(code, jt, jf, k)| Instruction { code, jt, jf, k })
            .to_vec(),
    )
}

fn sctp(association: bool) -> Socket {
    let peer = if association { 36412 } else { 0 };
    let address = if association { "10.0.0.7" } else { "0.0.0.0" };
    let state = if association {
        State::Established
    } else {
        State::Listen
    };
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let mut values = [0; SctpMetric::ALL.len()];
    for (n, value) in values.iter_mut().enumerate() {
        *value = n as u64 % 4;
    }
    let own = SctpInfo {
        // The last two were not sent.
        numbers: Numbers::new(values, (1 << (SctpMetric::ALL.len() - 2)) - 1),
        association,
        primary: association.then(|| (ip("10.0.0.7"), 36412)),
        locals: vec![ip("10.0.0.5"), ip("2001:db8::5")],
        peers: if association {
            vec![ip("10.0.0.7"), ip("2001:db8::7")]
        } else {
            Vec::new()
        },
    };
    let socket = inet(Protocol::Sctp, state, ("10.0.0.5", 36412), (address, peer));
    with(socket, OwnDetails::Sctp(Box::new(own)))
}

/// A socket for every block there is.
fn sockets() -> Vec<Socket> {
    let mptcp = inet(
        Protocol::Mptcp,
        State::Established,
        ("10.0.0.5", 40_001),
        ("10.0.0.7", 443),
    );
    let mut counters = [0; MptcpMetric::ALL.len()];
    for (metric, value) in [
        (MptcpMetric::Subflows, 1),
        (MptcpMetric::Flags, 0b110),
        (MptcpMetric::Token, 0xccdd),
        (MptcpMetric::WriteSeq, u64::MAX),
        (MptcpMetric::CsumEnabled, 1),
        (MptcpMetric::BytesSent, 10_485_760),
        (MptcpMetric::LastDataSent, 12),
    ] {
        counters[metric as usize] = value;
    }
    // As Linux 6.8 sends it.
    let sent = (1 << MptcpMetric::EndpLaminarMax as u32) - 1;
    let old = (1 << MptcpMetric::LocalAddrUsed as u32) - 1;
    let mut listener = inet(
        Protocol::Mptcp,
        State::Listen,
        ("0.0.0.0", 443),
        ("0.0.0.0", 0),
    );
    listener.queues = Queues::Accept {
        length: 0,
        limit: Some(5),
    };
    let unix = bare(
        Protocol::Unix,
        Family::Unix,
        Ends::Unix(UnixEnds {
            kind: SocketKind::Stream,
            name: UnixName::Path((*b"/run/x.sock").into()),
            peer: UnixPeer::None,
        }),
    );
    let unix_details = UnixDetails {
        file: Some(UnixFile {
            inode: 4_294_967_295,
            device: (0, 25),
        }),
        waiting: [81, 80].into_iter().filter_map(Inode::new).collect(),
    };
    let netlink = bare(
        Protocol::Netlink,
        Family::Netlink,
        Ends::Netlink(NetlinkEnds {
            kind: Some(SocketKind::Raw),
            protocol: 0,
            port_id: 812,
            peer: None,
        }),
    );
    let netlink_details = NetlinkDetails {
        groups: Some(vec![1, 9, 33]),
        groups_up_to: None,
        flags: Some(0x20 | 1 << 20),
    };
    let xdp = bare(
        Protocol::Xdp,
        Family::Xdp,
        Ends::Xdp(XdpEnds {
            interface: IfIndex::new(2),
            queue: Some(1),
        }),
    );
    let xdp_details = XdpDetails {
        rings: [Some(2048), None, Some(512), Some(256)],
        umem: Some(XdpUmem {
            size: 1 << 33,
            id: 7,
            num_pages: 16,
            chunk_size: 4096,
            headroom: 256,
            interface: IfIndex::new(2),
            queue: 1,
            flags: 1,
            refs: 2,
        }),
        stats: Some([1, 0, 3, 4, 5, 6]),
    };
    let tipc = bare(
        Protocol::Tipc,
        Family::Tipc,
        Ends::Tipc(TipcEnds {
            kind: SocketKind::Seqpacket,
            local: TipcAddress {
                node: 1,
                reference: 222,
            },
            peer: None,
        }),
    );
    let connected = TipcDetails {
        stats: Some(TipcStats {
            received: Some(3),
            sent: Some(4),
            dropped: Some(5),
            link_congested: true,
            connection_congested: true,
        }),
        published: None,
        via: Some((1000, 7)),
        group: None,
    };
    let member = TipcDetails {
        stats: Some(TipcStats {
            received: Some(0),
            sent: Some(0),
            ..TipcStats::default()
        }),
        published: Some(true),
        via: None,
        group: Some(TipcGroup {
            id: Some(4711),
            instance: Some(12),
            next_broadcast: Some(65_535),
            open: true,
            scope: Some("cluster"),
        }),
    };
    vec![
        with(mptcp, OwnDetails::Mptcp(MptcpInfo::new(counters, sent))),
        with(listener, OwnDetails::Mptcp(MptcpInfo::new(counters, old))),
        sctp(true),
        sctp(false),
        with(unix.clone(), OwnDetails::Unix(unix_details)),
        with(unix, OwnDetails::Unix(UnixDetails::default())),
        packet(PacketDetails {
            info: Some([2, 0, 4, 0, 0b10_0011]),
            rx_ring: Some([8192, 4, 4096, 8, 60, 0, 1]),
            tx_ring: Some([8192, 4, 4096, 8, 0, 0, 0]),
            fanout: Some((77, 1)),
            memberships: Some(vec![Membership {
                interface: IfIndex::new(2),
                count: 3,
                kind: 0,
                address: vec![1, 0x80, 0xc2, 0, 0, 0x0e],
            }]),
            filter: Some(program()),
        }),
        packet(PacketDetails {
            info: Some([0, 0, 0, 0, 0]),
            fanout: Some((1, 99)),
            memberships: Some(Vec::new()),
            filter: Some(Program::Hidden),
            ..PacketDetails::default()
        }),
        packet(PacketDetails {
            filter: Some(Program::None),
            ..PacketDetails::default()
        }),
        with(netlink, OwnDetails::Netlink(netlink_details)),
        with(xdp.clone(), OwnDetails::Xdp(xdp_details)),
        with(xdp, OwnDetails::Xdp(XdpDetails::default())),
        with(tipc.clone(), OwnDetails::Tipc(Box::new(connected))),
        with(tipc.clone(), OwnDetails::Tipc(Box::new(member))),
        with(tipc, OwnDetails::Tipc(Box::default())),
    ]
}

const SHOWN: DetailSet = DetailSet::INFO.or(DetailSet::OWN);

fn write(mut list: impl List) {
    let context = Context {
        owners: None,
        names: &FixedNames,
    };
    list.open(&opening()).unwrap();
    for socket in &sockets() {
        list.row(Row { socket, context }).unwrap();
    }
    list.close(&closing()).unwrap();
}

fn table(oneline: bool, width: Option<usize>) -> String {
    let mut out = Vec::new();
    let options = TableOptions {
        columns: columns::parse("protocol,state,local,peer").unwrap(),
        columns_named: false,
        header: true,
        width,
        streaming: false,
        colour: false,
        text: TextOptions::default(),
        details: DetailOptions {
            shown: SHOWN,
            oneline,
        },
        record: false,
    };
    write(TableList::new(&mut out, options));
    String::from_utf8(out).unwrap()
}

#[test]
fn what_one_protocol_has_stands_below_its_row() {
    compare("own-100.txt", table(false, Some(100)).as_bytes());
    assert_eq!(
        table(true, None).lines().count(),
        1 + sockets().len(),
        "behind the row if there is only one line"
    );
}

#[test]
fn json_is_as_the_schema_says() {
    let mut out = Vec::new();
    write(JsonList::new(&mut out));
    compare("own.json", &out);
    let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    validate("ls", &document);
    let mptcp = &document["sockets"][0]["mptcp"];
    assert_eq!(
        mptcp["flags"],
        serde_json::json!(["remote_key_received", 4])
    );
    assert_eq!(mptcp["write_seq"], "0xffffffffffffffff");
    assert_eq!(mptcp["endp_laminar_max"], serde_json::Value::Null);
    let filter = &document["sockets"][6]["packet"]["filter"];
    assert_eq!(filter[1]["text"], "jeq #0x806, l2, l3");
    assert_eq!(document["sockets"][0].get("packet"), None);
}

/// Every member that a field says it has in JSON is there.
#[test]
fn fields_are_where_they_say_in_json() {
    let mut out = Vec::new();
    write(JsonList::new(&mut out));
    let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    for field in FIELDS.iter().filter(|f| f.id.protocol().is_some()) {
        let pointer = format!("/{}", field.json.replace('.', "/"));
        let mut sockets = document["sockets"].as_array().unwrap().iter();
        assert!(
            sockets.any(
                |socket| socket.pointer(&pointer).is_some_and(|v| !v.is_null())
                    || OFTEN_NULL.contains(&field.name)
            ),
            "{}: {pointer}",
            field.name
        );
    }
}

/// What none of the sockets above has, because the kernel at hand is older or the ring has none.
const OFTEN_NULL: &[&str] = &[
    "mptcp_endp_laminar_max",
    "mptcp_endp_fullmesh_max",
    "mptcp_last_data_sent",
    "mptcp_last_data_recv",
    "mptcp_last_ack_recv",
    "sctp_s_frag_interleave",
    "sctp_s_type",
    "xdp_tx_ring",
];

#[test]
fn records_have_the_value_of_every_field_of_the_protocol_and_nothing_of_others() {
    let context = Context {
        owners: None,
        names: &FixedNames,
    };
    let sockets = sockets();
    for field in FIELDS.iter().filter(|f| f.id.protocol().is_some()) {
        for socket in &sockets {
            let value = (field.extract)(Row { socket, context });
            if Some(socket.protocol) != field.id.protocol() {
                assert!(value.is_none(), "{} of {:?}", field.name, socket.protocol);
            }
        }
    }
    let mut unknown = sockets[6].clone();
    unknown.details = None;
    let row = Row {
        socket: &unknown,
        context,
    };
    for field in FIELDS
        .iter()
        .filter(|f| f.id.protocol() == Some(Protocol::Packet))
    {
        assert!((field.extract)(row).is_unknown(), "{}", field.name);
    }
    let text = |n: usize, name: &str| {
        let row = Row {
            socket: &sockets[n],
            context,
        };
        match (field_by_name(name).unwrap().extract)(row) {
            Value::Name(name) => String::from_utf8_lossy(&name).into_owned(),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(
        text(6, "packet_filter"),
        "l0: ldh [12]; l1: jeq #0x806, l2, l3; l2: ret #0x40000; l3: ret #0x0;"
    );
    assert_eq!(text(7, "packet_filter"), "Unknown(Permission)");
    assert_eq!(text(8, "packet_filter"), "None");
    assert_eq!(text(4, "unix_vfs_device"), "0:25");
    assert_eq!(text(4, "unix_waiting"), "81 80");
    assert_eq!(text(9, "netlink_groups"), "1 9 33");
    assert_eq!(text(2, "sctp_peers"), "10.0.0.7 2001:db8::7");
}
