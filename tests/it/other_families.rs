//! Rows of families that few kernels have (SCTP, vsock, XDP, TIPC): synthetic messages, as `src/wire/fixtures.rs` draws them, in a
//! saved dump; through the table, CSV, JSON and its schema. And how options name tables.

use crate::portctl::{Run, portctl};
use serde_json::{Value, json};

fn message(out: &mut Vec<u8>, kind: u16, payload: &[u8]) {
    out.extend((16 + payload.len() as u32).to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend([0; 10]);
    out.extend(payload);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The mark before the rows of a table.
fn begin(out: &mut Vec<u8>, protocol: u16, family: u8) {
    let mut mark = b"portctl\0\x01\0".to_vec();
    mark[8..].copy_from_slice(&1u16.to_ne_bytes());
    mark.extend(protocol.to_ne_bytes());
    mark.extend([family, 1, 0, 0]);
    message(out, 1, &mark);
}

fn end(out: &mut Vec<u8>) {
    message(out, 3, &[0; 4]);
}

fn words(bytes: &mut Vec<u8>, words: &[u32]) {
    bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
}

fn attribute(bytes: &mut Vec<u8>, kind: u16, data: &[u8]) {
    bytes.extend((4 + data.len() as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// `struct inet_diag_msg`, with the attribute of an association's peers for one.
fn sctp(state: u8, local: u16, peer: u16, association: bool, queues: [u32; 2]) -> Vec<u8> {
    let mut bytes = vec![2, state, 0, 0];
    bytes.extend(local.to_be_bytes());
    bytes.extend(peer.to_be_bytes());
    for host in [1, 2] {
        let set = association || host == 1;
        bytes.extend([10, 0, 0, host].map(|b| if set { b } else { 0 }));
        bytes.extend([0; 12]);
    }
    words(&mut bytes, &[0, 40, 0, 0, queues[0], queues[1], 1000, 88]);
    attribute(&mut bytes, 12, &[0; 128]);
    if association {
        attribute(&mut bytes, 13, &[0; 128]);
    }
    bytes
}

fn vsock(state: u8, from: [u32; 2], to: [u32; 2], inode: u32) -> Vec<u8> {
    let mut bytes = vec![40, 1, state, 0];
    words(
        &mut bytes,
        &[from[0], from[1], to[0], to[1], inode, inode, 0],
    );
    bytes
}

fn xdp() -> Vec<u8> {
    let mut bytes = vec![44, 3, 0, 0];
    words(&mut bytes, &[55, 6, 0]);
    attribute(&mut bytes, 1, &[1u32, 3].map(u32::to_ne_bytes).concat());
    attribute(&mut bytes, 2, &1000u32.to_ne_bytes());
    bytes
}

fn tipc() -> Vec<u8> {
    let mut connection = Vec::new();
    attribute(&mut connection, 2, &7u32.to_ne_bytes());
    attribute(&mut connection, 3, &333u32.to_ne_bytes());
    attribute(&mut connection, 1, &[]);
    attribute(&mut connection, 4, &1000u32.to_ne_bytes());
    attribute(&mut connection, 5, &9u32.to_ne_bytes());
    let mut statistics = Vec::new();
    for (kind, messages) in [(0, 3u32), (1, 4), (4, 5)] {
        attribute(&mut statistics, kind, &messages.to_ne_bytes());
    }
    attribute(&mut statistics, 3, &[]);
    let mut socket = Vec::new();
    for (kind, word) in [(2, 222u32), (1, 6), (6, 5), (9, 1), (7, 66), (8, 1000)] {
        attribute(&mut socket, kind, &word.to_ne_bytes());
    }
    attribute(&mut socket, 3 | 0x8000, &connection);
    attribute(&mut socket, 5, &statistics);
    let mut bytes = Vec::new();
    attribute(&mut bytes, 2, &socket);
    bytes
}

/// A saved dump of them, TCP's part empty.
fn file() -> tempfile::NamedTempFile {
    let any = u32::MAX;
    let mut out = Vec::new();
    end(&mut out);
    begin(&mut out, 132, 2);
    message(&mut out, 20, &sctp(10, 36412, 0, false, [2, 128]));
    message(&mut out, 20, &sctp(1, 5000, 0, false, [0, 0]));
    message(&mut out, 20, &sctp(6, 5000, 36412, true, [5, 6]));
    end(&mut out);
    begin(&mut out, 0, 40);
    message(&mut out, 20, &vsock(10, [any, 1024], [any, any], 70));
    message(&mut out, 20, &vsock(1, [3, 5000], [2, 1024], 71));
    end(&mut out);
    begin(&mut out, 0, 44);
    message(&mut out, 20, &xdp());
    end(&mut out);
    begin(&mut out, 0, 30);
    message(&mut out, 20, &tipc());
    // Of a socket whose state was not asked for.
    message(&mut out, 20, &[]);
    end(&mut out);
    // A table that only a later version knows.
    begin(&mut out, 999, 2);
    message(&mut out, 20, &[1, 2, 3]);
    end(&mut out);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), out).unwrap();
    file
}

fn from(file: &tempfile::NamedTempFile, arguments: &str) -> crate::portctl::Answer {
    Run::new(&format!("ls -S --vsock --xdp --tipc {arguments} --from"))
        .arg(file.path())
        .go()
        .exits(0)
}

#[test]
fn synthetic_rows_of_absent_families_as_a_table() {
    let file = file();
    let answer = from(&file, "-an --no-header");
    let rows: Vec<_> = answer
        .lines()
        .into_iter()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        rows,
        [
            "sctp ESTAB ? ? 10.0.0.1:5000 *:*",
            "sctp SHUTDOWN-RECEIVED 5 6 10.0.0.1:5000 10.0.0.2:36412",
            "sctp LISTEN 2 128 10.0.0.1:36412 *:*",
            "v_str LISTEN ? ? *:1024 *:*",
            "v_str ESTAB ? ? 3:5000 2:1024",
            "xdp UNCONN ? ? lo:q3 *",
            "ti_sq ESTAB 3 4 6:222 7:333",
        ]
    );
    assert!(
        answer.stderr.contains("1 record could not be decoded"),
        "{answer}"
    );
    // By default: connected, and what is always unconnected, as it was named.
    let answer = from(&file, "-n --no-header");
    assert_eq!(answer.lines().len(), 5, "{answer}");
    let answer = from(&file, "-n --no-header state close-wait");
    assert_eq!(answer.lines().len(), 1, "{answer}");
    for (filter, count) in [
        ("sport = :5000", 3),
        ("dport = :1024", 1),
        ("dst 10.0.0.2", 1),
    ] {
        let answer = from(&file, &format!("-n --no-header {filter}"));
        assert_eq!(answer.lines().len(), count, "{filter}: {answer}");
    }
    let answer = from(
        &file,
        "-an --csv --no-header --columns type,src,sport,dst,dport,inode",
    );
    for row in [
        "seqpacket,0x6,222,0x7,333,66",
        "stream,3,5000,2,1024,71",
        "stream,4294967295,1024,,,70",
    ] {
        assert!(answer.lines().contains(&row), "{row} in {answer}");
    }
    // Every order of such different ends is one.
    for field in [
        "src",
        "sport",
        "dst",
        "dport",
        "local",
        "peer",
        "interface",
        "type",
    ] {
        assert_eq!(from(&file, &format!("-an --sort {field}")).lines().len(), 8);
    }
}

#[test]
fn synthetic_rows_of_absent_families_as_json() {
    let file = file();
    let document: Value = serde_json::from_str(from(&file, "-a --json").text()).unwrap();
    let schema: Value = serde_json::from_str(portctl("schema ls").quiet().text()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let complaints: Vec<_> = validator
        .iter_errors(&document)
        .map(|e| e.to_string())
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");

    let sockets = document["sockets"].as_array().unwrap();
    let ends = |n: usize| (sockets[n]["local"].clone(), sockets[n]["peer"].clone());
    assert_eq!(sockets[1]["state"], "shutdown-received");
    assert_eq!(
        sockets[2]["accept_queue"],
        json!({"length": 2, "limit": 128})
    );
    assert_eq!(
        ends(4),
        (
            json!({"cid": 3, "port": 5000}),
            json!({"cid": 2, "port": 1024})
        )
    );
    assert_eq!(
        ends(5),
        (json!({"interface": "lo", "queue": 3}), Value::Null)
    );
    assert_eq!(
        ends(6),
        (
            json!({"node": 6, "reference": 222}),
            json!({"node": 7, "reference": 333})
        )
    );
    assert_eq!(
        (&sockets[5]["uid"], &sockets[4]["uid"]),
        (&json!(1000), &Value::Null)
    );
    let words = |key: &str| {
        let mut words: Vec<_> = sockets.iter().map(|s| s[key].as_str().unwrap()).collect();
        words.dedup();
        words.join(" ")
    };
    assert_eq!(words("protocol"), "sctp vsock xdp tipc");
    assert_eq!(words("family"), "inet vsock xdp tipc");
}

/// Made from `net/tipc/socket.c`: few kernels have TIPC, and `ss` reads no messages of it from a file.
#[test]
fn synthetic_tipc_sockets_tell_what_they_wait_for() {
    let file = file();
    let of = |arguments: &str| {
        Run::new(&format!("ls --tipc -n --no-header {arguments} --from"))
            .arg(file.path())
            .go()
            .exits(0)
    };
    let below = "tipc: rcvq 3  sendq 4  drop 5  conn_cong  via_type 1000  via_inst 9  link_cong 0  none: group_id";
    let table = of("--tipcinfo");
    assert!(table.text().contains(below), "{table}");
    assert!(table.text().ends_with("unknown: has_publ\n"), "{table}");
    let record = of("--tipcinfo --record");
    for line in [
        "TIPC_RCVQ               3",
        "TIPC_CONN_CONG          yes",
        "TIPC_HAS_PUBL           ?",
        "TIPC_VIA_INST           9",
        "TIPC_GROUP_ID           -",
    ] {
        assert!(record.lines().contains(&line), "{line}: {record}");
    }
    // Nothing of it without the option; fields are asked for by their names.
    assert_eq!(of("").lines().len(), 1);
    assert_eq!(of("--columns tipc_drop,tipc_conn_cong").text(), "5  yes\n");
    for (filter, rows) in [
        ("tipc_rcvq > 2", 1),
        ("tipc_rcvq > 3", 0),
        ("tipc_conn_cong = yes tipc_link_cong = no", 1),
        ("tipc_via_type = 1000", 1),
        ("tipc_group_scope = cluster", 0),
        // In messages, not in bytes.
        ("recv_queue > 0", 0),
    ] {
        assert_eq!(of(filter).lines().len(), rows, "{filter}");
    }
    let document = of("--tipcinfo --json").value();
    let tipc = &document["sockets"][0]["tipc"];
    assert_eq!(tipc["via"], json!({"type": 1000, "inst": 9}));
    assert_eq!(
        (&tipc["rcvq"], &tipc["link_cong"]),
        (&json!(3), &json!(false))
    );
    assert_eq!(
        (&tipc["has_publ"], &tipc["group"]),
        (&Value::Null, &Value::Null)
    );
    let bare = of("--json").value();
    assert_eq!(bare["sockets"][0]["tipc"], Value::Null);
    assert_eq!(bare["sockets"][0]["recv_queue"], Value::Null);
}

#[test]
fn tables_that_there_are_not() {
    let answer = portctl("ls -A tcp,netlnk").exits(2);
    assert!(
        answer.stderr.contains("'netlnk' is not a table"),
        "{answer}"
    );
    assert!(answer.stderr.contains("did you mean netlink?"), "{answer}");
    let answer = portctl("ls -A !tcp").exits(2);
    assert!(answer.stderr.contains("selects no table"), "{answer}");
    portctl("ls -f nope").exits(2);
    let answer = portctl("ls -A \x1b[31m").exits(2);
    assert!(!answer.stderr.contains('\x1b'), "{answer}");
}

#[test]
fn filters_and_groups_of_absent_families() {
    let file = file();
    for (filter, count) in [
        ("protocol = sctp", 3),
        ("protocol = v_str", 2),
        ("family in vsock,tipc", 3),
        ("type = seqpacket", 1),
        ("dev 1", 1),
        ("dev 0", 3),
        ("sport in 5000-5001,36412", 4),
        ("sport in 1024 state listen", 1),
        ("peer_path is none", 7),
    ] {
        let answer = from(&file, &format!("-an --no-header {filter}"));
        assert_eq!(answer.lines().len(), count, "{filter}: {answer}");
    }
    // As wide as the ports of vsock are, where no other sockets can be meant.
    let wide = Run::new("ls --vsock -a --count sport > 70000 --from").arg(file.path());
    assert_eq!(wide.go().exits(0).text(), "0\n");

    let top = |arguments: &str| {
        Run::new(&format!("top -a {arguments} --from"))
            .arg(file.path())
            .go()
            .exits(0)
    };
    let top_of = "-S --vsock --xdp --tipc --json --by local";
    let document: Value = serde_json::from_str(top(top_of).text()).unwrap();
    let locals: Vec<_> = document["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["key"]["local"].clone())
        .collect();
    for local in [
        json!({"cid": 3, "port": 5000}),
        json!({"interface": "lo", "queue": 3}),
        json!({"node": 6, "reference": 222}),
    ] {
        assert!(locals.contains(&local), "{local} in {document:#}");
    }
    let words = |answer: crate::portctl::Answer| -> Vec<String> {
        let joined = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        answer.lines().into_iter().map(joined).collect()
    };
    let table = words(top("-S --vsock --xdp --tipc -H --by protocol,peer"));
    for row in ["vsock 2:1024 1", "tipc 7:333 1", "xdp - 1"] {
        assert!(table.iter().any(|t| t.starts_with(row)), "{row}: {table:?}");
    }
    let table = words(top("-S -H --by state"));
    assert!(
        table
            .iter()
            .any(|row| row.starts_with("shutdown-received 1")),
        "{table:?}"
    );
}
