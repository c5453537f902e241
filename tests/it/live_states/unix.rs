//! Unix sockets of every type, with names of every kind.

use crate::namespace;
use crate::portctl::{End, list, portctl};
use crate::scene::unix::{abstract_name, bound, connect, listener, pair, path, socket};
use crate::scene::{describe, inode, tcp::accept};
use rustix::net::SocketType;

#[test]
#[ignore = "needs user and network namespaces"]
fn types_and_states() {
    namespace::run("live_states::unix::types_and_states", || {
        let directory = tempfile::tempdir().unwrap();
        let bytes = |name: &str| {
            directory
                .path()
                .join(name)
                .into_os_string()
                .into_encoded_bytes()
        };
        let at = |name: &str| path(&bytes(name));
        let stream = listener(SocketType::STREAM, &at("stream"), 10);
        let seqpacket = listener(SocketType::SEQPACKET, &at("seqpacket"), 11);
        let dgram = bound(SocketType::DGRAM, &at("dgram"));
        let stream_client = connect(SocketType::STREAM, &at("stream"));
        let stream_server = accept(&stream);
        let seqpacket_client = connect(SocketType::SEQPACKET, &at("seqpacket"));
        let seqpacket_server = accept(&seqpacket);
        let dgram_client = connect(SocketType::DGRAM, &at("dgram"));
        let dgram_pair = pair(SocketType::DGRAM);
        let stream_pair = pair(SocketType::STREAM);
        let unbound = socket(SocketType::DGRAM);
        rustix::io::write(&stream_pair.0, &[1; 300]).unwrap();
        rustix::io::write(&stream_pair.0, &[1; 45]).unwrap();

        let document = list("ls -xap");
        document.must_have(&describe(&stream).path(&bytes("stream")).accept_queue(0, 10));
        let row = describe(&seqpacket).path(&bytes("seqpacket"));
        document.must_have(&row.accept_queue(0, 11));
        // The kernel calls a datagram socket established once another one is connected to it.
        document.must_have(&describe(&dgram).path(&bytes("dgram")).state("established"));
        document.must_have(&describe(&dgram_client).connected_to(&dgram));
        document.must_have(&describe(&unbound).state("unconnected"));
        // What accept(2) returns has the listener's name.
        let accepted = [
            (&stream_client, &stream_server, "stream"),
            (&seqpacket_client, &seqpacket_server, "seqpacket"),
        ];
        for (client, server, name) in accepted {
            document.must_have(&describe(client).connected_to(server));
            document.must_have(&describe(server).connected_to(client).path(&bytes(name)));
        }
        document.must_have(&describe(&dgram_pair.0).connected_to(&dgram_pair.1));
        document.must_have(&describe(&dgram_pair.1).connected_to(&dgram_pair.0));
        let reader = describe(&stream_pair.1).connected_to(&stream_pair.0);
        document.must_have(&reader.recv(345));
        let writer = document.by_inode(inode(&stream_pair.0)).clone();
        // Memory of what is under way, which is more than its bytes.
        let waiting = writer.send_queue.unwrap();
        assert!(waiting >= 345, "{waiting}");
        let writer = describe(&stream_pair.0).connected_to(&stream_pair.1);
        document.must_have(&writer.send(waiting));
        assert_eq!(document.sockets.len(), 13);
        assert!(document.complete && document.notices.is_empty());
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn connections_nobody_accepted() {
    namespace::run("live_states::unix::connections_nobody_accepted", || {
        let name = abstract_name(b"portctl-queue");
        let server = listener(SocketType::STREAM, &name, 3);
        let clients = [
            connect(SocketType::STREAM, &name),
            connect(SocketType::STREAM, &name),
        ];
        let document = list("ls -xap");
        let row = describe(&server).abstract_name(b"portctl-queue");
        document.must_have(&row.accept_queue(2, 3));
        for client in &clients {
            document.must_have(&describe(client).waiting_at(b"portctl-queue"));
            let mark = format!("#{} ", inode(client));
            let answer = portctl("ls -xp").exits(0);
            let row = answer.lines().into_iter().find(|l| l.contains(&mark));
            assert!(row.unwrap().ends_with("(in accept queue)"), "{answer}");
        }
    });
}

#[test]
#[ignore = "needs user and network namespaces"]
fn names() {
    namespace::run("live_states::unix::names", || {
        let directory = tempfile::tempdir().unwrap();
        let in_directory = |name: &[u8]| {
            let mut bytes = directory.path().as_os_str().as_encoded_bytes().to_vec();
            bytes.push(b'/');
            bytes.extend(name);
            bytes
        };
        let mut longest = in_directory(b"");
        longest.resize(108, b'x');
        let paths = [
            in_directory(b"plain"),
            in_directory(b"two words"),
            in_directory(b"line\nbreak"),
            in_directory(b"\x1b[31mred\"quoted\\"),
            in_directory(b"not \xff\xfe utf-8\n"),
            in_directory("caf\u{e9} \u{202e}txt".as_bytes()),
            longest,
            b"relative".to_vec(),
        ];
        std::env::set_current_dir(directory.path()).unwrap();
        let names: [&[u8]; 6] = [
            b"portctl",
            b"",
            b"nul\0inside\0",
            b"line\nbreak 00000000: 00000002 00000000 00010000 0001 01 777 /run/docker.sock",
            b"\xff",
            &[b'y'; 107],
        ];
        let by_path = paths.map(|p| (bound(SocketType::DGRAM, &path(&p)), p));
        let by_name = names.map(|n| (listener(SocketType::STREAM, &abstract_name(n), 1), n));

        let document = list("ls -xap");
        for (fd, bytes) in &by_path {
            document.must_have(&describe(fd).path(bytes));
        }
        for (fd, bytes) in &by_name {
            document.must_have(&describe(fd).abstract_name(bytes).accept_queue(0, 1));
        }
        assert_eq!(document.sockets.len(), 14);
    });
}

/// What the other end is called, and whose it is, in each format; and what the filter makes of it.
#[test]
#[ignore = "needs user and network namespaces"]
fn both_ends() {
    namespace::run("live_states::unix::both_ends", || {
        let name = abstract_name(b"both");
        let server = listener(SocketType::STREAM, &name, 3);
        let client = connect(SocketType::STREAM, &name);
        let accepted = accept(&server);
        let (here, there) = (inode(&client), inode(&accepted));
        let pid = std::process::id();

        let answer = portctl("ls -xp").quiet();
        let text = answer.text();
        let cells = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let row_with = |local: String, peer: String| {
            let mut rows = text.lines().map(cells);
            let row = rows.find(|row| row[4..6] == [local.clone(), peer.clone()]);
            row.unwrap_or_else(|| panic!("{local} and {peer} in\n{text}"))
        };
        let row = row_with(format!("#{here}"), format!("@both#{there}"));
        let holder = format!("[{pid}]");
        let holders = row.iter().filter(|cell| cell.ends_with(&holder)).count();
        assert_eq!(holders, 2, "of this end and of the other: {row:?}");
        // Whoever reads '#N' as a peer finds the socket by it.
        row_with(format!("@both#{there}"), format!("#{here}"));
        let fields = "peer,peer_path,peer_inode,peer_process";
        let csv = portctl(&format!("ls -x --csv --no-header --columns inode,{fields}")).quiet();
        // A cell that begins with an at sign could be taken for a formula.
        let row = format!(r"{here},\x40both,\x40both,{there},");
        assert!(csv.text().contains(&row), "{csv}");

        for (filter, found) in [
            ("dst @both", vec![here]),
            ("dst @bot*", vec![here]),
            ("dst @other", vec![]),
            ("not dst @both", vec![there]),
            ("src @both", vec![there]),
        ] {
            let document = list(&format!("ls -x {filter}"));
            let rows: Vec<_> = document.sockets.iter().filter_map(|s| s.inode).collect();
            assert_eq!(rows, found, "{filter}");
            assert!(
                document.notices.is_empty(),
                "{filter}: {:?}",
                document.notices
            );
        }
        // Nobody has accepted this one, so nobody holds its other end.
        let waiting = connect(SocketType::STREAM, &name);
        let owners = |arguments: &str| {
            let document = list(arguments);
            let End::Unix(peer) = document.by_inode(inode(&waiting)).peer.clone().unwrap() else {
                panic!("a unix socket")
            };
            let owners = peer.owners.unwrap();
            (owners.status, owners.reason)
        };
        let queued = ("none".to_owned(), Some("accept-queue".to_owned()));
        assert_eq!(owners("ls -xp"), queued);
        assert_eq!(owners("ls -x").0, "not-asked");
        drop(waiting);
        // Through /proc nobody can know.
        let document = list("ls -x --source proc dst @both");
        assert_eq!(document.notice("filter-unknown").count, Some(2));
    });
}
