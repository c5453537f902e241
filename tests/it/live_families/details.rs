//! What only one family tells of its sockets: against what the test set, and against `ss`.

use super::rows::{packet, socket};
use crate::namespace;
use crate::portctl::{End, Socket, list, portctl};
use crate::scene::tcp::{Pair, any_port};
use crate::scene::unix::connect;
use crate::scene::{address, inode, udp, unix};
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::sys::socket::setsockopt;
use rustix::net::{AddressFamily, SocketType};
use serde_json::{Value, json};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::process::Command;

/// Options of packet sockets, packet(7), which no crate in use offers.
mod raw {
    use nix::libc;
    use nix::sys::socket::sockopt::SetStruct;

    macro_rules! option {
        ($name:ident, $level:expr, $number:path, $kind:ty) => {
            #[derive(Clone, Copy, Debug)]
            pub(super) struct $name;
            nix::setsockopt_impl!($name, $level, $number, $kind, SetStruct<'_, $kind>);
        };
    }

    option!(
        AddMembership,
        libc::SOL_PACKET,
        libc::PACKET_ADD_MEMBERSHIP,
        libc::packet_mreq
    );
    option!(RxRing, libc::SOL_PACKET, libc::PACKET_RX_RING, [u32; 7]);
    option!(TxRing, libc::SOL_PACKET, libc::PACKET_TX_RING, [u32; 4]);
    option!(Version, libc::SOL_PACKET, libc::PACKET_VERSION, u32);
    option!(Auxdata, libc::SOL_PACKET, libc::PACKET_AUXDATA, u32);
    option!(Fanout, libc::SOL_PACKET, libc::PACKET_FANOUT, u32);
    option!(
        Attach,
        libc::SOL_SOCKET,
        libc::SO_ATTACH_FILTER,
        libc::sock_fprog
    );
}

/// The row of a socket of this process.
fn row(arguments: &str, fd: &impl AsFd, protocol: &str) -> Socket {
    let document = list(arguments);
    let mut rows = document.sockets.into_iter();
    rows.find(|s| s.inode == Some(inode(fd)) && s.protocol == protocol)
        .unwrap_or_else(|| panic!("{protocol} in {arguments}"))
}

/// The line of `ss` about the socket with this inode, which stands behind `before`.
fn line_of_ss(arguments: &str, before: &str, inode: u64) -> String {
    let output = Command::new("ss")
        .args(["-H", "-O", "-n"])
        .args(arguments.split_whitespace())
        .env_remove("COLUMNS")
        .output()
        .expect("ss of iproute2 is needed");
    let text = String::from_utf8(output.stdout).unwrap();
    let wanted = format!("{before}{inode}");
    let mut lines = text.lines().filter(|line| {
        line.match_indices(&wanted)
            .any(|(at, _)| !line[at + wanted.len()..].starts_with(|c: char| c.is_ascii_digit()))
    });
    lines
        .next()
        .unwrap_or_else(|| panic!("{wanted} in {text}"))
        .to_owned()
}

/// The number behind `name:` in a line of `ss`.
fn said(line: &str, name: &str, radix: u32) -> Option<u64> {
    let rest = line.split_once(&format!(" {name}:"))?.1;
    let end = rest.find([' ', ',', ')']).unwrap_or(rest.len());
    u64::from_str_radix(&rest[..end], radix).ok()
}

#[test]
#[ignore = "needs user and network namespaces, and ss of iproute2"]
fn mptcp_counters_are_those_of_ss() {
    const MPTCP: u32 = 262;
    namespace::run(
        "live_families::details::mptcp_counters_are_those_of_ss",
        || {
            let listener = socket(AddressFamily::INET, SocketType::STREAM, MPTCP);
            rustix::net::bind(&listener, &any_port("127.0.0.1")).unwrap();
            rustix::net::listen(&listener, 5).unwrap();
            let client = socket(AddressFamily::INET, SocketType::STREAM, MPTCP);
            rustix::net::connect(&client, &address(&listener)).unwrap();
            let server = rustix::net::accept(&listener).unwrap();
            rustix::io::write(&client, &[7; 1000]).unwrap();
            rustix::io::read(&server, &mut [0; 2000][..]).unwrap();
            rustix::io::write(&server, &[7; 10]).unwrap();
            rustix::io::read(&client, &mut [0; 2000][..]).unwrap();

            let own = row("ls -M -a -i", &client, "mptcp").mptcp.unwrap();
            let ss = line_of_ss("-M -a -i -e", "ino:", inode(&client));
            assert_eq!(own["token"].as_u64(), said(&ss, "token", 16), "{ss}");
            assert_eq!(own["flags"], json!(["remote_key_received"]), "{ss}");
            assert!(ss.contains(" remote_key"), "{ss}");
            // Sequence numbers are hexadecimal in ss before 6.5, and decimal since.
            for name in ["write_seq", "snd_una", "rcv_nxt"] {
                let ours = own[name].as_str().unwrap().strip_prefix("0x").unwrap();
                let ours = u64::from_str_radix(ours, 16).unwrap();
                let theirs = [16, 10].map(|radix| said(&ss, name, radix));
                assert!(theirs.contains(&Some(ours)), "{name} {ours}: {ss}");
            }
            // ss leaves out what is 0.
            for name in [
                "subflows",
                "add_addr_signal",
                "add_addr_accepted",
                "subflows_max",
                "add_addr_signal_max",
                "add_addr_accepted_max",
                "local_addr_used",
                "local_addr_max",
            ] {
                let theirs = said(&ss, name, 10).unwrap_or(0);
                assert_eq!(own[name].as_u64(), Some(theirs), "{name}: {ss}");
            }
            assert_eq!(own["csum_enabled"], json!(false));
            assert_eq!(own["bytes_sent"], 1000);
            assert_eq!(own["bytes_received"], 10);
            assert_eq!(own["subflows_total"], 1);
            // The subflow has the same token.
            let subflow = list("ls -t -a -i")
                .sockets
                .into_iter()
                .find(|s| s.inode == Some(inode(&client)) && s.protocol == "tcp");
            let subflow = subflow.unwrap().tcp.unwrap()["subflow"].clone();
            assert_eq!(subflow["token_loc"], own["token"]);

            let table = portctl("ls -M -a -i state established").text().to_owned();
            assert!(
                table.contains("\n    mptcp: ")
                    && table.contains("  socket_flags remote_key_received"),
                "{table}"
            );
            let record = portctl("ls -M -a -i --record state established")
                .text()
                .to_owned();
            assert!(record.contains("MPTCP_BYTES_SENT"), "{record}");
            assert!(!record.contains("SCTP_"), "of this family only: {record}");
            // Nothing of it unless it was asked for.
            assert_eq!(row("ls -M -a", &client, "mptcp").mptcp, None);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, and ss of iproute2"]
fn unix_sockets_tell_their_file_and_who_waits() {
    namespace::run(
        "live_families::details::unix_sockets_tell_their_file_and_who_waits",
        || {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("listener");
            let name = rustix::net::SocketAddrUnix::new(&path).unwrap();
            let listener = unix::listener(SocketType::STREAM, &name, 3);
            let clients = [
                connect(SocketType::STREAM, &name),
                connect(SocketType::STREAM, &name),
            ];
            let nameless = unix::pair(SocketType::STREAM);
            let file = std::fs::metadata(&path).unwrap();
            let device = format!(
                "{}:{}",
                rustix::fs::major(file.dev()),
                rustix::fs::minor(file.dev())
            );

            let own = row("ls -x -a -e", &listener, "unix").unix.unwrap();
            assert_eq!(own["vfs_inode"], file.ino() as u32);
            assert_eq!(own["vfs_device"], device.as_str());
            let mut waiting: Vec<u64> = serde_json::from_value(own["waiting"].clone()).unwrap();
            waiting.sort_unstable();
            let mut made: Vec<u64> = clients.iter().map(inode).collect();
            made.sort_unstable();
            assert_eq!(waiting, made);

            let ss = line_of_ss(
                "-x -l -e",
                &format!("{} ", path.display()),
                inode(&listener),
            );
            assert_eq!(said(&ss, "ino", 10), own["vfs_inode"].as_u64(), "{ss}");
            // The kernel's number has its minor in the low 20 bits; ss takes it apart as the C library would its own.
            let (major, minor) = device.split_once(':').unwrap();
            let number = major.parse::<u64>().unwrap() << 20 | minor.parse::<u64>().unwrap();
            let theirs = (rustix::fs::major(number), rustix::fs::minor(number));
            assert!(
                ss.contains(&format!(" dev:{}/{}", theirs.0, theirs.1)),
                "{ss}"
            );
            let peers = ss.split_once("peers:").unwrap().1;
            let mut peers: Vec<u64> = peers
                .split_whitespace()
                .map_while(|word| word.parse().ok())
                .collect();
            peers.sort_unstable();
            assert_eq!(peers, waiting, "{ss}");

            let table = portctl(&format!("ls -x -l -e path = {}", path.display()))
                .text()
                .to_owned();
            let line = format!(
                "\n    unix: vfs_inode {}  vfs_device {device}  waiting ",
                file.ino() as u32
            );
            assert!(table.contains(&line), "{table}");
            let own = row("ls -x -a -e", &nameless.0, "unix").unix.unwrap();
            assert_eq!(
                own,
                json!({"vfs_inode": null, "vfs_device": null, "waiting": []})
            );
            assert_eq!(row("ls -x -a", &listener, "unix").unix, None);
            let through_proc = row("ls -x -a -e --source proc", &listener, "unix");
            assert_eq!(through_proc.unix, None);
            let record = portctl(&format!(
                "ls -x -l -e --source proc --record path = {}",
                path.display()
            ))
            .text()
            .to_owned();
            let unknown = |name: &str| {
                record
                    .lines()
                    .any(|l| l.split_whitespace().collect::<Vec<_>>() == [name, "?"])
            };
            assert!(
                unknown("UNIX_VFS_INODE") && unknown("UNIX_VFS_DEVICE") && unknown("UNIX_WAITING"),
                "{record}"
            );
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, and ss of iproute2"]
fn packet_sockets_tell_rings_groups_memberships_and_filters() {
    namespace::run(
        "live_families::details::packet_sockets_tell_rings_groups_memberships_and_filters",
        || {
            let full = packet(SocketType::RAW, 3);
            let plain = packet(SocketType::RAW, 3);
            setsockopt(&full, raw::Version, &1).unwrap();
            setsockopt(&full, raw::Auxdata, &1).unwrap();
            let ring = [8192, 4, 4096, 8];
            let [a, b, c, d] = ring;
            // Only version 3, which is number 2, reads more than four words.
            setsockopt(&full, raw::RxRing, &[a, b, c, d, 0, 0, 0]).unwrap();
            setsockopt(&full, raw::TxRing, &ring).unwrap();
            let lo = nix::libc::packet_mreq {
                mr_ifindex: 1,
                mr_type: nix::libc::PACKET_MR_PROMISC as u16,
                mr_alen: 0,
                mr_address: [0; 8],
            };
            setsockopt(&full, raw::AddMembership, &lo).unwrap();
            // Group 77, load balancing.
            setsockopt(&plain, raw::Fanout, &(77 | 1 << 16)).unwrap();
            // `tcpdump -dd arp`
            let mut arp = [
                (0x28, 0, 0, 12),
                (0x15, 0, 1, 0x806),
                (0x06, 0, 0, 0x4_0000),
                (0x06, 0, 0, 0),
            ]
            .map(|(code, jt, jf, k)| nix::libc::sock_filter { code, jt, jf, k });
            let program = nix::libc::sock_fprog {
                len: 4,
                filter: arp.as_mut_ptr(),
            };
            setsockopt(&full, raw::Attach, &program).unwrap();

            let own = row("ls -0 -e -b", &full, "packet").packet.unwrap();
            assert_eq!(own["version"], "v2");
            assert_eq!(own["flags"], json!(["running", "auxdata"]));
            assert_eq!(own["fanout"], Value::Null);
            for name in ["rx_ring", "tx_ring"] {
                let ring = &own[name];
                assert_eq!(
                    (&ring["block_size"], &ring["block_nr"]),
                    (&json!(8192), &json!(4))
                );
                assert_eq!(
                    (&ring["frame_size"], &ring["frame_nr"]),
                    (&json!(4096), &json!(8))
                );
            }
            assert_eq!(
                own["memberships"],
                json!([{"interface": "lo", "count": 1, "type": "promisc", "address": ""}])
            );
            let text: Vec<_> = own["filter"]
                .as_array()
                .unwrap()
                .iter()
                .map(|op| &op["text"])
                .collect();
            assert_eq!(
                text,
                ["ldh [12]", "jeq #0x806, l2, l3", "ret #0x40000", "ret #0x0"]
            );
            let ss = line_of_ss("-0 -e -b", "ino:", inode(&full));
            let numbers: Vec<String> = own["filter"]
                .as_array()
                .unwrap()
                .iter()
                .map(|op| {
                    let code = op["code"].as_u64().unwrap();
                    format!("0x{code:02x} {} {} {}", op["jt"], op["jf"], op["k"])
                })
                .collect();
            let theirs = ss.split_once("bpf filter (4):").unwrap().1;
            let theirs: Vec<_> = theirs
                .split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .collect();
            assert_eq!(theirs, numbers, "{ss}");
            assert!(
                ss.contains("ring_rx(blk_size:8192,blk_nr:4,frm_size:4096,frm_nr:8"),
                "{ss}"
            );

            let other = row("ls -0 -e -b", &plain, "packet").packet.unwrap();
            assert_eq!(other["fanout"], json!({"id": 77, "type": "lb"}));
            assert_eq!(
                (&other["rx_ring"], &other["filter"]),
                (&Value::Null, &json!([]))
            );
            let theirs = line_of_ss("-0 -e", "ino:", inode(&plain));
            assert!(theirs.contains("fanout(id:77,type:lb)"), "{theirs}");

            let table = portctl("ls -0 -b").text().to_owned();
            let program = "\n    filter: 4 instructions\n      l0: ldh [12]\n      l1: jeq #0x806, l2, l3\n      \
                           l2: ret #0x40000\n      l3: ret #0x0\n";
            assert!(table.contains(program), "{table}");
            assert!(table.contains("\n    filter: none\n"), "{table}");
            let unasked = row("ls -0", &full, "packet").packet;
            assert_eq!(unasked, None);
            let memory = row("ls -0 -m", &full, "packet").memory.unwrap();
            assert!(
                memory["rcvbuf"].as_u64() > Some(0) && memory["drops"] == 0,
                "{memory}"
            );
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, and root for another user"]
fn filters_are_hidden_from_those_without_rights_and_not_called_none() {
    namespace::run_as_root(
        "live_families::details::filters_are_hidden_from_those_without_rights_and_not_called_none",
        || {
            let _plain = packet(SocketType::RAW, 3);
            let program = env!("CARGO_BIN_EXE_portctl");
            let output = Command::new("setpriv")
                .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
                .args([program, "ls", "-0", "-b", "--json"])
                .output()
                .expect("setpriv of util-linux is needed");
            let said = String::from_utf8_lossy(&output.stderr);
            let document: Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|error| panic!("{error}: {said}"));
            assert_eq!(
                document["sockets"][0]["packet"]["filter"],
                Value::Null,
                "{document}"
            );
            // What is kept from the reader is missing in the answer, and only if it was asked for.
            let (_bound, pair) = (udp::bound("127.0.0.1"), Pair::on("127.0.0.1"));
            for (arguments, told, code) in [
                (
                    "ls -0 -b --strict",
                    "warning: of 1 socket the packet filter",
                    4,
                ),
                (
                    "ls -ua --columns local,mark --strict",
                    "warning: of 1 socket the mark",
                    4,
                ),
                // It is one of much that -e asks for.
                ("ls -uae --strict", "note: of 1 socket the mark", 0),
                (
                    "ls -te --strict --sort none",
                    "note: of 2 sockets the mark",
                    0,
                ),
                // What was typed is what is missing.
                (
                    "ls -ua --columns local,fwmark --sort mark --strict",
                    "warning: of 1 socket the mark (--columns fwmark, --sort mark)",
                    4,
                ),
                (
                    "ls -t --sort mark --strict",
                    "warning: of 2 sockets the mark (--sort mark)",
                    4,
                ),
                (
                    "ls -t mark = 1 --strict",
                    "left out because a value the filter asks for is unknown: mark (takes CAP_NET_ADMIN)",
                    4,
                ),
                (
                    "top -t --by mark --strict",
                    "warning: of 2 sockets the mark (--by mark)",
                    4,
                ),
                // Keys come along with counters, for which -i is given; who names them means them.
                ("ls -t -i --strict --json", "", 0),
                (
                    "ls -t --columns local,md5 --strict",
                    "warning: of 2 sockets whether there are TCP-MD5 keys (--columns md5)",
                    4,
                ),
                ("ls -0 --strict", "", 0),
                ("ls -ua --strict --json", "", 0),
            ] {
                let output = Command::new("setpriv")
                    .args([
                        "--reuid=65534",
                        "--regid=65534",
                        "--clear-groups",
                        "--",
                        program,
                    ])
                    .args(arguments.split(' '))
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
                assert!(said.contains(told), "{arguments}: {said}");
                assert_eq!(said.is_empty(), told.is_empty(), "{arguments}: {said}");
                portctl(arguments).quiet();
            }
            drop(pair);
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, and ss of iproute2"]
fn netlink_sockets_tell_groups_flags_and_memory() {
    namespace::run(
        "live_families::details::netlink_sockets_tell_groups_flags_and_memory",
        || {
            let mut route = netlink_sys::Socket::new(NETLINK_ROUTE).unwrap();
            route.bind_auto().unwrap();
            for group in [1, 9, 33] {
                route.add_membership(group).unwrap();
            }
            route.set_cap_ack(true).unwrap();
            let own = |arguments: &str| {
                let document = list(arguments);
                let mut rows = document.sockets.into_iter();
                rows.find(|s| s.inode == Some(inode(&route))).unwrap()
            };
            let extended = own("ls -f netlink -e").netlink.unwrap();
            assert_eq!(extended["groups"], json!([1, 9, 33]));
            assert_eq!(extended["flags"], json!(["cap_ack"]));
            assert_eq!(own("ls -f netlink").netlink, None);
            let memory = own("ls -f netlink -m").memory.unwrap();
            assert!(memory["sndbuf"].as_u64() > Some(0), "{memory}");
            // The text has the groups as a mask, and three of the nine words about memory.
            let told = own("ls -f netlink -em --source proc");
            let extended = told.netlink.unwrap();
            assert_eq!(extended["groups"], json!([1, 9]));
            assert_eq!(extended["groups_up_to"], 32);
            assert_eq!(extended["flags"], Value::Null);
            let memory = told.memory.unwrap();
            assert_eq!(memory["drops"], 0);
            assert_eq!(memory["rmem_alloc"], 0);
            assert_eq!(memory["sndbuf"], Value::Null);
            let count = |arguments: &str| {
                let answer = portctl(&format!("ls -f netlink --count {arguments}")).exits(0);
                (answer.text().trim().to_owned(), answer.stderr.clone())
            };
            assert_eq!(count("netlink_groups = 33").0, "1");
            assert_eq!(count("--source proc netlink_groups = 9").0, "1");
            let (none, unknown) = count("--source proc netlink_groups = 33");
            assert_eq!(none, "0");
            assert!(unknown.contains("is unknown"), "{unknown}");

            // ss shows the first 32 groups as a mask.
            let output = Command::new("ss")
                .args(["-H", "-O", "-n", "-f", "netlink", "-e", "-p"])
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains("groups=0x00000101"), "{text}");
            let _ = route.as_raw_fd();
        },
    );
}

/// The inodes in the rows of `ss`.
fn inodes_of_ss(arguments: &[&str]) -> Vec<u64> {
    let output = Command::new("ss")
        .args(["-H", "-O", "-n", "-e", "-a", "-p"])
        .args(arguments)
        .env_remove("COLUMNS")
        .output()
        .expect("ss of iproute2 is needed");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stderr.is_empty(),
        "{arguments:?}: {stderr}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut inodes: Vec<u64> = text
        .lines()
        .filter_map(|line| said(line, "ino", 10))
        .collect();
    inodes.sort_unstable();
    inodes
}

#[test]
#[ignore = "needs user and network namespaces, and ss of iproute2"]
fn addresses_of_packet_sockets_are_read_as_ss_reads_them() {
    namespace::run(
        "live_families::details::addresses_of_packet_sockets_are_read_as_ss_reads_them",
        || {
            let raw_arp = packet(SocketType::RAW, 0x0806);
            let everywhere = [
                packet(SocketType::RAW, 3),
                packet(SocketType::DGRAM, 0x0806),
                packet(SocketType::DGRAM, 0x88cc),
            ];
            let mut seen = std::collections::BTreeSet::new();
            for filter in [
                "src link:arp",
                "src link:ARP",
                "src link:2054",
                "src link:0x806:*",
                "src link:*",
                "src link::lo",
                "src link:lldp",
                "src link:arp or src link:lldp",
                "not src link:arp",
                "src arp",
                "src lldp:*",
                "dst link:*",
            ] {
                let words: Vec<&str> = ["-0"].into_iter().chain(filter.split(' ')).collect();
                let theirs = inodes_of_ss(&words);
                let document = list(&format!("ls -0 -a {filter}"));
                let mut ours: Vec<u64> = document.sockets.iter().filter_map(|s| s.inode).collect();
                ours.sort_unstable();
                assert_eq!(ours, theirs, "{filter}");
                seen.insert(ours.len());
            }
            assert!(seen.len() > 2, "these filters tell sockets apart: {seen:?}");
            drop((raw_arp, everywhere));
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces, and ss of iproute2"]
fn addresses_of_netlink_sockets_are_read_as_ss_reads_them() {
    namespace::run(
        "live_families::details::addresses_of_netlink_sockets_are_read_as_ss_reads_them",
        || {
            let mut route = netlink_sys::Socket::new(NETLINK_ROUTE).unwrap();
            let own = route.bind_auto().unwrap().port_number();
            for filter in [
                "src netlink:rtnl:*".to_owned(),
                "src netlink:0".to_owned(),
                format!("src netlink:rtnl:{own}"),
                format!("src netlink:*:{own}"),
                "src netlink:rtnl:kernel".to_owned(),
                "src netlink:uevent".to_owned(),
                "src rtnl:*".to_owned(),
                "src rtnl:kernel".to_owned(),
                "not src rtnl".to_owned(),
            ] {
                let output = Command::new("ss")
                    .args(["-H", "-O", "-n", "-a", "-f", "netlink"])
                    .args(filter.split(' '))
                    .env_remove("COLUMNS")
                    .output()
                    .expect("ss of iproute2 is needed");
                let text = String::from_utf8(output.stdout).unwrap();
                let mut theirs: Vec<String> = text
                    .lines()
                    .filter_map(|line| line.split_whitespace().nth(3).map(str::to_owned))
                    // The sockets with which both ask.
                    .filter(|end| !end.starts_with("4:") || end == "4:0")
                    .collect();
                theirs.sort();
                let document = list(&format!("ls -f netlink -a {filter}"));
                let mut ours: Vec<String> = document
                    .sockets
                    .iter()
                    .map(|socket| match &socket.local {
                        End::Netlink(end) => format!("{}:{}", end.protocol, end.port_id),
                        other => panic!("{other:?}"),
                    })
                    .collect();
                ours.sort();
                assert_eq!(ours, theirs, "{filter}");
                assert!(!ours.is_empty(), "{filter}");
            }
        },
    );
}

#[test]
#[ignore = "needs user and network namespaces"]
fn what_proc_does_not_tell_is_unknown_and_never_zero() {
    namespace::run(
        "live_families::details::what_proc_does_not_tell_is_unknown_and_never_zero",
        || {
            let pair = crate::scene::tcp::Pair::on("127.0.0.1");
            let arguments = "ls -t -i -m --tos --inet-sockopt --source proc";
            let document = list(arguments);
            assert_eq!(document.sockets.len(), 2);
            for socket in &document.sockets {
                assert_eq!([&socket.memory, &socket.ip], [&None; 2], "{socket:?}");
                for (member, value) in socket.tcp.as_ref().unwrap().as_object().unwrap() {
                    let told = [
                        "state",
                        "retransmits",
                        "probes",
                        "rto_us",
                        "ato_us",
                        "snd_cwnd",
                    ];
                    // A list, which is empty also where nobody may know.
                    let is_told = !value.is_null() && member != "md5_keys";
                    assert_eq!(is_told, told.contains(&&**member), "{member}");
                }
            }
            // Of these fields the text tells.
            let told = [
                "tcp_state",
                "tcp_retransmits",
                "probes",
                "rto",
                "ato",
                "cwnd",
                "ssthresh",
            ];
            let csv = portctl(&format!("{arguments} --csv")).text().to_owned();
            let mut lines = csv.lines();
            let heading: Vec<_> = lines.next().unwrap().split(',').collect();
            let first = heading.iter().position(|n| *n == "tcp_state").unwrap();
            for line in lines {
                let cells: Vec<_> = line.split(',').collect();
                assert_eq!(cells.len(), heading.len());
                for (name, cell) in heading.iter().zip(&cells).skip(first) {
                    assert_eq!(*cell != "?", told.contains(name), "{name}: {line}");
                }
            }
            let record = portctl(&format!("{arguments} --record")).text().to_owned();
            for line in record.lines().skip_while(|l| !l.starts_with("TCP_STATE")) {
                let words: Vec<_> = line.split_whitespace().collect();
                if let [name, value] = words[..] {
                    let elsewhere = ["PROTO", "STATE", "RECV-Q", "SEND-Q", "LOCAL", "PEER"];
                    let known =
                        elsewhere.contains(&name) || told.contains(&&*name.to_ascii_lowercase());
                    assert!(value == "?" || known, "{line}");
                }
            }
            // One line says why so little stands below the rows.
            let table = portctl(arguments);
            assert_eq!(table.text().lines().count(), 5, "{table}");
            let told = table.stderr.matches("/proc/net tells no more");
            assert_eq!(told.count(), 1, "{table}");
            drop(pair);
        },
    );
}

/// Where SELinux is off one line says so, and there is no column; where it is on, there is.
#[test]
fn contexts_are_shown_where_selinux_is_on_and_told_to_be_none_elsewhere() {
    let is_on = std::path::Path::new("/sys/fs/selinux/enforce").exists();
    // A column that was named is there; that there are no contexts is known.
    if !is_on {
        let answer = portctl("ls -l -t -u -H --columns context,socket_context").exits(0);
        let dashes = answer
            .lines()
            .iter()
            .all(|l| l.split_whitespace().all(|c| c == "-"));
        assert!(dashes, "{answer}");
    }
    for arguments in ["ls -t -Z", "ls -t -z"] {
        let answer = portctl(arguments);
        let told = answer.stderr.matches("SELinux is off").count();
        let heading = answer.text().lines().next().unwrap();
        assert_eq!(told, usize::from(!is_on), "{answer}");
        assert_eq!(heading.contains("CONTEXT"), is_on, "{answer}");
        let sockets = is_on && arguments.ends_with('z');
        assert_eq!(heading.contains("SOCKET-CONTEXT"), sockets, "{answer}");
    }
}
