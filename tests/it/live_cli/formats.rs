//! JSON, NDJSON and CSV: the same sockets, and what a strict reader makes of them.

use crate::namespace;
use crate::portctl::{list, portctl};
use crate::scene::tcp::{Full, Pair, listener, time_wait};
use crate::scene::unix::{abstract_name, bound, path};
use crate::scene::{Holder, address, udp, unix};
use rustix::net::SocketType;
use serde_json::Value;

/// Fails unless a document is as its schema says.
fn must_be_valid(schema: &Value, document: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let problems: Vec<_> = validator
        .iter_errors(document)
        .map(|e| format!("{e} at {}", e.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}\n{document:#}");
}

#[test]
#[ignore = "needs user and network namespaces"]
fn json_is_as_its_schema_says() {
    namespace::run("live_cli::formats::json_is_as_its_schema_says", || {
        let server = listener("::1", 2);
        let keep = (
            Pair::on("127.0.0.1"),
            Full::on("127.0.0.1"),
            udp::bound("::1"),
            unix::pair(SocketType::STREAM),
            bound(SocketType::DGRAM, &abstract_name(b"\xff\0")),
            Holder::named(b"\xff\x1b", &server),
        );
        time_wait("127.0.0.1");
        let schema = portctl("schema ls").quiet().value();
        for arguments in [
            "ls",
            "ls -a",
            "ls -ap",
            "ls -tuape --source proc",
            "ls -t dport = 1",
        ] {
            let document = portctl(&format!("{arguments} --json")).exits(0).value();
            must_be_valid(&schema, &document);
        }
        // A schema that allows everything would say nothing.
        let mut wrong = portctl("ls -ta --json").quiet().value();
        wrong["sockets"][0]["state"] = Value::Null;
        assert!(!jsonschema::is_valid(&schema, &wrong));
        wrong = portctl("ls -ta --json").quiet().value();
        wrong["sockets"][0].as_object_mut().unwrap().remove("inode");
        assert!(!jsonschema::is_valid(&schema, &wrong));

        let schema = portctl("schema summary").quiet().value();
        let document = portctl("summary --json").exits(0).value();
        must_be_valid(&schema, &document);
        let mut wrong = document;
        wrong.as_object_mut().unwrap().remove("totals");
        assert!(!jsonschema::is_valid(&schema, &wrong));
        drop(keep);
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn ndjson_has_the_same_sockets() {
    namespace::run("live_cli::formats::ndjson_has_the_same_sockets", || {
        let _keep = (
            Pair::on("127.0.0.1"),
            udp::bound("::1"),
            unix::pair(SocketType::DGRAM),
        );
        let document = list("ls -tuxap");
        let lines = portctl("ls -tuxap --ndjson").quiet().objects();
        assert_eq!(lines.len(), document.sockets.len());
        for (line, socket) in lines.into_iter().zip(document.sockets) {
            let schema = line.schema.as_ref().expect("each line says what it is");
            assert_eq!((schema.name.as_str(), schema.version), ("portctl.ls", 1));
            let mut line = line;
            line.schema = None;
            assert_eq!(line, socket);
        }
        // Columns, width, order of columns and colour are of the table.
        let plain = portctl("ls -tuxap --ndjson").quiet();
        let other = "ls -tuxapnQHO --ndjson --columns state --width 40 --color always";
        assert_eq!(portctl(other).quiet().text(), plain.text());
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn the_document_is_of_this_namespace() {
    namespace::run(
        "live_cli::formats::the_document_is_of_this_namespace",
        || {
            let link = std::fs::read_link("/proc/self/ns/net").unwrap();
            let number: String = link.to_str().unwrap().matches(char::is_numeric).collect();
            let document = list("ls -t");
            assert_eq!(document.netns.inode, Some(number.parse().unwrap()));
            assert_eq!(document.netns.name, None);
            assert!(document.sockets.is_empty());
            let tables: Vec<_> = document
                .tables
                .iter()
                .map(|t| (t.family.as_str(), t.records))
                .collect();
            assert_eq!(tables, [("inet", 0), ("inet6", 0)]);
            let json = portctl("ls -t --json").quiet();
            assert_eq!(json.value()["sockets"], Value::Array(Vec::new()));
            assert_eq!(portctl("ls -t --ndjson").quiet().text(), "");
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn csv_is_read_back() {
    namespace::run("live_cli::formats::csv_is_read_back", || {
        let directory = tempfile::tempdir().unwrap();
        std::env::set_current_dir(directory.path()).unwrap();
        let pair = Pair::on("::1");
        let names: [&[u8]; 5] = [b"a,b", b"say \"hi\"", b"two\nlines", b"=cmd()", b"plain"];
        let _keep = names.map(|n| bound(SocketType::DGRAM, &path(n)));
        let answer =
            portctl("ls -tn --csv --columns protocol,state,src,sport,dport,recv_queue,pid").quiet();
        let mut reader = csv::Reader::from_reader(answer.text().as_bytes());
        let heading = reader.headers().unwrap().iter().collect::<Vec<_>>();
        assert_eq!(
            heading,
            [
                "protocol",
                "state",
                "src",
                "sport",
                "dport",
                "recv_queue",
                "pid"
            ]
        );
        let rows: Vec<Vec<String>> = reader
            .records()
            .map(|r| r.unwrap().iter().map(str::to_owned).collect())
            .collect();
        let (client, server) = (address(&pair.client).port(), address(&pair.server).port());
        let pid = std::process::id();
        let row = |a: u16, b: u16| format!("tcp,established,::1,{a},{b},0,{pid}");
        let mut expected = [row(client, server), row(server, client)];
        expected.sort();
        let mut found: Vec<_> = rows.iter().map(|r| r.join(",")).collect();
        found.sort();
        assert_eq!(found, expected);

        // Every name is one field of one line, and none is a formula.
        let answer = portctl("ls -xan --csv --columns type,path,peer_inode").quiet();
        assert_eq!(answer.lines().len(), 1 + names.len(), "{answer}");
        let mut reader = csv::Reader::from_reader(answer.text().as_bytes());
        for record in reader.records() {
            let record = record.unwrap();
            assert_eq!((record.len(), &record[0]), (3, "dgram"), "{answer}");
            assert!(!record[1].starts_with(['=', '+', '-', '@']), "{record:?}");
            // No peer is an empty field.
            assert_eq!(&record[2], "", "{answer}");
        }
        for piece in ["a,b", r"two\x0alines", "plain"] {
            assert!(answer.text().contains(piece), "{piece} in {answer}");
        }
        let headless = portctl("ls -xanH --csv --columns type,path,peer_inode").quiet();
        assert_eq!(headless.lines(), answer.lines()[1..]);
        // What a socket does not have is empty in every column.
        let answer = portctl("ls -xan --csv").quiet();
        for line in answer.lines() {
            assert!(!line.contains(r"\x2d"), "a dash is no value: {answer}");
        }
    });
}

#[test]
fn help_and_schemas_go_to_stdout() {
    for arguments in [
        "--help",
        "-h",
        "--version",
        "ls --help",
        "summary --help",
        "help",
        "help filter",
        "help columns",
        "help json",
        "help states",
        "help exit-codes",
        "help ls",
        "schema ls",
        "schema summary",
    ] {
        let answer = portctl(arguments).quiet();
        assert!(!answer.text().trim().is_empty(), "{arguments}");
    }
    assert!(portctl("--version").text().starts_with("portctl "));
    let states = portctl("help states").quiet();
    for state in [
        "established",
        "bound-inactive",
        "time-wait",
        "synchronized",
        "bucket",
    ] {
        assert!(states.text().contains(state), "{state}");
    }
}
