//! `--bpf-maps` and `--bpf-map-id`: values that the test itself keeps with its sockets, and what is said to those who may not see them.

use crate::namespace;
use crate::portctl::{Answer, Document, Run, list, portctl};
use crate::scene::bpf::{self, StorageMap};
use crate::scene::tcp::{Pair, any_port, listener};
use crate::scene::{cookie, port};
use rustix::net::{AddressFamily, Protocol, SocketType};
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, OwnedFd};

/// What the row of a socket has under `bpf_storage`.
fn storage(document: &Document, socket: &impl AsFd) -> Option<Value> {
    let cookie = cookie(socket);
    let row = document
        .sockets
        .iter()
        .find(|row| row.cookie.as_ref() == Some(&cookie));
    row.unwrap_or_else(|| panic!("{cookie}: {document:?}"))
        .bpf_storage
        .clone()
}

fn value(map: &StorageMap, name: &str, value: &[u8]) -> Value {
    let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"map_id": map.id(), "map_name": name, "value_size": value.len(), "value": hex})
}

fn mptcp_listener() -> OwnedFd {
    let mptcp = Protocol::from_raw(NonZeroU32::new(262).unwrap());
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, Some(mptcp)).unwrap();
    rustix::net::bind(&socket, &any_port("127.0.0.1")).unwrap();
    rustix::net::listen(&socket, 5).unwrap();
    socket
}

#[test]
#[ignore = "needs root with every user id, and BPF"]
fn values_are_those_that_were_kept() {
    namespace::run_as_root("live_bpf::values_are_those_that_were_kept", || {
        let (first, second) = (StorageMap::new("first.map", 8), StorageMap::new("", 3));
        let pair = Pair::on("127.0.0.1");
        let plain = listener("::1", 5);
        let mptcp = mptcp_listener();
        first.set(&pair.client, b"12345678");
        second.set(&pair.client, b"abc");
        second.set(&plain, &[0, 0xff, 0x0a]);
        first.set(&mptcp, &[0; 8]);

        for arguments in ["ls -taM --bpf-maps", "ls -taM --bpf-maps -i --sort none"] {
            let all = list(arguments);
            assert!(all.complete, "{:?}", all.notices);
            let both = json!([
                value(&first, "first.map", b"12345678"),
                value(&second, "", b"abc")
            ]);
            assert_eq!(storage(&all, &pair.client), Some(both));
            assert_eq!(
                storage(&all, &plain),
                Some(json!([value(&second, "", &[0, 0xff, 0x0a])]))
            );
            assert_eq!(
                storage(&all, &mptcp),
                Some(json!([value(&first, "first.map", &[0; 8])]))
            );
            assert_eq!(storage(&all, &pair.server), Some(json!([])), "none");
        }
        // Of one map, of one twice, of both; nothing without the option.
        let only = |arguments: &str| {
            let document = list(&format!("ls -ta {arguments}"));
            let maps = storage(&document, &pair.client)?;
            let ids = maps.as_array().unwrap().iter();
            Some(
                ids.map(|map| map["map_id"].as_u64().unwrap())
                    .collect::<Vec<_>>(),
            )
        };
        let (a, b) = (first.id(), second.id());
        let ids = |ids: &[u32]| Some(ids.iter().copied().map(u64::from).collect());
        assert_eq!(only(&format!("--bpf-map-id={a}")), ids(&[a]));
        assert_eq!(
            only(&format!("--bpf-map-id {b} --bpf-map-id={b}")),
            ids(&[b])
        );
        assert_eq!(
            only(&format!("--bpf-map-id={a} --bpf-map-id={b}")),
            ids(&[a, b])
        );
        assert_eq!(only("-i"), None);

        let table = portctl(&format!(
            "ls -tan -H --bpf-map-id={b} sport = {}",
            port(&plain)
        ));
        let row: Vec<_> = table.lines();
        assert_eq!(row.len(), 2, "{table}");
        assert_eq!(row[1], format!("    bpf: map {b}  3 B  00ff0a"));
        let record = portctl("ls -tan --record --bpf-maps").quiet();
        let line = format!("BPF_STORAGE \"{a}:first.map:3132333435363738 {b}::616263\"");
        assert!(record.text().contains(&line), "{record}");
        // Filters ask for one of several.
        let count = |filter: &str| {
            portctl(&format!("ls -ta --count {filter}"))
                .quiet()
                .text()
                .trim()
                .to_owned()
        };
        assert_eq!(count(&format!("bpf_maps = {b}")), "2");
        assert_eq!(count("bpf_storage = *:first.map:*"), "1");
        // The server and its listener, and the TCP socket that listens for the one of MPTCP.
        assert_eq!(count("bpf_maps is none"), "3");
        let group = portctl("top -ta -H --by bpf_maps").quiet();
        assert!(group.text().contains(&format!("\"{a} {b}\"")), "{group}");
    });
}

#[test]
#[ignore = "needs root with every user id, and BPF"]
fn values_longer_than_a_length_can_tell_are_whole() {
    namespace::run_as_root(
        "live_bpf::values_longer_than_a_length_can_tell_are_whole",
        || {
            let (long, longer) = (
                StorageMap::new("long", 50_000),
                StorageMap::new("longer", 60_000),
            );
            let small = StorageMap::new("small", 4);
            let sockets: Vec<_> = (0..3).map(|_| listener("127.0.0.1", 5)).collect();
            for (n, socket) in sockets.iter().enumerate() {
                long.set(socket, &[n as u8 + 1; 50_000]);
                longer.set(socket, &[n as u8 + 11; 60_000]);
                small.set(socket, &[n as u8; 4]);
            }
            let file = tempfile::NamedTempFile::new().unwrap();
            let dump = Run::new("ls -ta --bpf-maps -D").arg(file.path()).go();
            dump.quiet();
            let saved = |options: &str| {
                let run = Run::new(&format!("ls -ta --json {options} --from"));
                run.arg(file.path()).go().document_whatever_status()
            };
            for (document, is_live) in [
                (list("ls -ta --bpf-maps"), true),
                (saved("--bpf-maps"), false),
            ] {
                assert!(document.complete, "{:?}", document.notices);
                for (n, socket) in sockets.iter().enumerate() {
                    let mut expected = json!([
                        value(&long, "long", &[n as u8 + 1; 50_000]),
                        value(&longer, "longer", &[n as u8 + 11; 60_000]),
                        value(&small, "small", &[n as u8; 4]),
                    ]);
                    if !is_live {
                        // The maps of another host have names that nobody here knows.
                        for map in expected.as_array_mut().unwrap() {
                            map["map_name"] = Value::Null;
                        }
                    }
                    assert_eq!(storage(&document, socket), Some(expected));
                }
            }
            // Whoever does not ask for values reads the sockets of such a dump all the same.
            let plain = saved("");
            assert_eq!(plain.sockets.len(), 3);
            assert!(plain.complete && plain.sockets.iter().all(|row| row.mark == Some(0)));
            let one = saved(&format!("--bpf-map-id={}", small.id()));
            let maps = storage(&one, &sockets[0]).unwrap();
            assert_eq!(maps.as_array().map(Vec::len), Some(1));
        },
    );
}

/// In a dump a socket without values looks as if nobody had asked for them, unless another has some.
#[test]
#[ignore = "needs root with every user id, and BPF"]
fn a_dump_with_one_value_tells_that_the_others_have_none() {
    let test = "live_bpf::a_dump_with_one_value_tells_that_the_others_have_none";
    namespace::run_as_root(test, || {
        let map = StorageMap::new("map", 4);
        let sockets: Vec<_> = (0..3).map(|_| listener("127.0.0.1", 5)).collect();
        map.set(&sockets[1], b"told");
        let file = tempfile::NamedTempFile::new().unwrap();
        let save = |options: &str| {
            let run = Run::new(&format!("ls -ta {options} -D")).arg(file.path());
            run.go().quiet();
        };
        let from = |arguments: &str| {
            let run = Run::new(&format!("{arguments} --from")).arg(file.path());
            run.go()
        };
        save("--bpf-maps");
        for options in ["--bpf-maps", "--columns local,bpf_maps", "--sort bpf_maps"] {
            from(&format!("ls -ta --strict {options}")).quiet();
        }
        let document = from("ls -ta --json --bpf-maps").document();
        for (n, socket) in sockets.iter().enumerate() {
            let values = storage(&document, socket).unwrap();
            assert_eq!(values.as_array().map(Vec::len), Some(usize::from(n == 1)));
        }
        let redirected = format!("exec \"$@\" < {}", file.path().display());
        let piped = Run::new("ls -ta --count --from - bpf_maps is none");
        let piped = piped
            .through(["/bin/sh", "-c", &redirected, "sh"])
            .go()
            .quiet();
        assert_eq!(piped.text(), "2\n");

        save("");
        for (option, words) in [
            (
                "--bpf-maps",
                "of 3 sockets no BPF storage (--bpf-maps) was told",
            ),
            (
                "--bpf-map-id=1",
                "of 3 sockets no BPF storage (--bpf-map-id) was told",
            ),
        ] {
            let answer = from(&format!("ls -ta --strict {option}")).exits(4);
            assert!(answer.stderr.contains(words), "{answer}");
            assert_eq!(answer.stderr.lines().count(), 1, "{answer}");
        }
    });
}

#[test]
#[ignore = "needs root with every user id, and BPF"]
fn sockets_of_which_the_kernel_tells_none_are_said_to_be_such() {
    let test = "live_bpf::sockets_of_which_the_kernel_tells_none_are_said_to_be_such";
    namespace::run_as_root(test, || {
        let map = StorageMap::new("map", 4);
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        map.set(&udp, b"told");
        let tcp = listener("127.0.0.1", 5);
        map.set(&tcp, b"told");
        let document = list("ls -tua --bpf-maps");
        assert_eq!(storage(&document, &udp), None);
        assert_eq!(document.notice_kinds(), ["storage-untold"]);
        assert!(!document.complete);
        let answer = portctl("ls -tua --bpf-maps --strict").exits(4);
        assert!(answer.stderr.contains("not of udp"), "{answer}");
        let record = portctl("ls -ua --columns bpf_maps -H");
        assert_eq!(record.text(), "?\n", "it may have some: {record}");
        // Who names no table is not bothered.
        portctl("ls -a --bpf-maps --strict -H").quiet();

        // Groups are of those that may have some; of which of them nobody tells is said once.
        let _unix = std::os::unix::net::UnixDatagram::unbound().unwrap();
        for field in ["bpf_maps", "bpf_storage"] {
            let top = portctl(&format!("top -a --json --strict --by {field}")).exits(4);
            let document = top.value();
            assert_eq!(document["total"]["sockets"], 2, "{document:#}");
            let why = "the kernel tells it of TCP, MPTCP and DCCP, not of udp";
            assert_eq!(top.stderr.matches(why).count(), 1, "{top}");
            portctl(&format!("top -ta --strict --by {field}")).quiet();
        }
    });
}

fn says(answer: &Answer, words: &str) {
    assert!(answer.stderr.contains(words), "{words}: {answer}");
    assert!(answer.text().is_empty(), "{answer}");
}

#[test]
#[ignore = "needs root with every user id, and BPF"]
fn maps_that_cannot_be_asked_for_are_errors() {
    namespace::run_as_root("live_bpf::maps_that_cannot_be_asked_for_are_errors", || {
        let (_array, id) = bpf::array();
        let of_array = portctl(&format!("ls --bpf-map-id={id}")).exits(2);
        says(
            &of_array,
            &format!("--bpf-map-id: {id}: this map's values do not belong to sockets"),
        );
        let missing = portctl("ls --bpf-map-id=4294967295").exits(2);
        says(
            &missing,
            "--bpf-map-id: 4294967295: there is no such BPF map",
        );
        assert!(of_array.stderr.contains("sk_storage"), "{of_array}");
        assert!(!missing.stderr.contains("sk_storage"), "{missing}");
        // A saved dump may be of another host, with other maps.
        let file = tempfile::NamedTempFile::new().unwrap();
        portctl("ls -ta -D -").quiet();
        Run::new("ls -ta -D").arg(file.path()).go().quiet();
        let run = Run::new("ls -ta --bpf-map-id=4294967295 -H --from").arg(file.path());
        run.go().quiet();
    });
}

#[test]
#[ignore = "needs root with every user id, and BPF"]
fn those_who_may_not_know_the_maps_are_told_the_values() {
    let test = "live_bpf::those_who_may_not_know_the_maps_are_told_the_values";
    namespace::run_as_root(test, || {
        let (first, second) = (StorageMap::new("first", 1), StorageMap::new("second", 1));
        let socket = listener("127.0.0.1", 5);
        first.set(&socket, b"1");
        second.set(&socket, b"2");
        let with_bpf =
            "setpriv --reuid 65534 --clear-groups --inh-caps=-all,+bpf --ambient-caps=-all,+bpf";
        let run = Run::new(&format!("ls -ta --json --bpf-map-id={}", second.id()));
        let document = run.through(with_bpf.split(' ')).go().document();
        let mut expected = value(&second, "", b"2");
        expected["map_name"] = Value::Null;
        assert_eq!(storage(&document, &socket), Some(json!([expected])));
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn root_of_a_user_namespace_is_told_why_there_are_none() {
    let test = "live_bpf::root_of_a_user_namespace_is_told_why_there_are_none";
    namespace::run(test, || {
        let socket = listener("127.0.0.1", 5);
        let _udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        for option in ["--bpf-maps", "--bpf-map-id=1", "--columns +bpf_maps"] {
            let document = list(&format!("ls -tua {option}"));
            assert_eq!(document.sockets.len(), 2);
            assert_eq!(storage(&document, &socket), None);
            assert_eq!(document.notice_kinds(), ["storage-untold"], "once");
            assert!(!document.complete);
            let answer = portctl(&format!("ls -tua -H --strict {option}")).exits(4);
            assert_eq!(answer.lines().len(), 2, "{answer}");
            assert_eq!(answer.stderr.lines().count(), 1, "{answer}");
            assert!(answer.stderr.contains("CAP_BPF"), "{answer}");
        }
        // From /proc there are none either, for another reason.
        let document = list("ls -ta --bpf-maps --source proc");
        assert!(document.notice_kinds().contains(&"details-unavailable"));
        assert!(document.sockets.iter().all(|row| row.bpf_storage.is_none()));
        // Where nobody asks there is nothing to say.
        portctl("ls -tua -H").quiet();
    });
}
