//! What BPF programs keep with sockets: below rows, in records, in CSV and in JSON.

use super::tests::{closing, inet, opening, validate};
use super::*;
use crate::model::*;
use std::rc::Rc;

/// Map 25 has a name, 26 has none, 27 has one that a kernel would not let it have, of others nothing can be told.
struct Maps;

impl Names for Maps {
    fn bpf_map(&self, id: u32) -> Option<Rc<[u8]>> {
        match id {
            25 => Some(b"conn_state"[..].into()),
            26 => Some(b""[..].into()),
            27 => Some(b"a\x1b[31m\n"[..].into()),
            _ => None,
        }
    }
}

fn with(storages: Option<Vec<(u32, Vec<u8>)>>) -> Socket {
    let storages = storages.map(|all| {
        let all = all.into_iter();
        all.map(|(map, value)| BpfStorage {
            map,
            value: value.into(),
        })
        .collect()
    });
    let mut socket = inet(
        Protocol::Tcp,
        State::Established,
        ("10.0.0.5", 40_001),
        ("10.0.0.7", 443),
    );
    socket.details = Some(Box::new(Details {
        bpf_storage: storages,
        ..Details::default()
    }));
    socket
}

/// With values, without any, and where nobody knows.
fn sockets() -> [Socket; 3] {
    let long: Vec<u8> = (0..40).collect();
    let several = vec![
        (25, vec![0x2a, 0, 0, 0]),
        (26, long),
        (27, vec![0xff]),
        (28, vec![]),
    ];
    [with(Some(several)), with(Some(Vec::new())), with(None)]
}

fn write(mut list: impl List) {
    let context = Context {
        owners: None,
        names: &Maps,
    };
    list.open(&opening()).unwrap();
    for socket in &sockets() {
        list.row(Row { socket, context }).unwrap();
    }
    list.close(&closing()).unwrap();
}

fn table(columns: &str, width: Option<usize>, oneline: bool, record: bool) -> String {
    let mut out = Vec::new();
    let shown = match record {
        true => DetailSet::NONE,
        false => DetailSet::BPF_STORAGE,
    };
    write(TableList::new(
        &mut out,
        TableOptions {
            columns: columns::parse(columns).unwrap(),
            columns_named: false,
            header: false,
            width,
            streaming: false,
            colour: false,
            text: TextOptions::default(),
            details: DetailOptions { shown, oneline },
            record,
        },
    ));
    String::from_utf8(out).unwrap()
}

#[test]
fn each_map_has_a_line_below_the_row() {
    let piped = table("local", None, false, false);
    let value: String = (0..40).map(|byte| format!("{byte:02x}")).collect();
    let expected = [
        "10.0.0.5:40001",
        "    bpf: map 25 conn_state  4 B  2a000000",
        &format!("    bpf: map 26  40 B  {value}"),
        r"    bpf: map 27 a\x1b[31m\x0a  1 B  ff",
        "    bpf: map 28 ?  0 B  ",
        "10.0.0.5:40001",
        "10.0.0.5:40001",
    ];
    assert_eq!(piped.lines().collect::<Vec<_>>(), expected);
    // A screen has no room for long ones, and says how much is left out.
    let screen = table("local", Some(80), false, false);
    let (first, _) = value.split_at(64);
    assert!(
        screen.contains(&format!(
            "bpf: map 26  40 B\n      {first}\n      … and 8 more bytes (--record shows them)\n"
        )) || screen.contains(&format!("bpf: map 26  40 B  {first}\n      … and 8 more")),
        "{screen}"
    );
    assert!(!screen.contains(&value), "{screen}");
    use unicode_width::UnicodeWidthStr;
    assert!(screen.lines().all(|line| line.width() <= 80), "{screen}");
    let oneline = table("local", Some(80), true, false);
    assert_eq!(oneline.lines().count(), 3, "{oneline}");
    assert!(oneline.contains(&value), "{oneline}");
}

#[test]
fn records_have_whole_values_and_say_what_is_unknown() {
    let records = table("bpf_maps,bpf_storage", Some(80), false, true);
    let records: Vec<_> = records.split("\n\n").collect();
    let [several, none, unknown] = records[..] else {
        panic!("{records:?}")
    };
    let value: String = (0..40).map(|byte| format!("{byte:02x}")).collect();
    assert!(several.contains("25 26 27 28"), "{several}");
    assert!(several.contains("25:conn_state:2a000000 26::"), "{several}");
    assert!(several.contains(&value), "{several}");
    assert!(several.contains(r"27:a\x1b[31m\x0a:ff 28:?:"), "{several}");
    let cells = |record: &str| -> Vec<String> {
        let lines = record.lines().map(|line| line.split_whitespace().nth(1));
        lines.map(|cell| cell.unwrap().to_owned()).collect()
    };
    assert_eq!(cells(none), ["-", "-"]);
    assert_eq!(cells(unknown), ["?", "?"]);
}

#[test]
fn json_has_bytes_as_the_schema_says() {
    let mut out = Vec::new();
    write(JsonList::new(&mut out));
    let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    validate("ls", &document);
    let sockets = &document["sockets"];
    let first = &sockets[0]["bpf_storage"];
    assert_eq!(
        first[0],
        serde_json::json!({"map_id": 25, "map_name": "conn_state", "value_size": 4, "value": "2a000000"})
    );
    assert_eq!(first[1]["map_name"], "");
    assert_eq!(first[1]["value"].as_str().map(str::len), Some(80));
    assert_eq!(first[2]["map_name"], "a\u{1b}[31m\n");
    assert_eq!(first[3]["map_name"], serde_json::Value::Null);
    assert_eq!(
        (&first[3]["value_size"], &first[3]["value"]),
        (&0.into(), &"".into())
    );
    assert_eq!(sockets[1]["bpf_storage"], serde_json::json!([]));
    assert_eq!(sockets[2].get("bpf_storage"), None);
}
