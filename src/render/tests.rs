//! What the renderers write, compared with files under `snapshots/`. `PORTCTL_BLESS=1` rewrites them.

use super::*;
use crate::model::*;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

/// Names that do not depend on the host.
pub(super) struct FixedNames;

impl Names for FixedNames {
    fn user(&self, uid: Uid) -> Option<Rc<[u8]>> {
        (uid.0 == 33).then(|| b"www-data"[..].into())
    }
    fn interface(&self, index: IfIndex) -> Option<Rc<[u8]>> {
        (index.0.get() == 2).then(|| b"eth\x1b0"[..].into())
    }
    fn service(&self, _: Protocol, port: Port) -> Option<Rc<[u8]>> {
        (port.0 == 443).then(|| b"https"[..].into())
    }
    fn host(&self, _: IpAddr) -> Option<Rc<[u8]>> {
        None
    }
    fn cgroup(&self, id: CgroupId) -> CgroupPath {
        match id.0.get() {
            77 => CgroupPath::Known(b"/system.slice/nginx.service"[..].into()),
            _ => CgroupPath::Gone,
        }
    }
}

pub(super) fn inet(
    protocol: Protocol,
    state: State,
    local: (&str, u16),
    peer: (&str, u16),
) -> Socket {
    let address: IpAddr = local.0.parse().unwrap();
    Socket {
        protocol,
        family: if address.is_ipv4() {
            Family::Inet
        } else {
            Family::Inet6
        },
        state,
        v6only: None,
        shutdown: Some(Shutdown(0)),
        ends: Ends::Inet(InetEnds {
            local: address,
            peer: peer.0.parse().unwrap(),
            local_port: Port(local.1),
            peer_port: Port(peer.1),
            interface: None,
        }),
        queues: Queues::Bytes { recv: 0, send: 0 },
        timer: None,
        uid: None,
        inode: None,
        cookie: None,
        mark: None,
        cgroup: None,
        details: None,
    }
}

fn unix(name: UnixName, inode: u64, peer: UnixPeer) -> Socket {
    Socket {
        protocol: Protocol::Unix,
        family: Family::Unix,
        shutdown: None,
        ends: Ends::Unix(UnixEnds {
            kind: SocketKind::Stream,
            name,
            peer,
        }),
        queues: Queues::Unknown,
        inode: Inode::new(inode),
        ..inet(Protocol::Unix, State::Established, ("::", 0), ("::", 0))
    }
}

/// One socket of every kind that looks different.
fn sockets() -> Vec<Socket> {
    let any4 = ("0.0.0.0", 0);
    let any6 = ("::", 0);
    let mut dual = inet(Protocol::Tcp, State::Listen, ("::", 443), any6);
    dual.v6only = Some(false);
    dual.queues = Queues::Accept {
        length: 3,
        limit: Some(511),
    };
    dual.inode = Inode::new(900);
    dual.uid = Some(Uid(33));
    dual.cookie = NonZeroU64::new(0x1f).map(Cookie);
    dual.cgroup = NonZeroU64::new(77).map(CgroupId);
    let mut by_proc = inet(Protocol::Tcp, State::Listen, ("10.0.0.5", 8080), any4);
    by_proc.queues = Queues::Accept {
        length: 0,
        limit: None,
    };
    by_proc.inode = Inode::new(901);
    by_proc.uid = Some(Uid(1000));
    let mut busy = inet(
        Protocol::Tcp,
        State::Established,
        ("2001:db8::5", 40000),
        ("2001:db8:0:1:1:1:1:1", 443),
    );
    busy.queues = Queues::Bytes {
        recv: 1_048_576,
        send: 20,
    };
    busy.inode = Inode::new(902);
    busy.uid = Some(Uid(33));
    busy.mark = Some(Mark(0x10));
    busy.timer = Some(Timer {
        kind: TimerKind::Keepalive,
        expires_ms: 58_000,
        retransmits: 2,
    });
    let mut waiting = inet(
        Protocol::Tcp,
        State::TimeWait,
        ("10.0.0.5", 40001),
        ("10.0.0.7", 443),
    );
    waiting.timer = Some(Timer {
        kind: TimerKind::TimeWait,
        expires_ms: 9_373,
        retransmits: 0,
    });
    let accepted = inet(
        Protocol::Tcp,
        State::Established,
        ("::ffff:10.0.0.5", 443),
        ("::ffff:10.0.0.9", 50000),
    );
    let mut bound = inet(Protocol::Udp, State::Close, ("0.0.0.0", 68), any4);
    if let Ends::Inet(ends) = &mut bound.ends {
        ends.interface = IfIndex::new(2);
    }
    bound.inode = Inode::new(904);
    bound.uid = Some(Uid(0));
    vec![
        dual,
        by_proc,
        busy,
        waiting,
        accepted,
        bound,
        unix(
            UnixName::Path(b"/run/a very long directory name/s\n.sock"[..].into()),
            905,
            UnixPeer::Inode(Inode::new(906).unwrap()),
        ),
        unix(
            UnixName::Abstract(b"abs\0tract\xff"[..].into()),
            907,
            UnixPeer::Unknown,
        ),
        unix(UnixName::Unnamed, 908, UnixPeer::None),
    ]
}

fn owners() -> OwnerTable {
    let process = |pid, name: &[u8]| Process {
        pid: Pid(pid),
        name: Some(name.into()),
        uid: Some(Uid(33)),
    };
    let held = |inode, fd| Held::descriptor(Inode::new(inode).unwrap(), fd);
    let mut table = OwnerTable::new();
    table.add(process(813, b"nginx"), None, &[held(900, 6)]);
    table.add(process(812, b"nginx"), None, &[held(900, 6), held(900, 7)]);
    table.add(
        process(700, b"e\x1b[31m)\"\xff, x[1]"),
        Some(Pid(701)),
        &[held(902, 3)],
    );
    let mut listeners = Listeners::default();
    for socket in sockets() {
        listeners.note(&socket);
    }
    table.set_listeners(listeners);
    table.set_report(ScanReport {
        hidden_processes: 2,
        ..ScanReport::default()
    });
    table
}

pub(super) fn opening() -> Opening {
    Opening {
        captured_at: Some(UNIX_EPOCH + Duration::from_micros(1_767_225_600_000_001)),
        netns: NetNs {
            inode: Some(4_026_531_840),
            name: None,
        },
    }
}

pub(super) fn closing() -> Closing {
    Closing {
        tables: vec![TableReport {
            table: Table::new(Protocol::Tcp, Family::Inet),
            source: SourceKind::Netlink,
            records: 5,
            skipped: 0,
        }],
        notices: vec![Notice::OwnersHidden {
            count: 5,
            remedy: "ask".to_owned(),
        }],
    }
}

fn write(mut list: impl List) {
    let table = owners();
    let context = Context {
        owners: Some(&table),
        names: &FixedNames,
    };
    list.open(&opening()).unwrap();
    for socket in &sockets() {
        list.row(Row { socket, context }).unwrap();
    }
    list.close(&closing()).unwrap();
}

fn columns(extended: bool) -> Vec<Column> {
    let mut names = "protocol,state,recv_queue,send_queue,local,peer".to_owned();
    if extended {
        names += ",timer,user,inode,cookie,mark,cgroup,v6only,shutdown";
    }
    columns::parse(&(names + ",process")).unwrap()
}

fn table(width: Option<usize>, extended: bool, colour: bool) -> Vec<u8> {
    table_of(width, extended, colour, false)
}

fn table_of(width: Option<usize>, extended: bool, colour: bool, record: bool) -> Vec<u8> {
    let mut out = Vec::new();
    write(TableList::new(
        &mut out,
        TableOptions {
            columns: columns(extended),
            columns_named: false,
            header: true,
            width,
            streaming: false,
            colour,
            text: TextOptions::default(),
            details: DetailOptions::default(),
            record,
        },
    ));
    out
}

pub(super) fn compare(name: &str, written: &[u8]) {
    let path = format!("{}/src/render/snapshots/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("PORTCTL_BLESS").is_some() {
        std::fs::write(&path, written).unwrap();
    }
    let expected = std::fs::read(&path).unwrap_or_default();
    assert!(
        expected == written,
        "{name} differs; written:\n{}",
        String::from_utf8_lossy(written)
    );
}

#[test]
fn tables_at_several_widths() {
    compare("table-none.txt", &table(None, false, false));
    for width in [120, 80, 60, 40] {
        let written = table(Some(width), false, false);
        compare(&format!("table-{width}.txt"), &written);
    }
    compare("table-extended-none.txt", &table(None, true, false));
    compare("table-extended-120.txt", &table(Some(120), true, false));
}

/// Records are records, whether somebody asked for them or there is no room for lines.
#[test]
fn records_have_the_same_words_asked_for_or_not() {
    for extended in [false, true] {
        let asked = String::from_utf8(table_of(None, extended, false, true)).unwrap();
        let narrow = String::from_utf8(table(Some(40), extended, false)).unwrap();
        assert!(
            asked.contains("\nACCEPT-Q") && asked.contains(" 1 MiB\n"),
            "{asked}"
        );
        assert_eq!(narrow, asked);
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    use unicode_width::UnicodeWidthStr;
    for width in 55..140 {
        let written = String::from_utf8(table(Some(width), true, false)).unwrap();
        if written.starts_with("PROTO  STATE") {
            let fits = written.lines().all(|l| l.width() <= width);
            assert!(fits, "at {width}:\n{written}");
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let plain = table(Some(100), false, false);
    let coloured = String::from_utf8(table(Some(100), false, true)).unwrap();
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped.as_bytes(), plain);
    assert!(coloured.len() > plain.len());
}

#[test]
fn json_documents() {
    let mut out = Vec::new();
    write(JsonList::new(&mut out));
    compare("ls.json", &out);
    let mut lines = Vec::new();
    write(NdjsonList::new(&mut lines));
    compare("ls.ndjson", &lines);

    let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let objects: Vec<serde_json::Value> = String::from_utf8(lines)
        .unwrap()
        .lines()
        .map(|line| {
            let mut object: serde_json::Value = serde_json::from_str(line).unwrap();
            let schema = object.as_object_mut().unwrap().remove("schema");
            assert_eq!(schema.as_ref(), Some(&document["schema"]));
            object
        })
        .collect();
    assert_eq!(document["sockets"], serde_json::Value::Array(objects));
    validate("ls", &document);
}

#[test]
fn csv_cells_are_quoted_and_defused() {
    let mut out = Vec::new();
    let columns =
        columns::parse("protocol,src,sport,local,accept_limit,timer_expires,path,process");
    write(CsvList::new(
        &mut out,
        columns.unwrap(),
        true,
        TextOptions::default(),
    ));
    compare("ls.csv", &out);
}

#[test]
fn unix_names_cannot_be_taken_for_each_other() {
    let mut table = Vec::new();
    let mut list = TableList::new(
        &mut table,
        TableOptions {
            columns: columns::parse("local").unwrap(),
            columns_named: true,
            header: false,
            width: None,
            streaming: false,
            colour: false,
            text: TextOptions::default(),
            details: DetailOptions::default(),
            record: false,
        },
    );
    let mut separated = Vec::new();
    let mut csv = CsvList::new(
        &mut separated,
        columns::parse("local").unwrap(),
        false,
        TextOptions::default(),
    );
    let path = |name: &str| unix(UnixName::Path(name.as_bytes().into()), 7, UnixPeer::None);
    let with_at = |name: &str| {
        unix(
            UnixName::Abstract(name.as_bytes().into()),
            7,
            UnixPeer::None,
        )
    };
    for socket in [
        unix(UnixName::Unnamed, 7, UnixPeer::None),
        path("#7"),
        path("@x"),
        with_at("x"),
        path("@x y"),
        with_at("x y"),
        with_at("\"x y\""),
        path("-"),
        path("?"),
        path("\"@x\""),
        path("/run/x"),
    ] {
        let context = Context {
            owners: None,
            names: &FixedNames,
        };
        let row = Row {
            socket: &socket,
            context,
        };
        list.row(row).unwrap();
        csv.row(row).unwrap();
    }
    list.close(&closing()).unwrap();
    csv.close(&closing()).unwrap();
    drop((list, csv));
    let lines = |bytes| String::from_utf8(bytes).unwrap();
    assert_eq!(
        lines(table).lines().collect::<Vec<_>>(),
        [
            "#7",
            "\"#7\"#7",
            "\"@x\"#7",
            "@x#7",
            "\"@x y\"#7",
            "@\"x y\"#7",
            r##"@"\x22x y\x22"#7"##,
            "\"-\"#7",
            "\"?\"#7",
            r##""\x22@x\x22"#7"##,
            "/run/x#7"
        ]
    );
    let mut cells: Vec<_> = lines(separated).lines().map(str::to_owned).collect();
    assert_eq!(cells.len(), 11);
    cells.sort();
    cells.dedup();
    assert_eq!(cells.len(), 11, "{cells:?}");
}

pub(super) fn validate(name: &str, document: &serde_json::Value) {
    let schema = serde_json::from_str(schema(name).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(document)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}
